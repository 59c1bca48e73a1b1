"""Normalising layers: over the batch, over features, over groups of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_np as ag
from autograd_np import Tensor

from .. import init as initialisers
from ..defaults import default_dtype, generator_of
from ..module import Module, Parameter
from .checks import named, real, whole

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from autograd_np.typing import ArrayLike

__all__ = ["BatchNorm1d", "BatchNorm2d", "GroupNorm", "InstanceNorm2d", "LayerNorm", "RMSNorm"]


class _Normalization(Module):
    """Base: weight (ones at first) and bias (zeros)."""

    weight: Parameter | None
    bias: Parameter | None

    def _affine(
        self,
        shape: tuple[int, ...],
        weight: bool,
        bias: bool,
        dtype: DTypeLike | None,
        rng: Any,
        weight_init: Any,
        bias_init: Any,
    ) -> Any:
        dtype = default_dtype() if dtype is None else dtype
        rng = generator_of(rng)
        for name, wanted, given, default in (
            ("weight", weight, weight_init, "ones"),
            ("bias", bias, bias_init, "zeros"),
        ):
            init = default if given is None else given
            self.register_parameter(
                name,
                Parameter(initialisers.fresh(shape, init, dtype=dtype, rng=rng, fan_in=1, fan_out=1))
                if wanted
                else None,
            )
        return dtype


class _BatchNorm(_Normalization):
    """Base: the running statistics, and which shapes are taken."""

    running_mean: Any
    running_var: Any
    num_batches_tracked: Any
    dims: tuple[int, ...] = ()
    axes = ""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: DTypeLike | None = None,
        rng: Any = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.num_features = num_features = whole(name, "num_features", num_features)
        self.eps = real(name, "eps", eps)
        self.momentum = None if momentum is None else real(name, "momentum", momentum, most=1)
        self.affine = affine
        self.track_running_stats = track_running_stats
        dtype = self._affine((num_features,), affine, affine, dtype, rng, weight_init, bias_init)
        self.register_buffer("running_mean", np.zeros(num_features, dtype) if track_running_stats else None)
        self.register_buffer("running_var", np.ones(num_features, dtype) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", np.zeros((), np.int64) if track_running_stats else None)

    def reset_running_stats(self) -> None:
        """Mean 0, variance 1, no batches seen."""
        if self.running_mean is not None:
            self.running_mean[...] = 0
            self.running_var[...] = 1
            self.num_batches_tracked[...] = 0

    def forward(self, x: ArrayLike) -> Tensor:
        """The shape of x, normalised per channel.

        Raises:
            ValueError: x has another number of axes or of channels, or one value per channel in training.
        """
        shape = x.shape if isinstance(x, Tensor) else np.shape(x)
        if len(shape) not in self.dims or shape[1] != self.num_features:
            raise ValueError(f"{self}: x must have shape {self.axes} with C = {self.num_features}, not {shape}")
        mean, var = self.running_mean, self.running_var
        if not self.training or mean is None:
            # Without running statistics the batch's own are taken in every mode.
            return ag.batch_norm(x, mean, var, self.weight, self.bias, mean is None, 0.0, self.eps)
        if not self.track_running_stats:  # switched off since: they stay as they are
            return ag.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
        momentum = self.momentum
        if momentum is None:  # the average of all batches so far
            momentum = 1 / (self.num_batches_tracked + 1)
        result = ag.batch_norm(x, mean, var, self.weight, self.bias, True, momentum, self.eps)
        self.num_batches_tracked += 1
        return result

    def extra_repr(self) -> str:
        """The options."""
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, track_running_stats={self.track_running_stats}"


class BatchNorm1d(_BatchNorm):
    """``(x − mean) / sqrt(var + eps) · weight + bias`` per channel, for x of shape (N, C) or (N, C, L).

    In training by the mean and variance of the batch, which also move the running ones:
    ``running = (1 − momentum) · running + momentum · new`` (the unbiased variance). In ``eval()`` by the running ones.
    Ioffe and Szegedy, Batch normalization, 2015.

    Args:
        num_features: the number of channels C.
        eps: added to the variance.
        momentum: the part of the new value in the running ones; None for the average over all batches.
        affine: whether ``weight`` and ``bias`` are learnt.
        track_running_stats: without, the batch's own statistics are taken in ``eval()`` too.
        dtype: of parameters and running statistics; float32 unless ``nn.set_default_dtype`` says otherwise.
        rng: for initialisers that draw.
        weight_init: None for ones.
        bias_init: None for zeros.

    Parameters and buffers:
        weight, bias: (C,).
        running_mean, running_var: (C,); num_batches_tracked: an integer. They are updated in place.

    >>> import numpy as np
    >>> BatchNorm1d(2)(np.array([[1.0, 5.0], [3.0, 5.0]])).numpy().round(2).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """

    dims = (2, 3)
    axes = "(N, C) or (N, C, L)"


class BatchNorm2d(_BatchNorm):
    """:class:`BatchNorm1d` for images: x of shape (N, C, H, W), normalised per channel over the other axes.

    >>> import numpy as np
    >>> layer = BatchNorm2d(3)
    >>> layer(np.ones((2, 3, 4, 4), np.float32)).dtype
    dtype('float32')
    >>> layer.running_mean.round(3)
    array([0.1, 0.1, 0.1], dtype=float32)
    """

    dims = (4,)
    axes = "(N, C, H, W)"


class LayerNorm(_Normalization):
    """``(x − mean) / sqrt(var + eps) · weight + bias`` over the last axes: Ba, Kiros and Hinton, Layer normalization, 2016.

    Args:
        normalized_shape: lengths of the axes, or of the one, over which mean and (biased) variance are taken.
        eps: added to the variance.
        elementwise_affine: whether ``weight`` and ``bias`` are learnt.
        bias: whether ``bias`` is.
        dtype: of the parameters.
        rng: for initialisers that draw.
        weight_init: None for ones.
        bias_init: None for zeros.

    Parameters:
        weight, bias: of shape ``normalized_shape``.

    >>> LayerNorm(2, eps=0.0)([[1.0, 3.0]]).tolist()
    [[-1.0, 1.0]]
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        rng: Any = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _lengths("LayerNorm", normalized_shape)
        self.eps = real("LayerNorm", "eps", eps)
        self.elementwise_affine = elementwise_affine
        self._affine(
            self.normalized_shape, elementwise_affine, elementwise_affine and bias, dtype, rng, weight_init, bias_init
        )

    def forward(self, x: ArrayLike) -> Tensor:
        """Shape (..., *normalized_shape), which stays.

        Raises:
            ValueError: x does not end in those axes.
        """
        try:
            return ag.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        except (TypeError, ValueError) as error:
            raise named(self, error) from None

    def extra_repr(self) -> str:
        """The options."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class RMSNorm(_Normalization):
    """``x / sqrt(mean(x²) + eps) · weight`` over the last axes: Zhang and Sennrich, Root mean square layer normalization, 2019.

    Args:
        normalized_shape: lengths of the axes, or of the one, over which the mean is taken.
        eps: added to the mean square; None for the machine epsilon of the dtype of x.
        elementwise_affine: whether ``weight`` is learnt.
        dtype: of the parameter.
        rng: for initialisers that draw.
        weight_init: None for ones.

    Parameters:
        weight: of shape ``normalized_shape``.
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: DTypeLike | None = None,
        rng: Any = None,
        weight_init: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _lengths("RMSNorm", normalized_shape)
        self.eps = None if eps is None else real("RMSNorm", "eps", eps)
        self.elementwise_affine = elementwise_affine
        dtype = default_dtype() if dtype is None else dtype
        init = "ones" if weight_init is None else weight_init
        values = (
            initialisers.fresh(self.normalized_shape, init, dtype=dtype, rng=rng, fan_in=1, fan_out=1)
            if elementwise_affine
            else None
        )
        self.register_parameter("weight", None if values is None else Parameter(values))

    def forward(self, x: ArrayLike) -> Tensor:
        """Shape (..., *normalized_shape), which stays.

        Raises:
            ValueError: x does not end in those axes.
        """
        try:
            return ag.rms_norm(x, self.normalized_shape, self.weight, self.eps)
        except (TypeError, ValueError) as error:
            raise named(self, error) from None

    def extra_repr(self) -> str:
        """The options."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Normalization):
    """Normalisation of each image over groups of neighbouring channels: Wu and He, Group normalization, 2018.

    Args:
        num_groups: of channels; must divide their number.
        num_channels: C, for x of shape (N, C, ...).
        eps: added to the variance.
        affine: whether ``weight`` and ``bias`` are learnt.
        dtype: of the parameters.
        rng: for initialisers that draw.
        weight_init: None for ones.
        bias_init: None for zeros.

    Parameters:
        weight, bias: (C,).
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        dtype: DTypeLike | None = None,
        rng: Any = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        super().__init__()
        num_groups, num_channels = (
            whole("GroupNorm", "num_groups", num_groups, 1),
            whole("GroupNorm", "num_channels", num_channels),
        )
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: {num_channels} channels cannot be divided into {num_groups} groups of equal size"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = real("GroupNorm", "eps", eps)
        self.affine = affine
        self._affine((num_channels,), affine, affine, dtype, rng, weight_init, bias_init)

    def forward(self, x: ArrayLike) -> Tensor:
        """Shape (N, C, ...), which stays.

        Raises:
            ValueError: x has not C channels.
        """
        shape = x.shape if isinstance(x, Tensor) else np.shape(x)
        if len(shape) < 2 or shape[1] != self.num_channels:
            raise ValueError(f"{self}: x must have shape (N, C, ...) with C = {self.num_channels}, not {shape}")
        return ag.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The options."""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class InstanceNorm2d(_Normalization):
    """Normalisation of each channel of each image alone, by its own statistics in every mode: Ulyanov et al. 2016.

    Args:
        num_features: C, for x of shape (N, C, H, W) or (C, H, W).
        eps: added to the variance.
        affine: whether ``weight`` and ``bias`` are learnt.
        dtype: of the parameters.
        rng: for initialisers that draw.
        weight_init: None for ones.
        bias_init: None for zeros.

    PyTorch's ``momentum`` and ``track_running_stats`` (off there too, unless asked for) are not offered.

    Parameters:
        weight, bias: (C,), with ``affine``.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        *,
        affine: bool = False,
        dtype: DTypeLike | None = None,
        rng: Any = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        super().__init__()
        self.num_features = num_features = whole("InstanceNorm2d", "num_features", num_features)
        self.eps = real("InstanceNorm2d", "eps", eps)
        self.affine = affine
        self._affine((num_features,), affine, affine, dtype, rng, weight_init, bias_init)

    def forward(self, x: ArrayLike) -> Tensor:
        """The shape of x.

        Raises:
            ValueError: x has another number of axes or channels, or one number per channel.
        """
        shape = x.shape if isinstance(x, Tensor) else np.shape(x)
        if len(shape) not in (3, 4) or shape[-3] != self.num_features:
            raise ValueError(
                f"{self}: x must have shape (N, C, H, W) or (C, H, W) with C = {self.num_features}, not {shape}"
            )
        if len(shape) == 3:
            return ag.instance_norm(ag.expand_dims(x, 0), self.weight, self.bias, self.eps)[0]
        return ag.instance_norm(x, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The options."""
        return f"{self.num_features}, eps={self.eps}, affine={self.affine}"


def _lengths(layer: str, shape: Any) -> tuple[int, ...]:
    lengths = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if not lengths:
        raise ValueError(f"{layer}: normalized_shape is empty; give the lengths of the last axes, at least one")
    return tuple([whole(layer, "a length of normalized_shape", n) for n in lengths])
