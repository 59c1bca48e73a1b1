"""The intermediate representation: replacing values is checked, and the list of passes is complete."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest

from autograd_np.compiler import pipeline
from autograd_np.compiler.ir import Op, Program, Ref, Storage, Value


def value(index: int, array: Any) -> Value:
    return Value(index, array, Storage(index, "made", array.nbytes), 0, True)


def chain(length: int) -> tuple[Program, list[Value]]:
    """A program that negates its argument again and again, and its values."""
    values = [value(i, np.zeros(3)) for i in range(length + 1)]
    ops = []
    for before, after in pairwise(values):
        op = Op("ufunc", np.negative, (Ref(before),), {})
        op.outs = (after,)
        ops.append(op)
    return Program(ops, values[:1], values[-1:]), values


def test_a_value_is_replaced_where_it_is_read_and_returned() -> None:
    program, (x, a, b) = chain(2)
    program.replace({a: x, b: a})
    assert program.ops[1].inputs() == [x]
    assert program.outputs == [x]
    assert dict(program.became) == {a.index: x, b.index: x}


def test_chains_are_followed_across_calls() -> None:
    program, (x, a, b, c) = chain(3)
    program.replace({c: b})
    program.replace({b: x})
    assert program.outputs == [x]
    assert program.became[c.index] is b
    assert a.index not in program.became


def test_what_stands_for_a_value_is_changed_by_replace_alone() -> None:
    program, (x, a) = chain(1)
    with pytest.raises(AttributeError):
        cast("Any", program.became).update({a.index: x})
    with pytest.raises(TypeError):
        cast("Any", program.became)[a.index] = x


def refused(program: Program, table: dict[Value, Value], message: str) -> None:
    reads = [op.inputs() for op in program.ops]
    outputs = [*program.outputs]
    with pytest.raises(ValueError, match=message):
        program.replace(table)
    assert ([op.inputs() for op in program.ops], program.outputs, dict(program.became)) == (reads, outputs, {})


def test_an_unknown_value_is_refused() -> None:
    program, (x, _) = chain(1)
    refused(program, {value(7, np.zeros(3)): x}, "is not in the program")


@pytest.mark.parametrize("other", [np.zeros(4), np.zeros((3, 1)), np.zeros(3, np.float32)])
def test_another_shape_or_dtype_is_refused(other: Any) -> None:
    program, (_, a) = chain(1)
    refused(program, {a: value(7, other)}, "cannot stand for")


def test_a_circle_is_refused() -> None:
    program, (x, a, b) = chain(2)
    refused(program, {a: b, b: a}, "would stand for itself")
    refused(program, {x: x}, "would stand for itself")


def test_every_pass_says_why_it_stands_there() -> None:
    assert all(callable(step.run) and step.reason.endswith(".") for step in pipeline.PASSES)
    named = [step.counted for step in pipeline.PASSES if step.counted]
    assert len(named) == len(set(named))


def test_a_pass_is_run_for_its_backend_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    steps = [
        pipeline.Pass(lambda program: ran.append("both"), "First."),
        pipeline.Pass(lambda program: ran.append("numba"), "Last.", "loops", "numba"),
    ]
    monkeypatch.setattr(pipeline, "PASSES", steps)
    for backend in ("numpy", "numba"):
        program, _ = chain(1)
        pipeline.optimize(program, backend)
        assert ("loops" in program.counts) is (backend == "numba")
    assert ran == ["both", "both", "numba"]
