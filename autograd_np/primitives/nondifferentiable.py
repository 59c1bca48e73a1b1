"""Elementwise functions whose gradient is zero or has no meaning: they give Tensors that need none.

They are piecewise constant (rounding, comparisons, tests), which ``discrete`` says, or work on integers and booleans.
A Tensor that needs a gradient may be passed to any of them; the result is off the tape.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.registry import FUNCTIONS, UFUNCS, primitive
from ..engine.tensor import ArrayLike, Tensor

__all__ = [
    "allclose", "around", "array_equal", "array_equiv", "bitwise_and", "bitwise_count", "bitwise_invert", "bitwise_left_shift",
    "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "ceil", "equal", "fix", "floor", "floor_divide", "gcd",
    "greater", "greater_equal", "invert", "isclose", "iscomplex", "iscomplexobj", "isfinite", "isinf", "isnan", "isneginf",
    "isposinf", "isreal", "isrealobj", "lcm", "left_shift", "less", "less_equal", "logical_and", "logical_not", "logical_or",
    "logical_xor", "not_equal", "right_shift", "rint", "round", "signbit", "spacing", "trunc",
]  # fmt: skip


# ---------------------------------------------------------------- of one array


@primitive(np.floor, discrete="x")
def floor(x: ArrayLike, /) -> Tensor:
    """The largest integer <= x, elementwise, as a float."""


@primitive(np.ceil, discrete="x")
def ceil(x: ArrayLike, /) -> Tensor:
    """The smallest integer >= x, elementwise, as a float."""


@primitive(np.trunc, discrete="x")
def trunc(x: ArrayLike, /) -> Tensor:
    """x without its fractional part, elementwise, as a float."""


@primitive(np.rint, discrete="x")
def rint(x: ArrayLike, /) -> Tensor:
    """x rounded to the nearest integer (halves to even), elementwise, as a float."""


@primitive(np.signbit, discrete="x")
def signbit(x: ArrayLike, /) -> Tensor:
    """Whether the sign bit is set (x < 0, or x is -0.0), elementwise."""


@primitive(np.spacing, discrete="x")
def spacing(x: ArrayLike, /) -> Tensor:
    """The distance from x to the adjacent floating-point number, elementwise."""


@primitive(np.isfinite, discrete="x")
def isfinite(x: ArrayLike, /) -> Tensor:
    """Whether x is neither infinite nor NaN, elementwise."""


@primitive(np.isinf, discrete="x")
def isinf(x: ArrayLike, /) -> Tensor:
    """Whether x is infinite, elementwise."""


@primitive(np.isnan, discrete="x")
def isnan(x: ArrayLike, /) -> Tensor:
    """Whether x is NaN, elementwise."""


@primitive(np.logical_not, discrete="x")
def logical_not(x: ArrayLike, /) -> Tensor:
    """Whether x is zero (false), elementwise."""


@primitive(np.invert, discrete="x")
def invert(x: ArrayLike, /) -> Tensor:
    """The bits of an integer inverted (``~x``), or the negation of a boolean, elementwise."""


@primitive(np.bitwise_count, discrete="x")
def bitwise_count(x: ArrayLike, /) -> Tensor:
    """The number of one bits in |x| for integers, elementwise."""


@primitive(np.round, np.around, discrete="x")
def round(x: ArrayLike, /, decimals: int = 0, out: None = None) -> Tensor:
    """``x`` rounded to ``decimals`` places (halves to even), elementwise."""
    return np.round(x, decimals)


@primitive(np.fix, discrete="x")
def fix(x: ArrayLike, /, out: None = None) -> Tensor:
    """``x`` rounded to the nearest integer towards zero, elementwise, as a float."""
    return np.fix(x)


@primitive(np.isposinf, discrete="x")
def isposinf(x: ArrayLike, /, out: None = None) -> Tensor:
    """Whether x is +inf, elementwise."""
    return np.isposinf(x)


@primitive(np.isneginf, discrete="x")
def isneginf(x: ArrayLike, /, out: None = None) -> Tensor:
    """Whether x is -inf, elementwise."""
    return np.isneginf(x)


@primitive(np.isreal, discrete="x")
def isreal(x: ArrayLike, /) -> Tensor:
    """Whether the imaginary part is zero, elementwise."""
    return np.isreal(x)


@primitive(np.iscomplex, discrete="x")
def iscomplex(x: ArrayLike, /) -> Tensor:
    """Whether the imaginary part is not zero, elementwise."""
    return np.iscomplex(x)


# ---------------------------------------------------------------- of two arrays


@primitive(np.floor_divide, discrete="x y")
def floor_divide(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``floor(x / y)``, elementwise."""


@primitive(np.equal, discrete="x y")
def equal(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x == y``, elementwise."""


@primitive(np.not_equal, discrete="x y")
def not_equal(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x != y``, elementwise."""


@primitive(np.less, discrete="x y")
def less(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x < y``, elementwise."""


@primitive(np.less_equal, discrete="x y")
def less_equal(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x <= y``, elementwise."""


@primitive(np.greater, discrete="x y")
def greater(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x > y``, elementwise."""


@primitive(np.greater_equal, discrete="x y")
def greater_equal(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x >= y``, elementwise."""


@primitive(np.logical_and, discrete="x y")
def logical_and(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Whether both are nonzero, elementwise."""


@primitive(np.logical_or, discrete="x y")
def logical_or(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Whether one of them is nonzero, elementwise."""


@primitive(np.logical_xor, discrete="x y")
def logical_xor(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Whether exactly one of them is nonzero, elementwise."""


@primitive(np.bitwise_and, discrete="x y")
def bitwise_and(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x & y`` of integers or booleans, elementwise."""


@primitive(np.bitwise_or, discrete="x y")
def bitwise_or(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x | y`` of integers or booleans, elementwise."""


@primitive(np.bitwise_xor, discrete="x y")
def bitwise_xor(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x ^ y`` of integers or booleans, elementwise."""


@primitive(np.left_shift, discrete="x y")
def left_shift(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x << y`` of integers, elementwise."""


@primitive(np.right_shift, discrete="x y")
def right_shift(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """``x >> y`` of integers, elementwise."""


@primitive(np.gcd, discrete="x y")
def gcd(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The greatest common divisor of |x| and |y|, elementwise, for integers."""


@primitive(np.lcm, discrete="x y")
def lcm(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The least common multiple of |x| and |y|, elementwise, for integers."""


@primitive(np.isclose, discrete="x y rtol atol")
def isclose(x: ArrayLike, y: ArrayLike, /, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """``|x - y| <= atol + rtol · |y|``, elementwise."""
    return np.isclose(x, y, rtol, atol, equal_nan)


# ---------------------------------------------------------------- answers about whole arrays: Python's True or False


def _array(x: ArrayLike) -> Any:
    return x._values if isinstance(x, Tensor) else x


def allclose(x: ArrayLike, y: ArrayLike, /, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether ``|x - y| <= atol + rtol · |y|`` everywhere: a Python bool."""
    return np.allclose(_array(x), _array(y), rtol, atol, equal_nan)


def array_equal(x: ArrayLike, y: ArrayLike, /, equal_nan: bool = False) -> bool:
    """Whether shapes and all elements are equal: a Python bool."""
    return np.array_equal(_array(x), _array(y), equal_nan)


def array_equiv(x: ArrayLike, y: ArrayLike, /) -> bool:
    """Whether all elements are equal after broadcasting: a Python bool."""
    return np.array_equiv(_array(x), _array(y))


def iscomplexobj(x: ArrayLike, /) -> bool:
    """Whether the dtype is complex: a Python bool."""
    return np.iscomplexobj(_array(x))


def isrealobj(x: ArrayLike, /) -> bool:
    """Whether the dtype is not complex: a Python bool."""
    return np.isrealobj(_array(x))


def _isnat(x: ArrayLike, /) -> Tensor:
    """Refused: it is about dates."""
    raise TypeError("np.isnat tests dates for not-a-time, and a Tensor holds numbers; np.isnan tests for NaN")


def _real_if_close(x: ArrayLike, /, tol: float = 100) -> Tensor:
    """Refused: the dtype of its result depends on the values."""
    raise TypeError(
        "np.real_if_close on a Tensor: the dtype of its result, and so the gradient, would depend on the values; use np.real(t)"
    )


_answers: dict[Any, Any] = {
    np.allclose: allclose,
    np.array_equal: array_equal,
    np.array_equiv: array_equiv,
    np.iscomplexobj: iscomplexobj,
    np.isrealobj: isrealobj,
    np.real_if_close: _real_if_close,
}
FUNCTIONS.update(_answers)
UFUNCS[np.isnat] = _isnat

# Other names that NumPy and the array API have for the same functions.
around = round
bitwise_invert = bitwise_not = invert
bitwise_left_shift, bitwise_right_shift = left_shift, right_shift
