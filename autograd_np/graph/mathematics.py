"""Operations and their rules as mathematics: read from their own text, written down, and computed for single elements.

``rule(tanh, lambda g, x: over_cosh2(g, x))`` says that tanh sends ``g / cosh² x``. A function or rule that is one line of elementwise
mathematics is read here as an expression of Python, in which only operators and the functions of ``FUNCTIONS`` remain. It is
that of real numbers; where a rule takes a shorter way for special numbers it is the general one. Nothing is read before it is asked for.
"""

from __future__ import annotations

import ast
import copy
import functools
import math
import types
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["CHOICE", "PRODUCT", "Notation", "computed", "expression", "read"]

# What rules and bodies call, by other functions.
MEANINGS = {
    # NumPy's
    "add": "x, y: x + y", "subtract": "x, y: x - y", "multiply": "x, y: x * y", "divide": "x, y: x / y", "remainder": "x, y: x % y",
    "power": "x, y: x ** y", "negative": "x: -x", "positive": "x: x", "copy": "x, order: x", "reciprocal": "x: 1 / x", "square": "x: x ** 2",
    "equal": "x, y: x == y", "not_equal": "x, y: x != y", "logical_not": "x: not x", "where": "c, x, y: x if c else y",
    "hypot": "x, y: sqrt(x ** 2 + y ** 2)", "expm1": "x: exp(x) - 1", "log1p": "x: log(1 + x)", "logaddexp": "x, y: log(exp(x) + exp(y))",
    "logaddexp2": "x, y: log2(exp2(x) + exp2(y))",
    # products with zeros, kinks, and what is marked for second derivatives
    "zmul": "g, d: g * d", "zdiv": "g, d: g / d", "keep": "mask, g: g if mask else 0", "_signed": "g, x: g * sign(x)",
    "_split": "g, over, least: g if over else g / 2 if least else 0", "at_kink": "x, g, size, what: x", "at_root": "d, g, root: d",
    # whether there is a shorter way for special numbers, and bounds for infinite ones
    "is_complex": "x: False", "is_number": "x: False", "_above": "x: x", "_far": "x: x",
    # functions that keep their digits
    "twice": "x: 2 * x", "one_minus_square": "x: 1 - x ** 2", "over_cosh2": "g, x: g / cosh(x) ** 2", "cosine": "x, y: x / hypot(x, y)",
    "power_log": "p, x, y, k: p * log(x) ** k", "share": "x, y, two=False: 1 / (1 + (exp2(y - x) if two else exp(y - x)))",
    "gauss": "x, rate: exp(-rate * x ** 2)", "_sigma": "x: sigmoid(x)", "sigmoid_slope": "x: sigmoid(x) * sigmoid(-x)",
}  # fmt: skip
CONSTANTS = {"LN2": "log(2)", "LN10": "log(10)", "pi": "π"}


def _of_reals(function: Callable[[float], float]) -> Callable[[Any], float]:
    return lambda x: math.nan if np.iscomplexobj(x) else function(float(x))


_SAME = [
    "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "arctan2", "arcsinh", "arccosh", "arctanh", "exp", "exp2", "sign",
]  # fmt: skip
# The functions that remain: how they are computed, and written.
FUNCTIONS: dict[str, tuple[Callable[..., Any], str]] = {
    **{name: (getattr(np, name), name) for name in _SAME},
    "absolute": (np.abs, "|"), "abs": (np.abs, "|"), "cbrt": (np.cbrt, "∛"), "erf": (_of_reals(math.erf), "erf"), "log": (np.log, "ln"),
    "log2": (np.log2, "log₂"), "log10": (np.log10, "log₁₀"), "maximum": (np.maximum, "max"), "minimum": (np.minimum, "min"),
    "mean": (np.mean, "mean"), "normal_cdf": (_of_reals(lambda x: math.erfc(-x / math.sqrt(2)) / 2), "Φ"),
    "normal_density": (lambda x: np.exp(-x * x / 2) / math.sqrt(2 * math.pi), "φ"), "rint": (np.rint, "round"),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), "σ"), "sqrt": (np.sqrt, "√"),
}  # fmt: skip


class UnreadableError(Exception):
    """A text is no line of elementwise mathematics."""


# ---------------------------------------------------------------- reading


def _name(word: str) -> ast.Name:
    return ast.Name(word, ast.Load())


def read(function: Any, words: Container[str], first: str = "") -> ast.expr | None:
    """What a function gives, as an expression of those of its parameters that are in ``words``; None where it is no line of mathematics.

    Args:
        function: of the library.
        words: which of its parameters are arrays or numbers.
        first: what its first parameter is called in the expression; by default as it is.
    """
    try:
        parameters, body = _source(function)
        names = {word: _name(word) for word in parameters if word in words}
        if first:
            names[parameters[0]] = _name(first)
        return _Reader(names, function.__globals__).visit(body)  # type: ignore[no-any-return]
    except UnreadableError:
        return None


def expression(text: str, words: Container[str] = ()) -> ast.expr | None:
    """A text in Python as an expression of the names in it that are in ``words``; None where it is no line of mathematics."""
    body = ast.parse(text, mode="eval").body
    names = {node.id: node for node in ast.walk(body) if isinstance(node, ast.Name) and node.id in words}
    try:
        return _Reader(names, {}).visit(body)  # type: ignore[no-any-return]
    except UnreadableError:
        return None


@functools.lru_cache(8)
def _functions(path: str) -> list[ast.Lambda | ast.FunctionDef]:
    """All functions in a file."""
    try:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, SyntaxError):
        return []
    return [node for node in ast.walk(tree) if isinstance(node, (ast.Lambda, ast.FunctionDef))]


def _source(function: Any) -> tuple[tuple[str, ...], ast.expr]:
    """The parameters of a function of the library, and what it returns."""
    if not isinstance(function, types.FunctionType) or not function.__module__.startswith("autograd_np."):
        raise UnreadableError(function)
    code = function.__code__
    places = [(line, column) for line, _, column, _ in code.co_positions() if line and column]
    for node in _functions(code.co_filename) if places else ():  # (Python can be told to drop them)
        if isinstance(node, ast.Lambda):
            inside = (node.body.lineno, node.body.col_offset), (node.body.end_lineno, node.body.end_col_offset)
            if any(inside[0] <= place < inside[1] for place in places):
                return code.co_varnames[: code.co_argcount], node.body
        elif node.name == code.co_name and node.lineno <= places[-1][0] <= (node.end_lineno or 0):
            return code.co_varnames[: code.co_argcount], _returned(node.body)
    raise UnreadableError(function)


def _returned(statements: list[ast.stmt]) -> ast.expr:
    """What statements return: those that are more than a choice of expressions nothing that could be read."""
    match statements:
        case [ast.Return(ast.expr() as value), *_]:
            return value
        case [ast.Expr(ast.Constant()) | ast.If(_, [ast.Raise()], []), *rest]:
            return _returned(rest)
        case [ast.If(test, body, []), *rest]:
            return ast.IfExp(test, _returned(body), _returned(rest))
    return ast.Tuple([])


class _Reader(ast.NodeTransformer):
    """Puts what names stand for, and what functions mean, in their place.

    Args:
        names: the expressions that stand for names.
        known: the other names that the text may use.
    """

    def __init__(self, names: Mapping[str, ast.expr], known: Mapping[str, Any]) -> None:
        self.names = names
        self.known = known

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, (ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop)):
            raise UnreadableError(node)
        return super().generic_visit(copy.copy(node))

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.names:
            return self.names[node.id]
        if node.id not in CONSTANTS:
            raise UnreadableError(node)
        return ast.parse(CONSTANTS[node.id], mode="eval").body

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return _Reader({}, {}).visit_Name(_name(node.attr))

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        if isinstance(node.left, ast.Attribute) and node.left.attr == "kind":  # complex or not: shown are real numbers
            return ast.Constant(isinstance(node.ops[0], ast.NotEq))
        return ast.Compare(self.visit(node.left), node.ops[:1], [self.visit(node.comparators[0])])

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        values = [self.visit(value) for value in node.values]
        if any(isinstance(value, ast.Constant) and value.value is False for value in values):
            return ast.Constant(False)
        return ast.BoolOp(node.op, values)

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        test = self.visit(node.test)
        if isinstance(test, ast.Constant):
            return self.visit(node.body if test.value else node.orelse)  # type: ignore[no-any-return]
        body, orelse = self.visit(node.body), self.visit(node.orelse)
        if isinstance(body, ast.Constant) and body.value == 0:
            return ast.IfExp(ast.UnaryOp(ast.Not(), test), orelse, body)
        return ast.IfExp(test, body, orelse)

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, complex):
            raise UnreadableError(node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if node.keywords or (name == "mean" and len(node.args) > 1):
            raise UnreadableError(node)
        arguments = [self.visit(argument) for argument in node.args]
        if name in MEANINGS:
            meaning = ast.parse(f"lambda {MEANINGS[name]}", mode="eval").body
            assert isinstance(meaning, ast.Lambda)
            words = [parameter.arg for parameter in meaning.args.args]
            arguments += meaning.args.defaults[len(arguments) - len(words) :] if len(arguments) < len(words) else []
            if len(arguments) != len(words):
                raise UnreadableError(node)
            return _Reader(dict(zip(words, arguments, strict=True)), {}).visit(meaning.body)  # type: ignore[no-any-return]
        if name in FUNCTIONS:
            return ast.Call(_name(name), arguments, [])
        function: Any = self.known.get(name)
        parameters, body = _source(function)
        return _Reader(dict(zip(parameters, arguments, strict=False)), function.__globals__).visit(body)  # type: ignore[no-any-return]


# ---------------------------------------------------------------- computing


def computed(made: ast.expr) -> Callable[[Mapping[str, Any]], Any]:
    """The function that evaluates an expression, given the values of its names."""
    code = compile(ast.fix_missing_locations(ast.Expression(made)), "<formula>", "eval")
    functions = {name: function for name, (function, _) in FUNCTIONS.items()} | {"π": math.pi}
    return lambda values: eval(code, functions, values)  # noqa: S307 - a text of the library


# ---------------------------------------------------------------- writing

RAISED = dict(zip("0123456789+−()xyoutαβ", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ˣʸᵒᵘᵗᵅᵝ", strict=True))
SIGNS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "−", ast.Gt: ">", ast.Lt: "<", ast.GtE: "≥", ast.LtE: "≤", ast.Eq: "=", ast.NotEq: "≠",
    ast.And: "and", ast.BitAnd: "and", ast.Or: "or", ast.BitOr: "or",
}  # fmt: skip
CHOICE, LOGIC, COMPARED, SUM, SIGNED, PRODUCT, POWER, ATOM = range(8)  # how tightly a text holds together


class Notation:
    """How expressions are written down.

    Args:
        choice: the form of ``body if test else orelse``.
        raised: whether exponents stand high where there are letters for it, and functions without brackets.
        names: the texts of names; others stand for themselves.
    """

    def __init__(self, choice: str, raised: bool, names: Mapping[str, str]) -> None:
        self.choice, self.raised, self.names = choice, raised, names

    def written(self, node: ast.expr, least: int = CHOICE) -> str:
        """The text of an expression, in brackets if it holds together less than ``least``."""
        text, level = self._text(node)
        if level >= least:
            return text
        return f"[{text}]" if level in (LOGIC, COMPARED) else f"({text})"

    def _text(self, node: ast.expr) -> tuple[str, int]:
        match node:
            case ast.Name(name):
                return self.names.get(name, name), ATOM
            case ast.Constant(int() | float() as value):
                return f"{value:g}", ATOM
            case ast.IfExp(test, body, orelse):
                return self._choice(self.written(test, LOGIC), self.written(body, LOGIC), orelse), CHOICE
            case ast.UnaryOp(ast.Not() | ast.Invert(), operand):
                return f"not {self.written(operand, COMPARED)}", COMPARED
            case ast.BoolOp(op, values):
                return f" {SIGNS[type(op)]} ".join([self.written(value, COMPARED) for value in values]), LOGIC
            case ast.BinOp(left, ast.BitAnd() | ast.BitOr() as sign, right):
                return self._joined(left, sign, right, COMPARED, COMPARED), LOGIC
            case ast.Compare(left, [sign], [right]):
                return self._joined(left, sign, right, SUM, SUM), COMPARED
            case ast.BinOp(left, ast.Add() | ast.Sub() as sign, right):
                return self._joined(left, sign, right, SUM, PRODUCT), SUM
            case ast.BinOp(left, ast.Mod(), right):
                return f"{self.written(left, POWER)} mod {self.written(right, POWER)}", SIGNED
            case ast.BinOp(base, ast.Pow(), exponent):
                return self._power(base, exponent)
            case ast.Call(ast.Name(name), arguments):
                return self._call(name, arguments)
        return self._product(node)

    def _joined(self, left: ast.expr, sign: ast.AST, right: ast.expr, least: int, least_right: int) -> str:
        return f"{self.written(left, least)} {SIGNS[type(sign)]} {self.written(right, least_right)}"

    def _choice(self, test: str, body: str, orelse: ast.expr) -> str:
        rest = self.written(orelse)
        if "where" in self.choice:
            if rest == "0":
                return f"{body} where {test}"
            if isinstance(orelse, ast.IfExp):
                return f"{body} where {test}, {rest}"
        return self.choice.format(test=test, body=body, orelse=rest)

    def _product(self, node: ast.expr) -> tuple[str, int]:
        factors: tuple[list[ast.expr], list[ast.expr]] = ([], [])
        sign = _factors(node, factors, 0)
        above, below = [_gathered(part) for part in factors]
        if sign > 0 and len(above) == 1 and not below:
            return self._text(above[0])
        over, under = [[self.written(factor, POWER) for factor in part] for part in (above, below)]
        text = " · ".join(over) or "1"
        if under:
            text += f" / {under[0]}" if len(under) == 1 else f" / ({' · '.join(under)})"
        return (text, PRODUCT) if sign > 0 else (f"−{text}", SIGNED)

    def _power(self, base: ast.expr, exponent: ast.expr) -> tuple[str, int]:
        high = self._high(exponent)
        if isinstance(base, ast.Constant) and base.value == 1:
            return "1", ATOM
        if high and isinstance(base, ast.Call):
            text, level = self._text(base)
            symbol = FUNCTIONS[base.func.id][1]  # type: ignore[attr-defined]
            if level == POWER and symbol.isalpha() and text.startswith(symbol):
                return f"{symbol}{high}{text.removeprefix(symbol)}", POWER
        return f"{self.written(base, ATOM)}{high or f' ^ {self.written(exponent, ATOM)}'}", POWER

    def _high(self, exponent: ast.expr) -> str:
        """An exponent as it stands high; empty where there are no letters for it."""
        text = self.written(exponent).replace(" · ", "").replace(" ", "")
        return "".join([RAISED[c] for c in text]) if self.raised and set(text) <= set(RAISED) else ""

    def _call(self, name: str, arguments: list[ast.expr]) -> tuple[str, int]:
        symbol = FUNCTIONS[name][1]
        texts = [self.written(argument) for argument in arguments]
        if symbol == "|":
            return f"|{texts[0]}|", ATOM
        if symbol in "√∛":
            return symbol + self.written(arguments[0], ATOM), POWER
        if symbol == "mean":
            return f"mean {self.written(arguments[0], POWER)}", POWER
        if name == "exp2" or (name == "exp" and self._high(arguments[0])):
            base = "2" if name == "exp2" else "e"
            return base + (self._high(arguments[0]) or f" ^ {self.written(arguments[0], ATOM)}"), POWER
        if (
            self.raised
            and symbol not in "σΦφ"
            and isinstance(arguments[0], (ast.Name, ast.Constant))
            and not arguments[1:]
        ):
            return f"{symbol} {texts[0]}", POWER
        return f"{symbol}({', '.join(texts)})", ATOM


def _factors(node: ast.expr, factors: tuple[list[ast.expr], list[ast.expr]], below: int) -> int:
    """Enter the factors of a product above and below the line. Returns its sign."""
    match node:
        case ast.BinOp(left, ast.Mult() | ast.Div() as sign, right):
            other = below ^ isinstance(sign, ast.Div)
            return _factors(left, factors, below) * _factors(right, factors, other)
        case ast.UnaryOp(ast.USub(), operand):
            return -_factors(operand, factors, below)
    factors[below].append(node)
    return 1


def _gathered(factors: list[ast.expr]) -> list[ast.expr]:
    """Factors with numbers first, and equal ones as a power."""
    times: dict[str, int] = {}
    first: dict[str, ast.expr] = {}
    for factor in factors:
        base, exponent = factor, 1
        match factor:
            case ast.BinOp(inner, ast.Pow(), ast.Constant(int(number))):
                base, exponent = inner, number
        key = ast.dump(base)
        first[key], times[key] = base, times.get(key, 0) + exponent
    found = []
    for key, base in first.items():
        match base:
            case ast.Constant(1 | 1.0):
                continue
            case ast.Call(ast.Name("sqrt"), [inner]) if times[key] == 2:
                found.append(inner)
            case _:
                found.append(base if times[key] == 1 else ast.BinOp(base, ast.Pow(), ast.Constant(times[key])))
    return sorted(found, key=lambda factor: (not isinstance(factor, ast.Constant), getattr(factor, "id", "") != "g"))
