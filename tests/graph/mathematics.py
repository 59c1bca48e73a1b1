"""A reader of formulas as pictures show them: ``g · (1 − out²)`` and the values of its names give a number.

It knows nothing of how formulas are made, so that what it computes is what a person would read. A name whose value is a
function, such as ``Σ``, is applied to the brackets, or else the product, that follow it.
"""

from __future__ import annotations

import functools
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ˣʸᵒᵘᵗᵅᵝ", "0123456789+−()xyoutαβ", strict=True))
TOKEN = re.compile(
    rf"\s*([{''.join(RAISED)}]+|ᵀ|\d+(?:\.\d+)?(?:e[+−-]?\d+)?|[A-Za-zα-ω_][A-Za-zα-ω_\d-]*[₀₁₂\u0304]*|\S)"
)


_erf = np.vectorize(math.erf, otypes=[float])
_erfc = np.vectorize(math.erfc, otypes=[float])
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "arcsin": np.arcsin, "arccos": np.arccos,
    "arctan": np.arctan, "arctan2": np.arctan2, "arcsinh": np.arcsinh, "arccosh": np.arccosh, "arctanh": np.arctanh,
    "exp": np.exp, "ln": np.log,
    "log₂": np.log2, "log₁₀": np.log10, "sign": np.sign, "max": lambda *v: functools.reduce(np.maximum, v),
    "min": lambda *v: functools.reduce(np.minimum, v), "round": np.rint, "√": np.sqrt, "∛": np.cbrt,
    "erf": _erf, "σ": lambda x: 1 / (1 + np.exp(-x)), "Φ": lambda x: _erfc(-x / math.sqrt(2)) / 2,
    "φ": lambda x: np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
}  # fmt: skip


class Words(Exception):  # noqa: N818 - no error: what a formula that is no mathematics is
    """The formula has words in it that are no mathematics."""


def evaluate(formula: str, names: Mapping[str, Any]) -> Any:
    """What a formula gives.

    Raises:
        Words: it is no mathematics over these names.
    """
    reader = _Reader(formula, names)
    value = reader.choice()
    if reader.tokens:
        raise Words(reader.tokens)
    return value


class _Reader:
    def __init__(self, formula: str, names: Mapping[str, Any]) -> None:
        self.tokens = TOKEN.findall(formula)
        self.names = names

    def sees(self, *tokens: str) -> str:
        """The next token if it is one of these, which is then read; empty otherwise."""
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in tokens else ""

    def needs(self, token: str) -> None:
        if not self.sees(token):
            raise Words(self.tokens)

    def choice(self) -> Any:
        """``a where c, else b``, ``c ? a : b`` or an expression."""
        value = self.condition()
        if self.sees("if"):
            chosen = self.condition()
            self.needs("else")
            return np.where(chosen, value, self.choice())
        if self.sees("?"):
            first = self.condition()
            self.needs(":")
            return np.where(value, first, self.condition())
        if not self.sees("where"):
            return value
        chosen = self.condition()
        rest: Any = 0
        if self.sees(","):
            self.sees("else")
            rest = self.choice()
        return np.where(chosen, value, rest)

    def condition(self) -> Any:
        value = self.compared()
        while word := self.sees("and", "or"):
            other = self.compared()
            value = np.logical_and(value, other) if word == "and" else np.logical_or(value, other)
        return value

    def compared(self) -> Any:
        if self.sees("not"):
            return np.logical_not(self.compared())
        value = self.sum()
        if word := self.sees(">", "<", "≥", "≤", "=", "≠"):
            compare = {
                ">": np.greater, "<": np.less, "≥": np.greater_equal, "≤": np.less_equal, "=": np.equal,
                "≠": np.not_equal,
            }  # fmt: skip
            return compare[word](value, self.sum())
        return value

    def sum(self) -> Any:
        value = self.product()
        while word := self.sees("+", "−"):
            other = self.product()
            value = value + other if word == "+" else value - other
        return value

    def product(self) -> Any:
        value = self.signed()
        while word := self.sees("·", "/", "@", "mod"):
            other = self.signed()
            apply = {"·": operator.mul, "/": operator.truediv, "@": operator.matmul, "mod": np.mod}[word]
            value = apply(value, other)
        return value

    def signed(self) -> Any:
        return -self.signed() if self.sees("−") else self.power()

    def raised(self) -> str:
        """An exponent that stands high, as a text on the line."""
        token = self.tokens[0] if self.tokens else ""
        return "".join(RAISED[c] for c in self.tokens.pop(0)) if token and token[0] in RAISED else ""

    def exponent(self, text: str) -> Any:
        # Letters that stand side by side are a product, unless they are a name.
        spread = re.sub(r"(?<=[a-zα-ω\d])(?=[a-zα-ω])", " · ", text) if "out" not in text else text
        return evaluate(spread, self.names)

    def power(self) -> Any:
        value = self.atom()
        while self.tokens:
            if self.sees("ᵀ"):
                value = value.T
            elif text := self.raised():
                value = value ** self.exponent(text)
            elif self.sees("^"):
                value = value ** self.signed()
            else:
                break
        return value

    def atom(self) -> Any:
        if not self.tokens:
            raise Words
        token = self.tokens.pop(0)
        if token in self.names:
            value = self.names[token]
            if not callable(value):
                return value
            self.sees("of")
            return value(self.power() if self.tokens[:1] == ["("] else self.product())
        if token == "e":
            text = self.raised()
            if text:
                return np.exp(self.exponent(text))
            self.needs("^")
            return np.exp(self.signed())
        if token == "π":
            return math.pi
        if token[0].isdigit():
            return float(token.replace("−", "-"))
        if token == "(":
            return self.closed(")")
        if token == "|":
            return np.abs(self.closed("|"))
        if token == "⌊":
            return np.floor(self.closed("⌋"))
        if token == "[":
            return np.asarray(self.closed("]"), float)
        if token in FUNCTIONS:
            return self.called(FUNCTIONS[token])
        raise Words(token)

    def closed(self, end: str) -> Any:
        value = self.choice()
        self.needs(end)
        return value

    def called(self, function: Callable[..., Any]) -> Any:
        text = self.raised()
        if self.sees("("):
            arguments = [self.choice()]
            while self.sees(","):
                arguments.append(self.choice())
            self.needs(")")
            value = function(*arguments)
        else:
            value = function(self.power())
        return value ** self.exponent(text) if text else value
