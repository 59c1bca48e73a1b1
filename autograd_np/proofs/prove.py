"""The proof of one row of the registry: a primitive's sample calls, each held to NumPy and to central differences.

For every sample (see samples.py):

==============  ====================================================================================
value           the public function and NumPy's own, on Tensors and on arrays, give what NumPy gives:
                values, shape, dtype, and no warning that NumPy does not give
differences     gradients of order 1 and 2 against central differences; at a kink the stated ones
gradient        has the operand's shape and dtype; a second backward pass gives it again, nothing is overwritten;
                a zero cotangent gives zero; each operand alone gets the same one as together
odd cotangents  zeros against singular operands, results times 0, huge numbers, infinities (see cotangents.py)
float16         dtype as the operand's, and near the float64 gradient
float32         dtype as NumPy's, float32 inside the rule too, and near the float64 gradient
strided         transposed, reversed and strided memory gives the same
layout          for operands of every layout the outputs lie in memory as NumPy's own do (see layouts.py)
duck            forward and backward on a duck array, which is not converted and comes out again
refusal         a function of real numbers raises on complex ones, naming itself, the dtype and a remedy
==============  ====================================================================================
"""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..engine.accumulators import Deferred
from ..engine.errors import describe
from ..engine.modes import enable_grad
from ..engine.primitive import Primitive
from ..engine.tensor import Tensor
from ..transforms.grad import gradients
from . import cotangents, layouts
from .cases import INDIRECT, Case, Composed, differ, kept_as_is, leaf, narrow, scattered, values_of, widen
from .diagnosis import GradcheckError
from .duck import DuckArray, plain
from .samples import ORACLES, Sample

__all__ = ["EXEMPT", "INDIRECT", "Finding", "Outcome", "examine", "prove"]

# What needs no samples, and why.
EXEMPT: dict[str, str] = {
    "einsum_path": "it returns a plan and a text",
    "ix_": "it returns index arrays",
    "into_batch": "it leads into a batch: every proof of a batched operation goes through it",
    "out_of_batch": "it leads out of a batch: likewise",
    "summed_over_batch": "what is the same for all elements of a batch gets its gradient by it: likewise",
}
# Functions whose values are undefined: shape and dtype alone are compared.
UNDEFINED = ("empty_like",)
# Scales and shifts that cancel where rules use them, so that no gradient need flow through them.
# (The edges of a histogram depend on the smallest and the largest element: the functions made of these two see to
# that.)
CUT = {"peak", "histogram_edges", "histogram_counts"}


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a primitive: which check says so, and what."""

    check: str
    message: str

    def __str__(self) -> str:
        return f"[{self.check}] {self.message}"


@dataclass
class Outcome:
    """The proof of one case.

    Attributes:
        findings: what is wrong; empty if the case is proved.
        orders: up to which order gradients were compared with differences.
        worst: the largest relative error among those comparisons.
        seconds: how long it took.
    """

    findings: list[Finding] = field(default_factory=list)
    orders: int = 0
    worst: float = 0.0
    seconds: float = 0.0


def heard(function: Callable[[], Any]) -> tuple[Any, list[str]]:
    """The result of a call and the warnings it gave."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function()
    return result, sorted({str(w.message) for w in caught})


class Examination:
    """The proof of one case, check by check."""

    def __init__(self, primitive: Primitive | Composed, sample: Sample) -> None:
        self.case = Case(primitive, sample)
        self.primitive = primitive
        self.sample = sample
        self.outcome = Outcome()
        self.reference: list[Any] | None = None

    def found(self, check: str, message: str) -> None:
        """Note a finding."""
        self.outcome.findings.append(Finding(check, message))

    def run(self) -> Outcome:
        """All checks; one that raises is a finding."""
        start = time.perf_counter()
        checks: list[tuple[str, Callable[[], None]]] = [("value", self.value)]
        differentiable = self.primitive.differentiable and bool(self.case.floating)
        if differentiable:
            checks.append(("gradient", self.gradient))
            if self.sample.order > 0:
                checks.append(("differences", self.differences if self.sample.expected is None else self.stated))
            checks.append(("alone", self.alone))
            if self.sample.order > 0 and cotangents.chosen(self.case):
                checks.append(("odd cotangents", lambda: self.noted("odd cotangents", cotangents.odd)))
                if self.sample.float32:
                    checks.append(("float16", lambda: self.noted("float16", cotangents.float16)))
        elif not self.primitive.recorded and self.case.floating and self.case.name not in CUT | {*UNDEFINED}:
            checks.append(("constant", self.constant))
        if self.sample.float32 and any(a.dtype in (np.float64, np.complex128) for a in self.case.arrays()):
            checks.append(("float32", self.float32))
        if self.sample.strided:
            checks.append(("strided", self.strided))
        checks.append(("layout", self.layout))
        if self.case.floating and self.sample.duck:
            checks.append(("duck", self.duck))
        if self.sample.refused:
            checks = [("refusal", self.refusal)]
        for name, check in checks:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # those that count are listened to in `value`
                    check()
            except GradcheckError as error:
                self.found(name, str(error))
            except Exception as error:  # noqa: BLE001 - whatever a primitive raises is what is to be reported
                self.found(name, f"{type(error).__name__}: {error}")
        self.outcome.seconds = time.perf_counter() - start
        return self.outcome

    def refusal(self) -> None:
        """A function of real numbers refuses complex ones, as Tensors with and without gradient, and as arrays."""
        for way, wrap in (("Tensors that need a gradient", leaf), ("Tensors", Tensor), ("arrays", np.asarray)):
            try:
                given = self.case.call(self.primitive.function, [wrap(a) for a in self.case.arrays()])
            except TypeError as error:
                words = (self.case.name.removeprefix("special."), "complex128", ".real")
                missing = [word for word in words if word not in str(error)]
                if missing:
                    self.found("refusal", f"on {way} the message does not name {', '.join(missing)}: {error}")
            else:
                self.found("refusal", f"on {way} it is not refused, but gives {', '.join(describe(y) for y in given)}")

    def noted(self, check: str, proof: Callable[[Case], list[str]]) -> None:
        """What a proof of its own says."""
        for words in proof(self.case):
            self.found(check, words)

    def value(self) -> None:
        """Values, shapes, dtypes and warnings, in every way of calling."""
        oracle = self.case.oracle()
        if oracle is None:
            self.found("value", "there is no NumPy function and no oracle= to compare with")
            return
        arrays = self.case.arrays()
        everything = list(self.case.leaves)
        for i in self.case.operands:
            everything[i] = Tensor(np.asarray(everything[i]))
        wrapped = [everything[i] for i in self.case.floating]
        expected, allowed = heard(lambda: self.case.call(oracle, arrays))
        if self.case.name in ORACLES:
            rtol, atol = 1e-11, 1e-13
        else:
            rtol, atol = 1e-13, 1e-15
        ways: list[tuple[str, Callable[[], Any]]] = [
            (self.case.name, lambda: self.case.call(self.primitive.function, wrapped, everything)),
            (f"{self.case.name} on arrays", lambda: self.case.call(self.primitive.function, arrays)),
            (
                f"{self.case.name} on Tensors that need a gradient",
                lambda: self.case.call(self.primitive.function, [leaf(a) for a in arrays]),
            ),
        ]
        ways += [
            (f"np.{each.__name__}", functools.partial(self.case.call, each, wrapped, everything))
            for each in self.primitive.numpy_functions
        ]
        for number, (way, call) in enumerate(ways):
            outputs, said = heard(call)
            if number != 1 and self.case.operands:
                strangers = [
                    type(y).__name__
                    for y, e in zip(outputs, expected, strict=False)
                    if not isinstance(y, Tensor) and hasattr(e, "dtype")
                ]
                if strangers:
                    self.found("value", f"{way} returned {strangers[0]}, not a Tensor")
            if len(outputs) != len(expected):
                self.found("value", f"{way} returned {len(outputs)} outputs instead of {len(expected)}")
                continue
            for y, e in zip(values_of(outputs), values_of(expected), strict=True):
                words = (
                    differ(np.zeros_like(y), np.zeros_like(e), 0.0, 0.0)
                    if self.case.name in UNDEFINED
                    else differ(y, e, rtol, atol)
                )
                if words:
                    self.found("value", f"{way} gives {words}")
            if set(said) - set(allowed):
                self.found("value", f"{way} warns: {'; '.join(sorted(set(said) - set(allowed)))}")
            if (
                number == 2
                and not self.primitive.differentiable
                and any(isinstance(y, Tensor) and y.requires_grad for y in outputs)
            ):
                self.found("value", "there is no rule for it, and it is not declared piecewise constant (discrete=)")

    def constant(self) -> None:
        """What is declared piecewise constant does not change, or jumps, where an operand moves by a hair."""
        before = values_of(self.case.call(self.primitive.function, self.case.arrays()))
        for sign in (-1, 1):
            moved = [
                a + a.dtype.type(sign * 1e-9) * (1 + np.abs(a)) if np.isfinite(a).all() else a
                for a in self.case.arrays()
            ]
            for y, z in zip(before, values_of(self.case.call(self.primitive.function, moved)), strict=True):
                if y.shape == z.shape and y.dtype.kind in "fc":
                    change = np.abs(z - y)
                    crept = (change > 0) & (change < 1e-6 * np.abs(y))
                    if crept.any():
                        self.found(
                            "constant",
                            f"it is declared piecewise constant, and changes by {change[crept].flat[0]} where its "
                            "operands change by 1e-9",
                        )
                        return

    def gradient(self) -> None:
        """Shape and dtype of the gradients."""
        arrays = self.case.arrays()
        outputs, self.reference = self.case.gradients([leaf(np.asarray(a)) for a in arrays])
        for word, a, g in zip(self.case.words(), arrays, self.reference, strict=True):
            if g.shape != a.shape or g.dtype != a.dtype:
                self.found(
                    "gradient", f"the gradient of {word} is {g.shape} {g.dtype}, the operand {a.shape} {a.dtype}"
                )
        self.repeatable()
        if (
            self.sample.order > 0
            and self.sample.expected is None
            and not any(isinstance(y, Tensor) and y.requires_grad for y in outputs)
        ):
            self.found("gradient", "no output needs a gradient")

    def repeatable(self) -> None:
        """A second pass over the same tape gives the same, and writes into nothing; a zero cotangent gives zeros."""
        arrays = [np.array(a) for a in self.case.arrays()]
        with np.errstate(all="ignore"), enable_grad():
            xs = [leaf(a) for a in arrays]
            ys = [y for y in self.case.call(self.primitive.function, xs) if isinstance(y, Tensor) and y.requires_grad]
            cotangents = [np.ones(y.shape, y.dtype) for y in ys]
            first = gradients(ys, xs, cotangents, retain_graph=True, allow_unused=True)
            second = gradients(ys, xs, cotangents, retain_graph=True, allow_unused=True)
            # (A product does not announce its zeros to the walk: here the rule keeps them. In cotangents.py the walk
            # does.)
            zeros = gradients([y * np.zeros(y.shape, y.dtype) for y in ys], xs, cotangents, allow_unused=True)
        for word, a, original, g, again, zero in zip(
            self.case.words(), arrays, self.case.arrays(), first, second, zeros, strict=True
        ):
            if g is None:
                continue
            if not np.array_equal(g, again, equal_nan=True):
                self.found("gradient", f"a second backward pass gives another gradient of {word}")
            if not np.array_equal(a, original, equal_nan=True):
                self.found("gradient", f"{word} was overwritten")
            if zero.any():
                self.found("gradient", f"a zero cotangent gives {zero[zero != 0].flat[0]} in the gradient of {word}")
        if any((u != 1).any() for u in cotangents):
            self.found("gradient", "the cotangent was overwritten")

    def differences(self) -> None:
        """Gradients of every order against central differences."""
        for order in range(1, self.sample.order + 1):
            check = self.case.check(order)
            mismatch = check.verify(check.analytic())
            self.outcome.worst = max(self.outcome.worst, check.worst)
            if mismatch is not None:
                self.found("differences", str(mismatch))
                return
            self.outcome.orders = order

    def stated(self) -> None:
        """Gradients at a kink, under a cotangent of ones, against the convention that the sample states."""
        stated = self.sample.expected
        assert stated is not None
        _, found = self.case.gradients([leaf(np.asarray(a)) for a in self.case.arrays()], ones=True)
        if len(stated) != len(found):
            self.found("kink", f"the sample states {len(stated)} gradients for {len(found)} operands")
            return
        for word, g, e in zip(self.case.words(), found, stated, strict=True):
            if e is None:
                continue
            words = differ(np.asarray(g), np.broadcast_to(np.asarray(e, dtype=g.dtype), g.shape), 1e-12, 0.0, 1e-15)
            if words:
                self.found("kink", f"the gradient of {word} is {words}")
        self.outcome.orders = 1

    def alone(self) -> None:
        """One operand at a time needs a gradient; the others are plain arrays."""
        if self.reference is None or len(self.case.floating) < 2:
            return
        arrays = self.case.arrays()
        for k, word in enumerate(self.case.words()):
            operands = [leaf(np.asarray(a)) if i == k else a for i, a in enumerate(arrays)]
            outputs, (g,) = self.case.gradients(operands)
            del outputs
            words = differ(np.asarray(g), np.asarray(self.reference[k]), 1e-12, 1e-14)
            if words:
                self.found("alone", f"with only {word} needing a gradient, it is {words}")

    def float32(self) -> None:
        """Single precision in, single precision throughout."""
        single = [narrow(x) for x in self.case.leaves]
        double = [widen(x, original) for x, original in zip(single, self.case.leaves, strict=True)]
        oracle = self.case.oracle()
        operands = [single[i] for i in self.case.floating]
        if oracle is not None:
            expected = values_of(heard(lambda: self.case.call(oracle, operands, single))[0])
            given = values_of(
                heard(
                    lambda: self.case.call(self.primitive.function, [Tensor(np.asarray(a)) for a in operands], single)
                )[0]
            )
            for y, e in zip(given, expected, strict=True):
                if self.case.name in ORACLES and y.dtype != e.dtype:
                    # An independent computation need not be careful about dtypes: check float32 in, float32 out.
                    e = e.astype(y.dtype)
                    if (
                        y.dtype.itemsize > (8 if y.dtype.kind == "c" else 4)
                        and y.dtype.kind in "fc"
                        and "dtype" not in self.sample.kwargs
                    ):
                        self.found("float32", f"float32 operands give {y.dtype}")
                words = differ(y, e, 1e-4, 1e-6)
                if words:
                    self.found("float32", f"the value is {words}")
        if not self.primitive.differentiable:
            return
        raw, outputs, grads = self._listening(operands, single)
        small = all(y.dtype in (np.float32, np.complex64) for y in outputs if isinstance(y, Tensor) and y.requires_grad)
        if small and any(dtype in (np.float64, np.complex128) for dtype in raw):
            self.found(
                "float32",
                "the rule computes in float64 for float32 operands (np.float64 constants are not weak: use float(...))",
            )
        _, reference = self.case.gradients([leaf(np.asarray(double[i])) for i in self.case.floating], leaves=double)
        for word, a, g, e in zip(self.case.words(), operands, grads, reference, strict=True):
            if g.dtype != a.dtype:
                self.found("float32", f"the gradient of {word} is {g.dtype}, the operand {a.dtype}")
                continue
            words = differ(np.asarray(g), np.asarray(e).astype(a.dtype), 2e-4, 2e-6)
            if words:
                self.found("float32", f"the gradient of {word} is {words}")

    def _listening(self, operands: list[Any], leaves: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """The dtypes that the rule computes in, before the engine casts them; outputs and gradients."""
        raw: list[Any] = []
        if not isinstance(self.primitive, Primitive):
            return raw, *self.case.gradients([leaf(np.asarray(a)) for a in operands], leaves=leaves)
        pull = self.primitive.pull

        def listening(node: Any, g: Any, parents: Any, kept: Any) -> Any:
            pulled = pull(node, g, parents, kept)
            if node.dtype in (np.float32, np.complex64, None):
                raw.extend(
                    h.dtype
                    for h, p in zip(pulled, parents, strict=False)
                    if p is not None and h is not None and not isinstance(h, Deferred)
                )
            return pulled

        self.primitive.pull = listening
        try:
            return raw, *self.case.gradients([leaf(np.asarray(a)) for a in operands], leaves=leaves)
        finally:
            self.primitive.pull = pull

    def strided(self) -> None:
        """The same numbers in transposed, reversed and strided memory."""
        if not any(isinstance(x, np.ndarray) and x.size > 1 for x in self.case.leaves):
            return
        moved = [scattered(x) if i in self.case.operands else x for i, x in enumerate(self.case.leaves)]
        operands = [moved[i] for i in self.case.floating]
        oracle = self.case.oracle()
        if oracle is not None:
            expected = values_of(heard(lambda: self.case.call(oracle, operands, moved))[0])
            given = values_of(
                heard(
                    lambda: self.case.call(self.primitive.function, [Tensor(np.asarray(a)) for a in operands], moved)
                )[0]
            )
            for y, e in zip(given, expected, strict=True):
                words = differ(y, e, 1e-11, 1e-13)
                if words:
                    self.found("strided", f"the value is {words}")
        if self.reference is not None:
            _, grads = self.case.gradients([kept_as_is(np.asarray(a)) for a in operands], leaves=moved, strided=True)
            for word, g, e in zip(self.case.words(), grads, self.reference, strict=True):
                words = differ(np.asarray(g), np.asarray(e), 1e-11, 1e-13)
                if words:
                    self.found("strided", f"the gradient of {word} is {words}")

    def layout(self) -> None:
        """Values, memory and gradients for operands of every layout."""
        if self.primitive.numpy_functions:
            for words in layouts.compare(self.case):
                self.found("layout", words)
        if self.reference is not None and self.sample.strided:
            for words in layouts.gradients(self.case, self.reference):
                self.found("layout", words)

    def duck(self) -> None:
        """Forward and backward on duck arrays: never converted, and the same result."""
        arrays = self.case.arrays()
        DuckArray.mixed.clear()
        around = [DuckArray(x) if isinstance(x, np.ndarray) else x for x in self.case.leaves]
        try:
            outputs, grads = self._ducks(around)
        except TypeError:
            # An index may be asked to be NumPy's own.
            outputs, grads = self._ducks(
                [
                    y if isinstance(x, DuckArray) and x.dtype.kind in "iub" else x
                    for x, y in zip(around, self.case.leaves, strict=True)
                ]
            )
        expected = self.case.call(self.primitive.function, [Tensor(np.asarray(a)) for a in arrays])
        for y, e in zip(outputs, expected, strict=True):
            if isinstance(y, Tensor):
                if not isinstance(y._values, DuckArray):
                    self.found(
                        "duck", f"the output is a Tensor of {type(y._values).__name__}, not of the operands' kind"
                    )
                    continue
                words = differ(plain(y._values), values_of([e])[0], 1e-12, 1e-14)
                if words:
                    self.found("duck", f"the value is {words}")
        for word, g, r in zip(self.case.words(), grads, self.reference or [], strict=False):
            if not isinstance(g, DuckArray):
                self.found("duck", f"the gradient of {word} is {type(g).__name__}, not of the operand's kind")
                continue
            words = differ(plain(g), np.asarray(r), 1e-12, 1e-14)
            if words:
                self.found("duck", f"the gradient of {word} is {words}")
        if DuckArray.mixed:
            self.found(
                "duck", f"an ndarray was mixed into {', '.join(DuckArray.mixed)}, where other libraries' arrays refuse"
            )

    def _ducks(self, around: list[Any]) -> tuple[list[Any], list[Any]]:
        ducks = [DuckArray(a) for a in self.case.arrays()]
        if not self.primitive.differentiable:
            return self.case.call(self.primitive.function, [Tensor(a) for a in ducks], around), []
        return self.case.gradients([leaf(a) for a in ducks], leaves=around)


def examine(primitive: Primitive | Composed, sample: Sample) -> Outcome:
    """Prove one case of a primitive."""
    return Examination(primitive, sample).run()


def prove(primitive: Primitive | Composed, sample: Sample) -> list[Finding]:
    """What is wrong with a primitive in one case; an empty list if nothing is."""
    return examine(primitive, sample).findings
