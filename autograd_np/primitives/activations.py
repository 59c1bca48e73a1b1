"""Activation functions: rectifiers, sigmoids, softmax and their relatives, and the error function they need.

Names and options follow ``torch.nn.functional`` (``axis`` for ``dim``). Four things hold for all of them:

* floating dtypes are kept (float32 in, float32 out); integers behave as in NumPy's own functions;
* a kink takes the minimum-norm subgradient: 0 where the one-sided derivatives have both signs or one is 0,
  else the smaller of the two;
* value and gradient keep their relative accuracy in the tails, and ±inf give the limit where one exists;
* the analytic ones (sigmoid, softplus, softmax and what is made of them) take complex numbers, their logarithms on the
  principal branch; those with a kink or an absolute value are functions of real numbers, and refuse complex ones.

The smooth rules are built of a few private primitives whose own rules are exact (``sigmoid_slope``, ``gauss``,
``normal_cdf``), so that second and third derivatives are as accurate as the first.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ..engine.registry import on_arrays, primitive, rule, shown
from ..engine.tensor import Array, ArrayLike, DTypeLike, Tensor
from . import complexes
from .complexes import decay, is_complex
from .composed import composition
from .gaussian import erf, erfc, gauss, normal_cdf
from .layout import expand, wide
from .reductions import logsumexp
from .zeros import keep, zmul

__all__ = [
    "celu",
    "elu",
    "erf",
    "erfc",
    "gelu",
    "glu",
    "hard_sigmoid",
    "hard_swish",
    "hardshrink",
    "hardtanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "swish",
    "tanhshrink",
]

# Beyond ±FAR a sigmoid is 0 or 1 in every dtype; x · (a factor that is 0 there) is taken at ±FAR, so that it is 0
# at infinity too, and not inf · 0.
FAR = 2e4


def _far(x: Array) -> Array:
    return x if is_complex(x) else np.minimum(np.maximum(x, -FAR), FAR)


def _above(x: Array) -> Array:
    return x if is_complex(x) else np.maximum(x, -FAR)


# ---------------------------------------------------------------- rectifiers


@primitive(masks="kink", real=True)
def relu(x: ArrayLike, /) -> Tensor:
    """``max(x, 0)``, elementwise. NaN stays NaN. Gradient: 1 for x > 0, else 0; 0 at the kink x = 0.

    >>> relu(np.array([-1.0, 0.0, 2.0])).tolist()
    [0.0, 0.0, 2.0]
    """
    return np.maximum(x, 0)


rule(relu, lambda g, out: keep(out > 0, g))


def _at_zero(x: Array, left: float, right: float) -> tuple[Any, Any]:
    """Masks of the elements that take the left and the right derivative, for a kink at 0 with these one-sided derivatives."""
    if left * right <= 0:
        return x < 0, x > 0
    return (x <= 0, x > 0) if abs(left) <= abs(right) else (x < 0, x >= 0)


@primitive(masks="kink", elementwise=True, real=True)
def leaky_relu(x: ArrayLike, /, negative_slope: float = 0.01) -> Tensor:
    """``x`` for x > 0, else ``negative_slope · x``.

    Gradient: 1 or ``negative_slope``. At x = 0 the smaller of the two (``negative_slope`` if it is in [0, 1],
    1 if it is larger); 0 for a negative slope.
    """
    if 0 < negative_slope <= 1:
        return np.maximum(x, x * negative_slope)
    return np.maximum(x, 0) + negative_slope * np.minimum(x, 0)


def _leaky_relu_rule(g: Array, x: Array, negative_slope: float) -> Array:
    left, right = _at_zero(x, negative_slope, 1.0)
    if negative_slope == 0:
        return keep(right, g)
    return keep(right, g) + keep(left, g * negative_slope)


rule(leaky_relu, _leaky_relu_rule)
shown(leaky_relu, out="x if x > 0 else negative_slope * x", x="g if x > 0 else negative_slope * g")


def _channels(weight_shape: tuple[int, ...], x_shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """The shape in which prelu's weight broadcasts against x."""
    if math.prod(weight_shape) == 1 and len(weight_shape) <= 1:
        return (1,) * len(x_shape)
    if len(weight_shape) != 1 or not -len(x_shape) <= axis < len(x_shape) or x_shape[axis] != weight_shape[0]:
        raise ValueError(
            f"the weight has shape {weight_shape}; it must hold one number, or one per channel: x has shape {x_shape} and the channels are axis {axis}"
        )
    shape = [1] * len(x_shape)
    shape[axis] = weight_shape[0]
    return tuple(shape)


@primitive(wrt="x weight", masks="kink", elementwise=True, real=True)
def prelu(x: ArrayLike, weight: ArrayLike, /, axis: int = 1) -> Tensor:
    """``x`` for x > 0, else ``weight · x`` with a learned weight: one number, or one per channel along ``axis``.

    Gradients: 1 or ``weight`` for x, and ``min(x, 0)`` summed over the channel for the weight. At x = 0 the
    gradient for x is ``weight`` if that is in [0, 1], 1 if it is larger and 0 if it is negative.

    Raises:
        ValueError: the weight has neither one element nor the length of ``axis``.
    """
    w = np.reshape(weight, _channels(np.shape(weight), np.shape(x), axis))
    return np.maximum(x, 0) + w * np.minimum(x, 0)


def _prelu_x(g: Array, x: Array, weight: Array, axis: int) -> Array:
    w = np.reshape(weight, _channels(np.shape(weight), np.shape(x), axis))
    return zmul((x > 0) + w * (x < 0) + np.minimum(np.maximum(w, 0), 1) * (x == 0), g)


def _prelu_weight(g: Array, x: Array, weight_shape: tuple[int, ...], axis: int) -> Array:
    shape = _channels(weight_shape, np.shape(x), axis)
    axes = tuple([i for i, n in enumerate(shape) if n == 1])
    return np.reshape(np.sum(g * np.minimum(x, 0), axis=axes), weight_shape)


rule(prelu, _prelu_x, _prelu_weight)


@primitive(masks="kink", real=True)
def relu6(x: ArrayLike, /) -> Tensor:
    """``min(max(x, 0), 6)``. Gradient: 1 for 0 < x < 6, else 0; 0 at both kinks."""
    return np.minimum(np.maximum(x, 0), 6)


rule(relu6, lambda g, out: keep((out > 0) & (out < 6), g))


@primitive(masks="kink", real=True)
def hardtanh(x: ArrayLike, /, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """``min(max(x, min_val), max_val)``. Gradient: 1 strictly between the bounds, else 0; 0 at both kinks.

    Raises:
        ValueError: ``min_val`` is larger than ``max_val``.
    """
    if min_val > max_val:
        raise ValueError(f"min_val = {min_val} is larger than max_val = {max_val}")
    return np.minimum(np.maximum(x, min_val), max_val)


rule(hardtanh, lambda g, out, min_val, max_val: keep((out > min_val) & (out < max_val), g))


@primitive(masks="kink", real=True)
def hardshrink(x: ArrayLike, /, lambd: float = 0.5) -> Tensor:
    """``x`` where |x| > ``lambd``, else 0. Gradient: 1 or 0; 0 at the jumps x = ±``lambd``."""
    return x * (np.abs(x) > lambd) if lambd > 0 else np.positive(x)


rule(hardshrink, lambda g, x, lambd: keep(np.abs(x) > lambd, g) if lambd > 0 else g)


@primitive(masks="kink", real=True)
def softshrink(x: ArrayLike, /, lambd: float = 0.5) -> Tensor:
    """``x − lambd`` above ``lambd``, ``x + lambd`` below ``−lambd``, 0 between. Gradient: 1 outside, 0 between and at both kinks.

    Raises:
        ValueError: ``lambd`` is negative.
    """
    if not lambd >= 0:
        raise ValueError(f"lambd = {lambd} is negative")
    return x - np.minimum(np.maximum(x, -lambd), lambd)


rule(softshrink, lambda g, x, lambd: keep(np.abs(x) > lambd, g) if lambd > 0 else g)


# ---------------------------------------------------------------- exponential rectifiers


@primitive(masks="kink", elementwise=True, real=True)
def elu(x: ArrayLike, /, alpha: float = 1.0) -> Tensor:
    """``x`` for x > 0, else ``alpha · (e^x − 1)``.

    Gradient: 1 or ``alpha · e^x``. At x = 0 it is 1 for ``alpha`` = 1, where there is no kink; else the
    smaller of 1 and ``alpha``, and 0 for a negative ``alpha``.
    """
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0))


def _elu_slope(x: Array, alpha: float) -> Array:
    e = np.exp(np.minimum(x, 0))
    if alpha == 1:
        return e
    left, right = _at_zero(x, alpha, 1.0)
    return (alpha * e) * left + right


rule(elu, lambda g, x, alpha: g * _elu_slope(x, alpha))
shown(elu, out="x if x > 0 else alpha * (exp(x) - 1)", x="g if x > 0 else g * alpha * exp(x)")

# Klambauer et al. 2017: the fixed point of mean 0 and variance 1.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@primitive(masks="kink", elementwise=True, real=True)
def selu(x: ArrayLike, /) -> Tensor:
    """``scale · elu(x, alpha)`` with the self-normalising scale 1.0507… and alpha 1.6733…. Gradient at x = 0: scale, the smaller side."""
    return SELU_SCALE * np.maximum(x, 0) + (SELU_SCALE * SELU_ALPHA) * np.expm1(np.minimum(x, 0))


rule(selu, lambda g, x: (g * SELU_SCALE) * _elu_slope(x, SELU_ALPHA))


@primitive(masks="kink", elementwise=True, real=True)
def celu(x: ArrayLike, /, alpha: float = 1.0) -> Tensor:
    """``x`` for x > 0, else ``alpha · (e^(x/alpha) − 1)``. Gradient: 1 or ``e^(x/alpha)``; there is no kink.

    Raises:
        ValueError: ``alpha`` is 0.
    """
    if alpha == 0:
        raise ValueError("alpha = 0 divides by zero")
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0) / alpha)


rule(celu, lambda g, x, alpha: g * np.exp(np.minimum(x, 0) / alpha))


# ---------------------------------------------------------------- sigmoids


@primitive(elementwise=True)
def sigmoid(x: ArrayLike, /) -> Tensor:
    """``σ(x) = 1 / (1 + e^−x)``, with full relative accuracy and without overflow on both sides.

    Gradient: ``σ(x) σ(−x)``, accurate where ``σ(x)`` has long been rounded to 1.

    >>> sigmoid(np.array([-800.0, 0.0, 800.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    if is_complex(x):
        e, right = decay(x)
        return np.where(right, 1, e) / (1 + e)
    e = np.exp(-1.0 * np.abs(x))
    # The numerator is 1 for x ≥ 0 and e for x < 0; e never exceeds 1, so a maximum selects.
    return np.maximum(e, np.greater_equal(x, 0)) / (1 + e)


@primitive(name="sigmoid_slope", elementwise=True)
def _sigmoid_slope(x: ArrayLike, /) -> Tensor:
    """``σ'(x) = σ(x) σ(−x) = e^−|x| / (1 + e^−|x|)²``; ``sech²(x) = 4 σ'(2x)``. Gradient: ``−σ'(x) tanh(x/2)``."""
    e = decay(x)[0] if is_complex(x) else np.exp(-1.0 * np.abs(x))
    return e / np.square(1 + e)


_sigma = on_arrays(sigmoid)
sigmoid_slope = on_arrays(_sigmoid_slope)

rule(sigmoid, lambda g, x: g * sigmoid_slope(x))
shown(sigmoid, out="1 / (1 + exp(-x))")
# σ'' = σ' (1 − 2σ), and 1 − 2σ(x) = −tanh(x/2) without cancellation.
rule(_sigmoid_slope, lambda g, x, out: -(g * out * np.tanh(x / 2)))


@primitive(elementwise=True)
def log_sigmoid(x: ArrayLike, /) -> Tensor:
    """``log σ(x) = min(x, 0) − log(1 + e^−|x|)``; −log(1 + e^−x) for complex x. Gradient: ``σ(−x)``."""
    if is_complex(x):
        return -complexes.softplus(-x)
    return np.minimum(x, 0) - np.log1p(np.exp(-1.0 * np.abs(x)))


rule(log_sigmoid, lambda g, x: g * _sigma(-x))


@primitive(elementwise=True)
def softplus(x: ArrayLike, /, beta: float = 1.0, threshold: float | None = None) -> Tensor:
    """``log(1 + e^(beta·x)) / beta``, accurate at both ends. Gradient: ``σ(beta·x)``.

    Args:
        x: any shape.
        beta: sharpness.
        threshold: where ``beta·x`` is above it, the identity is used instead (gradient 1), as PyTorch does from 20.
            By default nowhere: the function needs no such help to be stable.

    Raises:
        ValueError: ``beta`` is 0.
    """
    if beta == 0:
        raise ValueError("beta = 0 divides by zero")
    u = x if beta == 1 else x * beta
    y = complexes.softplus(u) if is_complex(u) else np.maximum(u, 0) + np.log1p(np.exp(-1.0 * np.abs(u)))
    if beta != 1:
        y = y / beta
    return y if threshold is None else np.where(np.real(u) > threshold, x, y)


def _softplus_rule(g: Array, x: Array, beta: float, threshold: float | None) -> Array:
    u = x if beta == 1 else x * beta
    pulled = g * _sigma(u)
    return pulled if threshold is None else np.where(np.real(u) > threshold, g, pulled)


rule(softplus, _softplus_rule)
shown(softplus, out="log(1 + exp(beta * x)) / beta", x="g * sigmoid(beta * x)")
_softplus = on_arrays(softplus)


@primitive(elementwise=True)
def silu(x: ArrayLike, /) -> Tensor:
    """``x σ(x)``, also called swish; 0 at −inf. Gradient: ``σ(x) + x σ'(x)``."""
    return _above(x) * _sigma(x)


rule(silu, lambda g, x: g * (_sigma(x) + _far(x) * sigmoid_slope(x)))
swish = silu


@primitive(elementwise=True)
def mish(x: ArrayLike, /) -> Tensor:
    """``x tanh(softplus(x))``; 0 at −inf. Gradient: ``tanh(s) + x sech²(s) σ(x)`` with ``s = softplus(x)``."""
    return _above(x) * np.tanh(_softplus(x))


def _mish_rule(g: Array, x: Array) -> Array:
    s = _softplus(x)
    return g * (np.tanh(s) + _far(x) * (4 * sigmoid_slope(2 * s)) * _sigma(x))


rule(mish, _mish_rule)

# tanh(x) = x + x·w·R(w) for |x| < 0.55, w = x²: Cody and Waite, Software Manual for the Elementary Functions (1980), ch. 13.
_TANH_P = (-0.96437492777225469787e0, -0.99225929672236083313e2, -0.16134119023996228053e4)
_TANH_Q = (1.0, 0.11274474380534949335e3, 0.22337720718962312926e4, 0.48402357071988688686e4)


def _complex_tanhshrink(x: Array) -> Array:
    """Near 0 by the continued fraction tanh(x) = x / (1 + w/(3 + w/(5 + …))), w = x²: with c = w/(3 + …), x − x/(1 + c) = x c/(1 + c)."""
    near = np.abs(x) < 0.55
    v = np.where(near, x, 0)
    w = v * v
    c = w / 21
    for k in range(19, 1, -2):
        c = w / (k + c)
    return np.where(near, v * (c / (1 + c)), x - np.tanh(x))


@primitive(elementwise=True)
def tanhshrink(x: ArrayLike, /) -> Tensor:
    """``x − tanh(x)``, without cancellation near 0, where it is x³/3. Gradient: ``tanh(x)²``."""
    if is_complex(x):
        return _complex_tanhshrink(x)
    near = np.minimum(np.maximum(x, -0.55), 0.55)
    w = np.square(near)
    p = (_TANH_P[0] * w + _TANH_P[1]) * w + _TANH_P[2]
    q = ((w + _TANH_Q[1]) * w + _TANH_Q[2]) * w + _TANH_Q[3]
    return np.where(np.abs(x) < 0.55, -(near * w) * (p / q), x - np.tanh(1.0 * x))


rule(tanhshrink, lambda g, x: g * np.square(np.tanh(x)))


@primitive(elementwise=True, real=True)
def softsign(x: ArrayLike, /) -> Tensor:
    """``x / (1 + |x|)``; ±1 at ±inf. Gradient: ``1 / (1 + |x|)²``."""
    r = 1 / (1.0 + np.abs(x))
    return np.where(np.abs(x) < 1, np.minimum(np.maximum(x, -1.0), 1.0) * r, np.copysign(1 - r, x))


rule(softsign, lambda g, x: g * np.square(1 / (1 + np.abs(x))))


@primitive(masks="kink", real=True)
def hard_sigmoid(x: ArrayLike, /) -> Tensor:
    """``min(max(x + 3, 0), 6) / 6``. Gradient: 1/6 for −3 < x < 3, else 0; 0 at both kinks."""
    return np.minimum(np.maximum(x + 3.0, 0), 6) / 6


rule(hard_sigmoid, lambda g, x: keep(np.abs(x) < 3, g) / 6)


@primitive(masks="kink", elementwise=True, real=True)
def hard_swish(x: ArrayLike, /) -> Tensor:
    """``x · hard_sigmoid(x)``; 0 at −inf. Gradient: ``x/3 + 1/2`` for −3 < x < 3, 0 below, 1 above; 0 at −3 and 1 at 3, the smaller sides."""
    return np.maximum(x, -3.0) * (np.minimum(np.maximum(x + 3.0, 0), 6) / 6)


rule(hard_swish, lambda g, x: zmul((np.minimum(np.maximum(x, -3), 3) / 3 + 0.5) * (np.abs(x) < 3) + (x >= 3), g))


# ---------------------------------------------------------------- Gaussian error linear unit

_TANH_GELU = math.sqrt(8 / math.pi)
_DENSITY = 1 / math.sqrt(2 * math.pi)


def _cubic(x: Array) -> tuple[Any, Any, Any]:
    """x within ±40 (where the tanh form has long saturated), u = √(8/π) (x + 0.044715 x³), and du/dx."""
    x = x if is_complex(x) else np.minimum(np.maximum(x, -40.0), 40.0)
    square = x * x
    return x, _TANH_GELU * (x + 0.044715 * (square * x)), _TANH_GELU * (1 + (3 * 0.044715) * square)


@primitive(multi=True, shown=1, elementwise=True)
def gelu(x: ArrayLike, /, approximate: str = "none") -> Tensor:
    """``x Φ(x)`` with Φ the normal distribution function; 0 at −inf. Gradient: ``Φ(x) + x φ(x)``.

    Args:
        x: any shape.
        approximate: ``"none"`` for the exact function, accurate in the tails too; ``"tanh"`` for
            ``x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))``.

    Raises:
        ValueError: another ``approximate``.
    """
    if approximate == "none":
        gate = normal_cdf(x)
    elif approximate == "tanh":
        # (1 + tanh u) / 2 = σ(2u), which does not cancel for negative u.
        gate = _sigma(_cubic(x)[1])
    else:
        raise ValueError(f"approximate is 'none' or 'tanh', not {approximate!r}")
    return _above(x) * gate, gate


def _gelu_rule(g: Any, x: Array, out: Any, approximate: str) -> Any:
    g, g_gate = g
    if approximate == "none":
        bounded, slope = _far(x), _DENSITY * gauss(x, 0.5)
    else:
        bounded, u, inner = _cubic(x)
        slope = inner * sigmoid_slope(u)
    d = 0.0 if g is None else g * (out[1] + bounded * slope)
    return d if g_gate is None else d + g_gate * slope


rule(gelu, _gelu_rule)
shown(gelu, out="x * normal_cdf(x)", x="g * (normal_cdf(x) + x * normal_density(x))")


# ---------------------------------------------------------------- over an axis


@lru_cache(maxsize=32)
def _lowest(dtype: DTypeLike | None) -> Any:
    """The most negative finite number of a floating dtype."""
    return np.finfo(dtype).min


def _sum(e: Any, axis: Any) -> Array:
    """Σe along the axis, at least 1: a row holds an exp(0) = 1, but for a row of −inf, whose softmax becomes 0 by this."""
    total = np.add.reduce(wide(e), axis=axis, keepdims=True)
    if e.dtype.kind == "c":
        return total + np.equal(np.add.reduce(np.abs(e), axis=axis, keepdims=True), 0)
    return np.maximum(total, 1)


def _shifted(x: Array, axis: Any) -> Array:
    """x minus its maximum along the axis (of complex numbers that of the real parts), −inf in a row of −inf."""
    if not hasattr(x, "dtype"):
        x = np.asarray(x)
    if x.dtype.kind == "c":
        top = np.real(x)  # it decides how large an exponential is
        return x - np.maximum.reduce(top, axis=axis, keepdims=True, initial=_lowest(top.dtype))
    if x.dtype.kind != "f":
        x = np.multiply(x, 1.0)
    return x - np.maximum.reduce(x, axis=axis, keepdims=True, initial=_lowest(x.dtype))


@primitive()
def softmax(x: ArrayLike, /, axis: int | tuple[int, ...] | None = -1) -> Tensor:
    """``e^x / Σ e^x`` along ``axis`` (an int, a tuple, or None for all axes), for any magnitude of x.

    −inf gives 0; a row of −inf gives a row of 0, the gradient of logsumexp there. Gradient: ``s · (g − Σ g s)``.

    >>> softmax(np.array([0.0, -np.inf, 0.0])).tolist()
    [0.5, 0.0, 0.5]
    """
    z = _shifted(x, axis)
    e = np.exp(z)
    s = e / _sum(e, axis)
    return s if s.dtype is e.dtype else s.astype(e.dtype)


# A class with more than this part of the mass: at most one of a row, and 1 − p loses at most two bits below it.
MOST = 0.75


def balanced(d: Any, e: Any, total: Array, axis: Any) -> Any:
    """A gradient d with respect to logits whose softmax is e / total, without the cancellation at a class of nearly all the mass.

    The components sum to 0, for softmax does not change with a constant added to its argument: so the one that cancels is
    minus the sum of the others. (Of complex numbers several may be large, and none need cancel.)
    """
    if e.dtype.kind == "c":
        return d
    most = np.greater(e, MOST * total)
    others = keep(np.logical_not(most), d)
    return np.where(most, -np.sum(others, axis=axis, keepdims=True), others)


def _softmax_rule(g: Array, out: Array, axis: Any) -> Array:
    # s · (g − Σ g s) with g less its element at a class of nearly all the mass, where g − Σ g s would cancel.
    most = np.greater(out, MOST)
    g = g - np.sum(keep(most, g), axis=axis, keepdims=True)
    t = g * out
    return t - out * np.sum(wide(t), axis=axis, keepdims=True)


rule(softmax, _softmax_rule)
_softmax = on_arrays(softmax)
# Of the elements themselves: the result of logsumexp has lost the digits that distinguish neighbours of 1e8.
rule(logsumexp, lambda g, x, axis, keepdims: zmul(expand(g, len(x.shape), axis, keepdims), _softmax(wide(x), axis)))


def log_total(z: Array, e: Any, axis: Any) -> Array:
    """log Σe of e = exp(z), whose largest z is 0: log1p of the others' sum, however small that is. 0 where all z are −inf."""
    if z.dtype.kind == "c":
        return np.log(_sum(e, axis))
    below = np.less(z, 0)
    rest = np.add.reduce(np.multiply(e, below), axis=axis, keepdims=True)
    largest = np.add.reduce(np.logical_not(below), axis=axis, keepdims=True, dtype=e.dtype)
    return np.log1p(rest + np.maximum(largest - 1, 0))


@primitive()
def log_softmax(x: ArrayLike, /, axis: int | tuple[int, ...] | None = -1) -> Tensor:
    """``x − log Σ e^x`` along ``axis``, for any magnitude of x; the principal logarithm of a complex sum. −inf gives −inf.

    Gradient: ``g − softmax(x) · Σ g``. The logarithm of a probability near 1 is that of the others' sum (``log1p``), and the
    gradient's element there likewise.
    """
    z = _shifted(x, axis)
    s = z - log_total(z, wide(np.exp(z)), axis)
    return s if s.dtype is z.dtype else s.astype(z.dtype)


def _log_softmax_rule(g: Array, out: Array, axis: Any) -> Any:
    p = np.exp(out)
    return balanced(g - p * np.sum(wide(g), axis=axis, keepdims=True), p, 1, axis)


rule(log_softmax, _log_softmax_rule)


@composition()
def softmin(x: ArrayLike, /, axis: int | tuple[int, ...] | None = -1) -> Tensor:
    """``softmax(−x)`` along ``axis``."""
    return softmax(np.multiply(x, -1.0), axis)


@primitive()
def glu(x: ArrayLike, /, axis: int = -1) -> Tensor:
    """``a σ(b)`` with a and b the two halves of x along ``axis``. Gradients: ``σ(b)`` and ``a σ'(b)``.

    Raises:
        ValueError: the axis has odd length.
    """
    shape = np.shape(x)
    if not shape or shape[axis] % 2:
        raise ValueError(f"glu halves axis {axis}, whose length must be even; x has shape {shape}")
    a, b = np.split(x, 2, axis)
    return a * _sigma(b)


def _glu_rule(g: Array, x: Array, axis: int) -> Array:
    a, b = np.split(x, 2, axis)
    return np.concatenate([g * _sigma(b), g * (a * sigmoid_slope(b))], axis)


rule(glu, _glu_rule)
