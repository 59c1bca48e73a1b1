"""The error function and the normal distribution, which NumPy does not have.

The rational approximations are those of W. J. Cody, Rational Chebyshev approximations for the error function,
Math. Comp. 23 (1969), 631-637, with the coefficients of his program CALERF (SPECFUN, Argonne 1990). Everything is
computed in float64 and rounded to the dtype of the input once (longdouble has float64's accuracy).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..primitive import on_arrays, primitive, rule
from ..tensor import ArrayLike, Tensor

__all__ = ["erf", "erfc", "gauss", "normal_cdf"]

# |x| <= 0.46875: erf(x) = x P(x²) / Q(x²). All coefficients from the highest power down.
_NEAR_P = (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3)
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
_FAR_P = (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4)
_FAR_Q = (1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2, 2.33520497626869185e-3)


def _ratio(p: tuple[float, ...], q: tuple[float, ...], w: Any) -> Any:
    """P(w) / Q(w)."""
    top, bottom = p[0] * w + p[1], q[0] * w + q[1]
    for a, b in zip(p[2:], q[2:], strict=True):
        top, bottom = top * w + a, bottom * w + b
    return top / bottom


def _double(x: Any) -> tuple[Any, Any]:
    """x as float64, and the floating dtype of the result."""
    dtype = getattr(x, "dtype", None)
    if dtype is None or dtype.kind != "f":
        x = np.multiply(x, 1.0)
        dtype = x.dtype
    return x.astype(np.float64), dtype


def _bell(x: Any, rate: float, dtype: Any) -> Any:
    """e^(−rate x²) of a float64 x: the square is split into an exact part and a small one, else its rounding would be amplified x² times."""
    x = np.minimum(np.abs(x), 40.0)
    if dtype.itemsize < 8:
        return np.exp(-rate * (x * x))
    head = np.trunc(x * 16) / 16
    return np.exp(-rate * (head * head)) * np.exp(-rate * ((x - head) * (x + head)))


def _near(x: Any) -> Any:
    """erf(x) for |x| <= 0.46875."""
    x = np.minimum(np.maximum(x, -0.46875), 0.46875)
    return x * _ratio(_NEAR_P, _NEAR_Q, x * x)


def _scaled(y: Any) -> Any:
    """e^(y²) erfc(y) for y >= 0.46875."""
    y = np.maximum(y, 0.46875)
    middle = _ratio(_MIDDLE_P, _MIDDLE_Q, np.minimum(y, 4.0))
    y = np.minimum(np.maximum(y, 4.0), 1e100)
    w = 1 / (y * y)
    return np.where(y > 4.0, (1 / math.sqrt(math.pi) - w * _ratio(_FAR_P, _FAR_Q, w)) / y, middle)


@primitive()
def erf(x: ArrayLike, /) -> Tensor:
    """``erf(x) = 2/√π ∫₀ˣ e^(−t²) dt``, elementwise. Gradient: ``2/√π · e^(−x²)``.

    >>> round(erf(1.0).item(), 12)
    0.84270079295
    """
    u, dtype = _double(x)
    y = np.abs(u)
    outer = 1 - _bell(u, 1.0, dtype) * _scaled(y)
    return np.where(y <= 0.46875, _near(u), np.copysign(outer, u)).astype(dtype)  # type: ignore[no-any-return]


@primitive()
def erfc(x: ArrayLike, /) -> Tensor:
    """``erfc(x) = 1 − erf(x)``, elementwise, with full relative accuracy for large x. Gradient: ``−2/√π · e^(−x²)``."""
    u, dtype = _double(x)
    y = np.abs(u)
    outer = _bell(u, 1.0, dtype) * _scaled(y)
    return np.where(y <= 0.46875, 1 - _near(u), np.where(u < 0, 2 - outer, outer)).astype(dtype)  # type: ignore[no-any-return]


@primitive(name="normal_cdf")
def _normal_cdf(x: ArrayLike, /) -> Tensor:
    """``Φ(x) = erfc(−x/√2) / 2``, accurate in the lower tail. Gradient: ``φ(x) = e^(−x²/2) / √(2π)``."""
    u, dtype = _double(x)
    v = u * math.sqrt(0.5)
    y = np.abs(v)
    outer = 0.5 * (_bell(u, 0.5, dtype) * _scaled(y))
    return np.where(y <= 0.46875, 0.5 + 0.5 * _near(v), np.where(u < 0, outer, 1 - outer)).astype(dtype)  # type: ignore[no-any-return]


@primitive(name="gauss", wrt="x")
def _gauss(x: ArrayLike, rate: float) -> Tensor:
    """``e^(−rate x²)`` with full relative accuracy. Gradient: ``−2 rate x e^(−rate x²)``."""
    u, dtype = _double(x)
    return _bell(u, rate, dtype).astype(dtype)  # type: ignore[no-any-return]


normal_cdf = on_arrays(_normal_cdf)
gauss = on_arrays(_gauss)

rule(erf, lambda g, x: g * (2 / math.sqrt(math.pi) * gauss(x, 1.0)))
rule(erfc, lambda g, x: g * (-2 / math.sqrt(math.pi) * gauss(x, 1.0)))
rule(_normal_cdf, lambda g, x: g * (1 / math.sqrt(2 * math.pi) * gauss(x, 0.5)))
# The bell is 0 beyond ±40 in float64; x is taken at ±100 there, so that an infinite x gives 0 and not inf · 0.
rule(_gauss, lambda g, x, out, rate: g * (-2 * rate * np.minimum(np.maximum(x, -100.0), 100.0) * out))
