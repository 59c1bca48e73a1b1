"""Gradient clipping, and parameters as one vector."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from nn.utils import clip_grad_norm_, clip_grad_value_, parameters_to_vector, vector_to_parameters


def with_grads(*grads: Any, dtype: Any = np.float64) -> list[ag.Tensor]:
    params = []
    for g in grads:
        p = ag.Tensor(np.zeros(np.shape(g), dtype), requires_grad=True)
        p.grad = np.array(g, dtype)
        params.append(p)
    return params


@pytest.mark.parametrize("order", [0.5, 1.0, 2.0, 3.0, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_total_norm_and_scale(order: float, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    grads = [rng.normal(size=s).astype(dtype) for s in [(3, 4), (), (5,), (200, 30)]]
    params = with_grads(*grads, dtype=dtype)
    params.append(ag.Tensor([1.0], requires_grad=True))  # without gradient
    flat = np.concatenate([g.ravel() for g in grads]).astype(np.float64)
    expected = np.linalg.norm(flat, order)
    limit = expected / 2
    total = clip_grad_norm_((p for p in params), limit, order)
    assert isinstance(total, float)
    assert total == pytest.approx(expected, rel=1e-6 if dtype is np.float32 else 1e-12)
    for p, g in zip(params, grads, strict=False):
        assert p.grad.dtype == dtype
        np.testing.assert_allclose(p.grad, g * (limit / (expected + 1e-6)), rtol=1e-5 if dtype is np.float32 else 1e-12)
    assert clip_grad_norm_(params, 1e9, order) == pytest.approx(limit * expected / (expected + 1e-6), rel=1e-5)


def test_the_zero_norm_counts() -> None:
    assert clip_grad_norm_(with_grads([0.0, 3.0], [1.0]), 10.0, 0.0) == 2.0


@pytest.mark.parametrize("scale", [1e-30, 1e-22, 1e25, 1e38])
def test_squares_neither_overflow_nor_vanish(scale: float) -> None:
    params = with_grads([scale, -scale], [scale, scale], dtype=np.float32)
    assert clip_grad_norm_(params, scale) == pytest.approx(2 * scale, rel=1e-6)
    if scale > 1:
        np.testing.assert_allclose(params[0].grad, [scale / 2, -scale / 2], rtol=1e-6)


def test_float64_extremes() -> None:
    assert clip_grad_norm_(with_grads([3e200], [4e200]), math.inf) == pytest.approx(5e200)
    assert clip_grad_norm_(with_grads([3e-200], [4e-200]), math.inf) == pytest.approx(5e-200)


def test_not_finite() -> None:
    params = with_grads([math.inf], [1.0])
    with pytest.raises(RuntimeError, match="inf"):
        clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    assert params[1].grad[0] == 1.0
    assert clip_grad_norm_(params, 1.0) == math.inf
    assert params[1].grad[0] == 0.0
    params = with_grads([math.nan, 1.0], [1.0])
    with pytest.raises(RuntimeError, match="nan"):
        clip_grad_norm_(params, 1.0, math.inf, error_if_nonfinite=True)
    assert math.isnan(clip_grad_norm_(params, 1.0))
    assert math.isnan(params[1].grad[0])


def test_nothing_to_clip() -> None:
    assert clip_grad_norm_([], 1.0) == 0.0
    assert clip_grad_norm_([ag.Tensor([1.0], requires_grad=True)], 1.0) == 0.0
    params = with_grads([0.0], np.zeros((0,)))
    assert clip_grad_norm_(params, 0.0) == 0.0
    clip_grad_value_([], 1.0)


def test_a_single_tensor() -> None:
    (p,) = with_grads([3.0, 4.0])
    assert clip_grad_norm_(p, 1.0) == 5.0
    clip_grad_value_(p, 0.7)
    np.testing.assert_allclose(p.grad, [0.6, 0.7], rtol=1e-6)


def test_foreign_shared_and_read_only_gradients() -> None:
    foreign = np.array([3.0, 4.0, 0.0])
    p, q, r = (ag.Tensor(np.zeros(2), requires_grad=True) for _ in range(3))
    p.grad = foreign[:2]  # a view: the rest of the memory is somebody's
    q.grad = np.array([3.0, 4.0])
    q.grad.flags.writeable = False
    r.grad = s = np.array([3.0, 4.0])
    twin = ag.Tensor(np.zeros(2), requires_grad=True)
    twin.grad = s  # one array for two parameters is scaled once
    total = clip_grad_norm_([p, q, r, twin, r], 1.0)
    expected = np.array([3.0, 4.0]) / total
    for t in (p, q, r, twin):
        np.testing.assert_allclose(t.grad, expected, rtol=1e-5)
    assert foreign.tolist() == [3.0, 4.0, 0.0]
    assert r.grad is s


def test_values() -> None:
    params = with_grads([-3.0, 0.5, math.nan], 7.0)
    clip_grad_value_(params, 1.0)
    np.testing.assert_array_equal(params[0].grad, [-1.0, 0.5, math.nan])
    assert params[1].grad.shape == ()
    assert params[1].grad == 1.0


def test_complex_gradients() -> None:
    (p,) = with_grads([3.0 + 4.0j, 0.0], dtype=np.complex128)
    assert clip_grad_norm_([p], 1.0) == 5.0
    np.testing.assert_allclose(p.grad, [0.6 + 0.8j, 0.0], rtol=1e-6)
    with pytest.raises(TypeError, match="complex"):
        clip_grad_value_([p], 1.0)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: clip_grad_norm_([], -1.0), ValueError, "-1"),
        (lambda: clip_grad_norm_([], math.nan), ValueError, "nan"),
        (lambda: clip_grad_value_([], -1.0), ValueError, "-1"),
        (lambda: clip_grad_norm_([np.ones(2)], 1.0), TypeError, "parameter 0 is a ndarray"),
        (lambda: parameters_to_vector([]), ValueError, "no parameters"),
        (lambda: vector_to_parameters(np.ones(3), with_grads([1.0, 2.0])), ValueError, r"2 numbers .*\(3,\)"),
        (lambda: vector_to_parameters(np.ones(1, complex), with_grads([1.0])), TypeError, "complex"),
    ],
)
def test_errors(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_vectors_there_and_back() -> None:
    rng = np.random.default_rng(0)
    params = [ag.Tensor(rng.normal(size=s), requires_grad=True) for s in [(2, 3), (), (0,), (4,)]]
    vector = parameters_to_vector(params)
    assert vector.shape == (11,)
    (vector**2).sum().backward()
    np.testing.assert_allclose(params[0].grad, 2 * params[0].numpy())
    held = [p.numpy() for p in params]
    vector_to_parameters(vector * 2.0, params)
    np.testing.assert_allclose(parameters_to_vector(params).numpy(), 2.0 * vector.numpy())
    assert all(np.shares_memory(a, p.numpy()) or a.size == 0 for a, p in zip(held, params, strict=True))
    float32 = [ag.Tensor(np.zeros(2, np.float32), requires_grad=True)]
    vector_to_parameters(np.array([1.0, 2.0]), float32)
    assert float32[0].dtype == np.float32
