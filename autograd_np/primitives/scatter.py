"""The gradient of indexing: pieces, each at its index, summed into one array of zeros.

``y = x[index]`` has the gradient ``zeros; zeros[index] += g``. Written that way, n slices of an array of n
elements would cost n arrays of n. So the rule of indexing returns a :class:`Scatter`, which holds the pair
(index, g); the tape collects the pairs that arrive at one array, and the sum is made once, in one buffer.

An index is *basic* if it is made of integers, slices, ``None`` and ``...``: it selects a view, no element
twice. Arrays of booleans also select no element twice. Arrays of integers may.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.accumulators import Deferred
from ..engine.hooks import BATCHES, TRACING, amend, beside, in_memory, is_batched, model
from ..engine.operands import base_array
from ..engine.primitive import Primitive
from ..engine.record import option
from ..engine.registry import primitive, primitive_of, rule
from ..engine.tensor import Array, ArrayLike, Tensor

__all__ = ["BASIC", "Scatter", "is_basic", "repeats", "scatter", "settle"]

# Classes of basic indices. bool is not among them: True and False select by mask.
BASIC = frozenset(
    {int, slice, type(None), type(Ellipsis)}
    | {np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64, np.longlong, np.ulonglong}
)

# Up to this many elements np.add.at, 10 ns each, costs less than preparing anything faster.
SMALL = 512


def settle(index: Any, copy: bool, found: Primitive) -> Any:
    """An index made of what NumPy and the tape can hold: Tensors unwrapped, lists as arrays.

    Args:
        index: what stands in the brackets.
        copy: whether the tape keeps the index, so that arrays the caller may write are copied.
        found: the operation, for messages.

    Raises:
        TypeError: a Tensor in the index needs a gradient.
    """
    if index.__class__ is tuple:
        for part in index:
            if part.__class__ not in BASIC:
                return tuple([part if part.__class__ in BASIC else _settle_part(part, copy, found) for part in index])
        return index
    if index.__class__ in BASIC:
        return index
    part = _settle_part(index, copy, found)
    return (part,) if in_memory(part) else part


def _settle_part(part: Any, copy: bool, found: Primitive) -> Any:
    kind = part.__class__
    if kind is Tensor:
        copy = copy and part._shared
        part = option(part, found, "index")
        kind = part.__class__
    elif kind is not np.ndarray and isinstance(part, np.ndarray):
        part = base_array(part, found.name, "the index")
        kind = np.ndarray
    elif (
        not in_memory(part)
        and not hasattr(kind, "__index__")
        and not isinstance(part, np.generic)
        and hasattr(kind, "__len__")
    ):
        made = np.asarray(part)
        if made.size == 0 and made.dtype.kind == "f":
            made = made.astype(np.intp)  # [] selects nothing
        return made.copy() if copy and not isinstance(part, (list, tuple)) else made
    if kind is np.ndarray:
        if part.ndim == 0 and part.dtype.kind in "iu":
            return int(part)
        if copy:
            return part.copy()
    elif copy and in_memory(part) and part.ndim:
        return part.copy()
    return part


def is_basic(index: Any) -> bool:
    """Whether an index selects a view."""
    if index.__class__ is tuple:
        return all(part.__class__ in BASIC for part in index)
    return index.__class__ in BASIC


def repeats(index: Any) -> bool:
    """Whether an index can select the same element twice: whether there is an array of integers in it."""
    if index.__class__ is not tuple:
        index = (index,)
    advanced = [part for part in index if part.__class__ not in BASIC]
    return any(getattr(part, "dtype", np.dtype(bool)).kind != "b" for part in advanced)


def accumulate(buffer: Any, index: Any, g: Array, fresh: bool = False) -> None:
    """``buffer[index] += g``, adding repeatedly where the index repeats: ``np.add.at(buffer, index, g)``.

    Args:
        buffer: a contiguous array that this call may write.
        index: a settled index.
        g: of the shape of ``buffer[index]``.
        fresh: the buffer is all zeros.
    """
    if not repeats(index):
        if fresh:
            buffer[index] = g
        else:
            buffer[index] += g
        return
    if is_batched(buffer):
        np.add.at(buffer, index, g)
        return
    shape = buffer.shape
    parts = index if index.__class__ is tuple else (index,)
    leading = len(parts)
    # Arrays that say where their memory is are those that np.add.at can write; CuPy's, for one, are not.
    direct = in_memory(buffer) or hasattr(buffer, "__array_interface__")
    if direct and (g.size <= SMALL or (g.size < buffer.size // 8 and not _leads(parts, shape))):
        np.add.at(buffer, index, g)
        return
    if _leads(parts, shape):
        rows = (
            np.ravel_multi_index(parts, shape[:leading], mode="wrap").ravel() if buffer.size else np.zeros(0, np.intp)
        )
        width = math.prod(shape[leading:])
    else:
        rows, width = beside(np.arange(buffer.size).reshape(shape), *parts)[index].ravel(), 1
    if not rows.size or not width:
        return
    if direct:
        table = np.reshape(buffer, (buffer.size // width, width))
        amend(_add_rows, (table,), table, rows, np.reshape(g, (rows.size, width)))
    else:
        _add_rows_pairwise(np.reshape(buffer, (buffer.size // width, width)), rows, np.reshape(g, (rows.size, width)))


def _leads(parts: tuple[Any, ...], shape: tuple[int, ...]) -> bool:
    """Whether an index consists of integers and arrays of integers for the leading axes."""
    return len(parts) <= len(shape) and all(
        part.__class__ is int or getattr(part, "dtype", shape) in _INTEGERS for part in parts
    )


def _add_rows(table: Any, rows: Any, g: Array) -> None:
    """``table[rows] += g`` with repetitions. On one axis ``np.add.at`` is 4 times faster than on two."""
    height, width = table.shape
    if width > 1:
        order = np.arange(rows.size)
        last = np.empty(height, np.intp)
        last[rows] = order
        if (last[rows] == order).all():
            table[rows] += g
            return
        rows = (rows[:, None] * width + np.arange(width)).ravel()
    np.add.at(np.reshape(table, (height * width,)), rows, np.reshape(g, (rows.size,)))


def _add_rows_pairwise(table: Any, rows: Any, g: Array) -> None:
    """``table[rows] += g`` with repetitions, by reading and writing items alone.

    The pieces are sorted by row, and neighbours of the same row are added in pairs until each row has one.
    """
    order = np.argsort(rows, kind="stable")
    rows, g = rows[order], g[order]
    while True:
        first = np.append(True, rows[1:] != rows[:-1])
        if first.all():
            break
        places = np.arange(rows.size)
        even = (places - np.maximum.accumulate(np.where(first, places, 0))) % 2 == 0
        left = np.flatnonzero(even)
        paired = np.flatnonzero(np.append(~even, False)[left + 1])
        merged = g[left]
        merged[paired] = merged[paired] + g[left[paired] + 1]
        rows, g = rows[left], merged
    table[rows] += g


_INTEGERS = frozenset(np.dtype(code) for code in np.typecodes["AllInteger"])


@primitive(wrt="arrays")
def scatter(arrays: ArrayLike, indices: tuple[Any, ...], shape: tuple[int, ...]) -> Tensor:
    """Zeros of ``shape`` with each array added at its index; repeated elements are added repeatedly.

    Args:
        arrays: the pieces; piece i has the shape of ``zeros(shape)[indices[i]]``.
        indices: settled indices (no Tensors or lists).
        shape: of the result.

    Gradient of piece i: ``g[indices[i]]``.
    """
    dtypes = {piece.dtype for piece in arrays}
    like = arrays[0]
    if TRACING[0] or BATCHES:
        like = model(
            *arrays, *[part for index in indices for part in (index if index.__class__ is tuple else (index,))]
        )
    buffer: Any = np.zeros_like(
        like, shape=shape, order="C", dtype=dtypes.pop() if len(dtypes) == 1 else np.result_type(*dtypes)
    )
    fresh = True
    for index, piece in zip(indices, arrays, strict=True):
        accumulate(buffer, index, piece, fresh)
        fresh = False
    return buffer


def _scatter_rule(g: Array, needs: tuple[bool, ...], indices: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        [(g if index is Ellipsis else g[index]) if need else None for need, index in zip(needs, indices, strict=True)]
    )


rule(scatter, joint=_scatter_rule)
_body = primitive_of(scatter).body


class Scatter(Deferred):
    """The gradient of an array that was indexed: a list of (index, cotangent of the selection)."""

    __slots__ = ()

    def whole(self, g: Array) -> Any:
        """The piece that an ordinary gradient is: at ``...``."""
        return Ellipsis, g

    def dense(self) -> Any:
        """The sum of the pieces; a recorded operation if one of them is a Tensor."""
        indices, pieces = zip(*self.parts, strict=True)
        recorded = any(piece.__class__ is Tensor for piece in pieces)
        return (scatter if recorded else _body)(pieces, indices, self.shape)
