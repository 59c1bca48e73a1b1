"""Gradients against central differences in float64: the measurement behind ``gradcheck`` and the proofs.

How a derivative is measured. Along a direction v the function is evaluated at x ± h·v, x ± 2h·v, x ± 3h·v,
and ⟨u, f⟩ is differenced output by output (an output that does not change adds no rounding error):

    D = (45·(f₁ - f₋₁) - 9·(f₂ - f₋₂) + (f₃ - f₋₃)) / 60h,     error h⁶·f⁽⁷⁾/140

With h = 0.002 times the size of x, truncation and rounding both lie about seven digits below the relative
tolerance of 1e-6, so the measured value may be held to the rule's without an absolute floor. Where the two
disagree, the step is varied over ten decades and the step of least error decides; the only allowance beside
the relative tolerance is the rounding error at that step: of the outputs' size, or as measured by the fifth
difference on one side of x, which is zero for whatever is smooth there. A kink or a jump at x is smooth on
either side, so it gets no allowance, and is named as such.

Small inputs are checked element by element, large ones along random dense directions over the elements whose
gradients are of similar size, so that large gradients cannot hide an error in small ones; after a failure the
elements are searched for the worst.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine.modes import enable_grad, no_grad
from ..engine.tensor import Tensor, as_argument
from ..transforms.grad import gradients
from .diagnosis import GradcheckError, Mismatch, diagnose, mismatch_at

__all__ = ["STEP", "Check", "Direction"]

STEP = 2e-3
# No step is a multiple of another: a fast wave must not look like the same slow one at two of them.
LADDER = (0.4653, 0.1031, 2.247e-2, 2.0e-3, 2.141e-4, 1.877e-5, 2.063e-6, 1.929e-7, 2.171e-8, 1.913e-9, 2.087e-10)
# How many elements are checked one by one; beyond that, along dense directions.
EXHAUSTIVE = 64
# Rounding errors of this many units are allowed for (a function is rarely rounded correctly).
ROUNDING = 4.0
# A dense direction covers elements whose gradients lie within this factor of each other.
BAND = 1e3
SEARCHED = 4096


class Direction:
    """A direction in the space of the inputs: one array per variable that moves."""

    __slots__ = ("cache", "moves")

    def __init__(self, moves: list[tuple[int, Any]]) -> None:
        self.moves = moves
        self.cache: dict[Any, Any] = {}

    def along(self, grads: Sequence[Any]) -> float:
        """The directional derivative that the gradients give."""
        return float(np.sum([np.sum((grads[k] * v).real) for k, v in self.moves]))

    def least(self, grads: Sequence[Any]) -> float:
        """The smallest of the magnitudes that ``along`` adds up: what the relative tolerance refers to."""
        return min(float(np.min(np.abs(grads[k][v != 0] * v[v != 0]), initial=np.inf)) for k, v in self.moves)


class Check:
    """The comparison at one order: a function of float arrays, its cotangent, and the differences measured so far.

    The differences depend on the function's values alone, so one check can judge many gradients (see mutate.py).

    Args:
        call: takes and returns lists of Tensors.
        arrays: the point, float64 or complex128.
        labels: words for each array.
        name: the function's, for messages.
        order: 1 compares the gradient with differences of ``call``, 2 the gradient's gradient with
            differences of the gradient, and so on.
        rtol: relative tolerance.
        step: relative step of the first measurement.
        seed: of cotangents and directions.
        exhaustive: every element (True), dense directions (False), or by the number of elements (None).
    """

    def __init__(
        self,
        call: Callable[[list[Tensor]], list[Tensor]],
        arrays: Sequence[Any],
        labels: Sequence[str],
        *,
        name: str = "f",
        order: int = 1,
        rtol: float = 1e-6,
        step: float = STEP,
        seed: int = 0,
        exhaustive: bool | None = None,
    ) -> None:
        self.call = call
        self.name = name
        self.order = order
        self.rtol = rtol
        self.step = step
        self.rng = np.random.default_rng(seed)
        self.worst = 0.0
        self.inputs = len(arrays)
        self.arrays = [np.array(a) for a in arrays]
        self.labels = list(labels)
        self.scales = [_scale(a) for a in self.arrays]
        self.levels: list[int] = []  # how many cotangents each level of differentiation adds
        for level in range(order):
            outputs = self.values(self.arrays)
            cotangents = [self._cotangent(y) for y in outputs]
            if level == order - 1:
                self.outputs, self.cotangents = outputs, cotangents
                break
            self.levels.append(len(outputs))
            self.arrays += cotangents
            self.labels += [
                f"the cotangent of {'output' if level == 0 else 'gradient'} {j}" for j in range(len(outputs))
            ]
            self.scales += [np.abs(u) for u in cotangents]
        self.eps = max([float(np.finfo(y.dtype).eps) for y in self.outputs], default=0.0)
        total = sum(int(np.count_nonzero(s)) for s in self.scales)
        self.exhaustive = total <= EXHAUSTIVE if exhaustive is None else exhaustive
        self._jitter: list[Any] | None = None
        self._elements: dict[tuple[Any, ...], Direction] = {}

    def _cotangent(self, y: Any) -> Any:
        """Random numbers of magnitude 0.5 to 1.5; 0 for what is not finite, which cannot be differenced."""

        def draw() -> Any:
            return self.rng.uniform(0.5, 1.5, y.shape) * np.where(self.rng.random(y.shape) < 0.5, -1.0, 1.0)

        u = draw() + 1j * draw() if y.dtype.kind == "c" else draw()
        return np.where(np.isfinite(y), u, 0.0).astype(y.dtype)

    # ------------------------------------------------------------ the function and its gradients

    def _on_tape(self, arrays: Sequence[Any], create: bool) -> tuple[list[Tensor], list[Any]]:
        """The variables as leaves, and the value at this order."""
        recorded = create or bool(self.levels)
        leaves = [as_argument(Tensor(np.asarray(a))) if recorded else Tensor(np.asarray(a)) for a in arrays]
        variables = leaves[: self.inputs]
        values: list[Any] = list(self.call(variables))
        at = self.inputs
        for number, count in enumerate(self.levels):
            last = number == len(self.levels) - 1
            cotangents = leaves[at : at + count]
            at += count
            found = gradients(values, variables, cotangents, create_graph=create or not last, allow_unused=True)
            values = [np.zeros_like(x._values) if g is None else g for g, x in zip(found, variables, strict=True)]
            if create or not last:
                values = [g if isinstance(g, Tensor) else Tensor(g) for g in values]
            variables = variables + cotangents
        return leaves, values

    def values(self, arrays: Sequence[Any]) -> list[Any]:
        """The value at this order: the outputs for order 1, the gradients for order 2."""
        with np.errstate(all="ignore"):
            if not self.levels:
                with no_grad():
                    _, values = self._on_tape(arrays, False)
            else:
                with enable_grad():
                    _, values = self._on_tape(arrays, False)
        return [np.asarray(v._values if isinstance(v, Tensor) else v) for v in values]

    def analytic(self, arrays: Sequence[Any] | None = None) -> list[Any]:
        """The gradients of ⟨cotangents, value⟩ that the rules give, at the point or at other arrays."""
        with np.errstate(all="ignore"), enable_grad():
            leaves, values = self._on_tape([a.copy() for a in self.arrays] if arrays is None else arrays, True)
            found = gradients(values, leaves, [u.copy() for u in self.cotangents], allow_unused=True)
        results = []
        for label, x, g in zip(self.labels, self.arrays, found, strict=True):
            g = np.zeros_like(x) if g is None else np.asarray(g)
            if g.shape != x.shape or g.dtype != x.dtype:
                raise GradcheckError(
                    f"{self.name}: the gradient of {label} is {g.shape} {g.dtype}, but {label} is {x.shape} {x.dtype}"
                )
            results.append(g)
        return results

    def jitter(self) -> list[Any]:
        """The rounding error of the rules' gradients, element by element.

        Measured by second differences of the gradients over steps so small (1e-11) that they are zero for
        whatever is smooth on either side of the point: a sum of terms that cancel, as the derivative of
        sin² + cos², has an error as large as the terms, although neither values nor gradients show their size.
        """
        if self._jitter is None:
            found = [np.zeros(a.shape) for a in self.arrays]
            way = [
                self.rng.uniform(0.5, 1.0, a.shape) * s * 1e-11 for a, s in zip(self.arrays, self.scales, strict=True)
            ]
            for side in (-1, 1):
                rows = [
                    self.analytic([a + side * k * v for a, v in zip(self.arrays, way, strict=True)])
                    for k in range(1, 7)
                ]
                for before, here, after in zip(rows, rows[1:], rows[2:], strict=False):
                    for i, (f, g, h) in enumerate(zip(before, here, after, strict=True)):
                        bend = np.abs((f - g) - (g - h))
                        found[i] = np.maximum(found[i], np.where(np.isfinite(bend), bend, 0.0))
            self._jitter = found
        return self._jitter

    # ------------------------------------------------------------ measuring

    def differences(self, direction: Direction, step: float, points: int) -> list[list[Any]] | None:
        """f(x + k·step·v) for k = -points … points without 0: a list per point; None if one is not finite."""
        key = (step, points)
        if key not in direction.cache:
            rows = []
            for k in (*range(-points, 0), *range(1, points + 1)):
                moved = list(self.arrays)
                for number, v in direction.moves:
                    moved[number] = self.arrays[number] + (k * step) * v
                try:
                    rows.append(self.values(moved))
                except (np.linalg.LinAlgError, FloatingPointError):
                    rows.append([np.full(y.shape, np.nan) for y in self.outputs])
            usable = all(
                y.shape == y0.shape and bool(np.isfinite(y[u != 0]).all())
                for row in rows
                for y, y0, u in zip(row, self.outputs, self.cotangents, strict=True)
            )
            direction.cache[key] = rows if usable else None
        return direction.cache[key]  # type: ignore[no-any-return]

    def _measure(self, direction: Direction, step: float) -> tuple[float, float, float] | None:
        """(derivative, what the next lower order of differences says, rounding error) along a direction."""
        key = ("measured", step)
        if key in direction.cache:
            return direction.cache[key]  # type: ignore[no-any-return]
        rows = self.differences(direction, step, 3)
        result = None
        if rows is not None:
            sixth = fourth = noise = unmoved = 0.0
            for *f, u in zip(*rows, self.cotangents, strict=True):
                used = u != 0
                u = u[used]
                f3, f2, f1, g1, g2, g3 = [y[used] for y in f]
                a, b, c = g1 - f1, g2 - f2, g3 - f3
                sixth += float(np.sum((u * (45 * a - 9 * b + c)).real)) / 60
                fourth += float(np.sum((u * (8 * a - b)).real)) / 12
                weight = np.abs(u) * np.maximum(np.abs(g3), np.abs(f3))
                noise += float(np.sum(weight[(a != 0) | (b != 0) | (c != 0)]))
                unmoved += float(np.sum(weight))
            result = (sixth / step, fourth / step, 2 * self.eps * (noise or unmoved) / step)
            if not np.all(np.isfinite(result)):
                result = None
        direction.cache[key] = result
        return result

    def _roughness(self, direction: Direction, step: float) -> float:
        """The rounding error of ⟨u, f⟩ measured by fifth differences on either side of the point."""
        key = ("rough", step)
        if key not in direction.cache:
            rows = self.differences(direction, step, 6)
            rough = 0.0
            if rows is not None:
                for *f, u in zip(*rows, self.cotangents, strict=True):
                    for side in (f[:6], f[6:]):
                        # From the nearest value, so that an output that does not move counts exactly nothing.
                        b, c, d, e, last = (y - side[0] for y in side[1:])
                        fifth = last - 5 * e + 10 * d - 10 * c + 5 * b
                        rough = max(rough, float(np.sum(np.abs(u[u != 0]) * np.abs(fifth[u != 0]))))
            direction.cache[key] = rough / 8
        return float(direction.cache[key])

    def _settled(self, direction: Direction, steps: Sequence[float]) -> tuple[float, float] | None:
        """(derivative, rounding error) at the step of least error; None if no step gives finite values."""
        key = ("settled", *steps)
        if key not in direction.cache:
            smallest = [self._roughness(direction, step) for step in sorted(steps)[:2]]
            level = max(smallest)
            found: dict[float, tuple[float, float, float]] = {}
            finer, unsure = 0.0, 0.0
            for step in sorted(steps):
                measured = self._measure(direction, step)
                if measured is None:
                    continue
                value, lower, noise = measured
                noise = max(noise, level / step)
                # Coarse steps over a wave agree with their own lower order by chance, but not with a finer step.
                error = abs(value - lower) + noise + max(0.0, abs(value - finer) - ROUNDING * unsure)
                found[step] = (error, value, noise)
                finer, unsure = value, noise
            # The least relative error; where nothing stands out of the rounding errors, the least absolute one.
            rough: set[float] = set()
            best = self._smoothest(direction, found, rough, lambda each: each[0] / (abs(each[1]) or 1e-300))
            if best is not None and best[0] > 0.1 * abs(best[1]):
                best = self._smoothest(direction, found, rough, lambda each: each[0])
            direction.cache[key] = None if best is None else best[1:]
        return direction.cache[key]  # type: ignore[no-any-return]

    def _smoothest(
        self,
        direction: Direction,
        found: dict[float, tuple[float, float, float]],
        rough: set[float],
        rank: Callable[[tuple[float, float, float]], float],
    ) -> tuple[float, float, float] | None:
        """The measurement that ranks first, once the roughness over its step is in its error (see ``rough``)."""
        while found:
            step = min(found, key=lambda each: rank(found[each]))
            if step in rough:
                return found[step]
            rough.add(step)
            error, value, noise = found[step]
            found[step] = (error + self._roughness(direction, step) / step, value, noise)
        return None

    # ------------------------------------------------------------ comparing

    def agree(
        self, direction: Direction, grads: Sequence[Any], steps: Sequence[float]
    ) -> tuple[bool, float, float, float]:
        """(whether they agree, analytic, numeric, relative error) along a direction."""
        expected = direction.along(grads)
        single = self._single(direction)
        least = direction.least(grads)
        first = self._measure(direction, self.step)
        if first is not None:
            value, _, noise = first
            size = max(abs(value), abs(expected)) if single else least
            error = abs(value - expected)
            if error <= self.rtol * size:
                relative = error / size if error else 0.0
                # Where rounding decides the digits that agree, they say nothing about the rule.
                if ROUNDING * noise < 0.1 * self.rtol * size:
                    self.worst = max(self.worst, relative)
                return True, expected, value, relative
        settled = self._settled(direction, steps)
        if settled is None:
            return False, expected, np.nan, np.inf
        value, noise = settled
        size = max(abs(value), abs(expected)) if single else least
        error = abs(value - expected)
        relative = float(error / max(abs(value), abs(expected), np.finfo(float).tiny))
        # What a gradient smaller than any number would have to be rounded to.
        noise += float(np.finfo(np.float64).tiny * np.sum([np.sum(np.abs(v)) for _, v in direction.moves]))
        good = error <= self.rtol * size + ROUNDING * noise
        if not good and np.isfinite(error):
            noise += float(np.sum([np.sum(self.jitter()[k] * np.abs(v)) for k, v in direction.moves]))
            # What a gradient smaller than any number would have to be rounded to.
        noise += float(np.finfo(np.float64).tiny * np.sum([np.sum(np.abs(v)) for _, v in direction.moves]))
        good = error <= self.rtol * size + ROUNDING * noise
        return bool(good), expected, value, relative

    @staticmethod
    def _single(direction: Direction) -> bool:
        return len(direction.moves) == 1 and np.count_nonzero(direction.moves[0][1]) == 1

    def element(self, number: int, index: int, unit: complex = 1.0) -> tuple[Direction, tuple[float, ...]]:
        """The direction of one element of a variable, and the steps to try along it."""
        key = (number, index, unit)
        array, scale = self.arrays[number], self.scales[number]
        here = float(scale.flat[index])
        if key not in self._elements:
            v = np.zeros(array.shape, array.dtype)
            v.flat[index] = here * unit
            self._elements[key] = Direction([(number, v)])
        # A second ladder relative to the element itself, where that is far from the array's typical size.
        own = float(abs(array.flat[index])) / here
        steps = set(LADDER) | ({own * step for step in LADDER} if own and not 0.1 < own < 10 else set())
        return self._elements[key], tuple(sorted(steps, reverse=True))

    def _units(self, number: int) -> tuple[complex, ...]:
        return (1.0, 1j) if self.arrays[number].dtype.kind == "c" else (1.0,)

    def verify(self, grads: Sequence[Any], *, locate: bool = True) -> Mismatch | None:
        """The worst disagreement between ``grads`` and the differences, None if there is none.

        Args:
            grads: one gradient per variable, as :meth:`analytic` returns them.
            locate: False to return the first disagreement rather than search for the worst.
        """
        for number, g in enumerate(grads):
            live = self.scales[number] != 0
            bad: Any = (
                np.argwhere(~np.isfinite(g) & live)
                if g.ndim
                else (np.zeros((1, 0), int) if live and not np.isfinite(g) else [])
            )
            if len(bad):
                return diagnose(self, number, tuple(int(i) for i in bad[0]), grads)
        if self.exhaustive:
            return self._search([k for k in range(len(grads)) if grads[k].size], grads, locate)
        failed = self._probe(grads)
        if failed is None:
            return None
        numbers = sorted({number for number, _ in failed.moves})
        found = self._search(numbers, grads, locate, only={k: v != 0 for k, v in failed.moves})
        if found is not None:
            return found
        _, expected, value, relative = self.agree(failed, grads, LADDER)
        words = " and ".join(self.labels[k] for k in numbers)
        return Mismatch(self.name, self.order, words, numbers[0], None, expected, value, relative)

    def _probe(self, grads: Sequence[Any]) -> Direction | None:
        """A dense direction along which gradients and differences disagree."""
        sizes = [np.abs(g) * s for g, s in zip(grads, self.scales, strict=True)]
        used = [s != 0 for s in self.scales]
        flat = np.concatenate([size[live].ravel() for size, live in zip(sizes, used, strict=True)] or [np.zeros(0)])
        flat = flat[flat != 0]
        edges = []
        if flat.size:
            top = float(flat.max())
            while top >= flat.min():
                edges.append((top / BAND, top))
                rest = flat[flat <= top / BAND]
                if not rest.size:
                    break
                top = float(rest.max())
        bands = [
            [live & (size > low) & (size <= high) for size, live in zip(sizes, used, strict=True)]
            for low, high in edges
        ]
        bands.append([live & (size == 0) for size, live in zip(sizes, used, strict=True)])
        for band in bands:
            if not any(mask.any() for mask in band):
                continue
            for _ in range(2):
                signs = [
                    self.rng.uniform(0.5, 1, s.shape) * np.where(self.rng.random(s.shape) < 0.5, -1.0, 1.0)
                    for s in self.scales
                ]
                if any(a.dtype.kind == "c" for a in self.arrays):
                    turn = [self.rng.uniform(0, 2 * np.pi, s.shape) for s in self.scales]
                    signs = [
                        s * np.exp(1j * t) if a.dtype.kind == "c" else s
                        for s, t, a in zip(signs, turn, self.arrays, strict=True)
                    ]
                moves = [
                    (k, np.where(mask, signs[k] * self.scales[k], 0.0)) for k, mask in enumerate(band) if mask.any()
                ]
                direction = Direction(moves)
                if self.agree(direction, grads, LADDER)[0]:
                    continue
                own = [
                    (k, np.where(self.arrays[k] != 0, signs[k] * np.abs(self.arrays[k]), v) * (v != 0))
                    for k, v in moves
                ]
                if not self.agree(Direction(own), grads, LADDER)[0]:
                    return direction
        return None

    def _search(
        self, numbers: Sequence[int], grads: Sequence[Any], locate: bool, only: dict[int, Any] | None = None
    ) -> Mismatch | None:
        """The worst element among some variables."""
        worst: tuple[float, int, int, complex] | None = None
        seen = 0
        for number in numbers:
            live = self.scales[number] != 0
            if only is not None:
                live = live & only[number]
            for index in np.flatnonzero(live):
                seen += 1
                if seen > SEARCHED and worst is not None:
                    break
                for unit in self._units(number):
                    direction, steps = self.element(number, int(index), unit)
                    good, _, _, relative = self.agree(direction, grads, steps)
                    if not good and (worst is None or relative > worst[0]):
                        worst = (relative, number, int(index), unit)
                        if not locate:
                            return mismatch_at(self, number, int(index), unit, grads)
        if worst is None:
            return None
        return diagnose(
            self,
            worst[1],
            tuple(int(i) for i in np.unravel_index(worst[2], self.arrays[worst[1]].shape)),
            grads,
            worst[3],
        )


def _scale(a: Any) -> Any:
    """A natural step per element; 0 for what is not finite.

    It is the element's magnitude, or a hundredth of the array's typical one where that is more.
    """
    size = np.abs(a)
    finite = np.isfinite(size)
    nonzero = size[finite & (size > 0)]
    typical = float(np.median(nonzero)) if nonzero.size else 1.0
    scale = np.where(size > 0, np.maximum(size, 0.01 * typical), typical)
    return np.where(finite, scale, 0.0)
