"""Samples of polynomials, functions along axes, sets of elements, and what counts and packs."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Sample, away, case, normal, positive, samples, uniform

__all__: list[str] = []

# ---------------------------------------------------------------- polynomials

samples(
    "polyval",
    case(normal(4), normal(3)),
    case(normal(3), normal(2, 3), label="two axes"),
    case(normal(3), np.array(0.5), label="0-d"),
    case(normal(1), normal(3), label="constant", order=1),
    case(normal(3), np.array([0.0, 1.0]), label="at 0"),
)
for name in ("polyadd", "polysub"):
    samples(
        name,
        case(normal(4), normal(2)),
        case(normal(2), normal(4), label="the second is longer"),
        case(normal(3), normal(3), label="same degree"),
    )
samples(
    "polymul",
    case(normal(4), normal(2)),
    case(normal(2), np.array([0.0, 1.0, 2.0]), label="leading zero", order=1, expected=(None, None)),
    case(np.zeros(2), normal(2), label="zero", order=0),
    case(np.zeros(1), normal(2), label="one zero"),
)
samples(
    "polydiv",
    case(np.array([1.5, -2.0, 0.7, 3.0]), np.array([1.2, 0.5])),
    case(normal(3), positive(3), label="same degree"),
    case(normal(2), positive(3), label="the divisor is longer"),
    case(np.array([1.0, 3.0, 2.0]), np.array([1.0, 1.0]), order=0, label="without remainder"),
)
samples(
    "polyder",
    case(normal(4)),
    case(normal(4), 2, label="second"),
    case(normal(1), label="constant", order=0),
    case(normal(3), 0, label="none"),
)
samples(
    "polyint",
    case(normal(3)),
    case(normal(3), 2, normal(2), label="constants"),
    case(normal(3), 2, np.array(1.5), label="one constant"),
    case(normal(3), 0, label="none"),
)
samples(
    "poly",
    case(normal(3)),
    case(normal(1), label="one root"),
    case(normal(2) + 1j * normal(2), label="complex"),
    case(np.array([1 + 1j, 1 - 1j]), order=0, label="conjugate pair"),
    case(np.array([2.0, 3.0, 0.0]), label="zero"),
    case(np.array([[2.0, 1.0], [0.5, -1.0]]), label="matrix", order=1),
    oracle=np.poly,
)
samples(
    "roots",
    case(np.array([1.0, -0.5, -3.0, 1.0]), duck=False),
    case(np.array([0.0, 2.0, 1.0, -3.0, 0.0]), duck=False, order=0, label="zeros at both ends"),
    case(np.array([1.0, 0.5, 2.0]), duck=False, label="complex roots"),
    case(np.array([3.0]), duck=False, order=0, label="constant"),
)
samples(
    "vander",
    case(normal(3)),
    case(normal(3), 2),
    case(normal(2), 4, increasing=True, label="increasing"),
    case(np.array([0.0, 1.0, 2.0]), 4, label="zero"),
    case(normal(3), 1, order=0, label="one column"),
    case(np.zeros(0), 2, label="empty", order=0),
    oracle=np.vander,
)
_X = np.array([-1.0, -0.4, 0.3, 0.8, 1.5])
samples(
    "polyfit",
    case(_X, normal(5), 2),
    case(_X, normal(5, 2), 1, label="several right sides"),
    case(_X, normal(5), 1, w=positive(5), label="weights"),
    case(_X, normal(5), 1, cov=True, label="covariance", order=1),
    case(_X, normal(5), 1, cov="unscaled", label="covariance, unscaled", order=1),
    case(_X, normal(5, 2), 1, cov=True, label="covariance, several right sides", order=1),
)

# ---------------------------------------------------------------- along axes


def _scaled(row: Any, factor: float = 1.0) -> Any:
    return np.stack([np.sum(row * row), np.sum(row) * factor])


samples(
    "apply_along_axis",
    case(np.sum, 1, normal(2, 3)),
    case(_scaled, 0, normal(3, 2), label="a row of results"),
    case(_scaled, -2, normal(2, 3, 2), 2.0, label="negative axis, argument"),
    case(_scaled, 1, normal(2, 3), factor=3.0, label="keyword"),
    case(np.outer, 0, normal(2), normal(2), label="a matrix of results", order=1),
)
samples(
    "apply_over_axes",
    case(np.sum, normal(2, 3, 2), (0, -1)),
    case(np.max, away(2, 3), 1, label="one axis"),
    case(np.cumsum, normal(2, 3), [0, 1]),
)
samples(
    "unwrap",
    case(np.array([0.1, 3.0, 6.0, 9.5, -1.0])),
    case(uniform(-3, 3, 2, 4), axis=0, label="axis"),
    case(np.array([0.0, 0.9, 0.1, 0.95]), period=1.0, label="period"),
    case(uniform(-3, 3, 4), 4.0, label="discont"),
)

# ---------------------------------------------------------------- sets

_TIES = np.array([3.0, 1.0, 2.0, 1.0])
for name in ("unique_all", "unique_counts", "unique_inverse", "unique_values"):
    samples(
        name,
        case(away(2, 3), label="two axes"),
        case(
            away(3) + 1j * away(3), label="complex", float32=name != "unique_values"
        ),  # whose order is a matter of hash values
        case(np.array([2, 1, 2]), order=0, label="integers"),
        case(np.zeros((0, 3)), order=1, label="empty"),
        case(np.array(1.5), label="0-d"),
        case(np.array([np.nan, 1.0, np.nan, 0.5]), order=0, label="every NaN on its own", float32=False),
        case(_TIES, order=1, expected=(np.array([1.0, 1, 1, 0]),), label="ties", strided=False),
    )
samples(
    "union1d",
    case(away(3), away(2, 2) + 0.05),
    case(np.array([1.0, 2.0]), np.array([2.0, 3.0]), order=1, expected=(np.ones(2), np.array([0.0, 1]))),
)
samples(
    "intersect1d",
    case(np.array([3.0, 1.0, 2.0]), np.array([2.0, 3.0, 5.0]), order=1, expected=(np.array([1.0, 0, 1]), np.zeros(3))),
    case(np.array([3.0, 1.0, 2.0]), np.array([2.0, 3.0, 5.0]), True, return_indices=True, order=0, label="indices"),
)
samples(
    "setdiff1d",
    case(_TIES, np.array([3.0]), order=1, expected=(np.array([0.0, 1, 1, 0]), np.zeros(1))),
    case(away(3), away(2) + 0.05, True, order=0),
)
samples(
    "setxor1d",
    case(np.array([1.0, 2.0]), np.array([2.0, 3.0]), order=1, expected=(np.array([1.0, 0]), np.array([0.0, 1]))),
    case(away(3), away(2) + 0.05, True),
    case(np.zeros(0), np.zeros(0), order=0, label="empty"),
)
samples(
    "isin",
    case(_TIES, np.array([1.0, 5.0]), order=0),
    case(np.array([1, 2, 3]), np.array([[1], [3]]), invert=True, order=0, label="invert"),
    case(np.array([1, 2, 3]), np.array([3, 1]), assume_unique=True, kind="sort", order=0, label="by sorting"),
    case(normal(3), np.array(0.0), order=0, label="one element"),
    case(np.array([0.5, np.nan]), np.array([np.nan, 0.5]), order=0, label="NaN is in nothing"),
    case(np.zeros((0, 2)), [1.0], order=0, label="empty, list"),
)
samples(
    "sort_complex",
    case(away(4)),
    case(normal(3) + 1j * normal(3), label="complex"),
    case(np.array([3, 1], np.int8), order=0, label="integers"),
)
samples("lexsort", case((_TIES, np.array([1.0, 2.0, 1.0, 2.0])), order=0), case(normal(2, 3), order=0, label="matrix"))

# ---------------------------------------------------------------- counting and packing

samples(
    "histogram2d",
    case(away(6), away(6), 3),
    case(away(6), away(6), 3, None, True, label="density"),
    case(normal(6), normal(6), 3, [[-1, 1], [-2, 2]], True, order=0, label="range, density"),
    case(
        away(6),
        away(6),
        [2, np.array([-2.0, 0.05, 1.0, 3.0])],
        density=True,
        weights=positive(6),
        label="edges, weights, density",
    ),
    case(away(6), away(6), np.array([-2.0, 0.05, 1.0, 3.0]), density=True, label="the same edges twice"),
)
samples(
    "histogramdd",
    case(away(6, 2), 3),
    case([away(6), away(6)], 2, label="a list"),
    case(away(5), [2], weights=positive(5), density=True, label="one"),
)
_BITS = np.array([1, 0, 1, 1, 0, 0, 0, 1], np.uint8)
samples(
    "packbits",
    case(_BITS, order=0),
    case(np.stack([_BITS, _BITS[::-1]]), axis=-1, bitorder="little", order=0, label="axis"),
)
samples(
    "unpackbits",
    case(np.array([7, 200], np.uint8), order=0),
    case(np.array([[7], [200]], np.uint8), axis=1, count=3, order=0, label="count"),
)
samples(
    "ravel_multi_index",
    Sample(((np.array([0, 1]), np.array([2, 0])), (2, 3)), order=0),
    Sample(([np.array([3]), np.array([4])], (2, 3)), {"mode": "clip"}, order=0),
)
samples(
    "unravel_index", Sample((np.array([0, 5]), (2, 3)), order=0), Sample((np.array(4), (2, 3)), {"order": "F"}, order=0)
)
