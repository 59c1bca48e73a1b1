"""What arrays that speak NumPy's protocols have in common: operators, attributes and methods that are functions of NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

__all__ = ["ArrayMethods"]


class ArrayMethods(NDArrayOperatorsMixin):
    """ndarray's methods, for a class with ``__array_ufunc__``, ``__array_function__`` and ``__setitem__``."""

    __slots__ = ()
    __hash__ = object.__hash__

    @property
    def T(self) -> Any:  # noqa: N802 - the array API's name
        """The axes in reverse order."""
        return np.transpose(self)  # type: ignore[call-overload]

    @property
    def mT(self) -> Any:  # noqa: N802 - the array API's name
        """The last two axes exchanged."""
        return np.matrix_transpose(self)  # type: ignore[call-overload]

    def reshape(self, *shape: Any, order: Any = "C", copy: Any = None) -> Any:
        """The values in another shape."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order, copy=copy)  # type: ignore[call-overload]

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order."""
        if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))):
            axes = tuple(axes[0] or ())
        return np.transpose(self, axes or None)  # type: ignore[call-overload]

    def flatten(self, order: Any = "C") -> Any:
        """All values in a row, copied."""
        return np.ravel(self, order=order).copy()  # type: ignore[call-overload]

    def fill(self, value: Any) -> None:
        """Write one value everywhere."""
        self[...] = value  # type: ignore[index]

    def conj(self) -> Any:
        """The complex conjugate."""
        return np.conjugate(self)  # type: ignore[call-overload]


def _method(name: str) -> Callable[..., Any]:
    function = getattr(np, name)

    def method(self: ArrayMethods, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"As ``ndarray.{name}``."
    return method


for _name in [
    "all",
    "any",
    "argmax",
    "argmin",
    "argpartition",
    "argsort",
    "clip",
    "cumprod",
    "cumsum",
    "diagonal",
    "dot",
    "max",
    "mean",
    "min",
    "nonzero",
    "prod",
    "ravel",
    "repeat",
    "round",
    "searchsorted",
    "squeeze",
    "std",
    "sum",
    "swapaxes",
    "take",
    "trace",
    "var",
]:
    setattr(ArrayMethods, _name, _method(_name))
