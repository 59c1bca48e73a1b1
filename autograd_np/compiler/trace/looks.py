"""How the places are looked at in which a function finds things, and how something is put there."""

from __future__ import annotations

import functools
import gc
import random
import types
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from .captures import PLAIN, Ids

__all__ = [
    "Get", "InTuple", "Put", "bit_state", "bound", "checksum", "class_item", "generator_state", "item_of", "legacy_state", "place_of", "position_in",
    "present", "put_defaults", "put_item", "put_partial", "refers", "registered", "size_of_class",
]  # fmt: skip

Get = Callable[[], Any]
Put = Callable[[Any], None]


def place_of(get: Any) -> tuple[int, Any] | None:
    """The holder and the key that a getter looks at."""
    if isinstance(get, functools.partial) and len(get.args) == 2:
        return id(get.args[0]), get.args[1]
    return None


def bound(get: Get) -> tuple[int, Any]:
    """The object and the function of a bound method, which is made anew each time that it is asked for."""
    method = get()
    return id(method.__self__), id(method.__func__) if isinstance(method, types.MethodType) else method.__name__


def refers(thing: Any) -> Ids:
    """What an object refers to, as Python's garbage collector sees it."""
    return Ids(gc.get_referents(thing))


def checksum(thing: Any) -> int:
    """A number that changes when bytes do."""
    return zlib.crc32(bytes(thing))


def position_in(file: Any) -> int | None:
    """Where a file stands; None where that cannot be told."""
    try:
        return int(file.tell())
    except (AttributeError, OSError, ValueError):
        return None


def legacy_state(generator: Any) -> Any:
    """The state of a RandomState, or of a generator of Python's."""
    state = generator.getstate() if isinstance(generator, random.Random) else generator.get_state()
    return tuple([item.tobytes() if isinstance(item, np.ndarray) else item for item in state])


def generator_state(generator: np.random.Generator) -> str:
    """The state of a Generator."""
    return bit_state(generator.bit_generator)


def bit_state(generator: Any) -> str:
    """The state of a bit generator."""
    return repr(generator.state)


def item_of(held: Any, key: Any) -> Any:
    """What stands under a key."""
    return held[key]


def put_item(held: Any, key: Any, value: Any) -> None:
    """Put something under a key."""
    held[key] = value


def size_of_class(klass: type) -> int:
    """How many attributes a class has of its own."""
    return len(vars(klass))


def present(space: dict[str, Any], words: tuple[str, ...]) -> bool:
    """Whether one of some names is a global."""
    return any(word in space for word in words)


def class_item(klass: type, key: str) -> Any:
    """A class's own attribute, as it stands there."""
    return vars(klass)[key]


def put_defaults(function: Any, values: Any) -> None:
    """Give a function other defaults."""
    function.__defaults__ = values


def put_partial(held: Any, values: Any) -> None:
    """Give a partial other arguments."""
    held.__setstate__((held.func, values, held.keywords, held.__dict__ or None))


class InTuple:
    """The places in a tuple: to put something there is to put another tuple in its place."""

    def __init__(self, whole: Any, put: Any) -> None:
        self.whole = whole
        self.put = put
        self.others: dict[int, Any] = {}

    def get(self, i: int) -> Any:
        """What was put there last."""
        return self.others.get(i, self.whole[i])

    def __call__(self, i: int, thing: Any) -> None:
        """Put something there."""
        if thing is self.whole[i]:
            self.others.pop(i, None)
        else:
            self.others[i] = thing
        if not self.others:
            self.put(self.whole)
            return
        items = [self.others.get(k, item) for k, item in enumerate(self.whole)]
        kind = type(self.whole)
        self.put(kind(*items) if hasattr(kind, "_fields") else kind(items))


def registered(registry: dict[Any, Any]) -> tuple[Any, ...]:
    """What a registry of a module holds, by name and identity."""
    return tuple([(key, item if isinstance(item, (*PLAIN, tuple)) else id(item)) for key, item in registry.items()])
