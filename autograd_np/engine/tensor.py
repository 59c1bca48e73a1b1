"""``Tensor``: an array and its place on the tape."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_np.engine.tape as tape

from . import write_guards
from .clock import CHANGES
from .conversions import cut
from .errors import NonDifferentiableError, describe
from .glibc import keep_freed_memory
from .held import hold
from .hooks import beside, is_batched, is_scalar, is_traced
from .html import tensor_html
from .modes import is_grad_enabled
from .operands import above, base_array
from .python_values import PythonValues
from .sparse_operands import is_sparse
from .suggestions import names

__all__ = ["Array", "ArrayLike", "DTypeLike", "Tensor", "tensor"]

if TYPE_CHECKING:
    from .declarations import Array, ArrayLike, ArrayMethods, DTypeLike
else:
    Array = ArrayLike = DTypeLike = Any
    ArrayMethods = object


class Tensor(PythonValues, ArrayMethods):
    """An array whose operations are recorded, so that gradients can be computed.

    Args:
        data: an array, a number or nested lists. An array is wrapped without copying.
        requires_grad: whether gradients shall be accumulated in ``.grad``.
        dtype: convert to this dtype (which copies, unless it is the array's own).
        name: a label for pictures and messages.
        copy: take a copy of the array. What is computed from memory of its own needs no guard against the caller's writes.

    Raises:
        TypeError: ``data`` holds no numbers, or ``requires_grad`` is asked of integers or booleans.

    NumPy's functions and operators work on Tensors as on arrays, with NumPy's shapes and dtypes:

    >>> import numpy as np
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = np.sum(x**2)
    >>> y.backward()
    >>> x.grad
    array([2., 4., 6.])
    """

    __slots__ = ("__weakref__", "_name", "_node", "_shared", "_values")

    # Not `_data`: numpy.ma takes an attribute of that name for the array itself, without its gradient.
    _values: Any
    _node: tape.Node | None
    # Whether the caller holds the memory. Tensors on the same memory have one list, empty until one of them hands it out.
    _shared: bool | list[bool]
    _name: str | None

    def __init__(
        self,
        data: ArrayLike,
        requires_grad: bool = False,
        *,
        dtype: Any = None,
        name: str | None = None,
        copy: bool = False,
    ) -> None:
        values: Any = data
        shared: bool | list[bool] = False
        if isinstance(data, Tensor):
            if data._node is not None:
                raise TypeError(
                    "Tensor(t) of a Tensor that needs a gradient would cut it off the tape silently; use t itself, t.detach() or t.copy()"
                )
            shared = data._family()
            values = data._values
        elif isinstance(data, np.ndarray):
            values = base_array(data, "Tensor", "data")
            shared = True
        elif is_traced(data):
            shared = True
            if is_scalar(data):
                values = np.copy(values)
        elif hasattr(type(data), "__array_function__"):
            if above(type(data)):
                raise TypeError(
                    f"Tensor: a {type(data).__name__} has arithmetic of its own; it may hold a Tensor, not the other way round"
                )
            shared = write_guards.writable(data)
        else:
            try:
                values = np.asarray(data)
            except ValueError as error:
                raise ValueError(
                    f"Tensor: {error} — give numbers, or nested lists of equal length; got {describe(data)}"
                ) from None
            if values.dtype.hasobject:
                remedy = ".toarray()" if is_sparse(data) else "float()"
                raise TypeError(f"Tensor: {describe(data)} holds no numbers of NumPy's; convert it with {remedy}")
            shared = values.base is not None or hasattr(type(data), "__array__")
            copy = copy and shared  # of a list NumPy has just made an array
        if dtype is not None:
            converted = values.astype(dtype, copy=False)
            if converted is not values:
                shared = copy = False
            values = converted
        if copy:
            values, shared = values.copy(), False
        if values.dtype.kind not in "fciub":
            raise TypeError(
                f"Tensor: dtype {values.dtype} holds no numbers; give numbers, or nested lists of equal length"
            )
        self._values = values
        self._shared = shared
        self._node = None
        if name is not None:
            self._name = name
            hold(self)
        if requires_grad:
            self.requires_grad = True

    @staticmethod
    def at(data: Any, node: tape.Node | None, shared: bool | list[bool] = False) -> Tensor:
        """A Tensor of an array at a place on the tape (for the engine)."""
        t = object.__new__(Tensor)
        t._values = data
        t._node = node
        t._shared = shared
        return t

    # ---------------------------------------------------------------- the array

    @property
    def data(self) -> Any:
        """The array itself, writable. Writing to it between forward and backward raises at backward."""
        a = self._values
        if is_scalar(a):
            a = self._values = np.copy(a)
            self._shared = True
        elif not self._shared:
            # References from here: the slot, the local name, the argument. Any other may be the tape's.
            if a.__class__ is np.ndarray and (a.base is not None or sys.getrefcount(a) > 3):
                write_guards.expose(a)
            if self._shared is False:
                self._shared = True
            else:
                self._shared.append(True)
        return a

    @data.setter
    def data(self, value: Any) -> None:
        if isinstance(value, Tensor):
            raise TypeError("t.data takes an array; use t.data = other.numpy().copy()")
        old = self._values
        if value is old:
            write_guards.mark_written(old)
            return
        value = _array(value, "t.data")
        if value.dtype.kind not in "fciub":
            raise TypeError(f"t.data: dtype {value.dtype} holds no numbers")
        if self._node is not None:
            if value.shape != old.shape:
                raise ValueError(
                    f"t.data: shape {value.shape} does not replace shape {old.shape} of a Tensor that needs a gradient"
                )
            if value.dtype != old.dtype:
                raise TypeError(
                    f"t.data: dtype {value.dtype} does not replace {old.dtype} of a Tensor that needs a gradient; use .astype({old.dtype})"
                )
        # The old array stays as it is, so the nodes that keep it stay right.
        CHANGES[0] += 1
        if self._node is not None:
            write_guards.mark_replaced(self._node)
        self._values = value
        self._shared = True

    def writable(self) -> Any:
        """The array, for writing in place by an optimizer or a loader; nodes that keep it become unusable.

        Take it anew for each write: unlike ``.data``, it is not watched once it has been given.

        >>> w = Tensor([1.0, 2.0], requires_grad=True)
        >>> w.writable()[...] -= 0.5
        >>> w.tolist()
        [0.5, 1.5]
        """
        if is_scalar(self._values):
            self._values = np.copy(self._values)
        write_guards.mark_written(self._values)
        return self._values

    def numpy(self) -> Any:
        """A read-only view of the array (no copy, no gradient). Under :func:`~autograd_np.vmap` it is the batched array."""
        a = self._values
        if is_batched(a):
            return a
        if isinstance(a, np.generic) or not hasattr(a, "flags"):  # another library's array, which may refuse
            a = np.asarray(a)
        view = a.view()
        view.flags.writeable = False
        return view

    def _repr_html_(self) -> str:
        return tensor_html(self)

    def __dir__(self) -> list[str]:
        return names(type(self), super().__dir__())

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self._values.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """NumPy's dtype."""
        return self._values.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._values.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._values.size  # type: ignore[no-any-return]

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return self._values.nbytes  # type: ignore[no-any-return]

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._values.itemsize  # type: ignore[no-any-return]

    # ---------------------------------------------------------------- the tape

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this Tensor are recorded. Can be set on leaves."""
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if bool(value) == (self._node is not None):
            return
        CHANGES[0] += 1
        if not value:
            if not self.is_leaf:
                raise RuntimeError(
                    f"requires_grad can be taken off leaves only; this is the result of {self.op}: use .detach()"
                )
            self._node = None
            return
        if self._values.dtype.kind not in "fc":
            raise NonDifferentiableError(
                f"only floating and complex Tensors have gradients, not {self._values.dtype}; convert with dtype=float or .astype(float)"
            )
        node = tape.leaf(self._values.shape, self._values.dtype)
        if self.name is not None:
            node.name = self.name
        self._node = node
        hold(self)

    @property
    def is_leaf(self) -> bool:
        """Whether this was made by the user rather than by a recorded operation."""
        return self._node is None or self._node.primitive is None

    @property
    def op(self) -> str | None:
        """The name of the operation that made this Tensor (None for a leaf)."""
        if self._node is None or self._node.primitive is None:
            return None
        node = self._node
        if getattr(node.primitive, "picks", False) and node.parents[0] is not None:
            return f"{node.parents[0].primitive.name}[{(node.kept or ('?',))[0]}]"
        return f"{node.primitive.name}[0]" if getattr(node.primitive, "several", False) else str(node.primitive.name)

    @property
    def name(self) -> str | None:
        """A label for pictures and messages."""
        return getattr(self, "_name", None)

    @name.setter
    def name(self, value: str | None) -> None:
        if value is not None and not isinstance(value, str):
            raise TypeError(f"a Tensor's name is a string, not {type(value).__name__}")
        self._name = value
        hold(self)
        if self._node is not None:
            self._node.name = value

    @property
    def grad(self) -> Any:
        """The accumulated gradient: an array of this shape and dtype, None before the first backward.

        Only leaves, and Tensors on which :meth:`retain_grad` was called, have one.
        """
        return getattr(self._node, "grad", None)

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is None:
            if self._node is not None:
                self._node.grad = None
            return
        if self._node is None:
            raise RuntimeError("this Tensor needs no gradient, so it has no .grad; set requires_grad first")
        if isinstance(value, Tensor):
            raise TypeError("t.grad takes a plain array; use value.numpy()")
        value = _array(value, "t.grad")
        if value.shape != self.shape or value.dtype != self.dtype:
            raise ValueError(f"t.grad is {describe(self._values)}; got {describe(value)}")
        self._node.grad = value

    def zero_grad(self) -> None:
        """Set ``.grad`` to None."""
        self.grad = None

    def retain_grad(self) -> Tensor:
        """Let ``.grad`` of this intermediate result be filled by backward passes. Returns the Tensor itself.

        >>> x = Tensor(3.0, requires_grad=True)
        >>> h = (x * x).retain_grad()
        >>> (2 * h).backward()
        >>> float(h.grad)
        2.0
        """
        if self._node is None:
            raise RuntimeError("retain_grad: this Tensor needs no gradient")
        if self._node.primitive is not None and not isinstance(self._node.primitive, Retaining):
            self._node.primitive = Retaining(self._node.primitive)
            self._node.grad = None
        return self

    def backward(self, gradient: ArrayLike | None = None, retain_graph: bool = False) -> None:
        """Accumulate the gradient of this Tensor into ``.grad`` of every leaf it depends on.

        Args:
            gradient: the cotangent, of this Tensor's shape; may be left out for one real element (it is 1).
            retain_graph: keep the tape, so that another backward pass can follow.

        Raises:
            RuntimeError: this Tensor needs no gradient, or no cotangent is given for many elements.
            FreedGraphError: an earlier backward pass has freed a part of the tape.
            MutationError: an array that the tape keeps was overwritten.
        """
        node = self._node
        if node is None:
            reason = (
                "recording is off (no_grad)"
                if not is_grad_enabled()
                else "nothing that it was computed from has requires_grad=True; make the parameters with Tensor(values, requires_grad=True). Inside no_grad, "
                "by detach(), and by operations without a derivative (comparisons, floor, argmax) a result is cut off; w = w - … makes a new Tensor, "
                "w -= … inside no_grad updates a parameter"
            )
            raise RuntimeError(f"backward: this Tensor needs no gradient: {reason}")
        keep_freed_memory()
        tape.backward(node, seed(self, gradient), retain_graph=retain_graph, own=own)

    def detach(self) -> Tensor:
        """The same array off the tape: no copy, no gradient."""
        return Tensor.at(self._values, None, self._family())

    def _family(self) -> bool | list[bool]:
        """The flag for another Tensor on the same memory: what one hands out, the other must treat as the caller's."""
        if self._shared is False:
            self._shared = []
        return self._shared

    # ---------------------------------------------------------------- as a container

    def __contains__(self, value: Any) -> bool:
        return bool((self._values == (value._values if isinstance(value, Tensor) else value)).any())

    __hash__ = object.__hash__

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        if not self.is_leaf:
            raise TypeError(
                f"only leaves can be pickled or deep-copied; this is the result of {self.op}: use t.detach() first"
            )
        return _rebuild, (np.asarray(self._values), self.requires_grad, self.name, self.grad, type(self))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if self._node is not None:
            raise cut("__array__", describe(self._values))
        # Read-only, where it is no copy: nodes may keep this memory.
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "Tensors are not assigned to in place; build a new one: np.where(mask, value, t), ag.index_update(t, index, value), "
            "np.concatenate or np.stack. To change a leaf's values outside the tape, write to t.data[...]"
        )

    def __delitem__(self, index: Any) -> None:
        raise TypeError("Tensors are not deleted from in place; use np.delete(t, ...) or indexing")


class Argument(tape.Node):
    """The leaf that stands for an argument while a function is differentiated: to its in-place operators it is no parameter."""

    __slots__ = ()


def as_argument(t: Tensor) -> Tensor:
    """Give a constant Tensor a leaf of this kind."""
    t._node = tape.leaf(t._values.shape, t._values.dtype, Argument)
    return t


class Retaining:
    """A primitive that also writes the gradient it is given into the node's ``grad``."""

    def __init__(self, primitive: Any) -> None:
        self.primitive = primitive

    def __getattr__(self, word: str) -> Any:
        return getattr(self.primitive, word)

    def pull(self, node: tape.Node, g: Any, parents: Any, kept: Any) -> Any:
        plain = g[0] if g.__class__ is tuple else g  # hidden outputs have cotangents of their own
        # gradients() leaves every .grad alone; it hands over its own choice of the parents.
        if plain is not None and parents is node.parents:
            plain = plain._values if isinstance(plain, Tensor) else plain
            node.grad = own(plain) if node.grad is None else own(node.grad + plain)
        return self.primitive.pull(node, g, parents, kept)


def _array(value: Any, name: str) -> Any:
    """A plain array, or one of another kind that may stand under a Tensor."""
    if isinstance(value, np.ndarray):
        return base_array(value, name)
    return value if hasattr(type(value), "__array_function__") else np.asarray(value)


def _rebuild(data: Any, requires_grad: bool, name: str | None, grad: Any, kind: type[Tensor] = Tensor) -> Tensor:
    t = object.__new__(kind)
    Tensor.__init__(t, data, requires_grad=requires_grad, name=name, copy=True)
    if grad is not None:
        t.grad = grad
    return t


def own(g: Any) -> Any:
    """A gradient as an array that nothing else refers to, so that it may be handed out as ``.grad``."""
    if g.__class__ is np.ndarray:
        # References from here: the argument of this call, the caller's, getrefcount's own.
        if g.base is None and g.flags.writeable and sys.getrefcount(g) <= 3:
            return g
        return g.copy()
    if isinstance(g, np.generic):
        return np.array(g)
    # A rule that calls ag.exp(x) rather than np.exp(x) makes Tensors of arrays.
    g = g._values if isinstance(g, Tensor) else g
    return g.copy() if g.ndim else np.copy(g)


def seed(t: Tensor, gradient: ArrayLike | None) -> Any:
    """The cotangent a backward pass of ``t`` starts with."""
    data = t._values
    if gradient is None:
        if data.size != 1:
            raise RuntimeError(
                f"backward of a Tensor of shape {t.shape} needs a cotangent of that shape: backward(gradient), or reduce it first (.sum(), .mean())"
            )
        if data.dtype.kind == "c":
            raise RuntimeError(
                "backward of a complex Tensor needs a cotangent: backward(gradient), or take .real or abs first"
            )
        if isinstance(data, np.generic):
            return data.dtype.type(1)
        return np.ones(data.shape, data.dtype) if data.__class__ is np.ndarray else np.ones_like(data)
    given = _array(gradient._values if isinstance(gradient, Tensor) else gradient, "backward")
    if given.shape != data.shape:
        raise ValueError(
            f"backward: the cotangent has shape {given.shape}, the Tensor {data.shape}; they must be equal"
        )
    if given.dtype != data.dtype:
        if given.dtype.kind not in "fciub":
            raise TypeError(
                f"backward: the cotangent has dtype {given.dtype}, which holds no numbers; the Tensor is {data.dtype}"
            )
        if given.dtype.kind == "c" and data.dtype.kind != "c":
            raise TypeError(f"backward: a complex cotangent for a {data.dtype} Tensor; take its real part")
        given = given.astype(data.dtype)
    return beside(given, data)


def tensor(data: ArrayLike, requires_grad: bool = False, *, dtype: Any = None, name: str | None = None) -> Tensor:
    """Make a :class:`Tensor`; the same as ``Tensor(...)``.

    >>> tensor([1, 2])
    Tensor([1, 2], shape=(2,), dtype=int64)
    """
    return Tensor(data, requires_grad, dtype=dtype, name=name)
