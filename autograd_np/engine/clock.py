"""Positions on the tape, and the two counters that say whether anything has changed since one.

``LAST_WRITE[0]`` is the position of the newest write that the library made into an array (see write_guards.py): only nodes older
than it can keep an array that has changed, so the usual node pays one comparison. ``CHANGES[0]`` counts what a compiled program
relies on and cannot see: a Tensor given another array, a parameter frozen, a module's attribute set.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

__all__ = ["CHANGES", "LAST_WRITE", "next_position"]

# One counter for the process: a Tensor made on one thread may be used on another. The step of an itertools.count is atomic.
next_position: Callable[[], int] = itertools.count(1).__next__
LAST_WRITE = [0]
CHANGES = [0]
