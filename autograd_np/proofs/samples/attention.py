"""Samples: scaled dot-product attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import case, normal, samples

INF = math.inf


def _attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    rng: Any = None,
) -> Any:
    """The definition: normalised weights, then dropout, then the mean, in float64."""
    dtype = np.result_type(query, key, value)
    queries, keys = query.shape[-2], key.shape[-2]
    scores = (
        query.astype(float)
        @ np.swapaxes(key, -1, -2).astype(float)
        * (1 / math.sqrt(query.shape[-1] or 1) if scale is None else scale)
    )
    if attn_mask is not None:
        scores = scores + (np.where(attn_mask, 0.0, -INF) if attn_mask.dtype == bool else attn_mask)
    if is_causal:
        scores = np.where(np.tri(queries, keys, dtype=bool), scores, -INF)
    top = scores.max(axis=-1, keepdims=True, initial=-1e300)
    weights = np.exp(scores - top)
    total = weights.sum(axis=-1, keepdims=True)
    weights = weights / np.where(total == 0, 1.0, total)
    if dropout_p:
        drawn = np.random.default_rng(rng).random((*scores.shape[:-2], keys, queries), np.float32)
        weights = weights * (np.swapaxes(drawn, -1, -2) >= dropout_p) / (1 - dropout_p if dropout_p < 1 else 1)
    return (weights @ value.astype(float)).astype(dtype)


_ALLOWED = np.array([[True, False, True], [False, False, True]])
_NOTHING = np.array([[False, False, False], [True, False, True]])
samples(
    "scaled_dot_product_attention",
    case(normal(2, 3), normal(3, 3), normal(3, 2), label="plain"),
    case(normal(2, 2, 3, 2), normal(2, 2, 4, 2), normal(2, 2, 4, 2), label="batch and heads"),
    case(normal(2, 3), normal(3, 3), normal(3, 3), scale=0.3, label="a scale"),
    case(normal(2, 1, 2, 3), normal(3, 3, 3), normal(1, 3, 2), label="leading axes that broadcast"),
    case(normal(2, 3), normal(4, 3, 3), normal(3, 2), label="more axes in the keys"),
    case(normal(1, 1), normal(1, 1), normal(1, 1), label="one of everything"),
    case(normal(2, 2, 3), normal(2, 3, 3), normal(2, 3, 3), normal(2, 3), label="a mask that is added"),
    case(normal(2, 2, 3), normal(2, 3, 3), normal(2, 3, 3), normal(2, 1, 3), label="a mask over keys"),
    case(normal(2, 3), normal(3, 3), normal(3, 3), normal(2, 2, 3), label="a mask with more axes"),
    case(normal(2, 3), normal(3, 3), normal(3, 3), normal(3), label="a mask of one axis"),
    case(
        normal(2, 3),
        normal(3, 3),
        normal(3, 3),
        normal(2, 1),
        label="a mask over queries: no gradient",
        float32=False,
        strided=False,
    ),
    case(
        normal(2, 3),
        normal(3, 3),
        normal(3, 3),
        np.array(0.7),
        label="a mask of no axes: no gradient",
        float32=False,
        strided=False,
    ),
    case(normal(2, 3), normal(3, 3), normal(3, 2), _ALLOWED, label="a boolean mask"),
    case(normal(2, 2, 3), normal(2, 3, 3), normal(2, 3, 3), _NOTHING, label="a query that may attend to nothing"),
    case(normal(3, 3), normal(3, 3), normal(3, 3), is_causal=True, label="causal"),
    case(normal(2, 4, 3), normal(2, 2, 3), normal(2, 2, 3), is_causal=True, label="causal, more queries"),
    case(
        normal(2, 2, 3),
        normal(2, 4, 3),
        normal(2, 4, 3),
        normal(4),
        is_causal=True,
        label="causal, more keys, and a mask",
    ),
    case(normal(2, 3, 3), normal(2, 4, 3), normal(2, 4, 3), dropout_p=0.4, rng=3, label="dropout"),
    case(
        normal(2, 3),
        normal(3, 3),
        normal(3, 2),
        normal(2, 3),
        dropout_p=0.4,
        is_causal=True,
        rng=5,
        label="dropout, mask, causal",
    ),
    case(normal(2, 3), normal(3, 3), normal(3, 2), dropout_p=1.0, rng=0, order=1, label="everything dropped"),
    case(np.zeros((0, 3)), normal(2, 3), normal(2, 3), order=1, label="no queries"),
    case(normal(2, 3), np.zeros((0, 3)), np.zeros((0, 2)), order=1, label="no keys"),
    case(np.zeros((2, 0)), np.zeros((3, 0)), normal(3, 2), label="no features"),
    case(np.zeros((0, 2, 3)), np.zeros((0, 2, 3)), np.zeros((0, 2, 3)), is_causal=True, order=1, label="no batch"),
    case(
        np.array([[1e3, 0.0]]),
        np.array([[1e3, 0.0], [-1e3, 1.0]]),
        normal(2, 2),
        order=1,
        label="huge scores",
        float32=False,
    ),
    oracle=_attention,
)


def _score_gradient(e: Any, value: Any, h: Any, rows: Any, kept: Any = True) -> Any:
    return e * (np.einsum("...sd,...ld->...sl", value, h) * kept - rows)


samples(
    "score_gradient",
    case(normal(2, 3, 4), normal(2, 3, 2), normal(2, 4, 2), normal(2, 1, 4), label="plain"),
    case(normal(2, 3, 4), normal(3, 2), normal(1, 4, 2), normal(1, 4), label="every side broadcasts"),
    case(normal(2, 3, 4), normal(2, 3, 2), normal(2, 4, 2), normal(2, 1, 4), normal(2, 3, 4) > 0, label="dropout"),
    case(
        normal(2, 3, 4),
        normal(3, 2),
        normal(4, 2),
        normal(2, 1, 4),
        normal(2, 3, 4) > 0,
        label="dropout, every side broadcasts",
    ),
    case(normal(0, 2, 3), normal(0, 2, 2), normal(0, 3, 2), normal(0, 1, 3), order=1, label="empty"),
    oracle=_score_gradient,
)
