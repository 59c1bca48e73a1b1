"""The pattern of a function: one run on arrays of index sets, and what the engine asks of them on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..batching.walk import Batches
from ..engine import hooks
from ..engine.errors import CompileError
from ..engine.pytree import flatten
from ..engine.tensor import Tensor
from .arrays import IndexSets
from .pool import EMPTY, Pool
from .unions import everything
from .values import IndexSetValues, first_in, numbers, wrapped

__all__ = ["pattern"]


class Sets(Batches):
    """The answers to the engine of arrays of index sets; of batched arrays those of before."""

    def model(self, arrays: tuple[Any, ...]) -> Any:
        found = super().model(arrays)
        return first_in(arrays) if found is None else found

    def beside(self, x: Any, others: tuple[Any, ...]) -> Any:
        found = first_in(others)
        x = x if found is None else IndexSets(x, EMPTY, found.pool)
        return super().beside(x, others)

    def call(self, error: Exception, body: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of a body that failed on index sets: of numbers, and each element depends on everything."""
        found = first_in((args, kwargs))
        if found is None or isinstance(error, CompileError):
            return super().call(error, body, args, kwargs)
        result = body(*numbers(args), **numbers(kwargs))
        return wrapped(found, result, everything(found.pool, (args, kwargs)))

    def answers(self, test: Any, args: tuple[Any, ...]) -> list[Any]:
        """What a test says of the numbers at this point."""
        return super().answers(test, args if first_in(args) is None else numbers(args))

    def pull(self, error: Exception, pull: Any, node: Any, g: Any, parents: Any, kept: Any) -> Any:
        """The gradients of a rule that failed on index sets."""
        found = first_in((g, kept))
        if (
            found is None
            or isinstance(error, CompileError)
            or any(isinstance(k, Tensor) for k in flatten((g, kept))[0])
        ):
            return super().pull(error, pull, node, g, parents, kept)
        result = pull(node, numbers(g), parents, numbers(kept))
        dense = tuple([c.dense() if hasattr(c, "dense") else c for c in result])
        return wrapped(found, dense, everything(found.pool, (g, kept)))


def pattern(f: Callable[..., Any], values: list[Any]) -> Any:
    """The pattern of the Jacobian of ``f(*Tensors)``, a function that returns a list of outputs.

    Args:
        f: is run once. What it decides by looking at numbers it decides as at this point.
        values: the arrays at this point, whose elements in a row are the columns.

    Returns:
        A ``scipy.sparse.csr_array`` of truth values, with sorted columns.

    Raises:
        TooDenseError: the pattern has so many entries that it is none.
    """
    if not (hooks.BATCHES and isinstance(hooks.BATCHES[0], Sets)):
        hooks.register(Sets())
    pool = Pool(sum([np.size(value) for value in values]))
    singles = pool.singles()
    arguments = []
    start = 0
    for value in values:
        stop = start + np.size(value)
        sets = singles[start:stop].reshape(np.shape(value))
        arguments.append(Tensor.at(IndexSets(np.array(value), sets, pool), None))
        start = stop
    with np.errstate(all="ignore"):
        outputs = f(*arguments)
    rows = [_sets_of_output(y) for y in outputs]
    found = pool.rows(np.concatenate(rows) if rows else np.zeros(0, np.intp))
    found.sort_indices()
    return found


def _sets_of_output(y: Any) -> Any:
    values = y._values if isinstance(y, Tensor) else y
    if isinstance(values, IndexSetValues):
        return values.sets.ravel()
    return np.zeros(np.size(values), np.intp)
