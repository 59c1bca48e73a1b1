"""Pooling: the maximum or the mean of windows of images and sequences, with PyTorch's shapes and options.

Sums and maxima over a window are taken along its rows first and then along its columns, kh + kw steps instead of kh · kw, each a
NumPy call on whole arrays, channels last in memory as the convolutions leave them. No padding is stored: each place of a window
has a range of positions at which it lies inside the image.
"""
# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..engine.hooks import amend, in_memory, model
from ..engine.registry import on_arrays, primitive, rule
from ..engine.tensor import Array, ArrayLike, DTypeLike, Tensor
from .composed import composition, lifted, publish
from .convolution import lengths
from .joining import stack
from .layout import wide
from .shaping import cast, expand_dims, squeeze

Pair = tuple[int, int]
Lengths = int | Sequence[int]


# ---------------------------------------------------------------- windows


def _places(
    length: int, count: int, kernel: int, stride: int, before: int, dilation: int
) -> Iterator[tuple[slice, slice]]:
    """For each place of a window along one axis: at which positions it lies on the axis, and the elements that it meets there."""
    for k in range(kernel):
        offset = k * dilation - before
        first = min(max(-(offset // stride), 0), count)
        last = max(min((length - 1 - offset) // stride + 1, count), first)
        if first == last:
            yield slice(0, 0), slice(0, 0)
        else:
            start = first * stride + offset
            yield slice(first, last), slice(start, start + (last - first - 1) * stride + 1, stride)


def _along(
    x: Array, axis: int, count: int, kernel: int, stride: int, before: int, dilation: int, ufunc: np.ufunc, start: Any
) -> Any:
    """``ufunc`` over the windows along one axis of x; ``start`` where a window is empty. A view of x for a kernel of one element."""
    head = (slice(None),) * axis
    places = list(_places(x.shape[axis], count, kernel, stride, before, dilation))
    if all(positions == slice(0, count) for positions, _ in places):
        parts = [x[(*head, met)] for _, met in places]
        if kernel == 1:
            return parts[0]
        out = ufunc(parts[0], parts[1])
        for part in parts[2:]:
            ufunc(out, part, out=out)
        return out
    out = np.full((*x.shape[:axis], count, *x.shape[axis + 1 :]), start, x.dtype, like=x)
    for positions, met in places:
        part = out[(*head, positions)]
        ufunc(part, x[(*head, met)], out=part)
    return out


def _pooled(
    x: Array, size: Pair, kernel: Pair, stride: Pair, before: Pair, dilation: Pair, ufunc: np.ufunc, start: Any
) -> Array:
    """``ufunc`` over the windows of x (N, C, H, W)."""
    out = x.transpose(0, 2, 3, 1)
    for axis in (0, 1):
        out = _along(out, axis + 1, size[axis], kernel[axis], stride[axis], before[axis], dilation[axis], ufunc, start)
    return (out.copy() if kernel == (1, 1) else out).transpose(0, 3, 1, 2)


def _both(length: Pair, count: Pair, kernel: Pair, stride: Pair, before: Pair, dilation: Pair) -> list[tuple[Any, Any]]:
    """For each place of a window: the index of the positions at which it lies inside (N, H, W, C), and that of what it meets there."""
    rows, columns = (list(_places(length[a], count[a], kernel[a], stride[a], before[a], dilation[a])) for a in (0, 1))
    every = slice(None)
    return [((every, p, q), (every, met_p, met_q)) for p, met_p in rows for q, met_q in columns]


def _apart(kernel: Pair, stride: Pair, dilation: Pair) -> bool:
    """Whether no two windows share an element."""
    return all((k - 1) * d < s for k, s, d in zip(kernel, stride, dilation, strict=True))


def _tiled(length: Pair, count: Pair, kernel: Pair, stride: Pair, before: Pair, dilation: Pair) -> bool:
    """Whether every element is in exactly one window, and every window inside."""
    return (
        before == (0, 0)
        and dilation == (1, 1)
        and kernel == stride
        and all(n == c * k for n, c, k in zip(length, count, kernel, strict=True))
    )


# ---------------------------------------------------------------- maxima


# The integers that are as wide as the floating dtypes: a product of the bits with a truth value selects, whatever the number.
_BITS: dict[str, Any] = {"e": np.dtype(np.int16), "f": np.dtype(np.int32), "d": np.dtype(np.int64)}


def _lowest(dtype: DTypeLike | None) -> Any:
    if dtype.kind == "f":
        return -math.inf
    return np.iinfo(dtype).min if dtype.kind in "iu" else False


def _winners(x: Array, top: Any, places: list[tuple[Any, Any]]) -> tuple[list[Any], Any]:
    """For each place of a window, where it holds the maximum; and how many places do (at least 1). All channels-last."""
    masks = [np.equal(x[met], top[positions]) for positions, met in places]
    count = _counted(masks, top, places)
    if in_memory(count):
        amend(_mind_nans, (count, *masks), count, masks, x, places)
        return masks, count
    masks = [mask | np.not_equal(x[met], x[met]) for mask, (_, met) in zip(masks, places, strict=True)]
    return masks, np.maximum(_counted(masks, count, places), 1)


def _mind_nans(count: Any, masks: list[Any], x: Array, places: list[tuple[Any, Any]]) -> None:
    """A NaN is the maximum of what it is among: where no place holds the maximum, those of the NaNs do."""
    if not count.all():
        for mask, (_, met) in zip(masks, places, strict=True):
            np.logical_or(mask, np.not_equal(x[met], x[met]), out=mask)
        np.maximum(_counted(masks, count, places), 1, out=count)


def _counted(masks: list[Any], top: Any, places: list[tuple[Any, Any]]) -> Array:
    narrow = np.dtype(np.uint8 if len(masks) < 256 else np.int32)
    if all(mask.shape == top.shape for mask in masks):
        count = masks[0].astype(narrow)
        for mask in masks[1:]:
            np.add(count, mask, out=count)
        return count
    count = np.zeros(top.shape, narrow, like=model(top, *masks))
    for mask, (positions, _) in zip(masks, places, strict=True):
        part = count[positions]
        np.add(part, mask, out=part)
    return count


@primitive(wrt="x", name="max_pool2d", masks="kink", real=True)
def _max_pool2d(x: ArrayLike, size: Pair, kernel: Pair, stride: Pair, before: Pair, dilation: Pair) -> Tensor:
    """:func:`max_pool2d` with every option as a pair: ``size`` of the result, and the padding ``before`` the first row and column."""
    return _pooled(x, size, kernel, stride, before, dilation, np.maximum, _lowest(x.dtype))


@primitive(wrt="y", name="max_pool_spread", discrete="x top", masks="kink")
def _max_pool_spread(
    y: ArrayLike, x: ArrayLike, top: ArrayLike, kernel: Pair, stride: Pair, before: Pair, dilation: Pair
) -> Tensor:
    """The gradient of the maxima ``top`` of windows of x, with the cotangent y: each y to the k elements of its window that equal top, 1/k each."""
    x, top, y = (t.transpose(0, 2, 3, 1) for t in (x, top, y))
    length, count = x.shape[1:3], top.shape[1:3]
    places = _both(length, count, kernel, stride, before, dilation)
    masks, ties = _winners(x, top, places)
    share = np.divide(y, ties, dtype=y.dtype) if y.dtype.kind == "f" else y / ties
    make = np.empty if _tiled(length, count, kernel, stride, before, dilation) else np.zeros
    out = make(x.shape, share.dtype, like=model(x, share, *masks))
    bits = _BITS.get(share.dtype.char, share.dtype)
    share, target = share.view(bits), out.view(bits)
    apart = _apart(kernel, stride, dilation)
    for mask, (positions, met) in zip(masks, places, strict=True):
        if apart:
            np.multiply(share[positions], mask, out=target[met])
        else:
            part = out[met]
            np.add(part, np.multiply(share[positions], mask).view(out.dtype), out=part)
    return out.transpose(0, 3, 1, 2)


@primitive(wrt="y", name="max_pool_gather", discrete="x top", masks="kink")
def _max_pool_gather(
    y: ArrayLike, x: ArrayLike, top: ArrayLike, kernel: Pair, stride: Pair, before: Pair, dilation: Pair
) -> Tensor:
    """The mean of y over the elements of each window of x that equal its maximum ``top``: the adjoint of ``max_pool_spread``."""
    x, top, y = (t.transpose(0, 2, 3, 1) for t in (x, top, y))
    places = _both(x.shape[1:3], top.shape[1:3], kernel, stride, before, dilation)
    masks, ties = _winners(x, top, places)
    out = np.zeros(top.shape, y.dtype, like=model(y, *masks))
    for mask, (positions, met) in zip(masks, places, strict=True):
        part = out[positions]
        np.add(part, np.where(mask, y[met], 0), out=part)
    return np.divide(out, ties, dtype=out.dtype).transpose(0, 3, 1, 2)


max_pool_spread = on_arrays(_max_pool_spread)
max_pool_gather = on_arrays(_max_pool_gather)

rule(
    _max_pool2d,
    lambda g, x, out, kernel, stride, before, dilation: max_pool_spread(g, x, out, kernel, stride, before, dilation),
)
rule(
    _max_pool_spread,
    lambda g, x, top, kernel, stride, before, dilation: max_pool_gather(g, x, top, kernel, stride, before, dilation),
)
rule(
    _max_pool_gather,
    lambda g, x, top, kernel, stride, before, dilation: max_pool_spread(g, x, top, kernel, stride, before, dilation),
)


# ---------------------------------------------------------------- sums


@primitive(wrt="x", name="window_sum", masks="kink")
def _window_sum(x: ArrayLike, size: Pair, kernel: Pair, stride: Pair, before: Pair) -> Tensor:
    """The sums over windows of x (N, C, H, W) that is 0 outside; ``size`` is that of the result."""
    return _pooled(x, size, kernel, stride, before, (1, 1), np.add, 0)


@primitive(wrt="y", name="window_spread")
def _window_spread(y: ArrayLike, size: Pair, kernel: Pair, stride: Pair, before: Pair) -> Tensor:
    """The gradient of ``window_sum`` for its input of ``size`` rows and columns: each y to every element of its window."""
    out = y.transpose(0, 2, 3, 1)
    for axis in (0, 1):
        head = (slice(None),) * (axis + 1)
        count, length = out.shape[axis + 1], size[axis]
        shape = (*out.shape[: axis + 1], length, *out.shape[axis + 2 :])
        tiled = before[axis] == 0 and kernel[axis] == stride[axis] and length == count * kernel[axis]
        wider = (np.empty if tiled else np.zeros)(shape, y.dtype, like=y)
        for positions, met in _places(length, count, kernel[axis], stride[axis], before[axis], 1):
            part = wider[(*head, met)]
            if kernel[axis] <= stride[axis]:
                np.copyto(part, out[(*head, positions)])
            else:
                np.add(part, out[(*head, positions)], out=part)
        out = wider
    return out.transpose(0, 3, 1, 2)


window_sum = on_arrays(_window_sum)
window_spread = on_arrays(_window_spread)
rule(_window_sum, lambda g, x_shape, kernel, stride, before: window_spread(g, x_shape[2:], kernel, stride, before))
rule(_window_spread, lambda g, y_shape, kernel, stride, before: window_sum(g, y_shape[2:], kernel, stride, before))


# ---------------------------------------------------------------- options


def _images(name: str, axes: int, x: ArrayLike) -> tuple[Tensor, bool]:
    """x as (N, C, H, W), and whether it came with its axis of images."""
    t = lifted(x, name)
    letters = "H, W" if axes == 2 else "L"
    if t.ndim not in (axes + 1, axes + 2):
        raise ValueError(f"{name}: x must have shape (N, C, {letters}) or (C, {letters}); it has shape {t.shape}")
    batched = t.ndim == axes + 2
    if not batched:
        t = expand_dims(t, 0)
    return (t if axes == 2 else expand_dims(t, 2)), batched


def _restored(y: Tensor, axes: int, batched: bool) -> Tensor:
    if axes == 1:
        y = squeeze(y, 2)
    return y if batched else squeeze(y, 0)


def _window(
    name: str, axes: int, x: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Pair, Pair, Pair, Pair, Pair]:
    """Size of the result, kernel, stride, padding and dilation as pairs."""
    kernel = lengths(kernel_size, axes, name, "kernel_size", least=1)
    step = kernel if stride is None else lengths(stride, axes, name, "stride", least=1)
    before = lengths(padding, axes, name, "padding", least=0)
    spacing = lengths(dilation, axes, name, "dilation", least=1)
    if any(2 * a > d * (k - 1) + 1 for a, k, d in zip(before, kernel, spacing, strict=True)):
        raise ValueError(
            f"{name}: padding must be at most half of the window: it is {before}, kernel_size is {kernel}, dilation {spacing}"
        )
    size = []
    for n, k, s, a, d in zip(x.shape[-axes:], kernel, step, before, spacing, strict=True):
        span = n + 2 * a - d * (k - 1) - 1
        count = span // s + 1
        if ceil_mode:
            count = -(-span // s) + 1
            if (count - 1) * s >= n + a:  # a window starts inside or in the padding before
                count -= 1
        size.append(count if n else 0)
    if any(count < 1 for count in size):
        raise ValueError(
            f"{name}: the result would have size {tuple(size)}: x has {'rows and columns' if axes == 2 else 'length'} {x.shape[-axes:]}, "
            f"kernel_size is {kernel}, stride {step}, padding {before}, dilation {spacing}"
        )
    if axes == 1:
        return (1, size[0]), (1, kernel[0]), (1, step[0]), (0, before[0]), (1, spacing[0])
    return (
        (size[0], size[1]),
        (kernel[0], kernel[1]),
        (step[0], step[1]),
        (before[0], before[1]),
        (spacing[0], spacing[1]),
    )


def _max(
    name: str, axes: int, x: ArrayLike, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Tensor:
    t, batched = _images(name, axes, x)
    return _restored(
        _max_pool2d(t, *_window(name, axes, t, kernel_size, stride, padding, dilation, ceil_mode)), axes, batched
    )


def max_pool2d(
    x: ArrayLike,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    dilation: Lengths = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """The maximum of each window of images, as ``torch.nn.functional.max_pool2d``. NaN, if one is NaN.

    Args:
        x: images (N, C, H, W), or one image (C, H, W).
        kernel_size: rows and columns of a window: an integer or a pair, as every option.
        stride: the step from one window to the next; by default ``kernel_size``, so that windows do not overlap.
        padding: rows and columns of −∞ on each side; at most half a window.
        dilation: the step from one element of a window to the next.
        ceil_mode: keep a last window that reaches over the end.

    Returns:
        Shape (N, C, P, Q) with ``P = (H + 2·padding − dilation (kh − 1) − 1) // stride + 1`` (rounded up in ``ceil_mode``).

    Raises:
        ValueError: shapes or options that do not fit.
        TypeError: an option that is no integer, or complex images.

    Gradient: to the maximum of each window; k equal maxima get 1/k each (PyTorch gives all to the first). The sum is the same.

    >>> max_pool2d(np.array([[[1.0, 2.0, 0.0, 0.0], [4.0, 3.0, 0.0, 5.0]]]), 2).tolist()
    [[[4.0, 5.0]]]
    """
    return _max("max_pool2d", 2, x, kernel_size, stride, padding, dilation, ceil_mode)


publish(max_pool2d, _max_pool2d)


@composition(real=True)
def max_pool1d(
    x: ArrayLike,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    dilation: Lengths = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """The maximum of each window of sequences (N, C, L) or (C, L): :func:`max_pool2d` with one spatial axis.

    Args:
        x: the sequences.
        kernel_size: the length of a window.
        stride: the step from one window to the next; by default ``kernel_size``.
        padding: elements −∞ on each side; at most half a window.
        dilation: the step from one element of a window to the next.
        ceil_mode: keep a last window that reaches over the end.

    Raises:
        ValueError: shapes or options that do not fit.
        TypeError: an option that is no integer.

    >>> max_pool1d(np.array([[1.0, 3.0, 2.0, 0.0]]), 2).tolist()
    [[3.0, 2.0]]
    """
    return _max("max_pool1d", 1, x, kernel_size, stride, padding, dilation, ceil_mode)


def _counts(length: int, count: int, kernel: int, stride: int, before: int, include: bool) -> list[int]:
    """How many elements each window has along one axis: with the padding, or those inside alone."""
    starts = [p * stride - before for p in range(count)]
    if include:
        return [min(start + kernel, length + before) - start for start in starts]
    return [max(min(start + kernel, length) - max(start, 0), 0) for start in starts]


def _floating(t: Tensor) -> Any:
    """The dtype of averages."""
    return t.dtype if t.dtype.kind in "fc" else np.dtype(float)


def _average(
    name: str,
    axes: int,
    x: ArrayLike,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: Any,
) -> Tensor:
    t, batched = _images(name, axes, x)
    size, kernel, step, before, _ = _window(name, axes, t, kernel_size, stride, padding, 1, ceil_mode)
    dtype = _floating(t)
    t = wide(t)
    sums = _window_sum(t, size, kernel, step, before)
    if divisor_override is not None:
        if isinstance(divisor_override, bool) or not hasattr(divisor_override, "__index__") or divisor_override == 0:
            raise ValueError(f"{name}: divisor_override must be an integer other than 0, not {divisor_override!r}")
        return _restored(cast(sums * (1 / int(divisor_override)), dtype), axes, batched)
    rows, columns = (_counts(t.shape[a + 2], size[a], kernel[a], step[a], before[a], count_include_pad) for a in (0, 1))
    if len({*rows}) == len({*columns}) == 1 and rows[0] and columns[0]:
        return _restored(cast(sums * (1 / (rows[0] * columns[0])), dtype), axes, batched)
    shares = np.array(
        [[1 / (r * c) if r and c else 0.0 for c in columns] for r in rows],
        np.finfo(wide(dtype.type(0)).dtype).dtype,
        like=t._values,
    )
    return _restored(cast(sums * shares, dtype), axes, batched)


@composition()
def avg_pool2d(
    x: ArrayLike,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of images, as ``torch.nn.functional.avg_pool2d``.

    Args:
        x: images (N, C, H, W), or one image (C, H, W).
        kernel_size: rows and columns of a window: an integer or a pair, as every option.
        stride: the step from one window to the next; by default ``kernel_size``.
        padding: rows and columns of zeros on each side; at most half a window.
        ceil_mode: keep a last window that reaches over the end; what lies beyond the padding does not count.
        count_include_pad: divide by the number of elements with the padding (else of those inside the image).
        divisor_override: divide the sums by this instead.

    Returns:
        Shape (N, C, P, Q) with ``P = (H + 2·padding − kh) // stride + 1`` (rounded up in ``ceil_mode``).

    Raises:
        ValueError: shapes or options that do not fit.
        TypeError: an option that is no integer.

    Gradient: each cotangent, divided in the same way, to every element of its window.

    >>> avg_pool2d(np.array([[[1.0, 2.0, 0.0, 0.0], [4.0, 3.0, 0.0, 5.0]]]), 2).tolist()
    [[[2.5, 1.25]]]
    """
    return _average("avg_pool2d", 2, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@composition()
def avg_pool1d(
    x: ArrayLike,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of sequences (N, C, L) or (C, L): :func:`avg_pool2d` with one spatial axis.

    Args:
        x: the sequences.
        kernel_size: the length of a window.
        stride: the step from one window to the next; by default ``kernel_size``.
        padding: zeros on each side; at most half a window.
        ceil_mode: keep a last window that reaches over the end.
        count_include_pad: divide by the number of elements with the padding (else of those inside alone).

    Raises:
        ValueError: shapes or options that do not fit.
        TypeError: an option that is no integer.

    >>> avg_pool1d(np.array([[1.0, 3.0, 2.0, 0.0]]), 2).tolist()
    [[2.0, 1.0]]
    """
    return _average("avg_pool1d", 1, x, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


# ---------------------------------------------------------------- windows of a given number


def _adaptive(name: str, axes: int, x: ArrayLike, output_size: Any, mean: bool) -> Tensor:
    t, batched = _images(name, axes, x)
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * axes
    if len(given) != axes:
        raise ValueError(f"{name}: output_size must be an integer, None, or {axes} of them, not {output_size!r}")
    inside = t.shape[-axes:]
    size: Any = lengths(
        tuple([n if v is None else v for v, n in zip(given, inside, strict=True)]), axes, name, "output_size", least=1
    )
    if not all(inside):
        raise ValueError(
            f"{name}: x of shape {t.shape if axes == 2 else (*t.shape[:2], t.shape[3])} has no elements to pool"
        )
    if axes == 1:
        size, inside = (1, *size), (1, *inside)
    if all(n % p == 0 for n, p in zip(inside, size, strict=True)):
        # Equal windows side by side.
        kernel = (inside[0] // size[0], inside[1] // size[1])
        if mean:
            sums = _window_sum(wide(t), size, kernel, kernel, (0, 0))
            return _restored(cast(sums * (1 / math.prod(kernel)), _floating(t)), axes, batched)
        return _restored(_max_pool2d(t, size, kernel, kernel, (0, 0), (1, 1)), axes, batched)
    # Window i of p goes from ⌊i·n/p⌋ to ⌈(i + 1)·n/p⌉.
    rows, columns = (
        [slice(i * n // p, -(-(i + 1) * n // p)) for i in range(p)] for n, p in zip(inside, size, strict=True)
    )
    if mean:
        across = stack([np.mean(t[:, :, row], axis=2) for row in rows], axis=2)
        return _restored(stack([np.mean(across[..., column], axis=3) for column in columns], axis=3), axes, batched)
    maxima = [stack([np.max(t[:, :, row, column], axis=(2, 3)) for column in columns], axis=2) for row in rows]
    return _restored(stack(maxima, axis=2), axes, batched)


@composition()
def adaptive_avg_pool2d(x: ArrayLike, output_size: int | Sequence[int | None] | None) -> Tensor:
    """The means of ``output_size`` windows that cover the images evenly, as ``torch.nn.functional.adaptive_avg_pool2d``.

    Args:
        x: images (N, C, H, W), or one image (C, H, W).
        output_size: rows and columns of the result: an integer or a pair; None keeps those of x. 1 gives the mean of the image.

    Returns:
        Shape (N, C, P, Q). Window i of P goes from row ``⌊i H / P⌋`` to ``⌈(i + 1) H / P⌉``.

    Raises:
        ValueError: images without elements, or an output size that is not positive.
        TypeError: an output size that is no integer.

    >>> adaptive_avg_pool2d(np.array([[[1.0, 2.0, 3.0]]]), (1, 2)).tolist()
    [[[1.5, 2.5]]]
    """
    return _adaptive("adaptive_avg_pool2d", 2, x, output_size, True)


@composition()
def adaptive_avg_pool1d(x: ArrayLike, output_size: int) -> Tensor:
    """The means of ``output_size`` windows that cover sequences (N, C, L) or (C, L) evenly: see :func:`adaptive_avg_pool2d`.

    >>> adaptive_avg_pool1d(np.array([[1.0, 2.0, 3.0]]), 2).tolist()
    [[1.5, 2.5]]
    """
    return _adaptive("adaptive_avg_pool1d", 1, x, output_size, True)


@composition(real=True)
def adaptive_max_pool2d(x: ArrayLike, output_size: int | Sequence[int | None] | None) -> Tensor:
    """The maxima of ``output_size`` windows that cover the images evenly, as ``torch.nn.functional.adaptive_max_pool2d``.

    Args and windows as for :func:`adaptive_avg_pool2d`; ties share the gradient evenly.

    >>> adaptive_max_pool2d(np.array([[[1.0, 2.0, 3.0]]]), (1, 2)).tolist()
    [[[2.0, 3.0]]]
    """
    return _adaptive("adaptive_max_pool2d", 2, x, output_size, False)


@composition(real=True)
def adaptive_max_pool1d(x: ArrayLike, output_size: int) -> Tensor:
    """The maxima of ``output_size`` windows that cover sequences (N, C, L) or (C, L) evenly: see :func:`adaptive_avg_pool2d`.

    >>> adaptive_max_pool1d(np.array([[1.0, 2.0, 3.0]]), 2).tolist()
    [[2.0, 3.0]]
    """
    return _adaptive("adaptive_max_pool1d", 1, x, output_size, False)
