"""Metrics: against definitions written out, batch by batch or at once, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_np as ag
from nn import metrics


def written_out(predicted: Any, true: Any, classes: int) -> tuple[list[int], list[int], list[int]]:
    """tp, fp and fn of each class, item by item."""
    tp, fp, fn = [0] * classes, [0] * classes, [0] * classes
    for p, t in zip(predicted, true, strict=True):
        if p == t:
            tp[t] += 1
        else:
            fp[p] += 1
            fn[t] += 1
    return tp, fp, fn


labels = st.integers(2, 5).flatmap(
    lambda c: st.tuples(
        st.just(c), st.lists(st.tuples(st.integers(0, c - 1), st.integers(0, c - 1)), min_size=1, max_size=30)
    )
)


@given(labels, st.sampled_from([0.0, 1.0]))
@settings(deadline=None)
def test_precision_recall_and_f1_are_their_definitions(
    case: tuple[int, list[tuple[int, int]]], zero_division: float
) -> None:
    classes, pairs = case
    predicted, true = np.array(pairs).T
    tp, fp, fn = written_out(predicted, true, classes)
    support = [tp[c] + fn[c] for c in range(classes)]

    def share(above: float, below: float) -> float:
        return above / below if below else zero_division

    each = {
        metrics.Precision: [share(tp[c], tp[c] + fp[c]) for c in range(classes)],
        metrics.Recall: [share(tp[c], tp[c] + fn[c]) for c in range(classes)],
        metrics.F1: [share(2 * tp[c], 2 * tp[c] + fp[c] + fn[c]) for c in range(classes)],
    }
    for kind, values in each.items():
        expected: dict[Any, Any] = {
            None: values,
            "macro": sum(values) / classes,
            "micro": sum(tp) / len(pairs),
            "weighted": sum(v * s for v, s in zip(values, support, strict=True)) / len(pairs),
        }
        if classes == 2:
            expected["binary"] = values[1]
        for average, value in expected.items():
            metric = kind(classes, average, zero_division=zero_division)
            metric.update(predicted[:3], true[:3])
            metric.update(predicted[3:], true[3:])
            np.testing.assert_allclose(metric.compute(), value, rtol=1e-14)


@given(labels)
@settings(deadline=None)
def test_confusion_matrix_counts(case: tuple[int, list[tuple[int, int]]]) -> None:
    classes, pairs = case
    predicted, true = np.array(pairs).T
    expected = np.zeros((classes, classes), int)
    for p, t in pairs:
        expected[t, p] += 1
    matrix = metrics.confusion_matrix(predicted, true, classes)
    np.testing.assert_array_equal(matrix, expected)
    assert matrix.dtype == np.int64
    for normalize, axis in (("true", 1), ("pred", 0), ("all", None)):
        metric = metrics.ConfusionMatrix(classes, normalize=normalize)
        metric.update(predicted, true)
        sums = expected.sum(axis=axis, keepdims=True)
        shares = np.divide(expected, sums, out=np.zeros(expected.shape), where=sums != 0)
        np.testing.assert_array_equal(metric.compute(), shares)


def test_the_known_figures_of_a_known_table() -> None:
    """The example of scikit-learn's user guide for precision_recall_fscore_support."""
    metric_options = [(metrics.Precision, 2 / 9), (metrics.Recall, 1 / 3), (metrics.F1, 4 / 15)]
    for kind, macro in metric_options:
        metric = kind(3)
        metric.update(np.array([0, 2, 1, 0, 0, 1]), np.array([0, 1, 2, 0, 1, 2]))
        assert metric.compute() == pytest.approx(macro)


@given(
    st.integers(1, 4),
    st.lists(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), min_size=4, max_size=4), min_size=1, max_size=12),
    st.data(),
)
@settings(deadline=None)
def test_top_k_is_being_among_the_first_of_a_stable_order(k: int, rows: list[list[float]], data: st.DataObject) -> None:
    true = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))
    scores = np.array(rows, np.float32)
    first = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    expected = np.mean([t in row for t, row in zip(true, first, strict=True)])
    assert metrics.accuracy(scores, np.array(true), k) == pytest.approx(expected)
    if k == 1:
        assert metrics.accuracy(scores, np.array(true)) == pytest.approx(np.mean(np.argmax(scores, axis=1) == true))


def test_every_form_of_predictions_and_targets_means_the_same() -> None:
    logits = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    true = np.random.default_rng(1).integers(3, size=20)
    expected = np.mean(np.argmax(logits, axis=1) == true)
    one_hot = np.eye(3)[true]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    predictions = [
        logits,
        probabilities,
        np.argmax(logits, axis=1),
        np.argmax(logits, axis=1)[:, None],
        ag.Tensor(logits, requires_grad=True),
    ]
    for given_predictions in predictions:
        for targets in (
            true,
            true[:, None],
            true.astype(np.float32),
            true.astype(np.uint8),
            one_hot,
            one_hot.astype(bool),
            ag.Tensor(one_hot),
            list(true),
        ):
            assert metrics.accuracy(given_predictions, targets) == pytest.approx(expected)


def test_scores_of_maps_have_their_classes_on_axis_1() -> None:
    scores = np.random.default_rng(0).normal(size=(4, 3, 5, 6))
    true = np.random.default_rng(1).integers(3, size=(4, 5, 6))
    expected = np.mean(np.argmax(scores, axis=1) == true)
    assert metrics.accuracy(scores, true) == pytest.approx(expected)
    assert metrics.accuracy(scores, np.moveaxis(np.eye(3)[true], -1, 1)) == pytest.approx(expected)
    assert metrics.confusion_matrix(scores, true, 3).sum() == 120


def test_binary_scores_need_a_threshold() -> None:
    logits, true = np.array([-1.0, 0.3, 2.0, 0.7]), np.array([0, 0, 1, 1])
    for shape in ((4,), (4, 1)):
        for targets in (true, true[:, None], true.astype(np.float32), true == 1, np.eye(2)[true]):
            assert metrics.accuracy(logits.reshape(shape), targets, threshold=0.0) == 0.75
            assert metrics.accuracy(logits.reshape(shape), targets, threshold=0.5) == 1.0
    with pytest.raises(ValueError, match=r"threshold=0.0 for logits, threshold=0.5 for probabilities"):
        metrics.accuracy(logits, true)


def test_ignored_targets_are_left_out() -> None:
    scores, true = np.eye(3)[[0, 1, 2, 0]], np.array([0, -100, 1, 0])
    assert metrics.accuracy(scores, true, ignore_index=-100) == pytest.approx(2 / 3)
    assert metrics.accuracy(np.array([0, 1, 2, 0]), true, ignore_index=-100) == pytest.approx(2 / 3)
    assert metrics.confusion_matrix(scores, true, 3, ignore_index=-100).sum() == 3


def test_a_network_of_nans_is_never_right() -> None:
    assert metrics.accuracy(np.full((4, 3), np.nan), np.array([0, 0, 1, 2])) == 0.0


@pytest.mark.parametrize(
    ("predictions", "targets", "said"),
    [
        (np.zeros((4, 3)), np.zeros(5, int), r"\(5,\) do not fit predictions of shape \(4, 3\).*\(4,\).*\(4, 3\)"),
        (np.zeros((4, 3)), np.zeros((4, 2)), "do not fit"),
        (np.zeros((4, 3)), np.full((4, 3), 1 / 3), "one-hot"),
        (np.zeros((4, 3)), np.full(4, 0.5), "not whole"),
        (np.zeros((4, 3)), np.full(4, np.nan), "not whole"),
        (np.zeros((4, 3)), np.array([0, 1, 2, 3]), "a target is 3"),
        (np.zeros((4, 3)), np.array([0, 1, 2, -1]), "a target is -1"),
        (np.zeros(4, int), np.zeros(5, int), "do not fit"),
        (np.zeros((4, 0)), np.zeros(4, int), "no classes"),
    ],
)
def test_what_does_not_belong_together_is_refused(predictions: Any, targets: Any, said: str) -> None:
    metric = metrics.Accuracy()
    with pytest.raises(ValueError, match=said):
        metric.update(predictions, targets)
    assert metric.count == 0


def test_wrong_kinds_are_refused() -> None:
    with pytest.raises(TypeError, match="complex"):
        metrics.accuracy(np.zeros((2, 2), complex), np.zeros(2, int))
    with pytest.raises(TypeError, match="<U1"):
        metrics.accuracy(np.zeros((2, 2)), np.array(["a", "b"]))
    with pytest.raises(TypeError, match="axis for the items"):
        metrics.accuracy(1, 1)


def test_senseless_options_are_refused() -> None:
    for senseless in (
        lambda: metrics.Accuracy(0),
        lambda: metrics.ConfusionMatrix(0),
        lambda: metrics.ConfusionMatrix(2, normalize="rows"),  # type: ignore[arg-type]
        lambda: metrics.Precision(3, "binary"),
        lambda: metrics.Precision(3, "mean"),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError):
            senseless()
    with pytest.raises(ValueError, match="top_k=4 of 3"):
        metrics.accuracy(np.zeros((2, 3)), np.zeros(2, int), 4)
    with pytest.raises(ValueError, match="a score for every class"):
        metrics.accuracy(np.zeros(2, int), np.zeros(2, int), 2)
    with pytest.raises(ValueError, match="prediction is class 3"):
        metrics.confusion_matrix(np.array([3]), np.array([0]), 3)
    with pytest.raises(ValueError, match="target is class -1"):
        metrics.confusion_matrix(np.array([0]), np.array([-1]), 3)


KINDS = [
    metrics.Accuracy(),
    metrics.Precision(3),
    metrics.Recall(3),
    metrics.F1(3),
    metrics.MeanSquaredError(),
    metrics.MeanAbsoluteError(),
    metrics.R2Score(),
]


@pytest.mark.parametrize("metric", KINDS, ids=lambda metric: metric.name)
def test_a_metric_without_items_says_so_and_a_reset_forgets(metric: metrics.Metric) -> None:
    with pytest.raises(RuntimeError, match="no items"):
        metric.compute()
    numbers = np.array([0, 1, 2])
    metric.update(numbers, numbers)
    best = metric.compute()
    metric.reset()
    with pytest.raises(RuntimeError, match="no items"):
        metric.compute()
    metric.update(numbers[::-1], numbers)
    metric.reset()
    metric.update(numbers, numbers)
    assert metric.compute() == best == (0.0 if metric.name in {"mse", "mae"} else 1.0)
    assert isinstance(best, float)


def test_names() -> None:
    assert [metric.name for metric in KINDS] == ["accuracy", "precision", "recall", "f1", "mse", "mae", "r2"]
    assert metrics.Accuracy(5).name == "top5_accuracy"
    assert metrics.Accuracy(name="held out").name == "held out"
    assert "held out" in repr(metrics.Accuracy(name="held out"))


@given(st.integers(2, 40), st.integers(1, 3), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e6]))
@settings(deadline=None)
def test_errors_of_numbers_are_their_definitions(count: int, outputs: int, seed: int, offset: float) -> None:
    rng = np.random.default_rng(seed)
    true = offset + rng.normal(size=(count, outputs))
    given_predictions = true + 0.1 * rng.normal(size=true.shape)
    residual = np.sum((true - given_predictions) ** 2, axis=0)
    spread = np.sum((true - true.mean(axis=0)) ** 2, axis=0)
    expected = {
        "mse": np.mean((true - given_predictions) ** 2),
        "mae": np.mean(np.abs(true - given_predictions)),
        "r2": np.mean(1 - residual / spread),
    }
    for metric in (metrics.MeanSquaredError(), metrics.MeanAbsoluteError(), metrics.R2Score()):
        for part in np.array_split(np.arange(count), 3):
            metric.update(given_predictions[part], true[part])
        assert metric.compute() == pytest.approx(expected[metric.name], rel=1e-6 if offset else 1e-10)


def test_r2_of_targets_that_are_all_equal() -> None:
    metric = metrics.R2Score()
    metric.update(np.array([3.0, 3.0]), np.array([3.0, 3.0]))
    assert metric.compute() == 1.0
    metric.update(np.array([4.0]), np.array([3.0]))
    assert metric.compute() == 0.0


def test_errors_of_numbers_do_not_broadcast() -> None:
    for metric in (metrics.MeanSquaredError(), metrics.R2Score()):
        with pytest.raises(ValueError, match=r"\(3, 1\).*\(3,\).*neither is broadcast"):
            metric.update(np.zeros((3, 1)), np.zeros(3))
    metric = metrics.R2Score()
    metric.update(np.zeros((3, 1)), np.zeros((3, 1)))
    with pytest.raises(ValueError, match="2 outputs"):
        metric.update(np.zeros((3, 2)), np.zeros((3, 2)))


def test_float32_sums_do_not_stall() -> None:
    metric = metrics.MeanSquaredError()
    ones = np.ones(100, np.float32)
    metric.update(np.full(1, 1e5, np.float32), np.zeros(1, np.float32))
    for _ in range(10):
        metric.update(ones, 0 * ones)
    assert metric.total == 1e10 + 1000
