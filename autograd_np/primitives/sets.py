"""Sets of elements, their counts and indices, histograms in several dimensions, bits, and files.

The elements of a set are elements of the arrays, picked by an index: their gradient goes where they came from (of equal
elements to the first). Indices, counts and truth values have none.
"""

# The bodies compute on arrays or Tensors; the types declared are those of the public functions.

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..engine.errors import NonDifferentiableError
from ..engine.registry import FUNCTIONS, primitive
from ..engine.tensor import Array, ArrayLike, Tensor
from .composed import composition, lifted
from .cumulative import taken_last
from .shaping import cast
from .sorting import unique
from .statistics import bin_numbers, edges_from, needing, row, weighted


def plain(value: Any) -> Any:
    """The arrays behind Tensors, in sequences too."""
    if isinstance(value, Tensor):
        return value._values
    return (
        [plain(item) for item in value]
        if isinstance(value, (list, tuple)) and any(isinstance(x, (Tensor, list, tuple)) for x in value)
        else value
    )


def _constant(value: Any) -> Any:
    """Arrays as Tensors without gradient."""
    if isinstance(value, (tuple, list)):
        return tuple([_constant(item) for item in value])
    return Tensor(value)


def _flat(x: ArrayLike, name: str, word: str) -> Array:
    return np.reshape(lifted(x, name, word), (-1,))


# ---------------------------------------------------------------- unique elements


class UniqueAllResult(NamedTuple):
    """What :func:`unique_all` returns."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCountsResult(NamedTuple):
    """What :func:`unique_counts` returns."""

    values: Tensor
    counts: Tensor


class UniqueInverseResult(NamedTuple):
    """What :func:`unique_inverse` returns."""

    values: Tensor
    inverse_indices: Tensor


@composition(np.unique_all)
def unique_all(x: ArrayLike, /) -> UniqueAllResult:
    """The unique elements of x, sorted, the index of the first of each, the inverse and the counts. Every NaN is unique.

    >>> unique_all(np.array([2.0, 1.0, 2.0])).counts.tolist()
    [1, 2]
    """
    return UniqueAllResult(*unique(x, True, True, True, equal_nan=False))


@composition(np.unique_counts)
def unique_counts(x: ArrayLike, /) -> UniqueCountsResult:
    """The unique elements of x, sorted, and how often each occurs."""
    return UniqueCountsResult(*unique(x, return_counts=True, equal_nan=False))


@composition(np.unique_inverse)
def unique_inverse(x: ArrayLike, /) -> UniqueInverseResult:
    """The unique elements of x, sorted, and for each element of x which one it is."""
    return UniqueInverseResult(*unique(x, return_inverse=True, equal_nan=False))


@composition(np.unique_values)
def unique_values(x: ArrayLike, /) -> Tensor:
    """The unique elements of x, in the order that NumPy gives them (since 2.3 not a sorted one)."""
    x = lifted(x, "unique_values")
    order = np.argsort(np.argsort(np.unique_values(plain(x)), stable=True), stable=True)
    return taken_last(unique(x, equal_nan=False), order)


# ---------------------------------------------------------------- sets


@composition(np.union1d, looped=True)
def union1d(ar1: ArrayLike, ar2: ArrayLike) -> Tensor:
    """The sorted elements of either array."""
    return np.unique(np.concatenate([_flat(ar1, "union1d", "ar1"), _flat(ar2, "union1d", "ar2")]))


@composition(np.intersect1d, looped=True)
def intersect1d(ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False, return_indices: bool = False) -> Any:
    """The sorted elements of both arrays. Gradient: to the first array.

    >>> intersect1d(np.array([1.0, 2.0]), np.array([2.0, 3.0])).tolist()
    [2.0]
    """
    a, b = _flat(ar1, "intersect1d", "ar1"), _flat(ar2, "intersect1d", "ar2")
    _, left, right = np.intersect1d(plain(a), plain(b), assume_unique, return_indices=True)
    values = cast(taken_last(a, left), np.result_type(a.dtype, b.dtype))
    return (values, *_constant((left, right))) if return_indices else values


@composition(np.setdiff1d, looped=True)
def setdiff1d(ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False) -> Tensor:
    """The elements of the first array that the second does not have, sorted (unless ``assume_unique``)."""
    a = _flat(ar1, "setdiff1d", "ar1")
    if not assume_unique:
        a = np.unique(a)
    return a[np.isin(plain(a), plain(lifted(ar2, "setdiff1d", "ar2")), invert=True)]


@composition(np.setxor1d, looped=True)
def setxor1d(ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False) -> Tensor:
    """The sorted elements of exactly one of the arrays."""
    a, b = _flat(ar1, "setxor1d", "ar1"), _flat(ar2, "setxor1d", "ar2")
    if not assume_unique:
        a, b = np.unique(a), np.unique(b)
    both = np.sort(np.concatenate([a, b]))
    if both.shape[0] == 0:
        return both
    values = plain(both)
    new = np.concatenate([[True], np.not_equal(values[1:], values[:-1]), [True]])
    return both[np.logical_and(new[1:], new[:-1])]


@primitive(np.isin, discrete="element test_elements")
def isin(
    element: ArrayLike,
    test_elements: ArrayLike,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    kind: str | None = None,
) -> Tensor:
    """Whether each element is among the test elements. No gradient.

    >>> isin(np.array([1.0, 2.0]), [2.0, 3.0]).tolist()
    [False, True]
    """
    return np.isin(element, test_elements, assume_unique, invert, kind=kind)


_IN1D: Any = getattr(np, "in1d", None)
if _IN1D is not None:  # until NumPy 2.4
    FUNCTIONS[_IN1D] = lambda ar1, ar2, *args, **kwargs: np.isin(_flat(ar1, "in1d", "ar1"), ar2, *args, **kwargs)


@composition(np.sort_complex)
def sort_complex(x: ArrayLike, /) -> Tensor:
    """The elements sorted along the last axis (by the real part, then by the imaginary one), as complex numbers."""
    x = np.sort(lifted(x, "sort_complex"))
    return x if x.dtype.kind == "c" else cast(x, np.sort_complex(np.zeros(1, x.dtype)).dtype)


@composition(np.lexsort)
def lexsort(keys: Any, axis: int = -1) -> Tensor:
    """The indices that sort by several keys, the last one first. No gradient."""
    keys = plain(keys)
    return _constant(np.lexsort(tuple(keys) if isinstance(keys, list) else keys, axis))


# ---------------------------------------------------------------- histograms


@composition(np.histogram2d, real="x y bins range weights")
def histogram2d(
    x: ArrayLike,
    y: ArrayLike,
    bins: Any = 10,
    range: Any = None,
    density: bool | None = None,
    weights: ArrayLike | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Counts in two dimensions and the edges of the bins. Gradients as for :func:`histogram`."""
    columns = (lifted(x, "histogram2d"), lifted(y, "histogram2d", "y"))
    several = isinstance(bins, (list, tuple)) or np.ndim(bins)
    if several and len(bins) not in (1, 2):
        bins = [row(bins)] * 2
    elif several:
        bins = [row(each) for each in bins]

    def numpys(density: Any) -> Any:
        return _constant(np.histogram2d(*plain(columns), plain(bins), plain(range), density, plain(weights)))

    if not needing(*columns, bins, range, weights):
        return numpys(density)
    counts, *edges = numpys(False)
    counts, edges = _binned(columns, bins, range, density, weights, counts, edges)
    return counts, *edges


@composition(np.histogramdd, real="sample bins range weights")
def histogramdd(
    sample: ArrayLike | Sequence[ArrayLike],
    bins: Any = 10,
    range: Any = None,
    density: bool | None = None,
    weights: ArrayLike | None = None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Counts in several dimensions and the edges of the bins. Gradients as for :func:`histogram`."""
    if isinstance(bins, (list, tuple)):
        bins = [row(each) for each in bins]

    def numpys(density: Any) -> Any:
        return _constant(np.histogramdd(plain(sample), plain(bins), plain(range), density, plain(weights)))

    if not needing(sample, bins, range, weights):
        return numpys(density)
    if not isinstance(sample, (list, tuple)) and np.ndim(sample) == 2:
        columns = np.unstack(lifted(sample, "histogramdd", "sample"), axis=1)
    else:
        columns = np.unstack(np.atleast_2d(np.stack(sample) if isinstance(sample, (list, tuple)) else sample))
    return _binned(columns, bins, range, density, weights, *numpys(False))


def _binned(
    columns: Sequence[Tensor], bins: Any, range: Any, density: Any, weights: Any, counts: Any, edges: Any
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """NumPy's ``counts`` and ``edges`` with the gradients that they have."""
    if needing(weights):
        shape = tuple([edge.size for edge in edges])
        numbers = np.ravel_multi_index(
            tuple([bin_numbers(x, edge) for x, edge in zip(columns, edges, strict=True)]), shape
        )
        counts = np.reshape(cast(weighted(numbers, weights, math.prod(shape)), float), shape)[(slice(-1),) * len(shape)]
    each = bins if isinstance(bins, list) or np.ndim(bins) else [bins] * len(edges)
    ends = [None] * len(edges) if range is None else range
    if needing(columns, bins, range):
        edges = tuple([edges_from(x, b, r, edge) for x, b, r, edge in zip(columns, each, ends, edges, strict=True)])
    if density:
        total = np.sum(counts)
        for axis, edge in enumerate(edges):
            counts = counts / np.reshape(edge[1:] - edge[:-1], (-1,) + (1,) * (len(edges) - 1 - axis))
        counts = counts / total
    return counts, tuple(edges)


# ---------------------------------------------------------------- bits and indices


@primitive(np.packbits, discrete="x")
def packbits(x: ArrayLike, /, axis: int | None = None, bitorder: str = "big") -> Tensor:
    """Eight truth values in each byte. No gradient."""
    return np.packbits(x, axis, bitorder)


@primitive(np.unpackbits, discrete="x")
def unpackbits(x: ArrayLike, /, axis: int | None = None, count: int | None = None, bitorder: str = "big") -> Tensor:
    """The bits of each byte. No gradient."""
    return np.unpackbits(x, axis, count, bitorder)


@composition(np.ravel_multi_index)
def ravel_multi_index(multi_index: Any, dims: tuple[int, ...], mode: str = "raise", order: str = "C") -> Tensor:
    """Flat indices of indices into an array of shape ``dims``. No gradient."""
    return _constant(np.ravel_multi_index(tuple(plain(multi_index)), dims, mode, order))


@composition(np.unravel_index)
def unravel_index(indices: ArrayLike, shape: Any, order: str = "C") -> tuple[Tensor, ...]:
    """Indices into an array of shape ``shape`` of flat ones. No gradient."""
    return _constant(np.unravel_index(plain(indices), shape, order))


# ---------------------------------------------------------------- files


def _saving(function: Any) -> Any:
    def save(*args: Any, **kwargs: Any) -> None:
        for value in (*args, *kwargs.values()):
            if isinstance(value, Tensor) and value.requires_grad:
                raise NonDifferentiableError(
                    f"np.{function.__name__} writes values, not gradients: pass t.numpy() (or t.detach()) for a Tensor that needs one"
                )
        function(*[plain(value) for value in args], **{word: plain(value) for word, value in kwargs.items()})

    save.__name__ = function.__name__
    save.__doc__ = f"np.{function.__name__} of the values of Tensors that need no gradient."
    return save


FUNCTIONS.update({function: _saving(function) for function in (np.save, np.savez, np.savez_compressed, np.savetxt)})
