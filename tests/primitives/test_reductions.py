"""Reductions, cumulative functions, sorting and statistics: kinks, masks, empty arrays, precision."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.primitives.cumulative import cumulative_sum, maximum_accumulate
from autograd_np.primitives.reductions import logsumexp


def gradient(f, *arrays):
    """The gradients of the sum of ``f`` at arrays: one, or a tuple."""
    tensors = [ag.Tensor(a, requires_grad=True) for a in arrays]
    y = f(*tensors)
    y.backward(np.ones_like(y.numpy()))
    found = tuple(t.grad for t in tensors)
    return found[0] if len(found) == 1 else found


def second(f, a):
    """The gradient of the sum of the gradient of the sum of ``f``; zeros where the gradient is constant."""
    x = ag.Tensor(a, requires_grad=True)
    y = f(x)
    g = ag.gradients(y, x, np.ones_like(y.numpy()), create_graph=True)
    return ag.gradients(g, x, np.ones_like(g.numpy())) if g.requires_grad else np.zeros_like(a)


# ---------------------------------------------------------------- ties


@pytest.mark.parametrize("f", [np.max, np.min, np.amax, np.amin])
def test_extrema_share_the_gradient_among_k_equal_elements(f):
    assert np.array_equal(gradient(f, np.full((2, 3), 7.0)), np.full((2, 3), 1 / 6))
    x = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    row = gradient(lambda t: f(t, axis=1), x)
    expected = np.where(x == f(x, axis=1, keepdims=True), 1.0, 0.0)
    assert np.allclose(row, expected / expected.sum(1, keepdims=True), rtol=1e-15)
    assert np.array_equal(second(f, x), np.zeros((2, 3)))


def test_initial_takes_part_in_the_tie():
    assert np.array_equal(gradient(lambda t: np.max(t, initial=9.0), np.array([1.0, 2.0])), [0, 0])
    assert np.array_equal(gradient(lambda t: np.max(t, initial=2.0), np.array([1.0, 2.0])), [0, 0.5])
    assert np.array_equal(gradient(lambda t: np.min(t, initial=0.0), np.array([1.0, 2.0])), [0, 0])


def test_ptp_of_equal_elements_is_flat():
    assert np.array_equal(gradient(np.ptp, np.full(4, 2.0)), np.zeros(4))


def test_the_gradient_of_a_nan_extremum_goes_to_the_nan():
    assert np.array_equal(gradient(np.max, np.array([1.0, np.nan, 3.0])), [0, 1, 0])


def test_sort_and_median_with_ties_follow_the_stable_order():
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    x = np.array([2.0, 1.0, 2.0, 1.0])
    assert np.array_equal(gradient(lambda t: np.sort(t, kind="stable") * weights, x), [3, 1, 4, 2])
    assert gradient(np.median, x).sum() == 1
    assert gradient(lambda t: np.partition(t, 1), x).tolist() == [1, 1, 1, 1]


def test_partition_returns_each_cotangent_to_its_element():
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=(3, 50)), rng.normal(size=(3, 50))
    t = ag.Tensor(x, requires_grad=True)
    out = np.partition(t, (5, 20))
    out.backward(g)
    where = {value: at for at, value in np.ndenumerate(x)}
    for at, value in np.ndenumerate(out.numpy()):
        assert t.grad[where[value]] == g[at]


def test_running_maximum_shares_among_equal_elements_so_far():
    x = np.array([1.0, 1.0, 0.0, 2.0])
    assert np.allclose(gradient(np.maximum.accumulate, x), [1 + 1 / 2 + 1 / 2, 1 / 2 + 1 / 2, 0, 1])
    assert np.array_equal(second(maximum_accumulate, x), np.zeros(4))


def test_unique_gives_the_first_of_equal_elements():
    assert gradient(np.unique, np.array([3.0, 1.0, 3.0])).tolist() == [1, 1, 0]


# ---------------------------------------------------------------- standard deviation


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 / 3, 1e-300])
def test_std_of_equal_elements_has_gradient_zero_in_every_order(value):
    x = np.full((2, 3), value)
    assert np.allclose(gradient(lambda t: np.std(t, axis=1), x), 0, atol=1e-15)
    assert np.array_equal(second(lambda t: np.std(t, axis=1), x), np.zeros((2, 3)))


def test_std_of_one_element():
    assert gradient(np.std, np.array(3.0)) == 0
    assert gradient(lambda t: np.std(t, axis=0), np.array([[3.0, 1.0]])).tolist() == [[0, 0]]


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_std_does_not_square_extreme_magnitudes(scale):
    x = np.array([1.0, 2.0, 4.0])
    with np.errstate(over="ignore", under="ignore"):
        assert np.allclose(gradient(np.std, x * scale), gradient(np.std, x), rtol=1e-12)


def test_too_few_elements_for_ddof():
    x = ag.Tensor([1.0], requires_grad=True)
    with pytest.warns(RuntimeWarning):
        y = np.var(x, ddof=1)
    assert np.isnan(y.item())
    y.backward(np.array(0.0))
    assert x.grad == 0


def test_correction_is_another_name_of_ddof():
    x = np.array([1.0, 2.0, 4.0])
    assert np.array_equal(gradient(lambda t: np.var(t, correction=1), x), gradient(lambda t: np.var(t, ddof=1), x))
    with pytest.raises(ValueError, match="correction"):
        np.var(ag.Tensor(x), ddof=1, correction=1)


@pytest.mark.parametrize("f", [np.var, np.std])
def test_a_given_mean_has_a_gradient(f):
    x = np.array([[1.0, 2.0, 4.0], [0.0, 5.0, 1.0]])
    whole = gradient(lambda t: f(t, axis=1), x)
    given = gradient(lambda t: f(t, axis=1, mean=np.mean(t, axis=1, keepdims=True)), x)
    assert np.allclose(whole, given, rtol=1e-13)


# ---------------------------------------------------------------- products with zeros


@pytest.mark.parametrize("zeros", range(4))
def test_prod_is_exact_with_any_number_of_zeros(zeros):
    x = np.array([2.0, 3.0, 5.0, 7.0])
    x[:zeros] = 0
    expected = np.array([np.prod(np.delete(x, i)) for i in range(4)])
    assert np.array_equal(gradient(np.prod, x), expected)
    pairs = [[np.prod(np.delete(x, [i, j])) if i != j else 0.0 for j in range(4)] for i in range(4)]
    assert np.array_equal(second(np.prod, x), np.sum(pairs, axis=0))
    assert np.array_equal(ag.hessian(np.prod)(x), np.array(pairs))


def test_third_derivative_of_a_product_of_zeros():
    third = ag.jacobian(ag.hessian(np.prod))(np.zeros(3))
    expected = np.zeros((3, 3, 3))
    for i, j, k in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]:
        expected[i, j, k] = 1
    assert np.array_equal(third, expected)


@pytest.mark.parametrize("places", [[], [0], [2], [1, 3], [0, 1, 4], [0, 1, 2, 3, 4]])
def test_cumprod_is_exact_with_any_number_of_zeros(places):
    x = np.array([2.0, 3.0, 5.0, 7.0, 11.0])
    x[places] = 0
    expected = [[np.prod(np.delete(x[: k + 1], i)) if i <= k else 0.0 for i in range(5)] for k in range(5)]
    assert np.array_equal(ag.jacobian(np.cumprod)(x), np.array(expected))
    twice = [
        sum(np.prod(np.delete(x[: k + 1], [i, j])) for k in range(5) for i in range(k + 1) if i != j and j <= k)
        for j in range(5)
    ]
    assert np.array_equal(second(np.cumprod, x), np.array(twice))


def test_prod_over_several_axes_in_any_order():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 3, 4))
    expected = np.prod(x, axis=(0, 2), keepdims=True) / x
    assert np.allclose(gradient(lambda t: np.prod(t, axis=(2, 0)), x), expected)
    assert np.allclose(gradient(lambda t: np.prod(t, axis=(-3, -1), keepdims=True), x), expected)


# ---------------------------------------------------------------- logsumexp


def test_logsumexp_of_minus_infinity():
    x = np.full((2, 3), -np.inf)
    assert np.array_equal(logsumexp(x, axis=1).numpy(), [-np.inf, -np.inf])
    assert np.array_equal(gradient(lambda t: logsumexp(t, axis=1), x), np.zeros((2, 3)))
    assert np.array_equal(second(lambda t: logsumexp(t, axis=1), x), np.zeros((2, 3)))


@pytest.mark.parametrize("shift", [-1e8, -800.0, 800.0, 1e4, 1e12])
def test_logsumexp_at_extreme_magnitudes(shift):
    x = np.array([0.0, 1.0, 2.5])
    expected = np.exp(x) / np.exp(x).sum()
    assert np.allclose(gradient(logsumexp, x + shift), expected, rtol=1e-3 if shift == 1e12 else 1e-7)
    exact = np.array([0.0, 1.0, 2.0])
    assert np.allclose(gradient(logsumexp, exact + shift), np.exp(exact) / np.exp(exact).sum(), rtol=1e-14)


def test_logsumexp_keeps_a_small_rest():
    assert np.isclose(logsumexp(np.array([0.0, -40.0])).item(), np.exp(-40.0), rtol=1e-14)


def test_logaddexp_reduce_and_accumulate_dispatch():
    x = np.array([[0.5, -1.0, 2.0]])
    assert np.allclose(gradient(lambda t: np.logaddexp.reduce(t, axis=1), x), np.exp(x) / np.exp(x).sum())
    total = np.cumsum(np.exp(x), axis=1)
    expected = np.exp(x) * np.cumsum((1 / total)[:, ::-1], axis=1)[:, ::-1]
    assert np.allclose(gradient(lambda t: np.logaddexp.accumulate(t, axis=1), x), expected)


# ---------------------------------------------------------------- options


def test_masked_elements_have_no_gradient():
    x = np.array([[1.0, np.nan], [np.inf, 2.0]])
    mask = np.array([[True, False], [False, True]])
    for f in (np.sum, np.mean, np.prod, lambda t, **k: np.max(t, initial=-9.0, **k), np.var, np.std):
        g = gradient(lambda t, f=f: f(t, where=mask), x)
        assert np.isfinite(g).all()
        assert (g[~mask] == 0).all()


def test_prod_initial_scales_the_gradient():
    assert gradient(lambda t: np.prod(t, initial=4.0), np.array([2.0, 3.0])).tolist() == [12, 8]


@pytest.mark.parametrize(
    "f",
    [np.sum, np.mean, np.prod, np.max, np.cumsum, np.sort, np.median, np.ptp, np.cumulative_sum, np.nansum, np.argmax],
)
def test_out_is_refused(f):
    with pytest.raises(TypeError, match="out"):
        f(ag.Tensor([1.0, 2.0]), out=np.zeros(2))


def test_options_that_are_refused_by_name():
    t = ag.Tensor([1.0, 2.0])
    with pytest.raises(TypeError, match="order"):
        np.sort(t, order="f")
    with pytest.raises(TypeError, match="overwrite_input"):
        np.median(t, overwrite_input=True)
    with pytest.raises(TypeError, match="weights"):
        np.quantile(t, 0.5, weights=np.ones(2), method="inverted_cdf")
    with pytest.raises(TypeError, match="q, which needs one"):
        np.quantile(ag.Tensor([1.0], requires_grad=True), ag.Tensor(0.5, requires_grad=True))


def test_axis_errors_name_the_operation():
    with pytest.raises(np.exceptions.AxisError, match=r"sum.*\(2,\) float64"):
        np.sum(ag.Tensor([1.0, 2.0]), axis=3)
    with pytest.raises(np.exceptions.AxisError, match="diff"):
        np.diff(ag.Tensor([1.0, 2.0]), axis=1)


def test_ufunc_methods_dispatch():
    t = ag.Tensor([[1.0, 3.0], [2.0, 0.0]], requires_grad=True)
    a = t.numpy()
    assert np.array_equal(np.add.reduce(t).numpy(), np.add.reduce(a))
    assert np.array_equal(np.multiply.reduce(t, axis=1).numpy(), np.multiply.reduce(a, axis=1))
    assert np.array_equal(np.maximum.reduce(t).numpy(), np.maximum.reduce(a))
    assert np.array_equal(np.minimum.accumulate(t, axis=1).numpy(), np.minimum.accumulate(a, axis=1))
    assert np.array_equal(np.add.accumulate(t).numpy(), np.add.accumulate(a))
    assert np.array_equal(np.add.reduceat(t, [0, 1], axis=1).numpy(), a)
    assert bool(np.logical_or.reduce(t, axis=None))
    assert not bool(np.logical_and.reduce(t, axis=None))


# ---------------------------------------------------------------- shapes, dtypes, precision


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3)])
@pytest.mark.parametrize(
    "f",
    [np.sum, np.prod, logsumexp, np.cumsum, np.cumprod, lambda t: np.sum(t, axis=0), lambda t: np.max(t, initial=0.0)],
)
def test_empty_arrays(f, shape):
    assert gradient(f, np.zeros(shape)).shape == shape


def test_results_without_elements():
    for f in (np.mean, np.max, np.var, np.std, np.median, np.sort, np.cumprod, maximum_accumulate, logsumexp):
        assert gradient(lambda t, f=f: f(t, axis=0), np.zeros((2, 0))).shape == (2, 0)


@pytest.mark.parametrize(
    "f",
    [
        *(
            np.sum,
            np.mean,
            np.var,
            np.std,
            np.prod,
            np.max,
            np.min,
            np.ptp,
            np.median,
            np.cumsum,
            np.cumprod,
            np.sort,
            np.nanmean,
            np.nanstd,
        ),
        *(
            np.average,
            np.trapezoid,
            logsumexp,
            cumulative_sum,
            maximum_accumulate,
            lambda t: np.quantile(t, 0.3),
            lambda t: np.diff(t, n=2),
        ),
    ],
)
def test_float32_stays_float32(f):
    x = ag.Tensor(np.array([0.5, 3.0, 2.0, -1.0], np.float32), requires_grad=True)
    y = f(x)
    assert y.dtype == np.float32
    g = ag.gradients(y, x, np.ones(y.shape, np.float32), create_graph=True)
    assert g.dtype == np.float32
    if g.requires_grad:
        assert ag.gradients(g, x, np.ones(4, np.float32)).dtype == np.float32


def test_integers_have_values_and_numpys_dtypes():
    x = np.arange(1, 7, dtype=np.int32).reshape(2, 3)
    for f in (np.sum, np.mean, np.prod, np.max, np.var, np.cumsum, np.median, np.sort, np.ptp, np.any, np.argmin):
        y = f(ag.Tensor(x))
        assert y.dtype == f(x).dtype
        assert np.array_equal(y.numpy(), f(x))
        assert not y.requires_grad


def test_dtype_is_that_of_the_accumulation():
    x = ag.Tensor(np.full(3, 1e30, np.float32), requires_grad=True)
    y = np.prod(x, dtype=np.float64)
    assert y.dtype == np.float64
    y.backward(np.array(1e-60))
    assert x.grad.dtype == np.float32
    assert np.allclose(x.grad, 1.0)


def test_mean_of_many_float32_is_numpys():
    x = np.random.default_rng(2).random(100_003, np.float32)
    assert np.mean(ag.Tensor(x)).numpy() == np.mean(x)
    assert np.array_equal(
        np.mean(ag.Tensor(x[:99_999].reshape(3, -1)), axis=1).numpy(), np.mean(x[:99_999].reshape(3, -1), axis=1)
    )


def test_the_mean_of_nothing_warns_as_numpy_does():
    with pytest.warns(RuntimeWarning):
        assert np.isnan(np.mean(ag.Tensor(np.zeros(0))).item())


def test_large_sum_has_the_gradient_of_ones():
    assert np.array_equal(gradient(np.sum, np.zeros((100, 100))), np.ones((100, 100)))


# ---------------------------------------------------------------- a zero cotangent


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda t: np.std(t, axis=1), np.array([[1.0, 1.0], [1.0, 2.0]])),
        (lambda t: logsumexp(t, axis=1), np.array([[-np.inf, -np.inf], [0.0, 1.0]])),
        (lambda t: np.cumprod(t, axis=1), np.array([[np.inf, 2.0], [1.0, 3.0]])),
        (lambda t: np.prod(t, axis=1), np.array([[np.inf, 0.0], [1.0, 3.0]])),
    ],
)
def test_a_zero_cotangent_stays_zero(f, x):
    t = ag.Tensor(x, requires_grad=True)
    with np.errstate(all="ignore"):
        y = f(t)
    g = np.zeros(y.shape)
    g[1] = 1
    first = ag.gradients(y, t, g, create_graph=True)
    assert np.array_equal(first.numpy()[0], [0, 0])
    assert np.isfinite(first.numpy()).all()
    twice = ag.gradients(first, t, np.array([[0.0, 0.0], [1.0, 2.0]]))
    assert np.array_equal(twice[0], [0, 0])
    assert np.isfinite(twice).all()


def test_a_result_that_is_not_used_spoils_nothing():
    x = np.array([0.1, 1e200, 1e200, 1.0])
    with np.errstate(over="ignore"):
        g = gradient(lambda t: np.cumprod(t)[0], x)
    assert np.array_equal(g, [1, 0, 0, 0])


# ---------------------------------------------------------------- NaN


def test_slices_of_nan_alone():
    x = np.array([[np.nan, np.nan], [1.0, np.nan]])
    for f in (np.nanmean, np.nanmax, np.nanmedian, np.nanstd):
        with pytest.warns(RuntimeWarning):
            g = gradient(lambda t, f=f: f(t, axis=1), x)
        assert np.array_equal(g[0], [0, 0])
        assert g[1].tolist() == [0, 0] if f is np.nanstd else g[1].tolist() == [1, 0]


# ---------------------------------------------------------------- interpolation and others


def test_interp_beyond_its_points():
    x, xp, fp = np.array([-1.0, 0.5, 2.0, 9.0]), np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 0.0])
    gx, gxp, gfp = gradient(np.interp, x, xp, fp)
    assert gx.tolist() == [0, 2, -3, 0]
    assert gfp.tolist() == [1.5, 0.5, 2]
    assert np.allclose(gxp, [-1, -1, 3])


def test_histogram_weights_have_a_gradient():
    x = np.array([0.5, 1.5, 1.7, 2.0, 9.0])
    g = gradient(lambda w: np.histogram(x, bins=[0.0, 1.0, 2.0], weights=w)[0] * np.array([2.0, 3.0]), np.ones(5))
    assert g.tolist() == [2, 3, 3, 3, 0]


def test_average_needs_weights_that_fit():
    t = ag.Tensor(np.ones((2, 3)))
    with pytest.raises(TypeError, match="axis"):
        np.average(t, weights=np.ones(3))
    with pytest.raises(ValueError, match="fit neither"):
        np.average(t, axis=0, weights=np.ones(3))
    with pytest.raises(ZeroDivisionError):
        np.average(t, axis=1, weights=np.zeros(3))


def test_cumulative_sum_needs_an_axis():
    with pytest.raises(ValueError, match="axis"):
        np.cumulative_sum(ag.Tensor(np.ones((2, 2))))


def test_complex_gradients():
    x = np.array([1.0 + 2.0j, -0.5 + 1.0j, 0.3 - 1.0j])
    for f in (np.var, np.std):
        t = ag.Tensor(x, requires_grad=True)
        f(t).backward()
        for k in range(3):
            for direction, part in ((1e-6, t.grad[k].real), (1e-6j, -t.grad[k].imag)):
                step = np.zeros(3, complex)
                step[k] = direction
                assert np.isclose((f(x + step) - f(x - step)) / 2e-6, part, rtol=1e-7)
    t = ag.Tensor(x, requires_grad=True)
    np.real(np.prod(t)).backward()
    assert np.allclose(t.grad, np.prod(x) / x)
