"""Products with derivatives: ``vjp`` and ``jvp`` with a Jacobian, ``hvp`` with a Hessian; none of them builds the matrix."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, overload

import numpy as np

from ..engine import write_guards
from ..engine.modes import enable_grad, is_grad_enabled
from ..engine.pytree import flatten, leaves_like
from ..engine.tensor import Tensor
from .call import Call, Derivative, check_function, output_of, pull_back, scalar_of

__all__ = ["hvp", "jvp", "vjp"]

R = TypeVar("R")


@overload
def vjp(f: Callable[[Tensor], R], x: Tensor, /) -> tuple[R, Callable[[Any], Tensor]]: ...
@overload
def vjp(
    f: Callable[[Tensor, Tensor], R], x: Tensor, y: Tensor, /
) -> tuple[R, Callable[[Any], tuple[Tensor, Tensor]]]: ...
@overload
def vjp(f: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], Any]]: ...
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


@overload
def jvp(f: Callable[..., R], primals: Tensor | tuple[Tensor, ...], tangents: Any) -> tuple[R, R]: ...
@overload
def jvp(f: Callable[..., Any], primals: Any, tangents: Any) -> tuple[Any, Any]: ...
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
        y = scalar_of(call.run(self._function, kwargs), "hvp")
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
