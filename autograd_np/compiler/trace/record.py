"""The trace of one run: every NumPy call on a traced array becomes an :class:`~..ir.Op`, and is computed as well.

A trace runs the function for real, once. Each traced array stands for an array that exists, so shapes, strides, dtypes and which
result is a view of what are NumPy's own answers, and the run that was traced has done its work when it ends.
"""

from __future__ import annotations

import bisect
import contextlib
import functools
import threading
import weakref
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from ...engine import hooks, write_guards
from ...engine.clock import next_position
from ...engine.errors import CompileError, describe, in_library, location
from ...engine.operands import base_array
from ..ir import Op, Ref, Storage, Value
from .array import Traced

__all__ = ["Trace"]


def owner_of(array: Any) -> Any:
    """The array that owns the memory an array looks into (through the helper objects of ``as_strided`` and ``broadcast_to``)."""
    found = array
    base = array.base
    while base is not None:
        if isinstance(base, np.ndarray):
            found = base
        base = getattr(base, "base", None)
    return found


def _address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


def fingerprint(array: Any) -> int:
    """A number that changes when the content of an array does."""
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data) if array.size else 0


def laid(array: Any) -> tuple[int, ...]:
    """The strides of an array, without those of axes along which nothing is stepped."""
    return (
        tuple([stride for stride, length in zip(array.strides, array.shape, strict=True) if length > 1])
        if array.size
        else ()
    )


def _unheard(kind: str, flag: int) -> None:
    """What NumPy calls where the caller ignores an error."""


class Trace:
    """What one run of a function did."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.section = "forward"
        self.story: Any = None  # what its parts are called, collected by provenance.py
        self.node: Any = None  # whose rule is being run
        self.captured: dict[int, tuple[Any, Value]] = {}  # by id: arrays of the caller that the program reads
        self.prints: dict[int, int] = {}  # by id: their fingerprints when they were met
        self.state: dict[int, tuple[Any, Value]] = {}  # by id: arrays that the program may write
        self.backups: dict[int, tuple[Any, Any]] = {}  # by storage: (array, its content before the first write)
        self.generators: dict[int, tuple[Any, Any]] = {}  # by id: those drawn from, and their states before
        self.before: list[Callable[[], Any]] = []
        self.after: list[Callable[[], Any]] = []
        self.torn: list[Callable[[BaseException], Any]] = []
        self.conditions: list[Callable[[], Any]] = []  # what must be equal for the program to hold
        self.dependent: set[int] = set()  # storages of the caller whose numbers have been looked at
        self.given: dict[int, Value] = {}  # by storage: the arrays that are there before the program runs
        self._early: dict[int, bool] = {}  # by value: whether it can be computed before anything is written
        self._assumed: dict[tuple[Any, int], bool] = {}  # by test and value: the answer
        self._owners: dict[int, tuple[Any, Storage]] = {}
        self._storages = 0
        self._values = 0
        self._token: Any = None
        self.ended = False
        self.thread = threading.get_ident()
        self.refusals: list[CompileError] = []  # that were raised while the function ran
        self.raised = False  # whether a call, or a test of its data, raised while the function ran
        self.seen: Any = None  # what the run had come to where it may be compared, if that is not its end
        self.errors: Any = {}
        self._quiet: Any = None

    # ---------------------------------------------------------------- the run

    def __enter__(self) -> Self:
        self._token = hooks.begin_trace(self)
        # What the caller ignores is told from what the function does: the program runs in the error state of each caller.
        self.errors = np.geterr()
        ignored: Any = {kind: "call" for kind, mode in self.errors.items() if mode == "ignore"}
        self._quiet = (
            np.errstate(**ignored, call=_unheard)
            if ignored and not {"call", "log"} & {*self.errors.values()}
            else contextlib.nullcontext()
        )
        self._quiet.__enter__()
        self.errors = np.geterr()
        return self

    def __exit__(self, *error: object) -> None:
        self._quiet.__exit__(None, None, None)
        hooks.end_trace(self._token)
        self.ended = True

    def written(self) -> list[tuple[Any, Any]]:
        """The arrays of the caller that the run has written so far, and copies of their content."""
        return [(array, np.copy(array)) for array, _ in self.backups.values()]

    def roll_back(self) -> None:
        """Undo what the run wrote into arrays of the caller."""
        for array, content in self.backups.values():
            array[...] = content

    def check_refusals(self) -> None:
        """Raise a refusal that the function has caught: it would go another way than without compile. (Where the library asks, it knows what to do.)"""
        for error in self.refusals:
            caught = error.__traceback__  # begins with the frame that caught it
            if caught is not None and not in_library(caught.tb_frame):
                raise error

    def check_captured(self) -> None:
        """Raise if an array that the run used was changed behind the tracer's back."""
        for key, (array, value) in self.captured.items():
            if not value.storage.written and key in self.prints and fingerprint(array) != self.prints[key]:
                raise CompileError(
                    f"compile: an array that the function uses ({describe(array)}) was changed in the same call by NumPy calls that have no traced operand; "
                    "a program that is replayed would not see that. Pass the array as an argument, or make a new one instead of writing in place"
                )

    def check_picked(self, outputs: Sequence[Value]) -> None:
        """Raise if what was picked with a traced number, ``row = x[i]``, is a copy in the program where NumPy's own is a view that matters."""
        picks = [
            (k, op)
            for k, op in enumerate(self.ops)
            if op.kind == "function" and getattr(op.target, "__name__", "") == "_chosen" and op.outs[0].shape
        ]
        # By storage: the calls that read or write what was picked, and those that write what it was picked from.
        touched: dict[int, list[int]] = {op.outs[0].storage.index: [] for _, op in picks}
        changed: dict[int, list[int]] = {op.inputs()[0].storage.index: [] for _, op in picks}
        for k, op in enumerate(self.ops if picks else ()):
            for index in {value.storage.index for value in op.inputs()} | {storage.index for storage in op.writes}:
                if index in touched:
                    touched[index].append(k)
            for storage in op.writes:
                if storage.index in changed:
                    changed[storage.index].append(k)
        returned = {value.storage.index for value in outputs}
        for place, op in picks:
            picked, source = op.outs[0].storage, op.inputs()[0].storage
            put_back: set[int] = set()
            matters = False
            for k in touched[picked.index]:
                if k <= place or k in put_back:
                    continue
                later, back = self.ops[k], self.ops[k + 1] if k + 1 < len(self.ops) else op
                if (
                    later.writes == (picked,)
                    and back.kind == "setitem"
                    and back.writes == (source,)
                    and back.inputs()[-2].storage is picked
                ):
                    put_back.add(k + 1)  # x[i] += y: what was picked is put back
                elif picked in later.writes:
                    matters = True
            writes = changed[source.index]
            others = writes[bisect.bisect_right(writes, place) :][: len(put_back) + 1]
            stale = next((k for k in others if k not in put_back), None)
            if stale is not None:
                matters = matters or picked.index in returned
                matters = matters or any(k > stale and k not in put_back for k in touched[picked.index])
            if not matters:
                continue
            raise CompileError(
                "compile: x[i] with a traced number i picks another part in each run, and the function writes into that part, or into x while it uses it; "
                "write x[i] += ... or x[i] = ... in one statement, or take a copy, x[i].copy()"
            )

    # ---------------------------------------------------------------- storages and values

    def storage(self, kind: str, array: Any) -> Storage:
        """A new storage; ``array`` is the owner of the memory."""
        made = Storage(self._storages, kind, array.nbytes)
        self._storages += 1
        if isinstance(array, np.ndarray):
            key = id(array)
            # (The arrays of the program itself are only looked at as long as they live.)
            reference = (lambda: array) if kind != "made" else weakref.ref(array, lambda _: self._owners.pop(key, None))
            self._owners[key] = (reference, made)
            if kind != "made":
                made.array = array
        return made

    def storage_of(self, array: Any) -> Storage | None:
        """The storage that an array lies in, if it is known."""
        if not isinstance(array, np.ndarray):
            return None
        owner = owner_of(array)
        entry = self._owners.get(id(owner))
        return entry[1] if entry is not None and entry[0]() is owner else None

    def value(self, array: Any, storage: Storage | None = None) -> Value:
        """A new value for an array; it lies in a storage that is known, or in a new one that the program makes."""
        offset, whole = 0, True
        if isinstance(array, np.ndarray):
            owner = owner_of(array)
            if storage is None:
                storage = self.storage_of(array)
            hidden = storage is None  # nobody else sees the owner: its shape does not matter
            if storage is None:
                storage = self.storage("made", owner)
            if owner is not array:
                offset = _address(array) - _address(owner)
                whole = (offset == 0 and hidden and array.nbytes == owner.nbytes and array.flags.c_contiguous) or (
                    offset == 0
                    and array.shape == owner.shape
                    and array.strides == owner.strides
                    and array.dtype == owner.dtype
                )
        elif storage is None:
            storage = self.storage("made", array)
        made = Value(self._values, array, storage, offset, whole)
        self._values += 1
        return made

    def external(self, array: Any, kind: str) -> Any:
        """The traced array of an array that is there before the program runs: an argument, or one of the state that it may write."""
        table = self.state if kind == "state" else self.captured
        known = table.get(id(array))
        if known is not None and known[0] is array and kind != "argument":
            return Traced(self, known[1], array)
        storage = self.storage_of(array)
        if storage is None:
            storage = self.storage(kind, owner_of(array) if isinstance(array, np.ndarray) else array)
        elif kind == "state" and storage.kind == "captured":
            storage.kind = kind
        made = self.value(array, storage)
        made.array = array
        if storage.external:
            self.given.setdefault(storage.index, made)
        if storage.kind == "captured":
            made.roots = (made,)
        if kind != "argument":
            table[id(array)] = (array, made)
        return Traced(self, made, array)

    def constant(self, array: Any) -> Any:
        """A traced array whose content is known and never changes, but that the function may write to."""
        storage = self.storage("constant", owner_of(array) if isinstance(array, np.ndarray) else array)
        made = self.value(array, storage)
        made.array = array
        return Traced(self, made, array)

    def filled(self, array: Any, number: Any) -> Any:
        """A traced array that holds one number everywhere: a constant as long as nobody writes to it."""
        traced = self.constant(array)
        op = Op("fill", np.full, (number,), {})
        op.outs = (traced.value,)
        traced.value.op = traced.value.storage.op = op
        self.append(op)
        return traced

    def operand(self, array: Any) -> Value:
        """The value of an array of the caller that meets a traced one."""
        key = id(array)
        known = self.state.get(key) or self.captured.get(key)
        if known is not None and known[0] is array:
            return known[1]
        value: Value = self.external(array, "captured").value
        if value.storage.kind == "captured":
            self.prints[key] = fingerprint(array)
        return value

    def lifted(self, array: Any) -> Any:
        """The traced array of an array of the caller that meets traced ones."""
        return Traced(self, self.operand(array), array)

    def known(self, value: Value) -> bool:
        """Whether the numbers of a value can be looked at: it is a constant, or computed of arrays of the caller alone.

        The program holds then as long as these are what they are.
        """
        if value.storage.kind == "constant":
            return not value.storage.written
        if value.roots is None or value.storage.written:
            return False
        roots = _roots_of(value)
        if any(root.storage.written for root in roots):
            return False
        for root in roots:
            if root.storage.index not in self.dependent:
                self.dependent.add(root.storage.index)
                self.conditions.append(functools.partial(fingerprint, root.array))
        return True

    def _roots(self, op: Op) -> tuple[Value, ...] | None:
        """The operands of a call, if its result is known before the arguments are."""
        if not op.pure or op.kind == "random":
            return None
        found = tuple(op.inputs())
        for value in found:
            if value.storage.written or (value.roots is None and value.storage.kind != "constant"):
                return None
        return found

    # ---------------------------------------------------------------- calls

    def unwrap(self, tree: Any) -> tuple[Any, Any]:
        """Arguments as the program has them, and as they are."""
        kind = tree.__class__
        if kind is Traced:
            if tree.trace is not self and tree.trace.elsewhere(tree.value):
                return self.unwrap(tree.array)
            if tree.trace is not self:
                raise CompileError(
                    "compile: an array of another run was used: a traced array must not be kept from one call to the next"
                )
            return Ref(tree.value), tree.array.item() if tree.value.weak else tree.array
        if kind is np.ndarray:
            if tree.dtype.hasobject:
                raise CompileError(f"compile: an array of objects ({describe(tree)}) cannot be part of a program")
            return Ref(self.operand(tree)), tree
        if kind is tuple or kind is list:
            if not tree:
                return tree, tree
            pairs = [self.unwrap(item) for item in tree]
            return kind([pair[0] for pair in pairs]), kind([pair[1] for pair in pairs])
        if kind is slice:
            (a, b, c), (x, y, z) = self.unwrap((tree.start, tree.stop, tree.step))
            return slice(a, b, c), slice(x, y, z)
        if kind is dict:
            both = {key: self.unwrap(item) for key, item in tree.items()}
            return {key: pair[0] for key, pair in both.items()}, {key: pair[1] for key, pair in both.items()}
        if isinstance(tree, np.ndarray):
            return self.unwrap(base_array(tree, "compile", "an operand", CompileError))
        return tree, tree

    def call(
        self,
        kind: str,
        target: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        out: Any = None,
        *,
        run: Callable[..., Any] | None = None,
    ) -> Any:
        """Make a call and write it down.

        Args:
            kind: see :class:`Op`.
            target: see :class:`Op`.
            args: with traced arrays.
            kwargs: the same, without ``out``.
            out: a traced array that takes the result.
            run: what is called with the arrays; by default ``target``.

        Returns:
            The result, traced.
        """
        function = target if run is None else run
        if hooks.current_trace() is not self:
            return self.outside(function, args, kwargs, out)
        written, given = self.unwrap(args)
        written_options, options = self.unwrap(kwargs) if kwargs else ({}, {})
        op = Op(kind, target, written, written_options)
        if out is not None:
            self.write(op, out)
        try:
            if out is not None:
                self._fill(op, out, function, given, options)
            else:
                result = function(*given, **options)
        except Exception:
            self.raised = True
            raise
        if out is None:
            return self.finish(op, result)
        self.append(op)
        return out

    def elsewhere(self, value: Value) -> bool:
        """Whether a traced array is looked at where its trace does not run: on another thread, which found it in the place of an array that both use.

        That thread may have taken it just before the end of the trace.
        """
        if self.ended:
            return value.storage.external and threading.get_ident() != self.thread
        return hooks.current_trace() is not self

    def outside(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], out: Any = None
    ) -> Any:
        """A call from where this trace does not run: another thread, which meets a traced array in the place of an array that both use."""

        def plain(tree: Any) -> Any:
            kind = tree.__class__
            if kind is Traced:
                if not tree.trace.elsewhere(tree.value):
                    raise CompileError(
                        "compile: an array of another run was used: the function has kept a traced array beyond its end, where it stands for nothing; "
                        f"return it instead ({location()})"
                    )
                return tree.array
            if kind is tuple or kind is list:
                return kind([plain(item) for item in tree])
            return {key: plain(item) for key, item in tree.items()} if kind is dict else tree

        if out is not None:
            kwargs = {**kwargs, "out": out}
        return function(*plain(args), **plain(kwargs))

    def _fill(self, op: Op, out: Any, function: Callable[..., Any], given: Any, options: Any) -> None:
        """Make a call into an array, and see whether that array is such as the call would have made."""
        storage = out.value.storage
        if (
            storage.kind in ("made", "constant")
            and out.value.whole
            and "where" not in options
            and out.array.flags.writeable
        ):
            result = function(*given, **options)
            known = result.__class__ is np.ndarray or (isinstance(result, np.generic) and op.kind.startswith("ufunc"))
            if (
                known
                and result.dtype == out.array.dtype
                and result.shape == out.array.shape
                and laid(result) == laid(out.array)
            ):
                out.array[...] = result
                op.natural = True
                return
        function(*given, **options, out=out.array)

    def check(self, test: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """A test that raises where its arguments are bad: made now and in every replay."""
        op = Op("check", test, (), {})
        op.args, given = self.unwrap(args)
        op.pure = False
        try:
            test(*given)
        except Exception:
            self.raised = True
            raise
        if op.args_depend():
            self.append(op)

    def amend(self, function: Callable[..., None], written: Sequence[Any], args: tuple[Any, ...]) -> None:
        """A call that writes into some of its arguments and returns nothing."""
        op = Op("change", function, (), {})
        op.args, given = self.unwrap(args)
        op.pure = False
        for out in written:
            self.write(op, out)
        op.out = None
        function(*given)
        self.append(op)

    def assume(self, test: Callable[..., bool], args: tuple[Any, ...]) -> bool:
        """A test whose answer the program is made for. A replay in which the answer is another ends before anything is written, and another program is made."""
        op = Op("assume", test, (), {})
        op.args, given = self.unwrap(args)
        op.pure = False
        op.kwargs = {"answer": bool(test(*given))}
        if op.args_depend():
            self.append(op)
        return bool(op.kwargs["answer"])

    def assume_of(self, test: Callable[..., bool], traced: Any) -> bool:
        """As :meth:`assume`, of an array that may be computed; where that takes a write or random numbers, of all floating arrays that are given instead."""
        if self.is_early(traced.value):
            values = [(traced.value, traced.array)]
        else:
            values = [
                (value, value.array)
                for value in self.given.values()
                if value.dtype.kind in "fc" and not value.storage.written
            ]
        answers = []
        for value, array in values:
            key = (test, value.index)
            if key not in self._assumed:
                self._assumed[key] = self.assume(test, (Traced(self, value, array),))
            answers.append(self._assumed[key])
        return bool(all(answers) and test(traced.array))

    def is_early(self, value: Value) -> bool:
        """Whether a value is computed of arrays that are given, by calls that nothing which is written precedes."""
        known, stack = self._early, [value]
        while stack:
            top = stack[-1]
            op = top.op
            if top.storage.written or (op is not None and (op.writes or not op.pure)):
                known[top.index] = False
            elif op is not None:
                inputs = op.inputs()
                missing = [each for each in inputs if each.index not in known]
                if missing:
                    stack += missing
                    continue
                known[top.index] = all(known[each.index] and not each.storage.written for each in inputs)
            else:
                known[top.index] = top.storage.external or top.storage.kind == "constant"
            stack.pop()
        return known[value.index] and not value.storage.written

    def rewind(self) -> None:
        """Undo what the run wrote, and put its random generators back: it can be made again."""
        self.roll_back()
        for generator, state in self.generators.values():
            generator.bit_generator.state = state

    def draw(self, generator: Any, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Random numbers: drawn now, and anew in every replay."""
        generator = vars(generator).get("_generator", generator) if hasattr(generator, "__dict__") else generator
        if id(generator) not in self.generators:
            self.generators[id(generator)] = (generator, generator.bit_generator.state)
        written, (given, options) = self.unwrap((args, kwargs))
        if "out" in kwargs:
            raise CompileError(
                f"compile: Generator.{method}(out=...) cannot be traced; use the numbers that it returns ({location()})"
            )
        op = Op("random", (generator, method), *written)
        op.pure = False
        result = getattr(generator, method)(*given, **options)
        return self.finish(op, result)

    def append(self, op: Op) -> Op:
        """Put a call at the end of the program."""
        op.section = self.section
        op.position = next_position()
        op.node = self.node
        now = np.geterr()
        if now != self.errors:
            op.quiet = tuple([(kind, str(mode)) for kind, mode in now.items() if mode != self.errors[kind]])
        self.ops.append(op)
        return op

    def write(self, op: Op, out: Any) -> None:
        """Note that a call writes into a traced array; its content before is kept, so that a failed run can be undone."""
        if not isinstance(out, Traced):
            raise CompileError(
                f"compile: {_word(op)} writes into an array that was made outside the trace ({describe(out)}; {location()}). Make it from a traced array "
                "(np.empty_like(x), np.zeros_like(x)), pass it as an argument, or use the returned array"
            )
        value = out.value
        op.out = value
        write_guards.mark_written(out.array)
        self.note_write(op, value)

    def note_write(self, op: Op, value: Value) -> None:
        """Note that a call changes the memory of a value."""
        storage = value.storage
        if storage.index in self.dependent:
            raise CompileError(
                f"compile: the function writes into an array ({describe(storage.array)}; {location()}) after it has looked at its numbers, which a program "
                "that is replayed would not do again; pass the array as an argument, or keep to NumPy's functions"
            )
        op.writes = (*op.writes, storage)
        storage.written += 1
        if storage.external and storage.index not in self.backups:
            array = storage.array
            if isinstance(array, np.ndarray) and not array.flags.writeable and not value.array.flags.writeable:
                return  # NumPy will say so
            self.backups[storage.index] = (array, array.copy())

    def finish(self, op: Op, result: Any) -> Any:
        """Give traced arrays for what a call returned."""
        if result.__class__ in (bool, int, float, complex) and (
            # (count_nonzero gives a number of Python's in NumPy before 2.3.)
            op.kind == "random" or op.target is np.count_nonzero or any(value.weak for value in op.inputs())
        ):
            traced = self.finish(op, np.asarray(result)[()])
            traced.value.weak = True
            return traced
        if isinstance(result, (np.ndarray, np.generic)):
            wrapped = self._result(op, result)
            if wrapped is None:
                return Traced(self, self._same(op, result), result)
            op.outs = (wrapped,)
            self.append(op)
            return Traced(self, wrapped, result)
        if isinstance(result, (tuple, list)) and all(isinstance(item, (np.ndarray, np.generic)) for item in result):
            outs = []
            for item in result:
                value = self._result(op, item, several=True)
                assert value is not None
                outs.append(value)
            op.outs = tuple(outs)
            op.several = True
            self.append(op)
            traced = [Traced(self, value, item) for value, item in zip(outs, result, strict=True)]
            return type(result)(*traced) if hasattr(result, "_fields") else type(result)(traced)
        if all(map(self.known, op.inputs())):
            return result
        raise CompileError(
            f"compile: {_word(op)} gives {describe(result)}, which depends on numbers that are known only when the program runs ({location()}). "
            "Keep to arrays (np.where instead of if), or compute it outside the compiled function"
        )

    def _same(self, op: Op, result: Any) -> Value:
        """The value among a call's inputs that is the very array it returned."""
        storage = self.storage_of(result)
        for value in op.inputs():
            if (
                value.storage is storage
                and value.shape == result.shape
                and value.dtype == result.dtype
                and value.strides == result.strides
            ):
                return value
        raise AssertionError("an array that is not among the operands")

    def _result(self, op: Op, result: Any, several: bool = False) -> Value | None:
        """The value of a result; None where it is one of the call's inputs itself."""
        if result.dtype.hasobject:
            raise CompileError(f"compile: {_word(op)} gives an array of objects ({location()})")
        storage = self.storage_of(result)
        value = self.value(result, storage)
        value.op = op
        value.roots = self._roots(op)
        if storage is None:
            if value.storage.op is None:
                value.storage.op = op
            if op.pure and not op.args_depend():
                value.storage.kind = "constant"
                value.array = result
            return value
        if storage.kind == "constant":
            value.array = result
        if storage.op is op:  # two results of one call that share memory
            return value
        if not several and any(v.region == value.region for v in op.inputs()) and op.kind != "getitem":
            return None
        op.view = True
        return value


def _roots_of(value: Value) -> list[Value]:
    """The arrays of the caller that a value is computed of."""
    seen: set[int] = set()
    stack, found = [value], []
    while stack:
        each = stack.pop()
        if each.index in seen:
            continue
        seen.add(each.index)
        roots = each.roots or ()
        if len(roots) == 1 and roots[0] is each:
            found.append(each)
        else:
            stack += roots
    return found


def _word(op: Op) -> str:
    return op.target if isinstance(op.target, str) else str(getattr(op.target, "__name__", op.target))
