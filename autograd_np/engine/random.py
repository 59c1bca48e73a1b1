"""The random generator of the process, for operations that draw at random and are given none."""

from __future__ import annotations

import functools
import operator
from contextvars import ContextVar, Token
from typing import Any

import numpy as np

from .hooks import TRACING, current_trace

_policy: ContextVar[Any] = ContextVar("autograd_np_random_policy", default=None)

__all__ = ["default_generator", "draw", "generator_of", "manual_seed"]


@functools.cache  # made when first asked for: numpy.random is not loaded by `import numpy`
def default_generator() -> np.random.Generator:
    """The generator that :func:`manual_seed` seeds; unseeded, it starts from the operating system's entropy.

    >>> default_generator() is manual_seed(0)
    True
    """
    return np.random.Generator(np.random.PCG64())


def manual_seed(seed: int) -> np.random.Generator:
    """Seed the generator that dropout, new layers and loaders draw from unless they are given one of their own.

    The generator is one object for the whole process, seeded anew in place: who holds it draws from the new sequence.

    Returns:
        That generator.

    >>> a = manual_seed(0).random()
    >>> a == manual_seed(0).random()
    True
    """
    generator = default_generator()
    generator.bit_generator.state = np.random.PCG64(seed).state
    return generator


def generator_of(rng: Any) -> np.random.Generator:
    """The generator meant by an ``rng=`` argument.

    Args:
        rng: a Generator (taken as it is), a seed for a new one, or None for the default generator.

    Raises:
        TypeError: anything else.
    """
    if rng is None:
        return default_generator()
    if isinstance(rng, np.random.Generator):
        return rng
    try:
        made = np.random.default_rng(operator.index(rng))
    except TypeError:
        raise TypeError(f"rng is a numpy.random.Generator, an integer seed or None, not {type(rng).__name__}") from None
    if TRACING[0]:
        trace = current_trace()
        if trace is not None:  # every call begins with the seed
            start = made.bit_generator.state
            trace.before.append(lambda: setattr(made.bit_generator, "state", start))
    return made


def draw(generator: np.random.Generator, method: str, *args: Any, **kwargs: Any) -> Any:
    """``generator.method(*args, **kwargs)``; in a compiled program the numbers are drawn anew in every replay.

    >>> draw(np.random.default_rng(0), "integers", 10, size=3).tolist()
    [8, 6, 5]
    """
    policy = _policy.get()
    if policy is not None:
        return policy(generator, lambda: _drawn(generator, method, args, kwargs))
    return _drawn(generator, method, args, kwargs)


def _drawn(generator: np.random.Generator, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if TRACING[0]:
        trace = current_trace()
        if trace is not None:
            return trace.draw(generator, method, args, kwargs)
    return getattr(generator, method)(*args, **kwargs)


def begin_policy(policy: Any) -> Token[Any]:
    """Let ``policy(generator, plain)`` stand for each draw, where ``plain()`` draws. Returns what :func:`end_policy` takes."""
    return _policy.set(policy)


def end_policy(token: Token[Any]) -> None:
    """Let the policy before be in force again."""
    _policy.reset(token)
