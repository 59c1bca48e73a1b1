"""Data sets: arrays side by side, parts of a set, sets one after the other, and how single items become a batch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

import autograd_np as ag

from ..defaults import default_dtype, generator_of

__all__ = [
    "ArrayDataset",
    "ConcatDataset",
    "Dataset",
    "Sized",
    "Subset",
    "TensorDataset",
    "as_dataset",
    "collate",
    "random_split",
    "take",
]

Array = NDArray[Any]


@runtime_checkable
class Sized(Protocol):
    """What a loader needs of a data set: a length, and items by number. A list is one, and so is an array."""

    def __len__(self) -> int:
        """The number of items."""

    def __getitem__(self, index: Any, /) -> Any:
        """The item of that number."""


class Dataset:
    """Base class of data sets: ``__len__``, and ``__getitem__`` by the number of an item.

    A subclass that can give many items at once faster than one by one overrides :meth:`batch`.

    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 10
    ...     def __getitem__(self, index):
    ...         return index, index**2
    >>> Squares().batch(np.array([2, 3]))
    (array([2, 3]), array([4, 9]))
    """

    def __len__(self) -> int:
        """The number of items."""
        raise NotImplementedError(f"{type(self).__name__} defines no __len__, the number of its items")

    def __getitem__(self, index: Any, /) -> Any:
        """The item of that number, 0 to len − 1: an array, a number, or a tuple or dict of them."""
        raise NotImplementedError(f"{type(self).__name__} defines no __getitem__, the item of a number")

    def batch(self, indices: Array) -> Any:
        """The items of these numbers as one batch: here one by one, through :func:`collate`."""
        return collate([self[int(index)] for index in indices])


def collate(items: Sequence[Any]) -> Any:
    """Join items to a batch: arrays and numbers are stacked along a new first axis; tuples, lists and dicts part by part.

    An array keeps its dtype, Python's integers become int64, and Python's floats the default dtype (float32): like Python
    numbers in NumPy's arithmetic they do not make anything wider.

    Raises:
        ValueError: no items, or items that differ in shape, in length, or in keys.
        TypeError: an item is none of the above.

    >>> collate([(np.zeros(2), 1), (np.ones(2), 0)])
    (array([[0., 0.],
           [1., 1.]]), array([1, 0]))
    """
    if not items:
        raise ValueError("collate: there are no items to make a batch of")
    first = items[0]
    if isinstance(first, Mapping):
        for number, item in enumerate(items):
            if not isinstance(item, Mapping) or item.keys() != first.keys():
                got = sorted(map(str, item)) if isinstance(item, Mapping) else type(item).__name__
                raise ValueError(
                    f"collate: item 0 of the batch has the keys {sorted(map(str, first))}, item {number} has {got}"
                )
        return {key: collate([item[key] for item in items]) for key in first}
    if isinstance(first, (tuple, list)):
        for number, item in enumerate(items):
            if not isinstance(item, (tuple, list)) or len(item) != len(first):
                got = f"{len(item)} parts" if isinstance(item, (tuple, list)) else type(item).__name__
                raise ValueError(f"collate: item 0 of the batch has {len(first)} parts, item {number} has {got}")
        parts = [collate([item[part] for item in items]) for part in range(len(first))]
        return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
    if all(isinstance(item, (bool, int, float)) and not isinstance(item, np.generic) for item in items):
        numbers = np.array(items)
        return numbers.astype(default_dtype()) if numbers.dtype.kind == "f" else numbers
    if isinstance(first, str):
        return np.array(items, np.str_)
    arrays = [_array(item) for item in items]
    if arrays[0].dtype == object:
        raise TypeError(
            f"collate: an item is an array, a number, a string, or a tuple or dict of them, not {type(first).__name__}; give the loader a collate_fn"
        )
    for number, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            raise ValueError(
                f"collate: item 0 of the batch has shape {arrays[0].shape}, item {number} has shape {array.shape}; "
                "bring them to one shape, or give the loader a collate_fn"
            )
    return np.stack(arrays)


def _array(values: Any) -> Array:
    return np.asarray(values.numpy() if isinstance(values, ag.Tensor) else values)


def _rows(values: Any) -> Array:
    """An array as it is; of lists, floats in the default dtype, as :func:`collate` has them."""
    array = _array(values)
    return (
        array.astype(default_dtype())
        if array.dtype == np.float64 and isinstance(values, (list, tuple)) and not _has_dtype(values)
        else array
    )


def _has_dtype(values: Any) -> bool:
    while isinstance(values, (list, tuple)) and values:
        values = values[0]
    return hasattr(values, "dtype")


class ArrayDataset(Dataset):
    """Arrays of equal length, whose items are the rows of the same number.

    Args:
        *arrays: arrays, Tensors or nested lists with equal first axes. Items and batches are tuples, in this order.
        **named: arrays by name instead: items and batches are dicts.

    An index may be a number, a slice, or an array of numbers or of booleans: each array is indexed with it.

    Raises:
        ValueError: no arrays, an array without an axis, or different lengths.
        TypeError: arrays both with and without names.

    >>> data = ArrayDataset(np.arange(6.0).reshape(3, 2), np.array([0, 1, 1]))
    >>> len(data), data[[0, 2]]
    (3, (array([[0., 1.],
           [4., 5.]]), array([0, 1])))
    """

    def __init__(self, /, *arrays: ArrayLike | ag.Tensor, **named: ArrayLike | ag.Tensor) -> None:
        if arrays and named:
            raise TypeError("ArrayDataset: arrays either all by position or all by name")
        self.names = tuple(named) if named else None
        self.arrays = tuple(_rows(values) for values in (*arrays, *named.values()))
        if not self.arrays:
            raise ValueError("ArrayDataset: there are no arrays")
        names = self.names or tuple(f"array {number}" for number in range(len(self.arrays)))
        if any(array.ndim == 0 for array in self.arrays) or len({len(array) for array in self.arrays}) > 1:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in zip(names, self.arrays, strict=True))
            raise ValueError(
                f"ArrayDataset: the arrays have one row for each item, so their first axes are of equal length; the shapes are {shapes}"
            )

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: Any, /) -> Any:
        return self._joined(tuple(array[index] for array in self.arrays))

    def batch(self, indices: Array) -> Any:
        """The rows of these numbers, copied by one ``take`` for each array."""
        return self._joined(tuple(np.ascontiguousarray(np.take(array, indices, axis=0)) for array in self.arrays))

    def _joined(self, parts: tuple[Any, ...]) -> Any:
        return parts if self.names is None else dict(zip(self.names, parts, strict=True))

    def __repr__(self) -> str:
        names = [f"{name}: " for name in self.names] if self.names else [""] * len(self.arrays)
        return f"ArrayDataset({', '.join(f'{name}{array.dtype} {array.shape}' for name, array in zip(names, self.arrays, strict=True))})"


TensorDataset = ArrayDataset


class Subset(Dataset):
    """Some items of a data set, in a given order.

    Args:
        dataset: any data set.
        indices: numbers of items, each from −len to len − 1.

    Raises:
        ValueError: the indices are not one row of integers.
        IndexError: an index is outside the set.
    """

    def __init__(self, dataset: Any, indices: ArrayLike) -> None:
        self.dataset = as_dataset(dataset)
        numbers = np.asarray(indices)
        if numbers.size == 0:
            numbers = numbers.astype(np.int64)
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
            raise ValueError(f"Subset: indices are one row of integers, not {numbers.dtype} of shape {numbers.shape}")
        size = len(self.dataset)
        outside = numbers[(numbers < -size) | (numbers >= size)]
        if outside.size:
            raise IndexError(f"Subset: index {outside[0]} is outside the data set of {size} items")
        self.indices = np.where(numbers < 0, numbers + size, numbers).astype(np.int64)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any, /) -> Any:
        chosen = self.indices[index]
        return self.dataset[int(chosen)] if np.ndim(chosen) == 0 else take(self.dataset, chosen)

    def batch(self, indices: Array) -> Any:
        """The batch of the underlying data set."""
        return take(self.dataset, self.indices[indices])


class ConcatDataset(Dataset):
    """Data sets one after the other.

    Args:
        datasets: the sets, at least one. Their items should be alike.

    Raises:
        ValueError: there are no sets.
    """

    def __init__(self, datasets: Sequence[Any]) -> None:
        self.datasets = [as_dataset(dataset) for dataset in datasets]
        if not self.datasets:
            raise ValueError("ConcatDataset: there are no data sets")
        self.ends = np.cumsum([len(dataset) for dataset in self.datasets])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, index: Any, /) -> Any:
        if isinstance(index, slice):
            return self.batch(np.arange(len(self))[index])
        if np.ndim(index):
            return self.batch(np.arange(len(self))[np.asarray(index)])
        number = int(index) + (len(self) if index < 0 else 0)
        if not 0 <= number < len(self):
            raise IndexError(f"ConcatDataset: index {index} is outside the {len(self)} items")
        part = int(np.searchsorted(self.ends, number, side="right"))
        return self.datasets[part][number - int(self.ends[part]) + len(self.datasets[part])]

    def batch(self, indices: Array) -> Any:
        """The batches of the sets that are concerned, put together in the order asked for."""
        parts = np.searchsorted(self.ends, indices, side="right")
        concerned = np.unique(parts)
        if not len(concerned):
            return take(self.datasets[0], np.asarray(indices))
        order = np.concatenate([np.flatnonzero(parts == part) for part in concerned])
        starts = self.ends - [len(dataset) for dataset in self.datasets]
        batches = [take(self.datasets[part], indices[parts == part] - starts[part]) for part in concerned]
        return _concatenated(batches, np.argsort(order))


def _concatenated(batches: list[Any], places: Array) -> Any:
    first = batches[0]
    if isinstance(first, Mapping):
        return {key: _concatenated([batch[key] for batch in batches], places) for key in first}
    if isinstance(first, (tuple, list)):
        parts = [_concatenated([batch[part] for batch in batches], places) for part in range(len(first))]
        return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
    return np.concatenate(batches)[places]


def take(dataset: Any, indices: Array) -> Any:
    """A batch of any data set: its own, rows of an array, or items one by one."""
    own = getattr(dataset, "batch", None)
    if callable(own):
        return own(indices)
    if isinstance(dataset, np.ndarray):
        return np.ascontiguousarray(np.take(dataset, indices, axis=0))
    return collate([dataset[int(index)] for index in indices])


def as_dataset(data: Any) -> Any:
    """What is meant by a ``dataset`` argument.

    Args:
        data: a data set (anything with a length and items by number); a tuple of arrays, whose batches are tuples; a dict of arrays, whose
            batches are dicts; or one array or Tensor, whose batches are arrays.

    Raises:
        TypeError: anything else.
    """
    if isinstance(data, tuple):
        return ArrayDataset(*data)
    if isinstance(data, Mapping):
        if not all(isinstance(name, str) for name in data):
            raise TypeError(f"a dict of arrays has names as keys, not {list(data)}")
        return ArrayDataset(**data)
    if isinstance(data, (ag.Tensor, np.ndarray)):
        array = _array(data)
        if array.ndim == 0:
            raise TypeError("an array without an axis is no data set")
        return array
    if not isinstance(data, Sized):
        raise TypeError(
            f"a data set has __len__ and __getitem__, or is a tuple or a dict of arrays; {type(data).__name__} is neither"
        )
    return data


def random_split(
    dataset: Any, lengths: Sequence[float], *, rng: np.random.Generator | int | None = None
) -> list[Subset]:
    """Split a data set at random into parts that share no item.

    Args:
        dataset: a data set, or a tuple or dict of arrays.
        lengths: numbers of items whose sum is the length of the set; or fractions whose sum is 1: then each part has ⌊fraction · length⌋ items
            and the first parts one more until all are given out.
        rng: a generator, a seed, or None for the default generator.

    Returns:
        One :class:`Subset` for each length.

    Raises:
        ValueError: the lengths are negative or have the wrong sum.

    >>> train, held_out = random_split((np.arange(10),), [0.8, 0.2], rng=0)
    >>> len(train), len(held_out)
    (8, 2)
    """
    dataset = as_dataset(dataset)
    size = len(dataset)
    given = list(lengths)
    if any(not length >= 0 for length in given):
        raise ValueError(f"random_split: a length is a number that is not negative; got {given}")
    if all(isinstance(length, (int, np.integer)) for length in given) and sum(given) == size:
        counts = [int(length) for length in given]
    elif math.isclose(sum(given), 1.0, rel_tol=0.0, abs_tol=1e-9):
        # The tolerance keeps 0.29 · 100 = 28.999999999999996 a count of 29.
        counts = [math.floor(length * size + 1e-9) for length in given]
        for number in range(size - sum(counts)):
            counts[number % len(counts)] += 1
    else:
        raise ValueError(
            f"random_split: lengths are numbers of items with the sum {size}, or fractions with the sum 1; {given} have the sum {sum(given)}"
        )
    order = generator_of(rng).permutation(size)
    return [Subset(dataset, part) for part in np.split(order, np.cumsum(counts)[:-1])]
