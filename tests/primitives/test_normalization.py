"""Normalisations: extreme values, orders of memory, running statistics, what is kept, errors. (Rules:
proofs/samples_normalization.py.)"""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_np as ag

NAMES = ["layer_norm", "group_norm", "batch_norm"]


def call(name, x, **options):
    """The normalisation of x of shape (N, C, L), over comparable groups."""
    if name == "layer_norm":
        return ag.layer_norm(x, x.shape[-1], **options)
    if name == "rms_norm":
        return ag.rms_norm(x, x.shape[-1], **options)
    if name == "group_norm":
        return ag.group_norm(x, 2, **options)
    if name == "instance_norm":
        return ag.instance_norm(x, **options)
    return ag.batch_norm(x, training=True, **options)


def axes_of(name):
    return {"layer_norm": (2,), "group_norm": (1, 2), "batch_norm": (0, 2)}[name]


def last(x):
    return np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1)


@pytest.mark.parametrize("arrange", [np.ascontiguousarray, last])
@pytest.mark.parametrize("mean", [1e4, -3e5])
@pytest.mark.parametrize("name", NAMES)
def test_large_mean_and_small_deviation_in_float32(name, mean, arrange) -> None:
    rng = np.random.default_rng(0)
    x = arrange((mean * (1 + 1e-5 * rng.normal(size=(16, 2, 64)))).astype(np.float32))
    y = call(name, x, eps=0.0).numpy()
    exact = x.astype(float)
    if name == "group_norm":
        expected = (exact - exact.mean(2, keepdims=True)) / exact.std(2, keepdims=True)
    else:
        axes = axes_of(name)
        expected = (exact - exact.mean(axes, keepdims=True)) / exact.std(axes, keepdims=True)
    np.testing.assert_allclose(y, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e4 / 3, -1e30, 1e-30])
@pytest.mark.parametrize("name", NAMES)
def test_equal_numbers_give_the_bias(name, value) -> None:
    x = ag.Tensor(np.full((4, 2, 7), value, np.float32), requires_grad=True)
    y = call(name, x)
    assert (y.numpy() == 0).all()
    y.backward(np.ones(x.shape, np.float32))
    assert np.isfinite(x.grad).all()


@pytest.mark.parametrize("name", [*NAMES, "rms_norm", "instance_norm"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_kept(name, dtype) -> None:
    x = ag.Tensor((300 * np.random.default_rng(0).normal(size=(4, 2, 7))).astype(dtype), requires_grad=True)
    y = call(name, x)
    y.backward(np.ones(x.shape, dtype))
    assert y.dtype == x.grad.dtype == dtype
    assert np.abs(y.numpy().astype(float)).max() < 5
    np.testing.assert_allclose(np.mean(y.numpy().astype(float) ** 2), 1, atol=5e-3)


def test_mixed_dtypes_follow_numpy() -> None:
    x = ag.Tensor(np.ones((3, 4), np.float32), requires_grad=True)
    w = ag.Tensor(np.ones(4), requires_grad=True)
    y = ag.layer_norm(x, 4, w)
    y.sum().backward()
    assert y.dtype == np.float64
    assert x.grad.dtype == np.float32
    assert ag.layer_norm([[1, 3]], 2, eps=0.0).tolist() == [[-1.0, 1.0]]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 5), st.integers(0, 2**32 - 1), st.booleans())
def test_order_of_memory_does_not_matter(n, c, length, seed, affine) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n + 1, c, length))
    g = rng.normal(size=x.shape)
    w, b = (rng.normal(size=c), rng.normal(size=c)) if affine else (None, None)
    results = []
    for arrange in (np.ascontiguousarray, last, np.asfortranarray):
        t = ag.Tensor(arrange(x), requires_grad=True)
        weight = None if w is None else ag.Tensor(w, requires_grad=True)
        y = ag.batch_norm(t, weight=weight, bias=b, training=True)
        y.backward(g)
        results.append([y.numpy(), t.grad, *([] if weight is None else [weight.grad])])
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("training", [True, False])
def test_channels_last_memory_stays_channels_last(training) -> None:
    x = last(np.random.default_rng(0).normal(size=(2, 3, 4, 5)))
    t = ag.Tensor(x, requires_grad=True)
    y = ag.batch_norm(t, np.zeros(3), np.ones(3), np.ones(3), training=training)
    assert y.numpy().strides == x.strides
    y.backward(np.ones(x.shape))
    assert ag.group_norm(t, 1).numpy().strides == x.strides


# ---------------------------------------------------------------- batch normalisation


def test_running_statistics() -> None:
    mean, var = np.zeros(2, np.float32), np.ones(2, np.float32)
    x = np.array([[1.0, 2.0], [3.0, 6.0]], np.float32)
    ag.batch_norm(x, mean, var, training=True, momentum=0.5)
    np.testing.assert_allclose(mean, [1, 2])
    np.testing.assert_allclose(var, [1.5, 4.5])
    y = ag.batch_norm(x, mean, var, eps=0.0)
    np.testing.assert_allclose(y.numpy(), (x - [1, 2]) / np.sqrt([1.5, 4.5]), rtol=1e-6)
    np.testing.assert_allclose(mean, [1, 2])


def test_statistics_changed_after_the_forward_pass_do_not_change_its_gradient() -> None:
    mean, var = np.zeros(2), np.ones(2)
    x = ag.Tensor(np.array([[1.0, 2.0], [3.0, 6.0]]), requires_grad=True)
    y = ag.batch_norm(x, mean, var, eps=0.0)
    var[...] = 100
    y.backward(np.ones((2, 2)))
    np.testing.assert_allclose(x.grad, np.ones((2, 2)))


def test_an_empty_batch_leaves_the_statistics() -> None:
    mean, var = np.zeros(2), np.ones(2)
    assert ag.batch_norm(np.zeros((0, 2)), mean, var, training=True).shape == (0, 2)
    assert mean.tolist() == [0, 0]
    assert var.tolist() == [1, 1]


@pytest.mark.parametrize("name", ["layer_norm", "batch_norm"])
def test_neither_the_input_nor_the_output_is_kept(name) -> None:
    a = ag.Tensor(np.random.default_rng(0).normal(size=(4, 2, 50)), requires_grad=True)
    x = a + 1.0
    weight = np.ones(2 if name == "batch_norm" else 50)
    y = call(name, x, weight=weight)
    z = y + 1.0
    watched = [weakref.ref(x._values), weakref.ref(y._values)]
    del x, y
    gc.collect()
    assert [w() for w in watched] == [None, None]
    z.backward(np.ones((4, 2, 50)))
    assert np.isfinite(a.grad).all()


def test_frozen_operands() -> None:
    x = np.random.default_rng(0).normal(size=(5, 3))
    w = ag.Tensor(np.ones(3), requires_grad=True)
    b = ag.Tensor(np.zeros(3), requires_grad=True)
    ag.batch_norm(x, weight=w, bias=b, training=True).backward(x)
    np.testing.assert_allclose(b.grad, x.sum(0))
    w.grad = None
    ag.batch_norm(x, weight=w, training=True).backward(x)
    np.testing.assert_allclose(w.grad, (x * ag.batch_norm(x, training=True).numpy()).sum(0))
    b.grad = None
    ag.layer_norm(x, 3, None, b).backward(x)
    np.testing.assert_allclose(b.grad, x.sum(0))


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (lambda: ag.layer_norm(np.ones((2, 3)), 4), ValueError, r"\(2, 3\) must end in the normalised axes \(4,\)"),
        (lambda: ag.layer_norm(np.ones((2, 3)), ()), ValueError, "must end in"),
        (lambda: ag.layer_norm(np.ones(3), (2, 3)), ValueError, "must end in"),
        (lambda: ag.layer_norm(np.ones((2, 3)), 3, np.ones(2)), ValueError, "weight has shape"),
        (lambda: ag.layer_norm(np.ones((2, 3)) * 1j, 3), TypeError, "complex128"),
        (lambda: ag.rms_norm(np.ones((2, 3)), 3, np.ones((1, 3))), ValueError, "weight has shape"),
        (lambda: ag.group_norm(np.ones((2, 4)), 3), ValueError, "4 channels cannot be divided into 3"),
        (lambda: ag.group_norm(np.ones(4), 2), ValueError, "shape"),
        (lambda: ag.group_norm(np.ones((2, 4)), 2, np.ones(2)), ValueError, "one number per channel"),
        (lambda: ag.instance_norm(np.ones((2, 4))), ValueError, "axes after the channels"),
        (lambda: ag.instance_norm(np.ones((2, 4, 1))), ValueError, "always 0"),
        (lambda: ag.batch_norm(np.ones((1, 4)), training=True), ValueError, "more than one value per channel"),
        (lambda: ag.batch_norm(np.ones((1, 4, 1, 1)), training=True), ValueError, "more than one value per channel"),
        (lambda: ag.batch_norm(np.ones((2, 4))), ValueError, "running_mean is needed"),
        (lambda: ag.batch_norm(np.ones((2, 4)), np.ones(4)), ValueError, "running_var is needed"),
        (lambda: ag.batch_norm(np.ones((2, 4)), np.ones(3), np.ones(4)), ValueError, r"running_mean has shape \(3,\)"),
        (lambda: ag.batch_norm(np.ones((2, 4)), [0.0] * 4, [1.0] * 4, training=True), TypeError, "in place"),
        (lambda: ag.batch_norm(np.ones(4), training=True), ValueError, r"\(N, C\)"),
        (lambda: ag.batch_norm(np.ones((2, 4)), training=True, bias=np.ones(3)), ValueError, "bias has shape"),
        (lambda: ag.batch_norm(np.ones((2, 4)) * 1j, training=True), TypeError, "complex"),
    ],
)
def test_errors(wrong, error, words) -> None:
    with pytest.raises(error, match=words):
        wrong()
