"""Layers that resize images: the functions of the same names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from autograd_np import Tensor

from ..module import Module
from ..resizing import interpolate, pixel_shuffle, pixel_unshuffle
from .checks import whole

if TYPE_CHECKING:
    from autograd_np.typing import ArrayLike

__all__ = ["PixelShuffle", "PixelUnshuffle", "Upsample"]


class Upsample(Module):
    """An image in another size: :func:`nn.functional.interpolate`, whose options it has.

    >>> import numpy as np
    >>> Upsample(scale_factor=2)(np.array([[[1.0, 2.0]]])).tolist()
    [[[1.0, 1.0, 2.0, 2.0]]]
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
    ) -> None:
        super().__init__()
        if (size is None) == (scale_factor is None):
            raise ValueError("Upsample: give size or scale_factor, one of them")
        self.size, self.scale_factor, self.mode, self.align_corners = size, scale_factor, mode, align_corners

    def forward(self, x: ArrayLike) -> Tensor:
        """Shape (N, C, …), with as many axes as the mode asks for."""
        return interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners)

    def extra_repr(self) -> str:
        """The options."""
        named = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{named}, mode={self.mode!r}"


class PixelShuffle(Module):
    """Channels as pixels: :func:`nn.functional.pixel_shuffle`."""

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = whole("PixelShuffle", "upscale_factor", upscale_factor, 1)

    def forward(self, x: ArrayLike) -> Tensor:
        """Shape (…, C·r², H, W); the result has (…, C, H·r, W·r)."""
        return pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Pixels as channels: :func:`nn.functional.pixel_unshuffle`."""

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = whole("PixelUnshuffle", "downscale_factor", downscale_factor, 1)

    def forward(self, x: ArrayLike) -> Tensor:
        """Shape (…, C, H·r, W·r); the result has (…, C·r², H, W)."""
        return pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"downscale_factor={self.downscale_factor}"
