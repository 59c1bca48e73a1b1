"""Differences, gradients on grids, integrals, interpolation and convolution in one dimension."""

# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.hooks import array, assume
from ..engine.registry import primitive, rule
from ..engine.tensor import Array, ArrayLike, Tensor
from .composed import composition, lifted
from .cumulative import taken_last
from .layout import Axis, axes_of, in_order, inverse, memory_axes, reverse
from .reductions import sum
from .shaping import cast


def _along(axis: int, part: Any) -> tuple[Any, ...]:
    """The index that takes ``part`` of an axis."""
    return (slice(None),) * axis + (part,)


def _axis(name: str, axis: int, ndim: int) -> int:
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(f"{name}: axis {axis} is out of bounds for an array of {ndim} axes")
    return axis % ndim


# ---------------------------------------------------------------- differences


@composition(np.diff)
def diff(
    x: ArrayLike, /, n: int = 1, axis: int = -1, prepend: ArrayLike | None = None, append: ArrayLike | None = None
) -> Tensor:
    """``x[i+1] − x[i]`` along ``axis``, ``n`` times, after joining ``prepend`` and ``append`` to the ends.

    >>> diff(np.array([1.0, 4.0, 9.0])).tolist()
    [3.0, 5.0]
    """
    if n < 0:
        raise ValueError(f"diff: n must not be negative, got {n}")
    x = lifted(x, "diff")
    if n == 0:
        return x
    if x.ndim == 0:
        raise ValueError("diff: needs at least one axis, got a 0-d array")
    axis = _axis("diff", axis, x.ndim)
    ends = []
    for end in (prepend, append):
        if end is not None:
            end = lifted(end, "diff", "prepend or append")
            if end.ndim == 0:
                end = np.broadcast_to(end, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))
        ends.append(end)
    if ends != [None, None]:
        x = np.concatenate([part for part in (ends[0], x, ends[1]) if part is not None], axis=axis)
    later, earlier = _along(axis, slice(1, None)), _along(axis, slice(None, -1))
    function = np.not_equal if x.dtype == bool else np.subtract
    for _ in range(n):
        x = function(x[later], x[earlier])
    return x


@composition(np.ediff1d)
def ediff1d(x: ArrayLike, /, to_end: ArrayLike | None = None, to_begin: ArrayLike | None = None) -> Tensor:
    """The differences of the flat ``x``, between ``to_begin`` and ``to_end``.

    >>> ediff1d(np.array([1.0, 4.0, 9.0]), to_end=0.0).tolist()
    [3.0, 5.0, 0.0]
    """
    x = np.reshape(lifted(x, "ediff1d"), (-1,))
    middle = np.subtract(x[1:], x[:-1])
    parts = [middle]
    for end, word in ((to_begin, "to_begin"), (to_end, "to_end")):
        if end is not None:
            end = np.reshape(lifted(end, "ediff1d", word), (-1,))
            if not np.can_cast(end.dtype, x.dtype, casting="same_kind"):
                raise TypeError(f"ediff1d: {word} has dtype {end.dtype}, which does not fit x of dtype {x.dtype}")
            end = cast(end, x.dtype)
            parts.insert(0 if word == "to_begin" else len(parts), end)
    return middle if len(parts) == 1 else np.concatenate(parts)


@composition(np.gradient)
def gradient(f: ArrayLike, *varargs: Any, axis: Axis = None, edge_order: int = 1) -> Any:
    """The derivative of the samples ``f`` on a grid along each axis: central differences inside, one-sided at the edges.

    Args:
        f: the samples.
        *varargs: nothing (spacing 1), one spacing for all axes, or one spacing or array of coordinates per axis.
        axis: the axes; all by default.
        edge_order: accuracy of the differences at the edges, 1 or 2.

    Returns:
        One Tensor for one axis, else a tuple of them. It is differentiable in ``f`` and in the spacings.

    >>> gradient(np.array([1.0, 2.0, 4.0, 7.0])).tolist()
    [1.0, 1.5, 2.5, 3.0]
    """
    f = lifted(f, "gradient", "f")
    axes = (
        axes_of(None, f.ndim)
        if axis is None
        else tuple(_axis("gradient", a, f.ndim) for a in (axis if isinstance(axis, tuple) else (axis,)))
    )
    if len(varargs) == 0:
        steps: list[Any] = [1.0] * len(axes)
    elif len(varargs) == 1 and np.ndim(varargs[0]) == 0:
        steps = list(varargs) * len(axes)
    elif len(varargs) == len(axes):
        steps = [
            step if np.ndim(step) == 0 else _steps(step, f.shape[a]) for step, a in zip(varargs, axes, strict=True)
        ]
    else:
        raise TypeError(f"gradient: {len(varargs)} spacings for {len(axes)} axes")
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order must be 1 or 2, got {edge_order}")
    if f.dtype.kind in "iu":
        f = cast(f, float)
    order = memory_axes(f)  # the results lie in memory as f does
    f = np.transpose(f, order)
    results = []
    for a, step in zip([order.index(a) for a in axes], steps, strict=True):
        if f.shape[a] < edge_order + 1:
            raise ValueError(
                f"gradient: axis {a} has {f.shape[a]} elements; edge_order {edge_order} needs {edge_order + 1}"
            )
        results.append(np.transpose(in_order(cast(_slope(f, a, step, edge_order), f.dtype)), inverse(order)))
    return results[0] if len(results) == 1 else tuple(results)


def _steps(coordinates: Any, size: int) -> Any:
    """The distances of coordinates; one number where they are equal."""
    if np.ndim(coordinates) != 1 or np.shape(coordinates)[0] != size:
        raise ValueError(f"gradient: coordinates of shape {np.shape(coordinates)} for an axis of {size} elements")
    if isinstance(coordinates, Tensor) and coordinates.requires_grad:
        return diff(coordinates)
    steps = np.diff(coordinates._values if isinstance(coordinates, Tensor) else array(coordinates))
    if steps.dtype.kind in "iu":
        steps = steps.astype(float)
    return steps[0] if assume(_equal, steps) else steps


def _equal(steps: Any) -> bool:
    return bool((steps == steps[0]).all())


def _slope(f: Any, axis: int, step: Any, edge_order: int) -> Array:
    def at(start: int | None, stop: int | None) -> Any:
        return f[_along(axis, slice(start, stop))]

    def weighted(weights: Any, first: int) -> Any:
        """``w[0] f[first] + w[1] f[first+1] + w[2] f[first+2]``."""
        one, two, three = (w * at(first + k, first + k + 1 or None) for k, w in enumerate(weights))
        return one + two + three

    if np.ndim(step) == 0:
        inside = (at(2, None) - at(None, -2)) / (2.0 * step)
        first = last = step
        begin, end = (-1.5 / step, 2.0 / step, -0.5 / step), (0.5 / step, -2.0 / step, 1.5 / step)
    else:
        one, two = step[:-1], step[1:]
        shape = tuple(-1 if a == axis else 1 for a in range(f.ndim))
        a, b, c = (
            np.reshape(w, shape)
            for w in (-two / (one * (one + two)), (two - one) / (one * two), one / (two * (one + two)))
        )
        inside = a * at(None, -2) + b * at(1, -1) + c * at(2, None)
        first, last = step[0], step[-1]
        if edge_order == 2:
            one, two = step[0], step[1]
            begin = (-(2.0 * one + two) / (one * (one + two)), (one + two) / (one * two), -one / (two * (one + two)))
            one, two = step[-2], step[-1]
            end = (two / (one * (one + two)), -(two + one) / (one * two), (2.0 * two + one) / (two * (one + two)))
    if edge_order == 1:
        head, tail = (at(1, 2) - at(0, 1)) / first, (at(-1, None) - at(-2, -1)) / last
    else:
        head, tail = weighted(begin, 0), weighted(end, -3)
    return np.concatenate((head, inside, tail), axis=axis)


@composition(np.trapezoid)
def trapezoid(y: ArrayLike, x: ArrayLike | None = None, dx: ArrayLike = 1.0, axis: int = -1) -> Tensor:
    """The integral of the samples ``y`` by the trapezoidal rule, at the points ``x`` or ``dx`` apart.

    >>> trapezoid(np.array([1.0, 2.0, 3.0])).item()
    4.0
    """
    y = lifted(y, "trapezoid", "y")
    axis = _axis("trapezoid", axis, y.ndim)
    if x is None:
        step: Any = dx
    else:
        x = lifted(x, "trapezoid")
        step = (
            np.reshape(diff(x), tuple(-1 if a == axis else 1 for a in range(y.ndim)))
            if x.ndim == 1
            else diff(x, axis=axis)
        )
    pairs = y[_along(axis, slice(1, None))] + y[_along(axis, slice(None, -1))]
    return sum(step * pairs / 2.0, axis)


# ---------------------------------------------------------------- interpolation


@primitive(wrt="x", discrete="x xp")
def segments(x: ArrayLike, xp: ArrayLike) -> Any:
    """The segment of the grid ``xp`` that each element lies in (the last one at its end). No gradient."""
    return np.clip(np.searchsorted(xp, x, side="right") - 1, 0, len(xp) - 2)


@composition(np.interp, real="x xp")
def interp(
    x: ArrayLike,
    xp: ArrayLike,
    fp: ArrayLike,
    left: ArrayLike | None = None,
    right: ArrayLike | None = None,
    period: float | None = None,
) -> Tensor:
    """The piecewise linear function through the points (``xp``, ``fp``), at ``x``, in double precision.

    Beyond the points it is ``left`` and ``right`` (by default the outermost values), with gradient 0 for ``x``;
    ``period`` repeats it. At a point the slope is that of the segment to its right, at the last point to its left.
    ``x``, ``xp``, ``fp``, ``left`` and ``right`` have gradients.

    >>> interp(2.5, np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 0.0])).item()
    1.0
    """
    x = cast(lifted(x, "interp"), float)
    xp = cast(lifted(xp, "interp", "xp"), float)
    values = lifted(fp, "interp", "fp")
    values = cast(values, complex if values.dtype.kind == "c" else float)
    if xp.ndim != 1 or values.shape != xp.shape or xp.size == 0:
        raise ValueError(
            f"interp: xp and fp are one axis each of the same length, not empty; got shapes {xp.shape} and {values.shape}"
        )
    if period is not None:
        if period == 0:
            raise ValueError("interp: period must not be 0")
        period = abs(period)
        left = right = None
        x, xp = np.remainder(x, period), np.remainder(xp, period)
        order = np.argsort(xp)
        xp, values = taken_last(xp, order), taken_last(values, order)
        xp = np.concatenate((xp[-1:] - period, xp, xp[:1] + period))
        values = np.concatenate((values[-1:], values, values[:1]))
    lower = values[0] if left is None else left
    upper = values[-1] if right is None else right
    if xp.size == 1:
        inside = values[0] + np.zeros_like(x)
    else:
        j = segments(x, xp)
        x0, x1, f0, f1 = taken_last(xp, j), taken_last(xp, j + 1), taken_last(values, j), taken_last(values, j + 1)
        slope = (f1 - f0) / (x1 - x0)
        inside = np.where(np.equal(x, x1), slope * (x - x1) + f1, slope * (x - x0) + f0)
    return np.where(np.less(x, xp[0]), lower, np.where(np.greater(x, xp[-1]), upper, inside))


# ---------------------------------------------------------------- convolution


@primitive(np.convolve)
def convolve(x: ArrayLike, y: ArrayLike, mode: str = "full") -> Tensor:
    """``out[k] = Σ x[i] y[k−i]`` of two one-dimensional arrays; ``mode`` is "full", "same" or "valid".

    Gradient: the cotangent correlated with the other operand.

    >>> convolve(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0])).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    return np.convolve(x, y, mode)


@primitive(np.correlate)
def correlate(x: ArrayLike, y: ArrayLike, mode: str = "valid") -> Tensor:
    """``out[k] = Σ x[i+k] conj(y[i])`` of two one-dimensional arrays; ``mode`` is "valid", "same" or "full".

    >>> correlate(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0])).tolist()
    [2.0, 3.0]
    """
    return np.correlate(x, y, mode)


def _in_full(g: Array, x_shape: tuple[int, ...], y_shape: tuple[int, ...], mode: str, turned: bool) -> Array:
    """The cotangent at its place in that of the full convolution, zeros around it.

    With n the length of the shorter operand the full result is n − 1 longer than the longer one. "same"
    cuts ⌊n/2⌋ of that at the end; a correlation with a longer second operand is computed turned around.
    """
    n = min(x_shape[0], y_shape[0])
    if mode == "full":
        return g
    if mode == "same":
        start, end = n - 1 - n // 2, n // 2
        if turned and x_shape[0] < y_shape[0]:
            start, end = end, start
    else:
        start = end = n - 1
    return np.concatenate((np.zeros_like(g, shape=(start,)), g, np.zeros_like(g, shape=(end,))))


def _conjugate(x: Array) -> Array:
    return np.conjugate(x) if x.dtype.kind == "c" else x


def _convolve_rule(g: Array, x_shape: tuple[int, ...], y: Array, mode: str) -> Array:
    y = np.atleast_1d(y)  # NumPy takes a number for an array of one element
    return np.reshape(np.convolve(_in_full(g, x_shape or (1,), y.shape, mode, False), reverse(y), "valid"), x_shape)


rule(convolve, _convolve_rule, lambda g, x, y_shape, mode: _convolve_rule(g, y_shape, x, mode))
# correlate(x, y) is convolve(x, conj(y) reversed).
rule(
    correlate,
    lambda g, x_shape, y, mode: np.convolve(_in_full(g, x_shape, y.shape, mode, True), _conjugate(y), "valid"),
    lambda g, x, y_shape, mode: _conjugate(
        reverse(np.convolve(_in_full(g, x.shape, y_shape, mode, True), reverse(x), "valid"))
    ),
)
