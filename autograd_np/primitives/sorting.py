"""Sorting, order statistics and searching.

The gradient of a sorted array goes back along the permutation. Among equal elements the order is the one
that NumPy's ``argsort`` gives.
"""

# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.hooks import is_traced
from ..engine.registry import on_arrays, primitive, rule
from ..engine.tensor import Array, ArrayLike, Tensor
from .composed import composition, lifted
from .cumulative import scatter, taken_last
from .layout import Axis, in_order, lay, unlay
from .zeros import zmul

__all__ = [
    "argpartition",
    "argsort",
    "bincount",
    "digitize",
    "median",
    "nanmedian",
    "nanpercentile",
    "nanquantile",
    "partition",
    "percentile",
    "quantile",
    "searchsorted",
    "sort",
    "unique",
]


def _no_order(name: str, order: Any) -> None:
    if order is not None:
        raise TypeError(
            f"{name}: order= names the fields of structured arrays, which Tensors do not have; leave it out"
        )


def _kinds(kind: Any, stable: Any) -> dict[str, Any]:
    """The options ``kind`` and ``stable`` where they were given (CuPy lacks the second)."""
    return {word: value for word, value in (("kind", kind), ("stable", stable)) if value is not None}


# ---------------------------------------------------------------- sort and partition


@primitive(np.sort)
def sort(
    x: ArrayLike, /, axis: int | None = -1, kind: str | None = None, order: None = None, *, stable: bool | None = None
) -> Tensor:
    """``x`` in increasing order along ``axis`` (None: the flat array), NaN last. Gradient: back along the permutation.

    >>> sort(np.array([3.0, 1.0, 2.0]))
    Tensor([1., 2., 3.], shape=(3,), dtype=float64)
    """
    _no_order("sort", order)
    return np.sort(x, axis=axis, **_kinds(kind, stable))


def _sort_rule(g: Array, x: Array, axis: int | None, kind: Any, stable: Any) -> Any:
    shape = x.shape
    order = np.argsort(lay(x, axis), axis=-1, **_kinds(kind, stable))
    return unlay(np.take_along_axis(lay(g, axis), np.argsort(order, axis=-1), axis=-1), shape, axis)


rule(sort, _sort_rule)


@primitive(np.argsort, discrete="x")
def argsort(
    x: ArrayLike, /, axis: int | None = -1, kind: str | None = None, order: None = None, *, stable: bool | None = None
) -> Tensor:
    """The indices that sort ``x`` along ``axis``. No gradient."""
    _no_order("argsort", order)
    return np.argsort(x, axis=axis, **_kinds(kind, stable))


@primitive(np.partition, wrt="x", masks=True)
def partition(
    x: ArrayLike, /, kth: Any, axis: int | None = -1, kind: str = "introselect", order: None = None
) -> Tensor:
    """``x`` rearranged along ``axis`` so that element ``kth`` is the one of the sorted array, the smaller before it.

    Gradient: back along the permutation; the elements of the result are found in ``x`` by their rank.

    >>> partition(np.array([3.0, 1.0, 2.0]), 1)[1].item()
    2.0
    """
    _no_order("partition", order)
    return np.partition(x, kth, axis=axis, kind=kind)


def _partition_rule(g: Array, x: Array, out: Array, axis: int | None) -> Any:
    shape = x.shape
    ranked = np.take_along_axis(lay(g, axis), np.argsort(lay(out, axis), axis=-1, kind="stable"), axis=-1)
    rank = np.argsort(np.argsort(lay(x, axis), axis=-1, kind="stable"), axis=-1)
    return unlay(np.take_along_axis(ranked, rank, axis=-1), shape, axis)


rule(partition, _partition_rule)


@primitive(np.argpartition, wrt="x", discrete="x")
def argpartition(
    x: ArrayLike, /, kth: Any, axis: int | None = -1, kind: str = "introselect", order: None = None
) -> Tensor:
    """The indices that partition ``x`` along ``axis``. No gradient."""
    _no_order("argpartition", order)
    return np.argpartition(x, kth, axis=axis, kind=kind)


# ---------------------------------------------------------------- order statistics


@primitive(wrt="x", multi=True, discrete="x")
def places(x: ArrayLike, q: ArrayLike, method: str, skip: bool) -> Any:
    """Where the quantiles along the last axis come from, without gradient.

    Returns:
        The indices of the two elements that each quantile lies between, and the weights of the two; all of
        them of the shape ``x.shape[:-1] + (number of quantiles,)``. With ``skip`` NaN does not count.
    """
    size = x.shape[-1]
    order = np.argsort(x, axis=-1)
    shape = (*x.shape[:-1], np.size(q))
    # The quantile of 0, 1, 2, … is the rank itself, whatever the method.
    if not skip:
        rank = like(x, shape, _ranks(size, q, method))
        some: Any = 1
    else:
        count = np.sum(np.logical_not(np.isnan(x)), axis=-1)[..., None]
        rank = like(x, shape, 0)
        for number in range(1, size + 1) if is_traced(count) else np.unique(count).tolist():
            if number:
                rank = np.where(np.equal(count, number), like(x, shape, _ranks(number, q, method)), rank)
        some = np.greater(count, 0)
    low = np.floor(rank)
    share = rank - low
    first, second = (weight.astype(x.dtype) for weight in ((1 - share) * some, share))
    low = low.astype(np.intp)
    high = np.minimum(low + 1, size - 1)
    return np.take_along_axis(order, low, axis=-1), np.take_along_axis(order, high, axis=-1), first, second


def _ranks(size: int, q: Array, method: str) -> Array:
    return np.ravel(np.quantile(np.arange(size, dtype=float), q, method=method))


def like(x: Array, shape: tuple[int, ...], values: Any) -> Array:
    """Values broadcast to a shape, as an array of the kind of ``x``, in double precision (a rank may need it)."""
    made = np.zeros_like(x, shape=shape, dtype=float)
    made[...] = values
    return made


_places = on_arrays(places)


def _quantile_rule(g: Array, x: Array, q: Array, axis: Axis, method: str, skip: bool) -> Any:
    shape = x.shape
    x = lay(x, axis)
    size = x.shape[-1]
    if 0 in shape:
        return np.zeros_like(x, shape=shape)
    low, high, first, second = _places(x, q, method, skip)
    g = np.moveaxis(np.reshape(g, (np.size(q), *x.shape[:-1])), 0, -1)
    return unlay(scatter(zmul(first, g), low, size) + scatter(zmul(second, g), high, size), shape, axis)


def _intact(name: str, overwrite_input: bool) -> None:
    if overwrite_input:
        raise TypeError(f"{name}: overwrite_input=True would overwrite an array that the tape may keep; leave it out")


@primitive(np.median, masks=True)
def median(
    x: ArrayLike, /, axis: Axis = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False
) -> Tensor:
    """The middle element over ``axis``, or the mean of the two middle ones. Gradient: 1, or 1/2 each; among equal ones by NumPy's order.

    >>> median(np.array([3.0, 1.0, 2.0])).item()
    2.0
    """
    _intact("median", overwrite_input)
    return np.median(x, axis=axis, keepdims=keepdims)


rule(median, lambda g, x, axis: _quantile_rule(g, x, 0.5, axis, "linear", False))


@primitive(np.nanmedian, masks=True)
def nanmedian(
    x: ArrayLike, /, axis: Axis = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False
) -> Tensor:
    """:func:`median` of the numbers. Gradient: as for median, 0 at NaN.

    >>> nanmedian(np.array([3.0, np.nan, 1.0])).item()
    2.0
    """
    _intact("nanmedian", overwrite_input)
    return np.nanmedian(x, axis=axis, keepdims=keepdims)


rule(nanmedian, lambda g, x, axis: _quantile_rule(g, x, 0.5, axis, "linear", True))


@primitive(np.quantile, wrt="x", masks=True, real=True)
def quantile(
    x: ArrayLike,
    /,
    q: ArrayLike,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
) -> Tensor:
    """The value below which the fraction ``q`` of the elements over ``axis`` lies.

    ``q`` is a number or an array, whose axes come first in the result; every ``method`` of NumPy is
    supported, ``weights=`` is not. Gradient: the weights of the two elements that the quantile lies
    between; among equal ones by NumPy's order. ``q`` is a constant.

    >>> quantile(np.array([1.0, 2.0, 3.0]), 0.25).item()
    1.5
    """
    _intact("quantile", overwrite_input)
    return np.quantile(x, q, axis=axis, method=method, keepdims=keepdims)


rule(quantile, lambda g, x, q, axis, method: _quantile_rule(g, x, q, axis, method, False))


@primitive(np.percentile, wrt="x", real=True, masks=True)
def percentile(
    x: ArrayLike,
    /,
    q: ArrayLike,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
) -> Tensor:
    """:func:`quantile` with ``q`` in percent.

    >>> percentile(np.array([1.0, 2.0, 3.0]), 25).item()
    1.5
    """
    _intact("percentile", overwrite_input)
    return np.percentile(x, q, axis=axis, method=method, keepdims=keepdims)


rule(percentile, lambda g, x, q, axis, method: _quantile_rule(g, x, np.true_divide(q, 100), axis, method, False))


@primitive(np.nanquantile, wrt="x", real=True, masks=True)
def nanquantile(
    x: ArrayLike,
    /,
    q: ArrayLike,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
) -> Tensor:
    """:func:`quantile` of the numbers. Gradient: as for quantile, 0 at NaN.

    >>> nanquantile(np.array([1.0, np.nan, 3.0]), 0.5).item()
    2.0
    """
    _intact("nanquantile", overwrite_input)
    return np.nanquantile(x, q, axis=axis, method=method, keepdims=keepdims)


rule(nanquantile, lambda g, x, q, axis, method: _quantile_rule(g, x, q, axis, method, True))


@primitive(np.nanpercentile, wrt="x", real=True, masks=True)
def nanpercentile(
    x: ArrayLike,
    /,
    q: ArrayLike,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
) -> Tensor:
    """:func:`percentile` of the numbers. Gradient: as for percentile, 0 at NaN.

    >>> nanpercentile(np.array([1.0, np.nan, 3.0]), 50).item()
    2.0
    """
    _intact("nanpercentile", overwrite_input)
    return np.nanpercentile(x, q, axis=axis, method=method, keepdims=keepdims)


rule(nanpercentile, lambda g, x, q, axis, method: _quantile_rule(g, x, np.true_divide(q, 100), axis, method, True))


# ---------------------------------------------------------------- unique elements


@primitive(wrt="x", multi=True, discrete="x")
def unique_indices(x: ArrayLike, axis: int | None, equal_nan: bool) -> Any:
    """Of the unique elements (or slices along ``axis``): the index of the first, the inverse and the counts. No gradient."""
    _, index, inverse, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True, axis=axis, equal_nan=equal_nan
    )
    return index, inverse, counts


@composition(np.unique)
def unique(
    x: ArrayLike,
    /,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    """The unique elements (slices along ``axis``), sorted; ``sorted=False`` permits any order, and this one is given.

    Gradient: to the first of the equal elements, the one whose index ``return_index`` gives.

    >>> unique(np.array([2.0, 1.0, 2.0]))
    Tensor([1., 2.], shape=(2,), dtype=float64)
    """
    x = lifted(x, "unique")
    index, inverse, counts = unique_indices(x, axis, equal_nan)
    if axis is None:
        values = taken_last(np.reshape(x, (-1,)), index)
    else:  # NumPy's slices lie in memory one after the other
        values = np.moveaxis(in_order(np.moveaxis(taken_last(np.moveaxis(x, axis, -1), index), -1, 0)), 0, axis)
    chosen = [
        each for each, wanted in ((index, return_index), (inverse, return_inverse), (counts, return_counts)) if wanted
    ]
    return (values, *chosen) if chosen else values


# ---------------------------------------------------------------- searching and counting


@primitive(np.searchsorted, discrete="a v")
def searchsorted(a: ArrayLike, v: ArrayLike, side: str = "left", sorter: Any = None) -> Tensor:
    """Where ``v`` would go in the sorted ``a``. No gradient."""
    return np.searchsorted(a, v, side=side, sorter=sorter)


@primitive(np.digitize, discrete="x bins")
def digitize(x: ArrayLike, bins: ArrayLike, right: bool = False) -> Tensor:
    """The number of the bin that each element lies in. No gradient."""
    return np.digitize(x, bins, right=right)


@primitive(np.bincount, wrt="weights", real=True)
def bincount(x: ArrayLike, /, weights: ArrayLike | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2, … occurs in ``x``, or the sum of its ``weights``. Gradient for the weights: ``g[x]``.

    >>> bincount(np.array([0, 2, 2]), np.array([1.0, 2.0, 3.0])).tolist()
    [1.0, 0.0, 5.0]
    """
    return np.bincount(x, weights, minlength)


rule(bincount, weights=lambda g, x: np.take(g, x))
