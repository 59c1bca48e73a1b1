"""Algebraic simplification: results made where they are wanted, sums as products, numbers drawn together.

A pass here may change the order in which numbers are added or multiplied by a constant, never more: the results differ by rounding.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir import Op, Program, Ref, Value
from ..plan import into

__all__ = ["join_in_place", "mean_by_product", "prepare_operands", "scale_once", "sum_by_products", "sum_of_copies"]

FEW = 64  # elements whose sum is taken by a product: NumPy's reductions cost two or three times as much to call


# ---------------------------------------------------------------- sums


def sum_by_products(program: Program) -> None:
    """Sums over the rows of a matrix, and of a few elements, as products with ones: BLAS takes a third of the time."""
    for op in program.ops:
        if (
            op.kind != "ufunc method"
            or op.target != (np.add, "reduce")
            or op.out is not None
            or set(op.kwargs) - {"axis"}
        ):
            continue
        x, out = op.args[0].value, op.outs[0]
        if out.dtype != x.dtype or x.dtype.char not in "fd" or not x.size or out.storage.escapes:
            continue
        axis = op.kwargs.get("axis", 0)
        shape = x.shape
        if len(shape) == 2 and axis in (0, (0,)) and x.contiguous and shape[0] <= 1 << 20:
            ones = program.constant(np.ones(shape[0], x.dtype))
            op.kind, op.target, op.args, op.kwargs = "function", np.dot, (Ref(ones), op.args[0]), {}
        elif (
            len(shape) == 1
            and shape[0] <= FEW
            and x.strides == (x.dtype.itemsize,)
            and not out.scalar
            and not out.shape
        ):
            ones = program.constant(np.ones(shape[0], x.dtype))
            op.kind, op.target, op.args, op.kwargs = "function", np.dot, (op.args[0], Ref(ones)), {}


def sum_of_copies(program: Program) -> None:
    """The sum along axes along which an array is broadcast, ``add.reduce(broadcast_to(x, (n, …)), axis=0)``, as ``n·x``: rounded once."""
    ops: list[Op] = []
    for op in program.ops:
        ops.append(op)
        if (
            op.kind != "ufunc method"
            or op.target != (np.add, "reduce")
            or op.out is not None
            or set(op.kwargs) - {"axis", "keepdims"}
        ):
            continue
        x, out, axis = op.args[0].value, op.outs[0], op.kwargs.get("axis", 0)
        axes = (
            {a % len(x.shape) for a in (axis if isinstance(axis, tuple) else (axis,))}
            if axis is not None and x.shape
            else set()
        )
        if not axes or not out.shape or x.dtype != out.dtype or x.storage.written or not x.size:
            continue
        if any(x.strides[a] or x.shape[a] < 2 for a in axes):
            continue
        keeps = bool(op.kwargs.get("keepdims"))
        index = tuple([(slice(0, 1) if keeps else 0) if a in axes else slice(None) for a in range(len(x.shape))])
        count = np.array(math.prod([x.shape[a] for a in axes]), x.dtype)
        strides = tuple([stride for a, stride in enumerate(x.strides) if keeps or a not in axes])
        one = program.value(x.storage, x.dtype, out.shape, strides, x.offset)
        ops.insert(len(ops) - 1, program.view(op, one, "getitem", "getitem", Ref(x), index))
        op.kind, op.target, op.args, op.kwargs = "ufunc", np.multiply, (Ref(one), Ref(program.constant(count))), {}
    program.ops = ops


def mean_by_product(program: Program) -> None:
    """The mean of a few elements, ``add.reduce(x) / n``, as one product with a row of 1/n."""
    uses, makers = program.uses(), program.makers()
    place = {id(op): i for i, op in enumerate(program.ops)}
    flat: list[tuple[Op, Op]] = []
    for op in program.ops:
        if (
            op.kind != "ufunc"
            or op.target is not np.divide
            or op.kwargs
            or op.out is not None
            or op.args[0].__class__ is not Ref
        ):
            continue
        total, n = op.args[0].value, _number(op.args[1])
        if (
            n is None
            or uses.get(total.index) != 1
            or total.dtype != op.outs[0].dtype
            or total.dtype.char not in "fd"
            or total.shape
        ):
            continue
        sum_ = makers.get(total.index)
        if (
            sum_ is None
            or sum_.kind != "ufunc method"
            or sum_.target != (np.add, "reduce")
            or sum_.out is not None
            or sum_.kwargs not in ({"axis": None}, {"axis": 0})
        ):
            continue
        x = sum_.args[0].value
        if not (0 < x.size <= FEW and x.contiguous and x.dtype == total.dtype and x.size == n) or (
            sum_.kwargs["axis"] == 0 and len(x.shape) != 1
        ):
            continue
        if x.storage.written and any(
            x.storage in other.writes for other in program.ops[place[id(sum_)] + 1 : place[id(op)]]
        ):
            continue
        shares = program.constant(np.full(x.size, 1 / n, x.dtype))
        row = x
        if len(x.shape) != 1:
            row = program.value(x.storage, x.dtype, (x.size,), (x.dtype.itemsize,), x.offset, x.whole)
            flat.append((op, program.view(sum_, row, "method", "reshape", Ref(x), -1)))
        op.kind, op.target, op.args = "function", np.dot, (Ref(row), Ref(shares))
    if flat:
        before = {id(op): view for op, view in flat}
        program.ops = [each for op in program.ops for each in ((before[id(op)], op) if id(op) in before else (op,))]


# ---------------------------------------------------------------- operands as the loops want them

_SLOW_WITH_SCALARS = (np.maximum, np.minimum, np.fmax, np.fmin)
FEW_BYTES = (
    1 << 16
)  # up to here truth values are converted beforehand: later NumPy's conversion in pieces costs no more, and takes no memory
SPREAD = (256, 1 << 22)  # elements from which on a number is spread out, and bytes up to which


def prepare_operands(program: Program) -> None:
    """Spare NumPy's loops what they are slow at: a number beside an array in maximum and minimum, truth values among integers.

    The loop of ``maximum`` for two arrays is vectorised, that for an array and a number is not; a product of integers and truth
    values converts the latter piece by piece.
    """
    _narrow(program)
    spread: dict[Any, Value] = {}
    converted: dict[tuple[int, Any], Value] = {}
    ops: list[Op] = []
    for op in program.ops:
        if (
            op.kind == "ufunc"
            and op.target is np.reciprocal
            and not op.kwargs
            and op.result.dtype.char in "fd"
            and op.result.size >= SPREAD[0]
        ):
            # The same quotients to the last bit, by the loop that is vectorised.
            op.target, op.args = np.divide, (Ref(program.constant(np.array(1, op.result.dtype))), op.args[0])
        if op.kind == "ufunc" and not op.kwargs and len(op.args) == 2 and op.out is None and op.outs:
            out = op.outs[0]
            if (
                op.target in _SLOW_WITH_SCALARS
                and SPREAD[0] <= out.size
                and out.nbytes <= SPREAD[1]
                and out.contiguous
                and out.dtype.char in "fd"
            ):
                i = next((i for i in (0, 1) if _number(op.args[i]) is not None), None)
                if i is not None and op.args[1 - i].__class__ is Ref and op.args[1 - i].value.dtype == out.dtype:
                    number = _number(op.args[i])
                    key = (out.shape, out.dtype, repr(number))
                    if key not in spread:
                        spread[key] = program.constant(np.full(out.shape, number, out.dtype))
                        program.spread.add(spread[key].index)
                    op.args = tuple([Ref(spread[key]) if j == i else item for j, item in enumerate(op.args)])
            elif op.target is np.multiply and out.dtype.kind == "i":
                for i in (0, 1):
                    item, other = op.args[i], op.args[1 - i]
                    if (
                        item.__class__ is Ref
                        and item.value.dtype.kind == "b"
                        and other.__class__ is Ref
                        and other.value.dtype == out.dtype
                        and item.value.contiguous
                        and out.nbytes <= FEW_BYTES
                    ):
                        mask = item.value
                        form = mask.index, out.dtype
                        if form not in converted and not mask.storage.written:
                            converted[form] = _converted(program, mask, out.dtype, op, ops)
                        if form in converted:
                            op.args = tuple(
                                [Ref(converted[form]) if j == i else given for j, given in enumerate(op.args)]
                            )
                        break
        ops.append(op)
    program.ops = ops


def _narrow(program: Program) -> None:
    """Operands of one element without their axes: NumPy then need not broadcast them, which takes longer than the arithmetic of a few elements."""
    ops: list[Op] = []
    views: dict[int, Value] = {}
    for op in program.ops:
        if op.kind == "ufunc" and len(op.args) == 2 and op.target.signature is None and not op.kwargs:
            shape = op.result.shape
            args = list(op.args)
            for i in (0, 1):
                item, other = args[i], args[1 - i]
                if (
                    item.__class__ is not Ref
                    or not item.value.shape
                    or item.value.size != 1
                    or other.__class__ is not Ref
                    or other.value.shape != shape
                ):
                    continue
                value = item.value
                if (
                    value.storage.kind == "argument"
                    or op.result.size == 1
                    or not (value.whole or value.storage.external)
                ):
                    continue
                if value.index not in views:
                    narrow = program.value(value.storage, value.dtype, (), (), value.offset, value.whole)
                    ops.append(program.view(op, narrow, "method", "reshape", item, ()))
                    if value.storage.kind == "constant":
                        narrow.array = value.array.reshape(())
                    views[value.index] = narrow
                args[i] = Ref(views[value.index])
            op.args = tuple(args)
        ops.append(op)
    program.ops = ops


def _converted(program: Program, mask: Value, dtype: Any, near: Op, ops: list[Op]) -> Value:
    strides = tuple([stride * dtype.itemsize // mask.dtype.itemsize for stride in mask.strides])
    value = program.value(program.storage("made", mask.size * dtype.itemsize), dtype, mask.shape, strides, whole=True)
    cast = Op("method", "astype", (Ref(mask), dtype), {"copy": True}).beside(near)
    cast.outs = (value,)
    value.op = value.storage.op = cast
    ops.append(cast)
    return value


# ---------------------------------------------------------------- products with numbers


def _number(item: Any) -> float | None:
    """The number that an operand is, if it is one and known."""
    if item.__class__ in (int, float):
        return float(item)
    if (
        item.__class__ is Ref
        and item.value.storage.kind == "constant"
        and item.value.size == 1
        and not item.value.shape
        and item.value.dtype.kind == "f"
    ):
        return float(item.value.array)
    return None


def scale_once(program: Program) -> None:
    """``a + a`` of a product ``a = k·x`` that nothing else needs, as ``2k·x``: the same number to the last bit."""
    uses, makers = program.uses(), program.makers()
    for op in program.ops:
        if op.kind != "ufunc" or op.target is not np.add or op.kwargs or op.out is not None or len(op.args) != 2:
            continue
        a, b = op.args
        if a.__class__ is not Ref or b.__class__ is not Ref or a.value is not b.value or uses[a.value.index] != 2:
            continue
        product = makers.get(a.value.index)
        if (
            product is None
            or product.kind != "ufunc"
            or product.target is not np.multiply
            or product.kwargs
            or product.out is not None
        ):
            continue
        if a.value.storage.written or a.value.dtype.kind != "f":
            continue
        for i in (0, 1):
            k = _number(product.args[i])
            other = product.args[1 - i]
            if (
                k is not None
                and other.__class__ is Ref
                and other.value.dtype == a.value.dtype
                and not other.value.storage.written
            ):
                doubled = np.array(2 * k, a.value.dtype)
                if float(doubled) == 2 * float(np.array(k, a.value.dtype)) and np.isfinite(doubled):
                    op.target, op.args = np.multiply, (Ref(program.constant(doubled)), other)
                break


# ---------------------------------------------------------------- results where they are wanted


def join_in_place(program: Program) -> None:
    """Let what is concatenated be made in its place: the parts of a joined array are slices of it from the start."""
    members = program.values()
    place = {id(op): i for i, op in enumerate(program.ops)}
    inserted: list[tuple[int, Op]] = []
    dropped: set[int] = set()
    for op in program.ops:
        if (
            op.kind != "function"
            or op.target is not np.concatenate
            or op.out is not None
            or not op.pure
            or op.outs[0].storage.escapes
        ):
            continue
        out = op.outs[0]
        parts = op.args[0]
        if out.storage.written or len(out.shape) != 1 or not all(part.__class__ is Ref for part in parts) or op.kwargs:
            continue
        start = 0
        moved = 0
        first = len(program.ops)
        rest: list[tuple[int, Value]] = []
        for part in parts:
            value: Value = part.value
            storage = value.storage
            maker = storage.op
            base = maker.outs[0] if maker is not None and len(maker.outs) == 1 else None
            fits = (
                storage.kind == "made"
                and maker is not None
                and base is not None
                and id(maker) in place
                and not storage.written
                and not storage.escapes
                and into(maker) is not None
                and base.whole
                and base.contiguous
                and value.contiguous
                and value.offset == 0
                and value.nbytes == base.nbytes
                and value.dtype == out.dtype == base.dtype
                and not base.scalar
                and place[id(maker)] < place[id(op)]
                and storage is not out.storage
            )
            if fits:
                assert maker is not None
                assert base is not None
                for inside in members[storage.index]:
                    inside.storage = out.storage
                    inside.offset += start
                    inside.whole = False
                members[out.storage.index].extend(members[storage.index])
                maker.out, maker.outs, maker.writes = base, (), (out.storage,)
                first = min(first, place[id(maker)])
                moved += 1
            else:
                rest.append((start, value))
            start += value.nbytes
        if not moved:
            continue
        room = Op("function", np.empty_like, (), {}).beside(op)
        room.outs = (out,)
        out.storage.op = out.op = room
        inserted.append((first, room))
        copies = []
        for offset, value in rest:
            piece = program.value(out.storage, out.dtype, value.shape, (out.dtype.itemsize,), offset)
            copy = Op("change", np.copyto, (Ref(piece), Ref(value)), {}).beside(op)
            copy.pure, copy.writes, copy.out = False, (out.storage,), piece
            copies.append(copy)
        dropped.add(id(op))
        inserted += [(place[id(op)], copy) for copy in copies]
    if not inserted:
        return
    ops: list[Op] = []
    by_place: dict[int, list[Op]] = {}
    for i, op in inserted:
        by_place.setdefault(i, []).append(op)
    for i, op in enumerate(program.ops):
        ops += by_place.get(i, ())
        if id(op) not in dropped:
            ops.append(op)
    program.ops = ops
    program.settle()
