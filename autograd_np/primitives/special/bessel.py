"""``scipy.special``: Bessel and Airy functions, exponential integrals, elliptic and hypergeometric functions, polynomials."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...engine.tensor import Array
from ..zeros import zdiv, zmul
from .gamma import dotted, number, shifted
from .table import entry, helper, sp

__all__: list[str] = []

# ---------------------------------------------------------------- Bessel functions: C′ = (C(v−1) ∓ C(v+1)) / 2

_V = " No gradient for the order."


def _mean(function: Any, v: Array, x: Array, sign: int) -> Any:
    return (function(shifted(v, -1), x) + sign * function(shifted(v, 1), x)) / 2


def _decay(g: Array, out: Array, part: Any) -> Array:
    """The gradient of the factor ``e^−|part|``, where ``part`` is the real part of x: −sign(part)·Re(g·out)."""
    return np.sign(part) * np.real(zmul(g, out))


def _scaled_imaginary(g: Array, out: Array, v: Array, x: Array, function: Any) -> Array:
    """The rule of C(v, x)·e^−|Im x|."""
    slope = zmul(g, _mean(function, v, x, -1))
    return slope + 1j * _decay(g, out, np.imag(x)) if x.dtype.kind == "c" else slope


def _scaled(v: Array, x: Array, out: Array, near: Any, sign: float) -> Any:
    """The slope of I(v, x)·e^−|x| (sign −1) or K(v, x)·e^x (sign 1): ``near``, whose terms cancel for large x, and there the asymptotic series.

    Both functions are Σ aₖ (±1)ᵏ y^−k−½ with y = |x|, up to a factor, so the slope is −out/x · Σ aₖ (±1)ᵏ (k + ½) y^−k / Σ aₖ (±1)ᵏ y^−k with
    a₀ = 1 and aₖ = aₖ₋₁ (4v² − (2k−1)²)/8k.
    """
    if x.dtype.kind == "c":
        return near
    v = shifted(v, 0)
    far = np.greater(np.absolute(x), 40 + v * v)
    safe = np.where(far, x, 40)
    y = np.absolute(safe)
    term: Any = 1.0
    top: Any = 0.5
    bottom: Any = 1.0
    for k in range(1, 21):
        term = term * ((4 * v * v - (2 * k - 1) ** 2) * (sign / (8 * k))) / y
        top = top + term * (k + 0.5)
        bottom = bottom + term
    return np.where(far, -out * (top / bottom) / safe, near)


def _ive_rule(g: Array, out: Array, v: Array, x: Array) -> Array:
    slope = _mean(sp.ive, v, x, 1)
    if x.dtype.kind == "c":
        return zmul(g, slope) - _decay(g, out, np.real(x))
    return zmul(g, _scaled(v, x, out, slope - np.sign(x) * out, -1.0))


entry("j0", "x", "The Bessel function of the first kind and order 0. Gradient: −J₁(x).", lambda g, x: -(g * sp.j1(x)))
entry("j1", "x", "Of order 1. Gradient: (J₀(x) − J₂(x))/2.", lambda g, x: g * ((sp.j0(x) - sp.jv(2, x)) / 2))
entry(
    "jv",
    "v x",
    "Of order v (also called jn). Gradient for x: (J(v−1) − J(v+1))/2." + _V,
    lambda g, v, x: zmul(g, _mean(sp.jv, v, x, -1)),
    wrt="x",
)
entry("jve", "v x", "J(v, x)·e^−|Im x|." + _V, lambda g, out, v, x: _scaled_imaginary(g, out, v, x, sp.jve), wrt="x")
entry(
    "y0", "x", "The Bessel function of the second kind and order 0. Gradient: −Y₁(x).", lambda g, x: -zmul(g, sp.y1(x))
)
entry("y1", "x", "Of order 1. Gradient: (Y₀(x) − Y₂(x))/2.", lambda g, x: zmul(g, (sp.y0(x) - sp.yv(2, x)) / 2))
entry(
    "yn",
    "n x",
    "Of integer order n. Gradient for x: (Y(n−1) − Y(n+1))/2." + _V,
    lambda g, n, x: zmul(g, _mean(sp.yn, n, x, -1)),
    wrt="x",
)
entry(
    "yv",
    "v x",
    "Of order v. Gradient for x: (Y(v−1) − Y(v+1))/2." + _V,
    lambda g, v, x: zmul(g, _mean(sp.yv, v, x, -1)),
    wrt="x",
)
entry("yve", "v x", "Y(v, x)·e^−|Im x|." + _V, lambda g, out, v, x: _scaled_imaginary(g, out, v, x, sp.yve), wrt="x")
entry(
    "hankel1",
    "v x",
    "J + iY. Gradient for x: (H(v−1) − H(v+1))/2." + _V,
    lambda g, v, x: zmul(g, _mean(sp.hankel1, v, x, -1)),
    wrt="x",
)
entry(
    "hankel2",
    "v x",
    "J − iY. Gradient for x: (H(v−1) − H(v+1))/2." + _V,
    lambda g, v, x: zmul(g, _mean(sp.hankel2, v, x, -1)),
    wrt="x",
)
entry(
    "hankel1e",
    "v x",
    "hankel1(v, x)·e^−ix." + _V,
    lambda g, out, v, x: zmul(g, _mean(sp.hankel1e, v, x, -1) - 1j * out),
    wrt="x",
)
entry(
    "hankel2e",
    "v x",
    "hankel2(v, x)·e^ix." + _V,
    lambda g, out, v, x: zmul(g, _mean(sp.hankel2e, v, x, -1) + 1j * out),
    wrt="x",
)

entry(
    "i0",
    "x",
    "The modified Bessel function of the first kind and order 0. Gradient: I₁(x).",
    lambda g, x: zmul(g, sp.i1(x)),
)
entry("i1", "x", "Of order 1. Gradient: (I₀(x) + I₂(x))/2.", lambda g, x: zmul(g, (sp.i0(x) + sp.iv(2, x)) / 2))
entry(
    "iv",
    "v x",
    "Of order v. Gradient for x: (I(v−1) + I(v+1))/2." + _V,
    lambda g, v, x: zmul(g, _mean(sp.iv, v, x, 1)),
    wrt="x",
)
entry(
    "i0e",
    "x",
    "I₀(x)·e^−|x|. Gradient: i1e(x) − sign(x)·out, 0 at the kink.",
    lambda g, x, out: zmul(g, _scaled(0, x, out, sp.i1e(x) - np.sign(x) * out, -1.0)),
)
entry("i1e", "x", "I₁(x)·e^−|x|. Gradient: (i0e(x) + ive(2, x))/2 − sign(x)·out.",
      lambda g, x, out: zmul(g, _scaled(1, x, out, (sp.i0e(x) + sp.ive(2, x)) / 2 - np.sign(x) * out, -1.0)))  # fmt: skip
entry("ive", "v x", "I(v, x)·e^−|Re x|. Gradient for x: (ive(v−1) + ive(v+1))/2 − sign(x)·out." + _V,
      _ive_rule, wrt="x")  # fmt: skip
entry(
    "k0",
    "x",
    "The modified Bessel function of the second kind and order 0. Gradient: −K₁(x).",
    lambda g, x: -zmul(g, sp.k1(x)),
)
entry("k1", "x", "Of order 1. Gradient: −(K₀(x) + K₂(x))/2.", lambda g, x: zmul(g, (sp.k0(x) + sp.kv(2, x)) / -2))
entry(
    "kn",
    "n x",
    "Of integer order n. Gradient for x: −(K(n−1) + K(n+1))/2." + _V,
    lambda g, n, x: -zmul(g, _mean(sp.kn, n, x, 1)),
    wrt="x",
)
entry(
    "kv",
    "v x",
    "Of order v. Gradient for x: −(K(v−1) + K(v+1))/2." + _V,
    lambda g, v, x: -zmul(g, _mean(sp.kv, v, x, 1)),
    wrt="x",
)
entry(
    "k0e",
    "x",
    "K₀(x)·e^x. Gradient: out − k1e(x).",
    lambda g, x, out: zmul(g, _scaled(0, x, out, out - sp.k1e(x), 1.0)),
)
entry(
    "k1e",
    "x",
    "K₁(x)·e^x. Gradient: out − (k0e(x) + kve(2, x))/2.",
    lambda g, x, out: zmul(g, _scaled(1, x, out, out - (sp.k0e(x) + sp.kve(2, x)) / 2, 1.0)),
)
entry("kve", "v x", "K(v, x)·e^x. Gradient for x: out − (kve(v−1) + kve(v+1))/2." + _V,
      lambda g, out, v, x: zmul(g, _scaled(v, x, out, out - _mean(sp.kve, v, x, 1), 1.0)), wrt="x")  # fmt: skip
entry(
    "airy",
    "x",
    "The Airy functions Ai, Ai′, Bi, Bi′. Gradients: Ai′, x·Ai, Bi′, x·Bi.",
    lambda g, x, out: dotted(g, out[1], x * out[0], out[3], x * out[2]),
    outputs=4,
)

# ---------------------------------------------------------------- exponential and trigonometric integrals


def _expn_slope(n: Any, x: Array) -> Array:
    """−E(n−1, x); E₋₁ is e^−x (1 + x)/x²."""
    first = np.equal(n, 0)
    return -np.where(first, sp.expn(0, x) * (1 + 1 / x), sp.expn(np.where(first, 0, shifted(n, -1)), x))


entry(
    "exp1",
    "x",
    "The exponential integral ∫₁^∞ e^−xt/t dt. Gradient: −e^−x/x.",
    lambda g, x: -zdiv(zmul(g, np.exp(-x)), x),
)
entry("expi", "x", "The exponential integral Ei. Gradient: e^x/x.", lambda g, x: zdiv(zmul(g, np.exp(x)), x))
entry(
    "expn",
    "n x",
    "∫₁^∞ e^−xt/tⁿ dt. Gradient for x: −expn(n−1, x)." + _V,
    lambda g, n, x: zmul(g, _expn_slope(n, x)),
    wrt="x",
)
entry("sici", "x", "The sine and cosine integrals. Gradients: sin x/x and cos x/x.",
      lambda g, x: dotted(g, np.sinc(x * (1 / math.pi)), zdiv(np.cos(x), x)), outputs=2)  # fmt: skip
entry("shichi", "x", "The hyperbolic sine and cosine integrals. Gradients: sinh x/x and cosh x/x.",
      lambda g, x: dotted(g, _sinhc(x), zdiv(np.cosh(x), x)), outputs=2)  # fmt: skip


def _sinhc(x: Array) -> Array:
    """``sinh(x)/x``, 1 at 0."""
    if x.dtype.kind == "c":
        return np.sinc(x * (1j / math.pi))
    near = np.less(np.absolute(x), 5)
    far = np.where(near, 1, x)
    return np.where(near, sp.hyp0f1(number(1.5, x), np.square(np.where(near, x, 0)) / 4), np.sinh(far) / far)


def log1p_over(x: Array) -> Array:
    """``ln(1 + x)/x``, 1 at 0; far from 0 as it stands, where the hypergeometric function loses digits."""
    near = np.less(np.absolute(x), 0.5)
    far = np.where(near, 1, x)
    return np.where(near, gauss_function(1, 1, 2, -np.where(near, x, 0)), np.log1p(far) / far)


def _log_over(x: Array) -> Array:
    """``ln(x)/(x − 1)``, 1 at 1: only near 1 has x − 1 all digits of x."""
    near = np.less(np.absolute(x - 1), 0.5)
    far = np.where(near, 2, x)
    return np.where(near, log1p_over(np.where(near, x, 1) - 1), np.log(far) / (far - 1))


entry(
    "spence",
    "x",
    "The dilogarithm −∫₁ˣ ln t/(t − 1) dt. Gradient: −ln x/(x − 1), −1 at 1.",
    lambda g, x: -zmul(g, _log_over(x)),
)

# ---------------------------------------------------------------- elliptic integrals


def gauss_function(a: float, b: float, c: float, x: Array) -> Any:
    """F(a, b; c; x) in the precision of x: given Python's numbers, SciPy's function takes float64."""
    return sp.hyp2f1(number(a, x), number(b, x), number(c, x), x)


@helper(lambda h, p: zmul(h, (sp.ellipkm1(p) - ellipem1(p)) / (2 * (1 - p))), wrt="p", real="p")
def ellipem1(p: Any) -> Any:
    """E(1 − p), not near p = 1, with a gradient that is accurate near p = 0."""
    return sp.ellipe(1 - p)


def _ellipk_slope(m: Any, rest: Any) -> Array:
    """dK/dm = (E/(1−m) − K)/(2m) with rest = 1 − m; π/8 · F(½, ½; 2; m)/(1 − m) near 0, where the two cancel."""
    near = np.less(np.absolute(m), 0.5)
    a, b = np.where(near, m, 0), np.where(near, 2, rest)
    return np.where(
        near, math.pi / 8 * gauss_function(0.5, 0.5, 2, a) / (1 - a), (ellipem1(b) / b - sp.ellipkm1(b)) / (2 * (1 - b))
    )


def _ellipe_slope(m: Any) -> Array:
    """dE/dm = (E − K)/(2m); −π/8 · F(½, 3/2; 2; m) near 0, where the two cancel."""
    near = np.less(np.absolute(m), 0.5)
    far = np.where(near, -1, m)
    return np.where(
        near,
        -math.pi / 8 * gauss_function(0.5, 1.5, 2, np.where(near, m, 0)),
        (sp.ellipe(far) - sp.ellipk(far)) / (2 * far),
    )


entry("ellipk", "m", "The complete elliptic integral K(m) of the first kind. Gradient: (E − (1−m)K)/(2m(1−m)), π/8 at 0.",
      lambda g, m: zmul(g, _ellipk_slope(m, 1 - m)))  # fmt: skip
entry(
    "ellipkm1",
    "p",
    "K(1 − p), accurate near p = 0. Gradient: −K′(1 − p).",
    lambda g, p: -zmul(g, _ellipk_slope(1 - p, p)),
)
entry("ellipe", "m", "The complete elliptic integral E(m) of the second kind. Gradient: (E − K)/(2m), −π/8 at 0.",
      lambda g, m: zmul(g, _ellipe_slope(m)))  # fmt: skip
_M = " No gradient for m."
entry("ellipkinc", "phi m", "The incomplete elliptic integral F(φ, m). Gradient for φ: 1/√(1 − m sin²φ)." + _M,
      lambda g, phi, m: zdiv(g, np.sqrt(1 - m * np.square(np.sin(phi)))), wrt="phi")  # fmt: skip
entry("ellipeinc", "phi m", "The incomplete elliptic integral E(φ, m). Gradient for φ: √(1 − m sin²φ)." + _M,
      lambda g, phi, m: zmul(g, np.sqrt(1 - m * np.square(np.sin(phi)))), wrt="phi")  # fmt: skip
entry("ellipj", "u m", "Jacobi's elliptic functions sn, cn, dn and the amplitude. Gradients for u: cn·dn, −sn·dn, −m·sn·cn, dn." + _M,
      lambda g, out, m: dotted(g, out[1] * out[2], -(out[0] * out[2]), -m * (out[0] * out[1]), out[2]), wrt="u", outputs=4)  # fmt: skip

# ---------------------------------------------------------------- hypergeometric functions and what they give

_P = " No gradient for the parameters."
entry("hyp0f1", "v x", "The confluent hypergeometric limit function. Gradient for x: hyp0f1(v+1, x)/v." + _P,
      lambda g, v, x: zmul(g, sp.hyp0f1(shifted(v, 1), x) / v), wrt="x")  # fmt: skip
entry("hyp1f1", "a b x", "Kummer's function M(a, b, x). Gradient for x: a/b · M(a+1, b+1, x)." + _P,
      lambda g, a, b, x: zmul(g, a / b * sp.hyp1f1(shifted(a, 1), shifted(b, 1), x)), wrt="x")  # fmt: skip
entry("hyp2f1", "a b c x", "Gauss' function F(a, b; c; x). Gradient for x: ab/c · F(a+1, b+1; c+1; x)." + _P,
      lambda g, a, b, c, x: zmul(g, a * b / c * sp.hyp2f1(shifted(a, 1), shifted(b, 1), shifted(c, 1), x)), wrt="x")  # fmt: skip
entry("hyperu", "a b x", "Tricomi's function U(a, b, x). Gradient for x: −a · U(a+1, b+1, x)." + _P,
      lambda g, a, b, x: zmul(g, -a * sp.hyperu(shifted(a, 1), shifted(b, 1), x)), wrt="x")  # fmt: skip


def first_moment(x: Array) -> Array:
    """``∫₀¹ t e^xt dt = (1 + (x − 1)·e^x)/x²``; SciPy's hyp1f1 does not return for large x, where this is as infinite as e^x."""
    near = np.logical_and(np.greater(x, -math.inf), np.less(x, 1000))
    return np.where(near, sp.hyp1f1(2, 3, np.where(near, x, 0)) / 2, np.exp(np.where(near, 0, x)))


entry("exprel", "x", "(e^x − 1)/x, 1 at 0. Gradient: ∫₀¹ t e^xt dt.", lambda g, x: zmul(g, first_moment(x)))


def _lower(function: Any, n: Any, *rest: Any) -> Array:
    """A polynomial of degree n − 1; 0 for n = 0, and for negative integers, where SciPy's polynomials are 0."""
    if isinstance(n, int):  # and stays one, so that complex64 stays complex64
        lower: Any = max(n - 1, 0)
    else:
        lower = np.maximum(shifted(n, -1), 0) if _whole(n) else shifted(n, -1)
    constant = np.less_equal(n, 0) if _whole(n) else np.equal(n, 0)
    return np.where(constant, 0, function(lower, *rest))


def _reflected(n: Any, by: int) -> Any:
    """The larger of n and ``by − n``, for polynomials that are the same (or the negative) at both degrees."""
    return max(n, by - n) if isinstance(n, (int, float)) else np.maximum(n, by - n)


def _chebyu_slope(n: Any, x: Array) -> Any:
    """2 C(n−1; 2); U(n) = −U(−2−n), so that U(−1) = 0."""
    side = int(np.sign(n + 1)) if isinstance(n, int) else np.sign(shifted(n, 1))
    m = _reflected(n, -2)
    return 2 * side * _lower(sp.eval_gegenbauer, m + (m == -1), 2.0, x)


def _whole(n: Any) -> bool:
    return isinstance(n, int) or getattr(n, "dtype", np.dtype(float)).kind in "iu"


entry("eval_jacobi", "n a b x", "Jacobi's polynomials. Gradient for x: (n+a+b+1)/2 · P(n−1; a+1, b+1)." + _P,
      lambda g, n, a, b, x: g * ((n + a + b + 1) / 2 * _lower(sp.eval_jacobi, n, shifted(a, 1), shifted(b, 1), x)), wrt="x")  # fmt: skip
entry("eval_legendre", "n x", "Legendre's polynomials. Gradient for x: (n+1)/2 · P(n−1; 1, 1)." + _P,
      lambda g, n, x: g * (shifted(_reflected(n, -1), 1) / 2 * _lower(sp.eval_jacobi, _reflected(n, -1), 1.0, 1.0, x)), wrt="x")  # fmt: skip
entry("eval_gegenbauer", "n a x", "Gegenbauer's polynomials. Gradient for x: 2a · C(n−1; a+1)." + _P,
      lambda g, n, a, x: g * (2 * a * _lower(sp.eval_gegenbauer, n, shifted(a, 1), x)), wrt="x")  # fmt: skip
entry("eval_chebyt", "n x", "Chebyshev's polynomials of the first kind. Gradient for x: n · U(n−1)." + _P,
      lambda g, n, x: g * (_reflected(n, 0) * _lower(sp.eval_chebyu, _reflected(n, 0), x)), wrt="x")  # fmt: skip
entry("eval_chebyu", "n x", "Chebyshev's polynomials of the second kind. Gradient for x: 2 C(n−1; 2)." + _P,
      lambda g, n, x: g * _chebyu_slope(n, x), wrt="x")  # fmt: skip
entry("eval_genlaguerre", "n a x", "Laguerre's generalized polynomials. Gradient for x: −L(n−1; a+1)." + _P,
      lambda g, n, a, x: -(g * _lower(sp.eval_genlaguerre, n, shifted(a, 1), x)), wrt="x")  # fmt: skip
entry("eval_laguerre", "n x", "Laguerre's polynomials. Gradient for x: −L(n−1; 1)." + _P,
      lambda g, n, x: -(g * _lower(sp.eval_genlaguerre, n, 1.0, x)), wrt="x")  # fmt: skip
entry("eval_hermite", "n x", "Hermite's polynomials of physics. Gradient for x: 2n · H(n−1)." + _P,
      lambda g, n, x: g * (2 * n * _lower(sp.eval_hermite, n, x)), wrt="x")  # fmt: skip
entry("eval_hermitenorm", "n x", "Hermite's polynomials of probability. Gradient for x: n · He(n−1)." + _P,
      lambda g, n, x: g * (n * _lower(sp.eval_hermitenorm, n, x)), wrt="x")  # fmt: skip
