"""Run blocks on several threads: NumPy releases the GIL while it computes."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["available", "both", "pays"]

LARGE = 1 << 18  # elements from which on a chain may be worth a second thread, which takes 20 to 50 µs to call
_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def both(function: Callable[[Any], Any], first: Any, second: Any) -> None:
    """``function(first)`` and ``function(second)`` side by side."""
    import contextvars
    import os
    from concurrent.futures import ThreadPoolExecutor

    if getattr(both, "process", None) != os.getpid():  # a forked process has no such thread
        both.__dict__.update(process=os.getpid(), worker=ThreadPoolExecutor(1))
    task = both.__dict__["worker"].submit(contextvars.copy_context().run, function, second)
    try:
        function(first)
    finally:
        task.result()


def available() -> int:
    """The threads that may be used: the processor's, or fewer where the environment limits those of BLAS."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limits = [
        int(value) for value in map(os.environ.get, _LIMITS) if value is not None and value.isdigit() and int(value) > 0
    ]
    return min([cores, *limits])


@functools.cache
def pays() -> bool:
    """Whether two threads were faster than one, by a fifth, when it was tried: an update of a million elements, a few times over."""
    if available() < 2:
        return False
    size, block = 1 << 20, 1 << 16
    arrays = [np.ones(size, np.float32) for _ in range(3)]
    blocks = [tuple([a[i : i + block] for a in arrays]) for i in range(0, size, block)]

    def run(part: Any) -> None:
        for a, b, c in part:
            np.multiply(a, b, c)
            np.add(c, b, c)
            np.sqrt(c, c)
            np.subtract(a, c, c)

    def seconds(call: Callable[[], None]) -> float:
        best = float("inf")
        for _ in range(4):
            start = time.perf_counter()
            call()
            best = min(best, time.perf_counter() - start)
        return best

    half = len(blocks) // 2
    return seconds(lambda: both(run, blocks[:half], blocks[half:])) < 0.8 * seconds(lambda: run(blocks))
