"""Where each array of a program lies: buffers that are set aside once, and reused when what lay in them is no longer needed."""

from __future__ import annotations

import numpy as np

from .blocks import BLOCK, Blocks
from .passes import Program
from .program import Op, Storage, Value, elementwise

__all__ = ["Plan", "into", "plan"]

ALIGNMENT = 64
IN_PLACE = 16384  # bytes from which on a result takes the place of an operand: NumPy needs 0.3 µs more to see that they are the same

# NumPy's functions, other than ufuncs, that put their result into an array they are given.
WITH_OUT = {np.dot, np.concatenate, np.stack, np.cumsum, np.cumprod, np.einsum, np.clip, np.outer, np.trace}
COPIES = {"copy", "astype", "reshape", "ravel", "flatten"}
COPYING = {np.copy, np.reshape, np.ravel, np.ascontiguousarray}


def into(op: Op) -> str | None:
    """How a call can put its result into a buffer: "out", "copy" or "fill"; None where it makes an array of its own."""
    if len(op.outs) != 1 or op.view or not op.outs[0].whole:
        return None
    if op.kind == "fill":
        return "fill"
    if op.kind == "function" and op.target is np.empty_like:
        return "room"
    if op.kind == "ufunc":
        return "out" if op.target.nout == 1 and "where" not in op.kwargs else None
    if op.kind == "ufunc method":
        return "out" if op.target[1] in ("reduce", "accumulate", "reduceat") else None
    if op.kind == "function":
        if op.target is np.dot or op.target is np.einsum:
            return "out" if op.outs[0].contiguous and op.outs[0].shape else None
        return "out" if op.target in WITH_OUT else "copy" if op.target in COPYING else None
    if op.kind == "method":
        return "copy" if op.target in COPIES and _in_order(op) else None
    if op.kind == "random":
        return "out" if op.target[1] in ("random", "standard_normal") and len(op.args) <= 1 and op.outs[0].contiguous and not op.outs[0].scalar else None
    return None


def _in_order(op: Op) -> bool:
    """Whether a copying method goes through the elements in C order."""
    return (op.kwargs.get("order", "C") in ("C", "K") and op.outs[0].contiguous) or (op.target in ("copy", "astype") and not op.kwargs.get("order"))


def dense(value: Value) -> bool:
    """Whether the elements fill one stretch of memory, in some order of the axes."""
    expected = value.dtype.itemsize
    for stride, length in sorted(zip(value.strides, value.shape, strict=True)):
        if length > 1:
            if stride != expected:
                return False
            expected *= length
    return True


class Plan:
    """Buffers of a program.

    Attributes:
        offsets: for the storages that lie in the arena, by index: where.
        size: bytes of the arena.
        last: for every storage, the place in the list of its last use.
    """

    def __init__(self) -> None:
        self.offsets: dict[int, int] = {}
        self.sizes: dict[int, int] = {}
        self.size = 0
        self.last: dict[int, int] = {}


class _Arena:
    """A stretch of memory from which pieces are taken and given back."""

    def __init__(self) -> None:
        self.free: list[tuple[int, int]] = []  # (offset, length), by offset
        self.size = 0

    def take(self, length: int) -> int:
        length = -(-max(length, 1) // ALIGNMENT) * ALIGNMENT
        best = -1
        for i, (_, available) in enumerate(self.free):
            if available >= length and (best < 0 or available < self.free[best][1]):
                best = i
        if best >= 0:
            offset, available = self.free.pop(best)
            if available > length:
                self.free.insert(best, (offset + length, available - length))
            return offset
        if self.free and sum(self.free[-1]) == self.size:  # grow the last free piece
            offset, available = self.free.pop()
            self.size = offset + length
            return offset
        offset = self.size
        self.size += length
        return offset

    def give(self, offset: int, length: int) -> None:
        length = -(-max(length, 1) // ALIGNMENT) * ALIGNMENT
        pieces = sorted([*self.free, (offset, length)])
        merged: list[tuple[int, int]] = []
        for start, size in pieces:
            if merged and sum(merged[-1]) == start:
                merged[-1] = (merged[-1][0], merged[-1][1] + size)
            else:
                merged.append((start, size))
        self.free = merged


def numbers_looked_into(program: Program) -> set[int]:
    """Storages of numbers without axes that other calls than ufuncs take: NumPy copies of a number what it would look at in a buffer."""
    return {
        value.storage.index for op in program.ops if op.kind not in ("ufunc", "ufunc method", "check") for value in op.inputs() if not value.shape
    }


def plan(program: Program) -> Plan:
    """Decide which results get a buffer, and where; a buffer is free again after the last use of what lies in it."""
    made = Plan()
    arena = _Arena()
    for i, op in enumerate(program.ops):
        for value in (*op.inputs(), *op.outs):
            made.last[value.storage.index] = i
    ending: dict[int, list[Storage]] = {}
    for storage in program.storages():
        ending.setdefault(made.last.get(storage.index, -1), []).append(storage)
    loose = numbers_looked_into(program)
    for i, op in enumerate(program.ops):
        inherited = None
        for value in op.outs:
            storage = value.storage
            if storage.kind != "made" or storage.escapes or storage.op is not op or not into(op) or not dense(value) or storage.index in loose:
                continue
            inherited = _inherit(op, value, made, i)
            if inherited is None:
                made.offsets[storage.index] = arena.take(value.nbytes)
            else:
                made.offsets[storage.index] = made.offsets[inherited.index]
            made.sizes[storage.index] = value.nbytes
        if isinstance(op, Blocks):
            _scratch(op, made, arena)
        for storage in ending.get(i, ()):
            if storage.index in made.offsets and storage is not inherited:
                arena.give(made.offsets[storage.index], made.sizes[storage.index])
    made.size = arena.size
    return made


def _scratch(op: Blocks, made: Plan, arena: _Arena) -> None:
    """Room for what a chain of blocks needs in between: as long as a stretch, and free again at once."""
    last: dict[int, int] = {}
    for i, each in enumerate(op.ops):
        for value in (each.result, *each.inputs()):
            last[value.storage.index] = i
    held: dict[int, tuple[int, int]] = {}
    for i, each in enumerate(op.ops):
        index = each.result.storage.index
        length = min(BLOCK, op.size) * each.result.dtype.itemsize
        dying = {v.storage.index for v in each.inputs() if v.storage.index in held and last[v.storage.index] == i and v.storage.index != index}
        if index in op.inner and index not in made.offsets:
            heir = next((other for other in dying if held[other][1] == length), None)
            if heir is not None:
                dying.discard(heir)
                held[index] = held.pop(heir)
            else:
                held[index] = (arena.take(length), length)
            made.offsets[index] = held[index][0]
            made.sizes[index] = length
        for other in dying:
            arena.give(*held.pop(other))
    for piece in held.values():
        arena.give(*piece)


def _inherit(op: Op, out: Value, made: Plan, i: int) -> Storage | None:
    """The storage of an operand that dies here and whose place the result of an elementwise call can take."""
    if not elementwise(op) or out.nbytes < IN_PLACE:
        return None
    for value in op.inputs():
        storage = value.storage
        if (
            storage.index in made.offsets
            and made.last[storage.index] == i
            and value.whole
            and value.shape == out.shape
            and value.strides == out.strides
            and value.dtype.itemsize == out.dtype.itemsize
            and not any(other.storage is storage and other is not value and other.region != value.region for other in op.inputs())
        ):
            return storage
    return None
