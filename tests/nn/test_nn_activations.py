"""Activation layers: the functions of autograd_np behind PyTorch's names (whose values are compared in
test_nn_losses.py)."""

import inspect

import numpy as np
import pytest
from hypothesis import given, strategies as st

import autograd_np as ag
import nn
import nn.functional as F  # noqa: N812
from nn.layers import activations

# layer, the same as a function, value at 0 and gradient at 0
TABLE = {
    "ReLU": (nn.ReLU(), F.relu),
    "LeakyReLU": (nn.LeakyReLU(0.2), lambda x: F.leaky_relu(x, 0.2)),
    "PReLU": (nn.PReLU(dtype=np.float64), lambda x: F.prelu(x, np.array([0.25]))),
    "ELU": (nn.ELU(0.5), lambda x: F.elu(x, 0.5)),
    "SELU": (nn.SELU(), F.selu),
    "CELU": (nn.CELU(2.0), lambda x: F.celu(x, 2.0)),
    "GELU": (nn.GELU("tanh"), lambda x: F.gelu(x, approximate="tanh")),
    "SiLU": (nn.SiLU(), F.silu),
    "Mish": (nn.Mish(), F.mish),
    "Sigmoid": (nn.Sigmoid(), F.sigmoid),
    "Tanh": (nn.Tanh(), F.tanh),
    "Softmax": (nn.Softmax(0), lambda x: F.softmax(x, 0)),
    "LogSoftmax": (nn.LogSoftmax(), F.log_softmax),
    "Softmin": (nn.Softmin(1), lambda x: F.softmin(x, 1)),
    "Softplus": (nn.Softplus(2.0, 5.0), lambda x: F.softplus(x, 2.0, 5.0)),
    "Softsign": (nn.Softsign(), F.softsign),
    "Tanhshrink": (nn.Tanhshrink(), F.tanhshrink),
    "Hardtanh": (nn.Hardtanh(-0.5, 2.0), lambda x: F.hardtanh(x, -0.5, 2.0)),
    "ReLU6": (nn.ReLU6(), F.relu6),
    "Hardsigmoid": (nn.Hardsigmoid(), F.hardsigmoid),
    "Hardswish": (nn.Hardswish(), F.hardswish),
    "Hardshrink": (nn.Hardshrink(0.3), lambda x: F.hardshrink(x, 0.3)),
    "Softshrink": (nn.Softshrink(0.3), lambda x: F.softshrink(x, 0.3)),
    "LogSigmoid": (nn.LogSigmoid(), F.logsigmoid),
    "GLU": (nn.GLU(0), lambda x: F.glu(x, 0)),
    "Threshold": (nn.Threshold(0.1, 7.0), lambda x: F.threshold(x, 0.1, 7.0)),
}


def test_the_table_is_complete():
    assert set(TABLE) == set(activations.__all__)
    assert set(TABLE) <= set(nn.__all__)


@pytest.mark.parametrize("name", TABLE)
def test_layer_and_function(name):
    layer, function = TABLE[name]
    rng = np.random.default_rng(0)
    # Steps of 0.13 meet no kink.
    x = rng.permutation(np.arange(-12, 12) * 0.13 + 0.045).reshape(4, 6)
    np.testing.assert_array_equal(layer(x).numpy(), function(x).numpy())
    assert ag.gradcheck(lambda x: layer(x), x, order=2)
    if name != "PReLU":
        t = ag.Tensor(x.astype(np.float32), requires_grad=True)
        out = layer(t)
        assert out.dtype == np.float32
        ag.sum(out).backward()
        assert t.grad.dtype == np.float32
        assert list(layer.parameters()) == []


@pytest.mark.parametrize("name", TABLE)
def test_inplace_is_refused(name):
    cls = getattr(nn, name)
    first = (0.0, 0.0) if name == "Threshold" else ()
    takes = "inplace" in inspect.signature(cls).parameters
    if takes:
        assert cls(*first, inplace=False) is not None
        with pytest.raises(ValueError, match="leave it out"):
            cls(*first, inplace=True)
    else:
        with pytest.raises(TypeError):
            cls(*first, inplace=True)


def test_prelu_learns_its_slope():
    layer = nn.PReLU(3)
    assert layer.weight.dtype == np.float32
    assert layer.weight.tolist() == [0.25] * 3
    x = np.array([[-1.0, 2.0, -3.0], [-4.0, -5.0, 6.0]], np.float32)
    ag.sum(layer(x)).backward()
    np.testing.assert_array_equal(layer.weight.grad, [-5, -5, -3])
    weight = nn.Parameter([0.1, 0.2, 0.3], dtype=float)
    assert ag.gradcheck(lambda x, w: F.prelu(x, w), (x.astype(float), weight.numpy().copy()), order=2)
    with pytest.raises(ValueError, match=r"\(3,\).*\(2, 4\)"):
        layer(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="num_parameters"):
        nn.PReLU(0)


def test_kinks():
    def slope(layer, *points):
        x = ag.Tensor(np.array(points), requires_grad=True)
        ag.sum(layer(x)).backward()
        return x.grad.tolist()

    assert slope(nn.ReLU(), 0.0) == [0]
    assert slope(nn.LeakyReLU(0.1), 0.0) == [0.1]
    assert slope(nn.Hardtanh(), -1.0, 1.0) == [0, 0]
    assert slope(nn.ReLU6(), 0.0, 6.0) == [0, 0]
    assert slope(nn.Threshold(1.0, 5.0), 1.0, 1.5) == [0, 1]
    assert slope(nn.Hardshrink(), -0.5, 0.5) == [0, 0]
    assert slope(nn.Softshrink(), -0.5, 0.5) == [0, 0]
    assert slope(nn.ELU(), 0.0) == [1]


def test_wrong_options():
    for call in (
        lambda: nn.GELU("erf"),
        lambda: nn.Hardtanh(1.0, 0.0),
        lambda: nn.Softshrink(-1.0),
        lambda: nn.CELU(0.0),
        lambda: nn.Softplus(beta=0),
        lambda: nn.GLU()(np.zeros((2, 3))),
    ):
        with pytest.raises(ValueError):
            call()
    for cls in (nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.GLU):
        with pytest.raises(TypeError):
            cls(None)


def test_repr():
    assert repr(nn.ReLU()) == "ReLU()"
    assert repr(nn.LeakyReLU(0.2)) == "LeakyReLU(negative_slope=0.2)"
    assert repr(nn.GELU()) == "GELU(approximate='none')"
    assert repr(nn.Softmax(dim=1)) == "Softmax(dim=1)"
    assert repr(nn.Threshold(0, 1)) == "Threshold(threshold=0, value=1)"


@given(
    st.sampled_from(sorted(set(TABLE) - {"GLU", "PReLU"})),
    st.lists(st.integers(0, 4), min_size=2, max_size=4),
    st.sampled_from([np.float16, np.float32]),
)
def test_every_shape(name, shape, dtype):
    x = np.linspace(-3, 3, int(np.prod(shape)), dtype=dtype).reshape(shape)
    out = TABLE[name][0](x)
    assert out.shape == tuple(shape)
    assert out.dtype == dtype
