"""The batches that are open: of a function that is being mapped, or of the rows of a Jacobian."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..engine.clock import next_position

__all__ = ["batch", "is_open"]

_open: set[float] = set()
_lock = threading.Lock()


@contextmanager
def batch() -> Iterator[float]:
    """A batch, as long as it is open: its level, a place on the tape. What is recorded inside has a later place."""
    level = float(next_position())
    with _lock:
        _open.add(level)
    try:
        yield level
    finally:
        with _lock:
            _open.discard(level)


def is_open(level: float) -> bool:
    """Whether what opened the batch of this level is still running."""
    return level in _open
