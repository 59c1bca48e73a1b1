"""The proof of the proof, for zeros that stay zero: products made plain, and announcements left out.

==================  ================================================================================
zmul is multiply    in the rules of one primitive, and in the functions of the library that they call,
zdiv is divide      0 times infinity is NaN again
no masks            a primitive does not announce that its rules make zeros in a cotangent
no care             the walk does not hold its gradients to zero
==================  ================================================================================
"""

from __future__ import annotations

import functools
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..engine import codegen
from ..engine.modes import enable_grad
from ..engine.primitive import Primitive
from ..engine.registry import REGISTRY, primitive, rule
from ..engine.slots import NEVER
from ..engine.tensor import Tensor
from ..transforms.grad import gradients
from . import cotangents
from .cases import SEED, Case, cases, differ, leaf
from .mutate import Judge

__all__ = ["PRODUCTS", "announced", "has_product", "unannounced", "unheld", "without_product"]

PRODUCTS: dict[str, Any] = {"zmul": np.multiply, "zdiv": np.divide}
# Operands at which derivatives are infinite or NaN.
SINGULAR = (0.0, 1.0, -1.0, np.inf, np.nan)


def plainly(function: Any, product: str, made: dict[int, Any]) -> Any:
    """A copy of a function in which a product is plain, also in what it calls; itself where there is none in it."""
    if (
        not isinstance(function, types.FunctionType)
        or not function.__module__.startswith("autograd_np.primitives")
        or hasattr(function, "__wrapped__")
    ):
        return function
    if id(function) in made:
        return made[id(function)]
    made[id(function)] = function  # of one that calls itself
    changed = {}
    for word in _words(function.__code__):
        value = function.__globals__.get(word)
        if word == product:
            changed[word] = PRODUCTS[product]
        elif (other := plainly(value, product, made)) is not value:
            changed[word] = other
    cells = tuple([types.CellType(plainly(cell.cell_contents, product, made)) for cell in function.__closure__ or ()])
    same = all(a.cell_contents is b.cell_contents for a, b in zip(cells, function.__closure__ or (), strict=True))
    if changed or not same:
        copy = types.FunctionType(
            function.__code__, function.__globals__ | changed, function.__name__, function.__defaults__, cells
        )
        copy.__kwdefaults__ = function.__kwdefaults__
        made[id(function)] = copy
    return made[id(function)]


def _words(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _words(inner)


def _replaced(found: Primitive, product: str) -> tuple[dict[str, Any], Any]:
    made: dict[int, Any] = {}
    return {word: plainly(each, product, made) for word, each in found.rules.items()}, plainly(
        found.joint, product, made
    )


def has_product(name: str, product: str) -> bool:
    """Whether the rules of a primitive use a product."""
    found = REGISTRY.get(name)
    return found is not None and _replaced(found, product) != (found.rules, found.joint)


@contextmanager
def _without(found: Primitive, product: str) -> Iterator[None]:
    rules, joint = dict(found.rules), found.joint
    found.rules, found.joint = _replaced(found, product)
    _rebuild(found)
    try:
        yield
    finally:
        found.rules, found.joint = rules, joint
        _rebuild(found)


def _rebuild(found: Primitive) -> None:
    found.pull = found._first_pull
    codegen.reset(found)


def quiet(case: Case) -> list[bool]:
    """Of singular operands, whether results that are multiplied by 0 give zero gradients to first and to second order.

    A product does not announce its zeros, so that the walk does not look for them: the rules alone keep them.
    """
    found = []
    for number in (None, *SINGULAR):
        arrays = case.arrays()
        if number is not None:
            if cotangents.decomposes(case) or (number == np.inf and case.name in cotangents.ENDLESS):
                continue
            arrays = [np.full_like(a, number) for a in arrays]
        try:
            found.append(_is_quiet(case, arrays))
        except Exception:  # noqa: BLE001 - numbers that the operation refuses say nothing about its gradient
            found.append(False)
    return found


def _is_quiet(case: Case, arrays: list[Any]) -> bool:
    with np.errstate(all="ignore"), enable_grad():
        xs = [leaf(np.asarray(a)) for a in arrays]
        ys = [y for y in case.call(case.primitive.function, xs) if isinstance(y, Tensor) and y.requires_grad]
        ys = [y * np.zeros(y.shape, y.dtype) for y in ys]
        first = [
            g
            for g in gradients(ys, xs, [np.ones(y.shape, y.dtype) for y in ys], create_graph=True, allow_unused=True)
            if g is not None
        ]
        recorded = [g for g in first if g.requires_grad]
        ones = [np.ones(g.shape, g.dtype) for g in recorded]
        second = gradients(recorded, xs, ones, allow_unused=True) if recorded else []
    return not any(
        np.any(np.asarray(g._values if isinstance(g, Tensor) else g)) for g in (*first, *second) if g is not None
    )


def _judged(name: str, everything: bool) -> Iterator[Case]:
    """The cases that judge these mutants: those of odd cotangents and kinks, or all."""
    for sample in cases(name):
        case = Case(REGISTRY[name], sample)
        if (
            sample.order > 0
            and case.floating
            and (everything or cotangents.chosen(case) or sample.expected is not None)
        ):
            yield case


def _listening(function: Callable[..., str]) -> Callable[..., str]:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> str:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return function(*args, **kwargs)

    return run


@_listening
def without_product(name: str, product: str) -> str:
    """Make a product plain in the rules of a primitive.

    Returns:
        ``killed`` if a check goes red, ``same`` if no gradient changes, else ``survived``.
    """
    found = REGISTRY[name]
    result = "same"
    for case in sorted(_judged(name, everything=True), key=lambda case: sum(a.size for a in case.arrays())):
        order = 0 if case.sample.expected is not None else 1
        judge = Judge(found, case, order)
        before = quiet(case)
        with _without(found, product):
            grads = judge.gradients()
            if (
                judge.red(grads)
                or cotangents.odd(case)
                or any(b and not a for b, a in zip(before, quiet(case), strict=True))
            ):
                return "killed"
        if any(differ(g, t, 1e-10, 1e-12) is not None for g, t in zip(grads, judge.true, strict=True)):
            result = "survived"
    return result


# ---------------------------------------------------------------- announcements


@functools.cache
def _steep(elementwise: bool) -> Any:
    """An operation with the value of x and any slope, also infinite; elementwise, or as one that adds up products."""

    def steep(x: Any, slope: Any) -> Any:
        return np.positive(x)

    public = primitive(elementwise=elementwise)(steep)
    rule(public, lambda g, slope: g * slope, lambda g, slope: g * 0)
    REGISTRY.pop("steep")
    return public


def announced(name: str) -> bool:
    """Whether a primitive announces that its rules make zeros in a cotangent."""
    found = REGISTRY.get(name)
    return found is not None and bool(found.masks or found.masking)


def _poisoned(case: Case, free: list[Any], only: int | None, elementwise: bool) -> list[Any]:
    """The gradients below an operation whose slope is infinite where nothing depends on its result, and 1 elsewhere."""
    with enable_grad():
        xs = [leaf(np.asarray(a)) for a in case.arrays()]
        steeper = [
            _steep(elementwise)(x, np.where(f, np.inf, 1.0).astype(x.dtype)) for x, f in zip(xs, free, strict=True)
        ]
        ys = [y for y in case.call(case.primitive.function, steeper) if isinstance(y, Tensor) and y.requires_grad]
        us = cotangents.dense([np.asarray(y._values) for y in ys], np.random.default_rng(SEED))
        if only is not None:
            ys, us = ys[only : only + 1], us[only : only + 1]
        found = gradients(ys, xs, us, allow_unused=True)
    return [np.zeros(x.shape, x.dtype) if g is None else np.asarray(g) for g, x in zip(found, xs, strict=True)]


@_listening
def unannounced(name: str) -> str:
    """Take back what a primitive announces.

    Returns:
        ``killed`` if the gradients below an infinite slope tell, ``same`` if no case has an element that is left out.
    """
    found = REGISTRY[name]
    for case in _judged(name, everything=True):
        outputs = len(cotangents.Taped(case, case.arrays()).ys)
        for only in (None, *range(outputs if outputs > 1 else 0)):
            plain = _poisoned(case, [np.zeros(a.shape, bool) for a in case.arrays()], only, True)
            free = [np.equal(g, 0) for g in plain]
            if not any(f.any() for f in free):
                continue
            for elementwise in (True, False) if found.masks != 1 else (True,):
                right = _poisoned(case, free, only, elementwise)
                if any(differ(g, e, 1e-9, 1e-11) for g, e in zip(right, plain, strict=True)):
                    # a zero that is none of the announced ones: a softmax that saturates, a derivative that happens to
                    # be 0
                    continue
                with _silent(found):
                    given = _poisoned(case, free, only, elementwise)
                if any(differ(g, e, 1e-9, 1e-11) for g, e in zip(given, plain, strict=True)):
                    return "killed"
    return "same"


@contextmanager
def _silent(found: Primitive) -> Iterator[None]:
    masks, found.masks = found.masks, 0
    if found.masking is not None:
        found.masking.masks = 0
    try:
        yield
    finally:
        found.masks = masks
        if found.masking is not None:
            del found.masking.masks


@_listening
def unheld(name: str, everything: bool = False) -> str:
    """Let the walk not hold the gradients of a primitive to zero.

    Returns:
        ``killed`` if the odd cotangents tell, else ``same``.
    """
    found = REGISTRY[name]
    codegen.build(found)
    for case in _judged(name, everything):
        care, found.care = found.care, NEVER
        try:
            if cotangents.odd(case):
                return "killed"
        finally:
            found.care = care
    return "same"
