"""Polynomials, sets and files on Tensors: what the samples cannot say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from autograd_np import NonDifferentiableError, Tensor, gradcheck

rng = np.random.default_rng(0)


def needing(*values: float) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


def test_polyfit_full_is_numpys() -> None:
    x, y = np.linspace(-1, 1, 6), rng.normal(size=6)
    given, expected = np.polyfit(Tensor(x), Tensor(y), 2, full=True), np.polyfit(x, y, 2, full=True)
    assert len(given) == len(expected)
    for a, b in zip(given, expected, strict=True):
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-12)
    assert gradcheck(lambda a, b: np.polyfit(a, b, 2, full=True)[1], (x, y), order=2)


def test_polyfit_warns_of_rank_deficiency() -> None:
    with pytest.warns(np.exceptions.RankWarning, match="poorly conditioned"):
        np.polyfit(Tensor(np.ones(4)), Tensor(np.ones(4)), 2)


def test_roots_and_poly_are_inverse() -> None:
    p = np.array([1.0, -2.0, -5.0, 6.0])
    np.testing.assert_allclose(np.poly(np.roots(Tensor(p))).numpy(), p, rtol=1e-10)
    assert gradcheck(lambda c: np.sum(np.real(np.roots(c)) ** 2), (p,), order=1)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda t: np.polyval(np.poly1d([1.0]), t), TypeError, "polyval: p is a poly1d"),
        (lambda t: np.polyadd(t, np.ones((2, 2))), ValueError, "polyadd: a2 has shape"),
        (lambda t: np.polyder(t, -1), ValueError, "polyder: m must not be negative"),
        (lambda t: np.polyint(t, -1), ValueError, "polyint: m must not be negative"),
        (lambda t: np.polyint(t, 3, [1.0, 2.0]), ValueError, "polyint: 2 constants"),
        (lambda t: np.polyfit(t, np.ones(3), 1), TypeError, r"polyfit: x of shape \(2,\)"),
        (lambda t: np.polyfit(t, np.ones(2), -1), ValueError, "polyfit: deg"),
        (lambda t: np.polyfit(t, np.ones(2), 1, w=np.ones(3)), TypeError, "polyfit: w of shape"),
        (lambda t: np.polyfit(t, np.ones(2), 1, cov=True), ValueError, "polyfit: the number of points"),
        (lambda t: np.poly(np.outer(t, np.ones(3))), ValueError, "poly: needs a row"),
        (lambda t: np.vander(np.outer(t, t)), ValueError, "vander: x must have one axis"),
        (lambda t: np.apply_along_axis(np.sum, 1, t), np.exceptions.AxisError, "out of bounds"),
        (lambda t: np.apply_along_axis(np.sum, 1, Tensor(np.zeros((0, 2)))), ValueError, "no row to call"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_errors(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call(needing(1.0, 2.0))


def test_a_function_along_an_axis_gets_its_keywords() -> None:
    x = Tensor(rng.normal(size=(2, 3)), requires_grad=True)
    y = np.apply_along_axis(lambda row, scale, power=1: scale * np.sum(row**power), 1, x, 3.0, power=2)
    np.testing.assert_allclose(y.numpy(), 3 * np.sum(x.numpy() ** 2, axis=1))
    y.sum().backward()
    np.testing.assert_allclose(x.grad, 6 * x.numpy())


def test_sets_carry_gradients_to_the_elements() -> None:
    x, y = needing(3.0, 1.0, 2.0), needing(2.0, 5.0)
    np.sum(np.union1d(x, y) * np.array([1.0, 10.0, 100.0, 1000.0])).backward()
    assert x.grad.tolist() == [100.0, 1.0, 10.0]
    assert y.grad.tolist() == [0.0, 1000.0]
    assert np.setdiff1d(x, y).tolist() == [1.0, 3.0]
    assert np.isin(x, y).tolist() == [False, False, True]
    assert not np.isin(x, y).requires_grad


def test_in1d_where_numpy_has_it() -> None:
    in1d: Any = getattr(np, "in1d", None)
    if in1d is None:
        pytest.skip("this NumPy has no in1d")
    assert in1d(needing(1.0, 2.0), [2.0]).tolist() == [False, True]


@pytest.mark.parametrize("name", ["save", "savez", "savez_compressed", "savetxt"])
def test_saving_takes_values_only(name: str, tmp_path: Path) -> None:
    save = getattr(np, name)
    file = tmp_path / ("t.txt" if name == "savetxt" else "t.npy" if name == "save" else "t.npz")
    with pytest.raises(NonDifferentiableError, match=rf"np\.{name} writes values, not gradients: pass t\.numpy\(\)"):
        save(file, needing(1.0, 2.0))
    assert not file.exists()
    save(file, Tensor([1.0, 2.0]))
    found = np.loadtxt(file) if name == "savetxt" else np.load(file)
    np.testing.assert_array_equal(found if isinstance(found, np.ndarray) else found["arr_0"], [1.0, 2.0])
    if name.startswith("savez"):
        save(file, weights=Tensor([3.0]))
        assert np.load(file)["weights"].tolist() == [3.0]


def test_unwrap_has_gradient_one() -> None:
    assert ag.grad(lambda x: np.sum(np.unwrap(x) * np.array([1.0, 2.0, 3.0])))(np.array([0.0, 6.0, 12.0])).tolist() == [
        1.0,
        2.0,
        3.0,
    ]
