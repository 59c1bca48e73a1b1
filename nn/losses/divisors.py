"""By what a loss has divided the sum over a batch: what makes the loss of several batches that of one batch of everything."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from . import functions
from .modules import CrossEntropyLoss, Loss, NLLLoss
from .shared import raw

__all__ = ["divisor"]

OF_CLASSES = {functions.cross_entropy: CrossEntropyLoss, functions.nll_loss: NLLLoss}


def divisor(loss: Callable[[Any, Any], Any], target: Any) -> float | None:
    """The number of elements, of rows that count, or the sum of their weights; None of a loss that is the sum itself.

    Args:
        loss: a module of ``nn``, a function of ``nn.functional`` (or ``functools.partial`` of one), or any other: one that has a method
            ``divisor(target)`` is asked, of others it is the number of samples.
        target: of the batch.

    >>> import nn
    >>> divisor(nn.CrossEntropyLoss(ignore_index=9), np.array([0, 9, 2]))
    2.0
    """
    own = getattr(loss, "divisor", None)
    if own is not None:
        found = own(target)
        return None if found is None else float(found)
    options: dict[str, Any] = {}
    while isinstance(loss, functools.partial):
        options = {**loss.keywords, **options}
        loss = loss.func
    function = inspect.unwrap(loss)
    if isinstance(function, types.FunctionType) and function in OF_CLASSES:
        made: Loss = OF_CLASSES[function](
            **{k: v for k, v in options.items() if k in ("weight", "ignore_index", "reduction")}
        )
        return made.divisor(target)
    if options.get("reduction") == "sum":
        return None
    return float(len(raw(target))) if np.ndim(raw(target)) else 1.0
