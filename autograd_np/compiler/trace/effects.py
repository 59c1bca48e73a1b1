"""What a function does besides computing, while it is traced: what it prints and logs."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["effects"]

_WARNINGS = ("warnings", "_py_warnings")  # the modules that print a warning, which a replay gives by itself


class _Heard:
    """A stream that notes that a thread writes to it."""

    def __init__(self, stream: Any, note: list[str]) -> None:
        self._stream, self._note, self._thread = stream, note, threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> Any:
        if threading.get_ident() == self._thread and sys._getframe(1).f_globals.get("__name__") not in _WARNINGS:
            self._note.append("prints")
        return self._stream.write(text)


@contextlib.contextmanager
def effects() -> Iterator[list[str]]:
    """Collect, in words, what this thread does inside."""
    note: list[str] = []
    thread, make = threading.get_ident(), logging.getLogRecordFactory()

    def record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        if threading.get_ident() == thread:
            note.append("logs")
        return make(*args, **kwargs)

    streams = {name: _Heard(getattr(sys, name), note) for name in ("stdout", "stderr") if getattr(sys, name)}
    logging.setLogRecordFactory(record)
    for name, stream in streams.items():
        setattr(sys, name, stream)
    try:
        yield note
    finally:
        for name, stream in streams.items():
            if getattr(sys, name) is stream:
                setattr(sys, name, stream._stream)
        if logging.getLogRecordFactory() is record:
            logging.setLogRecordFactory(make)
