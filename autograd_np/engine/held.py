"""The Tensors of the program that a picture may want to know again: leaves, and those that have a name. They are held weakly."""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

__all__ = ["held_tensors", "hold"]

_held: WeakValueDictionary[int, Any] = WeakValueDictionary()


def hold(t: Any) -> None:
    """Remember a Tensor as long as it lives."""
    _held[id(t)] = t


def held_tensors() -> list[Any]:
    """Those that live."""
    references = _held.valuerefs()  # a list that is made at once, while other threads go on making Tensors
    return [t for t in [reference() for reference in references] if t is not None]
