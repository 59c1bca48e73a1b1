"""``compile``: a function becomes one NumPy program for each kind of arguments it is called with."""

from __future__ import annotations

import builtins
import copy
import functools
import inspect
import os
import sys
import threading
import types
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import modes, mutation
from ..errors import CompileError, OtherCase, describe
from ..modes import ACTIVE, CHANGES
from ..recording import TENSOR
from ..tape import LAST_WRITE, next_position
from . import emit as emitting
from . import loop_text
from . import plan as planning
from .affine import join_bias
from .algebra import join_in_place, mean_by_product, prepare_operands, scale_once, sum_by_products
from .aliasing import Aliasing
from .blocks import group_blocks
from .explain import Explanation, explain
from .fused_loops import fuse_loops
from .late import write_late
from .passes import Program, drop_views, hoist_assumptions, remove_dead, share, simplify, split_versions
from .plain import write_plain
from .program import Value
from .standalone import save
from .state import Reached, reach
from .story import Story, argument_names
from .trace import TRACING, Trace, current_trace, owner_of
from .traced import Traced

__all__ = ["CacheInfo", "Compiled", "compile"]


class CacheInfo(NamedTuple):
    """How often a compiled function was replayed (hits), traced (misses), and run as it is (eager); and the programs that it holds."""

    hits: int
    misses: int
    eager: int
    currsize: int


_LIMIT = 64
_tracing = threading.RLock()


def compile(function: Callable[..., Any], *, backend: str = "numpy", state: Sequence[Any] = ()) -> Compiled:
    """Turn a function into a plain NumPy program, which is replayed from the second call on."""
    return Compiled(function, backend=backend, state=state)


# ---------------------------------------------------------------- arguments


def _structure(tree: Any, leaves: list[Any]) -> Any:
    """The form of a tree of arguments as a key, and its leaves."""
    kind = tree.__class__
    if kind is tuple or kind is list or (isinstance(tree, tuple) and hasattr(tree, "_fields")):
        return (kind, *[_structure(item, leaves) for item in tree])
    if kind is dict:
        return (kind, *[(key, _structure(item, leaves)) for key, item in tree.items()])
    leaves.append(tree)
    return _leaf(tree)


def _leaf(item: Any) -> Any:
    kind = item.__class__
    if kind is np.ndarray:
        if item.dtype.hasobject:
            raise CompileError(f"compile: an argument is an array of objects ({describe(item)}); convert it to numbers, x.astype(float)")
        return ("a", item.shape, item.dtype, item.strides)
    if isinstance(item, np.generic):
        return ("s", item.dtype) if item.dtype.kind in "fciub" else ("c", kind, repr(item))
    if isinstance(item, TENSOR):
        return ("t", *_leaf(item._values), item._node is not None)
    if isinstance(item, np.ndarray):
        raise CompileError(f"compile: {kind.__name__} has arithmetic of its own; convert it with np.array(x)")
    if kind is float or kind is complex or kind is slice:
        return ("c", kind, repr(item))
    # (What compares equal need not be the same for the function: of other objects, each has programs of its own, which hold on to it.)
    return ("c", kind, item) if kind in _BY_VALUE or isinstance(item, (type, np.dtype)) else ("i", kind, id(item))


_BY_VALUE = (int, bool, str, bytes, type(None), type(...), range)


def _dynamic(item: Any) -> bool:
    return item.__class__ is np.ndarray or isinstance(item, TENSOR) or (isinstance(item, np.generic) and item.dtype.kind in "fciub")


def _rebuild(tree: Any, leaves: list[Any]) -> Any:
    """The same tree with other leaves, taken from the front of a list."""
    kind = tree.__class__
    if kind is tuple or kind is list:
        return kind([_rebuild(item, leaves) for item in tree])
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return kind(*[_rebuild(item, leaves) for item in tree])
    if kind is dict:
        return {key: _rebuild(item, leaves) for key, item in tree.items()}
    return leaves.pop(0)


class _Proxy:
    """A generator during a trace: what it draws is drawn anew in every replay."""

    def __init__(self, generator: np.random.Generator, trace: Trace) -> None:
        self._generator = generator
        self._trace = trace

    @property
    def __class__(self) -> type:  # what asks whether it is a generator hears yes
        return np.random.Generator

    @__class__.setter
    def __class__(self, kind: type) -> None:
        raise TypeError("a generator keeps its class")

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._generator, name)
        if name.startswith("_") or current_trace() is not self._trace:
            return method
        if name in ("shuffle", "spawn", "bit_generator"):
            raise CompileError(f"compile: Generator.{name} cannot be traced; use permutation() or permuted(), or draw outside the compiled function")
        return lambda *args, **kwargs: self._trace.draw(self._generator, name, args, kwargs)


# ---------------------------------------------------------------- programs


MISS = object()  # what the quick way in returns where it does not apply


class Entry:
    """One program: for one kind of arguments."""

    def __init__(
        self, trace: Trace, program: Program, reached: Reached, rebuild: Callable[[Any], Any], effects: list[tuple[Any, int]], arrays: Sequence[Any]
    ) -> None:
        self.program = program
        self.reached = reached
        self.rebuild = rebuild
        self.single: str = getattr(rebuild, "single", "")  # whether all that is returned is one array, or one Tensor
        self.effects = effects  # (node, place among the outputs) of the gradients that it leaves
        self.before = trace.before
        self.after = trace.after
        self.conditions = [(condition, condition()) for condition in trace.conditions]
        self.tensors = [(t, t._values, t._node) for _, t in reached.tensors.values()]
        self.changes = CHANGES[0]
        self.recording = not ACTIVE[0] or modes.is_grad_enabled()
        self.lock = threading.Lock()
        self.writes = any(s.external and s.written for s in program.storages())
        self.writes_arguments = any(v.storage.written for v in program.arguments)
        bound = [s.array for s in program.storages() if s.external and s.kind != "argument" and (s.written or self.writes_arguments)]
        self.aliasing = Aliasing(arrays, bound, self.writes)
        self.plan = planning.plan(program)
        self.story = trace.story
        self.emitted = emitting.emit(program, self.plan, trace.story)
        self.code: Any = None
        self._plain: Any = None
        self.pool: list[Callable[..., Any]] = []
        # (The tape must not be pulled back through what a program has written; arguments come anew with each call.)
        self.clock = mutation.clock([s.array for s in program.storages() if s.external and s.written and s.kind != "argument"])
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
            if not all(t._values is array and t._node is node for t, array, node in self.tensors):
                return False
            if not self.reached.unchanged():
                return False
            self.changes = CHANGES[0]
        for condition, value in self.conditions:
            if condition() != value:
                return False
        return (not ACTIVE[0] or modes.is_grad_enabled()) == self.recording and (not self.reached.fixed or self.reached.holds())

    def run(self, arrays: Sequence[Any]) -> Any:
        """Replay: what the program returns, a tuple if there are several results."""
        for hook in self.before:
            hook()
        try:
            run = self.pool.pop()
        except IndexError:
            run = self.instance()
        try:
            if self.writes:
                with self.lock:
                    results = run(*arrays)
            else:
                results = run(*arrays)
        except BaseException as error:
            self.tell(error)
            raise
        finally:
            self.pool.append(run)
        try:
            if self.writes:
                self.clock[0] = LAST_WRITE[0] = next_position()
            for i in self.written_arguments:
                mutation.mark_written(arrays[i])
            for hook in self.after:
                hook()
        except BaseException as error:
            self.tell_late(error)
            raise
        return results

    def tell(self, error: BaseException) -> None:
        """Say so in an exception if it came when the program had begun to write, or to draw random numbers."""
        if isinstance(error, OtherCase):
            return
        first, lines = self.emitted.writes, self.emitted.program.splitlines()
        start = None if first is None else next((i for i, line in enumerate(lines, 1) if line.strip().startswith(first.strip())), 1)
        trace = error.__traceback__
        while trace is not None:
            if start is not None and trace.tb_frame.f_code.co_filename == f"<autograd_np program {id(self)}>" and trace.tb_lineno >= start:
                self.clock[0] = LAST_WRITE[0] = next_position()
                error.add_note("compile: the program had begun to write in place: what it writes (arguments, parameters, state) may be written in part")
                break
            trace = trace.tb_next
        if self.draws:
            error.add_note("compile: the random generators may have moved on")

    def tell_late(self, error: BaseException) -> None:
        """Say in an exception that it came when the program had written all it writes."""
        self.clock[0] = LAST_WRITE[0] = next_position()
        error.add_note("compile: the program had done its work: what it writes (arguments, parameters, state) is written, but what counts the calls may not have counted this one")

    def quick(self, args: tuple[Any, ...]) -> Callable[[tuple[Any, ...]], Any] | None:
        """The short way in for the commonest calls, written out: arrays by position, and one array, number or Tensor out."""
        if not args or any(x.__class__ is not np.ndarray for x in args) or self.effects or self.writes_arguments or len(self.program.outputs) != 1:
            return None
        tests = [f"a{i}.__class__ is ndarray and a{i}.shape == s{i} and a{i}.strides == t{i} and a{i}.dtype == d{i}" for i in range(len(args))]
        names = "".join([f"a{i}, " for i in range(len(args))])
        tests += ["CHANGES[0] == entry.changes", "not ACTIVE[0]" if self.recording else "entry.grad_mode()"]
        if self.reached.fixed:
            tests.append("fixed()")
        if self.aliasing.pattern or (self.aliasing.matters and self.writes_arguments):
            tests.append("apart(args)")
        elif self.aliasing.matters:  # what the program writes is apart from an array that owns its memory, and from all of one that was looked at
            tests += [f"(a{i}.base is known[{i}] and (a{i}.base is not None or id(a{i}) not in owners) or far({i}, a{i}))" for i in range(len(args))]
        tests += [f"c{i}() == v{i}" for i in range(len(self.conditions))]
        space: dict[str, Any] = {
            "ndarray": np.ndarray, "entry": self, "MISS": MISS, "CHANGES": CHANGES, "ACTIVE": ACTIVE, "rebuild": self.rebuild, "fixed": self.reached.holds,
            "pool": self.pool, "lock": self.lock, "instance": self.instance, "tell": self.tell, "apart": self.aliasing.holds,
            "known": self.aliasing.known, "owners": self.aliasing.owners, "far": self.aliasing.far,
            "new": object.__new__, "Tensor": TENSOR, "late": self.tell_late, "clock": self.clock, "LAST_WRITE": LAST_WRITE, "position": next_position,
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
            *(["        lock.acquire()", "        try: result = run(*args)", "        finally: lock.release()"] if self.writes else ["        result = run(*args)"]),
            "    except BaseException as error:",
            "        tell(error)",
            "        raise",
            "    finally: pool.append(run)",
            *(["    try:"] if self.writes or self.after else []),
            *(["        clock[0] = LAST_WRITE[0] = position()"] if self.writes else []),
            *[f"        after{i}()" for i in range(len(self.after))],
            *(["    except BaseException as error:", "        late(error)", "        raise"] if self.writes or self.after else []),
            *(["    t = new(Tensor)", "    t._values, t._node, t._shared = result, None, False", "    return t"] if self.single == "tensor" else []),
            "    return result" if self.single == "array" else "    return rebuild((result,))",
        ]
        exec("\n".join(lines), space)  # noqa: S102
        return space["quick"]  # type: ignore[no-any-return]

    def grad_mode(self) -> bool:
        """Whether recording is on or off as it was."""
        return (not ACTIVE[0] or modes.is_grad_enabled()) == self.recording


class Compiled:
    """A function that runs as a NumPy program. See :func:`compile`."""

    _replays_first = False  # whether the program is run in the first call too: what it gives differs by rounding from what was traced

    def __init__(self, function: Callable[..., Any], *, backend: str = "numpy", state: Sequence[Any] = ()) -> None:
        if not callable(function):
            raise TypeError(f"compile: takes a function, not {type(function).__name__}")
        if backend not in ("numpy", "numba"):
            raise ValueError(f'compile: backend is "numpy" or "numba", not {backend!r}')
        if backend == "numba":
            loop_text.needed()
        kind = inspect.unwrap(function) if not isinstance(function, functools.partial) else function.func
        if inspect.isgeneratorfunction(kind) or inspect.iscoroutinefunction(kind) or inspect.isasyncgenfunction(kind):
            raise TypeError(
                f"compile: {getattr(kind, '__name__', 'the function')} is a generator or a coroutine, which runs in pieces; compile the function that computes, and call it from there"
            )
        functools.update_wrapper(self, function, updated=())
        self._function = function
        self._state = tuple(state)
        self._backend = backend
        self._entries: dict[Any, list[Entry]] = {}
        self._last: Entry | None = None
        self._quick: Callable[[tuple[Any, ...]], Any] | None = None
        self._hits = self._misses = self._eager = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        quick = self._quick
        if quick is not None and not kwargs and not TRACING[0] and not (ACTIVE[0] and _looked_at()):
            try:
                result = quick(args)
            except OtherCase:
                result = MISS
            if result is not MISS:
                self._hits += 1
                return result
        leaves: list[Any] = []
        key = _structure((args, kwargs), leaves)
        if current_trace() is not None or any(isinstance(x, TENSOR) and x._node is not None for x in leaves) or (ACTIVE[0] and _looked_at()):
            # Inside another trace, or under a transformation that records, the function itself is what is wanted.
            self._eager += 1
            return self._function(*args, **kwargs)
        for entry in [*self._entries.get(key, ())]:
            if entry.holds():
                arrays = _arrays(leaves)
                if entry.aliasing.matters and not entry.aliasing.holds(arrays):
                    continue
                try:
                    results = entry.run(arrays)
                except OtherCase:
                    continue
                self._hits += 1
                if self._last is not entry:
                    self._last = entry
                    self._quick = None if kwargs else entry.quick(args)
                if len(entry.program.outputs) == 1:
                    results = (results,)
                for node, i in entry.effects:
                    node.grad = results[i]
                return entry.rebuild(results)
        return self._trace(key, args, kwargs, leaves)

    def __get__(self, thing: Any, kind: Any = None) -> Any:
        """As a function in a class: a method."""
        return self if thing is None else types.MethodType(self, thing)

    def __reduce__(self) -> Any:
        module, name = getattr(self, "__module__", None), getattr(self, "__qualname__", None)
        found: Any = sys.modules.get(module or "")
        for word in (name or "?").split("."):
            found = getattr(found, word, None)
        return name if found is self else (_again, (self._function, self._state, self._backend))

    def __copy__(self) -> Compiled:
        return _again(self._function, self._state, self._backend)

    def __deepcopy__(self, memo: Any) -> Compiled:
        return _again(copy.deepcopy(self._function, memo), copy.deepcopy(self._state, memo), self._backend)

    def cache_info(self) -> CacheInfo:
        """Replays, traces, calls that ran the function itself, programs held."""
        return CacheInfo(self._hits, self._misses, self._eager, sum(map(len, self._entries.values())))

    def cache_clear(self) -> None:
        """Forget all programs."""
        self._entries.clear()
        self._last = self._quick = None

    @property
    def source(self) -> str:
        """The program of the last call."""
        if self._last is None:
            raise RuntimeError("compile: there is no program before the first call")
        return self._last.emitted.source

    @property
    def source_plain(self) -> str:
        """The program of the last call without buffers: the NumPy that one would write by hand."""
        return self._entry().plain.source

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the program of the last call into a file that runs with NumPy alone, and what it holds beside it.

        The arrays that the program takes for given (weights, state, constants) go into an ``.npz`` file of the same name, under their
        names in the program. The file has one function, called as the program's is, and ``save_weights(path)``; functions of this
        library that the program calls are part of it, random generators go on from where they are, and what an optimizer computes
        between two steps is written down. Both files are written under other names and then renamed.

        Args:
            path: of the file, ``something.py``.

        Raises:
            CompileError: the program cannot be written down: it leaves gradients in Tensors, calls a function whose text is not to
                be had, or an optimizer changes its arithmetic.
            RuntimeError: there is no program before the first call.

        >>> import pathlib, tempfile
        >>> import autograd_np as ag
        >>> w = np.array([1.0, 2.0])
        >>> f = ag.compile(lambda x: x @ w)
        >>> f(np.ones((3, 2))).tolist()
        [3.0, 3.0, 3.0]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     f.save(pathlib.Path(folder) / "product.py")
        ...     sorted(file.name for file in pathlib.Path(folder).iterdir())
        ['product.npz', 'product.py']
        """
        word = getattr(self, "__qualname__", None) or type(self._function).__name__
        save(path, self._entry(), f"The program of {word}" if "<" not in word else "A NumPy program")

    def explain(self, *arguments: Any, seconds: float = 0.2) -> Explanation:
        """What the program of the last call costs: print it, or take its numbers.

        Calls as traced and after each pass, buffers, the arena against the sum of all intermediates, and for each section its calls,
        floating-point operations, bytes moved, and the time that a roofline predicts and that it takes. The program runs on copies:
        nothing changes.

        Args:
            *arguments: arrays to run it with, in the order of the program's arguments; made up where none are given (numbers drawn from a
                normal distribution, zeros for integers).
            seconds: for how long to measure.

        Returns:
            An object that prints itself as a table, with attributes ``counts``, ``buffers``, ``arena``, ``intermediates``, ``peak``,
            ``flops``, ``moved``, ``predicted``, ``measured``, ``sections`` and ``machine``.

        Raises:
            RuntimeError: there is no program before the first call.
            ValueError: the number of arguments, or the program refuses those that were made up.

        >>> import autograd_np as ag
        >>> f = ag.compile(lambda x, w: np.tanh(x @ w))
        >>> _ = f(np.ones((4, 3)), np.ones((3, 2)))
        >>> found = f.explain(seconds=0.01)
        >>> found.flops, found.sections[0].calls
        (56, 2)
        """
        return explain(self._entry(), arguments, seconds)

    @property
    def given(self) -> dict[str, Any]:
        """What the program of the last call takes for given, by its name in :attr:`source`: arrays of the caller, functions, generators."""
        return dict(self._entry().emitted.bound)

    @property
    def plain_given(self) -> dict[str, Any]:
        """What :attr:`source_plain` takes for given, by name: it runs in a namespace that holds this.

        >>> import autograd_np as ag
        >>> w = np.array([1.0, 2.0])
        >>> f = ag.compile(lambda x: np.exp(x @ w) - 1)
        >>> _ = f(np.ones((3, 2)))
        >>> space = f.plain_given
        >>> exec(f.source_plain, space)
        >>> space["run"](np.zeros((3, 2))).tolist()
        [0.0, 0.0, 0.0]
        """
        return dict(self._entry().plain.bound)

    def _entry(self) -> Entry:
        if self._last is None:
            raise RuntimeError("compile: there is no program before the first call")
        return self._last

    # ---------------------------------------------------------------- the first call

    def _trace(self, key: Any, args: Any, kwargs: Any, leaves: list[Any]) -> Any:
        with _tracing:
            self._misses += 1
            trace = Trace()
            story = trace.story = Story(trace)
            reached = reach(self._function, [*self._state, *[x for x in leaves if not _dynamic(x)]])
            arguments: list[Value] = []
            lifted: list[tuple[Any, Any]] = []
            swapped: list[tuple[Any, np.random.Generator]] = []

            def enter(item: Any) -> Any:
                if not _dynamic(item):
                    return _Proxy(item, trace) if isinstance(item, np.random.Generator) else item
                array = item._values if isinstance(item, TENSOR) else item
                traced = trace.external(array, "argument")
                arguments.append(traced.value)
                return TENSOR.at(traced, None, True) if isinstance(item, TENSOR) else traced

            try:
                with trace, modes.follow(story):
                    story.modules(reached.modules)
                    given, options = _rebuild((args, kwargs), [enter(item) for item in leaves])
                    words = argument_names(self._function, args, kwargs)
                    for value, word in zip(arguments, [word for word, x in zip(words, leaves, strict=False) if _dynamic(x)], strict=False):
                        story.name(value, word)
                    reached.enter(trace)
                    for _, put, generator in reached.generators:
                        swapped.append((put, generator))
                        put(_Proxy(generator, trace))
                    for name, t in reached.tensors.values():
                        if t._values.__class__ is np.ndarray:
                            traced = trace.external(t._values, "state")
                            story.parameter(t, name, traced.value)
                            lifted.append((t, t._values))
                            t._values = traced
                    result = self._function(*given, **options)
                    outputs, rebuild, concrete, effects = self._outputs(trace, result, reached)
                    trace.check_captured()
                    trace.check_picked(outputs)
                    reached.leave(False)
            except BaseException:
                trace.roll_back()
                raise
            finally:
                reached.leave(True)
                for t, array in lifted:
                    t._values = array
                for put, generator in swapped:
                    put(generator)
                for _, t in reached.tensors.values():
                    if t._node is not None and isinstance(getattr(t._node, "grad", None), Traced):
                        t._node.grad = t._node.grad.array.copy()
            try:
                touched = reached.touched()
                story.settle(trace.ops)
                program = Program(trace.ops, arguments, outputs)
                optimize(trace, program, self._backend)
                entry = Entry(trace, program, reached, rebuild, effects, _arrays(leaves))
            except BaseException:
                trace.roll_back()
                raise
            self._last = entry
            by_itself = touched or not entry.aliasing.sound  # what the function does besides computing is done by running it
            if by_itself or not self._replays_first:
                if entry.writes:
                    entry.clock[0] = LAST_WRITE[0] = next_position()
                for i in entry.written_arguments:
                    mutation.mark_written(_arrays(leaves)[i])
                for hook in trace.after:
                    hook()
            if by_itself:
                return rebuild(concrete)
            entries = self._entries.setdefault(key, [])
            del entries[:-8]
            entries.append(entry)
            if sum(map(len, self._entries.values())) > _LIMIT:
                self._entries.pop(next(iter(self._entries)))
            self._quick = None if kwargs else entry.quick(args)
            if self._replays_first:
                trace.rewind()
                concrete = entry.run(_arrays(leaves))
                if len(outputs) == 1:
                    concrete = [concrete]
                for node, i in effects:
                    node.grad = concrete[i]
            return rebuild(concrete)

    @staticmethod
    def _outputs(trace: Trace, result: Any, reached: Reached) -> tuple[list[Value], Callable[[Any], Any], list[Any], list[tuple[Any, int]]]:
        """The values that are returned, how the result is built of them, and the gradients that are left in leaves."""
        values: list[Value] = []
        arrays: list[Any] = []
        leaves: list[Any] = []
        _structure(result, leaves)
        makers: list[Callable[[Any], Any]] = []

        def place(item: Traced) -> int:
            values.append(item.value)
            arrays.append(item.array.item() if item.value.weak else item.array)
            return len(values) - 1

        again = _Fresh()
        for item in leaves:
            if isinstance(item, TENSOR) and id(item) in reached.tensors:
                makers.append(lambda results, item=item: item)
            elif isinstance(item, TENSOR):
                if item._node is not None:
                    raise CompileError(
                        "compile: the function returns a Tensor that needs a gradient, which a program cannot give: return t.detach(), compile it inside "
                        "no_grad(), or compile the gradient itself (ag.compile(ag.value_and_grad(f)), nn.compile_step)"
                    )
                if isinstance(item._values, Traced):
                    makers.append(lambda results, i=place(item._values): TENSOR.at(results[i], None))
                else:
                    makers.append(lambda results, copy=again(item._values): TENSOR.at(copy(), None))
            elif isinstance(item, Traced):
                makers.append(lambda results, i=place(item): results[i])
            elif item.__class__ is np.ndarray:
                makers.append(lambda results, copy=again(item): copy())
            else:
                makers.append(lambda results, item=item: item)
        effects = []
        for _, t in reached.tensors.values():
            grad = getattr(t._node, "grad", None) if t._node is not None else None
            if isinstance(grad, Traced):
                effects.append((t._node, place(grad)))
        if len(makers) == 1 and leaves and leaves[0] is result:
            build: Callable[[Any], Any] = makers[0]
            if isinstance(result, (np.ndarray, TENSOR)):  # one that is made anew

                def build(results: Any) -> Any:
                    again.start()
                    return makers[0](results)
        else:

            def build(results: Any) -> Any:
                again.start()
                return _rebuild(result, [make(results) for make in makers])

        if result.__class__ is Traced:
            build.single = "array"  # type: ignore[attr-defined]
        elif result.__class__ is TENSOR and isinstance(result._values, Traced) and id(result) not in reached.tensors:
            build.single = "tensor"  # type: ignore[attr-defined]
        return values, build, arrays, effects


def _again(function: Callable[..., Any], state: Sequence[Any], backend: str = "numpy") -> Compiled:
    return Compiled(function, backend=backend, state=state)


def _looked_at() -> bool:
    """Whether a mode is on that looks at each operation."""
    return modes.is_anomaly_enabled() or modes.is_annotate_enabled() or modes.watcher() is not None


class _Fresh:
    """Arrays that a function made of nothing that is traced: each call gives new ones, which share memory as those did."""

    def __init__(self) -> None:
        self.local = threading.local()

    def start(self) -> None:
        """A new call."""
        self.local.memory = {}

    def __call__(self, array: Any) -> Callable[[], Any]:
        if array.__class__ is not np.ndarray:
            return lambda: array
        owner = owner_of(array)
        kept, offset = owner.copy("K"), array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
        one = array is owner

        def copy() -> Any:
            memory = self.local.__dict__.setdefault("memory", {})
            if id(owner) not in memory:
                memory[id(owner)] = (np.copy(kept, "K"), owner)
            mine = memory[id(owner)][0]
            return mine if one else np.ndarray(array.shape, array.dtype, mine, offset, array.strides)

        return copy


def _arrays(leaves: list[Any]) -> list[Any]:
    return [x._values if isinstance(x, TENSOR) else x for x in leaves if _dynamic(x)]


def optimize(trace: Trace, program: Program, backend: str = "numpy") -> None:
    """All passes, in their order."""

    def fresh(value: Value) -> Value:
        array = np.lib.stride_tricks.as_strided(np.empty(1, value.dtype), value.shape, value.strides)
        made = Value(trace._values, array, trace.storage("made", np.empty(0, np.uint8)), 0, True)
        made.storage.nbytes = value.nbytes
        trace._values += 1
        return made

    hoist_assumptions(program)
    split_versions(program, fresh)
    program.count("versions")
    remove_dead(program)
    program.count("dead code")
    simplify(program)
    program.count("algebra")
    share(program)
    program.count("common subexpressions")
    program.write_out()
    scale_once(program)
    mean_by_product(program)
    sum_by_products(program)
    prepare_operands(program)
    remove_dead(program)
    join_in_place(program)
    join_bias(program)
    drop_views(program)
    program.count("algebra on numbers")
    write_late(program)
    if backend == "numba":
        fuse_loops(program, lambda op: planning.into(op) is not None)
        program.count("loops")
    group_blocks(program)
    program.count("blocks")
