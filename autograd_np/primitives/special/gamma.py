"""``scipy.special``: the error functions, and the gamma and beta functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...engine.tensor import Array, ArrayLike
from ..gaussian import gauss
from ..zeros import zdiv, zmul
from .table import entry, helper, sp

__all__ = ["bell", "beta_density", "dotted", "erfcx_slope", "gamma_density", "number", "shifted"]


def dotted(g: tuple[Any, ...], *slopes: Any) -> tuple[Any]:
    """``Σ g_k · slope_k`` over the outputs that have a cotangent: the gradient of a function of one operand and several outputs."""
    total = None
    for each, slope in zip(g, slopes, strict=True):
        if each is not None:
            term = zmul(each, slope)
            total = term if total is None else total + term
    return (total,)


def bell(x: Array) -> Any:
    """``e^(−x²)``."""
    return np.exp(-(x * x)) if x.dtype.kind == "c" else gauss(x, 1.0)


def shifted(v: Any, by: int) -> Any:
    """``v + by``; a Python number stays one, so that float32 stays float32."""
    return np.add(v, by) if isinstance(v, (list, tuple)) else v + by


def number(x: Any, g: Any) -> Any:
    """``x``; a Python number in the dtype of ``g``, so that NumPy's functions of it do not widen float32."""
    return np.finfo(g.dtype).dtype.type(x) if x.__class__ in (int, float, bool) and g.dtype.kind in "fc" else x


# ---------------------------------------------------------------- error functions

SCALE = 2 / math.sqrt(math.pi)
# Σ (2k+1)!! q^k: beyond FAR the terms fall to 1e-17 before they rise again.
FAR = 8.0
_ODD = [float(math.prod(range(1, 2 * k + 2, 2))) for k in range(22)]


def _tail(x: Array, sign: float) -> Array:
    """``t + 3 s t² + 15 t³ + 105 s t⁴ + …`` with t = 1/(2x²) and s = ±1, for |x| > FAR."""
    t = 0.5 / (x * x)
    q = sign * t
    value = q * _ODD[-1]
    for factor in _ODD[-2:0:-1]:
        value = (value + factor) * q
    return t * (value + _ODD[0])


def erfcx_slope(x: Array) -> Array:
    """``2x·erfcx(x) − 2/√π``; for large x, where the two cancel, by the asymptotic series of their difference."""
    if x.dtype.kind == "c":
        return 2 * x * sp.erfcx(x) - SCALE
    far = np.greater(x, FAR)
    near = np.where(far, 0, x)
    return np.where(far, -SCALE * _tail(np.where(far, x, FAR), -1.0), 2 * near * sp.erfcx(near) - SCALE)


def _dawsn_slope(x: Array, out: Array) -> Array:
    """``1 − 2x·F(x)``, likewise."""
    if x.dtype.kind == "c":
        return 1 - 2 * x * out
    far = np.greater(np.absolute(x), FAR)
    near = np.where(far, 0, x)
    return np.where(far, -_tail(np.where(far, x, FAR), 1.0), 1 - 2 * near * sp.dawsn(near))


entry("erf", "x", "The error function. Gradient: 2/√π · e^(−x²).", lambda g, x: zmul(g, SCALE * bell(x)))
entry("erfc", "x", "1 − erf(x). Gradient: −2/√π · e^(−x²).", lambda g, x: zmul(g, -SCALE * bell(x)))
entry("erfcx", "x", "e^(x²)·erfc(x). Gradient: 2x·out − 2/√π.", lambda g, x: zmul(g, erfcx_slope(x)))
entry("erfi", "x", "−i·erf(ix). Gradient: 2/√π · e^(x²).", lambda g, x: zmul(g, SCALE * np.exp(x * x)))
entry(
    "erfinv",
    "x",
    "The inverse of erf. Gradient: √π/2 · e^(out²); inf at ±1.",
    lambda g, out: zmul(g, np.exp(out * out) / SCALE),
)
entry(
    "erfcinv",
    "x",
    "The inverse of erfc. Gradient: −√π/2 · e^(out²); −inf at 0 and 2.",
    lambda g, out: zmul(g, np.exp(out * out) / -SCALE),
)
entry(
    "dawsn",
    "x",
    "Dawson's integral e^(−x²) ∫₀ˣ e^(t²) dt. Gradient: 1 − 2x·out.",
    lambda g, x, out: zmul(g, _dawsn_slope(x, out)),
)
entry(
    "wofz",
    "x",
    "The Faddeeva function e^(−x²)·erfc(−ix). Gradient: 2i/√π − 2x·out.",
    lambda g, x, out: zmul(g, SCALE * 1j - 2 * x * out),
)
entry(
    "fresnel",
    "x",
    "The Fresnel integrals ∫₀ˣ sin(πt²/2) dt and ∫₀ˣ cos(πt²/2) dt. Gradient: their integrands.",
    lambda g, x: dotted(g, np.sin(math.pi / 2 * (x * x)), np.cos(math.pi / 2 * (x * x))),
    outputs=2,
)


# ---------------------------------------------------------------- the gamma function


def _rgamma_slope(x: Array) -> Array:
    """The derivative of 1/Γ, which is entire: ``−ψ(x)/Γ(x)`` on the right and, by reflection, without a pole on the left.

    Far from the real axis there are no poles, and the reflection would overflow.
    """
    right = np.logical_or(np.greater(np.real(x), 0.5), np.greater(np.abs(np.imag(x)), 1))
    a, b = np.where(right, x, 1), np.where(right, 0, x)
    angle = math.pi * (b - 2 * np.rint(np.real(b) / 2))
    mirrored = 1 - b
    left = sp.gamma(mirrored) * (np.cos(angle) - sp.psi(mirrored) * np.sin(angle) / math.pi)
    return np.where(right, -sp.psi(a) * sp.rgamma(a), left)


# B₂ₙ / 2n of ψ(x) = ln x − 1/(2x) − Σ B₂ₙ/(2n x²ⁿ)
_BERNOULLI = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12, -3617 / 8160)
_STEPS = 12


def _gap(a: Array, b: Array) -> Array:
    """``ψ(a + b) − ψ(a)`` without cancellation for a, b > 0.

    Each term of the recurrence ψ(x) = ψ(x + 12) − Σ 1/(x + j) and of the asymptotic series at x + 12 is differenced by itself.
    """
    plain = np.logical_or(np.less_equal(a, 0), np.less_equal(b, 0))
    low, step = np.where(plain, 1, a), np.where(plain, 1, b)
    high = low + step
    total: Any = 0.0
    for j in range(_STEPS):
        total = total + step / (low + j) / (high + j)
    u, v = 1 / (low + _STEPS), 1 / (high + _STEPS)
    u2, v2 = u * u, v * v
    fall = step * u * v  # u − v
    total = total + np.log1p(step * u) + fall / 2
    power: Any = 1.0  # Σ u^2j v^2(n−1−j), so that u^2n − v^2n = (u² − v²)·power
    squares = fall * (u + v)
    v_power: Any = 1.0
    for factor in _BERNOULLI:
        total = total + factor * (squares * power)
        v_power = v_power * v2
        power = power * u2 + v_power
    a, b = np.where(plain, a, 1), np.where(plain, b, 1)
    return np.where(plain, sp.psi(a + b) - sp.psi(a), total)


@helper(lambda h, s, q: zmul(h, -s * plane_zeta(s + 1, q)), wrt="q")
def plane_zeta(s: int, q: ArrayLike) -> Any:
    """The Hurwitz zeta function Σ (q + k)^−s of complex q and whole s ≥ 2: the derivatives of ψ, (−1)^s ψ⁽ˢ⁻¹⁾(q)/(s−1)!.

    By Euler and Maclaurin's sum from q + 12 on; on the left by reflection, ζ(s, q) = (−1)^(s−1) (ζ(s, 1−q) + D/(s−1)!) with D
    the derivative of order s − 1 of π cot πq.
    """
    right = np.greater_equal(np.real(q), 0.5)
    low = np.where(right, q, 1 - q)
    total: Any = 0.0
    for j in range(_STEPS):
        total = total + 1 / (low + j) ** s
    v = 1 / (low + _STEPS)
    total = total + v ** (s - 1) / (s - 1) + v**s / 2
    for j, factor in enumerate(_BERNOULLI):
        total = total + factor * math.comb(s + 2 * j, 2 * j + 1) * v ** (s + 2 * j + 1)
    mirrored = (-1) ** (s - 1) * (total + _cotangent(np.where(right, 0.25, q), s - 1) * (1 / math.factorial(s - 1)))
    return np.where(right, total, mirrored)


def _cotangent(q: Array, n: int) -> Array:
    """The n-th derivative of π cot πq, n ≥ 1: with c = cot πq it is (−1)ⁿ πⁿ⁺¹ (1 + c²) Qₙ(c), where Qₙ₊₁ = 2c Qₙ + (1 + c²) Qₙ′ and Q₁ = 1."""
    upper = np.greater_equal(np.imag(q), 0)  # where w = e^2πiq is at most 1; f(conj q) is conj f(q)
    turn = np.where(upper, q, np.conjugate(q))
    angle = 2j * math.pi * (turn - np.rint(np.real(turn)))
    w, gap = np.exp(angle), np.expm1(angle)
    c = 1j * (w + 1) / gap
    polynomial = [1]  # of c, the highest power first
    for _ in range(1, n):
        slope = np.polyder(polynomial)
        polynomial = np.polyadd(np.polymul([2, 0], polynomial), np.polymul([1, 0, 1], slope)).tolist()
    value: Any = 0
    for coefficient in polynomial:
        value = value * c + coefficient
    value = value * (-4 * w / (gap * gap)) * ((-1) ** n * math.pi ** (n + 1))
    return np.where(upper, value, np.conjugate(value))


def _trigamma(x: Array) -> Any:
    return plane_zeta(2, x) if x.dtype.kind == "c" else sp._zeta(2.0, x)


entry("gamma", "x", "The gamma function. Gradient: Γ(x)·ψ(x).", lambda g, x, out: zmul(g, out * sp.psi(x)))
entry("gammaln", "x", "log|Γ(x)|. Gradient: ψ(x).", lambda g, x: zmul(g, sp.psi(x)))
entry("loggamma", "x", "The principal branch of log Γ. Gradient: ψ(x).", lambda g, x: zmul(g, sp.psi(x)))
entry(
    "rgamma",
    "x",
    "1/Γ(x). Gradient: −ψ(x)/Γ(x), and its limit (−1)ⁿ n! at the poles x = −n of Γ.",
    lambda g, x: zmul(g, _rgamma_slope(x)),
)
entry("gammasgn", "x", "The sign of Γ(x). No gradient.")
entry(
    "psi",
    "x",
    "The digamma function ψ = Γ′/Γ (also called digamma). Gradient: ζ(2, x).",
    lambda g, x: zmul(g, _trigamma(x)),
)
entry(
    "_zeta",
    "x q",
    "The Hurwitz zeta function Σ (q + k)^−x. Gradient for q: −x·ζ(x + 1, q).",
    lambda g, x, q: zmul(g, -x * sp._zeta(shifted(x, 1), q)),
    wrt="q",
    public="zeta(x, q)",
    real="q",
)
entry(
    "beta",
    "a b",
    "The beta function Γ(a)Γ(b)/Γ(a + b). Gradients: out·(ψ(a) − ψ(a + b)) and out·(ψ(b) − ψ(a + b)).",
    lambda g, out, a, b: -zmul(g, out * _gap(a, number(b, g))),
    lambda g, out, a, b: -zmul(g, out * _gap(b, number(a, g))),
)
entry(
    "betaln",
    "a b",
    "log|B(a, b)|. Gradients: ψ(a) − ψ(a + b) and ψ(b) − ψ(a + b).",
    lambda g, a, b: -zmul(g, _gap(a, number(b, g))),
    lambda g, a, b: -zmul(g, _gap(b, number(a, g))),
)


@helper(lambda h, p, a, x: zmul(h, zmul(p, gamma_density(p - 1, a, x)) - gamma_density(p, a, x)), wrt="x", real="x")
def gamma_density(p: Any, a: ArrayLike, x: ArrayLike) -> Any:
    """``x^p e^−x / Γ(a)``: the derivative of gammainc(a, x) for p = a − 1."""
    large = np.logical_and(np.greater(a, 10), np.greater(x, 0))
    safe = np.where(large, x, 1)
    return np.where(large, sp._igam_fac(a, safe) * np.power(safe, p - a), np.exp(sp.xlogy(p, x) - x - sp.gammaln(a)))


@helper(
    lambda h, p, q, a, b, x: zmul(
        h, zmul(p, beta_density(p - 1, q, a, b, x)) - zmul(q, beta_density(p, q - 1, a, b, x))
    ),
    wrt="x",
)
def beta_density(p: Any, q: ArrayLike, a: ArrayLike, b: ArrayLike, x: ArrayLike) -> Any:
    """``x^p (1−x)^q / B(a, b)``: the derivative of betainc(a, b, x) for p = a − 1 and q = b − 1."""
    return np.exp(sp.xlogy(p, x) + sp.xlog1py(q, -x) - sp.betaln(a, b))


def _gamma_pdf(a: Array, x: Array) -> Any:
    a = number(a, x)
    return gamma_density(shifted(a, -1), a, x)


def _beta_pdf(a: Array, b: Array, x: Array) -> Any:
    a, b = number(a, x), number(b, x)
    return beta_density(shifted(a, -1), shifted(b, -1), a, b, x)


_A = " No gradient for the parameters: SciPy has no derivative there."
entry("gammainc", "a x", "The regularized lower incomplete gamma function. Gradient for x: x^(a−1) e^−x / Γ(a)." + _A,
      lambda g, a, x: zmul(g, _gamma_pdf(a, x)), wrt="x")  # fmt: skip
entry("gammaincc", "a x", "1 − gammainc(a, x). Gradient for x: −x^(a−1) e^−x / Γ(a)." + _A,
      lambda g, a, x: -zmul(g, _gamma_pdf(a, x)), wrt="x")  # fmt: skip
entry("gammaincinv", "a y", "The inverse of gammainc in x. Gradient for y: 1/(out^(a−1) e^−out / Γ(a))." + _A,
      lambda g, a, out: zdiv(g, _gamma_pdf(a, out)), wrt="y")  # fmt: skip
entry("gammainccinv", "a y", "The inverse of gammaincc in x. Gradient for y: −1/(out^(a−1) e^−out / Γ(a))." + _A,
      lambda g, a, out: -zdiv(g, _gamma_pdf(a, out)), wrt="y")  # fmt: skip
entry("betainc", "a b x", "The regularized incomplete beta function. Gradient for x: x^(a−1) (1−x)^(b−1) / B(a, b)." + _A,
      lambda g, a, b, x: zmul(g, _beta_pdf(a, b, x)), wrt="x")  # fmt: skip
entry("betaincc", "a b x", "1 − betainc(a, b, x). Gradient for x: −x^(a−1) (1−x)^(b−1) / B(a, b)." + _A,
      lambda g, a, b, x: -zmul(g, _beta_pdf(a, b, x)), wrt="x")  # fmt: skip
entry("betaincinv", "a b y", "The inverse of betainc in x. Gradient for y: the inverse of its slope at out." + _A,
      lambda g, a, b, out: zdiv(g, _beta_pdf(a, b, out)), wrt="y")  # fmt: skip
entry("betainccinv", "a b y", "The inverse of betaincc in x. Gradient for y: the inverse of its slope at out." + _A,
      lambda g, a, b, out: -zdiv(g, _beta_pdf(a, b, out)), wrt="y")  # fmt: skip
