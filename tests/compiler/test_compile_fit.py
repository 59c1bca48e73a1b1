"""``nn.fit(…, compile=True)``, ``nn.evaluate`` and ``nn.predict`` against the same uncompiled, and the examples'
training steps."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stepping import LABELS, RNG, X, Y, compared, network, same_state

import autograd_np as ag
import nn

D = np.float64
XS = RNG.normal(size=(70, 5))
CLASSES = (XS[:, 0] > 0).astype(int) + (XS[:, 1] > 0.5)


def deep() -> nn.Sequential:
    nn.manual_seed(0)
    # (A bias before the normalisation has a gradient of rounding errors alone, which Adam would scale up.)
    return nn.Sequential(
        nn.Linear(5, 12, bias=False, dtype=D),
        nn.BatchNorm1d(12, dtype=D),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(12, 3, dtype=D),
    )


def rows(history: Any, other: Any, ulps: float = 4096) -> None:
    """Two histories."""
    assert len(history.rows) == len(other.rows)
    assert history.stopped == other.stopped
    for one, two in zip(history.rows, other.rows, strict=True):
        assert one.keys() == two.keys()
        for name, value in one.items():
            np.testing.assert_allclose(two[name], value, rtol=ulps * np.finfo(D).eps, atol=0, err_msg=name)


def runs(make: Any, epochs: int = 4, **options: Any) -> Any:
    """The same run uncompiled and compiled; returns both histories and models."""
    results = []
    for compiled in (False, True):
        model, loss, optimizer, more = make()
        nn.manual_seed(9)
        history = nn.fit(
            model,
            loss,
            optimizer,
            (XS, CLASSES),
            epochs,
            batch_size=16,
            progress=False,
            compile=compiled,
            **more,
            **options,
        )
        results.append((history, model, optimizer))
    (one, a, first), (two, b, second) = results
    rows(one, two)
    same_state(a.state_dict(), b.state_dict(), 4096)
    same_state(first.state_dict(), second.state_dict(), 1 << 16)
    return results


# ---------------------------------------------------------------- fit


def test_a_run_with_validation_metrics_and_a_schedule_per_epoch() -> None:
    """Within 2^12 units in the last place, in float64; metrics see the predictions of the training steps."""

    def make() -> Any:
        model = deep()
        optimizer = nn.Adam(model.parameters(), lr=0.02)
        return (
            model,
            nn.CrossEntropyLoss(),
            optimizer,
            {"schedule": nn.schedules.ExponentialLR(optimizer, 0.8), "metrics": [nn.Accuracy(), entropy]},
        )

    def entropy(predictions: Any, target: Any) -> float:
        assert isinstance(predictions, np.ndarray)
        return float(np.mean(predictions**2) + np.mean(target))

    results = runs(make, validation=(X, LABELS))
    assert {"loss", "accuracy", "entropy", "val_loss", "val_accuracy", "val_entropy", "lr"} == set(results[1][0])


def test_a_run_with_a_schedule_per_batch_clipping_and_penalties() -> None:
    def make() -> Any:
        model = deep()
        model.regularize(l2=1e-2)
        optimizer = nn.SGD(model.parameters(), lr=0.05, momentum=0.9)
        return (
            model,
            nn.CrossEntropyLoss(),
            optimizer,
            {"schedule": nn.schedules.OneCycleLR(optimizer, max_lr=0.1, total_steps=40), "schedule_every": "batch"},
        )

    results = runs(make, max_norm=0.5)
    assert "penalty" in results[1][0]
    results = runs(make, max_norm=0.5, metrics=nn.Accuracy())
    assert {"penalty", "accuracy"} <= set(results[1][0])


def test_plateau_early_stopping_and_best_weights() -> None:
    def make() -> Any:
        model = deep()
        optimizer = nn.Adam(model.parameters(), lr=0.1)
        hooks = [nn.EarlyStopping(patience=2), nn.LambdaCallback(on_epoch_end=lambda run, row: None)]
        return (
            model,
            nn.CrossEntropyLoss(),
            optimizer,
            {"callbacks": hooks, "schedule": nn.schedules.ReduceLROnPlateau(optimizer, patience=1, factor=0.5)},
        )

    results = runs(make, epochs=30, validation=(X, LABELS))
    assert results[1][0].stopped is not None


def test_a_program_for_each_size_of_batch_and_no_more(monkeypatch: Any) -> None:
    """Evaluation in between switches modes, which costs no program."""
    made: list[Any] = []
    original = ag.Compiled.__init__

    def counted(self: Any, *args: Any, **kwargs: Any) -> None:
        made.append(self)
        original(self, *args, **kwargs)

    monkeypatch.setattr(ag.Compiled, "__init__", counted)
    model = deep()
    nn.fit(
        model,
        nn.CrossEntropyLoss(),
        nn.Adam(model.parameters()),
        (XS, CLASSES),
        5,
        batch_size=16,
        validation=(X, LABELS),
        progress=False,
        compile=True,
    )
    assert [step.cache_info() for step in made] == [(23, 2, 0, 2), (4, 1, 0, 1)]


def test_callbacks_that_change_the_run() -> None:
    class Freezes(nn.Callback):
        def on_epoch_begin(self, run: Any) -> None:
            if run.epoch == 2:
                run.model[0].weight.requires_grad = False
            if run.epoch == 3:
                run.optimizer.param_groups[0]["lr"] = 0.001
                run.model[3].p = 0.5

    def make() -> Any:
        model = deep()
        return model, nn.CrossEntropyLoss(), nn.AdamW(model.parameters(), lr=0.02), {"callbacks": Freezes()}

    runs(make)


def test_interrupted_and_resumed_is_the_uninterrupted_run(tmp_path: Path) -> None:
    """To the last bit: the first call of a program gives what its replays give."""
    found = []
    for stops in ((6,), (2, 6), (1, 3, 6)):
        path = tmp_path / f"run{len(stops)}.npz"
        for stop in stops:
            model = deep()
            model.to(np.float32)
            optimizer = nn.RAdam(model.parameters(), lr=0.01)
            data = nn.DataLoader((XS.astype(np.float32), CLASSES), batch_size=16, shuffle=True, rng=5)
            nn.manual_seed(3)
            schedule = nn.schedules.CosineAnnealingLR(optimizer, 6)
            history = nn.fit(
                model,
                nn.CrossEntropyLoss(),
                optimizer,
                data,
                stop,
                schedule=schedule,
                checkpoint=path,
                resume=True,
                progress=False,
                compile=True,
            )
        found.append((history.rows, model.state_dict(), optimizer.state_dict()))
    for rows_, state, moments in found[1:]:
        assert rows_ == found[0][0]
        same_state(state, found[0][1], 0)
        same_state(moments, found[0][2], 0)


def test_the_same_seed_gives_the_same_run() -> None:
    states = []
    for _ in range(2):
        model = deep()
        nn.fit(
            model,
            nn.CrossEntropyLoss(),
            nn.Adam(model.parameters(), lr=0.02),
            (XS, CLASSES),
            3,
            batch_size=16,
            progress=False,
            compile=True,
        )
        states.append(model.state_dict())
    same_state(*states, 0)


@pytest.mark.parametrize("steps", [0, 2])
def test_a_loss_that_is_not_finite_leaves_everything(steps: int) -> None:
    """Running statistics too, which an uncompiled run has moved by then."""
    model = deep()
    optimizer = nn.SGD(model.parameters(), lr=0.05, momentum=0.9)
    bad = np.where(np.arange(16)[:, None] == 3, np.inf, XS[:16])
    batches = [(XS[:16], CLASSES[:16])] * steps + [(bad, CLASSES[:16])]
    reference = deep()
    second = nn.SGD(reference.parameters(), lr=0.05, momentum=0.9)
    if steps:
        nn.manual_seed(1)
        nn.fit(reference, nn.CrossEntropyLoss(), second, batches[:-1], 1, progress=False, compile=True)
    nn.manual_seed(1)
    with (
        np.errstate(all="ignore"),
        pytest.raises(FloatingPointError, match="fit: the loss became loss = nan; lower the learning rate"),
    ):
        nn.fit(model, nn.CrossEntropyLoss(), optimizer, batches, 1, progress=False, compile=True)
    same_state(reference.state_dict(), model.state_dict(), 0)
    same_state(second.state_dict(), optimizer.state_dict(), 0)


def test_lists_as_targets_are_no_part_of_the_program() -> None:
    model = network()
    batches = [(X[i : i + 4].tolist(), LABELS[i : i + 4].tolist()) for i in range(0, 24, 4)]
    history = nn.fit(
        model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), lr=0.1), batches, 2, progress=False, compile=True
    )
    other = network()
    expected = nn.fit(other, nn.CrossEntropyLoss(), nn.SGD(other.parameters(), lr=0.1), batches, 2, progress=False)
    rows(expected, history)


def test_a_model_that_gives_several_arrays() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            nn.manual_seed(0)
            self.a, self.b = nn.Linear(5, 3, dtype=D), nn.Linear(5, 3, dtype=D)

        def forward(self, x: Any) -> Any:
            return {"mean": self.a(x), "log_variance": self.b(x)}

    def loss(p: Any, y: Any) -> Any:
        return ag.mean(ag.square(p["mean"] - y) * ag.exp(-p["log_variance"]) + p["log_variance"])

    def error(p: Any, y: Any) -> float:
        return float(np.mean((p["mean"].numpy() - y) ** 2))

    histories = []
    for compiled in (False, True):
        model = Both()
        nn.manual_seed(2)
        optimizer = nn.Adam(model.parameters(), lr=0.02)
        histories.append(
            nn.fit(
                model,
                loss,
                optimizer,
                (X, Y),
                5,
                batch_size=8,
                metrics=error,
                validation=(X, Y),
                progress=False,
                compile=compiled,
            )
        )
    rows(*histories)


class Foreign:
    """Not of this library."""

    def zero_grad(self) -> None:
        pass

    def step(self) -> None:
        pass


def test_optimizers_that_cannot_be_compiled() -> None:
    model = network()
    with pytest.raises(TypeError, match=r"fit\(compile=True\): LBFGS computes the loss several times"):
        nn.fit(model, nn.CrossEntropyLoss(), nn.LBFGS(model.parameters()), (X, LABELS), 1, progress=False, compile=True)
    with pytest.raises(TypeError, match=r"fit\(compile=True\): the optimizer is one of nn.optim"):
        nn.fit(model, nn.CrossEntropyLoss(), Foreign(), (X, LABELS), 1, progress=False, compile=True)


# ---------------------------------------------------------------- evaluate, predict


def test_evaluate_and_predict() -> None:
    model = deep()
    model.train()
    for metrics in ((), [nn.Accuracy()]):
        one = nn.evaluate(model, nn.CrossEntropyLoss(), (XS, CLASSES), metrics, batch_size=16)
        two = nn.evaluate(model, nn.CrossEntropyLoss(), (XS, CLASSES), metrics, batch_size=16, compile=True)
        assert one.keys() == two.keys()
        for name in one:
            np.testing.assert_allclose(two[name], one[name], rtol=1e-14)
    assert nn.evaluate(model, None, (XS, CLASSES), nn.Accuracy(), compile=True) == nn.evaluate(
        model, None, (XS, CLASSES), nn.Accuracy()
    )
    np.testing.assert_allclose(
        nn.predict(model, XS, batch_size=16, compile=True), nn.predict(model, XS, batch_size=16), rtol=1e-13
    )
    assert nn.predict(model, XS[:0], compile=True).shape == (0, 3)
    assert model.training
    assert all(p.grad is None for p in model.parameters())


# ---------------------------------------------------------------- the examples' steps


@pytest.fixture
def examples(monkeypatch: Any) -> Any:
    import importlib

    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples"))
    before = set(sys.modules)

    def load(name: str) -> Any:
        return importlib.import_module(name)

    yield load
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).find("examples") >= 0:
            del sys.modules[name]


def wide(model: nn.Module) -> nn.Module:
    """In float64, where steps can be compared closely."""
    return model.to(D)


def test_xor(examples: Any) -> None:
    xor = examples("xor")
    for criterion in (nn.MSELoss(), nn.BCELoss()):

        def make(criterion: Any = criterion) -> Any:
            model = wide(xor.network(8, 0))
            return model, criterion, nn.SGD(model.parameters(), lr=1.0, momentum=0.9)

        compared(make, [(xor.X.astype(D), xor.Y.astype(D))] * 200, 4096)


def test_spiral_and_overfitting(examples: Any) -> None:
    spiral, overfitting = examples("spiral"), examples("overfitting")
    x, labels = nn.data.spiral(60, rng=0)

    def first() -> Any:
        nn.manual_seed(0)
        model = wide(spiral.network([64, 64], 0.1))
        model.regularize(l2=1e-4)
        return model, nn.CrossEntropyLoss(), spiral.optimizer_of("adam", model, None, 0.9)

    def second() -> Any:
        nn.manual_seed(0)
        model = wide(overfitting.network(32, 0.3))
        model.regularize(l1=1e-4)
        return model, nn.CrossEntropyLoss(), nn.Adam(model.parameters(), lr=1e-3)

    compared(first, [(x.astype(D), labels)] * 30, 1 << 14)
    compared(second, [(x.astype(D), labels % 2)] * 30, 1 << 14)


@pytest.mark.parametrize("name", ["multilayer_perceptron", "convolutional_network"])
def test_mnist(name: str, examples: Any) -> None:
    mnist = examples("mnist")
    images = np.random.default_rng(0).random((3, 8, 1, 28, 28))
    labels = np.random.default_rng(1).integers(0, 10, (3, 8))
    steps = [(images[i % 3], labels[i % 3]) for i in range(9)]

    def make() -> Any:
        nn.manual_seed(0)
        model = wide(getattr(mnist, name)())
        return model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

    compared(make, steps, 1 << 14)


def test_shakespeare(examples: Any) -> None:
    shakespeare = examples("shakespeare")
    rng = np.random.default_rng(0)
    steps = [(rng.integers(0, 20, (3, 16)), rng.integers(0, 20, (3, 16))) for _ in range(8)]

    def make() -> Any:
        nn.manual_seed(0)
        model = wide(shakespeare.LanguageModel(20, 16, 16, 2, 2))
        matrices = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim == 1]
        groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
        return model, lambda p, y: ag.softmax_cross_entropy(p, y), nn.AdamW(groups, lr=1e-3, betas=(0.9, 0.99))

    compared(make, steps, 1 << 16, max_norm=1.0)


def test_optimizers_on_a_surface(examples: Any) -> None:
    """A step that is no step of a module: ``ag.compile`` with an optimizer inside."""
    optimizers = examples("optimizers")
    for kind in (nn.SGD, nn.Adam, nn.RAdam, nn.Lion):
        paths = []
        for compiled in (False, True):
            position = ag.Tensor(list(optimizers.START), requires_grad=True)
            optimizer = kind([position], lr=1e-3)

            def step(position: Any = position, optimizer: Any = optimizer) -> Any:
                optimizer.zero_grad()
                loss = optimizers.beale(position[0], position[1])
                loss.backward()
                optimizer.step()
                return loss.detach()

            run = ag.compile(step) if compiled else step
            paths.append([(float(run().item()), *position.tolist()) for _ in range(30)])
            if isinstance(run, ag.Compiled):
                assert (
                    run.cache_info().hits >= 27
                )  # (the first call finds no gradients, later ones those of the call before)
        np.testing.assert_allclose(paths[1], paths[0], rtol=1e-12)
