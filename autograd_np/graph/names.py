"""Names and values that are not on the tape: those of the leaves and named Tensors that the program still holds.

What was written since an operation used it is not its value any more, and is not shown as one.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from ..engine.scopes import Scope
from ..engine.tape import Node
from ..engine.tensor import Tensor
from ..engine.write_guards import replaced_since, written_since
from .keeping import Pairs, operands_kept

__all__ = ["Names", "constants_of", "identity", "scopes_of", "values_of"]

SMALL = 4096  # bytes: of smaller arrays that the caller can write, the tape keeps copies


def identity(value: Any) -> Any:
    """A key by which an array is known again, also in the copy that the tape keeps of a small one.

    Copies are known by what is in them, where that can hardly be chance: not by a number, by zeros or by ones.
    """
    if isinstance(value, np.ndarray) and value.nbytes < SMALL and value.dtype.kind in "fciub" and value.size > 1:
        content = value.tobytes()
        if content != content[: value.itemsize] * value.size:
            return value.shape, value.dtype.str, content
    return id(value)


class Names:
    """What the program calls the leaves and results on a tape.

    Attributes:
        names: by the identity of the node.
        parameters: the identities of the nodes that are parameters: those of modules and of ``params=``. Where there are none, all leaves that
            have a name.
        arrays: the array of each parameter, by the identity of its node.
        constants: the named Tensors that need no gradient, by the identity of their array (see :func:`identity`); None where two share one.
    """

    def __init__(self, nodes: Sequence[Node], params: Any, held: Iterable[Tensor]) -> None:
        self.names: dict[int, str] = {id(node): str(node.name) for node in nodes if getattr(node, "name", None)}
        self.arrays: dict[int, Any] = {}
        for name, t in (*_given(params), *_of_modules(nodes)):
            if isinstance(t, Tensor) and t._node is not None and id(t._node) not in self.arrays:
                self.names[id(t._node)] = str(name)
                self.arrays[id(t._node)] = t._values
        leaves = {id(node) for node in nodes if node.primitive is None}
        self.parameters = leaves & (self.arrays or self.names).keys()
        self.constants: dict[Any, Tensor | None] = {}
        for t in held:
            if t._node is None and t.name:
                key = identity(t._values)
                known = self.constants.get(key, t)
                self.constants[key] = t if known is not None and known.name == t.name else None

    def named(self, value: Any) -> Any:
        """The named Tensor of a constant; the constant itself where it has none."""
        if not self.constants or isinstance(value, Tensor):
            return value
        found = self.constants.get(identity(value))
        return value if found is None else found


def _given(params: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(params, Mapping):
        for name, t in params.items():
            if not isinstance(t, Tensor):
                raise TypeError(f"params: {name!r} is a {type(t).__name__}; the names are for Tensors")
        return params.items()
    if hasattr(params, "named_parameters") and not inspect.isclass(params):
        return params.named_parameters()  # type: ignore[no-any-return]
    if params is not None:
        raise TypeError(f"params: takes a dict of Tensors by name, or a module, not {type(params).__name__}")
    return ()


def _of_modules(nodes: Sequence[Node]) -> Iterator[tuple[str, Any]]:
    """The parameters of the modules that were called; the outermost come first, and name what they have."""
    labels = [scope.label for scope in sorted(scopes_of(nodes), key=lambda scope: (scope.start, -scope.end))]
    for module in {id(label): label for label in labels if hasattr(label, "named_parameters")}.values():
        yield from module.named_parameters()


def scopes_of(nodes: Sequence[Node]) -> list[Scope]:
    """The calls of named parts of the program in which nodes were recorded."""
    found: dict[int, Scope] = {}
    for node in nodes:
        carried = getattr(node, "scope", None)
        while carried is not None:
            scope = Scope(*carried)
            found[id(carried)] = scope
            carried = scope.inner
    unique = {(scope.start, scope.end): scope for scope in found.values()}
    return list(unique.values())


def values_of(
    nodes: Sequence[Node], kept: Sequence[Pairs], results: Sequence[Tensor], names: Names, held: Iterable[Tensor]
) -> dict[int, Any]:
    """The values that are at hand, by the identity of the node: kept for a rule, written down by annotate, or those of a Tensor that is held."""
    values: dict[int, Any] = {}
    first_use: dict[int, int] = {}
    for node, pairs in zip(nodes, kept, strict=True):
        for parent in node.parents:
            if parent is not None:
                first_use.setdefault(id(parent), node.position)
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
    own = {id(node): node for node in nodes}
    outside = {id(t._node): t._values for t in held if id(t._node) in own}
    outside |= {id(t._node): t._values for t in results} | names.arrays
    for key, value in outside.items():
        if key in own and not replaced_since(own[key], first_use.get(key, own[key].position)):
            values.setdefault(key, value)
    return {
        key: value
        for key, value in values.items()
        if not written_since(
            value, first_use.get(key, own[key].position) if own[key].primitive is None else own[key].position
        )
    }


def constants_of(node: Node, seen: Any, pairs: Pairs, names: Names) -> tuple[Any, ...]:
    """The operands that need no gradient, as far as the tape or annotate has them."""
    if None not in node.parents:
        return ()
    known = () if seen is None else seen.operands[: len(node.parents)]
    found = [kept if kept is not None else s for kept, s in zip_longest(operands_kept(node, pairs), known)]
    return tuple(
        [
            None if parent is not None or written_since(value, node.position) else names.named(value)
            for parent, value in zip(node.parents, found, strict=True)
        ]
    )
