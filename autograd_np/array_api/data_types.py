"""Data types, their limits and promotion, constants, and what the namespace says of itself. The dtypes are NumPy's."""

from __future__ import annotations

import builtins
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy import (
    bool,  # noqa: A004 - the standard's name
    complex64,
    complex128,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)

from ..engine.tensor import Tensor

__all__ = [
    "FloatLimits", "IntegerLimits", "NamespaceInfo", "__array_namespace_info__", "bool", "broadcast_shapes", "can_cast", "complex64",
    "complex128", "e", "finfo", "float32", "float64", "iinfo", "inf", "int8", "int16", "int32", "int64", "isdtype", "known_device", "nan",
    "newaxis", "pi", "result_type", "uint8", "uint16", "uint32", "uint64",
]  # fmt: skip

e = math.e
inf = math.inf
nan = math.nan
pi = math.pi
newaxis = None


def known_device(device: Any) -> Any:
    """The device itself: None or ``"cpu"``.

    Raises:
        ValueError: there is no such device.
    """
    if device not in (None, "cpu"):
        raise ValueError(f"device {device!r} is not there; NumPy's arrays live on 'cpu'")
    return device


def _dtype(value: Any) -> Any:
    """The dtype of an array, or the one that is meant."""
    return value.dtype if isinstance(value, (Tensor, np.ndarray)) else np.dtype(value)


# (Namespaces, because to make a dataclass takes a millisecond of the import.)
class FloatLimits(SimpleNamespace):
    """What :func:`finfo` says of a floating dtype, as Python numbers; NumPy's further attributes (``tiny``, ``resolution``) too.

    Attributes:
        bits: bits of one (real) number.
        eps: difference between 1 and the next larger number.
        max: largest finite number.
        min: most negative finite number.
        smallest_normal: smallest positive number of full precision.
        dtype: the (real) dtype.
    """

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: Any

    def __getattr__(self, word: str) -> Any:
        if word.startswith("_"):
            raise AttributeError(word)
        return getattr(np.finfo(self.dtype), word)


class IntegerLimits(SimpleNamespace):
    """What :func:`iinfo` says of an integer dtype, as Python numbers.

    Attributes:
        bits: bits of one number.
        max: largest number.
        min: smallest number.
        dtype: the dtype.
    """

    bits: int
    max: int
    min: int
    dtype: Any


def finfo(type: Any, /) -> FloatLimits:  # noqa: A002 - the standard's name
    """The limits of a floating dtype, or of an array's; for a complex one, those of its parts.

    >>> finfo(np.float32).bits, finfo(np.float32).eps == 2**-23
    (32, True)
    """
    found = np.finfo(_dtype(type))
    return FloatLimits(
        bits=found.bits,
        eps=found.eps.item(),
        max=found.max.item(),
        min=found.min.item(),
        smallest_normal=found.smallest_normal.item(),
        dtype=found.dtype,
    )


def iinfo(type: Any, /) -> IntegerLimits:  # noqa: A002 - the standard's name
    """The limits of an integer dtype, or of an array's.

    >>> iinfo(np.int8).max
    127
    """
    found = np.iinfo(_dtype(type))
    return IntegerLimits(bits=found.bits, max=int(found.max), min=int(found.min), dtype=found.dtype)


def isdtype(dtype: Any, kind: Any) -> builtins.bool:
    """Whether ``dtype`` is of a kind: a dtype, a name, or a tuple of kinds.

    The names are ``"bool"``, ``"signed integer"``, ``"unsigned integer"``, ``"integral"``, ``"real floating"``,
    ``"complex floating"`` and ``"numeric"``.

    >>> isdtype(np.float32, ("real floating", "bool"))
    True
    """
    return np.isdtype(dtype, kind)


def result_type(*arrays_and_dtypes: Any) -> Any:
    """The dtype of a result of operands of these dtypes, or of those of these arrays; Python's numbers are weak.

    >>> result_type(np.float32, Tensor([1], dtype=np.int8), 2.0)
    dtype('float32')
    """
    return np.result_type(*[value.dtype if isinstance(value, Tensor) else value for value in arrays_and_dtypes])


def can_cast(from_: Any, to: Any, /, casting: Any = "safe") -> builtins.bool:
    """Whether the dtype ``from_``, or that of an array, converts to ``to`` without loss.

    >>> can_cast(np.int16, np.float32), can_cast(np.float64, np.float32)
    (True, False)
    """
    return np.can_cast(_dtype(from_), to, casting)


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape that shapes broadcast to.

    >>> broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    return np.broadcast_shapes(*shapes)


class NamespaceInfo:
    """What the standard lets a library ask of a namespace: its device, dtypes and capabilities.

    >>> info = __array_namespace_info__()
    >>> info.devices(), info.default_device()
    (['cpu'], 'cpu')
    """

    def capabilities(self) -> dict[str, Any]:
        """Boolean indexing and shapes that depend on data work; an array has at most 64 axes."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """The device of new arrays."""
        return "cpu"

    def devices(self) -> list[str]:
        """All devices."""
        return ["cpu"]

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """The dtypes that results have without a reason for another."""
        known_device(device)
        return {
            "real floating": np.dtype(float),
            "complex floating": np.dtype(complex),
            "integral": np.dtype(np.intp),
            "indexing": np.dtype(np.intp),
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """The standard's dtypes by name, all or those of a kind (see :func:`isdtype`)."""
        known_device(device)
        found = (
            bool,
            int8,
            int16,
            int32,
            int64,
            uint8,
            uint16,
            uint32,
            uint64,
            float32,
            float64,
            complex64,
            complex128,
        )
        return {
            np.dtype(each).name: np.dtype(each) for each in found if kind is None or kind == () or isdtype(each, kind)
        }


def __array_namespace_info__() -> NamespaceInfo:  # noqa: N807 - the standard's name
    """What the namespace says of itself: see :class:`NamespaceInfo`."""
    return NamespaceInfo()
