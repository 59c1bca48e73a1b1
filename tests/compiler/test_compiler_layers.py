"""Every layer and every loss compiles, in training and in evaluation.

Outputs, gradients, running statistics and random numbers of several calls are those of eager.
"""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn
from autograd_np.engine.errors import CompileError


def _table() -> Any:
    """The table of tests/nn/test_nn_package.py, which has a row for every Module that the package exports."""
    path = Path(__file__).parents[1] / "nn" / "test_nn_package.py"
    spec = importlib.util.spec_from_file_location("_table_of_modules", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TABLE = _table()
RNG = np.random.default_rng(5)
ROWS, IMAGES, SEQUENCE = TABLE.ROWS, TABLE.IMAGES, TABLE.SEQUENCE
LABELS = np.arange(5)
IGNORED = np.array([0, -100, 2, 3, -100])
WITH_NAN = np.where(np.arange(IMAGES.size).reshape(IMAGES.shape) % 7, IMAGES, np.nan).astype(np.float32)

Row = tuple[Callable[[], Any], tuple[Any, ...]]
# Options that take another way than the row of the table.
MORE: dict[str, Row] = {
    "RNN, dropout": (lambda: nn.RNN(9, 3, num_layers=2, dropout=0.4), (SEQUENCE,)),
    "LSTM, all dropped": (lambda: nn.LSTM(9, 3, num_layers=2, dropout=1.0), (SEQUENCE,)),
    "GRU, relu-free, both directions, two layers": (
        lambda: nn.GRU(9, 3, num_layers=2, bidirectional=True, dropout=0.2),
        (SEQUENCE,),
    ),
    "Dropout, generator of its own": (lambda: nn.Dropout(0.5, rng=3), (ROWS,)),
    "MultiheadAttention, without weights": (lambda: Second(nn.MultiheadAttention(8, 2, dropout=0.3)), (ROWS,)),
    "BatchNorm1d, average of all batches": (lambda: nn.BatchNorm1d(8, momentum=None), (ROWS,)),
    "BatchNorm2d, no running statistics": (lambda: nn.BatchNorm2d(4, track_running_stats=False), (IMAGES,)),
    "BatchNorm1d, sequences": (lambda: nn.BatchNorm1d(4), (SEQUENCE,)),
    "BatchNorm1d, not affine": (lambda: nn.BatchNorm1d(8, affine=False), (ROWS,)),
    "Embedding, padding": (lambda: nn.Embedding(4, 3, padding_idx=3), (TABLE.TOKENS,)),
    "Conv2d, channels by themselves": (lambda: nn.Conv2d(4, 4, 3, padding=1, groups=4), (IMAGES,)),
    "Conv2d, dilation": (lambda: nn.Conv2d(4, 8, 2, dilation=2, padding="same"), (IMAGES,)),
    "Conv2d, one by one": (lambda: nn.Conv2d(4, 5, 1), (IMAGES,)),
    "MaxPool2d, overlapping": (lambda: nn.MaxPool2d(3, stride=1, padding=1), (IMAGES,)),
    "MaxPool2d, with NaN": (lambda: nn.MaxPool2d(2), (WITH_NAN,)),
    "network": (
        lambda: nn.Sequential(
            nn.Conv2d(4, 6, 3),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Dropout(0.3),
            nn.Flatten(),
            nn.Linear(24, 3),
        ),
        (IMAGES,),
    ),
    "CrossEntropyLoss, ignored rows": (nn.CrossEntropyLoss, (ROWS, IGNORED)),
    "CrossEntropyLoss, weights and smoothing": (
        lambda: nn.CrossEntropyLoss(weight=np.linspace(0.5, 2, 8), label_smoothing=0.1),
        (ROWS, LABELS),
    ),
    "CrossEntropyLoss, probabilities": (nn.CrossEntropyLoss, (ROWS, np.full((5, 8), 0.125, np.float32))),
    "CrossEntropyLoss, rows apart": (lambda: nn.CrossEntropyLoss(reduction="none"), (ROWS, LABELS)),
    "NLLLoss, ignored rows": (nn.NLLLoss, (ROWS, IGNORED)),
    "NLLLoss, weights": (lambda: nn.NLLLoss(weight=np.linspace(0.5, 2, 8)), (ROWS, LABELS)),
    "KLDivLoss, zeros": (lambda: nn.KLDivLoss(reduction="sum"), (ROWS, np.eye(5, 8, dtype=np.float32))),
    "GaussianNLLLoss, least variance": (nn.GaussianNLLLoss, (ROWS, 0 * ROWS, np.float32(1e-7) * np.abs(ROWS))),
    "PoissonNLLLoss, full": (lambda: nn.PoissonNLLLoss(full=True), (ROWS, np.exp(ROWS))),
    "MultiMarginLoss, weights": (lambda: nn.MultiMarginLoss(weight=np.linspace(0.5, 2, 8)), (ROWS, LABELS)),
}
ALL: dict[str, Row] = {**{name: TABLE.row(name) for name in TABLE.ROWS_OF_TABLE}, **MORE}
CALLS = 6


class Second(nn.Module):
    """Attention of a sequence to itself."""

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, x: Any) -> Any:
        return self.attention(x, x, x, need_weights=False)[0]


def outputs(result: Any) -> list[ag.Tensor]:
    if isinstance(result, (tuple, list)):
        return [tensor for part in result for tensor in outputs(part)]
    return [] if result is None else [result]


def inference(model: Any) -> Callable[..., Any]:
    return lambda *inputs: [y.detach() for y in outputs(model(*inputs))]


def gradients(model: Any) -> Callable[..., Any]:
    """The sum of squares of the outputs, and its gradients for parameters and inputs."""
    parameters = list(model.parameters())

    def function(*inputs: Any) -> list[Any]:
        leaves = [ag.Tensor(x, requires_grad=True) if x.dtype.kind == "f" else x for x in inputs]
        total = sum(ag.sum(y * y) for y in outputs(model(*leaves)) if y.requires_grad)
        if isinstance(total, int):
            return []
        wanted = [*parameters, *[x for x in leaves if isinstance(x, ag.Tensor)]]
        return [total.detach(), *[g for g in ag.gradients(total, wanted, allow_unused=True) if g is not None]]

    return function


def other(x: Any, call: int) -> Any:
    """Other numbers of the same shape and dtype."""
    return np.roll(x, call, axis=0)


def same(given: Any, expected: Any, what: str) -> None:
    given, expected = (np.asarray(x._values if isinstance(x, ag.Tensor) else x) for x in (given, expected))
    assert given.shape == expected.shape, what
    assert given.dtype == expected.dtype, what
    if given.dtype.kind != "f":
        np.testing.assert_array_equal(given, expected, err_msg=what)
        return
    # Sums may be taken in another order: some units in the last place of the largest element.
    largest = np.max(np.abs(expected[np.isfinite(expected)]), initial=0)
    np.testing.assert_allclose(given, expected, rtol=0, atol=8 * np.finfo(expected.dtype).eps * largest, err_msg=what)


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("kind", [inference, gradients])
@pytest.mark.parametrize("name", ALL)
def test_compiled_layer(name: str, kind: Callable[..., Any], train: bool) -> None:
    make, inputs = ALL[name]
    nn.manual_seed(1)
    eager = make()
    eager.train(train)
    model = copy.deepcopy(eager)
    expected_of, compiled = kind(eager), ag.compile(kind(model))
    default = ag.default_generator()
    for call in range(CALLS):
        arrays = [other(x, call) for x in inputs]
        nn.manual_seed(100 + call)
        expected, after = expected_of(*arrays), default.random()
        nn.manual_seed(100 + call)
        given = compiled(*arrays)
        assert default.random() == after, f"call {call} draws other random numbers"
        assert len(given) == len(expected)
        for i, (x, y) in enumerate(zip(given, expected, strict=True)):
            same(x, y, f"call {call}, result {i}")
        for (path, x), (_, y) in zip(model.named_buffers(), eager.named_buffers(), strict=True):
            assert type(x) is np.ndarray
            same(x, y, f"call {call}, buffer {path}")
        for (path, x), (_, y) in zip(model.named_parameters(), eager.named_parameters(), strict=True):
            np.testing.assert_array_equal(x.numpy(), y.numpy(), err_msg=path)
    info = compiled.cache_info()
    assert info.misses + info.hits == CALLS
    assert info.misses == 1, info


def test_running_statistics_are_the_arrays_that_the_module_holds() -> None:
    layer = nn.BatchNorm1d(8)
    held = [array for _, array in layer.named_buffers()]
    step = ag.compile(inference(layer))
    for _ in range(3):
        step(ROWS)
    assert [array for _, array in layer.named_buffers()] == held or all(
        a is b for a, b in zip(held, (x for _, x in layer.named_buffers()), strict=True)
    )
    assert int(layer.num_batches_tracked) == 3


def test_modes_and_options_of_a_layer_may_change_between_calls() -> None:
    layer, twin = nn.BatchNorm1d(8), nn.BatchNorm1d(8)
    run = ag.compile(inference(layer))
    for training in (True, False, True):
        layer.train(training)
        twin.train(training)
        for _ in range(2):
            same(run(ROWS)[0], inference(twin)(ROWS)[0], f"training={training}")
    layer.momentum = twin.momentum = 0.5
    for _ in range(2):
        run(ROWS)
        twin(ROWS)  # in training mode
    same(layer.running_mean, twin.running_mean, "momentum")


def test_labels_to_ignore_may_come_and_go() -> None:
    loss = nn.CrossEntropyLoss()
    run = ag.compile(gradients(loss))
    for labels in (LABELS, IGNORED, LABELS, IGNORED, np.full(5, -100)):
        for x, y in zip(run(ROWS, labels), gradients(loss)(ROWS, labels), strict=True):
            same(x, y, str(labels))


@pytest.mark.parametrize(
    ("make", "good", "bad", "error"),
    [
        (nn.BCELoss, (TABLE.row("BCELoss")[1]), (ROWS * 9, np.abs(np.sign(ROWS))), ValueError),
        (nn.CrossEntropyLoss, (ROWS, LABELS), (ROWS, LABELS + 9), IndexError),
        (nn.NLLLoss, (ROWS, LABELS), (ROWS, LABELS - 3), IndexError),
        (nn.MultiMarginLoss, (ROWS, LABELS), (ROWS, LABELS + 9), IndexError),
        (nn.HingeLoss, (ROWS, np.sign(ROWS)), (ROWS, np.abs(np.sign(ROWS)) - 1), ValueError),
        (nn.GaussianNLLLoss, (ROWS, ROWS, np.abs(ROWS)), (ROWS, ROWS, -np.abs(ROWS)), ValueError),
        (lambda: nn.Embedding(4, 3), (TABLE.TOKENS,), (TABLE.TOKENS + 7,), IndexError),
    ],
)
def test_what_eager_refuses_a_replay_refuses(
    make: Callable[[], Any], good: Any, bad: Any, error: type[Exception]
) -> None:
    model = make()
    run = ag.compile(inference(model))
    for _ in range(2):
        run(*good)
    with pytest.raises(error) as compiled:
        run(*bad)
    with pytest.raises(error) as eager:
        inference(model)(*bad)
    assert str(compiled.value) in str(eager.value)
    same(run(*good)[0], inference(model)(*good)[0], "after the error")


def test_a_buffer_that_is_replaced_is_refused() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("total", np.zeros(8, np.float32))

        def forward(self, x: Any) -> Any:
            self.total = self.total + np.sum(getattr(x, "_values", x), axis=0)
            return ag.Tensor(x) * 1.0

    layer = Counting()
    held = layer.total
    with pytest.raises(CompileError, match=r"total\[\.\.\.\] = values"):
        ag.compile(inference(layer))(ROWS)
    assert layer.total is held
    assert not held.any()


def test_a_plain_array_of_a_module_is_read_where_it_lies() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = np.ones(8, np.float32)

        def forward(self, x: Any) -> Any:
            return ag.Tensor(x) * (self.factor + 1)

    layer = Scaled()
    run = ag.compile(inference(layer))
    for _ in range(2):
        same(run(ROWS)[0], 2 * ROWS, "before")
    layer.factor[...] = 3
    same(run(ROWS)[0], 4 * ROWS, "after")
