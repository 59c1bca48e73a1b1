"""Linear layers, and those that only change a shape."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_np as ag
from autograd_np import Tensor

from .. import init as initialisers
from ..defaults import default_dtype, generator_of
from ..module import Module, Parameter
from .checks import named, whole

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from autograd_np.typing import ArrayLike

__all__ = ["Bilinear", "Flatten", "Identity", "Linear", "Unflatten"]

Rng = np.random.Generator | int | None


class Linear(Module):
    """``y = x W + b`` over the last axis of x.

    Args:
        in_features: the length of the last axis of x.
        out_features: that of y.
        bias: whether there is a b.
        dtype: of the parameters; float32 unless ``nn.set_default_dtype`` says otherwise.
        rng: of the first values: a generator, a seed, or None for the default generator.
        weight_init: of ``weight``, a name of ``nn.init``, a number, an array or a function; None is PyTorch's U(±1/√in_features).
        bias_init: of ``bias``, likewise.

    Parameters:
        weight: (in_features, out_features), the transpose of PyTorch's.
        bias: (out_features,).

    >>> import numpy as np
    >>> layer = Linear(3, 2, rng=0)
    >>> layer(np.ones((5, 3), np.float32)).shape
    (5, 2)
    >>> layer
    Linear(in_features=3, out_features=2, bias=True)
    """

    weight: Parameter
    bias: Parameter | None
    torch_layout = MappingProxyType({"weight": (1, 0)})

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        rng: Rng = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features = whole("Linear", "in_features", in_features)
        self.out_features = out_features = whole("Linear", "out_features", out_features)
        dtype = default_dtype() if dtype is None else dtype
        generator = generator_of(rng)

        def fresh(shape: Any, given: Any) -> Parameter:
            init = "fan_in_uniform" if given is None else given
            return Parameter(
                initialisers.fresh(shape, init, dtype=dtype, rng=generator, fan_in=in_features, fan_out=out_features)
            )

        self.weight = fresh((in_features, out_features), weight_init)
        self.register_parameter("bias", fresh((out_features,), bias_init) if bias else None)

    def forward(self, x: ArrayLike) -> Tensor:
        """Shape (..., in_features) to (..., out_features).

        Raises:
            ValueError: the last axis of x is not of length ``in_features``.
            TypeError: x has no axes, or is no array.
        """
        try:
            return ag.linear(x, self.weight, self.bias)
        except (TypeError, ValueError) as error:
            raise named(self, error, self._remedy(getattr(x, "shape", ()))) from None

    def _remedy(self, shape: tuple[int, ...]) -> str:
        """What fits an input of this shape: a layer before this one, or this one with other numbers."""
        if not shape or shape[-1] == self.in_features:
            return ""
        flat = math.prod(shape[1:])
        if len(shape) > 2 and flat == self.in_features:
            return f"put nn.Flatten() before it, which makes shape ({shape[0]}, {flat})"
        if len(shape) == 4:  # images
            return f"put nn.Flatten() before it, and write nn.Linear({flat}, {self.out_features})"
        return f"for this input write nn.Linear({shape[-1]}, {self.out_features})"

    def extra_repr(self) -> str:
        """The options."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """``y_k = x1ᵀ A_k x2 + b_k`` over the last axes.

    Args:
        in1_features: the length of the last axis of x1.
        in2_features: that of x2.
        out_features: that of y.
        bias: whether there is a b.
        dtype: of the parameters.
        rng: of the first values: a generator, a seed, or None for the default generator.
        weight_init: None is PyTorch's U(±1/√in1_features).
        bias_init: likewise.

    Parameters:
        weight: (out_features, in1_features, in2_features), as PyTorch's.
        bias: (out_features,).
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        rng: Rng = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        super().__init__()
        self.in1_features = in1_features = whole("Bilinear", "in1_features", in1_features, 1)
        self.in2_features = in2_features = whole("Bilinear", "in2_features", in2_features)
        self.out_features = out_features = whole("Bilinear", "out_features", out_features)
        dtype = default_dtype() if dtype is None else dtype
        generator = generator_of(rng)

        def fresh(shape: Any, given: Any) -> Parameter:
            init = "fan_in_uniform" if given is None else given
            return Parameter(
                initialisers.fresh(shape, init, dtype=dtype, rng=generator, fan_in=in1_features, fan_out=out_features)
            )

        self.weight = fresh((out_features, in1_features, in2_features), weight_init)
        self.register_parameter("bias", fresh((out_features,), bias_init) if bias else None)

    def forward(self, x1: ArrayLike, x2: ArrayLike) -> Tensor:
        """Shapes (..., in1_features) and (..., in2_features) to (..., out_features).

        Raises:
            ValueError: the shapes do not fit.
        """
        one, two = np.shape(x1), np.shape(x2)
        if not one or not two or one[:-1] != two[:-1] or one[-1] != self.in1_features or two[-1] != self.in2_features:
            raise ValueError(
                f"{self}: x1 and x2 have shapes {one} and {two}; equal but for the last axes, {self.in1_features} and {self.in2_features}"
            )
        result: Tensor = ag.einsum("...i,kij,...j->...k", x1, self.weight, x2)
        return result if self.bias is None else result + self.bias

    def extra_repr(self) -> str:
        """The options."""
        sizes = f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}"


class Identity(Module):
    """Gives back what it is given. Arguments are taken and not used, so that it can stand in for any layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, x: ArrayLike) -> Tensor:
        """``x``, as a Tensor."""
        return x if isinstance(x, Tensor) else Tensor(x)


class Flatten(Module):
    """The axes from ``start_dim`` to ``end_dim`` made one: by default all but the first.

    >>> import numpy as np
    >>> Flatten()(np.zeros((8, 1, 28, 28))).shape
    (8, 784)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: ArrayLike) -> Tensor:
        """Reshaped, in C order of the axes.

        Raises:
            ValueError: x has no such axes, or ``end_dim`` comes before ``start_dim``.
        """
        shape = x.shape if isinstance(x, Tensor) else np.shape(x)
        ndim = max(len(shape), 1)
        start, end = (axis + ndim if axis < 0 else axis for axis in (self.start_dim, self.end_dim))
        if not 0 <= start <= end < ndim:
            raise ValueError(f"{self}: no axes {self.start_dim} to {self.end_dim} in x of shape {shape}")
        return ag.reshape(x, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))

    def extra_repr(self) -> str:
        """The options."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One axis divided into several: the inverse of :class:`Flatten`.

    Args:
        dim: the axis.
        unflattened_size: the lengths it is divided into; one may be −1.

    >>> import numpy as np
    >>> Unflatten(1, (1, 28, -1))(np.zeros((8, 784))).shape
    (8, 1, 28, 28)
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError(f"Unflatten: unflattened_size is a tuple of lengths, not {unflattened_size!r}")
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, x: ArrayLike) -> Tensor:
        """Reshaped.

        Raises:
            ValueError: the axis does not exist or cannot be divided so.
        """
        shape = x.shape if isinstance(x, Tensor) else np.shape(x)
        axis = self.dim + len(shape) if self.dim < 0 else self.dim
        if not 0 <= axis < len(shape):
            raise ValueError(f"{self}: no axis {self.dim} in x of shape {shape}")
        known = math.prod([size for size in self.unflattened_size if size != -1])
        free = self.unflattened_size.count(-1)
        if free > 1 or (free and (not known or shape[axis] % known)) or (not free and known != shape[axis]):
            raise ValueError(
                f"{self}: axis {self.dim} of x of shape {shape} cannot be divided into {self.unflattened_size}"
            )
        sizes = [shape[axis] // known if size == -1 else size for size in self.unflattened_size]
        return ag.reshape(x, (*shape[:axis], *sizes, *shape[axis + 1 :]))

    def extra_repr(self) -> str:
        """The options."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
