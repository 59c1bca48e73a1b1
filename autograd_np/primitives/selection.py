"""Elementwise functions that choose between their operands: maximum and minimum, clip, nan_to_num, heaviside."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.registry import FUNCTIONS, primitive, primitive_of, rule
from ..engine.tensor import Array, ArrayLike, Tensor
from .zeros import keep

__all__ = ["fmax", "fmin", "heaviside", "maximum", "minimum", "nan_to_num"]


@primitive(np.maximum, broadcasts=True, masks="kink", elementwise=False)
def maximum(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The larger of x and y, elementwise; NaN if either is. The gradient goes to the larger; at a tie half to each.

    >>> from autograd_np.transforms.grad import grad
    >>> float(grad(lambda x: maximum(x, 0.0))(0.0))
    0.5
    """


@primitive(np.minimum, broadcasts=True, masks="kink", elementwise=False)
def minimum(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The smaller of x and y, elementwise; NaN if either is. The gradient goes to the smaller; at a tie half to each."""


@primitive(np.fmax, broadcasts=True, masks=True, elementwise=False)
def fmax(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The larger of x and y, elementwise; the other one if one is NaN. The gradient goes where the value came from; at a tie half to each."""


@primitive(np.fmin, broadcasts=True, masks=True, elementwise=False)
def fmin(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The smaller of x and y, elementwise; the other one if one is NaN. The gradient goes where the value came from; at a tie half to each."""


def _split(g: Array, first: Any, second: Any) -> Array:
    """``g`` where ``first`` holds (and so ``second``), half of it where only ``second`` does, 0 elsewhere, whatever ``g``."""
    return keep(second, g * (0.5 + 0.5 * first.astype(g.dtype)))


def _chosen(g: Array, x: Array, y: Array, out: Array) -> Any:
    """The part of ``g`` for x, where out is x or y (and the other may be NaN)."""
    won = np.equal(x, out)
    return _split(g, np.logical_and(won, np.not_equal(y, out)), won)


rule(maximum, lambda g, x, y: _split(g, x > y, x >= y), lambda g, x, y: _split(g, y > x, y >= x))
rule(minimum, lambda g, x, y: _split(g, x < y, x <= y), lambda g, x, y: _split(g, y < x, y <= x))
rule(fmax, lambda g, x, y, out: _chosen(g, x, y, out), lambda g, x, y, out: _chosen(g, y, x, out))
rule(fmin, lambda g, x, y, out: _chosen(g, x, y, out), lambda g, x, y, out: _chosen(g, y, x, out))


@primitive(np.clip, name="clip", wrt="x a_min a_max", broadcasts=True, masks="kink", elementwise=False)
def _clip(x: ArrayLike, /, a_min: ArrayLike | None = None, a_max: ArrayLike | None = None) -> Tensor:
    """``minimum(maximum(x, a_min), a_max)``; None leaves a side open."""
    return np.clip(x, a_min, a_max)


def clip(
    x: ArrayLike,
    /,
    a_min: ArrayLike | None = None,
    a_max: ArrayLike | None = None,
    out: None = None,
    *,
    min: ArrayLike | None = None,
    max: ArrayLike | None = None,
) -> Tensor:
    """``minimum(maximum(x, a_min), a_max)``, elementwise; a bound may be an array, a Tensor, or None (open).

    Gradient with respect to x: 1 strictly inside, 0 outside and at a bound. A bound gets what x does not:
    1 where the result is that bound (``a_max`` where the bounds meet or are the wrong way round, as NumPy gives
    ``a_max`` there). So the gradients of x and the bounds add up to 1 everywhere.

    Raises:
        TypeError: a bound is given twice (``a_min`` and ``min``), or ``out`` is given.

    >>> from autograd_np.transforms.grad import grad
    >>> grad(lambda x: np.sum(clip(x, 0, 1)))(np.array([-1.0, 0.0, 0.5, 1.0]))
    array([0., 0., 1., 0.])
    """
    if out is not None:
        raise TypeError("clip: out= would overwrite an array that the tape may keep; use the returned Tensor")
    if min is not None or max is not None:
        if (min is not None and a_min is not None) or (max is not None and a_max is not None):
            raise TypeError("clip: give a_min or min, and a_max or max, not both of them")
        a_min = min if a_min is None else a_min
        a_max = max if a_max is None else a_max
    return _clip(x, a_min, a_max)


clip.__primitive__ = primitive_of(np.clip)  # type: ignore[attr-defined]
FUNCTIONS[np.clip] = clip


def _clip_x(g: Array, x: Array, a_min: Any, a_max: Any) -> Array:
    if a_min is None and a_max is None:
        return g
    if a_min is None:
        beyond = x >= a_max
    elif a_max is None:
        beyond = x <= a_min
    else:
        beyond = np.logical_or(x <= a_min, x >= a_max)
    return keep(np.logical_not(beyond), g)


def _clip_min(g: Array, x: Array, a_min: Any, a_max: Any) -> Array:
    below = np.less_equal(x, a_min)
    return keep(below if a_max is None else np.logical_and(below, np.less(a_min, a_max)), g)


def _clip_max(g: Array, x: Array, a_min: Any, a_max: Any) -> Array:
    above = np.greater_equal(x, a_max)
    return keep(above if a_min is None else np.logical_or(above, np.greater_equal(a_min, a_max)), g)


rule(_clip, _clip_x, _clip_min, _clip_max)


@primitive(np.nan_to_num, masks=True)
def nan_to_num(
    x: ArrayLike,
    /,
    copy: bool = True,
    nan: ArrayLike = 0.0,
    posinf: ArrayLike | None = None,
    neginf: ArrayLike | None = None,
) -> Tensor:
    """``x`` with NaN and infinities replaced by finite numbers, elementwise. Gradient: 1 where x is finite, 0 elsewhere.

    Raises:
        TypeError: ``copy=False``, which would write into the array of x.
    """
    if not copy:
        raise TypeError(
            "nan_to_num: copy=False would overwrite an array that the tape may keep; use the returned Tensor"
        )
    return np.nan_to_num(x, True, nan, posinf, neginf)


def _finite_part(g: Array, x: Array) -> Array:
    if x.dtype.kind == "c":
        return keep(np.isfinite(np.real(x)), np.real(g)) + 1j * keep(np.isfinite(np.imag(x)), np.imag(g))
    return keep(np.isfinite(x), g)


rule(nan_to_num, _finite_part)


@primitive(np.heaviside, wrt="y", discrete="x", broadcasts=True, masks=True)
def heaviside(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """0 for x < 0, y at x = 0, 1 for x > 0, elementwise. Piecewise constant in x; gradient with respect to y: 1 where x = 0."""


rule(heaviside, y=lambda g, x: keep(np.equal(x, 0), g))
