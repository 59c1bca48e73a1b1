"""Nine training steps for ``compiled.py`` and ``program_lines.py``: by hand, with ``nn``, compiled, in the peers.

The hand-written steps and the data are those of ``mlp.py``, ``cnn.py``, ``lstm.py``, ``transformer.py`` and
``engine.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from _threads import THREADS

# isort: split
import cnn
import engine
import lstm
import mlp
import numpy as np
import transformer

import autograd_np as ag
import nn
from nn import compile_step

Step = Callable[[], object]


@dataclass
class Contender:
    """One way of taking the step.

    Attributes:
        step: takes it.
        check: takes it, and gives numbers to compare with the other contenders': the loss, or sums of what is returned.
        compiled: the ``Compiled`` behind it, if it is a program, and the arrays that the program takes.
    """

    step: Step
    check: Callable[[], list[float]]
    compiled: Any = None
    arrays: tuple[Any, ...] = ()


@dataclass
class Workload:
    """A row of the table.

    Attributes:
        bar: the ratio to the hand-written step that the compiled one must reach.
        makers: name of the contender → what makes it; ``hand``, ``eager`` and ``compiled`` are there, peers where there
            are any.
        tolerance: the relative difference allowed between the numbers of two contenders.
    """

    name: str
    bar: float
    makers: dict[str, Callable[[], Contender]] = field(default_factory=dict)
    tolerance: float = 2e-4


def _losses(step: Callable[[], Any]) -> Contender:
    """A step that gives its loss."""
    return Contender(step, lambda: [float(step())])


# ---------------------------------------------------------------- with nn


@dataclass
class Training:
    """What a step with ``nn`` is made of."""

    model: nn.Module
    loss: Callable[[Any, Any], Any]
    optimizer: Any
    x: Any
    y: Any
    l2: float = 0.0

    def penalty(self) -> float:
        """λ Σ w² over the matrices; a compiled step trains with it but gives the loss without it."""
        return (
            self.l2 * sum(float(np.sum(p.numpy() ** 2)) for p in self.model.parameters() if p.ndim > 1)
            if self.l2
            else 0.0
        )

    def eager(self) -> Contender:
        model, loss_of, optimizer, x, y, l2 = self.model, self.loss, self.optimizer, self.x, self.y, self.l2

        def step() -> float:
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            if l2:
                loss = loss + model.penalty()  # type: ignore[operator]
            loss.backward()
            optimizer.step()
            return float(loss.item())

        return _losses(step)

    def compiled(self, backend: str = "numpy") -> Contender:
        step, x, y = compile_step(self.model, self.loss, self.optimizer, backend=backend), self.x, self.y

        def check() -> list[float]:
            penalty = self.penalty()
            return [penalty + step(x, y).item()]

        return Contender(lambda: step(x, y).item(), check, step, (x, y))


def _fill(parameters: Sequence[Any], values: Sequence[Any]) -> None:
    for parameter, value in zip(parameters, values, strict=True):
        parameter.writable()[...] = value


def mlp_training(work: mlp.Work) -> Training:
    values = [p for layer in work.weights() for p in layer]
    layers: list[nn.Module] = []
    for weight in values[::2]:
        linear = nn.Linear(*weight.shape)
        if work.l2:
            linear.regularize(l2=work.l2)
        layers += [linear, nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    parameters = [*model.parameters()]
    _fill(parameters, values)
    loss: Any = nn.BCEWithLogitsLoss() if work.sizes[-1] == 1 else nn.CrossEntropyLoss()
    momentum = 0.9 if work.optimizer == "momentum" else 0.0
    optimizer: Any = (
        nn.Adam(parameters, lr=work.lr) if work.optimizer == "adam" else nn.SGD(parameters, work.lr, momentum)
    )
    return Training(model, loss, optimizer, *work.data(), work.l2)


def cnn_training() -> Training:
    images, labels, values = cnn.data()
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 7 * 7, cnn.CLASSES),
    )  # fmt: skip
    _fill([*model.parameters()], values)
    return Training(model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), cnn.RATE), images, labels)


class Classifier(nn.Module):
    """The class of a sequence from the last state of an LSTM: ``nn.LSTM``, or ``nn.LSTMCell`` in a Python loop."""

    def __init__(self, unrolled: bool) -> None:
        super().__init__()
        self.layer: Any = (nn.LSTMCell if unrolled else nn.LSTM)(lstm.INPUT, lstm.HIDDEN)
        self.out = nn.Linear(lstm.HIDDEN, lstm.CLASSES)
        self.unrolled = unrolled

    def forward(self, x: Any) -> Any:
        if not self.unrolled:
            return self.out(self.layer(x)[1][0][0])
        state = None
        for t in range(len(x)):
            state = self.layer(x[t], state)
        return self.out(state[0])  # type: ignore[index]


def lstm_training(unrolled: bool) -> Training:
    model = Classifier(unrolled)
    _fill([*model.parameters()], lstm.start())
    return Training(model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), float(lstm.LR)), *lstm.data())


class LanguageModel(nn.Module):
    """Embedding and positions, one block, LayerNorm, logits."""

    def __init__(self, vocabulary: int, width: int, heads: int, hidden: int, context: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(np.zeros((context, width), np.float32))
        self.block = nn.TransformerEncoderLayer(
            width, heads, hidden, dropout=0.0, activation=nn.ReLU(), batch_first=True, norm_first=True
        )
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, vocabulary)

    def forward(self, x: Any) -> Any:
        return self.out(self.norm(self.block(self.embedding(x) + self.positions, is_causal=True)))


VOCABULARY, WIDTH, HEADS, HIDDEN, CONTEXT, BATCH = 65, 64, 4, 256, 64, 8
NAMES = {
    "embedding": "embedding.weight", "positions": "positions", "scale1": "block.norm1.weight",
    "shift1": "block.norm1.bias", "W_qkv": "block.self_attn.in_proj_weight", "b_qkv": "block.self_attn.in_proj_bias",
    "W_o": "block.self_attn.out_proj.weight", "b_o": "block.self_attn.out_proj.bias", "scale2": "block.norm2.weight",
    "shift2": "block.norm2.bias", "W1": "block.linear1.weight", "b1": "block.linear1.bias",
    "W2": "block.linear2.weight", "b2": "block.linear2.bias", "scale3": "norm.weight", "shift3": "norm.bias",
    "W_out": "out.weight", "b_out": "out.bias",
}  # fmt: skip


def characters() -> tuple[Any, Any]:
    x, y = np.random.default_rng(1).integers(0, VOCABULARY, (2, BATCH, CONTEXT))
    return x, y


def transformer_step(make: Any) -> Contender:
    """One of the steps of ``transformer.py``."""
    return _losses(make(transformer.weights(VOCABULARY, WIDTH, HIDDEN, CONTEXT), *characters(), HEADS, "relu"))


def transformer_training() -> Training:
    model = LanguageModel(VOCABULARY, WIDTH, HEADS, HIDDEN, CONTEXT)
    start = transformer.weights(VOCABULARY, WIDTH, HIDDEN, CONTEXT)
    model.load_state_dict({NAMES[name]: value for name, value in start.items()})
    criterion = nn.CrossEntropyLoss()
    optimizer = nn.Adam(
        model.parameters(), lr=transformer.RATE, betas=(transformer.BETA1, transformer.BETA2), eps=transformer.EPSILON
    )
    return Training(model, lambda z, y: criterion(z.reshape(-1, VOCABULARY), y.reshape(-1)), optimizer, *characters())


# ---------------------------------------------------------------- a chain of operations


SIZE = 10_000


def chain_start() -> tuple[Any, Any, Any]:
    return np.ones(SIZE, np.float32), np.full(SIZE, 0.999, np.float32), np.full(SIZE, 0.001, np.float32)


def _sums(step: Callable[[], Any], **more: Any) -> Contender:
    """A step that gives arrays."""
    return Contender(step, lambda: [float(np.asarray(g).sum(dtype=np.float64)) for g in step()], **more)


def chain_hand() -> Contender:
    start = chain_start()
    return _sums(lambda: engine.chain_hand(*start))


def chain_ours(compiled: bool, backend: str = "numpy") -> Contender:
    start = chain_start()
    gradient: Any = ag.grad(lambda y, a, b: engine.chain_forward(y, a, b).sum(), (0, 1, 2))
    if not compiled:
        return _sums(lambda: gradient(*start))
    program = ag.compile(gradient, backend=backend)
    return _sums(lambda: program(*start), compiled=program, arrays=start)


def chain_torch() -> Contender:
    import torch

    torch.set_num_threads(THREADS)
    start = [torch.tensor(v, requires_grad=True) for v in chain_start()]
    return _sums(lambda: torch.autograd.grad(engine.chain_forward(*start).sum(), start))


# ---------------------------------------------------------------- the table


def hand_cnn() -> Contender:
    images, labels, parameters = cnn.data()
    return _losses(lambda: cnn.hand_step(images, labels, parameters))


def torch_cnn() -> Contender:
    step: Any = cnn.torch_step(*cnn.data())
    return Contender(step, lambda: [step().item()])


def _row(
    name: str,
    bar: float,
    hand: Callable[[], Contender],
    training: Callable[[], Training],
    tolerance: float = 2e-4,
    **peers: Any,
) -> Workload:
    ours = {
        "hand": hand,
        "eager": lambda: training().eager(),
        "compiled": lambda: training().compiled(),
        "numba": lambda: training().compiled("numba"),
    }
    return Workload(name, bar, ours | peers, tolerance)


def _mlp(bar: float, prefix: str) -> Workload:
    work = next(work for work in mlp.WORKS if work.name.startswith(prefix))
    peers = {"torch": lambda: _losses(mlp.torch_step(work)), "jax": lambda: _losses(mlp.jax_step(work))}
    return _row(work.name, bar, lambda: _losses(mlp.Hand(work).step), partial(mlp_training, work), 2e-3, **peers)


def _lstm(name: str, unrolled: bool) -> Workload:
    return _row(
        name,
        0.70,
        lambda: _losses(lstm.by_hand()),
        partial(lstm_training, unrolled),
        torch=lambda: _losses(lstm.with_torch(unrolled)),
    )


WORKLOADS = [
    _mlp(0.60, "XOR"),
    _mlp(0.80, "spiral 2-256"),
    _mlp(0.60, "spiral 2-64"),
    _mlp(0.45, "MNIST"),
    _mlp(0.83, "wide"),
    _row("CNN, two conv 3×3, two pools, batch 64, SGD", 0.35, hand_cnn, cnn_training, torch=torch_cnn),
    _row(
        "transformer block LM, d 64, T 64, batch 8, Adam",
        0.70,
        partial(transformer_step, transformer.by_hand),
        transformer_training,
        torch=partial(transformer_step, transformer.with_torch),
    ),
    _lstm("LSTM 64, T 32, batch 16, SGD, nn.LSTM", False),
    _lstm("LSTM 64, T 32, batch 16, SGD, LSTMCell unrolled", True),
    Workload(
        "chain y·a + b, 1000 times, 10 000 floats",
        0.60,
        {
            "hand": chain_hand,
            "eager": partial(chain_ours, False),
            "compiled": partial(chain_ours, True),
            "numba": partial(chain_ours, True, "numba"),
            "torch": chain_torch,
        },
    ),
]


def selected(text: str) -> list[Workload]:
    """The workloads whose names contain a text."""
    found = [w for w in WORKLOADS if text.casefold() in w.name.casefold()]
    if not found:
        sys.exit(f"no workload has {text!r} in its name; there are:\n" + "\n".join(w.name for w in WORKLOADS))
    return found
