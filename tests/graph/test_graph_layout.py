"""Pictures without Graphviz: the library's own layout, and SVG made of it."""

from __future__ import annotations

import io
import itertools
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from counted_work import calls_in
from hypothesis import given, settings, strategies as st
from test_graph_pictures import GOLDEN, HAS_GRAPHVIZ, HOSTILE, Made, hostile, mlp, picture

import autograd_np as ag
from autograd_np.graph import drawing
from autograd_np.graph.dot import dot_text
from autograd_np.graph.draw import _OPTIONS, _picture
from autograd_np.graph.explorer import layout as page_layout
from autograd_np.graph.layered import Layout, layout
from autograd_np.graph.mermaid import mermaid_text
from autograd_np.graph.svg import svg_text

Graph = tuple[dict[str, tuple[float, float]], dict[str, int | None], list[int | None], list[tuple[str, str]]]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No dot program, no pygraphviz."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setitem(sys.modules, "pygraphviz", None)


@st.composite
def graphs(draw: Callable[..., Any]) -> Graph:
    count = draw(st.integers(1, 14))
    outer = [draw(st.one_of(st.none(), st.integers(0, i - 1))) if i else None for i in range(draw(st.integers(0, 4)))]
    length = st.floats(10, 200)
    sizes = {f"b{i}": (draw(length), draw(length)) for i in range(count)}
    places = st.one_of(st.none(), st.integers(0, len(outer) - 1)) if outer else st.none()
    inside = {box: draw(places) for box in sizes}
    ends = st.integers(0, count - 1)
    arrows = [(f"b{a}", f"b{b}") for a, b in draw(st.lists(st.tuples(ends, ends), max_size=25)) if a < b]
    return sizes, inside, outer, arrows


def made(graph: Graph, direction: str = "TB") -> Layout:
    sizes, inside, outer, arrows = graph
    return layout(sizes, inside, outer, [60.0] * len(outer), arrows, [(40.0, 10.0)] * len(arrows), direction)


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    x, y, w, h = a
    u, v, p, q = b
    near = 1e-6
    return x + near < u + p and u + near < x + w and y + near < v + q and v + near < y + h


def within(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    x, y, w, h = a
    u, v, p, q = b
    near = 1e-6
    return u - near <= x and x + w <= u + p + near and v - near <= y and y + h <= v + q + near


@given(graphs(), st.sampled_from(["TB", "BT", "LR", "RL"]))
@settings(max_examples=60, deadline=None)
def test_boxes_and_frames_keep_apart(graph: Graph, direction: str) -> None:
    sizes, inside, outer, _ = graph
    found = made(graph, direction)
    boxes = {box: (*corner, *sizes[box]) for box, corner in found.boxes.items()}
    assert boxes.keys() == sizes.keys()
    for a, b in itertools.combinations(boxes.values(), 2):
        assert not overlap(a, b)
    for box, place in boxes.items():
        assert within(place, (0.0, 0.0, *found.size))
        frame = inside[box]
        for number, other in found.frames.items():
            chain = set()
            around = frame
            while around is not None:
                chain.add(around)
                around = outer[around]
            assert within(place, other) if number in chain else not overlap(place, other)
    for number, frame_ in found.frames.items():
        around = outer[number]
        assert around is None or within(frame_, found.frames[around])
        assert frame_[2 if direction in ("TB", "BT") else 3] >= 60.0, "the title has room"


@given(graphs())
@settings(max_examples=60, deadline=None)
def test_arrows_join_the_borders(graph: Graph) -> None:
    sizes, inside, _, arrows = graph
    found = made(graph)
    assert len(found.paths) == len(arrows)
    for (tail, head), path in zip(arrows, found.paths, strict=True):
        for box, (x, y) in ((tail, path[0]), (head, path[-1])):
            left, top = found.boxes[box]
            width, height = sizes[box]
            assert left - 1e-6 <= x <= left + width + 1e-6
            assert top - 1e-6 <= y <= top + height + 1e-6
        if all(place is None for place in inside.values()):  # no circle among frames: from top to bottom
            assert found.boxes[tail][1] + sizes[tail][1] <= found.boxes[head][1]


def test_circles_are_laid_out() -> None:
    """A frame may be both before and behind a box."""
    sizes = dict.fromkeys("abc", (50.0, 20.0))
    found = layout(sizes, {"a": 0, "b": None, "c": 0}, [None], [10.0], [("a", "b"), ("b", "c")], [(0.0, 0.0)] * 2)
    assert len(found.paths) == 2
    assert not overlap((*found.boxes["b"], 50, 20), found.frames[0])


def test_work_is_near_linear() -> None:
    def chain(count: int) -> int:
        sizes = {f"b{i}": (50.0, 20.0) for i in range(count)}
        arrows = [(f"b{i}", f"b{i + 1}") for i in range(count - 1)]
        inside = dict.fromkeys(sizes)
        return calls_in(lambda: layout(sizes, inside, [], [], arrows, [(9.0, 9.0)] * len(arrows)))

    assert chain(4000) < 2.2 * chain(2000)


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("direction", ["TB", "LR", "BT", "RL"])
def test_every_form_is_drawn(name: str, direction: str) -> None:
    output = GOLDEN[name]()
    drawn = picture(output, direction=direction)
    root = ET.fromstring(svg_text(drawn).encode())
    texts = ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]
    for box in drawn.boxes:
        assert box.title in texts
        assert {line.text for line in box.lines} <= {text.removeprefix("▪ ") for text in texts}
    assert {arrow.label for arrow in drawn.arrows if arrow.label} <= {*texts}
    assert {part.title for part in drawn.parts} <= {*texts}
    assert drawn.caption in texts
    kinds = {each.tag.rpartition("}")[2] for each in root.iter()}
    assert kinds <= {"svg", "defs", "marker", "path", "rect", "ellipse", "g", "text", "title"}
    lengths = [float(each.get(word)) for each in root.iter() for word in ("width", "height") if each.get(word)]  # type: ignore[arg-type]
    assert min(lengths) > 0


def test_hostile_names_stay_inert() -> None:
    text = svg_text(picture(hostile()))
    assert "<script" not in text
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\u202e]", text)


@pytest.mark.usefixtures("without")
def test_files_without_graphviz(tmp_path: Path) -> None:
    path = ag.save_graph(mlp()[0], tmp_path / "net.svg")
    ET.parse(path)
    with pytest.raises(ImportError, match=re.escape('pip install "autograd-np[graph]"')):
        ag.save_graph(mlp()[0], tmp_path / "net.png")


@pytest.mark.usefixtures("without")
@pytest.mark.parametrize(
    "package", [False, pytest.param(True, marks=pytest.mark.skipif(not HAS_GRAPHVIZ, reason="graphviz"))]
)
def test_draw_without_graphviz(package: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawing._digraph.cache_clear()
    if not package:
        monkeypatch.setitem(sys.modules, "graphviz", None)
    found: Any = ag.draw(mlp()[0])
    drawing._digraph.cache_clear()
    assert found.source.startswith("digraph tape {")
    svg = found._repr_mimebundle_()["image/svg+xml"] if package else found._repr_svg_()
    ET.fromstring(svg.encode())
    written = Path(found.render(str(tmp_path / "net"), format="svg"))
    assert written.suffix == ".svg"
    assert written.read_text(encoding="utf-8") == svg
    with pytest.raises(ImportError, match="Graphviz is needed"):
        found.render(str(tmp_path / "net"), format="pdf")
    if package:
        found.node("mine")  # the library's own layout doesn't know it
        with pytest.raises(ImportError, match="Graphviz is needed"):
            found.pipe(format="svg")


def test_the_page_tells_graphviz_no_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def render(text: str, kind: str) -> bytes:
        told.append(text)
        raise RuntimeError(kind)

    monkeypatch.setattr(page_layout, "has_graphviz", lambda: True)
    monkeypatch.setattr(page_layout, "render", render)
    made_: Made = hostile()
    with pytest.raises(RuntimeError, match="json"):
        ag.explore(made_[0].sum(), tmp_path / "net.html", params=made_[1]["params"])
    assert told[0].isascii()


def test_looks() -> None:
    """Title, legend, theme, labels, size and font, in every text."""
    output = mlp()[0]
    plain = picture(mlp())
    for text_of in (dot_text, svg_text):
        titled = text_of(_picture(output, **{**_OPTIONS, "title": "One <step>", "font": 'Fira "Sans"'}))
        assert "One &lt;step&gt;" in titled
        assert "Fira" in titled
        assert 'Fira "' not in titled.replace('\\"', "")
        dark = text_of(_picture(output, **{**_OPTIONS, "theme": "dark"}))
        assert "#14171b" in dark
        assert not re.search(r'"#(ffffff|eeeeee|fffcec|d6ebf8)"', dark)
        grey = text_of(_picture(output, **{**_OPTIONS, "theme": "print"}))
        for found in re.findall(r'"#(\w\w)(\w\w)(\w\w)"', grey):
            assert len({*found}) == 1, found
        for wanted, there in ((True, True), (False, False)):
            text = text_of(_picture(output, **{**_OPTIONS, "legend": wanted}))
            assert ("what the tape keeps for the backward pass" in text) is there
    assert all(arrow.label for arrow in plain.arrows)
    short = _picture(output, **{**_OPTIONS, "labels": "short"})
    assert "float32" not in " ".join(arrow.label for arrow in short.arrows)
    assert any("(5, 4)" in arrow.label for arrow in short.arrows)
    none = _picture(output, **{**_OPTIONS, "labels": "none", "backward": True})
    assert not any(arrow.label for arrow in none.arrows)
    assert "title: " in mermaid_text(_picture(output, **{**_OPTIONS, "title": HOSTILE}))
    assert "eeeeee" not in mermaid_text(_picture(output, **{**_OPTIONS, "theme": "dark"}))


def test_a_theme_changes_no_name() -> None:
    x = ag.Tensor([1.0, 2.0], requires_grad=True, name='color="#ffffff" fill:#ffffff,')
    for text_of in (dot_text, svg_text):
        assert "#ffffff" in text_of(_picture((x * 2.0).sum(), **{**_OPTIONS, "theme": "dark"}))


def test_a_small_graph_has_no_legend() -> None:
    x = ag.Tensor(2.0, requires_grad=True, name="x")
    assert "parameter</font>" not in dot_text(_picture(x * x, **_OPTIONS))
    assert not any("()" in arrow.label for arrow in _picture(x * x, **_OPTIONS).arrows)


def test_size() -> None:
    root = ET.fromstring(svg_text(_picture(mlp()[0], **{**_OPTIONS, "size": (2, 2)})).encode())
    assert max(float(root.get("width", "0")), float(root.get("height", "0"))) <= 2 * 96 + 1
    assert 'size="2,3.5" dpi=200' in dot_text(_picture(mlp()[0], **{**_OPTIONS, "size": (2, 3.5), "dpi": 200}))


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"theme": "blue"}, ValueError, "theme='blue' is none of light, dark, print"),
        ({"labels": True}, ValueError, "labels=True is none of full, short, none"),
        ({"size": (1, -1)}, ValueError, "size=(1, -1)"),
        ({"size": 3}, ValueError, "size=3"),
        ({"dpi": "96"}, ValueError, "dpi='96'"),
        ({"title": 3}, TypeError, "title=3"),
        ({"font": None}, TypeError, "font=None"),
    ],
)
def test_senseless_looks(options: dict[str, Any], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=re.escape(said)):
        ag.save_graph(mlp()[0], "net.dot", **options)


def test_an_open_file() -> None:
    for kind, start in (("svg", b"<?xml"), ("dot", b"digraph"), ("mmd", b"flowchart")):
        file = io.BytesIO()
        ag.save_graph(mlp()[0], file, format=kind)
        assert file.getvalue().startswith(start)
    with pytest.raises(TypeError, match="needs the format"):
        ag.save_graph(mlp()[0], io.BytesIO())
    with pytest.raises(ValueError, match="format='jpg'"):
        ag.save_graph(mlp()[0], io.BytesIO(), format="jpg")
