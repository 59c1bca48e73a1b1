"""Functions of functions: ``grad``, ``vjp``, ``jvp``, ``jacobian``, ``hessian``, ``hvp``, ``checkpoint``.

All take and return pytrees (dicts, lists, tuples, namedtuples, dataclasses, registered classes) of arrays, numbers or Tensors, and nest to
any depth. Each call gives its arguments fresh places on the tape and differentiates with respect to those
places alone, so that nested calls cannot confuse each other's perturbations. The result is a Tensor where
a Tensor came in, or where it depends on a Tensor of an enclosing computation; else it is a plain array.
"""

from __future__ import annotations

import inspect
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
from ..engine.pytree import flatten, leaves_like, tree_map
from ..engine.record import same
from ..engine.registry import primitive, rule
from ..engine.tensor import Tensor, as_argument, seed
from .wrapper import Wrapper

__all__ = [
    "elementwise_grad",
    "grad",
    "gradients",
    "hvp",
    "jvp",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]


@primitive(view=True)
def alias(x: Any, /) -> Tensor:
    """The same value at a new place on the tape. Gradient: 1."""
    return x  # type: ignore[no-any-return] # an array: the Tensor is made of it


rule(alias, same)


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    allow_unused: bool = False,
) -> Any:
    """The gradients of ``ys`` with respect to ``xs``, without touching any ``.grad``.

    Args:
        ys: a Tensor or a pytree of Tensors; several are summed (with ``grad_ys`` as weights).
        xs: a Tensor or a pytree of Tensors, leaves or intermediate results.
        grad_ys: cotangents, a pytree like ``ys``; None, also for single ones, for outputs of one real element.
        create_graph: record the backward pass, so that the result can be differentiated again.
        retain_graph: keep the tape for another pass; by default as ``create_graph``.
        allow_unused: give None for an ``x`` that ``ys`` do not depend on, rather than raise.

    Returns:
        A pytree like ``xs``: Tensors if ``create_graph``, else plain arrays.

    Raises:
        NonDifferentiableError: an ``x`` needs no gradient, or (without ``allow_unused``) is not used.

    >>> x = Tensor(3.0, requires_grad=True)
    >>> first = gradients(x**3, x, create_graph=True)
    >>> float(gradients(first, x))
    18.0
    """
    outputs = _tensors(ys, "ys")
    inputs, rebuild = flatten(xs)
    for x in inputs:
        if not isinstance(x, Tensor) or x._node is None:
            raise NonDifferentiableError(
                f"gradients: xs must be Tensors with requires_grad=True, got {describe(x)} without a gradient"
            )
    if isinstance(ys, Tensor) and isinstance(grad_ys, (list, tuple)):
        ys = [ys]
    cotangents = (
        [None] * len(outputs) if grad_ys is None else leaves_like(ys, grad_ys, "gradients: grad_ys", optional=True)
    )
    found = pull_back(
        outputs,
        [x._node for x in inputs],
        cotangents,
        retain=create_graph if retain_graph is None else retain_graph,
        create=create_graph,
    )
    if not allow_unused:
        for x, g in zip(inputs, found, strict=True):
            if g is None:
                raise NonDifferentiableError(
                    f"gradients: ys do not depend on an x ({x.name or describe(x)}); pass allow_unused=True to get None for it"
                )
    return rebuild(found)


def _tensors(tree: Any, word: str) -> list[Tensor]:
    leaves, _ = flatten(tree)
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise TypeError(f"gradients: {word} must be Tensors, got {describe(leaf)}")
    return leaves


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


def _scalar(value: Any, name: str) -> Tensor:
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


class _ValueAndGrad(Wrapper):
    maker = "value_and_grad"

    def __init__(self, f: Callable[..., Any], argnum: int | tuple[int, ...], has_aux: bool) -> None:
        check_function(f, self.maker)
        super().__init__(f)
        self.argnum = argnum
        self.has_aux = has_aux

    def made_of(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self._function, self.argnum, self.has_aux), {}

    def both(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """Value and gradient."""
        f, argnum, has_aux = self._function, self.argnum, self.has_aux
        call = Call("grad", args, argnum)
        value = call.run(f, kwargs)
        aux = None
        if has_aux:
            if not isinstance(value, tuple) or len(value) != 2:
                raise TypeError("grad: with has_aux=True the function returns a pair (value, aux)")
            value, aux = value
        y = _scalar(value, "grad")
        create = call.depends_outside([y])
        aside = has_aux and call.depends_outside([t for t in flatten(aux)[0] if isinstance(t, Tensor)])
        result = call.arrange(call.pull([y], [None], retain=aside, create=create))
        value = call.release(y, create)
        if has_aux:
            value = (value, call.release(aux, aside))
        return value, result

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self.both(args, kwargs)


class _Gradient(_ValueAndGrad):
    maker = "grad"

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        value, result = self.both(args, kwargs)
        return (result, value[1]) if self.has_aux else result


def grad(f: Callable[..., Any], argnum: int | tuple[int, ...] = 0, *, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes the gradient of a scalar-valued ``f``.

    Args:
        f: a function of arrays that returns one real number (with ``has_aux``: a pair of it and anything).
        argnum: the positional argument to differentiate, or a tuple of them.
        has_aux: ``f`` returns ``(value, aux)``; so does the gradient function, ``(gradient, aux)``.

    Returns:
        A function of the same arguments that returns a pytree like the argument (a tuple of them for a tuple).

    A list is a pytree of numbers: pass ``np.array([1.0, 2.0])`` for a vector.

    Raises:
        TypeError: (at the call) ``f`` does not return one real number, or the argument is not floating.

    >>> grad(lambda x: x**3)(2.0)
    np.float64(12.0)
    >>> grad(grad(lambda x: x**3))(2.0)
    np.float64(12.0)
    """
    return _Gradient(f, argnum, has_aux)


def value_and_grad(
    f: Callable[..., Any], argnum: int | tuple[int, ...] = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """The function that computes the value and the gradient of ``f`` in one pass.

    The arguments are those of :func:`grad`; the result is ``(value, gradient)``, with ``has_aux``
    ``((value, aux), gradient)``.

    >>> value_and_grad(lambda x: x**2)(3.0)
    (np.float64(9.0), np.float64(6.0))
    """
    return _ValueAndGrad(f, argnum, has_aux)


class Derivative(Wrapper):
    maker = "elementwise_grad"

    def __init__(self, f: Callable[..., Any], argnum: int | tuple[int, ...]) -> None:
        check_function(f, self.maker)
        super().__init__(f)
        self.argnum = argnum

    def made_of(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self._function, self.argnum), {}

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        call = Call("elementwise_grad", args, self.argnum)
        y = output_of(call.run(self._function, kwargs), "elementwise_grad")
        same_field(y, call)
        create = call.depends_outside([y])
        return call.arrange(call.pull([y], [np.ones_like(y._values)], retain=False, create=create))


def elementwise_grad(f: Callable[..., Any], argnum: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The derivative of a function that acts on each element alone: the gradient of ``f(x).sum()``.

    >>> elementwise_grad(np.tanh)(np.array([0.0, 1.0])).round(4)
    array([1.  , 0.42])
    """
    return Derivative(f, argnum)


def vjp(f: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The value of ``f(*args)`` and its pullback, the function that maps a cotangent to gradients.

    Args:
        f: a function of pytrees of arrays that returns a pytree of arrays.
        *args: its arguments, all differentiated.

    Returns:
        ``(out, pullback)``; ``pullback(g)`` takes a pytree like ``out`` and returns the gradient for a
        single argument, a tuple of them for several. It can be called any number of times.

    >>> out, pullback = vjp(np.sin, 0.0)
    >>> pullback(2.0)
    np.float64(2.0)
    """
    check_function(f, "vjp")
    call = Call("vjp", args, tuple(range(len(args))))
    call.single = len(args) == 1
    tree = call.run(f, {})
    leaves, rebuild = flatten(tree)
    outputs = [output_of(leaf, "vjp") for leaf in leaves]
    create = call.depends_outside(outputs)

    def pullback(cotangent: Any) -> Any:
        given = leaves_like(tree, cotangent, "pullback: the cotangent")
        recorded = is_grad_enabled() and (create or any(isinstance(g, Tensor) and g._node is not None for g in given))
        return call.arrange(call.pull(outputs, given, retain=True, create=recorded))

    return call.release(rebuild(outputs), create, own=True), pullback


def jvp(f: Callable[..., Any], primals: Any, tangents: Any) -> tuple[Any, Any]:
    """The value of ``f`` and its derivative along ``tangents``: J·v.

    The pullback is linear in its cotangent u, g = Jᵀu; differentiating ⟨g, v⟩ with respect to u gives J·v.
    (Christianson's two reverse passes; about twice the cost of a forward-mode product.)

    Args:
        f: a function of arrays that returns a pytree of arrays.
        primals: the tuple of arguments (a single array stands for a tuple of one).
        tangents: the directions, like ``primals``.

    Returns:
        ``(out, tangent)``, both like the output of ``f``.

    >>> jvp(np.square, (3.0,), (1.0,))
    (np.float64(9.0), np.float64(6.0))
    """
    check_function(f, "jvp")
    if not isinstance(primals, (tuple, list)):
        primals, tangents = (primals,), (tangents,)
    if len(primals) != len(tangents):
        raise ValueError(f"jvp: {len(primals)} primals and {len(tangents)} tangents")
    call = Call("jvp", tuple(primals), tuple(range(len(primals))))
    directions = _directions(tuple(primals), tuple(tangents), "jvp: the tangents")
    leaves, rebuild = flatten(call.run(f, {}))
    outputs = [output_of(leaf, "jvp") for leaf in leaves]
    # The result depends on Tensors outside through the outputs, or through the tangents.
    outside = call.depends_outside(outputs) or (
        call.outer and any(isinstance(d, Tensor) and d._node is not None for d in directions)
    )
    with enable_grad():
        weights = [
            Tensor(np.ones_like(y._values), requires_grad=True) if y.dtype.kind in "fc" else None for y in outputs
        ]
        pairs = [(y, u) for y, u in zip(outputs, weights, strict=True) if u is not None]
        pulled = pull_back([y for y, _ in pairs], call.nodes(), [u for _, u in pairs], retain=True, create=True)
        # Conjugation makes the pairing bilinear in the convention of the gradients (dL/dRe - i dL/dIm).
        used = [(g, d) for g, d in zip(pulled, directions, strict=True) if g is not None and g._node is not None]
        found = pull_back(
            [g for g, _ in used], [u._node for _, u in pairs], [d for _, d in used], retain=outside, create=outside
        )
    along = iter(found)
    results = []
    for y, u in zip(outputs, weights, strict=True):
        t = next(along) if u is not None else None
        t = np.zeros_like(y._values) if t is None else t
        t = t if isinstance(t, Tensor) else Tensor.at(t, None)
        results.append(t)
    return call.release(rebuild(outputs), outside), call.release(rebuild(results), outside)


def _directions(primals: Any, tangents: Any, words: str) -> list[Any]:
    """The leaves of the tangents as they are before the function runs, which may write into them."""

    def kept(leaf: Any) -> Any:
        if isinstance(leaf, Tensor):
            return (
                Tensor.at(write_guards.keep(leaf._values), leaf._node) if write_guards.writable(leaf._values) else leaf
            )
        return write_guards.keep(leaf) if write_guards.writable(leaf) else leaf

    return [kept(leaf) for leaf in leaves_like(primals, tangents, words)]


class _HessianProduct(Derivative):
    maker = "hvp"

    def __init__(self, f: Callable[..., Any], argnum: int) -> None:
        super().__init__(f, argnum)
        kinds = inspect.Parameter  # it takes one argument more than f
        self.__signature__ = inspect.Signature(
            [kinds("values", kinds.VAR_POSITIONAL), kinds("kwargs", kinds.VAR_KEYWORD)]
        )

    def __call__(self, /, *values: Any, **kwargs: Any) -> Any:
        *arguments, vector = values
        if not arguments:
            raise TypeError("hvp: needs the arguments of f and, last, the vector")
        call = Call("hvp", tuple(arguments), self.argnum)
        directions = _directions(
            arguments[call.numbers[0]] if call.single else tuple([arguments[n] for n in call.numbers]),
            vector,
            "hvp: the vector",
        )
        y = _scalar(call.run(self._function, kwargs), "hvp")
        outside = call.depends_outside([y]) or (
            call.outer and any(isinstance(d, Tensor) and d._node is not None for d in directions)
        )
        with enable_grad():
            first = pull_back([y], call.nodes(), [None], retain=True, create=True)
            used = [(g, d) for g, d in zip(first, directions, strict=True) if g is not None and g._node is not None]
            return call.arrange(call.pull([g for g, _ in used], [d for _, d in used], retain=outside, create=outside))


def hvp(f: Callable[..., Any], *args: Any, argnum: int = 0) -> Any:
    """The product of the Hessian of a scalar-valued ``f`` with a vector, without building the Hessian.

    ``hvp(f)(x, v)`` and ``hvp(f, x, v)`` are the same; further arguments of ``f`` stand between ``x`` and ``v``.

    >>> hvp(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([4., 2.])
    """
    product = _HessianProduct(f, argnum)
    return product(*args) if args else product


def stop_gradient(tree: Any) -> Any:
    """The same values as constants: no gradient passes through.

    Args:
        tree: a Tensor, an array, a number, or a tree of them. Tensors become Tensors off the tape; the rest stays as it is.

    >>> float(grad(lambda x: x * stop_gradient(x**2))(3.0))
    9.0
    """
    return tree_map(lambda leaf: leaf.detach() if isinstance(leaf, Tensor) else leaf, tree)
