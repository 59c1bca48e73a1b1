"""The arrays of index sets: no pattern of a primitive or of a program misses an entry of the dense Jacobian."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.proofs.cases import Case, cases, names, subject
from autograd_np.proofs.sparse import missing

pytest.importorskip("scipy")


def wrong(name: str, first: int | None = None, order: int = 2) -> list[str]:
    """What the patterns of the samples of a name, or of its first ones, miss."""
    found = []
    floating = [case for case in (Case(subject(name), s) for s in cases(name) if not s.refused) if case.floating]
    for case in floating[:first]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of numbers that a sample is about
            found += [f"{case.sample.label}: {words}" for words in missing(case, order)]
    return found


@pytest.mark.parametrize("name", names())
def test_first_sample(name: str) -> None:
    assert wrong(name, first=1, order=1) == []


@pytest.mark.full
@pytest.mark.parametrize("name", names())
def test_all_samples(name: str) -> None:
    assert wrong(name) == []


def test_the_proof_sees_a_set_that_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    from autograd_np.sparse import arrays

    def forgetful(self: Any, index: Any, value: Any) -> None:
        self.values[index] = arrays.numbers(value)

    assert wrong("rnn", 2) == []
    monkeypatch.setattr(arrays.IndexSets, "__setitem__", forgetful)
    assert wrong("rnn", 2) != []


def exact(f: Callable[..., Any], x: Any) -> None:
    """The pattern is that of the dense Jacobian."""
    np.testing.assert_array_equal(ag.sparsity(f, x).toarray(), ag.jacobian(f)(x).reshape(-1, np.size(x)) != 0)


X = np.random.default_rng(0).normal(size=12)


def rows(x: Any) -> Any:
    return np.reshape(x, (3, 4))


def written_through_views(x: Any) -> Any:
    """A body that writes in every way that NumPy has."""
    out = np.zeros_like(x, shape=(6, 4))
    np.multiply(x[:4], 2.0, out=out[0])
    out[1, ::2] += x[4:6]
    flat = out.reshape(-1)
    flat[8:12] = x[8:12]
    np.add.at(out, (np.array([3, 3, 3]), np.array([0, 0, 1])), x[:3])
    np.copyto(out[4], x[:4], where=np.array([True, False, True, False]))
    np.put_along_axis(out, np.full((6, 1), 3), x[5:11, None], 1)
    np.fill_diagonal(out[:4], x[:4])
    out[5, :0:-1] = x[:3]
    return out


@ag.primitive
def writing(x: Any) -> Any:
    """See above."""
    return written_through_views(x)


ag.rule(writing, lambda g, x: np.zeros_like(x))

PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "slices": lambda x: x[1:] * x[:-1],
    "gather": lambda x: np.sin(x[np.array([3, 0, 3])]) * x[5],
    "windows": lambda x: np.lib.stride_tricks.sliding_window_view(x, 3).sum(-1),
    "pad": lambda x: np.pad(rows(x), 1, mode="edge"),
    "transposed": lambda x: rows(x).T.reshape(-1) ** 2,
    "matmul with zeros": lambda x: np.tri(3) @ rows(x),
    "matmul from the right": lambda x: rows(x) @ np.eye(4)[:, ::-1],
    "matmul of both": lambda x: rows(x) @ rows(x).T,
    "einsum": lambda x: np.einsum("ij,kj,k->i", rows(x), np.tri(3, 4), np.array([1.0, 0.0, 2.0])),
    "einsum diagonal": lambda x: np.einsum("ii->i", x[:9].reshape(3, 3)),
    "tensordot": lambda x: np.tensordot(rows(x), np.eye(4), axes=1),
    "outer": lambda x: np.outer(x[:2], x[3:5]),
    "kron": lambda x: np.kron(np.eye(2), x[:4].reshape(2, 2)),
    "diff": lambda x: np.diff(x, 2),
    "convolve": lambda x: np.convolve(x, np.array([1.0, 0.0, -1.0]), "same"),
    "cumsum": lambda x: np.cumsum(rows(x), axis=1),
    "softmax": lambda x: ag.softmax(rows(x), axis=0),
    "inverse": lambda x: np.linalg.inv(np.reshape(x, (3, 2, 2)) + 3 * np.eye(2)),
    "concatenate": lambda x: np.concatenate([x[:2], np.zeros(3), x[5:] ** 2]),
    "masked by a constant": lambda x: x * (np.arange(12) % 3 == 0),
    "vmap": lambda x: ag.vmap(lambda row: np.sum(row) * row)(rows(x)),
    "gradient": ag.grad(lambda x: np.sum(x[1:] ** 2 * x[:-1])),
    "nothing": lambda x: np.zeros(3),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_exact(name: str) -> None:
    exact(PROGRAMS[name], X)


def test_writing_through_views() -> None:
    pattern = ag.sparsity(writing, X).toarray()
    base = written_through_views(X)
    for i in range(12):
        moved = X.copy()
        moved[i] += 1.0
        np.testing.assert_array_equal(pattern[:, i], (written_through_views(moved) != base).ravel())


def test_constant_sparse_matrices() -> None:
    import scipy.sparse as sp

    a = sp.random_array((7, 12), density=0.2, rng=np.random.default_rng(1)).tocsr()
    exact(lambda x: ag.matmul(a, x), X)
    exact(lambda x: ag.matmul(a, np.reshape(x, (12, 1))), X)
    exact(lambda x: np.reshape(x, (2, 6)) @ a[:6], X)


def test_both_branches_of_where_count_and_one_of_if() -> None:
    def with_where(x: Any) -> Any:
        return np.where(x[1:] > 0, x[1:], x[:-1])

    def with_if(x: Any) -> Any:
        return x[1:] if x[0] > 0 else x[:-1]

    assert ag.sparsity(with_where, X).nnz == 22
    exact(with_if, np.abs(X))
    exact(with_if, -np.abs(X))


def test_a_body_that_converts_depends_on_everything() -> None:
    @ag.primitive
    def converting(x: Any) -> Any:
        return np.asarray(x) * 2.0

    ag.rule(converting, lambda g: 2.0 * g)
    assert ag.sparsity(converting, X).toarray().all()


def test_trees() -> None:
    def f(tree: Any, y: Any) -> Any:
        return [tree["a"] * 2, y[:2] * tree["b"]]

    pattern = ag.sparsity(f, {"a": X[:2], "b": X[2:4]}, X[:3], argnum=(0, 1)).toarray().astype(int)
    np.testing.assert_array_equal(
        pattern, [[1, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 1, 0, 0], [0, 0, 0, 1, 0, 1, 0]]
    )


def test_a_dense_pattern_of_many_inputs_is_one_set() -> None:
    x = np.ones(20_000)
    from autograd_np.sparse.values import IndexSetValues

    seen = []

    def f(x: Any) -> Any:
        y = x * np.sum(x)
        seen.append(y.numpy())
        return np.sum(y)

    assert ag.sparsity(f, x).nnz == 20_000
    assert isinstance(seen[0], IndexSetValues)
    assert len(np.unique(seen[0].sets)) == 1
