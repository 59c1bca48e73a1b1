"""``Module``: a function with parameters, built of others like it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

import autograd_np as ag
from autograd_np import Tensor, begin_scope, end_scope, hints, tracing

from .module_calls import HasForward, P, R_co, RemovableHandle
from .module_html import module_html
from .module_state import REGISTRIES, IncompatibleKeys, State, flatten, unflatten
from .parameter import Parameter

__all__ = ["IncompatibleKeys", "Module", "Parameter"]


class Module(State):
    """Base class of layers and networks.

    A subclass calls ``super().__init__()`` first, sets parameters, buffers and other modules as attributes, which
    registers them, and defines ``forward``:

    >>> import numpy as np
    >>> class Scale(Module):
    ...     def __init__(self, size):
    ...         super().__init__()
    ...         self.weight = Parameter(np.ones(size))
    ...     def forward(self, x):
    ...         return x * self.weight
    >>> layer = Scale(3)
    >>> [name for name, _ in layer.named_parameters()]
    ['weight']
    >>> layer(np.arange(3.0)).tolist()
    [0.0, 1.0, 2.0]

    Attributes:
        training: whether layers that behave differently in training (dropout, batch normalisation) shall do so.
        torch_layout: for each parameter whose axes stand in another order than PyTorch's, the permutation that leads there.
    """

    training: bool
    torch_layout: Mapping[str, tuple[int, ...]] = MappingProxyType({})

    # The values live in the instance's __dict__, where attribute access finds them at once; these say which of them are what.
    _parameters: dict[str, None]
    _buffers: dict[str, bool]  # name → whether state_dict() holds it
    _modules: dict[str, None]

    def __init__(self) -> None:
        put = super().__setattr__
        put("_parameters", {})
        put("_buffers", {})
        put("_modules", {})
        put("_forward_hooks", {})
        put("_forward_pre_hooks", {})
        put("_penalties", {})
        put("training", True)

    # ---------------------------------------------------------------- registration

    def __setattr__(self, name: str, value: Any) -> None:
        tracing.changed()
        if isinstance(value, Parameter):
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self.register_module(name, value)
        elif value is None and (name in self._registries()):
            self.__dict__[name] = None
        elif name in self.__dict__.get("_buffers", ()):
            self.__dict__[name] = self._array(name, value)
        elif name in self.__dict__.get("_parameters", ()):
            raise TypeError(
                f"{type(self).__name__}.{name} is a parameter and cannot become a {type(value).__name__}: "
                f"write its values with {name}.writable()[...] = values, or set nn.Parameter(values)"
            )
        else:
            self._refuse_unregistered(name, value)
            self._forget(name)
            super().__setattr__(name, value)

    def _registries(self) -> set[str]:
        return {
            *self.__dict__.get("_parameters", ()),
            *self.__dict__.get("_buffers", ()),
            *self.__dict__.get("_modules", ()),
        }

    def _refuse_unregistered(self, name: str, value: Any) -> None:
        """A plain list of modules would hide their parameters from the optimizer."""
        if isinstance(value, (list, tuple, dict)) and value:
            items = [*_held(value)]
            if items:
                known = (
                    {id(item) for item in [*self.modules(), *(p for _, p in self.named_parameters())]}
                    if "_modules" in self.__dict__
                    else set()
                )
                if not all(id(item) in known for item in items):
                    kind = "ModuleDict" if isinstance(value, dict) else "ModuleList"
                    what = (
                        f"nn.{kind}" if all(isinstance(item, Module) for item in items) else "attributes of their own"
                    )
                    raise TypeError(
                        f"{type(self).__name__}.{name}: a plain {type(value).__name__} does not register what it holds, so nothing would train it; use {what}"
                    )

    def _forget(self, name: str) -> None:
        for registry in ("_parameters", "_buffers", "_modules", "_penalties"):
            self.__dict__.get(registry, {}).pop(name, None)

    def _checked_name(self, name: str, kind: str) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__}: call super().__init__() before setting {name}")
        if not isinstance(name, str) or not name or "." in name:  # type: ignore[redundant-expr]
            raise ValueError(f"{type(self).__name__}: the name of a {kind} is a string without dots, not {name!r}")
        if not name.isprintable():
            raise ValueError(
                f"{type(self).__name__}: the name of a {kind} has no ends of lines, nor control characters: {name!r}"
            )
        declared = getattr(type(self), name, None)
        if name not in self._registries() and (callable(declared) or isinstance(declared, property)):
            raise ValueError(
                f"{type(self).__name__}: {name!r} is a method or property and cannot be the name of a {kind}"
            )

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._forget(name)
        tracing.changed()

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Add a parameter; None reserves the name (a layer without bias)."""
        self._checked_name(name, "parameter")
        if parameter is not None and not isinstance(parameter, Parameter):
            raise TypeError(
                f"{type(self).__name__}.{name}: a parameter is an nn.Parameter, not a {type(parameter).__name__}"
            )
        if name not in self._parameters:
            self._forget(name)
            self._parameters[name] = None
        self.__dict__[name] = parameter
        tracing.changed()

    def register_buffer(self, name: str, array: Any, persistent: bool = True) -> None:
        """Add an array that belongs to the state but is not learnt, such as a running mean.

        Args:
            name: of the attribute that holds it.
            array: the array, or None.
            persistent: whether ``state_dict()`` holds it.
        """
        self._checked_name(name, "buffer")
        value = None if array is None else self._array(name, array)
        if name not in self._buffers:
            self._forget(name)
        self._buffers[name] = persistent
        self.__dict__[name] = value
        tracing.changed()

    def _array(self, name: str, value: Any) -> Any:
        if isinstance(value, Tensor):
            raise TypeError(f"{type(self).__name__}.{name}: a buffer is a plain array; use t.numpy().copy()")
        return value if hasattr(type(value), "__array_function__") else np.asarray(value)

    def register_module(self, name: str, module: Module | None) -> None:
        """Add a module under a name; as an attribute it does that by itself."""
        self._checked_name(name, "module")
        if module is not None and not isinstance(module, Module):
            raise not_a_module(f"{type(self).__name__}.{name}", module)
        if module is not None:
            if self._is_inside(module):
                raise ValueError(f"{type(self).__name__}.{name}: a module cannot contain itself")
            module.__dict__["_is_part"] = True
        if name not in self._modules:
            self._forget(name)
            self._modules[name] = None
        self.__dict__[name] = module
        tracing.changed()

    add_module = register_module

    _is_part = (
        False  # whether it has been put into another module: what never was is in none, and need not be looked for
    )

    def _is_inside(self, module: Module) -> bool:
        return module is self or (self._is_part and any(inner is self for inner in module.modules()))

    # ---------------------------------------------------------------- calling

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The computation; every subclass defines its own."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward()")

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        """Run the hooks registered for before, :meth:`forward`, and the hooks for after it."""
        hooks = self.__dict__.get("_forward_hooks")
        if hooks is None:
            raise AttributeError(f"{type(self).__name__}: its __init__ does not call super().__init__()")
        start = begin_scope()
        if not (hooks or self._forward_pre_hooks):
            result = self.forward(*args, **kwargs)
            end_scope(result, self, start)
            return result
        args = self._before(args)
        return self._after(args, self.forward(*args, **kwargs), start)

    if TYPE_CHECKING:

        def __call__(self: HasForward[P, R_co], *args: P.args, **kwargs: P.kwargs) -> R_co: ...  # noqa: D102
    else:
        __call__ = _call

    def _before(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """What the hooks for before make of the arguments."""
        for hook in [*self._forward_pre_hooks.values()]:
            changed = hook(self, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        return args

    def _after(self, args: tuple[Any, ...], result: Any, start: Any) -> Any:
        """What the hooks for after make of the result; the call is over."""
        for hook in [*self._forward_hooks.values()]:
            changed = hook(self, args, result)
            if changed is not None:
                result = changed
        end_scope(result, self, start)
        return result

    _forward_hooks: dict[int, Callable[..., Any]]
    _forward_pre_hooks: dict[int, Callable[..., Any]]

    def register_forward_hook(self, hook: Callable[[Module, tuple[Any, ...], Any], Any]) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after each forward; what it returns, unless None, takes the output's place."""
        return self._hook(self._forward_hooks, hook)

    def register_forward_pre_hook(self, hook: Callable[[Module, tuple[Any, ...]], Any]) -> RemovableHandle:
        """Call ``hook(module, args)`` before each forward; what it returns, unless None, takes the arguments' place."""
        return self._hook(self._forward_pre_hooks, hook)

    @staticmethod
    def _hook(hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> RemovableHandle:
        key = max(hooks, default=-1) + 1
        hooks[key] = hook
        tracing.changed()
        return RemovableHandle(hooks, key)

    # ---------------------------------------------------------------- walking

    def children(self) -> Iterator[Module]:
        """The modules directly inside this one, each once."""
        for _, module in self.named_children():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the modules directly inside this one, each once."""
        seen: set[int] = set()
        for name in self._modules:
            module = self.__dict__[name]
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def modules(self) -> Iterator[Module]:
        """This module and all inside it, each once."""
        for _, module in self.named_modules():
            yield module

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """(path, module) of this module and all inside it; the paths are attribute names joined by dots."""
        seen: set[int] = set()
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if remove_duplicate:
                if id(module) in seen:
                    continue
                seen.add(id(module))
            yield path, module
            inner = [(f"{path}.{name}" if path else name, module.__dict__[name]) for name in module._modules]
            stack += [pair for pair in reversed(inner) if pair[1] is not None]

    def _named(self, registry: str, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for path, module in self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]:
            for name in getattr(module, registry):
                value = module.__dict__[name]
                if value is None or (remove_duplicate and id(value) in seen):
                    continue
                seen.add(id(value))
                yield (f"{path}.{name}" if path else name), value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(path, parameter) of the parameters; one that is used twice comes once."""
        yield from self._named("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once.

        Raises:
            TypeError: modules or parameters were put into a plain list or dict after it had become an attribute.
        """
        for module in self.modules() if recurse else (self,):
            for name, value in module.__dict__.items():
                if (
                    (value.__class__ is list or value.__class__ is dict)
                    and value
                    and name not in REGISTRIES
                    and _begins_with_module(value)
                ):
                    module._refuse_unregistered(name, value)
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """(path, array) of the buffers."""
        yield from self._named("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Any]:
        """The buffers: arrays that belong to the state but are not learnt."""
        for _, array in self.named_buffers(recurse=recurse):
            yield array

    def get_submodule(self, path: str) -> Module:
        """The module at a path such as ``"encoder.0"``; the empty path is this module."""
        module: Module = self
        for name in path.split(".") if path else ():
            found = module.__dict__.get(name) if name in module._modules else None
            if not isinstance(found, Module):
                raise AttributeError(
                    f"{type(self).__name__} has no module {path!r}; {name!r} is not in {type(module).__name__}"
                )
            module = found
        return module

    def get_parameter(self, path: str) -> Parameter:
        """The parameter at a path such as ``"encoder.0.weight"``."""
        owner, _, name = path.rpartition(".")
        module = self.get_submodule(owner)
        found = module.__dict__.get(name) if name in module._parameters else None
        if not isinstance(found, Parameter):
            raise AttributeError(f"{type(self).__name__} has no parameter {path!r}")
        return found

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call a function on every module inside, then on this one. Returns the module itself."""
        for module in reversed([*self.modules()]):
            function(module)
        return self

    # ---------------------------------------------------------------- modes and gradients

    def train(self, mode: bool = True) -> Self:
        """Set training mode on this module and all inside it."""
        if not isinstance(mode, bool):
            raise TypeError(f"train: mode is True or False, not {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set evaluation mode: dropout lets everything through, batch normalisation uses its running statistics."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze (False) or unfreeze all parameters."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradients of all parameters to None or, with ``set_to_none=False``, to zeros."""
        for parameter in self.parameters():
            if set_to_none or parameter.grad is None:
                parameter.zero_grad()
            else:
                parameter.grad = np.zeros_like(parameter.grad)

    # ---------------------------------------------------------------- regularisation

    _penalties: dict[str, tuple[float, float]]

    def regularize(self, l1: float = 0.0, l2: float = 0.0, *, bias_l1: float = 0.0, bias_l2: float = 0.0) -> Self:
        r"""Let :meth:`penalty` hold ``l1 · Σ|w| + l2 · Σw²`` of each parameter of this module and of those inside it.

        Args:
            l1: strength for the weights: parameters of two and more dimensions.
            l2: the same. ``SGD(weight_decay=λ)`` has the gradient of ``l2 = λ/2``.
            bias_l1: strength for parameters of one dimension: biases, scales and shifts.
            bias_l2: the same.

        Returns:
            The module itself. A later call takes the place of an earlier one, so a layer may differ from its network.

        Raises:
            ValueError: a strength is negative.
        """
        for word, strength in (("l1", l1), ("l2", l2), ("bias_l1", bias_l1), ("bias_l2", bias_l2)):
            if not strength >= 0:
                raise ValueError(f"regularize: {word} = {strength} must not be negative")
        for module in self.modules():
            module._penalties.clear()
            tracing.changed()
            for name in module._parameters:
                parameter = module.__dict__[name]
                if parameter is not None:
                    strengths = (float(l1), float(l2)) if parameter.ndim > 1 else (float(bias_l1), float(bias_l2))
                    if any(strengths):
                        module._penalties[name] = strengths
        return self

    def penalty(self) -> Tensor | float:
        """The sum of what :meth:`regularize` asked for, to be added to the loss; 0.0 where it asked for nothing.

        >>> import nn
        >>> layer = nn.Linear(2, 1, weight_init=3.0).regularize(l1=0.5, l2=0.1)
        >>> round(layer.penalty().item(), 6)
        4.8
        """
        total: Tensor | float = 0.0
        seen: set[int] = set()
        for module in self.modules():
            for name, (l1, l2) in module._penalties.items():
                parameter = module.__dict__[name]
                if parameter is None or id(parameter) in seen:
                    continue
                seen.add(id(parameter))
                if l1:
                    total = total + l1 * ag.sum(ag.abs(parameter))
                if l2:
                    total = total + l2 * ag.sum(ag.square(parameter))
        return total

    # ---------------------------------------------------------------- in print

    def extra_repr(self) -> str:
        """The options of the layer, as they stand in its ``repr``."""
        return ""

    def __repr__(self) -> str:
        lines: list[str] = []
        stack: list[Any] = [("", "", self)]  # indent, the name in front, the module; or a line
        while stack:
            entry = stack.pop()
            if isinstance(entry, str):
                lines.append(entry)
                continue
            indent, name, module = entry
            if isinstance(module, Module) and (module is self or type(module).__repr__ is Module.__repr__):
                inner = module._modules
                text = f"{type(module).__name__}({module.extra_repr()}" + ")" * (not inner)
                if inner:
                    stack += [
                        f"{indent})",
                        *reversed([(f"{indent}  ", f"({key}): ", module.__dict__[key]) for key in inner]),
                    ]
            else:
                text = repr(module)
            lines.append(indent + name + text.replace("\n", f"\n{indent}"))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return module_html(self)

    def __dir__(self) -> list[str]:
        return sorted({*hints.names(type(self), super().__dir__()), *self._registries()})


def not_a_module(who: str, value: Any) -> TypeError:
    """The error for what stands where a module should."""
    if isinstance(value, type) and issubclass(value, Module):
        return TypeError(
            f"{who}: holds modules, not the class {value.__name__}; write {value.__name__}() with its parentheses, which makes one"
        )
    remedy = ""
    if callable(value) and not isinstance(value, type):
        remedy = "; a function becomes a layer in a class derived from nn.Module, as its forward; activations are layers, nn.ReLU()"
    return TypeError(f"{who}: holds modules, and a {type(value).__name__} is no nn.Module{remedy}")


def _held(value: Any) -> Iterator[Module | Parameter]:
    """The modules and parameters in lists, tuples and dicts, one within the other."""
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, (Module, Parameter)):
            yield item
        elif isinstance(item, (list, tuple, dict)):
            yield from _held(item)


# Methods of modules elsewhere → what it is here.
hints.absent(
    Module,
    {
        "add": "use model.append(layer)",
        "build": "leave it out: a layer is made with the number of its inputs",
        "compile": "the loss and the optimizer are given to nn.fit; nn.compile_step makes a program of a step",
        "cpu": "leave it out: arrays lie in the memory of the CPU",
        "cuda": "leave it out: arrays lie in the memory of the CPU",
        "device": "leave it out: arrays lie in the memory of the CPU",
        "evaluate": "use nn.evaluate(model, loss, data)",
        "fit": "use nn.fit(model, loss, optimizer, data, epochs)",
        "get_weights": "use model.state_dict()",
        "half": "use model.to(np.float16)",
        "layers": "use model.children(), or model.modules()",
        "load_weights": "use model.load_state_dict(nn.load(path))",
        "predict": "use nn.predict(model, x)",
        "save": "use nn.save(model.state_dict(), path)",
        "save_weights": "use nn.save(model.state_dict(), path)",
        "set_weights": "use model.load_state_dict(state)",
        "summary": "use nn.summary(model, (1, features))",
        "trainable_variables": "use model.parameters()",
        "weights": "use model.parameters()",
    },
)
ag.register_pytree_node(Module, flatten, unflatten)


def _begins_with_module(value: list[Any] | dict[Any, Any]) -> bool:
    return isinstance(next(iter(value.values() if isinstance(value, dict) else value)), (Module, Parameter))
