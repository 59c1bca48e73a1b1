"""Modules that hold others: one after the other, in a list, by name."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, overload

from autograd_np import begin_scope

from .module import Module, not_a_module

if TYPE_CHECKING:
    from autograd_np.typing import ArrayLike

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class ModuleList(Module):
    """A list whose modules are registered.

    >>> import nn
    >>> layers = ModuleList([nn.Linear(2, 3), nn.Linear(3, 4)])
    >>> len(layers), layers[-1].out_features
    (2, 4)
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def _items(self) -> list[Module]:
        return [self.__dict__[name] for name in self._modules]

    def _pairs(self) -> list[tuple[str, Module]]:
        """Names and modules; the names are empty where they are the positions."""
        numbered = [*self._modules] == [str(position) for position in range(len(self._modules))]
        return [("" if numbered else name, self.__dict__[name]) for name in self._modules]

    def _replace(self, pairs: list[tuple[str, Module]]) -> None:
        """Hold these; what has no name gets its position for one, or the next number that is free."""
        for _, item in pairs:
            if not isinstance(item, Module):
                raise not_a_module(type(self).__name__, item)
            if self._is_inside(item):
                raise ValueError(f"{type(self).__name__}: a module cannot contain itself")
        for name in [*self._modules]:
            delattr(self, name)
        taken = {name for name, _ in pairs}
        for position, (name, item) in enumerate(pairs):
            while not name:
                name = str(position) if str(position) not in taken else ""
                position += 1
            taken.add(name)
            self.register_module(name, item)

    def _position(self, index: Any) -> int:
        position = operator.index(index)
        if not -len(self) <= position < len(self):
            raise IndexError(f"{type(self).__name__}: index {position} is out of range for {len(self)} modules")
        return position % len(self)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Module | Self:
        if isinstance(index, slice):
            made = type(self).__new__(type(self))
            Module.__init__(made)
            made._replace(self._pairs()[index])
            return made
        return self._items()[self._position(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        name = [*self._modules][self._position(index)]
        self.register_module(name, module)

    def __delitem__(self, index: int | slice) -> None:
        pairs = self._pairs()
        del pairs[index if isinstance(index, slice) else self._position(index)]
        self._replace(pairs)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._items())

    def __contains__(self, module: object) -> bool:
        return any(item is module for item in self._items())

    def append(self, module: Module) -> Self:
        """Add a module at the end. Returns the list itself."""
        return self.insert(len(self), module)

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end. Returns the list itself."""
        self._replace([*self._pairs(), *(("", module) for module in modules)])
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Add a module before the one at ``index``. Returns the list itself."""
        pairs = self._pairs()
        pairs.insert(index, ("", module))
        self._replace(pairs)
        return self


class Sequential(ModuleList):
    """Modules applied one after the other: ``Sequential(f, g)(x) = g(f(x))``.

    Args:
        modules: the modules in order, or one mapping of names to modules.

    >>> import nn
    >>> import numpy as np
    >>> model = Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> model(np.zeros((5, 2), np.float32)).shape
    (5, 3)
    >>> model
    Sequential(
      (0): Linear(in_features=2, out_features=8, bias=True)
      (1): ReLU()
      (2): Linear(in_features=8, out_features=3, bias=True)
    )
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        Module.__init__(self)
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self.register_module(name, module)
        else:
            for given in modules:
                if isinstance(given, (list, tuple)):
                    raise TypeError("Sequential: takes modules as arguments; unpack the list: nn.Sequential(*modules)")
            self._replace([("", module) for module in modules])  # type: ignore[misc]  # checked there

    def forward(self, x: ArrayLike) -> Any:
        """Apply the modules in order."""
        values = self.__dict__
        for name in self._modules:
            module = values[name]
            x = module._nested(x) if module.__class__ is Sequential else module(x)
        return x

    def _nested(self, x: ArrayLike) -> Any:
        """As a call; but a Sequential in a Sequential takes no call of Python's, so that they may be nested as deep as one likes."""
        calls: list[tuple[Sequential, tuple[Any, ...], Any, Iterator[Module]]] = []  # those that are not over
        module: Module = self
        while True:
            if module.__class__ is Sequential and "forward" not in module.__dict__:
                start = begin_scope()
                args = module._before((x,))
                if len(args) != 1:
                    raise TypeError(f"Sequential: takes one argument, and a hook made {len(args)} of it")
                (x,) = args
                calls.append((module, args, start, iter(module)))
            else:
                x = module(x)
            while calls:
                holder, args, start, rest = calls[-1]
                following = next(rest, None)
                if following is not None:
                    module = following
                    break
                calls.pop()
                x = holder._after(args, x, start)
            else:
                return x


class ModuleDict(Module):
    """A dict whose modules are registered.

    >>> import nn
    >>> heads = ModuleDict({"age": nn.Linear(8, 1), "name": nn.Linear(8, 26)})
    >>> list(heads), heads["age"].out_features
    (['age', 'name'], 1)
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        super().__init__()
        self.update(modules)

    def __getitem__(self, name: str) -> Module:
        if name not in self._modules:
            raise KeyError(f"ModuleDict: no module {name!r}; there are {', '.join(self._modules) or 'none'}")
        return self.__dict__[name]  # type: ignore[no-any-return]

    def __setitem__(self, name: str, module: Module) -> None:
        self.register_module(name, module)

    def __delitem__(self, name: str) -> None:
        self[name]
        delattr(self, name)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, name: object) -> bool:
        return name in self._modules

    def keys(self) -> Iterable[str]:
        """The names."""
        return [*self._modules]

    def values(self) -> Iterable[Module]:
        """The modules."""
        return [self.__dict__[name] for name in self._modules]

    def items(self) -> Iterable[tuple[str, Module]]:
        """Names and modules."""
        return [(name, self.__dict__[name]) for name in self._modules]

    def pop(self, name: str) -> Module:
        """Take a module out."""
        module = self[name]
        delattr(self, name)
        return module

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add or replace modules."""
        for name, module in modules.items() if isinstance(modules, Mapping) else modules:
            self.register_module(name, module)
