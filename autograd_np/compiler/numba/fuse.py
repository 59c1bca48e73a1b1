"""Loop fusion for numba: one loop for each chain of elementwise calls and the sum at its end.

A chain is a run of calls over the same elements. What is made and needed inside a chain alone is never stored. Matrix products, and
functions that Numba computes more slowly or rounds otherwise (``exp``, ``log``, ``tanh``, …), stay calls of NumPy between the loops.
"""

from __future__ import annotations

import numpy as np

from ..ir import Group, Op, Program, Ref
from ..plan import into
from .chains import FEWEST, Chain, Found, find, reducible, step_of

__all__ = ["Loop", "fuse_loops", "worth"]

LONGEST = 40  # calls of a loop
WIDEST = 30  # arrays of a loop
OPEN = 4  # chains that are collected at a time


class Loop(Group):
    """A chain that is run as one loop.

    Attributes:
        ops: its calls.
        chain: what is computed where.
        inner: the storages of what is not needed outside.
        spent: the storages that are there before, and whose new content is not needed outside.
    """

    __slots__ = ("chain", "spent")

    def __init__(self, chain: Chain, inner: set[int], spent: set[int]) -> None:
        super().__init__("loop", [step.op for step in chain.steps], inner)
        self.chain = chain
        self.spent = spent


def fuse_loops(program: Program) -> None:
    """Replace chains of elementwise calls, and what sums their results, by :class:`Loop`."""
    _Fusion(program).run()


class _Fusion:
    """Goes through a program and collects chains.

    Several chains are open at a time. None has to do with another, nor with the calls that follow its own and are not in it: a chain is
    closed before such a call, and takes its place there.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.chosen = _choose(program)
        self.kept = {
            op.outs[0].storage.index
            for op in program.ops
            if len(op.outs) == 1 and (into(op) is not None or id(op) in self.chosen)
        }
        self.readers: dict[int, list[int]] = {}
        for i, op in enumerate(program.ops):
            for value in op.inputs():
                self.readers.setdefault(value.storage.index, []).append(i)
        self.place = {id(op): i for i, op in enumerate(program.ops)}
        self.outputs = {value.storage.index for value in program.outputs}
        self.open: list[Chain] = []
        self.result: list[list[Op]] = []  # what stands in the place of each call

    def run(self) -> None:
        """Fuse."""
        for op in self.program.ops:
            self.result.append([op])
            holders = (
                [chain for chain in self.open if any(value.storage.index in chain.made for value in op.inputs())]
                if op.view
                else []
            )
            if op.view:
                if holders:
                    holders[0].after.append(op)
                continue
            found = find(op, self.kept)
            if found is None or not self._join(op, found):
                self._part(op)
        self.result.append([])
        while self.open:
            self._close(self.open[0])
        self.program.ops = [op for slot in self.result for op in slot]

    def _join(self, op: Op, found: Found) -> bool:
        """Take a call into a chain, if there is one for it or it can begin one."""
        key = (op.section, op.quiet)
        for chain in [chain for chain in self.open if chain.key != key]:
            self._close(chain)
        for chain in sorted(self.open, key=lambda chain: chain.independent(op)):
            if len(chain.steps) >= LONGEST or len(chain.values) >= WIDEST:
                continue
            step = step_of(chain, op, found)
            if step is not None and chain.near(step[0]) and (found.reduced is None or reducible(chain, step[0])):
                self._part(op, chain)
                chain.add(*step)
                return True
        if found.reduced is not None:
            return False
        fresh = Chain(tuple([length for length in found.shape if length != 1]), key)
        step = step_of(fresh, op, found)
        if step is None:
            return False
        self._part(op, fresh)
        fresh.add(*step)
        self.open.append(fresh)
        if len(self.open) > OPEN:
            self._close(self.open[0])
        return True

    def _part(self, op: Op, but: Chain | None = None) -> None:
        """Close the chains that have to do with a call."""
        for chain in [chain for chain in self.open if chain is not but]:
            if not chain.independent(op):
                self._close(chain)
            else:
                chain.between.update(
                    [*[value.storage.index for value in op.outs], *[storage.index for storage in op.writes]]
                )

    def _close(self, chain: Chain) -> None:
        """Put a chain as a loop where the program has come to; or leave its calls where they are, where a loop is not worth it."""
        self.open.remove(chain)
        ops = [step.op for step in chain.steps]
        inside = {id(op) for op in (*ops, *chain.after)}

        def read(index: int, start: int = 0) -> bool:
            return index in self.outputs or any(
                i >= start and id(self.program.ops[i]) not in inside for i in self.readers.get(index, ())
            )

        inner = {index for index in chain.made if index not in chain.closed and not read(index)}
        arrays = {
            access
            for found in (chain.reads, chain.written)
            for each in found.values()
            for access in each
            if access.storage not in inner
        }
        if not worth(len(ops), len(arrays)) and not any(id(op) in self.chosen for op in ops):
            return
        for op in (*ops, *chain.after):
            slot = self.result[self.place[id(op)]]
            slot[:] = [other for other in slot if other is not op]
        end = max(self.place[id(op)] for op in ops)
        there = {op.out.storage.index for op in ops if op.out is not None and op.out.storage.kind == "made"}
        spent = {index for index in there if not read(index, end)}
        after = [op for op in chain.after if not any(value.storage.index in inner for value in op.inputs())]
        self.result[-1][:0] = [Loop(chain, inner, spent), *after]  # before the call that the program has come to


def worth(calls: int, arrays: int) -> bool:
    """Whether a loop over some arrays is faster than so many calls: each call takes about 0.35 µs to make, a loop 0.25 µs and 0.04 µs for each array."""
    return calls >= 2 and 0.35 * calls > 0.25 + 0.04 * arrays


# ---------------------------------------------------------------- numbers chosen by their bits


def _choose(program: Program) -> set[int]:
    """Products of the bits of numbers with truth values, as choices between the numbers and 0: what they stand for. The calls that are so."""
    makers = {value.index: op for op in program.ops for value in op.outs}
    members = program.values()
    dropped: set[int] = set()
    chosen: set[int] = set()
    for op in program.ops:
        if (
            op.kind != "ufunc"
            or op.target is not np.multiply
            or op.kwargs
            or op.out is not None
            or op.outs[0].dtype.kind != "i"
        ):
            continue
        out = op.outs[0]
        if (
            out.storage.written
            or out.storage.escapes
            or out.size < FEWEST
            or any(item.__class__ is not Ref for item in op.args)
        ):
            continue
        others = [value for value in members[out.storage.index] if value is not out]
        if len(others) == 0 or any(
            value.dtype.kind != "f" or value.dtype.itemsize != out.dtype.itemsize for value in others
        ):
            continue
        for i in (0, 1):
            mask, bits = op.args[i].value, op.args[1 - i].value
            cast = makers.get(mask.index)
            if (
                mask.dtype.kind == "i"
                and cast is not None
                and cast.kind == "method"
                and cast.target == "astype"
                and cast.args[0].__class__ is Ref
            ):
                mask = cast.args[0].value
            seen = makers.get(bits.index)
            views = [view for view in (makers.get(value.index) for value in others) if view is not None and view.view]
            first = next(
                (
                    view
                    for view in views
                    if view.args[0].__class__ is Ref
                    and view.args[0].value is out
                    and view.kind == "method"
                    and view.target == "view"
                ),
                None,
            )
            if (
                mask.dtype.kind != "b"
                or mask.storage.written
                or seen is None
                or not seen.view
                or seen.kind != "method"
                or seen.target != "view"
                or first is None
            ):
                continue
            number = seen.args[0].value
            result = first.outs[0]
            direct = [view for view in views if any(value is out for value in view.inputs())]
            if (
                number.dtype != result.dtype
                or number.shape != bits.shape
                or result.shape != out.shape
                or direct != [first]
            ):
                continue
            op.kind, op.target, op.args = "function", np.where, (Ref(mask), Ref(number), result.dtype.type(0))
            op.outs = (result,)
            result.op = result.storage.op = op
            result.whole = out.whole
            dropped.add(id(first))
            chosen.add(id(op))
            break
    if dropped:
        program.ops = [op for op in program.ops if id(op) not in dropped]
        _forget(program)
    return chosen


def _forget(program: Program) -> None:
    """Drop casts and views that nothing needs any more."""
    used = {value.index for value in program.outputs}
    kept = []
    for op in reversed(program.ops):
        idle = op.pure and not op.writes and op.outs and (op.view or (op.kind == "method" and op.target == "astype"))
        if idle and not any(value.index in used or (not op.view and value.storage.escapes) for value in op.outs):
            continue
        kept.append(op)
        used.update(value.index for value in op.inputs())
    program.ops = kept[::-1]
