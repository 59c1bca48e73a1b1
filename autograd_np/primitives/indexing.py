"""Indexing, selecting and replacing elements.

Every index of NumPy is allowed: integers, slices, ``...``, ``None``, arrays and lists of integers or
booleans, Tensors of integers or booleans, and tuples of them. An index has no gradient. The gradients of
the selecting functions are pieces of a :class:`~autograd_np.primitives.scatter.Scatter`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from ..engine.hooks import array, beside, model, require
from ..engine.record import option
from ..engine.registry import on_arrays, primitive, primitive_of, rule
from ..engine.tensor import Array, ArrayLike, Tensor
from .composed import composition, no_out, publish, refused
from .layout import in_order
from .scatter import BASIC, Scatter, accumulate, repeats, settle

__all__ = [
    "argwhere",
    "choose",
    "compress",
    "extract",
    "flatnonzero",
    "index_add",
    "index_update",
    "ix_",
    "nonzero",
    "piecewise",
    "put_along_axis",
    "select",
    "take",
    "take_along_axis",
    "where",
]


def _plain(value: Any) -> Any:
    """The array of a mask, an index or a condition: what the function is piecewise constant in."""
    return value._values if isinstance(value, Tensor) else value


def _parts(index: Any) -> tuple[Any, ...]:
    return index if index.__class__ is tuple else (index,)


# ---------------------------------------------------------------- reading and replacing by index


@primitive(name="getitem", wrt="x", view=True, masks=True)
def _getitem(x: ArrayLike, index: Any) -> Tensor:
    return x[index]


rule(_getitem, lambda g, x_shape, index: Scatter(x_shape, [(index, g)]))
_found = primitive_of(_getitem)
_pick = on_arrays(_getitem)


def getitem(x: ArrayLike, index: Any) -> Tensor:
    """``x[index]``: the selected elements, with NumPy's shapes and dtype.

    Args:
        x: an array.
        index: integers, slices, ``...``, ``None``, arrays, lists or Tensors of integers or booleans, or a
            tuple of them. Arrays are copied where the tape keeps them.

    Raises:
        IndexError: out of bounds, too many indices, or an index that is neither integer nor boolean.
        TypeError: a Tensor in the index needs a gradient.

    Gradient: g at the selected elements, 0 elsewhere; an element selected k times gets the sum of its k.
    Any number of selections from one array cost one buffer in the backward pass.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> x[[0, 0, 2]].sum().backward()
    >>> x.grad
    array([2., 0., 1.])
    """
    if index.__class__ not in BASIC:
        index = settle(index, isinstance(x, Tensor) and x._node is not None, _found)
    return _getitem(x, index)


publish(getitem, _getitem)


def _same_kind(name: str, x: Array, values: Any) -> None:
    """Refuse values that would be truncated into ``x``, and with them their gradient."""
    if not np.can_cast(_dtype(values), _dtype(x), "same_kind"):
        raise TypeError(
            f"{name}: values of dtype {_dtype(values)} do not fit into x of dtype {_dtype(x)}; convert one of them with .astype"
        )


def _dtype(value: Array) -> Any:
    return value.dtype if hasattr(value, "dtype") else np.result_type(value)


@primitive(name="index_update", wrt="x values", broadcasts=True, masks=True)
def _index_update(x: ArrayLike, index: Any, values: ArrayLike) -> Tensor:
    _same_kind("index_update", x, values)
    result: Any = np.copy(beside(x, values, *_parts(index)))
    result[index] = values
    return result


def _values_gradient(g: Array, index: Any, values_shape: tuple[int, ...], winners: bool) -> Array:
    piece: Any = _pick(g, index)
    if winners and repeats(index):
        # Of the values assigned to one element the last stays, and only that one has a gradient.
        order = np.arange(piece.size).reshape(piece.shape)
        last = np.empty(g.shape, np.intp, like=model(None, *_parts(index)))
        last[index] = order
        piece = np.where(last[index] == order, piece, 0)
    missing = len(values_shape) - piece.ndim
    return np.reshape(piece, (1,) * missing + piece.shape) if missing > 0 else piece


_update_arrays = on_arrays(_index_update)

rule(
    _index_update,
    lambda g, index: _update_arrays(g, index, 0),
    lambda g, index, values_shape: _values_gradient(g, index, values_shape, winners=True),
)


def index_update(x: ArrayLike, index: Any, values: ArrayLike) -> Tensor:
    """A copy of ``x`` with ``copy[index] = values``: assignment as a function.

    Args:
        x: an array.
        index: any index of NumPy.
        values: broadcast to the shape of ``x[index]`` and cast to the dtype of ``x``. Where the index
            repeats an element, the last value stays.

    Raises:
        TypeError: the values' kind does not fit into ``x`` (float into integer, complex into real).
        ValueError: the values do not broadcast to the selection.

    Gradients: for ``x``, g with zeros at the index; for ``values``, g at the index, and 0 for values that
    a later one replaced.

    >>> index_update(np.zeros(3), [0, 2], 5.0)
    Tensor([5., 0., 5.], shape=(3,), dtype=float64)
    """
    if index.__class__ not in BASIC:
        index = settle(index, True, primitive_of(_index_update))
    return _index_update(x, index, values)


publish(index_update, _index_update)


@primitive(name="index_add", wrt="x values", broadcasts=True)
def _index_add(x: ArrayLike, index: Any, values: ArrayLike) -> Tensor:
    _same_kind("index_add", x, values)
    result: Any = np.copy(beside(x, values, *_parts(index)), order="C")
    if repeats(index):
        accumulate(result, index, np.broadcast_to(values, result[index].shape))
    else:
        result[index] += values
    return result


rule(
    _index_add,
    lambda g: g,
    lambda g, index, values_shape: _values_gradient(g, index, values_shape, winners=False),
)


def index_add(x: ArrayLike, index: Any, values: ArrayLike) -> Tensor:
    """A copy of ``x`` with ``values`` added at ``index``; where the index repeats an element, all are added.

    Arguments and errors are those of :func:`index_update`. Gradients: g for ``x``, g at the index for ``values``.

    >>> index_add(np.zeros(3), [0, 0, 2], 1.0)
    Tensor([2., 0., 1.], shape=(3,), dtype=float64)
    """
    if index.__class__ not in BASIC:
        index = settle(index, True, primitive_of(_index_add))
    return _index_add(x, index, values)


publish(index_add, _index_add)


# ---------------------------------------------------------------- take


def _bounded(indices: Any, size: int, mode: str) -> Any:
    """The indices as integers of an axis of ``size``, after ``mode``."""
    where_ = array(indices).astype(np.intp)
    if mode == "clip":
        return np.clip(where_, 0, size - 1)
    return where_ if mode == "raise" else where_ % max(size, 1)


def _flat(indices: Any, shape: tuple[int, ...]) -> Any:
    """Positions in the flattened array as an index of the array itself; negative ones count from the end."""
    size = int(np.prod(shape))
    return np.unravel_index(indices % max(size, 1), shape) if size else (indices,) * len(shape)


@primitive(name="take", wrt="x", masks=True)
def _take(x: ArrayLike, indices: Any, axis: int | None = None, mode: str = "raise") -> Tensor:
    return np.take(beside(x, indices), indices, axis=axis, mode=mode)


def _take_rule(g: Array, x_shape: tuple[int, ...], indices: Any, axis: int | None, mode: str) -> Any:
    if x_shape == ():
        return np.sum(g)
    if axis is None:
        return Scatter(x_shape, [(_flat(_bounded(indices, int(np.prod(x_shape)), mode), x_shape), g)])
    axis %= len(x_shape)
    return Scatter(x_shape, [((slice(None),) * axis + (_bounded(indices, x_shape[axis], mode),), g)])


rule(_take, _take_rule)


def take(x: ArrayLike, indices: Any, axis: int | None = None, out: None = None, mode: str = "raise") -> Tensor:
    """The elements (``axis=None``: of the flattened array) or slices along ``axis`` at ``indices``.

    Args:
        x: an array.
        indices: integers of any shape, which replaces the axis.
        axis: the axis; None flattens.
        out: not supported.
        mode: what happens to indices out of bounds: ``"raise"``, ``"wrap"`` around, or ``"clip"`` to the ends.

    Raises:
        IndexError: an index is out of bounds and ``mode="raise"``.

    Gradient: as that of ``x[indices]``, the sum over repeated selections.

    >>> take(np.array([10.0, 20.0, 30.0]), [0, -1])
    Tensor([10., 30.], shape=(2,), dtype=float64)
    """
    no_out("take", out)
    return _take(x, _array(indices), axis, mode)


publish(take, _take, np.take)


def _array(indices: Any) -> Any:
    """The indices as the tape can keep them: nested lists as an array."""
    return np.asarray(indices) if indices.__class__ in (list, tuple) else indices


def _along(indices: Any, shape: tuple[int, ...], axis: int | None) -> tuple[Any, ...]:
    """The index that ``take_along_axis`` stands for."""
    if axis is None:
        return tuple(_flat(array(indices), shape))
    axis %= len(shape)
    ndim = len(shape)
    return tuple(
        [
            array(indices) if k == axis else np.arange(n).reshape((1,) * k + (-1,) + (1,) * (ndim - k - 1))
            for k, n in enumerate(shape)
        ]
    )


@primitive(name="take_along_axis", wrt="x", masks=True)
def _take_along_axis(x: ArrayLike, indices: Any, axis: int | None) -> Tensor:
    return np.take_along_axis(x, indices, axis)


rule(
    _take_along_axis,
    lambda g, x_shape, indices, axis: (
        np.sum(g) if x_shape == () else Scatter(x_shape, [(_along(indices, x_shape, axis), g)])
    ),
)


def take_along_axis(x: ArrayLike, indices: Any, axis: int | None = -1) -> Tensor:
    """The elements at ``indices`` along ``axis``, each line by its own: what ``argsort`` and ``argmax`` return.

    Args:
        x: an array.
        indices: integers with as many axes as ``x``, which broadcast against it except along ``axis``.
        axis: the axis; None flattens ``x`` (and ``indices`` has one axis).

    Raises:
        IndexError: an index is out of bounds.
        ValueError: the number of axes differs.

    Gradient: g at the selected elements, summed over repeated selections.
    """
    return _take_along_axis(x, _array(indices), axis)


publish(take_along_axis, _take_along_axis, np.take_along_axis)


def put_along_axis(x: ArrayLike, indices: Any, values: ArrayLike, axis: int | None = -1) -> Tensor:
    """A copy of ``x`` with ``values`` at ``indices`` along ``axis`` (``np.put_along_axis`` writes in place).

    Args:
        x: an array.
        indices: as in :func:`take_along_axis`.
        values: broadcast to the shape of ``indices``.
        axis: the axis; None counts in the flattened array.
    """
    indices = array(_plain(indices))
    shape = np.shape(x)
    if indices.dtype.kind not in "iu":
        raise IndexError(f"put_along_axis: indices must be integers, got {indices.dtype}")
    if axis is not None and indices.ndim != len(shape):
        raise ValueError(f"put_along_axis: indices of shape {indices.shape} need as many axes as x of shape {shape}")
    return index_update(x, _along(indices, shape, axis), values)


@composition(np.compress)
def compress(condition: ArrayLike, x: ArrayLike, axis: int | None = None, out: None = None) -> Tensor:
    """The slices along ``axis`` (None: the elements of the flattened array) where ``condition``, one axis long, is true."""
    no_out("compress", out)
    chosen = array(_plain(condition))
    if chosen.ndim != 1:
        raise ValueError(f"compress: condition must have one axis, got shape {chosen.shape}")
    return take(x, np.flatnonzero(chosen), axis)


@composition(np.extract)
def extract(condition: ArrayLike, x: ArrayLike) -> Tensor:
    """The elements of the flattened ``x`` where the flattened ``condition`` is true."""
    return take(x, np.flatnonzero(array(_plain(condition))))


# ---------------------------------------------------------------- where and its kin


@primitive(name="where", wrt="x y", broadcasts=True, discrete="condition", masks=True)
def _where(condition: ArrayLike, x: ArrayLike, y: ArrayLike) -> Tensor:
    return np.where(condition, x, y)


rule(_where, lambda g, condition: np.where(condition, g, 0), lambda g, condition: np.where(condition, 0, g))

_MISSING: Any = object()


@overload
def where(condition: ArrayLike) -> tuple[Tensor, ...]: ...
@overload
def where(condition: ArrayLike, x: ArrayLike, y: ArrayLike) -> Tensor: ...
def where(condition: ArrayLike, x: ArrayLike = _MISSING, y: ArrayLike = _MISSING) -> Any:
    """``x`` where ``condition`` is true, ``y`` elsewhere; shapes broadcast, dtypes promote as in NumPy.

    With the condition alone: :func:`nonzero`.

    Raises:
        ValueError: one of ``x`` and ``y`` is given without the other, or the shapes do not broadcast.

    Gradients: g where the operand was chosen, exactly 0 elsewhere, so that no NaN comes from the branch
    that was not taken. The condition has none.

    >>> where(np.array([True, False]), np.array([1.0, 2.0]), 0.0)
    Tensor([1., 0.], shape=(2,), dtype=float64)
    """
    if isinstance(condition, list):
        condition = np.asarray(condition)
    if y is _MISSING:
        if x is _MISSING:
            return nonzero(condition)
        raise ValueError("where: either both or neither of x and y should be given")
    return _where(condition, x, y)


publish(where, _where, np.where)


@primitive(np.nonzero, multi=True, discrete="x")
def nonzero(x: ArrayLike, /) -> tuple[Tensor, ...]:
    """The indices of the elements that are not zero, one array per axis. No gradient."""
    return np.nonzero(x)


@primitive(np.flatnonzero, discrete="x")
def flatnonzero(x: ArrayLike, /) -> Tensor:
    """The positions in the flattened array of the elements that are not zero. No gradient."""
    return np.flatnonzero(x)


@primitive(np.argwhere, discrete="x")
def argwhere(x: ArrayLike, /) -> Tensor:
    """The indices of the elements that are not zero, one row each. No gradient."""
    return np.argwhere(x)


@composition(np.select)
def select(condlist: Sequence[ArrayLike], choicelist: Sequence[ArrayLike], default: ArrayLike = 0) -> Tensor:
    """For each element the choice of the first condition that is true, ``default`` if none is. Gradients as for :func:`where`.

    Raises:
        ValueError: the lists are empty or of different lengths.
        TypeError: a condition is not boolean.
    """
    if len(condlist) != len(choicelist):
        raise ValueError(
            f"select: {len(condlist)} conditions and {len(choicelist)} choices; give one choice per condition"
        )
    if not len(condlist):
        raise ValueError("select: give at least one condition")
    conditions = [array(_plain(condition)) for condition in condlist]
    for i, condition in enumerate(conditions):
        if condition.dtype != bool:
            raise TypeError(f"select: condition {i} has dtype {condition.dtype}; conditions are boolean")
    result: Any = default
    for condition, choice in zip(reversed(conditions), reversed(list(choicelist)), strict=True):
        result = where(condition, choice, result)
    return in_order(result)


def _check_choices(which: Any, n: int) -> None:
    if which.size and (which.min() < 0 or which.max() >= n):
        raise ValueError(f"choose: an entry of a is not in [0, {n}); mode='wrap' or 'clip' would bring it there")


@composition(np.choose)
def choose(a: ArrayLike, choices: Sequence[ArrayLike], out: None = None, mode: str = "raise") -> Tensor:
    """``choices[a]``, element by element, all broadcast against each other. Gradients as for :func:`where`.

    Args:
        a: integers that say which choice.
        choices: a sequence of arrays, or an array whose first axis counts the choices.
        out: not supported.
        mode: for integers outside of [0, n): ``"raise"``, ``"wrap"`` or ``"clip"``.

    Raises:
        ValueError: an integer is out of bounds and ``mode="raise"``.
    """
    no_out("choose", out)
    which, n = array(_plain(a)), len(choices)
    if which.dtype.kind not in "iub":
        raise TypeError(f"choose: a must hold integers, got {which.dtype}")
    if mode == "raise":
        require(_check_choices, which, n)
    elif mode in ("wrap", "clip"):
        which = which % n if mode == "wrap" else np.clip(which, 0, n - 1)
    else:
        raise ValueError(f"choose: mode is 'raise', 'wrap' or 'clip', not {mode!r}")
    result: Any = where(which == 0, choices[0], choices[0])
    for k in range(1, n):
        result = where(which == k, choices[k], result)
    return in_order(result)


@composition(np.piecewise)
def piecewise(x: ArrayLike, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Tensor:
    """A function given in pieces: where condition i is true, ``funclist[i]`` of those elements (or that number).

    One more function than conditions stands for the rest; without it the rest is 0. Where several conditions
    are true, the last counts. The result has the dtype of ``x``. Gradients go through each function.

    Raises:
        ValueError: the number of functions is not that of the conditions, or one more.
    """
    conditions = _plain(condlist)
    alone = not isinstance(conditions, (list, tuple)) and np.ndim(conditions) == 0
    if alone or (np.ndim(_plain(x)) > 0 and np.ndim(_plain(conditions[0])) == 0):
        conditions = [conditions]
    masks = [array(_plain(condition)).astype(bool, copy=False) for condition in conditions]
    if len(funclist) == len(masks) + 1:
        masks.append(~np.any(np.stack(masks), axis=0))
    elif len(funclist) != len(masks):
        raise ValueError(
            f"piecewise: {len(masks)} conditions take {len(masks)} or {len(masks) + 1} functions, not {len(funclist)}"
        )
    result: Any = np.zeros_like(_plain(x))
    for mask, function in zip(masks, funclist, strict=True):
        if not callable(function):
            result = index_update(result, mask, function)
        elif mask.any():
            result = index_update(result, mask, function(getitem(x, mask), *args, **kw))
    return result if isinstance(result, Tensor) else Tensor(result)


@composition(np.ix_)
def ix_(*args: ArrayLike) -> tuple[Any, ...]:
    """``np.ix_`` of Tensors of integers or booleans: plain index arrays that select a sub-grid."""
    found = primitive_of(_getitem)
    return np.ix_(*[option(a, found, "index") if isinstance(a, Tensor) else a for a in args])


refused(np.put_along_axis, "ag.put_along_axis(t, indices, values, axis), which returns a new Tensor")
refused(np.put, "ag.index_update(t, index, values), which returns a new Tensor")
refused(np.place, "ag.index_update(t, mask, values), which returns a new Tensor")
refused(np.putmask, "np.where(mask, values, t), which returns a new Tensor")
refused(np.copyto, "np.where(mask, values, t), or values itself")
refused(np.fill_diagonal, "ag.index_update(t, np.diag_indices(n), values), which returns a new Tensor")
