"""Complex operands: right where a function is analytic, refused by name where it is defined for real numbers alone.

The proof table holds every function to one of the two (see proofs/cases.py); here is what it does not see: numbers
without an array, dtypes, mixed operands, tails, compiled programs and other spellings.
"""

from __future__ import annotations

import cmath
import math
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn
from autograd_np.engine.record import not_real
from autograd_np.proofs.cases import names, real_operands, subject

Z = np.array([[0.3 + 0.8j, -1.2 + 0.4j, 0.1j], [-0.7 - 1.1j, 1.5 + 0.2j, 0.9 - 0.2j]])
# Beyond ±πi a logarithm leaves its principal branch.
WIDE = np.array([1 + 4j, -2.5 - 3.5j, 0.5 + 9j])

ANALYTIC = {
    "sigmoid": lambda z: 1 / (1 + cmath.exp(-z)),
    "log_sigmoid": lambda z: -cmath.log(1 + cmath.exp(-z)),
    "softplus": lambda z: cmath.log(1 + cmath.exp(z)),
    "silu": lambda z: z / (1 + cmath.exp(-z)),
    "mish": lambda z: z * cmath.tanh(cmath.log(1 + cmath.exp(z))),
    "tanhshrink": lambda z: z - cmath.tanh(z),
    "tanh": cmath.tanh,
    "expm1": lambda z: cmath.exp(z) - 1,
    "sinc": lambda z: cmath.sin(math.pi * z) / (math.pi * z),
}
OVER_AN_AXIS = ("softmax", "log_softmax", "softmin", "logsumexp")
WITH_SCIPY = ("erf", "erfc", "gelu")
REFUSING = [
    "relu", "leaky_relu", "relu6", "hardtanh", "hardshrink", "softshrink", "elu", "selu", "celu", "softsign",
    "hard_sigmoid", "hard_swish", "logcumsumexp", "unwrap", "i0", "cbrt", "fabs",
]  # fmt: skip


def steepest(f: Any, x: Any) -> Any:
    """The gradient of a real loss."""
    return ag.grad(lambda t: np.sum(np.real(f(t) ** 2 * (0.7 - 1.3j))))(x)


@pytest.mark.parametrize("name", ANALYTIC)
def test_a_number_without_an_array(name: str) -> None:
    for z in (0.3 + 0.8j, -2.5 - 3.5j):
        for given in (z, np.complex128(z), np.array(z), ag.Tensor(z)):
            value = getattr(ag, name)(given)
            assert value.dtype == np.complex128
            assert value.shape == ()
            assert value.item() == pytest.approx(ANALYTIC[name](z), rel=1e-13)


@pytest.mark.parametrize("name", [*ANALYTIC, *OVER_AN_AXIS, *WITH_SCIPY, "glu"])
def test_dtypes_and_compiled(name: str) -> None:
    if name in WITH_SCIPY:
        pytest.importorskip("scipy.special")
    f = getattr(ag, name)
    z = Z[:, :2]
    value, gradient = np.asarray(f(z)), steepest(f, z)
    assert np.array_equal(ag.compile(f)(z), value)
    assert np.allclose(ag.compile(lambda z: steepest(f, z))(z), gradient, rtol=1e-13, atol=0)
    narrow = z.astype(np.complex64)
    assert f(narrow).dtype == f(ag.Tensor(narrow)).dtype == np.complex64
    assert np.allclose(f(narrow), value, rtol=1e-5)
    slope = steepest(f, narrow)
    assert slope.dtype == np.complex64
    assert np.allclose(slope, gradient, rtol=2e-5)


@pytest.mark.parametrize("name", [*ANALYTIC, *OVER_AN_AXIS, *WITH_SCIPY])
def test_on_the_real_axis_it_is_the_real_function(name: str) -> None:
    if name in WITH_SCIPY:
        pytest.importorskip("scipy.special")
    f = getattr(ag, name)
    x = np.array([[-3.0, -0.4, 0.2], [0.5, 1.5, 4.0]])
    assert np.allclose(f(x + 0j), np.asarray(f(x)), rtol=1e-13, atol=0)
    assert np.allclose(steepest(f, x + 0j), ag.grad(lambda t: np.sum(f(t) ** 2))(x) * (0.7 - 1.3j), rtol=1e-11)
    # A real parent gets the real part of what arrives through complex operations.
    mixed = ag.grad(lambda t: np.sum(np.real(f(t * (1 + 0j)))))(x)
    assert mixed.dtype == np.float64
    assert np.allclose(mixed, ag.grad(lambda t: np.sum(f(t)))(x), rtol=1e-12, atol=1e-15)


def test_logarithms_are_on_the_principal_branch() -> None:
    rows = np.array([[1 + 4j, 2 - 3j, 3.1j], [900 + 50j, 899 - 1j, -1e3], [0, 1j * np.pi + 1e-9, -1]])
    for axis in (0, 1, None):
        top = rows.real.max(axis=axis, keepdims=True)
        expected = np.squeeze(np.log(np.sum(np.exp(rows - top), axis=axis, keepdims=True)) + top, axis=axis)
        assert np.allclose(ag.logsumexp(rows, axis), expected, rtol=1e-12)
        assert np.allclose(np.exp(ag.log_softmax(rows, axis)), ag.softmax(rows, axis), rtol=1e-11)
        assert np.allclose(np.sum(ag.softmax(rows, axis), axis=axis), 1)
    for f in (ag.softplus, ag.logsumexp, lambda z: -ag.log_sigmoid(z)):
        assert np.abs(np.asarray(f(WIDE)).imag).max() <= np.pi
    assert np.allclose(ag.log_softmax(rows, 1), rows - np.asarray(ag.logsumexp(rows, 1, True)))


def test_against_scipy() -> None:
    special = pytest.importorskip("scipy.special")
    for axis in (None, 0, -1):
        assert np.allclose(ag.logsumexp(Z * 4, axis), special.logsumexp(Z * 4, axis=axis), rtol=1e-13)
        assert np.allclose(ag.softmax(Z, axis), special.softmax(Z, axis=axis), rtol=1e-13)
    t = ag.Tensor(Z, requires_grad=True)
    assert np.array_equal(special.erf(t).numpy(), special.erf(Z))
    assert np.allclose(ag.erf(t).numpy(), special.erf(Z), rtol=1e-14)


def test_infinite_rows() -> None:
    rows = np.array([[complex(-np.inf), complex(-np.inf)], [complex(-np.inf), 1j]])
    assert ag.softmax(rows).tolist() == [[0, 0], [0, 1]]
    assert ag.logsumexp(rows, 1).numpy()[1] == pytest.approx(1j)
    assert ag.logsumexp(rows, 1).numpy()[0].real == -np.inf


def test_tails_keep_their_digits() -> None:
    # tanh′ = 4 e^−2z where 1 − tanh² is 0; e^z alone is left of softplus; z³/3 of z − tanh z.
    z = np.array(20 + 1j)
    assert ag.grad(lambda t: np.real(np.tanh(t)))(z) == pytest.approx(4 * cmath.exp(-2 * z), rel=1e-13)
    z = np.array(-50 + 1j)
    assert ag.softplus(z).item() == pytest.approx(cmath.exp(z), rel=1e-13)
    assert ag.sigmoid(np.array(-800 + 1j)).item() == 0
    assert ag.sigmoid(np.array(800 + 1j)).item() == 1
    z = np.array(1e-5 + 2e-5j)
    assert ag.tanhshrink(z).item() == pytest.approx(complex(z) ** 3 / 3, rel=1e-8)
    z = np.array(-745 + 2j)
    assert ag.grad(lambda t: np.real(ag.log_sigmoid(t)))(z) == pytest.approx(1)


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize("name", REFUSING)
def test_a_function_of_real_numbers_says_so(name: str) -> None:
    f = getattr(ag, name)
    z = Z[0]
    for given in (z, z.astype(np.complex64), ag.Tensor(z), ag.Tensor(z, requires_grad=True)):
        with pytest.raises(TypeError, match=rf"^{name}: .*complex(64|128).*\.real.*np\.abs"):
            f(given)
    with pytest.raises(TypeError, match=f"{name}: .*complex128"):
        ag.compile(f)(z)
    with pytest.raises(TypeError, match=f"{name}: "):
        f(0.3 + 0.8j)
    f(z.real)


def test_other_spellings_are_refused_too() -> None:
    t = ag.Tensor(Z, requires_grad=True)
    with pytest.raises(TypeError, match=r"prelu: weight has dtype complex128.*take weight\.real"):
        ag.prelu(np.ones((2, 3)), 0.25j)
    with pytest.raises(TypeError, match=r"interp: x has dtype complex128.*x\.real"):
        np.interp(t, np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    with pytest.raises(TypeError, match=r"quantile: x has dtype complex128"):
        np.quantile(t, 0.5)
    with pytest.raises(TypeError, match=r"arctan2: .*of a complex number take x\.real, x\.imag or np\.abs\(x\)"):
        np.arctan2(t, 1.0)
    with pytest.raises(TypeError, match=r"max_pool1d: x has dtype complex128"):
        ag.max_pool1d(t, 2)
    assert ag.gradcheck(lambda fp: np.interp(np.array([0.3, 1.7]), np.arange(3.0), fp), Z[0])
    assert ag.gradcheck(lambda x: ag.avg_pool1d(x, 2, ceil_mode=True, padding=1, count_include_pad=False), Z)


@pytest.mark.parametrize(
    "module",
    [
        nn.ReLU(),
        nn.PReLU(),
        nn.Threshold(0.1, 0.0),
        nn.ELU(),
        nn.Softsign(),
        nn.LayerNorm(3),
        nn.BatchNorm1d(3),
        nn.BatchNorm1d(3).eval(),
        nn.RNNCell(3, 2),
    ],
    ids=lambda module: type(module).__name__,
)
def test_modules_of_real_numbers(module: nn.Module) -> None:
    with pytest.raises(TypeError, match=r"complex128.*\.real"):
        module(ag.Tensor(Z))


@pytest.mark.parametrize(
    "kind", [nn.Sigmoid, nn.SiLU, nn.Mish, nn.Tanhshrink, nn.Softplus, nn.LogSigmoid, nn.Softmax, nn.LogSoftmax]
)
def test_modules_that_are_analytic(kind: type[nn.Module]) -> None:
    assert ag.gradcheck(kind(), Z)


def test_losses_name_a_remedy() -> None:
    with pytest.raises(
        TypeError,
        match=r"mse_loss: the input must be an array of real numbers, not one of complex128; take input\.real",
    ):
        nn.functional.mse_loss(Z, Z)
    with pytest.raises(TypeError, match=r"mse_loss: y has dtype complex128"):
        ag.mse_loss(Z.real, Z)


def test_a_users_operation_of_real_numbers() -> None:
    @ag.primitive(real="x")
    def scaled_by(x, factor):
        return x * factor

    ag.rule(scaled_by, lambda g, factor: g * factor, lambda g, x: g * x)
    assert ag.gradcheck(scaled_by, (Z.real, Z))
    with pytest.raises(TypeError, match="scaled_by: x has dtype complex128"):
        scaled_by(ag.Tensor(Z), 2.0)


def test_what_is_declared_real_is_not_analytic_elsewhere() -> None:
    """SciPy's and NumPy's functions without a complex loop, and the library's own: one list, as the proof sees it."""
    declared = {name for name in names() if subject(name).differentiable and real_operands(subject(name))}
    assert declared >= {"relu", "arctan2", "hypot", "logaddexp", "max_pool2d", "layer_norm", "quantile", "interp"}
    assert not declared & {
        "sigmoid",
        "softmax",
        "logsumexp",
        "erf",
        "maximum",
        "sort",
        "max",
        "clip",
        "avg_pool2d",
        "linear",
        "conv2d",
    }
    assert "x.imag" in str(not_real(1j, subject("relu"), "x"))


# ---------------------------------------------------------------- statistics and special functions


W = np.array([0.5, 1.5, 0.7])


@pytest.mark.parametrize(
    "weights", [{"fweights": np.array([1, 2, 3])}, {"aweights": W}, {"aweights": W, "ddof": 0}], ids=str
)
def test_weighted_covariances(weights: dict[str, Any]) -> None:
    assert np.allclose(np.cov(ag.Tensor(Z), **weights), np.cov(Z, **weights), rtol=1e-13)
    assert ag.gradcheck(lambda t: np.cov(t, **weights), Z)
    if "aweights" in weights:
        rest = {key: value for key, value in weights.items() if key != "aweights"}
        assert ag.gradcheck(lambda t, w: np.cov(t, aweights=w, **rest), (Z, weights["aweights"]))


def test_a_histogram_of_complex_weights() -> None:
    x, w = np.array([0, 1, 2, 2]), Z.ravel()[:4]
    assert ag.gradcheck(lambda w: np.histogram(x, 2, weights=w)[0], w)
    assert np.allclose(
        np.histogram(ag.Tensor(x), 2, weights=ag.Tensor(w, requires_grad=True))[0], np.histogram(x, 2, weights=w)[0]
    )


def test_gamma_functions_to_third_order() -> None:
    special = pytest.importorskip("scipy.special")
    z = np.array([0.3 + 0.8j, -1.3 - 0.4j, -2.2 + 0.05j, 4 - 3j])
    for f in (special.gamma, special.loggamma, special.rgamma, special.psi):
        assert ag.gradcheck(f, z, order=3)
    # ψ′ at a distance from the real axis, where the reflection's exponentials over- and underflow.
    far = np.array([-20.3 + 300j, -20.3 - 300j, 0.6 + 1000j])
    slope = ag.grad(lambda t: np.sum(np.real(special.psi(t))))(far)
    assert np.allclose(slope, 1 / far + 1 / (2 * far**2) + 1 / (6 * far**3) - 1 / (30 * far**5), rtol=1e-11)
    # 1/Γ is entire: (−1)ⁿ n! at −n.
    assert np.allclose(
        ag.grad(lambda t: np.sum(np.real(special.rgamma(t))))(np.array([0j, -1, -2, -3])), [1, -1, 2, -6]
    )
