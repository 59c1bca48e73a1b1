"""Losses with a margin, and the distances that some of them measure; conventions as in :mod:`nn.losses.functions`.

At the kink, where the margin is just kept, the gradient is 0: the subgradient of least norm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_np as ag
from autograd_np import Tensor

from .shared import check_reduction, class_numbers, differing, of_class, operand, pair, raw, reduced, signs

if TYPE_CHECKING:
    from autograd_np.typing import ArrayLike

__all__ = [
    "cosine_embedding_loss",
    "cosine_similarity",
    "hinge_embedding_loss",
    "hinge_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_soft_margin_loss",
    "normalize",
    "pairwise_distance",
    "soft_margin_loss",
    "triplet_margin_loss",
]

# ---------------------------------------------------------------- distances


def _two(name: str, x1: ArrayLike, x2: ArrayLike) -> tuple[Any, Any, tuple[int, ...]]:
    """Two operands and the shape to which they broadcast."""
    a, b = operand(x1, name, "x1"), operand(x2, name, "x2")
    try:
        return a, b, np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ValueError(
            f"{name}: x1 has shape {a.shape}, x2 {b.shape}; they must be equal, or 1 where they differ"
        ) from None


def cosine_similarity(x1: ArrayLike, x2: ArrayLike, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """``x1 · x2 / (max(‖x1‖, eps) max(‖x2‖, eps))`` along an axis; the shapes broadcast.

    A vector of zeros has similarity 0.

    Raises:
        ValueError: the shapes do not broadcast, or have no such axis.
    """
    a, b, shape = _two("cosine_similarity", x1, x2)
    _check_axis("cosine_similarity", dim, shape)
    # The lengths are those of the vectors compared: an axis of length 1 stands for as many equal numbers as the other has.
    a, b = (x if x.shape == shape else ag.broadcast_to(x, shape) for x in (a, b))
    lengths = np.maximum(ag.linalg.norm(a, axis=dim), eps) * np.maximum(ag.linalg.norm(b, axis=dim), eps)
    return ag.sum(a * b, axis=dim) / lengths


def pairwise_distance(x1: ArrayLike, x2: ArrayLike, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """``‖x1 − x2 + eps‖_p`` along the last axis; the shapes broadcast.

    Raises:
        ValueError: the shapes do not broadcast, or have no axis.

    >>> pairwise_distance(np.eye(2), np.zeros(2), eps=0.0).tolist()
    [1.0, 1.0]
    """
    a, b, shape = _two("pairwise_distance", x1, x2)
    if not shape:
        raise ValueError("pairwise_distance: the operands must have an axis to measure along")
    return ag.linalg.norm(a - b + eps, ord=p, axis=-1, keepdims=keepdim)


def normalize(input: ArrayLike, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """``x / max(‖x‖_p, eps)`` along an axis.

    Raises:
        ValueError: there is no such axis.
    """
    x = operand(input, "normalize")
    _check_axis("normalize", dim, x.shape)
    return x / np.maximum(ag.linalg.norm(x, ord=p, axis=dim, keepdims=True), eps)  # type: ignore[no-any-return]


def _check_axis(name: str, dim: int, shape: Any) -> None:
    if not -len(shape) <= dim < len(shape):
        raise ValueError(f"{name}: dim={dim} is no axis of shape {tuple(shape)}; for one vector it is dim=-1")


# ---------------------------------------------------------------- margins


def hinge_loss(
    input: ArrayLike, target: ArrayLike, *, margin: float = 1.0, squared: bool = False, reduction: str = "mean"
) -> Tensor:
    """``max(0, margin − t x)`` of scores x and targets t = ±1, squared if asked: the loss of support vector machines.

    Raises:
        ValueError: the shapes differ, or a target is not ±1.

    >>> hinge_loss([2.0, 0.5, -1.0], [1, 1, 1], reduction="none").tolist()
    [0.0, 0.5, 2.0]
    """
    x, t = pair("hinge_loss", input, target)
    signs("hinge_loss", t)
    loss = ag.relu(margin - t * x)
    return reduced("hinge_loss", ag.square(loss) if squared else loss, reduction)  # type: ignore[no-any-return]


def multi_margin_loss(
    input: ArrayLike,
    target: ArrayLike,
    p: int = 1,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    *,
    reduction: str = "mean",
) -> Tensor:
    """``Σ_{c ≠ y} weight[y] · max(0, margin − x_y + x_c)^p / C`` of scores x and class numbers y: the hinge loss for many classes.

    Args:
        input: scores (N, C), or (C,) for one row.
        target: class numbers (N,), or ().
        p: 1 or 2.
        margin: by how much the right class must lead.
        weight: one number per class.
        reduction: ``"mean"`` over the rows, ``"sum"`` or ``"none"``.
    """
    name = "multi_margin_loss"
    x = operand(input, name)
    if x.ndim not in (1, 2):
        raise ValueError(f"{name}: the input must have shape (N, C) or (C,), not {x.shape}")
    if p not in (1, 2):
        raise ValueError(f"{name}: p is 1 or 2, not {p!r}")
    axis = x.ndim - 1
    y, _ = class_numbers(name, target, x.shape, axis)
    classes = x.shape[axis]
    excess = ag.relu(margin - ag.expand_dims(of_class(x, y, axis), axis) + x)
    excess = ag.where(np.expand_dims(y, axis) == np.arange(classes), 0.0, excess)
    loss = ag.sum(ag.square(excess) if p == 2 else excess, axis=axis) / classes
    if weight is not None:
        scale = raw(weight).astype(x.dtype, copy=False)
        if scale.shape != (classes,):
            raise ValueError(
                f"{name}: weight has shape {scale.shape}; it must hold one number for each of the {classes} classes"
            )
        loss = loss * scale[y]
    return reduced(name, loss, reduction)  # type: ignore[no-any-return]


def soft_margin_loss(input: ArrayLike, target: ArrayLike, *, reduction: str = "mean") -> Tensor:
    """``log(1 + e^(−t x))`` of scores x and targets t = ±1, stable for any magnitude."""
    x, t = pair("soft_margin_loss", input, target)
    signs("soft_margin_loss", t)
    return reduced("soft_margin_loss", ag.softplus(-t * x), reduction)  # type: ignore[no-any-return]


def hinge_embedding_loss(
    input: ArrayLike, target: ArrayLike, *, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """``x`` where the target is 1, ``max(0, margin − x)`` where it is −1: of distances x, which shall be small or large."""
    x, t = pair("hinge_embedding_loss", input, target)
    signs("hinge_embedding_loss", t)
    return reduced("hinge_embedding_loss", ag.where(raw(t) > 0, x, ag.relu(margin - x)), reduction)  # type: ignore[no-any-return]


def multilabel_soft_margin_loss(
    input: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, *, reduction: str = "mean"
) -> Tensor:
    """The mean over the classes (the last axis) of ``−(t log σ(x) + (1 − t) log σ(−x)) · weight``, for each row: any number of classes may hold."""
    x, t = pair("multilabel_soft_margin_loss", input, target)
    if not x.ndim:
        raise ValueError("multilabel_soft_margin_loss: the input must have an axis of classes")
    each = ag.softplus(x) - t * x
    if weight is not None:
        each = each * raw(weight).astype(x.dtype, copy=False)
    return reduced("multilabel_soft_margin_loss", ag.mean(each, axis=-1), reduction)  # type: ignore[no-any-return]


def margin_ranking_loss(
    input1: ArrayLike, input2: ArrayLike, target: ArrayLike, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """``max(0, margin − t (x1 − x2))``: t = 1 where x1 should rank higher, −1 where x2 should."""
    name = "margin_ranking_loss"
    a, b = pair(name, input1, input2, ("input1", "input2"))
    _, t = pair(name, a, target, ("input1", "target"))
    signs(name, t)
    return reduced(name, ag.relu(margin - t * (a - b)), reduction)  # type: ignore[no-any-return]


def cosine_embedding_loss(
    input1: ArrayLike, input2: ArrayLike, target: ArrayLike, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """``1 − cos(x1, x2)`` where t = 1, ``max(0, cos(x1, x2) − margin)`` where t = −1.

    Args:
        input1: vectors (N, D), or one (D,).
        input2: of the same shape.
        target: ±1, of shape (N,) or ().
        margin: in [−1, 1].
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """
    name = "cosine_embedding_loss"
    a, b = pair(name, input1, input2, ("input1", "input2"))
    if a.ndim not in (1, 2):
        raise ValueError(f"{name}: the inputs must have shape (N, D) or (D,), not {a.shape}")
    t = raw(target)
    if t.shape != a.shape[:-1]:
        raise differing(name, a.shape[:-1], t.shape, ("batch of the inputs", "target"))
    signs(name, t)
    cosine = cosine_similarity(a, b, dim=-1)
    return reduced(name, ag.where(t > 0, 1.0 - cosine, ag.relu(cosine - margin)), reduction)  # type: ignore[no-any-return]


def triplet_margin_loss(
    anchor: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Tensor:
    """``max(0, d(anchor, positive) − d(anchor, negative) + margin)`` with d the :func:`pairwise_distance`.

    With ``swap`` the smaller of d(anchor, negative) and d(positive, negative) is taken: Balntas et al. 2016.
    """
    name = "triplet_margin_loss"
    check_reduction(name, reduction)
    pair(name, anchor, positive, ("anchor", "positive"))
    pair(name, anchor, negative, ("anchor", "negative"))
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = ag.minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduced(name, ag.relu(pairwise_distance(anchor, positive, p, eps) - far + margin), reduction)  # type: ignore[no-any-return]
