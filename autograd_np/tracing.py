"""What a library on top of the engine tells a trace: which arrays are state, what is computed anew before each replay, how parts are called.

``ag.compile`` sees NumPy calls. What a training step keeps between calls (moments, counts, rates) lies in arrays and numbers that no NumPy
call shows, so whoever holds them says so while the function is traced. Outside a trace none of this is needed.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .checks import assume, require
from .compiler.trace import TRACING, Trace, current_trace
from .modes import CHANGES
from .tensor import Tensor

__all__ = ["after", "assume", "before", "call", "changed", "condition", "is_tracing", "name", "relocate", "require", "section", "state"]


def is_tracing() -> bool:
    """Whether a function is being compiled on this thread (or task).

    >>> is_tracing()
    False
    """
    return bool(TRACING[0]) and current_trace() is not None


def _trace() -> Trace:
    found = current_trace()
    if found is None:
        raise RuntimeError("this belongs into a function that is being compiled; ask is_tracing() first")
    return found


def state(array: np.ndarray[Any, Any], label: str | None = None) -> Any:
    """The traced array of an array that the program reads and writes where it lies.

    Args:
        array: of the caller; the program holds on to it.
        label: a name for it in the program.
    """
    traced = _trace().external(array, "state")
    if label is not None:
        traced.value.label = label
    return traced


def name(array: Any, label: str) -> None:
    """Suggest a name for a traced array."""
    _trace()
    if hasattr(array, "value"):
        array.value.label = label


def before(function: Callable[[], Any]) -> None:
    """Call a function before each replay: it may write into arrays that are :func:`state`."""
    _trace().before.append(function)


def after(function: Callable[[], Any]) -> None:
    """Call a function after each replay that succeeded."""
    _trace().after.append(function)


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


def relocate(t: Tensor, array: np.ndarray[Any, Any]) -> bool:
    """Move a Tensor's memory into an array of its shape and dtype, if nobody else holds it now.

    Returns:
        Whether it was moved. The Tensor has its values in either case.
    """
    values = t._values
    # References from here: the slot, the local name, getrefcount's argument.
    if values.__class__ is not np.ndarray or values.base is not None or t._shared is not False or sys.getrefcount(values) > 3:
        return False
    if array.shape != values.shape or array.dtype != values.dtype:
        raise ValueError(f"relocate: an array of shape {array.shape} and dtype {array.dtype} does not hold {values.shape} {values.dtype}")
    array[...] = values
    t._values = array
    return True
