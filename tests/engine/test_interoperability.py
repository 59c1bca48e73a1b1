"""Tensors beside and inside the objects of other packages: xarray, pint, pandas, sparse matrices of SciPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
from autograd_np.engine.tensor import Tensor

X = np.array([0.5, 1.5, 2.5])
W = np.array([2.0, -1.0, 3.0])


@pytest.fixture
def xr() -> Any:
    return pytest.importorskip("xarray")


@pytest.fixture(scope="module")
def units() -> Any:
    return pytest.importorskip("pint").UnitRegistry()


@pytest.fixture
def pd() -> Any:
    return pytest.importorskip("pandas")


@pytest.fixture
def sp() -> Any:
    return pytest.importorskip("scipy.sparse")


# ---------------------------------------------------------------- xarray

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "multiply": np.multiply,
    "hypot": np.hypot,
    "arctan2": np.arctan2,
    "maximum": np.maximum,
}


@pytest.mark.parametrize("operation", BINARY)
@pytest.mark.parametrize("kind", ["DataArray", "Variable", "Dataset"])
def test_xarray_on_either_side(operation: str, kind: str, xr: Any) -> None:
    f = BINARY[operation]

    def labelled(values: Any) -> Any:
        return xr.Dataset({"a": ("x", values)}) if kind == "Dataset" else getattr(xr, kind)(data=values, dims="x")

    def held(result: Any) -> Any:
        assert type(result) is type(labelled(W))
        return result["a"].data if kind == "Dataset" else result.data

    other = np.array([1.0, 2.0, 0.25])
    for plain, by_label in (
        (lambda t: f(t, other), lambda t: held(f(t, labelled(other)))),
        (lambda t: f(other, t), lambda t: held(f(labelled(other), t))),
        (lambda t: f(t, t * 2), lambda t: held(f(t, labelled(t * 2)))),
        (lambda t: f(t * 2, t), lambda t: held(f(labelled(t * 2), t))),
    ):
        np.testing.assert_array_equal(
            ag.grad(lambda t, g=by_label: np.sum(np.sin(g(t))))(X), ag.grad(lambda t, g=plain: np.sum(np.sin(g(t))))(X)
        )


def test_comparisons_with_xarray(xr: Any) -> None:
    t, labelled = Tensor(X, requires_grad=True), xr.DataArray([1.0, 1.5, 2.0], dims="x")
    for result, expected in (
        (t < labelled, labelled.values > X),
        (t >= labelled, labelled.values <= X),
        (t == labelled, labelled.values == X),
        (labelled != t, labelled.values != X),
    ):
        assert type(result) is xr.DataArray
        np.testing.assert_array_equal(result.values, expected)
    for product in (lambda: t @ labelled, lambda: labelled @ t, lambda: divmod(t, labelled)):
        with pytest.raises(TypeError, match="DataArray"):
            product()


def test_a_program_of_xarray_differentiates(xr: Any) -> None:
    forcing = xr.DataArray(
        np.arange(12.0).reshape(4, 3) / 7, dims=("time", "site"), coords={"site": ["a", "b", "c"], "time": [0, 1, 2, 3]}
    )

    def loss(values: Any) -> Any:
        weight = xr.DataArray(values, dims="site", coords={"site": ["a", "b", "c"]})
        response = weight * forcing
        anomaly = response - response.mean("time")
        return (anomaly.sel(site=["a", "c"]) ** 2 + np.exp(-response.isel(site=1))).sum()

    gradient = ag.grad(lambda w: loss(w).data)(W)
    expected = [(loss(W + e).item() - loss(W - e).item()) / 2e-6 for e in 1e-6 * np.eye(3)]
    np.testing.assert_allclose(gradient, expected, rtol=1e-7)


def test_a_dataarray_over_a_tensor_is_not_converted_silently(xr: Any) -> None:
    t = Tensor(X, requires_grad=True)
    for conversion in (lambda: np.dot(t, xr.DataArray(t, dims="x")), lambda: xr.DataArray(t, dims="x").values):
        with pytest.raises(TypeError, match="gradient"):
            conversion()


# ---------------------------------------------------------------- pint


def test_pint_on_either_side(units: Any) -> None:
    length = W * units.m
    t = Tensor(X, requires_grad=True)
    for result in (
        t * length,
        length * t,
        t / (1 / length),
        np.multiply(t, length),
        np.multiply(length, t),
        units.Quantity(t, "m") * W,
        t * units.m * W,
    ):
        assert result.check("[length]")
        assert type(result.magnitude) is Tensor
        np.testing.assert_allclose(ag.gradients(result.sum().magnitude, t, retain_graph=True), W)
    assert np.dot(t, length).magnitude.requires_grad
    assert (t @ length).units == (length @ t).units == units.m
    assert np.concatenate([t * units.m, length]).magnitude.requires_grad


def test_a_program_of_pint_differentiates(units: Any) -> None:
    def energy(v: Any) -> Any:
        speed = v * units.km / units.hour
        return (0.5 * (2.0 * units.kg) * speed**2).sum().to("joule")

    gradient = ag.grad(lambda v: energy(v).magnitude)(X)
    np.testing.assert_allclose(gradient, 2 * X / 3.6**2, rtol=1e-12)
    np.testing.assert_allclose(energy(X).magnitude, np.sum(X**2) / 3.6**2)


def test_units_that_do_not_fit_are_pints_to_refuse(units: Any) -> None:
    t = Tensor(X, requires_grad=True)
    pint = pytest.importorskip("pint")
    for operation in (
        lambda: t + W * units.m,
        lambda: np.add(W * units.m, t),
        lambda: np.concatenate([t, W * units.m]),
        lambda: t ** (W * units.m),
    ):
        with pytest.raises(pint.DimensionalityError):
            operation()
    with pytest.raises(TypeError, match="Quantity has arithmetic of its own"):
        Tensor(W * units.m)
    with pytest.raises(TypeError, match="multiply: y is a Quantity, which has arithmetic of its own"):
        ag.multiply(t, W * units.m)


# ---------------------------------------------------------------- pandas


@pytest.mark.parametrize("operation", BINARY)
def test_pandas_with_the_tensor_on_the_left(operation: str, pd: Any) -> None:
    f = BINARY[operation]
    expected = ag.grad(lambda t: np.sum(f(t, X)))(X)
    for data in (pd.Series(X), pd.Index(X)):
        np.testing.assert_array_equal(ag.grad(lambda t, data=data: np.sum(f(t, data)))(X), expected)
    frame = pd.DataFrame(np.outer(X, W))
    np.testing.assert_array_equal(
        ag.grad(lambda t: np.sum(np.sin(t @ frame)))(X), ag.grad(lambda t: np.sum(np.sin(t @ frame.to_numpy())))(X)
    )


def test_pandas_that_is_overwritten_between_forward_and_backward(pd: Any) -> None:
    numbers = W.copy()
    t, series = Tensor(X, requires_grad=True), pd.Series(numbers, copy=False)
    y = np.sum(t * series)
    numbers[:] = 0
    y.backward()
    np.testing.assert_array_equal(t.grad, W)


# ---------------------------------------------------------------- sparse matrices of SciPy

FORMATS = ("csr", "csc", "coo", "lil", "dok", "dia", "bsr")
DENSE = np.array([[2.0, 0.0, -1.0, 0.0], [0.0, 0.0, 3.0, 1.0], [0.5, 0.0, 0.0, 0.0]])

PRODUCTS: dict[str, tuple[Callable[[Any, Any], Any], list[tuple[int, ...]]]] = {
    "t @ A": (lambda t, a: t @ a, [(3,), (2, 3), (2, 2, 3), (0, 3)]),
    "matmul(t, A)": (np.matmul, [(3,), (2, 3), (2, 2, 3)]),
    "matmul(A, t)": (lambda t, a: np.matmul(a, t), [(4,), (4, 2), (3, 4, 2), (4, 0)]),
    "ag.matmul(A, t)": (lambda t, a: ag.matmul(a, t), [(4,), (4, 2)]),
    "dot(t, A)": (lambda t, a: np.dot(t, a), [(3,), (2, 3)]),
    "t.dot(A)": (lambda t, a: t.dot(a), [(3,)]),
    "dot(A, t)": (lambda t, a: np.dot(a, t), [(4,), (4, 2)]),
}


@pytest.mark.parametrize("spelling", PRODUCTS)
@pytest.mark.parametrize("form", [f"{word}_{kind}" for word in FORMATS for kind in ("array", "matrix")])
def test_a_sparse_matrix_in_a_product(spelling: str, form: str, sp: Any) -> None:
    product, shapes = PRODUCTS[spelling]
    matrix = getattr(sp, form)(DENSE)
    rng = np.random.default_rng(0)
    for shape in shapes:
        x, v = rng.normal(size=(2, *shape))

        def loss(t: Any, a: Any) -> Any:
            return np.sum(np.sin(product(t, a)) ** 2)

        np.testing.assert_allclose(product(Tensor(x), matrix).numpy(), product(x, DENSE), rtol=1e-14)
        np.testing.assert_allclose(ag.grad(loss)(x, matrix), ag.grad(loss)(x, DENSE), rtol=1e-12)
        np.testing.assert_allclose(ag.hvp(loss)(x, matrix, v), ag.hvp(loss)(x, DENSE, v), rtol=1e-12)


@pytest.mark.parametrize("of_matrix", [np.float32, np.float64, np.complex128, np.int64, bool])
@pytest.mark.parametrize("of_tensor", [np.float32, np.float64, np.complex64])
def test_dtypes_of_sparse_products(of_matrix: Any, of_tensor: Any, sp: Any) -> None:
    dense = DENSE.astype(of_matrix)
    x = X.astype(of_tensor)

    def loss(t: Any, a: Any) -> Any:
        return np.sum(np.abs(t @ a) ** 2)

    result, expected = Tensor(x) @ sp.csr_array(dense), x @ dense
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-6)
    gradient, dense_gradient = ag.grad(loss)(x, sp.csc_array(dense)), ag.grad(loss)(x, dense)
    assert gradient.dtype == dense_gradient.dtype == of_tensor
    np.testing.assert_allclose(gradient, dense_gradient, rtol=1e-5)


@pytest.mark.parametrize("form", FORMATS)
def test_a_sparse_matrix_that_is_changed_between_forward_and_backward(form: str, sp: Any) -> None:
    t, matrix = Tensor(X, requires_grad=True), getattr(sp, f"{form}_array")(DENSE)
    y = np.sum(t @ matrix)
    if form in ("lil", "dok"):
        matrix[0, 0] = 77
    else:
        matrix.data[...] = 77
    y.backward()
    np.testing.assert_array_equal(t.grad, DENSE.sum(axis=1))


def test_what_does_not_take_a_sparse_matrix_says_what_does(sp: Any) -> None:
    t, square = Tensor(X, requires_grad=True), sp.csr_array(np.eye(3))
    for operation in (
        lambda: t * square, lambda: t + square, lambda: square + t, lambda: np.multiply(square, t),
        lambda: np.einsum("i,ij", t, square),
        lambda: np.tensordot(t, square, 1), lambda: np.concatenate([t[None], square]), lambda: t == square,
        lambda: np.dot(t * np.ones((2, 2, 3)), square),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=r"sparse matrix.*t @ A, np\.matmul\(A, t\) or ag\.matmul\(A, t\)"):
            operation()
    for operation in (lambda: Tensor(square), lambda: ag.grad(np.sum)(square)):
        with pytest.raises(TypeError, match=r"\.toarray\(\)"):
            operation()
    with pytest.raises(ValueError, match=r"matmul: .*x = \(3,\) float64, y = \(4, 4\) float64"):
        t @ sp.csr_array(np.eye(4))
    with pytest.raises(TypeError, match="shape"):
        t @ sp.coo_array(X)
    assert "matmul" in str(ag.tape(t @ square))


def test_a_sparse_matrix_is_no_part_of_a_compiled_program(sp: Any) -> None:
    matrix = sp.csr_array(DENSE)
    for f in (
        lambda x: np.sum(x @ matrix),
        ag.grad(lambda x: np.sum(x @ matrix)),
        ag.grad(lambda x: np.sum(np.matmul(matrix.T, x))),
    ):
        with pytest.raises(ag.CompileError, match=r"matmul with a sparse matrix.*\.toarray\(\)"):
            ag.compile(f)(X)
