"""The table of NumPy's functions: how each treats the batch axis.

An entry takes the innermost batched array of the call (``batch``), the function and the arguments by name. What has no entry, and
what an entry refuses, is run once per element (:mod:`.fallback`).
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .fallback import looped
from .values import (
    BatchedValues,
    BatchingError,
    belongs,
    innermost,
    replicated,
)

__all__ = ["TABLE", "call_function", "entry", "first_of", "flat", "lengths", "same_for_all", "words_of"]

Entry = Callable[[BatchedValues, Any, dict[str, Any]], Any]
TABLE: dict[Any, Entry] = {}
# Functions of which a loop over the batch would be no better.
NEVER_LOOPED = {np.copyto, np.put_along_axis, np.where}


def entry(*names: str) -> Callable[[Entry], Entry]:
    """Put a function into the table for these functions of NumPy (those that this NumPy has)."""

    def put(handler: Entry) -> Entry:
        for name in names:
            found: Any = np
            for part in name.split("."):
                found = getattr(found, part, None)
            if found is not None:
                TABLE[found] = handler
        return handler

    return put


# The parameters of functions in C, to which the older NumPys give no signature.
OF_C = {
    "arange": "start_or_stop stop step dtype device like",
    "array": "object dtype copy order subok ndmin ndmax like",
    "asanyarray": "a dtype order device copy like",
    "asarray": "a dtype order device copy like",
    "ascontiguousarray": "a dtype like",
    "can_cast": "from_ to casting",
    "concatenate": "arrays axis out dtype casting",
    "copyto": "dst src casting where",
    "dot": "a b out",
    "empty": "shape dtype order device like",
    "empty_like": "prototype dtype order subok shape device",
    "inner": "a b",
    "may_share_memory": "a b max_work",
    "min_scalar_type": "a",
    "packbits": "a axis bitorder",
    "ravel_multi_index": "multi_index dims mode order",
    "result_type": "*arrays_and_dtypes",
    "shares_memory": "a b max_work",
    "unravel_index": "indices shape order",
    "vdot": "a b",
    "where": "condition x y",
    "zeros": "shape dtype order device like",
}


@functools.cache
def words_of(function: Any) -> tuple[str, ...]:
    """The names of the parameters; "*args" for all positional arguments together."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return tuple(OF_C[function.__name__].split())
    return tuple(["*" + p.name if p.kind is p.VAR_POSITIONAL else p.name for p in parameters])


def bound(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by name, without those that are NumPy's sign for "not given"."""
    words = words_of(function)
    if words and words[0].startswith("*"):
        return {words[0]: args, **kwargs}
    given = dict(zip(words, args, strict=False)) | kwargs
    return {word: value for word, value in given.items() if value is not np._NoValue}


def call_function(batch: BatchedValues, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``__array_function__`` returns for arguments of which some are batched at the level of ``batch``, and none further in."""
    handler = TABLE.get(function)
    if handler is not None:
        given = bound(function, args, kwargs)
        out = given.pop("out", None)
        try:
            result = handler(batch, function, given)
        except BatchingError:
            if function in NEVER_LOOPED:
                raise
        else:
            return result if out is None else _written(batch, function, out, result)
    return looped(batch, function, args, kwargs)


def _written(batch: BatchedValues, function: Any, out: Any, result: Any) -> Any:
    if belongs(result, batch) and not belongs(out, batch):
        raise BatchingError(
            f"vmap: out= of {function.__name__} is one array for the whole batch, and each element has a result of its own"
        )
    out[...] = result
    return out


def first_of(function: Any, given: dict[str, Any]) -> Any:
    """Take the first argument out of the arguments."""
    return given.pop(words_of(function)[0])


def same_for_all(function: Any, given: dict[str, Any]) -> None:
    """Refuse batched arrays among the options."""
    if innermost(given) is not None:
        raise BatchingError(f"vmap: {function.__name__} has no batched form with a batched option")


def flat(batch: BatchedValues, x: Any) -> Any:
    """The values with all axes of an element in one."""
    values = replicated(batch, x)
    return np.reshape(values, (values.shape[0], math.prod(values.shape[1:])))


def lengths(shape: Any) -> tuple[int, ...]:
    """A shape that may be given as one number."""
    return tuple(shape) if isinstance(shape, (tuple, list)) else (operator.index(shape),)
