"""One call of a function under a transform: fresh places on the tape for its arguments, gradients of its outputs, the form of the result."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import autograd_np.engine.tape as tape

from ..engine import write_guards
from ..engine.clock import next_position
from ..engine.errors import NonDifferentiableError, describe
from ..engine.glibc import keep_freed_memory
from ..engine.hooks import is_scalar
from ..engine.modes import enable_grad, is_grad_enabled
from ..engine.pytree import flatten, tree_map
from ..engine.record import same
from ..engine.registry import primitive, rule
from ..engine.tensor import Tensor, as_argument, seed
from .wrapper import Wrapper

__all__ = ["Call", "Derivative", "alias", "check_function", "output_of", "pull_back", "same_field", "scalar_of"]


@primitive(view=True)
def alias(x: Any, /) -> Tensor:
    """The same value at a new place on the tape. Gradient: 1."""
    return x  # type: ignore[no-any-return] # an array: the Tensor is made of it


rule(alias, same)


def pull_back(
    outputs: Sequence[Tensor], nodes: Sequence[Any], cotangents: Sequence[Any], *, retain: bool, create: bool
) -> list[Any]:
    """Gradients of outputs with respect to nodes: Tensors if ``create``, else owned arrays; None where unused."""
    seeds = []
    for y, g in zip(outputs, cotangents, strict=True):
        if y._node is None:
            continue
        if create and isinstance(g, Tensor) and g._node is not None:
            if g.shape != y.shape:
                raise ValueError(f"the cotangent has shape {g.shape}, the output {y.shape}; they must be equal")
            seeds.append((y._node, g if g.dtype == y.dtype else g.astype(y.dtype)))
        else:
            plain = seed(y, g)
            if create:
                foreign = g is not None and write_guards.writable(plain)
                plain = Tensor.at(plain, None, foreign)
            seeds.append((y._node, plain))
    keep_freed_memory()
    found = tape.gradients_of(seeds, nodes, retain_graph=retain, create_graph=create)
    return [None if g is None else _lifted(g) if create else _owned(g) for g in found]


def _lifted(g: Any) -> Tensor:
    return g if isinstance(g, Tensor) else Tensor.at(g, None)


def _owned(g: Any) -> Any:
    """An array of its own: gradients may share memory with each other or with the tape."""
    g = g._values if isinstance(g, Tensor) else g
    if isinstance(g, np.generic):
        return np.array(g)
    return g.copy() if g.ndim else np.copy(g)


class Call:
    """One call of a function under a transform: its differentiated leaves, and what came out."""

    def __init__(self, name: str, args: tuple[Any, ...], argnum: int | tuple[int, ...]) -> None:
        self.name = name
        self.outer = is_grad_enabled()
        self.start = next_position()
        self.single = not isinstance(argnum, (tuple, list))
        try:
            self.numbers = tuple([operator.index(number) for number in ((argnum,) if self.single else argnum)])  # type: ignore[union-attr, arg-type]
        except TypeError:
            raise TypeError(
                f"{name}: argnum is the position of an argument or a tuple of them, not {argnum!r}"
            ) from None
        if len({number % max(len(args), 1) for number in self.numbers}) < len(self.numbers):
            raise ValueError(f"{name}: argnum {argnum} names an argument twice")
        wrapped = list(args)
        self.leaves: list[Tensor] = []
        self.originals: list[Any] = []
        self.rebuilds = []
        for number in self.numbers:
            if not -len(args) <= number < len(args):
                raise TypeError(
                    f"{name}: argnum {number} with {len(args)} positional arguments; differentiated arguments are passed by position"
                )
            originals, rebuild = flatten(args[number])
            leaves = [self._leaf(original, number) for original in originals]
            wrapped[number] = rebuild(leaves)
            self.leaves += leaves
            self.originals += originals
            self.rebuilds.append((len(leaves), rebuild))
        self.args = tuple(wrapped)
        self.given_tensor = any(isinstance(original, Tensor) for original in self.originals)

    def _leaf(self, value: Any, number: int) -> Tensor:
        if isinstance(value, Tensor):
            if value._node is not None and self.outer:
                return alias(value)
            t = Tensor.at(value._values, None, value._family())
        else:
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                value = float(value)
            elif is_scalar(value) and value.dtype.kind in "iu":
                value = value.astype(float)
            t = Tensor(value)
        if t._values.dtype.kind not in "fc":
            raise NonDifferentiableError(
                f"{self.name}: argument {number} has dtype {t._values.dtype}; gradients need a floating dtype: pass it as float, e.g. x.astype(float)"
            )
        return as_argument(t)

    def run(self, function: Callable[..., Any], kwargs: dict[str, Any]) -> Any:
        """Call the function on the differentiated leaves."""
        if self.outer:
            return function(*self.args, **kwargs)
        with enable_grad():
            return function(*self.args, **kwargs)

    def depends_outside(self, outputs: Sequence[Tensor]) -> bool:
        """Whether the outputs depend on Tensors from outside this call, so that the result belongs to their tape."""
        if not self.outer:
            return False
        _, below = tape.ancestors([y._node for y in outputs if y._node is not None], self.start)
        return bool(below)

    def release(self, tree: Any, outside: bool, own: bool = False) -> Any:
        """Outputs as the caller gets them: Tensors where they depend on Tensors outside or a Tensor came in, else plain values.

        Args:
            tree: the outputs.
            outside: whether any of them depends on Tensors outside.
            own: copy plain values, because the tape goes on keeping them.
        """

        def released(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor) or (outside and self.depends_outside([leaf])):
                return leaf
            if self.given_tensor:
                return leaf.detach()
            value = leaf.data
            return value[()] if value.ndim == 0 else value.copy() if own else value

        return tree_map(released, tree)

    def nodes(self) -> list[Any]:
        """Where gradients of the leaves arrive."""
        return [t._node for t in self.leaves]

    def pull(self, outputs: Sequence[Tensor], cotangents: Sequence[Any], *, retain: bool, create: bool) -> list[Any]:
        """Gradients with respect to the leaves, zeros where unused, of the form the caller gets."""
        found = pull_back(outputs, self.nodes(), cotangents, retain=retain or create, create=create)
        return [
            self.form(np.zeros_like(t._values) if g is None else g, original)
            for g, t, original in zip(found, self.leaves, self.originals, strict=True)
        ]

    @staticmethod
    def form(g: Any, original: Any) -> Any:
        """A Tensor for a Tensor or a value on the tape, an array for an array, a NumPy scalar for a number."""
        if isinstance(g, Tensor):
            if g._node is not None or isinstance(original, Tensor):
                return g
            g = g._values
        elif isinstance(original, Tensor):
            return Tensor.at(g, None)
        if g.ndim:
            return g
        if isinstance(original, (int, float, complex)) or is_scalar(original):
            return g[()]
        return np.copy(g) if is_scalar(g) else g

    def arrange(self, values: Sequence[Any]) -> Any:
        """Leaf values as the argument (or the tuple of arguments) they belong to."""
        parts, at = [], 0
        for count, rebuild in self.rebuilds:
            parts.append(rebuild(values[at : at + count]))
            at += count
        return parts[0] if self.single else tuple(parts)


def output_of(value: Any, name: str) -> Tensor:
    """A function's output as a Tensor (a constant, if it did not use its arguments)."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (list, tuple, dict)) or value is None:
        raise TypeError(
            f"{name}: the function must return one array or number, not {type(value).__name__}; use vjp or jacobian for pytrees"
        )
    return Tensor(value)


def scalar_of(value: Any, name: str) -> Tensor:
    """The output of a function that must return one real number."""
    y = output_of(value, name)
    if y.size != 1:
        raise TypeError(
            f"{name}: the function must return one number, got shape {y.shape}; use jacobian, elementwise_grad or vjp, or sum the result"
        )
    if y.dtype.kind == "c":
        raise TypeError(
            f"{name}: the function returned a complex number; a gradient needs a real one: take .real, .imag or abs"
        )
    return y


def check_function(f: Any, name: str) -> None:
    """Refuse what is no function: above all a value, ``grad(f(x))`` for ``grad(f)(x)``."""
    if not callable(f):
        raise TypeError(
            f"{name} takes a function, not {describe(f)}: pass f itself rather than f(x); for a Tensor at hand there is gradients(y, x)"
        )


def same_field(y: Tensor, call: Call) -> None:
    """Refuse a complex function of real arguments, whose derivative a real array cannot hold."""
    if y.dtype.kind == "c" and any(t.dtype.kind != "c" for t in call.leaves):
        raise TypeError(
            f"{call.name}: the function returned {describe(y)} for a real argument; differentiate .real and .imag one by one, or use jvp"
        )


class Derivative(Wrapper):
    """The derivative of a function that acts on each element alone; what further transforms of a function and ``argnum`` build on."""

    maker = "elementwise_grad"

    def __init__(self, f: Callable[..., Any], argnum: int | tuple[int, ...]) -> None:
        check_function(f, self.maker)
        super().__init__(f)
        self.argnum = argnum

    def made_of(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments that make such a one again."""
        return (self._function, self.argnum), {}

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """The derivative at these arguments."""
        call = Call("elementwise_grad", args, self.argnum)
        y = output_of(call.run(self._function, kwargs), "elementwise_grad")
        same_field(y, call)
        create = call.depends_outside([y])
        return call.arrange(call.pull([y], [np.ones_like(y._values)], retain=False, create=create))
