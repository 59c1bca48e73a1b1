"""What no rule can know: the second derivative of a smooth function of a norm, where the norm is 0.

‖x‖² is smooth at 0 and ‖x‖ is not: its gradient 2‖x‖ · x/‖x‖ has the right value 0 there, but its derivative is the limit of a
product of which one factor vanishes and the other's derivative is infinite. A rule sees one factor alone, so the term
is left out, and a :class:`DegenerateWarning` says so: in second order, where the norm is 0 and its cotangent, which depends on
the operands, is 0 as well. (A cotangent that is not 0 there leaves a kink, whose gradient is a convention.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import recording
from ..primitive import on_arrays, primitive, rule
from .linalg_degenerate import value, warn
from .zeros import keep

__all__ = ["at_kink", "at_root"]

_TEXT = (
    "{what} is 0, and so is its cotangent: the second derivative of a smooth function of it, as of norm(x)**2, cannot be seen from its "
    "parts, and its term is left out here (taken as 0). Write that function without the norm, as np.sum(x * x)"
)


@primitive(name="at_kink", wrt="x")
def _at_kink(x: Any, lost: Any, what: str) -> Any:
    """``x`` itself; its rule, which a second derivative runs, warns where any of ``lost`` is true."""
    return np.positive(x)


_marked = on_arrays(_at_kink)


def _checked(h: Any, lost: Any, what: str) -> Any:
    warn(np.any(lost), _TEXT.format(what=what))
    return h


rule(_at_kink, _checked)


def at_kink(x: Any, g: Any, size: Any, what: str) -> Any:
    """``x`` for the rule of a norm ``size`` of x with the cotangent ``g``, marked where the second order is lost.

    Nothing is done in a first derivative, nor where no norm is 0.
    """
    if g.__class__ is not recording.TENSOR or g._node is None:
        return x
    lost = _lost(g, size)
    return x if lost is None else _marked(x, lost, what)


def _lost(g: Any, size: Any) -> Any:
    """Where both are 0; None where that is known to be nowhere."""
    lost = np.logical_and(np.equal(value(size), 0), np.equal(value(g), 0))._values
    return None if lost.__class__ in (np.ndarray, np.bool_) and not np.count_nonzero(lost) else lost


@primitive(name="at_root", wrt="d root", broadcasts=True)
def _at_root(d: Any, root: Any, lost: Any) -> Any:
    """``d`` itself; its rule for ``root``, which a second derivative runs, warns where ``lost`` is true and the cotangent 0."""
    return np.positive(d)


_root = on_arrays(_at_root)


def _root_checked(h: Any, lost: Any) -> Any:
    warn(np.any(np.logical_and(lost, np.equal(value(h), 0))), _TEXT.format(what="a square root"))
    return keep(False, h)


rule(_at_root, lambda h: h, _root_checked)


def at_root(d: Any, g: Any, root: Any) -> Any:
    """The gradient ``d`` of a square root, marked where it is the root of a sum of squares that are 0.

    That differs from √x masked at 0 by the direction's share in the operand, Σ 2 x dx, which is 0 too.
    """
    if g.__class__ is not recording.TENSOR or g._node is None:
        return d
    lost = _lost(g, root)
    return d if lost is None else _root(d, root, lost)
