"""Ctrl-C at any moment of a compiled function that writes: nothing hangs, and nothing is torn without a note."""

from __future__ import annotations

import random
import signal
from typing import Any

import numpy as np
import pytest

import autograd_np as ag


def stop(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.full
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers that interrupt")
def test_interrupts() -> None:
    first, second, x = np.zeros(3), np.zeros(3), np.ones(3)

    def f(x: Any) -> Any:
        first[...] += 1
        second[...] += 1
        return np.sum(np.tanh(x) * first * second)

    compiled = ag.compile(f)
    for _ in range(3):
        compiled(x)
    rng = random.Random(1)
    noted = 0
    before = signal.signal(signal.SIGALRM, stop)
    try:
        for _ in range(20_000):
            start, ended, error = first[0], 0, None
            try:
                signal.setitimer(signal.ITIMER_REAL, 20e-6 + rng.random() * 180e-6)
                for _ in range(400):
                    compiled(x)
                    ended += 1
            except KeyboardInterrupt as caught:
                error = caught
            signal.setitimer(signal.ITIMER_REAL, 0)
            if getattr(error, "__notes__", None):
                noted += 1
                second[...] = first
            else:  # (one call more, where the interrupt came between its end and the counting of it here)
                assert first.tolist() == second.tolist()
                assert first[0] - start - ended in (0, 1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert noted > 100
