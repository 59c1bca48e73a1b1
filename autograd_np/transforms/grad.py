"""Gradients: ``gradients`` of Tensors at hand, and the functions that ``grad`` and its siblings make of functions.

All transforms take and return pytrees (dicts, lists, tuples, namedtuples, dataclasses, registered classes) of arrays, numbers or Tensors,
and nest to any depth. Each call gives its arguments fresh places on the tape and differentiates with respect to those
places alone, so that nested calls cannot confuse each other's perturbations. The result is a Tensor where
a Tensor came in, or where it depends on a Tensor of an enclosing computation; else it is a plain array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar, overload

from ..engine.errors import NonDifferentiableError, describe
from ..engine.pytree import flatten, leaves_like, tree_map
from ..engine.tensor import Tensor
from .call import Call, Derivative, check_function, pull_back, scalar_of
from .wrapper import Wrapper

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from . import signatures

__all__ = ["elementwise_grad", "grad", "gradients", "stop_gradient", "value_and_grad"]

A = TypeVar("A")
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


@overload
def gradients(
    ys: Any,
    xs: Tensor,
    grad_ys: Any = ...,
    *,
    create_graph: Literal[False] = ...,
    retain_graph: bool | None = ...,
    allow_unused: Literal[False] = ...,
) -> NDArray[Any]: ...
@overload
def gradients(
    ys: Any,
    xs: Tensor,
    grad_ys: Any = ...,
    *,
    create_graph: Literal[True],
    retain_graph: bool | None = ...,
    allow_unused: Literal[False] = ...,
) -> Tensor: ...
@overload
def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = ...,
    *,
    create_graph: bool = ...,
    retain_graph: bool | None = ...,
    allow_unused: bool = ...,
) -> Any: ...
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
        y = scalar_of(value, "grad")
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


@overload
def grad(
    f: Callable[Concatenate[Tensor, P], Any], argnum: Literal[0] = ..., *, has_aux: Literal[False] = ...
) -> signatures.OfArray[P]: ...
@overload
def grad(
    f: Callable[Concatenate[Tensor, P], tuple[Any, A]], argnum: Literal[0] = ..., *, has_aux: Literal[True]
) -> signatures.OfArrayWithAux[P, A]: ...
@overload
def grad(
    f: Callable[Concatenate[T, P], Any], argnum: Literal[0] = ..., *, has_aux: Literal[False] = ...
) -> signatures.OfTree[T, P, T]: ...
@overload
def grad(
    f: Callable[Concatenate[T, P], tuple[Any, A]], argnum: Literal[0] = ..., *, has_aux: Literal[True]
) -> signatures.OfTree[T, P, tuple[T, A]]: ...
@overload
def grad(f: Callable[..., Any], argnum: int | tuple[int, ...] = ..., *, has_aux: bool = ...) -> Callable[..., Any]: ...
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


@overload
def value_and_grad(  # type: ignore[overload-overlap] # of a Tensor it is what OfTree says
    f: Callable[Concatenate[Tensor, P], tuple[R, A]], argnum: Literal[0] = ..., *, has_aux: Literal[True]
) -> signatures.ValueAndOfArray[P, tuple[R, A]]: ...
@overload
def value_and_grad(
    f: Callable[Concatenate[Tensor, P], R], argnum: Literal[0] = ..., *, has_aux: Literal[False] = ...
) -> signatures.ValueAndOfArray[P, R]: ...
@overload
def value_and_grad(
    f: Callable[Concatenate[T, P], R], argnum: Literal[0] = ..., *, has_aux: bool = ...
) -> signatures.OfTree[T, P, tuple[R, T]]: ...
@overload
def value_and_grad(
    f: Callable[..., Any], argnum: int | tuple[int, ...] = ..., *, has_aux: bool = ...
) -> Callable[..., tuple[Any, Any]]: ...
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


@overload
def elementwise_grad(f: Callable[Concatenate[Tensor, P], Any], argnum: Literal[0] = ...) -> signatures.OfArray[P]: ...
@overload
def elementwise_grad(f: Callable[Concatenate[T, P], Any], argnum: Literal[0] = ...) -> signatures.OfTree[T, P, T]: ...
@overload
def elementwise_grad(f: Callable[..., Any], argnum: int | tuple[int, ...] = ...) -> Callable[..., Any]: ...
def elementwise_grad(f: Callable[..., Any], argnum: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The derivative of a function that acts on each element alone: the gradient of ``f(x).sum()``.

    >>> elementwise_grad(np.tanh)(np.array([0.0, 1.0])).round(4)
    array([1.  , 0.42])
    """
    return Derivative(f, argnum)


@overload
def stop_gradient(tree: Tensor) -> Tensor: ...
@overload
def stop_gradient(tree: T) -> T: ...
def stop_gradient(tree: Any) -> Any:
    """The same values as constants: no gradient passes through.

    Args:
        tree: a Tensor, an array, a number, or a tree of them. Tensors become Tensors off the tape; the rest stays as it is.

    >>> float(grad(lambda x: x * stop_gradient(x**2))(3.0))
    9.0
    """
    return tree_map(lambda leaf: leaf.detach() if isinstance(leaf, Tensor) else leaf, tree)
