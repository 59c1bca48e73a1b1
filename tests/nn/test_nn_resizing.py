"""Interpolation, padding, channels as pixels, and the losses and samples that came with them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_np as ag
import nn
from nn import functional

RNG = np.random.default_rng(0)
SMALL = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])


def test_the_examples_of_the_literature() -> None:
    """A 2 × 2 image doubled: the numbers that textbooks and other libraries print."""
    found = functional.interpolate(SMALL, scale_factor=2, mode="bilinear").numpy()[0, 0]
    np.testing.assert_allclose(
        found, [[1, 1.25, 1.75, 2], [1.5, 1.75, 2.25, 2.5], [2.5, 2.75, 3.25, 3.5], [3, 3.25, 3.75, 4]]
    )
    aligned = functional.interpolate(SMALL, size=4, mode="bilinear", align_corners=True).numpy()[0, 0]
    np.testing.assert_allclose(aligned, np.add.outer(np.linspace(0, 2, 4), np.linspace(1, 2, 4)))
    nearest = functional.interpolate(SMALL, scale_factor=2).numpy()[0, 0]
    np.testing.assert_array_equal(nearest, np.kron(SMALL[0, 0], np.ones((2, 2))))


def weight(mode: str, away: float) -> float:
    away = abs(away)
    if mode == "linear":
        return max(0.0, 1 - away)
    a = -0.75
    if away <= 1:
        return (a + 2) * away**3 - (a + 3) * away**2 + 1
    return a * (away**3 - 5 * away**2 + 8 * away - 4) if away < 2 else 0.0


def matrix(mode: str, m: int, n: int, scale: float, align: bool) -> Any:
    """The new pixels by the old ones, one by one: a second implementation."""
    found = np.zeros((n, m))
    for i in range(n):
        if mode == "nearest":
            found[i, min(math.floor(i * scale), m - 1)] = 1
            continue
        place = i * ((m - 1) / (n - 1) if n > 1 else 0.0) if align else (i + 0.5) * scale - 0.5
        if mode == "linear":
            place = min(max(place, 0.0), m - 1)
        for k in range(math.floor(place) - 1, math.floor(place) + 3):
            found[i, min(max(k, 0), m - 1)] += weight(mode, place - k)
    return found


@given(
    st.sampled_from(["nearest", "linear", "bilinear", "trilinear", "bicubic"]),
    st.lists(st.integers(1, 5), min_size=3, max_size=3),
    st.one_of(
        st.lists(st.integers(1, 8), min_size=3, max_size=3), st.lists(st.floats(0.5, 3.0), min_size=3, max_size=3)
    ),
    st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_interpolation_is_the_matrix(mode: str, shape: list[int], given_: list[Any], align: bool) -> None:
    axes = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}.get(mode, len(shape))
    shape, given_ = shape[:axes], given_[:axes]
    whole = isinstance(given_[0], int)
    x = RNG.normal(size=(2, 3, *shape))
    lengths = given_ if whole else [math.floor(m * s) for m, s in zip(shape, given_, strict=True)]
    options = {"size": tuple(given_)} if whole else {"scale_factor": tuple(given_)}
    aligned = None if mode == "nearest" else align
    if min(lengths) < 1:
        with pytest.raises(ValueError, match="one at least"):
            functional.interpolate(x, mode=mode, align_corners=aligned, **options)
        return
    found = functional.interpolate(x, mode=mode, align_corners=aligned, **options).numpy()
    wanted = x
    kind = {"nearest": "nearest", "bicubic": "cubic"}.get(mode, "linear")
    for axis, (m, n, g) in enumerate(zip(shape, lengths, given_, strict=True), 2):
        scale = m / n if whole else 1 / g
        if m != n or scale != 1:
            wanted = np.moveaxis(np.tensordot(matrix(kind, m, n, scale, align), wanted, (1, axis)), 0, axis)
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_gradients_of_interpolation(mode: str) -> None:
    x = ag.Tensor(RNG.normal(size=(1, 2, 3, 4)), requires_grad=True)
    assert ag.gradcheck(lambda x: functional.interpolate(x, size=(5, 3), mode=mode), x)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "size or scale_factor"),
        ({"size": 2, "scale_factor": 2}, "size or scale_factor"),
        ({"size": 2, "mode": "area"}, "mode is one of"),
        ({"size": 2, "mode": "linear"}, "takes 3 axes"),
        ({"size": 2, "align_corners": True}, "no align_corners"),
        ({"size": (2, 2, 2)}, "3 sizes for 2 axes"),
        ({"size": 0}, "one at least"),
        ({"scale_factor": -1.0}, "above 0"),
    ],
)
def test_senseless_sizes(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        functional.interpolate(SMALL, **options)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.booleans())
@settings(max_examples=30, deadline=None)
def test_pixels_and_channels(c: int, h: int, w: int, r: int, batch: bool) -> None:
    x = RNG.normal(size=(*((2,) if batch else ()), c * r * r, h, w))
    y = functional.pixel_shuffle(x, r).numpy()
    for k in range(c):
        for i in range(h * r):
            for j in range(w * r):
                old = x[..., k * r * r + (i % r) * r + j % r, i // r, j // r]
                np.testing.assert_array_equal(y[..., k, i, j], old)
    np.testing.assert_array_equal(functional.pixel_unshuffle(y, r).numpy(), x)


def test_pixels_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="no multiple of upscale_factor"):
        functional.pixel_shuffle(np.ones((1, 3, 2, 2)), 2)
    with pytest.raises(ValueError, match="no multiple of downscale_factor"):
        functional.pixel_unshuffle(np.ones((1, 3, 3, 2)), 2)
    with pytest.raises(ValueError, match="takes"):
        functional.pixel_shuffle(np.ones((4, 4)), 2)


@pytest.mark.parametrize(
    ("kind", "mode"), [("Zero", "constant"), ("Reflection", "reflect"), ("Replication", "edge"), ("Circular", "wrap")]
)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_padding_is_numpys(kind: str, mode: str, n: int) -> None:
    x = RNG.normal(size=(2, 3, 4, 5, 3)[: n + 2])
    sides = [2, 1, 0, 1, 2, 2][: 2 * n]
    widths = [(0, 0), (0, 0), *[(sides[2 * k], sides[2 * k + 1]) for k in reversed(range(n))]]
    found = getattr(nn, f"{kind}Pad{n}d")(tuple(sides))(x).numpy()
    np.testing.assert_array_equal(found, np.pad(x, widths, mode=mode))  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="padding is one number, or"):
        getattr(nn, f"{kind}Pad{n}d")((1, 2, 3))


def test_losses() -> None:
    x, t = np.array([0.5, 2.0, 0.25]), np.array([1.0, -1.0, -1.0])
    np.testing.assert_allclose(nn.HingeEmbeddingLoss()(x, t).item(), (0.5 + 0.0 + 0.75) / 3)
    np.testing.assert_allclose(nn.HingeEmbeddingLoss(3.0, reduction="sum")(x, t).item(), 0.5 + 1.0 + 2.75)
    with pytest.raises(ValueError, match=r"\+1 or -1"):
        nn.HingeEmbeddingLoss()(x, np.zeros(3))
    z, y = RNG.normal(size=(4, 3)), (RNG.random((4, 3)) < 0.5).astype(float)
    weights = np.array([1.0, 2.0, 0.5])
    p = 1 / (1 + np.exp(-z))
    each = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    np.testing.assert_allclose(nn.MultiLabelSoftMarginLoss()(z, y).item(), each.mean())
    np.testing.assert_allclose(
        nn.MultiLabelSoftMarginLoss(weights, reduction="none")(z, y).numpy(), (each * weights).mean(1)
    )
    far = nn.MultiLabelSoftMarginLoss()(np.array([[1000.0, -1000.0]]), np.array([[1.0, 0.0]]))
    assert far.item() == 0.0


def test_gumbel_softmax() -> None:
    logits = np.log(np.array([0.1, 0.3, 0.6]))
    x = ag.Tensor(np.broadcast_to(logits, (20_000, 3)).copy(), requires_grad=True)
    soft = functional.gumbel_softmax(x, tau=0.5, rng=0)
    np.testing.assert_allclose(soft.numpy().sum(-1), 1.0)
    hard = functional.gumbel_softmax(x, tau=0.5, hard=True, rng=0)
    assert {*np.unique(hard.numpy().round(12)).tolist()} == {0.0, 1.0}
    np.testing.assert_allclose(hard.numpy().mean(0), [0.1, 0.3, 0.6], atol=0.015)
    cotangent = RNG.normal(size=(20_000, 3))
    (hard * cotangent).sum().backward()
    straight = x.grad
    x.grad = None
    (soft * cotangent).sum().backward()
    np.testing.assert_allclose(straight, x.grad)
    other = functional.gumbel_softmax(x.detach().T, hard=True, dim=0, rng=0)
    assert other.shape == (3, 20_000)
    np.testing.assert_allclose(other.numpy().sum(0), 1.0)
    with pytest.raises(ValueError, match="tau = 0"):
        functional.gumbel_softmax(x, tau=0)
