"""``scipy.special``: entropies, normal, logistic and other distributions, power transforms, losses, elementary functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...engine.tensor import Array, ArrayLike
from ..activations import sigmoid_slope
from ..elementwise import cosine, power_log
from ..gaussian import gauss
from ..zeros import zdiv, zmul
from .bessel import first_moment, gauss_function, log1p_over
from .gamma import beta_density, erfcx_slope, gamma_density, number
from .table import entry, helper, sp

__all__: list[str] = []

# ---------------------------------------------------------------- x log x and entropies


@helper(lambda h, x: zdiv(h, x), lambda h, y: -zdiv(h, y), wrt="x y")
def log_ratio(x: ArrayLike, y: ArrayLike) -> Any:
    """``ln(x/y)``, 0 where x = y (at 0 too), with full relative accuracy where they are close, and without overflow."""
    far = np.logical_or(np.greater(x, 2 * y), np.greater(y, 2 * x))
    equal = np.equal(x, y)
    close = np.log1p((x - y) / np.where(equal, 1, y))
    return np.where(far, np.log(x) - np.log(y), close)


@helper(lambda h, y: -zdiv(h, y), lambda h, x, y: zdiv(zdiv(zmul(h, x), y), y), wrt="x y")
def relative_gap(x: ArrayLike, y: ArrayLike) -> Any:
    """``(y − x)/y``, whose gradients −1/y and x/y² don't cancel."""
    return zdiv(y - x, y)


entry("xlogy", "x y", "x·ln y, 0 where x = 0. Gradients: ln y and x/y.",
      lambda g, y: zmul(g, np.log(number(y, g))), lambda g, x, y: zmul(g, zdiv(number(x, g), y)))  # fmt: skip
entry("xlog1py", "x y", "x·ln(1 + y), 0 where x = 0. Gradients: ln(1 + y) and x/(1 + y).",
      lambda g, y: zmul(g, np.log1p(number(y, g))), lambda g, x, y: zmul(g, zdiv(number(x, g), 1 + y)))  # fmt: skip
entry(
    "entr",
    "x",
    "−x·ln x; 0 at 0, −inf below. Gradient: −ln x − 1; inf at 0, and 0 for a zero cotangent.",
    lambda g, x: zmul(g, -np.log(x) - 1),
)
entry("rel_entr", "x y", "x·ln(x/y). Gradients: ln(x/y) + 1 and −x/y.",
      lambda g, x, y: zmul(g, log_ratio(x, number(y, g)) + 1), lambda g, x, y: -zmul(g, zdiv(number(x, g), y)))  # fmt: skip
entry("kl_div", "x y", "x·ln(x/y) − x + y. Gradients: ln(x/y) and 1 − x/y.",
      lambda g, x, y: zmul(g, log_ratio(x, number(y, g))), lambda g, x, y: zmul(g, relative_gap(number(x, g), y)))  # fmt: skip

# ---------------------------------------------------------------- distributions

ROOT_2PI = math.sqrt(2 * math.pi)


def _phi(x: Array) -> Any:
    """The normal density times √(2π)."""
    return np.exp(x * x * -0.5) if x.dtype.kind == "c" else gauss(x, 0.5)


@helper(lambda h, x, out: zmul(h, _mills_slope(x)), wrt="x")
def mills(x: ArrayLike) -> Any:
    """``√(π/2)·erfcx(−x/√2)``: Φ(x)/φ(x), of which log_ndtr has the inverse for a slope."""
    return math.sqrt(math.pi / 2) * sp.erfcx(x * -math.sqrt(0.5))


def _mills_slope(x: Array) -> Any:
    return -math.sqrt(math.pi) / 2 * erfcx_slope(x * -math.sqrt(0.5))


entry(
    "ndtr",
    "x",
    "The normal distribution function Φ. Gradient: its density φ(x) = e^(−x²/2)/√(2π).",
    lambda g, x: zmul(g, _phi(x)) / ROOT_2PI,
)
entry("log_ndtr", "x", "ln Φ(x). Gradient: φ(x)/Φ(x), accurate in both tails.", lambda g, x: zdiv(g, mills(x)))
entry(
    "ndtri",
    "x",
    "The inverse of Φ. Gradient: 1/φ(out); inf at 0 and 1.",
    lambda g, out: zmul(g, ROOT_2PI * np.exp(out * out * 0.5)),
)
entry("ndtri_exp", "x", "The inverse of log_ndtr. Gradient: Φ(out)/φ(out).", lambda g, out: zmul(g, mills(out)))
entry("owens_t", "h a", "Owen's T function. Gradients: −φ(h)·erf(ah/√2)/2 and e^(−h²(1+a²)/2) / (2π(1+a²)).",
      lambda g, h, a: -zmul(g, _phi(h) * sp.erf(h * a * math.sqrt(0.5))) / (2 * ROOT_2PI),
      lambda g, h, a: zmul(g, np.exp(h * h * (1 + a * a) * -0.5) / (2 * math.pi * (1 + a * a))))  # fmt: skip
entry(
    "expit", "x", "The logistic function 1/(1 + e^−x). Gradient: expit(x)·expit(−x).", lambda g, x: g * sigmoid_slope(x)
)
entry("log_expit", "x", "ln expit(x). Gradient: expit(−x).", lambda g, x: g * sp.expit(-x))
entry(
    "logit",
    "x",
    "ln(x/(1 − x)). Gradient: 1/(x(1 − x)); inf at 0 and 1, and 0 for a zero cotangent.",
    lambda g, x: zdiv(g, x * (1 - x)),
)
_A = " No gradient for the parameters."
entry("stdtr", "df t", "Student's distribution function. Gradient for t: the density." + _A,
      lambda g, df, t: zmul(g, _student(number(df, g), t)), wrt="t")  # fmt: skip
entry("chdtr", "v x", "The χ² distribution function. Gradient for x: the density." + _A,
      lambda g, v, x: zmul(g, gamma_density(number(v, g) / 2 - 1, number(v, g) / 2, x / 2)) / 2, wrt="x")  # fmt: skip
entry("chdtrc", "v x", "1 − chdtr(v, x). Gradient for x: minus the density." + _A,
      lambda g, v, x: zmul(g, gamma_density(number(v, g) / 2 - 1, number(v, g) / 2, x / 2)) / -2, wrt="x")  # fmt: skip
entry("pdtr", "k m", "Poisson's distribution function. Gradient for m: −e^−m mᵏ/k!." + _A,
      lambda g, k, m: -zmul(g, gamma_density(np.floor(number(k, g)), np.floor(number(k, g)) + 1, m)), wrt="m")  # fmt: skip
entry("pdtrc", "k m", "1 − pdtr(k, m). Gradient for m: e^−m mᵏ/k!." + _A,
      lambda g, k, m: zmul(g, gamma_density(np.floor(number(k, g)), np.floor(number(k, g)) + 1, m)), wrt="m")  # fmt: skip
entry("bdtr", "k n p", "The binomial distribution function. Gradient for p: −pᵏ(1−p)^(n−k−1)/B(k+1, n−k)." + _A,
      lambda g, k, n, p: -zmul(g, _binomial(np.floor(number(k, g)), np.floor(number(n, g)), p)), wrt="p")  # fmt: skip
entry("bdtrc", "k n p", "1 − bdtr(k, n, p). Gradient for p: pᵏ(1−p)^(n−k−1)/B(k+1, n−k)." + _A,
      lambda g, k, n, p: zmul(g, _binomial(np.floor(number(k, g)), np.floor(number(n, g)), p)), wrt="p")  # fmt: skip


def _student(df: Any, t: Any) -> Array:
    return np.exp((df + 1) * -0.5 * np.log1p(t * t / df)) / (np.sqrt(df) * sp.beta(number(0.5, t), df / 2))


def _binomial(k: Array, n: Any, p: Any) -> Any:
    return beta_density(k, n - k - 1, k + 1, n - k, p)


# ---------------------------------------------------------------- power transforms


def _log1p_over_slope(w: Array) -> Array:
    """The derivative of ln(1 + w)/w."""
    near = np.less(np.absolute(w), 0.5)
    far = np.where(near, 1, w)
    return np.where(near, gauss_function(2, 2, 3, -np.where(near, w, 0)) / -2, (1 / (1 + far) - log1p_over(far)) / far)


def _boxcox_slope(logarithm: Any, y: Array) -> Array:
    """d/dλ (e^(λL) − 1)/λ = L²·∫₀¹ t e^(λLt) dt; its limit 1/λ² for L = −inf."""
    finite = np.greater(logarithm, -math.inf)
    safe = np.where(finite, logarithm, 0)
    return np.where(finite, safe * safe * first_moment(y * safe), 1 / np.square(y))


def _inverse_slope(out: Array, x: Array, y: Array) -> Array:
    return out * x * (x * _log1p_over_slope(x * y))


entry("boxcox", "x y", "(x^λ − 1)/λ with λ = y; ln x at 0. Gradients: x^(λ−1), and the limit (ln x)²/2 at λ = 0 for λ.",
      lambda g, x, y: zmul(g, np.power(x, y - 1)), lambda g, x, y: zmul(g, _boxcox_slope(np.log(number(x, g)), y)))  # fmt: skip
entry("boxcox1p", "x y", "boxcox(1 + x, λ) with λ = y. Gradients as there.",
      lambda g, x, y: zmul(g, np.power(1 + x, y - 1)), lambda g, x, y: zmul(g, _boxcox_slope(np.log1p(number(x, g)), y)))  # fmt: skip
entry("inv_boxcox", "x y", "(1 + λx)^(1/λ) with λ = y; e^x at 0. Gradients: out^(1−λ), and the limit −x²e^x/2 at λ = 0 for λ.",
      lambda g, out, y: zmul(g, np.power(out, 1 - y)), lambda g, out, x, y: zmul(g, _inverse_slope(out, number(x, g), y)))  # fmt: skip
entry("inv_boxcox1p", "x y", "inv_boxcox(x, λ) − 1 with λ = y. Gradients as there.",
      lambda g, x, y: zmul(g, np.power(sp.inv_boxcox(x, number(y, g)), 1 - y)),
      lambda g, x, y: zmul(g, _inverse_slope(sp.inv_boxcox(number(x, g), y), number(x, g), y)))  # fmt: skip
entry("powm1", "x y", "x^y − 1, accurate near 1. Gradients as for np.power.",
      lambda g, x, y: zmul(g, zmul(y, np.power(x, y - 1))),
      lambda g, x, y: zmul(g, power_log(np.power(number(x, g), y), number(x, g), y, 1)))  # fmt: skip

# ---------------------------------------------------------------- losses


def _pseudo_huber_slope(x: Array, y: Array) -> Array:
    """``(D − δ)²/D`` with D = √(δ² + r²) and D − δ = r²/(D + δ), without cancellation or overflow."""
    r = np.hypot(x, y)
    gap = y * zdiv(y, r + x)
    return gap * zdiv(gap, r)


def _cube(x: Array, y: Array) -> Any:
    c = cosine(x, y)
    return c * c * c


@helper(lambda h, x, y: zmul(h, _cube(y, x)), lambda h, x, y: zmul(h, _cube(x, y)), wrt="x y", real="x y")
def pseudo_huber_force(x: ArrayLike, y: ArrayLike) -> Any:
    """``δy/D`` with δ = x. Gradients: (y/D)³ and (δ/D)³."""
    return y * zdiv(x, np.hypot(x, y))


entry("huber", "x y", "Huber's loss of y with the threshold δ = x. Gradients: max(|y| − δ, 0), and y clipped to [−δ, δ].",
      lambda g, x, y: zmul(g, np.where(np.greater(np.absolute(y), x), np.absolute(y) - x, 0)),
      lambda g, x, y: zmul(g, np.where(np.greater(np.absolute(y), x), x * np.sign(y), y)))  # fmt: skip
entry("pseudo_huber", "x y", "δ²(√(1 + (y/δ)²) − 1) with δ = x. Gradients: (D − δ)²/D and δy/D with D = √(δ² + y²).",
      lambda g, x, y: zmul(g, _pseudo_huber_slope(number(x, g), number(y, g))),
      lambda g, x, y: zmul(g, pseudo_huber_force(number(x, g), y)))  # fmt: skip

# ---------------------------------------------------------------- Lambert's W, elementary functions

LN2, LN10, DEGREE = math.log(2), math.log(10), math.pi / 180

entry("_lambertw", "x k tol", "Lambert's W: the branch k of the inverse of w·e^w. Gradient for x: e^−out/(1 + out).",
      lambda g, out: zdiv(zmul(g, np.exp(-out)), 1 + out), wrt="x", public="lambertw(z, k, tol)")  # fmt: skip


@helper(lambda h, w: zdiv(zdiv(h, 1 + w), 1 + w), wrt="w")
def omega_slope(w: ArrayLike) -> Any:
    """``ω/(1 + ω)``, whose gradient 1/(1 + ω)² doesn't cancel."""
    return zdiv(w, 1 + w)


entry(
    "wrightomega",
    "x",
    "Wright's ω: the solution of ω + ln ω = x. Gradient: out/(1 + out).",
    lambda g, out: zmul(g, omega_slope(out)),
)
entry("exp2", "x", "2^x. Gradient: 2^x·ln 2.", lambda g, out: zmul(g, out) * LN2)
entry("exp10", "x", "10^x. Gradient: 10^x·ln 10.", lambda g, out: zmul(g, out) * LN10)
entry("expm1", "x", "e^x − 1, accurate near 0. Gradient: e^x.", lambda g, x: zmul(g, np.exp(x)))
entry("log1p", "x", "ln(1 + x), accurate near 0. Gradient: 1/(1 + x).", lambda g, x: zdiv(g, 1 + x))
entry(
    "cbrt",
    "x",
    "The cube root. Gradient: 1/(3·out²); inf at 0, and 0 for a zero cotangent.",
    lambda g, out: zdiv(g, 3 * (out * out)),
)
entry("cosm1", "x", "cos x − 1, accurate near 0. Gradient: −sin x.", lambda g, x: -(g * np.sin(x)))
entry("sindg", "x", "The sine of degrees. Gradient: π/180·cosdg(x).", lambda g, x: g * (DEGREE * sp.cosdg(x)))
entry("cosdg", "x", "The cosine of degrees. Gradient: −π/180·sindg(x).", lambda g, x: g * (-DEGREE * sp.sindg(x)))
entry(
    "tandg",
    "x",
    "The tangent of degrees. Gradient: π/180·(1 + out²).",
    lambda g, out: zmul(g, DEGREE * (1 + out * out)),
)
entry(
    "cotdg",
    "x",
    "The cotangent of degrees. Gradient: −π/180·(1 + out²).",
    lambda g, out: zmul(g, -DEGREE * (1 + out * out)),
)
entry("radian", "d m s", "Degrees, minutes and seconds to radians. Gradients: π/180, and a 60th and a 3600th of it.",
      lambda g: g * DEGREE, lambda g: g * (DEGREE / 60), lambda g: g * (DEGREE / 3600))  # fmt: skip
entry("round", "x", "The nearest integer, halves to even. No gradient.")
