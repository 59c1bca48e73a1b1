"""The Python array API standard (2024.12): the functions it asks for beyond NumPy's own on Tensors.

``autograd_np`` is a namespace of the standard, so a library that speaks it is differentiable once it is handed
Tensors. Most of its functions are the primitives themselves, whose parameters contain the standard's. Here stand
the others: creation functions, data types, and the few functions where the standard and NumPy part. Of those
``ag.sort(t)`` follows the standard and ``np.sort(t)`` and ``t.argsort()`` follow NumPy; both take NumPy's
parameters as well as the standard's.

What the standard leaves open is as follows. Tensors are not assigned to in place, which the standard lets an array
refuse, so a library that writes ``x[mask] = value`` raises a TypeError that says so. A library that turns its
arguments into NumPy arrays raises for a Tensor that needs a gradient. Where a library looks for the common namespace of
Tensors and NumPy's arrays, it gets NumPy's, whose functions take both.

>>> import autograd_np as ag
>>> x = ag.asarray([3.0, 1.0, 2.0])
>>> x.__array_namespace__() is ag
True
>>> ag.argsort(x, descending=True).tolist()
[0, 2, 1]
"""

from __future__ import annotations

from .creation import arange, asarray, empty, eye, from_dlpack, full, ones, zeros
from .data_types import (
    __array_namespace_info__,
    bool,  # noqa: A004 - the standard's name
    broadcast_shapes,
    can_cast,
    complex64,
    complex128,
    e,
    finfo,
    float32,
    float64,
    iinfo,
    inf,
    int8,
    int16,
    int32,
    int64,
    isdtype,
    nan,
    newaxis,
    pi,
    result_type,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .functions import argsort, broadcast_arrays, clip, meshgrid, sort, vecdot
from .protocol import VERSION as __array_api_version__  # noqa: N811 - the standard's name

__all__ = [
    "__array_api_version__", "__array_namespace_info__", "arange", "argsort", "asarray", "bool", "broadcast_arrays",
    "broadcast_shapes", "can_cast", "clip", "complex64",
    "complex128", "e", "empty", "eye", "finfo", "float32", "float64", "from_dlpack", "full", "iinfo", "inf", "int8", "int16", "int32", "int64",
    "isdtype", "meshgrid", "nan", "newaxis", "ones", "pi", "result_type", "sort", "uint8", "uint16", "uint32", "uint64", "vecdot", "zeros",
]  # fmt: skip
