"""Indices of batched arrays: NumPy's basic and advanced ones, of which any may be batched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.hooks import beside
from .values import (
    BatchedValues,
    BatchingError,
    aligned,
    axes_of,
    belongs,
    innermost,
    like,
    not_to_be_written,
    replicated,
)

__all__ = ["Place", "full_index", "getitem", "setitem", "shape_of_selection"]


@dataclass(slots=True)
class Place:
    """Where in the values an index of each element lies.

    Attributes:
        index: of the values.
        count: how many axes the advanced indices have together, where NumPy puts them elsewhere than each element wants them; else 0.
        wanted: the axis of the selection at which they belong.
        first: whether they stand before the batch axis.
    """

    index: Any
    count: int = 0
    wanted: int = 0
    first: bool = False

    def out_of_values(self, selection: Any) -> Any:
        """What the index selects of the values, with the batch axis in front and the axes of an element in their order."""
        if not self.count:
            return selection
        if self.first:
            return np.moveaxis(selection, self.count, 0)
        here, there = _axes(1, self.count), _axes(1 + self.wanted, self.count)
        return np.moveaxis(selection, here, there)

    def into_values(self, x: BatchedValues, value: Any, shape: tuple[int, ...]) -> Any:
        """A value for the selection of this shape of ``x``, with its axes where the index of the values has them."""
        batched = belongs(value, x)
        if batched:
            extra = value.ndim - len(shape)
            if extra > 0 and all(length == 1 for length in value.shape[:extra]):
                value = np.reshape(value, value.shape[extra:])
            values = aligned(x, value, len(shape))
        else:
            values = value
        if not self.count or not (batched or axes_of(values)):
            return values
        if not batched:
            whole = np.broadcast_to(values, shape)
            if self.first:  # (the axes of the advanced indices are in front in the element's selection too)
                return np.expand_dims(whole, self.count)
            return np.moveaxis(whole, _axes(self.wanted, self.count), _axes(0, self.count))
        whole = np.broadcast_to(values, (values.shape[0], *shape))
        if self.first:
            return np.moveaxis(whole, 0, self.count)
        return np.moveaxis(whole, _axes(1 + self.wanted, self.count), _axes(1, self.count))


def _axes(start: int, count: int) -> list[int]:
    return list(range(start, start + count))


def _parts(index: Any, ndim: int) -> list[Any]:
    """The parts of an index: lists as arrays, and slices in place of the ellipsis."""
    parts = [np.asarray(part) if isinstance(part, (list, tuple)) else part for part in _tuple(index)]
    used = sum([_width(part) for part in parts])
    if used > ndim:
        raise IndexError(f"too many indices for array: array is {ndim}-dimensional, but {used} were indexed")
    rest = [slice(None)] * (ndim - used)
    for i, part in enumerate(parts):
        if part is Ellipsis:
            return [*parts[:i], *rest, *parts[i + 1 :]]
    return parts + rest


def _tuple(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def _width(part: Any) -> int:
    """How many axes a part of an index takes."""
    if part is None or part is Ellipsis:
        return 0
    return axes_of(part) if _is_mask(part) else 1


def _is_mask(part: Any) -> bool:
    return isinstance(part, (bool, np.bool)) or getattr(getattr(part, "dtype", None), "kind", "") == "b"


def _is_array(part: Any, batch: BatchedValues) -> bool:
    """Whether a part of an index is an advanced one by itself; integers are where there is another."""
    return belongs(part, batch) or _is_mask(part) or (hasattr(part, "shape") and not isinstance(part, np.generic))


def full_index(x: BatchedValues, index: Any) -> Place:
    """The index of the values of ``x`` that selects ``index`` of each element.

    Raises:
        BatchingError: a mask differs among the elements.
    """
    parts = _parts(index, x.ndim)
    if not any(_is_array(part, x) for part in parts):
        return Place((slice(None), *parts))
    masks = [part for part in parts if belongs(part, x) and _is_mask(part)]
    if masks:
        raise BatchingError(
            "vmap: an index of booleans selects another number of values in each element of the batch; write np.where(mask, x, 0), "
            "or a reduction with where=mask"
        )
    if any(belongs(part, x) for part in parts):
        return _batched_index(x, parts)
    advanced = [i for i, part in enumerate(parts) if part is not None and not isinstance(part, slice)]
    together = advanced == list(range(advanced[0], advanced[-1] + 1))
    if together:
        return Place((slice(None), *parts))
    return Place((slice(None), *parts), len(np.broadcast_shapes(*_shapes(parts))), 0, first=True)


def _shapes(parts: list[Any]) -> list[tuple[int, ...]]:
    """The shapes of the advanced parts of an index."""
    shapes: list[tuple[int, ...]] = []
    for part in parts:
        if _is_mask(part):
            shapes.append((int(np.count_nonzero(part)),))
        elif part is not None and not isinstance(part, slice):
            shapes.append(np.shape(part))
    return shapes


def _batched_index(x: BatchedValues, parts: list[Any]) -> Place:
    """With an index of its own for each element, the batch axis is indexed too, by the elements' numbers."""
    flat: list[Any] = []
    for part in parts:
        flat += np.nonzero(part) if _is_mask(part) else [part]
    advanced = [i for i, part in enumerate(flat) if part is not None and not isinstance(part, slice)]
    count = len(np.broadcast_shapes(*[np.shape(flat[i]) for i in advanced]))
    together = advanced == list(range(advanced[0], advanced[-1] + 1))
    numbers = np.reshape(np.arange(x.values.shape[0]), (-1, *(1,) * count))
    wanted = advanced[0] if together else 0
    return Place((numbers, *[aligned(x, part, count) for part in flat]), count if wanted else 0, wanted)


def shape_of_selection(x: BatchedValues, index: Any) -> tuple[int, ...]:
    """The shape that ``index`` selects of each element."""
    same = [np.zeros(part.shape, part.dtype) if isinstance(part, BatchedValues) else part for part in _tuple(index)]
    shape: tuple[int, ...] = np.broadcast_to(False, x.shape)[tuple(same)].shape
    return shape


def getitem(x: BatchedValues, index: Any) -> Any:
    """``x[index]``."""
    inner = innermost(index)
    if inner is not None and inner.level > x.level:
        x = inner.__class__(replicated(inner, x), inner.level)
    place = full_index(x, index)
    selection = place.out_of_values(beside(x.values, *place.index)[place.index])
    parts = _tuple(index)
    if any(belongs(part, x) for part in parts) and not any(axes_of(part) for part in parts if hasattr(part, "shape")):
        selection = not_to_be_written(selection)  # x[i] of one element is a view
    return like(x, selection)


def setitem(x: BatchedValues, index: Any, value: Any) -> None:
    """``x[index] = value``."""
    inner = innermost((index, value))
    if inner is not None and inner.level > x.level:
        raise BatchingError(
            "vmap: a value of each element of the batch is written into an array that is one for all of them; "
            "make it with np.zeros_like(x, shape=…) of a batched x"
        )
    parts = _tuple(index)
    if len(parts) == 1 and belongs(parts[0], x) and _is_mask(parts[0]):
        _set_where(x, parts[0], value)
        return
    place = full_index(x, index)
    x.values[place.index] = place.into_values(x, value, shape_of_selection(x, index))


def _set_where(x: BatchedValues, mask: Any, value: Any) -> None:
    """``x[mask] = value`` for a mask of each element."""
    if axes_of(value):
        raise BatchingError(
            "vmap: x[mask] = values counts another number of values in each element of the batch; write np.where(mask, values, x)"
        )
    where = np.reshape(mask.values, mask.values.shape + (1,) * (x.ndim - mask.ndim))
    np.copyto(x.values, aligned(x, value, x.ndim), where=where)
