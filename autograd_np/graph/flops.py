"""Floating-point operations of each entry of the tape, by formulas of the shapes.

What is counted: one for each arithmetic operation on a real number, and one for each value of a function such as ``exp`` or
``gelu``, whatever it costs the machine; so the numbers compare programs, not instructions. A product of matrices (m, k) and
(k, n) takes 2 m n k. A reduction takes one for each element that it reads; what only moves elements (views, indexing, joining)
takes none. The decompositions of linear algebra have the textbook counts of their leading terms (Golub & Van Loan). An operation
that is not in the table, such as one of yours, counts one for each element of its output, and the printed tape names it.

The backward pass is an estimate: the gradient of each operand takes as much as the forward pass (exact for products of matrices and
for convolutions), that of a bias one for each element of the output. An ``einsum`` of three operands or more counts as one
loop over all its letters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isqrt, log2, prod
from typing import Any

__all__ = ["BIASES", "FORMULAS", "Operation", "backward_flops", "forward_flops"]

Shape = tuple[int, ...]


class Operation:
    """What a formula may look at: the output's shape, the operands' as far as they are known, and the options that the tape keeps."""

    __slots__ = ("options", "out", "shapes", "size")

    def __init__(self, out: Shape, shapes: Mapping[str, Shape], options: Mapping[str, Any]) -> None:
        self.out = out
        self.size = prod(out)
        self.shapes = shapes
        self.options = options

    def read(self) -> int:
        """Elements of the largest operand that is known."""
        return max((prod(shape) for shape in self.shapes.values()), default=self.size)

    def bias(self) -> int:
        """The additions of a bias, if there is one."""
        return self.size if "bias" in self.shapes else 0


Formula = Callable[[Operation], float]


def _contracted(op: Operation, x_axis: int, y_axis: int) -> int:
    """The length of the axis that a product sums over, from whichever operand is known."""
    x, y = op.shapes.get("x"), op.shapes.get("y", op.shapes.get("weight"))
    if x:
        return x[x_axis]
    if y:
        return y[y_axis] if len(y) >= -y_axis else y[-1]
    raise KeyError("x")


def _product(x_axis: int, y_axis: int) -> Formula:
    return lambda op: 2 * op.size * _contracted(op, x_axis, y_axis)


def _dot(op: Operation) -> float:
    return op.size if () in (op.shapes.get("x"), op.shapes.get("y")) else 2 * op.size * _contracted(op, -1, -2)


def _tensordot(op: Operation) -> float:
    # Of sizes a·k and k·b the product has size a·b.
    return 2 * op.size * isqrt(prod(op.shapes["x"]) * prod(op.shapes["y"]) // op.size) if op.size else 0


def _einsum(op: Operation) -> float:
    from ..primitives.einsum import letters

    shapes = list(op.shapes.values())
    terms, result = letters(op.options["subscripts"], tuple([len(shape) for shape in shapes]))
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for letter, length in zip(term, shape, strict=True):
            sizes[letter] = length if sizes.get(letter, 1) == 1 else sizes[letter]
    summed = any(letter not in result for letter in sizes)
    return prod(sizes.values()) * (len(shapes) - 1 + summed)


def _pool(op: Operation) -> float:
    kernel = op.options.get("kernel")
    return op.size * prod(kernel) if kernel is not None else op.read()


def _attention(op: Operation) -> float:
    key = op.shapes.get("key") or op.shapes["value"]
    query = op.shapes.get("query")
    width = query[-1] if query else key[-1]
    scores = op.size // op.out[-1] * key[-2] if op.out[-1] else 0
    return scores * (2 * width + 5 + 2 * op.out[-1])


def _recurrent(gates: int, others: int) -> Formula:
    def formula(op: Operation) -> float:
        hidden = op.out[-1]
        x = op.shapes.get("x")
        width = x[-1] if x else op.shapes["weight_ih"][0]
        return 2 * op.size * gates * (width + hidden) + others * op.size

    return formula


def _n_log_n(n: int) -> float:
    return n * log2(n) if n > 1 else 0


def _matrices(count: Callable[[int, int], float]) -> Formula:
    """A count for each matrix of a stack, by its longer and its shorter side."""
    return lambda op: prod(op.shapes["x"][:-2]) * count(*sorted(op.shapes["x"][-2:], reverse=True))


def _of_output(cost: int) -> Formula:
    return lambda op: cost * op.size


def _of_input(cost: int) -> Formula:
    return lambda op: cost * op.read()


def _words(text: str, formula: Formula) -> dict[str, Formula]:
    return dict.fromkeys(text.split(), formula)


#: By the operation's name: the formula of its forward pass.
FORMULAS: dict[str, Formula] = {
    **_words(
        "into_batch out_of_batch positive copy astype real imag reshape transpose swapaxes squeeze expand_dims broadcast_to flip roll concatenate stack split unstack getitem "
        "index_update take take_along_axis where pad tile repeat tril triu diagonal diag embedding alias fftshift ifftshift output keep einsum_one "
        "sliding_window_view taken_last scatter_last at_kink at_root max_pool_gather max_pool_spread without_rows",
        _of_output(0),
    ),
    # (What the registry calls elementwise, every ufunc among it, and the functions of SciPy need no line here.)
    **_words(
        "zmul zdiv relu relu6 hardtanh hardshrink softshrink hard_sigmoid gelu clip maximum minimum fmax fmin nan_to_num sinc sinc_derivative i0 i0_derivative "
        "over_cosh2 share power_log cosine one_minus_square complex_sign angle modf frexp divmod dropout masked_scale glu cumsum cumprod recurrence "
        "maximum_accumulate minimum_accumulate index_add scatter unwrap outer window_spread",
        _of_output(1),
    ),
    **_words(
        "sum mean prod max min nanmax nanmin nanmean bincount add_reduceat channel_sum sum_of_rows window_sum summed_over_batch",
        _of_input(1),
    ),
    **_words("norm vector_norm matrix_norm", _of_input(2)),
    **_words(
        "var std nanvar nanstd logsumexp logcumsumexp softmax_cross_entropy rms_norm batch_norm_inference normalization_gradient",
        _of_input(4),
    ),
    **_words("mse_loss l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits", _of_input(3)),
    **_words("softmax log_softmax", _of_input(5)),
    **_words("layer_norm group_norm batch_norm", _of_input(7)),
    **_words(
        "sort partition median nanmedian quantile percentile nanquantile nanpercentile", lambda op: _n_log_n(op.read())
    ),
    "matmul": _product(-1, -2),
    "matvec": _product(-1, -1),
    "vecmat": _product(-1, -2),
    "inner": _product(-1, -1),
    "vecdot": _product(-1, -1),
    "vdot": lambda op: 2 * op.read(),
    "dot": _dot,
    "tensordot": _tensordot,
    "cross_last": _of_output(3),
    "convolve": lambda op: 2 * prod(op.shapes["x"]) * prod(op.shapes["y"]),
    "correlate": lambda op: 2 * prod(op.shapes["x"]) * prod(op.shapes["y"]),
    "einsum": _einsum,
    "linear": lambda op: 2 * op.size * _contracted(op, -1, 0) + op.bias(),
    "conv2d": lambda op: 2 * op.size * prod(op.shapes["weight"][1:]) + op.bias(),
    "conv2d_input_gradient": lambda op: 2 * prod(op.shapes["y"]) * prod(op.shapes["weight"][1:]),
    "conv2d_weight_gradient": lambda op: 2 * prod(op.shapes["y"]) * prod(op.out[1:]),
    "max_pool2d": _pool,
    "scaled_dot_product_attention": _attention,
    # per hidden element: three sums and a function for each gate, and what joins the gates
    **_words("lstm lstm_cell", _recurrent(4, 21)),
    **_words("gru gru_cell", _recurrent(3, 17)),
    **_words("rnn rnn_cell", _recurrent(1, 4)),
    **_words(
        "fft ifft rfft irfft hfft ihfft fftn ifftn fft2 ifft2 rfftn irfftn rfft2 irfft2",
        lambda op: 5 * _n_log_n(max(op.size, op.read())),
    ),
    "solve": lambda op: prod(op.shapes["x"][:-2]) * 2 * op.shapes["x"][-1] ** 3 / 3 + 2 * op.size * op.shapes["x"][-1],
    "inv": _matrices(lambda m, n: 2 * n**3),
    **_words("det slogdet", _matrices(lambda m, n: 2 / 3 * n**3)),
    "cholesky": _matrices(lambda m, n: 1 / 3 * n**3),
    "eigvalsh": _matrices(lambda m, n: 4 / 3 * n**3),
    "eigh": _matrices(lambda m, n: 9 * n**3),
    "eigvals": _matrices(lambda m, n: 10 * n**3),
    "eig": _matrices(lambda m, n: 25 * n**3),
    **_words("qr svdvals", _matrices(lambda m, n: 4 * m * n * n - 4 / 3 * n**3)),
    **_words("svd pinv lstsq cond", _matrices(lambda m, n: 14 * m * n * n + 8 * n**3)),
}

#: Operands whose gradient is a sum of the cotangent.
BIASES = frozenset(("bias", "bias_ih", "bias_hh"))


def forward_flops(name: str, elementwise: bool, op: Operation) -> int | None:
    """Operations of a forward pass; None where the name or the shapes do not tell.

    >>> forward_flops("matmul", False, Operation((3, 5), {"x": (3, 4), "y": (4, 5)}, {}))
    120
    """
    formula = FORMULAS.get(name)
    if formula is None:
        return op.size if elementwise or name.startswith("special.") else None
    try:
        return round(formula(op))
    except (
        KeyError,
        IndexError,
        ValueError,
        TypeError,
    ):  # an operand whose shape is unknown, or an option in another form
        return None


def backward_flops(forward: int, size: int, operands: Mapping[str, bool]) -> int:
    """An estimate for the backward pass of an operation.

    Args:
        forward: operations of its forward pass.
        size: elements of its output.
        operands: the names of its operands, and whether they need a gradient.
    """
    each = forward - size if "bias" in operands and forward >= size else forward
    return sum(min(each, size) if word in BIASES else each for word, wanted in operands.items() if wanted)
