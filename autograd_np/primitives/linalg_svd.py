"""The singular value decomposition and what follows from it: svd, svdvals, pinv, lstsq.

The conventions are those of linalg_decompositions.py: xᵀ transposes, xᴴ conjugates too, dL = Re Σ g·dx.
"""
# The bodies compute on arrays; the types declared are those of the public functions.

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.registry import primitive, rule
from ..engine.tensor import Array, ArrayLike, Tensor
from .composed import publish
from .kinks import at_tie, at_ties
from .linalg_decompositions import SVDResult, eigh, eigvalsh
from .linalg_degenerate import (
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

__all__ = ["SVDResult", "lstsq", "pinv", "svd", "svdvals"]

_t = np.matrix_transpose


@primitive(name="svd", multi=True, wrt="x")
def _svd(x: ArrayLike, full_matrices: bool = True) -> Tensor:
    """U, S and Vᴴ of matrices; see :func:`svd`."""
    return np.linalg.svd(x, full_matrices)


def svd(x: ArrayLike, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """x = U diag(S) Vᴴ with orthonormal columns of U and V, and S descending and not negative.

    Gradient: with dP = Uᴴ dx V, dS = Re diag dP, dU = U Ω and dV = V Ψ within the spaces of the singular vectors, where
    (Ω + Ψ)ᵢⱼ = (dP + dPᴴ)ᵢⱼ/(sⱼ − sᵢ) and (Ω − Ψ)ᵢⱼ = (dP − dPᴴ)ᵢⱼ/(sᵢ + sⱼ).

    Args:
        x: shape (..., m, n).
        full_matrices: U of shape (..., m, m) and Vᴴ (..., n, n); else (..., m, k) and (..., k, n), k = min(m, n). The function
            must not depend on which basis completes U or V (a :class:`DegenerateWarning` tells).
        compute_uv: return the three; else S alone.
        hermitian: ``x`` is Hermitian; one triangle is read (see :func:`eigh`).

    Returns:
        A namedtuple (U, S, Vh), or S.

    Where singular values coincide, the gradient of a function of S alone is exact (those that tie share their cotangents evenly), and so is
    that of a function of U and V alone that does not depend on their choice. Otherwise the gradient is not
    determined, and a :class:`DegenerateWarning` says so. The phase of complex vectors is LAPACK's: for m ≥ n the first
    column of Vᴴ is real, else the first row of U.
    """
    if not compute_uv:
        if hermitian:
            return np.flip(np.sort(np.abs(eigvalsh(x)), axis=-1), axis=-1)
        return svdvals(x)
    if not hermitian:
        return SVDResult(*_svd(x, full_matrices))
    # As NumPy: |λ| in descending order, with the sign moved into V.
    w, u = eigh(x)
    size: Any = np.abs(w)
    order = _descending(size)
    sign = value(np.take_along_axis(np.sign(w), order, axis=-1))
    vectors: Any = np.take_along_axis(u, order[..., None, :], axis=-1)
    return SVDResult(vectors, np.take_along_axis(size, order, axis=-1), adjoint(vectors * sign[..., None, :]))


publish(svd, _svd, np.linalg.svd)


@unrecorded
def _descending(x: Array) -> Any:
    return np.flip(np.argsort(x, axis=-1), axis=-1)


def _between(u: Array, s: Any, w: Array, g_u: Any, g_s: Any, g_w: Any, wide: bool) -> Any:
    """G_P, the gradient of dP = Uᴴ dx V: what turns the singular vectors within their own spaces."""
    x = y = 0.0
    scale: Any = 0.0
    excess: Any = 0.0
    size: Any = 0.0
    if g_u is not None:
        x = np.matmul(_t(u), g_u)
        u_, g_ = value(u), value(g_u)
        scale = np.matmul(np.abs(_t(u_)), np.abs(g_))
        if u.dtype.kind == "c":
            excess = np.imag(np.sum(u * g_u, axis=-2))
            size = np.sum(np.abs(u_ * g_), axis=-2)
    if g_w is not None:
        y = -np.matmul(g_w, _t(w))
        w_, g_ = value(w), value(g_w)
        scale = scale + np.matmul(np.abs(g_), np.abs(_t(w_)))
        if w.dtype.kind == "c":
            excess = excess - np.imag(np.sum(w * g_w, axis=-1))
            size = size + np.sum(np.abs(w_ * g_), axis=-1)
    scale = scale + _t(scale)
    if u.dtype.kind == "c":
        # The common phase of uₖ and vₖ. LAPACK makes one component r of them real: θ = −Im(du_r)/u_r, or Im(dw_r)/w_r.
        row = u[..., 0, :] if wide else w[..., :, 0]
        kept = settled_phase(value(excess), size, value(row), u.shape[-2] + w.shape[-1], "the singular vectors")
        shift = 1j * over(excess, np.real(row), kept)
        if wide:
            x = x - row[..., :, None] * shift[..., None, :]
        else:
            y = y - shift[..., :, None] * row[..., None, :]
    plus, minus = 0.5 * (x + y), 0.5 * (x - y)
    plus, minus = plus - adjoint(plus), minus - adjoint(minus)
    gap, total = s[..., None, :] - s[..., :, None], s[..., None, :] + s[..., :, None]
    s_ = value(s)
    sizes = np.maximum(s_[..., None, :], s_[..., :, None])
    used = _pair_used(g_s, scale)
    pairs = value(plus), scale, np.abs(value(gap)), sizes, used
    near = separable(*pairs, True, "svd: singular values")
    null = separable(
        value(minus), scale, value(total), sizes, used, u.dtype.kind != "c", "svd: singular values that are 0"
    )
    return at_tie(over(plus, gap, near), lost_in_second_order(*pairs), "svd: singular values") + over(
        minus, total, null
    )


def _pair_used(g: Array | None, scale: Any) -> Any:
    if g is None:
        return False
    used = np.not_equal(value(g), 0)
    return used[..., None, :] | used[..., :, None] | np.not_equal(scale, 0)


def _outside(u: Array, free: Any, g_u: Any, g_free: Any, s: Any, g_s: Any, what: str) -> Any:
    """The part of dx's gradient outside the columns of ``u`` (times diag(s)⁻¹ on the right): (g_u − conj(u) uᵀ g_u)/s.

    With the complement's basis ``free`` written out, its own cotangent contributes too.
    """
    u_, s_ = value(u), value(s)
    if free is None:
        g_ = np.abs(value(g_u))
        rest = g_u - np.matmul(conjugate(u), np.matmul(_t(u), g_u))
        scale = g_ + np.matmul(np.abs(u_), np.matmul(np.abs(_t(u_)), g_))
    else:
        free_ = value(free)
        rest = scale = 0.0
        if g_u is not None:
            rest = np.matmul(_t(free), g_u)
            scale = np.matmul(np.abs(_t(free_)), np.abs(value(g_u)))
        if g_free is not None:
            rest = rest - adjoint(np.matmul(_t(u), g_free))
            scale = scale + _t(np.matmul(np.abs(_t(u_)), np.abs(value(g_free))))
            loose = np.matmul(_t(free), g_free)
            size = np.matmul(np.abs(_t(free_)), np.abs(value(g_free)))
            check_free(value(loose - adjoint(loose)), size + _t(size), what)
    size = np.zeros_like(scale) + s_[..., None, :]
    used = False if g_s is None else np.not_equal(value(g_s), 0)[..., None, :] | np.not_equal(scale, 0)
    kept = separable(value(rest), scale, size, size, used, False, "svd: singular values that are 0")
    quotient = over(rest, s[..., None, :], kept)
    return quotient if free is None else np.matmul(conjugate(free), quotient)


def _svd_rule(g: Array, out: Array) -> Any:
    (g_u, g_s, g_w), (u, s, w) = g, out
    m, n, k = u.shape[-2], w.shape[-1], s.shape[-1]
    if not k:  # matrices without elements
        return (np.matmul(u[..., :k], w[..., :k, :]),)
    u2 = w2 = g_u2 = g_w2 = None
    if u.shape[-1] > k:
        u, u2 = u[..., :k], u[..., k:]
        if g_u is not None:
            g_u, g_u2 = g_u[..., :k], g_u[..., k:]
    if w.shape[-2] > k:
        w, w2 = w[..., :k, :], w[..., k:, :]
        if g_w is not None:
            g_w, g_w2 = g_w[..., :k, :], g_w[..., k:, :]
    if g_u is None and g_w is None:
        return (np.matmul(conjugate(u) * even(s, g_s)[..., None, :], conjugate(w)),)
    whole = np.matmul(np.matmul(conjugate(u), _between(u, s, w, g_u, g_s, g_w, m < n)), conjugate(w))
    if g_s is not None:
        whole = whole + np.matmul(conjugate(u) * g_s[..., None, :], conjugate(w))
    if m > k and g_u is not None:
        whole = whole + np.matmul(_outside(u, u2, g_u, g_u2, s, g_s, "svd: the columns that complete U"), conjugate(w))
    if n > k and g_w is not None:
        beside = _outside(
            _t(w),
            None if w2 is None else _t(w2),
            _t(g_w),
            None if g_w2 is None else _t(g_w2),
            s,
            g_s,
            "svd: the rows that complete Vᴴ",
        )
        whole = whole + np.matmul(conjugate(u), _t(beside))
    return (whole,)


rule(_svd, joint=_svd_rule)


@primitive(np.linalg.svdvals)
def svdvals(x: ArrayLike, /) -> Tensor:
    """The singular values of matrices, descending: shape (..., min(m, n)).

    Gradient: ds = Re diag(Uᴴ dx V). Singular values that coincide share their cotangents evenly.
    """
    return np.linalg.svdvals(x)


def _svdvals_rule(g: Array, x: Array) -> Array:
    u, s, w = np.linalg.svd(x, full_matrices=False)
    u = at_ties(u, g, s, "svdvals: singular values")
    return np.matmul(conjugate(u) * even(s, g)[..., None, :], conjugate(w))


rule(svdvals, _svdvals_rule)


# ------------------------------------------------------------------------------------------------ pinv and lstsq


@unrecorded
def _across(s: Any, rcond: Any) -> Any:
    """For the singular values ``s``, 1 where one of a pair is kept and the other cut off by ``rcond``, else 0."""
    kept = s > (rcond[..., None] if hasattr(rcond, "shape") else rcond) * np.max(s, axis=-1, keepdims=True)
    return np.not_equal(kept[..., :, None], kept[..., None, :]).astype(s.dtype)


def _with_cut(g: Array, x: Array, rcond: Any) -> Array:
    """The gradient for x, from that for its kept part x₁ = U₁ S₁ V₁ᴴ, where ``rcond`` cuts off singular values that need not be 0.

    With M = Uᴴ dx V, dx₁ mixes the pairs of a kept s_i and a cut s_j: (Uᴴ dx₁ V)_ij = (s_i² M_ij + s_i s_j conj M_ji)/(s_i² − s_j²), and
    likewise at ji; it is M where both are kept (or s_j = 0), and 0 where both are cut, on which the pseudo-inverse doesn't depend.
    """
    if rcond is None or 0 in x.shape:
        return g
    u, s, w = np.linalg.svd(x, full_matrices=False)
    across = _across(s, rcond)
    kept, cut = np.maximum(s[..., :, None], s[..., None, :]), np.minimum(s[..., :, None], s[..., None, :])
    ratio = over(cut, kept, across)
    rate = over(ratio, over(kept - cut, kept, across) * (1 + ratio), across)
    n = np.matmul(np.matmul(_t(u), g), _t(w))
    return g + np.matmul(np.matmul(conjugate(u), rate * (ratio * n + adjoint(n))), conjugate(w))


@primitive(name="pinv", wrt="x")
def _pinv(x: ArrayLike, rcond: Any = None, hermitian: bool = False) -> Tensor:
    """The pseudo-inverse; see :func:`pinv`."""
    return np.linalg.pinv(x, rcond, hermitian)


class _NotGiven:
    def __repr__(self) -> str:
        return "<not given>"


_NOT_GIVEN = _NotGiven()


def pinv(x: ArrayLike, rcond: Any = None, hermitian: bool = False, *, rtol: Any = _NOT_GIVEN) -> Tensor:
    """The Moore–Penrose pseudo-inverse P of matrices.

    Gradient (Golub and Pereyra): dP = −P dx P + P Pᴴ dxᴴ (1 − x P) + (1 − P x) dxᴴ Pᴴ P. It holds where the rank is constant; of a
    matrix without full rank the pseudo-inverse is not continuous in other directions. Where ``rcond`` cuts off singular values that
    are not 0, the gradient is that of the truncated decomposition, which is their part of x too.

    Args:
        x: shape (..., m, n).
        rcond: singular values up to ``rcond`` times the largest count as 0 (by default 1e-15); may have the batch shape.
        hermitian: ``x`` is Hermitian; one triangle is read (see :func:`eigh`).
        rtol: the same as ``rcond``; None for max(m, n)·eps.
    """
    if rtol is not _NOT_GIVEN:
        if rcond is not None:
            raise ValueError("pinv: rtol and rcond can't be both set")
        dtype = np.result_type(x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype, np.float32)
        rcond = rtol if rtol is not None else max(np.shape(x)[-2:]) * float(np.finfo(dtype).eps)
    if isinstance(rcond, (list, tuple)):
        rcond = np.asarray(rcond)
    if hermitian and np.shape(x)[-1:] == np.shape(x)[-2:-1]:  # else NumPy says what is wrong
        x = mirrored(x)
    return _pinv(x, rcond, hermitian)


publish(pinv, _pinv, np.linalg.pinv)


def mirrored(x: ArrayLike) -> Array:
    """The Hermitian matrix of which the lower triangle is given."""
    lower = np.tril(x, -1)
    middle = np.tril(np.triu(x))
    return lower + adjoint(lower) + 0.5 * (middle + adjoint(middle))


def _pinv_rule(g: Array, out: Array, x: Array, rcond: Any) -> Any:
    p, gh = out, adjoint(g)
    pt = _t(p)
    first = np.matmul(np.matmul(gh, conjugate(p)), pt)
    first = first - np.matmul(conjugate(x), np.matmul(conjugate(p), first))
    second = np.matmul(pt, np.matmul(conjugate(p), gh))
    second = second - np.matmul(np.matmul(second, _t(x)), pt)
    return _with_cut(first + second - np.matmul(np.matmul(pt, g), pt), x, rcond)


rule(_pinv, _pinv_rule)


@primitive(np.linalg.lstsq, wrt="x y", multi=True)
def lstsq(x: ArrayLike, y: ArrayLike, rcond: float | None = None) -> Any:
    """The solution z of least norm of min ‖x z − y‖.

    Args:
        x: shape (m, n).
        y: shape (m,) or (m, k).
        rcond: singular values up to ``rcond`` times the largest count as 0 (by default max(m, n)·eps).

    Returns:
        The tuple (solution, residuals, rank, singular values), all Tensors; the rank, an integer, has no gradient. As in NumPy the
        residuals ‖x z − y‖² are empty unless m > n and the rank is n.

    The solution is pinv(x) y, and has its gradient (see :func:`pinv`).
    """
    return np.linalg.lstsq(x, y, rcond)


def _lstsq_rule(g: Any, out: Any, needs: Any, x: Array, y: Array, rcond: Any) -> Any:
    g_z, g_r, _, g_s = g
    vector = len(y.shape) == 1
    z = out[0][..., None] if vector else out[0]
    b = y[..., None] if vector else y
    residual = b - np.matmul(x, z)
    g_x = g_b = None
    if g_z is not None:
        gz = g_z[..., None] if vector else g_z
        m, n = x.shape[-2:]
        p = np.linalg.pinv(x, max(m, n) * float(np.finfo(x.dtype).eps) if rcond is None else rcond)
        pt = _t(p)
        g_b = np.matmul(pt, gz)
        if needs[0]:
            rest = conjugate(gz) - np.matmul(p, np.matmul(x, conjugate(gz)))
            g_x = (
                np.matmul(conjugate(residual), _t(np.matmul(p, conjugate(g_b))))
                + np.matmul(np.matmul(pt, conjugate(z)), _t(rest))
                - np.matmul(g_b, _t(z))
            )
            g_x = _with_cut(g_x, x, rcond)
    if g_r is not None and g_r.shape[-1]:
        # Of the residual ‖b − x z‖² the solution z is the minimum: dz does not count.
        more = 2 * conjugate(residual) * g_r
        g_b = more if g_b is None else g_b + more
        if needs[0]:
            turned = -np.matmul(more, _t(z))
            g_x = turned if g_x is None else g_x + turned
    if g_s is not None and needs[0]:
        u, s, w = np.linalg.svd(x, full_matrices=False)
        part = np.matmul(conjugate(u) * even(s, g_s)[..., None, :], conjugate(w))
        g_x = part if g_x is None else g_x + part
    if needs[0] and g_x is None:
        g_x = np.zeros_like(x)
    if not needs[1]:
        return g_x, None
    if g_b is None:
        g_b = np.zeros_like(b)
    return g_x if needs[0] else None, g_b[..., 0] if vector else g_b


rule(lstsq, joint=_lstsq_rule)
