"""Norms of vectors and matrices, condition numbers, rank.

Every norm has the gradient of least norm at its kinks: 0 at 0, and where several elements (columns, singular values)
share a maximum they share its gradient evenly.
"""
# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.registry import primitive, rule
from ..engine.tensor import Array, ArrayLike, Tensor
from .kinks import at_kink
from .layout import wide
from .linalg_degenerate import conjugate, unrecorded
from .zeros import keep, zmul

__all__ = ["cond", "matrix_norm", "matrix_rank", "norm", "vector_norm"]

_t = np.matrix_transpose


def _expanded(g: Array, ndim: int, axes: tuple[int, ...], keepdims: bool) -> Array:
    """A reduced array with its axes of length 1 back."""
    if keepdims:
        return g
    if len(axes) == ndim:
        return np.reshape(g, (1,) * ndim)
    return np.expand_dims(g, axes)


def _direction(x: Array) -> Array:
    """conj(x)/|x|, 0 at 0: the derivative of |x|."""
    if x.dtype.kind != "c":
        return np.sign(x)
    size = np.abs(x)
    away = np.not_equal(size, 0)
    return np.where(away, conjugate(x) / np.where(away, size, 1.0), 0.0)


def _vector_rule(g: Array, out: Array, x: Array, ord: Any, axes: tuple[int, ...]) -> Array:
    """The gradient of (Σ|x|^p)^(1/p) over ``axes``; g and out have them at length 1.

    d = conj(x)/out · (|x|/out)^(p−2): of ratios alone, so that it neither overflows nor underflows where ``out`` does not.
    """
    if x.dtype.char == "e":  # whose sums of squares overflow at 65 504
        x = wide(x)
        out = np.linalg.vector_norm(x, axis=axes, keepdims=True, ord=2 if ord is None else ord)
    if ord is None or ord == 2:
        away = np.not_equal(out, 0)
        return g * np.where(away, conjugate(x) / np.where(away, out, 1.0), 0.0)
    if ord == 0:
        return np.zeros_like(x) * np.zeros_like(g)
    if ord == 1:
        return g * _direction(x)
    size = np.abs(x)
    if math.isinf(ord):
        best = np.equal(size, out)
        return g * _direction(x) * (best / _counted(best, axes, size))
    if ord > 2:
        away = np.not_equal(out, 0)
        safe = np.where(away, out, 1.0)
        return g * np.where(away, conjugate(x) / safe * (size / safe) ** float(ord - 2), 0.0)
    away = np.not_equal(out, 0) & np.not_equal(size, 0)
    safe = np.where(np.not_equal(out, 0), out, 1.0)
    ratio = np.where(away, size, 1.0) / safe
    return g * np.where(away, conjugate(x) / safe * ratio ** float(ord - 2), 0.0)


def _counted(best: Any, axes: Any, size: Any) -> Array:
    """How many there are over ``axes``, at least 1: in the precision of the real array ``size``, single at least."""
    return np.maximum(np.sum(best, axis=axes, keepdims=True, dtype=int), 1).astype(wide(size).dtype)


@unrecorded
def _weights(s: Any, ord: Any) -> Any:
    """The derivative of a spectral norm with respect to the singular values ``s``, shape (..., k)."""
    if s.shape[-1] == 0:
        return s
    tolerance = 8 * s.shape[-1] * float(np.finfo(s.dtype).eps) * s[..., :1]
    if ord == "nuc":
        return np.where(s > tolerance, np.ones_like(s), np.zeros_like(s))
    edge = s[..., :1] if ord == 2 else s[..., -1:]
    tied = np.where(np.abs(s - edge) <= tolerance, np.ones_like(s), np.zeros_like(s))
    return tied / np.sum(tied, axis=-1, keepdims=True) * np.not_equal(edge, 0)


def _matrix_rule(g: Array, x: Array, ord: Any, row: int, column: int) -> Array:
    """The gradient of a matrix norm that is no vector norm; ``g`` has the axes ``row`` and ``column`` at length 1."""
    if 0 in x.shape:
        return np.zeros_like(x)
    if ord in (2, -2, "nuc"):
        u, s, w = np.linalg.svd(np.moveaxis(x, (row, column), (-2, -1)), full_matrices=False)
        whole = np.matmul(conjugate(u) * _weights(s, ord)[..., None, :], conjugate(w))
        return g * np.moveaxis(whole, (-2, -1), (row, column))
    over, along = (row, column) if abs(ord) == 1 else (column, row)
    sums = np.sum(np.abs(x), axis=over, keepdims=True)
    edge = np.max(sums, axis=along, keepdims=True) if ord > 0 else np.min(sums, axis=along, keepdims=True)
    best = np.equal(sums, edge)
    return g * _direction(x) * (best / _counted(best, along, sums))


def _marked(d: Any, g: Array, out: Array, x: Array, ord: Any) -> Any:
    """The gradient ``d`` of a norm of x, marked where the norm is 0 and the second order is lost (a count, ``ord`` 0, has none)."""
    marked = x if ord == 0 else at_kink(x, g, out, "a norm")
    return d if marked is x else d + keep(False, marked)


def _axes_of(x_shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    ndim = len(x_shape)
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (int(axis),)
    return tuple([a % ndim for a in axes])


@primitive(np.linalg.norm, masks="ord")
def norm(x: ArrayLike, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The norm of vectors or matrices, as ``numpy.linalg.norm``.

    Args:
        x: any shape; with ``axis=None`` and an ``ord`` it has one or two axes.
        ord: None: √Σ|x|² over everything (or the given axes). For vectors any number p: (Σ|x|^p)^(1/p), ±inf: the
            largest (smallest) |x|, 0: how many are not 0. For matrices 'fro'; ±1, ±inf: the largest (smallest) sum of |x| in a column
            (row); ±2: the largest (smallest) singular value; 'nuc': their sum.
        axis: an axis for vectors, two for matrices; None for all.
        keepdims: keep the reduced axes with length 1.

    Gradient: for vectors conj(x)/‖x‖ · (|x|/‖x‖)^(p−2). 0 at 0; elements, sums or singular values that tie for the maximum share it evenly.

    >>> float(norm(np.array([3.0, 4.0])))
    5.0
    """
    return np.linalg.norm(x, ord, axis, keepdims)


def _norm_rule(g: Array, out: Array, x: Array, ord: Any, axis: Any, keepdims: bool) -> Any:
    axes = _axes_of(x.shape, axis)
    g, out = _expanded(g, len(x.shape), axes, keepdims), _expanded(out, len(x.shape), axes, keepdims)
    if len(axes) == 2 and ord not in (None, "fro", "f") and not (axis is None and len(x.shape) != 2):
        d = _matrix_rule(g, x, ord, *axes)
    else:
        d = _vector_rule(g, out, x, None if ord in ("fro", "f") else ord, axes)
    return _marked(d, g, out, x, ord)


rule(norm, _norm_rule)


@primitive(np.linalg.vector_norm, masks="ord")
def vector_norm(x: ArrayLike, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Tensor:
    """(Σ|x|^p)^(1/p) over ``axis`` (an axis, a tuple of them, or None for all), p = ``ord``; see :func:`norm`."""
    return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)


def _vector_norm_rule(g: Array, out: Array, x: Array, ord: Any, axis: Any, keepdims: bool) -> Any:
    axes = _axes_of(x.shape, axis)
    g, out = _expanded(g, len(x.shape), axes, keepdims), _expanded(out, len(x.shape), axes, keepdims)
    return _marked(_vector_rule(g, out, x, ord, axes), g, out, x, ord)


rule(vector_norm, _vector_norm_rule)


@primitive(np.linalg.matrix_norm, masks="ord")
def matrix_norm(x: ArrayLike, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """The norm of matrices in the last two axes: ``ord`` 'fro', 'nuc', ±1, ±2 or ±inf; see :func:`norm`."""
    return np.linalg.matrix_norm(x, keepdims=keepdims, ord=ord)


def _matrix_norm_rule(g: Array, out: Array, x: Array, ord: Any, keepdims: bool) -> Any:
    return _norm_rule(g, out, x, ord, (-2, -1), keepdims)


rule(matrix_norm, _matrix_norm_rule)


@primitive(np.linalg.cond)
def cond(x: ArrayLike, p: Any = None) -> Tensor:
    """The condition number of matrices: ‖x‖·‖x⁻¹‖ in the norm ``p`` (as ``ord`` of :func:`norm`; None for 2).

    Args:
        x: shape (..., n, n); with p None, 2 or −2 (the ratio of the extreme singular values) any (..., m, n).
        p: None, 'fro', 'nuc', ±1, ±2 or ±inf.

    Infinite, with an infinite gradient, for singular matrices; a zero cotangent stays zero there.
    """
    return np.linalg.cond(x, p)


def _cond_rule(g: Array, out: Array, x: Array, p: Any) -> Array:
    # Before NumPy 2.3 some orders of complex matrices come out in a complex dtype, with imaginary part 0.
    g, out = np.real(g)[..., None, None], np.real(out)[..., None, None]
    if p is None or p in (2, -2):
        u, s, w = np.linalg.svd(x, full_matrices=False)
        largest, smallest = _weights(s, 2) / s[..., :1], _weights(s, -2) / s[..., -1:]
        slope = (smallest - largest if p == -2 else largest - smallest)[..., None, :]
        return zmul(g, np.matmul(conjugate(u) * (out * slope), conjugate(w)))
    finite = np.isfinite(out)
    inverse = np.linalg.inv(np.where(finite, x, np.tril(np.triu(np.ones_like(x)))))
    own, other = np.linalg.norm(x, p, (-2, -1), keepdims=True), np.linalg.norm(inverse, p, (-2, -1), keepdims=True)
    pulled = np.matmul(np.matmul(_t(inverse), _norm_rule(own, other, inverse, p, (-2, -1), True)), _t(inverse))
    return zmul(g, np.where(finite, _norm_rule(other, own, x, p, (-2, -1), True) - pulled, np.inf))


rule(cond, _cond_rule)


@primitive(np.linalg.matrix_rank, wrt="", discrete="x tol rtol")
def matrix_rank(x: ArrayLike, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Tensor:
    """The number of singular values above ``tol`` (or ``rtol`` times the largest): an integer, without gradient."""
    return np.linalg.matrix_rank(x, tol, hermitian, rtol=rtol)
