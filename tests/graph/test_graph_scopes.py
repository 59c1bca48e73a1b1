"""The parts of the program that entries of the tape belong to, and what ``annotate`` remembers of them."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from typing import Any

import numpy as np
import pytest
from tapes import leaf, names

import autograd_np as ag
import nn
from autograd_np.engine.scopes import is_annotate_enabled

# -------------------------------------------------------------------- parts of the program


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 3)
        self.outer = nn.Sequential(nn.ReLU(), nn.Linear(3, 3))

    def forward(self, x: Any) -> Any:
        return self.outer(self.inner(self.inner(x)))


def test_nested_modules_and_a_module_used_twice() -> None:
    model = Twice()
    tape = ag.tape(model(np.ones((1, 3))))
    assert [entry.module for entry in tape if entry.kind == "operation"] == [
        ("Twice", "inner"),
        ("Twice", "inner"),
        ("Twice", "outer", "0"),
        ("Twice", "outer", "1"),
    ]
    assert [(call.name, call.kind, call.outer) for call in tape.calls] == [
        ("Twice", "Twice", None),
        ("inner", "Linear", 0),
        ("inner", "Linear", 0),
        ("outer", "Sequential", 0),
        ("0", "ReLU", 3),
        ("1", "Linear", 3),
    ]
    assert names(tape)[:4] == ["inner.weight", "inner.bias", "outer.1.weight", "outer.1.bias"]
    assert "Twice/outer/1" in str(tape)


def test_scope_names_a_function() -> None:
    @ag.scope("block")
    def block(x: Any, scale: float) -> tuple[Any, Any]:
        """Doc."""
        return np.exp(x) * scale, np.sin(x)

    assert block.__name__ == "block"
    assert block.__doc__ == "Doc."
    x = leaf(3)
    a, b = block(x, 2.0)
    tape = ag.tape(a + b)
    assert [entry.module for entry in tape] == [(), ("block",), ("block",), ("block",), ()]
    assert [call.kind for call in tape.calls] == [""]
    with ag.no_grad():
        assert not block(x, 2.0)[0].requires_grad
    with pytest.raises(TypeError, match="scope"):
        ag.scope(print)  # type: ignore[arg-type]


def test_scopes_nest_with_modules() -> None:
    layer = nn.Linear(3, 3)

    @ag.scope("head")
    def head(x: Any) -> Any:
        return np.sum(layer(x))

    assert [entry.module for entry in ag.tape(head(np.ones((1, 3))))] == [(), (), ("head", "Linear"), ("head",)]


def test_a_scope_that_records_nothing_or_raises() -> None:
    x = leaf(3)

    @ag.scope("same")
    def same(x: Any) -> Any:
        return x

    @ag.scope("broken")
    def broken(x: Any) -> Any:
        np.exp(x)
        raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        broken(x)
    assert [entry.module for entry in ag.tape(same(x) * 2)] == [(), ()]


def test_a_module_that_is_gone() -> None:
    model = nn.Sequential(nn.Linear(3, 3))
    y = model(np.ones((1, 3)))
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None, "the tape holds no module"
    tape = ag.tape(y)
    assert [entry.module for entry in tape if entry.kind == "operation"] == [("Sequential", "Linear")]


def test_threads_have_their_own_parts() -> None:
    found: dict[str, list[tuple[str, ...]]] = {}
    barrier = threading.Barrier(4)

    def work(label: str) -> None:
        @ag.scope(label)
        def block(x: Any) -> Any:
            for _ in range(50):
                x = np.sin(x)
            return x

        barrier.wait()
        found[label] = [entry.module for entry in ag.tape(block(leaf(3)) * 2.0)]

    threads = [threading.Thread(target=work, args=(f"part {i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {f"part {i}": [(), *[(f"part {i}",)] * 50, ()] for i in range(4)}


def test_checkpoint_inside_a_module() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 3)

        def forward(self, x: Any) -> Any:
            return ag.checkpoint(self.inner)(x)

    tape = ag.tape(Model()(leaf(1, 3)))
    assert [entry.module for entry in tape if entry.kind == "operation"] == [("Model",), ("Model",)]


# -------------------------------------------------------------------- annotate


def test_annotate_remembers_line_operands_and_value() -> None:
    x = leaf(3)
    plain = np.exp(x)
    with ag.annotate():
        y = plain * np.array([1.0, 2.0, 3.0])
        line = sys._getframe().f_lineno - 1
    z = np.sum(y)
    tape = ag.tape(z)
    assert [entry.line for entry in tape] == [
        None,
        None,
        f"{__file__}:{line}, in test_annotate_remembers_line_operands_and_value",
        None,
    ]
    np.testing.assert_array_equal(tape[2].value, y.data)
    assert tape[2].operand_shapes == ((3,), (3,))
    assert not is_annotate_enabled()


def test_annotate_as_a_decorator_on_several_outputs_and_off_the_tape() -> None:
    @ag.annotate()
    def f(x: Any) -> Any:
        np.argmax(x)
        with ag.no_grad():
            np.exp(x)
        return np.split(x, 2)

    a, b = f(leaf(4))
    tape = ag.tape((a, b))
    assert all(entry.line is not None and "in f" in entry.line for entry in tape[1:])
    np.testing.assert_array_equal(tape[2].value, b.data)


def test_annotate_does_not_change_gradients_and_is_off_after_an_error() -> None:
    x, w = leaf(3), leaf(3)
    np.sum(np.exp(x) * 2).backward()
    with ag.annotate():
        np.sum(np.exp(w) * 2).backward()
    np.testing.assert_array_equal(x.grad, w.grad)
    with pytest.raises(ValueError, match="multiply"), ag.annotate():
        x * np.ones(7)
    assert not is_annotate_enabled()


def test_annotate_is_of_its_thread() -> None:
    seen: list[str | None] = []
    with ag.annotate():
        thread = threading.Thread(target=lambda: seen.append(ag.tape(leaf(2) * 2)[1].line))
        thread.start()
        thread.join()
    assert seen == [None]


def test_annotate_tells_shapes_of_constants_that_are_not_kept() -> None:
    x = leaf(2, 3)
    assert ag.tape(x + np.ones((4, 2, 3)))[1].operand_shapes == ((2, 3), None)
    with ag.annotate():
        y = x + np.ones((4, 2, 3))
    assert ag.tape(y)[1].operand_shapes == ((2, 3), (4, 2, 3))
