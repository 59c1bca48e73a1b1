"""The array of index sets, as NumPy and its callers see it: protocols, attributes and methods."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..batching.methods import ArrayMethods
from ..batching.values import BatchedValues
from ..engine.tensor import Tensor
from .pool import EMPTY
from .table import call_function
from .unions import call_ufunc
from .values import IndexSetValues, carries, numbers, sets_like

__all__ = ["IndexSets"]


class IndexSets(IndexSetValues, ArrayMethods):
    """An array of numbers, each with the inputs that it depends on. It stands under Tensors and batched arrays."""

    __slots__ = ()
    __hash__ = object.__hash__

    # ------------------------------------------------------------ NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(x, (Tensor, BatchedValues)) for x in (*inputs, *(kwargs.get("out") or ()))):
            return NotImplemented
        return call_ufunc(self, ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, kinds: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if any(issubclass(kind, (Tensor, BatchedValues)) for kind in kinds):
            return NotImplemented
        return call_function(self, function, args, kwargs)

    def __getitem__(self, index: Any) -> Any:
        index = numbers(index)
        return IndexSets(self.values[index], self.sets[index], self.pool)

    def __setitem__(self, index: Any, value: Any) -> None:
        index = numbers(index)
        self.values[index] = numbers(value)
        if isinstance(value, IndexSetValues) and carries(self.dtype, value.dtype):
            self.sets[index] = value.sets
        else:
            self.sets[index] = EMPTY

    # ------------------------------------------------------------ attributes and methods

    @property
    def real(self) -> Any:
        """The real part."""
        return np.real(self)

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return np.imag(self)

    def copy(self, order: Any = "C") -> IndexSets:
        """A copy."""
        return IndexSets(self.values.copy(order), self.sets.copy(order), self.pool)

    def view(self, *dtype: Any) -> IndexSets:
        """The same memory."""
        values = self.values.view(*dtype)
        if values.itemsize != self.itemsize:
            raise TypeError(f"sparsity: {self!r} cannot be seen as {dtype[0]}, of another width")
        return IndexSets(values, self.sets.view(), self.pool)

    def astype(self, dtype: Any, **options: Any) -> IndexSets:
        """The values in another dtype."""
        values = self.values.astype(dtype, **options)
        if values is self.values:
            return self
        return IndexSets(
            values, sets_like(values, self.sets if carries(values.dtype, self.dtype) else EMPTY), self.pool
        )
