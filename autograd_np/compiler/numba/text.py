"""Code generation for numba: print a fused loop, and compile it."""

from __future__ import annotations

import functools
import math
import re
from typing import Any

import numpy as np

from ..ir import Value
from ..plan import dense
from ..printer.calls import dtype_text, new_array
from .chains import Access, Chain, Step, order_of
from .fuse import Loop

__all__ = ["Loops", "Nest", "compiled", "needed"]

STRETCH = 1024  # numbers that are summed in a row before their sum is added to the others': rounding errors grow with the number of additions
_LETTERS = "ijklmn"

_HELPERS = {
    "plus": """@njit(fastmath={"reassoc"})
def plus(total, x):  # in whatever order: so that several can be added at a time
    return total + x
""",
    "maximum": """@njit
def maximum(a, b):
    return a if (a > b) | (a != a) else b
""",
    "minimum": """@njit
def minimum(a, b):
    return a if (a < b) | (a != a) else b
""",
    "fmax": """@njit
def fmax(a, b):
    return a if (a > b) | (b != b) else b
""",
    "fmin": """@njit
def fmin(a, b):
    return a if (a < b) | (b != b) else b
""",
    "sign": """@njit
def sign(x):
    return x if x != x else (x > 0) - (x < 0)
""",
    "choose": """@njit
def choose(condition, a, b):
    return a if condition else b
""",
    "square": """@njit
def square(x):
    return x * x
""",
}
_INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==",
    "not_equal": "!=", "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^",
}  # fmt: skip
_LOGICAL = {"logical_and": "&", "logical_or": "|", "logical_xor": "^"}
_CALLED = {
    "absolute": "abs",
    "fabs": "abs",
    **{name: f"np.{name}" for name in ("sqrt", "isnan", "isfinite", "isinf", "floor", "ceil", "trunc")},
}
_WORDS = {
    "add": "total", "subtract": "difference", "multiply": "product", "divide": "quotient", "sqrt": "root", "where": "chosen", "greater": "above",
    "less": "below", "maximum": "larger", "minimum": "smaller", "negative": "minus", "absolute": "size", "square": "squared", "cast": "as_number",
}  # fmt: skip


def _in_order(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """The strides of an array whose elements lie one after the other."""
    return tuple([math.prod(shape[i + 1 :]) * itemsize for i in range(len(shape))])


def _type(dtype: Any) -> str:
    return "boolean" if dtype.kind == "b" else dtype.name


def _cast(text: str, source: Any, target: Any) -> str:
    if source == target:
        return text
    if target.kind == "b":
        return f"({text} != 0)"
    return f"np.{target.name}({text})"


def _literal(number: Any, dtype: Any) -> str:
    number = np.asarray(number).astype(dtype)[()].item()
    if dtype.kind == "b":
        return repr(bool(number))
    text = repr(number)
    if dtype.kind == "f" and not math.isfinite(number):
        text = "np.nan" if math.isnan(number) else "np.inf" if number > 0 else "-np.inf"
    return (
        f"({text})"
        if dtype == np.float64 and text.startswith("-")
        else text
        if dtype == np.float64
        else f"np.{dtype.name}({text})"
    )


class Nest:
    """A loop as text, and the arrays that it is called with.

    Attributes:
        text: the function, with ``{name}`` for its name.
        parameters: for each parameter the access or the value; the shape and the strides of the array that is handed over.
        helpers: the small functions that it calls.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.chain: Chain = loop.chain
        self.helpers: list[str] = []
        self.parameters: list[tuple[Any, tuple[int, ...], tuple[int, ...]]] = []
        self.names: dict[Any, str] = {}
        self.flat: dict[Access, list[int]] = {}
        self.taken: set[str] = {*_LETTERS, "np", "start", *_HELPERS}
        self.order = order_of(self.chain)
        self._join()
        self.text = self._write()

    # ---------------------------------------------------------------- axes

    def _outside(self, access: Access) -> bool:
        return access.storage not in self.loop.inner

    def _join(self) -> None:
        """Count through adjacent axes at once where every array can be."""
        chain = self.chain
        found = [
            access
            for accesses in (*chain.reads.values(), *chain.written.values())
            for access in accesses
            if self._outside(access)
        ]
        flags = [step.reduced for step in chain.steps if step.reduced is not None]
        self.groups: list[list[int]] = []
        for axis in self.order:
            last = self.groups[-1][-1] if self.groups else None
            joined = last is not None and all(
                access.strides[last] == access.strides[axis] * chain.extents[axis] for access in found
            )
            if joined and all(reduced[last] == reduced[axis] for reduced in flags):  # type: ignore[index]
                self.groups[-1].append(axis)
            else:
                self.groups.append([axis])
        self.extents = [math.prod([chain.extents[axis] for axis in group]) for group in self.groups]

    def _strides(self, access: Access) -> list[int]:
        return [access.strides[group[-1]] for group in self.groups]

    # ---------------------------------------------------------------- words

    def _fresh(self, word: str) -> str:
        name, n = word, 1
        while name in self.taken:
            n += 1
            name = f"{word}{n}"
        self.taken.add(name)
        return name

    def _parameter(self, item: Any) -> str:
        """The name of an array, or of a number, that is handed over."""
        key = item if item.__class__ is Access else ("number", item.index)
        if key not in self.names:
            count = len(self.parameters)
            self.names[key] = name = self._fresh("abcdefgh"[count] if count < 8 else f"a{count}")
            if item.__class__ is Access:
                strides = self._strides(item)
                used = [i for i, stride in enumerate(strides) if stride]
                shape, steps = tuple([self.extents[i] for i in used]), tuple([strides[i] for i in used])
                size = item.dtype.itemsize
                if shape and steps != _in_order(shape, size) and all(step > 0 and not step % size for step in steps):
                    # A part of an array, as the stretch of memory in which it lies: the strides then stand in the text, and the compiler knows them.
                    self.flat[item] = [step // size for step in steps]
                    shape, steps = (
                        (sum([step // size * (length - 1) for step, length in zip(steps, shape, strict=True)]) + 1,),
                        (size,),
                    )
                self.parameters.append((item, shape, steps))
            else:
                self.parameters.append((item, (), ()))
            assert name
        return self.names[key]

    def _element(self, access: Access) -> str:
        name = self._parameter(access)
        index = [_LETTERS[i] for i, stride in enumerate(self._strides(access)) if stride]
        if access in self.flat:
            index = [
                " + ".join(
                    [
                        letter if step == 1 else f"{letter} * {step}"
                        for letter, step in zip(index, self.flat[access], strict=True)
                    ]
                )
            ]
        return f"{name}[{', '.join(index)}]" if index else f"{name}[()]"

    def _helper(self, name: str) -> str:
        if name not in self.helpers:
            self.helpers.append(name)
        return name

    # ---------------------------------------------------------------- what is computed

    def _formula(self, step: Step, parts: list[str]) -> str:
        """The result of a call, in the dtype in which it is computed."""
        name, dtype = step.name, step.dtypes[0]
        if name == "where":
            return f"{self._helper('choose')}({', '.join(parts)})"
        if name in ("cast", "positive", "conjugate"):
            return parts[0]
        if name in _INFIX:
            made = f"({parts[0]} {_INFIX[name]} {parts[1]})"
        elif name in _LOGICAL:
            return (
                f"({_cast(parts[0], dtype, np.dtype(bool))} {_LOGICAL[name]} {_cast(parts[1], dtype, np.dtype(bool))})"
            )
        elif name == "logical_not":
            return f"({parts[0]} == 0)" if dtype.kind != "b" else f"(not {parts[0]})"
        elif name == "invert":
            made = f"(not {parts[0]})" if dtype.kind == "b" else f"(~{parts[0]})"
        elif name == "negative":
            made = f"(-{parts[0]})"
        elif name == "reciprocal":
            made = f"({_literal(1, dtype)} / {parts[0]})"
        elif name == "clip":
            made = f"{self._helper('minimum')}({self._helper('maximum')}({parts[0]}, {parts[1]}), {parts[2]})"
        elif name in _HELPERS:
            made = f"{self._helper(name)}({', '.join(parts)})"
        else:
            made = f"{_CALLED[name]}({', '.join(parts)})"
        result = step.dtypes[-1]
        return f"np.{result.name}({made})" if result == np.int32 or (name == "sign" and result == np.float32) else made

    def _write(self) -> str:
        steps = self.chain.steps
        reads: dict[Access, int] = {}
        for step in steps:
            for item in step.operands:
                if item.__class__ is Access:
                    reads[item] = reads.get(item, 0) + 1
        last = {step.out: i for i, step in enumerate(steps)}
        written = {step.out.storage for step in steps}
        register: dict[Access, str] = {}
        body: list[str] = []
        inits: list[str] = []
        sums: list[
            tuple[Step, int, str]
        ] = []  # of what is innermost: the level from which on it is summed, and its name
        depth = len(self.extents)
        for i, step in enumerate(steps):
            parts: list[str] = []
            for item, dtype in zip(step.operands, step.dtypes, strict=False):
                if item.__class__ is Access:
                    if item not in register:
                        text = self._element(item)
                        if item.storage in written or (reads[item] > 1 and item.strides.count(0) < len(item.strides)):
                            register[item] = self._fresh(f"{self.names[item]}_")
                            body.append(f"{register[item]} = {text}")
                        else:
                            register[item] = text
                    parts.append(_cast(register[item], item.dtype, dtype))
                elif item.__class__ is Value:
                    parts.append(_cast(self._parameter(item), item.dtype, dtype))
                else:
                    parts.append(_literal(item, dtype))
            if step.reduced is not None:
                self._reduce(step, parts[0], body, inits, sums)
                continue
            text = _cast(self._formula(step, parts), step.dtypes[-1], step.out.dtype)
            later = 0
            for other in steps[i + 1 :]:
                later += sum(item == step.out for item in other.operands if item.__class__ is Access)
                if other.out == step.out:
                    break
            stored = last[step.out] == i and self._outside(step.out) and step.out.storage not in self.loop.spent
            if later > 1 or (stored and later) or len(text) > 90 or (later and step.op.kind == "ufunc method"):
                name = self._fresh(_WORDS.get(step.name, "value"))
                body.append(f"{name} = {_bare(text)}")
                text = name
            if stored:
                body.append(f"{self._element(step.out)} = {_bare(text)}")
            register[step.out] = text
        return self._nest(depth, body, inits, sums)

    def _reduce(
        self, step: Step, part: str, body: list[str], inits: list[str], sums: list[tuple[Step, int, str]]
    ) -> None:
        assert step.reduced is not None
        flags = [step.reduced[group[-1]] for group in self.groups]
        dtype = step.out.dtype
        part = _cast(part, step.dtypes[0], dtype)
        if step.scale != 1 and not flags[-1]:
            part = f"{part} * {_literal(step.scale, dtype)}"
        if flags[-1]:
            name = self._fresh("part")
            sums.append((step, flags.index(True), name))
            body.append(f"{name} = {self._helper('plus')}({name}, {_bare(part)})")
            return
        element = self._element(step.out)
        start = {"add": "0", "maximum": "-np.inf", "minimum": "np.inf"}[step.name]
        if "initial" in step.op.kwargs:
            start = _literal(step.op.kwargs["initial"], dtype)
        inits.append(f"{self.names[step.out]}[...] = {start}")
        if step.name == "add":
            body.append(f"{element} += {_bare(part)}")
            return
        if not re.fullmatch(r"\w+", part):
            name = self._fresh("value")
            body.append(f"{name} = {_bare(part)}")
            part = name
        body.append(
            f"{element} = {self._helper('choose')}(({part} {'>' if step.name == 'maximum' else '<'} {element}) | ({part} != {part}), {part}, {element})"
        )

    def _nest(self, depth: int, body: list[str], inits: list[str], sums: list[tuple[Step, int, str]]) -> str:
        lines: list[str] = ["    " + line for line in inits]
        pad = "    "
        ends: list[list[str]] = [[] for _ in range(depth + 1)]
        inner = self.extents[-1]
        long = bool(sums) and inner >= 2 * STRETCH
        totals: dict[str, str] = {}
        for level in range(depth):
            for step, first, name in sums:
                wide = "0.0" if step.out.dtype.kind == "f" else "0"
                if level == first:
                    store = name
                    if first < depth - 1 or long:
                        totals[name] = store = self._fresh("total")
                        lines.append(f"{pad}{store} = {wide}")
                    scale = f" * {_literal(step.scale, np.dtype(float))}" if step.scale != 1 else ""
                    ends[level].append(f"{pad}{self._element(step.out)} = {store}{scale}")
            start = [f"{name} = {_literal(0, step.out.dtype)}" for step, _, name in sums]
            finish = [f"{totals[name]} += {name}" for _, _, name in sums if name in totals]
            letter = _LETTERS[level]
            if level < depth - 1:
                lines.append(f"{pad}for {letter} in range({self.extents[level]}):")
            elif long:
                lines.append(f"{pad}for start in range(0, {inner}, {STRETCH}):")
                pad += "    "
                lines += [pad + line for line in start]
                lines.append(f"{pad}for {letter} in range(start, min(start + {STRETCH}, {inner})):")
                ends[level] = [pad + line for line in finish] + ends[level]
            else:
                lines += [pad + line for line in start]
                lines.append(f"{pad}for {letter} in range({inner}):")
                ends[level] = [pad + line for line in finish] + ends[level]
            pad += "    "
        lines += [pad + line for line in body]
        for level in reversed(range(depth)):
            lines += ends[level]
        names = ", ".join(self.names.values())
        return (
            f'@njit("{self.signature()}", nogil=True, error_model="numpy")\ndef {{name}}({names}):\n'
            + "\n".join(lines)
            + "\n"
        )

    def signature(self) -> str:
        """The types of the parameters, as Numba writes them."""
        types = []
        for item, shape, strides in self.parameters:
            word = _type(item.dtype)
            if item.__class__ is Value:
                types.append(word)
            elif not shape:
                types.append(f"Array({word}, 0, 'C')")
            else:
                contiguous = strides == _in_order(shape, item.dtype.itemsize)
                types.append(f"{word}[{', '.join([':'] * (len(shape) - 1) + ['::1' if contiguous else ':'])}]")
        return f"void({', '.join(types)})"


def _bare(text: str) -> str:
    """Without the brackets around all of it."""
    if not text.startswith("(") or not text.endswith(")"):
        return text
    depth = 0
    for i, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if not depth and i < len(text) - 1:
            return text
    return text[1:-1]


# ---------------------------------------------------------------- the call


class Loops:
    """Writes the loops of a program.

    Args:
        writer: writes the program.
    """

    def __init__(self, writer: Any) -> None:
        self.writer = writer
        self.functions: dict[str, str] = {}  # text → name
        self.helpers: list[str] = []
        self.views: dict[Any, str] = {}

    @property
    def text(self) -> str:
        """The functions."""
        parts = [_HELPERS[name] for name in _HELPERS if name in self.helpers]
        parts += [text.replace("{name}", name, 1) for text, name in self.functions.items()]
        return "".join([part + "\n\n" for part in parts])

    def call(self, loop: Loop) -> str:
        """The lines that run a loop."""
        writer, nest = self.writer, Nest(loop)
        lines: list[str] = []
        scalars: list[str] = []
        handed: dict[int, str] = {}
        for value in loop.outs:
            if value.index in writer.names:
                continue
            offset = writer.plan.offsets.get(value.storage.index)
            if value.scalar:
                name = writer.named(value)
                handed[value.index] = room = writer.fresh(f"{name}_room")
                writer.setup.append(("buffer", room, f"{room} = np.empty((), {dtype_text(value.dtype)})"))
                scalars.append(f"{name} = {room}[()]")
            elif offset is not None:
                writer.buffer(value, offset)
            else:
                text = new_array(value, "np.empty")
                lines.append(f"{writer.named(value)} = {text}")
        arguments = []
        for item, shape, strides in nest.parameters:
            if item.__class__ is Value:
                arguments.append(writer.text(item))
                continue
            value = nest.chain.values[item]
            arguments.append(handed.get(value.index) or self._array(value, shape, strides))
        lines.append(f"{self._function(nest)}({', '.join(arguments)})")
        return "\n".join(lines + scalars)

    def _function(self, nest: Nest) -> str:
        if nest.text not in self.functions:
            words = dict.fromkeys([op.primitive for op in nest.loop.ops if op.primitive])
            word = "_".join([*words][:2]) or nest.loop.section
            self.functions[nest.text] = name = self.writer.fresh(f"{word}_loop")
            self.writer.bound[name] = compiled(nest.text)
            self.helpers += [helper for helper in nest.helpers if helper not in self.helpers]
        return self.functions[nest.text]

    def _array(self, value: Value, shape: tuple[int, ...], strides: tuple[int, ...]) -> str:
        """An array as a loop wants it: without the axes along which it stays the same, and with others joined."""
        text: str = self.writer.text(value)
        contiguous = strides == _in_order(shape, value.dtype.itemsize)
        if value.shape == shape and (value.strides == strides or (value.contiguous and contiguous)):
            return text
        if dense(value) and contiguous and value.size == math.prod(shape):
            axes = sorted(range(len(value.shape)), key=lambda axis: (-value.strides[axis], axis))
            turned = text if value.contiguous else f"{text}.transpose({', '.join(map(str, axes))})"
            ordered = tuple([value.shape[axis] for axis in axes]) if turned != text else value.shape
            made = turned if ordered == shape else f"{turned}.reshape({'-1' if len(shape) == 1 else shape})"
        else:
            made = f"np.lib.stride_tricks.as_strided({text}, {shape}, {strides})"
        if value.index not in self.writer.static and value.storage.kind != "constant":
            return made
        key = (text, shape, strides)
        if key not in self.views:
            self.views[key] = name = self.writer.fresh(f"{text}_flat" if len(shape) == 1 else f"{text}_as")
            self.writer.setup.append(("buffer", name, f"{name} = {made}"))
        return self.views[key]


# ---------------------------------------------------------------- compiled


def needed() -> Any:
    """Numba.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import numba
    except ImportError as error:
        raise ImportError('compile: backend="numba" needs Numba: pip install "autograd-np[numba]"') from error
    return numba


@functools.lru_cache(maxsize=1)
def _helpers() -> dict[str, Any]:
    space: dict[str, Any] = {"njit": needed().njit, "np": np}
    for text in _HELPERS.values():
        exec(text, space)  # noqa: S102 - as it stands above
    return space


def _apart(flags: Any) -> Any:
    """No two arrays of a loop overlap where it writes (the plan sees to it): the compiler need not ask, which it gives up where there are many."""
    flags.noalias = True
    return flags


@functools.lru_cache(maxsize=1024)
def compiled(text: str) -> Any:
    """A loop, compiled: what is called with arrays of just the types that its signature names."""
    numba = needed()
    kept: list[Any] = []

    def njit(signature: str, **options: Any) -> Any:
        def decorate(function: Any) -> Any:
            dispatcher = numba.njit(**options)(function)
            compiler: Any = getattr(dispatcher, "_compiler", None)
            if hasattr(compiler, "_customize_flags"):
                compiler._customize_flags = _apart
            made = dispatcher.compile(signature)
            kept.append(dispatcher)
            return made

        return decorate

    space = {**_helpers(), "njit": njit}
    exec(builtins_compile(text.replace("{name}", "loop", 1)), space)  # noqa: S102 - text that this package has written
    entry = space["loop"]
    _kept[id(entry)] = kept[0]
    return entry


_kept: dict[int, Any] = {}  # what the compiled functions belong to


def builtins_compile(text: str) -> Any:
    """Text as code."""
    return compile(text, "<autograd_np loop>", "exec")
