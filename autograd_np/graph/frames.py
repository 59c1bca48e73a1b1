"""The frames of a picture: one around each open module, and around each block that repeats."""

from __future__ import annotations

from .folding import Folded, Place
from .model import Call, Entry, Graph
from .picture import Part, clean, common, enclosing, titled

__all__ = ["Frames"]


class Frames:
    """The parts of a picture, and in which of them each place stands.

    Attributes:
        members: the entries drawn at each place, in the order of the picture.
        order: where a place stands in that order.
        parts: the frames, each after the one around it.
        places: the index of the frame around each place, None for none.
    """

    def __init__(self, graph: Graph, folded: Folded) -> None:
        self.graph, self.folded = graph, folded
        members: dict[Place, list[Entry]] = {}
        for entry in graph.entries:
            members.setdefault(folded.places[entry.index], []).append(entry)
        # A closed module comes where its operations begin, not where its parameters were made.
        self.order = {
            place: next((e.index for e in those if e.kind == "operation"), those[0].index)
            for place, those in members.items()
        }
        self.members = dict(sorted(members.items(), key=lambda item: self.order[item[0]]))
        self.parts: list[Part] = []
        self.part_of_call: dict[int, int] = {}
        self.block_of: dict[Place, int] = {}
        self._frames()
        self.places = self._part_of_places()

    def _frames(self) -> None:
        """One part for each call that is open, and for each block that repeats."""
        graph, folded = self.graph, self.folded
        open_calls: set[int] = set()
        for entry in graph.entries:
            open_calls.update(enclosing(graph.calls, self._around(folded.places[entry.index]), open_calls))
        blocks: dict[Place, tuple[Place, int]] = {
            place: (block[0], times) for block, times in folded.blocks for place in block
        }
        made: dict[Place, int] = {}
        for call_ in graph.calls:
            if call_.number not in open_calls:
                continue
            place: Place = ("call", call_.number)
            outer = None if call_.outer is None else self.part_of_call[call_.outer]
            if place in blocks:
                outer = self._block_part(made, blocks[place], outer)
            self.part_of_call[call_.number] = len(self.parts)
            self.parts.append(Part(f"m{call_.number}", self.call_title(call_), clean(".".join(call_.path)), outer))
        for place, block in blocks.items():
            kind, number = place
            if folded.places[number] == place if kind == "entry" else number not in open_calls:
                self.block_of[place] = self._block_part(made, block, self._part_around(place))

    def _around(self, place: Place) -> int | None:
        """The call around an entry or a call."""
        kind, number = place
        if kind == "call":
            return self.graph.calls[number].outer
        return self.graph.entries[number].call if kind == "entry" else None

    def _part_around(self, place: Place) -> int | None:
        around = self._around(place)
        return None if around is None else self.part_of_call.get(around)

    def _block_part(self, made: dict[Place, int], block: tuple[Place, int], outer: int | None) -> int:
        first, times = block
        if first not in made:
            made[first] = len(self.parts)
            self.parts.append(
                Part(f"r{first[0][0]}{first[1]}", f"× {times}", f"this block repeats {times} times", outer, block=True)
            )
        return made[first]

    def call_title(self, call: Call) -> str:
        """The name and class of a call, how often it repeats, and which call of the module it is."""
        times = self.folded.times.get(("call", call.number), 1)
        title = titled(call)
        if times > 1:
            return f"{title} × {times}"
        if call.nth == 1:
            return title
        return f"{title}, call {call.nth}" if call.name != call.kind else f"{title} ({call.nth})"

    def _part_of_places(self) -> dict[Place, int | None]:
        """The part each place stands in. A leaf stands in the innermost part that has all its users, data outside of all."""
        parts: dict[Place, int | None] = {}
        users: dict[Place, list[int | None]] = {}
        for place, members in self.members.items():
            kind, number = place
            entry = self.graph.entries[number] if kind == "entry" else None
            if entry is not None and entry.kind != "operation":
                continue
            parts[place] = self.block_of.get(place, self._part_around(place))
            for member in members:
                for i in member.inputs:
                    if i is not None:
                        users.setdefault(self.folded.places[i], []).append(parts[place])
        for place in self.members:
            if place not in parts:
                named = self.graph.entries[place[1]].kind == "parameter"
                parts[place] = common(self.parts, users.get(place, [])) if named else None
        return parts
