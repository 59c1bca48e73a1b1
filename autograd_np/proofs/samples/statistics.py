"""Samples of weighted means, covariances, histograms, differences, interpolation and convolution."""

from __future__ import annotations

import numpy as np

from . import away, case, normal, positive, samples

__all__: list[str] = []

samples(
    "average",
    case(normal(3, 4), label="no weights"),
    case(normal(3, 4), axis=-1, keepdims=True, label="keepdims"),
    case(normal(3, 4), weights=positive(3, 4), label="weights"),
    case(normal(3, 4), axis=0, weights=positive(3), label="weights of an axis"),
    case(normal(3, 4), axis=-1, weights=positive(4), keepdims=True, label="weights of the last axis"),
    case(normal(2, 3, 4), axis=(2, 0), weights=positive(4, 2), label="weights of two axes"),
    case(normal(3, 4), axis=1, weights=positive(4), returned=True, label="returned"),
    case(normal(3, 4), axis=0, returned=True, label="returned, no weights"),
    case(np.arange(6).reshape(2, 3), axis=0, order=0, label="integers"),
)
samples(
    "cov",
    case(normal(3, 5)),
    case(normal(5), label="one variable"),
    case(normal(2, 4), normal(3, 4), label="y"),
    case(normal(5, 2), rowvar=False, label="columns"),
    case(normal(2, 4), bias=True, label="bias"),
    case(normal(2, 4), ddof=0, fweights=np.array([1, 2, 0, 1]), label="fweights"),
    case(normal(2, 4), fweights=np.array([1, 2, 3, 1]), label="fweights, ddof 1"),
    case(normal(2, 4), aweights=positive(4), label="aweights"),
    case(normal(2, 4), fweights=np.array([1, 2, 3, 1]), aweights=positive(4), label="both weights"),
)
samples(
    "corrcoef",
    case(normal(3, 5)),
    case(normal(5), normal(5), label="y"),
    case(normal(5, 2), rowvar=False, label="columns"),
)
samples(
    "histogram",
    case(away(20), label="default bins"),
    case(normal(4, 5), bins=4, range=(-1.0, 1.0), density=True, order=0, label="range, density"),
    case(away(12), 3, density=True, label="density"),
    case(away(12), np.array([-2.0, 0.05, 1.0, 3.0]), density=True, label="edges, density"),
    case(away(9), 3, weights=positive(9), density=True, label="weights of real data, density"),
    case(away(9), "sturges", density=True, label="bins by name"),
    case(np.full(3, 2.0), 2, label="equal elements", order=0),
    case(np.array([0, 1, 2, 2, 5]), [0.0, 1.0, 2.0], weights=normal(5), label="weights"),
    case(np.array([0, 1, 2, 2, 5]), 3, weights=positive(5), density=True, label="weights, density"),
)
samples(
    "histogram_counts",
    case(normal(9), 3, None, None, order=0),
    oracle=np.histogram,
)
samples("histogram_edges", case(normal(9), 3, None, None, order=0), oracle=np.histogram_bin_edges)
samples(
    "histogram_bin_edges",
    case(away(6)),
    case(normal(6), 3, (-1.0, 1.0), order=0, label="range"),
    case(away(6), "doane", label="bins by name"),
)
samples(
    "bin_numbers",
    case(np.array([-1.0, 0.0, 0.5, 2.0, 3.0]), np.array([0.0, 1.0, 2.0]), order=0),
    oracle=lambda x, edges: np.array([2, 0, 0, 1, 2]),
)
samples(
    "segments",
    case(np.array([-1.0, 0.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.0]), order=0),
    oracle=lambda x, xp: np.array([0, 0, 1, 1, 1]),
)
samples(
    "diff",
    case(normal(5)),
    case(normal(3, 4), axis=0),
    case(normal(2, 5), n=3, label="three times"),
    case(normal(2, 4), n=0, label="not at all"),
    case(normal(2, 3), axis=-2, prepend=normal(1, 3), append=normal(2, 3), label="ends"),
    case(normal(2, 3), prepend=0.0, label="a number before"),
    case(normal(2), n=2, label="nothing left"),
    case(np.array([True, False, False]), order=0, label="booleans"),
)
samples(
    "ediff1d",
    case(normal(2, 3)),
    case(normal(4), to_end=normal(2), to_begin=normal(1), label="ends"),
)
_GRID = np.array([0.0, 0.5, 2.0, 3.0])
samples(
    "gradient",
    case(normal(5)),
    case(normal(3, 4), label="all axes"),
    case(normal(3, 4), 0.5, label="spacing"),
    case(normal(3, 4), 0.5, 2.0, edge_order=2, label="spacings, edge_order 2"),
    case(normal(2, 4), _GRID, axis=-1, label="coordinates", float32=False),
    case(normal(4, 3), _GRID, axis=0, edge_order=2, label="coordinates, edge_order 2", float32=False),
    case(normal(3, 4), axis=(1, 0), label="axes"),
    case(np.arange(6), order=0, label="integers"),
)
samples(
    "trapezoid",
    case(normal(5)),
    case(normal(3, 4), dx=0.5, axis=0, label="dx"),
    case(normal(3, 4), _GRID, label="x"),
    case(normal(3, 4), normal(3, 4), axis=-1, label="x of the same shape"),
    case(normal(3, 2), normal(3), axis=0, label="x along the first axis"),
)
samples(
    "interp",
    case(np.array([0.2, 1.3, 2.9]), _GRID, normal(4), label="inside"),
    case(np.array([[-1.0, 1.3], [2.9, 5.0]]), _GRID, normal(4), label="outside"),
    case(np.array([-1.0, 1.3, 5.0]), _GRID, normal(4), left=1.5, right=-2.0, label="left and right"),
    case(np.array([-1.3, 1.3, 9.1]), _GRID, normal(4), period=3.5, label="period"),
    case(np.array([-1.3, 2.3]), np.array([1.0]), normal(1), order=0, label="one point"),
    case(np.array([0.5, 3.0]), np.arange(4), np.arange(4), order=1, expected=(np.ones(2),), label="at points"),
)
samples(
    "convolve",
    case(normal(3), normal(), label="0-d"),
    case(normal(), normal(2), "same", label="0-d first"),
    case(normal(3), 2.0, label="a Python number"),
)
for name in ("convolve", "correlate"):
    samples(
        name,
        *[
            case(normal(n), normal(m), mode, label=f"{n}, {m}, {mode}")
            for n, m in ((5, 3), (3, 5), (5, 2), (2, 5), (4, 4), (1, 3), (1, 1), (6, 4), (4, 6))
            for mode in ("full", "same", "valid")
        ],
        case(normal(5), normal(3), label="default mode"),
        case(normal(4) + 1j * normal(4), normal(2) + 1j * normal(2), "same", label="complex"),
    )
