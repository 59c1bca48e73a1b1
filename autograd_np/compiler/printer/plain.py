"""Print the program as one would write it by hand: expressions instead of buffers."""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ir import Op, Program, Ref, Value
from ..trace.provenance import Story
from .calls import Line, Writer, render
from .emit import Emitted, head
from .names import Namer

__all__ = ["write_plain"]

_LONGEST = 44  # characters of an expression that goes into another one
_WIDE = 110  # and of a line

# How a ufunc is written, and how tightly it binds.
_INFIX: dict[Any, tuple[str, int]] = {
    np.matmul: ("@", 6), np.multiply: ("*", 6), np.divide: ("/", 6), np.floor_divide: ("//", 6), np.remainder: ("%", 6), np.add: ("+", 5),
    np.subtract: ("-", 5), np.bitwise_and: ("&", 4), np.bitwise_xor: ("^", 3), np.bitwise_or: ("|", 2), np.greater: (">", 1), np.less: ("<", 1),
    np.greater_equal: (">=", 1), np.less_equal: ("<=", 1), np.equal: ("==", 1), np.not_equal: ("!=", 1),
}  # fmt: skip
_ATOM = 9
_REDUCTIONS = {np.add: "sum", np.multiply: "prod", np.maximum: "max", np.minimum: "min"}


def _between(places: Sequence[int], start: int, end: int) -> bool:
    """Whether one of the places, which are sorted, lies between two others."""
    k = bisect.bisect_right(places, start)
    return k < len(places) and places[k] < end


def write_plain(program: Program, story: Story | None) -> Emitted:
    """Write the calls of a program as they were before anything was done for speed alone."""
    return _Plain(program, story).write()


class _Plain(Writer):
    def __init__(self, program: Program, story: Story | None) -> None:
        self.ops, self.outputs = program.written_out
        super().__init__(Namer(self.ops, program.became, story, self.outputs))
        self.program = program
        self.story = story
        self.waiting: dict[
            int, tuple[str, int]
        ] = {}  # values that are put into the place where they are used: (text, how tightly it binds)
        self.makers: dict[int, Op] = {}
        self.written: set[str] = set()  # names of arrays that are given and get assigned with an operator
        self.uses: dict[int, int] = {}
        self.places: dict[int, int] = {}  # value → the place of its last use
        self.writes: dict[int, list[int]] = {}  # storage → the places where it is written
        self.storages: dict[int, int] = {}  # storage → the place of its last use
        self.reads: dict[int, set[int]] = {}  # a value that waits → the storages that its expression reads
        self.again: dict[int, Value] = {}  # a view of views → the value that they began with, if it shows just that
        self.ends: dict[int, int] = {}  # the place of a call → where its value is used, if it goes on waiting
        self.returned = {value.index for value in self.outputs}
        self._count()
        self.changed = {*self.writes}

    # ---------------------------------------------------------------- expressions

    def text(self, value: Value) -> str:
        return self.bound_text(value, 0)

    def bound_text(self, value: Value, tightly: int) -> str:
        """A value as an operand, in brackets where it would fall apart."""
        if value.index in self.waiting:
            text, binds = self.waiting[value.index]
            return text if binds > tightly else f"({text})"
        found = self.names.get(value.index)
        if found is not None:
            return found
        storage = value.storage
        if storage.kind == "constant":
            if value.scalar and value.dtype.kind in "fc":
                return f"np.{value.dtype.name}({value.array.item()!r})"
            return self.constant(value)
        if value.array is not None and storage.external:
            name = self.named(value)
            self.bound[name] = value.array
            return name
        raise AssertionError(f"{value!r} has no name yet")

    def operand(self, item: Any, tightly: int) -> str:
        """An operand of an operator."""
        if item.__class__ is Ref:
            return self.bound_text(item.value, tightly)
        text = self.argument(item)
        return f"({text})" if text.startswith("-") and tightly > 5 else text

    def plainly(self, op: Op) -> tuple[str, int]:
        """A call as an expression, and how tightly it binds."""
        kind, target, args, options = op.kind, op.target, op.args, op.kwargs
        infix = _INFIX.get(target) if kind == "ufunc" and not options and len(args) == 2 else None
        if (
            kind == "function"
            and target is np.dot
            and not options
            and all(item.__class__ is Ref and len(item.value.shape) == 2 for item in args)
        ):
            infix = ("@", 6)
        arrays = any(item.__class__ is Ref for item in args)
        if (
            infix is not None
            and arrays
            and not (infix[1] == 1 and any(isinstance(item, (list, tuple)) for item in args))
        ):
            sign, binds = infix
            # (Equal operators group from the left: the order of operations is as it was.)
            left = self._number(op, 0) or self.operand(args[0], binds - 1 if binds > 1 else 1)
            right = self._number(op, 1) or self.operand(args[1], binds)
            return f"{left} {sign} {right}", binds
        if kind == "ufunc" and target is np.negative and not options:
            return f"-{self.operand(args[0], 7)}", 7
        reduces = kind == "ufunc method" and target[1] == "reduce" and target[0] in _REDUCTIONS
        if reduces and args[0].__class__ is Ref and not {"where", "initial"} & {*options}:
            of = self.bound_text(args[0].value, 8)
            given = [
                f"{key}={self.argument(item)}" for key, item in options.items() if not (key == "axis" and item is None)
            ]
            return f"{of}.{_REDUCTIONS[target[0]]}({', '.join(given)})", _ATOM
        if kind == "method" and target == "view" and (found := self._masked(op)) is not None:
            return found, _ATOM
        if kind in ("getitem", "attribute", "method") and args[0].__class__ is Ref:
            of = self.bound_text(args[0].value, 8)
            if kind == "getitem":
                return f"{of}[{self.index(args[1])}]", _ATOM
            if kind == "attribute":
                return f"{of}.{target}", _ATOM
            return self.call(f"{of}.{target}", [self.argument(a) for a in args[1:]], self.options(op)), _ATOM
        if kind == "function" and target is np.reshape and len(args) == 2 and not options and args[0].__class__ is Ref:
            return f"{self.bound_text(args[0].value, 8)}.reshape({self.argument(args[1])})", _ATOM
        if (
            kind == "fill"
            and args[0].__class__ in (int, float)
            and args[0] in (0, 1)
            and not np.signbit(args[0])
            and op.outs[0].contiguous
        ):
            return f"np.{'ones' if args[0] else 'zeros'}({op.outs[0].shape}, {self.argument(op.outs[0].dtype)})", _ATOM
        return self.expression(op), _ATOM

    def _number(self, op: Op, k: int) -> str | None:
        """An operand that holds one number everywhere, as that number, where NumPy makes the same of it."""
        item, other, out = op.args[k], op.args[1 - k], op.outs[0] if op.outs else op.out
        if (
            item.__class__ is not Ref
            or other.__class__ is not Ref
            or out is None
            or op.kind != "ufunc"
            or op.target is np.matmul
        ):
            return None
        value, beside = item.value, other.value
        array = value.array
        if value.storage.kind != "constant" or value.storage.written or beside.storage.kind == "constant":
            return None
        if value.dtype != beside.dtype or value.dtype.kind != "f":
            return None
        if (
            beside.shape != out.shape
            or not array.size
            or not (array == array.reshape(-1)[0]).all()
            or not np.isfinite(array).all()
        ):
            return None
        text = str(array.reshape(-1)[0])
        return f"({text})" if text.startswith("-") else text

    def _masked(self, op: Op) -> str | None:
        """``x`` where a mask holds and 0 elsewhere: a product of its bits and the mask."""
        product = self.makers.get(op.args[0].value.index)
        out = op.outs[0]
        if product is None or product.kind != "ufunc" or product.target is not np.multiply:
            return None
        if op.args[0].value.index not in self.waiting:
            return None
        for bits, mask in (product.args, product.args[::-1]):
            if bits.__class__ is not Ref or mask.__class__ is not Ref or mask.value.dtype.kind != "b":
                continue
            viewing = self.makers.get(bits.value.index)
            if (
                viewing is not None
                and viewing.target == "view"
                and viewing.args[0].value.dtype == out.dtype
                and bits.value.index in self.waiting
            ):
                return f"np.where({self.text(mask.value)}, {self.text(viewing.args[0].value)}, 0)"
        return None

    # ---------------------------------------------------------------- statements

    def waits(self, i: int, op: Op, text: str) -> bool:
        """Whether an expression can stand where its value is used, rather than get a name and a line."""
        value = op.outs[0]
        trivial = op.view and len(text) <= 16 and op.kind != "getitem"
        if (
            (not op.pure and op.kind != "fill")
            or len(op.outs) != 1
            or op.several
            or (value.storage.index in self.writes and not op.view)
        ):
            return False
        if self.uses.get(value.index, 0) != 1 and not (trivial and value.index not in self.returned):
            return False
        if self.namer.named(value) or len(text) > _LONGEST:
            return False
        end = self.places.get(value.index, i)
        if end >= len(self.ops) or self.ops[end].section != op.section or self.ops[end].quiet != op.quiet:
            return False
        if self.ops[end].node is not op.node and not trivial:
            return False
        reads = set() if op.view else {value.storage.index for value in op.inputs()}  # (a view reads nothing)
        for other in op.inputs():
            reads |= self.reads.get(other.index, set())
        last = self._used_at_last(end)
        if any(_between(self.writes.get(storage, ()), i, last) for storage in reads):
            return False
        self.reads[value.index] = reads
        return True

    def _used_at_last(self, place: int) -> int:
        """Where what the call at a place takes is used: a value that goes on waiting in another expression is used where that one is."""
        path: list[int] = []
        last = place
        while last not in self.ends:
            path.append(last)
            user = self.ops[last]
            if len(user.outs) != 1 or user.view or self.uses.get(user.outs[0].index, 0) != 1:
                break
            if self.namer.named(user.outs[0]):
                break
            following = self.places.get(user.outs[0].index, last)
            if following <= last or following >= len(self.ops):
                break
            last = following
        end = self.ends.get(last, last)
        self.ends.update(dict.fromkeys(path, end))
        return end

    def place(self, item: Any) -> str:
        return self.operand(item, 8)

    def statement(self, i: int, op: Op) -> Line | None:
        """A call as a line; None where it waits."""
        if (effect := self.effect(op)) is not None:
            return effect
        if op.out is not None:
            return self.overwriting(op)
        if not op.outs:
            return Line(self.expression(op), op)
        if op.several or len(op.outs) > 1:
            text = self.expression(op)
            return Line(
                ", ".join([self.named(value) for value in op.outs]) + f"{',' if len(op.outs) == 1 else ''} = {text}", op
            )
        source = self.again.get(op.outs[0].index) or self._copied(i, op)
        if source is not None:
            self.waiting[op.outs[0].index] = (self.bound_text(source, 8), _ATOM)
            return None
        text, binds = self.plainly(op)
        if self.waits(i, op, text):
            self.waiting[op.outs[0].index] = (text, binds)
            return None
        value = op.outs[0]
        return Line(f"{self.named(value)} = {text}", op, str(value.shape) if value.shape and len(text) < _WIDE else "")

    def _copied(self, i: int, op: Op) -> Value | None:
        """What is copied, where nobody would see the difference if it were not."""
        copies = (op.kind == "method" and op.target == "copy") or (op.kind == "function" and op.target is np.copy)
        if not copies and not (
            op.kind == "getitem" and op.args[1].__class__ is tuple and not op.args[1] and op.outs[0].scalar
        ):
            return None
        source, out = op.args[0].value, op.outs[0]
        if source.scalar or source.storage.kind != "made" or not source.whole or source.strides != out.strides:
            return source if source.scalar and out.scalar else None
        held = source.storage.index
        others = {value.storage.index for value in self.outputs}
        return source if self.storages.get(held) == i and held not in others and not out.storage.written else None

    def overwriting(self, op: Op) -> Line:
        """A call that writes into an array that is there: with an operator where there is one for it."""
        out = op.out
        assert out is not None
        infix = _INFIX.get(op.target) if op.kind == "ufunc" and not op.kwargs and len(op.args) == 2 else None
        if infix is not None and infix[1] > 1 and infix[0] != "@":
            places = [k for k in (0, 1) if op.args[k].__class__ is Ref and op.args[k].value.region == out.region]
            if places and (places[0] == 0 or infix[0] in "+*"):
                name = self.text(out)
                if (
                    name.isidentifier()
                    and out.array is not None
                    and out.storage.external
                    and out.storage.kind != "argument"
                ):
                    self.written.add(name)
                if name.isidentifier():
                    return Line(f"{name} {infix[0]}= {self.argument(op.args[1 - places[0]])}", op)
        name = self.text(out)
        if op.kind == "fill":
            return Line(f"{name}[...] = {self.argument(op.args[0])}", op)
        if op.kind in ("method", "attribute", "getitem"):
            return Line(f"{name}[...] = {self.plainly(op)[0]}", op)
        if op.kind == "random":
            return Line(f"{name}[...] = {self.expression(op)}", op)
        return Line(self.call(self.function(op), self.operands(op), self.options(op), [f"out={name}"]), op)

    # ---------------------------------------------------------------- the whole

    def write(self) -> Emitted:
        """The program."""
        story = self.story
        function = self.fresh(story.function if story is not None else "run")
        parameters = [self.named(value) for value in self.program.arguments]
        self._unpack()
        lines = [line for i, op in enumerate(self.ops) if (line := self.statement(i, op)) is not None]
        results = self.results(self.outputs)
        texts = [*render(lines), "    return " + (", ".join(results) if results else "None")]
        if self.written:
            texts.insert(0, f"    global {', '.join(sorted(self.written))}")
        body = f"def {function}({', '.join(parameters)}):\n" + "\n".join(texts) + "\n"
        setup, bound = self.used(body)
        text = [
            *head(story, self.program, parameters, bound, []),
            "import numpy as np",
            "",
            *[line for _, _, line in setup],
        ]
        emitted = Emitted(function, re.sub(r"\n{4,}", "\n\n\n", "\n".join(text).rstrip("\n") + "\n"), body, bound)
        emitted.parameters, emitted.lines, emitted.results = parameters, lines, results
        return emitted

    def _unpack(self) -> None:
        """Where parameters that lie side by side are updated together by a few calls, update them one by one: ``W1 -= lr * dW1``."""
        joins = [
            op
            for op in self.ops
            if op.kind == "function" and op.target is np.concatenate and op.section == "update" and op.pure
        ]
        for join in joins:
            gradient = join.outs[0]
            parts = join.args[0]
            users = [
                op for op in self.ops if op is not join and any(value.index == gradient.index for value in op.inputs())
            ]
            if len(users) != 1 or users[0].target is not np.multiply or self.uses[gradient.index] != 1:
                continue
            if not all(part.__class__ is Ref for part in parts):
                continue
            scaling = users[0]
            scaled = scaling.outs[0] if len(scaling.outs) == 1 else None
            writes = [
                op
                for op in self.ops
                if scaled is not None and any(value.index == scaled.index for value in op.inputs())
            ]
            if scaled is None or len(writes) != 1 or writes[0].target is not np.subtract:
                continue
            update = writes[0]
            if update.out is None or update.args[0].__class__ is not Ref or update.args[0].value is not update.out:
                continue
            flat = update.out
            if not flat.storage.external or self.story is None:
                continue
            rates = [
                item for item in scaling.args if not (item.__class__ is Ref and item.value.index == gradient.index)
            ]
            here = [value for _, value in self.story.parameters if value.storage is flat.storage and value.contiguous]
            arrays = {value.offset: value for value in here if value.dtype == flat.dtype}
            pairs, at = [], flat.offset
            for part in parts:
                source = part.value
                maker = self.makers.get(source.index)
                if maker is not None and maker.target is np.reshape and maker.args[0].__class__ is Ref:
                    source = maker.args[0].value
                p = arrays.get(at)
                if p is None or p.shape != source.shape or p.size != part.value.size:
                    break
                pairs.append((p, source, maker if source is not part.value else None))
                at += part.value.nbytes
            else:
                new: list[Op] = []
                for p, g, _ in pairs:
                    step = Op("ufunc", np.multiply, (rates[0], Ref(g)), {})
                    made = Value(self.program.next_index(), np.empty(0), scaled.storage, 0, True)
                    made.shape, made.dtype, made.strides = g.shape, g.dtype, g.strides
                    step.outs = (made,)
                    down = Op("ufunc", np.subtract, (Ref(p), Ref(made)), {})
                    down.out, down.writes = p, (p.storage,)
                    for op in (step, down):
                        op.section, op.quiet, op.position = "update", update.quiet, update.position
                    new += [step, down]
                gone = {
                    id(join),
                    id(scaling),
                    id(update),
                    *[id(maker) for _, _, maker in pairs if maker is not None and self.uses[maker.outs[0].index] == 1],
                }
                where = self.ops.index(update)
                self.ops[where + 1 : where + 1] = new
                self.ops = [op for op in self.ops if id(op) not in gone]
        if joins:
            self._count()

    def _count(self) -> None:
        for table in (self.uses, self.places, self.writes, self.makers, self.storages, self.again):
            table.clear()
        self.ends.clear()
        for i, op in enumerate(self.ops):
            if self._shows_again(op):
                continue
            for value in op.inputs():
                value = self.again.get(value.index, value)
                self.uses[value.index] = self.uses.get(value.index, 0) + 1
                self.places[value.index] = self.storages[value.storage.index] = i
            for storage in op.writes:
                self.writes.setdefault(storage.index, []).append(i)
            for value in op.outs:
                self.makers[value.index] = op
        for value in self.outputs:
            value = self.again.get(value.index, value)
            self.uses[value.index] = self.uses.get(value.index, 0) + 2
            self.places[value.index] = len(self.ops)

    def _shows_again(self, op: Op) -> bool:
        """Whether a view leads back to where the views before it began: ``x.reshape(-1).reshape(x.shape)`` is x."""
        if not op.view or len(op.outs) != 1 or self.namer.named(op.outs[0]):
            return False
        out, maker = op.outs[0], op
        while maker.view and maker.args and maker.args[0].__class__ is Ref:
            source = maker.args[0].value
            source = self.again.get(source.index, source)
            if source.region == out.region and source.dtype == out.dtype:
                self.again[out.index] = source
                return True
            if source.index not in self.makers:
                return False
            maker = self.makers[source.index]
        return False
