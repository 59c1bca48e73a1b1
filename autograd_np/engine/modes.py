"""Modes of recording, per thread and per task: ``no_grad``, ``enable_grad``, and those that look at each operation.

``ACTIVE[0]`` counts the modes that are on anywhere in the process. While it is zero, which is nearly
always, a recorded operation pays one list look-up; only otherwise does it read the context variables.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Generic, ParamSpec, TypeVar, cast

from .locks import new_lock

__all__ = [
    "ACTIVE",
    "Follower",
    "Following",
    "enable_grad",
    "follow",
    "followers",
    "is_grad_enabled",
    "no_grad",
    "watchers",
]

P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V")

ACTIVE = [0]
_count_lock = new_lock()
_grad_enabled: ContextVar[bool] = ContextVar("autograd_np_grad_enabled", default=True)
# Those that look on: (what is called when an operation is done, what is called at each step of a backward walk), None where nothing is.
Follower = tuple[Callable[[Any, Any, Any], None] | None, Any]
_followers: ContextVar[tuple[Follower, ...]] = ContextVar("autograd_np_followers", default=())


def is_grad_enabled() -> bool:
    """Whether operations on this thread (or task) are recorded.

    >>> with no_grad():
    ...     is_grad_enabled()
    False
    """
    return not ACTIVE[0] or _grad_enabled.get()


def followers() -> tuple[Follower, ...]:
    """Those that look at operations and backward walks on this thread (or task): see :class:`follow`."""
    return _followers.get() if ACTIVE[0] else ()


class Watchers:
    """Those that look at the steps of one backward walk, as one."""

    def __init__(self, walks: list[Any]) -> None:
        self.walks = walks

    def check_kept(self, node: Any) -> None:
        """Before the rule of a node is applied."""
        for walk in self.walks:
            walk.check_kept(node)

    def check_backward(self, node: Any, g: Any, pulled: Any) -> None:
        """After it."""
        for walk in self.walks:
            walk.check_backward(node, g, pulled)


def watchers() -> Watchers | None:
    """Those that look at backward walks on this thread (or task); None where nobody does."""
    walks = [walk for _, walk in followers() if walk is not None]
    return Watchers(walks) if walks else None


class _Mode(Generic[V]):
    """A context manager and decorator that sets one context variable and restores it in any case."""

    _variable: ContextVar[V]
    _value: V

    def __init__(self, *given: Any) -> None:
        if given:
            raise TypeError(
                f"{type(self).__name__} is written with parentheses: @{type(self).__name__}(), or with {type(self).__name__}():"
            )
        self._tokens: list[Token[V]] = []

    def __enter__(self) -> None:
        with _count_lock:
            ACTIVE[0] += 1
        self._tokens.append(self._variable.set(self._inside()))

    def _inside(self) -> V:
        """What the variable is set to."""
        return self._value

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
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


class Following(_Mode[tuple[Follower, ...]]):
    """A mode that looks at each operation, and at each step of a backward walk.

    ``operation`` is called with the primitive, the result and the operands when an operation is done. ``walk.check_kept(node)`` is
    called before the rule of a node is applied, ``walk.check_backward(node, g, pulled)`` after it.
    """

    operation: Callable[[Any, Any, Any], None] | None = None
    walk: Any = None
    _variable = _followers

    def _inside(self) -> tuple[Follower, ...]:
        return (*_followers.get(), (self.operation, self.walk))


class follow(Following):  # noqa: N801 - a mode like its neighbours
    """Look at operations, and at backward walks: for the profile, and for the compiler, which calls things by what they are."""

    def __init__(self, operation: Callable[[Any, Any, Any], None], walk: Any = None) -> None:
        super().__init__()
        self.operation = operation
        self.walk = walk
