"""Derivatives inside and of compiled functions."""

from __future__ import annotations

import numpy as np
import pytest
from replaying import X, replayed

import autograd_np as ag

# ---------------------------------------------------------------- transformations


def cubic(x):
    return np.sum(np.sin(x) * x**3)


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_derivatives_of_any_order_compile():
    v = np.array([0.5, -1.0, 2.0])
    for make in (
        lambda: ag.grad(cubic),
        lambda: ag.grad(lambda x: np.sum(ag.grad(cubic)(x) ** 2)),
        lambda: ag.hessian(cubic),
        lambda: ag.jacobian(lambda x: np.sin(x) * x[::-1]),
        lambda: ag.grad(lambda x: ag.grad(lambda y: ag.grad(cubic)(y).sum())(x).sum()),
    ):
        f, g = make(), ag.compile(make())
        for k in range(3):
            close(g(v + k), f(v + k))
        replayed(g, 2)
    second = ag.compile(ag.grad(ag.grad(lambda x: np.sin(x) * x**3)))
    for x in (0.5, 1.5):
        close(second(np.float64(x)), 6 * x * np.sin(x) + 6 * x**2 * np.cos(x) - x**3 * np.sin(x))


def test_jacobian_rows_in_a_loop():
    def f(x):
        return np.stack([ag.grad(lambda y: (np.sin(y) * k).sum())(row) for k, row in enumerate(x)])  # noqa: B023

    g = ag.compile(f)
    for k in range(3):
        close(g(X + k), f(X + k))
    replayed(g, 2)


def test_derivatives_of_a_compiled_function_are_right():
    g = ag.compile(cubic)
    v = np.array([0.5, -1.0, 2.0])
    g(v)
    for k in range(2):
        close(ag.grad(g)(v + k), ag.grad(cubic)(v + k))
        close(ag.hessian(g)(v + k), ag.hessian(cubic)(v + k))
        close(g(v + k), cubic(v + k))
        close(ag.compile(ag.grad(g))(v + k), ag.grad(cubic)(v + k))
    value, derivative = ag.jvp(g, (v,), (np.ones(3),))
    expected, right = ag.jvp(cubic, (v,), (np.ones(3),))
    close(value, expected)
    close(derivative, right)


def test_modes_that_look_at_operations_see_them():
    g = ag.compile(lambda x: np.log(x))
    g(ag.Tensor(X))
    g(ag.Tensor(X))
    with ag.detect_anomaly(), pytest.raises(ag.AnomalyError):
        g(ag.Tensor(np.zeros((2, 3))))
    with ag.annotate():
        x = ag.Tensor(X, requires_grad=True)
        assert "log" in str(ag.tape(g(x)))
