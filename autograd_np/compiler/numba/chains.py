"""Loop fusion: find the chains of elementwise calls that one loop can make.

Every array that takes part is described by where its elements lie as one walks through the elements of the chain: an :class:`Access`.
Two values with the same access are the same numbers, whatever their shapes.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from ..ir import Op, Ref, Value, elementwise
from ..plan import dense

__all__ = ["Access", "Chain", "Found", "Step", "find", "order_of", "reducible", "step_of", "uniform"]

DTYPES = "fdilq?"  # of what is computed in loops
FEWEST = 4  # elements
APART = 8  # calls of a chain from which on others that have no array in common with it begin a chain of their own
WAITING = 3  # arrays that are made while a chain is collected, and for which it waits: until then, each takes memory of its own

# What a loop computes; the rest are calls. (They are those that are exact, or rounded once: the loop then has NumPy's own bits.)
_FLOAT = {
    "add", "subtract", "multiply", "divide", "negative", "positive", "absolute", "fabs", "sqrt", "square", "reciprocal", "maximum", "minimum", "fmax", "fmin",
    "sign", "isnan", "isfinite", "isinf", "floor", "ceil", "trunc", "clip", "conjugate",
}  # fmt: skip
_BOTH = {
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "equal",
    "not_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
    "logical_not",
}
_WHOLE = {
    "add",
    "subtract",
    "multiply",
    "negative",
    "positive",
    "square",
    "maximum",
    "minimum",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "invert",
    "conjugate",
}
_TRUTH = {
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "invert",
    "equal",
    "not_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
    "logical_not",
}
_REDUCED = {"add", "maximum", "minimum"}


class Access(NamedTuple):
    """Where the elements of an array lie: bytes from one to the next along each axis of the chain, 0 where it is the same one."""

    storage: int
    offset: int
    dtype: Any
    strides: tuple[int, ...]


class Step(NamedTuple):
    """One call of a chain.

    Attributes:
        op: the call.
        name: of the ufunc; "where", "cast".
        operands: an access, a value without axes, or a number, of each operand.
        dtypes: in which it computes; that of the result last.
        out: where the result goes.
        reduced: for a reduction, the axes that are summed over, as truth values; None for others.
        scale: what a sum is multiplied by.
    """

    op: Op
    name: str
    operands: tuple[Any, ...]
    dtypes: tuple[Any, ...]
    out: Access
    reduced: tuple[bool, ...] | None = None
    scale: float = 1.0


def uniform(value: Value) -> Any:
    """The number that all elements of a known array are; None where there is none."""
    if value.storage.kind != "constant" or value.storage.written or value.array is None or not value.size:
        return None
    flat = np.asarray(value.array).reshape(-1)
    first = flat[0]
    same = (
        (flat == first).all() and (first != 0 or not np.signbit(flat).any() or np.signbit(flat).all())
        if first == first
        else np.isnan(flat).all()
    )
    return first if same else None


# ---------------------------------------------------------------- axes


def _common(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    """Extents into which both can be split, of two ways to count the same number of elements."""
    found: list[int] = []
    left, right = list(a), list(b)
    while left and right:
        x, y = left.pop(), right.pop()
        small, large = min(x, y), max(x, y)
        if large % small:
            return None
        found.append(small)
        if large != small:
            (left if x > y else right).append(large // small)
    return tuple(found[::-1]) if not left and not right else None


def _split(strides: tuple[int, ...], extents: tuple[int, ...], finer: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of axes that are split."""
    found: list[int] = []
    left = list(finer)
    for stride, extent in zip(reversed(strides), reversed(extents), strict=True):
        count = 1
        while count < extent:
            part = left.pop()
            found.append(stride * count)
            count *= part
    return tuple(found[::-1])


def _spread(value: Value, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of an operand along the axes of the result (without those of one element)."""
    lead = len(shape) - len(value.shape)
    strides = [0] * lead + [
        0 if length == 1 else stride for length, stride in zip(value.shape, value.strides, strict=True)
    ]
    return tuple([stride for stride, length in zip(strides, shape, strict=True) if length != 1])


def _reach(access: Access, extents: tuple[int, ...]) -> tuple[int, int]:
    """The bytes in which it lies: from, to."""
    low = high = access.offset
    for stride, extent in zip(access.strides, extents, strict=True):
        if stride < 0:
            low += stride * (extent - 1)
        else:
            high += stride * (extent - 1)
    return low, high + access.dtype.itemsize


class _Place:
    """An array of which only the place matters."""

    def __init__(self, access: Access, extents: tuple[int, ...]) -> None:
        self.__array_interface__ = {
            "data": (_SOMEWHERE + access.offset, True),
            "shape": extents,
            "strides": access.strides,
            "typestr": f"|V{access.dtype.itemsize}",
            "version": 3,
        }


_SOMEWHERE = 1 << 40


@functools.lru_cache(maxsize=4096)
def _overlap(a: Access, b: Access, extents: tuple[int, ...]) -> bool:
    """Whether two arrays of one storage have an element in common: every other row and the rows between have none."""
    try:
        return bool(np.shares_memory(np.asarray(_Place(a, extents)), np.asarray(_Place(b, extents)), max_work=1000))  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


# ---------------------------------------------------------------- calls


def _dtypes(op: Op) -> tuple[Any, ...] | None:
    """In which dtypes a ufunc computes."""
    kinds = []
    for item in op.args:
        if item.__class__ is Ref:
            kinds.append(type(item.value.dtype.type().item()) if item.value.weak else item.value.dtype)
        elif item.__class__ in (bool, int, float):
            kinds.append(np.dtype(bool) if item.__class__ is bool else item.__class__)
        elif isinstance(item, np.generic):
            kinds.append(item.dtype)
        else:
            return None
    try:
        return tuple(op.target.resolve_dtypes((*kinds, None)))
    except (TypeError, ValueError, OverflowError):
        return None


def _castable(source: Any, target: Any) -> bool:
    """Whether a loop converts as NumPy does."""
    return source.char in DTYPES and target.char in DTYPES and not (source.kind == "f" and target.kind == "i")


def _plain(op: Op) -> tuple[str, tuple[Any, ...]] | None:
    """The name and the dtypes of an elementwise call that a loop can make."""
    if len(op.outs) + (op.out is not None) != 1:
        return None
    out = op.result
    if op.kind == "ufunc" and elementwise(op) and not op.kwargs:
        dtypes = _dtypes(op)
        if dtypes is None or any(dtype.char not in DTYPES or not dtype.isnative for dtype in dtypes):
            return None
        name, kind = op.target.__name__, {dtype.kind for dtype in dtypes[:-1]}
        known = (
            _BOTH | _FLOAT if kind == {"f"} else _BOTH | _WHOLE if kind == {"i"} else _TRUTH if kind == {"b"} else set()
        )
        same = all(_castable(_dtype(item, dtype), dtype) for item, dtype in zip(op.args, dtypes, strict=False))
        return (
            (name, dtypes) if len(kind) == 1 and name in known and same and _castable(dtypes[-1], out.dtype) else None
        )
    if op.kind == "function" and op.target is np.where and len(op.args) == 3 and not op.kwargs and op.out is None:
        condition = op.args[0]
        if (
            condition.__class__ is Ref
            and condition.value.dtype.kind == "b"
            and all(_castable(_dtype(item, out.dtype), out.dtype) for item in op.args[1:])
        ):
            return "where", (condition.value.dtype, out.dtype, out.dtype, out.dtype)
        return None
    copying = (op.kind == "method" and op.target in ("astype", "copy")) or (
        op.kind == "function" and op.target is np.copy
    )
    if copying and op.out is None and op.args[0].__class__ is Ref and op.kwargs.get("order", "K") in ("K", "C"):
        source = op.args[0].value
        if source.shape == out.shape and _castable(source.dtype, out.dtype):
            return "cast", (out.dtype, out.dtype)
    return None


def _dtype(item: Any, computed: Any) -> Any:
    """The dtype of an operand; a number of Python's has that in which is computed."""
    if item.__class__ is Ref:
        return item.value.dtype
    return item.dtype if isinstance(item, np.generic) else computed


def _stands(value: Value, kept: set[int]) -> bool:
    """Whether an array can be handed to a loop."""
    if value.dtype.char not in DTYPES or not value.dtype.isnative or not value.size:
        return False
    storage = value.storage
    if value.scalar or not value.shape:
        return True
    lasting = storage.kind in ("state", "captured", "constant") or (
        storage.kind == "made" and not storage.escapes and storage.index in kept
    )
    return lasting or dense(value)


def _sum_by_product(op: Op) -> tuple[Value, tuple[int, ...], float] | None:
    """What a product with a row of equal numbers sums: the array, the axes, the number."""
    if (
        op.kind != "function"
        or op.target is not np.dot
        or op.kwargs
        or len(op.args) != 2
        or any(item.__class__ is not Ref for item in op.args)
    ):
        return None
    for i, item in enumerate(op.args):
        x: Value = op.args[1 - i].value
        if (
            len(item.value.shape) == 1
            and item.value.storage.kind == "constant"
            and item.value.dtype == x.dtype
            and x.storage.kind != "constant"
        ):
            number = uniform(item.value)
            if number is not None and math.isfinite(number) and len(x.shape) in (1, 2):
                return x, (0 if i == 0 else len(x.shape) - 1,), float(number)
    return None


def _reduction(op: Op) -> tuple[str, Value, tuple[int, ...], float] | None:
    """What a reduction reduces: the function, the array, the axes, what the sum is multiplied by."""
    product = _sum_by_product(op)
    if product is not None:
        return ("add", *product)
    if (
        op.kind != "ufunc method"
        or op.target[1] != "reduce"
        or op.target[0].__name__ not in _REDUCED
        or set(op.kwargs) - {"axis", "keepdims", "initial"}
    ):
        return None
    if (
        len(op.args) != 1
        or op.args[0].__class__ is not Ref
        or ("initial" in op.kwargs and op.target[0].__name__ == "add")
    ):
        return None
    if not isinstance(op.kwargs.get("initial", 0), (int, float, np.floating)):
        return None
    x = op.args[0].value
    axis = op.kwargs.get("axis", 0)
    axes = range(len(x.shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return op.target[0].__name__, x, tuple([a % len(x.shape) for a in axes]) if x.shape else (), 1.0


# ---------------------------------------------------------------- chains


class Chain:
    """Calls over the same elements.

    Attributes:
        extents: how many elements there are along each axis.
        steps: the calls.
        values: a value for each access; and how it is reached.
    """

    def __init__(self, extents: tuple[int, ...], key: Any) -> None:
        self.extents = extents
        self.key = key
        self.steps: list[Step] = []
        self.after: list[Op] = []  # views of what it makes
        self.values: dict[Access, Value] = {}
        self.reads: dict[int, set[Access]] = {}
        self.written: dict[int, set[Access]] = {}
        self.closed: set[int] = set()  # storages of sums, which are known when the loop is done
        self.made: set[int] = set()  # storages that it makes
        self.between: set[int] = set()  # storages that have been written by others since it began
        self.waiting: set[int] = set()  # those of them for which it waits

    def refine(self, finer: tuple[int, ...]) -> None:
        """Split axes."""
        if finer == self.extents:
            return
        old, self.extents = self.extents, finer

        def split(item: Any) -> Any:
            return item._replace(strides=_split(item.strides, old, finer)) if item.__class__ is Access else item

        def flags(reduced: tuple[bool, ...] | None) -> tuple[bool, ...] | None:
            return (
                None
                if reduced is None
                else tuple([bool(flag) for flag in _split(tuple([int(flag) for flag in reduced]), old, finer)])
            )

        self.steps = [
            step._replace(operands=tuple(map(split, step.operands)), out=split(step.out), reduced=flags(step.reduced))
            for step in self.steps
        ]
        self.values = {split(access): value for access, value in self.values.items()}
        self.reads = {index: set(map(split, found)) for index, found in self.reads.items()}
        self.written = {index: set(map(split, found)) for index, found in self.written.items()}

    def fits(self, reads: list[Access], out: Access, reduction: bool) -> bool:
        """Whether what is written is read and written at the same places only."""
        for access in reads:
            if access.storage in self.closed:
                return False
            if any(other != access and self._meet(other, access) for other in self.written.get(access.storage, ())):
                return False
            if access.storage == out.storage and (reduction or (access != out and self._meet(access, out))):
                return False
        if out.storage in self.closed and any(self._meet(other, out) for other in self.written.get(out.storage, ())):
            return False
        others = self.reads.get(out.storage, set()) | self.written.get(out.storage, set())
        return not any((reduction or other != out) and self._meet(other, out) for other in others)

    def _meet(self, a: Access, b: Access) -> bool:
        (low, high), (start, end) = _reach(a, self.extents), _reach(b, self.extents)
        return low < end and start < high and _overlap(a, b, self.extents)

    def near(self, step: Step) -> bool:
        """Whether a call has to do with the chain, which then need not wait long for it."""
        if len(self.steps) >= APART:
            accesses = [item for item in (*step.operands, step.out) if item.__class__ is Access and any(item.strides)]
            if not any(
                item in found.get(item.storage, ()) for item in accesses for found in (self.reads, self.written)
            ):
                return False
        waiting = self.waiting | {
            item.storage for item in step.operands if item.__class__ is Access and item.storage in self.between
        }
        if len(waiting) > WAITING:
            return False
        self.waiting = waiting
        return True

    def independent(self, op: Op) -> bool:
        """Whether a call can be made before the chain."""
        if any(value.storage.index in self.written for value in (*op.inputs(), *op.outs)):
            return False
        return not any(storage.index in self.reads or storage.index in self.written for storage in op.writes)

    def add(self, step: Step, values: dict[Access, Value]) -> None:
        """Take a call in."""
        for operand in step.operands:
            if operand.__class__ is Access:
                self.reads.setdefault(operand.storage, set()).add(operand)
        self.written.setdefault(step.out.storage, set()).add(step.out)
        if step.reduced is not None:
            self.closed.add(step.out.storage)
        if step.op.out is None:
            self.made.add(step.out.storage)
        for access, value in values.items():
            self.values.setdefault(access, value)
        self.steps.append(step)


class Found(NamedTuple):
    """A call that could be a step."""

    name: str
    dtypes: tuple[Any, ...]
    shape: tuple[int, ...]  # of the elements that it goes through
    operands: tuple[Any, ...]
    reduced: tuple[int, ...] | None
    scale: float


def find(op: Op, kept: set[int]) -> Found | None:
    """What a loop would make of a call; None where it cannot make it."""
    reduction = _reduction(op)
    if reduction is not None:
        name, x, axes, scale = reduction
        out = op.result
        if (
            x.size < FEWEST
            or not out.size
            or not _stands(x, kept)
            or not _stands(out, kept)
            or (name != "add" and (x.dtype.kind != "f" or out.dtype != x.dtype))
        ):
            return None
        if name == "add" and not (
            (out.dtype == x.dtype and x.dtype.kind in "fi") or (x.dtype.kind in "bi" and out.dtype == np.int64)
        ):
            return None
        return Found(name, (x.dtype, out.dtype), x.shape, (x,), axes, scale)
    plain = _plain(op)
    if plain is None:
        return None
    out = op.result
    if out.scalar or out.size < FEWEST or not _stands(out, kept) or (op.out is None and not out.whole):
        return None
    if any(stride == 0 and length > 1 for stride, length in zip(out.strides, out.shape, strict=True)):
        return None
    operands: list[Any] = []
    for item in op.args[: len(plain[1]) - 1]:
        if item.__class__ is Ref:
            number = uniform(item.value)
            if number is None and not _stands(item.value, kept):
                return None
            operands.append(item.value if number is None else number)
        else:
            operands.append(item)
    return Found(plain[0], plain[1], out.shape, tuple(operands), None, 1.0)


def step_of(chain: Chain, op: Op, found: Found) -> tuple[Step, dict[Access, Value]] | None:
    """The call as a step of a chain (whose axes it may split); None where it does not fit."""
    extents = tuple([length for length in found.shape if length != 1])
    finer = _common(chain.extents, extents)
    if finer is None:
        return None
    if len(chain.steps) and len(finer) > 6:
        return None
    chain.refine(finer)
    values: dict[Access, Value] = {}

    def access(value: Value, strides: tuple[int, ...]) -> Access:
        made = Access(value.storage.index, value.offset, value.dtype, _split(strides, extents, finer))
        values[made] = value
        return made

    operands: list[Any] = []
    for item in found.operands:
        alone = item.__class__ is Value and item.scalar
        operands.append(access(item, _spread(item, found.shape)) if item.__class__ is Value and not alone else item)
    value = op.result
    reduced: tuple[bool, ...] | None = None
    if found.reduced is None:
        out = access(value, _spread(value, found.shape))
    else:
        flags = [axis in found.reduced for axis in range(len(found.shape))]
        rest = iter(
            value.strides
            if len(value.shape) == len(found.shape) - sum(flags)
            else [s for s, flag in zip(value.strides, flags, strict=True) if not flag]
        )
        strides = [0 if flag else next(rest) for flag in flags]
        kept = [i for i, length in enumerate(found.shape) if length != 1]
        out = access(value, tuple([strides[i] for i in kept]))
        reduced = tuple([bool(flag) for flag in _split(tuple([int(flags[i]) for i in kept]), extents, finer)])
    reads = [item for item in operands if item.__class__ is Access]
    if any(item.__class__ is Value and item.storage.index in chain.written for item in operands):
        return None
    if not chain.fits(reads, out, reduced is not None):
        return None
    return Step(op, found.name, tuple(operands), found.dtypes, out, reduced, found.scale), values


def reducible(chain: Chain, step: Step) -> bool:
    """Whether a reduction can be done in the loop: of what the chain makes, and over the axes that lie innermost, or over none of them."""
    if step.operands[0] not in chain.written.get(step.operands[0].storage, ()) or (
        step.op.out is None and step.out.storage in chain.written
    ):
        return False
    order = order_of(chain)
    flags = [step.reduced[axis] for axis in order] if step.reduced is not None else []
    if not flags or not flags[-1]:
        return True
    if step.name != "add":  # NumPy's largest of a row is as fast
        return False
    first = flags.index(True)
    return all(flags[first:])


def order_of(chain: Chain) -> list[int]:
    """The axes, the outermost first: those along which the elements lie farthest apart."""
    strides = next((step.out.strides for step in chain.steps if step.reduced is None), ())
    return sorted(range(len(chain.extents)), key=lambda axis: (-abs(strides[axis]), axis))
