"""Shapes, slices and dtypes that depend on numbers: those of an argument are refused in words, those of an array of the
caller are watched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine.errors import CompileError

X = np.arange(1.0, 7.0)
TWO = np.array(2)
MASK = np.array([True, False, True, False, True, True])


@pytest.mark.parametrize(
    ("function", "number"),
    [
        (lambda x, n: np.repeat(x, n), np.array([1, 2, 1, 1, 1, 1])),
        (lambda x, n: x.repeat(n), TWO),
        (lambda x, n: np.tile(x, n), TWO),
        (lambda x, n: x[:n], TWO),
        (lambda x, n: x[n:, None], TWO),
        (lambda x, n: np.sum(x.reshape(2, 3), axis=n - 1), TWO),
        (lambda x, n: x.reshape(2, 3).sum(n - 1), TWO),
        (lambda x, n: np.add.reduce(x.reshape(2, 3), axis=n - 1), TWO),
        (lambda x, n: x.reshape(n, 3), TWO),
        (lambda x, n: np.reshape(x, (n, 3)), TWO),
        (lambda x, n: np.delete(x, n), TWO),
        (lambda x, n: np.insert(x, n, 0.0), MASK),
        (lambda x, n: np.pad(x, n), TWO),
        (lambda x, n: np.split(x, n), TWO),
        (lambda x, n: np.expand_dims(x, n), np.array(1)),
        (lambda x, n: np.broadcast_to(x, (n, 6)), TWO),
        (lambda x, n: x[n], MASK),
        (lambda x, n: x[n > 1], X),
        (lambda x, n: np.compress(n, x), MASK),
        (lambda x, n: np.extract(n, x), MASK),
        (lambda x, n: np.roots(x + n), TWO),
        (lambda x, n: np.polymul(x, x + n), TWO),
        (lambda x, n: np.histogram(x + n, bins="auto")[0], TWO),
        (lambda x, n: np.unique(x + n), TWO),
        (lambda x, n: np.arange(n) + x[0], TWO),
    ],
)
def test_what_decides_a_shape_is_no_argument(function: Callable[..., Any], number: Any) -> None:
    with pytest.raises(CompileError, match="test_compiler_shapes.py"):
        ag.compile(function)(X, number)


def test_a_mask_of_the_caller_is_watched() -> None:
    mask = MASK.copy()

    def chosen(x: Any) -> Any:
        return x[mask] * 2

    f = ag.compile(chosen)
    for _ in range(2):
        np.testing.assert_array_equal(f(X), X[mask] * 2)
    assert f.cache_info()[:2] == (1, 1)
    mask[1] = True
    for _ in range(2):
        np.testing.assert_array_equal(f(X + 1), (X + 1)[mask] * 2)
    assert f.cache_info()[:2] == (2, 2)


def test_numbers_computed_of_arrays_of_the_caller_are_watched() -> None:
    ends = np.array([1, 2])

    def part(x: Any) -> Any:
        return np.repeat(x[: ends.sum()], ends[1]) + float(ends[0] * 2) + np.flatnonzero(ends - 1)[0]

    f = ag.compile(part)
    for values in ((1, 2), (1, 2), (2, 3), (2, 3), (1, 2)):
        ends[...] = values
        np.testing.assert_array_equal(f(X), part(X))
    assert f.cache_info().hits >= 2


def test_an_array_whose_numbers_were_looked_at_is_not_written() -> None:
    count = np.array([0])

    def counting(x: Any) -> Any:
        y = x * float(count[0])
        count[0] += 1
        return y

    with pytest.raises(CompileError, match="after it has looked at its numbers"):
        ag.compile(counting)(X)
    assert count[0] == 0


@pytest.mark.parametrize(
    "f",
    [np.linalg.eigvals, lambda a: np.linalg.eig(a)[0], np.emath.sqrt, np.emath.log],
    ids=["eigvals", "eig", "sqrt", "log"],
)
def test_real_numbers_that_become_complex_ones_are_refused(f: Callable[..., Any]) -> None:
    real, other = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[-2.0, 1.0], [-1.0, -2.0]])
    compiled = ag.compile(lambda a: f(a) * 1.0)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(real), f(real))
    with pytest.raises(CompileError, match="complex"):
        compiled(other)
    as_complex = ag.compile(lambda a: f(a.astype(complex)) * 1.0)
    for a in (real, other):
        np.testing.assert_array_equal(as_complex(a), f(a.astype(complex)))


def test_counts_of_a_given_number_of_bins() -> None:
    compiled = ag.compile(lambda n: np.bincount(n, minlength=5) * 1)
    for numbers in ([0, 1, 1], [4, 4, 2], [0, 0, 0]):
        np.testing.assert_array_equal(compiled(np.array(numbers)), np.bincount(numbers, minlength=5))
    assert compiled.cache_info().hits == 2
    with pytest.raises(CompileError, match="minlength"):
        compiled(np.array([0, 7, 0]))


def test_a_seed_is_the_same_in_every_call() -> None:
    compiled = ag.compile(lambda x: ag.dropout(x, 0.5, rng=4).detach())
    for k in range(3):
        np.testing.assert_array_equal(compiled(X + k).numpy(), ag.dropout(X + k, 0.5, rng=4).numpy())
    assert compiled.cache_info().hits == 2


def test_memory_set_aside_has_the_layout_that_it_had() -> None:
    def filled(x: Any) -> Any:
        y = np.empty_like(x)
        y[0] = x[1]
        y[1] = x[0]
        z = np.full_like(x, 2.0)
        z[:, 0] = 3.0
        return y, z, np.zeros_like(x), np.ones_like(x, shape=(2,))

    x = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    compiled = ag.compile(filled)
    for k in range(3):
        for given, expected in zip(compiled(x + k), filled(x + k), strict=True):
            np.testing.assert_array_equal(given, expected)
            assert given.strides == expected.strides


def test_numbers_without_axes_are_not_looked_into_where_they_lie() -> None:
    """A view of a number is a copy; of a buffer in which the program keeps the number it would change when the buffer
    is used again."""

    def stretched(x: Any) -> Any:
        a = np.sum(x)[None, None] * 1.0
        view = np.multiply(np.prod(x), np.max(x))[..., None]
        bits = np.multiply(np.min(x), 3.0).view(np.int64)
        others = np.exp(np.sum(np.exp(x / 9.0)))
        return a + others, np.broadcast_to(view, (2, 1)) + others, bits, others.reshape(1)

    compiled = ag.compile(stretched)
    for k in range(4):
        for given, expected in zip(compiled(X + k), stretched(X + k), strict=True):
            assert type(given) is type(expected)
            np.testing.assert_array_equal(given, expected)
