"""The printed tape: its entries, totals and kept bytes."""

from __future__ import annotations

import gc
import inspect
import json
import pydoc
import weakref
from typing import Any

import numpy as np
import pytest
from counted_work import calls_in
from tapes import Array, leaf, names

import autograd_np as ag
import nn
from autograd_np.graph.table import Tape
from autograd_np.graph.text import aligned, bytes_text, in_flops


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
        "72 B kept for the backward pass"
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
    assert [bytes_text(n) for n in (0, 1, 999, 1000, 999_600, 5 * 10**12, 10**16)] == [
        "0 B",
        "1 B",
        "999 B",
        "1 kB",
        "1 MB",
        "5 TB",
        "10000 TB",
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
