"""Axes of reductions: how a cotangent gets its axes back, and how several axes become one."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ..engine.tensor import Array, Tensor

__all__ = [
    "axes_of", "count_of", "expand", "in_order", "inverse", "lay", "memory_axes", "reading_axes", "relaid", "reverse", "spread", "unlay", "unshared", "wide",
]  # fmt: skip

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


def expand(g: Array, ndim: int, axis: Axis, keepdims: bool) -> Any:
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


def lay(x: Array, axis: Axis) -> Array:
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


def unlay(y: Array, shape: tuple[int, ...], axis: Axis) -> Array:
    """The inverse of :func:`lay`, for an ``x`` of the given shape."""
    ndim = len(shape)
    axes = axes_of(axis, ndim)
    order = tuple(a for a in range(ndim) if a not in axes) + axes
    if len(axes) != 1:
        y = np.reshape(y, tuple(shape[a] for a in order))
    if order == tuple(range(ndim)):
        return y
    return np.transpose(y, tuple(order.index(a) for a in range(ndim)))


def wide(x: Array) -> Array:
    """``x``, half precision as single: float16 holds no count above 65 504, and no sum. The engine casts a rule's gradient back."""
    return x.astype(np.float32) if x.dtype.char == "e" else x


# ---------------------------------------------------------------- the order in memory


# Of arrays and Tensors. An array that does not say how it lies (another library's) counts as one in C order.


def _steps(x: Any) -> list[int]:
    """How far apart in memory the elements along each axis lie."""
    array = x._values if isinstance(x, Tensor) else x
    return [abs(stride) for stride in getattr(array, "strides", None) or (1,) * np.ndim(array)]


def memory_axes(x: Array) -> tuple[int, ...]:
    """The axes, the slowest first, as they lie in a new array like ``x`` (``np.empty_like``, ``np.copy``): by falling strides."""
    steps = _steps(x)
    return tuple(sorted(range(len(steps)), key=lambda axis: -steps[axis]))


def reading_axes(x: Array) -> tuple[int, ...]:
    """The axes, the slowest first, in the order in which NumPy reads ``x`` under order K: by falling strides.

    A broadcast axis, of stride 0, says nothing and stays where it is: this is the insertion sort of NumPy's iterator.
    """
    steps = [step if size > 1 else 0 for step, size in zip(_steps(x), x.shape, strict=True)]
    fastest: list[int] = []
    for axis in reversed(range(len(steps))):
        place = len(fastest)
        for k in reversed(range(len(fastest))):
            other = steps[fastest[k]]
            if other and steps[axis]:
                if other <= steps[axis]:
                    break
                place = k
        fastest.insert(place, axis)
    return tuple(reversed(fastest))


def inverse(axes: Any) -> tuple[int, ...]:
    """The permutation that undoes ``axes``."""
    ndim = len(axes)
    undone = [0] * ndim
    for place, axis in enumerate(axes):
        undone[axis] = place
    return tuple(undone)


def in_order(x: Any, order: Any = "C") -> Any:
    """``x`` with its memory in C or Fortran order: itself, or a copy."""
    flags = getattr(x._values if isinstance(x, Tensor) else x, "flags", None)
    return x if getattr(flags, "f_contiguous" if order == "F" else "c_contiguous", True) else np.copy(x, order=order)


def relaid(x: Array, axes: tuple[int, ...]) -> Any:
    """``x`` with memory in which its axes lie in the order ``axes``, the slowest first: itself, or a copy."""
    if axes == tuple(range(len(axes))):
        return in_order(x)
    return np.transpose(in_order(np.transpose(x, axes)), inverse(axes))


def unshared(x: Array) -> Array:
    """``x``, where it is broadcast a copy that is not."""
    return x if all(_steps(x)) else np.copy(x)


def reverse(x: Array) -> Any:
    """``x`` with its last axis reversed."""
    return x[..., ::-1]
