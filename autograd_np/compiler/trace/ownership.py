"""Whose a thing is: the user's, whose code and state are walked, or a library's; what never changes; what names a function uses."""

from __future__ import annotations

import datetime as dt
import decimal
import dis
import enum
import fractions
import functools
import operator
import pathlib
import re
import sys
import types
import typing
import uuid
from typing import Any

import numpy as np

from ...engine.errors import package_of

__all__ = [
    "BY_ANY_NAME",
    "FOREIGN",
    "IMMUTABLE",
    "OPAQUE",
    "is_installed",
    "is_library",
    "is_walkable",
    "names_in",
    "root_of",
    "slots_of",
]

LIBRARY = ("autograd_np", "nn", "numpy", "builtins", "scipy")
FOREIGN = {*LIBRARY, *sys.stdlib_module_names} - {"__main__"}  # modules whose insides do not count as the user's
IMMUTABLE = (
    range, slice, type(Ellipsis), type(NotImplemented), types.CodeType, types.MethodDescriptorType, types.WrapperDescriptorType,
    types.MethodWrapperType, types.GetSetDescriptorType, types.MemberDescriptorType, types.ClassMethodDescriptorType, types.GenericAlias,
    types.UnionType, re.Pattern, re.Match, decimal.Decimal, decimal.Context, fractions.Fraction, dt.date, dt.time,
    dt.timedelta, dt.tzinfo, uuid.UUID, pathlib.PurePath, enum.Enum, operator.attrgetter, operator.itemgetter, operator.methodcaller,
    typing.TypeVar, np.random.SeedSequence, BaseException, type(np.sum),
)  # fmt: skip
#: Modules whose objects carry no numbers into a program: what they do besides is done once, when the function is traced.
OPAQUE = frozenset(
    [
        "_asyncio",
        "_io",
        "_queue",
        "_socket",
        "_sqlite3",
        "_ssl",
        "_thread",
        "_weakref",
        "_weakrefset",
        "asyncio",
        "concurrent",
        "io",
        "logging",
        "multiprocessing",
        "queue",
        "selectors",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "tempfile",
        "threading",
        "tqdm",
        "warnings",
        "weakref",
    ]
)
# Who uses these may read any attribute.
BY_ANY_NAME = {
    "__dict__",
    "asdict",
    "astuple",
    "attrgetter",
    "copy",
    "deepcopy",
    "evolve",
    "fields",
    "getattr",
    "replace",
    "vars",
}


def is_library(thing: Any) -> bool:
    """Whether a thing is this library's, NumPy's, SciPy's or a builtin."""
    return package_of(str(getattr(thing, "__module__", "") or "")) in LIBRARY


def root_of(thing: Any) -> str:
    """The package that a function, a class, an object or a module is of."""
    name = thing.__name__ if isinstance(thing, types.ModuleType) else getattr(thing, "__module__", None)
    return package_of(str(name or ""))


@functools.cache
def is_installed(root: str) -> bool:
    """Whether a package lies where installed ones lie, and is not being worked on."""
    module = sys.modules.get(root)
    where = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")
    return bool({"site-packages", "dist-packages"} & {*pathlib.Path(where).parts})


def is_walkable(thing: Any) -> bool:
    """Whether a foreign object holds something that can be walked."""
    root = package_of(str(type(thing).__module__))
    return root not in OPAQUE and isinstance(getattr(thing, "__dict__", None), dict)


@functools.lru_cache(maxsize=1024)
def names_in(code: types.CodeType) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The globals that a function uses (also by a text that is the name of one), and all names in it (attributes too)."""
    used = [i.argval for i in dis.get_instructions(code) if "GLOBAL" in i.opname or i.opname == "LOAD_NAME"]
    every = [*code.co_names]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner = names_in(constant)
            used += inner[0]
            every += inner[1]
        elif isinstance(constant, str) and constant.isidentifier():
            used.append(constant)
            every.append(constant)
    return tuple(dict.fromkeys(used)), tuple(dict.fromkeys(every))


def slots_of(klass: type) -> tuple[str, ...]:
    """The attributes for which a class has slots."""
    names = klass.__dict__.get("__slots__", ())
    if isinstance(names, str):
        return (names,)
    return tuple([word for word in names if word not in ("__dict__", "__weakref__")])
