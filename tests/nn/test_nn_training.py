"""fit, evaluate, predict, the callbacks, and runs that are interrupted and resumed."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn

X = np.random.default_rng(0).normal(size=(90, 2)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)


def network(seed: int = 0, dropout: float = 0.0) -> nn.Sequential:
    nn.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(2, 16),
        nn.BatchNorm1d(16),
        nn.Tanh(),
        nn.Dropout(dropout, rng=np.random.default_rng(seed)),
        nn.Linear(16, 2),
    )


def test_fit_learns_and_leaves_the_model_ready_for_use() -> None:
    model = network()
    optimizer = nn.Adam(model.parameters(), lr=0.02)
    history = nn.fit(
        model, nn.CrossEntropyLoss(), optimizer, (X, Y), 60, validation=(X, Y), metrics=nn.metrics.Accuracy()
    )
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy", "lr"]
    assert len(history["loss"]) == 60
    assert history.last["val_accuracy"] > 0.93
    assert not any(module.training for module in model.modules())
    assert history.last["val_loss"] == nn.evaluate(model, nn.CrossEntropyLoss(), (X, Y))["loss"]
    assert "60 epochs" in repr(history)


def test_fit_is_the_plain_loop() -> None:
    """Same batches, same updates, bit for bit."""
    one, other = network(3), network(3)
    loader = nn.DataLoader((X, Y), 32, shuffle=True, rng=5)
    optimizer = nn.SGD(one.parameters(), 0.1, momentum=0.9)
    nn.fit(one, nn.CrossEntropyLoss(), optimizer, loader, 4)
    optimizer = nn.SGD(other.parameters(), 0.1, momentum=0.9)
    loader = nn.DataLoader((X, Y), 32, shuffle=True, rng=5)
    for _ in range(4):
        for x, y in loader:
            optimizer.zero_grad()
            nn.CrossEntropyLoss()(other(x), y).backward()
            optimizer.step()
    for (name, a), b in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)


def test_losses_are_means_over_samples_also_with_a_short_last_batch() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    optimizer = nn.SGD(model.parameters(), lr=0.0)
    history = nn.fit(
        model,
        nn.CrossEntropyLoss(),
        optimizer,
        (X, Y),
        1,
        batch_size=64,
        metrics={"acc": lambda p, y: np.mean(p.argmax(1) == y)},
    )
    whole = nn.evaluate(model, nn.CrossEntropyLoss(), (X, Y), nn.metrics.Accuracy(), batch_size=1000)
    assert history.last["loss"] == pytest.approx(whole["loss"], rel=1e-6)
    assert history.last["acc"] == pytest.approx(whole["accuracy"])


def test_the_penalty_is_trained_on_and_told_apart() -> None:
    model = nn.Sequential(nn.Linear(2, 2)).regularize(l2=100.0)
    size = np.abs(model[0].weight.numpy()).sum()  # type: ignore[union-attr, attr-defined]
    history = nn.fit(model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), lr=1e-3), (X, Y), 3)
    assert history["penalty"][0] > history["penalty"][-1] > 0
    assert np.abs(model[0].weight.numpy()).sum() < 0.7 * size  # type: ignore[union-attr, attr-defined]


@pytest.mark.parametrize(
    "data",
    [
        (X, Y),
        (ag.Tensor(X), Y),
        nn.data.TensorDataset(X, Y),
        nn.DataLoader((X, Y), 30, prefetch=2),
        [(X[:45], Y[:45]), (X[45:], Y[45:])],
    ],
    ids=["arrays", "Tensors", "dataset", "loader", "list"],
)
def test_kinds_of_data(data: Any) -> None:
    model = network()
    history = nn.fit(model, nn.CrossEntropyLoss(), nn.Adam(model.parameters()), data, 2, validation=data)
    assert len(history.rows) == 2
    assert X.flags.writeable, "what the caller owns stays writable"


def test_several_inputs() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Bilinear(2, 2, 2)

        def forward(self, a: Any, b: Any) -> Any:
            return self.layer(a, b)

    model = Both()
    nn.fit(model, nn.CrossEntropyLoss(), nn.Adam(model.parameters()), (X, X, Y), 1)
    assert nn.predict(model, X, X, batch_size=7).shape == (90, 2)


def test_optimizers_with_a_closure_train_too() -> None:
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    optimizer = nn.LBFGS(model.parameters(), line_search_fn="strong_wolfe")
    history = nn.fit(model, nn.CrossEntropyLoss(), optimizer, (X, Y), 8, batch_size=90)
    assert history.last["loss"] < 0.5 * history["loss"][0]


@pytest.mark.parametrize("every", ["epoch", "batch"])
def test_schedules_step_as_told(every: str) -> None:
    model = network()
    optimizer = nn.SGD(model.parameters(), lr=1.0)
    schedule = nn.schedules.ExponentialLR(optimizer, 0.5)
    history = nn.fit(
        model, nn.CrossEntropyLoss(), optimizer, (X, Y), 3, batch_size=45, schedule=schedule, schedule_every=every
    )
    assert history["lr"] == ([1.0, 0.5, 0.25] if every == "epoch" else [0.25, 0.0625, 0.015625])


def test_the_plateau_schedule_gets_the_validation_loss() -> None:
    model = network()
    optimizer = nn.SGD(model.parameters(), lr=0.0)
    schedule = nn.schedules.ReduceLROnPlateau(optimizer, patience=1)
    optimizer.param_groups[0]["lr"] = 1e-9
    history = nn.fit(model, nn.CrossEntropyLoss(), optimizer, (X, Y), 6, validation=(X, Y), schedule=schedule)
    assert history["lr"][-1] < history["lr"][0] or schedule.num_bad_epochs > 0


def test_gradients_are_clipped() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    before = model.state_dict()
    nn.fit(
        model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), lr=1.0), (X * 1000, Y), 1, batch_size=90, max_norm=0.01
    )
    moved = math.sqrt(sum(float(((value - before[name]) ** 2).sum()) for name, value in model.state_dict().items()))
    assert moved == pytest.approx(0.01, rel=1e-3)


# ---------------------------------------------------------------- stopping


def test_early_stopping_restores_the_best_weights() -> None:
    model = network()
    seen: list[dict[str, Any]] = []
    values = iter([3.0, 1.0, 2.0, 2.0, 2.0, 0.0])
    stopping = nn.EarlyStopping("score", patience=2, mode="min")
    note = nn.LambdaCallback(on_epoch_end=lambda training, row: seen.append(training.model.state_dict()))
    history = nn.fit(
        model,
        nn.CrossEntropyLoss(),
        nn.SGD(model.parameters(), 0.1),
        (X, Y),
        9,
        batch_size=90,
        metrics={"score": lambda p, y: next(values)},
        callbacks=[note, stopping],
    )
    assert len(history.rows) == 5
    assert "since epoch 2" in str(history.stopped)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, seen[1][name])
    assert np.any(seen[1]["0.weight"] != seen[4]["0.weight"])


def test_early_stopping_names_what_is_missing() -> None:
    model = network()
    with pytest.raises(KeyError, match="val_loss"):
        nn.fit(model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), 0.1), (X, Y), 2, callbacks=nn.EarlyStopping())
    with pytest.raises(ValueError, match="mode"):
        nn.EarlyStopping(mode="best")


def test_best_weights_are_saved(tmp_path: Path) -> None:
    model = network()
    path = tmp_path / "best.npz"
    nn.fit(
        model,
        nn.CrossEntropyLoss(),
        nn.Adam(model.parameters()),
        (X, Y),
        3,
        validation=(X, Y),
        callbacks=nn.BestWeights(path),
    )
    assert set(nn.load(path)) == set(model.state_dict())


def test_callbacks_are_called_in_order() -> None:
    calls: list[str] = []

    class Note(nn.Callback):
        def on_train_begin(self, training: Any) -> None:
            calls.append("begin")

        def on_epoch_begin(self, training: Any) -> None:
            calls.append(f"epoch {training.epoch}")

        def on_batch_end(self, training: Any, loss: float) -> None:
            calls.append("batch")

        def on_epoch_end(self, training: Any, row: Any) -> None:
            training.stop("enough")

        def on_train_end(self, training: Any) -> None:
            calls.append("end")

    model = network()
    history = nn.fit(
        model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), 0.1), (X, Y), 5, batch_size=45, callbacks=Note()
    )
    assert calls == ["begin", "epoch 1", "batch", "batch", "end"]
    assert history.stopped == "enough"


def test_a_callback_stops_in_the_middle_of_an_epoch() -> None:
    model = network()
    seen: list[float] = []

    def stop(training: Any, loss: float) -> None:
        seen.append(loss)
        if len(seen) == 3:
            training.stop("enough")

    callback = nn.LambdaCallback(on_batch_end=stop)
    history = nn.fit(
        model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), 0.1), (X, Y), 5, batch_size=10, callbacks=callback
    )
    assert len(seen) == 3
    assert len(history.rows) == 1


# ---------------------------------------------------------------- resuming


def run(
    path: Path | None, epochs: int, *, seed: int, resume: bool = False, stop_after: int | None = None
) -> tuple[nn.Module, nn.History]:
    """Everything that has a state: dropout with a generator of its own, batch norm, Adam, a schedule, shuffling, early
    stopping."""
    model = network(seed, dropout=0.3)
    optimizer = nn.Adam(model.parameters(), lr=0.02)
    schedule = nn.schedules.CosineAnnealingLR(optimizer, 12)
    loader = nn.DataLoader((X, Y), 16, shuffle=True, prefetch=2)

    def crash(training: Any, row: Any) -> None:
        if training.epoch == stop_after:
            raise KeyboardInterrupt

    callbacks = [nn.EarlyStopping(patience=50), nn.LambdaCallback(on_epoch_end=crash)]
    history = nn.fit(
        model, nn.CrossEntropyLoss(), optimizer, loader, epochs, validation=(X, Y), metrics=nn.metrics.Accuracy(),
        schedule=schedule, callbacks=callbacks, checkpoint=path, resume=resume,
    )  # fmt: skip
    return model, history


def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(tmp_path: Path) -> None:
    expected, whole = run(None, 8, seed=1)
    path = tmp_path / "run.npz"
    _, stopped = run(path, 8, seed=1, stop_after=4)  # the fourth epoch is lost, three are in the file
    assert stopped.stopped == "interrupted in epoch 4 of 8"
    nn.default_generator().random(7)
    model, history = run(path, 8, seed=99, resume=True)
    assert history.rows == whole.rows
    for name, value in expected.state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[name], value, err_msg=name)
    model, history = run(path, 8, seed=5, resume=True)  # nothing is left to do
    assert history.rows == whole.rows
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]


def test_resuming_without_a_file_starts(tmp_path: Path) -> None:
    _, history = run(tmp_path / "new.npz", 1, seed=0, resume=True)
    assert len(history.rows) == 1


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    run(path, 1, seed=0)
    model = network()
    before = model.state_dict()
    with pytest.raises(ValueError, match="another run"):
        nn.fit(model, nn.CrossEntropyLoss(), nn.Adam(model.parameters()), (X, Y), 2, checkpoint=path, resume=True)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


# ---------------------------------------------------------------- errors, log and progress


def test_a_loss_that_blows_up_stops_before_the_step() -> None:
    model = nn.Sequential(nn.Linear(2, 1))
    before = model.state_dict()
    with pytest.raises(FloatingPointError, match="learning rate"):
        nn.fit(model, lambda p, y: np.sum(p) * np.inf, nn.SGD(model.parameters(), 0.1), (X, Y), 1)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"epochs": -1}, ValueError, "epochs"),
        ({"schedule_every": "step"}, ValueError, "schedule_every"),
        ({"resume": True}, ValueError, "checkpoint"),
        ({"data": iter([(X, Y)])}, TypeError, "used up"),
        ({"data": 3}, TypeError, "DataLoader"),
        ({"data": [X]}, TypeError, "target"),
        ({"data": []}, ValueError, "no batch"),
        ({"loss": nn.CrossEntropyLoss(reduction="none")}, TypeError, "reduction"),
        ({"metrics": [nn.metrics.Accuracy(), nn.metrics.Accuracy()]}, ValueError, "same name"),
    ],
)
def test_wrong_arguments(options: dict[str, Any], error: type[Exception], match: str) -> None:
    model = network()
    given = {"loss": nn.CrossEntropyLoss(), "data": (X, Y), "epochs": 1, **options}
    with pytest.raises(error, match=match):
        nn.fit(model, optimizer=nn.SGD(model.parameters(), 0.1), **given)


def test_epochs_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    model = network()
    with caplog.at_level(logging.INFO, logger="nn.training"):
        nn.fit(model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), 0.1), (X, Y), 5, log_every=2)
    assert [message.split(":")[0] for message in caplog.messages] == ["epoch 2 of 5", "epoch 4 of 5", "epoch 5 of 5"]


def test_the_progress_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    arguments: tuple[Any, ...] = (model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), 0.1), (X, Y), 2)
    nn.fit(*arguments)
    assert capsys.readouterr().err == ""
    nn.fit(*arguments, progress=True)
    assert "100%" in capsys.readouterr().err
    monkeypatch.setitem(__import__("sys").modules, "tqdm", None)
    with pytest.raises(ImportError, match="pip install"):
        nn.fit(*arguments, progress=True)


def test_predict_and_evaluate_record_nothing_and_keep_the_mode() -> None:
    model = network(dropout=0.5)
    model[1].eval()  # type: ignore[union-attr]
    modes = [module.training for module in model.modules()]
    first, again = nn.predict(model, X), nn.predict(model, X, batch_size=11)
    np.testing.assert_allclose(first, again, rtol=1e-5, atol=1e-6)
    assert isinstance(first, np.ndarray)
    assert [module.training for module in model.modules()] == modes
    assert nn.predict(model, X[:0]).shape == (0, 2)
    with pytest.raises(ValueError, match="one entry per sample"):
        nn.predict(model, X, X[:3])
    matrix = nn.metrics.ConfusionMatrix(2)
    assert nn.evaluate(model, None, (X, Y), matrix) == {}
    assert matrix.compute().sum() == 90


def test_history_is_a_mapping_of_lists() -> None:
    history = nn.History([{"loss": 1.0}, {"loss": 0.5, "extra": 2.0}])
    assert history["extra"][1] == 2.0
    assert math.isnan(history["extra"][0])
    assert dict(history)["loss"] == [1.0, 0.5]
    with pytest.raises(KeyError, match="accuracy"):
        history["accuracy"]
    with pytest.raises(IndexError):
        nn.History().last  # noqa: B018
