"""Creation functions: they give Tensors, which need no gradient unless they are made of some that do.

Each takes the parameters of NumPy's function of that name (but for ``like=`` and ``asarray``'s ``order=``), so
those of the standard.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard, cast as cast_type

import numpy as np

from ..engine.errors import NonDifferentiableError
from ..engine.operands import base_array
from ..engine.tensor import ArrayLike, DTypeLike, Tensor
from ..primitives import values
from ..primitives.elementwise import copy as _copy
from ..primitives.joining import stack
from ..primitives.shaping import cast
from .data_types import known_device

__all__ = ["arange", "asarray", "empty", "eye", "from_dlpack", "full", "ones", "zeros"]


def _fresh(array: Any) -> Tensor:
    """A Tensor of an array that nothing else refers to."""
    if array.dtype.kind not in "fciub":
        raise TypeError(f"Tensor: dtype {array.dtype} holds no numbers")
    return Tensor.at(array, None)


def _holds_tensors(obj: Any) -> TypeGuard[Sequence[Any]]:
    return obj.__class__ in (list, tuple) and any(isinstance(item, Tensor) or _holds_tensors(item) for item in obj)


def asarray(
    obj: ArrayLike, /, dtype: DTypeLike | None = None, *, device: Any = None, copy: bool | None = None
) -> Tensor:
    """``obj`` as a Tensor.

    A Tensor is returned itself, at its place on the tape; a change of dtype or a copy of it is recorded. Nested
    lists may contain Tensors: their gradients flow. An array is wrapped without being copied.

    Args:
        obj: a Tensor, an array, a number, nested lists, or anything with a buffer.
        dtype: the dtype of the result; that of the data by default.
        device: None or ``"cpu"``.
        copy: True to copy always, False never, None where it is needed.

    Raises:
        ValueError: ``copy=False`` and a copy is needed, or there is no such device.
        TypeError: ``obj`` holds no numbers.

    >>> from autograd_np.transforms.grad import grad
    >>> grad(lambda t: np.sum(asarray([t, [t, 3.0]][1]) * asarray([1.0, 2.0])))(5.0).item()
    1.0
    """
    known_device(device)
    if isinstance(obj, Tensor):
        converted = cast(obj, dtype)
        if converted is not obj:
            if copy is False:
                raise ValueError(
                    f"asarray: a change of dtype from {obj.dtype} to {np.dtype(dtype)} needs a copy, and copy=False forbids it"
                )
            return converted
        return _copy(obj) if copy else obj
    if _holds_tensors(obj):
        if copy is False:
            raise ValueError("asarray: joining Tensors needs a copy, and copy=False forbids it")
        return cast(stack([asarray(item) for item in obj]), dtype)
    if isinstance(obj, np.ndarray):
        obj = base_array(obj, "asarray", "obj")
    elif hasattr(type(obj), "__array_function__"):
        return Tensor(cast_type(Any, obj).copy() if copy else obj, dtype=dtype)
    array = np.asarray(obj, dtype=dtype, copy=copy)
    return _fresh(array) if copy or isinstance(obj, (list, tuple, int, float, complex)) else Tensor(array)


def zeros(shape: Any, dtype: DTypeLike | None = None, order: Any = "C", *, device: Any = None) -> Tensor:
    """Zeros of a shape; float64 by default.

    >>> zeros((2, 3), dtype=np.float32).dtype
    dtype('float32')
    """
    return _fresh(np.zeros(shape, dtype, order, device=known_device(device)))


def ones(shape: Any, dtype: DTypeLike | None = None, order: Any = "C", *, device: Any = None) -> Tensor:
    """Ones of a shape; float64 by default.

    >>> ones(2).tolist()
    [1.0, 1.0]
    """
    return _fresh(np.ones(shape, dtype, order, device=known_device(device)))


def empty(shape: Any, dtype: DTypeLike | None = None, order: Any = "C", *, device: Any = None) -> Tensor:
    """Arbitrary values of a shape; float64 by default.

    >>> empty((2, 0)).shape
    (2, 0)
    """
    return _fresh(np.empty(shape, np.float64 if dtype is None else dtype, order, device=known_device(device)))


def full(
    shape: Any, fill_value: ArrayLike, dtype: DTypeLike | None = None, order: str = "C", *, device: Any = None
) -> Tensor:
    """``fill_value`` in every place of a shape, of its dtype by default; its gradient is the sum of the cotangent.

    >>> full((2, 2), 7.0).tolist()
    [[7.0, 7.0], [7.0, 7.0]]
    """
    known_device(device)
    return values.full(shape, fill_value, dtype, order)


def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    k: int = 0,
    dtype: DTypeLike | None = None,
    order: Any = "C",
    *,
    device: Any = None,
) -> Tensor:
    """Ones on diagonal ``k`` of ``n_rows`` rows and ``n_cols`` columns (as many by default), zeros elsewhere; float64 by default.

    >>> eye(2, 3, k=1).tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    return _fresh(np.eye(n_rows, n_cols, k, np.float64 if dtype is None else dtype, order, device=known_device(device)))


def _number(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    if value.requires_grad:
        raise NonDifferentiableError(
            "arange: the number of elements depends on its ends; use ag.linspace(start, stop, n), or start + step * ag.arange(n)"
        )
    return value.item()


def arange(
    start: Any, /, stop: Any = None, step: Any = 1, dtype: DTypeLike | None = None, *, device: Any = None
) -> Tensor:
    """``start, start + step, …`` up to but without ``stop``; ``arange(n)`` counts from 0.

    Raises:
        NonDifferentiableError: an argument needs a gradient.

    >>> arange(3).tolist()
    [0, 1, 2]
    """
    first, last, by = _number(start), _number(stop), _number(step)
    if last is None:
        first, last = 0, first
    return _fresh(np.arange(first, last, by, dtype, device=known_device(device)))  # type: ignore[call-overload]


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A Tensor on the memory of another library's array, by the DLPack protocol.

    Raises:
        BufferError: the array cannot be handed over, for instance because it needs a gradient.

    >>> from_dlpack(np.array([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """
    return Tensor(np.from_dlpack(x, device=device, copy=copy))
