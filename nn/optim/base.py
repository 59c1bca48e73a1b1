"""The optimizers' base class: groups of parameters, state in flat buffers, updates in place.

A step is a handful of NumPy calls on whole stretches of memory, and allocates nothing:

* **Packs.** Small parameters of one group and dtype share flat buffers. Gradients and values are copied
  in, the update runs once over the pack, the values are copied back: calls, not elements, are what small
  parameters cost.
* **Blocks.** A large parameter is updated where it lies, a block at a time, so that gradient, value and
  moments of the block stay in the cache through the dozen calls of the update.

Elementwise arithmetic gives the same bits in either form.

An optimizer is three short methods: :meth:`Optimizer.slots` names the state arrays,
:meth:`Optimizer.coefficients` computes the numbers of one step in double precision, and
:meth:`Optimizer.update` is the arithmetic on arrays. A subclass outside this package needs no more.

A moment that decays for thousands of steps without a gradient (the weights of a unit that died) reaches
subnormal numbers, on which many processors compute ten times slower. Every 16 steps ``(m + c) - c``
rounds to zero what lies under about 1e-30 in float32 (first moments) or 1e-37 (second moments), 1e-300
in float64, and leaves everything larger as it is to that absolute accuracy.
"""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

import autograd_np as ag
from autograd_np import tracing

from . import traced
from .buffers import FLUSH_EVERY, Counters, ParameterState, Unit, copied, flush_bias, number, plain
from .groups import Group, completed, listed

__all__ = ["Counters", "Group", "Optimizer"]


_MIXTURE = (
    "parameters and state are partly those before it and partly those after; load the last checkpoint into the model and the optimizer "
    "(fit(resume=True) does), or go on from the mixture"
)


class Pass:
    """What one step has to know of a group: its options as they are now, and the numbers that units with equal counts share."""

    __slots__ = (
        "after",
        "bare",
        "before",
        "decoupled",
        "group",
        "maximize",
        "numbers",
        "phase",
        "real",
        "slots",
        "weight_decay",
    )

    def __init__(self, group: Group, slots: tuple[str, ...]) -> None:
        self.group = group
        self.slots = slots
        self.weight_decay = group.get("weight_decay", 0.0)
        self.decoupled = group.get("decoupled_weight_decay", False)
        self.maximize = group.get("maximize", False)
        self.bare = self.weight_decay == 0 and not self.maximize
        self.before: Any = None
        self.after: Counters = ()
        self.numbers: list[Any] = []
        self.phase: Any = None
        self.real: Any = None


class Optimizer:
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

    block: ClassVar[int] = 65536  # elements; about six arrays of this length are in use at once
    pack_below: ClassVar[int] = 16384  # a parameter with fewer elements is packed
    pack_size: ClassVar[int] = 65536  # elements of one pack
    scratch: ClassVar[int] = 2  # arrays of a block's length that update() may overwrite
    counts: ClassVar[tuple[str, ...]] = ("step",)
    first_counts: ClassVar[Counters] = (0,)
    slot_names: ClassVar[tuple[str, ...]] = ()  # every name that slots() can give
    coefficient_names: ClassVar[
        tuple[str, ...]
    ] = ()  # what the numbers of coefficients() are called in a compiled program
    at_least_zero: ClassVar[tuple[str, ...]] = ("lr", "eps", "weight_decay")
    below_one: ClassVar[tuple[str, ...]] = ("betas",)

    param_groups: list[Group]
    defaults: Group

    def __init__(self, params: Iterable[Any], defaults: Group) -> None:
        self.defaults = {name: plain(value) for name, value in defaults.items()}
        self.param_groups = []
        self._units: list[list[Unit]] = []
        self._waiting: list[list[ag.Tensor]] = []
        self._scratch: dict[Any, list[Any]] = {}
        self._numbers: dict[Any, tuple[list[float], list[Any]]] = {}
        self._looked_at: dict[int, Group] = {}  # options of later groups that have been found to give numbers
        self._writing = (
            False  # from the first write of a step to its end, and after a step that was interrupted in between
        )
        self.check(self.defaults)
        for group in listed(type(self).__name__, params):
            self.add_param_group(group)

    # ---------------------------------------------------------------- what a subclass defines

    def slots(self, group: Group) -> tuple[str, ...]:
        """The names of the state arrays under the group's options; each has its parameter's shape and dtype."""
        return ()

    def initial(self, group: Group, name: str) -> float:
        """What a new state array is filled with."""
        return 0.0

    def decays(self, group: Group) -> tuple[tuple[str, float, bool], ...]:
        """State arrays that shrink by a factor each step where there is no gradient: (name, factor, whether a first moment)."""
        return ()

    def coefficients(self, group: Group, counters: Counters) -> tuple[Counters, tuple[float, ...], Any]:
        """Numbers of the next step, in double precision.

        Args:
            group: the options.
            counters: the counts (``self.counts``) so far.

        Returns:
            The counts after the step; the numbers, which :meth:`update` gets as 0-d arrays of the parameter's
            dtype; and a word for the arithmetic where it depends on the count, else None.
        """
        raise NotImplementedError(f"{type(self).__name__}.coefficients")

    def update(
        self, group: Group, p: Any, g: Any, state: tuple[Any, ...], c: list[Any], w: tuple[Any, ...], phase: Any
    ) -> None:
        """Change p and the state in place; NumPy calls on arrays of one shape.

        Args:
            group: the options, for branches on what is switched on; numbers come in ``c``.
            p: values of the parameters.
            g: their gradients (with ``maximize`` negated, with coupled weight decay added); not to be written.
            state: the arrays of :meth:`slots`, in order.
            c: the numbers of :meth:`coefficients`, as 0-d arrays.
            w: ``self.scratch`` arrays of that shape to work in.
            phase: the word of :meth:`coefficients`.
        """
        raise NotImplementedError(f"{type(self).__name__}.update")

    def check(self, group: Group) -> None:
        """Raise a ValueError that names an option out of its range."""
        name = type(self).__name__
        for option in self.at_least_zero:
            if option in group and not isinstance(group[option], numbers.Real):
                raise TypeError(
                    f"{name}: {option} is a number; got {group[option]!r}, a {type(group[option]).__name__}"
                )
            if option in group and not 0.0 <= group[option] < math.inf:
                raise ValueError(f"{name}: {option} is at least 0 and finite; got {group[option]!r}")
        for option in self.below_one:
            if option not in group:
                continue
            values = group[option]
            if option == "betas" and (not isinstance(values, (tuple, list)) or len(values) != 2):
                raise ValueError(f"{name}: betas is a pair of numbers; got {values!r}")
            for value in values if isinstance(values, (tuple, list)) else (values,):
                if not 0.0 <= value < 1.0:
                    raise ValueError(f"{name}: {option} lies in [0, 1); got {values!r}")

    # ---------------------------------------------------------------- groups

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

    # ---------------------------------------------------------------- the step

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

    @np.errstate(all="ignore")
    def _update_all(self) -> None:
        if self._writing:
            self._warn("goes on from", 11 if tracing.is_tracing() else 5)
        try:
            if len(self.param_groups) > 1:
                self._look_ahead()
            for k, group in enumerate(self.param_groups):
                if self._waiting[k]:
                    self._settle(k, self._waiting[k])
                current = Pass(group, self.slots(group))
                if tracing.is_tracing():
                    traced.update(self, k, current)
                    continue
                for unit in self._units[k]:
                    self._step(unit, current)
            self._writing = False
        except BaseException as error:
            if self._writing:
                self._torn(error)
            raise

    def _torn(self, error: BaseException) -> None:
        """A step, plain or compiled, was interrupted while it wrote: say so in the exception, and let the next step and state_dict() warn."""
        self._writing = True
        self._units = [
            [*units] for units in self._units
        ]  # other lists: a compiled step is traced anew, and comes by the warning
        error.add_note(f"{type(self).__name__}: the step was interrupted while it wrote: {_MIXTURE}")

    def _warn(self, what: str, level: int) -> None:
        """Warn of parameters and state that an interrupted step left."""
        warnings.warn(
            f"{type(self).__name__} {what} what a step left that was interrupted while it wrote: {_MIXTURE}",
            RuntimeWarning,
            stacklevel=level,
        )

    def _look_ahead(self) -> None:
        """Find out before the first group is written whether the others can be."""
        for k, group in enumerate(self.param_groups):
            if self._waiting[k]:
                self._settle(k, self._waiting[k])
            if k == 0:
                continue
            try:
                if group == self._looked_at.get(k):
                    continue
            except ValueError:  # other parameters in the list: Tensors, whose == is an array
                pass
            self._looked_at.pop(k, None)
            for unit in self._units[k]:
                for value in self._step_numbers(group, unit.counters_of(0))[1]:
                    float(value)
            self._looked_at[k] = dict(group)

    def _settle(
        self,
        k: int,
        candidates: list[ag.Tensor],
        saved: Mapping[int, Counters] | None = None,
        *,
        all_of_them: bool = False,
    ) -> None:
        """Give state to the parameters of group k that have their first gradient (or, with ``saved``, a saved state)."""
        here = [p for p in candidates if all_of_them or (p.grad is not None if saved is None else id(p) in saved)]
        if not here:
            return
        taken = {id(p) for p in here}
        # (What was interrupted before the end of this method has taken some already.)
        held = {id(p) for unit in self._units[k] for p in unit.params}
        here = [p for p in here if id(p) not in held]
        for p in here:
            if saved is None and not all_of_them and not p.writable().flags.writeable:
                raise ValueError(
                    f"{type(self).__name__}: a parameter {p.shape} {p.dtype} lies in memory that is read-only; make it of a copy of its array"
                )

        def add(params: list[ag.Tensor], packed: bool) -> None:
            self._units[k].append(
                Unit(params, packed, [saved[id(p)] if saved is not None else self.first_counts for p in params])
            )

        packs: dict[Any, list[ag.Tensor]] = {}
        for p in here:
            if p.size >= self.pack_below and p.dtype.kind == "f" and p.numpy().flags.c_contiguous:
                add([p], False)
                continue
            pack = packs.setdefault(p.dtype, [])
            if pack and sum(q.size for q in pack) + p.size > self.pack_size:
                add(pack, True)
                packs[p.dtype] = pack = []
            pack.append(p)
        for pack in packs.values():
            add(pack, True)
        self._waiting[k] = [p for p in self._waiting[k] if id(p) not in taken]

    def _step(self, unit: Unit, current: Pass) -> None:
        if current.slots is not unit.slots and current.slots != unit.slots:
            self._fit_slots(unit, current)
        if not unit.packed:
            g = unit.params[0].grad
            if g is not None:
                unit.common = self._in_place(unit, current, g, unit.counters_of(0))
            return
        grads = [p.grad for p in unit.params]
        n = len(grads)
        if unit.common is not None:
            for g in grads:
                if g is None:
                    break
            else:
                unit.common = self._packed(unit, current, 0, n, grads, unit.common)
                return
        # Parameters without a gradient stay; neighbours with equal counts go together.
        unit.spread()
        i = 0
        while i < n:
            if grads[i] is None:
                i += 1
                continue
            counters = unit.counters[i]
            j = i + 1
            while j < n and grads[j] is not None and unit.counters[j] == counters:
                j += 1
            unit.counters[i:j] = [self._packed(unit, current, i, j, grads, counters)] * (j - i)
            i = j
        unit.agree()

    def _fit_slots(self, unit: Unit, current: Pass) -> None:
        for name in current.slots:
            if name not in unit.state:
                unit.add_slot(name, self.initial(current.group, name))
        unit.pieces.clear()
        unit.slots = current.slots

    def _blocks(self, unit: Unit, i: int, j: int) -> list[tuple[Any, ...]]:
        scratch = self._scratch.get(unit.real)
        if scratch is None or scratch[0].size < self.block:
            scratch = self._scratch[unit.real] = [np.empty(self.block, unit.real) for _ in range(self.scratch + 1)]
        return unit.blocks(i, j, self.block, scratch)

    def _step_numbers(self, group: Group, counters: Counters) -> tuple[Counters, tuple[float, ...], Any]:
        """What :meth:`coefficients` gives, and behind its numbers that of the weight decay, where there is one."""
        after, values, phase = self.coefficients(group, counters)
        decay = group.get("weight_decay", 0.0)
        if decay:
            values = (*values, 1.0 - group["lr"] * decay if group.get("decoupled_weight_decay", False) else decay)
        return after, values, phase

    def _count(self, current: Pass, counters: Counters, real: Any) -> None:
        """Compute the numbers of a step from these counts; the next unit has mostly the same."""
        after, values, current.phase = self._step_numbers(current.group, counters)
        held = self._numbers.get(real)
        if held is None or len(held[0]) != len(values):
            held = self._numbers[real] = (list(values), [np.array(value, real) for value in values])
        else:
            old, arrays = held
            for k, value in enumerate(values):
                if value != old[k]:
                    old[k] = math.nan  # (where this is interrupted, it is put there anew)
                    arrays[k][()] = value
                    old[k] = value
        current.numbers = held[1]
        current.before, current.after, current.real = counters, after, real

    def _packed(self, unit: Unit, current: Pass, i: int, j: int, grads: list[Any], counters: Counters) -> Counters:
        """Update parameters i to j - 1 of a pack; returns their counts."""
        if counters != current.before or unit.real is not current.real:
            self._count(current, counters, unit.real)
        blocks = unit.pieces.get((i, j)) or self._blocks(unit, i, j)
        arrays = [p.writable() for p in (unit.params if j - i == len(grads) else unit.params[i:j])]
        data, gathered = unit.data_views, unit.grad_views
        for k, array in enumerate(arrays, i):
            data[k][...] = array
            gathered[k][...] = grads[k]
        if unit.width == 2:
            # The gradient is dL/dRe - i·dL/dIm: the ascent is along its conjugate.
            np.negative(unit.grads[1::2], out=unit.grads[1::2])
        self._writing = True
        for _, _, p, g, state, w in blocks:
            if current.bare:
                self.update(current.group, p, g, state, current.numbers, w, current.phase)
            else:
                self._decayed(current, p, g, state, w)
        for k, array in enumerate(arrays, i):
            array[...] = data[k]
        if current.slots and current.after[0] % FLUSH_EVERY == 0:
            self._flush(unit, current, unit.starts[i], unit.starts[j])
        return current.after

    def _in_place(self, unit: Unit, current: Pass, g: Any, counters: Counters) -> Counters:
        """Update a large parameter; returns its counts."""
        if counters != current.before or unit.real is not current.real:
            self._count(current, counters, unit.real)
        blocks = unit.pieces.get((0, 1)) or self._blocks(unit, 0, 1)
        array = unit.params[0].writable()
        if not g.flags.c_contiguous:
            if unit.gathered is None:
                unit.gathered = np.empty(g.shape, g.dtype)
            unit.gathered[...] = g
            g = unit.gathered
        self._writing = True
        if len(blocks) == 1:
            _, _, _, _, state, w = blocks[0]
            if current.bare:
                self.update(current.group, array, g, state, current.numbers, w, current.phase)
            else:
                self._decayed(current, array, g, state, w)
        else:
            self._in_blocks(current, array, g, blocks)
        if current.slots and current.after[0] % FLUSH_EVERY == 0:
            self._flush(unit, current, 0, unit.starts[1])
        return current.after

    def _in_blocks(self, current: Pass, array: Any, g: Any, blocks: list[tuple[Any, ...]]) -> None:
        flat, g = array.ravel(), g.ravel()
        for start, stop, _, _, state, w in blocks:
            if current.bare:
                self.update(current.group, flat[start:stop], g[start:stop], state, current.numbers, w, current.phase)
            else:
                self._decayed(current, flat[start:stop], g[start:stop], state, w)
        if not array.flags.c_contiguous:  # the memory was replaced by one of another layout: flat is a copy
            array[...] = flat.reshape(array.shape)

    def _decayed(self, current: Pass, p: Any, g: Any, state: tuple[Any, ...], w: tuple[Any, ...]) -> None:
        """The update with weight decay, or of a maximum."""
        maximize = current.maximize
        if current.weight_decay != 0:
            if current.decoupled:
                np.multiply(p, current.numbers[-1], p)
            else:
                np.multiply(p, current.numbers[-1], w[-1])
                (np.subtract if maximize else np.add)(w[-1], g, w[-1])
                g = w[-1]
                maximize = False
        if maximize:
            np.negative(g, w[-1])
            g = w[-1]
        self.update(current.group, p, g, state, current.numbers, w, current.phase)

    def _flush(self, unit: Unit, current: Pass, start: int, stop: int) -> None:
        for name, decay, first in self.decays(current.group):
            bias = flush_bias(unit.real, float(decay), first)
            if bias is not None:
                stretch = unit.state[name][start:stop]
                np.add(stretch, bias, stretch)
                np.subtract(stretch, bias, stretch)

    # ---------------------------------------------------------------- state

    @property
    def state(self) -> dict[ag.Tensor, ParameterState]:
        """For each parameter that has been updated: its counts and arrays by name, as views of the optimizer's own."""
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
        self._units = [[] for _ in self.param_groups]
        self._waiting = [list(group["params"]) for group in self.param_groups]
        self._scratch = {}
        self._numbers = {}
        self._looked_at = {}
        self._writing = False
        self.load_state_dict(state["saved"])

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key not in ("params", "param_names")]
        return "\n".join([*lines, ")"])
