"""The formulas of single elements: a text with the names of operands in braces, and the function that computes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["ELEMENTWISE", "GRADIENTS", "MOVES", "Form", "sigmoid"]

Form = tuple[str, Callable[..., Any]]


def sigmoid(x: Any) -> Any:
    """1 / (1 + e⁻ˣ)."""
    return 1 / (1 + np.exp(-x))


# An element of the output by the elements of the operands in its place.
ELEMENTWISE: dict[str, Form] = {
    "add": ("{x} + {y}", lambda x, y: x + y),
    "subtract": ("{x} − {y}", lambda x, y: x - y),
    "multiply": ("{x} · {y}", lambda x, y: x * y),
    "divide": ("{x} / {y}", lambda x, y: x / y),
    "power": ("{x} ^ {y}", lambda x, y: x**y),
    "negative": ("−{x}", lambda x: -x),
    "positive": ("{x}", lambda x: x),
    "astype": ("{x}", lambda x: x),
    "copy": ("{x}", lambda x: x),
    "reciprocal": ("1 / {x}", lambda x: 1 / x),
    "square": ("{x} ^ 2", lambda x: x * x),
    "sqrt": ("√{x}", np.sqrt),
    "absolute": ("|{x}|", np.abs),
    "exp": ("exp({x})", np.exp),
    "expm1": ("exp({x}) − 1", np.expm1),
    "log": ("ln({x})", np.log),
    "log1p": ("ln(1 + {x})", np.log1p),
    "sin": ("sin({x})", np.sin),
    "cos": ("cos({x})", np.cos),
    "tan": ("tan({x})", np.tan),
    "tanh": ("tanh({x})", np.tanh),
    "sigmoid": ("1 / (1 + exp(−{x}))", sigmoid),
    "relu": ("max({x}, 0)", lambda x: np.maximum(x, 0)),
    "leaky_relu": (
        "{x} if {x} > 0 else {negative_slope} · {x}",
        lambda x, negative_slope: x if x > 0 else negative_slope * x,
    ),
    "silu": ("{x} / (1 + exp(−{x}))", lambda x: x * sigmoid(x)),
    "softplus": ("ln(1 + exp({x}))", lambda x: np.logaddexp(0, x)),
    "maximum": ("max({x}, {y})", np.maximum),
    "minimum": ("min({x}, {y})", np.minimum),
    "where": ("{x} if {condition} else {y}", lambda condition, x, y: x if condition else y),
}
# The same for what each operand is sent.
GRADIENTS: dict[str, dict[str, Form]] = {
    "add": {"x": ("{g}", lambda g: g), "y": ("{g}", lambda g: g)},
    "subtract": {"x": ("{g}", lambda g: g), "y": ("−{g}", lambda g: -g)},
    "multiply": {"x": ("{g} · {y}", lambda g, y: g * y), "y": ("{g} · {x}", lambda g, x: g * x)},
    "divide": {"x": ("{g} / {y}", lambda g, y: g / y), "y": ("−{g} · {x} / {y} ^ 2", lambda g, x, y: -g * x / y**2)},
    "power": {
        "x": ("{g} · {y} · {x} ^ ({y} − 1)", lambda g, x, y: g * y * x ** (y - 1)),
        "y": ("{g} · {out} · ln({x})", lambda g, out, x: g * out * np.log(x)),
    },
    "negative": {"x": ("−{g}", lambda g: -g)},
    "positive": {"x": ("{g}", lambda g: g)},
    "astype": {"x": ("{g}", lambda g: g)},
    "copy": {"x": ("{g}", lambda g: g)},
    "reciprocal": {"x": ("−{g} · {out} ^ 2", lambda g, out: -g * out**2)},
    "square": {"x": ("{g} · 2 · {x}", lambda g, x: g * 2 * x)},
    "sqrt": {"x": ("{g} / (2 · {out})", lambda g, out: g / (2 * out))},
    "absolute": {"x": ("{g} · sign({x})", lambda g, x: g * np.sign(x))},
    "exp": {"x": ("{g} · {out}", lambda g, out: g * out)},
    "expm1": {"x": ("{g} · ({out} + 1)", lambda g, out: g * (out + 1))},
    "log": {"x": ("{g} / {x}", lambda g, x: g / x)},
    "log1p": {"x": ("{g} / (1 + {x})", lambda g, x: g / (1 + x))},
    "sin": {"x": ("{g} · cos({x})", lambda g, x: g * np.cos(x))},
    "cos": {"x": ("−{g} · sin({x})", lambda g, x: -g * np.sin(x))},
    "tan": {"x": ("{g} · (1 + {out} ^ 2)", lambda g, out: g * (1 + out**2))},
    "tanh": {"x": ("{g} · (1 − {out} ^ 2)", lambda g, out: g * (1 - out**2))},
    "sigmoid": {"x": ("{g} · {out} · (1 − {out})", lambda g, out: g * out * (1 - out))},
    "relu": {"x": ("{g} if {x} > 0 else 0", lambda g, x: g if x > 0 else 0 * g)},
    "leaky_relu": {
        "x": (
            "{g} if {x} > 0 else {negative_slope} · {g}",
            lambda g, x, negative_slope: g if x > 0 else negative_slope * g,
        )
    },
    "silu": {
        "x": ("{g} · σ({x}) · (1 + {x} · (1 − σ({x})))", lambda g, x: g * sigmoid(x) * (1 + x * (1 - sigmoid(x))))
    },
    "softplus": {"x": ("{g} / (1 + exp(−{x}))", lambda g, x: g * sigmoid(x))},
    # (Where the operands are equal each has half of it: no line.)
    "maximum": {
        "x": ("{g} · [{x} > {y}]", lambda g, x, y: g * (x > y)),
        "y": ("{g} · [{y} > {x}]", lambda g, x, y: g * (y > x)),
    },
    "minimum": {
        "x": ("{g} · [{x} < {y}]", lambda g, x, y: g * (x < y)),
        "y": ("{g} · [{y} < {x}]", lambda g, x, y: g * (y < x)),
    },
    "where": {
        "x": ("{g} · [{condition}]", lambda g, condition: g if condition else 0 * g),
        "y": ("{g} · [not {condition}]", lambda g, condition: 0 * g if condition else g),
    },
}
# Operations that only move elements: which ones, they tell themselves when they are given the numbers 0, 1, 2, …
MOVES = frozenset(
    [
        "broadcast_to", "concatenate", "diagonal", "expand_dims", "flip", "getitem", "moveaxis", "repeat", "reshape", "roll", "squeeze", "stack", "swapaxes",
        "take", "tile", "transpose",
    ]
)  # fmt: skip
