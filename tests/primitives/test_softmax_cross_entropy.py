"""The fused losses: against their unfused definitions, at the extremes, in every option, and what they refuse."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

import autograd_np as ag
from autograd_np.primitives.fused import FEW

INF = math.inf
REDUCTIONS = ["mean", "sum", "none"]


def loss_and_gradient(logits, targets, cotangent=None, **options):
    t = ag.Tensor(logits, requires_grad=True)
    y = ag.softmax_cross_entropy(t, targets, **options)
    y.backward(np.ones_like(y.numpy()) if cotangent is None else cotangent)
    return y.numpy(), t.grad


def unfused(logits, targets, reduction="mean", label_smoothing=0.0, ignore_index=None, weight=None):
    """What PyTorch documents, in primitives, for logits of two axes."""
    rows, classes = logits.shape
    w = np.ones(classes) if weight is None else weight
    valid = np.ones(rows, bool)
    if np.ndim(targets) == 1:
        valid = targets != ignore_index if ignore_index is not None else valid
        y = np.where(valid, targets, 0)
        targets = np.eye(classes)[y]
        divisor = w[y][valid].sum()
    else:
        divisor = rows
    q = (1 - label_smoothing) * targets + label_smoothing / classes
    losses = -np.sum(q * w * ag.log_softmax(logits), axis=1) * valid
    return losses if reduction == "none" else np.sum(losses) / (divisor if reduction == "mean" else 1)


# reduction, smoothing, ignored class, weights, probabilities (of which none are ignored)
CASES = [
    c
    for c in itertools.product(REDUCTIONS, [0.0, 0.25], [None, 1], [False, True], [False, True])
    if c[2] is None or not c[4]
]


@pytest.mark.parametrize(("reduction", "smoothing", "ignored", "weighted", "shares"), CASES)
@pytest.mark.parametrize("classes", [3, FEW + 1])
def test_equals_its_unfused_definition(reduction, smoothing, ignored, weighted, shares, classes) -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(4, classes))
    targets = rng.dirichlet(np.ones(classes), 4) if shares else np.array([0, 1, 2, 1])
    options = {
        "reduction": reduction,
        "label_smoothing": smoothing,
        "weight": rng.uniform(0.5, 2, classes) if weighted else None,
    }
    if not shares:
        options["ignore_index"] = ignored
    results = []
    for f in (ag.softmax_cross_entropy, unfused):
        t = ag.Tensor(x, requires_grad=True)
        s = ag.Tensor(targets, requires_grad=True) if shares else targets
        loss = f(t, s, **options)
        g = np.random.default_rng(1).normal(size=loss.shape)
        loss.backward(g)
        results.append((loss.numpy(), t.grad, s.grad if shares else np.zeros(1)))
    for fused, plain in zip(*results, strict=True):
        np.testing.assert_allclose(fused, plain, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_axis_is_a_matter_of_transposition(axis, reduction) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(4, 3, 5))
    y = rng.integers(0, 4, (3, 5))
    shares = rng.dirichlet(np.ones(4), (3, 5))
    expected, slope = loss_and_gradient(np.moveaxis(x, 0, -1).reshape(15, 4), y.reshape(15), reduction=reduction)
    expected_shares, slope_shares = loss_and_gradient(
        np.moveaxis(x, 0, -1).reshape(15, 4), shares.reshape(15, 4), reduction=reduction
    )
    moved = np.moveaxis(x, 0, axis)
    for loss, g, e, s in (
        (*loss_and_gradient(moved, y, axis=axis, reduction=reduction), expected, slope),
        (
            *loss_and_gradient(moved, np.moveaxis(shares, -1, axis), axis=axis, reduction=reduction),
            expected_shares,
            slope_shares,
        ),
    ):
        np.testing.assert_allclose(loss, e.reshape((3, 5) if reduction == "none" else ()), rtol=1e-14)
        np.testing.assert_allclose(np.moveaxis(g, axis, -1), s.reshape(3, 5, 4), rtol=1e-14)


@given(arrays(np.float64, (5, 4), elements=st.floats(-1e4, 1e4)), arrays(np.int64, 5, elements=st.integers(0, 3)))
def test_gradient_is_softmax_minus_target(x, y) -> None:
    loss, g = loss_and_gradient(x, y, reduction="sum")
    np.testing.assert_allclose(g, ag.softmax(x).numpy() - np.eye(4)[y], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(g.sum(axis=1), 0, atol=1e-14)
    assert loss >= 0
    assert np.isfinite(loss)
    np.testing.assert_allclose(loss, -ag.log_softmax(x).numpy()[np.arange(5), y].sum(), rtol=1e-13)


@given(arrays(np.float64, (3, 4), elements=st.floats(-30, 30)), arrays(np.int64, 3, elements=st.integers(0, 3)))
def test_class_numbers_and_one_hot_are_the_same(x, y) -> None:
    hot = ag.one_hot(y, 4)
    for reduction in REDUCTIONS:
        a = loss_and_gradient(x, y, reduction=reduction, label_smoothing=0.1)
        b = loss_and_gradient(x, hot, reduction=reduction, label_smoothing=0.1)
        np.testing.assert_allclose(a[0], b[0], rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(a[1], b[1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint32, np.int64, np.uint64])
def test_class_numbers_of_every_integer_dtype(dtype) -> None:
    # 300 rows: a flat index computed in int8 or uint8 would overflow.
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 3)), rng.integers(0, 3, 300)
    for expected, given_ in zip(loss_and_gradient(x, y), loss_and_gradient(x, y.astype(dtype)), strict=True):
        np.testing.assert_array_equal(expected, given_)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_dtype_is_that_of_the_logits(dtype) -> None:
    x = np.array([[1, 2, 3], [3, 1, 1]], dtype)
    for targets in (np.array([0, 1]), np.full((2, 3), 1 / 3)):
        for options in ({}, {"label_smoothing": 0.1, "weight": [1.0, 2.0, 3.0]}, {"reduction": "none"}):
            loss, g = loss_and_gradient(x, targets, **options)
            assert loss.dtype == g.dtype == dtype


# ---------------------------------------------------------------- higher orders


@pytest.mark.parametrize("classes", [3, FEW + 1])
def test_hessian_is_that_of_logsumexp(classes) -> None:
    x = np.random.default_rng(0).normal(size=(2, classes))
    h = ag.hessian(lambda x: ag.softmax_cross_entropy(x, np.array([1, 0])))(x)
    p = ag.softmax(x).numpy()
    expected = np.zeros((2, classes, 2, classes))
    for i in range(2):
        expected[i, :, i, :] = (np.diag(p[i]) - np.outer(p[i], p[i])) / 2
    np.testing.assert_allclose(h, expected, rtol=1e-13, atol=1e-17)


@pytest.mark.parametrize(
    "options",
    [{}, {"label_smoothing": 0.2, "weight": np.array([1.0, 0.5, 2.0])}, {"ignore_index": 2}],
)
def test_third_order(options) -> None:
    x = np.random.default_rng(0).normal(size=(3, 3))
    v = np.random.default_rng(1).normal(size=(3, 3))
    y = np.array([0, 2, 1])

    def hvp(x):
        return ag.hvp(lambda x: ag.softmax_cross_entropy(x, y, **options), x, v)

    third = ag.grad(lambda x: (hvp(x) * v).sum())(x)
    along = (hvp(x + 1e-5 * v) - hvp(x - 1e-5 * v)) / 2e-5
    np.testing.assert_allclose((third * v).sum(), (along * v).sum(), rtol=1e-8)


def test_mixed_derivative_of_logits_and_probabilities() -> None:
    rng = np.random.default_rng(0)
    x, q = rng.normal(size=(2, 3)), rng.dirichlet(np.ones(3), 2)

    def slope(x, q):
        return ag.grad(lambda x: ag.softmax_cross_entropy(x, q, reduction="sum"))(x)

    # d/dx = p Σq - q, so its derivative by q_c is p - e_c.
    mixed = ag.jacobian(slope, 1)(x, q)
    expected = np.zeros((2, 3, 2, 3))
    for i in range(2):
        expected[i, :, i, :] = ag.softmax(x).numpy()[i][:, None] - np.eye(3)
    np.testing.assert_allclose(mixed, expected, rtol=1e-13, atol=1e-15)


def test_of_the_loss_itself_inside_a_larger_graph() -> None:
    # The hidden outputs' cotangents and the loss's own arrive together.
    x = np.random.default_rng(0).normal(size=(2, 3))
    y = np.array([1, 2])

    def f(x):
        loss = ag.softmax_cross_entropy(x, y)
        (g,) = ag.gradients(loss, [x], create_graph=True)
        return loss**2 + (g * g).sum()

    t = ag.Tensor(x, requires_grad=True)
    f(t).backward()
    measured = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        e = np.zeros_like(x)
        e[i] = 1e-6
        up, down = (f(ag.Tensor(x + s * e, requires_grad=True)).item() for s in (1, -1))
        measured[i] = (up - down) / 2e-6
    np.testing.assert_allclose(t.grad, measured, rtol=1e-7, atol=1e-9)


# ---------------------------------------------------------------- extremes


def test_extreme_logits() -> None:
    loss, g = loss_and_gradient(np.array([[1e4, -1e4], [-1e4, 1e4]]), np.array([0, 0]), reduction="none")
    assert loss.tolist() == [0, 2e4]
    assert g.tolist() == [[0, 0], [-1, 1]]


def test_excluded_classes() -> None:
    loss, g = loss_and_gradient(np.array([[0.0, -INF, 0.0]]), np.array([2]))
    assert loss == pytest.approx(math.log(2))
    assert g.tolist() == [[0.5, 0, -0.5]]
    loss, g = loss_and_gradient(np.array([[0.0, -INF, 0.0]]), np.array([[0.5, 0, 0.5]]))
    assert loss == pytest.approx(math.log(2))
    assert g.tolist() == [[0, 0, 0]]
    loss, g = loss_and_gradient(
        np.array([[0.0, -INF, 0.0]]), np.array([2]), weight=[1.0, 0.0, 1.0], label_smoothing=0.3
    )
    assert np.isfinite(loss)
    assert np.isfinite(g).all()


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("options", [{}, {"weight": [1.0, 2.0, 3.0]}, {"label_smoothing": 0.1}])
def test_ignored_rows(reduction, options) -> None:
    x = np.array([[0.1, 0.2, 0.3], [-INF, -INF, -INF], [INF, np.nan, 1.0], [1.0, 0.0, 2.0]])
    loss, g = loss_and_gradient(x, np.array([1, -100, -100, 2]), ignore_index=-100, reduction=reduction, **options)
    kept, slope = loss_and_gradient(x[[0, 3]], np.array([1, 2]), reduction=reduction, **options)
    np.testing.assert_allclose(loss[[0, 3]] if reduction == "none" else loss, kept, rtol=1e-14)
    np.testing.assert_allclose(g[[0, 3]], slope, rtol=1e-14)
    assert g[[1, 2]].tolist() == [[0] * 3] * 2
    loss, g = loss_and_gradient(x, np.full(4, -100), ignore_index=-100, reduction=reduction, **options)
    assert not loss.any()
    assert not g.any()


def test_nothing_to_average() -> None:
    for targets in (np.zeros(0, int), np.zeros((0, 3))):
        loss, g = loss_and_gradient(np.zeros((0, 3)), targets)
        assert loss == 0
        assert g.shape == (0, 3)
    loss, g = loss_and_gradient(np.ones((2, 3)), np.array([0, 0]), weight=[0.0, 1.0, 1.0])
    assert loss == 0
    assert not g.any()


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("label", [3, -1, 2**40, -(2**62)])
@pytest.mark.parametrize("classes", [3, FEW + 1])
def test_a_wrong_class_number_is_named(label, classes) -> None:
    if label == 3 and classes > 3:
        label = classes
    y = np.array([0, 2, label, label])
    with pytest.raises(
        IndexError,
        match=rf"softmax_cross_entropy: target {label} of row 2 is not a class number: there are {classes} classes",
    ):
        ag.softmax_cross_entropy(np.zeros((4, classes)), y)
    with pytest.raises(IndexError, match=f"target {label} of row 2"):
        ag.softmax_cross_entropy(np.zeros((4, classes)), y, ignore_index=0)


@pytest.mark.parametrize(
    ("targets", "options", "error", "message"),
    [
        ([0.0, 1.0], {}, TypeError, "class numbers must be integers, not float64"),
        ([0, 1, 2], {}, ValueError, r"targets have shape \(3,\); logits of shape \(2, 3\)"),
        ([0, 1], {"reduction": "max"}, ValueError, "'max'"),
        ([0, 1], {"label_smoothing": 1.5}, ValueError, "label_smoothing = 1.5"),
        ([0, 1], {"axis": 2}, ValueError, "axis 2"),
        ([0, 1], {"weight": [1.0]}, ValueError, r"weight has shape \(1,\)"),
        (np.full((2, 3), 1 / 3), {"ignore_index": 0}, ValueError, "ignore_index"),
    ],
)
def test_refusals(targets, options, error, message) -> None:
    with pytest.raises(error, match=f"softmax_cross_entropy.*{message}"):
        ag.softmax_cross_entropy(np.zeros((2, 3)), targets, **options)


def test_more_refusals() -> None:
    with pytest.raises(TypeError, match="logits has dtype complex128"):
        ag.softmax_cross_entropy(np.zeros((2, 3)) + 1j, [0, 1])
    with pytest.raises(TypeError, match="axis of classes"):
        ag.softmax_cross_entropy(1.0, 0)
    with pytest.raises(ValueError, match="no classes"):
        ag.softmax_cross_entropy(np.zeros((2, 0)), [0, 1])
    with pytest.raises(TypeError, match="no gradient with respect to weight"):
        ag.softmax_cross_entropy(np.zeros((2, 3)), [0, 1], weight=ag.Tensor(np.ones(3), requires_grad=True))


def test_nothing_is_recorded_for_constants() -> None:
    assert not ag.softmax_cross_entropy(np.zeros((2, 3)), [0, 1]).requires_grad


# ---------------------------------------------------------------- binary cross-entropy


@given(
    arrays(np.float64, (3, 2), elements=st.floats(-600, 600)),
    arrays(np.float64, (3, 2), elements=st.sampled_from([0.0, 1.0])),
)
def test_binary_gradient_has_no_cancellation(z, t) -> None:
    x = ag.Tensor(z, requires_grad=True)
    ag.binary_cross_entropy_with_logits(x, t, reduction="sum").backward()
    sign = 1 - 2 * t
    np.testing.assert_allclose(x.grad, sign * ag.sigmoid(sign * z).numpy(), rtol=1e-14, atol=0)


@given(arrays(np.float64, (3, 2), elements=st.floats(-20, 20)), arrays(np.float64, (3, 2), elements=st.floats(0, 1)))
def test_binary_is_the_cross_entropy_of_two_classes(z, t) -> None:
    pairs = np.stack([np.zeros_like(z), z], axis=-1)
    shares = np.stack([1 - t, t], axis=-1)
    for reduction in REDUCTIONS:
        a = ag.binary_cross_entropy_with_logits(z, t, reduction=reduction).numpy()
        np.testing.assert_allclose(
            a, ag.softmax_cross_entropy(pairs, shares, reduction=reduction).numpy(), rtol=1e-13, atol=1e-13
        )


def test_binary_options() -> None:
    z, t = np.array([0.0, 2.0]), np.array([1.0, 0.0])
    plain = ag.binary_cross_entropy_with_logits(z, t, reduction="none").numpy()
    weighted = ag.binary_cross_entropy_with_logits(z, t, reduction="none", weight=[2.0, 3.0], pos_weight=5.0).numpy()
    np.testing.assert_allclose(weighted, plain * [10, 3])
    assert ag.binary_cross_entropy_with_logits(np.array([1e4, -1e4]), [1, 0]).item() == 0
    assert ag.binary_cross_entropy_with_logits(np.zeros(0), np.zeros(0)).item() == 0
    assert ag.binary_cross_entropy_with_logits(z.astype(np.float32), t).dtype == np.float32
    with pytest.raises(ValueError, match=r"binary_cross_entropy_with_logits: targets have shape \(1,\)"):
        ag.binary_cross_entropy_with_logits(z, [1])
    with pytest.raises(ValueError, match="broadcast to the logits"):
        ag.binary_cross_entropy_with_logits(z, t, weight=np.ones((3, 1)))
    with pytest.raises(ValueError, match="reduction"):
        ag.binary_cross_entropy_with_logits(z, t, "avg")


# ---------------------------------------------------------------- labels


def test_one_hot() -> None:
    assert ag.one_hot([1, 0]).tolist() == [[0, 1], [1, 0]]
    assert ag.one_hot(np.array([[1]], np.uint8), 3, np.float32).dtype == np.float32
    assert ag.one_hot(np.zeros(0, int)).shape == (0, 0)
    assert not ag.one_hot(ag.Tensor([0, 1])).requires_grad
    with pytest.raises(IndexError, match="target 3 of row 1"):
        ag.one_hot([0, 3], 3)
    with pytest.raises(IndexError, match="target -1 of row 0"):
        ag.one_hot([-1, 2])
    with pytest.raises(TypeError, match="integers"):
        ag.one_hot([0.5])
