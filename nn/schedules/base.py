"""The schedules' base class: counting, setting the rates of the groups, saving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..interrupts import writing
from ..optim.base import Optimizer
from ..optim.buffers import number

__all__ = ["TORN", "LRScheduler", "per_group", "plain", "rewind", "whole"]


TORN = "the step of a schedule ended before its end: its count and the rates may not belong together; load the last checkpoint"


def plain(value: Any) -> Any:
    """A copy without NumPy's 0-d arrays and without tuples, as files give it back."""
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return number(value)


def per_group(optimizer: Optimizer, name: str, value: Any) -> list[Any]:
    """One value per group from one value or a list of them."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(f"{name} has {len(value)} values, the optimizer {groups} groups of parameters")
    return list(value)


def whole(name: str, value: Any, least: int) -> int:
    """An option that must be an integer."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} is an integer of at least {least}; got {value!r}")
    return int(value)


class LRScheduler:
    """The base: a subclass computes the rates of all groups in :meth:`get_lr`.

    Args:
        optimizer: whose rates are set.
        last_epoch: -1 to start; a count to go on from, if the groups have their ``initial_lr``.

    Attributes:
        base_lrs: the rates that the groups began with.
        last_epoch: how often :meth:`step` was called.

    Raises:
        TypeError: ``optimizer`` is none.
        KeyError: ``last_epoch`` is given and a group has no ``initial_lr``.
    """

    # Options of the groups that the schedule sets, saved with it.
    options: tuple[str, ...] = ("lr", "initial_lr")
    _initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = self._checked(optimizer)
        if last_epoch == -1:
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])
        else:
            for i, group in enumerate(optimizer.param_groups):
                if "initial_lr" not in group:
                    raise KeyError(
                        f"initial_lr: group {i} has none to go on from at last_epoch={last_epoch}; load the optimizer's state, or start with -1"
                    )
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._begin()

    def _checked(self, optimizer: Any) -> Optimizer:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"{type(self).__name__}: the first argument is an optimizer, not a {type(optimizer).__name__}"
            )
        return optimizer

    def _begin(self) -> None:
        self._step_count = 0
        self._initial = True
        try:
            self.step()
        finally:
            del self._initial

    def get_lr(self) -> list[float]:
        """The rates for ``last_epoch``, computed from those of the last step; for :meth:`step`."""
        raise NotImplementedError(f"{type(self).__name__}.get_lr")

    def get_last_lr(self) -> list[float]:
        """The rates that the last step set, one per group."""
        return list(self._last_lr)

    @writing(TORN)
    def step(self) -> None:
        """Count, and set the rates of all groups."""
        self._step_count += 1
        self.last_epoch += 1
        self._set(self.get_lr())

    def _restart(self) -> None:
        """Begin at epoch 0, from the initial rates, now (for :class:`SequentialLR`)."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        rewind(self)
        self._begin()

    def _set(self, rates: Sequence[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._note()

    def _note(self) -> None:
        self._last_lr = self._rates()

    def _rates(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def _parts(self) -> Sequence[LRScheduler]:
        """Schedules inside this one."""
        return ()

    def state_dict(self) -> dict[str, Any]:
        """The schedule's numbers and the options it sets in the groups, as plain data."""
        not_saved = ("optimizer", "_schedulers", "lr_lambdas")
        state: dict[str, Any] = {k: plain(v) for k, v in self.__dict__.items() if k not in not_saved}
        state["groups"] = [
            {k: plain(group[k]) for k in self.options if k in group} for group in self.optimizer.param_groups
        ]
        if self._parts():
            state["schedulers"] = [part.state_dict() for part in self._parts()]
        return state

    def load_state_dict(self, state_dict: Any) -> None:
        """Go on where the saved schedule stood; the groups get the rates they had.

        Raises:
            ValueError: it was saved by another kind of schedule or for other groups. Nothing has changed then.
        """
        self._check_state(state_dict)
        self._load(state_dict)

    def _check_state(self, state: Any) -> None:
        name = type(self).__name__
        expected = set(self.state_dict())
        if not isinstance(state, Mapping) or set(state) != expected:
            odd = sorted(expected ^ set(state)) if isinstance(state, Mapping) else [type(state).__name__]
            raise ValueError(f"{name}: the saved state was not made by a {name}: it differs in {', '.join(odd)}")
        groups = len(self.optimizer.param_groups)
        for key in ("groups", "base_lrs", "_last_lr"):
            if key in state and len(state[key]) != groups:
                raise ValueError(
                    f"{name}: the saved state is for {len(state[key])} groups of parameters, the optimizer has {groups}"
                )
        if len(state.get("schedulers", ())) != len(self._parts()):
            raise ValueError(
                f"{name}: the saved state has {len(state['schedulers'])} schedules inside, this one {len(self._parts())}"
            )
        for part, saved in zip(self._parts(), state.get("schedulers", ()), strict=True):
            part._check_state(saved)

    def _load(self, state: Mapping[str, Any]) -> None:
        for part, saved in zip(self._parts(), state.get("schedulers", ()), strict=True):
            part._load(saved)
        self.__dict__.update({k: plain(v) for k, v in state.items() if k not in ("groups", "schedulers", "lr_lambdas")})
        for group, saved in zip(self.optimizer.param_groups, state["groups"], strict=True):
            for k, v in plain(saved).items():
                group[k] = tuple(v) if isinstance(v, list) else v


def rewind(schedule: LRScheduler) -> None:
    """Set the count of a schedule, and of those inside it, to before the beginning."""
    schedule.last_epoch = -1
    for part in schedule._parts():
        rewind(part)
