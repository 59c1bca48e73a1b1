"""Calls for a library on top of the engine, made while it is traced: state, values computed anew before each replay, names of parts.

``ag.compile`` sees NumPy calls. What a training step keeps between calls (moments, counts, rates) lies in arrays and numbers that no NumPy
call shows, so whoever holds them says so while the function is traced. Outside a trace none of this is needed.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .compiler.printer.standalone import Numbers
from .compiler.second_run import compare_here
from .compiler.trace.provenance import Role
from .compiler.trace.record import Trace
from .engine.clock import CHANGES
from .engine.glibc import keep_freed_memory
from .engine.hooks import TRACING, assume, current_trace, require
from .engine.random import draw
from .engine.tensor import Tensor

__all__ = [
    "Numbers",
    "about",
    "after",
    "assume",
    "before",
    "call",
    "changed",
    "compare_here",
    "condition",
    "draw",
    "is_tracing",
    "keep_freed_memory",
    "name",
    "relocate",
    "require",
    "section",
    "side_by_side",
    "state",
    "torn",
]


def is_tracing() -> bool:
    """Whether a function is being compiled on this thread (or task).

    >>> is_tracing()
    False
    """
    return bool(TRACING[0]) and current_trace() is not None


def _trace() -> Trace:
    found: Trace | None = current_trace()
    if found is None:
        raise RuntimeError("this belongs into a function that is being compiled; ask is_tracing() first")
    return found


def state(array: np.ndarray[Any, Any], label: str | None = None, of: Any = None) -> Any:
    """The traced array of an array that the program reads and writes where it lies.

    Args:
        array: of the caller; the program holds on to it.
        label: a name for it in the program.
        of: a traced array to whose name the label is put in front.
    """
    traced = _trace().external(array, "state")
    if label is not None:
        name(traced, label, of)
    return traced


def name(array: Any, label: str, of: Any = None) -> None:
    """Suggest a name for a traced array, or for what a Tensor holds; with ``of`` the label in front of that one's name."""
    story = _trace().story
    value, other = [getattr(x._values if isinstance(x, Tensor) else x, "value", None) for x in (array, of)]
    if value is not None:
        story.name(value, label if other is None else Role("of", (label, other)))


def about(function: str, title: str) -> None:
    """Say what the program is: the name of its function, and a sentence for its head."""
    story = _trace().story
    story.function, story.title = function, title


def before(function: Callable[[], Any]) -> None:
    """Call a function before each replay: it may write into arrays that are :func:`state`."""
    _trace().before.append(function)


def after(function: Callable[[], Any]) -> None:
    """Call a function after each replay that succeeded."""
    _trace().after.append(function)


def torn(function: Callable[[BaseException], Any]) -> None:
    """Call a function with what a replay raised, if that came when the program had begun to write: what is :func:`state` may be written in part."""
    _trace().torn.append(function)


def condition(function: Callable[[], Any]) -> None:
    """The program holds only while the function returns what it returns when the trace has ended; else the function is traced anew."""
    _trace().conditions.append(function)


def changed() -> None:
    """Say that something has changed which a compiled program may rest on and does not look at in each call, such as an attribute of a module."""
    CHANGES[0] += 1


def call(function: Callable[..., Any], *args: Any) -> Any:
    """A function of arrays as one call of the program: it may look at their numbers. It returns arrays whose shape does not depend on them."""
    trace = current_trace() if TRACING[0] else None
    return function(*args) if trace is None else trace.call("function", function, args, {})


@contextlib.contextmanager
def section(title: str) -> Iterator[None]:
    """What is traced inside stands in the program under this title."""
    trace = _trace()
    outer, trace.section = trace.section, title
    try:
        yield
    finally:
        trace.section = outer


def _references(t: Tensor) -> int:
    """How many references to the array of a Tensor there are, with those from here."""
    values = t._values
    return sys.getrefcount(values)


@functools.cache
def _alone() -> int:
    """What :func:`_references` gives where nobody else holds the array: it depends on the version of Python."""
    return _references(Tensor(np.zeros(1), copy=True))


def relocate(t: Tensor, array: np.ndarray[Any, Any]) -> bool:
    """Move a Tensor's memory into an array of its shape and dtype, if nobody else holds it now.

    Returns:
        Whether it is there. The Tensor has its values in either case.
    """
    values = t._values
    if values is array:
        return True
    kept = values.__class__ is np.ndarray and values.base is None and t._shared is False
    del values
    if not kept or _references(t) > _alone():
        return False
    values = t._values
    if array.shape != values.shape or array.dtype != values.dtype:
        raise ValueError(
            f"relocate: an array of shape {array.shape} and dtype {array.dtype} does not hold {values.shape} {values.dtype}"
        )
    array[...] = values
    t._values = array
    CHANGES[0] += 1
    return True


def side_by_side(tensors: Sequence[Tensor]) -> np.ndarray[Any, Any] | None:
    """One flat array of all elements, where Tensors lie one after the other in one piece of memory and nobody was given it; else None."""
    first = tensors[0]._values
    base = getattr(first, "base", None)
    if base.__class__ is not np.ndarray or base.ndim != 1 or base.dtype != first.dtype or not base.flags.c_contiguous:
        return None
    at = begin = first.__array_interface__["data"][0]
    for t in tensors:
        values = t._values
        if (
            values.__class__ is not np.ndarray
            or values.base is not base
            or t._shared is not False
            or not values.flags.c_contiguous
            or values.dtype != base.dtype
        ):
            return None
        if values.__array_interface__["data"][0] != at:
            return None
        at += values.nbytes
    start = (begin - base.__array_interface__["data"][0]) // base.itemsize
    stop = start + (at - begin) // base.itemsize
    return base if stop - start == base.size else base[start:stop]
