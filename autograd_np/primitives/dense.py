"""Linear maps of the last axis, and rows of a table chosen by number: the operations that most networks begin with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.errors import describe
from ..engine.fitting import ones
from ..engine.hooks import beside, require
from ..engine.registry import on_arrays, primitive, rule
from ..engine.tensor import Array, ArrayLike, Tensor
from .layout import wide
from .scatter import Scatter

# From this size on, adding the bias into the fresh product saves more (the memory of another array) than it costs.
IN_PLACE = 4096


# ---------------------------------------------------------------- linear


@primitive(wrt="x weight bias")
def linear(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> Tensor:
    """``x @ weight + bias`` for x of any number of axes: a linear map of the last one.

    Args:
        x: shape (..., n).
        weight: shape (n, m), the transpose of what ``torch.nn.functional.linear`` takes.
        bias: shape (m,), or None.

    Returns:
        Shape (..., m).

    Raises:
        TypeError: ``x`` or ``weight`` is a number.
        ValueError: x has not n features, ``weight`` is no matrix, or ``bias`` has not m elements.

    Gradients: ``g @ weightᵀ``, ``xᵀ @ g`` and the sum of g over all but the last axis.

    >>> linear([[1.0, 2.0]], [[3.0, 0.0], [4.0, 1.0]], [0.5, 0.0])
    Tensor([[11.5,  2. ]], shape=(1, 2), dtype=float64)
    """
    try:
        n, m = weight.shape
        shape = x.shape
        if shape[-1] != n or (bias is not None and bias.shape != (m,)):
            raise ValueError
    except (AttributeError, IndexError, ValueError):
        raise _misfit(x, weight, bias) from None
    y = np.dot(x, weight) if len(shape) <= 2 else np.dot(x.reshape(math.prod(shape[:-1]), n), weight)
    if bias is not None:
        y = np.add(y, bias, out=y) if y.size > IN_PLACE and y.dtype == bias.dtype else y + bias
    return y if len(shape) <= 2 else y.reshape((*shape[:-1], m))


def _misfit(x: Array, weight: Array, bias: Array) -> Exception:
    shape, matrix = np.shape(x), np.shape(weight)
    if not shape or not hasattr(weight, "shape"):
        return TypeError(
            f"x must have an axis of features and weight must be a matrix; x is {describe(x)}, weight {describe(weight)}"
        )
    if len(matrix) != 2:
        return ValueError(f"weight must have two axes, (features in, features out), not shape {matrix}")
    if shape[-1] != matrix[0]:
        turned = (
            "; weight has shape (features in, features out), the transpose of PyTorch's"
            if shape[-1] == matrix[1]
            else ""
        )
        return ValueError(f"x has {shape[-1]} features, weight takes {matrix[0]}: shapes {shape} and {matrix}{turned}")
    return ValueError(f"bias must have shape ({matrix[1]},), one number per column of weight, not {np.shape(bias)}")


@primitive(name="sum_of_rows")
def _sum_of_rows(x: ArrayLike) -> Tensor:
    """The sum over all axes but the last, as a product with ones: BLAS takes a third of the time of ``sum``."""
    width = x.shape[-1]
    if x.ndim > 2:
        x = x.reshape(math.prod(x.shape[:-1]), width)
    if x.__class__ is not np.ndarray or x.shape[0] <= 8 or x.dtype.char not in "fd":
        return np.add.reduce(wide(x), axis=0)
    return np.dot(ones(x.shape[0], x.dtype), x)


rule(_sum_of_rows, lambda g, x_shape: np.broadcast_to(g, x_shape))
sum_of_rows = on_arrays(_sum_of_rows)


def _linear_x(g: Array, x_shape: tuple[int, ...], weight: Array) -> Array:
    if len(x_shape) <= 2:
        return np.dot(g, weight.T)
    flat = np.reshape(g, (math.prod(x_shape[:-1]), weight.shape[1]))
    return np.reshape(np.dot(flat, weight.T), x_shape)


def _linear_weight(g: Array, x: Array, weight_shape: tuple[int, ...]) -> Array:
    if x.ndim == 2:
        return np.dot(x.T, g)
    n, m = weight_shape
    rows = math.prod(x.shape[:-1])
    return np.dot(np.reshape(x, (rows, n)).T, np.reshape(g, (rows, m)))


rule(linear, _linear_x, _linear_weight, lambda g: g if len(g.shape) == 1 else sum_of_rows(g))


# ---------------------------------------------------------------- embedding


def _numbers(indices: Any) -> Any:
    return indices if hasattr(indices, "dtype") else np.asarray(indices)


def _padding(padding_idx: int | None, rows: int) -> int | None:
    """The number of the padding row, counted from 0."""
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise ValueError(f"padding_idx {padding_idx} is not a row of a table of {rows} rows")
    return padding_idx % rows


@primitive(wrt="weight", masks=True)
def embedding(indices: ArrayLike, weight: ArrayLike, padding_idx: int | None = None) -> Tensor:
    """The rows of a table chosen by number: ``weight[indices]``.

    Args:
        indices: integers of any shape, from 0 to ``len(weight) - 1``.
        weight: shape (rows, ...), usually (rows, dimension).
        padding_idx: this row gets no gradient, as in ``torch.nn.functional.embedding`` (negative: counted from the end).

    Returns:
        Shape ``indices.shape + weight.shape[1:]``.

    Raises:
        IndexError: an index is negative or not below the number of rows.
        TypeError: the indices are not integers.
        ValueError: ``weight`` has no rows to choose from (0-d), or ``padding_idx`` is none of them.

    Gradient: each row gets the sum of g over the places where it was chosen, 0 if nowhere.

    >>> embedding([2, 0], np.array([[0.0, 0.5], [1.0, 1.5], [2.0, 2.5]])).tolist()
    [[2.0, 2.5], [0.0, 0.5]]
    """
    numbers = _numbers(indices)
    if numbers.dtype.kind not in "iu" and numbers.size:
        raise TypeError(f"indices must be integers, not {describe(numbers)}")
    if not getattr(weight, "ndim", 0):
        raise ValueError(f"weight must be a table with rows, not {describe(weight)}")
    rows = weight.shape[0]
    _padding(padding_idx, rows)
    require(_check_rows, numbers, rows)
    return np.take(beside(weight, numbers), numbers.astype(np.intp, copy=False), axis=0)


def _check_rows(numbers: Any, rows: int) -> None:
    """Raise where an index is no row of a table."""
    # As unsigned numbers the negative ones are the largest: one reduction checks both ends.
    if numbers.size and np.maximum.reduce(numbers.astype(np.uint64), axis=None).item() >= rows:
        bad = (numbers < 0) | (numbers >= rows)
        first = np.argmax(bad).item()
        where = np.unravel_index(first, numbers.shape)
        at = f" at {tuple(int(i) for i in where)}" if numbers.ndim else ""
        raise IndexError(
            f"index {numbers.reshape(-1)[first].item()}{at} is not a row of the table: it has {rows} rows, 0 to {rows - 1}"
        )


@primitive(name="without_rows", wrt="g", masks=True)
def _without_rows(g: ArrayLike, numbers: Any, padding: int) -> Tensor:
    """The rows of g whose number is not ``padding``, and 0 in place of the others."""
    rows = np.reshape(g, (numbers.size, *g.shape[numbers.ndim :])).copy()
    rows[numbers.reshape(-1) == padding] = 0
    return rows.reshape(g.shape)


without_rows = on_arrays(_without_rows)
rule(_without_rows, lambda g, numbers, padding: without_rows(g, numbers, padding))


def _embedding_rule(g: Array, indices: Any, weight_shape: tuple[int, ...], padding_idx: int | None) -> Any:
    numbers = _numbers(indices).astype(np.intp, copy=False)
    padding = _padding(padding_idx, weight_shape[0])
    if padding is not None:
        g = without_rows(g, numbers, padding)
    return Scatter(weight_shape, [((numbers,), g)])


rule(embedding, weight=_embedding_rule)
