"""Which operands of an operation are really broadcast, and to which shape: what pictures and page mark."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.registry import REGISTRY
from .model import Entry

__all__ = ["broadcast_shape"]

# Operations on the last axes of their operands, whose leading axes are broadcast: how many last axes each operand has.
CORE: dict[str, tuple[int, ...]] = {
    "cross_last": (1, 1),
    "matmul": (2, 2),
    "matvec": (2, 1),
    "scaled_dot_product_attention": (2, 2, 2, 2),
    "score_gradient": (2, 2, 2, 1),
    "solve": (2, 2),
    "vecdot": (1, 1),
    "vecmat": (1, 2),
}
# Operands that are broadcast to the first one.
LIKE_FIRST = {("std", "mean"), ("var", "mean")}
# Operands that are broadcast to the result, of operations that are not elementwise as a whole.
LIKE_RESULT = {("linear", "bias"), ("prelu", "weight")}


def broadcast_shape(entry: Entry, i: int) -> tuple[int, ...] | None:
    """The shape to which an operand is broadcast; None where it is taken as it is, or where that is not known.

    Args:
        entry: the operation.
        i: which of its operands.

    >>> import numpy as np
    >>> import autograd_np as ag
    >>> x, w = ag.Tensor(np.ones((5, 3, 4)), requires_grad=True), ag.Tensor(np.ones((4, 2)), requires_grad=True)
    >>> *_, product = ag.tape(x @ w)
    >>> [broadcast_shape(product, i) for i in range(2)]
    [None, (5, 4, 2)]
    """
    shape = entry.operand_shapes[i] if i < len(entry.operand_shapes) else None
    if not isinstance(shape, tuple):
        return None
    target = _target(entry, i, shape)
    return None if target is None or target == shape else target


def _target(entry: Entry, i: int, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    word = entry.operands[i]
    if entry.name in CORE:
        if word == "attn_mask":  # of the shape of the scores
            shape = (*shape[:-2], entry.operand_shapes[0][-2], entry.operand_shapes[1][-2])
        return (*_leading(entry), *shape[max(0, len(shape) - CORE[entry.name][i]) :])
    if (entry.name, word) in LIKE_FIRST:
        return _shape(entry.operand_shapes[0])
    if (entry.name, word) in LIKE_RESULT:
        return _shape(entry.shape)
    found = REGISTRY.get(entry.name)
    if found is None or not found.broadcasts or entry.name in ("index_add", "index_update", "std", "var"):
        return None
    try:  # an operation of a user may broadcast in its own way
        return _shape(entry.shape) if np.broadcast_shapes(shape, entry.shape) == entry.shape else None
    except ValueError:
        return None


def _shape(given: Any) -> tuple[int, ...] | None:
    return given if isinstance(given, tuple) else None


def _leading(entry: Entry) -> tuple[int, ...]:
    """The leading axes of all operands, broadcast."""
    known = zip(entry.operand_shapes, CORE[entry.name], strict=False)
    return np.broadcast_shapes(*[s[: max(0, len(s) - n)] for s, n in known if isinstance(s, tuple)])
