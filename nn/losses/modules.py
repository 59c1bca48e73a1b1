"""The losses as modules: options when they are made, ``loss(input, target)`` when they are called.

The formulas are with the functions of the same names. All take ``reduction="mean"``, ``"sum"`` or ``"none"``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_np import Tensor

from ..defaults import default_dtype
from ..module import Module
from . import functions, margins
from .shared import check_reduction, raw

if TYPE_CHECKING:
    from autograd_np.typing import ArrayLike

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HingeLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "Loss",
    "MSELoss",
    "MarginRankingLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
]


class Loss(Module):
    """Base of the losses: holds the reduction, and shows the options.

    Attributes:
        reduction: how the losses of elements or rows become one number.
        options: the names of the attributes that ``repr`` shows.
    """

    options: tuple[str, ...] = ()
    reductions: tuple[str, ...] = ()

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = check_reduction(type(self).__name__, reduction, self.reductions)

    def divisor(self, target: ArrayLike) -> float | None:
        """By what the sum over a batch is divided; None with ``reduction="sum"``. So that :func:`nn.evaluate` can weight its batches."""
        if self.reduction == "sum":
            return None
        y = raw(target)
        return float(len(y)) if self.reduction == "batchmean" and y.ndim else float(y.size)

    def _weights(self, **arrays: Any) -> None:
        """Register weights as buffers: they are part of the state, and floating."""
        for name, value in arrays.items():
            if value is not None:
                value = np.array(value.numpy() if isinstance(value, Tensor) else value)
                if value.dtype.kind != "f" or not hasattr(arrays[name], "dtype"):
                    value = value.astype(default_dtype())
            self.register_buffer(name, value)

    def extra_repr(self) -> str:
        """The options, and the reduction unless it is the mean."""
        entries = [f"{name}={getattr(self, name)!r}" for name in self.options]
        entries += [
            f"{name}=<{getattr(self, name).shape[0] if getattr(self, name).ndim else 1}>"
            for name in self._buffers
            if getattr(self, name) is not None
        ]
        return ", ".join([*entries, *([] if self.reduction == "mean" else [f"reduction={self.reduction!r}"])])


# ---------------------------------------------------------------- of classes


class _OfClasses(Loss):
    """Of class numbers: rows may be ignored, and weighted by their class."""

    weight: Any
    ignore_index: int

    def divisor(self, target: ArrayLike) -> float | None:
        """The number of rows that are not ignored, or the sum of their weights; None with ``reduction="sum"``."""
        y = raw(target)
        if self.reduction == "sum" or y.dtype.kind not in "iu":
            return super().divisor(target)
        rows = y[y != self.ignore_index]
        return float(rows.size if self.weight is None else np.sum(self.weight[rows]))


class CrossEntropyLoss(_OfClasses):
    """Softmax and cross-entropy in one, of logits (N, C, …): :func:`nn.functional.cross_entropy`.

    Targets are class numbers (N, …), or one-hot rows or probabilities (N, C, …).

    Args:
        weight: one number per class.
        ignore_index: rows of this class number have loss and gradient 0.
        reduction: the mean is that over the rows, weighted by their classes' weights, without those ignored.
        label_smoothing: in [0, 1].

    >>> loss = CrossEntropyLoss(label_smoothing=0.1)
    >>> round(loss(np.array([[2.0, 0.0], [0.0, 0.0]]), np.array([0, 1])).item(), 6)
    0.460038
    """

    options = ("ignore_index", "label_smoothing")
    weight: Any

    def __init__(
        self,
        weight: ArrayLike | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction=reduction)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"CrossEntropyLoss: label_smoothing = {label_smoothing} is not in [0, 1]")
        self._weights(weight=weight)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: ArrayLike, target: ArrayLike) -> Tensor:
        """Logits (N, C, …) or (C,), and their targets."""
        return functions.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(_OfClasses):
    """The negative log-likelihood of log-probabilities (N, C, …), as ``LogSoftmax(dim=1)`` gives them."""

    options = ("ignore_index",)
    weight: Any

    def __init__(self, weight: ArrayLike | None = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self._weights(weight=weight)
        self.ignore_index = ignore_index

    def forward(self, input: ArrayLike, target: ArrayLike) -> Tensor:
        """Log-probabilities (N, C, …) or (C,), and class numbers (N, …) or ()."""
        return functions.nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class BCELoss(Loss):
    """Binary cross-entropy of probabilities, clipped so that it is finite at 0 and 1; better: :class:`BCEWithLogitsLoss`."""

    weight: Any

    def __init__(self, weight: ArrayLike | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self._weights(weight=weight)

    def forward(self, input: ArrayLike, target: ArrayLike) -> Tensor:
        """Probabilities and targets in [0, 1], of one shape."""
        return functions.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """Sigmoid and binary cross-entropy in one, stable for any magnitude.

    Args:
        weight: scales the elements' losses; broadcasts against the input.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        pos_weight: scales the part of the positive targets; broadcasts against the input, so one number per class will do.
    """

    weight: Any
    pos_weight: Any

    def __init__(self, weight: ArrayLike | None = None, *, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction=reduction)
        self._weights(weight=weight, pos_weight=pos_weight)

    def forward(self, input: ArrayLike, target: ArrayLike) -> Tensor:
        """Logits and targets in [0, 1], of one shape."""
        return functions.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class KLDivLoss(Loss):
    """The Kullback-Leibler divergence ``t (log t − x)`` of log-probabilities x; its mean per row is ``reduction="batchmean"``."""

    options = ("log_target",)
    reductions = ("batchmean",)

    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.log_target = log_target

    def forward(self, input: ArrayLike, target: ArrayLike) -> Tensor:
        """Log-probabilities, and probabilities (or their logarithms) of the same shape."""
        return functions.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


# ---------------------------------------------------------------- of numbers


class MSELoss(Loss):
    """The mean of ``(x − t)²`` over all elements.

    >>> MSELoss()(np.array([1.0, 2.0]), np.array([[1.0], [4.0]]))
    Traceback (most recent call last):
    ValueError: mse_loss: the input has shape (2,), the target (2, 1); they must be equal, for a loss does not broadcast; if they hold the same elements, write target.reshape((2,)) or input.reshape((2, 1))
    """

    def forward(self, input: ArrayLike, target: ArrayLike) -> Tensor:
        """Prediction and target of one shape."""
        return functions.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """The mean of ``|x − t|``; gradient 0 where they are equal."""

    def forward(self, input: ArrayLike, target: ArrayLike) -> Tensor:
        """Prediction and target of one shape."""
        return functions.l1_loss(input, target, reduction=self.reduction)


class HuberLoss(Loss):
    """A parabola ``d²/2`` within ±delta, lines of slope ±delta beyond."""

    options = ("delta",)

    def __init__(self, *, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        if not delta > 0:
            raise ValueError(f"HuberLoss: delta = {delta} must be positive")
        self.delta = delta

    def forward(self, input: ArrayLike, target: ArrayLike) -> Tensor:
        """Prediction and target of one shape."""
        return functions.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class SmoothL1Loss(Loss):
    """A parabola ``d²/(2 beta)`` within ±beta, lines of slope ±1 beyond; for beta = 0 the L1 loss."""

    options = ("beta",)

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        if not beta >= 0:
            raise ValueError(f"SmoothL1Loss: beta = {beta} must not be negative")
        self.beta = beta

    def forward(self, input: ArrayLike, target: ArrayLike) -> Tensor:
        """Prediction and target of one shape."""
        return functions.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class GaussianNLLLoss(Loss):
    """``(log v + (x − t)² / v) / 2`` with a predicted variance v, not below eps."""

    options = ("full", "eps")

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: ArrayLike, target: ArrayLike, var: ArrayLike) -> Tensor:
        """Means, targets, and variances."""
        return functions.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)


class PoissonNLLLoss(Loss):
    """``e^x − t x`` of log-rates x and counts t, or ``x − t log(x + eps)`` of rates."""

    options = ("log_input", "full", "eps")

    def __init__(
        self, log_input: bool = True, full: bool = False, *, eps: float = 1e-8, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction=reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, input: ArrayLike, target: ArrayLike) -> Tensor:
        """(Log-)rates and counts of one shape."""
        return functions.poisson_nll_loss(
            input, target, self.log_input, self.full, eps=self.eps, reduction=self.reduction
        )


# ---------------------------------------------------------------- margins


class HingeLoss(Loss):
    """``max(0, margin − t x)`` of scores x and targets t = ±1; with ``squared`` its square. Gradient 0 at the kink."""

    options = ("margin", "squared")

    def __init__(self, margin: float = 1.0, squared: bool = False, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.margin = margin
        self.squared = squared

    def forward(self, input: ArrayLike, target: ArrayLike) -> Tensor:
        """Scores, and targets ±1 of the same shape."""
        return margins.hinge_loss(input, target, margin=self.margin, squared=self.squared, reduction=self.reduction)


class MultiMarginLoss(Loss):
    """The hinge loss for many classes: ``Σ_{c ≠ y} max(0, margin − x_y + x_c)^p / C``."""

    options = ("p", "margin")
    weight: Any

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: ArrayLike | None = None, *, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction=reduction)
        if p not in (1, 2):
            raise ValueError(f"MultiMarginLoss: p is 1 or 2, not {p!r}")
        self._weights(weight=weight)
        self.p = p
        self.margin = margin

    def forward(self, input: ArrayLike, target: ArrayLike) -> Tensor:
        """Scores (N, C) or (C,), and class numbers."""
        return margins.multi_margin_loss(input, target, self.p, self.margin, self.weight, reduction=self.reduction)


class SoftMarginLoss(Loss):
    """``log(1 + e^(−t x))`` of scores x and targets t = ±1."""

    def forward(self, input: ArrayLike, target: ArrayLike) -> Tensor:
        """Scores, and targets ±1 of the same shape."""
        return margins.soft_margin_loss(input, target, reduction=self.reduction)


class HingeEmbeddingLoss(Loss):
    """``x`` for pairs that belong together (target 1), ``max(0, margin − x)`` for others (−1), of distances x.

    Args:
        margin: how large a distance shall be.
        reduction: see :class:`Loss`.
    """

    options = ("margin",)

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.margin = margin

    def forward(self, input: ArrayLike, target: ArrayLike) -> Tensor:
        """Distances, and targets ±1 of the same shape."""
        return margins.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class MultiLabelSoftMarginLoss(Loss):
    """Binary cross-entropy of scores (N, C), averaged over the classes: any number of them may hold.

    Args:
        weight: one number per class.
        reduction: see :class:`Loss`.
    """

    weight: Any

    def __init__(self, weight: ArrayLike | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self._weights(weight=weight)

    def forward(self, input: ArrayLike, target: ArrayLike) -> Tensor:
        """Scores (N, C), and targets 0 or 1 of the same shape."""
        return margins.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)


class MarginRankingLoss(Loss):
    """``max(0, margin − t (x1 − x2))``: t = 1 where x1 should rank higher, −1 where x2 should."""

    options = ("margin",)

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.margin = margin

    def forward(self, input1: ArrayLike, input2: ArrayLike, target: ArrayLike) -> Tensor:
        """Two scores and a target ±1, all of one shape."""
        return margins.margin_ranking_loss(input1, input2, target, self.margin, reduction=self.reduction)


class CosineEmbeddingLoss(Loss):
    """``1 − cos(x1, x2)`` for pairs that belong together (t = 1), ``max(0, cos(x1, x2) − margin)`` for others (t = −1)."""

    options = ("margin",)

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.margin = margin

    def forward(self, input1: ArrayLike, input2: ArrayLike, target: ArrayLike) -> Tensor:
        """Vectors (N, D) and (N, D), and targets ±1 of shape (N,)."""
        return margins.cosine_embedding_loss(input1, input2, target, self.margin, reduction=self.reduction)


class TripletMarginLoss(Loss):
    """``max(0, ‖a − p‖ − ‖a − n‖ + margin)``: the anchor nearer to the positive than to the negative, by a margin."""

    options = ("margin", "p", "eps", "swap")

    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False, *, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction=reduction)
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: ArrayLike, positive: ArrayLike, negative: ArrayLike) -> Tensor:
        """Three arrays of vectors of one shape (N, D)."""
        return margins.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, reduction=self.reduction
        )
