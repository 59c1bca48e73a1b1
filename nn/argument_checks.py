"""Argument checks for ``fit`` and its kin, made before anything has happened."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autograd_np import Tensor

from .callbacks import Callback
from .module import Module
from .optim import LBFGS
from .schedules import ReduceLROnPlateau

__all__ = ["check_finite", "check_roles", "check_trained", "named_metrics", "needs_closure", "total_loss"]


def named_metrics(metrics: Any) -> dict[str, Any]:
    """Metrics by name, of one, of several, or of a dict of them."""
    if isinstance(metrics, Mapping):
        return {name: _checked_metric(metric) for name, metric in metrics.items()}
    if callable(metrics) or hasattr(metrics, "update") or isinstance(metrics, str):
        metrics = [metrics]
    metrics = [_checked_metric(metric) for metric in metrics]
    named = {str(getattr(m, "name", None) or getattr(m, "__name__", type(m).__name__)): m for m in metrics}
    if len(named) < len(metrics):
        raise ValueError("metrics: two have the same name; give a dict of names and metrics")
    return named


def _checked_metric(metric: Any) -> Any:
    if isinstance(metric, (str, type)) or not (callable(metric) or hasattr(metric, "update")):
        raise TypeError(
            f"metrics: {metric!r} is no metric; give objects such as nn.metrics.Accuracy(), or functions of (predictions, target) that return a number"
        )
    return metric


def needs_closure(optimizer: Any) -> bool:
    """Whether the optimizer computes the loss more than once in a step: then its ``step`` cannot be called without a function that does."""
    try:
        parameters = inspect.signature(optimizer.step).parameters.values()
    except (TypeError, ValueError):
        return True
    return isinstance(optimizer, LBFGS) or any(
        p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters
    )


def check_model_and_loss(who: str, model: Any, loss: Any) -> None:
    """Say what the two should be; ``who`` asks for them."""
    if not isinstance(model, Module):
        raise TypeError(f"{who}: the model is an nn.Module, not {kind(model)}")
    if not callable(loss) or isinstance(loss, type):
        raise TypeError(
            f"{who}: the loss is a function of (predictions, target) or an object such as nn.CrossEntropyLoss(), not {kind(loss)}"
        )


def check_roles(model: Any, loss: Any, optimizer: Any, schedule: Any, hooks: Sequence[Any]) -> None:
    """Say what an argument should be before anything has happened."""
    check_model_and_loss("fit", model, loss)
    if (
        isinstance(optimizer, type)
        or not callable(getattr(optimizer, "step", None))
        or not callable(getattr(optimizer, "zero_grad", None))
    ):
        raise TypeError(f"fit: the optimizer is an object such as nn.Adam(model.parameters()), not {kind(optimizer)}")
    if schedule is not None and (isinstance(schedule, type) or not callable(getattr(schedule, "step", None))):
        raise TypeError(
            f"fit: the schedule is one object such as nn.schedules.StepLR(optimizer, 10), not {kind(schedule)}"
        )
    if getattr(schedule, "optimizer", optimizer) is not optimizer:
        raise ValueError("fit: the schedule belongs to another optimizer, and would change nothing here")
    if isinstance(schedule, ReduceLROnPlateau) and schedule.mode == "max":
        raise ValueError("fit: ReduceLROnPlateau is given a loss here, which is better small: mode='min'")
    for hook in hooks:
        if not isinstance(hook, Callback):
            raise TypeError(
                f"fit: a callback is an object of a class derived from nn.Callback, or nn.LambdaCallback(on_epoch_end=function), not {kind(hook)}"
            )
    check_trained("fit", model, loss, optimizer)


def check_trained(who: str, model: Module, loss: Any, optimizer: Any) -> None:
    """Say that the optimizer trains something else, or holds parameters that the model had before.

    Raises:
        ValueError: it holds none of the model's (or the loss's) parameters.
    """
    trained = {id(p) for group in getattr(optimizer, "param_groups", ()) for p in group.get("params", ())}
    named = [*model.named_parameters()]
    if isinstance(loss, Module):
        named += [(f"loss.{name}", p) for name, p in loss.named_parameters()]
    own = {id(p): name for name, p in named if p.requires_grad}
    if not trained or not own:
        return
    remedy = "make it of this model's parameters(), and after model.to(dtype), which makes new ones"
    if not own.keys() & trained:
        raise ValueError(f"{who}: the optimizer holds none of the model's parameters; {remedy}")
    missing = [name for key, name in own.items() if key not in trained]
    if missing and trained - {id(p) for _, p in named}:
        warnings.warn(
            f"{who}: the optimizer does not hold {', '.join(missing[:3])}{' …' if len(missing) > 3 else ''}, and holds a parameter that "
            f"is not the model's: if that was replaced, {remedy}",
            RuntimeWarning,
            stacklevel=4,
        )


def kind(value: Any) -> str:
    """What somebody has given instead, in words."""
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


def total_loss(who: str, model: Module, value: Any, penalized: bool | None = None) -> tuple[Any, Any]:
    """What is minimised, and the part of it that ``model.regularize(…)`` asked for, None without."""
    if not isinstance(value, Tensor) or value.size != 1:
        described = f"one of shape {value.shape}" if isinstance(value, Tensor) else f"{value!r:.80}"
        raise TypeError(
            f"{who}: the loss must be one number, a Tensor, not {described}; a loss with reduction='none' gives one per sample"
        )
    if not (any(module._penalties for module in model.modules()) if penalized is None else penalized):
        return value, None
    penalty = model.penalty()
    return value + penalty, penalty


def check_finite(loss: Any, penalty: Any = None) -> None:
    """Raise a FloatingPointError if the loss of :func:`~nn.fit` is infinite or NaN."""
    numbers = {"loss": loss} if penalty is None else {"loss": loss, "penalty": penalty}
    if not all(np.isfinite(number).all() for number in numbers.values()):
        described = ", ".join(f"{name} = {np.ravel(number)[0].item()}" for name, number in numbers.items())
        raise FloatingPointError(
            f"fit: the loss became {described}; lower the learning rate, clip the gradients (max_norm=…), look at the data for NaN, "
            "or run it inside autograd_np.detect_anomaly() to see which operation it came from"
        )
