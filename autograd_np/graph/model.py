"""The tape of a result as a sequence of entries: what the printed table and the pictures are made of.

Making it changes nothing: no gradient is computed and nothing is freed. An entry holds the value it shows, so what is not
to be kept longer than the tape keeps it must not be held in a sequence of entries either.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from math import prod
from typing import Any

import numpy as np

from ..engine.pytree import flatten
from ..engine.record import PICK
from ..engine.scopes import Scope
from ..engine.slots import Slot
from ..engine.tape import Node, ancestors
from ..engine.tensor import Tensor
from .flops import BIASES, FORMULAS, Operation, backward_flops, forward_flops

__all__ = ["Call", "Entry", "Graph", "Kept", "graph_of", "kept_by", "on_tape", "operands_kept", "primitive_of"]


Pairs = Sequence[tuple[Slot, Any]]  # what a node keeps


@dataclass(frozen=True)
class Kept:
    """A value that the tape keeps for the backward pass of an operation.

    Attributes:
        name: the parameter of the rule that named it.
        what: ``"operand"``, ``"output"`` or ``"option"``.
        nbytes: bytes of its arrays.
        arrays: the identities of its arrays: what several operations keep is there once.
    """

    name: str
    what: str
    nbytes: int
    arrays: tuple[int, ...]


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
        kind: ``"leaf"``, ``"parameter"`` (a leaf that has a name) or ``"operation"``.
        name: of the operation, or of the leaf (empty if it has none).
        inputs: for each differentiable operand the index of the entry that it is, None where no gradient flows to it.
        operands: the names of these operands.
        shape: of the value; of an operation with several outputs the first one's.
        dtype: the same.
        kept: what the tape keeps for it.
        freed: whether a backward pass has freed what was kept.
        module: the names of the parts of the program it belongs to, from the outermost to the innermost.
        call: the number of the innermost call it belongs to, None for none.
        line: the source line that called it, where :class:`~autograd_np.engine.modes.annotate` was on.
        value: its value: of outputs, of named parameters, and wherever the tape keeps it or annotate saw it; otherwise None.
        grad: the gradient that a backward pass has left, or None.
        constants: for each operand through which no gradient flows its value, where it is at hand; otherwise None.
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
    names, tensors = _names(nodes, params)
    pairs = [kept_by(node) for node in nodes]
    values = _values(nodes, pairs, results, tensors)
    entries = []
    memory: dict[int, int] = {}
    for i, node in enumerate(nodes):
        call = places[i]
        seen = getattr(node, "seen", None)
        name = _operation(node) if node.primitive is not None else names.get(id(node), "")
        shape = _first(node.shape, tuple)
        operands = _operands(node)
        operand_shapes, flops, backward, counted = (
            ((), 0, 0, True) if node.primitive is None else _work(node, shape, operands, seen, pairs[i])
        )
        entries.append(
            Entry(
                index=i,
                position=node.position,
                kind="operation" if node.primitive is not None else "parameter" if id(node) in names else "leaf",
                name=name,
                inputs=tuple([None if parent is None else index[id(parent)] for parent in node.parents]),
                operands=operands,
                shape=shape,
                dtype=_first(node.dtype, np.dtype),
                kept=_kept(node, pairs[i], memory),
                freed=node.kept is None,
                module=() if call is None else calls[call].path,
                call=call,
                line=None if seen is None else seen.line,
                value=values.get(id(node)),
                grad=getattr(node, "grad", None),
                constants=_constants(node, seen, pairs[i]),
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


def primitive_of(node: Node) -> Any:
    """The operation of a node; one that retains its gradient has it inside."""
    return getattr(node.primitive, "primitive", node.primitive)


def kept_by(node: Node) -> Pairs:
    """What the tape keeps for a node, with what it is kept as."""
    kept = node.kept  # read once: a backward pass of another thread may free it meanwhile
    slots = getattr(primitive_of(node), "slots", None)
    return [*zip(slots, kept, strict=True)] if slots and kept and len(slots) == len(kept) else []


def operands_kept(node: Node, pairs: Pairs, sequences: bool = False) -> list[Any]:
    """The values of a node's operands, None where the tape does not keep one; of an operation on a sequence only if asked for."""
    found: list[Any] = [None] * len(node.parents)
    for slot, value in pairs:
        if slot.source == "value" and value is not None:
            primitive = primitive_of(node)
            if primitive.sequence:
                found = [*value] if sequences else found
            elif slot.operand in primitive.operands:
                found[primitive.operands.index(slot.operand)] = value
    return found


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


def _operands(node: Node) -> tuple[str, ...]:
    if node.primitive is None:
        return ()
    words = tuple(node.primitive.operands)
    if len(words) == len(node.parents):
        return words
    return tuple(f"{words[0] if words else 'operand'} {i}" for i in range(len(node.parents)))


def _arrays(value: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [array for part in value for array in _arrays(part)]
    return [value] if value.__class__ is np.ndarray or (hasattr(value, "nbytes") and hasattr(value, "shape")) else []


def _kept(node: Node, pairs: Pairs, memory: dict[int, int]) -> tuple[Kept, ...]:
    """What is kept for a node; the memory of its arrays is entered into ``memory``."""
    values = node.kept
    if not values or node.primitive is None:
        return ()
    named = [(slot.name, _WHAT.get(slot.source, "option"), value) for slot, value in pairs]
    kept = []
    for name, what, value in named or [("values", "operand", values)]:
        arrays = [] if value.__class__ in _NUMBERS else _arrays(value)
        for array in arrays:
            owner = array
            while isinstance(getattr(owner, "base", None), np.ndarray):
                owner = owner.base
            memory[id(owner)] = owner.nbytes
        if arrays:
            kept.append(Kept(name, what, sum(a.nbytes for a in arrays), tuple([id(a) for a in arrays])))
    return tuple(kept)


_NUMBERS = frozenset((float, int, bool, str, type(None)))
_WHAT = {"value": "operand", "out": "output", "hidden": "output"}


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


def _values(nodes: list[Node], kept: list[Pairs], results: list[Tensor], tensors: Mapping[int, Any]) -> dict[int, Any]:
    """The values that are at hand, by the identity of the node."""
    values: dict[int, Any] = {}
    for node, pairs in zip(nodes, kept, strict=True):
        seen = getattr(node, "seen", None)
        if seen is not None:
            values[id(node)] = seen.value[0] if isinstance(seen.value, tuple) else seen.value
            for parent, operand in zip(node.parents, seen.operands, strict=False):
                if parent is not None and hasattr(operand, "shape") and parent.primitive is None:
                    values.setdefault(id(parent), operand)
        for slot, value in pairs:
            if slot.source == "out" and hasattr(value, "shape"):
                values.setdefault(id(node), value)
        for parent, value in zip(node.parents, operands_kept(node, pairs), strict=True):
            if parent is not None and hasattr(value, "shape") and not getattr(parent.primitive, "multi", False):
                values.setdefault(id(parent), value)
    values.update({id(t._node): t._values for t in results})
    values.update(tensors)
    return values


def _constants(node: Node, seen: Any, pairs: Pairs) -> tuple[Any, ...]:
    """The operands that need no gradient, as far as the tape or annotate has them."""
    if None not in node.parents:
        return ()
    known = () if seen is None else seen.operands
    found = [
        kept if kept is not None else s
        for kept, s in zip_longest(operands_kept(node, pairs), known[: len(node.parents)])
    ]
    return tuple([None if parent is not None else value for parent, value in zip(node.parents, found, strict=True)])


def _names(nodes: list[Node], params: Any) -> tuple[dict[int, str], dict[int, Any]]:
    """Names of leaves, and the values of those that were given by name, by the identity of the node."""
    names: dict[int, str] = {}
    values: dict[int, Any] = {}
    for node in nodes:
        if node.primitive is None and getattr(node, "name", None):
            names[id(node)] = str(node.name)
    given: Iterable[tuple[str, Any]] = ()
    if isinstance(params, Mapping):
        given = params.items()
        for name, t in given:
            if not isinstance(t, Tensor):
                raise TypeError(f"params: {name!r} is a {type(t).__name__}; the names are for Tensors")
    elif hasattr(params, "named_parameters") and not inspect.isclass(params):
        given = params.named_parameters()
    elif params is not None:
        raise TypeError(f"params: takes a dict of Tensors by name, or a module, not {type(params).__name__}")
    labels = [scope.label for scope in sorted(_scopes(nodes), key=lambda scope: (scope.start, -scope.end))]
    modules = {
        id(label): label for label in labels if hasattr(label, "named_parameters")
    }  # the outermost come first, and name what they have
    own = [pair for module in modules.values() for pair in module.named_parameters()]
    for name, t in [*given, *own]:
        if isinstance(t, Tensor) and t._node is not None and (id(t._node) not in values):
            names[id(t._node)] = str(name)
            values[id(t._node)] = t._values
    return names, values


def _scopes(nodes: list[Node]) -> list[Scope]:
    found: dict[int, Scope] = {}
    for node in nodes:
        carried = getattr(node, "scope", None)
        while carried is not None:
            scope = Scope(*carried)
            found[id(carried)] = scope
            carried = scope.inner
    unique = {(scope.start, scope.end): scope for scope in found.values()}
    return list(unique.values())


def _calls(nodes: list[Node]) -> tuple[list[Call], list[int | None]]:
    """The calls, and for each node the number of the innermost it belongs to."""
    scopes = sorted(_scopes(nodes), key=lambda scope: (scope.start, -scope.end))
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
