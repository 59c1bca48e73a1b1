"""What the tape keeps for the backward pass of an operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.slots import Slot
from ..engine.tape import Node

__all__ = ["Kept", "Pairs", "kept_by", "kept_of", "operand_words", "operands_kept", "primitive_of"]

Pairs = Sequence[tuple[Slot, Any]]  # what a node keeps


@dataclass(frozen=True)
class Kept:
    """A value that the tape keeps for the backward pass of an operation.

    Attributes:
        name: the parameter of the rule that named it.
        what: ``"operand"``, ``"output"`` or ``"option"``.
        nbytes: bytes of its arrays.
        arrays: the identities of its arrays: what several operations keep is there once.
        owners: the identities of the arrays whose memory these look at.
    """

    name: str
    what: str
    nbytes: int
    arrays: tuple[int, ...]
    owners: tuple[int, ...] = ()


def primitive_of(node: Node) -> Any:
    """The operation of a node; one that retains its gradient has it inside."""
    return getattr(node.primitive, "primitive", node.primitive)


def operand_words(primitive: Any, count: int) -> tuple[str, ...]:
    """What the operands of an operation are called: by its signature, and one of a sequence by its index."""
    words = tuple(primitive.operands)
    if len(words) == count and not getattr(primitive, "sequence", False):
        return words
    return tuple([f"{words[0] if words else 'operand'}[{i}]" for i in range(count)])


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


def kept_of(node: Node, pairs: Pairs, memory: dict[int, int]) -> tuple[Kept, ...]:
    """What is kept for a node; the memory of its arrays is entered into ``memory``."""
    values = node.kept
    if not values or node.primitive is None:
        return ()
    named = [(slot.name, _WHAT.get(slot.source, "option"), value) for slot, value in pairs]
    kept = []
    for name, what, value in named or [("values", "operand", values)]:
        arrays = [] if value.__class__ in _NUMBERS else _arrays(value)
        owners = []
        for array in arrays:
            owner = array
            while isinstance(getattr(owner, "base", None), np.ndarray):
                owner = owner.base
            memory[id(owner)] = owner.nbytes
            owners.append(id(owner))
        if arrays:
            kept.append(Kept(name, what, sum(a.nbytes for a in arrays), tuple(map(id, arrays)), tuple(owners)))
    return tuple(kept)


_NUMBERS = frozenset((float, int, bool, str, type(None)))
_WHAT = {"value": "operand", "out": "output", "hidden": "output"}


def _arrays(value: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [array for part in value for array in _arrays(part)]
    return [value] if value.__class__ is np.ndarray or (hasattr(value, "nbytes") and hasattr(value, "shape")) else []
