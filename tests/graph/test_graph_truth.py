"""What pictures, table and page say is so: broadcasting, values, names, gradients, units."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_graph_explore import recorded

import autograd_np as ag
import nn
from autograd_np.engine.registry import REGISTRY
from autograd_np.engine.tensor import seed
from autograd_np.graph.broadcasting import broadcast_shape
from autograd_np.graph.dot import dot_text
from autograd_np.graph.draw import _OPTIONS, _picture
from autograd_np.graph.explorer.values import _Recorded, again, forward_values
from autograd_np.graph.mermaid import mermaid_text
from autograd_np.graph.model import graph_of, on_tape
from autograd_np.graph.profile import watch_back
from autograd_np.proofs.samples import SAMPLES, load as load_samples

load_samples()


def picture(output: Any, **options: Any) -> Any:
    return _picture(output, **{**_OPTIONS, **options})


def boxes(output: Any, **options: Any) -> dict[str, str]:
    """The lines of each box, by its title."""
    return {box.title: " | ".join(line.text for line in box.lines) for box in picture(output, **options).boxes}


def marked(output: Any) -> dict[str, tuple[int, ...]]:
    """The operands of the last operation that are marked as broadcast, and the shapes to which they are."""
    last = ag.tape(output)[-1]
    found = {word: broadcast_shape(last, i) for i, word in enumerate(last.operands)}
    return {word: shape for word, shape in found.items() if shape is not None}


def t(*shape: int) -> ag.Tensor:
    return ag.Tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True)


CASES: list[tuple[Callable[[], Any], dict[str, tuple[int, ...]]]] = [
    (lambda: t(300, 64) @ t(64, 3), {}),
    (lambda: t(64) @ t(64, 3), {}),
    (lambda: t(5, 4, 3) @ t(3, 2), {"y": (5, 3, 2)}),
    (lambda: t(3) @ t(5, 3, 2), {"x": (5, 3)}),
    (lambda: t(2, 1, 4, 3) @ t(5, 3, 2), {"x": (2, 5, 4, 3), "y": (2, 5, 3, 2)}),
    (lambda: np.linalg.solve(t(3, 3), t(3, 2)), {}),
    (lambda: np.linalg.solve(t(3, 3), t(3)), {}),
    (lambda: np.vecdot(t(5, 3), t(3)), {"y": (5, 3)}),
    (lambda: np.vecdot(t(5, 3), t(5, 3)), {}),
    (lambda: np.cross(t(5, 3), t(3)), {"y": (5, 3)}),
    (lambda: ag.linear(t(300, 64), t(64, 3), t(3)), {"bias": (300, 3)}),
    (lambda: np.var(t(5, 3), axis=0), {}),
    (lambda: np.std(t(5, 3)), {}),
    (lambda: t(5, 3) * t(3), {"y": (5, 3)}),
    (lambda: t(5, 3) * t(5, 3), {}),
    (lambda: np.clip(t(5, 3), t(3), t(5, 1)), {"a_min": (5, 3), "a_max": (5, 3)}),
    (lambda: np.broadcast_to(t(3), (2, 3)), {"x": (2, 3)}),
    (lambda: t(5, 3).sum(axis=0), {}),
]
if hasattr(np, "matvec"):  # NumPy 2.2
    CASES += [
        (lambda: ag.matvec(t(4, 3), t(3)), {}),
        (lambda: ag.matvec(t(4, 3), t(5, 3)), {"x": (5, 4, 3)}),
    ]


@pytest.mark.parametrize(("made", "wanted"), CASES, ids=range(len(CASES)))
def test_broadcasting_is_marked_where_it_is(made: Callable[[], Any], wanted: dict[str, tuple[int, ...]]) -> None:
    output = made()
    assert marked(output) == wanted
    found = picture(output, backward=True)
    assert sum(arrow.kind == "broadcast" for arrow in found.arrows) == len(wanted)
    assert sum("summed" in arrow.label for arrow in found.arrows) == len(wanted)


@pytest.mark.parametrize("name", [name for name in SAMPLES if name in REGISTRY and REGISTRY[name].differentiable])
def test_broadcasting_of_every_operation(name: str) -> None:
    """What is marked may be broadcast beforehand, with the same result; where a gradient is summed it is marked."""
    for outputs in recorded(name):
        results, nodes = on_tape(outputs)
        graph = graph_of(outputs)
        for entry, node, known in zip(graph.entries, nodes, forward_values(graph, nodes, results, {}), strict=True):
            for i in range(len(entry.inputs)):
                target = broadcast_shape(entry, i)
                operands = [getattr(value, "_values", value) for value in known.operands]
                if (
                    target is None or operands[i] is None or node.primitive.multi or entry.name == "prelu"
                ):  # its axis is 1
                    continue
                operands[i] = np.broadcast_to(operands[i], target)
                made = again(node.primitive, entry.shape, entry.dtype, operands, known.options)
                if made is not None:
                    np.testing.assert_allclose(made[0], known.value, rtol=1e-6)
        log: list[Any] = []
        ends = [(r._node, seed(r, np.ones_like(r._values))) for r in results if r._node is not None]
        with np.errstate(all="ignore"):
            watch_back(ends, nodes, _Recorded, log)
        at = {id(node): graph.entries[i] for i, node in enumerate(nodes)}
        for node, _, parents, pulled in log:
            for i, (parent, contribution) in enumerate(zip(parents, pulled, strict=True)):
                if parent is not None and np.ndim(contribution) > len(parent.shape) and type(parent.shape) is tuple:
                    assert broadcast_shape(at[id(node)], i) is not None, (node.primitive.name, i)


def test_named_data_is_no_parameter_of_a_model() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    x = ag.Tensor(np.random.default_rng(0).normal(size=(5, 3)), requires_grad=True, name="x", dtype=np.float32)
    found = picture(model(x).sum(), depth=0)
    kinds = {box.title: box.kind for box in found.boxes}
    assert kinds["x"] == "data"
    (closed,) = [box for box in found.boxes if box.kind == "module"]
    assert "4 parameters, 26 numbers" in [line.text for line in closed.lines]
    assert "4 parameters" in found.caption
    weights = ag.Tensor(np.ones(3), requires_grad=True, name="w")  # without a model a name makes a parameter
    assert {box.title: box.kind for box in picture((weights * 2.0).sum()).boxes}["w"] == "parameter"


def test_data_of_a_closed_module_is_drawn_with_its_name() -> None:
    model = nn.Sequential(nn.Linear(3, 4))
    x = ag.Tensor(np.random.default_rng(0).normal(size=(5, 3)), dtype=np.float32, name="x")
    targets = ag.Tensor(np.random.default_rng(1).normal(size=(5, 4)), dtype=np.float32, name="targets")
    with ag.annotate():
        loss = ((model(x) - targets) ** 2).mean()
    for depth in (0, None):
        titles = boxes(loss, depth=depth)
        assert {"x", "targets"} <= titles.keys()


def test_the_same_array_is_one_box() -> None:
    """Also where the tape keeps a copy for each of the operations that take it."""
    array = np.array([1.0, 2.0, 3.0])
    w = t(3)
    found = picture((w * array + w / array).sum())
    data = [box for box in found.boxes if any("[1, 2, 3]" in line.text for line in box.lines)]
    assert len(data) == 1
    zeros = picture((w * np.zeros(3) + w * np.zeros(3)).sum())  # these are two
    assert sum(box.title == "y" for box in zeros.boxes) == 2


def test_names_of_results_and_of_data() -> None:
    x = ag.Tensor([1.0, 2.0], name="x")
    w = ag.Tensor([0.5, -1.0], requires_grad=True, name="w")
    h = np.tanh(w * x)
    h.name = "h"
    y = h.sum()
    assert {"x", "w", "h = tanh", "multiply", "sum"} == boxes(y).keys()
    assert "h = tanh" in str(ag.tape(y))
    assert "h = tanh" in mermaid_text(picture(y))
    assert "h = tanh" in dot_text(picture(y))


def test_what_is_alive_shows_its_value() -> None:
    """As in a lecture: `a | data 2 | grad -3`."""
    a, b = ag.Tensor(2.0, requires_grad=True, name="a"), ag.Tensor(-3.0, requires_grad=True, name="b")
    d = a + b  # nobody keeps a, b and d for the backward pass
    loss = np.negative(d)
    loss.backward()
    assert boxes(loss)["a"] == "2 | grad = −1"
    assert "= −1" in boxes(loss)["add"]
    del d
    a.writable()[...] = 7.0  # it is not what the sum was made of any more
    assert "7" not in boxes(loss)["a"]
    b.data = np.array(5.0)
    assert "5" not in boxes(loss)["b"]


def test_a_kept_array_that_was_written_shows_no_value() -> None:
    w = ag.Tensor([1.0, 2.0], requires_grad=True, name="w")
    y = (w * w).sum()
    assert "[1, 2]" in boxes(y)["w"]
    w.writable()[...] = 9.0
    assert "9" not in boxes(y)["w"]
    assert "[1, 2]" not in boxes(y)["w"]


def test_values_and_gradients_on_request() -> None:
    """Every node has both, and they are those of retain_grad."""
    a, b, c = (ag.Tensor(v, requires_grad=True, name=n) for v, n in ((2.0, "a"), (-3.0, "b"), (10.0, "c")))
    e = a * b
    d = e + c
    loss = np.tanh(d)
    names = dict(zip(("multiply", "add"), (e, d), strict=True))
    found = boxes(loss, show=("value", "grad"))
    for t_ in (e, d):
        t_.retain_grad()
    loss.backward(retain_graph=True)
    for title, t_ in names.items():
        assert any(f"{float(t_.grad):.3g}".replace("-", "−") in text for name, text in found.items() if name == title)
    assert all(re.search(r"grad = ", text) for title, text in found.items())
    assert all("=" in text for text in found.values() if text)
    assert a.grad is not None
    fresh = a * b + c
    before = str(fresh._node.kept)
    boxes(fresh, show=("value", "grad"))
    assert str(fresh._node.kept) == before
    assert float(a.grad) == pytest.approx(b.data * (1 - np.tanh(4.0) ** 2))  # drawing leaves .grad as it is


def test_a_freed_tape_says_so() -> None:
    a = ag.Tensor(2.0, requires_grad=True, name="a")
    loss = np.tanh(a * a)
    loss.backward()
    found = picture(loss, show=("value", "grad"))
    assert "freed" in found.caption
    assert "grad = " in boxes(loss, show=("value", "grad"))["a"]


def test_one_unit_of_memory() -> None:
    model = nn.Linear(100, 100)
    y = model(np.ones((200, 100), np.float32)).sum()
    tape = ag.tape(y)
    (said,) = re.findall(r"([\d.]+ .B) kept", str(tape))
    assert f"the tape keeps {said}" in picture(y).caption
    assert "kB" in said
    assert "iB" not in str(tape)


def test_anomalies_name_operands_as_the_table_does() -> None:
    x = ag.Tensor([0.0, 1.0], requires_grad=True)
    with ag.detect_anomaly():
        root = np.sqrt(x)
        root.name = "root"
        joined = np.concatenate([root, root])
        with pytest.raises(ag.AnomalyError, match=re.escape("root = sqrt")) as caught:
            joined.sum().backward()
    assert "of the gradient of x " in str(caught.value)
    (entry,) = [entry for entry in ag.tape(joined) if entry.name == "concatenate"]
    assert entry.operands == ("arrays[0]", "arrays[1]")


def test_pictures_while_other_threads_make_tensors() -> None:
    x = ag.Tensor([1.0, 2.0], requires_grad=True, name="x")
    stop = threading.Event()

    def make() -> None:
        while not stop.is_set():
            ag.Tensor([1.0], requires_grad=True, name="other")

    thread = threading.Thread(target=make)
    thread.start()
    try:
        for _ in range(300):
            assert len(ag.tape((x * x).sum())) == 3
    finally:
        stop.set()
        thread.join()
