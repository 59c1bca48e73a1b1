"""Notes on errors: what an interrupt (Ctrl-C) or an error in the midst of a piece of work may have left half done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["writing"]


@contextmanager
def writing(note: str) -> Iterator[None]:
    """Add a note to what is raised while the block, or the function it decorates, writes in place.

    Args:
        note: what may be written in part now, and what makes it whole.
    """
    try:
        yield
    except BaseException as error:
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
        raise
