"""Digits: gradients and second derivatives against formulas that don't cancel, at arguments where a careless rule loses
everything."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn

TINY = (1e-300, 1e-100, 1e-30, 1e-16, 1e-8, 1e-3)


def derivative(f: Any, x: float, order: int) -> float:
    for _ in range(order):
        f = ag.grad(f)
    return float(f(np.float64(x)))


def holds(f: Any, order: int, formula: Callable[[float], float], points: Any) -> None:
    with np.errstate(all="ignore"):
        found = [derivative(f, x, order) for x in points]
        compiled = [
            float(ag.compile(ag.grad(f) if order == 1 else ag.grad(ag.grad(f)))(np.float64(x))) for x in points[:1]
        ]
        expected = [formula(x) for x in points]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)
    np.testing.assert_allclose(compiled, expected[:1], rtol=1e-12, atol=0)


@pytest.mark.parametrize("sign", [1, -1])
def test_inverse_functions_near_0_and_near_1(sign: int) -> None:
    points = [sign * x for x in (*TINY, 0.3, 0.9)]
    square = lambda x: (1 - x) * (1 + x)
    near = [sign * (1 - d) for d in (1e-15, 1e-8, 1e-3)]
    holds(np.arcsin, 1, lambda x: 1 / math.sqrt(square(x)), points + near)
    holds(np.arcsin, 2, lambda x: x / square(x) ** 1.5, points + near)
    holds(np.arccos, 2, lambda x: -x / square(x) ** 1.5, points + near)
    holds(np.arctanh, 2, lambda x: 2 * x / square(x) ** 2, points + near)


@pytest.mark.parametrize("other", [1.0, 1e-8, 1e8, -1e-100])
def test_hypot_beside_a_much_smaller_or_larger_number(other: float) -> None:
    points = [1e-30, 1e-8, 0.7, -3.7, 1e4, 1e30]
    r = lambda x: math.hypot(x, other)
    holds(lambda x: np.hypot(x, other), 2, lambda x: (other / r(x)) ** 2 / r(x), points)
    holds(
        lambda x: ag.grad(lambda y: np.hypot(x, y))(np.float64(other)),
        1,
        lambda x: -(x / r(x)) * (other / r(x)) / r(x),
        points,
    )


def test_special_functions() -> None:
    sp = pytest.importorskip("scipy.special")
    ends = (*TINY, 1e-12, 0.3)
    holds(sp.spence, 1, lambda z: math.log(z) / (1 - z), (*ends, 1.7, 1e8))
    holds(sp.spence, 2, lambda z: 1 / (z * (1 - z)) + math.log(z) / (1 - z) ** 2, ends)
    holds(sp.expit, 2, lambda x: -math.tanh(x / 2) / (4 * math.cosh(x / 2) ** 2), (*TINY, -1e-30, 0.7, -30.0))
    holds(lambda y: sp.kl_div(1e-30, y), 2, lambda y: 1e-30 / y**2, (1e-8, 0.3, 10.0, 1e30))
    holds(sp.wrightomega, 2, lambda x: sp.wrightomega(x) / (1 + sp.wrightomega(x)) ** 3, (-600.0, 1.0, 1e8))
    holds(lambda x: sp.shichi(x)[0], 2, lambda x: x / 3 + x**3 / 30, (1e-30, 1e-8, -1e-4))
    holds(lambda x: sp.shichi(x)[0], 1, lambda x: math.sinh(x) / x, (-500.0, -4.9, 5.1, 500.0))
    holds(sp.ellipe, 1, lambda m: (sp.ellipe(m) - sp.ellipkm1(1 - m)) / (2 * m), (1 - 1e-15, 1 - 1e-8, 0.6, -3.0, -1e8))
    holds(sp.ellipkm1, 2, lambda p: 1 / (2 * p * p), (1e-100, 1e-30, 1e-16))
    # K(m) = K(m/(m − 1))/√(1 − m), with p = 1/(1 − m) for ellipkm1.
    holds(sp.ellipk, 1, derivative_of_large_ellipk, (-1e8, -1e12))


def derivative_of_large_ellipk(m: float) -> float:
    """d/dm of K(1 − p) √p with p = 1/(1 − m): (½ K p^−½ + K′ √p) p², where K = ln(4/√p) (1 + p/4) − p/4 and its
    derivative, to O(p² ln p)."""
    p = 1 / (1 - m)
    log = math.log(4 / math.sqrt(p))
    k, slope = log * (1 + p / 4) - p / 4, -(1 + p / 4) / (2 * p) + log / 4 - 1 / 4
    return (k / (2 * math.sqrt(p)) + slope * math.sqrt(p)) * p * p


@pytest.mark.parametrize("delta", [1.0, 1e-8, 1e8, 3.0])
def test_pseudo_huber(delta: float) -> None:
    sp = pytest.importorskip("scipy.special")
    points = [1e-30, 1e-8, 0.7, -3.7, 1e4, 1e8, 1e30]
    d = lambda r: math.hypot(delta, r)
    holds(lambda r: sp.pseudo_huber(delta, r), 2, lambda r: (delta / d(r)) ** 3, points)
    holds(
        lambda r: ag.grad(lambda t: sp.pseudo_huber(t, r))(np.float64(delta)),
        1,
        lambda r: (r / d(r)) ** 3,
        [r for r in points if abs(r) >= delta * 1e-8],
    )
    holds(
        lambda t: ag.grad(lambda r: sp.pseudo_huber(t, r))(np.float64(delta)),
        1,
        lambda t: (delta / math.hypot(delta, t)) ** 3,
        [1e-8, 0.7, 1e8],
    )


# ---------------------------------------------------------------- softmax and the cross-entropies

GAPS = {np.float64: (5.0, 40.0, 300.0), np.float32: (5.0, 20.0, 60.0), np.float16: (4.0,)}
CASES = [(dtype, gap, most) for dtype, gaps in GAPS.items() for gap in gaps for most in (0, 2)]


def shares(z: Any) -> tuple[Any, Any]:
    """The softmax of z and its complement, without cancellation, in long double."""
    e = np.exp(z.astype(np.longdouble) - np.max(z).astype(np.longdouble))
    return e / e.sum(), np.array([np.delete(e, i).sum() for i in range(e.size)]) / e.sum()


def pulled(p: Any, g: Any) -> Any:
    """p_i Σ_j p_j (g_i − g_j)."""
    return p * np.array([np.sum(p * (own - g)) for own in g])


def row(dtype: Any, gap: float, most: int) -> tuple[Any, Any, float]:
    z = np.array([0.0, -1.0, 1.5, 0.5])
    z[most] = gap + 2
    return z.astype(dtype), np.array([0.3, -1.0, 0.7, 0.2], dtype), 40 * float(np.finfo(dtype).eps)


@pytest.mark.parametrize(("dtype", "gap", "most"), CASES)
@pytest.mark.parametrize("target", [0, 1, 2])
def test_cross_entropy_of_a_class_of_nearly_all_the_mass(dtype: Any, gap: float, most: int, target: int) -> None:
    z, h, rtol = row(dtype, gap, most)
    p, rest = shares(z)
    expected = p.copy()
    expected[target] = -rest[target]
    y, hot = np.array([target]), np.eye(4, dtype=dtype)[[target]]
    twos = np.full(4, 2, dtype)
    losses: dict[str, Callable[[Any], Any]] = {
        "classes": lambda x: ag.softmax_cross_entropy(x[None], y),
        "sum": lambda x: ag.softmax_cross_entropy(x[None], y, reduction="sum"),
        "none": lambda x: ag.softmax_cross_entropy(x[None], y, reduction="none")[0],
        "weights": lambda x: ag.softmax_cross_entropy(x[None], y, weight=twos, reduction="sum") / 2,
        "ignored": lambda x: ag.softmax_cross_entropy(x[None], y, ignore_index=3),
        "one-hot": lambda x: ag.softmax_cross_entropy(x[None], hot),
        "log_softmax": lambda x: -ag.log_softmax(x)[target],
        "nll": lambda x: nn.NLLLoss()(ag.log_softmax(x[None]), y),
        "kl": lambda x: nn.KLDivLoss(reduction="sum")(ag.log_softmax(x[None]), hot),
        "CrossEntropyLoss": lambda x: nn.CrossEntropyLoss()(x[None], y),
        "many": lambda x: ag.softmax_cross_entropy(np.concatenate([x, np.full(200, -np.inf, dtype)])[None], y),
    }
    second = pulled(p, h.astype(np.longdouble))
    value = np.log1p(rest[target] / p[target])
    for name, f in losses.items():
        found = ag.grad(f)(z)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=0, err_msg=name)
        # (The loss of class numbers is a logarithm near 1: of its value the digits below the dtype's own are not kept.)
        exact = name in ("one-hot", "log_softmax", "nll", "kl")
        np.testing.assert_allclose(
            f(z).item(), value, rtol=rtol, atol=0 if exact else 2 * np.finfo(dtype).eps, err_msg=name
        )
        np.testing.assert_allclose(
            ag.grad(lambda x, f=f: np.sum(ag.grad(f)(x) * h))(z), second, rtol=rtol, atol=0, err_msg=name
        )
    f = losses["classes"]
    np.testing.assert_allclose(ag.compile(ag.grad(f))(z), expected, rtol=rtol, atol=0)
    np.testing.assert_allclose(ag.compile(ag.grad(lambda x: np.sum(ag.grad(f)(x) * h)))(z), second, rtol=rtol, atol=0)


@pytest.mark.parametrize(("dtype", "gap", "most"), CASES)
def test_softmax_and_log_softmax(dtype: Any, gap: float, most: int) -> None:
    z, h, rtol = row(dtype, gap, most)
    v = np.array([1.0, 0.5, -0.25, 2.0], dtype)
    p, rest = shares(z)
    wide = v.astype(np.longdouble)
    np.testing.assert_allclose(ag.grad(lambda x: np.sum(ag.softmax(x) * v))(z), pulled(p, wide), rtol=rtol, atol=0)
    expected = [np.sum(np.delete(wide[i] * p - p[i] * wide, i)) for i in range(4)]
    np.testing.assert_allclose(ag.grad(lambda x: np.sum(ag.log_softmax(x) * v))(z), expected, rtol=rtol, atol=0)
    np.testing.assert_allclose(
        ag.log_softmax(z).numpy(), np.where(p > 0.5, np.log1p(-np.minimum(rest, 0.5)), np.log(p)), rtol=rtol, atol=0
    )
    np.testing.assert_allclose(ag.grad(ag.logsumexp)(z), p, rtol=rtol, atol=0)
    if dtype is not np.float16:
        found = ag.grad(lambda x: np.sum(ag.grad(ag.logsumexp)(x) * h))(z)
        np.testing.assert_allclose(found, pulled(p, h), rtol=40 * rtol, atol=0)
        # Σ h ∂/∂z of p (v − p·v).
        inner = wide - np.sum(wide * p)
        second = pulled(p, h * inner - np.sum(h * p) * wide)
        found = ag.grad(lambda x: np.sum(ag.grad(lambda t: np.sum(ag.softmax(t) * v))(x) * h))(z)
        np.testing.assert_allclose(found, second, rtol=40 * rtol, atol=0)


@pytest.mark.parametrize(
    ("smoothing", "weights"), list(itertools.product([0.0, 0.1], [(1, 1, 1, 1), (1, 0, 0, 0), (0.5, 2, 1, 0)]))
)
def test_smoothed_and_weighted_targets(smoothing: float, weights: tuple[float, ...]) -> None:
    z, _, rtol = row(np.float64, 40.0, 0)
    p, _ = shares(z)
    w = np.array(weights, float)
    q = ((1 - smoothing) * np.eye(4)[0] + smoothing / 4) * w
    expected = [np.sum(np.delete(p[i] * q - p * q[i], i)) for i in range(4)]
    y = np.array([0])
    found = ag.grad(
        lambda x: ag.softmax_cross_entropy(x[None], y, reduction="sum", label_smoothing=smoothing, weight=w)
    )(z)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=0)
    found = ag.grad(
        lambda x: ag.softmax_cross_entropy(x[None], np.eye(4)[y], reduction="sum", label_smoothing=smoothing, weight=w)
    )(z)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=0)
