"""``evaluate`` and ``predict``: a model's figures and answers on data."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

import autograd_np as ag
from autograd_np import Tensor

from .argument_checks import named_metrics
from .containers import Sequential
from .data import DataLoader
from .layers import Linear
from .layers.convolution import _Convolution
from .losses.divisors import divisor
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


def held_out_part(data: Any, part: float) -> tuple[Any, Any]:
    """Arrays without their last samples, and these, to be a validation set.

    Raises:
        TypeError: the data are no tuple or list of arrays.
        ValueError: the part is no fraction, or leaves nothing on one side.
    """
    if (
        not isinstance(data, (tuple, list))
        or not data
        or not all(hasattr(x, "shape") or isinstance(x, list) for x in data)
    ):
        raise TypeError(
            f"fit: validation_split is for arrays (X, y), not for a {type(data).__name__}; give validation= data of its own"
        )
    if not 0 < part < 1:
        raise ValueError(f"fit: validation_split is a fraction between 0 and 1, not {part!r}")
    count = len(data[0])
    kept = count - round(count * part)
    if not 0 < kept < count or any(len(x) != count for x in data):
        raise ValueError(
            f"fit: validation_split = {part} of {', '.join(str(len(x)) for x in data)} samples leaves no two sets; give more data or validation="
        )
    return tuple([x[:kept] for x in data]), tuple([x[kept:] for x in data])


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
    """Loss and metrics over the batches of an epoch: what one batch of everything would have, whatever the size of the batches.

    The loss of a batch counts by what it was divided (see :func:`~nn.losses.divisors.divisor`), anything else by the number of samples. A
    metric that is a function is computed once, of all predictions.
    """

    def __init__(self, metrics: Mapping[str, Any], loss: Any = None) -> None:
        self.metrics, self.loss = metrics, loss
        self.batches = 0
        self.sums, self.weights = dict[str, float](), dict[str, float]()
        self.seen: dict[str, list[tuple[Any, Any]]] = {}
        for name, metric in metrics.items():
            if hasattr(metric, "reset"):
                metric.reset()
            if not hasattr(metric, "update"):
                self.seen[name] = []

    def add(self, size: int, predictions: Any, target: Any, **numbers: float) -> None:
        """Take in a batch."""
        self.batches += 1
        for name, value in numbers.items():
            weight = divisor(self.loss, target) if name == "loss" and self.loss is not None else float(size)
            self.sums[name] = self.sums.get(name, 0.0) + (
                value if weight is None else value * weight if weight else 0.0
            )
            self.weights[name] = 1.0 if weight is None else self.weights.get(name, 0.0) + weight
        if self.metrics:
            seen = predictions.numpy() if isinstance(predictions, Tensor) else predictions
            for metric in self.metrics.values():
                if hasattr(metric, "update"):
                    metric.update(seen, target)
            if self.seen:  # a program may write its next predictions into the same memory
                kept = ag.tree_map(_copied, (seen, np.asarray(target) if isinstance(target, list) else target))
                for batches in self.seen.values():
                    batches.append(kept)

    def row(self, prefix: str = "") -> dict[str, float]:
        """The figures so far."""
        if not self.batches:
            raise ValueError("the data gave no batch")
        row = {prefix + name: value / (self.weights[name] or 1.0) for name, value in self.sums.items()}
        for name, metric in self.metrics.items():
            if name in self.seen:
                row[prefix + name] = float(metric(*_joined(name, self.seen[name])))
            elif hasattr(metric, "compute"):
                value = np.asarray(metric.compute())
                if value.size == 1:  # a confusion matrix is read from the metric itself
                    row[prefix + name] = float(value)
        return row


def _copied(value: Any) -> Any:
    return Tensor(value.numpy(), copy=True) if isinstance(value, Tensor) else np.array(value)


def _concatenated(*parts: Any) -> Any:
    if isinstance(parts[0], Tensor):
        return Tensor(_concatenated(*[part.numpy() for part in parts]))
    return np.concatenate([np.atleast_1d(part) for part in parts])


def _joined(name: str, batches: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """The predictions and the targets of all batches."""
    if len(batches) == 1:
        return batches[0]
    try:
        return ag.tree_map(_concatenated, *batches)  # type: ignore[no-any-return]
    except ValueError as error:
        raise ValueError(
            f"metrics: {name} is a function, which is computed of all predictions together, and those of the batches cannot be joined ({error}); "
            "write a class derived from nn.metrics.Metric, with update() for a batch and compute()"
        ) from None


def numbers_of(loss: Any, penalty: Any = None) -> dict[str, float]:
    """Loss and penalty as numbers, by name."""
    named = {"loss": loss} if penalty is None else {"loss": loss, "penalty": penalty}
    return {name: float(value.item()) if isinstance(value, Tensor) else float(value) for name, value in named.items()}


class Cast:
    """Inputs in the dtype of a model's parameters: float64 for a model in float32 would be computed, silently and slower, in float64.

    Integers are converted where a layer that multiplies them comes first; elsewhere they may be numbers of rows or classes.
    """

    def __init__(self, model: Module) -> None:
        kinds = {p.dtype for p in model.parameters() if p.dtype.kind in "fc"}
        self.dtype = kinds.pop() if len(kinds) == 1 else None
        self.integers = isinstance(_first_layer(model), (Linear, _Convolution))

    def __call__(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs of a batch."""
        return inputs if self.dtype is None else tuple([self._cast(x) for x in inputs])

    def _cast(self, x: Any) -> Any:
        kind = getattr(getattr(x, "dtype", None), "kind", "")
        if kind == "" or x.dtype == self.dtype or self.dtype is None:
            return x
        wanted = kind == "f" or (kind in "iub" and self.integers)
        return x.astype(self.dtype) if wanted else x


def _first_layer(model: Any) -> Any:
    """The first layer with parameters of a model that is a sequence of layers; else the model itself."""
    while isinstance(model, Sequential):
        model = next((layer for layer in model if any(True for _ in layer.parameters())), None)
    return model


def as_arrays(batch: tuple[Any, ...]) -> list[Any]:
    """Parts of a batch as a program takes them: a list of numbers would be part of the program."""
    return [np.asarray(part) if part.__class__ in (list, int, float, bool) else part for part in batch]


class Forward:
    """Predictions and loss of a batch: what :func:`evaluate` asks of a model."""

    def __init__(
        self, model: Module, loss: Callable[[Any, Any], Any] | None, compiled: bool, predictions: bool
    ) -> None:
        self.model, self.loss, self.predictions = model, loss, predictions
        self.cast = Cast(model)
        self.run: Any = self._run
        if compiled:
            self.run = ag.compile(self._run, state=(model, loss))
        self.compiled = compiled

    def __call__(self, inputs: tuple[Any, ...], target: Any) -> tuple[Any, dict[str, float]]:
        """The predictions, if they are wanted, and the loss."""
        inputs = self.cast(inputs)
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
        What one batch of everything would have, by name, whatever ``batch_size``: a batch's loss counts by what it was divided (rows that are
        ignored don't count, those of a weighted class count by its weight; of a loss of your own by the number of samples, or by what its
        method ``divisor(target)`` says), and a metric that is a function is computed of all predictions together. A metric that is no
        single number, such as a confusion matrix, is left in the metric.

    Raises:
        ValueError: the data gave no batch.
    """
    measures = named_metrics(metrics)
    return evaluated(Forward(model, loss, compile, bool(measures)), loader(data, batch_size, False), measures)


def evaluated(forward: Forward, batches: Any, metrics: Mapping[str, Any]) -> dict[str, float]:
    """See :func:`evaluate`."""
    meter = Meter(metrics, forward.loss)
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
    arrays = [*Cast(model)(tuple(arrays))]
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
