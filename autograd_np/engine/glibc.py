"""Ask glibc to keep freed blocks.

A training step makes the same arrays again and again. glibc gives freed memory of more than 128 kB back to the system at once and
takes it again, page by page, in the next step, which can cost as much as the arithmetic (measured: half of the time of a convolutional
network's step, 40 % of an LSTM's). The size of a block that was mapped and freed, up to 32 MB, is from then on what glibc
keeps for later, so one block that nobody touches tells it to; the process may hold up to 62 MB of freed memory. Where
``MALLOC_MMAP_THRESHOLD_`` or ``MALLOC_TRIM_THRESHOLD_`` is set in the environment that setting holds, and other allocators take no notice.

It is told before the first backward pass, not at import: a program that uses no gradients has the allocator that it would have without
this library.
"""

import numpy as np

from .hooks import TRACING

__all__ = ["keep_freed_memory"]

_told: list[bool] = []


def keep_freed_memory() -> None:
    """Let glibc keep freed blocks of up to 31 MB instead of giving them back to the system. Once is enough; a trace does not ask for it."""
    if not _told and not TRACING[0]:
        _told.append(True)
        np.empty(31 << 20, np.uint8)
