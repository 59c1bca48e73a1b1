"""Discrete Fourier transforms of Tensors, under the names of ``numpy.fft``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .array_api.data_types import known_device
from .engine.tensor import Tensor
from .primitives.fft import (
    fft,
    fft2,
    fftn,
    fftshift,
    hfft,
    ifft,
    ifft2,
    ifftn,
    ifftshift,
    ihfft,
    irfft,
    irfft2,
    irfftn,
    rfft,
    rfft2,
    rfftn,
)

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft", "irfft", "irfft2", "irfftn",
    "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip


def fftfreq(n: int, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of the elements of :func:`fft` of ``n`` samples that are ``d`` apart; float64 by default.

    >>> fftfreq(4, d=0.5).tolist()
    [0.0, 0.5, -1.0, -0.5]
    """
    known_device(device)
    return Tensor(np.fft.fftfreq(n, d), dtype=dtype)


def rfftfreq(n: int, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of the elements of :func:`rfft` of ``n`` samples that are ``d`` apart; float64 by default.

    >>> rfftfreq(4, d=0.5).tolist()
    [0.0, 0.5, 1.0]
    """
    known_device(device)
    return Tensor(np.fft.rfftfreq(n, d), dtype=dtype)
