"""Every formula that pictures, page and table show, evaluated on the samples of its operation, is what the operation
and its rule give."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from mathematics import Words, evaluate

import autograd_np as ag
from autograd_np.engine.registry import REGISTRY
from autograd_np.graph.formulas import NOTATION, formula
from autograd_np.proofs.cases import Case, cases, names
from autograd_np.transforms.grad import gradients

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # means of nothing, logarithms of 0
importlib.import_module("autograd_np.primitives").load_all()
SYMBOLS = {
    "alpha": "α",
    "negative_slope": "α",
    "beta": "β",
    "condition": "c",
    "approximate": "",
    "logits": "x",
    "targets": "t",
}
# Options with which an operation is another function than the one that its formula is of.
PLAIN = {
    "reduction": "mean", "threshold": None, "approximate": "none", "where": True, "initial": None, "dtype": None,
    "weight": None, "pos_weight": None, "mean": None, "label_smoothing": 0.0, "ddof": 0, "correction": None,
    "ord": None, "axes": None,
}  # fmt: skip


# Whose formulas are words, or a notation that is not evaluated; with the names of those if the others are mathematics.
WORDS = {
    "batch_norm": "", "clip": "", "concatenate": "", "conv2d": "", "cumsum": "", "dropout": "", "einsum": "",
    "embedding": "", "getitem": "", "gru_cell": "", "layer_norm": "", "lstm_cell": "", "max_pool2d": "", "reshape": "",
    "rms_norm": "", "rnn_cell": "", "scaled_dot_product_attention": "", "sliding_window_view": "", "stack": "",
    "swapaxes": "", "take": "", "astype": "", "broadcast_to": "x", "max": "x", "min": "x", "prod": "x", "norm": "out",
    "outer": "out", "softmax_cross_entropy": "out",
}  # fmt: skip
# Of complex numbers, or inside batches: there are no samples to compare with.
UNPROVED = {"complex_sign", "summed_over_batch"}
# Of what is sent at a kink the formula is that of one side.
KINKS = {"leaky_relu", "elu"}


def shown(name: str) -> dict[str, str]:
    """The formulas of an operation: of its value under ``"out"``, of what it sends under the operands' names."""
    value, sent = formula(name)
    found = {"out": value} if value else {}
    return found | {word or REGISTRY[name].operands[0]: text for word, text in sent.items()}


def moderate(a: Any) -> Any:
    """The same without extreme numbers: whether a formula is right is asked, not where it loses digits."""
    a = np.asarray(a)
    return np.clip(np.where(np.abs(a) < 1e-2, 0, a), -8, 8) if a.dtype.kind == "f" else a


class Called:
    """A sample of an operation in real float64 numbers, run forward and backward.

    Attributes:
        names: the values of what a formula of it may name.
        expected: its value, and what it sends to the operands, by their names.
    """

    def __init__(self, case: Case, rng: np.random.Generator) -> None:
        leaves = [moderate(a) if isinstance(a, (np.ndarray, np.generic)) else a for a in case.leaves]
        tensors = [ag.Tensor(leaves[i], requires_grad=True) for i in case.floating]
        with np.errstate(all="ignore"):
            output = case.call(case.primitive.function, tensors, leaves)[0]
            g = rng.uniform(0.5, 1.5, output.shape) * rng.choice([-1.0, 1.0], output.shape)
            sent = gradients([output], tensors, [g], allow_unused=True)
        args, keywords = case._rebuild(leaves)
        bound = inspect.signature(case.primitive.function).bind(*args, **keywords)
        bound.apply_defaults()
        self.options = bound.arguments
        words = [case.parameter[i] for i in case.floating]
        self.name = case.name
        self.expected = {"out": output.numpy(), **dict(zip(words, sent, strict=True))}
        self.names: dict[str, Any] = {SYMBOLS.get(word, word): value for word, value in self.options.items()}
        self.names |= {"g": g, "out": output.numpy()}
        if case.name == "linear":
            self.names["Σ"] = lambda x: x.sum(axis=tuple(range(x.ndim - 1)))
            if self.options["bias"] is None:
                self.names["bias"] = 0
        elif case.name == "softmax_cross_entropy":
            x = np.asarray(self.options["logits"])
            e = np.exp(x)
            self.names |= {
                "n": len(x),
                "softmax": lambda v: e / e.sum(1, keepdims=True),
                "one-hot": np.eye(x.shape[1])[self.options["targets"]],
            }
        elif not {"axis", "reduction"}.isdisjoint(self.options):
            self._reduced()

    def _reduced(self) -> None:
        """Let sums, means and ``n`` be those along the axis, and ``g`` and ``out`` have it."""
        x = np.asarray(next(iter(self.options.values())))
        axis = self.options.get("axis")
        over: dict[str, Any] = {"axis": axis if axis is None else tuple(np.atleast_1d(axis)), "keepdims": True}
        kept = np.sum(x, **over).shape
        for word in ("g", "out"):
            if self.names[word].size == np.prod(kept):
                self.names[word] = np.reshape(self.names[word], kept)
        total = np.sum(np.exp(x), **over)
        mean = self.options.get("mean")
        self.names |= {
            "n": x.size / max(1, np.prod(kept)), "x̄": np.mean(x, **over) if mean is None else mean,
            "softmax": lambda v: np.exp(v) / total,
            "Σ": lambda v: np.sum(v, **over), "Π": lambda v: np.prod(v, **over), "mean": lambda v: np.mean(v, **over),
            "max": lambda v: np.max(v, **over), "min": lambda v: np.min(v, **over),
        }  # fmt: skip
        if self.name == "std":  # of equal numbers it is 0, and so is what is sent
            self.names["out"] = np.where(self.names["out"] > 1e-12, self.names["out"], np.nan)

    @property
    def plain(self) -> bool:
        options = {word: value for word, value in self.options.items() if word not in self.expected}
        return all(np.array_equal(options.get(word, value), value) for word, value in PLAIN.items())  # type: ignore[arg-type]

    def agrees(self, formula: str, word: str) -> bool:
        """Whether a formula gives the value, or what is sent to an operand; where both are finite, and to the operand's
        shape.

        Raises:
            Words: it is no mathematics.
        """
        expected = self.expected[word]
        with np.errstate(all="ignore"):
            made = np.asarray(evaluate(formula.removesuffix(", repeated"), self.names), float)
        if word != "out":
            made = fitted(made, expected.shape)
        made = made.reshape(expected.shape) if made.size == expected.size else made
        made = np.broadcast_to(made, expected.shape)
        finite = np.isfinite(made) & np.isfinite(expected)
        if self.name in KINKS and word != "out":
            finite &= self.options["x"] != 0
        self.compared = int(finite.sum())
        return bool(np.allclose(made[finite], expected[finite], rtol=1e-6, atol=1e-12))


def fitted(made: Any, shape: tuple[int, ...]) -> Any:
    """The sum over what an operand of this shape was repeated."""
    made = made.sum(axis=tuple(range(made.ndim - len(shape))))
    return made.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1 and made.shape[i] != 1), keepdims=True)


def class_numbers(case: Case) -> bool:
    """Whether the targets of a cross-entropy are classes of rows."""
    logits, targets = [np.asarray(a) for a in case.sample.args[:2]]
    rows = logits.ndim == 2 and targets.ndim == 1 and len(logits) == len(targets) and targets.dtype.kind == "i"
    return rows and set(targets.tolist()) <= set(range(logits.shape[1]))


def usable(name: str, formulas: dict[str, str]) -> Iterator[Called]:
    """The samples of an operation that its formulas speak of: in float64, of products of matrices those of matrices."""
    rng = np.random.default_rng(7)
    matrices = any("@" in text for text in formulas.values())
    for sample in cases(name):
        case = Case(REGISTRY[name], sample)
        arrays = [np.asarray(a) for a in case.arrays()]
        if sample.refused or not arrays or any(a.dtype != float for a in arrays):
            continue
        if name == "softmax_cross_entropy" and not class_numbers(case):
            continue
        called = Called(case, rng)
        operands = [np.ndim(called.options.get(word)) for word in ("x", "y") if word in called.options]
        if called.plain and (not matrices or set(operands) == {1 if name == "outer" else 2}):
            yield called


def proved(name: str) -> tuple[dict[str, int], set[str]]:
    """How many numbers of each formula of an operation agreed, and which formulas are words."""
    formulas = shown(name)
    counts = dict.fromkeys(formulas, 0)
    words = set()
    for called in usable(name, formulas):
        for word, text in formulas.items():
            if word in called.expected and word not in words:
                try:
                    assert called.agrees(text, word), f"{name}: {word}: {text}"
                except Words:
                    words.add(word)
                else:
                    counts[word] += called.compared
    return {word: count for word, count in counts.items() if word not in words}, words


SHOWN = [
    name for name in names() if name in REGISTRY and shown(name) and WORDS.get(name) != "" and name not in UNPROVED
]


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown_is_the_rule(name: str) -> None:
    counts, words = proved(name)
    assert words == set(WORDS.get(name, "").split())
    assert all(counts.values()), counts


def test_how_much_is_proved() -> None:
    assert set(NOTATION) | set(WORDS) | UNPROVED <= set(REGISTRY)
    assert len(SHOWN) > 85
    assert len([name for name in WORDS if not WORDS[name]]) == 22


def test_a_wrong_formula_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "formula", lambda name: ("tanh x", {"x": "g · (1 − out)²"}))
    with pytest.raises(AssertionError, match="tanh: x"):
        proved("tanh")


def test_an_operation_of_yours_shows_no_formula() -> None:
    """What is read is the library's own text, in which names mean what they mean there."""

    @ag.primitive(name="test_formulas_cube")
    def cube(x: Any) -> Any:
        return x**3

    ag.rule(cube, lambda g, x: g * 3 * x**2)
    try:
        assert formula("test_formulas_cube") == ("", {})
    finally:
        del REGISTRY["test_formulas_cube"]
