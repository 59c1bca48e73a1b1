"""Convolutions and pooling against independent computations, over their options; memory, errors, kinks."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import signal

import autograd_np as ag
from autograd_np.primitives import convolution_loops
from autograd_np.proofs.samples import convolution as oracle

RNG = np.random.default_rng(5)


def leaf(a: Any) -> ag.Tensor:
    return ag.Tensor(np.array(a), requires_grad=True)


@st.composite
def convolutions(draw: Any) -> tuple[Any, ...]:
    """Sizes and options of a convolution that has a result."""
    groups = draw(st.integers(1, 3))
    channels, outputs = groups * draw(st.sampled_from([1, 1, 2, 7])), groups * draw(st.sampled_from([1, 1, 2, 3]))
    pairs = [draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) for _ in range(3)]
    kernel, stride, dilation = pairs
    padding = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    least = [max(d * (k - 1) + 1 - 2 * a, 1) for d, k, a in zip(dilation, kernel, padding, strict=True)]
    size = tuple(n + draw(st.integers(0, 4)) for n in least)
    return (
        draw(st.integers(0, 2)),
        channels,
        outputs,
        size,
        kernel,
        stride,
        padding,
        dilation,
        groups,
        draw(st.booleans()),
    )


@settings(max_examples=60, deadline=None)
@given(convolutions(), st.integers(0, 2**32 - 1))
def test_convolution_is_its_definition(options: Any, seed: int) -> None:
    n, channels, outputs, size, kernel, stride, padding, dilation, groups, last = options
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, *size, channels)).transpose(0, 3, 1, 2) if last else rng.normal(size=(n, channels, *size))
    w, b = rng.normal(size=(outputs, channels // groups, *kernel)), rng.normal(size=outputs)
    xt, wt, bt = leaf(x), leaf(w), leaf(b)
    y = ag.conv2d(xt, wt, bt, stride, padding, dilation, groups)
    np.testing.assert_allclose(
        y.numpy(), oracle.conv2d(x, w, b, stride, padding, dilation, groups), rtol=1e-11, atol=1e-11
    )
    g = rng.normal(size=y.shape)
    y.backward(g)
    assert xt.grad is not None
    assert wt.grad is not None
    assert bt.grad is not None
    np.testing.assert_allclose(
        xt.grad, oracle.input_gradient(g, w, size, stride, padding, dilation, groups), rtol=1e-11, atol=1e-11
    )
    np.testing.assert_allclose(
        wt.grad, oracle.weight_gradient(x, g, kernel, stride, padding, dilation, groups), rtol=1e-11, atol=1e-11
    )
    np.testing.assert_allclose(bt.grad, g.sum(axis=(0, 2, 3)), rtol=1e-11, atol=1e-11)
    # The transposed convolution is the adjoint: ⟨conv(x), g⟩ = ⟨x, convᵀ(g)⟩.
    extra = tuple(
        (n + 2 * a - d * (k - 1) - 1) % s for n, k, s, a, d in zip(size, kernel, stride, padding, dilation, strict=True)
    )
    if n and all(e < max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        back = ag.conv_transpose2d(g, w, None, stride, padding, extra, groups, dilation)
        assert back.shape == x.shape
        np.testing.assert_allclose(back.numpy(), xt.grad, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("shape", [(9, 8), (5, 12), (3, 3)])
@pytest.mark.parametrize("mode", ["valid", "full", "same"])
def test_scipy(shape: Any, mode: str) -> None:
    x, w = RNG.normal(size=(2, 3, *shape)), RNG.normal(size=(4, 3, 3, 3))
    expected = np.array(
        [[sum(signal.correlate(image[c], kernel[c], mode) for c in range(3)) for kernel in w] for image in x]
    )
    padding: Any = {"valid": "valid", "full": 2, "same": "same"}[mode]
    np.testing.assert_allclose(ag.conv2d(x, w, padding=padding).numpy(), expected, rtol=1e-11, atol=1e-11)
    if shape[0] > 3:
        full = np.array([sum(signal.convolve(image[c], w[c, 0], "full") for c in range(3)) for image in x])
        np.testing.assert_allclose(ag.conv_transpose2d(x, w[:3, :1]).numpy()[:, 0], full, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("channels", [1, 3, 7, 16])
@pytest.mark.parametrize(("images", "size"), [(5, 40), (3, 130), (70, 9)])
def test_blocks_of_images_and_of_rows(channels: int, images: int, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = RNG.normal(size=(images, channels, size, size)).astype(np.float32)
    w = RNG.normal(size=(4, channels, 3, 3)).astype(np.float32)
    results = []
    for block, rows in ((1 << 12, 1), (1 << 17, 256), (1 << 40, 256)):
        monkeypatch.setattr(convolution_loops, "BLOCK", block)
        monkeypatch.setattr(convolution_loops, "ROWS", rows)
        xt, wt = leaf(x), leaf(w)
        y = ag.conv2d(xt, wt, padding=1)
        (y * y).sum().backward()
        results.append((y.numpy(), xt.grad, wt.grad))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3 * abs(b).max())


def test_channels_are_last_in_memory() -> None:
    x = leaf(RNG.normal(size=(2, 3, 8, 8)))
    y = ag.max_pool2d(ag.relu(ag.conv2d(x, RNG.normal(size=(4, 3, 3, 3)), RNG.normal(size=4), padding=1)), 2)
    assert y.numpy().transpose(0, 2, 3, 1).flags.c_contiguous
    assert ag.avg_pool2d(y, 2).numpy().transpose(0, 2, 3, 1).flags.c_contiguous


def test_no_column_matrix_is_kept() -> None:
    x = RNG.normal(size=(16, 8, 32, 32)).astype(np.float32)
    w = leaf(RNG.normal(size=(8, 8, 3, 3)).astype(np.float32))
    ag.conv2d(x, w, padding=1).sum().backward()
    tracemalloc.start()
    y = ag.conv2d(x, w, padding=1)
    held, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2.2 * x.nbytes  # the result, and the tape's copy of the caller's array
    assert most < held + 2 * x.nbytes
    y.sum().backward()


def test_integers_and_mixed_dtypes_promote_as_in_numpy() -> None:
    x, w = np.arange(18).reshape(1, 2, 3, 3), np.ones((1, 2, 2, 2), np.int32)
    y = ag.conv2d(x, w)
    assert y.dtype == np.int64
    assert y.tolist() == oracle.conv2d(x, w).tolist()
    assert ag.conv2d(x.astype(np.float32), w.astype(np.float64)).dtype == np.float64
    assert ag.max_pool2d(x, 3).item(0) == 8
    assert ag.max_pool2d(x.astype(np.uint8), 2, padding=1).dtype == np.uint8
    assert ag.avg_pool2d(x, 3).tolist() == [[[[4.0]], [[13.0]]]]
    mixed = leaf(np.ones((1, 2, 3, 3), np.float32))
    ag.conv2d(mixed, w.astype(np.float64)).sum().backward()
    assert mixed.grad is not None
    assert mixed.grad.dtype == np.float32


def test_complex_images_are_convolved() -> None:
    x, w = (
        RNG.normal(size=(1, 2, 4, 4, 2)).view(complex)[..., 0],
        RNG.normal(size=(3, 2, 2, 2, 2)).view(complex)[..., 0],
    )
    np.testing.assert_allclose(ag.conv2d(x, w, padding=1).numpy(), oracle.conv2d(x, w, padding=1), rtol=1e-12)
    assert ag.gradcheck(ag.conv2d, (x, w))


def test_third_derivative() -> None:
    x, w = RNG.normal(size=(1, 2, 4, 4)), RNG.normal(size=(2, 2, 2, 2))
    assert ag.gradcheck(lambda x, w: ag.conv2d(x, w, stride=2, padding=1) ** 2, (x, w), order=3)


@pytest.mark.parametrize("seed", range(3))
def test_ties_share_evenly(seed: int) -> None:
    """Against a loop over the windows; small integers, so that most windows have ties."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, (2, 2, 7, 6)).astype(float)
    for options in ((2,), (3, 2, 1), ((2, 3), 1, (1, 0), (2, 1)), (2, 3, 0, 1, True)):
        t = leaf(x)
        y = ag.max_pool2d(t, *options)
        g = rng.normal(size=y.shape)
        y.backward(g)
        kernel, stride, padding, dilation, _ = (*options, *(None, 0, 1, False)[len(options) - 1 :])
        stride = kernel if stride is None else stride
        kernel, stride, padding, dilation = (
            (v, v) if isinstance(v, int) else v for v in (kernel, stride, padding, dilation)
        )
        np.testing.assert_allclose(
            t.grad, oracle._spread(g, x, y.numpy(), kernel, stride, padding, dilation), rtol=1e-12
        )


def test_nan_is_the_maximum_of_its_window() -> None:
    x = leaf([[[1.0, np.nan, 2.0, 3.0]]])
    y = ag.max_pool2d(x, (1, 2))
    np.testing.assert_array_equal(y.numpy(), [[[np.nan, 3.0]]])
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [[[0.0, 1.0, 0.0, 1.0]]])


def test_an_infinite_cotangent_stays_with_the_maximum() -> None:
    x = leaf([[[1.0, 4.0, 2.0, 3.0]]])
    ag.max_pool2d(x, (1, 2)).backward(np.array([[[np.inf, np.nan]]]))
    np.testing.assert_array_equal(x.grad, [[[0.0, np.inf, 0.0, np.nan]]])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: ag.conv2d(np.ones((1, 2, 5, 5)), np.ones((3, 4, 3, 3))),
            ValueError,
            r"\(1, 2, 5, 5\) has 2 channels; weight of shape \(3, 4, 3, 3\)",
        ),
        (lambda: ag.conv2d(np.ones((1, 4, 5, 5)), np.ones((3, 2, 3, 3)), groups=2), ValueError, r"groups=2 needs 4"),
        (
            lambda: ag.conv2d(np.ones((5, 5)), np.ones((3, 4, 3, 3))),
            ValueError,
            r"x must have shape \(N, C, H, W\) or \(C, H, W\); it has shape \(5, 5\)",
        ),
        (lambda: ag.conv2d(np.ones((1, 1, 5, 5)), np.ones((3, 3))), ValueError, r"weight must have 4 axes.*\(3, 3\)"),
        (
            lambda: ag.conv2d(np.ones((1, 1, 5, 5)), np.ones((3, 1, 3, 3)), np.ones(2)),
            ValueError,
            r"bias must have shape \(3,\).*\(2,\)",
        ),
        (
            lambda: ag.conv2d(np.ones((1, 1, 2, 5)), np.ones((3, 1, 3, 3))),
            ValueError,
            r"reaches over more than the padded input: x has shape \(1, 1, 2, 5\)",
        ),
        (
            lambda: ag.conv2d(np.ones((1, 1, 5, 5)), np.ones((3, 1, 0, 3))),
            ValueError,
            r"at least one element along each axis.*\(3, 1, 0, 3\)",
        ),
        (
            lambda: ag.conv2d(np.ones((1, 1, 5, 5)), np.ones((3, 1, 3, 3)), stride=0),
            ValueError,
            "stride must be at least 1, not 0",
        ),
        (
            lambda: ag.conv2d(np.ones((1, 1, 5, 5)), np.ones((3, 1, 3, 3)), stride=(1, 2, 3)),
            ValueError,
            "stride must be an integer or 2 of them",
        ),
        (
            lambda: ag.conv2d(np.ones((1, 1, 5, 5)), np.ones((3, 1, 3, 3)), dilation=1.5),
            TypeError,
            r"dilation must be an integer or 2 of them, not 1.5",
        ),
        (
            lambda: ag.conv2d(np.ones((1, 1, 5, 5)), np.ones((3, 1, 3, 3)), padding=-1),
            ValueError,
            "padding must be at least 0",
        ),
        (
            lambda: ag.conv2d(np.ones((1, 1, 5, 5)), np.ones((3, 1, 3, 3)), padding="full"),
            ValueError,
            "padding must be 'same', 'valid'",
        ),
        (
            lambda: ag.conv2d(np.ones((1, 1, 5, 5)), np.ones((3, 1, 3, 3)), padding="same", stride=2),
            ValueError,
            "padding='same' needs stride 1",
        ),
        (
            lambda: ag.conv2d(np.ones((1, 1, 5, 5)), np.ones((3, 1, 3, 3)), groups=0),
            ValueError,
            "groups must be a positive integer, not 0",
        ),
        (
            lambda: ag.conv2d("image", np.ones((3, 1, 3, 3))),
            TypeError,
            "conv2d: x must be a Tensor, an array or a number, not str",
        ),
        (
            lambda: ag.conv1d(np.ones((1, 2, 5, 5)), np.ones((3, 2, 3))),
            ValueError,
            r"conv1d: x must have shape \(N, C, L\) or \(C, L\)",
        ),
        (
            lambda: ag.conv_transpose2d(np.ones((1, 2, 5, 5)), np.ones((3, 2, 3, 3))),
            ValueError,
            r"has 2 channels; weight of shape \(3, 2, 3, 3\)",
        ),
        (
            lambda: ag.conv_transpose2d(np.ones((1, 3, 5, 5)), np.ones((3, 2, 3, 3)), output_padding=1),
            ValueError,
            "output_padding must be smaller than",
        ),
        (
            lambda: ag.conv_transpose2d(np.ones((1, 3, 1, 1)), np.ones((3, 2, 2, 2)), padding=1),
            ValueError,
            r"the result would have size \(0, 0\)",
        ),
        (
            lambda: ag.max_pool2d(np.ones((1, 1, 4, 4)), 5),
            ValueError,
            r"max_pool2d: the result would have size \(0, 0\)",
        ),
        (
            lambda: ag.max_pool2d(np.ones((4, 4)), 2),
            ValueError,
            r"x must have shape \(N, C, H, W\) or \(C, H, W\); it has shape \(4, 4\)",
        ),
        (
            lambda: ag.max_pool2d(np.ones((1, 4, 4)), 2, padding=2),
            ValueError,
            r"padding must be at most half of the window",
        ),
        (
            lambda: ag.max_pool2d(np.ones((1, 4, 4)), (2, 2, 2)),
            ValueError,
            "kernel_size must be an integer or 2 of them",
        ),
        (lambda: ag.max_pool2d(np.ones((1, 4, 4), complex), 2), TypeError, "complex"),
        (
            lambda: ag.avg_pool2d(np.ones((1, 4, 4)), 2, divisor_override=0),
            ValueError,
            "divisor_override must be an integer other than 0",
        ),
        (lambda: ag.adaptive_avg_pool2d(np.ones((1, 4, 4)), 0), ValueError, "output_size must be at least 1"),
        (lambda: ag.adaptive_max_pool2d(np.ones((1, 0, 4)), 1), ValueError, "has no elements to pool"),
    ],
)
def test_errors_name_shapes_and_options(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_windows_of_adaptive_pooling_cover_everything() -> None:
    x = leaf(RNG.normal(size=(1, 1, 7, 5)))
    ag.adaptive_avg_pool2d(x, (3, 2)).sum().backward()
    assert x.grad is not None
    assert math.isclose(x.grad.sum(), 6.0)
    assert (x.grad > 0).all()
