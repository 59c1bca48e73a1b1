"""Linear algebra: inverses, solutions, determinants, powers. All work on stacks of matrices, real and complex.

xᵀ is the transpose over the last two axes. The rules of holomorphic functions (inv, solve, det) read the same for real
and complex matrices. Decompositions are in linalg_decompositions.py and linalg_svd.py, norms in linalg_norms.py.
"""
# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

import math
import operator
from typing import Any, NamedTuple

import numpy as np

from ..engine.registry import on_arrays, primitive, rule
from ..engine.tensor import Array, ArrayLike, DTypeLike, Tensor
from .composed import composition, lifted, publish
from .layout import memory_axes, relaid
from .linalg_degenerate import adjoint, conjugate, unrecorded
from .zeros import zmul

__all__ = ["SlogdetResult", "det", "inv", "matrix_power", "slogdet", "solve", "tensorinv", "tensorsolve"]

_t = np.matrix_transpose


# ------------------------------------------------------------------------------------------------ inv, solve


@primitive(np.linalg.inv)
def inv(x: ArrayLike) -> Tensor:
    """The inverse of square matrices. Gradient: dy = −y dx y.

    Args:
        x: shape (..., n, n).

    Raises:
        numpy.linalg.LinAlgError: a matrix is singular or not square.

    >>> inv(np.array([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return np.linalg.inv(x)


rule(inv, lambda g, out: -np.matmul(np.matmul(_t(out), g), _t(out)))


@primitive(np.linalg.solve, broadcasts=True)
def solve(x: ArrayLike, y: ArrayLike) -> Tensor:
    """The solution z of x z = y.

    Args:
        x: shape (..., n, n).
        y: shape (n,), one vector for all matrices, or (..., n, k): matrices, whose leading axes broadcast with those of ``x``.

    Raises:
        numpy.linalg.LinAlgError: a matrix is singular.

    Gradients: h = x⁻ᵀ g for ``y``, and −h zᵀ for ``x``.

    >>> solve(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([1.0, 1.0])).tolist()
    [0.5, 0.25]
    """
    return np.linalg.solve(x, y)


def _solve_rule(g: Array, out: Array, needs: Any, x: Array, y_shape: tuple[int, ...]) -> Any:
    vector = len(y_shape) == 1
    h = np.linalg.solve(_t(x), g[..., None] if vector else g)
    z = out[..., None] if vector else out
    return -np.matmul(h, _t(z)) if needs[0] else None, (h[..., 0] if vector else h) if needs[1] else None


rule(solve, joint=_solve_rule)


# ------------------------------------------------------------------------------------------------ det


@primitive(np.linalg.det)
def det(x: ArrayLike) -> Tensor:
    """The determinant of square matrices, shape (..., n, n) → (...).

    Gradient: the cofactors, found from the singular value decomposition without dividing by the determinant. So they are
    exact for singular matrices too, to every order: of a matrix of rank n − 1 they are not 0, of rank n − 2 they
    are 0 and their own derivative is not.

    >>> float(det(np.array([[1.0, 2.0], [2.0, 4.0]])))
    0.0
    """
    return np.linalg.det(x)


def _turned(x: Array) -> tuple[Any, Any, Any, Any]:
    """x = U diag(s) W and det U · det W, of modulus 1; NaN for a matrix that is not finite, on which LAPACK raises or never ends."""
    whole = np.all(np.isfinite(x), axis=(-2, -1), keepdims=True)
    u, s, w = np.linalg.svd(np.where(whole, x, 0))
    return u, s, w, np.where(whole, (np.linalg.det(u) * np.linalg.det(w))[..., None, None], np.nan)


def _shifted(logs: Any) -> Array:
    """Moved up by one, with 0 in the first place: its running sum leaves the own element out."""
    return np.concatenate([np.zeros_like(logs[..., :1]), logs[..., :-1]], axis=-1)


def _sums_without(logs: Any) -> tuple[Any, Any]:
    """For each element the sum of those before it, and of those after it (no subtraction, so −inf is right)."""
    after = np.cumsum(_shifted(np.flip(logs, axis=-1)), axis=-1)
    return np.cumsum(_shifted(logs), axis=-1), np.flip(after, axis=-1)


def _scaled(x: Array, power: Any) -> Array:
    """x · 2^power, without overflow or underflow on the way (NumPy's ldexp knows no complex numbers)."""
    half = np.floor(power / 2)
    return x * np.exp2(half) * np.exp2(power - half)


def _balanced(x: Array) -> tuple[Any, Any, Any]:
    """x = 2^e y 2^f with the largest element of each column (and about that of each row) of y near 1: (y, e, f).

    So rows and columns of very different magnitude keep their own accuracy.
    """
    size = np.abs(x)
    exponents = np.where(size > 0, np.frexp(size)[1], -np.inf).astype(size.dtype)
    e = np.max(exponents, axis=-1, keepdims=True, initial=-np.inf)
    e = np.where(np.isfinite(e), e, 0.0)
    f = np.max(exponents - e, axis=-2, keepdims=True, initial=-np.inf)
    f = np.where(np.isfinite(f), f, 0.0)
    return _scaled(x, -(e + f)), e, f


def _unbalanced(y: Array, e: Any, f: Any) -> Any:
    """The derivative with respect to x of 2^(Σe + Σf) times a function of y, from its derivative with respect to y."""
    power = (np.sum(e, axis=-2, keepdims=True) - e) + (np.sum(f, axis=-1, keepdims=True) - f)
    return _scaled(y, power)


@primitive(name="cofactors")
def _cofactors(x: ArrayLike) -> Any:
    """The cofactors C of square matrices, the derivative of their determinant.

    For x = U diag(s) W: C = det U · det W · conj(U) diag(∏_{m≠i} s_m) conj(W).
    """
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        x, e, f = _balanced(x)
        u, s, w, phase = _turned(x)
        before, after = _sums_without(np.log(s))
        middle = np.exp(before + after)
        return _unbalanced(phase * np.matmul(conjugate(u) * middle[..., None, :], conjugate(w)), e, f)


@primitive(name="cofactors_derivative")
def _cofactors_derivative(h: ArrayLike, x: ArrayLike) -> Any:
    """The second derivative of the determinant, applied to ``h``: Σᵢⱼ hᵢⱼ ∂Cᵢⱼ/∂x, symmetric in ``h`` and its own cotangent.

    For diagonal x, ∂Cᵢᵢ/∂xₖₖ = Pᵢₖ and ∂Cᵢⱼ/∂xⱼᵢ = −Pᵢⱼ, where Pᵢⱼ = ∏_{m≠i,j} s_m and Pᵢᵢ = 0.
    """
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        x, e, f = _balanced(x)
        u, s, w, phase = _turned(x)
        logs = np.log(s)
        before, after = _sums_without(logs)
        # between[i, j]: the sum over i < m < j.
        inner = np.triu(np.zeros_like(logs)[..., :, None] + np.ones_like(logs)[..., None, :], 2)
        between = np.cumsum(np.where(inner != 0, _shifted(logs)[..., None, :], np.zeros_like(inner)), axis=-1)
        p = np.triu(np.exp(before[..., :, None] + between + after[..., None, :]), 1)
        p = p + _t(p)
        k = np.matmul(adjoint(u), np.matmul(_scaled(h, -(e + f)), adjoint(w)))
        spread = np.matmul(p, np.diagonal(k, axis1=-2, axis2=-1)[..., None])[..., 0]
        turned = np.matmul(conjugate(u) * spread[..., None, :], conjugate(w)) - np.matmul(
            np.matmul(conjugate(u), p * _t(k)), conjugate(w)
        )
        return _unbalanced(phase * turned, e, f)


@unrecorded
def _ratio(x: Array, g: Array) -> Any:
    """max|x| / max|g| per matrix, 1 where that is 0 or infinite."""
    top = np.max(np.abs(x), axis=(-2, -1), keepdims=True, initial=0)
    bottom = np.max(np.abs(g), axis=(-2, -1), keepdims=True, initial=0)
    with np.errstate(all="ignore"):
        ratio = top / bottom
    return np.where((ratio > 0) & np.isfinite(ratio), ratio, np.ones_like(ratio))


@unrecorded
def _live(g: Array) -> Any:
    """1 per matrix that is not all zero, else 0."""
    return np.any(np.not_equal(g, 0), axis=(-2, -1), keepdims=True).astype(np.abs(g).dtype)


cofactors = on_arrays(_cofactors)
cofactors_derivative = on_arrays(_cofactors_derivative)


def _third(g: Array, h: Array, x: Array) -> Any:
    """d/dt at 0 of cofactors_derivative(h, x + t g): a polynomial in t of degree n − 2, so n − 1 roots of unity give it exactly."""
    n = x.shape[-1]
    if n < 3:
        return np.zeros_like(x) * h
    points = n - 1
    radius = _ratio(x, g)
    total: Any = 0.0
    for k in range(points):
        root = complex(math.cos(2 * math.pi * k / points), math.sin(2 * math.pi * k / points))
        total = total + root.conjugate() * cofactors_derivative(h + 0j, x + (root * radius) * g)
    return total * (_live(g) / (points * radius))


rule(det, lambda g, x: zmul(g[..., None, None], cofactors(x)))
rule(_cofactors, lambda g, x: cofactors_derivative(g, x))
rule(_cofactors_derivative, lambda g, x: cofactors_derivative(g, x), _third)


# ------------------------------------------------------------------------------------------------ slogdet


class SlogdetResult(NamedTuple):
    """The sign of a determinant (a number of modulus 1, or 0), and the logarithm of its absolute value."""

    sign: Tensor
    logabsdet: Tensor


@primitive(name="slogdet", multi=True)
def _slogdet(x: ArrayLike) -> Tensor:
    """Sign and logarithm of determinants; see :func:`slogdet`."""
    return np.linalg.slogdet(x)


def slogdet(x: ArrayLike) -> SlogdetResult:
    """The sign (or phase) of the determinant and log|det x|, also where the determinant itself would overflow.

    Args:
        x: shape (..., n, n).

    Returns:
        A namedtuple (sign, logabsdet), each of shape (...). For a singular matrix (0, −inf).

    Gradient of logabsdet: x⁻ᵀ; infinite for a singular matrix (a zero cotangent stays zero). The sign of a real matrix is
    piecewise constant; the phase e^{iθ} of a complex one has dθ = Im tr(x⁻¹ dx).
    """
    return SlogdetResult(*_slogdet(x))


publish(slogdet, _slogdet, np.linalg.slogdet)


def _slogdet_rule(g: Array, out: Array, x: Array) -> Any:
    (g_sign, g_log), (sign, _) = g, out
    weight: Any = 0.0 if g_log is None else g_log
    if g_sign is not None:
        if sign.dtype.kind == "c":
            weight = weight + np.imag(g_sign * sign) * 1j
        elif g_log is None:
            return (np.zeros_like(x),)
    singular = np.equal(sign, 0)[..., None, None]
    whole = np.where(singular, np.tril(np.triu(np.ones_like(x))), x)
    inverse = np.where(singular, np.inf, _t(np.linalg.inv(whole)))
    return (zmul(weight[..., None, None], inverse),)


rule(_slogdet, joint=_slogdet_rule)


# ------------------------------------------------------------------------------------------------ compositions


@primitive(name="identity_power")
def _identity_power(x: ArrayLike) -> Any:
    """x⁰: the identity."""
    return relaid(np.tril(np.triu(np.ones_like(x))), memory_axes(x))


rule(_identity_power, lambda g: np.zeros_like(g))


@composition(np.linalg.matrix_power)
def matrix_power(x: ArrayLike, n: int) -> Tensor:
    """The n-th power of square matrices, by repeated squaring; of the inverse for negative ``n``.

    Args:
        x: shape (..., m, m).
        n: an integer; x⁰ is the identity, with gradient 0.

    Raises:
        TypeError: ``n`` is no integer.
        numpy.linalg.LinAlgError: ``x`` is not square, or is singular and ``n`` negative.

    >>> matrix_power(np.array([[1.0, 1.0], [0.0, 1.0]]), 5).tolist()
    [[1.0, 5.0], [0.0, 1.0]]
    """
    x = lifted(x, "matrix_power")
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError(f"matrix_power: the exponent must be an integer, not {n!r}") from None
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise np.linalg.LinAlgError(f"matrix_power: needs square matrices, got shape {x.shape}")
    if n == 0:
        return _identity_power(x)
    if n < 0:
        x, n = inv(x), -n
    if n == 3:  # NumPy's order of the products
        return np.matmul(np.matmul(x, x), x)
    square, result = x, None
    while True:
        n, odd = divmod(n, 2)
        if odd:
            result = square if result is None else np.matmul(result, square)
        if not n:
            assert result is not None
            return result
        square = np.matmul(square, square)


@composition(np.linalg.tensorsolve)
def tensorsolve(x: ArrayLike, y: ArrayLike, axes: tuple[int, ...] | None = None) -> Tensor:
    """The solution z of tensordot(x, z, z.ndim) = y, for an ``x`` that is a square matrix once its axes are joined.

    Args:
        x: shape y.shape + z.shape, with equal numbers of elements.
        y: the right side.
        axes: axes of ``x`` to move to the right first.
    """
    x, y = lifted(x, "tensorsolve"), lifted(y, "tensorsolve", "y")
    order = list(range(x.ndim))
    for axis in axes or ():
        order.remove(axis)
        order.append(axis)
    x = np.transpose(x, order)
    shape = x.shape[-(x.ndim - y.ndim) :]
    size = math.prod(shape)
    if x.size != size**2:
        raise np.linalg.LinAlgError(
            f"tensorsolve: the axes of x ({x.shape}) beyond those of y ({y.shape}) must have as many elements as y"
        )
    return np.reshape(solve(np.reshape(x, (size, size)), np.reshape(y, (-1,))), shape)


@composition(np.linalg.tensorinv)
def tensorinv(x: ArrayLike, ind: int = 2) -> Tensor:
    """The inverse of tensordot(x, ·, ind), for an ``x`` that is a square matrix once its axes are joined.

    Args:
        x: the product of the first ``ind`` lengths must be that of the others.
        ind: number of leading axes that make the rows.
    """
    x = lifted(x, "tensorinv")
    if ind <= 0:
        raise ValueError("tensorinv: ind must be a positive integer")
    rows, columns = x.shape[:ind], x.shape[ind:]
    return np.reshape(inv(np.reshape(x, (math.prod(columns), -1))), columns + rows)


@composition(np.linalg.trace, name="linalg.trace")
def _trace(x: ArrayLike, /, *, offset: int = 0, dtype: DTypeLike | None = None) -> Any:
    """The sum of the diagonal of matrices in the last two axes."""
    x = lifted(x, "linalg.trace")
    return np.trace(x, offset, -2, -1) if dtype is None else np.trace(x, offset, -2, -1, dtype)


@composition(np.linalg.diagonal, name="linalg.diagonal")
def _diagonal(x: ArrayLike, /, *, offset: int = 0) -> Any:
    """The diagonal of matrices in the last two axes."""
    return np.diagonal(lifted(x, "linalg.diagonal"), offset, -2, -1)


@composition(np.linalg.matrix_transpose, name="linalg.matrix_transpose")
def _matrix_transpose(x: ArrayLike, /) -> Any:
    """The last two axes exchanged."""
    return np.matrix_transpose(lifted(x, "linalg.matrix_transpose"))
