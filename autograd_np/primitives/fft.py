"""Fourier transforms: all of ``numpy.fft``, every ``n``, ``axes`` and ``norm``.

The transform matrix F is symmetric. The gradient convention dL/dRe − i·dL/dIm pairs without conjugation, so the
gradient of y = F x is Fᵀ g = F g: the same transform, with the same ``norm``. The transforms of real signals
read or write half of a Hermitian spectrum; there each inner frequency stands for two.
"""
# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.registry import primitive, rule
from ..engine.tensor import Array, ArrayLike, Tensor

__all__ = [
    "fft",
    "fft2",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftn",
]


def _resized(g: Array, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """The transpose of NumPy's cropping or zero padding along ``axes``: from the transform's lengths back to the operand's."""
    crop = [slice(None)] * len(shape)
    pad = [(0, 0)] * len(shape)
    for axis in axes:
        have, want = g.shape[axis], shape[axis]
        crop[axis] = slice(min(have, want))
        pad[axis] = (0, max(want - have, 0))
    if any(g.shape[axis] > shape[axis] for axis in axes):
        g = g[tuple(crop)]
    return np.pad(g, pad) if any(after for _, after in pad) else g


def _inner(g: Array, n: int, axis: int, factor: float) -> Array:
    """``g`` times ``factor`` at the frequencies that stand for two: all but 0 and, for even n, n/2."""
    start = (slice(None),) * (axis % len(g.shape))
    last = n // 2 + n % 2  # the first frequency after the inner ones
    parts = [g[(*start, slice(0, 1))], factor * g[(*start, slice(1, last))], g[(*start, slice(max(last, 1), None))]]
    return np.concatenate(parts, axis=axis)


def _axes(x_shape: tuple[int, ...], s: Any, axes: Any) -> tuple[int, ...]:
    ndim = len(x_shape)
    if axes is None:
        axes = range(ndim) if s is None else range(-len(s), 0)
    chosen = tuple([int(axis) % ndim for axis in axes])
    if s is not None and len(set(chosen)) < len(chosen):
        raise TypeError(f"fftn: an axis that occurs twice in axes={tuple(axes)} has no gradient here together with s=")
    return chosen


# ------------------------------------------------------------------------------------------------ complex, one axis


@primitive(np.fft.fft, masks="n")
def fft(x: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None, out: None = None) -> Tensor:
    """The discrete Fourier transform y_j = Σ_k x_k e^(−2πi jk/n) along an axis: complex (single precision for float32).

    Args:
        x: real or complex.
        n: length of the transform; ``x`` is cropped or padded with zeros to it.
        axis: the axis.
        norm: 'backward' (None): no factor; 'ortho': 1/√n; 'forward': 1/n.
        out: not supported.

    Gradient: the same transform of the cotangent (its real part for real ``x``).
    """
    return np.fft.fft(x, n, axis, norm)


@primitive(np.fft.ifft, masks="n")
def ifft(x: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None, out: None = None) -> Tensor:
    """The inverse transform x_k = 1/n Σ_j y_j e^(2πi jk/n) along an axis; parameters as :func:`fft`, ``norm`` the other way round.

    Gradient: the same transform of the cotangent.
    """
    return np.fft.ifft(x, n, axis, norm)


rule(fft, lambda g, x_shape, axis, norm: _resized(np.fft.fft(g, None, axis, norm), x_shape, (axis,)))
rule(ifft, lambda g, x_shape, axis, norm: _resized(np.fft.ifft(g, None, axis, norm), x_shape, (axis,)))


# ------------------------------------------------------------------------------------------------ real, one axis


@primitive(np.fft.rfft, real=True, masks="n")
def rfft(x: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None, out: None = None) -> Tensor:
    """The frequencies 0 … n/2 of the transform of a real signal; parameters as :func:`fft`.

    Gradient: x_k gets Re Σ_j g_j e^(−2πi jk/n), summed over the n/2 + 1 frequencies.
    """
    return np.fft.rfft(x, n, axis, norm)


@primitive(np.fft.irfft, masks="n")
def irfft(x: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None, out: None = None) -> Tensor:
    """The real signal of length n (by default 2(m − 1)) whose frequencies 0 … n/2 are given; parameters as :func:`ifft`.

    The imaginary parts at frequency 0 and, for even n, n/2 are ignored: their gradient is 0.
    Gradient: c_j/n Σ_k g_k e^(2πi jk/n), with c = 1 at those two frequencies and 2 at the others.
    """
    return np.fft.irfft(x, n, axis, norm)


@primitive(np.fft.hfft, masks="n")
def hfft(x: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None, out: None = None) -> Tensor:
    """The real transform of a signal with Hermitian symmetry, of which the first half is given; n by default 2(m − 1).

    Gradient: c_j Σ_k g_k e^(−2πi jk/n), with c = 1 at j = 0 and, for even n, n/2, and 2 elsewhere.
    """
    return np.fft.hfft(x, n, axis, norm)


@primitive(np.fft.ihfft, real=True, masks="n")
def ihfft(x: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None, out: None = None) -> Tensor:
    """The first half of the inverse transform of a real signal: the inverse of :func:`hfft`.

    Gradient: x_k gets 1/n Re Σ_j g_j e^(2πi jk/n), summed over the n/2 + 1 elements.
    """
    return np.fft.ihfft(x, n, axis, norm)


def _length(n: int | None, x_shape: tuple[int, ...], axis: int) -> int:
    return x_shape[axis] if n is None else n


def _rfft_rule(g: Array, x_shape: tuple[int, ...], n: int | None, axis: int, norm: Any) -> Any:
    n = _length(n, x_shape, axis)
    return _resized(np.fft.hfft(_inner(g, n, axis, 0.5), n, axis, norm), x_shape, (axis,))


def _ihfft_rule(g: Array, x_shape: tuple[int, ...], n: int | None, axis: int, norm: Any) -> Any:
    n = _length(n, x_shape, axis)
    return _resized(np.fft.irfft(_inner(g, n, axis, 0.5), n, axis, norm), x_shape, (axis,))


rule(rfft, _rfft_rule)
rule(ihfft, _ihfft_rule)
rule(
    irfft,
    lambda g, x_shape, axis, norm: _resized(
        _inner(np.fft.ihfft(g, None, axis, norm), g.shape[axis], axis, 2.0), x_shape, (axis,)
    ),
)
rule(
    hfft,
    lambda g, x_shape, axis, norm: _resized(
        _inner(np.fft.rfft(g, None, axis, norm), g.shape[axis], axis, 2.0), x_shape, (axis,)
    ),
)


# ------------------------------------------------------------------------------------------------ several axes


@primitive(np.fft.fftn, masks="s")
def fftn(x: ArrayLike, s: Any = None, axes: Any = None, norm: str | None = None, out: None = None) -> Tensor:
    """The Fourier transform along several axes.

    Args:
        x: real or complex.
        s: lengths of the transform along ``axes`` (−1: as they are); ``x`` is cropped or padded with zeros.
        axes: the axes; by default all.
        norm: as :func:`fft`.
        out: not supported.

    Gradient: the same transform of the cotangent.
    """
    return np.fft.fftn(x, s, axes, norm)


@primitive(np.fft.ifftn, masks="s")
def ifftn(x: ArrayLike, s: Any = None, axes: Any = None, norm: str | None = None, out: None = None) -> Tensor:
    """The inverse transform along several axes; parameters as :func:`fftn`. Gradient: the same transform of the cotangent."""
    return np.fft.ifftn(x, s, axes, norm)


@primitive(np.fft.fft2, masks="s")
def fft2(x: ArrayLike, s: Any = None, axes: Any = (-2, -1), norm: str | None = None, out: None = None) -> Tensor:
    """:func:`fftn` along two axes, by default the last."""
    return np.fft.fft2(x, s, axes, norm)


@primitive(np.fft.ifft2, masks="s")
def ifft2(x: ArrayLike, s: Any = None, axes: Any = (-2, -1), norm: str | None = None, out: None = None) -> Tensor:
    """:func:`ifftn` along two axes, by default the last."""
    return np.fft.ifft2(x, s, axes, norm)


def _fftn_rule(g: Array, x_shape: tuple[int, ...], s: Any, axes: Any, norm: Any) -> Any:
    axes = _axes(x_shape, s, axes)
    return _resized(np.fft.fftn(g, axes=axes, norm=norm), x_shape, axes)


def _ifftn_rule(g: Array, x_shape: tuple[int, ...], s: Any, axes: Any, norm: Any) -> Any:
    axes = _axes(x_shape, s, axes)
    return _resized(np.fft.ifftn(g, axes=axes, norm=norm), x_shape, axes)


rule(fftn, _fftn_rule)
rule(fft2, _fftn_rule)
rule(ifftn, _ifftn_rule)
rule(ifft2, _ifftn_rule)


@primitive(np.fft.rfftn, real=True, masks="s")
def rfftn(x: ArrayLike, s: Any = None, axes: Any = None, norm: str | None = None, out: None = None) -> Tensor:
    """:func:`rfft` along the last of ``axes`` and :func:`fft` along the others, of a real array."""
    return np.fft.rfftn(x, s, axes, norm)


@primitive(np.fft.rfft2, real=True, masks="s")
def rfft2(x: ArrayLike, s: Any = None, axes: Any = (-2, -1), norm: str | None = None, out: None = None) -> Tensor:
    """:func:`rfftn` along two axes, by default the last."""
    return np.fft.rfft2(x, s, axes, norm)


@primitive(np.fft.irfftn, masks="s")
def irfftn(x: ArrayLike, s: Any = None, axes: Any = None, norm: str | None = None, out: None = None) -> Tensor:
    """:func:`ifft` along all but the last of ``axes``, then :func:`irfft` along the last: a real array.

    The length of the last is by default 2(m − 1).
    """
    return np.fft.irfftn(x, s, axes, norm)


@primitive(np.fft.irfft2, masks="s")
def irfft2(x: ArrayLike, s: Any = None, axes: Any = (-2, -1), norm: str | None = None, out: None = None) -> Tensor:
    """:func:`irfftn` along two axes, by default the last."""
    return np.fft.irfft2(x, s, axes, norm)


def _rfftn_rule(g: Array, x_shape: tuple[int, ...], s: Any, axes: Any, norm: Any) -> Any:
    *others, last = axes = _axes(x_shape, s, axes)
    n = x_shape[last] if s is None or s[-1] in (-1, None) else int(s[-1])
    if others:
        g = np.fft.fftn(g, axes=tuple(others), norm=norm)
    return _resized(np.fft.hfft(_inner(g, n, last, 0.5), n, last, norm), x_shape, axes)


def _irfftn_rule(g: Array, x_shape: tuple[int, ...], s: Any, axes: Any, norm: Any) -> Any:
    *others, last = axes = _axes(x_shape, s, axes)
    g = _inner(np.fft.ihfft(g, None, last, norm), g.shape[last], last, 2.0)
    if others:
        g = np.fft.ifftn(g, axes=tuple(others), norm=norm)
    return _resized(g, x_shape, axes)


rule(rfftn, _rfftn_rule)
rule(rfft2, _rfftn_rule)
rule(irfftn, _irfftn_rule)
rule(irfft2, _irfftn_rule)


# ------------------------------------------------------------------------------------------------ shifts


@primitive(np.fft.fftshift)
def fftshift(x: ArrayLike, axes: Any = None) -> Tensor:
    """The halves of the axes exchanged, so that frequency 0 is in the middle. Gradient: :func:`ifftshift` of the cotangent."""
    return np.fft.fftshift(x, axes)


@primitive(np.fft.ifftshift)
def ifftshift(x: ArrayLike, axes: Any = None) -> Tensor:
    """The inverse of :func:`fftshift`."""
    return np.fft.ifftshift(x, axes)


rule(fftshift, lambda g, axes: np.fft.ifftshift(g, axes))
rule(ifftshift, lambda g, axes: np.fft.fftshift(g, axes))
