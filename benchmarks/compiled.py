"""Compiled training steps against the NumPy one would write by hand, the same steps uncompiled, and the peers.

Full steps in float32 (forward, backward, update), as ratios to the hand-written step; below the bar is as wanted.
Before anything is timed, every contender must have the losses of the hand-written step. Each contender runs in a
process of its own, and they take turns: the library tells the allocator to keep freed memory before the first
uncompiled backward pass (``autograd_np/engine/glibc.py``), and what one contender has taken and freed changes what
memory costs the next one. ``--keep-freed-memory`` tells the allocator in every process, which makes hand-written NumPy
faster by up to two.

    python benchmarks/compiled.py
    python benchmarks/compiled.py --threads 2 --peers numba torch jax --workload MNIST
    python benchmarks/compiled.py --keep-freed-memory

"compile ms" is what the first two calls take longer than later ones do: the first one traces, while it computes as an
uncompiled step does, and the second takes its buffers. "peak MB" is the most memory that a step has at a time beside
its parameters, the optimizer's state and the data (compiled / eager); a compiled step's buffers are in it. "calls" are
the program's statements.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib.util
import json
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _threads import THREADS

# isort: split
import numpy as np
from compiled_workloads import Contender, Workload, selected
from timing import table

from autograd_np.engine import glibc

CHECKED = 6  # steps whose losses are compared


# ---------------------------------------------------------------- in the process of a contender


def seconds(contender: Contender, count: int, clock: Callable[[], float]) -> float:
    """What a step takes, on average over some."""
    step = contender.step
    gc.collect()
    start = clock()
    for _ in range(count):
        step()
    return (clock() - start) / count


def peak(contender: Contender) -> int:
    """The most bytes that a step has at a time; of a program with the buffers that it keeps between steps."""
    if contender.compiled is not None:
        contender.compiled._last.pool.clear()  # the next call takes them anew
    gc.collect()
    tracemalloc.start()
    contender.step()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def statements(source: str) -> int:
    """How many statements ``run`` has; those of a loop count once."""
    module = ast.parse(source)
    run = next(node for node in reversed(module.body) if isinstance(node, ast.FunctionDef))
    return sum(isinstance(node, (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise)) for node in ast.walk(run))


def serve(workload: Workload, name: str, clock: Callable[[], float]) -> None:
    """Build a contender, and answer questions about it, one a line."""
    contender = workload.makers[name]()
    numbers, first = [], []
    for _ in range(CHECKED):
        start = clock()
        numbers.append(contender.check())
        first.append(clock() - start)
    calls = None if contender.compiled is None else statements(contender.compiled.source)
    print(json.dumps({"numbers": numbers, "first": first, "calls": calls}), flush=True)
    for line in sys.stdin:
        question, _, count = line.strip().partition(" ")
        print(
            json.dumps(seconds(contender, int(count), clock) if question == "seconds" else peak(contender)), flush=True
        )


# ---------------------------------------------------------------- in the process that asks


class Worker:
    """A contender in a process of its own."""

    def __init__(self, workload: Workload, name: str, options: argparse.Namespace) -> None:
        self.workload, self.name = workload, name
        command = [
            sys.executable,
            str(Path(__file__)),
            "--threads",
            str(THREADS),
            "--workload",
            workload.name,
            "--serve",
            name,
        ]
        command += ["--keep-freed-memory"] if options.keep_freed_memory else []
        command += ["--cpu-time"] if options.cpu_time else []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.facts = self.answer()

    def answer(self) -> Any:
        line = self.process.stdout.readline()  # type: ignore[union-attr]
        if not line:
            raise RuntimeError(f"{self.workload.name}: {self.name} stopped with the error above")
        return json.loads(line)

    def ask(self, question: str) -> Any:
        print(question, file=self.process.stdin, flush=True)
        return self.answer()

    def close(self) -> None:
        self.process.stdin.close()  # type: ignore[union-attr]
        self.process.wait()


def measure(workload: Workload, names: list[str], options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """One process for each contender: they are checked, and take turns in being timed."""
    workers: dict[str, Worker] = {}
    try:
        for name in names:
            workers[name] = Worker(workload, name, options)
        expected = workers["hand"].facts["numbers"]
        for name, worker in workers.items():
            np.testing.assert_allclose(
                worker.facts["numbers"], expected, rtol=workload.tolerance, err_msg=f"{workload.name}: {name}"
            )
        counts, samples = {}, {}
        for name, worker in workers.items():
            worker.ask("seconds 3")
            counts[name] = max(1, int(options.seconds / worker.ask("seconds 2")))
            samples[name] = []
        for _ in range(options.rounds):
            for name, worker in workers.items():
                samples[name].append(worker.ask(f"seconds {counts[name]}"))
        found = {}
        for name, worker in workers.items():
            found[name] = worker.facts | {"seconds": statistics.median(samples[name])}
            if name in ("eager", "compiled"):
                found[name]["peak"] = worker.ask("peak")
        return found
    finally:
        for worker in workers.values():
            worker.close()


def row(workload: Workload, options: argparse.Namespace) -> list[str]:
    """Measure a workload."""
    names = [name for name in ("hand", "eager", "compiled", *options.peers) if name in workload.makers]
    runs = []
    for _ in range(options.processes):
        try:
            runs.append(measure(workload, names, options))
        except (RuntimeError, AssertionError) as error:
            if options.stop:
                raise
            print(error, file=sys.stderr)
            return [workload.name, "–", f"{workload.bar:.2f}", "–", "failed", *["–"] * (len(options.peers) + 3)]

    def median(number: Any) -> float:
        return statistics.median([number(run) for run in runs])

    def ratio(name: str) -> str:
        return f"{median(lambda run: run[name]['seconds'] / run['hand']['seconds']):.2f}" if name in names else "–"

    def compiling(run: Any) -> float:
        first, second = run["compiled"]["first"][:2]
        return first - run["eager"]["seconds"] + second - run["compiled"]["seconds"]

    compiled = ratio("compiled")
    return [
        workload.name,
        f"{1e6 * median(lambda run: run['hand']['seconds']):.0f}",
        f"{workload.bar:.2f}",
        ratio("eager"),
        compiled + (" " if float(compiled) <= workload.bar else "!"),
        *[ratio(name) for name in options.peers],
        f"{1e3 * median(compiling):.0f}",
        " / ".join(f"{median(lambda run, name=name: run[name]['peak']) / 1e6:.3g}" for name in ("compiled", "eager")),
        str(runs[0]["compiled"]["calls"]),
    ]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", default="", metavar="SUBSTRING", help="only those with this in their name")
    parser.add_argument(
        "--peers",
        nargs="*",
        choices=["numba", "torch", "jax"],
        default=[],
        help="those to measure beside; numba: our own other backend",
    )
    parser.add_argument(
        "--keep-freed-memory", action="store_true", help="tell the allocator before anything is built, in every process"
    )
    parser.add_argument("--rounds", type=int, default=7, help="how often the contenders take turns (default 7)")
    parser.add_argument("--seconds", type=float, default=0.05, help="about how long each turn lasts (default 0.05)")
    parser.add_argument(
        "--processes", type=int, default=3, help="how often everything is done, in new processes; medians (default 3)"
    )
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="the processor's time rather than the clock's, where others use the machine too; one thread",
    )
    parser.add_argument("--stop", action="store_true", help="stop at the first contender that fails")
    parser.add_argument("--serve", metavar="CONTENDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cpu_time and THREADS > 1:
        sys.exit("--cpu-time adds up the threads' times; it goes with one thread")
    if options.keep_freed_memory:
        glibc.keep_freed_memory()
    workloads = selected(options.workload)
    if options.serve:
        serve(
            next(w for w in workloads if w.name == options.workload),
            options.serve,
            time.process_time if options.cpu_time else time.perf_counter,
        )
        return
    for peer in options.peers:
        if importlib.util.find_spec(peer) is None:
            sys.exit(f"{peer} is not installed")
    rows = [row(workload, options) for workload in workloads]
    kept = "the allocator keeps freed memory" if options.keep_freed_memory else "the allocator as it is"
    clock = "processor time" if options.cpu_time else "wall time"
    print(
        f"Python {sys.version.split()[0]}, NumPy {np.__version__}, {THREADS} thread(s), {clock}, {kept}; ratios to "
        "hand-written NumPy, ! above the bar\n"
    )
    print(
        table(
            ["workload", "hand µs", "bar", "eager", "compiled ", *options.peers, "compile ms", "peak MB", "calls"], rows
        )
    )


if __name__ == "__main__":
    main()
