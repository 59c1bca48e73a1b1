"""Images and signals of another size: interpolation, and channels that become pixels."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_np as ag
from autograd_np import Tensor

if TYPE_CHECKING:
    from autograd_np.typing import ArrayLike

__all__ = ["interpolate", "pixel_shuffle", "pixel_unshuffle"]

# How many axes an image must have, the two of batch and channels included; None for any.
MODES: dict[str, int | None] = {"nearest": None, "linear": 3, "bilinear": 4, "trilinear": 5, "bicubic": 4}
CUBIC = -0.75  # the slope parameter of Keys' kernel, as in PyTorch and OpenCV


def interpolate(
    input: ArrayLike,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """An image (N, C, …) in another size, along each axis after the first two.

    The pixel i of an axis of length n, made from one of length m, is taken at ``(i + ½) · m / n − ½`` (at ``i · m / n``, rounded down, for
    ``"nearest"``), with ``align_corners`` at ``i · (m − 1) / (n − 1)``; outside, the edge is repeated. Where ``scale_factor`` is
    given, ``1 / scale_factor`` stands for ``m / n``. The weights of ``"bicubic"`` are those of Keys, 1981, with a = −0.75.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W).
        size: of the result, one number for all axes or one for each.
        scale_factor: instead: ``n = ⌊m · scale_factor⌋``.
        mode: ``"nearest"``; ``"linear"``, ``"bilinear"``, ``"trilinear"`` for one, two, three axes; ``"bicubic"`` for two.
        align_corners: whether the outermost pixels keep their places; not for ``"nearest"``.

    Raises:
        ValueError: shapes or options that do not fit.

    >>> interpolate(np.array([[[1.0, 2.0]]]), scale_factor=2, mode="linear").tolist()
    [[[1.0, 1.25, 1.75, 2.0]]]
    """
    x: Any = input if hasattr(input, "dtype") else np.asarray(input)
    if mode not in MODES:
        raise ValueError(f"interpolate: mode is one of {', '.join(map(repr, MODES))}, not {mode!r}")
    if MODES[mode] not in (None, x.ndim) or not 3 <= x.ndim <= 5:
        wanted = MODES[mode] or "3 to 5"
        raise ValueError(f"interpolate: mode {mode!r} takes {wanted} axes, (N, C, …); the input has shape {x.shape}")
    if align_corners is not None and mode == "nearest":
        raise ValueError("interpolate: mode 'nearest' has no align_corners")
    lengths, scales = _lengths(x.shape[2:], size, scale_factor)
    taps = {"nearest": _nearest, "bicubic": _cubic}.get(mode, _linear)
    for axis, (before, after, scale) in enumerate(zip(x.shape[2:], lengths, scales, strict=True), 2):
        if before != after or scale != 1.0:
            x = _resized(x, axis, *taps(before, after, scale, bool(align_corners)))
    return x if isinstance(x, Tensor) else Tensor(x)


def _lengths(before: Sequence[int], size: Any, factor: Any) -> tuple[list[int], list[float]]:
    """The lengths of the result, and by how much a pixel there is longer than one here."""
    if (size is None) == (factor is None):
        raise ValueError("interpolate: give size or scale_factor, one of them")
    given = size if factor is None else factor
    each = [*given] if isinstance(given, (tuple, list)) else [given] * len(before)
    if len(each) != len(before):
        raise ValueError(f"interpolate: {len(each)} sizes for {len(before)} axes")
    if factor is None:
        lengths = [operator.index(n) for n in each]
        scales = [m / max(n, 1) for m, n in zip(before, lengths, strict=True)]
    else:
        if not all(s > 0 for s in each):
            raise ValueError(f"interpolate: scale_factor is above 0, not {factor!r}")
        lengths = [math.floor(m * s) for m, s in zip(before, each, strict=True)]
        scales = [1.0 / s for s in each]
    if min(lengths) < 1 or min(before) < 1:
        raise ValueError(f"interpolate: from {tuple(before)} to {tuple(lengths)} pixels; there must be one at least")
    return lengths, scales


Taps = tuple[Any, Any]  # which pixels each new one is made of, (taps, n), and their weights


def _nearest(m: int, n: int, scale: float, _: bool) -> Taps:
    index = np.minimum(np.floor(np.arange(n) * scale).astype(int), m - 1)
    return index[None], None


def _places(m: int, n: int, scale: float, align: bool) -> Any:
    """Where the new pixels lie among the old ones."""
    if align:
        return np.arange(n) * ((m - 1) / (n - 1) if n > 1 else 0.0)
    return (np.arange(n) + 0.5) * scale - 0.5


def _linear(m: int, n: int, scale: float, align: bool) -> Taps:
    place = np.maximum(_places(m, n, scale, align), 0.0)
    first = np.minimum(np.floor(place).astype(int), m - 1)
    part = np.minimum(place - first, 1.0)
    return np.stack([first, np.minimum(first + 1, m - 1)]), np.stack([1.0 - part, part])


def _cubic(m: int, n: int, scale: float, align: bool) -> Taps:
    place = _places(m, n, scale, align)
    first = np.floor(place).astype(int)
    away = np.abs(place - first - np.arange(-1, 3)[:, None])
    near = ((CUBIC + 2) * away - (CUBIC + 3)) * away**2 + 1
    far = ((away - 5) * away + 8) * away * CUBIC - 4 * CUBIC
    return np.clip(first + np.arange(-1, 3)[:, None], 0, m - 1), np.where(away <= 1, near, far)


def _resized(x: Any, axis: int, index: Any, weights: Any) -> Any:
    """The sums of the pixels along an axis, by their weights."""
    parts = [ag.take(x, row, axis) for row in index]
    if weights is None:
        return parts[0]
    kind = x.dtype if x.dtype.kind in "fc" else np.dtype(float)
    shape = [1] * x.ndim
    shape[axis] = -1
    total: Any = 0.0
    for part, row in zip(parts, weights.astype(kind), strict=True):
        total = part * row.reshape(shape) + total
    return total


def pixel_shuffle(input: ArrayLike, upscale_factor: int) -> Tensor:
    """Channels as pixels: (…, C·r², H, W) becomes (…, C, H·r, W·r). Shi et al., CVPR 2016.

    Raises:
        ValueError: the channels are no multiple of r².

    >>> pixel_shuffle(np.arange(4.0).reshape(1, 4, 1, 1), 2).tolist()
    [[[[0.0, 1.0], [2.0, 3.0]]]]
    """
    x, r = _image("pixel_shuffle", input, upscale_factor)
    *batch, c, h, w = x.shape
    if c % (r * r):
        raise ValueError(f"pixel_shuffle: {c} channels are no multiple of upscale_factor² = {r * r}")
    k = len(batch)
    parts = x.reshape(*batch, c // (r * r), r, r, h, w)
    moved = parts.transpose(*range(k), k, k + 3, k + 1, k + 4, k + 2)
    return moved.reshape(*batch, c // (r * r), h * r, w * r)


def pixel_unshuffle(input: ArrayLike, downscale_factor: int) -> Tensor:
    """Pixels as channels, the inverse of :func:`pixel_shuffle`: (…, C, H·r, W·r) becomes (…, C·r², H, W).

    Raises:
        ValueError: height or width is no multiple of r.
    """
    x, r = _image("pixel_unshuffle", input, downscale_factor)
    *batch, c, h, w = x.shape
    if h % r or w % r:
        raise ValueError(f"pixel_unshuffle: an image of {h} × {w} pixels is no multiple of downscale_factor = {r}")
    k = len(batch)
    parts = x.reshape(*batch, c, h // r, r, w // r, r)
    moved = parts.transpose(*range(k), k, k + 2, k + 4, k + 1, k + 3)
    return moved.reshape(*batch, c * r * r, h // r, w // r)


def _image(name: str, input: Any, factor: Any) -> tuple[Tensor, int]:
    x = input if isinstance(input, Tensor) else Tensor(input)
    r = operator.index(factor)
    if r < 1:
        raise ValueError(f"{name}: the factor is at least 1, not {r}")
    if x.ndim < 3:
        raise ValueError(f"{name}: takes (…, C, H, W), not shape {x.shape}")
    return x, r
