"""The optimizers' base class: parameters in groups, and the state that is saved.

An optimizer is three short methods: :meth:`Optimizer.slots` names the state arrays,
:meth:`Optimizer.coefficients` computes the numbers of one step in double precision, and
:meth:`Optimizer.update` is the arithmetic on arrays. A subclass outside this package needs no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

import autograd_np as ag
from autograd_np import tracing

from .buffers import Counters, ParameterState, copied, number, plain
from .groups import Group, completed, listed
from .stepping import Stepping

__all__ = ["Counters", "Group", "Optimizer"]


class Optimizer(Stepping):
    """The base of the optimizers.

    Args:
        params: Tensors that need gradients, or ``(name, Tensor)`` pairs, or dicts ``{"params": …, "lr": …}``
            whose options override the defaults for their group.
        defaults: the options of the groups that do not set them.

    Attributes:
        param_groups: a dict per group. Options may be changed between steps.
        state: for each parameter that has been updated, its state by name, as views.
        defaults: the options given to the constructor.

    Raises:
        TypeError: ``params`` is no iterable of Tensors.
        ValueError: no parameters, one given twice, one without gradient, an option out of its range.

    A parameter whose ``.grad`` is None is passed over, and its state stays as it was. NaN and infinity in a
    gradient go into the parameter. A parameter keeps its memory: it is written in place.

    >>> import numpy as np
    >>> class MeanOfTwo(Optimizer):  # an optimizer of one's own: descend along the mean of this gradient and the last
    ...     def slots(self, group):
    ...         return ("last",)
    ...
    ...     def coefficients(self, group, counters):
    ...         return (counters[0] + 1,), (0.5 * group["lr"],), None
    ...
    ...     def update(self, group, p, g, state, c, w, phase):
    ...         np.add(g, state[0], out=w[0])
    ...         np.multiply(w[0], c[0], out=w[0])
    ...         np.subtract(p, w[0], out=p)
    ...         state[0][...] = g
    >>> x = ag.Tensor([4.0], requires_grad=True)
    >>> optimizer = MeanOfTwo([x], {"lr": 0.5})
    >>> for _ in range(3):
    ...     optimizer.zero_grad()
    ...     (x * x).sum().backward()
    ...     optimizer.step()
    >>> x.tolist()
    [-1.5]
    """

    def __init__(self, params: Iterable[Any], defaults: Group) -> None:
        self.defaults = {name: plain(value) for name, value in defaults.items()}
        self.param_groups = []
        self._start()
        self.check(self.defaults)
        for group in listed(type(self).__name__, params):
            self.add_param_group(group)

    def add_param_group(self, group: Any) -> None:
        """Add a dict with ``params`` and the options that differ from the defaults.

        Raises:
            TypeError: it is no dict, or holds something else than Tensors.
            ValueError: it is empty, a parameter needs no gradient or is in a group already, an option is
                unknown or out of its range.
        """
        complete = completed(type(self).__name__, group, self.defaults, self.param_groups)
        complete = {name: plain(value) for name, value in complete.items()}
        self.check(complete)
        k = len(self.param_groups)
        self._units[k:] = [[]]
        self._waiting[k:] = [list(complete["params"])]
        self.param_groups.append(complete)  # last, so that an interrupt leaves no group in part

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set every ``.grad`` to None, or fill it with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad = np.zeros(p.shape, p.dtype)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Args:
            closure: computes the loss and its gradients anew and returns the loss.

        Returns:
            What the closure returned, None without one.

        What can be looked at before (options, gradients, memory that cannot be written) is, so that such errors leave everything as
        it was. If the step is interrupted (Ctrl-C) while it writes, parameters and state are partly those before and partly those
        after: a note in the exception says so, and the next ``step()`` or ``state_dict()`` warns, unless a state was loaded.
        """
        loss = None
        if closure is not None:
            with ag.enable_grad():
                loss = closure()
        self._update_all()
        return loss

    @property
    def state(self) -> dict[ag.Tensor, ParameterState]:
        """For each parameter that has been updated: its counts and arrays by name, as views of the optimizer's own."""
        if tracing.is_tracing():
            raise ag.CompileError(
                f"compile: the function reads the state of {type(self).__name__}, which each step changes where a program does not see it; "
                "read it outside, or keep what you want to see in an array of your own"
            )
        return {
            p: ParameterState(unit, i, self.counts if unit.state or unit.counters_of(i) != self.first_counts else ())
            for units in self._units
            for unit in units
            for i, p in enumerate(unit.params)
            if not (unit.ahead and unit.state and unit.counters_of(i) == self.first_counts)
        }

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on, but the parameters: plain dicts, lists, numbers, strings and array copies.

        Parameters are numbered through all groups. See :meth:`load_state_dict`.
        """
        if self._writing:
            self._warn("saves", 3)
        index: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                index[id(p)] = len(index)
            groups.append(
                {
                    **{k: copied(v) for k, v in group.items() if k != "params"},
                    "params": [index[id(p)] for p in group["params"]],
                }
            )
        state = {
            index[id(p)]: {k: copied(v) for k, v in values.items()} for p, values in self.state.items() if len(values)
        }
        return {"state": dict(sorted(state.items())), "param_groups": groups}

    def load_state_dict(self, state_dict: Any) -> None:
        """Restore what :meth:`state_dict` gave; the next steps are those of the saved optimizer to the last bit.

        Raises:
            ValueError: it was saved by another kind of optimizer, or for other parameters. Nothing has changed then.
        """
        name = type(self).__name__
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= set(state_dict):
            raise ValueError(f"{name}: the state has no 'state' and 'param_groups'; give what state_dict() returned")
        saved_groups = list(state_dict["param_groups"])
        if len(saved_groups) != len(self.param_groups):
            raise ValueError(
                f"{name}: the saved state has {len(saved_groups)} groups of parameters, this optimizer {len(self.param_groups)}"
            )
        groups: list[Group] = []
        params: dict[int, ag.Tensor] = {}
        for i, (saved, group) in enumerate(zip(saved_groups, self.param_groups, strict=True)):
            indices = [int(k) for k in saved["params"]]
            if len(indices) != len(group["params"]):
                raise ValueError(
                    f"{name}: the saved group {i} has {len(indices)} parameters, this optimizer's {len(group['params'])}"
                )
            params.update(zip(indices, group["params"], strict=True))
            options = {k: copied(v) for k, v in saved.items() if k != "params"}
            for k, v in options.items():
                if isinstance(v, list) and isinstance(self.defaults.get(k), tuple):
                    options[k] = tuple(v)
            missing = sorted(set(self.defaults) - set(options))
            if missing:
                raise ValueError(
                    f"{name}: the saved group {i} has no option {missing[0]!r}; was it saved by another kind of optimizer?"
                )
            complete = {**options, "params": group["params"]}
            # A schedule that falls to 0 may have rounded to just below it, and what it has set must load.
            lr = complete.get("lr")
            self.check({**complete, "lr": 0.0} if isinstance(lr, float) and -1e-12 < lr < 0.0 else complete)
            groups.append(complete)
        state: dict[int, dict[str, Any]] = {}
        for key, values in state_dict["state"].items():
            index = int(key)
            if index not in params:
                raise ValueError(f"{name}: the saved state is of a parameter {index} that no group has")
            state[id(params[index])] = self._checked_state(index, params[index], values)
        self._adopt(groups, state)

    def _checked_state(self, index: int, p: ag.Tensor, values: Mapping[str, Any]) -> dict[str, Any]:
        name = type(self).__name__
        checked: dict[str, Any] = {}
        for key, value in values.items():
            if key in self.counts:
                checked[key] = int(number(value)) if key == "step" else float(number(value))
            elif key not in self.slot_names:
                raise ValueError(
                    f"{name}: the saved state of parameter {index} has {key!r}, which {name} has not; was it saved by another kind of optimizer?"
                )
            elif value is not None:
                value = np.asarray(value)
                if value.shape != p.shape:
                    raise ValueError(
                        f"{name}: the saved {key!r} of parameter {index} has shape {value.shape}, the parameter {p.shape}"
                    )
                checked[key] = value.astype(p.dtype)
        absent = [key for key in self.counts if key not in checked]
        if absent:
            if not self._without_counts(checked):
                raise ValueError(f"{name}: the saved state of parameter {index} has no {absent[0]!r}")
            checked["step"] = 1
        return checked

    def _without_counts(self, values: dict[str, Any]) -> bool:
        """Whether a saved state may lack its counts."""
        return False

    def _adopt(self, groups: list[Group], state: dict[int, dict[str, Any]]) -> None:
        """Take over checked groups and state (by the parameter's id)."""
        self._writing = True
        for k, group in enumerate(groups):
            # The dict stays the same object: schedules and users hold it.
            held = self.param_groups[k]
            held.update(group)
            for key in held.keys() - group.keys():
                del held[key]
            self._waiting[k] = list(group["params"])
            self._units[k] = []
            # Only parameters with the same arrays share a unit.
            kinds: dict[tuple[str, ...], dict[int, Counters]] = {}
            for p in group["params"]:
                if id(p) in state:
                    values = state[id(p)]
                    present = tuple(name for name in self.slot_names if name in values)
                    kinds.setdefault(present, {})[id(p)] = tuple(values[c] for c in self.counts)
            for counters in kinds.values():
                self._settle(k, self._waiting[k], counters)
            for unit in self._units[k]:
                for i, p in enumerate(unit.params):
                    for name in self.slot_names:
                        if name in state[id(p)]:
                            if name not in unit.state:
                                unit.add_slot(name, 0.0)
                            unit.view(unit.state[name], i)[...] = state[id(p)][name]
        self._writing = False

    def __getstate__(self) -> dict[str, Any]:
        # Views copied one by one would no longer be views of one buffer.
        return {"defaults": self.defaults, "param_groups": self.param_groups, "saved": self.state_dict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.defaults = state["defaults"]
        self.param_groups = state["param_groups"]
        self._start()
        self.load_state_dict(state["saved"])

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key not in ("params", "param_names")]
        return "\n".join([*lines, ")"])
