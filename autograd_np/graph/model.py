"""The tape of a result as a sequence of entries: what the printed table and the pictures are made of.

Making it changes nothing: no gradient is computed and nothing is freed. An entry holds the value it shows, so what is not
to be kept longer than the tape keeps it must not be held in a sequence of entries either.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from ..engine.held import held_tensors
from ..engine.pytree import flatten
from ..engine.record import PICK
from ..engine.scopes import Scope
from ..engine.tape import Node, ancestors
from ..engine.tensor import Tensor
from .flops import BIASES, FORMULAS, Operation, backward_flops, forward_flops
from .keeping import Kept, Pairs, kept_by, kept_of, operand_words, primitive_of
from .names import Names, constants_of, scopes_of, values_of

__all__ = ["Call", "Entry", "Graph", "graph_of", "on_tape"]


@dataclass(frozen=True)
class Call:
    """One call of a named part of the program.

    Attributes:
        number: of the call, in the order in which they began.
        name: what it is called inside the part around it: an attribute, or a label.
        kind: the class of the module; empty for a part named by a label.
        outer: the number of the call around it, None for the outermost.
        path: the names from the outermost to this one.
        nth: which call of that name it is inside the one around it, from 1.
    """

    number: int
    name: str
    kind: str
    outer: int | None
    path: tuple[str, ...]
    nth: int = 1


@dataclass(frozen=True)
class Entry:
    """One recorded operation, or one leaf.

    Attributes:
        index: its number in this tape, from 0.
        position: its position among everything that was recorded.
        kind: ``"leaf"``, ``"parameter"`` (a leaf that a module or ``params=`` names; where there is none, each that has a name) or
            ``"operation"``.
        name: of the operation, or of the leaf (empty if it has none).
        label: what the program calls its value: the name of its Tensor, empty if it has none.
        inputs: for each differentiable operand the index of the entry that it is, None where no gradient flows to it.
        operands: the names of these operands.
        shape: of the value; of an operation with several outputs the first one's.
        dtype: the same.
        kept: what the tape keeps for it.
        freed: whether a backward pass has freed what was kept.
        module: the names of the parts of the program it belongs to, from the outermost to the innermost.
        call: the number of the innermost call it belongs to, None for none.
        line: the source line that called it, where :class:`~autograd_np.engine.modes.annotate` was on.
        value: its value, wherever the tape keeps it, annotate saw it, or the program still holds the leaf or the named Tensor; None otherwise,
            and where it was written since.
        grad: the gradient that a backward pass has left, or None.
        constants: for each operand through which no gradient flows its value, where it is at hand (the Tensor, where that has a name);
            otherwise None.
        operand_shapes: the shapes of these operands; None for a constant that the tape does not keep.
        flops: floating-point operations of its forward pass (see :mod:`~autograd_np.graph.flops`).
        backward_flops: the same of its backward pass, an estimate.
        counted: whether there is a formula for them; otherwise they are the elements of the output.
    """

    index: int
    position: int
    kind: str
    name: str
    inputs: tuple[int | None, ...]
    operands: tuple[str, ...]
    shape: Any
    dtype: Any
    kept: tuple[Kept, ...]
    freed: bool
    module: tuple[str, ...]
    call: int | None
    line: str | None
    value: Any
    grad: Any
    constants: tuple[Any, ...] = ()
    operand_shapes: tuple[Any, ...] = ()
    flops: int = 0
    backward_flops: int = 0
    counted: bool = True
    label: str = ""

    @property
    def kept_bytes(self) -> int:
        """Bytes of everything that is kept for this operation; an array that it keeps twice, as for x · x, counts once."""
        if len(self.kept) < 2:
            return self.kept[0].nbytes if self.kept else 0
        return sum({kept.arrays: kept.nbytes for kept in self.kept}.values())


@dataclass(frozen=True)
class Graph:
    """All entries that some results depend on, in order of position.

    Attributes:
        entries: the entries.
        outputs: the indices of the results' entries.
        calls: the calls of named parts of the program that have entries, in the order in which they began.
        memory: bytes of the arrays that the tape keeps, by identity; of a view the array whose memory it is.
    """

    entries: tuple[Entry, ...]
    outputs: tuple[int, ...]
    calls: tuple[Call, ...]
    memory: Mapping[int, int] = field(default_factory=dict, repr=False)

    @property
    def kept_bytes(self) -> int:
        """Bytes that the tape keeps; what several operations keep, itself or a view of it, counts once."""
        return sum(self.memory.values())


def graph_of(outputs: Any, params: Any = None) -> Graph:
    """The tape of a Tensor, or of several.

    Args:
        outputs: a Tensor that needs a gradient, or a tuple, list or dict of them.
        params: names for leaves: a dict of Tensors by name, or an object with ``named_parameters()``.

    Raises:
        TypeError: no output is a Tensor that needs a gradient, or ``params`` is something else.
    """
    results, nodes = on_tape(outputs)
    if not results:
        raise TypeError(
            "give a Tensor that needs a gradient: this one is not on the tape (it was made in no_grad, or of nothing that has requires_grad=True)"
        )
    index = {id(node): i for i, node in enumerate(nodes)}
    calls, places = _calls(nodes)
    held = held_tensors()
    names = Names(nodes, params, held)
    pairs = [kept_by(node) for node in nodes]
    values = values_of(nodes, pairs, results, names, held)
    entries = []
    memory: dict[int, int] = {}
    for i, node in enumerate(nodes):
        call = places[i]
        seen = getattr(node, "seen", None)
        own = names.names.get(id(node), "")
        shape = _first(node.shape, tuple)
        operands = () if node.primitive is None else operand_words(primitive_of(node), len(node.parents))
        operand_shapes, flops, backward, counted = (
            ((), 0, 0, True) if node.primitive is None else _work(node, shape, operands, seen, pairs[i])
        )
        entries.append(
            Entry(
                index=i,
                position=node.position,
                kind="operation"
                if node.primitive is not None
                else "parameter"
                if id(node) in names.parameters
                else "leaf",
                name=own if node.primitive is None else _operation(node),
                label=own,
                inputs=tuple([None if parent is None else index[id(parent)] for parent in node.parents]),
                operands=operands,
                shape=shape,
                dtype=_first(node.dtype, np.dtype),
                kept=kept_of(node, pairs[i], memory),
                freed=node.kept is None,
                module=() if call is None else calls[call].path,
                call=call,
                line=None if seen is None else seen.line,
                value=values.get(id(node)),
                grad=getattr(node, "grad", None),
                constants=constants_of(node, seen, pairs[i], names),
                operand_shapes=operand_shapes,
                flops=flops,
                backward_flops=backward,
                counted=counted,
            )
        )
    shown = tuple(dict.fromkeys(index[id(t._node)] for t in results))
    return Graph(tuple(entries), shown, tuple(calls), memory)


def on_tape(outputs: Any) -> tuple[list[Tensor], list[Node]]:
    """The results that are on the tape, and all nodes that they depend on in order of position."""
    results = [t for t in flatten(outputs)[0] if isinstance(t, Tensor) and t._node is not None]
    found, _ = ancestors([t._node for t in results if t._node is not None], 0)
    return results, [found[position] for position in sorted(found)]


def _first(value: Any, kind: type) -> Any:
    """The first of several outputs' shapes or dtypes."""
    if kind is tuple:
        return value[0] if value and isinstance(value[0], tuple) else value
    return value[0] if isinstance(value, tuple) and value else value


def _operation(node: Node) -> str:
    primitive = primitive_of(node)
    if primitive is PICK and node.parents[0] is not None:
        return f"{_operation(node.parents[0])}[{(node.kept or ('?',))[0]}]"
    return str(primitive.name)


def _work(
    node: Node, shape: Any, operands: tuple[str, ...], seen: Any, pairs: Pairs
) -> tuple[tuple[Any, ...], int, int, bool]:
    """The shapes of a node's operands, its operations forward and backward, and whether a formula counted them."""
    primitive = primitive_of(node)
    shapes: list[Any] = [None if parent is None else _first(parent.shape, tuple) for parent in node.parents]
    options = {slot.name: value for slot, value in pairs}
    for i, word in enumerate(operands) if None in shapes else ():
        if shapes[i] is None:
            if seen is not None and len(seen.operands) == len(operands):
                given = seen.operands[i]
            elif getattr(primitive, "sequence", False):
                given = _part(options, primitive.operands[0], i)
            else:
                given = options.get(word)
            given = options.get(f"{word}_shape") if given is None else given
            number = () if isinstance(given, (int, float, complex)) else None
            shapes[i] = given if given.__class__ is tuple else getattr(given, "shape", number)
    if primitive.elementwise and primitive.name not in FORMULAS:
        forward, counted, size = prod(shape), True, prod(shape)
    else:
        op = Operation(shape, {word: s for word, s in zip(operands, shapes, strict=True) if s is not None}, options)
        found = forward_flops(primitive.name, primitive.elementwise, op)
        forward, counted, size = op.size if found is None else found, found is not None, op.size
    if BIASES.isdisjoint(operands):
        return (*shapes,), forward, forward * (len(shapes) - node.parents.count(None)), counted
    known = zip(operands, node.parents, shapes, strict=True)
    given = {word: parent is not None for word, parent, s in known if s is not None}
    return (*shapes,), forward, backward_flops(forward, size, given), counted


def _part(options: Mapping[str, Any], word: str, i: int) -> Any:
    """One array of a kept sequence, or its shape."""
    parts = options.get(word) or options.get(f"{word}_shape")
    return parts[i] if parts is not None and i < len(parts) else None


def _calls(nodes: list[Node]) -> tuple[list[Call], list[int | None]]:
    """The calls, and for each node the number of the innermost it belongs to."""
    scopes = sorted(scopes_of(nodes), key=lambda scope: (scope.start, -scope.end))
    calls: list[Call] = []
    open_: list[tuple[int, Scope]] = []
    places: list[int | None] = []
    upcoming = 0
    paths: dict[int, dict[int, str]] = {}
    seen: Counter[tuple[int | None, str]] = Counter()
    for node in nodes:
        while upcoming < len(scopes) and scopes[upcoming].start < node.position:
            scope = scopes[upcoming]
            while open_ and open_[-1][1].end < scope.start:
                open_.pop()
            outer, around = open_[-1] if open_ else (None, None)
            name, kind = _call_name(scope, around, paths)
            seen[outer, name] += 1
            path = (*(() if outer is None else calls[outer].path), name)
            calls.append(Call(len(calls), name, kind, outer, path, seen[outer, name]))
            open_.append((len(calls) - 1, scope))
            upcoming += 1
        while open_ and open_[-1][1].end < node.position:
            open_.pop()
        # A leaf made inside a part of the program is an input of it, not its work.
        places.append(open_[-1][0] if open_ and node.primitive is not None else None)
    return calls, places


def _call_name(scope: Scope, outer: Scope | None, paths: dict[int, dict[int, str]]) -> tuple[str, str]:
    """The name of a call inside the one around it, and the class of its module.

    Args:
        scope: the call.
        outer: the one around it.
        paths: what was found before: by the identity of a module the paths of the modules in it, by their identities.
    """
    label = scope.label
    if isinstance(label, str):
        return label, ""
    kind = scope.kind.__name__
    around = None if outer is None else outer.label
    if label is not None and around is not None and not inspect.isclass(around) and hasattr(around, "named_modules"):
        if id(around) not in paths:
            paths[id(around)] = {id(module): path for path, module in reversed([*around.named_modules()])}
        return paths[id(around)].get(id(label)) or kind, kind
    return kind, kind
