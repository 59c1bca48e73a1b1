"""Into a batch and out of it: two operations that are each other's rule, so that derivatives of any order are batched too."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.registry import primitive, rule
from ..engine.tensor import ArrayLike, Tensor
from .array import Batched

__all__ = ["into_batch", "out_of_batch", "summed", "summed_over_batch"]


@primitive(wrt="x", view=True)
def into_batch(x: ArrayLike, axis: int, level: float) -> Tensor:
    """The slices of an array along ``axis``, as one batched array."""
    return entered(x, axis, level)  # type: ignore[no-any-return]


@primitive(wrt="x", view=True)
def out_of_batch(x: ArrayLike, axis: int, level: float, n: int) -> Tensor:
    """A batched array as one with the batch axis at ``axis``; of what is the same for each element, n copies."""
    return left(x, axis, level, n)  # type: ignore[no-any-return]


@primitive(wrt="x")
def summed_over_batch(x: ArrayLike, level: float) -> Tensor:
    """The sum over the elements of a batch."""
    return summed(x, level)  # type: ignore[no-any-return]


# Of nested batches the inner one is around the outer one's values: an operation on the outer one's axis goes through it.


def summed(x: Any, level: float) -> Any:
    """As :func:`summed_over_batch`, of arrays."""
    if x.level > level:
        return Batched(summed(x.values, level), x.level)
    return np.sum(x.values, axis=0)


def entered(x: Any, axis: int, level: float) -> Any:
    """As :func:`into_batch`, of arrays."""
    if isinstance(x, Batched) and x.level > level:
        return Batched(entered(x.values, axis + 1, level), x.level)
    return Batched(x if axis == 0 else np.moveaxis(x, axis, 0), level)


def left(x: Any, axis: int, level: float, n: int) -> Any:
    """As :func:`out_of_batch`, of arrays."""
    if isinstance(x, Batched) and x.level > level:
        return Batched(left(x.values, axis + 1, level, n), x.level)
    if isinstance(x, Batched) and x.level == level:
        return x.values if axis == 0 else np.moveaxis(x.values, 0, axis)
    shape = np.shape(x)
    return np.copy(np.broadcast_to(np.expand_dims(x, axis), (*shape[:axis], n, *shape[axis:])))


def _enter(g: Any, axis: int, level: float) -> Any:
    return into_batch(g, axis, level) if isinstance(g, Tensor) else entered(g, axis, level)


def _leave(g: Any, axis: int, level: float, n: int) -> Any:
    return out_of_batch(g, axis, level, n) if isinstance(g, Tensor) else left(g, axis, level, n)


rule(into_batch, lambda g, x_shape, axis, level: _leave(g, axis, level, x_shape[axis]))
rule(out_of_batch, lambda g, axis, level, n: _enter(g, axis, level))
rule(summed_over_batch, lambda g, level: g)  # the same for each element
