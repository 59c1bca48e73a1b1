"""NumPy's functions of batched arrays: one table from each function to how it treats the batch axis.

An entry takes the innermost batched array of the call (``batch``), the function and the arguments by name. What has no entry, and
what an entry refuses, is run once per element (:mod:`.fallback`).
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .fallback import looped
from .ufuncs import reduced, shifted
from .values import (
    BatchedValues,
    BatchingError,
    aligned,
    axes_of,
    belongs,
    innermost,
    like,
    not_to_be_written,
    replicated,
)

__all__ = ["TABLE", "call_function"]

Entry = Callable[[BatchedValues, Any, dict[str, Any]], Any]
TABLE: dict[Any, Entry] = {}


def entry(*names: str) -> Callable[[Entry], Entry]:
    """Put a function into the table for these functions of NumPy (those that this NumPy has)."""

    def put(handler: Entry) -> Entry:
        for name in names:
            found: Any = np
            for part in name.split("."):
                found = getattr(found, part, None)
            if found is not None:
                TABLE[found] = handler
        return handler

    return put


@functools.cache
def _words(function: Any) -> tuple[str, ...]:
    """The names of the parameters; "*args" for all positional arguments together."""
    parameters = inspect.signature(function).parameters.values()
    return tuple(["*" + p.name if p.kind is p.VAR_POSITIONAL else p.name for p in parameters])


def bound(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by name, without those that are NumPy's sign for "not given"."""
    words = _words(function)
    if words and words[0].startswith("*"):
        return {words[0]: args, **kwargs}
    given = dict(zip(words, args, strict=False)) | kwargs
    return {word: value for word, value in given.items() if value is not np._NoValue}


def call_function(batch: BatchedValues, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``__array_function__`` returns for arguments of which some are batched at the level of ``batch``, and none further in."""
    handler = TABLE.get(function)
    if handler is not None:
        given = bound(function, args, kwargs)
        out = given.pop("out", None)
        try:
            result = handler(batch, function, given)
        except BatchingError:
            if function in _NEVER_LOOPED:
                raise
        else:
            return result if out is None else _written(batch, function, out, result)
    return looped(batch, function, args, kwargs)


def _written(batch: BatchedValues, function: Any, out: Any, result: Any) -> Any:
    if belongs(result, batch) and not belongs(out, batch):
        raise BatchingError(
            f"vmap: out= of {function.__name__} is one array for the whole batch, and each element has a result of its own"
        )
    out[...] = result
    return out


def _first(function: Any, given: dict[str, Any]) -> Any:
    """Take the first argument out of the arguments."""
    return given.pop(_words(function)[0])


def _same_for_all(function: Any, given: dict[str, Any]) -> None:
    """Refuse batched arrays among the options."""
    if innermost(given) is not None:
        raise BatchingError(f"vmap: {function.__name__} has no batched form with a batched option")


def _flat(batch: BatchedValues, x: Any) -> Any:
    """The values with all axes of an element in one."""
    values = replicated(batch, x)
    return np.reshape(values, (values.shape[0], math.prod(values.shape[1:])))


def _lengths(shape: Any) -> tuple[int, ...]:
    return tuple(shape) if isinstance(shape, (tuple, list)) else (operator.index(shape),)


# ---------------------------------------------------------------- reductions


@entry(
    "sum", "prod", "max", "min", "mean", "std", "var", "any", "all", "nansum", "nanprod", "nanmax", "nanmin", "nanmean", "nanstd",
    "nanvar", "median", "nanmedian", "count_nonzero", "ptp", "linalg.vector_norm",
)  # fmt: skip
def _reduction(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x = _first(function, given)
    return reduced(batch, function, x, given.pop("axis", None), given)


@entry("argmax", "argmin", "nanargmax", "nanargmin")
def _position(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x = _first(function, given)
    axis = given.pop("axis", None)
    if axis is not None:
        return like(batch, function(replicated(batch, x), axis=shifted(axis, axes_of(x)), **given))
    keepdims = given.pop("keepdims", False)
    found = function(_flat(batch, x), axis=1, **given)
    return like(batch, np.reshape(found, (*found.shape, *(1,) * axes_of(x))) if keepdims else found)


@entry("quantile", "percentile", "nanquantile", "nanpercentile")
def _quantile(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, q = given.pop("a"), given.pop("q")
    _same_for_all(function, {"q": q, **given})
    axis = given.pop("axis", None)
    axis = tuple(range(1, axes_of(x) + 1)) if axis is None else shifted(axis, axes_of(x))
    return like(batch, np.moveaxis(function(replicated(batch, x), q, axis=axis, **given), axes_of(q), 0))


# ---------------------------------------------------------------- along axes: the axis that is meant where none is given

_ALONG: dict[str, Any] = {
    "sort": -1, "argsort": -1, "partition": -1, "argpartition": -1, "diff": -1, "unwrap": -1,
    "cumsum": None, "cumprod": None, "nancumsum": None, "nancumprod": None, "repeat": None, "roll": None, "delete": None,
    "cumulative_sum": 0, "cumulative_prod": 0, "flip": ..., "fft.fftshift": ..., "fft.ifftshift": ...,
    "fft.fft": -1, "fft.ifft": -1, "fft.rfft": -1, "fft.irfft": -1, "fft.hfft": -1, "fft.ihfft": -1, "packbits": None,
}  # fmt: skip


@entry(*_ALONG)
def _along(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x = _first(function, given)
    _same_for_all(function, given)
    word = "axes" if "axes" in _words(function) else "axis"
    module = "fft." if function.__module__.startswith("numpy.fft") else ""
    default = _ALONG[module + function.__name__]
    axis = given.pop(word, None if default is ... else default)
    if axis is not None:
        return like(batch, function(replicated(batch, x), **{word: shifted(axis, axes_of(x))}, **given))
    if default is ...:
        return like(batch, function(replicated(batch, x), **{word: tuple(range(1, axes_of(x) + 1))}, **given))
    found = function(_flat(batch, x), **{word: 1}, **given)
    return like(batch, np.reshape(found, replicated(batch, x).shape) if function is np.roll else found)


@entry("flipud", "fliplr")
def _flipped(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    return np.flip(given["m"], 0 if function is np.flipud else 1)


@entry(
    "fft.fftn", "fft.ifftn", "fft.rfftn", "fft.irfftn", "fft.fft2", "fft.ifft2", "fft.rfft2", "fft.irfft2",
)  # fmt: skip
def _transform(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, s = given.pop("a"), given.get("s")
    axes = given.pop("axes", (-2, -1) if function.__name__.endswith("2") else None)
    if axes is None:
        axes = range(-axes_of(x) if s is None else -len(s), 0)
    return like(batch, function(replicated(batch, x), axes=shifted(tuple(axes), axes_of(x)), **given))


@entry("trapezoid", "gradient")
def _spaced(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    if function is not np.trapezoid:
        raise BatchingError("vmap: gradient has no batched form")
    y, x, dx, axis = given["y"], given.get("x"), given.get("dx", 1.0), given.get("axis", -1)
    if x is not None:
        dx = np.diff(x) if axes_of(x) == 1 else np.diff(x, axis=axis)
    y = np.moveaxis(y, axis, -1)
    if axes_of(dx) > 1:
        dx = np.moveaxis(dx, axis, -1)
    return np.sum(dx * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)


# ---------------------------------------------------------------- shapes


@entry("reshape")
def _reshape(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, order = given["a"], given.get("order") or "C"
    shape = _lengths(given["shape"] if "shape" in given else given["newshape"])
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
    order = given.get("order") or "C"
    return np.reshape(given["a"], (given["a"].size,), order=order if order in "CF" else "C")


@entry("broadcast_to")
def _broadcast_to(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, shape = given["array"], _lengths(given["shape"])
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
    return np.swapaxes(_first(function, given), -1, -2)


@entry("swapaxes", "moveaxis", "rollaxis")
def _moved(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, source, destination = [given.get(word, 0) for word in _words(function)[:3]]
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
    x = _first(function, given)
    if "axis1" not in _words(function):
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
    rows = m if m.ndim > 1 else np.broadcast_to(m, (m.shape[0], m.shape[0]))
    return like(batch, function(rows.values, given.get("k", 0)))


@entry("pad")
def _pad(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, width = given.pop("array"), given.pop("pad_width")
    _same_for_all(function, given)
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
    _same_for_all(function, {"reps": counts})
    counts = tuple(np.atleast_1d(np.asarray(counts)).tolist())
    ndim = max(len(counts), x.ndim)
    return like(batch, np.tile(aligned(batch, x, ndim), (1, *(1,) * (ndim - len(counts)), *counts)))


@entry("lib.stride_tricks.sliding_window_view")
def _windows(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, axis = given.pop("x"), given.pop("axis", None)
    window = _lengths(given.pop("window_shape"))
    given.pop("subok", None)
    axis = tuple(range(x.ndim)) if axis is None else _lengths(axis)
    return like(batch, function(x.values, window, axis=shifted(axis, x.ndim), **given))


# ---------------------------------------------------------------- new arrays


@entry("zeros_like", "ones_like", "empty_like", "full_like")
def _new_like(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x = _first(function, given)
    fill = given.get("fill_value")
    if isinstance(fill, BatchedValues):
        given.pop("fill_value")
        result = np.empty_like(batch, **({"dtype": x.dtype, "shape": np.shape(x)} | given))
        result[...] = fill
        return result
    shape = given.pop("shape", None)
    shape = np.shape(x) if shape is None else _lengths(shape)
    given.pop("subok", None)
    return like(batch, function(x.values, shape=(x.values.shape[0], *shape), **given))


@entry("zeros", "empty", "ones", "full")
def _new(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    """With ``like=``: a buffer for results of each element."""
    model = given.pop("like", batch)
    fill = given.pop("fill_value", None)
    shape = _lengths(given.pop("shape"))
    dtype = given.pop("dtype", None)
    if function is np.full:
        dtype = np.result_type(fill) if dtype is None else dtype
        result = np.empty_like(model, shape=shape, dtype=dtype, order="C")
        result[...] = fill
        return result
    named = getattr(np, function.__name__ + "_like")
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
        first = _words(function)[0] if function not in _POSITIONAL else None
        return function(*([given.pop(first)] if first in given else []), **given)
    if function in (np.asarray, np.asanyarray, np.ascontiguousarray, np.array):
        x = given[words[0]]
        x = x.astype(given["dtype"]) if given.get("dtype") is not None else x
        return x.copy() if function is np.array else x
    raise BatchingError(f"vmap: {function.__name__} of batched ends has no batched form")


_POSITIONAL: set[Any] = set()


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
    words = _words(function)
    leading = []
    for word in words:
        if word not in lined_up:
            break
        leading.append(lined_up.pop(word))
    return like(batch, function(*leading, **lined_up))


# ---------------------------------------------------------------- joining and splitting


@entry("concatenate", "concat")
def _concatenate(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    arrays = list(_first(function, given))
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
    arrays = list(_first(function, given))
    if function is np.column_stack:
        arrays = [np.reshape(x, (-1, 1)) if axes_of(x) < 2 else x for x in arrays]
        return np.concatenate(arrays, axis=1)
    enlarge = {np.hstack: np.atleast_1d, np.vstack: np.atleast_2d, np.dstack: np.atleast_3d}[function]
    arrays = [enlarge(x) for x in arrays]
    axis = {np.hstack: min(1, axes_of(arrays[0]) - 1), np.vstack: 0, np.dstack: 2}[function]
    return np.concatenate(arrays, axis=axis, **given)


@entry("split", "array_split", "unstack", "hsplit", "vsplit", "dsplit")
def _split(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x = _first(function, given)
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


# ---------------------------------------------------------------- products


@entry("dot")
def _dot(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, y = given["a"], given["b"]
    n_x, n_y = axes_of(x), axes_of(y)
    if not n_x or not n_y:
        return np.multiply(x, y)
    if n_y == 1 or (n_y == 2 and (n_x <= 2 or not belongs(y, batch))):
        return np.matmul(x, y)
    return np.tensordot(x, y, ((n_x - 1,), (n_y - 2,)))


@entry("einsum")
def _einsum(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    operands = given.pop("*operands")
    if not isinstance(operands[0], str):
        raise BatchingError("vmap: einsum with lists of axes has no batched form")
    subscripts, *arrays = operands
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    if not arrow:
        letters = [letter for letter in left if letter.isalpha()]
        once = sorted([letter for letter in set(letters) if letters.count(letter) == 1])
        right = ("..." if "..." in left else "") + "".join(once)
    new = next(chr(code) for code in (*range(65, 91), *range(97, 123)) if chr(code) not in subscripts)
    terms = [new + term if belongs(x, batch) else term for term, x in zip(left.split(","), arrays, strict=True)]
    given = {word: value for word, value in given.items() if value is not None}
    values = [x.values if belongs(x, batch) else x for x in arrays]
    return like(batch, np.einsum(f"{','.join(terms)}->{new}{right}", *values, **given))


@entry("tensordot")
def _tensordot(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, y, axes = given["a"], given["b"], given.get("axes", 2)
    n_x, n_y = axes_of(x), axes_of(y)
    if isinstance(axes, (int, np.integer)):
        of_x, of_y = list(range(n_x - axes, n_x)), list(range(axes))
    else:
        of_x, of_y = [[each] if isinstance(each, (int, np.integer)) else list(each) for each in axes]
    letters_x = [chr(97 + i) for i in range(n_x)]
    letters_y = [chr(65 + i) for i in range(n_y)]
    for i, j in zip(of_x, of_y, strict=True):
        letters_y[j % n_y] = letters_x[i % n_x]
    summed = {letters_x[i % n_x] for i in of_x}
    result = "".join([letter for letter in (*letters_x, *letters_y) if letter not in summed])
    return np.einsum(f"{''.join(letters_x)},{''.join(letters_y)}->{result}", x, y)


@entry("inner", "vdot", "outer", "linalg.outer", "kron")
def _products(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, y = list(given.values())[:2]
    if function is np.inner:
        return np.multiply(x, y) if not axes_of(x) or not axes_of(y) else np.tensordot(x, y, ((-1,), (-1,)))
    if function is np.vdot:
        return np.sum(np.conjugate(np.ravel(x)) * np.ravel(y))
    if function is np.kron:
        ndim = max(axes_of(x), axes_of(y))
        x, y = [np.reshape(v, (*(1,) * (ndim - axes_of(v)), *np.shape(v))) for v in (x, y)]
        every = range(2 * ndim)
        blocks = np.multiply(np.expand_dims(x, tuple(every[1::2])), np.expand_dims(y, tuple(every[::2])))
        return np.reshape(blocks, tuple([m * n for m, n in zip(np.shape(x), np.shape(y), strict=True)]))
    return np.multiply(np.reshape(x, (-1, 1)), np.reshape(y, (1, -1)))


@entry("cross")
def _cross(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, y = given["a"], given["b"]
    places = {word: given.get(word, -1) for word in ("axisa", "axisb", "axisc")}
    if given.get("axis") is not None:
        places = dict.fromkeys(places, given["axis"])
    x, y = np.moveaxis(x, places["axisa"], -1), np.moveaxis(y, places["axisb"], -1)
    ndim = max(axes_of(x), axes_of(y))
    result = like(batch, np.cross(aligned(batch, x, ndim), aligned(batch, y, ndim)))
    return np.moveaxis(result, -1, places["axisc"]) if 3 in (np.shape(x)[-1], np.shape(y)[-1]) else result


# ---------------------------------------------------------------- linear algebra


@entry(
    "linalg.inv", "linalg.det", "linalg.slogdet", "linalg.cholesky", "linalg.eig", "linalg.eigh", "linalg.eigvals", "linalg.eigvalsh",
    "linalg.svd", "linalg.svdvals", "linalg.qr", "linalg.pinv", "linalg.matrix_rank", "linalg.matrix_norm", "linalg.matrix_power",
    "linalg.cond",
)  # fmt: skip
def _of_stacks(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x = _first(function, given)
    _same_for_all(function, given)
    if axes_of(x) < 2:
        raise BatchingError(f"vmap: {function.__name__} of a vector has no batched form")
    return like(batch, function(x.values, **given))


@entry("linalg.solve")
def _solve(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    a, b = given["a"], given["b"]
    vector = axes_of(b) == 1
    b = np.expand_dims(b, -1) if vector else b
    ndim = max(axes_of(a), axes_of(b))
    result = like(batch, np.linalg.solve(aligned(batch, a, ndim), aligned(batch, b, ndim)))
    return result[..., 0] if vector else result


@entry("linalg.norm")
def _norm(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, order, axis, keepdims = given["x"], given.get("ord"), given.get("axis"), given.get("keepdims", False)
    if axis is None and order is None:
        found = np.linalg.norm(_flat(batch, x), axis=1)
        return like(batch, np.reshape(found, (*found.shape, *(1,) * x.ndim)) if keepdims else found)
    if axis is None:
        axis = tuple(range(x.ndim)) if x.ndim != 1 else 0
    return like(batch, np.linalg.norm(x.values, order, axis=shifted(axis, x.ndim), keepdims=keepdims))


_NEVER_LOOPED = {np.copyto, np.put_along_axis, np.where}
