"""``python -m autograd_np.gradcheck [NAME …]``: prove the registered primitives on this machine.

Every sample of every primitive (or of the named ones) is held to NumPy's values and to central differences
(see proofs/prove.py), and a table is printed. The exit status is 1 if anything fails, 2 for an unknown name.
"""

from __future__ import annotations

import argparse
import difflib
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..engine.registry import FUNCTIONS, UFUNCS
from .cases import cases, names as registered, subject
from .prove import EXEMPT, examine

__all__ = ["Row", "main", "rows", "table"]


@dataclass
class Row:
    """The proof of one primitive: a line of the table.

    Attributes:
        name: the primitive.
        cases: how many samples were proved or refuted.
        orders: the highest order of differentiation compared with differences.
        worst: the largest relative error among those comparisons.
        seconds: how long it took.
        failures: what is wrong, in words; empty if nothing is.
    """

    name: str
    cases: int = 0
    orders: int = 0
    worst: float = 0.0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)

    def cells(self) -> tuple[str, ...]:
        """The columns of the table."""
        orders = "–" if not self.orders else "1" if self.orders == 1 else f"1–{self.orders}"
        worst = f"{self.worst:.1e}" if self.worst else "–"
        status = "ok" if not self.failures else f"FAILED ({len(self.failures)})"
        return self.name, str(self.cases), orders, worst, f"{1000 * self.seconds:.0f} ms", status


HEADINGS = ("primitive", "cases", "orders", "worst rel. error", "time", "status")


def rows(names: Iterable[str]) -> Iterator[Row]:
    """Prove primitives one after the other."""
    for name in names:
        row = Row(name)
        known = cases(name)
        if not known and name not in EXEMPT:
            row.failures.append("there are no samples for it")
        for number, sample in enumerate(known):
            outcome = examine(subject(name), sample)
            row.cases += 1
            row.orders = max(row.orders, outcome.orders)
            row.worst = max(row.worst, outcome.worst)
            row.seconds += outcome.seconds
            label = sample.label or f"case {number}"
            row.failures += [f"{label}: {finding}" for finding in outcome.findings]
        yield row


def table(lines: Sequence[Row]) -> str:
    """The rows as aligned text."""
    cells = [HEADINGS, *(line.cells() for line in lines)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(HEADINGS))]

    def one(row: Sequence[str]) -> str:
        padded = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)),
            row[-1],
        ]
        return "  ".join(padded).rstrip()

    return "\n".join([one(cells[0]), "  ".join("-" * width for width in widths), *(one(row) for row in cells[1:])])


def _progress(names: Sequence[str]) -> Iterator[Row]:
    """The rows, with progress on stderr: a bar where tqdm is installed, a line that rewrites itself otherwise."""
    if not sys.stderr.isatty():
        for number, row in enumerate(rows(names), 1):
            if number % 25 == 0 or number == len(names):
                print(f"proved {number} of {len(names)}", file=sys.stderr)
            yield row
        return
    try:
        from tqdm import tqdm
    except ImportError:
        for number, row in enumerate(rows(names), 1):
            print(
                f"\r\033[Kproved {number} of {len(names)}: {row.name}",
                end="" if number < len(names) else "\n",
                file=sys.stderr,
                flush=True,
            )
            yield row
    else:
        yield from tqdm(rows(names), total=len(names), unit=" primitives", file=sys.stderr)


def _meant(name: str, known: Sequence[str]) -> str | None:
    """The name in the registry of what is meant by a name, or by NumPy's path or ours: ``np.linalg.det`` is ``det``."""
    if name in known:
        return name

    path = name.split(".")
    if path[0] in ("np", "numpy", "ag", "autograd_np", "scipy"):
        path = path[1:]
    target: Any = np
    for word in path:
        target = getattr(target, word, None)
    found = UFUNCS.get(target) if isinstance(target, np.ufunc) else FUNCTIONS.get(target) if callable(target) else None
    for candidate in (".".join(path), getattr(found, "__name__", None)):
        if candidate in known:
            return candidate
    return None


def main(argv: Sequence[str] | None = None) -> int:
    """The command.

    Args:
        argv: its arguments, those of the process by default.

    Returns:
        The exit status: 0 if everything is proved, 1 if something fails, 2 for an unknown name.
    """
    parser = argparse.ArgumentParser(
        prog="python -m autograd_np.gradcheck",
        description="Prove the derivative rules of autograd_np: values against NumPy, gradients of first and second "
        "order against central "
        "differences, over all sample inputs. Prints a table; the exit status is 1 if anything fails.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="primitives to prove (default: all of them)")
    parser.add_argument("--list", action="store_true", help="print the names of the primitives and stop")
    options = parser.parse_args(argv)

    known = registered()
    if options.list:
        print("\n".join(known))
        return 0
    meant = [_meant(name, known) for name in options.names]
    for name, found in zip(options.names, meant, strict=True):
        if found is None:
            near = difflib.get_close_matches(
                name.rpartition(".")[2], [name for name in known if not name.startswith("_")], n=5
            )
            hint = f"did you mean {', '.join(near)}?" if near else "--list prints all names"
            print(f"python -m autograd_np.gradcheck: no primitive named {name!r}; {hint}", file=sys.stderr)
    if None in meant:
        return 2
    chosen = list(dict.fromkeys(name for name in meant if name is not None)) or known
    start = time.perf_counter()
    lines = list(_progress(chosen))
    print(table(lines))
    failed = [line for line in lines if line.failures]
    total = sum(line.cases for line in lines)
    print(f"\n{len(lines)} primitives, {total} cases, {time.perf_counter() - start:.1f} s: ", end="")
    print("all proved" if not failed else f"{len(failed)} FAILED")
    for line in failed:
        print(f"\n{line.name}")
        for failure in line.failures:
            print(f"  {failure}")
    return 1 if failed else 0
