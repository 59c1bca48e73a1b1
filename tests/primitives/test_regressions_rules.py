"""Rules that were once wrong: where nothing flows to an operand its gradient is 0, whatever stands behind it."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine.tensor import Tensor
from autograd_np.primitives.zeros import keep
from autograd_np.transforms.grad import grad
from autograd_np.transforms.products import jvp

INF = np.inf
MASKED = {
    "maximum": (lambda x: np.maximum(x, 0), [-1.0, 4.0]),
    "maximum, exchanged": (lambda x: np.maximum(0, x), [-1.0, 4.0]),
    "fmax": (lambda x: np.fmax(x, 0), [-1.0, 4.0]),
    "minimum": (lambda x: -np.minimum(-x, 0), [-1.0, 4.0]),
    "fmin": (lambda x: -np.fmin(-x, 0), [-1.0, 4.0]),
    "clip": (lambda x: np.clip(x, 0, 9), [-1.0, 4.0]),
    "where": (lambda x: np.where(x > 0, x, 0), [-1.0, 4.0]),
    "relu": (ag.relu, [-1.0, 4.0]),
    "relu at the kink": (ag.relu, [0.0, 4.0]),
    "leaky_relu of slope 0": (lambda x: ag.leaky_relu(x, 0.0), [-1.0, 4.0]),
    "prelu of weight 0": (lambda x: ag.prelu(x, np.array(0.0)), [-1.0, 4.0]),
    "relu6": (ag.relu6, [-1.0, 4.0]),
    "hardtanh": (lambda x: ag.hardtanh(x, 0.0, 9.0), [-1.0, 4.0]),
    "hardshrink": (ag.hardshrink, [0.1, 4.0]),
    "softshrink": (lambda x: ag.softshrink(x + 0.5), [-0.6, 4.0]),
    "nan_to_num": (np.nan_to_num, [np.nan, 4.0]),
    "absolute": (np.absolute, [0.0, 4.0]),
    "fabs": (np.fabs, [0.0, 4.0]),
    "copysign": (lambda x: np.copysign(x, 1.0), [0.0, 4.0]),
    "hypot": (lambda x: np.hypot(x, 0.0), [0.0, 4.0]),
}


@pytest.mark.parametrize("name", MASKED)
def test_an_infinite_cotangent_does_not_pass_a_mask(name):
    f, x = MASKED[name]
    x = np.array(x)

    def loss(x):
        return np.sum(np.sqrt(f(x)))

    assert grad(loss)(x).tolist() == [0.0, 0.25]
    t = Tensor(x, requires_grad=True)
    loss(t).backward()
    assert t.grad.tolist() == [0.0, 0.25]
    assert jvp(lambda x: np.sqrt(f(x)), (x,), (np.ones(2),))[1].tolist() == [0.0, 0.25]


@pytest.mark.parametrize(
    "f", [np.max, np.median, lambda x: np.sort(x)[1], lambda x: np.partition(x, 1)[1], lambda x: np.quantile(x, 0.5)]
)
def test_an_infinite_cotangent_reaches_the_chosen_element_alone(f):
    x = np.array([-2.0, 0.0, -1.0]) if f is np.max else np.array([-2.0, 0.0, 1.0])
    assert grad(lambda x: np.sqrt(f(x)))(x).tolist() == [0.0, INF, 0.0]


def test_the_smallest_number_passes_maximum_whole():
    t = Tensor(np.array([3.0]), requires_grad=True)
    np.maximum(t, 0.0).backward(np.array([5e-324]))
    assert t.grad.tolist() == [5e-324]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128])
@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0, 2)])
def test_keep_selects_exactly(dtype, shape):
    rng = np.random.default_rng(0)
    g = np.asarray(rng.normal(size=shape)).astype(dtype)
    mask = np.asarray(rng.random(shape) < 0.5)
    kept = keep(mask, g)
    np.testing.assert_array_equal(kept, np.where(mask, g, 0))
    assert kept.dtype == dtype
    assert np.all(keep(np.zeros(shape, bool), np.full_like(g, INF)) == 0)
    np.testing.assert_array_equal(keep(mask.T, g.T), np.where(mask, g, 0).T)


def test_keep_of_foreign_byte_order():
    g = np.array([1.5, np.nan, -2.0], ">f8")
    assert keep(np.array([True, False, True]), g).tolist() == [1.5, 0.0, -2.0]


def test_arctan_far_out_does_not_overflow():
    t = Tensor(np.array([1e20], np.float32), requires_grad=True)
    np.arctan(t).backward(np.array([1e30], np.float32))
    np.testing.assert_allclose(t.grad, [1e-10], rtol=1e-6)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_convolve_with_a_number(mode):
    x, y = Tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True), Tensor(2.0, requires_grad=True)
    np.convolve(x, y, mode).backward(np.array([1.0, 10.0, 100.0]))
    assert (x.grad.tolist(), y.grad.tolist()) == ([2.0, 20.0, 200.0], 321.0)
    assert grad(lambda x: np.sum(np.convolve(2.0, x, mode)))(np.array([1.0, 2.0])).tolist() == [2.0, 2.0]
