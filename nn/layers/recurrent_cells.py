"""The cells of the recurrent layers: one step at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_np as ag
from autograd_np import Tensor

from ..defaults import default_dtype, generator_of
from ..module import Module, Parameter
from .recurrent import GATES, Rng, array, matrix, nonlinear, pair, shape_of, size_of, vector

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from autograd_np.typing import ArrayLike

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]


class _Cell(Module):
    """What the three cells share."""

    mode: str

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        dtype: DTypeLike | None,
        rng: Rng,
        weight_init: Any,
        bias_init: Any,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.input_size, self.hidden_size = (
            size_of(name, "input_size", input_size),
            size_of(name, "hidden_size", hidden_size),
        )
        self.bias = bool(bias)
        dtype = default_dtype() if dtype is None else dtype
        generator = None if rng is None else generator_of(rng)
        gates = GATES[self.mode]
        width = gates * self.hidden_size
        self.weight_ih = matrix((self.input_size, width), gates, weight_init, dtype, generator)
        self.weight_hh = matrix((self.hidden_size, width), gates, weight_init, dtype, generator)
        for word in ("bias_ih", "bias_hh"):
            self.register_parameter(word, vector(width, gates, bias_init, dtype, generator) if self.bias else None)
        self.torch_layout = {"weight_ih": (1, 0), "weight_hh": (1, 0)}

    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def _prepared(self, x: Any, states: tuple[Any, ...], words: tuple[str, ...]) -> tuple[Any, tuple[Any, ...], bool]:
        given: Any = getattr(x, "shape", ())
        if len(given) == 2 and given[1] == self.input_size and x.dtype.kind == "f":
            wanted = (given[0], self.hidden_size)
            if not [state for state in states if getattr(state, "shape", None) != wanted or state.dtype.kind != "f"]:
                return x, states, True  # nothing to convert, as in most calls
        name, dtype = type(self).__name__, self.weight_ih.dtype
        x = array(x, dtype)
        shape = shape_of(x)
        if len(shape) not in (1, 2) or shape[-1] != self.input_size:
            raise ValueError(
                f"{name}: the input has shape {shape}; it must be (batch, {self.input_size}), or ({self.input_size},) for one without a batch"
            )
        expected = (*shape[:-1], self.hidden_size)
        if states[0] is None:
            states = (np.zeros(expected, x.dtype if x.dtype == dtype else np.result_type(x.dtype, dtype)),) * len(
                states
            )
        else:
            states = tuple([array(state, dtype) for state in states])
            for word, state in zip(words, states, strict=True):
                if shape_of(state) != expected:
                    raise ValueError(
                        f"{name}: {word} has shape {shape_of(state)}; for an input of shape {shape} it must be {expected}"
                    )
        if len(shape) == 1:
            return x[None], tuple([state[None] for state in states]), False
        return x, states, True

    def extra_repr(self) -> str:
        """The sizes, and the options that are not the default."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(_Cell):
    """One step of :class:`RNN`: ``h' = tanh(x W_ih + b_ih + h W_hh + b_hh)``. Arguments as ``torch.nn.RNNCell``.

    Args:
        input_size: features of the input.
        hidden_size: features of the state, H.
        bias: whether there are the two biases.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        dtype: of the parameters.
        rng: of the first values: a generator, a seed, or None for the default generator.
        weight_init: of the matrices; by default U(±1/√H).
        bias_init: of the biases; by default the same.

    Parameters:
        weight_ih, weight_hh: (input_size, H) and (H, H), the transposes of PyTorch's.
        bias_ih, bias_hh: (H,).

    >>> import nn
    >>> nn.RNNCell(3, 4, rng=0)(np.zeros((2, 3), np.float32)).shape
    (2, 4)
    """

    mode = "RNN"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        dtype: DTypeLike | None = None,
        rng: Rng = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, dtype, rng, weight_init, bias_init)
        self.nonlinearity = nonlinear("RNNCell", nonlinearity)

    def forward(self, x: ArrayLike, hx: ArrayLike | None = None) -> Tensor:
        """The next state.

        Args:
            x: (batch, input_size), or (input_size,).
            hx: the state, (batch, H), or (H,); zeros if None.

        Raises:
            ValueError: the shapes do not fit.
        """
        x, (h,), batched = self._prepared(x, (hx,), ("hx",))
        h = ag.rnn_cell(
            x, h, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh, nonlinearity=self.nonlinearity
        )
        return h if batched else h[0]

    def extra_repr(self) -> str:
        """The sizes, and the options that are not the default."""
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity!r}")


class GRUCell(_Cell):
    """One step of :class:`GRU`. Arguments as ``torch.nn.GRUCell``.

    Args:
        input_size: features of the input.
        hidden_size: features of the state, H.
        bias: whether there are the two biases.
        dtype: of the parameters.
        rng: of the first values: a generator, a seed, or None for the default generator.
        weight_init: of the matrices, for each gate's block by itself; by default U(±1/√H).
        bias_init: of the biases; by default the same.

    Parameters:
        weight_ih, weight_hh: (input_size, 3 H) and (H, 3 H), blocks r, z, n, the transposes of PyTorch's.
        bias_ih, bias_hh: (3 H,).

    >>> import nn
    >>> nn.GRUCell(3, 4, rng=0)(np.zeros((2, 3), np.float32)).shape
    (2, 4)
    """

    mode = "GRU"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        rng: Rng = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, dtype, rng, weight_init, bias_init)

    def forward(self, x: ArrayLike, hx: ArrayLike | None = None) -> Tensor:
        """The next state; arguments as :meth:`RNNCell.forward`."""
        x, (h,), batched = self._prepared(x, (hx,), ("hx",))
        h = ag.gru_cell(x, h, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return h if batched else h[0]


class LSTMCell(_Cell):
    """One step of :class:`LSTM`. Arguments as ``torch.nn.LSTMCell``.

    Args:
        input_size: features of the input.
        hidden_size: features of the states, H.
        bias: whether there are the two biases.
        dtype: of the parameters.
        rng: of the first values: a generator, a seed, or None for the default generator.
        weight_init: of the matrices, for each gate's block by itself; by default U(±1/√H).
        bias_init: of the biases; by default the same.

    Parameters:
        weight_ih, weight_hh: (input_size, 4 H) and (H, 4 H), blocks i, f, g, o, the transposes of PyTorch's.
        bias_ih, bias_hh: (4 H,).

    >>> import nn
    >>> h, c = nn.LSTMCell(3, 4, rng=0)(np.zeros((2, 3), np.float32))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    mode = "LSTM"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        rng: Rng = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, dtype, rng, weight_init, bias_init)

    def forward(self, x: ArrayLike, hx: ArrayLike | None = None) -> tuple[Tensor, Tensor]:
        """The next states.

        Args:
            x: (batch, input_size), or (input_size,).
            hx: the states (h, c), each (batch, H), or (H,); zeros if None.

        Raises:
            ValueError: the shapes do not fit.
            TypeError: ``hx`` is no pair.
        """
        x, (h, c), batched = self._prepared(x, pair("LSTMCell", hx), ("h of hx", "c of hx"))
        h, c = ag.lstm_cell(x, h, c, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return (h, c) if batched else (h[0], c[0])
