"""A constant sparse matrix of SciPy as an operand of a matrix product: an array kind that stands beside Tensors, never under one.

``t @ A``, ``np.matmul(A, t)`` and ``np.dot(A, t)`` are then recorded as every product is; of the derivative rules' products with
A and Aᵀ, SciPy makes those. The gradient is of ``t`` alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from . import write_guards
from .errors import CompileError
from .hooks import under_trace

__all__ = ["SparseOperand", "is_sparse", "sparse_operand"]

SPELLINGS = "t @ A, np.matmul(A, t) or ag.matmul(A, t)"


def is_sparse(value: Any) -> bool:
    """Whether a value is a sparse matrix or array of SciPy's, which is not imported for that."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(value))


def sparse_operand(matrix: Any, name: str, word: str) -> SparseOperand:
    """A sparse matrix as an operand of the product ``name``, with memory of its own.

    Raises:
        TypeError: ``name`` is no product of matrices, the matrix has not two axes, or holds no numbers.
        CompileError: a function is being compiled.
    """
    if name not in ("matmul", "dot"):
        raise TypeError(
            f"{name}: {word} is a sparse matrix, which meets Tensors in matrix products only: {SPELLINGS}; elsewhere use .toarray()"
        )
    if matrix.ndim != 2 or matrix.dtype.kind not in "fciub":
        raise TypeError(
            f"{name}: {word} is a sparse array of shape {matrix.shape} and dtype {matrix.dtype}; it takes a matrix of numbers"
        )
    if under_trace():
        raise CompileError(
            f"compile: {name} with a sparse matrix cannot be part of a program; use .toarray(), or leave the product outside"
        )
    rows = matrix.tocsr()
    parts = [write_guards.keep(part) for part in (rows.data, rows.indices, rows.indptr)]
    return SparseOperand(type(rows)(tuple(parts), shape=rows.shape))


class SparseOperand:
    """A sparse matrix behind the part of NumPy's protocols that products and their rules use."""

    __slots__ = ("matrix",)

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix

    ndim = 2

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.matrix.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """The dtype of the elements."""
        return self.matrix.dtype

    @property
    def size(self) -> int:
        """Rows times columns."""
        return self.shape[0] * self.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes of the elements that are stored, and of where they stand."""
        return sum(int(part.nbytes) for part in (self.matrix.data, self.matrix.indices, self.matrix.indptr))

    @property
    def T(self) -> SparseOperand:  # noqa: N802 - NumPy's name
        """The transpose, on the same memory."""
        return SparseOperand(self.matrix.T)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if ufunc is not np.matmul or method != "__call__" or kwargs:
            raise TypeError(f"np.{ufunc.__name__} does not take a sparse matrix; write {SPELLINGS}")
        return _product(*inputs)

    def __array_function__(self, function: Callable[..., Any], kinds: Any, args: Any, kwargs: Any) -> Any:
        if function in _PLAIN:
            return _PLAIN[function](self)
        if function is not np.dot or kwargs or any(getattr(arg, "ndim", 2) not in (1, 2) for arg in args):
            raise TypeError(f"np.{function.__name__} does not take a sparse matrix; write {SPELLINGS}")
        return _product(*args)


# What else the engine and the rules of a product ask of an operand.
_PLAIN: dict[Any, Callable[[SparseOperand], Any]] = {np.shape: lambda a: a.shape, np.swapaxes: lambda a: a.T}


def _product(x: Any, y: Any) -> Any:
    """``x @ y``, of which one is a sparse operand; the axes of the other before the last two are a batch."""
    if x.__class__ is not SparseOperand:  # (y Aᵀ)ᵀ = A yᵀ
        if x.__class__ is not np.ndarray:
            return NotImplemented
        return x @ y.matrix
    if y.__class__ is not np.ndarray:
        return NotImplemented
    if y.ndim <= 2:
        return x.matrix @ y
    columns = np.moveaxis(y, -2, 0)
    product = x.matrix @ columns.reshape(len(columns), -1)
    return np.moveaxis(product.reshape(-1, *columns.shape[1:]), 0, -2)
