"""``compile``: a function becomes one NumPy program for each kind of arguments it is called with."""
# mypy: disable-error-code="no-any-return"
# (What a program gives is what its function gave, which no type checker sees.)

from __future__ import annotations

import functools
import inspect
import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

from ..engine import modes
from ..engine.errors import OtherCase, Undone
from ..engine.hooks import TRACING, current_trace, is_mapping
from ..engine.locks import new_lock
from ..engine.tensor import Tensor
from ..transforms.wrapper import Wrapper
from .cached_program import MISS, Entry
from .explain import Explanation, explain
from .first_call import FirstCall
from .numba import text
from .printer.standalone import save
from .trace.arguments import arrays_of, structure

__all__ = ["CacheInfo", "Compiled", "compile"]

P = ParamSpec("P")
R = TypeVar("R")


class CacheInfo(NamedTuple):
    """How often a compiled function was replayed (hits), traced (misses), and run as it is (eager); and the programs that it holds."""

    hits: int
    misses: int
    eager: int
    currsize: int


_LIMIT = 64  # programs that a function holds; the one that was not used for the longest time goes first
_PATIENCE = 3  # calls that may do something besides computing, as the first one that fills a cache does
_MANY = 20  # calls after which it is said that none was a replay
_tracing = new_lock()


def compile(function: Callable[P, R], *, backend: str = "numpy", state: Sequence[Any] = ()) -> Compiled[P, R]:
    """Turn a function into a plain NumPy program, which is replayed from the second call on.

    Args:
        function: of arrays, Tensors, and trees of them; it is made of NumPy calls, with or without gradients. Arguments that are no arrays
            (numbers, texts, flags) are part of what a program is made for.
        backend: ``"numpy"``; ``"numba"`` runs chains of elementwise calls and their sums as compiled loops
            (``pip install "autograd-np[numba]"``), with results that differ by rounding.
        state: objects whose arrays the function reads or writes and that do not stand in its closure, its globals or its attributes.

    Returns:
        A function with the attributes of :class:`Compiled`. One program is made for each form of the arguments: shapes, dtypes, memory layouts.

    Raises:
        CompileError: (when it is called) the function looks at numbers that are known only when the program runs, or does what the
            tracer cannot see. The message names the line.
        TypeError: it is no function.

    The first call runs the function itself, and traces it. See ``docs/compile.md``.

    >>> import numpy as np
    >>> import autograd_np as ag
    >>> gradient = ag.compile(ag.grad(lambda x: np.sum(np.sin(x) ** 2)))
    >>> x = np.array([0.0, 0.5])
    >>> gradient(x) is gradient(x), np.array_equal(gradient(x), np.sin(2 * x))
    (False, True)
    >>> gradient.cache_info()
    CacheInfo(hits=2, misses=1, eager=0, currsize=1)
    """
    return Compiled(function, backend=backend, state=state)


class Compiled(Wrapper, Generic[P, R]):
    """A function that runs as a NumPy program. See :func:`compile`."""

    maker = "compile"
    _reads_gradients = True  # whether it may matter what gradients Tensors hold when the program begins
    _replays_first = False  # whether the program is run in the first call too: what it gives differs by rounding from what was traced

    def __init__(self, function: Callable[P, R], *, backend: str = "numpy", state: Sequence[Any] = ()) -> None:
        if not callable(function):
            raise TypeError(f"compile: takes a function, not {type(function).__name__}")
        if backend not in ("numpy", "numba"):
            raise ValueError(f'compile: backend is "numpy" or "numba", not {backend!r}')
        if backend == "numba":
            text.needed()
        kind = inspect.unwrap(function) if not isinstance(function, functools.partial) else function.func
        if inspect.isgeneratorfunction(kind) or inspect.iscoroutinefunction(kind) or inspect.isasyncgenfunction(kind):
            raise TypeError(
                f"compile: {getattr(kind, '__name__', 'the function')} is a generator or a coroutine, which runs in pieces; compile the function "
                "that computes, and call it from there"
            )
        super().__init__(function)
        self._state = tuple(state)
        self._backend = backend
        self._entries: dict[Any, list[Entry]] = {}
        self._last: Entry | None = None
        self._quick: Callable[[tuple[Any, ...]], Any] | None = None
        self._uncompiled: set[Any] = set()  # forms of arguments for which the function itself is run
        self._incomplete: dict[
            Any, int
        ] = {}  # calls of a form whose programs would not have done all that the function does
        self._hits = self._misses = self._eager = 0

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the program for these arguments; trace the function if there is none."""
        quick = self._quick
        undone: Undone | None = None  # a program has raised an error before it had done anything
        if quick is not None and not kwargs and not TRACING[0] and not modes.followers() and not is_mapping():
            try:
                result = quick(args)
            except OtherCase as error:
                result, undone = MISS, error if isinstance(error, Undone) else None
            if result is not MISS:
                self._hits += 1
                return result
        leaves: list[Any] = []
        key = structure((args, kwargs), leaves)
        if (
            undone is not None
            or key in self._uncompiled
            or current_trace() is not None
            or is_mapping()
            or any(isinstance(x, Tensor) and x._node is not None for x in leaves)
            or modes.followers()
        ):
            # Inside another trace, or under a transformation that records, the function itself is what is wanted.
            return self._by_itself(key, undone, args, kwargs)
        for entry in [*self._entries.get(key, ())]:
            if entry.holds():
                arrays = [*arrays_of(leaves), *[t._node.grad for t, _ in entry.held]]
                if entry.aliasing.matters and not entry.aliasing.holds(arrays):
                    continue
                try:
                    results = entry.run(arrays)
                except OtherCase as error:
                    if isinstance(error, Undone):
                        undone = error
                        break
                    continue
                self._hits += 1
                if self._last is not entry:
                    used = self._entries.pop(key, None)
                    if used is not None:
                        self._entries[key] = used
                    self._last = entry
                    self._quick = None if kwargs else entry.quick(args)
                if len(entry.program.outputs) == 1:
                    results = (results,)
                for t, i in entry.effects:
                    t._node.grad = None if i is None else results[i]
                return entry.rebuild(results)
        else:
            return self._trace(key, args, kwargs)
        return self._by_itself(key, undone, args, kwargs)

    def _by_itself(self, key: Any, undone: Undone | None, args: Any, kwargs: Any) -> Any:
        """Run the function. It says what comes of the error of a program, which no program should raise that it neither raises nor handles."""
        self._eager += 1
        result = self._function(*args, **kwargs)
        if undone is not None and self._last is not None and not self._last.reached.handles:
            self._uncompiled.add(key)
            warnings.warn(
                f"compile: the program of {getattr(self, '__qualname__', 'the function')} raises {undone.__cause__!r}, and the function does not, "
                "which is a fault of compile; the function itself is run",
                RuntimeWarning,
                stacklevel=3,
            )
        return result

    def made_of(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments that make such a one again."""
        return (self._function,), {"backend": self._backend, "state": self._state}

    def cache_info(self) -> CacheInfo:
        """Replays, traces, calls that ran the function itself, programs held."""
        return CacheInfo(self._hits, self._misses, self._eager, sum(map(len, self._entries.values())))

    def cache_clear(self) -> None:
        """Forget all programs."""
        self._entries.clear()
        self._uncompiled.clear()
        self._incomplete.clear()
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
        return str(self._entry().plain.source)

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

    def _count_incomplete(self, key: Any, besides: str) -> None:
        """A program that does not do all that the function does is for one call. The next may be another, and after some the function stays as it is."""
        self._incomplete[key] = self._incomplete.get(key, 0) + 1
        if self._incomplete[key] == _PATIENCE:
            self._uncompiled.add(key)
            warnings.warn(
                f"compile: {getattr(self, '__qualname__', 'the function')} {besides}, which a program would not do, so it runs uncompiled; "
                "do it outside, with what the function returns",
                RuntimeWarning,
                stacklevel=4,
            )

    def _prepare(self) -> None:
        """What is done before the function is traced."""

    def _trace(self, key: Any, args: Any, kwargs: Any) -> Any:
        with _tracing:
            self._misses += 1
            if self._misses == _MANY and not self._hits:
                warnings.warn(
                    f"compile: {_MANY} calls, and each of them was traced: something that the program is made for is another in each call, "
                    "such as a Python number that counts, a rate that falls, or a shape. Pass a number as an array (np.float64(rate)), or keep it in one "
                    "(count[...] += 1)",
                    RuntimeWarning,
                    stacklevel=3,
                )
            self._prepare()
            call = FirstCall(self._function, args, kwargs, self._state, self._reads_gradients)
            call.run()
            entry = call.make_entry(self._backend)
            self._last = entry
            if entry.besides:
                self._count_incomplete(key, entry.besides)
            if entry.besides or not entry.aliasing.sound:
                return call.commit(entry)
            self._last = None
            result, different = call.run_again()
            if different:
                self._uncompiled.add(key)
                warnings.warn(
                    f"compile: {getattr(self, '__qualname__', 'the function')} does something else when it is traced than when it runs by itself "
                    f"({different}), so it is not compiled: does it ask for the type or the identity of an array, for the time, or for the system's entropy?",
                    RuntimeWarning,
                    stacklevel=3,
                )
                if call.is_done:
                    return result
                call.rewind()
                return self._function(*args, **kwargs)
            self._last = entry
            entries = self._entries[key] = self._entries.pop(key, [])
            del entries[:-8]
            entries.append(entry)
            if sum(map(len, self._entries.values())) > _LIMIT:
                self._entries.pop(next(iter(self._entries)))
            self._quick = None if kwargs else entry.quick(args)
            if self._replays_first or not call.is_done:
                return call.replay(entry)
            call.mark_written(entry)
            return result
