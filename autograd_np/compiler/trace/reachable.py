"""What a function can reach: its closure, its globals, its objects, all that these refer to. Default-deny.

Everything that is reached gets a guard: its identity, or its value where it is a number or a text. What holds other things is walked: functions
(closure, globals, defaults, attributes), classes, containers, objects with a ``__dict__`` or slots, and of everything else what Python's
garbage collector says that it refers to. What cannot be walked is known never to change, or known to compute nothing
(:data:`OPAQUE`), or refused by name.
"""

from __future__ import annotations

import array
import collections
import contextvars
import datetime as dt
import decimal
import dis
import enum
import fractions
import functools
import gc
import operator
import pathlib
import random
import re
import sys
import types
import typing
import uuid
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...engine.errors import CompileError
from ...engine.tensor import Tensor
from ...transforms.wrapper import Wrapper
from .captures import PLAIN, Ids, Reached
from .record import fingerprint

__all__ = ["reach"]

_LIBRARY = ("autograd_np", "nn", "numpy", "builtins", "scipy")
_FOREIGN = {*_LIBRARY, *sys.stdlib_module_names} - {"__main__"}  # modules whose insides do not count as the user's
# What a module of a network keeps of its own; it counts when it changes them.
_REGISTRIES = ("_parameters", "_buffers", "_modules", "_forward_hooks", "_forward_pre_hooks", "_penalties")
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
_IMMUTABLE = (
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
_BYTES = (bytearray, array.array, memoryview)

Get = Callable[[], Any]
Put = Callable[[Any], None]


def reach(function: Any, arguments: Any = ()) -> Reached:
    """Look at a function, and at the objects among its arguments.

    Raises:
        CompileError: something is used whose changes cannot be seen.
    """
    walk = _Walk()
    walk.start(function, "f")
    for item in arguments:
        if not isinstance(item, np.random.Generator):
            walk.start(item, "argument")
    walk.refuse_unknown()
    return walk.found


class _Walk:
    def __init__(self) -> None:
        self.found = Reached()
        self.stack: list[tuple[Any, str, Get | None, Put | None]] = []
        self.words: set[str] = set()  # every name that stands in a function which was walked
        self.unknown: list[tuple[str, type]] = []
        self.places: set[tuple[int, Any]] = set()  # where plain arrays are held

    def start(self, thing: Any, name: str) -> None:
        """Walk over what is reached from one thing."""
        self.stack.append((thing, name, None, None))
        while self.stack:
            self._visit(*self.stack.pop())

    def refuse_unknown(self) -> None:
        """Raise for what was neither walked nor known not to change, where a function names it."""
        for name, kind in self.unknown:
            if name in self.words or name in ("f", "argument"):
                raise CompileError(
                    f"compile: the function uses {name}, a {kind.__module__}.{kind.__qualname__}, whose changes cannot be seen; pass what it gives as an argument"
                )

    def _fix(self, get: Get | None, thing: Any) -> None:
        if get is not None:
            self.found.fixed.append((get, thing))

    def _visit(self, thing: Any, name: str, get: Get | None, put: Put | None) -> None:
        found = self.found
        if isinstance(thing, (*PLAIN, np.dtype)):
            self._fix(get, thing)
            return
        if thing.__class__ is np.ndarray and not thing.dtype.hasobject:
            self._array(thing, name, get, put)
            return
        if isinstance(thing, types.BuiltinFunctionType) and not isinstance(
            thing.__self__, (types.ModuleType, type(None))
        ):
            self._method(thing, name, get, thing.__self__)
            return
        if isinstance(thing, types.MethodType):
            self._method(thing, name, get, thing.__self__)
            self.stack.append((thing.__func__, name, None, None))
            return
        self._fix(get, thing)
        if id(thing) in found.seen or isinstance(thing, (types.ModuleType, types.BuiltinFunctionType, np.ufunc)):
            return
        if isinstance(thing, np.random.Generator):
            if put is not None:
                found.generators.append((get, put, thing))
            else:
                found.loose.append((functools.partial(_generator_state, thing), _generator_state(thing)))
            return
        if isinstance(thing, collections.abc.Iterator) and type(thing).__module__ in ("builtins", "itertools"):
            raise CompileError(
                f"compile: the function uses {name}, which gives something else each time it is asked ({type(thing).__name__}); "
                "pass what it gives as an argument"
            )
        found.seen.add(id(thing))
        found.keep.append(thing)
        for kinds, walk in _WALKS:
            if isinstance(thing, kinds):
                walk(self, thing, name, put)
                return
        if hasattr(type(thing), "named_parameters") and hasattr(type(thing), "modules"):
            self._network(thing, name)
        elif isinstance(thing, types.SimpleNamespace) or not _foreign(type(thing)):
            self._object(thing, name)
        else:
            self._foreign_object(thing, name)

    # ---------------------------------------------------------------- arrays, methods, containers

    def _array(self, thing: Any, name: str, get: Get | None, put: Put | None) -> None:
        self._fix(get, thing)
        if get is None or put is None or thing.dtype.kind not in "fciub":
            return
        place = _place(get)
        if place is None or place not in self.places:
            if place is not None:
                self.places.add(place)
            self.found.arrays.append((get, put, thing, name, "captured"))

    def _method(self, thing: Any, name: str, get: Get | None, owner: Any) -> None:
        """A bound method, which is made anew each time that it is asked for: the function and the object are what counts."""
        if get is not None:
            look = functools.partial(_bound, get)
            self.found.fixed.append((look, look()))
        self.found.keep.append(thing)
        if isinstance(owner, np.ndarray):
            self.found.fixed.append((functools.partial(fingerprint, owner), fingerprint(owner)))
        elif isinstance(owner, (np.random.Generator, random.Random, np.random.RandomState)) or (
            not _foreign(type(owner))
            or isinstance(owner, (list, dict, set, collections.deque, Wrapper))
            or _walkable(owner)
        ):
            self.stack.append((owner, name, None, None))

    def _partial(self, thing: functools.partial[Any], name: str, _: Put | None) -> None:
        self.stack += [
            (thing.func, name, functools.partial(getattr, thing, "func"), None),
            (thing.keywords, name, None, None),
            (thing.args, name, functools.partial(getattr, thing, "args"), functools.partial(_partial_put, thing)),
        ]

    def _sequence(self, thing: Any, name: str, put: Put | None) -> None:
        into: Any = None
        get: Any = functools.partial(_item, thing)
        if isinstance(thing, list):
            into = functools.partial(_put, thing)
            self.found.fixed.append((functools.partial(len, thing), len(thing)))
            self.found.holders.append((thing, [], name))
        elif put is not None:
            into = _InTuple(thing, put)
            get = into.get
        self.stack += [
            (item, f"{name}{i}", functools.partial(get, i), into and functools.partial(into, i))
            for i, item in enumerate(thing)
        ]

    def _mapping(self, thing: Any, name: str, _: Put | None) -> None:
        pairs = [*(thing.items() if isinstance(thing, dict) else enumerate(thing))]
        self.stack += [
            (item, str(key), functools.partial(_item, thing, key), functools.partial(_put, thing, key))
            for key, item in pairs
        ]
        if isinstance(thing, dict):
            self.found.holders.append((thing, {}, name))
            self.found.fixed.append((functools.partial(Ids, thing), Ids(thing)))  # the keys, in their order
            self.found.keep.extend(thing)
        else:
            self.found.fixed.append((functools.partial(len, thing), len(thing)))

    def _set(self, thing: Any, name: str, _: Put | None) -> None:
        self.found.fixed.append((functools.partial(frozenset, thing), frozenset(thing)))

    def _variable(self, thing: contextvars.ContextVar[Any], name: str, _: Put | None) -> None:
        self.stack.append((thing.get(None), name, functools.partial(thing.get, None), None))

    def _wrapped(self, thing: Any, name: str, _: Put | None) -> None:
        self.stack.append((thing.__func__, name, None, None))

    def _property(self, thing: property, name: str, _: Put | None) -> None:
        self.stack += [(part, name, None, None) for part in (thing.fget, thing.fset) if part is not None]

    def _tensor(self, thing: Tensor, name: str, _: Put | None) -> None:
        self.found.tensors.setdefault(id(thing), (thing.name or name, thing))

    def _nothing(self, thing: Any, name: str, _: Put | None) -> None:
        """What never changes."""

    def _bytes(self, thing: Any, name: str, _: Put | None) -> None:
        look = functools.partial(_checksum, thing)
        self.found.fixed.append((look, look()))

    def _legacy_generator(self, thing: Any, name: str, _: Put | None) -> None:
        look = functools.partial(_legacy_state, thing)
        self.found.loose.append((look, look()))

    def _bit_generator(self, thing: Any, name: str, _: Put | None) -> None:
        look = functools.partial(_bit_state, thing)
        self.found.loose.append((look, look()))

    def _other_array(self, thing: np.ndarray, name: str, _: Put | None) -> None:
        """An array of objects, or of a subclass: its content is guarded."""
        if thing.dtype.hasobject:
            look: Get = functools.partial(Ids, thing)
            self.stack += [(item, name, None, None) for item in thing.ravel().tolist()]
        else:
            look = functools.partial(fingerprint, thing)
        self.found.fixed.append((look, look()))
        if type(thing) is not np.ndarray and hasattr(thing, "__dict__"):
            self._inside(vars(thing), name, foreign=True)

    # ---------------------------------------------------------------- functions and classes

    def _function(self, thing: types.FunctionType, name: str, _: Put | None) -> None:
        made = getattr(thing, "__primitive__", None)
        if made is not None:  # a user's operation: what its body and its rules read
            if not _library(made.declared):
                inside = vars(made)
                self.stack += [
                    (inside.get(key), key, functools.partial(_item, inside, key), None)
                    for key in ("declared", "rules", "joint")
                    if key in inside
                ]
            return
        every = _names(thing.__code__)[1]
        if not _library(thing):
            self.words.update(every)
            self.found.handles = self.found.handles or bool(thing.__code__.co_exceptiontable)
            self.words.update(thing.__code__.co_freevars)
            space = thing.__globals__
            missing = tuple([word for word in _names(thing.__code__)[0] if word not in space])
            if missing:  # (builtins, which a global of that name would hide)
                self.found.fixed.append((functools.partial(_present, space, missing), False))
        self.stack += list(_of_function(thing))
        if vars(thing) and not _library(thing):
            self._inside(vars(thing), name)

    def _class(self, thing: type, name: str, _: Put | None) -> None:
        self.stack += list(_of_class(thing))
        for each in thing.__mro__:
            if not _foreign(each):
                self.found.fixed.append((functools.partial(_size_of_class, each), len(vars(each))))

    # ---------------------------------------------------------------- objects

    def _inside(self, held: dict[str, Any], name: str, *, foreign: bool = False) -> None:
        """What stands in the ``__dict__`` of an object. Into a foreign one nothing is put: the content of its arrays is guarded."""
        self.found.holders.append((held, {}, name))
        self.found.fixed.append((functools.partial(len, held), len(held)))
        for key, item in held.items():
            get = functools.partial(_item, held, key)
            if foreign and isinstance(item, np.ndarray) and not item.dtype.hasobject:
                self.found.fixed.append((functools.partial(fingerprint, item), fingerprint(item)))
            self.stack.append((item, str(key), get, None if foreign else functools.partial(_put, held, key)))

    def _object(self, thing: Any, name: str) -> None:
        self.stack.append((type(thing), name, None, None))
        if hasattr(thing, "__dict__"):
            self._inside(vars(thing), name)
        for klass in type(thing).__mro__:
            for key in _slots(klass):
                if hasattr(thing, key):
                    self.stack.append(
                        (
                            getattr(thing, key),
                            key,
                            functools.partial(getattr, thing, key),
                            functools.partial(setattr, thing, key),
                        )
                    )

    def _wrapper(self, thing: Wrapper, name: str, _: Put | None) -> None:
        self.stack += [(thing._function, name, None, None), (type(thing), name, None, None)]

    def _foreign_object(self, thing: Any, name: str) -> None:
        """An object whose class is not the user's: of Python's library, of NumPy, of SciPy."""
        kind = type(thing)
        root = str(kind.__module__).partition(".")[0]
        if root in OPAQUE or root in ("nn", "autograd_np"):
            return
        if isinstance(getattr(thing, "__dict__", None), dict):
            self._inside(vars(thing), name, foreign=True)
        inside = [
            item for item in gc.get_referents(thing) if item is not kind and not isinstance(item, types.ModuleType)
        ]
        known = vars(thing) if hasattr(thing, "__dict__") else {}
        here = {id(item) for item in known.values()} | {id(known)}
        inside = [item for item in inside if id(item) not in here]
        if inside:
            look = functools.partial(_refers, thing)
            self.found.fixed.append((look, look()))
            for item in inside:
                if isinstance(item, np.ndarray) and not item.dtype.hasobject:
                    self.found.fixed.append((functools.partial(fingerprint, item), fingerprint(item)))
                self.stack.append((item, name, None, None))
        elif not known and not gc.is_tracked(thing) and kind is not object:
            self.unknown.append((name, kind))

    def _network(self, thing: Any, name: str) -> None:
        found = self.found
        found.modules.append(thing)
        for path, p in thing.named_parameters():
            found.tensors[id(p)] = (path, p)
        named = thing.named_modules() if hasattr(thing, "named_modules") else [("", each) for each in thing.modules()]
        for path, module in named:
            if id(module) in found.seen and module is not thing:
                continue
            found.seen.add(id(module))
            held = vars(module)
            self.places.update((id(held), key) for key in held)
            found.arrays += list(_of_module(module, path))
            found.holders.append((held, {}, type(module).__name__))
            self.stack.append((type(module), name, None, None))
            for key, item in held.items():
                get = functools.partial(_item, held, key)
                if isinstance(item, PLAIN) or item.__class__ is np.ndarray or isinstance(item, Tensor):
                    found.watched.append((get, item))
                elif key in _REGISTRIES:
                    found.watched.append((functools.partial(_registered, item), _registered(item)))
                    if key in _HOOKS:
                        self.stack += [(hook, key, None, None) for hook in item.values()]
                elif not hasattr(type(item), "named_parameters"):
                    self.stack.append((item, key, get, functools.partial(_put, held, key)))
            found.watched.append((functools.partial(len, held), len(held)))
            for key in held.get("_modules", ()):
                found.watched.append((functools.partial(_item, held, key), held[key]))


# The first row whose kinds a thing is of says how it is walked.
_WALKS: list[tuple[Any, Callable[[_Walk, Any, str, Put | None], None]]] = [
    (Tensor, _Walk._tensor),
    (functools.partial, _Walk._partial),
    (types.FunctionType, _Walk._function),
    ((list, tuple), _Walk._sequence),
    ((dict, collections.deque), _Walk._mapping),
    ((set, frozenset), _Walk._set),
    (contextvars.ContextVar, _Walk._variable),
    ((staticmethod, classmethod), _Walk._wrapped),
    (property, _Walk._property),
    (type, _Walk._class),
    (Wrapper, _Walk._wrapper),
    (_IMMUTABLE, _Walk._nothing),
    (_BYTES, _Walk._bytes),
    ((random.Random, np.random.RandomState), _Walk._legacy_generator),
    (np.random.BitGenerator, _Walk._bit_generator),
    (np.ndarray, _Walk._other_array),
]


# ---------------------------------------------------------------- how things are looked at and put


def _place(get: Any) -> tuple[int, Any] | None:
    """The holder and the key that a getter looks at."""
    if isinstance(get, functools.partial) and len(get.args) == 2:
        return id(get.args[0]), get.args[1]
    return None


def _bound(get: Get) -> tuple[int, Any]:
    method = get()
    return id(method.__self__), id(method.__func__) if isinstance(method, types.MethodType) else method.__name__


def _refers(thing: Any) -> Ids:
    return Ids(gc.get_referents(thing))


def _checksum(thing: Any) -> int:
    return zlib.crc32(bytes(thing))


def _legacy_state(generator: Any) -> Any:
    state = generator.getstate() if isinstance(generator, random.Random) else generator.get_state()
    return tuple([item.tobytes() if isinstance(item, np.ndarray) else item for item in state])


def _generator_state(generator: np.random.Generator) -> str:
    return _bit_state(generator.bit_generator)


def _bit_state(generator: Any) -> str:
    return repr(generator.state)


def _item(held: Any, key: Any) -> Any:
    return held[key]


def _put(held: Any, key: Any, value: Any) -> None:
    held[key] = value


def _size_of_class(klass: type) -> int:
    return len(vars(klass))


def _present(space: dict[str, Any], words: tuple[str, ...]) -> bool:
    return any(word in space for word in words)


def _class_item(klass: type, key: str) -> Any:
    return vars(klass)[key]


def _defaults_put(function: Any, values: Any) -> None:
    function.__defaults__ = values


def _partial_put(held: Any, values: Any) -> None:
    held.__setstate__((held.func, values, held.keywords, held.__dict__ or None))


class _InTuple:
    """The places in a tuple: to put something there is to put another tuple in its place."""

    def __init__(self, whole: Any, put: Any) -> None:
        self.whole = whole
        self.put = put
        self.others: dict[int, Any] = {}

    def get(self, i: int) -> Any:
        """What was put there last."""
        return self.others.get(i, self.whole[i])

    def __call__(self, i: int, thing: Any) -> None:
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


def _registered(registry: dict[Any, Any]) -> tuple[Any, ...]:
    """What a registry of a module holds, by name and identity."""
    return tuple([(key, item if isinstance(item, (*PLAIN, tuple)) else id(item)) for key, item in registry.items()])


# ---------------------------------------------------------------- whose a thing is


def _library(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "") or "").partition(".")[0] in _LIBRARY


def _foreign(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "") or "").partition(".")[0] in _FOREIGN


def _walkable(thing: Any) -> bool:
    """Whether a foreign object holds something that can be walked."""
    root = str(type(thing).__module__).partition(".")[0]
    return root not in OPAQUE and isinstance(getattr(thing, "__dict__", None), dict)


# ---------------------------------------------------------------- what functions, classes and modules hold


@functools.lru_cache(maxsize=1024)
def _names(code: types.CodeType) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The globals that a function uses (also by a text that is the name of one), and all names in it (attributes too)."""
    used = [i.argval for i in dis.get_instructions(code) if "GLOBAL" in i.opname or i.opname == "LOAD_NAME"]
    every = [*code.co_names]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner = _names(constant)
            used += inner[0]
            every += inner[1]
        elif isinstance(constant, str) and constant.isidentifier():
            used.append(constant)
            every.append(constant)
    return tuple(dict.fromkeys(used)), tuple(dict.fromkeys(every))


def _slots(klass: type) -> tuple[str, ...]:
    names = klass.__dict__.get("__slots__", ())
    if _foreign(klass):
        return ()
    if isinstance(names, str):
        return (names,)
    return tuple([word for word in names if word not in ("__dict__", "__weakref__")])


def _of_class(klass: type) -> Iterator[tuple[Any, str, Any, Any]]:
    """What the user's classes hold: functions, numbers, arrays."""
    for each in klass.__mro__:
        if not _foreign(each):
            for key, item in vars(each).items():
                if not key.startswith("__") or isinstance(item, types.FunctionType):
                    yield item, key, functools.partial(_class_item, each, key), functools.partial(setattr, each, key)


def _of_module(module: Any, path: str) -> Iterator[tuple[Any, Any, Any, str, str]]:
    """The plain arrays that a module holds: its buffers, which a call may write, and others."""
    held = vars(module)
    buffers = held.get("_buffers", ())
    for key, item in held.items():
        if item.__class__ is np.ndarray and item.dtype.kind in "fciub":
            yield (
                functools.partial(_item, held, key),
                functools.partial(_put, held, key),
                item,
                f"{path}.{key}" if path else key,
                "state" if key in buffers else "captured",
            )


def _of_function(function: types.FunctionType) -> Iterator[tuple[Any, str, Any, Any]]:
    modules: list[types.ModuleType] = []
    for word, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            content = cell.cell_contents
        except ValueError:  # not yet set
            continue
        yield (
            content,
            word,
            functools.partial(getattr, cell, "cell_contents"),
            functools.partial(setattr, cell, "cell_contents"),
        )
        if isinstance(content, types.ModuleType):
            modules.append(content)
    if _library(function):
        return
    space = function.__globals__
    used, every = _names(function.__code__)
    for word in used:
        if word in space and not word.startswith("@"):  # (those are pytest's)
            yield space[word], word, functools.partial(_item, space, word), functools.partial(_put, space, word)
            if isinstance(space[word], types.ModuleType):
                modules.append(space[word])
    seen: set[int] = set()
    while modules:
        module = modules.pop()
        if id(module) in seen or module.__name__.partition(".")[0] in _FOREIGN:
            continue
        seen.add(id(module))
        inside = vars(module)
        for word in every:
            if word in inside:
                yield inside[word], word, functools.partial(_item, inside, word), functools.partial(_put, inside, word)
                if isinstance(inside[word], types.ModuleType):
                    modules.append(inside[word])
    if function.__defaults__:
        yield (
            function.__defaults__,
            "default",
            functools.partial(getattr, function, "__defaults__"),
            functools.partial(_defaults_put, function),
        )
    if function.__kwdefaults__:
        yield function.__kwdefaults__, "default", functools.partial(getattr, function, "__kwdefaults__"), None
