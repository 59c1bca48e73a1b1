"""One element of a result, with its numbers: ``out[0, 1] = x[0, 0] · y[0, 1] + … = 0.5 · 2 + … = 1.3``.

Each line is also computed: one that does not give the number that the tape has is left out.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from ...engine.registry import REGISTRY
from ..formulas import Form, forms
from .arrays import number
from .values import again

__all__ = ["Operation", "backward_lines", "forward_lines"]

TERMS = 6  # of a longer sum the middle is left out
# Operations that only move elements: which ones, they tell themselves when they are given the numbers 0, 1, 2, …
MOVES = frozenset(
    [
        "broadcast_to", "concatenate", "diagonal", "expand_dims", "flip", "getitem", "moveaxis", "repeat", "reshape", "roll", "squeeze", "stack", "swapaxes",
        "take", "tile", "transpose",
    ]
)  # fmt: skip
Index = tuple[int, ...]
Letters = tuple[Any, ...]
Factor = tuple[str, Any, Letters]
Terms = tuple[list["Expression"], int, list[Any]]


@dataclass
class Operation:
    """One operation of the tape with what is known of it.

    Attributes:
        name: of the operation.
        words: the names of its operands.
        operands: their values, None where they are not known.
        options: those that the tape keeps.
        out: its value.
        g: the gradient that has arrived.
    """

    name: str
    words: tuple[str, ...]
    operands: list[Any]
    options: Mapping[str, Any]
    out: Any = None
    g: Any = None
    _sources: Any = field(default=None, repr=False)

    @functools.cached_property
    def known(self) -> dict[str, Any]:
        """The values of operands, options, output and gradient by their names; ``n`` is what the sum of a loss is divided by."""
        n = np.size(self.operands[0]) if self.options.get("reduction") == "mean" else 1
        return {
            **self.options,
            "n": n,
            "g": self.g,
            "out": self.out,
            **dict(zip(self.words, self.operands, strict=False)),
        }

    def of(self, word: str) -> Any:
        """The value of a name, None where it is not known."""
        return self.known.get(word)

    def sources(self) -> tuple[Any, list[int]] | None:
        """Of an operation that moves elements: where each element of the output comes from, and where each operand's begin."""
        if self._sources is None and not any(value is None for value in self.operands):
            sizes = [np.size(value) for value in self.operands]
            starts = [0, *itertools.accumulate(sizes)]
            numbered = [
                np.arange(a, a + np.size(v)).reshape(np.shape(v)) for a, v in zip(starts, self.operands, strict=False)
            ]
            shape = np.shape(self.out if self.out is not None else self.g)
            made = again(REGISTRY[self.name], shape, np.dtype(np.int64), numbered, self.options)
            self._sources = () if made is None else (np.asarray(made[0]), starts)
        return self._sources or None


Line = list[str]


def forward_lines(op: Operation, cells: Iterable[Index]) -> dict[str, Line]:
    """For some elements of the output: in symbols, in numbers, and the number; by the index as text."""
    return _lines(op, "out", op.out, cells) if isinstance(op.out, (np.ndarray, np.generic)) else {}


def backward_lines(op: Operation, operand: int, contribution: Any, cells: Iterable[Index]) -> dict[str, Line]:
    """The same for what an operand is sent."""
    return _lines(op, op.words[operand], contribution, cells) if isinstance(op.g, (np.ndarray, np.generic)) else {}


def _lines(op: Operation, word: str, values: Any, cells: Iterable[Index]) -> dict[str, Line]:
    name = word if word == "out" else f"g{word}"
    with np.errstate(all="ignore"):
        found = {
            index: _checked(_made(op, word, np.shape(values), index), name, index, np.asarray(values)[index])
            for index in cells
        }
    return {",".join(map(str, index)): line for index, line in found.items() if line}


# ---------------------------------------------------------------- text and number at once


@dataclass
class Expression:
    """A formula in symbols, the same in numbers, and what it gives."""

    symbols: str
    numbers: str
    value: Any


def _checked(made: Expression | None, word: str, index: Index, actual: Any) -> Line | None:
    if made is None:
        return None
    close = 1e-2 if getattr(actual, "dtype", np.dtype(float)).itemsize < 4 else 1e-4
    off = abs(made.value - actual) > close * (1e-2 + abs(actual))
    both_nan = made.value != made.value and actual != actual
    if (off or made.value != made.value) and not both_nan and made.value != actual:
        return None
    numbers = made.numbers
    alone = numbers[1:-1] if numbers.startswith("(−") and "(" not in numbers[1:] and numbers.endswith(")") else numbers
    return [f"{_element(word, index)} = {made.symbols}", alone, number(actual)]


def _element(word: str, index: Index) -> str:
    return f"{word.replace(' ', '')}[{', '.join(map(str, index))}]" if index else word.replace(" ", "")


def _bare(x: Any) -> str:
    """A number inside a product."""
    text = number(x)
    return f"({text})" if text.startswith("−") or isinstance(x, (complex, np.complexfloating)) else text


def _at(value: Any, index: Index) -> tuple[Index, Any]:
    """The element of a broadcast operand in the place of an element of the output."""
    shape = np.shape(value)
    own = tuple(
        0 if size == 1 else i for size, i in zip(shape, index[len(index) - len(shape) :] if shape else (), strict=True)
    )
    return own, np.asarray(value)[own] if hasattr(value, "shape") else value


def _filled(op: Operation, form: Form, index: Index) -> Expression:
    """A form with the elements in the place of one element of the output."""
    symbols, numbers, values = {}, {}, {}
    for word in form.words:
        own, x = _at(op.of(word), index)
        symbols[word], numbers[word], values[word] = _element(word, own) if word != "n" else str(x), _bare(x), x
    text = form.text.removesuffix(" / {n}") if values.get("n") == 1 else form.text
    return Expression(text.format(**symbols), text.format(**numbers), form.value(values))


def _formed(op: Operation, form: Form, shape: Index, index: Index) -> Expression | None:
    """An element of something of a shape, by a form: of a broadcast operand the sum over its copies, of a loss the mean or sum of all."""
    values = [op.of(word) for word in form.words]
    if not all(isinstance(value, (np.ndarray, np.generic, int, float, complex)) for value in values):
        return None
    whole = np.broadcast_shapes(*map(np.shape, values))
    if shape == whole:
        return _filled(op, form, index)
    added = len(whole) - len(shape)
    own = (*([None] * added), *[i if n == m else None for i, n, m in zip(index, shape, whole[added:], strict=True)])
    cells = [*itertools.product(*[range(n) if i is None else [i] for i, n in zip(own, whole, strict=True)])]
    if not 0 < len(cells) <= 10_000:
        return None
    if " if " in form.text:
        form = replace(form, text=f"({form.text})")
    terms = [_filled(op, form, cell) for cell in cells]
    n = op.of("n") if form.mean else 1
    frame = f"{{}} / {n}" if n > 1 else "{}"
    return _joined([terms[i] for i in _few(len(terms))], len(terms), sum(term.value for term in terms) / n, frame)


def _joined(
    terms: Sequence[Expression],
    count: int,
    value: Any,
    frame: str = "{}",
    mark: str = " + ",
    last: Expression | None = None,
) -> Expression:
    """``count`` terms, of which those given are written: the first ones and the last, and after them one more of another kind."""
    if not terms and last is None:
        return Expression("0", "0", 0)

    def text(parts: list[str], end: list[str]) -> str:
        if count > len(parts):
            parts = [*parts[:-1], f"… {count - len(parts)} more …", parts[-1]]
        inner = mark.join([*parts, *end])
        return frame.format(f"({inner})" if frame != "{}" and "({})" not in frame and len(parts) > 1 else inner)

    ends = [] if last is None else [last]
    return Expression(
        text([t.symbols for t in terms], [t.symbols for t in ends]),
        text([t.numbers for t in terms], [t.numbers for t in ends]),
        value,
    )


def _few(count: int) -> list[int]:
    """Which of many terms are written."""
    return list(range(count)) if count <= TERMS else [*range(TERMS - 1), count - 1]


def _product(*factors: tuple[str, Index, Any]) -> Expression:
    return Expression(
        " · ".join([_element(word, index) for word, index, _ in factors]),
        " · ".join([_bare(x) for _, _, x in factors]),
        None,
    )


def _made(op: Operation, word: str, shape: Index, index: Index) -> Expression | None:
    """An element of the output, or of what an operand is sent."""
    if op.name in MOVES:
        return _moved(op, index) if word == "out" else _moved_back(op, op.words.index(word), index)
    form = forms(op.name).get(word)
    if form is not None:
        return _formed(op, form, shape, index)
    if op.name in LINEAR:
        return _linear(op, word, shape, index)
    if op.name == "softmax_cross_entropy" and word in ("out", "logits"):
        return _cross_entropy(op, index) if word == "out" else _cross_entropy_back(op, index)
    return _softmax(op, index) if op.name in ("softmax", "log_softmax") and word == "out" else None


def _moved(op: Operation, index: Index) -> Expression | None:
    sources = op.sources()
    if sources is None:
        return None
    place = int(sources[0][index])
    k = int(np.searchsorted(sources[1], place, "right")) - 1
    value = np.asarray(op.operands[k])
    own = tuple(int(i) for i in np.unravel_index(place - sources[1][k], value.shape)) if value.ndim else ()
    return Expression(_element(op.words[k], own), number(value[own]), value[own])


def _terms(factors: Sequence[Factor], letters: Letters, shape: Index, index: Index) -> Terms:
    """One element of a sum of products, as ``np.einsum`` has them: the terms that are written, how many there are, and the parts of the factors.

    Args:
        factors: of each its name, its value, and a letter for each axis (None for an axis of length 1 that stands for nothing).
        letters: of the sum's axes.
        shape: of the sum; where it is 1 and an axis of that letter is longer, that is summed over.
        index: of the element.
    """
    axes = [[(k, n) for k, n in zip(own, value.shape, strict=True)] for _, value, own in factors]
    sizes: dict[Any, int] = {}
    for k, n in itertools.chain(*axes):
        sizes[k] = max(n, sizes.get(k, n))
    fixed = {k: i for k, i, n in zip(letters, index, shape, strict=True) if n == sizes.get(k, n)}
    fixed[None] = 0
    free = [k for k in sizes if k not in fixed]
    lengths = [sizes[k] for k in free]
    keys = [[None if n == 1 else k for k, n in own] for own in axes]
    terms = []
    for flat in _few(prod(lengths)):
        at = fixed | dict(zip(free, map(int, np.unravel_index(flat, lengths)), strict=True))
        places = [tuple([at[k] for k in own]) for own in keys]
        terms.append(_product(*[(word, place, v[place]) for (word, v, _), place in zip(factors, places, strict=True)]))
    parts: list[Any] = []
    for (_, value, _), own in zip(factors, keys, strict=True):
        parts.append(value[tuple([slice(None) if k in free else fixed[k] for k in own])])
        parts.append([free.index(k) for k in own if k in free])
    return terms, prod(lengths), parts


def _products(op: Operation, shapes: Mapping[str, Index]) -> tuple[list[dict[str, Letters]], Letters] | None:
    """The sums of products that a linear operation is: the letters of the factors of each, and those of the output."""
    if op.name in REDUCTIONS:
        if op.options.get("where", True) is not True or (op.name in ("prod", "max", "min") and "out" not in shapes):
            return None
        n = len(shapes["x"])
        axis = op.options.get("axis")
        over = range(n) if axis is None else [a % n for a in (axis if isinstance(axis, tuple) else (axis,))]
        left = [None if a in over else a for a in range(n) if op.options.get("keepdims") or a not in over]
        return [{"x": tuple(range(n))}], tuple(left)
    first, second = op.words[:2]
    nx, ny = len(shapes[first]), len(shapes[second])
    if not nx or not ny or (op.name == "dot" and max(nx, ny) > 2):
        return None
    batch = tuple(range(max(nx, ny) - 2))
    rows, columns = ("i",) * (nx > 1), ("j",) * (ny > 1)
    if op.name == "linear":
        rows, batch = (), tuple(range(nx - 1))
        product = {first: (*batch, "k"), second: ("k", "j")}
    else:
        product = {
            first: (*batch[len(batch) - max(nx - 2, 0) :], *rows, "k"),
            second: (*batch[len(batch) - max(ny - 2, 0) :], "k", *columns),
        }
    return [product, {"bias": ("j",)}], (*batch, *rows, *columns)


def _linear(op: Operation, word: str, shape: Index, index: Index) -> Expression | None:
    """An element of a product of matrices or a reduction; of an operand's gradient the same sum with g in the operand's place."""
    values = {other: np.asarray(op.of(other)) for other in op.words if op.of(other) is not None}
    shapes = {**{other: value.shape for other, value in values.items()}, word: shape}
    found = _products(op, shapes) if set(op.words[:2]) <= shapes.keys() else None
    if found is None:
        return None
    products, letters = found
    product, target = products[0], letters
    if word != "out":
        values[word] = np.asarray(op.g)
        (product,) = [each for each in products if word in each]
        target, product = product[word], {**product, word: letters}
    if not set(product) <= values.keys():
        return None
    factors = [("g" if other == word else other, values[other], own) for other, own in product.items()]
    terms, count, parts = _terms(factors, target, shape, index)
    if op.name in REDUCTIONS and word == "out":
        frame, mark, total = REDUCTIONS[op.name]
        return _joined(terms, count, total(parts[0]), frame.format(n=count), mark) if count else None
    value = np.einsum(*parts, [])
    if op.name in REDUCTIONS:
        n = prod(shape) // max(1, np.size(op.g)) if op.name == "mean" else 1
        return _joined(terms, count, value / n, f"{{}} / {n}" if op.name == "mean" else "{}")
    if word != "out" or "bias" not in values:
        return _joined(terms, count, value)
    added = values["bias"][index[-1:]]
    return _joined(terms, count, value + added, last=Expression(_element("bias", index[-1:]), _bare(added), None))


def _classes(op: Operation) -> tuple[Any, Any] | None:
    """Probabilities and class numbers, of a plain cross-entropy of rows."""
    logits, targets = [np.asarray(op.of(word)) for word in ("logits", "targets")]
    plain = op.options.get("axis", -1) in (1, -1) and op.options.get("reduction") != "none"
    if not plain or logits.ndim != 2 or targets.ndim != 1 or targets.dtype.kind not in "iu" or len(targets) > 10_000:
        return None
    if not set(targets.tolist()) <= set(range(logits.shape[1])):
        return None
    shifted = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True), targets


def _cross_entropy(op: Operation, index: Index) -> Expression | None:
    found = _classes(op)
    if found is None or not len(found[1]):
        return None
    p, targets = found
    terms = [
        Expression(f"−ln softmax(logits)[{row}, {targets[row]}]", f"−ln {number(p[row, targets[row]])}", None)
        for row in _few(len(targets))
    ]
    n = len(targets) if op.options.get("reduction") == "mean" else 1
    value = -np.log(p[np.arange(len(targets)), targets]).sum() / n
    return _joined(terms, len(targets), value, f"{{}} / {n}" if n > 1 else "{}")


def _softmax(op: Operation, index: Index) -> Expression | None:
    x: Any = np.asarray(op.of("x"))
    axis = op.options.get("axis", -1)
    if not isinstance(axis, int) or not x.ndim:
        return None
    axis %= x.ndim
    row = x[(*index[:axis], slice(None), *index[axis + 1 :])]
    terms = [
        Expression(f"exp({_element('x', (*index[:axis], k, *index[axis + 1 :]))})", f"exp({number(row[k])})", None)
        for k in _few(len(row))
    ]
    total = np.exp(row - row.max()).sum()
    below = _joined(terms, len(row), total)
    own = row[index[axis]]
    if op.name == "softmax":
        return Expression(
            f"exp({_element('x', index)}) / ({below.symbols})",
            f"exp({number(own)}) / ({below.numbers})",
            np.exp(own - row.max()) / total,
        )
    return Expression(
        f"{_element('x', index)} − ln({below.symbols})",
        f"{number(own)} − ln({below.numbers})",
        own - row.max() - np.log(total),
    )


# Of each reduction how its terms are framed and joined, and what computes it.
REDUCTIONS: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "sum": ("{{}}", " + ", np.sum), "mean": ("{{}} / {n}", " + ", np.mean), "prod": ("{{}}", " · ", np.prod),
    "max": ("max({{}})", ", ", np.max), "min": ("min({{}})", ", ", np.min),
}  # fmt: skip
LINEAR = {"matmul", "dot", "linear", *REDUCTIONS}


def _moved_back(op: Operation, operand: int, index: Index) -> Expression | None:
    sources = op.sources()
    if sources is None:
        return None
    shape = np.shape(op.operands[operand])
    place = sources[1][operand] + (int(np.ravel_multi_index(index, shape)) if shape else 0)
    hits = np.argwhere(sources[0] == place)
    g = np.asarray(op.g)
    places = [tuple(int(i) for i in hit) for hit in hits]
    terms = [Expression(_element("g", places[i]), _bare(g[places[i]]), None) for i in _few(len(places))]
    return _joined(terms, len(places), sum(g[i] for i in places))


def _cross_entropy_back(op: Operation, index: Index) -> Expression | None:
    found = _classes(op)
    if found is None or np.shape(op.g) != ():
        return None
    p, hot, g = float(found[0][index]), int(found[1][index[0]] == index[1]), float(op.g)
    n = len(found[1]) if op.options.get("reduction") == "mean" else 1
    over = f" / {n}" if n > 1 else ""
    symbols = f"g · (softmax(logits)[{index[0]}, {index[1]}] − {hot}){over}"
    return Expression(symbols, f"{_bare(g)} · ({number(p)} − {hot}){over}", g * (p - hot) / n)
