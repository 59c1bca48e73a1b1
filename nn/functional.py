"""Layers, activations and losses as functions, with the names and argument order of ``torch.nn.functional``.

Functions whose name and arguments are the same in ``autograd_np`` are those themselves (their first argument is positional);
the others are here. A matrix has the shape (in, out): ``linear(x, W, b)`` is ``x @ W + b``. ``inplace=`` is not an argument of any.

>>> import nn.functional as F
>>> F.softmax(F.relu(np.array([[-1.0, 0.0]])), dim=1).tolist()
[[0.5, 0.5]]
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_np as ag
from autograd_np import (
    Tensor,
    celu,
    elu,
    gelu,
    hardshrink,
    hardtanh,
    hints,
    leaky_relu,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
)

from .defaults import generator_of
from .losses.functions import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)
from .losses.margins import (
    cosine_embedding_loss,
    cosine_similarity,
    hinge_embedding_loss,
    hinge_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_soft_margin_loss,
    normalize,
    pairwise_distance,
    soft_margin_loss,
    triplet_margin_loss,
)
from .resizing import interpolate, pixel_shuffle, pixel_unshuffle

if TYPE_CHECKING:
    from autograd_np import (
        adaptive_avg_pool1d,
        adaptive_avg_pool2d,
        adaptive_max_pool1d,
        adaptive_max_pool2d,
        avg_pool1d,
        avg_pool2d,
        batch_norm,
        conv1d,
        conv2d,
        conv_transpose1d,
        conv_transpose2d,
        embedding,
        group_norm,
        layer_norm,
        linear,
        max_pool1d,
        max_pool2d,
        rms_norm,
    )
    from autograd_np.typing import ArrayLike

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "group_norm",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hinge_embedding_loss",
    "hinge_loss",
    "huber_loss",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool2d",
    "mish",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "triplet_margin_loss",
]

logsigmoid = ag.log_sigmoid
hardsigmoid = ag.hard_sigmoid
hardswish = ag.hard_swish


def __getattr__(name: str) -> Any:
    """The functions whose chapters of ``autograd_np`` are loaded at their first use."""
    if name not in __all__:
        return hints.missing_in_module(__name__, name)
    found = getattr(ag, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# ---------------------------------------------------------------- activations


def prelu(input: ArrayLike, weight: ArrayLike) -> Tensor:
    """``x`` for x > 0, else ``weight · x``: one weight, or one per channel (axis 1)."""
    return ag.prelu(input, weight)


def softplus(input: ArrayLike, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """``log(1 + e^(beta·x)) / beta``, and x itself where ``beta·x > threshold``."""
    return ag.softplus(input, beta, threshold)


def threshold(input: ArrayLike, threshold: float, value: float) -> Tensor:
    """``x`` for x > threshold, else ``value``; gradient 1 or 0, and 0 at the threshold. NaN stays NaN.

    Raises:
        TypeError: complex numbers, which have no order.
    """
    if ag.iscomplexobj(input):
        raise TypeError(
            f"threshold: input has dtype {np.result_type(input)}, and threshold is defined for real numbers alone; take input.real or abs(input)"
        )
    return ag.where(ag.less_equal(input, threshold), value, input)


def softmax(input: ArrayLike, dim: int = -1) -> Tensor:
    """``e^x / Σ e^x`` along ``dim``, for any magnitude of x."""
    return ag.softmax(input, dim)


def gumbel_softmax(
    logits: ArrayLike, tau: float = 1.0, hard: bool = False, dim: int = -1, *, rng: Any = None
) -> Tensor:
    """``softmax((x + G) / tau)`` with noise G of Gumbel's distribution: a differentiable sample of a class (Jang, Gu and Poole, ICLR 2017).

    Args:
        logits: unnormalised log-probabilities.
        tau: the temperature, above 0; near 0 the sample is nearly one-hot.
        hard: give the one-hot sample itself, with the gradient of the soft one ("straight-through").
        dim: the axis of classes.
        rng: a seed or generator; the default one unless given.

    Raises:
        ValueError: ``tau`` is not above 0.
    """
    if not tau > 0:
        raise ValueError(f"gumbel_softmax: tau = {tau} must be above 0")
    x = logits if isinstance(logits, Tensor) else Tensor(logits)
    noise = generator_of(rng).gumbel(size=x.shape).astype(x.dtype if x.dtype.kind == "f" else float)
    soft = ag.softmax((x + noise) / tau, dim)
    if not hard:
        return soft
    best = np.expand_dims(np.argmax(soft.detach(), dim), dim)
    ones: Any = np.moveaxis(np.eye(soft.shape[dim], dtype=soft.dtype)[np.squeeze(best, dim)], -1, dim)
    return ones - soft.detach() + soft  # type: ignore[no-any-return]


def log_softmax(input: ArrayLike, dim: int = -1) -> Tensor:
    """``log softmax(x)`` along ``dim``, for any magnitude of x."""
    return ag.log_softmax(input, dim)


def softmin(input: ArrayLike, dim: int = -1) -> Tensor:
    """``softmax(−x)`` along ``dim``."""
    return ag.softmin(input, dim)


def glu(input: ArrayLike, dim: int = -1) -> Tensor:
    """``a σ(b)`` with a and b the halves of x along ``dim``."""
    return ag.glu(input, dim)


# ---------------------------------------------------------------- layers


def dropout(input: ArrayLike, p: float = 0.5, training: bool = True, rng: Any = None) -> Tensor:
    """Each element is 0 with probability p, else divided by 1 − p; without ``training`` the input itself.

    Args:
        input: any shape.
        p: probability of zero.
        training: whether to drop at all.
        rng: a generator, a seed, or None for the default generator (``nn.manual_seed``).
    """
    return ag.dropout(input, p, training, generator_of(rng))


def scaled_dot_product_attention(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    attn_mask: ArrayLike | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    rng: Any = None,
) -> Tensor:
    """``softmax(query @ keyᵀ · scale + mask) @ value``, see :func:`autograd_np.scaled_dot_product_attention`.

    ``rng`` draws the dropout: a generator, a seed, or None for the default generator.
    """
    return ag.scaled_dot_product_attention(
        query, key, value, attn_mask, dropout_p, is_causal, scale, generator_of(rng) if dropout_p else None
    )


def one_hot(tensor: Any, num_classes: int = -1) -> Tensor:
    """Integer zeros with a 1 at each class number along a new last axis; −1 classes: the largest number + 1.

    >>> one_hot([2, 0]).tolist()
    [[0, 0, 1], [1, 0, 0]]
    """
    return ag.one_hot(tensor, None if num_classes == -1 else num_classes, dtype=np.int64)


_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """``input`` with elements added at the ends of its last axes.

    Args:
        input: any shape.
        pad: numbers of elements (last axis before, after, axis before the last before, after, …). Negative ones take away.
        mode: ``"constant"``, ``"reflect"`` (without the edge), ``"replicate"`` (the edge) or ``"circular"``.
        value: for ``"constant"``, 0 by default.

    Raises:
        TypeError: ``pad`` is no sequence of integers.
        ValueError: an odd number of pads, more than two for each axis, more taken away than there is, more mirrored or repeated
            than there is, an unknown mode, or a value for another mode.

    >>> pad(np.array([[1.0, 2.0]]), (1, 0, 0, 1)).tolist()
    [[0.0, 1.0, 2.0], [0.0, 0.0, 0.0]]
    """
    x = input if hasattr(input, "dtype") else np.asarray(input)
    try:
        pads = [operator.index(n) for n in pad]
    except TypeError:
        raise TypeError(
            f"pad: the numbers of elements are a sequence of integers, two for each of the last axes, not {pad!r}"
        ) from None
    if len(pads) % 2 or len(pads) > 2 * x.ndim:
        raise ValueError(
            f"pad: {len(pads)} numbers of elements for an input of shape {x.shape}; there must be two for each of its last axes"
        )
    if mode not in _MODES:
        raise ValueError(f"pad: mode is one of {', '.join(map(repr, _MODES))}, not {mode!r}")
    if value is not None and mode != "constant":
        raise ValueError(f"pad: mode {mode!r} has no value")
    widths = [(0, 0)] * (x.ndim - len(pads) // 2) + [(pads[i], pads[i + 1]) for i in range(len(pads) - 2, -1, -2)]
    for (before, after), size in zip(widths, x.shape, strict=True):
        if size + before + after < 0 or min(size + before, size + after) < 0:
            raise ValueError(
                f"pad: {(before, after)} takes away more elements than the {size} of that axis; the input has shape {x.shape}"
            )
        most = {"reflect": max(size - 1, 0), "circular": size}.get(mode, max(before, after))
        if max(before, after) > most:
            raise ValueError(
                f"pad: mode {mode!r} can add at most {most} elements at an end of an axis of {size}, not {max(before, after)}"
            )
    if any(n < 0 for n in pads):
        x = x[
            tuple(
                [
                    slice(max(-before, 0), size - max(-after, 0))
                    for (before, after), size in zip(widths, x.shape, strict=True)
                ]
            )
        ]
        widths = [(max(before, 0), max(after, 0)) for before, after in widths]
    return ag.pad(x, widths, _MODES[mode], constant_values=value)
