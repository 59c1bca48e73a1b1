"""From the entries of a graph to the boxes and arrows of a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..engine.registry import REGISTRY
from .broadcasting import broadcast_shape
from .folding import Folded, Place, fold
from .formulas import formula, gradients
from .frames import Frames
from .model import Entry, Graph
from .names import identity
from .picture import (
    Arrow,
    Box,
    Line,
    Picture,
    clean,
    cut,
    grad_text,
    lines_of,
    plural,
    titled_operation,
    typed,
    value_text,
)
from .style import PLAIN, Style
from .text import bytes_text

__all__ = ["picture_of"]


def picture_of(
    graph: Graph,
    *,
    show: Sequence[str],
    direction: str = "TB",
    depth: int | None = None,
    group: bool = True,
    backward: bool = False,
    max_nodes: int = 300,
    style: Style = PLAIN,
) -> Picture:
    """The picture of a graph, folded as far as it must be to have at most ``max_nodes`` boxes (gradients not counted)."""
    deepest = max([len(call.path) for call in graph.calls], default=0)
    folded = fold(graph, depth, group, False)
    wanted = _size(graph, folded)
    notices: list[str] = []
    if wanted > max_nodes:
        if group:
            folded = fold(graph, depth, group, True)
            notices = ["repeated structure is folded"] if folded.repeats else []
        below = deepest if depth is None else min(depth, deepest)
        if below > 0 and _size(graph, folded) > max_nodes:
            depth = 0
            while below - depth > 1:  # the deepest level with room for it; nesting may be as deep as recursion
                level = (depth + below) // 2
                depth, below = (
                    (level, below) if _size(graph, fold(graph, level, group, group)) <= max_nodes else (depth, level)
                )
            folded = fold(graph, depth, group, group)
            notices = [*(notices[:1] if folded.repeats else []), f"modules are closed from depth {depth} on"]
        room = max_nodes
        while _size(graph, folded) > max_nodes and room >= 3:
            folded = fold(graph, depth, group, group, room)
            notices = [*[notice for notice in notices if "left out" not in notice], "the middle is left out"]
            room //= 2
    drawing = _Drawing(graph, folded, tuple(show), backward, style)
    operations = sum(entry.kind == "operation" for entry in graph.entries)
    parameters = sum(entry.kind == "parameter" for entry in graph.entries)
    totals = [plural(operations, "operation"), *([plural(parameters, "parameter")] if parameters else [])]
    if any(entry.freed for entry in graph.entries):
        totals.append("a backward pass has freed what the tape kept")
    elif "kept" in show:
        totals.append(f"the tape keeps {bytes_text(graph.kept_bytes)}")
    notice = (
        f"{plural(wanted, 'box')[:-1]}es, more than max_nodes={max_nodes}: {', '.join(notices)}"
        if wanted > max_nodes
        else ""
    )
    return Picture(
        tuple(drawing.boxes), tuple(drawing.arrows), tuple(drawing.parts), " · ".join(totals), notice, direction, style
    )


def _size(graph: Graph, folded: Folded) -> int:
    """How many boxes there will be."""
    constants = sum(
        _has_box(entry, i)
        for entry in graph.entries
        if folded.original[entry.index] == entry.index and folded.places[entry.index][0] == "entry"
        for i in range(len(entry.inputs))
    )
    begun: set[Place] = set()
    for entry in graph.entries:
        place = folded.places[entry.index]
        if entry.kind == "operation" and place[0] == "call" and place not in begun:
            begun.add(place)
            constants += _takes_data(entry)
    return len(set(folded.places)) + constants


def _takes_data(entry: Entry) -> bool:
    """Whether the first operand is data that is at hand."""
    return entry.inputs[:1] == (None,) and isinstance(_array(entry.constants[0]), np.ndarray)


def _has_box(entry: Entry, i: int) -> bool:
    """Whether an operand without gradient is drawn: one that is at hand, or must be there."""
    if entry.inputs[i] is not None:
        return False
    found = REGISTRY.get(entry.name)
    return entry.constants[i] is not None or (found is not None and found.broadcasts and len(entry.inputs) == 2)


def _array(value: Any) -> Any:
    """The array in a constant that is a Tensor."""
    return getattr(value, "_values", value)


class _Drawing(Frames):
    """The boxes and arrows, as they come into being."""

    def __init__(self, graph: Graph, folded: Folded, show: tuple[str, ...], backward: bool, style: Style) -> None:
        super().__init__(graph, folded)
        self.show, self.backward, self.style = show, backward, style
        self.boxes: list[Box] = []
        self.arrows: list[Arrow] = []
        self.constants: dict[Any, str] = {}
        self.repeated: dict[tuple[str, str], set[int]] = {}
        self.drawn: set[tuple[Any, ...]] = set()
        own = [entry for entry in graph.entries if folded.original[entry.index] == entry.index]
        self.uses = Counter(i for entry in own for i in entry.inputs if i is not None)
        self._boxes()
        self._arrows()

    # boxes

    def _boxes(self) -> None:
        for place in self.members:
            kind, number = place
            if kind == "entry":
                entry = self.graph.entries[number]
                for i in range(len(entry.inputs)):
                    if _has_box(entry, i):
                        self._constant(entry, i)
                box = self._operation(entry) if entry.kind == "operation" else self._leaf(entry)
            elif kind == "call":
                first = self._first_operation(place)
                if first is not None:
                    self._constant(first, 0)
                box = self._module(place)
            else:
                count = plural(len(self.members[place]), "entry")[:-1]
                box = Box("rest", "rest", f"… {count} left out …".replace("entr left", "entries left"), part=None)
            times = self.folded.times.get(place, 1)
            if times > 1 and kind == "entry":
                box = replace(box, title=f"{box.title} × {times}")
            self.boxes.append(box)
            if self.backward and kind != "rest":
                self.boxes.append(self._gradient(box, place))
                if box.kind not in ("data", "parameter"):
                    self.arrows.append(Arrow(box.id, "g" + box.id, "", "partner"))

    def _first_operation(self, place: Place) -> Entry | None:
        """The operation that takes a closed module's data in, where its first operand is data that is at hand."""
        for entry in self.members[place]:
            if entry.kind == "operation":
                return entry if _takes_data(entry) else None
        return None

    def _value(self, value: Any) -> str:
        return value_text(value) if "value" in self.show else ""

    def _leaf(self, entry: Entry) -> Box:
        alone = len(self.members["entry", entry.index]) == 1
        lines = lines_of(
            ("value", (alone and self._value(entry.value)) or typed(entry.shape, entry.dtype, self.show)),
            ("grad", grad_text(entry, self.show) if alone and not self.backward else ""),
            ("note", self._used(entry)),
        )
        kind, title = "parameter" if entry.kind == "parameter" else "data", cut(entry.name) or "leaf"
        tip = clean(f"{entry.name or 'leaf'}, {entry.shape} {entry.dtype}")
        return Box(f"n{entry.index}", kind, title, lines, tip, self.places["entry", entry.index])

    def _operation(self, entry: Entry) -> Box:
        # One box for several has no value of its own, unless one of them is a result.
        same = self.members["entry", entry.index]
        alone = len(same) == 1
        result = next((other for other in same if other.index in self.graph.outputs), None)
        value = self._value(result.value if result is not None else entry.value if alone else None)
        kept = self._kept_words(entry)
        # Without the folder: the same program gives the same picture on every machine.
        line = (entry.line or "").replace("\\", "/").rpartition("/")[2]
        lines = lines_of(
            ("formula", formula(entry.name)[0] if "formula" in self.show else ""),
            ("value", value and f"{'= ' if alone else 'at last = '}{value}"),
            ("value", typed(entry.shape, entry.dtype, self.show) if result is not None else ""),
            ("kept", (kept and not self.backward and f"keeps {kept}") or ""),
            ("grad", grad_text(entry, self.show) if alone and not self.backward else ""),
            ("note", self._used(entry)),
            ("note", cut(line, 60) if "line" in self.show else ""),
        )
        inside = f", in {'/'.join(entry.module)}" if entry.module else ""
        called = titled_operation(entry)
        tip = clean(f"{called}: {entry.shape} {entry.dtype}{f', {line}' if line else ''}{inside}")
        kind = "operation" if result is None else "result"
        return Box(
            f"n{entry.index}", kind, cut(called if alone else entry.name), lines, tip, self.places["entry", entry.index]
        )

    def _used(self, entry: Entry) -> str:
        uses = self.uses[entry.index]
        return f"used {uses} times" if uses > 2 else "used twice" if uses > 1 else ""

    def _kept_words(self, entry: Entry) -> str:
        if "kept" not in self.show or not entry.kept_bytes:
            return ""
        names = list(dict.fromkeys(cut(kept.name, 16) for kept in entry.kept if kept.nbytes))
        words = ", ".join(names if len(names) < 5 else [*names[:3], f"{len(names) - 3} more"])
        return f"{words} · {bytes_text(entry.kept_bytes)}"

    def _kept_total(self, place: Place) -> str:
        owners = {owner for entry in self.members[place] for kept in entry.kept for owner in kept.owners}
        total = sum([self.graph.memory[owner] for owner in owners])
        return bytes_text(total) if "kept" in self.show and owners else ""

    def _module(self, place: Place) -> Box:
        call = self.graph.calls[place[1]]
        members = self.members[place]
        own = [entry for entry in members if self.folded.original[entry.index] == entry.index]
        operations = sum(entry.kind == "operation" for entry in own)
        used = {i for entry in own for i in entry.inputs if i is not None and self.graph.entries[i].kind == "parameter"}
        numbers = sum(int(np.prod(self.graph.entries[i].shape, dtype=np.int64)) for i in used)
        times = self.folded.times.get(place, 1)
        each = " each" if times > 1 else ""
        total = self._kept_total(place)
        results = [entry for entry in members if entry.index in self.graph.outputs]
        lines = lines_of(
            ("note", plural(operations, "operation") + each),
            ("note", f"{plural(len(used), 'parameter')}, {plural(numbers, 'number')}{each}" if used else ""),
            ("kept", f"keeps {total}{' in all' if times > 1 else ''}" if total and not self.backward else ""),
            *[("value", f"result: {self._value(e.value) or typed(e.shape, e.dtype, self.show)}") for e in results],
        )
        tip = clean("/".join(call.path))
        return Box(f"m{call.number}", "module", self.call_title(call), lines, tip, self.places[place])

    def _constant(self, entry: Entry, i: int) -> None:
        value = _array(entry.constants[i])
        if identity(value) in self.constants and isinstance(value, np.ndarray):
            return
        box = Box(f"c{entry.index}_{i}", "data", *self._constant_text(entry, i, value))
        if isinstance(value, np.ndarray):
            self.constants[identity(value)] = box.id
        elif value is not None:
            box = replace(box, part=self.places[self.folded.places[entry.index]])
        self.boxes.append(box)

    def _constant_text(self, entry: Entry, i: int, value: Any) -> tuple[str, tuple[Line, ...], str]:
        word = entry.operands[i] if i < len(entry.operands) else "operand"
        if value is None:
            return "constant", (), f"{clean(word)}: what it was is not on the tape"
        own = getattr(entry.constants[i], "name", None)
        name = own or word
        text, shape = self._value(value), getattr(value, "shape", ())
        if not shape and text and not own:
            return text, (), "a constant"
        kind = typed(shape, getattr(value, "dtype", type(value).__name__), self.show)
        tip = clean(f"{name}: a constant, {shape} {getattr(value, 'dtype', '')}")
        return cut(name), lines_of(("value", text or kind)), tip

    def _gradient(self, box: Box, place: Place) -> Box:
        title = f"{box.title}, backward"
        entry = self.graph.entries[place[1]] if place[0] == "entry" else None
        if entry is None:
            lines = lines_of(("kept", self._kept_total(place) and f"uses {self._kept_total(place)}"))
        elif entry.kind != "operation":
            title = f"grad of {box.title}"
            lines = lines_of(("grad", grad_text(entry, self.show).removeprefix("grad = ")))
        else:
            kept = self._kept_words(entry)
            given = "g = 1" if entry.shape == () else "g is given"
            lines = lines_of(
                *[("formula", text) for text in gradients(entry) if "formula" in self.show],
                ("kept", kept and f"uses {kept}"),
                ("value", given if entry.index in self.graph.outputs else ""),
                ("grad", grad_text(entry, self.show)),
            )
        return Box("g" + box.id, "gradient", title, lines, f"the gradient for {box.tooltip}", box.part, box.id)

    # arrows

    def _id(self, place: Place) -> str:
        kind, number = place
        return "rest" if kind == "rest" else f"m{number}" if kind == "call" else f"n{number}"

    def _arrows(self) -> None:
        entries, folded = self.graph.entries, self.folded
        for entry in entries:
            head = folded.places[entry.index]
            copy = folded.original[entry.index] != entry.index
            for i, source in enumerate(entry.inputs):
                if source is None:
                    if not copy and head[0] == "entry" and _has_box(entry, i):
                        self._constant_arrow(entry, i)
                    continue
                tail = folded.places[source]
                key = (tail, head, i if head[0] == "entry" else None, folded.original[source])
                if key in self.drawn or (tail == head and tail[0] != "entry" and not copy):
                    continue
                if copy and entries[source].kind != "operation" and (tail == head or folded.original[source] != source):
                    continue
                if copy and (tail == head or self.order[tail] > self.order[head]):
                    ends = (self._id(tail), self._id(head))
                    if folded.copies[source] != folded.copies[entry.index]:
                        self.repeated.setdefault(ends, set()).add(source)
                    continue
                self.drawn.add(key)
                self._arrow(tail, head, entry, i, entries[source])
        for place in self.members:
            first = self._first_operation(place) if place[0] == "call" else None
            if first is not None:
                value = _array(first.constants[0])
                self.arrows.append(
                    Arrow(self.constants[identity(value)], self._id(place), self._type(value.shape, value.dtype))
                )
        for (a, b), sources in self.repeated.items():
            self.arrows.append(Arrow(a, b, f"× {len(sources)}", "repeat"))

    def _arrow(self, tail: Place, head: Place, entry: Entry, i: int, source: Entry) -> None:
        name = entry.operands[i] if head[0] == "entry" and len(entry.inputs) > 1 and i < len(entry.operands) else ""
        label, kind = self._label(entry, i, name, source.shape, source.dtype, closed=head[0] != "entry")
        self.arrows.append(Arrow(self._id(tail), self._id(head), label, kind))
        if self.backward and "rest" not in (tail[0], head[0]):
            back = self._type(source.shape, source.dtype)
            note = {"broadcast": ", summed", "cast": ", converted back"}.get(kind, "")
            self.arrows.append(
                Arrow(
                    f"g{self._id(head)}",
                    f"g{self._id(tail)}",
                    self._back(cut(name, 12), back, note),
                    "gradient",
                )
            )

    def _constant_arrow(self, entry: Entry, i: int) -> None:
        value = _array(entry.constants[i])
        tail = (
            self.constants.get(identity(value), f"c{entry.index}_{i}")
            if isinstance(value, np.ndarray)
            else f"c{entry.index}_{i}"
        )
        name = entry.operands[i] if len(entry.inputs) > 1 and i < len(entry.operands) else ""
        if hasattr(value, "shape"):
            label, kind = self._label(entry, i, name, value.shape, getattr(value, "dtype", ""), closed=False)
        else:
            label, kind = cut(name, 24), "value"
        self.arrows.append(Arrow(tail, f"n{entry.index}", label, kind))

    def _back(self, name: str, back: str, note: str) -> str:
        """The label of a gradient."""
        if self.style.labels == "none" or "shape" not in self.show:
            return ""
        return f"g{name}: {back}{note}" if back else f"g{name}{note}"

    def _type(self, shape: Any, dtype: Any) -> str:
        """The shape and dtype as they stand on an edge: not those of a single number, which goes without saying."""
        words = [word for word in self.show if self.style.labels == "full" or word != "dtype"]
        return "" if shape == () else typed(shape, dtype, words)

    def _label(self, entry: Entry, i: int, name: str, shape: Any, dtype: Any, *, closed: bool) -> tuple[str, str]:
        text, kind = self._type(shape, dtype), "value"
        if not closed:
            spread = broadcast_shape(entry, i)
            if spread is not None:
                text, kind = f"{typed(shape, '', self.show).strip()} → {self._type(spread, dtype)}", "broadcast"
            if (
                isinstance(dtype, np.dtype)
                and dtype != entry.dtype
                and dtype.kind in "fc"
                and getattr(entry.dtype, "kind", "") in "fc"
            ):
                text, kind = (
                    f"{text} → {entry.dtype}".strip() if "dtype" in self.show and self.style.labels == "full" else text,
                    "cast" if kind == "value" else kind,
                )
        if self.style.labels == "none":
            return "", kind
        return (f"{cut(name, 24)}: {text}" if name and text else cut(name, 24) if name else text), kind
