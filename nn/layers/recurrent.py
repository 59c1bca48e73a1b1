"""Recurrent layers over whole sequences (their cells are in recurrent_cells.py)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_np as ag
from autograd_np import Tensor, tracing

from .. import init as initialisers
from ..defaults import default_dtype, generator_of
from ..module import Module, Parameter

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from autograd_np.typing import ArrayLike

__all__ = ["GRU", "LSTM", "RNN"]

Rng = np.random.Generator | int | None
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def size_of(layer: str, word: str, value: ArrayLike) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{layer}: {word}={value!r} must be a positive integer")
    return int(value)


def nonlinear(layer: str, nonlinearity: str) -> str:
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"{layer}: nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")
    return nonlinearity


def matrix(shape: tuple[int, int], gates: int, start: Any, dtype: DTypeLike | None, rng: Rng) -> Parameter:
    """A weight of ``gates`` matrices beside each other, each with initial values of its own."""
    inputs, size = shape[0], shape[1] // gates
    if start is None:  # PyTorch's default, U(±1/√hidden) for every parameter
        return Parameter(initialisers.fresh(shape, "fan_in_uniform", dtype=dtype, rng=rng, fan_in=size))
    if isinstance(start, np.ndarray | Tensor):
        return Parameter(initialisers.fresh(shape, start, dtype=dtype, rng=rng))
    return Parameter(
        np.concatenate([initialisers.fresh((inputs, size), start, dtype=dtype, rng=rng) for _ in range(gates)], axis=1)
    )


def vector(length: int, gates: int, start: Any, dtype: DTypeLike | None, rng: Rng) -> Parameter:
    return Parameter(
        initialisers.fresh(
            (length,), "fan_in_uniform" if start is None else start, dtype=dtype, rng=rng, fan_in=length // gates
        )
    )


def shape_of(x: ArrayLike) -> tuple[int, ...]:
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def array(x: Any, dtype: DTypeLike | None) -> Any:
    """Lists become arrays; whole numbers become floating ones of the layer's dtype."""
    if not hasattr(x, "dtype"):
        x = np.asarray(x)
    return x.astype(dtype) if x.dtype.kind in "iub" else x


class _Recurrent(Module):
    """What the three layers share: parameters, directions, layers above each other."""

    mode: str
    rng: np.random.Generator | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        dtype: DTypeLike | None,
        rng: Rng,
        weight_init: Any,
        bias_init: Any,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.input_size = size_of(name, "input_size", input_size)
        self.hidden_size = size_of(name, "hidden_size", hidden_size)
        self.num_layers = size_of(name, "num_layers", num_layers)
        if not 0 <= dropout <= 1:
            raise ValueError(f"{name}: dropout={dropout} is not a probability")
        if dropout and num_layers == 1:
            words = f"{name}: dropout={dropout} stands between layers, so with num_layers=1 it does nothing; put an nn.Dropout behind the layer"
            warnings.warn(words, UserWarning, stacklevel=3)
        self.bias, self.batch_first, self.dropout, self.bidirectional = (
            bool(bias),
            bool(batch_first),
            float(dropout),
            bool(bidirectional),
        )
        dtype = default_dtype() if dtype is None else dtype
        generator = None if rng is None else generator_of(rng)
        gates = GATES[self.mode]
        width = gates * self.hidden_size
        self._suffixes = [
            f"_l{layer}{direction}"
            for layer in range(self.num_layers)
            for direction in (("", "_reverse") if self.bidirectional else ("",))
        ]
        for k, suffix in enumerate(self._suffixes):
            inputs = self.input_size if k < self._directions else self._directions * self.hidden_size
            self.register_parameter("weight_ih" + suffix, matrix((inputs, width), gates, weight_init, dtype, generator))
            self.register_parameter(
                "weight_hh" + suffix, matrix((self.hidden_size, width), gates, weight_init, dtype, generator)
            )
            for word in ("bias_ih", "bias_hh"):
                self.register_parameter(
                    word + suffix, vector(width, gates, bias_init, dtype, generator) if self.bias else None
                )
        self.torch_layout = {word + suffix: (1, 0) for suffix in self._suffixes for word in ("weight_ih", "weight_hh")}
        self.rng = generator

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _layer(self, x: ArrayLike, suffix: str, states: tuple[Any, ...]) -> tuple[Any, ...]:
        """Output and last states of one layer in one direction."""
        raise NotImplementedError

    def _weights(self, suffix: str) -> tuple[Any, ...]:
        own = self.__dict__
        return own["weight_ih" + suffix], own["weight_hh" + suffix], own["bias_ih" + suffix], own["bias_hh" + suffix]

    def _prepared(self, x: Any, states: tuple[Any, ...], words: tuple[str, ...]) -> tuple[Any, tuple[Any, ...], bool]:
        """The input as (time, batch, features), the states as (layers, batch, hidden), and whether there was a batch."""
        name = type(self).__name__
        dtype = self.__dict__["weight_ih_l0"].dtype
        x = array(x, dtype)
        shape = shape_of(x)
        if len(shape) not in (2, 3) or shape[-1] != self.input_size:
            order = "batch, time" if self.batch_first else "time, batch"
            raise ValueError(
                f"{name}: the input has shape {shape}; it must be ({order}, {self.input_size}), or (time, {self.input_size}) for one sequence without a batch"
            )
        batched = len(shape) == 3
        if not batched:
            x = x[:, None]
        elif self.batch_first:
            x = np.swapaxes(x, 0, 1)
        rows = len(self._suffixes)
        expected = (rows, x.shape[1], self.hidden_size) if batched else (rows, self.hidden_size)
        prepared = []
        for word, state in zip(words, states, strict=True):
            if state is not None:
                state = array(state, dtype)
                if shape_of(state) != expected:
                    meaning = "(layers · directions, batch, hidden)" if batched else "(layers · directions, hidden)"
                    raise ValueError(
                        f"{name}: {word} has shape {shape_of(state)}; for an input of shape {shape} it must be {meaning} = {expected}"
                    )
                if not batched:
                    state = state[:, None]
            prepared.append(state)
        return x, tuple(prepared), batched

    def _run(self, x: Any, states: tuple[Any, ...], words: tuple[str, ...]) -> tuple[Any, ...]:
        """(output, last states …) in the caller's layout."""
        x, states, batched = self._prepared(x, states, words)
        last: list[list[Any]] = [[] for _ in states]
        directions = self._directions
        for start in range(0, len(self._suffixes), directions):
            if start and self.dropout and self.training:
                x = self._dropped(x)
            outputs = []
            for k in range(start, start + directions):
                output, *ends = self._layer(x, self._suffixes[k], tuple([None if s is None else s[k] for s in states]))
                outputs.append(output)
                for each, end in zip(last, ends, strict=True):
                    each.append(end)
            x = outputs[0] if directions == 1 else np.concatenate(outputs, axis=-1)
        ends = [each[0][None] if len(each) == 1 else np.stack(each) for each in last]
        if not batched:
            return x[:, 0], *[end[:, 0] for end in ends]
        return np.swapaxes(x, 0, 1) if self.batch_first else x, *ends

    def _dropped(self, x: Any) -> Any:
        if self.dropout == 1:
            return x * np.zeros((), x.dtype)
        mask = tracing.draw(generator_of(self.rng), "random", x.shape, dtype=np.float32) >= self.dropout
        return x * np.multiply(mask, 1 / (1 - self.dropout), dtype=x.dtype)

    def extra_repr(self) -> str:
        """The options that are not the default."""
        words = [f"{self.input_size}, {self.hidden_size}"]
        if self.num_layers != 1:
            words.append(f"num_layers={self.num_layers}")
        if not self.bias:
            words.append("bias=False")
        if self.batch_first:
            words.append("batch_first=True")
        if self.dropout:
            words.append(f"dropout={self.dropout}")
        if self.bidirectional:
            words.append("bidirectional=True")
        return ", ".join(words)


class RNN(_Recurrent):
    """Simple recurrent layers (Elman 1990): ``h ← tanh(x_t W_ih + b_ih + h W_hh + b_hh)``. Arguments as ``torch.nn.RNN``.

    Args:
        input_size: features of the input.
        hidden_size: features of the state h, H.
        num_layers: layers above each other, each reading the output of the one below.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        bias: whether the layers have the two biases.
        batch_first: input and output are (batch, time, features) instead of (time, batch, features). The states are not affected.
        dropout: in training, the probability with which an output of a layer, except the last, is set to 0 (the others are divided by ``1 − dropout``).
        bidirectional: a second set of parameters reads the sequence backwards; the output holds both, 2 H features.
        dtype: of the parameters.
        rng: of the first values and of dropout: a generator, a seed, or None for the default generator.
        weight_init: of the matrices; by default, as in PyTorch, U(±1/√H).
        bias_init: of the biases; by default the same.

    Parameters:
        weight_ih_l0, weight_hh_l0: (features, H) and (H, H), the transposes of PyTorch's; with ``_l1`` … for the layers above, whose
            features are the H or 2 H of the layer below, and ``_reverse`` for the second direction.
        bias_ih_l0, bias_hh_l0: (H,).

    Raises:
        ValueError: sizes that are not positive, a dropout that is no probability, another ``nonlinearity``.

    >>> import nn
    >>> output, h_n = nn.RNN(3, 4, num_layers=2, rng=0)(np.zeros((5, 2, 3), np.float32))
    >>> output.shape, h_n.shape
    ((5, 2, 4), (2, 2, 4))
    """

    mode = "RNN"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: DTypeLike | None = None,
        rng: Rng = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            dtype,
            rng,
            weight_init,
            bias_init,
        )
        self.nonlinearity = nonlinear("RNN", nonlinearity)

    def _layer(self, x: ArrayLike, suffix: str, states: tuple[Any, ...]) -> tuple[Any, ...]:
        w_ih, w_hh, b_ih, b_hh = self._weights(suffix)
        return ag.rnn(x, w_ih, w_hh, b_ih, b_hh, states[0], self.nonlinearity, suffix.endswith("_reverse"))

    def forward(self, x: ArrayLike, hx: ArrayLike | None = None) -> tuple[Tensor, Tensor]:
        """Read a sequence.

        Args:
            x: (time, batch, input_size), with ``batch_first`` (batch, time, input_size); or (time, input_size) for a single sequence.
            hx: the first states, (layers · directions, batch, H), without batch (layers · directions, H); zeros if None.

        Returns:
            The states h of the last layer at all times, of the input's layout with H (or 2 H) features; and the last states of all
            layers, in the shape of ``hx``.

        Raises:
            ValueError: the shapes do not fit.
        """
        output, h_n = self._run(x, (hx,), ("hx",))
        return output, h_n

    def extra_repr(self) -> str:
        """The options that are not the default."""
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity!r}")


class GRU(_Recurrent):
    """Layers of gated recurrent units (Cho et al. 2014), in PyTorch's form. Arguments as ``torch.nn.GRU``.

    ``r = σ(x W_ir + b_ir + h W_hr + b_hr)``, ``z`` likewise, ``n = tanh(x W_in + b_in + r (h W_hn + b_hn))``,
    ``h ← (1 − z) n + z h``.

    Args:
        input_size: features of the input.
        hidden_size: features of the state h, H.
        num_layers: layers above each other, each reading the output of the one below.
        bias: whether the layers have the two biases.
        batch_first: input and output are (batch, time, features) instead of (time, batch, features). The states are not affected.
        dropout: in training, the probability with which an output of a layer, except the last, is set to 0 (the others are divided by ``1 − dropout``).
        bidirectional: a second set of parameters reads the sequence backwards; the output holds both, 2 H features.
        dtype: of the parameters.
        rng: of the first values and of dropout: a generator, a seed, or None for the default generator.
        weight_init: of the matrices, for each gate's block (inputs, H) by itself; by default, as in PyTorch, U(±1/√H).
        bias_init: of the biases; by default the same.

    Parameters:
        weight_ih_l0, weight_hh_l0: (features, 3 H) and (H, 3 H), blocks r, z, n, the transposes of PyTorch's; with ``_l1`` … for the
            layers above, whose features are the H or 2 H of the layer below, and ``_reverse`` for the second direction.
        bias_ih_l0, bias_hh_l0: (3 H,).

    Raises:
        ValueError: sizes that are not positive, a dropout that is no probability.

    >>> import nn
    >>> output, h_n = nn.GRU(3, 4, bidirectional=True, rng=0)(np.zeros((5, 2, 3), np.float32))
    >>> output.shape, h_n.shape
    ((5, 2, 8), (2, 2, 4))
    """

    mode = "GRU"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: DTypeLike | None = None,
        rng: Rng = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            dtype,
            rng,
            weight_init,
            bias_init,
        )

    def _layer(self, x: ArrayLike, suffix: str, states: tuple[Any, ...]) -> tuple[Any, ...]:
        w_ih, w_hh, b_ih, b_hh = self._weights(suffix)
        return ag.gru(x, w_ih, w_hh, b_ih, b_hh, states[0], suffix.endswith("_reverse"))

    def forward(self, x: ArrayLike, hx: ArrayLike | None = None) -> tuple[Tensor, Tensor]:
        """Read a sequence; arguments and results as :meth:`RNN.forward`."""
        output, h_n = self._run(x, (hx,), ("hx",))
        return output, h_n


class LSTM(_Recurrent):
    """Layers of long short-term memory (Hochreiter & Schmidhuber 1997). Arguments as ``torch.nn.LSTM``.

    With ``a = x_t W_ih + b_ih + h W_hh + b_hh`` in blocks i, f, g, o: ``c ← σ(a_f) c + σ(a_i) tanh(a_g)``, ``h ← σ(a_o) tanh(c)``.

    Args:
        input_size: features of the input.
        hidden_size: features of the states h and c, H.
        num_layers: layers above each other, each reading the output of the one below.
        bias: whether the layers have the two biases.
        batch_first: input and output are (batch, time, features) instead of (time, batch, features). The states are not affected.
        dropout: in training, the probability with which an output of a layer, except the last, is set to 0 (the others are divided by ``1 − dropout``).
        bidirectional: a second set of parameters reads the sequence backwards; the output holds both, 2 H features.
        proj_size: only 0, no projection: put an ``nn.Linear`` behind the layer instead.
        dtype: of the parameters.
        rng: of the first values and of dropout: a generator, a seed, or None for the default generator.
        weight_init: of the matrices, for each gate's block (inputs, H) by itself; by default, as in PyTorch, U(±1/√H).
        bias_init: of the biases; by default the same.

    Parameters:
        weight_ih_l0, weight_hh_l0: (features, 4 H) and (H, 4 H), blocks i, f, g, o, the transposes of PyTorch's; with ``_l1`` … for
            the layers above, whose features are the H or 2 H of the layer below, and ``_reverse`` for the second direction.
        bias_ih_l0, bias_hh_l0: (4 H,).

    Raises:
        ValueError: sizes that are not positive, a dropout that is no probability, a ``proj_size``.

    >>> import nn
    >>> output, (h_n, c_n) = nn.LSTM(3, 4, batch_first=True, rng=0)(np.zeros((2, 5, 3), np.float32))
    >>> output.shape, h_n.shape, c_n.shape
    ((2, 5, 4), (1, 2, 4), (1, 2, 4))
    """

    mode = "LSTM"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        dtype: DTypeLike | None = None,
        rng: Rng = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        if proj_size:
            raise ValueError(
                f"LSTM: proj_size={proj_size}: projected states are not supported; put nn.Linear({hidden_size}, {proj_size}) behind the layer"
            )
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            dtype,
            rng,
            weight_init,
            bias_init,
        )

    def _layer(self, x: ArrayLike, suffix: str, states: tuple[Any, ...]) -> tuple[Any, ...]:
        w_ih, w_hh, b_ih, b_hh = self._weights(suffix)
        return ag.lstm(x, w_ih, w_hh, b_ih, b_hh, states[0], states[1], suffix.endswith("_reverse"))

    def forward(self, x: ArrayLike, hx: ArrayLike | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Read a sequence.

        Args:
            x: (time, batch, input_size), with ``batch_first`` (batch, time, input_size); or (time, input_size) for a single sequence.
            hx: the first states (h, c), each (layers · directions, batch, H), without batch (layers · directions, H); zeros if None.

        Returns:
            The states h of the last layer at all times, of the input's layout with H (or 2 H) features; and the last states (h, c) of
            all layers, in the shape of ``hx``.

        Raises:
            ValueError: the shapes do not fit.
            TypeError: ``hx`` is no pair.
        """
        output, h_n, c_n = self._run(x, pair("LSTM", hx), ("h of hx", "c of hx"))
        return output, (h_n, c_n)


def pair(name: str, hx: ArrayLike | None) -> tuple[Any, Any]:
    if hx is None:
        return None, None
    if not isinstance(hx, (tuple, list)) or len(hx) != 2:
        raise TypeError(f"{name}: the first states are a pair (h, c), not {type(hx).__name__}")
    return hx[0], hx[1]
