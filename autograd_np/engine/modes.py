"""Modes of recording, per thread and per task: ``no_grad``, ``enable_grad``, ``annotate``, ``detect_anomaly``.

``ACTIVE[0]`` counts the modes that are on anywhere in the process. While it is zero, which is nearly
always, a recorded operation pays one list look-up; only otherwise does it read the context variables.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Generator
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Generic, ParamSpec, TypeVar, cast

import numpy as np

__all__ = ["annotate", "detect_anomaly", "enable_grad", "is_annotate_enabled", "is_anomaly_enabled", "is_grad_enabled", "no_grad"]

P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V")

ACTIVE = [0]
# Counts what a compiled program relies on and cannot see: a Tensor given another array, a parameter frozen, a module's attribute set.
CHANGES = [0]
_count_lock = threading.Lock()
_grad_enabled: ContextVar[bool] = ContextVar("autograd_np_grad_enabled", default=True)
_anomaly: ContextVar[bool] = ContextVar("autograd_np_detect_anomaly", default=False)
_annotate: ContextVar[bool] = ContextVar("autograd_np_annotate", default=False)
_followers: ContextVar[tuple[Any, Any]] = ContextVar("autograd_np_follow", default=(None, None))


def is_grad_enabled() -> bool:
    """Whether operations on this thread (or task) are recorded.

    >>> with no_grad():
    ...     is_grad_enabled()
    False
    """
    return not ACTIVE[0] or _grad_enabled.get()


def is_annotate_enabled() -> bool:
    """Whether ``annotate`` is on for this thread (or task)."""
    return bool(ACTIVE[0]) and _annotate.get()


def follower() -> Callable[[Any, Any, Any], None] | None:
    """What :class:`follow` calls for each operation on this thread (or task), where it is on."""
    return _followers.get()[0] if ACTIVE[0] else None


def walk_watcher() -> Any:
    """What looks at each step of the backward walk (see :class:`follow`); None where nothing does."""
    if ACTIVE[0]:
        if _anomaly.get():
            from . import anomaly

            return anomaly
        return _followers.get()[1]
    return None


def is_anomaly_enabled() -> bool:
    """Whether ``detect_anomaly`` is on for this thread (or task)."""
    return bool(ACTIVE[0]) and _anomaly.get()


class _Mode(Generic[V]):
    """A context manager and decorator that sets one context variable and restores it in any case."""

    _variable: ContextVar[V]
    _value: V

    def __init__(self, *given: Any) -> None:
        if given:
            raise TypeError(f"{type(self).__name__} is written with parentheses: @{type(self).__name__}(), or with {type(self).__name__}():")
        self._tokens: list[Token[V]] = []

    def __enter__(self) -> None:
        with _count_lock:
            ACTIVE[0] += 1
        self._tokens.append(self._variable.set(self._value))

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        try:
            self._variable.reset(self._tokens.pop())
        finally:
            with _count_lock:
                ACTIVE[0] -= 1

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        mode = type(self)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
                with mode():
                    return await function(*args, **kwargs)

            return cast("Callable[P, R]", awaited)
        if inspect.isasyncgenfunction(function):
            raise TypeError(
                f"{mode.__name__}: {function.__name__} is an asynchronous generator, which steps in the context of others; "
                f"write `with {mode.__name__}():` inside it, around what lies between two yields"
            )
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def generated(*args: P.args, **kwargs: P.kwargs) -> Any:
                return _steps(mode, function(*args, **kwargs))

            return cast("Callable[P, R]", generated)

        @functools.wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            with mode():
                return function(*args, **kwargs)

        return wrapped


def _steps(mode: type[_Mode[Any]], generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Run each step of a generator in the mode, and what lies between the steps outside it."""
    step: Callable[[Any], Any] = generator.send
    value: Any = None
    try:
        while True:
            try:
                with mode():
                    item = step(value)
            except StopIteration as stop:
                return stop.value
            try:
                value = yield item
                step = generator.send
            except GeneratorExit:
                raise
            except BaseException as error:  # noqa: BLE001 - handed on to the generator, as `yield from` does
                value = error
                step = generator.throw
    finally:
        generator.close()


class no_grad(_Mode[bool]):  # noqa: N801 - used as a context manager, named as PyTorch names it
    """Record nothing inside: results need no gradient, and nothing is kept.

    Works as a context manager and as a decorator, per thread and per asyncio task.

    >>> import autograd_np as ag
    >>> x = ag.Tensor([1.0, 2.0], requires_grad=True)
    >>> with ag.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    _variable = _grad_enabled
    _value = False


class enable_grad(_Mode[bool]):  # noqa: N801 - used as a context manager, named as PyTorch names it
    """Record inside, also within ``no_grad``. A context manager and a decorator."""

    _variable = _grad_enabled
    _value = True


class annotate(_Mode[bool]):  # noqa: N801 - a mode like its neighbours
    """Let every operation remember the source line that called it, its operands and its value, for the printed tape and for pictures.

    The arrays stay alive as long as the tape does. A context manager and a decorator.

    >>> import autograd_np as ag
    >>> x = ag.Tensor([1.0, 2.0], requires_grad=True)
    >>> with ag.annotate():
    ...     y = (x * x).sum()
    >>> [entry.value.tolist() for entry in ag.tape(y)]
    [[1.0, 2.0], [1.0, 4.0], 5.0]
    """

    _variable = _annotate
    _value = True


class follow(_Mode[tuple[Any, Any]]):  # noqa: N801 - a mode like its neighbours
    """Look at each operation, and at each step of a backward walk. For the profile, and for the compiler, which calls things by what they are.

    Args:
        operation: called with the primitive, the result and the operands when an operation is done.
        walk: its ``check_kept(node)`` is called before the rule of a node is applied, ``check_backward(node, g, pulled)`` after it.
            (``detect_anomaly`` takes its place.)
    """

    _variable = _followers

    def __init__(self, operation: Callable[[Any, Any, Any], None], walk: Any = None) -> None:
        super().__init__()
        self._value = (operation, walk)


class detect_anomaly(_Mode[bool]):  # noqa: N801 - used as a context manager, named as PyTorch names it
    """Report the first non-finite value, forward or backward, and every array overwritten unseen.

    Inside, each operation remembers the source line that called it; a NaN or infinity that an operation
    makes from finite input raises :class:`~autograd_np.engine.errors.AnomalyError` at once, in the forward pass
    as in the backward pass, with the operation, the index, the input that made it and that line. So does the
    first operation that computes with a NaN of the data; what masks it (``np.where``), leaves it out (``np.nansum``,
    ``where=``) or only moves it may take it, and an infinity may be a mask. Arrays
    that the tape keeps are fingerprinted, and one that was changed before the backward pass raises
    :class:`~autograd_np.engine.errors.MutationError`. It costs time: use it to find a fault.

    >>> import autograd_np as ag
    >>> x = ag.Tensor([1.0, 0.0], requires_grad=True)
    >>> with ag.detect_anomaly():
    ...     ag.log(x)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    autograd_np.engine.errors.AnomalyError: log made -inf at index (1,) ...
    """

    _variable = _anomaly
    _value = True

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._states: list[np.errstate] = []

    def __enter__(self) -> None:
        super().__enter__()
        # NumPy's own warning would come first, and says less.
        state = np.errstate(all="ignore")
        state.__enter__()
        self._states.append(state)

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        try:
            self._states.pop().__exit__(kind, value, traceback)
        finally:
            super().__exit__(kind, value, traceback)
