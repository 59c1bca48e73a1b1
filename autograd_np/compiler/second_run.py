"""Run a function that was traced once more, untraced.

What answers differently to a traced array (``isinstance``, ``is``), or is another in each call (clocks, the system's entropy), shows in
the difference, and such a function is not compiled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..engine.hooks import TRACING, current_trace
from ..engine.pytree import flatten
from ..engine.tensor import Tensor

__all__ = ["Seen", "compare_here", "difference", "until_compared"]

ULPS = 64  # of the largest element: sums in another order differ by so much

_under_way: set[int] = set()  # the threads that are in a second run


class Seen(NamedTuple):
    """What a run has come to."""

    result: Any
    written: list[tuple[Any, Any]]  # (array, its content)
    gradients: list[tuple[Any, Any]]  # (leaf, the gradient that it holds)
    what: str = "what it returns"

    def differs(self, result: Any) -> str:
        """In words, what another run has come to that is different; empty if nothing is."""
        words = difference(self.result, result, self.what)
        for array, content in self.written:
            words = words or _differ(content, array, "what it writes")
        for node, grad in self.gradients:
            words = words or _differ(grad, node.grad, "a gradient that it leaves")
        return words


class _Compared(BaseException):
    """Raised where a second run ends."""


def compare_here(gradients: Callable[[], list[Any]]) -> None:
    """Say where a second run of the function ends, because what follows cannot be undone: what it has computed by then is compared.

    Args:
        gradients: gives arrays that were computed by then. They are compared as one, since some may be nothing but rounding,
            as those of a bias in front of a batch normalisation are.
    """
    if TRACING[0]:
        trace = current_trace()
        if trace is not None and trace.seen is None:
            trace.seen = Seen(_joined(gradients()), trace.written(), [], "the gradient for its first update")
    elif _under_way and threading.get_ident() in _under_way:
        raise _Compared(_joined(gradients()))


def until_compared(call: Callable[[], Any]) -> Any:
    """Run a function to its end, or to where it calls :func:`compare_here`."""
    thread = threading.get_ident()
    _under_way.add(thread)
    try:
        return call()
    except _Compared as end:
        return end.args[0]
    finally:
        _under_way.discard(thread)


def _joined(arrays: list[Any]) -> list[Any]:
    """The numbers of arrays, whether or not they are traced, in one array for each dtype; and their shapes."""
    plain = [np.asarray(getattr(x, "array", x)) for x in arrays]
    kinds = sorted({x.dtype.str for x in plain})
    found: list[Any] = [str([x.shape for x in plain])]
    return found + [np.concatenate([x.ravel() for x in plain if x.dtype.str == kind]) for kind in kinds]


def difference(given: Any, expected: Any, what: str) -> str:
    """In words, how two results differ; empty if they do not."""
    a, b = flatten(given)[0], flatten(expected)[0]
    if len(a) != len(b):
        return f"{what} has {len(a)} parts, and {len(b)}"
    # (A gradient that is zero but for rounding, of a bias in front of a batch normalisation, is other rounding the second time.)
    noise = max(map(_rounding, b), default=0.0)
    for x, y in zip(a, b, strict=True):
        words = _differ(x, y, what, noise)
        if words:
            return words
    return ""


def _rounding(x: Any) -> float:
    """By how much sums in another order may differ, in the largest element."""
    x = x._values if isinstance(x, Tensor) else x
    if getattr(x, "dtype", np.dtype(bool)).kind not in "fc":
        return 0.0
    with np.errstate(all="ignore"):
        return float(ULPS * np.finfo(x.dtype).eps * np.max(np.abs(x), where=np.isfinite(x), initial=0.0))


def _differ(x: Any, y: Any, what: str, noise: float = 0.0) -> str:
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
            near = np.abs(x - y) <= _rounding(y)
            if not np.any(np.abs(x) > noise) and not np.any(np.abs(y) > noise):
                near = True
        same = same | near | (np.isnan(x) & np.isnan(y))
    return "" if np.all(same) else f"{what} has other numbers"
