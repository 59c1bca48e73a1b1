"""What an optimizer's step costs: ``python benchmarks/optimizers.py``.

The update alone, with the gradients in place, as a ratio to the update as it is usually written by hand
(``m = b1 * m + (1 - b1) * g`` and so on, parameter by parameter); float32, one thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import _threads  # noqa: F401 - one BLAS thread unless --threads says otherwise

# isort: split
import numpy as np
from timing import interleaved, table

import autograd_np as ag
from nn import optim

Shapes = Sequence[tuple[int, ...]]
Step = Callable[[], object]

MODELS: dict[str, Shapes] = {
    "2-8-1": [(2, 8), (8,), (8, 1), (1,)],
    "2-64-3": [(2, 64), (64,), (64, 3), (3,)],
    "2-256-256-3": [(2, 256), (256,), (256, 256), (256,), (256, 3), (3,)],
    "784-128-64-10": [(784, 128), (128,), (128, 64), (64,), (64, 10), (10,)],
    "784-1024-1024-10": [(784, 1024), (1024,), (1024, 1024), (1024,), (1024, 10), (10,)],
    "50 layers of 64": [(64, 64), (64,)] * 50,
}


def arrays(shapes: Shapes) -> tuple[list[Any], list[Any]]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=s).astype(np.float32) for s in shapes], [
        rng.normal(size=s).astype(np.float32) for s in shapes
    ]


def hand_sgd(shapes: Shapes) -> Step:
    params, grads = arrays(shapes)

    def step() -> None:
        for p, g in zip(params, grads, strict=True):
            p -= 1e-5 * g

    return step


def hand_momentum(shapes: Shapes) -> Step:
    params, grads = arrays(shapes)
    velocities = [np.zeros_like(p) for p in params]

    def step() -> None:
        for i, (p, g) in enumerate(zip(params, grads, strict=True)):
            velocities[i] = 0.9 * velocities[i] - 1e-5 * g
            p += velocities[i]

    return step


def hand_adam(shapes: Shapes) -> Step:
    params, grads = arrays(shapes)
    m, v = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]
    lr, b1, b2, eps, t = 1e-5, 0.9, 0.999, 1e-8, 0

    def step() -> None:
        nonlocal t
        t += 1
        for i, (p, g) in enumerate(zip(params, grads, strict=True)):
            m[i] = b1 * m[i] + (1 - b1) * g
            v[i] = b2 * v[i] + (1 - b2) * g**2
            m_hat = m[i] / (1 - b1**t)
            v_hat = v[i] / (1 - b2**t)
            p -= lr * m_hat / (np.sqrt(v_hat) + eps)

    return step


def ours(make: Callable[[list[ag.Tensor]], optim.Optimizer], shapes: Shapes) -> Step:
    params, grads = arrays(shapes)
    tensors = [ag.Tensor(p, requires_grad=True) for p in params]
    for t, g in zip(tensors, grads, strict=True):
        t.grad = g
    return make(tensors).step


ROWS: dict[str, tuple[Callable[[Shapes], Step], Callable[[list[ag.Tensor]], optim.Optimizer]]] = {
    "SGD": (hand_sgd, lambda p: optim.SGD(p, lr=1e-5)),
    "momentum": (hand_momentum, lambda p: optim.SGD(p, lr=1e-5, momentum=0.9)),
    "Adam": (hand_adam, lambda p: optim.Adam(p, lr=1e-5)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="interleaved rounds")
    parser.add_argument("--seconds", type=float, default=0.05, help="seconds per round and contender")
    options = parser.parse_args()
    rows: list[list[object]] = []
    for model, shapes in MODELS.items():
        for name, (hand, make) in ROWS.items():
            times = interleaved(
                {"hand": hand(shapes), "nn": ours(make, shapes)}, rounds=options.rounds, seconds=options.seconds
            )
            rows.append(
                [
                    model,
                    name,
                    f"{times['hand'] * 1e6:.1f}",
                    f"{times['nn'] * 1e6:.1f}",
                    f"{times['nn'] / times['hand']:.2f}",
                ]
            )
    print(table(["parameters", "update", "by hand, µs", "nn.optim, µs", "ratio"], rows))


if __name__ == "__main__":
    main()
