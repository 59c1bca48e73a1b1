"""Metrics of classification: accuracy, confusion matrix, precision, recall, F1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .base import Array, Metric, array_of

if TYPE_CHECKING:
    from autograd_np.typing import ArrayLike

__all__ = ["F1", "Accuracy", "ConfusionMatrix", "Precision", "Recall", "accuracy", "confusion_matrix"]

Average = Literal["binary", "macro", "micro", "weighted"] | None


def _without_axis(values: Array) -> Array:
    """(N, 1, …) as (N, …)."""
    return values[:, 0] if values.ndim >= 2 and values.shape[1] == 1 else values


def _whole(targets: Array, where: str) -> Array:
    if targets.dtype.kind in "iu":
        return targets
    numbers: Array = np.nan_to_num(targets).astype(np.int64)
    if np.any(numbers != targets):
        raise ValueError(
            f"{where}: targets of shape {targets.shape} are class numbers, and these have a value that is not whole; one-hot rows have the shape (N, C)"
        )
    return numbers


def _numbers(targets: Array, shape: tuple[int, ...], classes: int | None, where: str, predictions: Array) -> Array:
    """The class numbers meant by targets, of this shape; one-hot rows have ``classes`` entries along axis 1 (None: any number)."""
    if targets.dtype.kind not in "iubf":
        raise TypeError(f"{where}: targets are numbers, not {targets.dtype}")
    if targets.shape == shape:
        return _whole(targets, where)
    if _without_axis(targets).shape == shape:
        return _whole(_without_axis(targets), where)
    if (
        targets.ndim == len(shape) + 1
        and targets.shape[:1] + targets.shape[2:] == shape
        and classes in (None, targets.shape[1])
    ):
        if np.any((targets != 0) & (targets != 1)) or np.any(np.sum(targets != 0, axis=1) != 1):
            raise ValueError(
                f"{where}: targets of shape {targets.shape} are one-hot, with a single 1 in each row and 0 elsewhere; these are not"
            )
        return np.asarray(np.argmax(targets, axis=1))
    one_hot = (*shape[:1], "C" if classes is None else classes, *shape[1:])
    raise ValueError(
        f"{where}: targets of shape {targets.shape} do not fit predictions of shape {predictions.shape}; class numbers have the shape {shape}, "
        f"one-hot rows ({', '.join(map(str, one_hot))})"
    )


def _scores_and_numbers(
    predictions: ArrayLike, targets: ArrayLike, threshold: float | None, where: str
) -> tuple[Array | None, Array, Array]:
    """(scores with classes last, or None; predicted classes; true classes), over all items in one row."""
    given, true = array_of(predictions), array_of(targets)
    if given.dtype.kind not in "iubf" or given.ndim == 0:
        raise TypeError(
            f"{where}: predictions are scores or class numbers with an axis for the items, not {given.dtype} of shape {given.shape}"
        )
    if given.dtype.kind == "f" and given.ndim >= 2 and given.shape[1] != 1:
        scores = np.moveaxis(given, 1, -1)
        true = _numbers(true, scores.shape[:-1], given.shape[1], where, given)
        if given.shape[1] == 0:
            raise ValueError(f"{where}: predictions of shape {given.shape} have no classes")
        scores = scores.reshape(-1, given.shape[1])
        return scores, np.argmax(scores, axis=1), true.reshape(-1)
    single = _without_axis(given)
    if given.dtype.kind != "f":
        return None, single.astype(np.int64).reshape(-1), _numbers(true, single.shape, None, where, given).reshape(-1)
    if threshold is None:
        raise ValueError(
            f"{where}: predictions of shape {given.shape} in {given.dtype} are scores of class 1 against class 0, which need a threshold: "
            "threshold=0.0 for logits, threshold=0.5 for probabilities"
        )
    return (
        None,
        (single > threshold).astype(np.int64).reshape(-1),
        _numbers(true, single.shape, 2, where, given).reshape(-1),
    )


def _positive(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} is an integer of at least 1, not {value!r}")
    return int(value)


class Accuracy(Metric):
    """The share of items whose class is right: the predicted one, or for ``top_k`` one of the k with the highest scores.

    Of equal scores the class with the smaller number is the higher, as in ``argmax``. A NaN as the score of the right class is wrong.

    Args:
        top_k: how many classes may be named. More than 1 needs scores (N, C) with C ≥ top_k.
        threshold: above which a single score, (N,) or (N, 1), means class 1: 0 for logits, 0.5 for probabilities.
        ignore_index: targets of this number are left out.
        name: ``"accuracy"``, or ``"top5_accuracy"`` for k = 5, unless given.

    >>> metric = Accuracy()
    >>> metric.update(np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]]), np.array([0, 1, 1]))
    >>> round(metric.compute(), 3)
    0.667
    """

    def __init__(
        self,
        top_k: int = 1,
        *,
        threshold: float | None = None,
        ignore_index: int | None = None,
        name: str | None = None,
    ) -> None:
        self.top_k = _positive(top_k, "Accuracy: top_k")
        self.threshold = threshold
        self.ignore_index = ignore_index
        self.name = name or ("accuracy" if top_k == 1 else f"top{top_k}_accuracy")
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self.correct = self.count = 0

    def update(self, predictions: ArrayLike, targets: ArrayLike) -> None:
        """Take in a batch.

        Raises:
            ValueError: shapes that do not belong together, a missing threshold, or fewer classes than ``top_k``.
        """
        scores, predicted, true = _scores_and_numbers(predictions, targets, self.threshold, "Accuracy")
        kept = np.ones(true.shape, np.bool_) if self.ignore_index is None else true != self.ignore_index
        if scores is not None:
            classes = scores.shape[1]
            if self.top_k > classes:
                raise ValueError(f"Accuracy: top_k={self.top_k} of {classes} classes")
            scores, true = scores[kept], true[kept]
            if np.any((true < 0) | (true >= classes)):
                raise ValueError(
                    f"Accuracy: a target is {true[(true < 0) | (true >= classes)][0]}; the predictions have the classes 0 to {classes - 1}"
                )
            own = np.take_along_axis(scores, true[:, None], axis=1)
            ahead = (scores > own) | ((scores == own) & (np.arange(classes) < true[:, None]))
            right = (np.sum(ahead, axis=1) < self.top_k) & ~np.isnan(own[:, 0])
        elif self.top_k > 1:
            raise ValueError(f"Accuracy: top_k={self.top_k} needs a score for every class, (N, C)")
        else:
            right = (predicted == true)[kept]
            given = array_of(predictions)
            if given.dtype.kind == "f":
                right &= ~np.isnan(given.reshape(-1)[kept])
        self.correct += int(np.count_nonzero(right))
        self.count += right.size

    def compute(self) -> float:
        """The share that is right, 0 to 1.

        Raises:
            RuntimeError: there were no items.
        """
        self._needs(self.count)
        return self.correct / self.count


class ConfusionMatrix(Metric):
    """How often class i (row) was taken for class j (column).

    Args:
        num_classes: number of classes, C.
        normalize: None for counts; ``"true"`` divides each row by its sum, ``"pred"`` each column, ``"all"`` the whole by the number of items.
            Where the sum is 0 the share is 0.
        threshold: above which a single score, (N,) or (N, 1), means class 1.
        ignore_index: targets of this number are left out.
        name: ``"confusion_matrix"`` unless given.

    >>> metric = ConfusionMatrix(2)
    >>> metric.update(np.array([0, 1, 1]), np.array([0, 0, 1]))
    >>> metric.compute()
    array([[1, 1],
           [0, 1]])
    """

    def __init__(
        self,
        num_classes: int,
        *,
        normalize: Literal["true", "pred", "all"] | None = None,
        threshold: float | None = None,
        ignore_index: int | None = None,
        name: str = "confusion_matrix",
    ) -> None:
        self.num_classes = _positive(num_classes, f"{type(self).__name__}: num_classes")
        if normalize not in {None, "true", "pred", "all"}:
            raise ValueError(f'ConfusionMatrix: normalize is None, "true", "pred" or "all", not {normalize!r}')
        self.normalize = normalize
        self.threshold = threshold
        self.ignore_index = ignore_index
        self.name = name
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self.counts: NDArray[np.int64] = np.zeros((self.num_classes, self.num_classes), np.int64)

    def update(self, predictions: ArrayLike, targets: ArrayLike) -> None:
        """Take in a batch.

        Raises:
            ValueError: shapes that do not belong together, a missing threshold, or a class outside 0 to C − 1.
        """
        _, predicted, true = _scores_and_numbers(predictions, targets, self.threshold, type(self).__name__)
        if self.ignore_index is not None:
            predicted, true = predicted[true != self.ignore_index], true[true != self.ignore_index]
        for what, numbers in (("prediction", predicted), ("target", true)):
            outside = numbers[(numbers < 0) | (numbers >= self.num_classes)]
            if outside.size:
                raise ValueError(
                    f"{type(self).__name__}: a {what} is class {outside[0]}, and num_classes={self.num_classes} gives the classes 0 to {self.num_classes - 1}"
                )
        cells = np.bincount(true.astype(np.int64) * self.num_classes + predicted, minlength=self.num_classes**2)
        self.counts += cells.reshape(self.counts.shape)

    def compute(self) -> Any:
        """The matrix (C, C): int64 counts, or float64 shares. Without any items it is 0."""
        if self.normalize is None:
            return self.counts.copy()
        sums = self.counts.sum(axis={"true": 1, "pred": 0, "all": None}[self.normalize], keepdims=True)
        return self.counts / np.maximum(sums, 1)


class _Counted(ConfusionMatrix):
    """A figure tp / (a sum of counts) per class, averaged over the classes."""

    def __init__(
        self,
        num_classes: int = 2,
        average: Average = "macro",
        *,
        zero_division: float = 0.0,
        threshold: float | None = None,
        ignore_index: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            num_classes, threshold=threshold, ignore_index=ignore_index, name=name or type(self).__name__.lower()
        )
        if average not in {None, "binary", "macro", "micro", "weighted"}:
            raise ValueError(
                f'{type(self).__name__}: average is "binary", "macro", "micro", "weighted" or None, not {average!r}'
            )
        if average == "binary" and num_classes != 2:
            raise ValueError(
                f'{type(self).__name__}: average="binary" is the figure of class 1 of two, and num_classes={num_classes}'
            )
        self.average = average
        self.zero_division = float(zero_division)

    @staticmethod
    def _fraction(tp: Any, fp: Any, fn: Any) -> tuple[Any, Any]:
        raise NotImplementedError

    def compute(self) -> Any:
        """The figure: a float, or for ``average=None`` an array (C,) in float64.

        Raises:
            RuntimeError: there were no items.
        """
        self._needs(self.counts.any())
        tp = self.counts.diagonal()
        fp, fn = self.counts.sum(axis=0) - tp, self.counts.sum(axis=1) - tp
        if self.average == "micro":
            tp, fp, fn = tp.sum(), fp.sum(), fn.sum()
        above, below = self._fraction(tp, fp, fn)
        each = np.where(below == 0, self.zero_division, above / np.maximum(below, 1))
        if self.average is None:
            return each
        if self.average == "binary":
            return float(each[1])
        if self.average == "weighted":
            return float(np.average(each, weights=self.counts.sum(axis=1)))
        return float(np.mean(each))


class Precision(_Counted):
    """Of the items given to a class, the share that belongs to it: tp / (tp + fp).

    With tp, fp, fn the numbers of items rightly given to the class, wrongly given to it, and wrongly given to another.

    Args:
        num_classes: number of classes, C.
        average: ``"macro"``, the mean over all C classes; ``"weighted"``, the mean weighted by the number of items of each class; ``"micro"``, the
            formula on the sums of tp, fp and fn over the classes (which is the accuracy); ``"binary"``, the figure of class 1 of two; None, an array
            with the figure of each class.
        zero_division: what 0/0 gives, for a class that does not occur.
        threshold: above which a single score, (N,) or (N, 1), means class 1: 0 for logits, 0.5 for probabilities.
        ignore_index: targets of this number are left out.
        name: the class's name in lower case unless given.
    """

    @staticmethod
    def _fraction(tp: Any, fp: Any, fn: Any) -> tuple[Any, Any]:
        return tp, tp + fp


class Recall(_Counted):
    """Of the items that belong to a class, the share given to it: tp / (tp + fn). Arguments as for :class:`Precision`."""

    @staticmethod
    def _fraction(tp: Any, fp: Any, fn: Any) -> tuple[Any, Any]:
        return tp, tp + fn


class F1(_Counted):
    """The harmonic mean of precision and recall: 2 tp / (2 tp + fp + fn). Arguments as for :class:`Precision`."""

    @staticmethod
    def _fraction(tp: Any, fp: Any, fn: Any) -> tuple[Any, Any]:
        return 2 * tp, 2 * tp + fp + fn


def accuracy(
    predictions: ArrayLike,
    targets: ArrayLike,
    top_k: int = 1,
    *,
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> float:
    """The share of items whose class is right; arguments and errors are those of :class:`Accuracy`.

    >>> accuracy(np.array([0.9, 0.2, 0.6]), np.array([1, 0, 0]), threshold=0.5)
    0.6666666666666666
    """
    metric = Accuracy(top_k, threshold=threshold, ignore_index=ignore_index)
    metric.update(predictions, targets)
    return metric.compute()


def confusion_matrix(
    predictions: ArrayLike,
    targets: ArrayLike,
    num_classes: int,
    *,
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> NDArray[np.int64]:
    """How often class i (row) was taken for class j (column); arguments and errors are those of :class:`ConfusionMatrix`."""
    metric = ConfusionMatrix(num_classes, threshold=threshold, ignore_index=ignore_index)
    metric.update(predictions, targets)
    return metric.counts
