"""Buffer allocation and reuse, by the liveness of each array."""

from __future__ import annotations

import bisect
import heapq

import numpy as np

from .ir import Op, Program, Storage, Value, elementwise
from .passes.blocks import BLOCK, Blocks

__all__ = ["Plan", "into", "plan"]

ALIGNMENT = 64
IN_PLACE = (
    16  # elements from which on a result takes the place of an operand: on one element NumPy then takes twice as long
)

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
    if op.kind == "function" and op.target in (np.empty_like, np.empty):
        return "room"
    if op.kind == "function" and op.target in (np.zeros, np.zeros_like):
        return "zeros"
    if op.kind == "ufunc":
        return "out" if op.target.nout == 1 and "where" not in op.kwargs else None
    if op.kind == "ufunc method":
        if op.target[1] == "reduce" and min(op.args[0].value.strides, default=0) < 0:
            return None  # NumPy 2.1 to 2.3 add up what runs backwards in another order where they are given out=
        return "out" if op.target[1] in ("reduce", "accumulate", "reduceat") else None
    if op.kind == "function":
        if op.target is np.dot or op.target is np.einsum:
            return "out" if op.outs[0].contiguous and op.outs[0].shape else None
        if op.target in (np.concatenate, np.stack) and op.kwargs.get("dtype") is not None:
            return None  # they take either dtype= or out=
        return "out" if op.target in WITH_OUT else "copy" if op.target in COPYING and _in_order(op) else None
    if op.kind == "method":
        return "copy" if op.target in COPIES and _in_order(op) else None
    if op.kind == "random":
        return (
            "out"
            if op.target[1] in ("random", "standard_normal")
            and len(op.args) <= 1
            and op.outs[0].contiguous
            and not op.outs[0].scalar
            else None
        )
    return None


def copies(op: Op) -> bool:
    """Whether a call copies its operand into an array that has its elements in the same order."""
    return (op.kind == "method" and op.target in COPIES) or (op.kind == "function" and op.target in COPYING)


def _in_order(op: Op) -> bool:
    """Whether a copying method goes through the elements in C order."""
    if any(isinstance(item, str) for item in op.args[1:]):
        return False
    return op.args[0].value.shape == op.outs[0].shape or (op.kwargs.get("order", "C") == "C" and op.outs[0].contiguous)


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
    """A stretch of memory from which pieces are taken and given back: of the shortest that suffice the first (best fit)."""

    def __init__(self) -> None:
        self.size = 0
        self.free: dict[int, int] = {}  # offset → length
        self.ends: dict[int, int] = {}  # end → offset
        self.lengths: list[int] = []  # those that there are, sorted
        self.offsets: dict[int, list[int]] = {}  # length → heap of offsets, of which some may have been taken meanwhile

    def take(self, length: int) -> int:
        length = -(-max(length, 1) // ALIGNMENT) * ALIGNMENT
        i = bisect.bisect_left(self.lengths, length)
        while i < len(self.lengths):
            available = self.lengths[i]
            heap = self.offsets[available]
            while heap and self.free.get(heap[0]) != available:
                heapq.heappop(heap)
            if heap:
                offset = heap[0]
                self._remove(offset)
                if available > length:
                    self._add(offset + length, available - length)
                return offset
            del self.lengths[i], self.offsets[available]
        offset = self.ends.get(self.size, self.size)  # grow the last free piece, if it stands at the end
        if offset < self.size:
            self._remove(offset)
        self.size = offset + length
        return offset

    def give(self, offset: int, length: int) -> None:
        length = -(-max(length, 1) // ALIGNMENT) * ALIGNMENT
        before = self.ends.get(offset)
        if before is not None:
            length += self._remove(before)
            offset = before
        if offset + length in self.free:
            length += self._remove(offset + length)
        self._add(offset, length)

    def _add(self, offset: int, length: int) -> None:
        self.free[offset] = length
        self.ends[offset + length] = offset
        if length not in self.offsets:
            bisect.insort(self.lengths, length)
            self.offsets[length] = []
        heapq.heappush(self.offsets[length], offset)

    def _remove(self, offset: int) -> int:
        length = self.free.pop(offset)
        del self.ends[offset + length]
        return length


def numbers_looked_into(program: Program) -> set[int]:
    """Storages of numbers without axes that other calls than ufuncs take: NumPy copies of a number what it would look at in a buffer."""
    return {
        value.storage.index
        for op in program.ops
        if op.kind not in ("ufunc", "ufunc method", "check", "loop")
        for value in op.inputs()
        if not value.shape
    }


class _Room:
    """A piece of the arena: what lies in it from one call to another."""

    __slots__ = ("end", "length", "offset", "start")

    def __init__(self, start: int, end: int, length: int) -> None:
        self.start, self.end = start, end
        self.length = -(-max(length, 1) // ALIGNMENT) * ALIGNMENT
        self.offset = 0


def plan(program: Program) -> Plan:
    """Decide which results get a buffer, and where; a buffer is free again after the last use of what lies in it."""
    made = Plan()
    for i, op in enumerate(program.ops):
        for value in (*op.inputs(), *op.outs):
            made.last[value.storage.index] = i
    rooms: list[_Room] = []
    room_of: dict[int, _Room] = {}

    def take(storage: int, start: int, end: int, length: int) -> None:
        room_of[storage] = room = _Room(start, end, length)
        rooms.append(room)
        made.sizes[storage] = length

    loose = numbers_looked_into(program)
    for i, op in enumerate(program.ops):
        for value in op.outs:
            storage = value.storage
            maker = storage.op if isinstance(op, Blocks) and storage.op in op.ops else op
            fills = op.kind == "loop"
            if (
                storage.kind != "made"
                or storage.escapes
                or (not fills and (storage.op is not maker or not into(maker)))
                or not dense(value)
                or storage.index in loose
            ):
                continue
            inherited = _inherit(op, value, room_of, made.last, i)
            if inherited is None:
                take(storage.index, i, made.last[storage.index], value.nbytes)
            else:
                room = room_of[storage.index] = room_of[inherited.index]
                room.end = max(room.end, made.last[storage.index])
                made.sizes[storage.index] = value.nbytes
        if isinstance(op, Blocks):
            _scratch(op, room_of, rooms, made, i)
    made.size = _place(rooms)
    made.offsets = {index: room.offset for index, room in room_of.items()}
    return made


CAREFUL = 400  # of so many rooms, the largest, each is laid as low as all the others allow; it takes the square of their number


def _place(rooms: list[_Room]) -> int:
    """Lay the rooms so that two that are in use at the same time do not overlap; the size of the whole.

    The largest first, each as low as it goes (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020);
    the small ones after them, in the order of time.
    """
    by_size = sorted(rooms, key=lambda room: (-room.length, room.start))
    large, small = by_size[:CAREFUL], by_size[CAREFUL:]
    placed: list[_Room] = []
    top = 0
    for room in large:
        offset = 0
        for other in placed:  # by offset
            if other.start <= room.end and room.start <= other.end:
                if other.offset - offset >= room.length:
                    break
                offset = max(offset, other.offset + other.length)
        room.offset = offset
        bisect.insort(placed, room, key=lambda each: each.offset)
        top = max(top, offset + room.length)
    if not small:
        return top
    arena = _Arena()
    ending: dict[int, list[_Room]] = {}
    now = 0
    for room in sorted(small, key=lambda each: each.start):
        while now < room.start:
            for other in ending.pop(now, ()):
                arena.give(other.offset - top, other.length)
            now += 1
        room.offset = top + arena.take(room.length)
        ending.setdefault(room.end, []).append(room)
    return top + arena.size


def _scratch(op: Blocks, room_of: dict[int, _Room], rooms: list[_Room], made: Plan, at: int) -> None:
    """Room for what a chain of blocks needs in between: as long as a stretch, and free again at once."""
    last: dict[int, int] = {}
    for i, each in enumerate(op.ops):
        for value in (each.result, *each.inputs()):
            last[value.storage.index] = i
    held: dict[int, _Room] = {}
    free: list[_Room] = []
    for i, each in enumerate(op.ops):
        index = each.result.storage.index
        length = min(BLOCK, op.size) * each.result.dtype.itemsize
        dying = {
            v.storage.index
            for v in each.inputs()
            if v.storage.index in held and last[v.storage.index] == i and v.storage.index != index
        }
        if index in op.inner and index not in room_of:
            heir = next((other for other in dying if made.sizes[other] == length), None)
            if heir is not None:
                dying.discard(heir)
                room = held.pop(heir)
            else:
                spare = next((room for room in free if room.length >= length), None)
                if spare is not None:
                    free.remove(spare)
                    room = spare
                else:
                    room = _Room(at, at, 2 * length if op.halves else length)
                    rooms.append(room)
            held[index] = room_of[index] = room
            made.sizes[index] = length
        free += [held.pop(other) for other in dying]


def _inherit(op: Op, out: Value, room_of: dict[int, _Room], last: dict[int, int], i: int) -> Storage | None:
    """The storage of an operand that dies here and whose place the result of an elementwise call can take."""
    if not elementwise(op) or out.size < IN_PLACE:
        return None
    for value in op.inputs():
        storage = value.storage
        if (
            storage.index in room_of
            and last[storage.index] == i
            and value.whole
            and value.shape == out.shape
            and value.strides == out.strides
            and value.dtype.itemsize == out.dtype.itemsize
            and not any(
                other.storage is storage and other is not value and other.region != value.region
                for other in op.inputs()
            )
        ):
            return storage
    return None
