"""Functions that are compositions of primitives: their gradients follow from those of their parts.

A composition is a plain function on Tensors. ``@composition(np.fn)`` lets ``np.fn(tensor)`` dispatch to
it, as ``@primitive(np.fn)`` does for a primitive, and lists it for the documentation and the proofs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from ..engine.hooks import BATCHES
from ..engine.record import is_complex, not_real, required
from ..engine.registry import FUNCTIONS, primitive_of
from ..engine.slots import parameter_names
from ..engine.tensor import Array, ArrayLike, Tensor

__all__ = ["COMPOSITIONS", "composition", "lifted", "no_out", "publish", "refused"]

F = TypeVar("F", bound=Callable[..., Any])

# name → the function; its ``numpy_functions`` attribute holds what dispatches to it
COMPOSITIONS: dict[str, Callable[..., Any]] = {}


class _Named:
    """What :func:`required` needs of an operation, for its messages."""

    numpy_functions: tuple[Any, ...] = ()

    def __init__(self, name: str) -> None:
        self.name = name


def composition(
    *numpy_functions: Callable[..., Any], name: str | None = None, real: bool | str = False, looped: bool = False
) -> Callable[[F], F]:
    """Declare a function made of primitives; the given NumPy functions dispatch to it on Tensors.

    Args:
        *numpy_functions: the NumPy functions that it is.
        name: the name in the lists; the function's own by default.
        real: it is defined for real numbers alone (in the arguments named, if not in all), and refuses complex ones by name.
        looped: it looks at numbers, so that on a batch it is run for each element.

    Returns:
        The decorator; it returns the function itself.
    """

    def declare(function: F) -> F:
        if looped:
            function = _of_each_element(function)
        words = tuple(real.split()) if isinstance(real, str) else parameter_names(function) if real else ()
        if words:
            function = _of_real_numbers(function, name or function.__name__, words)
        function.real = words  # type: ignore[attr-defined]
        function.numpy_functions = list(numpy_functions)  # type: ignore[attr-defined]
        function.__composition__ = True  # type: ignore[attr-defined]
        COMPOSITIONS[name or function.__name__] = function
        for each in numpy_functions:
            FUNCTIONS[each] = function
        return function

    return declare


def _of_each_element(function: F) -> F:
    @functools.wraps(function)
    def looping(*args: Any, **kwargs: Any) -> Any:
        if BATCHES:
            result = BATCHES[0].each(function, args, kwargs)
            if result is not NotImplemented:
                return result
        return function(*args, **kwargs)

    return looping


def _of_real_numbers(function: F, name: str, real: tuple[str, ...]) -> F:
    words = parameter_names(function)

    @functools.wraps(function)
    def refusing(*args: Any, **kwargs: Any) -> Any:
        for word, value in (*zip(words, args, strict=False), *kwargs.items()):
            if is_complex(value) and word in real:
                raise not_real(value, _Named(name), word)
        return function(*args, **kwargs)

    return refusing


def lifted(x: ArrayLike, name: str, word: str = "x") -> Tensor:
    """``x`` as a Tensor (a constant, if it is not one).

    Raises:
        TypeError: ``x`` is no array of numbers.
    """
    if isinstance(x, Tensor):
        return x
    return Tensor(required(x, _Named(name), word))


def publish(function: Callable[..., Any], made: Callable[..., Any], *numpy_functions: Any) -> None:
    """Let a function that only prepares the arguments of the primitive ``made`` stand for it in public."""
    found = primitive_of(made)
    found.function = function
    function.__primitive__ = found  # type: ignore[attr-defined]
    for numpy_function in numpy_functions:
        FUNCTIONS[numpy_function] = function
        found.numpy_functions.append(numpy_function)


def refused(numpy_function: Any, remedy: str) -> None:
    """Let a NumPy function that writes in place raise on Tensors, saying what to write instead."""

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            f"np.{numpy_function.__name__} writes into its first argument, which a Tensor does not allow; use {remedy}"
        )

    refuse.__name__ = numpy_function.__name__
    refuse.__doc__ = f"Refused: use {remedy}."
    FUNCTIONS.setdefault(numpy_function, refuse)


def no_out(name: str, out: Array | None) -> None:
    """Refuse ``out=``.

    Raises:
        TypeError: ``out`` is given.
    """
    if out is not None:
        raise TypeError(
            f"{name}: out= would overwrite an array that the tape may keep; use the returned Tensor: t = {name}(...)"
        )
