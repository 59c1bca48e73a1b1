"""Slips of beginners that would train badly or slowly: said, or set right."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 4)).astype(np.float32), np.arange(12) % 3
BINARY = (np.arange(12) % 2)[:, None]
SLIPS: list[tuple[nn.Module, nn.Module, Any, str]] = [
    (nn.Softmax(1), nn.CrossEntropyLoss(), Y, "drop the Softmax"),
    (nn.Sigmoid(), nn.CrossEntropyLoss(), Y, "drop the Sigmoid"),
    (nn.Softmax(1), nn.NLLLoss(), Y, "write LogSoftmax"),
    (nn.Sigmoid(), nn.BCEWithLogitsLoss(), BINARY, "drop the Sigmoid"),
]


def network(end: nn.Module, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, out, rng=0), end)


@pytest.mark.parametrize("way", ["loop", "fit", "compiled"])
@pytest.mark.parametrize(("end", "loss", "target", "said"), SLIPS)
def test_probabilities_for_a_loss_of_scores(way: str, end: nn.Module, loss: nn.Module, target: Any, said: str) -> None:
    model = network(end, target.shape[-1] if target.ndim > 1 else 3)
    optimizer = nn.SGD(model.parameters(), lr=0.1)
    ways: dict[str, Callable[[], Any]] = {
        "loop": lambda: loss(model(X), target).backward(),
        "fit": lambda: nn.fit(model, loss, optimizer, (X, target), 1),
        "compiled": lambda: nn.compile_step(model, loss, optimizer)(X, target),
    }
    with pytest.warns(nn.LossInputWarning, match=re.escape(said)) as caught:
        ways[way]()
    if way == "loop":
        assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("end", "loss", "target"),
    [
        (nn.LogSoftmax(1), nn.NLLLoss(), Y),
        (nn.LogSoftmax(1), nn.CrossEntropyLoss(), Y),
        (nn.ReLU(), nn.CrossEntropyLoss(), Y),
        (nn.Sigmoid(), nn.BCELoss(), np.eye(3)[Y]),
        (nn.Sigmoid(), nn.MSELoss(), np.eye(3)[Y]),
    ],
)
def test_what_belongs_together_is_not_warned_of(end: nn.Module, loss: nn.Module, target: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss(network(end, 3)(X), target).backward()


def test_a_course_that_means_it_switches_it_off() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", nn.LossInputWarning)
        nn.CrossEntropyLoss()(network(nn.Softmax(1), 3)(X), Y).backward()


# ---------------------------------------------------------------- dtypes


class Noted(nn.Module):
    """Writes down what it is given."""

    def __init__(self, first: nn.Module) -> None:
        super().__init__()
        self.first = first
        self.dtypes: list[str] = []

    def forward(self, x: Any) -> Any:
        self.dtypes.append(str(x.dtype))
        y = self.first(x)
        self.dtypes.append(str(y.dtype))
        return y


@pytest.mark.parametrize("given", [np.float64, np.float16, np.float32])
def test_data_are_converted_to_the_dtype_of_the_model(given: Any) -> None:
    model = Noted(nn.Linear(4, 3))
    x = X.astype(given)
    nn.fit(model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), lr=0.1), (x, Y), 1, validation=(x, Y))
    nn.evaluate(model, nn.CrossEntropyLoss(), (x, Y))
    assert nn.predict(model, x).dtype == np.float32
    assert {*model.dtypes} == {"float32"}
    wide = Noted(nn.Linear(4, 3, dtype=np.float64))
    assert nn.predict(wide, X).dtype == np.float64


@pytest.mark.parametrize("given", [np.float64, np.int64, np.uint8, bool])
def test_in_a_compiled_step_too(given: Any) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    step = nn.compile_step(model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), lr=0.1))
    x = (np.abs(X) * 3).astype(given)
    twin = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    twin.load_state_dict(model.state_dict())
    other = nn.compile_step(twin, nn.CrossEntropyLoss(), nn.SGD(twin.parameters(), lr=0.1))
    for _ in range(3):
        loss = step(x, Y)
        assert loss.dtype == np.float32
        assert loss.item() == other(x.astype(np.float32), Y).item()
    assert step.source.count("float64") <= 1, "the argument alone"


def test_integers_are_converted_only_before_a_layer_that_multiplies_them() -> None:
    words = RNG.integers(0, 7, (12, 5))
    reader = nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(20, 3))
    nn.fit(reader, nn.CrossEntropyLoss(), nn.SGD(reader.parameters(), lr=0.1), (words, Y), 1)
    assert nn.predict(reader, words).shape == (12, 3)
    pixels = nn.Sequential(nn.Flatten(), nn.Linear(5, 3))
    assert nn.predict(pixels, words).dtype == np.float32


# ---------------------------------------------------------------- Ctrl-C


def test_ctrl_c_ends_training_with_the_best_weights(caplog: pytest.LogCaptureFixture) -> None:
    model = nn.Linear(4, 3, rng=0)
    optimizer = nn.Adam(model.parameters(), lr=0.1)
    best: dict[int, Any] = {}

    def stop(training: Any, row: Any) -> None:
        best[training.epoch] = model.state_dict()
        if training.epoch == 6:
            raise KeyboardInterrupt

    early = nn.EarlyStopping("loss", patience=100)
    with caplog.at_level(logging.WARNING):
        history = nn.fit(
            model,
            nn.CrossEntropyLoss(),
            optimizer,
            (X, Y),
            50,
            callbacks=[early, nn.LambdaCallback(on_epoch_end=stop)],
        )
    assert history.stopped == "interrupted in epoch 6 of 50"
    assert "call fit again to go on" in caplog.text
    assert len(history.rows) == 6
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, best[early.best_epoch][name])
    assert not model.training
    again = nn.fit(model, nn.CrossEntropyLoss(), optimizer, (X, Y), 2)
    assert len(again.rows) == 2
