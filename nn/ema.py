"""``EMA``: an exponential moving average of the weights, as a callback of ``fit``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .callbacks import Callback

if TYPE_CHECKING:
    from .training import Training

__all__ = ["EMA"]


class EMA(Callback):
    """Average the weights over the steps: ``m ← d · m + (1 − d) · w``, with ``d = min(decay, (1 + t) / (10 + t))`` at step t.

    At the end of training the averages are written into the model, which often does better with them than with its last weights. Put it
    before :class:`EarlyStopping`, whose best weights would otherwise be overwritten. Buffers, such as running statistics, stay as they are.
    Polyak and Juditsky, 1992; the smaller d of the first steps is TensorFlow's ``num_updates``.

    Args:
        decay: in [0, 1), near 1.
        restore: write the averages into the model at the end.

    Attributes:
        averages: the averaged weights, by the paths of the parameters.

    Raises:
        ValueError: ``decay`` is not in [0, 1).
    """

    def __init__(self, decay: float = 0.999, *, restore: bool = True) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"EMA: decay = {decay} is not in [0, 1)")
        self.decay, self.restore = decay, restore
        self.steps = 0
        self.averages: dict[str, Any] = {}

    def on_train_begin(self, training: Training) -> None:
        """Begin with the weights as they are; a resumed run goes on."""
        if training.epoch == 0 or not self.averages:
            self.steps = 0
            self.averages = {name: np.array(p.numpy()) for name, p in training.model.named_parameters()}

    def on_batch_end(self, training: Training, loss: float) -> None:
        """Take in the weights after a step."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, p in training.model.named_parameters():
            average = self.averages[name]
            average += (1 - decay) * (p.numpy() - average)

    def on_train_end(self, training: Training) -> None:
        """Write the averages into the model."""
        if self.restore and self.averages:
            training.model.load_state_dict(self.averages, strict=False)

    def state_dict(self) -> dict[str, Any]:
        """The averages, and over how many steps."""
        return {"steps": self.steps, "averages": dict(self.averages)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of an interrupted run."""
        self.steps = int(state["steps"])
        self.averages = {name: np.array(value) for name, value in state["averages"].items()}
