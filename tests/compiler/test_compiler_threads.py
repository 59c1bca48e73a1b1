"""Chains on large arrays, run by two threads."""

from __future__ import annotations

import multiprocessing
import runpy
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn
from autograd_np.compiler import plan, threads
from autograd_np.compiler.passes import blocks
from autograd_np.compiler.printer import emit

SIZE = 70_001  # no multiple of a stretch


@pytest.fixture(autouse=True)
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small stretches for two threads, whatever the machine is like."""
    monkeypatch.setattr(threads, "pays", lambda: True)
    monkeypatch.setattr(threads, "LARGE", 1000)
    monkeypatch.setattr(blocks, "WORTH", 1)
    for module in (blocks, emit, plan):
        monkeypatch.setattr(module, "BLOCK", 4096)


def model_and_step(compiled: bool) -> tuple[nn.Module, Any, Any]:
    model = nn.Linear(SIZE // 100, 100, rng=0)
    optimizer = nn.Adam(model.parameters(), lr=0.01, weight_decay=0.1)
    loss = nn.MSELoss()
    if compiled:
        return model, nn.compile_step(model, loss, optimizer), optimizer

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        optimizer.step()
        return value

    return model, step, optimizer


def batches() -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(3)
    return [
        (rng.normal(size=(4, SIZE // 100)).astype(np.float32), rng.normal(size=(4, 100)).astype(np.float32))
        for _ in range(6)
    ]


def test_an_update_by_two_threads_is_the_update() -> None:
    (ours, compiled, _), (theirs, eager, _) = model_and_step(True), model_and_step(False)
    for x, y in batches():
        compiled(x, y)
        eager(x, y)
    assert "both(blocks_run, blocks, blocks_b)" in compiled.source
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-5, atol=1e-7)


def test_the_saved_program_does_so_too(tmp_path: Path) -> None:
    _, step, _ = model_and_step(True)
    first, *rest = batches()
    step(*first)
    step.save(tmp_path / "step.py")
    alone = runpy.run_path(str(tmp_path / "step.py"))["step"]
    for x, y in rest:
        assert alone(x, y) == step(x, y).item()


def test_an_error_in_either_half_comes_out() -> None:
    def fail(part: int) -> None:
        if part:
            raise ValueError("here")

    for halves in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="here"):
            threads.both(fail, *halves)


def test_the_state_of_errors_is_that_of_the_caller() -> None:
    @ag.compile
    def f(x: Any) -> Any:
        y = np.exp(x) * 2 + 1
        return np.sum(y * y - y)

    x = np.zeros(SIZE)
    f(x)
    x[-1] = 1e5
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        f(x)
    with np.errstate(all="ignore"):
        assert not np.isfinite(f(x))


def test_several_callers_at_once() -> None:
    @ag.compile
    def f(x: Any) -> Any:
        y = np.tanh(x) * 3 + 1
        return np.sum(y * y - y)

    inputs = [np.full(SIZE, k / 10) for k in range(6)]
    expected = [f(x) for x in inputs]
    found: list[Any] = [None] * 6

    def work(k: int) -> None:
        found[k] = [f(inputs[k]) for _ in range(5)]

    workers = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [[value] * 5 for value in expected]


def _child(queue: Any) -> None:
    done: list[int] = []
    threads.both(done.append, 1, 2)
    queue.put(sorted(done))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_has_a_thread_of_its_own() -> None:
    threads.both(lambda part: None, 1, 2)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_child, args=(queue,))
    child.start()
    assert queue.get(timeout=60) == [1, 2]
    child.join()


def test_the_environment_limits_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    assert threads.available() == 1
