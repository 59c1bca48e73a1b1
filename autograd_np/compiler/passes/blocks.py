"""Loop blocking: run chains of elementwise calls on large arrays block by block, in the cache.

A call on an array that does not fit into the cache fetches it from memory, and the next call fetches it again. Where a dozen calls
follow each other (an optimizer's update, an activation and its bias), the whole dozen is run on one stretch of the arrays after the
other, and what is only needed in between takes no more room than a stretch. Elementwise arithmetic gives the same bits either way.
"""

from __future__ import annotations

from typing import Any

from .. import threads
from ..ir import Group, Op, Program, Ref, Value, elementwise

__all__ = ["Blocks", "group_blocks"]

BLOCK = 32768  # elements of one stretch: a few arrays of that length stay in the cache of a core, and the calls are few
WORTH = 1 << 20  # bytes of all arrays of a chain from which on it is run in blocks: less stays in the cache by itself


class Blocks(Group):
    """Elementwise calls that are run together, a stretch of the arrays at a time.

    Attributes:
        ops: the calls.
        size: elements of the arrays.
        inner: the storages that hold nothing outside the chain: they are as long as one stretch.
        halves: whether the two halves of the arrays are run by two threads.
    """

    __slots__ = ("halves", "size")

    def __init__(self, ops: list[Op], size: int, inner: set[int]) -> None:
        super().__init__("blocks", ops, inner)
        self.size = size
        self.halves = size >= threads.LARGE and threads.pays()  # run side by side


def _flat(value: Value, size: int) -> bool:
    return value.size == size and value.contiguous


def _candidate(op: Op) -> int:
    """The number of elements of an elementwise call that could be run in blocks; 0 for other calls."""
    if op.kind != "ufunc" or not elementwise(op) or op.kwargs:
        return 0
    result = op.result
    if (
        result.scalar
        or not result.shape
        or result.size < 2 * BLOCK
        or (op.out is None and (result.storage.escapes or not result.whole))
    ):
        return 0
    size = result.size
    if not _flat(result, size):
        return 0
    for item in op.args:
        if item.__class__ is Ref:
            value = item.value
            if value.size != 1 and not _flat(value, size):
                return 0
            if value.size == 1 and value.shape and value.storage.kind != "constant":
                return 0
    return size


class _Chain:
    """A chain that is being collected."""

    def __init__(self, size: int, key: Any) -> None:
        self.size = size
        self.key = key
        self.ops: list[Op] = []
        self.before: list[Op] = []  # calls that stood in between and do not depend on the chain
        self.after: list[Op] = []  # views of what it makes
        self.reads: dict[int, set[Any]] = {}  # storage → what is read of it
        self.written: dict[int, set[Any]] = {}  # storage → what is written of it

    def fits(self, op: Op) -> bool:
        """Whether a call can join: whatever is written is read and written at the same places only."""
        result = op.result
        place = (result.offset, result.nbytes)
        index = result.storage.index
        others = self.reads.get(index, set()) | self.written.get(index, set())
        if others - {place}:
            return False
        for value in op.inputs():
            written = self.written.get(value.storage.index)
            if written is not None and written != {(value.offset, value.nbytes)}:
                return False
            if value.storage.index == index and (value.offset, value.nbytes) != place:
                return False
        return True

    def add(self, op: Op) -> None:
        for value in op.inputs():
            self.reads.setdefault(value.storage.index, set()).add((value.offset, value.nbytes))
        result = op.result
        self.written.setdefault(result.storage.index, set()).add((result.offset, result.nbytes))
        self.ops.append(op)

    def independent(self, op: Op) -> bool:
        """Whether a call can be made before the chain."""
        if any(value.storage.index in self.written for value in (*op.inputs(), *op.outs)):
            return False
        return not any(storage.index in self.reads or storage.index in self.written for storage in op.writes)


def group_blocks(program: Program) -> None:
    """Replace chains of elementwise calls on large arrays by :class:`Blocks`."""
    last: dict[int, int] = {}
    for i, op in enumerate(program.ops):
        for value in (*op.inputs(), *op.outs):
            last[value.storage.index] = i
    place = {id(op): i for i, op in enumerate(program.ops)}
    readers: dict[int, set[int]] = {}
    for op in program.ops:
        for value in op.inputs():
            readers.setdefault(value.storage.index, set()).add(id(op))
    result: list[Op] = []
    chain: _Chain | None = None

    def close() -> None:
        nonlocal chain
        if chain is None:
            return
        done = _blocks(chain, last, place, readers, program)
        result.extend([*chain.before, *done, *chain.after])
        chain = None

    for op in program.ops:
        size = _candidate(op)
        if size:
            key = (size, op.section, op.quiet)
            if chain is not None and (chain.key != key or not chain.fits(op)):
                close()
            if chain is None:
                chain = _Chain(size, key)
                if not chain.fits(op):  # it reads beside where it writes
                    chain = None
                    result.append(op)
                    continue
            chain.add(op)
        elif chain is None:
            result.append(op)
        elif (
            op.view
            and any(value.storage.index in chain.written for value in op.inputs())
            and not any(v.storage.external for v in op.inputs())
        ):
            chain.after.append(op)
        elif chain.independent(op) or (op.view and all(value.storage.external for value in op.inputs())):
            chain.before.append(op)
        else:
            close()
            result.append(op)
    close()
    program.ops = result


def _blocks(
    chain: _Chain, last: dict[int, int], place: dict[int, int], readers: dict[int, set[int]], program: Program
) -> list[Op]:
    """The chain as blocks, or as it was where that is not worth it."""
    ops = chain.ops
    sizes: dict[Any, int] = {}
    for op in ops:
        for value in (op.result, *op.inputs()):
            if value.size > 1:
                sizes[value.storage.index, value.offset] = value.nbytes
    spread = any(
        value.index in program.spread for op in ops for value in op.inputs()
    )  # in blocks it is no longer than one
    if (len(ops) < 2 and not spread) or sum(sizes.values()) < WORTH:
        return ops
    end = max(place[id(op)] for op in ops)
    inside = {id(op) for op in (*ops, *chain.after)}
    made = {value.storage.index for op in ops for value in op.outs}
    outside = {index for index in made if not readers.get(index, set()) <= inside}
    outside |= {value.storage.index for value in program.outputs}
    inner = {
        value.storage.index
        for op in ops
        for value in op.outs
        if last[value.storage.index] <= end
        and value.storage.index not in outside
        and not value.storage.escapes
        and value.storage.kind == "made"
    }
    chain.after = [op for op in chain.after if not any(value.storage.index in inner for value in op.inputs())]
    return [Blocks(ops, chain.size, inner)]
