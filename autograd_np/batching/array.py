"""The batched array, as NumPy and its callers see it: protocols, operators, attributes and methods."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from . import joining, products, reductions, shapes  # noqa: F401 - they fill the table
from .indexing import getitem, setitem
from .methods import ArrayMethods
from .table import call_function
from .ufuncs import call_ufunc
from .values import BatchedValues, innermost

__all__ = ["Batched"]


class Batched(BatchedValues, ArrayMethods):
    """An array of ``shape`` for each element of a batch, in one array of values of shape ``(n, *shape)``.

    It stands under Tensors, and over an ndarray, a traced array or another batched one (nested :func:`~autograd_np.vmap`).
    """

    __slots__ = ()
    __hash__ = object.__hash__

    # ------------------------------------------------------------ NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        inner: Any = None
        for x in (*inputs, *(kwargs.get("out") or ()), kwargs.get("where")):
            if isinstance(x, BatchedValues):
                if inner is None or x.level > inner.level:
                    inner = x
            elif isinstance(x, Tensor):
                return NotImplemented
        return call_ufunc(inner, ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, kinds: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if any(issubclass(kind, Tensor) for kind in kinds):
            return NotImplemented
        # NumPy asks one array per class, which may be of an outer batch.
        inner = innermost((args, kwargs))  # None where the array is NumPy's ``like=``, which it keeps to itself
        return call_function(self if inner is None else inner, function, args, kwargs)

    def __getitem__(self, index: Any) -> Any:
        return getitem(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        setitem(self, index, value)

    # ------------------------------------------------------------ attributes and methods

    @property
    def real(self) -> Batched:
        """The real part."""
        return Batched(self.values.real, self.level)

    @property
    def imag(self) -> Batched:
        """The imaginary part."""
        return Batched(self.values.imag, self.level)

    def copy(self, order: Any = "C") -> Batched:
        """A copy."""
        return Batched(self.values.copy(order), self.level)

    def view(self, *dtype: Any) -> Batched:
        """The same memory."""
        return Batched(self.values.view(*dtype), self.level)

    def astype(self, dtype: Any, **options: Any) -> Batched:
        """The values in another dtype."""
        return Batched(self.values.astype(dtype, **options), self.level)
