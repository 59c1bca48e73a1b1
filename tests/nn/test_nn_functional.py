"""nn.functional: every name works, and those of our own do what PyTorch's do."""

import importlib
import types

import numpy as np
import pytest
from hypothesis import given, strategies as st

import autograd_np as ag
import nn
import nn.functional as F  # noqa: N812


@pytest.mark.parametrize("name", F.__all__)
def test_every_name_is_there(name):
    assert callable(getattr(F, name))
    assert getattr(F, name).__doc__


def test_names():
    assert set(F.__all__) <= set(dir(F))
    with pytest.raises(AttributeError, match="no attribute 'conv5d'"):
        F.conv5d  # noqa: B018
    assert isinstance(importlib.import_module("nn.functional"), types.ModuleType)
    assert nn.functional is F


def test_linear_multiplies_from_the_right():
    x, w, b = np.ones((2, 3)), np.arange(6.0).reshape(3, 2), np.array([1.0, -1.0])
    np.testing.assert_array_equal(F.linear(x, w, b).numpy(), x @ w + b)
    np.testing.assert_array_equal(F.embedding(np.array([1, 0]), w).numpy(), w[[1, 0]])


def test_axes_are_called_dim():
    x = np.random.default_rng(0).normal(size=(3, 4))
    np.testing.assert_array_equal(F.softmax(x, dim=0).numpy(), ag.softmax(x, 0).numpy())
    np.testing.assert_array_equal(F.log_softmax(x, dim=1).numpy(), ag.log_softmax(x, 1).numpy())
    np.testing.assert_array_equal(F.softmin(x, dim=0).numpy(), ag.softmax(-x, 0).numpy())
    np.testing.assert_array_equal(F.glu(x, dim=1).numpy(), ag.glu(x, 1).numpy())


def test_one_hot():
    out = F.one_hot(np.array([[2, 0]]))
    assert out.dtype == np.int64
    assert out.tolist() == [[[0, 0, 1], [1, 0, 0]]]
    assert F.one_hot([1], num_classes=3).tolist() == [[0, 1, 0]]


def test_dropout_draws_from_the_default_generator():
    x = np.ones((50, 50), np.float32)
    nn.manual_seed(3)
    a = F.dropout(x, 0.3).numpy()
    nn.manual_seed(3)
    np.testing.assert_array_equal(a, F.dropout(x, 0.3).numpy())
    np.testing.assert_array_equal(F.dropout(x, 0.3, rng=5).numpy(), F.dropout(x, 0.3, rng=5).numpy())
    assert a.dtype == np.float32
    assert 0.2 < (a == 0).mean() < 0.4
    np.testing.assert_array_equal(F.dropout(x, 0.3, training=False), x)
    q = np.random.default_rng(0).normal(size=(2, 5, 4))
    nn.manual_seed(3)
    one = F.scaled_dot_product_attention(q, q, q, dropout_p=0.5).numpy()
    nn.manual_seed(3)
    np.testing.assert_array_equal(one, F.scaled_dot_product_attention(q, q, q, dropout_p=0.5).numpy())
    plain = F.scaled_dot_product_attention(q, q, q).numpy()
    weights = ag.softmax(q @ q.swapaxes(1, 2) / 2).numpy()
    np.testing.assert_allclose(plain, weights @ q, rtol=1e-12)


# ---------------------------------------------------------------- distances


def test_distances():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 5, 3))
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    np.testing.assert_allclose(F.cosine_similarity(a, b).numpy(), cosine, rtol=1e-13)
    np.testing.assert_allclose(F.cosine_similarity(a[:, None], b[None], dim=-1).numpy().diagonal(), cosine, rtol=1e-13)
    np.testing.assert_allclose(F.pairwise_distance(a, b).numpy(), np.linalg.norm(a - b + 1e-6, axis=1), rtol=1e-13)
    assert F.pairwise_distance(a, b, p=1, keepdim=True).shape == (5, 1)
    np.testing.assert_allclose(F.normalize(a).numpy(), a / np.linalg.norm(a, axis=1, keepdims=True), rtol=1e-13)
    np.testing.assert_allclose(np.abs(F.normalize(a, p=1, dim=0).numpy()).sum(0), 1, rtol=1e-13)
    for f in (F.cosine_similarity, F.pairwise_distance):
        assert ag.gradcheck(f, (a, b), order=2)
    assert ag.gradcheck(F.normalize, a, order=2)
    zero = ag.Tensor(np.zeros((1, 3)), requires_grad=True)
    assert F.cosine_similarity(zero, np.ones((1, 3))).item() == 0
    out = F.normalize(zero)
    ag.sum(out).backward()
    assert out.tolist() == [[0, 0, 0]]
    assert np.isfinite(zero.grad).all()
    assert (
        F.normalize(a.astype(np.float32)).dtype
        == F.cosine_similarity(a.astype(np.float32), b.astype(np.float32)).dtype
        == np.float32
    )


# ---------------------------------------------------------------- padding


def test_pad_counts_from_the_last_axis():
    x = np.arange(6.0).reshape(2, 3)
    assert F.pad(x, (1, 0)).shape == (2, 4)
    assert F.pad(x, (0, 0, 2, 1), value=7).tolist() == np.pad(x, [(2, 1), (0, 0)], constant_values=7).tolist()
    for mode, numpy in (("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")):
        np.testing.assert_array_equal(F.pad(x, (1, 2), mode).numpy(), np.pad(x, [(0, 0), (1, 2)], numpy))
    assert F.pad(x, (-1, 0)).tolist() == x[:, 1:].tolist()
    assert F.pad(x, (1, -2, -1, 0)).tolist() == [[0, 3]]
    assert F.pad(x, ()).tolist() == x.tolist()
    assert ag.gradcheck(lambda x: F.pad(x, (1, -1, 0, 1), "constant", 2.0) ** 2, x + 1.0, order=2)
    for call in (
        lambda: F.pad(x, (1,)),
        lambda: F.pad(x, (1, 1) * 3),
        lambda: F.pad(x, (1, 1), "mirror"),
        lambda: F.pad(x, (1, 1), "reflect", 1.0),
    ):
        with pytest.raises(ValueError, match="pad"):
            call()


@given(st.lists(st.integers(2, 4), min_size=1, max_size=3), st.data())
def test_pad_is_numpys_in_reverse(shape, data):
    n = data.draw(st.integers(0, len(shape)))
    pads = data.draw(st.lists(st.integers(0, 3), min_size=2 * n, max_size=2 * n))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    widths = [(0, 0)] * (len(shape) - n) + [(pads[2 * i], pads[2 * i + 1]) for i in reversed(range(n))]
    np.testing.assert_array_equal(F.pad(x, pads).numpy(), np.pad(x, widths))
