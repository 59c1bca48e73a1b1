"""What has no batched form: one call for each element of the batch, the results stacked."""

from __future__ import annotations

from typing import Any

import numpy as np

from .values import BatchedValues, BatchingError, belongs, like

__all__ = ["element", "elements", "gathered", "looped"]

_WRITES = {np.copyto, np.put_along_axis, np.put, np.place, np.putmask, np.fill_diagonal}


def looped(batch: BatchedValues, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``function`` for each element of the batch.

    Raises:
        BatchingError: the function writes into an array that is one for all, or its results differ in shape.
    """
    target = kwargs.get("out") if function not in _WRITES else args[0]
    if target is not None and not belongs(target, batch):
        raise BatchingError(
            f"vmap: {function.__name__} writes into an array that is one for the whole batch; "
            "make it with np.zeros_like(x, shape=…) of a batched x"
        )
    results = [function(*element(args, batch, i), **element(kwargs, batch, i)) for i in elements(batch)]
    return gathered(batch, results, function.__name__)


def elements(batch: BatchedValues) -> range:
    """The numbers of the elements; of an empty batch one, made of ones, which shows shapes and dtypes."""
    return range(batch.values.shape[0] or 1)


def element(tree: Any, batch: BatchedValues, i: int) -> Any:
    """The arguments of a call, with the i-th element in place of each batched array."""
    if belongs(tree, batch):
        values = tree.values
        return values[i] if values.shape[0] else np.ones_like(values, shape=values.shape[1:])
    if isinstance(tree, (tuple, list)):
        items = [element(item, batch, i) for item in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    if isinstance(tree, dict):
        return {word: element(value, batch, i) for word, value in tree.items()}
    return tree


def gathered(batch: BatchedValues, results: list[Any], name: str) -> Any:
    """The results for the elements as one batched result."""
    first = results[0]
    if isinstance(first, (tuple, list)):
        items = [gathered(batch, [r[k] for r in results], name) for k in range(len(first))]
        return type(first)(*items) if hasattr(first, "_fields") else type(first)(items)
    if first is None:
        return None
    if hasattr(first, "shape"):
        shapes = {r.shape for r in results}
        if len(shapes) > 1:
            raise BatchingError(
                f"vmap: the results of {name} have other shapes in other elements of the batch: {shapes}"
            )
        stacked = np.stack([np.asarray(r) if isinstance(r, np.generic) else r for r in results])
        return like(batch, stacked[: batch.values.shape[0]])
    if all(r == first for r in results):
        return first
    return like(batch, np.asarray(results)[: batch.values.shape[0]])
