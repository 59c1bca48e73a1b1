"""What stands beside a Tensor in an operation and is none: which classes of array are taken, converted, given way to or refused.

=========================  ====================================================================================
class                      what a Tensor does
=========================  ====================================================================================
ndarray and its like       takes it; of a subclass whose arithmetic is ndarray's (``memmap``), the array itself
duck arrays                takes them: they may stand under a Tensor
xarray, pint               gives way: they hold arrays, Tensors too, and have arithmetic of their own
pandas, lists              takes their numbers: pandas cannot hold a Tensor
MaskedArray, matrix        raises: subclasses of ndarray with arithmetic of their own
sparse matrices of SciPy   takes them as constants in products of matrices (see sparse_operands.py)
=========================  ====================================================================================
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["GivesWay", "above", "base_array"]

_OPERATORS = (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "divmod",
    "pow",
    "matmul",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
)
_ARITHMETIC = (
    "__array_ufunc__", "__array_function__", "__neg__", "__abs__", "__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__",
    *[f"__{side}{word}__" for word in _OPERATORS for side in ("", "r")],
)  # fmt: skip
# They have __array_ufunc__, but turn what they meet into arrays of their own.
_CONVERTING = ("pandas", "polars")


class GivesWay(TypeError):  # noqa: N818 - within NumPy's protocols it becomes NotImplemented
    """An operand has arithmetic of its own, so the operation is that operand's to do."""


def _has_unit(kind: type) -> bool:
    return hasattr(kind, "units") or hasattr(kind, "unit")


def _above(kind: Any) -> bool:
    if issubclass(kind, (np.ndarray, np.generic)):
        return False
    if hasattr(kind, "__array_function__"):
        return _has_unit(kind) or not hasattr(kind, "dtype")
    return hasattr(kind, "__array_ufunc__") and all(
        base.__module__.partition(".")[0] not in _CONVERTING for base in kind.__mro__
    )


def _differs(kind: Any) -> bool:
    return _has_unit(kind) or any(getattr(kind, word) is not getattr(np.ndarray, word) for word in _ARITHMETIC)


# Whether objects of a class hold arrays rather than being one (with labels: xarray; with a unit: pint), so that Tensors give way to them.
above: Callable[[Any], bool] = functools.lru_cache(maxsize=256)(_above)
# Whether the arithmetic of a subclass of ndarray is another than ndarray's.
differs: Callable[[Any], bool] = functools.lru_cache(maxsize=256)(_differs)


def base_array(
    array: np.ndarray[Any, Any], name: str, word: str = "it", error: type[TypeError] = TypeError
) -> np.ndarray[Any, Any]:
    """An array of a subclass of ndarray as an ndarray on the same memory.

    Raises:
        error: the class has arithmetic of its own.
    """
    kind = type(array)
    if kind is np.ndarray:
        return array
    if differs(kind):
        raise error(
            f"{name}: {word} is a {kind.__name__}, whose arithmetic is not ndarray's; convert it with np.array(...)"
        )
    return array.view(np.ndarray)
