"""The intermediate representation: a list of NumPy calls on values, each in a storage.

A :class:`Value` is one array of the program: where it lies (a :class:`Storage`, an offset, strides), its shape and dtype. Two
values of one storage may overlap: a view and what it looks at. An :class:`Op` is one NumPy call. It reads values, makes values, and
may write into storages that exist already. The order of the list is the order of execution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Self

import numpy as np

__all__ = ["Group", "Op", "Program", "Ref", "Storage", "Value", "elementwise", "map_values", "values_in"]


class Storage:
    """A piece of memory, and where it comes from."""

    __slots__ = ("array", "escapes", "index", "kind", "nbytes", "op", "written")

    def __init__(self, index: int, kind: str, nbytes: int, array: Any = None) -> None:
        self.index = index
        self.kind = kind  # "made" by an op, an "argument", "captured" (an array of the caller), a "state" (written anew each time), "constant"
        self.nbytes = nbytes
        self.array = array  # the owner of the memory where the program does not make it
        self.op: Op | None = None  # what makes it
        self.written = 0  # writes after it was made
        self.escapes = False  # whether the caller gets it

    @property
    def external(self) -> bool:
        """Whether the memory is there before the program runs."""
        return self.kind in ("argument", "captured", "state")

    def __repr__(self) -> str:
        return f"<{self.kind} storage {self.index}, {self.nbytes} bytes>"


class Value:
    """One array of the program."""

    __slots__ = (
        "array",
        "dtype",
        "index",
        "label",
        "name",
        "offset",
        "op",
        "roots",
        "scalar",
        "shape",
        "storage",
        "strides",
        "weak",
        "whole",
    )

    def __init__(self, index: int, array: Any, storage: Storage, offset: int, whole: bool) -> None:
        self.index = index
        self.shape: tuple[int, ...] = array.shape
        self.dtype: Any = array.dtype
        self.scalar = isinstance(array, np.generic)
        self.strides: tuple[int, ...] = () if self.scalar else array.strides
        self.storage = storage
        self.offset = offset
        self.weak = False  # whether it is a number of Python's, which does not decide in which dtype is computed
        self.whole = whole  # whether it is all of its storage
        self.op: Op | None = None  # what makes it; None where it is there before
        self.array: Any = None  # of a constant, and of a captured array: itself
        self.roots: tuple[Value, ...] | None = (
            None  # the arrays of the caller that it is computed of, where it depends on no argument and no state
        )
        self.label: Any = None  # a suggestion for its name, or what it is (a Role of provenance.py)
        self.name: str | None = None

    @property
    def size(self) -> int:
        """Number of elements."""
        n = 1
        for length in self.shape:
            n *= length
        return n

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return int(self.size * self.dtype.itemsize)

    @property
    def region(self) -> tuple[Any, ...]:
        """What memory it is, and as what it is read."""
        return (self.storage.index, self.offset, self.shape, self.strides, self.dtype, self.scalar)

    @property
    def contiguous(self) -> bool:
        """Whether the elements lie one after the other in C order."""
        expected = self.dtype.itemsize
        for length, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if length != 1:
                if stride != expected:
                    return False
                expected *= length
        return True

    def __repr__(self) -> str:
        return f"<{self.name or f'v{self.index}'} {self.shape} {self.dtype} in {self.storage.index}>"


class Ref:
    """The place of a value in the arguments of a call."""

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value


class Op:
    """One call.

    Attributes:
        kind: "ufunc", "ufunc method" (reduce, accumulate, …), "function", "method", "attribute", "getitem", "setitem", "host".
        target: the ufunc or function; the name of the method or attribute.
        args, kwargs: with :class:`Ref` for values, nested in lists, tuples and dicts as they were given; never an ``out``.
        outs: the values that it makes, in order.
        out: for a call that writes its result into an array that exists: that value.
        writes: the storages that it changes.
        view: whether its result is a view of its first value.
        pure: whether the same arguments give the same result, and nothing else happens.
        section, position, quiet: "forward", "backward" or "update"; the place on the tape; what of NumPy's error state is the function's own.
    """

    __slots__ = (
        "args",
        "kind",
        "kwargs",
        "natural",
        "node",
        "out",
        "outs",
        "position",
        "primitive",
        "pure",
        "quiet",
        "section",
        "several",
        "target",
        "view",
        "writes",
    )

    def __init__(self, kind: str, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.kind = kind
        self.target = target
        self.args = args
        self.kwargs = kwargs
        self.outs: tuple[Value, ...] = ()
        self.out: Value | None = None
        self.writes: tuple[Storage, ...] = ()
        self.view = False
        self.pure = True
        self.several = False  # returns a sequence of results
        self.natural = (
            False  # with an out that has the shape, dtype and layout of the result that the call makes without one
        )
        self.section = "forward"
        self.position = 0
        self.quiet: tuple[tuple[str, str], ...] = ()
        self.primitive: str | None = None
        self.node: Any = None

    def copy(self) -> Op:
        """The same call once more, which passes over this one leave alone."""
        made = Op(self.kind, self.target, self.args, self.kwargs)
        made.outs, made.out, made.writes, made.view, made.pure = self.outs, self.out, self.writes, self.view, self.pure
        made.several, made.natural, made.primitive = self.several, self.natural, self.primitive
        return made.beside(self)

    def beside(self, other: Op) -> Self:
        """Let it stand where another call stands in the text: in its section, for its operation, under its error state."""
        self.section, self.position, self.quiet, self.node = other.section, other.position, other.quiet, other.node
        return self

    def inputs(self) -> list[Value]:
        """The values that it reads (where it writes into a part of one, that one too)."""
        found: list[Value] = []
        for item in self.args:
            if item.__class__ is Ref:
                found.append(item.value)
            elif item.__class__ in _NESTED:
                found += values_in(item)
        if self.kwargs:
            found += values_in(self.kwargs)
        if self.out is not None:
            found.append(self.out)
        return found

    def args_depend(self) -> bool:
        """Whether anything that it reads is known only when the program runs."""
        return any(value.storage.kind != "constant" or value.storage.written for value in self.inputs())

    @property
    def result(self) -> Value:
        """The single value that it makes or fills."""
        value = self.out if self.out is not None else self.outs[0]
        assert value is not None
        return value

    def __repr__(self) -> str:
        word = self.target if isinstance(self.target, str) else getattr(self.target, "__name__", self.target)
        made = ", ".join(map(repr, self.outs if self.out is None else (self.out,)))
        return f"<{made} = {self.kind} {word}({', '.join(map(repr, self.inputs()))})>"


class Group(Op):
    """Calls that are run together, and are one call to the others.

    Attributes:
        ops: the calls.
        inner: the storages that hold nothing outside of them.
    """

    __slots__ = ("inner", "ops")

    def __init__(self, kind: str, ops: list[Op], inner: set[int]) -> None:
        super().__init__(kind, kind, (), {})
        self.ops = ops
        self.inner = inner
        made: set[int] = set()
        read: dict[int, Value] = {}
        outs: dict[int, Value] = {}
        writes: dict[int, Storage] = {}
        for op in ops:
            for value in op.inputs():
                if value.storage.index not in made:
                    read[value.index] = value
            for value in op.outs:
                made.add(value.storage.index)
                if value.storage.index not in inner:
                    outs[value.index] = value
            for storage in op.writes:
                writes[storage.index] = storage
        self.args = tuple([Ref(value) for value in read.values()])
        self.outs = tuple(outs.values())
        self.writes = tuple(writes.values())
        self.pure = False
        self.beside(ops[0])


def elementwise(op: Op) -> bool:
    """Whether each element of the result comes from one element of each operand."""
    return op.kind == "ufunc" and op.target.signature is None and op.target.nout == 1 and "where" not in op.kwargs


_NESTED = (tuple, list, dict, slice)


def values_in(tree: Any) -> Iterator[Value]:
    """The values in the arguments of a call."""
    kind = tree.__class__
    if kind is Ref:
        yield tree.value
    elif kind is tuple or kind is list:
        for item in tree:
            yield from values_in(item)
    elif kind is dict:
        for item in tree.values():
            yield from values_in(item)
    elif kind is slice:
        yield from values_in((tree.start, tree.stop, tree.step))


def map_values(tree: Any, change: Callable[[Value], Any]) -> Any:
    """Arguments with each :class:`Ref` replaced by ``change(value)``."""
    kind = tree.__class__
    if kind is Ref:
        return change(tree.value)
    if kind is tuple:
        return tuple([map_values(item, change) for item in tree])
    if kind is list:
        return [map_values(item, change) for item in tree]
    if kind is dict:
        return {key: map_values(item, change) for key, item in tree.items()}
    if kind is slice:
        return slice(*[map_values(item, change) for item in (tree.start, tree.stop, tree.step)])
    return tree


class Program:
    """The calls of one run, what they start from and what they return.

    Attributes:
        ops: in order.
        arguments: the values of the arrays that are passed in.
        outputs: the values that are returned.
        counts: calls after each pass, by its name.
    """

    def __init__(self, ops: list[Op], arguments: list[Value], outputs: list[Value]) -> None:
        self.ops = ops
        self.arguments = arguments
        self.outputs = outputs
        self.counts: dict[str, int] = {"traced": len(ops)}
        self._became: dict[int, Value] = {}
        self.written_out: tuple[list[Op], list[Value]] = (
            [],
            [],
        )  # calls and results as they were before anything was done for speed alone
        self.spread: set[int] = set()  # constants that are one number as often as an operand beside them has elements
        self._index = 1 << 40  # of values and storages that the passes make
        self.settle()

    def next_index(self) -> int:
        """An index for a value or a storage that the trace did not make."""
        self._index += 1
        return self._index

    def storage(self, kind: str, nbytes: int, array: Any = None) -> Storage:
        """A storage that the trace did not make."""
        return Storage(self.next_index(), kind, nbytes, array)

    def value(
        self,
        storage: Storage,
        dtype: Any,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        offset: int = 0,
        whole: bool = False,
    ) -> Value:
        """A value that the trace did not make."""
        return Value(
            self.next_index(),
            np.lib.stride_tricks.as_strided(np.empty(1, dtype), shape, strides),
            storage,
            offset,
            whole,
        )

    def constant(self, array: Any) -> Value:
        """A value for an array that is known."""
        array.flags.writeable = False
        made = Value(self.next_index(), array, self.storage("constant", array.nbytes, array), 0, True)
        made.array = array
        return made

    def view(self, near: Op, made: Value, kind: str, target: Any, *args: Any) -> Op:
        """The call that gives a view, beside another call."""
        op = Op(kind, target, args, {}).beside(near)
        op.view, op.outs, made.op = True, (made,), op
        return op

    def settle(self) -> None:
        """Derive from the list what each storage is: whether it is written and whether the caller gets it."""
        for storage in self.storages():
            storage.escapes = False
            storage.written = 0
        for op in self.ops:
            for storage in op.writes:
                storage.written += 1
        for value in self.outputs:
            value.storage.escapes = True
        for storage in self.storages():
            if storage.kind == "constant" and storage.written:
                storage.kind = "made"

    def storages(self) -> list[Storage]:
        """Every storage that appears."""
        found: dict[int, Storage] = {}
        for value in (*self.arguments, *self.outputs):
            found[value.storage.index] = value.storage
        for op in self.ops:
            for value in (*op.inputs(), *op.outs):
                found[value.storage.index] = value.storage
        return list(found.values())

    @property
    def became(self) -> Mapping[int, Value]:
        """What stands for a value that was overwritten or is left out, by its index: to read (:meth:`replace` changes it)."""
        return MappingProxyType(self._became)

    def replace(self, table: Mapping[Value, Value]) -> None:
        """Put other values in the place of some, wherever they are read or returned. Call it before their makers are dropped.

        A value that comes in may be replaced by the same table: the last one of such a chain is taken.

        Raises:
            ValueError: a value isn't in the program, its stand-in has another shape or dtype, or the values stand for each other
                in a circle. The program is as it was.
        """
        if not table:
            return
        missing = set(table).difference(*[op.outs for op in self.ops])
        if missing:
            missing.difference_update(self.arguments, self.outputs, *[op.inputs() for op in self.ops])
        if missing:
            raise ValueError(
                f"replace: {missing.pop()} is not in the program; replace values before their makers are dropped"
            )
        for old, new in table.items():
            if (old.shape, old.dtype) != (new.shape, new.dtype):
                raise ValueError(f"replace: {new} cannot stand for {old}; give a value of its shape and dtype")
        final: dict[Value, Value] = {}
        for old in table:
            path: dict[Value, None] = {}
            value = old
            while value in table and value not in final:
                if value in path:
                    raise ValueError(f"replace: {value} would stand for itself; leave out one entry of the circle")
                path[value] = None
                value = table[value]
            final.update(dict.fromkeys(path, final.get(value, value)))

        def place(value: Value) -> Ref:
            return Ref(final.get(value, value))

        for op in self.ops:
            op.args = map_values(op.args, place)
            op.kwargs = map_values(op.kwargs, place)
            if op.out is not None:
                op.out = final.get(op.out, op.out)
        self.outputs = [final.get(value, value) for value in self.outputs]
        self._became.update({old.index: new for old, new in final.items()})

    def supersede(self, old: Value, new: Value) -> None:
        """Note that a value was overwritten by a later one, which has its name in the texts. What reads it stays as it is."""
        self._became[old.index] = new

    def values(self) -> dict[int, list[Value]]:
        """The values of each storage, by its index."""
        found: dict[int, dict[int, Value]] = {}
        for value in (*self.arguments, *self.outputs):
            found.setdefault(value.storage.index, {})[value.index] = value
        for op in self.ops:
            for value in (*op.inputs(), *op.outs):
                found.setdefault(value.storage.index, {})[value.index] = value
        return {index: list(values.values()) for index, values in found.items()}

    def write_out(self) -> None:
        """Remember the calls as they are now: the program that one would write by hand."""
        self.written_out = ([op.copy() for op in self.ops], [*self.outputs])

    def uses(self) -> dict[int, int]:
        """How often each value is read, by its index; what is returned counts twice, for it must stay."""
        found: dict[int, int] = {}
        for op in self.ops:
            for value in op.inputs():
                found[value.index] = found.get(value.index, 0) + 1
        for value in self.outputs:
            found[value.index] = found.get(value.index, 0) + 2
        return found

    def makers(self) -> dict[int, Op]:
        """The call that makes each value, by its index."""
        return {value.index: op for op in self.ops for value in op.outs}

    def count(self, name: str) -> None:
        """Note how many calls are left."""
        self.counts[name] = len(self.ops)
