"""Pictures: what they show, checked by their parts; that they are files with ink; and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread

import autograd_np as ag
import nn

TOP = Path(__file__).resolve().parents[2]
X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], np.float32)
Y = np.array([0, 1, 1, 0])


class Affine(nn.Module):
    def __init__(self, weight: Any, bias: Any) -> None:
        super().__init__()
        self.weight, self.bias = (
            nn.Parameter(np.asarray(weight, np.float32)),
            nn.Parameter(np.asarray(bias, np.float32)),
        )

    def forward(self, x: Any) -> Any:
        return x @ self.weight + self.bias


class Relu(nn.Module):
    def forward(self, x: Any) -> Any:
        return ag.relu(x)


def network() -> nn.Sequential:
    rng = np.random.default_rng(0)
    return nn.Sequential(
        Affine(rng.normal(size=(2, 8)), np.zeros(8)), Relu(), Affine(rng.normal(size=(8, 3)), np.zeros(3))
    )


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def legend(ax: Axes) -> list[str]:
    found = ax.get_legend()
    return [] if found is None else [text.get_text() for text in found.get_texts()]


def ink(figure: Figure | Axes, folder: Path) -> Any:
    """The pixels of a picture, which must show something."""
    nn.plot.save(figure, folder / "picture.png", dpi=60)
    image = imread(folder / "picture.png")[..., :3]
    assert 0.005 < np.mean(np.any(image < 0.95, axis=-1)) < 0.999
    return image


# --------------------------------------------------------------------------------------------- the plane


def test_dataset_shows_every_point_in_the_colour_of_its_class(tmp_path: Path) -> None:
    ax = nn.plot.dataset(X, Y, class_names=["same", "different"], title="XOR")
    assert [to_hex(line.get_color()).upper() for line in ax.lines] == list(nn.plot.PALETTE[:2])
    assert len({line.get_marker() for line in ax.lines}) == 2
    for k, line in enumerate(ax.lines):
        np.testing.assert_array_equal(line.get_xydata(), X[k == Y])
    assert legend(ax) == ["same", "different"]
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel(), ax.get_aspect()) == ("XOR", "$x_1$", "$x_2$", 1.0)
    ink(ax, tmp_path)


@pytest.mark.parametrize("kind", [lambda a: a, ag.Tensor, np.ndarray.tolist])
def test_dataset_takes_tensors_and_lists_and_columns(kind: Any) -> None:
    ax = nn.plot.dataset(kind(X), kind(Y[:, None].astype(np.float32)))
    assert legend(ax) == ["class 0", "class 1"]


def test_dataset_without_classes_is_in_one_colour(tmp_path: Path) -> None:
    ax = nn.plot.dataset(X)
    assert len(ax.lines) == 1
    assert legend(ax) == []
    assert np.ptp(ink(ax, tmp_path), axis=-1).max() < 0.05


def test_a_class_without_points_keeps_the_colours_of_the_others() -> None:
    ax = nn.plot.dataset(X, Y * 2)
    assert [to_hex(line.get_color()).upper() for line in ax.lines] == [nn.plot.PALETTE[0], nn.plot.PALETTE[2]]


def test_many_classes_have_colours_of_their_own() -> None:
    angles = np.linspace(0.0, 6.0, 12)
    ax = nn.plot.dataset(np.stack([np.sin(angles), np.cos(angles)], 1), np.arange(12))
    assert len({to_hex(line.get_color()) for line in ax.lines}) == 12


def test_the_legend_covers_no_point() -> None:
    ax = nn.plot.dataset(X, Y)
    ax.figure.draw_without_rendering()
    box = ax.get_legend().get_window_extent()
    assert not any(box.contains(*ax.transData.transform(point)) for point in X)
    assert not box.overlaps(ax.get_window_extent())


@pytest.mark.parametrize(
    ("points", "labels", "words"),
    [
        (np.zeros((3, 3)), None, r"shape \(N, 2\)"),
        (np.zeros(4), None, r"shape \(N, 2\)"),
        (np.zeros((0, 2)), None, r"N ≥ 1"),
        (np.array([[0.0, np.nan]]), None, "inf or NaN"),
        (np.array([[1j, 0]]), None, "real numbers"),
        (X, np.zeros(3, int), r"shape \(4,\) or \(4, 1\), not \(3,\)"),
        (X, np.eye(4), r"not \(4, 4\)"),
        (X, np.array([0.5, 0, 0, 0]), "whole numbers from 0"),
        (X, np.array([-1, 0, 0, 0]), "whole numbers from 0"),
        (X, np.array(["a", "b", "c", "d"]), "whole numbers from 0"),
    ],
)
def test_points_that_cannot_be_drawn(points: Any, labels: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"dataset: .*{words}"):
        nn.plot.dataset(points, labels)
    with pytest.raises(ValueError, match=f"decision_boundary: .*{words}"):
        nn.plot.decision_boundary(lambda x: x, points, labels)


def test_too_few_names() -> None:
    with pytest.raises(ValueError, match="class_names has 1 names for 2 classes"):
        nn.plot.dataset(X, Y, class_names=["one"])


def regions(ax: Axes) -> Any:
    return ax.images[0].get_array()


def colour_at(ax: Axes, x: float, y: float) -> Any:
    image = regions(ax)
    left, right, bottom, top = ax.images[0].get_extent()
    rows, columns = image.shape[:2]
    return np.asarray(image[int((y - bottom) / (top - bottom) * rows), int((x - left) / (right - left) * columns)])


def is_class(colour: Any, k: int) -> bool:
    """Whether a pale colour is nearest to that of class k."""
    hues = [1 - 0.45 * (1 - np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)]) / 255) for c in nn.plot.PALETTE[:3]]
    return int(np.argmin([np.abs(colour - hue).sum() for hue in hues])) == k


def product(x: Any) -> Any:
    """Positive where exactly one coordinate is above 1/2."""
    return -40.0 * (x[:, 0] - 0.5) * (x[:, 1] - 0.5)


@pytest.mark.parametrize(
    ("function", "scores"),
    [
        (product, "logits"),
        (product, "auto"),
        (lambda x: product(x)[:, None], "auto"),
        (lambda x: 1 / (1 + np.exp(-product(x))), "auto"),
        (lambda x: 1 / (1 + np.exp(-product(x))), "probabilities"),
        (lambda x: np.stack([np.zeros(len(x)), product(x)], 1), "auto"),
        (lambda x: (product(x) > 0).astype(int), "auto"),
        (lambda x: product(x) > 0, "auto"),
        (lambda x: (product(x) > 0).astype(float), "labels"),
        (lambda x: ag.Tensor(product(x)), "auto"),
    ],
)
def test_regions_have_the_colours_of_the_answers(function: Any, scores: Any, tmp_path: Path) -> None:
    ax = nn.plot.decision_boundary(function, X, Y, scores=scores, resolution=60)
    for (x, y), k in zip(X, Y, strict=True):
        assert is_class(colour_at(ax, x, y), k)
    assert ax.collections, "the line between the classes"
    assert ax.get_aspect() == 1.0
    ink(ax, tmp_path)


def test_the_line_is_where_the_scores_are_equal() -> None:
    ax = nn.plot.decision_boundary(lambda x: 5.0 * (x[:, 0] - 0.25), X, Y, resolution=50)
    [lines] = ax.collections
    vertices = np.concatenate([path.vertices for path in lines.get_paths() if len(path.vertices)])
    np.testing.assert_allclose(vertices[:, 0], 0.25, atol=1e-4)


def test_a_model_is_asked_in_its_dtype_in_evaluation_and_left_as_it_was() -> None:
    seen = []

    class Watcher(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Affine(np.ones((2, 3)), np.zeros(3))

        def forward(self, x: Any) -> Any:
            seen.append((x.dtype, self.training, self.inner.training, ag.is_grad_enabled(), len(x)))
            return self.inner(x)

    model = Watcher()
    model.inner.eval()
    nn.plot.decision_boundary(model, X.astype(np.float64), Y, resolution=10, batch_size=64)
    assert seen == [(np.float32, False, False, False, 64), (np.float32, False, False, False, 36)]
    assert model.training
    assert not model.inner.training
    assert all(p.grad is None for p in model.parameters())


def test_a_model_that_fails_is_left_as_it_was() -> None:
    class Broken(nn.Module):
        def forward(self, x: Any) -> Any:
            raise RuntimeError("broken")

    model = Broken()
    with pytest.raises(RuntimeError, match="broken"):
        nn.plot.decision_boundary(model, X, Y)
    assert model.training


@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        (lambda x: x[:3], {}, "the model's answer to points of shape"),
        (lambda x: np.zeros((len(x), 2, 2)), {}, "the model's answer"),
        (lambda x: np.full(len(x), np.nan), {}, "inf or NaN"),
        (lambda x: 5 * x[:, 0], {"scores": "probabilities"}, 'not between 0 and 1; scores="logits"'),
        (lambda x: x, {"scores": "labels"}, "one whole number from 0 per point"),
        (lambda x: x, {"scores": "other"}, "not 'other'"),
        (lambda x: x, {"resolution": 1}, "resolution = 1 must be at least 2"),
        (lambda x: x, {"batch_size": 0}, "batch_size = 0"),
        (lambda x: x, {"margin": -1}, "margin = -1"),
    ],
)
def test_answers_that_cannot_be_drawn(function: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        nn.plot.decision_boundary(function, X, Y, **options)


def test_one_region_has_no_line() -> None:
    ax = nn.plot.decision_boundary(lambda x: np.ones(len(x)) * 9.0, X, Y, resolution=10)
    assert not ax.collections


# ---------------------------------------------------------------------------------------------- training

HISTORY = {
    "loss": [2.0, 1.0, 0.05],
    "accuracy": [0.2, 0.6, 0.9],
    "val_loss": [2.1, 1.2, 0.4],
    "val_accuracy": [0.1, 0.5, 0.8],
    "lr": [0.1, 0.05, 0.025],
}


def test_curves_show_training_and_validation_together(tmp_path: Path) -> None:
    figure = nn.plot.curves(
        {"epoch": [1, 2, 3], "lr": HISTORY["lr"], **HISTORY}, labels={"loss": "cross-entropy (nats)"}, title="A run"
    )
    assert [ax.get_ylabel() for ax in figure.axes] == ["cross-entropy (nats)", "accuracy", "learning rate"]
    for ax, name in zip(figure.axes, ("loss", "accuracy"), strict=False):
        assert legend(ax) == ["training", "validation"]
        for line, key in zip(ax.lines, (name, f"val_{name}"), strict=True):
            np.testing.assert_array_equal(line.get_xydata(), np.stack([[1, 2, 3], HISTORY[key]], 1))
    assert figure.axes[0].get_yscale() == "log"
    assert [ax.get_xlabel() for ax in figure.axes] == ["epoch"] * 3
    assert legend(figure.axes[2]) == []
    assert figure.get_suptitle() == "A run"
    ink(figure, tmp_path)


def test_curves_of_a_history_of_fit() -> None:
    history = nn.History([{"loss": 1.0, "lr": 0.1}, {"loss": 0.5, "lr": 0.1}])
    figure = nn.plot.curves(history)
    assert [ax.get_ylabel() for ax in figure.axes] == ["loss", "learning rate"]
    assert figure.axes[0].get_yscale() == "linear"


def test_chosen_curves_on_given_axes() -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert nn.plot.curves(HISTORY, ["accuracy"], ax=left) is figure
    assert (
        nn.plot.curves(HISTORY, ["loss"], log=False, ax=right, x=[10, 20, 30], x_label="step", title="Loss") is figure
    )
    assert left.get_ylabel() == "accuracy"
    assert (right.get_yscale(), right.get_xlabel(), right.get_title()) == ("linear", "step", "Loss")
    np.testing.assert_array_equal(right.lines[0].get_xdata(), [10, 20, 30])


def test_gaps_and_single_epochs_are_dots() -> None:
    figure = nn.plot.curves({"loss": [1.0, 2.0, 3.0], "val_loss": [np.nan, 1.0, np.nan]})
    assert [line.get_marker() for line in figure.axes[0].lines] == ["None", "None", "o"]
    assert nn.plot.curves({"loss": [1.0]}).axes[0].lines[1].get_marker() == "o"


def test_curves_of_one_scale_do_not_lie_about_negative_losses() -> None:
    figure = nn.plot.curves({"loss": [5.0, 0.1, -3.0]}, log=True)
    assert figure.axes[0].get_yscale() == "linear"


@pytest.mark.parametrize(
    ("history", "options", "error", "words"),
    [
        ({}, {}, ValueError, "nothing"),
        ({"loss": []}, {}, ValueError, "at least 1"),
        ({"loss": [1.0], "accuracy": [1.0, 2.0]}, {}, ValueError, "one length"),
        ({"loss": [1.0]}, {"names": ["f1"]}, KeyError, "no f1; it has loss"),
        ({"loss": [1.0]}, {"x": [1, 2]}, ValueError, "x has shape"),
        (HISTORY, {"ax": Figure().add_subplot()}, ValueError, "1 axes are given for 3 panels"),
        ({"loss": [1.0]}, {"ax": "axes"}, TypeError, "ax is a matplotlib Axes, not str"),
    ],
)
def test_histories_that_cannot_be_drawn(
    history: Any, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        nn.plot.curves(history, **options)


# ----------------------------------------------------------------------------------------------- results


def test_confusion_matrix_writes_the_counts(tmp_path: Path) -> None:
    ax = nn.plot.confusion_matrix([[50, 2, 0], [4, 1040, 9], [0, 12, 30]], ["cat", "dog", "parrot"])
    assert texts(ax) == ["50", "2", "0", "4", "1,040", "9", "0", "12", "30"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["cat", "dog", "parrot"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    np.testing.assert_allclose(ax.images[0].get_array().sum(axis=1), 1.0)
    np.testing.assert_allclose(ax.images[0].get_array()[0], [50 / 52, 2 / 52, 0])
    ink(ax, tmp_path)


def test_confusion_matrix_of_shares_and_of_a_metric() -> None:
    ax = nn.plot.confusion_matrix(np.array([[0.9, 0.1], [0.25, 0.75]]))
    assert texts(ax) == ["0.90", "0.10", "0.25", "0.75"]
    metric = nn.ConfusionMatrix(2)
    metric.update(np.array([0, 1, 1]), np.array([0, 0, 1]))
    assert texts(nn.plot.confusion_matrix(metric)) == ["1", "1", "0", "1"]
    assert texts(nn.plot.confusion_matrix(np.array([[3.0, 1.0], [0.0, 0.0]]))) == ["3", "1", "0", "0"]


def test_numbers_stand_out_from_their_cells() -> None:
    ax = nn.plot.confusion_matrix([[100, 0], [0, 100]])
    assert [text.get_color() for text in ax.texts] == ["#ffffff", "#111111", "#111111", "#ffffff"]


def test_a_large_confusion_matrix_has_colours_alone() -> None:
    assert texts(nn.plot.confusion_matrix(np.eye(40, dtype=int))) == []


@pytest.mark.parametrize(
    ("matrix", "names", "words"),
    [
        (np.zeros((2, 3), int), None, "square matrix"),
        (np.zeros((0, 0), int), None, "square matrix"),
        ([[1, -1], [0, 0]], None, "not negative"),
        ([[np.nan, 1], [0, 0]], None, "finite"),
        ([["a"]], None, "dtype"),
        ([[1, 0], [0, 1]], ["one"], "1 names for 2 classes"),
    ],
)
def test_matrices_that_cannot_be_drawn(matrix: Any, names: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        nn.plot.confusion_matrix(matrix, names)


def test_wrong_predictions_are_marked(tmp_path: Path) -> None:
    figure = nn.plot.images(
        np.random.default_rng(0).random((4, 1, 8, 8)),
        [0, 1, 2, 1],
        [0, 2, 2, 1],
        class_names=["ant", "bee", "cow"],
        title="Animals",
    )
    assert [ax.get_title() for ax in figure.axes] == ["ant", "cow, not bee", "cow", "bee"]
    assert [to_hex(ax.spines["left"].get_edgecolor()).upper() == nn.plot.PALETTE[1] for ax in figure.axes] == [
        False,
        True,
        False,
        False,
    ]
    assert figure.get_suptitle() == "Animals"
    ink(figure, tmp_path)


def test_scores_are_predictions_too() -> None:
    scores = ag.Tensor(np.array([[0.1, 0.9], [0.8, 0.2]]))
    figure = nn.plot.images(ag.Tensor(np.zeros((2, 4, 4))), np.array([[1], [1]]), scores)
    assert [ax.get_title() for ax in figure.axes] == ["1", "0, not 1"]
    assert [ax.get_title() for ax in nn.plot.images(np.zeros((2, 4, 4)), predictions=scores).axes] == ["1", "0"]
    assert [ax.get_title() for ax in nn.plot.images(np.zeros((2, 4, 4)), [3, 4]).axes] == ["3", "4"]
    assert [ax.get_title() for ax in nn.plot.images(np.zeros((2, 4, 4))).axes] == ["", ""]


def test_images_are_stretched_together_and_colours_kept() -> None:
    grey = nn.plot.images(np.array([[[0.0, 2.0]], [[4.0, 8.0]]])).axes
    np.testing.assert_array_equal([ax.images[0].get_array()[0] for ax in grey], [[0.0, 0.25], [0.5, 1.0]])
    colour = np.random.default_rng(0).random((1, 3, 4, 5))
    np.testing.assert_array_equal(nn.plot.images(colour).axes[0].images[0].get_array(), np.moveaxis(colour[0], 0, -1))
    bytes_ = (colour * 255).astype(np.uint8)
    np.testing.assert_allclose(
        nn.plot.images(bytes_).axes[0].images[0].get_array(), np.moveaxis(bytes_[0], 0, -1) / 255
    )


def test_columns_of_images() -> None:
    figure = nn.plot.images(np.zeros((6, 4, 4)), columns=2)
    assert {ax.get_subplotspec().get_geometry()[:2] for ax in figure.axes} == {(3, 2)}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.zeros((4, 4)),), "is drawn, not"),
        ((np.zeros((1, 2, 4, 4)),), "is drawn, not"),
        ((np.zeros((0, 4, 4)),), "at least one image"),
        ((np.full((1, 2, 2), np.nan),), "inf or NaN"),
        ((np.zeros((2, 4, 4)), [1]), r"labels has shape \(1,\) for 2 images"),
        ((np.zeros((2, 4, 4)), [1, 2], [1]), "predictions has shape"),
        ((np.zeros((2, 4, 4)), [1.0, 2.0]), "labels are integers"),
    ],
)
def test_images_that_cannot_be_drawn(arguments: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        nn.plot.images(*arguments)


def test_images_without_enough_names_or_columns() -> None:
    with pytest.raises(ValueError, match="go from 0 to 2, and class_names has 2 names"):
        nn.plot.images(np.zeros((2, 4, 4)), [0, 2], class_names=["a", "b"])
    with pytest.raises(ValueError, match="columns = 0"):
        nn.plot.images(np.zeros((2, 4, 4)), columns=0)


# ---------------------------------------------------------------------------------------- distributions


def test_histograms_count_every_value(tmp_path: Path) -> None:
    model = network()
    figure = nn.plot.histograms(model, title="Weights")
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "0.weight  2×8",
        "0.bias  8",
        "2.weight  8×3",
        "2.bias  3",
    ]
    for ax, parameter in zip(figure.axes, model.parameters(), strict=True):
        assert sum(bar.get_height() for bar in ax.patches) == parameter.size
    assert "mean" in texts(figure.axes[0])[0]
    ink(figure, tmp_path)


def test_histograms_of_arrays_by_name_on_given_axes() -> None:
    figure = Figure()
    ax = figure.add_subplot()
    assert nn.plot.histograms({"a": ag.Tensor([1.0, 2.0]), "b": [3.0]}, ["b"], ax=ax, bins=3) is figure
    assert ax.get_title(loc="left") == "b  1"


def test_activations_show_what_each_layer_gives(tmp_path: Path) -> None:
    model = network()
    model[1].eval()
    figure = nn.plot.activations(model, X)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["0  Affine", "1  Relu", "2  Affine"]
    assert [sum(bar.get_height() for bar in ax.patches) for ax in figure.axes] == [32, 32, 12]
    hidden = np.maximum(X @ model[0].weight.numpy(), 0)
    assert f"{np.mean(hidden == 0):.0%} are 0" in texts(figure.axes[1])[0]
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert not any(module._forward_hooks for module in model.modules())
    ink(figure, tmp_path)


def test_activations_of_chosen_layers_and_of_layers_with_several_results() -> None:
    class Two(nn.Module):
        def forward(self, x: Any) -> Any:
            return ag.relu(x), (x, x)

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.two = Two()

        def forward(self, x: Any, y: Any) -> Any:
            return self.two(self.two(x)[0] + y)[0]

    figure = nn.plot.activations(Twice(), X, X)
    [ax] = figure.axes
    assert ax.get_title(loc="left") == "two  Two"
    assert sum(bar.get_height() for bar in ax.patches) == 16
    assert len(nn.plot.activations(network(), X, names=["1"]).axes) == 1
    assert nn.plot.activations(Affine(np.ones((2, 2)), np.zeros(2)), X).axes[0].get_title(loc="left").endswith("Affine")


def test_hooks_are_taken_off_after_an_error() -> None:
    model = network()
    with pytest.raises(ValueError):
        nn.plot.activations(model, np.zeros((4, 3), np.float32))
    assert not any(module._forward_hooks for module in model.modules())
    assert model.training


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nn.plot.histograms(network(), ["3.weight"]), KeyError, "no parameters 3.weight; there are 0.weight"),
        (lambda: nn.plot.histograms({}), ValueError, "1 to 24 parameters can be drawn, not 0"),
        (lambda: nn.plot.histograms({str(i): [1.0] for i in range(25)}), ValueError, "not 25; names= chooses"),
        (lambda: nn.plot.histograms({"a": [np.nan]}), ValueError, "a holds no numbers, or inf or NaN"),
        (lambda: nn.plot.histograms({"a": [1.0]}, bins=0), ValueError, "bins = 0"),
        (lambda: nn.plot.activations(lambda x: x, X), TypeError, "model is a Module"),  # type: ignore[arg-type]
        (lambda: nn.plot.activations(network(), X, names=["9"]), KeyError, "no layers 9; there are 0, 1, 2"),
    ],
)
def test_distributions_that_cannot_be_drawn(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


# ------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF"), (".PNG", b"\x89PNG")]
)
def test_saved_pictures_are_whole_and_the_same_each_time(suffix: str, start: bytes, tmp_path: Path) -> None:
    for name in ("a", "b"):
        nn.plot.save(nn.plot.dataset(X, Y), tmp_path / f"{name}{suffix}")
    content = (tmp_path / f"a{suffix}").read_bytes()
    assert content.startswith(start)
    assert content == (tmp_path / f"b{suffix}").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a{suffix}", f"b{suffix}"]


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    figure = Figure()
    for name in ("a", "a.jpg", "a.gif"):
        with pytest.raises(ValueError, match=r"must be \.png, \.svg or \.pdf"):
            nn.plot.save(figure, tmp_path / name)
    with pytest.raises(TypeError, match="a matplotlib Figure or Axes, not str"):
        nn.plot.save("figure", tmp_path / "a.png")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        nn.plot.save(figure, tmp_path / "nowhere" / "a.png")
    (tmp_path / "a.png").write_bytes(b"old")
    figure.savefig = lambda *_, **__: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        nn.plot.save(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_drawing_on_given_axes_makes_no_figure() -> None:
    figure = Figure()
    ax = figure.add_subplot()
    assert nn.plot.dataset(X, Y, ax=ax) is ax
    assert nn.plot.decision_boundary(product, X, Y, ax=ax, resolution=10) is ax
    with pytest.raises(TypeError, match="ax is a matplotlib Axes, not Figure"):
        nn.plot.dataset(X, ax=figure)  # type: ignore[arg-type]


def test_pictures_side_by_side_are_not_cut_off() -> None:
    for size in ((10.4, 5.4), (8.0, 5.0), (12.0, 4.0)):
        figure = Figure(figsize=size, layout="compressed")
        for i in range(2):
            nn.plot.decision_boundary(product, X, Y, resolution=10, ax=figure.add_subplot(1, 2, 1 + i))
        figure.draw_without_rendering()
        for ax in figure.axes:
            box = ax.get_tightbbox()
            assert box is not None
            assert box.x0 >= 0
            assert box.y0 >= 0
            assert box.x1 <= figure.bbox.width
            assert box.y1 <= figure.bbox.height


def test_pyplot_is_not_touched_and_matplotlib_not_imported_early() -> None:
    code = """
import sys
import numpy as np
import nn
assert "matplotlib" not in sys.modules
nn.plot.dataset(np.eye(2), [0, 1])
nn.plot.curves({"loss": [1.0, 2.0]})
nn.plot.confusion_matrix(np.eye(2))
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], cwd=TOP, check=True, timeout=120)


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "autograd-np\[plot\]"'):
        nn.plot.dataset(X, Y)
