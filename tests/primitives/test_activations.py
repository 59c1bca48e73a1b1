"""Activations: kinks, tails, identities between functions, dtypes, and the error function."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import autograd_np as ag
from autograd_np.primitives.activations import sigmoid_slope
from autograd_np.primitives.gaussian import gauss, normal_cdf

POINTWISE = [
    *(
        "relu",
        "leaky_relu",
        "relu6",
        "hardtanh",
        "hardshrink",
        "softshrink",
        "elu",
        "selu",
        "celu",
        "sigmoid",
        "log_sigmoid",
        "softplus",
    ),
    *("silu", "mish", "tanhshrink", "softsign", "hard_sigmoid", "hard_swish", "gelu", "erf", "erfc"),
]
OVER_AXIS = ["softmax", "log_softmax", "softmin"]
INF = math.inf


def value_and_slope(f, x, **options):
    """The value and the derivative of an elementwise function, as arrays."""
    t = ag.Tensor(x, requires_grad=True)
    y = f(t, **options)
    y.backward(np.ones_like(y.numpy()))
    return y.numpy(), t.grad


def floats(low=-30.0, high=30.0):
    return arrays(np.float64, array_shapes(max_dims=3, max_side=4), elements=st.floats(low, high))


# ---------------------------------------------------------------- every one of them


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", POINTWISE)
def test_dtype_is_kept_and_extremes_give_limits(name, dtype) -> None:
    x = np.array([-INF, -1e4, -800.0, -40.0, 0.0, 40.0, 800.0, 1e4, INF], dtype)
    value, slope = value_and_slope(getattr(ag, name), x)
    assert value.dtype == slope.dtype == dtype
    assert not np.isnan(value).any()
    assert np.isfinite(slope).all()
    # Far out the neighbours have the slope of the limit.
    assert slope[0] == pytest.approx(slope[1], abs=1e-7)
    assert slope[-1] == pytest.approx(slope[-2], abs=1e-7)


@pytest.mark.parametrize("name", POINTWISE)
def test_nan_stays_nan(name) -> None:
    assert np.isnan(getattr(ag, name)(np.array([np.nan, 1.0])).numpy()).tolist() == [True, False]


@pytest.mark.parametrize("name", [*POINTWISE, *OVER_AXIS])
@pytest.mark.parametrize(
    "value", [2, 1.5, [1, 2, 3], np.int8(3), np.array([3, 1], np.uint8), np.zeros((2, 0), np.float32)]
)
def test_numbers_lists_and_integers(name, value) -> None:
    f = getattr(ag, name)
    plain = np.asarray(value)
    result = f(value)
    assert isinstance(result, ag.Tensor)
    assert result.shape == plain.shape
    np.testing.assert_allclose(
        result.numpy(), f(plain.astype(float)).numpy(), rtol=2e-3 if result.dtype == np.float16 else 1e-6
    )


@pytest.mark.parametrize("name", [*POINTWISE, "softmax", "log_softmax"])
def test_third_derivatives(name) -> None:
    f = getattr(ag, name)
    weights = np.array([0.3, -1.2, 2.0])

    def third(x):
        def along(f):
            return lambda x: (ag.grad(lambda x: f(x).sum())(x) * weights).sum()

        return ag.grad(along(lambda x: (ag.grad(lambda x: (f(x) * weights).sum())(x)) * weights))(x)

    def second(x):
        return np.asarray(ag.grad(lambda x: ((ag.grad(lambda x: (f(x) * weights).sum())(x)) * weights).sum())(x))

    x = np.array([0.71, -0.43, 1.37])
    h = 1e-5
    measured = (second(x + h * weights) - second(x - h * weights)) / (2 * h)
    try:
        found = third(x)
    except TypeError:
        found = np.zeros(3)  # piecewise linear: the second derivative is a constant
    assert found == pytest.approx(measured, rel=1e-6, abs=1e-8)


# ---------------------------------------------------------------- identities


@given(floats())
def test_sigmoid_is_stable_and_symmetric(x) -> None:
    value, slope = value_and_slope(ag.sigmoid, x)
    mirrored, same = value_and_slope(ag.sigmoid, -x)
    np.testing.assert_allclose(value, np.exp(x) * mirrored, rtol=1e-14)
    np.testing.assert_array_equal(slope, same)
    np.testing.assert_allclose(slope, value * mirrored, rtol=1e-14)


@given(floats(-700.0, 700.0))
def test_logarithms_of_the_sigmoid(x) -> None:
    log, slope = value_and_slope(ag.log_sigmoid, x)
    plus, up = value_and_slope(ag.softplus, -x)
    np.testing.assert_array_equal(log, -plus)
    np.testing.assert_array_equal(slope, up)
    np.testing.assert_allclose(slope, ag.sigmoid(-x).numpy(), rtol=1e-15)


@given(floats())
def test_functions_that_are_others_in_disguise(x) -> None:
    np.testing.assert_array_equal(ag.celu(x).numpy(), ag.elu(x).numpy())
    np.testing.assert_allclose(ag.relu6(x).numpy(), ag.hardtanh(x, 0, 6).numpy())
    np.testing.assert_allclose(ag.leaky_relu(x, 1.0).numpy(), x)
    np.testing.assert_allclose(ag.leaky_relu(x, 0).numpy(), ag.relu(x).numpy())
    np.testing.assert_allclose(ag.prelu(x, 0.25).numpy(), ag.leaky_relu(x, 0.25).numpy())
    np.testing.assert_allclose(ag.silu(x).numpy(), x * ag.sigmoid(x).numpy())
    np.testing.assert_allclose(ag.softshrink(x, 0).numpy(), x)
    np.testing.assert_allclose((ag.erf(x) + ag.erfc(x)).numpy(), 1)
    np.testing.assert_allclose(ag.softmin(x).numpy(), ag.softmax(-x).numpy())


@given(floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_softmax_is_a_distribution_and_ignores_a_shift(x, shift) -> None:
    for axis in (-1, 0, None, tuple(range(x.ndim))):
        p = ag.softmax(x, axis).numpy()
        assert np.all(p >= 0)
        np.testing.assert_allclose(p.sum(axis=axis), 1, rtol=1e-14)
        np.testing.assert_allclose(ag.softmax(x + shift, axis).numpy(), p, atol=1e-10)
        normal = p > 1e-300
        np.testing.assert_allclose(ag.log_softmax(x, axis).numpy()[normal], np.log(p[normal]), rtol=1e-12, atol=1e-14)


@settings(deadline=None)
@given(floats())
def test_the_jacobian_of_softmax_annihilates_constants(x) -> None:
    for f, expected in ((ag.softmax, 0.0), (ag.log_softmax, None)):
        t = ag.Tensor(x, requires_grad=True)
        y = f(t)
        y.backward(np.ones_like(x))
        if expected is not None:
            np.testing.assert_allclose(t.grad, expected, atol=1e-14)
        np.testing.assert_allclose(t.grad.sum(axis=-1), 0, atol=1e-12)


# ---------------------------------------------------------------- softmax at the edges


def test_excluded_entries_of_softmax() -> None:
    x = np.array([[0.0, -INF, 1.0], [-INF, -INF, -INF]])
    value, slope = value_and_slope(ag.softmax, x)
    np.testing.assert_allclose(value, [[1 / (1 + math.e), 0, math.e / (1 + math.e)], [0, 0, 0]], rtol=1e-15)
    np.testing.assert_allclose(slope, 0, atol=1e-16)
    assert ag.log_softmax(x).numpy()[:, 1].tolist() == [-INF, -INF]


def test_softmax_refuses() -> None:
    with pytest.raises(ValueError, match=r"softmax.*axis 2"):
        ag.softmax(np.zeros((2, 3)), axis=2)
    with pytest.raises(ValueError, match=r"glu.*even.*\(3,\)"):
        ag.glu(np.zeros(3))


def test_softmax_of_one_number() -> None:
    assert ag.softmax(2.0).item() == 1
    assert ag.log_softmax(np.float32(2.0)).item() == 0


# ---------------------------------------------------------------- kinks


def test_leaky_relu_takes_the_smaller_side() -> None:
    for slope, expected in ((0.01, 0.01), (1.0, 1.0), (3.0, 1.0), (0.0, 0.0), (-0.5, 0.0)):
        assert value_and_slope(ag.leaky_relu, np.zeros(1), negative_slope=slope)[1].item() == expected


def test_kinks() -> None:
    def at(f, x, **options):
        return value_and_slope(f, np.array([float(x)]), **options)[1].item()

    assert at(ag.relu, 0) == 0
    assert at(ag.relu6, 0) == at(ag.relu6, 6) == 0
    assert at(ag.hardtanh, -1) == at(ag.hardtanh, 1) == 0
    assert at(ag.hard_sigmoid, -3) == at(ag.hard_sigmoid, 3) == 0
    assert at(ag.hard_swish, -3) == 0
    assert at(ag.hard_swish, 3) == 1
    assert at(ag.hardshrink, 0.5) == at(ag.softshrink, -0.5) == 0
    assert at(ag.elu, 0) == at(ag.celu, 0) == at(ag.elu, 0, alpha=4.0) == 1
    assert at(ag.elu, 0, alpha=0.25) == 0.25
    assert at(ag.elu, 0, alpha=-1.0) == 0
    assert at(ag.selu, 0) == pytest.approx(1.0507009873554805)


# ---------------------------------------------------------------- tails


@pytest.mark.parametrize("x", [40.0, 300.0, 700.0])
def test_gradients_in_the_tails_have_full_relative_accuracy(x) -> None:
    tail = math.exp(-x)
    both = np.array([-x, x])
    assert value_and_slope(ag.sigmoid, both)[1] == pytest.approx([tail, tail], rel=1e-14, abs=0)
    assert value_and_slope(ag.softplus, both)[1] == pytest.approx([tail, 1], rel=1e-14, abs=0)
    assert value_and_slope(ag.silu, both)[1] == pytest.approx([tail * (1 - x), 1], rel=1e-13, abs=0)
    assert value_and_slope(ag.log_sigmoid, both)[1] == pytest.approx([1, tail], rel=1e-14, abs=0)
    second = ag.hessian(lambda t: ag.sigmoid(t))(x)
    assert float(second) == pytest.approx(-tail, rel=1e-13, abs=0)


def test_mish_and_gelu_in_the_tails() -> None:
    assert value_and_slope(ag.mish, np.array([-300.0]))[1].item() == pytest.approx(
        -299 * math.exp(-300), rel=1e-12, abs=0
    )
    # Φ(x) = φ(x)/|x| · (1 - 1/x² + …) for x → -∞, so gelu' = φ(x) (x + 1/|x| - …)
    x = -30.0
    density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    series = x - (1 / x - 1 / x**3 + 3 / x**5 - 15 / x**7)
    assert value_and_slope(ag.gelu, np.array([x]))[1].item() == pytest.approx(density * series, rel=1e-9, abs=0)


def test_tanhshrink_does_not_cancel() -> None:
    x = np.array([1e-3, 1e-6, 1e-12])
    assert ag.tanhshrink(x).numpy() == pytest.approx(x**3 / 3 - 2 * x**5 / 15 + 17 * x**7 / 315, rel=1e-14, abs=0)


# ---------------------------------------------------------------- the error function


@given(arrays(np.float64, 20, elements=st.floats(-30, 30)))
def test_error_function_against_the_c_library(x) -> None:
    np.testing.assert_allclose(ag.erf(x).numpy(), [math.erf(v) for v in x], rtol=1e-15, atol=0)
    # The C library rounds x² less carefully than the split does, hence the wider bound far out.
    expected = np.array([math.erfc(v) for v in x])
    normal = expected > 1e-300
    np.testing.assert_allclose(ag.erfc(x).numpy()[normal], expected[normal], rtol=2e-15, atol=0)


@given(arrays(np.float32, 20, elements=st.floats(-9, 9, width=32)))
def test_error_function_in_float32_is_rounded_once(x) -> None:
    for f, exact in ((ag.erf, math.erf), (ag.erfc, math.erfc)):
        y = f(x).numpy()
        assert y.dtype == np.float32
        np.testing.assert_array_max_ulp(y, np.array([exact(float(v)) for v in x], np.float32), 1)


def test_known_values_of_the_error_function() -> None:
    # Abramowitz and Stegun, tables 7.1 and 7.3
    assert ag.erf(np.array([0.0, 0.5, 1.0, 2.0])).numpy() == pytest.approx(
        [0, 0.5204998778, 0.8427007929, 0.9953222650], abs=5e-11
    )
    assert normal_cdf(np.array([-1.0, 0.0, 2.0])) == pytest.approx(
        [0.158655253931457, 0.5, 0.977249868051821], rel=1e-14
    )
    assert normal_cdf(np.array([-10.0])).item() == pytest.approx(7.61985302416053e-24, rel=1e-13, abs=0)
    assert gauss(np.array([20.0]), 1.0).item() == pytest.approx(1.9151695967140057e-174, rel=1e-15, abs=0)


def test_arrays_in_arrays_out_for_the_helpers_of_rules() -> None:
    assert isinstance(sigmoid_slope(np.zeros(2)), np.ndarray)
    assert isinstance(normal_cdf(ag.Tensor(np.zeros(2))), ag.Tensor)


# ---------------------------------------------------------------- options


def test_large_arrays_are_computed_in_blocks() -> None:
    x = np.random.default_rng(0).normal(size=(3, 7001)) * 3
    for f in (ag.erf, ag.erfc, normal_cdf, lambda x: gauss(x, 0.5)):
        np.testing.assert_array_equal(np.asarray(f(x)), np.stack([np.asarray(f(row)) for row in x]))


def test_threshold_of_softplus() -> None:
    x = np.array([1.0, 9.0, 11.0])
    exact, smooth = value_and_slope(ag.softplus, x, beta=2.0)
    cut, slope = value_and_slope(ag.softplus, x, beta=2.0, threshold=20.0)
    assert cut[:2].tolist() == exact[:2].tolist()
    assert cut[2] == 11
    assert slope.tolist() == [*smooth[:2].tolist(), 1]


def test_prelu_refuses_a_weight_that_fits_no_axis() -> None:
    with pytest.raises(ValueError, match=r"prelu.*\(3,\).*\(2, 4\)"):
        ag.prelu(np.zeros((2, 4)), np.zeros(3))


def test_prelu_weight_gradient() -> None:
    x = np.array([[-1.0, 2.0], [-3.0, -4.0]])
    w = ag.Tensor([0.5, 0.25], requires_grad=True)
    ag.prelu(x, w).sum().backward()
    assert w.grad.tolist() == [-4, -4]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ag.gelu(1.0, "erf"), "gelu.*'none' or 'tanh'"),
        (lambda: ag.hardtanh(1.0, 2, 1), "hardtanh.*min_val = 2"),
        (lambda: ag.softshrink(1.0, -1), "softshrink.*-1"),
        (lambda: ag.softplus(1.0, 0), "softplus.*beta"),
        (lambda: ag.celu(1.0, 0), "celu.*alpha"),
    ],
)
def test_options_out_of_range(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_relu_keeps_no_input() -> None:
    x = ag.Tensor(np.ones(3), requires_grad=True)
    y = ag.relu(x)
    assert len(y._node.kept) == 1
    assert y._node.kept[0] is y.data
