"""Attention with several heads."""

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
from .checks import real, whole
from .linear import Linear

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from autograd_np.typing import ArrayLike

__all__ = ["MultiheadAttention"]

Rng = np.random.Generator | int | None

# (has a batch, batch first) → the order of axes that brings the heads before the positions: of the three projections side by side
# (…, 3, heads, d), of one (…, heads, d); and the order that brings them back.
_ORDERS = {
    (True, True): ((2, 0, 3, 1, 4), (0, 2, 1, 3), (0, 2, 1, 3)),
    (True, False): ((2, 1, 3, 0, 4), (1, 2, 0, 3), (2, 0, 1, 3)),
    (False, True): ((1, 2, 0, 3), (1, 0, 2), (1, 0, 2)),
    (False, False): ((1, 2, 0, 3), (1, 0, 2), (1, 0, 2)),
}


class MultiheadAttention(Module):
    """Attention of queries to keys, in ``num_heads`` subspaces of their own: Vaswani et al., Attention Is All You Need, 2017.

    ``concatenate(head_1, …, head_h) W_o + b_o`` with ``head_i = softmax(q_i k_iᵀ / √d) v_i``, where q, k and v are
    projections of the query, the key and the value and d is ``embed_dim / num_heads``. Arguments and meaning are those
    of ``torch.nn.MultiheadAttention``: note that True in a boolean mask **forbids**, and that without ``batch_first``
    the first axis is that of the positions. Where one array is query, key and value, one product of matrices projects all three.

    Args:
        embed_dim: features of the query and of the output.
        num_heads: must divide ``embed_dim``.
        dropout: in training, the probability with which a weight is set to 0 (the others are divided by ``1 − dropout``).
        bias: whether the projections have one.
        add_bias_kv: append a learnt key and a learnt value.
        add_zero_attn: append a key and a value of zeros.
        kdim: features of the key, ``embed_dim`` by default.
        vdim: features of the value, ``embed_dim`` by default.
        batch_first: (batch, positions, features) instead of (positions, batch, features).
        dtype: of the parameters.
        rng: of the first weights and of dropout: a generator, a seed, or None for the default generator.
        weight_init: of the projections' weights; by default Xavier's uniform for the inputs and PyTorch's default for ``out_proj``.
        bias_init: of the biases, 0 by default.

    Parameters:
        in_proj_weight: (embed_dim, 3 · embed_dim), the projections of query, key and value side by side; or, if ``kdim`` or ``vdim``
            differ, ``q_proj_weight``, ``k_proj_weight`` and ``v_proj_weight``, each (in, embed_dim). PyTorch's are their transposes.
        in_proj_bias: (3 · embed_dim,).
        out_proj.weight, out_proj.bias: (embed_dim, embed_dim) and (embed_dim,).
        bias_k, bias_v: (1, 1, embed_dim), with ``add_bias_kv``.

    >>> import numpy as np
    >>> import nn
    >>> attention = nn.MultiheadAttention(8, num_heads=2, batch_first=True, rng=0)
    >>> x = np.ones((5, 3, 8), np.float32)
    >>> output, weights = attention(x, x, x)
    >>> output.shape, weights.shape
    ((5, 3, 8), (5, 3, 3))
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None
    out_proj: Linear

    torch_layout = MappingProxyType(
        dict.fromkeys(("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"), (1, 0))
    )

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        *,
        dtype: DTypeLike | None = None,
        rng: Rng = None,
        weight_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        embed_dim, num_heads = whole(name, "embed_dim", embed_dim, 1), whole(name, "num_heads", num_heads, 1)
        if embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: num_heads must divide embed_dim; got embed_dim={embed_dim} and num_heads={num_heads}"
            )
        real(name, "dropout", dropout, most=1)
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim = embed_dim if kdim is None else whole(name, "kdim", kdim)
        self.vdim = embed_dim if vdim is None else whole(name, "vdim", vdim)
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        # None stays None, so that a copy of the layer goes on drawing from the one default generator.
        self.rng = None if rng is None else generator_of(rng)
        dtype = default_dtype() if dtype is None else np.dtype(dtype)

        def fresh(shape: tuple[int, ...], start: Any) -> Parameter:
            return Parameter(initialisers.fresh(shape, start, dtype=dtype, rng=self.rng))

        start = "xavier_uniform" if weight_init is None else weight_init
        packed = self.kdim == self.vdim == embed_dim
        self.register_parameter("in_proj_weight", fresh((embed_dim, 3 * embed_dim), start) if packed else None)
        for name, inputs in (("q_proj_weight", embed_dim), ("k_proj_weight", self.kdim), ("v_proj_weight", self.vdim)):
            self.register_parameter(name, None if packed else fresh((inputs, embed_dim), start))
        zeros = 0.0 if bias_init is None else bias_init
        self.register_parameter("in_proj_bias", fresh((3 * embed_dim,), zeros) if bias else None)
        self.out_proj = Linear(
            embed_dim, embed_dim, bias=bias, dtype=dtype, rng=self.rng, weight_init=weight_init, bias_init=zeros
        )
        self.register_parameter("bias_k", fresh((1, 1, embed_dim), "xavier_normal") if add_bias_kv else None)
        self.register_parameter("bias_v", fresh((1, 1, embed_dim), "xavier_normal") if add_bias_kv else None)

    def forward(
        self,
        query: ArrayLike,
        key: ArrayLike,
        value: ArrayLike,
        key_padding_mask: ArrayLike | None = None,
        need_weights: bool = True,
        attn_mask: ArrayLike | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend.

        A query that may attend to nothing gets ``out_proj.bias`` alone and passes no gradient on (PyTorch: NaN).

        Args:
            query: (L, N, E), with ``batch_first`` (N, L, E); (L, E) without a batch.
            key: (S, N, kdim), likewise.
            value: (S, N, vdim), likewise.
            key_padding_mask: (N, S), or (S,) without a batch: True where a key is padding; or numbers that are added to its scores.
            need_weights: whether to return the weights. Without them it is faster.
            attn_mask: (L, S) or (N · num_heads, L, S): True where the query may **not** attend; or numbers that are added to the scores.
            average_attn_weights: the mean over the heads instead of the weights of each.
            is_causal: query l attends to the keys s ≤ l only. Unlike PyTorch's hint it needs no mask beside it.

        Returns:
            The output, of the query's shape, and the weights: (N, L, S), or (N, num_heads, L, S) without averaging; None without
            ``need_weights``. In training they are those after dropout.

        Raises:
            ValueError: shapes that do not fit.
            TypeError: a mask of integers.
        """
        batched = np.ndim(query) == 3
        self._check(query, key, value)
        query_heads, key_heads, value_heads = self._project(query, key, value, batched)
        if self.bias_k is not None and self.bias_v is not None:
            key_heads = self._appended(key_heads, self.bias_k)
            value_heads = self._appended(value_heads, self.bias_v)
        if self.add_zero_attn:
            zeros = np.zeros((1, 1, self.embed_dim), key_heads.dtype)
            key_heads, value_heads = self._appended(key_heads, zeros), self._appended(value_heads, zeros)
        lead, queries, keys = query_heads.shape[:-2], query_heads.shape[-2], key_heads.shape[-2]
        real_keys = np.shape(key)[(1 if self.batch_first else 0) if batched else 0]
        mask = self._mask(attn_mask, key_padding_mask, lead, queries, real_keys, keys, is_causal)
        if need_weights:
            # The identity beside the values: the mean over its rows is the weights themselves.
            identity = np.broadcast_to(np.eye(keys, dtype=value_heads.dtype), (*lead, keys, keys))
            value_heads = ag.concatenate([value_heads, identity], axis=-1)
        out: Any = ag.scaled_dot_product_attention(
            query_heads,
            key_heads,
            value_heads,
            mask,
            self.dropout if self.training else 0.0,
            is_causal and keys == real_keys,
            rng=generator_of(self.rng),
        )
        weights: Any = None
        if need_weights:
            weights = out[..., self.head_dim :]
            out = out[..., : self.head_dim]
            if average_attn_weights:
                weights = np.mean(weights, axis=-3)
        out = np.transpose(out, _ORDERS[batched, self.batch_first][2])
        return self.out_proj(np.reshape(out, np.shape(query))), weights

    def _project(
        self, query: ArrayLike, key: ArrayLike, value: ArrayLike, batched: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (…, heads, positions, head_dim), as views where that is possible."""
        packed, single, _ = _ORDERS[batched, self.batch_first]
        bias = self.in_proj_bias
        if query is key and key is value and self.in_proj_weight is not None:
            joint = ag.linear(query, self.in_proj_weight, bias)
            parts = np.transpose(np.reshape(joint, (*joint.shape[:-1], 3, self.num_heads, self.head_dim)), packed)
            query, key, value = ag.unstack(parts)
            return query, key, value
        weights: Any = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        if self.in_proj_weight is not None:
            weights = ag.split(self.in_proj_weight, 3, axis=1)
        biases = (None, None, None) if bias is None else ag.split(bias, 3)
        heads: list[Any] = []
        for x, w, b in zip((query, key, value), weights, biases, strict=True):
            projected = ag.linear(x, w, b)
            heads.append(
                np.transpose(np.reshape(projected, (*projected.shape[:-1], self.num_heads, self.head_dim)), single)
            )
        return heads[0], heads[1], heads[2]

    def _appended(self, heads: Any, row: Any) -> Any:
        """Keys or values with one position more: (…, heads, S, d) and (1, 1, E) give (…, heads, S + 1, d)."""
        row = np.reshape(row, (self.num_heads, 1, self.head_dim))
        return ag.concatenate([heads, np.broadcast_to(row, (*heads.shape[:-2], 1, self.head_dim))], axis=-2)

    def _mask(
        self,
        attn_mask: ArrayLike | None,
        padding: Any,
        lead: tuple[int, ...],
        queries: int,
        real_keys: int,
        keys: int,
        is_causal: bool,
    ) -> Any:
        """What is added to the scores or, if all masks are boolean, where attention is allowed; None if everywhere."""
        parts = []
        if attn_mask is not None:
            mask = self._readable(attn_mask, "attn_mask")
            if mask.shape == (math.prod(lead), queries, real_keys):
                mask = np.reshape(mask, (*lead, queries, real_keys))
            elif mask.shape != (queries, real_keys):
                raise ValueError(
                    f"MultiheadAttention: attn_mask has shape {mask.shape}; it must be {(queries, real_keys)} or {(math.prod(lead), queries, real_keys)}"
                )
            parts.append(mask)
        if padding is not None:
            mask = self._readable(padding, "key_padding_mask")
            expected = (*lead[:-1], real_keys)
            if mask.shape != expected:
                raise ValueError(f"MultiheadAttention: key_padding_mask has shape {mask.shape}; it must be {expected}")
            parts.append(np.reshape(mask, (*lead[:-1], 1, 1, real_keys)))
        extra = keys - real_keys
        if is_causal and extra:
            parts.append(~np.tri(queries, real_keys, dtype=bool))
        if not parts:
            return None
        if all(part.dtype == bool for part in parts):
            total = ~parts[0]
            for part in parts[1:]:
                total = total & ~part
            more: Any = True
        else:
            dtype = next(part.dtype for part in parts if part.dtype != bool)
            parts = [np.where(part, -math.inf, 0.0).astype(dtype) if part.dtype == bool else part for part in parts]
            total = parts[0]
            for part in parts[1:]:
                total = total + part
            more = 0.0
        if extra:  # the appended keys may always be attended to
            total = ag.concatenate([total, np.full((*total.shape[:-1], extra), more, total.dtype)], axis=-1)
        return total

    @staticmethod
    def _readable(mask: ArrayLike, word: str) -> Any:
        if not hasattr(mask, "dtype"):
            mask = np.asarray(mask)
        if mask.dtype.kind not in "bf":
            raise TypeError(
                f"MultiheadAttention: {word} must be boolean (True forbids) or floating (added to the scores), not {mask.dtype}; "
                f"convert it with {word}.astype(bool)"
            )
        return mask

    def _check(self, query: ArrayLike, key: ArrayLike, value: ArrayLike) -> None:
        shapes = np.shape(query), np.shape(key), np.shape(value)
        q, k, v = shapes
        ndim = len(q)
        fits = ndim in (2, 3) and len(k) == len(v) == ndim
        fits = fits and (q[-1], k[-1], v[-1]) == (self.embed_dim, self.kdim, self.vdim) and k[:-1] == v[:-1]
        if fits and ndim == 3:
            batch = 0 if self.batch_first else 1
            fits = q[batch] == k[batch]
        if not fits:
            axes = "(batch, positions, features)" if self.batch_first else "(positions, batch, features)"
            raise ValueError(
                f"MultiheadAttention: expects query, key and value of axes {axes} or (positions, features), with {self.embed_dim}, {self.kdim} and "
                f"{self.vdim} features, and key and value of equally many positions; got shapes {q}, {k} and {v}"
                + ("" if self.batch_first else "; for (batch, positions, features) set batch_first=True")
            )

    def extra_repr(self) -> str:
        """The options in words."""
        words = [f"embed_dim={self.embed_dim}, num_heads={self.num_heads}"]
        if self.dropout:
            words.append(f"dropout={self.dropout}")
        if self.in_proj_bias is None:
            words.append("bias=False")
        if self.bias_k is not None:
            words.append("add_bias_kv=True")
        if self.add_zero_attn:
            words.append("add_zero_attn=True")
        if self.in_proj_weight is None:
            words.append(f"kdim={self.kdim}, vdim={self.vdim}")
        if self.batch_first:
            words.append("batch_first=True")
        return ", ".join(words)
