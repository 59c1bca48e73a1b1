"""Samples of indexing, selecting and replacing."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import away, case, normal, samples

__all__: list[str] = []

MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, False, True]])
ROWS = np.array([True, False, True])
INTEGERS = np.array([[3, -1, 0], [0, 7, 0]])

samples(
    "getitem",
    case(normal(3, 4), 1, label="integer"),
    case(normal(3, 4), -1, label="negative integer"),
    case(normal(3, 4), np.int64(2), label="NumPy integer"),
    case(normal(3, 4), (1, 2), label="element"),
    case(normal(3, 4), slice(1, 3)),
    case(normal(3, 4), slice(None, None, -2), label="negative step"),
    case(normal(3, 4), (slice(None), 1), label="column"),
    case(normal(2, 3, 4), (Ellipsis, 1), label="ellipsis"),
    case(normal(2, 3, 4), (0, Ellipsis, slice(1, 3))),
    case(normal(3, 4), Ellipsis, label="ellipsis alone"),
    case(normal(3, 4), (), label="empty tuple"),
    case(normal(3, 4), (slice(None), np.newaxis, slice(1, 2)), label="new axis"),
    case(normal(3, 4), np.newaxis, label="new axis alone"),
    case(normal(3, 4), slice(2, 2), label="nothing"),
    case(normal(0, 4), slice(None), label="of an empty array"),
    case(np.array(1.5), (), label="0-d"),
    case(np.array(1.5), (np.newaxis, Ellipsis), label="0-d with a new axis"),
    case(normal(4), [0, 2, 3], label="list"),
    case(normal(3, 4), np.array([0, 2]), label="rows, no repetition"),
    case(normal(3, 4), np.array([0, 2, 0, -3]), label="rows, repeated, also as a negative"),
    case(normal(3, 4), np.array([2, 1], np.uint8), label="small unsigned integers"),
    case(normal(3, 4), np.array([[0, 1], [1, 1]]), label="rows by a matrix"),
    case(normal(3, 4), np.zeros((0,), int), label="no rows"),
    case(normal(3, 4), np.array(1), label="0-d integer array"),
    case(normal(3, 4), (np.array([0, 2, 2]), np.array([1, 3, 3])), label="elements, repeated"),
    case(normal(3, 4), (np.array([[0], [2]]), np.array([1, 1, 3])), label="index arrays broadcast"),
    case(normal(3, 4), (slice(None), np.array([0, 3, 3])), label="columns, repeated"),
    case(normal(2, 3, 4), (slice(None), np.array([0, 0]), slice(1, 3)), label="array between slices"),
    case(normal(2, 3, 4), (np.array([0, 1, 1]), slice(None), np.array([3, 3, 3])), label="arrays around a slice"),
    case(normal(2, 3, 4), (1, slice(None), np.array([0, 0])), label="integer, slice, array"),
    case(normal(2, 3, 4), (Ellipsis, np.array([0, 0]), np.newaxis), label="ellipsis, array, new axis"),
    case(normal(40, 6), (slice(None, None, 20), np.array([1, 1])), label="few of many"),
    case(normal(3, 4), MASK, label="mask"),
    case(normal(3, 4), ROWS, label="mask of rows"),
    case(normal(3, 4), (slice(None), np.array([True, False, True, False])), label="mask of columns"),
    case(normal(2, 3, 4), (0, MASK), label="integer and mask"),
    case(normal(3, 4), (ROWS, np.array([1, 1])), label="mask with integers"),
    case(normal(3, 4), ~ROWS & ROWS, label="empty mask"),
    case(normal(3, 4), True, label="True"),
    case(normal(3, 4), False, label="False"),
    case(normal(2, 3), INTEGERS > 0, label="mask by comparison"),
    oracle=lambda x, index: x[index],
)


def _scatter(arrays: Any, indices: Any, shape: Any) -> Any:
    result = np.zeros(shape, np.result_type(*arrays))
    for piece, index in zip(arrays, indices, strict=True):
        np.add.at(result, index, piece)
    return result


samples(
    "scatter",
    case([normal(4), normal(4)], (0, 2), (3, 4), label="rows"),
    case([normal(3, 4), normal(4), normal(3)], (Ellipsis, 1, (slice(None), -1)), (3, 4), label="overlapping"),
    case(
        [normal(2, 4), normal(3)],
        ((np.array([1, 1]),), (np.array([0, 2, 2]), np.array([0, 1, 1]))),
        (3, 4),
        label="repeated",
    ),
    case([normal(3, 2), normal(8)], ((slice(None), np.array([0, 0])), MASK), (3, 4), label="columns and a mask"),
    case([normal(2)], (slice(0, 2),), (5,), label="one piece"),
    case([np.array(2.0)], ((),), (), label="0-d"),
    oracle=_scatter,
)


def _assigned(x: Any, index: Any, values: Any) -> Any:
    result = np.copy(x)
    result[index] = values
    return result


def _added(x: Any, index: Any, values: Any) -> Any:
    result = np.copy(x)
    np.add.at(result, index, values)
    return result


for _name, _oracle in (("index_update", _assigned), ("index_add", _added)):
    samples(
        _name,
        case(normal(3, 4), 1, normal(4), label="row"),
        case(normal(3, 4), (1, 2), np.array(3.0), label="element"),
        case(normal(3, 4), (slice(None), 1), normal(3), label="column"),
        case(normal(3, 4), slice(0, 2), normal(4), label="values broadcast along a new axis"),
        case(normal(3, 4), slice(0, 2), normal(2, 1), label="values broadcast along an axis of length 1"),
        case(normal(3, 4), np.array([0, 2]), normal(2, 4), label="rows"),
        case(normal(3, 4), np.array([0, 2, 0]), normal(3, 4), label="rows, repeated"),
        case(normal(3, 4), np.array([0, 0]), normal(4), label="rows, repeated, broadcast"),
        case(normal(3, 4), (np.array([0, 2, 2]), np.array([1, -1, 3])), normal(3), label="elements, repeated"),
        case(normal(3, 4), (slice(None), np.array([1, 1])), normal(3, 2), label="columns, repeated"),
        case(normal(3, 4), MASK, normal(8), label="mask"),
        case(normal(3, 4), MASK, np.array(2.0), label="mask, one value"),
        case(normal(3, 4), Ellipsis, normal(3, 4), label="everything"),
        case(normal(3, 4), slice(1, 1), normal(4), label="nothing"),
        case(np.array(1.0), (), np.array(2.0), label="0-d"),
        oracle=_oracle,
    )

samples(
    "take",
    case(normal(3, 4), np.array([0, 2, 2]), axis=0, label="repeated"),
    case(normal(3, 4), np.array([[0, 1], [1, -1]]), axis=-1, label="negative axis, matrix of indices"),
    case(normal(2, 3, 4), np.array([2, 0]), axis=1, label="middle axis"),
    case(normal(3, 4), np.array([0, 5, 11, 5]), label="flattened"),
    case(normal(3, 4), np.array([-1, 0]), label="flattened, negative"),
    case(normal(3, 4), 2, axis=1, label="one integer"),
    case(normal(3, 4), [1, 1], axis=0, label="list"),
    case(normal(3, 4), np.array([4, -5, 1]), axis=0, mode="wrap"),
    case(normal(3, 4), np.array([4, -5, 1]), axis=1, mode="clip"),
    case(normal(3, 4), np.array([13, -2]), mode="wrap", label="flattened, wrap"),
    case(normal(3, 4), np.array([13, -2]), mode="clip", label="flattened, clip"),
    case(normal(3, 4), np.zeros((0,), int), axis=0, label="nothing"),
    case(normal(0, 3), np.zeros((0,), int), label="nothing of nothing"),
    case(np.array(3.0), np.array([0, 0]), label="0-d"),
)

samples(
    "take_along_axis",
    case(normal(3, 4), np.array([[0, 1, 1, 2]]), 0, label="one row"),
    case(normal(3, 4), np.argsort(normal(3, 4), axis=-1), -1, label="as argsort gives"),
    case(normal(3, 4), np.array([[3], [0], [0]]), 1, label="as argmax gives"),
    case(normal(2, 3, 4), np.array([[[1], [1], [0]]]), 2, label="indices broadcast"),
    case(normal(1, 4), np.array([[1, 1], [0, 3]]), 1, label="x broadcasts"),
    case(normal(3, 4), np.array([0, 5, 5, -1]), None, label="flattened"),
    case(normal(0, 4), np.zeros((0, 2), int), 1, label="empty"),
    case(np.array(2.0), np.array([0, 0]), None, label="0-d"),
)

samples(
    "where",
    case(MASK, normal(3, 4), normal(3, 4)),
    case(MASK, normal(4), normal(3, 1), label="operands broadcast"),
    case(ROWS[:, None], normal(1, 4), np.array(2.0), label="all broadcast"),
    case(np.array(True), normal(3), normal(3), label="0-d condition"),
    case(INTEGERS, normal(2, 3), normal(2, 3), label="integer condition"),
    case(MASK, normal(3, 4), 0.0, label="number"),
    case(np.zeros((0, 4), bool), normal(4), normal(0, 4), label="empty"),
    case(away(3) > 0, np.array(1.0), np.array(2.0), label="0-d operands"),
)

for _name in ("nonzero", "flatnonzero", "argwhere"):
    samples(
        _name,
        case(INTEGERS, order=0, label="integers"),
        case(MASK, order=0, label="booleans"),
        case(np.array([0.0, 1.5, -2.0, 0.0]), order=0, label="numbers"),
        case(np.zeros((0, 3)), order=0, label="empty"),
    )
