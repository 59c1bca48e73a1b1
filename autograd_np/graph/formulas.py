"""The mathematics of the common rules, as pictures show it: the value, and the gradient that its backward pass sends on.

``g`` is the gradient that arrives, ``out`` the value, ``gx`` what goes to the operand ``x``.
"""

from __future__ import annotations

import re

__all__ = ["FORMULAS", "formula"]

FORMULAS: dict[str, tuple[str, str]] = {
    # arithmetic
    "add": ("x + y", "gx = g, gy = g"),
    "subtract": ("x − y", "gx = g, gy = −g"),
    "multiply": ("x · y", "gx = g · y, gy = g · x"),
    "divide": ("x / y", "gx = g / y, gy = −g · out / y"),
    "power": ("xʸ", "gx = g · y · xʸ⁻¹, gy = g · out · ln x"),
    "negative": ("−x", "−g"),
    "positive": ("x", "g"),
    "reciprocal": ("1 / x", "−g · out²"),
    "square": ("x²", "2 · g · x"),
    "sqrt": ("√x", "g / (2 · out)"),
    "cbrt": ("∛x", "g / (3 · out²)"),
    "absolute": ("|x|", "g · sign x"),
    "remainder": ("x mod y", "gx = g, gy = −g · ⌊x / y⌋"),
    "hypot": ("√(x² + y²)", "gx = g · x / out, gy = g · y / out"),
    # exponentials, logarithms, angles
    "exp": ("eˣ", "g · out"),
    "exp2": ("2ˣ", "g · out · ln 2"),
    "expm1": ("eˣ − 1", "g · (out + 1)"),
    "log": ("ln x", "g / x"),
    "log2": ("log₂ x", "g / (x · ln 2)"),
    "log10": ("log₁₀ x", "g / (x · ln 10)"),
    "log1p": ("ln(1 + x)", "g / (1 + x)"),
    "logaddexp": ("ln(eˣ + eʸ)", "gx = g · eˣ⁻ᵒᵘᵗ, gy = g · eʸ⁻ᵒᵘᵗ"),
    "sin": ("sin x", "g · cos x"),
    "cos": ("cos x", "−g · sin x"),
    "tan": ("tan x", "g · (1 + out²)"),
    "arcsin": ("arcsin x", "g / √(1 − x²)"),
    "arccos": ("arccos x", "−g / √(1 − x²)"),
    "arctan": ("arctan x", "g / (1 + x²)"),
    "arctan2": ("arctan(x / y)", "gx = g · y / (x² + y²), gy = −g · x / (x² + y²)"),
    "sinh": ("sinh x", "g · cosh x"),
    "cosh": ("cosh x", "g · sinh x"),
    "tanh": ("tanh x", "g · (1 − out²)"),
    "sigmoid": ("1 / (1 + e⁻ˣ)", "g · out · (1 − out)"),
    "erf": ("erf x", "g · 2/√π · exp(−x²)"),
    # activations
    "relu": ("max(x, 0)", "g where x > 0"),
    "leaky_relu": ("x > 0 ? x : αx", "g where x > 0, else α · g"),
    "elu": ("x > 0 ? x : α(eˣ − 1)", "g where x > 0, else g · αeˣ"),
    "gelu": ("x · Φ(x)", "g · (Φ(x) + x · φ(x))"),
    "silu": ("x · σ(x)", "g · σ(x) · (1 + x · (1 − σ(x)))"),
    "softplus": ("ln(1 + eˣ)", "g · σ(x)"),
    "softmax": ("eˣ / Σ eˣ", "out · (g − Σ g · out)"),
    "log_softmax": ("x − ln Σ eˣ", "g − softmax(x) · Σ g"),
    # products of matrices
    "matmul": ("x @ y", "gx = g @ yᵀ, gy = xᵀ @ g"),
    "dot": ("x · y", "gx = g @ yᵀ, gy = xᵀ @ g"),
    "outer": ("x yᵀ", "gx = g @ y, gy = gᵀ @ x"),
    "linear": ("x @ weight + bias", "gx = g @ weightᵀ, gweight = xᵀ @ g, gbias = Σ g"),
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
    "cumsum": ("x₁ + … + xᵢ", "sum of g from i on"),
    "norm": ("‖x‖", "g · x / out"),
    # choosing
    "maximum": ("max(x, y)", "g to the larger"),
    "minimum": ("min(x, y)", "g to the smaller"),
    "where": ("c ? x : y", "gx = g where c, gy = g elsewhere"),
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
    "astype": ("x in another dtype", "g in x's dtype"),
    # layers and losses
    "layer_norm": ("(x − x̄) / σ · w + b", "through mean and variance"),
    "batch_norm": ("(x − x̄) / σ · w + b", "through mean and variance"),
    "rms_norm": ("x / rms(x) · w", "through the mean square"),
    "mse_loss": ("mean (x − y)²", "2 · g · (x − y) / n"),
    "l1_loss": ("mean |x − y|", "g · sign(x − y) / n"),
    "softmax_cross_entropy": ("mean of −ln softmax(x)[target]", "g · (softmax(x) − one-hot) / n"),
    "binary_cross_entropy_with_logits": ("mean of ln(1 + eˣ) − t·x", "g · (σ(x) − t) / n"),
    "lstm_cell": ("i, f, o = σ(·), c′ = f·c + i·tanh(·), h′ = o·tanh c′", "through the gates"),
    "gru_cell": ("r, z = σ(·), h′ = (1 − z)·n + z·h", "through the gates"),
    "rnn_cell": ("tanh(x W + h U + b)", "g · (1 − out²), then as linear"),
    "conv2d": ("x ∗ w + b", "gx = g ∗ w turned, gw = x ∗ g"),
    "max_pool2d": ("max of each window", "g at the largest"),
}

_PICKED = re.compile(r"\[(\d+)\]$")


def formula(name: str) -> tuple[str, str]:
    """The value and the gradient of an operation as mathematics; empty where there is no short one.

    >>> formula("exp")
    ('eˣ', 'g · out')
    >>> formula("lstm_cell[1]")
    ('output 1', 'g to output 1')
    """
    picked = _PICKED.search(name)
    if picked:
        return f"output {picked[1]}", f"g to output {picked[1]}"
    return FORMULAS.get(name, ("", ""))
