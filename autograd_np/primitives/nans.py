"""Reductions that skip NaN. The skipped elements have gradient 0.

Values are NumPy's own, with its warnings for slices of NaN alone.
"""

# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.registry import primitive, rule
from ..engine.tensor import Array, ArrayLike, DTypeLike, Tensor
from .composed import composition, lifted, no_out
from .cumulative import cumprod, cumsum
from .layout import Axis, unshared
from .reductions import extremum_rule, given, mean_rule, prod, std_rule, sum, var_rule, variance_options


def _numbers(x: Array, where: Any) -> Array:
    """The mask of the elements taken."""
    mask = np.logical_not(np.isnan(x))
    return mask if where is True else np.logical_and(mask, where)


def _filled(x: ArrayLike, value: int, name: str) -> Any:
    """``x`` with NaN replaced; as it is where its dtype has no NaN."""
    x = lifted(x, name)
    if x.dtype.kind not in "fc":
        return x
    x = unshared(x)
    return np.where(np.isnan(x), value, x)


@composition(np.nansum)
def nansum(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: ArrayLike = True,
) -> Tensor:
    """:func:`sum` with 0 for NaN. Gradient: 1 at every number, 0 at NaN.

    >>> nansum(np.array([1.0, np.nan])).item()
    1.0
    """
    no_out("nansum", out)
    return sum(_filled(x, 0, "nansum"), axis, dtype, None, keepdims, initial, where)


@composition(np.nanprod)
def nanprod(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: ArrayLike = True,
) -> Tensor:
    """:func:`prod` with 1 for NaN. Gradient: as for prod, 0 at NaN.

    >>> nanprod(np.array([3.0, np.nan])).item()
    3.0
    """
    no_out("nanprod", out)
    return prod(_filled(x, 1, "nanprod"), axis, dtype, None, keepdims, initial, where)


@composition(np.nancumsum)
def nancumsum(x: ArrayLike, /, axis: int | None = None, dtype: DTypeLike | None = None, out: None = None) -> Tensor:
    """:func:`cumsum` with 0 for NaN. Gradient: as for cumsum, 0 at NaN.

    >>> nancumsum(np.array([1.0, np.nan, 2.0])).tolist()
    [1.0, 1.0, 3.0]
    """
    no_out("nancumsum", out)
    return cumsum(_filled(x, 0, "nancumsum"), axis, dtype)


@composition(np.nancumprod)
def nancumprod(x: ArrayLike, /, axis: int | None = None, dtype: DTypeLike | None = None, out: None = None) -> Tensor:
    """:func:`cumprod` with 1 for NaN. Gradient: as for cumprod, 0 at NaN.

    >>> nancumprod(np.array([2.0, np.nan, 3.0])).tolist()
    [2.0, 2.0, 6.0]
    """
    no_out("nancumprod", out)
    return cumprod(_filled(x, 1, "nancumprod"), axis, dtype)


@primitive(np.nanmean, masks=True)
def nanmean(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    keepdims: bool = False,
    *,
    where: ArrayLike = True,
) -> Tensor:
    """:func:`mean` of the numbers. Gradient: 1/n at each of the n numbers, 0 at NaN and for NaN alone.

    >>> nanmean(np.array([1.0, np.nan, 3.0])).item()
    2.0
    """
    return np.nanmean(x, axis=axis, dtype=dtype, keepdims=keepdims, **given(None, where))


rule(nanmean, lambda g, x, x_shape, axis, keepdims, where: mean_rule(g, x_shape, axis, keepdims, _numbers(x, where)))


@primitive(np.nanvar, masks=True)
def nanvar(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: ArrayLike = True,
    correction: float | None = None,
) -> Tensor:
    """:func:`var` of the numbers. Gradient: as for var, 0 at NaN.

    >>> nanvar(np.array([1.0, np.nan, 3.0])).item()
    1.0
    """
    return np.nanvar(
        x, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, **variance_options(where, None, correction)
    )


@primitive(np.nanstd, masks=True)
def nanstd(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: ArrayLike = True,
    correction: float | None = None,
) -> Tensor:
    """:func:`std` of the numbers. Gradient: as for std (0 where all numbers are equal), 0 at NaN.

    >>> nanstd(np.array([1.0, np.nan, 3.0])).item()
    1.0
    """
    return np.nanstd(
        x, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, **variance_options(where, None, correction)
    )


rule(
    nanvar,
    lambda g, x, axis, dtype, ddof, keepdims, where, correction: var_rule(
        g, np.where(np.isnan(x), 0, x), axis, dtype, ddof, keepdims, _numbers(x, where), None, correction
    ),
)
rule(
    nanstd,
    lambda g, x, axis, dtype, ddof, keepdims, where, correction: std_rule(
        g, np.where(np.isnan(x), 0, x), axis, dtype, ddof, keepdims, _numbers(x, where), None, correction
    ),
)


@primitive(np.nanmax, masks=True)
def nanmax(
    x: ArrayLike,
    /,
    axis: Axis = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: ArrayLike = True,
) -> Tensor:
    """:func:`max` of the numbers. Gradient: as for max, 0 at NaN.

    >>> nanmax(np.array([1.0, np.nan, 3.0])).item()
    3.0
    """
    return np.nanmax(x, axis=axis, keepdims=keepdims, **given(initial, where))


@primitive(np.nanmin, masks=True)
def nanmin(
    x: ArrayLike,
    /,
    axis: Axis = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: ArrayLike = True,
) -> Tensor:
    """:func:`min` of the numbers. Gradient: as for min, 0 at NaN.

    >>> nanmin(np.array([1.0, np.nan, 3.0])).item()
    1.0
    """
    return np.nanmin(x, axis=axis, keepdims=keepdims, **given(initial, where))


def _nan_extremum_rule(g: Array, x: Array, out: Array, axis: Axis, keepdims: bool, initial: Any, where: Any) -> Any:
    return extremum_rule(g, x, out, axis, keepdims, initial, _numbers(x, where))


rule(nanmax, _nan_extremum_rule)
rule(nanmin, _nan_extremum_rule)


@primitive(np.nanargmax, discrete="x")
def nanargmax(x: ArrayLike, /, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Tensor:
    """The index of the largest number along ``axis``. No gradient.

    Raises:
        ValueError: a slice holds NaN alone.
    """
    return np.nanargmax(x, axis=axis, keepdims=keepdims)


@primitive(np.nanargmin, discrete="x")
def nanargmin(x: ArrayLike, /, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Tensor:
    """The index of the smallest number along ``axis``. No gradient.

    Raises:
        ValueError: a slice holds NaN alone.
    """
    return np.nanargmin(x, axis=axis, keepdims=keepdims)
