"""A duck array: it speaks NumPy's protocols, counts, and is never converted without saying so.

It stands for the arrays of other libraries (CuPy, a tracer) in the tests. As theirs, its results are its own
kind also where NumPy would give a scalar, it does not mix with an ndarray of more than one element in
arithmetic, and turning it into an ndarray, a number or a truth value silently is an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

__all__ = ["DuckArray", "ducks", "plain"]


class DuckArray(NDArrayOperatorsMixin):
    """An array behind NumPy's protocols.

    Attributes:
        calls: how often each function was called on duck arrays, for all of them together.
        mixed: the functions that were given an ndarray of more than one element beside a duck array.
    """

    __slots__ = ("_array",)

    calls: ClassVar[Counter[str]] = Counter()
    mixed: ClassVar[Counter[str]] = Counter()
    _array: np.ndarray[Any, Any]

    def __init__(self, array: Any) -> None:
        if isinstance(array, DuckArray):
            array = array._array
        self._array = np.asarray(array)

    # ------------------------------------------------------------ what is refused

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError("a DuckArray was converted to an ndarray")

    def __bool__(self) -> bool:
        raise TypeError("a DuckArray was asked for a truth value")

    def __float__(self) -> float:
        raise TypeError("a DuckArray was converted to a float")

    def __int__(self) -> int:
        raise TypeError("a DuckArray was converted to an int")

    def __index__(self) -> int:
        raise TypeError("a DuckArray was used as an index of a sequence")

    # ------------------------------------------------------------ NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        self.calls[name] += 1
        # The second argument of ``at`` and ``reduceat`` is an index.
        arithmetic = inputs[:1] + inputs[2:] if method in ("at", "reduceat") else inputs
        if any(isinstance(x, np.ndarray) and x.size > 1 for x in arithmetic):
            self.mixed[name] += 1
        out = kwargs.pop("out", None)
        result = getattr(ufunc, method)(*plain(inputs), **plain(kwargs))
        if out is None:
            return ducks(result)
        target = out[0]
        target._array[...] = result
        return target

    def __array_function__(self, function: Callable[..., Any], kinds: Any, args: Any, kwargs: Any) -> Any:
        self.calls[function.__name__] += 1
        return ducks(function(*plain(args), **plain(kwargs)))

    # ------------------------------------------------------------ the array

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(self._array.shape)

    @property
    def dtype(self) -> Any:
        """NumPy's dtype."""
        return self._array.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._array.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._array.size

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return self._array.nbytes

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._array.itemsize

    @property
    def T(self) -> DuckArray:  # noqa: N802 - the array API's name
        """The axes in reverse order."""
        return DuckArray(self._array.T)

    @property
    def mT(self) -> DuckArray:  # noqa: N802 - the array API's name
        """The last two axes exchanged."""
        return DuckArray(self._array.mT)

    @property
    def real(self) -> DuckArray:
        """The real part."""
        return DuckArray(self._array.real)

    @property
    def imag(self) -> DuckArray:
        """The imaginary part."""
        return DuckArray(self._array.imag)

    def get(self) -> Any:
        """The ndarray, asked for in so many words."""
        return self._array

    def item(self, *args: Any) -> Any:
        """One element as a Python number."""
        return self._array.item(*args)

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        return self._array.tolist()

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[DuckArray]:
        return (DuckArray(row) for row in self._array)

    def __getitem__(self, index: Any) -> DuckArray:
        self.calls["getitem"] += 1
        return DuckArray(self._array[plain(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.calls["setitem"] += 1
        self._array[plain(index)] = plain(value)

    def __repr__(self) -> str:
        return f"DuckArray({self._array!r})"


def _method(name: str) -> Callable[..., Any]:
    def method(self: DuckArray, *args: Any, **kwargs: Any) -> Any:
        self.calls[name] += 1
        return ducks(getattr(self._array, name)(*plain(args), **plain(kwargs)))

    method.__name__ = name
    method.__doc__ = f"As ``ndarray.{name}``."
    return method


for _name in (
    "all", "any", "argmax", "argmin", "argsort", "astype", "clip", "conj", "copy", "cumprod", "cumsum", "diagonal",
    "dot", "fill", "flatten",
    "max", "mean", "min", "nonzero", "prod", "ravel", "repeat", "reshape", "round", "squeeze", "std", "sum",
    "swapaxes", "take", "trace",
    "transpose", "var", "view",
):  # fmt: skip
    setattr(DuckArray, _name, _method(_name))


def plain(value: Any) -> Any:
    """The same with ndarrays in place of duck arrays, inside tuples, lists and dicts too."""
    if isinstance(value, DuckArray):
        return value._array
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        items = [plain(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def ducks(value: Any) -> Any:
    """The same with duck arrays in place of ndarrays and NumPy scalars."""
    if isinstance(value, (np.ndarray, np.generic)):
        return DuckArray(value)
    if isinstance(value, (tuple, list)):
        items = [ducks(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value
