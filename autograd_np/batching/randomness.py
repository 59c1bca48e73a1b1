"""Random numbers inside a mapped function: refused, the same for each element of the batch, or different."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..engine import random
from ..engine.hooks import current_trace
from .array import Batched
from .values import BatchingError

__all__ = ["drawing"]


@contextmanager
def drawing(randomness: str, n: int, level: float, function: Any) -> Iterator[None]:
    """Inside, the library's draws do as ``randomness`` says; outside of it, generators of ``function`` must be as they were.

    Raises:
        BatchingError: numbers were drawn, and ``randomness`` refuses them or cannot give each element its own.
    """

    def draw(generator: np.random.Generator, plain: Callable[[], Any]) -> Any:
        if randomness == "error":
            raise BatchingError(
                'vmap: the function draws random numbers; say vmap(…, randomness="different") for numbers of its own for each '
                'element of the batch, or "same"'
            )
        if randomness == "same":
            return plain()
        watched = [i for i, other in enumerate(generators) if other is generator and _state(other) == states[i]]
        drawn = Batched(np.stack([plain() for _ in range(n)]), level) if n else plain()
        for i in watched:
            states[i] = _state(generator)
        return drawn

    # (In a trace every draw of a generator goes through the policy.)
    generators = [] if randomness == "same" or current_trace() is not None else _generators(function)
    states = [_state(generator) for generator in generators]  # as they were after the last draw of the library's
    token = random.begin_policy(draw)
    try:
        yield
    finally:
        random.end_policy(token)
    for generator, state in zip(generators, states, strict=True):
        if _state(generator) != state:
            raise BatchingError(
                "vmap: the function draws random numbers from a generator, which are the same for each element of the batch; say "
                'vmap(…, randomness="same") if that is meant, or draw an array with the batch axis outside and map over it'
            )


def _state(generator: Any) -> Any:
    return str(generator.bit_generator.state)


def _generators(function: Any) -> list[Any]:
    """The generators that a function reads by its own names."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    found = []
    if isinstance(function, types.FunctionType):
        code, spaces = function.__code__, function.__globals__
        things = [spaces.get(word) for word in code.co_names]
        for cell in function.__closure__ or ():
            try:
                things.append(cell.cell_contents)
            except ValueError:  # not yet filled
                continue
        things += function.__defaults__ or ()
        found = [thing for thing in things if isinstance(thing, np.random.Generator)]
    return found
