"""Figures of training that are right, whatever the size of the batches, and training that would train nothing."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_np as ag
import nn
from nn import functional
from nn.callbacks import direction

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4))
LABELS = RNG.integers(0, 3, 50)
LABELS[:20] = -100
SMALL = ("cross_entropy", "bce", "brier", "mape", "kl", "hinge", "wer", "fpr", "distance", "deviance", "loss", "rmse")
SMALL += ("nll", "perplexity", "MSELoss", "nllloss", "RootMeanSquaredError")
LARGE = (
    "accuracy",
    "acc",
    "f1",
    "precision",
    "recall",
    "r2",
    "auc",
    "top5_accuracy",
    "iou",
    "F1Score",
    "BinaryAccuracy",
)
WEIGHT = np.array([1.0, 5.0, 0.1])
LOSSES: dict[str, tuple[Callable[..., Any], Any]] = {
    "ignored": (nn.CrossEntropyLoss(), LABELS),
    "weighted": (nn.CrossEntropyLoss(WEIGHT), np.abs(LABELS) % 3),
    "weighted and ignored": (nn.CrossEntropyLoss(WEIGHT, label_smoothing=0.1), LABELS),
    "another number ignored": (nn.CrossEntropyLoss(ignore_index=1), np.abs(LABELS) % 3),
    "sum": (nn.CrossEntropyLoss(reduction="sum"), np.abs(LABELS) % 3),
    "probabilities": (nn.CrossEntropyLoss(), RNG.dirichlet(np.ones(3), 50)),
    "log-likelihood": (nn.NLLLoss(WEIGHT), LABELS),
    "square": (nn.MSELoss(), RNG.normal(size=(50, 3))),
    "sum of squares": (nn.MSELoss(reduction="sum"), RNG.normal(size=(50, 3))),
    "divergence": (nn.KLDivLoss(reduction="batchmean"), RNG.dirichlet(np.ones(3), 50)),
    "margins": (nn.MultiMarginLoss(), np.abs(LABELS) % 3),
    "function": (functional.cross_entropy, LABELS),
    "partial": (functools.partial(functional.cross_entropy, ignore_index=2), np.abs(LABELS) % 3),
    "partial sum": (functools.partial(functional.mse_loss, reduction="sum"), RNG.normal(size=(50, 3))),
    "own": (lambda p, t: ag.mean(ag.abs(p - t)), RNG.normal(size=(50, 3))),
}


def model() -> nn.Module:
    return nn.Linear(4, 3, rng=0, dtype=np.float64)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_is_that_of_one_batch_of_everything(name: str, compiled: bool) -> None:
    loss, target = LOSSES[name]
    wanted = loss(model()(X), target).item()
    for size in (1, 7, 49, 50) if not compiled else (7,):
        found = nn.evaluate(model(), loss, (X, target), batch_size=size, compile=compiled)["loss"]
        np.testing.assert_allclose(found, wanted, rtol=1e-10, err_msg=f"batch_size {size}")


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_of_fit_is_so_too(name: str) -> None:
    """With a rate of 0 nothing moves, so that the mean over an epoch is known."""
    loss, target = LOSSES[name]
    net = model()
    history = nn.fit(net, loss, nn.SGD(net.parameters(), lr=0.0), (X, target), 1, validation=(X, target), batch_size=7)
    wanted = loss(model()(X), target).item()
    np.testing.assert_allclose(history.last["loss"], wanted, rtol=1e-10)
    np.testing.assert_allclose(history.last["val_loss"], wanted, rtol=1e-10)


def test_a_loss_of_ones_own_says_by_what_it_divides() -> None:
    class Masked(nn.Module):
        def forward(self, p: Any, t: Any) -> Any:
            valid = ~np.isnan(t)
            return ag.sum(ag.where(valid, (p - np.nan_to_num(t)) ** 2, 0.0)) / max(1, valid.sum())

        def divisor(self, target: Any) -> float:
            return float((~np.isnan(target)).sum())

    target = RNG.normal(size=(50, 3))
    target[RNG.random((50, 3)) < 0.5] = np.nan
    wanted = Masked()(model()(X), target).item()
    np.testing.assert_allclose(nn.evaluate(model(), Masked(), (X, target), batch_size=7)["loss"], wanted)


def test_any_callable_is_a_loss() -> None:
    @dataclasses.dataclass
    class Scaled:  # equal to another one of the same factor, so without a hash
        factor: float

        def __call__(self, p: Any, t: Any) -> Any:
            return self.factor * ag.mean(ag.square(p - t))

    y = RNG.normal(size=(50, 3))
    wanted = Scaled(2.0)(model()(X), y).item()
    np.testing.assert_allclose(nn.evaluate(model(), Scaled(2.0), (X, y), batch_size=7)["loss"], wanted)


@given(st.integers(1, 50), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_function_metrics_are_of_all_predictions(size: int, seed: int) -> None:
    y = np.random.default_rng(seed).normal(size=(50, 3))

    def r2(p: Any, t: Any) -> float:
        return float(1 - np.sum((t - p) ** 2) / np.sum((t - t.mean(0)) ** 2))

    found = nn.evaluate(model(), None, (X, y), [r2], batch_size=size)["r2"]
    np.testing.assert_allclose(found, r2(nn.predict(model(), X), y), rtol=1e-10)


def test_function_metrics_of_lists_and_trees() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model()

        def forward(self, x: Any) -> Any:
            y = self.inner(x)
            return {"a": y, "b": y * 2.0}

    batches = [(X[:20], [1.0] * 20), (X[20:], [2.0] * 30)]
    seen = []
    nn.evaluate(Two(), None, batches, {"seen": lambda p, t: seen.append((p["b"].shape, t.tolist())) or 0.0})
    assert seen == [((50, 3), [1.0] * 20 + [2.0] * 30)]
    ragged = [(X[:2], np.zeros((2, 3))), (X[:2], np.zeros((2, 4)))]
    with pytest.raises(ValueError, match=r"nn\.metrics\.Metric"):
        nn.evaluate(model(), None, ragged, [lambda p, t: 0.0])


# ---------------------------------------------------------------- which direction is good


@pytest.mark.parametrize(
    "word",
    [
        "cross_entropy",
        "bce",
        "brier",
        "mape",
        "kl",
        "hinge",
        "wer",
        "fpr",
        "distance",
        "deviance",
        "loss",
        "rmse",
        "nll",
        "perplexity",
    ],
)
def test_small_is_good(word: str) -> None:
    assert nn.EarlyStopping(f"val_{word}").mode == direction(word) == "min"


@pytest.mark.parametrize(
    "word", ["accuracy", "acc", "f1", "precision", "recall", "r2", "auc", "top5_accuracy", "iou", "F1Score"]
)
def test_large_is_good(word: str) -> None:
    assert nn.EarlyStopping(f"val_{word}").mode == direction(word) == "max"


@pytest.mark.parametrize("word", ["score", "mine", "val", "", "accuracy_loss", "temperature"])
def test_what_does_not_say_asks(word: str) -> None:
    for make in (nn.EarlyStopping, functools.partial(nn.BestWeights, "best.npz")):
        with pytest.raises(ValueError, match="give mode='min' or mode='max'"):
            make(word)
        assert make(word, mode="max").mode == "max"


def test_every_metric_says_its_direction() -> None:
    for name in nn.metrics.__all__:
        kind = getattr(nn.metrics, name)
        if isinstance(kind, type) and name not in ("Metric", "ConfusionMatrix"):
            made = kind(3) if "num_classes" in kind.__init__.__code__.co_varnames else kind()
            assert direction(made.name) == ("min" if "Error" in name else "max")


# ---------------------------------------------------------------- training that trains nothing


def test_the_optimizer_of_another_model() -> None:
    with pytest.raises(ValueError, match="none of the model's parameters"):
        nn.compile_step(model(), nn.MSELoss(), nn.SGD(model().parameters(), lr=0.1))


def test_a_parameter_that_was_replaced() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    optimizer = nn.SGD(net.parameters(), lr=0.1)
    net[1] = nn.Linear(2, 1)
    with pytest.warns(RuntimeWarning, match=r"does not hold 1\.weight, 1\.bias"):
        nn.compile_step(net, nn.MSELoss(), optimizer)
    with pytest.warns(RuntimeWarning, match=r"does not hold 1\.weight, 1\.bias"):
        nn.fit(net, nn.MSELoss(), optimizer, (np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)), 1)


def test_a_part_of_a_model_may_be_trained() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.compile_step(net, nn.MSELoss(), nn.SGD(net[1].parameters(), lr=0.1))


@pytest.mark.parametrize("kind", [nn.SGD, nn.Adam, nn.RMSprop, nn.Adagrad])
def test_a_forgotten_backward_is_said_once(kind: Any) -> None:
    net = nn.Linear(2, 1)
    optimizer = kind(net.parameters(), lr=0.1)
    with pytest.warns(RuntimeWarning, match=r"no parameter has a gradient .*call loss\.backward\(\)"):
        optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
        net(np.ones((3, 2), np.float32)).sum().backward()
        optimizer.step()


def test_the_optimizer_made_before_the_conversion() -> None:
    net = nn.Linear(2, 1)
    optimizer = nn.SGD(net.parameters(), lr=0.1)
    net.double()
    net(np.ones((3, 2))).sum().backward()
    with pytest.warns(RuntimeWarning, match="no parameter has a gradient"):
        optimizer.step()


# ---------------------------------------------------------------- statistics, schedules, distances


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.BatchNorm2d])
def test_statistics_that_are_switched_off_stay(kind: Any) -> None:
    """As in PyTorch: in training the batch's own, in evaluation those that there are."""
    x = RNG.normal(size=(6, 3, 2, 2)[: 2 if kind is nn.BatchNorm1d else 4]).astype(np.float32)
    layer, other = kind(3), kind(3)
    layer(x * 2.0 + 1.0), other(x * 2.0 + 1.0)
    layer.track_running_stats = False
    before = {name: array.copy() for name, array in layer.named_buffers()}
    np.testing.assert_array_equal(layer(x).numpy(), other(x).numpy())
    for name, array in layer.named_buffers():
        np.testing.assert_array_equal(array, before[name])
    held = kind(3)
    held.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(layer.eval()(x).numpy(), held.eval()(x).numpy())
    layer.train().track_running_stats = True
    layer(x)
    assert int(layer.num_batches_tracked) == int(before["num_batches_tracked"]) + 1


def test_statistics_that_are_switched_off_stay_in_a_compiled_step() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    step = nn.compile_step(net, nn.MSELoss(), nn.SGD(net.parameters(), lr=0.01))
    x, y = RNG.normal(size=(8, 2)).astype(np.float32), np.ones((8, 1), np.float32)
    for _ in range(3):
        step(x, y)
    net[1].track_running_stats = False
    before = net[1].running_mean.copy()
    for _ in range(3):
        step(x, y)
    np.testing.assert_array_equal(net[1].running_mean, before)


@pytest.mark.filterwarnings("ignore:.*no parameter has a gradient")
@pytest.mark.parametrize("milestones", [[3], [2, 5]])
def test_a_sequence_of_schedules_goes_on_at_an_epoch(milestones: list[int]) -> None:
    def make(last: int) -> tuple[Any, Any]:
        optimizer = nn.SGD(nn.Linear(2, 1, rng=0).parameters(), lr=1.0)
        optimizer.param_groups[0]["initial_lr"] = 1.0
        parts = [
            nn.schedules.ConstantLR(optimizer, factor=0.1, total_iters=20),
            nn.schedules.ExponentialLR(optimizer, gamma=0.9),
            nn.schedules.StepLR(optimizer, 2, 0.5),
        ][: len(milestones) + 1]
        return optimizer, nn.schedules.SequentialLR(optimizer, parts, milestones, last_epoch=last)

    optimizer, schedule = make(-1)
    rates = []
    for _ in range(12):
        rates.append(optimizer.param_groups[0]["lr"])
        schedule.step()
    for last in range(10):
        optimizer, schedule = make(last)
        assert schedule.last_epoch == last + 1
        for k in range(last + 1, 12):
            np.testing.assert_allclose(optimizer.param_groups[0]["lr"], rates[k], rtol=1e-12)
            schedule.step()


@given(st.sampled_from([(3,), (2, 3), (4, 1, 3), (1, 2, 3)]), st.sampled_from([(3,), (2, 3), (1, 3), (4, 1, 1)]))
@settings(max_examples=20, deadline=None)
def test_pairwise_distances_broadcast(a: Any, b: Any) -> None:
    x, y = RNG.normal(size=a), RNG.normal(size=b)
    wanted = np.linalg.norm(x - y + 1e-6, axis=-1)
    np.testing.assert_allclose(functional.pairwise_distance(x, y).numpy(), wanted, rtol=1e-12)
    with pytest.raises(ValueError, match="they must be equal, or 1"):
        functional.pairwise_distance(np.ones((2, 3)), np.ones((2, 4)))
