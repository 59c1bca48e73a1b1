"""The table of ``scipy.special``: each ufunc with its parameters and rules, filled by the chapters beside this file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["HELPERS", "TABLE", "Entry", "entry", "helper", "sp", "ufunc"]


Rule = Callable[..., Any]


class _SciPy:
    """``scipy.special`` as the program has imported it: ``sp.erf`` is the ufunc itself, also where SciPy wraps it."""

    def __getattr__(self, name: str) -> Any:
        found = ufunc(name)
        if found is None:
            raise AttributeError(f"this SciPy has no ufunc {name}")
        setattr(self, name, found)
        return found


sp = _SciPy()


def ufunc(name: str) -> np.ufunc | None:
    """A ufunc of scipy.special by its name; None if this version has none (or SciPy is not loaded)."""
    module = sys.modules.get("scipy.special")
    for home in (module, getattr(module, "_ufuncs", None)):
        found = getattr(home, name, None)
        if isinstance(found, np.ufunc):
            return found
    return None


@dataclass(frozen=True)
class Entry:
    """One row of the table.

    Attributes:
        name: the ufunc's name, or that of a helper.
        declared: signature and documentation; a helper's body too.
        wrt: the parameters that have a rule (or could have one: see ``rules``).
        rules: one per such parameter.
        outputs: how many.
        helper: whether the function is ours and not SciPy's.
        public: SciPy's name, where the ufunc's own is private.
        real: the parameters that must be real, where the ufunc does not see to that itself.
    """

    name: str
    declared: Callable[..., Any]
    wrt: str
    rules: tuple[Rule, ...]
    outputs: int
    helper: bool
    public: str
    real: str = ""


TABLE: dict[str, Entry] = {}
HELPERS: dict[str, Callable[..., Any]] = {}


def entry(
    name: str,
    words: str,
    doc: str,
    *rules: Rule,
    wrt: str | None = None,
    outputs: int = 1,
    public: str | None = None,
    real: str = "",
) -> None:
    """Add a ufunc of SciPy: its parameters, what it is, and its rules (none: it has no gradient by nature)."""
    declared: Any = eval(f"lambda {', '.join(words.split())}, /: None")  # noqa: S307 - our own text, for its signature
    declared.__name__ = name
    declared.__module__ = __name__
    declared.__doc__ = doc
    TABLE[name] = Entry(name, declared, words if wrt is None else wrt, rules, outputs, False, public or name, real)


def helper(*rules: Rule, wrt: str, real: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function on arrays that rules use and SciPy does not have, with rules of its own."""

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        TABLE[name] = Entry(name, function, wrt, rules, 1, True, name, real)

        def call(*args: Any) -> Any:
            return HELPERS[name](*args)

        return call

    return declare
