"""Reductions: sums, means, products, extrema and logsumexp over any axes.

Options are NumPy's. ``axis`` is None (all axes), an axis or a tuple of axes, negative ones included;
``where`` is a mask of the elements to take, and the others have gradient 0; ``keepdims`` leaves the
reduced axes with size 1; ``dtype`` is that of the result (and of the accumulation).
"""

# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.protocols import UFUNC_METHODS
from ..engine.registry import on_arrays, primitive, rule
from ..engine.tensor import Array, ArrayLike, DTypeLike, Tensor
from . import complexes
from .complexes import is_complex
from .composed import composition, no_out
from .kinks import at_kink
from .layout import Axis, axes_of, count_of, expand, lay, reverse, spread, unlay, unshared, wide
from .zeros import zdiv, zmul

__all__ = [
    "all",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "logsumexp",
    "max",
    "mean",
    "min",
    "prod",
    "ptp",
    "std",
    "sum",
    "var",
]


def given(initial: Any, where: Any) -> dict[str, Any]:
    """The options ``initial`` and ``where`` where they were given: NumPy tells "not given" from every value, CuPy lacks them."""
    options = {} if initial is None else {"initial": initial}
    return options if where is True else options | {"where": where}


# The largest number of float16.
HALF = 65504

# ---------------------------------------------------------------- sum and mean


@primitive(np.sum, masks="where")
def sum(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: ArrayLike = True,
) -> Tensor:
    """``Σ x`` over ``axis``, plus ``initial``. Gradient: 1 at every element taken.

    Shape and dtype are NumPy's (small integers sum as int64). Empty sums are ``initial``, 0 by default.

    >>> sum(np.ones((2, 3)), axis=-1)
    Tensor([3., 3.], shape=(2,), dtype=float64)
    """
    if initial is None and where is True and hasattr(x, "sum"):
        return x.sum(axis, dtype, None, keepdims)  # half the time of np.sum
    return np.sum(x, axis=axis, dtype=dtype, keepdims=keepdims, **given(initial, where))


def _spread_sum(g: Array, x_shape: tuple[int, ...], axis: Axis, keepdims: bool, where: Any) -> Array:
    g = expand(g, len(x_shape), axis, keepdims)
    if where is not True:
        return np.where(np.broadcast_to(where, x_shape), g, 0)
    return spread(g, x_shape)


rule(sum, lambda g, x_shape, axis, keepdims, where: _spread_sum(g, x_shape, axis, keepdims, where))


@primitive(np.mean, masks="where")
def mean(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    keepdims: bool = False,
    *,
    where: ArrayLike = True,
) -> Tensor:
    """``(1/n) Σ x`` over ``axis``. Gradient: 1/n at every element taken.

    Integers give float64, as in NumPy. The mean of nothing is NaN, with NumPy's warning.

    >>> mean(np.array([[1.0, 3.0], [5.0, 7.0]]), axis=0)
    Tensor([3., 5.], shape=(2,), dtype=float64)
    """
    if dtype is None and where is True:
        kind = getattr(x, "dtype", None)
        if kind is not None and kind.char in "fd":
            # What np.mean does, without its wrapper; exact while float32 holds the count.
            total = x.sum(axis, None, None, keepdims)
            n = count_of(x.shape, axis)
            if 0 < n <= 1 << 24:
                return total / n
    return np.mean(x, axis=axis, dtype=dtype, keepdims=keepdims, **given(None, where))


def _taken(x_shape: tuple[int, ...], axis: Axis, where: Any, dtype: DTypeLike | None) -> Array:
    """How many elements ``where`` takes, per result, in a shape that broadcasts against the operand."""
    return np.sum(np.broadcast_to(where, x_shape), axis=axis, keepdims=True, dtype=int).astype(dtype)


def _real(dtype: DTypeLike | None) -> Any:
    """The real dtype of the same precision."""
    return np.dtype(dtype).type(0).real.dtype if np.dtype(dtype).kind == "c" else dtype


def mean_rule(g: Array, x_shape: tuple[int, ...], axis: Axis, keepdims: bool, where: Any) -> Array:
    g = expand(g, len(x_shape), axis, keepdims)
    if where is not True:
        g = wide(g)
        n = _taken(x_shape, axis, where, _real(g.dtype))
        return np.where(np.broadcast_to(where, x_shape), zdiv(g, n), 0)
    n = count_of(x_shape, axis)
    if n > HALF:
        g = wide(g)
    return spread(g / n if n else g, x_shape)


rule(mean, lambda g, x_shape, axis, keepdims, where: mean_rule(g, x_shape, axis, keepdims, where))


# ---------------------------------------------------------------- variance


@primitive(np.var, wrt="x mean", broadcasts=True, masks="where")
def var(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: ArrayLike = True,
    mean: ArrayLike | None = None,
    correction: float | None = None,
) -> Tensor:
    """``Σ |x − m|² / (n − ddof)`` over ``axis``, where ``m`` is the mean. Gradient: ``2 (x − m) / (n − ddof)``.

    ``mean`` is the mean where it is known (computed with ``keepdims=True``); it has a gradient too.
    ``correction`` is another name of ``ddof``. With ``ddof ≥ n`` the result is NumPy's (NaN or inf, with a warning).

    >>> var(np.array([1.0, 2.0, 3.0]), ddof=1).item()
    1.0
    """
    return np.var(x, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, **variance_options(where, mean, correction))


@primitive(np.std, wrt="x mean", broadcasts=True, masks="where")
def std(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: ArrayLike = True,
    mean: ArrayLike | None = None,
    correction: float | None = None,
) -> Tensor:
    """``√var(x)`` over ``axis``; the options are those of :func:`var`. Gradient: ``(x − m) / ((n − ddof) · std)``.

    Where all elements are equal the gradient is 0, in every order. Magnitudes whose squares overflow or
    underflow do not disturb it.

    >>> std(np.array([1.0, 3.0])).item()
    1.0
    """
    return np.std(x, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, **variance_options(where, mean, correction))


def variance_options(where: Any, mean: Array | None, correction: Any) -> dict[str, Any]:
    options = {} if where is True else {"where": where}
    if mean is not None:
        options["mean"] = mean
    if correction is not None:
        options["correction"] = correction
    return options


def _deviation(x: Array, axis: Axis, dtype: DTypeLike | None, where: Any, mean: Array | None) -> Array:
    """``x − m``, 0 where ``where`` leaves out."""
    x = wide(x if dtype is None else x.astype(dtype))
    if mean is None:
        mean = _plain_mean(x, axis, where)
    d = np.subtract(x, mean)
    return d if where is True else np.where(where, d, 0)


def _plain_mean(x: Array, axis: Axis, where: Any) -> Array:
    """The mean with size-1 axes, 0 for the mean of nothing (without np.mean's warning, which the forward pass gave)."""
    if where is True:
        return np.sum(x, axis=axis, keepdims=True) / (count_of(x.shape, axis) or 1)
    n = _taken(x.shape, axis, where, _real(x.dtype))
    return np.sum(x, axis=axis, keepdims=True, where=where) / np.maximum(n, 1)


def _freedom(
    x_shape: tuple[int, ...], axis: Axis, where: Any, ddof: Any, correction: Any, dtype: DTypeLike | None
) -> Any:
    """``n − ddof``, not below 0 (NumPy's divisor)."""
    ddof = ddof if correction is None else correction
    if where is True:
        left = count_of(x_shape, axis) - ddof
        return left * (left > 0)
    return np.maximum(_taken(x_shape, axis, where, dtype) - ddof, 0)


def _conjugate(d: Any) -> Any:
    return np.conjugate(d) if d.dtype.kind == "c" else d


def var_rule(
    g: Array,
    x: Array,
    axis: Axis,
    dtype: DTypeLike | None,
    ddof: Any,
    keepdims: bool,
    where: Any,
    mean: Array,
    correction: Any,
) -> Array:
    d = _deviation(x, axis, dtype, where, mean)
    g = expand(wide(g), len(x.shape), axis, keepdims)
    n = _freedom(x.shape, axis, where, ddof, correction, g.dtype)
    # The cotangent is scaled before it meets the elements: one pass over them.
    return (2 * g / n if where is True and n else zdiv(2 * g, n)) * _conjugate(d)


def _var_mean_rule(
    g: Array,
    x: Array,
    axis: Axis,
    dtype: DTypeLike | None,
    ddof: Any,
    keepdims: bool,
    where: Any,
    mean: Array,
    correction: Any,
) -> Any:
    return -var_rule(g, x, axis, dtype, ddof, keepdims, where, mean, correction)


rule(var, var_rule, mean=_var_mean_rule)


@primitive(wrt="x", discrete="x")
def peak(x: ArrayLike, axis: Any) -> Any:
    """The largest magnitude over ``axis`` with size-1 axes, 1 where that is 0: a scale, without gradient."""
    top = (
        np.max(np.abs(x), axis=axis, keepdims=True)
        if count_of(x.shape, axis)
        else np.real(np.sum(x, axis=axis, keepdims=True))
    )
    return np.where(np.equal(top, 0), 1, top)


_peak = on_arrays(peak)


def std_rule(
    g: Array,
    x: Array,
    axis: Axis,
    dtype: DTypeLike | None,
    ddof: Any,
    keepdims: bool,
    where: Any,
    mean: Array | None,
    correction: Any,
) -> Array:
    d = _deviation(x, axis, dtype, where, mean)
    if mean is None:
        # The rounding of the mean, taken out: the deviations of equal elements are then 0.
        again = np.subtract(d, _plain_mean(d, axis, where))
        d = again if where is True else np.where(where, again, 0)
    g = expand(wide(g), len(x.shape), axis, keepdims)
    n = _freedom(x.shape, axis, where, ddof, correction, g.dtype)
    # d / std does not depend on the scale of d; with the scale taken out no square overflows.
    d = d / _peak(d, axis)
    square = np.square(d) if d.dtype.kind != "c" else np.real(d * np.conjugate(d))
    total = np.sum(square, axis=axis, keepdims=True)
    flat = np.equal(total, 0)
    spreads = np.sqrt(np.where(flat, 1, zdiv(total, n)))
    return np.where(flat, 0, zdiv(g, spreads * n)) * _conjugate(at_kink(d, g, total, "a standard deviation"))


def _std_mean_rule(
    g: Array,
    x: Array,
    axis: Axis,
    dtype: DTypeLike | None,
    ddof: Any,
    keepdims: bool,
    where: Any,
    mean: Array,
    correction: Any,
) -> Any:
    return -std_rule(g, x, axis, dtype, ddof, keepdims, where, mean, correction)


rule(std, std_rule, mean=_std_mean_rule)


# ---------------------------------------------------------------- products


@primitive(np.prod, masks="where")
def prod(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: ArrayLike = True,
) -> Tensor:
    """``Π x`` over ``axis``, times ``initial``. Gradient: the product of the other elements (and of ``initial``).

    It is found without division, from the products before and after each element, so that it is exact
    with any number of zeros, in every order.

    >>> x = Tensor([2.0, 0.0, 5.0], requires_grad=True)
    >>> prod(x).backward()
    >>> x.grad
    array([ 0., 10.,  0.])
    """
    return np.prod(x, axis=axis, dtype=dtype, keepdims=keepdims, **given(initial, where))


def before(x: Array) -> Array:
    """The product of the elements before each element of the last axis."""
    return np.concatenate((np.ones_like(x[..., :1]), np.cumprod(x[..., :-1], axis=-1)), axis=-1)


def _others(x: Array) -> Any:
    """The product of all elements of the last axis but one, for each one."""
    return before(x) * reverse(before(reverse(x)))


def _prod_rule(
    g: Array, x: Array, axis: Axis, dtype: DTypeLike | None, keepdims: bool, initial: Any, where: Any
) -> Array:
    if dtype is not None:
        x = x.astype(dtype)
    shape = x.shape
    if where is not True:
        where = np.broadcast_to(where, shape)
        x = np.where(where, x, 1)
    others = unlay(_others(lay(x, axis)), shape, axis)
    g = expand(g, len(shape), axis, keepdims)
    g = zmul(g if initial is None else g * initial, others)
    return g if where is True else np.where(where, g, 0)


rule(prod, _prod_rule)


# ---------------------------------------------------------------- extrema


@primitive(np.max, np.amax, masks=True)
def max(
    x: ArrayLike,
    /,
    axis: Axis = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: ArrayLike = True,
) -> Tensor:
    """The largest element over ``axis`` (NaN, if one is NaN), and no less than ``initial``.

    Gradient: 1 at the largest element, 1/k at each of k equal ones. ``initial`` counts as one more
    element: where it is larger the gradient is 0, where it ties it takes its share.

    >>> x = Tensor([1.0, 3.0, 3.0], requires_grad=True)
    >>> max(x).backward()
    >>> x.grad
    array([0. , 0.5, 0.5])
    """
    return np.max(x, axis=axis, keepdims=keepdims, **given(initial, where))


@primitive(np.min, np.amin, masks=True)
def min(
    x: ArrayLike,
    /,
    axis: Axis = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: ArrayLike = True,
) -> Tensor:
    """The smallest element over ``axis`` (NaN, if one is NaN), and no more than ``initial``. Ties share as in :func:`max`.

    >>> min(np.array([[4.0, 2.0], [3.0, 5.0]]), axis=1)
    Tensor([2., 3.], shape=(2,), dtype=float64)
    """
    return np.min(x, axis=axis, keepdims=keepdims, **given(initial, where))


@primitive(wrt="x", discrete="x top initial")
def winners(x: ArrayLike, top: Any, axis: Any, initial: Any, where: Any) -> Any:
    """Which elements made the extremum ``top``: 1/k at each of k equal ones, 0 elsewhere. Without gradient."""
    mask = np.equal(x, top) | np.not_equal(x, x)  # a NaN is the extremum of what it is among
    if where is not True:
        mask = mask & where
    n = np.sum(mask, axis=axis, keepdims=True, dtype=int).astype(_real(wide(x).dtype))
    if initial is not None:
        n = n + np.equal(top, initial)
    return mask / np.maximum(n, 1)


_winners = on_arrays(winners)


def extremum_rule(g: Array, x: Array, out: Array, axis: Axis, keepdims: bool, initial: Any, where: Any) -> Array:
    """The gradient of max and min: the cotangent, shared by the elements that equal the result."""
    ndim = len(x.shape)
    return zmul(_winners(x, expand(out, ndim, axis, keepdims), axis, initial, where), expand(g, ndim, axis, keepdims))


rule(max, extremum_rule)
rule(min, extremum_rule)


@composition(np.ptp)
def ptp(x: ArrayLike, /, axis: Axis = None, out: None = None, keepdims: bool = False) -> Tensor:
    """``max(x) − min(x)`` over ``axis``. Ties share as in :func:`max`; where all are equal the gradient is 0.

    >>> ptp(np.array([1.0, 4.0, 2.0])).item()
    3.0
    """
    no_out("ptp", out)
    return np.subtract(max(x, axis, keepdims=keepdims), min(x, axis, keepdims=keepdims))


# ---------------------------------------------------------------- logsumexp


@primitive()
def logsumexp(x: ArrayLike, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """``log Σ exp(x)`` over ``axis``, without overflow. Gradient: ``softmax(x)``.

    Of nothing, or of −inf alone, the value is −inf and the gradient 0. A small sum beside the largest
    element keeps its accuracy (``log1p``). Of complex numbers it is the principal logarithm of the sum.

    >>> logsumexp(np.array([1000.0, 1000.0])).item()
    1000.6931471805599
    """
    dtype = getattr(x, "dtype", np.dtype(float))
    if dtype.kind not in "fc":
        x = np.asarray(x, dtype=float) if isinstance(x, (int, bool)) else x.astype(float)
    elif dtype.char == "e":
        return _logsumexp(wide(x), axis, keepdims).astype(dtype)
    if 0 in np.shape(x):
        with np.errstate(divide="ignore"):
            return np.log(np.sum(x, axis=axis, keepdims=keepdims))
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    mask = np.equal(x, top)
    n = np.sum(mask, axis=axis, keepdims=True, dtype=int).astype(_real(top.dtype))
    # Σ exp(x − top) = n + rest, and n ≥ 1 unless the largest is infinite (or NaN).
    rest = np.sum(np.where(mask, 0, np.exp(np.subtract(x, top))), axis=axis, keepdims=True)
    some = np.maximum(n, 1)
    with np.errstate(divide="ignore"):
        ratio = rest / some
        value = np.where(
            np.equal(n, 0),
            np.log(rest),
            (complexes.log1p(ratio) if is_complex(x) else np.log1p(ratio)) + np.log(some) + top,
        )
    if is_complex(x):
        value = complexes.principal(value)
    return value if keepdims else np.squeeze(value, axis=axes_of(axis, len(np.shape(x))))[()]


_logsumexp = on_arrays(logsumexp)


# ---------------------------------------------------------------- without gradient


@primitive(np.any, discrete="x")
def any(
    x: ArrayLike, /, axis: Axis = None, out: None = None, keepdims: bool = False, *, where: ArrayLike = True
) -> Tensor:
    """Whether any element over ``axis`` is not 0. No gradient."""
    return np.any(x, axis=axis, keepdims=keepdims, **given(None, where))


@primitive(np.all, discrete="x")
def all(
    x: ArrayLike, /, axis: Axis = None, out: None = None, keepdims: bool = False, *, where: ArrayLike = True
) -> Tensor:
    """Whether every element over ``axis`` is not 0. No gradient."""
    return np.all(x, axis=axis, keepdims=keepdims, **given(None, where))


@primitive(np.argmax, discrete="x")
def argmax(x: ArrayLike, /, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Tensor:
    """The index of the largest element along ``axis`` (the first of equal ones; of the flat array for None). No gradient."""
    return np.argmax(x, axis=axis, keepdims=keepdims)


@primitive(np.argmin, discrete="x")
def argmin(x: ArrayLike, /, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Tensor:
    """The index of the smallest element along ``axis`` (the first of equal ones; of the flat array for None). No gradient."""
    return np.argmin(x, axis=axis, keepdims=keepdims)


@primitive(np.count_nonzero, discrete="x")
def count_nonzero(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """How many elements over ``axis`` are not 0. No gradient."""
    return np.sum(np.not_equal(unshared(x), 0), axis=axis, keepdims=keepdims)


UFUNC_METHODS.update(
    {
        (np.add, "reduce"): sum,
        (np.multiply, "reduce"): prod,
        (np.maximum, "reduce"): max,
        (np.minimum, "reduce"): min,
        (np.logaddexp, "reduce"): logsumexp,
        (np.logical_and, "reduce"): all,
        (np.logical_or, "reduce"): any,
    }
)
