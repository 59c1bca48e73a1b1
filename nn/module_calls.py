"""Calls of modules: their type to a type checker, and the handles of the hooks that run before and after them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, Self, TypeVar

from autograd_np import tracing

__all__ = ["HasForward", "P", "R_co", "RemovableHandle"]

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class HasForward(Protocol[P, R_co]):
    """A module as a type checker sees it: it is called as its ``forward`` is."""

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """The computation."""
        ...


class RemovableHandle:
    """Takes a hook off its module again."""

    def __init__(self, hooks: dict[int, Callable[..., Any]], key: int) -> None:
        self._hooks, self._key = hooks, key

    def remove(self) -> None:
        """Take the hook off; once it is off, nothing happens."""
        self._hooks.pop(self._key, None)
        tracing.changed()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
