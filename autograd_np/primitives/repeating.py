"""Repeating, inserting and deleting: ``tile``, ``repeat``, ``resize``, ``insert``, ``delete``, ``trim_zeros``, ``meshgrid``."""
# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..engine.hooks import array
from ..engine.registry import primitive, rule
from ..engine.tensor import Array, ArrayLike, Tensor
from . import elementwise
from .composed import composition, publish
from .joining import concatenate
from .shaping import broadcast_to, cast, moveaxis, ravel, raw, reshape, settled, tensor_of

__all__ = ["delete", "insert", "repeat", "resize", "tile", "trim_zeros"]


@primitive(np.tile)
def tile(x: ArrayLike, /, reps: Any) -> Tensor:
    """``x`` laid out ``reps`` times along each axis. Gradient: the sum over the copies.

    >>> tile([1, 2], (2, 2)).tolist()
    [[1, 2, 1, 2], [1, 2, 1, 2]]
    """
    return np.tile(x, reps)


def _untile(g: Array, x_shape: tuple[int, ...], reps: Any) -> Array:
    try:
        counts = tuple(reps)
    except TypeError:
        counts = (reps,)
    shape = (1,) * (len(counts) - len(x_shape)) + x_shape
    counts = (1,) * (len(shape) - len(counts)) + counts
    laid: list[int] = []
    axes = []
    for count, size in zip(counts, shape, strict=True):
        if count != 1:
            axes.append(len(laid))
            laid.append(int(count))
        laid.append(size)
    if axes:
        g = np.sum(np.reshape(g, tuple(laid)), axis=tuple(axes))
    return np.reshape(g, x_shape)


rule(tile, _untile)


@primitive(name="repeat", masks=True)
def _repeat(x: ArrayLike, /, repeats: int, axis: int | None = None) -> Tensor:
    """:func:`repeat` with one number for all elements."""
    return np.repeat(x, repeats, axis)


def _unrepeat(g: Array, x_shape: tuple[int, ...], repeats: int, axis: int | None) -> Array:
    if axis is None or not x_shape:
        return np.sum(np.reshape(g, (*x_shape, repeats)), axis=-1)
    place = axis % len(x_shape) + 1
    return np.sum(np.reshape(g, (*x_shape[:place], repeats, *x_shape[place:])), axis=place)


rule(_repeat, _unrepeat)


def repeat(x: ArrayLike, /, repeats: Any, axis: int | None = None) -> Tensor:
    """Each element of ``x`` ``repeats`` times along ``axis``, of the flattened ``x`` without one. Gradient: the sum over the repeats.

    Args:
        x: the array.
        repeats: one number, or one for each place along the axis.
        axis: the axis.

    >>> repeat([1, 2], [2, 1]).tolist()
    [1, 1, 2]
    """
    if repeats.__class__ is int:
        return _repeat(x, repeats, axis)
    counts = np.asarray(raw(repeats))
    if counts.size and counts.dtype.kind not in "biu":
        raise TypeError(f"repeat: repeats must be integers, not {counts.dtype}")
    if counts.size == 1 and counts.ndim < 2:
        return _repeat(x, int(counts.item()), axis)
    t = tensor_of(x)
    length = t.size if axis is None else t.shape[normalize_axis_index(axis, t.ndim)]
    return t.take(np.repeat(np.arange(length), counts.astype(int)), axis)


publish(repeat, _repeat, np.repeat)


@composition(np.resize)
def resize(x: ArrayLike, /, new_shape: Any) -> Tensor:
    """The elements of ``x`` in ``new_shape``, repeated from the start where there are too few, cut off where there are too many."""
    shape = (new_shape,) if isinstance(new_shape, (int, np.integer)) else tuple(new_shape)
    size = 1
    for length in shape:
        if length < 0:
            raise ValueError("resize: all elements of `new_shape` must be non-negative")
        size *= length
    flat = ravel(x)
    if not flat.size or not size:
        return np.zeros_like(flat, shape=shape)
    flat = tile(flat, -(-size // flat.size))
    return reshape(flat if flat.size == size else flat[:size], shape)


# ---------------------------------------------------------------- inserting and deleting


@composition(np.insert)
def insert(x: ArrayLike, /, obj: Any, values: ArrayLike, axis: int | None = None) -> Tensor:
    """``x`` with ``values`` inserted before the indices ``obj`` along ``axis``; of the flattened ``x`` without one.

    ``values`` takes the dtype of ``x`` and broadcasts as in NumPy. Gradients flow to ``x`` and ``values``.

    >>> insert([1.0, 2.0], 1, 5.0).tolist()
    [1.0, 5.0, 2.0]
    """
    t = tensor_of(x)
    if axis is None:
        t, axis = (t if t.ndim == 1 else ravel(t)), 0
    axis = normalize_axis_index(axis, t.ndim)
    length = t.shape[axis]
    obj = raw(obj)
    new = cast(values, t.dtype)
    if new.ndim < t.ndim:
        new = reshape(new, (1,) * (t.ndim - new.ndim) + new.shape)
    # NumPy's own insert of marks tells how many values go in, and then of their numbers, where each goes.
    count = np.insert(np.arange(length), obj, -1).size - length
    if count == 1 and not (isinstance(obj, slice) and len(range(*obj.indices(length))) != 1):
        if not isinstance(obj, slice) and np.ndim(obj) == 0:
            new = moveaxis(new, 0, axis)
        count = new.shape[axis]
    new = broadcast_to(new, (*t.shape[:axis], count, *t.shape[axis + 1 :]))
    places = np.insert(np.arange(length), obj, np.arange(length, length + count))
    return _taken(concatenate([t, new], axis), places, axis, settled(t))


def _taken(t: Tensor, places: Any, axis: int, order: str) -> Tensor:
    """The ``places`` of ``t`` along ``axis``, in C or Fortran order in memory."""
    return np.transpose(t).take(places, t.ndim - 1 - axis).T if order == "F" else t.take(places, axis)


@composition(np.delete)
def delete(x: ArrayLike, /, obj: Any, axis: int | None = None) -> Tensor:
    """``x`` without the places ``obj`` (an index, a slice, indices or a mask) along ``axis``; of the flattened ``x`` without one.

    >>> delete([1.0, 2.0, 3.0], 1).tolist()
    [1.0, 3.0]
    """
    t = tensor_of(x)
    if axis is None:
        t, axis = (t if t.ndim == 1 else ravel(t)), 0
    axis = normalize_axis_index(axis, t.ndim)
    obj = raw(obj)
    places = np.delete(np.arange(t.shape[axis]), obj)
    if isinstance(obj, slice) or (np.size(obj) == 1 and array(obj).dtype != bool):
        return _taken(t, places, axis, settled(t))
    return t[(slice(None),) * axis + (places,)]


@composition(np.trim_zeros, looped=True)
def trim_zeros(x: ArrayLike, /, trim: str = "fb", axis: int | Sequence[int] | None = None) -> Tensor:
    """``x`` without the zeros at its front (``f``) and back (``b``), along every axis or those of ``axis``.

    Where the zeros are is taken from the values: the function is piecewise a slice, and so is its gradient.

    >>> trim_zeros([0.0, 1.0, 0.0, 2.0, 0.0]).tolist()
    [1.0, 0.0, 2.0]
    """
    t = tensor_of(x)
    sides = trim.lower()
    if sides not in ("fb", "bf", "f", "b"):
        raise ValueError(f"trim_zeros: unexpected character(s) in `trim`: {trim!r}")
    axes = range(t.ndim) if axis is None else normalize_axis_tuple(axis, t.ndim, "axis")
    where = np.nonzero(raw(t)) if t.ndim else ()
    index = [slice(None)] * t.ndim
    for each in axes:
        if where[each].size:
            index[each] = slice(
                np.min(where[each]).item() if "f" in sides else None,
                np.max(where[each]).item() + 1 if "b" in sides else None,
            )
        else:
            index[each] = slice(0, 0)
    return t[tuple(index)] if index else t


@composition(np.meshgrid)
def meshgrid(*arrays: ArrayLike, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Tensor, ...]:
    """The coordinate arrays of a grid, one per vector: the ``i``-th varies along axis ``i`` (with ``xy``, the first two exchanged).

    Args:
        *arrays: vectors (or numbers).
        copy: give each its own memory, rather than a broadcast view.
        sparse: leave the other axes at length one.
        indexing: ``xy`` (Cartesian) or ``ij`` (matrix).
    """
    if indexing not in ("xy", "ij"):
        raise ValueError("meshgrid: Valid values for `indexing` are 'xy' and 'ij'.")
    ndim = len(arrays)
    grids = [reshape(x, (1,) * i + (-1,) + (1,) * (ndim - 1 - i)) for i, x in enumerate(arrays)]
    if indexing == "xy" and ndim > 1:
        grids[0] = reshape(arrays[0], (1, -1) + (1,) * (ndim - 2))
        grids[1] = reshape(arrays[1], (-1, 1) + (1,) * (ndim - 2))
    if not sparse:
        shape = np.broadcast_shapes(*[grid.shape for grid in grids])
        grids = [broadcast_to(grid, shape) for grid in grids]
    return tuple([elementwise.copy(grid, order="C") for grid in grids] if copy else grids)
