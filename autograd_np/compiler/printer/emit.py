"""Print the program that runs: plain NumPy, one call a line, results in preallocated buffers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from .. import threads
from ..ir import Op, Program, Value, elementwise
from ..numba.fuse import Loop
from ..numba.text import Loops
from ..passes.blocks import BLOCK, Blocks
from ..plan import Plan, copies, into
from ..trace.provenance import Story
from .calls import Line, Writer, copied_in, dtype_text, given_lines, layout, render
from .foreign_text import on_one_line
from .names import Namer

__all__ = ["Emitted", "emit", "head"]

_ARENA = """\
arena = arena[-arena.ctypes.data % 64:]  # begins where a cache line does


def buffer(offset, shape, dtype, strides=None):
    return np.ndarray(shape, dtype, arena, offset, strides)
"""


class Emitted:
    """A program as text, and the objects that its names stand for.

    Attributes:
        name: of its function.
        setup: what stands before the function.
        body: the function.
        bound: names that the text takes for given: arrays of the caller, functions that are not NumPy's.
        parameters: the names of the function's arguments.
        lines: the lines of the function before they are laid out.
        results: what it returns, as text.
        buffers: how many arrays lie in the arena.
        writes: the first line that writes what was there before.
    """

    def __init__(self, name: str, setup: str, body: str, bound: dict[str, Any]) -> None:
        self.name = name
        self.setup = setup
        self.body = body
        self.bound = bound
        self.parameters: list[str] = []
        self.lines: list[Line] = []
        self.results: list[str] = []
        self.buffers = 0
        self.writes: str | None = None
        self.loops = ""  # functions that are compiled, of a program for Numba

    @property
    def source(self) -> str:
        """Everything."""
        if not self.loops:
            return self.program
        return (
            self.setup.replace("import numpy as np\n", "import numpy as np\nfrom numba import njit\n", 1)
            + "\n\n"
            + self.loops
            + self.body
        )

    @property
    def program(self) -> str:
        """Everything but the functions that are compiled: those are given."""
        return self.setup + "\n\n" + self.body

    @property
    def writes_from(self) -> int | None:
        """The number of the first line that writes what was there before."""
        if self.writes is None:
            return None
        return next(
            (n for n, line in enumerate(self.program.split("\n"), 1) if line.strip().startswith(self.writes)), 0
        )


def emit(program: Program, plan: Plan, story: Story | None = None) -> Emitted:
    """Write a program as a Python function of its arguments."""
    return _Writer(program, plan, story).write()


def flattened(ops: list[Op]) -> list[Op]:
    """The calls, with those of a chain one by one."""
    return [each for op in ops for each in (op.ops if isinstance(op, (Blocks, Loop)) else (op,))]


def head(
    story: Story | None, program: Program, parameters: list[str], bound: dict[str, Any], more: list[str]
) -> list[str]:
    """The comment at the top of a program."""
    arguments = [f"{name} {layout(value)}" for name, value in zip(parameters, program.arguments, strict=True)]
    lines = [f"# {on_one_line(story.title)}", "#"] if story is not None and story.title else []
    lines += copied_in(arguments, "arguments")
    lines += copied_in(given_lines(bound), "given")
    return [*lines, *more]


def _kind(item: Any) -> Any:
    """What an operand is for the choice of the dtype to compute in."""
    if item.__class__ is Value:
        return type(item.dtype.type().item()) if item.weak else item.dtype
    return type(item) if item.__class__ in (int, float, complex) else np.result_type(item)


def _instead(text: str, table: dict[str, str]) -> str:
    """The room of the second thread in the place of that of the first."""
    name, bracket, rest = text.partition("[")
    return table.get(name, name) + bracket + rest


class _Writer(Writer):
    def __init__(self, program: Program, plan: Plan, story: Story | None) -> None:
        super().__init__(Namer(flattened(program.ops), program.became, story, program.outputs))
        self.program = program
        self.plan = plan
        self.story = story
        self.changed = {storage.index for op in flattened(program.ops) for storage in op.writes}
        self.static: set[int] = set()  # values that are there before the function runs
        self.local: dict[Any, str] | None = None  # in a loop over blocks: the names of the stretches
        self.same: dict[int, Value] = {}  # values without a name of their own → what is computed in their place
        self.buffers = 0
        self.filled: set[str] = set()
        self.loops = Loops(self)

    # ---------------------------------------------------------------- names

    def _find_places(self) -> None:
        """Find the values that go by the name of what takes their place: ``sqrt(v, step); add(step, eps, step)``."""
        for i in range(len(self.program.ops) - 1, -1, -1):
            op = self.program.ops[i]
            if isinstance(op, Blocks) or len(op.outs) != 1 or op.out is not None or not elementwise(op):
                continue
            out = op.outs[0]
            place = self.plan.offsets.get(out.storage.index)
            if place is None or not out.whole:
                continue
            for value in op.inputs():
                storage = value.storage
                if (
                    self.plan.offsets.get(storage.index) == place
                    and value.whole
                    and (value.shape, value.strides, value.dtype) == (out.shape, out.strides, out.dtype)
                    and self.plan.last.get(storage.index) == i
                    and not self.namer.named(value)
                ):
                    self.same[value.index] = self.same.get(out.index, out)

    def text(self, value: Value) -> str:
        if self.local is not None:
            part = self.local.get((value.storage.index, value.offset, value.dtype, value.size))
            if part is not None:
                return part
        found = self.names.get(value.index)
        if found is not None:
            return found
        storage = value.storage
        if storage.kind == "constant":
            self.static.add(value.index)
            return self.constant(value)
        if value.array is not None and storage.external and value.op is None:
            name = self.named(value)
            self.bound[name] = value.array
            self.static.add(value.index)
            return name
        offset = self.plan.offsets.get(storage.index)
        if offset is not None:  # a part of a buffer
            return self.buffer(value, offset + value.offset)
        raise AssertionError(f"{value!r} has no name yet")

    def buffer(self, value: Value, offset: int) -> str:
        """Set a buffer aside."""
        last = self.same.get(value.index, value)
        if last.index in self.names:
            name = self.names[value.index] = self.names[last.index]
            self.static.add(value.index)
            return name
        # A chain of results without names is called after its first.
        name = self.names[value.index] = self.named(
            last if self.namer.named(last) or self.namer.name(last) == "delta" else value
        )
        self.names[last.index] = self.namer.known[last.index] = self.namer.known[value.index] = name
        order = "" if value.contiguous else f", {value.strides}"
        self.setup.append(
            ("buffer", name, f"{name} = buffer({offset}, {value.shape}, {dtype_text(value.dtype)}{order})")
        )
        self.static.update((value.index, last.index))
        self.buffers += 1
        return name

    def operands(self, op: Op) -> list[str]:
        """The arguments of a call by position; Python's numbers among a ufunc's operands as arrays of the dtype that it computes in."""
        numbers = (int, float, complex, bool)
        if (
            op.kind != "ufunc"
            or not any(item.__class__ in numbers for item in op.args)
            or op.target.signature is not None
        ):
            return super().operands(op)
        kinds = [_kind(getattr(item, "value", item)) for item in op.args]
        try:
            loop = op.target.resolve_dtypes((*kinds, *[None] * op.target.nout))
            parts = []
            for item, dtype in zip(op.args, loop, strict=False):
                plain = item.__class__ in numbers
                parts.append(self.number(item, dtype) if plain and dtype.kind in "fciub" else self.argument(item))
            return parts
        except (TypeError, ValueError, OverflowError):
            return super().operands(op)

    # ---------------------------------------------------------------- calls

    def filling(self, op: Op, out: str, value: Value) -> str:
        """A call that puts its result into an array that is there."""
        how = into(op)
        if op.out is not None:  # (of a result that is made in its place it was known, before it was)
            how = "fill" if op.kind == "fill" else "copy" if copies(op) else "out"
        if how == "fill":
            return f"{out}.fill({self.argument(op.args[0])})"
        if how == "zeros":
            return f"{out}.fill(0)"
        if how == "copy":
            source = op.args[0].value
            target = out
            if source.shape != value.shape:
                target = self.fresh(f"{out}_as")
                self.setup.append(("buffer", target, f"{target} = {out}.reshape({source.shape})"))
            casting = ', casting="unsafe"' if source.dtype != value.dtype else ""
            return f"np.copyto({target}, {self.text(source)}{casting})"
        if op.kind == "random":
            generator, method = op.target
            options = [text for key, text in zip(op.kwargs, self.options(op), strict=True) if key != "size"]
            return self.call(f"{self.give(generator, 'rng')}.{method}", [*options, f"out={out}"])
        # (NumPy 2.4 warns of a third positional argument in maximum and minimum.)
        if (
            (op.kind == "ufunc" or op.target is np.dot)
            and not op.kwargs
            and op.target is not np.maximum
            and op.target is not np.minimum
        ):
            return self.call(self.function(op), self.operands(op), [out])
        return self.call(self.function(op), self.operands(op), self.options(op), [f"out={out}"])

    def statement(self, op: Op) -> Line | None:
        """A call as a line of the function; None where it is done before."""
        if (effect := self.effect(op)) is not None:
            return effect
        if op.out is not None:
            name = self.text(op.out)
            return Line(self.filling(op, name, op.out), op, self._first(name, op.out))
        if op.view and all(
            v.index in self.static or v.storage.kind == "constant" or self._given(v) for v in op.inputs()
        ):
            text = self.expression(op)
            names = ", ".join([self.named(each) for each in op.outs])
            kind = "view" if all(v.storage.external or v.storage.kind == "constant" for v in op.inputs()) else "buffer"
            self.setup.append((kind, names, f"{names}{',' if op.several and len(op.outs) == 1 else ''} = {text}"))
            self.static.update([each.index for each in op.outs])
            return None
        if len(op.outs) == 1 and not op.several:
            value = op.outs[0]
            offset = self.plan.offsets.get(value.storage.index)
            if offset is not None and not op.view:
                if op.kind == "function" and op.target in (np.empty_like, np.empty):
                    self.buffer(value, offset)
                    return None
                self.local, local = None, self.local
                name = self.buffer(value, offset)
                self.local = local
                return Line(self.filling(op, name, value), op, self._first(name, value))
            text = self.expression(op)
            return Line(f"{self.named(value)} = {text}", op, str(value.shape) if value.shape and not op.view else "")
        text = self.expression(op)
        if not op.outs:
            return Line(text, op)
        return Line(
            ", ".join([self.named(value) for value in op.outs]) + f"{',' if len(op.outs) == 1 else ''} = {text}", op
        )

    def _first(self, name: str, value: Value) -> str:
        """The shape of a buffer, where it is filled for the first time."""
        if name in self.filled or not value.shape or value.storage.external:
            return ""
        self.filled.add(name)
        return str(value.shape)

    def _given(self, value: Value) -> bool:
        if value.index not in self.names and value.array is not None and value.storage.external and value.op is None:
            self.text(value)
        return value.index in self.static

    def blocks(self, op: Blocks) -> Line:
        """A chain run block by block: the stretches of what is there before are cut once."""
        keys: dict[Any, Value] = {}
        for each in op.ops:
            for value in (*each.inputs(), each.result):
                if value.size == op.size:
                    keys.setdefault((value.storage.index, value.offset, value.dtype, value.size), value)
        for value in op.outs:
            if value.index not in self.names:
                offset = self.plan.offsets.get(value.storage.index)
                if offset is not None:
                    self.buffer(value, offset)
                else:
                    self.named(value)
        lines: list[str] = []
        cut: list[tuple[str, str]] = []
        late: list[str] = []
        local: dict[Any, str] = {}
        rooms: dict[Any, str] = {}
        loop = self.fresh("blocks")
        length = min(BLOCK, op.size)
        # Where all arrays are there before, the loop may be a function of its own, for two threads.
        halves = op.halves and all(self._there(value, op) for value in keys.values())
        second: dict[str, str] = {}
        for key, value in keys.items():
            if value.storage.index in op.inner:
                room = (self.plan.offsets[value.storage.index], value.dtype)
                if room not in rooms:
                    whole = self.fresh("stretch")
                    self.setup.append(
                        ("buffer", whole, f"{whole} = buffer({room[0]}, ({length},), {dtype_text(value.dtype)})")
                    )
                    self.buffers += 1
                    rooms[room] = self.fresh("part")
                    cut.append((rooms[room], f"{whole}[:{op.size} - i]"))
                    if halves:  # each of the two threads has room of its own
                        self.setup.append(
                            (
                                "buffer",
                                f"{whole}_b",
                                f"{whole}_b = buffer({room[0] + length * value.dtype.itemsize}, ({length},), {dtype_text(value.dtype)})",
                            )
                        )
                        self.taken.add(f"{whole}_b")
                        second[whole] = f"{whole}_b"
                local[key] = rooms[room]
                continue
            if value.index in self.program.spread:  # one number, as long as a stretch
                word, item = self.fresh(f"spread_{len(local)}"), value.array.reshape(-1)[0].item()
                self.setup.append(("buffer", word, f"{word} = np.full({length}, {item!r}, {dtype_text(value.dtype)})"))
                local[key] = self.fresh(f"{word}_i")
                cut.append((local[key], f"{word}[:{op.size} - i]"))
                continue
            text = self.text(value)
            name = local[key] = self.fresh(f"{text}_i")
            if value.index in self.static or value.storage.kind == "constant":
                flat = text
                if len(value.shape) != 1:
                    flat = self.fresh(f"{text}_flat")
                    self.setup.append(("buffer", flat, f"{flat} = {text}.reshape(-1)"))
                cut.append((name, f"{flat}[i:i + {length}]"))
            else:
                flat = text
                if len(value.shape) != 1:
                    flat = self.fresh(f"{text}_flat")
                    lines.append(f"{flat} = {text}.reshape(-1)")
                late.append(f"    {name} = {flat}[at]")
        if late:
            cut.insert(0, (self.fresh("at"), f"slice(i, i + {length})"))
            late = [line.replace("[at]", f"[{cut[0][0]}]") for line in late]
        names = [name for name, _ in cut]
        pieces = ", ".join([text for _, text in cut])
        middle = -(-op.size // (2 * length)) * length
        for word, begin, end in (
            (loop, 0, middle if halves else op.size),
            *([(f"{loop}_b", middle, op.size)] if halves else []),
        ):
            texts = pieces if word == loop else ", ".join([_instead(text, second) for _, text in cut])
            self.setup.append(("buffer", word, f"{word} = [({texts},) for i in range({begin}, {end}, {length})]"))
        lines.append(f"for {', '.join(names)}{',' if len(cut) == 1 else ''} in {loop}:")
        lines += late
        self.local = local
        for each in op.ops:
            lines.append(f"    {self.filling(each, self.text(each.result), each.result)}")
        self.local = None
        if halves:
            run = self.fresh(f"{loop}_run")
            inside = "\n".join([f"    {line}" for line in lines]).replace(f" in {loop}:", " in blocks:")
            self.setup.append(("loop", run, f"\n\ndef {run}(blocks):\n{inside}\n"))
            return Line(f"{self.give(threads.both, 'both')}({run}, {loop}, {loop}_b)", op)
        return Line("\n".join(lines), op)

    def _there(self, value: Value, op: Blocks) -> bool:
        """Whether an array of a chain is there before the function runs."""
        storage = value.storage
        return (
            storage.index in op.inner
            or storage.index in self.plan.offsets
            or (storage.external and storage.kind != "argument")
            or storage.kind == "constant"
        )

    # ---------------------------------------------------------------- the whole

    def write(self) -> Emitted:
        """The program."""
        story, program = self.story, self.program
        function = self.fresh(story.function if story is not None else "run")
        parameters = [self.named(value) for value in program.arguments]
        self._find_places()
        lines: list[Line] = []
        writes: str | None = None
        for op in program.ops:
            line = (
                self.blocks(op)
                if isinstance(op, Blocks)
                else Line(self.loops.call(op), op)
                if isinstance(op, Loop)
                else self.statement(op)
            )
            if line is not None:
                lines.append(line)
                if writes is None and any(storage.external for storage in op.writes):
                    writes = line.text.split("\n")[0]
        results = self.results(program.outputs)
        texts = [*render(lines), "    return " + (", ".join(results) if results else "None")]
        body = f"def {function}({', '.join(parameters)}):\n" + "\n".join(texts) + "\n"
        setup, bound = self.used(body)
        count = sum(1 for _, _, line in setup if "= buffer(" in line)
        size = [f"# {'buffers':<10}{count} in {self.plan.size:,} bytes"] if self.plan.size else []
        text = [*head(story, program, parameters, bound, size), "import numpy as np", ""]
        if self.plan.size:
            text += [f"arena = np.empty({self.plan.size + 64}, np.uint8)", *_ARENA.split("\n"), ""]
        for kind in ("number", "view", "buffer", "loop"):
            text += [line for found, _, line in setup if found == kind]
        emitted = Emitted(function, re.sub(r"\n{4,}", "\n\n\n", "\n".join(text).rstrip("\n") + "\n"), body, bound)
        emitted.writes, emitted.loops = writes, self.loops.text
        emitted.parameters, emitted.lines, emitted.results, emitted.buffers = parameters, lines, results, count
        return emitted
