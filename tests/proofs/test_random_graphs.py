"""Random programs: gradients of first and second order, JVP against VJP, and every way to ask for a gradient, agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import autograd_np as ag

# Smooth operations with bounded derivatives, so that differences of a program of any depth stay accurate.
UNARY: dict[str, Callable[[Any], Any]] = {
    "sin": np.sin,
    "tanh": np.tanh,
    "exp of sin": lambda x: np.exp(np.sin(x)),
    "sqrt": lambda x: np.sqrt(x * x + 1),
    "log1p": lambda x: np.log1p(x**2),
    "reciprocal": lambda x: 1 / (2 + np.cos(x)),
    "sigmoid": ag.sigmoid,
    "softmax": lambda x: ag.softmax(x, axis=-1) if np.ndim(x) else x,
    "logsumexp": lambda x: ag.logsumexp(x, axis=0, keepdims=True) if np.ndim(x) else x,
    "transpose": np.transpose,
    "ravel": np.ravel,
    "flip": lambda x: x[::-1] if np.ndim(x) else x,
    "tail": lambda x: x[1:] if np.ndim(x) and np.shape(x)[0] > 1 else x,
    "gather": lambda x: x[np.array([0, -1, 0])] if np.ndim(x) else x,
    "mask": lambda x: x[np.arange(np.shape(x)[0]) % 2 == 0] if np.ndim(x) else x,
    "new axis": lambda x: x[..., None] if np.ndim(x) < 3 else x,
    "sum": lambda x: np.sum(x, axis=-1) if np.ndim(x) else x,
    "mean": lambda x: np.mean(x, axis=0, keepdims=True) if np.ndim(x) else x,
    "cumsum": lambda x: np.tanh(np.cumsum(x, axis=0)) if np.ndim(x) else x,
    "var": lambda x: np.var(x, axis=0) if np.ndim(x) else x,
    "repeat": lambda x: np.repeat(x, 2, axis=0) if np.ndim(x) and np.size(x) < 30 else x,
    "pad": lambda x: np.pad(x, 1) if np.ndim(x) and np.size(x) < 30 else x,
    "single": lambda x: x.astype(np.float64),
    "split": lambda x: np.split(x, [1])[1] if np.ndim(x) and np.shape(x)[0] > 1 else x,
    "rows": lambda x: np.stack([np.sin(row) for row in x]) if np.ndim(x) and np.shape(x)[0] else x,
    "gram": lambda x: np.tanh(x @ np.swapaxes(x, -1, -2)) if np.ndim(x) == 2 else x,
    "einsum": lambda x: np.tanh(np.einsum("ij,ij->i", x, x)) if np.ndim(x) == 2 else x,
    "identity": lambda x: x,
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: np.sin(x) * np.cos(y),
    "divide": lambda x, y: np.tanh(x) / (1 + y * y),
    "hypot": lambda x, y: np.hypot(x, 1 + y * y),
    "power": lambda x, y: (2 + np.sin(x)) ** np.tanh(y),
    "arctan2": lambda x, y: np.arctan2(np.sin(x), 2 + np.cos(y)),
    "where": lambda x, y: np.where(np.arange(np.shape(x)[-1] if np.ndim(x) else 1) % 2 == 0, x, y),
    "logaddexp": np.logaddexp,
    "concatenate": lambda x, y: np.concatenate([np.ravel(x), np.ravel(y)]),
    "outer": lambda x, y: np.tanh(np.outer(x, y)) if np.size(x) * np.size(y) < 60 else x,
}
SHAPES = st.sampled_from([(), (1,), (3,), (2, 3), (3, 1), (1, 3), (2, 1, 3)])
STEPS = st.lists(
    st.tuples(st.sampled_from(sorted(UNARY) + sorted(BINARY)), st.integers(0, 99), st.integers(0, 99)),
    min_size=1,
    max_size=8,
)


def results(steps: Any) -> Callable[..., list[Any]]:
    """A function of the leaves: each step takes earlier values, leaves or results, and all of them are returned."""

    def f(*leaves: Any) -> list[Any]:
        values = list(leaves)
        for name, i, j in steps:
            x, y = values[i % len(values)], values[j % len(values)]
            if name in UNARY:
                values.append(UNARY[name](x))
            else:
                try:
                    np.broadcast_shapes(np.shape(x), np.shape(y))
                except ValueError:
                    x = np.sum(x)
                values.append(BINARY[name](x, y))
        return values

    return f


def program(steps: Any) -> Callable[..., Any]:
    """The weighted sum of all values of such a function."""
    every = results(steps)

    def f(*leaves: Any) -> Any:
        values = every(*leaves)
        weights = (np.cos(np.arange(np.size(v)) + k).reshape(np.shape(v)) for k, v in enumerate(values))
        return sum(np.sum(v * w) for v, w in zip(values, weights, strict=True))

    return f


def direction(leaves: list[Any], seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=np.shape(leaf)) for leaf in leaves]


def dot(a: Any, b: Any) -> float:
    return float(sum(np.sum(x * y) for x, y in zip(a, b, strict=True)))


def along(f: Callable[[float], Any], h: float = 1e-3) -> Any:
    """The derivative at 0, by differences of sixth order."""
    return sum(c * (f(k * h) - f(-k * h)) for k, c in ((1, 0.75), (2, -0.15), (3, 1 / 60))) / h


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(SHAPES, min_size=1, max_size=3), STEPS, st.integers(0, 2**31))
def test_random_programs(shapes: Any, steps: Any, seed: int) -> None:
    f = program(steps)
    rng = np.random.default_rng(seed)
    leaves = [rng.normal(size=shape) for shape in shapes]
    every = tuple(range(len(leaves)))
    v, w = direction(leaves, seed + 1), direction(leaves, seed + 2)

    def moved(t: float, d: Any = v) -> list[Any]:
        return [leaf + t * step for leaf, step in zip(leaves, d, strict=True)]

    gradient = ag.grad(f, every)(*leaves)
    for g, leaf in zip(gradient, leaves, strict=True):
        assert g.shape == leaf.shape
        assert g.dtype == leaf.dtype
    scale = sum(float(np.sum(np.abs(g))) for g in gradient) + 1
    slope = along(lambda t: f(*moved(t)))
    np.testing.assert_allclose(dot(gradient, v), slope, rtol=1e-6, atol=1e-8 * scale)

    # forward mode
    np.testing.assert_allclose(ag.jvp(f, tuple(leaves), tuple(v))[1], dot(gradient, v), rtol=1e-9, atol=1e-11 * scale)

    # the tape itself, its recorded backward pass, and a recomputed one
    tensors = [ag.Tensor(leaf.copy(), requires_grad=True) for leaf in leaves]
    y = f(*tensors)
    recorded = ag.gradients(y, tensors, create_graph=True, retain_graph=True)
    y.backward(retain_graph=True)
    for g, t, r in zip(gradient, tensors, recorded, strict=True):
        np.testing.assert_allclose(t.grad, g, rtol=1e-12, atol=1e-14 * scale)
        np.testing.assert_allclose(r.numpy(), g, rtol=1e-9, atol=1e-12 * scale)
    for g, c in zip(gradient, ag.grad(ag.checkpoint(f), every)(*leaves), strict=True):
        np.testing.assert_allclose(c, g, rtol=1e-12, atol=1e-14 * scale)

    # second order: w·H·v from the recorded pass, and from differences of the gradient
    product = sum(np.sum(r * d) for r, d in zip(recorded, v, strict=True))
    found = (
        ag.gradients(product, tensors, allow_unused=True)
        if isinstance(product, ag.Tensor) and product.requires_grad
        else [None] * len(leaves)
    )
    second = dot([np.zeros_like(leaf) if h is None else h for h, leaf in zip(found, leaves, strict=True)], w)
    expected = along(lambda t: dot(ag.grad(f, every)(*moved(t, w)), v))
    np.testing.assert_allclose(second, expected, rtol=1e-5, atol=1e-7 * scale)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(SHAPES, min_size=1, max_size=3), STEPS, st.integers(0, 2**31))
def test_single_precision_stays_single(shapes: Any, steps: Any, seed: int) -> None:
    f = program([step for step in steps if step[0] != "single"])
    rng = np.random.default_rng(seed)
    double = [rng.normal(size=shape) for shape in shapes]
    single = [leaf.astype(np.float32) for leaf in double]
    every = tuple(range(len(double)))
    for g, exact in zip(
        ag.grad(f, every)(*single), ag.grad(f, every)(*[leaf.astype(np.float64) for leaf in single]), strict=True
    ):
        assert g.dtype == np.float32
        np.testing.assert_allclose(g, exact, rtol=1e-2, atol=1e-3 * (1 + np.max(np.abs(exact), initial=0)))


def check_patterns(shapes: Any, steps: Any, seed: int) -> None:
    """The patterns of the values and of the gradient have every entry of the dense Jacobians."""
    rng = np.random.default_rng(seed)
    leaves = [rng.normal(size=shape) for shape in shapes]
    every = tuple(range(len(leaves)))
    sizes = [leaf.size for leaf in leaves]
    for f in (results(steps), ag.grad(program(steps), every)):
        pattern = ag.sparsity(f, *leaves, argnum=every).toarray()
        rows = ag.jacobian(f, every)(*leaves)
        dense = np.concatenate(
            [np.concatenate([b.reshape(-1, n) for b, n in zip(row, sizes, strict=True)], axis=1) for row in rows]
        )
        assert not np.any((np.abs(dense) > 1e-12 * np.abs(dense).max(initial=0)) & ~pattern)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(SHAPES, min_size=1, max_size=3), STEPS, st.integers(0, 2**31))
def test_patterns_of_random_programs(shapes: Any, steps: Any, seed: int) -> None:
    pytest.importorskip("scipy")
    check_patterns(shapes, steps, seed)


@pytest.mark.full
def test_patterns_of_ten_thousand_random_programs() -> None:
    pytest.importorskip("scipy")
    names = sorted(UNARY) + sorted(BINARY)
    shapes = [(), (1,), (3,), (2, 3), (3, 1), (1, 3), (2, 1, 3)]
    for seed in range(10_000):
        rng = np.random.default_rng(seed)
        steps = [(names[rng.integers(len(names))], *rng.integers(0, 99, 2)) for _ in range(rng.integers(1, 9))]
        check_patterns([shapes[k] for k in rng.integers(0, len(shapes), rng.integers(1, 4))], steps, seed)
