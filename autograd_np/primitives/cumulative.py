"""Cumulative functions: running sums, products, extrema and log-sums along one axis.

``axis=None`` takes the flat array, as in NumPy.
"""

# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.hooks import beside, in_memory
from ..engine.protocols import UFUNC_METHODS
from ..engine.registry import on_arrays, primitive, rule
from ..engine.tensor import Array, ArrayLike, DTypeLike, Tensor
from .composed import composition, lifted, no_out
from .layout import lay, reverse, unlay, wide
from .reductions import before
from .zeros import zmul

__all__ = [
    "cumprod",
    "cumsum",
    "cumulative_prod",
    "cumulative_sum",
    "logcumsumexp",
    "maximum_accumulate",
    "minimum_accumulate",
]


@primitive()
def recurrence(a: ArrayLike, b: ArrayLike) -> Any:
    """``s[i] = b[i] + a[i] · s[i−1]`` along the last axis, from ``s[−1] = 0`` (so ``a[0]`` does not count).

    Gradient: with ``t[i] = h[i] + a[i+1] · t[i+1]``, the same recurrence run backwards, ``t`` for ``b`` and
    ``t[i] · s[i−1]`` for ``a``.

    The sum is doubled in reach log₂ n times: ``s[i]`` over the last k terms and ``a[i]`` the product of
    the last k factors give the same for 2k. There is no division, so zeros are exact.
    """
    n, k, s = b.shape[-1], 1, b
    while k < n:
        s = np.concatenate((s[..., :k], s[..., k:] + zmul(s[..., :-k], a[..., k:])), axis=-1)
        if 2 * k < n:
            a = np.concatenate((a[..., :k], a[..., k:] * a[..., :-k]), axis=-1)
        k *= 2
    return s


_recurrence = on_arrays(recurrence)


def _backwards(a: Array, b: Array) -> Any:
    """``s[i] = b[i] + a[i+1] · s[i+1]`` along the last axis."""
    return reverse(_recurrence(np.concatenate((a[..., :1], a[..., :0:-1]), axis=-1), reverse(b)))


def _recurrence_rule(h: Array, needs: Any, a: Array, out: Array) -> Any:
    t = _backwards(a, h)
    if not needs[0]:
        return None, t
    earlier = np.concatenate((np.zeros_like(out[..., :1]), out[..., :-1]), axis=-1)
    return zmul(t, earlier), t if needs[1] else None


rule(recurrence, joint=_recurrence_rule)


# ---------------------------------------------------------------- sums and products


@primitive(np.cumsum)
def cumsum(x: ArrayLike, /, axis: int | None = None, dtype: DTypeLike | None = None, out: None = None) -> Tensor:
    """``out[i] = x[0] + … + x[i]`` along ``axis``. Gradient: the cumulative sum of the cotangent from the end.

    >>> cumsum(np.array([1.0, 2.0, 3.0]))
    Tensor([1., 3., 6.], shape=(3,), dtype=float64)
    """
    return np.cumsum(x, axis=axis, dtype=dtype)


def _cumsum_rule(g: Array, x_shape: tuple[int, ...], axis: int | None) -> Any:
    if axis is None or len(x_shape) < 2:
        return np.reshape(np.cumsum(g[::-1])[::-1], x_shape)
    back = (slice(None),) * (axis % len(x_shape)) + (slice(None, None, -1),)
    return np.cumsum(g[back], axis=axis)[back]


rule(cumsum, _cumsum_rule)


@primitive(np.cumprod)
def cumprod(x: ArrayLike, /, axis: int | None = None, dtype: DTypeLike | None = None, out: None = None) -> Tensor:
    """``out[i] = x[0] · … · x[i]`` along ``axis``.

    Gradient: ``Σ g[k] · Π x[j]`` over k ≥ i, j ≤ k, j ≠ i, found without division by a recurrence from the
    end: exact with any number of zeros, in every order.

    >>> x = Tensor([2.0, 0.0, 5.0], requires_grad=True)
    >>> cumprod(x).sum().backward()
    >>> x.grad
    array([ 1., 12.,  0.])
    """
    return np.cumprod(x, axis=axis, dtype=dtype)


def _cumprod_rule(g: Array, x: Array, axis: int | None, dtype: DTypeLike | None) -> Any:
    if dtype is not None:
        x = x.astype(dtype)
    shape = x.shape
    x = lay(x, axis)
    # g[i] + x[i+1] · (g[i+1] + x[i+2] · …), times what stands before x[i].
    later = _backwards(x, lay(g, axis) if shape else g)
    return unlay(zmul(later, before(x)), shape, axis)


rule(cumprod, _cumprod_rule)


def _cumulative(
    function: Any, first: Any, x: Array, axis: int | None, dtype: DTypeLike | None, out: None, include_initial: bool
) -> Tensor:
    name = f"cumulative_{function.__name__.removeprefix('cum')}"
    no_out(name, out)
    x = lifted(x, name)
    if axis is None and x.ndim > 1:
        raise ValueError(f"{name}: for an array of {x.ndim} axes give axis; the flat array's is {function.__name__}")
    result = function(np.reshape(x, (1,)) if x.ndim == 0 else x, axis=axis, dtype=dtype)
    if not include_initial:
        return result
    axis = 0 if axis is None else axis % result.ndim
    shape = (*result.shape[:axis], 1, *result.shape[axis + 1 :])
    return np.concatenate((first(result, shape=shape), result), axis=axis)


@composition(np.cumulative_sum)
def cumulative_sum(
    x: ArrayLike,
    /,
    *,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    include_initial: bool = False,
) -> Tensor:
    """The array API's :func:`cumsum`: ``axis`` may be left out for one axis only; ``include_initial`` begins with 0.

    >>> cumulative_sum(np.array([1.0, 2.0]), include_initial=True)
    Tensor([0., 1., 3.], shape=(3,), dtype=float64)
    """
    return _cumulative(cumsum, np.zeros_like, x, axis, dtype, out, include_initial)


@composition(np.cumulative_prod)
def cumulative_prod(
    x: ArrayLike,
    /,
    *,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    include_initial: bool = False,
) -> Tensor:
    """The array API's :func:`cumprod`: ``axis`` may be left out for one axis only; ``include_initial`` begins with 1.

    >>> cumulative_prod(np.array([2.0, 3.0]), include_initial=True)
    Tensor([1., 2., 6.], shape=(3,), dtype=float64)
    """
    return _cumulative(cumprod, np.ones_like, x, axis, dtype, out, include_initial)


# ---------------------------------------------------------------- running extrema


@primitive(masks=True)
def maximum_accumulate(x: ArrayLike, /, axis: int = 0, dtype: DTypeLike | None = None) -> Tensor:
    """``np.maximum.accumulate``: the largest of ``x[0] … x[i]`` along ``axis``.

    Gradient: to the element that is the largest so far, evenly split among equal ones up to i.

    >>> maximum_accumulate(np.array([1.0, 3.0, 2.0]))
    Tensor([1., 3., 3.], shape=(3,), dtype=float64)
    """
    return np.maximum.accumulate(x, axis=axis, dtype=dtype)


@primitive(masks=True)
def minimum_accumulate(x: ArrayLike, /, axis: int = 0, dtype: DTypeLike | None = None) -> Tensor:
    """``np.minimum.accumulate``: the smallest of ``x[0] … x[i]`` along ``axis``. Ties share as in :func:`maximum_accumulate`.

    >>> minimum_accumulate(np.array([2.0, 3.0, 1.0]))
    Tensor([2., 2., 1.], shape=(3,), dtype=float64)
    """
    return np.minimum.accumulate(x, axis=axis, dtype=dtype)


@primitive(wrt="x", multi=True, discrete="x top")
def runs(x: ArrayLike, top: Any) -> Any:
    """Of a running extremum along the last axis: where it is hit, shared and the same. Without gradient.

    Returns:
        Which elements equal it (1 or 0), the share 1/k of the k equal ones so far, and whether it is the
        same (1) as one step earlier.
    """
    hit = np.equal(x, top) | np.not_equal(x, x)
    dtype = wide(top).dtype
    hit = hit.astype(dtype)
    same = np.concatenate((np.zeros_like(hit[..., :1]), np.equal(top[..., 1:], top[..., :-1]).astype(dtype)), axis=-1)
    return hit, 1 / np.maximum(_recurrence(same, hit), 1), same


_runs = on_arrays(runs)


def _running_rule(g: Array, x: Array, out: Array, axis: int) -> Any:
    hit, share, same = _runs(lay(x, axis), lay(out, axis))
    # An element collects the shares of all later results up to where another one takes over.
    return unlay(zmul(hit, _backwards(same, lay(g, axis) * share)), x.shape, axis)


rule(maximum_accumulate, _running_rule)
rule(minimum_accumulate, _running_rule)


@primitive(real=True)
def logcumsumexp(x: ArrayLike, /, axis: int = 0, dtype: DTypeLike | None = None) -> Tensor:
    """``np.logaddexp.accumulate``: ``log(exp x[0] + … + exp x[i])`` along ``axis``, without overflow.

    Gradient: ``Σ g[k] · exp(x[i] − out[k])`` over k ≥ i; 0 where all so far are −inf.

    >>> logcumsumexp(np.array([0.0, 0.0])).tolist()
    [0.0, 0.6931471805599453]
    """
    return np.logaddexp.accumulate(x, axis=axis, dtype=dtype)


def _logcumsumexp_rule(g: Array, x: Array, out: Array, axis: int) -> Any:
    shape = x.shape
    x, out, g = lay(x, axis), lay(out, axis), lay(g, axis)
    # t[i] = g[i] + exp(out[i] − out[i+1]) · t[i+1], where no factor exceeds 1. Before the first finite
    # element out is −inf, and nothing passes.
    nothing = np.equal(out, -np.inf)
    finite = np.where(nothing, 0, out)
    step = np.exp(np.where(nothing[..., :-1], -np.inf, finite[..., :-1] - finite[..., 1:]))
    t = _backwards(np.concatenate((np.zeros_like(finite[..., :1]), step), axis=-1), g)
    return unlay(zmul(t, np.exp(np.subtract(x, finite))), shape, axis)


rule(logcumsumexp, _logcumsumexp_rule)


# ---------------------------------------------------------------- sums of segments


@primitive(wrt="g")
def scatter_last(g: ArrayLike, index: Any, size: int) -> Any:
    """``out[…, index[…, j]] += g[…, j]`` on zeros of ``size`` elements along the last axis. Gradient: taken along ``index``."""
    index = np.broadcast_to(index, g.shape)
    g = beside(g, index)
    if not in_memory(g) and not hasattr(g, "__array_interface__"):
        # Arrays that do not say where their memory is are not NumPy's, and np.add.at cannot write them.
        place = np.cumsum(np.ones_like(index, shape=(size, 1)), axis=0) - 1
        return np.sum(np.where(np.equal(index[..., None, :], place), g[..., None, :], 0), axis=-1)
    flat = np.zeros_like(g, shape=(math.prod(g.shape[:-1]) * size,))
    rows = np.reshape(np.arange(math.prod(g.shape[:-1])), (*g.shape[:-1], 1))
    np.add.at(flat, np.ravel(index + rows * size), np.ravel(g))
    return np.reshape(flat, (*g.shape[:-1], size))


rule(scatter_last, lambda h, g_shape, index: np.take_along_axis(h, np.broadcast_to(index, g_shape), axis=-1))
scatter = on_arrays(scatter_last)


@primitive(wrt="x", masks=True)
def taken_last(x: ArrayLike, index: Any) -> Any:
    """``x[…, index]``, where the index array may be of the kind of ``x``. Gradient: scattered to where it was taken."""
    return np.take(beside(x, index), index, axis=-1)


rule(
    taken_last,
    lambda g, x_shape, index: scatter(
        np.reshape(g, (*x_shape[:-1], index.size)), np.reshape(index, (index.size,)), x_shape[-1]
    ),
)


@primitive(masks=True)
def add_reduceat(x: ArrayLike, indices: Any, axis: int = 0, dtype: DTypeLike | None = None) -> Tensor:
    """``np.add.reduceat``: sums of the segments ``x[indices[k] : indices[k+1]]`` along ``axis``.

    As in NumPy the last segment goes to the end, and a segment that does not advance is the single element
    ``x[indices[k]]``. Gradient: the segment's cotangent at each of its elements.

    >>> add_reduceat(np.array([1.0, 2.0, 3.0, 4.0]), [0, 2])
    Tensor([3., 7.], shape=(2,), dtype=float64)
    """
    return np.add.reduceat(x, indices, axis, dtype)


def _segments(indices: Any, size: int) -> tuple[Any, Any]:
    """The elements of the segments one after another, and the segment of each."""
    start = np.asarray(indices)
    stop = np.concatenate((start[1:], [size]))
    length = np.maximum(stop - start, 1)
    segment = np.repeat(np.arange(len(start)), length)
    return np.arange(len(segment)) - np.repeat(np.cumsum(length) - length, length) + start[segment], segment


def _reduceat_rule(g: Array, x_shape: tuple[int, ...], indices: Any, axis: int) -> Any:
    element, segment = _segments(indices, x_shape[axis])
    return unlay(scatter(lay(g, axis)[..., segment], element, x_shape[axis]), x_shape, axis)


rule(add_reduceat, _reduceat_rule)

UFUNC_METHODS.update(
    {
        (np.add, "accumulate"): cumsum,
        (np.multiply, "accumulate"): cumprod,
        (np.maximum, "accumulate"): maximum_accumulate,
        (np.minimum, "accumulate"): minimum_accumulate,
        (np.logaddexp, "accumulate"): logcumsumexp,
        (np.add, "reduceat"): add_reduceat,
    }
)
