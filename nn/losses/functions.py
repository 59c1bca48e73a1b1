"""The losses as functions, with the names of ``torch.nn.functional``.

Three things hold for all of them:

* Shapes are not broadcast: input and target that differ are an error that names both.
* The result has the dtype of the input; targets of other dtypes, integers too, are converted to it.
* The mean of nothing (an empty batch, every row ignored) is 0, where PyTorch gives NaN.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_np as ag
from autograd_np import Tensor, tracing

from .shared import check_reduction, class_numbers, expects, of_class, operand, pair, raw, reduced

if TYPE_CHECKING:
    from autograd_np.typing import ArrayLike

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]

# What should not come before a loss → what to do.
SCORES_FOR_CLASSES = {
    "softmax": "CrossEntropyLoss takes scores and contains the softmax: drop the Softmax, or take NLLLoss of LogSoftmax",
    "sigmoid": "CrossEntropyLoss takes scores: drop the Sigmoid, or take BCELoss if the classes do not exclude one another",
}
LOG_PROBABILITIES = {
    "softmax": "NLLLoss takes log-probabilities: write LogSoftmax in the place of the Softmax, or drop it and take CrossEntropyLoss",
    "sigmoid": "NLLLoss takes log-probabilities: for probabilities of a Sigmoid take BCELoss",
}
SCORES = {
    "sigmoid": "BCEWithLogitsLoss takes scores and contains the sigmoid: drop the Sigmoid, or take BCELoss",
    "softmax": "BCEWithLogitsLoss takes scores: drop the Softmax, or take CrossEntropyLoss of scores",
}

# ---------------------------------------------------------------- of classes


def cross_entropy(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """``−Σ_c q_c log softmax(input)_c`` of unnormalised scores and a target distribution q, stable for any magnitude.

    Args:
        input: logits (N, C), (N, C, d1, …), or (C,) for one row.
        target: class numbers of shape (N,), (N, d1, …) or (); or one-hot rows or probabilities of the shape of the input.
        weight: one number per class.
        ignore_index: rows of this class have loss and gradient 0; has no effect on probabilities.
        reduction: ``"mean"`` (over the rows; for class numbers weighted by ``weight`` and without those ignored), ``"sum"``, ``"none"``.
        label_smoothing: in [0, 1]: ``q`` becomes ``(1 − s) q + s / C``.

    Raises:
        IndexError: a class number is out of range.
        TypeError: class numbers are not integers.
        ValueError: shapes that do not fit; ``ignore_index`` ≥ 0 with probabilities.

    >>> round(cross_entropy([[2.0, 0.0], [0.0, 0.0]], [0, 1]).item(), 6)
    0.410038
    """
    x = operand(input, "cross_entropy")
    expects("cross_entropy", x, SCORES_FOR_CLASSES)
    if not x.ndim:
        raise ValueError(
            "cross_entropy: the input must have an axis of classes: (N, C), (N, C, d1, ...), or (C,) for one row"
        )
    ignored: int | None = ignore_index
    if np.shape(target) == x.shape:
        if ignore_index >= 0:
            raise ValueError(
                f"cross_entropy: ignore_index={ignore_index} is for class numbers; give the rows to ignore probabilities of 0"
            )
        ignored = None
    elif raw(target).dtype.kind not in "iub" or not tracing.assume(_any_equal, raw(target), ignore_index):
        ignored = None  # the loss has a shorter way where nothing is ignored
    axis = 1 if x.ndim > 1 else 0
    return ag.softmax_cross_entropy(x, target, axis, reduction, label_smoothing, ignored, weight)


def _any_equal(labels: ArrayLike, number: int) -> bool:
    """Whether the number is among the labels."""
    return bool(np.count_nonzero(np.equal(labels, number)))


def nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """``−weight[y] · input_y`` of log-probabilities (from ``log_softmax``) and class numbers y; see :func:`cross_entropy`.

    >>> nll_loss([[-0.5, -1.0], [-2.0, -0.25]], [0, 1]).item()
    0.375
    """
    x = operand(input, "nll_loss")
    expects("nll_loss", x, LOG_PROBABILITIES)
    if not x.ndim:
        raise ValueError(
            "nll_loss: the input must have an axis of classes: (N, C), (N, C, d1, ...), or (C,) for one row"
        )
    check_reduction("nll_loss", reduction)
    axis = 1 if x.ndim > 1 else 0
    y, valid = class_numbers("nll_loss", target, x.shape, axis, ignore_index)
    loss = -of_class(x, y, axis)
    if valid is not None:
        loss = ag.where(valid, loss, 0.0)
    scale = None
    if weight is not None:
        scale = raw(weight).astype(x.dtype, copy=False)
        if scale.shape != (x.shape[axis],):
            raise ValueError(
                f"nll_loss: weight has shape {scale.shape}; it must hold one number for each of the {x.shape[axis]} classes"
            )
        scale = scale[y]
        loss = loss * scale
    if reduction == "mean" and (scale is not None or valid is not None):
        ones = np.ones(y.shape, x.dtype) if scale is None else scale
        total = np.sum(ones if valid is None else ones * valid)
        return ag.sum(loss) / np.where(total != 0, total, np.ones_like(total))  # type: ignore[no-any-return]
    return reduced("nll_loss", loss, reduction)  # type: ignore[no-any-return]


def binary_cross_entropy(
    input: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, *, reduction: str = "mean"
) -> Tensor:
    """``−(t log p + (1 − t) log(1 − p)) · weight`` of probabilities p and targets t in [0, 1].

    As in PyTorch the logarithms are not taken below −100, and the gradient's denominator ``p (1 − p)`` not below 1e-12, so
    both are finite at p = 0 and 1. :func:`binary_cross_entropy_with_logits` needs no such clipping.

    Raises:
        ValueError: a probability is outside [0, 1]; shapes that do not fit.

    >>> binary_cross_entropy([1.0, 1.0], [1.0, 0.0], reduction="none").tolist()
    [0.0, 100.0]
    """
    x, y = pair("binary_cross_entropy", input, target)
    tracing.require(_check_probabilities, raw(x))
    return ag.binary_cross_entropy(x, y, reduction, weight)


def _check_probabilities(values: Any) -> None:
    if values.size and (values.min() < 0 or values.max() > 1):
        raise ValueError(
            f"binary_cross_entropy: the input lies between {values.min():.4g} and {values.max():.4g}, but probabilities between 0 and 1; "
            "end the network with a sigmoid, or give its logits to binary_cross_entropy_with_logits (nn.BCEWithLogitsLoss)"
        )


def binary_cross_entropy_with_logits(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Tensor:
    """``−(pos_weight · t log σ(z) + (1 − t) log σ(−z)) · weight`` of logits z, stable for any magnitude.

    ``weight`` and ``pos_weight`` broadcast against the input.

    >>> round(binary_cross_entropy_with_logits([0.0], [1.0]).item(), 6)
    0.693147
    """
    z, t = pair("binary_cross_entropy_with_logits", input, target)
    expects("binary_cross_entropy_with_logits", z, SCORES)
    return ag.binary_cross_entropy_with_logits(z, t, reduction, weight, pos_weight)


def kl_div(input: ArrayLike, target: ArrayLike, *, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """The Kullback-Leibler divergence ``t (log t − x)`` of a target distribution t from log-probabilities x, elementwise.

    Args:
        input: log-probabilities.
        target: probabilities of the same shape; with ``log_target`` their logarithms. Where a probability is 0 the term and
            its gradients are 0.
        reduction: ``"batchmean"``, the sum divided by the length of the first axis, is the divergence; ``"mean"`` divides by
            the number of elements; ``"sum"`` or ``"none"``.
        log_target: see ``target``.

    >>> round(kl_div(np.log([[0.5, 0.5]]), [[1.0, 0.0]], reduction="batchmean").item(), 6)
    0.693147
    """
    x, y = pair("kl_div", input, target)
    check_reduction("kl_div", reduction, ("batchmean",))
    p = ag.exp(y) if log_target else y
    possible = np.greater(raw(p), 0)
    if isinstance(possible, np.ndarray) and possible.all():  # (a traced or a batched array gives no one answer)
        loss = p * ((y if log_target else ag.log(y)) - x)
    else:
        log_p = ag.where(possible, y, 0.0) if log_target else ag.log(ag.where(possible, y, 1.0))
        loss = p * ag.where(possible, log_p - x, 0.0)
    if reduction == "batchmean":
        return ag.sum(loss) / max(x.shape[0] if x.ndim else 1, 1)
    return reduced("kl_div", loss, reduction)  # type: ignore[no-any-return]


# ---------------------------------------------------------------- of numbers


def mse_loss(input: ArrayLike, target: ArrayLike, *, reduction: str = "mean") -> Tensor:
    """The squared error ``(x − t)²``; its mean over all elements by default.

    >>> mse_loss([1.0, 2.0], [1, 4]).item()
    2.0
    """
    return ag.mse_loss(*pair("mse_loss", input, target), reduction)


def l1_loss(input: ArrayLike, target: ArrayLike, *, reduction: str = "mean") -> Tensor:
    """The absolute error ``|x − t|``; gradient 0 where they are equal."""
    return ag.l1_loss(*pair("l1_loss", input, target), reduction)


def huber_loss(input: ArrayLike, target: ArrayLike, *, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """``d²/2`` where d = x − t is within ±delta, ``delta · (|d| − delta/2)`` beyond: Huber 1964."""
    return ag.huber_loss(*pair("huber_loss", input, target), reduction, delta)


def smooth_l1_loss(input: ArrayLike, target: ArrayLike, *, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """``d²/(2 beta)`` where |d| < beta, ``|d| − beta/2`` beyond: Huber's loss divided by beta, and L1 for beta = 0.

    Raises:
        ValueError: beta is negative.
    """
    if not beta >= 0:
        raise ValueError(f"smooth_l1_loss: beta = {beta} must not be negative")
    x, y = pair("smooth_l1_loss", input, target)
    if beta == 0:
        return ag.l1_loss(x, y, reduction)
    loss = ag.huber_loss(x, y, reduction, beta)
    return loss if beta == 1 else loss / beta


def gaussian_nll_loss(
    input: ArrayLike, target: ArrayLike, var: ArrayLike, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """``(log v + (x − t)² / v) / 2`` with v the variance, not below eps: Nix & Weigend 1994.

    Args:
        input: the predicted means.
        target: of the same shape.
        var: variances: of the same shape, without its last axis or with 1 there (one variance for it), or a number.
        full: add the constant ``log(2π) / 2``.
        eps: the least variance. As in PyTorch the gradient for a variance below it is that at eps.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ValueError: a variance is negative, eps is not positive, or shapes that do not fit.
    """
    x, t = pair("gaussian_nll_loss", input, target)
    if not eps > 0:
        raise ValueError(f"gaussian_nll_loss: eps = {eps} must be positive")
    v = operand(var, "gaussian_nll_loss", "var")
    if v.dtype != x.dtype:
        v = v.astype(x.dtype)
    if v.ndim == x.ndim - 1 and v.ndim and v.shape == x.shape[:-1]:
        v = ag.expand_dims(v, -1)
    elif v.ndim and v.shape not in (x.shape, (*x.shape[:-1], 1)):
        raise ValueError(
            f"gaussian_nll_loss: the input has shape {x.shape}, var {v.shape}; it must be that shape, that without the last axis, or a number"
        )
    values = raw(v)
    tracing.require(_check_variances, values)
    low = np.maximum(values, eps) - values
    v = v if isinstance(low, np.ndarray) and not low.any() else v + low
    loss = 0.5 * (ag.log(v) + ag.square(x - t) / v)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced("gaussian_nll_loss", loss, reduction)  # type: ignore[no-any-return]


def _check_variances(values: Any) -> None:
    if (values < 0).any():
        raise ValueError(
            "gaussian_nll_loss: a variance is negative; end that branch of the network with softplus or exp"
        )


def poisson_nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    log_input: bool = True,
    full: bool = False,
    *,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """``e^x − t x`` of log-rates x and counts t; without ``log_input`` ``x − t log(x + eps)`` of rates x.

    ``full`` adds Stirling's approximation of log t! where t > 1: ``t log t − t + log(2πt) / 2``.
    """
    x, t = pair("poisson_nll_loss", input, target)
    loss = ag.exp(x) - t * x if log_input else x - t * ag.log(x + eps)
    if full:
        many = np.greater(raw(t), 1)
        safe = ag.where(many, t, 1.0)
        loss = loss + ag.where(many, safe * ag.log(safe) - safe + 0.5 * ag.log((2 * math.pi) * safe), 0.0)
    return reduced("poisson_nll_loss", loss, reduction)  # type: ignore[no-any-return]
