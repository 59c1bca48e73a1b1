"""A step of an optimizer while a training step is compiled: the same arithmetic, on traced arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_np import tracing

from .units import FLUSH_EVERY, Unit

if TYPE_CHECKING:
    from .base import Optimizer, Pass

__all__ = ["relocate", "update"]


def relocate(optimizer: Optimizer) -> None:
    """Let the small parameters lie side by side, where nobody holds their arrays: one call then updates all of them."""
    for k, waiting in enumerate(optimizer._waiting):
        optimizer._settle(k, [p for p in waiting if p.requires_grad], all_of_them=True)
    for units in optimizer._units:
        for unit in units:
            if unit.packed and not unit.together and unit.width == 1:
                moved = [tracing.relocate(p, view) for p, view in zip(unit.params, unit.data_views, strict=True)]
                unit.together = all(moved)


def update(optimizer: Optimizer, k: int, current: Pass) -> None:
    """Trace the update of group k."""
    units = optimizer._units[k]
    steps: list[_Numbers] = []
    for unit in units:
        if current.slots != unit.slots:
            optimizer._fit_slots(unit, current)
        grads = [p.grad for p in unit.params]
        unit.spread()
        i, n = 0, len(grads)
        spans: list[tuple[int, int]] = []
        while i < n:
            if grads[i] is None:
                i += 1
                continue
            j = i + 1
            while j < n and grads[j] is not None and unit.counters[j] == unit.counters[i]:
                j += 1
            spans.append((i, j))
            i = j
        unit.agree()
        for i, j in spans:
            numbers = _Numbers(optimizer, unit, current, i, j)
            steps.append(numbers)
            _span(optimizer, unit, current, i, j, grads, numbers)
    guard = _Guard(optimizer, k, current, steps)
    tracing.condition(guard.holds)
    tracing.before(guard.refresh)
    tracing.after(guard.advance)


def _switches(group: dict[str, Any]) -> Any:
    """The options that change what is computed, rather than with which numbers."""
    return [(key, value if isinstance(value, (bool, str)) else value == 0) for key, value in sorted(group.items()) if not isinstance(value, (list, tuple))]


class _Guard:
    """What a compiled update of one group rests on, and what is done around each replay."""

    def __init__(self, optimizer: Optimizer, k: int, current: Pass, steps: list[_Numbers]) -> None:
        self.optimizer, self.k, self.group, self.steps = optimizer, k, current.group, steps
        self.slots = current.slots
        self.options = [*self.group.values()]
        self.switches = _switches(self.group)
        self.units = optimizer._units[k]
        self.count = len(self.units)

    def holds(self) -> bool:
        """Whether the program does what the next step asks for; its numbers are computed on the way."""
        group = self.group
        units = self.optimizer._units[self.k]
        if self.optimizer.param_groups[self.k] is not group or units is not self.units or len(units) != self.count:
            return False
        options = [*group.values()]
        if options != self.options:
            if _switches(group) != self.switches or self.optimizer.slots(group) != self.slots:
                return False
            self.options = options
        for step in self.steps:
            if not step.look():
                return False
        return True

    def refresh(self) -> None:
        for step in self.steps:
            if step.pending is not None:
                step.refresh()

    def advance(self) -> None:
        for step in self.steps:
            step.advance()


class _Numbers:
    """The numbers of a step as arrays without axes."""

    pending: tuple[float, ...] | None = None

    def __init__(self, optimizer: Optimizer, unit: Unit, current: Pass, i: int, j: int) -> None:
        self.optimizer, self.unit, self.current, self.i, self.j = optimizer, unit, current, i, j
        self.group = current.group
        self.decoupled = current.decoupled
        self.coefficients = optimizer.coefficients
        self.whole = i == 0 and j == len(unit.params)
        self.next, self.values, self.phase = self.coefficients(self.group, unit.counters_of(i))
        if current.weight_decay != 0:
            self.values = (*self.values, 1.0 - self.group["lr"] * current.weight_decay if self.decoupled else current.weight_decay)
        self.arrays = [np.array(value, unit.real) for value in self.values]

    def look(self) -> bool:
        """Compute the numbers of the step to come; whether its arithmetic is that of the program."""
        unit = self.unit
        counters = unit.common
        if counters is None:
            counters = unit.counters[self.i]
            if any([other != counters for other in unit.counters[self.i : self.j]]):
                return False
        self.next, values, phase = self.coefficients(self.group, counters)
        decay = self.group.get("weight_decay", 0.0)
        if decay:
            values = (*values, 1.0 - self.group["lr"] * decay if self.decoupled else decay)
        self.pending = None if values == self.values else values
        return bool(phase == self.phase)

    def refresh(self) -> None:
        """Put the numbers where the program reads them."""
        assert self.pending is not None
        for array, old, new in zip(self.arrays, self.values, self.pending, strict=True):
            if old != new:
                array[()] = new
        self.values, self.pending = self.pending, None

    def advance(self) -> None:
        """Count the step."""
        unit = self.unit
        if self.whole and unit.common is not None:
            unit.common = self.next
        else:
            unit.spread()
            unit.counters[self.i : self.j] = [self.next] * (self.j - self.i)
            unit.agree()
        if self.current.slots and self.next[0] % FLUSH_EVERY == 0:
            self.optimizer._flush(unit, self.current, unit.starts[self.i], unit.starts[self.j])


def _span(optimizer: Optimizer, unit: Unit, current: Pass, i: int, j: int, grads: list[Any], numbers: _Numbers) -> None:
    """Parameters i to j - 1 of a unit, whose counts are equal."""
    current.numbers = [tracing.state(array, f"c{m}") for m, array in enumerate(numbers.arrays)]
    current.phase = numbers.phase
    start, stop = unit.starts[i], unit.starts[j]
    whole = i == 0 and j == len(unit.params)
    flats = {name: tracing.state(array, name) for name, array in unit.state.items()}
    if unit.packed:
        parts = []
        for g in grads[i:j]:
            if unit.width == 2:
                g = np.conjugate(g).view(unit.real)
            parts.append(np.reshape(g, -1))
        gradient = np.concatenate(parts) if len(parts) > 1 else parts[0]
        tracing.name(gradient, "gradients")
        states = [flats[name] if whole else flats[name][start:stop] for name in unit.slots]
        if unit.together:
            data = tracing.state(unit.data, "parameters")
            _apply(optimizer, current, data if whole else data[start:stop], gradient, states)
            return
        if j - i > 1 and stop - start <= optimizer.pack_below:
            arrays = [p.writable() for p in unit.params[i:j]]
            flat = [np.reshape(a.view(unit.real) if unit.width == 2 else a, -1) for a in arrays]
            data = np.concatenate(flat)
            _apply(optimizer, current, data, gradient, states)
            place = 0
            for array, p in zip(arrays, unit.params[i:j], strict=True):
                size = p.size * unit.width
                piece = data[place : place + size]
                array[...] = np.reshape(piece.view(unit.dtype) if unit.width == 2 else piece, p.shape)
                place += size
            return
    for m in range(i, j):
        p = unit.params[m]
        array, g = p.writable(), grads[m]
        if unit.width == 2:
            g = np.conjugate(g).view(unit.real)
            array = array.view(unit.real)
        states = [np.reshape(flats[name][unit.starts[m] : unit.starts[m + 1]], array.shape) for name in unit.slots]
        _apply(optimizer, current, array, g, states)


def _apply(optimizer: Optimizer, current: Pass, p: Any, g: Any, state: list[Any]) -> None:
    scratch = tuple([np.empty_like(p) for _ in range(optimizer.scratch + 1)])
    if current.bare:
        optimizer.update(current.group, p, g, tuple(state), current.numbers, scratch, current.phase)
    else:
        optimizer._decayed(current, p, g, tuple(state), scratch)

