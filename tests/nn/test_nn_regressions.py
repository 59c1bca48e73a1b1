"""Defects that were found in layers, losses, optimizers and schedules, each as the smallest program that showed it."""

from __future__ import annotations

import re

import numpy as np
import pytest

import autograd_np as ag
import nn
import nn.functional as F  # noqa: N812 - PyTorch's name


def zeros(*shape):
    return np.zeros(shape, np.float32)


# ---------------------------------------------------------------- values


@pytest.mark.parametrize("function", [lambda x: F.threshold(x, 0.1, 20.0), nn.Threshold(0.1, 20.0)])
def test_threshold_lets_nan_through(function):
    x = ag.Tensor(np.array([np.nan, 0.1, 0.2], np.float32), requires_grad=True)
    y = function(x)
    np.testing.assert_array_equal(y.numpy(), np.array([np.nan, 20.0, 0.2], np.float32))
    y.sum().backward()
    assert y.dtype == np.float32
    np.testing.assert_array_equal(x.grad, np.array([1.0, 0.0, 1.0], np.float32))


@pytest.mark.parametrize(
    ("one", "two", "dim"), [((1, 1), (1, 3), 1), ((4, 3), (1, 3), 0), ((2, 3), (3,), 1), ((2, 1, 3), (4, 3), 0)]
)
def test_cosine_similarity_of_shapes_that_broadcast(one, two, dim):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=one), rng.normal(size=two)
    wide, other = np.broadcast_arrays(a, b)
    expected = (wide * other).sum(dim) / (np.linalg.norm(wide, axis=dim) * np.linalg.norm(other, axis=dim))
    found = F.cosine_similarity(a, b, dim)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
    assert np.all(np.abs(found.numpy()) < 1 + 1e-12)
    assert ag.gradcheck(lambda x, y: F.cosine_similarity(x, y, dim), (a, b), order=2)


# ---------------------------------------------------------------- pad


@pytest.mark.parametrize(
    ("pad", "mode", "kind", "words"),
    [
        ((1.5, 1), "constant", TypeError, "integers"),
        (1, "constant", TypeError, "sequence"),
        ((-3, 0), "constant", ValueError, "takes away"),
        ((-1, -2), "constant", ValueError, "takes away"),
        ((2, 0), "reflect", ValueError, "at most 1"),
        ((0, 3), "circular", ValueError, "at most 2"),
    ],
)
def test_pad_refuses_what_it_cannot_do(pad, mode, kind, words):
    with pytest.raises(kind, match=rf"pad: .*{words}"):
        F.pad(zeros(2, 2), pad, mode)


def test_pad_up_to_the_bounds():
    x = np.array([[1.0, 2.0]])
    assert F.pad(x, (1, 1), "reflect").tolist() == [[2.0, 1.0, 2.0, 1.0]]
    assert F.pad(x, (2, 2), "circular").tolist() == [[1.0, 2.0, 1.0, 2.0, 1.0, 2.0]]
    assert F.pad(x, (3, 0), "replicate").tolist() == [[1.0, 1.0, 1.0, 1.0, 2.0]]
    assert F.pad(x, (-1, -1)).shape == (1, 0)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: nn.Linear(3.0, 2), TypeError, "Linear: in_features = 3.0 is a float; it must be an integer"),
        (lambda: nn.Linear(3, "2"), TypeError, "Linear: out_features = '2' is a str"),
        (lambda: nn.Bilinear(2, 3.0, 4), TypeError, "Bilinear: in2_features = 3.0"),
        (lambda: nn.Embedding(5.0, 3), TypeError, "Embedding: num_embeddings = 5.0"),
        (lambda: nn.Embedding(5, 3, 1.0), TypeError, "Embedding: padding_idx = 1.0"),
        (lambda: nn.MultiheadAttention(4.0, 2), TypeError, "MultiheadAttention: embed_dim = 4.0"),
        (lambda: nn.Dropout("a"), TypeError, "Dropout: p = 'a' is a str"),
        (lambda: nn.BatchNorm1d(-1), ValueError, "BatchNorm1d: num_features = -1"),
        (lambda: nn.BatchNorm2d(3, momentum="a"), TypeError, "BatchNorm2d: momentum = 'a'"),
        (lambda: nn.BatchNorm1d(3, momentum=2), ValueError, "BatchNorm1d: momentum = 2 is not in [0, 1]"),
        (lambda: nn.BatchNorm1d(3, eps=-1), ValueError, "BatchNorm1d: eps = -1 is not at least 0"),
        (lambda: nn.GroupNorm(2, 4, eps=float("nan")), ValueError, "GroupNorm: eps = nan"),
        (lambda: nn.LayerNorm(3.0), TypeError, "LayerNorm: a length of normalized_shape = 3.0"),
        (lambda: nn.LayerNorm(()), ValueError, "LayerNorm: normalized_shape is empty"),
        (lambda: nn.Unflatten(1, 5), TypeError, "Unflatten: unflattened_size is a tuple"),
        (lambda: nn.Softmax(1.5), TypeError, "Softmax: dim is the number of an axis, not 1.5"),
        (
            lambda: nn.ModuleDict({1: nn.ReLU()}),
            ValueError,
            "ModuleDict: the name of a module is a string without dots, not 1",
        ),
        (lambda: nn.utils.clip_grad_norm_(nn.Linear(2, 2), 1.0), TypeError, "model.parameters()"),
        (lambda: nn.SGD([nn.Parameter([1.0])], lr="a"), TypeError, "SGD: lr is a number; got 'a', a str"),
        (lambda: nn.SGD([nn.Parameter([1.0])], lr=None), TypeError, "SGD: lr is a number; got None"),
        (lambda: nn.Adam([nn.Parameter([1.0])], lr=ag.Tensor(0.1)), TypeError, "Adam: lr is a number"),
    ],
)
def test_wrong_options_are_named(make, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        make()


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (
            lambda: nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 2))(zeros(2, 3)),
            ValueError,
            ["Linear(in_features=5", "(2, 4)", "(5, 2)"],
        ),
        (lambda: nn.LayerNorm(3)(zeros(2, 4)), ValueError, ["LayerNorm((3,)", "(2, 4)"]),
        (lambda: nn.RMSNorm(3)(zeros(2, 4)), ValueError, ["RMSNorm((3,)", "(2, 4)"]),
        (lambda: nn.Embedding(5, 3)([5]), IndexError, ["Embedding(5, 3)", "index 5"]),
        (lambda: nn.Embedding(5, 3)(zeros(2)), TypeError, ["Embedding(5, 3)", "integers"]),
        (
            lambda: nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular")(zeros(4)),
            ValueError,
            ["Conv2d(3, 4", "(N, C, H, W)", "(4,)"],
        ),
        (lambda: F.cosine_similarity(zeros(2, 3), zeros(2, 4)), ValueError, ["cosine_similarity", "(2, 3)", "(2, 4)"]),
        (lambda: F.cosine_similarity(zeros(3), zeros(3)), ValueError, ["cosine_similarity", "dim=1", "dim=-1"]),
        (lambda: F.normalize(zeros(3)), ValueError, ["normalize", "dim=1", "(3,)"]),
        (lambda: nn.BCELoss(weight=np.ones(3))(zeros(2), zeros(2)), ValueError, ["the weight has shape (3,)", "(2,)"]),
    ],
)
def test_errors_name_the_layer_and_the_shapes(call, kind, words):
    with pytest.raises(kind) as error:
        call()
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("huber_loss", lambda: ag.huber_loss(zeros(2), zeros(2), delta=0)),
        ("mse_loss", lambda: ag.mse_loss(zeros(2), zeros(3))),
        ("binary_cross_entropy", lambda: ag.binary_cross_entropy(zeros(2), zeros(2), weight=zeros(4, 2))),
        (
            "scaled_dot_product_attention",
            lambda: ag.scaled_dot_product_attention(zeros(2, 3, 4), zeros(2, 3, 5), zeros(2, 3, 4)),
        ),
    ],
)
def test_errors_name_the_operation_once(name, call):
    with pytest.raises(ValueError, match=name) as error:
        call()
    assert str(error.value).count(f"{name}:") == 1


# ---------------------------------------------------------------- optimizers and schedules


def optimizer(lr=0.1):
    return nn.SGD([nn.Parameter([1.0])], lr=lr)


@pytest.mark.parametrize("start", [1.0, 0.5, 1 / 3])
def test_a_linear_fall_to_zero_ends_at_zero_and_resumes(start):
    for steps in range(1, 60):
        given = optimizer()
        schedule = nn.schedules.LinearLR(given, start, 0.0, total_iters=steps)
        for _ in range(steps + 1):
            schedule.step()
        assert 0.0 <= given.param_groups[0]["lr"] < 1e-15
        optimizer().load_state_dict(given.state_dict())


def test_a_rate_that_was_rounded_below_zero_loads():
    given = optimizer()
    given.param_groups[0]["lr"] = -1.7e-18
    other = optimizer()
    other.load_state_dict(given.state_dict())
    assert other.param_groups[0]["lr"] == -1.7e-18
    given.param_groups[0]["lr"] = -0.1
    with pytest.raises(ValueError, match="lr is at least 0"):
        other.load_state_dict(given.state_dict())


@pytest.mark.filterwarnings("ignore:.*no parameter has a gradient")
def test_a_multiplicative_rate_goes_on_from_the_rate_it_finds():
    given = optimizer(1.0)
    parts = [nn.schedules.StepLR(given, 1, 0.5), nn.schedules.MultiplicativeLR(given, lambda epoch: 0.9)]
    schedule = nn.schedules.SequentialLR(given, parts, [2])
    rates = []
    for _ in range(4):
        rates += schedule.get_last_lr()
        given.step()
        schedule.step()
    np.testing.assert_allclose(rates, [1.0, 0.5, 0.45, 0.405], rtol=1e-12)


def test_numpys_integers_count_the_steps_of_a_schedule():
    schedule = nn.schedules.StepLR(optimizer(), np.int64(3))
    assert type(schedule.step_size) is int


def test_a_frozen_parameter_stays_until_it_is_thawed():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    model[0].requires_grad_(False)
    first = model[0].weight.numpy().copy()
    for optimizer in (
        nn.Adam(model.parameters(), weight_decay=0.1),
        nn.SGD(model.parameters(), 0.1, momentum=0.9),
        nn.LBFGS(model.parameters()),
    ):

        def closure(optimizer=optimizer):
            optimizer.zero_grad()
            loss = (model(np.ones((4, 2), np.float32)) ** 2).sum()
            loss.backward()
            return loss

        second = model[1].weight.numpy().copy()
        optimizer.step(closure)
        np.testing.assert_array_equal(model[0].weight.numpy(), first)
        assert np.any(model[1].weight.numpy() != second)
    optimizer = nn.SGD(model.parameters(), 0.1)
    model[0].requires_grad_()
    (model(np.ones((4, 2), np.float32)) - 3.0).sum().backward()
    optimizer.step()
    assert np.any(model[0].weight.numpy() != first)


@pytest.mark.parametrize("lr", [np.float32(0.1), np.array(0.1, np.float32)])
def test_options_are_pythons_numbers(lr):
    given = nn.Adam([nn.Parameter([1.0])], lr=lr, betas=(np.float32(0.5), np.float32(0.75)))
    group = given.param_groups[0]
    assert type(group["lr"]) is float
    assert {type(b) for b in group["betas"]} == {float}
    assert type(given.defaults["lr"]) is float


@pytest.mark.parametrize("labels", [["a", "b", "a"], np.array(["a", "b", "a"]), np.array([0.0, 1.0, 0.0])])
def test_labels_that_are_no_class_numbers_are_refused_in_words(labels):
    with pytest.raises(TypeError, match="softmax_cross_entropy"):
        nn.CrossEntropyLoss()(np.zeros((3, 2), np.float32), labels)


def test_a_parameter_of_a_read_only_array_can_be_trained():
    values = np.ones(3, np.float32)
    values.flags.writeable = False
    p = nn.Parameter(values)
    (p * p).sum().backward()
    nn.SGD([p], 0.1).step()
    np.testing.assert_allclose(p.numpy(), 0.8, rtol=1e-6)
    np.testing.assert_array_equal(values, 1)
