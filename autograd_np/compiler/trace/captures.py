"""Tensors, generators, numbers and modules that a function captures: in its closure, its globals, its object."""

from __future__ import annotations

import collections
import contextvars
import dis
import functools
import random
import secrets
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...engine.errors import CompileError, location
from ...engine.hooks import current_trace
from ...engine.random import default_generator
from ...engine.tensor import Tensor
from ...transforms.wrapper import Wrapper
from .record import fingerprint

__all__ = ["Reached", "reach"]

_PLAIN = (int, float, complex, str, bytes, bool, type(None), np.generic)
_LIBRARY = ("autograd_np", "nn", "numpy", "builtins", "scipy")
_FOREIGN = {*_LIBRARY, *sys.stdlib_module_names} - {"__main__"}  # modules whose insides do not count as the user's


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
        self.loose: list[
            tuple[np.random.Generator, Any]
        ] = []  # generators that nothing can be put in the place of, with their state
        self.chance: Any = None
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
        for generator, before in self.loose:
            if generator.bit_generator.state != before:
                raise CompileError(
                    "compile: the function draws from a random generator that stands where the tracer cannot reach it; pass the generator as an argument, "
                    "or keep it in a variable or an attribute"
                )
        now = _chance()
        for word, before, after in zip(
            ("Python's random module", "the functions of np.random"), self.chance, now, strict=True
        ):
            if before != after:
                raise CompileError(
                    f"compile: the function draws random numbers with {word}, which would be the same in every call; "
                    "draw them with a np.random.Generator (rng = np.random.default_rng(seed), made outside the function)"
                )

    def touched(self) -> bool:
        """Whether the function has changed what it reaches other than by writing into arrays, so that a program would not do what it does.

        Raises:
            CompileError: it has put an array of its run there.
        """
        changed = False
        for held, before, name in self.holders:
            keys = range(len(held)) if isinstance(held, list) else [*held]
            old: dict[Any, Any] = dict(enumerate(before)) if isinstance(held, list) else before
            for key in keys:
                if key in old and held[key] is old[key]:
                    continue
                changed = True
                if _traced(held[key], self.trace):
                    word = key if isinstance(key, str) else f"{name}[{key!r}]"
                    if isinstance(held, list):
                        held[:] = before
                    else:
                        held.clear()
                        held.update(before)
                    raise CompileError(
                        f"compile: the function stores an array of its run outside of it ({word}), where the next run would not put a new one; "
                        f"return it, or write into an array that is there before ({word}[...] = values)"
                    )
            changed = changed or len(keys) != len(old)
        return changed or not self.holds() or not self.unchanged()

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
    if isinstance(a, frozenset):
        return bool(a == b)
    return isinstance(a, (*_PLAIN, tuple)) and repr(a) == repr(b)


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


def _defaults_put(function: Any, values: Any) -> None:
    function.__defaults__ = values


def _partial_put(held: Any, values: Any) -> None:
    held.__setstate__((held.func, values, held.keywords, held.__dict__ or None))


def reach(function: Any, arguments: Any = ()) -> Reached:
    """Look at a function, and at the objects among its arguments."""
    found = Reached()
    _visit(found, function, "f", None, None)
    for item in arguments:
        if not isinstance(item, np.random.Generator):
            _visit(found, item, "argument", None, None)
    return found


def _library(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "") or "").partition(".")[0] in _LIBRARY


@functools.lru_cache(maxsize=1024)
def _names(code: types.CodeType) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The globals that a function uses, and all names in it (attributes too)."""
    used = [i.argval for i in dis.get_instructions(code) if "GLOBAL" in i.opname or i.opname == "LOAD_NAME"]
    every = [*code.co_names]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner = _names(constant)
            used += inner[0]
            every += inner[1]
    return tuple(dict.fromkeys(used)), tuple(dict.fromkeys(every))


def _visit(found: Reached, thing: Any, name: str, get: Any, put: Any) -> None:
    stack = [(thing, name, get, put)]
    while stack:
        thing, name, get, put = stack.pop()
        if isinstance(thing, (*_PLAIN, np.dtype)) or thing.__class__ is np.ndarray:
            if get is not None:
                found.fixed.append((get, thing))
                if put is not None and thing.__class__ is np.ndarray and thing.dtype.kind in "fciub":
                    found.arrays.append((get, put, thing, name, "captured"))
            continue
        if isinstance(thing, types.BuiltinFunctionType) and isinstance(thing.__self__, np.ndarray):
            found.fixed.append((functools.partial(fingerprint, thing.__self__), fingerprint(thing.__self__)))
        if id(thing) in found.seen or isinstance(thing, (types.ModuleType, types.BuiltinFunctionType, np.ufunc)):
            if get is not None:
                found.fixed.append((get, thing))
            continue
        if isinstance(thing, np.random.Generator):
            if put is not None:
                found.generators.append((get, put, thing))
            else:
                found.loose.append((thing, thing.bit_generator.state))
            continue
        if isinstance(thing, collections.abc.Iterator) and type(thing).__module__ in ("builtins", "itertools"):
            raise CompileError(
                f"compile: the function uses {name}, which gives something else each time it is asked ({type(thing).__name__}); "
                "pass what it gives as an argument"
            )
        found.seen.add(id(thing))
        found.keep.append(thing)
        if isinstance(thing, Tensor):
            found.tensors.setdefault(id(thing), (thing.name or name, thing))
            if get is not None:
                found.fixed.append((get, thing))
        elif isinstance(thing, functools.partial):
            stack += [(thing.func, name, None, None), (thing.keywords, name, None, None)]
            stack.append(
                (thing.args, name, functools.partial(getattr, thing, "args"), functools.partial(_partial_put, thing))
            )
        elif isinstance(thing, types.MethodType):
            stack += [(thing.__func__, name, None, None), (thing.__self__, name, None, None)]
        elif isinstance(thing, types.FunctionType):
            if get is not None:
                found.fixed.append((get, thing))
            stack += list(_of_function(thing))
        elif isinstance(thing, (list, tuple)):
            if get is not None:
                found.fixed.append((get, thing))
            get = None
            if isinstance(thing, list):
                put = functools.partial(_put, thing)
            elif put is not None:
                put = _InTuple(thing, put)
                get = put.get
            get = get or functools.partial(_item, thing)
            stack += [
                (item, f"{name}{i}", functools.partial(get, i), put and functools.partial(put, i))
                for i, item in enumerate(thing)
            ]
            if isinstance(thing, list):
                found.fixed.append((functools.partial(len, thing), len(thing)))
                found.holders.append((thing, [], name))
        elif isinstance(thing, (dict, collections.deque)):
            if get is not None:
                found.fixed.append((get, thing))
            found.fixed.append((functools.partial(len, thing), len(thing)))
            pairs = thing.items() if isinstance(thing, dict) else enumerate(thing)
            stack += [
                (item, str(key), functools.partial(_item, thing, key), functools.partial(_put, thing, key))
                for key, item in pairs
            ]
            if isinstance(thing, dict):
                found.holders.append((thing, {}, name))
        elif isinstance(thing, (set, frozenset)):
            if get is not None:
                found.fixed.append((get, thing))
            found.fixed.append((functools.partial(frozenset, thing), frozenset(thing)))
        elif isinstance(thing, contextvars.ContextVar):
            found.fixed.append((functools.partial(thing.get, None), thing.get(None)))
        elif isinstance(thing, (staticmethod, classmethod)):
            stack.append((thing.__func__, name, None, None))
        elif isinstance(thing, property):
            stack += [(part, name, None, None) for part in (thing.fget, thing.fset) if part is not None]
        elif isinstance(thing, type):
            if get is not None:
                found.fixed.append((get, thing))
            stack += list(_of_class(thing))
        elif hasattr(type(thing), "named_parameters") and hasattr(type(thing), "modules"):
            if get is not None:
                found.fixed.append((get, thing))
            found.modules.append(thing)
            for path, p in thing.named_parameters():
                found.tensors[id(p)] = (path, p)
            for path, module in (
                thing.named_modules() if hasattr(thing, "named_modules") else [("", each) for each in thing.modules()]
            ):
                if id(module) not in found.seen or module is thing:
                    found.seen.add(id(module))
                    found.arrays += list(_of_module(module, path))
                    found.holders.append((vars(module), {}, type(module).__name__))
                    stack.append((type(module), name, None, None))
                    for key, item in vars(module).items():
                        if isinstance(item, _PLAIN) or item.__class__ is np.ndarray or isinstance(item, Tensor):
                            found.watched.append((functools.partial(_item, vars(module), key), item))
                        elif key in _REGISTRIES:
                            found.watched.append((functools.partial(_registered, item), _registered(item)))
                        elif (
                            item.__class__ is not np.ndarray
                            and not isinstance(item, Tensor)
                            and not hasattr(type(item), "named_parameters")
                        ):
                            stack.append(
                                (
                                    item,
                                    key,
                                    functools.partial(_item, vars(module), key),
                                    functools.partial(_put, vars(module), key),
                                )
                            )
                    found.watched.append((functools.partial(len, vars(module)), len(vars(module))))
                    for key in vars(module).get("_modules", ()):
                        found.watched.append((functools.partial(_item, vars(module), key), vars(module)[key]))
        elif isinstance(thing, types.SimpleNamespace) or not _foreign(type(thing)) or isinstance(thing, Wrapper):
            if get is not None:
                found.fixed.append((get, thing))
            stack.append((type(thing), name, None, None))
            if isinstance(thing, Wrapper):
                stack.append((thing._function, name, None, None))
            elif hasattr(thing, "__dict__"):
                found.holders.append((vars(thing), {}, name))
                found.fixed.append((functools.partial(len, vars(thing)), len(vars(thing))))
                stack += [
                    (item, key, functools.partial(_item, vars(thing), key), functools.partial(_put, vars(thing), key))
                    for key, item in vars(thing).items()
                ]
            for klass in type(thing).__mro__:
                for key in _slots(klass):
                    if hasattr(thing, key):
                        stack.append(
                            (
                                getattr(thing, key),
                                key,
                                functools.partial(getattr, thing, key),
                                functools.partial(setattr, thing, key),
                            )
                        )


# What a module keeps of its own; it counts when it changes them.
_REGISTRIES = ("_parameters", "_buffers", "_modules", "_forward_hooks", "_forward_pre_hooks", "_penalties")


def _registered(registry: dict[Any, Any]) -> tuple[Any, ...]:
    """What a registry of a module holds, by name and identity."""
    return tuple([(key, item if isinstance(item, (*_PLAIN, tuple)) else id(item)) for key, item in registry.items()])


def _foreign(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "") or "").partition(".")[0] in _FOREIGN


def _slots(klass: type) -> tuple[str, ...]:
    names = klass.__dict__.get("__slots__", ())
    return (
        ()
        if _foreign(klass)
        else (names,)
        if isinstance(names, str)
        else tuple([word for word in names if word not in ("__dict__", "__weakref__")])
    )


def _of_class(klass: type) -> Iterator[tuple[Any, str, Any, Any]]:
    """What the user's classes hold: functions, numbers, arrays."""
    for each in klass.__mro__:
        if not _foreign(each):
            for key, item in vars(each).items():
                if not key.startswith("__") or isinstance(item, types.FunctionType):
                    yield item, key, functools.partial(_class_item, each, key), functools.partial(setattr, each, key)


def _class_item(klass: type, key: str) -> Any:
    return vars(klass)[key]


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


def _item(held: Any, key: Any) -> Any:
    return held[key]


def _put(held: Any, key: Any, value: Any) -> None:
    held[key] = value


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
