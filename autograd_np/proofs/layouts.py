"""Memory layouts: every sample in C and Fortran order, strided, reversed, with its axes exchanged, and broadcast.

How an array lies in memory is part of its value: order K, ``tobytes`` and whoever takes the array on can see it. So for
operands of each layout the outputs of a function that NumPy has lie as NumPy's own: the same strides along every axis
longer than one, on memory of an operand where NumPy's output is a view of it, and on memory of their own where it is
none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from .cases import Case, differ, kept_as_is, scattered, values_of

__all__ = ["LAYOUTS", "compare", "lies", "otherwise"]


def _reversed(x: Any) -> Any:
    """Every axis from its end to its start in memory."""
    back = (slice(None, None, -1),) * x.ndim
    return np.copy(x[back], order="C")[back]


def _exchanged(x: Any) -> Any:
    """The axes neither in C nor in Fortran order; at least three are needed for that."""
    return np.swapaxes(np.copy(np.swapaxes(x, 0, 1), order="C"), 0, 1) if x.ndim > 2 else x


def _broadcast(x: Any) -> Any:
    """The first entry in the place of every other along the first axis (so these are other numbers)."""
    return np.broadcast_to(x[:1], x.shape) if x.shape[0] else x


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "C order": lambda x: np.copy(x, order="C"),
    "Fortran order": np.asfortranarray,
    "strided": scattered,
    "reversed": _reversed,
    "axes exchanged": _exchanged,
    "broadcast": _broadcast,
}


def lies(y: Any) -> tuple[int, ...]:
    """How an array lies in memory: its strides along the axes longer than one."""
    return tuple(stride for stride, size in zip(y.strides, y.shape, strict=True) if size > 1) if y.size else ()


def otherwise(y: Any) -> Any:
    """The same numbers in another layout, the gentlest that there is; ``y`` itself where it has one element."""
    if not isinstance(y, np.ndarray) or not lies(y):
        return y
    if len(lies(y)) > 1:
        fortran = np.copy(y, order="F")
        return np.copy(y, order="C") if lies(y) == lies(fortran) else fortran
    if not y.flags.c_contiguous:
        return np.copy(y, order="C")
    axis = int(np.argmax(y.shape))
    return np.repeat(y, 2, axis)[(slice(None),) * axis + (slice(None, None, 2),)]


def moved(case: Case, layout: str) -> list[Any] | None:
    """The leaves of the call with its operands in a layout; None where no operand changes by it."""
    leaves = [
        LAYOUTS[layout](x) if i in case.operands and isinstance(x, np.ndarray) and x.ndim else x
        for i, x in enumerate(case.leaves)
    ]
    changed = any(isinstance(x, np.ndarray) and lies(x) != lies(y) for x, y in zip(case.leaves, leaves, strict=True))
    return leaves if changed or layout == "C order" else None


def compare(case: Case) -> Iterator[str]:
    """In words, what differs from NumPy's own function, values or memory, for operands of any layout."""
    oracle = case.primitive.numpy_functions[0]
    for layout in LAYOUTS:
        leaves = moved(case, layout)
        if leaves is None:
            continue
        everything = [Tensor(x) if i in case.operands else x for i, x in enumerate(leaves)]
        try:
            expected = values_of(case.call(oracle, [leaves[i] for i in case.floating], leaves))
            given = values_of(case.call(case.primitive.function, [everything[i] for i in case.floating], everything))
        except (IndexError, ValueError):  # LinAlgError is a ValueError
            if layout != "broadcast":  # equal elements, where there must be none
                raise
            continue
        arrays = [x for x in leaves if isinstance(x, np.ndarray)]
        for y, e in zip(given, expected, strict=True):
            words = differ(y, e, 1e-11, 1e-13) if case.name != "empty_like" else None
            if words:
                yield f"{layout}: the value is {words}"
            elif lies(y) != lies(e):
                yield f"{layout}: an output of shape {y.shape} has strides {y.strides} instead of {e.strides}"
            elif _views(y, arrays) != _views(e, arrays):
                yield (
                    f"{layout}: an output is {'a view' if any(_views(y, arrays)) else 'no view'} of an "
                    "operand, unlike NumPy's"
                )


def _views(y: Any, arrays: list[Any]) -> list[bool]:
    return [np.shares_memory(y, x) for x in arrays]


def gradients(case: Case, reference: list[Any]) -> Iterator[str]:
    """In words, what differs from the gradients in C order where the operands are in Fortran order."""
    leaves = moved(case, "Fortran order")
    if leaves is None:
        return
    _, grads = case.gradients([kept_as_is(leaves[i]) for i in case.floating], leaves=leaves)
    for word, g, e in zip(case.words(), grads, reference, strict=True):
        words = differ(np.asarray(g), np.asarray(e), 1e-11, 1e-13)
        if words:
            yield f"Fortran order: the gradient of {word} is {words}"
