"""Rates that adapt to the squares of the gradients: Adagrad, RMSprop, Adadelta."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from .base import Counters, Group, Optimizer

__all__ = ["Adadelta", "Adagrad", "RMSprop"]

Coefficients = tuple[Counters, tuple[float, ...], Any]


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan and Singer, JMLR 2011).

    ::

        s ← s + g²
        p ← p - lr / (1 + (t - 1)·lr_decay) · g / (sqrt(s) + eps)

    Args:
        params: see :class:`Optimizer`.
        lr: the learning rate.
        lr_decay: how fast the rate falls.
        weight_decay: the L2 penalty's factor.
        initial_accumulator_value: what s starts with.
        eps: keeps the division from zero.
        maximize: ascend instead.

    State: ``step`` (t), ``sum`` (s).
    """

    scratch = 1
    slot_names = ("sum",)
    coefficient_names = ("lr_t", "eps")
    at_least_zero: ClassVar[tuple[str, ...]] = ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "maximize": maximize,
            },
        )

    def slots(self, group: Group) -> tuple[str, ...]:
        return ("sum",)

    def initial(self, group: Group, name: str) -> float:
        return float(group["initial_accumulator_value"])

    def coefficients(self, group: Group, counters: Counters) -> Coefficients:
        return (counters[0] + 1,), (group["lr"] / (1.0 + counters[0] * group["lr_decay"]), group["eps"]), None

    def update(
        self, group: Group, p: Any, g: Any, state: tuple[Any, ...], c: list[Any], w: tuple[Any, ...], phase: Any
    ) -> None:
        total, step = state[0], w[0]
        np.multiply(g, g, step)
        np.add(total, step, total)
        np.sqrt(total, step)
        np.add(step, c[1], step)
        np.divide(g, step, step)
        np.multiply(step, c[0], step)
        np.subtract(p, step, p)


class RMSprop(Optimizer):
    """RMSprop (Hinton, lecture 6e of "Neural Networks for Machine Learning", 2012); centred as in Graves 2013.

    ::

        v ← α·v + (1 - α)·g²
        centred:        a ← α·a + (1 - α)·g,    s = sqrt(v - a²) + eps          else s = sqrt(v) + eps
        with momentum:  b ← momentum·b + g / s,    p ← p - lr·b                 else p ← p - lr·g / s

    Args:
        params: see :class:`Optimizer`.
        lr: the learning rate.
        alpha: the share of v that is kept.
        eps: keeps the division from zero.
        weight_decay: the L2 penalty's factor.
        momentum: the share of the last direction that is kept.
        centered: divide by the standard deviation rather than the root mean square. Where rounding makes
            v - a² negative it counts as 0.
        maximize: ascend instead.

    State: ``step``, ``square_avg`` (v), ``momentum_buffer`` (b), ``grad_avg`` (a).
    """

    slot_names = ("square_avg", "momentum_buffer", "grad_avg")
    coefficient_names = ("alpha", "one_minus_alpha", "eps", "lr", "momentum", "zero")
    at_least_zero: ClassVar[tuple[str, ...]] = ("lr", "eps", "weight_decay", "momentum", "alpha")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "maximize": maximize,
            },
        )

    def slots(self, group: Group) -> tuple[str, ...]:
        names: tuple[str, ...] = ("square_avg",)
        if group["momentum"] > 0:
            names = (*names, "momentum_buffer")
        if group["centered"]:
            names = (*names, "grad_avg")
        return names

    def decays(self, group: Group) -> tuple[tuple[str, float, bool], ...]:
        alpha, momentum = group["alpha"], group["momentum"]
        kinds = {"square_avg": (alpha, False), "momentum_buffer": (momentum, True), "grad_avg": (alpha, True)}
        return tuple((name, *kinds[name]) for name in self.slots(group))

    def coefficients(self, group: Group, counters: Counters) -> Coefficients:
        alpha = group["alpha"]
        return (counters[0] + 1,), (alpha, 1.0 - alpha, group["eps"], group["lr"], group["momentum"], 0.0), None

    def update(
        self, group: Group, p: Any, g: Any, state: tuple[Any, ...], c: list[Any], w: tuple[Any, ...], phase: Any
    ) -> None:
        v = state[0]
        step, other = w[:2]
        np.multiply(g, g, step)
        np.multiply(step, c[1], step)
        np.multiply(v, c[0], v)
        np.add(v, step, v)
        if group["centered"]:
            mean = state[-1]
            np.multiply(g, c[1], other)
            np.multiply(mean, c[0], mean)
            np.add(mean, other, mean)
            np.multiply(mean, mean, step)
            np.subtract(v, step, step)
            np.maximum(step, c[5], out=step)
            np.sqrt(step, step)
        else:
            np.sqrt(v, step)
        np.add(step, c[2], step)
        np.divide(g, step, step)
        if group["momentum"] > 0:
            buffer = state[1]
            np.multiply(buffer, c[4], buffer)
            np.add(buffer, step, buffer)
            np.multiply(buffer, c[3], step)
        else:
            np.multiply(step, c[3], step)
        np.subtract(p, step, p)


class Adadelta(Optimizer):
    """Adadelta (Zeiler 2012): the step has the units of the parameter.

    ::

        v ← ρ·v + (1 - ρ)·g²
        d = sqrt(u + eps) / sqrt(v + eps) · g
        u ← ρ·u + (1 - ρ)·d²
        p ← p - lr·d

    Args:
        params: see :class:`Optimizer`.
        lr: a factor on the step; the paper has 1.
        rho: the share of the means that is kept.
        eps: keeps the first steps from zero.
        weight_decay: the L2 penalty's factor.
        maximize: ascend instead.

    State: ``step``, ``square_avg`` (v), ``acc_delta`` (u).
    """

    slot_names = ("square_avg", "acc_delta")
    coefficient_names = ("rho", "one_minus_rho", "eps", "lr")
    below_one: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize})

    def check(self, group: Group) -> None:
        super().check(group)
        if not 0.0 <= group["rho"] <= 1.0:
            raise ValueError(f"Adadelta: rho lies in [0, 1]; got {group['rho']!r}")

    def slots(self, group: Group) -> tuple[str, ...]:
        return ("square_avg", "acc_delta")

    def decays(self, group: Group) -> tuple[tuple[str, float, bool], ...]:
        return (("square_avg", group["rho"], False), ("acc_delta", group["rho"], False))

    def coefficients(self, group: Group, counters: Counters) -> Coefficients:
        return (counters[0] + 1,), (group["rho"], 1.0 - group["rho"], group["eps"], group["lr"]), None

    def update(
        self, group: Group, p: Any, g: Any, state: tuple[Any, ...], c: list[Any], w: tuple[Any, ...], phase: Any
    ) -> None:
        v, u = state
        step, other = w[:2]
        np.multiply(g, g, step)
        np.multiply(step, c[1], step)
        np.multiply(v, c[0], v)
        np.add(v, step, v)
        np.add(v, c[2], other)
        np.sqrt(other, other)
        np.add(u, c[2], step)
        np.sqrt(step, step)
        np.divide(step, other, step)
        np.multiply(step, g, step)
        np.multiply(step, step, other)
        np.multiply(other, c[1], other)
        np.multiply(u, c[0], u)
        np.add(u, other, u)
        np.multiply(step, c[3], step)
        np.subtract(p, step, p)
