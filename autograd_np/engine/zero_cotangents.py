"""A zero cotangent stays zero in rules that add up products: what the backward walk does about 0 · inf and 0 · NaN in them.

In ``np.sum(np.where(ok, X @ w, 0))`` a row of X that is not ok may hold anything: nothing depends on it. The rule of w is ``Xᵀ g``,
where the 0 in g meets that row, and IEEE arithmetic makes NaN of it. So where a gradient comes out not finite the rule is asked again, with
other numbers in place of the kept values that are not finite. What is the same for every choice of them doesn't depend on them: it is the sum
without these terms. What differs has met one of them under a cotangent that is not zero, and stays as it is.

This looks at numbers, which costs a reduction per gradient, so the walk does it only below a selection of elements (``Primitive.masks``).
A compiled program is made for what is finite among the kept arrays, and rests on that; where they are not, another one is made, in
which the rule is asked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import hooks
from .accumulators import Deferred
from .tensor import Tensor

if TYPE_CHECKING:
    from .primitive import Primitive
    from .tape import Node

__all__ = ["masked", "repaired"]

Values = tuple[Any, ...]


def repaired(
    primitive: Primitive, node: Node, g: Any, parents: tuple[Node | None, ...], kept: Values, pulled: Values
) -> Values:
    """The gradients of a rule without the terms in which a cotangent of 0 meets a kept value that is not finite, or overflows in the rule."""
    doubtful = [i for i, c in enumerate(pulled) if c is not None and c is not g and not _finite(_bare(c))]
    if doubtful and not all(_whole(_bare(value)) for value in _kept_arrays(primitive, kept)):
        pulled = _without(np.isfinite, doubtful, primitive, node, g, parents, kept, pulled)
    doubtful = [i for i in doubtful if _is_known(_bare(pulled[i])) and not _finite(_bare(pulled[i]))]
    return _without(_is_moderate, doubtful, primitive, node, g, parents, kept, pulled) if doubtful else pulled


def _without(
    fits: Any,
    doubtful: list[int],
    primitive: Primitive,
    node: Node,
    g: Any,
    parents: tuple[Node | None, ...],
    kept: Values,
    pulled: Values,
) -> Values:
    """The gradients of a rule without what depends on the kept values that do not fit."""
    # Three choices: the numbers of each differ from one another and from those of the others, so that no difference of two of them and no
    # function of one of them is the same in all. Two lie between 0 and 1, where most functions are defined; the third is negative, which
    # a rule may answer with NaN. Zeros give the value, so that its own derivatives there are 0 as well.
    first, second, third = [
        primitive.pull(node, g, parents, _filled(primitive, kept, fits, choice)) for choice in (_first, _second, _third)
    ]
    try:
        zeros = primitive.pull(node, g, parents, _filled(primitive, kept, fits, np.zeros_like))
    except np.linalg.LinAlgError:  # a matrix of zeros is singular
        zeros = first
    results = list(pulled)
    for i in doubtful:
        plain, *others = [
            c[i].dense() if isinstance(c[i], Deferred) else c[i] for c in (pulled, first, second, third, zeros)
        ]
        one, two, three = [_bare(c) for c in others[:3]]
        same = np.logical_and(np.equal(one, two), np.logical_or(np.equal(one, three), np.isnan(three)))
        independent = np.logical_and(same, np.logical_not(np.isfinite(_bare(plain))))
        value = np.where(np.isfinite(_bare(others[3])), others[3], others[0])
        results[i] = np.where(independent, value, plain)
    return tuple(results)


def _is_moderate(x: Any) -> Any:
    """Whether the product of three such numbers is finite."""
    return np.abs(x) < np.finfo(x.dtype).max ** (1 / 3)


def _bare(value: Any) -> Any:
    """The array of a Tensor."""
    return value._values if value.__class__ is Tensor else value


def all_finite(x: Any) -> bool:
    """Whether all elements of an array are finite."""
    # The sum of squares is one pass without another array; where it overflows the elements are looked at one by one.
    flat = np.reshape(x, -1)
    return bool(np.isfinite(np.dot(flat, flat))) or bool(np.isfinite(x).all())


def _is_known(x: Any) -> bool:
    return x.__class__ is np.ndarray or isinstance(x, np.generic)


def _finite(c: Any) -> bool:
    """Whether all elements of a gradient are finite; False of what can't be looked at, or is summed later."""
    return _is_known(c) and all_finite(c)


def _whole(x: Any) -> bool:
    """Whether all elements of a kept array are finite; False of an array that can't be looked at."""
    if _is_known(x):
        return all_finite(x)
    return hooks.is_traced(x) and hooks.assume_of(all_finite, x)


def _is_inexact(value: Any) -> bool:
    return getattr(getattr(value, "dtype", None), "kind", "") in ("f", "c")


def _kept_arrays(primitive: Primitive, kept: Values) -> list[Any]:
    """The operands and outputs among the kept values."""
    arrays: list[Any] = []
    for slot, value in zip(primitive.slots, kept, strict=True):
        if slot.source in ("value", "out", "hidden"):
            arrays += [each for each in (value if value.__class__ is tuple else (value,)) if _is_inexact(each)]
    return arrays


def _filled(primitive: Primitive, kept: Values, fits: Any, choice: Any) -> Values:
    """The kept values with other numbers for those that do not fit."""

    def fill(value: Any) -> Any:
        if value.__class__ is tuple:
            return tuple([fill(each) for each in value])
        return np.where(fits(_bare(value)), value, choice(_bare(value))) if _is_inexact(value) else value

    return tuple(
        [
            fill(value) if slot.source in ("value", "out", "hidden") else value
            for slot, value in zip(primitive.slots, kept, strict=True)
        ]
    )


def _counted(like: Any) -> Any:
    """1, 2, 3, … in the shape of an array."""
    return np.reshape(np.cumsum(np.ones_like(like, dtype=float)), like.shape)


def _first(like: Any) -> Any:
    return (0.5 + 0.4 * np.sin(_counted(like))).astype(like.dtype)


def _second(like: Any) -> Any:
    return (0.5 + 0.3 * np.cos(1.7 * _counted(like))).astype(like.dtype)


def _third(like: Any) -> Any:
    return (-5 - np.cos(2.3 * _counted(like))).astype(like.dtype)


# The integers that are as wide as the floating dtypes.
_BITS = {"e": np.dtype(np.int16), "f": np.dtype(np.int32), "d": np.dtype(np.int64)}


def masked(mask: Any, g: Any) -> Any:
    """``g`` where the boolean ``mask`` is true, and 0 elsewhere, on arrays."""
    bits = _BITS.get(g.dtype.char)
    if bits is None:
        return np.where(mask, g, 0)
    return np.multiply(g.view(bits), mask).view(g.dtype)
