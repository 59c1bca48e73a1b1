"""Alias analysis of the arguments: a program that writes is made for one pattern of shared memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .record import owner_of

__all__ = ["Aliasing", "pairs"]


def _start(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


def pairs(arrays: Sequence[Any], bound: Sequence[Any] = ()) -> tuple[tuple[int, int, int], ...]:
    """The pairs of arrays that overlap, an argument with another or with one of ``bound``, and how far apart they begin."""
    every = [*arrays, *bound]
    bounds = [
        (*np.lib.array_utils.byte_bounds(array), i)
        for i, array in enumerate(every)
        if isinstance(array, np.ndarray) and array.size
    ]
    found = []
    ahead: list[tuple[int, int]] = []  # of those that began before: (end, number)
    for low, high, i in sorted(bounds):
        ahead = [(end, j) for end, j in ahead if end > low]
        for _, j in ahead:
            first, second = max(i, j), min(i, j)
            if first >= len(arrays):
                first, second = second, first
            if first < len(arrays):
                found.append((first, second, _start(every[first]) - _start(every[second])))
        ahead.append((high, i))
    return tuple(sorted(found))


class _Span:
    """The memory from the first to the last byte of some arrays, for comparison of addresses alone."""

    def __init__(self, arrays: Sequence[Any]) -> None:
        bounds = [np.lib.array_utils.byte_bounds(array) for array in arrays]
        low = min(bound[0] for bound in bounds)
        self.__array_interface__ = {
            "data": (low, True),
            "shape": (max(bound[1] for bound in bounds) - low,),
            "typestr": "|u1",
            "version": 3,
        }


class Aliasing:
    """What a program may be given.

    Args:
        arrays: the arguments that it was traced with.
        bound: the arrays of the caller that it holds and that it writes to, or all of them if it writes to arguments.
        writes: whether it writes to any memory that is there before.
    """

    def __init__(self, arrays: Sequence[Any], bound: Sequence[Any], writes: bool) -> None:
        self.bound = [array for array in bound if isinstance(array, np.ndarray) and array.size]
        self.pattern = pairs(arrays, self.bound)
        self.matters = bool(writes or self.pattern)
        self.several = sum(isinstance(a, np.ndarray) for a in arrays) > 1
        self.span = np.asarray(_Span(self.bound)) if self.bound and writes else None
        self.owners = {id(array) for each in self.bound for array in (each, owner_of(each))}
        self.known: list[Any] = [self] * len(
            arrays
        )  # for each argument, the array that the last one was a view of, if all of that is apart
        every = [*arrays, *self.bound]
        # What overlaps without being views of one array was traced as if it did not.
        self.sound = not writes or all(owner_of(every[i]) is owner_of(every[j]) for i, j, _ in self.pattern)

    def far(self, i: int, array: Any) -> bool:
        """Whether argument i lies apart from everything that the program is bound to."""
        span = self.span
        base = array.base
        if span is None:
            self.known[i] = base
            return True
        if pairs([array], self.bound):
            return False
        if base is None or (base.__class__ is np.ndarray and not np.may_share_memory(owner_of(base), span)):
            self.known[i] = base
        return True

    def holds(self, arrays: Sequence[Any]) -> bool:
        """Whether the arguments overlap as those did that the program was made for."""
        if not self.pattern:
            span = self.span
            apart = span is None or not any(np.may_share_memory(a, span) for a in arrays if a.__class__ is np.ndarray)
            if apart and (not self.several or not pairs(arrays)):
                return True
        return pairs(arrays, self.bound) == self.pattern
