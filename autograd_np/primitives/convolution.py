"""Convolutions of images and sequences, and their transposes, with PyTorch's shapes and options.

The three primitives are the partial derivatives of one trilinear form T(x, w, y) (see convolution_loops.py), so that each is the
gradient of the others and derivatives of every order are convolutions again:

    conv2d(x, w) = ∂T/∂y        conv2d_input_gradient(y, w) = ∂T/∂x        conv2d_weight_gradient(x, y) = ∂T/∂w

The transposed convolution is the second of them. Sequences are images of one row. The results are (N, C, H, W) as in PyTorch; in
memory the channels are last, which elementwise operations keep.
"""
# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.errors import describe
from ..engine.registry import on_arrays, primitive, rule
from ..engine.tensor import Array, ArrayLike, DTypeLike, Tensor
from .composed import composition, lifted, publish
from .convolution_loops import correlate, spread, weigh
from .shaping import expand_dims, squeeze

Pair = tuple[int, int]
Lengths = int | Sequence[int]


# ---------------------------------------------------------------- the primitives


def _grouped(weight: Array, groups: int, dtype: DTypeLike | None) -> Array:
    """(G·O, C, kh, kw) as (G, kh, kw, C, O), contiguous."""
    outputs, *rest = weight.shape
    return weight.reshape(groups, outputs // groups, *rest).transpose(0, 3, 4, 2, 1).astype(dtype, order="C", copy=True)


@primitive(wrt="x weight bias", name="conv2d", masks="kink")
def _conv2d(
    x: ArrayLike,
    weight: ArrayLike,
    size: Pair,
    stride: Pair,
    before: Pair,
    dilation: Pair,
    groups: int,
    bias: ArrayLike | None = None,
) -> Tensor:
    """:func:`conv2d` with every option as a pair: ``size`` of the result, and the number of zeros ``before`` the first row and column."""
    dtype = np.result_type(x, weight) if bias is None else np.result_type(x, weight, bias)
    return correlate(
        x.transpose(0, 2, 3, 1), _grouped(weight, groups, dtype), bias, size, stride, before, dilation, dtype
    ).transpose(0, 3, 1, 2)


@primitive(wrt="y weight", name="conv2d_input_gradient")
def _conv2d_input(
    y: ArrayLike, weight: ArrayLike, size: Pair, stride: Pair, before: Pair, dilation: Pair, groups: int
) -> Tensor:
    """The gradient of :func:`conv2d` for its input of ``size`` rows and columns, with the cotangent ``y``."""
    dtype = np.result_type(y, weight)
    return spread(
        y.transpose(0, 2, 3, 1), _grouped(weight, groups, dtype), size, stride, before, dilation, dtype
    ).transpose(0, 3, 1, 2)


@primitive(wrt="x y", name="conv2d_weight_gradient", masks="kink")
def _conv2d_weight(
    x: ArrayLike, y: ArrayLike, kernel: Pair, stride: Pair, before: Pair, dilation: Pair, groups: int
) -> Tensor:
    """The gradient of :func:`conv2d` for its weight with a ``kernel`` of so many rows and columns, with the cotangent ``y``."""
    w = weigh(
        x.transpose(0, 2, 3, 1), y.transpose(0, 2, 3, 1), kernel, groups, stride, before, dilation, np.result_type(x, y)
    )
    return w.transpose(0, 4, 3, 1, 2).reshape(y.shape[1], x.shape[1] // groups, *kernel)


@primitive(wrt="x", name="channel_sum")
def _channel_sum(x: ArrayLike) -> Tensor:
    """The sum of each channel of x (N, C, H, W). As a product with a vector of ones, which takes a third of the time."""
    channels = x.shape[1]
    rows = x.transpose(0, 2, 3, 1).reshape(-1, channels) if x.size else np.zeros((0, channels), x.dtype, like=x)
    return np.dot(np.ones(rows.shape[0], rows.dtype, like=rows), rows)


conv = on_arrays(_conv2d)
input_gradient = on_arrays(_conv2d_input)
weight_gradient = on_arrays(_conv2d_weight)
channel_sum = on_arrays(_channel_sum)

rule(
    _conv2d,
    lambda g, x_shape, weight, stride, before, dilation, groups: input_gradient(
        g, weight, x_shape[2:], stride, before, dilation, groups
    ),
    lambda g, x, weight_shape, stride, before, dilation, groups: weight_gradient(
        x, g, weight_shape[2:], stride, before, dilation, groups
    ),
    lambda g: channel_sum(g),
)
rule(
    _conv2d_input,
    lambda g, y_shape, weight, stride, before, dilation, groups: conv(
        g, weight, y_shape[2:], stride, before, dilation, groups
    ),
    lambda g, y, weight_shape, stride, before, dilation, groups: weight_gradient(
        g, y, weight_shape[2:], stride, before, dilation, groups
    ),
)
rule(
    _conv2d_weight,
    lambda g, x_shape, y, stride, before, dilation, groups: input_gradient(
        y, g, x_shape[2:], stride, before, dilation, groups
    ),
    lambda g, x, y_shape, stride, before, dilation, groups: conv(x, g, y_shape[2:], stride, before, dilation, groups),
)
rule(_channel_sum, lambda g, x_shape: np.broadcast_to(g[:, None, None], x_shape))


# ---------------------------------------------------------------- options


def lengths(value: Any, axes: int, name: str, option: str, *, least: int) -> tuple[int, ...]:
    """An option as one integer per spatial axis.

    Raises:
        TypeError: it is neither an integer nor a sequence of them.
        ValueError: there are too many or too few, or one is smaller than ``least``.
    """
    try:
        found = (
            (operator.index(value),) * axes
            if not isinstance(value, (tuple, list))
            else tuple([operator.index(v) for v in value])
        )
    except TypeError:
        raise TypeError(f"{name}: {option} must be an integer or {axes} of them, not {describe(value)}") from None
    if len(found) == 1:
        found *= axes
    if len(found) != axes:
        raise ValueError(f"{name}: {option} must be an integer or {axes} of them, not {describe(value)}")
    if any(v < least for v in found):
        raise ValueError(f"{name}: {option} must be at least {least}, not {value!r}")
    return found


def operands(
    name: str, axes: int, x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """The operands as Tensors.

    Raises:
        ValueError: the weight, the input or the bias has a wrong number of axes.
    """
    x, weight = lifted(x, name), lifted(weight, name, "weight")
    b = None if bias is None else lifted(bias, name, "bias")
    letters = ("H", "W")[-axes:] if axes == 2 else ("L",)
    if weight.ndim != axes + 2:
        raise ValueError(
            f"{name}: weight must have {axes + 2} axes, two of channels and {axes} of the kernel; it has shape {weight.shape}"
        )
    if x.ndim not in (axes + 1, axes + 2):
        raise ValueError(
            f"{name}: x must have shape (N, C, {', '.join(letters)}) or (C, {', '.join(letters)}); it has shape {x.shape} (weight has shape {weight.shape})"
        )
    return x, weight, b


def _groups(name: str, groups: Any) -> int:
    if isinstance(groups, bool) or not hasattr(groups, "__index__") or operator.index(groups) < 1:
        raise ValueError(f"{name}: groups must be a positive integer, not {groups!r}")
    return operator.index(groups)


def _check_bias(name: str, bias: Tensor | None, channels: int) -> None:
    if bias is not None and bias.shape != (channels,):
        raise ValueError(
            f"{name}: bias must have shape ({channels},), one number per output channel; it has shape {bias.shape}"
        )


def _padding(name: str, padding: Any, axes: int, kernel: Any, stride: Any, dilation: Any) -> Any:
    """The zeros before and after each axis."""
    if padding == "valid":
        return (0,) * axes, (0,) * axes
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ValueError(
                f"{name}: padding='same' needs stride 1, not {stride}: no padding gives a result of the input's size"
            )
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple([t // 2 for t in total]), tuple([t - t // 2 for t in total])
    if isinstance(padding, str):
        raise ValueError(f"{name}: padding must be 'same', 'valid', an integer or {axes} of them, not {padding!r}")
    both = lengths(padding, axes, name, "padding", least=0)
    return both, both


def _convolution(
    name: str, axes: int, x: Array, weight: Array, bias: Array, stride: Any, padding: Any, dilation: Any, groups: Any
) -> Tensor:
    x, weight, bias = operands(name, axes, x, weight, bias)
    stride = lengths(stride, axes, name, "stride", least=1)
    dilation = lengths(dilation, axes, name, "dilation", least=1)
    groups = _groups(name, groups)
    kernel = weight.shape[2:]
    before, after = _padding(name, padding, axes, kernel, stride, dilation)
    if not all(kernel):
        raise ValueError(
            f"{name}: the kernel must have at least one element along each axis; weight has shape {weight.shape}"
        )
    if x.shape[-axes - 1] != weight.shape[1] * groups or weight.shape[0] % groups:
        raise ValueError(
            f"{name}: x of shape {x.shape} has {x.shape[-axes - 1]} channels; weight of shape {weight.shape} with groups={groups} needs "
            f"{weight.shape[1] * groups} (weight is (out, in / groups, kernel), and groups divides out)"
        )
    _check_bias(name, bias, weight.shape[0])
    size = tuple(
        [
            (n + a + b - d * (k - 1) - 1) // s + 1
            for n, k, s, d, a, b in zip(x.shape[-axes:], kernel, stride, dilation, before, after, strict=True)
        ]
    )
    if any(n < 1 for n in size):
        raise ValueError(
            f"{name}: the kernel {kernel} (dilation {dilation}) reaches over more than the padded input: x has shape {x.shape}, padding is {padding!r}"
        )
    if axes == 2 and x.ndim == 4:
        return _conv2d(x, weight, size, stride, before, dilation, groups, bias)
    batched = x.ndim == axes + 2
    if not batched:
        x = expand_dims(x, 0)
    if axes == 2:
        return squeeze(_conv2d(x, weight, size, stride, before, dilation, groups, bias), 0)
    y = _conv2d(
        expand_dims(x, 2), expand_dims(weight, 2), (1, *size), (1, *stride), (0, *before), (1, *dilation), groups, bias
    )
    return squeeze(y, 2 if batched else (0, 2))


def conv2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Lengths = 1,
    padding: str | Lengths = 0,
    dilation: Lengths = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of images with kernels, as ``torch.nn.functional.conv2d``.

    ``out[n, o, p, q] = bias[o] + Σ x[n, c, p·s + i·d − a, q·s + j·d − a] · weight[o, c, i, j]`` over c, i, j, where x is 0 outside.

    Args:
        x: images (N, C, H, W), or one image (C, H, W).
        weight: kernels (O, C / groups, kh, kw).
        bias: one number per output channel (O,).
        stride: s, the step from one position to the next: an integer, or one for rows and one for columns.
        padding: a, the zeros added on each side: an integer or a pair; ``"valid"`` for none; ``"same"`` for as many as give a
            result of the input's size (with stride 1; an odd one goes to the end).
        dilation: d, the step from one element of the kernel to the next in the image.
        groups: output channels in group k look at the input channels of group k alone.

    Returns:
        Shape (N, O, P, Q) with ``P = (H + 2a − d (kh − 1) − 1) // s + 1``, without N for one image, in the dtype to which the operands promote.

    Raises:
        ValueError: shapes that do not fit each other or the options, or a kernel that reaches over more than the padded image.
        TypeError: an option that is no integer.

    Gradients: for x the transposed convolution of g, for the weight the correlation of x with g, for the bias the sums of g.

    >>> conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), stride=1, padding="same")[0, 0].numpy()
    array([[4., 4., 2.],
           [4., 4., 2.],
           [2., 2., 1.]])
    """
    return _convolution("conv2d", 2, x, weight, bias, stride, padding, dilation, groups)


publish(conv2d, _conv2d)


@composition()
def conv1d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Lengths = 1,
    padding: str | Lengths = 0,
    dilation: Lengths = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of sequences with kernels, as ``torch.nn.functional.conv1d``: :func:`conv2d` with one spatial axis.

    Args:
        x: sequences (N, C, L), or one sequence (C, L).
        weight: kernels (O, C / groups, k).
        bias: one number per output channel (O,).
        stride: the step from one position to the next.
        padding: the zeros added on each side; ``"valid"`` or ``"same"``.
        dilation: the step from one element of the kernel to the next in the sequence.
        groups: output channels in group k look at the input channels of group k alone.

    Returns:
        Shape (N, O, P) with ``P = (L + 2a − d (k − 1) − 1) // s + 1``, without N for one sequence.

    Raises:
        ValueError: shapes that do not fit, as for :func:`conv2d`.
        TypeError: an option that is no integer.

    >>> conv1d(np.array([[1.0, 2.0, 4.0]]), np.array([[[-1.0, 1.0]]])).tolist()
    [[1.0, 2.0]]
    """
    return _convolution("conv1d", 1, x, weight, bias, stride, padding, dilation, groups)


# ---------------------------------------------------------------- transposed


def _transposed(
    name: str,
    axes: int,
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: Any,
    dilation: Any,
) -> Tensor:
    x, weight, bias = operands(name, axes, x, weight, bias)
    stride = lengths(stride, axes, name, "stride", least=1)
    dilation = lengths(dilation, axes, name, "dilation", least=1)
    padding = lengths(padding, axes, name, "padding", least=0)
    output_padding = lengths(output_padding, axes, name, "output_padding", least=0)
    groups = _groups(name, groups)
    kernel = weight.shape[2:]
    if not all(kernel):
        raise ValueError(
            f"{name}: the kernel must have at least one element along each axis; weight has shape {weight.shape}"
        )
    if x.shape[-axes - 1] != weight.shape[0] or weight.shape[0] % groups:
        raise ValueError(
            f"{name}: x of shape {x.shape} has {x.shape[-axes - 1]} channels; weight of shape {weight.shape} with groups={groups} needs "
            f"{weight.shape[0]} (weight is (in, out / groups, kernel), and groups divides in)"
        )
    if any(o >= max(s, d) for o, s, d in zip(output_padding, stride, dilation, strict=True)):
        raise ValueError(
            f"{name}: output_padding must be smaller than stride or dilation; it is {output_padding} with stride {stride}, dilation {dilation}"
        )
    channels = weight.shape[1] * groups
    _check_bias(name, bias, channels)
    size = tuple(
        [
            (n - 1) * s - 2 * a + d * (k - 1) + o + 1
            for n, k, s, d, a, o in zip(x.shape[-axes:], kernel, stride, dilation, padding, output_padding, strict=True)
        ]
    )
    if any(n < 1 for n in size) or not all(x.shape[-axes:]):
        raise ValueError(
            f"{name}: the result would have size {size}: x has shape {x.shape}, the kernel {kernel}, padding is {padding}"
        )
    batched = x.ndim == axes + 2
    if not batched:
        x = expand_dims(x, 0)
    if axes == 1:
        x, weight = expand_dims(x, 2), expand_dims(weight, 2)
        size, stride, padding, dilation = (1, *size), (1, *stride), (0, *padding), (1, *dilation)
    y = _conv2d_input(x, weight, size, stride, padding, dilation, groups)
    if bias is not None:
        y = y + np.reshape(bias, (channels, 1, 1))
    if axes == 1:
        y = squeeze(y, 2)
    return y if batched else squeeze(y, 0)


@composition()
def conv_transpose2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Lengths = 1,
    padding: Lengths = 0,
    output_padding: Lengths = 0,
    groups: int = 1,
    dilation: Lengths = 1,
) -> Tensor:
    """The transposed convolution (the gradient of :func:`conv2d` for its input), as ``torch.nn.functional.conv_transpose2d``.

    ``out[n, c, p·s + i·d − a, q·s + j·d − a] += x[n, o, p, q] · weight[o, c, i, j]``, plus ``bias[c]``.

    Args:
        x: images (N, O, H, W), or one image (O, H, W).
        weight: kernels (O, C / groups, kh, kw): those of the convolution that goes the other way.
        bias: one number per output channel (C,).
        stride: s, the step in the result from one input position to the next.
        padding: a, the rows and columns taken away on each side of the result.
        output_padding: rows and columns added at the end of the result: a strided convolution gives the same size for several
            sizes of its input, and this says which of them is meant. Smaller than stride or dilation.
        groups: output channels of group k come from the input channels of group k alone.
        dilation: d, the step from one element of the kernel to the next in the result.

    Returns:
        Shape (N, C, P, Q) with ``P = (H − 1) s − 2a + d (kh − 1) + output_padding + 1``, without N for one image.

    Raises:
        ValueError: shapes that do not fit each other or the options, or a result without elements.
        TypeError: an option that is no integer.

    >>> conv_transpose2d(np.array([[[1.0, 2.0]]]), np.ones((1, 1, 1, 2)), stride=2).tolist()
    [[[1.0, 1.0, 2.0, 2.0]]]
    """
    return _transposed("conv_transpose2d", 2, x, weight, bias, stride, padding, output_padding, groups, dilation)


@composition()
def conv_transpose1d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Lengths = 1,
    padding: Lengths = 0,
    output_padding: Lengths = 0,
    groups: int = 1,
    dilation: Lengths = 1,
) -> Tensor:
    """The transposed convolution of sequences, as ``torch.nn.functional.conv_transpose1d``: :func:`conv_transpose2d` with one spatial axis.

    Args:
        x: sequences (N, O, L), or one sequence (O, L).
        weight: kernels (O, C / groups, k).
        bias: one number per output channel (C,).
        stride: the step in the result from one input position to the next.
        padding: the elements taken away on each side of the result.
        output_padding: the elements added at its end; smaller than stride or dilation.
        groups: output channels of group k come from the input channels of group k alone.
        dilation: the step from one element of the kernel to the next in the result.

    Returns:
        Shape (N, C, P) with ``P = (L − 1) s − 2a + d (k − 1) + output_padding + 1``, without N for one sequence.

    Raises:
        ValueError: shapes that do not fit, as for :func:`conv_transpose2d`.
        TypeError: an option that is no integer.

    >>> conv_transpose1d(np.array([[1.0, 2.0]]), np.ones((1, 1, 3))).tolist()
    [[1.0, 3.0, 3.0, 2.0]]
    """
    return _transposed("conv_transpose1d", 1, x, weight, bias, stride, padding, output_padding, groups, dilation)
