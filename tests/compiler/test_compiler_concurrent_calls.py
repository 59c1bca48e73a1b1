"""Compiled functions that call each other, and calls from several threads and tasks."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from replaying import X, replayed, same

import autograd_np as ag

# ---------------------------------------------------------------- recursion, nesting, threads


def test_recursion_and_nesting():
    @ag.compile
    def power(x, n):
        return x if n == 0 else np.sin(power(x, n - 1))

    inner = ag.compile(lambda x: x * 3)
    outer = ag.compile(lambda x: inner(x) + inner(inner(x)))
    for k in range(3):
        same(power(X + k, 2), np.sin(np.sin(X + k)))
        same(outer(X + k), (X + k) * 12)
    replayed(power)
    replayed(outer)


def test_what_an_inner_compiled_function_uses_counts_for_the_outer():
    scale = 2.0
    inner = ag.compile(lambda x: x * scale)
    outer = ag.compile(lambda x: inner(x) + 1)
    same(outer(X), X * 2 + 1)
    scale = 3.0
    same(outer(X), X * 3 + 1)


def in_threads(task, count=8):
    errors = []

    def run(k):
        try:
            task(k)
        except BaseException as error:  # handed on below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
        assert not t.is_alive()
    if errors:
        raise errors[0]


def test_threads_call_one_compiled_function():
    c = np.array([1.0, 2.0, 3.0])

    def f(x):
        return np.tanh(x * c) @ np.exp(x.T)

    g = ag.compile(f)

    def task(k):
        for n in range(30):
            x = np.linspace(-1, 1, 3 * (1 + (n + k) % 4)).reshape(-1, 3) + k
            same(g(x), f(x))

    in_threads(task)
    replayed(g, 100)


def test_threads_that_compute_while_another_compiles():
    w = ag.Tensor(np.ones(4))
    c = np.arange(4.0)
    namespace = {"w": w, "c": c, "np": np}
    exec("def f(x):\n    y = x * w * c\n    for _ in range(200): y = np.sin(y)\n    return y", namespace)
    f = namespace["f"]
    expected = f(np.ones(4)).numpy()
    started = threading.Event()

    def task(k):
        if k == 0:
            for _ in range(5):
                started.set()
                same(ag.compile(f)(np.ones(4)).numpy(), expected)
        else:
            started.wait()
            for _ in range(5):
                same(f(np.ones(4)).numpy(), expected)
                same(np.asarray(namespace["c"] * 2), np.arange(4.0) * 2)

    in_threads(task, 4)


def test_threads_that_write_state_take_turns():
    total = np.zeros(1000)

    @ag.compile
    def add(x):
        total[...] += x
        return x.sum()

    add(np.zeros(1000))
    in_threads(lambda k: [add(np.ones(1000)) for _ in range(50)])
    same(total, np.full(1000, 400.0))


def test_tasks_call_one_compiled_function():
    g = ag.compile(lambda x: np.cos(x) * 2)

    async def one(k):
        for n in range(5):
            await asyncio.sleep(0)
            same(g(X + k + n), np.cos(X + k + n) * 2)

    async def several():
        await asyncio.gather(*[one(k) for k in range(5)])

    asyncio.run(several())
    replayed(g, 20)


# ---------------------------------------------------------------- a process that is forked

FORKED = """
import os, signal, threading, warnings
import numpy as np
import pytest
import autograd_np as ag

warnings.simplefilter("ignore")  # of forking with threads, which is what is tried
inside, go_on = threading.Event(), threading.Event()

@ag.compile
def slow(x):
    inside.set()
    go_on.wait()
    return x + 1

@ag.compile
def quick(x):
    return x * 2

thread = threading.Thread(target=slow, args=(np.ones(3),))
thread.start()
inside.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)
    os._exit(0 if quick(np.ones(3)).tolist() == [2.0, 2.0, 2.0] else 1)
_, status = os.waitpid(child, 0)
go_on.set()
thread.join()
print(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_process_forked_while_another_thread_traces():
    """The child finds the locks free, which a thread holds that it does not have."""
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
