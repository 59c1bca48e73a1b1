"""Elementwise functions: exponentials and logarithms, trigonometric and hyperbolic functions, sinc, i0.

A rule keeps full relative accuracy wherever the function's value is finite: it never forms 1 - tanh²,
1 - x² or an exp that overflows. Where a closed formula loses accuracy in a second derivative, a private
family that is closed under differentiation takes its place (``over_cosh2``, ``share``, ``sinc_derivative``,
``i0_derivative``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.registry import on_arrays, primitive, rule
from ..engine.tensor import Array, ArrayLike, Tensor
from .complexes import decay, is_complex
from .elementwise import twice
from .zeros import zdiv, zmul

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "deg2rad",
    "degrees",
    "exp",
    "exp2",
    "expm1",
    "i0",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "rad2deg",
    "radians",
    "sin",
    "sinc",
    "sinh",
    "tan",
    "tanh",
]  # fmt: skip

# Python floats, which leave float32 as it is; np.log(2) would be a float64.
LN2 = math.log(2)
LN10 = math.log(10)


# ---------------------------------------------------------------- exponentials and logarithms


@primitive(np.exp)
def exp(x: ArrayLike, /) -> Tensor:
    """``e^x``, elementwise. Gradient: e^x."""


@primitive(np.exp2)
def exp2(x: ArrayLike, /) -> Tensor:
    """``2^x``, elementwise. Gradient: 2^x·ln 2."""


@primitive(np.expm1)
def expm1(x: ArrayLike, /) -> Tensor:
    """``e^x - 1``, accurate near 0, elementwise. Gradient: e^x."""


@primitive(np.log)
def log(x: ArrayLike, /) -> Tensor:
    """The natural logarithm, elementwise. Gradient: 1/x; inf at 0, and 0 for a zero cotangent."""


@primitive(np.log2)
def log2(x: ArrayLike, /) -> Tensor:
    """The logarithm to base 2, elementwise. Gradient: 1/(x·ln 2); inf at 0, and 0 for a zero cotangent."""


@primitive(np.log10)
def log10(x: ArrayLike, /) -> Tensor:
    """The logarithm to base 10, elementwise. Gradient: 1/(x·ln 10); inf at 0, and 0 for a zero cotangent."""


@primitive(np.log1p)
def log1p(x: ArrayLike, /) -> Tensor:
    """``ln(1 + x)``, accurate near 0, elementwise. Gradient: 1/(1 + x); inf at -1, and 0 for a zero cotangent."""


@primitive(np.logaddexp, broadcasts=True)
def logaddexp(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``ln(e^x + e^y)`` without overflow, elementwise. Gradients: 1/(1 + e^(y-x)) and 1/(1 + e^(x-y)); 0 if both are -inf."""


@primitive(np.logaddexp2, broadcasts=True)
def logaddexp2(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``log2(2^x + 2^y)`` without overflow, elementwise. Gradients: 1/(1 + 2^(y-x)) and 1/(1 + 2^(x-y)); 0 if both are -inf."""


@primitive(broadcasts=True, name="share", wrt="x y", real=True)
def _share(x: ArrayLike, y: ArrayLike, two: bool = False) -> Any:
    """``1 / (1 + e^(y-x))``: the part of e^x in e^x + e^y (2^x if ``two``); 0 where both are -inf."""
    gap = np.where(np.equal(x, y), 0, np.subtract(y, x))  # inf - inf
    part = 1 / (1 + (np.exp2(gap) if two else np.exp(gap)))
    return np.where(np.equal(np.maximum(x, y), -math.inf), 0, part)


share = on_arrays(_share)


def _share_slope(h: Array, out: Array, x: Array, y: Array, two: bool) -> Array:
    slope = h * (out * share(y, x, two))
    return slope * LN2 if two else slope


rule(exp, lambda g, out: zmul(g, out))
rule(exp2, lambda g, out: zmul(g, out) * LN2)
rule(expm1, lambda g, x: zmul(g, np.exp(x)))  # out + 1 has lost everything at x = -50
rule(log, lambda g, x: zdiv(g, x))
rule(log2, lambda g, x: zdiv(g * (1 / LN2), x))
rule(log10, lambda g, x: zdiv(g * (1 / LN10), x))
rule(log1p, lambda g, x: zdiv(g, 1 + x))
rule(logaddexp, lambda g, x, y: g * share(x, y), lambda g, x, y: g * share(y, x))
rule(logaddexp2, lambda g, x, y: g * share(x, y, True), lambda g, x, y: g * share(y, x, True))
rule(_share, _share_slope, lambda h, out, x, y, two: -_share_slope(h, out, x, y, two))


# ---------------------------------------------------------------- trigonometric functions


@primitive(np.sin)
def sin(x: ArrayLike, /) -> Tensor:
    """The sine, elementwise. Gradient: cos x."""


@primitive(np.cos)
def cos(x: ArrayLike, /) -> Tensor:
    """The cosine, elementwise. Gradient: -sin x."""


@primitive(np.tan)
def tan(x: ArrayLike, /) -> Tensor:
    """The tangent, elementwise. Gradient: 1 + tan² x."""


@primitive(np.arcsin)
def arcsin(x: ArrayLike, /) -> Tensor:
    """The inverse sine, elementwise. Gradient: 1/√(1 - x²); inf at ±1, and 0 for a zero cotangent."""


@primitive(np.arccos)
def arccos(x: ArrayLike, /) -> Tensor:
    """The inverse cosine, elementwise. Gradient: -1/√(1 - x²); -inf at ±1, and 0 for a zero cotangent."""


@primitive(np.arctan)
def arctan(x: ArrayLike, /) -> Tensor:
    """The inverse tangent, elementwise. Gradient: 1/(1 + x²), for real x without overflow of the square."""


@primitive(np.arctan2, broadcasts=True)
def arctan2(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The angle of the point with ordinate x (the first argument) and abscissa y, in [-π, π], elementwise.

    Gradients: y/(x² + y²) and -x/(x² + y²), without overflow or underflow of the squares; 0 at the origin.
    """


@primitive(np.deg2rad, np.radians)
def deg2rad(x: ArrayLike, /) -> Tensor:
    """Degrees to radians, elementwise. Gradient: π/180."""


@primitive(np.rad2deg, np.degrees)
def rad2deg(x: ArrayLike, /) -> Tensor:
    """Radians to degrees, elementwise. Gradient: 180/π."""


def _over_square(a: Array, x: Array, y: Array) -> Any:
    """``a / (x² + y²)`` for a = x or y: 0 at the origin."""
    return _over_square_of(a, np.hypot(x, y))


def _over_square_of(g: Array, r: Any) -> Array:
    """``g / r²`` without overflow of the square."""
    return zdiv(zdiv(g, r), r)


def _over_roots(g: Array, a: Array, b: Array) -> Array:
    """``g / √(a·b)`` by one root at a time.

    The product cannot overflow; for complex numbers it is the principal branch; and beyond the domain, where a root is NaN,
    a zero g stays zero in every order.
    """
    return zdiv(zdiv(g, np.sqrt(a)), np.sqrt(b))


@primitive(name="one_minus_square")
def _one_minus_square(x: ArrayLike) -> Any:
    """``1 − x²``, exact near ±1, where x² would have rounded. Gradient: −2x, whose digits are whole near 0 too."""
    return (1 - x) * (1 + x)


one_minus_square = on_arrays(_one_minus_square)
rule(_one_minus_square, lambda h, x: -twice(h * x))


def _arcsin(g: Array, x: Array) -> Any:
    # The product of the roots is the principal branch for complex numbers.
    return _over_roots(g, 1 - x, 1 + x) if x.dtype.kind == "c" else zdiv(g, np.sqrt(one_minus_square(x)))


rule(sin, lambda g, x: g * np.cos(x))
rule(cos, lambda g, x: -(g * np.sin(x)))
rule(tan, lambda g, out: g * (1 + out * out))
rule(arcsin, _arcsin)
rule(arccos, lambda g, x: -_arcsin(g, x))
rule(arctan, lambda g, x: zdiv(g, 1 + x * x) if x.dtype.kind == "c" else _over_square_of(g, np.hypot(1.0, x)))
rule(arctan2, lambda g, x, y: g * _over_square(y, x, y), lambda g, x, y: -(g * _over_square(x, x, y)))
rule(deg2rad, lambda g: g * (math.pi / 180))
rule(rad2deg, lambda g: g * (180 / math.pi))


# ---------------------------------------------------------------- hyperbolic functions


@primitive(np.sinh)
def sinh(x: ArrayLike, /) -> Tensor:
    """The hyperbolic sine, elementwise. Gradient: cosh x."""


@primitive(np.cosh)
def cosh(x: ArrayLike, /) -> Tensor:
    """The hyperbolic cosine, elementwise. Gradient: sinh x."""


@primitive(np.tanh)
def tanh(x: ArrayLike, /) -> Tensor:
    """The hyperbolic tangent, elementwise. Gradient: 1/cosh² x, with full relative accuracy also where tanh x rounds to ±1."""


@primitive(np.arcsinh)
def arcsinh(x: ArrayLike, /) -> Tensor:
    """The inverse hyperbolic sine, elementwise. Gradient: 1/√(1 + x²), without overflow of the square."""


@primitive(np.arccosh)
def arccosh(x: ArrayLike, /) -> Tensor:
    """The inverse hyperbolic cosine, elementwise. Gradient: 1/√(x² - 1); inf at 1, and 0 for a zero cotangent."""


@primitive(np.arctanh)
def arctanh(x: ArrayLike, /) -> Tensor:
    """The inverse hyperbolic tangent, elementwise. Gradient: 1/(1 - x²); inf at ±1, and 0 for a zero cotangent."""


@primitive(name="over_cosh2", broadcasts=True)
def _over_cosh2(g: ArrayLike, x: ArrayLike) -> Any:
    """``g / cosh² x``."""
    if is_complex(x):  # cosh of a complex number overflows into NaN
        e = decay(x + x)[0]
        return g * (4 * e / np.square(1 + e))
    c = np.cosh(x)
    return g / c / c


over_cosh2 = on_arrays(_over_cosh2)

rule(sinh, lambda g, x: zmul(g, np.cosh(x)))
rule(cosh, lambda g, x: zmul(g, np.sinh(x)))
rule(tanh, lambda g, x: over_cosh2(g, x))
rule(_over_cosh2, lambda h, x: over_cosh2(h, x), lambda h, out, x: -twice(h * out * np.tanh(x)))
rule(
    arcsinh,
    lambda g, x: _over_roots(g, 1 - 1j * x, 1 + 1j * x) if x.dtype.kind == "c" else g / np.hypot(1.0, x),
)
rule(arccosh, lambda g, x: _over_roots(g, x - 1, x + 1))
rule(arctanh, lambda g, x: zdiv(g, one_minus_square(x)))


# ---------------------------------------------------------------- sinc and i0


@primitive(np.sinc)
def sinc(x: ArrayLike, /) -> Tensor:
    """``sin(πx) / (πx)``, 1 at 0, elementwise. Every derivative is exact at and near 0: a series, not a difference."""
    return np.sinc(x)


@primitive(name="sinc_derivative", wrt="x")
def _sinc_derivative(x: ArrayLike, k: int) -> Any:
    """The k-th derivative of sinc.

    With u = πx and s = sin(u)/u: differentiating u·s = sin u gives u·s⁽ᵏ⁾ = sin⁽ᵏ⁾(u) - k·s⁽ᵏ⁻¹⁾, stable for u
    beyond about k; below that, the Taylor series Σ (-1)ᵐ u²ᵐ⁻ᵏ / ((2m-k)!·(2m+1)).
    """
    u = x * math.pi
    limit = k + 2.0
    near = np.less(np.absolute(u), limit)
    odd = k % 2
    coefficients = []
    for j in range(odd, 400, 2):  # powers of u
        coefficients.append((-1) ** ((j + k) // 2) / (math.factorial(j) * (j + k + 1)))
        if limit**j < 1e-18 * math.factorial(j):
            break
    v = np.where(near, u, 0)
    v2 = v * v
    series = v2 * coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        series = (series + coefficient) * v2
    series = series + coefficients[0]
    if odd:
        series = series * v
    far = np.where(near, 1, u)
    angle = u if u.dtype.kind == "c" else np.fmod(x, 2) * math.pi  # exact reduction for large x
    s, c = np.sin(angle), np.cos(angle)
    slope = s / far
    for j in range(1, k + 1):
        slope = ((s, c, -s, -c)[j % 4] - j * slope) / far
    return np.where(near, series, slope) * math.pi**k


sinc_derivative = on_arrays(_sinc_derivative)

rule(sinc, lambda g, x: g * sinc_derivative(x, 1))
rule(_sinc_derivative, lambda h, x, k: h * sinc_derivative(x, k + 1))


@primitive(np.i0, real=True)
def i0(x: ArrayLike, /) -> Tensor:
    """The modified Bessel function of the first kind and order 0, elementwise. Gradient: I₁(x)."""
    return np.i0(x)


@primitive(name="i0_derivative", wrt="x")
def _i0_derivative(x: ArrayLike, k: int) -> Any:
    """The k-th derivative of I₀: the mean of cosᵏθ·cosh(x·cos θ) over a quarter turn (sinh for odd k).

    The midpoint rule converges faster than any power for a periodic integrand, all terms have one sign, and 64
    of them give full accuracy up to x = 710, where I₀ overflows.
    """
    nodes = 64
    function = np.sinh if k % 2 else np.cosh
    total: Any = 0.0
    for j in range(nodes):
        c = math.cos((j + 0.5) * math.pi / (2 * nodes))
        total = total + function(x * c) * (c**k / nodes)
    return total


i0_derivative = on_arrays(_i0_derivative)

rule(i0, lambda g, x: zmul(g, i0_derivative(x, 1)))
rule(_i0_derivative, lambda h, x, k: zmul(h, i0_derivative(x, k + 1)))

# Other names that NumPy and the array API have for the same functions.
acos, acosh, asin, asinh, atan, atan2, atanh = arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh
degrees, radians = rad2deg, deg2rad
