"""Pictures of graphs: their text against golden files, their formats by real readers, and that drawing changes nothing.

``python tests/graph/test_graph_pictures.py`` writes the golden files anew; look at the difference before keeping it.
"""

from __future__ import annotations

import gc
import importlib.util
import re
import shutil
import struct
import subprocess
import sys
import tracemalloc
import weakref
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from counted_work import calls_in

import autograd_np as ag
import nn
from autograd_np.graph import render as rendering
from autograd_np.graph.dot import dot_text
from autograd_np.graph.draw import _OPTIONS, _picture
from autograd_np.graph.mermaid import mermaid_text
from autograd_np.graph.picture import clean, cut, value_text

FOLDER = Path(__file__).parents[1] / "references" / "graphs"
HAS_GRAPHVIZ = importlib.util.find_spec("graphviz") is not None
HAS_PYGRAPHVIZ = importlib.util.find_spec("pygraphviz") is not None
CAN_RENDER = HAS_PYGRAPHVIZ or shutil.which("dot") is not None
renders = pytest.mark.skipif(not CAN_RENDER, reason="neither dot nor pygraphviz is there")
HOSTILE = "\"><script>alert(1)</script>\\N\n\t& '`|{}[]#; \x00\u202e"

Made = tuple[Any, dict[str, Any], Any]  # the output, the options, and what must stay alive


def parameter(*shape: int, dtype: str = "float64") -> ag.Tensor:
    return ag.Tensor(np.arange(1, 1 + np.prod(shape, dtype=int), dtype=dtype).reshape(shape) / 8, requires_grad=True)


def filled(module: nn.Module) -> Any:
    """A module whose parameters are the same on every machine, and whose results have no rounding to speak of."""
    for _, t in module.named_parameters():
        t.data[...] = 0.25
    return module


def reuse() -> Made:
    a = parameter(2)
    return a + a, {}, None


def diamond() -> Made:
    x = parameter(2, 2)
    h = x * 2.0
    return (np.maximum(h, 1.0) * np.minimum(h, 3.0)).sum(), {"params": {"x": x}}, None


def several_outputs() -> Made:
    x = parameter(3)
    low, high = np.split(np.concatenate([x, x * 2.0]), 2)
    return {"low": low, "high": high.sum()}, {}, None


def higher_order() -> Made:
    x = parameter(2)
    (g,) = ag.gradients((x * x * x).sum(), [x], create_graph=True)
    return g, {"params": {"x": x}}, None


def scalar() -> Made:
    x = ag.Tensor(2.0, requires_grad=True)
    y = x * x
    y.backward(retain_graph=True)
    return y, {}, None


def empty() -> Made:
    return (parameter(0, 3) + np.ones((1, 3))).sum(), {}, None


def hostile() -> Made:
    x, y = parameter(2), parameter(1)
    z = ag.Tensor(np.ones((2, 2), np.float32), requires_grad=True)
    return np.add(x, y) * z, {"params": {HOSTILE: x, "größe_Δ_重み_🎈": y, "a_very_long_name." * 10: z}}, None


def twice() -> Made:
    module = filled(nn.Linear(2, 2))
    return module(np.tanh(module(np.zeros((1, 2), np.float32)) * 0.0)), {}, module


def lstm() -> Made:
    cell, state = filled(nn.LSTMCell(2, 3)), None
    for _ in range(3):
        state = cell(np.zeros((1, 2), np.float32), state)
    return state, {"show": ("formula", "shape", "dtype", "kept")}, cell


def mlp(**options: Any) -> Made:
    model = filled(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))
    loss = nn.CrossEntropyLoss()(model(np.ones((5, 3), np.float32)), np.array([0, 1, 0, 1, 1]))
    loss.backward(retain_graph=True)
    return loss, {"show": ("formula", "shape", "dtype", "kept"), **options}, model


def encoder(layers: int = 6, **options: Any) -> Made:
    model = filled(
        nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0), num_layers=layers, norm=nn.LayerNorm(8)
        )
    )
    return model(np.ones((5, 3, 8), np.float32)), {"depth": 1, **options}, model


def loop() -> Made:
    x = parameter(2, 2)
    y = x
    for _ in range(20):
        y = np.tanh(y @ x) * 0.5
    return y, {"max_nodes": 12, "show": ("formula", "shape")}, None


GOLDEN: dict[str, Callable[[], Made]] = {
    "reuse": reuse,
    "diamond": diamond,
    "several_outputs": several_outputs,
    "higher_order": higher_order,
    "scalar": scalar,
    "empty": empty,
    "hostile": hostile,
    "twice": twice,
    "lstm": lstm,
    "mlp": mlp,
    "backward": lambda: mlp(backward=True, direction="LR"),
    "encoder": encoder,
    "loop": loop,
}


def picture(made: Made, **options: Any) -> Any:
    return _picture(made[0], **{**_OPTIONS, **made[1], **options})


def text_of(made: Made, **options: Any) -> str:
    return dot_text(picture(made, **options))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name: str) -> None:
    text = text_of(GOLDEN[name]())
    assert text == text_of(GOLDEN[name]()), "the same program gives the same text"
    assert text == (FOLDER / f"{name}.dot").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", GOLDEN)
def test_ids_are_unique_and_arrows_have_ends(name: str) -> None:
    found = picture(GOLDEN[name]())
    ids = [box.id for box in found.boxes]
    assert len(ids) == len(set(ids))
    assert {end for arrow in found.arrows for end in (arrow.tail, arrow.head)} <= set(ids)
    assert len({part.id for part in found.parts}) == len(found.parts)
    assert all(part.outer is None or part.outer < i for i, part in enumerate(found.parts))
    assert text_of(GOLDEN[name]()).count("{") == text_of(GOLDEN[name]()).count("}") or name == "hostile"


def test_a_value_used_twice_has_two_arrows() -> None:
    found = picture(reuse())
    assert [(arrow.tail, arrow.head, arrow.label[:1]) for arrow in found.arrows] == [
        ("n0", "n1", "x"),
        ("n0", "n1", "y"),
    ]
    assert "used twice" in [line.text for line in found.boxes[0].lines]


def test_broadcast_and_cast_are_marked() -> None:
    x = ag.Tensor(np.ones(3, np.float32), requires_grad=True)
    found = picture(((x * np.ones((2, 1), np.float32)) + np.ones((2, 3)), {"legend": True}, None))
    kinds = {arrow.label: arrow.kind for arrow in found.arrows}
    assert kinds["x: (3,) → (2, 3) float32"] == "broadcast"
    assert kinds["x: (2, 3) float32 → float64"] == "cast"
    assert {"broadcast", "cast"} <= {kind for kind, _ in found.legend()}


def test_depth() -> None:
    made = encoder(group=False)
    assert [box.title for box in picture(made, depth=0).boxes] == ["x", "TransformerEncoder"]
    titles = [box.title for box in picture(made).boxes]
    assert titles == ["x", *[f"layers.{i}: TransformerEncoderLayer" for i in range(6)], "norm: LayerNorm"]
    assert len(picture(made, depth=None).boxes) > 100
    box = picture(made).boxes[1]
    assert box.lines[0].text.endswith("operations")
    parameters = sum(t.size for t in made[2].layers[0].parameters())
    assert f"12 parameters, {parameters} numbers" in [line.text for line in box.lines]


def test_repeated_modules_are_folded() -> None:
    found = picture(encoder())
    assert [box.title for box in found.boxes] == ["x", "layers.0: TransformerEncoderLayer × 6", "norm: LayerNorm"]
    assert [(arrow.tail, arrow.head, arrow.label) for arrow in found.arrows if arrow.kind == "repeat"] == [
        (found.boxes[1].id, found.boxes[1].id, "× 5")
    ]
    opened = picture(encoder(), depth=None)
    assert any(part.title == "layers.0: TransformerEncoderLayer × 6" for part in opened.parts)
    assert not any(box.title.startswith("layers.1.") for box in opened.boxes)


def test_a_folded_result_has_its_own_value() -> None:
    x = parameter(1)
    y = x
    for _ in range(30):
        y = y * 2.0
    (box,) = [box for box in picture((y, {"max_nodes": 6}, None)).boxes if box.kind == "result"]
    assert box.title == "multiply × 29"
    assert "at last = [1.34e+08]" in [line.text for line in box.lines]


def test_only_the_gradients_that_are_asked_for() -> None:
    found = picture((parameter(2) * np.ones(2), {"backward": True}, None))
    assert [
        line.text for box in found.boxes if box.kind == "gradient" for line in box.lines if line.role == "formula"
    ] == ["gx = g · y"]


def test_steps_of_one_module_are_not_folded_unless_there_is_no_room() -> None:
    assert sum(box.title == "lstm_cell" for box in picture(lstm()).boxes) == 3
    folded = picture(lstm(), max_nodes=13)
    assert "repeated structure is folded" in folded.notice
    assert len(folded.boxes) <= 13


@pytest.mark.parametrize("group", [True, False])
@pytest.mark.parametrize("most", [4, 7, 20, 60])
def test_max_nodes(most: int, group: bool) -> None:
    for made in (encoder(depth=None), loop(), lstm()):
        wanted = len(picture(made, max_nodes=10_000, group=group).boxes)
        found = picture(made, max_nodes=most, group=group)
        assert len(found.boxes) <= max(most, 8)
        assert bool(found.notice) == (wanted > most)
        assert f"max_nodes={most}" in found.notice or not found.notice
        dot_text(found)
        mermaid_text(found)


def test_backward_faces_forward() -> None:
    found = picture(mlp(backward=True))
    partners = {box.id: box.partner for box in found.boxes if box.kind == "gradient"}
    forward = [box for box in found.boxes if box.kind not in ("gradient", "data")]
    assert sorted(partners.values()) == sorted(box.id for box in forward)  # type: ignore[type-var]
    forward_kinds = ("value", "broadcast")
    ways = {(arrow.tail, arrow.head) for arrow in found.arrows if arrow.kind in forward_kinds and arrow.tail[0] == "n"}
    assert {(partners[arrow.head], partners[arrow.tail]) for arrow in found.arrows if arrow.kind == "gradient"} == ways
    text = dot_text(found)
    assert all(f"{{rank=same; {partner}; {own}}}" in text for own, partner in partners.items())


def test_grad_and_values_are_shown_when_asked() -> None:
    text = text_of(scalar())
    assert "grad = 4" in text
    assert "= 4" in text
    assert "grad" not in text_of(scalar(), show=("shape",))


def test_hostile_names_stay_names() -> None:
    text = text_of(hostile())
    assert "<script" not in re.sub(r'tooltip="(?:[^"\\]|\\.)*"', "", text)
    assert "\x00" not in text
    assert "\u202e" not in text
    flow = mermaid_text(picture(hostile()))
    assert "script>" not in flow
    assert all(line.count('"') in (0, 2) for line in flow.splitlines())
    assert "größe#95;Δ" in flow
    assert cut("x" * 100).count("x") == 35
    assert "a_very_long_name.a_very_long_name.a_very_long_name.a_very" in text, "the tooltip has all of it"


def test_small_values() -> None:
    assert value_text(np.array([[1.0, np.nan], [-np.inf, 1e-20]])) == "[[1, nan], [−inf, 1e−20]]"
    assert value_text(np.zeros((0, 2))) == "[]"
    assert value_text(np.array(True)) == "True"
    assert value_text(np.array([1 + 2j])) == "[1+2j]"
    assert value_text("text") == ""


def test_after_a_freeing_backward() -> None:
    x = parameter(3)
    y = np.exp(x).sum()
    y.backward()
    found = picture((y, {}, None))
    assert "has freed" in found.caption
    assert [line.text for line in found.boxes[0].lines][-1].startswith("grad = [1.13")


def test_annotate_shows_values_and_data() -> None:
    x = parameter(2)
    with ag.annotate():
        y = (x + np.array([1.0, 2.0])).sum()
    found = picture((y, {"show": ("value", "line")}, None))
    assert [line.text for box in found.boxes for line in box.lines if line.role == "value"] == [
        "[0.125, 0.25]",
        "[1, 2]",
        "= [1.12, 2.25]",
        "= 3.38",
    ]
    assert any(line.text.startswith("test_graph_pictures.py:") for box in found.boxes for line in box.lines)


def test_mermaid() -> None:
    flow = mermaid_text(picture(mlp()))
    lines = [line.strip() for line in flow.splitlines()]
    assert lines[0] == "flowchart TB"
    assert sum(line.startswith("subgraph") for line in lines) == lines.count("end") == 6
    assert 'n4 -->|"(5, 4) float32"| n5' in lines


@pytest.mark.parametrize(
    "options", [{"max_nodes": 20_000}, {}, {"group": False}, {"backward": True, "max_nodes": 20_000}], ids=str
)
def test_ten_thousand_operations(options: dict[str, Any]) -> None:
    def chain(length: int) -> Any:
        y = parameter(3)
        for _ in range(length):
            y = np.sin(y)
        return y

    assert (text_of((chain(10_000), options, None)).count("<b>sin</b>") == 10_000) == ("max_nodes" in options)
    short, long = chain(1_500), chain(3_000)
    assert calls_in(lambda: text_of((long, options, None))) < 2.2 * calls_in(lambda: text_of((short, options, None)))


def test_drawing_changes_nothing() -> None:
    def run(drawn: bool) -> tuple[Any, list[Any], Any]:
        loss, options, model = mlp()
        if drawn:
            for more in ({}, {"backward": True}, {"depth": 0}):
                before = ag.Tensor, loss._node.kept, loss._node.position
                text_of((loss, {**options, **more}, model))
                mermaid_text(picture((loss, options, model)))
                assert before == (ag.Tensor, loss._node.kept, loss._node.position)
        grads = [t.grad.copy() for t in model.parameters()]
        loss.backward()
        return loss, [*grads, *[t.grad for t in model.parameters()]], model

    for a, b in zip(run(False)[1], run(True)[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_drawing_keeps_nothing() -> None:
    x = parameter(1000)
    y = np.exp(x).sum()
    text_of((y, {}, None))
    kept = weakref.ref(y._node.parents[0])
    gc.collect()
    tracemalloc.start()
    text_of((y, {}, None))
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(5):
        text_of((y, {}, None))
    gc.collect()
    assert tracemalloc.get_traced_memory()[0] - before < 8000, "less than one array"
    tracemalloc.stop()
    del y
    gc.collect()
    assert kept() is None


def test_text_files(tmp_path: Path) -> None:
    made = mlp()
    for name in ("net.dot", "net.gv", "net.mmd", "NET.DOT"):
        path = ag.save_graph(made[0], tmp_path / name, **made[1])
        assert path == tmp_path / name
        assert path.read_text(encoding="utf-8") == (
            mermaid_text(picture(made)) if name.endswith("mmd") else text_of(made)
        )
    assert len(list(tmp_path.iterdir())) == len({path.name for path in tmp_path.iterdir()}) == 4


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    y = parameter(2).sum()
    with pytest.raises(ValueError, match="ends in none of .svg"):
        ag.save_graph(y, tmp_path / "net.jpeg")
    with pytest.raises(TypeError, match="no option 'dept'"):
        ag.save_graph(y, tmp_path / "net.dot", dept=1)
    with pytest.raises(TypeError, match="needs a gradient"):
        ag.save_graph(np.ones(2), tmp_path / "net.dot")
    with pytest.raises(FileNotFoundError, match="no folder"):
        ag.save_graph(y, tmp_path / "no" / "net.dot")
    (tmp_path / "dir.dot").mkdir()
    with pytest.raises(IsADirectoryError):
        ag.save_graph(y, tmp_path / "dir.dot")
    for options, words in (
        ({"show": ("shapes",)}, "show='shapes'"),
        ({"direction": "up"}, "direction='up'"),
        ({"depth": -1}, "depth=-1"),
        ({"max_nodes": 1}, "max_nodes=1"),
    ):
        with pytest.raises(ValueError, match=re.escape(words)):
            ag.save_graph(y, tmp_path / "net.dot", **options)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    for ending in ("png", "pdf"):
        with pytest.raises(ImportError, match=re.escape('pip install "autograd-np[graph]"')):
            ag.save_graph(y, tmp_path / f"net.{ending}")
        assert not (tmp_path / f"net.{ending}").exists()
    assert ag.save_graph(y, tmp_path / "net.dot").exists()


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.dot"
    path.write_text("old")
    monkeypatch.setattr(Path, "replace", lambda self, target: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        rendering.write(path, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["net.dot"]
    assert path.read_text() == "old"


def pixels(data: bytes) -> tuple[int, int, bytes]:
    """Width, height and the unpacked (still filtered) rows of a PNG."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed, width, height = 8, b"", 0, 0
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0]
        if kind == b"IHDR":
            width, height = struct.unpack(">II", body[:8])
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    return width, height, zlib.decompress(packed)


@renders
@pytest.mark.parametrize("without_dot", [False, True])
@pytest.mark.parametrize("name", ["mlp", "hostile", "backward", "encoder", "empty"])
def test_rendered(name: str, without_dot: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if without_dot:
        if not HAS_PYGRAPHVIZ:
            pytest.skip("pygraphviz is not there")
        monkeypatch.setenv("PATH", str(tmp_path))
    made = GOLDEN[name]()
    svg, png, pdf = (
        ag.save_graph(made[0], tmp_path / f"net.{ending}", **made[1]).read_bytes() for ending in ("svg", "png", "pdf")
    )
    root = ET.fromstring(svg)
    nodes = [node.get("id") for node in root.iter("{http://www.w3.org/2000/svg}g") if node.get("class") == "node"]
    assert {box.id for box in picture(made).boxes} <= set(nodes)
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    if name == "hostile":
        texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
        assert cut(HOSTILE) in texts
        titles = [
            link.get("{http://www.w3.org/1999/xlink}title") for link in root.iter("{http://www.w3.org/2000/svg}a")
        ]
        assert any(str(title).replace("\u200b", "").startswith(clean(HOSTILE)) for title in titles)
    width, height, rows = pixels(png)
    assert width > 200
    assert height > 100
    assert len(set(rows)) > 50
    assert pdf.startswith(b"%PDF-")
    assert pdf.rstrip().endswith(b"%%EOF")


@pytest.mark.skipif(not HAS_GRAPHVIZ, reason="the package graphviz is not there")
def test_digraph() -> None:
    import graphviz

    made = mlp()
    found = ag.draw(made[0], **made[1])
    assert isinstance(found, graphviz.Digraph)
    assert found.source == text_of(made)
    found.node("mine")
    assert "mine" in found.source


@renders
@pytest.mark.skipif(not HAS_GRAPHVIZ, reason="the package graphviz is not there")
def test_digraph_renders(tmp_path: Path) -> None:
    found = ag.draw(mlp()[0])
    path = Path(found.render("net", directory=tmp_path, format="svg", cleanup=True))
    ET.parse(path)
    assert [file.name for file in tmp_path.iterdir()] == ["net.svg"]
    bundle = found._repr_mimebundle_()
    ET.fromstring(bundle["image/svg+xml"].encode())
    assert found.pipe(format="png").startswith(b"\x89PNG")


def test_import_stays_light() -> None:
    code = (
        "import sys, autograd_np; print([m for m in sys.modules if 'graphviz' in m or "
        "m.startswith('autograd_np.graph.d')])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


if __name__ == "__main__":
    for golden, make in GOLDEN.items():
        (FOLDER / f"{golden}.dot").write_text(text_of(make()), encoding="utf-8")
