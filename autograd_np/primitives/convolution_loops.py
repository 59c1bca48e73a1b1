"""Convolution kernels: blocks of columns that stay in the cache, each multiplied by BLAS.

Everything here is about one trilinear form of images x, weights w and images y,

    T(x, w, y) = Σ x[n, p·s + k·d − a, c] · w[k, c, o] · y[n, p, o]        (p, k: two indices each; x is 0 outside)

with stride s, dilation d and a zeros before the first row and column. The convolution is ∂T/∂y, the gradients of its
input and of its weight are ∂T/∂x and ∂T/∂w. Arrays are channels-last here: (N, H, W, C).

A column matrix holds, for each output position, the window that it looks at. It is k² times as large as the image, so it is
made for a few images, or a few rows of one, at a time, in one buffer that is used over and over. Images with few channels (the
first layer) have it transposed, windows × positions: then the innermost loop of the copy runs along an image's row instead of
along two or three channels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..engine.hooks import model
from ..engine.tensor import Array, DTypeLike

__all__ = ["correlate", "spread", "weigh"]

Pair = tuple[int, int]

# Bytes of a column matrix: a part of the second-level cache of a core; but for BLAS's sake at least so many rows.
BLOCK = 1 << 17
ROWS = 256
# Up to so many channels the column matrix is transposed (measured: break-even at 6 to 8).
FEW = 6


def _overlap(size: int, before: int, total: int) -> tuple[slice, slice]:
    """Of ``total`` positions, the first of which lies ``before`` ahead of an axis of length ``size``: those on the axis; and where on it."""
    start = min(max(before, 0), total)
    stop = max(min(before + size, total), start)
    return slice(start, stop), slice(start - before, stop - before)


def _extent(size: Pair, kernel: Pair, stride: Pair, dilation: Pair) -> Pair:
    """How many rows and columns the windows of ``size`` positions reach over."""
    h, w = ((n - 1) * s + (k - 1) * d + 1 for n, k, s, d in zip(size, kernel, stride, dilation, strict=True))
    return h, w


def _windows(image: Any, axes: Pair, kernel: Pair, stride: Pair, dilation: Pair) -> Any:
    """A view of the windows along two adjacent ``axes``; two axes, the places in a window, come last."""
    reach = tuple([(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)])
    view = sliding_window_view(image, reach, axes)
    step = [slice(None)] * view.ndim
    step[axes[0]], step[axes[1]] = slice(None, None, stride[0]), slice(None, None, stride[1])
    step[-2], step[-1] = slice(None, None, dilation[0]), slice(None, None, dilation[1])
    return view[tuple(step)]


def _columns(
    x: Array, kernel: Pair, size: Pair, stride: Pair, before: Pair, dilation: Pair, dtype: DTypeLike | None
) -> Iterator[tuple[Any, Any]]:
    """The column matrix, block by block: (positions × window, the index of those positions in y).

    One memory serves all blocks: each is used up before the next is asked for.
    """
    images, height, width, channels = x.shape
    rows, across = size
    window = kernel[0] * kernel[1] * channels
    few = channels <= FEW
    if (
        kernel == (1, 1)
        and stride == (1, 1)
        and before == (0, 0)
        and size == (height, width)
        and x.dtype == dtype
        and not few
    ):
        yield x.reshape(-1, channels), slice(None)
        return
    positions = max(BLOCK // max(window * dtype.itemsize, 1), ROWS)
    at_once = max(positions // across, 1)
    count = min(max(at_once // rows, 1), max(images, 1))
    at_once = min(at_once, rows)
    reach = _extent(size, kernel, stride, dilation)
    inner, outer = (_overlap(n, b, r) for n, b, r in zip((height, width), before, reach, strict=True))
    direct = (
        before == (0, 0)
        and reach[0] <= height
        and reach[1] <= width
        and not few
        and x.dtype == dtype
        and _is_contiguous(x)
    )
    if direct:
        image = x[:, : reach[0], : reach[1]]
        windows = _windows(image, (1, 2), kernel, stride, dilation).transpose(0, 1, 2, 4, 5, 3)
    elif few:
        # The border of this copy stays zero from block to block.
        image = np.zeros((channels, count, *reach), dtype, like=x)
        windows = _windows(image, (2, 3), kernel, stride, dilation).transpose(4, 5, 0, 1, 2, 3)
    else:
        image = np.zeros((count, *reach, channels), dtype, like=x)
        windows = _windows(image, (1, 2), kernel, stride, dilation).transpose(0, 1, 2, 4, 5, 3)
    if few:
        memory = np.empty((*kernel, channels, count, at_once, across), dtype, like=x)
        flat = memory.reshape(window, count * at_once * across)
    else:
        memory = np.empty((count, at_once, across, *kernel, channels), dtype, like=x)
        flat = memory.reshape(count * at_once * across, window)
    for first in range(0, images, count):
        n = min(count, images - first)
        part = slice(first, first + n)
        if few:
            image[:, :n, inner[0], outer[0]] = x[part, inner[1], outer[1]].transpose(3, 0, 1, 2)
        elif not direct:
            image[:n, inner[0], outer[0]] = x[part, inner[1], outer[1]]
        for top in range(0, rows, at_once):
            m = min(at_once, rows - top)
            length = n * m * across
            if few:
                np.copyto(memory[:, :, :, :n, :m], windows[:, :, :, :n, top : top + m])
                yield flat[:, :length].T, (part, slice(top, top + m))
            else:
                np.copyto(memory[:n, :m], windows[part if direct else slice(n), top : top + m])
                yield flat[:length], (part, slice(top, top + m))


def _is_contiguous(x: Array) -> bool:
    flags = getattr(x, "flags", None)
    return flags is not None and bool(flags.c_contiguous)


def correlate(
    x: Array,
    w: Array,
    bias: Array | None,
    size: Pair,
    stride: Pair,
    before: Pair,
    dilation: Pair,
    dtype: DTypeLike | None,
) -> Array:
    """``∂T/∂y + bias``: x (N, H, W, G·C), w (G, kh, kw, C, O) for G groups; returns (N, *size, G·O)."""
    groups, *_, channels, outputs = w.shape
    out = np.empty((x.shape[0], *size, groups * outputs), dtype, like=model(x, w, bias))
    if groups > 1 and channels == outputs == 1:
        _by_channel(x, w, out, size, stride, before, dilation)
    elif groups > 1:
        for group in range(groups):
            part = x[..., group * channels : (group + 1) * channels]
            out[..., group * outputs : (group + 1) * outputs] = correlate(
                part, w[group : group + 1], None, size, stride, before, dilation, dtype
            )
    else:
        matrix = w.reshape(-1, outputs)
        # NumPy adds a row of one position's channels slowly, one of a whole row of positions fast.
        offset = None if bias is None else np.tile(bias, size[1])
        for columns, index in _columns(x, w.shape[1:3], size, stride, before, dilation, dtype):
            part = out[index]
            np.dot(columns, matrix, out=part.reshape(-1, outputs))
            if offset is not None:
                part = part.reshape(-1, size[1] * outputs)
                np.add(part, offset, out=part)
        return out
    if bias is not None:
        np.add(out, bias, out=out)
    return out


def weigh(
    x: Array, y: Array, kernel: Pair, groups: int, stride: Pair, before: Pair, dilation: Pair, dtype: DTypeLike | None
) -> Array:
    """``∂T/∂w``: x (N, H, W, G·C), y (N, P, Q, G·O); returns (G, kh, kw, C, O)."""
    size = y.shape[1:3]
    channels, outputs = x.shape[-1] // groups, y.shape[-1] // groups
    out = np.zeros((groups, *kernel, channels, outputs), dtype, like=model(x, y))
    if groups > 1 and channels == outputs == 1:
        _weigh_by_channel(x, y, out, stride, before, dilation)
    elif groups > 1:
        for group in range(groups):
            left = x[..., group * channels : (group + 1) * channels]
            right = y[..., group * outputs : (group + 1) * outputs]
            out[group] = weigh(left, right, kernel, 1, stride, before, dilation, dtype)[0]
    else:
        total = out.reshape(-1, outputs)
        y = y.astype(dtype, copy=False)
        for columns, index in _columns(x, kernel, size, stride, before, dilation, dtype):
            np.add(total, np.dot(columns.T, y[index].reshape(-1, outputs)), out=total)
    return out


def spread(y: Array, w: Array, size: Pair, stride: Pair, before: Pair, dilation: Pair, dtype: DTypeLike | None) -> Any:
    """``∂T/∂x``: y (N, P, Q, G·O), w (G, kh, kw, C, O); returns (N, *size, G·C).

    Positions of x with the same remainder r of (row + a) modulo the stride meet the same places k of the kernel, those with
    k·d ≡ r, and each such set is a convolution of y with stride 1 and these places in reverse. For stride 1 there is one set.
    """
    groups, *_, channels, _ = w.shape
    sets = [
        [_phase(i, n, p, k, s, a, d) for i in range(min(s, n))]
        for n, p, k, s, a, d in zip(size, y.shape[1:3], w.shape[1:3], stride, before, dilation, strict=True)
    ]
    weight = w.swapaxes(3, 4)
    if stride == (1, 1):
        return _one_set(y, weight, sets[0][0], sets[1][0], dtype)
    out = np.zeros((y.shape[0], *size, groups * channels), dtype, like=model(y, w))
    for i, vertical in enumerate(sets[0]):
        for j, horizontal in enumerate(sets[1]):
            if vertical[0] and horizontal[0]:
                out[:, i :: stride[0], j :: stride[1]] = _one_set(y, weight, vertical, horizontal, dtype)
    return out


Phase = tuple[range, int, int, int]


def _phase(first: int, length: int, positions: int, kernel: int, stride: int, before: int, dilation: int) -> Phase:
    """The convolution along one axis that gives the elements first, first + stride, ….

    Returns the places of the kernel that meet them, in reverse; how many elements there are; the zeros before y; the dilation.
    """
    places = [k for k in range(kernel) if (first + before - k * dilation) % stride == 0]
    count = -(-(length - first) // stride)
    if not places:
        return range(0), count, 0, 1
    common = math.gcd(stride, dilation)
    step, spacing = stride // common, dilation // common
    # Element m of the set meets y at m + start − t·spacing through the place number t.
    start = (first + before - places[0] * dilation) // stride
    return range(places[-1], -1, -step), count, (len(places) - 1) * spacing - start, spacing


def _one_set(y: Array, weight: Array, vertical: Phase, horizontal: Phase, dtype: DTypeLike | None) -> Any:
    (rows, height, above, down), (columns, width, left, right) = vertical, horizontal
    part = weight[:, rows.start :: rows.step][:, : len(rows), columns.start :: columns.step][:, :, : len(columns)]
    return correlate(y, part, None, (height, width), (1, 1), (above, left), (down, right), dtype)


# ---------------------------------------------------------------- one channel per group


def _shifted(
    x: Array, kernel: Pair, size: Pair, stride: Pair, before: Pair, dilation: Pair
) -> Iterator[tuple[int, int, Any, Any]]:
    """For each place of the kernel: its row and column, the index of the positions at which it meets x, and that of what it meets."""
    for i in range(kernel[0]):
        rows, met_rows = _met(i, x.shape[1], size[0], stride[0], before[0], dilation[0])
        for j in range(kernel[1]):
            columns, met_columns = _met(j, x.shape[2], size[1], stride[1], before[1], dilation[1])
            yield i, j, (slice(None), rows, columns), (slice(None), met_rows, met_columns)


def _met(place: int, length: int, count: int, stride: int, before: int, dilation: int) -> tuple[slice, slice]:
    """The positions p with 0 ≤ p·stride + offset < length, and those elements."""
    offset = place * dilation - before
    first = min(max(-(offset // stride), 0), count)
    last = max(min((length - 1 - offset) // stride + 1, count), first)
    if first == last:
        return slice(0, 0), slice(0, 0)
    start = first * stride + offset
    return slice(first, last), slice(start, start + (last - first - 1) * stride + 1, stride)


def _images_at_once(out: Array) -> int:
    per_image: int = math.prod(out.shape[1:]) * out.dtype.itemsize
    return max(BLOCK // max(per_image, 1), 1)


def _by_channel(x: Array, w: Array, out: Any, size: Pair, stride: Pair, before: Pair, dilation: Pair) -> None:
    """The convolution with one channel in and out per group: products with shifted images."""
    weight = w.reshape(w.shape[0], *w.shape[1:3]).transpose(1, 2, 0)
    kernel = w.shape[1:3]
    out[...] = 0
    at_once = _images_at_once(out)
    for first in range(0, x.shape[0], at_once):
        part, result = x[first : first + at_once], out[first : first + at_once]
        for i, j, positions, met in _shifted(x, kernel, size, stride, before, dilation):
            target = result[positions]
            np.add(target, part[met] * weight[i, j], out=target)


def _weigh_by_channel(x: Array, y: Array, out: Array, stride: Pair, before: Pair, dilation: Pair) -> None:
    """The gradient of its weight."""
    at_once = _images_at_once(y)
    for first in range(0, x.shape[0], at_once):
        left, right = x[first : first + at_once], y[first : first + at_once]
        for i, j, positions, met in _shifted(x, out.shape[1:3], y.shape[1:3], stride, before, dilation):
            place = out[:, i, j, 0, 0]
            np.add(place, np.sum(left[met] * right[positions], axis=(0, 1, 2)), out=place)
