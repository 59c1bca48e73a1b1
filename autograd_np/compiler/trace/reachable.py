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
import functools
import gc
import inspect
import random
import types
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from ...engine.errors import CompileError
from ...engine.tensor import Tensor
from ...transforms.wrapper import Wrapper
from .captures import PLAIN, Ids, Reached
from .looks import (
    Get,
    InTuple,
    Put,
    bit_state,
    bound,
    checksum,
    class_item,
    generator_state,
    item_of,
    legacy_state,
    place_of,
    position_in,
    present,
    put_defaults,
    put_item,
    put_partial,
    refers,
    registered,
    size_of_class,
)
from .ownership import (
    BY_ANY_NAME,
    FOREIGN,
    IMMUTABLE,
    OPAQUE,
    is_installed,
    is_library,
    is_walkable,
    names_in,
    root_of,
    slots_of,
)
from .record import fingerprint

__all__ = ["reach"]

# What a module of a network keeps of its own; it counts when it changes them.
_REGISTRIES = ("_parameters", "_buffers", "_modules", "_forward_hooks", "_forward_pre_hooks", "_penalties")
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
_BYTES = (bytearray, array.array, memoryview)


def reach(function: Any, arguments: Any = ()) -> Reached:
    """Look at a function, and at the objects among its arguments.

    Raises:
        CompileError: something is used whose changes cannot be seen.
    """
    within = function
    while isinstance(within, functools.partial):
        within = within.func
    walk = _Walk(root_of(inspect.unwrap(within)))
    walk.start(function, "f")
    for item in arguments:
        if not isinstance(item, np.random.Generator):
            walk.start(item, "argument")
    walk.refuse_unknown()
    return walk.found


class _Name(str):
    """What a thing is called, and how it was come by.

    Attributes:
        word: of an attribute, or of something in it: what no function names is not used. None where the thing is used anyhow.
        inside: whether it stands inside an object that is not the user's, which may keep caches there.
    """

    __slots__ = ("inside", "word")
    inside: bool
    word: str | None

    def __new__(cls, name: object, word: str | None = None, inside: bool = False) -> Self:
        made = super().__new__(cls, name)
        made.word, made.inside = word, inside
        return made

    def element(self, key: object) -> _Name:
        """Of something in it."""
        return _Name(f"{self}{key}", self.word, self.inside)

    def called(self, name: object) -> _Name:
        """Of something that it holds under a name."""
        return _Name(name, self.word, self.inside)


class _Walk:
    """One walk.

    Args:
        own: the package of the function, which is the user's wherever it lies.
    """

    def __init__(self, own: str) -> None:
        self.own = own
        self.found = Reached()
        self.stack: list[tuple[Any, str, Get | None, Put | None]] = []
        self.words: set[str] = set()  # every name that stands in a function which was walked
        self.unknown: list[tuple[_Name, str]] = []  # (name, why it cannot be seen)
        self.later: list[tuple[Any, _Name]] = []  # foreign objects in attributes that no function has named so far
        self.places: set[tuple[int, Any]] = set()  # where plain arrays are held
        # Functions of installed packages that the user's functions name: they are walked, and no further.
        self.near: set[int] = set()

    def start(self, thing: Any, name: str) -> None:
        """Walk over what is reached from one thing."""
        self.stack.append((thing, _Name(name), None, None))
        while self.stack:
            thing, word, get, put = self.stack.pop()
            self._visit(thing, word if isinstance(word, _Name) else _Name(word), get, put)
            if not self.stack and self.later:
                named = bool(BY_ANY_NAME & self.words)
                self.stack = [(item, name, None, None) for item, name in self.later if named or name.word in self.words]
                self.later = [] if named else [pair for pair in self.later if pair[1].word not in self.words]

    def foreign(self, thing: Any) -> bool:
        """Whether a class, a function or a module is not the user's: of Python's library, or of a package that is installed."""
        root = root_of(thing)
        return root in FOREIGN or (root != self.own and is_installed(root))

    def refuse_unknown(self) -> None:
        """Raise for what was neither walked nor known not to change, where a function names it."""
        if "name" in self.words:
            for word, t in self.found.tensors.values():
                self._guard(_Name(word), functools.partial(getattr, t, "name"), t.name)
        for name, why in self.unknown:
            if name.word is None or name.word in self.words:
                raise CompileError(f"compile: the function uses {name}, {why}; pass what it gives as an argument")

    def _guard(self, name: _Name, get: Get, value: Any) -> None:
        (self.found.inside if name.inside else self.found.fixed).append((get, value))

    def _look(self, name: _Name, look: Get) -> None:
        """Guard what a look gives now."""
        self._guard(name, look, look())

    def _fix(self, get: Get | None, thing: Any, name: _Name) -> None:
        if get is not None:
            self._guard(name, get, thing)

    def _visit(self, thing: Any, name: _Name, get: Get | None, put: Put | None) -> None:
        found = self.found
        if name.inside:
            put = None
        if isinstance(thing, (*PLAIN, np.dtype)):
            self._fix(get, thing, name)
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
        self._fix(get, thing, name)
        if id(thing) in found.seen or isinstance(thing, (types.ModuleType, types.BuiltinFunctionType, np.ufunc)):
            return
        if isinstance(thing, np.random.Generator):
            if put is not None:
                found.generators.append((get, put, thing))
            else:
                found.loose.append((functools.partial(generator_state, thing), generator_state(thing)))
            return
        if isinstance(thing, collections.abc.Iterator) and type(thing).__module__ in ("builtins", "itertools"):
            self.unknown.append((name, f"which gives something else each time it is asked ({type(thing).__name__})"))
            return
        found.seen.add(id(thing))
        found.keep.append(thing)
        for kinds, walk in _WALKS:
            if isinstance(thing, kinds):
                walk(self, thing, name, put)
                return
        if hasattr(type(thing), "named_parameters") and hasattr(type(thing), "modules"):
            self._network(thing, name)
        elif hasattr(type(thing), "zero_grad") and hasattr(thing, "param_groups"):
            self._optimizer(thing, name)
        elif isinstance(thing, types.SimpleNamespace) or not self.foreign(type(thing)):
            self._object(thing, name)
        else:
            self._foreign_object(thing, name)

    # ---------------------------------------------------------------- arrays, methods, containers

    def _array(self, thing: Any, name: _Name, get: Get | None, put: Put | None) -> None:
        self._fix(get, thing, name)
        if name.inside:
            self._look(name, functools.partial(fingerprint, thing))
        if get is None or put is None or thing.dtype.kind not in "fciub":
            return
        place = place_of(get)
        if place is None or place not in self.places:
            if place is not None:
                self.places.add(place)
            self.found.arrays.append((get, put, thing, name, "captured"))

    def _method(self, thing: Any, name: _Name, get: Get | None, owner: Any) -> None:
        """A bound method, which is made anew each time that it is asked for: the function and the object are what counts."""
        if get is not None:
            self._look(name, functools.partial(bound, get))
        self.found.keep.append(thing)
        if isinstance(owner, np.ndarray):
            self._look(name, functools.partial(fingerprint, owner))
        elif isinstance(owner, (np.random.Generator, random.Random, np.random.RandomState)) or (
            not self.foreign(type(owner))
            or isinstance(owner, (list, dict, set, collections.deque, Wrapper))
            or is_walkable(owner)
        ):
            self.stack.append((owner, name, None, None))

    def _partial(self, thing: functools.partial[Any], name: _Name, _: Put | None) -> None:
        self.stack += [
            (thing.func, name, functools.partial(getattr, thing, "func"), None),
            (thing.keywords, name, None, None),
            (thing.args, name, functools.partial(getattr, thing, "args"), functools.partial(put_partial, thing)),
        ]

    def _sequence(self, thing: Any, name: _Name, put: Put | None) -> None:
        into: Any = None
        get: Any = functools.partial(item_of, thing)
        if isinstance(thing, list):
            into = functools.partial(put_item, thing)
            if name.inside:
                self._look(name, functools.partial(Ids, thing))
            else:
                self._look(name, functools.partial(len, thing))
                self.found.holders.append((thing, [], name))
        elif put is not None:
            into = InTuple(thing, put)
            get = into.get
        self.stack += [
            (item, name.element(i), functools.partial(get, i), into and functools.partial(into, i))
            for i, item in enumerate(thing)
        ]

    def _mapping(self, thing: Any, name: _Name, _: Put | None) -> None:
        pairs = [*(thing.items() if isinstance(thing, dict) else enumerate(thing))]
        self.stack += [
            (item, name.called(key), functools.partial(item_of, thing, key), functools.partial(put_item, thing, key))
            for key, item in pairs
        ]
        if isinstance(thing, dict):
            if not name.inside:
                self.found.holders.append((thing, {}, name))
            self._look(name, functools.partial(Ids, thing))  # the keys, in their order
        else:
            self._look(name, functools.partial(len, thing))

    def _set(self, thing: Any, name: _Name, _: Put | None) -> None:
        self._look(name, functools.partial(frozenset, thing))

    def _variable(self, thing: contextvars.ContextVar[Any], name: _Name, _: Put | None) -> None:
        self.stack.append((thing.get(None), name, functools.partial(thing.get, None), None))

    def _wrapped(self, thing: Any, name: _Name, _: Put | None) -> None:
        self.stack.append((thing.__func__, name, None, None))

    def _property(self, thing: property, name: _Name, _: Put | None) -> None:
        self.stack += [(part, name, None, None) for part in (thing.fget, thing.fset) if part is not None]

    def _tensor(self, thing: Tensor, name: _Name, _: Put | None) -> None:
        self.found.tensors.setdefault(id(thing), (thing.name or name, thing))

    def _nothing(self, thing: Any, name: _Name, _: Put | None) -> None:
        """What never changes."""

    def _bytes(self, thing: Any, name: _Name, _: Put | None) -> None:
        self._look(name, functools.partial(checksum, thing))

    def _legacy_generator(self, thing: Any, name: _Name, _: Put | None) -> None:
        look = functools.partial(legacy_state, thing)
        self.found.loose.append((look, look()))

    def _bit_generator(self, thing: Any, name: _Name, _: Put | None) -> None:
        look = functools.partial(bit_state, thing)
        self.found.loose.append((look, look()))

    def _other_array(self, thing: np.ndarray, name: _Name, _: Put | None) -> None:
        """An array of objects, or of a subclass: its content is guarded."""
        if thing.dtype.hasobject:
            look: Get = functools.partial(Ids, thing)
            self.stack += [(item, name, None, None) for item in thing.ravel().tolist()]
        else:
            look = functools.partial(fingerprint, thing)
        self._look(name, look)
        if type(thing) is not np.ndarray and hasattr(thing, "__dict__"):
            self._inside(vars(thing), _Name(name, name.word, inside=True))

    # ---------------------------------------------------------------- functions and classes

    def _function(self, thing: types.FunctionType, name: _Name, _: Put | None) -> None:
        made = getattr(thing, "__primitive__", None)
        if made is not None:  # a user's operation: what its body and its rules read
            if not is_library(made.declared):
                inside = vars(made)
                self.stack += [
                    (inside.get(key), key, functools.partial(item_of, inside, key), None)
                    for key in ("declared", "rules", "joint")
                    if key in inside
                ]
            return
        every = names_in(thing.__code__)[1]
        ours = not self.foreign(thing)
        if ours or self._is_near(thing):
            self.words.update(every)
            self.found.handles = self.found.handles or not ours or bool(thing.__code__.co_exceptiontable)
            self.words.update(thing.__code__.co_freevars)
            space = thing.__globals__
            missing = tuple([word for word in names_in(thing.__code__)[0] if word not in space])
            if missing:  # (builtins, which a global of that name would hide)
                self.found.fixed.append((functools.partial(present, space, missing), False))
        held = list(self._of_function(thing))
        self.stack += held
        if ours:
            self.near.update([id(item) for item, *_ in held if isinstance(item, types.FunctionType)])
            if vars(thing):
                self._inside(vars(thing), name)

    def _is_near(self, function: types.FunctionType) -> bool:
        return id(function) in self.near and root_of(function) not in FOREIGN

    def _of_function(self, function: types.FunctionType) -> Iterator[tuple[Any, str, Any, Any]]:
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
        near = self.foreign(function)
        if near and not self._is_near(function):
            return
        space = function.__globals__
        used, every = names_in(function.__code__)
        for word in used:
            if word in space and not word.startswith("@"):  # (those are pytest's)
                yield (
                    space[word],
                    word,
                    functools.partial(item_of, space, word),
                    functools.partial(put_item, space, word),
                )
                if isinstance(space[word], types.ModuleType):
                    modules.append(space[word])
        seen: set[int] = set()
        while modules:
            module = modules.pop()
            if id(module) in seen or root_of(module) in FOREIGN or (near and self.foreign(module)):
                continue
            seen.add(id(module))
            inside = vars(module)
            for word in every:
                if word in inside:
                    yield (
                        inside[word],
                        word,
                        functools.partial(item_of, inside, word),
                        functools.partial(put_item, inside, word),
                    )
                    if isinstance(inside[word], types.ModuleType):
                        modules.append(inside[word])
        if function.__defaults__:
            yield (
                function.__defaults__,
                "default",
                functools.partial(getattr, function, "__defaults__"),
                functools.partial(put_defaults, function),
            )
        if function.__kwdefaults__:
            yield function.__kwdefaults__, "default", functools.partial(getattr, function, "__kwdefaults__"), None

    def _class(self, thing: type, name: _Name, _: Put | None) -> None:
        for each in thing.__mro__:
            if not self.foreign(each):
                self.stack += [
                    (item, key, functools.partial(class_item, each, key), functools.partial(setattr, each, key))
                    for key, item in vars(each).items()
                    if not key.startswith("__") or isinstance(item, types.FunctionType)
                ]
                self.found.fixed.append((functools.partial(size_of_class, each), len(vars(each))))

    # ---------------------------------------------------------------- objects

    def _inside(self, held: dict[str, Any], name: _Name) -> None:
        """What stands in the ``__dict__`` of an object."""
        if name.inside:
            self._look(name, functools.partial(Ids, held))
            self.stack += [
                (item, name.called(key), functools.partial(item_of, held, key), None) for key, item in held.items()
            ]
            return
        self.found.holders.append((held, {}, name))
        self._look(name, functools.partial(len, held))
        for key, item in held.items():
            get = functools.partial(item_of, held, key)
            attribute = _Name(key, key)
            if self._is_foreign_object(item):
                self._guard(name, get, item)
                self.later.append((item, attribute))
            else:
                self.stack.append((item, attribute, get, functools.partial(put_item, held, key)))

    def _is_foreign_object(self, thing: Any) -> bool:
        kinds = (*PLAIN, np.ndarray, Tensor, types.FunctionType, types.MethodType, functools.partial, type, Wrapper)
        ours = (list, tuple, dict, set, frozenset, collections.deque, np.random.Generator, types.SimpleNamespace)
        return (
            not isinstance(thing, (*kinds, *ours))
            and self.foreign(type(thing))
            and not hasattr(type(thing), "named_parameters")
        )

    def _object(self, thing: Any, name: _Name) -> None:
        self.stack.append((type(thing), name, None, None))
        if hasattr(thing, "__dict__"):
            self._inside(vars(thing), name)
        for klass in type(thing).__mro__:
            for key in () if self.foreign(klass) else slots_of(klass):
                if hasattr(thing, key):
                    self.stack.append(
                        (
                            getattr(thing, key),
                            key,
                            functools.partial(getattr, thing, key),
                            functools.partial(setattr, thing, key),
                        )
                    )

    def _wrapper(self, thing: Wrapper, name: _Name, _: Put | None) -> None:
        self.stack += [(thing._function, name, None, None), (type(thing), name, None, None)]

    def _foreign_object(self, thing: Any, name: _Name) -> None:
        """An object whose class is not the user's: of Python's library, of NumPy, of SciPy."""
        kind = type(thing)
        root = str(kind.__module__).partition(".")[0]
        if root in ("io", "_io"):
            self.found.files.append((functools.partial(position_in, thing), position_in(thing)))
        if root in OPAQUE or root == self.own:  # (a function of the library's own says itself what it rests on)
            return
        within = _Name(name, name.word, inside=True)
        known = vars(thing) if isinstance(getattr(thing, "__dict__", None), dict) else {}
        if known:
            self._inside(known, within)
        here = {id(known), id(kind), *map(id, known.values())}
        inside = [x for x in gc.get_referents(thing) if id(x) not in here and not isinstance(x, types.ModuleType)]
        if inside:
            self._look(within, functools.partial(refers, thing))
            self.stack += [(item, within, None, None) for item in inside]
        elif not known and not gc.is_tracked(thing) and kind is not object and not name.inside:
            self.unknown.append((name, f"a {kind.__module__}.{kind.__qualname__}, whose changes cannot be seen"))

    def _optimizer(self, thing: Any, name: _Name) -> None:
        """The options are looked at where a function, or a schedule, reads them: a traced step looks at those that it rests on."""
        options = [(getattr(thing, word), _Name(word, word)) for word in ("param_groups", "defaults")]
        if name.inside:
            self.stack += [(item, word, None, None) for item, word in options]
        else:
            self.later += options

    def _network(self, thing: Any, name: _Name) -> None:
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
                get = functools.partial(item_of, held, key)
                if isinstance(item, PLAIN) or item.__class__ is np.ndarray or isinstance(item, Tensor):
                    found.watched.append((get, item))
                elif key in _REGISTRIES:
                    found.watched.append((functools.partial(registered, item), registered(item)))
                    if key in _HOOKS:
                        self.stack += [(hook, key, None, None) for hook in item.values()]
                elif not hasattr(type(item), "named_parameters"):
                    self.stack.append((item, key, get, functools.partial(put_item, held, key)))
            found.watched.append((functools.partial(len, held), len(held)))
            for key in held.get("_modules", ()):
                found.watched.append((functools.partial(item_of, held, key), held[key]))


# The first row whose kinds a thing is of says how it is walked.
_WALKS: list[tuple[Any, Callable[[_Walk, Any, _Name, Put | None], None]]] = [
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
    (IMMUTABLE, _Walk._nothing),
    (_BYTES, _Walk._bytes),
    ((random.Random, np.random.RandomState), _Walk._legacy_generator),
    (np.random.BitGenerator, _Walk._bit_generator),
    (np.ndarray, _Walk._other_array),
]


def _of_module(module: Any, path: str) -> Iterator[tuple[Any, Any, Any, str, str]]:
    """The plain arrays that a module holds: its buffers, which a call may write, and others."""
    held = vars(module)
    buffers = held.get("_buffers", ())
    for key, item in held.items():
        if item.__class__ is np.ndarray and item.dtype.kind in "fciub":
            yield (
                functools.partial(item_of, held, key),
                functools.partial(put_item, held, key),
                item,
                f"{path}.{key}" if path else key,
                "state" if key in buffers else "captured",
            )
