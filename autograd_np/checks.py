"""Tests of data: made where they stand, and in a compiled program in every replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .compiler.trace import TRACING, current_trace

__all__ = ["require"]


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
            trace.check(test, args)
            return
    test(*args)
