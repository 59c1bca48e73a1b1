"""Schedules made of schedules."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from ..interrupts import writing
from ..optim.base import Optimizer
from .base import TORN, LRScheduler, rewind
from .plateau import ReduceLROnPlateau

__all__ = ["ChainedScheduler", "SequentialLR"]


class _Several(LRScheduler):
    _schedulers: list[LRScheduler]

    def _parts(self) -> Sequence[LRScheduler]:
        return self._schedulers

    def _gather(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None) -> Optimizer:
        name = type(self).__name__
        schedulers = list(schedulers)
        if not schedulers:
            raise ValueError(f"{name}: no schedules")
        for i, part in enumerate(schedulers):
            if not isinstance(part, LRScheduler):
                raise TypeError(f"{name}: item {i} is a {type(part).__name__}, not a schedule")
            if isinstance(part, ReduceLROnPlateau):
                raise ValueError(f"{name}: item {i} is a ReduceLROnPlateau, whose step needs a metric")
            optimizer = part.optimizer if optimizer is None else optimizer
            if part.optimizer is not optimizer:
                raise ValueError(f"{name}: item {i}, a {type(part).__name__}, belongs to another optimizer")
        self._schedulers = schedulers
        assert optimizer is not None
        return optimizer


class ChainedScheduler(_Several):
    """Several schedules that act one after the other at every step.

    Args:
        schedulers: schedules of the same optimizer that change the rate they find.
        optimizer: theirs.
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self.optimizer = self._gather(schedulers, optimizer)
        self.last_epoch = 0
        self._note()

    def _begin(self) -> None:
        self.last_epoch += 1
        for part in self._schedulers:
            part._begin()
        self._note()

    @writing(TORN)
    def step(self) -> None:
        """Step all of them."""
        self.last_epoch += 1
        for part in self._schedulers:
            part.step()
        self._note()


class SequentialLR(_Several):
    """One schedule after the other: number i + 1 begins, at its epoch 0, at milestone i.

    Args:
        optimizer: theirs.
        schedulers: schedules of this optimizer.
        milestones: one less than schedules, rising.
        last_epoch: see :class:`LRScheduler`.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        self.optimizer = self._gather(schedulers, self._checked(optimizer))
        if len(milestones) != len(self._schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(self._schedulers)} schedules need {len(self._schedulers) - 1} milestones; got {len(milestones)}"
            )
        self.milestones = list(milestones)
        # Each of them has set its first rate: undo that, and let the first begin again.
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        rewind(self)
        self.last_epoch = 0
        self._schedulers[bisect_right(self.milestones, 0)]._begin()
        self._note()
        for _ in range(last_epoch + 1):  # which schedule stands where, only the steps say
            self.step()

    def _begin(self) -> None:
        self._schedulers[bisect_right(self.milestones, self.last_epoch + 1)]._begin()
        self.last_epoch += 1
        self._note()

    @writing(TORN)
    def step(self) -> None:
        """Step the one whose turn it is."""
        self.last_epoch += 1
        turn = bisect_right(self.milestones, self.last_epoch)
        part = self._schedulers[turn]
        if turn > 0 and self.milestones[turn - 1] == self.last_epoch:
            part._restart()
        else:
            part.step()
        self._note()
