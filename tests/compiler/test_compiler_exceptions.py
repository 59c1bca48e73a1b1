"""Exceptions, warnings and floating point errors in the first call and in replays."""

from __future__ import annotations

import collections
import warnings

import numpy as np
import pytest
from replaying import X, replayed, same

import autograd_np as ag

# ---------------------------------------------------------------- exceptions


def test_an_exception_in_the_first_call_undoes_what_was_written():
    state = np.zeros(3)
    t = ag.Tensor(np.ones(3))
    fail = True

    def f(x):
        x += 1
        state[...] = x
        t.writable()[...] = 5
        if fail:
            raise RuntimeError("on purpose")
        return x * t

    g = ag.compile(f)
    x = np.zeros(3)
    with pytest.raises(RuntimeError, match="on purpose"):
        g(x)
    same(x, np.zeros(3))
    same(state, np.zeros(3))
    same(t.numpy(), np.ones(3))
    fail = False
    for _ in range(3):
        x = np.zeros(3)
        same(g(x).numpy(), np.full(3, 5.0))
        same(x, np.ones(3))
        same(state, np.ones(3))


def test_bad_labels_in_a_replay():
    logits = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    g = ag.compile(lambda x, labels: ag.softmax_cross_entropy(x, labels))
    good, bad = np.array([0, 1, 2, 0]), np.array([0, 1, 3, 0])
    g(logits, good)
    expected = g(logits, good).numpy()
    with pytest.raises((IndexError, ValueError), match="3"):
        g(logits, bad)
    same(g(logits, good).numpy(), expected)
    replayed(g, 2)


def test_an_index_out_of_range_in_a_replay():
    g = ag.compile(lambda x, i: np.tanh(x)[i])
    same(g(X, np.array([0, 1])), np.tanh(X))
    with pytest.raises(IndexError):
        g(X, np.array([0, 2]))
    same(g(X, np.array([1, 0])), np.tanh(X)[::-1])


def test_floating_point_errors_in_a_replay_are_the_callers():
    g = ag.compile(lambda x: np.sqrt(1 / x))
    x = np.array([1.0, 4.0])
    same(g(x), np.sqrt(1 / x))
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        g(np.array([1.0, 0.0]))
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        g(np.array([1.0, 0.0]))
    with np.errstate(all="ignore"):
        g(np.array([1.0, 0.0]))
    same(g(x), np.sqrt(1 / x))


def test_the_callers_error_state_of_the_first_call_is_not_the_programs():
    g = ag.compile(lambda x: np.sqrt(1 / x))
    with np.errstate(all="ignore"):
        g(np.array([1.0, 0.0]))
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        g(np.array([1.0, 0.0]))
    replayed(g)


def test_an_error_state_inside_the_function_is_the_programs():
    def f(x):
        with np.errstate(divide="ignore"):
            y = 1 / x
        return np.sqrt(y)

    g = ag.compile(f)
    for _ in range(3):
        g(np.array([1.0, 0.0]))
        with pytest.warns(RuntimeWarning, match="invalid value"):
            g(np.array([1.0, -1.0]))
    replayed(g, 5)


def test_no_warning_in_a_backward_pass():
    g = ag.compile(ag.grad(lambda x: np.sum(np.where(x > 0, np.sqrt(np.abs(x)), 0))))
    for _ in range(3):
        assert g(np.array([0.0, 4.0])).tolist() == [0, 0.25]
    replayed(g, 2)


def test_an_exception_in_a_replay_is_that_of_the_function():
    """A program that has written nothing yet leaves it to the function, which writes what it writes."""
    states = np.zeros(2), np.zeros(2)

    def make(state):
        def f(x, i):
            state[...] += 1
            return np.tanh(x)[i]

        return f

    f, g = make(states[0]), ag.compile(make(states[1]))
    for each in (f, g):
        each(X, np.array([0]))
        with pytest.raises(IndexError, match="index 5 is out of bounds"):
            each(X, np.array([5]))
    assert states[0].tolist() == states[1].tolist() == [2, 2]


# ---------------------------------------------------------------- warnings


def test_a_replay_warns_as_numpy_does_and_only_then():
    g = ag.compile(lambda x: np.log(x) + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k in range(3):
            g(X + k)
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        g(np.zeros((2, 3)))


@pytest.mark.filterwarnings("ignore:compile. 20 calls:RuntimeWarning")
def test_many_signatures_do_not_pile_up():
    g = ag.compile(lambda x, a: x * a)
    for a in range(300):
        same(g(X, a), X * a)
    assert g.cache_info().currsize < 300


def test_a_deque_and_an_ordered_dict():
    queue, table = collections.deque([np.ones(3), 2.0]), collections.OrderedDict(a=np.ones(3))
    g = ag.compile(lambda x: x * (queue[0] * 2) * queue[1] + table["a"] * 2)
    for _ in range(3):
        same(g(X), X * (queue[0] * 2) * queue[1] + table["a"] * 2)
        queue[0][...] += 1
        table["a"][...] += 1
    queue[1] = 5.0
    same(g(X), X * (queue[0] * 2) * 5.0 + table["a"] * 2)
