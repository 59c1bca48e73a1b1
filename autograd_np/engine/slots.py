"""The parameter names of operations and rules, and the slots that they ask for: the values that the tape keeps."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .primitive import Primitive

__all__ = [
    "KINK", "NEVER", "SELECTION", "Rule", "Slot", "check_function", "check_names", "leading_parameters", "names_of", "parameter_names", "source_of",
]  # fmt: skip

Rule = Callable[..., Any]


_DERIVED = ("shape", "dtype")


class Slot:
    """One kept value: where it comes from, and for the rules of which operands."""

    __slots__ = ("name", "operand", "source", "users")

    def __init__(self, name: str, source: str, operand: str | None) -> None:
        self.name = name
        self.source = source  # "value", "shape", "dtype", "out", "hidden", "out count", "option"; of several outputs "out_shape", "out_dtype"
        self.operand = operand
        self.users: set[str] = set()


# What a rule's zeros come from (Primitive.masks), and from which of them on the walk holds an operation to zero (Primitive.care).
KINK, SELECTION, NEVER = 1, 2, 3


def leading_parameters(signature: inspect.Signature) -> tuple[str, ...]:
    """The leading parameters without a default; those that can only be given by name stand last."""
    parameters = list(signature.parameters.values())
    if parameters and parameters[0].kind is parameters[0].VAR_POSITIONAL:
        return (parameters[0].name,)
    return tuple(
        [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty]
    )


def parameter_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The parameter names of a Python function, in the order of its signature (which costs 30 times as much to build)."""
    code = function.__code__
    count, keywords = code.co_argcount, code.co_kwonlyargcount
    rest = code.co_varnames[count + keywords :]
    starred = rest[:1] if code.co_flags & inspect.CO_VARARGS else ()
    double = rest[len(starred) : len(starred) + 1] if code.co_flags & inspect.CO_VARKEYWORDS else ()
    return (*code.co_varnames[:count], *starred, *code.co_varnames[count : count + keywords], *double)


def names_of(each: Rule) -> tuple[str, ...]:
    """The parameter names of a rule after the cotangent."""
    return parameter_names(each)[1:]


def check_function(name: str, each: Rule) -> None:
    """Hold a rule to what a rule may be."""
    if not isinstance(each, types.FunctionType):
        raise TypeError(
            f"rule for {name}: a rule is a Python function or lambda, not {each!r}: its parameter names say what is kept"
        )
    code = each.__code__
    if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS) or code.co_kwonlyargcount:
        raise TypeError(
            f"rule for {name}: {inspect.signature(each)} is not allowed; name each value that the rule uses"
        )
    if not code.co_argcount:
        raise TypeError(f"rule for {name}: a rule takes the cotangent g first")


def check_names(found: Primitive, each: Rule) -> None:
    """Hold a rule's parameter names to what the operation has."""
    check_function(found.name, each)
    for word in names_of(each):
        source_of(found, word)


def source_of(found: Primitive, word: str) -> tuple[str, str | None]:
    """Where the value of a rule's parameter comes from: (source, operand)."""
    if word == "needs":
        return "needs", None
    if word == "out":
        return "out", None
    if word == "hidden" and found.multi and found.shown == 1 and word not in found.parameters:
        return "hidden", None
    if word in ("out_shape", "out_dtype"):
        return word, None
    if word in found.operands:
        return "value", word
    if word in found.parameters:
        return "option", word
    for ending in _DERIVED:
        operand = word.removesuffix("_" + ending)
        if operand != word and operand in found.parameters:
            return ending, operand
    raise ValueError(
        f"rule for {found.name}: {word!r} is neither out, an operand, an option, nor <operand>_shape or _dtype "
        f"(the operation has {', '.join(found.parameters)})"
    )
