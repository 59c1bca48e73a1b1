"""L-BFGS: curvature from the last differences of gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

import autograd_np as ag

from .base import Group, Optimizer
from .buffers import copied, number

__all__ = ["LBFGS"]

Point = tuple[float, Any]  # the loss and the flat gradient


class LBFGS(Optimizer):
    """Limited-memory BFGS (Nocedal, Math. Comp. 1980; Nocedal and Wright, "Numerical Optimization", algorithms 7.4, 3.5 and 3.6).

    The direction is ``-H·g``, with H built from the last ``history_size`` pairs of steps and gradient
    differences. It needs the loss of all data, without noise, and computes it several times a step: by a closure.

    Args:
        params: Tensors; one group only.
        lr: the step's length (with a line search the first one tried).
        max_iter: iterations in one call of :meth:`step`.
        max_eval: evaluations of the closure in one call; 1.25·max_iter unless given.
        tolerance_grad: stop where no element of the gradient is larger.
        tolerance_change: stop where neither the parameters nor the loss change by more.
        history_size: pairs that are kept.
        line_search_fn: None, or ``"strong_wolfe"``.

    >>> x = ag.Tensor([-1.2, 1.0], requires_grad=True)
    >>> optimizer = LBFGS([x], max_iter=60, line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2
    ...     loss.backward()
    ...     return loss
    >>> first = optimizer.step(closure)
    >>> [round(v, 3) for v in x.tolist()]
    [1.0, 1.0]
    """

    counts = ()
    at_least_zero: ClassVar[tuple[str, ...]] = ("lr", "tolerance_grad", "tolerance_change")
    NUMBERS = ("func_evals", "n_iter", "t", "H_diag", "prev_loss")
    ARRAYS = ("d", "prev_flat_grad")
    LISTS = ("old_dirs", "old_stps", "ro")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        self._memory: dict[str, Any] = {}
        super().__init__(
            params,
            {
                "lr": lr,
                "max_iter": max_iter,
                "max_eval": max_eval,
                "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change,
                "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )

    def check(self, group: Group) -> None:
        super().check(group)
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise ValueError(f"LBFGS: line_search_fn is None or 'strong_wolfe'; got {group['line_search_fn']!r}")
        for option in ("max_iter", "history_size"):
            if group[option] < 1:
                raise ValueError(f"LBFGS: {option} is at least 1; got {group[option]!r}")

    def add_param_group(self, group: Any) -> None:
        if self.param_groups:
            raise ValueError("LBFGS has one group of parameters: its curvature is of all together")
        super().add_param_group(group)

    def _flat_grad(self) -> Any:
        return np.concatenate(
            [
                _reals(np.conjugate(p.grad) if p.grad is not None else np.zeros(p.shape, p.dtype))
                for p in self.param_groups[0]["params"]
            ]
        )

    def _move(self, t: float, d: Any) -> None:
        start = 0
        for p in self.param_groups[0]["params"]:
            array = p.writable()
            stop = start + array.size * (2 if array.dtype.kind == "c" else 1)
            step = (t * d[start:stop]).astype(array.real.dtype, copy=False)
            array += step.view(array.dtype).reshape(array.shape)
            start = stop

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move the parameters. If the closure raises, or the step is interrupted, they and the state are as before it.

        Args:
            closure: zeroes the gradients, computes the loss, runs ``backward()`` and returns the loss.

        Returns:
            The loss the first call of the closure returned.

        Raises:
            TypeError: there is no closure.
        """
        if closure is None:
            raise TypeError("LBFGS: step(closure) needs the function that computes the loss and its gradients")
        if self._writing:
            self._warn("goes on from", 3)
        memory = {key: [*value] if isinstance(value, list) else value for key, value in self._memory.items()}
        before = [(p, p.numpy().copy()) for p in self.param_groups[0]["params"]]
        try:
            self._writing = True
            with np.errstate(all="ignore"):
                first = self._descend(closure, memory)
            self._memory = memory
            self._writing = False
        except BaseException:
            if self._memory is not memory:
                for p, values in before:
                    if not np.array_equal(p.numpy(), values, equal_nan=True):
                        p.writable()[...] = values
            self._writing = False
            raise
        return first

    def _descend(self, closure: Callable[[], Any], memory: dict[str, Any]) -> Any:
        group = self.param_groups[0]
        lr = float(group["lr"])
        tolerance_change = group["tolerance_change"]

        def evaluate() -> Point:
            with ag.enable_grad():
                loss = closure()
            return _number(loss), self._flat_grad()

        with ag.enable_grad():
            first = closure()
        loss, g = _number(first), self._flat_grad()
        evaluations = 1
        memory["func_evals"] = memory.get("func_evals", 0) + 1
        memory.setdefault("n_iter", 0)
        if np.abs(g).max(initial=0.0) <= group["tolerance_grad"]:
            return first
        d, t = memory.get("d"), memory.get("t", 0.0)
        differences, steps, ro = memory.get("old_dirs", []), memory.get("old_stps", []), memory.get("ro", [])
        scale = memory.get("H_diag", 1.0)
        g_before, loss_before = memory.get("prev_flat_grad"), memory.get("prev_loss", math.nan)
        iterations = 0
        while iterations < group["max_iter"]:
            iterations += 1
            memory["n_iter"] += 1
            if memory["n_iter"] == 1:
                d, differences, steps, ro, scale = -g, [], [], [], 1.0
            else:
                y, s = g - g_before, d * t
                ys = float(y @ s)
                if ys > 1e-10:  # positive curvature keeps H positive definite
                    if len(differences) >= group["history_size"]:
                        del differences[0], steps[0], ro[0]
                    differences.append(y)
                    steps.append(s)
                    ro.append(1.0 / ys)
                    scale = ys / float(y @ y)
                d = _two_loops(g, differences, steps, ro, scale)
            g_before, loss_before = g.copy(), loss
            t = min(1.0, 1.0 / float(np.abs(g).sum())) * lr if memory["n_iter"] == 1 else lr
            slope = float(g @ d)
            if slope > -tolerance_change:
                break
            used = 0
            if group["line_search_fn"] == "strong_wolfe":
                start = [p.numpy().copy() for p in group["params"]]

                def along(length: float, d: Any = d, start: list[Any] = start) -> Point:
                    self._move(length, d)
                    point = evaluate()
                    for p, values in zip(group["params"], start, strict=True):
                        p.writable()[...] = values
                    return point

                loss, g, t, used = strong_wolfe(along, t, d, loss, g, slope, max_ls=group["max_eval"] - evaluations)
                self._move(t, d)
            else:
                self._move(t, d)
                if iterations != group["max_iter"]:
                    loss, g = evaluate()
                    used = 1
            flat = np.abs(g).max() <= group["tolerance_grad"]
            evaluations += used
            memory["func_evals"] += used
            if iterations == group["max_iter"] or evaluations >= group["max_eval"] or flat:
                break
            if np.abs(d * t).max() <= tolerance_change or abs(loss - loss_before) < tolerance_change:
                break
        memory.update(
            d=d,
            t=float(t),
            old_dirs=differences,
            old_stps=steps,
            ro=ro,
            H_diag=scale,
            prev_flat_grad=g_before,
            prev_loss=loss_before,
        )
        return first

    @property
    def state(self) -> Any:
        """The state, under the first parameter."""
        return {self.param_groups[0]["params"][0]: self._memory} if self._memory else {}

    def _checked_state(self, index: int, p: ag.Tensor, values: Mapping[str, Any]) -> dict[str, Any]:
        size = sum(q.size * (2 if q.dtype.kind == "c" else 1) for q in self.param_groups[0]["params"])
        checked: dict[str, Any] = {}
        for key, value in values.items():
            if index != 0 or key not in (*self.NUMBERS, *self.ARRAYS, *self.LISTS):
                raise ValueError(
                    f"LBFGS: the saved state of parameter {index} has {key!r}, which LBFGS has not; was it saved by another kind of optimizer?"
                )
            if key in self.NUMBERS:
                checked[key] = number(value)
                continue
            value = copied(value)
            if key == "ro":
                checked[key] = [float(number(v)) for v in value]
                continue
            arrays = [value] if key in self.ARRAYS else list(value)
            for array in arrays:
                if np.shape(array) != (size,):
                    raise ValueError(
                        f"LBFGS: the saved {key!r} has shape {np.shape(array)}, the parameters have {size} numbers"
                    )
            checked[key] = np.asarray(value) if key in self.ARRAYS else [np.asarray(v) for v in arrays]
        if len({len(checked.get(key, ())) for key in self.LISTS}) > 1:
            raise ValueError("LBFGS: old_dirs, old_stps and ro of the saved state differ in length")
        return checked

    def _adopt(self, groups: list[Group], state: dict[int, dict[str, Any]]) -> None:
        super()._adopt(groups, {})
        self._memory = dict(state.get(id(groups[0]["params"][0]), {}))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._memory = {}
        super().__setstate__(state)


def _reals(array: Any) -> Any:
    """The numbers of an array in one row; of a complex one real and imaginary parts in turn."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat


def _number(loss: Any) -> float:
    return float(loss.item() if isinstance(loss, ag.Tensor) else loss)


def _two_loops(g: Any, differences: list[Any], steps: list[Any], ro: list[float], scale: float) -> Any:
    """``-H·g`` (Nocedal and Wright, algorithm 7.4)."""
    q = -g
    weights = []
    for y, s, r in zip(reversed(differences), reversed(steps), reversed(ro), strict=True):
        weight = float(s @ q) * r
        q -= weight * y
        weights.append(weight)
    q *= scale
    for y, s, r, weight in zip(differences, steps, ro, reversed(weights), strict=True):
        q += (weight - float(y @ q) * r) * s
    return q


def cubic_minimum(
    x1: float, f1: float, g1: float, x2: float, f2: float, g2: float, bounds: tuple[float, float] | None = None
) -> float:
    """Where the cubic through two points with given slopes is least, within the bounds (Nocedal and Wright, eq. 3.59)."""
    low, high = bounds if bounds is not None else (min(x1, x2), max(x1, x2))
    if x1 == x2:
        return (low + high) / 2.0
    d1 = g1 + g2 - 3.0 * (f1 - f2) / (x1 - x2)
    square = d1 * d1 - g1 * g2
    if not square >= 0.0:
        return (low + high) / 2.0
    d2 = math.sqrt(square)
    if x1 > x2:
        x1, g1, x2, g2 = x2, g2, x1, g1
    # The denominator is 0 for a straight line, whose minimum is at a bound.
    bottom = g2 - g1 + 2.0 * d2
    if bottom == 0.0:
        return high if g2 < 0.0 else low
    return min(max(x2 - (x2 - x1) * ((g2 + d2 - d1) / bottom), low), high)


def strong_wolfe(
    along: Callable[[float], Point],
    t: float,
    d: Any,
    f: float,
    g: Any,
    slope: float,
    *,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance_change: float = 1e-9,
    max_ls: int = 25,
) -> tuple[float, Any, float, int]:
    """A length that satisfies the strong Wolfe conditions (Nocedal and Wright, algorithms 3.5 and 3.6).

    Returns:
        The loss and gradient there, the length, and how often the loss was computed.
    """
    reach = float(np.abs(d).max())
    f_new, g_new = along(t)
    evaluations = 1
    slope_new = float(g_new @ d)
    before = (0.0, f, g, slope)
    bracket: list[tuple[float, float, Any, float]] = []  # length, loss, gradient, slope
    done = False
    tries = 0
    while tries < max_ls:
        now = (t, f_new, g_new, slope_new)
        if f_new > f + c1 * t * slope or (tries > 1 and f_new >= before[1]):
            bracket = [before, now]
            break
        if abs(slope_new) <= -c2 * slope:
            bracket = [now]
            done = True
            break
        if slope_new >= 0.0:
            bracket = [before, now]
            break
        t_before = before[0]
        longer = cubic_minimum(
            t_before, before[1], before[3], t, f_new, slope_new, (t + 0.01 * (t - t_before), t * 10.0)
        )
        before = now
        t = longer
        f_new, g_new = along(t)
        evaluations += 1
        slope_new = float(g_new @ d)
        tries += 1
    if tries >= max_ls and not bracket:
        bracket = [(0.0, f, g, slope), (t, f_new, g_new, slope_new)]

    stuck = False
    low, high = (0, 1) if bracket[0][1] <= bracket[-1][1] else (1, 0)
    while not done and tries < max_ls:
        least, most = min(bracket[0][0], bracket[1][0]), max(bracket[0][0], bracket[1][0])
        if (most - least) * reach < tolerance_change:
            break
        (x1, f1, _, s1), (x2, f2, _, s2) = bracket
        t = cubic_minimum(x1, f1, s1, x2, f2, s2)
        # A trial at the edge of the bracket makes no progress: the second time move inwards by a tenth.
        margin = 0.1 * (most - least)
        if min(most - t, t - least) < margin:
            if stuck or t >= most or t <= least:
                t = most - margin if abs(t - most) < abs(t - least) else least + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        f_new, g_new = along(t)
        evaluations += 1
        slope_new = float(g_new @ d)
        tries += 1
        now = (t, f_new, g_new, slope_new)
        if f_new > f + c1 * t * slope or f_new >= bracket[low][1]:
            bracket[high] = now
            low, high = (0, 1) if bracket[0][1] <= bracket[1][1] else (1, 0)
            continue
        if abs(slope_new) <= -c2 * slope:
            done = True
        elif slope_new * (bracket[high][0] - bracket[low][0]) >= 0.0:
            bracket[high] = bracket[low]
        bracket[low] = now
    # With one point the search has ended on it.
    t, f_new, g_new, _ = bracket[low if len(bracket) > 1 else 0]
    return f_new, g_new, t, evaluations
