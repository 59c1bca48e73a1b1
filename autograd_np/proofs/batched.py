"""The batched form of one case: ``vmap`` of value, gradient and second order against a loop over the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..batching.values import BatchingError
from ..engine.tensor import Tensor
from ..transforms.grad import grad
from ..transforms.products import vjp
from ..transforms.vmap import vmap
from .cases import SEED, Case, differ

__all__ = ["batched", "functions"]

Function = Callable[..., Any]
Axes = tuple[int | None, ...]


def batched(case: Case, *, sizes: tuple[int, ...] = (3,), alone: bool = True) -> list[str]:
    """What is wrong with a case under ``vmap``, in words; an empty list if nothing is.

    Args:
        case: a call of a primitive or a composition.
        sizes: lengths of the batch.
        alone: also map each operand alone, with the others the same for all.
    """
    found: list[str] = []
    if case.name in ("empty", "empty_like"):
        return found  # values that are undefined
    for n in sizes:
        batches = [
            np.stack([_variant(a, i) for i in range(n)]) if n else np.zeros((0, *a.shape), a.dtype)
            for a in case.arrays()
        ]
        count = len(batches)
        ways = [tuple(range(count))] + ([(k,) for k in range(count)] if alone and count > 1 and n == max(sizes) else [])
        for mapped in ways:
            operands = [b if k in mapped else a for k, (a, b) in enumerate(zip(case.arrays(), batches, strict=True))]
            axes = tuple([0 if k in mapped else None for k in range(count)])
            with np.errstate(all="ignore"):
                for word, f in functions(case):
                    expected = _loop(f, operands, axes, n)
                    if expected is None:
                        break
                    words = _compared(f, operands, axes, expected)
                    found += [f"batch of {n}, operands {mapped}: {word}: {each}" for each in words]
    return found


def _variant(a: Any, i: int) -> Any:
    """Another operand of the same kind: inside the domain wherever a multiple of it is."""
    a = np.asarray(a)
    return a if i == 0 else a * a.dtype.type(1 + 0.01 * i)


def functions(case: Case) -> list[tuple[str, Function]]:
    """The value, and where there are any the gradients of first and second order."""

    def outputs(*operands: Any) -> list[Any]:
        return case.call(case.primitive.function, operands)

    def inexact(*operands: Any) -> list[Any]:
        return [y for y in outputs(*operands) if isinstance(y, Tensor) and y.dtype.kind in "fc"]

    def gradient(*operands: Any) -> Any:
        ys, pull = vjp(inexact, *operands)
        found = pull([_weights(y, k) for k, y in enumerate(ys)])
        return list(found) if isinstance(found, tuple) else [found]

    def second(*operands: Any) -> Any:
        def scalar(*xs: Any) -> Any:
            return sum([np.sum(np.real(g * _weights(g, 10 + k))) for k, g in enumerate(gradient(*xs))])

        found = grad(scalar, tuple(range(len(operands))))(*operands)
        return list(found)

    if not case.primitive.differentiable or not case.sample.order:
        return [("value", outputs)]
    functions = [("value", outputs), ("gradient", gradient)]
    return [*functions, ("second order", second)] if case.sample.order > 1 else functions


def _weights(y: Any, k: int) -> Any:
    u = np.random.default_rng(SEED + k).uniform(0.5, 1.5, np.shape(y))
    return u.astype(y.dtype)


def _loop(f: Function, operands: list[Any], axes: Axes, n: int) -> list[list[Any]] | None:
    """The results of the single calls; None where there is nothing to compare with."""
    elements: list[list[Any]] = [
        [x if axis is None else x[i] for x, axis in zip(operands, axes, strict=True)] for i in range(n)
    ]
    try:
        if not n:  # a call that is refused for one element is refused for none
            f(
                *[
                    Tensor(x if axis is None else np.ones(x.shape[1:], x.dtype))
                    for x, axis in zip(operands, axes, strict=True)
                ]
            )
        results = [f(*[Tensor(x) for x in xs]) for xs in elements]
    except Exception:  # noqa: BLE001 - a variant that the function does not take
        return None
    columns = zip(*results, strict=True)
    return (
        None if any(len({np.shape(y) for y in ys}) > 1 for ys in columns) else results
    )  # a shape that depends on the numbers


def _compared(f: Function, operands: list[Any], axes: Axes, expected: list[list[Any]]) -> list[str]:
    """What differs between a mapped function and the results of a loop."""
    try:
        given = vmap(f, in_axes=axes, randomness="same")(*operands)
    except (BatchingError, TypeError) as error:
        return [] if "overwrite_input" in str(error) else [f"{type(error).__name__}: {error}"]
    columns = [[np.asarray(y) for y in ys] for ys in zip(*expected, strict=True)]
    scale = max([_size(y) for ys in columns for y in ys], default=1.0)
    wrong = []
    for k, ys in enumerate(columns):
        one, other = np.asarray(given[k]), np.stack(ys)
        words = differ(one, other, 1e-8, 1e-10)
        if words and (
            one.shape != other.shape or _size(one - other) > 1e-13 * scale
        ):  # a sum that cancels may leave anything
            wrong.append(f"output {k} is {words}")
    return wrong


def _size(y: Any) -> float:
    """The largest magnitude."""
    return float(np.max(np.abs(y), initial=0.0, where=np.isfinite(y))) if y.dtype.kind in "fc" else 1.0
