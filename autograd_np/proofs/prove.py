"""The proof of one row of the registry: a primitive's sample calls, each held to NumPy and to central differences.

For every sample (see samples.py):

==============  ====================================================================================
value           the public function and NumPy's own, on Tensors and on arrays, give what NumPy gives:
                values, shape, dtype, and no warning that NumPy does not give
differences     gradients of order 1 and 2 against central differences; at a kink the stated ones
gradient        has the operand's shape and dtype; each operand alone gets the same one as together
float32         dtype as NumPy's, float32 inside the rule too, and near the float64 gradient
strided         transposed, reversed and strided memory gives the same
duck            forward and backward on a duck array, which is not converted and comes out again
==============  ====================================================================================
"""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import codegen
from ..modes import enable_grad
from ..primitive import REGISTRY, Primitive
from ..primitives.composed import COMPOSITIONS
from ..tape import Deferred
from ..tensor import Tensor
from ..transforms import gradients
from ..trees import flatten
from .differences import Check, GradcheckError
from .duck import DuckArray, plain
from .samples import ORACLES, SAMPLES, Sample, load

__all__ = ["EXEMPT", "Case", "Finding", "Outcome", "cases", "examine", "names", "prove", "subject"]

# What needs no samples, and why.
EXEMPT: dict[str, str] = {}
# Functions whose values are undefined: shape and dtype alone are compared.
UNDEFINED = ("empty_like",)

SEED = 20240607


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


class Composed:
    """A function made of primitives, as the proofs see it: every array is an operand, and there is no rule of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.function = self.body = COMPOSITIONS[name]
        self.numpy_functions: list[Any] = getattr(self.function, "numpy_functions", [])
        self.operands: tuple[str, ...] = ()
        self.differentiable = True


def names() -> list[str]:
    """What is proved, in alphabetical order: the library's primitives and compositions (not what a user declared)."""
    load()
    own = {name for name, found in REGISTRY.items() if found.function.__module__.partition(".")[0] == "autograd_np"}
    return sorted(own | set(COMPOSITIONS))


def subject(name: str) -> Primitive | Composed:
    """The primitive or composition of a name."""
    return REGISTRY[name] if name in REGISTRY else Composed(name)


def cases(name: str) -> list[Sample]:
    """The samples of a primitive or composition; for an elementwise one an empty array is added."""
    load()
    known = list(SAMPLES.get(name, ()))
    found = subject(name)
    if known and isinstance(found.body, np.ufunc) and found.body.signature is None:
        first = known[0]
        if not first.kwargs and all(isinstance(x, (np.ndarray, np.generic)) for x in first.args):
            empty = tuple(np.zeros((0, 3), x.dtype) for x in first.args)
            known.append(Sample(empty, label="empty (of every ufunc)", order=min(first.order, 1)))
    return known


class Case:
    """A sample call taken apart: which arrays are operands, and how to call it with others in their place.

    Attributes:
        leaves: every array and option of the call.
        operands: positions in ``leaves`` of the arrays that stand at differentiable parameters.
        floating: those among them that can have a gradient.
    """

    def __init__(self, primitive: Primitive | Composed, sample: Sample) -> None:
        if isinstance(primitive, Primitive):
            codegen.build(primitive)
        self.primitive = primitive
        self.sample = sample
        self.leaves, self._rebuild = flatten((sample.args, sample.kwargs))
        self.operands: list[int] = []
        parameters = list(inspect.signature(primitive.function).parameters.values())
        positional = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
        words = []
        for i in range(len(sample.args)):
            words.append(positional[min(i, len(positional) - 1)].name)
        # A function that prepares its arguments may have names of its own; its arrays are the operands then.
        known = {p.name for p in parameters}
        wanted = set(primitive.operands) if set(primitive.operands) & known else known
        at = 0
        for word, value in [*zip(words, sample.args, strict=True), *sample.kwargs.items()]:
            count = len(flatten(value)[0])
            if word in wanted:
                self.operands += [i for i in range(at, at + count) if isinstance(self.leaves[i], (np.ndarray, np.generic))]
            at += count
        self.floating = [i for i in self.operands if self.leaves[i].dtype.kind in "fc"]
        self.name = primitive.name

    def arrays(self) -> list[Any]:
        """The floating operands."""
        return [self.leaves[i] for i in self.floating]

    def call(self, function: Callable[..., Any], operands: Sequence[Any], leaves: Sequence[Any] | None = None) -> list[Any]:
        """The outputs of ``function`` with ``operands`` in place of the floating ones."""
        filled = list(self.leaves if leaves is None else leaves)
        for i, value in zip(self.floating, operands, strict=True):
            filled[i] = value
        args, kwargs = self._rebuild(filled)
        return as_list(function(*args, **kwargs))

    def oracle(self) -> Callable[..., Any] | None:
        """What the value must equal."""
        if self.name in ORACLES:
            return ORACLES[self.name]
        return self.primitive.numpy_functions[0] if self.primitive.numpy_functions else None

    def words(self) -> list[str]:
        """Words for the floating operands."""
        return [f"operand {k}" for k in range(len(self.floating))]

    def check(self, order: int, *, seed: int = SEED) -> Check:
        """The comparison with differences at some order."""

        def call(tensors: list[Tensor]) -> list[Tensor]:
            return [y for y in self.call(self.primitive.function, tensors) if y.dtype.kind in "fc"]

        return Check(call, self.arrays(), self.words(), name=self.name, order=order, rtol=self.sample.rtol, seed=seed + order)

    def gradients(
        self, operands: Sequence[Any], *, ones: bool = False, leaves: Sequence[Any] | None = None, strided: bool = False
    ) -> tuple[list[Any], list[Any]]:
        """Outputs and gradients of the operands that are Tensors, under one fixed cotangent (or one of ones)."""
        with np.errstate(all="ignore"), enable_grad():
            outputs = self.call(self.primitive.function, operands, leaves)
            ys, cotangents = [], []
            rng = np.random.default_rng(SEED)
            for y in outputs:
                if not isinstance(y, Tensor) or y.dtype.kind not in "fc":
                    continue
                # Drawn for every output, so that each has its own whichever operands need a gradient.
                u = rng.uniform(0.5, 1.5, y.shape) * np.where(rng.random(y.shape) < 0.5, -1.0, 1.0)
                u = np.ones(y.shape) if ones else np.where(np.isfinite(plain(y._data)), u, 0.0)
                if y.requires_grad:
                    ys.append(y)
                    u = scattered(u.astype(y.dtype)) if strided else u.astype(y.dtype)
                    cotangents.append(DuckArray(u) if isinstance(y._data, DuckArray) else u)
            xs = [x for x in operands if isinstance(x, Tensor) and x.requires_grad]
            found = gradients(ys, xs, cotangents, allow_unused=True)
        return outputs, [np.zeros_like(x._data) if g is None else g for g, x in zip(found, xs, strict=True)]


def as_list(result: Any) -> list[Any]:
    """The outputs of a function as a list."""
    return list(result) if isinstance(result, (tuple, list)) else [result]


def leaf(a: Any) -> Tensor:
    """A Tensor that needs a gradient."""
    return Tensor(a, requires_grad=True)


def kept_as_is(a: Any) -> Tensor:
    """The same on memory that the tape keeps without copying, as that of an intermediate result."""
    t = leaf(a)
    t._shared = False
    return t


def values_of(outputs: Sequence[Any]) -> list[Any]:
    """The arrays of outputs."""
    return [np.asarray(y._data if isinstance(y, Tensor) else y) for y in outputs]


def differ(given: Any, expected: Any, rtol: float, atol: float, zero: float = 0.0) -> str | None:
    """In words, how an array differs from another; None if it does not.

    Args:
        given: the array.
        expected: what it should be.
        rtol: allowed error relative to each element.
        atol: allowed error relative to the largest element.
        zero: allowed magnitude where exactly 0 is expected.
    """
    if given.shape != expected.shape:
        return f"shape {given.shape} instead of {expected.shape}"
    if given.dtype != expected.dtype:
        return f"dtype {given.dtype} instead of {expected.dtype}"
    if given.dtype.kind not in "fc":
        same = given == expected
    else:
        finite = np.isfinite(expected)
        largest = float(np.max(np.abs(expected[finite]), initial=0.0))
        with np.errstate(all="ignore"):
            close = np.abs(given - expected) <= rtol * np.abs(expected) + atol * largest + zero * (expected == 0)
        same = np.where(finite, close, (given == expected) | (np.isnan(given) & np.isnan(expected)))
    if bool(np.all(same)):
        return None
    index = tuple(int(i) for i in np.argwhere(~np.atleast_1d(same))[0])
    return f"{np.atleast_1d(given)[index]!r} instead of {np.atleast_1d(expected)[index]!r} at index {index if given.ndim else ()}"


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
        if self.sample.float32 and any(a.dtype in (np.float64, np.complex128) for a in self.case.arrays()):
            checks.append(("float32", self.float32))
        if self.sample.strided:
            checks.append(("strided", self.strided))
        if self.case.floating and self.sample.duck:
            checks.append(("duck", self.duck))
        for name, check in checks:
            try:
                check()
            except GradcheckError as error:
                self.found(name, str(error))
            except Exception as error:  # noqa: BLE001 - whatever a primitive raises is what is to be reported
                self.found(name, f"{type(error).__name__}: {error}")
        self.outcome.seconds = time.perf_counter() - start
        return self.outcome

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
            (f"{self.case.name} on Tensors that need a gradient", lambda: self.case.call(self.primitive.function, [leaf(a) for a in arrays])),
        ]
        for numpy_function in self.primitive.numpy_functions:
            ways.append((f"np.{numpy_function.__name__}", lambda each=numpy_function: self.case.call(each, wrapped, everything)))
        for number, (way, call) in enumerate(ways):
            outputs, said = heard(call)
            if number != 1 and self.case.operands:
                strangers = [type(y).__name__ for y, e in zip(outputs, expected, strict=False) if not isinstance(y, Tensor) and hasattr(e, "dtype")]
                if strangers:
                    self.found("value", f"{way} returned {strangers[0]}, not a Tensor")
            if len(outputs) != len(expected):
                self.found("value", f"{way} returned {len(outputs)} outputs instead of {len(expected)}")
                continue
            for y, e in zip(values_of(outputs), values_of(expected), strict=True):
                words = differ(np.zeros_like(y), np.zeros_like(e), 0.0, 0.0) if self.case.name in UNDEFINED else differ(y, e, rtol, atol)
                if words:
                    self.found("value", f"{way} gives {words}")
            if set(said) - set(allowed):
                self.found("value", f"{way} warns: {'; '.join(sorted(set(said) - set(allowed)))}")
            if number == 2 and not self.primitive.differentiable and any(isinstance(y, Tensor) and y.requires_grad for y in outputs):
                self.found("value", "an operation without a rule gave a Tensor that needs a gradient")

    def gradient(self) -> None:
        """Shape and dtype of the gradients."""
        arrays = self.case.arrays()
        outputs, self.reference = self.case.gradients([leaf(np.asarray(a)) for a in arrays])
        for word, a, g in zip(self.case.words(), arrays, self.reference, strict=True):
            if g.shape != a.shape or g.dtype != a.dtype:
                self.found("gradient", f"the gradient of {word} is {g.shape} {g.dtype}, the operand {a.shape} {a.dtype}")
        if self.sample.order > 0 and self.sample.expected is None and not any(isinstance(y, Tensor) and y.requires_grad for y in outputs):
            self.found("gradient", "no output needs a gradient")

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
            given = values_of(heard(lambda: self.case.call(self.primitive.function, [Tensor(np.asarray(a)) for a in operands], single))[0])
            for y, e in zip(given, expected, strict=True):
                if self.case.name in ORACLES and y.dtype != e.dtype:
                    e = e.astype(y.dtype)  # an independent computation need not be careful about dtypes: check against the rule of float32 in, float32 out
                    if y.dtype.itemsize > (8 if y.dtype.kind == "c" else 4) and y.dtype.kind in "fc" and "dtype" not in self.sample.kwargs:
                        self.found("float32", f"float32 operands give {y.dtype}")
                words = differ(y, e, 1e-4, 1e-6)
                if words:
                    self.found("float32", f"the value is {words}")
        if not self.primitive.differentiable:
            return
        raw, outputs, grads = self._listening(operands, single)
        small = all(y.dtype in (np.float32, np.complex64) for y in outputs if isinstance(y, Tensor) and y.requires_grad)
        if small and any(dtype in (np.float64, np.complex128) for dtype in raw):
            self.found("float32", "the rule computes in float64 for float32 operands (np.float64 constants are not weak: use float(...))")
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
                raw.extend(h.dtype for h, p in zip(pulled, parents, strict=False) if p is not None and h is not None and not isinstance(h, Deferred))
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
            given = values_of(heard(lambda: self.case.call(self.primitive.function, [Tensor(np.asarray(a)) for a in operands], moved))[0])
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

    def duck(self) -> None:
        """Forward and backward on duck arrays: never converted, and the same result."""
        arrays = self.case.arrays()
        DuckArray.mixed.clear()
        around = [DuckArray(x) if isinstance(x, np.ndarray) else x for x in self.case.leaves]
        try:
            outputs, grads = self._ducks(around)
        except TypeError:
            # An index may be asked to be NumPy's own.
            outputs, grads = self._ducks([y if isinstance(x, DuckArray) and x.dtype.kind in "iub" else x for x, y in zip(around, self.case.leaves, strict=True)])
        expected = self.case.call(self.primitive.function, [Tensor(np.asarray(a)) for a in arrays])
        for y, e in zip(outputs, expected, strict=True):
            if isinstance(y, Tensor):
                if not isinstance(y._data, DuckArray):
                    self.found("duck", f"the output is a Tensor of {type(y._data).__name__}, not of the operands' kind")
                    continue
                words = differ(plain(y._data), values_of([e])[0], 1e-12, 1e-14)
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
            self.found("duck", f"an ndarray was mixed into {', '.join(DuckArray.mixed)}, where other libraries' arrays refuse")


    def _ducks(self, around: list[Any]) -> tuple[list[Any], list[Any]]:
        ducks = [DuckArray(a) for a in self.case.arrays()]
        if not self.primitive.differentiable:
            return self.case.call(self.primitive.function, [Tensor(a) for a in ducks], around), []
        return self.case.gradients([leaf(a) for a in ducks], leaves=around)


_NARROW = {np.dtype(np.float64): np.float32, np.dtype(np.complex128): np.complex64}


def narrow(x: Any) -> Any:
    """An array of double precision in single precision."""
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype in _NARROW:
        with np.errstate(all="ignore"):
            return x.astype(_NARROW[x.dtype])
    return x


def widen(x: Any, original: Any) -> Any:
    """Back again, with the digits lost."""
    return x if x is original else x.astype(original.dtype)


def scattered(x: Any) -> Any:
    """The same array in memory that is transposed, reversed and strided."""
    if not isinstance(x, np.ndarray) or x.size < 2:
        return x
    buffer = np.zeros(tuple(2 * n for n in reversed(x.shape)), x.dtype)
    view = buffer.T[tuple(slice(None, None, -2) for _ in x.shape)]
    view[...] = x
    return view


def examine(primitive: Primitive | Composed, sample: Sample) -> Outcome:
    """Prove one case of a primitive."""
    return Examination(primitive, sample).run()


def prove(primitive: Primitive | Composed, sample: Sample) -> list[Finding]:
    """What is wrong with a primitive in one case; an empty list if nothing is."""
    return examine(primitive, sample).findings
