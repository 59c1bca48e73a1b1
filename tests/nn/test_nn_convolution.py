"""Convolution and pooling layers: gradcheck of inputs and parameters, PyTorch's values and gradients, options and
errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn

REFERENCE = np.load(Path(__file__).resolve().parent.parent / "references" / "convolution.npz")
CASES: list[dict[str, Any]] = json.loads(str(REFERENCE["cases"]))
_at = 0
for _case in CASES:
    for _row in _case["arrays"]:
        _size = int(np.prod(_row[1]))
        _row.append(slice(_at, _at + _size))
        _at += _size


def arrays(case: dict[str, Any]) -> dict[str, Any]:
    return {role: REFERENCE["numbers"][part].reshape(shape) for role, shape, part in case["arrays"]}


def lists_to_tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def layer_of(case: dict[str, Any], **more: Any) -> Any:
    args = [lists_to_tuples(a) for a in case["args"]]
    return getattr(nn, case["name"])(*args, **{k: lists_to_tuples(v) for k, v in case["options"].items()}, **more)


def with_parameters(case: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The layer with PyTorch's parameters in float64."""
    found = arrays(case)
    given = {role.removeprefix("value_"): value for role, value in found.items() if role.startswith("value_")}
    layer = layer_of(case, **({"dtype": np.float64} if given else {}))
    assert {name: p.shape for name, p in layer.named_parameters()} == {
        name: value.shape for name, value in given.items()
    }
    for name, value in given.items():
        getattr(layer, name).writable()[...] = value
    return layer, found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["repr"])
def test_pytorch(case: dict[str, Any]) -> None:
    layer, found = with_parameters(case)
    call = {k: lists_to_tuples(v) for k, v in case["call"].items()}
    assert repr(layer) == case["repr"]
    for training in (True, False):
        layer.train(training)
        layer.zero_grad()
        x = ag.Tensor(found["input"], requires_grad=True)
        out = layer(x, **call)
        np.testing.assert_allclose(out.numpy(), found["out"], rtol=1e-10, atol=1e-12)
        out.backward(found["cotangent"])
        np.testing.assert_allclose(x.grad, found["gradient"], rtol=1e-10, atol=1e-12)
        for name, p in layer.named_parameters():
            np.testing.assert_allclose(p.grad, found[f"gradient_{name}"], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["repr"])
def test_gradcheck_of_inputs_and_parameters(case: dict[str, Any]) -> None:
    layer, found = with_parameters(case)
    names = [name for name, _ in layer.named_parameters()]
    start = [getattr(layer, name) for name in names]
    call = {k: lists_to_tuples(v) for k, v in case["call"].items()}

    def f(x: Any, *values: Any) -> Any:
        for name, value in zip(names, values, strict=True):
            layer.__dict__[name] = value
        try:
            return layer(x, **call)
        finally:
            for name, value in zip(names, start, strict=True):
                layer.__dict__[name] = value

    assert ag.gradcheck(f, (found["input"], *[p.numpy().copy() for p in start]), order=2)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["repr"])
def test_float32_throughout(case: dict[str, Any]) -> None:
    layer = layer_of(case)
    x = ag.Tensor(arrays(case)["input"].astype(np.float32), requires_grad=True)
    out = layer(x)
    assert out.dtype == np.float32
    out.sum().backward()
    assert x.grad.dtype == np.float32
    assert all(p.dtype == p.grad.dtype == np.float32 for p in layer.parameters())


@pytest.mark.parametrize("name", ["Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d"])
def test_initial_values(name: str) -> None:
    make = getattr(nn, name)
    layer = make(8, 6, 3, groups=2, rng=0)
    bound = 1 / np.sqrt(layer.weight.shape[1] * np.prod(layer.kernel_size))
    for p in (layer.weight, layer.bias):
        assert 0.5 * bound < abs(p.numpy()).max() <= bound
    again = make(8, 6, 3, groups=2, rng=0)
    np.testing.assert_array_equal(layer.weight.numpy(), again.weight.numpy())
    nn.manual_seed(3)
    first = make(8, 6, 3).weight.numpy().copy()
    nn.manual_seed(3)
    np.testing.assert_array_equal(first, make(8, 6, 3).weight.numpy())
    assert (make(8, 6, 3, weight_init=0.5, bias_init="zeros").bias.numpy() == 0).all()
    assert make(8, 6, 3, dtype=np.float64).weight.dtype == np.float64
    assert list(make(8, 6, 3, bias=False).state_dict()) == ["weight"]
    assert list(layer.state_dict()) == ["weight", "bias"]
    state = make(8, 6, 3, groups=2, rng=1).state_dict()
    layer.load_state_dict(state)
    np.testing.assert_array_equal(layer.weight.numpy(), state["weight"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "groups=2 must divide in_channels=3 and out_channels=4"),
        (lambda: nn.Conv2d(0, 4, 3), "in_channels must be a positive integer, not 0"),
        (lambda: nn.Conv2d(3, 4, 0), "kernel_size must be an integer of at least 1 or 2 of them, not 0"),
        (lambda: nn.Conv2d(3, 4, (1, 2, 3)), "kernel_size"),
        (lambda: nn.Conv2d(3, 4, 3, stride=1.5), "stride must be an integer"),  # type: ignore[arg-type]
        (lambda: nn.Conv2d(3, 4, 3, padding=-1), "padding must be an integer of at least 0"),
        (
            lambda: nn.Conv2d(3, 4, 3, padding="full"),
            "padding must be same, valid, an integer or 2 of them, not 'full'",
        ),
        (lambda: nn.Conv2d(3, 4, 3, padding="same", stride=2), "padding='same' needs stride 1"),
        (
            lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"),
            "padding_mode must be zeros, reflect, replicate, circular, not 'mirror'",
        ),
        (lambda: nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect"), "padding_mode must be zeros"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, padding="same"), "padding must be an integer"),  # type: ignore[arg-type]
    ],
)
def test_options_that_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            nn.Conv2d(3, 4, 3),
            (2, 5, 8, 8),
            r"Conv2d\(3, 4, .*\(2, 5, 8, 8\) has 5 channels; weight of shape \(4, 3, 3, 3\)",
        ),
        (
            nn.Conv2d(3, 4, 3),
            (8, 8),
            r"Conv2d\(3, 4, .*x must have shape \(N, C, H, W\) or \(C, H, W\); it has shape \(8, 8\)",
        ),
        (nn.Conv2d(3, 4, 9), (2, 3, 8, 8), r"Conv2d.*reaches over more than the padded input"),
        (
            nn.Conv2d(1, 1, 3, padding=3, padding_mode="reflect"),
            (1, 1, 3, 3),
            r"'reflect' can add at most size − 1 on each side",
        ),
        (nn.ConvTranspose2d(3, 4, 3), (2, 5, 8, 8), r"ConvTranspose2d\(3, 4, .*\(2, 5, 8, 8\) has 5 channels"),
        (nn.MaxPool2d(3), (1, 2, 2), r"MaxPool2d\(kernel_size=3, .*size \(0, 0\)"),
        (nn.AvgPool2d(2, padding=2), (1, 4, 4), r"AvgPool2d.*padding must be at most half"),
        (nn.AdaptiveAvgPool2d((1, 2, 3)), (1, 4, 4), r"AdaptiveAvgPool2d.*output_size"),
    ],
)
def test_inputs_that_are_refused(layer: Any, shape: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer(np.zeros(shape, np.float32))


def test_output_size_is_one_that_the_stride_can_give() -> None:
    layer = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1)
    x = np.zeros((1, 2, 4, 4), np.float32)
    assert layer(x, output_size=8).shape == (1, 3, 8, 8)
    assert layer(x, output_size=(1, 3, 7, 8)).shape == (1, 3, 7, 8)
    with pytest.raises(ValueError, match="each entry is one of 2 sizes from 7 up"):
        layer(x, output_size=9)


@pytest.mark.parametrize("name", ["MaxPool1d", "MaxPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d"])
def test_indices_of_maxima_are_refused(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name}: return_indices=True is not supported"):
        getattr(nn, name)(2, return_indices=True)


def test_a_convolutional_network_learns() -> None:
    nn.manual_seed(0)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 32)
    images = rng.normal(size=(32, 1, 8, 8)).astype(np.float32) * 0.3
    images[labels == 1, :, 2:6, 3:5] += 1
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 8, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    model.append(nn.Linear(8, 2))
    optimizer = nn.Adam(model.parameters(), lr=0.02)
    for _ in range(40):
        loss = ag.softmax_cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
