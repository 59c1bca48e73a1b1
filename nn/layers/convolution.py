"""Convolutions of images and sequences, and their transposes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_np as ag
from autograd_np import Tensor

from .. import init as initialisers
from ..defaults import default_dtype, generator_of
from ..module import Module, Parameter
from .checks import named

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from autograd_np.typing import ArrayLike

__all__ = ["Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d"]

Rng = np.random.Generator | int | None
Size = int | tuple[int, ...]

# PyTorch's words for what stands around an image → NumPy's.
_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _sizes(layer: str, option: str, value: Any, axes: int, least: int) -> tuple[int, ...]:
    """An option as one integer per spatial axis."""
    sizes = tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes
    if len(sizes) == 1:
        sizes *= axes
    if len(sizes) != axes or any(
        isinstance(v, bool) or not isinstance(v, (int, np.integer)) or v < least for v in sizes
    ):
        raise ValueError(
            f"{layer}: {option} must be an integer of at least {least}{f' or {axes} of them' if axes > 1 else ''}, not {value!r}"
        )
    return tuple([int(v) for v in sizes])


class _Convolution(Module):
    """What the convolutions share: options, parameters, representation."""

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        axes: int,
        transposed: bool,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size,
        padding: str | Size,
        output_padding: Size,
        dilation: Size,
        groups: int,
        bias: bool,
        padding_mode: str,
        dtype: DTypeLike | None,
        rng: Rng,
        weight_init: Any,
        bias_init: Any,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        number: Any
        for word, number in (("in_channels", in_channels), ("out_channels", out_channels), ("groups", groups)):
            if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < 1:
                raise ValueError(f"{name}: {word} must be a positive integer, not {number!r}")
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: groups={groups} must divide in_channels={in_channels} and out_channels={out_channels}"
            )
        if padding_mode not in (("zeros",) if transposed else _MODES):
            raise ValueError(
                f"{name}: padding_mode must be {'zeros' if transposed else ', '.join(_MODES)}, not {padding_mode!r}"
            )
        self.in_channels, self.out_channels, self.groups, self.padding_mode = (
            in_channels,
            out_channels,
            groups,
            padding_mode,
        )
        self.kernel_size = _sizes(name, "kernel_size", kernel_size, axes, 1)
        self.stride = _sizes(name, "stride", stride, axes, 1)
        self.dilation = _sizes(name, "dilation", dilation, axes, 1)
        self.output_padding = _sizes(name, "output_padding", output_padding, axes, 0)
        self.padding: str | tuple[int, ...]
        if isinstance(padding, str):
            if transposed or padding not in ("same", "valid"):
                raise ValueError(
                    f"{name}: padding must be {'' if transposed else 'same, valid, '}an integer or {axes} of them, not {padding!r}"
                )
            if padding == "same" and self.stride != (1,) * axes:
                raise ValueError(
                    f"{name}: padding='same' needs stride 1, not {stride!r}: no padding gives a result of the input's size"
                )
            self.padding = padding
        else:
            self.padding = _sizes(name, "padding", padding, axes, 0)
        dtype = default_dtype() if dtype is None else np.dtype(dtype)
        generator = generator_of(rng)
        channels = (in_channels, out_channels // groups) if transposed else (out_channels, in_channels // groups)
        shape = (*channels, *self.kernel_size)
        start = "fan_in_uniform" if weight_init is None else weight_init
        self.weight = Parameter(initialisers.fresh(shape, start, dtype=dtype, rng=generator))
        fan_in = initialisers.fans(shape)[0]
        start = "fan_in_uniform" if bias_init is None else bias_init
        values = initialisers.fresh((out_channels,), start, dtype=dtype, rng=generator, fan_in=fan_in) if bias else None
        self.register_parameter("bias", None if values is None else Parameter(values))

    def extra_repr(self) -> str:
        """The channels, the kernel, and the options that are not the usual ones."""
        axes = len(self.kernel_size)
        words = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        usual: dict[str, Any] = {
            "padding": (0,) * axes,
            "dilation": (1,) * axes,
            "output_padding": (0,) * axes,
            "groups": 1,
            "padding_mode": "zeros",
        }
        words += [f"{word}={getattr(self, word)}" for word, value in usual.items() if getattr(self, word) != value]
        if self.bias is None:
            words.append("bias=False")
        return ", ".join(words)

    def _padded(self, x: ArrayLike) -> tuple[Any, Any]:
        """The input with what ``padding_mode`` puts around it, and the zeros that remain to be added."""
        if self.padding_mode == "zeros":
            return x, self.padding
        axes = len(self.kernel_size)
        if self.padding == "valid" or len(np.shape(x)) <= axes:  # too few axes: the convolution says so
            return x, 0
        if self.padding == "same":
            total = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            widths = [(t // 2, t - t // 2) for t in total]
        else:
            widths = [(int(a), int(a)) for a in self.padding]
        inside = np.shape(x)[-axes:]
        least = 1 if self.padding_mode == "reflect" else 0
        if (
            any(max(pair) > n - least for pair, n in zip(widths, inside, strict=False))
            and self.padding_mode != "replicate"
        ):
            raise ValueError(
                f"padding_mode={self.padding_mode!r} can add at most {'size − 1' if least else 'the size'} on each side; x has shape {np.shape(x)}"
            )
        unpadded = [(0, 0)] * (len(np.shape(x)) - axes)
        return ag.pad(x, (*unpadded, *widths), mode=_MODES[self.padding_mode]), 0

    def _convolve(self, function: Any, x: ArrayLike) -> Tensor:
        try:
            x, padding = self._padded(x)
            return function(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)  # type: ignore[no-any-return]
        except ValueError as error:
            raise named(self, error, self._remedy(np.shape(x))) from None

    def _transpose(self, function: Any, x: ArrayLike, output_size: Any) -> Tensor:
        try:
            extra = self.output_padding if output_size is None else self._extra(np.shape(x), output_size)
            return function(x, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)  # type: ignore[no-any-return]
        except ValueError as error:
            raise named(self, error, self._remedy(np.shape(x))) from None

    def _remedy(self, shape: tuple[int, ...]) -> str:
        """What fits an input of this shape, if it is the channels that don't: another axis, or this layer with other numbers."""
        axes = len(self.kernel_size)
        if len(shape) not in (axes, axes + 1, axes + 2) or (len(shape) > axes and shape[-axes - 1] == self.in_channels):
            return ""
        if len(shape) <= axes + 1 and self.in_channels == 1:
            return f"the axis of channels is missing: {'x[None]' if len(shape) == axes else 'x[:, None]'} adds it"
        if len(shape) == axes + 2 and shape[-1] == self.in_channels:
            return f"the channels come before the others: np.moveaxis(x, -1, 1) has shape {(shape[0], shape[-1], *shape[1:-1])}"
        return (
            f"for this input write nn.{type(self).__name__}({shape[-axes - 1]}, {self.out_channels}, …)"
            if len(shape) > axes
            else ""
        )

    def _extra(self, shape: Any, output_size: Any) -> tuple[int, ...]:
        """The output padding that gives a result of ``output_size``."""
        axes = len(self.kernel_size)
        wanted = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * axes
        if len(wanted) not in (axes, len(shape)) or len(shape) < axes:
            raise ValueError(
                f"output_size must have {axes} entries, or one per axis of x, which has shape {shape}; it is {output_size!r}"
            )
        found = []
        for n, k, s, a, d, size in zip(
            shape[-axes:], self.kernel_size, self.stride, self.padding, self.dilation, wanted[-axes:], strict=True
        ):
            least = (n - 1) * s - 2 * int(a) + d * (k - 1) + 1
            if not least <= size < least + s:
                raise ValueError(
                    f"output_size {output_size!r} is not possible for x of shape {shape}: each entry is one of {s} sizes from {least} up"
                )
            found.append(size - least)
        return tuple(found)


class Conv2d(_Convolution):
    """Cross-correlation of images with learnt kernels: :func:`autograd_np.conv2d`, as ``torch.nn.Conv2d``.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: rows and columns of a kernel: an integer or a pair, as the options after it.
        stride: the step from one position to the next.
        padding: rows and columns added on each side; ``"valid"`` for none, ``"same"`` for as many as give an output of the input's size.
        dilation: the step from one element of the kernel to the next.
        groups: output channels in group k look at the input channels of group k alone; ``in_channels`` for a depthwise convolution.
        bias: whether to add a learnt number per output channel.
        padding_mode: what is added: ``"zeros"``, ``"reflect"`` (the image mirrored in its edge pixel), ``"replicate"`` (its edge pixel)
            or ``"circular"`` (its other side).
        dtype: of the parameters, float32 by default.
        rng: of their first values: a generator, a seed, or None for the default generator.
        weight_init: an initialiser (see ``nn.init``); by default uniform within 1 / √(in_channels / groups · kh · kw).
        bias_init: the same for the bias, with the same default.

    Parameters:
        weight: (out_channels, in_channels / groups, kh, kw).
        bias: (out_channels,), or None.

    Shapes: (N, in_channels, H, W) to (N, out_channels, P, Q) with ``P = (H + 2·padding − dilation (kh − 1) − 1) // stride + 1``; or
    without N. In memory the output's channels are last.

    >>> import numpy as np
    >>> import nn
    >>> layer = nn.Conv2d(3, 16, 3, stride=2, padding=1)
    >>> layer
    Conv2d(3, 16, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
    >>> layer(np.ones((8, 3, 32, 32), np.float32)).shape
    (8, 16, 16, 16)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: str | Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        dtype: DTypeLike | None = None,
        rng: Rng = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        options = (
            kernel_size,
            stride,
            padding,
            0,
            dilation,
            groups,
            bias,
            padding_mode,
            dtype,
            rng,
            weight_init,
            bias_init,
        )
        super().__init__(2, False, in_channels, out_channels, *options)

    def forward(self, x: ArrayLike) -> Tensor:
        """The convolution of ``x``."""
        return self._convolve(ag.conv2d, x)


class Conv1d(_Convolution):
    """Cross-correlation of sequences with learnt kernels: :func:`autograd_np.conv1d`, as ``torch.nn.Conv1d``.

    Arguments as for :class:`Conv2d`, with one integer in place of each pair.

    Parameters:
        weight: (out_channels, in_channels / groups, k).
        bias: (out_channels,), or None.

    Shapes: (N, in_channels, L) to (N, out_channels, P) with ``P = (L + 2·padding − dilation (k − 1) − 1) // stride + 1``; or without N.

    >>> import numpy as np
    >>> import nn
    >>> nn.Conv1d(4, 8, 3, padding="same")(np.ones((2, 4, 10), np.float32)).shape
    (2, 8, 10)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: str | Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        dtype: DTypeLike | None = None,
        rng: Rng = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        options = (
            kernel_size,
            stride,
            padding,
            0,
            dilation,
            groups,
            bias,
            padding_mode,
            dtype,
            rng,
            weight_init,
            bias_init,
        )
        super().__init__(1, False, in_channels, out_channels, *options)

    def forward(self, x: ArrayLike) -> Tensor:
        """The convolution of ``x``."""
        return self._convolve(ag.conv1d, x)


class ConvTranspose2d(_Convolution):
    """Transposed convolution of images: :func:`autograd_np.conv_transpose2d`, as ``torch.nn.ConvTranspose2d``.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: rows and columns of a kernel: an integer or a pair, as the options after it.
        stride: the step in the output from one input position to the next.
        padding: rows and columns taken away on each side of the output.
        output_padding: rows and columns added at its end, fewer than ``stride`` or ``dilation``.
        groups: output channels of group k come from the input channels of group k alone.
        bias: whether to add a learnt number per output channel.
        dilation: the step in the output from one element of the kernel to the next.
        padding_mode: ``"zeros"``; there is no other.
        dtype: of the parameters, float32 by default.
        rng: of their first values: a generator, a seed, or None for the default generator.
        weight_init: an initialiser (see ``nn.init``); by default uniform within 1 / √(out_channels / groups · kh · kw).
        bias_init: the same for the bias, with the same default.

    Parameters:
        weight: (in_channels, out_channels / groups, kh, kw).
        bias: (out_channels,), or None.

    Shapes: (N, in_channels, H, W) to (N, out_channels, P, Q) with
    ``P = (H − 1) stride − 2·padding + dilation (kh − 1) + output_padding + 1``; or without N.

    >>> import numpy as np
    >>> import nn
    >>> layer = nn.ConvTranspose2d(16, 3, 3, stride=2, padding=1)
    >>> layer(np.ones((8, 16, 16, 16), np.float32)).shape
    (8, 3, 31, 31)
    >>> layer(np.ones((8, 16, 16, 16), np.float32), output_size=(32, 32)).shape
    (8, 3, 32, 32)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        *,
        dtype: DTypeLike | None = None,
        rng: Rng = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        options = (
            kernel_size,
            stride,
            padding,
            output_padding,
            dilation,
            groups,
            bias,
            padding_mode,
            dtype,
            rng,
            weight_init,
            bias_init,
        )
        super().__init__(2, True, in_channels, out_channels, *options)

    def forward(self, x: ArrayLike, output_size: Any = None) -> Tensor:
        """The transposed convolution of ``x``; ``output_size`` chooses among the sizes that ``output_padding`` can give."""
        return self._transpose(ag.conv_transpose2d, x, output_size)


class ConvTranspose1d(_Convolution):
    """Transposed convolution of sequences: :func:`autograd_np.conv_transpose1d`, as ``torch.nn.ConvTranspose1d``.

    Arguments as for :class:`ConvTranspose2d`, with one integer in place of each pair.

    Parameters:
        weight: (in_channels, out_channels / groups, k).
        bias: (out_channels,), or None.

    Shapes: (N, in_channels, L) to (N, out_channels, P) with
    ``P = (L − 1) stride − 2·padding + dilation (k − 1) + output_padding + 1``; or without N.

    >>> import numpy as np
    >>> import nn
    >>> nn.ConvTranspose1d(4, 8, 4, stride=2, padding=1)(np.ones((2, 4, 10), np.float32)).shape
    (2, 8, 20)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        *,
        dtype: DTypeLike | None = None,
        rng: Rng = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        options = (
            kernel_size,
            stride,
            padding,
            output_padding,
            dilation,
            groups,
            bias,
            padding_mode,
            dtype,
            rng,
            weight_init,
            bias_init,
        )
        super().__init__(1, True, in_channels, out_channels, *options)

    def forward(self, x: ArrayLike, output_size: Any = None) -> Tensor:
        """The transposed convolution of ``x``; ``output_size`` chooses among the sizes that ``output_padding`` can give."""
        return self._transpose(ag.conv_transpose1d, x, output_size)
