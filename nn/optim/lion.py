"""Lion: the sign of a momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from .base import Counters, Group, Optimizer

__all__ = ["Lion"]


class Lion(Optimizer):
    """Lion (Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023, algorithm 2).

    ::

        u = sign(β₁·m + (1 - β₁)·g)
        p ← p - lr·(u + weight_decay·p)
        m ← β₂·m + (1 - β₂)·g

    Every step has the length lr in every coordinate, so its rate is 3 to 10 times smaller than Adam's, and
    its weight decay that much larger. The sign does not fade as a moment does: where no gradient comes for
    thousands of steps the update goes on, and moments are not rounded to zero (see :mod:`nn.optim.stepping`).

    Args:
        params: see :class:`Optimizer`.
        lr: the learning rate.
        betas: β₁ and β₂.
        weight_decay: decoupled, as in :class:`AdamW`.
        maximize: ascend instead.

    State: ``step``, ``exp_avg`` (m).

    >>> import autograd_np as ag
    >>> x = ag.Tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = Lion([x], lr=0.25)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.tolist()
    [0.75, -1.75]
    """

    slot_names = ("exp_avg",)
    coefficient_names = ("beta1", "one_minus_beta1", "beta2", "one_minus_beta2", "lr")
    at_least_zero: ClassVar[tuple[str, ...]] = ("lr", "weight_decay")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "decoupled_weight_decay": True,
            },
        )

    def check(self, group: Group) -> None:
        super().check(group)
        if not group["decoupled_weight_decay"]:
            raise ValueError("Lion: decoupled_weight_decay is always True; got False")

    def slots(self, group: Group) -> tuple[str, ...]:
        return ("exp_avg",)

    def coefficients(self, group: Group, counters: Counters) -> tuple[Counters, tuple[float, ...], Any]:
        beta1, beta2 = group["betas"]
        return (counters[0] + 1,), (beta1, 1.0 - beta1, beta2, 1.0 - beta2, group["lr"]), None

    def update(
        self, group: Group, p: Any, g: Any, state: tuple[Any, ...], c: list[Any], w: tuple[Any, ...], phase: Any
    ) -> None:
        m = state[0]
        step, other = w[:2]
        np.multiply(m, c[0], step)
        np.multiply(g, c[1], other)
        np.add(step, other, step)
        np.sign(step, step)
        np.multiply(step, c[4], step)
        np.subtract(p, step, p)
        np.multiply(m, c[2], m)
        np.multiply(g, c[3], other)
        np.add(m, other, m)
