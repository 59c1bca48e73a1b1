"""The printed tape: its entries, totals and FLOPs, the parts of the program they belong to, and the profile."""

from __future__ import annotations

import gc
import importlib
import inspect
import itertools
import json
import pydoc
import sys
import threading
import time
import weakref
from typing import Any

import numpy as np
import pytest
from counted_work import calls_in

import autograd_np as ag
import nn
from autograd_np.engine import modes
from autograd_np.engine.scopes import is_annotate_enabled
from autograd_np.graph import flops
from autograd_np.graph.profile import profile
from autograd_np.graph.table import Tape
from autograd_np.graph.text import aligned, in_bytes, in_flops

Array = np.ndarray[Any, Any]


def leaf(*shape: int, name: str | None = None) -> ag.Tensor:
    return ag.Tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True, name=name)


def names(tape: Tape) -> list[str]:
    return [entry.name for entry in tape]


def by_name(y: Any, name: str) -> Any:
    (entry,) = [entry for entry in ag.tape(y) if entry.name == name]
    return entry


def test_tape_is_a_function_with_its_own_help() -> None:
    assert inspect.isfunction(ag.tape)
    assert "prints as a table" in pydoc.render_doc(ag.tape)
    assert isinstance(ag.tape(leaf(2) * 2), Tape)


@pytest.mark.parametrize("given", [3.0, np.ones(2), ag.Tensor([1.0]), [], None])
def test_what_is_not_on_the_tape_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="needs a gradient"):
        ag.tape(given)


def test_params_of_another_kind_are_refused() -> None:
    with pytest.raises(TypeError, match="params"):
        ag.tape(leaf(2) * 2, params=[1])  # type: ignore[arg-type, unused-ignore]


# -------------------------------------------------------------------- what stands in it


def test_a_network_by_hand() -> None:
    x, w, b = leaf(5, 4, name="x"), leaf(4, 3, name="w"), leaf(3, name="b")
    tape = ag.tape(np.sum(np.tanh(x @ w + b)))
    assert names(tape) == ["x", "w", "b", "matmul", "add", "tanh", "sum"]
    assert [entry.inputs for entry in tape] == [(), (), (), (0, 1), (3, 2), (4,), (5,)]
    assert [entry.operands for entry in tape[3:]] == [("x", "y"), ("x", "y"), ("x",), ("x",)]
    assert [entry.shape for entry in tape] == [(5, 4), (4, 3), (3,), (5, 3), (5, 3), (5, 3), ()]
    assert {entry.dtype for entry in tape} == {np.dtype(float)}
    assert [entry.flops for entry in tape] == [0, 0, 0, 2 * 5 * 4 * 3, 15, 15, 15]
    assert [entry.backward_flops for entry in tape] == [0, 0, 0, 4 * 5 * 4 * 3, 30, 15, 15]
    assert [entry.kept_bytes for entry in tape] == [0, 0, 0, 8 * (20 + 12), 0, 8 * 15, 0]
    assert tape.kept_bytes == 8 * (20 + 12 + 15)
    assert (tape.operations, tape.leaves, tape.flops, tape.backward_flops) == (4, 3, 165, 300)
    assert tape.outputs == (6,)
    positions = [entry.position for entry in tape]
    assert positions == sorted(positions)


def test_shared_nodes_stand_once() -> None:
    x = leaf(3)
    y = x * x
    tape = ag.tape(y + y)
    assert [entry.inputs for entry in tape] == [(), (0, 0), (1, 1)]


def test_several_outputs() -> None:
    a, b = np.split(leaf(6), 2)
    tape = ag.tape(a * b)
    assert names(tape) == ["", "split", "split[1]", "multiply"]
    assert [entry.inputs for entry in tape] == [(), (0,), (1,), (1, 2)]
    assert [entry.shape for entry in tape] == [(6,), (3,), (3,), (3,)]


def test_several_results_in_any_container() -> None:
    x = leaf(3)
    y, z = np.exp(x), np.sin(x)
    tape = ag.tape({"y": y, "z": [z, 1.0, y]})
    assert tape.outputs == (1, 2)
    assert names(tape) == ["", "exp", "sin"]


def test_a_leaf_alone() -> None:
    tape = ag.tape(leaf(2, 3, name="w"))
    assert names(tape) == ["w"]
    assert "0 operations, 1 leaf with 6 elements" in str(tape)


def test_zero_dimensions_and_empty_arrays() -> None:
    x = ag.Tensor(2.0, requires_grad=True)
    assert [(entry.shape, entry.flops) for entry in ag.tape(x * 3.0)] == [((), 0), ((), 1)]
    empty = ag.Tensor(np.zeros((0, 3)), requires_grad=True)
    tape = ag.tape(np.sum(empty @ np.ones((3, 2))))
    assert [entry.shape for entry in tape] == [(0, 3), (0, 2), ()]
    assert tape.flops == 0
    assert "(0, 3)" in str(tape)


def test_higher_order() -> None:
    x = leaf(3, name="x")
    (g,) = ag.gradients(np.sum(x**3), [x], create_graph=True)
    tape = ag.tape(np.sum(g**2))
    assert names(tape)[0] == "x"
    assert len(tape) > 4
    assert tape.flops > 0


def test_names_from_params() -> None:
    w, b = leaf(3), leaf(3)
    tape = ag.tape(w * b, params={"layer.w": w, "layer.b": b})
    assert [(entry.kind, entry.name) for entry in tape] == [
        ("parameter", "layer.w"),
        ("parameter", "layer.b"),
        ("operation", "multiply"),
    ]
    layer = nn.Linear(3, 2)
    tape = ag.tape(ag.matmul(np.ones((1, 3)), layer.weight), params=layer)
    assert names(tape) == ["weight", "matmul"]


def test_a_retained_gradient_is_shown_as_its_operation() -> None:
    y = np.exp(leaf(3)).retain_grad()
    assert names(ag.tape(y * 2)) == ["", "exp", "multiply"]


def test_after_backward_it_is_freed() -> None:
    x = leaf(3)
    y = np.sum(np.exp(x))
    before = ag.tape(y)
    y.backward()
    after = ag.tape(y)
    assert [entry.freed for entry in after] == [False, True, True]
    assert (before.kept_bytes, after.kept_bytes) == (24, 0)
    assert "what 2 operations kept is freed" in str(after)
    assert "freed" not in str(before), "a tape is a record of its moment"
    np.testing.assert_array_equal(after[0].grad, x.grad)


def test_checkpoint() -> None:
    x = leaf(3)
    tape = ag.tape(ag.checkpoint(lambda x: np.sum(np.exp(x) * x))(x))
    assert [entry.shape for entry in tape] == [(3,), (), ()]
    assert names(tape)[1] == "checkpoint(<lambda>)"
    assert not tape[1].counted
    assert "counted as one FLOP for each element of the output: checkpoint(<lambda>)" in str(tape)


def test_lstm() -> None:
    cell, h, c = nn.LSTMCell(2, 3), np.zeros((1, 3)), np.zeros((1, 3))
    state: Any = (h, c)
    for _ in range(3):
        state = cell(np.ones((1, 2)), state)
    tape = ag.tape(state[0])
    assert names(tape)[:4] == ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
    cells = [entry for entry in tape if entry.name == "lstm_cell"]
    assert len(cells) == 3
    assert [call.name for call in tape.calls] == ["LSTMCell"] * 3
    assert {entry.flops for entry in cells} == {2 * 12 * (2 + 3) + 21 * 3}
    # The weights are kept by every step, and counted once.
    once = sum(p.data.nbytes for p in cell.parameters())
    assert sum(entry.kept_bytes for entry in cells) - tape.kept_bytes >= 2 * once


# -------------------------------------------------------------------- bytes that are kept


def test_kept_bytes_are_those_of_the_arrays() -> None:
    x = leaf(50, 20)
    y = np.exp(x)
    z = np.sum(np.sin(y) * y)
    kept: dict[int, Any] = {}
    stack = [z._node]
    while stack:
        node = stack.pop()
        if node is not None:
            kept.update({id(a): a for a in node.kept or () if isinstance(a, np.ndarray)})
            stack += node.parents
    assert ag.tape(z).kept_bytes == sum(a.nbytes for a in kept.values()) > 0


def test_an_array_that_one_operation_keeps_twice_counts_once() -> None:
    x = leaf(3)
    tape = ag.tape((y := np.exp(x)) * y)  # exp keeps it, too
    assert tape[2].kept_bytes == tape.kept_bytes == 24


def test_a_view_counts_as_the_array_it_looks_at() -> None:
    x = leaf(30)
    y = np.exp(x)
    tape = ag.tape(np.sum(y[:10] * y[20:]))
    assert tape.kept_bytes == y._values.nbytes
    assert sum(entry.kept_bytes for entry in tape) == 8 * (30 + 10 + 10)


# -------------------------------------------------------------------- in print


def test_the_table() -> None:
    x = leaf(2, 3, name="x")
    assert str(ag.tape(np.sum(np.exp(x) @ np.ones(3)))) == (
        "#  operation    inputs  shape   dtype    kept  FLOPs\n"
        "-  -----------  ------  ------  -------  ----  -----\n"
        "0  parameter x          (2, 3)  float64\n"
        "1  exp          0       (2, 3)  float64  48 B      6\n"
        "2  matmul       1, ·    (2,)    float64  24 B     12\n"
        "3  sum          2       ()      float64            2\n"
        "\n"
        "3 operations, 1 leaf with 6 elements\n"
        "forward 20 FLOPs, backward about 20 FLOPs\n"
        "72 bytes kept for the backward pass"
    )


def test_columns_that_would_be_empty_are_left_out() -> None:
    x = leaf(3)
    heading = str(ag.tape(x * 2)).splitlines()[0]
    assert "module" not in heading
    assert "line" not in heading
    layer = nn.Linear(3, 2)
    with ag.annotate():
        y = layer(np.ones((1, 3)))
    heading, *_, row = str(ag.tape(y)).splitlines()[:5]
    assert heading.split()[-2:] == ["module", "line"]
    assert "Linear" in row
    assert "test_graph_tape.py:" in row


def test_a_long_tape_is_folded() -> None:
    y = leaf(3)
    for _ in range(10_000):
        y = y + 1.0
    text = str(ag.tape(y, max_rows=61))
    lines = text.splitlines()
    assert "… 9 940 more …" in lines
    assert len(lines) == 2 + 61 + 1 + 4
    assert lines.index("… 9 940 more …") == 2 + 31
    assert lines[2].split()[0] == "0"
    assert lines[2 + 61].split()[0] == "10000"
    assert "10 000 operations" in text
    tape = ag.tape(y, max_rows=None)
    assert "more" not in str(tape)
    assert len(tape.table(max_rows=2).splitlines()) == 2 + 2 + 1 + 4
    assert "9 941 more" in ag.tape(y)._repr_html_()
    with pytest.raises(ValueError, match="max_rows"):
        ag.tape(y, max_rows=1)


def test_hostile_and_wide_names() -> None:
    x = ag.Tensor([1.0], requires_grad=True, name='"><script>\n\x1b[31m' + "n" * 100)
    y = ag.Tensor([1.0], requires_grad=True, name="重み")
    tape = ag.tape(x * y)
    text = str(tape)
    assert len(text.splitlines()) == 2 + 3 + 4
    assert "\x1b" not in text
    assert "…" in text
    assert "<script>" not in tape._repr_html_()
    assert "&lt;script&gt;" in tape._repr_html_()
    rows = text.splitlines()[2:4]
    assert rows[0].index("(1,)") == rows[1].index("(1,)") + len("重み"), "a wide letter takes two columns"


def test_repr_is_the_table_and_dicts_are_plain() -> None:
    x = leaf(3, name="x")
    tape = ag.tape(x * np.ones(3))
    assert repr(tape) == str(tape)
    dicts = json.loads(json.dumps(tape.to_dicts()))
    assert dicts[1]["name"] == "multiply"
    assert dicts[1]["inputs"] == [0, None]
    assert dicts[1]["shape"] == [3]
    assert dicts[1]["dtype"] == "float64"
    assert dicts[1]["kept"] == ["y"]


def test_it_is_a_sequence() -> None:
    tape = ag.tape(leaf(3) * 2)
    assert len(tape) == 2
    assert tape[-1] in tape
    assert tape[:1] == (tape[0],)
    assert next(reversed(tape)) is tape[1]
    with pytest.raises(IndexError):
        tape[2]


def test_units() -> None:
    assert [in_bytes(n) for n in (0, 1, 1023, 1024, 1023 * 1024, 5 * 2**40)] == [
        "0 bytes",
        "1 byte",
        "1 023 bytes",
        "1 KiB",
        "1023 KiB",
        "5 TiB",
    ]
    assert [in_flops(n) for n in (1, 9_999, 10_000, 999_999, 10**18)] == [
        "1 FLOP",
        "9 999 FLOPs",
        "10 kFLOPs",
        "1 MFLOPs",
        "1000000 TFLOPs",
    ]
    assert aligned(["a"], [False], []) == ["a", "-"]


def test_a_long_chain_takes_work_in_proportion() -> None:
    def chain(length: int) -> Any:
        y = leaf(3)
        for _ in range(length):
            y = y * 1.0
        return y

    assert "100 000 operations" in str(ag.tape(chain(100_000)))
    short, long = chain(5_000), chain(10_000)
    assert calls_in(lambda: str(ag.tape(long))) < 2.2 * calls_in(lambda: str(ag.tape(short)))


# -------------------------------------------------------------------- nothing is changed


def test_printing_changes_nothing() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    x, labels = np.random.default_rng(1).normal(size=(5, 4)), np.array([0, 1, 2, 0, 1])

    def gradients(look: bool) -> list[Array]:
        model.zero_grad()
        loss = nn.CrossEntropyLoss()(model(x), labels)
        if look:
            for _ in range(2):
                tape = ag.tape(loss)
                str(tape), tape._repr_html_(), tape.to_dicts()
        loss.backward()
        return [p.grad.copy() for p in model.parameters()]

    for a, b in zip(gradients(False), gradients(True), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_printed_tape_keeps_nothing_alive() -> None:
    x = leaf(1000)
    y = np.exp(x)
    text = str(ag.tape(np.sum(y)))
    node = weakref.ref(y._node)
    del y
    gc.collect()
    assert node() is None
    assert text


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


# -------------------------------------------------------------------- FLOPs


def loops(*lengths: int) -> int:
    """A multiplication and an addition at every step of nested loops, counted."""
    count = 0
    for _ in itertools.product(*[range(length) for length in lengths]):
        count += 2
    return count


@pytest.mark.parametrize(
    ("make", "name", "expected"),
    [
        (lambda: leaf(2, 3) @ leaf(3, 4), "matmul", loops(2, 4, 3)),
        (lambda: leaf(5, 2, 3) @ leaf(3, 4), "matmul", loops(5, 2, 4, 3)),
        (lambda: leaf(3) @ leaf(3), "matmul", loops(3)),
        (lambda: leaf(2, 3) @ leaf(3), "matmul", loops(2, 3)),
        (lambda: leaf(3) @ leaf(3, 2), "matmul", loops(2, 3)),
        (lambda: leaf(2, 3) @ np.ones((3, 4)), "matmul", loops(2, 4, 3)),
        (lambda: np.ones((2, 3)) @ leaf(3, 4), "matmul", loops(2, 4, 3)),
        (lambda: np.dot(leaf(2, 3), leaf(4, 3, 2)), "dot", loops(2, 4, 2, 3)),
        (lambda: np.dot(np.ones((2, 3)), leaf(3)), "dot", loops(2, 3)),
        (lambda: np.inner(leaf(2, 3), leaf(4, 3)), "inner", loops(2, 4, 3)),
        (lambda: np.vdot(leaf(2, 3), leaf(2, 3)), "vdot", loops(6)),
        (lambda: np.tensordot(leaf(2, 3, 4), leaf(3, 4, 5), axes=2), "tensordot", loops(2, 5, 3, 4)),
        (
            lambda: np.tensordot(leaf(2, 3, 4), np.ones((4, 2, 5)), axes=([0, 2], [1, 0])),
            "tensordot",
            loops(3, 5, 2, 4),
        ),
        (lambda: np.einsum("bij,bjk->bik", leaf(2, 3, 4), leaf(2, 4, 5)), "einsum", loops(2, 3, 4, 5)),
        (lambda: np.einsum("ij,jk", leaf(3, 4), np.ones((4, 5))), "einsum", loops(3, 4, 5)),
        (lambda: np.einsum("...i,...i", leaf(2, 3, 4), leaf(2, 3, 4)), "einsum", loops(2, 3, 4)),
        (lambda: np.einsum("i,j->ij", leaf(3), leaf(4)), "einsum", 12),
        (lambda: np.outer(leaf(3), leaf(4)), "outer", 12),
        (lambda: ag.linear(leaf(5, 3), leaf(3, 2)), "linear", loops(5, 2, 3)),
        (lambda: ag.linear(np.ones((5, 3)), leaf(3, 2), leaf(2)), "linear", loops(5, 2, 3) + 10),
        (lambda: ag.conv2d(leaf(2, 4, 6, 6), leaf(8, 4, 3, 3)), "conv2d", loops(2, 8, 4, 4, 4, 3, 3)),
        (lambda: ag.conv2d(leaf(2, 4, 6, 6), leaf(8, 2, 3, 3), groups=2), "conv2d", loops(2, 8, 4, 4, 2, 3, 3)),
        (lambda: np.exp(leaf(3, 4)), "exp", 12),
        (lambda: leaf(3, 1) + leaf(4), "add", 12),
        (lambda: np.sum(leaf(3, 4), axis=0), "sum", 12),
        (lambda: ag.softmax(leaf(3, 4)), "softmax", 60),
        (lambda: np.reshape(leaf(3, 4), 12), "reshape", 0),
        (lambda: leaf(3, 4)[0], "getitem", 0),
        (lambda: np.concatenate([leaf(3), leaf(4)]), "concatenate", 0),
    ],
)
def test_flops_are_those_of_the_loops(make: Any, name: str, expected: int) -> None:
    entry = by_name(make(), name)
    assert entry.counted
    assert entry.flops == expected


def test_flops_of_the_backward_pass() -> None:
    # Of a product each gradient is a product of the same three lengths.
    assert by_name(leaf(2, 3) @ leaf(3, 4), "matmul").backward_flops == 2 * loops(2, 3, 4)
    assert by_name(np.ones((2, 3)) @ leaf(3, 4), "matmul").backward_flops == loops(2, 3, 4)
    assert by_name(ag.linear(np.ones((5, 3)), leaf(3, 2), leaf(2)), "linear").backward_flops == loops(5, 2, 3) + 10


def test_flops_survive_that_values_are_freed() -> None:
    x, w = leaf(2, 3), leaf(3, 4)
    y = np.sum(x @ w)
    before = ag.tape(y).flops
    y.backward()
    assert ag.tape(y).flops == before


def test_flops_of_recurrent_layers_and_attention() -> None:
    time_, batch, width, hidden = 5, 2, 3, 4
    for kind, gates, others in ((nn.LSTM, 4, 21), (nn.GRU, 3, 17), (nn.RNN, 1, 4)):
        entry = by_name(kind(width, hidden)(np.ones((time_, batch, width)))[0], kind.__name__.lower())
        assert entry.flops == loops(time_, batch, gates * hidden, width + hidden) + others * time_ * batch * hidden
    q, k, v = leaf(2, 5, 4), leaf(2, 6, 4), leaf(2, 6, 3)
    entry = by_name(ag.scaled_dot_product_attention(q, k, v), "scaled_dot_product_attention")
    assert entry.flops == loops(2, 5, 6, 4) + loops(2, 5, 6, 3) + 5 * 2 * 5 * 6


def test_an_operation_of_the_users_counts_its_output() -> None:
    from autograd_np.engine.registry import REGISTRY

    @ag.primitive()
    def halved_for_the_tape(x: Any) -> Any:
        return x / 2

    try:
        ag.rule(halved_for_the_tape, lambda g: g / 2)
        tape = ag.tape(halved_for_the_tape(leaf(7)))
        assert tape.flops == 7
        assert not tape[1].counted
        assert "halved_for_the_tape" in str(tape).splitlines()[-1]
    finally:
        del REGISTRY["halved_for_the_tape"]


def test_every_operation_of_the_library_has_a_formula() -> None:
    from autograd_np.engine.registry import REGISTRY
    from autograd_np.primitives import load_all

    importlib.import_module("autograd_np.special")
    load_all()
    own = [p for p in REGISTRY.values() if p.differentiable and p.function.__module__.startswith("autograd_np.")]
    ones = flops.Operation((1, 1), {}, {})
    missing = sorted(
        p.name for p in own if flops.forward_flops(p.name, p.elementwise, ones) is None and p.name not in flops.FORMULAS
    )
    rare = {  # inside rules of higher order
        "cofactors", "cofactors_derivative", "identity_power", "score_gradient", "scaled_with_targets",
    }  # fmt: skip
    assert set(missing) <= rare, set(missing) - rare
    unknown = sorted(set(flops.FORMULAS) - set(REGISTRY))
    younger = {name for name in ("matvec", "vecmat") if not hasattr(np, name)}  # than the lowest NumPy
    assert set(unknown) <= {"output"} | younger, unknown


def test_a_formula_finds_what_it_needs_in_every_sample() -> None:
    """On the samples of all primitives no formula fails, and none gives a negative count."""
    from autograd_np.proofs.cases import cases, names as registered, subject

    lost = set()
    for name in registered():
        for sample in cases(name)[:6]:
            arrays = [
                np.array(a, dtype=float) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
                for a in sample.args
            ]
            tensors = [
                ag.Tensor(a, requires_grad=True) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
                for a in arrays
            ]
            try:
                with np.errstate(all="ignore"):
                    result = subject(name)(*tensors, **sample.kwargs)
                tape = ag.tape(result)
            except (TypeError, ag.NonDifferentiableError):
                continue
            assert all(entry.flops >= 0 <= entry.backward_flops for entry in tape), name
            lost |= {entry.name for entry in tape if not entry.counted and entry.name in flops.FORMULAS}
    assert not lost


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
