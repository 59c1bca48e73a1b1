"""The profile of a program: time and memory by operation."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import numpy as np
import pytest
from tapes import leaf

import autograd_np as ag
import nn
from autograd_np.engine import modes
from autograd_np.graph.profile import profile

# -------------------------------------------------------------------- the profile


def test_profile_adds_up_and_names_everything() -> None:
    model = nn.Sequential(nn.Linear(30, 50), nn.ReLU(), nn.Linear(50, 3))
    x, labels = np.random.default_rng(1).normal(size=(64, 30)), np.arange(64) % 3

    def loss() -> Any:
        return nn.CrossEntropyLoss()(model(x), labels)

    tape = ag.tape(loss())
    start = time.perf_counter()
    found = tape.profile(loss, repeats=2)
    elapsed = time.perf_counter() - start
    assert {part.name: part.calls for part in found.by_operation} == {
        "linear": 2,
        "relu": 1,
        "softmax_cross_entropy": 1,
    }
    assert {part.name for part in found.by_module} == {
        "Sequential/0",
        "Sequential/1",
        "Sequential/2",
        "CrossEntropyLoss",
    }
    assert all(part.forward > 0 and part.backward > 0 for part in found.by_operation)
    assert 0 < found.forward + found.backward < elapsed
    for parts in (found.by_operation, found.by_module):
        assert sum(part.seconds for part in parts) + found.rest == pytest.approx(found.forward + found.backward)
        assert [part.seconds for part in parts] == sorted([part.seconds for part in parts], reverse=True)
        assert sum(part.flops for part in parts) == tape.flops + tape.backward_flops
    assert found.kept_bytes == tape.kept_bytes
    text = str(found)
    assert text.startswith("operation")
    assert "\n\nmodule" in text
    assert repr(found) == text
    assert found._repr_html_().startswith("<pre>")
    assert len(json.loads(json.dumps(found.to_dicts()))) == 4


def test_profile_sees_where_the_time_goes() -> None:
    @ag.scope("slow")
    def slow(x: Any) -> Any:
        time.sleep(0.02)
        return np.exp(x)

    x = leaf(3)
    found = profile(lambda: np.sum(np.sin(slow(x))), repeats=1)
    assert found.by_operation[0].name == "exp"
    assert found.by_operation[0].forward > 0.015
    assert found.by_module[0].name == "slow"


def test_profile_changes_nothing() -> None:
    x = leaf(3)
    x.grad = np.ones(3)
    h = np.exp(x)
    y = np.sum(h * h)
    primitives = [h._node.primitive, y._node.primitive]  # type: ignore[union-attr]
    found = ag.tape(y).profile(lambda: np.sum(h * h))
    assert "exp" in {part.name for part in found.by_operation}, "what was recorded before has its backward pass here"
    np.testing.assert_array_equal(x.grad, np.ones(3))
    assert [h._node.primitive, y._node.primitive] == primitives  # type: ignore[union-attr]
    x.grad = None
    y.backward()
    np.testing.assert_allclose(x.grad, 2 * np.exp(2 * x.data))


def test_profile_restores_everything_after_an_error() -> None:
    x = leaf(3)
    h = np.exp(x)

    def broken() -> Any:
        raise RuntimeError("in the program")

    with pytest.raises(RuntimeError, match="in the program"):
        profile(broken)
    assert modes.followers() == ()

    from autograd_np.engine.registry import REGISTRY

    @ag.primitive()
    def fails_backward(x: Any) -> Any:
        return x * 2

    def fail(g: Any) -> Any:
        raise RuntimeError("in the rule")

    try:
        ag.rule(fails_backward, fail)
        before = h._node.primitive  # type: ignore[union-attr]
        with pytest.raises(RuntimeError, match="in the rule"):
            profile(lambda: np.sum(fails_backward(h)))
        assert h._node.primitive is before  # type: ignore[union-attr]
    finally:
        del REGISTRY["fails_backward"]


def test_profile_refuses_another_program() -> None:
    x = leaf(3)
    tape = ag.tape(np.sum(np.exp(x)))
    with pytest.raises(ValueError, match="not the 2 of this tape"):
        tape.profile(lambda: np.exp(x))
    with pytest.raises(ValueError, match="repeats"):
        tape.profile(lambda: np.sum(np.exp(x)), repeats=0)
    with pytest.raises(TypeError, match="needs a gradient"):
        profile(lambda: 3.0)


def test_profile_of_checkpoints_several_outputs_and_retained_gradients() -> None:
    x = leaf(4)
    kept: list[Any] = []

    def program() -> Any:
        a, b = np.split(np.exp(x).retain_grad(), 2)
        np.argmax(a)
        kept.append(a)
        return {"loss": ag.checkpoint(lambda a, b: np.sum(a * b))(a, b), "more": np.sin(b)}

    found = profile(program, repeats=1)
    parts = {part.name: part for part in found.by_operation}
    assert {
        "exp",
        "split",
        "split[1]",
        "sin",
        "checkpoint(<lambda>)",
        "multiply (not on the tape)",
        "argmax (not on the tape)",
    } <= set(parts)
    assert parts["split"].forward > 0
    assert parts["checkpoint(<lambda>)"].backward > 0
    assert x.grad is None


def test_profile_of_a_thread_does_not_see_the_others() -> None:
    stop = threading.Event()
    x = leaf(3)

    def noise() -> None:
        y = leaf(3)
        while not stop.is_set():
            np.sum(np.cos(y)).backward()

    thread = threading.Thread(target=noise)
    thread.start()
    try:
        found = profile(lambda: np.sum(np.exp(x)), repeats=3)
    finally:
        stop.set()
        thread.join()
    assert {part.name for part in found.by_operation} == {"exp", "sum"}
