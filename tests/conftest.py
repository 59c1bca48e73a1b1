"""What holds for every test: no state is left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator

if "PYTEST_XDIST_WORKER" in os.environ:  # the processes share the cores; read when NumPy is imported
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest

from autograd_np.engine import modes


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """A parameter of bytes is called by its name: a file made in a test may hold the time, and the processes of
    pytest-xdist must find the same tests."""
    return argname if isinstance(val, bytes | bytearray) else None


@pytest.fixture(autouse=True)
def no_state_left_behind() -> Iterator[None]:
    """A test that leaves a mode of recording, or NumPy's error state, other than it found it fails."""
    errors = np.geterr()
    options = np.get_printoptions()
    assert modes.ACTIVE[0] == 0, "an earlier test left a mode on"
    yield
    left = modes.ACTIVE[0]
    modes.ACTIVE[0] = 0
    assert left == 0, f"the test left {left} modes of recording on"
    assert modes._grad_enabled.get(), "the test left recording off"
    assert modes._followers.get() == (), "the test left somebody looking on: annotate, detect_anomaly, follow"
    assert np.geterr() == errors, "the test changed NumPy's error state"
    assert np.get_printoptions() == options, "the test changed NumPy's print options"
