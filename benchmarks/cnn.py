"""A training step of a convolutional network: ``python benchmarks/cnn.py [--threads 2]``.

conv 3×3×16 → relu → pool 2 → conv 3×3×32 → relu → pool 2 → linear 10 on 64 images of 28 × 28 in float32, with SGD.
Hand-written NumPy as it is usually written (im2col by ``sliding_window_view``, one matrix product), this library, and
PyTorch where it is installed, in turns in one run; the peak of the memory allocated during a step beside.
"""

from __future__ import annotations

import argparse
import importlib.util
import tracemalloc
from collections.abc import Callable
from typing import Any

from _threads import THREADS

# isort: split
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from timing import interleaved, table

import autograd_np as ag

BATCH, CLASSES, RATE = 64, 10, 0.01


def data(seed: int = 0) -> tuple[Any, Any, list[Any]]:
    """Images, labels, and the parameters to start from."""
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(BATCH, 1, 28, 28)).astype(np.float32)
    labels = rng.integers(0, CLASSES, BATCH)
    shapes = ((16, 1, 3, 3), (16,), (32, 16, 3, 3), (32,), (32 * 7 * 7, CLASSES), (CLASSES,))
    return images, labels, [(rng.normal(size=shape) * 0.1).astype(np.float32) for shape in shapes]


# ---------------------------------------------------------------- as usually written by hand


def hand_convolution(x: Any, weight: Any, bias: Any) -> tuple[Any, Any]:
    n, _, h, w = x.shape
    outputs = weight.shape[0]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = sliding_window_view(padded, (3, 3), axis=(2, 3))
    columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * h * w, -1)
    out = columns @ weight.reshape(outputs, -1).T + bias
    return out.reshape(n, h, w, outputs).transpose(0, 3, 1, 2), columns


def hand_convolution_backward(g: Any, x_shape: Any, weight: Any, columns: Any, need_x: bool) -> tuple[Any, Any, Any]:
    n, c, h, w = x_shape
    outputs = weight.shape[0]
    rows = g.transpose(0, 2, 3, 1).reshape(-1, outputs)
    d_weight = (rows.T @ columns).reshape(weight.shape)
    d_bias = rows.sum(axis=0)
    if not need_x:
        return None, d_weight, d_bias
    d_columns = (rows @ weight.reshape(outputs, -1)).reshape(n, h, w, c, 3, 3)
    padded = np.zeros((n, c, h + 2, w + 2), g.dtype)
    for i in range(3):
        for j in range(3):
            padded[:, :, i : i + h, j : j + w] += d_columns[:, :, :, :, i, j].transpose(0, 3, 1, 2)
    return padded[:, :, 1:-1, 1:-1], d_weight, d_bias


def hand_pool(x: Any) -> Any:
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))


def hand_pool_backward(g: Any, x: Any, out: Any) -> Any:
    n, c, h, w = x.shape
    blocks = x.reshape(n, c, h // 2, 2, w // 2, 2)
    mask = blocks == out[:, :, :, None, :, None]
    mask = mask / mask.sum(axis=(3, 5), keepdims=True, dtype=x.dtype)
    return (mask * g[:, :, :, None, :, None]).reshape(x.shape)


def hand_step(images: Any, labels: Any, parameters: list[Any]) -> Any:
    w1, b1, w2, b2, w3, b3 = parameters
    z1, columns1 = hand_convolution(images, w1, b1)
    a1 = np.maximum(z1, 0)
    p1 = hand_pool(a1)
    z2, columns2 = hand_convolution(p1, w2, b2)
    a2 = np.maximum(z2, 0)
    p2 = hand_pool(a2)
    flat = p2.reshape(len(p2), -1)
    logits = flat @ w3 + b3
    logits = logits - logits.max(axis=1, keepdims=True)
    e = np.exp(logits)
    probabilities = e / e.sum(axis=1, keepdims=True)
    picked = np.arange(len(labels)), labels
    loss = -np.log(probabilities[picked]).mean()

    g = probabilities
    g[picked] -= 1
    g /= len(labels)
    d_w3, d_b3 = flat.T @ g, g.sum(axis=0)
    g = hand_pool_backward((g @ w3.T).reshape(p2.shape), a2, p2) * (z2 > 0)
    g, d_w2, d_b2 = hand_convolution_backward(g, p1.shape, w2, columns2, True)
    g = hand_pool_backward(g, a1, p1) * (z1 > 0)
    _, d_w1, d_b1 = hand_convolution_backward(g, images.shape, w1, columns1, False)
    for p, d in zip(parameters, (d_w1, d_b1, d_w2, d_b2, d_w3, d_b3), strict=True):
        p -= RATE * d
    return loss


# ---------------------------------------------------------------- the library


def our_step(images: Any, labels: Any, parameters: list[Any]) -> Any:
    w1, b1, w2, b2, w3, b3 = parameters
    h = ag.max_pool2d(ag.relu(ag.conv2d(images, w1, b1, padding=1)), 2)
    h = ag.max_pool2d(ag.relu(ag.conv2d(h, w2, b2, padding=1)), 2)
    loss = ag.softmax_cross_entropy(h.reshape(len(images), -1) @ w3 + b3, labels)
    loss.backward()
    for p in parameters:
        memory = p.writable()
        memory -= RATE * p.grad
        p.grad = None
    return loss


# ---------------------------------------------------------------- contenders


def torch_step(images: Any, labels: Any, parameters: list[Any]) -> Callable[[], object]:
    import torch

    torch.set_num_threads(THREADS)
    functional = torch.nn.functional
    x, y = torch.tensor(images), torch.tensor(labels)
    w1, b1, w2, b2, w3, b3 = leaves = [torch.tensor(p, requires_grad=True) for p in parameters]
    optimizer = torch.optim.SGD(leaves, lr=RATE)

    def step() -> object:
        h = functional.max_pool2d(functional.relu(functional.conv2d(x, w1, b1, padding=1)), 2)
        h = functional.max_pool2d(functional.relu(functional.conv2d(h, w2, b2, padding=1)), 2)
        loss = functional.cross_entropy(h.reshape(len(x), -1) @ w3 + b3, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def contenders() -> dict[str, Callable[[], object]]:
    """name → one training step."""
    images, labels, start = data()
    by_hand = [p.copy() for p in start]
    ours = [ag.Tensor(p.copy(), requires_grad=True) for p in start]
    calls: dict[str, Callable[[], object]] = {
        "hand-written NumPy": lambda: hand_step(images, labels, by_hand),
        "autograd_np": lambda: our_step(images, labels, ours),
    }
    if importlib.util.find_spec("torch"):
        calls["torch"] = torch_step(images, labels, start)
    return calls


def peak(call: Callable[[], object]) -> float:
    """The most memory that a step allocates at a time, in MB. (PyTorch's own memory is not seen.)"""
    call()
    tracemalloc.start()
    call()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="rounds in which the contenders take turns (default 9)")
    rounds = parser.parse_args().rounds
    images, labels, start = data()
    by_hand = [p.copy() for p in start]
    ours = [ag.Tensor(p.copy(), requires_grad=True) for p in start]
    for _ in range(3):
        losses = float(hand_step(images, labels, by_hand)), our_step(images, labels, ours).item()
        if abs(losses[0] - losses[1]) > 1e-5:
            raise SystemExit(f"the losses differ: {losses[0]} by hand, {losses[1]} here")
    calls = contenders()
    seconds = interleaved(calls, rounds=rounds, seconds=0.2)
    base = seconds["hand-written NumPy"]
    rows = [
        [name, f"{1000 * s:.2f}", f"{s / base:.2f}", "–" if name == "torch" else f"{peak(calls[name]):.1f}"]
        for name, s in seconds.items()
    ]
    print(table((f"CNN step, {THREADS} threads", "ms", "ratio", "peak MB"), rows))


if __name__ == "__main__":
    main()
