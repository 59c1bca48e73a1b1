"""Samples of functions made of primitives: products of several kinds, and selection among several arrays."""

from __future__ import annotations

import numpy as np

from . import case, normal, samples

_MASK = np.array([True, False, True, True])
_GRID = np.array([[True, False, True, False], [False, False, True, True], [True, True, False, False]])

# ---------------------------------------------------------------- products

samples(
    "kron",
    case(normal(2, 3), normal(3, 2)),
    case(normal(3), normal(2), label="vectors"),
    case(normal(2), normal(2, 3), label="left has fewer axes"),
    case(normal(2, 1, 2), normal(2, 2), label="right has fewer axes"),
    case(normal(1, 1), normal(2, 3), label="size-1 axes"),
    case(normal(), normal(2), label="0-d"),
    case(np.zeros((0, 2)), normal(2, 3), label="empty"),
    case(normal(2, 2) + 1j * normal(2, 2), normal(2, 2), label="complex and real"),
)
samples(
    "cross",
    case(normal(3), normal(3)),
    case(normal(4, 3), normal(4, 3), label="rows"),
    case(normal(4, 3), normal(3), label="right broadcasts"),
    case(normal(1, 3), normal(2, 1, 3), label="both broadcast"),
    case(normal(3, 4), normal(3, 4), axis=0, label="axis"),
    case(normal(3, 4), normal(4, 3), 0, 1, 0, label="an axis each"),
    case(np.zeros((0, 3)), normal(3), label="empty"),
)
samples("_linalg_cross", case(normal(4, 3), normal(4, 3)), case(normal(3, 4), normal(3, 4), axis=0, label="axis"))
samples("_linalg_outer", case(normal(3), normal(2)), case(np.zeros(0), normal(2), label="empty"))
samples(
    "_linalg_tensordot",
    case(normal(2, 3, 4), normal(3, 4, 2)),
    case(normal(2, 3), normal(3, 2), axes=1, label="one axis"),
)
samples("_linalg_vecdot", case(normal(3, 4), normal(4)), case(normal(4, 3), normal(4, 3), axis=0, label="axis"))
samples(
    "multi_dot",
    case([normal(2, 5), normal(5, 3), normal(3, 4)], label="three matrices"),
    case([normal(2, 3), normal(3, 2)], label="two matrices"),
    case([normal(5), normal(5, 3), normal(3, 4), normal(4, 2)], label="a vector first"),
    case([normal(2, 5), normal(5, 3), normal(3)], label="a vector last"),
    case([normal(5), normal(5, 3), normal(3)], label="vectors first and last"),
    case([normal(2, 1), normal(1, 3), normal(3, 1)], label="size-1 axes"),
)

# ---------------------------------------------------------------- selection

samples(
    "compress",
    case(_MASK, normal(3, 4), axis=1),
    case(_MASK, normal(3, 4), axis=-1, label="negative axis"),
    case([True, False, True], normal(3, 4), 0, label="list"),
    case(_MASK, normal(3, 4), label="flattened, shorter than the array"),
    case(np.zeros(4, bool), normal(3, 4), axis=1, label="nothing"),
)
samples(
    "extract",
    case(_GRID, normal(3, 4)),
    case(np.ones((2, 2), bool), normal(2, 2), label="everything"),
    case(np.zeros((2, 2), bool), normal(2, 2), label="nothing"),
)
samples(
    "select",
    case([_GRID, ~_GRID], [normal(3, 4), normal(3, 4)]),
    case([_GRID, _MASK], [normal(3, 4), normal(4)], 7.0, label="the first that is true, broadcast, default"),
    case([_GRID], [normal(3, 4)], normal(4), label="an array as default"),
    case([_MASK, _MASK], [normal(), normal(3, 1)], label="0-d and size-1 axes"),
)
samples(
    "choose",
    case(np.array([2, 0, 1, 0]), [normal(4), normal(4), normal(4)]),
    case(np.array([[1], [0], [1]]), [normal(4), normal(3, 4)], label="broadcast"),
    case(np.array([1, 0]), normal(2, 2), label="an array of choices"),
    case(np.array([5, -1]), [normal(2), normal(2)], mode="wrap", label="wrap"),
    case(np.array([5, -1]), [normal(2), normal(2)], mode="clip", label="clip"),
)
samples(
    "piecewise",
    case(
        np.array([-2.0, -0.5, 0.5, 2.0]),
        [np.array([True, True, False, False]), np.array([False, False, True, True])],
        [np.exp, np.sin],
    ),
    case(
        np.array([-2.0, -0.5, 0.5, 2.0]),
        [np.array([True, False, False, False])],
        [np.exp, np.cos],
        label="a function for the rest",
    ),
    case(np.array([-2.0, -0.5, 0.5, 2.0]), [np.array([True, False, False, True])], [np.square], label="0 for the rest"),
    case(
        np.array([-2.0, -0.5, 0.5, 2.0]),
        [np.array([True, True, False, False]), np.array([False, True, True, False])],
        [np.exp, 3.0],
        label="a number",
    ),
)

# ---------------------------------------------------------------- windows

samples(
    "sliding_window_view",
    case(normal(5), 2),
    case(normal(3, 4), (2, 3), label="both axes"),
    case(normal(3, 4), 2, 0, label="one axis"),
    case(normal(3, 4), (2, 2), (1, 1), label="an axis twice"),
    case(normal(3, 4), 3, axis=-1, label="the whole axis but one"),
    case(np.zeros((0, 4)), 2, 1, label="empty"),
)
