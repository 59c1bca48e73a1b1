"""Linear maps, embedding and dropout: options, errors, statistics. (Rules: proofs/samples_normalization.py.)"""

from __future__ import annotations

import numpy as np
import pytest

import autograd_np as ag


def leaf(*shape, dtype=np.float32):
    return ag.Tensor(np.random.default_rng(sum(shape)).normal(size=shape).astype(dtype), requires_grad=True)


@pytest.mark.parametrize("shape", [(4,), (5, 4), (300, 4), (2, 3, 4), (0, 4)])
def test_linear_is_matmul_and_add(shape) -> None:
    results = []
    for f in (ag.linear, lambda x, w, b: x @ w + b):
        x, w, b = leaf(*shape), leaf(4, 32), leaf(32)
        y = f(x, w, b)
        y.backward(np.ones(y.shape, np.float32))
        results.append([y.numpy(), x.grad, w.grad, b.grad])
    for one, two in zip(*results, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)


def test_linear_of_other_dtypes_follows_numpy() -> None:
    assert ag.linear(np.ones((2, 3), np.float32), np.ones((3, 2)), np.ones(2, np.float32)).dtype == np.float64
    assert ag.linear(np.ones((2, 3), int), np.ones((3, 2), np.float32)).dtype == np.float64
    x, w, b = leaf(300, 20), leaf(20, 30), leaf(30, dtype=np.float64)
    y = ag.linear(x, w, b)
    assert y.dtype == np.float64
    y.sum().backward()
    assert (x.grad.dtype, w.grad.dtype, b.grad.dtype) == (np.float32, np.float32, np.float64)
    z = ag.linear([1.0, 2j], np.ones((2, 2)), [1.0, 1.0])
    assert z.tolist() == [2 + 2j, 2 + 2j]


def test_linear_leaves_its_operands() -> None:
    x, w, b = np.ones((300, 20)), np.ones((20, 30)), np.ones(30)
    for _ in range(2):
        assert (ag.linear(x, w, b).numpy() == 21).all()
    assert (b == 1).all()


# ---------------------------------------------------------------- embedding


@pytest.mark.parametrize("rows", [3, 50, 5000])
@pytest.mark.parametrize("count", [4, 3000])
def test_gradient_of_embedding_adds_up(rows, count) -> None:
    rng = np.random.default_rng(0)
    indices = rng.integers(0, rows, (2, count))
    table = leaf(rows, 6)
    g = rng.normal(size=(2, count, 6)).astype(np.float32)
    ag.embedding(indices, table, padding_idx=1).backward(g)
    expected = np.zeros((rows, 6))
    np.add.at(expected, indices, g)
    expected[1] = 0
    np.testing.assert_allclose(table.grad, expected, rtol=1e-4, atol=1e-4)
    assert table.grad.dtype == np.float32


def test_second_derivative_through_padding() -> None:
    indices = np.array([[0, 2, 2], [1, 0, 1]])
    table = leaf(3, 2, dtype=np.float64)
    weights = np.random.default_rng(1).normal(size=(2, 3, 2))

    def loss(t):
        return (weights * ag.embedding(indices, t, padding_idx=2) ** 3).sum()

    hessian = ag.hessian(loss)(table.numpy()).reshape(6, 6)
    expected = np.zeros((3, 2))
    np.add.at(expected, indices, weights * 6 * table.numpy()[indices])
    expected[2] = 0
    np.testing.assert_allclose(hessian, np.diag(expected.ravel()), atol=1e-12)


def test_indices_changed_after_the_forward_pass_do_not_change_its_gradient() -> None:
    indices = np.array([0, 1])
    table = leaf(3, 2)
    y = ag.embedding(indices, table)
    indices[...] = 2
    y.sum().backward()
    assert table.grad.tolist() == [[1, 1], [1, 1], [0, 0]]


def test_a_tensor_of_indices() -> None:
    assert ag.embedding(ag.Tensor([2, 0]), np.eye(3)).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert ag.embedding([], np.eye(3)).shape == (0, 3)


# ---------------------------------------------------------------- dropout


def test_dropout_keeps_the_expectation() -> None:
    y = ag.dropout(np.ones(200_000, np.float32), 0.3, rng=0).numpy()
    assert y.mean() == pytest.approx(1, abs=0.01)
    assert (y == 0).mean() == pytest.approx(0.3, abs=0.01)
    assert y.dtype == np.float32


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_dropout_makes_no_nan(p) -> None:
    x = ag.Tensor(np.array([np.inf, -np.inf, 1e38, 1.0] * 20, np.float32), requires_grad=True)
    y = ag.dropout(x, p, rng=0)
    assert not np.isnan(y.numpy()).any()
    if p:
        y.backward(np.full(80, np.inf, np.float32))
        assert not np.isnan(x.grad).any()
        np.testing.assert_array_equal(x.grad == 0, y.numpy() == 0)
    if p == 1:
        assert (y.numpy() == 0).all()


def test_dropout_outside_training_is_the_tensor_itself() -> None:
    x = leaf(3)
    assert ag.dropout(x, 0.5, training=False) is x
    assert ag.dropout(x, 0.0) is x
    assert ag.dropout([1, 2], 0.5, False).tolist() == [1, 2]


def test_generators() -> None:
    x = np.ones(100)
    ag.manual_seed(3)
    first, second = ag.dropout(x).tolist(), ag.dropout(x).tolist()
    ag.manual_seed(3)
    assert ag.dropout(x).tolist() == first != second
    own = np.random.default_rng(3)
    np.testing.assert_array_equal(ag.dropout(x, rng=own).numpy(), ag.dropout(x, rng=3).numpy())
    np.testing.assert_array_equal(ag.dropout(x, rng=np.int64(3)).numpy(), ag.dropout(x, rng=3).numpy())


def test_integers_become_floating() -> None:
    assert ag.dropout(np.ones(50, int), 0.5, rng=0).dtype == np.float64


@pytest.mark.parametrize("memory", [np.ascontiguousarray, np.asfortranarray])
def test_the_mask_does_not_depend_on_memory(memory) -> None:
    x = np.arange(1.0, 25).reshape(2, 3, 4)
    np.testing.assert_array_equal(ag.dropout(memory(x), rng=1).numpy(), ag.dropout(x, rng=1).numpy())


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (lambda: ag.linear(np.ones((5, 3)), np.ones((4, 2))), ValueError, "x has 3 features, weight takes 4"),
        (lambda: ag.linear(np.ones((5, 3)), np.ones((4, 3))), ValueError, "the transpose of PyTorch's"),
        (lambda: ag.linear(np.ones(3), np.ones(3)), ValueError, "two axes"),
        (lambda: ag.linear(1.0, np.ones((3, 3))), TypeError, "axis of features"),
        (lambda: ag.linear(np.float64(1), np.ones((3, 3))), TypeError, "axis of features"),
        (lambda: ag.linear(np.ones(3), 2.0), TypeError, "must be a matrix"),
        (lambda: ag.linear(np.ones(3), np.ones((3, 2)), 1.0), ValueError, r"bias must have shape \(2,\)"),
        (lambda: ag.linear(np.ones(3), np.ones((3, 2)), np.ones((1, 2))), ValueError, r"bias must have shape \(2,\)"),
        (lambda: ag.embedding([[0, -1]], np.eye(3)), IndexError, r"index -1 at \(0, 1\) is not a row"),
        (lambda: ag.embedding(3, np.eye(3)), IndexError, "it has 3 rows, 0 to 2"),
        (lambda: ag.embedding([0.0], np.eye(3)), TypeError, "integers"),
        (lambda: ag.embedding([True], np.eye(3)), TypeError, "integers"),
        (lambda: ag.embedding([0], 1.0), ValueError, "table"),
        (lambda: ag.embedding([0], np.eye(3), 3), ValueError, "padding_idx 3"),
        (lambda: ag.dropout(np.ones(3), 1.1), ValueError, r"\[0, 1\]"),
        (lambda: ag.dropout(np.ones(3), -0.1), ValueError, r"\[0, 1\]"),
        (lambda: ag.dropout(np.ones(3), rng="seed"), TypeError, "rng"),
        (lambda: ag.dropout(np.ones(3), shared_axes=1), ValueError, "out of bounds"),
        (lambda: ag.dropout("words"), TypeError, "dropout"),
    ],
)
def test_errors(wrong, error, words) -> None:
    with pytest.raises(error, match=words):
        wrong()
