"""What no rule can know in second order: a smooth function of a norm where the norm is 0, or of eigenvalues that (nearly) coincide.

‖x‖² is smooth at 0 and ‖x‖ is not: its gradient 2‖x‖ · x/‖x‖ has the right value 0 there, but its derivative is the limit of a
product of which one factor vanishes and the other's derivative is infinite. A rule sees one factor alone, so the term
is left out, and a :class:`DegenerateWarning` says so: in second order, where the norm is 0 and its cotangent, which depends on
the operands, is 0 as well. (A cotangent that is not 0 there leaves a kink, whose gradient is a convention.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.registry import on_arrays, primitive, rule
from ..engine.tensor import Array, ArrayLike, Tensor
from .linalg_degenerate import NEARLY, value, warn
from .zeros import keep

__all__ = ["at_kink", "at_root", "at_tie", "at_ties"]

_TEXT = (
    "{what} is 0, and so is its cotangent: the second derivative of a smooth function of it, as of norm(x)**2, cannot be seen from its "
    "parts, and its term is left out here (taken as 0). Write that function without the norm, as np.sum(x * x)"
)


@primitive(name="at_kink", wrt="x")
def _at_kink(x: ArrayLike, lost: Any, text: str) -> Any:
    """``x`` itself; its rule, which a second derivative runs, warns where any of ``lost`` is true."""
    return np.positive(x)


_marked = on_arrays(_at_kink)


def _checked(h: Array, lost: Any, text: str) -> Array:
    warn(np.any(lost), text)
    return h


rule(_at_kink, _checked)


def at_kink(x: Any, g: Any, size: Any, what: str) -> Any:
    """``x`` for the rule of a norm ``size`` of x with the cotangent ``g``, marked where the second order is lost.

    Nothing is done in a first derivative, nor where no norm is 0.
    """
    if g.__class__ is not Tensor or g._node is None:
        return x
    lost = _lost(g, size)
    return x if lost is None else _marked(x, lost, _TEXT.format(what=what))


def _lost(g: Array, size: Any) -> Any:
    """Where both are 0; None where that is known to be nowhere."""
    lost = np.logical_and(np.equal(value(size), 0), np.equal(value(g), 0))._values
    return None if lost.__class__ in (np.ndarray, np.bool_) and not np.count_nonzero(lost) else lost


@primitive(name="at_root", wrt="d root", broadcasts=True)
def _at_root(d: Any, root: Any, lost: Any) -> Any:
    """``d`` itself; its rule for ``root``, which a second derivative runs, warns where ``lost`` is true and the cotangent 0."""
    return np.positive(d)


_root = on_arrays(_at_root)


def _root_checked(h: Array, lost: Any) -> Array:
    warn(np.any(np.logical_and(lost, np.equal(value(h), 0))), _TEXT.format(what="a square root"))
    return keep(False, h)


rule(_at_root, lambda h: h, _root_checked)


def at_root(d: Any, g: Any, root: Any) -> Any:
    """The gradient ``d`` of a square root, marked where it is the root of a sum of squares that are 0.

    That differs from √x masked at 0 by the direction's share in the operand, Σ 2 x dx, which is 0 too.
    """
    if g.__class__ is not Tensor or g._node is None:
        return d
    lost = _lost(g, root)
    return d if lost is None else _root(d, root, lost)


def _known_false(lost: Any) -> bool:
    return lost.__class__ in (np.ndarray, np.bool_) and not np.count_nonzero(lost)


def at_ties(v: Any, g: Any, values: Any, what: str) -> Any:
    """The vectors ``v`` in the rule of eigenvalues or singular values alone, with the cotangent ``g``: marked where values coincide, or nearly.

    The second derivative has quotients (g_i − g_j)/(λ_i − λ_j). At a tie their limit depends on how g varies, which is not seen; near it
    n·eps/gap of it is rounding. A constant g, as that of a sum, loses nothing.
    """
    if g.__class__ is not Tensor or g._node is None or not values.shape[-1]:
        return v
    w = value(values)
    n = w.shape[-1]
    eps = float(np.finfo(w.dtype).eps)
    gap = np.abs(w[..., None, :] - w[..., :, None])
    largest = np.max(np.abs(w), axis=-1)[..., None, None]
    near = np.logical_and(
        np.less_equal(gap, n * eps**0.625 * largest), np.equal(np.tril(np.triu(np.ones_like(gap))), 0)
    )._values
    return v if _known_false(near) else _marked(v, near, NEARLY.format(what=what))


def at_tie(quotient: Any, lost: Any, what: str) -> Any:
    """The quotients of a rule for eigenvectors in a derivative that is recorded, marked where their own derivative is lost."""
    if quotient.__class__ is not Tensor:
        return quotient
    lost = lost._values if lost.__class__ is Tensor else lost
    return quotient if _known_false(lost) else _marked(quotient, lost, NEARLY.format(what=what))
