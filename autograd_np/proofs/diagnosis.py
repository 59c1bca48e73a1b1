"""The report of a mismatch between gradient and differences: where it is, and whether there is a derivative at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .differences import Check, Direction

__all__ = ["GradcheckError", "Mismatch", "diagnose", "mismatch_at"]


@dataclass
class Mismatch:
    """Where a gradient and the differences disagree.

    Attributes:
        operation: name of the function.
        order: which derivative (1: the gradient; 2: the gradient of the gradient).
        argument: which input, in words.
        number: its position among the leaves of the inputs (and, from order 2 on, the cotangents after them).
        index: the element, None if only a joint direction of many elements disagrees.
        analytic: the gradient that the rules give.
        numeric: the central difference.
        relative: their relative difference.
        reason: what the differences say about the point, if they do not say "plain mismatch".
    """

    operation: str
    order: int
    argument: str
    number: int
    index: tuple[int, ...] | None
    analytic: Any
    numeric: Any
    relative: float
    reason: str = ""

    def __str__(self) -> str:
        kind = "gradient" if self.order == 1 else f"gradient of order {self.order}"
        where = (
            f"at index {self.index}"
            if self.index is not None
            else "along a random direction (each element alone agrees)"
        )
        head = f"{self.operation}: {kind} with respect to {self.argument}, {where}: "
        if self.reason:
            return head + self.reason
        return (
            head + f"the rule gives {self.analytic:.10g}, central differences {self.numeric:.10g} (relative error "
            f"{self.relative:.2g})"
        )


class GradcheckError(AssertionError):
    """A gradient disagrees with the differences, or cannot be compared with them.

    Attributes:
        mismatch: where and by how much, None if the comparison was impossible.
    """

    def __init__(self, message: str, mismatch: Mismatch | None = None) -> None:
        super().__init__(message)
        self.mismatch = mismatch


def mismatch_at(check: Check, number: int, flat: int, unit: complex, grads: Sequence[Any]) -> Mismatch:
    """The mismatch at one element of a variable (``unit`` 1j: in its imaginary part)."""
    direction, steps = check.element(number, flat, unit)
    _, expected, value, relative = check.agree(direction, grads, steps)
    here = float(check.scales[number].flat[flat])
    label = check.labels[number] + (" (imaginary part)" if unit == 1j else "")
    index = tuple(int(i) for i in np.unravel_index(flat, check.arrays[number].shape))
    per = here * _only_weight(check, direction)
    return Mismatch(check.name, check.order, label, number, index, expected / per + 0.0, value / per + 0.0, relative)


def _only_weight(check: Check, direction: Direction) -> float:
    """The cotangent of the one output that moves along a direction; 1 if several do: then ⟨u, f⟩ is reported."""
    moved = check.differences(direction, check.step, 3)
    if moved is None or any(y.dtype.kind == "c" for y in check.outputs):
        return 1.0
    weights = [
        u[(u != 0) & np.any([row[j] != moved[0][j] for row in moved[1:]], axis=0)]
        for j, u in enumerate(check.cotangents)
    ]
    found = np.concatenate([w.ravel() for w in weights])
    return float(found[0]) if found.size == 1 else 1.0


def diagnose(check: Check, number: int, index: tuple[int, ...], grads: Sequence[Any], unit: complex = 1.0) -> Mismatch:
    """The mismatch at an element, and what the differences on either side of it say."""
    flat = int(np.ravel_multi_index(index, check.arrays[number].shape)) if index else 0
    mismatch = mismatch_at(check, number, flat, unit, grads)
    direction, _ = check.element(number, flat, unit)
    here = float(check.scales[number].flat[flat])
    per = here * _only_weight(check, direction)
    own = float(abs(check.arrays[number].flat[flat])) / here or 1.0
    point = f"{check.arrays[number].flat[flat]:.10g}"
    gives = f"the rule gives {mismatch.analytic:.10g}"
    slopes = [_slopes(check, direction, own * step) for step in (1e-3, 1e-4, 1e-5, 1e-6)]
    sides = []
    for side in (0, 1):
        values = [pair[side] for pair in slopes]
        if None in values:
            sides.append(("unsettled", np.nan))
            continue
        steepness = np.array(values, float) / per
        if not np.isfinite(steepness).all():
            sides.append(("undefined", np.nan))
        elif abs(steepness[3] - steepness[2]) <= 1e-3 * max(np.abs(steepness[2:])) or max(np.abs(steepness)) == 0:
            sides.append(("slope", float(steepness[3])))
        elif np.all(np.abs(steepness[1:]) > 2 * np.abs(steepness[:-1])):
            sides.append(("steep", float(steepness[3])))
        else:
            sides.append(("unsettled", float(steepness[3])))
    (left, a), (right, b) = sides
    if left == right == "slope":
        if abs(a - b) > 1e-2 * max(abs(a), abs(b)):
            mismatch.reason = f"not differentiable at {point}: left slope {a:.6g}, right slope {b:.6g}; {gives}"
    elif "undefined" in (left, right):
        words = {"slope": "{:.6g}", "undefined": "undefined", "steep": "without bound", "unsettled": "unsettled"}
        mismatch.reason = (
            f"not differentiable at {point}, the edge of the domain: left slope "
            f"{words[left].format(a)}, right slope {words[right].format(b)}; {gives}"
        )
    elif "steep" in (left, right):
        words = {"slope": "{:.6g}", "steep": "without bound", "unsettled": "unsettled"}
        mismatch.reason = (
            f"not differentiable at {point} (a jump or a vertical tangent): left slope "
            f"{words[left].format(a)}, right slope {words[right].format(b)}; {gives}"
        )
    return mismatch


def _slopes(check: Check, direction: Direction, step: float) -> list[float | None]:
    """The one-sided derivatives, by three points each; None where they drown in rounding errors."""
    slopes: list[float | None] = []
    for side in (-1, 1):
        rows = []
        for k in (1, 2):
            moved = list(check.arrays)
            for number, v in direction.moves:
                moved[number] = check.arrays[number] + (side * k * step) * v
            rows.append(check.values(moved))
        total = weight = 0.0
        for y0, y1, y2, u in zip(check.outputs, *rows, check.cotangents, strict=True):
            if y1.shape != y0.shape or y2.shape != y0.shape:
                total = np.nan
                break
            used = u != 0
            near, far = y1[used] - y0[used], y2[used] - y0[used]
            total += float(np.sum((u[used] * (4 * near - far)).real))
            weight += float(np.sum((np.abs(u[used] * y0[used]))[(near != 0) | (far != 0)]))
        slopes.append(None if 0 < abs(total) < 64 * check.eps * weight else total / (2 * side * step))
    return slopes
