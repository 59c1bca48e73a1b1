"""What an array of index sets is made of: numbers, and beside each the set of inputs that it depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .pool import EMPTY, Pool

__all__ = ["IndexSetValues", "carries", "first_in", "mapped", "numbers", "sets_like", "sets_of", "wrapped"]


class IndexSetValues:
    """Numbers with the set of inputs that each depends on.

    Both arrays lie in memory in the same way, so a view of one has its counterpart of the other, and what is written
    through it is seen in both. Truth values have empty sets, and integers too if they are not the bits of floating
    numbers: they have no derivative.

    Attributes:
        values: the numbers at this point.
        sets: of the same shape, the number of each element's set in the pool.
        pool: the sets.
    """

    __slots__ = ("pool", "sets", "values")

    def __init__(self, values: Any, sets: Any, pool: Pool) -> None:
        self.values = np.asarray(values)
        self.pool = pool
        sets = np.asarray(sets)
        same = sets.shape == self.values.shape and _steps(sets) == _steps(self.values)
        self.sets = sets if same else sets_like(self.values, sets)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self.values.shape

    @property
    def dtype(self) -> Any:
        """NumPy's dtype."""
        return self.values.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.values.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.values.size

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers."""
        return self.values.nbytes

    @property
    def itemsize(self) -> int:
        """Bytes of one number."""
        return self.values.itemsize

    # ------------------------------------------------------------ numbers at this point: the pattern is that of the
    # way taken here

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(len(self.values))])  # type: ignore[index]

    def __bool__(self) -> bool:
        return bool(self.values)

    def __float__(self) -> float:
        return float(self.values)

    def __int__(self) -> int:
        return int(self.values)

    def __complex__(self) -> complex:
        return complex(self.values)

    def __index__(self) -> int:
        return self.values.__index__()

    def item(self, *args: Any) -> Any:
        """One number."""
        return self.values.item(*args)

    def tolist(self) -> Any:
        """Nested lists of numbers."""
        return self.values.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if np.any(self.sets):
            raise TypeError(
                "sparsity: an array of the function is converted to an ndarray, which forgets what it depends "
                "on; use functions of NumPy"
            )
        return np.array(self.values, dtype=dtype, copy=copy)

    def __format__(self, form: str) -> str:
        return format(self.values, form) if form and not self.ndim else repr(self)

    def __repr__(self) -> str:
        return f"<index sets: {self.shape} {self.dtype}>"


def _steps(a: Any) -> list[int]:
    """The strides in elements, of the axes longer than 1."""
    return [step // a.itemsize for n, step in zip(a.shape, a.strides, strict=True) if n > 1]


def sets_like(values: Any, sets: Any) -> Any:
    """Sets in memory of their own, that lies as that of the values."""
    new = np.empty_like(values, dtype=np.intp, subok=False)
    new[...] = sets
    return new


def mapped(tree: Any, change: Callable[[IndexSetValues], Any]) -> Any:
    """Nested tuples, lists and dicts with ``change(x)`` in place of each array of index sets."""
    if isinstance(tree, IndexSetValues):
        return change(tree)
    if isinstance(tree, (tuple, list)):
        items = [mapped(item, change) for item in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    if isinstance(tree, dict):
        return {word: mapped(value, change) for word, value in tree.items()}
    return tree


def numbers(tree: Any) -> Any:
    """The same with the numbers in place of arrays of index sets."""
    return mapped(tree, lambda x: x.values)


def sets_of(tree: Any) -> list[Any]:
    """The sets in all arrays of index sets of a tree."""
    found: list[Any] = []
    mapped(tree, lambda x: found.append(x.sets))
    return found


def first_in(tree: Any) -> IndexSetValues | None:
    """An array of index sets in nested tuples, lists and dicts; None where there is none."""
    found: list[IndexSetValues] = []
    mapped(tree, found.append)
    return found[0] if found else None


def wrapped(like: IndexSetValues, result: Any, sets: Any) -> Any:
    """Results of a function of NumPy, each with these sets; what is no array stays as it is."""
    if isinstance(result, (tuple, list)):
        items = [wrapped(like, item, sets) for item in result]
        return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
    if not isinstance(result, (np.ndarray, np.generic)):
        return result
    return like.__class__(result, sets if carries(result.dtype, like.dtype) else EMPTY, like.pool)


def carries(dtype: Any, source: Any) -> bool:
    """Whether numbers of a dtype, made of others, depend on them: integers only on integers, which may be bits."""
    return dtype.kind in "fc" or (dtype.kind in "iu" and source.kind not in "fc")
