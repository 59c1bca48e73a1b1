"""Folding: modules below a depth, and structure that repeats, drawn as one box.

A *place* is where an entry is drawn: ``("entry", index)`` for itself, ``("call", number)`` for a module drawn as one box, or
``("rest", 0)`` for what a page has no room for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .model import Entry, Graph

__all__ = ["Folded", "Place", "fold"]

Place = tuple[str, int]
LONGEST = 32  # items in a block that repeats
_OUTSIDE = None


@dataclass
class Folded:
    """Where everything is drawn.

    Attributes:
        places: of each entry.
        original: of each entry the one that stands for it: itself unless it is in a copy.
        copies: of each entry the number of the copy it is in, 0 for what is shown.
        times: how often what begins with this place repeats.
        blocks: the places of each block of several that repeats, and how often.
        repeats: whether anything is folded.
    """

    places: list[Place]
    original: list[int]
    copies: list[int]
    times: dict[Place, int] = field(default_factory=dict)
    blocks: list[tuple[list[Place], int]] = field(default_factory=list)

    @property
    def repeats(self) -> bool:
        """Whether anything stands for more than itself."""
        return bool(self.times or self.blocks)


def fold(graph: Graph, depth: int | None, group: bool, everything: bool, room: int | None = None) -> Folded:
    """Decide what is drawn as one.

    Args:
        graph: the graph.
        depth: how many levels of modules are open; None for all.
        group: fold modules of the same structure that follow one another, from three on.
        everything: fold repeated calls of one module and repeated operations too.
        room: leave out the middle so that about so many places remain.
    """
    folded = Folded(
        [("entry", i) for i in range(len(graph.entries))], list(range(len(graph.entries))), [0] * len(graph.entries)
    )
    if group:
        _find_repeats(graph, folded, everything)
    original = folded.original
    for i in range(len(original)):  # a copy of a copy; what stands for an entry comes before it
        original[i] = original[original[i]]
    _fold_leaves(graph, original)
    closed: list[int | None] = []  # the outermost call around (or at) a call that is drawn as one box
    for call in graph.calls:
        outer = None if call.outer is None else closed[call.outer]
        closed.append(
            outer if outer is not None else call.number if depth is not None and len(call.path) > depth else None
        )
    for entry in graph.entries:
        call_number = graph.entries[original[entry.index]].call
        box = None if call_number is None else closed[call_number]
        folded.places[entry.index] = ("entry", original[entry.index]) if box is None else ("call", box)
    _absorb_parameters(graph, folded)
    if room is not None:
        _leave_out_the_middle(graph, folded, room)
    return folded


def _items(graph: Graph) -> dict[int | None, list[Place]]:
    """The operations and calls directly in each call, in order; those in no call under None."""
    items: dict[int | None, list[Place]] = {None: []}
    listed: set[int] = set()
    for entry in graph.entries:
        if entry.kind != "operation":
            continue
        item: Place = ("entry", entry.index)
        call = entry.call
        while True:
            items.setdefault(call, []).append(item)
            if call is None or call in listed:
                break
            listed.add(call)
            item, call = ("call", call), graph.calls[call].outer
    return items


def _signatures(graph: Graph, items: dict[int | None, list[Place]]) -> dict[Place, int]:
    """A number for each operation and call: equal for equal structure."""
    numbers: dict[object, int] = {}
    signs: dict[Place, int] = {}
    order: dict[int, int] = {}
    for entry in graph.entries:
        if entry.kind == "operation":
            order[entry.index] = len(order)
            wiring = tuple([_OUTSIDE if i is None else _wire(graph.entries[i], entry, order) for i in entry.inputs])
            signs["entry", entry.index] = numbers.setdefault(
                (entry.name, str(entry.shape), str(entry.dtype), wiring), len(numbers)
            )
    for call in reversed(graph.calls):
        content = tuple([signs[item] for item in items.get(call.number, [])])
        signs["call", call.number] = numbers.setdefault((call.kind or call.name, content), len(numbers))
    return signs


def _wire(source: Entry, entry: Entry, order: dict[int, int]) -> object:
    if source.kind == "parameter":
        return str(source.shape)
    # What comes from outside may need a gradient in one copy and not in another: the first layer's input is data.
    return (
        order[entry.index] - order[source.index]
        if source.kind == "operation" and source.call == entry.call
        else _OUTSIDE
    )


def _find_repeats(graph: Graph, folded: Folded, everything: bool) -> None:
    items = _items(graph)
    signs = _signatures(graph, items)
    gone: set[int] = set()
    made = 0
    for number in [None, *range(len(graph.calls))]:
        if number is not None and (number in gone or graph.calls[number].outer in gone):
            gone.add(number)
            continue
        row = items.get(number, [])
        for start, period, times in _runs([signs[item] for item in row]):
            block = row[start : start + period]
            copies = row[start + period : start + period * times]
            if not everything and not _different_modules(graph, [*block, *copies]):
                continue
            if period == 1:
                folded.times[block[0]] = times
            else:
                folded.blocks.append((block, times))
            for k, item in enumerate(copies):
                _copy(folded, items, gone, block[k % period], item, made + 1 + k // period)
            made += times


def _different_modules(graph: Graph, row: list[Place]) -> bool:
    """Whether these are modules, each called once: not a recurrent one's steps."""
    names = {graph.calls[number].name for kind, number in row if kind == "call"}
    return len(names) == len(row)


def _runs(signs: list[int]) -> list[tuple[int, int, int]]:
    """(start, period, times) of what repeats at least three times in a row; the shortest periods win."""
    found = []
    row = np.array(signs)
    taken = np.zeros(len(row), bool)
    for period in range(1, min(LONGEST, len(row) // 3) + 1):
        same = np.concatenate([[False], row[period:] == row[:-period], [False]])
        edges = np.flatnonzero(same[1:] != same[:-1])
        for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            times = (stop - start) // period + 1
            if times >= 3 and not taken[start : start + period * times].any():
                taken[start : start + period * times] = True
                found.append((start, period, times))
    return sorted(found)


def _copy(
    folded: Folded, items: dict[int | None, list[Place]], gone: set[int], first: Place, item: Place, number: int
) -> None:
    """Let one operation or call stand for another of the same structure, with all that is in it."""
    pairs = [(first, item)]
    while pairs:
        (kind, one), (_, other) = pairs.pop()
        if kind == "entry":
            folded.original[other] = one
            folded.copies[other] = number
        else:
            gone.add(other)
            pairs.extend(zip(items[one], items[other], strict=True))


def _fold_leaves(graph: Graph, original: list[int]) -> None:
    """A leaf that only copies use is drawn as the leaf that stands in its place in what is shown."""
    candidates: dict[int, int] = {}
    kept: set[int] = set()
    for entry in graph.entries:
        shown = graph.entries[original[entry.index]]
        for i, j in zip(entry.inputs, shown.inputs, strict=False):
            if i is None or graph.entries[i].kind == "operation":
                continue
            if shown is entry or j is None or graph.entries[j].kind == "operation":
                kept.add(i)
            else:
                candidates.setdefault(i, j)
    for i, j in candidates.items():
        if i not in kept and i not in graph.outputs:
            original[i] = j


def _absorb_parameters(graph: Graph, folded: Folded) -> None:
    """Parameters that one closed module alone uses are part of its box."""
    users: dict[int, set[Place]] = {}
    for entry in graph.entries:
        for i in entry.inputs:
            if i is not None:
                users.setdefault(folded.original[i], set()).add(folded.places[entry.index])
    for entry in graph.entries:
        places = users.get(folded.original[entry.index], set())
        if entry.kind == "parameter" and len(places) == 1 and entry.index not in graph.outputs:
            (place,) = places
            if place[0] == "call":
                folded.places[entry.index] = place


def _leave_out_the_middle(graph: Graph, folded: Folded, room: int) -> None:
    shown: Sequence[Place] = list(dict.fromkeys(folded.places))
    head = max(1, room // 2 - 1)
    tail = max(1, room - head - 2)
    middle = set(shown[head:-tail]) - {folded.places[i] for i in graph.outputs}
    folded.places[:] = [("rest", 0) if place in middle else place for place in folded.places]
