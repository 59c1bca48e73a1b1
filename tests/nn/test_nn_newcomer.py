"""What somebody who comes from PyTorch, Keras or a textbook writes first, and where it went wrong without a word."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn

X = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


def network(seed: int = 0) -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 8, rng=seed), nn.Tanh(), nn.Linear(8, 2, rng=seed))


def fit(
    model: nn.Module, epochs: int = 2, data: Any = (X, Y), loss: Any = None, optimizer: Any = None, **options: Any
) -> nn.History:
    return nn.fit(
        model, loss or nn.CrossEntropyLoss(), optimizer or nn.SGD(model.parameters(), lr=0.1), data, epochs, **options
    )


# ------------------------------------------------------------------------------------------------ callbacks


def test_early_stopping_starts_anew_with_each_run() -> None:
    """Kept from the run before, its weights would take the place of those of another model."""
    stopping = nn.EarlyStopping(patience=1)
    good, bad = network(1), network(2)
    fit(good, 30, validation=(X, Y), callbacks=stopping)
    history = fit(bad, 3, validation=(X, 1 - Y), callbacks=stopping, optimizer=nn.SGD(bad.parameters(), lr=1e-6))
    assert len(history.rows) == 3 or history.stopped
    assert not np.array_equal(good[0].weight.numpy(), bad[0].weight.numpy())


def test_best_weights_start_anew_with_each_run(tmp_path: Path) -> None:
    saving = nn.BestWeights(tmp_path / "best.npz")
    fit(network(1), 30, validation=(X, Y), callbacks=saving)
    model = network(2)
    fit(model, 1, validation=(X, 1 - Y), callbacks=saving)
    np.testing.assert_array_equal(nn.load(tmp_path / "best.npz")["0.weight"], model[0].weight.numpy())


@pytest.mark.parametrize(
    ("monitor", "mode"),
    [
        ("val_mse", "min"),
        ("mae", "min"),
        ("val_MeanSquaredError", "min"),
        ("val_loss", "min"),
        ("val_accuracy", "max"),
        ("val_f1", "max"),
        ("r2", "max"),
    ],
)
def test_what_is_better_small(monitor: str, mode: str) -> None:
    assert nn.EarlyStopping(monitor).mode == mode


# ---------------------------------------------------------------------------------------------- optimizers of one's own


class Sign(nn.optim.Optimizer):
    def __init__(self, params: Any, lr: float = 0.01) -> None:
        super().__init__(params, {"lr": lr})

    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                p.writable()[...] -= group["lr"] * np.sign(p.grad)


class SignAfterClosure(Sign):
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # as most are written: the closure is not looked at
        super().step()


class Plain:
    def __init__(self, params: Any) -> None:
        self.params = list(params)

    def zero_grad(self) -> None:
        for p in self.params:
            p.zero_grad()

    def step(self) -> None:
        for p in self.params:
            p.writable()[...] -= 0.1 * p.grad


@pytest.mark.parametrize("kind", [Sign, SignAfterClosure, Plain])
def test_an_optimizer_of_ones_own_trains(kind: Any) -> None:
    model = network()
    history = fit(model, 20, optimizer=kind(model.parameters()))
    assert history["loss"][-1] < 0.8 * history["loss"][0]


def test_fit_trains_also_under_no_grad() -> None:
    model = network()
    with ag.no_grad():
        history = fit(model, 20)
    assert history["loss"][-1] < history["loss"][0]


def test_an_optimizer_of_other_parameters_is_refused() -> None:
    model = network()
    optimizer = nn.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="none of the model's parameters"):
        fit(model.double(), optimizer=optimizer)
    fit(model, optimizer=nn.SGD(model[2].parameters(), lr=0.1))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"optimizer": nn.Adam}, "the optimizer is an object such as nn.Adam"),
        ({"optimizer": "adam"}, "the optimizer is an object"),
        ({"loss": nn.CrossEntropyLoss}, "not the class CrossEntropyLoss"),
        ({"loss": "mse"}, "the loss is a function"),
        ({"metrics": ["accuracy"]}, "'accuracy' is no metric"),
        ({"metrics": "accuracy"}, "'accuracy' is no metric"),
        ({"metrics": [nn.Accuracy]}, "is no metric"),
        ({"callbacks": [print]}, "LambdaCallback"),
        ({"schedule": nn.schedules.StepLR}, "one object such as"),
        ({"schedule": []}, "one object such as"),
        ({"callbacks": [nn.EarlyStopping]}, "the class EarlyStopping"),
        ({"data": X}, r"\(X, X\)"),
    ],
)
def test_what_stands_in_the_wrong_place_is_named(options: dict[str, Any], match: str) -> None:
    with pytest.raises(TypeError, match=match):
        fit(network(), **options)


def test_a_metric_cannot_take_the_place_of_the_loss() -> None:
    with pytest.raises(ValueError, match="'loss' is taken"):
        fit(network(), metrics={"loss": lambda p, t: 7.0})


def test_a_schedule_that_would_do_nothing_or_harm_is_refused() -> None:
    model = network()
    optimizer, other = nn.SGD(model.parameters(), lr=0.1), nn.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="another optimizer"):
        fit(model, optimizer=optimizer, schedule=nn.schedules.StepLR(other, 1))
    with pytest.raises(ValueError, match="mode='min'"):
        fit(model, optimizer=optimizer, schedule=nn.schedules.ReduceLROnPlateau(optimizer, "max"))


def test_a_nan_is_no_right_answer() -> None:
    assert nn.metrics.accuracy(np.array([np.nan, 0.9]), [0, 1], threshold=0.5) == 0.5
    assert nn.metrics.accuracy(np.array([[np.nan], [0.9]]), [[0], [0]], threshold=0.5, ignore_index=1) == 0.0
    assert nn.metrics.accuracy(np.full((2, 2), np.nan), [0, 1]) == 0.0


# ------------------------------------------------------------------------------------------------ data


@pytest.mark.parametrize("data", [(X.tolist(), Y.tolist()), (X, Y.tolist()), (X.tolist(), Y)])
def test_nested_lists_are_data(data: Any) -> None:
    from_lists, from_arrays = network(), network()
    nn.manual_seed(0)
    first = fit(from_lists, data=data, metrics=nn.Accuracy(), validation=data)
    nn.manual_seed(0)
    assert first.rows == fit(from_arrays, data=(X, Y), metrics=nn.Accuracy(), validation=(X, Y)).rows


def test_floats_in_lists_have_the_default_dtype() -> None:
    x, y = next(iter(nn.DataLoader(([[1.0, 2.0]], [1]), 1)))
    assert (x.dtype, y.dtype) == (np.float32, np.int64)
    (z,) = next(iter(nn.DataLoader(([np.zeros(2)],), 1)))
    assert z.dtype == np.float64


def test_batches_of_lists_count_their_samples() -> None:
    model = nn.Linear(1, 1, weight_init=0.0, bias_init=0.0)
    batches = [([[1.0]] * 3, [[1.0]] * 3), ([[1.0]], [[3.0]])]
    assert nn.evaluate(model, nn.MSELoss(), batches)["loss"] == pytest.approx(3.0)


def test_arrays_of_a_data_set_stay_writable() -> None:
    class Whole(nn.Dataset):
        def __init__(self) -> None:
            self.x, self.y = X.copy(), Y.copy()

        def __len__(self) -> int:
            return len(self.x)

        def batch(self, indices: Any) -> Any:
            return self.x, self.y

    data = Whole()
    fit(network(), data=nn.DataLoader(nn.data.Subset(data, np.arange(40)), 40))
    fit(network(), data=data, batch_size=40)
    data.x[0] = 1.0
    data.y[0] = 1


def test_predict_says_that_a_model_gives_several_things() -> None:
    with pytest.raises(TypeError, match="gives a tuple"):
        nn.predict(nn.LSTM(3, 4, batch_first=True), np.zeros((5, 6, 3), np.float32))


# ------------------------------------------------------------------------------------------------ modules


class Appending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(2, 2)
        self.layers: list[nn.Module] = []
        for _ in range(3):
            self.layers.append(nn.Linear(2, 2))


def test_modules_appended_to_a_plain_list_are_noticed() -> None:
    with pytest.raises(TypeError, match=r"layers: a plain list .* nn\.ModuleList"):
        nn.SGD(nn.Sequential(Appending()).parameters(), lr=0.1)


@pytest.mark.parametrize(
    "value",
    [[[nn.Linear(2, 2)], [nn.ReLU()]], [nn.Linear(2, 2), np.tanh], {"a": [nn.Linear(2, 2)]}, (("a", nn.ReLU()),)],
)
def test_modules_within_plain_lists_are_noticed(value: Any) -> None:
    module = nn.Module()
    with pytest.raises(TypeError, match="does not register what it holds"):
        module.layers = value


def test_a_list_of_registered_modules_is_allowed() -> None:
    module = nn.Module()
    module.a, module.b = nn.Linear(2, 2), nn.ReLU()
    module.order = [("a", module.a), ("b", module.b)]
    module.sizes = [1, 2, 3]
    assert len([*module.parameters()]) == 2


def test_a_shallow_copy_leaves_its_original_alone() -> None:
    model = nn.Linear(2, 2)
    other = copy.copy(model)
    other.scale = nn.Parameter([1.0])
    assert other.weight is model.weight
    assert [name for name, _ in model.named_parameters()] == ["weight", "bias"]
    assert [name for name, _ in other.named_parameters()] == ["weight", "bias", "scale"]


def test_names_in_a_sequential_stay() -> None:
    model = nn.Sequential(OrderedDict(first=nn.Linear(2, 3), act=nn.ReLU()))
    model.append(nn.Linear(3, 1))
    assert [name for name, _ in model.named_children()] == ["first", "act", "2"]
    assert [name for name, _ in model[:2].named_children()] == ["first", "act"]
    model.insert(1, nn.Tanh())
    assert [name for name, _ in model.named_children()] == ["first", "1", "act", "2"]
    del model[0]
    assert [name for name, _ in model.named_children()] == ["1", "act", "2"]
    model.extend([nn.ReLU(), nn.ReLU()])
    assert [name for name, _ in model.named_children()] == ["1", "act", "2", "3", "4"]
    numbered = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.ReLU())
    del numbered[0]
    assert [name for name, _ in numbered.insert(0, nn.GELU()).named_children()] == ["0", "1", "2"]
    assert [name for name, _ in numbered[1:].named_children()] == ["0", "1"]


def test_a_container_that_would_hold_itself_stays_whole() -> None:
    model = network()
    with pytest.raises(ValueError, match="cannot contain itself"):
        model.insert(0, nn.Sequential(model))
    assert len(model) == 3


# ------------------------------------------------------------------------------------------------ runs that go on


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter([1.0])

    def forward(self, predictions: Any, target: Any) -> Any:
        return nn.functional.cross_entropy(predictions * self.scale, target)


def test_a_resumed_run_has_the_losss_parameters_and_the_order_of_the_validation_data(tmp_path: Path) -> None:
    def run(seed: int, epochs: int, **options: Any) -> nn.History:
        nn.manual_seed(seed)
        model, loss = network(seed), Scaled()
        optimizer = nn.Adam([*model.parameters(), *loss.parameters()], lr=0.1)
        validation = nn.DataLoader((X, Y), 7, shuffle=True)
        return fit(
            model,
            epochs,
            nn.DataLoader((X, Y), 16, shuffle=True, prefetch=2),
            loss,
            optimizer,
            validation=validation,
            **options,
        )

    whole = run(0, 6)
    run(0, 3, checkpoint=tmp_path / "run.npz")
    assert run(1, 6, checkpoint=tmp_path / "run.npz", resume=True).rows == whole.rows


def test_a_checkpoint_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    model = network(1)
    fit(model, checkpoint=path, optimizer=nn.Adam(model.parameters()))
    model = network(2)
    before = model.state_dict()
    with pytest.raises(ValueError, match="another kind of optimizer"):
        fit(model, checkpoint=path, resume=True)
    assert all(np.array_equal(model.state_dict()[name], value) for name, value in before.items())


@pytest.mark.parametrize(("name", "error"), [("run.ckpt", nn.SavingError), ("no/run.npz", FileNotFoundError)])
def test_a_checkpoint_that_cannot_be_written_is_noticed_before_the_work(
    tmp_path: Path, name: str, error: type[Exception]
) -> None:
    steps: list[float] = []
    with pytest.raises(error):
        fit(
            network(),
            checkpoint=tmp_path / name,
            callbacks=nn.LambdaCallback(on_batch_end=lambda training, loss: steps.append(loss)),
        )
    assert not steps


def test_arguments_of_save_and_load_in_the_other_order(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="the model comes first"):
        nn.save(str(tmp_path / "a.npz"), network())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the path comes first"):
        nn.load(network(), str(tmp_path / "a.npz"))  # type: ignore[call-overload]


# ------------------------------------------------------------------------------------------------ pictures


def test_curves_of_a_bare_list_say_what_to_give() -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(TypeError, match='"loss": losses'):
        nn.plot.curves([3.0, 2.0, 1.0])  # type: ignore[arg-type]


def test_percents_are_written_as_short_as_they_are() -> None:
    pytest.importorskip("matplotlib")
    ax = nn.plot.curves({"accuracy": [0.65, 0.8, 0.93]}).axes[0]
    assert [ax.yaxis.get_major_formatter()(share) for share in (0.65, 0.57, 0.975)] == ["65%", "57%", "97.5%"]


def test_one_epoch_is_marked_1() -> None:
    pytest.importorskip("matplotlib")
    ax = nn.plot.curves({"loss": [0.5], "val_loss": [0.4]}).axes[0]
    low, high = ax.get_xlim()
    assert [tick for tick in ax.get_xticks() if low <= tick <= high] == [1.0]


def test_long_names_above_images_do_not_overlap() -> None:
    pytest.importorskip("matplotlib")
    names = ["T-shirt/top", "Ankle boot", "Sneaker"]
    figure = nn.plot.images(
        np.random.default_rng(0).random((9, 28, 28)), [0, 1, 2] * 3, [1, 0, 2] * 3, class_names=names
    )
    figure.canvas.draw()
    boxes = [ax.title.get_window_extent() for ax in figure.axes]
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 for box in boxes)
    assert figure.axes[0].get_title() == "Ankle boot,\nnot T-shirt/top"


def test_coordinates_of_different_units_can_both_be_read() -> None:
    pytest.importorskip("matplotlib")
    points = X * np.array([1000.0, 1.0])
    for ax in (
        nn.plot.dataset(points, Y),
        nn.plot.decision_boundary(lambda p: p[:, 0] / 1000, points, Y, resolution=20),
    ):
        ax.figure.canvas.draw()
        box = ax.get_window_extent()
        assert box.height > 0.5 * box.width
        low, high = ax.get_ylim()
        assert high - low < 2 * np.ptp(points[:, 1])
    assert nn.plot.dataset(X, Y).get_aspect() == 1.0


# ------------------------------------------------------------------------------------------------ the programs


PROGRAM = """
import sys
sys.path.insert(0, sys.argv.pop(1))
import _program
parser = _program.parser("What it does.", out="pictures")
parser.add_argument("--points", default=None, help="number (100)")
parser.add_argument("--quick", action="store_true", help="less")
_program.start(parser.parse_args())
print("1 \\u03c3")
"""


def program(*options: str, folder: Path) -> str:
    examples = Path(__file__).parents[2] / "examples"
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-c", PROGRAM, str(examples), *options]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, encoding="cp1252", check=True, timeout=60
    ).stdout


def test_programs_print_where_letters_are_missing(tmp_path: Path) -> None:
    assert program(folder=tmp_path).strip() == "1 ?"


def test_help_tells_defaults_where_there_are_any(tmp_path: Path) -> None:
    text = " ".join(program("--help", folder=tmp_path).split())
    assert "(default: 0)" in text
    assert "None" not in text
    assert "False" not in text
