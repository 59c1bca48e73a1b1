"""``evaluate`` and ``predict``: a model's figures and answers on data."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

import autograd_np as ag
from autograd_np import Tensor

from .argument_checks import named_metrics
from .data import DataLoader
from .module import Module

__all__ = ["Forward", "Meter", "as_arrays", "evaluate", "evaluated", "loader", "numbers_of", "predict", "split"]


def loader(data: Any, batch_size: int, shuffle: bool) -> Any:
    """Batches of (inputs …, target): of a loader as it is, of arrays and datasets by a loader made here."""
    if (
        isinstance(data, (tuple, list))
        and data
        and all(hasattr(part, "shape") or (part.__class__ is list and data.__class__ is tuple) for part in data)
    ):
        return DataLoader(
            tuple(part.numpy() if isinstance(part, Tensor) else part for part in data),
            batch_size=batch_size,
            shuffle=shuffle,
        )
    if isinstance(data, DataLoader):
        return data
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, (list, tuple, str)):
        return DataLoader(data, batch_size=batch_size, shuffle=shuffle)
    if isinstance(data, Iterator):
        raise TypeError(
            "data: an iterator is used up after one epoch; give arrays (X, y), a Dataset, a DataLoader or a list of batches"
        )
    if not isinstance(data, Iterable):
        raise TypeError(
            f"data: give arrays (X, y), a Dataset, a DataLoader or an iterable of batches, not {type(data).__name__}"
        )
    return data


def split(batch: Any) -> tuple[tuple[Any, ...], Any, int]:
    """The inputs, the target, and how many samples there are."""
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise TypeError(
            f"a batch is a tuple of inputs and, last, the target; the data gave {'one' if isinstance(batch, (tuple, list)) else 'a'} {type(batch).__name__}; "
            "give (X, y), or (X, X) where the inputs are the target"
        )
    target = batch[-1]
    return (
        tuple(batch[:-1]),
        target,
        len(target) if getattr(target, "ndim", 0) or isinstance(target, (list, tuple)) else 1,
    )


class Meter:
    """Mean loss and metrics over the batches of an epoch, each batch counting as many times as it has samples."""

    def __init__(self, metrics: Mapping[str, Any]) -> None:
        self.metrics = metrics
        self.count, self.sums = 0, dict[str, float]()
        for metric in metrics.values():
            if hasattr(metric, "reset"):
                metric.reset()

    def add(self, size: int, predictions: Any, target: Any, **numbers: float) -> None:
        """Take in a batch."""
        self.count += size
        for name, value in numbers.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * size
        if self.metrics:
            seen = predictions.numpy() if isinstance(predictions, Tensor) else predictions
            for name, metric in self.metrics.items():
                if hasattr(metric, "update"):
                    metric.update(seen, target)
                else:
                    self.sums[name] = self.sums.get(name, 0.0) + float(metric(seen, target)) * size

    def row(self, prefix: str = "") -> dict[str, float]:
        """The means so far."""
        if not self.count:
            raise ValueError("the data gave no batch")
        row = {prefix + name: value / self.count for name, value in self.sums.items()}
        for name, metric in self.metrics.items():
            if hasattr(metric, "compute"):
                value = np.asarray(metric.compute())
                if value.size == 1:  # a confusion matrix is read from the metric itself
                    row[prefix + name] = float(value)
        return row


def numbers_of(loss: Any, penalty: Any = None) -> dict[str, float]:
    """Loss and penalty as numbers, by name."""
    named = {"loss": loss} if penalty is None else {"loss": loss, "penalty": penalty}
    return {name: float(value.item()) if isinstance(value, Tensor) else float(value) for name, value in named.items()}


def as_arrays(batch: tuple[Any, ...]) -> list[Any]:
    """Parts of a batch as a program takes them: a list of numbers would be part of the program."""
    return [np.asarray(part) if part.__class__ in (list, int, float, bool) else part for part in batch]


class Forward:
    """Predictions and loss of a batch: what :func:`evaluate` asks of a model."""

    def __init__(
        self, model: Module, loss: Callable[[Any, Any], Any] | None, compiled: bool, predictions: bool
    ) -> None:
        self.model, self.loss, self.predictions = model, loss, predictions
        self.run: Any = self._run
        if compiled:
            self.run = ag.compile(self._run, state=(model, loss))
        self.compiled = compiled

    def __call__(self, inputs: tuple[Any, ...], target: Any) -> tuple[Any, dict[str, float]]:
        """The predictions, if they are wanted, and the loss."""
        found = list(
            self.run(*as_arrays(inputs), *as_arrays((target,))) if self.compiled else self.run(*inputs, target)
        )
        return found.pop() if self.predictions else None, {"loss": float(found[0].item())} if found else {}

    def _run(self, *batch: Any) -> Any:
        *inputs, target = batch
        predictions = self.model(*inputs)
        return (
            *([self.loss(predictions, target)] if self.loss is not None else []),
            *([predictions] if self.predictions else []),
        )


def evaluate(
    model: Module,
    loss: Callable[[Any, Any], Any] | None,
    data: Any,
    metrics: Any = (),
    *,
    batch_size: int = 256,
    compile: bool = False,
) -> dict[str, float]:
    """Loss and metrics of a model over data, in evaluation mode and without recording.

    Args:
        model: any module. Its mode is restored.
        loss: called with (predictions, target), or None.
        data: arrays ``(X, y)``, a Dataset, a DataLoader or an iterable of batches.
        metrics: metrics (see :mod:`nn.metrics`) or functions of (predictions, target), in a list or by name in a dict.
        batch_size: for arrays and datasets.
        compile: run the forward pass as a NumPy program, made at the first batch: worth it from some ten batches on. See :func:`~nn.compile_step`.

    Returns:
        The mean over all samples, by name. A metric that is no single number, such as a confusion matrix, is left in the metric.

    Raises:
        ValueError: the data gave no batch.
    """
    measures = named_metrics(metrics)
    return evaluated(Forward(model, loss, compile, bool(measures)), loader(data, batch_size, False), measures)


def evaluated(forward: Forward, batches: Any, metrics: Mapping[str, Any]) -> dict[str, float]:
    """See :func:`evaluate`."""
    meter = Meter(metrics)
    with mode(forward.model, False), ag.no_grad():
        for batch in batches:
            inputs, target, size = split(batch)
            predictions, numbers = forward(inputs, target)
            meter.add(size, predictions, target, **numbers)
    return meter.row()


def predict(model: Module, *inputs: Any, batch_size: int = 256, compile: bool = False) -> np.ndarray[Any, Any]:
    """The outputs of a model for arrays of inputs, batch by batch, in evaluation mode and without recording.

    With ``compile`` the forward pass is run as a NumPy program, made at the first batch.

    >>> import nn
    >>> predict(nn.Linear(2, 3), np.zeros((1000, 2), np.float32)).shape
    (1000, 3)
    """
    arrays = [x.numpy() if isinstance(x, Tensor) else np.asarray(x) for x in inputs]
    if not arrays or any(x.ndim == 0 or len(x) != len(arrays[0]) for x in arrays):
        raise ValueError(
            f"predict: takes arrays with one entry per sample along their first axis, not shapes {[x.shape for x in arrays]}"
        )
    if batch_size < 1:
        raise ValueError(f"predict: batch_size = {batch_size} must be at least 1")
    with mode(model, False), ag.no_grad():
        starts = range(0, max(len(arrays[0]), 1), batch_size)
        forward = ag.compile(model) if compile else model
        parts = [forward(*[x[start : start + batch_size] for x in arrays]) for start in starts]
    if isinstance(parts[0], (tuple, list, Mapping)):
        raise TypeError(
            f"predict: the model gives a {type(parts[0]).__name__}, and one array is collected; take what is wanted of it in its forward()"
        )
    return np.concatenate([part.numpy() if isinstance(part, Tensor) else np.asarray(part) for part in parts])


@contextlib.contextmanager
def mode(model: Module, training: bool) -> Iterator[None]:
    """Put a model into a mode, and each module back into its own."""
    before = [(module, module.training) for module in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, mode in before:
            module.training = mode
