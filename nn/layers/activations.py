"""Activation layers: PyTorch's names and options around the functions of ``autograd_np``.

They have no parameters but :class:`PReLU`. ``inplace=True`` is refused: the tape keeps what an activation would overwrite.
Elsewhere PyTorch's signatures hold; ``dim`` is the last axis unless given.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

import autograd_np as ag
from autograd_np import Tensor

from ..functional import threshold
from ..module import Module, Parameter

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from autograd_np.typing import ArrayLike

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]


class Activation(Module):
    """Base of the activation layers: refuses ``inplace``, checks the options, and shows them.

    Attributes:
        options: the names of the attributes that ``repr`` shows.
    """

    options: tuple[str, ...] = ()

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        if inplace:
            raise ValueError(
                f"{type(self).__name__}: inplace=True would overwrite an array that the tape keeps; leave it out, the values are the same"
            )

    def checked(self) -> None:
        """Let the function itself refuse a wrong option now, and not at the first forward."""
        with ag.no_grad():
            self.forward(np.zeros(0, np.float32))

    def extra_repr(self) -> str:
        """The options."""
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self.options)


# ---------------------------------------------------------------- rectifiers


class ReLU(Activation):
    """``max(x, 0)``; gradient 0 at 0.

    >>> ReLU()(np.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.relu(x)


class LeakyReLU(Activation):
    """``x`` for x > 0, else ``negative_slope · x``."""

    options = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.leaky_relu(x, self.negative_slope)


class PReLU(Activation):
    """``x`` for x > 0, else ``weight · x`` with a learnt weight: He et al. 2015.

    Args:
        num_parameters: 1 for one weight, or the number of channels (axis 1) for one each.
        init: the weight's first value.
        dtype: of the weight, float32 by default.
    """

    options = ("num_parameters",)
    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, dtype: DTypeLike | None = None) -> None:
        super().__init__()
        if num_parameters < 1:
            raise ValueError(f"PReLU: num_parameters = {num_parameters} must be positive")
        self.num_parameters = num_parameters
        self.weight = Parameter([init] * num_parameters, dtype=dtype)

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape, or (N, num_parameters, …), to the same shape."""
        return ag.prelu(x, self.weight)


class ReLU6(Activation):
    """``min(max(x, 0), 6)``."""

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.relu6(x)


class Hardtanh(Activation):
    """``min(max(x, min_val), max_val)``; gradient 0 at both bounds."""

    options = ("min_val", "max_val")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.min_val = min_val
        self.max_val = max_val
        self.checked()

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.hardtanh(x, self.min_val, self.max_val)


class Threshold(Activation):
    """``x`` for x > threshold, else ``value``; gradient 1 or 0, and 0 at the threshold. NaN stays NaN."""

    options = ("threshold", "value")

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.threshold = threshold
        self.value = value

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return threshold(x, self.threshold, self.value)


class Hardshrink(Activation):
    """``x`` where |x| > ``lambd``, else 0."""

    options = ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.hardshrink(x, self.lambd)


class Softshrink(Activation):
    """``x − lambd`` above ``lambd``, ``x + lambd`` below ``−lambd``, 0 between."""

    options = ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd
        self.checked()

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.softshrink(x, self.lambd)


class Hardsigmoid(Activation):
    """``min(max(x + 3, 0), 6) / 6``."""

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.hard_sigmoid(x)


class Hardswish(Activation):
    """``x · hardsigmoid(x)``."""

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.hard_swish(x)


# ---------------------------------------------------------------- exponential units


class ELU(Activation):
    """``x`` for x > 0, else ``alpha · (e^x − 1)``: Clevert et al. 2016."""

    options = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.elu(x, self.alpha)


class SELU(Activation):
    """The self-normalising ``1.0507… · elu(x, 1.6733…)``: Klambauer et al. 2017; initialise with ``"lecun_normal"``."""

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.selu(x)


class CELU(Activation):
    """``x`` for x > 0, else ``alpha · (e^(x/alpha) − 1)``: Barron 2017."""

    options = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha
        self.checked()

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.celu(x, self.alpha)


class GELU(Activation):
    """``x Φ(x)``: Hendrycks & Gimpel 2016.

    Args:
        approximate: ``"none"`` for the exact function, ``"tanh"`` for the form of GPT-2.
    """

    options = ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate
        self.checked()

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.gelu(x, self.approximate)


class SiLU(Activation):
    """``x σ(x)``, also called swish."""

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.silu(x)


class Mish(Activation):
    """``x tanh(softplus(x))``: Misra 2019."""

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.mish(x)


# ---------------------------------------------------------------- sigmoids


class Sigmoid(Activation):
    """``1 / (1 + e^−x)``, for any magnitude of x."""

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.sigmoid(x)


class LogSigmoid(Activation):
    """``log σ(x)``, for any magnitude of x."""

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.log_sigmoid(x)


class Tanh(Activation):
    """``tanh x``."""

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.tanh(x)


class Tanhshrink(Activation):
    """``x − tanh x``."""

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.tanhshrink(x)


class Softsign(Activation):
    """``x / (1 + |x|)``."""

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.softsign(x)


class Softplus(Activation):
    """``log(1 + e^(beta·x)) / beta``, and x itself where ``beta·x > threshold``."""

    options = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold
        self.checked()

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.softplus(x, self.beta, self.threshold)


# ---------------------------------------------------------------- over an axis


class _OverAxis(Activation):
    options = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        try:
            self.dim = operator.index(dim)
        except TypeError:
            raise TypeError(f"{type(self).__name__}: dim is the number of an axis, not {dim!r}") from None


class Softmax(_OverAxis):
    """``e^x / Σ e^x`` along ``dim``.

    >>> Softmax()(np.array([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.softmax(x, self.dim)


class LogSoftmax(_OverAxis):
    """``log softmax(x)`` along ``dim``."""

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.log_softmax(x, self.dim)


class Softmin(_OverAxis):
    """``softmax(−x)`` along ``dim``."""

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ag.softmin(x, self.dim)


class GLU(_OverAxis):
    """``a σ(b)`` with a and b the halves of x along ``dim``, which must be of even length: Dauphin et al. 2017."""

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to one with ``dim`` halved."""
        return ag.glu(x, self.dim)
