"""Initialisers: moments, bounds, orthogonality, dtypes, seeds, names."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given, strategies as st

import autograd_np as ag
import nn
from nn import init

# name of the in-place function, its name for fresh, kind, variance of fans (200, 300)
SCALED = [
    ("xavier_uniform_", "xavier_uniform", "uniform", 2 / 500),
    ("xavier_normal_", "xavier_normal", "normal", 2 / 500),
    ("kaiming_uniform_", "he_uniform", "uniform", 2 / 200),
    ("kaiming_normal_", "he_normal", "normal", 2 / 200),
    ("lecun_uniform_", "lecun_uniform", "uniform", 1 / 200),
    ("lecun_normal_", "lecun_normal", "normal", 1 / 200),
    ("uniform_", "uniform", "unit", 1 / 12),
    ("normal_", "normal", "normal", 1.0),
]
KURTOSIS = {"uniform": 1.8, "unit": 1.8, "normal": 3.0}


@pytest.mark.parametrize(("function", "name", "kind", "variance"), SCALED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moments(function, name, kind, variance, dtype):
    parameter = ag.Tensor(np.zeros((200, 300), dtype), requires_grad=True)
    assert getattr(init, function)(parameter, rng=1) is parameter
    fresh = init.fresh((200, 300), name, dtype=dtype, rng=1)
    np.testing.assert_array_equal(parameter.numpy(), fresh)
    assert fresh.dtype == dtype
    x = fresh.astype(float)
    mean = 0.5 if kind == "unit" else 0.0
    n = x.size
    # Five standard errors of the mean, the variance and the kurtosis.
    assert abs(x.mean() - mean) < 5 * math.sqrt(variance / n)
    assert abs(x.var() / variance - 1) < 5 * math.sqrt((KURTOSIS[kind] - 1) / n)
    assert abs(((x - mean) ** 4).mean() / variance**2 - KURTOSIS[kind]) < 5 * math.sqrt(96 / n)
    if kind == "uniform":
        assert abs(x).max() <= np.float64(dtype(math.sqrt(3 * variance)))
        assert abs(x).max() > 0.999 * math.sqrt(3 * variance)


def test_fan_in_uniform_is_the_default_of_pytorch():
    x = init.fresh((400, 50), "fan_in_uniform", rng=0)
    assert 0.999 / 20 < abs(x).max() <= 1 / 20
    bias = init.fresh(50, "fan_in_uniform", rng=0, fan_in=400)
    assert bias.shape == (50,)
    assert abs(bias).max() <= 1 / 20


def test_fans_of_matrices_and_of_convolutions():
    assert init.fans((784, 128)) == (784, 128)
    assert init.fans((32, 16, 3, 5)) == (16 * 15, 32 * 15)
    assert init.fans(np.zeros((4, 2, 3))) == (6, 12)
    for name in ("he_normal", "xavier_uniform"):
        with pytest.raises(ValueError, match="give fan_in="):
            init.fresh((5,), name)
    w = init.fresh((64, 32, 3, 3), "he_normal", rng=0, dtype=float)
    assert abs(w.var() * (32 * 9) / 2 - 1) < 0.05
    w = init.kaiming_normal_(np.zeros((64, 32, 3, 3)), mode="fan_out", nonlinearity="relu", rng=0)
    assert abs(w.var() * (64 * 9) / 2 - 1) < 0.05
    wide = init.fresh((64, 256), "xavier_normal", rng=0, dtype=float, fan_out=64)
    assert abs(wide.var() * 128 / 2 - 1) < 0.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(64, 64), (30, 80), (80, 30), (8, 3, 3, 3), (50, 2, 3, 3)])
def test_orthogonal(shape, dtype):
    gain = 1.5
    w = init.orthogonal_(np.zeros(shape, dtype), gain=gain, rng=3)
    assert w.dtype == dtype
    flat = w.reshape(shape[0], -1).astype(float) / gain
    gram = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-6 if dtype == np.float32 else 1e-12)


def test_orthogonal_matrices_are_spread_evenly():
    # Without the correction of signs QR prefers one sign on the diagonal.
    rng = np.random.default_rng(0)
    traces = [np.trace(init.fresh((3, 3), "orthogonal", rng=rng, dtype=float)) for _ in range(2000)]
    assert abs(np.mean(traces)) < 5 / math.sqrt(2000)  # the trace of a Haar matrix has variance 1
    with pytest.raises(ValueError, match="at least 2 axes"):
        init.orthogonal_(np.zeros(3))


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [
        (0, 1, -2, 2),
        (0, 0.02, -0.04, 0.04),
        (1, 2, -1, 0),
        (0, 1, -0.5, 1),
        (0, 1, 3, 4),
        (0, 1, -9, -4),
        (5, 1, -2, 2),
        (0, 1, 0.1, 0.3),
        (0, 1, 0, 6),
        (0, 1, -30, 0.2),
    ],
)
def test_truncated_normal(mean, std, a, b):
    stats = pytest.importorskip("scipy.stats")
    for dtype in (np.float32, np.float64):
        x = init.trunc_normal_(np.zeros((100, 200), dtype), mean, std, a, b, rng=7)
        assert x.dtype == dtype
        assert x.min() >= dtype(a)
        assert x.max() <= dtype(b)
        law = stats.truncnorm((a - mean) / std, (b - mean) / std, loc=mean, scale=std)
        assert stats.kstest(x.ravel().astype(float), law.cdf).pvalue > 1e-3
    named = init.fresh((100, 100), "trunc_normal", rng=0)
    assert abs(named).max() <= 2


def test_truncated_normal_refuses_an_empty_interval():
    with pytest.raises(ValueError, match="leave no interval"):
        init.trunc_normal_(np.zeros(3), a=1, b=1)
    with pytest.raises(ValueError, match="must be positive"):
        init.trunc_normal_(np.zeros(3), std=0)


def test_constants():
    t = ag.Tensor(np.zeros((2, 3), np.float32), requires_grad=True)
    assert init.constant_(t, 0.25).numpy().tolist() == [[0.25] * 3] * 2
    assert init.ones_(t).numpy().tolist() == [[1.0] * 3] * 2
    assert init.eye_(t).numpy().tolist() == [[1, 0, 0], [0, 1, 0]]
    assert init.zeros_(t).numpy().tolist() == [[0.0] * 3] * 2
    assert t.dtype == np.float32
    assert t.requires_grad
    with pytest.raises(ValueError, match="is a matrix"):
        init.eye_(np.zeros(3))
    assert init.fresh((2, 2), 3, dtype=np.float64).tolist() == [[3.0, 3.0]] * 2
    assert init.fresh(2, np.float64(0.5)).tolist() == [0.5, 0.5]
    for name in ("zeros", "ones"):
        assert init.fresh((2,), name).dtype == np.float32


def test_callables_get_what_they_ask_for():
    seen = {}

    def full(shape, dtype, rng):
        seen.update(shape=shape, dtype=dtype, rng=rng)
        return np.full(shape, 2.0)

    x = init.fresh((2, 3), full, rng=5)
    assert seen["shape"] == (2, 3)
    assert seen["dtype"] == np.float32
    assert isinstance(seen["rng"], np.random.Generator)
    assert x.dtype == np.float32
    assert init.fresh((2,), np.ones).tolist() == [1, 1]
    expected = np.random.default_rng(5).normal(0, 0.02, (2, 3)).astype(np.float32)
    for call in (
        lambda shape, rng: rng.normal(0, 0.02, shape),
        lambda s, r: r.normal(0, 0.02, s),
        lambda s, d, r: r.normal(0, 0.02, s),
        lambda s, rng=None: rng.normal(0, 0.02, s),
        partial(lambda std, s, r: r.normal(0, std, s), 0.02),
    ):
        np.testing.assert_array_equal(init.fresh((2, 3), call, rng=5), expected)
    np.testing.assert_array_equal(
        init.fresh((2, 3), init.fresh((2, 3), "normal", rng=1)), init.fresh((2, 3), "normal", rng=1)
    )
    np.testing.assert_array_equal(init.fresh((2,), ag.Tensor([1.0, 2.0], requires_grad=True)), [1, 2])
    with pytest.raises(ValueError, match=r"values of shape \(3, 2\) for a parameter of shape \(2, 3\)"):
        init.fresh((2, 3), lambda shape, rng: np.zeros((3, 2)))


def test_what_is_refused():
    with pytest.raises(ValueError, match="'he'; known are .*he_normal"):
        init.fresh((2, 2), "he")
    with pytest.raises(TypeError, match="not int64"):
        init.fresh((2, 2), "zeros", dtype=np.int64)
    with pytest.raises(TypeError, match="not int64"):
        init.normal_(np.zeros(3, np.int64))
    with pytest.raises(TypeError, match="not list"):
        init.normal_([1.0])
    with pytest.raises(TypeError, match="not bool"):
        init.fresh((2,), True)
    with pytest.raises(TypeError, match="not dict"):
        init.fresh((2,), {})
    with pytest.raises(ValueError, match="mode is"):
        init.kaiming_normal_(np.zeros((2, 2)), mode="both")
    with pytest.raises(ValueError, match="no gain is known for 'swish'"):
        init.calculate_gain("swish")


def test_gains():
    assert init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("leaky_relu", 0.2) == pytest.approx(math.sqrt(2 / 1.04))
    assert init.calculate_gain("leaky_relu") == pytest.approx(math.sqrt(2 / 1.0001))
    assert init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("selu") == 0.75
    assert init.calculate_gain("conv2d") == init.calculate_gain("sigmoid") == 1
    w = init.kaiming_uniform_(np.zeros((900, 100)), a=math.sqrt(5), rng=0)
    assert 0.999 / 30 < abs(w).max() <= 1 / 30


def test_seeds():
    import nn.defaults as defaults

    defaults.manual_seed(3)
    a = init.fresh((4, 4), "normal")
    defaults.manual_seed(3)
    np.testing.assert_array_equal(a, init.fresh((4, 4), "normal"))
    rng = np.random.default_rng(0)
    assert (init.fresh((4,), "normal", rng=rng) != init.fresh((4,), "normal", rng=rng)).all()
    np.testing.assert_array_equal(init.fresh((4,), "normal", rng=0), init.fresh((4,), "normal", rng=0))


def test_a_write_between_forward_and_backward_is_seen():
    w = ag.Tensor([[1.0, 2.0]], requires_grad=True)
    loss = (w * w).sum()
    init.normal_(w, rng=0)
    with pytest.raises(ag.MutationError):
        loss.backward()


@given(
    st.sampled_from(init.names()),
    st.lists(st.integers(0, 5), min_size=2, max_size=4),
    st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_every_name_on_every_shape(name, shape, dtype):
    if name == "eye":
        shape = shape[:2]
    x = init.fresh(shape, name, dtype=dtype, rng=0)
    assert x.shape == tuple(shape)
    assert x.dtype == dtype
    assert np.isfinite(x).all()
    np.testing.assert_array_equal(x, init.fresh(shape, name, dtype=dtype, rng=0))


# ---------------------------------------------------------------- whole models


class _Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(np.full((40, 30), 7.0))
        self.bias = nn.Parameter(np.full(30, 7.0))
        self.kernel = nn.Parameter(np.full((8, 5, 3, 3), 7.0))
        self.bias_ih = nn.Parameter(np.full(4, 7.0), dtype=np.float32)


class _Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = _Block()
        self.slope = nn.PReLU()
        self.again = self.first
        self.b = nn.Parameter(np.full(3, 7.0))


def test_initialize_a_model():
    model = _Model()
    assert nn.initialize(model, "he_normal", bias="zeros", rng=4) is model
    block = model.first
    rng = np.random.default_rng(4)
    np.testing.assert_array_equal(block.weight.numpy(), init.fresh((40, 30), "he_normal", dtype=float, rng=rng))
    np.testing.assert_array_equal(block.kernel.numpy(), init.fresh((8, 5, 3, 3), "he_normal", dtype=float, rng=rng))
    assert (block.bias.numpy() == 0).all()
    assert (block.bias_ih.numpy() == 0).all()
    assert block.bias_ih.dtype == np.float32
    assert (model.b.numpy() == 0).all()
    assert model.slope.weight.tolist() == [0.25]
    nn.initialize(model, None, bias=0.5)
    assert (block.bias.numpy() == 0.5).all()
    np.testing.assert_array_equal(block.weight.numpy(), init.fresh((40, 30), "he_normal", dtype=float, rng=4))
    nn.initialize(model, "orthogonal", bias=None, rng=0)
    assert (block.bias.numpy() == 0.5).all()
    np.testing.assert_allclose(block.weight.numpy().T @ block.weight.numpy(), np.eye(30), atol=1e-12)
    with pytest.raises(ValueError, match="no initialiser is called"):
        nn.initialize(model, "best")
