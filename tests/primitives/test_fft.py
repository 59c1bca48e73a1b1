"""numpy.fft: every transform is linear, so its pullback is its adjoint under Re Σ g·y; and what one transform says of
another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_np as ag
from autograd_np import Tensor, gradcheck

NORMS = (None, "backward", "ortho", "forward")
ONE_AXIS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
MANY_AXES = ("fft2", "ifft2", "fftn", "ifftn", "rfft2", "rfftn", "irfft2", "irfftn")
OF_REAL = ("rfft", "ihfft", "rfft2", "rfftn")


def draw(rng: Any, name: str, shape: tuple[int, ...], dtype: str) -> Any:
    x = rng.normal(size=shape)
    if name not in OF_REAL and dtype.startswith("complex"):
        x = x + 1j * rng.normal(size=shape)
        return x.astype(dtype)
    return x.astype("float32" if dtype.endswith("64") and dtype.startswith("complex") else "float64")


def is_adjoint(name: str, x: Any, rng: Any, **options: Any) -> None:
    function = getattr(np.fft, name)
    y, pullback = ag.vjp(lambda t: function(t, **options), x)
    expected = function(x, **options)
    assert y.dtype == expected.dtype
    np.testing.assert_array_equal(y, expected)
    g = rng.normal(size=y.shape).astype(y.dtype)
    if y.dtype.kind == "c":
        g = g + (1j * rng.normal(size=y.shape)).astype(y.dtype)
    h = pullback(g)
    assert h.dtype == x.dtype
    assert h.shape == x.shape
    v = draw(rng, name, x.shape, str(x.dtype)).astype(x.dtype)
    left, right = np.sum(g * function(v, **options)).real, np.sum(h * v).real
    scale = np.sum(np.abs(g * function(v, **options))) + np.sum(np.abs(h * v))
    assert abs(left - right) <= (1e-4 if x.dtype in (np.float32, np.complex64) else 1e-12) * scale + 1e-300


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(ONE_AXIS),
    st.lists(st.integers(1, 6), min_size=1, max_size=3),
    st.integers(-3, 2),
    st.one_of(st.none(), st.integers(1, 9)),
    st.sampled_from(NORMS),
    st.sampled_from(("float64", "complex128", "complex64")),
    st.integers(0, 2**32 - 1),
)
def test_one_axis(name: str, shape: list[int], axis: int, n: int | None, norm: Any, dtype: str, seed: int) -> None:
    if not -len(shape) <= axis < len(shape):
        axis = -1
    if name in ("irfft", "hfft") and n is None and shape[axis] == 1:
        n = 2
    rng = np.random.default_rng(seed)
    is_adjoint(name, draw(rng, name, tuple(shape), dtype), rng, n=n, axis=axis, norm=norm)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_several_axes(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(MANY_AXES))
    shape = tuple(data.draw(st.lists(st.integers(1, 5), min_size=2, max_size=3)))
    axes = tuple(data.draw(st.permutations(range(len(shape))))[: data.draw(st.integers(1, len(shape)))])
    axes = tuple(axis - len(shape) if data.draw(st.booleans()) else axis for axis in axes)
    s = tuple(data.draw(st.one_of(st.just(-1), st.integers(1, 6))) for _ in axes) if data.draw(st.booleans()) else None
    if name.startswith("irfft") and shape[axes[-1]] == 1:
        s = (*([-1] * len(axes) if s is None else s)[:-1], 3)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x = draw(rng, name, shape, data.draw(st.sampled_from(("float64", "complex128", "complex64"))))
    is_adjoint(name, x, rng, s=s, axes=axes, norm=data.draw(st.sampled_from(NORMS)))


@pytest.mark.parametrize(
    ("there", "back"), [("fft", "ifft"), ("rfft", "irfft"), ("ihfft", "hfft"), ("fftn", "ifftn"), ("rfft2", "irfft2")]
)
@pytest.mark.parametrize("norm", NORMS)
def test_round_trip_is_the_identity_and_so_is_its_gradient(there: str, back: str, norm: Any) -> None:
    rng = np.random.default_rng(0)
    x = Tensor(rng.normal(size=(4, 6)), requires_grad=True)
    y = np.real(getattr(np.fft, back)(getattr(np.fft, there)(x, norm=norm), norm=norm))
    np.testing.assert_allclose(y.numpy(), x.numpy(), atol=1e-14)
    g = rng.normal(size=y.shape)
    y.backward(g)
    np.testing.assert_allclose(x.grad, g, atol=1e-14)


def test_energy() -> None:
    # Parseval: Σ|X|² = n Σ|x|², so its gradient is 2 n x.
    x = np.random.default_rng(1).normal(size=7)
    np.testing.assert_allclose(ag.grad(lambda t: np.sum(np.abs(np.fft.fft(t)) ** 2))(x), 2 * 7 * x, rtol=1e-13)


def test_convolution_by_transforms_has_the_gradient_of_convolution() -> None:
    rng = np.random.default_rng(2)
    x, kernel, g = rng.normal(size=6), rng.normal(size=4), rng.normal(size=9)
    direct = ag.grad(lambda a, b: np.sum(g * np.convolve(a, b)), argnum=(0, 1))(x, kernel)
    fast = ag.grad(lambda a, b: np.sum(g * np.fft.irfft(np.fft.rfft(a, 9) * np.fft.rfft(b, 9), 9)), argnum=(0, 1))(
        x, kernel
    )
    for a, b in zip(direct, fast, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ONE_AXIS)
def test_second_order_through_a_nonlinear_function(name: str) -> None:
    x = draw(np.random.default_rng(3), name, (5,), "complex128")
    assert gradcheck(lambda t: np.sum(np.abs(getattr(np.fft, name)(t, 6)) ** 3), (x,), order=2)


def test_ignored_imaginary_parts_have_no_gradient() -> None:
    x = np.array([1 + 2j, 3 + 4j, 5 + 6j])
    g = ag.grad(lambda t: np.sum(np.fft.irfft(t, 4) * np.array([1.0, -2.0, 3.0, 0.5])))(x)
    assert g[0].imag == 0
    assert g[2].imag == 0
    assert g[1].imag != 0


def test_shifts_undo_each_other() -> None:
    x = Tensor(np.arange(15.0).reshape(3, 5), requires_grad=True)
    y = np.fft.fftshift(x, axes=1)
    np.testing.assert_array_equal(np.fft.ifftshift(y, axes=1).numpy(), x.numpy())
    y.backward(np.fft.fftshift(x.numpy(), axes=1))
    np.testing.assert_array_equal(x.grad, x.numpy())


def test_frequencies_are_plain() -> None:
    assert type(np.fft.fftfreq(4)) is np.ndarray
    assert type(np.fft.rfftfreq(4)) is np.ndarray


def test_refused() -> None:
    t = Tensor(np.ones((2, 2)), requires_grad=True)
    with pytest.raises(TypeError, match="out="):
        np.fft.fft(t, out=np.zeros((2, 2), complex))
    twice = np.fft.fftn(t, s=(2, 2), axes=(0, 0))
    with pytest.raises(TypeError, match="occurs twice"):
        twice.backward(np.ones((2, 2), complex))
    with pytest.raises(ValueError, match="fft: .*norm"):
        np.fft.fft(t, norm="other")
    with pytest.raises(TypeError, match="rfft"):
        np.fft.rfft(Tensor(np.ones(3, complex)))


def test_numpy_names_of_arguments() -> None:
    t = Tensor(np.arange(4.0), requires_grad=True)
    np.testing.assert_array_equal(
        np.fft.fft(a=t, n=3, axis=0, norm="ortho").numpy(), np.fft.fft(np.arange(4.0), 3, 0, "ortho")
    )
