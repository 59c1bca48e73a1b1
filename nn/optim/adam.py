"""Adam and its family: running means of the gradient and of its square."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from .base import Counters, Group, Optimizer

__all__ = ["Adam", "AdamW", "NAdam", "RAdam"]

Coefficients = tuple[Counters, tuple[float, ...], Any]


class Moments(Optimizer):
    """Optimizers that keep ``m ← β₁·m + (1 - β₁)·g`` and ``v ← β₂·v + (1 - β₂)·g²``; the first coefficients are β₁, 1 - β₁, β₂, 1 - β₂."""

    slot_names: ClassVar[tuple[str, ...]] = ("exp_avg", "exp_avg_sq")

    def slots(self, group: Group) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def decays(self, group: Group) -> tuple[tuple[str, float, bool], ...]:
        beta1, beta2 = group["betas"]
        return (("exp_avg", beta1, True), ("exp_avg_sq", beta2, False))

    @staticmethod
    def accumulate(g: Any, m: Any, v: Any, c: list[Any], w: Any) -> None:
        """Move both means towards the gradient."""
        np.multiply(g, c[1], w)
        np.multiply(m, c[0], m)
        np.add(m, w, m)
        np.multiply(g, g, w)
        np.multiply(w, c[3], w)
        np.multiply(v, c[2], v)
        np.add(v, w, v)


class Adam(Moments):
    """Adam (Kingma and Ba, ICLR 2015), with AMSGrad (Reddi, Kale and Kumar, ICLR 2018) as an option.

    ::

        m ← β₁·m + (1 - β₁)·g            v ← β₂·v + (1 - β₂)·g²
        p ← p - lr · m / (1 - β₁ᵗ) / (sqrt(v / (1 - β₂ᵗ)) + eps)

    Args:
        params: see :class:`Optimizer`.
        lr: the learning rate.
        betas: β₁ and β₂.
        eps: keeps the division from zero.
        weight_decay: the L2 penalty's factor: g is the gradient plus ``weight_decay·p``.
        amsgrad: divide by the largest v so far.
        maximize: ascend instead.
        decoupled_weight_decay: shrink p by ``1 - lr·weight_decay`` instead, as :class:`AdamW`.

    State: ``step`` (t), ``exp_avg`` (m), ``exp_avg_sq`` (v), with AMSGrad ``max_exp_avg_sq``.

    >>> import autograd_np as ag
    >>> x = ag.Tensor([5.0], requires_grad=True)
    >>> optimizer = Adam([x], lr=0.5)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> round(x.item(), 6)
    4.5
    >>> optimizer.state[x]["step"], optimizer.state[x]["exp_avg"].round(6).tolist()
    (1, [1.0])
    """

    scratch = 1
    slot_names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    coefficient_names = ("beta1", "one_minus_beta1", "beta2", "one_minus_beta2", "eps_t", "lr_t")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def slots(self, group: Group) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")

    def coefficients(self, group: Group, counters: Counters) -> Coefficients:
        step = counters[0] + 1
        beta1, beta2 = group["betas"]
        # lr/bias₁ · m / (sqrt(v)/root + eps) = (lr·root/bias₁) · m / (sqrt(v) + eps·root): one pass less.
        root = math.sqrt(1.0 - beta2**step)
        return (
            (step,),
            (beta1, 1.0 - beta1, beta2, 1.0 - beta2, group["eps"] * root, group["lr"] * root / (1.0 - beta1**step)),
            None,
        )

    def update(
        self, group: Group, p: Any, g: Any, state: tuple[Any, ...], c: list[Any], w: tuple[Any, ...], phase: Any
    ) -> None:
        m, v, step = state[0], state[1], w[0]
        self.accumulate(g, m, v, c, step)
        if group["amsgrad"]:
            v = np.maximum(state[2], v, out=state[2])
        np.sqrt(v, step)
        np.add(step, c[4], step)
        np.divide(m, step, step)
        np.multiply(step, c[5], step)
        np.subtract(p, step, p)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019): ``p ← p - lr·weight_decay·p`` before Adam's update.

    The arguments are those of :class:`Adam`; ``weight_decay`` is 0.01 unless given.

    >>> import autograd_np as ag
    >>> x = ag.Tensor([2.0], requires_grad=True)
    >>> optimizer = AdamW([x], lr=0.5, weight_decay=0.1)
    >>> (0.0 * x).sum().backward()
    >>> optimizer.step()
    >>> x.tolist()
    [1.9]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True)


class NAdam(Moments):
    """Adam with Nesterov momentum (Dozat 2016).

    With ``μₜ = β₁·(1 - 0.96^(t·momentum_decay) / 2)`` and m, v as in :class:`Adam`::

        d = (1 - μₜ)·g / (1 - Πμ₁…μₜ) + μₜ₊₁·m / (1 - Πμ₁…μₜ₊₁)
        p ← p - lr · d / (sqrt(v / (1 - β₂ᵗ)) + eps)

    Args:
        params: see :class:`Optimizer`.
        lr: the learning rate.
        betas: β₁ and β₂.
        eps: keeps the division from zero.
        weight_decay: the L2 penalty's factor.
        momentum_decay: how fast μ rises to β₁.
        decoupled_weight_decay: shrink p by ``1 - lr·weight_decay`` instead.
        maximize: ascend instead.

    State: ``step``, ``mu_product`` (Πμ₁…μₜ), ``exp_avg``, ``exp_avg_sq``.
    """

    counts = ("step", "mu_product")
    first_counts: ClassVar[Counters] = (0, 1.0)
    coefficient_names = (
        "beta1",
        "one_minus_beta1",
        "beta2",
        "one_minus_beta2",
        "eps_t",
        "lr_of_gradient",
        "lr_of_mean",
    )
    at_least_zero: ClassVar[tuple[str, ...]] = ("lr", "eps", "weight_decay", "momentum_decay")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
            },
        )

    def coefficients(self, group: Group, counters: Counters) -> Coefficients:
        step = counters[0] + 1
        beta1, beta2 = group["betas"]
        decay = group["momentum_decay"]
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (step * decay))
        mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((step + 1) * decay))
        product = counters[1] * mu
        root = math.sqrt(1.0 - beta2**step)
        of_gradient = group["lr"] * root * (1.0 - mu) / (1.0 - product)
        of_mean = group["lr"] * root * mu_next / (1.0 - product * mu_next)
        return (
            (step, product),
            (beta1, 1.0 - beta1, beta2, 1.0 - beta2, group["eps"] * root, of_gradient, of_mean),
            None,
        )

    def update(
        self, group: Group, p: Any, g: Any, state: tuple[Any, ...], c: list[Any], w: tuple[Any, ...], phase: Any
    ) -> None:
        m, v = state
        step, other = w[:2]
        self.accumulate(g, m, v, c, step)
        np.multiply(g, c[5], step)
        np.multiply(m, c[6], other)
        np.add(step, other, step)
        np.sqrt(v, other)
        np.add(other, c[4], other)
        np.divide(step, other, step)
        np.subtract(p, step, p)


class RAdam(Moments):
    """Rectified Adam (Liu et al., ICLR 2020): no division by sqrt(v) before its variance is tame, and a smaller step while it is high.

    With ``ρ∞ = 2 / (1 - β₂) - 1`` and ``ρₜ = ρ∞ - 2t·β₂ᵗ / (1 - β₂ᵗ)``::

        p ← p - lr · m / (1 - β₁ᵗ)                                                  while ρₜ ≤ 5
        p ← p - lr · m / (1 - β₁ᵗ) · rₜ · sqrt(1 - β₂ᵗ) / (sqrt(v) + eps)           then
        rₜ = sqrt((ρₜ - 4)(ρₜ - 2)ρ∞ / ((ρ∞ - 4)(ρ∞ - 2)ρₜ))

    Args:
        params: see :class:`Optimizer`.
        lr: the learning rate.
        betas: β₁ and β₂.
        eps: keeps the division from zero.
        weight_decay: the L2 penalty's factor.
        decoupled_weight_decay: shrink p by ``1 - lr·weight_decay`` instead.
        maximize: ascend instead.

    State: ``step``, ``exp_avg``, ``exp_avg_sq``.
    """

    scratch = 1
    coefficient_names = ("beta1", "one_minus_beta1", "beta2", "one_minus_beta2", "eps", "lr_t")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
            },
        )

    def coefficients(self, group: Group, counters: Counters) -> Coefficients:
        step = counters[0] + 1
        beta1, beta2 = group["betas"]
        longest = 2.0 / (1.0 - beta2) - 1.0
        bias2 = 1.0 - beta2**step
        length = longest - 2.0 * step * beta2**step / bias2
        rate = group["lr"] / (1.0 - beta1**step)
        rectified = length > 5.0
        if rectified:
            rate *= math.sqrt(
                (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length) * bias2
            )
        return (step,), (beta1, 1.0 - beta1, beta2, 1.0 - beta2, group["eps"], rate), rectified

    def update(
        self, group: Group, p: Any, g: Any, state: tuple[Any, ...], c: list[Any], w: tuple[Any, ...], phase: Any
    ) -> None:
        m, v = state
        step = w[0]
        self.accumulate(g, m, v, c, step)
        if phase:
            np.sqrt(v, step)
            np.add(step, c[4], step)
            np.divide(m, step, step)
            np.multiply(step, c[5], step)
        else:
            np.multiply(m, c[5], step)
        np.subtract(p, step, p)
