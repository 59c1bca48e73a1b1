"""A zero cotangent stays zero, also in sums of products and under masks given as options; counts in half precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.primitive import REGISTRY

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
    "norm": (lambda w: np.sum(np.linalg.norm(BAD * w, axis=1)[OK]), lambda w: np.sum(np.linalg.norm(BAD[OK] * w, axis=1)), W),
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
    "layer_norm": (lambda w: np.sum(ag.layer_norm(BAD, 3, w)[OK] ** 2), lambda w: np.sum(ag.layer_norm(BAD[OK], 3, w) ** 2), W),
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
        np.testing.assert_allclose(curved, ag.grad(lambda w: np.sum(ag.grad(plain)(w) ** 2))(at), rtol=1e-10, atol=1e-12)


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
