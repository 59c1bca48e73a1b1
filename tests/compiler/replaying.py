"""Helpers of the tests of ``ag.compile``: an argument, and that a call was a replay."""

from __future__ import annotations

import numpy as np

X = np.arange(1.0, 7.0).reshape(2, 3)


def same(a, b):
    assert type(a) is type(b)
    np.testing.assert_array_equal(a, b)


def replayed(compiled, hits=1):
    """The compiled function has been replayed: the test is not about the function itself."""
    assert compiled.cache_info().hits >= hits, compiled.cache_info()
