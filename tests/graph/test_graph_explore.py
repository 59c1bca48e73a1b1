"""The data behind the page of ``explore``: its gradients are those of ``backward()``, its values are right or missing,
and nothing changes."""

from __future__ import annotations

import base64
import gc
import hashlib
import importlib.util
import json
import math
import re
import shutil
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from counted_work import calls_in
from mathematics import evaluate

import autograd_np as ag
import nn
from autograd_np.engine.clock import LAST_WRITE
from autograd_np.engine.registry import REGISTRY
from autograd_np.graph.explorer import layout
from autograd_np.graph.explorer.arrays import Arrays
from autograd_np.graph.explorer.explore import page, page_data
from autograd_np.graph.explorer.values import forward_values, walk_back
from autograd_np.graph.formulas import Form
from autograd_np.graph.model import graph_of, on_tape
from autograd_np.proofs.samples import SAMPLES, load as load_samples

CAN_RENDER = importlib.util.find_spec("pygraphviz") is not None or shutil.which("dot") is not None
renders = pytest.mark.skipif(not CAN_RENDER, reason="neither dot nor pygraphviz is there")
HOSTILE = "\"><script>alert(1)</script>\\N\n\t& '`|{}[]#; </script><!-- --> {{data}} \x00\u202e\u2028"


@pytest.fixture
def without_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "has_graphviz", lambda: False)


pytestmark = pytest.mark.usefixtures("without_graphviz")


def data_of(
    output: Any,
    params: Any = None,
    *,
    depth: int | None = None,
    max_nodes: int = 150,
    gradient: Any = None,
    title: str | None = None,
) -> dict[str, Any]:
    data = page_data(output, params, title, depth, max_nodes, gradient)
    return json.loads(json.dumps(data, allow_nan=False))  # type: ignore[no-any-return]


def array(data: dict[str, Any], index: int | None) -> Any:
    """An array of a page as a NumPy array."""
    assert index is not None
    found = data["arrays"][index]
    assert "cut" not in found

    def parsed(numbers: list[Any]) -> list[Any]:
        return [float(x.replace("−", "-").replace("∞", "inf")) if isinstance(x, str) else x for x in numbers]

    kind = np.dtype(found["dtype"].replace("Python ", ""))
    values = np.array(parsed(found["re"])) + (1j * np.array(parsed(found["im"])) if "im" in found else 0)
    return values.astype(kind).reshape(found["shape"])


def leaf(*shape: int, dtype: Any = np.float64, seed: int = 0, name: str | None = None) -> ag.Tensor:
    values = np.random.default_rng(seed).normal(size=shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * np.random.default_rng(seed + 1).normal(size=shape)
    return ag.Tensor(np.asarray(values, dtype), requires_grad=True, name=name)


Made = tuple[Any, list[ag.Tensor]]


def reuse() -> Made:
    a = leaf(2)
    return (a + a).sum(), [a]


def diamond() -> Made:
    a, b = leaf(name="a"), leaf(seed=1, name="b")
    h = a * b
    return np.tanh(h - 5) * (h + a) + b, [a, b]


def several_outputs() -> Made:
    x = leaf(4)
    low, high = np.split(x, 2)
    return (low * high + low + x[1] * x[2:]).sum() + (x + x).sum(), [x]


def broadcast() -> Made:
    x, y = leaf(3, 1), leaf(4, seed=1)
    return np.mean(np.exp(x) * y + x / 2), [x, y]


def mixed() -> Made:
    x, y = leaf(3, dtype=np.float32), leaf(3, seed=1)
    return (x * y).sum(), [x, y]


def complex_() -> Made:
    z = leaf(3, dtype=complex)
    return np.abs(z * z + 1).sum(), [z]


def empty() -> Made:
    x = leaf(0, 3)
    return (x + np.ones((1, 3))).sum(), [x]


def pieces() -> Made:
    x = leaf(5)
    return sum((x[i] * x[4 - i] for i in range(5)), start=x[0]) + x[np.array([0, 0, 3])].sum(), [x]


def higher_order() -> Made:
    x = leaf(3)
    (g,) = ag.gradients(np.sum(np.sin(x) * x), [x], create_graph=True)
    return (g * g).sum(), [x]


def zeros() -> Made:
    x = ag.Tensor([0.0, 4.0, 0.0], requires_grad=True)
    return np.where(np.array([False, True, False]), np.sqrt(x), 0.0).sum(), [x]


def zero_times_infinity() -> Made:
    x = ag.Tensor([1.0, 4.0], requires_grad=True)
    return np.where(np.array([False, True]), x * np.array([np.inf, 2.0]), 0.0).sum(), [x]


def lstm() -> Made:
    cell, state = nn.LSTMCell(2, 3, rng=0), None
    for i in range(3):
        state = cell(np.full((1, 2), i, np.float32), state)
    assert state is not None
    return (state[0] * state[1]).sum(), list(cell.parameters())


def mlp() -> Made:
    model = nn.Sequential(nn.Linear(2, 8, rng=0), nn.ReLU(), nn.Linear(8, 1, rng=1))
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    loss = nn.BCEWithLogitsLoss()(model(x), np.array([[0], [1], [1], [0]], np.float32))
    MODELS.append(model)  # the tape refers to a module weakly
    return loss, list(model.parameters())


def encoder() -> Made:
    nn.manual_seed(0)
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0), num_layers=3)
    MODELS.append(model)
    return model(np.random.default_rng(0).normal(size=(3, 2, 4)).astype(np.float32)).sum(), list(model.parameters())


MODELS: list[Any] = []
GRAPHS: list[Callable[[], Made]] = [
    reuse,
    diamond,
    several_outputs,
    broadcast,
    mixed,
    complex_,
    empty,
    pieces,
    higher_order,
    zeros,
    zero_times_infinity,
    lstm,
    mlp,
    encoder,
]


@pytest.mark.parametrize("made", GRAPHS, ids=lambda made: made.__name__)
def test_the_gradients_are_those_of_backward(made: Callable[[], Made]) -> None:
    output, leaves = made()
    data = data_of(output)
    results, nodes = on_tape(output)
    place = {id(node): i for i, node in enumerate(nodes)}
    steps, _ = walk_back(results, nodes)
    arrived = {step.entry: step for step in steps}
    shown = {step["entry"]: step for step in data["back"]}
    output.backward()
    for t in leaves:
        step = arrived[place[id(t._node)]]
        assert step.arrived.dtype == t.grad.dtype
        np.testing.assert_array_equal(step.arrived, t.grad)
        np.testing.assert_array_equal(array(data, shown[step.entry]["g"]), t.grad)
        assert data["arrays"][shown[step.entry]["g"]]["dtype"] == str(t.dtype)
        np.testing.assert_allclose(sum(given.value for given in step.got), t.grad, rtol=1e-5, atol=1e-12)
        np.testing.assert_allclose(step.got[-1].total, t.grad, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("made", GRAPHS, ids=lambda made: made.__name__)
def test_every_sum_is_that_of_its_contributions(made: Callable[[], Made]) -> None:
    data = data_of(made()[0])
    entries = data["entries"]
    assert sorted(step["entry"] for step in data["back"]) == list(range(len(entries)))
    assert [step["entry"] for step in data["back"]] == sorted((step["entry"] for step in data["back"]), reverse=True)
    sent = [(given["from"], given["operand"], given["to"]) for step in data["back"] for given in step.get("sent", ())]
    got = [
        (given["from"], given["operand"], given["to"])
        for step in data["back"]
        for given in step["got"]
        if given["from"] is not None
    ]
    assert sorted(sent) == sorted(got)
    wired = [(i, k, source["entry"]) for i, entry in enumerate(entries) for k, source in enumerate(entry.get("in", ()))]
    assert sorted(sent) == sorted(wire for wire in wired if wire[2] is not None)
    for step in data["back"]:
        for output, g in enumerate(step["g"] if isinstance(step["g"], list) else [step["g"]]):
            given = [array(data, one["array"]) for one in step["got"] if one.get("output", 0) == output]
            if g is not None:
                np.testing.assert_allclose(sum(given), array(data, g), rtol=1e-4, atol=1e-7)


def test_reuse_is_two_contributions() -> None:
    a = ag.Tensor(2.0, requires_grad=True, name="a")
    data = data_of(a * 3.0 + a * 2.0)
    step = data["back"][-1]
    assert [float(array(data, given["array"])) for given in step["got"]] == [2.0, 3.0]
    assert [float(array(data, given["total"])) for given in step["got"]] == [2.0, 5.0]
    assert float(array(data, step["g"])) == 5.0


@pytest.mark.parametrize("made", GRAPHS, ids=lambda made: made.__name__)
def test_nothing_changes(made: Callable[[], Made]) -> None:
    output, leaves = made()
    _, nodes = on_tape(output)
    middle = ag.Tensor.at(None, nodes[-2]) if nodes[-2].primitive is not None else None
    if middle is not None:
        middle.retain_grad()
    for t in leaves:
        t.grad = np.full(t.shape, 7, t.dtype)
    words = ("position", "primitive", "parents", "kept", "shape", "dtype", "grad")
    before = [[getattr(node, word, None) for word in words] for node in nodes]
    values = [t.numpy().copy() for t in leaves]
    written = LAST_WRITE[0]
    data_of(output)
    for node, one in zip(nodes, before, strict=True):
        assert all(getattr(node, word, None) is value for word, value in zip(words, one, strict=True))
    assert LAST_WRITE[0] == written
    for t, value in zip(leaves, values, strict=True):
        np.testing.assert_array_equal(t.grad, np.full(t.shape, 7, t.dtype))
        np.testing.assert_array_equal(t.numpy(), value)
    again, others = made()
    again.backward()
    output.backward()
    for t, other in zip(leaves, others, strict=True):
        np.testing.assert_array_equal(t.grad, np.full(t.shape, 7, t.dtype) + other.grad)


def test_nothing_is_kept() -> None:
    x = leaf(10)
    y = np.exp(x).sum()
    data_of(y)
    node = weakref.ref(y._node.parents[0])
    kept = weakref.ref(y._node.parents[0].kept[0])
    del y
    gc.collect()
    assert node() is None
    assert kept() is None


def test_inside_no_grad_and_with_gradients_there_already() -> None:
    x = leaf(2, name="x")
    y = (x * x).sum()
    y.backward(retain_graph=True)
    with ag.no_grad():
        data = data_of(y)
    np.testing.assert_array_equal(array(data, data["entries"][0]["had"]), 2 * x.numpy())
    np.testing.assert_array_equal(array(data, data["back"][-1]["g"]), 2 * x.numpy())


# ---------------------------------------------------------------- values


@pytest.mark.parametrize("annotated", [True, False])
@pytest.mark.parametrize("made", GRAPHS, ids=lambda made: made.__name__)
def test_values_are_right_or_missing(made: Callable[[], Made], annotated: bool) -> None:
    with ag.annotate():
        output, _ = made()
    _, nodes = on_tape(output)
    truth = [node.seen.value if hasattr(node, "seen") else None for node in nodes]
    if not annotated:
        for node in nodes:
            if hasattr(node, "seen"):
                del node.seen
    data = data_of(output)
    known = 0
    for entry, value in zip(data["entries"], truth, strict=True):
        value = value[0] if isinstance(value, tuple) else value
        if entry["out"] is None:
            assert "annotate" in entry["why"]
            assert not annotated
        elif value is not None:
            known += 1
            np.testing.assert_array_equal(array(data, entry["out"]), value)
            assert data["arrays"][entry["out"]]["dtype"] == str(value.dtype)
    assert known


def test_what_a_parameter_was_is_not_what_it_became() -> None:
    x, b = leaf(2, name="x"), leaf(2, seed=1, name="b")
    y = (x * 2.0 + b).sum()
    b.writable()[...] = 100
    data = data_of(y, {"b": b, "x": x})
    entry = next(e for e in data["entries"] if e["name"] == "b")
    assert entry["out"] is None
    assert all(e["out"] is None for e in data["entries"] if e["name"] == "add")
    z = (b * b).sum()
    b.writable()[...] = 1
    data = data_of(z, {"b": b})
    np.testing.assert_array_equal(array(data, data["entries"][0]["out"]), [100.0, 100.0])
    w = ag.Tensor([1.0, 2.0], requires_grad=True)  # on memory of its own, which the tape does not copy
    z = (w * w).sum()
    w.writable()[...] = 1
    with pytest.raises(ag.MutationError, match="overwritten"):
        data_of(z)


def test_an_option_that_matters_is_not_guessed() -> None:
    x = leaf(3, name="x")
    data = data_of(np.sum(x, initial=5.0) * 2.0, {"x": x})
    assert next(e for e in data["entries"] if e["name"] == "sum")["out"] is None
    data = data_of(np.mean(x) * 2.0, {"x": x})
    assert float(array(data, next(e for e in data["entries"] if e["name"] == "mean")["out"])) == float(
        np.mean(x.numpy())
    )


def test_random_numbers_are_not_drawn_again() -> None:
    x = leaf(50)
    y = (
        ag.dropout(x, 0.5, rng=np.random.default_rng(0))
        if hasattr(ag, "dropout")
        else nn.functional.dropout(x, 0.5, True)
    )
    data = data_of((y + 1.0).sum())
    dropped = next(e for e in data["entries"] if e["name"] == "dropout")
    assert dropped["out"] is None or np.array_equal(array(data, dropped["out"]), y.numpy())


def test_operations_of_ones_own() -> None:
    @ag.primitive(name="test_explore_cube")
    def cube(x: Any) -> Any:
        return x**3

    ag.rule(cube, lambda g, x: g * 3 * x**2)
    x = leaf(2, name="x")
    data = data_of((cube(x) + 1.0).sum(), {"x": x})
    entry = next(e for e in data["entries"] if e["name"] == "test_explore_cube")
    assert entry["out"] is None, "its body may be random: it is not run again"
    np.testing.assert_allclose(array(data, data["back"][-1]["g"]), 3 * x.numpy() ** 2)


# ---------------------------------------------------------------- formulas with numbers


def number(text: str) -> float:
    """What a formula in numbers gives."""
    return float(evaluate(text, {"nan": math.nan, "inf": math.inf, "True": True, "False": False}))


UNARY = [
    "negative", "reciprocal", "square", "sqrt", "absolute", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "tanh",
    "sigmoid", "relu", "leaky_relu", "silu", "softplus",
]  # fmt: skip


def forms() -> dict[str, Callable[[], Any]]:
    def positive(*shape: int, seed: int = 0) -> ag.Tensor:
        return ag.Tensor(np.random.default_rng(seed).uniform(0.3, 2.0, shape), requires_grad=True)

    def unary(name: str) -> Callable[[], Any]:
        return lambda: getattr(ag, name)(positive(2, 2))

    def binary(name: str, *shapes: tuple[int, ...]) -> Callable[[], Any]:
        return lambda: getattr(ag, name)(positive(*shapes[0]), positive(*shapes[1], seed=1))

    found: dict[str, Callable[[], Any]] = {name: unary(name) for name in UNARY}
    for name in ("add", "subtract", "multiply", "divide", "power", "maximum", "minimum"):
        found[name] = binary(name, (2, 3), (2, 3))
        found[f"{name}, broadcast"] = binary(name, (2, 1), (3,))
    found |= {
        "where": lambda: np.where(np.array([True, False]), positive(2), positive(2, seed=1)),
        "matmul": binary("matmul", (2, 3), (3, 2)),
        "matmul of vectors": binary("matmul", (3,), (3,)),
        "matmul, batched": binary("matmul", (2, 2, 3), (3, 2)),
        "matmul, long": binary("matmul", (2, 12), (12, 2)),
        "dot": binary("dot", (2, 3), (3,)),
        "linear": lambda: ag.linear(positive(2, 3), positive(3, 2, seed=1), positive(2, seed=2)),
        "sum": lambda: np.sum(positive(2, 3)),
        "sum over an axis": lambda: np.sum(positive(2, 3), axis=0),
        "sum, keepdims": lambda: np.sum(positive(2, 3), axis=1, keepdims=True),
        "mean": lambda: np.mean(positive(2, 3, 2), axis=(0, 2)),
        "mean, negative axis": lambda: np.mean(positive(2, 3), axis=-1),
        "prod": lambda: np.prod(positive(3)),
        "max": lambda: np.max(positive(2, 3), axis=1),
        "softmax": lambda: ag.softmax(positive(2, 3)),
        "log_softmax": lambda: ag.log_softmax(positive(2, 3), axis=0),
        "mse_loss": lambda: nn.functional.mse_loss(positive(3), positive(3, seed=1)),
        "softmax_cross_entropy": lambda: ag.softmax_cross_entropy(positive(3, 3), np.array([0, 2, 1])),
        "binary_cross_entropy_with_logits": lambda: nn.functional.binary_cross_entropy_with_logits(
            positive(3), np.array([0.0, 1.0, 1.0])
        ),
        "reshape": lambda: positive(2, 3).reshape(3, 2),
        "transpose": lambda: positive(2, 3).T,
        "getitem": lambda: positive(2, 3)[:, [0, 0, 2]],
        "concatenate": lambda: np.concatenate([positive(2), positive(3, seed=1)]),
        "stack": lambda: np.stack([positive(2), positive(2, seed=1)], axis=1),
        "broadcast_to": lambda: np.broadcast_to(positive(3), (2, 3)),
        "flip": lambda: np.flip(positive(3)),
        "astype": lambda: positive(2).astype(np.float32),
    }
    return found


FORMS = forms()
ONE_WAY = {"max", "prod", "softmax", "log_softmax"}  # there is no line for their gradients
LONG = {"matmul, long"}


@pytest.mark.parametrize("name", FORMS)
def test_formulas_give_their_numbers(name: str) -> None:
    with ag.annotate():
        output = FORMS[name]()
    data = data_of(output, gradient=np.random.default_rng(5).normal(size=output.shape).astype(output.dtype))
    entry = data["entries"][-1]
    value = array(data, entry["out"])
    assert len(entry["lines"]) == value.size, "one for each element"
    lines = [(entry["lines"], value, False)]
    for sent in data["back"][0]["sent"]:
        if name not in ONE_WAY and not (name == "matmul, batched" and sent["operand"] == 1):
            assert len(sent["lines"]) == array(data, sent["array"]).size
        lines.append((sent.get("lines", {}), array(data, sent["array"]), True))
    for made, values, back in lines:
        for key, (symbols, numbers, end) in made.items():
            index = tuple(int(i) for i in key.split(",")) if key else ()
            assert symbols.startswith(
                ("g" if back else "out") + (entry["in"][0]["word"][:1] if back and len(entry["in"]) == 1 else "")
            )
            assert math.isclose(number(end), values[index], rel_tol=1e-3, abs_tol=1e-9)
            if name in LONG and not back:
                assert "more …" in symbols
                assert "more …" in numbers
            elif "one" not in numbers:
                assert math.isclose(number(numbers), values[index], rel_tol=1e-2, abs_tol=2e-3), (symbols, numbers, end)


def test_a_formula_that_does_not_give_the_number_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from autograd_np.graph.explorer import numbers

    wrong = Form(("x",), "exp({x}) + 1", lambda values: np.exp(values["x"]) + 1, mean=False)
    monkeypatch.setattr(numbers, "forms", lambda name: {"out": wrong})
    with ag.annotate():
        data = data_of(np.exp(leaf(3)))
    assert "lines" not in data["entries"][-1]


# ---------------------------------------------------------------- arrays


def encoded(value: Any) -> dict[str, Any]:
    arrays = Arrays()
    arrays.add(value)
    return arrays.encoded()[0]


def test_arrays() -> None:
    found = encoded(np.array([[1.5, np.nan], [np.inf, -np.inf]], np.float32))
    assert found["re"] == [1.5, "NaN", "∞", "−∞"]
    assert found["about"] == {"min": "1.5", "max": "1.5", "mean": "1.5", "scale": 1.5, "nan": 1, "inf": 2}
    assert encoded(np.float32(0.1))["re"] == [0.1]
    assert encoded(np.array([True, False]))["re"] == [1, 0]
    assert encoded(np.array([2**60 + 1]))["re"] == [str(2**60 + 1)]
    assert encoded(3)["dtype"] == "Python int"
    assert encoded(np.float64(3))["dtype"] == "float64"
    found = encoded(np.array([1 + 2j]))
    assert (found["re"], found["im"]) == ([1.0], [2.0])
    assert encoded(np.zeros((0, 3))) == {"shape": [0, 3], "dtype": "float64", "re": [], "about": {}}
    assert encoded(np.array([1e300, -1e300]))["about"]["scale"] == 1e300


def test_a_large_array_says_what_is_shown_of_it() -> None:
    value = np.arange(100.0 * 50).reshape(100, 50)
    found = encoded(value)
    assert found["cut"] == "256 of 5000 numbers shown, evenly spaced: 16 of 100 rows and 16 of 50 columns"
    assert (found["rows"][0], found["rows"][-1], found["columns"][0], found["columns"][-1]) == (0, 99, 0, 49)
    np.testing.assert_array_equal(np.reshape(found["re"], (16, 16)), value[np.ix_(found["rows"], found["columns"])])
    assert found["about"]["max"] == "4999"
    found = encoded(np.zeros((40, 3, 5)))
    assert found["cut"] == "255 of 600 numbers shown, the first 17 of 40 slices"
    assert "cut" not in encoded(np.zeros((16, 16)))


def test_arrays_that_are_the_same_are_there_once() -> None:
    arrays = Arrays()
    value = np.ones(3)
    assert arrays.add(value) == arrays.add(value) == arrays.add(np.ones(3)) == 0
    assert arrays.add(np.ones(3, np.float32)) == 1
    assert arrays.add(None) is None


# ---------------------------------------------------------------- the file


class Reader(HTMLParser):
    """The scripts of a page, and the names of its elements and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.inside: dict[str, str | None] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        self.inside = dict(attrs) if tag in ("script", "style") else None

    def handle_endtag(self, tag: str) -> None:
        self.inside = None

    def handle_data(self, data: str) -> None:
        if self.inside is not None:
            self.scripts.append((self.inside, data))


def test_the_page_has_one_script_and_asks_for_nothing() -> None:
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    data = page_data((x * x).sum(), {HOSTILE: x}, HOSTILE, None, 150, None)
    text = page(data)
    reader = Reader()
    reader.feed(text)
    assert reader.tags.count("script") == 2
    assert reader.tags.count("style") == 1
    style, block, script = (content for _, content in reader.scripts)
    assert json.loads(block) == json.loads(json.dumps(data))
    assert json.loads(block)["entries"][0]["name"].startswith('"><script>alert(1)</script>'), "a name is a name"
    assert "alert(1)" not in text.replace(block, "").replace("&lt;script&gt;alert(1)&lt;/script&gt;", "")
    assert "\x00" not in text
    assert "\u202e" not in text
    (policy,) = [
        value
        for tag, name, value in reader.attributes
        if tag == "meta" and name == "content" and value and "default-src" in value
    ]
    assert policy.startswith("default-src 'none'; ")
    for content in (style, script):
        assert base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() in policy
    assert not [pair for pair in reader.attributes if pair[1].startswith("on") or pair[1] in ("src", "style")]
    assert [value for _, name, value in reader.attributes if name == "href"] == ["data:,"]
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|fetch\(|XMLHttp|import\(", script)


def test_names_of_folders_are_not_on_the_page() -> None:
    with ag.annotate():
        data = data_of(leaf(2).sum())
    assert data["entries"][-1]["line"].startswith("test_graph_explore.py:")
    assert str(Path(__file__).parent) not in json.dumps(data)


def test_the_same_program_gives_the_same_page() -> None:
    assert page(page_data(mlp()[0], None, None, None, 150, None)) == page(
        page_data(mlp()[0], None, None, None, 150, None)
    )


def test_a_file(tmp_path: Path) -> None:
    path = ag.explore(mlp()[0], tmp_path / "net.html", title="A & B")
    assert path == tmp_path / "net.html"
    assert "<h1>A &amp; B</h1>" in path.read_text(encoding="utf-8")
    assert [file.name for file in tmp_path.iterdir()] == ["net.html"]


def test_several_results_and_a_cotangent() -> None:
    x = leaf(2, name="x")
    data = data_of([x * 2.0, np.exp(x)], gradient=[np.array([1.0, 0.0]), np.array([0.0, 3.0])])
    np.testing.assert_allclose(array(data, data["back"][-1]["g"]), [2.0, 3.0 * np.exp(x.numpy()[1])])
    assert not data["ones"]
    data = data_of({"one": x * 2.0}, gradient={"one": np.array([1.0, 0.0])})
    np.testing.assert_allclose(array(data, data["back"][-1]["g"]), [2.0, 0.0])
    data = data_of(x * 2.0, gradient=[0.0, 1.0])
    np.testing.assert_allclose(array(data, data["back"][-1]["g"]), [0.0, 2.0])
    data = data_of(x * 2.0)
    assert data["ones"]
    np.testing.assert_array_equal(array(data, data["back"][-1]["g"]), [2.0, 2.0])
    assert data_of(x)["back"][0]["got"][0]["from"] is None, "a leaf is a result of its own"


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.html"
    y = leaf(2).sum()
    y.backward()
    with pytest.raises(ag.FreedGraphError, match=r"explore\(\) before backward\(\), or pass retain_graph=True"):
        ag.explore(y, path)
    y = leaf(2) * 2.0
    with pytest.raises(TypeError, match="needs a gradient"):
        ag.explore(np.ones(2), path)
    with pytest.raises(ValueError, match="cotangent has shape"):
        ag.explore(y, path, gradient=np.ones(3))
    with pytest.raises(ValueError, match="has 1 arrays for 2 results"):
        ag.explore([y, y * 2.0], path, gradient=[np.ones(2)])
    for options in ({"depth": -1}, {"max_nodes": 2}, {"max_nodes": None}, {"depth": 1.5}, {"depth": True}):
        with pytest.raises(ValueError, match=f"explore: {next(iter(options))}="):
            ag.explore(y, path, **options)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="title"):
        ag.explore(y, path, title=3)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match="no folder"):
        ag.explore(y, tmp_path / "no" / "net.html")
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    assert ag.explore(y, path).exists()  # laid out by the library itself


# ---------------------------------------------------------------- parts and layouts


def chain(length: int) -> ag.Tensor:
    y = leaf(3)
    for _ in range(length):
        y = np.sin(y)
    return y


def test_three_thousand_operations(tmp_path: Path) -> None:
    data = data_of(chain(3000))
    assert len(data["entries"]) == 3001
    assert all(part["piece"] for part in data["parts"])
    assert all(len(layout["boxes"]) <= 150 for layout in data["layouts"])
    assert set(data["opened"]) == {str(i) for i in range(len(data["parts"]))}, "each part can be opened"
    assert {entry["part"] for entry in data["entries"]} == set(range(len(data["parts"])))
    assert len(page(data)) < 6e6


def test_pieces_of_pieces() -> None:
    data = data_of(chain(300), max_nodes=12)
    assert max(part["level"] for part in data["parts"]) == 2
    shown = {box for layout in data["layouts"] for box in layout["boxes"]}
    assert {f"n{i}" for i in range(len(data["entries"]))} <= shown


def test_depths() -> None:
    data = data_of(encoder()[0])
    assert [part["path"] for part in data["parts"]][:2] == ["TransformerEncoder", "TransformerEncoder/layers.0"]
    none, one = (data["layouts"][data["depths"][i]] for i in (0, 1))
    assert set(none["frames"]) == set()
    assert "p0" in none["boxes"]
    assert {data["boxes"][box]["title"] for box in one["boxes"] if box[0] == "p"} == {
        f"layers.{i}: TransformerEncoderLayer" for i in range(3)
    }
    assert data_of(encoder()[0], depth=1)["depth"] == 1
    assert data_of(encoder()[0], depth=99)["depth"] == len(data["depths"]) - 1
    for drawn in data["layouts"]:
        for edge in drawn["edges"]:
            assert {edge["tail"], edge["head"]} <= set(drawn["boxes"])


def overlap(a: list[float], b: list[float]) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


@renders
@pytest.mark.parametrize("made", GRAPHS, ids=lambda made: made.__name__)
def test_graphviz_lays_it_out(made: Callable[[], Made], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    output, _ = made()
    data = data_of(output)
    for drawn in data["layouts"]:
        for (one, a), (other, b) in combinations(drawn["boxes"].items(), 2):
            assert not overlap(a, b), (one, other)
        for part, frame in drawn["frames"].items():
            for box, place in drawn["boxes"].items():
                around = data["boxes"][box]["part"]
                while around is not None and str(around) != part:
                    around = data["parts"][around]["outer"]
                assert overlap(frame, place) == (around is not None), (part, box)
        for edge in drawn["edges"]:
            head = drawn["boxes"][edge["head"]]
            x, y = edge["path"][-1]
            assert head[0] - 2 <= x <= head[0] + head[2] + 2
            assert head[1] - 2 <= y <= head[1] + head[3] + 2
            assert len(edge["path"]) % 3 == 2, "cubic pieces and the tip"
    every = {
        (i, k)
        for i, entry in enumerate(data["entries"])
        for k, source in enumerate(entry.get("in", ()))
        if source["entry"] is not None
    }
    assert every <= {tuple(use) for edge in data["layouts"][data["depths"][-1]]["edges"] for use in edge["uses"]}


# ---------------------------------------------------------------- the whole rule book


def tensors(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)([tensors(part) for part in value])
    return (
        ag.Tensor(value.copy(), requires_grad=True)
        if isinstance(value, np.ndarray) and value.dtype.kind in "fc"
        else value
    )


def recorded(name: str) -> Iterator[list[ag.Tensor]]:
    """The results of the sample calls of a primitive, on the tape."""
    primitive = REGISTRY[name]
    for sample in SAMPLES[name][:3]:
        words = [*primitive.parameters, *["*"] * len(sample.args)]
        args = [
            tensors(arg) if primitive.sequence or words[i] in primitive.wrt else arg
            for i, arg in enumerate(sample.args)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what overflows on purpose
            try:
                with ag.annotate():
                    made = primitive.function(*args, **sample.kwargs)
            except (TypeError, ag.NonDifferentiableError):  # a sample for arrays only
                continue
        found = [
            t for t in (made if isinstance(made, tuple) else (made,)) if isinstance(t, ag.Tensor) and t.requires_grad
        ]
        if found:
            yield found


load_samples()


@pytest.mark.parametrize("name", [name for name in SAMPLES if name in REGISTRY and REGISTRY[name].differentiable])
def test_every_rule_can_be_walked(name: str) -> None:
    for outputs in recorded(name):
        results, nodes = on_tape(outputs)
        truth = [node.seen.value if hasattr(node, "seen") else None for node in nodes]
        rng = np.random.default_rng(0)
        cotangents = [rng.normal(size=t.shape).astype(t.dtype) for t in outputs]
        wanted = ag.gradients(
            outputs,
            [ag.Tensor.at(None, node) for node in nodes if node.primitive is None],
            cotangents,
            retain_graph=True,
        )
        for annotated in (True, False):
            if not annotated:
                for node in nodes:
                    if hasattr(node, "seen"):
                        del node.seen
            page(data_of(outputs, gradient=cotangents))
            for known, value in zip(forward_values(graph_of(outputs), nodes, [], {}), truth, strict=True):
                if value is not None and (annotated or known.value is not None):
                    np.testing.assert_array_equal(known.value, value[0] if isinstance(value, tuple) else value)
            steps, _ = walk_back(results, nodes, cotangents)
            arrived = {step.entry: step.arrived for step in steps}
            for i, g in zip([i for i, node in enumerate(nodes) if node.primitive is None], wanted, strict=True):
                if g is not None:
                    np.testing.assert_array_equal(arrived[i], g)


def test_the_work_of_a_page_is_near_linear() -> None:
    """Each layout is made of what it shows, and no formula is written beyond what a page can have."""

    def made(count: int) -> int:
        x = ag.Tensor(np.array([0.5]), requires_grad=True, name="x")
        h = x
        for i in range(count):
            h = np.sin(h) if i % 2 else h * 0.9
        return calls_in(lambda: page_data(h, None, None, None, 150, None))

    assert made(2400) < 2.2 * made(1200)
