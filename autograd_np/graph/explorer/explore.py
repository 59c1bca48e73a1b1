"""``explore``: a page on which one walks along the tape, forward and then backward, one position at a time."""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.resources
import json
import os
import re
from collections.abc import Mapping, Sequence
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np

from ...engine.pytree import flatten
from ...engine.tape import Node
from ...engine.tensor import Tensor
from ..broadcasting import broadcast_shape
from ..formulas import formula, gradients
from ..model import Entry, Graph, graph_of, on_tape
from ..picture import clean, common, cut, enclosing, plural, titled_operation, value_text
from ..render import write
from ..text import bytes_text
from .arrays import Arrays, shown
from .layout import Box, Plan, add_layouts, part_box, plan_of
from .numbers import Operation, backward_lines, forward_lines
from .values import Contribution, Forward, Step, forward_values, walk_back

__all__ = ["explore"]

LINES = 30_000  # formulas with numbers on a page, in all; a graph of more operations has none
CELLS = 64  # of one array
OPEN = 80  # boxes up to which modules are open at first
UNKNOWN = "The tape does not keep this value. Compute it within “with ag.annotate():” to see it."
UNKNOWN_LEAF = (
    "The tape does not keep this value. Name the Tensor in params=, or compute within “with ag.annotate():” to see it."
)
SCRIPTS = ("geometry.js", "arrays.js", "picture.js", "page.js")


def explore(
    output: Any,
    path: str | os.PathLike[str] = "net.html",
    *,
    params: Any = None,
    title: str | None = None,
    depth: int | None = None,
    max_nodes: int = 150,
    gradient: Any = None,
) -> Path:
    """Write a page on which one walks through the computation step by step: forward, and then backward.

    The page is one file that needs no network. It shows the graph, with modules that open and close, and for the operation at
    which one stands its formula with the numbers in it, its arrays as small heat maps, the gradient that arrives, what it sends to
    each operand, and the gradients as they add up: those that ``output.backward()`` would leave in ``.grad``. The walk back is run with the
    engine's own rules when the page is written; the tape, the gradients and what is kept in memory stay as they are.

    The tape keeps what the rules need. A value that it does not keep is computed again where that is possible, and otherwise the page says that it
    is not known; within :class:`~autograd_np.annotate` every value is, and the source lines too. Of a large array the page has a part, and
    says so; of a large graph it opens one module at a time.

    Args:
        output: a Tensor that needs a gradient, or a tuple, list or dict of them.
        path: of the file.
        params: names for leaves: a dict of Tensors by name, or a module. The modules that made ``output`` name theirs by themselves.
        title: the heading of the page.
        depth: how many levels of modules are open at first; None opens as many as a page can show well.
        max_nodes: a picture has no more boxes than about this many; what is larger stays in parts that open one by one.
        gradient: the cotangent that the walk back starts with, of the output's shape (of several outputs a tuple, list or dict like theirs); ones if left out.

    Returns:
        The path.

    Raises:
        FreedGraphError: a backward pass has freed the tape: call ``explore`` before it, or pass ``retain_graph=True`` to it.
        MutationError: an array that the tape keeps was overwritten since.
        TypeError: no output is a Tensor that needs a gradient.
        ValueError: an option has a value it cannot have.

    >>> import autograd_np as ag
    >>> x = ag.Tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> with ag.annotate():
    ...     y = (x * x).sum()
    >>> ag.explore(y, "net.html")  # doctest: +SKIP
    PosixPath('net.html')
    """
    numbers: list[tuple[str, Any, int]] = [("depth", depth, 0), ("max_nodes", max_nodes, 10)]
    for name, value, least in numbers:
        if (value is not None or name == "max_nodes") and (
            not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least
        ):
            raise ValueError(f"explore: {name}={value!r}: takes a whole number from {least} on")
    if title is not None and not isinstance(title, str):
        raise TypeError(f"explore: title={title!r}: takes a text")
    return write(path, page(page_data(output, params, title, depth, int(max_nodes), gradient)).encode())


def page(data: Mapping[str, Any]) -> str:
    """The page that shows some data: no other file, no request, and no script but its own."""
    folder = importlib.resources.files(__package__) / "page"
    style = (folder / "page.css").read_text(encoding="utf-8")
    script = '"use strict";\n' + "\n".join([(folder / name).read_text(encoding="utf-8") for name in SCRIPTS])
    # In a script element text ends at "</script", and "<!--" begins something else: neither can be in it without its "<".
    text = (
        json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
        .replace("<", "\\u003c")
        .replace("\u2028", "\\u2028")
    )
    filled = {
        "title": html.escape(data["title"]),
        "style": style,
        "script": script,
        "data": text,
        "policy": _policy(style, script),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: filled[found[1]], (folder / "page.html").read_text(encoding="utf-8"))


def _policy(style: str, script: str) -> str:
    def name(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return f"default-src 'none'; script-src {name(script)}; style-src {name(style)}; img-src data:; base-uri 'none'; form-action 'none'"


def page_data(
    output: Any, params: Any, title: str | None, depth: int | None, max_nodes: int, gradient: Any
) -> dict[str, Any]:
    """Everything that the page shows."""
    graph = graph_of(output, params)
    results, nodes = on_tape(output)
    if gradient is not None:
        gradient = (gradient,) if isinstance(output, Tensor) else tuple(flatten(gradient)[0])
    steps, ones = walk_back(results, nodes, gradient)
    known = forward_values(graph, nodes, results, _named(graph, nodes, params))
    return _Page(graph, known, steps, max_nodes).data(title, depth, ones)


def _named(graph: Graph, nodes: Sequence[Node], params: Any) -> dict[int, Any]:
    """The arrays of leaves that have a name: those of ``params`` and of modules are at hand."""
    given = [t for t in params.values() if isinstance(t, Tensor)] if isinstance(params, Mapping) else []
    own = {id(t._node): t._values for t in given}
    return {
        entry.index: own.get(id(node), entry.value)
        for entry, node in zip(graph.entries, nodes, strict=True)
        if entry.kind == "parameter"
    }


class _Page:
    """The data of a page, as they are put together."""

    def __init__(self, graph: Graph, known: Sequence[Forward], steps: Sequence[Step], most: int) -> None:
        self.graph, self.known, self.steps, self.most = graph, known, steps, most
        self.arrays = Arrays()
        self.several = self._several()
        self.plan: Plan = plan_of(graph, most)
        self.arrived = {step.entry: step.arrived for step in steps}
        operations = max(1, sum(entry.kind == "operation" for entry in graph.entries))
        self.cells = min(CELLS, LINES // (3 * operations))
        self.uses: list[tuple[str, str, int, int]] = []

    def data(self, title: str | None, depth: int | None, ones: bool) -> dict[str, Any]:
        graph, plan = self.graph, self.plan
        entries = [self._entry(entry) for entry in graph.entries]
        back = [self._step(step) for step in self.steps]
        self._boxes()
        add_layouts(plan, self.uses, self.most)
        return {
            "title": clean(title) if title is not None else "Forward and backward, step by step",
            "caption": self._caption(),
            "ones": ones,
            "outputs": list(graph.outputs),
            "entries": entries,
            "back": back,
            "arrays": self.arrays.encoded(),
            "parts": [
                {word: getattr(part, word) for word in ("title", "path", "outer", "piece", "level")}
                for part in plan.parts
            ],
            "boxes": {
                box.id: {
                    **{word: getattr(box, word) for word in ("kind", "title", "part", "label", "size")},
                    **box.lines,
                }
                for box in plan.boxes.values()
            },
            "layouts": plan.layouts,
            "depths": plan.depths,
            "opened": {str(part): index for part, index in plan.opened.items()},
            "depth": self._first_depth(depth),
        }

    def _caption(self) -> str:
        operations = sum(entry.kind == "operation" for entry in self.graph.entries)
        parameters = [entry for entry in self.graph.entries if entry.kind == "parameter"]
        words = [plural(operations, "operation")]
        if parameters:
            count = sum(int(np.prod(entry.shape, dtype=np.int64)) for entry in parameters)
            words.append(f"{plural(len(parameters), 'parameter')} with {plural(count, 'number')}")
        return " · ".join([*words, f"the tape keeps {bytes_text(self.graph.kept_bytes)}"])

    def _first_depth(self, depth: int | None) -> int:
        last = len(self.plan.depths) - 1
        if depth is not None:
            return min(int(depth), last)
        return max(
            [i for i in range(last + 1) if len(self.plan.layouts[self.plan.depths[i]]["boxes"]) <= OPEN], default=0
        )

    # ---------------------------------------------------------------- forward

    def _entry(self, entry: Entry) -> dict[str, Any]:
        own = self.known[entry.index]
        operation = entry.kind == "operation"
        found: dict[str, Any] = {
            "name": clean(titled_operation(entry) if operation else entry.name) or "leaf",
            "kind": "result" if operation and entry.index in self.graph.outputs else entry.kind,
            "part": self.plan.places[entry.index],
            "module": [clean(word) for word in entry.module],
            "shape": [int(n) for n in entry.shape],
            "dtype": str(entry.dtype),
            "out": self.arrays.add(own.value),
        }
        found |= _without_nothing(
            line=clean((entry.line or "").replace("\\", "/").rpartition("/")[2]),
            why=(UNKNOWN if operation else UNKNOWN_LEAF) if own.value is None else None,
        )
        if not operation:
            return found | _without_nothing(had=self.arrays.add(entry.grad))
        several = own.outputs if len(own.outputs) > 1 and entry.index in self.several else ()
        kept = ", ".join(dict.fromkeys(clean(kept.name) for kept in entry.kept))
        return found | _without_nothing(
            again=own.again,
            outs=[self.arrays.add(value) for value in several],
            formula=[formula(entry.name)[0], ", ".join(gradients(entry))],
            **{"in": [self._operand(entry, k, _plain(value)) for k, value in enumerate(own.operands)]},
            options=[
                {"word": clean(word), "array": self.arrays.add(value)}
                for word, value in own.options.items()
                if isinstance(value, np.ndarray) and value.dtype.kind in "fciub"
            ],
            lines=forward_lines(self._operation(entry), self._some(entry.shape)),
            kept=f"{kept} ({bytes_text(entry.kept_bytes)})" if entry.kept_bytes else None,
        )

    def _operand(self, entry: Entry, k: int, value: Any) -> dict[str, Any]:
        found = {"word": clean(entry.operands[k]), "entry": entry.inputs[k], "array": self.arrays.add(value)}
        return found | _without_nothing(broadcast=broadcast_shape(entry, k) is not None)

    def _several(self) -> set[int]:
        """The operations of whose outputs more than the first is on the tape."""
        picks = [(e.name, e.inputs[0]) for e in self.graph.entries if e.name.endswith("]") and len(e.inputs) == 1]
        return {
            source
            for name, source in picks
            if source is not None and name.startswith(self.graph.entries[source].name + "[")
        }

    def _operation(self, entry: Entry, g: Any = None) -> Operation:
        own = self.known[entry.index]
        return Operation(
            entry.name, entry.operands, [_plain(value) for value in own.operands], own.options, own.value, g
        )

    def _some(self, shape: Sequence[int]) -> list[tuple[int, ...]]:
        """The cells of which the page has the numbers."""
        if len(shape) < 2:
            return list(islice(product(*map(range, shape)), self.cells))
        slices, rows, columns = shown(tuple(shape), CELLS)
        before = islice(product(*map(range, shape[:-2])), slices)
        return list(islice(((*b, r, c) for b in before for r in rows for c in columns), self.cells))

    # ---------------------------------------------------------------- backward

    def _step(self, step: Step) -> dict[str, Any]:
        entry, arrived = self.graph.entries[step.entry], step.arrived
        add = self.arrays.add
        found: dict[str, Any] = {
            "entry": step.entry,
            "g": [add(part) for part in arrived] if isinstance(arrived, tuple) else add(arrived),
            "got": [self._contribution(given) for given in step.got],
        }
        if entry.kind == "operation":
            operation = self._operation(entry, arrived[0] if isinstance(arrived, tuple) else arrived)
            found["sent"] = [self._sent(operation, given) for given in step.sent]
        return found

    def _sent(self, operation: Operation, given: Contribution) -> dict[str, Any]:
        cells = self._some(np.shape(given.value))
        lines = backward_lines(operation, given.operand, given.value, cells)
        return self._contribution(given) | _without_nothing(lines=lines)

    def _contribution(self, given: Contribution) -> dict[str, Any]:
        found = {"from": given.source, "operand": given.operand, "to": given.target}
        found.update(array=self.arrays.add(given.value), total=self.arrays.add(given.total))
        return found if given.output is None else {**found, "output": given.output}

    # ---------------------------------------------------------------- boxes

    def _boxes(self) -> None:
        """One box for each entry and each constant, and one for each part when it is closed."""
        plan, entries = self.plan, self.graph.entries
        for entry in entries:
            box = self._box(entry)
            plan.boxes[box.id] = box
            self.uses += [
                (f"n{source}", box.id, entry.index, k) for k, source in enumerate(entry.inputs) if source is not None
            ]
        self._constants()
        counts = [0] * len(plan.parts)
        for entry in entries:
            for part in enclosing(plan.parts, plan.places[entry.index]) if entry.kind == "operation" else ():
                counts[part] += 1
        for closed, count in zip(plan.parts, counts, strict=True):
            box = part_box(closed, count)
            plan.boxes[box.id] = box

    def _box(self, entry: Entry) -> Box:
        operation = entry.kind == "operation"
        mathematics = formula(entry.name)[0] if operation else ""
        lines = {
            "shape": _shape(entry.shape),
            "grad": f"∇ {_brief(self.arrived.get(entry.index)) or _shape(entry.shape)}",
            **_without_nothing(value=_brief(self.known[entry.index].value)),
            **({"formula": mathematics if len(mathematics) <= 34 else ""} if operation else {}),
        }
        kind = "data" if entry.kind == "leaf" else entry.kind
        if operation and entry.index in self.graph.outputs:
            kind = "result"
        name = cut(titled_operation(entry) if operation else entry.name) or "leaf"
        label = f"{name}, {kind}, {_shape(entry.shape)} {entry.dtype}"
        return Box(f"n{entry.index}", kind, name, lines, self.plan.places[entry.index], label)

    def _constants(self) -> None:
        """Data and numbers that need no gradient. An array that several operations take in the same role is there once."""
        plan = self.plan
        made: dict[Any, Box] = {}
        users: dict[str, list[int | None]] = {}
        outside: dict[str, bool] = {}
        for entry in self.graph.entries:
            for k, source in enumerate(entry.inputs):
                value = _plain(self.known[entry.index].operands[k])
                if source is not None or value is None:
                    continue
                word, shape, text = clean(entry.operands[k]), np.shape(value), _brief(value)
                key = (self.arrays.add(value), word) if shape else (entry.index, k)
                if key not in made:
                    lines = {"shape": _shape(shape), **_without_nothing(value=text)}
                    label = f"{word}, data, {text or _shape(shape)}"
                    made[key] = Box(f"c{entry.index}_{k}", "data", cut(word, 20), lines, None, label)
                    outside[made[key].id] = bool(shape)
                users.setdefault(made[key].id, []).append(plan.places[entry.index])
                self.uses.append((made[key].id, f"n{entry.index}", entry.index, k))
        few = sum(outside.values()) <= 60
        for box in made.values():
            pieces = any(place is not None and plan.parts[place].piece for place in users[box.id])
            box.part = None if few and outside[box.id] and not pieces else common(plan.parts, users[box.id])
            plan.boxes[box.id] = box


def _without_nothing(**words: Any) -> dict[str, Any]:
    """What there is: neither None nor False nor empty."""
    return {word: value for word, value in words.items() if value or value.__class__ is int}


def _plain(value: Any) -> Any:
    """An operand as an array or a number; None where it is neither."""
    value = getattr(value, "_values", value)
    return value if isinstance(value, (bool, int, float, complex)) or hasattr(value, "shape") else None


def _shape(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})" if len(shape) else "scalar"


def _brief(value: Any) -> str:
    """A few numbers on one line; empty where there are more."""
    if value is None or isinstance(value, tuple):
        return ""
    text = value_text(value, 4)
    return text if len(text) <= 24 else ""
