"""Products of vectors, matrices and higher arrays (``einsum`` has a chapter of its own).

With the gradient of a real loss as dL/dRe − i·dL/dIm, these rules hold for complex operands as they stand:
``out = x @ y`` gives ``gx = g @ yᵀ``, without conjugation. Only ``vdot``, ``vecdot`` and ``vecmat``, which
conjugate an operand themselves, conjugate in the rule.

In the rules, products of two matrices are ``np.dot``, which costs two thirds of ``np.matmul`` on small ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.registry import on_arrays, primitive, rule
from ..engine.tensor import Array, ArrayLike, Tensor
from .composed import composition, no_out
from .layout import in_order, inverse, reading_axes
from .shaping import moveaxis, reshape

__all__ = ["cross", "dot", "inner", "kron", "matmul", "multi_dot", "outer", "tensordot", "vdot"]

Shape = tuple[int, ...]


def _conj(value: Array) -> Any:
    """The complex conjugate; no work for real values."""
    if not hasattr(value, "dtype"):
        return value.conjugate()
    return np.conj(value) if value.dtype.kind == "c" else value


# ---------------------------------------------------------------- matmul


def _matmul(x: Array, y: Array) -> Array:
    """``np.matmul``; through ``np.dot``, as one product of matrices, wherever ``y`` is a matrix."""
    try:
        if y.ndim == 2 and x.ndim >= 2:
            if x.ndim == 2:
                return np.dot(x, y)
            if not x.flags.c_contiguous:  # the product lies in memory as the stack of matrices does
                axes = (*reading_axes(x[..., 0, 0]), x.ndim - 2, x.ndim - 1)
                if axes != tuple(range(x.ndim)):
                    return np.transpose(_matmul(np.transpose(x, axes), y), inverse(axes))
            shape = x.shape
            if shape[-1] == y.shape[0]:
                return np.dot(x.reshape(math.prod(shape[:-1]), shape[-1]), y).reshape((*shape[:-1], y.shape[1]))
    except AttributeError:
        pass  # a number: NumPy's own error follows
    return np.matmul(x, y)


@primitive(np.matmul, np.linalg.matmul, broadcasts=True, override=_matmul)
def matmul(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x @ y``: products of matrices; the axes before the last two broadcast.

    Args:
        x: shape (..., m, n), or (n,) for a row.
        y: shape (..., n, p), or (n,) for a column.

    Returns:
        Shape (..., m, p), without m or p where an operand has one axis.

    Raises:
        ValueError: the inner lengths differ, an operand is a number, or the leading axes do not broadcast.

    Gradients: g @ yᵀ and xᵀ @ g, summed over what was broadcast.

    >>> matmul(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    Tensor([[11.]], shape=(1, 1), dtype=float64)
    """


def _matmul_x(g: Array, x_shape: Shape, y: Array) -> Any:
    nx, ny = len(x_shape), y.ndim
    if ny == 2:
        if nx == 2:
            return np.dot(g, y.T)
        if nx == 1:
            return np.dot(y, g)
        flat = np.dot(np.reshape(g, (math.prod(x_shape[:-1]), y.shape[1])), y.T)
        return np.reshape(flat, x_shape)
    if ny == 1:
        return g * y if nx == 1 else g[..., None] * y
    if nx == 1:
        return np.matmul(y, g[..., None])[..., 0]
    if nx == 2:
        batch = tuple(range(ny - 2))
        return np.tensordot(g, y, ((*batch, ny - 1), (*batch, ny - 1)))
    return np.matmul(g, np.swapaxes(y, -1, -2))


def _matmul_y(g: Array, x: Array, y_shape: Shape) -> Any:
    nx, ny = x.ndim, len(y_shape)
    if nx == 2 and ny <= 2:
        return np.dot(x.T, g)
    if nx == 1:
        return g * x if ny == 1 else x[:, None] * g[..., None, :]
    if ny <= 2:
        rows = math.prod(x.shape[:-1])
        tall = (rows,) if ny == 1 else (rows, y_shape[1])
        return np.dot(np.reshape(x, (rows, x.shape[-1])).T, np.reshape(g, tall))
    return np.matmul(np.swapaxes(x, -1, -2), g)


rule(matmul, _matmul_x, _matmul_y)


# ---------------------------------------------------------------- dot, inner, outer, vdot, tensordot


@primitive(np.dot)
def dot(x: ArrayLike, y: ArrayLike, out: None = None) -> Tensor:
    """The sum of products over the last axis of ``x`` and the second-to-last (or only) axis of ``y``.

    Args:
        x: shape (..., n), or a number.
        y: shape (n,) or (..., n, p), or a number; with a number ``dot`` is ``multiply``.
        out: not supported.

    Returns:
        Shape ``x.shape[:-1] + y.shape[:-2] + y.shape[-1:]``.

    Raises:
        ValueError: the lengths of the two axes differ.
    """
    return np.dot(x, y)


def _dot_x(g: Array, x_shape: Shape, y: Array, y_shape: Shape) -> Array:
    nx, ny = len(x_shape), len(y_shape)
    if ny == 2:
        if nx == 2:
            return np.dot(g, y.T)
        if nx == 1:
            return np.dot(y, g)
    if ny == 0:
        return g * y
    if nx == 0:
        return np.sum(g * y)
    if ny == 1:
        return g * y if nx == 1 else g[..., None] * y
    return np.tensordot(g, y, (tuple(range(nx - 1, nx + ny - 2)), (*range(ny - 2), ny - 1)))


def _dot_y(g: Array, x: Array, x_shape: Shape, y_shape: Shape) -> Array:
    nx, ny = len(x_shape), len(y_shape)
    if nx == 2 and 0 < ny <= 2:
        return np.dot(x.T, g)
    if nx == 0:
        return g * x
    if ny == 0:
        return np.sum(g * x)
    if nx == 1 and ny <= 2:
        return g * x if ny == 1 else x[:, None] * g
    lead = tuple(range(nx - 1))
    product = np.tensordot(g, x, (lead, lead))
    return product if ny == 1 else np.moveaxis(product, -1, -2)


rule(dot, _dot_x, _dot_y)


@primitive(np.vdot)
def vdot(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``sum(conj(x) · y)`` over the flattened operands, which have equally many elements.

    Gradients: conj(g · y) and g · conj(x).
    """
    return np.vdot(x, y)


rule(
    vdot,
    lambda g, x_shape, y: np.reshape(_conj(g * y), x_shape),
    lambda g, x, y_shape: np.reshape(g * _conj(x), y_shape),
)


@primitive(np.inner)
def inner(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The sum of products over the last axes: shape ``x.shape[:-1] + y.shape[:-1]``; with a number, ``multiply``.

    Raises:
        ValueError: the last axes differ in length.
    """
    return np.inner(x, y)


def _inner_x(g: Array, x_shape: Shape, y: Array, y_shape: Shape) -> Array:
    nx, ny = len(x_shape), len(y_shape)
    if ny == 0:
        return g * y
    if nx == 0:
        return np.sum(g * y)
    if ny == 1:
        return g * y if nx == 1 else g[..., None] * y
    return np.tensordot(g, y, (tuple(range(nx - 1, nx + ny - 2)), tuple(range(ny - 1))))


def _inner_y(g: Array, x: Array, x_shape: Shape, y_shape: Shape) -> Array:
    nx, ny = len(x_shape), len(y_shape)
    if nx == 0:
        return g * x
    if ny == 0:
        return np.sum(g * x)
    if nx == 1:
        return g * x if ny == 1 else g[..., None] * x
    lead = tuple(range(nx - 1))
    return np.tensordot(g, x, (lead, lead))


rule(inner, _inner_x, _inner_y)


@primitive(np.outer)
def outer(x: ArrayLike, y: ArrayLike, out: None = None) -> Tensor:
    """``x_i · y_j`` for all pairs of elements of the flattened operands: shape (x.size, y.size)."""
    return np.outer(x, y)


rule(
    outer,
    lambda g, x_shape, y, y_shape: np.reshape(np.dot(g, np.reshape(y, (math.prod(y_shape),))), x_shape),
    lambda g, x, x_shape, y_shape: np.reshape(np.dot(np.reshape(x, (math.prod(x_shape),)), g), y_shape),
)


@composition(np.linalg.outer)
def _linalg_outer(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The outer product of two vectors."""
    if np.ndim(x) != 1 or np.ndim(y) != 1:
        raise ValueError(f"np.linalg.outer: both operands have one axis, got shapes {np.shape(x)} and {np.shape(y)}")
    return outer(x, y)


@primitive(np.tensordot, wrt="x y")
def tensordot(x: ArrayLike, y: ArrayLike, axes: Any = 2) -> Tensor:
    """The sum of products over several pairs of axes.

    Args:
        x: an array.
        y: an array.
        axes: a number N, for the last N axes of ``x`` with the first N of ``y`` in order; or a pair of an
            axis or a sequence of axes of ``x`` and those of ``y`` that they meet.

    Returns:
        The remaining axes of ``x``, then those of ``y``.

    Raises:
        ValueError: the axes that meet differ in length or number.
    """
    return np.tensordot(x, y, axes)


def _axes(axes: Any, nx: int, ny: int) -> tuple[list[int], list[int], list[int], list[int]]:
    """The contracted axes of both operands and their free axes, counted from 0."""
    if hasattr(axes, "__len__"):
        of_x, of_y = axes
        of_x = list(of_x) if hasattr(of_x, "__len__") else [of_x]
        of_y = list(of_y) if hasattr(of_y, "__len__") else [of_y]
    else:
        of_x, of_y = list(range(nx - int(axes), nx)), list(range(int(axes)))
    of_x = [int(a) % nx for a in of_x]
    of_y = [int(a) % ny for a in of_y]
    return of_x, of_y, [a for a in range(nx) if a not in of_x], [a for a in range(ny) if a not in of_y]


def _ordered(array: Any, order: list[int]) -> Any:
    """The array whose axes stand in ``order``, put back into ascending order."""
    if order == sorted(order):
        return array
    return np.transpose(array, tuple([order.index(a) for a in range(len(order))]))


def _tensordot_x(g: Array, x_shape: Shape, y: Array, y_shape: Shape, axes: Any) -> Any:
    of_x, of_y, free_x, free_y = _axes(axes, len(x_shape), len(y_shape))
    product = np.tensordot(g, y, (tuple(range(len(free_x), len(free_x) + len(free_y))), tuple(free_y)))
    return _ordered(product, free_x + [a for _, a in sorted(zip(of_y, of_x, strict=True))])


def _tensordot_y(g: Array, x: Array, x_shape: Shape, y_shape: Shape, axes: Any) -> Any:
    of_x, of_y, free_x, free_y = _axes(axes, len(x_shape), len(y_shape))
    product = np.tensordot(x, g, (tuple(free_x), tuple(range(len(free_x)))))
    return _ordered(product, [a for _, a in sorted(zip(of_x, of_y, strict=True))] + free_y)


rule(tensordot, _tensordot_x, _tensordot_y)


@composition(np.linalg.tensordot)
def _linalg_tensordot(x: ArrayLike, y: ArrayLike, /, *, axes: Any = 2) -> Tensor:
    """:func:`tensordot`."""
    return tensordot(x, y, axes)


# ---------------------------------------------------------------- kron, cross, multi_dot


@composition(np.kron)
def kron(x: ArrayLike, y: ArrayLike) -> Tensor:
    """The Kronecker product: every element of ``x`` times all of ``y``, in blocks; the shape is the product of the shapes."""
    x_shape, y_shape = np.shape(x), np.shape(y)
    ndim = max(len(x_shape), len(y_shape))
    x_shape = (1,) * (ndim - len(x_shape)) + x_shape
    y_shape = (1,) * (ndim - len(y_shape)) + y_shape
    left = reshape(x, tuple([n for size in x_shape for n in (size, 1)]))
    right = reshape(y, tuple([n for size in y_shape for n in (1, size)]))
    return reshape(left * right, tuple([a * b for a, b in zip(x_shape, y_shape, strict=True)]))


@primitive(name="cross_last", broadcasts=True)
def _cross_last(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The cross product of vectors that lie along the last axis. Gradients: y × g and g × x."""
    x0, x1, x2 = x[..., 0], x[..., 1], x[..., 2]
    y0, y1, y2 = y[..., 0], y[..., 1], y[..., 2]
    return in_order(np.stack((x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0), axis=-1))


_cross_arrays = on_arrays(_cross_last)
rule(_cross_last, lambda g, y: _cross_arrays(y, g), lambda g, x: _cross_arrays(g, x))


@composition(np.cross)
def cross(
    x: ArrayLike, y: ArrayLike, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Tensor:
    """The cross product of vectors of length 3; the other axes broadcast.

    Args:
        x: vectors along ``axisa``.
        y: vectors along ``axisb``.
        axisa: the axis of the vectors of ``x``.
        axisb: the axis of the vectors of ``y``.
        axisc: the axis of the vectors of the result.
        axis: one number for all three.

    Raises:
        ValueError: a vector has not length 3. (NumPy has deprecated those of length 2: append a zero.)
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    for operand, place in ((x, axisa), (y, axisb)):
        shape = np.shape(operand)
        if not -len(shape) <= place < len(shape) or shape[place] != 3:
            raise ValueError(
                f"cross: needs vectors of length 3 along axis {place}, got shape {shape}; append a zero to vectors of length 2"
            )
    last = (-1, np.ndim(x) - 1), (-1, np.ndim(y) - 1)
    left = x if axisa in last[0] else moveaxis(x, axisa, -1)
    right = y if axisb in last[1] else moveaxis(y, axisb, -1)
    result = _cross_last(left, right)
    return result if axisc in (-1, result.ndim - 1) else moveaxis(result, -1, axisc)


@composition(np.linalg.cross)
def _linalg_cross(x: ArrayLike, y: ArrayLike, /, *, axis: int = -1) -> Tensor:
    """The cross product along ``axis``."""
    return cross(x, y, axis=axis)


@composition(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[ArrayLike], *, out: None = None) -> Tensor:
    """The product of two or more matrices in the order that needs the fewest multiplications.

    The first and the last may be vectors.

    Raises:
        ValueError: fewer than two operands, or one in between is not a matrix.
    """
    no_out("multi_dot", out)
    n = len(arrays)
    shapes = [np.shape(a) for a in arrays]
    if n < 2:
        raise ValueError("multi_dot: expects at least two arrays")
    for i, shape in enumerate(shapes):
        if len(shape) != 2 and not (len(shape) == 1 and i in (0, n - 1)):
            raise ValueError(f"multi_dot: array {i} has shape {shape}; all but the first and the last have two axes")
    sides = [
        1 if len(shapes[0]) == 1 else shapes[0][0],
        *[shape[0] for shape in shapes[1:]],
        1 if len(shapes[-1]) == 1 else shapes[-1][1],
    ]
    # cost[i, j]: multiplications for the product of arrays i..j; split[i, j]: where its last product divides it
    cost = {(i, i): 0 for i in range(n)}
    split = {}
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j = i + length - 1
            cost[i, j], split[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sides[i] * sides[k + 1] * sides[j + 1], k) for k in range(i, j)
            )
    done: dict[tuple[int, int], Any] = {(i, i): a for i, a in enumerate(arrays)}
    todo = [(0, n - 1)]
    while todo:
        i, j = todo[-1]
        k = split[i, j]
        missing = [part for part in ((i, k), (k + 1, j)) if part not in done]
        if missing:
            todo += missing
        else:
            done[i, j] = dot(done[i, k], done[k + 1, j])
            todo.pop()
    return done[0, n - 1]


# ---------------------------------------------------------------- vecdot, matvec, vecmat (NumPy 2.0 and 2.2)


@primitive(np.vecdot, broadcasts=True)
def vecdot(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``sum(conj(x) · y)`` over the last axis; the other axes broadcast. Gradients: conj(g · y) and g · conj(x)."""


rule(
    vecdot,
    lambda g, y: _conj(g[..., None] * y),
    lambda g, x: g[..., None] * _conj(x),
)
__all__ += ["vecdot"]


@composition(np.linalg.vecdot)
def _linalg_vecdot(x: ArrayLike, y: ArrayLike, /, *, axis: int = -1) -> Tensor:
    """``vecdot`` over any axis."""
    if axis != -1:
        x, y = moveaxis(x, axis, -1), moveaxis(y, axis, -1)
    return vecdot(x, y)


if hasattr(np, "matvec"):

    @primitive(np.matvec, broadcasts=True)
    def matvec(x: ArrayLike, y: ArrayLike, /) -> Tensor:
        """Matrices (..., m, n) times vectors (..., n): shape (..., m). Gradients: g yᵀ and xᵀ g."""

    rule(
        matvec,
        lambda g, y: g[..., None] * y[..., None, :],
        lambda g, x: np.matvec(np.swapaxes(x, -1, -2), g),
    )

    @primitive(np.vecmat, broadcasts=True)
    def vecmat(x: ArrayLike, y: ArrayLike, /) -> Tensor:
        """Conjugated vectors (..., n) times matrices (..., n, p): shape (..., p). Gradients: conj(y g) and conj(x) gᵀ."""

    rule(
        vecmat,
        lambda g, y: _conj(np.matvec(y, g)),
        lambda g, x: _conj(x)[..., None] * g[..., None, :],
    )
    __all__ += ["matvec", "vecmat"]
