"""Which module or operation produced each value, noted while a function is traced.

The tracer sees NumPy calls and knows nothing of networks. A :class:`Story` stands beside it and is told which array an operation of
the tape returned, which module began and ended where, and whose rule is being applied. The names and comments of the program rest on it.
"""

from __future__ import annotations

import inspect
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ...engine.clock import next_position
from ...engine.tape import Node
from ...engine.tensor import Tensor
from ..ir import Op, Value

__all__ = ["Part", "Role", "Story", "argument_names"]


class Part(NamedTuple):
    """One call of a module, or of a function that has a name.

    Attributes:
        start, end: positions between which its operations lie.
        path: where the module stands in the model, None for a function.
        title: the module or the name in a line.
        kind: its class.
        owns: whether it holds parameters itself.
        call: how many calls of it came before.
        outermost: whether nothing stands around it.
    """

    start: int
    end: int
    path: str | None
    title: str
    kind: str
    owns: bool
    call: int


class Role(NamedTuple):
    """What a value is.

    Attributes:
        kind: "parameter" (``what`` is its path), "output" of a :class:`Part`, "result" of a primitive, "d": the gradient of the loss with
            respect to a value, or "of": a word and a value to whose name it is put in front.
        what: see kind.
        whole: whether a gradient is all of it, rather than one of the terms of its sum; for an output, its place if there are several.
    """

    kind: str
    what: Any
    whole: Any = True


_ORDER = {"d": 0, "result": 1, "output": 2, "parameter": 3, "of": 3}


class Story:
    """See the module.

    Attributes:
        function: the name of the program's function.
        title: a sentence for the head of the program.
        labelled: values that have a name or a role, in the order in which they got it.
        parameters: those of the function's state, with their paths.
        roots: the results from which gradients were taken.
        parts: calls of modules.
    """

    def __init__(self, trace: Any) -> None:
        self.trace = trace
        self.function = "run"
        self.title = ""
        self.labelled: list[Value] = []
        self.parameters: list[tuple[str, Value]] = []
        self.roots: list[Value] = []
        self.parts: list[Part] = []
        self.paths: dict[int, str] = {}
        self.keep: list[Any] = []  # modules, as long as their ids are asked for
        self.calls: dict[Any, int] = {}
        self._nodes: dict[int, tuple[Node, Value]] = {}
        self._walked = False
        self._pulling = False
        self._section = "forward"
        self._mark = 0

    # ---------------------------------------------------------------- what is told

    def modules(self, modules: Iterable[Any]) -> None:
        """The models that the function reaches: where their modules stand."""
        for model in modules:
            if hasattr(model, "named_modules"):
                for path, module in model.named_modules():
                    self.paths.setdefault(id(module), path)

    def parameter(self, t: Any, path: str, value: Value) -> None:
        """A Tensor of the state."""
        if value.label is None:
            value.label = Role("parameter", path)
            self.parameters.append((path, value))
            self.labelled.append(value)
        if t._node is not None:
            self._nodes[id(t._node)] = (t._node, value)

    def state(self, path: str, value: Value) -> None:
        """An array that a module holds."""
        if value.label is None:
            value.label = Role("parameter", path)
            self.parameters.append((path, value))
            self.labelled.append(value)

    def name(self, value: Value, label: str | Role) -> None:
        """A name that somebody wants for a value."""
        value.label = label
        self.labelled.append(value)

    def operation(self, found: Any, result: Any, operands: tuple[Any, ...]) -> None:
        """An operation of the tape has been computed."""
        ops = self.trace.ops
        if not self._pulling:
            for i in range(min(self._mark, len(ops)), len(ops)):
                op = ops[i]
                if op.primitive is None:
                    op.primitive = found.name
                    if self._walked and not op.quiet:
                        op.section, op.node = self._section, None
            if self._walked:
                self.trace.section, self.trace.node, self._walked = self._section, None, False
        self._mark = len(ops)
        several = result.__class__ is tuple
        for t in result if several else (result,):
            value = _value_of(t)
            if value is None:
                continue
            self._role(value, Role("result", found.name))
            node = t._node
            if node is not None:
                self._nodes[id(node)] = (node, value)
                if getattr(node.primitive, "picks", False):
                    continue
                for parent, operand in zip(node.parents, operands, strict=False):
                    if parent is not None and id(parent) not in self._nodes and hasattr(operand, "value"):
                        self._nodes[id(parent)] = (parent, operand.value)

    def part(self, outputs: Any, label: Any, start: int) -> None:
        """A module, or a function that has a name, has returned."""
        if label.__class__ is str:
            path, title, kind, owns = None, label, label, False
        else:
            path, kind = self.paths.get(id(label)), type(label).__name__
            self.keep.append(label)
            title = self._title(label, path)
            owns = any("." not in name for name, _ in label.named_parameters())
        call = self.calls.get((title, path), 0)
        self.calls[title, path] = call + 1
        part = Part(start, next_position(), path, title, kind, owns, call)
        self.parts.append(part)
        several = outputs.__class__ in (tuple, list)
        for i, t in enumerate(outputs if several else (outputs,)):
            value = _value_of(t)
            if value is not None:
                self._role(value, Role("output", part, i if several else True))

    @staticmethod
    def _title(module: Any, path: str | None) -> str:
        text = repr(module)
        kind = type(module).__name__
        text = text if "\n" not in text and len(text) <= 60 else kind
        text = text.removesuffix("()")
        if kind == "Linear":
            text = text.replace("in_features=", "").replace("out_features=", "").replace(", bias=True", "")
        return f"{path}: {text}" if path else kind

    def check_kept(self, node: Node) -> None:
        """A rule is about to be applied."""
        if not self._walked:
            self._walked, self._section = True, self.trace.section
            if self.trace.section == "forward":
                self.trace.section = "backward"
            known = self._nodes.get(id(node))
            if known is not None:
                self.roots.append(known[1])
        self.trace.node = node
        self._pulling = True

    def check_backward(self, node: Node, g: Any, pulled: Any) -> None:
        """A rule has been applied."""
        self._pulling = False
        self._mark = len(self.trace.ops)
        known = self._nodes.get(id(node))
        value = _value_of(g)
        if known is not None and value is not None:
            held = value.label
            if held.__class__ is Role and held.kind == "d" and held.what is known[1] and not held.whole:
                value.label = Role("d", known[1])
            self._role(value, Role("d", known[1]))
        for parent, contribution in zip(node.parents, pulled, strict=False):
            known = self._nodes.get(id(parent)) if parent is not None else None
            value = _value_of(contribution)
            if known is not None and value is not None:
                self._role(value, Role("d", known[1], False))

    def _role(self, value: Value, role: Role) -> None:
        held = value.label
        if held is None or (held.__class__ is Role and _ORDER[held.kind] < _ORDER[role.kind] and held.kind != "d"):
            value.label = role
            self.labelled.append(value)

    # ---------------------------------------------------------------- what comes of it

    def settle(self, ops: list[Op]) -> None:
        """Write the part that each call belongs to in the place of the node, and let go of the tape."""
        bounds, innermost = self._innermost()

        def at(position: int) -> Part | None:
            i = bisect_right(bounds, position) - 1
            return innermost[i] if i >= 0 else None

        for op in ops:
            node = op.node
            if op.section == "backward" and node is not None:
                op.primitive = getattr(node.primitive, "name", None)
            position = node.position if op.section == "backward" and node is not None else op.position
            op.node = at(position) if op.section in ("forward", "backward") else None
        self._nodes.clear()
        self.keep.clear()
        self.trace = None

    def _innermost(self) -> tuple[list[int], list[Part | None]]:
        """From which positions on which part is the innermost."""
        events = sorted(
            [(part.start, 1, part) for part in self.parts] + [(part.end, 0, part) for part in self.parts],
            key=lambda event: event[:2],
        )
        bounds: list[int] = []
        innermost: list[Part | None] = []
        stack: list[Part] = []
        for position, opens, part in events:
            if opens:
                stack.append(part)
            elif part in stack:
                stack.remove(part)
            bounds.append(position)
            innermost.append(stack[-1] if stack else None)
        return bounds, innermost


def _value_of(thing: Any) -> Value | None:
    """The value of a traced array, or of a Tensor that holds one."""
    if isinstance(thing, Tensor):
        thing = thing._values
    value = getattr(thing, "value", None)
    return value if value.__class__ is Value else None


# ---------------------------------------------------------------- arguments


def argument_names(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    """A name for each leaf of the arguments, in their order: that of the parameter, with the key or the place inside it."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
        given = [item for word in bound.arguments for item in _spread(bound, word)]
        words = [word for word, _ in given]
        positional = words[: len(args)]
    except (TypeError, ValueError):
        positional = [f"x{i}" for i in range(len(args))]
    names: list[str] = []
    for word, item in [*zip(positional, args, strict=False), *kwargs.items()]:
        _leaves(item, word, names, top=True)
    return names


def _spread(bound: inspect.BoundArguments, word: str) -> list[tuple[str, Any]]:
    kind = bound.signature.parameters[word].kind
    item = bound.arguments[word]
    if kind is inspect.Parameter.VAR_POSITIONAL:
        return [(word if len(item) == 1 else f"{word}{i}", each) for i, each in enumerate(item)]
    return [(word, item)] if kind is not inspect.Parameter.VAR_KEYWORD else []


def _leaves(tree: Any, word: str, names: list[str], top: bool = False) -> None:
    kind = tree.__class__
    if kind is dict:
        for key, item in tree.items():
            _leaves(item, str(key) if top and isinstance(key, str) else f"{word}_{key}", names)
    elif isinstance(tree, tuple) and hasattr(tree, "_fields"):
        for key, item in zip(tree._fields, tree, strict=True):
            _leaves(item, key if top else f"{word}_{key}", names)
    elif kind is tuple or kind is list:
        for i, item in enumerate(tree):
            _leaves(item, f"{word}{i}", names)
    else:
        names.append(word)
