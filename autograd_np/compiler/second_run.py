"""Run a function that was traced once more, untraced.

What answers differently to a traced array (``isinstance``, ``is``), or is another in each call (clocks, the system's entropy), shows in
the difference, and such a function is not compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine.pytree import flatten
from ..engine.tensor import Tensor
from .trace.record import Trace

__all__ = ["second_run"]

ULPS = 64  # of the largest element: sums in another order differ by so much


def second_run(
    trace: Trace, gradients: Sequence[tuple[Any, Any]], call: Callable[[], Any], traced: Any
) -> tuple[Any, str]:
    """Undo what the traced run did, and run the function itself.

    Args:
        trace: of the first run.
        gradients: the leaves that the function can reach, and the gradient that each held before the first run.
        call: runs the function.
        traced: what the traced run returned.

    Returns:
        What the function returned, and in words what was different; empty if nothing was.
    """
    written = [(array, np.copy(array)) for array, _ in trace.backups.values()]
    left = [node.grad for node, _ in gradients]
    trace.rewind()
    for node, before in gradients:
        node.grad = before
    result = call()
    words = difference(traced, result, "what it returns")
    for array, expected in written:
        words = words or _differ(expected, array, "what it writes")
    for (node, _), expected in zip(gradients, left, strict=True):
        words = words or _differ(expected, node.grad, "a gradient that it leaves")
    return result, words


def difference(given: Any, expected: Any, what: str) -> str:
    """In words, how two results differ; empty if they do not."""
    a, b = flatten(given)[0], flatten(expected)[0]
    if len(a) != len(b):
        return f"{what} has {len(a)} parts, and {len(b)}"
    for x, y in zip(a, b, strict=True):
        words = _differ(x, y, what)
        if words:
            return words
    return ""


def _differ(x: Any, y: Any, what: str) -> str:
    if x is y:
        return ""
    if type(x) is not type(y):
        return f"{what} is a {type(x).__name__}, and a {type(y).__name__}"
    if isinstance(x, Tensor):
        x, y = x._values, y._values
    if not hasattr(y, "dtype"):
        return "" if repr(x) == repr(y) else f"{what} is {x!r}, and {y!r}"
    if x.shape != y.shape or x.dtype != y.dtype:
        return f"{what} is {x.shape} {x.dtype}, and {y.shape} {y.dtype}"
    same = np.equal(x, y)
    if y.dtype.kind in "fc":
        with np.errstate(all="ignore"):
            largest = np.max(np.abs(y), where=np.isfinite(y), initial=0.0)
            near = np.abs(x - y) <= ULPS * np.finfo(y.dtype).eps * largest
        same = same | near | (np.isnan(x) & np.isnan(y))
    return "" if np.all(same) else f"{what} has other numbers"
