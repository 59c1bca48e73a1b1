"""Move in-place writes behind everything that can raise."""

from __future__ import annotations

from ..ir import Op, Program, Ref

__all__ = ["write_late"]

FIXED = ("check", "assume", "random")  # kinds whose order among each other counts


def write_late(program: Program) -> None:
    """Move the writes into memory that is there before the program runs behind what can raise, with what depends on them.

    Running statistics are written in the middle of the forward pass; a label out of range is found after it. The writes of the section
    "update" stay where they are, at the end, and so does what stands in a program in which nothing after the first write can raise.
    """
    ops = program.ops
    end = max((i + 1 for i, op in enumerate(ops) if op.section != "update"), default=0)
    first = next((i for i, op in enumerate(ops[:end]) if any(storage.external for storage in op.writes)), end)
    if end == len(ops) and not any(can_raise(op) for op in ops[first + 1 :]):
        return
    early, late = ops[:first], list[Op]()
    read, written = set[int](), set[int]()  # storages, by what is late
    for op in ops[first:end]:
        touched = {value.storage.index for value in (*op.inputs(), *op.outs)}
        changed = {storage.index for storage in op.writes}
        if (
            not (touched | changed) & written
            and not changed & read
            and not any(storage.external for storage in op.writes)
        ):
            early.append(op)
        elif op.kind in FIXED:
            early += [*late, op]
            late, read, written = [], set(), set()
        else:
            late.append(op)
            read |= touched
            written |= changed | {value.storage.index for value in op.outs}
    if end < len(ops):
        for op in late:
            op.section = "update" if op.section == "update" else "state"
    program.ops = [*early, *late, *ops[end:]]


def can_raise(op: Op) -> bool:
    """Whether a call can raise because of the numbers that it gets."""
    if op.kind in ("check", "random") or (
        op.kind in ("function", "change") and not (getattr(op.target, "__module__", None) or "").startswith("numpy")
    ):
        return True
    if op.kind in ("getitem", "setitem"):
        index = op.args[1]
        return any(item.__class__ is Ref for item in (index if index.__class__ is tuple else (index,)))
    return getattr(op.target, "__name__", op.target) in (
        "take",
        "put",
        "take_along_axis",
        "choose",
        "inv",
        "solve",
        "cholesky",
        "eig",
        "eigh",
        "svd",
        "bincount",
    )
