"""The layout of the page's boxes: by Graphviz, once for each depth of modules.

The page draws the boxes itself. Graphviz is given their sizes and nothing of their text. A module that is closed in a layout in which
it was open leaves a gap, which the page closes (page/geometry.js); so every choice of open modules needs no layout of its own.
A module of so many entries that a picture could not hold them is cut into parts of consecutive entries, which open and close like modules.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..layered import Point, layout
from ..model import Graph
from ..picture import clean, common, enclosing, nested, plural, titled
from ..render import has_graphviz, render

__all__ = ["Box", "Part", "Plan", "plan_of"]

Use = tuple[str, str, int, int]  # an arrow: from a box to a box, the entry that takes the value, and as which operand
LAYOUTS = 120  # at most
WIDE, THIN = 7.6, 6.3  # average widths of a letter, in a title and below it


@dataclass
class Part:
    """A call of a module or a named function, or a piece of what is too long for one picture (``piece``)."""

    number: int
    title: str
    path: str
    outer: int | None
    piece: bool = False
    level: int = 0


@dataclass
class Box:
    """A box of the page: its text, line by line, and its place among the parts.

    Attributes:
        id: ``n5`` for entry 5, ``c5_1`` for a constant that is its operand 1, ``p3`` for the closed part 3.
        kind: ``"data"``, ``"parameter"``, ``"operation"``, ``"result"`` or ``"part"``.
        title: its first line.
        lines: what may stand below it: ``shape``, ``value``, ``formula``, ``grad``.
        part: the part it is in, None for none.
        label: what a screen reader says.
    """

    id: str
    kind: str
    title: str
    lines: dict[str, str]
    part: int | None
    label: str

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        below = max([len(text) for text in self.lines.values()], default=0)
        rows = {"part": 2, "data": 2 if "grad" not in self.lines else 3}.get(self.kind, 3)
        return round(
            max(54, 30 + WIDE * len(self.title) * (1.0 if self.kind != "part" else 1.02), 24 + THIN * below)
        ), 18 + 17 * rows


@dataclass
class Plan:
    """The parts, the boxes and the layouts.

    Attributes:
        parts: each with a number, its index.
        places: the part each entry is in, None for none.
        boxes: by their id.
        layouts: for JSON.
        depths: for each depth the index of its layout.
        opened: the index of the layout made for opening one part, by its number, where no layout of a depth has it open.
    """

    parts: list[Part]
    places: list[int | None]
    boxes: dict[str, Box] = field(default_factory=dict)
    layouts: list[dict[str, Any]] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    opened: dict[int, int] = field(default_factory=dict)


def plan_of(graph: Graph, most: int) -> Plan:
    """The parts of a graph, none of which has more than about ``most`` boxes inside; boxes and layouts are added by the caller."""
    parts: list[Part] = []
    for call in graph.calls:
        title = titled(call) + (f" ({call.nth})" if call.nth > 1 else "")
        parts.append(Part(call.number, title, "/".join(clean(word) for word in call.path), call.outer))
    places: list[int | None] = [entry.call for entry in graph.entries]
    _leaves(graph, parts, places)
    _pieces(graph, parts, places, max(6, most // 2))
    for part in _outer_first(parts):
        part.level = 0 if part.outer is None else parts[part.outer].level + 1
    return Plan(parts, places)


def _outer_first(parts: Sequence[Part]) -> list[Part]:
    inside: dict[int | None, list[Part]] = {}
    for part in parts:
        inside.setdefault(part.outer, []).append(part)
    ordered: list[Part] = []
    waiting = list(inside.get(None, ()))
    while waiting:
        ordered += waiting
        waiting = [inner for part in waiting for inner in inside.get(part.number, ())]
    return ordered


def _leaves(graph: Graph, parts: Sequence[Part], places: list[int | None]) -> None:
    """A leaf stands in the innermost part that has all its users; one without a name, which is data, outside of all if there are few."""
    users: dict[int, list[int | None]] = {}
    for entry in graph.entries:
        for i in entry.inputs:
            if i is not None:
                users.setdefault(i, []).append(places[entry.index])
    few = sum(entry.kind == "leaf" for entry in graph.entries) <= 12
    for entry in graph.entries:
        if entry.kind != "operation":
            outside = entry.index in graph.outputs or (entry.kind == "leaf" and few)
            places[entry.index] = None if outside else common(parts, users.get(entry.index, []))


def _pieces(graph: Graph, parts: list[Part], places: list[int | None], most: int) -> None:
    """Cut what is too long into pieces, and those into pieces again."""
    inside: dict[int | None, list[tuple[int, str, int]]] = {}
    begun: set[int] = set()
    for entry in graph.entries:
        part = places[entry.index]
        inside.setdefault(part, []).append((entry.index, "entry", entry.index))
        while part is not None and part not in begun:
            begun.add(part)
            outer = parts[part].outer
            inside.setdefault(outer, []).append((entry.index, "part", part))
            part = outer
    waiting = list(inside.items())
    while waiting:
        outer, items = waiting.pop()
        if len(items) <= most:
            continue
        items.sort()
        count = min(most, -(-len(items) // most))
        length = -(-len(items) // count)
        for start in range(0, len(items), length):
            chunk = items[start : start + length]
            first, last = chunk[0][0], chunk[-1][0]
            made = Part(len(parts), f"{first} … {last}", f"entries {first} to {last}", outer, piece=True)
            parts.append(made)
            for _, kind, number in chunk:
                if kind == "entry":
                    places[number] = made.number
                else:
                    parts[number].outer = made.number
            waiting.append((made.number, chunk))


# ---------------------------------------------------------------- layouts


def add_layouts(plan: Plan, uses: Sequence[Use], most: int) -> None:
    """Lay the boxes out for every depth that has at most ``most`` boxes, and for each part that none of these opens.

    Args:
        plan: with its boxes.
        uses: (box, box, entry, operand) of every arrow from a value to the operation that takes it.
        most: how many boxes a picture has at most; the outermost level is drawn in any case.
    """
    parts = plan.parts
    known: dict[frozenset[int], int] = {}
    inside = _Inside(plan, uses)

    def lay(opened: frozenset[int], limit: int) -> int | None:
        if opened not in known:
            ids = inside.shown(opened, limit)
            if ids is None or len(plan.layouts) >= LAYOUTS:
                return None
            known[opened] = len(plan.layouts)
            plan.layouts.append(_layout(plan, _closed(parts, opened), ids, inside.uses(opened)))
        return known[opened]

    for depth in range(max([part.level for part in parts], default=-1) + 2):
        found = lay(frozenset(part.number for part in parts if part.level < depth), most if depth else len(plan.boxes))
        if found is None:
            break
        plan.depths.append(found)
    at_hand = {number for index in plan.depths for number in plan.layouts[index]["frames"]}
    for part in parts:
        if str(part.number) not in at_hand:
            found = lay(frozenset(enclosing(parts, part.number)), 3 * most)
            if found is not None:
                plan.opened[part.number] = found


class _Inside:
    """What is directly in each part: boxes, parts, and the arrows of which both ends are in it and in no part of it.

    A layout asks only the parts that are open in it, so that its work does not grow with what it doesn't show.
    """

    def __init__(self, plan: Plan, uses: Sequence[Use]) -> None:
        self.content: defaultdict[int | None, list[tuple[int, str, int | None]]] = defaultdict(list)
        self.arrows: defaultdict[int | None, list[Use]] = defaultdict(list)
        begun: set[int] = set()
        for order, box in enumerate([box for box in plan.boxes.values() if box.kind != "part"]):
            self.content[box.part].append((order, box.id, None))
            for part in enclosing(plan.parts, box.part, begun):
                begun.add(part)
                self.content[plan.parts[part].outer].append((order, f"p{part}", part))
        for use in uses:
            self.arrows[common(plan.parts, [plan.boxes[use[0]].part, plan.boxes[use[1]].part])].append(use)

    def shown(self, opened: frozenset[int], limit: int) -> list[str] | None:
        """The ids of the boxes with these parts open, in order; None where there are more than the limit."""
        found: list[tuple[int, str]] = []
        waiting: list[int | None] = [None]
        while waiting:
            for order, id_, part in self.content[waiting.pop()]:
                if part is not None and part in opened:
                    waiting.append(part)
                else:
                    found.append((order, id_))
            if len(found) > limit:
                return None
        return [id_ for _, id_ in sorted(found)]

    def uses(self, opened: frozenset[int]) -> list[Use]:
        """The arrows that are not inside a closed part, in the order of the operations."""
        return sorted([use for part in (None, *opened) for use in self.arrows[part]], key=lambda use: use[2:])


def _closed(parts: Sequence[Part], opened: frozenset[int]) -> list[int | None]:
    """For each part the outermost closed one around it or itself; None where it is open."""
    closed: list[int | None] = [None] * len(parts)
    for part in _outer_first(parts):
        around = None if part.outer is None else closed[part.outer]
        closed[part.number] = around if around is not None else None if part.number in opened else part.number
    return closed


def _shown(plan: Plan, closed: Sequence[int | None], box: Box) -> str:
    around = None if box.part is None else closed[box.part]
    return box.id if around is None else f"p{around}"


def _layout(plan: Plan, closed: Sequence[int | None], ids: Sequence[str], uses: Sequence[Use]) -> dict[str, Any]:
    arrows: dict[tuple[Any, ...], list[tuple[int, int]]] = {}
    for tail, head, entry, operand in uses:
        ends = (_shown(plan, closed, plan.boxes[tail]), _shown(plan, closed, plan.boxes[head]))
        if ends[0] != ends[1]:
            arrows.setdefault((*ends, operand if ends[1][0] == "n" else None), []).append((entry, operand))
    content: dict[int | None, list[Any]] = {}
    frames: set[int] = set()
    for id_ in ids:
        part = plan.boxes[id_].part
        content.setdefault(part, []).append(id_)
        frames.update(enclosing(plan.parts, part, frames))
    for number in sorted(frames):
        content.setdefault(plan.parts[number].outer, []).append(number)
    if not has_graphviz():
        return _layered(plan, content, sorted(frames), arrows)
    text = [
        'digraph page {\ngraph [nodesep=0.3 ranksep=0.42 margin=0 pad=0]\nnode [shape=box fixedsize=true label="" margin=0]\nedge [arrowsize=0.7]\n',
        *_clusters(plan, content),
        *[f'{tail} -> {head} [id="e{number}"]\n' for number, (tail, head, _) in enumerate(arrows)],
        "}\n",
    ]
    return _read(json.loads(render("".join(text), "json")), plan, list(arrows.items()))


def _clusters(plan: Plan, content: dict[int | None, list[Any]]) -> Iterator[str]:
    """The boxes inside the frames of the open parts. Names are of no concern to Graphviz, only their lengths."""
    for _, item in nested(content):
        if item is None:
            yield "}\n"
        elif isinstance(item, int):
            room = "x" * (len(plan.parts[item].title) + 4)
            look = f'graph [label="{room}" labelloc=t labeljust=l fontname="Helvetica" fontsize=12 margin=12]'
            yield f"subgraph cluster_{item} {{\n{look}\n"
        else:
            width, height = plan.boxes[item].size
            yield f"{item} [width={width / 72:.3f} height={height / 72:.3f}]\n"


def _read(found: dict[str, Any], plan: Plan, arrows: list[tuple[Any, list[tuple[int, int]]]]) -> dict[str, Any]:
    """Positions in pixels, downwards from the top left corner."""
    _, _, width, height = map(float, found["bb"].split(","))

    def point(text: str) -> list[float]:
        x, y = map(float, text.split(",")[-2:])
        return [round(x, 1), round(height - y, 1)]

    boxes: dict[str, list[float]] = {}
    frames: dict[str, list[float]] = {}
    for thing in found.get("objects", ()):
        name = thing["name"]
        if name.startswith("cluster_"):
            left, low, right, high = map(float, thing["bb"].split(","))
            corners = (left, height - high, right - left, high - low)
            frames[name.removeprefix("cluster_")] = [round(length, 1) for length in corners]
        elif "pos" in thing:
            x, y = point(thing["pos"])
            w, h = plan.boxes[name].size
            boxes[name] = [round(x - w / 2, 1), round(y - h / 2, 1), w, h]
    edges = []
    for thing in found.get("edges", ()):
        (tail, head, _), through = arrows[int(thing["id"].removeprefix("e"))]
        # A tip of the arrow is marked by the letter before its position; the line comes first, and the tip last.
        words = sorted(thing["pos"].split(" "), key=lambda word: word[0] in "es")
        path = [point(word) for word in words if word[0] != "s"]
        edges.append({"tail": tail, "head": head, "path": path, "uses": through})
    return {"size": [width, height], "boxes": boxes, "frames": frames, "edges": edges}


def _layered(
    plan: Plan,
    content: dict[int | None, list[Any]],
    frames: Sequence[int],
    arrows: dict[tuple[Any, ...], list[tuple[int, int]]],
) -> dict[str, Any]:
    """The same without Graphviz."""
    at = {number: i for i, number in enumerate(frames)}
    inside = {
        item: None if part is None else at[part]
        for part, items in content.items()
        for item in items
        if item.__class__ is str
    }
    outer = [None if (around := plan.parts[number].outer) is None else at[around] for number in frames]
    found = layout(
        {id_: plan.boxes[id_].size for id_ in inside},
        inside,
        outer,
        [WIDE * (len(plan.parts[number].title) + 4) for number in frames],
        [(tail, head) for tail, head, _ in arrows],
        [(0.0, 0.0)] * len(arrows),
    )

    def rounded(lengths: Sequence[float]) -> list[float]:
        return [round(length, 1) for length in lengths]

    edges = [
        {"tail": tail, "head": head, "path": [rounded(point) for point in _bezier(path)], "uses": through}
        for ((tail, head, _), through), path in zip(arrows.items(), found.paths, strict=True)
    ]
    return {
        "size": rounded(found.size),
        "boxes": {id_: rounded((*corner, *plan.boxes[id_].size)) for id_, corner in found.boxes.items()},
        "frames": {str(frames[i]): rounded(frame) for i, frame in found.frames.items()},
        "edges": edges,
    }


def _bezier(path: Sequence[Point]) -> list[Point]:
    """The points and control points of cubic curves that are upright where they meet; the tip last, as Graphviz has it."""
    (x, y), *others = path
    points: list[Point] = [(x, y)]
    for u, v in others:
        points += [(x, (y + v) / 2), (u, (y + v) / 2), (u, v)]
        x, y = u, v
    (x, y), before = points[-1], points[-2]
    points[-1] = (x, y - 7 if before[1] <= y else y + 7)  # where the tip begins
    return [*points, (x, y)]


def part_box(part: Part, operations: int) -> Box:
    """The box of a closed part."""
    words = plural(operations, "operation")
    return Box(f"p{part.number}", "part", part.title, {"shape": words}, part.outer, f"{part.title}, module, {words}")
