"""Helpers of the recording functions (see codegen.py): operands, options, several outputs, errors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import write_guards
from .accumulators import Deferred
from .clock import next_position
from .errors import GradientShapeError, NonDifferentiableError, describe, explain, label
from .fitting import fit
from .hooks import BATCHES
from .modes import followers, is_grad_enabled
from .operands import GivesWay, above, base_array
from .sparse_operands import is_sparse, sparse_operand
from .tape import Node
from .tensor import Tensor

if TYPE_CHECKING:
    from .primitive import Primitive

SUPPORTED = "docs/supported.md lists what is supported"


def same(g: Any) -> Any:
    """The rule of an operation whose gradient is the cotangent itself; written into the pull as ``g``."""
    return g


class Slots(Deferred):
    """The cotangents of the outputs of one operation, collected into a tuple (None where none arrived).

    The operation's node is that of its first output, whose cotangents join as they come, also pieces of it that are summed later.
    """

    __slots__ = ("count", "parent")
    outputs = True

    def __init__(self, parent: Node, index: int, g: Any, count: int) -> None:
        self.shape = parent.shape
        self.parts = [(index, g)]
        self.parent = parent
        self.count = count

    def __add__(self, other: Any) -> Slots:
        if other.__class__ is Slots:
            self.parts += other.parts
        else:
            self.parts.append((0, other))
        return self

    def dense(self) -> tuple[Any, ...]:
        """One cotangent per output."""
        collected: list[Any] = [None] * self.count
        for index, g in self.parts:
            collected[index] = g if collected[index] is None else collected[index] + g
        first = collected[0]
        if isinstance(first, Deferred):
            collected[0] = fit(first.dense(), self.parent, self.parent)
        return tuple(collected)


class Pick:
    """The pseudo-primitive of one output, not the first, of an operation with several outputs."""

    name = "output"
    picks = True
    broadcasts = False
    elementwise = False
    masks = 1  # an output that is not used gets no cotangent
    care = 3  # there is nothing to hold to zero
    operands = ("outputs",)

    @staticmethod
    def pull(node: Node, g: Any, parents: tuple[Node | None, ...], kept: tuple[Any, ...]) -> tuple[Any, ...]:
        """The cotangent in its place among those of the operation's outputs."""
        (parent,) = parents
        return (None if parent is None else Slots(parent, kept[0], g, kept[1]),)

    @staticmethod
    def as_tensors(node: Node) -> tuple[Any, ...] | None:
        """What is kept: two integers."""
        return node.kept


PICK = Pick()


def foreign(value: Any, found: Primitive, word: str) -> Any:
    """An operand that is not a Tensor, as something NumPy's protocols can work on (operands.py says which class is what).

    Returns:
        The value itself for numbers and arrays (also duck arrays), an array for a list, an operand of products
        for a sparse matrix, and NotImplemented for anything else: also for what has arithmetic of its own.
    """
    kind = value.__class__
    if kind is np.ndarray or isinstance(value, np.generic):
        return value if value.dtype.kind in "fciub" else _numbers(value, found, word)
    if isinstance(value, (int, float, complex)):
        return value
    if isinstance(value, np.ndarray):
        return _numbers(base_array(value, found.name, word), found, word)
    if above(kind):
        return NotImplemented
    if hasattr(kind, "__array_function__"):
        return value
    if isinstance(value, (list, tuple)) or hasattr(kind, "__array__"):
        return _numbers(np.asarray(value), found, word)
    return sparse_operand(value, found.name, word) if is_sparse(value) else NotImplemented


def _numbers(array: Any, found: Primitive, word: str) -> Any:
    if array.dtype.kind not in "fciub":
        raise TypeError(f"{found.name}: {word} has dtype {array.dtype}; Tensors hold numbers: convert it first")
    return array


def required(value: Any, found: Primitive, word: str) -> Any:
    """As :func:`foreign`, raising where an operator would give way.

    Raises:
        GivesWay: the value has arithmetic of its own. (Of NumPy's functions that are no ufuncs, one without
            ``__array_function__`` hands over its numbers, as NumPy has it.)
        TypeError: it is nothing to compute with.
    """
    converted = foreign(value, found, word)
    if converted is not NotImplemented:
        return converted
    kind = type(value)
    if not above(kind):
        raise TypeError(f"{found.name}: {word} must be a Tensor, an array or a number, not {kind.__name__}")
    if (
        hasattr(kind, "__array__")
        and not hasattr(kind, "__array_function__")
        and not any(isinstance(f, np.ufunc) for f in found.numpy_functions)
    ):
        return _numbers(np.asarray(value), found, word)
    raise GivesWay(
        f"{found.name}: {word} is a {kind.__name__}, which has arithmetic of its own: use its operators, NumPy's functions, or the array it holds"
    )


def is_complex(value: Any) -> bool:
    """Whether an operand, an array or a number, is complex."""
    dtype = getattr(value, "dtype", None)
    return isinstance(value, complex) if dtype is None else dtype.kind == "c"


def not_real(value: Any, found: Any, word: str) -> TypeError:
    """The error for a complex operand of a function of real numbers."""
    return TypeError(
        f"{found.name}: {word} has dtype {dtype_of(value)}, and {found.name} is defined for real numbers alone; take {word}.real, {word}.imag or np.abs({word})"
    )


def option(value: Any, found: Primitive, word: str) -> Any:
    """The array of a Tensor given where no gradient flows."""
    if value._node is not None and word not in found.discrete and is_grad_enabled():
        raise NonDifferentiableError(
            f"{found.name} has no gradient with respect to {word}, which needs one here; pass {word}.detach() to treat it as a constant"
        )
    return value._values


def out_given(found: Primitive) -> TypeError:
    """The error for ``out=``."""
    return TypeError(
        f"{found.name}: out= would overwrite an array that the tape may keep; use the returned Tensor: t = {found.name}(...)"
    )


def failed(error: Exception, found: Primitive, values: tuple[Any, ...]) -> Exception:
    """NumPy's error with the operation, its operands and the options that were given."""
    named = {}
    for word, value in zip(found.parameters, values, strict=True):
        default = found.signature.parameters[word].default
        if value is not default and not (isinstance(value, (bool, str)) and value == default):
            named[word] = value
    return explain(found.name, named, error)


def elsewhere(error: Exception, found: Primitive, values: tuple[Any, ...]) -> Any:
    """What another kind of array makes of a call that failed; NotImplemented where none does."""
    if not BATCHES:
        return NotImplemented
    args, kwargs = [], {}
    for p, value in zip(found.signature.parameters.values(), values, strict=True):
        if p.kind is p.VAR_POSITIONAL:
            args += value
        elif p.kind is p.VAR_KEYWORD:
            kwargs.update(value)
        elif p.kind is p.KEYWORD_ONLY:
            kwargs[p.name] = value
        elif p.name != "out":
            args.append(value)
    return BATCHES[0].call(error, found.body, tuple(args), kwargs)


NUMBERS = (float, int, bool, complex)


def unpack(arrays: Any, found: Primitive) -> tuple[list[Any], list[Node | None], list[Any]]:
    """Arrays, nodes and shared flags of a sequence operand."""
    if isinstance(arrays, (str, bytes)) or not hasattr(arrays, "__iter__"):
        raise TypeError(f"{found.name}: needs a sequence of Tensors or arrays, not {type(arrays).__name__}")
    values, nodes, shared = [], [], []
    for index, item in enumerate(arrays):
        if isinstance(item, Tensor):
            values.append(item._values)
            nodes.append(item._node)
            shared.append(item._shared)
        else:
            item = required(item, found, f"array {index}")
            values.append(np.asarray(item) if item.__class__ in NUMBERS else item)
            nodes.append(None)
            shared.append(write_guards.writable(values[-1]))
    return values, nodes, shared


def snapshots(values: list[Any], shared: list[bool]) -> tuple[Any, ...]:
    """The values to keep of a sequence operand."""
    return tuple([write_guards.keep(v) if s else v for v, s in zip(values, shared, strict=True)])


def pick(parent: Node, index: int, value: Any, count: int) -> Node:
    """The node of one output, not the first, of an operation that has ``count`` of them."""
    node = Node()
    node.position = next_position()
    node.primitive = PICK
    node.parents = (parent,)
    node.kept = (index, count)
    node.shape = value.shape
    node.dtype = value.dtype
    return node


def others(node: Node | None, values: tuple[Any, ...], shown: int, shared: Any) -> list[Any]:
    """The Tensors of the outputs after the first; ``node`` is the operation's, where it is recorded."""
    results = []
    count = len(values)
    for index in range(1, shown):
        value = values[index]
        t = object.__new__(Tensor)
        t._values = value
        t._shared = shared
        t._node = None if node is None or value.dtype.kind not in "fc" else pick(node, index, value, count)
        results.append(t)
    return results


def counted(pulled: Any, parents: tuple[Node | None, ...], node: Node) -> tuple[Any, ...]:
    """The gradients of a joint rule, one per operand."""
    gradients = tuple(pulled)
    if len(gradients) != len(parents):
        raise GradientShapeError(
            f"the rule of {label(node)} returned {len(gradients)} gradients for {len(parents)} operands "
            f"({', '.join(node.primitive.operands)}; wrt= in its declaration names them)"
        )
    return gradients


class Several(Exception):  # noqa: N818 - never seen by a caller: the operation is called again
    """The body of a user's operation returned a tuple, the first time that it returned something."""

    _autograd_np = True

    def __init__(self, found: Primitive) -> None:
        super().__init__(found.name)
        self.found = found


def checked(function: Callable[..., Any], found: Primitive) -> Callable[..., Any]:
    """The body of a user's operation, held to what the engine relies on: arrays come out, with memory of their own."""
    name, first = found.name, True

    def array(value: Any, args: tuple[Any, ...]) -> Any:
        if isinstance(value, Tensor):
            if value._node is not None:
                raise NonDifferentiableError(
                    f"{name}: its body uses a Tensor that needs a gradient, which would be lost; make it an argument"
                )
            value = value._values
        if isinstance(value, (int, float, complex)) and not isinstance(value, np.generic):
            value = np.asarray(value)
        if not hasattr(value, "dtype") or value.dtype.kind not in "fciub":
            raise TypeError(
                f"{name}: its body returned {describe(value)}; it must return {'a tuple of arrays' if found.multi else 'an array'}, "
                "or be declared with trees=True to return a dict or another tree of arrays"
            )
        if (
            not found.view
            and value.__class__ is np.ndarray
            and (value.base is not None or any(value is arg for arg in args))
        ):
            return value.copy()
        return value

    @functools.wraps(function)
    def body(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        nonlocal first
        if first and isinstance(result, tuple) and not found.multi:
            raise Several(found)
        first = False
        if not found.multi:
            return array(result, args)
        if not isinstance(result, (tuple, list)):
            raise TypeError(
                f"{name}: its body returned {describe(result)}; it must return a tuple of arrays (multi=True)"
            )
        return tuple([array(value, args) for value in result])

    return body


def observe(found: Primitive, result: Any, operands: tuple[Any, ...]) -> None:
    """Hand the call to the modes that look at it, where they are on."""
    for operation, _ in followers():
        if operation is not None:
            operation(found, result, operands)


def dtype_of(value: Any) -> Any:
    """The dtype of an operand; that of NumPy's default for a Python number."""
    return value.dtype if hasattr(value, "dtype") else np.result_type(value)
