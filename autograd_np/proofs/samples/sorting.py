"""Samples of sorting, order statistics and searching."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import away, case, normal, samples

__all__: list[str] = []

_TIES = np.array([2.0, 1.0, 2.0, 1.0])

for name in ("sort", "argsort"):
    order = 2 if name == "sort" else 0
    samples(
        name,
        case(away(6), order=order, label="one axis"),
        case(away(3, 4), order=order, label="last axis"),
        case(away(3, 4), axis=0, order=order),
        case(away(2, 3, 2), axis=-2, order=order, label="negative axis"),
        case(away(2, 3), axis=None, order=order, label="flat"),
        case(away(3, 4), kind="stable", order=order, label="kind"),
        case(away(3, 4), stable=True, order=order, label="stable"),
        case(away(3, 1), order=order, label="size-1 axis"),
        case(normal(2, 0), order=order, label="empty"),
        case(np.array([3, 1, 2]), order=0, label="integers"),
    )
samples("sort", case(_TIES, kind="stable", order=1, expected=(np.ones(4),), label="ties"))
for name in ("partition", "argpartition"):
    order = 2 if name == "partition" else 0
    samples(
        name,
        case(away(7), 3, order=order, label="one axis"),
        case(away(3, 5), (1, 3), axis=-1, order=order, label="two places"),
        case(away(5, 3), 2, axis=0, order=order),
        case(away(2, 3), 4, axis=None, order=order, label="flat"),
    )
samples("partition", case(_TIES, 1, order=1, expected=(np.ones(4),), label="ties"))

_Q = np.array([[0.1, 0.5, 0.9], [0.0, 1.0, 0.33]])
_HOLED = np.array([[1.0, np.nan, 3.0, 7.0], [np.nan, np.nan, 2.0, 5.0]])
for name in ("median", "nanmedian"):
    samples(
        name,
        case(away(5), label="odd"),
        case(away(6), label="even"),
        case(away(3, 4), label="all axes"),
        case(away(3, 3), axis=0, label="square"),
        case(away(3, 4), axis=-1, label="negative axis"),
        case(away(2, 3, 4), axis=(0, 2), label="tuple"),
        case(away(3, 4), axis=0, keepdims=True, label="keepdims"),
        case(away(1), label="one element"),
        case(normal(), label="0-d"),
    )
samples(
    "nanmedian", case(_HOLED, axis=1, order=1, expected=(np.array([[0, 0, 1.0, 0], [0, 0, 0.5, 0.5]]),), label="NaN")
)
samples("median", case(_TIES, order=0, label="ties"))

for name, scale in (("quantile", 1), ("nanquantile", 1), ("percentile", 100), ("nanpercentile", 100)):
    samples(
        name,
        case(away(5), 0.3 * scale, label="one axis"),
        case(away(3, 4), 0.3 * scale, label="all axes"),
        case(away(3, 4), 0.7 * scale, axis=-1, keepdims=True, label="keepdims"),
        case(away(3, 4), _Q * scale, axis=0, label="an array of q"),
        case(away(2, 3, 4), _Q[0] * scale, axis=(0, -1), keepdims=True, label="tuple, keepdims"),
        case(away(4), 1 * scale, label="largest"),
        *[
            case(away(7), _Q[0] * scale, method=method, label=method)
            for method in (
                "inverted_cdf",
                "averaged_inverted_cdf",
                "closest_observation",
                "interpolated_inverted_cdf",
                "hazen",
                "weibull",
                "median_unbiased",
                "normal_unbiased",
                "lower",
                "higher",
                "nearest",
                "midpoint",
            )
        ],
    )
samples(
    "nanquantile",
    case(_HOLED, 0.25, axis=1, order=1, expected=(np.array([[0.5, 0, 0.5, 0], [0, 0, 0.75, 0.25]]),), label="NaN"),
)
samples(
    "nanpercentile",
    case(_HOLED, 25, axis=1, order=1, expected=(np.array([[0.5, 0, 0.5, 0], [0, 0, 0.75, 0.25]]),), label="NaN"),
)


def _places(x: Any, q: Any, method: str, skip: bool) -> Any:
    return np.array([2]), np.array([0]), np.array([0.75], x.dtype), np.array([0.25], x.dtype)


samples("places", case(np.array([3.0, 5.0, 1.0]), 0.125, "linear", False, order=0), oracle=_places)

samples(
    "unique",
    case(away(5), label="no repeats"),
    case(away(2, 3), label="flat"),
    case(away(3, 2), axis=0, label="axis"),
    case(_TIES, order=1, expected=(np.array([1.0, 1, 0, 0]),), label="first of equal ones"),
    case(_TIES, return_index=True, return_inverse=True, return_counts=True, order=0, label="all results"),
)
samples(
    "unique_indices",
    case(_TIES, None, True, order=0),
    oracle=lambda x, axis, equal_nan: (np.array([1, 0]), np.array([1, 0, 1, 0]), np.array([2, 2])),
)
samples(
    "searchsorted",
    case(np.arange(4.0), normal(3), order=0, label="array"),
    case(np.arange(4.0), 2.0, side="right", order=0, label="number, right"),
    case(np.array([3.0, 1.0, 2.0]), normal(2, 2), sorter=np.array([1, 2, 0]), order=0, label="sorter"),
)
samples(
    "digitize",
    case(normal(3, 2), np.array([-1.0, 0.0, 1.0]), order=0),
    case(normal(3), np.array([1.0, 0.0]), right=True, order=0, label="falling, right"),
)
samples(
    "bincount",
    case(np.array([0, 2, 2, 1]), order=0, label="counts"),
    case(np.array([0, 2, 2, 1]), normal(4), label="weights"),
    case(np.array([0, 2, 2, 1]), normal(4), 6, label="minlength"),
)
