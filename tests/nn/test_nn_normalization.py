"""Normalising, linear, embedding and shape layers: against PyTorch, gradcheck, modes, statistics, errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import autograd_np as ag
import nn

FILE = np.load(Path(__file__).parents[1] / "references" / "normalization.npz")
CASES = json.loads(str(FILE["cases"]))


def _made():
    made, at = {}, 0
    for key, shape, dtype in json.loads(str(FILE["index"])):
        size = int(np.prod(shape))
        made[key] = FILE_VALUES[at : at + size].reshape(shape).astype(dtype)
        at += size
    return made


FILE_VALUES = FILE["values"]
MADE = _made()


def built(case):
    """The layer of a case with PyTorch's parameters."""
    name, args, options = CASES[case]
    args = [tuple(a) if isinstance(a, list) else a for a in args]
    layer = getattr(nn, name)(*args, **options, dtype=np.float64)
    for key, p in layer.named_parameters():
        p.writable()[...] = ours(layer, key, MADE[f"{case}/parameter/{key}"])
    assert {key for key, _ in layer.named_parameters()} == {
        k.split("/")[-1] for k in MADE if k.startswith(f"{case}/parameter/")
    }
    return layer


def ours(layer, key, array):
    return array.transpose(layer.torch_layout[key]) if key in layer.torch_layout else array


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_as_pytorch(case, channels_last) -> None:
    layer = built(case)
    for step in range(4):
        layer.train(step < 3)
        given = [MADE[key] for key in sorted(k for k in MADE if k.startswith(f"{case}/{step}/input/"))]
        if channels_last:
            given = [np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1) if x.ndim > 2 else x for x in given]
        xs = [ag.Tensor(x, requires_grad=x.dtype.kind == "f") for x in given]
        layer.zero_grad()
        out = layer(*xs)
        np.testing.assert_allclose(out.numpy(), MADE[f"{case}/{step}/out"], rtol=1e-11, atol=1e-12)
        out.backward(MADE[f"{case}/{step}/cotangent"])
        for i, x in enumerate(xs):
            if x.requires_grad:
                np.testing.assert_allclose(x.grad, MADE[f"{case}/{step}/input_gradient/{i}"], rtol=1e-9, atol=1e-11)
        for key, p in layer.named_parameters():
            np.testing.assert_allclose(
                p.grad, ours(layer, key, MADE[f"{case}/{step}/gradient/{key}"]), rtol=1e-9, atol=1e-11
            )
        buffers = dict(layer.named_buffers())
        assert set(buffers) == {k.split("/")[-1] for k in MADE if k.startswith(f"{case}/{step}/buffer/")}
        for key, b in buffers.items():
            np.testing.assert_allclose(b, MADE[f"{case}/{step}/buffer/{key}"], rtol=1e-12)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("case", [c for c in CASES if not c.startswith("embedding")])
def test_gradcheck_of_inputs_and_parameters(case, mode) -> None:
    layer = built(case)
    layer.train(mode == "train")
    if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)) and layer.running_mean is not None:
        layer.running_mean[...] = 0.3
        layer.running_var[...] = 1.7
    xs = [MADE[key] for key in sorted(k for k in MADE if k.startswith(f"{case}/0/input/"))]
    names = [name for name, _ in layer.named_parameters()]
    values = [p.numpy().copy() for p in layer.parameters()]

    def f(*args):
        for name, value in zip(names, args[len(xs) :], strict=True):
            layer.__dict__[name] = value
        return layer(*args[: len(xs)])

    assert ag.gradcheck(f, (*xs, *values), order=2)


# ---------------------------------------------------------------- dtypes, modes, seeds


LAYERS = [
    (lambda: nn.Linear(4, 3, rng=0), (5, 4)),
    (lambda: nn.Bilinear(4, 4, 3, rng=0), (5, 4)),
    (lambda: nn.BatchNorm1d(4), (5, 4)),
    (lambda: nn.BatchNorm2d(4), (2, 4, 3, 3)),
    (lambda: nn.LayerNorm(4), (5, 4)),
    (lambda: nn.RMSNorm(4), (5, 4)),
    (lambda: nn.GroupNorm(2, 4), (5, 4, 3)),
    (lambda: nn.InstanceNorm2d(4, affine=True), (2, 4, 3, 3)),
    (lambda: nn.Dropout(0.5, rng=0), (5, 4)),
    (lambda: nn.Dropout2d(0.5, rng=0), (2, 4, 3, 3)),
]


@pytest.mark.parametrize(("make", "shape"), LAYERS)
@pytest.mark.parametrize("train", [True, False])
def test_float32_end_to_end(make, shape, train) -> None:
    layer = make().train(train)
    x = ag.Tensor(np.random.default_rng(0).normal(size=shape).astype(np.float32), requires_grad=True)
    out = layer(x, x) if isinstance(layer, nn.Bilinear) else layer(x)
    out.sum().backward()
    assert out.dtype == x.grad.dtype == np.float32
    for p in layer.parameters():
        assert p.dtype == p.grad.dtype == np.float32
    for b in layer.buffers():
        assert b.dtype in (np.float32, np.int64)


def test_running_statistics_are_written_in_place() -> None:
    layer = nn.BatchNorm1d(2)
    mean, var, count = layer.running_mean, layer.running_var, layer.num_batches_tracked
    layer(np.array([[1.0, 2.0], [3.0, 6.0]], np.float32))
    assert layer.running_mean is mean
    assert layer.running_var is var
    assert layer.num_batches_tracked is count
    np.testing.assert_allclose(mean, [0.2, 0.4], rtol=1e-6)
    np.testing.assert_allclose(var, [1.1, 1.7], rtol=1e-6)
    assert count == 1
    layer.reset_running_stats()
    assert (mean == 0).all()
    assert (var == 1).all()
    assert count == 0


def test_evaluation_leaves_the_statistics_and_counts_no_neighbours() -> None:
    layer = nn.BatchNorm1d(2).eval()
    alone = layer(np.ones((1, 2), np.float32)).numpy()
    np.testing.assert_allclose(alone, layer(np.ones((7, 2), np.float32)).numpy()[:1])
    assert (layer.running_mean == 0).all()
    assert layer.num_batches_tracked == 0


def test_default_initialisation() -> None:
    layer = nn.Linear(100, 50, rng=0)
    bound = 1 / np.sqrt(100)
    for p in layer.parameters():
        values = p.numpy()
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > 0.9 * bound
        assert values.std() == pytest.approx(bound / np.sqrt(3), rel=0.25)
    table = nn.Embedding(100, 50, padding_idx=-1, rng=0)
    assert table.padding_idx == 99
    assert (table.weight.numpy()[99] == 0).all()
    assert table.weight.numpy()[:99].std() == pytest.approx(1, rel=0.05)
    np.testing.assert_array_equal(nn.Linear(3, 2, rng=5).weight.numpy(), nn.Linear(3, 2, rng=5).weight.numpy())
    nn.manual_seed(3)
    first = nn.Linear(3, 2).weight.numpy()
    nn.manual_seed(3)
    np.testing.assert_array_equal(first, nn.Linear(3, 2).weight.numpy())
    assert (nn.Linear(3, 2, weight_init="he_normal", bias_init="zeros").bias.numpy() == 0).all()


def test_from_pretrained() -> None:
    values = np.arange(6.0).reshape(3, 2)
    layer = nn.Embedding.from_pretrained(values, padding_idx=0)
    values[...] = -1
    assert layer([2, 0]).tolist() == [[4.0, 5.0], [0.0, 1.0]]
    assert not layer.weight.requires_grad
    assert layer.weight.dtype == np.float64
    assert nn.Embedding.from_pretrained([[1.0, 2.0]], freeze=False).weight.requires_grad
    with pytest.raises(ValueError, match="two axes"):
        nn.Embedding.from_pretrained(np.ones(3))


# ---------------------------------------------------------------- dropout


def test_dropout_seeds_and_modes() -> None:
    x = np.ones((4, 50), np.float32)
    a, b = nn.Dropout(0.4, rng=1), nn.Dropout(0.4, rng=1)
    first, second = a(x).numpy(), a(x).numpy()
    np.testing.assert_array_equal(first, b(x).numpy())
    assert (first != second).any()
    np.testing.assert_array_equal(a.eval()(x).numpy(), x)
    nn.manual_seed(7)
    default = nn.Dropout(0.4)(x).numpy()
    nn.manual_seed(7)
    np.testing.assert_array_equal(default, nn.Dropout(0.4)(x).numpy())


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Dropout1d(0.5, rng=0), (8, 6, 3)),
        (nn.Dropout2d(0.5, rng=0), (8, 6, 3, 2)),
        (nn.Dropout2d(0.5, rng=0), (6, 3, 2)),
    ],
)
def test_whole_channels_drop(layer, shape) -> None:
    axes = tuple(range(-layer.axes, 0))
    out = layer(np.ones(shape)).numpy()
    assert (out.min(axes) == out.max(axes)).all()
    assert set(np.unique(out)) == {0.0, 2.0}


# ---------------------------------------------------------------- shapes and errors


def test_shapes() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    assert nn.Flatten()(x).shape == (2, 12)
    assert nn.Flatten(0)(x).shape == (24,)
    assert nn.Flatten(0, 1)(x).shape == (6, 4)
    assert nn.Flatten(0)(np.array(3.0)).shape == (1,)
    assert nn.Unflatten(1, (3, -1))(nn.Flatten()(x)).shape == (2, 3, 4)
    assert nn.Unflatten(-1, (2, 2))(x).shape == (2, 3, 2, 2)
    assert nn.Identity(54, unused=True)(x).tolist() == x.tolist()
    assert nn.InstanceNorm2d(2)(np.ones((2, 3, 4))).shape == (2, 3, 4)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nn.Linear(4, 2)(np.ones((5, 3), np.float32)), ValueError, "x has 3 features, weight takes 4"),
        (lambda: nn.Linear(-1, 2), ValueError, "in_features = -1"),
        (lambda: nn.Bilinear(0, 2, 1), ValueError, "in1_features"),
        (lambda: nn.Bilinear(3, 2, 1)(np.ones((5, 3)), np.ones((4, 2))), ValueError, "Bilinear"),
        (lambda: nn.BatchNorm1d(3)(np.ones((5, 4))), ValueError, r"BatchNorm1d\(3.*C = 3"),
        (lambda: nn.BatchNorm1d(3)(np.ones((5, 3, 2, 2))), ValueError, "BatchNorm1d"),
        (lambda: nn.BatchNorm2d(3)(np.ones((5, 3))), ValueError, r"\(N, C, H, W\)"),
        (lambda: nn.BatchNorm1d(3)(np.ones((1, 3))), ValueError, "more than one value per channel"),
        (lambda: nn.LayerNorm(3)(np.ones((2, 4))), ValueError, "must end in the normalised axes"),
        (lambda: nn.RMSNorm((3, 2))(np.ones((2, 4))), ValueError, "must end in the normalised axes"),
        (lambda: nn.GroupNorm(3, 4), ValueError, "cannot be divided into 3 groups"),
        (lambda: nn.GroupNorm(2, 4)(np.ones((2, 6))), ValueError, "C = 4"),
        (lambda: nn.InstanceNorm2d(4)(np.ones((2, 3, 2, 2))), ValueError, "C = 4"),
        (lambda: nn.InstanceNorm2d(3)(np.ones((2, 3, 1, 1))), ValueError, "one number per channel"),
        (lambda: nn.Dropout(1.5), ValueError, r"in \[0, 1\]"),
        (lambda: nn.Dropout(0.5, True), TypeError, "inplace"),
        (lambda: nn.Dropout2d()(np.ones((2, 3))), ValueError, "Dropout2d"),
        (lambda: nn.Embedding(3, 2, padding_idx=3), ValueError, "padding_idx 3"),
        (lambda: nn.Embedding(-3, 2), ValueError, "num_embeddings = -3"),
        (lambda: nn.Embedding(3, 2)([0, 3]), IndexError, r"index 3 at \(1,\) is not a row of the table: it has 3 rows"),
        (lambda: nn.Flatten(2)(np.ones((2, 3))), ValueError, "Flatten"),
        (lambda: nn.Unflatten(1, (2, 2))(np.ones((2, 3))), ValueError, "cannot be divided"),
        (lambda: nn.Unflatten(2, (2, 2))(np.ones((2, 3))), ValueError, "no axis 2"),
    ],
)
def test_errors(call, error, words) -> None:
    with pytest.raises(error, match=words):
        call()


def test_representations() -> None:
    assert repr(nn.Linear(3, 2, bias=False)) == "Linear(in_features=3, out_features=2, bias=False)"
    assert repr(nn.BatchNorm2d(3)) == "BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)"
    assert repr(nn.LayerNorm(3)) == "LayerNorm((3,), eps=1e-05, elementwise_affine=True)"
    assert repr(nn.RMSNorm(3)) == "RMSNorm((3,), eps=None, elementwise_affine=True)"
    assert repr(nn.GroupNorm(1, 3)) == "GroupNorm(1, 3, eps=1e-05, affine=True)"
    assert repr(nn.Dropout(0.2)) == "Dropout(p=0.2)"
    assert repr(nn.Embedding(3, 2, 0)) == "Embedding(3, 2, padding_idx=0)"
    assert repr(nn.Bilinear(3, 2, 1)) == "Bilinear(in1_features=3, in2_features=2, out_features=1, bias=True)"
    assert repr(nn.Flatten()) == "Flatten(start_dim=1, end_dim=-1)"
    assert repr(nn.Unflatten(1, (2, 3))) == "Unflatten(dim=1, unflattened_size=(2, 3))"
    assert repr(nn.InstanceNorm2d(3)) == "InstanceNorm2d(3, eps=1e-05, affine=False)"
