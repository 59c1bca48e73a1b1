"""A graph as boxes, arrows and nested parts: what DOT and Mermaid both write down."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .model import Call, Entry
from .style import PLAIN, Style
from .text import clean

__all__ = [
    "Arrow",
    "Box",
    "Line",
    "Part",
    "Picture",
    "clean",
    "common",
    "cut",
    "enclosing",
    "plural",
    "value_text",
]

LONGEST_NAME = 36
LONGEST_VALUE = 72


@dataclass(frozen=True)
class Line:
    """One line of a box: its role (``"formula"``, ``"value"``, ``"grad"``, ``"kept"``, ``"note"``) and its text."""

    role: str
    text: str


@dataclass(frozen=True)
class Box:
    """One node of the picture.

    Attributes:
        id: stable: made of the entry's index.
        kind: ``"data"``, ``"parameter"``, ``"operation"``, ``"result"``, ``"module"``, ``"rest"`` or ``"gradient"``.
        title: its first line.
        lines: the others.
        tooltip: everything that has been cut, and where it comes from.
        part: the index of the part it stands in, None for none.
        partner: in a backward graph the box of which this is the gradient.
    """

    id: str
    kind: str
    title: str
    lines: tuple[Line, ...] = ()
    tooltip: str = ""
    part: int | None = None
    partner: str | None = None


@dataclass(frozen=True)
class Arrow:
    """One edge.

    Attributes:
        tail: the id of the box it leaves.
        head: the id of the box it enters.
        label: its text.
        kind: ``"value"``, ``"broadcast"``, ``"cast"``, ``"gradient"``, ``"partner"`` or ``"repeat"``.
    """

    tail: str
    head: str
    label: str = ""
    kind: str = "value"


@dataclass(frozen=True)
class Part:
    """A frame around boxes: a call of a module, or a block that repeats (``block``). ``outer`` is the index of the frame around it."""

    id: str
    title: str
    tooltip: str
    outer: int | None
    block: bool = False


@dataclass(frozen=True)
class Picture:
    """All of it. ``caption`` has the totals; ``notice`` what was folded because there was no room."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    parts: tuple[Part, ...]
    caption: str
    notice: str
    direction: str
    style: Style = PLAIN

    def nested(self) -> Iterator[tuple[int, Box | Part | None]]:
        """The boxes inside their parts, each with its depth: a part, what is in it, and None where it ends."""
        content: dict[int | None, list[Any]] = {}
        for i, part in enumerate(self.parts):
            content.setdefault(part.outer, []).append(i)
        for box in self.boxes:
            content.setdefault(box.part, []).append(box)
        for depth, item in nested(content):
            yield depth, self.parts[item] if isinstance(item, int) else item

    def legend(self) -> list[tuple[str, str]]:
        """(kind, meaning) of the kinds of boxes and arrows that appear."""
        kinds = {box.kind for box in self.boxes}
        arrows = {arrow.kind for arrow in self.arrows}
        roles = {line.role for box in self.boxes for line in box.lines}
        known = [
            ("data", "data, or a leaf without a name"),
            ("parameter", "parameter"),
            ("operation", "operation"),
            ("result", "result"),
            ("module", "module, closed"),
            ("gradient", "its backward pass; g is the gradient that arrives"),
        ]
        lines = [
            ("kept", "what the tape keeps for the backward pass"),
            ("partner", "the same step of both passes"),
            ("broadcast", "broadcast"),
            ("cast", "converted to another dtype"),
            ("repeat", "feeds the next repetition"),
        ]
        rows = [row for row in known if row[0] in kinds] + [row for row in lines if row[0] in arrows or row[0] in roles]
        wanted = len(self.boxes) > len(rows) if self.style.legend is None else self.style.legend
        return rows if wanted else []


def nested(content: Mapping[int | None, Sequence[Any]]) -> Iterator[tuple[int, Any]]:
    """What is in parts, in order and each with its depth: the number of a part, what is in it, and None where it ends."""
    stack = [(1, item) for item in reversed(content.get(None, ()))]
    while stack:
        depth, item = stack.pop()
        yield depth, item
        if isinstance(item, int):
            stack.append((depth, None))
            stack += [(depth + 1, inner) for inner in reversed(content.get(item, ()))]


def enclosing(parts: Sequence[Any], place: int | None, known: Container[int] = ()) -> list[int]:
    """A place and the parts around it, from the innermost outwards, by the numbers in their ``outer``; as far as the first that is known."""
    found = []
    while place is not None and place not in known:
        found.append(place)
        place = parts[place].outer
    return found


def common(parts: Sequence[Any], places: Iterable[int | None]) -> int | None:
    """The innermost part around all of some places."""
    chains = [enclosing(parts, place)[::-1] for place in dict.fromkeys(places)]
    shared = [same[0] for same in zip(*chains, strict=False) if len({*same}) == 1]
    return shared[-1] if shared else None


def cut(text: str, longest: int = LONGEST_NAME) -> str:
    """A long name without its middle.

    >>> cut("encoder.layers.0.self_attn.in_proj_weight", 20)
    'encoder.l…roj_weight'
    """
    text = clean(text)
    head = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"


def titled_operation(entry: Entry) -> str:
    """An operation, with what the program calls its value."""
    return f"{entry.label} = {entry.name}" if entry.label else entry.name


def titled(call: Call) -> str:
    """The name of a call, with the class of its module."""
    return cut(call.name if call.kind in ("", call.name) else f"{call.name}: {call.kind}")


def plural(count: int, word: str) -> str:
    """A number and its noun.

    >>> plural(1, "operation"), plural(1280, "number")
    ('1 operation', '1 280 numbers')
    """
    return f"{count:,} {word}{'' if count == 1 else 's'}".replace(",", "\u202f" if count >= 10**9 else " ")


def value_text(value: Any, most: int = 6) -> str:
    """A small array, in one line; empty for a large one or for something else.

    >>> value_text(np.array([1.0, 2.5])), value_text(np.ones(7)), value_text(3)
    ('[1, 2.5]', '', '3')
    """
    if isinstance(value, (bool, int, float, complex)):
        value = np.asarray(value)
    if not isinstance(value, (np.ndarray, np.generic)) or value.size > most:
        return ""
    if value.ndim == 0:
        return cut(_number(value.item() if value.dtype.kind in "fc" else value), LONGEST_VALUE)
    pattern = np.array2string(
        np.zeros(value.shape, np.int8),
        formatter={"int": lambda _: "\0"},
        separator=", ",
        threshold=most + 1,
        max_line_width=1000,
    )
    pieces = " ".join(pattern.split()).split("\0")
    text = (
        "".join(
            [piece + number for piece, number in zip(pieces, [*map(_number, value.ravel().tolist()), ""], strict=True)]
        )
        if value.size
        else "[]"
    )
    return cut(text, LONGEST_VALUE)


def _number(x: Any) -> str:
    if isinstance(x, (complex, np.complexfloating)):
        return f"{x:.3g}"
    return f"{x:.3g}".replace("-", "−") if isinstance(x, (float, np.floating)) else str(x)


def typed(shape: Any, dtype: Any, show: Sequence[str]) -> str:
    """The shape and dtype as they stand on an edge."""
    return " ".join([str(what) for what, word in ((shape, "shape"), (dtype, "dtype")) if word in show])


def grad_text(entry: Entry, show: Sequence[str]) -> str:
    """The gradient that a backward pass has left: its values if there are few, its norm otherwise; empty where it is not to be shown."""
    if "grad" not in show or entry.grad is None:
        return ""
    text = value_text(entry.grad)
    if text or not isinstance(entry.grad, np.ndarray) or not entry.grad.size:
        return f"grad = {text}" if text else "grad is there"
    with np.errstate(all="ignore"):
        return f"‖grad‖ = {_number(float(np.linalg.norm(entry.grad.ravel())))}"


def lines_of(*given: tuple[str, str]) -> tuple[Line, ...]:
    """The lines of a box, of roles and texts; without those that have no text."""
    return tuple([Line(role, text) for role, text in given if text])
