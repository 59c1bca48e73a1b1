"""Gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from .base import Counters, Group, Optimizer

__all__ = ["SGD"]


class SGD(Optimizer):
    """Gradient descent ``p ← p - lr·d`` with optional momentum (Polyak 1964; Sutskever et al., ICML 2013).

    With ``g`` the gradient plus ``weight_decay·p``::

        b ← momentum·b + (1 - dampening)·g        (b ← g at the first step)
        d = g                                     without momentum
        d = b                                     with momentum
        d = g + momentum·b                        with Nesterov momentum

    Args:
        params: see :class:`Optimizer`.
        lr: the learning rate.
        momentum: the share of the last direction that is kept.
        dampening: how much less of the gradient enters the direction.
        weight_decay: the L2 penalty's factor.
        nesterov: look ahead; needs momentum and no dampening.
        maximize: ascend instead.

    State: ``momentum_buffer`` (b), and ``step``, the number of updates with momentum.

    >>> import autograd_np as ag
    >>> x = ag.Tensor([2.0], requires_grad=True)
    >>> optimizer = SGD([x], lr=0.25)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.tolist()
    [1.0]
    """

    pack_below = 4096  # two to five calls: copying into a pack soon costs as much
    block = 262144  # three arrays are in use at once, and the calls are few
    scratch = 1
    slot_names = ("momentum_buffer",)
    coefficient_names = ("lr", "momentum", "one_minus_dampening")
    at_least_zero: ClassVar[tuple[str, ...]] = ("lr", "momentum", "weight_decay")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
        )

    def check(self, group: Group) -> None:
        super().check(group)
        if group["nesterov"] and (not group["momentum"] > 0 or group["dampening"] != 0):
            raise ValueError(
                f"SGD: nesterov needs momentum and no dampening; got momentum {group['momentum']!r}, dampening {group['dampening']!r}"
            )

    def slots(self, group: Group) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] != 0 else ()

    def decays(self, group: Group) -> tuple[tuple[str, float, bool], ...]:
        return (("momentum_buffer", group["momentum"], True),)

    def coefficients(self, group: Group, counters: Counters) -> tuple[Counters, tuple[float, ...], Any]:
        if group["momentum"] == 0:
            return counters, (group["lr"],), None
        # The buffer starts at 0: with the whole gradient it is the gradient after the first step.
        share = 1.0 - group["dampening"] if counters[0] else 1.0
        return (counters[0] + 1,), (group["lr"], group["momentum"], share), None

    def update(
        self, group: Group, p: Any, g: Any, state: tuple[Any, ...], c: list[Any], w: tuple[Any, ...], phase: Any
    ) -> None:
        step = w[0]
        if group["momentum"] == 0:
            np.multiply(g, c[0], step)
        else:
            buffer = state[0]
            np.multiply(buffer, c[1], buffer)
            if group["dampening"] == 0:
                np.add(buffer, g, buffer)
            else:
                np.multiply(g, c[2], step)
                np.add(buffer, step, buffer)
            if group["nesterov"]:
                np.multiply(buffer, c[1], step)
                np.add(step, g, step)
                np.multiply(step, c[0], step)
            else:
                np.multiply(buffer, c[0], step)
        np.subtract(p, step, p)

    def _without_counts(self, values: dict[str, Any]) -> bool:
        return True  # PyTorch's state is the buffer alone
