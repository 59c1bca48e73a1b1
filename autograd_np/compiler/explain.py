"""``explain()``: the calls, memory, arithmetic and time of a program, predicted and measured."""

from __future__ import annotations

import copy
import functools
import time
from itertools import pairwise
from math import prod
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from .ir import Op, Ref, Value
from .numba.fuse import Loop
from .passes.blocks import Blocks
from .printer.calls import Line, quieting
from .printer.emit import Emitted, flattened
from .trace.record import owner_of

__all__ = ["Explanation", "Machine", "Section", "explain", "machine"]


class Machine(NamedTuple):
    """What this machine does, measured once in a process.

    Attributes:
        dot: floating-point operations a second of ``np.dot`` on matrices of 512 × 512.
        stream: bytes a second of ``np.add`` on arrays that do not fit into the cache.
        cached: the same on arrays that do.
        call: seconds of ``np.add`` on one element.
    """

    dot: float
    stream: float
    cached: float
    call: float


class Section(NamedTuple):
    """One section of a program.

    Attributes:
        name: forward, backward, update.
        calls: NumPy calls in a run.
        flops: floating-point operations.
        moved: bytes read and written.
        predicted: seconds, by the roofline of :class:`Machine`: for each call what it costs to make, and the larger of arithmetic and traffic.
        measured: seconds, the median of several runs.
    """

    name: str
    calls: int
    flops: int
    moved: int
    predicted: float
    measured: float

    @property
    def intensity(self) -> float:
        """Floating-point operations for each byte moved."""
        return self.flops / self.moved if self.moved else 0.0


class Explanation:
    """What ``Compiled.explain()`` gives: prints itself as a table.

    Attributes:
        counts: calls as traced, and after each pass, by name.
        buffers: arrays that lie in the arena.
        arena: its bytes.
        intermediates: the bytes of all arrays that the program makes, each with memory of its own.
        peak: bytes of what the program holds: the arena, what is given, its arguments, and the largest array that a call makes beside them.
        sections: see :class:`Section`.
        machine: see :class:`Machine`.
    """

    def __init__(
        self,
        title: str,
        counts: dict[str, int],
        buffers: int,
        arena: int,
        intermediates: int,
        peak: int,
        sections: list[Section],
        found: Machine,
    ) -> None:
        self.title, self.counts, self.buffers, self.arena, self.intermediates = (
            title,
            counts,
            buffers,
            arena,
            intermediates,
        )
        self.peak, self.sections, self.machine = peak, sections, found

    @property
    def flops(self) -> int:
        """Floating-point operations of a run."""
        return sum(section.flops for section in self.sections)

    @property
    def moved(self) -> int:
        """Bytes that a run reads and writes."""
        return sum(section.moved for section in self.sections)

    @property
    def predicted(self) -> float:
        """Seconds of a run, by the roofline."""
        return sum(section.predicted for section in self.sections)

    @property
    def measured(self) -> float:
        """Seconds of a run, measured."""
        return sum(section.measured for section in self.sections)

    def __str__(self) -> str:
        lines = [self.title] if self.title else []
        lines.append("calls    " + " → ".join([f"{count} {name}" for name, count in self.counts.items()]))
        share = f" instead of {_bytes(self.intermediates)} for all intermediates" if self.intermediates else ""
        lines.append(
            f"memory   {self.buffers} buffers in {_bytes(self.arena)}{share}; {_bytes(self.peak)} with parameters and arguments"
        )
        rows = [("section", "calls", "FLOP", "moved", "FLOP/byte", "predicted", "measured")]
        whole = Section(
            "total", sum(s.calls for s in self.sections), self.flops, self.moved, self.predicted, self.measured
        )
        shown = [*self.sections, whole] if len(self.sections) > 1 else self.sections
        rows += [
            (
                s.name,
                f"{s.calls}",
                _amount(s.flops),
                _bytes(s.moved),
                f"{s.intensity:.2f}",
                _time(s.predicted),
                _time(s.measured),
            )
            for s in shown
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines += [
            "  ".join(
                [row[0].ljust(widths[0]), *[cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]]
            )
            for row in rows
        ]
        m = self.machine
        rates = f"add {m.stream / 1e9:.0f} GB/s from memory and {m.cached / 1e9:.0f} GB/s in cache"
        lines.append(f"machine  dot {m.dot / 1e9:.0f} GFLOP/s, {rates}, {m.call * 1e6:.2f} µs a call")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def _amount(number: float) -> str:
    for unit in ("", "k", "M"):
        if number < 1000:
            return f"{number:.0f}" if not unit else f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} G"


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


# ---------------------------------------------------------------- counts


def flops_of(op: Op) -> int:
    """Floating-point operations of a call: 2mnk of a product of matrices, one for each element of an elementwise call or of what a reduction reads."""
    if (
        op.view
        or not (op.outs or op.out is not None)
        or op.kind in ("fill", "check", "assume", "getitem", "attribute", "setitem")
    ):
        return 0
    result = op.result
    inputs = [item.value for item in op.args if item.__class__ is Ref]
    if op.target is np.dot or op.target is np.matmul:
        if len(inputs) == 2 and inputs[0].shape and inputs[1].shape:
            return 2 * result.size * inputs[0].shape[-1]
        return result.size
    if op.kind == "ufunc":
        return result.size if result.dtype.kind in "fc" else 0
    if op.kind == "ufunc method":
        return max([value.size for value in inputs if value.dtype.kind in "fc"], default=0)
    if op.target is np.einsum:
        letters: dict[str, int] = {}
        for term, value in zip(str(op.args[0]).partition("->")[0].split(","), inputs, strict=False):
            letters.update(zip(term.strip(), value.shape, strict=False))
        return 2 * prod(letters.values())
    return 0


def bytes_of(op: Op) -> int:
    """Bytes that a call reads and writes; in a chain of blocks what is only needed in between stays in the cache."""
    if op.view or op.kind in ("attribute", "assume"):
        return 0
    values: dict[Any, Value] = {}
    inner = op.inner if isinstance(op, (Blocks, Loop)) else set()
    for each in op.ops if isinstance(op, (Blocks, Loop)) else (op,):
        for value in each.inputs():
            values["read", value.storage.index, value.offset] = value
        for value in (*each.outs, *([each.out] if each.out is not None else [])):
            values["write", value.storage.index, value.offset] = value
    return sum(value.nbytes for value in values.values() if value.storage.index not in inner)


@functools.cache
def machine() -> Machine:
    """Measure what the roofline needs. It takes a tenth of a second."""

    def fastest(call: Any, least: float = 0.01) -> float:
        best, calls, end = float("inf"), 0, time.perf_counter() + least
        while calls < 5 or time.perf_counter() < end:
            calls += 1
            start = time.perf_counter()
            call()
            best = min(best, time.perf_counter() - start)
        return best

    a = np.ones((512, 512), np.float32)
    out = np.empty_like(a)
    big = np.ones(1 << 23, np.float32)
    sums = np.empty_like(big)
    small = np.ones(4096, np.float32)
    few = np.empty_like(small)
    one = np.ones(1, np.float32)
    held = np.empty_like(one)

    def thousand() -> None:
        for _ in range(1000):
            np.add(one, one, held)

    return Machine(
        2 * 512**3 / fastest(lambda: np.dot(a, a, out), 0.03),
        3 * big.nbytes / fastest(lambda: np.add(big, big, sums), 0.05),
        3 * small.nbytes / fastest(lambda: np.add(small, small, few)),
        fastest(thousand) / 1000,
    )


# ---------------------------------------------------------------- time


def _predicted(op: Op, found: Machine, cache: int = 1 << 21) -> float:
    calls = len(op.ops) if isinstance(op, (Blocks, Loop)) else 0 if op.view else 1
    moved = bytes_of(op)
    flops = sum(flops_of(each) for each in (op.ops if isinstance(op, (Blocks, Loop)) else (op,)))
    traffic = moved / (found.cached if moved <= cache else found.stream)
    return calls * found.call + max(flops / found.dot, traffic)


def timed_source(emitted: Emitted) -> tuple[str, list[str]]:
    """The program with a clock read between its sections, and the names of these."""
    names: list[str] = []
    texts: list[str] = []
    section: str | None = None
    quiet: Any = ()

    def enter(line: Line, indent: str) -> None:
        nonlocal section
        if line.section != section:
            section = line.section
            names.append(section)
            texts.append(f"{indent}_times.append(_clock())")

    for line in emitted.lines:
        if not quiet or line.quiet != quiet:
            enter(line, "    ")
        if line.quiet != quiet:
            if line.quiet:
                texts.append(f"    with np.errstate({quieting(line)}):")
            quiet = line.quiet
        indent = "        " if quiet else "    "
        enter(line, indent)
        texts += [indent + text for text in line.text.split("\n")]
    texts.append("    _times.append(_clock())")
    body = f"def _timed({', '.join([*emitted.parameters, '_times', '_clock'])}):\n" + "\n".join(texts) + "\n"
    return f"{emitted.setup}\n\n{body}", names


def _copied(bound: dict[str, Any]) -> dict[str, Any]:
    """What a program is given, copied: arrays that share memory share that of the copy."""
    owners: dict[int, Any] = {}
    found: dict[str, Any] = {}
    for name, thing in bound.items():
        if isinstance(thing, np.ndarray):
            owner = owner_of(thing)
            if id(owner) not in owners:
                owners[id(owner)] = (
                    np.frombuffer(bytearray(owner.tobytes("A")), np.uint8) if owner.nbytes else np.empty(0, np.uint8)
                )
            start = np.lib.array_utils.byte_bounds(owner)[0] if owner.nbytes else 0
            offset = thing.__array_interface__["data"][0] - start if thing.nbytes else 0
            found[name] = np.ndarray(thing.shape, thing.dtype, owners[id(owner)], offset, thing.strides)
        elif isinstance(thing, np.random.Generator):
            found[name] = copy.deepcopy(thing)
        else:
            found[name] = thing
    return found


def _example(value: Value, generator: Any) -> Any:
    made = generator.standard_normal(value.shape) if value.dtype.kind in "fc" else np.zeros(value.shape)
    array = np.asarray(made, value.dtype)
    return array[()] if value.scalar else array


def explain(entry: Any, arguments: tuple[Any, ...], seconds: float) -> Explanation:
    """Count and measure a program. See ``Compiled.explain``."""
    program, emitted, plan = entry.program, entry.emitted, entry.plan
    found = machine()
    if arguments and len(arguments) != len(program.arguments):
        raise ValueError(
            f"explain: the program takes {len(program.arguments)} arrays ({', '.join(emitted.parameters)}), not {len(arguments)}"
        )
    generator = np.random.default_rng(0)
    given = (
        [np.array(a) for a in arguments] if arguments else [_example(value, generator) for value in program.arguments]
    )
    source, names = timed_source(emitted)
    space = _copied(emitted.bound)
    exec(compile(source, "<autograd_np program with clocks>", "exec"), space)  # noqa: S102 - text that this package has written
    run, clock = space["_timed"], time.perf_counter
    spent: list[list[float]] = []
    end = clock() + seconds
    try:
        while len(spent) < 3 or (clock() < end and len(spent) < 1000):
            times: list[float] = []
            with np.errstate(all="ignore"):  # numbers that are made up
                run(*given, times, clock)
            spent.append([b - a for a, b in pairwise(times)])
    except Exception as error:
        raise ValueError(
            f"explain: the program does not run with made-up arguments ({type(error).__name__}: {error}); give some, explain(x, y)"
        ) from error
    measured: dict[str, float] = {}
    for i, name in enumerate(names):
        measured[name] = measured.get(name, 0.0) + median([row[i] for row in spent])
    sections: dict[str, list[Op]] = {}
    for op in program.ops:
        sections.setdefault(op.section, []).append(op)
    rows: list[Section] = []
    for name, ops in sections.items():
        calls = [op for op in flattened(ops) if not op.view]
        if not calls and name not in measured:
            continue
        rows.append(
            Section(
                name,
                len(calls),
                sum(flops_of(op) for op in calls),
                sum(bytes_of(op) for op in ops),
                sum(_predicted(op, found) for op in ops),
                measured.get(name, 0.0) + (measured.get("", 0.0) if not rows else 0.0),
            )
        )
    storages = {
        storage.index: storage
        for op in flattened(program.ops)
        for value in op.outs
        if (storage := value.storage).kind == "made" and not op.view
    }
    intermediates = sum(storage.nbytes for storage in storages.values())
    held = {
        id(owner): owner.nbytes
        for thing in emitted.bound.values()
        if isinstance(thing, np.ndarray)
        for owner in (owner_of(thing),)
    }
    beside = max([storage.nbytes for index, storage in storages.items() if index not in plan.offsets], default=0)
    peak = plan.size + sum(held.values()) + sum(value.nbytes for value in program.arguments) + beside
    story = entry.story
    return Explanation(
        story.title if story is not None else "",
        dict(program.counts),
        emitted.buffers,
        plan.size,
        intermediates,
        peak,
        rows,
        found,
    )
