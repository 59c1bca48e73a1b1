"""Puts operators and ndarray's methods on ``Tensor``. They are the primitives themselves, with no layer between."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..engine.codegen import operator_form
from ..engine.errors import describe, explain
from ..engine.modes import is_grad_enabled
from ..engine.protocols import call_function, call_ufunc
from ..engine.record import required
from ..engine.registry import FUNCTIONS, UFUNCS, primitive_of
from ..engine.suggestions import absent
from ..engine.tensor import Argument, Tensor
from . import activations, elementwise, indexing, shaping

__all__ = ["install"]

# operator → ufunc, for the operators that have a reflected form
BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "floordiv": np.floor_divide,
    "mod": np.remainder, "divmod": np.divmod, "pow": np.power, "matmul": np.matmul, "and": np.bitwise_and,
    "or": np.bitwise_or, "xor": np.bitwise_xor, "lshift": np.left_shift, "rshift": np.right_shift,
}  # fmt: skip
COMPARISONS = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip
AUGMENTED = {
    "add": "+=", "sub": "-=", "mul": "*=", "truediv": "/=", "floordiv": "//=", "mod": "%=", "pow": "**=", "matmul": "@=",
    "and": "&=", "or": "|=", "xor": "^=", "lshift": "<<=", "rshift": ">>=",
}  # fmt: skip
UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}

# methods that take the same parameters as NumPy's function of that name
SAME_AS_FUNCTION = (
    "sum", "mean", "var", "std", "prod", "max", "min", "any", "all", "argmax", "argmin", "cumsum", "cumprod",
    "swapaxes", "squeeze", "ravel", "repeat", "take", "diagonal", "trace", "dot", "argsort", "argpartition",
    "nonzero", "searchsorted", "choose", "round", "clip",
)  # fmt: skip

IN_PLACE = {
    "sort": "np.sort(t, ...)",
    "partition": "np.partition(t, ...)",
    "fill": "np.full_like(t, value)",
    "put": "ag.index_update(t, index, values)",
    "resize": "np.resize(t, shape)",
    "itemset": "ag.index_update(t, index, value)",
    "byteswap": "t.numpy().byteswap()",
    "setflags": "t.data.setflags(...)",
    "setfield": "t.data.setfield(...)",
    "view": "t.reshape(...) for another shape, t.astype(...) for another dtype, or t.numpy().view(...), which has no gradient",
    "getfield": "t.numpy().getfield(...)",
}
# Methods of PyTorch's tensors → what it is here.
ELSEWHERE = {
    "abs": "use np.abs(t)",
    "argwhere": "use np.argwhere(t)",
    "bmm": "use t @ other",
    "cat": "use np.concatenate([t, …], axis=0)",
    "chunk": "use np.split(t, n, axis)",
    "clamp": "use t.clip(low, high)",
    "clone": "use t.copy()",
    "contiguous": "leave it out",
    "cos": "use np.cos(t)",
    "cpu": "leave it out: arrays lie in the memory of the CPU",
    "cuda": "leave it out: arrays lie in the memory of the CPU",
    "detach_": "use t = t.detach()",
    "dim": "use t.ndim",
    "div": "use t / other",
    "double": "use t.astype(np.float64)",
    "eq": "use t == other",
    "expand": "use np.broadcast_to(t, shape)",
    "expand_as": "use np.broadcast_to(t, other.shape)",
    "fill_": "use t.writable()[...] = value",
    "flip": "use np.flip(t, axis)",
    "float": "use t.astype(np.float32)",
    "gather": "use np.take_along_axis(t, index, axis)",
    "grad_fn": "print(ag.tape(t)) shows what it was computed from",
    "half": "use t.astype(np.float16)",
    "index_select": "use np.take(t, index, axis)",
    "int": "use t.astype(np.int32)",
    "log_softmax": "use ag.log_softmax(t, axis=-1)",
    "long": "use t.astype(np.int64)",
    "masked_fill": "use np.where(mask, value, t)",
    "matmul": "use t @ other",
    "mm": "use t @ other",
    "mul": "use t * other",
    "narrow": "use a slice, t[start:stop]",
    "norm": "use np.linalg.norm(t)",
    "numel": "use t.size",
    "permute": "use t.transpose(axes)",
    "pow": "use t**exponent",
    "requires_grad_": "use ag.Tensor(values, requires_grad=True)",
    "scatter": "use ag.index_update(t, index, values)",
    "select": "use t[index]",
    "sin": "use np.sin(t)",
    "softmax": "use ag.softmax(t, axis=-1)",
    "split": "use np.split(t, positions, axis)",
    "square": "use np.square(t)",
    "stack": "use np.stack([t, …], axis=0)",
    "sub": "use t - other",
    "t": "use t.T",
    "tile": "use np.tile(t, counts)",
    "to": "use t.astype(dtype); arrays lie in the memory of the CPU",
    "topk": "use np.sort(t, axis)[..., -k:]",
    "type": "use t.dtype, or t.astype(dtype)",
    "unbind": "use np.unstack(t, axis=0)",
    "unflatten": "use t.reshape(shape)",
    "unsqueeze": "use np.expand_dims(t, axis), or t[:, None]",
    "view_as": "use t.reshape(other.shape)",
    "where": "use np.where(condition, t, other)",
    "zero_": "use t.writable()[...] = 0, or t.zero_grad() for its gradient",
}


def _in_place(symbol: str, ufunc: np.ufunc, function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """An operator such as ``-=``: it writes into a leaf that needs a gradient, and gives any other name a new Tensor."""

    def in_place(self: Tensor, other: Any) -> Any:
        node = self._node
        if node is None or node.primitive is not None or node.__class__ is Argument:
            return NotImplemented  # t = t - other, then
        if is_grad_enabled():
            raise RuntimeError(
                f"t {symbol} … on a leaf that needs a gradient ({self.name or 't'}, {describe(self._values)}) would leave it as it is and give its name "
                f"to a new Tensor. To update it: with ag.no_grad(): t {symbol} …, or optimizer.step(), or t.writable()[...] {symbol} …; "
                f"for a new Tensor: t = t {symbol[:-1]} …"
            )
        found = primitive_of(ufunc)
        value = other._values if isinstance(other, Tensor) else required(other, found, "the right side")
        array = self.writable()
        try:
            result = function(array, value)
        except Exception as error:  # noqa: BLE001 - of the same type, with both sides
            raise explain(symbol, {"t": array, "the right side": value}, error) from None
        if result is not array:  # of an array that is not written in place
            self.data = result
        return self

    in_place.__name__ = f"__{function.__name__}__"
    return in_place


def _refused(word: str, remedy: str) -> Callable[..., Any]:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"Tensor.{word} would change or reinterpret the array in place; use {remedy}")

    method.__name__ = word
    method.__doc__ = f"Refused: use {remedy}."
    return method


def _no_flat(self: Tensor) -> Any:
    raise AttributeError("a Tensor has no .flat; iterate over t.ravel(), whose items are Tensors, or index that")


def _iterate(self: Tensor) -> Iterator[Tensor]:
    """The items along the first axis; all n of them together cost O(n) in the backward pass."""
    if self._values.ndim == 0:
        raise TypeError("iteration over a 0-d Tensor")
    return iter(FUNCTIONS[np.unstack](self))


def _reshape(self: Tensor, *shape: Any, order: str = "C", copy: bool | None = None) -> Tensor:
    """The same elements in another shape: ``t.reshape(2, 3)`` or ``t.reshape((2, 3))``."""
    target = shape[0] if len(shape) == 1 else shape
    if order == "C" and copy is None:
        return FUNCTIONS[np.reshape](self, target)
    return FUNCTIONS[np.reshape](self, target, order=order, copy=copy)


def _transpose(self: Tensor, *axes: Any) -> Tensor:
    """The axes permuted: ``t.transpose()``, ``t.transpose(1, 0)`` or ``t.transpose((1, 0))``."""
    if not axes or axes == (None,):
        return FUNCTIONS[np.transpose](self)
    return FUNCTIONS[np.transpose](self, axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes)


def _rounded(self: Tensor, digits: int | None = None) -> Tensor:
    """``round(t, digits)``: ``np.round``, whose result needs no gradient."""
    return FUNCTIONS[np.round](self, digits or 0)


def _compress(self: Tensor, condition: Any, axis: int | None = None) -> Tensor:
    """The slices along ``axis`` where ``condition`` is true."""
    return FUNCTIONS[np.compress](condition, self, axis)


def _conjugate(self: Tensor) -> Tensor:
    """The complex conjugate; of real numbers the Tensor itself, as ``ndarray.conj`` gives the array itself."""
    return UFUNCS[np.conjugate](self) if self.dtype.kind == "c" else self


def _copy(self: Tensor, order: str = "C") -> Tensor:
    """A copy with memory of its own, in C order as that of ``ndarray.copy`` (``np.copy`` keeps the order). Gradient: 1."""
    return FUNCTIONS[np.copy](self, order)


def _tobytes(self: Tensor, order: Any = "C") -> bytes:
    """The bytes of the elements."""
    return self._values.tobytes(order)


def install() -> None:
    """Put everything on the class."""
    put: dict[str, Any] = {}
    for word, ufunc in BINARY.items():
        put[f"__{word}__"] = operator_form(UFUNCS[ufunc])
        put[f"__r{word}__"] = operator_form(UFUNCS[ufunc], reflected=True)
    for word, symbol in AUGMENTED.items():
        put[f"__i{word}__"] = _in_place(symbol, BINARY[word], getattr(operator, f"__i{word}__"))
    for word, ufunc in COMPARISONS.items():
        put[f"__{word}__"] = operator_form(UFUNCS[ufunc])
    for word, ufunc in UNARY.items():
        put[f"__{word}__"] = UFUNCS[ufunc]
    for word in SAME_AS_FUNCTION:
        numpy_function = getattr(np, word)
        put[word] = UFUNCS[numpy_function] if isinstance(numpy_function, np.ufunc) else FUNCTIONS[numpy_function]
    for word in ("exp", "log", "sqrt", "tanh"):
        put[word] = UFUNCS[getattr(np, word)]
    put |= {
        "__array_ufunc__": call_ufunc,
        "__array_function__": call_function,
        "relu": activations.relu,
        "sigmoid": activations.sigmoid,
        "astype": elementwise.astype,
        "copy": _copy,
        "__copy__": elementwise.copy,
        "__getitem__": indexing.getitem,
        "__round__": _rounded,
        "__iter__": _iterate,
        "reshape": _reshape,
        "transpose": _transpose,
        "compress": _compress,
        "conj": _conjugate,
        "conjugate": _conjugate,
        "flatten": shaping.flatten,
        "tobytes": _tobytes,
        "T": property(FUNCTIONS[np.transpose], doc="The axes in reverse order."),
        "mT": property(FUNCTIONS[np.matrix_transpose], doc="The last two axes exchanged."),
        "real": property(FUNCTIONS[np.real], doc="The real part."),
        "imag": property(FUNCTIONS[np.imag], doc="The imaginary part."),
        "flat": property(_no_flat, doc="Refused: use ``t.ravel()``."),
    }
    put |= {word: _refused(word, remedy) for word, remedy in IN_PLACE.items()}
    for word, value in put.items():
        setattr(Tensor, word, value)
    absent(Tensor, ELSEWHERE)
