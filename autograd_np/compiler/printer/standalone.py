"""Print the program as a file that runs with NumPy alone, with its arrays in a file beside it."""

from __future__ import annotations

import ast
import inspect
import os
import re
import sys
import textwrap
import types
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...engine.errors import CompileError, OtherCase
from ...engine.files import replacing
from ...engine.hooks import BATCHES, TRACING, TracedArray, current_trace
from ...engine.tensor import Tensor
from ..trace.record import owner_of
from .calls import dtype_text, name_of
from .foreign_text import in_docstring

__all__ = ["Numbers", "save"]

_PLAIN = (int, float, complex, str, bytes, bool, type(None))
_HOMES = ("numpy.lib.stride_tricks", "numpy.lib.array_utils", "numpy.linalg", "numpy.fft", "numpy.random")


class Numbers(NamedTuple):
    """How the numbers of a step follow from options and counts: what is done between two steps, in a form that can be written down.

    Attributes:
        coefficients: a function or method ``(options, counts) → (next counts, numbers, a word for the arithmetic)``.
        options: its first argument: numbers, texts and tuples of them.
        counts: the counts so far.
        arrays: those without axes from which the program reads the numbers.
        decay: "weight_decay" or "one_minus_lr_decay" where that is the last number, else None.
        word: for which word of the arithmetic the program was made.
        flushed: arrays, and for each the number that is added and subtracted again every ``every`` steps.
    """

    coefficients: Any
    options: dict[str, Any]
    counts: tuple[Any, ...]
    arrays: list[Any]
    decay: str | None
    word: Any
    flushed: list[tuple[Any, Any]]
    every: int


class _Mark:
    """Stands for a result while the form of what is returned is found out."""

    def __init__(self, text: str) -> None:
        self.text = text


def save(path: str | os.PathLike[str], entry: Any, what: str) -> None:
    """Write a program and what it holds. See ``Compiled.save``."""
    target = Path(path)
    if target.suffix != ".py":
        raise ValueError(f"save: the file of a program is called something.py, not {target.name!r}")
    if entry.emitted.loops:
        raise CompileError(
            'save: a program with backend="numba" does not run with NumPy alone; save the one that backend="numpy" makes'
        )
    text, arrays = _File(entry, what, target.stem).write()
    with replacing(target) as program, replacing(target.with_suffix(".npz")) as weights:
        program.write(text.encode())
        np.savez(weights, **arrays)


class _File:
    def __init__(self, entry: Any, what: str, stem: str) -> None:
        self.entry, self.what, self.stem = entry, what, stem
        self.emitted = entry.emitted
        self.imports: set[str] = set()
        self.helpers: dict[str, str] = {}
        self.held: dict[str, Any] = {}
        self.arrays: dict[str, Any] = {}
        self.function = self.emitted.name

    # ---------------------------------------------------------------- what is given

    def memory(self) -> list[str]:
        """Lines that load the arrays; those that share memory share it again."""
        bound = {name: thing for name, thing in self.held.items() if isinstance(thing, np.ndarray)}
        groups: dict[int, list[str]] = {}
        for name, array in bound.items():
            groups.setdefault(id(owner_of(array)), []).append(name)
        lines: list[str] = []
        for names in groups.values():
            names.sort(key=lambda name: -bound[name].nbytes)
            apart = [
                name
                for name in names
                if not any(other != name and np.may_share_memory(bound[other], bound[name]) for other in names)
            ]
            for run in _neighbours(apart, bound):
                self.arrays.update({name: bound[name] for name in run})
                if len(run) == 1:
                    lines.append(f'{run[0]} = saved["{run[0]}"]')
                    continue
                # (The program may rest on one lying behind the other.)
                holder = (
                    "weights" if not any(line.startswith("weights = ") for line in lines) else f"weights_{len(lines)}"
                )
                at = 0
                joined = ", ".join([f'"{name}"' for name in run])
                lines.append(f"{holder} = np.concatenate([saved[name].reshape(-1) for name in ({joined},)])")
                for name in run:
                    shaped = f".reshape({bound[name].shape})" if bound[name].ndim != 1 else ""
                    lines.append(f"{name} = {holder}[{at}:{at + bound[name].size}]{shaped}")
                    at += bound[name].size
            lines += self._shared([name for name in names if name not in apart], bound)
        return lines

    def _shared(self, names: list[str], bound: dict[str, Any]) -> list[str]:
        if not names:
            return []
        holder, array = names[0], bound[names[0]]
        start = array.__array_interface__["data"][0]
        fits = array.ndim == 1 and array.flags.c_contiguous
        pieces: list[tuple[int, str]] = []
        for name in names[1:]:
            low, high = np.lib.array_utils.byte_bounds(bound[name])
            if low < start or high > start + array.nbytes:
                fits = False
            pieces.append((low - start, name))
        pieces.sort()
        if not fits:  # the memory itself
            owner = owner_of(array)
            holder = f"{holder}_memory"
            start = np.lib.array_utils.byte_bounds(owner)[0]
            self.arrays[holder] = np.frombuffer(owner.tobytes("A"), np.uint8)
            views = []
            for name in names:
                each = bound[name]
                offset = each.__array_interface__["data"][0] - start
                views.append(
                    f"{name} = np.ndarray({each.shape}, {dtype_text(each.dtype)}, {holder}, {offset}, {each.strides})"
                )
            return [f'{holder} = saved["{holder}"]', *views]
        views = []
        at, tiled = 0, True
        for offset, name in pieces:
            each = bound[name]
            plain = each.flags.c_contiguous and each.dtype == array.dtype and offset % array.itemsize == 0
            tiled = tiled and plain and offset == at
            at = offset + each.nbytes
            if plain:
                first = offset // array.itemsize
                shaped = f".reshape({each.shape})" if each.ndim != 1 else ""
                views.append(f"{name} = {holder}[{first}:{first + each.size}]{shaped}")
            else:
                views.append(
                    f"{name} = np.ndarray({each.shape}, {dtype_text(each.dtype)}, {holder}, {offset}, {each.strides})"
                )
        if tiled and at == array.nbytes:
            for _, name in pieces:
                self.arrays[name] = bound[name]
            joined = ", ".join([f'"{name}"' for _, name in pieces])
            return [f"{holder} = np.concatenate([saved[name].reshape(-1) for name in ({joined},)])", *views]
        self.arrays[holder] = array
        return [f'{holder} = saved["{holder}"]', *views]

    def generator(self, name: str, generator: Any) -> list[str]:
        """Lines that make a random generator in the state that it has now."""
        kind = type(generator.bit_generator).__name__
        if getattr(np.random, kind, None) is not type(generator.bit_generator):
            raise CompileError(
                f"save: the program draws from a generator of {kind}, which is not NumPy's; save it with one of np.random"
            )
        state = re.sub(
            r"array\(([^)]*?), dtype=(\w+)\)", r"np.array(\1, np.\2)", repr(_listed(generator.bit_generator.state))
        )
        return [f"{name} = np.random.Generator(np.random.{kind}())", f"{name}.bit_generator.state = {state}"]

    # ---------------------------------------------------------------- functions of the library

    def include(self, thing: Any, name: str) -> None:
        """Write down a function, a class or a constant that the program needs."""
        if name in self.helpers or thing is np:
            return
        if thing is TRACING:  # outside a trace what asks for one hears that there is none
            self.helpers[name] = f"{name} = [0]"
        elif thing is BATCHES:
            self.helpers[name] = f"{name} = []"
        elif thing is TracedArray:
            self.helpers[name] = f"class {name}:\n    pass"
        elif thing is current_trace:
            self.helpers[name] = f"def {name}():\n    return None"
        elif isinstance(thing, types.ModuleType):
            if (
                thing.__name__.partition(".")[0] not in sys.stdlib_module_names
                and thing.__name__.partition(".")[0] != "numpy"
            ):
                raise CompileError(
                    f"save: the program needs the module {thing.__name__}, which a file that runs with NumPy alone cannot have"
                )
            self.imports.add(
                f"import {thing.__name__}" if thing.__name__ == name else f"import {thing.__name__} as {name}"
            )
        elif isinstance(thing, (_PLAIN, tuple, frozenset)) and not callable(thing):
            self.helpers[name] = f"{name} = {thing!r}"
        elif isinstance(thing, type) and vars(np).get(thing.__name__) == thing:
            self.helpers[name] = f"{name} = np.{thing.__name__}"
        elif (found := name_of(thing) if callable(thing) else None) is not None:
            self.helpers[name] = f"{name} = {found}"
        elif str(getattr(thing, "__module__", "")).partition(".")[0] == "numpy":
            home = next(
                (home for home in _HOMES if getattr(sys.modules.get(home), thing.__name__, None) is not None), None
            )
            if home is None:
                raise CompileError(f"save: the program calls {thing!r}, which has no public place in NumPy")
            self.imports.add(f"from {home} import {thing.__name__}" + (f" as {name}" if name != thing.__name__ else ""))
        elif isinstance(thing, type) and thing.__module__ in sys.stdlib_module_names | {"builtins"}:
            self.imports.add(f"from {thing.__module__} import {thing.__name__}")
        else:
            self._source(thing, name)

    def _source(self, thing: Any, name: str) -> None:
        word = getattr(thing, "__name__", type(thing).__name__)
        try:
            if (
                not isinstance(thing, (types.FunctionType, type))
                or getattr(thing, "__closure__", None)
                or word == "<lambda>"
            ):
                raise TypeError
            text = textwrap.dedent(inspect.getsource(thing))
        except (OSError, TypeError):
            raise CompileError(
                f"save: the program calls {word}, which is no plain function whose text could be put into the file"
            ) from None
        self.helpers[name] = ""  # (it may call itself)
        space = sys.modules[thing.__module__].__dict__ if isinstance(thing, type) else thing.__globals__
        for needed in _names(ast.parse(text)):
            if needed in space and needed != word:
                self.include(space[needed], needed)
        del self.helpers[name]
        self.helpers[name] = text.rstrip() + (f"\n\n\n{name} = {word}" if word != name else "")

    # ---------------------------------------------------------------- what is done between steps

    def between(self) -> tuple[list[str], list[str], list[str]]:
        """Definitions, and the lines before and after a step."""
        hooks = {
            id(owner): owner
            for hook in (*self.entry.before, *self.entry.after)
            if (owner := getattr(hook, "__self__", None)) is not None
        }
        if any(getattr(hook, "__self__", None) is None for hook in (*self.entry.before, *self.entry.after)):
            raise CompileError(
                "save: something is done before or after each call that cannot be written down (a generator that starts anew from its seed?)"
            )
        lines: list[str] = []
        before: list[str] = []
        after: list[str] = []
        names = {id(array): name for name, array in self.held.items()}
        written: dict[Any, str] = {}
        k = 0
        for owner in hooks.values():
            if not hasattr(owner, "written"):
                raise CompileError(
                    f"save: {type(owner).__name__} does something between two calls that cannot be written down"
                )
            for numbers in owner.written():
                suffix = "" if k == 0 else f"_{k + 1}"
                k += 1
                key = getattr(numbers.coefficients, "__func__", numbers.coefficients)
                if key not in written:
                    written[key] = f"coefficients{'' if not written else f'_{len(written) + 1}'}"
                    lines += ["", "", *self._coefficients(key, written[key])]
                _check_word(numbers)
                options, counts = f"options{suffix}", f"counts{suffix}"
                lines += [
                    "",
                    "",
                    f"{options} = {numbers.options!r}",
                    f'{counts} = tuple(saved["{counts}"].tolist())  # steps taken',
                ]
                self.arrays[counts] = np.array(numbers.counts, np.float64)
                before.append(f"    following{suffix}, values, word = {written[key]}({options}, {counts})")
                if numbers.word is not None:
                    before += [
                        f"    if word != {numbers.word!r}:",
                        '        raise RuntimeError("the arithmetic of the optimizer changes here; save the program of a later step")',
                    ]
                if numbers.decay is not None:
                    decay = f'{options}["weight_decay"]'
                    before.append(
                        f"    values = (*values, {decay})"
                        if numbers.decay == "weight_decay"
                        else f'    values = (*values, 1.0 - {options}["lr"] * {decay})'
                    )
                for i, array in enumerate(numbers.arrays):
                    if id(array) in names:
                        before.append(f"    {names[id(array)]}[()] = values[{i}]")
                after += [f"    global {counts}", f"    {counts} = following{suffix}"]
                flushed = []
                for array, bias in numbers.flushed:
                    name = next(
                        (name for name, thing in self.held.items() if thing is owner_of(array) or thing is array), None
                    )
                    if name is None:
                        continue
                    whole = self.held[name]
                    first = (
                        array.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
                    ) // whole.itemsize
                    part = name if array.size == whole.size else f"{name}[{first}:{first + array.size}]"
                    number = f"{dtype_text(bias.dtype)}({bias.item()!r})"
                    flushed += [f"        {part}[...] = ({part} + {number}) - {number}"]
                if flushed:
                    after += [
                        f"    if {counts}[0] % {numbers.every} == 0:  # what has shrunk to next to nothing becomes 0",
                        *flushed,
                    ]
        return lines, before, sorted(after, key=lambda line: not line.startswith("    global"))

    def _coefficients(self, function: Any, name: str) -> list[str]:
        try:
            source = textwrap.dedent(inspect.getsource(function))
        except (OSError, TypeError):
            raise CompileError("save: the text of the optimizer's coefficients() is not to be had") from None
        node = ast.parse(source).body[0]
        if not isinstance(node, ast.FunctionDef):
            raise CompileError("save: the optimizer's coefficients() is no plain method")
        words = [argument.arg for argument in node.args.args]
        needed = _names(ast.parse(source))
        if words and words[0] == "self":
            if any(isinstance(inner, ast.Name) and inner.id == "self" for inner in ast.walk(node)):
                raise CompileError(
                    "save: the optimizer's coefficients() uses `self`, which the file does not have; compute them of the options and counts alone"
                )
            words = words[1:]
        for word in needed:
            if word in function.__globals__:
                self.include(function.__globals__[word], word)
        documented = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
        first = node.body[1 if documented else 0].lineno
        lines = source.splitlines()
        while first > 1 and lines[first - 2].lstrip().startswith("#"):
            first -= 1
        return [f"def {name}({', '.join(words)}):", *[line.rstrip() for line in lines[first - 1 :]]]

    # ---------------------------------------------------------------- the whole

    def write(self) -> tuple[str, dict[str, Any]]:
        """The text of the file, and the arrays beside it."""
        entry, emitted = self.entry, self.emitted
        if entry.effects or entry.held:
            raise CompileError(
                "save: the function leaves gradients in Tensors (.grad), which a file cannot; return them, or compile ag.value_and_grad(f)"
            )
        body, made = emitted.body, []
        for name, thing in emitted.bound.items():
            if isinstance(thing, np.ndarray):
                self.held[name] = thing
            elif isinstance(thing, np.random.Generator):
                made += self.generator(name, thing)
            elif thing is OtherCase:
                told = "these data take another way through the program than those that it was made with; save the program after a call with such"
                body = re.sub(rf"raise {name}\b", f'raise ValueError("{told}")', body)
            else:
                self.include(thing, name)
        body = re.sub(rf"^def {self.function}\(", "def program(", body)
        memory = self.memory()
        between, before, after = self.between()
        setup = emitted.setup.partition("import numpy as np\n")
        parameters = emitted.parameters
        values = entry.program.arguments
        checks = [
            f'    {name} = _argument({name}, "{name}", {value.shape}, {dtype_text(value.dtype)})'
            for name, value in zip(parameters, values, strict=True)
        ]
        returned = self._returned()
        arguments = ", ".join(parameters)
        called = f"    results = program({arguments})"
        wrapper = [f"def {self.function}({arguments}):", f'    """{self._sentence()}"""', *checks]
        globals_ = [line for line in after if line.startswith("    global")]
        run = [*before, called, *[line for line in after if line not in globals_], f"    return {returned}"]
        # The buffers, and what the program writes, are the file's: threads take turns.
        shared = entry.plan.size or entry.writes or entry.draws or len(run) > 2
        if shared:
            run = ["    with _one_at_a_time:", *[f"    {line}" for line in run]]
        wrapper += [*globals_, *run]
        names = [*self.arrays]
        saving = [
            f"{name}=np.array({name}, np.float64)" if name.startswith("counts") else f"{name}={name}" for name in names
        ]
        text = [
            f'"""{self._about(parameters, values)}"""',
            "",
            "from __future__ import annotations",
            "",
            "import os",
            *sorted(self.imports | ({"import threading"} if shared else set())),
            "from pathlib import Path",
            "",
            "import numpy as np",
            "",
            *([""] if self.helpers else []),
            "\n\n\n".join(self.helpers.values()),
            "",
            *(["_one_at_a_time = threading.Lock()"] if shared else []),
            'saved = dict(np.load(Path(__file__).with_suffix(".npz")))',
            *memory,
            *made,
            *between,
            "",
            *setup[0].rstrip("\n").split("\n"),
            *setup[2].split("\n"),
            "",
            *body.rstrip("\n").split("\n"),
            "",
            "",
            "def _argument(array, name, shape, dtype):",
            '    """An argument as the program takes it."""',
            "    array = np.asarray(array)",
            '    if array.shape != shape or not np.can_cast(array.dtype, dtype, "same_kind"):',
            '        found, wanted = f"{array.shape} {array.dtype}", f"{shape} and dtype {np.dtype(dtype)}"',
            f'        raise ValueError(f"{self.function}: {{name}} is an array of shape {{wanted}}, not {{found}}")',
            '    return np.asarray(array, dtype, order="C")',
            "",
            "",
            *wrapper,
            "",
            "",
            "def save_weights(path):",
            '    """Write the weights, and what else the program holds, into an .npz file: over the one beside this file, to go on from there."""',
            '    path = Path(path).with_suffix(".npz")',
            '    temporary = path.with_name(f"{path.stem}.{os.getpid()}.tmp.npz")',
            f"    np.savez(temporary, {', '.join(saving)})",
            "    temporary.replace(path)",
            "",
            "",
            'if __name__ == "__main__":',
            "    import sys",
            "",
            f"    if len(sys.argv) != {len(parameters) + 1}:",
            "        sys.exit(__doc__)",
            f"    print({self.function}(*[np.load(path) for path in sys.argv[1:]]))",
        ]
        return re.sub(r"\n{4,}", "\n\n\n", "\n".join(text)) + "\n", self.arrays

    def _sentence(self) -> str:
        story = self.entry.story
        return in_docstring(story.title or f"{self.what}.")

    def _about(self, parameters: list[str], values: list[Any]) -> str:
        shapes = "\n".join(
            [f"    {name}: {value.shape} {value.dtype.name}" for name, value in zip(parameters, values, strict=True)]
        )
        stem = in_docstring(self.stem)
        files = " ".join([f"{name}.npy" for name in parameters])
        return (
            f"{self._sentence()}\n\nIt needs NumPy alone, and {stem}.npz beside it.\n\n"
            f"    import {stem}\n    {stem}.{self.function}({', '.join(parameters)})\n\n"
            f"or from the shell, with arrays saved by np.save:\n\n    python {stem}.py {files}\n\nArguments:\n{shapes}\n"
        )

    def _returned(self) -> str:
        """What is returned, in the form in which the function returns it."""
        count = len(self.entry.program.outputs)
        marks = [_Mark("results" if count == 1 else f"results[{i}]") for i in range(count)]
        return self._form(self.entry.rebuild(tuple(marks)))

    def _form(self, tree: Any) -> str:
        kind = tree.__class__
        if kind is _Mark:
            return str(tree.text)
        if isinstance(tree, Tensor):
            if tree._values.__class__ is _Mark:
                return str(tree._values.text)
            name = next((name for name, array in self.held.items() if array is tree._values), None)
            if name is not None:
                return name
        if kind is dict:
            return "{" + ", ".join([f"{self._form(key)}: {self._form(item)}" for key, item in tree.items()]) + "}"
        if isinstance(tree, tuple):
            return "(" + ", ".join([self._form(item) for item in tree]) + ("," if len(tree) == 1 else "") + ")"
        if kind is list:
            return "[" + ", ".join([self._form(item) for item in tree]) + "]"
        if isinstance(tree, np.generic) and tree.dtype.kind in "biufc":
            return f"np.{tree.dtype.name}({self._form(tree.item())})"
        if kind in (float, complex) and tree - tree != 0:  # NaN and infinity have no literal
            return f'{kind.__name__}("{tree}")'
        if kind in _PLAIN:
            return repr(tree)
        raise CompileError(
            f"save: the function returns {type(tree).__name__}, which the file cannot make; return arrays"
        )


def _neighbours(names: list[str], bound: dict[str, Any]) -> list[list[str]]:
    """Arrays that lie one behind the other in memory, together."""
    runs: list[list[str]] = []
    end, dtype = -1, None
    for name in sorted(names, key=lambda name: bound[name].__array_interface__["data"][0]):
        array = bound[name]
        start = array.__array_interface__["data"][0]
        if start == end and array.dtype == dtype and array.flags.c_contiguous and array.size:
            runs[-1].append(name)
        else:
            runs.append([name])
        end = start + array.nbytes if array.flags.c_contiguous and array.size else -1
        dtype = array.dtype
    return runs


def _names(tree: ast.AST) -> list[str]:
    """The names that a text reads, those in annotations apart."""
    found: dict[str, None] = {}
    stack: list[Any] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Name):
            found[node.id] = None
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns"):
                continue
            stack += [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, ast.AST)]
    return list(found)


def _listed(state: Any) -> Any:
    return (
        {key: _listed(item) for key, item in state.items()}
        if isinstance(state, dict)
        else state
        if not isinstance(state, np.ndarray)
        else _Array(state)
    )


class _Array:
    def __init__(self, array: Any) -> None:
        self.array = array

    def __repr__(self) -> str:
        return f"np.array({self.array.tolist()}, np.{self.array.dtype.name})"


def _check_word(numbers: Numbers) -> None:
    """Raise if the optimizer will soon compute something else."""
    counts = numbers.counts
    for _ in range(64):
        counts, _, word = numbers.coefficients(numbers.options, counts)
        if word != numbers.word:
            raise CompileError(
                "save: the optimizer computes something else in its first steps than later, and the program is one of the first; save it after some more steps"
            )
