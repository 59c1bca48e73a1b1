"""The step of an optimizer: updates in place, of packs of small parameters and blocks of large ones.

A step is a handful of NumPy calls on whole stretches of memory, and allocates nothing:

* **Packs.** Small parameters of one group and dtype share flat buffers. Gradients and values are copied
  in, the update runs once over the pack, the values are copied back: calls, not elements, are what small
  parameters cost.
* **Blocks.** A large parameter is updated where it lies, a block at a time, so that gradient, value and
  moments of the block stay in the cache through the dozen calls of the update.

Elementwise arithmetic gives the same bits in either form.

A moment that decays for thousands of steps without a gradient (the weights of a unit that died) reaches
subnormal numbers, on which many processors compute ten times slower. Every 16 steps ``(m + c) - c``
rounds to zero what lies under about 1e-30 in float32 (first moments) or 1e-37 (second moments), 1e-300
in float64, and leaves everything larger as it is to that absolute accuracy.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

import autograd_np as ag
from autograd_np import tracing

from . import traced
from .buffers import FLUSH_EVERY, Counters, Unit, flush_bias
from .definition import Definition
from .groups import Group

__all__ = ["Stepping"]


_MIXTURE = (
    "parameters and state are partly those before it and partly those after; load the last checkpoint into the model and the optimizer "
    "(fit(resume=True) does), or go on from the mixture"
)


class Pass:
    """What one step has to know of a group: its options as they are now, and the numbers that units with equal counts share."""

    __slots__ = (
        "after",
        "bare",
        "before",
        "decoupled",
        "group",
        "maximize",
        "numbers",
        "phase",
        "real",
        "slots",
        "weight_decay",
    )

    def __init__(self, group: Group, slots: tuple[str, ...]) -> None:
        self.group = group
        self.slots = slots
        self.weight_decay = group.get("weight_decay", 0.0)
        self.decoupled = group.get("decoupled_weight_decay", False)
        self.maximize = group.get("maximize", False)
        self.bare = self.weight_decay == 0 and not self.maximize
        self.before: Any = None
        self.after: Counters = ()
        self.numbers: list[Any] = []
        self.phase: Any = None
        self.real: Any = None


class Stepping(Definition):
    """The memory of an optimizer's state, and the step."""

    param_groups: list[Group]
    defaults: Group

    def _start(self) -> None:
        """No memory is taken yet."""
        self._units: list[list[Unit]] = [[] for _ in self.param_groups]
        self._waiting: list[list[ag.Tensor]] = [list(group["params"]) for group in self.param_groups]
        self._scratch: dict[Any, list[Any]] = {}
        self._numbers: dict[Any, tuple[list[float], list[Any]]] = {}
        self._looked_at: dict[int, Group] = {}  # options of later groups that have been found to give numbers
        # From the first write of a step to its end, and after a step that was interrupted in between.
        self._writing = False
        self._has_trained = False  # or has said that it doesn't

    def _say_if_idle(self) -> None:
        """Warn, once, of a first step that changes nothing, for no parameter has a gradient."""
        self._has_trained = True
        if any(p.grad is not None for group in self.param_groups for p in group["params"]):
            return
        first = next((p for group in self.param_groups for p in group["params"]), None)
        if first is not None:
            called = first.name or f"the first one, of shape {first.shape}"
            warnings.warn(
                f"{type(self).__name__}.step: no parameter has a gradient ({called}, …), so nothing is trained; call loss.backward() before it, and "
                "make the optimizer of the parameters that the model has now (after model.to(dtype) they are new ones)",
                RuntimeWarning,
                stacklevel=5,
            )

    @np.errstate(all="ignore")
    def _update_all(self) -> None:
        if self._writing:
            self._warn("goes on from", 11 if tracing.is_tracing() else 5)
        tracing.compare_here(self._gradients)
        if not self._has_trained:
            self._say_if_idle()
        try:
            if len(self.param_groups) > 1:
                self._look_ahead()
            for k, group in enumerate(self.param_groups):
                if self._waiting[k]:
                    self._settle(k, self._waiting[k])
                current = Pass(group, self.slots(group))
                if tracing.is_tracing():
                    traced.update(self, k, current)
                    continue
                for unit in self._units[k]:
                    self._step(unit, current)
            self._writing = False
        except BaseException as error:
            if self._writing:
                self._torn(error)
            raise

    def _gradients(self) -> list[Any]:
        return [p.grad for group in self.param_groups for p in group["params"] if p.grad is not None]

    def _torn(self, error: BaseException) -> None:
        """A step, plain or compiled, was interrupted while it wrote: say so in the exception, and let the next step and state_dict() warn."""
        self._writing = True
        self._units = [
            [*units] for units in self._units
        ]  # other lists: a compiled step is traced anew, and comes by the warning
        error.add_note(f"{type(self).__name__}: the step was interrupted while it wrote: {_MIXTURE}")

    def _warn(self, what: str, level: int) -> None:
        """Warn of parameters and state that an interrupted step left."""
        warnings.warn(
            f"{type(self).__name__} {what} what a step left that was interrupted while it wrote: {_MIXTURE}",
            RuntimeWarning,
            stacklevel=level,
        )

    def _look_ahead(self) -> None:
        """Find out before the first group is written whether the others can be."""
        for k, group in enumerate(self.param_groups):
            if self._waiting[k]:
                self._settle(k, self._waiting[k])
            if k == 0:
                continue
            try:
                if group == self._looked_at.get(k):
                    continue
            except ValueError:  # other parameters in the list: Tensors, whose == is an array
                pass
            self._looked_at.pop(k, None)
            for unit in self._units[k]:
                for value in self._step_numbers(group, unit.counters_of(0))[1]:
                    float(value)
            self._looked_at[k] = dict(group)

    def _settle(
        self,
        k: int,
        candidates: list[ag.Tensor],
        saved: Mapping[int, Counters] | None = None,
        *,
        all_of_them: bool = False,
    ) -> None:
        """Give state to the parameters of group k that have their first gradient (or, with ``saved``, a saved state)."""
        here = [p for p in candidates if all_of_them or (p.grad is not None if saved is None else id(p) in saved)]
        if not here:
            return
        taken = {id(p) for p in here}
        # (What was interrupted before the end of this method has taken some already.)
        held = {id(p) for unit in self._units[k] for p in unit.params}
        here = [p for p in here if id(p) not in held]
        for p in here:
            if saved is None and not all_of_them and not p.writable().flags.writeable:
                raise ValueError(
                    f"{type(self).__name__}: a parameter {p.shape} {p.dtype} lies in memory that is read-only; make it of a copy of its array"
                )

        def add(params: list[ag.Tensor], packed: bool) -> None:
            self._units[k].append(
                Unit(params, packed, [saved[id(p)] if saved is not None else self.first_counts for p in params])
            )

        packs: dict[Any, list[ag.Tensor]] = {}
        for p in here:
            if p.size >= self.pack_below and p.dtype.kind == "f" and p.numpy().flags.c_contiguous:
                add([p], False)
                continue
            pack = packs.setdefault(p.dtype, [])
            if pack and sum(q.size for q in pack) + p.size > self.pack_size:
                add(pack, True)
                packs[p.dtype] = pack = []
            pack.append(p)
        for pack in packs.values():
            add(pack, True)
        self._waiting[k] = [p for p in self._waiting[k] if id(p) not in taken]

    def _step(self, unit: Unit, current: Pass) -> None:
        if current.slots is not unit.slots and current.slots != unit.slots:
            self._fit_slots(unit, current)
        if not unit.packed:
            g = unit.params[0].grad
            if g is not None:
                unit.common = self._in_place(unit, current, g, unit.counters_of(0))
            return
        grads = [p.grad for p in unit.params]
        n = len(grads)
        if unit.common is not None:
            for g in grads:
                if g is None:
                    break
            else:
                unit.common = self._packed(unit, current, 0, n, grads, unit.common)
                return
        # Parameters without a gradient stay; neighbours with equal counts go together.
        for i, j in unit.spans(grads):
            unit.counters[i:j] = [self._packed(unit, current, i, j, grads, unit.counters[i])] * (j - i)
        unit.agree()

    def _fit_slots(self, unit: Unit, current: Pass) -> None:
        for name in current.slots:
            if name not in unit.state:
                unit.add_slot(name, self.initial(current.group, name))
        unit.pieces.clear()
        unit.slots = current.slots

    def _blocks(self, unit: Unit, i: int, j: int) -> list[tuple[Any, ...]]:
        scratch = self._scratch.get(unit.real)
        if scratch is None or scratch[0].size < self.block:
            scratch = self._scratch[unit.real] = [np.empty(self.block, unit.real) for _ in range(self.scratch + 1)]
        return unit.blocks(i, j, self.block, scratch)

    def _step_numbers(self, group: Group, counters: Counters) -> tuple[Counters, tuple[float, ...], Any]:
        """What :meth:`coefficients` gives, and behind its numbers that of the weight decay, where there is one."""
        after, values, phase = self.coefficients(group, counters)
        decay = group.get("weight_decay", 0.0)
        if decay:
            values = (*values, 1.0 - group["lr"] * decay if group.get("decoupled_weight_decay", False) else decay)
        return after, values, phase

    def _count(self, current: Pass, counters: Counters, real: Any) -> None:
        """Compute the numbers of a step from these counts; the next unit has mostly the same."""
        after, values, current.phase = self._step_numbers(current.group, counters)
        held = self._numbers.get(real)
        if held is None or len(held[0]) != len(values):
            held = self._numbers[real] = (list(values), [np.array(value, real) for value in values])
        else:
            old, arrays = held
            for k, value in enumerate(values):
                if value != old[k]:
                    old[k] = math.nan  # (where this is interrupted, it is put there anew)
                    arrays[k][()] = value
                    old[k] = value
        current.numbers = held[1]
        current.before, current.after, current.real = counters, after, real

    def _packed(self, unit: Unit, current: Pass, i: int, j: int, grads: list[Any], counters: Counters) -> Counters:
        """Update parameters i to j - 1 of a pack; returns their counts."""
        if counters != current.before or unit.real is not current.real:
            self._count(current, counters, unit.real)
        blocks = unit.pieces.get((i, j)) or self._blocks(unit, i, j)
        arrays = [p.writable() for p in (unit.params if j - i == len(grads) else unit.params[i:j])]
        data, gathered = unit.data_views, unit.grad_views
        for k, array in enumerate(arrays, i):
            data[k][...] = array
            gathered[k][...] = grads[k]
        if unit.width == 2:
            # The gradient is dL/dRe - i·dL/dIm: the ascent is along its conjugate.
            np.negative(unit.grads[1::2], out=unit.grads[1::2])
        self._writing = True
        for _, _, p, g, state, w in blocks:
            self._apply(current, p, g, state, w)
        for k, array in enumerate(arrays, i):
            array[...] = data[k]
        if current.slots and current.after[0] % FLUSH_EVERY == 0:
            self._flush(unit, current, unit.starts[i], unit.starts[j])
        return current.after

    def _in_place(self, unit: Unit, current: Pass, g: Any, counters: Counters) -> Counters:
        """Update a large parameter; returns its counts."""
        if counters != current.before or unit.real is not current.real:
            self._count(current, counters, unit.real)
        blocks = unit.pieces.get((0, 1)) or self._blocks(unit, 0, 1)
        array = unit.params[0].writable()
        if not g.flags.c_contiguous:
            if unit.gathered is None:
                unit.gathered = np.empty(g.shape, g.dtype)
            unit.gathered[...] = g
            g = unit.gathered
        self._writing = True
        if len(blocks) == 1:
            _, _, _, _, state, w = blocks[0]
            self._apply(current, array, g, state, w)
        else:
            self._in_blocks(current, array, g, blocks)
        if current.slots and current.after[0] % FLUSH_EVERY == 0:
            self._flush(unit, current, 0, unit.starts[1])
        return current.after

    def _in_blocks(self, current: Pass, array: Any, g: Any, blocks: list[tuple[Any, ...]]) -> None:
        flat, g = array.ravel(), g.ravel()
        for start, stop, _, _, state, w in blocks:
            self._apply(current, flat[start:stop], g[start:stop], state, w)
        if not array.flags.c_contiguous:  # the memory was replaced by one of another layout: flat is a copy
            array[...] = flat.reshape(array.shape)

    def _apply(self, current: Pass, p: Any, g: Any, state: tuple[Any, ...], w: tuple[Any, ...]) -> None:
        """The arithmetic of a step on arrays, plain or traced: weight decay, and the update that the subclass defines."""
        if not current.bare:
            g = self._decayed(current, p, g, w)
        self.update(current.group, p, g, state, current.numbers, w, current.phase)

    def _decayed(self, current: Pass, p: Any, g: Any, w: tuple[Any, ...]) -> Any:
        """Shrink p by decoupled weight decay; returns what the update takes for the gradient: negated, with the penalty's."""
        maximize = current.maximize
        if current.weight_decay != 0:
            if current.decoupled:
                np.multiply(p, current.numbers[-1], p)
            else:
                np.multiply(p, current.numbers[-1], w[-1])
                (np.subtract if maximize else np.add)(w[-1], g, w[-1])
                g = w[-1]
                maximize = False
        if maximize:
            np.negative(g, w[-1])
            g = w[-1]
        return g

    def _flush(self, unit: Unit, current: Pass, start: int, stop: int) -> None:
        for name, decay, first in self.decays(current.group):
            bias = flush_bias(unit.real, float(decay), first)
            if bias is not None:
                stretch = unit.state[name][start:stop]
                np.add(stretch, bias, stretch)
                np.subtract(stretch, bias, stretch)
