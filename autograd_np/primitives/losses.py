"""Losses of a difference, and the binary cross-entropy of probabilities: one node each.

A loss of ``d = x − y`` is its value and its slope in d; the node hands d to the rule as a hidden output, so nothing is computed
twice, and higher derivatives differentiate the slope:

=========  ==========================================  ===============
loss       value                                       slope
=========  ==========================================  ===============
mse        d²                                          2 d
l1         abs d                                       sign d
huber      d²/2 within ±δ, δ (abs d − δ/2) beyond      clip(d, ±δ)
=========  ==========================================  ===============
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.registry import primitive, rule, shown
from ..engine.tensor import Array, ArrayLike, Tensor
from .layout import wide

REDUCTIONS = ("mean", "sum", "none")


def _pair(x: Array, y: Array, reduction: str) -> tuple[Any, Any]:
    """Prediction and target: of one shape, and of the floating dtype of the prediction."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    if not hasattr(x, "dtype"):
        x = np.asarray(x)
    if not hasattr(y, "dtype"):
        y = np.asarray(y)
    if x.shape != y.shape:
        raise ValueError(
            f"the prediction has shape {x.shape}, the target {y.shape}; they must be equal, for broadcasting would pair each with all"
        )
    if x.dtype.kind != "f":
        x = np.multiply(x, 1.0)
    return x, (y if y.dtype == x.dtype else y.astype(x.dtype))


def _reduced(values: Any, reduction: str) -> Any:
    if reduction == "none":
        return values
    total = np.add.reduce(wide(values), axis=None)
    total = total / values.size if reduction == "mean" and values.size else total
    return total if total.dtype is values.dtype else total.astype(values.dtype)


def _scale(g: Array, shape: Any, reduction: str) -> Array:
    """The cotangent of one element's loss."""
    return wide(g) * (1 / max(math.prod(shape), 1)) if reduction == "mean" else g


def _of_difference(slope: Any) -> Any:
    """The joint rule of a loss of ``d = out[1] = x − y`` with this slope in d."""

    def pull(g: Any, needs: Any, out: Any, x_shape: tuple[int, ...], reduction: str, options: tuple[Any, ...]) -> Any:
        d: Any = None
        if g[0] is not None:
            d = slope(_scale(g[0], x_shape, reduction), out[1], *options)
        if g[1] is not None:
            d = g[1] if d is None else d + g[1]
        return (d if needs[0] else None), (np.negative(d) if needs[1] else None)

    return pull


@primitive(wrt="x y", multi=True, shown=1, real=True)
def mse_loss(x: ArrayLike, y: ArrayLike, reduction: str = "mean") -> Tensor:
    """The squared error ``(x − y)²`` of a prediction x and a target y of one shape.

    Args:
        x: the prediction.
        y: the target, of the same shape; converted to the dtype of x.
        reduction: ``"mean"`` over all elements, ``"sum"`` or ``"none"``.

    Returns:
        The loss, in the dtype of x. The mean of no elements is 0.

    Raises:
        ValueError: the shapes differ, or an unknown ``reduction``.
        TypeError: complex numbers.

    Gradient: ``2 (x − y)`` for x (times 1/n for the mean), the opposite for y.

    >>> mse_loss([1.0, 2.0], [1.0, 4.0]).item()
    2.0
    """
    x, y = _pair(x, y, reduction)
    d = np.subtract(x, y)
    if reduction == "none":
        return np.multiply(d, d), d
    # One pass, without an array of squares; d is new, so its elements lie one after another in some order.
    flat = np.ravel(wide(d), order="K")
    total = np.dot(flat, flat)
    total = total / d.size if reduction == "mean" and d.size else total
    return (total if total.dtype is d.dtype else total.astype(d.dtype)), d


_mse = _of_difference(lambda s, d: (s * 2) * d)
rule(mse_loss, joint=lambda g, needs, out, x_shape, reduction: _mse(g, needs, out, x_shape, reduction, ()))
shown(mse_loss, out="mean((x - y) ** 2)", x="2 * g * (x - y) / n", y="2 * g * (y - x) / n")


@primitive(wrt="x y", multi=True, shown=1, real=True)
def l1_loss(x: ArrayLike, y: ArrayLike, reduction: str = "mean") -> Tensor:
    """The absolute error ``|x − y|`` of a prediction x and a target y of one shape; arguments as for :func:`mse_loss`.

    Gradient: ``sign(x − y)``, 0 where they are equal.

    >>> l1_loss([1.0, 2.0], [1.0, 4.0], reduction="none").tolist()
    [0.0, 2.0]
    """
    x, y = _pair(x, y, reduction)
    d = np.subtract(x, y)
    return _reduced(np.abs(d), reduction), d


_l1 = _of_difference(lambda s, d: s * np.sign(d))
rule(l1_loss, joint=lambda g, needs, out, x_shape, reduction: _l1(g, needs, out, x_shape, reduction, ()))
shown(l1_loss, out="mean(abs(x - y))", x="g * sign(x - y) / n", y="g * sign(y - x) / n")


@primitive(wrt="x y", multi=True, shown=1, real=True)
def huber_loss(x: ArrayLike, y: ArrayLike, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """Huber's loss of ``d = x − y``: ``d²/2`` where |d| ≤ ``delta``, ``delta · (|d| − delta/2)`` beyond.

    Args:
        x: the prediction.
        y: the target, of the same shape; converted to the dtype of x.
        reduction: ``"mean"`` over all elements, ``"sum"`` or ``"none"``.
        delta: where the parabola passes into a line; positive.

    Returns:
        The loss, in the dtype of x. The mean of no elements is 0.

    Raises:
        ValueError: the shapes differ, an unknown ``reduction``, or ``delta`` is not positive.
        TypeError: complex numbers.

    Gradient: ``clip(x − y, −delta, delta)``; it has no kink. The second derivative at ``|d| = delta`` is 0, the one outside.

    >>> huber_loss([0.0, 0.0], [1.0, 3.0], reduction="none").tolist()
    [0.5, 2.5]
    """
    if not delta > 0:
        raise ValueError(f"delta = {delta} must be positive")
    x, y = _pair(x, y, reduction)
    d = np.subtract(x, y)
    # With c = clip(d, ±δ) both branches are c (d − c/2): d · d/2 inside, δ (|d| − δ/2) outside.
    c = np.minimum(np.maximum(d, -delta), delta)
    return _reduced(c * (d - 0.5 * c), reduction), d


_huber = _of_difference(lambda s, d, delta: s * np.clip(d, -delta, delta))
rule(
    huber_loss,
    joint=lambda g, needs, out, x_shape, reduction, delta: _huber(g, needs, out, x_shape, reduction, (delta,)),
)


# ---------------------------------------------------------------- binary cross-entropy of probabilities

# PyTorch's bounds: log p is not below −100, and p (1 − p) in the gradient's denominator not below 1e-12.
HIGHEST_COST = 100.0
LEAST_SPREAD = 1e-12


@primitive(wrt="x y", real=True)
def binary_cross_entropy(
    x: ArrayLike, y: ArrayLike, reduction: str = "mean", weight: ArrayLike | None = None
) -> Tensor:
    """``−(y log p + (1 − y) log(1 − p)) · weight`` of probabilities p = x and targets y in [0, 1].

    The logarithms are clipped at −100 and the gradient's denominator ``p (1 − p)`` at 1e-12, as in PyTorch: loss and gradient
    are finite at p = 0 and p = 1. A network that ends in a sigmoid loses digits here; give its logits to
    ``binary_cross_entropy_with_logits``, which needs no clipping.

    Args:
        x: probabilities; outside [0, 1] the loss is NaN.
        y: the targets, of the same shape; converted to the dtype of x.
        reduction: ``"mean"`` over all elements, ``"sum"`` or ``"none"``.
        weight: scales the loss of each element; broadcasts against x. No gradient flows to it.

    Returns:
        The loss, in the dtype of x. The mean of no elements is 0.

    Raises:
        ValueError: shapes that do not fit, or an unknown ``reduction``.
        TypeError: complex numbers.

    Gradients: ``(p − y) / max(p (1 − p), 1e-12)`` for p, ``log(1 − p) − log p`` for y.

    >>> binary_cross_entropy([0.5, 1.0, 1.0], [1.0, 1.0, 0.0], reduction="none").tolist()
    [0.6931471805599453, 0.0, 100.0]
    """
    x, y = _pair(x, y, reduction)
    cost_p, cost_q = _costs(x)
    loss = y * cost_p + (1 - y) * cost_q
    if weight is not None:
        loss = loss * _weights(weight, x)
    return _reduced(loss, reduction)


def _costs(p: Any) -> tuple[Any, Any]:
    """−log p and −log(1 − p), not above 100."""
    with np.errstate(divide="ignore"):
        return np.minimum(-np.log(p), HIGHEST_COST), np.minimum(-np.log1p(-p), HIGHEST_COST)


def _weights(weight: Array, x: Array) -> Array:
    weight = (weight if hasattr(weight, "dtype") else np.asarray(weight)).astype(x.dtype, copy=False)
    try:
        fits = np.broadcast_shapes(weight.shape, x.shape) == x.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"the weight has shape {weight.shape}; it must broadcast to the predictions' shape {x.shape}")
    return weight


def _element(g: Array, x: Array, reduction: str, weight: Array | None) -> Array:
    g = _scale(g, np.shape(x), reduction)
    return g if weight is None else g * _weights(weight, x)


def _probability_rule(g: Array, x: Array, y: Array, reduction: str, weight: Array) -> Array:
    x, y = _pair(wide(x), y, reduction)  # (float16 has no number as small as the bound)
    return _element(g, x, reduction, weight) * ((x - y) / np.maximum(x * (1 - x), LEAST_SPREAD))


def _target_rule(g: Array, x: Array, reduction: str, weight: Array) -> Any:
    cost_p, cost_q = _costs(x)
    return _element(g, x, reduction, weight) * (cost_p - cost_q)


rule(binary_cross_entropy, _probability_rule, _target_rule)
