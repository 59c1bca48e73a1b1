"""Normalisations: over a batch, over features, over groups of channels.

All of them are ``x̂ = (x − m) r`` with ``r = 1 / sqrt(v + ε)``, mean m and variance v taken over some axes, and
``y = x̂ w + b``. With h = g w the gradient is, in one pass,

    gx = r (h − mean(h) − x̂ mean(h x̂))        gw = Σ g x̂        gb = Σ g

(without ``mean(h)`` where nothing is subtracted). The tape keeps x̂ and r, not x and y.

In float32 the mean of numbers around 10⁴ is off by 10⁻³, which a small standard deviation would not survive. So the
first element of each group is subtracted before its mean is taken: differences of near numbers are exact. The
variance is the mean of the squared differences from the mean (two passes).

The arithmetic runs in place on the arrangement of the numbers that suits the memory of x: see normalization_layouts.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.hooks import beside
from ..engine.registry import on_arrays, primitive, rule
from ..engine.tensor import Array, ArrayLike, DTypeLike, Tensor
from .composed import composition, lifted, publish
from .normalization_layouts import Axes, Columns, Whole, arrangement, broadcast_axes

# ---------------------------------------------------------------- forward and backward on arrays


def cast(a: Array, dtype: DTypeLike | None) -> Array:
    """The array in a dtype; itself if it has it."""
    return a if a.dtype == dtype else a.astype(dtype)


def real_floating(x: Array) -> Array:
    """x, or integers as floating numbers."""
    return x if x.dtype.kind in "fc" else x.astype(float)


def shape_of(a: Array) -> Any:
    """``np.shape`` without the detour through the protocols, which a Tensor takes."""
    return a.shape if hasattr(a, "shape") else np.shape(a)


def check_affine(weight: Any, bias: Any, shape: Axes, meaning: str) -> None:
    """Hold weight and bias to their shape.

    Raises:
        ValueError: they have another.
    """
    for word, given in (("weight", weight), ("bias", bias)):
        if given is not None and shape_of(given) != shape:
            raise ValueError(f"{word} has shape {shape_of(given)}; it must be {shape}, {meaning}")


def normalized(
    x: Array, weight: Array | None, bias: Array | None, axes: Axes, affine_shape: Axes, eps: float, centred: bool
) -> tuple[Any, ...]:
    """((y, x̂, r), groups' first elements, mean of what remains, variance): x̂ in the shape of x, r with length 1 along the axes."""
    dtype = x.dtype
    if weight is not None or bias is not None:
        dtype = np.result_type(x, *[p for p in (weight, bias) if p is not None])
    # Squares overflow half precision at 256.
    working = np.dtype(np.float32) if dtype.char == "e" else dtype
    x = beside(cast(x, working), weight, bias)
    a = arrangement(x, axes, None if weight is None is bias else affine_shape)
    n = max(a.count, 1)
    d = a.opened(x)
    start = mean = None
    if centred and a.count:
        start = a.first(d)
        d = d - a.spread(start)
        mean = a.total(d) / n
        d = np.subtract(d, a.spread(mean), out=d)
    y = d * d
    variance = a.total(y) / n
    r = 1 / np.sqrt(variance + eps)
    d = np.multiply(d, a.spread(r), out=d) if mean is not None else d * a.spread(r)
    xhat = a.closed(d)
    if weight is not None:
        y = np.multiply(d, a.affine(cast(weight, working)), out=y)
        if bias is not None:
            y = np.add(y, a.affine(cast(bias, working)), out=y)
        y = a.closed(y)
    elif bias is not None:
        y = a.closed(np.add(d, a.affine(cast(bias, working)), out=y))
    else:
        y = xhat
    return (cast(y, dtype), xhat, r.reshape(a.stat_shape)), start, mean, variance


@primitive(name="normalization_gradient", wrt="g xhat r weight", multi=True)
def _normalization_gradient(
    g: ArrayLike,
    xhat: ArrayLike,
    r: ArrayLike,
    weight: ArrayLike | None = None,
    axes: Axes = (),
    affine_shape: Axes = (),
    centred: bool = True,
) -> Tensor:
    """Of the normalisation that made x̂ and r: (gx, gw, gb), or (gx,) alone if the weight is None."""
    g = beside(cast(g, xhat.dtype), xhat, r, weight)
    a = arrangement(xhat, axes, None if weight is None else affine_shape)
    w = None if weight is None else cast(weight, xhat.dtype)
    gx, gw, gb = a.backward(
        a.opened(g),
        w if w is None or a.__class__ is Whole else w.reshape(-1),
        a.opened(xhat),
        r,
        max(a.count, 1),
        centred,
    )
    gx = a.closed(gx)
    if weight is None:
        return (gx,)
    return gx, gw.reshape(weight.shape), gb.reshape(weight.shape)


normalization_gradient = on_arrays(_normalization_gradient)


def _gradient_rule(
    k: Any,
    needs: Any,
    g: Array,
    weight: Array | None,
    xhat: Array,
    r: Any,
    axes: Axes,
    affine_shape: Any,
    centred: bool,
) -> tuple[Any, ...]:
    """With P = r (1 − mean − x̂ mean(x̂ ·)), which is symmetric: gx = P(g w), gw = Σ g x̂, gb = Σ g."""
    kx, kw, kb = (*k, None, None)[:3]
    w = None if weight is None else np.reshape(weight, affine_shape)
    to_g: list[Any] = []
    to_xhat: list[Any] = []
    to_weight = to_r = None
    if kx is not None:
        pulled = normalization_gradient(kx, xhat, r, None, axes, affine_shape, centred)[0]
        h = g
        if w is not None:
            to_weight = np.reshape(np.sum(pulled * g, axis=broadcast_axes(xhat.shape, affine_shape)), weight.shape)
            pulled = pulled * w
            h = g * w
        to_g.append(pulled)
        product = np.mean(h * xhat, axis=axes, keepdims=True)
        to_xhat.append(-r * (kx * product + h * np.mean(kx * xhat, axis=axes, keepdims=True)))
        inner = h - xhat * product
        if centred:
            inner = inner - np.mean(h, axis=axes, keepdims=True)
        to_r = np.sum(kx * inner, axis=axes, keepdims=True)
    if kw is not None:
        kw = np.reshape(kw, affine_shape)
        to_g.append(kw * xhat)
        to_xhat.append(kw * g)
    if kb is not None:
        to_g.append(np.broadcast_to(np.reshape(kb, affine_shape), xhat.shape))
    if needs[3] and to_weight is None:
        to_weight = np.zeros_like(weight)
    return _added(to_g, g), _added(to_xhat, xhat), np.zeros_like(r) if to_r is None else to_r, to_weight


def _added(parts: list[Any], like: Any) -> Any:
    if not parts:
        return np.zeros_like(like)
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


rule(_normalization_gradient, joint=_gradient_rule)


def pulled_back(
    g: Any,
    needs: Any,
    hidden: Any,
    weight: Array | None,
    bias_shape: Any,
    axes: Axes,
    affine_shape: Axes,
    centred: bool,
) -> list[Any]:
    """The gradients of x (in the shape of x̂), weight and bias, for cotangents of y, x̂ and r."""
    _, xhat, r = hidden
    gy, g_xhat, g_r = g
    gx: list[Any] = []
    gw = gb = None
    if gy is not None:
        gy = np.reshape(gy, xhat.shape)
        if needs[0] or needs[1]:
            found = normalization_gradient(gy, xhat, r, weight, axes, affine_shape, centred)
            gx.append(found[0])
            if weight is not None:
                gw, gb = found[1], found[2] if needs[2] else None
        if needs[2] and gb is None:
            gb = np.sum(gy, axis=broadcast_axes(xhat.shape, affine_shape))
    if g_xhat is not None:
        gx.append(normalization_gradient(g_xhat, xhat, r, None, axes, affine_shape, centred)[0])
    if g_r is not None:  # r = (v + ε)^(−1/2), so dr = −r² x̂ dx / n
        count = math.prod([xhat.shape[axis] for axis in axes])
        gx.append(xhat * (g_r * r * r * (-1 / max(count, 1))))
    # Where cotangents of x̂ and r alone have come, nothing reaches weight and bias.
    if needs[1] and gw is None:
        gw = np.zeros_like(weight)
    if needs[2] and gb is None:
        gb = np.zeros_like(xhat, shape=bias_shape)
    return [_added(gx, xhat), gw, gb if gb is None else np.reshape(gb, bias_shape)]


# ---------------------------------------------------------------- layer and RMS normalisation


def trailing(x: Array, normalized_shape: int | Axes) -> tuple[Axes, Axes]:
    """The normalised axes and their lengths.

    Raises:
        ValueError: x does not end in ``normalized_shape``.
    """
    lengths = (normalized_shape,) if isinstance(normalized_shape, (int, np.integer)) else tuple(normalized_shape)
    shape = x.shape
    if not lengths or shape[max(len(shape) - len(lengths), 0) :] != lengths:
        raise ValueError(f"x of shape {shape} must end in the normalised axes {lengths}")
    return tuple(range(len(shape) - len(lengths), len(shape))), lengths


@primitive(wrt="x weight bias", multi=True, shown=1, real=True)
def layer_norm(
    x: ArrayLike,
    normalized_shape: int | tuple[int, ...],
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """``(x − mean) / sqrt(var + eps) · weight + bias`` over the last axes, for each of the others alone.

    Args:
        x: shape (..., *normalized_shape).
        normalized_shape: lengths of the last axes, over which mean and (biased) variance are taken; a number for one axis.
        weight: of that shape, or None for 1.
        bias: of that shape, or None for 0.
        eps: added to the variance.

    Returns:
        Shape and dtype of x. A group of equal numbers gives ``bias``.

    Raises:
        TypeError: x is complex.
        ValueError: x does not end in ``normalized_shape``, or ``weight`` or ``bias`` has another shape.

    Gradient: ``r (h − mean(h) − x̂ mean(h x̂))`` with h = g · weight, x̂ the normalised x and r = 1 / sqrt(var + eps).

    Ba, Kiros and Hinton, Layer normalization (arXiv 1607.06450).

    >>> layer_norm([[1.0, 3.0]], 2, eps=0.0).tolist()
    [[-1.0, 1.0]]
    """
    x = real_floating(x)
    axes, lengths = trailing(x, normalized_shape)
    check_affine(weight, bias, lengths, "the normalised axes")
    return normalized(x, weight, bias, axes, lengths, eps, True)[0]


def _layer_rule(g: Array, needs: Any, hidden: Any, weight: Array, bias_shape: Any, normalized_shape: Any) -> list[Any]:
    axes, lengths = trailing(hidden[1], normalized_shape)
    return pulled_back(g, needs, hidden, weight, bias_shape, axes, lengths, True)


rule(layer_norm, joint=_layer_rule)


@primitive(wrt="x weight", multi=True, shown=1, real=True)
def rms_norm(
    x: ArrayLike, normalized_shape: int | tuple[int, ...], weight: ArrayLike | None = None, eps: float | None = None
) -> Tensor:
    """``x / sqrt(mean(x²) + eps) · weight`` over the last axes, for each of the others alone.

    Args:
        x: shape (..., *normalized_shape).
        normalized_shape: lengths of the last axes; a number for one axis.
        weight: of that shape, or None for 1.
        eps: added to the mean square; None for the machine epsilon of the dtype of x, as in PyTorch.

    Returns:
        Shape and dtype of x.

    Raises:
        TypeError: x is complex.
        ValueError: x does not end in ``normalized_shape``, or ``weight`` has another shape.

    Gradient: ``r (h − x̂ mean(h x̂))`` with h = g · weight, x̂ the normalised x and r = 1 / sqrt(mean(x²) + eps).

    Zhang and Sennrich, Root mean square layer normalization (arXiv 1910.07467).

    >>> rms_norm([[3.0, -3.0, 3.0]], 3, eps=0.0).tolist()
    [[1.0, -1.0, 1.0]]
    """
    x = real_floating(x)
    axes, lengths = trailing(x, normalized_shape)
    check_affine(weight, None, lengths, "the normalised axes")
    if eps is None:
        eps = float(np.finfo(x.dtype).eps)
    return normalized(x, weight, None, axes, lengths, eps, False)[0]


def _rms_rule(g: Array, needs: Any, hidden: Any, weight: Array, normalized_shape: Any) -> list[Any]:
    axes, lengths = trailing(hidden[1], normalized_shape)
    return pulled_back(g, (*needs, False), hidden, weight, None, axes, lengths, False)[:2]


rule(rms_norm, joint=_rms_rule)


# ---------------------------------------------------------------- group and instance normalisation


def grouped(x_shape: Axes, groups: int) -> tuple[Axes, Axes, Axes]:
    """The shape (N, groups, channels in each, ...), the normalised axes, and the shape of the affine parameters in it."""
    n, channels, *rest = x_shape
    each = channels // groups
    return (n, groups, each, *rest), tuple(range(2, len(x_shape) + 1)), (1, groups, each, *(1,) * len(rest))


@primitive(wrt="x weight bias", multi=True, shown=1, real=True)
def group_norm(
    x: ArrayLike, num_groups: int, weight: ArrayLike | None = None, bias: ArrayLike | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalisation of each image over groups of neighbouring channels: ``(x − mean) / sqrt(var + eps) · weight + bias``.

    Args:
        x: shape (N, C, ...).
        num_groups: into so many groups of C / num_groups channels they are divided.
        weight: one number per channel, or None for 1.
        bias: one number per channel, or None for 0.
        eps: added to the (biased) variance.

    Returns:
        Shape and dtype of x, in its order of memory.

    Raises:
        TypeError: x is complex.
        ValueError: x has fewer than two axes, its channels cannot be divided so, or ``weight`` or ``bias`` has not C elements.

    Gradient: as that of :func:`layer_norm`, over the groups.

    Wu and He, Group normalization (arXiv 1803.08494).

    >>> group_norm([[1.0, 3.0, 5.0, 9.0]], 2, bias=[0.0, 0.0, 7.0, 7.0], eps=0.0).tolist()
    [[-1.0, 1.0, 6.0, 8.0]]
    """
    x = real_floating(x)
    if x.ndim < 2:
        raise ValueError(f"x must have shape (N, C, ...), not {x.shape}")
    if num_groups < 1 or x.shape[1] % num_groups:
        raise ValueError(f"{x.shape[1]} channels cannot be divided into {num_groups} groups of equal size")
    check_affine(weight, bias, (x.shape[1],), "one number per channel")
    shape, axes, affine_shape = grouped(x.shape, num_groups)
    y, xhat, r = normalized(x.reshape(shape), weight, bias, axes, affine_shape, eps, True)[0]
    return y.reshape(x.shape), xhat, r


def _group_rule(
    g: Array, needs: Any, hidden: Any, x_shape: tuple[int, ...], weight: Array, bias_shape: Any, num_groups: int
) -> list[Any]:
    _, axes, affine_shape = grouped(x_shape, num_groups)
    gx, gw, gb = pulled_back(g, needs, hidden, weight, bias_shape, axes, affine_shape, True)
    return [np.reshape(gx, x_shape), gw, gb]


rule(group_norm, joint=_group_rule)


@composition(real=True)
def instance_norm(
    x: ArrayLike, weight: ArrayLike | None = None, bias: ArrayLike | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalisation of each channel of each image: :func:`group_norm` with one channel per group.

    Args:
        x: shape (N, C, ...) with at least one axis after the channels.
        weight: one number per channel, or None.
        bias: one number per channel, or None.
        eps: added to the (biased) variance.

    Raises:
        TypeError: x is complex.
        ValueError: x has fewer than three axes, or one number per channel (which would always become 0), or
            ``weight`` or ``bias`` has not C elements.

    Ulyanov, Vedaldi and Lempitsky, Instance normalization (arXiv 1607.08022).
    """
    shape = np.shape(x)
    if len(shape) < 3:
        raise ValueError(f"instance_norm: x must have shape (N, C, ...) with axes after the channels, not {shape}")
    if math.prod(shape[2:]) == 1:
        raise ValueError(
            f"instance_norm: x of shape {shape} has one number per channel, whose normalised value is always 0"
        )
    return group_norm(x, max(shape[1], 1), weight, bias, eps)


# ---------------------------------------------------------------- batch normalisation


def channelwise(x_shape: Axes) -> tuple[Axes, Axes]:
    """All axes but the channels', and the shape of one number per channel."""
    rest = len(x_shape) - 2
    return (0, *range(2, rest + 2)), (1, x_shape[1], *(1,) * rest)


@primitive(name="batch_norm", wrt="x weight bias", multi=True, shown=1, real=True)
def _batch_norm(
    x: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    running_mean: ArrayLike = None,
    running_var: ArrayLike = None,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """By the statistics of the batch, which move the running ones."""
    axes, affine_shape = channelwise(x.shape)
    outputs, start, mean, variance = normalized(x, weight, bias, axes, affine_shape, eps, True)
    if start is not None:
        count = math.prod([x.shape[axis] for axis in axes])
        for running, value in ((running_mean, start + mean), (running_var, variance * (count / (count - 1)))):
            if running is not None:
                np.multiply(running, _weak(1 - momentum, running.dtype), out=running)
                np.add(running, cast(value.reshape(-1) * _weak(momentum, value.dtype), running.dtype), out=running)
    return outputs


def _weak(number: Any, dtype: DTypeLike | None) -> Any:
    """A number that takes the dtype of the array beside it, as Python's do; NumPy's does not."""
    return number.astype(dtype) if hasattr(number, "astype") else number


def _batch_rule(g: Array, needs: Any, hidden: Any, weight: Array, bias_shape: Any) -> list[Any]:
    axes, affine_shape = channelwise(hidden[1].shape)
    return pulled_back(g, needs, hidden, weight, bias_shape, axes, affine_shape, True)


rule(_batch_norm, joint=_batch_rule)


@primitive(name="batch_norm_inference", wrt="x weight bias", real=True)
def _batch_norm_inference(
    x: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """``(x − mean) / sqrt(variance + eps) · weight + bias`` with one number per channel, given beforehand."""
    dtype = np.result_type(x, *[p for p in (weight, bias) if p is not None])
    x = cast(x, dtype)
    a = arrangement(x, *channelwise(x.shape))
    each = a.spread if a.__class__ is Columns else a.affine
    y = a.opened(x) - each(cast(mean, dtype))
    scale = _scale(variance, weight, eps, dtype)
    y = np.multiply(y, each(scale), out=y)
    if bias is not None:
        y = np.add(y, each(cast(bias, dtype)), out=y)
    return a.closed(y)


def _scale(variance: Array, weight: Array | None, eps: float, dtype: DTypeLike | None) -> Array:
    scale = (1 / np.sqrt(variance + eps)).astype(dtype)
    return scale if weight is None else scale * weight


def _inference_x(g: Array, variance: Array, weight: Array, eps: float) -> Array:
    return g * np.reshape(_scale(variance, weight, eps, g.dtype), channelwise(g.shape)[1])


def _inference_weight(g: Array, x: Array, mean: Array, variance: Array, eps: float) -> Array:
    axes, shape = channelwise(x.shape)
    return np.sum(g * (x - np.reshape(mean, shape).astype(x.dtype)), axis=axes) * _scale(variance, None, eps, x.dtype)


rule(
    _batch_norm_inference,
    _inference_x,
    _inference_weight,
    lambda g: np.sum(g, axis=channelwise(g.shape)[0]),
)


def batch_norm(
    x: ArrayLike,
    running_mean: Any = None,
    running_var: Any = None,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """``(x − mean) / sqrt(var + eps) · weight + bias`` per channel, as ``torch.nn.functional.batch_norm``.

    Args:
        x: shape (N, C) or (N, C, ...).
        running_mean: an array of shape (C,), or None. In training it is moved **in place** towards the batch's mean;
            otherwise it is the mean.
        running_var: the same of the variance (it moves towards the unbiased one).
        weight: one number per channel, or None for 1.
        bias: one number per channel, or None for 0.
        training: take mean and (biased) variance over the batch and all axes but the channels'.
        momentum: the part of the new value: ``running = (1 − momentum) · running + momentum · new``.
        eps: added to the variance.

    Returns:
        Shape and dtype of x, in its order of memory (C or channels last).

    Raises:
        TypeError: x is complex; a running array cannot be written in training.
        ValueError: x has fewer than two axes; in training, one value per channel (it has no variance); otherwise, no
            running statistics; or an array has not C elements.

    Gradient in training: ``w r (g − mean(g) − x̂ mean(g x̂))``. No gradient flows to the running statistics. An empty
    batch leaves them as they are.

    Ioffe and Szegedy, Batch normalization (arXiv 1502.03167).

    >>> batch_norm([[1.0], [3.0]], training=True, eps=0.0).tolist()
    [[-1.0], [1.0]]
    """
    if x.__class__ is not Tensor:
        x = lifted(x, "batch_norm")
    shape = x.shape
    if len(shape) < 2:
        raise ValueError(f"batch_norm: x must have shape (N, C) or (N, C, ...), not {shape}")
    if x.dtype.kind != "f":
        x = real_floating(x)
    channels = (shape[1],)
    check_affine(weight, bias, channels, "one number per channel")
    for word, running in (("running_mean", running_mean), ("running_var", running_var)):
        if running is None:
            if not training:
                raise ValueError(f"batch_norm: {word} is needed where training is False")
        elif shape_of(running) != channels:
            raise ValueError(
                f"batch_norm: {word} has shape {shape_of(running)}; it must be {channels}, one number per channel"
            )
        elif training and not hasattr(running, "dtype"):
            raise TypeError(
                f"batch_norm: {word} is updated in place, so it must be an array, not {type(running).__name__}"
            )
    if not training:
        return _batch_norm_inference(x, running_mean, running_var, weight, bias, eps)
    if x.size == shape[1]:
        raise ValueError(
            f"batch_norm: in training there must be more than one value per channel; x has shape {shape}. Use more (where the last batch of a loader has one row, drop_last=True leaves it out), or training=False (eval())"
        )
    return _batch_norm(x, weight, bias, running_mean, running_var, momentum, eps)


publish(batch_norm, _batch_norm)
