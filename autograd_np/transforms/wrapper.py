"""Functions that are made of others: by ``grad``, ``checkpoint``, ``compile``."""

from __future__ import annotations

import copy
import functools
import sys
import types
from collections.abc import Callable
from typing import Any, ClassVar

__all__ = ["Wrapper"]


class Wrapper:
    """A function made of another one: it has its name, signature and documentation, and is pickled and copied as what it was made of.

    A function inside a function could not be pickled.
    """

    maker: ClassVar[str]  # the public name of what makes it
    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function, updated=())
        self._function = function

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """What the function is made into."""
        raise NotImplementedError(self.maker)

    def made_of(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments that make such a one again."""
        return (self._function,), {}

    def __get__(self, thing: Any, kind: Any = None) -> Any:
        """As a function in a class: a method."""
        return self if thing is None else types.MethodType(self, thing)

    def __reduce__(self) -> Any:
        found: Any = sys.modules.get(getattr(self, "__module__", None) or "")
        name = getattr(self, "__qualname__", None) or "?"
        for word in name.split("."):
            found = getattr(found, word, None)
        return name if found is self else (_make, (type(self), *self.made_of()))

    def __copy__(self) -> Any:
        return _make(type(self), *self.made_of())

    def __deepcopy__(self, memo: Any) -> Any:
        return _make(type(self), *copy.deepcopy(self.made_of(), memo))

    def __repr__(self) -> str:
        return f"<{self.maker} of {getattr(self, '__qualname__', type(self._function).__name__)}>"


def _make(kind: type[Wrapper], args: tuple[Any, ...], options: dict[str, Any]) -> Wrapper:
    return kind(*args, **options)
