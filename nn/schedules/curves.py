"""Schedules that are a function of the epoch."""

from __future__ import annotations

import copy
import math
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..optim.base import Optimizer
from .base import LRScheduler, per_group, rewind, whole

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "InverseTimeDecay",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "PolynomialLR",
    "StepLR",
]


class _ByLambda(LRScheduler):
    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self._checked(optimizer)
        self.lr_lambdas: list[Callable[[int], float]] = per_group(optimizer, "lr_lambda", lr_lambda)
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"{type(self).__name__}: lr_lambda is a function of the epoch; got {function!r}")
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """The schedule's numbers; of callable objects what they hold, of functions nothing."""
        state = super().state_dict()
        plain = (types.FunctionType, types.BuiltinFunctionType, type)
        state["lr_lambdas"] = [
            None if isinstance(f, plain) else copy.deepcopy(getattr(f, "__dict__", None)) for f in self.lr_lambdas
        ]
        return state

    def _load(self, state: Mapping[str, Any]) -> None:
        super()._load(state)
        for function, held in zip(self.lr_lambdas, state["lr_lambdas"], strict=True):
            if held is not None:
                function.__dict__.update(held)


class LambdaLR(_ByLambda):
    """``lr = initial · lr_lambda(epoch)``.

    Args:
        optimizer: whose rates are set.
        lr_lambda: a function of the epoch, or a list with one per group.
        last_epoch: see :class:`LRScheduler`.
    """

    def get_lr(self) -> list[float]:
        return [base * f(self.last_epoch) for base, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class MultiplicativeLR(_ByLambda):
    """``lr ← lr · lr_lambda(epoch)`` at every epoch from 1.

    Args:
        optimizer: whose rates are set.
        lr_lambda: a function of the epoch, or a list with one per group.
        last_epoch: see :class:`LRScheduler`.
    """

    def get_lr(self) -> list[float]:
        rates = self._rates()
        return (
            rates
            if self._initial
            else [rate * f(self.last_epoch) for rate, f in zip(rates, self.lr_lambdas, strict=True)]
        )

    def _restart(self) -> None:
        # It has no rates of its own to begin from: as in PyTorch it multiplies the one it finds, by the factor of epoch 0.
        rewind(self)
        self.step()


class InverseTimeDecay(LRScheduler):
    """``lr = initial / (1 + decay·epoch)``, the ``decay`` of "Neural Networks from Scratch" and of Keras's first optimizers.

    Args:
        optimizer: whose rates are set.
        decay: how fast the rate falls.
        last_epoch: see :class:`LRScheduler`.
    """

    def __init__(self, optimizer: Optimizer, decay: float, last_epoch: int = -1) -> None:
        if not 0.0 <= decay < math.inf:
            raise ValueError(f"InverseTimeDecay: decay is at least 0 and finite; got {decay!r}")
        self.decay = decay
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [base / (1.0 + self.decay * self.last_epoch) for base in self.base_lrs]


class StepLR(LRScheduler):
    """``lr ← gamma·lr`` every ``step_size`` epochs.

    Args:
        optimizer: whose rates are set.
        step_size: epochs between changes.
        gamma: the factor.
        last_epoch: see :class:`LRScheduler`.
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = whole("StepLR: step_size", step_size, 1)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        rates = self._rates()
        return (
            rates if self.last_epoch == 0 or self.last_epoch % self.step_size else [rate * self.gamma for rate in rates]
        )


class MultiStepLR(LRScheduler):
    """``lr ← gamma·lr`` at each of the milestones.

    Args:
        optimizer: whose rates are set.
        milestones: epochs; one given twice counts twice.
        gamma: the factor.
        last_epoch: see :class:`LRScheduler`.
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = sorted(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        times = self.milestones.count(self.last_epoch)
        return [rate * self.gamma**times for rate in self._rates()] if times else self._rates()


class ExponentialLR(LRScheduler):
    """``lr ← gamma·lr`` every epoch.

    Args:
        optimizer: whose rates are set.
        gamma: the factor.
        last_epoch: see :class:`LRScheduler`.
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return self._rates() if self._initial else [rate * self.gamma for rate in self._rates()]


class ConstantLR(LRScheduler):
    """``lr = factor·initial`` until epoch ``total_iters``, then the initial rate.

    Args:
        optimizer: whose rates are set.
        factor: in (0, 1].
        total_iters: when it ends.
        last_epoch: see :class:`LRScheduler`.
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if not 0.0 < factor <= 1.0:
            raise ValueError(f"ConstantLR: factor lies in (0, 1]; got {factor!r}")
        self.factor = factor
        self.total_iters = whole("ConstantLR: total_iters", total_iters, 1)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0:
            return [rate * self.factor for rate in self._rates()]
        return (
            [rate * (1.0 / self.factor) for rate in self._rates()]
            if self.last_epoch == self.total_iters
            else self._rates()
        )


class LinearLR(LRScheduler):
    """Warm-up: the rate goes in a straight line from ``start_factor`` to ``end_factor`` of the initial one.

    Args:
        optimizer: whose rates are set.
        start_factor: in (0, 1], at epoch 0.
        end_factor: in [0, 1], at epoch ``total_iters`` and after.
        total_iters: epochs that it takes.
        last_epoch: see :class:`LRScheduler`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0.0 < start_factor <= 1.0:
            raise ValueError(f"LinearLR: start_factor lies in (0, 1]; got {start_factor!r}")
        if not 0.0 <= end_factor <= 1.0:
            raise ValueError(f"LinearLR: end_factor lies in [0, 1]; got {end_factor!r}")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = whole("LinearLR: total_iters", total_iters, 1)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0:
            return [rate * self.start_factor for rate in self._rates()]
        if self._initial or self.last_epoch > self.total_iters:
            return self._rates()
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise
        # At the end of a fall to 0 the factor is 0, which rounding may miss on either side.
        return [rate * max(1.0 + rise / before, 0.0) for rate in self._rates()]


class PolynomialLR(LRScheduler):
    """``lr = initial · (1 - epoch / total_iters)^power``, 0 from epoch ``total_iters``.

    Args:
        optimizer: whose rates are set.
        total_iters: when the rate reaches 0.
        power: of the polynomial.
        last_epoch: see :class:`LRScheduler`.
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters = whole("PolynomialLR: total_iters", total_iters, 1)
        self.power = power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self._initial or self.last_epoch > self.total_iters:
            return self._rates()
        left = (1.0 - self.last_epoch / self.total_iters) / (1.0 - (self.last_epoch - 1) / self.total_iters)
        return [rate * left**self.power for rate in self._rates()]


class CosineAnnealingLR(LRScheduler):
    """``lr = eta_min + (initial - eta_min)·(1 + cos(π·epoch / T_max)) / 2`` (Loshchilov and Hutter, ICLR 2017, without restarts).

    Args:
        optimizer: whose rates are set.
        T_max: epochs from the initial rate to ``eta_min``; then it rises again.
        eta_min: the lowest rate.
        last_epoch: see :class:`LRScheduler`.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:  # noqa: N803 - PyTorch's name
        self.T_max = whole("CosineAnnealingLR: T_max", T_max, 1)
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def _closed(self) -> list[float]:
        return [
            self.eta_min + (base - self.eta_min) * (1.0 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2.0
            for base in self.base_lrs
        ]

    def get_lr(self) -> list[float]:
        if self._initial:
            return self._rates()
        if self._step_count == 1 and self.last_epoch > 0:
            return self._closed()
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # the factor below is 0/0
            rise = (1.0 - math.cos(math.pi / self.T_max)) / 2.0
            return [
                rate + (base - self.eta_min) * rise for rate, base in zip(self._rates(), self.base_lrs, strict=True)
            ]
        now = 1.0 + math.cos(math.pi * self.last_epoch / self.T_max)
        before = 1.0 + math.cos(math.pi * (self.last_epoch - 1) / self.T_max)
        return [now / before * (rate - self.eta_min) + self.eta_min for rate in self._rates()]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Cosine annealing that begins anew after ``T_0`` epochs, then after ``T_0·T_mult``, and so on (SGDR, ICLR 2017).

    Args:
        optimizer: whose rates are set.
        T_0: epochs of the first period.
        T_mult: how much longer each period is than the one before.
        eta_min: the lowest rate.
        last_epoch: see :class:`LRScheduler`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,  # noqa: N803 - PyTorch's names
        T_mult: int = 1,  # noqa: N803
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        self.T_0 = whole("CosineAnnealingWarmRestarts: T_0", T_0, 1)
        self.T_i = self.T_0
        self.T_mult = whole("CosineAnnealingWarmRestarts: T_mult", T_mult, 1)
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [
            self.eta_min + (base - self.eta_min) * (1.0 + math.cos(math.pi * self.T_cur / self.T_i)) / 2.0
            for base in self.base_lrs
        ]

    def step(self, epoch: float | None = None) -> None:
        """Count, or go to an epoch: ``step(epoch + batch / batches)`` after each batch makes a smooth curve."""
        self._step_count += 1
        if epoch is None:
            # Of a schedule that goes on from last_epoch, or begins, the place within the period is computed.
            if self._initial:
                self._place(self.last_epoch + 1)
            else:
                self.last_epoch += 1
                self.T_cur += 1
                if self.T_cur >= self.T_i:
                    self.T_cur -= self.T_i
                    self.T_i *= self.T_mult
        else:
            if not epoch >= 0:
                raise ValueError(f"CosineAnnealingWarmRestarts: epoch is at least 0; got {epoch!r}")
            self._place(epoch)
        self._set(self.get_lr())

    def _place(self, epoch: float) -> None:
        self.last_epoch = math.floor(epoch)
        self.T_cur, self.T_i = epoch, self.T_0
        if self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            while self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
