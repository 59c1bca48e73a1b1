"""``pad``: the constant mode as a primitive, the others axis by axis from slices, flips and statistics."""
# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.registry import primitive, rule
from ..engine.tensor import Array, ArrayLike, Tensor
from .composed import publish
from .joining import concatenate
from .layout import in_order
from .shaping import broadcast_to, flip, settled, tensor_of
from .values import counted

Widths = tuple[tuple[int, int], ...]


@primitive(name="pad")
def _pad(x: ArrayLike, /, widths: Widths, constant_values: Any = 0) -> Tensor:
    """:func:`pad` in the constant mode, with one pair of widths per axis."""
    return np.pad(x, widths or 0, constant_values=constant_values)


rule(
    _pad,
    lambda g, x_shape, widths: g[
        tuple([slice(before, before + size) for (before, _), size in zip(widths, x_shape, strict=True)])
    ],
)

_OPTIONS = {
    "constant": ("constant_values",),
    "edge": (),
    "wrap": (),
    "linear_ramp": ("end_values",),
    "maximum": ("stat_length",),
    "minimum": ("stat_length",),
    "mean": ("stat_length",),
    "median": ("stat_length",),
    "reflect": ("reflect_type",),
    "symmetric": ("reflect_type",),
}


def pad(
    x: ArrayLike,
    /,
    pad_width: Any,
    mode: str = "constant",
    *,
    constant_values: Any = None,
    end_values: Any = None,
    stat_length: Any = None,
    reflect_type: str | None = None,
) -> Tensor:
    """``x`` with elements added before and after along each axis.

    Args:
        x: the array.
        pad_width: one number, a pair (before, after), one pair per axis, or a dict from axis to number or pair.
        mode: ``constant``, ``edge``, ``reflect``, ``symmetric``, ``wrap``, ``linear_ramp``, ``mean``, ``maximum``,
            ``minimum`` or ``median``, as in NumPy.
        constant_values: for ``constant``: 0 by default; not differentiated.
        end_values: for ``linear_ramp``: 0 by default; not differentiated.
        stat_length: for the statistics: how many elements next to the edge they use; all by default.
        reflect_type: for ``reflect`` and ``symmetric``: ``even``, or ``odd`` for twice the edge minus the reflection.

    Raises:
        ValueError: the mode is none of these, or an option belongs to another mode.
        TypeError: ``empty`` and functions, whose values have no gradient.

    An element that was added from several contributes to the gradients of all of them; ``maximum`` and
    ``minimum`` split ties evenly.

    >>> pad([1.0, 2.0, 3.0], (0, 2), mode="reflect").tolist()
    [1.0, 2.0, 3.0, 2.0, 1.0]
    """
    if callable(mode) or mode == "empty":
        kind = "a function as mode" if callable(mode) else "mode 'empty'"
        raise TypeError(
            f"pad: {kind} is not supported on Tensors: the added values would have no gradient; supported modes: {', '.join(_OPTIONS)}"
        )
    if mode not in _OPTIONS:
        raise ValueError(f"pad: mode '{mode}' is not supported; the modes are {', '.join(_OPTIONS)}")
    given = {
        "constant_values": constant_values,
        "end_values": end_values,
        "stat_length": stat_length,
        "reflect_type": reflect_type,
    }
    foreign = [word for word, value in given.items() if value is not None and word not in _OPTIONS[mode]]
    if foreign:
        raise ValueError(f"pad: unsupported keyword arguments for mode '{mode}': {', '.join(foreign)}")
    t = tensor_of(x)
    widths = _widths(pad_width, t.ndim)
    if mode == "constant":
        return _pad(t, widths, 0 if constant_values is None else constant_values)
    if t.dtype.kind not in "fc":
        options: Any = {word: value for word, value in given.items() if value is not None}
        return Tensor(np.pad(t._values, widths, mode=mode, **options))
    if not t.size or not any(before or after for before, after in widths):
        for axis, pair in enumerate(widths):
            if not t.shape[axis] and any(pair):
                raise ValueError(f"pad: can't extend empty axis {axis} using modes other than 'constant' or 'empty'")
        return _pad(t, widths)
    ends = _pairs(0 if end_values is None else end_values, t.ndim)
    lengths = _pairs(stat_length, t.ndim)
    order = settled(t)
    for axis, (before, after) in enumerate(widths):
        if not before and not after:
            continue
        if mode in ("reflect", "symmetric") and t.shape[axis] > 1:
            t = _reflected(t, axis, before, after, mode == "symmetric", reflect_type == "odd")
        elif mode == "wrap":
            t = _wrapped(t, axis, before, after)
        elif mode == "linear_ramp":
            t = _ramped(t, axis, before, after, ends[axis])
        elif mode in ("edge", "reflect", "symmetric"):
            t = _extended(t, axis, before, after, _part(t, axis, 0, 1), _part(t, axis, -1, None))
        else:
            t = _extended(t, axis, before, after, *_statistics(t, axis, mode, lengths[axis]))
    return in_order(t, order)


publish(pad, _pad, np.pad)


def _widths(pad_width: Any, ndim: int) -> Widths:
    """One pair of non-negative numbers per axis."""
    if pad_width.__class__ is int and pad_width >= 0:
        return ((pad_width, pad_width),) * ndim
    if isinstance(pad_width, dict):
        pairs = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            pairs[axis] = width if isinstance(width, tuple) else (width, width)
        pad_width = pairs
    array = np.asarray(pad_width)
    if array.dtype.kind != "i" and array.size:
        raise TypeError("pad: `pad_width` must be of integral type.")
    if array.size and array.min() < 0:
        raise ValueError("pad: index can't contain negative values")
    return tuple([(int(a), int(b)) for a, b in np.broadcast_to(array, (ndim, 2)).tolist()])


def _pairs(value: Array | None, ndim: int) -> Any:
    """One pair of values per axis."""
    if value is None:
        return [(None, None)] * ndim
    return np.broadcast_to(np.asarray(value), (ndim, 2)).tolist()


def _part(t: Tensor, axis: int, start: int | None, stop: int | None) -> Tensor:
    return t[(slice(None),) * axis + (slice(start, stop),)]


def _extended(t: Tensor, axis: int, before: int, after: int, left: Tensor, right: Tensor) -> Tensor:
    """``t`` between ``left`` and ``right``, which are repeated to the widths."""
    parts = [t]
    if before:
        parts.insert(0, broadcast_to(left, (*t.shape[:axis], before, *t.shape[axis + 1 :])))
    if after:
        parts.append(broadcast_to(right, (*t.shape[:axis], after, *t.shape[axis + 1 :])))
    return concatenate(parts, axis)


def _wrapped(t: Tensor, axis: int, before: int, after: int) -> Tensor:
    """``t`` continued periodically."""
    period = t.shape[axis]
    rounds_before, rest_before = divmod(before, period)
    rounds_after, rest_after = divmod(after, period)
    parts = [t] * (rounds_before + 1 + rounds_after)
    if rest_before:
        parts.insert(0, _part(t, axis, period - rest_before, None))
    if rest_after:
        parts.append(_part(t, axis, 0, rest_after))
    return concatenate(parts, axis)


def _reflected(t: Tensor, axis: int, before: int, after: int, symmetric: bool, odd: bool) -> Tensor:
    """``t`` continued by reflection at its ends, again and again until the widths are filled.

    ``symmetric`` repeats the element at the edge; ``odd`` turns the reflection around the edge's value:
    ``2 · edge - reflection``.
    """
    period = t.shape[axis] if symmetric else t.shape[axis] - 1
    skipped = 0 if symmetric else 1
    while before or after:
        length = t.shape[axis]
        # A whole number of periods, so that the next reflection starts where this one ended.
        chunk = (length - skipped) // period * period
        parts = [t]
        if before:
            width = min(chunk, before)
            part = flip(_part(t, axis, skipped, skipped + width), axis)
            parts.insert(0, 2 * _part(t, axis, 0, 1) - part if odd else part)
            before -= width
        if after:
            width = min(chunk, after)
            part = flip(_part(t, axis, length - skipped - width, length - skipped), axis)
            parts.append(2 * _part(t, axis, -1, None) - part if odd else part)
            after -= width
        t = concatenate(parts, axis)
    return t


def _ramped(t: Tensor, axis: int, before: int, after: int, ends: Any) -> Tensor:
    """``t`` continued by straight lines that reach the end values at the outermost elements."""
    parts = [t]
    along = (1,) * axis + (-1,) + (1,) * (t.ndim - axis - 1)
    if before:
        steps = np.reshape(counted(before, t), along)
        parts.insert(0, (_part(t, axis, 0, 1) - ends[0]) / before * steps + ends[0])
    if after:
        steps = np.reshape(np.flip(counted(after, t)), along)
        parts.append((_part(t, axis, -1, None) - ends[1]) / after * steps + ends[1])
    return concatenate(parts, axis)


def _statistics(t: Tensor, axis: int, mode: str, lengths: Any) -> tuple[Tensor, Tensor]:
    """The statistic of the elements next to each edge."""
    functions: dict[str, Any] = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}
    size = t.shape[axis]
    left, right = (size if length is None else min(round(length), size) for length in lengths)
    if min(left, right) < 0:
        raise ValueError("pad: index can't contain negative values")
    if not left or not right:
        raise ValueError("pad: stat_length of 0 yields no value for padding")
    low = functions[mode](_part(t, axis, 0, left), axis=axis, keepdims=True)
    high = (
        low if left == right == size else functions[mode](_part(t, axis, size - right, None), axis=axis, keepdims=True)
    )
    return low, high
