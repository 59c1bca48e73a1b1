"""Gradient contributions that are summed later: pieces of one array, outputs of one operation."""

from __future__ import annotations

from typing import Any

__all__ = ["Deferred"]


class Deferred:
    """A gradient contribution that is summed later, when all of its parent's have arrived.

    Slices of one array contribute pieces to a common buffer, and the outputs of one operation
    contribute slots to a common tuple; either way the sum costs what the pieces cost, not the whole
    once per piece. ``+`` collects, :meth:`dense` finishes.
    """

    __slots__ = ("parts", "shape")
    dtype = ()  # no node's, so that `fit` sees every one (an operation with several outputs has None)
    outputs = False  # whether it is a tuple with an entry for each of several outputs, the first of which others join
    __array_ufunc__ = None  # an ndarray on the left gives way to __radd__

    def __init__(self, shape: Any, parts: list[Any]) -> None:
        self.shape = shape
        self.parts = parts

    def __add__(self, other: Any) -> Deferred:
        # Each contribution is made for this one sum, so the list may grow in place: n pieces cost O(n).
        if other.__class__ is self.__class__:
            self.parts.extend(other.parts)
        elif isinstance(other, Deferred):  # pieces of another kind
            if other.outputs:
                return other.__add__(self)
            self.parts.append(self.whole(other.dense()))
        else:
            self.parts.append(self.whole(other))
        return self

    def __radd__(self, other: Any) -> Deferred:
        return self.__add__(other)

    def whole(self, g: Any) -> Any:
        """The part that stands for an ordinary gradient of the full shape."""
        raise NotImplementedError

    def dense(self) -> Any:
        """The finished sum."""
        raise NotImplementedError
