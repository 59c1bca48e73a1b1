"""The one-cycle schedule, of rate and momentum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..optim.base import Optimizer
from .base import LRScheduler, per_group, whole

__all__ = ["OneCycleLR"]


class OneCycleLR(LRScheduler):
    """Super-convergence (Smith and Topin 2018): up to ``max_lr``, down far below the start; momentum the other way round.

    To be stepped after every batch, ``total_steps`` times in all.

    Args:
        optimizer: whose rates, and ``momentum`` or first ``betas``, are set.
        max_lr: the peak, one number or one per group.
        total_steps: length of the cycle; or
        epochs: and ``steps_per_epoch``, whose product it is.
        steps_per_epoch: see ``epochs``.
        pct_start: the share of the cycle that rises.
        anneal_strategy: ``"cos"`` or ``"linear"``.
        cycle_momentum: move the momentum from ``max_momentum`` to ``base_momentum`` and back.
        base_momentum: lowest momentum.
        max_momentum: highest momentum.
        div_factor: the first rate is ``max_lr / div_factor``.
        final_div_factor: the last one is that divided by this.
        three_phase: fall to the first rate symmetrically before falling to the last.
        last_epoch: see :class:`LRScheduler`.
    """

    options = ("lr", "initial_lr", "max_lr", "min_lr", "momentum", "betas", "base_momentum", "max_momentum")

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self._checked(optimizer)
        if total_steps is not None:
            self.total_steps = whole("OneCycleLR: total_steps", total_steps, 1)
        elif epochs is not None and steps_per_epoch is not None:
            self.total_steps = whole("OneCycleLR: epochs", epochs, 1) * whole(
                "OneCycleLR: steps_per_epoch", steps_per_epoch, 1
            )
        else:
            raise ValueError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
        if not 0.0 <= pct_start <= 1.0:
            raise ValueError(f"OneCycleLR: pct_start lies in [0, 1]; got {pct_start!r}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy is 'cos' or 'linear'; got {anneal_strategy!r}")
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum
        last = float(self.total_steps - 1)
        rise = pct_start * self.total_steps
        # Phases: where they end, the rate's two ends, the momentum's two ends.
        up: list[Any] = [rise - 1.0, "initial_lr", "max_lr", "max_momentum", "base_momentum"]
        self.phases: list[list[Any]]
        if three_phase:
            down = [2.0 * rise - 2.0, "max_lr", "initial_lr", "base_momentum", "max_momentum"]
            self.phases = [up, down, [last, "initial_lr", "min_lr", "max_momentum", "max_momentum"]]
        else:
            self.phases = [up, [last, "max_lr", "min_lr", "base_momentum", "max_momentum"]]
        tops = per_group(optimizer, "OneCycleLR: max_lr", max_lr)
        highs = per_group(optimizer, "OneCycleLR: max_momentum", max_momentum)
        lows = per_group(optimizer, "OneCycleLR: base_momentum", base_momentum)
        if cycle_momentum and not {"momentum", "betas"} & set(optimizer.defaults):
            raise ValueError(
                f"OneCycleLR: {type(optimizer).__name__} has no momentum and no betas; pass cycle_momentum=False"
            )
        if last_epoch == -1:
            for group, top, high, low in zip(optimizer.param_groups, tops, highs, lows, strict=True):
                group["initial_lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
                if cycle_momentum:
                    group["max_momentum"], group["base_momentum"] = high, low
        super().__init__(optimizer, last_epoch)

    def _between(self, start: float, end: float, share: float) -> float:
        if self.anneal_strategy == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (1.0 + math.cos(math.pi * share))

    def get_lr(self) -> list[float]:
        if self.last_epoch > self.total_steps:
            raise ValueError(f"OneCycleLR: step {self.last_epoch} of a cycle of {self.total_steps} steps")
        start = 0.0
        phase = self.phases[-1]
        for candidate in self.phases:
            if self.last_epoch <= candidate[0]:
                phase = candidate
                break
            if candidate is not self.phases[-1]:
                start = candidate[0]
        length = phase[0] - start
        share = (self.last_epoch - start) / length if length else 1.0
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[phase[1]], group[phase[2]], share))
            if self.cycle_momentum:
                momentum = self._between(group[phase[3]], group[phase[4]], share)
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum
        return rates
