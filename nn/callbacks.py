"""Callbacks of :func:`nn.fit`: early stopping, checkpoints, functions of one's own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .saving import save

if TYPE_CHECKING:
    from .training import Training

__all__ = ["BestWeights", "Callback", "EarlyStopping", "LambdaCallback"]


class Callback:
    """Base class: :func:`nn.fit` calls these methods; a subclass overrides those it needs.

    Every method gets the running :class:`~nn.training.Training`: ``training.model``, ``.optimizer``, ``.history``,
    ``.epoch`` (from 1), ``.stop(reason)``.
    """

    def on_train_begin(self, training: Training) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, training: Training) -> None:
        """Before each epoch."""

    def on_batch_end(self, training: Training, loss: float) -> None:
        """After each step, with its loss."""

    def on_epoch_end(self, training: Training, row: Mapping[str, float]) -> None:
        """After each epoch, with the new row of the history: loss, metrics, val_loss, …, lr."""

    def on_train_end(self, training: Training) -> None:
        """After the last epoch, also when training was stopped."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs: numbers, strings, arrays, and dicts and lists of them."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of an interrupted run."""


class LambdaCallback(Callback):
    """A callback of functions.

    Args:
        on_epoch_end: called with (training, row) after each epoch.
        on_batch_end: called with (training, loss) after each step.
    """

    def __init__(
        self,
        on_epoch_end: Callable[[Training, Mapping[str, float]], Any] | None = None,
        on_batch_end: Callable[[Training, float], Any] | None = None,
    ) -> None:
        self._epoch, self._batch = on_epoch_end, on_batch_end

    def on_epoch_end(self, training: Training, row: Mapping[str, float]) -> None:
        """Call the function given for it."""
        if self._epoch is not None:
            self._epoch(training, row)

    def on_batch_end(self, training: Training, loss: float) -> None:
        """Call the function given for it."""
        if self._batch is not None:
            self._batch(training, loss)


# The words of a name that say whether small or large is good.
SMALL_IS_GOOD = frozenset(
    [
        "loss",
        "losses",
        "error",
        "errors",
        "mse",
        "mae",
        "rmse",
        "rmsle",
        "mape",
        "smape",
        "nll",
        "bce",
        "ce",
        "crossentropy",
        "cross",
        "kl",
        "divergence",
        "hinge",
        "brier",
        "deviance",
        "distance",
        "penalty",
        "perplexity",
        "wer",
        "cer",
        "per",
        "fpr",
        "fnr",
        "fdr",
        "misclassification",
        "residual",
        "regret",
        "lr",
        "huber",
        "logloss",
        "rank",
    ]
)
LARGE_IS_GOOD = frozenset(
    [
        "accuracy",
        "acc",
        "precision",
        "recall",
        "f1",
        "fbeta",
        "r2",
        "auc",
        "auroc",
        "roc",
        "auprc",
        "ap",
        "map",
        "iou",
        "jaccard",
        "dice",
        "sensitivity",
        "specificity",
        "tpr",
        "tnr",
        "npv",
        "ppv",
        "mcc",
        "kappa",
        "bleu",
        "rouge",
        "ndcg",
        "mrr",
        "psnr",
        "ssim",
        "likelihood",
        "correlation",
        "pearson",
        "spearman",
    ]
)


def direction(name: str) -> str:
    """Whether a figure is better small (``"min"``) or large (``"max"``), by the words of its name.

    Raises:
        ValueError: the words do not say, or say both.

    >>> direction("val_cross_entropy"), direction("val_top5_accuracy")
    ('min', 'max')
    """
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    words = {*re.findall(r"[a-z]+[0-9]?", apart)}
    words |= {word.rstrip("0123456789") for word in words if word not in LARGE_IS_GOOD}
    small = words & SMALL_IS_GOOD or {word for word in words if word.endswith(("loss", "error"))}
    large = words & LARGE_IS_GOOD or {word for word in words if word.endswith("accuracy")}
    if bool(small) == bool(large):
        raise ValueError(
            f"mode='auto': the name {name!r} does not say whether small or large is good; give mode='min' or mode='max'"
        )
    return "min" if small else "max"


class _Monitor(Callback):
    """What watches one number of the history, and knows when it is better than ever."""

    def __init__(self, monitor: str, mode: str, min_delta: float) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode is 'min', 'max' or 'auto', not {mode!r}")
        if not min_delta >= 0:
            raise ValueError(f"min_delta = {min_delta} must not be negative")
        self.monitor = monitor
        self.mode = direction(monitor) if mode == "auto" else mode
        self.min_delta = min_delta
        self._forget()

    def _forget(self) -> None:
        self.best = math.inf if self.mode == "min" else -math.inf
        self.best_epoch = 0

    def on_train_begin(self, training: Training) -> None:
        """Forget an earlier run; one that is resumed goes on."""
        if training.epoch == 0:
            self._forget()

    def improved(self, training: Training, row: Mapping[str, float]) -> bool:
        """Note the new value; whether it is the best so far by more than ``min_delta``."""
        if self.monitor not in row:
            raise KeyError(
                f"{type(self).__name__}: nothing is called {self.monitor}; the history has {', '.join(row)} (val_… need validation=)"
            )
        value = row[self.monitor]
        gain = self.best - value if self.mode == "min" else value - self.best
        if not gain > self.min_delta:
            return False
        self.best, self.best_epoch = value, training.epoch
        return True

    def state_dict(self) -> dict[str, Any]:
        """The best value and its epoch."""
        return {"best": self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of an interrupted run."""
        self.best, self.best_epoch = float(state["best"]), int(state["best_epoch"])


class EarlyStopping(_Monitor):
    """Stop when a number has not improved for some epochs, and go back to the weights of the best one (Prechelt 1998).

    Args:
        monitor: the name in the history, such as ``"val_loss"`` or ``"val_accuracy"``.
        patience: so many epochs without improvement are waited for.
        min_delta: an improvement is more than this.
        mode: ``"min"``, ``"max"``, or ``"auto"``: losses, errors and distances are better small, accuracies and scores large, by the words of
            the name (``val_cross_entropy``, ``val_r2``).
        restore_best_weights: write the weights of the best epoch back into the model at the end.

    Raises:
        KeyError: during the run, the history holds no such number.
        ValueError: ``"auto"``, and the name does not say which is better.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best_weights: bool = True,
    ) -> None:
        self._weights: dict[str, Any] | None = None
        super().__init__(monitor, mode, min_delta)
        if patience < 0:
            raise ValueError(f"patience = {patience} must not be negative")
        self.patience = patience
        self.restore_best_weights = restore_best_weights

    def _forget(self) -> None:
        super()._forget()
        self._weights = None

    def on_epoch_end(self, training: Training, row: Mapping[str, float]) -> None:
        """Remember the weights if they are the best so far; stop if none were for ``patience`` epochs."""
        if self.improved(training, row):
            if self.restore_best_weights:
                self._weights = training.model.state_dict()
        elif training.epoch - self.best_epoch > self.patience:
            training.stop(f"{self.monitor} has not improved since epoch {self.best_epoch}")

    def on_train_end(self, training: Training) -> None:
        """Restore the best weights."""
        if self._weights is not None:
            training.model.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        """The best value, its epoch and its weights."""
        return {**super().state_dict(), "weights": self._weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of an interrupted run."""
        super().load_state_dict(state)
        self._weights = state["weights"]


class BestWeights(_Monitor):
    """Save the model to a file whenever a number is the best so far.

    Args:
        path: ``.npz`` or ``.safetensors``; see :func:`nn.save`.
        monitor: the name in the history.
        mode: as for :class:`EarlyStopping`.
        min_delta: the same.
    """

    def __init__(self, path: str | Path, monitor: str = "val_loss", mode: str = "auto", min_delta: float = 0.0) -> None:
        super().__init__(monitor, mode, min_delta)
        self.path = Path(path)

    def on_epoch_end(self, training: Training, row: Mapping[str, float]) -> None:
        """Save if this epoch is the best so far."""
        if self.improved(training, row):
            save(training.model, self.path)
