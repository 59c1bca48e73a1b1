"""What depends smoothly on an argument has a gradient for it, or raises: nothing is constant in silence."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine.pytree import flatten
from autograd_np.proofs.cases import as_list, cases, names, subject

# ---------------------------------------------------------------- the hunt

# Parts of other functions, which make the gradient themselves or in which these cancel.
PARTS = {
    "peak": "a scale of norms, which cancels",
    "places": "the weights of quantiles; where q needs a gradient, the quantile refuses",
    "histogram_counts": "the edges: edges_from makes them of what they come from",
    "histogram_edges": "the same",
    "power_log": "its first operand is x**y itself",
    "empty_like": "undefined values",
}


def places(name: str) -> Any:
    """Every float, or array of floats, of every sample: as a call of one argument, and its value."""
    found = subject(name)
    for sample in cases(name):
        leaves, rebuild = flatten((sample.args, sample.kwargs))
        for i, value in enumerate(leaves):
            array = isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind == "f" and value.size
            if not array and value.__class__ is not float:
                continue

            def call(v: Any, i: int = i, leaves: Any = leaves, rebuild: Any = rebuild) -> list[Any]:
                args, kwargs = rebuild([*leaves[:i], v, *leaves[i + 1 :]])
                return as_list(found.function(*args, **kwargs))

            yield call, value, sample


def slopes(call: Any, value: Any, direction: Any) -> list[Any]:
    """The derivative of each output along a direction where it is smooth, NaN elsewhere."""

    def numbers(step: float) -> list[Any]:
        v = np.asarray(value, dtype=np.float64) + step * direction
        outputs = call(v if isinstance(value, (np.ndarray, np.generic)) else v.item())
        return [np.asarray(y._values if isinstance(y, ag.Tensor) else y) for y in outputs]

    wide, narrow = ((numbers(h), numbers(-h), 2 * h) for h in (1e-4, 5e-5))
    found = []
    for up, down, closer, opposite in zip(*wide[:2], *narrow[:2], strict=True):
        if up.dtype.kind not in "fc" or up.shape != down.shape:
            found.append(np.full((), np.nan))
            continue
        coarse, fine = (up - down) / wide[2], (closer - opposite) / narrow[2]
        size = np.max(np.abs(up[np.isfinite(up)]), initial=1e-3)
        smooth = (np.abs(coarse - fine) <= 1e-3 * np.abs(coarse)) & (np.abs(coarse) > 1e-6 * size)
        found.append(np.where(smooth, np.real(coarse), np.nan))
    return found


def detached(name: str) -> list[str]:
    """What depends on an argument but gets no gradient from it."""
    rng = np.random.default_rng(1)
    findings = []
    for call, value, sample in places(name):
        data = np.asarray(value, dtype=np.float64)
        t = ag.Tensor(data.copy(), requires_grad=True)
        try:
            outputs = call(t)
        except (TypeError, ValueError, ArithmeticError):  # refused
            continue
        direction = rng.uniform(0.5, 1.5, data.shape) * np.where(
            np.isfinite(data), np.where(data == 0, not data.any(), np.abs(data)), 0
        )
        try:
            expected = slopes(call, value, direction)
        except (TypeError, ValueError, ArithmeticError, IndexError):  # a step leaves the domain
            continue
        for number, (y, slope) in enumerate(zip(outputs, expected, strict=True)):
            smooth = np.isfinite(slope)
            if not smooth.any() or np.shape(slope) != np.shape(y):
                continue
            g = None
            if isinstance(y, ag.Tensor) and y.requires_grad:
                if sample.expected is not None or not abs(np.sum(slope[smooth])) > 1e-6:
                    continue  # a convention; or what cancels in the sum
                (g,) = ag.gradients(
                    y, [t], [np.where(smooth, 1.0, 0.0).astype(y.dtype)], allow_unused=True, retain_graph=True
                )
            if g is None or not np.any(g):
                findings.append(
                    f"{name} ({sample.label or 'plain'}): output {number} has slope {np.nanmax(np.abs(slope)):.3g} "
                    "and no gradient"
                )
    return findings


def test_nothing_that_depends_smoothly_on_an_argument_is_constant() -> None:
    found = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for name in names():
            if name not in PARTS:
                found += detached(name)
    assert not found, "\n".join(found)


def test_the_hunt_finds_what_is_detached(monkeypatch: pytest.MonkeyPatch) -> None:
    assert detached("peak")
    monkeypatch.setattr("autograd_np.primitives.statistics.needing", lambda *values: False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(detached("histogram_bin_edges")) >= 2
        assert detached("histogram")


# ---------------------------------------------------------------- histograms

X = np.array([0.2, 1.1, 1.9, 2.4, 4.0])
Y = np.array([1.0, -2.0, 0.5, 3.0, 0.7])
W = np.array([0.3, 1.7, 0.9, 1.1, 2.0])
HISTOGRAMS = {
    "edges": lambda t: np.histogram(t, bins=4)[1],
    "edges by name": lambda t: np.histogram_bin_edges(t, "fd"),
    "bin edges": lambda t: np.histogram_bin_edges(t, 3),
    "density": lambda t: np.histogram(t, bins=4, density=True)[0],
    "both": lambda t: np.concatenate(np.histogram(t, "sturges", density=True)),
    "range": lambda t: np.histogram(t, bins=3, range=(t[0] - 0.1, t[4] + t[0]), density=True)[0],
    "one end": lambda t: np.histogram_bin_edges(t, 3, range=(0.0, t[4])),
    "bins": lambda t: np.histogram(Y, t, density=True)[0],
    "bins themselves": lambda t: np.histogram(Y, t)[1],
    "weights": lambda t: np.histogram(X, 3, weights=t, density=True)[0],
    "weights of its own data": lambda t: np.histogram(t, 3, weights=t * t, density=True)[0],
    "two dimensions": lambda t: np.histogram2d(t, Y, bins=2, density=True)[0],
    "edges of two": lambda t: np.concatenate(np.histogram2d(Y, t, bins=[2, 3])[1:]),
    "range of two": lambda t: np.histogram2d(t, Y, 2, [[t[0] - 0.1, 5.0], [-2.5, t[4]]], True)[0],
    "weights of two": lambda t: np.histogram2d(X, Y, 2, weights=t, density=True)[0],
    "several": lambda t: np.histogramdd(np.stack([t, Y, t * Y], axis=1), bins=2, density=True)[0],
    "edges of several": lambda t: np.concatenate(np.histogramdd([t, Y * t], bins=[2, np.array([-5.0, 0.0, 5.0])])[1]),
    "weights of several": lambda t: np.histogramdd([X, Y], bins=[2, 3], weights=t)[0],
    "one of several": lambda t: np.histogramdd(t, 4, density=True)[0],
}


@pytest.mark.parametrize("kind", HISTOGRAMS)
def test_histograms_against_differences(kind: str) -> None:
    f = HISTOGRAMS[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert ag.gradcheck(f, X)
        expected = f(X)
        y = f(ag.Tensor(X, requires_grad=True))
        assert y.requires_grad
        np.testing.assert_allclose(y._values, expected, rtol=1e-14)
        assert y.dtype == expected.dtype


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize(
    "kind", ["edges", "bin edges", "density", "two dimensions", "edges of two", "weights", "several"]
)
def test_histograms_keep_numpys_dtypes(kind: str, dtype: Any) -> None:
    x = X.astype(dtype)
    if kind == "weights" and dtype is np.longdouble:
        pytest.skip("np.bincount sums in float64")
    expected, t = HISTOGRAMS[kind](x), ag.Tensor(x, requires_grad=True)
    y = HISTOGRAMS[kind](t)
    assert y.dtype == expected.dtype
    np.testing.assert_allclose(y._values, expected, rtol=8 * float(np.finfo(dtype).eps))
    y.sum().backward()
    assert t.grad.dtype == dtype


# By a name the numbers choose how many bins there are; np.histogramdd returns lists in a tuple.
REFUSED = {"edges by name", "both", "several", "edges of several", "weights of several", "one of several"}


@pytest.mark.parametrize("kind", HISTOGRAMS)
def test_compiled_histograms_are_right_or_refused(kind: str) -> None:
    f, w = HISTOGRAMS[kind], np.cos(np.arange(40.0))

    def loss(t: Any) -> Any:
        y = np.ravel(f(t))
        return np.sum(y * w[: y.size])

    compiled, refused = ag.compile(ag.grad(loss)), False
    for x in (X, X * 1.01, X):
        try:
            g = compiled(x)
        except ag.CompileError:
            refused = True
            break
        np.testing.assert_allclose(g, ag.grad(loss)(x), rtol=1e-12)
    assert refused == (kind in REFUSED)


def test_histograms_of_equal_elements_and_of_none() -> None:
    t = ag.Tensor(np.full(3, 2.0), requires_grad=True)
    edges = np.histogram(t, 2)[1]
    assert edges.tolist() == [1.5, 2.0, 2.5]
    edges.sum().backward()
    np.testing.assert_allclose(
        t.grad, np.ones(3)
    )  # the ends are shared by all three: 1.5 each for the smallest and the largest
    t = ag.Tensor(np.zeros(0), requires_grad=True)
    np.testing.assert_allclose(np.histogram_bin_edges(t, 2)._values, [0.0, 0.5, 1.0])


def test_complex_weights() -> None:
    w = ag.Tensor(W + 1j * Y, requires_grad=True)
    counts = np.histogram(X, 3, weights=w)[0]
    np.testing.assert_allclose(counts._values, np.histogram(X, 3, weights=W + 1j * Y)[0])
    np.sum(np.real(counts * np.array([1.0, 2.0j, 3.0]))).backward()
    np.testing.assert_allclose(w.grad, [1.0, 1.0, 2.0j, 2.0j, 3.0])


def test_bad_bins_are_numpys_errors() -> None:
    t = ag.Tensor(X, requires_grad=True)
    for call in (
        lambda x: np.histogram(x, 0),
        lambda x: np.histogramdd([x], [2, 3]),
        lambda x: np.histogram(x, range=(2, 1)),
        lambda x: np.histogram2d(x, x[:2]),
    ):
        with pytest.raises(ValueError) as ours:
            call(t)
        with pytest.raises(ValueError) as numpys:
            call(X)
        assert str(numpys.value).split(",")[0].rstrip(".") in str(ours.value)


def test_the_next_number_has_slope_one() -> None:
    x = np.array([1.0, -2.5])
    np.testing.assert_allclose(ag.grad(lambda t: np.sum(np.nextafter(t, 9.0) ** 2))(x), 2 * x)
    assert ag.gradcheck(lambda t: np.nextafter(t, 0.0), x)


def test_a_product_with_the_zero_polynomial() -> None:
    assert ag.gradcheck(lambda t: np.polymul(t, [1.0, 2.0]), np.zeros(1), order=1)
