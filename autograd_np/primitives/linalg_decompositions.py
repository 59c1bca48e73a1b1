"""Decompositions of matrices: cholesky, eigh, eig, qr, svd and their values alone.

Throughout, xᵀ is the transpose and xᴴ the conjugate transpose over the last two axes. The gradient of a real
loss is dL/dRe − i·dL/dIm, so dL = Re Σ g·dx without conjugation, and the gradient of y = A x B is Aᵀ g Bᵀ.

NumPy reads one triangle of a symmetric matrix (``cholesky``, ``eigh``, ``eigvalsh``). The gradient is the
derivative of just that function of the array: it lies in the triangle that is read, an element off the diagonal counts
for its mirror image too, and the gradient of the other triangle is 0. So ``eigh((a + a.T) / 2)`` has the symmetric gradient.
"""
# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..engine.registry import primitive, rule
from ..engine.tensor import Array, ArrayLike, Tensor
from .composed import publish
from .kinks import at_tie, at_ties
from .linalg_degenerate import (
    DegenerateWarning,
    adjoint,
    check_free,
    conjugate,
    even,
    lost_in_second_order,
    over,
    separable,
    settled_phase,
    unrecorded,
    value,
)

__all__ = [
    "DegenerateWarning",
    "EigResult",
    "EighResult",
    "QRResult",
    "cholesky",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "qr",
]

_t = np.matrix_transpose


class EigResult(NamedTuple):
    """Eigenvalues, and right eigenvectors in the columns of a matrix."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class EighResult(NamedTuple):
    """Eigenvalues in ascending order, and orthonormal eigenvectors in the columns of a matrix."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """A matrix with orthonormal columns, and an upper triangular one."""

    Q: Tensor
    R: Tensor


class SVDResult(NamedTuple):
    """Left singular vectors, singular values in descending order, and right singular vectors (in rows, conjugated)."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def _solve_right(x: Array, a: Array) -> Any:
    """x a⁻¹."""
    return _t(np.linalg.solve(_t(a), _t(x)))


def _onto_triangle(g: Array, upper: bool) -> Array:
    """The gradient of the triangle that is read, from the gradient ``g`` of the whole Hermitian matrix.

    With a_ji = conj(a_ij): dL = Re(g_ij da_ij + g_ji conj(da_ij)), so the element's gradient is g_ij + conj(g_ji);
    of the diagonal, which is real, it is Re g_ii.
    """
    both = g + adjoint(g)
    if upper:
        return 0.5 * (np.triu(both) + np.triu(both, 1))
    return 0.5 * (np.tril(both) + np.tril(both, -1))


# ------------------------------------------------------------------------------------------------ cholesky


@primitive(np.linalg.cholesky, masks=True)
def cholesky(x: ArrayLike, /, *, upper: bool = False) -> Tensor:
    """The lower triangular L with x = L Lᴴ, or with ``upper`` the upper triangular U with x = Uᴴ U.

    Args:
        x: Hermitian positive definite, shape (..., n, n). The lower triangle is read (with ``upper`` the upper one), and
            the gradient lies in it: an element off the diagonal stands for its mirror image too.
        upper: return U.

    Raises:
        numpy.linalg.LinAlgError: a matrix is not positive definite.

    >>> cholesky(np.array([[4.0, 2.0], [2.0, 5.0]])).tolist()
    [[2.0, 0.0], [1.0, 2.0]]
    """
    return np.linalg.cholesky(x, upper=upper)


def _cholesky_rule(g: Array, out: Array, upper: bool) -> Any:
    # dL = L Φ(L⁻¹ dA L⁻ᴴ), Φ the lower triangle with half the diagonal.
    if upper:
        out, g = adjoint(out), adjoint(g)
    inner = np.matmul(_t(out), g)
    inner = 0.5 * (np.tril(inner) + np.tril(inner, -1))
    whole = _solve_right(np.linalg.solve(_t(out), inner), conjugate(out))
    return _onto_triangle(whole, upper)


rule(cholesky, _cholesky_rule)


# ------------------------------------------------------------------------------------------------ eigh


@primitive(name="eigh", multi=True, wrt="x", masks=True)
def _eigh(x: ArrayLike, UPLO: str = "L") -> Tensor:  # noqa: N803 - NumPy's name
    """Eigenvalues and eigenvectors of Hermitian matrices; see :func:`eigh`."""
    return np.linalg.eigh(x, UPLO)


def eigh(x: ArrayLike, UPLO: str = "L") -> EighResult:  # noqa: N803 - NumPy's name
    """Eigenvalues λ (ascending, real) and orthonormal eigenvectors V (columns) of Hermitian matrices: x V = V diag(λ).

    Gradient: with Fᵢⱼ = 1/(λⱼ − λᵢ), dλ = diag(Vᴴ dx V) and dV = V (F ∘ Vᴴ dx V).

    Args:
        x: shape (..., n, n); only one triangle is read, and the gradient lies in it: an element off the diagonal
            stands for its mirror image too. For the symmetric gradient write ``eigh((x + x.T) / 2)``.
        UPLO: which triangle: 'L' or 'U'.

    Returns:
        A namedtuple (eigenvalues, eigenvectors).

    Where eigenvalues coincide, the gradient of a function of the eigenvalues alone is exact, and so is that of a function of the
    eigenvectors alone that does not depend on their choice. Otherwise the gradient is not determined, and a
    :class:`DegenerateWarning` says so. (A cotangent that is zero on all the tied pairs stays zero without a word.)
    The phase of complex eigenvectors is LAPACK's: their first (with 'U', last) components are real.
    """
    return EighResult(*_eigh(x, UPLO))


publish(eigh, _eigh, np.linalg.eigh)


def _either_used(g: Array | None, scale: Any) -> Any:
    """Whether a pair of values or its vectors have a cotangent; False where the values have none at all."""
    if g is None:
        return False
    used = np.not_equal(g, 0)
    return used[..., None, :] | used[..., :, None] | np.not_equal(scale, 0)


def _from_values(v: Array, g: Array) -> Array:
    """conj(V) diag(g) Vᵀ."""
    return np.matmul(conjugate(v) * g[..., None, :], _t(v))


def _eigh_rule(g: Array, out: Array, UPLO: str) -> Any:  # noqa: N803 - NumPy's name
    (g_values, g_vectors), (w, v) = g, out
    if not w.shape[-1]:  # matrices without elements
        return (np.zeros_like(v),)
    upper = UPLO.upper() == "U"
    if g_vectors is None:
        return (_onto_triangle(_from_values(v, even(w, g_values)), upper),)
    x = np.matmul(_t(v), g_vectors)
    w_, v_, g_ = value(w), value(v), value(g_vectors)
    scale = np.matmul(np.abs(_t(v_)), np.abs(g_))
    if v.dtype.kind == "c":
        # A phase: dV = V·iθ. LAPACK's first (last) component r of each vector is real: θ = −Im(dv_r)/v_r.
        row = v[..., -1 if upper else 0, :]
        excess = np.imag(np.sum(v * g_vectors, axis=-2))
        kept = settled_phase(
            value(excess), np.sum(np.abs(v_ * g_), axis=-2), value(row), v.shape[-1], "the eigenvectors"
        )
        shift = over(excess, np.real(row), kept)
        x = x - 1j * row[..., :, None] * shift[..., None, :]
    skew = x - adjoint(x)
    gap = w[..., None, :] - w[..., :, None]
    scale = scale + _t(scale)
    used = _either_used(None if g_values is None else value(g_values), scale)
    sizes = np.abs(w_)
    pairs = value(skew), scale, np.abs(value(gap)), np.maximum(sizes[..., None, :], sizes[..., :, None]), used
    kept = separable(*pairs, True, "eigh: eigenvalues")
    inner = at_tie(over(0.5 * skew, gap, kept), lost_in_second_order(*pairs), "eigh: eigenvalues")
    whole = np.matmul(np.matmul(conjugate(v), inner), _t(v))
    if g_values is not None:
        whole = whole + _from_values(v, g_values)
    return (_onto_triangle(whole, upper),)


rule(_eigh, joint=_eigh_rule)


@primitive(np.linalg.eigvalsh, wrt="x", masks=True)
def eigvalsh(x: ArrayLike, UPLO: str = "L") -> Tensor:  # noqa: N803 - NumPy's name
    """The eigenvalues of Hermitian matrices, ascending: shape (..., n).

    Args:
        x: shape (..., n, n); one triangle is read, and the gradient lies in it (see :func:`eigh`).
        UPLO: which triangle: 'L' or 'U'.

    Gradient: dλₖ = vₖᴴ dx vₖ. Eigenvalues that coincide share their cotangents evenly.
    """
    return np.linalg.eigvalsh(x, UPLO)


def _eigvalsh_rule(g: Array, x: Array, UPLO: str) -> Any:  # noqa: N803 - NumPy's name
    w, v = np.linalg.eigh(x, UPLO)
    v = at_ties(v, g, w, "eigvalsh: eigenvalues")
    return _onto_triangle(_from_values(v, even(w, g)), UPLO.upper() == "U")


rule(eigvalsh, _eigvalsh_rule)


# ------------------------------------------------------------------------------------------------ eig


@primitive(name="eig", multi=True)
def _eig(x: ArrayLike) -> Tensor:
    """Eigenvalues and eigenvectors of square matrices; see :func:`eig`."""
    return np.linalg.eig(x)


def eig(x: ArrayLike) -> EigResult:
    """Eigenvalues λ and right eigenvectors V (columns, of norm 1) of square matrices: x V = V diag(λ).

    As in NumPy the results are real where all eigenvalues of a real ``x`` are, else complex.

    Gradient: with Fᵢⱼ = 1/(λⱼ − λᵢ), dλ = diag(V⁻¹ dx V) and dV = V (F ∘ V⁻¹ dx V + diag c), where c keeps each vector's norm at 1
    and, as LAPACK does, its largest component real.

    Args:
        x: shape (..., n, n).

    Returns:
        A namedtuple (eigenvalues, eigenvectors).

    A matrix that has no n independent eigenvectors has no derivative: the gradient is huge, or LinAlgError is raised.
    Where eigenvalues coincide, see :func:`eigh`.
    """
    return EigResult(*_eig(x))


publish(eig, _eig, np.linalg.eig)


@unrecorded
def _largest(v: Array) -> Any:
    """For each column the row of its largest component, as an index for take_along_axis: shape (..., n, 1)."""
    return np.argmax(np.abs(v), axis=-2)[..., None]


def _eig_rule(g: Array, out: Array) -> Any:
    (g_values, g_vectors), (w, v) = g, out
    if not w.shape[-1]:
        return (np.zeros_like(v),)
    whole = None
    if g_vectors is not None:
        w_, v_, g_ = value(w), value(v), value(g_vectors)
        along = np.sum(v * g_vectors, axis=-2)
        x = np.matmul(_t(v), g_vectors - np.real(along)[..., None, :] * conjugate(v))
        scale = np.matmul(np.abs(_t(v_)), np.abs(g_))
        if v.dtype.kind == "c":
            rows = np.take_along_axis(
                v, _largest(v), axis=-2
            )  # rows[j, i]: of vector i the component that is the largest of vector j
            entry = np.diagonal(rows, axis1=-2, axis2=-1)
            excess = np.imag(along)
            kept = settled_phase(
                value(excess), np.sum(np.abs(v_ * g_), axis=-2), value(entry), v.shape[-1], "the eigenvectors"
            )
            shift = over(excess, np.real(entry), kept)
            x = x - 1j * _t(rows) * shift[..., None, :]
        gap = w[..., None, :] - w[..., :, None]
        sizes = np.abs(w_)
        used = _either_used(None if g_values is None else value(g_values), scale)
        pairs = value(x), scale, np.abs(value(gap)), np.maximum(sizes[..., None, :], sizes[..., :, None]), used
        kept = separable(*pairs, True, "eig: eigenvalues")
        whole = np.matmul(at_tie(over(x, gap, kept), lost_in_second_order(*pairs), "eig: eigenvalues"), _t(v))
    if g_values is not None:
        part = g_values[..., :, None] * _t(v)
        whole = part if whole is None else whole + part
    return (np.linalg.solve(_t(v), whole),)


rule(_eig, joint=_eig_rule)


@primitive(np.linalg.eigvals)
def eigvals(x: ArrayLike) -> Tensor:
    """The eigenvalues of square matrices: shape (..., n), complex unless all eigenvalues of a real ``x`` are real.

    Gradient: dλ = diag(V⁻¹ dx V) with the eigenvectors V. Not differentiable, and huge, where ``x`` has no n independent ones.
    """
    return np.linalg.eigvals(x)


@unrecorded
def _matched(wanted: Any, values: Any) -> Any:
    """The order in which ``values`` are nearest to ``wanted``, each taken once."""
    distance = np.abs(wanted[..., :, None] - values[..., None, :])
    order = np.argmin(distance, axis=-1)
    # Ties and close pairs: nearest is not one-to-one there. Sorting both by value is.
    once = np.all(np.diff(np.sort(order, axis=-1), axis=-1) == 1)
    if type(once) is np.bool_ and not once:
        order = np.take_along_axis(
            np.argsort(values, axis=-1), np.argsort(np.argsort(wanted, axis=-1), axis=-1), axis=-1
        )
    return order


def _eigvals_rule(g: Array, out: Array, x: Array) -> Any:
    if not x.shape[-1]:
        return np.zeros_like(x)
    # LAPACK's order with eigenvectors may differ from its order without.
    w, v = np.linalg.eig(x)
    v = at_ties(np.take_along_axis(v, _matched(out, w)[..., None, :], axis=-1), g, w, "eigvals: eigenvalues")
    return np.linalg.solve(_t(v), g[..., :, None] * _t(v))


rule(eigvals, _eigvals_rule)


# ------------------------------------------------------------------------------------------------ qr


@primitive(name="qr", multi=True, wrt="x")
def _qr(x: ArrayLike, mode: str = "reduced") -> Tensor:
    """Q and R of matrices; see :func:`qr`."""
    return np.linalg.qr(x, mode)


def qr(x: ArrayLike, mode: str = "reduced") -> Any:
    """x = Q R with orthonormal columns of Q and R upper triangular.

    Gradient: with C = Qᴴ dx R⁻¹, Qᴴ dQ is C's strictly lower part minus its adjoint (the diagonal of R stays real), the rest is dR R⁻¹.
    For a wide ``x`` Q depends on the leading square block alone.

    Args:
        x: shape (..., m, n); its first min(m, n) columns must be independent.
        mode: 'reduced': Q of shape (..., m, k) and R (..., k, n) with k = min(m, n); 'complete': (..., m, m) and (..., m, n), the
            function must not depend on which basis completes Q (a :class:`DegenerateWarning` tells); 'r': R alone.

    Returns:
        A namedtuple (Q, R), or R.

    Raises:
        TypeError: mode 'raw', whose Householder vectors have no gradient here.
        numpy.linalg.LinAlgError: in the backward pass, if the columns are dependent.
    """
    if mode == "raw":
        raise TypeError("qr: mode='raw' (Householder vectors) has no gradient here; use 'reduced', 'complete' or 'r'")
    if mode == "r":
        return _qr(x, "reduced")[1]
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr: unrecognized mode {mode!r}; use 'reduced', 'complete' or 'r'")
    return QRResult(*_qr(x, mode))


publish(qr, _qr, np.linalg.qr)


def _qr_rule(g: Array, out: Array, x_shape: tuple[int, ...]) -> Any:
    (g_q, g_r), (q, r) = g, out
    k = min(x_shape[-2:])
    wide = x_shape[-1] > k
    free = g_free = rest = None
    if q.shape[-1] > k:  # complete: the other columns are a basis of the complement
        q, free = q[..., :k], q[..., k:]
        r = r[..., :k, :]
        g_r = None if g_r is None else g_r[..., :k, :]
        if g_q is not None:
            g_q, g_free = g_q[..., :k], g_q[..., k:]
    if wide:
        # x = Q [R₁ R₂], R₂ = Qᴴ x₂.
        r, r_rest = r[..., :k], r[..., k:]
        if g_r is not None:
            g_r, g_rest = g_r[..., :k], g_r[..., k:]
            rest = np.matmul(conjugate(q), g_rest)
            more = np.matmul(np.matmul(conjugate(q), conjugate(r_rest)), adjoint(g_rest))
            g_q = more if g_q is None else g_q + more
        else:
            rest = np.matmul(q, np.zeros_like(r_rest))
    # G_C = strict lower(X − Xᴴ + Yᴴ) + strict upper(Y) + diag(Re Y + i Im X), with X = Qᵀ g_Q and Y = g_R Rᵀ.
    total = inner = None
    if g_q is not None:
        x = np.matmul(_t(q), g_q)
        skew = x - adjoint(x)
        inner = 0.5 * (np.tril(skew) + np.tril(skew, -1))
        total = g_q - np.matmul(conjugate(q), x)
    if g_r is not None:
        y = np.matmul(np.triu(g_r), _t(r))
        part = np.triu(y, 1) + adjoint(np.triu(y, 1))
        middle = np.tril(np.triu(y))
        part = part + 0.5 * (middle + adjoint(middle))
        inner = part if inner is None else inner + part
    total = np.matmul(conjugate(q), inner) if total is None else total + np.matmul(conjugate(q), inner)
    if free is not None and g_free is not None:
        total = total - np.matmul(conjugate(free), adjoint(np.matmul(_t(q), g_free)))
        loose = np.matmul(_t(free), g_free)
        free_, g_ = value(free), value(g_free)
        scale = np.matmul(np.abs(_t(free_)), np.abs(g_))
        check_free(value(loose - adjoint(loose)), scale + _t(scale), "qr: the columns that complete Q")
    first = _solve_right(total, _t(r))
    return (first if rest is None else np.concatenate([first, rest], axis=-1),)


rule(_qr, joint=_qr_rule)
