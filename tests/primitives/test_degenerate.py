"""Second derivatives that no rule can know: they warn, and nothing else does."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.primitives.linalg_degenerate import DegenerateWarning

la = np.linalg
ZERO, AWAY = np.zeros(3), np.array([1.0, -2.0, 0.5])


def warned(call: Callable[[], Any]) -> set[str]:
    """The first words of the DegenerateWarnings."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", DegenerateWarning)
        call()
    return {
        str(each.message).partition(" coincide or" if " coincide or" in str(each.message) else " is 0")[0]
        for each in found
    }


SMOOTH: dict[str, tuple[Callable[[Any], Any], str]] = {
    "norm": (lambda x: la.norm(x) ** 2, "a norm"),
    "norm, axis": (lambda x: np.sum(la.norm(np.stack([x, 2 * x]), axis=1) ** 2), "a norm"),
    "fro": (lambda x: la.norm(np.outer(x, x + 1), "fro") ** 2, "a norm"),
    "norm, 3": (lambda x: la.norm(x, 3) ** 2, "a norm"),
    "norm, 1": (lambda x: la.norm(x, 1) ** 2, "a norm"),
    "norm, inf": (lambda x: la.norm(x, np.inf) ** 2, "a norm"),
    "norm, -inf": (lambda x: la.norm(x, -np.inf) ** 2, "a norm"),
    **{
        f"norm of a matrix, {p}": (lambda x, p=p: la.norm(np.outer(x, [1.0, 2.0]), p) ** 2, "a norm")
        for p in (1, np.inf, 2, "nuc")
    },
    "vector_norm, 1": (lambda x: np.cosh(la.vector_norm(x, ord=1)), "a norm"),
    "vector_norm": (lambda x: np.cosh(la.vector_norm(x)), "a norm"),
    "matrix_norm": (lambda x: la.matrix_norm(x[None]) ** 2, "a norm"),
    "hypot": (lambda x: np.hypot(x[0], x[1]) ** 2, "hypot"),
    "abs": (lambda x: np.sum(np.abs(x) ** 2), "abs"),
    "fabs": (lambda x: np.sum(np.fabs(x) * np.fabs(x)), "abs"),
    "complex abs": (lambda x: np.sum(np.abs(x + 1j * x[::-1]) ** 2), "abs"),
    "std": (lambda x: np.std(x) ** 2, "a standard deviation"),
    "nanstd": (lambda x: np.nanstd(x) ** 2, "a standard deviation"),
    "sqrt": (lambda x: np.sqrt(np.sum(x * x)) ** 2, "a square root"),
    "power": (lambda x: (np.sum(x**2) ** 0.5) ** 2, "a square root"),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_functions_of_a_norm_that_is_0(name: str) -> None:
    """In second order, at 0, in every spelling and in each replay; not in first order, nor away from 0."""
    f, words = SMOOTH[name]
    second = [ag.hessian(f), ag.grad(lambda x: np.sum(ag.grad(f)(x))), lambda x: ag.hvp(f, x, np.ones(3))]
    for g in second:
        assert warned(lambda g=g: g(ZERO)) == {words}
        assert warned(lambda g=g: g(AWAY)) == set()
    for g in (ag.grad(f), lambda x: ag.jvp(f, (x,), (np.ones(3),))):
        assert warned(lambda g=g: g(ZERO)) == set()
    compiled = ag.compile(ag.hessian(f))
    assert [warned(lambda x=x: compiled(x)) for x in (AWAY, ZERO, 2 * AWAY, ZERO)] == [set(), {words}, set(), {words}]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x * x) + 0.1 * np.sum(np.abs(x)),
        lambda x: la.norm(x),
        lambda x: np.std(x),
        lambda x: la.norm(x, 1) + la.norm(x, np.inf),
        lambda x: la.norm(np.outer(x, x + 1), 2) + la.norm(np.outer(x, x + 1), "nuc") + np.sum(x * x),
        lambda x: la.norm(x, 0) ** 2 + np.sum(x * x),
        lambda x: np.sum(ag.relu(x) ** 2 + np.maximum(x, 0) ** 2),
        lambda x: np.sum(np.where(x != 0, np.abs(x), 0.0) + np.where(x > 0, np.sqrt(x), 0.0)),
        lambda x: np.sum(np.sqrt(1 + x * x) + np.hypot(x, 1.0) ** 2),
    ],
)
def test_kinks_by_convention_and_masks_are_silent(f: Callable[[Any], Any]) -> None:
    with np.errstate(all="ignore"):
        assert warned(lambda: ag.hessian(f)(ZERO)) == set()


# ---------------------------------------------------------------- eigenvalues that nearly coincide


def symmetric(a: Any) -> Any:
    return (a + a.T) / 2


_TURN = la.qr(np.array([[1.0, 2.0, -1.0], [0.5, -1.0, 3.0], [2.0, 0.3, 0.7]]))[0]
_SKEWED = np.array([[1.0, 0.1, 0.0], [0.05, 1.0, 0.2], [0.1, 0.0, 1.0]])
_V = np.array([[0.3, -1.0, 0.7], [0.2, 1.1, -0.4], [0.9, -0.6, 0.5]])
# The function, the same without a decomposition, the matrix whose values are given.
SPECTRAL: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "eigvalsh": (
        lambda a: np.sum(la.eigvalsh(symmetric(a)) ** 2),
        lambda a: np.sum(symmetric(a) ** 2),
        lambda d: (_TURN * d) @ _TURN.T,
    ),
    "eigh": (
        lambda a: np.sum(la.eigh(symmetric(a))[0] ** 2),
        lambda a: np.sum(symmetric(a) ** 2),
        lambda d: (_TURN * d) @ _TURN.T,
    ),
    "svdvals": (lambda a: np.sum(la.svdvals(a) ** 2), lambda a: np.sum(a**2), lambda d: (_TURN * d) @ _TURN),
    "svd": (lambda a: np.sum(la.svd(a)[1] ** 2), lambda a: np.sum(a**2), lambda d: (_TURN * d) @ _TURN),
    "eigvals": (
        lambda a: np.real(np.sum(la.eigvals(a) ** 2)),
        lambda a: np.sum(a * a.T),
        lambda d: (_SKEWED * d) @ la.inv(_SKEWED),
    ),
    "eig": (
        lambda a: np.real(np.sum(la.eig(a)[0] ** 2)),
        lambda a: np.sum(a * a.T),
        lambda d: (_SKEWED * d) @ la.inv(_SKEWED),
    ),
}


@pytest.mark.parametrize(
    ("name", "gap"), list(itertools.product(SPECTRAL, [0.0, 1e-14, 1e-12, 1e-11, 1e-8, 1e-5, 0.3]))
)
def test_values_that_nearly_coincide(name: str, gap: float) -> None:
    """A second derivative that is wrong in the sixth digit has warned; at a distance of 1e-5 nothing does."""
    f, plain, made = SPECTRAL[name]
    a = made(np.array([1.0, 1.0 + gap, 3.0]))
    second = lambda f: ag.grad(lambda a: np.sum(ag.grad(f)(a) * _V))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", DegenerateWarning)
        h = second(f)(a)
    error = float(np.max(np.abs(h - second(plain)(a))))
    assert found or error < 1e-5
    assert bool(found) == (gap < 1e-8)
    assert warned(lambda: ag.grad(f)(a)) == set()
    if gap in (1e-12, 0.3):
        assert bool(warned(lambda: ag.compile(second(f))(a))) == bool(found)


def test_vectors_that_nearly_coincide_in_second_order() -> None:
    """V diag(λ) Vᵀ, the matrix itself: the error of its second derivative goes as 1/gap²."""
    f = lambda a: (lambda w, v: np.sum(((v * w) @ v.T) * _V))(*la.eigh(symmetric(a)))  # noqa: PLC3002
    second = ag.grad(lambda a: np.sum(ag.grad(f)(a) * _V))
    for gap, lost in ((1e-8, True), (1e-7, True), (1e-3, False)):
        a = (_TURN * np.array([1.0, 1.0 + gap, 3.0])) @ _TURN.T
        assert bool(warned(lambda a=a: second(a))) == lost
        assert warned(lambda a=a: ag.grad(f)(a)) == set()


def test_sums_of_tied_eigenvalues_are_silent() -> None:
    """The trace: its second derivative is 0 at a tie too."""
    a = np.eye(3)
    assert warned(lambda: ag.hessian(lambda a: np.sum(la.eigvalsh(symmetric(a))))(a)) == set()
    np.testing.assert_allclose(ag.hessian(lambda a: np.sum(la.eigvalsh(symmetric(a))))(a), 0, atol=1e-15)
