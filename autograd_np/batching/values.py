"""What a batched array is made of: values with a batch axis in front, and how those of several arrays are lined up."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = [
    "BatchedValues",
    "BatchingError",
    "aligned",
    "axes_of",
    "belongs",
    "in_batches_of",
    "innermost",
    "levels_of",
    "like",
    "not_to_be_written",
    "replicated",
]


class BatchingError(TypeError):
    """Something asks for one answer where a batched array has one for each element of the batch."""


class BatchedValues:
    """Values of shape ``(n, *shape)`` that look like one array of ``shape``.

    Attributes:
        values: the array with the batch axis in front.
        level: which batch it is: the place on the tape where the batch began. Of two, the one with the greater level is the inner.
    """

    __slots__ = ("level", "values")
    __hash__ = object.__hash__

    def __init__(self, values: Any, level: float) -> None:
        self.values = values
        self.level = level

    # ------------------------------------------------------------ what is the same for each element of the batch

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes of one element."""
        return self.values.shape[1:]  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """NumPy's dtype."""
        return self.values.dtype

    @property
    def ndim(self) -> int:
        """Number of axes of one element."""
        return self.values.ndim - 1  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """Number of values of one element."""
        return math.prod(self.values.shape[1:])

    @property
    def nbytes(self) -> int:
        """Bytes of the values of all elements."""
        return self.values.nbytes  # type: ignore[no-any-return]

    @property
    def itemsize(self) -> int:
        """Bytes of one value."""
        return self.values.itemsize  # type: ignore[no-any-return]

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.values.shape[1]  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Any]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return iter([self[i] for i in range(len(self))])  # type: ignore[index]

    def __repr__(self) -> str:
        return f"<batch of {self.values.shape[0]}: {self.shape} {self.dtype}>"

    # ------------------------------------------------------------ what is not

    def _refuse(self, what: str, remedy: str = "") -> Any:
        raise BatchingError(
            f"vmap: {what} asks for one answer, and {self!r} has one for each element of the batch"
            + (f"; {remedy}" if remedy else "")
        )

    def __bool__(self) -> bool:
        return bool(self._refuse("a truth value (if, while, and, or, not)", "write np.where(condition, a, b)"))

    def __float__(self) -> float:
        return float(self._refuse("float()", "leave the array as it is"))

    def __int__(self) -> int:
        return int(self._refuse("int()", "write x.astype(int)"))

    def __complex__(self) -> complex:
        return complex(self._refuse("complex()", "write x.astype(complex)"))

    def __index__(self) -> int:
        return int(self._refuse("the use as an index of a list, a length or the end of a slice", "index an array"))

    def __format__(self, form: str) -> str:
        return format(repr(self), form) if not form else str(self._refuse("a formatted string"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self._refuse(
            "a conversion to an ndarray",
            "write np.stack([…]) rather than np.array([…]), ag.take(a, i, axis=0) rather than a[i] where a is an ndarray, "
            "np.zeros_like(x, shape=…) for an array to write into, and functions of NumPy rather than another library's",
        )

    def item(self, *args: Any) -> Any:
        """Refused."""
        return self._refuse(".item()", "leave the array as it is")

    def tolist(self) -> Any:
        """Refused."""
        return self._refuse(".tolist()", "leave the array as it is")


def innermost(tree: Any) -> BatchedValues | None:
    """The innermost batched array in nested tuples, lists and dicts; None where there is none."""
    found: BatchedValues | None = None
    stack = [tree]
    while stack:
        x = stack.pop()
        if isinstance(x, BatchedValues):
            if found is None or x.level > found.level:
                found = x
        elif isinstance(x, (tuple, list)):
            stack.extend(x)
        elif isinstance(x, dict):
            stack.extend(x.values())
    return found


def in_batches_of(x: Any, others: Any) -> Any:
    """An array with the batch axis of every batched array in ``others``: a view that repeats what is the same for all elements."""
    found = levels_of(others)
    for level in sorted(found):
        x = _in_batch_of(x, found[level])
    return x


def levels_of(tree: Any) -> dict[float, BatchedValues]:
    """A batched array for each batch that arrays in nested tuples and lists belong to."""
    found: dict[float, BatchedValues] = {}
    stack = [tree]
    while stack:
        other = stack.pop()
        if isinstance(other, BatchedValues):
            found[other.level] = other
            stack.append(other.values)
        elif isinstance(other, (tuple, list)):
            stack.extend(other)
    return found


def _in_batch_of(x: Any, batch: BatchedValues) -> Any:
    if isinstance(x, BatchedValues) and x.level > batch.level:
        return x.__class__(_in_batch_of(x.values, batch), x.level)
    return x if belongs(x, batch) else batch.__class__(replicated(batch, x), batch.level)


def belongs(x: Any, batch: BatchedValues) -> bool:
    """Whether a value has the batch axis of ``batch``."""
    return isinstance(x, BatchedValues) and x.level == batch.level


def axes_of(x: Any) -> int:
    """The number of axes of an operand."""
    return x.ndim if hasattr(x, "ndim") else np.ndim(x)


def like(batch: BatchedValues, result: Any) -> Any:
    """Results of a function of values, as batched arrays: also in tuples and lists."""
    if isinstance(result, (tuple, list)):
        items = [like(batch, item) for item in result]
        return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
    return batch.__class__(result, batch.level)


def aligned(batch: BatchedValues, x: Any, ndim: int) -> Any:
    """The values of an operand for broadcasting against ``ndim`` axes: the batch axis in front, its own axes at the back.

    What is one for the whole batch stays as it is.
    """
    if not belongs(x, batch):
        return x
    values = x.values
    missing = ndim - x.ndim
    return values if missing <= 0 else np.reshape(values, (*values.shape[:1], *(1,) * missing, *values.shape[1:]))


def not_to_be_written(values: Any) -> Any:
    """The values of what is a view of one element's memory, and a copy of the whole batch's: what is written there would be lost.

    Returns:
        The values, read-only: a write raises, and what wanted to write is run in another way.
    """
    array = getattr(values, "array", values)  # (of a traced array the one that it stands for)
    if isinstance(values, BatchedValues):
        not_to_be_written(values.values)
    elif isinstance(array, np.ndarray):
        array.flags.writeable = False
    return values


def replicated(batch: BatchedValues, x: Any) -> Any:
    """The values of an operand with the batch axis; of one for the whole batch a view that repeats it."""
    if belongs(x, batch):
        return x.values
    x = x if hasattr(x, "shape") else np.asarray(x)
    return np.broadcast_to(x, (batch.values.shape[0], *x.shape))
