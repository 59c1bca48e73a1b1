"""Samples of linear algebra: stacks of matrices, real and complex, square and not, singular, and the kinks of norms."""
# ruff: noqa: A001 - numpy.linalg's name ord

from __future__ import annotations

from typing import Any

import numpy as np

from . import case, normal, samples

__all__: list[str] = []


def _complex(*shape: int) -> Any:
    return normal(*shape) + 1j * normal(*shape)


def _spread(*shape: int, field: Any = normal) -> Any:
    """Matrices with singular values near 1, 2, 3, …: well conditioned, and none close to another."""
    u, _, w = np.linalg.svd(field(*shape), full_matrices=False)
    return np.matmul(u * np.arange(1.0, u.shape[-1] + 1), w)


def _hermitian(*shape: int, field: Any = normal) -> Any:
    """Hermitian matrices with eigenvalues 1.5, −3, 4.5, …"""
    q, _ = np.linalg.qr(field(*shape))
    w = 1.5 * np.arange(1.0, shape[-1] + 1) * (-1.0) ** np.arange(shape[-1])
    return np.matmul(q * w, np.conj(np.matrix_transpose(q)))


def _positive(*shape: int, field: Any = normal) -> Any:
    a = field(*shape)
    return np.matmul(a, np.conj(np.matrix_transpose(a))) + np.eye(shape[-1])


def _rank(n: int, rank: int, field: Any = normal) -> Any:
    """A matrix of small integers with exactly this rank."""
    left, right = np.round(2 * field(n, rank)), np.round(2 * field(rank, n))
    left[:rank], right[:, :rank] = np.eye(rank), np.eye(rank)
    return np.matmul(left, right)


# -------------------------------------------------------------------------------------------- inverses and determinants

samples(
    "inv",
    case(_spread(3, 3)),
    case(_spread(2, 3, 3), label="stack"),
    case(_spread(2, 2, field=_complex), label="complex"),
    case(np.array([[2.5]]), label="1 by 1"),
)

samples(
    "solve",
    case(_spread(3, 3), normal(3), label="vector"),
    case(_spread(3, 3), normal(3, 2), label="matrix"),
    case(_spread(2, 3, 3), normal(3), label="stack, one vector"),
    case(_spread(2, 3, 3), normal(2, 3, 1), label="stacks"),
    case(_spread(2, 1, 2, 2), normal(3, 2, 2), label="stacks broadcast"),
    case(_spread(2, 2), normal(3, 2, 1), label="one matrix, stack of right sides"),
    case(_spread(3, 3, field=_complex), _complex(3), label="complex"),
    case(_spread(2, 2, field=_complex), normal(2, 2), label="complex and real"),
    case(_spread(2, 2), _complex(2), label="real and complex"),
    case(_spread(2, 2), np.array([1, 2]), label="integers on the right"),
    case(np.zeros((0, 2, 2)), normal(2), label="empty stack", order=1),
)

_DETS = (
    case(normal(3, 3)),
    case(normal(2, 2, 2), label="stack"),
    case(_complex(3, 3), label="complex"),
    case(np.array([[-2.5]]), label="1 by 1"),
    case(_rank(3, 2), label="rank n − 1", float32=False),
    case(_rank(4, 2), label="rank n − 2", float32=False, strided=False),
    case(_rank(3, 1), label="rank n − 2 of 3", float32=False),
    case(_rank(4, 3, field=_complex), label="complex of rank n − 1", float32=False),
    case(np.zeros((2, 2)), label="zero", float32=False),
    case(np.eye(3), label="tied singular values"),
    case(1e100 * normal(2, 2), label="1e200", float32=False),
    case(1e-100 * normal(2, 2), label="1e-200", float32=False),
)


def _by_elimination(x: Any) -> Any:
    """Determinants by expansion along the first row."""
    n = x.shape[-1]
    if n == 0:
        return np.ones(x.shape[:-2], x.dtype)
    rest = [np.delete(x[..., 1:, :], j, axis=-1) for j in range(n)]
    return sum(
        ((-1.0) ** j * x[..., 0, j] * _by_elimination(rest[j]) for j in range(n)), np.zeros(x.shape[:-2], x.dtype)
    )


def _minors(x: Any) -> Any:
    """Cofactors, each by its determinant."""
    n = x.shape[-1]
    full = np.zeros(x.shape, x.dtype)
    for i in range(n):
        for j in range(n):
            full[..., i, j] = (-1) ** (i + j) * _by_elimination(np.delete(np.delete(x, i, axis=-2), j, axis=-1))
    return full


def _second_minors(h: Any, x: Any) -> Any:
    """d/dt of the cofactors of x + t h at 0: polynomials of degree n − 1, so differences of n points are exact."""
    n = max(x.shape[-1], 2)
    points = [np.exp(2j * np.pi * k / n) for k in range(n)]
    total = (
        sum((np.conj(t) * _minors(x + t * h) for t in points), np.zeros(np.broadcast_shapes(x.shape, h.shape), complex))
        / n
    )
    return total if "c" in (x.dtype.kind, h.dtype.kind) else np.real(total)


samples("det", *_DETS)
samples(
    "cofactors",
    *_DETS[:4],
    case(_rank(4, 3), label="rank n − 1", float32=False),
    case(_spread(2, 4, 4), label="4 by 4"),
    oracle=_minors,
)
samples(
    "cofactors_derivative",
    case(normal(3, 3), _spread(3, 3)),
    case(normal(2, 2, 2), _spread(2, 2, 2), label="stack"),
    case(_complex(3, 3), _spread(3, 3, field=_complex), label="complex"),
    case(normal(4, 4), _spread(4, 4), label="4 by 4", strided=False),
    case(np.array([[2.0]]), np.array([[3.0]]), label="1 by 1", order=1),
    oracle=_second_minors,
)
samples(
    "slogdet",
    case(_spread(3, 3)),
    case(_spread(2, 2, 2), label="stack"),
    case(_spread(3, 3, field=_complex), label="complex"),
    case(1e120 * _spread(3, 3), label="beyond the range of det", float32=False),
)
samples(
    "matrix_power",
    case(_spread(2, 2), 0, label="0", order=1),
    *(case(_spread(2, 2, 2), n, label=str(n)) for n in (1, 2, 3, 4, 5, 6, -1, -2)),
    case(_spread(2, 2, field=_complex), 7, label="7, complex"),
)
samples("identity_power", case(normal(2, 3, 3)), oracle=lambda x: np.broadcast_to(np.eye(3, dtype=x.dtype), x.shape))
samples(
    "tensorsolve",
    case(normal(2, 3, 6), normal(2, 3), float32=False),
    case(normal(2, 6, 3), normal(6), axes=(0, 2), label="axes", float32=False),
)
samples(
    "tensorinv",
    case(normal(2, 3, 3, 2), float32=False),
    case(normal(4, 2, 2), ind=1, label="one row axis", float32=False),
)
samples(
    "linalg.trace",
    case(normal(3, 3)),
    case(normal(2, 3, 4), offset=1, label="stack, offset"),
    case(_complex(2, 2), label="complex"),
)
samples("linalg.diagonal", case(normal(3, 3)), case(normal(2, 3, 4), offset=-1, label="stack, offset"))
samples("linalg.matrix_transpose", case(normal(3, 2)), case(_complex(2, 3, 4), label="stack, complex"))

# ------------------------------------------------------------------------------------------------ decompositions

samples(
    "cholesky",
    case(_positive(3, 3)),
    case(_positive(2, 2, 2), label="stack"),
    case(_positive(3, 3), upper=True, label="upper"),
    case(_positive(3, 3, field=_complex), label="complex"),
    case(_positive(2, 2, field=_complex), upper=True, label="complex, upper"),
    case(np.array([[4.0]]), label="1 by 1"),
    case(_positive(3, 3) + np.triu(normal(3, 3), 1), label="another upper triangle, which is not read"),
)
samples(
    "eigh",
    case(_hermitian(3, 3)),
    case(_hermitian(2, 2, 2), label="stack"),
    case(_hermitian(3, 3), "U", label="upper"),
    case(_hermitian(3, 3) + np.triu(normal(3, 3), 1), label="another upper triangle, which is not read"),
    case(_hermitian(3, 3, field=_complex), label="complex", float32=False),
    case(_hermitian(3, 3, field=_complex), "U", label="complex, upper", float32=False),
    case(np.array([[4.0]]), label="1 by 1"),
)
samples(
    "eigvalsh",
    case(_hermitian(3, 3)),
    case(_hermitian(2, 2, 2), UPLO="U", label="stack, upper"),
    case(_hermitian(3, 3, field=_complex), label="complex"),
    case(np.diag([2.0, 1.0, 2.0]), label="tied, summed", expected=(np.eye(3),), order=1),
)
_REAL_SPECTRUM = np.array([[1.0, 0.5, -0.3], [0.4, 3.0, 0.2], [-0.6, 0.7, 6.0]])
_ROTATION = np.array([[0.5, -2.0, 0.3], [1.5, 0.7, -0.4], [0.2, 0.6, 3.0]])
samples(
    "eig",
    case(_REAL_SPECTRUM, label="real eigenvalues"),
    case(_ROTATION, label="a complex pair"),
    case(np.stack([_ROTATION, _REAL_SPECTRUM]), label="stack"),
    case(_REAL_SPECTRUM + 0.5j * _ROTATION, label="complex", float32=False),
)
samples(
    "eigvals",
    case(_REAL_SPECTRUM, label="real eigenvalues"),
    case(_ROTATION, label="a complex pair"),
    case(np.stack([_ROTATION, _REAL_SPECTRUM]), label="stack"),
    case(_REAL_SPECTRUM + 0.5j * _ROTATION, label="complex"),
)
samples(
    "qr",
    case(_spread(3, 3)),
    case(_spread(4, 2), label="tall"),
    case(_spread(2, 4) + np.eye(2, 4), label="wide", float32=False),
    case(_spread(2, 3, 2), label="stack"),
    case(_spread(3, 3), "r", label="r"),
    case(_spread(3, 2), "r", label="r, tall"),
    case(_spread(2, 3) + np.eye(2, 3), "r", label="r, wide", float32=False),
    case(_spread(2, 2), "complete", label="complete, square"),
    case(_spread(2, 3) + np.eye(2, 3), "complete", label="complete, wide", float32=False),
    case(_spread(3, 2, field=_complex), label="complex", float32=False),
    case(_complex(2, 3), label="complex, wide", float32=False),
    case(_spread(2, 1), label="one column"),
)
samples(
    "svd",
    case(_spread(3, 3)),
    case(_spread(4, 2), full_matrices=False, label="tall"),
    case(_spread(2, 4), full_matrices=False, label="wide"),
    case(_spread(2, 3, 2), full_matrices=False, label="stack"),
    case(_spread(3, 2), compute_uv=False, label="values alone"),
    case(_spread(3, 2, field=_complex), full_matrices=False, label="complex", float32=False),
    case(_spread(2, 3, field=_complex), full_matrices=False, label="complex, wide", float32=False),
    case(_hermitian(3, 3), hermitian=True, label="hermitian", duck=False),
    case(_hermitian(3, 3), compute_uv=False, hermitian=True, label="hermitian, values alone"),
    case(normal(1, 3), full_matrices=False, label="one row"),
)
samples(
    "svdvals",
    case(_spread(3, 3)),
    case(_spread(2, 2, 3), label="stack"),
    case(_spread(3, 2, field=_complex), label="complex"),
    case(np.eye(2, 3), label="tied, summed", expected=(np.eye(2, 3),), order=1),
)
samples(
    "pinv",
    case(_spread(3, 3)),
    case(_spread(4, 2), label="tall"),
    case(_spread(2, 2, 3), label="stack, wide"),
    case(_spread(3, 2, field=_complex), label="complex"),
    case(_spread(2, 3, 2), rcond=np.array([1e-10, 1e-3]), label="rcond of its own for each"),
    case(_hermitian(3, 3), hermitian=True, label="hermitian", duck=False),
    case(_hermitian(2, 2, field=_complex), None, True, label="hermitian, complex"),
)
samples(
    "lstsq",
    case(_spread(4, 2), normal(4), label="tall, vector"),
    case(_spread(4, 2), normal(4, 3), label="tall"),
    case(_spread(2, 4), normal(2, 2), label="wide"),
    case(_spread(3, 3), normal(3), 1e-10, label="square"),
    case(_spread(3, 2, field=_complex), _complex(3), label="complex"),
    case(_spread(3, 2), np.array([1, 2, 4]), label="integers on the right"),
)

# ------------------------------------------------------------------------------------------------ norms

_ORDERS = (None, 1, 2, 3, 4, 2.5, 1.5, 0.5, -1, -2, np.inf, -np.inf)
_VECTORS = np.array([[1.5, -0.7, 0.4], [-2.0, 1.1, 0.9]])
_MATRICES = np.array([[[1.5, -0.7, 0.4], [-2.0, 1.1, 0.9]], [[0.3, 2.5, -1.2], [0.8, -0.1, 3.4]]])
_TURNED = _VECTORS * np.exp(1j * np.array([[0.3, 2.0, -1.0], [0.7, -2.5, 1.4]]))
_MATRIX_ORDERS = ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)

samples(
    "norm",
    case(_MATRICES, label="everything"),
    case(_MATRICES, keepdims=True, label="everything, keepdims"),
    *(case(_VECTORS[0], ord, label=f"vector, {ord}") for ord in _ORDERS),
    *(case(_VECTORS, ord, 0, label=f"axis 0, {ord}", float32=False) for ord in _ORDERS),
    case(_VECTORS, 3, -1, True, label="negative axis, keepdims"),
    *(case(_TURNED, ord, axis=1, label=f"complex, {ord}") for ord in _ORDERS),
    *(case(_VECTORS, ord, label=f"matrix, {ord}") for ord in _MATRIX_ORDERS),
    *(case(_MATRICES, ord, axis=(-1, 0), label=f"two axes, {ord}") for ord in _MATRIX_ORDERS),
    *(case(_MATRICES, ord, axis=(1, 2), keepdims=True, label=f"two axes, keepdims, {ord}") for ord in _MATRIX_ORDERS),
    *(case(_TURNED, ord, label=f"complex matrix, {ord}", float32=False) for ord in _MATRIX_ORDERS),
    case(_MATRICES, axis=(0, 1), label="two axes, no order"),
    case(np.array([3.0, 0.0, -4.0]), label="an element 0", rtol=1e-5),
    case(np.array([3.0, 0.0, -4.0]), 4, label="an element 0, 4", order=1),
    case(np.array([3.0, 0.0, -4.0]), 1, label="an element 0, 1: kink", expected=(np.array([1.0, 0.0, -1.0]),), order=1),
    case(np.array([3.0, 0.0, -4.0]), 0, label="0: how many are not 0", order=0),
    *(
        case(np.zeros(3), ord, label=f"at 0, {ord}: kink", expected=(np.zeros(3),), order=1)
        for ord in (None, 1, 2, 3, 1.5, np.inf, -np.inf)
    ),
    *(
        case(np.zeros((2, 2)), ord, label=f"zero matrix, {ord}: kink", expected=(np.zeros((2, 2)),), order=1)
        for ord in _MATRIX_ORDERS
    ),
    case(
        np.array([2.0, -2.0, 1.0]), np.inf, label="tie: split evenly", expected=(np.array([0.5, -0.5, 0.0]),), order=1
    ),
    case(
        np.array([[1.0, -2.0], [2.0, 1.0]]),
        1,
        label="tied columns",
        expected=(np.array([[0.5, -0.5], [0.5, 0.5]]),),
        order=1,
    ),
    case(np.eye(2), 2, label="tied singular values", expected=(np.eye(2) / 2,), order=1),
    case(np.array([3e150, -4e150]), label="1e150", float32=False),
    case(np.array([3e-150, -4e-150]), label="1e-150", float32=False),
    case(np.array([3e100, -4e100]), 3, label="1e100, 3", float32=False),
    case(np.array([3e-100, -4e-100]), 3, label="1e-100, 3", float32=False),
    case(np.array([3e200, -4e200]), 1.5, label="1e200, 1.5", float32=False),
    case(np.array([3e200, -4e200]), -1, label="1e200, −1", float32=False),
)
samples(
    "vector_norm",
    case(_MATRICES, label="everything"),
    *(case(_MATRICES, axis=(0, -1), ord=ord, label=f"two axes, {ord}", float32=False) for ord in _ORDERS[1:]),
    case(_MATRICES, axis=1, keepdims=True, label="keepdims"),
    case(_MATRICES, keepdims=True, ord=3, label="everything, keepdims"),
    case(_TURNED, axis=(1, 0), label="complex"),
    case(np.array(-2.0), label="0-d"),
    case(np.zeros(3), label="at 0: kink", expected=(np.zeros(3),), order=1),
)
samples(
    "matrix_norm",
    *(case(_MATRICES, ord=ord, label=str(ord)) for ord in _MATRIX_ORDERS),
    case(_MATRICES, keepdims=True, label="keepdims"),
    case(_TURNED, ord="nuc", label="complex", float32=False),
)
samples(
    "cond",
    case(_spread(3, 3)),
    case(_spread(2, 3), label="wide"),
    *(case(_spread(2, 2, 2), p, label=str(p), float32=False) for p in (2, *_MATRIX_ORDERS)),
    case(_spread(2, 2, field=_complex), label="complex", float32=False),
    case(_spread(2, 2, field=_complex), "fro", label="complex, fro", float32=False),
)
samples(
    "matrix_rank",
    case(_rank(4, 2), order=0),
    case(_spread(2, 3, 2), label="stack", order=0),
    case(np.eye(3), hermitian=True, label="hermitian", order=0),
)

# -------------------------------------------------------------------------------------------- matrices without elements


def _empty(*shapes: tuple[int, ...], **options: Any) -> list[Any]:
    words = "".join(f", {word}={value}" for word, value in options.items())
    fields = ((float, ""), (complex, "complex "))
    return [
        case(np.zeros(shape, dtype), label=f"{field}{shape}{words}", **options)
        for shape in shapes
        for dtype, field in fields
    ]


_SQUARE = ((0, 0), (0, 3, 3), (2, 0, 0), (0, 0, 0))
_ANY = ((0, 0), (0, 3), (3, 0), (2, 0, 3), (0, 2, 3))
for _name in ["inv", "det", "slogdet", "cholesky", "eigh", "eigvalsh", "eig", "eigvals"]:
    samples(_name, *_empty(*_SQUARE))
for _name in ["qr", "svd", "svdvals", "pinv"]:
    samples(_name, *_empty(*_ANY))
samples("cholesky", *_empty((0, 0), (2, 0, 0), upper=True))
samples("eigh", *_empty((0, 0), (2, 0, 0), UPLO="U"))
samples("qr", *_empty((3, 0), (0, 3), mode="complete"))
samples("svd", *_empty((3, 0), (0, 3), full_matrices=False), *_empty((0, 0), hermitian=True))
samples("pinv", *_empty((0, 0), (2, 0, 0), hermitian=True))
samples("matrix_power", *(case(np.zeros(shape), n, label=f"{shape}, {n}") for shape in _SQUARE for n in (0, 3, -1)))
samples("solve", *(case(np.zeros(shape), np.zeros((*shape[:-1], 2)), label=f"{shape}") for shape in _SQUARE))
samples(
    "lstsq", *(case(np.zeros(shape), np.zeros((shape[0], 2)), label=f"{shape}") for shape in ((0, 3), (3, 0), (0, 0)))
)
samples("lstsq", case(np.zeros((0, 3), complex), np.zeros(0, complex), label="complex (0, 3), vector"))
for _order in ("fro", "nuc", 1, 2, np.inf):
    samples("matrix_norm", *_empty((0, 2, 2), ord=_order))
    try:
        np.linalg.matrix_norm(np.zeros((0, 0)), ord=_order)
    except ValueError:  # an older NumPy has no maximum of nothing
        continue
    samples("matrix_norm", *_empty((0, 0), (2, 0, 3), ord=_order))
