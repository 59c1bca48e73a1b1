"""Weighted means, covariance and histograms, composed of primitives."""

# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..engine.hooks import array, require
from ..engine.registry import primitive
from ..engine.tensor import Array, ArrayLike, DTypeLike, Tensor
from .composed import composition, lifted
from .layout import Axis, axes_of
from .reductions import mean, sum
from .shaping import cast
from .sorting import bincount, like


@composition(np.average)
def average(
    x: ArrayLike,
    /,
    axis: Axis = None,
    weights: ArrayLike | None = None,
    returned: bool = False,
    *,
    keepdims: bool = False,
) -> Any:
    """``Σ w·x / Σ w`` over ``axis``; with ``returned`` the pair of it and ``Σ w``.

    The weights have the shape of ``x``, or of its axes ``axis``. They have a gradient too.

    Raises:
        ZeroDivisionError: weights sum to 0.
        TypeError, ValueError: the weights' shape fits neither.

    >>> average(np.array([1.0, 4.0]), weights=np.array([3.0, 1.0])).item()
    1.75
    """
    x = lifted(x, "average")
    if weights is None:
        result = mean(x, axis, keepdims=keepdims)
        total: Any = np.full_like(result, x.size / result.size if result.size else np.nan, order="C")
        return (result, total) if returned else result
    w = lifted(weights, "average", "weights")
    if x.shape != w.shape:
        if axis is None:
            raise TypeError(f"average: weights of shape {w.shape} for x of shape {x.shape} need an axis")
        given = axis if isinstance(axis, tuple) else (axis,)
        given = tuple(a % x.ndim for a in given)
        if w.shape != tuple(x.shape[a] for a in given):
            raise ValueError(
                f"average: weights of shape {w.shape} fit neither x of shape {x.shape} nor its axes {axis}"
            )
        w = np.transpose(w, tuple(int(i) for i in np.argsort(given)))
        w = np.reshape(w, tuple(size if a in given else 1 for a, size in enumerate(x.shape)))
    dtype = np.result_type(x.dtype, w.dtype, *(["f8"] if x.dtype.kind in "iub" else []))
    axes = None if axis is None else axes_of(axis, x.ndim)
    total = sum(w, axes if w.ndim else None, dtype, keepdims=keepdims)
    require(_check_total, total._values)
    result = sum(np.multiply(cast(x, dtype), cast(w, dtype)), axes, keepdims=keepdims) / total
    if returned:
        return result, total if total.shape == result.shape else np.copy(
            np.broadcast_to(total, result.shape), order="C"
        )
    return result


def _check_total(total: Array) -> None:
    if np.any(np.equal(total, 0)).item():
        raise ZeroDivisionError("average: the weights sum to 0")


def _rows(x: Tensor, dtype: DTypeLike | None) -> Tensor:
    x = cast(x, dtype)
    return x if x.ndim == 2 else np.reshape(x, (1, x.size))


@composition(np.cov)
def cov(
    m: ArrayLike,
    y: ArrayLike | None = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: ArrayLike | None = None,
    *,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """The covariance of the rows of ``m`` (and of ``y``): ``(X − mean) W (X − mean)ᴴ / (n − ddof)``.

    The options are NumPy's: columns instead of rows without ``rowvar``; ``bias`` divides by n; ``fweights``
    counts repetitions, ``aweights`` are relative weights and have a gradient. The result is at least double precision.

    >>> cov(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    if ddof is not None and ddof != int(ddof):
        raise ValueError(f"cov: ddof must be an integer, got {ddof}")
    operands = [lifted(m, "cov", "m")] + ([] if y is None else [lifted(y, "cov", "y")])
    for each in operands:
        if each.ndim > 2:
            raise ValueError(f"cov: takes one or two axes, got shape {each.shape}")
    if dtype is None:
        dtype = np.result_type(*[each.dtype for each in operands], np.float64)
    parts = [_rows(each, dtype) for each in operands]
    if not rowvar:
        parts = [
            part.T if each.ndim != 1 and (k == 0 or part.shape[0] != 1) else part
            for k, (part, each) in enumerate(zip(parts, operands, strict=True))
        ]
    if parts[0].shape[0] == 0:
        return Tensor(np.zeros((0, 0)))
    x: Any = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=0)
    if ddof is None:
        ddof = 0 if bias else 1
    w: Any = None
    if fweights is not None:
        w = Tensor(like(x._values, (x.shape[1],), _frequencies(fweights, x.shape[1])))
    if aweights is not None:
        relative = cast(lifted(aweights, "cov", "aweights"), float)
        if relative.shape != (x.shape[1],):
            raise ValueError(f"cov: aweights of shape {relative.shape} for {x.shape[1]} observations")
        require(_check_sign, relative._values, "aweights")
        w = relative if w is None else w * relative
    centre, total = average(x, axis=1, weights=w, returned=True)
    total = total[0].real if total.dtype.kind == "c" else total[0]
    if w is None:
        left: Any = x.shape[1] - ddof
    elif ddof == 0:
        left = total
    elif aweights is None:
        left = total - ddof
    else:
        left = total - ddof * sum(w * relative) / total
    require(_check_freedom, left._values if isinstance(left, Tensor) else left)
    left = np.maximum(left, 0.0) if isinstance(left, Tensor) else max(left, 0.0)
    x = x - centre[:, None]
    scaled = x if w is None else x * w
    right = scaled.T
    product = np.matmul(x, np.conjugate(right) if right.dtype.kind == "c" else right)
    return np.squeeze(product * np.true_divide(1, left))


def _frequencies(fweights: Any, size: int) -> Any:
    w = fweights._values if isinstance(fweights, Tensor) else array(fweights)
    require(_check_integers, w)
    if w.shape != (size,):
        raise ValueError(f"cov: fweights of shape {w.shape} for {size} observations")
    require(_check_sign, w, "fweights")
    return w


def _check_integers(w: Array) -> None:
    if (w != np.round(w)).any():
        raise TypeError("cov: fweights must be integers")


def _check_sign(w: Array, word: str) -> None:
    if np.any(np.less(w, 0)).item():
        raise ValueError(f"cov: {word} must not be negative")


def _check_freedom(left: Any) -> None:
    if (left.item() if hasattr(left, "item") else left) <= 0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=4)


@composition(np.corrcoef)
def corrcoef(
    x: ArrayLike, y: ArrayLike | None = None, rowvar: bool = True, *, dtype: DTypeLike | None = None
) -> Tensor:
    """The correlation of the rows of ``x`` (and of ``y``): the covariance divided by both standard deviations, within [−1, 1].

    Where a correlation is ±1 its gradient is 0.

    >>> corrcoef(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))[0, 1].item()
    -1.0
    """
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    variance = np.diagonal(c)
    deviation = np.sqrt(np.real(variance) if c.dtype.kind == "c" else variance)
    c = c / deviation[:, None] / deviation[None, :]
    if c.dtype.kind == "c":
        return np.clip(np.real(c), -1, 1) + 1j * np.clip(np.imag(c), -1, 1)
    return np.clip(c, -1, 1)


# ---------------------------------------------------------------- histograms

# How many elements a bin has does not change with small changes of the data; where its edges lie does, and `edges_from` makes them anew.


@primitive(wrt="x", multi=True, discrete="x weights")
def histogram_counts(x: ArrayLike, bins: Any, range: Any, weights: ArrayLike | None) -> Any:
    """np.histogram itself: the counts and the edges. No gradient."""
    return np.histogram(x, bins, range, weights=weights)


@primitive(wrt="x", discrete="x weights")
def histogram_edges(x: ArrayLike, bins: Any, range: Any, weights: ArrayLike | None) -> Any:
    """np.histogram_bin_edges itself. No gradient."""
    return np.histogram_bin_edges(x, bins, range, weights)


@primitive(wrt="x", discrete="x edges")
def bin_numbers(x: ArrayLike, edges: ArrayLike) -> Any:
    """The bin of each element of the flat ``x``, one after the last for what lies outside. No gradient."""
    x = np.ravel(x)
    last = len(edges) - 1
    number = np.searchsorted(edges, x, side="right") - 1
    number = np.where(np.equal(x, edges[-1]), last - 1, number)
    return np.where((number < 0) | (number > last) | np.isnan(x), last, number)


def needing(*values: Any) -> bool:
    """Whether a Tensor among the values, or in a list or tuple among them, needs a gradient."""
    return any(
        needing(*value) if isinstance(value, (list, tuple)) else isinstance(value, Tensor) and value.requires_grad
        for value in values
    )


def edges_from(x: Tensor, bins: Any, range: Any, edges: Tensor) -> Tensor:
    """The ``edges`` of bins as a function of what they come from: ``bins`` themselves, the ends in ``range``, or those of the data."""
    if np.ndim(bins):
        return edges if not isinstance(bins, Tensor) else bins
    if range is None:
        if not x.size:
            return edges
        first, last = np.min(x), np.max(x)
    else:
        first, last = range
        if not needing(first, last):
            return edges
    alone = np.equal(first, last)
    first, last = np.where(alone, first - 0.5, first), np.where(alone, last + 0.5, last)
    return cast(np.linspace(first, last, edges.size), edges.dtype)


def row(bins: Any) -> Any:
    """Edges given as a list that holds Tensors, as one Tensor."""
    return (
        np.stack(bins) if isinstance(bins, (list, tuple)) and any(isinstance(each, Tensor) for each in bins) else bins
    )


def weighted(numbers: Any, weights: ArrayLike, length: int) -> Tensor:
    """The sum of the weights of each number below ``length``."""
    w = np.reshape(weights, (-1,))
    if w.dtype.kind == "c":
        return weighted(numbers, np.real(w), length) + 1j * weighted(numbers, np.imag(w), length)
    return cast(bincount(numbers, w, length), w.dtype)


@composition(np.histogram_bin_edges)
def histogram_bin_edges(x: ArrayLike, /, bins: Any = 10, range: Any = None, weights: ArrayLike | None = None) -> Tensor:
    """The edges of the bins that :func:`histogram` uses. Gradients for the smallest and the largest element, ``range`` and ``bins``.

    How many bins a name such as ``"auto"`` makes does not change with small changes of the data.

    >>> histogram_bin_edges(np.array([0.0, 1.0, 3.0]), 3).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    x, bins = lifted(x, "histogram_bin_edges"), row(bins)
    edges = histogram_edges(x, detached(bins), detached(range), detached(weights))
    return edges_from(x, bins, range, edges) if needing(x, bins, range) else edges


@composition(np.histogram)
def histogram(
    x: ArrayLike,
    /,
    bins: Any = 10,
    range: tuple[float, float] | None = None,
    density: bool | None = None,
    weights: ArrayLike | None = None,
) -> tuple[Tensor, Tensor]:
    """Counts per bin, or sums of ``weights``, and the edges of the bins.

    The counts are piecewise constant in ``x``. The edges, and so the ``density``, depend on the smallest and the largest
    element, on ``range`` and on ``bins``, and have gradients for them; the counts and the density have one for the weights.

    >>> histogram(np.array([0.0, 1.0, 1.0]), bins=2)[0].tolist()
    [1, 2]
    """
    x, bins = lifted(x, "histogram"), row(bins)
    counts, edges = histogram_counts(x, detached(bins), detached(range), detached(weights))
    if needing(weights):
        counts = weighted(bin_numbers(x, edges), weights, edges.size)[:-1]
    if needing(x, bins, range):
        edges = edges_from(x, bins, range, edges)
    if density:
        counts = counts / cast(edges[1:] - edges[:-1], float) / sum(counts)
    return counts, edges


def detached(value: Any) -> Any:
    """The arrays behind Tensors, in lists and tuples too."""
    if isinstance(value, (list, tuple)):
        return type(value)([detached(item) for item in value])
    return value._values if isinstance(value, Tensor) else value
