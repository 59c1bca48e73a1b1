"""The memory of the optimizers: flat buffers for the state of many parameters, and views of it."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import autograd_np as ag

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

__all__ = ["FLUSH_EVERY", "Counters", "ParameterState", "Unit", "copied", "flush_bias", "number", "plain"]

Counters = tuple[Any, ...]  # how often a parameter was updated, and what else is counted

FLUSH_EVERY = 16


class Unit:
    """Parameters whose state lies in the same flat buffers: a pack of small ones, or one large one."""

    def __init__(self, params: list[ag.Tensor], packed: bool, counters: Sequence[Counters]) -> None:
        self.params = params
        self.packed = packed
        self.dtype = params[0].dtype
        self.real = np.empty(0, self.dtype).real.dtype
        self.width = self.dtype.itemsize // self.real.itemsize  # 2 for complex numbers: their parts
        self.starts = [0]
        for p in params:
            self.starts.append(self.starts[-1] + p.size * self.width)
        self.state: dict[str, Any] = {}
        self.slots: tuple[str, ...] = ()  # the names in use at the last step
        self.counters = list(counters)
        self.common: Counters | None = None
        self.agree()
        self.pieces: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
        self.together = False  # whether the parameters lie in `data` themselves, one after the other
        self.ahead = False  # whether it was made before its parameters had gradients, which some may never have
        self.gathered: Any = None  # a large parameter's gradient, when its layout is another
        if packed:
            self.grads = np.empty(self.starts[-1], self.real)
            self.data = np.empty(self.starts[-1], self.real)
            self.grad_views = [self.view(self.grads, i) for i in range(len(params))]
            self.data_views = [self.view(self.data, i) for i in range(len(params))]

    def take(self, flat: Any) -> None:
        """Let the values lie in a flat array that is there already, as the parameters' own memory."""
        self.data = flat
        self.data_views = [self.view(flat, i) for i in range(len(self.params))]
        self.pieces.clear()

    def view(self, flat: Any, i: int) -> Any:
        """The part of a flat buffer that belongs to parameter i, in its shape and dtype."""
        return flat[self.starts[i] : self.starts[i + 1]].view(self.dtype).reshape(self.params[i].shape)

    def agree(self) -> None:
        """Note whether all parameters have been updated equally often."""
        first = self.counters[0]
        self.common = first if all(c == first for c in self.counters) else None

    def counters_of(self, i: int) -> Counters:
        return self.counters[i] if self.common is None else self.common

    def spread(self) -> None:
        """Write the common counters down for each parameter."""
        if self.common is not None:
            self.counters = [self.common] * len(self.params)

    def spans(self, grads: list[Any]) -> list[tuple[int, int]]:
        """The stretches i to j - 1 of neighbours that have a gradient and equal counts."""
        self.spread()
        found: list[tuple[int, int]] = []
        for i, g in enumerate(grads):
            if g is None:
                continue
            if found and found[-1][1] == i and self.counters[i - 1] == self.counters[i]:
                found[-1] = (found[-1][0], i + 1)
            else:
                found.append((i, i + 1))
        return found

    def add_slot(self, name: str, initial: float) -> None:
        self.state[name] = np.full(self.starts[-1], initial, self.real)

    def blocks(self, i: int, j: int, block: int, scratch: list[Any]) -> list[tuple[Any, ...]]:
        """Parameters i to j - 1 in stretches of at most ``block`` elements: (start, stop, data, grads, state, scratch)."""
        found = self.pieces.get((i, j))
        if found is None:
            found = []
            for start in range(self.starts[i], self.starts[j], block):
                stop = min(start + block, self.starts[j])
                arrays = (self.data[start:stop], self.grads[start:stop]) if self.packed else (None, None)
                pieces = [[self.state[name][start:stop] for name in self.slots], [w[: stop - start] for w in scratch]]
                if not self.packed and stop - start == self.starts[-1]:
                    # In one piece the parameter needs no flattening.
                    pieces = [[a.reshape(self.params[0].shape) for a in piece] for piece in pieces]
                found.append((start, stop, *arrays, tuple(pieces[0]), tuple(pieces[1])))
            self.pieces[i, j] = found
        return found


class ParameterState(MutableMapping[str, Any]):
    """The state of one parameter: counts, and arrays that are views of the optimizer's memory.

    Assigning to a name writes into the array; names are neither added nor taken away.
    """

    __slots__ = ("_counts", "_i", "_unit")

    def __init__(self, unit: Unit, i: int, counts: tuple[str, ...]) -> None:
        self._unit = unit
        self._i = i
        self._counts = counts

    def __getitem__(self, name: str) -> Any:
        if name in self._counts:
            return self._unit.counters_of(self._i)[self._counts.index(name)]
        if name not in self._unit.state:
            raise KeyError(f"{name!r}; this state has {', '.join(self) or 'no names'}")
        return self._unit.view(self._unit.state[name], self._i)

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self._unit.state:
            array = self[name]
            value = np.asarray(value)
            if value.shape != array.shape:
                raise ValueError(f"state {name!r} has shape {array.shape}; got {value.shape}")
            array[...] = value
        elif name in self._counts:
            self._unit.spread()
            counters = list(self._unit.counters[self._i])
            counters[self._counts.index(name)] = value
            self._unit.counters[self._i] = tuple(counters)
            self._unit.agree()
        else:
            raise KeyError(f"{name!r}; this state has {', '.join(self) or 'no names'}")

    def __delitem__(self, name: str) -> None:
        raise TypeError("an optimizer's state keeps its names")

    def __iter__(self) -> Iterator[str]:
        yield from self._counts
        yield from self._unit.state

    def __len__(self) -> int:
        return len(self._counts) + len(self._unit.state)

    def __repr__(self) -> str:
        return repr(dict(self))


@functools.lru_cache(maxsize=64)
def flush_bias(dtype: DTypeLike | None, decay: float, first: bool) -> Any:
    """The c of ``(m + c) - c``: half its last digit is what a moment can shrink to before the next flush; None for float16."""
    info = np.finfo(dtype)
    if info.bits < 32:
        return None
    shrink = min(decay**-FLUSH_EVERY if decay > 0.25 else math.inf, 2.0**30)
    # The step is made of the first moment by a division and a product, which must stay normal too.
    threshold = float(info.tiny) * max(2.0 * shrink, 2.0**26 if first else 1.0)
    return np.array(threshold * 2.0 ** (info.nmant + 2), dtype)


def number(value: Any) -> Any:
    """A saved number or string as Python's own: arrays without axes come from files."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    return value


def plain(value: Any) -> Any:
    """An option with NumPy's scalars as Python's numbers, which keep their precision in the arithmetic of a step."""
    return tuple([number(v) for v in value]) if isinstance(value, tuple) else number(value)


def copied(value: Any) -> Any:
    """Arrays and lists are copied, so that a saved state stays what it was."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, (list, tuple)):
        return [copied(v) for v in value]
    return number(value)
