"""Variable names for the values of a program: from the model, the tape, or the call that makes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..ir import Op, Ref, Value
from ..trace.provenance import Part, Role, Story
from .foreign_text import word_of

__all__ = ["Namer"]

# Calls whose result has a name of its own in everyday words.
_WORDS = {
    "add": "total", "subtract": "difference", "multiply": "product", "divide": "quotient", "true_divide": "quotient", "power": "power", "square": "square",
    "negative": "minus", "maximum": "larger", "minimum": "smaller", "matmul": "product", "dot": "product", "exp": "exp", "log": "log", "sum": "total",
    "greater": "above", "less": "below", "greater_equal": "above", "less_equal": "below", "equal": "equal", "not_equal": "differs", "absolute": "size",
    "concatenate": "joined", "stack": "stacked", "where": "chosen", "reciprocal": "inverse", "max": "largest", "min": "smallest", "abs": "size",
    "_chosen": "chosen", "einsum": "product", "copy": "copy", "take": "picked", "getitem": "part", "empty_like": "room", "empty": "room",
    "zeros": "room", "zeros_like": "room",
}  # fmt: skip
# Of a value with a name: what is called after it.
_OF = {
    "exp": "exp", "log": "log", "log1p": "log1p", "expm1": "expm1", "sqrt": "sqrt", "tanh": "tanh", "sin": "sin", "cos": "cos", "sign": "sign",
    "square": "square", "negative": "minus", "absolute": "abs", "erf": "erf",
}  # fmt: skip
_REDUCED = {
    "add": "sum",
    "maximum": "max",
    "minimum": "min",
    "multiply": "prod",
    "logical_or": "any",
    "logical_and": "all",
}
# Operations of the tape that are no more than their NumPy call.
_PLAIN = {
    "add", "subtract", "multiply", "divide", "true_divide", "power", "negative", "matmul", "dot", "getitem", "reshape", "transpose", "where", "maximum",
    "minimum", "square", "sqrt", "exp", "log", "absolute", "sum", "max", "min", "astype", "concatenate", "stack", "take", "ravel", "squeeze", "expand_dims",
    "broadcast_to", "swapaxes", "moveaxis", "copy",
}  # fmt: skip
_LONGEST = 24


class Namer:
    """Suggests names; the writer of the text makes them differ.

    Args:
        ops: the calls of the program.
        became: what stands for the values that the passes have left out.
        story: what its parts are.
        outputs: what it returns.
    """

    def __init__(
        self, ops: Iterable[Op], became: Mapping[int, Value], story: Story | None, outputs: list[Value]
    ) -> None:
        self.became = became
        self.story = story
        self.known: dict[int, str] = {}
        self.divisors: dict[int, int] = {}
        self.uses: dict[int, int] = {}
        self.roles: dict[int, Any] = {}
        self.roots: set[int] = set()
        self.layers: dict[str, int] = {}
        self.final: dict[int, int] = {}  # forward value → the last of the values that are its gradient
        self.makers: dict[int, Op] = {}
        self.steps: set[int] = set()  # what is subtracted from a parameter
        self.views: dict[int, Value] = {}
        if story is not None:
            self._number_layers(story)
            self.roots = {self.now(value).index for value in story.roots}
            for value in story.labelled:
                now = self.now(value)
                held = self.roles.get(now.index)
                if held is None or (now is value and held.__class__ is Role):
                    self.roles[now.index] = value.label
        for op in ops:
            for value in op.inputs():
                self.uses[value.index] = self.uses.get(value.index, 0) + 1
            taken = (
                [item.value if item.__class__ is Ref else None for item in op.args]
                if op.section == "update" and op.target is np.subtract
                else []
            )
            if (
                len(taken) == 2
                and taken[0] is op.out
                and taken[1] is not None
                and op.out is not None
                and op.out.storage.external
            ):
                self.steps.add(taken[1].index)
            if op.kind == "ufunc" and op.target is np.divide and op.args[1].__class__ is Ref:
                index = op.args[1].value.index
                self.divisors[index] = self.divisors.get(index, 0) + 1
            for value in (*op.outs, *([op.out] if op.out is not None else [])):
                if value.index not in self.makers and (
                    value.op is None or op.out is None or op.kind not in ("setitem", "change")
                ):
                    self.makers[value.index] = op
                self._propagate(op, value)
                role = self.roles.get(value.index)
                if role.__class__ is Role and role.kind == "d":
                    self.final[self.now(role.what).index] = value.index
            if op.view and len(op.outs) == 1 and op.outs[0].size == op.inputs()[0].size:
                self.views.setdefault(op.inputs()[0].index, op.outs[0])

    def now(self, value: Value) -> Value:
        """What stands in the program for a value."""
        while value.index in self.became:
            value = self.became[value.index]
        return value

    def _propagate(self, op: Op, value: Value) -> None:
        """The sum of two parts of a gradient is a part of it."""
        if value.index in self.roles or op.kind != "ufunc" or op.target is not np.add or op.section != "backward":
            return
        roles = [self.roles.get(item.value.index) for item in op.args if item.__class__ is Ref]
        found = [role for role in roles if role.__class__ is Role and role.kind == "d"]
        if len(roles) == 2 == len(found) and found[0].what is found[1].what:
            self.roles[value.index] = roles[0]

    # ---------------------------------------------------------------- parameters

    def _number_layers(self, story: Story) -> None:
        """Layers that stand in a row have numbers: W1, b1, W2, b2."""
        kinds: dict[str, int] = {}
        row = [(path, value) for path, value in story.parameters if _in_a_row(path.rpartition(".")[0])]
        row.sort(key=lambda pair: [int(word) for word in pair[0].split(".")[:-1]])
        for path, value in [*row, *story.parameters]:
            parent, _, leaf = path.rpartition(".")
            if _in_a_row(parent) and parent not in self.layers:
                self.layers[parent] = len(self.layers) + 1
            if leaf == "weight":
                kinds[parent] = len(value.shape)
        self.kinds = kinds

    def parameter(self, path: str) -> str:
        """The name of a parameter, from its place in the model."""
        parent, _, leaf = path.rpartition(".")
        if parent and not _in_a_row(parent):
            return _word(path)
        scales = self.kinds.get(parent) == 1
        if leaf == "weight":
            word = "gamma" if scales else "W"
        elif leaf == "bias":
            word = "beta" if scales else "b"
        else:
            word = re.sub("^weight_", "W_", re.sub("^bias_", "b_", leaf))
        if not parent or (leaf in ("weight", "bias") and not self.layers):
            return word
        number = self.layers.get(parent, 0)
        return f"{word}{'_' if word[-1].isdigit() else ''}{number}"

    def _layer_before(self, path: str) -> int:
        """The number of the last layer with parameters up to a module."""
        place = [int(word) for word in path.split(".")]
        numbers = [
            k for parent, k in self.layers.items() if parent and [int(word) for word in parent.split(".")] <= place
        ]
        return max(numbers, default=0)

    # ---------------------------------------------------------------- values

    def named(self, value: Value) -> bool:
        """Whether a value has a name of its own, rather than one from its call."""
        role = self.roles.get(value.index)
        if role is None:
            return value.storage.external and not (value.op is not None and value.op.view)
        return (
            isinstance(role, str)
            or role.kind != "result"
            or value.index in self.roots
            or self._result(value, role) is not None
        )

    def name(self, value: Value) -> str:
        """A suggestion."""
        value = self.now(value)
        if value.index not in self.known:
            self.known[value.index] = "value"  # while it is being looked for
            self.known[value.index] = self._name(value)
        return self.known[value.index]

    def _name(self, value: Value) -> str:
        role = self.roles.get(value.index)
        if isinstance(role, str):
            return _word(role)
        if value.index in self.roots and not value.shape:
            return "loss"
        if role is not None:
            if role.kind == "parameter":
                return self.parameter(role.what)
            if role.kind == "d":
                return self._gradient(value, role)
            if role.kind == "of":
                return f"{role.what[0]}_{self.name(role.what[1])}"
            if role.kind == "output":
                name = self._output(value, role.what)
                if role.whole is True:
                    return name
                return f"{name}_{'hc'[role.whole] if role.what.kind == 'LSTMCell' else role.whole}"
            found = self._result(value, role)
            if found is not None:
                return found
        op = self.makers.get(value.index) or value.op
        if value.index in self.steps:
            return "delta"
        if op is None:
            return {"state": "state", "argument": "x"}.get(value.storage.kind) or _captured(value)
        return self._called(op, value)

    def _gradient(self, value: Value, role: Role) -> str:
        of = self.now(role.what)
        word = self.name(of)
        name = f"d{word}" if len(word) <= 3 else f"d_{word}"
        return name if self.final.get(of.index) in (None, value.index) else f"{name}_part"

    def _output(self, value: Value, part: Part) -> str:
        path = part.path
        if path is None:
            return _word(part.title)
        kind = part.kind.lower()
        if not path:
            alone = self.story is not None and any(where == "weight" for where, _ in self.story.parameters)
            return "z" if part.owns and alone else "output" if value.shape or part.owns else "loss"
        if not _in_a_row(path):
            name = _word(path)
            several = self.story is not None and self.story.calls.get((part.title, path), 1) > 1
            return f"{name}_{part.call + 1}" if several else name
        if path in self.layers:
            return f"{'norm' if 'norm' in kind else 'z'}{self.layers[path]}"
        k = self._layer_before(path) or ""
        if kind in _ACTIVATIONS:
            return f"h{k}"
        word = next(
            (
                word
                for start, word in (
                    ("dropout", "dropped"),
                    ("maxpool", "pool"),
                    ("avgpool", "pool"),
                    ("flatten", "flat"),
                )
                if kind.startswith(start)
            ),
            kind,
        )
        return f"{word}{k}"

    def _result(self, value: Value, role: Role) -> str | None:
        """The name of what an operation of the tape returns, where it is more than its NumPy call."""
        word = role.what.strip("_")
        if word == "linear":
            op = self.makers.get(value.index)
            return "z" if op is not None else None
        if word in _ACTIVATIONS and value.shape:
            operand = self._operand(value)
            if operand is not None and re.fullmatch(r"z\d*", operand):
                return "h" + operand[1:]
        if word in _PLAIN or (not value.shape and word.endswith(("loss", "entropy", "logits"))):
            return None
        return _word(word)

    def _operand(self, value: Value) -> str | None:
        op = self.makers.get(value.index) or value.op
        if op is None:
            return None
        for item in op.args:
            if item.__class__ is Ref and item.value.index != value.index and self.named(item.value):
                return self.name(item.value)
        return None

    def _short(self, item: Any, longest: int = _LONGEST) -> str | None:
        """The name of an operand that has one of its own."""
        if item.__class__ is not Ref:
            return None
        value = self.now(item.value)
        if not self.named(value) or value.storage.kind == "constant":
            return None
        name = self.name(value)
        return name if len(name) <= longest else None

    def _called(self, op: Op, value: Value) -> str:
        """A name from the call."""
        kind, target, args = op.kind, op.target, op.args
        first = self._short(args[0]) if args else None
        if op.view or kind == "attribute":
            return self._viewed(op, value, first)
        if kind == "ufunc":
            word: str = target.__name__
            if (
                value.index in self.divisors
                and self.divisors[value.index] == self.uses.get(value.index)
                and word != "sqrt"
            ):
                return "divisor"
            if word in _OF and first:
                return f"{_OF[word]}_{first}"
            if len(args) == 2:
                return self._of_two(word, args, value)
            return _WORDS.get(word, word)
        if kind == "ufunc method":
            of = self._short(args[0])
            word = _REDUCED.get(target[0].__name__, target[0].__name__) if target[1] == "reduce" else target[1]
            return f"{word}_{of}" if of else _WORDS.get(word, f"{word}_of_it")
        if kind == "function" and target is np.dot:
            return self._of_two("dot", args, value)
        if kind == "random":
            return "noise"
        if kind == "fill":
            return "filled"
        if kind == "getitem":
            return f"{first}_picked" if first else "picked"
        word = target if isinstance(target, str) else str(getattr(target, "__name__", "value")).strip("<>_") or "value"
        if word in ("astype", "copy", "reshape", "ravel", "flatten", "ascontiguousarray"):
            viewed = self.views.get(value.index)
            if word == "astype" and value.dtype.kind in "iu" and first is None:
                return "mask"
            if viewed is not None and self.named(viewed):
                return f"{self.name(viewed)}_laid"
            if (
                first is None
                and word == "copy"
                and args[0].__class__ is Ref
                and args[0].value.op is not None
                and args[0].value.op.view
            ):
                return f"{self.name(args[0].value)}_copy"
            return (
                f"{first}_{'copy' if word != 'astype' else value.dtype.name}"
                if first
                else "copy"
                if word != "astype"
                else f"as_{value.dtype.name}"
            )
        return _WORDS.get(word, word)

    def _of_two(self, word: str, args: Any, value: Value) -> str:
        a, b = self._short(args[0], 8), self._short(args[1], 8)
        if word == "multiply":
            if args[0].__class__ is Ref and args[1].__class__ is Ref and args[0].value is args[1].value:
                return f"{self._short(args[0])}_squared" if self._short(args[0]) else "squared"
            viewed = self.views.get(value.index)
            if viewed is not None and value.dtype.kind in "iu" and self.named(viewed):
                return f"{self.name(viewed)}_bits"
            for item, other in ((args[0], args[1]), (args[1], args[0])):
                if item.__class__ is not Ref or item.value.size == 1:
                    of = self._short(other)
                    return f"scaled_{of}" if of else "scaled"
        if word == "dot" or word == "matmul":
            if any(item.__class__ is Ref and item.value.storage.kind == "constant" for item in args):
                return "sums" if value.shape else "total"
            return f"{a}_{b}" if a and b and len(a) + len(b) <= 10 else "product"
        if word == "greater" and args[1].__class__ is not Ref:
            of = self._short(args[0])
            return f"{of}_above_{args[1]}" if of and args[1] == 0 else "above"
        if word in ("add", "subtract", "divide", "maximum", "minimum") and (
            args[1].__class__ is not Ref or args[1].value.storage.kind == "constant"
        ):
            of = self._short(args[0], 12)
            verb = {"add": "plus", "subtract": "minus", "divide": "over", "maximum": "max", "minimum": "min"}[word]
            number = args[1] if args[1].__class__ is int else None
            if of and number is not None and 0 <= number <= 9:
                return f"{of}_{verb}_{number}"
        if word == "subtract" and args[1].__class__ is Ref:
            maker = self.makers.get(args[1].value.index)
            if maker is not None and maker.kind == "ufunc method" and maker.target[0] is np.maximum:
                return "shifted"
        if word == "add" and a and b and len(a) + len(b) <= 10 and not value.scalar:
            return f"{a}_plus_{b}"
        if (
            word == "subtract"
            and b
            and len(b) <= 6
            and (args[0].__class__ is int or (args[0].__class__ is float and args[0] == 1))
        ):
            return f"one_minus_{b}" if args[0] == 1 else "difference"
        return _WORDS.get(word, word)

    def _viewed(self, op: Op, value: Value, first: str | None) -> str:
        source = op.args[0].value if op.args and op.args[0].__class__ is Ref else None
        of = first or (self.name(source) if source is not None else "value")
        if len(of) > 40:
            of = "value"
        if op.kind == "attribute":
            return of[:-2] if op.target == "T" and of.endswith("_T") else f"{of}_{op.target}"
        word = op.target if isinstance(op.target, str) else getattr(op.target, "__name__", "view")
        if word == "view":
            return f"{of}_bits" if value.dtype.kind in "iu" else f"{of}_{value.dtype.kind}"
        if word == "getitem":
            return f"{of}_part"
        if word in ("reshape", "ravel"):
            return f"{of}_flat" if len(value.shape) == 1 else of if of.endswith(("_as", "_laid")) else f"{of}_as"
        if word in ("transpose", "swapaxes", "moveaxis"):
            return f"{of}_T" if len(value.shape) == 2 else f"{of}_turned"
        if word == "broadcast_to":
            return f"{of}_spread"
        return f"{of}_view"


def _captured(value: Value) -> str:
    """A name for an array of the caller that has none."""
    array = value.array
    if array is not None and not value.storage.written and 0 < array.size <= 1 << 16:
        for number, word in ((1, "ones"), (0, "zeros")):
            if (array == number).all():
                return f"{word}_{'x'.join(map(str, array.shape))}"
    return "given"


_ACTIVATIONS = {
    "relu", "tanh", "sigmoid", "gelu", "silu", "leakyrelu", "leaky_relu", "elu", "selu", "celu", "softplus", "softsign", "mish", "hardtanh", "hardswish",
    "hardsigmoid", "relu6", "logsigmoid", "prelu", "glu", "threshold", "logistic", "expit",
}  # fmt: skip


def _in_a_row(path: str) -> bool:
    """Whether a path has nothing but numbers: containers in containers."""
    return bool(path) and all(word.isdigit() for word in path.split("."))


def _word(text: str) -> str:
    """A text as a name."""
    word = word_of(text)
    return word if word.isidentifier() else f"layer{word}"
