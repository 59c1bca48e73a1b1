"""Joining, splitting and repeating: ``concatenate``, ``stack``, ``split``, ``tile``, ``repeat``, ``insert``, ``meshgrid``, …"""
# The bodies compute on arrays; the types declared are those of the public functions.
# mypy: disable-error-code="no-any-return,return-value"

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..primitive import primitive, rule
from ..tensor import ArrayLike, Tensor
from .composed import composition
from .elementwise import copy
from .shaping import atleast_1d, atleast_2d, atleast_3d, broadcast_to, cast, moveaxis, ravel, raw, reshape, tensor_of

__all__ = [
    "append",
    "array_split",
    "block",
    "column_stack",
    "concat",
    "concatenate",
    "delete",
    "dsplit",
    "dstack",
    "hsplit",
    "hstack",
    "insert",
    "meshgrid",
    "repeat",
    "resize",
    "split",
    "stack",
    "tile",
    "trim_zeros",
    "unstack",
    "vsplit",
    "vstack",
]


def _along(axis: int, index: Any) -> tuple[Any, ...]:
    """The index that applies ``index`` to one axis."""
    return (slice(None),) * axis + (index,)


# ---------------------------------------------------------------- joining


@primitive(np.concatenate)
def concatenate(
    arrays: Sequence[ArrayLike], /, axis: int | None = 0, out: None = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Tensor:
    """The arrays one after the other along an axis they have; with ``axis=None``, all of them flattened.

    The dtype is the common one of the arrays, or ``dtype``. Gradients: the pieces of the cotangent.

    Raises:
        ValueError: the arrays differ in another axis than ``axis``, or there are none.

    >>> concatenate([[1.0], [2.0, 3.0]]).tolist()
    [1.0, 2.0, 3.0]
    """
    if dtype is None and casting == "same_kind":
        return np.concatenate(arrays, axis)
    return np.concatenate(arrays, axis, dtype=dtype, casting=casting)  # type: ignore[call-overload]


def _pieces(g: Any, needs: Any, arrays_shape: Any, axis: int | None) -> Any:
    """One slice of the cotangent for each array that needs it."""
    pieces: list[Any] = []
    start = 0
    lead = () if axis is None else (slice(None),) * (axis % g.ndim)
    for need, shape in zip(needs, arrays_shape, strict=True):
        if axis is None:
            length = 1
            for size in shape:
                length *= size
        else:
            length = shape[axis]
        stop = start + length
        if not need:
            pieces.append(None)
        elif axis is None:
            pieces.append(np.reshape(g[start:stop], shape))
        else:
            pieces.append(g[(*lead, slice(start, stop))])
        start = stop
    return pieces


rule(concatenate, joint=_pieces)

concat = concatenate


@primitive(np.stack)
def stack(arrays: Sequence[ArrayLike], axis: int = 0, out: None = None, *, dtype: Any = None, casting: str = "same_kind") -> Tensor:
    """The arrays, all of one shape, along a new axis. Gradients: the slices of the cotangent.

    Raises:
        ValueError: the shapes differ, or there are no arrays.

    >>> stack([[1, 2], [3, 4]], axis=-1).tolist()
    [[1, 3], [2, 4]]
    """
    if dtype is None and casting == "same_kind":
        return np.stack(arrays, axis)
    return np.stack(arrays, axis, dtype=dtype, casting=casting)  # type: ignore[call-overload]


def _layers(g: Any, needs: Any, axis: int) -> Any:
    """One layer of the cotangent for each array that needs it."""
    lead = (slice(None),) * (axis % g.ndim)
    return [g[(*lead, i)] if need else None for i, need in enumerate(needs)]


rule(stack, joint=_layers)


def _listed(arrays: Any, name: str) -> list[Any]:
    if isinstance(arrays, (str, bytes)) or not hasattr(arrays, "__iter__"):
        raise TypeError(f"{name}: needs a sequence of Tensors or arrays, not {type(arrays).__name__}")
    return list(arrays)


@composition(np.hstack)
def hstack(arrays: Sequence[ArrayLike], *, dtype: Any = None, casting: str = "same_kind") -> Tensor:
    """The arrays side by side: joined along axis 1, vectors along axis 0."""
    parts = [atleast_1d(x) for x in _listed(arrays, "hstack")]
    return concatenate(parts, 0 if parts and parts[0].ndim == 1 else 1, dtype=dtype, casting=casting)


@composition(np.vstack)
def vstack(arrays: Sequence[ArrayLike], *, dtype: Any = None, casting: str = "same_kind") -> Tensor:
    """The arrays one above the other: joined along axis 0, vectors as rows."""
    return concatenate([atleast_2d(x) for x in _listed(arrays, "vstack")], 0, dtype=dtype, casting=casting)


@composition(np.dstack)
def dstack(arrays: Sequence[ArrayLike]) -> Tensor:
    """The arrays one behind the other: joined along axis 2, matrices as (m, n, 1) and vectors as (1, n, 1)."""
    return concatenate([atleast_3d(x) for x in _listed(arrays, "dstack")], 2)


@composition(np.column_stack)
def column_stack(arrays: Sequence[ArrayLike]) -> Tensor:
    """The arrays side by side, vectors as columns."""
    parts = [tensor_of(x) for x in _listed(arrays, "column_stack")]
    return concatenate([x if x.ndim > 1 else reshape(x, (x.size, 1)) for x in parts], 1)


@composition(np.block)
def block(arrays: Any) -> Tensor:
    """The array built of nested lists of blocks: the innermost lists are joined along the last axis, the next along the one before, …

    Raises:
        ValueError: the lists are empty or differ in depth, or the blocks do not fit.
        TypeError: tuples instead of lists.

    >>> block([[np.eye(1), [[2.0]]], [[[3.0, 4.0]]]]).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    depth = _depth(arrays, "arrays")
    ndim = max([depth, *[x.ndim for x in _blocks(arrays)]])

    def join(part: Any, level: int) -> Tensor:
        if level == depth:
            t = tensor_of(part)
            return t if t.ndim == ndim else reshape(t, (1,) * (ndim - t.ndim) + t.shape)
        return concatenate([join(item, level + 1) for item in part], level - depth)

    return copy(join(arrays, 0)) if depth == 0 else join(arrays, 0)


def _blocks(part: Any) -> list[Tensor]:
    return [x for item in part for x in _blocks(item)] if isinstance(part, list) else [tensor_of(part)]


def _depth(part: Any, where: str) -> int:
    """How deep the lists are nested, the same everywhere."""
    if isinstance(part, tuple):
        raise TypeError(f"block: {where} is a tuple. Only lists can be used to arrange blocks.")
    if not isinstance(part, list):
        return 0
    if not part:
        raise ValueError(f"block: List at {where} cannot be empty")
    depths = [_depth(item, f"{where}[{i}]") for i, item in enumerate(part)]
    for i, depth in enumerate(depths):
        if depth != depths[0]:
            raise ValueError(f"block: List depths are mismatched. First element was at depth {depths[0] + 1}, but {where}[{i}] is at depth {depth + 1}")
    return depths[0] + 1


@composition(np.append)
def append(x: ArrayLike, /, values: ArrayLike, axis: int | None = None) -> Tensor:
    """``x`` followed by ``values`` along ``axis``; without an axis, both flattened."""
    if axis is None:
        return concatenate([ravel(x), ravel(values)])
    return concatenate([x, values], axis)


# ---------------------------------------------------------------- splitting


def _filled(pieces: Any, shapes: Any) -> list[Any]:
    """The cotangents of the pieces of an array, zeros where none arrived."""
    like = next(g for g in pieces if g is not None)
    return [np.zeros_like(like, shape=shape) if g is None else g for g, shape in zip(pieces, shapes, strict=True)]


@primitive(name="split", wrt="x", multi=True, view=True)
def _split(x: ArrayLike, /, bounds: tuple[int, ...], axis: int = 0) -> Any:
    """The pieces of ``x`` between consecutive ``bounds`` along ``axis`` (not negative)."""
    lead = (slice(None),) * axis
    return tuple([x[(*lead, slice(start, stop))] for start, stop in pairwise(bounds)])


def _rejoined(g: Any, x_shape: Any, bounds: Any, axis: int) -> Any:
    shapes = [(*x_shape[:axis], stop - start, *x_shape[axis + 1 :]) for start, stop in pairwise(bounds)]
    return (np.concatenate(_filled(g, shapes), axis=axis),)


rule(_split, joint=_rejoined)


@composition(np.array_split)
def array_split(x: ArrayLike, /, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """The pieces of ``x`` along ``axis``: a number of them, or those between the given indices.

    Where the number does not divide the length, the first pieces are longer by one. All pieces together
    cost one pass over ``x`` in the backward pass.

    >>> [piece.tolist() for piece in array_split([1, 2, 3], 2)]
    [[1, 2], [3]]
    """
    t = tensor_of(x)
    axis = normalize_axis_index(axis, t.ndim)
    total = t.shape[axis]
    try:
        inner = [operator.index(i) for i in indices_or_sections]
    except TypeError:
        count = int(indices_or_sections)
        if count <= 0:
            raise ValueError("array_split: number sections must be larger than 0.") from None
        each, extras = divmod(total, count)
        bounds = [i * each + min(i, extras) for i in range(count + 1)]
        return list(_split(t, tuple(bounds), axis))
    spans = [slice(i, j).indices(total)[:2] for i, j in zip([0, *inner], [*inner, total], strict=True)]
    bounds = [0, *[stop for _, stop in spans]]
    if all(start == bound and start <= stop for bound, (start, stop) in zip(bounds, spans, strict=False)):
        return list(_split(t, tuple(bounds), axis))
    # Pieces out of order overlap or leave gaps.
    return [t[_along(axis, slice(start, stop))] for start, stop in spans]


@composition(np.split)
def split(x: ArrayLike, /, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """The pieces of ``x`` along ``axis``: a number of equal ones, or those between the given indices.

    Raises:
        ValueError: the number does not divide the length of the axis.

    >>> [piece.tolist() for piece in split([1, 2, 3, 4], [1, 3])]
    [[1], [2, 3], [4]]
    """
    t = tensor_of(x)
    if not hasattr(indices_or_sections, "__len__"):
        count = int(indices_or_sections)
        length = t.shape[normalize_axis_index(axis, t.ndim)]
        if count <= 0:
            raise ValueError("split: number sections must be larger than 0.")
        if length % count:
            raise ValueError(f"split: array split does not result in an equal division: axis {axis} of {t.shape} into {count}")
    return array_split(t, indices_or_sections, axis)


def _at_least(t: Tensor, ndim: int, name: str) -> None:
    if t.ndim < ndim:
        raise ValueError(f"{name} only works on arrays of {ndim} or more dimensions")


@composition(np.hsplit)
def hsplit(x: ArrayLike, /, indices_or_sections: Any) -> list[Tensor]:
    """:func:`split` along axis 1, of a vector along axis 0."""
    t = tensor_of(x)
    _at_least(t, 1, "hsplit")
    return split(t, indices_or_sections, 1 if t.ndim > 1 else 0)


@composition(np.vsplit)
def vsplit(x: ArrayLike, /, indices_or_sections: Any) -> list[Tensor]:
    """:func:`split` along axis 0."""
    t = tensor_of(x)
    _at_least(t, 2, "vsplit")
    return split(t, indices_or_sections, 0)


@composition(np.dsplit)
def dsplit(x: ArrayLike, /, indices_or_sections: Any) -> list[Tensor]:
    """:func:`split` along axis 2."""
    t = tensor_of(x)
    _at_least(t, 3, "dsplit")
    return split(t, indices_or_sections, 2)


@primitive(np.unstack, multi=True, view=True)
def unstack(x: ArrayLike, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The layers of ``x`` along ``axis``, as a tuple. All of them together cost one pass in the backward pass.

    >>> [row.tolist() for row in unstack([[1, 2], [3, 4]])]
    [[1, 2], [3, 4]]
    """
    return np.unstack(x, axis=axis)


def _restacked(g: Any, x_shape: Any, axis: int) -> Any:
    axis %= len(x_shape)
    return (np.stack(_filled(g, [x_shape[:axis] + x_shape[axis + 1 :]] * len(g)), axis=axis),)


rule(unstack, joint=_restacked)


# ---------------------------------------------------------------- repeating


@primitive(np.tile)
def tile(x: ArrayLike, /, reps: Any) -> Tensor:
    """``x`` laid out ``reps`` times along each axis. Gradient: the sum over the copies.

    >>> tile([1, 2], (2, 2)).tolist()
    [[1, 2, 1, 2], [1, 2, 1, 2]]
    """
    return np.tile(x, reps)


def _untile(g: Any, x_shape: Any, reps: Any) -> Any:
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


@primitive(name="repeat")
def _repeat(x: ArrayLike, /, repeats: int, axis: int | None = None) -> Tensor:
    """:func:`repeat` with one number for all elements."""
    return np.repeat(x, repeats, axis)


def _unrepeat(g: Any, x_shape: Any, repeats: int, axis: int | None) -> Any:
    if axis is None or not x_shape:
        return np.sum(np.reshape(g, (*x_shape, repeats)), axis=-1)
    place = axis % len(x_shape) + 1
    return np.sum(np.reshape(g, (*x_shape[:place], repeats, *x_shape[place:])), axis=place)


rule(_repeat, _unrepeat)


@composition(np.repeat)
def repeat(x: ArrayLike, /, repeats: Any, axis: int | None = None) -> Tensor:
    """Each element of ``x`` ``repeats`` times along ``axis``, of the flattened ``x`` without one. Gradient: the sum over the repeats.

    Args:
        x: the array.
        repeats: one number, or one for each place along the axis.
        axis: the axis.

    >>> repeat([1, 2], [2, 1]).tolist()
    [1, 1, 2]
    """
    counts = np.asarray(raw(repeats))
    if counts.dtype.kind not in "biu":
        raise TypeError(f"repeat: repeats must be integers, not {counts.dtype}")
    if counts.size == 1 and counts.ndim < 2:
        return _repeat(x, int(counts.item()), axis)
    t = tensor_of(x)
    length = t.size if axis is None else t.shape[normalize_axis_index(axis, t.ndim)]
    return t.take(np.repeat(np.arange(length), counts), axis)


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
    repeats = -(-size // flat.size)
    if repeats > 1:
        flat = tile(flat, repeats)
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
    return concatenate([t, new], axis).take(places, axis)


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
    return t.take(np.delete(np.arange(t.shape[axis]), raw(obj)), axis)


@composition(np.trim_zeros)
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
            index[each] = slice(int(where[each].min()) if "f" in sides else None, int(where[each].max()) + 1 if "b" in sides else None)
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
    return tuple([_copied(grid) for grid in grids] if copy else grids)


_copied = copy
