"""Pooling: the maximum or the mean of windows of images and sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import autograd_np as ag
from autograd_np import Tensor

from ..module import Module

if TYPE_CHECKING:
    from autograd_np.typing import ArrayLike

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "MaxPool1d",
    "MaxPool2d",
]

Size = int | tuple[int, ...]


def _no_indices(layer: Module, return_indices: bool) -> None:
    if return_indices:
        raise TypeError(f"{type(layer).__name__}: return_indices=True is not supported; the maxima alone are returned")


class _Pool(Module):
    """What the layers share: no parameters, and errors that name the layer."""

    def _pool(self, function: Any, x: ArrayLike, *options: Any) -> Tensor:
        try:
            return function(x, *options)  # type: ignore[no-any-return]
        except ValueError as error:
            raise ValueError(f"{self!r}: {error}") from None


class _MaxPool(_Pool):
    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        _no_indices(self, return_indices)
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation, self.ceil_mode = padding, dilation, ceil_mode

    def extra_repr(self) -> str:
        """All options."""
        return ", ".join(
            f"{word}={getattr(self, word)}" for word in ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
        )

    def _options(self) -> tuple[Any, ...]:
        return self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode


class MaxPool2d(_MaxPool):
    """The maximum of each window of images: :func:`autograd_np.max_pool2d`, as ``torch.nn.MaxPool2d``.

    Args:
        kernel_size: rows and columns of a window: an integer or a pair, as the options after it.
        stride: the step from one window to the next; by default ``kernel_size``.
        padding: rows and columns of −∞ on each side; at most half a window.
        dilation: the step from one element of a window to the next.
        return_indices: must be False.
        ceil_mode: keep a last window that reaches over the end.

    Shapes: (N, C, H, W) to (N, C, P, Q) with ``P = (H + 2·padding − dilation (kh − 1) − 1) // stride + 1``; or without N.
    Equal maxima of a window share its gradient evenly.

    >>> import numpy as np
    >>> import nn
    >>> nn.MaxPool2d(2)
    MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    >>> nn.MaxPool2d(2)(np.ones((8, 16, 28, 28), np.float32)).shape
    (8, 16, 14, 14)
    """

    def forward(self, x: ArrayLike) -> Tensor:
        """The maxima of ``x``."""
        return self._pool(ag.max_pool2d, x, *self._options())


class MaxPool1d(_MaxPool):
    """The maximum of each window of sequences (N, C, L) or (C, L): as :class:`MaxPool2d`, with one integer in place of each pair."""

    def forward(self, x: ArrayLike) -> Tensor:
        """The maxima of ``x``."""
        return self._pool(ag.max_pool1d, x, *self._options())


class AvgPool2d(_Pool):
    """The mean of each window of images: :func:`autograd_np.avg_pool2d`, as ``torch.nn.AvgPool2d``.

    Args:
        kernel_size: rows and columns of a window: an integer or a pair, as the options after it.
        stride: the step from one window to the next; by default ``kernel_size``.
        padding: rows and columns of zeros on each side; at most half a window.
        ceil_mode: keep a last window that reaches over the end.
        count_include_pad: divide by the number of elements with the padding (else of those inside the image).
        divisor_override: divide the sums by this instead.

    Shapes: (N, C, H, W) to (N, C, P, Q) with ``P = (H + 2·padding − kh) // stride + 1``; or without N.

    >>> import numpy as np
    >>> import nn
    >>> nn.AvgPool2d(3, stride=2)
    AvgPool2d(kernel_size=3, stride=2, padding=0)
    >>> nn.AvgPool2d(3, stride=2)(np.ones((8, 16, 27, 27), np.float32)).shape
    (8, 16, 13, 13)
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, kernel_size if stride is None else stride, padding
        self.ceil_mode, self.count_include_pad, self.divisor_override = ceil_mode, count_include_pad, divisor_override

    def extra_repr(self) -> str:
        """The window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"

    def forward(self, x: ArrayLike) -> Tensor:
        """The means of ``x``."""
        options = (
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )
        return self._pool(ag.avg_pool2d, x, *options)


class AvgPool1d(_Pool):
    """The mean of each window of sequences (N, C, L) or (C, L): as :class:`AvgPool2d`, with one integer in place of each pair."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        # PyTorch shows these as tuples.
        sizes = (kernel_size, kernel_size if stride is None else stride, padding)
        self.kernel_size, self.stride, self.padding = (v if isinstance(v, (tuple, list)) else (v,) for v in sizes)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def extra_repr(self) -> str:
        """The window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"

    def forward(self, x: ArrayLike) -> Tensor:
        """The means of ``x``."""
        return self._pool(
            ag.avg_pool1d, x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )


class _Adaptive(_Pool):
    def __init__(self, output_size: int | Sequence[int | None] | None) -> None:
        super().__init__()
        self.output_size: Any = output_size

    def extra_repr(self) -> str:
        """The size of the output."""
        return f"output_size={self.output_size}"


class _AdaptiveMax(_Adaptive):
    def __init__(self, output_size: int | Sequence[int | None] | None, return_indices: bool = False) -> None:
        super().__init__(output_size)
        _no_indices(self, return_indices)


class AdaptiveAvgPool2d(_Adaptive):
    """The means of as many windows as are asked for, whatever the size of the images: :func:`autograd_np.adaptive_avg_pool2d`.

    Args:
        output_size: rows and columns of the output: an integer or a pair; None keeps those of the input. 1 gives the mean of the image.

    Shapes: (N, C, H, W) to (N, C, *output_size); or without N.

    >>> import numpy as np
    >>> import nn
    >>> nn.AdaptiveAvgPool2d(1)(np.ones((8, 16, 5, 7), np.float32)).shape
    (8, 16, 1, 1)
    """

    def forward(self, x: ArrayLike) -> Tensor:
        """The means of ``x``."""
        return self._pool(ag.adaptive_avg_pool2d, x, self.output_size)


class AdaptiveAvgPool1d(_Adaptive):
    """The means of ``output_size`` windows of sequences (N, C, L) or (C, L): :func:`autograd_np.adaptive_avg_pool1d`."""

    def forward(self, x: ArrayLike) -> Tensor:
        """The means of ``x``."""
        return self._pool(ag.adaptive_avg_pool1d, x, self.output_size)


class AdaptiveMaxPool2d(_AdaptiveMax):
    """The maxima of as many windows as are asked for: as :class:`AdaptiveAvgPool2d`. ``return_indices`` must be False."""

    def forward(self, x: ArrayLike) -> Tensor:
        """The maxima of ``x``."""
        return self._pool(ag.adaptive_max_pool2d, x, self.output_size)


class AdaptiveMaxPool1d(_AdaptiveMax):
    """The maxima of ``output_size`` windows of sequences (N, C, L) or (C, L). ``return_indices`` must be False."""

    def forward(self, x: ArrayLike) -> Tensor:
        """The maxima of ``x``."""
        return self._pool(ag.adaptive_max_pool1d, x, self.output_size)
