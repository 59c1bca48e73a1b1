"""Sparse Jacobians and Hessians against dense ones; what may change between calls; groups of rows and columns."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_np as ag
from autograd_np.sparse.colouring import plan

sp = pytest.importorskip("scipy.sparse")
RNG = np.random.default_rng(0)
X = RNG.normal(size=36)


def band(x: Any) -> Any:
    return x[1:-1] * x[:-2] - np.sin(x[2:])


def stencil(x: Any) -> Any:
    u = np.pad(np.reshape(x, (6, 6)), 1)
    return u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] + u[1:-1, 1:-1] ** 3


def blocks(x: Any) -> Any:
    u = np.reshape(x, (-1, 4))
    return u / np.sum(u**2, axis=1, keepdims=True)


def arrow(x: Any) -> Any:
    return np.concatenate([np.sum(x**2)[None], x[1:] ** 2 * x[0]])


def rosenbrock(x: Any) -> Any:
    return np.sum((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2)


def energy(x: Any) -> Any:
    u = np.reshape(x, (6, 6))
    return np.sum((u[1:] - u[:-1]) ** 4) + np.sum((u[:, 1:] - u[:, :-1]) ** 4) + np.sum(np.cos(u))


def hub(x: Any) -> Any:
    return np.sum(x[1:] ** 2 * x[0]) + np.sum(x**4)


def same(found: Any, dense: Any) -> None:
    assert isinstance(found, sp.csr_array)
    np.testing.assert_allclose(found.toarray(), dense.reshape(found.shape), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("f", [band, stencil, blocks, arrow])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_jacobian(f: Callable[..., Any], dtype: Any) -> None:
    j = ag.jacobian(f, sparse=True)
    for x in (X.astype(dtype), 2 * X.astype(dtype)):
        found, dense = j(x), ag.jacobian(f)(x)
        assert found.dtype == dtype
        np.testing.assert_allclose(
            found.toarray(), dense.reshape(found.shape), rtol=1e3 * np.finfo(dtype).eps, atol=1e-30
        )


@pytest.mark.parametrize("f", [rosenbrock, energy, hub])
def test_hessian(f: Callable[..., Any]) -> None:
    h = ag.hessian(f, sparse=True)
    for x in (X, 2 * X):
        same(h(x), ag.hessian(f)(x))


def test_complex() -> None:
    z = X[:10] + 1j * X[10:20]
    same(ag.jacobian(band, sparse=True)(z), ag.jacobian(band)(z))


def test_chunks() -> None:
    same(ag.jacobian(blocks, sparse=True, chunk_size=2)(X), ag.jacobian(blocks)(X))
    with pytest.raises(ValueError, match="chunk_size"):
        ag.jacobian(blocks, sparse=True, chunk_size=0)


def test_trees_have_blocks_like_dense_ones() -> None:
    def f(tree: Any, y: Any) -> Any:
        return {"p": tree[0] * y, "q": tree[1][1:] * tree[1][:-1]}

    args = [X[:3], X[3:7]], X[:3]
    found = ag.jacobian(f, (0, 1), sparse=True)(*args)
    dense = ag.jacobian(f, (0, 1))(*args)
    for word in ("p", "q"):
        for part, other in zip([*found[word][0], found[word][1]], [*dense[word][0], dense[word][1]], strict=True):
            np.testing.assert_allclose(part.toarray(), other)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that gets an entry for each pattern that is found."""
    from autograd_np.transforms import sparse_jacobian

    found: list[int] = []
    real = sparse_jacobian._pattern

    def counting(*args: Any) -> Any:
        found.append(1)
        return real(*args)

    monkeypatch.setattr(sparse_jacobian, "_pattern", counting)
    return found


def test_pattern_and_groups_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    found = counted(monkeypatch)
    j = ag.jacobian(stencil, sparse=True)
    for scale in range(5):
        same(j(scale * X), ag.jacobian(stencil)(scale * X))
    assert len(found) == 1
    first = j(X)
    first.indices[:] = 0  # the caller's own
    same(j(X), ag.jacobian(stencil)(X))


def test_what_changes_between_calls_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A branch, a constant with other zeros, an index that is computed, another shape."""
    found = counted(monkeypatch)
    matrix = np.eye(36)
    shift = [1]

    def f(x: Any, order: Any = None) -> Any:
        y = x[::-1] if x[0] > 0 else x
        y = matrix @ y + np.roll(y, shift[0]) ** 2
        return y[order] if order is not None else y[np.argsort(y.numpy())]

    j, dense = ag.jacobian(f, sparse=True), ag.jacobian(f)
    up, down = np.abs(X), -np.abs(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(j(up), dense(up))
        same(j(down), dense(down))
        same(j(up), dense(up))
        matrix[3, 7] = 5.0
        same(j(up), dense(up))
        matrix[3, 7] = 1e-9
        same(j(up), dense(up))
        shift[0] = 3
        same(j(up), dense(up))
        order = RNG.permutation(36)
        same(j(up, order), dense(up, order))
        same(j(up, order[::-1]), dense(up, order[::-1]))
    assert len(found) >= 7


def test_a_rule_of_another_function_is_found_out() -> None:
    """Straight through: the body moves nothing to the inputs, and the rule does."""

    @ag.primitive
    def straight(x: Any) -> Any:
        return (x > 0) * 1.0

    ag.rule(straight, lambda g: g)

    def f(x: Any) -> Any:
        return straight(x[1:]) * 2.0

    with pytest.warns(RuntimeWarning, match="misses entries"):
        same(ag.jacobian(f, sparse=True)(X), ag.jacobian(f)(X))


def test_a_dense_pattern_is_said() -> None:
    x = RNG.normal(size=200)

    def f(x: Any) -> Any:
        return x * np.sum(x)

    with pytest.warns(RuntimeWarning, match="takes 200 products"):
        same(ag.jacobian(f, sparse=True)(x), ag.jacobian(f)(x))


def test_nan_and_infinity_are_no_reason_to_fail() -> None:
    x = X.copy()
    x[4] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = ag.jacobian(band, sparse=True)(x).toarray()
    np.testing.assert_array_equal(np.isnan(found), np.isnan(ag.jacobian(band)(x)))


def test_refused() -> None:
    t = ag.Tensor(X, requires_grad=True)
    with pytest.raises(TypeError, match="on no tape"):
        ag.jacobian(lambda x: x[1:] * t[1:], sparse=True)(X)
    with pytest.raises(TypeError, match="inside vmap"):
        ag.vmap(ag.jacobian(band, sparse=True))(X.reshape(3, 12))
    with pytest.raises(ag.CompileError, match="sparse=True"):
        ag.compile(ag.jacobian(band, sparse=True))(X)


def test_pickle_and_copy() -> None:
    j = ag.jacobian(band, sparse=True)
    for other in (pickle.loads(pickle.dumps(j)), copy.copy(j), copy.deepcopy(j)):
        same(other(X), ag.jacobian(band)(X))


def test_empty() -> None:
    assert ag.jacobian(lambda x: x[:0], sparse=True)(X).shape == (0, 36)
    assert ag.jacobian(lambda x: np.zeros(3), sparse=True)(X).nnz == 0


# ---------------------------------------------------------------- groups


def read(pattern: Any, values: Any, symmetric: bool) -> Any:
    """A matrix read from its products with the groups of a plan."""
    found = plan(sp.csr_array(pattern), symmetric)
    m, n = pattern.shape
    by_rows = np.stack([values[found.rows == k].sum(0) for k in range(found.row_groups)] or [np.zeros(n)])
    by_columns = np.stack([values[:, found.columns == k].sum(1) for k in range(found.column_groups)] or [np.zeros(m)])
    i, j = pattern.nonzero()
    result = np.zeros((m, n))
    for k in range(len(i)):
        products = by_rows if found.by_row[k] else by_columns
        result[i[k], j[k]] = products[found.product[k], found.place[k]]
    return result, found


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10**6), st.floats(0, 0.6), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_plan_tells_every_entry(m: int, n: int, seed: int, density: float, symmetric: bool) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(1, 100, (m, n)) * (rng.uniform(size=(m, n)) < density)
    if seed % 2:
        values[0] = 7
        values[:, 0] = 7
    if symmetric:
        values = values[: min(m, n), : min(m, n)]
        values = values + values.T
    result, _ = read(values != 0, values.astype(float), symmetric)
    np.testing.assert_array_equal(result, values)


def pattern_of(values: Any) -> Any:
    return sp.csr_array(values)


@pytest.mark.parametrize(
    ("pattern", "symmetric", "groups"),
    [
        (sp.diags_array([1.0, 1, 1], offsets=[-1, 0, 1], shape=(200, 200)), False, 3),
        (sp.diags_array([1.0, 1, 1], offsets=[-1, 0, 1], shape=(200, 200)), True, 3),
        (sp.block_diag([np.ones((4, 4))] * 30), False, 4),
        (sp.csr_array(np.eye(50) + np.eye(50, 1) + (np.arange(50) == 0) + (np.arange(50) == 0)[:, None]), False, 5),
        (sp.csr_array(np.eye(50) + (np.arange(50) == 0) + (np.arange(50) == 0)[:, None]), True, 2),
    ],
    ids=["band", "symmetric band", "blocks", "arrow with a band", "symmetric arrow"],
)
def test_few_groups(pattern: Any, symmetric: bool, groups: int) -> None:
    pattern = pattern.tocsr().astype(bool)
    pattern.sort_indices()
    assert plan(pattern, symmetric).groups <= groups


def test_a_star_colouring_takes_fewer_groups_than_columns_that_keep_apart() -> None:
    """A tree of stars: two colours and the roots', however many leaves there are."""
    n = 111
    dense = np.eye(n)
    for centre in range(1, 11):
        dense[0, centre] = 1
        for leaf in range(10):
            dense[centre, 11 + 10 * (centre - 1) + leaf] = 1
    pattern = sp.csr_array((dense + dense.T) != 0)
    assert plan(pattern, True).groups <= 4
    assert plan(pattern).groups > 8


def test_random_stripes_are_grouped_fast_enough_to_be_used() -> None:
    """Nothing is quadratic in the number of columns."""
    pattern = sp.random_array((10_000, 10_000), density=3e-4, rng=RNG).tocsr()
    pattern = (pattern != 0).tocsr()
    pattern.sort_indices()
    assert plan(pattern).groups < 30
