"""Samples of primitives/convolution.py and primitives/pooling.py, with oracles that loop over every element."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from . import Sample, away, case, normal, samples

# ---------------------------------------------------------------- the definitions, element by element


def _terms(x_shape: Any, y_shape: Any, w_shape: Any, stride: Any, before: Any, dilation: Any, groups: int) -> Any:
    """The triples of indices (x, w, y) whose product stands in the trilinear form."""
    per_in, per_out = x_shape[1] // groups, y_shape[1] // groups
    for n, o, p, q in itertools.product(range(y_shape[0]), range(y_shape[1]), *map(range, y_shape[2:])):
        for c, i, j in itertools.product(range(per_in), *map(range, w_shape[2:])):
            row = p * stride[0] + i * dilation[0] - before[0]
            column = q * stride[1] + j * dilation[1] - before[1]
            if 0 <= row < x_shape[2] and 0 <= column < x_shape[3]:
                yield (n, o // per_out * per_in + c, row, column), (o, c, i, j), (n, o, p, q)


def _pair(value: Any, axes: int = 2) -> Any:
    value = (value,) * axes if isinstance(value, int) else tuple(value)
    return value if axes == 2 else (0, *value) if value == (0,) else value


def conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """The convolution by its definition."""
    if x.ndim == 3:
        return conv2d(x[None], weight, bias, stride, padding, dilation, groups)[0]
    stride, dilation, kernel = _pair(stride), _pair(dilation), weight.shape[2:]
    if padding == "valid":
        padding = 0
    total = [
        d * (k - 1) if padding == "same" else 2 * p
        for d, k, p in zip(dilation, kernel, (0, 0) if padding == "same" else _pair(padding), strict=True)
    ]
    before = [t // 2 for t in total]
    size = [
        (n + t - d * (k - 1) - 1) // s + 1
        for n, t, d, k, s in zip(x.shape[2:], total, dilation, kernel, stride, strict=True)
    ]
    out = np.zeros((x.shape[0], weight.shape[0], *size), np.result_type(x, weight))
    for at_x, at_w, at_y in _terms(x.shape, out.shape, weight.shape, stride, before, dilation, groups):
        out[at_y] += x[at_x] * weight[at_w]
    return out if bias is None else out + bias[:, None, None]


def conv1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """The same with one spatial axis."""
    stride, dilation = (v if isinstance(v, int) else v[0] for v in (stride, dilation))
    if isinstance(padding, str):
        margin: Any = padding
    else:
        margin = (0, padding if isinstance(padding, int) else padding[0])
    return conv2d(x[..., None, :], weight[:, :, None], bias, (1, stride), margin, (1, dilation), groups)[..., 0, :]


def input_gradient(y: Any, weight: Any, size: Any, stride: Any, before: Any, dilation: Any, groups: int) -> Any:
    """The gradient for the input by its definition."""
    out = np.zeros((y.shape[0], weight.shape[1] * groups, *size), np.result_type(y, weight))
    for at_x, at_w, at_y in _terms(out.shape, y.shape, weight.shape, stride, before, dilation, groups):
        out[at_x] += y[at_y] * weight[at_w]
    return out


def weight_gradient(x: Any, y: Any, kernel: Any, stride: Any, before: Any, dilation: Any, groups: int) -> Any:
    """The gradient for the weight by its definition."""
    out = np.zeros((y.shape[1], x.shape[1] // groups, *kernel), np.result_type(x, y))
    for at_x, at_w, at_y in _terms(x.shape, y.shape, out.shape, stride, before, dilation, groups):
        out[at_w] += x[at_x] * y[at_y]
    return out


def conv_transpose2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """The transposed convolution by its definition."""
    if x.ndim == 3:
        return conv_transpose2d(x[None], weight, bias, stride, padding, output_padding, groups, dilation)[0]
    stride, padding, output_padding, dilation = map(_pair, (stride, padding, output_padding, dilation))
    sizes = zip(x.shape[2:], weight.shape[2:], stride, padding, output_padding, dilation, strict=True)
    size = [(n - 1) * s - 2 * a + d * (k - 1) + o + 1 for n, k, s, a, o, d in sizes]
    out = input_gradient(x, weight, size, stride, padding, dilation, groups)
    return out if bias is None else out + bias[:, None, None]


def conv_transpose1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    groups: int = 1,
    dilation: int = 1,
) -> Any:
    """The same with one spatial axis."""
    options = (1, stride), (0, padding), (0, output_padding), groups, (1, dilation)
    return conv_transpose2d(x[..., None, :], weight[:, :, None], bias, *options)[..., 0, :]


def _windows(x: Any, size: Any, kernel: Any, stride: Any, before: Any, dilation: Any = (1, 1)) -> Any:
    """For each position of the result, the index of the elements of its window that lie inside."""
    for p, q in itertools.product(*map(range, size)):
        rows = [p * stride[0] + i * dilation[0] - before[0] for i in range(kernel[0])]
        columns = [q * stride[1] + j * dilation[1] - before[1] for j in range(kernel[1])]
        rows, columns = [r for r in rows if 0 <= r < x.shape[2]], [c for c in columns if 0 <= c < x.shape[3]]
        yield (p, q), (rows, columns)


def _reach(length: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """The number of windows.

    They start on the image or its left padding and, unless ``ceil_mode``, end on the padded image.
    """
    count = 0
    while count * stride + (0 if ceil_mode else dilation * (kernel - 1)) < length + (
        1 if ceil_mode else 2
    ) * padding and (not ceil_mode or (count - 1) * stride + dilation * (kernel - 1) + 1 < length + 2 * padding):
        count += 1
    return count


def _pool(f: Callable[..., Any], x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Any:
    """``f`` of the elements of each window (as rows × columns lists of indices), whatever the options are."""
    if x.ndim == 3:
        return _pool(f, x[None], kernel, stride, padding, dilation, ceil_mode)[0]
    kernel = _pair(kernel)
    stride, padding, dilation = kernel if stride is None else _pair(stride), _pair(padding), _pair(dilation)
    size = [_reach(*options, ceil_mode) for options in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)]
    out = np.zeros((*x.shape[:2], *size), x.dtype if f is np.max else np.result_type(x, np.float32))
    for (p, q), (rows, columns) in _windows(x, size, kernel, stride, padding, dilation):
        part = x[:, :, rows][..., columns]
        start = p * stride[0] - padding[0], q * stride[1] - padding[1]
        if f is np.max:
            out[..., p, q] = (
                np.max(part, axis=(2, 3), initial=-np.inf) if x.dtype.kind == "f" else np.max(part, axis=(2, 3))
            )
        else:
            padded = [min(start[a] + kernel[a], x.shape[a + 2] + padding[a]) - start[a] for a in (0, 1)]
            out[..., p, q] = f(part, padded)
    return out


def max_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """The maxima by their definition."""
    return _pool(np.max, x, kernel_size, stride, padding, dilation, ceil_mode)


def avg_pool2d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Any:
    """The means by their definition."""

    def mean(part: Any, padded: Any) -> Any:
        inside = part.shape[2] * part.shape[3]
        return part.sum(axis=(2, 3)) / (
            divisor_override or (padded[0] * padded[1] if count_include_pad else inside) or 1
        )

    return _pool(mean, x, kernel_size, stride, padding, 1, ceil_mode)


def _one_row(pool: Callable[..., Any]) -> Callable[..., Any]:
    """The same for sequences: images of one row."""

    def pooled(x: Any, kernel_size: int, stride: Any = None, padding: int = 0, **options: Any) -> Any:
        if "dilation" in options:
            options["dilation"] = (1, options["dilation"])
        return pool(
            x[..., None, :], (1, kernel_size), None if stride is None else (1, stride), (0, padding), **options
        )[..., 0, :]

    return pooled


def _adaptive(f: Callable[..., Any], axes: int) -> Callable[..., Any]:
    def pooled(x: Any, output_size: Any) -> Any:
        size = output_size if isinstance(output_size, tuple) else (output_size,) * axes
        out = x
        for axis, p in enumerate(size, x.ndim - axes):
            n = x.shape[axis]
            parts = [f(np.take(out, range(i * n // p, -(-(i + 1) * n // p)), axis), axis=axis) for i in range(p or 0)]
            out = out if p is None else np.stack(parts, axis)
        return out

    return pooled


# ---------------------------------------------------------------- convolutions

samples(
    "conv2d",
    case(normal(2, 3, 5, 6), normal(4, 3, 3, 2), normal(4), label="bias"),
    case(normal(2, 3, 5, 4), normal(2, 3, 2, 3), label="no bias"),
    case(normal(2, 3, 4), normal(2, 2, 3, 3), normal(2), padding=1, label="one image"),
    case(normal(2, 8, 4, 3), normal(3, 8, 3, 2), normal(3), padding=(1, 0), label="many channels"),
    case(normal(3, 7, 4, 4), normal(2, 7, 2, 2), label="many channels, no padding"),
    case(normal(2, 2, 7, 6), normal(3, 2, 3, 3), normal(3), stride=2, padding=1, label="stride"),
    case(normal(1, 7, 7, 6), normal(2, 7, 3, 2), stride=(3, 2), padding=(2, 1), label="strides"),
    case(normal(1, 2, 7, 8), normal(2, 2, 3, 3), dilation=2, label="dilation"),
    case(
        normal(1, 2, 7, 8),
        normal(2, 2, 3, 2),
        stride=(2, 3),
        dilation=(2, 3),
        padding=(2, 1),
        label="strides and dilations",
    ),
    case(
        normal(1, 1, 9, 5),
        normal(2, 1, 2, 2),
        stride=(4, 2),
        dilation=(6, 4),
        label="stride and dilation with a common divisor",
    ),
    case(normal(2, 4, 4, 3), normal(6, 2, 2, 2), normal(6), groups=2, label="groups"),
    case(normal(2, 3, 5, 4), normal(3, 1, 3, 3), normal(3), padding=1, groups=3, label="depthwise"),
    case(
        normal(2, 3, 5, 6),
        normal(3, 1, 2, 3),
        stride=(2, 1),
        dilation=(1, 2),
        padding=(1, 2),
        groups=3,
        label="depthwise with options",
    ),
    case(normal(1, 2, 4, 4), normal(6, 1, 2, 2), groups=2, label="depthwise with several outputs"),
    case(normal(2, 8, 3, 4), normal(3, 8, 1, 1), normal(3), label="1 × 1, many channels"),
    case(normal(2, 3, 3, 4), normal(2, 3, 1, 1), label="1 × 1"),
    case(normal(2, 8, 4, 5), normal(3, 8, 1, 1), stride=2, label="1 × 1 with stride"),
    case(normal(2, 2, 3, 3), normal(3, 2, 1, 1), padding=2, label="1 × 1 with padding"),
    case(normal(2, 2, 3, 4), normal(3, 2, 3, 4), normal(3), label="kernel as large as the image"),
    case(normal(1, 2, 2, 2), normal(2, 2, 5, 4), padding=(3, 2), label="kernel larger than the image"),
    case(normal(1, 2, 1, 1), normal(1, 2, 1, 1), label="one pixel"),
    case(normal(2, 1, 3, 4), normal(1, 1, 2, 2), normal(1), label="one channel"),
    case(normal(1, 2, 4, 5), normal(2, 2, 3, 2), padding="same", label="same"),
    case(normal(1, 2, 4, 5), normal(2, 2, 3, 2), padding="same", dilation=(1, 3), label="same with dilation"),
    case(normal(1, 2, 4, 5), normal(2, 2, 3, 2), padding="valid", label="valid"),
    case(np.zeros((0, 2, 4, 4)), normal(3, 2, 3, 3), normal(3), order=1, label="no images"),
    case(normal(2, 7, 1, 5), normal(2, 7, 1, 3), label="one row"),
    oracle=conv2d,
)
samples(
    "conv1d",
    case(normal(2, 3, 6), normal(4, 3, 3), normal(4), label="bias"),
    case(normal(3, 6), normal(2, 3, 3), label="one sequence"),
    case(normal(2, 8, 7), normal(3, 8, 3), normal(3), stride=2, padding=1, label="stride"),
    case(normal(1, 2, 9), normal(2, 2, 3), dilation=(3,), padding=(2,), label="dilation"),
    case(normal(1, 4, 5), normal(4, 1, 3), padding="same", groups=4, label="depthwise, same"),
    case(normal(1, 4, 5), normal(2, 2, 2), groups=2, label="groups"),
    case(np.zeros((0, 2, 4)), normal(3, 2, 3), order=1, label="no sequences"),
    oracle=conv1d,
)
samples(
    "conv_transpose2d",
    case(normal(2, 3, 3, 4), normal(3, 2, 3, 2), normal(2), label="bias"),
    case(normal(3, 3, 4), normal(3, 2, 2, 3), normal(2), label="one image"),
    case(normal(1, 8, 3, 3), normal(8, 2, 3, 3), stride=2, padding=1, output_padding=1, label="stride"),
    case(normal(1, 2, 3, 2), normal(2, 3, 2, 2), stride=2, label="stride as large as the kernel"),
    case(
        normal(1, 2, 3, 2), normal(2, 3, 1, 2), stride=3, output_padding=(2, 1), label="stride larger than the kernel"
    ),
    case(normal(1, 2, 3, 4), normal(2, 1, 3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 3), label="options"),
    case(normal(1, 2, 4, 3), normal(2, 2, 2, 3), dilation=2, output_padding=1, label="dilation"),
    case(normal(1, 4, 3, 3), normal(4, 2, 2, 2), normal(4), groups=2, stride=2, label="groups"),
    case(normal(2, 3, 3, 2), normal(3, 1, 3, 3), normal(3), groups=3, stride=2, padding=1, label="depthwise"),
    case(normal(1, 2, 3, 3), normal(2, 2, 1, 1), padding=1, label="1 × 1 with padding"),
    case(np.zeros((0, 2, 3, 3)), normal(2, 3, 2, 2), order=1, label="no images"),
    oracle=conv_transpose2d,
)
samples(
    "conv_transpose1d",
    case(normal(2, 3, 4), normal(3, 2, 3), normal(2), label="bias"),
    case(normal(3, 4), normal(3, 2, 3), label="one sequence"),
    case(normal(1, 4, 4), normal(4, 1, 3), stride=2, padding=1, output_padding=1, groups=2, label="options"),
    case(normal(1, 2, 4), normal(2, 2, 3), dilation=2, label="dilation"),
    oracle=conv_transpose1d,
)
samples(
    "conv2d_input_gradient",
    case(normal(2, 3, 3, 3), normal(3, 2, 3, 3), (3, 3), (1, 1), (1, 1), (1, 1), 1, label="same size"),
    case(normal(2, 8, 2, 3), normal(8, 3, 2, 3), (5, 6), (2, 2), (1, 0), (1, 2), 1, label="options"),
    case(normal(1, 4, 2, 2), normal(4, 1, 2, 2), (4, 3), (2, 1), (0, 0), (1, 1), 2, label="groups"),
    case(
        normal(1, 2, 2, 2),
        normal(2, 1, 1, 2),
        (6, 7),
        (3, 3),
        (0, 1),
        (1, 2),
        2,
        label="rows and columns that nothing reaches",
    ),
    oracle=input_gradient,
)
samples(
    "conv2d_weight_gradient",
    case(normal(2, 3, 4, 4), normal(2, 3, 4, 4), (3, 3), (1, 1), (1, 1), (1, 1), 1, label="same size"),
    case(normal(2, 8, 5, 6), normal(2, 3, 2, 2), (2, 3), (2, 2), (1, 0), (1, 2), 1, label="options"),
    case(normal(1, 4, 3, 3), normal(1, 2, 2, 2), (2, 2), (1, 1), (0, 0), (1, 1), 2, label="groups"),
    case(normal(2, 3, 4, 3), normal(2, 3, 2, 3), (3, 3), (2, 1), (1, 1), (1, 1), 3, label="depthwise"),
    case(np.zeros((0, 2, 4, 4)), np.zeros((0, 3, 3, 3)), (2, 2), (1, 1), (0, 0), (1, 1), 1, order=1, label="no images"),
    oracle=weight_gradient,
)
samples(
    "channel_sum",
    case(normal(2, 3, 4, 5)),
    case(normal(1, 1, 1, 1), label="one number"),
    case(np.zeros((0, 3, 2, 2)), order=1, label="no images"),
    oracle=lambda x: x.sum(axis=(0, 2, 3)),
)

# ---------------------------------------------------------------- pooling


def _tie(x: Any, gradient: Any, label: str, **options: Any) -> Sample:
    return case(np.array(x, float), order=1, expected=(np.array(gradient, float),), label=label, **options)


samples(
    "max_pool2d",
    case(away(2, 3, 4, 6), 2, label="2 × 2"),
    case(away(2, 3, 4), (2, 1), label="one image"),
    case(away(2, 2, 5, 7), 2, label="a rest"),
    case(away(2, 2, 5, 7), 2, ceil_mode=True, label="a rest, ceil_mode"),
    case(away(1, 2, 6, 5), 3, stride=2, padding=1, label="overlapping"),
    case(away(1, 2, 6, 5), (3, 2), stride=(1, 3), padding=(1, 0), label="pairs"),
    case(away(1, 2, 6, 5), (2, 3), stride=1, dilation=(3, 2), label="dilation"),
    case(away(1, 2, 5, 6), 3, stride=2, padding=1, dilation=2, ceil_mode=True, label="everything"),
    case(away(1, 2, 7, 7), 2, stride=4, label="windows apart"),
    case(away(1, 2, 3, 4), 1, label="1 × 1"),
    case(away(1, 2, 3, 4), 1, stride=2, label="1 × 1 with stride"),
    case(away(1, 2, 3, 4), (3, 4), label="window as large as the image"),
    case(np.zeros((0, 2, 4, 4)), 2, order=1, label="no images"),
    _tie(
        [[[[1, 1, 0, 3], [1, 1, 3, 3]]]],
        [[[[0.25, 0.25, 0, 1 / 3], [0.25, 0.25, 1 / 3, 1 / 3]]]],
        "ties",
        kernel_size=2,
    ),
    _tie([[[[2, 1, 2]]]], [[[[0.5, 0, 0.5]]]], "ties apart", kernel_size=(1, 3)),
    _tie([[[[1, 1, 1]]]], [[[[0.5, 1, 0.5]]]], "ties in overlapping windows", kernel_size=(1, 2), stride=1),
    _tie([[[[-np.inf, -np.inf]]]], [[[[0.5, 0.5]]]], "−inf", kernel_size=(1, 2)),
    oracle=max_pool2d,
)
samples(
    "max_pool1d",
    case(away(2, 3, 6), 2, label="2"),
    case(away(3, 7), 3, stride=2, padding=1, label="one sequence"),
    case(away(1, 2, 8), 2, dilation=3, stride=1, ceil_mode=True, label="options"),
    oracle=_one_row(max_pool2d),
)


def _spread(y: Any, x: Any, top: Any, kernel: Any, stride: Any, before: Any, dilation: Any) -> Any:
    out = np.zeros(x.shape, y.dtype)
    for (p, q), (rows, columns) in _windows(x, top.shape[2:], kernel, stride, before, dilation):
        mask = x[:, :, rows][..., columns] == top[:, :, p, q, None, None]
        share = mask / mask.sum(axis=(2, 3), keepdims=True) * y[:, :, p, q, None, None]
        out[:, :, np.array(rows)[:, None], columns] += share
    return out


def _gather(y: Any, x: Any, top: Any, kernel: Any, stride: Any, before: Any, dilation: Any) -> Any:
    out = np.zeros(top.shape, y.dtype)
    for (p, q), (rows, columns) in _windows(x, top.shape[2:], kernel, stride, before, dilation):
        mask = x[:, :, rows][..., columns] == top[:, :, p, q, None, None]
        out[:, :, p, q] = (y[:, :, rows][..., columns] * mask).sum(axis=(2, 3)) / mask.sum(axis=(2, 3))
    return out


_IMAGE = np.round(normal(2, 2, 5, 4))  # with ties
_TILES = np.round(normal(2, 2, 4, 6))
_OPTIONS: tuple[Any, ...] = ((3, 2), (2, 1), (1, 0), (1, 2))
_PLAIN: tuple[Any, ...] = ((2, 2), (2, 2), (0, 0), (1, 1))
for _name, _oracle, _shapes in (
    ("max_pool_spread", _spread, ((2, 2, 3, 2), (2, 2, 2, 3))),
    ("max_pool_gather", _gather, (_IMAGE.shape, _TILES.shape)),
):
    samples(
        _name,
        case(
            normal(*_shapes[0]), _IMAGE, max_pool2d(_IMAGE, (3, 2), (2, 1), (1, 0), (1, 2)), *_OPTIONS, label="options"
        ),
        case(normal(*_shapes[1]), _TILES, max_pool2d(_TILES, 2), *_PLAIN, label="2 × 2"),
        oracle=_oracle,
    )

samples(
    "window_sum",
    case(normal(2, 3, 4, 6), (2, 3), (2, 2), (2, 2), (0, 0), label="2 × 2"),
    case(normal(1, 2, 5, 6), (3, 5), (3, 2), (2, 1), (1, 0), label="overlapping"),
    case(normal(1, 2, 3, 4), (3, 4), (1, 1), (1, 1), (0, 0), label="1 × 1"),
    oracle=lambda x, size, kernel, stride, before: _pool(
        lambda part, _: part.sum(axis=(2, 3)), x, kernel, stride, before, 1, False
    ),
)


def _window_spread(y: Any, size: Any, kernel: Any, stride: Any, before: Any) -> Any:
    out = np.zeros((*y.shape[:2], *size), y.dtype)
    for (p, q), (rows, columns) in _windows(out, y.shape[2:], kernel, stride, before):
        out[:, :, np.array(rows)[:, None], columns] += y[:, :, p, q, None, None]
    return out


samples(
    "window_spread",
    case(normal(2, 3, 2, 3), (4, 6), (2, 2), (2, 2), (0, 0), label="2 × 2"),
    case(normal(2, 3, 2, 3), (5, 7), (2, 2), (2, 2), (0, 0), label="a rest"),
    case(normal(1, 2, 3, 5), (5, 6), (3, 2), (2, 1), (1, 0), label="overlapping"),
    oracle=_window_spread,
)
samples(
    "avg_pool2d",
    case(normal(2, 3, 4, 6), 2, label="2 × 2"),
    case(normal(2, 3, 4), (2, 1), label="one image"),
    case(normal(1, 2, 5, 7), 3, stride=2, padding=1, label="padding counts"),
    case(normal(1, 2, 5, 7), 3, stride=2, padding=1, count_include_pad=False, label="padding does not count"),
    case(normal(1, 2, 5, 8), 3, stride=2, padding=(0, 1), ceil_mode=True, label="ceil_mode"),
    case(
        normal(1, 2, 6, 8),
        (2, 3),
        stride=3,
        padding=1,
        ceil_mode=True,
        count_include_pad=False,
        label="ceil_mode, padding does not count",
    ),
    case(normal(1, 2, 4, 5), 2, stride=1, padding=1, divisor_override=3, label="divisor"),
    case(normal(1, 2, 3, 4), 1, label="1 × 1"),
    case(np.zeros((0, 2, 4, 4)), 2, order=1, label="no images"),
    oracle=avg_pool2d,
)
samples(
    "avg_pool1d",
    case(normal(2, 3, 6), 2, label="2"),
    case(normal(3, 7), 3, stride=2, padding=1, count_include_pad=False, label="one sequence"),
    oracle=_one_row(avg_pool2d),
)
for _name, _make, _function in (("adaptive_avg_pool", normal, np.mean), ("adaptive_max_pool", away, np.max)):
    samples(
        f"{_name}2d",
        case(_make(2, 3, 4, 6), 2, label="equal windows"),
        case(_make(2, 5, 7), (3, 2), label="one image, overlapping windows"),
        case(_make(1, 2, 4, 5), (None, 1), label="as it is"),
        case(_make(1, 2, 3, 4), 1, label="one window"),
        case(_make(1, 2, 2, 3), (4, 5), label="more windows than elements"),
        oracle=_adaptive(_function, 2),
    )
    samples(
        f"{_name}1d",
        case(_make(2, 3, 6), 3, label="equal windows"),
        case(_make(3, 7), 3, label="one sequence, overlapping windows"),
        oracle=_adaptive(_function, 1),
    )
