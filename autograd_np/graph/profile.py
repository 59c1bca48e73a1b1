"""``profile``: run a program again, forward and backward, with a timer at every operation.

Each pass is divided among its operations without a gap, so that the parts add up to the whole. Forward, an operation has the time
from the end of the operation before it to its own end: its own work, and what Python did to come to it. Backward, it has the time
from the call of its rule to the call of the next one: the rule, the sums over broadcast axes, and the adding up.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from ..engine.locks import new_lock
from ..engine.modes import follow
from ..engine.record import PICK
from ..engine.tape import Node, gradients_of
from ..engine.tensor import Tensor
from .model import Entry, graph_of, on_tape
from .text import aligned, bytes_text, shown

__all__ = ["Part", "Profile", "profile"]

OFF_TAPE = "not on the tape"
_one_at_a_time = new_lock()  # two profiles of one tape must not take each other's timers for its primitives


@dataclass(frozen=True)
class Part:
    """What one operation of the tape took, or all that share a name or a module.

    Attributes:
        name: of the operation or the module.
        calls: how many operations.
        forward: seconds in the forward pass.
        backward: seconds in the backward pass.
        kept_bytes: bytes that the tape keeps for them (what two of them keep counts twice).
        flops: floating-point operations, forward and backward.
    """

    name: str
    calls: int
    forward: float
    backward: float
    kept_bytes: int
    flops: int

    @property
    def seconds(self) -> float:
        """Seconds in both passes."""
        return self.forward + self.backward


class Profile:
    """Where the time and the memory of one run went. Prints as two tables, by operation and by module, sorted by time.

    Attributes:
        parts: one for each operation of the run, with the names of its module: what is not on the tape first, then in the tape's order.
        kept_bytes: what the tape kept, counted once.
        rest: seconds in the program after its last operation.
    """

    def __init__(self, parts: Sequence[tuple[Part, tuple[str, ...]]], kept_bytes: int, rest: float) -> None:
        self.parts = tuple(parts)
        self.kept_bytes = kept_bytes
        self.rest = rest

    @property
    def forward(self) -> float:
        """Seconds of the forward pass."""
        return sum(part.forward for part, _ in self.parts) + self.rest

    @property
    def backward(self) -> float:
        """Seconds of the backward pass."""
        return sum(part.backward for part, _ in self.parts)

    @property
    def by_operation(self) -> tuple[Part, ...]:
        """The time of the operations that share a name, the longest first."""
        return _together((part.name, part) for part, _ in self.parts)

    @property
    def by_module(self) -> tuple[Part, ...]:
        """The time of the modules, the longest first; what ran in a part of a module counts for the part alone. Empty where there are none."""
        if not any(module for _, module in self.parts):
            return ()
        return _together(("/".join(module) or "(no module)", part) for part, module in self.parts)

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dict of plain values for each operation of the run."""
        return [
            {
                "name": part.name,
                "module": list(module),
                "forward": part.forward,
                "backward": part.backward,
                "kept_bytes": part.kept_bytes,
                "flops": part.flops,
            }
            for part, module in self.parts
        ]

    def __str__(self) -> str:
        tables = [_table("operation", self.by_operation)]
        if self.by_module:
            tables.append(_table("module", self.by_module))
        total = f"forward {_time(self.forward)}, backward {_time(self.backward)}, {bytes_text(self.kept_bytes)} kept"
        return "\n\n".join([*tables, total])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def _together(pairs: Iterable[tuple[str, Part]]) -> tuple[Part, ...]:
    groups: dict[str, list[Part]] = {}
    for name, part in pairs:
        groups.setdefault(name, []).append(part)
    summed = [
        Part(
            name,
            sum(part.calls for part in group),
            sum(part.forward for part in group),
            sum(part.backward for part in group),
            sum(part.kept_bytes for part in group),
            sum(part.flops for part in group),
        )
        for name, group in groups.items()
    ]
    return tuple(sorted(summed, key=lambda part: part.seconds, reverse=True))


def _table(heading: str, parts: Sequence[Part]) -> str:
    total = sum(part.seconds for part in parts) or 1.0
    headings = [heading, "calls", "forward", "backward", "share", "GFLOP/s", "kept"]
    rows = [
        [
            shown(part.name),
            str(part.calls),
            _time(part.forward),
            _time(part.backward) if part.backward else "",
            f"{part.seconds / total:.1%}",
            f"{part.flops / part.seconds / 1e9:.3g}" if part.flops and part.seconds else "",
            bytes_text(part.kept_bytes) if part.kept_bytes else "",
        ]
        for part in parts
    ]
    return "\n".join(aligned(headings, [False, *(True for _ in headings[1:])], rows))


def _time(seconds: float) -> str:
    return (
        f"{seconds:.3g} s"
        if seconds >= 1
        else f"{seconds * 1e3:.3g} ms"
        if seconds >= 1e-3
        else f"{seconds * 1e6:.3g} µs"
    )


class Watched:
    """A primitive whose rule is watched as it runs; in everything else the primitive itself.

    Args:
        primitive: the primitive.
        log: what it enters what it has seen in.
    """

    def __init__(self, primitive: Any, log: list[Any]) -> None:
        self._primitive = primitive
        self._log = log

    def __getattr__(self, word: str) -> Any:
        return getattr(self._primitive, word)


class _Timed(Watched):
    """Notes when it is asked for its gradients."""

    def pull(self, node: Node, g: Any, parents: Any, kept: Any) -> Any:
        self._log.append((node, perf_counter()))
        return self._primitive.pull(node, g, parents, kept)


def watch_back(
    seeds: Sequence[tuple[Node, Any]], nodes: Sequence[Node], watched: type[Watched], log: list[Any]
) -> list[tuple[Node, Any]]:
    """Walk back with every primitive watched, and give the leaves and their gradients. The nodes are as they were afterwards."""
    leaves = [node for node in nodes if node.primitive is None]
    with _one_at_a_time:
        originals = [(node, node.primitive) for node in nodes if node.primitive is not None]
        try:
            for node, primitive in originals:
                node.primitive = watched(primitive, log)
            return [*zip(leaves, gradients_of(seeds, leaves, retain_graph=True, create_graph=False), strict=True)]
        finally:
            for node, primitive in originals:
                node.primitive = primitive


def profile(function: Callable[[], Any], *, repeats: int = 3, expected: Sequence[str] | None = None) -> Profile:
    """Run a program forward and backward with a timer.

    It runs once untimed, to warm up, and ``repeats`` times timed; the fastest run is what is shown. The gradients are computed for every
    leaf and thrown away: no ``.grad`` changes and no tape is freed. What the program itself does besides, such as drawing random
    numbers or updating running statistics, it does each time.

    Args:
        function: makes the results: a Tensor that needs a gradient, or a tuple, list or dict of them. Those of more than one element
            start the backward pass with a cotangent of ones.
        repeats: how many timed runs.
        expected: the names of the operations that it must record.

    Raises:
        ValueError: ``repeats`` is less than 1, or the function records other operations than those expected.
        TypeError: it is no function, or returns no Tensor that needs a gradient.

    >>> import numpy as np
    >>> import autograd_np as ag
    >>> x = ag.Tensor(np.ones((50, 50)), requires_grad=True)
    >>> found = profile(lambda: np.sum(np.exp(x) @ x))
    >>> sorted(part.name for part in found.by_operation), found.kept_bytes
    (['exp', 'matmul', 'sum'], 40000)
    >>> x.grad is None
    True
    """
    if not callable(function):
        raise TypeError(
            f"profile: takes the function that computes the result, such as lambda: loss(model(x), y), not a {type(function).__name__}"
        )
    if not isinstance(repeats, (int, np.integer)):
        raise TypeError(f"profile: repeats is a number of runs, not {repeats!r}")
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}; the program must run at least once")
    best: Profile | None = None
    for run in range(repeats + 1):
        found = _one_run(function, expected if run == 0 else None)
        if run and (best is None or found.forward + found.backward < best.forward + best.backward):
            best = found
    assert best is not None
    return best


def _one_run(function: Callable[[], Any], expected: Sequence[str] | None) -> Profile:
    events: list[tuple[str, Any, float]] = []
    last = perf_counter()

    def note(found: Any, result: Any, operands: Any) -> None:
        nonlocal last
        now = perf_counter()
        results = result if isinstance(result, tuple) else (result,)
        node = next((t._node for t in results if t._node is not None), None)
        if node is not None and node.primitive is PICK:
            (node,) = node.parents
        events.append((found.name, node, now - last))
        last = perf_counter()

    with follow(note):
        last = perf_counter()
        outputs = function()
        rest = perf_counter() - last
    graph = graph_of(outputs)
    names = [entry.name for entry in graph.entries if entry.kind == "operation"]
    if expected is not None and names != list(expected):
        raise ValueError(
            f"profile: the function records {len(names)} operations that are not the {len(expected)} of this tape; give it the function that made the output"
        )
    results, nodes = on_tape(outputs)
    backward = _backward(results, nodes)

    entries: dict[int, Entry] = {id(node): entry for node, entry in zip(nodes, graph.entries, strict=True)}
    forward: dict[int, float] = {}
    parts: list[tuple[Part, tuple[str, ...]]] = []
    for name, node, seconds in events:
        if id(node) in entries:
            forward[id(node)] = forward.get(id(node), 0.0) + seconds
        else:
            parts.append((Part(f"{name} ({OFF_TAPE})", 1, seconds, 0.0, 0, 0), ()))
    for node, entry in zip(nodes, graph.entries, strict=True):
        if entry.kind == "operation":
            part = Part(
                entry.name,
                1,
                forward.get(id(node), 0.0),
                backward.get(id(node), 0.0),
                entry.kept_bytes,
                entry.flops + entry.backward_flops,
            )
            parts.append((part, entry.module))
    return Profile(parts, graph.kept_bytes, rest)


def _backward(results: Sequence[Tensor], nodes: Sequence[Node]) -> dict[int, float]:
    """Seconds of the backward pass for each node, by its identity."""
    starts: list[tuple[Node, float]] = []
    watch_back([(t._node, np.ones_like(t._values)) for t in results if t._node is not None], nodes, _Timed, starts)
    ends = [*(start for _, start in starts[1:]), perf_counter()][
        : len(starts)
    ]  # a result that is a leaf has no rule to call
    return {id(node): stop - start for (node, start), stop in zip(starts, ends, strict=True)}
