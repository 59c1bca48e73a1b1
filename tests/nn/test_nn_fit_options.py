"""Options of ``fit`` that people know from elsewhere: accumulation, held-out parts, averages, files of figures."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 4))
LABELS = RNG.integers(0, 3, 48)
IGNORED = np.where(RNG.random(48) < 0.4, -100, LABELS)
WEIGHT = np.array([1.0, 5.0, 0.1])


def network() -> nn.Sequential:
    nn.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8, dtype=np.float64), nn.Tanh(), nn.Linear(8, 3, dtype=np.float64))


def batches(size: int, target: Any) -> list[tuple[Any, Any]]:
    return [(X[i : i + size], target[i : i + size]) for i in range(0, len(X), size)]


def weights(model: nn.Module) -> Any:
    return np.concatenate([value.ravel() for value in model.state_dict().values()])


@pytest.mark.parametrize("penalized", [False, True])
@pytest.mark.parametrize("max_norm", [None, 0.05])
@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (nn.CrossEntropyLoss(), LABELS),
        (nn.CrossEntropyLoss(WEIGHT), IGNORED),
        (nn.CrossEntropyLoss(reduction="sum"), LABELS),
        (nn.MSELoss(), RNG.normal(size=(48, 3))),
    ],
)
def test_accumulation_is_the_large_batch(loss: Any, target: Any, max_norm: float | None, penalized: bool) -> None:
    found = []
    for size, accumulate in ((24, 1), (6, 4), (1, 24)):
        model = network()
        if penalized:
            model.regularize(l2=0.1, l1=0.01)
        optimizer = nn.Adam(model.parameters(), lr=0.01)
        history = nn.fit(
            model, loss, optimizer, batches(size, target), 3, accumulate=accumulate, max_norm=max_norm
        )  # fmt: skip
        found.append((weights(model), history["loss"]))
    for other, losses in found[1:]:
        np.testing.assert_allclose(other, found[0][0], rtol=1e-9, atol=1e-12)
        assert len(losses) == 3


def test_the_last_batches_of_an_epoch_are_fewer() -> None:
    """Five batches of 10, 10, 10, 10 and 8: updates after three and after two; a schedule steps with the updates."""
    model, twin = network(), network()
    optimizer, other = nn.SGD(model.parameters(), lr=0.1), nn.SGD(twin.parameters(), lr=0.1)
    schedule = nn.schedules.StepLR(optimizer, 1, 0.5)
    data, each = batches(10, LABELS), "batch"
    nn.fit(model, nn.CrossEntropyLoss(), optimizer, data, 1, accumulate=3, schedule=schedule, schedule_every=each)
    again = nn.schedules.StepLR(other, 1, 0.5)
    for part in (slice(0, 30), slice(30, 48)):
        other.zero_grad()
        nn.CrossEntropyLoss()(twin(X[part]), LABELS[part]).backward()
        other.step()
        again.step()
    np.testing.assert_allclose(weights(model), weights(twin), rtol=1e-10)
    assert optimizer.param_groups[0]["lr"] == 0.025


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"accumulate": 0}, "accumulate is a whole number"),
        ({"accumulate": 1.5}, "accumulate is a whole number"),
        ({"accumulate": 2, "compile": True}, "does not go with compile=True"),
        ({"validation_split": 0.2, "validation": (X, LABELS)}, "not both"),
        ({"validation_split": 1.5}, "a fraction between 0 and 1"),
        ({"validation_split": 0.001}, "leaves no two sets"),
    ],
)
def test_senseless_options(options: dict[str, Any], said: str) -> None:
    model = network()
    with pytest.raises(ValueError, match=re.escape(said)):
        nn.fit(model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), lr=0.1), (X, LABELS), 1, **options)


def test_lbfgs_does_not_accumulate() -> None:
    model = network()
    with pytest.raises(ValueError, match="LBFGS, which computes the loss several times"):
        nn.fit(model, nn.CrossEntropyLoss(), nn.LBFGS(model.parameters()), (X, LABELS), 1, accumulate=2)


def test_a_part_is_held_out() -> None:
    model, twin = network(), network()
    loss = nn.CrossEntropyLoss()
    nn.manual_seed(1)
    split = nn.fit(model, loss, nn.SGD(model.parameters(), lr=0.1), (X, LABELS), 2, validation_split=0.25)
    nn.manual_seed(1)
    own = nn.fit(
        twin, loss, nn.SGD(twin.parameters(), lr=0.1), (X[:36], LABELS[:36]), 2, validation=(X[36:], LABELS[36:])
    )
    assert split.rows == own.rows
    with pytest.raises(TypeError, match="validation_split is for arrays"):
        nn.fit(model, loss, nn.SGD(model.parameters(), lr=0.1), nn.DataLoader((X, LABELS)), 1, validation_split=0.5)


def test_ema() -> None:
    model = network()
    seen = []
    note = nn.LambdaCallback(on_batch_end=lambda training, _: seen.append(weights(training.model)))
    ema = nn.EMA(0.5)
    begin = weights(model)
    nn.fit(
        model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), lr=0.5), (X, LABELS), 4, callbacks=[ema, note]
    )  # fmt: skip
    average = begin
    for t, w in enumerate(seen, 1):
        d = min(0.5, (1 + t) / (10 + t))
        average = d * average + (1 - d) * w
    np.testing.assert_allclose(weights(model), average, rtol=1e-12)
    assert ema.steps == len(seen)
    with pytest.raises(ValueError, match="decay = 1"):
        nn.EMA(1.0)


def test_a_resumed_average_goes_on(tmp_path: Path) -> None:
    def run(epochs: int, path: Path | None, resume: bool = False) -> Any:
        model = network()
        nn.manual_seed(3)
        nn.fit(
            model, nn.CrossEntropyLoss(), nn.Adam(model.parameters(), lr=0.1), (X, LABELS), epochs,
            callbacks=nn.EMA(0.9), checkpoint=path, resume=resume,
        )  # fmt: skip
        return weights(model)

    whole = run(6, None)
    path = tmp_path / "run.npz"
    run(3, path)
    np.testing.assert_array_equal(run(6, path, resume=True), whole)


def test_a_csv_file(tmp_path: Path) -> None:
    model = network()
    path = tmp_path / "history.csv"
    history = nn.fit(
        model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), lr=0.1), (X, LABELS), 3,
        metrics=[nn.Accuracy()], callbacks=nn.CSVLogger(path, ";"),
    )  # fmt: skip
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert [int(row.pop("epoch")) for row in rows] == [1, 2, 3]
    assert [{name: float(value) for name, value in row.items()} for row in rows] == history.rows
    with pytest.raises(ValueError, match="one character"):
        nn.CSVLogger(path, ", ")
