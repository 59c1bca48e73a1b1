"""Scopes and annotations: the named part of the program that an operation belongs to, and its source line.

A part of the program (a module, a function named by :func:`scope`) is one interval of positions: from where it began to its
newest output. Its outputs carry it, so that it lives as long as they do, and the operations in between pay nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec, TypeVar
from weakref import ref

from .clock import next_position
from .errors import location
from .hooks import TRACING, current_trace
from .modes import Following, followers, is_grad_enabled
from .pytree import flatten
from .tape import Node
from .tensor import Tensor

__all__ = ["Scope", "Seen", "annotate", "begin_scope", "end_scope", "is_annotate_enabled", "scope"]

P = ParamSpec("P")
R = TypeVar("R")


class Scope(NamedTuple):
    """One call of a named part of the program: the operations at positions between ``start`` and ``end``.

    What an output carries is a plain tuple of these, which costs a call of a module a third of what an object does.
    """

    reference: (
        Any  # to the module, weak: one that keeps its output must not keep itself alive through the tape; or the name
    )
    kind: type
    start: int
    end: int
    inner: Any  # what ended in the same output before

    @property
    def label(self) -> Any:
        """The module or the name; None where the module is gone."""
        return self.reference if self.kind is str else self.reference()


def begin_scope() -> int:
    """A position before all that comes; :func:`end_scope` takes it."""
    return next_position()


def end_scope(outputs: Any, label: Any, start: int) -> None:
    """Let what was recorded since ``start`` count as the part of the program called ``label``.

    Args:
        outputs: what the part returns: a Tensor, or a tuple, list or dict of them.
        label: a name, or an object that has ``named_modules()`` and ``named_parameters()``.
        start: what :func:`begin_scope` gave.
    """
    kind = label.__class__
    if TRACING[0] and (trace := current_trace()) is not None and trace.story is not None:
        trace.story.part(outputs, label, start)
    if outputs.__class__ is Tensor:
        node = outputs._node
        if node is not None and (end := node.position) > start:
            node.scope = (label if kind is str else ref(label), kind, start, end, getattr(node, "scope", None))
        return
    if outputs.__class__ is tuple and outputs and outputs[0].__class__ is Tensor and outputs[-1].__class__ is Tensor:
        nodes = [part._node for part in outputs if part.__class__ is Tensor]
    else:
        nodes = [part._node for part in flatten(outputs)[0] if isinstance(part, Tensor)]
    end = 0
    for node in nodes:
        if node is not None and node.position > end:
            end = node.position
    if end > start:
        name = label if kind is str else ref(label)
        for node in nodes:
            if node is not None and node.position > start:
                node.scope = (name, kind, start, end, getattr(node, "scope", None))


def scope(label: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Name a function's operations in printed tapes and pictures. A decorator; modules of ``nn`` are named by themselves.

    >>> import autograd_np as ag
    >>> @ag.scope("square distance")
    ... def distance(x, y):
    ...     return ((x - y) ** 2).sum()
    >>> d = distance(ag.Tensor([1.0, 2.0], requires_grad=True), 0.0)
    >>> [entry.module for entry in ag.tape(d)]
    [(), ('square distance',), ('square distance',), ('square distance',)]
    """
    if not isinstance(label, str):
        raise TypeError(f'scope: takes a name, @scope("name"), not {type(label).__name__}')

    def named(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            if not is_grad_enabled() and not TRACING[0]:
                return function(*args, **kwargs)
            start = begin_scope()
            result = function(*args, **kwargs)
            end_scope(result, label, start)
            return result

        return call

    return named


class Seen:
    """What ``annotate`` wrote down about an operation."""

    __slots__ = ("line", "operands", "value")

    def __init__(self, line: str, operands: tuple[Any, ...], value: Any) -> None:
        self.line, self.operands, self.value = line, operands, value


def see(found: Any, result: Any, operands: tuple[Any, ...]) -> None:
    """Write down the source line of a call, its operands and its value (of several outputs a tuple)."""
    results = result if isinstance(result, tuple) else (result,)
    nodes: list[Node] = [t._node for t in results if t._node is not None]
    if nodes:
        main = min(nodes, key=lambda node: node.position)
        values = tuple([t._values for t in results])
        main.seen = Seen(location(), operands, values if isinstance(result, tuple) else values[0])
        for t in results:
            if t._node is not None and t._node is not main:
                t._node.seen = Seen(main.seen.line, (), t._values)


class annotate(Following):  # noqa: N801 - a mode like its neighbours
    """Let every operation remember the source line that called it, its operands and its value, for the printed tape and for pictures.

    The arrays stay alive as long as the tape does. A context manager and a decorator.

    >>> import autograd_np as ag
    >>> x = ag.Tensor([1.0, 2.0], requires_grad=True)
    >>> with ag.annotate():
    ...     y = (x * x).sum()
    >>> [entry.value.tolist() for entry in ag.tape(y)]
    [[1.0, 2.0], [1.0, 4.0], 5.0]
    """

    operation = staticmethod(see)


def is_annotate_enabled() -> bool:
    """Whether :class:`annotate` is on for this thread (or task)."""
    return any(operation is see for operation, _ in followers())
