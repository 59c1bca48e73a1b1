"""Optimizers that divide by a largest gradient, or look at signs alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from .base import Counters, Group, Optimizer

__all__ = ["Adamax", "Rprop"]


class Adamax(Optimizer):
    """Adam with the largest gradient in the place of the mean square (Kingma and Ba, ICLR 2015, section 7.1).

    ::

        m ← β₁·m + (1 - β₁)·g            u ← max(β₂·u, |g| + eps)
        p ← p - lr / (1 - β₁ᵗ) · m / u

    Args:
        params: see :class:`Optimizer`.
        lr: the learning rate.
        betas: β₁ and β₂.
        eps: keeps the division from zero.
        weight_decay: the L2 penalty's factor: g is the gradient plus ``weight_decay·p``.
        maximize: ascend instead.

    State: ``step`` (t), ``exp_avg`` (m), ``exp_inf`` (u).

    >>> import autograd_np as ag
    >>> x = ag.Tensor([5.0], requires_grad=True)
    >>> optimizer = Adamax([x], lr=0.5)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> round(x.item(), 6)
    4.5
    """

    scratch = 1
    slot_names: ClassVar[tuple[str, ...]] = ("exp_avg", "exp_inf")
    coefficient_names = ("beta1", "one_minus_beta1", "beta2", "eps", "lr_t")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        )

    def slots(self, group: Group) -> tuple[str, ...]:
        return self.slot_names

    def decays(self, group: Group) -> tuple[tuple[str, float, bool], ...]:
        return (("exp_avg", group["betas"][0], True),)

    def coefficients(self, group: Group, counters: Counters) -> tuple[Counters, tuple[float, ...], Any]:
        step = counters[0] + 1
        beta1, beta2 = group["betas"]
        return (step,), (beta1, 1.0 - beta1, beta2, group["eps"], group["lr"] / (1.0 - beta1**step)), None

    def update(
        self, group: Group, p: Any, g: Any, state: tuple[Any, ...], c: list[Any], w: tuple[Any, ...], phase: Any
    ) -> None:
        (m, u), work = state, w[0]
        np.multiply(g, c[1], work)
        np.multiply(m, c[0], m)
        np.add(m, work, m)
        np.absolute(g, work)
        np.add(work, c[3], work)
        np.multiply(u, c[2], u)
        np.maximum(u, work, out=u)
        np.divide(m, u, work)
        np.multiply(work, c[4], work)
        np.subtract(p, work, p)


class Rprop(Optimizer):
    """Resilient backpropagation (Riedmiller and Braun, 1993), for gradients of the whole data: steps that grow while the sign stays.

    ::

        d ← clip(d · (η₊ where g·g₋ > 0, η₋ where g·g₋ < 0, else 1), smallest, largest)
        g ← 0 where g·g₋ < 0
        p ← p - sign(g) · d            g₋ ← g

    Args:
        params: see :class:`Optimizer`.
        lr: the first step d.
        etas: η₋ in (0, 1) and η₊ above 1.
        step_sizes: the smallest and the largest step.
        maximize: ascend instead.

    State: ``step``, ``prev`` (g₋), ``step_size`` (d).

    Raises:
        ValueError: options that do not fit.
    """

    slot_names: ClassVar[tuple[str, ...]] = ("prev", "step_size")
    coefficient_names = ("shrink", "grow", "smallest", "largest", "one")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize})

    def check(self, group: Group) -> None:
        super().check(group)
        less, more = group["etas"]
        if not 0.0 < less < 1.0 < more:
            raise ValueError(f"Rprop: etas are a factor in (0, 1) and one above 1; got {group['etas']!r}")
        least, most = group["step_sizes"]
        if not 0.0 <= least <= most:
            raise ValueError(f"Rprop: step_sizes are the smallest and the largest step; got {group['step_sizes']!r}")

    def slots(self, group: Group) -> tuple[str, ...]:
        return self.slot_names

    def initial(self, group: Group, name: str) -> float:
        return float(group["lr"]) if name == "step_size" else 0.0

    def coefficients(self, group: Group, counters: Counters) -> tuple[Counters, tuple[float, ...], Any]:
        (less, more), (least, most) = group["etas"], group["step_sizes"]
        return (counters[0] + 1,), (1.0 - less, more - 1.0, least, most, 1.0), None

    def update(
        self, group: Group, p: Any, g: Any, state: tuple[Any, ...], c: list[Any], w: tuple[Any, ...], phase: Any
    ) -> None:
        (before, size), sign, work = state, w[0], w[1]
        np.multiply(g, before, sign)
        np.sign(sign, sign)
        np.maximum(sign, 0.0, out=work)  # 1 where the sign stays
        np.multiply(work, c[1], work)
        np.add(work, c[4], work)
        np.multiply(size, work, size)
        np.minimum(sign, 0.0, out=sign)  # -1 where it turns
        np.multiply(sign, c[0], work)
        np.add(work, c[4], work)
        np.multiply(size, work, size)
        np.maximum(size, c[2], out=size)
        np.minimum(size, c[3], out=size)
        np.add(sign, c[4], sign)
        np.multiply(g, sign, before)
        np.sign(before, sign)
        np.multiply(sign, size, sign)
        np.subtract(p, sign, p)
