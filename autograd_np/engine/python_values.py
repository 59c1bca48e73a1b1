"""What a Tensor is to Python itself: numbers, an index, a truth value, nested lists, text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .conversions import cut
from .errors import describe
from .hooks import is_batched

if TYPE_CHECKING:
    from .tape import Node

__all__ = ["PythonValues"]


class PythonValues:
    """The conversions of Tensors to what is built into Python; those that would cut off a gradient raise."""

    __slots__ = ()

    if TYPE_CHECKING:
        _values: Any
        _node: Node | None
        name: str | None
        requires_grad: bool

        @property
        def shape(self) -> tuple[int, ...]: ...  # noqa: D102 - Tensor's
        @property
        def dtype(self) -> Any: ...  # noqa: D102 - Tensor's
        @property
        def op(self) -> str | None: ...  # noqa: D102 - Tensor's

    def item(self, *args: Any) -> Any:
        """The single element (or the one at the given index) as a Python number."""
        if not args and self._values.size != 1:
            raise ValueError(
                f"item: a Tensor of {describe(self._values)} has no single element; give an index, or use .tolist()"
            )
        return self._values.item(*args)

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        return self._values.tolist()

    def _number(self, method: str) -> Any:
        """The array, of which Python makes a number, or the error that it makes none."""
        if self._values.size != 1:
            word = method.strip("_")
            raise TypeError(
                f"{word}(t) of a Tensor of {describe(self._values)}; it takes one element: index or reduce it first, or use NumPy's functions"
            )
        return self._values

    def __float__(self) -> float:
        if self._node is not None and self._values.size == 1:
            raise cut("__float__", describe(self._values))
        return float(self._number("float"))

    def __int__(self) -> int:
        if self._node is not None and self._values.size == 1:
            raise cut("__int__", describe(self._values))
        return int(self._number("int"))

    def __complex__(self) -> complex:
        if self._node is not None and self._values.size == 1:
            raise cut("__complex__", describe(self._values))
        return complex(self._number("complex"))

    def __index__(self) -> int:
        if self._node is not None:
            raise cut("__index__", describe(self._values))
        value = self._number("index")
        if value.dtype.kind not in "iu" or value.ndim:
            raise TypeError(f"an index is one integer, not a Tensor of {describe(value)}; convert it with int(t)")
        return int(value)

    def __bool__(self) -> bool:
        if self._values.size != 1:
            raise ValueError(f"the truth value of a Tensor of shape {self.shape} is ambiguous; use .any() or .all()")
        return bool(self._values)

    def __len__(self) -> int:
        if self._values.ndim == 0:
            raise TypeError("len() of a 0-d Tensor")
        return int(self._values.shape[0])

    def __format__(self, form: str) -> str:
        if form and self._values.size == 1:
            return format(self._values.item(), form)
        try:
            return format(str(self), form)
        except ValueError:
            raise ValueError(
                f"format {form!r} is for one number, not for a Tensor of {describe(self._values)}; index or reduce it first, or use np.array2string"
            ) from None

    def __str__(self) -> str:
        return str(self._values if is_batched(self._values) else np.asarray(self._values))

    def __repr__(self) -> str:
        if is_batched(self._values):
            values = repr(self._values)
        else:
            values = np.array2string(
                np.asarray(self._values), separator=", ", prefix=f"{type(self).__name__}(", threshold=200
            )
        parts = [values, f"shape={self.shape}", f"dtype={self.dtype}"]
        if self.name:
            parts.append(f"name={self.name!r}")
        if self.op:
            parts.append(f"op={self.op}")
        elif self.requires_grad:
            parts.append("requires_grad=True")
        head = f"{type(self).__name__}("
        joint = ",\n" + " " * len(head) if "\n" in values else ", "
        return f"{head}{joint.join(parts)})"
