"""Linear algebra: what must hold of the values and gradients beyond the proof table's differences.

Independent routes to one number (a determinant by eigenvalues, by elimination, in exact integers), functions that are
the identity in disguise, coinciding eigenvalues and singular values, singular matrices, extreme magnitudes, and what is
refused.
"""
# ruff: noqa: B023, PLC3002 - every lambda is called where it stands; one that is called at once names a result without
# a statement

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_np as ag
from autograd_np import Tensor, gradcheck
from autograd_np.primitives.linalg_degenerate import DegenerateWarning

la = np.linalg
FIELDS = ("real", "complex")
_rng: list[Any] = []


@pytest.fixture(autouse=True)
def same_numbers_for_every_test() -> None:
    _rng[:] = [np.random.default_rng(5)]


def draw(field: str, *shape: int) -> Any:
    x = _rng[0].normal(size=shape)
    return x + 1j * _rng[0].normal(size=shape) if field == "complex" else x


def adjoint(x: Any) -> Any:
    return np.conj(np.matrix_transpose(x))


def symmetric(x: Any) -> Any:
    return (x + adjoint(x)) / 2


def unitary(field: str, n: int) -> Any:
    return la.qr(draw(field, n, n))[0]


def weighted(weights: Any, y: Any) -> Any:
    return np.real(np.sum(weights * y))


def gradient(f: Callable[[Any], Any], x: Any) -> Any:
    return ag.grad(f)(x)


def close(a: Any, b: Any, rtol: float = 1e-10) -> None:
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * float(np.max(np.abs(b), initial=0)))


# ---------------------------------------------------------------- results


@pytest.mark.parametrize(
    ("call", "fields"),
    [
        (lambda x: la.eigh(x), ("eigenvalues", "eigenvectors")),
        (lambda x: la.eig(x), ("eigenvalues", "eigenvectors")),
        (lambda x: la.qr(x), ("Q", "R")),
        (lambda x: la.svd(x), ("U", "S", "Vh")),
        (lambda x: la.slogdet(x), ("sign", "logabsdet")),
    ],
)
def test_named_results(call: Callable[[Any], Any], fields: tuple[str, ...]) -> None:
    x = draw("real", 3, 3)
    result, expected = call(Tensor(x, requires_grad=True)), call(x)
    assert result._fields == fields == expected._fields
    assert type(result).__name__ == type(expected).__name__
    for mine, numpys in zip(result, expected, strict=True):
        assert isinstance(mine, Tensor)
        np.testing.assert_array_equal(mine.numpy(), numpys)
    # a namedtuple is a pytree
    assert ag.vjp(call, x)[0]._fields == fields


def test_gradients_pass_through_one_output_alone() -> None:
    x = Tensor(draw("real", 3, 3), requires_grad=True)
    la.svd(x).S.sum().backward()
    u, _, w = la.svd(x.numpy())
    close(x.grad, u @ w)


# ---------------------------------------------------------------- the same number by two routes


@pytest.mark.parametrize("field", FIELDS)
def test_determinant_by_eigenvalues_elimination_and_logarithm(field: str) -> None:
    x, c = draw(field, 2, 4, 4), draw(field, 2)
    direct = gradient(lambda a: weighted(c, la.det(a)), x)
    close(gradient(lambda a: weighted(c, np.prod(la.eigvals(a), axis=-1)), x), direct)
    close(gradient(lambda a: weighted(c, (lambda s: s.sign * np.exp(s.logabsdet))(la.slogdet(a))), x), direct)
    close(direct, c[:, None, None] * la.det(x)[:, None, None] * np.matrix_transpose(la.inv(x)))
    if field == "real":
        r = la.qr(x).R
        sign = np.sign(la.det(x) / np.prod(np.diagonal(r, axis1=-2, axis2=-1), axis=-1))
        close(
            gradient(lambda a: weighted(c * sign, np.prod(np.diagonal(la.qr(a).R, axis1=-2, axis2=-1), axis=-1)), x),
            direct,
        )


@pytest.mark.parametrize("field", FIELDS)
def test_positive_determinant_by_cholesky_and_by_eigenvalues(field: str) -> None:
    a = draw(field, 3, 3)
    x = a @ adjoint(a) + np.eye(3)
    direct = gradient(lambda t: la.slogdet(symmetric(t)).logabsdet, x)
    for upper in (False, True):
        close(
            gradient(lambda t: 2 * np.sum(np.log(np.real(np.diagonal(la.cholesky(symmetric(t), upper=upper))))), x),
            direct,
        )
    for triangle in "LU":
        close(gradient(lambda t: np.sum(np.log(la.eigvalsh(symmetric(t), triangle))), x), direct)
        close(gradient(lambda t: np.sum(np.log(la.eigh(symmetric(t), triangle)[0])), x), direct)
    close(gradient(lambda t: np.sum(np.log(la.svdvals(t))), x), gradient(lambda t: la.slogdet(t).logabsdet, x))


def _exact_minor(x: list[list[int]], rows: tuple[int, ...], columns: tuple[int, ...]) -> Fraction:
    if not rows:
        return Fraction(1)
    total = Fraction(0)
    for k, column in enumerate(columns):
        rest = columns[:k] + columns[k + 1 :]
        total += (-1) ** k * Fraction(x[rows[0]][column]) * _exact_minor(x, rows[1:], rest)
    return total


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_determinant_of_any_rank_in_exact_integers(n: int, rank: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rank = min(rank, n)
    x = (rng.integers(-3, 4, (n, rank)) @ rng.integers(-3, 4, (rank, n))).astype(float)
    rows = tuple(range(n))
    exact = x.astype(int).tolist()
    size = float(la.norm(x)) ** (n - 1) or 1.0
    first = [
        [float((-1) ** (i + j) * _exact_minor(exact, rows[:i] + rows[i + 1 :], rows[:j] + rows[j + 1 :])) for j in rows]
        for i in rows
    ]
    np.testing.assert_allclose(gradient(la.det, x), first, rtol=1e-11, atol=1e-13 * size)
    second = ag.hessian(la.det)(x)
    size = float(la.norm(x)) ** max(n - 2, 0) or 1.0
    for i, j, k, m in itertools.product(rows, repeat=4):
        value = 0.0
        if i != k and j != m:
            sign = (-1) ** (i + j + k + m) * (1 if (i < k) == (j < m) else -1)
            value = sign * float(
                _exact_minor(
                    exact, tuple(r for r in rows if r not in (i, k)), tuple(c for c in rows if c not in (j, m))
                )
            )
        assert abs(second[i, j, k, m] - value) <= 1e-11 * abs(value) + 1e-13 * size


def test_determinant_to_third_order_of_a_singular_matrix() -> None:
    x = draw("real", 4, 2) @ draw("real", 2, 4)
    assert gradcheck(la.det, (x,), order=3)
    assert gradcheck(la.det, (np.zeros((3, 3)),), order=3)
    assert gradcheck(la.det, (draw("complex", 3, 3),), order=3)


def test_determinant_of_rows_and_columns_of_extreme_magnitude() -> None:
    y, c = draw("real", 4, 4), 2.0 ** np.array([600, -650, 500, -460])
    e = 2.0 ** np.array([-300, 310, 15, -20])
    with np.errstate(over="ignore"):
        expected = gradient(la.det, y) * (np.prod(c / 2.0**-2) * 2.0**-8 * np.prod(e)) / c / e[:, None]
    close(gradient(la.det, y * c * e[:, None]) * c * e[:, None], expected * c * e[:, None], 1e-11)


@pytest.mark.parametrize("field", FIELDS)
def test_pseudo_inverse_and_least_squares_by_other_routes(field: str) -> None:
    x, y, c = draw(field, 4, 3), draw(field, 4, 2), draw(field, 3, 2)
    by_solution = ag.grad(lambda a, b: weighted(c, la.lstsq(a, b)[0]), argnum=(0, 1))(x, y)
    by_inverse = ag.grad(lambda a, b: weighted(c, la.pinv(a) @ b), argnum=(0, 1))(x, y)
    by_normal = ag.grad(lambda a, b: weighted(c, la.solve(adjoint(a) @ a, adjoint(a) @ b)), argnum=(0, 1))(x, y)
    by_qr = ag.grad(lambda a, b: weighted(c, (lambda f: la.solve(f.R, adjoint(f.Q) @ b))(la.qr(a))), argnum=(0, 1))(
        x, y
    )
    for others in (by_inverse, by_normal, by_qr):
        for a, b in zip(by_solution, others, strict=True):
            close(a, b)
    square = draw(field, 3, 3)
    close(
        gradient(lambda a: weighted(c, la.pinv(a)[:, :2]), square),
        gradient(lambda a: weighted(c, la.inv(a)[:, :2]), square),
    )
    residual = ag.grad(lambda a, b: np.sum(la.lstsq(a, b)[1]), argnum=(0, 1))(x, y)
    spelt = ag.grad(lambda a, b: np.sum(np.abs(b - a @ (la.pinv(a) @ b)) ** 2), argnum=(0, 1))(x, y)
    for a, b in zip(residual, spelt, strict=True):
        close(a, b)


def test_tolerances_of_the_pseudo_inverse() -> None:
    x = Tensor(draw("real", 2, 3, 2), requires_grad=True)
    for options in ({"rtol": None}, {"rtol": 1e-6}, {"rcond": [1e-8, 1e-6]}, {"rcond": 1e-9}):
        p = la.pinv(x, **options)
        np.testing.assert_allclose(p.numpy(), la.pinv(x.numpy(), **options), rtol=1e-14)
        assert gradcheck(lambda a: la.pinv(a, **options), (x.numpy(),), order=1)
    with pytest.raises(ValueError, match="both"):
        la.pinv(x, 1e-3, rtol=1e-3)
    low = draw("real", 4, 2) @ draw("real", 2, 3)
    g = gradient(lambda a: np.sum(la.pinv(a, rcond=1e-8)), low)
    assert np.isfinite(g).all()


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("shape", [(4, 4), (5, 4), (4, 6)])
def test_a_cut_off_that_drops_what_is_not_zero(field: str, shape: tuple[int, int]) -> None:
    """As the truncated decomposition written out, and as the differences, in both orders and compiled."""
    u, v = la.qr(draw(field, shape[0], 4))[0], la.qr(draw(field, shape[1], 4))[0]
    x, y = (u * np.array([3.0, 2.0, 0.5, 0.3])) @ adjoint(v), draw(field, shape[0], 2)

    def truncated(a: Any) -> Any:
        u, s, w = la.svd(a, full_matrices=False)
        return adjoint(w[:2]) @ (adjoint(u[:, :2]) / s[:2, None])

    c = draw(field, *shape[::-1])
    expected = gradient(lambda a: weighted(c, truncated(a)), x)
    for f in (
        lambda a: weighted(c, la.pinv(a, rtol=0.25)),
        lambda a: weighted(c, la.lstsq(a, np.eye(shape[0]), 0.25)[0]),
    ):
        close(gradient(f, x), expected)
        close(ag.compile(ag.grad(f))(x), expected)
    assert gradcheck(lambda a: la.pinv(a, rtol=0.25), (x,), order=2, rtol=1e-5)
    assert gradcheck(lambda a, b: la.lstsq(a, b, 0.25)[0], (x, y), order=2, rtol=1e-5)


@pytest.mark.parametrize("field", FIELDS)
def test_a_cut_off_of_hermitian_matrices_and_of_stacks(field: str) -> None:
    q = unitary(field, 3)
    assert gradcheck(
        lambda a: la.pinv(a, rtol=0.25, hermitian=True),
        ((q * np.array([3.0, -0.4, -2.0])) @ adjoint(q),),
        order=2,
        rtol=1e-5,
    )
    stack = np.stack([(q * np.array(s)) @ unitary(field, 3) for s in ([3.0, 2.0, 0.5], [3.0, 1.0, 0.1])])
    assert gradcheck(lambda a: la.pinv(a, rcond=np.array([0.25, 0.05])), (stack,), order=2, rtol=1e-5)


@pytest.mark.filterwarnings("ignore::numpy.exceptions.RankWarning")
def test_a_cut_off_in_a_fit() -> None:
    x = np.linspace(-1, 1, 9)
    assert gradcheck(lambda x, y: np.polyfit(x, y, 4, rcond=0.3), (x, np.sin(3 * x)), order=2, rtol=1e-5)


@pytest.mark.parametrize("n", [-3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 11])
def test_powers_by_repeated_products(n: int) -> None:
    x, c = draw("real", 2, 3, 3), draw("real", 2, 3, 3)

    def spelt(a: Any) -> Any:
        base = la.inv(a) if n < 0 else a
        result = np.eye(3) + 0 * a
        for _ in range(abs(n)):
            result = result @ base
        return weighted(c, result)

    np.testing.assert_array_equal(la.matrix_power(Tensor(x), n).numpy(), la.matrix_power(x, n))
    close(gradient(lambda a: weighted(c, la.matrix_power(a, n)), x), gradient(spelt, x))


def test_tensor_equations() -> None:
    x, y, c = draw("real", 2, 3, 6), draw("real", 2, 3), draw("real", 6)
    solved = ag.grad(lambda a, b: weighted(c, la.tensorsolve(a, b)), argnum=(0, 1))(x, y)
    inverted = ag.grad(lambda a, b: weighted(c, np.tensordot(la.tensorinv(a), b, 2)), argnum=(0, 1))(x, y)
    for a, b in zip(solved, inverted, strict=True):
        close(a, b)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2)])
def test_norms_by_their_definitions(field: str, shape: tuple[int, ...]) -> None:
    x = draw(field, *shape)
    s = la.svdvals
    definitions: dict[Any, Callable[[Any], Any]] = {
        "fro": lambda a: np.sqrt(np.sum(np.abs(a) ** 2, axis=(-2, -1))),
        "nuc": lambda a: np.sum(s(a), axis=-1),
        2: lambda a: np.max(s(a), axis=-1),
        -2: lambda a: np.min(s(a), axis=-1),
        1: lambda a: np.max(np.sum(np.abs(a), axis=-2), axis=-1),
        -1: lambda a: np.min(np.sum(np.abs(a), axis=-2), axis=-1),
        np.inf: lambda a: np.max(np.sum(np.abs(a), axis=-1), axis=-1),
        -np.inf: lambda a: np.min(np.sum(np.abs(a), axis=-1), axis=-1),
    }
    for order, definition in definitions.items():
        expected = gradient(lambda a, d=definition: np.sum(d(a)), x)
        close(gradient(lambda a, o=order: np.sum(la.norm(a, o, axis=(-2, -1))), x), expected)
        close(gradient(lambda a, o=order: np.sum(la.matrix_norm(a, ord=o)), x), expected)
    for order in (1, 1.5, 2, 3, 4, -1, -2.5):
        expected = gradient(lambda a, o=order: np.sum(np.sum(np.abs(a) ** o, axis=-1) ** (1 / o)), x)
        close(gradient(lambda a, o=order: np.sum(la.norm(a, o, axis=-1)), x), expected)
        close(gradient(lambda a, o=order: np.sum(la.vector_norm(a, axis=-1, ord=o)), x), expected)


def test_condition_numbers_by_their_definition() -> None:
    x = draw("real", 2, 3, 3)
    for p in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        expected = gradient(
            lambda a, p=p: np.sum(la.norm(a, p, axis=(-2, -1)) * la.norm(la.inv(a), p, axis=(-2, -1))), x
        )
        close(gradient(lambda a, p=p: np.sum(la.cond(a, p)), x), expected)


# ---------------------------------------------------------------- the identity in disguise


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 3), (1, 3), (3, 1)])
def test_a_matrix_put_together_again_has_the_identity_as_derivative(field: str, shape: tuple[int, ...]) -> None:
    x, c = draw(field, *shape), draw(field, *shape)
    k = min(shape[-2:])

    def by_svd(a: Any) -> Any:
        u, s, w = la.svd(a, full_matrices=False)
        return (u * s[..., None, :]) @ w

    def by_full_svd(a: Any) -> Any:
        u, s, w = la.svd(a)
        return (u[..., :k] * s[..., None, :]) @ w[..., :k, :]

    functions = [by_svd, by_full_svd]
    functions += [lambda a, m=mode: (lambda f: f.Q @ f.R)(la.qr(a, m)) for mode in ("reduced", "complete")]
    if shape[-1] == shape[-2]:
        functions.append(
            lambda a: (lambda e: (e.eigenvectors * e.eigenvalues[..., None, :]) @ la.inv(e.eigenvectors))(la.eig(a))
        )
        functions.append(lambda a: la.inv(la.inv(a)))
        functions.append(lambda a: la.solve(la.inv(a), np.eye(shape[-1])))
    functions.append(lambda a: la.pinv(la.pinv(a)))
    for function in functions:
        close(gradient(lambda a, f=function: weighted(c, f(a)), x), c, 1e-8)
        assert gradcheck(lambda a, f=function: weighted(c, np.exp(f(a) / 3)), (x,), order=2, rtol=1e-5)


@pytest.mark.parametrize("field", FIELDS)
def test_symmetric_matrices_put_together_again(field: str) -> None:
    a, c = draw(field, 3, 3), draw(field, 3, 3)
    x = a @ adjoint(a) + np.eye(3)
    expected = gradient(lambda t: weighted(c, symmetric(t)), x)
    for function in (
        lambda t: (lambda w: w @ adjoint(w))(la.cholesky(t)),
        lambda t: (lambda w: adjoint(w) @ w)(la.cholesky(t, upper=True)),
        lambda t: (lambda e: (e[1] * e[0]) @ adjoint(e[1]))(la.eigh(t)),
        lambda t: (lambda e: (e[1] * e[0]) @ adjoint(e[1]))(la.eigh(t, "U")),
        lambda t: (lambda e: (e[0] * e[1]) @ e[2])(la.svd(t, hermitian=True)),
        lambda t: la.inv(la.pinv(t, hermitian=True)),
    ):
        close(gradient(lambda t, f=function: weighted(c, f(symmetric(t))), x), expected, 1e-9)


# ---------------------------------------------------------------- which triangle, which phase


@pytest.mark.parametrize("field", FIELDS)
def test_the_gradient_lies_in_the_triangle_that_is_read(field: str) -> None:
    a = draw(field, 3, 3)
    x = a @ adjoint(a) + np.eye(3)
    c, v = draw(field, 3, 3), np.arange(1.0, 4)
    lower: list[Callable[[Any], Any]] = [
        lambda t: weighted(c, la.cholesky(t)),
        lambda t: weighted(v, la.eigvalsh(t)),
        lambda t: weighted(c, la.eigh(t)[1]),
        lambda t: weighted(c, la.pinv(t, hermitian=True)),
    ]
    upper: list[Callable[[Any], Any]] = [
        lambda t: weighted(c, la.cholesky(t, upper=True)),
        lambda t: weighted(v, la.eigvalsh(t, "U")),
        lambda t: weighted(c, la.eigh(t, "U")[1]),
    ]
    for functions, other in ((lower, np.triu), (upper, np.tril)):
        for f in functions:
            g = gradient(f, x)
            assert not np.any(other(g, 1 if other is np.triu else -1))
            whole = gradient(lambda t, f=f: f(symmetric(t)), x)
            close(whole, adjoint(whole))  # dL = Re Σ g·dx with Hermitian g
            # the other triangle may hold anything
            np.testing.assert_array_equal(gradient(f, x + other(draw(field, 3, 3), 1 if other is np.triu else -1)), g)


@pytest.mark.parametrize("rows", [2, 3, 5])
@pytest.mark.parametrize("columns", [2, 3, 5])
def test_phases_are_lapacks(rows: int, columns: int) -> None:
    # Functions of the phases themselves: right to second order, because LAPACK's choice is part of the function.
    x = draw("complex", rows, columns)
    assert gradcheck(lambda a: la.svd(a, full_matrices=False), (x,), order=2, rtol=1e-5)
    assert gradcheck(la.qr, (x,), order=2, rtol=1e-5)
    if rows == columns:
        for triangle in "LU":
            assert gradcheck(lambda a: la.eigh(symmetric(a), triangle), (x,), order=2, rtol=1e-5)


# ---------------------------------------------------------------- coinciding values


def tied(field: str, values: Any) -> Any:
    q = unitary(field, len(values))
    return symmetric((q * np.array(values)) @ adjoint(q))


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("exact", [True, False])
def test_ties_that_do_not_matter(field: str, exact: bool) -> None:
    values = [1.0, 1.0, 3.0, 3.0]
    x = np.diag(values).astype(complex if field == "complex" else float) if exact else tied(field, values)
    c = draw(field, 4, 4)
    u, w = unitary(field, 4), unitary(field, 4)
    general = np.diag(values[::-1]) + 0 * c if exact else (u * np.array(values)) @ w

    def projector(a: Any) -> Any:
        v = la.eigh(symmetric(a)).eigenvectors[:, :2]
        return weighted(c, v @ adjoint(v))

    def polar(a: Any) -> Any:
        f = la.svd(a)
        return weighted(c, f.U @ f.Vh)

    for f, at in (
        (lambda a: np.sum(la.eigh(symmetric(a))[0] ** 3), x),
        (lambda a: np.sum(la.eigvalsh(symmetric(a)) ** 3), x),
        (lambda a: la.slogdet(a).logabsdet, x),
        (lambda a: np.sum(la.svd(a).S ** 3), general),
        (lambda a: np.sum(la.svdvals(a) ** 3), general),
        (lambda a: la.norm(a, "nuc"), general),
        (lambda a: np.real(np.sum(la.eigvals(a) ** 3)), x),
        (projector, x),
        (polar, general),
        (lambda a: weighted(c, la.pinv(a)), general),
    ):
        assert gradcheck(f, (at,), order=1)
    assert gradcheck(lambda a: la.norm(a, "nuc"), (general,), order=2)
    assert gradcheck(la.det, (general,), order=2)


@pytest.mark.parametrize("field", FIELDS)
def test_null_spaces_that_do_not_matter(field: str) -> None:
    half, c = draw(field, 4, 2), draw(field, 4, 4)
    x = symmetric(half @ adjoint(half))
    general = half @ draw(field, 2, 4)

    def truncated(a: Any) -> Any:
        f = la.svd(a)
        return weighted(c, (f.U[:, :2] * f.S[:2]) @ f.Vh[:2])

    def put_together(a: Any) -> Any:
        f = la.svd(a)
        return weighted(c, (f.U * f.S) @ f.Vh)

    def leading(a: Any) -> Any:
        w, v = la.eigh(symmetric(a))
        return weighted(c, (v[:, 2:] * w[2:]) @ adjoint(v[:, 2:]))

    def null(a: Any) -> Any:
        v = la.eigh(symmetric(a))[1][:, :2]
        return weighted(c, v @ adjoint(v))

    close(gradient(put_together, general), c, 1e-6)
    for f, at in ((truncated, general), (leading, x), (null, x)):
        assert gradcheck(f, (at,), order=1, rtol=1e-5)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda a: np.sum(la.eigh(a).eigenvectors * np.arange(9.0).reshape(3, 3)), "which vectors"),
        (lambda a: np.sum((lambda e: (e[1] * np.sqrt(e[0])) @ np.matrix_transpose(e[1]))(la.eigh(a))), "uses both"),
        (lambda a: np.sum((lambda e: (e[1] * np.log(e[0])) @ np.matrix_transpose(e[1]))(la.eigh(a))), "uses both"),
        (lambda a: np.sum(la.svd(a).U * np.arange(9.0).reshape(3, 3)), "which vectors"),
        (lambda a: np.sum((lambda f: (f.U * np.sqrt(f.S)) @ f.Vh)(la.svd(a))), "uses both"),
        (lambda a: np.sum((lambda e: (e[1] * np.sqrt(e[0])) @ la.inv(e[1]))(la.eig(a))), "uses both"),
    ],
)
@pytest.mark.parametrize("at", [np.eye(3), np.diag([2.0, 1.0, 2.0])])
def test_ties_that_matter_are_warned_about(function: Callable[[Any], Any], words: str, at: Any) -> None:
    with pytest.warns(DegenerateWarning, match=words):
        gradient(function, at)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gradient(function, at + np.diag([0.0, 0.1, 0.2]))


def test_a_free_basis_is_warned_about() -> None:
    x = draw("real", 4, 2)
    for f in (
        lambda a: np.sum(la.svd(a).U),
        lambda a: np.sum(la.svd(np.matrix_transpose(a)).Vh),
        lambda a: np.sum(la.qr(a, "complete").Q),
    ):
        with pytest.warns(DegenerateWarning, match="free"):
            gradient(f, x)

    def complement(a: Any) -> Any:
        u = la.svd(a).U[:, 2:]
        q = la.qr(a, "complete").Q[:, 2:]
        return np.exp(u @ np.matrix_transpose(u)) + 2 * q @ np.matrix_transpose(q)

    assert gradcheck(complement, (x,), order=2)


def test_the_largest_of_tied_values_shares_evenly() -> None:
    q = unitary("real", 3)
    x = symmetric((q * np.array([1.0, 2.0, 2.0])) @ q.T)
    expected = q[:, 1:] @ q[:, 1:].T / 2
    close(gradient(lambda a: la.eigvalsh(symmetric(a))[-1], x), expected)
    close(gradient(lambda a: la.norm(a, 2), x), expected)
    close(gradient(lambda a: la.svdvals(a)[0], x), expected)


# ---------------------------------------------------------------- singular matrices and zero cotangents


def test_zero_cotangents_stay_zero() -> None:
    good, bad = draw("real", 2, 2), np.array([[1.0, 2.0], [2.0, 4.0]])
    x = np.stack([good, bad])
    with np.errstate(all="ignore"):
        for f in (lambda a: la.slogdet(a).logabsdet, la.cond, lambda a: la.cond(a, "fro")):
            usable = np.array([True, False])
            g = gradient(lambda a, f=f: np.sum(np.where(usable, f(a), 0.0)), x)
            close(g[0], gradient(f, good))
            assert not g[1].any()
            # and where the second one matters, infinite (of rounding errors: next to it) rather than a wrong number
            g = gradient(f, bad)
            assert not np.isfinite(g).all() or np.abs(g).max() > 1e25


def test_norm_at_zero_inside_a_stack() -> None:
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(gradient(lambda a: np.sum(la.norm(a, axis=1)), x), [[0.6, 0.8], [0.0, 0.0]])
    h = ag.hessian(lambda a: np.sum(la.norm(a, axis=1)))(x)
    assert np.isfinite(h).all()
    assert not h[1].any()


@pytest.mark.parametrize("power", [-150, -100, 100, 150])
@pytest.mark.parametrize("order", [None, 1, np.inf, 2.5, 1.5, -1, "nuc", 2, "matrix 1"])
def test_norms_of_extreme_magnitude(power: int, order: Any) -> None:
    matrix = order in ("nuc", 2, "matrix 1")
    p = 1 if order == "matrix 1" else order
    x = draw("real", 2, 2) if matrix else draw("real", 4)
    if order == 2.5:
        power = power * 3 // 4
    f: Callable[[Any], Any] = lambda a: la.norm(a, p)
    assert np.isfinite(f(x * 10.0**power))
    close(gradient(f, x * 10.0**power), gradient(f, x), 1e-11)


def test_second_order_of_norms_near_zero() -> None:
    x = np.array([3e-120, -4e-120])
    close(ag.hessian(la.norm)(x) * 1e-120, ag.hessian(la.norm)(x * 1e120), 1e-12)


# ---------------------------------------------------------------- dtypes, refusals, errors


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_single_precision_stays_single(dtype: Any) -> None:
    x = (draw("complex" if dtype is np.complex64 else "real", 3, 3) + 2 * np.eye(3)).astype(dtype)
    positive = x @ adjoint(x)
    for f, at in [
        (la.inv, x), (la.det, x), (la.slogdet, x), (la.eig, x), (la.eigvals, x), (la.qr, x), (la.svd, x),
        (la.svdvals, x), (la.pinv, x), (la.norm, x),
        (lambda a: la.norm(a, "nuc"), x), (lambda a: la.norm(a, 3, axis=0), x), (la.eigh, positive),
        (la.eigvalsh, positive), (la.cholesky, positive),
        (lambda a: la.solve(a, np.ones(3, np.float32)), x), (lambda a: la.matrix_power(a, -3), x),
        (lambda a: la.cond(a, "fro"), x),
    ]:  # fmt: skip
        ys, pullback = ag.vjp(f, at)
        expected = f(at)
        flat, flat_expected = (ys, expected) if isinstance(ys, tuple) else ((ys,), (expected,))
        assert [np.asarray(y).dtype for y in flat] == [np.asarray(y).dtype for y in flat_expected]
        assert pullback(ys).dtype == dtype


def test_refusals() -> None:
    t = Tensor(draw("real", 2, 2), requires_grad=True)
    with pytest.raises(TypeError, match="raw"):
        la.qr(t, mode="raw")
    with pytest.raises(ValueError, match="mode"):
        la.qr(t, mode="other")
    with pytest.raises(TypeError, match="integer"):
        la.matrix_power(t, 1.5)
    with pytest.raises(la.LinAlgError, match="square"):
        la.matrix_power(t[:1], 2)
    with pytest.raises(la.LinAlgError, match=r"inv: .*\(1, 2\)"):
        la.inv(t[:1])
    with pytest.raises(la.LinAlgError, match="inv: .*ingular"):
        la.inv(Tensor(np.zeros((2, 2))))
    with pytest.raises(la.LinAlgError, match="cholesky"):
        la.cholesky(Tensor(-np.eye(2)))
    with pytest.raises(ValueError, match="norm"):
        la.norm(t, "other")
    assert not la.matrix_rank(t).requires_grad
    assert la.matrix_rank(t).item() == 2


def test_rank_of_a_solution_is_an_integer_without_gradient() -> None:
    solution, residuals, rank, s = la.lstsq(Tensor(draw("real", 3, 2), requires_grad=True), np.ones(3))
    assert rank.item() == 2
    assert not rank.requires_grad
    assert solution.requires_grad
    assert residuals.requires_grad
    assert s.requires_grad


def test_names_of_numpy_and_of_ours() -> None:
    x, y = Tensor(draw("real", 2, 2)), draw("real", 2)
    np.testing.assert_array_equal(la.solve(a=x, b=y).numpy(), la.solve(x.numpy(), y))
    np.testing.assert_array_equal(la.eigh(a=x, UPLO="U")[0].numpy(), la.eigh(x.numpy(), "U")[0])
    np.testing.assert_array_equal(la.matrix_power(a=x, n=3).numpy(), la.matrix_power(x.numpy(), 3))
    np.testing.assert_array_equal(la.matrix_rank(A=x).numpy(), 2)
    for name, words in (("trace", {"offset": 1}), ("diagonal", {"offset": 1})):
        np.testing.assert_array_equal(getattr(la, name)(x, **words).numpy(), getattr(la, name)(x.numpy(), **words))
    np.testing.assert_array_equal(la.matrix_transpose(x).numpy(), x.numpy().T)
