"""The state of modules: reading, loading, converting, copying and pickling it, and modules as trees of their parameters."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from autograd_np import Tensor

from .interrupts import writing
from .parameter import Parameter

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from .module import Module

__all__ = ["REGISTRIES", "IncompatibleKeys", "State", "flatten", "unflatten"]

# The dicts that every module has from the start.
REGISTRIES = frozenset({"_parameters", "_buffers", "_modules", "_penalties", "_forward_hooks", "_forward_pre_hooks"})


class IncompatibleKeys(NamedTuple):
    """What :meth:`Module.load_state_dict` found missing or superfluous with ``strict=False``."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def _array(path: str, value: Any, layout: str | None, axes: tuple[int, ...] | None) -> Any:
    """A value of a state as an array in our layout.

    Args:
        path: of the parameter or buffer.
        value: an array, a Tensor, or a tensor of PyTorch.
        layout: ``"torch"`` for one that comes from there.
        axes: the permutation from our axes to PyTorch's, None where they are the same.
    """
    if type(value).__module__.partition(".")[0] == "torch":
        layout = "torch"
        try:
            value = value.detach().cpu().numpy()
        except TypeError as error:  # bfloat16
            raise TypeError(f"load_state_dict: {path}: {error}; convert it with .float()") from None
    value = value.numpy() if isinstance(value, Tensor) else np.asarray(value)
    if layout == "torch" and axes is not None and value.ndim == len(axes):
        return value.transpose(np.argsort(axes))
    return value


class State:
    """The part of :class:`~nn.module.Module` that handles its parameters and buffers as a whole."""

    if TYPE_CHECKING:

        def modules(self) -> Iterator[Module]: ...  # noqa: D102
        def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]: ...  # noqa: D102

    def _named_state(self, prefix: str = "") -> Iterator[tuple[str, Module, str]]:
        """(path, owner, name) of everything that state_dict() holds; what is used twice comes under each of its paths."""
        for path, module in self.named_modules(prefix, remove_duplicate=False):
            names = [*module._parameters, *(name for name, persistent in module._buffers.items() if persistent)]
            for name in names:
                if module.__dict__[name] is not None:
                    yield (f"{path}.{name}" if path else name), module, name

    def state_dict(self, prefix: str = "") -> dict[str, np.ndarray]:
        """Copies of all parameters and persistent buffers, by their paths.

        (PyTorch's holds references, which training goes on changing; here it is a snapshot.)
        """
        state = {}
        for path, module, name in self._named_state(prefix):
            value = module.__dict__[name]
            state[path] = np.array(value.numpy() if isinstance(value, Tensor) else value)
        return state

    def torch_axes(self) -> dict[str, tuple[int, ...]]:
        """Path of a parameter → the permutation of axes from ours to PyTorch's, for those that differ: the matrices of linear layers."""
        found = {}
        for prefix, module in self.named_modules(remove_duplicate=False):
            for name, axes in module.torch_layout.items():
                found[f"{prefix}.{name}" if prefix else name] = tuple(axes)
        return found

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, *, layout: str | None = None
    ) -> IncompatibleKeys:
        """Write the values of a :meth:`state_dict` into the parameters and buffers.

        Everything is checked first: after an error the module is as it was.

        Args:
            state_dict: arrays (or Tensors) by path. Their values are copied, and converted to the dtypes of the module. Tensors of PyTorch are
                recognised, and their matrices turned, for its linear layers have (out, in) where ours have (in, out).
            strict: whether the paths must be exactly those of the module.
            layout: ``"torch"`` where plain arrays come from PyTorch. None takes arrays for ours.

        Returns:
            The paths that were missing and those that were not expected.

        Raises:
            ValueError: a shape differs or, with ``strict``, paths are missing or not expected; or another ``layout``.
            TypeError: a value is no array of numbers, or complex or floating numbers would be truncated.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"load_state_dict: takes a dict of arrays by path, not {type(state_dict).__name__}")
        if layout not in (None, "torch"):
            raise ValueError(f"load_state_dict: layout is 'torch', or None for ours, not {layout!r}")
        axes = self.torch_axes()
        places = {path: (module, name) for path, module, name in self._named_state()}
        missing = [path for path in places if path not in state_dict]
        unexpected = [path for path in state_dict if path not in places]
        if strict and (missing or unexpected):
            raise ValueError(
                f"load_state_dict: the state does not belong to this {type(self).__name__}"
                + (f"; missing: {_some(missing)}" if missing else "")
                + (f"; not expected: {_some(unexpected)}" if unexpected else "")
                + "; strict=False loads what both have"
            )
        writes: list[tuple[Any, Any]] = []
        for path, (module, name) in places.items():
            if path in state_dict:
                target, value = module.__dict__[name], state_dict[path]
                value = _array(path, value, layout, axes.get(path))
                if value.dtype.kind not in "fciub" or not np.can_cast(value.dtype, target.dtype, "same_kind"):
                    raise TypeError(f"load_state_dict: {path} is {target.dtype} here and {value.dtype} in the state")
                if value.shape != target.shape:
                    turned = (
                        path in axes
                        and value.ndim == len(axes[path])
                        and tuple([value.shape[i] for i in np.argsort(axes[path])]) == target.shape
                    )
                    remedy = "; it fits turned: if the state comes from PyTorch, give layout='torch'" if turned else ""
                    raise ValueError(
                        f"load_state_dict: {path} has shape {target.shape} here and {value.shape} in the state{remedy}"
                    )
                # A copy: the state may hold views of this module's own arrays.
                writes.append((target, np.array(value)))
        with writing(
            f"load_state_dict: some parameters of the {type(self).__name__} are those of the state and some as they were; load it again"
        ):
            for target, value in writes:
                (target.writable() if isinstance(target, Tensor) else target)[...] = value
        return IncompatibleKeys(missing, unexpected)

    def to(self, dtype: DTypeLike | None) -> Self:
        """Convert floating parameters and buffers to a dtype; make the optimizer afterwards, for the parameters are new ones.

        Raises:
            TypeError: ``dtype`` is not a floating or complex type.
        """
        if isinstance(dtype, str) and dtype.partition(":")[0] in ("cpu", "cuda", "mps"):
            raise TypeError(f"to: takes a dtype; arrays lie in the memory of the CPU, so leave .to({dtype!r}) out")
        wanted = np.dtype(dtype)
        if wanted.kind not in "fc":
            raise TypeError(f"parameters are floating-point numbers, not {wanted}")
        made: dict[int, Parameter] = {}
        for module in self.modules():
            for name in module._parameters:
                old = module.__dict__[name]
                if old is not None and old.dtype != wanted:
                    if id(old) not in made:
                        made[id(old)] = Parameter(old.numpy().astype(wanted), old.requires_grad, name=old.name)
                    module.__dict__[name] = made[id(old)]
            for name in module._buffers:
                array = module.__dict__[name]
                if array is not None and array.dtype.kind in "fc":
                    module.__dict__[name] = array.astype(wanted, copy=False)
        return self

    def float(self) -> Self:
        """Convert to float32."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Convert to float64."""
        return self.to(np.float64)

    def __copy__(self) -> Self:
        """A shallow copy: the same parameters and modules, under names of its own."""
        made = type(self).__new__(type(self))
        made.__dict__.update(
            {name: dict(value) if name in REGISTRIES else value for name, value in self.__dict__.items()}
        )
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        if max(path.count(".") for path, _ in self.named_modules()) < _DEEP:
            return super().__reduce_ex__(protocol)
        modules = [*self.modules()]
        places = {id(module): _Place(i) for i, module in enumerate(modules)}
        states = [_moved(dict(module.__dict__), lambda thing: places.get(id(thing), thing)) for module in modules]
        return _assembled, ([type(module) for module in modules], states)


# Modules in modules, from which on they are pickled and copied side by side: Python would call itself for each.
_DEEP = 100


class _Place(NamedTuple):
    """Stands for a module in the state of another one."""

    number: int


def _assembled(kinds: list[type[Module]], states: list[dict[str, Any]]) -> Module:
    """Modules of their classes and states, of which the first is returned."""
    modules = [object.__new__(kind) for kind in kinds]
    for module, state in zip(modules, states, strict=True):
        module.__dict__.update(
            _moved(state, lambda thing: modules[thing.number] if thing.__class__ is _Place else thing)
        )
    return modules[0]


def _places(model: Module) -> list[tuple[str, list[tuple[Module, str]]]]:
    """The path of each parameter, and where it stands; one that is used twice comes once."""
    found: list[tuple[str, list[tuple[Module, str]]]] = []
    known: dict[int, list[tuple[Module, str]]] = {}
    for path, module in model.named_modules():
        for name in module._parameters:
            value = module.__dict__[name]
            if value is None:
                continue
            if not isinstance(value, (Tensor, np.ndarray)) or id(value) not in known:
                places: list[tuple[Module, str]] = []
                known[id(value)] = places
                found.append((f"{path}.{name}" if path else name, places))
            known[id(value)].append((module, name))
    return found


def flatten(model: Module) -> tuple[dict[str, Any], Module]:
    """A module as a tree: its parameters by path."""
    return {path: places[0][0].__dict__[places[0][1]] for path, places in _places(model)}, model


def unflatten(model: Module, parts: list[Any]) -> Module:
    """A module like another one with these in the place of the parameters; buffers are copied, and the other one stays as it is."""
    modules = [*model.modules()]
    new: dict[int, Any] = {id(module): object.__new__(type(module)) for module in modules}
    places = [places for _, places in _places(model)]
    for ((module, name), *_), part in zip(places, parts, strict=True):
        if isinstance(module.__dict__[name], Tensor):
            new[id(module.__dict__[name])] = part
    for module in modules:
        made = new[id(module)].__dict__
        for name, value in module.__dict__.items():
            if name in REGISTRIES:
                made[name] = dict(value)
            elif name in module._buffers and value is not None:
                made[name] = np.copy(value)
            else:
                made[name] = _moved(value, lambda thing: new.get(id(thing), thing))
    for each, part in zip(places, parts, strict=True):
        for module, name in each:
            new[id(module)].__dict__[name] = part
    return new[id(model)]  # type: ignore[no-any-return]


def _moved(value: Any, find: Callable[[Any], Any]) -> Any:
    """An attribute with what ``find`` gives in the place of the modules and parameters that it refers to."""
    found = find(value)
    if found is not value:
        return found
    if isinstance(value, types.MethodType) and find(value.__self__) is not value.__self__:
        return types.MethodType(value.__func__, find(value.__self__))
    if isinstance(value, functools.partial):
        return functools.partial(_moved(value.func, find), *_moved(value.args, find), **_moved(value.keywords, find))
    if value.__class__ in (list, tuple, set):
        return type(value)([_moved(item, find) for item in value])
    if value.__class__ is dict:
        return {key: _moved(item, find) for key, item in value.items()}
    return value


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
