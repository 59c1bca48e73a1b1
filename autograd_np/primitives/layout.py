"""Axes of reductions: how a cotangent gets its axes back, and how several axes become one."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

__all__ = ["axes_of", "count_of", "expand", "lay", "reverse", "spread", "unlay", "wide"]

Axis = int | tuple[int, ...] | None

# np.full writes a small array of NumPy's own in a third of the time of np.broadcast_to.
_OWN = (np.ndarray, np.float64, np.float32)
_SMALL = 4096


@lru_cache(maxsize=1024)
def axes_of(axis: Axis, ndim: int) -> tuple[int, ...]:
    """The axes that ``axis`` means, as numbers from 0 in increasing order. (A 0-d array has an axis 0 for NumPy's reductions.)"""
    if axis is None:
        return tuple(range(ndim))
    if ndim == 0:
        return ()
    given = axis if isinstance(axis, tuple) else (axis,)
    return tuple(sorted(int(a) % ndim for a in given))


@lru_cache(maxsize=1024)
def count_of(shape: tuple[int, ...], axis: Axis) -> int:
    """How many elements each result of a reduction over ``axis`` comes from."""
    return math.prod(shape[a] for a in axes_of(axis, len(shape)))


@lru_cache(maxsize=1024)
def _insertion(axis: Axis, ndim: int) -> tuple[Any, ...] | None:
    """The index that puts size-1 axes where a reduction took axes away; None where broadcasting does it."""
    axes = axes_of(axis, ndim)
    if axes == tuple(range(len(axes))):
        return None
    return tuple(None if a in axes else slice(None) for a in range(ndim))


def expand(g: Any, ndim: int, axis: Axis, keepdims: bool) -> Any:
    """The result of a reduction in a shape that broadcasts against the operand (of ``ndim`` axes)."""
    if axis is None or keepdims:
        return g
    index = _insertion(axis, ndim)
    return g if index is None else g[index]


def spread(g: Any, shape: tuple[int, ...]) -> Any:
    """``g`` broadcast to ``shape``."""
    if g.shape == shape:
        return g
    if g.__class__ in _OWN and math.prod(shape) < _SMALL:
        return np.full(shape, g)
    return np.broadcast_to(g, shape)


def lay(x: Any, axis: Axis) -> Any:
    """``x`` with the axes of ``axis`` last and merged into one."""
    shape = x.shape
    ndim = len(shape)
    axes = axes_of(axis, ndim)
    if len(axes) == ndim:
        return x if ndim == 1 else np.reshape(x, (math.prod(shape),))
    kept = tuple(a for a in range(ndim) if a not in axes)
    if kept + axes != tuple(range(ndim)):
        x = np.transpose(x, kept + axes)
    if len(axes) == 1:
        return x
    return np.reshape(x, (*[shape[a] for a in kept], math.prod(shape[a] for a in axes)))


def unlay(y: Any, shape: tuple[int, ...], axis: Axis) -> Any:
    """The inverse of :func:`lay`, for an ``x`` of the given shape."""
    ndim = len(shape)
    axes = axes_of(axis, ndim)
    order = tuple(a for a in range(ndim) if a not in axes) + axes
    if len(axes) != 1:
        y = np.reshape(y, tuple(shape[a] for a in order))
    if order == tuple(range(ndim)):
        return y
    return np.transpose(y, tuple(order.index(a) for a in range(ndim)))


def wide(x: Any) -> Any:
    """``x``, half precision as single: float16 holds no count above 65 504, and no sum. The engine casts a rule's gradient back."""
    return x.astype(np.float32) if x.dtype.char == "e" else x


def reverse(x: Any) -> Any:
    """``x`` with its last axis reversed."""
    return x[..., ::-1]
