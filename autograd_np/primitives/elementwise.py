"""Elementwise functions: arithmetic, powers, absolute value, complex parts, conversion.

Each rule is the derivative times the cotangent ``g``. Where the derivative can be infinite or NaN at a finite
argument the product is ``zmul`` or ``zdiv``, so that a zero cotangent stays zero; elsewhere it is plain.
Transcendental functions are in transcendental.py, choices between operands in selection.py, and functions
that are piecewise constant, or give no real numbers, in nondifferentiable.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.registry import UFUNCS, on_arrays, primitive, primitive_of, rule, same, shown
from ..engine.tensor import Array, ArrayLike, DTypeLike, Tensor
from .kinks import at_kink, at_root
from .zeros import keep, zdiv, zmul

__all__ = [
    "abs",
    "absolute",
    "add",
    "angle",
    "astype",
    "cbrt",
    "conj",
    "conjugate",
    "copy",
    "copysign",
    "divide",
    "divmod",
    "fabs",
    "float_power",
    "fmod",
    "frexp",
    "hypot",
    "imag",
    "ldexp",
    "mod",
    "modf",
    "multiply",
    "negative",
    "nextafter",
    "positive",
    "pow",
    "power",
    "real",
    "reciprocal",
    "remainder",
    "sign",
    "sqrt",
    "square",
    "subtract",
    "true_divide",
]  # fmt: skip


def is_number(value: Any) -> bool:
    """Whether an operand is a Python number, whose value a rule may look at to choose a cheaper formula."""
    return value.__class__ is float or value.__class__ is int


def twice(value: Array) -> Array:
    """``2 · value``; a sum, because a Python number as an operand doubles the time of a small product."""
    return value + value


# ---------------------------------------------------------------- sums, products, quotients


@primitive(np.add, broadcasts=True)
def add(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x + y``, elementwise; shapes broadcast, dtypes promote as in NumPy. Gradients: 1 and 1."""


@primitive(np.subtract, broadcasts=True)
def subtract(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x - y``, elementwise; shapes broadcast, dtypes promote as in NumPy. Gradients: 1 and -1."""


@primitive(np.multiply, broadcasts=True)
def multiply(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x · y``, elementwise; shapes broadcast, dtypes promote as in NumPy. Gradients: y and x."""


@primitive(np.divide, broadcasts=True)
def divide(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x / y``, elementwise; integers give floats. Gradients: 1/y and -x/y².

    At y = 0 they are infinite or NaN, but a zero cotangent stays zero. No intermediate overflows or
    underflows: ``-(g · (x/y)) / y`` has full relative accuracy at 1e±200.

    >>> from autograd_np.transforms.grad import grad
    >>> float(grad(lambda y: 3e200 / y)(1e200))
    -3e-200
    """


@primitive(np.negative)
def negative(x: ArrayLike, /) -> Tensor:
    """``-x``, elementwise. Gradient: -1."""


@primitive(np.positive)
def positive(x: ArrayLike, /) -> Tensor:
    """``+x``, elementwise: a copy. Gradient: 1. Booleans raise ``TypeError`` as in NumPy."""


@primitive(np.reciprocal)
def reciprocal(x: ArrayLike, /) -> Tensor:
    """``1 / x``, elementwise; integers give integers, as in NumPy. Gradient: -1/x²; -inf at 0, 0 for a zero cotangent."""


@primitive(np.square)
def square(x: ArrayLike, /) -> Tensor:
    """``x²``, elementwise. Gradient: 2x."""


rule(add, same, same)
rule(subtract, same, lambda g: -g)
rule(multiply, lambda g, y: g * y, lambda g, x: g * x)
rule(
    divide,
    lambda g, y: g / y if is_number(y) and y else zdiv(g, y),
    lambda g, out, y: -zdiv(zmul(g, out), y),
)
rule(negative, lambda g: -g)
rule(positive, same)
# Twice zmul, not zmul of out²: in second order a plain out · out would make 0 · inf.
rule(reciprocal, lambda g, out: -zmul(zmul(g, out), out))
rule(square, lambda g, x: twice(g * x))


# ---------------------------------------------------------------- remainders


@primitive(np.remainder, broadcasts=True)
def remainder(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x - floor(x / y) · y``, with the sign of y, elementwise. Gradients: 1 and -floor(x / y).

    At the jumps (x a multiple of y) they are those of the piece that NumPy's value belongs to.
    """


@primitive(np.fmod, broadcasts=True)
def fmod(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x - trunc(x / y) · y``, with the sign of x, elementwise. Gradients: 1 and -trunc(x / y)."""


@primitive(np.divmod, multi=True, broadcasts=True)
def divmod(x: ArrayLike, y: ArrayLike, /) -> tuple[Tensor, Tensor]:
    """``(floor_divide(x, y), remainder(x, y))``. The quotient has gradient 0, the remainder 1 and -floor(x / y)."""


# (x - out) / y is the integer quotient up to rounding: exact after rint, where floor(x / y) may be one off.
rule(remainder, same, lambda g, x, y, out: zmul(g, np.rint((out - x) / y)))
rule(fmod, same, lambda g, x, y, out: zmul(g, np.rint((out - x) / y)))
rule(
    divmod,
    joint=lambda g, needs, out: (
        (keep(False, g[0]),) * 2 if g[1] is None else (g[1], -zmul(g[1], out[0]) if needs[1] else None)
    ),
)


# ---------------------------------------------------------------- powers and roots


def _raised(x: Any, y: Any) -> Any:
    # ndarray's ** squares in a quarter of np.power's time; for other exponents the two may differ (at -inf ** 0.5).
    return x**y if is_number(y) and y == 2 and not is_number(x) else np.power(x, y)


@primitive(np.power, broadcasts=True, override=_raised)
def power(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x ** y``, elementwise; dtypes and domain as in NumPy. Gradients: y·x^(y-1) and x^y·ln x.

    Kinks: ``x**0`` has gradient 0 with respect to x, also at x = 0. At x = 0 the gradient with respect to x
    is 0 for y > 1, 1 for y = 1, inf for 0 < y < 1; with respect to y it is 0 for y >= 0. A negative base with
    integer exponents has its ordinary gradient with respect to x; with respect to y, where the real function
    is defined at isolated points only, it is NaN (0 for a zero cotangent).

    >>> from autograd_np.transforms.grad import grad
    >>> float(grad(lambda x: x**3)(-2.0)), float(grad(lambda x: x**0)(0.0))
    (12.0, 0.0)
    """


@primitive(np.float_power, broadcasts=True)
def float_power(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x ** y`` in at least double precision, elementwise. Gradients and kinks as :func:`power`."""


@primitive(broadcasts=True, name="power_log", wrt="x y", discrete="p")
def _power_log(p: Any, x: ArrayLike, y: ArrayLike, k: int) -> Any:
    """``x^y · (ln x)^k``, given ``p = x^y``; its limit 0 where p = 0, and 0 at x = y = 0.

    This family is closed under differentiation, with p a mere shortcut (so not differentiated by itself).
    """
    logarithm = np.log(x)
    zero = np.logical_or(np.equal(p, 0), np.logical_and(np.equal(x, 0), np.equal(y, 0)))
    return np.where(zero, 0, np.multiply(p, logarithm if k == 1 else np.power(logarithm, k)))


power_log = on_arrays(_power_log)


def _power_x(g: Array, x: Array, y: Any) -> Array:
    if is_number(y):
        if y == 2:
            return twice(g * x)
        if y == 3:
            return zmul(g, 3 * np.square(x))
        if y == 1:
            return g
        if y == 0:
            return keep(False, g)
        if y == 0.5:
            root = np.sqrt(x)
            return at_root(zdiv(g, twice(root)), g, root)
        if y == -1:
            return -zdiv(zdiv(g, x), x)
        return zmul(g, y * np.power(x, y - 1))
    # zmul(y, ...) is y · x^(y-1) with the value 0 at y = 0 and the exact derivatives in x and y everywhere.
    return zmul(g, zmul(y, np.power(x, y - 1)))


def _power_y(g: Array, out: Array, x: Any, y: Array) -> Array:
    if is_number(x):
        if x > 0:
            return zmul(g, out) * math.log(x)
        x = np.full_like(y, x)  # np.log of a Python number would be a float64
    return zmul(g, power_log(out, x, y, 1))


def _power_log_x(h: Array, x: Array, y: Array, k: int) -> Array:
    p = np.power(x, y - 1)
    rest = p if k == 1 else k * power_log(p, x, y - 1, k - 1)
    return zmul(h, zmul(y, power_log(p, x, y - 1, k)) + rest)


def _wide(x: Array) -> Array:
    """At least double precision, for the rules of float_power."""
    return x.astype(np.result_type(x.dtype, float)) if hasattr(x, "dtype") else x


rule(power, _power_x, _power_y)
rule(
    float_power,
    lambda g, x, y: _power_x(g, _wide(x), _wide(y)),
    lambda g, out, x, y: _power_y(g, out, _wide(x), _wide(y)),
)
rule(_power_log, x=_power_log_x, y=lambda h, p, x, y, k: zmul(h, power_log(p, x, y, k + 1)))


@primitive(np.sqrt)
def sqrt(x: ArrayLike, /) -> Tensor:
    """``√x``, elementwise. Gradient: 1 / (2√x); inf at 0, and 0 for a zero cotangent.

    >>> from autograd_np.transforms.grad import grad
    >>> float(grad(sqrt)(4.0)), float(grad(sqrt)(0.0))
    (0.25, inf)
    """


@primitive(np.cbrt)
def cbrt(x: ArrayLike, /) -> Tensor:
    """The real cube root, elementwise. Gradient: 1 / (3·out²); inf at 0, and 0 for a zero cotangent."""


@primitive(np.hypot, broadcasts=True)
def hypot(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``√(x² + y²)`` without overflow, elementwise. Gradients: x/out and y/out; 0 at the origin."""


@primitive(broadcasts=True, name="cosine", real=True)
def _cosine(x: ArrayLike, y: ArrayLike) -> Any:
    """``x / r`` with ``r = √(x² + y²)``; 0 at the origin. Gradients: (y/r)²/r and −(x/r)(y/r)/r, so that no order cancels."""
    return zdiv(x, np.hypot(x, y))


cosine = on_arrays(_cosine)
rule(
    _cosine,
    lambda h, x, y: zdiv(h * cosine(y, x) * cosine(y, x), np.hypot(x, y)),
    lambda h, x, y: -zdiv(h * cosine(x, y) * cosine(y, x), np.hypot(x, y)),
)
rule(sqrt, lambda g, out: at_root(zdiv(g, twice(out)), g, out))
rule(cbrt, lambda g, out: zdiv(g, 3 * (out * out)))
rule(
    hypot,
    lambda g, out, x, y: zmul(cosine(at_kink(x, g, out, "hypot"), y), g),
    lambda g, out, x, y: zmul(cosine(at_kink(y, g, out, "hypot"), x), g),
)


# ---------------------------------------------------------------- absolute value and sign


@primitive(np.absolute)
def absolute(x: ArrayLike, /) -> Tensor:
    """``|x|``, elementwise; real for complex x. Gradient: sign(x); for complex x, conj(x)/|x|. 0 at 0."""


@primitive(np.fabs)
def fabs(x: ArrayLike, /) -> Tensor:
    """``|x|`` as a float, elementwise; no complex numbers. Gradient: sign(x), 0 at 0."""


@primitive(np.sign, name="sign", discrete="x")
def _real_sign(x: ArrayLike, /) -> Tensor:
    """-1, 0 or 1. Piecewise constant: the result needs no gradient."""


@primitive(name="complex_sign")
def _complex_sign(x: ArrayLike, /) -> Tensor:
    """``x / |x|``, 0 at 0."""
    return np.sign(x)


def sign(x: ArrayLike, /) -> Tensor:
    """-1, 0 or 1, elementwise; for complex x, x/|x|.

    For real x it is piecewise constant: the result needs no gradient. For complex x the gradient is that
    of x/|x|, and 0 at 0.
    """
    return _complex_sign(x) if hasattr(x, "dtype") and x.dtype.kind == "c" else _real_sign(x)


sign.__primitive__ = primitive_of(np.sign)  # type: ignore[attr-defined]
UFUNCS[np.sign] = sign


@primitive(np.copysign, wrt="x", discrete="y", broadcasts=True)
def copysign(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``|x|`` with the sign of y, elementwise. Gradient with respect to x: ±1 (0 at x = 0); y has none."""


@primitive(np.nextafter, wrt="x", discrete="y", broadcasts=True)
def nextafter(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The floating-point number next to x in the direction of y, elementwise. Gradient with respect to x: 1; y has none."""


rule(nextafter, x=same)


def _signed(g: Array, x: Array) -> Array:
    """``g · sign(x)``, 0 at x = 0 also for an infinite g (that of √|x|)."""
    signed = keep(np.not_equal(x, 0), g * np.sign(x))
    marked = at_kink(x, g, x, "abs")
    return signed if marked is x else signed + keep(False, marked)


def _absolute(g: Array, x: Array) -> Any:
    if x.dtype.kind != "c":
        return _signed(g, x)
    r = np.absolute(x)
    return zmul(zdiv(np.conjugate(at_kink(x, g, r, "abs")), r), g)


rule(absolute, _absolute)
rule(fabs, _signed)
# s = x/|x|: ds = (dx - s · Re(conj(s) dx)) / |x|.
rule(
    _complex_sign,
    lambda g, x, out: keep(np.not_equal(x, 0), zdiv(g - np.real(g * out) * np.conjugate(out), np.absolute(x))),
)
rule(copysign, lambda g, x, y: _signed(g, x) * (math.copysign(1.0, y) if is_number(y) else np.copysign(1.0, y)))


# ---------------------------------------------------------------- complex parts


@primitive(np.conjugate)
def conjugate(x: ArrayLike, /) -> Tensor:
    """The complex conjugate, elementwise; x itself for real x. Gradient: conj(g)."""


@primitive(np.real, view=True)
def real(x: ArrayLike, /) -> Tensor:
    """The real part, elementwise; x itself for real x. Gradient: g (with imaginary part 0)."""
    return np.real(x)


@primitive(np.imag, view=True)
def imag(x: ArrayLike, /) -> Tensor:
    """The imaginary part, elementwise; zeros for real x. Gradient: -i·g (convention dL/dRe - i·dL/dIm); 0 for real x."""
    return np.imag(x)


@primitive(np.angle)
def angle(x: ArrayLike, /, deg: bool = False) -> Tensor:
    """The argument of a complex number in (-π, π], elementwise; in degrees if ``deg``.

    Gradient: -i·g/x, and 0 at x = 0. For real x the function is piecewise constant: gradient 0.
    """
    return np.angle(x, deg)


def _angle(g: Array, x: Array, deg: bool) -> Array:
    if x.dtype.kind != "c":
        return keep(False, g)
    r = np.absolute(x)
    return g * (zdiv(zdiv(np.conjugate(x), r), r) * (-180j / math.pi if deg else -1j))


rule(conjugate, lambda g: np.conjugate(g))
rule(real, same)
rule(imag, lambda g, x_dtype: g * -1j if x_dtype.kind == "c" else keep(False, g))
rule(angle, _angle)


# ---------------------------------------------------------------- parts of a floating-point number


@primitive(np.modf, multi=True)
def modf(x: ArrayLike, /) -> tuple[Tensor, Tensor]:
    """The fractional and the integral part, elementwise, both with the sign of x. Gradients: 1 and 0."""


@primitive(np.frexp, multi=True)
def frexp(x: ArrayLike, /) -> tuple[Tensor, Tensor]:
    """Mantissa m in ±[0.5, 1) and integer exponent e with x = m·2^e, elementwise. Gradient of m: 2^(-e)."""


@primitive(np.ldexp, wrt="x", broadcasts=True)
def ldexp(x: ArrayLike, exponent: ArrayLike, /) -> Tensor:
    """``x · 2^exponent`` for integer exponents, elementwise. Gradient with respect to x: 2^exponent."""


rule(modf, joint=lambda g: (keep(False, g[1]) if g[0] is None else g[0],))
rule(frexp, joint=lambda g, out: (np.ldexp(g[0], -out[1]),))
rule(ldexp, lambda g, exponent: np.ldexp(g, exponent))


# ---------------------------------------------------------------- copies and conversion


@primitive(np.copy)
def copy(x: ArrayLike, /, order: str = "K") -> Tensor:
    """A copy with memory of its own. Gradient: 1."""
    return np.copy(x, order)


@primitive(np.astype, view=True)
def astype(
    x: ArrayLike,
    /,
    dtype: DTypeLike | None,
    order: str = "K",
    casting: str = "unsafe",
    subok: bool = True,
    copy: bool = True,
    *,
    device: str | None = None,
) -> Tensor:
    """The elements as ``dtype``; parameters as in ``ndarray.astype`` and ``np.astype``.

    Gradient: g, cast back to the dtype of x. A result of integers or booleans needs no gradient; from
    complex to real the imaginary part is dropped with NumPy's ``ComplexWarning``, and its gradient is 0.

    >>> astype(Tensor([1.5, 2.5]), np.float32).dtype
    dtype('float32')
    """
    if device not in (None, "cpu"):
        raise ValueError(f"astype: device {device!r} is not there; NumPy's arrays live on 'cpu'")
    given: Any = x if hasattr(x, "astype") else np.asarray(x)
    if order == "K" and casting == "unsafe" and subok:
        return given.astype(dtype, copy=copy)
    return given.astype(dtype, order=order, casting=casting, subok=subok, copy=copy)


rule(copy, same)
rule(astype, same)
shown(astype, out="x")

# Other names that NumPy and the array API have for the same functions.
abs = absolute
conj = conjugate
mod = remainder
pow = power
true_divide = divide
