"""Locks that a forked process finds free."""

from __future__ import annotations

import os
import threading
import weakref

__all__ = ["new_lock"]

_locks: weakref.WeakSet[threading.RLock] = weakref.WeakSet()


def new_lock() -> threading.RLock:
    """A reentrant lock. A child of ``os.fork`` has it free, though a thread that the child has not may have held it."""
    lock = threading.RLock()
    _locks.add(lock)
    return lock


def _free_all() -> None:
    for lock in _locks:
        lock._at_fork_reinit()  # type: ignore[attr-defined]  # (as those of Python's own library do)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_all)
