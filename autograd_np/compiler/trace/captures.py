"""What a function captures, and whether it is still what it was: guards, and the traced arrays in the place of the plain ones."""

from __future__ import annotations

import contextlib
import operator
import random
import secrets
from typing import Any

import numpy as np

from ...engine.errors import CompileError, location
from ...engine.hooks import current_trace
from ...engine.random import default_generator
from ...engine.tensor import Tensor

__all__ = ["PLAIN", "Ids", "Reached"]

PLAIN = (int, float, complex, str, bytes, bool, type(None), np.generic)


class Ids:
    """Which objects stand in something, in their order. They are held, so that nothing new can stand at the address of one."""

    __slots__ = ("things",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, things: Any) -> None:
        self.things = [*(things.ravel().tolist() if isinstance(things, np.ndarray) else things)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ids) or len(self.things) != len(other.things):
            return False
        return all(map(operator.is_, self.things, other.things))


class Reached:
    """What was found.

    Attributes:
        tensors: Tensors, by the name that the program may give them.
        generators: where a generator is held: (get, put, generator).
        fixed: what the program takes for constant: (get, value); numbers, texts, tuples of them, arrays.
        modules: objects with ``named_parameters`` and ``modules``.
        arrays: where a plain array is held: (get, put, array, its name, "captured" or "state").
    """

    def __init__(self) -> None:
        self.tensors: dict[int, tuple[str, Any]] = {}
        self.generators: list[tuple[Any, Any, np.random.Generator]] = []
        self.fixed: list[tuple[Any, Any]] = []
        self.modules: list[Any] = []
        self.arrays: list[tuple[Any, Any, Any, str, str]] = []
        self.seen: set[int] = set()
        self.keep: list[Any] = []
        self.put: list[tuple[Any, Any, Any, Any, str]] = []
        self.watched: list[tuple[Any, Any]] = []  # as fixed, for what cannot change without counting in CHANGES
        self.holders: list[tuple[Any, Any, str]] = []  # (dict or list, a copy of it as it was found, its name)
        self.inside: list[tuple[Any, Any]] = []  # as fixed, for what stands inside objects that are not the user's
        self.loose: list[
            tuple[Any, Any]
        ] = []  # of generators that nothing can be put in the place of: (look at its state, the state)
        self.files: list[tuple[Any, Any]] = []  # (look where a file stands, where it stood)
        self.handles = False  # whether a function that is reached handles errors
        self.chance: Any = None
        self.chance_after: Any = None
        self.entropy: Any = None
        self.trace: Any = None

    def enter(self, trace: Any) -> None:
        """Put traced arrays in the place of the plain ones, so that whatever is computed of them becomes part of the program."""
        self.trace = trace
        default_generator()  # the process's own is there before
        from numpy.random import bit_generator

        self.chance = _chance()
        self.entropy = bit_generator.randbits  # type: ignore[attr-defined]
        bit_generator.randbits = _unseeded  # type: ignore[attr-defined]
        for held in self.holders:
            if isinstance(held[0], dict):
                held[1].update(held[0])
            else:
                held[1].extend(held[0])
        for get, put, array, name, kind in self.arrays:
            traced = trace.external(array, "state") if kind == "state" else trace.lifted(array)
            if kind == "state":
                trace.story.state(name, traced.value)
            elif traced.value.label is None:
                trace.story.name(traced.value, name)
            try:
                put(traced)
            except (AttributeError, TypeError):  # what holds it refuses
                continue
            self.put.append((get, put, array, traced, name))

    def leave(self, failed: bool) -> None:
        """Put the plain arrays back.

        Raises:
            CompileError: the function has put other ones in their place, which a program cannot do.
        """
        if self.entropy is not None:
            from numpy.random import bit_generator

            bit_generator.randbits, self.entropy = self.entropy, None  # type: ignore[attr-defined]
        replaced = None
        for get, put, array, traced, name in self.put:
            try:
                if get() is not traced and not failed:
                    replaced = name
            except (KeyError, ValueError, AttributeError, IndexError):
                continue
            put(array)
        self.put.clear()
        if not failed:
            self.check_chance()
        if replaced is not None:
            raise CompileError(
                f"compile: the function puts another array in the place of {replaced}, which it does not take as an argument; write into the one that is there "
                f"({replaced}[...] = values), or return the new one"
            )

    def check_chance(self) -> None:
        """Raise if the function drew random numbers where the tracer does not see it: they would be the same in every call."""
        for look, before in self.loose:
            if look() != before:
                raise CompileError(
                    "compile: the function draws from a random generator that stands where the tracer cannot reach it; pass the generator as an argument, "
                    "or keep it in a variable or an attribute"
                )

    def drawn(self) -> str:
        """In words, that numbers were drawn from the generators that everybody shares: by the function, or by another thread; empty where none were."""
        self.chance_after = _chance()
        for word, before, after in zip(
            ("Python's random module", "the functions of np.random"), self.chance, self.chance_after, strict=True
        ):
            if before != after:
                return (
                    f"compile: the function draws random numbers with {word}, which would be the same in every call; "
                    "draw them with a np.random.Generator (rng = np.random.default_rng(seed), made outside the function)"
                )
        return ""

    def disturb(self) -> None:
        """Before a second run: let the shared generators go on by a number, so that it shows whether the function sets their state."""
        random.random()  # noqa: S311
        np.random.random()  # noqa: NPY002

    def seeded(self) -> bool:
        """After a second run: whether the function sets the state of those generators, so that it is the same after each run."""
        rows = zip(self.chance, self.chance_after, _chance(), strict=True)
        return any(before != after and after == now for before, after, now in rows)

    def settle(self) -> None:
        """After a run: guard what foreign objects hold now in caches, where other objects stood before. Their numbers are held to."""
        kept, self.inside = self.inside, []
        for guard in kept:
            if isinstance(guard[1], PLAIN) or _hold([guard]):
                self.fixed.append(guard)
            else:
                with contextlib.suppress(KeyError, ValueError, AttributeError, IndexError):
                    self.inside.append((guard[0], guard[0]()))

    def settled(self) -> None:
        """After another run: let go of what is another after each run."""
        self.fixed += [guard for guard in self.inside if _hold([guard])]
        self.inside.clear()

    def touched(self) -> str:
        """In words, what of all that it reaches the function has changed other than by writing into arrays; empty if nothing.

        Raises:
            CompileError: it has put an array of its run there.
        """
        changed = ""
        for held, before, name in self.holders:
            keys = range(len(held)) if isinstance(held, list) else [*held]
            old: dict[Any, Any] = dict(enumerate(before)) if isinstance(held, list) else before
            for key in keys:
                if key in old and held[key] is old[key]:
                    continue
                word = key if isinstance(key, str) else f"{name}[{key!r}]"
                changed = word
                if _traced(held[key], self.trace):
                    if isinstance(held, list):
                        held[:] = before
                    else:
                        held.clear()
                        held.update(before)
                    raise CompileError(
                        f"compile: the function stores an array of its run outside of it ({word}), where the next run would not put a new one; "
                        f"return it, or write into an array that is there before ({word}[...] = values)"
                    )
            if len(keys) != len(old):
                changed = changed or str(name)
        if changed:
            return f"changes {changed}"
        if any(look() != before for look, before in self.files):
            return "writes or reads a file"
        return "" if self.holds() and self.unchanged() and _hold(self.inside) else "changes what it reads"

    def holds(self) -> bool:
        """Whether everything that was taken for constant is what it was."""
        return _hold(self.fixed)

    def unchanged(self) -> bool:
        """Whether what counts its changes is what it was."""
        return _hold(self.watched)


def _hold(guards: list[tuple[Any, Any]]) -> bool:
    try:
        for get, value in guards:
            now = get()
            if now is not value and not _same(now, value):
                return False
    except (KeyError, ValueError, AttributeError, IndexError):
        return False
    return True


def _same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, (frozenset, Ids)):
        return bool(a == b)
    return isinstance(a, (*PLAIN, tuple)) and repr(a) == repr(b)


def _traced(thing: Any, trace: Any, depth: int = 3) -> bool:
    """Whether an array of a trace is in what a function has left somewhere."""
    if isinstance(thing, Tensor):
        thing = thing._values
    if getattr(thing, "trace", None) is trace:
        return True
    if depth and isinstance(thing, (list, tuple, dict)):
        return any(_traced(item, trace, depth - 1) for item in (thing.values() if isinstance(thing, dict) else thing))
    return False


def _chance() -> tuple[Any, Any]:
    """What the generators that everybody shares will give."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), (kind, np.asarray(keys).tobytes(), *rest)


def _unseeded(bits: int) -> int:
    """What NumPy asks for a seed of the operating system, while a function is traced."""
    if current_trace() is not None:
        raise CompileError(
            f"compile: the function makes a random generator without a seed ({location()}), whose numbers would be the same in every call; "
            "make it outside the function (rng = np.random.default_rng())"
        )
    return secrets.randbits(bits)
