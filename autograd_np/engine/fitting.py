"""What a rule returns, held to its operand: shape, dtype, and real numbers for real ones."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import GradientShapeError, label, misfit

if TYPE_CHECKING:
    from .tape import Node

__all__ = ["fit", "ones"]


@functools.lru_cache(maxsize=32)
def ones(length: int, dtype: Any) -> Any:
    """A vector of ones, read-only."""
    vector = np.ones(length, dtype)
    vector.flags.writeable = False
    return vector


def fit(g: Any, parent: Node, node: Node) -> Any:
    """Hold a rule's gradient to its parent: sum what was broadcast, cast, take the real part.

    Raises:
        GradientShapeError: the gradient's shape is not the parent's, nor a broadcast of it.
    """
    shape = parent.shape
    try:
        given = g.shape
    except AttributeError:
        raise GradientShapeError(
            f"the rule of {label(node)} returned {type(g).__name__}, not an array of shape {shape}"
        ) from None
    if given != shape:
        extra = len(given) - len(shape)
        if not node.primitive.broadcasts or extra < 0:
            raise GradientShapeError(misfit(given, parent, node))
        if extra == 1 and len(given) == 2 and given[1:] == shape and g.dtype.char in "fd" and given[0] > 8:
            # The sum over rows (the gradient of a bias) as a product: BLAS takes a third of the time.
            return fit(np.dot(ones(given[0], g.dtype), g), parent, node)
        axes = list(range(extra))
        for axis, size in enumerate(shape):
            if given[extra + axis] != size:
                if size != 1:
                    raise GradientShapeError(misfit(given, parent, node))
                axes.append(extra + axis)
        g = g.sum(tuple(axes), np.float32 if g.dtype.char == "e" else None)  # (float16 counts to 2048)
        if g.shape != shape:
            g = np.reshape(g, shape)
    if g.dtype != parent.dtype:
        if g.dtype.kind == "c" and parent.dtype.kind != "c":
            g = np.real(g)
        if g.dtype.kind not in "fcbiu":
            raise GradientShapeError(f"the rule of {label(node)} returned dtype {g.dtype} for a {parent.dtype} operand")
        if g.dtype != parent.dtype:
            g = g.astype(parent.dtype)
    return g
