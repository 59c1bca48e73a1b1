"""Memory that arguments, results and captured arrays share: a compiled call shares as the function does."""

from __future__ import annotations

import numpy as np
import pytest
from replaying import X, replayed, same

import autograd_np as ag
from autograd_np.engine.errors import CompileError

# ---------------------------------------------------------------- aliasing


def test_a_returned_argument_is_the_argument():
    f = ag.compile(lambda x, y: (x, y + 1, x))
    for _ in range(3):
        x, y = X.copy(), X.copy()
        a, _, b = f(x, y)
        assert a is x
        assert b is x
    replayed(f, 2)


def test_a_returned_view_of_an_argument_is_one():
    f = ag.compile(lambda x: x.T[1:])
    for _ in range(3):
        x = X.copy()
        f(x)[...] = 0
        np.testing.assert_array_equal(x[:, 1:], 0)
        np.testing.assert_array_equal(x[:, 0], [1, 4])
    replayed(f, 2)


def test_two_returned_views_of_one_result_share_its_memory():
    def f(x):
        y = x * 2
        return y[0], y[:, 0]

    g = ag.compile(f)
    for _ in range(3):
        a, b = g(X)
        a[0] = 100
        assert b[0] == 100
    same(g(X)[0], f(X)[0])


def test_two_equal_results_do_not_share_memory():
    g = ag.compile(lambda x: (np.exp(x), np.exp(x)))
    for _ in range(3):
        a, b = g(X)
        a[...] = 0
        same(b, np.exp(X))


def test_a_result_outlives_the_next_call():
    g = ag.compile(lambda x: np.tanh(x) * 2)
    kept = [g(X + k) for k in range(4)]
    for k, y in enumerate(kept):
        same(y, np.tanh(X + k) * 2)
        y[...] = np.nan
    same(g(X), np.tanh(X) * 2)


def test_constants_that_are_returned_are_new_in_each_call():
    def f(x):
        a = np.ones(3)
        return a, a[1:], np.zeros_like(x), x.shape, ag.Tensor([1.0, 2.0])

    g = ag.compile(f)
    for _ in range(3):
        a, b, c, shape, t = g(X)
        same(a, np.ones(3))
        same(c, np.zeros_like(X))
        b[...] = 5
        assert a[1] == 5
        a[...] = c[...] = 7
        assert shape == (2, 3)
        assert t.tolist() == [1, 2]
        t.data[...] = 9
    replayed(g, 2)


def test_an_argument_that_changes_between_calls_is_read_anew():
    x = X.copy()
    g = ag.compile(lambda x: (x * 2).sum())
    for _ in range(3):
        assert g(x) == (x * 2).sum()
        x += 1
    replayed(g, 2)


def test_a_call_whose_arguments_are_the_same_array():
    def f(x, y):
        return x[1:] - y[1:], x[1:] * 2

    g = ag.compile(f)
    a, b = X.copy(), X[::-1].copy()
    for arguments in ((a, a), (a, b), (a, a), (b, a), (b, b)):
        for mine, theirs in zip(g(*arguments), f(*arguments), strict=True):
            same(mine, theirs)


def writing(x, y):
    x += 1
    y *= 2
    return x + y


def test_a_program_that_writes_into_arguments_sees_that_they_overlap():
    g = ag.compile(writing)

    def pairs():
        room = np.arange(12.0)
        whole = np.arange(6.0)
        return [
            (np.arange(6.0), np.arange(6.0)),
            (whole, whole),
            (np.arange(6.0), np.ones(6)),
            (room[:6], room[6:]),
            (room[:6], room[3:9]),
            (room[3:9], room[:6]),
            (room[:6], room[:6]),
            (room[1:7], room[:6]),
            (room[:6], room[6:]),
        ]

    for _ in range(3):
        for mine, theirs in zip(pairs(), pairs(), strict=True):
            same(g(*mine), writing(*theirs))
            for a, b in zip(mine, theirs, strict=True):
                same(a, b)


def test_overlap_of_memory_that_no_array_owns():
    g = ag.compile(writing)
    for _ in range(3):
        mine, theirs = bytearray(96), bytearray(96)
        a = [np.frombuffer(mine, count=6), np.frombuffer(mine, offset=16, count=6)]
        b = [np.frombuffer(theirs, count=6), np.frombuffer(theirs, offset=16, count=6)]
        same(g(*a), writing(*b))
        assert mine == theirs


def test_overlapping_arguments_that_are_only_read_do_not_cost_the_program():
    g = ag.compile(lambda q, k, v: q @ k.T @ v)
    for _ in range(4):
        same(g(X, X, X), X @ X.T @ X)
    assert g.cache_info().hits == 3


def test_an_argument_that_overlaps_an_array_that_the_program_writes():
    state = np.zeros(6)

    def f(x):
        state[1:] += x[:-1]
        return state.sum() + x.sum()

    def plain(x, state):
        state[1:] += x[:-1]
        return state.sum() + x.sum()

    g = ag.compile(f)
    expected = np.zeros(6)
    for _ in range(3):
        same(g(np.arange(6.0)), plain(np.arange(6.0), expected))
        same(g(state), plain(expected, expected))
        same(g(state[::-1]), plain(expected[::-1], expected))
        same(state, expected)


def test_overlapping_views_are_written_as_numpy_does():
    def f(x):
        x[1:] += x[:-1]
        x[::2] = x[1::2]
        np.add(x[:3], x[3:], out=x[1:4])
        return x

    g = ag.compile(f)
    for k in range(3):
        a, b = np.arange(6.0) + k, np.arange(6.0) + k
        assert g(a) is a
        same(a, f(b))
    replayed(g, 2)


def test_a_read_only_argument_is_read_and_not_written():
    def f(x, write):
        if write:
            x += 1
        return x * 2

    g = ag.compile(f)
    x = X.copy()
    x.flags.writeable = False
    same(g(x, False), x * 2)
    with pytest.raises(ValueError, match="read-only"):
        g(x, True)
    g(X.copy(), True)
    with pytest.raises(ValueError, match="read-only"):
        g(x, True)
    same(x, X)


@pytest.mark.parametrize("where", ["row", "later"])
def test_a_part_picked_by_a_traced_number_is_not_taken_for_a_copy(where):
    def f(x, i):
        row = x[i]
        if where == "row":
            row += 1
            return x.sum()
        x *= 2
        return row

    with pytest.raises(CompileError, match="picks another part"):
        ag.compile(f)(X.copy(), np.int64(1))

    def g(x, i):
        x[i] += 1
        x[i, 1:] = 7
        return x[i] * 2

    compiled = ag.compile(g)
    for i in (0, 1, 0):
        a, b = X.copy(), X.copy()
        same(compiled(a, np.int64(i)), g(b, i))
        same(a, b)
    replayed(compiled, 2)
