"""Samples of the reductions and the cumulative functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import away, case, normal, samples

__all__: list[str] = []

MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, False, True]])
ROW = np.array([True, False, True, True])
NOTHING = np.zeros((3, 4), bool)
FLAT = np.full((2, 3), 0.1)


def _axes(make: Any) -> list[Any]:
    """The ways to give axes, which every reduction has."""
    return [
        case(make(3, 4), label="all axes"),
        case(make(3, 4), axis=0),
        case(make(3, 3), axis=0, label="square"),
        case(make(3, 4), axis=-1, label="negative axis"),
        case(make(2, 3, 4), axis=1, label="middle axis"),
        case(make(2, 3, 4), axis=(0, 2), label="tuple of axes"),
        case(make(2, 3, 4), axis=(-1, 0), label="negative tuple, unordered"),
        case(make(2, 3, 2), axis=(0, 1, 2), label="tuple of all axes"),
        case(make(2, 3), axis=(), label="no axes"),
        case(make(3, 4), axis=1, keepdims=True, label="keepdims"),
        case(make(2, 3), keepdims=True, label="all axes, keepdims"),
        case(make(2, 3, 4), axis=(1, 2), keepdims=True, label="tuple, keepdims"),
        case(make(1, 3), axis=0, label="size-1 axis"),
        case(make(1), label="one element"),
        case(make(1, 1), axis=1, label="one element, one axis"),
        case(make(), label="0-d"),
        case(make(5, 1, 3), axis=(1, 2), label="size-1 axis in a tuple"),
    ]


_masked = [
    case(away(3, 4), where=MASK, label="where"),
    case(away(3, 4), axis=0, where=MASK, label="where, axis"),
    case(away(3, 4), axis=-1, keepdims=True, where=MASK, label="where, keepdims"),
    case(away(3, 4), axis=1, where=ROW, label="where broadcasts"),
    case(away(3, 4), axis=0, where=MASK[:, :1], label="where broadcasts along the other axis"),
]
_integers = [
    case(np.arange(6).reshape(2, 3), axis=1, order=0, label="integers"),
    case(np.array([True, False, True]), order=0, label="booleans"),
]

samples(
    "sum",
    *_axes(normal),
    *_masked,
    *_integers,
    case(normal(0, 3), axis=0, label="empty"),
    case(normal(2, 0), axis=0, label="empty result"),
    case(normal(0), label="sum of nothing"),
    case(normal(3, 4), axis=0, initial=2.5, label="initial"),
    case(normal(3, 4), initial=-1.0, where=MASK, label="initial and where"),
    case(normal(3, 4), where=NOTHING, label="where takes nothing"),
    case(normal(3, 4), axis=1, dtype=np.float64, label="dtype"),
    case(normal(3, 4), axis=1, dtype=np.float32, order=0, label="smaller dtype"),
    case(normal(70, 70), axis=0, label="large", order=1),
)
samples(
    "mean",
    *_axes(normal),
    *_masked,
    *_integers,
    case(normal(2, 0), axis=0, label="empty result"),
    case(normal(3, 4), axis=1, dtype=np.float64, label="dtype"),
    case(normal(70, 70), axis=1, label="large", order=1),
)

_spread = [
    each
    for each in _axes(normal)
    if (each.args[0].size > 1 and each.kwargs.get("axis") not in ((), 0)) or each.label == ""
]
for name in ("var", "std"):
    samples(
        name,
        *_spread,
        *_masked,
        *_integers,
        case(normal(3, 4), axis=0, ddof=1, label="ddof"),
        case(normal(3, 4), axis=-1, correction=1, label="correction"),
        case(normal(3, 4), axis=0, ddof=0.5, keepdims=True, label="fractional ddof"),
        case(normal(3, 4), ddof=1, where=MASK, label="ddof and where"),
        case(normal(2, 0), axis=0, label="empty result"),
        case(normal(3, 4), axis=1, dtype=np.float64, label="dtype"),
        case(normal(3, 4) + 100.0, axis=1, label="far from 0", rtol=1e-5),
        case(normal(3, 4), axis=1, mean=normal(3, 1), label="another mean"),
        case(normal(2, 3, 4), axis=(0, 2), mean=normal(1, 3, 1), ddof=1, keepdims=True, label="another mean, tuple"),
        case(FLAT, axis=1, order=1, expected=(np.zeros((2, 3)),), label="all equal"),
        case(np.array([[4.0]]), axis=1, order=1, expected=(np.zeros((1, 1)),), label="one element"),
    )

samples(
    "prod",
    *_axes(normal),
    *_masked,
    *_integers,
    case(normal(0, 3), axis=0, label="empty"),
    case(normal(2, 0), axis=0, label="empty result"),
    case(np.array([2.0, 0.0, 5.0]), label="one zero"),
    case(np.array([2.0, 0.0, 0.0, 3.0]), label="two zeros"),
    case(np.zeros((2, 3)), axis=1, label="zeros"),
    case(np.array([[0.0, 2.0, 0.0], [1.5, 0.0, -2.0]]), axis=(0, 1), label="zeros over two axes"),
    case(
        np.array([[0.0, 2.0, 0.0], [1.5, 0.0, -2.0]]),
        axis=1,
        where=np.array([[False, True, True], [True, True, True]]),
        label="zeros and where",
    ),
    case(normal(3, 4), axis=0, initial=2.5, label="initial"),
    case(normal(3, 4), initial=0.0, label="initial 0"),
    case(normal(3, 4), axis=1, dtype=np.float64, label="dtype"),
)

_tied = np.array([[1.0, 3.0, 3.0, 0.0], [2.0, 2.0, 2.0, 2.0], [5.0, 1.0, 1.0, 1.0]])
for name, sign in (("max", 1.0), ("min", -1.0)):
    samples(
        name,
        *_axes(away),
        *_integers[:1],
        case(normal(2, 0), axis=0, label="empty result"),
        case(away(3, 4), axis=0, initial=sign * 0.15, label="initial"),
        case(away(3, 4), axis=1, initial=sign * 100.0, label="initial wins"),
        case(away(3, 4), axis=1, initial=-sign * 100.0, where=MASK, label="initial and where"),
        case(away(3, 4), initial=sign * 0.15, where=NOTHING, label="where takes nothing"),
        case(
            sign * _tied,
            axis=1,
            order=1,
            expected=(np.array([[0, 0.5, 0.5, 0], [0.25] * 4, [1, 0, 0, 0]]),),
            label="ties",
        ),
        case(sign * _tied, order=1, expected=(np.array([[0.0] * 4, [0.0] * 4, [1, 0, 0, 0]]),), label="ties, all axes"),
        case(
            np.zeros((2, 2)), axis=(0, 1), keepdims=True, order=1, expected=(np.full((2, 2), 0.25),), label="all equal"
        ),
        case(
            sign * np.array([1.0, 3.0, 3.0]),
            initial=sign * 3.0,
            order=1,
            expected=(np.array([0, 1 / 3, 1 / 3]),),
            label="ties with initial",
        ),
        case(
            sign * np.array([3.0, 1.0, 3.0]),
            initial=-sign * 9.0,
            where=np.array([True, True, False]),
            order=1,
            expected=(np.array([1.0, 0, 0]),),
            label="a tie left out by where",
        ),
        case(np.array([1.0, np.nan, 2.0]), order=1, expected=(np.array([0.0, 1, 0]),), label="NaN"),
    )
samples("ptp", *_axes(away), case(np.full(3, 2.0), order=1, expected=(np.zeros(3),), label="all equal"))

samples(
    "logsumexp",
    *_axes(normal),
    case(normal(3, 4) * 5, axis=1, label="spread"),
    case(normal(3, 4) + 1000.0, axis=0, label="large", float32=False, rtol=1e-5),
    case(normal(3, 4) - 1000.0, axis=0, label="small", float32=False, rtol=1e-5),
    case(np.array([[1.0, -np.inf, 2.0], [0.5, 1.0, -np.inf]]), axis=1, order=1, label="some -inf", expected=(
        np.array([[1 / (1 + np.e), 0, np.e / (1 + np.e)], [1 / (1 + np.exp(0.5)), np.exp(0.5) / (1 + np.exp(0.5)), 0]]),
    )),
    case(np.full((2, 3), -np.inf), axis=1, order=1, expected=(np.zeros((2, 3)),), label="all -inf"),
    case(normal(0, 3), axis=0, label="empty", order=0),
    case(normal(2, 0), axis=0, label="empty result"),
    case(np.arange(6).reshape(2, 3), axis=1, order=0, label="integers"),
    oracle=lambda x, axis=None, keepdims=False: _logsumexp(x, axis, keepdims),
)  # fmt: skip


def _logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    wide = np.asarray(x, np.clongdouble if np.iscomplexobj(x) else np.longdouble)
    with np.errstate(divide="ignore"):
        value = np.log(np.sum(np.exp(wide), axis=axis, keepdims=keepdims))
    return value.astype(np.result_type(x, np.float32) if np.asarray(x).dtype.kind in "fc" else float)


for name in ("any", "all"):
    samples(
        name,
        case(MASK, order=0),
        case(MASK, axis=-1, order=0, label="negative axis"),
        case(normal(2, 3, 4), axis=(0, 2), keepdims=True, order=0, label="tuple, keepdims"),
        case(MASK, axis=0, where=ROW, order=0, label="where"),
        case(normal(0, 3), axis=0, order=0, label="empty"),
        case(normal(), order=0, label="0-d"),
    )
for name in ("argmax", "argmin"):
    samples(
        name,
        case(normal(3, 4), order=0),
        case(normal(3, 4), axis=-1, order=0, label="negative axis"),
        case(_tied, axis=1, keepdims=True, order=0, label="ties, keepdims"),
        case(normal(), order=0, label="0-d"),
    )
samples(
    "count_nonzero",
    case(MASK, order=0, label="all axes"),
    case(np.array([[0.0, 1.0], [2.0, 3.0]]), axis=0, order=0, label="axis"),
    case(MASK, axis=(0, 1), keepdims=True, order=0, label="tuple, keepdims"),
)


def _winners(x: Any, top: Any, axis: Any, initial: Any, where: Any) -> Any:
    mask = (np.moveaxis(x, axis, -1) == np.moveaxis(top, axis, -1)) & where
    return np.moveaxis(mask / mask.sum(-1, keepdims=True), -1, axis).astype(x.dtype)


samples("winners", case(_tied, _tied.max(1, keepdims=True), 1, None, True, order=0), oracle=_winners)
samples(
    "peak",
    case(np.array([[1.0, -3.0], [0.0, 0.0]]), 1, order=0),
    oracle=lambda x, axis: np.array([[3.0], [1.0]], x.dtype),
)

# ---------------------------------------------------------------- cumulative


def _running(make: Any) -> list[Any]:
    return [
        case(make(5), label="one axis", axis=0),
        case(make(3, 4), axis=0),
        case(make(3, 3), axis=0, label="square"),
        case(make(3, 4), axis=-1, label="negative axis"),
        case(make(2, 3, 4), axis=1, label="middle axis"),
        case(make(3, 1), axis=1, label="size-1 axis"),
        case(make(1), axis=0, label="one element"),
        case(make(0, 3), axis=0, label="empty"),
        case(make(2, 0), axis=0, label="empty, other axis"),
    ]


_flat = [
    case(normal(2, 3), label="flat"),
    case(normal(), label="0-d"),
    case(normal(3, 4), axis=1, dtype=np.float64, label="dtype"),
]
_whole = [case(np.arange(6).reshape(2, 3), axis=1, order=0, label="integers")]
samples("cumsum", *_running(normal), *_flat, *_whole)
_zeros = [
    case(np.array([2.0, 0.0, 5.0]), axis=0, label="one zero"),
    case(np.array([2.0, 0.0, 0.0, 3.0, 0.0]), axis=0, label="three zeros"),
    case(np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 0.0]]), axis=0, label="zeros in columns"),
    case(np.zeros((2, 3)), axis=1, label="zeros"),
    case(normal(9), axis=0, label="nine"),
]
samples("cumprod", *_running(normal), *_flat, *_whole, *_zeros)
for name in ("cumulative_sum", "cumulative_prod"):
    samples(
        name,
        case(normal(4), label="one axis"),
        case(normal(4), include_initial=True, label="include_initial"),
        case(normal(2, 3), axis=-1, include_initial=True, label="negative axis, include_initial"),
        case(normal(2, 3), axis=0, dtype=np.float64, label="dtype"),
    )


def _recurrence(a: Any, b: Any) -> Any:
    s = b.copy()
    for i in range(1, b.shape[-1]):
        s[..., i] += a[..., i] * s[..., i - 1]
    return s


samples(
    "recurrence",
    case(normal(5), normal(5), label="odd length", float32=False),
    case(normal(2, 8), normal(2, 8), label="rows", float32=False),
    case(normal(1), normal(1), label="one"),
    case(normal(2, 0), normal(2, 0), label="empty"),
    case(np.array([1.0, 0.0, 2.0, 0.0]), normal(4), label="zeros"),
    oracle=_recurrence,
)


_rises = np.array([1.0, 3.0, 2.0, 3.0, 3.0, 5.0])
samples(
    "maximum_accumulate",
    *_running(away),
    case(_rises, order=1, expected=(np.array([1, 2 + 1 / 2 + 1 / 3, 0, 1 / 2 + 1 / 3, 1 / 3, 1]),), label="ties"),
    oracle=np.maximum.accumulate,
)
samples(
    "minimum_accumulate",
    *_running(away),
    case(-_rises, order=1, expected=(np.array([1, 2 + 1 / 2 + 1 / 3, 0, 1 / 2 + 1 / 3, 1 / 3, 1]),), label="ties"),
    oracle=np.minimum.accumulate,
)
samples(
    "runs",
    case(np.array([1.0, 3.0, 2.0]), np.array([1.0, 3.0, 3.0]), order=0),
    oracle=lambda x, top: (
        np.array([1.0, 1, 0], x.dtype),
        np.array([1.0, 1, 1], x.dtype),
        np.array([0.0, 0, 1], x.dtype),
    ),
)
samples(
    "logcumsumexp",
    *_running(normal),
    case(normal(4) * 5, label="spread"),
    case(np.array([-np.inf, -np.inf, 0.0]), order=1, expected=(np.array([0.0, 0, 1]),), label="begins with -inf"),
    case(np.full(3, -np.inf), order=1, expected=(np.zeros(3),), label="all -inf"),
    oracle=np.logaddexp.accumulate,
)
samples(
    "scatter_last",
    case(normal(2, 3), np.array([[0, 2, 2], [1, 1, 1]]), 4, label="repeats"),
    case(normal(2, 0), np.zeros((2, 0), int), 2, label="empty"),
    case(normal(2, 3), np.array([3, 0, 1]), 4, label="one index for all rows"),
    oracle=lambda g, index, size: np.sum(
        (np.broadcast_to(index, g.shape)[..., None] == np.arange(size)) * g[..., None], axis=-2, dtype=g.dtype
    ),
)
samples(
    "add_reduceat",
    case(normal(6), [0, 2, 5], label="segments"),
    case(normal(6), [3, 1, 4, 4], label="segments that do not advance"),
    case(normal(2, 6), [0, 4], axis=-1, label="negative axis"),
    case(normal(4, 2), np.array([1, 3]), axis=0, label="a head left out"),
    oracle=np.add.reduceat,
)
samples(
    "taken_last",
    case(normal(2, 4), np.array([0, 3, 3]), label="repeats"),
    case(normal(4), np.array([[1, 0], [1, 1]]), label="a shape of its own"),
    case(normal(4), np.zeros(0, int), label="empty"),
    oracle=lambda x, index: x[..., index],
)

for name in ("sum", "mean", "var", "std", "prod", "logsumexp", "cumsum", "cumprod"):
    samples(name, case(normal(3, 4) + 1j * normal(3, 4), axis=1, label="complex"))
samples(
    "var",
    case(
        normal(3, 3) + 1j * normal(3, 3),
        axis=0,
        ddof=1,
        mean=normal(1, 3) + 1j * normal(1, 3),
        label="complex, another mean",
    ),
)
samples(
    "std",
    case(
        normal(3, 3) + 1j * normal(3, 3),
        axis=0,
        ddof=1,
        mean=normal(1, 3) + 1j * normal(1, 3),
        label="complex, another mean",
    ),
)
samples("recurrence", case(normal(3, 3) + 1j * normal(3, 3), normal(3, 3) + 1j * normal(3, 3), label="complex, square"))
