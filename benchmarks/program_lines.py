"""A compiled step's time, line by line: ``python benchmarks/program_lines.py MNIST [--lines 20] [--source]``.

A clock is read before and after every statement of the program, inside loops and ``with`` blocks too (a loop's lines
have the time of all their rounds); what the clock itself takes is subtracted. Medians over steps, longest first, and
totals per section.
"""

from __future__ import annotations

import argparse
import ast
import re
import statistics
import time
from dataclasses import dataclass
from typing import Any

from _threads import THREADS

# isort: split
import numpy as np
from compiled_workloads import Contender, selected
from timing import table

from autograd_np.engine import glibc


@dataclass
class Line:
    """A statement of the program."""

    number: int
    section: str
    text: str


class Clocked(ast.NodeTransformer):
    """Put a clock around each statement of the program's function; statements are numbered as they come."""

    def __init__(self, source: str) -> None:
        self.source = source.splitlines()
        self.lines: list[Line] = []
        self.function = ""

    def section(self, number: int) -> str:
        """The last comment of one word above a line."""
        for text in reversed(self.source[: number - 1]):
            found = re.match(r"\s*# (\w+)$", text)
            if found or text.startswith("def "):
                return found[1] if found else ""
        return ""

    def tick(self, node: ast.stmt, note: str = "") -> list[ast.stmt]:
        """Statements that add the time since the last reading to that of a line."""
        text = (
            self.source[node.lineno - 1].strip()
            if node.lineno == node.end_lineno
            else ast.unparse(node).splitlines()[0]
        )
        self.lines.append(Line(node.lineno, self.section(node.lineno), note + text))
        return ast.parse(f"_now = _clock(); _spent[{len(self.lines) - 1}] += _now - _before; _before = _clock()").body

    def clocked(self, body: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for node in body:
            if isinstance(node, ast.Return):
                if node.value is not None:
                    found += [ast.Assign([ast.Name("_result", ast.Store())], node.value), *self.tick(node)]
                    node.value = ast.Name("_result", ast.Load())
                found.append(node)
            elif isinstance(node, (ast.For, ast.With)):
                inner = self.tick(node, "" if isinstance(node, ast.For) else "enter: ")
                node.body = [*inner, *self.clocked(node.body)]
                found += [node, *self.tick(node, "end of: ")]
            else:
                found += [node, *self.tick(node)]
        return found

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        if node.name != "buffer":
            self.function = node.name
            node.args.args += [ast.arg("_spent"), ast.arg("_clock")]
            node.body = [*ast.parse("_before = _clock()").body, *self.clocked(node.body)]
        return node


def instrumented(source: str, bound: dict[str, Any]) -> tuple[Any, list[Line]]:
    """The program's function with clocks in it, and its lines."""
    clocks = Clocked(source)
    module = ast.fix_missing_locations(clocks.visit(ast.parse(source)))
    space = dict(bound)
    exec(compile(module, "<program with clocks>", "exec"), space)
    return space[clocks.function], clocks.lines


def empty_reading() -> float:
    """What the clock adds to a statement."""
    clock = time.perf_counter
    samples = []
    for _ in range(2000):
        before = clock()
        samples.append(clock() - before)
    return statistics.median(samples)


def profile(contender: Contender, steps: int) -> tuple[list[tuple[float, Line]], dict[str, float]]:
    """Median seconds of each line; without clocks also of a whole step, and of the program without guards and hooks."""
    contender.step()
    contender.step()
    entry = contender.compiled._last
    program = entry.instance()
    calls = {"step": contender.step, "program": lambda: program(*contender.arrays)}
    singly: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(steps):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            singly[name].append(time.perf_counter() - start)
    whole = {name: statistics.median(samples) for name, samples in singly.items()}
    run, lines = instrumented(entry.emitted.source, entry.emitted.bound)
    overhead = empty_reading()
    samples = []
    for i in range(steps + 2):
        for hook in entry.before:
            hook()
        spent = [0.0] * len(lines)
        run(*contender.arrays, spent, time.perf_counter)
        for hook in entry.after:
            hook()
        if i >= 2:
            samples.append(spent)
    medians = [statistics.median(column) for column in zip(*samples, strict=True)]
    return [(max(0.0, seconds - overhead), line) for seconds, line in zip(medians, lines, strict=True)], whole


def main() -> None:
    """Build the step, measure its lines, and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workload", help="a part of its name, as in compiled.py")
    parser.add_argument("--lines", type=int, default=30, help="how many to print (default 30)")
    parser.add_argument("--steps", type=int, default=100, help="steps to measure (default 100)")
    parser.add_argument("--width", type=int, default=150, help="characters of a line to print (default 150)")
    parser.add_argument("--source", action="store_true", help="print the whole program first")
    parser.add_argument("--in-order", action="store_true", help="all lines, in the order of the program")
    parser.add_argument("--keep-freed-memory", action="store_true", help="tell the allocator before anything is built")
    options = parser.parse_args()
    if options.keep_freed_memory:
        glibc.keep_freed_memory()
    for workload in selected(options.workload):
        contender = workload.makers["compiled"]()
        found, whole = profile(contender, options.steps)
        if options.source:
            print(contender.compiled.source)
        total = sum(seconds for seconds, _ in found)
        times = (
            f"step {whole['step'] * 1e6:.1f} µs, its program {whole['program'] * 1e6:.1f}, the "
            f"program's lines {total * 1e6:.1f}"
        )
        print(f"{workload.name}: {times}; {THREADS} thread(s), NumPy {np.__version__}\n")
        sections: dict[str, tuple[float, int]] = {}
        for seconds, line in found:
            before, count = sections.get(line.section, (0.0, 0))
            sections[line.section] = before + seconds, count + 1
        print(
            table(
                ["section", "µs", "%", "lines"],
                [[name or "–", f"{s * 1e6:.1f}", f"{100 * s / total:.0f}", n] for name, (s, n) in sections.items()],
            )
        )
        print()
        chosen = found if options.in_order else sorted(found, key=lambda pair: -pair[0])[: options.lines]
        for seconds, line in chosen:
            text = line.text if len(line.text) <= options.width else line.text[: options.width - 1] + "…"
            print(f"{seconds * 1e6:9.2f} µs {100 * seconds / total:5.1f} %  {line.section:9} {line.number:5}  {text}")
        print()


if __name__ == "__main__":
    main()
