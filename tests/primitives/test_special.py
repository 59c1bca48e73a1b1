"""scipy.special on Tensors: how its rules come to be there, what is refused, and accuracy where the differences of the
proofs do not reach."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from autograd_np import NonDifferentiableError, Tensor, gradcheck
from autograd_np.engine.registry import REGISTRY, UFUNCS
from autograd_np.primitives import special

sp = pytest.importorskip("scipy.special")
special.register()
TOP = Path(__file__).resolve().parents[2]


def derivative(f: Any, x: float, order: int = 1) -> float:
    for _ in range(order):
        f = ag.grad(f)
    return float(f(np.float64(x)))


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# ---------------------------------------------------------------- how SciPy and the table meet


def test_scipy_is_not_imported_by_the_library() -> None:
    assert (
        python(
            "import sys, autograd_np as ag, autograd_np.primitives as p; p.load_all(); print('scipy' in sys.modules)"
        )
        == "False"
    )


@pytest.mark.parametrize(
    "first", ["import autograd_np as ag, scipy.special as sp", "import scipy.special as sp, autograd_np as ag"]
)
def test_either_may_be_imported_first(first: str) -> None:
    assert python(
        f"{first}\nt = ag.Tensor([1.5], requires_grad=True); sp.gammaln(t).backward(); print(round(t.grad[0], 6))"
    ) == "0.036490"[:8].rstrip("0")


def test_the_proofs_work_without_scipy() -> None:
    code = (
        "import sys; sys.modules['scipy'] = None\n"
        "from autograd_np.proofs.cases import names\n"
        "print(any(name.startswith('special') for name in names()))\n"
        "import autograd_np.proofs.supported as s; print('gammaln' in s.page())"
    )
    assert python(code).split() == ["False", "True"]


def test_every_row_of_the_table_is_declared() -> None:
    for row in special.TABLE.values():
        found = special.ufunc(row.name)
        if row.helper or found is not None:
            assert f"special.{row.name}" in REGISTRY
            assert REGISTRY[f"special.{row.name}"].differentiable == bool(row.rules)
        if found is not None:
            assert found in UFUNCS
        assert row.declared.__doc__


def test_other_names_of_the_same_ufunc() -> None:
    x = Tensor([0.5, 2.0], requires_grad=True)
    assert sp.digamma(x).requires_grad
    assert sp.jn(1, x).requires_grad
    np.testing.assert_array_equal(sp.jn(1, x).numpy(), sp.jv(1, x.numpy()))


def test_python_functions_around_a_ufunc() -> None:
    x = Tensor([0.5, 2.0], requires_grad=True)
    y = sp.zeta(2.0, x)
    np.testing.assert_array_equal(y.numpy(), sp.zeta(2.0, x.numpy()))
    y.sum().backward()
    np.testing.assert_allclose(x.grad, -2 * sp.zeta(3.0, x.numpy()), rtol=1e-14)
    assert derivative(lambda t: np.real(sp.lambertw(t)), 0.0) == 1.0


def test_options_of_a_ufunc() -> None:
    x = Tensor([0.5, 2.0], requires_grad=True)
    assert sp.erf(x, out=None).requires_grad
    assert sp.erf(x, dtype=np.float32).dtype == np.float32
    with pytest.raises(TypeError, match="scipy.special.erf: out="):
        sp.erf(x, out=np.zeros(2))
    with pytest.raises(TypeError, match="scipy.special.erf: where="):
        sp.erf(x, where=np.array([True, False]))
    outer: Any = sp.beta.outer
    table = outer(x, Tensor([1.0, 2.0, 3.0], requires_grad=True))
    np.testing.assert_allclose(table.numpy(), outer(x.numpy(), [1.0, 2.0, 3.0]))


def test_a_shape_parameter_that_needs_a_gradient_is_refused() -> None:
    a = Tensor([1.5], requires_grad=True)
    for call in (
        lambda: sp.gammainc(a, 1.0),
        lambda: sp.jv(a, 1.0),
        lambda: sp.betainc(1.0, a, 0.5),
        lambda: sp.hyp2f1(a, 1.0, 2.0, 0.3),
    ):
        with pytest.raises(NonDifferentiableError, match=r"special\.\w+ has no gradient with respect to"):
            call()
    assert sp.gammainc(a.detach(), Tensor([1.0], requires_grad=True)).requires_grad


def test_a_ufunc_without_rule_is_named() -> None:
    with pytest.raises(TypeError, match=r"scipy\.special\.struve is not supported .*docs/supported\.md"):
        sp.struve(0, Tensor([1.0], requires_grad=True))


def test_lists_are_parameters_too() -> None:
    _, pullback = ag.vjp(lambda t: sp.jv([0, 1], t), np.array([0.5, 2.0]))
    np.testing.assert_allclose(pullback(np.ones(2))[()], [-sp.j1(0.5), (sp.j0(2.0) - sp.jv(2, 2.0)) / 2], rtol=1e-14)


# ---------------------------------------------------------------- zero cotangents and kinks


SINGULAR = [
    (sp.erfinv, 1.0), (sp.erfcinv, 0.0), (sp.gamma, 0.0), (sp.gammaln, 0.0), (sp.psi, -1.0), (sp.gammaln, -2.0),
    (sp.logit, 0.0), (sp.logit, 1.0), (sp.entr, 0.0), (sp.entr, -1.0), (sp.ndtri, 0.0), (sp.exp1, 0.0), (sp.expi, 0.0),
    (sp.k0, 0.0), (sp.y1, 0.0), (sp.cbrt, 0.0), (sp.log1p, -1.0), (sp.ellipk, 1.0), (sp.ellipkm1, 0.0),
    (sp.ellipe, 1.0), (sp.spence, 0.0), (sp.erfcx, -30.0), (sp.i0, 800.0), (sp.erfi, 40.0), (sp.exprel, 800.0),
    (sp.wrightomega, -1e4), (sp.exp10, 400.0),
]  # fmt: skip


@pytest.mark.parametrize(("function", "point"), SINGULAR, ids=lambda v: getattr(v, "__name__", str(v)))
def test_a_zero_cotangent_stays_zero(function: Any, point: float) -> None:
    x = np.array([point, 0.4])

    def masked(t: Any) -> Any:
        return np.sum(np.where(np.array([False, True]), function(t), 0.0))

    with np.errstate(all="ignore"):
        first = ag.grad(masked)(x)
        second = ag.grad(lambda t: np.sum(ag.grad(masked)(t) * 1.0))(x)
    assert first[0] == 0
    assert second[0] == 0
    assert np.isfinite(first).all()
    assert np.isfinite(second).all()


@pytest.mark.parametrize("function", [sp.xlogy, sp.rel_entr, sp.kl_div], ids=lambda f: f.__name__)
def test_zero_cotangents_of_two_arguments(function: Any) -> None:
    x, y = np.array([0.0, 0.0, 2.0]), np.array([0.0, 1.0, 0.0])
    with np.errstate(all="ignore"):
        gx, gy = ag.vjp(lambda a, b: np.where(False, function(a, b), 0.0), x, y)[1](np.ones(3))
    assert not gx.any()
    assert not gy.any()


# ---------------------------------------------------------------- accuracy, against closed forms


@pytest.mark.parametrize("a", [1e-10, 0.3, 1.0, 7.0, 1e3, 1e10, 1e15, 1e200])
def test_betaln_has_full_accuracy_at_any_ratio(a: float) -> None:
    # B(a, 1) = 1/a and B(a, 2) = 1/(a(a + 1))
    assert derivative(lambda t: sp.betaln(t, 1.0), a) == pytest.approx(-1 / a, rel=3e-15)
    assert derivative(lambda t: sp.betaln(t, 2.0), a) == pytest.approx(-1 / a - 1 / (a + 1), rel=3e-15)
    if a < 1e100:
        assert derivative(lambda t: sp.betaln(t, 1.0), a, 2) == pytest.approx(1 / a / a, rel=1e-12)


def test_betaln_of_a_tiny_second_argument() -> None:
    # ψ(1) − ψ(1 + ε) = −ζ(2) ε
    assert derivative(lambda t: sp.betaln(t, 1e-13), 1.0) == pytest.approx(-(math.pi**2) / 6 * 1e-13, rel=1e-12)


@pytest.mark.parametrize("x", [9.0, 40.0, 1e4, 1e8, 1e150])
def test_erfcx_and_dawsn_where_their_slopes_cancel(x: float) -> None:
    # erfcx′ = −2/√π (t − 3t² + 15t³ − …) and dawsn′ = −(t + 3t² + 15t³ + …)
    t = 0.5 / x / x
    expected = (
        -2
        / math.sqrt(math.pi)
        * t
        * (1 - 3 * t * (1 - 5 * t * (1 - 7 * t * (1 - 9 * t * (1 - 11 * t * (1 - 13 * t))))))
    )
    assert derivative(sp.erfcx, x) == pytest.approx(expected, rel=1e-9 if x < 10 else 1e-14)
    expected = -t * (1 + 3 * t * (1 + 5 * t * (1 + 7 * t * (1 + 9 * t * (1 + 11 * t * (1 + 13 * t))))))
    assert derivative(sp.dawsn, x) == pytest.approx(expected, rel=1e-8 if x < 10 else 1e-14)


def test_log_ndtr_in_both_tails() -> None:
    # φ/Φ = −x (1 + 1/x² + …) far below, e^(−x²/2)/√(2π) far above
    assert derivative(sp.log_ndtr, -1e8) == pytest.approx(1e8, rel=1e-15)
    assert derivative(sp.log_ndtr, -1e8, 2) == pytest.approx(-1.0, rel=1e-12)
    assert derivative(sp.log_ndtr, 30.0) == pytest.approx(math.exp(-450) / math.sqrt(2 * math.pi), rel=1e-13)
    assert derivative(sp.log_ndtr, 60.0, 2) == 0.0


def test_kl_div_of_almost_equal_numbers() -> None:
    y = 1.0 + 2.0**-30
    assert derivative(lambda t: sp.kl_div(t, y), 1.0) == pytest.approx(-math.log1p(2.0**-30), rel=1e-15)
    assert derivative(lambda t: sp.kl_div(1.0, t), y) == pytest.approx(2.0**-30 / y, rel=1e-15)


def test_rel_entr_does_not_overflow() -> None:
    assert derivative(lambda t: sp.rel_entr(t, 1e-200), 1e200) == pytest.approx(400 * math.log(10) + 1, rel=1e-14)


@pytest.mark.parametrize("x", [-30.0, 30.0])
def test_expit_in_both_tails(x: float) -> None:
    e = math.exp(-abs(x))
    assert derivative(sp.expit, x) == pytest.approx(e / (1 + e) ** 2, rel=1e-14)
    assert derivative(sp.expit, x, 2) == pytest.approx(-math.copysign(1, x) * e * (1 - e) / (1 + e) ** 3, rel=1e-14)


@pytest.mark.parametrize("x", [0.2, 1.7, 1e5])
def test_power_transforms_at_lambda_zero(x: float) -> None:
    logarithm = math.log(x)
    assert derivative(lambda t: sp.boxcox(x, t), 0.0) == pytest.approx(logarithm**2 / 2, rel=1e-14)
    assert derivative(lambda t: sp.boxcox(x, t), 0.0, 2) == pytest.approx(logarithm**3 / 3, rel=1e-14)
    assert derivative(lambda t: sp.inv_boxcox(0.5, t), 0.0) == pytest.approx(-0.125 * math.exp(0.5), rel=1e-14)


def test_limits_at_removable_singularities() -> None:
    assert derivative(sp.exprel, 0.0) == 0.5
    assert derivative(sp.exprel, 0.0, 2) == pytest.approx(1 / 3, rel=1e-15)
    assert derivative(sp.ellipk, 0.0) == pytest.approx(math.pi / 8, rel=1e-15)
    assert derivative(sp.ellipe, 0.0) == pytest.approx(-math.pi / 8, rel=1e-15)
    assert derivative(sp.spence, 1.0) == -1.0
    assert derivative(sp.spence, 1.0, 2) == 0.5
    assert derivative(sp.i1, 0.0) == 0.5
    assert [derivative(sp.rgamma, -n) for n in range(4)] == pytest.approx([1, -1, 2, -6], rel=1e-14)
    assert derivative(sp.rgamma, 0.0, 2) == pytest.approx(2 * np.euler_gamma, rel=1e-14)


@pytest.mark.parametrize("p", [1e-300, 1e-12, 1e-3])
def test_ellipkm1_near_its_pole(p: float) -> None:
    # K = (1 + p/4 + …) ln(4/√p) − p/4 + …
    assert derivative(sp.ellipkm1, p) == pytest.approx(
        -1 / (2 * p) + math.log(4 / math.sqrt(p)) / 4 - 3 / 8, rel=1e-3 if p > 1e-4 else 1e-11
    )


def test_gamma_density_of_large_parameters() -> None:
    # at x = a − 1 the density of the gamma distribution is e^(−1/(12a) + …)/√(2π(a−1))
    a = 1e6
    assert derivative(lambda t: sp.gammainc(a, t), a - 1) == pytest.approx(
        math.exp(-1 / (12 * (a - 1))) / math.sqrt(2 * math.pi * (a - 1)), rel=1e-11
    )


@pytest.mark.parametrize("name", ["gammaln", "log_ndtr", "ellipk", "expit", "erfcx", "i1", "spence", "entr"])
def test_float32_stays_float32(name: str) -> None:
    x = Tensor(np.array([0.3, 0.6], np.float32), requires_grad=True)
    y = getattr(sp, name)(x)
    assert y.dtype == np.float32
    (g,) = ag.gradients([np.sum(y)], [x], create_graph=True)
    assert g.dtype == np.float32
    assert ag.gradients([np.sum(g)], [x])[0].dtype == np.float32


# ---------------------------------------------------------------- autograd_np.special


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_polygamma(n: int) -> None:
    x = np.array([0.3, 1.0, 12.0])
    np.testing.assert_allclose(ag.special.polygamma(n, x).numpy(), sp.polygamma(n, x), rtol=1e-15)
    assert gradcheck(lambda t: ag.special.polygamma(n, t), (x,), order=2)
    np.testing.assert_allclose(
        ag.elementwise_grad(lambda t: ag.special.polygamma(n, t))(x), sp.polygamma(n + 1, x), rtol=1e-14
    )
    with pytest.raises(ValueError, match="polygamma: the order must not be negative"):
        ag.special.polygamma(-1, x)
    with pytest.raises(TypeError):
        ag.special.polygamma(0.5, x)  # type: ignore[arg-type]


def test_multigammaln() -> None:
    a = np.array([2.5, 4.0])
    np.testing.assert_allclose(ag.special.multigammaln(a, 3).numpy(), sp.multigammaln(a, 3), rtol=1e-15)
    assert gradcheck(lambda t: ag.special.multigammaln(t, 3), (a,), order=2)
    with pytest.raises(ValueError, match=r"greater than \(d - 1\)/2"):
        ag.special.multigammaln(a, 7)
    with pytest.raises(ValueError, match="d must be positive"):
        ag.special.multigammaln(a, 0)


def test_the_namespace_names_scipy_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(ImportError, match="polygamma needs SciPy: pip install scipy"):
        ag.special.polygamma(1, 2.0)


def test_array_functions_stand_in_the_namespace() -> None:
    x = np.array([[0.5, 1.0], [-2.0, 3.0]])
    space: Any = ag.special
    np.testing.assert_allclose(space.logsumexp(x, axis=1).numpy(), sp.logsumexp(x, axis=1), rtol=1e-15)
    np.testing.assert_allclose(ag.special.softmax(x, axis=0).numpy(), sp.softmax(x, axis=0), rtol=1e-15)
    np.testing.assert_allclose(ag.special.log_softmax(x, axis=0).numpy(), sp.log_softmax(x, axis=0), rtol=1e-14)
    assert all(getattr(ag.special, name).__doc__ for name in ag.special.__all__)


@pytest.mark.parametrize("x", [1e3, 1e8, 1e15])
def test_scaled_bessel_functions_where_their_slopes_cancel(x: float) -> None:
    # I(v, x) e^−x and K(v, x) e^x fall like x^(−1/2) (1 ∓ (4v² − 1)/(8x) + …)
    for f, v, sign in ((sp.i0e, 0, -1), (sp.i1e, 1, -1), (sp.k0e, 0, 1), (sp.k1e, 1, 1)):
        ratio = derivative(f, x) * x / float(f(x))
        assert ratio == pytest.approx(-0.5 - sign * (4 * v * v - 1) / (8 * x), rel=1e-5 if x < 1e4 else 1e-14)
        assert derivative(f, x, 2) * x * x / float(f(x)) == pytest.approx(0.75, rel=1e-2 if x < 1e4 else 1e-7)
