"""The hot path, counted: how much work one recorded operation, one backward pass or one small training step is.

A clock is too noisy to tell 3 %; counts are not. Under ``valgrind --tool=callgrind`` the count is of machine
instructions. Where valgrind is not installed it is of Python's own work, opcodes and calls, and of the memory taken at
the peak.

    python benchmarks/hot_path.py            print the counts beside the base
    python benchmarks/hot_path.py --check    exit with 1, and name the row, where one is more than 3 % above the base
    python benchmarks/hot_path.py --save     make these counts the base of this Python and NumPy

The base lies in ``hot_path.json``, by counter, Python, NumPy and kind of machine.
"""

from __future__ import annotations

import argparse
import ctypes.util
import itertools
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from _threads import THREADS

# isort: split
import numpy as np
from timing import table

BASE = Path(__file__).with_suffix(".json")
ALLOWED = 1.03
WARM, COUNTED = 30, 50
# callgrind starts a new count each time this function of the C library is entered; nothing else here calls it.
MARK = "getpgid"


def rows() -> dict[str, Callable[[], Any]]:
    """What is counted: name → one call."""
    import autograd_np as ag
    import nn

    x = ag.Tensor(np.array([0.5]), requires_grad=True)
    y = np.array([2.0])
    m = ag.Tensor(np.eye(4), requires_grad=True)
    small = np.array([0.3, 0.4])

    def chain() -> None:
        h = x
        for _ in range(20):
            h = h * 0.9 + 0.1
        h.backward()

    def mlp(sizes: tuple[int, ...], batch: int, compiled: bool) -> Callable[[], Any]:
        nn.manual_seed(0)
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        model, loss = nn.Sequential(*layers[:-1]), nn.CrossEntropyLoss()
        optimizer = nn.Adam(model.parameters(), lr=1e-3)
        rng = np.random.default_rng(0)
        inputs_, labels = rng.normal(size=(batch, sizes[0])).astype(np.float32), rng.integers(0, sizes[-1], batch)
        if compiled:
            step = nn.compile_step(model, loss, optimizer)
            return lambda: step(inputs_, labels)

        def eager() -> None:
            optimizer.zero_grad()
            loss(model(inputs_), labels).backward()
            optimizer.step()

        return eager

    def rosenbrock(p: Any) -> Any:
        return np.sum(100 * (p[1:] - p[:-1] ** 2) ** 2 + (1 - p[:-1]) ** 2)

    gradient, compiled = ag.grad(rosenbrock), ag.compile(ag.grad(rosenbrock))
    return {
        "np.exp(t)": lambda: np.exp(x),
        "ag.exp(t)": lambda: ag.exp(x),
        "t * t": lambda: x * x,
        "t * array": lambda: x * y,
        "t @ t": lambda: m @ m,
        "t.sum(axis=0)": lambda: m.sum(axis=0),
        "t[0]": lambda: x[0],
        "20 multiply-adds and backward": chain,
        "grad of Rosenbrock": lambda: gradient(small),
        "the same, compiled": lambda: compiled(small),
        "MLP 2-8-2, Adam": mlp((2, 8, 2), 4, False),
        "MLP 2-64-3, Adam": mlp((2, 64, 3), 30, False),
        "MLP 2-8-2, compiled": mlp((2, 8, 2), 4, True),
    }


def workload() -> None:
    """What callgrind watches: each row warmed up, then between two marks."""
    for call in rows().values():
        for _ in range(WARM):
            call()
        os.getpgid(0)
        for _ in range(COUNTED):
            call()
        os.getpgid(0)


def instructions() -> dict[str, float]:
    """Machine instructions of one call of each row."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "valgrind",
            "--tool=callgrind",
            f"--dump-before={MARK}",
            f"--callgrind-out-file={folder}/out",
            sys.executable,
            __file__,
            "--workload",
        ]
        # Hashes seed dicts' order, and address randomisation moves what is aligned: both move the last digits.
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONMALLOC": "pymalloc"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            raise SystemExit(f"callgrind failed:\n{done.stdout}\n{done.stderr[-2000:]}")
        counts = []
        for number in range(1, 2 * len(rows()) + 1):
            text = Path(folder, f"out.{number}").read_text()
            found = re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)
            assert found is not None, "callgrind writes the total of each part"
            counts.append(int(found[1]))
    return {name: counts[2 * i + 1] / COUNTED for i, name in enumerate(rows())}


def python_work() -> dict[str, float]:
    """Opcodes and calls of one call of each row, and the bytes taken at its peak."""
    found: dict[str, float] = {}
    count = [0]

    def opcodes(frame: FrameType, event: str, _: Any) -> Any:
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        count[0] += event in ("opcode", "call")
        return opcodes

    def calls(_: FrameType, event: str, __: Any) -> None:
        count[0] += event == "c_call"

    for name, call in rows().items():
        for _ in range(WARM):
            call()
        count[0] = 0
        sys.settrace(opcodes)
        sys.setprofile(calls)
        call()
        sys.settrace(None)
        sys.setprofile(None)
        found[f"{name}: opcodes and calls"] = count[0]
        tracemalloc.start()
        call()
        found[f"{name}: bytes"] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return found


def _above(counted: dict[str, float], base: dict[str, float]) -> list[str]:
    return [name for name, n in counted.items() if name in base and n > ALLOWED * base[name]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="fail where a row is above its base")
    parser.add_argument("--save", action="store_true", help="make these counts the base")
    parser.add_argument("--python", action="store_true", help="count Python's work, also where valgrind is")
    parser.add_argument("--workload", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    assert THREADS == 1, "one thread is counted"
    if options.workload:
        workload()
        return
    machine = not options.python and shutil.which("valgrind") is not None and ctypes.util.find_library("c") is not None
    count = instructions if machine else python_work
    counted = count()
    key = (
        f"{'instructions' if machine else 'python'}, CPython {platform.python_version()}, NumPy "
        f"{np.__version__}, {platform.machine()}"
    )
    bases = json.loads(BASE.read_text()) if BASE.is_file() else {}
    base = bases.get(key, {})
    if options.check and _above(counted, base):
        # A process that happens to collect its garbage while it counts has more to do: what is really more is so again.
        counted = {name: min(counted[name], n) for name, n in count().items()}
    shown = [
        (name, f"{n:,.0f}", *((f"{base[name]:,.0f}", f"{n / base[name]:.3f}") if base.get(name) else ("", "")))
        for name, n in counted.items()
    ]
    print(key)
    print(table(("one call", "counted", "base", "ratio"), shown))
    if options.save:
        bases[key] = {name: round(n) for name, n in counted.items()}
        BASE.write_text(json.dumps(bases, indent=1, sort_keys=True) + "\n")
    if options.check:
        if not base:
            print("there is no base for this Python and NumPy: nothing was checked; --save makes one")
        over = _above(counted, base)
        if over:
            raise SystemExit(f"more than 3 % above the base: {', '.join(over)}")


if __name__ == "__main__":
    main()
