"""Layers of the transformer: Vaswani et al., Attention Is All You Need, 2017."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_np as ag
from autograd_np import Tensor

from ..containers import ModuleList
from ..defaults import default_dtype, generator_of
from ..module import Module
from .attention import MultiheadAttention, Rng
from .dropout import Dropout
from .linear import Linear
from .normalization import LayerNorm

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from autograd_np.typing import ArrayLike

__all__ = [
    "PositionalEncoding",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]

Activation = str | Callable[[Any], Any]


def _activation(activation: Activation, layer: str) -> Callable[[Any], Any]:
    if callable(activation):
        return activation
    known = {"relu": ag.relu, "gelu": ag.gelu}
    if activation not in known:
        raise ValueError(f"{layer}: activation is 'relu', 'gelu' or a function, not {activation!r}")
    return known[activation]


class _Layer(Module):
    """What encoder and decoder layers share: the feed-forward network, and where the normalisations stand."""

    activation: Callable[[Any], Any]
    linear1: Linear
    linear2: Linear
    dropout: Dropout

    def _set_up(self, d_model: int, nhead: int, activation: Activation, norm_first: bool) -> None:
        self.d_model, self.nhead, self.norm_first = d_model, nhead, norm_first
        self.activation = _activation(activation, type(self).__name__)

    def _feed_forward(self, x: ArrayLike) -> Any:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))

    def _residual(self, x: ArrayLike, norm: LayerNorm, block: Callable[[Any], Any], dropout: Dropout) -> Any:
        if self.norm_first:
            return x + dropout(block(norm(x)))
        return norm(x + dropout(block(x)))

    def extra_repr(self) -> str:
        """The options in words."""
        activation = getattr(self.activation, "__name__", type(self.activation).__name__)
        return f"activation={activation}, norm_first={self.norm_first}"


class TransformerEncoderLayer(_Layer):
    """Self-attention and a feed-forward network of two linear maps, each with a residual path, dropout and layer normalisation.

    With ``norm_first``: ``x = x + attention(norm1(x))``, then ``x + network(norm2(x))``. Without, as in the paper:
    ``x = norm1(x + attention(x))``, then ``norm2(x + network(x))``. Arguments and meaning are those of
    ``torch.nn.TransformerEncoderLayer``.

    Args:
        d_model: features.
        nhead: heads of the attention; must divide ``d_model``.
        dim_feedforward: features between the two linear maps.
        dropout: on the attention's weights, between the linear maps, and on what is added to the residual path.
        activation: ``"relu"``, ``"gelu"`` or a function on Tensors.
        layer_norm_eps: of the normalisations.
        batch_first: (batch, positions, features) instead of (positions, batch, features).
        norm_first: normalise before each block instead of after it.
        bias: whether linear maps and normalisations have one.
        dtype: of the parameters.
        rng: of the first weights and of dropout: a generator, a seed, or None for the default generator.
        weight_init: of the linear maps and projections; by default PyTorch's.
        bias_init: of their biases, likewise.

    >>> import numpy as np
    >>> import nn
    >>> layer = nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True, rng=0).eval()
    >>> layer(np.ones((5, 3, 8), np.float32), is_causal=True).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        rng: Rng = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        super().__init__()
        self._set_up(d_model, nhead, activation, norm_first)
        rng = _one(rng)
        starts: dict[str, Any] = {"dtype": dtype, "rng": rng, "weight_init": weight_init, "bias_init": bias_init}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **starts)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **starts)
        self.dropout = Dropout(dropout, rng=rng)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **starts)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.dropout1 = Dropout(dropout, rng=rng)
        self.dropout2 = Dropout(dropout, rng=rng)

    def forward(
        self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False
    ) -> Tensor:
        """The layer's output, of the shape of ``src``; the masks are those of :class:`MultiheadAttention` (True forbids)."""

        def attention(x: ArrayLike) -> Any:
            return self.self_attn(x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal)[0]

        x = self._residual(src, self.norm1, attention, self.dropout1)
        return self._residual(x, self.norm2, self._feed_forward, self.dropout2)  # type: ignore[no-any-return]


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to the encoder's output (``memory``) and a feed-forward network, each with a residual path.

    The arguments are those of :class:`TransformerEncoderLayer`, and of ``torch.nn.TransformerDecoderLayer``.

    >>> import numpy as np
    >>> import nn
    >>> layer = nn.TransformerDecoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True, rng=0).eval()
    >>> layer(np.ones((5, 3, 8), np.float32), np.ones((5, 4, 8), np.float32), tgt_is_causal=True).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        rng: Rng = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        super().__init__()
        self._set_up(d_model, nhead, activation, norm_first)
        rng = _one(rng)
        starts: dict[str, Any] = {"dtype": dtype, "rng": rng, "weight_init": weight_init, "bias_init": bias_init}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **starts)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **starts)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **starts)
        self.dropout = Dropout(dropout, rng=rng)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **starts)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.dropout1 = Dropout(dropout, rng=rng)
        self.dropout2 = Dropout(dropout, rng=rng)
        self.dropout3 = Dropout(dropout, rng=rng)

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The layer's output, of the shape of ``tgt``; the masks are those of :class:`MultiheadAttention` (True forbids)."""

        def self_attention(x: ArrayLike) -> Any:
            return self.self_attn(x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal)[0]

        def attention_to_memory(x: ArrayLike) -> Any:
            return self.multihead_attn(
                x, memory, memory, memory_key_padding_mask, False, memory_mask, is_causal=memory_is_causal
            )[0]

        x = self._residual(tgt, self.norm1, self_attention, self.dropout1)
        x = self._residual(x, self.norm2, attention_to_memory, self.dropout2)
        return self._residual(x, self.norm3, self._feed_forward, self.dropout3)  # type: ignore[no-any-return]


# ---------------------------------------------------------------- stacks


class _Stack(Module):
    """Copies of a layer, one after the other."""

    def __init__(self, layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        if num_layers < 0:
            raise ValueError(f"{type(self).__name__}: num_layers={num_layers} is negative")
        # The copies draw their dropout from the one generator of the layer: copies of it would give every layer the same mask.
        shared = {
            id(value): value
            for module in layer.modules()
            for value in module.__dict__.values()
            if isinstance(value, np.random.Generator)
        }
        self.layers = ModuleList([copy.deepcopy(layer, dict(shared)) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm


class TransformerEncoder(_Stack):
    """``num_layers`` copies of an encoder layer, one after the other, and a last normalisation if one is given.

    As in PyTorch all copies start with the layer's weights; ``nn.init.initialize(encoder, ...)`` draws new ones for each.

    >>> import numpy as np
    >>> import nn
    >>> encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), num_layers=3, norm=nn.LayerNorm(8))
    >>> encoder(np.ones((5, 3, 8), np.float32)).shape
    (5, 3, 8)
    """

    norm: Module | None

    def __init__(self, encoder_layer: TransformerEncoderLayer, num_layers: int, norm: Module | None = None) -> None:
        super().__init__(encoder_layer, num_layers, norm)

    def forward(self, src: Any, mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Tensor:
        """The last layer's output, normalised, of the shape of ``src``."""
        x = src
        for layer in self.layers:
            x = layer(x, mask, src_key_padding_mask, is_causal)
        return x if self.norm is None else self.norm(x)  # type: ignore[no-any-return]


class TransformerDecoder(_Stack):
    """``num_layers`` copies of a decoder layer, one after the other, and a last normalisation if one is given."""

    norm: Module | None

    def __init__(self, decoder_layer: TransformerDecoderLayer, num_layers: int, norm: Module | None = None) -> None:
        super().__init__(decoder_layer, num_layers, norm)

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The last layer's output, normalised, of the shape of ``tgt``."""
        x = tgt
        for layer in self.layers:
            x = layer(
                x,
                memory,
                tgt_mask,
                memory_mask,
                tgt_key_padding_mask,
                memory_key_padding_mask,
                tgt_is_causal,
                memory_is_causal,
            )
        return x if self.norm is None else self.norm(x)  # type: ignore[no-any-return]


# ---------------------------------------------------------------- positions


class PositionalEncoding(Module):
    """Add sines and cosines of the position: feature 2i gets ``sin(p / 10000^(2i/d))``, feature 2i + 1 the cosine. Nothing is learnt.

    Args:
        d_model: features.
        dropout: of the sum, in training.
        max_len: the longest sequence.
        batch_first: (batch, positions, features) instead of (positions, batch, features).
        dtype: of the table; what it is added to keeps its own if that is a floating one.
        rng: of dropout: a generator, a seed, or None for the default generator.

    >>> import numpy as np
    >>> encoding = PositionalEncoding(4, dropout=0.0, batch_first=True)
    >>> encoding(np.zeros((1, 2, 4), np.float32)).numpy().round(2).tolist()[0]
    [[0.0, 1.0, 0.0, 1.0], [0.8399999737739563, 0.5400000214576721, 0.009999999776482582, 1.0]]
    """

    pe: Any

    def __init__(
        self,
        d_model: int,
        dropout: float = 0.1,
        max_len: int = 5000,
        batch_first: bool = False,
        *,
        dtype: DTypeLike | None = None,
        rng: Rng = None,
    ) -> None:
        super().__init__()
        self.d_model, self.max_len, self.batch_first = d_model, max_len, batch_first
        self.dropout = Dropout(dropout, rng=rng)
        angle = np.arange(max_len)[:, None] * np.exp(np.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        table = np.zeros((max_len, d_model))
        table[:, 0::2] = np.sin(angle)
        table[:, 1::2] = np.cos(angle)[:, : d_model // 2]
        self.register_buffer("pe", table.astype(default_dtype() if dtype is None else dtype), persistent=False)

    def forward(self, x: Any) -> Tensor:
        """``x`` plus the encoding of its positions; (positions, features) without a batch."""
        shape = np.shape(x)
        axis = -2 if self.batch_first or len(shape) == 2 else 0
        if len(shape) not in (2, 3) or shape[-1] != self.d_model or shape[axis] > self.max_len:
            raise ValueError(
                f"PositionalEncoding: expects {self.d_model} features and at most {self.max_len} positions, of axes "
                f"{'(batch, positions, features)' if self.batch_first else '(positions, batch, features)'}; got shape {shape}"
            )
        table = self.pe[: shape[axis]].astype(np.result_type(x.dtype, np.float16), copy=False)
        return self.dropout(np.add(x, table if axis == -2 else table[:, None]))

    def extra_repr(self) -> str:
        """The options in words."""
        return f"d_model={self.d_model}, max_len={self.max_len}, batch_first={self.batch_first}"


def _one(rng: Rng) -> np.random.Generator | None:
    """One generator for all parts of a layer: a seed would start each part with the same numbers."""
    return None if rng is None else generator_of(rng)
