"""The mathematics that pictures, page and table show: an operation's value, and the gradient that its rule sends to each operand.

``g`` is the gradient that arrives, ``out`` the value, ``gx`` what goes to the operand ``x``. The formulas of elementwise operations are
read from their own text and that of their rules (see mathematics.py), or declared beside the rule where that is more than a line.
Those of the others are here, in notation or in words.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.primitive import Primitive
from ..engine.registry import REGISTRY
from .mathematics import CHOICE, PRODUCT, Notation, computed, expression, read
from .model import Entry

__all__ = ["NOTATION", "Form", "forms", "formula", "gradients"]

# The value, and what goes to each operand (or one text for all).
NOTATION: dict[str, tuple[str, ...]] = {
    "astype": ("x in another dtype", "g in x's dtype"),
    # products of matrices
    "matmul": ("x @ y", "g @ yᵀ", "xᵀ @ g"),
    "dot": ("x @ y", "g @ yᵀ", "xᵀ @ g"),
    "outer": ("x yᵀ", "g @ y", "gᵀ @ x"),
    "linear": ("x @ weight + bias", "g @ weightᵀ", "xᵀ @ g", "Σ g"),
    "einsum": ("Σ over indices", "Σ with g in its place"),
    "scaled_dot_product_attention": ("softmax(q kᵀ / √d) v", "through softmax and products"),
    "embedding": ("W[i]", "gW[i] += g"),
    # reductions
    "sum": ("Σ x", "g, repeated"),
    "mean": ("Σ x / n", "g / n, repeated"),
    "prod": ("Π x", "g · Π of the others"),
    "max": ("max x", "g at the largest"),
    "min": ("min x", "g at the smallest"),
    "var": ("Σ (x − x̄)² / n", "2 · g · (x − x̄) / n"),
    "std": ("√(Σ (x − x̄)² / n)", "g · (x − x̄) / (n · out)"),
    "logsumexp": ("ln Σ eˣ", "g · softmax(x)"),
    "softmax": ("eˣ / Σ eˣ", "out · (g − Σ g · out)"),
    "log_softmax": ("x − ln Σ eˣ", "g − softmax(x) · Σ g"),
    "cumsum": ("x₁ + … + xᵢ", "sum of g from i on"),
    "norm": ("‖x‖", "g · x / out"),
    # choosing
    "clip": ("x, kept in bounds", "g inside the bounds"),
    "getitem": ("x[i]", "gx[i] += g"),
    "take": ("x[i]", "gx[i] += g"),
    "dropout": ("x · mask / (1 − p)", "g · mask / (1 − p)"),
    # shapes
    "reshape": ("same values, new shape", "g in the old shape"),
    "transpose": ("xᵀ", "gᵀ"),
    "swapaxes": ("axes swapped", "g, axes swapped back"),
    "broadcast_to": ("x, repeated", "Σ g"),
    "sliding_window_view": ("the windows of x", "Σ g of the windows that hold it"),
    "concatenate": ("joined", "g, cut apart"),
    "stack": ("stacked", "g, taken apart"),
    # layers and losses
    "layer_norm": ("(x − x̄) / σ · w + b", "through mean and variance"),
    "batch_norm": ("(x − x̄) / σ · w + b", "through mean and variance"),
    "rms_norm": ("x / rms(x) · w", "through the mean square"),
    "softmax_cross_entropy": ("mean of −ln softmax(x)[target]", "g · (softmax(x) − one-hot) / n"),
    "lstm_cell": ("i, f, o = σ(·), c′ = f·c + i·tanh(·), h′ = o·tanh c′", "through the gates"),
    "gru_cell": ("r, z = σ(·), h′ = (1 − z)·n + z·h", "through the gates"),
    "rnn_cell": ("tanh(x W + h U + b)", "g · (1 − out²), then as linear"),
    "conv2d": ("x ∗ w + b", "g ∗ w turned", "x ∗ g", "Σ g"),
    "max_pool2d": ("max of each window", "g at the largest"),
}
SYMBOLS = {"alpha": "α", "beta": "β", "condition": "c", "logits": "x", "negative_slope": "α", "targets": "t"}
VALUE = Notation("{test} ? {body} : {orelse}", True, SYMBOLS)
GRADIENT = Notation("{body} where {test}, else {orelse}", True, SYMBOLS)
_PICKED = re.compile(r"\[(\d+)\]$")


def _own(name: str) -> Primitive | None:
    """The operation of the library that has a name."""
    found = REGISTRY.get(name)
    return found if found is not None and found.function.__module__.startswith("autograd_np.") else None


@functools.cache
def _elementwise(found: Primitive) -> Mapping[str, ast.expr]:
    """The expressions of an elementwise operation: of its value under ``"out"``, of what it sends under the names of the operands.

    Empty of those inside rules that take a gradient as their operand, and of those that are no line of mathematics.
    """
    if "g" in found.parameters:
        return {}
    words = {*found.parameters, "out", "g"}
    made = {"out": _value(found, words)}
    for word in found.operands:
        each = found.rules.get(word)
        made[word] = None if each is None else read(each, words, "g")
    made |= {word: expression(text, words | {"n"}) for word, text in found.formulas.items()}
    return {word: formula for word, formula in made.items() if not isinstance(formula, (ast.Constant, type(None)))}


def _value(found: Primitive, words: set[str]) -> ast.expr | None:
    name = found.body.__name__ if isinstance(found.body, np.ufunc) else found.name
    made = expression(f"{name}({', '.join(found.parameters)})", words)
    return read(found.body, words) if made is None else made


def formula(name: str) -> tuple[str, Mapping[str, str]]:
    """The value of an operation as mathematics, and what it sends to each operand, by their names (or one text for all of them, under ``""``).

    >>> formula("tanh")
    ('tanh x', {'x': 'g / cosh² x'})
    >>> formula("lstm_cell[1]")
    ('output 1', {'': 'g to output 1'})
    """
    if picked := _PICKED.search(name):
        return f"output {picked[1]}", {"": f"g to output {picked[1]}"}
    found = _own(name)
    return ("", {}) if found is None else _formula(found)


@functools.cache
def _formula(found: Primitive) -> tuple[str, Mapping[str, str]]:
    if found.name in NOTATION:
        value, *sent = NOTATION[found.name]
        return value, dict(zip(found.operands, sent, strict=False)) if len(sent) > 1 else {"": sent[0]}
    made = dict(_elementwise(found))
    value = VALUE.written(made.pop("out")) if "out" in made else ""
    return value, {word: GRADIENT.written(each) for word, each in made.items()}


def gradients(entry: Entry) -> list[str]:
    """What an operation sends to those of its operands that are asked for."""
    given = {word for word, i in zip(entry.operands, entry.inputs, strict=False) if i is None}
    texts = formula(entry.name)[1]
    if "" in texts or len(entry.operands) == 1:
        return [*texts.values()]
    return [f"g{word} = {text}" for word, text in texts.items() if word not in given]


@dataclass(frozen=True)
class Form:
    """An expression for single elements.

    Attributes:
        words: the names in it.
        text: its text, with the names in braces.
        value: what it is, given the values of the names.
        mean: whether the operation is the mean of it over all elements.
    """

    words: tuple[str, ...]
    text: str
    value: Callable[[Mapping[str, Any]], Any]
    mean: bool


def forms(name: str) -> Mapping[str, Form]:
    """The expressions of an elementwise operation for single elements: of its value under ``"out"``, of what it sends under the operands."""
    found = _own(name)
    return {} if found is None else _forms(found)


@functools.cache
def _forms(found: Primitive) -> Mapping[str, Form]:
    return {word: _form(found, made) for word, made in _elementwise(found).items()}


def _form(found: Primitive, made: ast.expr) -> Form:
    mean = False
    match made:
        case ast.Call(ast.Name("mean"), [term]):
            made, mean = term, True
    known = {"g", "out", "n", *found.parameters}
    words = {node.id: f"{{{node.id}}}" for node in ast.walk(made) if isinstance(node, ast.Name) and node.id in known}
    text = Notation("{body} if {test} else {orelse}", False, words).written(made, PRODUCT if mean else CHOICE)
    return Form(tuple(words), text, computed(made), mean)
