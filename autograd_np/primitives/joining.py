"""Joining and splitting: ``concatenate``, ``stack``, ``block``, ``split``, ``unstack``, …"""
# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..engine.registry import primitive, rule
from ..engine.tensor import Array, ArrayLike, DTypeLike, Tensor
from .composed import composition, publish
from .elementwise import copy
from .layout import in_order
from .shaping import atleast_1d, atleast_2d, atleast_3d, ravel, raw, reshape, tensor_of

__all__ = [
    "append",
    "array_split",
    "block",
    "column_stack",
    "concat",
    "concatenate",
    "dsplit",
    "dstack",
    "hsplit",
    "hstack",
    "split",
    "stack",
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
    arrays: Sequence[ArrayLike],
    /,
    axis: int | None = 0,
    out: None = None,
    *,
    dtype: DTypeLike | None = None,
    casting: str = "same_kind",
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
    return np.concatenate(arrays, axis, dtype=dtype, casting=casting)


def _pieces(g: Array, needs: Any, arrays_shape: Any, axis: int | None) -> Any:
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
def stack(
    arrays: Sequence[ArrayLike],
    axis: int = 0,
    out: None = None,
    *,
    dtype: DTypeLike | None = None,
    casting: str = "same_kind",
) -> Tensor:
    """The arrays, all of one shape, along a new axis. Gradients: the slices of the cotangent.

    Raises:
        ValueError: the shapes differ, or there are no arrays.

    >>> stack([[1, 2], [3, 4]], axis=-1).tolist()
    [[1, 3], [2, 4]]
    """
    if dtype is None and casting == "same_kind":
        return np.stack(arrays, axis)
    return np.stack(arrays, axis, dtype=dtype, casting=casting)


def _layers(g: Array, needs: Any, axis: int) -> Any:
    """One layer of the cotangent for each array that needs it."""
    lead = (slice(None),) * (axis % g.ndim)
    return [g[(*lead, i)] if need else None for i, need in enumerate(needs)]


rule(stack, joint=_layers)


def _listed(arrays: Any, name: str) -> list[Any]:
    if isinstance(arrays, (str, bytes)) or not hasattr(arrays, "__iter__"):
        raise TypeError(f"{name}: needs a sequence of Tensors or arrays, not {type(arrays).__name__}")
    return list(arrays)


@composition(np.hstack)
def hstack(arrays: Sequence[ArrayLike], *, dtype: DTypeLike | None = None, casting: str = "same_kind") -> Tensor:
    """The arrays side by side: joined along axis 1, vectors along axis 0."""
    parts = [atleast_1d(x) for x in _listed(arrays, "hstack")]
    return concatenate(parts, 0 if parts and parts[0].ndim == 1 else 1, dtype=dtype, casting=casting)


@composition(np.vstack)
def vstack(arrays: Sequence[ArrayLike], *, dtype: DTypeLike | None = None, casting: str = "same_kind") -> Tensor:
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

    >>> block([[np.eye(1), np.zeros((1, 2))], [np.ones((1, 3))]]).tolist()
    [[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    """
    depth = _depth(arrays, "arrays")
    ndim = max([depth, *[x.ndim for x in _blocks(arrays)]])

    def join(part: Any, level: int) -> Tensor:
        if level == depth:
            t = tensor_of(part)
            return t if t.ndim == ndim else reshape(t, (1,) * (ndim - t.ndim) + t.shape)
        return concatenate([join(item, level + 1) for item in part], level - depth)

    if depth == 0:
        return copy(join(arrays, 0), order="C")
    result = join(arrays, 0)
    if depth * result.size <= _JOINED:
        return result
    flags = [getattr(raw(x), "flags", None) for x in _blocks(arrays)]
    fortran = all(getattr(f, "f_contiguous", False) for f in flags) and not all(
        getattr(f, "c_contiguous", False) for f in flags
    )
    return in_order(result, "F" if fortran else "C")


# Above this number of elements (times the depth) NumPy writes the blocks into an array in C order, or in that of blocks all in Fortran order.
_JOINED = 2 * 512 * 512


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
            raise ValueError(
                f"block: List depths are mismatched. First element was at depth {depths[0] + 1}, but {where}[{i}] is at depth {depth + 1}"
            )
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


@primitive(name="split", wrt="x", multi=True, view=True, masks=True)
def _split(x: ArrayLike, /, bounds: tuple[int, ...], axis: int = 0) -> Any:
    """The pieces of ``x`` between consecutive ``bounds`` along ``axis`` (not negative)."""
    lead = (slice(None),) * axis
    return tuple([x[(*lead, slice(start, stop))] for start, stop in pairwise(bounds)])


def _rejoined(g: Array, x_shape: tuple[int, ...], bounds: Any, axis: int) -> Any:
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
            raise ValueError(
                f"split: array split does not result in an equal division: axis {axis} of {t.shape} into {count}"
            )
    return array_split(t, indices_or_sections, axis)


publish(split, _split, np.split)


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


@primitive(np.unstack, multi=True, view=True, masks=True)
def unstack(x: ArrayLike, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The layers of ``x`` along ``axis``, as a tuple. All of them together cost one pass in the backward pass.

    >>> [row.tolist() for row in unstack([[1, 2], [3, 4]])]
    [[1, 2], [3, 4]]
    """
    return np.unstack(x, axis=axis)


def _restacked(g: Any, x_shape: tuple[int, ...], axis: int) -> Any:
    axis %= len(x_shape)
    return (np.stack(_filled(g, [x_shape[:axis] + x_shape[axis + 1 :]] * len(g)), axis=axis),)


rule(unstack, joint=_restacked)
