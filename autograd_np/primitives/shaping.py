"""Shape and order of the axes: ``reshape``, ``transpose``, ``squeeze``, ``broadcast_to``, ``flip``, ``roll``, …

None of these computes anything, so a gradient is the cotangent put back where its elements came from.
"""
# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..engine.registry import primitive, rule, same
from ..engine.tensor import ArrayLike, DTypeLike, Tensor
from .composed import composition, publish
from .elementwise import copy
from .layout import inverse, reading_axes

__all__ = [
    "ascontiguousarray",
    "asfortranarray",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_to",
    "expand_dims",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "matrix_transpose",
    "moveaxis",
    "permute_dims",
    "ravel",
    "require",
    "reshape",
    "roll",
    "rollaxis",
    "rot90",
    "squeeze",
    "swapaxes",
    "transpose",
]

Axes = int | Sequence[int] | None


def tensor_of(value: ArrayLike) -> Tensor:
    """The value as a Tensor: itself, or a constant."""
    return value if isinstance(value, Tensor) else Tensor(value)


def raw(value: Any) -> Any:
    """The array behind a Tensor; anything else as it is."""
    return value._values if isinstance(value, Tensor) else value


def cast(x: ArrayLike, dtype: DTypeLike | None) -> Tensor:
    """``x`` as a Tensor of ``dtype`` (its own if None)."""
    t = tensor_of(x)
    return t if dtype is None or t.dtype == np.dtype(dtype) else t.astype(dtype)


# ---------------------------------------------------------------- reshape


@primitive(name="reshape", view=True)
def _reshape(x: ArrayLike, /, shape: Any, order: str = "C", copy: bool | None = None) -> Tensor:
    """:func:`reshape` with the order settled: C or F."""
    if copy is None:
        return np.reshape(x, shape, order=order)
    return np.reshape(x, shape, order=order, copy=copy)


rule(_reshape, lambda g, x_shape, order: np.reshape(g, x_shape, order=order))


def _memory(x: ArrayLike) -> Any:
    """The memory flags of an array, None for an array that has none."""
    return getattr(raw(x), "flags", None)


def settled(x: ArrayLike, order: str = "A") -> str:
    """The order that A stands for: F for memory in Fortran order alone, else C."""
    if order in ("A", "a"):
        return "F" if getattr(_memory(x), "fnc", False) else "C"
    return order


def reshape(
    x: ArrayLike, /, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: bool | None = None
) -> Tensor:
    """``x`` with another shape and the same elements in the same order. Gradient: the cotangent in the shape of ``x``.

    Args:
        x: the array.
        shape: the new shape, an int or a tuple; one entry may be -1.
        order: the order in which elements are read and placed: C, F, or A (F where ``x`` is in Fortran order).
        newshape: the older name of ``shape``.
        copy: True for a copy always, False for a view or an error; by default a view where possible.

    Raises:
        ValueError: the number of elements differs.

    >>> reshape([1.0, 2.0, 3.0, 4.0], (2, -1)).shape
    (2, 2)
    """
    if shape is None:
        if newshape is None:
            raise TypeError("reshape() missing 1 required positional argument: 'shape'")
        shape = newshape
    elif newshape is not None:
        raise TypeError("reshape: shape and newshape are the same argument; give one of them")
    if shape.__class__ is list:
        shape = tuple(shape)
    return _reshape(x, shape, order if order == "C" else settled(x, order), copy)


publish(reshape, _reshape, np.reshape)


def _flat(x: ArrayLike, order: str, copied: bool | None) -> Tensor:
    """``x`` in one dimension and in memory without gaps: a copy, or where ``copied`` is None the same memory if it lies so."""
    x = tensor_of(x)
    if order in ("K", "k"):
        axes = reading_axes(x)
        if axes != tuple(range(len(axes))):
            x = transpose(x, axes)
        order = "C"
    order = settled(x, order)
    if copied is None and not getattr(_memory(x), "f_contiguous" if order in ("F", "f") else "c_contiguous", True):
        copied = True
    return _reshape(x, (-1,), order, copied)


@composition(np.ravel)
def ravel(x: ArrayLike, /, order: str = "C") -> Tensor:
    """``x`` in one dimension, a view where possible. Orders C, F, A and K (as it lies in memory) as in NumPy."""
    return _flat(x, order, None)


@composition()
def flatten(x: ArrayLike, /, order: str = "C") -> Tensor:
    """A copy of ``x`` in one dimension: :meth:`numpy.ndarray.flatten`. Orders C, F, A and K as in NumPy."""
    return _flat(x, order, True)


# ---------------------------------------------------------------- the order of the axes


def _undone(axes: Any) -> tuple[int, ...]:
    """The permutation that undoes ``axes``, a sequence or a number."""
    try:
        return inverse(tuple(axes))
    except TypeError:
        return inverse((axes,))


@primitive(np.transpose, view=True)
def transpose(x: ArrayLike, /, axes: Any = None) -> Tensor:
    """The axes of ``x`` in another order, reversed by default. Gradient: the inverse permutation.

    Args:
        x: the array.
        axes: the permutation: axis ``i`` of the result is axis ``axes[i]`` of ``x``.

    Raises:
        ValueError: ``axes`` is no permutation of the axes of ``x``.

    >>> transpose(np.zeros((2, 3, 4)), (1, 0, 2)).shape
    (3, 2, 4)
    """
    return np.transpose(x, axes)


rule(transpose, lambda g, axes: np.transpose(g) if axes is None else np.transpose(g, _undone(axes)))

permute_dims = transpose


@primitive(np.swapaxes, view=True)
def swapaxes(x: ArrayLike, /, axis1: int, axis2: int) -> Tensor:
    """``x`` with two axes exchanged. Gradient: exchanged back."""
    return np.swapaxes(x, axis1, axis2)


rule(swapaxes, lambda g, axis1, axis2: np.swapaxes(g, axis1, axis2))


@composition(np.matrix_transpose)
def matrix_transpose(x: ArrayLike, /) -> Tensor:
    """``x`` with its last two axes exchanged."""
    if np.ndim(x) < 2:
        raise ValueError(
            f"matrix_transpose: the input must be at least 2-dimensional, but it is {np.ndim(x)}-dimensional"
        )
    return swapaxes(x, -1, -2)


@composition(np.moveaxis)
def moveaxis(x: ArrayLike, /, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """``x`` with the ``source`` axes at the ``destination`` places; the others keep their order.

    >>> moveaxis(np.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    ndim = np.ndim(x)
    froms = normalize_axis_tuple(source, ndim, "source")
    tos = normalize_axis_tuple(destination, ndim, "destination")
    if len(froms) != len(tos):
        raise ValueError("`source` and `destination` arguments must have the same number of elements")
    axes = [axis for axis in range(ndim) if axis not in froms]
    for to, axis in sorted(zip(tos, froms, strict=True)):
        axes.insert(to, axis)
    return transpose(x, tuple(axes))


@composition(np.rollaxis)
def rollaxis(x: ArrayLike, /, axis: int, start: int = 0) -> Tensor:
    """``x`` with ``axis`` moved back until it lies before ``start``. (:func:`moveaxis` is easier to read.)"""
    ndim = np.ndim(x)
    axis = normalize_axis_index(axis, ndim)
    if not -ndim <= start <= ndim:
        raise np.exceptions.AxisError(f"'start' arg requires {-ndim} <= start < {ndim + 1}, but {start} was passed in")
    start += ndim if start < 0 else 0
    start -= axis < start
    axes = list(range(ndim))
    axes.remove(axis)
    axes.insert(start, axis)
    return transpose(x, tuple(axes))


# ---------------------------------------------------------------- axes of length one


@primitive(np.squeeze, view=True)
def squeeze(x: ArrayLike, /, axis: Axes = None) -> Tensor:
    """``x`` without its axes of length one, or without those of ``axis``.

    Raises:
        ValueError: an axis of ``axis`` is longer than one.
    """
    return np.squeeze(x, axis)


rule(squeeze, lambda g, x_shape: np.reshape(g, x_shape))


@primitive(np.expand_dims, view=True)
def expand_dims(x: ArrayLike, /, axis: int | Sequence[int]) -> Tensor:
    """``x`` with new axes of length one at the places ``axis`` of the result.

    >>> expand_dims(np.zeros((2, 3)), (0, -1)).shape
    (1, 2, 3, 1)
    """
    if axis.__class__ is int:
        shape = np.shape(x)
        count = len(shape) + 1
        if -count <= axis < count:
            at: int = axis % count
            return np.reshape(x, (*shape[:at], 1, *shape[at:]))
    return np.expand_dims(x, axis)


rule(expand_dims, lambda g, x_shape: np.reshape(g, x_shape))


def _each(function: Any, arrays: tuple[ArrayLike, ...]) -> Any:
    results = tuple([function(tensor_of(x)) for x in arrays])
    return results[0] if len(results) == 1 else results


@composition(np.atleast_1d)
def atleast_1d(*arrays: ArrayLike) -> Any:
    """Each array with at least one dimension: a Tensor, or a tuple of them for several."""
    return _each(lambda x: x if x.ndim else _reshape(x, (1,)), arrays)


@composition(np.atleast_2d)
def atleast_2d(*arrays: ArrayLike) -> Any:
    """Each array with at least two dimensions, new ones in front: a Tensor, or a tuple of them for several."""
    return _each(lambda x: x if x.ndim > 1 else _reshape(x, (1, x.size)), arrays)


@composition(np.atleast_3d)
def atleast_3d(*arrays: ArrayLike) -> Any:
    """Each array with at least three dimensions, (n,) as (1, n, 1) and (m, n) as (m, n, 1)."""

    def deep(x: Tensor) -> Tensor:
        if x.ndim > 2:
            return x
        return _reshape(x, (*x.shape, 1) if x.ndim == 2 else (1, x.size, 1))

    return _each(deep, arrays)


# ---------------------------------------------------------------- broadcasting


@primitive(np.broadcast_to, broadcasts=True, view=True)
def broadcast_to(x: ArrayLike, /, shape: Any, subok: bool = False) -> Tensor:
    """``x`` repeated to ``shape`` by NumPy's broadcasting, without a copy. Gradient: the sum over the repeats.

    Raises:
        ValueError: ``x`` does not broadcast to ``shape``.
    """
    return np.broadcast_to(x, shape)


rule(broadcast_to, same)


@composition(np.broadcast_arrays)
def broadcast_arrays(*arrays: ArrayLike, subok: bool = False) -> tuple[Tensor, ...]:
    """The arrays broadcast against each other, without copies."""
    tensors = [tensor_of(x) for x in arrays]
    shape = np.broadcast_shapes(*[t.shape for t in tensors])
    return tuple([t if t.shape == shape else broadcast_to(t, shape) for t in tensors])


# ---------------------------------------------------------------- turning


@primitive(np.flip, view=True)
def flip(x: ArrayLike, /, axis: Axes = None) -> Tensor:
    """``x`` with the order of elements reversed along ``axis`` (all axes by default)."""
    return np.flip(x, axis)


rule(flip, lambda g, axis: np.flip(g, axis))


@composition(np.fliplr)
def fliplr(x: ArrayLike, /) -> Tensor:
    """``x`` with its columns (axis 1) reversed."""
    if np.ndim(x) < 2:
        raise ValueError("fliplr: Input must be >= 2-d.")
    return flip(x, 1)


@composition(np.flipud)
def flipud(x: ArrayLike, /) -> Tensor:
    """``x`` with its rows (axis 0) reversed."""
    if np.ndim(x) < 1:
        raise ValueError("flipud: Input must be >= 1-d.")
    return flip(x, 0)


@composition(np.rot90)
def rot90(x: ArrayLike, /, k: int = 1, axes: Sequence[int] = (0, 1)) -> Tensor:
    """``x`` turned ``k`` times by 90 degrees in the plane of ``axes``, from the first towards the second.

    >>> rot90([[1, 2], [3, 4]]).tolist()
    [[2, 4], [1, 3]]
    """
    first, second = _plane(axes, np.ndim(x))
    k %= 4
    if k == 0:
        return tensor_of(x)
    if k == 2:
        return flip(x, (first, second))
    if k == 1:
        return swapaxes(flip(x, second), first, second)
    return flip(swapaxes(x, first, second), second)


def _plane(axes: Sequence[int], ndim: int) -> tuple[int, int]:
    axes = tuple(axes)
    if len(axes) != 2:
        raise ValueError("rot90: len(axes) must be 2.")
    if not all(-ndim <= axis < ndim for axis in axes):
        raise ValueError(f"rot90: Axes={axes} out of range for array of ndim={ndim}.")
    first, second = (axis % ndim for axis in axes)
    if first == second:
        raise ValueError("rot90: Axes must be different.")
    return first, second


def _negated(shift: Any) -> Any:
    return tuple([-s for s in shift]) if isinstance(shift, (tuple, list)) else -shift


@primitive(np.roll)
def roll(x: ArrayLike, /, shift: Any, axis: Axes = None) -> Tensor:
    """``x`` with its elements moved ``shift`` places along ``axis``, the last ones entering at the front.

    Without ``axis`` the flattened array is rolled and gets its shape back. Several axes take one shift each,
    or all the same. Gradient: the cotangent rolled by ``-shift``.
    """
    return np.roll(x, shift, axis)


rule(roll, lambda g, shift, axis: np.roll(g, _negated(shift), axis))


# ---------------------------------------------------------------- memory


@composition()
def ascontiguousarray(x: ArrayLike, dtype: DTypeLike | None = None) -> Tensor:
    """``x`` with its memory in C order and at least one dimension; itself where it has that already."""
    t = atleast_1d(cast(x, dtype))
    return t if getattr(_memory(t), "c_contiguous", False) else copy(t, order="C")


@composition()
def asfortranarray(x: ArrayLike, dtype: DTypeLike | None = None) -> Tensor:
    """``x`` with its memory in Fortran order; itself where it has that already."""
    t = cast(x, dtype)
    return t if getattr(_memory(t), "f_contiguous", False) else copy(t, order="F")


_REQUIREMENTS = {
    "C_CONTIGUOUS": "C", "CONTIGUOUS": "C", "F_CONTIGUOUS": "F", "FORTRAN": "F",
    "ALIGNED": "A", "WRITEABLE": "W", "OWNDATA": "O", "ENSUREARRAY": "E",
}  # fmt: skip


@composition()
def require(x: ArrayLike, dtype: DTypeLike | None = None, requirements: str | Sequence[str] | None = None) -> Tensor:
    """``x`` of a dtype and with memory as ``requirements`` ask: C, F, A (aligned), W (writeable), O (owns its data), E.

    Raises:
        ValueError: both C and F are required.
        KeyError: a requirement that is none of these.
    """
    t = cast(x, dtype)
    wanted = set()
    for word in requirements or ():
        key = word.upper()
        key = _REQUIREMENTS.get(key, key)
        if key not in "CFAWOE":
            raise KeyError(f"require: unknown requirement {word!r}")
        wanted.add(key)
    if {"C", "F"} <= wanted:
        raise ValueError('require: Cannot specify both "C" and "F" order')
    order = "C" if "C" in wanted else "F" if "F" in wanted else "K"
    if order != "K":
        t = ascontiguousarray(t) if order == "C" and t.ndim else asfortranarray(t)
    flags = _memory(t)
    names = {"A": "aligned", "W": "writeable", "O": "owndata"}
    if any(not getattr(flags, names[key], False) for key in sorted(wanted & set(names))):
        t = copy(t, order=order)
    return t
