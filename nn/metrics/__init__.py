"""Metrics, collected batch by batch: accuracy, confusion matrix, precision, recall, F1, mean errors and R².

A metric has ``update(predictions, targets)``, ``compute()``, ``reset()`` and a ``name``; it adds up counts, so that the result over many batches is
that of all items at once, however they were cut. Predictions and targets are arrays or Tensors; nothing is recorded on the tape.

For the metrics of classification,

- floating-point **predictions** with a class axis, (N, C) or (N, C, …), are scores: logits, log-probabilities or probabilities; the highest wins, and of
  equal ones the first;
- floating-point predictions without one, (N,) or (N, 1), are the scores of class 1 against class 0, which needs a ``threshold``: 0 for logits, 0.5 for
  probabilities. There is no default, because either taken for the other would give a figure, and a wrong one;
- integer or boolean predictions are class numbers;
- **targets** are class numbers (integers, or floating-point numbers that are whole) or one-hot rows of the shape (N, C, …).
"""

from .base import Metric
from .classification import F1, Accuracy, ConfusionMatrix, Precision, Recall, accuracy, confusion_matrix
from .regression import MeanAbsoluteError, MeanSquaredError, R2Score

__all__ = [
    "F1",
    "Accuracy",
    "ConfusionMatrix",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "R2Score",
    "Recall",
    "accuracy",
    "confusion_matrix",
]
