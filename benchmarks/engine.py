"""What the engine costs: ``python benchmarks/engine.py``.

Everything is measured in one run, as a ratio to the same work hand-written in plain NumPy (a fresh array
for every result), one BLAS thread. Peers (torch, autograd, mygrad) are measured beside when installed.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import _threads  # noqa: F401 - one BLAS thread unless --threads says otherwise

# isort: split
import numpy as np
from timing import interleaved, table

import autograd_np as ag

STEPS = 1000


def chain_hand(y: Any, a: Any, b: Any) -> Any:
    """y·a + b, 1000 times, and its backward pass, as one writes it."""
    kept = []
    for _ in range(STEPS):
        kept.append(y)
        y = y * a
        y = y + b
    g, ga, gb = np.ones_like(y), np.zeros_like(a), np.zeros_like(b)
    for y in reversed(kept):
        gb = gb + g
        ga = ga + g * y
        g = g * a
    return g, ga, gb


def chain_forward(y: Any, a: Any, b: Any) -> Any:
    for _ in range(STEPS):
        y = y * a
        y = y + b
    return y


def chain_peers(size: int) -> dict[str, Callable[[], object]]:
    """The same chain in the peers that are installed."""
    start, factor, offset = (
        np.ones(size, np.float32),
        np.full(size, 0.999, np.float32),
        np.full(size, 0.001, np.float32),
    )
    calls: dict[str, Callable[[], object]] = {}
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(1)
        y, a, b = (torch.tensor(v, requires_grad=True) for v in (start, factor, offset))
        calls["torch"] = lambda: chain_forward(y, a, b).sum().backward()
    if importlib.util.find_spec("autograd"):
        from autograd import grad

        calls["autograd"] = lambda: grad(lambda t: np.sum(chain_forward(*t)))((start, factor, offset))
    if importlib.util.find_spec("mygrad"):
        import mygrad

        p, q, r = mygrad.tensor(start), mygrad.tensor(factor), mygrad.tensor(offset)
        calls["mygrad"] = lambda: chain_forward(p, q, r).sum().backward()
    return calls


def bench_chain(size: int) -> list[list[object]]:
    start, factor, offset = (
        np.ones(size, np.float32),
        np.full(size, 0.999, np.float32),
        np.full(size, 0.001, np.float32),
    )
    y, a, b = (ag.Tensor(v, requires_grad=True) for v in (start, factor, offset))
    cotangent = np.ones(size, np.float32)
    times = interleaved(
        {
            "hand": lambda: chain_hand(start, factor, offset),
            "ours": lambda: chain_forward(y, a, b).backward(cotangent),
            "hand forward": lambda: chain_forward(start, factor, offset),
            "ours forward": lambda: chain_forward(y, a, b),
            **chain_peers(size),
        }
    )
    nodes = 2 * STEPS
    recording = (times["ours forward"] - times["hand forward"]) / nodes
    numpy_backward = times["hand"] - times["hand forward"]
    backward = (times["ours"] - times["ours forward"] - numpy_backward) / nodes
    rows: list[list[object]] = [
        [
            f"y = y*a + b, {STEPS} times, size {size}",
            f"{times['hand'] * 1e6:.0f}",
            f"{times['ours'] / times['hand']:.2f}",
        ],
        ["  recording, µs per operation over NumPy's call", "", f"{recording * 1e6:.2f}"],
        ["  backward, µs per node over the rule's NumPy calls", "", f"{backward * 1e6:.2f}"],
    ]
    rows += [
        [f"  {name}", "", f"{times[name] / times['hand']:.2f}"]
        for name in times
        if name not in ("hand", "ours", "hand forward", "ours forward")
    ]
    return rows


class HandNetwork:
    """The training step a from-scratch author writes: plain expressions, a fresh array for every result."""

    def __init__(self, sizes: tuple[int, ...], x: Any, y: Any) -> None:
        rng = np.random.default_rng(0)
        self.x, self.y = x, y
        self.weights = [
            (rng.normal(size=(m, n)) * np.sqrt(2 / m)).astype(np.float32) for m, n in itertools.pairwise(sizes)
        ]
        self.biases = [np.zeros(n, np.float32) for n in sizes[1:]]
        self.vw = [np.zeros_like(w) for w in self.weights]
        self.vb = [np.zeros_like(b) for b in self.biases]
        self.rows = np.arange(len(x))

    def step(self) -> float:
        x, y = self.x, self.y
        inputs, zs = [x], []
        h = x
        last = len(self.weights) - 1
        for i, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            z = h @ w + b
            zs.append(z)
            if i < last:
                h = np.maximum(z, 0)
                inputs.append(h)
        z = zs[-1]
        n = len(x)
        if z.shape[1] == 1:
            p = 1 / (1 + np.exp(-z))
            loss = np.mean((p - y) ** 2)
            d = 2 * (p - y) / p.size * p * (1 - p)
        else:
            e = np.exp(z - z.max(axis=1, keepdims=True))
            p = e / e.sum(axis=1, keepdims=True)
            loss = -np.log(p[self.rows, y]).mean()
            d = p.copy()
            d[self.rows, y] -= 1
            d = d / n
        for i in range(last, -1, -1):
            dw = inputs[i].T @ d
            db = d.sum(axis=0)
            if i:
                d = d @ self.weights[i].T * (zs[i - 1] > 0)
            self.vw[i] = 0.9 * self.vw[i] - 0.01 * dw
            self.vb[i] = 0.9 * self.vb[i] - 0.01 * db
            self.weights[i] = self.weights[i] + self.vw[i]
            self.biases[i] = self.biases[i] + self.vb[i]
        return float(loss)


class OurNetwork:
    """The same step with Tensors."""

    def __init__(self, hand: HandNetwork) -> None:
        self.x, self.y = hand.x, hand.y
        self.weights = [ag.Tensor(w.copy(), requires_grad=True) for w in hand.weights]
        self.biases = [ag.Tensor(b.copy(), requires_grad=True) for b in hand.biases]
        self.parameters = [*self.weights, *self.biases]
        self.velocities = [np.zeros_like(p.data) for p in self.parameters]

    def loss(self) -> Any:
        h: Any = self.x
        last = len(self.weights) - 1
        for i, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            z = h @ w + b
            h = ag.relu(z) if i < last else z
        if h.shape[1] == 1:
            return np.mean((ag.sigmoid(h) - self.y) ** 2)
        return ag.softmax_cross_entropy(h, self.y)

    def step(self) -> float:
        loss = self.loss()
        loss.backward()
        for i, p in enumerate(self.parameters):
            v = self.velocities[i] = 0.9 * self.velocities[i] - 0.01 * p.grad
            p.data += v
            p.grad = None
        return float(loss.item())


def bench_networks() -> list[list[object]]:
    rng = np.random.default_rng(1)
    rows: list[list[object]] = []
    for sizes, batch, bar in (((2, 8, 1), 4, 2.5), ((2, 64, 3), 300, 1.25), ((2, 256, 256, 3), 300, 1.05)):
        x = rng.normal(size=(batch, 2)).astype(np.float32)
        y: Any = rng.integers(0, 3, batch) if sizes[-1] == 3 else rng.integers(0, 2, (batch, 1)).astype(np.float32)
        hand = HandNetwork(sizes, x, y)
        ours = OurNetwork(hand)
        losses = [(hand.step(), ours.step()) for _ in range(20)]
        np.testing.assert_allclose(*np.array(losses).T, rtol=1e-3)
        times = interleaved({"hand": hand.step, "ours": ours.step}, rounds=15)
        name = "-".join(map(str, sizes))
        rows.append(
            [
                f"MLP {name}, batch {batch}, SGD + momentum (bar {bar})",
                f"{times['hand'] * 1e6:.0f}",
                f"{times['ours'] / times['hand']:.2f}",
            ]
        )
    return rows


def bench_deep(count: int = 1_000_000) -> list[list[object]]:
    rows: list[list[object]] = []
    for n in (1_000, 10_000, 100_000, count):
        x = ag.Tensor(np.ones(1, np.float32), requires_grad=True)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        y = x
        for _ in range(n):
            y = y + 1.0
        forward = time.perf_counter()
        y.backward()
        backward = time.perf_counter()
        del y
        freed = time.perf_counter()
        memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / n
        times = " / ".join(f"{t * 1e6 / n:.2f}" for t in (forward - start, backward - forward, freed - backward))
        note = f"{memory:.0f} B per node with its array" if n == count else ""
        rows.append([f"chain of {n} operations: forward / backward / release, µs each", note, times])
    return rows


def bench_slices() -> list[list[object]]:
    rows: list[list[object]] = []
    for n in (100, 1_000, 10_000):
        x = ag.Tensor(np.ones(n), requires_grad=True)

        def run(x: Any = x, n: int = n) -> None:
            total = x[0]
            for i in range(1, n):
                total = total + x[i]
            total.backward()
            x.grad = None

        samples = []
        for _ in range(5):
            start = time.perf_counter()
            run()
            samples.append(time.perf_counter() - start)
        rows.append(
            [
                f"{n} slices of one array of length {n}, summed: µs per slice",
                "",
                f"{statistics.median(samples) / n * 1e6:.2f}",
            ]
        )
    return rows


def bench_import() -> list[list[object]]:
    def seconds(statement: str, folder: str) -> float:
        # An installed package has its bytecode; a checkout gets it at the first import.
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"} | {
            "PYTHONPYCACHEPREFIX": folder
        }
        text = f"import numpy, time; s = time.perf_counter(); {statement}; print(time.perf_counter() - s)"
        samples = []
        for _ in range(12):
            done = subprocess.run(
                [sys.executable, "-c", text], capture_output=True, text=True, check=True, env=environment
            )
            samples.append(float(done.stdout))
        return statistics.median(samples[1:])

    with tempfile.TemporaryDirectory() as folder:
        return [
            [
                "import autograd_np, ms over import numpy (bar 50)",
                "",
                f"{seconds('import autograd_np', folder) * 1e3:.0f}",
            ]
        ]


def main() -> None:
    """Measure and print the table."""
    rows = bench_chain(1)
    rows += bench_chain(10_000)
    rows += bench_networks()
    rows += bench_deep()
    rows += bench_slices()
    rows += bench_import()
    print(
        f"Python {sys.version.split()[0]}, NumPy {np.__version__}, one thread; ratio to hand-written NumPy unless a "
        "unit is named\n"
    )
    print(table(["workload", "hand µs", "ours"], rows))


if __name__ == "__main__":
    main()
