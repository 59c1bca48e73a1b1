"""The traced array: it computes as NumPy does and records each call. It knows nothing of gradients."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engine.errors import CompileError, location
from ...engine.hooks import TracedArray
from ...engine.sparse_operands import is_sparse, sparse_operand
from ..ir import Value
from .functions import REMEDY, as_target, call_function, change, mean, reduce, settle

if TYPE_CHECKING:
    from .record import Trace

__all__ = ["Traced"]


def _method(name: str) -> Callable[..., Any]:
    """A method of arrays that is the same thing with traced ones."""

    def method(self: Traced, *args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        if name not in ("take", "searchsorted", "choose", "clip"):
            args = settle(self.trace, args, f"an argument of .{name}()")
            kwargs = {key: settle(self.trace, item, f"{key} of .{name}()") for key, item in kwargs.items()}
        return self.trace.call(
            "method",
            name,
            (self, *args),
            kwargs,
            out,
            run=lambda a, *rest, **options: getattr(a, name)(*rest, **options),
        )

    method.__name__ = name
    return method


def _reduction(ufunc: np.ufunc) -> Callable[..., Any]:
    def method(
        self: Traced, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **options: Any
    ) -> Any:
        if dtype is not None:
            options["dtype"] = dtype
        return reduce(self.trace, ufunc, self, axis, keepdims, out, options)

    return method


class Traced(TracedArray):
    """An array of a trace."""

    __slots__ = ("__weakref__", "array", "trace", "value")
    __hash__ = object.__hash__

    def __init__(self, trace: Trace, value: Value, array: Any) -> None:
        self.trace = trace
        self.value = value
        self.array = array

    # ---------------------------------------------------------------- what is known before the program runs

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        return self.array.dtype

    @property
    def ndim(self) -> int:
        return self.array.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        return self.array.size  # type: ignore[no-any-return]

    @property
    def nbytes(self) -> int:
        return self.array.nbytes  # type: ignore[no-any-return]

    @property
    def itemsize(self) -> int:
        return self.array.itemsize  # type: ignore[no-any-return]

    @property
    def strides(self) -> tuple[int, ...]:
        return self.array.strides  # type: ignore[no-any-return]

    @property
    def flags(self) -> Any:
        return self.array.flags

    def __len__(self) -> int:
        return len(self.array)

    def __repr__(self) -> str:
        return f"<traced array, {self.shape} {self.dtype}>"

    # ---------------------------------------------------------------- what is not

    def _unknown(self, word: str) -> Any:
        if self.trace.elsewhere(self.value) or self.trace.known(self.value):
            return self.array
        raise CompileError(
            f"compile: {word} of an array ({self.shape} {self.dtype}) asks for numbers that are known only when the program runs ({location()}). {REMEDY}"
        )

    def __bool__(self) -> bool:
        return bool(self._unknown("the truth value (if, while, and, or, not, assert)"))

    def __float__(self) -> float:
        return float(self._unknown("float()"))

    def __int__(self) -> int:
        return int(self._unknown("int()"))

    def __complex__(self) -> complex:
        return complex(self._unknown("complex()"))

    def __index__(self) -> int:
        return int(self._unknown("the use as an index or a length").__index__())

    def __format__(self, form: str) -> str:
        return format(self._unknown("a formatted string"), form)

    def __contains__(self, value: Any) -> bool:
        return bool(value in self._unknown("`in`"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = self._unknown(
            "np.asarray() or np.array() (also by assignment into a plain array, for which there are np.stack and np.zeros_like(x, shape=...), "
            "or by a function that is not NumPy's)"
        )
        return np.array(array, dtype=dtype, copy=copy)

    def __round__(self, digits: int | None = None) -> Any:
        return round(self._unknown("round()"), digits)

    def __trunc__(self) -> Any:
        return math.trunc(self._unknown("math.trunc()"))

    def __floor__(self) -> Any:
        return math.floor(self._unknown("math.floor()"))

    def __ceil__(self) -> Any:
        return math.ceil(self._unknown("math.ceil()"))

    def item(self, *args: Any) -> Any:
        return self._unknown(".item()").item(*args)

    def tolist(self) -> Any:
        return self._unknown(".tolist()").tolist()

    def tobytes(self, order: Any = "C") -> bytes:
        return self._unknown(".tobytes()").tobytes(order)  # type: ignore[no-any-return]

    def nonzero(self) -> Any:
        return self._unknown(".nonzero()").nonzero()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"a traced array has no attribute {name!r}")
        raise CompileError(f"compile: .{name} of an array cannot be traced ({location()}). {REMEDY}")

    # ---------------------------------------------------------------- NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        for item in inputs:
            if not isinstance(item, _KNOWN):
                if hasattr(type(item), "__array_ufunc__") and not isinstance(item, (np.ndarray, np.generic)):
                    return NotImplemented
                if is_sparse(item):
                    sparse_operand(item, "matmul", "an operand")  # raises
                if not isinstance(item, (list, tuple, int, float, complex)):
                    return NotImplemented
        out = kwargs.pop("out", None)
        if out is not None:
            if all(o is None for o in out):
                out = None
            elif len(out) > 1:
                raise CompileError(
                    f"compile: out= of {ufunc.__name__}, which has several outputs, cannot be traced; use what it returns ({location()})"
                )
            else:
                out = as_target(self.trace, out[0])
        if method == "__call__":
            return self.trace.call("ufunc", ufunc, inputs, kwargs, out)
        if method == "reduce":
            args = (
                dict(zip(("axis", "dtype", "out", "keepdims", "initial", "where"), inputs[1:], strict=False)) | kwargs
            )
            args.pop("out", None)
            axis, keepdims = args.pop("axis", 0), args.pop("keepdims", False)
            if args.get("dtype", 0) is None:
                del args["dtype"]
            return reduce(self.trace, ufunc, inputs[0], axis, keepdims, out, args)
        if method == "at":
            return change(self.trace, ufunc.at, inputs, f"{ufunc.__name__}.at")
        return self.trace.call("ufunc method", (ufunc, method), inputs, kwargs, out, run=getattr(ufunc, method))

    def __array_function__(self, function: Any, kinds: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for kind in kinds:
            if kind is not Traced and not issubclass(kind, np.ndarray):
                return NotImplemented
        return call_function(self.trace, function, args, kwargs)

    # ---------------------------------------------------------------- elements

    def __getitem__(self, index: Any) -> Any:
        index = self._settled(index)
        parts = index if isinstance(index, tuple) else (index,)
        numbers = False
        for part in parts:
            if isinstance(part, Traced):
                if part.dtype.kind == "b":
                    raise CompileError(
                        f"compile: an index of booleans gives an array whose length is known only when the program runs ({location()}). "
                        "Use np.where(mask, x, 0), or reductions with where=mask"
                    )
                numbers = numbers or part.ndim == 0
        if numbers:
            # A number that changes from run to run picks another place each time: what it picks is a copy, not a view of one place.
            return self.trace.call("function", _chosen, (self, index), {})
        return self.trace.call("getitem", "getitem", (self, index), {}, run=lambda a, i: a[i])

    def _settled(self, index: Any) -> Any:
        """An index in which numbers and truth values that are known stand as such: what it selects is one place."""

        def settled(part: Any) -> Any:
            if part.__class__ is slice and any(isinstance(end, Traced) for end in (part.start, part.stop, part.step)):
                return slice(
                    *[settle(self.trace, end, "the length of a slice") for end in (part.start, part.stop, part.step)]
                )
            looked_at = (
                isinstance(part, Traced) and (part.dtype.kind == "b" or not part.ndim) and self.trace.known(part.value)
            )
            return part.array if looked_at else part

        return tuple([settled(part) for part in index]) if isinstance(index, tuple) else settled(index)

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, Traced) and value.value.storage is self.value.storage:
            place: Any = (
                None
                if any(isinstance(i, Traced) for i in (index if isinstance(index, tuple) else (index,)))
                else self.array[index]
            )
            if (
                isinstance(place, np.ndarray)
                and place.base is not None
                and self.trace.value(place).region == value.value.region
            ):
                return  # x[i] += y has written already, and now puts the view back where it is
        if not isinstance(value, Traced):
            value = value if isinstance(value, (int, float, complex, bool, np.generic)) else np.asarray(value)
        change(self.trace, _assign, (self, index, value), "setitem")

    def __iter__(self) -> Iterator[Any]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return iter([self[i] for i in range(len(self))])

    def fill(self, value: Any) -> None:
        self[...] = value

    # ---------------------------------------------------------------- methods

    sum = _reduction(np.add)
    prod = _reduction(np.multiply)
    any = _reduction(np.logical_or)
    all = _reduction(np.logical_and)

    def max(self, axis: Any = None, out: Any = None, keepdims: bool = False, **options: Any) -> Any:
        return reduce(self.trace, np.maximum, self, axis, keepdims, out, options)

    def min(self, axis: Any = None, out: Any = None, keepdims: bool = False, **options: Any) -> Any:
        return reduce(self.trace, np.minimum, self, axis, keepdims, out, options)

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **options: Any) -> Any:
        if dtype is not None:
            options["dtype"] = dtype
        return mean(self.trace, self, axis, keepdims, out, options)

    def dot(self, other: Any, out: Any = None) -> Any:
        return self.trace.call("function", np.dot, (self, other), {}, out)

    def astype(
        self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
    ) -> Any:
        options: dict[str, Any] = {"copy": copy}
        if order != "K":
            options["order"] = order
        if casting != "unsafe":
            options["casting"] = casting
        return self.trace.call(
            "method", "astype", (self, np.dtype(dtype)), options, run=lambda a, d, **options: a.astype(d, **options)
        )

    def view(self, dtype: Any = None) -> Any:
        if dtype is None:
            return self.trace.call("getitem", "getitem", (self, ...), {}, run=lambda a, i: a[i])
        return self.trace.call("method", "view", (self, np.dtype(dtype)), {}, run=lambda a, d: a.view(d))

    def transpose(self, *axes: Any) -> Any:
        if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))):
            axes = () if axes[0] is None else tuple(axes[0])
        return self.trace.call("method", "transpose", (self, *axes), {}, run=lambda a, *rest: a.transpose(*rest))

    def sort(self, axis: int = -1, **options: Any) -> None:
        change(self.trace, lambda a: a.sort(axis=axis, **options), (self,), "sort")

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def __divmod__(self, other: Any) -> Any:
        return np.divmod(self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return np.divmod(other, self)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return np


for _name in (
    "reshape", "ravel", "flatten", "copy", "squeeze", "swapaxes", "diagonal", "trace", "repeat", "take", "cumsum", "cumprod", "argmax", "argmin", "argsort",
    "argpartition", "searchsorted", "choose", "clip", "round", "conj", "conjugate", "var", "std", "byteswap",
):  # fmt: skip
    if _name != "trace":
        setattr(Traced, _name, _method(_name))


def _attribute(name: str) -> Any:
    return property(lambda self: self.trace.call("attribute", name, (self,), {}, run=lambda a: getattr(a, name)))


for _name in ("T", "mT", "real", "imag"):
    setattr(Traced, _name, _attribute(_name))


def _operator(ufunc: np.ufunc, reflected: bool = False, own: Any = None) -> Callable[..., Any]:
    def operator(self: Traced, other: Any) -> Any:
        if hasattr(type(other), "__array_ufunc__") and not isinstance(other, (Traced, np.ndarray, np.generic)):
            return NotImplemented
        if self.value.weak and own is not None and _weak(other):
            return self.trace.call("function", own, (other, self) if reflected else (self, other), {})
        return ufunc(other, self) if reflected else ufunc(self, other)

    return operator


def _weak(thing: Any) -> bool:
    """Whether an operand is a number of Python's."""
    return thing.value.weak if isinstance(thing, Traced) else type(thing) in (bool, int, float, complex)


def _one_operand(ufunc: np.ufunc, own: Any) -> Callable[..., Any]:
    return lambda self: self.trace.call("function", own, (self,), {}) if self.value.weak else ufunc(self)


def _in_place(ufunc: np.ufunc, own: Any) -> Callable[..., Any]:
    def operator(self: Traced, other: Any) -> Any:
        if isinstance(self.array, np.generic):
            return (
                self.trace.call("function", own, (self, other), {})
                if self.value.weak and _weak(other)
                else ufunc(self, other)
            )
        return ufunc(self, other, out=self)

    return operator


for _name, _ufunc in {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "floordiv": np.floor_divide, "mod": np.remainder, "pow": np.power,
    "matmul": np.matmul, "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor, "lshift": np.left_shift, "rshift": np.right_shift,
}.items():  # fmt: skip
    _own = getattr(operator, f"__{_name}__")
    setattr(Traced, f"__{_name}__", _operator(_ufunc, own=_own))
    setattr(Traced, f"__r{_name}__", _operator(_ufunc, reflected=True, own=_own))
    setattr(Traced, f"__i{_name}__", _in_place(_ufunc, _own))
for _name, _ufunc in {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}.items():
    setattr(Traced, f"__{_name}__", _operator(_ufunc, own=getattr(operator, f"__{_name}__")))
for _name, _ufunc in {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}.items():
    setattr(Traced, f"__{_name}__", _one_operand(_ufunc, getattr(operator, f"__{_name}__")))


def _power(self: Traced, other: Any) -> Any:
    if hasattr(type(other), "__array_ufunc__") and not isinstance(other, (Traced, np.ndarray, np.generic)):
        return NotImplemented
    if (
        isinstance(self.array, np.generic)
        and (not isinstance(other, Traced) or isinstance(other.array, np.generic))
        and not isinstance(other, np.ndarray)
    ):
        return self.trace.call("function", pow, (self, other), {})  # NumPy's numbers have an arithmetic of their own
    return _power_of_array(self, other)


def _power_of_array(self: Traced, other: Any, out: Any = None) -> Any:
    """``x**y`` as arrays do it: for some exponents another function, with other rounding."""
    options = {} if out is None else {"out": out}
    if type(other) is int and other == 2:
        return np.square(self, **options)
    if self.dtype.kind in "fc" and type(other) is int and other == -1:
        return np.reciprocal(self, **options)
    if self.dtype.kind in "fc" and type(other) is float and other == 0.5:
        return np.sqrt(self, **options)
    return np.power(self, other, **options)


def _power_reflected(self: Traced, other: Any) -> Any:
    if isinstance(self.array, np.generic) and not isinstance(other, np.ndarray):
        return self.trace.call("function", pow, (other, self), {})
    return np.power(other, self)


def _power_in_place(self: Traced, other: Any) -> Any:
    return _power(self, other) if isinstance(self.array, np.generic) else _power_of_array(self, other, self)


for _name, _function in {"__pow__": _power, "__rpow__": _power_reflected, "__ipow__": _power_in_place}.items():
    setattr(Traced, _name, _function)

_KNOWN = (Traced, np.ndarray, np.generic)


def _chosen(a: Any, index: Any) -> Any:
    """``a[index]``, copied."""
    return np.copy(a[index]) if a[index].ndim else a[index]


def _assign(a: Any, index: Any, value: Any) -> None:
    a[index] = value
