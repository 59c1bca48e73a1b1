"""The text of a program: plain NumPy, one call a line."""

from __future__ import annotations

import keyword
import math
import re
from typing import Any

import numpy as np

from ..errors import OtherCase
from .blocks import BLOCK, Blocks
from .passes import Program
from .plan import Plan, copies, into
from .program import Op, Ref, Value
from .trace import owner_of

__all__ = ["Emitted", "emit"]

_SYMBOLS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "matmul": "@"}


class Emitted:
    """A program as text, and the objects that its names stand for."""

    def __init__(self, setup: str, body: str, bound: dict[str, Any]) -> None:
        self.setup = setup
        self.body = body
        self.bound = bound  # names that the text takes for given: arrays of the caller, functions that are not NumPy's

    @property
    def source(self) -> str:
        """Everything."""
        return self.setup + "\n\n" + self.body


def emit(program: Program, plan: Plan, name: str = "run") -> Emitted:
    """Write a program as a Python function of its arguments."""
    return _Writer(program, plan).write(name)


def name_of(function: Any) -> str | None:
    """How NumPy's users write a function; None for others."""
    word = getattr(function, "__name__", "")
    if getattr(np, word, None) is function:
        return f"np.{word}"
    for module in ("linalg", "fft"):
        if getattr(getattr(np, module), word, None) is function:
            return f"np.{module}.{word}"
    return None


def dtype_text(dtype: Any) -> str:
    """A dtype as it is written."""
    dtype = np.dtype(dtype)
    return f"np.{dtype.name}" if hasattr(np, dtype.name) and dtype.isnative else f"np.dtype({dtype.str!r})"


class _Writer:
    def __init__(self, program: Program, plan: Plan) -> None:
        self.program = program
        self.plan = plan
        self.setup: list[str] = []
        self.bound: dict[str, Any] = {}
        self.objects: dict[int, str] = {}
        self.constants: dict[Any, str] = {}
        self.names: dict[int, str] = {}
        self.static: set[int] = set()  # values that are there before the function runs
        self.numbers: dict[str, int] = {}
        self.local: dict[Any, str] | None = None  # in a loop over blocks: the names of the stretches
        self.taken: set[str] = {"np", "run", "arena", "buffer"}

    # ---------------------------------------------------------------- names

    def fresh(self, word: str) -> str:
        """A name that is not taken."""
        word = re.sub(r"\W+", "_", word).strip("_") or "v"
        if word[0].isdigit():
            word = "p" + word
        name, n = word, 1
        while name in self.taken or keyword.iskeyword(name):
            n += 1
            name = f"{word}_{n}" if word[-1].isdigit() else f"{word}{n}"
        self.taken.add(name)
        return name

    def named(self, value: Value, default: str) -> str:
        name = self.fresh(value.label or default)
        self.names[value.index] = value.name = name
        return name

    def give(self, value: Any, word: str) -> str:
        """A name for an object that the text takes for given."""
        if id(value) not in self.objects:
            self.objects[id(value)] = name = self.fresh(word)
            self.bound[name] = value
        return self.objects[id(value)]

    def text(self, value: Value) -> str:
        """A value as the text has it."""
        if self.local is not None:
            part = self.local.get((value.storage.index, value.offset, value.dtype, value.size))
            if part is not None:
                return part
        found = self.names.get(value.index)
        if found is not None:
            return found
        storage = value.storage
        if storage.kind == "constant":
            return self.constant(value)
        if value.array is not None and storage.external and storage.kind != "argument":
            name = self.named(value, "state" if storage.kind == "state" else "given")
            self.bound[name] = value.array
            self.static.add(value.index)
            return name
        offset = self.plan.offsets.get(storage.index)
        if offset is not None:  # a part of a buffer
            name = self.named(value, "part")
            self.buffer(name, value, offset + value.offset)
            return name
        raise AssertionError(f"{value!r} has no name yet")

    def buffer(self, name: str, value: Value, offset: int) -> None:
        """Set a buffer aside."""
        order = "" if value.contiguous else f", {value.strides}"
        self.setup.append(f"{name} = buffer({offset}, {value.shape}, {dtype_text(value.dtype)}{order})")
        self.static.add(value.index)

    def constant(self, value: Value) -> str:
        """A value that is known."""
        array = value.array
        if value.scalar:
            name = self.number(array.item(), value.dtype)
            self.names[value.index] = name
        else:
            name = self.named(value, "const")
            flat = array.reshape(-1)
            if array.size and (flat[0] == flat).all() and not (flat[0] == 0 and np.signbit(flat[0].real)):
                self.setup.append(f"{name} = np.full({array.shape}, {_number(flat[0].item())}, {dtype_text(array.dtype)})")
            elif array.ndim == 1 and array.dtype.kind == "i" and np.array_equal(array, np.arange(array.size)):
                self.setup.append(f"{name} = np.arange({array.size}, dtype={dtype_text(array.dtype)})")
            elif array.size <= 64:
                self.setup.append(f"{name} = np.array({_listed(array)}, {dtype_text(array.dtype)}).reshape({array.shape})")
            else:
                self.bound[name] = array.copy()
        self.static.add(value.index)
        return name

    def number(self, number: Any, dtype: Any) -> str:
        """A number as an array without axes: an operand that NumPy need not convert in each call."""
        key = (type(number), repr(number), dtype)
        if key not in self.constants:
            word = re.sub(r"[^0-9a-z]", "_", repr(number).replace("-", "m").replace("+", ""))
            self.constants[key] = name = self.fresh(f"k{word}")
            self.setup.append(f"{name} = np.array({_number(number)}, {dtype_text(dtype)})")
        return self.constants[key]

    def argument(self, item: Any) -> str:
        """An argument of a call."""
        kind = item.__class__
        if kind is Ref:
            return self.text(item.value)
        if kind is tuple:
            parts = [self.argument(part) for part in item]
            return "(" + ", ".join(parts) + ("," if len(parts) == 1 else "") + ")"
        if kind is list:
            return "[" + ", ".join([self.argument(part) for part in item]) + "]"
        if kind is dict:
            return "{" + ", ".join([f"{key!r}: {self.argument(part)}" for key, part in item.items()]) + "}"
        if kind is slice:
            return f"slice({self.argument(item.start)}, {self.argument(item.stop)}, {self.argument(item.step)})"
        if item is None or item is Ellipsis or kind in (bool, int, str):
            return "..." if item is Ellipsis else repr(item)
        if kind in (float, complex):
            return _number(item)
        if isinstance(item, np.dtype) or (isinstance(item, type) and issubclass(item, np.generic)):
            return dtype_text(item)
        if isinstance(item, np.generic):
            return f"{dtype_text(item.dtype)}({_number(item.item())})"
        found = name_of(item) if callable(item) else None
        return found or self.give(item, getattr(item, "__name__", type(item).__name__))

    def index(self, item: Any) -> str:
        """What stands between the brackets."""
        if item.__class__ is tuple and item:
            return ", ".join([self.index(part) if part.__class__ is not tuple else self.argument(part) for part in item]) + ("," if len(item) == 1 else "")
        if item.__class__ is slice:
            parts = ["" if part is None else self.argument(part) for part in (item.start, item.stop, item.step)]
            return f"{parts[0]}:{parts[1]}" + (f":{parts[2]}" if parts[2] else "")
        return self.argument(item)

    # ---------------------------------------------------------------- calls

    def function(self, op: Op) -> str:
        """The function of a call."""
        if op.kind == "ufunc method":
            ufunc, method = op.target
            return f"{self._function(ufunc)}.{method}"
        return self._function(op.target)

    def _function(self, target: Any) -> str:
        return name_of(target) or self.give(target, getattr(target, "__name__", "function").strip("<>_"))

    def operands(self, op: Op) -> list[str]:
        """The arguments of a call by position; Python's numbers among a ufunc's operands as arrays of the dtype that it computes in."""
        if op.kind != "ufunc":
            return [self.argument(item) for item in op.args]
        if not any(item.__class__ in (int, float, complex, bool) for item in op.args) or op.target.signature is not None:
            return [self.argument(item) for item in op.args]
        kinds = [item.value.dtype if item.__class__ is Ref else type(item) if item.__class__ in (int, float, complex) else np.result_type(item) for item in op.args]
        try:
            loop = op.target.resolve_dtypes((*kinds, *[None] * op.target.nout))
            parts = []
            for item, dtype in zip(op.args, loop, strict=False):
                plain = item.__class__ in (int, float, complex, bool)
                parts.append(self.number(item, dtype) if plain and dtype.kind in "fciub" else self.argument(item))
            return parts
        except (TypeError, ValueError, OverflowError):
            return [self.argument(item) for item in op.args]

    def options(self, op: Op) -> list[str]:
        return [f"{key}={self.argument(item)}" for key, item in op.kwargs.items()]

    def expression(self, op: Op) -> str:
        """A call that makes its result anew."""
        if op.kind == "getitem":
            return f"{self.argument(op.args[0])}[{self.index(op.args[1])}]"
        if op.kind == "attribute":
            return f"{self.argument(op.args[0])}.{op.target}"
        if op.kind == "method":
            return f"{self.argument(op.args[0])}.{op.target}({', '.join([*[self.argument(a) for a in op.args[1:]], *self.options(op)])})"
        if op.kind == "fill":
            value = op.outs[0]
            return _laid(value, "np.full", f", {self.argument(op.args[0])}")
        if op.kind == "random":
            generator, method = op.target
            return f"{self.give(generator, 'rng')}.{method}({', '.join([*[self.argument(a) for a in op.args], *self.options(op)])})"
        if op.kind == "function" and op.target in (np.empty_like, np.empty):
            return _laid(op.outs[0], "np.empty")
        text = f"{self.function(op)}({', '.join([*self.operands(op), *self.options(op)])})"
        if op.kind.startswith("ufunc") and len(op.outs) == 1 and not op.outs[0].shape and not op.outs[0].scalar:
            return f"np.asarray({text})"  # it was written into an array without axes
        return text

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
                self.setup.append(f"{target} = {out}.reshape({source.shape})")
            casting = ', casting="unsafe"' if source.dtype != value.dtype else ""
            return f"np.copyto({target}, {self.text(source)}{casting})"
        if op.kind == "random":
            generator, method = op.target
            options = [text for key, text in zip(op.kwargs, self.options(op), strict=True) if key != "size"]
            return f"{self.give(generator, 'rng')}.{method}({', '.join([*options, f'out={out}'])})"
        # (NumPy 2.4 warns of a third positional argument in maximum and minimum.)
        if (op.kind == "ufunc" or op.target is np.dot) and not op.kwargs and op.target is not np.maximum and op.target is not np.minimum:
            return f"{self.function(op)}({', '.join([*self.operands(op), out])})"
        return f"{self.function(op)}({', '.join([*self.operands(op), *self.options(op), f'out={out}'])})"

    def statement(self, op: Op) -> str | None:
        """A call as a line of the function; None where it is done before."""
        if op.kind == "setitem":
            target, index, value = op.args
            return f"{self.argument(target)}[{self.index(index)}] = {self.argument(value)}"
        if op.kind == "assume":
            test = f"{self.function(op)}({', '.join([self.argument(a) for a in op.args])})"
            return f"if {'not ' if op.kwargs['answer'] else ''}{test}: raise {self.give(OtherCase, 'OtherCase')}"
        if op.kind in ("change", "check"):
            return f"{self.function(op)}({', '.join([*[self.argument(a) for a in op.args], *self.options(op)])})"
        if op.out is not None:
            return self.filling(op, self.text(op.out), op.out)
        if op.view and all(v.index in self.static or v.storage.kind == "constant" or self._given(v) for v in op.inputs()):
            text = self.expression(op)
            value = op.outs[0]
            if op.several:
                names = [self.named(each, _suffix(op, text)) for each in op.outs]
                self.setup.append(f"{', '.join(names)}{',' if len(names) == 1 else ''} = {text}")
                self.static.update([each.index for each in op.outs])
                return None
            self.setup.append(f"{self.named(value, _suffix(op, text))} = {text}")
            self.static.add(value.index)
            return None
        if len(op.outs) == 1 and not op.several:
            value = op.outs[0]
            offset = self.plan.offsets.get(value.storage.index)
            if offset is not None and not op.view:
                name = self.named(value, _word(op))
                self.buffer(name, value, offset)
                if op.kind == "function" and op.target in (np.empty_like, np.empty):
                    return None
                return self.filling(op, name, value)
            text = self.expression(op)
            return f"{self.named(value, _word(op))} = {text}"
        text = self.expression(op)
        if not op.outs:
            return text
        return ", ".join([self.named(value, _word(op)) for value in op.outs]) + f"{',' if len(op.outs) == 1 else ''} = {text}"

    def blocks(self, op: Blocks) -> list[str]:
        """A chain run block by block: the stretches of what is there before are cut once."""
        keys: dict[Any, Value] = {}
        for each in op.ops:
            for value in (*each.inputs(), each.result):
                if value.size == op.size:
                    keys.setdefault((value.storage.index, value.offset, value.dtype, value.size), value)
        for value in op.outs:
            if value.index not in self.names:
                offset = self.plan.offsets.get(value.storage.index)
                name = self.named(value, _word(value.op) if value.op is not None else "v")
                if offset is not None:
                    self.buffer(name, value, offset)
        lines: list[str] = []
        cut: list[tuple[str, str]] = []
        late: list[str] = []
        local: dict[Any, str] = {}
        rooms: dict[Any, str] = {}
        loop = self.fresh("blocks")
        length = min(BLOCK, op.size)
        for key, value in keys.items():
            if value.storage.index in op.inner:
                room = (self.plan.offsets[value.storage.index], value.dtype)
                if room not in rooms:
                    whole = self.fresh("part")
                    self.setup.append(f"{whole} = buffer({room[0]}, ({length},), {dtype_text(value.dtype)})")
                    rooms[room] = self.fresh(f"{whole}_")
                    cut.append((rooms[room], f"{whole}[:{op.size} - i]"))
                local[key] = rooms[room]
                continue
            text = self.text(value)
            name = local[key] = self.fresh(f"{text}_")
            if value.index in self.static or value.storage.kind == "constant":
                flat = text
                if len(value.shape) != 1:
                    flat = self.fresh(f"{text}_flat")
                    self.setup.append(f"{flat} = {text}.reshape(-1)")
                cut.append((name, f"{flat}[i:i + {length}]"))
            else:
                flat = text
                if len(value.shape) != 1:
                    flat = self.fresh(f"{text}_flat")
                    lines.append(f"{flat} = {text}.reshape(-1)")
                late.append(f"    {name} = {flat}[at]")
        if late:
            cut.insert(0, ("at", f"slice(i, i + {length})"))
        self.setup.append(f"{loop} = [({', '.join([text for _, text in cut])},) for i in range(0, {op.size}, {length})]")
        lines.append(f"for {', '.join([name for name, _ in cut])}{',' if len(cut) == 1 else ''} in {loop}:")
        lines += late
        self.local = local
        for each in op.ops:
            out = self.text(each.result)
            lines.append(f"    {self.filling(each, out, each.result)}")
        self.local = None
        return lines

    def _given(self, value: Value) -> bool:
        if value.index not in self.names and value.array is not None and value.storage.external and value.storage.kind != "argument":
            self.text(value)
        return value.index in self.static

    # ---------------------------------------------------------------- the whole

    def write(self, name: str) -> Emitted:
        parameters = [self.named(value, f"x{i}") for i, value in enumerate(self.program.arguments)]
        lines: list[str] = []
        section, quiet = "", False
        for op in self.program.ops:
            if isinstance(op, Blocks):
                found = self.blocks(op)
            else:
                line = self.statement(op)
                found = [] if line is None else [line]
            if not found:
                continue
            if op.quiet and not quiet:
                lines.append('    with np.errstate(all="ignore"):')
            quiet = op.quiet
            indent = "        " if quiet else "    "
            if op.section != section:
                section = op.section
                lines.append(f"{indent}# {section}")
            lines += [indent + line for line in found]
        lines.append("    return " + ", ".join(self.results()) if self.program.outputs else "    return None")
        head = ["import numpy as np", ""]
        if self.plan.size:
            head += [
                f"arena = np.empty({self.plan.size + 64}, np.uint8)",
                "arena = arena[-arena.ctypes.data % 64:]",
                "",
                "",
                "def buffer(offset, shape, dtype, strides=None):",
                "    return np.ndarray(shape, dtype, arena, offset, strides)",
                "",
                "",
            ]
        body = f"def {name}({', '.join(parameters)}):\n" + "\n".join(lines) + "\n"
        return Emitted("\n".join([*head, *self.setup]) + "\n", body, self.bound)

    def results(self) -> list[str]:
        """What is returned; a constant is copied, for the caller may write to it."""
        found = []
        constants: dict[int, list[Value]] = {}
        for value in self.program.outputs:
            if value.storage.kind == "constant" and not value.scalar:
                constants.setdefault(value.storage.index, []).append(value)
        groups: dict[int, str] = {}
        for value in self.program.outputs:
            together = constants.get(value.storage.index, [])
            if len(together) > 1 and not value.scalar:  # they share memory
                if value.storage.index not in groups:
                    groups[value.storage.index] = word = self.fresh("copies")
                    found.append(f"({word} := {self.give(_Copies([item.array for item in together]), 'copied')}())[0]")
                else:
                    found.append(f"{groups[value.storage.index]}.pop(1)")
                continue
            text = self.text(value)
            if value.storage.kind == "constant":
                text += "[()]" if value.scalar else ".copy()"
            found.append(text)
        return found


class _Copies:
    """Copies of arrays that share memory, which share theirs."""

    def __init__(self, arrays: list[Any]) -> None:
        owner = owner_of(arrays[0])
        first = owner.__array_interface__["data"][0]
        self.owner = owner.copy("K")
        self.places = [(array.shape, array.dtype, array.__array_interface__["data"][0] - first, array.strides, array is owner) for array in arrays]

    def __call__(self) -> list[Any]:
        memory = self.owner.copy("K")
        return [memory if whole else np.ndarray(shape, dtype, memory, offset, strides) for shape, dtype, offset, strides, whole in self.places]


def _word(op: Op) -> str:
    """A name for a result, from what makes it."""
    if op.primitive:
        return op.primitive
    if op.kind == "ufunc method":
        return f"{op.target[0].__name__}_{op.target[1]}"
    if isinstance(op.target, str):
        return op.target
    return str(getattr(op.target, "__name__", "v")).strip("<>_") or "v"


def _suffix(op: Op, text: str) -> str:
    if op.kind == "attribute":
        return text.replace(".", "_")
    return re.match(r"\w*", text)[0] + "_view"  # type: ignore[index]


def _laid(value: Value, function: str, filling: str = "") -> str:
    """An array made anew, with its axes in the order in which the value has them in memory."""
    order = sorted(range(len(value.shape)), key=lambda axis: (-value.strides[axis], axis))
    if value.contiguous or order == sorted(order):
        return f"{function}({value.shape}{filling}, {dtype_text(value.dtype)})"
    shape = tuple([value.shape[axis] for axis in order])
    return f"{function}({shape}{filling}, {dtype_text(value.dtype)}).transpose({tuple([order.index(axis) for axis in range(len(order))])})"


def _number(number: Any) -> str:
    if isinstance(number, float):
        if math.isnan(number):
            return "np.nan"
        if math.isinf(number):
            return "np.inf" if number > 0 else "-np.inf"
    if isinstance(number, complex):
        return f"complex({_number(number.real)}, {_number(number.imag)})"
    return repr(number)


def _listed(array: Any) -> str:
    return "[" + ", ".join([_number(item) for item in array.reshape(-1).tolist()]) + "]"
