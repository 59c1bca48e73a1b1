"""The engine never asks what kind of array it holds: operators and chains of operations on duck arrays."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine.tensor import Tensor
from autograd_np.proofs.duck import DuckArray, plain

RNG = np.random.default_rng(3)
A = RNG.uniform(0.5, 2.0, size=(3, 4))
B = RNG.uniform(0.5, 2.0, size=(3, 4))


def both(f, *arrays):
    """Value and gradients of the sum of ``f`` on ndarrays, and on duck arrays, which stay what they are."""
    results = []
    for kind in (np.array, DuckArray):
        xs = [Tensor(kind(a), requires_grad=True) for a in arrays]
        y = f(*xs)
        loss = np.sum(y * y)
        loss.backward()
        results.append((y, [x.grad for x in xs]))
    (y, grads), (duck, ducks) = results
    assert isinstance(duck._values, DuckArray)
    assert np.allclose(plain(duck._values), y.numpy(), rtol=1e-12)
    for g, d in zip(grads, ducks, strict=True):
        assert isinstance(d, DuckArray)
        assert d.shape == g.shape
        assert np.allclose(plain(d), g, rtol=1e-12)


def test_a_duck_is_not_converted():
    duck = DuckArray(A)
    assert not isinstance(duck, np.ndarray)
    for convert in (np.asarray, np.array, float, int, bool, operator.index):
        with pytest.raises(TypeError, match="DuckArray"):
            convert(duck)


def test_a_duck_counts():
    DuckArray.calls.clear()
    np.exp(DuckArray(A))
    np.sum(DuckArray(A))
    assert DuckArray.calls == {"exp": 1, "sum": 1}


def test_results_of_ducks_are_ducks():
    duck = DuckArray(A)
    for result in (
        duck + 1,
        1 + duck,
        -duck,
        duck @ duck.T,
        np.sum(duck),
        duck.sum(axis=0),
        duck[0],
        duck.T,
        duck.astype(np.float32),
        *np.split(duck, 2, axis=1),
    ):
        assert isinstance(result, DuckArray)
    duck[0] = 7.0
    assert np.all(plain(duck)[0] == 7.0)
    assert len(duck) == 3
    assert [row.shape for row in duck] == [(4,)] * 3


@pytest.mark.parametrize(
    "f",
    [
        operator.add,
        operator.sub,
        operator.mul,
        operator.truediv,
        operator.pow,
        lambda x, y: x @ y.T,
        np.maximum,
        np.hypot,
        np.arctan2,
    ],
    ids=lambda f: getattr(f, "__name__", str(f)),
)
def test_operators(f):
    both(f, A, B)


@pytest.mark.parametrize(
    "f", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow], ids=lambda f: f.__name__
)
def test_operators_with_numbers(f):
    both(lambda x: f(x, 3.0), A)
    both(lambda x: f(3.0, x), A)
    both(lambda x: f(x, 2), A)


def test_unary_operators_and_methods():
    both(lambda x: abs(-x) + (+x), A)
    both(lambda x: x.sum(axis=0) + x.mean(axis=0) * x.max(axis=0), A)
    both(lambda x: x.reshape(2, 6).T.ravel()[1:9:2], A)


def test_broadcasting():
    both(lambda x, y: x * y, A, B[:1])
    both(lambda x, y: x / y, A[:, :1], B[0])
    both(lambda x, y: x - y, A, np.array(2.0))


def test_indexing():
    both(lambda x: x[1:] * x[:-1], A)
    both(lambda x: x[:, [0, 2, 2]], A)
    both(lambda x: x[..., None, 0], A)


def test_joining_and_splitting():
    both(lambda x, y: np.concatenate([x, y * x], axis=1), A, B)
    both(lambda x, y: np.stack([x, y])[1] * x, A, B)
    both(lambda x: np.split(x, 2, axis=1)[0] * 3, A)


def test_a_chain():
    both(lambda x, y: np.log(np.exp(x) * y + np.sqrt(y)) / np.sum(x, axis=1, keepdims=True), A, B)


def test_a_layer_and_its_loss():
    both(lambda x, w: np.tanh(x @ w.T), A, B)


def test_second_order():
    duck = Tensor(DuckArray(A), requires_grad=True)
    (first,) = ag.gradients(np.sum(duck * duck * duck), [duck], create_graph=True)
    (second,) = ag.gradients(np.sum(first), [duck])
    assert isinstance(second, DuckArray)
    assert np.allclose(plain(second), 6 * A)


def test_several_uses_accumulate():
    x = Tensor(DuckArray(A), requires_grad=True)
    np.sum(x * 2).backward()
    np.sum(x * 3 + x).backward()
    assert isinstance(x.grad, DuckArray)
    assert np.allclose(plain(x.grad), 6.0)


def test_a_tensor_of_a_duck_keeps_it():
    duck = DuckArray(A)
    assert Tensor(duck)._values is duck
