"""Metrics of regression: mean errors, and R²."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .base import Array, Metric, array_of

if TYPE_CHECKING:
    from autograd_np.typing import ArrayLike

__all__ = ["MeanAbsoluteError", "MeanSquaredError", "R2Score"]


def _pair(predictions: ArrayLike, targets: ArrayLike, where: str) -> tuple[Array, Array]:
    given, true = array_of(predictions), array_of(targets)
    if given.shape != true.shape:
        raise ValueError(
            f"{where}: predictions of shape {given.shape} and targets of shape {true.shape}; they need the same shape, and neither is broadcast"
        )
    for what, values in (("predictions", given), ("targets", true)):
        if values.dtype.kind not in "iubf":
            raise TypeError(f"{where}: {what} are real numbers, not {values.dtype}")
    # Sums over many batches are taken in float64, so that float32 batches do not lose what comes late.
    return given.astype(np.float64), true.astype(np.float64)


class _MeanError(Metric):
    def __init__(self, *, name: str) -> None:
        self.name = name
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self.total, self.count = 0.0, 0

    @staticmethod
    def _error(difference: Array) -> Array:
        raise NotImplementedError

    def update(self, predictions: ArrayLike, targets: ArrayLike) -> None:
        """Take in a batch of equal shapes.

        Raises:
            ValueError: different shapes.
        """
        given, true = _pair(predictions, targets, type(self).__name__)
        self.total += float(np.sum(self._error(given - true)))
        self.count += given.size

    def compute(self) -> float:
        """The mean over all numbers.

        Raises:
            RuntimeError: there were none.
        """
        self._needs(self.count)
        return self.total / self.count


class MeanSquaredError(_MeanError):
    """The mean of (prediction − target)² over all numbers. Its name is ``"mse"`` unless given."""

    def __init__(self, *, name: str = "mse") -> None:
        super().__init__(name=name)

    @staticmethod
    def _error(difference: Array) -> Array:
        return np.square(difference)


class MeanAbsoluteError(_MeanError):
    """The mean of abs(prediction − target) over all numbers. Its name is ``"mae"`` unless given."""

    def __init__(self, *, name: str = "mae") -> None:
        super().__init__(name=name)

    @staticmethod
    def _error(difference: Array) -> Array:
        return np.abs(difference)


class R2Score(Metric):
    """The coefficient of determination, 1 − Σ (y − prediction)² / Σ (y − mean of y)²; for several outputs the mean of theirs.

    Targets that are all equal give 1 if the predictions are exact, else 0.

    Args:
        name: ``"r2"`` unless given.
    """

    def __init__(self, *, name: str = "r2") -> None:
        self.name = name
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self.count = 0
        self._mean: Any = 0.0
        self._spread: Any = 0.0
        self._error: Any = 0.0

    def update(self, predictions: ArrayLike, targets: ArrayLike) -> None:
        """Take in a batch of equal shapes, (N,) or (N, outputs).

        Raises:
            ValueError: different shapes, or another number of outputs than before.
        """
        given, true = _pair(predictions, targets, "R2Score")
        if true.ndim not in {1, 2}:
            raise ValueError(f"R2Score: predictions and targets have the shape (N,) or (N, outputs), not {true.shape}")
        if not len(true):
            return
        if true.ndim == 1:
            given, true = given[:, None], true[:, None]
        if self.count and self._mean.shape != true.shape[1:]:
            raise ValueError(f"R2Score: {true.shape[1]} outputs, and {len(self._mean)} in the batches before")
        # Chan, Golub and LeVeque: spreads about two means join without the cancellation of Σ y² − (Σ y)² / n.
        mean = true.mean(axis=0)
        count = self.count + len(true)
        step = mean - self._mean
        self._spread = (
            self._spread + np.sum(np.square(true - mean), axis=0) + np.square(step) * (self.count * len(true) / count)
        )
        self._mean = self._mean + step * (len(true) / count)
        self._error = self._error + np.sum(np.square(given - true), axis=0)
        self.count = count

    def compute(self) -> float:
        """The score: 1 at best, 0 for the mean of the targets, below for worse.

        Raises:
            RuntimeError: there were no items.
        """
        self._needs(self.count)
        flat = self._spread == 0
        score = 1.0 - self._error / np.where(flat, 1.0, self._spread)
        return float(np.mean(np.where(flat, np.where(self._error == 0, 1.0, 0.0), score)))
