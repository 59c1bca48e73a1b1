"""A zero cotangent stays zero, also in sums of products and under masks given as options; counts in half precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine.registry import REGISTRY

RNG = np.random.default_rng(7)
BAD = RNG.normal(size=(6, 3))
BAD[1] = np.nan
BAD[4, 1] = np.inf
OK = np.isfinite(BAD).all(axis=1)
Y = RNG.normal(size=6)
W = RNG.normal(size=3)
M = RNG.normal(size=(3, 2))

# What a program computes of all rows, and the same of the rows that count alone.
PROGRAMS: dict[str, tuple[Any, Any, Any]] = {
    "where": (lambda w: np.sum(np.where(OK, BAD @ w, 0.0)), lambda w: np.sum(BAD[OK] @ w), W),
    "index": (lambda w: np.sum(np.tanh(BAD @ w)[OK]), lambda w: np.sum(np.tanh(BAD[OK] @ w)), W),
    "where=": (lambda w: np.mean((BAD @ w - Y) ** 2, where=OK), lambda w: np.mean((BAD[OK] @ w - Y[OK]) ** 2), W),
    "nanmean": (
        lambda w: np.nanmean(np.where(OK, BAD @ w - Y, np.nan) ** 2),
        lambda w: np.mean((BAD[OK] @ w - Y[OK]) ** 2),
        W,
    ),
    "einsum": (lambda w: np.sum(np.einsum("ij,j->i", BAD, w)[OK]), lambda w: np.sum(BAD[OK] @ w), W),
    "norm": (
        lambda w: np.sum(np.linalg.norm(BAD * w, axis=1)[OK]),
        lambda w: np.sum(np.linalg.norm(BAD[OK] * w, axis=1)),
        W,
    ),
    "linear and relu": (
        lambda w: np.sum(ag.relu(ag.linear(BAD, w, np.ones(2)))[OK]),
        lambda w: np.sum(ag.relu(ag.linear(BAD[OK], w, np.ones(2)))),
        M,
    ),
    "ignore_index": (
        lambda w: ag.softmax_cross_entropy(BAD @ w, np.where(OK, 1, -1), ignore_index=-1),
        lambda w: ag.softmax_cross_entropy(BAD[OK] @ w, np.ones(OK.sum(), int)),
        M,
    ),
    "layer_norm": (
        lambda w: np.sum(ag.layer_norm(BAD, 3, w)[OK] ** 2),
        lambda w: np.sum(ag.layer_norm(BAD[OK], 3, w) ** 2),
        W,
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROGRAMS)
def test_rows_that_do_not_count_may_hold_anything(name: str) -> None:
    masked, plain, at = PROGRAMS[name]
    with np.errstate(all="ignore"):
        expected = ag.grad(plain)(at)
        np.testing.assert_allclose(ag.grad(masked)(at), expected, rtol=1e-12)
        np.testing.assert_allclose(ag.compile(ag.grad(masked))(at), expected, rtol=1e-12)
        curved = ag.grad(lambda w: np.sum(ag.grad(masked)(w) ** 2))(at)
        np.testing.assert_allclose(
            curved, ag.grad(lambda w: np.sum(ag.grad(plain)(w) ** 2))(at), rtol=1e-10, atol=1e-12
        )


def test_a_cotangent_that_counts_meets_what_is_there() -> None:
    with np.errstate(all="ignore"):
        g = ag.grad(lambda w: np.sum((BAD @ w)[[0, 1]]))(W)
    assert np.isnan(g).all()


def test_a_compiled_program_is_made_anew_where_data_is_missing() -> None:
    program = ag.compile(ag.grad(lambda w, x, ok: np.sum(np.where(ok, x @ w, 0.0))))
    whole = RNG.normal(size=(6, 3))
    for x in (whole, BAD, whole, BAD):
        np.testing.assert_allclose(program(W, x, OK), x[OK].sum(axis=0), rtol=1e-12)
    assert program.cache_info().misses == 2


MISSING = np.array([[1.0, 2.0, 3.0], [np.nan, np.inf, -np.inf], [4.0, 5.0, 6.0]])
COUNTS = np.array([True, False, True])
# The row in the middle does not count. In x + 0.0, √x and log x what is not finite is computed, in √(x − 9.5) and log(x
# − 5) of finite numbers.
COMPUTED: dict[str, Any] = {
    "given": lambda w, x: np.where(COUNTS, x @ w, 0.0),
    "given and scaled": lambda w, x: np.einsum("ij,j->ij", x + 0.0, w)[COUNTS],
    "of missing data": lambda w, x: np.where(COUNTS, np.sqrt(x) @ w, 0.0),
    "of finite data": lambda w, x: np.where(COUNTS, np.sqrt(np.where(x > 9.5, 12.0 - x, x)) @ w, 0.0),
    "with weights in it": lambda w, x: np.where(COUNTS, np.log(x * w) @ w, 0.0),
    "after a draw": lambda w, x: np.where(COUNTS, (np.random.default_rng(0).random(3) + x) @ w, 0.0),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", COMPUTED)
def test_a_compiled_program_meets_other_missing_data_in_a_later_call(name: str) -> None:
    function = COMPUTED[name]
    gradient = ag.grad(lambda w, x: np.sum(np.sin(function(w, x))), argnum=(0, 1))
    program = ag.compile(gradient)
    w = np.array([0.5, 0.6, 0.7])
    for middle in (
        [7.0, 8.0, 9.0],
        [np.nan, 8.0, 9.0],
        [7.0, np.inf, -np.inf],
        [13.0, 14.0, np.nan],
        [13.0, 14.0, 15.0],
        [7.0, 8.0, 9.0],
    ):
        x = MISSING.copy()
        x[1] = middle
        for mine, expected, clean in zip(
            program(w, x), gradient(w, x), gradient(w, np.where(COUNTS[:, None], x, 1.0)), strict=True
        ):
            np.testing.assert_allclose(mine, expected, rtol=1e-12)
            np.testing.assert_allclose(mine, clean, rtol=1e-12)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
@pytest.mark.parametrize(
    "function", [np.sqrt, np.log, lambda x: 1 / (x + x), lambda x: x**0.3, lambda x: np.arctan2(x, np.log(x))]
)
def test_the_gradient_of_what_does_not_count_has_no_derivatives_either(function: Any, bad: float) -> None:
    def curved(w: Any, x: Any) -> Any:
        first = ag.grad(lambda x: np.sum(function(x) * w, where=np.arange(len(x)) < 2))(x)
        return np.sum(first * np.array([0.3, -2.0, 0.7])[: len(x)])

    w, x = np.array([0.5, 0.6, 0.7]), np.array([1.0, 2.0, bad])
    for mine, expected in zip(
        ag.grad(curved, argnum=(0, 1))(w, x), ag.grad(curved, argnum=(0, 1))(w[:2], x[:2]), strict=True
    ):
        np.testing.assert_allclose(mine, [*expected, 0.0], rtol=1e-12)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e308, -1e308])
@pytest.mark.parametrize(
    "function",
    [
        lambda z: z * np.linalg.vector_norm(z, axis=-1, keepdims=True),
        lambda z: z * np.linalg.norm(z, 3, axis=-1, keepdims=True),
        lambda z: z / np.std(z, axis=-1, keepdims=True),
        lambda z: np.linalg.solve(np.eye(3) + z[:, :, None], z[:, :, None])[:, :, 0],
    ],
)
def test_numbers_whose_products_overflow_may_stand_where_nothing_counts(function: Any, bad: float) -> None:
    w, x = np.array([0.5, 0.6, 0.7]), np.array([[1.0, 2.0, 3.5], [np.nan if bad > 0 else 1.0, bad, 2.0]])
    gw, gx = ag.grad(lambda w, x: np.sum(np.where([[True], [False]], function(x * w), 0.0)), argnum=(0, 1))(w, x)
    ew, ex = ag.grad(lambda w, x: np.sum(function(x * w)), argnum=(0, 1))(w, x[:1])
    np.testing.assert_allclose(gw, ew, rtol=1e-12)
    np.testing.assert_allclose(gx, np.concatenate([ex, np.zeros((1, 3))]), rtol=1e-12)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_determinants_of_missing_matrices(bad: float) -> None:
    x = np.stack([np.array([[2.0, 1.0], [0.5, 3.0]])] * 2)
    x[1, 0, 1] = bad
    plain = ag.grad(lambda x: np.sum(np.linalg.det(x)[:1]))(x)  # (SVD of such a matrix raises, or never ends)
    np.testing.assert_allclose(plain, [[[3.0, -0.5], [-1.0, 2.0]], np.zeros((2, 2))], rtol=1e-12)
    curved = ag.grad(lambda x: np.sum(ag.grad(lambda x: np.sum(np.linalg.det(x)[:1] ** 2))(x)))(x)
    assert np.isfinite(curved).all()


REDUCTIONS = ("sum", "mean", "prod", "var", "std", "max", "min")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*REDUCTIONS, *[f"nan{each}" for each in (*REDUCTIONS, "median")]])
def test_what_a_reduction_leaves_out_may_be_missing(name: str) -> None:
    x = np.array([np.nan, 1.0, 2.0, 3.5])
    there = ~np.isnan(x)
    function = getattr(np, name)
    options = {} if name.startswith("nan") else {"where": there, **({"initial": 0.5} if name in ("max", "min") else {})}
    plain = getattr(np, name.removeprefix("nan"))
    limits = {"initial": 0.5} if "initial" in options else {}
    g = ag.grad(lambda t: function(t**2, **options))(x)
    assert g[0] == 0
    np.testing.assert_allclose(g[1:], ag.grad(lambda t: plain(t**2, **limits))(x[1:]), rtol=1e-12)


def test_plain_reductions_announce_no_mask() -> None:
    x = ag.Tensor(np.ones(3), requires_grad=True)
    for name in ("sum", "mean", "prod", "var", "std"):
        assert not getattr(np, name)(x)._node.primitive.masks
        assert getattr(np, name)(x, where=np.array([True, True, False]))._node.primitive.masks
    assert REGISTRY["nanmean"].masks


N = 100_000
HALVES: dict[str, Any] = {
    "norm inf": lambda v: np.linalg.norm(v, np.inf),
    "norm -inf": lambda v: np.linalg.norm(v, -np.inf),
    "norm 2": np.linalg.norm,
    "max": np.max,
    "min": np.min,
    "mean": np.mean,
    "mean where": lambda v: np.mean(v, where=np.arange(N) > 0),
    "nanmean": np.nanmean,
    "logsumexp": ag.logsumexp,
    "mse": lambda v: ag.mse_loss(v, np.zeros(N)),
    "cross-entropy": lambda v: ag.softmax_cross_entropy(np.stack([v, v * 2], axis=1), np.zeros(N, int)),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", HALVES)
def test_counts_above_the_largest_half(name: str) -> None:
    f = HALVES[name]
    with np.errstate(all="ignore"):
        g = ag.grad(lambda v: f(v) * 10)(np.ones(N, np.float16))
        np.testing.assert_allclose(g, ag.grad(lambda v: f(v) * 10)(np.ones(N)), rtol=5e-3)
    assert g.dtype == np.float16


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["var", "std", "nanvar", "nanstd"])
def test_spreads_of_many_halves(name: str) -> None:
    x = RNG.normal(size=N).astype(np.float16)
    with np.errstate(all="ignore"):
        g, e = (ag.grad(lambda v: getattr(np, name)(v) * 100)(a) for a in (x, x.astype(float)))
    np.testing.assert_allclose(g, e, rtol=5e-3, atol=5e-3 * np.abs(e).max())
