"""The error function and the normal distribution, which NumPy does not have.

The rational approximations are those of W. J. Cody, Rational Chebyshev approximations for the error function,
Math. Comp. 23 (1969), 631-637, with the coefficients of his program CALERF (SPECFUN, Argonne 1990). Results of
fewer digits than float64 take one polynomial instead, an interpolation in the form that Numerical Recipes (1992,
section 6.2) gives for erfc. Everything is computed in float64, in blocks that stay in the cache, and rounded to the
dtype of the input once (longdouble has float64's accuracy). Of complex numbers SciPy's functions are taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.registry import on_arrays, primitive, rule
from ..engine.tensor import Array, ArrayLike, DTypeLike, Tensor
from .complexes import is_complex, scipy_ufunc

__all__ = ["erf", "erfc", "gauss", "normal_cdf"]

# |x| <= 0.46875: erf(x) = x P(x²) / Q(x²). All coefficients from the highest power down.
_NEAR_P = (
    1.85777706184603153e-1,
    3.16112374387056560e0,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
_NEAR_Q = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
# 0.46875 <= y <= 4: e^(y²) erfc(y) = P(y) / Q(y).
_MIDDLE_P = (
    2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1, 2.98635138197400131e2,
    8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
)  # fmt: skip
_MIDDLE_Q = (
    1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
    3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
)  # fmt: skip
# y >= 4: e^(y²) erfc(y) = (1/√π - w P(w) / Q(w)) / y with w = 1/y².
_FAR_P = (
    1.63153871373020978e-2,
    3.05326634961232344e-1,
    3.60344899949804439e-1,
    1.25781726111229246e-1,
    1.60837851487422766e-2,
    6.58749161529837803e-4,
)
_FAR_Q = (
    1.0,
    2.56852019228982242e0,
    1.87295284992346725e0,
    5.27905102951428412e-1,
    6.05183413124413191e-2,
    2.33520497626869185e-3,
)


# log(e^(y²) erfc(y) / t) for y >= 0 with t = 1 / (1 + y/2): interpolated at the Chebyshev points of 0 <= t <= 1, error 7e-9.
_SHORT = (
    0.06308584359433057, -0.55679548566921634, 1.9822865480879337, -3.6969152558712112, 3.8225773902430331, -2.1227180445386406,
    0.71259183279955156, -0.33794924919783831, -0.056477434272736343, 0.080707503058182515, 0.37512063167248895, 0.99999783435681012,
    -1.2655121170707261,
)  # fmt: skip

BLOCK = 8192


def _polynomial(p: tuple[float, ...], w: Array) -> Array:
    """P(w) by Horner's rule."""
    value = p[0] * w + p[1]
    for a in p[2:]:
        value = value * w + a
    return value


def _blockwise(f: Callable[[Any, Any], Any], x: Array) -> Any:
    """f(x as float64, dtype of the result), in blocks of at most ``BLOCK`` elements, rounded to the dtype.

    The many passes over a block find it in the cache, and none of them asks the system for new pages.
    """
    dtype = getattr(x, "dtype", None)
    if dtype is None or dtype.kind != "f":
        x = np.multiply(x, 1.0)
        dtype = x.dtype
    if x.size <= BLOCK:
        return f(x.astype(np.float64), dtype).astype(dtype)
    flat = x.reshape(-1)
    parts = [f(flat[i : i + BLOCK].astype(np.float64), dtype).astype(dtype) for i in range(0, x.size, BLOCK)]
    return np.concatenate(parts).reshape(x.shape)


def _bell(x: Array, rate: float, dtype: DTypeLike | None) -> Array:
    """e^(−rate x²) of a float64 x: the square is split into an exact part and a small one, else its rounding would be amplified x² times."""
    x = np.minimum(np.abs(x), 40.0)
    if dtype.itemsize < 8:
        return np.exp(-rate * (x * x))
    head = np.trunc(x * 16) / 16
    return np.exp(-rate * (head * head)) * np.exp(-rate * ((x - head) * (x + head)))


def _near(x: Array) -> Array:
    """erf(x) for |x| <= 0.46875."""
    x = np.minimum(np.maximum(x, -0.46875), 0.46875)
    w = x * x
    return x * (_polynomial(_NEAR_P, w) / _polynomial(_NEAR_Q, w))


def _tail(y: Array, x: Array, rate: float, dtype: DTypeLike | None) -> Array:
    """erfc(y) for y >= 0.46875 (in float32 y >= 0), with ``y² = rate x²`` where x is what the caller has exactly."""
    if dtype.itemsize < 8:
        t = 1 / (1 + 0.5 * np.minimum(y, 100.0))
        return t * np.exp(_polynomial(_SHORT, t) - rate * np.square(np.minimum(np.abs(x), 100.0)))
    y = np.maximum(y, 0.46875)
    z = np.minimum(y, 4.0)
    middle = _polynomial(_MIDDLE_P, z) / _polynomial(_MIDDLE_Q, z)
    y = np.minimum(np.maximum(y, 4.0), 1e100)
    w = 1 / (y * y)
    far = (1 / math.sqrt(math.pi) - w * (_polynomial(_FAR_P, w) / _polynomial(_FAR_Q, w))) / y
    return _bell(x, rate, dtype) * np.where(y > 4.0, far, middle)


def _erf(x: Array, dtype: DTypeLike | None) -> Array:
    y = np.abs(x)
    return np.where(y <= 0.46875, _near(x), np.copysign(1 - _tail(y, x, 1.0, dtype), x))


def _erfc(x: Array, dtype: DTypeLike | None) -> Array:
    y = np.abs(x)
    tail = _tail(y, x, 1.0, dtype)
    both = np.where(x < 0, 2 - tail, tail)
    return both if dtype.itemsize < 8 else np.where(y <= 0.46875, 1 - _near(x), both)


def _cdf(x: Array, dtype: DTypeLike | None) -> Array:
    v = x * math.sqrt(0.5)
    y = np.abs(v)
    tail = 0.5 * _tail(y, x, 0.5, dtype)
    both = np.where(x < 0, tail, 1 - tail)
    return both if dtype.itemsize < 8 else np.where(y <= 0.46875, 0.5 + 0.5 * _near(v), both)


@primitive(elementwise=True)
def erf(x: ArrayLike, /) -> Tensor:
    """``erf(x) = 2/√π ∫₀ˣ e^(−t²) dt``, elementwise; of complex x by SciPy. Gradient: ``2/√π · e^(−x²)``.

    >>> round(erf(1.0).item(), 12)
    0.84270079295
    """
    if is_complex(x):
        return scipy_ufunc("erf")(x)
    return _blockwise(_erf, x)


@primitive(elementwise=True)
def erfc(x: ArrayLike, /) -> Tensor:
    """``erfc(x) = 1 − erf(x)``, elementwise, with full relative accuracy for large x. Gradient: ``−2/√π · e^(−x²)``."""
    if is_complex(x):
        return scipy_ufunc("erfc")(x)
    return _blockwise(_erfc, x)


@primitive(name="normal_cdf", elementwise=True)
def _normal_cdf(x: ArrayLike, /) -> Tensor:
    """``Φ(x) = erfc(−x/√2) / 2``, accurate in the lower tail. Gradient: ``φ(x) = e^(−x²/2) / √(2π)``."""
    if is_complex(x):
        return 0.5 * scipy_ufunc("erfc")(x * -math.sqrt(0.5))
    return _blockwise(_cdf, x)


@primitive(name="gauss", wrt="x", elementwise=True)
def _gauss(x: ArrayLike, rate: float) -> Tensor:
    """``e^(−rate x²)`` with full relative accuracy. Gradient: ``−2 rate x e^(−rate x²)``."""
    if is_complex(x):
        return np.exp(-rate * np.square(x))
    return _blockwise(lambda x, dtype: _bell(x, rate, dtype), x)


normal_cdf = on_arrays(_normal_cdf)
gauss = on_arrays(_gauss)

rule(erf, lambda g, x: g * (2 / math.sqrt(math.pi) * gauss(x, 1.0)))
rule(erfc, lambda g, x: g * (-2 / math.sqrt(math.pi) * gauss(x, 1.0)))
rule(_normal_cdf, lambda g, x: g * (1 / math.sqrt(2 * math.pi) * gauss(x, 0.5)))
# The bell is 0 beyond ±40 in float64; x is taken at ±100 there, so that an infinite x gives 0 and not inf · 0.
rule(
    _gauss,
    lambda g, x, out, rate: g * (-2 * rate * (x if is_complex(x) else np.minimum(np.maximum(x, -100.0), 100.0)) * out),
)
