"""The intermediate representation: a list of NumPy calls on values, each in a storage.

A :class:`Value` is one array of the program: where it lies (a :class:`Storage`, an offset, strides), its shape and dtype. Two
values of one storage may overlap: a view and what it looks at. An :class:`Op` is one NumPy call. It reads values, makes values, and
may write into storages that exist already. The order of the list is the order of execution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

__all__ = ["Group", "Op", "Ref", "Storage", "Value", "elementwise", "map_values", "values_in"]


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
