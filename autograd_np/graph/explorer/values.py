"""The values and gradients that the page shows at each step of the walk.

The tape keeps what the rules need, not every value. A value is found, in this order: kept for a rule; written down by
:class:`~autograd_np.annotate`; that of a result or of a named parameter; or computed again from the operands, where these and all
options that matter are known. Otherwise it is not shown: never another one in its place.

The gradients are those of the engine's own walk, which runs on the tape as it is and retains it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...engine.accumulators import Deferred
from ...engine.errors import FreedGraphError
from ...engine.fitting import fit
from ...engine.record import PICK
from ...engine.tape import Node
from ...engine.tensor import Tensor, seed
from ...engine.write_guards import written_since
from ..keeping import kept_by, operands_kept, primitive_of
from ..model import Graph
from ..profile import Watched, watch_back

__all__ = ["Contribution", "Forward", "Step", "again", "forward_values", "walk_back"]

# Options that do not change a value: where the memory is and how it is ordered, what is allowed, how the work is arranged.
HARMLESS = frozenset({"casting", "copy", "device", "optimize", "order", "overwrite_input", "subok"})
SAME_NUMBERS = frozenset({"expand_dims", "reshape", "squeeze"})


@dataclass
class Forward:
    """What is known of one entry in the forward pass.

    Attributes:
        value: its value (of several outputs the first one's), None where it is not known.
        outputs: the values of all outputs, of an operation that has several.
        operands: for each operand its value, None where it is not known.
        options: the options that the tape keeps.
        again: whether the value was computed again.
    """

    value: Any = None
    outputs: tuple[Any, ...] = ()
    operands: list[Any] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    again: bool = False


@dataclass
class Contribution:
    """What one operand of an operation is sent in the backward pass.

    Attributes:
        source: the index of the operation's entry; None for what the walk starts with.
        operand: which of its operands.
        target: the index of the entry that it is for.
        output: which output of the target, where that has several.
        value: the gradient, held to the target's shape and dtype.
        total: the sum of all that the target's output was sent so far.
    """

    source: int | None
    operand: int
    target: int
    output: int | None
    value: Any
    total: Any = None


@dataclass
class Step:
    """One step of the backward pass.

    Attributes:
        entry: the index of the entry.
        arrived: the gradient that has arrived for it; of several outputs a tuple, None where there is none.
        got: the contributions that it is the sum of, in the order in which they were added.
        sent: the contributions that its rule makes.
    """

    entry: int
    arrived: Any
    got: list[Contribution]
    sent: list[Contribution]


# ---------------------------------------------------------------- forward


def forward_values(
    graph: Graph, nodes: Sequence[Node], results: Sequence[Tensor], named: Mapping[int, Any]
) -> list[Forward]:
    """What is known of each entry.

    Args:
        graph: the entries.
        nodes: their nodes.
        results: the Tensors that the graph was made of.
        named: the arrays of leaves that are at hand, by index.
    """
    found = [_from_kept(node) for node in nodes]
    first_use: dict[int, int] = {}
    for entry in graph.entries:
        for i in entry.inputs:
            if i is not None:
                first_use.setdefault(i, entry.position)

    def offer(i: int | None, value: Any, position: int | None) -> None:
        """Take an array for the value of an entry that has none yet, if it was not written since a position."""
        if i is not None and found[i].value is None and hasattr(value, "shape"):
            found[i].value = None if position is not None and written_since(value, position) else value

    for entry, own in zip(graph.entries, found, strict=True):
        for i, operand in zip(entry.inputs, own.operands, strict=True):
            offer(i, operand, None)
    for entry, node, own in zip(graph.entries, nodes, found, strict=True):
        seen = getattr(node, "seen", None)
        if seen is not None:
            _from_annotate(seen, own, node.position)
            for i, operand in zip(entry.inputs, seen.operands, strict=False):
                if i is not None and nodes[i].primitive is None:
                    offer(i, operand, first_use[i])
    index = {id(node): i for i, node in enumerate(nodes)}
    for t in results:
        offer(index[id(t._node)], t._values, graph.entries[index[id(t._node)]].position)
    for i, value in named.items():
        offer(i, value, first_use.get(i, nodes[i].position))
    for entry, node, own in zip(graph.entries, nodes, found, strict=True):
        _complete(node, own, [None if i is None else found[i] for i in entry.inputs])
    for entry, own in zip(graph.entries, found, strict=True):
        kind = getattr(own.value, "shape", entry.shape), getattr(own.value, "dtype", entry.dtype)
        if kind != (entry.shape, entry.dtype):
            own.value = None  # written anew by t.data = …, in another shape
    return found


def _written(value: Any, position: int) -> bool:
    """Whether a kept value, or one of several, was written after a position of the tape."""
    return any(written_since(part, position) for part in (value if isinstance(value, tuple) else (value,)))


def _from_kept(node: Node) -> Forward:
    primitive = primitive_of(node)
    pairs = [(slot, value) for slot, value in kept_by(node) if not _written(value, node.position)]
    own = Forward(operands=operands_kept(node, pairs, sequences=True))
    for slot, value in pairs:
        if slot.source == "out" and value is not None:
            own.outputs = tuple(value) if primitive.multi else ()
            own.value = value[0] if primitive.multi else value
        elif slot.source == "hidden" and value is not None:
            own.options[slot.name] = value
        elif slot.source == "option":
            asked = [p for word, p in zip(primitive.operands, node.parents, strict=False) if word in slot.users]
            if value is not None or primitive.sequence or any(parent is not None for parent in asked):
                own.options[slot.name] = value
    return own


def _from_annotate(seen: Any, own: Forward, position: int) -> None:
    values = seen.value if isinstance(seen.value, tuple) else (seen.value,)
    if not any(written_since(value, position) for value in values):
        own.outputs = own.outputs or (values if isinstance(seen.value, tuple) else ())
        own.value = values[0] if own.value is None else own.value
    for k, operand in enumerate(seen.operands[: len(own.operands)]):
        if own.operands[k] is None and not written_since(operand, position):
            own.operands[k] = operand


def _complete(node: Node, own: Forward, parents: Sequence[Forward | None]) -> None:
    """The operands' values from their entries, and the value from the operands where it is missing."""
    for k, parent in enumerate(parents):
        if parent is not None and own.operands[k] is None:
            own.operands[k] = parent.value
    primitive = primitive_of(node)
    if primitive is PICK:
        outputs = parents[0].outputs if parents[0] is not None else ()
        number = (node.kept or (0,))[0]
        if own.value is None and number < len(outputs):
            own.value = outputs[number]
    elif primitive is not None and (own.value is None or (primitive.several and not own.outputs)):
        shape, dtype = (node.shape, node.dtype) if not isinstance(node.dtype, tuple) else (node.shape[0], node.dtype[0])
        made = again(primitive, shape, dtype, own.operands, own.options)
        if made is not None:
            own.outputs = made if primitive.several else ()
            if own.value is None:
                own.value, own.again = made[0], True


def again(
    primitive: Any, shape: Any, dtype: Any, operands: Sequence[Any], options: Mapping[str, Any]
) -> tuple[Any, ...] | None:
    """The outputs of an operation of the library, computed again; None where something that matters is not known.

    Args:
        primitive: the operation.
        shape: of its (first) output.
        dtype: the same.
        operands: their values, None where they are not known.
        options: those that the tape keeps.
    """
    if primitive.function.__module__.partition(".")[0] != "autograd_np" or any(
        isinstance(value, np.random.Generator) for value in options.values()
    ):
        return None
    first = operands[0] if operands else None
    if primitive.name in SAME_NUMBERS and options.get("order", "C") == "C":
        return None if first is None else (np.reshape(first, shape),)
    if primitive.name == "broadcast_to":
        return None if first is None else (np.broadcast_to(first, shape),)
    for chosen in (None, dtype):
        call = _arguments(primitive, operands, options, chosen)
        if call is None:
            continue
        try:
            with np.errstate(all="ignore"):
                made = primitive.body(*call[0], **call[1])
        except Exception:  # noqa: BLE001 - then it is not known
            return None
        values = tuple(made) if primitive.multi else (made,)
        if getattr(values[0], "shape", None) == shape and getattr(values[0], "dtype", None) == dtype:
            return values
        if dtype == np.float16:
            return None  # summed in which precision is not known
    return None


def _arguments(
    primitive: Any, operands: Sequence[Any], options: Mapping[str, Any], dtype: Any
) -> tuple[list[Any], dict[str, Any]] | None:
    """What the body was called with; None where that is not known. A dtype that is not kept is the one given."""
    arguments: list[Any] = []
    keywords: dict[str, Any] = {}
    for p in primitive.signature.parameters.values():
        word = p.name
        if primitive.sequence and word == primitive.operands[0]:
            if any(value is None for value in operands):
                return None
            arguments += operands if p.kind is p.VAR_POSITIONAL else [list(operands)]
            continue
        if word in primitive.operands:
            value = operands[primitive.operands.index(word)]
            if value is None:
                return None
        elif word in options:
            value = options[word]
        elif word == "out":
            value = None
        elif word == "dtype" and (dtype is not None or p.default is None):
            value = dtype
        elif word in HARMLESS and p.default is not p.empty:
            value = p.default
        else:
            return None
        if p.kind is not p.KEYWORD_ONLY:
            arguments.append(value)
        elif word != "out":
            keywords[word] = value
    return arguments, keywords


# ---------------------------------------------------------------- backward


class _Recorded(Watched):
    """Writes down the gradients that a primitive is given and sends on."""

    def pull(self, node: Node, g: Any, parents: Any, kept: Any) -> Any:
        pulled = self._primitive.pull(node, g, parents, kept)
        self._log.append([node, g, parents, [_frozen(c) for c in pulled]])
        return pulled

    def held(self, node: Node, g: Any, parents: Any, kept: Any, pulled: tuple[Any, ...]) -> Any:
        held = self._primitive.held(node, g, parents, kept, pulled)
        self._log[-1][3] = [_frozen(c) for c in held]
        return held


def _frozen(contribution: Any) -> Any:
    """A contribution as it is now: one that is summed later collects the others in place."""
    if not isinstance(contribution, Deferred):
        return contribution
    same = copy.copy(contribution)
    same.parts = list(contribution.parts)
    return same


def walk_back(results: Sequence[Tensor], nodes: Sequence[Node], gradient: Any = None) -> tuple[list[Step], bool]:
    """The steps of the backward pass in the order in which the engine takes them, and whether it starts with ones of its own accord.

    The tape and every ``.grad`` stay as they are.

    Args:
        results: the Tensors to start from.
        nodes: all nodes that they depend on.
        gradient: a tuple of the cotangents of the results; None for ones.

    Raises:
        FreedGraphError: an earlier backward pass has freed a part of the tape.
        MutationError: an array that the tape keeps was overwritten.
        ValueError: the cotangents do not fit the results.
    """
    if any(node.kept is None for node in nodes):
        raise FreedGraphError(
            "explore: a backward pass has freed what the tape kept, so the walk back cannot be shown; call explore() before backward(), "
            "or pass retain_graph=True to it"
        )
    given: list[Any] = [None] * len(results)
    if gradient is not None:
        given = list(gradient) if isinstance(gradient, (tuple, list)) else [gradient]
        if len(given) != len(results):
            raise ValueError(f"explore: gradient= has {len(given)} arrays for {len(results)} results")
    plain = gradient is None and any(t.size != 1 or t.dtype.kind == "c" for t in results)
    starts = [
        np.ones_like(t._values) if g is None and (t.size != 1 or t.dtype.kind == "c") else seed(t, g)
        for t, g in zip(results, given, strict=True)
    ]
    seeds: list[tuple[Node, Any]] = [(t._node, g) for t, g in zip(results, starts, strict=True) if t._node is not None]
    log: list[Any] = []
    ends = watch_back(seeds, nodes, _Recorded, log)
    index = {id(node): i for i, node in enumerate(nodes)}
    taken = [*log, *((leaf, g, (), ()) for leaf, g in ends if g is not None)]
    taken.sort(key=lambda item: -item[0].position)
    with np.errstate(all="ignore"):
        return _steps(taken, seeds, index), plain


def _steps(taken: Sequence[Any], seeds: Sequence[tuple[Node, Any]], index: Mapping[int, int]) -> list[Step]:
    got: dict[int, list[Contribution]] = {}
    totals: dict[tuple[int, int | None], Any] = {}

    def add(given: Contribution) -> None:
        key = (given.target, given.output)
        given.total = totals[key] = totals[key] + given.value if key in totals else given.value
        got.setdefault(given.target, []).append(given)

    for node, g in seeds:
        add(Contribution(None, 0, index[id(node)], 0 if getattr(primitive_of(node), "several", False) else None, g))
    steps = []
    for node, g, parents, pulled in taken:
        i = index[id(node)]
        sent = []
        for k in reversed(range(len(parents))):  # the order in which the engine adds them up
            parent = parents[k]
            if parent is None:
                continue
            value, output = _held(pulled[k], parent, node)
            given = Contribution(i, k, index[id(parent)], output, value)
            add(given)
            sent.append(given)
        steps.append(Step(i, g, got.get(i, []), sent[::-1]))
    return steps


def _held(contribution: Any, parent: Node, node: Node) -> tuple[Any, int | None]:
    """A contribution as an array of its target's shape and dtype, and which of several outputs it is for."""
    several = getattr(primitive_of(parent), "several", False)
    if isinstance(contribution, Deferred):
        whole = contribution.dense()
        if isinstance(whole, tuple):
            ((output, value),) = [(output, value) for output, value in enumerate(whole) if value is not None]
            return value, output
        contribution = whole
        node = parent
    if contribution.dtype == parent.dtype and contribution.shape == parent.shape:
        return contribution, 0 if several else None
    return fit(contribution, parent, node), 0 if several else None
