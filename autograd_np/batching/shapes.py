"""Functions of shape: a batched array in another shape, or an array made like one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine import hooks
from .table import entry, first_of, lengths, same_for_all, words_of
from .ufuncs import shifted
from .values import (
    BatchedValues,
    BatchingError,
    aligned,
    belongs,
    like,
    not_to_be_written,
)

# ---------------------------------------------------------------- shapes


@entry("reshape")
def _reshape(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, order = given["a"], given.get("order") or "C"
    shape = lengths(given["shape"] if "shape" in given else given["newshape"])
    if -1 in shape:
        known = -math.prod(shape)
        shape = tuple([(x.size // known if known else 0) if length == -1 else length for length in shape])
    if math.prod(shape) != x.size:
        raise ValueError(f"cannot reshape array of size {x.size} into shape {shape}")
    if order == "F":
        return np.transpose(np.reshape(np.transpose(x), shape[::-1]))
    whole = (x.values.shape[0], *shape)
    if given.get("copy"):
        return like(batch, np.reshape(x.values, whole, copy=True))
    try:
        return like(batch, np.reshape(x.values, whole, copy=False))
    except ValueError:
        if given.get("copy") is not None:
            raise
    try:
        np.reshape(x.values[0], shape, copy=False)
    except (ValueError, IndexError):
        return like(batch, np.reshape(x.values, whole))
    return like(batch, not_to_be_written(np.reshape(x.values, whole)))


@entry("ravel")
def _ravel(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    return np.reshape(given["a"], (given["a"].size,), order="F" if given.get("order") == "F" else "C")


@entry("broadcast_to")
def _broadcast_to(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, shape = given["array"], lengths(given["shape"])
    return like(batch, np.broadcast_to(aligned(batch, x, len(shape)), (batch.values.shape[0], *shape)))


@entry("broadcast_arrays")
def _broadcast_arrays(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    arrays = given["*args"]
    shape = np.broadcast_shapes(*[np.shape(x) for x in arrays])
    return tuple([np.broadcast_to(x, shape) for x in arrays])


@entry("transpose", "permute_dims")
def _transpose(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, axes = given["a"], given.get("axes")
    axes = range(x.ndim)[::-1] if axes is None else axes
    return like(batch, np.transpose(x.values, (0, *shifted(tuple(axes), x.ndim))))


@entry("matrix_transpose", "linalg.matrix_transpose")
def _matrix_transpose(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    return np.swapaxes(first_of(function, given), -1, -2)


@entry("swapaxes", "moveaxis", "rollaxis")
def _moved(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, source, destination = [given.get(word, 0) for word in words_of(function)[:3]]
    if function is np.rollaxis:  # (its destination may be one past the last axis)
        start = destination + x.ndim if destination < 0 else destination
        return like(batch, np.rollaxis(x.values, shifted(source, x.ndim), start + 1))
    return like(batch, function(x.values, shifted(source, x.ndim), shifted(destination, x.ndim)))


@entry("expand_dims")
def _expand_dims(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, axis = given["a"], given["axis"]
    ndim = x.ndim + (len(axis) if isinstance(axis, (tuple, list)) else 1)
    return like(batch, np.expand_dims(x.values, shifted(axis, ndim)))


@entry("squeeze")
def _squeeze(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, axis = given["a"], given.get("axis")
    axis = tuple([i + 1 for i, n in enumerate(x.shape) if n == 1]) if axis is None else shifted(axis, x.ndim)
    return like(batch, np.squeeze(x.values, axis))


@entry("atleast_1d", "atleast_2d", "atleast_3d")
def _at_least(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    shapes = [function(np.broadcast_to(False, np.shape(x))).shape for x in given["*arys"]]
    results = [np.reshape(x, shape) for x, shape in zip(given["*arys"], shapes, strict=True)]
    return results[0] if len(results) == 1 else tuple(results)


@entry("diagonal", "trace", "linalg.diagonal", "linalg.trace")
def _diagonal(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x = first_of(function, given)
    if "axis1" not in words_of(function):
        return like(batch, function(x.values, **given))
    axes = {word: shifted(given.pop(word, default), x.ndim) for word, default in (("axis1", 0), ("axis2", 1))}
    return like(batch, function(x.values, **axes, **given))


@entry("diag", "diagflat")
def _diag(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, k = given["v"], given.get("k", 0)
    if x.ndim == 2 and function is np.diag:
        return np.diagonal(x, k)
    x = np.ravel(x)
    n = x.size + abs(k)
    result = np.zeros_like(x, shape=(n, n))
    i = np.arange(x.size)
    result[i + max(-k, 0), i + max(k, 0)] = x
    return result


@entry("triu", "tril")
def _triangle(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    m = given["m"]
    rows: Any = m if m.ndim > 1 else np.broadcast_to(m, (m.shape[0], m.shape[0]))
    return like(batch, function(rows.values, given.get("k", 0)))


@entry("pad")
def _pad(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, width = given.pop("array"), given.pop("pad_width")
    same_for_all(function, given)
    if isinstance(width, dict):
        raise BatchingError("vmap: pad with a dict has no batched form")
    pairs = [(0, 0), *np.broadcast_to(np.asarray(width), (x.ndim, 2)).tolist()]
    for word in ("constant_values", "end_values", "stat_length"):
        if given.get(word) is not None and np.ndim(given[word]):
            first = (1, 1) if word == "stat_length" else (0, 0)
            given[word] = [first, *np.broadcast_to(np.asarray(given[word]), (x.ndim, 2)).tolist()]
    return like(batch, np.pad(x.values, pairs, **given))


@entry("tile")
def _tile(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, counts = given["A"], given["reps"]
    same_for_all(function, {"reps": counts})
    counts = tuple(np.atleast_1d(np.asarray(counts)).tolist())
    ndim = max(len(counts), x.ndim)
    return like(batch, np.tile(aligned(batch, x, ndim), (1, *(1,) * (ndim - len(counts)), *counts)))


@entry("lib.stride_tricks.sliding_window_view")
def _windows(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, axis = given.pop("x"), given.pop("axis", None)
    window = lengths(given.pop("window_shape"))
    given.pop("subok", None)
    axis = tuple(range(x.ndim)) if axis is None else lengths(axis)
    return like(batch, function(x.values, window, axis=shifted(axis, x.ndim), **given))


# ---------------------------------------------------------------- new arrays


@entry("zeros_like", "ones_like", "empty_like", "full_like")
def _new_like(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x = first_of(function, given)
    fill = given.get("fill_value")
    if isinstance(fill, BatchedValues):
        given.pop("fill_value")
        result = np.empty_like(batch, **({"dtype": x.dtype, "shape": np.shape(x)} | given))
        result[...] = fill
        return result
    shape = given.pop("shape", None)
    shape = np.shape(x) if shape is None else lengths(shape)
    given.pop("subok", None)
    return like(batch, function(x.values, shape=(x.values.shape[0], *shape), **given))


@entry("zeros", "empty", "ones", "full")
def _new(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    """With ``like=``: a buffer for results of each element."""
    model: Any = given.pop("like", batch)
    fill = given.pop("fill_value", None)
    shape = lengths(given.pop("shape"))
    dtype = given.pop("dtype", None)
    if function is np.full:
        dtype = np.result_type(fill) if dtype is None else dtype
        result: Any = np.empty_like(model, shape=shape, dtype=dtype, order="C")
        result[...] = fill
        return result
    named: Any = getattr(np, function.__name__ + "_like")
    return like(
        batch,
        named(model.values, shape=(model.values.shape[0], *shape), dtype=dtype or float, order=given.get("order", "C")),
    )


@entry("asarray", "array", "asanyarray", "ascontiguousarray", "arange", "eye", "identity", "linspace")
def _plain(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    """With ``like=``, which says in which library: what is the same for all."""
    given.pop("like", None)
    words = [word for word in given if isinstance(given[word], BatchedValues)]
    if not words:
        first = words_of(function)[0]  # (that of np.array is given by position alone)
        values = [given.pop(first)] if first in given else []
        known = [value for value in values if hooks.is_traced(value)]
        return function(*values, **given, like=hooks.model(*known, batch.values))
    if function in (np.asarray, np.asanyarray, np.ascontiguousarray, np.array):
        x = given[words[0]]
        x = x.astype(given["dtype"]) if given.get("dtype") is not None else x
        return x.copy() if function is np.array else x
    raise BatchingError(f"vmap: {function.__name__} of batched ends has no batched form")


@entry("copy")
def _copy(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    return like(batch, np.copy(given["a"].values))


@entry("astype")
def _astype(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    return given["x"].astype(given["dtype"])


@entry("copyto")
def _copyto(batch: BatchedValues, function: Any, given: dict[str, Any]) -> None:
    target, source, where = given["dst"], given["src"], given.get("where", True)
    if not belongs(target, batch):
        raise BatchingError("vmap: copyto writes results of each element into one array for the whole batch")
    ndim = target.ndim
    options = {"casting": given["casting"]} if "casting" in given else {}
    np.copyto(target.values, aligned(batch, source, ndim), where=aligned(batch, where, ndim), **options)


# ---------------------------------------------------------------- what is asked of one element


@entry("shape", "size", "ndim")
def _lengths_of(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x = given["a"]
    axis = given.get("axis")
    if function is np.size and axis is not None:
        return math.prod([x.shape[i] for i in (axis if isinstance(axis, tuple) else (axis,))])
    return getattr(x, function.__name__)


@entry("result_type", "can_cast", "common_type", "iscomplexobj", "isrealobj", "min_scalar_type")
def _types(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    arguments = [item for value in given.values() for item in (value if isinstance(value, tuple) else (value,))]
    return function(*[np.empty((1,) * x.ndim, x.dtype) if isinstance(x, BatchedValues) else x for x in arguments])


@entry("may_share_memory", "shares_memory")
def _memory(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    return function(*[x.values if isinstance(x, BatchedValues) else x for x in given.values()])
