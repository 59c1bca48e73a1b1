"""Dead code elimination, common subexpressions, constant folding.

Each pass takes a :class:`Program` and changes it. None changes the order of operations on numbers, unless it says so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.errors import CompileError
from ..ir import Op, Program, Ref, Value, map_values

__all__ = ["drop_views", "hoist_assumptions", "remove_dead", "share", "simplify", "split_versions"]


def _move(values: list[Value], old: Value, new: Value) -> None:
    """Let what lies in the storage of ``old`` lie where ``new`` lies, which has the same layout."""
    storage, start = old.storage, old.offset
    for value in values:
        if value.storage is storage:
            value.storage = new.storage
            value.offset += new.offset - start
            value.whole = value.whole and new.whole


def hoist_assumptions(program: Program) -> None:
    """Put the tests on whose answers the program rests first, with what they need: before anything is written.

    Raises:
        CompileError: such a test depends on what the program writes.
    """
    tests = [op for op in program.ops if op.kind == "assume"]
    if not tests:
        return
    makers = program.makers()
    first: dict[int, Op] = {}
    for test in tests:
        stack = [test]
        while stack:
            op = stack.pop()
            if id(op) in first:
                continue
            first[id(op)] = op
            if op.writes or (not op.pure and op is not test):
                raise CompileError(
                    f"compile: {getattr(op.target, '__name__', op.target)} decides how something is computed after the function has written"
                )
            stack += [makers[value.index] for value in op.inputs() if value.index in makers]
    early = [op for op in program.ops if id(op) in first]
    program.ops = [*early, *[op for op in program.ops if id(op) not in first]]


# ---------------------------------------------------------------- versions


def split_versions(program: Program) -> None:
    """Give each overwriting of a whole intermediate array a value and a storage of its own.

    ``np.add(h, b, out=h)`` becomes ``h₂ = h₁ + b``, and what an ``empty_like`` set aside is forgotten: where the results lie is the
    planner's business. Arrays that are written in parts, or through views, stay as they are.
    """
    partial: set[int] = set()
    for op in program.ops:
        for value in (*op.inputs(), *op.outs):
            if not value.whole or value.scalar:
                partial.add(value.storage.index)
        if op.writes and not op.natural:
            partial.update(storage.index for storage in op.writes)
    for value in program.outputs:
        if not value.whole:
            partial.add(value.storage.index)
    current: dict[int, Value] = {}  # storage → its value now

    def now(value: Value) -> Value:
        return current.get(value.storage.index, value)

    for op in program.ops:
        op.args = map_values(op.args, lambda value: Ref(now(value)))
        op.kwargs = map_values(op.kwargs, lambda value: Ref(now(value)))
        if op.out is not None and op.writes and op.out.storage.kind == "made" and op.out.storage.index not in partial:
            old = op.out
            made = program.value(program.storage("made", old.nbytes), old.dtype, old.shape, old.strides, whole=True)
            made.op = made.storage.op = op
            made.label = old.label
            op.out, op.writes, op.outs = None, (), (made,)
            current[old.storage.index] = made
            program.supersede(old, made)
    program.outputs = [now(value) for value in program.outputs]
    program.settle()


# ---------------------------------------------------------------- what is computed twice


def _key(tree: Any, versions: dict[int, int], canonical: dict[int, int]) -> Any:
    kind = tree.__class__
    if kind is Ref:
        value = tree.value
        return ("v", canonical.get(value.index, value.index), versions.get(value.storage.index, 0))
    if kind is tuple or kind is list:
        return (kind, *[_key(item, versions, canonical) for item in tree])
    if kind is dict:
        return tuple([(key, _key(item, versions, canonical)) for key, item in sorted(tree.items())])
    if kind is slice:
        return ("slice", *[_key(item, versions, canonical) for item in (tree.start, tree.stop, tree.step)])
    if isinstance(tree, (float, complex, np.inexact)) and tree == 0:
        return (kind, repr(tree))  # (0.0 and -0.0 are equal)
    return (kind, tree)


def share(program: Program) -> None:
    """Compute equal things once: calls of the same function with the same arguments, and views of the same memory."""
    table: dict[Any, tuple[Value, ...]] = {}
    versions: dict[int, int] = {}
    canonical: dict[int, int] = {}
    replaced: dict[Value, Value] = {}
    members = program.values()
    ops = []
    for op in program.ops:
        # (What sets memory aside says nothing of its shape in its arguments.)
        mergeable = op.pure and not op.writes and op.kind != "fill" and op.target is not np.empty_like
        mergeable = (
            mergeable
            and all(v.whole or op.view for v in op.outs)
            and not any((v.storage.written or v.storage.escapes) and not op.view for v in op.outs)
        )
        if mergeable and op.outs:
            if op.view:
                key: Any = (
                    ("view", op.several, *[value.region for value in op.outs])
                    if not op.outs[0].storage.escapes
                    else None
                )
            else:
                key = (op.kind, op.target, _key(op.args, versions, canonical), _key(op.kwargs, versions, canonical))
            try:
                known = table.get(key) if key is not None else None
            except TypeError:
                known = key = None
            if known is not None:
                for value, same in zip(op.outs, known, strict=True):
                    replaced[value] = same
                    if value.storage is not same.storage:
                        moved = members.get(value.storage.index, [])
                        _move(moved, value, same)
                        members.setdefault(same.storage.index, []).extend(moved)
                    canonical[value.index] = canonical.get(same.index, same.index)
                continue
            if key is not None:
                table[key] = op.outs
        ops.append(op)
        for storage in op.writes:
            versions[storage.index] = versions.get(storage.index, 0) + 1
    program.replace(replaced)
    program.ops = ops


# ---------------------------------------------------------------- what is not needed


def remove_dead(program: Program) -> None:
    """Drop the calls on which neither a result nor the caller's memory depends, and those whose result is known."""
    live = {value.storage.index for value in program.outputs}  # storages whose content is asked for later
    used = {value.index for value in program.outputs}
    kept = []
    for op in reversed(program.ops):
        if op.outs and all(value.storage.kind == "constant" for value in op.outs):
            continue
        if op.view:
            needed = any(value.index in used for value in op.outs)
        else:
            needed = not op.pure and not op.writes  # random numbers, checks
            needed = needed or any(storage.external or storage.index in live for storage in op.writes)
            needed = needed or any(value.storage.index in live for value in op.outs)
        if needed:
            kept.append(op)
            for value in op.inputs():
                live.add(value.storage.index)
                used.add(value.index)
    program.ops = kept[::-1]
    program.settle()


def drop_views(program: Program) -> None:
    """Drop the views that nobody looks at any more."""
    used = {value.index for value in program.outputs}
    kept = []
    for op in reversed(program.ops):
        if not op.view or any(value.index in used for value in op.outs):
            kept.append(op)
            used.update(value.index for value in op.inputs())
    program.ops = kept[::-1]


# ---------------------------------------------------------------- algebra that changes no bit


def _is(value: Any, number: float) -> bool:
    """Whether an operand is this number, wherever one looks."""
    if value.__class__ is Ref:
        known = value.value
        if known.storage.kind != "constant" or known.array is None or known.size > 4096:
            return False
        return bool(np.all(known.array == number))
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == number


def _stands_for(op: Op) -> Value | None:
    """The operand that a call only repeats: a copy, or a product with one."""
    out = op.outs[0]
    source: Any = None
    if op.kind == "ufunc" and not op.kwargs and len(op.args) == 2:
        a, b = op.args
        if op.target is np.multiply:
            source = a if _is(b, 1) else b if _is(a, 1) else None
        elif op.target is np.divide:
            source = a if _is(b, 1) else None
    elif (
        (op.kind == "method" and op.target in ("copy", "astype"))
        or (op.kind == "function" and op.target is np.copy)
        or op.target is np.positive
    ):
        source = op.args[0]
    if source.__class__ is not Ref:
        return None
    value: Value = source.value
    same = (
        value.shape == out.shape
        and value.dtype == out.dtype
        and (value.strides == out.strides or value.scalar or out.scalar)
    )
    return value if same else None


def simplify(program: Program) -> None:
    """Leave out what changes nothing: copies that nobody writes to, products with one."""
    replaced: dict[Value, Value] = {}
    members = program.values()
    ops = []
    for op in program.ops:
        if op.pure and len(op.outs) == 1 and op.out is None and not op.view:
            out = op.outs[0]
            if not out.storage.written and not out.storage.escapes:
                value = _stands_for(op)
                if value is not None and not value.storage.written and out.whole:
                    replaced[out] = value
                    moved = members.get(out.storage.index, [])
                    _move(moved, out, value)
                    members.setdefault(value.storage.index, []).extend(moved)
                    continue
            if op.kind == "ufunc" and op.target is np.matmul and not op.kwargs and _plain_matrices(op):
                op.kind, op.target = "function", np.dot
        ops.append(op)
    program.replace(replaced)
    program.ops = ops


def _plain_matrices(op: Op) -> bool:
    """Whether a matmul is a product of two matrices as BLAS takes them."""
    for item in op.args:
        if item.__class__ is not Ref or len(item.value.shape) != 2 or item.value.dtype.char not in "fd":
            return False
        rows, columns = item.value.strides
        if (
            item.value.dtype.itemsize not in (rows, columns) or min(rows, columns) < 0
        ):  # (the two may go other ways with such as these)
            return False
    return bool(op.args[0].value.dtype == op.args[1].value.dtype)
