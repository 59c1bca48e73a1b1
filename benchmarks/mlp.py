"""Training steps of multilayer perceptrons with ``nn``, against hand-written NumPy and the peers that are installed.

Full steps in float32: forward, backward, update; medians of interleaved rounds in one run, as ratios to the step that
the author of a network from scratch writes (plain expressions, a fresh array for every result). Before anything is
timed, every contender must have the losses of the hand-written step.

    python benchmarks/mlp.py
    python benchmarks/mlp.py --threads 2 --peers torch
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from _threads import THREADS

# isort: split
import numpy as np
from timing import interleaved, table

import nn


@dataclass(frozen=True)
class Work:
    """One workload: layer sizes, batch, optimizer, its learning rate, L2 strength, and the ratio to be reached."""

    name: str
    sizes: tuple[int, ...]
    batch: int
    optimizer: str
    lr: float
    l2: float = 0.0
    bar: float | None = None

    def data(self) -> tuple[Any, Any]:
        rng = np.random.default_rng(1)
        x = rng.normal(size=(self.batch, self.sizes[0])).astype(np.float32)
        return x, rng.integers(0, 2, (self.batch, 1)).astype(np.float32) if self.sizes[-1] == 1 else rng.integers(
            0, self.sizes[-1], self.batch
        )

    def weights(self) -> list[tuple[Any, Any]]:
        rng = np.random.default_rng(0)
        return [
            ((rng.normal(size=pair) * np.sqrt(2 / pair[0])).astype(np.float32), np.zeros(pair[1], np.float32))
            for pair in itertools.pairwise(self.sizes)
        ]


WORKS = (
    Work("XOR 2-8-1, batch 4, SGD", (2, 8, 1), 4, "sgd", 0.1),
    Work("spiral 2-64-3, batch 300, Adam + L2", (2, 64, 3), 300, "adam", 1e-3, 5e-4),
    Work("spiral 2-256-256-3, batch 300, momentum", (2, 256, 256, 3), 300, "momentum", 0.01),
    Work("MNIST 784-128-64-10, batch 64, Adam", (784, 128, 64, 10), 64, "adam", 1e-3, bar=0.75),
    Work("wide 784-1024-1024-10, batch 256, SGD", (784, 1024, 1024, 10), 256, "sgd", 0.01),
)


# ---------------------------------------------------------------- by hand


class Hand:
    """Forward, backward and update as one writes them."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.x, self.y = work.data()
        self.p = [p for layer in work.weights() for p in layer]
        self.m = [np.zeros_like(p) for p in self.p]
        self.v = [np.zeros_like(p) for p in self.p]
        self.t = 0

    def step(self) -> float:
        x, y, p = self.x, self.y, self.p
        n, layers = len(x), len(p) // 2
        inputs, h = [x], x
        for i in range(layers - 1):
            h = np.maximum(h @ p[2 * i] + p[2 * i + 1], 0)
            inputs.append(h)
        z = h @ p[-2] + p[-1]
        if z.shape[1] == 1:
            probability = 1 / (1 + np.exp(-z))
            loss = -np.mean(y * np.log(probability) + (1 - y) * np.log(1 - probability))
            d = (probability - y) / n
        else:
            e = np.exp(z - z.max(axis=1, keepdims=True))
            probability = e / e.sum(axis=1, keepdims=True)
            loss = -np.log(probability[np.arange(n), y]).mean()
            d = probability
            d[np.arange(n), y] -= 1
            d = d / n
        gradients: list[Any] = [None] * len(p)
        for i in reversed(range(layers)):
            gradients[2 * i] = inputs[i].T @ d
            gradients[2 * i + 1] = d.sum(axis=0)
            if i:
                d = (d @ p[2 * i].T) * (inputs[i] > 0)
        if self.work.l2:
            for i in range(0, len(p), 2):
                loss = loss + self.work.l2 * np.sum(p[i] * p[i])
                gradients[i] = gradients[i] + 2 * self.work.l2 * p[i]
        self.update(gradients)
        return float(loss)

    def update(self, gradients: list[Any]) -> None:
        p, lr = self.p, self.work.lr
        self.t += 1
        for i, g in enumerate(gradients):
            if self.work.optimizer == "sgd":
                p[i] -= lr * g
            elif self.work.optimizer == "momentum":
                self.v[i] = 0.9 * self.v[i] + g
                p[i] -= lr * self.v[i]
            else:
                self.m[i] = 0.9 * self.m[i] + 0.1 * g
                self.v[i] = 0.999 * self.v[i] + 0.001 * g * g
                m, v = self.m[i] / (1 - 0.9**self.t), self.v[i] / (1 - 0.999**self.t)
                p[i] -= lr * m / (np.sqrt(v) + 1e-8)


# ---------------------------------------------------------------- ours and the peers


def ours(work: Work) -> Callable[[], float]:
    layers: list[nn.Module] = []
    for weight, bias in work.weights():
        linear = nn.Linear(*weight.shape)
        linear.weight.writable()[...] = weight
        linear.bias.writable()[...] = bias  # type: ignore[union-attr]
        layers += [linear, nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    for linear in layers[::2] if work.l2 else ():
        linear.regularize(l2=work.l2)
    loss_of: Any = nn.BCEWithLogitsLoss() if work.sizes[-1] == 1 else nn.CrossEntropyLoss()
    momentum = 0.9 if work.optimizer == "momentum" else 0.0
    optimizer: Any = (
        nn.optim.Adam(model.parameters(), lr=work.lr)
        if work.optimizer == "adam"
        else nn.optim.SGD(model.parameters(), work.lr, momentum)
    )
    x, y = work.data()

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        if work.l2:
            loss = loss + model.penalty()
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def torch_step(work: Work) -> Callable[[], float]:
    import torch

    torch.set_num_threads(THREADS)
    layers: list[Any] = []
    for weight, bias in work.weights():
        linear = torch.nn.Linear(*weight.shape)
        linear.weight.data[...] = torch.tensor(weight.T)
        linear.bias.data[...] = torch.tensor(bias)
        layers += [linear, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    loss_of = torch.nn.BCEWithLogitsLoss() if work.sizes[-1] == 1 else torch.nn.CrossEntropyLoss()
    if work.optimizer == "adam":
        optimizer: Any = torch.optim.Adam(model.parameters(), lr=work.lr, fused=True)
    else:
        optimizer = torch.optim.SGD(
            model.parameters(), lr=work.lr, momentum=0.9 if work.optimizer == "momentum" else 0.0, fused=True
        )
    x, y = (torch.tensor(v) for v in work.data())
    weights = [layer.weight for layer in layers[::2]]

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        if work.l2:
            loss = loss + work.l2 * sum((w * w).sum() for w in weights)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def _functional_loss(np_: Any, work: Work, log_sum_exp: Any, x: Any, y: Any) -> Callable[[Any], Any]:
    """The loss as a function of a flat list of weights and biases, for the peers that transform functions."""

    def loss(p: Any) -> Any:
        h = x
        for i in range(0, len(p) - 2, 2):
            h = np_.maximum(np_.dot(h, p[i]) + p[i + 1], 0)
        z = np_.dot(h, p[-2]) + p[-1]
        binary = z.shape[1] == 1
        value = np_.mean(
            np_.maximum(z, 0) - z * y + np_.log1p(np_.exp(-np_.abs(z)))
            if binary
            else log_sum_exp(z) - z[np.arange(len(x)), y]
        )
        return value + work.l2 * sum(np_.sum(p[i] * p[i]) for i in range(0, len(p), 2)) if work.l2 else value

    return loss


def jax_step(work: Work) -> Callable[[], float]:
    import jax
    import jax.numpy as jnp

    x, y = work.data()
    loss = _functional_loss(jnp, work, lambda z: jax.scipy.special.logsumexp(z, axis=1), jnp.asarray(x), jnp.asarray(y))

    @jax.jit
    def update(p: Any, m: Any, v: Any, t: Any) -> Any:
        value, gradients = jax.value_and_grad(loss)(p)
        t = t + 1
        if work.optimizer == "sgd":
            return [a - work.lr * g for a, g in zip(p, gradients, strict=True)], m, v, t, value
        if work.optimizer == "momentum":
            v = [0.9 * b + g for b, g in zip(v, gradients, strict=True)]
            return [a - work.lr * b for a, b in zip(p, v, strict=True)], m, v, t, value
        m = [0.9 * a + 0.1 * g for a, g in zip(m, gradients, strict=True)]
        v = [0.999 * b + 0.001 * g * g for b, g in zip(v, gradients, strict=True)]
        down, up = 1 - 0.9**t, 1 - 0.999**t
        return (
            [a - work.lr * (b / down) / (jnp.sqrt(c / up) + 1e-8) for a, b, c in zip(p, m, v, strict=True)],
            m,
            v,
            t,
            value,
        )

    p = [jnp.asarray(a) for layer in work.weights() for a in layer]
    state: list[Any] = [p, [jnp.zeros_like(a) for a in p], [jnp.zeros_like(a) for a in p], jnp.float32(0)]

    def step() -> float:
        *state[:], value = update(*state)
        return float(value)

    return step


def autograd_step(work: Work) -> Callable[[], float]:
    import autograd.numpy as anp
    from autograd import value_and_grad
    from autograd.scipy.special import logsumexp

    hand = Hand(work)
    gradient = value_and_grad(_functional_loss(anp, work, lambda z: logsumexp(z, axis=1), hand.x, hand.y))

    def step() -> float:
        value, gradients = gradient(hand.p)
        hand.update([g.astype(np.float32, copy=False) for g in gradients])
        return float(value)

    return step


def mygrad_step(work: Work) -> Callable[[], float]:
    import mygrad
    from mygrad.nnet.activations import relu
    from mygrad.nnet.losses import softmax_crossentropy

    hand = Hand(work)
    hand.p = [mygrad.tensor(a) for a in hand.p]  # what update() writes is their data

    def step() -> float:
        h: Any = hand.x
        for i in range(0, len(hand.p) - 2, 2):
            h = relu(mygrad.matmul(h, hand.p[i]) + hand.p[i + 1])
        z = mygrad.matmul(h, hand.p[-2]) + hand.p[-1]
        binary = z.shape[1] == 1
        loss = (
            mygrad.mean(mygrad.maximum(z, 0) - z * hand.y + mygrad.log1p(mygrad.exp(-mygrad.abs(z))))
            if binary
            else softmax_crossentropy(z, hand.y)
        )
        if work.l2:
            loss = loss + work.l2 * sum((hand.p[i] * hand.p[i]).sum() for i in range(0, len(hand.p), 2))
        loss.backward()
        gradients, tensors = [p.grad.astype(np.float32, copy=False) for p in hand.p], hand.p
        hand.p = [p.data for p in tensors]
        hand.update(gradients)
        hand.p = tensors
        return float(loss)

    return step


PEERS = {"torch": torch_step, "jax": jax_step, "autograd": autograd_step, "mygrad": mygrad_step}


def main() -> None:
    """Check, measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--peers",
        nargs="*",
        choices=PEERS,
        default=[name for name in PEERS if importlib.util.find_spec(name)],
        help="those to compare with",
    )
    peers = {name: PEERS[name] for name in parser.parse_args().peers}
    rows = []
    for work in WORKS:
        contenders: dict[str, Callable[[], float]] = {
            "hand": Hand(work).step,
            "nn": ours(work),
            **{name: make(work) for name, make in peers.items()},
        }
        expected = [contenders["hand"]() for _ in range(5)]
        for name, step in contenders.items():
            if name != "hand":
                np.testing.assert_allclose(
                    [step() for _ in range(5)], expected, rtol=2e-3, err_msg=f"{work.name}: {name}"
                )
        times = interleaved(contenders, rounds=15, seconds=0.05 if work.batch < 256 else 0.15)
        ratios = [f"{times[name] / times['hand']:.2f}" for name in contenders if name != "hand"]
        rows.append([work.name, f"{times['hand'] * 1e6:.0f}", "–" if work.bar is None else f"{work.bar:.2f}", *ratios])
    print(
        f"Python {sys.version.split()[0]}, NumPy {np.__version__}, BLAS threads: {THREADS}; ratios to hand-written "
        "NumPy\n"
    )
    print(table(["workload", "hand µs", "bar", "nn", *peers], rows))


if __name__ == "__main__":
    main()
