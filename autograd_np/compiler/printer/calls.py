"""Print one call: shared by all printers."""

from __future__ import annotations

import builtins
import keyword
import math
import re
from typing import Any

import numpy as np

from ...engine.errors import OtherCase
from ..ir import Op, Ref, Value
from ..trace.provenance import Part
from ..trace.record import owner_of
from .foreign_text import on_one_line, word_of
from .names import Namer

__all__ = ["Copies", "Line", "Writer", "copied_in", "dtype_text", "layout", "name_of", "number_text"]

RESERVED = frozenset(("Path", "annotations", "os", "program", "save_weights", "saved", "sys"))  # names of a saved file
_WIDEST = 100  # column up to which the comments at the ends of lines are aligned


def name_of(function: Any) -> str | None:
    """How NumPy's users write a function; None for others."""
    word = getattr(function, "__name__", "")
    owner: Any = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc) and vars(np).get(owner.__name__) == owner:
        return f"np.{owner.__name__}.{word}"
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


def number_text(number: Any) -> str:
    """A number as it is written."""
    if isinstance(number, float):
        if math.isnan(number):
            return "np.nan"
        if math.isinf(number):
            return "np.inf" if number > 0 else "-np.inf"
    if isinstance(number, complex):
        return f"complex({number_text(number.real)}, {number_text(number.imag)})"
    return repr(number)


def new_array(value: Value, function: str, filling: str = "") -> str:
    """An array made anew, with its axes in the order in which the value has them in memory."""
    order = sorted(range(len(value.shape)), key=lambda axis: (-value.strides[axis], axis))
    if value.contiguous or order == sorted(order):
        return f"{function}({value.shape}{filling}, {dtype_text(value.dtype)})"
    shape = tuple([value.shape[axis] for axis in order])
    return f"{function}({shape}{filling}, {dtype_text(value.dtype)}).transpose({tuple([order.index(axis) for axis in range(len(order))])})"


def constant_text(array: Any) -> tuple[str, str] | None:
    """A word for an array that is known, and how it is made; None where it has too much in it to be written."""
    size = "x".join(map(str, array.shape))
    flat = array.reshape(-1)
    if array.size and flat.tobytes() == flat[0].tobytes() * array.size:  # (-0.0 is equal to 0.0, and another number)
        number = flat[0].item()
        dtype = dtype_text(array.dtype)
        if (number == 1 and array.dtype.kind != "c") or not any(flat[0].tobytes()):
            word = "ones" if number else "zeros"
            return f"{word}_{size}", f"np.{word}({array.shape if len(array.shape) != 1 else array.size}, {dtype})"
        return f"{_digits(number)}_{size}", f"np.full({array.shape}, {number_text(number)}, {dtype})"
    if array.ndim == 1 and array.dtype.kind == "i" and np.array_equal(array, np.arange(array.size)):
        return f"range_{size}", f"np.arange({array.size}, dtype={dtype_text(array.dtype)})"
    if array.size <= 64:
        listed = "[" + ", ".join([number_text(item) for item in array.reshape(-1).tolist()]) + "]"
        shaped = "" if array.ndim == 1 else f".reshape({array.shape})"
        return f"table_{size}", f"np.array({listed}, {dtype_text(array.dtype)}){shaped}"
    return None


def _digits(number: Any) -> str:
    """A number as a name: 0.9 as k0_9."""
    text = repr(number)
    if isinstance(number, float):
        text = text if len(text) <= 10 else f"{number:.3g}"
        text = text.removesuffix(".0")
    return "k" + re.sub(r"[^0-9a-z]", "_", text.replace("-", "m").replace("+", ""))


def layout(value: Value) -> str:
    """Shape and dtype in words."""
    return f"{value.shape} {value.dtype.name}"


class Line:
    """A line of the function, with what it belongs to."""

    __slots__ = ("comment", "part", "quiet", "section", "text")

    def __init__(self, text: str, op: Op, comment: str = "") -> None:
        self.text = text
        self.comment = on_one_line(comment)
        self.section, self.part, self.quiet = op.section if op.kind != "assume" else "", op.node, op.quiet


def quieting(line: Line) -> str:
    """Which warnings are off, as the arguments of ``np.errstate``."""
    modes = {mode for _, mode in line.quiet}
    if len(line.quiet) == 4 and len(modes) == 1:
        return f'all="{line.quiet[0][1]}"'
    return ", ".join([f'{kind}="{mode}"' for kind, mode in line.quiet])


def _title(part: Part | None) -> str | None:
    if part is None:
        return None
    title = on_one_line(part.title)
    return f"{title}, call {part.call + 1}" if part.call else title


def render(lines: list[Line], *, sections: bool = True) -> list[str]:
    """The lines with their comments: sections, modules, and shapes at the end of the lines, aligned."""
    several = sections and len({line.section for line in lines if line.section}) > 1
    parts = len({line.part for line in lines if line.part is not None}) > 0
    found: list[str] = []
    group: list[tuple[str, str]] = []

    def close() -> None:
        column = max([len(text) for text, comment in group if comment and len(text) <= _WIDEST], default=0)
        found.extend([f"{text.ljust(column)}  # {comment}" if comment else text for text, comment in group])
        group.clear()

    section, part = None, None
    quiet: tuple[tuple[str, str], ...] = ()
    for line in lines:
        indent = "        " if line.quiet else "    "
        if line.section != section or line.quiet != quiet:
            close()
        if line.section != section:
            if several and line.section:
                between = [""] if found else []
                found += [*between, f"{'        ' if line.quiet and line.quiet == quiet else '    '}# {line.section}"]
            section, part = line.section, None
        if line.quiet and line.quiet != quiet:
            found.append(f"    with np.errstate({quieting(line)}):")
        quiet = line.quiet
        if parts and line.section and line.part is not part and (line.part is not None or line.section == "forward"):
            if _title(line.part) != _title(part):
                close()
                found.append(f"{indent}# {_title(line.part) or 'between the modules'}")
            part = line.part
        group += [(indent + text, line.comment) for text in line.text.split("\n")]
    close()
    return found


class Writer:
    """Writes calls with names for their values.

    Args:
        namer: suggests the names.
    """

    def __init__(self, namer: Namer) -> None:
        self.namer = namer
        self.bound: dict[str, Any] = {}
        self.objects: dict[int, str] = {}
        self.numbers: dict[Any, str] = {}
        self.names: dict[int, str] = {}
        self.setup: list[tuple[str, str, str]] = []  # (kind, names, line): "number", "view" of what is given, "buffer"
        self.changed: set[int] = set()  # storages that the program writes to
        self.taken = {"np", "arena", "buffer", *RESERVED}
        self.numbered: dict[str, int] = {}  # by word: the last number that a name made of it was given

    # ---------------------------------------------------------------- names

    def fresh(self, word: str) -> str:
        """A name that is not taken."""
        word = word_of(word)
        if not word.isidentifier():  # it begins with a digit
            word = "p" + word
        if hasattr(builtins, word) or keyword.iskeyword(word):
            word += "_"
        name, n = word, self.numbered.get(word, 1)
        while name in self.taken:
            n += 1
            name = f"{word}_{n}"
        self.numbered[word] = n
        self.taken.add(name)
        return name

    def named(self, value: Value) -> str:
        """Give a value its name."""
        name = self.names[value.index] = self.fresh(self.namer.name(value))
        self.namer.known[self.namer.now(value).index] = name
        return name

    def give(self, thing: Any, word: str) -> str:
        """A name for an object that the text takes for given."""
        if id(thing) not in self.objects:
            self.objects[id(thing)] = name = self.fresh(word)
            self.bound[name] = thing
        return self.objects[id(thing)]

    def effect(self, op: Op) -> Line | None:
        """A call that is made for what it does as a line; None for one that gives a result."""
        if op.kind == "setitem":
            target, index, value = op.args
            return Line(f"{self.place(target)}[{self.index(index)}] = {self.argument(value)}", op)
        if op.kind == "assume":
            test = self.call(self.function(op), [self.argument(a) for a in op.args])
            return Line(
                f"if {'not ' if op.kwargs['answer'] else ''}{test}: raise {self.give(OtherCase, 'OtherCase')}", op
            )
        if op.kind in ("change", "check"):
            return Line(self.call(self.function(op), [self.argument(a) for a in op.args], self.options(op)), op)
        return None

    def place(self, item: Any) -> str:
        """What is indexed, for an assignment."""
        return self.argument(item)

    def text(self, value: Value) -> str:
        """A value as the text has it."""
        raise NotImplementedError

    def constant(self, value: Value) -> str:
        """A value that is known."""
        array = value.array
        if value.scalar:
            name = self.number(array.item(), value.dtype)
            self.names[value.index] = name
            return name
        made = constant_text(array) if value.contiguous else None
        role = self.namer.roles.get(value.index)
        word = role if isinstance(role, str) else made[0] if made else "table"
        key: Any = ("array", made, array.dtype)
        if value.storage.index in self.changed:  # it begins with these numbers, and is nobody else's
            key, word = ("array", value.index), role if isinstance(role, str) else "padded"
        if made and key in self.numbers:
            name = self.numbers[key]
        elif made:
            name = self.numbers[key] = self.fresh(word)
            self.setup.append(("number", name, f"{name} = {made[1]}"))
        else:
            name = self.fresh(word)
            self.bound[name] = array.copy("K")  # with its axes in their order in memory
        self.names[value.index] = name
        return name

    def number(self, number: Any, dtype: Any) -> str:
        """A number as an array without axes: an operand that NumPy need not convert in each call."""
        key = (type(number), repr(number), dtype)
        if key not in self.numbers:
            self.numbers[key] = name = self.fresh(_digits(number))
            self.setup.append(("number", name, f"{name} = np.array({number_text(number)}, {dtype_text(dtype)})"))
        return self.numbers[key]

    # ---------------------------------------------------------------- arguments

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
            return number_text(item)
        if isinstance(item, np.dtype) or (isinstance(item, type) and issubclass(item, np.generic)):
            return dtype_text(item)
        if isinstance(item, np.generic):
            return f"{dtype_text(item.dtype)}({number_text(item.item())})"
        found = name_of(item) if callable(item) else None
        return found or self.give(item, getattr(item, "__name__", type(item).__name__))

    def index(self, item: Any) -> str:
        """What stands between the brackets."""
        if item.__class__ is tuple and item:
            return ", ".join(
                [self.index(part) if part.__class__ is not tuple else self.argument(part) for part in item]
            ) + ("," if len(item) == 1 else "")
        if item.__class__ is slice:
            parts = ["" if part is None else self.argument(part) for part in (item.start, item.stop, item.step)]
            return f"{parts[0]}:{parts[1]}" + (f":{parts[2]}" if parts[2] else "")
        return self.argument(item)

    def function(self, op: Op) -> str:
        """The function of a call."""
        if op.kind == "ufunc method":
            ufunc, method = op.target
            return f"{self._function(ufunc)}.{method}"
        return self._function(op.target)

    def _function(self, target: Any) -> str:
        return name_of(target) or self.give(target, getattr(target, "__name__", "function").strip("<>_"))

    def operands(self, op: Op) -> list[str]:
        """The arguments of a call by position."""
        return [self.argument(item) for item in op.args]

    def options(self, op: Op) -> list[str]:
        """The arguments of a call by name."""
        return [f"{key}={self.argument(item)}" for key, item in op.kwargs.items()]

    def call(self, function: str, *parts: list[str]) -> str:
        """A call."""
        return f"{function}({', '.join([text for part in parts for text in part])})"

    def expression(self, op: Op) -> str:
        """A call that makes its result anew."""
        if op.kind == "getitem":
            return f"{self.argument(op.args[0])}[{self.index(op.args[1])}]"
        if op.kind == "attribute":
            return f"{self.argument(op.args[0])}.{op.target}"
        if op.kind == "method":
            return self.call(
                f"{self.argument(op.args[0])}.{op.target}", [self.argument(a) for a in op.args[1:]], self.options(op)
            )
        if op.kind == "fill":
            return new_array(op.outs[0], "np.full", f", {self.argument(op.args[0])}")
        if op.kind == "random":
            generator, method = op.target
            return self.call(
                f"{self.give(generator, 'rng')}.{method}", [self.argument(a) for a in op.args], self.options(op)
            )
        if op.kind == "function" and op.target in (np.empty_like, np.empty):
            return new_array(op.outs[0], "np.empty")
        text = self.call(self.function(op), self.operands(op), self.options(op))
        if op.kind.startswith("ufunc") and len(op.outs) == 1 and not op.outs[0].shape and not op.outs[0].scalar:
            return f"np.asarray({text})"  # it was written into an array without axes
        return text

    # ---------------------------------------------------------------- results

    def results(self, outputs: list[Value]) -> list[str]:
        """What is returned; a constant is copied, for the caller may write to it."""
        found = []
        constants: dict[int, list[Value]] = {}
        for value in outputs:
            if value.storage.kind == "constant" and not value.scalar:
                constants.setdefault(value.storage.index, []).append(value)
        groups: dict[int, str] = {}
        for value in outputs:
            together = constants.get(value.storage.index, [])
            if (
                together and not value.scalar and (len(together) > 1 or not value.whole)
            ):  # they share memory, or are parts of more
                if value.storage.index not in groups:
                    groups[value.storage.index] = word = self.fresh("copies")
                    found.append(f"({word} := {self.give(Copies([item.array for item in together]), 'copied')}())[0]")
                else:
                    found.append(f"{groups[value.storage.index]}.pop(1)")
                continue
            text = self.text(value)
            if value.storage.kind == "constant":
                text += "[()]" if value.scalar else ".copy()" if value.contiguous else '.copy("K")'
            found.append(text)
        return found

    def used(self, body: str) -> tuple[list[tuple[str, str, str]], dict[str, Any]]:
        """The lines of the setup, and what is given, as far as the function needs them."""
        needed = set(re.findall(r"\w+", body))
        kept = []
        for entry in reversed(self.setup):
            if any(name in needed for name in entry[1].split(", ")):
                needed.update(re.findall(r"\w+", entry[2]))
                kept.append(entry)
        return kept[::-1], {name: thing for name, thing in self.bound.items() if name in needed}


class Copies:
    """Copies of arrays that share memory, which share theirs."""

    def __init__(self, arrays: list[Any]) -> None:
        owner = owner_of(arrays[0])
        first = owner.__array_interface__["data"][0]
        self.owner = owner.copy("K")
        self.places = [
            (array.shape, array.dtype, array.__array_interface__["data"][0] - first, array.strides, array is owner)
            for array in arrays
        ]

    def __call__(self) -> list[Any]:
        """New copies."""
        memory = self.owner.copy("K")
        return [
            memory if whole else np.ndarray(shape, dtype, memory, offset, strides)
            for shape, dtype, offset, strides, whole in self.places
        ]


def _within(array: Any, other: Any) -> bool:
    """Whether the memory of one array lies in that of another."""
    (low, high), (start, stop) = np.lib.array_utils.byte_bounds(array), np.lib.array_utils.byte_bounds(other)
    return start <= low and high <= stop


def _holders(arrays: dict[str, Any]) -> dict[str, str]:
    """For each array that lies in a larger one, the largest such: by a sweep over the arrays of each owner, by their first bytes."""
    together: dict[int, list[str]] = {}
    for name, array in arrays.items():
        together.setdefault(id(owner_of(array)), []).append(name)
    places = {name: i for i, name in enumerate(arrays)}
    found: dict[str, str] = {}
    for names in together.values():
        if len(names) == 1:
            continue
        bounds = {name: np.lib.array_utils.byte_bounds(arrays[name]) for name in names}
        open_: list[str] = []
        for name in sorted(names, key=lambda name: (bounds[name][0], -bounds[name][1], places[name])):
            low, high = bounds[name]
            open_ = [other for other in open_ if bounds[other][1] > low]
            larger = [o for o in open_ if arrays[o].size > arrays[name].size and bounds[o][1] >= high]
            if larger:
                found[name] = max(larger, key=lambda other: (arrays[other].size, -places[other]))
            open_.append(name)
    return {name: found[name] for name in arrays if name in found}


def given_lines(bound: dict[str, Any]) -> list[str]:
    """The arrays that a program takes for given, in words; those that lie in one another are named together."""
    arrays = {name: thing for name, thing in bound.items() if isinstance(thing, np.ndarray)}
    inside: dict[str, list[str]] = {}
    for name, holder in _holders(arrays).items():
        inside.setdefault(holder, []).append(name)
    held = {name for names in inside.values() for name in names}
    words = []
    for name, array in sorted(arrays.items(), key=lambda pair: (pair[1].ndim == 0, pair[0] not in inside)):
        if name in held:
            continue
        word = f"{name} {array.shape} {array.dtype.name}" if array.ndim else name
        if name in inside:
            word += " holding " + ", ".join([f"{each} {arrays[each].shape}" for each in inside[name]])
        words.append(word)
    return words


def copied_in(words: list[str], title: str, width: int = 110) -> list[str]:
    """Words as lines of a comment under a title."""
    lines: list[str] = []
    current = f"# {title:<10}"
    for i, word in enumerate(words):
        piece = on_one_line(word) + ("," if i + 1 < len(words) else "")
        if len(current) + len(piece) > width and current.strip("# ") != "":
            lines.append(current.rstrip())
            current = "# " + " " * 10
        current += piece + " "
    return [*lines, current.rstrip()] if words else []
