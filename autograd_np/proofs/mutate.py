"""The proof of the proof: every rule is broken in turn, and the check must go red each time.

A mutant is a rule whose gradient, cotangent or kept values are altered. It is killed if some case's gradients
then disagree with the central differences (or with the convention stated at a kink), which are the ones of the
proof itself: the differences depend on forward values alone, so they are measured once per case and judge all
mutants. A mutant whose gradients equal the true ones in every case (a reversed gradient of one element) is
no mutant: that is found by comparing the actual gradients, never by assumption.
"""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from ..engine import codegen
from ..engine.accumulators import Deferred
from ..engine.errors import GradientShapeError
from ..engine.primitive import Primitive
from ..engine.registry import REGISTRY
from ..engine.tensor import Tensor
from .cases import SEED, Case, Composed, cases, differ, leaf, subject
from .diagnosis import GradcheckError
from .differences import Check
from .layouts import compare, otherwise

__all__ = ["MUTATIONS", "Relaid", "Score", "mutants", "relaid", "score"]

Rule = Callable[..., Any]


def _largest_off(g: Any) -> Any:
    g = np.array(g)
    if g.size:
        at = np.unravel_index(int(np.argmax(np.abs(np.nan_to_num(g)))), g.shape)
        g[at] *= 1.01
    return g


def _each(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A change of the gradient that needs an array (Deferred contributions are summed first)."""

    def changed(g: Any) -> Any:
        if isinstance(g, Deferred):
            g = g.dense()
        if isinstance(g, tuple):
            return tuple(None if part is None else changed(part) for part in g)
        if isinstance(g, Tensor):
            return g
        return change(np.asarray(g))

    return changed


def _conjugated(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_conjugated, value))
    return np.conj(value) if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind == "c" else value


# name → what is done to the gradient of one operand. All of them leave the shape as it is.
OUTPUT: dict[str, Callable[[Any], Any]] = {
    "scaled by 1.01": lambda g: g * np.asarray(1.01).astype(g.dtype),
    "scaled by 2": lambda g: g * 2,
    "sign flipped": lambda g: -g,
    "zeroed": np.zeros_like,
    "one added": lambda g: g + np.ones((), g.dtype),
    "reversed": lambda g: np.ascontiguousarray(g).ravel()[::-1].reshape(g.shape),
    "permuted": lambda g: np.roll(np.ascontiguousarray(g).ravel(), 1).reshape(g.shape),
    "transposed": lambda g: np.swapaxes(g, -1, -2) if g.ndim > 1 and g.shape[-1] == g.shape[-2] else g,
    "one element off": _largest_off,
    "conjugated": np.conj,
}
# name → what is done to the cotangent that the rule is given.
INPUT: dict[str, Callable[[Any], Any]] = {
    "cotangent reversed": lambda g: np.ascontiguousarray(g).ravel()[::-1].reshape(g.shape),
    "cotangent permuted": lambda g: np.roll(np.ascontiguousarray(g).ravel(), 1).reshape(g.shape),
    "cotangent without sign": np.abs,
    "cotangent conjugated": np.conj,
}
# What is done to the kept values.
VALUES: dict[str, Callable[[Any], Any]] = {"values conjugated": _conjugated}
# One call of np.conj or np.conjugate in the rule, the first, second, …, that does nothing.
DROPPED = "conjugate {} dropped"
# Right at first order, wrong at second: the rule's result no longer depends on what it was made of.
SECOND = ("cut from the values", "cut from the cotangent")
MUTATIONS = (*OUTPUT, *INPUT, *VALUES, *SECOND)


def _cut(value: Any) -> Any:
    if isinstance(value, Tensor):
        return Tensor.at(value._values, None)
    if isinstance(value, tuple):
        return tuple(_cut(part) for part in value)
    return value


@contextlib.contextmanager
def _without_conjugate(dropped: int) -> Iterator[list[int]]:
    """``np.conj`` and ``np.conjugate`` with one call left out (none for −1); yields the count of complex calls."""
    conjugate = np.conjugate
    calls = [0]

    def counted(value: Any) -> Any:
        if value.dtype.kind != "c":
            return conjugate(value)
        calls[0] += 1
        return value if calls[0] == dropped + 1 else conjugate(value)

    np.conj = np.conjugate = counted  # type: ignore[assignment]
    try:
        yield calls
    finally:
        np.conj = np.conjugate = conjugate


class Broken:
    """Stands in for one rule, or one result of a joint rule, and breaks it as ``mutation`` says (None: not at all)."""

    def __init__(self, primitive: Primitive, operand: int, name: str | None) -> None:
        self.primitive = primitive
        self.operand = operand
        self.name = name
        self.mutation: str | None = None
        self.conjugates = 0  # how often the rule has conjugated at most
        original = primitive.joint if name is None else primitive.rules[name]
        assert original is not None
        self.original: Rule = original

        def apply(g: Any, values: tuple[Any, ...]) -> Any:
            mutation = self.mutation
            if mutation in INPUT:
                g = _each(INPUT[mutation])(g)
            elif mutation == "cut from the cotangent":
                g = _cut(g)
            elif mutation == "cut from the values":
                values = tuple(_cut(value) for value in values)
            elif mutation in VALUES:
                values = tuple(map(VALUES[mutation], values))
            dropped = next((k for k in range(self.conjugates) if mutation == DROPPED.format(k)), -1)
            with _without_conjugate(dropped) as calls:
                pulled = self.original(g, *values)
            self.conjugates = max(self.conjugates, calls[0])
            if mutation in OUTPUT:
                change = _each(OUTPUT[mutation])
                joint = name is None
                pulled = (
                    tuple(change(h) if i == operand and h is not None else h for i, h in enumerate(pulled))
                    if joint
                    else change(pulled)
                )
            return pulled

        # A rule's parameter names say what the tape keeps, so the mutant has the original's.
        first, *rest = inspect.signature(self.original).parameters
        kept = "".join(f"{word}, " for word in rest)
        self.rule: Rule = eval(f"lambda {', '.join((first, *rest))}: apply({first}, ({kept}))", {"apply": apply})  # noqa: S307 - our own text

    def __enter__(self) -> Self:
        if self.name is None:
            self.primitive.joint = self.rule
        else:
            self.primitive.rules[self.name] = self.rule
        self._rebuild()
        return self

    def __exit__(self, *_: object) -> None:
        if self.name is None:
            self.primitive.joint = self.original
        else:
            self.primitive.rules[self.name] = self.original
        self._rebuild()

    def _rebuild(self) -> None:
        self.primitive.pull = self.primitive._first_pull
        codegen.reset(self.primitive)


@dataclass
class Score:
    """The mutants of one primitive.

    Attributes:
        name: the primitive.
        killed: how many made the proof go red.
        same: those that had the true gradients in every case, and so were none, in words.
        survived: the others, in words.
    """

    name: str
    killed: int = 0
    same: list[str] = field(default_factory=list)
    survived: list[str] = field(default_factory=list)


class Judge:
    """One case with its differences, measured once, and the true gradients."""

    def __init__(self, primitive: Primitive, case: Case, order: int) -> None:
        self.primitive = primitive
        self.case = case
        self.order = order
        self.check: Check | None = case.check(order, seed=SEED) if order else None
        self.true = self.gradients()

    def gradients(self) -> list[Any]:
        """What the rules, as they are now, give."""
        if self.check is not None:
            return self.check.analytic()
        return [
            np.asarray(g) for g in self.case.gradients([leaf(np.asarray(a)) for a in self.case.arrays()], ones=True)[1]
        ]

    def red(self, grads: list[Any]) -> bool:
        """Whether the proof rejects these gradients."""
        if self.check is not None:
            return self.check.verify(grads, locate=False) is not None
        stated = self.case.sample.expected
        assert stated is not None
        return any(
            e is not None
            and differ(np.asarray(g), np.broadcast_to(np.asarray(e, dtype=g.dtype), g.shape), 1e-12, 0.0, 1e-15)
            is not None
            for g, e in zip(grads, stated, strict=True)
        )


def mutants(primitive: Primitive) -> list[tuple[int, str | None]]:
    """The rules to break: (operand's number, its name; None for a part of a joint rule)."""
    codegen.build(primitive)
    if primitive.joint is None:
        return [(i, word) for i, word in enumerate(primitive.operands)]
    if primitive.sequence:
        return [(0, None), (1, None)]
    return [(i, None) for i in range(len(primitive.operands))]


def score(name: str) -> Score:
    """Break every rule of a primitive in every way, and count what the proof notices."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the samples go to where NumPy warns
        return _score(name)


def _score(name: str) -> Score:
    result = Score(name)
    primitive = REGISTRY.get(name)
    if primitive is None or not primitive.differentiable:
        return result
    usable = [
        case
        for case in (Case(primitive, sample) for sample in cases(name) if sample.order > 0)
        if case.floating and any(a.size for a in case.arrays())
    ]
    usable.sort(key=lambda case: (case.sample.expected is not None, sum(a.size for a in case.arrays()) > 40))
    judges: dict[tuple[int, int], Judge] = {}

    def judge(number: int, order: int) -> Judge:
        if (number, order) not in judges:
            judges[number, order] = Judge(primitive, usable[number], order)
        return judges[number, order]

    for operand, word in mutants(primitive):
        broken = Broken(primitive, operand, word)
        mutations = list(MUTATIONS)
        for mutation in mutations:
            second = mutation in SECOND
            changed = killed = False
            for number, case in enumerate(usable):
                if second and (case.sample.order < 2 or case.sample.expected is not None):
                    continue
                order = 2 if second else 0 if case.sample.expected is not None else 1
                held = judge(number, order)
                broken.mutation = mutation
                try:
                    with broken:
                        grads = held.gradients()
                except (GradientShapeError, GradcheckError):
                    killed = True
                    break
                finally:
                    broken.mutation = None
                # Rounding is no change: a mutant of a gradient that is zero but for rounding errors is none.
                if all(differ(g, t, 1e-10, 1e-12) is None for g, t in zip(grads, held.true, strict=True)):
                    continue
                changed = True
                if held.red(grads):
                    killed = True
                    break
            if mutation == SECOND[-1]:  # every case has been run, and what the rule conjugates has been counted
                mutations += [DROPPED.format(k) for k in range(broken.conjugates)]
            words = f"{word or f'result {operand} of the joint rule'} {mutation}"
            if killed:
                result.killed += 1
            elif changed:
                result.survived.append(words)
            else:
                result.same.append(words)
    return result


# ---------------------------------------------------------------- a body whose outputs lie otherwise in memory


class Relaid:
    """Stands in for the body of a primitive, or for a composition: its outputs have their numbers in another layout."""

    def __init__(self, found: Primitive | Composed) -> None:
        self.found = found
        self.original = found.body if isinstance(found, Primitive) else found.function
        self.changed = False  # whether an output could be laid out otherwise in any call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the original gives, laid out otherwise."""
        return self._otherwise(self.original(*args, **kwargs))

    def _otherwise(self, y: Any) -> Any:
        if isinstance(y, (tuple, list)):
            parts = [self._otherwise(part) for part in y]
            return type(y)(*parts) if hasattr(y, "_fields") else type(y)(parts)
        if isinstance(y, Tensor):
            return Tensor.at(self._otherwise(y._values), y._node)
        laid = otherwise(y)
        self.changed = self.changed or laid is not y
        return laid

    def __enter__(self) -> Self:
        self._put(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._put(self.original)

    def _put(self, body: Callable[..., Any]) -> None:
        if isinstance(self.found, Primitive):
            self.found.body = body
            codegen.reset(self.found)
        else:
            self.found.function = body


def relaid(name: str) -> str:
    """Lay the outputs of a function out otherwise in memory.

    Returns:
        ``killed`` if the proof notices in some case, ``same`` if no case has an output of more than one element, else
        ``survived``.
    """
    found = subject(name)
    with Relaid(found) as mutant, warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for sample in cases(name):
            if next(compare(Case(found, sample)), None) is not None:
                return "killed"
    return "survived" if mutant.changed else "same"
