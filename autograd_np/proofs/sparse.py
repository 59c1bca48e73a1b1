"""The pattern of one case has every entry of the dense Jacobian, of value and of gradient, that is not 0."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from ..sparse.walk import pattern
from ..transforms.jacobian import jacobian
from .batched import functions
from .cases import INDIRECT, Case

__all__ = ["missing", "patterns"]


def missing(case: Case, order: int = 2) -> list[str]:
    """What is missing in the patterns of a case, in words; an empty list if nothing is.

    Args:
        case: a call of a primitive or a composition.
        order: 1 for the pattern of the value alone.
    """
    found = []
    for word, sets, dense in patterns(case, order):
        scale = np.max(np.abs(dense), initial=0.0, where=np.isfinite(dense))
        there = np.isfinite(dense) & (np.abs(dense) > 1e-9 * scale)
        if np.any(there & ~sets):
            found.append(f"{word}: {int(np.sum(there & ~sets))} of {int(np.sum(there))} entries are not in the pattern")
    return found


def patterns(case: Case, order: int = 2) -> list[tuple[str, Any, Any]]:
    """For the value, and the gradient: the word, its pattern as truth values, and the dense Jacobian."""
    operands = case.arrays()
    places = [k for k, a in enumerate(operands) if a.dtype.kind in "fc"]
    if not places or case.name in ("empty", "empty_like", *INDIRECT) or not case.primitive.differentiable:
        return []
    values = [np.array(operands[k]) for k in places]
    found = []
    for word, f in functions(case)[: min(order, 2)]:
        f = _of_places(f, operands, places)
        with np.errstate(all="ignore"):
            try:
                rows: Any = jacobian(f, tuple(range(len(places))))(*values)
            except Exception:  # noqa: BLE001 - there is nothing to compare with
                break
        dense = [
            np.concatenate(
                [
                    np.reshape(block, (math.prod(block.shape[: block.ndim - v.ndim]), v.size))
                    for block, v in zip(row, values, strict=True)
                ],
                axis=1,
            )
            for row in rows
        ]
        if not dense:
            break
        found.append((word, pattern(f, values).toarray(), np.concatenate(dense)))
    return found


def _of_places(f: Callable[..., Any], operands: list[Any], places: list[int]) -> Callable[..., Any]:
    """The floating outputs of a function of the floating operands; of complex ones both parts."""

    def of_floating(*given: Any) -> list[Any]:
        arrays = list(operands)
        for k, value in zip(places, given, strict=True):
            arrays[k] = value
        outputs = [y for y in f(*arrays) if isinstance(y, Tensor) and y.dtype.kind in "fc"]
        return [part for y in outputs for part in ((np.real(y), np.imag(y)) if y.dtype.kind == "c" else (y,))]

    return of_floating
