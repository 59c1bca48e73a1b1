"""Triangles and diagonals: ``tril``, ``triu``, ``diagonal``, ``diag``, ``diagflat``, ``trace``."""
# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

import numpy as np

from ..engine.registry import primitive, rule
from ..engine.tensor import Array, ArrayLike, DTypeLike, Tensor
from .composed import composition, no_out
from .shaping import ravel, tensor_of

__all__ = ["diag", "diagflat", "diagonal", "trace", "tril", "triu"]


# broadcasts: a vector of n gives a matrix of n rows, each the vector's lower or upper part.
@primitive(np.tril, broadcasts=True, masks=True)
def tril(x: ArrayLike, /, k: int = 0) -> Tensor:
    """The lower triangle of the last two axes, zeros above diagonal ``k``. Gradient: the lower triangle of the cotangent."""
    return np.tril(x, k)


@primitive(np.triu, broadcasts=True, masks=True)
def triu(x: ArrayLike, /, k: int = 0) -> Tensor:
    """The upper triangle of the last two axes, zeros below diagonal ``k``. Gradient: the upper triangle of the cotangent."""
    return np.triu(x, k)


rule(tril, lambda g, k: np.tril(g, k))
rule(triu, lambda g, k: np.triu(g, k))


def _zeros(g: Array, length: int) -> Array:
    """Zeros that extend ``g`` by ``length`` along its last axis."""
    return np.zeros_like(g, shape=(*g.shape[:-1], length))


def onto_diagonal(g: Array, shape: tuple[int, ...], offset: int, axis1: int, axis2: int) -> Array:
    """Zeros of ``shape`` with the last axis of ``g`` on a diagonal of two axes: the adjoint of ``np.diagonal``.

    In a row-major matrix of n columns the elements of a diagonal lie n + 1 places apart, so the flat matrix
    is ``g`` with n zeros after each element, behind the zeros before the diagonal's first place.
    """
    rows, columns, length = shape[axis1], shape[axis2], g.shape[-1]
    if not length:
        return np.zeros_like(g, shape=shape)
    lead = g.shape[:-1]
    start = offset if offset >= 0 else -offset * columns
    column = np.reshape(g, (*lead, length, 1))
    spread = np.reshape(
        np.concatenate([column, np.zeros_like(g, shape=(*lead, length, columns))], axis=-1),
        (*lead, length * (columns + 1)),
    )
    rest = rows * columns - start - length * (columns + 1)
    pieces = [spread if rest >= 0 else spread[..., :rest]]
    if start:
        pieces.insert(0, _zeros(g, start))
    if rest > 0:
        pieces.append(_zeros(g, rest))
    flat = np.concatenate(pieces, axis=-1) if len(pieces) > 1 else pieces[0]
    ndim = len(shape)
    return np.moveaxis(np.reshape(flat, (*lead, rows, columns)), (-2, -1), (axis1 % ndim, axis2 % ndim))


@primitive(np.diagonal, view=True, masks=True)
def diagonal(x: ArrayLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The elements ``x[i, i + offset]`` of two axes, as the last axis of the result. Gradient: the cotangent on that diagonal.

    Raises:
        ValueError: ``x`` has fewer than two dimensions, or ``axis1`` is ``axis2``.
    """
    return np.diagonal(x, offset, axis1, axis2)


rule(diagonal, lambda g, x_shape, offset, axis1, axis2: onto_diagonal(g, x_shape, offset, axis1, axis2))


@primitive(np.diag, view=True, masks=True)
def diag(x: ArrayLike, /, k: int = 0) -> Tensor:
    """The matrix with the vector ``x`` on its diagonal ``k``; of a matrix ``x``, its diagonal ``k``.

    >>> diag([1.0, 2.0]).tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    return np.diag(x, k)


rule(diag, lambda g, x_shape, k: np.diagonal(g, k) if len(x_shape) == 1 else onto_diagonal(g, x_shape, k, 0, 1))


@composition(np.diagflat)
def diagflat(x: ArrayLike, /, k: int = 0) -> Tensor:
    """The matrix with the flattened ``x`` on its diagonal ``k``."""
    return diag(ravel(x), k)


@composition(np.trace)
def trace(
    x: ArrayLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: DTypeLike | None = None, out: None = None
) -> Tensor:
    """The sum of the diagonal of two axes (summed in ``dtype``, if given). Gradient: the cotangent on the diagonal.

    >>> float(trace([[1.0, 2.0], [3.0, 4.0]]))
    5.0
    """
    no_out("trace", out)
    on = diagonal(tensor_of(x), offset, axis1, axis2)
    return np.sum(on, axis=-1) if dtype is None else np.sum(on, axis=-1, dtype=dtype)
