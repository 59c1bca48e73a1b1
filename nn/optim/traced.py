"""A step of an optimizer while a training step is compiled: the same arithmetic, on traced arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_np as ag
from autograd_np import tracing

from .buffers import FLUSH_EVERY, Unit, flush_bias

if TYPE_CHECKING:
    from .stepping import Pass, Stepping

__all__ = ["relocate", "update"]


# What the literature calls what PyTorch keeps under other names.
_WORDS = {
    "exp_avg": "m", "exp_avg_sq": "v", "max_exp_avg_sq": "v_max", "momentum_buffer": "velocity", "square_avg": "v", "grad_avg": "mean", "acc_delta": "u",
    "sum": "s",
}  # fmt: skip


def relocate(optimizer: Stepping) -> None:
    """Let the small parameters lie side by side, where nobody holds their arrays: one call then updates all of them."""
    for k, waiting in enumerate(optimizer._waiting):
        there = len(optimizer._units[k])
        optimizer._settle(k, [p for p in waiting if p.requires_grad], all_of_them=True)
        for unit in optimizer._units[k][there:]:
            unit.ahead = True
    for units in optimizer._units:
        for unit in units:
            if not unit.packed or unit.width != 1:
                continue
            joined = tracing.side_by_side(unit.params)  # (as an optimizer before this one has left them)
            if joined is not None and joined is not unit.data:
                unit.take(joined)
            moved = (
                [tracing.relocate(p, view) for p, view in zip(unit.params, unit.data_views, strict=True)]
                if joined is None
                else []
            )
            unit.together = all(moved)


def update(optimizer: Stepping, k: int, current: Pass) -> None:
    """Trace the update of group k."""
    units, group = optimizer._units[k], optimizer.param_groups[k]
    steps: list[_Numbers] = []
    foreign = type(optimizer).__module__.rpartition(".")[0] != __package__
    own = _own(optimizer) if foreign else None
    watched = _Watched(group) if foreign else None
    current.group = group if watched is None else watched
    for unit in units:
        if current.slots != unit.slots:
            optimizer._fit_slots(unit, current)
        grads = [p.grad for p in unit.params]
        spans = unit.spans(grads)
        unit.agree()
        for i, j in spans:
            numbers = _Numbers(optimizer, unit, current, group, i, j)
            steps.append(numbers)
            _span(optimizer, unit, current, i, j, grads, numbers)
    current.group = group
    if foreign and _own(optimizer) != own:
        raise ag.CompileError(
            f"compile: {type(optimizer).__name__} changes attributes of its own in a step, which a program does not do; "
            "keep arrays in slots(), and counts in the counters"
        )
    guard = _Guard(optimizer, k, group, current.slots, steps, own, watched.read if watched is not None else ())
    if k == 0:
        tracing.torn(optimizer._torn)
    tracing.condition(guard.holds)
    tracing.before(guard.refresh)
    tracing.after(guard.advance)


class _Watched(dict[str, Any]):
    """The options of a group, that notes which of them an optimizer from outside looks at: their values are part of the program."""

    def __init__(self, group: dict[str, Any]) -> None:
        super().__init__(group)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)


_SHARED = frozenset(
    {"defaults", "param_groups", "_units", "_waiting", "_scratch", "_numbers", "_looked_at", "_writing", "_has_trained"}
)


def _own(optimizer: Stepping) -> Any:
    """What an optimizer from outside holds beside what they all do: numbers and texts, and which objects."""
    return [
        (
            key,
            value
            if isinstance(value, (bool, int, float, complex, str))
            else (id(value), len(value) if hasattr(value, "__len__") else None),
        )
        for key, value in vars(optimizer).items()
        if key not in _SHARED
    ]


def _switches(group: dict[str, Any]) -> Any:
    """The options that change what is computed, rather than with which numbers."""
    return [
        (key, value if isinstance(value, (bool, str)) else value == 0)
        for key, value in sorted(group.items())
        if not isinstance(value, (list, tuple))
    ]


class _Guard:
    """What a compiled update of one group rests on, and what is done around each replay."""

    def __init__(
        self,
        optimizer: Stepping,
        k: int,
        group: dict[str, Any],
        slots: tuple[str, ...],
        steps: list[_Numbers],
        own: Any,
        read: Any,
    ) -> None:
        self.optimizer, self.k, self.group, self.steps, self.slots = optimizer, k, group, steps, slots
        self.groups = len(optimizer.param_groups)
        self.seen = dict(group)
        self.switches = _switches(group)
        self.fixed = {key: group.get(key) for key in read}
        self.own = own
        self.units = optimizer._units[k]
        self.count = len(self.units)

    def holds(self) -> Any:
        """True if the program does what the next step asks for, else NaN, which equals nothing; the step's numbers are computed on the way."""
        group, optimizer = self.group, self.optimizer
        units, groups = optimizer._units[self.k], optimizer.param_groups
        if (
            units is not self.units
            or len(units) != self.count
            or len(groups) != self.groups
            or groups[self.k] is not group
        ):
            return math.nan
        try:
            same = group == self.seen
        except ValueError:  # other parameters in the list: Tensors, whose == is an array
            same = False
        if not same and not self._look_again(group):
            return math.nan
        if self.own is not None and _own(optimizer) != self.own:
            return math.nan
        for step in self.steps:
            if not step.look():
                return math.nan
        return True

    def _look_again(self, group: dict[str, Any]) -> bool:
        """Whether the program does for options that have changed."""
        if _switches(group) != self.switches or self.optimizer.slots(group) != self.slots:
            return False
        if any(group.get(key) != value for key, value in self.fixed.items()):
            return False
        for step in self.steps:
            step.made_of = ()
        self.seen = dict(group)
        return True

    def written(self) -> list[tracing.Numbers]:
        """What is done around each replay, in a form that can be written into a file."""
        return [step.written() for step in self.steps]

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
    made_of: Any = ()  # the counts that `values` were computed of, with the options as they are

    def __init__(self, optimizer: Stepping, unit: Unit, current: Pass, group: dict[str, Any], i: int, j: int) -> None:
        self.optimizer, self.unit, self.current, self.i, self.j = optimizer, unit, current, i, j
        self.group = group
        self.decoupled = current.decoupled
        self.coefficients = optimizer.coefficients
        self.whole = i == 0 and j == len(unit.params)
        self.next, self.values, self.phase = optimizer._step_numbers(self.group, unit.counters_of(i))
        self.arrays = [np.array(value, unit.real) for value in self.values]

    def look(self) -> bool:
        """Compute the numbers of the step to come; whether its arithmetic is that of the program."""
        unit = self.unit
        counters = unit.common
        if counters is None:
            counters = unit.counters[self.i]
            if any(other != counters for other in unit.counters[self.i : self.j]):
                return False
        if counters == self.made_of:  # (the phase too is what it was)
            self.pending = None
            return True
        self.next, values, phase = self.optimizer._step_numbers(self.group, counters)
        if phase != self.phase:
            return False
        if values == self.values:
            self.pending, self.made_of = None, counters
        else:
            self.pending, self.made_of = values, ()
        return True

    def refresh(self) -> None:
        """Put the numbers where the program reads them."""
        assert self.pending is not None
        old, self.values = self.values, ()  # (where this is interrupted, all of them are put there anew)
        if len(old) == len(self.pending):
            for array, before, now in zip(self.arrays, old, self.pending, strict=True):
                if before != now:
                    array[()] = now
        else:
            for array, now in zip(self.arrays, self.pending, strict=True):
                array[()] = now
        self.values, self.pending = self.pending, None

    def written(self) -> tracing.Numbers:
        """Options and counts as they are now, and the function that makes the numbers of the next step of them."""
        unit, group = self.unit, self.group
        decay = group.get("weight_decay", 0.0)
        flushed = []
        for name, factor, first in self.optimizer.decays(group):
            bias = (
                flush_bias(unit.real, float(factor), first)
                if name in unit.state and name in self.current.slots
                else None
            )
            if bias is not None:
                flushed.append((unit.state[name][unit.starts[self.i] : unit.starts[self.j]], bias))
        return tracing.Numbers(
            self.coefficients,
            {key: value for key, value in group.items() if isinstance(value, (int, float, str, tuple, type(None)))},
            unit.counters_of(self.i),
            self.arrays,
            ("one_minus_lr_decay" if self.decoupled else "weight_decay") if decay else None,
            self.phase,
            flushed,
            FLUSH_EVERY,
        )

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


def _span(optimizer: Stepping, unit: Unit, current: Pass, i: int, j: int, grads: list[Any], numbers: _Numbers) -> None:
    """Parameters i to j - 1 of a unit, whose counts are equal."""
    words = [*optimizer.coefficient_names]
    current.numbers = [
        tracing.state(array, words[m] if m < len(words) else f"c{m}") for m, array in enumerate(numbers.arrays)
    ]
    if current.weight_decay != 0:
        tracing.name(current.numbers[-1], "one_minus_lr_decay" if current.decoupled else "weight_decay")
    current.phase = numbers.phase
    start, stop = unit.starts[i], unit.starts[j]
    whole = i == 0 and j == len(unit.params)
    flats = {name: tracing.state(array, _WORDS.get(name, name)) for name, array in unit.state.items()}
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
        for name, view in zip(unit.slots, states, strict=True):
            tracing.name(flats[name], _WORDS.get(name, name), p)
            tracing.name(view, _WORDS.get(name, name), p)
        _apply(optimizer, current, array, g, states)


def _apply(optimizer: Stepping, current: Pass, p: Any, g: Any, state: list[Any]) -> None:
    scratch = tuple([np.empty_like(p) for _ in range(optimizer.scratch + 1)])
    optimizer._apply(current, p, g, tuple(state), scratch)
