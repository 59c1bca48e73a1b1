"""Functions along axes of a batched array: reductions, cumulative sums, sorting, Fourier transforms, differences."""

from __future__ import annotations

from typing import Any

import numpy as np

from .table import entry, first_of, flat, same_for_all, words_of
from .ufuncs import reduced, shifted
from .values import (
    BatchedValues,
    BatchingError,
    axes_of,
    like,
    replicated,
)

# ---------------------------------------------------------------- reductions


@entry(
    "sum", "prod", "max", "min", "mean", "std", "var", "any", "all", "nansum", "nanprod", "nanmax", "nanmin", "nanmean", "nanstd",
    "nanvar", "median", "nanmedian", "count_nonzero", "ptp", "linalg.vector_norm",
)  # fmt: skip
def _reduction(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x = first_of(function, given)
    return reduced(batch, function, x, given.pop("axis", None), given)


@entry("argmax", "argmin", "nanargmax", "nanargmin")
def _position(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x = first_of(function, given)
    axis = given.pop("axis", None)
    if axis is not None:
        return like(batch, function(replicated(batch, x), axis=shifted(axis, axes_of(x)), **given))
    keepdims = given.pop("keepdims", False)
    found = function(flat(batch, x), axis=1, **given)
    return like(batch, np.reshape(found, (*found.shape, *(1,) * axes_of(x))) if keepdims else found)


@entry("quantile", "percentile", "nanquantile", "nanpercentile")
def _quantile(batch: BatchedValues, function: Any, given: dict[str, Any]) -> Any:
    x, q = given.pop("a"), given.pop("q")
    same_for_all(function, {"q": q, **given})
    if not batch.values.shape[0] and function.__name__.startswith("nan"):
        raise BatchingError("vmap: NumPy leaves the axis of q out where there are no numbers at all")
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
    x = first_of(function, given)
    same_for_all(function, given)
    word = "axes" if "axes" in words_of(function) else "axis"
    module = "fft." if function.__module__.startswith("numpy.fft") else ""
    default = _ALONG[module + function.__name__]
    axis = given.pop(word, None if default is ... else default)
    if axis is not None:
        return like(batch, function(replicated(batch, x), **{word: shifted(axis, axes_of(x))}, **given))
    if default is ...:
        return like(batch, function(replicated(batch, x), **{word: tuple(range(1, axes_of(x) + 1))}, **given))
    found = function(flat(batch, x), **{word: 1}, **given)
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
