"""Polynomials given by their coefficients, highest power first; functions along axes; unwrapping of phases."""

# The bodies compute on arrays or Tensors; the types declared are those of the public functions.

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.hooks import require
from ..engine.registry import primitive, rule, same
from ..engine.tensor import ArrayLike, Tensor
from .composed import composition, lifted
from .layout import in_order
from .shaping import cast


def _coefficients(p: ArrayLike, name: str, word: str) -> Tensor:
    """A row of coefficients.

    Raises:
        ValueError: it has more than one axis.
        TypeError: it is a poly1d, which cannot hold a Tensor.
    """
    if isinstance(p, np.poly1d):
        raise TypeError(
            f"{name}: {word} is a poly1d, which does not go with Tensors; pass its coefficients, {word}.coeffs"
        )
    p = np.atleast_1d(lifted(p, name, word))
    if p.ndim != 1:
        raise ValueError(f"{name}: {word} has shape {p.shape}; the coefficients form one row")
    return p


# ---------------------------------------------------------------- values and arithmetic


@composition(np.polyval)
def polyval(p: ArrayLike, x: ArrayLike) -> Tensor:
    """``p[0]·x^n + … + p[n]`` for each element of x, by Horner's rule. Differentiable in both.

    >>> polyval(np.array([1.0, 0.0, 2.0]), 3.0).item()
    11.0
    """
    p, x = _coefficients(p, "polyval", "p"), lifted(x, "polyval")
    y: Any = np.zeros_like(x)
    for k in range(p.shape[0]):
        y = y * x + p[k]
    return y


def _aligned(name: str, a1: ArrayLike, a2: ArrayLike) -> tuple[Any, Any]:
    """Both rows of coefficients, the shorter one after zeros."""
    a, b = _coefficients(a1, name, "a1"), _coefficients(a2, name, "a2")
    rows: list[Any] = []
    for one, other in ((a, b), (b, a)):
        missing = other.shape[0] - one.shape[0]
        rows.append(np.concatenate([np.zeros(missing, one.dtype), one]) if missing > 0 else one)
    return rows[0], rows[1]


@composition(np.polyadd)
def polyadd(a1: ArrayLike, a2: ArrayLike) -> Tensor:
    """The coefficients of the sum of two polynomials.

    >>> polyadd(np.array([1.0, 2.0]), np.array([1.0, 0.0, 0.0])).tolist()
    [1.0, 1.0, 2.0]
    """
    a, b = _aligned("polyadd", a1, a2)
    return a + b


@composition(np.polysub)
def polysub(a1: ArrayLike, a2: ArrayLike) -> Tensor:
    """The coefficients of the difference of two polynomials."""
    a, b = _aligned("polysub", a1, a2)
    return a - b


def _trimmed(p: Any) -> Any:
    """Without leading zeros; the zero polynomial is one 0."""
    trimmed = np.trim_zeros(p, "f")
    if trimmed.shape[0]:
        return trimmed
    return p[-1:] if p.shape[0] else Tensor(np.zeros(1, p.dtype))


@composition(np.polymul, looped=True)
def polymul(a1: ArrayLike, a2: ArrayLike) -> Tensor:
    """The coefficients of the product of two polynomials; leading zeros are dropped, and have no gradient.

    >>> polymul(np.array([1.0, 1.0]), np.array([1.0, -1.0])).tolist()
    [1.0, 0.0, -1.0]
    """
    return np.convolve(_trimmed(_coefficients(a1, "polymul", "a1")), _trimmed(_coefficients(a2, "polymul", "a2")))


@composition(np.polydiv)
def polydiv(u: ArrayLike, v: ArrayLike) -> tuple[Tensor, Tensor]:
    """Quotient and remainder of two polynomials; zeros at the head of the remainder are dropped.

    >>> q, r = polydiv(np.array([1.0, 0.0, 2.0]), np.array([1.0, 1.0]))
    >>> q.tolist(), r.tolist()
    ([1.0, -1.0], [3.0])
    """
    dividend, divisor = _coefficients(u, "polydiv", "u") + 0.0, _coefficients(v, "polydiv", "v") + 0.0
    dtype = np.result_type(dividend.dtype, divisor.dtype)
    n = divisor.shape[0] - 1
    scale = 1.0 / divisor[0]
    rest: Any = cast(dividend, dtype)
    quotient: list[Any] = []
    heads: list[Any] = []
    for _ in range(dividend.shape[0] - n):
        digit = scale * rest[0]
        quotient.append(digit)
        rest = np.concatenate([rest[: n + 1] - digit * divisor, rest[n + 1 :]])
        heads.append(rest[0])
        rest = rest[1:]
    if heads:
        rest = np.concatenate([np.stack(heads), rest])
    while rest.shape[0] > 1 and np.allclose(rest[0], 0, rtol=1e-14):
        rest = rest[1:]
    return np.stack(quotient) if quotient else np.zeros_like(rest[:1]), rest


def _exponents(p: Any) -> Any:
    """``n, …, 2, 1`` for n coefficients."""
    return np.cumsum(np.ones_like(p, dtype=int))[::-1]


@composition(np.polyder)
def polyder(p: ArrayLike, m: int = 1) -> Tensor:
    """The coefficients of the m-th derivative.

    >>> polyder(np.array([1.0, 1.0, 1.0])).tolist()
    [2.0, 1.0]
    """
    m = operator.index(m)
    if m < 0:
        raise ValueError(f"polyder: m must not be negative, got {m}")
    p = _coefficients(p, "polyder", "p")
    for _ in range(m):
        p = p[:-1] * _exponents(p[:-1])
    return p


@composition(np.polyint)
def polyint(p: ArrayLike, m: int = 1, k: ArrayLike | None = None) -> Tensor:
    """The coefficients of the m-th antiderivative with the constants of integration ``k`` (0 by default).

    >>> polyint(np.array([2.0, 1.0]), k=5.0).tolist()
    [1.0, 1.0, 5.0]
    """
    m = operator.index(m)
    if m < 0:
        raise ValueError(f"polyint: m must not be negative, got {m}")
    constants: Any = _coefficients(np.zeros(m) if k is None else k, "polyint", "k")
    if constants.shape[0] == 1 and m > 1:
        constants = np.concatenate([constants] * m)
    if constants.shape[0] < m:
        raise ValueError(
            f"polyint: {constants.shape[0]} constants of integration for m = {m}; give one, or one for each"
        )
    p = _coefficients(p, "polyint", "p")
    for i in range(m):
        p = np.concatenate([p / _exponents(p), constants[i : i + 1]])
    return p


# ---------------------------------------------------------------- roots and fits


@composition(np.poly)
def poly(x: ArrayLike, /) -> Tensor:
    """The coefficients of the polynomial with the roots x; for a square matrix its characteristic polynomial.

    >>> poly(np.array([1.0, -1.0])).tolist()
    [1.0, 0.0, -1.0]
    """
    x = np.atleast_1d(lifted(x, "poly"))
    if x.ndim == 2 and x.shape[0] == x.shape[1] != 0:
        x = np.linalg.eigvals(x)
    elif x.ndim != 1:
        raise ValueError(f"poly: needs a row of roots or a square matrix, got shape {x.shape}")
    elif x.dtype.kind in "iub" and x.shape[0]:
        x = cast(x, np.min_scalar_type(1) if x.dtype == bool else x.dtype)
    if x.shape[0] == 0:
        return 1.0
    one = np.ones(1, x.dtype)
    p: Any = Tensor(one)
    for k in range(x.shape[0]):
        p = np.convolve(p, np.concatenate([one, -x[k : k + 1]]))
    if x.dtype.kind == "c":
        values = x._values
        if np.array_equal(np.sort(values), np.sort(np.conjugate(values))):
            p = np.copy(np.real(p))
    return p


@composition(np.roots, looped=True)
def roots(p: ArrayLike) -> Tensor:
    """The roots of a polynomial: the eigenvalues of its companion matrix. A multiple root has no derivative, and gives a warning.

    >>> np.sort(roots(np.array([1.0, -3.0, 2.0]))).round(12).tolist()
    [1.0, 2.0]
    """
    p = _coefficients(p, "roots", "p")
    occupied = np.flatnonzero(p._values)
    if len(occupied) == 0:
        return Tensor(np.zeros(0))
    first, last = int(occupied[0]), int(occupied[-1])
    zeros = p.shape[0] - 1 - last
    p = p[first : last + 1]
    if p.dtype.kind not in "fc":
        p = cast(p, float)
    n = p.shape[0] - 1
    if n == 0:
        return Tensor(np.zeros(zeros))
    companion = np.concatenate([(-p[1:] / p[0])[None, :], np.eye(n - 1, n, dtype=p.dtype)])
    found = np.linalg.eigvals(companion)
    return np.concatenate([found, np.zeros(zeros, found.dtype)])


@composition(np.vander)
def vander(x: ArrayLike, N: int | None = None, increasing: bool = False) -> Tensor:  # noqa: N803 - NumPy's name
    """The matrix whose rows are the powers ``x^(N−1), …, x, 1`` of the elements of x (in the other order with ``increasing``).

    >>> vander(np.array([2.0, 3.0]), 3).tolist()
    [[4.0, 2.0, 1.0], [9.0, 3.0, 1.0]]
    """
    x = lifted(x, "vander")
    if x.ndim != 1:
        raise ValueError(f"vander: x must have one axis, got shape {x.shape}")
    n = x.shape[0]
    count = n if N is None else operator.index(N)
    x = cast(x, np.promote_types(x.dtype, int))
    powers: Any = np.ones_like(x)[:, None]
    if count > 1:
        powers = np.concatenate([powers, np.cumprod(np.broadcast_to(x[:, None], (n, count - 1)), axis=1)], axis=1)
    powers = powers[:, :count]
    return in_order(powers if increasing else powers[:, ::-1])


def _check_rank(rank: Any, order: int) -> None:
    if rank.item() != order:
        warnings.warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=4)


@composition(np.polyfit, looped=True)
def polyfit(
    x: ArrayLike,
    y: ArrayLike,
    deg: int,
    rcond: float | None = None,
    full: bool = False,
    w: ArrayLike | None = None,
    cov: bool | str = False,
) -> Any:
    """The coefficients of the polynomial of degree ``deg`` that fits the points (x, y) best in the sense of least squares.

    Args:
        x: shape (m,).
        y: shape (m,) or (m, k).
        deg: the degree.
        rcond: relative condition below which singular values count as 0.
        full: return (coefficients, residuals, rank, singular values, rcond).
        w: weights of the residuals, shape (m,).
        cov: return the covariance of the coefficients too; ``"unscaled"`` takes the weights for inverse standard deviations.

    Differentiable in x, y and w: through np.linalg.lstsq.

    >>> polyfit(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]), 1).round(12).tolist()
    [2.0, 1.0]
    """
    order = operator.index(deg) + 1
    x, y = lifted(x, "polyfit") + 0.0, lifted(y, "polyfit", "y") + 0.0
    if order < 1:
        raise ValueError(f"polyfit: deg must not be negative, got {deg}")
    if x.ndim != 1 or x.shape[0] == 0 or y.ndim not in (1, 2) or y.shape[0] != x.shape[0]:
        raise TypeError(
            f"polyfit: x of shape {x.shape} and y of shape {y.shape}; they must be (m,) and (m,) or (m, k) with m > 0"
        )
    if rcond is None:
        rcond = x.shape[0] * float(np.finfo(x.dtype).eps)
    left, right = vander(x, order), y
    if w is not None:
        w = lifted(w, "polyfit", "w") + 0.0
        if w.shape != x.shape:
            raise TypeError(f"polyfit: w of shape {w.shape} for x of shape {x.shape}")
        left = left * w[:, None]
        right = right * (w[:, None] if right.ndim == 2 else w)
    scale = np.sqrt(np.sum(left * left, axis=0))
    left = left / scale
    c, residuals, rank, singular = np.linalg.lstsq(left, right, rcond)
    c = (c.T / scale).T
    if not full:
        require(_check_rank, rank._values, order)
    if full:
        return c, residuals, rank, singular, rcond
    if not cov:
        return c
    base = np.linalg.inv(np.dot(left.T, left)) / np.outer(scale, scale)
    if cov == "unscaled":
        factor: Any = 1
    else:
        if x.shape[0] <= order:
            raise ValueError(
                "polyfit: the number of points must exceed the number of coefficients to scale the covariance"
            )
        factor = residuals / (x.shape[0] - order)
    if y.ndim == 1:
        return c, base * factor
    return c, base[:, :, None] * factor


# ---------------------------------------------------------------- functions along axes


@composition(np.apply_along_axis)
def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: ArrayLike, *args: Any, **kwargs: Any) -> Tensor:
    """``func1d(row, *args, **kwargs)`` of every row along ``axis``; the axes of its results take the place of ``axis``.

    >>> apply_along_axis(np.sum, 1, np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [3.0, 7.0]
    """
    x = lifted(arr, "apply_along_axis", "arr")
    if not -x.ndim <= axis < x.ndim:
        raise np.exceptions.AxisError(axis, x.ndim)
    axis %= x.ndim
    moved = np.moveaxis(x, axis, -1)
    outer = moved.shape[:-1]
    if 0 in outer:
        raise ValueError(
            f"apply_along_axis: an axis other than {axis} is empty in shape {x.shape}; there is no row to call {func1d} with"
        )
    results = [
        lifted(func1d(moved[index], *args, **kwargs), "apply_along_axis", "the result of the function")
        for index in np.ndindex(*outer)
    ]
    inner = results[0].ndim
    stacked: Any = np.reshape(np.stack(results), outer + results[0].shape)
    return np.moveaxis(stacked, range(len(outer), len(outer) + inner), range(axis, axis + inner))


@composition(np.apply_over_axes)
def apply_over_axes(func: Callable[..., Any], a: ArrayLike, axes: int | tuple[int, ...]) -> Tensor:
    """``func(a, axis)`` over each of the axes in turn; the axes that it takes away are kept with length 1.

    >>> apply_over_axes(np.sum, np.ones((2, 3)), (0, 1)).tolist()
    [[6.0]]
    """
    a = lifted(a, "apply_over_axes", "a")
    count = a.ndim
    for axis in axes if isinstance(axes, (tuple, list)) else (axes,):
        if axis < 0:
            axis += count
        result = lifted(func(a, axis), "apply_over_axes", "the result of the function")
        if result.ndim != a.ndim:
            result = np.expand_dims(result, axis)
            if result.ndim != a.ndim:
                raise ValueError(
                    f"apply_over_axes: the function gave shape {result.shape} for an array of shape {a.shape} and axis {axis}"
                )
        a = lifted(result, "apply_over_axes")
    return a


@primitive(np.unwrap, wrt="x", real=True)
def unwrap(
    x: ArrayLike, /, discont: float | None = None, axis: int = -1, *, period: float = 6.283185307179586
) -> Tensor:
    """Phases without jumps of more than half a period along ``axis``: multiples of the period are added. Gradient: 1.

    >>> unwrap(np.array([0.0, 6.0, 12.0])).round(3).tolist()
    [0.0, -0.283, -0.566]
    """
    return np.unwrap(x, discont, axis, period=period)


rule(unwrap, same)
