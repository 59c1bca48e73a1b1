"""One element of a result, with its numbers: ``out[0, 1] = x[0, 0] · y[0, 1] + … = 0.5 · 2 + … = 1.3``.

Each line is also computed: one that does not give the number that the tape has is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from ...engine.registry import REGISTRY
from .arrays import number
from .forms import ELEMENTWISE, GRADIENTS, MOVES, Form, sigmoid
from .values import again

__all__ = ["Operation", "backward_lines", "forward_lines"]

TERMS = 6  # of a longer sum the middle is left out
Index = tuple[int, ...]


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

    def of(self, word: str) -> Any:
        """The value of an operand, an option, the output or the gradient."""
        if word == "g":
            return self.g
        if word == "out":
            return self.out
        return self.operands[self.words.index(word)] if word in self.words else self.options.get(word)

    def sources(self) -> tuple[Any, list[int]] | None:
        """Of an operation that moves elements: where each element of the output comes from, and where each operand's begin."""
        if self._sources is None:
            self._sources = ()
            starts = [0]
            for value in self.operands:
                if value is None:
                    return None
                starts.append(starts[-1] + np.size(value))
            numbered = [
                np.arange(start, start + np.size(value)).reshape(np.shape(value))
                for start, value in zip(starts, self.operands, strict=False)
            ]
            made = again(
                REGISTRY[self.name],
                np.shape(self.out if self.out is not None else self.g),
                np.dtype(np.int64),
                numbered,
                self.options,
            )
            if made is not None:
                self._sources = (np.asarray(made[0]), starts)
        return self._sources or None


Line = list[str]


def forward_lines(op: Operation, cells: Iterable[Index]) -> dict[str, Line]:
    """For some elements of the output: in symbols, in numbers, and the number; by the index as text."""
    found: dict[str, Line] = {}
    if isinstance(op.out, (np.ndarray, np.generic)):
        with np.errstate(all="ignore"):
            for index in cells:
                line = _checked(_forward(op, index), "out", index, np.asarray(op.out)[index])
                if line:
                    found[_key(index)] = line
    return found


def backward_lines(op: Operation, operand: int, contribution: Any, cells: Iterable[Index]) -> dict[str, Line]:
    """The same for what an operand is sent."""
    found: dict[str, Line] = {}
    if isinstance(op.g, (np.ndarray, np.generic)):
        with np.errstate(all="ignore"):
            for index in cells:
                line = _checked(
                    _backward(op, operand, np.shape(contribution), index),
                    "g" + op.words[operand].replace(" ", ""),
                    index,
                    np.asarray(contribution)[index],
                )
                if line:
                    found[_key(index)] = line
    return found


def _key(index: Index) -> str:
    return ",".join(map(str, index))


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
    if not (np.isclose(made.value, actual, rtol=close, atol=close * 1e-2, equal_nan=True) or made.value == actual):
        return None
    alone = (
        made.numbers[1:-1]
        if made.numbers.startswith("(−") and "(" not in made.numbers[1:] and made.numbers.endswith(")")
        else made.numbers
    )
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
    return own, (np.asarray(value)[own] if shape else value)


def _filled(op: Operation, form: Form, index: Index) -> Expression | None:
    """A form with the elements in the place of one element of the output."""
    template, function = form
    names = [word for word in ("g", "out", *op.words, *op.options) if f"{{{word}}}" in template]
    symbols, numbers, values = {}, {}, {}
    for word in names:
        value = op.of(word)
        if value is None or not isinstance(value, (np.ndarray, np.generic, int, float, complex)):
            return None
        own, x = _at(value, index)
        symbols[word], numbers[word], values[word] = _element(word, own), _bare(x), x
    if len(names) != len(set(_words(template))):
        return None
    given = function(*values.values()) if isinstance(function, np.ufunc) else function(**values)
    return Expression(template.format(**symbols), template.format(**numbers), given)


def _words(template: str) -> list[str]:
    return [piece.partition("}")[0] for piece in template.split("{")[1:]]


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
        " · ".join(_element(word, index) for word, index, _ in factors),
        " · ".join(_bare(x) for _, _, x in factors),
        None,
    )


# ---------------------------------------------------------------- forward


def _forward(op: Operation, index: Index) -> Expression | None:
    form = ELEMENTWISE.get(op.name)
    if form is not None:
        return _filled(op, form, index)
    if op.name in MOVES:
        return _moved(op, index)
    made = FORWARD.get(op.name)
    return None if made is None or any(op.of(word) is None for word in op.words[:1]) else made(op, index)


def _moved(op: Operation, index: Index) -> Expression | None:
    sources = op.sources()
    if sources is None:
        return None
    place = int(sources[0][index])
    k = int(np.searchsorted(sources[1], place, "right")) - 1
    value = np.asarray(op.operands[k])
    own = tuple(int(i) for i in np.unravel_index(place - sources[1][k], value.shape)) if value.ndim else ()
    return Expression(_element(op.words[k], own), number(value[own]), value[own])


def _inner(x: Any, y: Any, index: Index, words: tuple[str, str]) -> tuple[list[Expression], int, Any] | None:
    """The terms of one element of ``x @ y``."""
    if x is None or y is None or not np.ndim(x) or not np.ndim(y):
        return None
    rest = list(index)
    j = [rest.pop()] if y.ndim > 1 else []
    i = [rest.pop()] if x.ndim > 1 else []
    before_x = (
        tuple(
            0 if size == 1 else n for size, n in zip(x.shape[:-2], rest[len(rest) - len(x.shape[:-2]) :], strict=True)
        )
        if x.ndim > 2
        else ()
    )
    before_y = (
        tuple(
            0 if size == 1 else n for size, n in zip(y.shape[:-2], rest[len(rest) - len(y.shape[:-2]) :], strict=True)
        )
        if y.ndim > 2
        else ()
    )
    count = x.shape[-1]
    terms = []
    for k in _few(count):
        at_x, at_y = (*before_x, *i, k), (*before_y, k, *j)
        terms.append(_product((words[0], at_x, x[at_x]), (words[1], at_y, y[at_y])))
    left, right = x[(*before_x, *i)], y[(*before_y, slice(None), *j)]
    return terms, count, left @ right


def _matmul(op: Operation, index: Index) -> Expression | None:
    x, y = op.operands[:2]
    if op.name == "dot" and (np.ndim(x) > 2 or np.ndim(y) > 2):
        return None
    made = _inner(x, y, index, (op.words[0], op.words[1]))
    return None if made is None else _joined(*made)


def _linear(op: Operation, index: Index) -> Expression | None:
    made = _inner(op.of("x"), op.of("weight"), index, ("x", "weight"))
    if made is None:
        return None
    terms, count, value = made
    bias = op.of("bias")
    if bias is None:
        return _joined(terms, count, value)
    own = index[-1:]
    return _joined(terms, count, value + bias[own], last=Expression(_element("bias", own), _bare(bias[own]), None))


def _reduced(op: Operation, index: Index) -> tuple[list[Index], int, Any] | None:
    """The elements that one element of a reduction is made of: some of their indices, how many there are, and all of them."""
    x = np.asarray(op.of("x"))
    if op.options.get("where", True) is not True:
        return None
    axis = op.options.get("axis")
    axes = range(x.ndim) if axis is None else [a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))]
    kept = iter(index)
    if op.options.get("keepdims"):
        place: list[Any] = [slice(None) if a in axes else i for a, i in enumerate(index)]
    else:
        place = [slice(None) if a in axes else next(kept) for a in range(x.ndim)]
    part = x[tuple(place)]
    some = []
    for flat in _few(part.size):
        inner = iter(np.unravel_index(flat, part.shape))
        some.append(tuple(int(next(inner)) if isinstance(p, slice) else p for p in place))
    return some, part.size, part


def _sum(op: Operation, index: Index) -> Expression | None:
    made = _reduced(op, index)
    if made is None:
        return None
    x = np.asarray(op.of("x"))
    terms = [Expression(_element("x", i), _bare(x[i]), None) for i in made[0]]
    reductions: dict[str, tuple[str, str, Callable[..., Any]]] = {
        "sum": ("{}", " + ", np.sum),
        "mean": (f"{{}} / {made[1]}", " + ", np.mean),
        "prod": ("{}", " · ", np.prod),
        "max": ("max({})", ", ", np.max),
        "min": ("min({})", ", ", np.min),
    }
    frame, mark, total = reductions[op.name]
    return _joined(terms, made[1], total(made[2]), frame, mark) if made[1] else None


def _rows(op: Operation, terms: Callable[[int], Expression], count: int, index: Index) -> Expression | None:
    """One loss, or the sum or mean of many."""
    reduction = op.options.get("reduction")
    if reduction == "none" or not count:
        return None
    some = [terms(i) for i in _few(count)]
    whole = sum(terms(i).value for i in range(count)) if count > TERMS else sum(term.value for term in some)
    return _joined(
        some, count, whole / count if reduction == "mean" else whole, f"{{}} / {count}" if reduction == "mean" else "{}"
    )


def _mse(op: Operation, index: Index) -> Expression | None:
    x, y = op.operands
    if y is None or np.shape(x) != np.shape(y) or np.size(x) > 10_000:
        return None

    def term(flat: int) -> Expression:
        own = tuple(int(i) for i in np.unravel_index(flat, np.shape(x)))
        a, b = np.asarray(x)[own], np.asarray(y)[own]
        return Expression(
            f"({_element('x', own)} − {_element('y', own)})²", f"({_bare(a)} − {_bare(b)})²", float(a - b) ** 2
        )

    return _rows(op, term, int(np.size(x)), index)


def _classes(op: Operation) -> tuple[Any, Any] | None:
    """Probabilities and class numbers, of a plain cross-entropy of rows."""
    logits, targets = op.operands if len(op.operands) == 2 else (None, None)
    plain = (
        op.options.get("axis", -1) in (1, -1)
        and not op.options.get("label_smoothing")
        and op.options.get("weight") is None
    )
    if (
        logits is None
        or targets is None
        or not plain
        or np.ndim(logits) != 2
        or np.ndim(targets) != 1
        or len(targets) > 10_000
    ):
        return None
    targets = np.asarray(targets)
    if targets.dtype.kind not in "iu" or (targets.size and (targets.min() < 0 or targets.max() >= logits.shape[1])):
        return None
    shifted = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True), targets


def _cross_entropy(op: Operation, index: Index) -> Expression | None:
    found = _classes(op)
    if found is None:
        return None
    p, targets = found

    def term(row: int) -> Expression:
        k = int(targets[row])
        return Expression(f"−ln softmax(logits)[{row}, {k}]", f"−ln {number(p[row, k])}", -np.log(p[row, k]))

    return _rows(op, term, len(targets), index)


def _logistic(op: Operation, index: Index) -> Expression | None:
    z, t = op.operands
    if not _is_plain_logistic(op):
        return None

    def term(flat: int) -> Expression:
        own = tuple(int(i) for i in np.unravel_index(flat, np.shape(z)))
        a, b = np.asarray(z)[own], np.asarray(t)[own]
        symbols = f"ln(1 + exp({_element('z', own)})) − {_element('t', own)} · {_element('z', own)}"
        return Expression(
            f"({symbols})", f"(ln(1 + exp({number(a)})) − {_bare(b)} · {_bare(a)})", float(np.logaddexp(0, a) - b * a)
        )

    made = _rows(op, term, int(np.size(z)), index)
    return (
        None if made is None else Expression(f"{made.symbols}, z the logits, t the targets", made.numbers, made.value)
    )


def _is_plain_logistic(op: Operation) -> bool:
    z, t = op.operands
    weighted = op.options.get("weight") is not None or op.options.get("pos_weight") is not None
    return z is not None and t is not None and not weighted and np.shape(z) == np.shape(t) and np.size(z) <= 10_000


def _softmax(op: Operation, index: Index) -> Expression | None:
    x: Any = np.asarray(op.of("x"))
    axis = op.options.get("axis", -1)
    if not isinstance(axis, int):
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


FORWARD: dict[str, Callable[[Operation, Index], Expression | None]] = {
    "matmul": _matmul, "dot": _matmul, "linear": _linear, "sum": _sum, "mean": _sum, "prod": _sum, "max": _sum, "min": _sum, "mse_loss": _mse,
    "softmax_cross_entropy": _cross_entropy, "binary_cross_entropy_with_logits": _logistic, "softmax": _softmax, "log_softmax": _softmax,
}  # fmt: skip


# ---------------------------------------------------------------- backward


def _backward(op: Operation, operand: int, shape: Index, index: Index) -> Expression | None:
    word = op.words[operand]
    form = GRADIENTS.get(op.name, {}).get(word)
    if form is not None:
        return _spread(op, form, shape, index)
    if op.name in MOVES:
        return _moved_back(op, operand, index)
    made = BACKWARD.get(op.name)
    return None if made is None else made(op, word, index)


def _spread(op: Operation, form: Form, shape: Index, index: Index) -> Expression | None:
    """An element of a broadcast operand: the sum over its copies."""
    whole = np.shape(op.g)
    if shape == whole:
        return _filled(op, form, index)
    own = (*([0] * (len(whole) - len(shape))), *index)
    added = len(whole) - len(shape)
    ranges = [
        range(size) if i < added or (shape[i - added] == 1 and size != 1) else [own[i]] for i, size in enumerate(whole)
    ]
    count = prod(len(r) for r in ranges)
    if not 0 < count <= 10_000:
        return None
    lengths = [len(r) for r in ranges]
    terms = [
        _filled(op, form, tuple(int(r[i]) for r, i in zip(ranges, np.unravel_index(flat, lengths), strict=True)))
        for flat in range(count)
    ]
    if any(term is None for term in terms):
        return None
    some = [terms[i] for i in _few(count)]
    return _joined(
        [term for term in some if term is not None], count, sum(term.value for term in terms if term is not None)
    )


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


def _matmul_back(op: Operation, word: str, index: Index) -> Expression | None:
    x, y = op.operands[:2]
    g: Any = np.asarray(op.g)
    second = op.words[1]
    if op.name == "linear" and word == "bias":
        rows = [tuple(int(i) for i in np.unravel_index(flat, g.shape[:-1])) for flat in _few(prod(g.shape[:-1]))]
        terms = [Expression(_element("g", (*row, *index)), _bare(g[(*row, *index)]), None) for row in rows]
        return _joined(terms, prod(g.shape[:-1]), g[(..., *index)].sum())
    first = op.words[0]
    if word == first:
        if y is None or y.ndim > 2 or len(index) != g.ndim + 2 - y.ndim:
            return None
        row, k = index[:-1], index[-1]
        if y.ndim == 1:
            return _joined([_product(("g", row, g[row]), (second, (k,), y[k]))], 1, g[row] * y[k])
        terms = [_product(("g", (*row, j), g[(*row, j)]), (second, (k, j), y[k, j])) for j in _few(g.shape[-1])]
        return _joined(terms, g.shape[-1], g[row] @ y[k])
    if x is None or x.ndim > 2 or len(index) > 2 or g.ndim != x.ndim + len(index) - 2:
        return None
    k, column = index[0], index[1:]
    if x.ndim == 1:
        return _joined([_product((first, (k,), x[k]), ("g", column, g[column]))], 1, x[k] * g[column])
    terms = [_product((first, (i, k), x[i, k]), ("g", (i, *column), g[(i, *column)])) for i in _few(len(g))]
    return _joined(terms, len(g), x[:, k] @ g[(slice(None), *column)])


def _sum_back(op: Operation, word: str, index: Index) -> Expression | None:
    x = op.of("x")
    if x is None or op.options.get("where", True) is not True:
        return None
    x, g = np.asarray(x), np.asarray(op.g)
    axis = op.options.get("axis")
    axes = range(x.ndim) if axis is None else [a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))]
    own = (
        tuple(0 if a in axes else i for a, i in enumerate(index))
        if op.options.get("keepdims")
        else tuple(i for a, i in enumerate(index) if a not in axes)
    )
    count = x.size // max(1, g.size)
    text, value = _element("g", own), g[own]
    return (
        Expression(text, number(value), value)
        if op.name == "sum"
        else Expression(f"{text} / {count}", f"{number(value)} / {count}", value / count)
    )


def _loss_back(op: Operation, word: str, index: Index) -> Expression | None:
    reduction = op.options.get("reduction")
    if reduction not in ("mean", "sum") or np.shape(op.g) != ():
        return None
    x, y = op.operands[:2]
    g = float(op.g)
    if op.name == "mse_loss":
        if x is None or y is None or np.shape(x) != np.shape(y):
            return None
        first, second = ("x", "y") if word == "x" else ("y", "x")
        a, b = np.asarray(op.of(first))[index], np.asarray(op.of(second))[index]
        symbols = f"g · 2 · ({_element(first, index)} − {_element(second, index)})"
        numbers, value, count = f"{_bare(g)} · 2 · ({_bare(a)} − {_bare(b)})", g * 2 * (a - b), np.size(x)
    elif op.name == "softmax_cross_entropy":
        found = _classes(op)
        if found is None or word != "logits":
            return None
        p, hot = float(found[0][index]), int(found[1][index[0]] == index[1])
        symbols = f"g · (softmax(logits)[{index[0]}, {index[1]}] − {hot})"
        numbers, value, count = f"{_bare(g)} · ({number(p)} − {hot})", g * (p - hot), len(found[1])
    else:
        if not _is_plain_logistic(op) or word != "logits":
            return None
        z, t = np.asarray(x)[index], np.asarray(y)[index]
        symbols = f"g · (σ({_element('z', index)}) − {_element('t', index)})"
        numbers, value, count = f"{_bare(g)} · ({number(sigmoid(z))} − {_bare(t)})", g * (sigmoid(z) - t), np.size(x)
    return (
        Expression(f"{symbols} / {count}", f"{numbers} / {count}", value / count)
        if reduction == "mean"
        else Expression(symbols, numbers, value)
    )


BACKWARD: dict[str, Callable[[Operation, str, Index], Expression | None]] = {
    "matmul": _matmul_back, "dot": _matmul_back, "linear": _matmul_back, "sum": _sum_back, "mean": _sum_back, "mse_loss": _loss_back,
    "softmax_cross_entropy": _loss_back, "binary_cross_entropy_with_logits": _loss_back,
}  # fmt: skip
