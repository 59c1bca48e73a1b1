"""Random numbers in a compiled function are those that the function would draw."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from replaying import X, replayed, same

import autograd_np as ag
from autograd_np.engine.errors import CompileError

# ---------------------------------------------------------------- randomness


def test_a_generator_draws_as_it_would():
    class Holder:
        def __init__(self, rng):
            self.rng = rng

    def check(make):
        mine, theirs = np.random.default_rng(7), np.random.default_rng(7)
        f, call = make(mine)
        plain, call_plain = make(theirs)
        g = ag.compile(f)
        for k in range(4):
            same(call(g), call_plain(plain))
            if k % 2:  # interleaved with draws of others
                assert mine.random() == theirs.random()
                same(call_plain(f), call(plain))
        replayed(g, 3)

    def closure(rng):
        return (lambda x: x + rng.normal(size=3) * rng.integers(1, 5, size=3)), lambda f: f(X)

    def argument(rng):
        return (lambda x, rng: x + rng.normal(size=3)), lambda f: f(X, rng)

    def keyword(rng):
        return (lambda x, *, rng: x * rng.random(3)), lambda f: f(X, rng=rng)

    def attribute(rng):
        holder = Holder(rng)
        return (lambda x: x + holder.rng.uniform(-1, 1, size=(2, 3))), lambda f: f(X)

    def default(rng):
        return (lambda x, rng=rng: x + rng.normal(size=3)), lambda f: f(X)

    def listed(rng):
        rngs = [rng]
        return (lambda x: x + rngs[0].standard_normal((2, 3), dtype=np.float32)), lambda f: f(X)

    def in_a_tuple(rng):
        rngs = (1, rng)
        return (lambda x: x + rngs[1].exponential(size=3)), lambda f: f(X)

    def in_a_dict(rng):
        rngs = {"rng": rng}
        return (lambda x: x + rngs["rng"].permutation(3)), lambda f: f(X)

    def partial(rng):
        return functools.partial(lambda rng, x: x + rng.normal(size=3), rng), lambda f: f(X)

    def global_(rng):
        space = {"rng": rng}
        exec("def f(x): return x * rng.poisson(3.0, size=3) + rng.choice(5, size=3)", space)
        return space["f"], lambda f: f(X)

    def of_traced(rng):
        return (
            lambda x: rng.normal(x, 1) + rng.permutation(x) + rng.permuted(x, axis=0) + rng.choice(x[0], size=3)
        ), lambda f: f(X)

    def number(rng):
        return (lambda x: x.astype(np.float32) * rng.random() + rng.normal(0.0, 2.0)), lambda f: f(X)

    def dropout(rng):
        return (lambda x: ag.dropout(x, 0.5, rng=rng)), lambda f: f(X).numpy()

    def of_numbers(rng):
        return (
            lambda x: x.astype(np.float32) * (2 * rng.random() ** 2 - rng.normal()) + np.sqrt(rng.random())
        ), lambda f: f(X)

    for make in (
        closure,
        argument,
        keyword,
        attribute,
        default,
        listed,
        in_a_tuple,
        in_a_dict,
        partial,
        global_,
        of_traced,
        number,
        of_numbers,
        dropout,
    ):
        check(make)


def test_a_generator_where_nothing_can_be_put_is_noticed():
    rng = np.random.default_rng(0)
    draw = rng.normal  # a method, bound
    with pytest.raises(CompileError, match="random generator"):
        ag.compile(lambda x: x + draw(size=3))(X)
    with pytest.raises(CompileError, match="bit_generator"):
        ag.compile(lambda x: x + rng.bit_generator.random_raw())(X)
    with pytest.raises(CompileError, match="shuffle"):
        ag.compile(lambda x: rng.shuffle(x))(X)


def test_a_seeded_generator_inside_the_function_gives_the_same_numbers_each_time():
    def f(x):
        return x + np.random.default_rng(3).normal(size=3)

    g = ag.compile(f)
    for k in range(3):
        same(g(X + k), f(X + k))


def test_a_number_drawn_decides_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(CompileError, match="if"):
        ag.compile(lambda x: x if rng.random() < 0.5 else -x)(X)


def test_dropout_draws_as_it_would():
    def f(x):
        return ag.dropout(x, 0.5)

    g = ag.compile(f)
    for k in range(3):
        ag.manual_seed(k)
        expected = [f(X).numpy() for _ in range(2)]
        ag.manual_seed(k)
        for e in expected:
            same(g(X).numpy(), e)
    replayed(g, 5)
