"""An LSTM's training step (forward, backward, SGD) against hand-written NumPy, PyTorch and HIPS autograd.

Input and hidden size 64, 32 steps, batch 16, float32, a linear classifier of 10 classes on the last state:
``python benchmarks/lstm.py [--threads 2]``.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable
from typing import Any

from _threads import THREADS

# isort: split
import numpy as np
from timing import interleaved, table

import autograd_np as ag
import nn

TIME, BATCH, INPUT, HIDDEN, CLASSES = 32, 16, 64, 64, 10
LR = np.float32(0.01)


def start() -> list[Any]:
    """W_ih, W_hh, b_ih, b_hh, V, d."""
    rng = np.random.default_rng(0)
    shapes = [(INPUT, 4 * HIDDEN), (HIDDEN, 4 * HIDDEN), (4 * HIDDEN,), (4 * HIDDEN,), (HIDDEN, CLASSES), (CLASSES,)]
    return [(rng.normal(size=shape) * 0.1).astype(np.float32) for shape in shapes]


def data() -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(TIME, BATCH, INPUT)).astype(np.float32), rng.integers(0, CLASSES, BATCH)


def by_hand() -> Callable[[], float]:
    """As it is usually written: plain expressions, one step after the other."""
    w_ih, w_hh, b_ih, b_hh, v, d = start()
    x, y = data()

    def sigmoid(z: Any) -> Any:
        return 1 / (1 + np.exp(-z))

    def step() -> float:
        h = np.zeros((BATCH, HIDDEN), np.float32)
        c = np.zeros_like(h)
        cache = []
        for t in range(TIME):
            z = x[t] @ w_ih + h @ w_hh + b_ih + b_hh
            i, f = sigmoid(z[:, :HIDDEN]), sigmoid(z[:, HIDDEN : 2 * HIDDEN])
            g, o = np.tanh(z[:, 2 * HIDDEN : 3 * HIDDEN]), sigmoid(z[:, 3 * HIDDEN :])
            c_next = f * c + i * g
            tanh_c = np.tanh(c_next)
            cache.append((h, c, i, f, g, o, tanh_c))
            c = c_next
            h = o * tanh_c
        logits = h @ v + d
        logits = logits - logits.max(axis=1, keepdims=True)
        e = np.exp(logits)
        p = e / e.sum(axis=1, keepdims=True)
        rows = np.arange(BATCH)
        loss = -np.log(p[rows, y]).mean()
        p[rows, y] -= 1
        dl = p / BATCH
        dv, dd = h.T @ dl, dl.sum(axis=0)
        dh, dc = dl @ v.T, np.zeros_like(c)
        dw_ih, dw_hh, db = np.zeros_like(w_ih), np.zeros_like(w_hh), np.zeros_like(b_ih)
        for t in reversed(range(TIME)):
            h_before, c_before, i, f, g, o, tanh_c = cache[t]
            dc = dc + dh * o * (1 - tanh_c**2)
            dz = np.concatenate(
                [dc * g * i * (1 - i), dc * c_before * f * (1 - f), dc * i * (1 - g**2), dh * tanh_c * o * (1 - o)],
                axis=1,
            )
            dw_ih += x[t].T @ dz
            dw_hh += h_before.T @ dz
            db += dz.sum(axis=0)
            dh = dz @ w_hh.T
            dc = dc * f
        for parameter, gradient in zip((w_ih, w_hh, b_ih, b_hh, v, d), (dw_ih, dw_hh, db, db, dv, dd), strict=True):
            parameter -= LR * gradient
        return float(loss)

    return step


def with_nn(unrolled: bool) -> Callable[[], float]:
    """``nn.LSTM`` over the whole sequence, or ``nn.LSTMCell`` in a Python loop."""
    values = start()
    layer: Any = nn.LSTMCell(INPUT, HIDDEN) if unrolled else nn.LSTM(INPUT, HIDDEN)
    parameters = [*layer.parameters(), nn.Parameter(values[4]), nn.Parameter(values[5])]
    for parameter, value in zip(parameters, values, strict=True):
        parameter.writable()[...] = value
    v, d = parameters[4:]
    x, y = data()

    def step() -> float:
        if unrolled:
            state = None
            for t in range(TIME):
                state = layer(x[t], state)
            h = state[0]
        else:
            h = layer(x)[1][0][0]
        loss = ag.softmax_cross_entropy(h @ v + d, y)
        loss.backward()
        for parameter in parameters:
            own = parameter.writable()
            np.subtract(own, LR * parameter.grad, out=own)
            parameter.grad = None
        return loss.item()

    return step


def with_torch(unrolled: bool) -> Callable[[], float]:
    import torch

    torch.set_num_threads(THREADS)
    layer = (torch.nn.LSTMCell if unrolled else torch.nn.LSTM)(INPUT, HIDDEN)
    values = start()
    head = torch.nn.Linear(HIDDEN, CLASSES)
    parameters = [*layer.parameters(), *head.parameters()]
    with torch.no_grad():
        for parameter, value in zip(parameters, values, strict=True):
            parameter.copy_(torch.from_numpy(value.T.copy()))
    optimizer = torch.optim.SGD(parameters, lr=float(LR))
    x, y = (torch.from_numpy(value) for value in data())

    def step() -> float:
        optimizer.zero_grad()
        if unrolled:
            state = None
            for t in range(TIME):
                state = layer(x[t], state)
            h = state[0]
        else:
            h = layer(x)[1][0][0]
        loss = torch.nn.functional.cross_entropy(head(h), y)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def with_hips() -> Callable[[], float]:
    import autograd
    import autograd.numpy as anp

    parameters = start()
    x, y = data()
    rows = np.arange(BATCH)

    def sigmoid(z: Any) -> Any:
        return 1 / (1 + anp.exp(-z))

    def loss(parameters: Any) -> Any:
        w_ih, w_hh, b_ih, b_hh, v, d = parameters
        h = c = np.zeros((BATCH, HIDDEN), np.float32)
        for t in range(TIME):
            z = anp.dot(x[t], w_ih) + anp.dot(h, w_hh) + b_ih + b_hh
            i, f = sigmoid(z[:, :HIDDEN]), sigmoid(z[:, HIDDEN : 2 * HIDDEN])
            g, o = anp.tanh(z[:, 2 * HIDDEN : 3 * HIDDEN]), sigmoid(z[:, 3 * HIDDEN :])
            c = f * c + i * g
            h = o * anp.tanh(c)
        logits = anp.dot(h, v) + d
        logits = logits - anp.max(logits, axis=1, keepdims=True)
        return -anp.mean(logits[rows, y] - anp.log(anp.sum(anp.exp(logits), axis=1)))

    gradient = autograd.value_and_grad(loss)

    def step() -> float:
        value, gradients = gradient(parameters)
        for parameter, g in zip(parameters, gradients, strict=True):
            parameter -= LR * g
        return float(value)

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.1, help="of each measurement")
    options = parser.parse_args()
    contenders = {"NumPy by hand": by_hand(), "nn.LSTM": with_nn(False), "nn.LSTMCell, unrolled": with_nn(True)}
    if importlib.util.find_spec("torch") is not None:
        contenders |= {"torch.nn.LSTM": with_torch(False), "torch.nn.LSTMCell, unrolled": with_torch(True)}
    if importlib.util.find_spec("autograd") is not None:
        contenders["HIPS autograd"] = with_hips()
    for _ in range(3):
        losses = {name: step() for name, step in contenders.items()}
        worst = max(abs(loss - losses["NumPy by hand"]) for loss in losses.values())
        if worst > 1e-4:
            raise SystemExit(f"the contenders do not compute the same: {losses}")
    found = interleaved(contenders, rounds=options.rounds, seconds=options.seconds)
    hand = found["NumPy by hand"]
    print(
        table(
            (f"LSTM step, {THREADS} threads", "µs", "of by hand"),
            [(name, f"{s * 1e6:.0f}", f"{s / hand:.2f}") for name, s in found.items()],
        )
    )


if __name__ == "__main__":
    main()
