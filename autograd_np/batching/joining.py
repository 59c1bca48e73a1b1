"""Joining, splitting and picking, and functions that work element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from .table import entry, first_of, words_of
from .ufuncs import shifted
from .values import (
    BatchedValues,
    BatchingError,
    aligned,
    axes_of,
    belongs,
    innermost,
    like,
    replicated,
)

# ---------------------------------------------------------------- element by element


@entry(
    "where", "real", "imag", "clip", "nan_to_num", "angle", "i0", "sinc", "isclose", "isreal", "iscomplex", "round", "around", "fix",
    "real_if_close", "isneginf", "isposinf",
)  # fmt: skip
def _elementwise(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    if function is np.where and len(given) == 1:
        raise BatchingError("vmap: np.where(mask) finds another number of places in each element of the batch")
    given = {word: value for word, value in given.items() if value is not None or word.startswith("a_")}
    ndim = max([axes_of(value) for value in given.values()])
    lined_up = {word: aligned(batch, value, ndim) for word, value in given.items()}
    words = words_of(function)
    leading = []
    for word in words:
        if word not in lined_up:
            break
        leading.append(lined_up.pop(word))
    return like(batch, function(*leading, **lined_up))


# ---------------------------------------------------------------- joining and splitting


@entry("concatenate", "concat")
def _concatenate(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    arrays = list(first_of(function, given))
    axis = given.pop("axis", 0)
    if axis is None:
        arrays, axis = [np.ravel(x) for x in arrays], 0
    values = [replicated(batch, x) for x in arrays]
    return like(batch, np.concatenate(values, axis=shifted(axis, axes_of(arrays[0])), **given))


@entry("stack")
def _stack(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    arrays = list(given.pop("arrays"))
    axis = shifted(given.pop("axis", 0), axes_of(arrays[0]) + 1)
    return like(batch, np.stack([replicated(batch, x) for x in arrays], axis=axis, **given))


@entry("hstack", "vstack", "dstack", "column_stack")
def _stacked(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    arrays = list(first_of(function, given))
    if function is np.column_stack:
        arrays = [np.reshape(x, (-1, 1)) if axes_of(x) < 2 else x for x in arrays]
        return np.concatenate(arrays, axis=1)
    enlarge = {np.hstack: np.atleast_1d, np.vstack: np.atleast_2d, np.dstack: np.atleast_3d}[function]
    arrays = [enlarge(x) for x in arrays]
    axis = {np.hstack: min(1, axes_of(arrays[0]) - 1), np.vstack: 0, np.dstack: 2}[function]
    return np.concatenate(arrays, axis=axis, **given)


@entry("split", "array_split", "unstack", "hsplit", "vsplit", "dsplit")
def _split(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x = first_of(function, given)
    axes = {np.hsplit: min(1, x.ndim - 1), np.vsplit: 0, np.dsplit: 2}
    axis = axes[function] if function in axes else given.pop("axis", 0)
    function = np.split if function in axes else function
    return like(batch, function(x.values, axis=shifted(axis, x.ndim), **given))


@entry("append")
def _append(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, y, axis = given["arr"], given["values"], given.get("axis")
    return np.concatenate([np.ravel(x), np.ravel(y)] if axis is None else [x, y], axis=axis or 0)


# ---------------------------------------------------------------- picking along axes


@entry("take_along_axis")
def _take_along_axis(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, indices, axis = given["arr"], given["indices"], given.get("axis", -1)
    if axis is None:
        x, axis = np.ravel(x), 0
    return like(batch, np.take_along_axis(replicated(batch, x), replicated(batch, indices), shifted(axis, axes_of(x))))


@entry("put_along_axis")
def _put_along_axis(batch: BatchedValues, function: Any, given: dict[str, Any]) -> None:
    x, indices, values, axis = [given[word] for word in ("arr", "indices", "values", "axis")]
    if not belongs(x, batch) or axis is None:
        raise BatchingError("vmap: put_along_axis writes values of each element into one array for the whole batch")
    np.put_along_axis(x.values, replicated(batch, indices), aligned(batch, values, x.ndim), shifted(axis, x.ndim))


@entry("take")
def _take(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, indices, axis, mode = given["a"], given["indices"], given.get("axis"), given.get("mode", "raise")
    if axis is None:
        x, axis = np.ravel(x), 0
    if not belongs(indices, batch):
        return like(batch, np.take(x.values, indices, axis=shifted(axis, x.ndim), mode=mode))
    length = np.shape(x)[axis]
    if mode != "raise":
        indices = np.clip(indices, 0, length - 1) if mode == "clip" else np.remainder(indices, length)
    x = x if belongs(x, batch) else like(batch, replicated(batch, x))
    return x[(slice(None),) * (axis % x.ndim) + (indices,)]


@entry("searchsorted")
def _searchsorted(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    a, v = given.pop("a"), given.pop("v")
    if belongs(a, batch) or innermost(given) is not None:
        raise BatchingError("vmap: searchsorted in an array of each element has no batched form")
    return like(batch, np.searchsorted(a, v.values, **given))


@entry("ravel_multi_index")
def _ravel_multi_index(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    indices = given.pop("multi_index")
    ndim = max([axes_of(i) for i in indices])
    aligned_indices = np.broadcast_arrays(*[aligned(batch, i, ndim) for i in indices])
    return like(batch, np.ravel_multi_index(tuple(aligned_indices), **given))


@entry("unravel_index")
def _unravel_index(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    return like(batch, np.unravel_index(given.pop("indices").values, **given))
