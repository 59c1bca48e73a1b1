"""One program that a compiled function holds: what it was made for, and how it is run."""

from __future__ import annotations

import builtins
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine import modes, write_guards
from ..engine.clock import CHANGES, LAST_WRITE, next_position
from ..engine.errors import CompileError, OtherCase, Undone
from ..engine.locks import new_lock
from ..engine.modes import ACTIVE
from ..engine.tensor import Tensor
from . import plan as planning
from .ir import Program
from .printer import emit as emitting
from .printer.plain import write_plain
from .trace.aliasing import Aliasing
from .trace.captures import Reached
from .trace.record import Trace

__all__ = ["MISS", "Entry"]


def _alike(a: Any, b: Any) -> bool:
    """Whether a Tensor's node is what it was: the same, or that of a leaf again, which was frozen and thawed in between."""
    return a is b or (a is not None and b is not None and a.primitive is None and b.primitive is None)


MISS = object()  # what the quick way in returns where it does not apply


class Entry:
    """One program: for one kind of arguments."""

    def __init__(
        self,
        trace: Trace,
        program: Program,
        reached: Reached,
        rebuild: Callable[[Any], Any],
        effects: list[tuple[Any, int | None]],
        arrays: Sequence[Any],
    ) -> None:
        self.program = program
        self.reached = reached
        self.rebuild = rebuild
        self.single: str = getattr(rebuild, "single", "")  # whether all that is returned is one array, or one Tensor
        self.effects = effects  # (leaf, place among the outputs) of the gradients that it leaves, without a place where it leaves none
        self.held: list[
            tuple[Any, Any]
        ] = []  # (leaf, gradient) of those that hold one before, which is passed after the arguments
        self.besides = ""  # in words, what the function does that the program does not
        self.before = trace.before
        self.after = trace.after
        self.torn = trace.torn
        self.conditions = [(condition, condition()) for condition in trace.conditions]
        self.tensors = [(t, t._values, t._node) for _, t in reached.tensors.values()]
        self.changes = CHANGES[0]
        self.recording = not ACTIVE[0] or modes.is_grad_enabled()
        self.lock = new_lock()
        self.writes = any(s.external and s.written for s in program.storages())
        self.writes_arguments = any(v.storage.written for v in program.arguments)
        bound = [
            s.array
            for s in program.storages()
            if s.external and s.kind != "argument" and (s.written or self.writes_arguments)
        ]
        self.aliasing = Aliasing(arrays, bound, self.writes)
        self.plan = planning.plan(program)
        self.story = trace.story
        self.emitted = emitting.emit(program, self.plan, trace.story)
        self.code: Any = None
        self._plain: Any = None
        self._way: Any = MISS  # what quick() gives
        self.pool: list[Callable[..., Any]] = []
        # (The tape must not be pulled back through what a program has written; arguments come anew with each call.)
        self.clock = write_guards.clock(
            [s.array for s in program.storages() if s.external and s.written and s.kind != "argument"]
        )
        self.written_arguments = [i for i, v in enumerate(program.arguments) if v.storage.written]
        self.draws = any(op.kind == "random" for op in program.ops)

    @property
    def plain(self) -> Any:
        """The program without buffers."""
        if self._plain is None:
            self._plain = write_plain(self.program, self.story)
        return self._plain

    def instance(self) -> Callable[..., Any]:
        """The program, with buffers of its own."""
        if self.code is None:
            self.code = builtins.compile(self.emitted.program, f"<autograd_np program {id(self)}>", "exec")
        space: dict[str, Any] = dict(self.emitted.bound)
        exec(self.code, space)  # noqa: S102 - the program is text that this package has written
        return space[self.emitted.name]  # type: ignore[no-any-return]

    def holds(self) -> bool:
        """Whether what the program was made for is still so."""
        if self.changes != CHANGES[0]:
            if not all(t._values is array and _alike(t._node, node) for t, array, node in self.tensors):
                return False
            if not self.reached.unchanged():
                return False
            self.changes = CHANGES[0]
        for condition, value in self.conditions:
            if condition() != value:
                return False
        return (not ACTIVE[0] or modes.is_grad_enabled()) == self.recording and (
            not self.reached.fixed or self.reached.holds()
        )

    def run(self, arrays: Sequence[Any]) -> Any:
        """Replay: what the program returns, a tuple if there are several results."""
        for hook in self.before:
            hook()
        try:
            run = self.pool.pop()
        except IndexError:
            run = self.instance()
        with self.lock if self.writes else contextlib.nullcontext():
            try:
                results = run(*arrays)
                if self.writes:
                    self.clock[0] = LAST_WRITE[0] = next_position()
                for i in self.written_arguments:
                    write_guards.mark_written(arrays[i])
                for hook in self.after:
                    hook()
                self.pool.append(run)
            except BaseException as error:
                self.tell(error, run)
                raise
        return results

    def release(self) -> None:
        """Let go of the lock, if an interrupt came while this thread held it."""
        with contextlib.suppress(RuntimeError):
            self.lock.release()

    def tell(self, error: BaseException, run: Callable[..., Any]) -> None:
        """Say so in an exception if it came when the program had begun to write, or to draw random numbers; or when it had ended.

        Raises:
            Undone: the program had done nothing yet.
        """
        if run not in self.pool:
            self.pool.append(run)
        if isinstance(error, OtherCase):
            return
        name = f"<autograd_np program {id(self)}>"
        start, frame = self.emitted.writes_from, error.__traceback__
        while frame is not None and frame.tb_frame.f_code.co_filename != name:
            frame = frame.tb_next
        if frame is None:
            if (self.writes or self.after) and not isinstance(
                error, (RecursionError, MemoryError)
            ):  # (those: it could not begin)
                self.tell_written(
                    error,
                    "the program had done its work: what it writes (arguments, parameters, state) is written, "
                    "but what counts the calls may not have counted this one",
                )
        # (Not by the line of the error: the end of a `with` has that of its beginning.)
        elif start is not None and frame.tb_lasti >= next(
            at for at, _, line in frame.tb_frame.f_code.co_lines() if line is not None and line >= start
        ):
            self.tell_written(
                error,
                "the program had begun to write in place: what it writes (arguments, parameters, state) may be written in part",
            )
        elif (
            not self.draws
            and isinstance(error, Exception)
            and not isinstance(error, (CompileError, RecursionError, MemoryError))
        ):
            raise Undone from error
        if self.draws:
            error.add_note("compile: the random generators may have moved on")

    def tell_written(self, error: BaseException, note: str) -> None:
        """Say in an exception what is written, to the tape and to who wants to know as well."""
        self.clock[0] = LAST_WRITE[0] = next_position()
        error.add_note(f"compile: {note}")
        for hook in self.torn:
            hook(error)

    def quick(self, args: tuple[Any, ...]) -> Callable[[tuple[Any, ...]], Any] | None:
        """The short way in for calls such as this one, if there is one: it is written once."""
        if self._way is MISS:
            self._way = self._write_way(args)
        way: Callable[[tuple[Any, ...]], Any] | None = self._way
        return way

    def _write_way(self, args: tuple[Any, ...]) -> Callable[[tuple[Any, ...]], Any] | None:
        """The short way in for the commonest calls, written out: arrays by position, and one array, number or Tensor out."""
        if (
            not args
            or any(x.__class__ is not np.ndarray for x in args)
            or self.effects
            or self.held
            or self.writes_arguments
            or len(self.program.outputs) != 1
        ):
            return None
        tests = [
            f"a{i}.__class__ is ndarray and a{i}.shape == s{i} and a{i}.strides == t{i} and a{i}.dtype == d{i}"
            for i in range(len(args))
        ]
        names = "".join([f"a{i}, " for i in range(len(args))])
        tests += ["CHANGES[0] == entry.changes", "not ACTIVE[0]" if self.recording else "entry.grad_mode()"]
        if self.reached.fixed:
            tests.append("fixed()")
        if self.aliasing.pattern or (self.aliasing.matters and self.writes_arguments):
            tests.append("apart(args)")
        elif self.aliasing.matters:  # what the program writes is apart from an array that owns its memory, and from all of one that was looked at
            tests += [
                f"(a{i}.base is known[{i}] and (a{i}.base is not None or id(a{i}) not in owners) or far({i}, a{i}))"
                for i in range(len(args))
            ]
        tests += [f"c{i}() == v{i}" for i in range(len(self.conditions))]
        space: dict[str, Any] = {
            "ndarray": np.ndarray, "entry": self, "MISS": MISS, "CHANGES": CHANGES, "ACTIVE": ACTIVE, "rebuild": self.rebuild, "fixed": self.reached.holds,
            "pool": self.pool, "lock": self.lock, "instance": self.instance, "tell": self.tell, "apart": self.aliasing.holds,
            "known": self.aliasing.known, "owners": self.aliasing.owners, "far": self.aliasing.far,
            "new": object.__new__, "Tensor": Tensor, "release": self.release, "clock": self.clock, "LAST_WRITE": LAST_WRITE, "position": next_position,
        }  # fmt: skip
        for i, x in enumerate(args):
            space |= {f"s{i}": x.shape, f"t{i}": x.strides, f"d{i}": x.dtype}
        for i, (condition, value) in enumerate(self.conditions):
            space |= {f"c{i}": condition, f"v{i}": value}
        for kind, hooks in (("before", self.before), ("after", self.after)):
            space |= {f"{kind}{i}": hook for i, hook in enumerate(hooks)}
        lines = [
            "def quick(args):",
            f"    if len(args) != {len(args)}: return MISS",
            f"    {names}= args",
            f"    if not ({' and '.join(tests)}): return MISS",
            *[f"    before{i}()" for i in range(len(self.before))],
            "    try: run = pool.pop()",
            "    except IndexError: run = instance()",
            "    try:",
            *(["        lock.acquire()"] if self.writes else []),
            "        try:",
            "            result = run(*args)",
            *(["            clock[0] = LAST_WRITE[0] = position()"] if self.writes else []),
            *[f"            after{i}()" for i in range(len(self.after))],
            "            pool.append(run)",
            *(["            lock.release()"] if self.writes else []),
            "        except BaseException as error:",
            "            tell(error, run)",
            "            raise",
            "    except BaseException:",
            "        release()",
            "        raise",
            *(
                ["    t = new(Tensor)", "    t._values, t._node, t._shared = result, None, False", "    return t"]
                if self.single == "tensor"
                else []
            ),
            "    return result" if self.single == "array" else "    return rebuild((result,))",
        ]
        exec("\n".join(lines), space)  # noqa: S102
        return space["quick"]  # type: ignore[no-any-return]

    def grad_mode(self) -> bool:
        """Whether recording is on or off as it was."""
        return (not ACTIVE[0] or modes.is_grad_enabled()) == self.recording
