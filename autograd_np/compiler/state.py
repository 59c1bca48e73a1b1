"""What a function reaches besides its arguments: the Tensors, generators, numbers and modules in its closure, its globals and its object."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import CompileError
from ..recording import TENSOR

__all__ = ["Reached", "reach"]

_PLAIN = (int, float, complex, str, bytes, bool, type(None), np.generic)
_LIBRARY = ("autograd_np", "nn", "numpy", "builtins", "scipy")


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

    def enter(self, trace: Any) -> None:
        """Put traced arrays in the place of the plain ones, so that whatever is computed of them becomes part of the program."""
        for get, put, array, name, kind in self.arrays:
            traced = trace.external(array, "state") if kind == "state" else trace.lifted(array)
            traced.value.label = traced.value.label or name
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
        replaced = None
        for get, put, array, traced, name in self.put:
            try:
                if get() is not traced and not failed:
                    replaced = name
            except (KeyError, ValueError, AttributeError, IndexError):
                continue
            put(array)
        self.put.clear()
        if replaced is not None:
            raise CompileError(
                f"compile: the function puts another array in the place of {replaced}, which it does not take as an argument; write into the one that is there "
                f"({replaced}[...] = values), or return the new one"
            )

    def holds(self) -> bool:
        """Whether everything that was taken for constant is what it was."""
        try:
            return all(get() is value or _same(get(), value) for get, value in self.fixed)
        except (KeyError, ValueError, AttributeError, IndexError):
            return False


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and isinstance(a, (*_PLAIN, tuple)) and repr(a) == repr(b)


def reach(function: Any, arguments: Any = ()) -> Reached:
    """Look at a function, and at the objects among its arguments."""
    found = Reached()
    _visit(found, function, "f", None, None)
    for item in arguments:
        _visit(found, item, "argument", None, None)
    return found


def _library(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "") or "").partition(".")[0] in _LIBRARY


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


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
        if id(thing) in found.seen or isinstance(thing, (types.ModuleType, type, types.BuiltinFunctionType, np.ufunc)):
            continue
        if isinstance(thing, np.random.Generator):
            if put is not None:
                found.generators.append((get, put, thing))
            continue
        found.seen.add(id(thing))
        found.keep.append(thing)
        if isinstance(thing, TENSOR):
            found.tensors[id(thing)] = (thing.name or name, thing)
            if get is not None:
                found.fixed.append((get, thing))
        elif isinstance(thing, functools.partial):
            stack += [(item, "f", None, None) for item in (thing.func, thing.args, thing.keywords)]
        elif isinstance(thing, types.MethodType):
            stack += [(thing.__func__, name, None, None), (thing.__self__, name, None, None)]
        elif isinstance(thing, types.FunctionType):
            if get is not None:
                found.fixed.append((get, thing))
            if not _library(thing):
                stack += list(_of_function(thing))
        elif isinstance(thing, (list, tuple)):
            if get is not None:
                found.fixed.append((get, thing))
            put = None if isinstance(thing, tuple) else functools.partial(_put, thing)
            stack += [(item, f"{name}{i}", functools.partial(_item, thing, i), put and functools.partial(put, i)) for i, item in enumerate(thing)]
            if isinstance(thing, list):
                found.fixed.append((functools.partial(len, thing), len(thing)))
        elif isinstance(thing, dict):
            stack += [
                (item, str(key), functools.partial(_item, thing, key), functools.partial(_put, thing, key)) for key, item in thing.items() if isinstance(key, str)
            ]
        elif hasattr(thing, "named_parameters") and hasattr(thing, "modules"):
            if get is not None:
                found.fixed.append((get, thing))
            found.modules.append(thing)
            for path, p in thing.named_parameters():
                found.tensors[id(p)] = (path, p)
            for module in thing.modules():
                if id(module) not in found.seen or module is thing:
                    found.seen.add(id(module))
                    found.arrays += list(_of_module(module))
        elif hasattr(thing, "__dict__") and not _library(type(thing)):
            if get is not None:
                found.fixed.append((get, thing))
            call = getattr(type(thing), "__call__", None)
            if isinstance(call, types.FunctionType):
                stack.append((call, name, None, None))
            stack += [
                (item, key, functools.partial(getattr, thing, key), functools.partial(setattr, thing, key)) for key, item in vars(thing).items()
            ]


def _of_module(module: Any) -> Iterator[tuple[Any, Any, Any, str, str]]:
    """The plain arrays that a module holds: its buffers, which a call may write, and others."""
    held = vars(module)
    buffers = held.get("_buffers", ())
    for key, item in held.items():
        if item.__class__ is np.ndarray and item.dtype.kind in "fciub":
            yield functools.partial(_item, held, key), functools.partial(_put, held, key), item, key, "state" if key in buffers else "captured"


def _item(held: Any, key: Any) -> Any:
    return held[key]


def _put(held: Any, key: Any, value: Any) -> None:
    held[key] = value


def _of_function(function: types.FunctionType) -> Iterator[tuple[Any, str, Any, Any]]:
    for word, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            content = cell.cell_contents
        except ValueError:  # not yet set
            continue
        yield content, word, functools.partial(getattr, cell, "cell_contents"), functools.partial(setattr, cell, "cell_contents")
    space = function.__globals__
    for word in dict.fromkeys(_names(function.__code__)):
        if word in space:
            yield space[word], word, functools.partial(_item, space, word), functools.partial(_put, space, word)
    for item in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        yield item, "default", None, None
