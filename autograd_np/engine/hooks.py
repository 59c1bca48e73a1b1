"""What the engine asks of a trace, the run of a function that the compiler writes down: nothing outside one.

The compiler registers its trace here; the engine knows no more of it than these calls. A test of data that is made here is made in
every replay of the program, where one that is written with ``if`` would be made once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any

import numpy as np

from .locks import new_lock

__all__ = [
    "TRACING",
    "TracedArray",
    "amend",
    "array",
    "assume",
    "assume_of",
    "begin_trace",
    "beside",
    "current_trace",
    "end_trace",
    "in_memory",
    "is_scalar",
    "is_traced",
    "model",
    "require",
    "under_trace",
]

TRACING = [0]  # traces under way in the process
_current: ContextVar[Any] = ContextVar("autograd_np_trace", default=None)
_count_lock = new_lock()


class TracedArray:
    """The class of an array of a trace: the compiler's derives from it."""

    __slots__ = ()
    array: Any  # the array that it stands for, or one of NumPy's numbers

    if TYPE_CHECKING:  # the attributes of an ndarray

        def __getattr__(self, name: str) -> Any: ...


class Batches:
    """What the engine asks of batched arrays; the one that answers is registered when there are any."""

    __slots__ = ()

    if TYPE_CHECKING:

        def leaving(self, contribution: Any, parent: Any, for_leaves: bool) -> Any: ...
        def model(self, arrays: tuple[Any, ...]) -> Any: ...
        def beside(self, x: Any, others: tuple[Any, ...]) -> Any: ...
        def call(self, error: Exception, body: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...
        def each(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...
        def answers(self, test: Any, args: tuple[Any, ...]) -> list[Any]: ...
        def agreed(self, test: Any, args: tuple[Any, ...]) -> Any: ...
        def mapping(self) -> bool: ...
        def pull(self, error: Exception, pull: Any, node: Any, g: Any, parents: Any, kept: Any) -> Any: ...


BATCHES: list[Batches] = []


def register(batches: Batches) -> None:
    """Let ``batches`` answer for batched arrays."""
    BATCHES[:] = [batches]


def current_trace() -> Any:
    """The trace under way on this thread (or task), None where none is."""
    return _current.get() if TRACING[0] else None


def begin_trace(trace: Any) -> Token[Any]:
    """Let ``trace`` be the one under way. Returns what :func:`end_trace` takes."""
    with _count_lock:
        TRACING[0] += 1
    return _current.set(trace)


def end_trace(token: Token[Any]) -> None:
    """Let the trace before be the one under way again."""
    _current.reset(token)
    with _count_lock:
        TRACING[0] -= 1


def require(test: Callable[..., Any], *args: Any) -> None:
    """Call ``test(*args)``, which raises where the numbers in its arguments are bad.

    A test that a function makes with ``if`` would be made once, when the function is compiled; this one becomes a line of the program.

    Args:
        test: a function of plain arrays and options, made of NumPy calls.
        *args: arrays and options.
    """
    if TRACING[0]:
        trace = current_trace()
        if trace is not None:
            test = functools.partial(_checked, trace, test)
    if BATCHES:
        BATCHES[0].answers(test, args)
    else:
        test(*args)


def _checked(trace: Any, test: Callable[..., Any], *args: Any) -> None:
    trace.check(test, args)


def assume(test: Callable[..., bool], *args: Any) -> bool:
    """``test(*args)``, on whose answer the way to compute something may depend.

    A compiled program is made for one answer; where a replay gets another, a program is made for that one. The test comes before
    everything that the program writes, so its arguments are arguments or state of the compiled function.

    Args:
        test: a function of plain arrays and options, made of NumPy calls.
        *args: arrays and options.
    """
    if TRACING[0]:
        trace = current_trace()
        if trace is not None:
            test = functools.partial(_assumed, trace, test)
    return bool(BATCHES[0].agreed(test, args) if BATCHES else test(*args))


def _assumed(trace: Any, test: Callable[..., bool], *args: Any) -> bool:
    return bool(trace.assume(test, args))


def assume_of(test: Callable[..., bool], x: Any) -> bool:
    """``assume(test, x)`` of an array that may be computed: it is computed before anything is written.

    Where that can't be (it is drawn at random, or computed of what the program writes) a compiled program rests on ``test`` of all the
    floating arrays that it is given.
    """
    if TRACING[0] and is_traced(x):
        return bool(current_trace().assume_of(test, x))
    return bool(BATCHES[0].agreed(functools.partial(assume_of, test), (x,)) if is_batched(x) else test(x))


def amend(function: Callable[..., None], written: Sequence[Any], *args: Any) -> None:
    """``function(*args)``, which writes into some of its arguments, as one call of a compiled program: it may look at numbers.

    Args:
        function: of a module, takes plain arrays and returns nothing.
        written: those of its arguments that it may write into.
        *args: arrays and options.
    """
    if TRACING[0]:
        trace = current_trace()
        if trace is not None and any(isinstance(x, TracedArray) for x in written):
            trace.amend(function, written, args)
            return
    function(*args)


def beside(x: Any, *others: Any) -> Any:
    """A plain array as one of the trace that ``others`` belong to, if any does: so that it can be indexed with them, or written."""
    if BATCHES and x.__class__ is np.ndarray:
        x = BATCHES[0].beside(x, others)
    if TRACING[0] and x.__class__ is np.ndarray:
        trace = current_trace()
        if trace is not None and any(isinstance(other, TracedArray) for other in others):
            return trace.lifted(x)
    return x


def in_memory(x: Any) -> bool:
    """Whether an array lies in memory as NumPy lays it out: an ndarray, or the one that a traced array stands for."""
    return x.__class__ is np.ndarray or isinstance(x, TracedArray)


def is_batched(x: Any) -> bool:
    """Whether a value is an array of a batch, with an axis more than it shows."""
    return bool(BATCHES) and BATCHES[0].model((x,)) is not None


def is_mapping() -> bool:
    """Whether a function is being mapped over a batch on this thread."""
    return bool(BATCHES) and BATCHES[0].mapping()


def is_traced(x: Any) -> bool:
    """Whether a value is an array of a trace, whose numbers are known only when the program runs."""
    return isinstance(x, TracedArray)


def under_trace() -> bool:
    """Whether a program is being written down."""
    return bool(TRACING[0]) and current_trace() is not None


def is_scalar(x: Any) -> bool:
    """Whether a value is one of NumPy's numbers, not an array without axes; also of a traced one."""
    return isinstance(x, np.generic) or (isinstance(x, TracedArray) and isinstance(x.array, np.generic))


def model(*arrays: Any) -> Any:
    """The array among these that ``like=`` shall name where a buffer takes results of all of them: one of a trace, else the first."""
    if BATCHES:
        found = BATCHES[0].model(arrays)
        if found is not None:
            return found
    if TRACING[0]:
        for array in arrays:
            if isinstance(array, TracedArray):
                return array
    return arrays[0]


def array(x: Any) -> Any:
    """A list or a number as an array; what has NumPy's protocols as it is."""
    return x if hasattr(x.__class__, "__array_function__") else np.asarray(x)
