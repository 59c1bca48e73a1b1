"""``nn.compile_step`` against the same steps uncompiled: every optimizer, every loss, layers with state of their
own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stepping import LABELS, RNG, X, Y, compared, network

import autograd_np as ag
import nn

# ---------------------------------------------------------------- optimizers

OPTIMIZERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "SGD": (nn.SGD, {"lr": 0.1}),
    "SGD momentum": (nn.SGD, {"lr": 0.05, "momentum": 0.9}),
    "SGD dampening, decay": (nn.SGD, {"lr": 0.05, "momentum": 0.9, "dampening": 0.1, "weight_decay": 1e-2}),
    "SGD nesterov": (nn.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "SGD maximize": (nn.SGD, {"lr": 0.001, "momentum": 0.5, "maximize": True, "weight_decay": 1e-3}),
    "Adagrad": (nn.Adagrad, {"lr": 0.05, "lr_decay": 1e-2, "initial_accumulator_value": 0.1, "weight_decay": 1e-2}),
    "Adagrad maximize": (nn.Adagrad, {"lr": 0.001, "maximize": True}),
    "RMSprop": (nn.RMSprop, {"lr": 0.002, "eps": 1e-4}),
    "RMSprop centered, momentum": (nn.RMSprop, {"lr": 0.002, "momentum": 0.5, "centered": True, "weight_decay": 1e-2}),
    "Adadelta": (nn.Adadelta, {"lr": 1.0, "weight_decay": 1e-3}),
    "Adam": (nn.Adam, {"lr": 0.01}),
    "Adam amsgrad, decay": (nn.Adam, {"lr": 0.01, "amsgrad": True, "weight_decay": 1e-2}),
    "Adam decoupled": (nn.Adam, {"lr": 0.01, "weight_decay": 1e-2, "decoupled_weight_decay": True}),
    "Adam maximize": (nn.Adam, {"lr": 0.001, "maximize": True, "weight_decay": 1e-2}),
    "AdamW": (nn.AdamW, {"lr": 0.01, "betas": (0.8, 0.99)}),
    "NAdam": (nn.NAdam, {"lr": 0.005, "momentum_decay": 1e-2, "weight_decay": 1e-2}),
    "RAdam": (nn.RAdam, {"lr": 0.01, "weight_decay": 1e-2}),
    "Lion": (nn.Lion, {"lr": 0.001, "weight_decay": 1e-2}),
    "Adamax": (nn.Adamax, {"lr": 0.005, "weight_decay": 1e-2}),
    "Rprop": (nn.Rprop, {"lr": 0.001, "etas": (0.6, 1.1)}),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_for_200_steps(name: str) -> None:
    """In float64, within 2^12 units in the last place: 1e-12 of the largest number after 200 steps, which amplify what
    differs."""
    kind, options = OPTIMIZERS[name]

    def make() -> Any:
        model = network()
        return model, nn.CrossEntropyLoss(), kind(model.parameters(), **options)

    step = compared(make, [(X, LABELS)] * 200, 4096)
    assert step.cache_info().misses == (2 if name == "RAdam" else 1)


def test_every_optimizer_is_in_the_table() -> None:
    kinds = {
        name
        for name in nn.__all__
        if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.Optimizer)
    }
    assert kinds - {"Optimizer", "LBFGS"} == {kind.__name__ for kind, _ in OPTIMIZERS.values()}


# ---------------------------------------------------------------- losses

ROWS = RNG.normal(size=(6, 5))
SIGNS = np.sign(RNG.normal(size=(6, 3)))
CLASSES = np.array([0, 2, 1, 1, 0, 2])
TRUTHS = (SIGNS > 0).astype(float)
SOFT = np.exp(RNG.normal(size=(6, 3)))
SOFT /= SOFT.sum(1, keepdims=True)


class Three(nn.Module):
    """Three outputs of one network, for losses of three arrays."""

    def __init__(self) -> None:
        super().__init__()
        nn.manual_seed(3)
        self.parts = nn.ModuleList([nn.Linear(5, 3, dtype=np.float64) for _ in range(3)])

    def forward(self, x: Any) -> Any:
        return tuple(part(x) for part in self.parts)


def positive(t: Any) -> Any:
    return ag.exp(0.3 * t)


def around(loss: Any, call: Any) -> Any:
    """A function of (predictions, target) that prepares what a loss is called with."""
    return lambda p, y: call(loss, p, y)


# name → (the loss, or a function of (predictions, target) around it, the target)
LOSSES: dict[str, tuple[Any, Any]] = {
    "CrossEntropyLoss": (lambda: nn.CrossEntropyLoss(), CLASSES),
    "CrossEntropyLoss weights, ignored": (
        lambda: nn.CrossEntropyLoss([1.0, 2.0, 0.5], ignore_index=1, label_smoothing=0.1),
        CLASSES,
    ),
    "CrossEntropyLoss soft": (lambda: nn.CrossEntropyLoss(), SOFT),
    "CrossEntropyLoss sum": (lambda: nn.CrossEntropyLoss(reduction="sum"), CLASSES),
    "NLLLoss": (lambda: around(nn.NLLLoss([1.0, 2.0, 0.5]), lambda f, p, y: f(ag.log_softmax(p, axis=-1), y)), CLASSES),
    "BCELoss": (lambda: around(nn.BCELoss(), lambda f, p, y: f(ag.sigmoid(p), y)), TRUTHS),
    "BCEWithLogitsLoss": (lambda: nn.BCEWithLogitsLoss(pos_weight=[1.0, 2.0, 3.0]), TRUTHS),
    "KLDivLoss": (
        lambda: around(nn.KLDivLoss(reduction="batchmean"), lambda f, p, y: f(ag.log_softmax(p, axis=-1), y)),
        SOFT,
    ),
    "KLDivLoss zeros": (
        lambda: around(nn.KLDivLoss(reduction="sum"), lambda f, p, y: f(ag.log_softmax(p, axis=-1), y)),
        TRUTHS,
    ),
    "MSELoss": (lambda: nn.MSELoss(), Y[:6]),
    "L1Loss": (lambda: nn.L1Loss(), Y[:6]),
    "HuberLoss": (lambda: nn.HuberLoss(delta=0.5), Y[:6]),
    "SmoothL1Loss": (lambda: nn.SmoothL1Loss(beta=0.5), Y[:6]),
    "GaussianNLLLoss": (
        lambda: around(nn.GaussianNLLLoss(full=True), lambda f, p, y: f(p[0], y, positive(p[1]))),
        Y[:6],
    ),
    "PoissonNLLLoss": (lambda: nn.PoissonNLLLoss(full=True), np.floor(positive(Y[:6]).numpy() * 3)),
    "HingeLoss": (lambda: nn.HingeLoss(squared=True), SIGNS),
    "MultiMarginLoss": (lambda: nn.MultiMarginLoss(2, weight=[1.0, 2.0, 0.5]), CLASSES),
    "SoftMarginLoss": (lambda: nn.SoftMarginLoss(), SIGNS),
    "HingeEmbeddingLoss": (lambda: nn.HingeEmbeddingLoss(2.0), SIGNS),
    "MultiLabelSoftMarginLoss": (lambda: nn.MultiLabelSoftMarginLoss([1.0, 2.0, 0.5]), (SIGNS + 1) / 2),
    "MarginRankingLoss": (lambda: around(nn.MarginRankingLoss(0.1), lambda f, p, y: f(p[0], p[1], y)), SIGNS),
    "CosineEmbeddingLoss": (lambda: around(nn.CosineEmbeddingLoss(0.1), lambda f, p, y: f(p[0], p[1], y)), SIGNS[:, 0]),
    "TripletMarginLoss": (lambda: around(nn.TripletMarginLoss(swap=True), lambda f, p, y: f(p[0], p[1], p[2])), Y[:6]),
}
OF_SEVERAL = ("GaussianNLLLoss", "MarginRankingLoss", "CosineEmbeddingLoss", "TripletMarginLoss")


@pytest.mark.parametrize("name", LOSSES)
def test_loss(name: str) -> None:
    """In float64, within 256 units in the last place after 30 steps."""
    loss, target = LOSSES[name]

    def make() -> Any:
        model = Three() if name in OF_SEVERAL else network()
        return model, loss(), nn.Adam(model.parameters(), lr=0.02)

    step = compared(make, [(ROWS, target)] * 30, 256)
    assert step.cache_info()[:2] == (29, 1)


def test_every_loss_is_in_the_table() -> None:
    kinds = {
        name for name in nn.__all__ if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.Loss)
    }
    assert kinds - {"Loss"} == {name.split()[0] for name in LOSSES}


# ---------------------------------------------------------------- layers

D = np.float64
IMAGES = RNG.normal(size=(4, 2, 8, 8))
SEQUENCES = RNG.normal(size=(6, 4, 5))  # time, batch, features
TOKENS = RNG.integers(0, 7, (4, 6))


class Last(nn.Module):
    """The last state of a recurrent layer."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer, self.out = layer, nn.Linear(6, 3, dtype=D)

    def forward(self, x: Any) -> Any:
        output, _ = self.layer(x)
        return self.out(output[-1])


class Cell(nn.Module):
    """A cell, unrolled."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        self.cell, self.out = cell, nn.Linear(6, 3, dtype=D)

    def forward(self, x: Any) -> Any:
        state = None
        for row in x:
            state = self.cell(row, state)
        return self.out(state[0] if isinstance(state, tuple) else state)


class Attends(nn.Module):
    """Self-attention."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.out = nn.MultiheadAttention(6, 2, dropout=0.2, dtype=D), nn.Linear(6, 3, dtype=D)
        self.embedding = nn.Embedding(7, 6, padding_idx=0, dtype=D)

    def forward(self, tokens: Any) -> Any:
        x = ag.transpose(self.embedding(tokens), (1, 0, 2))
        return self.out(ag.mean(self.attention(x, x, x)[0], axis=0))


def head(*layers: Any) -> Any:
    return nn.Sequential(*layers)


LAYERS: dict[str, tuple[Any, Any]] = {
    "BatchNorm1d": (
        lambda: head(nn.Linear(5, 6, dtype=D), nn.BatchNorm1d(6, dtype=D), nn.ReLU(), nn.Linear(6, 3, dtype=D)),
        X[:4],
    ),
    "BatchNorm1d average": (
        lambda: head(nn.Linear(5, 6, dtype=D), nn.BatchNorm1d(6, momentum=None, dtype=D), nn.Linear(6, 3, dtype=D)),
        X[:4],
    ),
    "BatchNorm2d": (
        lambda: head(
            nn.Conv2d(2, 3, 3, dtype=D), nn.BatchNorm2d(3, dtype=D), nn.ReLU(), nn.Flatten(), nn.Linear(108, 3, dtype=D)
        ),
        IMAGES,
    ),
    "Dropout": (lambda: head(nn.Linear(5, 6, dtype=D), nn.Dropout(0.4), nn.Linear(6, 3, dtype=D)), X[:4]),
    "Dropout of its own generator": (
        lambda: head(nn.Linear(5, 6, dtype=D), nn.Dropout(0.4, rng=np.random.default_rng(5)), nn.Linear(6, 3, dtype=D)),
        X[:4],
    ),
    "Dropout2d": (
        lambda: head(nn.Conv2d(2, 4, 3, dtype=D), nn.Dropout2d(0.4), nn.Flatten(), nn.Linear(144, 3, dtype=D)),
        IMAGES,
    ),
    "convolution and pooling": (
        lambda: head(
            nn.Conv2d(2, 3, 3, padding=1, dtype=D),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(3, 4, 3, padding=1, dtype=D),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(16, 3, dtype=D),
        ),
        IMAGES,
    ),
    "ConvTranspose2d": (
        lambda: head(
            nn.ConvTranspose2d(2, 2, 3, stride=2, dtype=D), nn.Tanh(), nn.Flatten(), nn.Linear(578, 3, dtype=D)
        ),
        IMAGES,
    ),
    "RNN": (lambda: Last(nn.RNN(5, 6, dtype=D)), SEQUENCES),
    "LSTM": (lambda: Last(nn.LSTM(5, 6, num_layers=2, dropout=0.3, dtype=D)), SEQUENCES),
    "GRU": (lambda: Last(nn.GRU(5, 3, bidirectional=True, dtype=D)), SEQUENCES),
    "RNNCell": (lambda: Cell(nn.RNNCell(5, 6, dtype=D)), SEQUENCES),
    "LSTMCell": (lambda: Cell(nn.LSTMCell(5, 6, dtype=D)), SEQUENCES),
    "GRUCell": (lambda: Cell(nn.GRUCell(5, 6, dtype=D)), SEQUENCES),
    "Embedding": (lambda: head(nn.Embedding(7, 4, dtype=D), nn.Flatten(), nn.Linear(24, 3, dtype=D)), TOKENS),
    "MultiheadAttention": (Attends, TOKENS),
    "TransformerEncoder": (
        lambda: head(
            nn.Embedding(7, 8, dtype=D),
            nn.PositionalEncoding(8, dtype=D),
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dtype=D),
            nn.Flatten(),
            nn.Linear(48, 3, dtype=D),
        ),
        TOKENS,
    ),
    "norms": (
        lambda: head(
            nn.Linear(5, 6, dtype=D),
            nn.LayerNorm(6, dtype=D),
            nn.PReLU(dtype=D),
            nn.RMSNorm(6, dtype=D),
            nn.Linear(6, 3, dtype=D),
        ),
        X[:4],
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str) -> None:
    """In float64, within 2^12 units in the last place after 25 steps, with running statistics and random numbers;
    different data in each step."""
    module, x = LAYERS[name]
    labels = np.array([0, 2, 1, 1])
    rng = np.random.default_rng(7)
    steps = [(x if x.dtype.kind == "i" else x + 0.1 * rng.normal(size=x.shape), labels) for _ in range(25)]

    def make() -> Any:
        nn.manual_seed(1)
        model = module()
        return model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), lr=0.05, momentum=0.9)

    step = compared(make, steps, 4096)
    assert step.cache_info()[:2] == (24, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_are_kept(dtype: Any) -> None:
    """Within 32 units in the last place after 10 steps."""

    def make() -> Any:
        model = network(dtype)
        return model, nn.CrossEntropyLoss(), nn.AdamW(model.parameters(), lr=0.01)

    compared(make, [(X.astype(dtype), LABELS)] * 10, 32)


def test_one_layer_is_the_same_to_the_last_bit() -> None:
    """Nothing is summed in another order here."""

    def make() -> Any:
        nn.manual_seed(0)
        model = nn.Sequential(nn.Linear(5, 3, bias=False, dtype=D))
        return model, lambda p, y: ag.sum(ag.square(p - y)), nn.Adam(model.parameters(), lr=0.01)

    compared(make, [(X, Y)] * 50, 0)
