"""Samples of the elementwise functions, and of the helpers in zeros.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import Sample, away, case, normal, positive, samples, uniform

__all__: list[str] = []

INF = math.inf
NAN = math.nan


def _complex(*shape: int) -> Any:
    return normal(*shape) + 1j * normal(*shape)


def _unary(low: float, high: float) -> list[Sample]:
    """The shapes of a function of one array, with values in a range where it is smooth."""
    return [
        case(uniform(low, high, 3, 3)),
        case(uniform(low, high), label="0-d"),
        case(uniform(low, high, 1), label="one element"),
        case(uniform(low, high, 0, 3), label="empty", order=1),
        case(uniform(low, high, 2, 1, 3), label="size-1 axis"),
    ]


def _binary(make: Any, other: Any = None) -> list[Sample]:
    """Every side of broadcasting, with two makers of operands."""
    other = other or make
    shapes = [
        ((3, 3), (3, 3), ""),
        ((3, 4), (4,), "right broadcast"),
        ((4,), (3, 4), "left broadcast"),
        ((3, 1), (1, 4), "both broadcast"),
        ((3, 1), (3, 4), "left size-1 axis"),
        ((2, 3, 4), (3, 1), "axis added and stretched"),
        ((), (3,), "0-d left"),
        ((3,), (), "0-d right"),
        ((), (), "0-d"),
        ((1,), (1, 1), "one element"),
        ((0, 3), (3,), "empty"),
        ((0, 3), (1, 1), "empty, size-1"),
    ]
    return [
        case(np.asarray(make(*a)), np.asarray(other(*b)), label=label, order=1 if 0 in a else 2)
        for a, b, label in shapes
    ]


def _kink(*args: Any, expected: tuple[Any, ...], label: str, float32: bool = True, **kwargs: Any) -> Sample:
    arrays = tuple(np.asarray(a, float) if isinstance(a, list) else a for a in args)
    return case(*arrays, expected=expected, order=1, label=label, float32=float32, **kwargs)


# ---------------------------------------------------------------- zeros.py

samples("zmul", *_binary(positive, normal), case(np.zeros(3), normal(3), label="zeros", order=1), oracle=np.multiply)
samples("zdiv", *_binary(positive, positive), case(np.zeros(3), positive(3), label="zeros", order=1), oracle=np.divide)
MASK = np.array([[True, False, True], [False, True, True], [True, False, False]])
samples(
    "keep", case(MASK, normal(3, 3)), case(MASK[0], normal(3, 1), label="broadcast"),
    case(np.array(True), normal(), label="0-d"), oracle=lambda mask, g: g * mask,
)  # fmt: skip


# ---------------------------------------------------------------- arithmetic

for _name in ("add", "subtract", "multiply"):
    samples(
        _name, *_binary(normal), case(_complex(3, 3), normal(3), label="complex and real"),
        case(normal(3), 2.5, label="Python number"), case(2, normal(3), label="Python integer left"),
        case(np.arange(6.0).reshape(2, 3), np.arange(3), label="zeros, integer array"),
    )  # fmt: skip
samples("divide", *_binary(normal, positive), case(normal(3), 4, label="Python integer"),
    case(2.0, positive(3), label="Python number left"),
        case(_complex(3, 3), _complex(3) + 3, label="complex"),
        _kink([1e200, 3e-200, 1.0], [1e200, 2e-200, 1e-150], expected=([1e-200, 5e199, 1e150], [-1e-200, -7.5e199,
        -1e300]),
              label="extreme magnitudes", float32=False),
        _kink([1.0, 0.0], [0.0, 0.0], expected=([INF, INF], [-INF, NAN]), label="division by zero"))  # fmt: skip
for _name in ("negative", "positive", "square"):
    samples(_name, *_unary(-2, 2), case(_complex(3), label="complex"), case(np.zeros(2), label="zeros"))
samples(
    "reciprocal", *_unary(0.5, 2), case(-positive(3), label="negative"), case(_complex(3) + 3, label="complex"),
    _kink([0.0, 1e-150, 1e150], expected=([-INF, -1e300, -1e-300],), label="zero and extremes", float32=False),
)  # fmt: skip


def _above(*shape: int) -> Any:
    """Dividends that keep away from multiples of the divisors of _below."""
    return uniform(3.3, 3.7, *shape) * np.where(normal(*shape) > 0, 1, -1)


def _below(*shape: int) -> Any:
    return uniform(0.95, 1.05, *shape)


for _name in ("remainder", "fmod"):
    samples(
        _name, *_binary(_above, _below), *_binary(_above, lambda *s: -_below(*s))[:1],
        case(_above(3), 1.0, label="Python number"), case(3.5, _below(3), label="Python number left"),
    )  # fmt: skip
samples("divmod", *_binary(_above, _below), *_binary(_above, lambda *s: -_below(*s))[:1])


# ---------------------------------------------------------------- powers

for _name in ("power", "float_power"):
    samples(
        _name,
        *_binary(positive, normal),
        *[
            case(away(4), number, label=f"Python exponent {number}", float32=_name == "power")
            for number in (0, 1, 2, 3, 4, -1, -2, 2.0, 3.0)
        ],
        *[
            case(positive(3), number, label=f"Python exponent {number}", float32=_name == "power")
            for number in (0.5, -0.5, 1.5, 2.5, -1.5)
        ],
        case(2, normal(3), label="Python base", float32=_name == "power"),
        case(0.5, normal(3), label="Python base below 1", float32=_name == "power"),
        case(away(4), np.array([2, 3, 0, 1]), label="negative base, integer exponents", float32=False),
        case(positive(3), np.zeros(3), label="exponent zero: smooth for x > 0"),
        _kink([0.0, -2.0], [0.0, 0.0], expected=([0, 0], [0, NAN]), label="x**0"),
        _kink([0.0, 0.0, 0.0, 0.0], [2.0, 1.0, 0.5, 3.0], expected=([0, 1, INF, 0], [0, 0, 0, 0]), label="0**y"),
        _kink([0.0], 2, expected=([0],), label="0**2"),
        _kink([0.0], 0, expected=([0],), label="0**0"),
        _kink([0.0], 0.5, expected=([INF],), label="0**0.5"),
        _kink(0, [2.0, 1.0], expected=([0, 0],), label="Python 0 ** y"),
        _kink(
            [1e-200, 1e200, 1e100],
            [0.5, 0.5, 3.0],
            expected=([0.5e100, 0.5e-100, 3e200], None),
            label="extremes",
            float32=False,
        ),
    )
for _name in ("power", "float_power"):
    samples(
        _name,
        case(_complex(3), 3, label="complex, Python exponent", float32=_name == "power"),
        case(_complex(3) + 2, _complex(3), label="complex"),
    )
LN2, LN3 = math.log(2), math.log(3)
samples("power_log", case(np.array([4.0, 27.0]), np.array([2.0, 3.0]), np.array([2.0, 3.0]), 1, order=1,
             expected=([4 * LN2 + 2, 27 * LN3 + 9], [4 * LN2**2, 27 * LN3**2])),
        case(np.array([4.0, 27.0]), np.array([2.0, 3.0]), np.array([2.0, 3.0]), 2, order=1, label="squared",
             expected=([4 * LN2**2 + 4 * LN2, 27 * LN3**2 + 18 * LN3], [4 * LN2**3, 27 * LN3**3])),
        oracle=lambda p, x, y, k: x**y * np.log(x) ** k)  # fmt: skip
samples("at_kink", case(np.array([0.5, -2.0]), np.array([False, False]), "a norm"), oracle=lambda x, lost, text: x)
samples(
    "at_root",
    case(np.array([0.5, -2.0]), np.array([3.0, 1.0]), np.array([False, False])),
    oracle=lambda d, root, lost: d,
)
samples("cosine", case(np.array([3.0, 0.5, 1e-3]), np.array([[4.0], [-2.0]])), oracle=lambda x, y: x / np.hypot(x, y))
samples(
    "one_minus_square",
    case(np.array([0.0, 0.3, -0.9, 2.0])),
    case(_complex(2), label="complex"),
    oracle=lambda x: 1 - x * x,
)
samples(
    "sqrt",
    *_unary(0.5, 2),
    case(_complex(3), label="complex"),
    _kink([0.0, 1e-200, 1e200], expected=([INF, 0.5e100, 0.5e-100],), label="zero and extremes", float32=False),
)
samples(
    "cbrt",
    *_unary(0.5, 2),
    case(-positive(3), label="negative"),
    _kink([0.0, 1e-300, -1e300], expected=([INF, 1e200 / 3, 1e-200 / 3],), label="zero and extremes", float32=False),
)
samples("hypot", *_binary(normal), case(normal(3), 2.0, label="Python number"),
    case(np.zeros(2), positive(2), label="one is zero"),
        _kink([0.0, 3e200, 3e-200], [0.0, 4e200, 4e-200], expected=([0, 0.6, 0.6], [0, 0.8, 0.8]),
        label="origin and extremes", float32=False))  # fmt: skip


# ---------------------------------------------------------------- absolute value, sign, complex parts

for _name in ("absolute", "fabs"):
    samples(
        _name,
        case(away(3, 3)),
        case(away(), label="0-d"),
        case(away(1), label="one element"),
        _kink([0.0, -0.0, -2.0], expected=([0, 0, -1],), label="zero"),
    )
samples(
    "absolute",
    case(_complex(3, 3), label="complex"),
    _kink(
        np.array([0j, 3e200 + 4e200j, 3e-200 - 4e-200j]),
        expected=([0, 0.6 - 0.8j, 0.6 + 0.8j],),
        label="complex zero and extremes",
        float32=False,
    ),
)
samples("sign", case(np.array([-2.0, 0.0, 3.0]), order=0), case(np.array(-1.5), order=0, label="0-d"))
samples(
    "complex_sign",
    case(_complex(3)),
    case(np.array(3 + 4j), label="0-d"),
    _kink(np.array([0j]), expected=([0],), label="zero"),
    oracle=np.sign,
)
samples(
    "nextafter",
    case(away(3, 2), away(2)),
    case(away(3), 9.0, label="Python number"),
    case(np.array(1.5), np.array(2.5), label="0-d"),
    case(np.array([1.5, -2.0]), np.array([1.5, -2.0]), order=0, label="ties"),
)
samples(
    "copysign", *[Sample(c.args, c.kwargs, c.label, c.order) for c in _binary(away, away)],
    case(away(3), -2.0, label="Python number"),
    _kink([0.0, -3.0, 3.0], np.array([1.0, 1.0, -0.0]), expected=([0, -1, -1],), label="zero"),
)  # fmt: skip
for _name in ("conjugate", "real", "imag", "angle"):
    samples(
        _name,
        case(_complex(3, 3), label="complex"),
        case(_complex(), label="complex 0-d"),
        case(_complex(0, 2), label="complex empty", order=1),
    )
samples("conjugate", case(normal(3, 3), label="real"), case(normal(), label="0-d"))
samples("real", case(normal(3), label="real"), case(normal(), label="0-d"))
samples("imag", case(normal(3), label="real"))
samples("angle", case(_complex(3), deg=True, label="degrees"), case(away(3), label="real"),
        _kink(np.array([0j, 1e200j, 1e-200 + 0j]), expected=([0, -1e-200, -1e200j],), label="zero and extremes",
        float32=False))  # fmt: skip


# ---------------------------------------------------------------- parts, copies, conversion

samples(
    "modf",
    case(np.array([[1.3, -2.6], [0.4, -0.7]])),
    case(np.array(2.25), label="0-d"),
    case(np.zeros((0, 2)), order=1, label="empty"),
)
samples(
    "frexp",
    case(np.array([[1.3, -2.6], [0.4, -0.7]])),
    case(np.array(3.0), label="0-d"),
    case(np.zeros((0, 2)), order=1, label="empty"),
)
samples(
    "ldexp",
    case(normal(3, 3), np.array([1, -2, 0])),
    case(normal(), 3, label="0-d"),
    case(normal(3), np.array([[1], [2]]), label="broadcast"),
)
samples(
    "copy",
    case(normal(3, 3)),
    case(normal(), label="0-d"),
    case(normal(3, 3), order="F", label="order"),
    case(np.zeros((0, 2)), order=1, label="empty"),
)
samples(
    "astype", case(normal(3, 3), float), case(normal(3, 3), complex, label="to complex"),
    case(normal(3, 3), float, copy=False, label="no copy"), case(normal(3), int, order=0, label="to integers"),
    case(normal(3), bool, order=0, label="to booleans"), case(normal(3), np.float32, order=0, label="to float32"),
    case(np.asarray(normal()), float, label="0-d"), oracle=lambda x, dtype, **kwargs: x.astype(dtype, **kwargs),
)  # fmt: skip


# ---------------------------------------------------------------- exponentials and logarithms

for _name in ("exp", "exp2", "expm1"):
    samples(_name, *_unary(-2, 2), case(np.array([-50.0, -300.0]), label="far left", float32=False))
for _name in ("log", "log2", "log10"):
    samples(_name, *_unary(0.5, 2), _kink([0.0], expected=([INF],), label="zero"), case(_complex(3), label="complex"))
samples(
    "log1p",
    *_unary(-0.5, 2),
    _kink([-1.0, 1e-200, 1e200], expected=([INF, 1, 1e-200],), label="-1 and extremes", float32=False),
)
for _name in ("exp", "exp2", "expm1", "log1p", "sinc"):
    samples(_name, case(_complex(3), label="complex"))
samples("log", _kink([1e-200, 1e200], expected=([1e200, 1e-200],), label="extremes", float32=False))
for _name in ("logaddexp", "logaddexp2"):
    samples(
        _name, *_binary(normal), case(normal(3), 0.5, label="Python number"),
        case(np.array([1.0, 2.0]), np.array([1.0, 2.0]), label="equal"),
        _kink([-INF, -INF, 0.0, 3.0], [-INF, 2.0, -INF, 3.0], expected=([0, 0, 1, 0.5], [0, 1, 0, 0.5]), label="-inf"),
    )  # fmt: skip
samples(
    "logaddexp",
    _kink(
        [600.0, -600.0],
        [0.0, 0.0],
        expected=([1, math.exp(-600)], [math.exp(-600), 1]),
        label="far apart",
        float32=False,
    ),
)
for _two in (False, True):
    samples("share", *[Sample((*c.args, _two), label=c.label, order=c.order) for c in _binary(normal)],
            oracle=lambda x, y, two=False: 1 / (1 + (2.0 if two else math.e) ** (y - x)))  # fmt: skip


# ---------------------------------------------------------------- trigonometric and hyperbolic functions

for _name in ("sin", "cos", "sinh", "cosh", "tanh", "arctan", "arcsinh"):
    samples(_name, *_unary(-2, 2), case(np.zeros(2), label="zeros"), case(0.3 * _complex(3), label="complex"))
samples("tan", *_unary(-1, 1), case(_complex(3), label="complex"))
samples(
    "tanh", _kink([30.0, -300.0], expected=([4 * math.exp(-60), 4 * math.exp(-600)],), label="saturated", float32=False)
)
for _name in ("arcsin", "arccos", "arctanh"):
    samples(_name, *_unary(-0.8, 0.8), case(_complex(3) + 0.5j, label="complex"))
samples("arcsin", _kink([1.0, -1.0], expected=([INF, INF],), label="ends"))
samples("arccos", _kink([1.0, -1.0], expected=([-INF, -INF],), label="ends"))
samples("arctanh", _kink([1.0, -1.0], expected=([INF, INF],), label="ends"))
samples(
    "arccosh",
    *_unary(1.5, 3),
    case(_complex(3) + 2, label="complex"),
    _kink([1.0, 1e200], expected=([INF, 1e-200],), label="end and extreme", float32=False),
)
samples("arcsinh", _kink([1e200, -1e200], expected=([1e-200, 1e-200],), label="extremes", float32=False))
samples("arctan2", *_binary(normal), case(positive(3), 1.0, label="Python number"),
    case(0.0, positive(3), label="Python zero left"),
        case(np.zeros(2), positive(2), label="ordinate zero"), case(positive(2), np.zeros(2), label="abscissa zero"),
        _kink([0.0, 1e200, 1e-200], [0.0, 1e200, 1e-200], expected=([0, 0.5e-200, 0.5e200], [0, -0.5e-200, -0.5e200]),
              label="origin and extremes", float32=False))  # fmt: skip
for _name in ("deg2rad", "rad2deg"):
    samples(_name, *_unary(-2, 2))
samples("over_cosh2", *_binary(normal), oracle=lambda g, x: g / np.cosh(x) ** 2)


# ---------------------------------------------------------------- sinc and i0


def _sinc_integral(x: Any, k: int) -> Any:
    """sinc(x) = ∫₀¹ cos(πxt) dt, differentiated k times under the integral."""
    nodes, weights = np.polynomial.legendre.leggauss(80)
    t = (nodes + 1) / 2
    return np.sum(weights / 2 * (math.pi * t) ** k * np.cos(math.pi * x[..., None] * t + k * math.pi / 2), axis=-1)


def _i0_series(x: Any, k: int) -> Any:
    """Σ (x/2)²ᵐ/m!², differentiated k times (4ᵐ·m!² is beyond float32)."""
    x = np.asarray(x, float)
    terms = [
        math.perm(2 * m, k) * x ** (2 * m - k) / (4.0**m * math.factorial(m) ** 2) for m in range((k + 1) // 2, 60)
    ]
    return np.asarray(sum(terms))


samples(
    "sinc",
    *_unary(-3, 3),
    case(np.array([0.0, 1.0, -1.0, 1e-3]), label="zero and integers"),
    _kink(
        [0.0, 1e-200, 1e-9],
        expected=([0, -1e-200 * math.pi**2 / 3, -1e-9 * math.pi**2 / 3],),
        label="near zero",
        float32=False,
    ),
)
for _k in range(4):
    samples(
        "sinc_derivative",
        case(uniform(-4, 4, 3, 5), _k, label=f"order {_k}"),
        case(np.array([1e-2, 0.3]), _k, label=f"order {_k} near zero"),
        oracle=_sinc_integral,
    )
    samples(
        "i0_derivative",
        case(uniform(-4, 4, 3, 2), _k, label=f"order {_k}"),
        case(np.array([0.0, 1e-6]), _k, label=f"order {_k} near zero"),
        oracle=_i0_series,
    )
samples("i0", *_unary(-3, 3), case(np.zeros(2), label="zeros"))


# ---------------------------------------------------------------- selection

APART = np.array([[0.3, -1.2, 2.0], [0.7, 0.1, -0.4], [-0.9, 1.6, 0.5]])
OTHER = np.array([[1.0, -0.2, 1.0], [-0.5, 0.9, -2.0], [-0.6, 1.1, 0.8]])
for _name in ("maximum", "minimum", "fmax", "fmin"):
    samples(
        _name, case(APART, OTHER), case(APART, OTHER[0], label="right broadcast"),
        case(APART[0] + 0.05, OTHER, label="left broadcast"), case(APART[:, :1], OTHER[:1], label="both broadcast"),
        case(APART, 0.0, label="Python number"), case(0, APART, label="Python number left"),
        case(np.array(0.5), np.array(0.2), label="0-d"), case(np.zeros((0, 2)), np.zeros(2), order=1, label="empty"),
        _kink([1.0, 2.0], [1.0, 2.0], expected=([0.5, 0.5], [0.5, 0.5]), label="ties"),
        _kink([0.0, 1.0], 0, expected=([0.5, 1.0 if "max" in _name else 0.0],), label="tie with a number"),
        _kink([-INF, INF], [-INF, INF], expected=([0.5, 0.5], [0.5, 0.5]), label="infinite ties"),
    )  # fmt: skip
for _name in ("fmax", "fmin"):
    samples(_name, _kink([NAN, 1.0], [2.0, NAN], expected=([0, 1], [1, 0]), label="NaN ignored"))
X = np.array([[-2.0, 0.3, 0.8], [1.7, 0.1, -0.6], [0.45, -0.9, 2.5]])
samples(
    "clip",
    case(X, -0.5, 1.5), case(X, 0, 1, label="integer bounds"), case(X, None, 0.5, label="no lower bound"),
    case(X, -1.0, None, label="no upper bound"),
    case(X, np.array([-1.0, 0.0, 0.2]), np.array([[1.0], [0.5], [0.7]]), label="array bounds, broadcast"),
    case(np.array(0.4), 0.0, 1.0, label="0-d"),
    case(X[0], np.array([[-1.0], [0.0]]), 2.0, label="x broadcast"),
    case(X, 1.0, np.array([0.9, 0.95, 0.99]), label="bounds the wrong way round"),
    case(np.zeros((0, 2)), -1.0, 1.0, order=1, label="empty"),
    _kink([0.0, 1.0, 0.5], 0.0, 1.0, expected=([0, 0, 1],), label="at a bound"),
    _kink([0.0, 1.0, 0.5], [0.0] * 3, [1.0] * 3, expected=([0, 0, 1], [1, 0, 0], [0, 1, 0]),
    label="at a bound that has a gradient"),
    _kink([0.0, 1.0, 2.0], [1.0] * 3, [1.0] * 3, expected=([0] * 3, [0] * 3, [1] * 3), label="bounds that meet"),
)  # fmt: skip
samples("nan_to_num", case(normal(3, 3)), case(normal(), label="0-d"), case(_complex(3), label="complex"),
        _kink([NAN, INF, -INF, 2.0], expected=([0, 0, 0, 1],), label="not finite", float32=False),
        _kink([NAN, INF, 2.0], nan=5.0, posinf=1.0, neginf=-1.0, expected=([0, 0, 1],), label="options"),
        _kink(np.array([complex(NAN, 2.0), complex(1.0, INF)]), expected=(np.array([0.0, 1.0]),),
        label="complex not finite", float32=False))  # fmt: skip
samples(
    "heaviside",
    case(np.array([-1.0, 0.0, 2.0]), normal(3)),
    case(np.array([-1.0, 0.0, 2.0]), normal(2, 1), label="broadcast"),
    case(np.zeros(()), normal(), label="0-d"),
)


samples(
    "nextafter",
    case(normal(3, 2), normal(2), order=2),
    case(normal(3), 0.5, label="Python number"),
    case(np.array([1.5, NAN]), np.array([1.5, 0.0]), order=0, label="equal and NaN"),
)


# ---------------------------------------------------------------- without gradient

ANY = np.array([[-1.5, 0.5, 2.5], [0.0, -0.0, 3.0]])
ODD = np.array([NAN, INF, -INF, 0.0])
UNARY = (
    "floor", "ceil", "trunc", "rint", "fix", "round", "signbit", "spacing", "isfinite", "isinf", "isnan", "isposinf",
    "isneginf", "isreal", "iscomplex", "logical_not",
)  # fmt: skip
BINARY = (
    "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_xor",
    "floor_divide", "isclose",
)  # fmt: skip
for _name in UNARY:
    samples(
        _name,
        case(ANY, order=0),
        case(np.array(1.5), order=0, label="0-d"),
        case(np.zeros((0, 2)), order=0, label="empty"),
    )
    if _name not in ("spacing", "signbit"):
        samples(_name, case(ODD, order=0, label="not finite"))
samples(
    "round",
    case(ANY * 1.234, 1, order=0, label="decimals"),
    case(ANY * 100, decimals=-1, order=0, label="negative decimals"),
)
for _name in ("isreal", "iscomplex", "isfinite", "isnan"):
    samples(_name, case(np.array([1 + 0j, 2j]), order=0, label="complex"))
for _name in BINARY:
    samples(
        _name,
        case(ANY, ANY[0] + 1, order=0),
        case(ANY, 0.5, order=0, label="Python number"),
        case(np.array(1.5), np.array(1.5), order=0, label="0-d"),
    )
samples(
    "isclose",
    case(ODD, ODD, equal_nan=True, order=0, label="equal_nan"),
    case(ANY, ANY + 1e-3, rtol=0.0, atol=1e-2, order=0, label="tolerances"),
)
COUNTS = np.array([[1, 2, 12], [5, -3, 8]])
for _name in ("bitwise_and", "bitwise_or", "bitwise_xor", "gcd", "lcm"):
    samples(_name, case(COUNTS, np.array([3, 6, 4]), order=0), case(COUNTS, 6, order=0, label="Python number"))
for _name in ("left_shift", "right_shift"):
    samples(_name, case(COUNTS, np.array([3, 1, 2]), order=0), case(COUNTS, 2, order=0, label="Python number"))
for _name in ("invert", "bitwise_count"):
    samples(_name, case(COUNTS, order=0))
samples("invert", case(MASK, order=0, label="booleans"))
