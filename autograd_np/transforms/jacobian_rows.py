"""How many rows of a Jacobian are pulled back at a time."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

import autograd_np.engine.tape as tape

from ..engine.tensor import Tensor

__all__ = ["WIDEST", "check_chunk_size", "widest"]

# Elements that the widest cotangent of a batch may have (32 MB of float64), unless chunk_size= says how many rows are
# pulled at a time.
WIDEST = 1 << 22


def widest(outputs: Sequence[Tensor]) -> int:
    """Elements of the largest array on the way back from these outputs."""
    found, _ = tape.ancestors([y._node for y in outputs if y._node is not None], 0)
    return max([math.prod(node.shape) for node in found.values()], default=1)


def check_chunk_size(chunk_size: int | None) -> int | None:
    """Refuse what is no number of rows."""
    if chunk_size is not None and operator.index(chunk_size) < 1:
        raise ValueError(f"jacobian: chunk_size is at least 1, not {chunk_size}")
    return chunk_size
