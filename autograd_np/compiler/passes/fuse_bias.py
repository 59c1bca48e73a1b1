"""Fuse a bias into its matrix product: ``x @ W + b`` is ``[x 1] @ [W; b]``, and ``[x 1]ᵀ @ dz`` is ``[dW; db]``.

For inputs of few features the bias costs as much as the product, for NumPy broadcasts it, and so does the sum of its gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Op, Program, Ref, Value

__all__ = ["join_bias"]


def _product(op: Op | None) -> bool:
    """Whether a call is a product of two matrices."""
    return (
        op is not None
        and op.kind == "function"
        and op.target is np.dot
        and not op.kwargs
        and len(op.args) == 2
        and all(item.__class__ is Ref and len(item.value.shape) == 2 for item in op.args)
        and op.result.dtype.char in "fd"
    )


def join_bias(program: Program) -> None:
    """Take the bias into the product, and its gradient into that of the weight, for arguments of few features."""
    uses, makers = program.uses(), program.makers()
    place = {id(op): i for i, op in enumerate(program.ops)}
    replaced: dict[int, list[Op]] = {}
    wide: dict[int, Value] = {}  # x → [x 1]
    fills: dict[int, list[Op]] = {}  # x → what makes [x 1]
    first: dict[int, Op] = {}  # x → the first product with it
    for add in program.ops:
        if add.kind != "ufunc" or add.target is not np.add or add.kwargs or add.out is not None or len(add.args) != 2:
            continue
        if add.args[0].__class__ is not Ref or add.args[1].__class__ is not Ref:
            continue
        product, bias = add.args[0].value, add.args[1].value
        dot = makers.get(product.index)
        if (
            dot is None
            or not _product(dot)
            or dot.out is not None
            or uses[product.index] != 1
            or product.shape != add.result.shape
        ):
            continue
        x, weight = dot.args[0].value, dot.args[1].value
        rows, k = x.shape
        n = weight.shape[1]
        beside = (
            weight.storage is bias.storage
            and weight.contiguous
            and bias.contiguous
            and bias.offset == weight.offset + weight.nbytes
            and bias.shape in ((n,), ())
            and bias.size == n
            and weight.dtype == bias.dtype == x.dtype
        )
        if (
            not beside
            or 2 * k > n
            or x.storage.kind != "argument"
            or x.storage.written
            or not rows
            or not k
            or (id(dot) in replaced)
        ):
            continue
        between = program.ops[place[id(dot)] + 1 : place[id(add)]]
        if any(bias.storage in op.writes or any(value.index == bias.index for value in op.outs) for op in between):
            continue  # by then the bias is another one, or there is none before
        size = x.dtype.itemsize
        if x.index not in wide:
            whole = program.constant(np.ones((rows, k + 1), x.dtype))
            part = program.value(whole.storage, x.dtype, x.shape, ((k + 1) * size, size))
            cut = program.view(dot, part, "getitem", "getitem", Ref(whole), (slice(None), slice(None, k)))
            fill = Op("change", np.copyto, (Ref(part), Ref(x)), {})
            fill.pure, fill.writes, fill.out = False, (whole.storage,), part
            fills[x.index] = [cut, fill]
            wide[x.index] = whole
        if x.index not in first or place[id(dot)] < place[id(first[x.index])]:
            first[x.index] = dot
        both = program.value(weight.storage, weight.dtype, (k + 1, n), (n * size, size), weight.offset)
        join = program.view(dot, both, "function", _stacked, Ref(weight), Ref(bias))
        dot.args = (Ref(wide[x.index]), Ref(both))
        dot.outs, result = add.outs, add.outs[0]
        result.op = result.storage.op = dot
        replaced[id(dot)] = [join, dot]
        replaced[id(add)] = []
    if not replaced:
        return
    for index, dot in first.items():
        for op in fills[index]:
            op.beside(dot)
        replaced[id(dot)] = [*fills[index], *replaced[id(dot)]]
    program.ops = [each for op in program.ops for each in replaced.get(id(op), [op])]
    _join_gradients(program, wide)


def _stacked(weight: Any, bias: Any) -> Any:
    """A weight and the bias that lies behind it in memory, as one matrix."""
    rows, columns = weight.shape
    return np.lib.stride_tricks.as_strided(weight, (rows + 1, columns))


def _join_gradients(program: Program, wide: dict[int, Value]) -> None:
    """The gradients of weight and bias as one product, where they are wanted one behind the other."""
    views = {op.outs[0].index: op for op in program.ops if op.view and op.kind in ("attribute", "method") and op.outs}
    sums: dict[tuple[int, int], Op] = {}  # where the gradient of a bias is put → the product with ones
    for op in program.ops:
        if op.out is not None and op.kind == "function" and op.target is np.dot and not op.kwargs:
            ones = op.args[0].value if op.args[0].__class__ is Ref else None
            if (
                ones is not None
                and len(ones.shape) == 1
                and ones.storage.kind == "constant"
                and ones.array is not None
                and (ones.array == 1).all()
            ):
                sums[op.out.storage.index, op.out.offset] = op
    replaced: dict[int, list[Op]] = {}
    for op in program.ops:
        if op.out is None or not _product(op):
            continue
        turned = views.get(op.args[0].value.index)
        if (
            turned is None
            or turned.target not in ("T", "transpose")
            or turned.args[0].__class__ is not Ref
            or (turned.target == "transpose" and len(turned.args) > 1)
        ):
            continue
        x = turned.args[0].value
        out, dz = op.out, op.args[1].value
        total = sums.get((out.storage.index, out.offset + out.nbytes))
        if x.index not in wide or total is None or not out.contiguous or total.args[1].__class__ is not Ref:
            continue
        seen = total.args[1].value
        if seen.region != dz.region or total.out is None or total.out.size != out.shape[1]:
            continue
        k, n = out.shape
        size = out.dtype.itemsize
        flipped = program.value(wide[x.index].storage, out.dtype, (k + 1, x.shape[0]), (size, (k + 1) * size))
        turn = program.view(op, flipped, "attribute", "T", Ref(wide[x.index]))
        both = program.value(out.storage, out.dtype, (k + 1, n), (n * size, size), out.offset)
        start, end = sorted((program.ops.index(op), program.ops.index(total)))
        between = program.ops[start + 1 : end]
        if any(
            dz.storage in other.writes or any(value.storage is out.storage for value in other.inputs())
            for other in between
            if not other.view
        ):
            continue
        place, later = program.ops[end], program.ops[start]
        joined = Op("function", np.dot, (Ref(flipped), Ref(dz)), {}).beside(op)
        joined.out, joined.writes = both, (out.storage,)
        replaced[id(later)] = []
        replaced[id(place)] = [turn, joined]
    program.ops = [each for op in program.ops for each in replaced.get(id(op), [op])]
