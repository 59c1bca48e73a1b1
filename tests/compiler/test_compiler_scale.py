"""The work of compiling grows as the number of calls does: lines of Python that are run are counted, not seconds."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.compiler import plan


def chain(n: int) -> Any:
    def f(x: Any) -> Any:
        for _ in range(n):
            x = np.sin(x) * 1.0001
        return x

    return f, (np.ones(4),)


def recurrent(n: int) -> Any:
    w, rows = np.eye(8) * 0.5, np.ones((n, 8))

    def loss(w: Any) -> Any:
        h = np.zeros(8)
        for row in rows:
            h = np.tanh(w @ h + row)
        return np.sum(h)

    return ag.grad(loss), (w,)


def stacked(n: int) -> Any:
    def f(x: Any) -> Any:
        h, found = np.zeros_like(x[0]), []
        for t in range(n):
            h = np.tanh(x[t] + h)
            found.append(h)
        return np.stack(found)

    return ag.grad(lambda x: np.sum(f(x) ** 2)), (np.ones((n, 3)),)


def captured(n: int) -> Any:
    arrays = [np.ones(3) * i for i in range(n)]

    def f(x: Any) -> Any:
        total = arrays[0]
        for a in arrays[1:]:
            total = total + a
            x = x * a
        return x + total

    return f, (np.ones(3),)


def picked(n: int) -> Any:
    def f(x: Any, i: Any) -> Any:
        total = 0.0
        for k in range(n):
            total = total + x[i] * (k + 1.0)
        return total

    return f, (np.ones((4, 3)), np.array(2))


def arguments(n: int) -> Any:
    return (lambda arrays: sum([a * 2 for a in arrays], 0.0)), ([np.ones(3) * i for i in range(n)],)


def written(n: int) -> Any:
    def f(x: Any) -> Any:
        y = np.empty_like(x)
        for t in range(n):
            y[t] = np.sin(x[t])
        return y

    return f, (np.ones((n, 3)),)


def parameters(n: int) -> Any:
    def loss(weights: Any, x: Any) -> Any:
        for w in weights:
            x = np.tanh(x @ w)
        return np.sum(x**2)

    return ag.grad(loss), ([np.eye(4) for _ in range(n)], np.ones((3, 4)))


def lines(run: Callable[[], Any]) -> int:
    """How many lines of Python are run."""
    count = 0

    def trace(frame: types.FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("make", [chain, recurrent, stacked, captured, picked, arguments, written, parameters])
def test_twice_the_calls_take_twice_the_work(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        plan, "CAREFUL", 4
    )  # (the largest rooms, as many as that, are laid in the square of their number)
    counts = []
    for n in (8, 8, 50, 100):  # (the first one fills caches)
        function, args = make(n)

        def run(function: Any = function, args: Any = args) -> None:
            compiled = ag.compile(function)
            compiled(*args)
            _ = compiled.source_plain
            compiled(*args)

        counts.append(lines(run))
    _, first, middle, last = counts
    assert (last - middle) / (middle - first) < 1.1 * 50 / 42, counts
