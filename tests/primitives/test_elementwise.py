"""Elementwise functions: kinks, zero cotangents, extreme magnitudes, dtypes, names. (Values and smooth gradients: the
proof table.)"""

from __future__ import annotations

import decimal
import math
import warnings
from decimal import Decimal

import numpy as np
import pytest

from autograd_np.engine.errors import NonDifferentiableError
from autograd_np.engine.registry import FUNCTIONS, UFUNCS
from autograd_np.engine.tensor import Tensor
from autograd_np.primitives import elementwise, nondifferentiable, selection, transcendental
from autograd_np.primitives.zeros import keep, zdiv, zmul
from autograd_np.transforms.grad import grad, gradients, value_and_grad
from autograd_np.transforms.jacobian import hessian
from autograd_np.transforms.products import vjp

INF = math.inf
NAN = math.nan
BY_OTHERS = ("matmul", "vecdot", "matvec", "vecmat")


def total(f):
    return lambda *args: np.sum(f(*args))


# ---------------------------------------------------------------- the whole namespace


@pytest.mark.parametrize(
    "name", sorted(n for n in dir(np) if isinstance(getattr(np, n), np.ufunc) and n not in BY_OTHERS)
)
def test_every_ufunc_dispatches_and_has_its_name_here(name):
    own = UFUNCS[getattr(np, name)]
    if name == "isnat":
        return
    pages = [page for page in (elementwise, transcendental, selection, nondifferentiable) if hasattr(page, name)]
    assert any(getattr(page, name) is own and name in page.__all__ for page in pages)
    assert own.__doc__


@pytest.mark.parametrize(
    "name",
    [
        "clip",
        "real",
        "imag",
        "angle",
        "sinc",
        "i0",
        "nan_to_num",
        "round",
        "around",
        "fix",
        "isclose",
        "allclose",
        "array_equal",
        "copy",
        "astype",
    ],
)
def test_functions_that_are_no_ufuncs(name):
    assert getattr(np, name) in FUNCTIONS


def test_rule_less_functions_leave_the_tape():
    t = Tensor([0.5, 2.5], requires_grad=True)
    for f in (
        np.floor,
        np.ceil,
        np.rint,
        np.trunc,
        np.sign,
        np.isnan,
        np.signbit,
        np.spacing,
        np.round,
        np.fix,
        np.logical_not,
    ):
        assert not f(t).requires_grad
    for result in (t > 1, t == t, t != 2, np.floor_divide(t, 2), np.logical_and(t, t), np.isclose(t, 0.5)):
        assert isinstance(result, Tensor)
        assert not result.requires_grad


def test_answers_about_whole_arrays_are_python_bools():
    t = Tensor([1.0, 2.0], requires_grad=True)
    assert np.allclose(t, [1.0, 2.0 + 1e-12]) is True
    assert np.allclose(a=t, b=t, rtol=0) is True
    assert np.array_equal(t, np.array([1.0, 2.0])) is True
    assert np.array_equiv(t, t) is True
    assert np.iscomplexobj(t) is False
    assert np.isrealobj(t) is True


def test_what_is_refused_says_why():
    t = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match="np.real"):
        np.real_if_close(t)
    with pytest.raises(TypeError, match="np.isnan"):
        np.isnat(t)
    with pytest.raises(TypeError, match="copy=False"):
        np.nan_to_num(t, copy=False)
    with pytest.raises(TypeError, match="out="):
        np.add(t, 1.0, out=np.zeros(2))
    with pytest.raises(TypeError, match="where="):
        np.sqrt(t, where=np.array([True, False]))
    with pytest.raises(TypeError):
        elementwise.add(t, 1.0, out=np.zeros(2))
    with pytest.raises(NonDifferentiableError, match="exponent"):
        np.ldexp(t, Tensor([1.0, 2.0], requires_grad=True))
    with pytest.raises(ValueError, match="device"):
        np.astype(t, np.float32, device="gpu")


# ---------------------------------------------------------------- kinks: the convention sheet

KINKS = [
    (np.abs, [0.0, -0.0], [0, 0]),
    (np.fabs, [0.0], [0]),
    (np.sqrt, [0.0, 4.0], [INF, 0.25]),
    (np.cbrt, [0.0], [INF]),
    (np.log, [0.0], [INF]),
    (np.arcsin, [-1.0, 1.0], [INF, INF]),
    (np.arccos, [-1.0, 1.0], [-INF, -INF]),
    (np.arccosh, [1.0], [INF]),
    (np.arctanh, [-1.0, 1.0], [INF, INF]),
    (np.log1p, [-1.0], [INF]),
    (np.sinc, [0.0], [0]),
    (np.i0, [0.0], [0]),
    (lambda x: np.maximum(x, 0), [-1.0, 0.0, 1.0], [0, 0.5, 1]),
    (lambda x: np.minimum(x, 0.0), [-1.0, 0.0, 1.0], [1, 0.5, 0]),
    (lambda x: np.maximum(x, x), [-1.0, 0.0], [1, 1]),
    (lambda x: np.fmax(x, NAN), [1.0], [1]),
    (lambda x: np.fmin(NAN, x), [1.0], [1]),
    (lambda x: np.clip(x, -1, 1), [-2.0, -1.0, 0.0, 1.0, 2.0], [0, 0, 1, 0, 0]),
    (lambda x: np.clip(x, 1, -1), [-2.0, 0.0, 2.0], [0, 0, 0]),
    (lambda x: x**0, [0.0, 3.0, -2.0], [0, 0, 0]),
    (lambda x: x**0.0, [0.0], [0]),
    (lambda x: x ** np.zeros(2), [0.0, -2.0], [0, 0]),
    (lambda x: x ** np.array([2.0, 1.0, 0.5, 3.0]), [0.0] * 4, [0, 1, INF, 0]),
    (lambda x: x**1, [0.0], [1]),
    (lambda x: x**0.5, [0.0], [INF]),
    (lambda x: x**1.5, [0.0], [0]),
    (lambda x: x**3, [-2.0, 0.0], [12, 0]),
    (lambda x: x**-1, [-2.0], [-0.25]),
    (lambda x: x ** np.array([3.0, 2.0, -1.0]), [-2.0, -2.0, -2.0], [12, -4, -0.25]),
    (lambda y: 0.0**y, [0.0, 0.5, 2.0], [0, 0, 0]),
    (lambda y: np.zeros(3) ** y, [0.0, 0.5, 2.0], [0, 0, 0]),
    (lambda y: np.float_power(0, y), [0.0, 2.0], [0, 0]),
    (lambda y: 2**y, [1.0], [2 * math.log(2)]),
    (lambda x: np.hypot(x, 0.0), [0.0, -2.0], [0, -1]),
    (lambda x: np.arctan2(x, 0.0), [0.0], [0]),
    (lambda x: np.arctan2(0.0, x), [0.0], [0]),
    (lambda x: np.logaddexp(x, -INF), [-INF, 0.0], [0, 1]),
    (lambda x: np.logaddexp2(x, -INF), [-INF, 0.0], [0, 1]),
    (lambda x: np.copysign(x, -1.0), [-2.0, 0.0, 2.0], [1, 0, -1]),
    (lambda y: np.heaviside(np.array([-1.0, 0.0, 1.0]), y), [0.5] * 3, [0, 1, 0]),
    (np.nan_to_num, [NAN, INF, 1.0], [0, 0, 1]),
    (lambda x: np.remainder(x, 1.0), [1.5, -1.5], [1, 1]),
    (lambda y: np.remainder(np.array([7.5, -7.5]), y), [2.0, 2.0], [-3, 4]),
    (lambda y: np.fmod(np.array([7.5, -7.5]), y), [2.0, 2.0], [-3, 3]),
    (lambda x: np.divmod(x, 2.0)[1] + np.divmod(x, 2.0)[0], [5.5], [1]),
    (lambda x: divmod(x, 2.0)[0], [5.5], [0]),
    (lambda y: divmod(7.5, y)[1], [2.0], [-3]),
    (lambda x: np.modf(x)[0] + 3 * np.modf(x)[1], [2.5, -2.5], [1, 1]),
    (lambda x: np.frexp(x)[0], [3.0], [0.25]),
    (lambda x: np.ldexp(x, np.array([3])), [1.5], [8]),
]


@pytest.mark.parametrize(("f", "x", "expected"), KINKS)
def test_kinks(f, x, expected):
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(grad(total(f))(np.array(x)), np.array(expected, float))
        t = Tensor(np.array(x), requires_grad=True)
        np.sum(f(t)).backward()
        np.testing.assert_array_equal(t.grad, np.array(expected, float))
        value, g = value_and_grad(total(f))(np.array(x))
        np.testing.assert_array_equal(value, np.sum(f(np.array(x))))
        np.testing.assert_array_equal(g, np.array(expected, float))


def test_ties_of_two_tensors_share_the_gradient():
    for f in (np.maximum, np.minimum, np.fmax, np.fmin):
        a, b = grad(total(f), (0, 1))(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
        np.testing.assert_array_equal(a, [0.5, 0.5])
        np.testing.assert_array_equal(b, [0.5, 0.5])


@pytest.mark.parametrize("low_high", [(0.0, 1.0), (1.0, 0.0), (0.5, 0.5)])
def test_gradients_of_clip_and_its_bounds_add_up_to_one(low_high):
    low, high = low_high
    x = np.array([-1.0, 0.0, 0.25, 0.5, 1.0, 3.0])
    parts = grad(total(np.clip), (0, 1, 2))(x, np.full(6, low), np.full(6, high))
    np.testing.assert_array_equal(parts[0] + parts[1] + parts[2], np.ones(6))
    np.testing.assert_array_equal(parts[0], (x > low) & (x < high))


def test_ways_of_calling_clip():
    t = Tensor([-1.0, 0.5, 3.0], requires_grad=True)
    for y in (
        np.clip(t, 0, 1),
        np.clip(t, a_min=0, a_max=1),
        np.clip(t, min=0, max=1),
        t.clip(0, 1),
        t.clip(min=0, max=1),
        selection.clip(t, 0, 1),
    ):
        np.testing.assert_array_equal(y.numpy(), [0, 0.5, 1])
        np.testing.assert_array_equal(gradients(y, t, [np.ones(3)]), [0, 1, 0])
    np.testing.assert_array_equal(np.clip(t, 0, None).numpy(), [0, 0.5, 3])
    np.testing.assert_array_equal(gradients(np.clip(t, None, None), t, [np.ones(3)]), [1, 1, 1])
    with pytest.raises(TypeError, match="not both"):
        selection.clip(t, 0, 1, min=0)
    with pytest.raises(TypeError, match="out="):
        selection.clip(t, 0, 1, np.zeros(3))


def test_the_exponent_of_a_negative_base_has_no_gradient_but_a_zero_cotangent_stays_zero():
    x, y = np.array([-2.0, -2.0, 2.0]), np.array([2.0, 3.0, 1.0])
    with np.errstate(all="ignore"):
        _, pull = vjp(np.power, x, y)
        np.testing.assert_array_equal(pull(np.array([1.0, 0.0, 1.0]))[1], [NAN, 0, 2 * math.log(2)])
        np.testing.assert_array_equal(pull(np.array([1.0, 0.0, 1.0]))[0], [-4, 0, 1])


def test_complex_kinks():
    z = np.array([0j, 3 + 4j])
    np.testing.assert_allclose(grad(total(np.abs))(z), [0, 0.6 - 0.8j])
    np.testing.assert_allclose(grad(total(np.angle))(z), [0, -1j / (3 + 4j)])
    np.testing.assert_allclose(grad(lambda z: np.sum(np.real(np.sign(z))))(z)[0], 0)
    np.testing.assert_allclose(
        grad(total(np.abs))(np.array([3e200 + 4e200j, 3e-200 - 4e-200j])), [0.6 - 0.8j, 0.6 + 0.8j], rtol=1e-15
    )


# ---------------------------------------------------------------- a zero cotangent stays zero

SINGULAR = [
    (np.sqrt, [0.0, -1.0]),
    (np.cbrt, [0.0]),
    (np.log, [0.0, -1.0]),
    (np.log2, [0.0]),
    (np.log10, [0.0]),
    (np.log1p, [-1.0, -2.0]),
    (np.exp, [800.0]),
    (np.exp2, [2000.0]),
    (np.expm1, [800.0]),
    (np.sinh, [800.0]),
    (np.cosh, [-800.0]),
    (np.arcsin, [1.0, -1.0, 2.0]),
    (np.arccos, [1.0, -1.0, 2.0]),
    (np.arccosh, [1.0, 0.5]),
    (np.arctanh, [1.0, -1.0, 2.0]),
    (np.reciprocal, [0.0]),
    (np.i0, [800.0]),
    (np.abs, [0.0]),
    (np.square, [1e308]),
    (lambda x: 1.0 / x, [0.0]),
    (lambda x: x / np.zeros(3), [0.0, 1.0, -1.0]),
    (lambda x: x / 0, [0.0, 1.0]),
    (lambda x: x**0.5, [0.0, -1.0]),
    (lambda x: x**1.5, [0.0]),
    (lambda x: x**-1, [0.0]),
    (lambda x: x**-2.5, [0.0]),
    (lambda x: x**3, [1e200]),
    (lambda x: x ** np.array([0.5, -1.0, 0.0]), [0.0, 0.0, 0.0]),
    (lambda x: np.float_power(x, np.array([0.5, -1.0, 0.0])), [0.0, 0.0, 0.0]),
    (lambda y: np.array([0.0, -2.0, 0.0]) ** y, [-1.0, 2.0, 0.0]),
    (lambda y: 0.0**y, [-1.0, 0.0]),
    (lambda y: (-2.0) ** y, [2.0]),
    (lambda y: 10.0**y, [400.0]),
    (lambda x: np.hypot(x, 0.0), [0.0]),
    (lambda x: np.arctan2(x, 0.0), [0.0]),
    (lambda x: np.arctan2(0.0, x), [0.0]),
    (lambda x: np.logaddexp(x, -INF), [-INF]),
    (lambda y: np.remainder(1.0, y), [0.0]),
    (lambda y: np.fmod(1.0, y), [0.0]),
]


# (At 0 a norm with a cotangent that is 0 is warned of in second order: no rule sees what the cotangent is a function
# of.)
@pytest.mark.filterwarnings("ignore::autograd_np.primitives.linalg_degenerate.DegenerateWarning")
@pytest.mark.parametrize(("f", "x"), SINGULAR)
def test_zero_cotangents_stay_zero_in_both_orders(f, x):
    x = np.array(x)
    with np.errstate(all="ignore"):
        _, pull = vjp(f, x)
        np.testing.assert_array_equal(pull(np.zeros_like(x)), np.zeros_like(x))
        # The pulled-back zero, differentiated again under an arbitrary cotangent, depends on x nowhere.
        t = Tensor(x, requires_grad=True)
        g = Tensor(np.zeros_like(x), requires_grad=True)
        first = gradients(f(t), t, [g], create_graph=True)
        np.testing.assert_array_equal(first.numpy(), np.zeros_like(x))
        second = gradients(first, t, [np.full(x.shape, 1.5)], allow_unused=True, retain_graph=True)
        assert second is None or np.array_equal(second, np.zeros_like(x))
        # And a zero cotangent of the pulled-back gradient gives zeros for the point and for the cotangent.
        g = Tensor(np.ones_like(x), requires_grad=True)
        first = gradients(f(t), t, [g], create_graph=True)
        for found in gradients(first, [t, g], [np.zeros_like(x)], allow_unused=True):
            assert found is None or np.array_equal(found, np.zeros_like(x))


MASKED = [
    (np.sqrt, 0.5),
    (np.log, 0.5),
    (lambda x: 1 / x, 0.5),
    (lambda x: x**-2.0, 0.5),
    (lambda x: x**0.5, 0.5),
    (lambda x: np.exp(1 / x), 0.5),
    (lambda x: np.arccosh(1 + x), 0.5),
    (lambda x: np.power(x, np.array([0.5, 0.5, 0.5])), 0.5),
    (lambda x: np.sqrt(np.log(x)), 2.0),
]


@pytest.mark.parametrize(("f", "inside"), MASKED)
def test_where_masks_singular_points_in_first_and_second_order(f, inside):
    x = np.array([0.0, inside, -1.0])
    mask = np.array([False, True, False])
    with np.errstate(all="ignore"):
        first = grad(lambda x: np.sum(np.where(mask, f(x), 0.0)))(x)
        alone = grad(total(lambda x: np.sum(f(x)[1])))(np.full(3, inside))[1]
        np.testing.assert_allclose(first, [0, alone, 0], rtol=1e-14)
        second = hessian(lambda x: np.sum(np.where(mask, f(x), 0.0)))(x)
    assert np.isfinite(second[1, 1])
    assert second[1, 1] != 0
    second[1, 1] = 0
    np.testing.assert_array_equal(second, np.zeros((3, 3)))


def test_zmul_zdiv_keep():
    g, d = np.array([0.0, 2.0, 0.0, NAN, -1.0]), np.array([INF, 3.0, NAN, 1.0, INF])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(zmul(g, d), [0, 6, 0, NAN, -INF])
        np.testing.assert_array_equal(zdiv(g, np.array([0.0, 4.0, NAN, 1.0, 0.0])), [0, 0.5, 0, NAN, -INF])
    np.testing.assert_array_equal(keep(np.array([True, False]), np.array([1.0, INF])), [1, 0])
    assert zmul(np.float32(2), np.float32(3)).dtype == np.float32
    assert keep(np.array([True]), np.ones(1, np.float32)).dtype == np.float32
    assert zmul(np.ones((3, 1)), np.ones(4)).shape == (3, 4)


# ---------------------------------------------------------------- extreme magnitudes, against 60 digits

decimal.getcontext().prec = 60
decimal.getcontext().Emax = 999999
decimal.getcontext().Emin = -999999


def _cosh(x):
    return (x.exp() + (-x).exp()) / 2


def _sinh(x):
    return (x.exp() - (-x).exp()) / 2


one = Decimal(1)
TENTHS, HUGE = 0.3, 1e200  # Decimal of these floats is their exact value
EXACT_UNARY = [
    (np.sqrt, lambda x: one / (2 * x.sqrt()), (1e-200, 1e200, 3e-300)),
    (np.log, lambda x: one / x, (1e-200, 7e200)),
    (np.log2, lambda x: one / (x * Decimal(2).ln()), (1e-200, 7e200)),
    (np.log10, lambda x: one / (x * Decimal(10).ln()), (1e-200, 7e200)),
    (np.log1p, lambda x: one / (1 + x), (1e-200, 7e200, -1 + 2**-40)),
    (np.expm1, lambda x: x.exp(), (-50.0, -700.0, 1e-200, 700.0)),
    (np.exp, lambda x: x.exp(), (-700.0, 1e-200, 700.0)),
    (np.exp2, lambda x: 2**x * Decimal(2).ln(), (-1000.0, 1000.0)),
    (np.tanh, lambda x: one / _cosh(x) ** 2, (1e-200, 3.0, 20.0, -50.0, 350.0)),
    (np.sinh, _cosh, (700.0, 1e-200)),
    (np.cosh, _sinh, (700.0, -3.0)),
    (np.arcsinh, lambda x: one / (1 + x * x).sqrt(), (1e-200, 1e200, -3.0)),
    (np.arccosh, lambda x: one / (x * x - 1).sqrt(), (1e200, 1 + 2**-50)),
    (np.arctanh, lambda x: one / (1 - x * x), (1e-200, 1 - 2**-50, -1 + 2**-50)),
    (np.arcsin, lambda x: one / (1 - x * x).sqrt(), (1e-200, 1 - 2**-50, -1 + 2**-50)),
    (np.arccos, lambda x: -one / (1 - x * x).sqrt(), (1e-200, 1 - 2**-50)),
    (np.arctan, lambda x: one / (1 + x * x), (1e-200, 1e150, -3.0)),
    (np.cbrt, lambda x: x ** (one / 3 - 1) / 3, (1e-200, 1e200, 1e300)),
    (np.reciprocal, lambda x: -one / (x * x), (1e-150, 1e150)),
    (np.square, lambda x: 2 * x, (1e-200, 1e150)),
    (lambda x: x**3, lambda x: 3 * x * x, (1e-150, 1e100)),
    (lambda x: x**-1.5, lambda x: Decimal("-1.5") * x ** Decimal("-2.5"), (1e-100, 1e100)),
    (lambda x: x**TENTHS, lambda x: Decimal(TENTHS) * x ** (Decimal(TENTHS) - 1), (1e-200, 1e200)),
    (lambda x: 1 / x, lambda x: -one / (x * x), (1e-150, 1e150)),
    (lambda x: HUGE / x, lambda x: -Decimal(HUGE) / (x * x), (1e200, 1e-50)),
    (lambda x: 1 / (1 + np.exp(-x)), lambda x: (-x).exp() / (1 + (-x).exp()) ** 2, (-300.0, 700.0, 40.0, -40.0)),
]


@pytest.mark.parametrize(("f", "slope", "points"), EXACT_UNARY)
def test_full_relative_accuracy_of_one_operand(f, slope, points):
    for x in points:
        exact = slope(Decimal(x))
        given = grad(f)(float(x))
        assert abs(Decimal(float(given)) / exact - 1) < Decimal("1e-13"), (x, given, exact)


EXACT_BINARY = [
    (np.hypot, lambda x, y: x / (x * x + y * y).sqrt(), lambda x, y: y / (x * x + y * y).sqrt()),
    (np.arctan2, lambda x, y: y / (x * x + y * y), lambda x, y: -x / (x * x + y * y)),
    (np.divide, lambda x, y: 1 / y, lambda x, y: -x / (y * y)),
    (np.multiply, lambda x, y: y, lambda x, y: x),
]


def test_full_relative_accuracy_of_two_operands():
    values = (1e-200, 3e-200, 2e-150, 1.0, 1e150, -4e200, 1e200)
    smallest, largest = Decimal("2.3e-308"), Decimal("1.7e308")
    for f, *slopes in EXACT_BINARY:
        for x in values:
            for y in values:
                with np.errstate(all="ignore"):
                    if not np.isfinite(f(x, y)):
                        continue
                    found = grad(f, (0, 1))(x, y)
                for given, slope in zip(found, slopes, strict=True):
                    exact = slope(Decimal(x), Decimal(y))
                    # x/y that underflows has lost its digits before the rule sees it.
                    if smallest < abs(exact) < largest and not (
                        f is np.divide and abs(Decimal(x) / Decimal(y)) < smallest
                    ):
                        assert abs(Decimal(float(given)) / exact - 1) < Decimal("1e-14"), (f, x, y, given, exact)


@pytest.mark.parametrize("gap", [0.0, 1.0, -40.0, 300.0, -700.0])
def test_logaddexp_far_apart(gap):
    a, b = grad(np.logaddexp, (0, 1))(gap + 800.0, 800.0)
    exact = 1 / (1 + (-Decimal(gap)).exp())
    assert abs(Decimal(float(a)) / exact - 1) < Decimal("1e-13")
    assert abs(Decimal(float(b)) / (1 / (1 + Decimal(gap).exp())) - 1) < Decimal("1e-13")


def test_tanh_in_second_order_and_single_precision():
    for x in (0.5, 20.0, -40.0):
        d = Decimal(x)
        exact = -2 * _sinh(d) / _cosh(d) ** 3
        given = grad(grad(np.tanh))(x)
        assert abs(Decimal(float(given)) / exact - 1) < Decimal("1e-13")
    x = np.array([0.5, 6.0, 12.0, 30.0], np.float32)
    np.testing.assert_allclose(grad(total(np.tanh))(x), 1 / np.cosh(x.astype(float)) ** 2, rtol=1e-6)


def _sinc_slope(x, k):
    """∫₀¹ dᵏ/dxᵏ cos(πxt) dt by Gauss's rule."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    t = (nodes + 1) / 2
    return float(np.sum(weights / 2 * (math.pi * t) ** k * np.cos(math.pi * x * t + k * math.pi / 2)))


@pytest.mark.parametrize("x", [0.3, 0.6, 0.9, 1.0, 1.2, 1.5, 1.7, 2.5, 4.0])
def test_sinc_to_fourth_order(x):
    f = np.sinc
    for k in range(1, 5):
        f = grad(f)
        np.testing.assert_allclose(
            f(x), _sinc_slope(x, k), rtol=1e-12, atol=1e-14 * math.pi**k
        )  # the last: near a zero


@pytest.mark.parametrize("x", [0.0, 1e-200, 1e-20, 1e-9, 1e-5])
def test_sinc_near_zero(x):
    square = math.pi**2
    first, second, third = grad(np.sinc), grad(grad(np.sinc)), grad(grad(grad(np.sinc)))
    assert float(first(x)) == pytest.approx(-square * x / 3, rel=1e-9)
    assert float(second(x)) == pytest.approx(-square / 3, rel=1e-9)
    assert float(third(x)) == pytest.approx(square**2 * x / 5, rel=1e-9)


def test_sinc_far_out_has_full_accuracy():
    x = 2.0**30 + 0.5  # cos(πx) = 0 and sin(πx) = 1, exactly
    assert float(grad(np.sinc)(x)) == pytest.approx(-1 / (math.pi * x * x), rel=1e-12)


def test_i0_against_known_values():
    i1 = {1.0: 0.5651591039924851, 10.0: 2670.988303701255, 1e-8: 5e-9}
    for x, value in i1.items():
        assert float(grad(np.i0)(x)) == pytest.approx(value, rel=1e-14)
        assert float(grad(np.i0)(-x)) == pytest.approx(-value, rel=1e-14)
    # I₀'' = I₀ - I₁/x, also far out
    for x in (0.5, 20.0, 600.0):
        assert float(grad(grad(np.i0))(x)) == pytest.approx(float(np.i0(x) - grad(np.i0)(x) / x), rel=1e-12)


# ---------------------------------------------------------------- powers in higher order


@pytest.mark.parametrize("x", [-2.0, 0.0, 1.5])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_integer_powers_in_four_orders(x, n):
    for exponent in (n, float(n)):
        f = lambda x, exponent=exponent: x**exponent
        for k in range(1, 5):
            f = grad(f)
            assert float(f(x)) == math.perm(n, k) * x ** max(n - k, 0)


@pytest.mark.parametrize("x", [-2.0, 0.0, 1.5])
def test_array_exponents_in_three_orders(x):
    exponents = np.array([0.0, 1.0, 2.0, 3.0])
    f = lambda x: np.sum(x**exponents)
    for k in range(1, 4):
        f = grad(f)
        assert float(f(x)) == pytest.approx(sum(math.perm(n, k) * x ** max(n - k, 0) for n in range(4)))


def test_mixed_derivatives_of_power():
    # d²/dxdy x^y = x^(y-1)·(1 + y·ln x), smooth through y = 0
    for x, y in ((2.0, 0.0), (2.0, 3.0), (0.5, -1.5)):
        mixed = grad(lambda y, x=x: grad(np.power)(x, y))(y)
        assert float(mixed) == pytest.approx(x ** (y - 1) * (1 + y * math.log(x)), rel=1e-13)
        other = grad(lambda x, y=y: grad(np.power, 1)(x, y))(x)
        assert float(other) == pytest.approx(x ** (y - 1) * (1 + y * math.log(x)), rel=1e-13)
        third = grad(grad(grad(lambda y, x=x: x**y)))(y)
        assert float(third) == pytest.approx(x**y * math.log(x) ** 3, rel=1e-13)


# ---------------------------------------------------------------- dtypes


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_single_precision_stays(dtype):
    x = Tensor(np.array([0.3, 0.7], dtype), requires_grad=True)
    for f in (np.exp, np.log, np.sqrt, np.tanh, np.sinc, np.cbrt, np.exp2, np.log10, np.arcsinh, np.deg2rad,
        lambda t: t**2, lambda t: 2**t,
              lambda t: t / 3, lambda t: 1 / t, lambda t: np.maximum(t, 0), lambda t: np.clip(t, 0, 1),
              lambda t: t % 2, np.nan_to_num):  # fmt: skip
        y = f(x)
        assert y.dtype == f(x.numpy()).dtype == dtype
        x.grad = None
        np.sum(y).backward()
        assert x.grad.dtype == dtype


def test_integers_give_numpys_values_without_gradient():
    t = Tensor([1, 2, 3])
    for f in (
        np.sqrt,
        np.exp,
        np.negative,
        np.square,
        lambda t: t / 2,
        lambda t: t**2,
        lambda t: t // 2,
        lambda t: t % 2,
        np.abs,
        np.sinc,
    ):
        y, e = f(t), f(np.array([1, 2, 3]))
        assert y.dtype == e.dtype
        np.testing.assert_array_equal(y.numpy(), e)
        assert not y.requires_grad


def test_integer_operands_beside_a_float_one():
    n = np.array([1, 2, 3])
    g = grad(total(lambda x: x * n + n / x + x**n + n**x + np.maximum(n, x)))(np.array([1.5, 2.5, 2.5]))
    x = np.array([1.5, 2.5, 2.5])
    np.testing.assert_allclose(g, n - n / x**2 + n * x ** (n - 1) + n**x * np.log(n) + (x > n))


def test_numpy_scalars_and_0d_arrays():
    for x in (np.float64(0.7), np.array(0.7), 0.7):
        g = grad(lambda x: np.exp(x) * x / 2 + np.maximum(x, 0) + np.clip(x, 0, 1) + x**2)(x)
        np.testing.assert_allclose(g, math.exp(0.7) * 1.7 / 2 + 2 + 1.4)
        assert np.shape(g) == ()


def test_astype():
    t = Tensor([0.5, 1.5], requires_grad=True)
    for convert in (lambda t, d: t.astype(d), np.astype):
        y = convert(t, np.float32)
        assert y.dtype == np.float32
        assert y.requires_grad
        g = gradients(y, t, [np.ones(2, np.float32)])
        assert g.dtype == np.float64
        assert not convert(t, int).requires_grad
        assert not convert(t, bool).requires_grad
    z = Tensor([1 + 2j], requires_grad=True)
    with pytest.warns(np.exceptions.ComplexWarning):
        y = z.astype(float)
    np.testing.assert_array_equal(gradients(y, z, [np.ones(1)]), [1 + 0j])
    np.testing.assert_array_equal(gradients(t.astype(complex), t, [np.array([1 + 5j, 2j])]), [1, 0])


def test_a_backward_pass_gives_no_warnings():
    x = Tensor([0.0, -1.0, 1.0], requires_grad=True)
    with np.errstate(all="ignore"):
        y = np.sum(np.where(x.numpy() > 0, np.sqrt(x) + np.log(x) + 1 / x + x**-1.5, 0.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y.backward()
    np.testing.assert_allclose(x.grad, [0, 0, 0.5 + 1 - 1 - 1.5])
