"""Scaled dot-product attention, fused: the scores are written once and the probabilities are never normalised.

With scores z = scale · K Qᵀ + maskᵀ, e = exp(z − max z) and c = 1 / Σ e (over the keys), the forward pass is

    O = (eᵀ V) · c

so that normalising costs a pass over O, not over the much larger e. Everything of the size of the scores is laid
out as keys × queries: the maximum over the keys is then one over the second-to-last axis, a few long loops instead of
one short loop per query, and Σ e is a product with a row of ones.

e and c are hidden outputs: the rule gets them, and higher derivatives go through the same lines. Only e · c leaves it,
which does not depend on the maximum that was subtracted, so the derivatives of e and c may take that for a constant:
de = e dz and dc = −c² Σ e dz. With G = dL/dO · c:

    dL/dV = e G          dL/dz = e (V Gᵀ − rowsum(G O))          dL/dQ = scale · dL/dzᵀ K          dL/dK = scale · dL/dz Q

This is the backward pass of FlashAttention (Dao et al., 2022), algorithm 4, without its tiles.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ..engine.errors import describe
from ..engine.hooks import in_memory
from ..engine.random import draw, generator_of
from ..engine.registry import on_arrays, primitive, rule
from ..engine.tensor import Array, ArrayLike, DTypeLike, Tensor


@primitive(name="score_gradient", wrt="e value h rows", discrete="kept", broadcasts=True)
def _score_gradient(e: Any, value: ArrayLike, h: ArrayLike, rows: Any, kept: Any = None) -> Any:
    """``e · (V hᵀ · kept − rows)`` in one new array: the gradient of the scores, as keys × queries."""
    d = np.matmul(value, np.swapaxes(h, -1, -2))
    if np.broadcast_shapes(d.shape, e.shape, rows.shape) != d.shape or d.dtype != e.dtype:
        return e * ((d if kept is None else d * kept) - rows)
    if kept is not None:
        d *= kept
    d -= rows
    d *= e
    return d


score_gradient = on_arrays(_score_gradient)


def _weighed(t: Any, e: Any, kept: Any) -> Any:
    return t * e if kept is None else t * e * kept


rule(
    _score_gradient,
    lambda t, value, h, rows, kept: score_gradient(t, value, h, rows, kept),
    lambda t, e, h, kept: np.matmul(_weighed(t, e, kept), h),
    lambda t, e, value, kept: np.matmul(np.swapaxes(_weighed(t, e, kept), -1, -2), value),
    lambda t, e: -(t * e),
)


# ---------------------------------------------------------------- the operands


def _real(x: Array, word: str) -> Array:
    """A floating array of at least two axes."""
    if not hasattr(x, "dtype"):
        x = np.asarray(x)
    if x.ndim < 2:
        raise ValueError(f"{word} needs an axis of positions and one of features, got {describe(x)}")
    return x if x.dtype.kind == "f" else np.multiply(x, 1.0)


def _forbidden(mask: Array, dtype: DTypeLike | None, shape: tuple[int, ...]) -> Any:
    """What a mask adds to the scores of the given shape, as keys × queries: 0 or −inf for booleans."""
    if not hasattr(mask, "dtype"):
        mask = np.asarray(mask)
    if mask.dtype.kind not in "bf":
        raise TypeError(
            f"attn_mask must be boolean (True: may attend) or floating (added to the scores), not {mask.dtype}; convert it with attn_mask.astype(bool)"
        )
    try:
        np.broadcast_shapes(mask.shape, shape)
        fits = mask.ndim < 1 or mask.shape[-1] in (1, shape[-1])
        fits = fits and (mask.ndim < 2 or mask.shape[-2] in (1, shape[-2]))
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"attn_mask of shape {mask.shape} does not broadcast to the scores' shape {shape}")
    if mask.dtype.kind == "b":
        mask = np.where(mask, np.zeros_like(mask, dtype=dtype), np.full_like(mask, -math.inf, dtype=dtype))
    elif mask.dtype != dtype:
        mask = mask.astype(dtype)
    return np.swapaxes(mask, -1, -2) if mask.ndim > 1 else mask[..., None] if mask.ndim else mask


def _causal(z: Array) -> Any:
    """−inf where the key stands after the query, else 0, of the last two axes of z."""
    keys, queries = z.shape[-2:]
    if z.__class__ is np.ndarray:
        return _triangle(keys, queries, z.dtype)
    later = np.greater(np.arange(keys, like=z)[:, None], np.arange(queries, like=z))
    return np.where(later, -math.inf, 0.0).astype(z.dtype)


@lru_cache(maxsize=16)
def _triangle(keys: int, queries: int, dtype: DTypeLike | None) -> Any:
    mask = np.where(np.arange(keys)[:, None] > np.arange(queries), -math.inf, 0.0).astype(dtype)
    mask.flags.writeable = False
    return mask


def _added(z: Array, mask: Array) -> Array:
    """z + mask, in z's own memory unless the mask has further axes."""
    if np.broadcast_shapes(z.shape, mask.shape) == z.shape:
        return np.add(z, mask, out=z)
    return z + mask


@lru_cache(maxsize=16)
def _lowest(dtype: DTypeLike | None) -> Any:
    return np.finfo(dtype).min


# ---------------------------------------------------------------- attention


@primitive(wrt="query key value attn_mask", multi=True, shown=1, broadcasts=True, real=True, masks="attn_mask")
def scaled_dot_product_attention(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    attn_mask: ArrayLike | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    rng: np.random.Generator | int | None = None,
) -> Tensor:
    """``softmax(scale · Q Kᵀ + mask) V``: each query's mean of the values, weighted by how well the keys fit it.

    Names and meaning are those of ``torch.nn.functional.scaled_dot_product_attention``; the axes before the last two
    broadcast. Stable for scores of any magnitude. A query that may attend to nothing gives 0 and gets gradient 0.

    Args:
        query: shape (..., L, E).
        key: shape (..., S, E).
        value: shape (..., S, Ev).
        attn_mask: broadcasts to the scores' shape (..., L, S). Boolean: True where the query may attend to the key.
            Floating: added to the scores (−inf forbids), and gets a gradient.
        dropout_p: probability with which a weight is set to 0; the others are divided by ``1 − dropout_p``.
        is_causal: query l attends to the keys s ≤ l only (beside what ``attn_mask`` says).
        scale: by default ``1 / sqrt(E)``.
        rng: where dropout draws from: a generator, a seed, or None for the generator that ``ag.manual_seed`` seeds.

    Returns:
        Shape (..., L, Ev), in the operands' common dtype.

    Raises:
        TypeError: operands that are not real, or a mask of integers.
        ValueError: shapes that do not fit, or ``dropout_p`` outside [0, 1].

    Gradients: with P the weights and G the cotangent, ``dS = P · (G Vᵀ − rowsum(G · O))``; then ``scale · dS K``,
    ``scale · dSᵀ Q``, ``Pᵀ G`` and, for the mask, dS.

    >>> scaled_dot_product_attention([[0.0]], [[0.0], [0.0]], [[1.0], [3.0]]).tolist()
    [[2.0]]
    """
    query, key, value = _real(query, "query"), _real(key, "key"), _real(value, "value")
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"query {query.shape} and key {key.shape} must agree in the last axis, key and value {value.shape} in the one before"
        )
    dropout_p = float(dropout_p)
    if not 0 <= dropout_p <= 1:
        raise ValueError(f"dropout_p = {dropout_p} is not in [0, 1]")
    z = np.matmul(key, np.swapaxes(query * _scale(scale, query.shape), -1, -2))
    if attn_mask is not None:
        z = _added(z, _forbidden(attn_mask, z.dtype, (*z.shape[:-2], z.shape[-1], z.shape[-2])))
    if is_causal:
        z = _added(z, _causal(z))
    # The maximum is at least the lowest finite number, so that a column of −inf minus its maximum is −inf and not NaN.
    z -= np.maximum.reduce(z, axis=-2, keepdims=True, initial=_lowest(z.dtype))
    e = np.exp(z, out=z)
    # A sum holds an exp(0) = 1, but for a column of −inf.
    total = np.maximum(np.matmul(np.ones_like(e, shape=(1, e.shape[-2])), e), 1)
    if not dropout_p:
        return *_mean(e, value, query, total, 1.0), e
    kept = draw(generator_of(rng), "random", e.shape, np.float32) >= dropout_p
    if not (in_memory(kept) and in_memory(e)):
        kept = np.asarray(kept, like=e)
    return *_mean(np.multiply(e, kept), value, query, total, 1 - dropout_p), e, kept


def _scale(scale: float | None, query_shape: tuple[int, ...]) -> float:
    # float(): a NumPy scalar of float64 would carry float32 operands along.
    return 1 / math.sqrt(max(query_shape[-1], 1)) if scale is None else float(scale)


def _mean(e: Any, value: Array, query: Any, total: Array, share: float) -> tuple[Any, Any]:
    """O = eᵀ V c / share and c, in memory laid out as the query's where the shape is the same: heads split by a view are joined by one."""
    weights = np.swapaxes(e, -1, -2)
    if (
        query.shape[-1] == value.shape[-1]
        and query.shape[:-2] == e.shape[:-2] == value.shape[:-2]
        and query.dtype == e.dtype == value.dtype
    ):
        o = np.matmul(weights, value, out=np.empty_like(query))
    else:
        o = np.matmul(weights, value)
    # In the memory order of o, so that NumPy runs over both in one long loop.
    c = np.empty_like(o, shape=(*total.shape[:-2], total.shape[-1], 1))
    c = np.divide(1, np.swapaxes(total, -1, -2), out=c)
    o *= c
    if 0 < share < 1:
        o *= 1 / share
    return o, c


def _attention_rule(
    g: Any, needs: Any, out: Any, query: Any, key: Any, value: Array, dropout_p: float, scale: float | None
) -> Any:
    dropout_p = float(dropout_p)
    o, c, e = out[:3]
    kept = out[3] if len(out) == 4 else None
    g_query = g_key = g_value = g_mask = None
    dz = None
    if g[0] is not None:
        h = g[0] * c
        rows = np.einsum("...d,...d->...", h, o)[..., None, :] if needs[0] or needs[1] or needs[3] else None
        if kept is not None and dropout_p < 1:
            h = h * (1 / (1 - dropout_p))
        if needs[2]:
            g_value = np.matmul(e if kept is None else e * kept, h)
        if rows is not None:
            dz = score_gradient(e, value, h, rows, kept)
    elif needs[2]:
        g_value = np.zeros_like(value)
    if g[1] is not None:
        d = e * np.swapaxes(-g[1] * (c * c), -1, -2)
        dz = d if dz is None else dz + d
    if g[2] is not None:
        d = e * g[2]
        dz = d if dz is None else dz + d
    if dz is None:
        dz = np.zeros_like(e)
    if needs[0] or needs[1]:
        s = _scale(scale, query.shape)
        if needs[0]:
            g_query = np.matmul(np.swapaxes(dz, -1, -2), key * s)
        if needs[1]:
            g_key = np.matmul(dz, query * s)
    if needs[3]:
        g_mask = np.swapaxes(dz, -1, -2)
    return g_query, g_key, g_value, g_mask


rule(scaled_dot_product_attention, joint=_attention_rule)
