"""Samples of the losses of a difference and of the binary cross-entropy of probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import Sample, away, case, normal, positive, samples, uniform


def _each(*args: Any, label: str, **options: Any) -> list[Sample]:
    return [
        case(*args, label=f"{label}, {reduction}", reduction=reduction, **options)
        for reduction in ("mean", "sum", "none")
    ]


def _reduced(elements: Callable[..., Any]) -> Callable[..., Any]:
    """The oracle of a loss, from that of one element."""

    def oracle(x: Any, y: Any, reduction: str = "mean", **options: Any) -> Any:
        x = np.asarray(x)
        values = elements(x, np.asarray(y).astype(x.dtype), **options).astype(x.dtype)
        if reduction == "none":
            return values
        return np.sum(values) if reduction == "sum" else np.sum(values) / max(values.size, 1)

    return oracle


def _huber(x: Any, y: Any, delta: float = 1.0) -> Any:
    d = np.abs(x - y)
    return np.where(d <= delta, d**2 / 2, delta * (d - delta / 2))


def _binary(x: Any, y: Any, weight: Any = None) -> Any:
    with np.errstate(divide="ignore"):
        loss = -(y * np.maximum(np.log(x), -100) + (1 - y) * np.maximum(np.log1p(-x), -100))
    return loss if weight is None else loss * weight


_EMPTY = np.zeros((0, 3))

samples(
    "mse_loss",
    *_each(normal(3, 4), normal(3, 4), label="plain"),
    *_each(normal(2, 1, 3), normal(2, 1, 3), label="three axes"),
    case(np.array(0.3), np.array(1.0), label="0-d"),
    case(normal(3), np.array([0, 1, 2]), label="integer target"),
    case(_EMPTY, _EMPTY, order=1, label="empty"),
    case(_EMPTY, _EMPTY, reduction="none", order=1, label="empty, none"),
    case(
        np.array([1.0, 2.0]),
        np.array([1.0, 4.0]),
        label="no error at one",
        expected=(np.array([0.0, -2.0]), np.array([0.0, 2.0])),
        order=1,
    ),
    oracle=_reduced(lambda x, y: (x - y) ** 2),
)

# Targets 0 and predictions away from 0: no kink nearby.
samples(
    "l1_loss",
    *_each(away(3, 4), 0.1 * away(3, 4, gap=0.01), label="plain"),
    case(np.array(0.3), np.array(1.0), label="0-d"),
    case(away(3) + 0.05, np.array([0, 0, 0]), label="integer target"),
    case(_EMPTY, _EMPTY, order=1, label="empty"),
    case(
        np.array([1.0, 2.0, 5.0]),
        np.array([1.0, 4.0, 4.0]),
        reduction="sum",
        label="equal",
        expected=(np.array([0.0, -1.0, 1.0]), np.array([0.0, 1.0, -1.0])),
        order=1,
    ),
    oracle=_reduced(lambda x, y: np.abs(x - y)),
)

samples(
    "huber_loss",
    *_each(np.array([[0.3, -0.4], [2.0, -3.0]]), np.array([[0.1, 0.2], [-0.3, 0.2]]), label="both branches"),
    *_each(np.array([0.3, -0.4, 2.0, -3.0]), np.array([0.1, 0.2, -0.3, 0.2]), delta=0.25, label="delta"),
    case(np.array(0.3), np.array(1.0), label="0-d"),
    case(normal(3) * 0.3, np.array([0, 0, 0]), label="integer target"),
    case(_EMPTY, _EMPTY, order=1, label="empty"),
    case(
        np.array([1.0, -1.0, 0.0]),
        np.array([0.0, 0.0, 0.0]),
        reduction="sum",
        label="where the branches meet",
        expected=(np.array([1.0, -1.0, 0.0]), np.array([-1.0, 1.0, 0.0])),
        order=1,
    ),
    oracle=_reduced(_huber),
)

samples(
    "binary_cross_entropy",
    *_each(uniform(0.05, 0.95, 3, 4), uniform(0, 1, 3, 4), label="plain"),
    *_each(uniform(0.05, 0.95, 3, 4), uniform(0, 1, 3, 4), weight=positive(4), label="weights"),
    case(uniform(0.1, 0.9, 3), np.array([0, 1, 1]), label="integers"),
    case(uniform(0.1, 0.9, 3), np.array([False, True, True]), label="bool"),
    case(np.array(0.3), np.array(1.0), label="0-d"),
    case(_EMPTY, _EMPTY, order=1, label="empty"),
    case(
        np.array([0.0, 1.0, 0.0, 1.0]),
        np.array([0.0, 1.0, 1.0, 0.0]),
        reduction="sum",
        label="certain",
        expected=(np.array([0.0, 0.0, -1e12, 1e12]), np.array([100.0, -100.0, 100.0, -100.0])),
        order=1,
    ),
    oracle=_reduced(_binary),
)
