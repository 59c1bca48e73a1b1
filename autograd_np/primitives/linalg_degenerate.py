"""Derivatives of decompositions where eigenvalues or singular values coincide.

The derivative of eigenvectors divides by the distances of eigenvalues. At a tie that is 0/0 for a function that does
not depend on the choice of the eigenvectors, and x/0 for one that does, which has no derivative. Here each
quotient is judged by its numerator, its rounding error and the distance: kept, taken as 0, or taken as 0 with a
:class:`DegenerateWarning`. What can be said at a tie without knowing more of the function than its gradient:

- A function of the eigenvalues alone: exact. Where it is not differentiable (the largest of two that tie) the
  weight is split evenly among those that tie, which is the subgradient of least norm.
- A function of the eigenvectors alone that is well defined (a projector on the whole tied space): exactly 0.
- A function of both, such as V·sqrt(λ)·Vᴴ: its derivative within the tied space is the limit of a quotient
  whose numerator and denominator both vanish, and it is lost. It is warned about.
- A function that tells the tied eigenvectors apart: no derivative. It is warned about.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.hooks import is_batched, is_traced, require
from ..engine.tensor import Array, Tensor

__all__ = [
    "NEARLY",
    "DegenerateWarning",
    "adjoint",
    "check_free",
    "conjugate",
    "even",
    "lost_in_second_order",
    "over",
    "separable",
    "settled_phase",
    "unrecorded",
    "value",
    "warn",
]


class DegenerateWarning(UserWarning):
    """A gradient was asked where it is not determined: eigenvalues or singular values coincide, or a norm is 0."""


# Of the rounding error of a dot product of length n: n·eps·Σ|a||b|, times a margin for what came before it.
MARGIN = 64

_LOST = (
    "{what} coincide, and the function depends on which vectors of their common space were chosen: it has no "
    "derivative there; the terms between them are left out of the gradient"
)
_UNKNOWN = (
    "{what} coincide, and the function uses both them and their vectors: how it varies within their common space cannot "
    "be seen from its gradient, and is left out of it. Add a small perturbation that separates them, or use a function "
    "that needs no decomposition"
)


NEARLY = (
    "{what} coincide or nearly do, and how the function varies within their common space is a difference divided by their distance: "
    "it is lost, or most of its digits. Use a function that needs no decomposition"
)


def warn(found: Any, text: str) -> None:
    """Give a :class:`DegenerateWarning` if ``found`` is true."""
    # The flag of a duck array, of a tracer or of a batch has no truth to look at.
    if type(found) in (bool, np.bool_):
        if found:
            warnings.warn(text, DegenerateWarning, stacklevel=4)
    elif is_traced(found) or is_batched(found):
        require(_warn_if, found, text)


def _warn_if(found: Any, text: str) -> None:
    if found:
        warnings.warn(text, DegenerateWarning, stacklevel=4)


def unrecorded(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function on arrays for use inside rules, whose result is constant: masks, weights, orders.

    Tensors give Tensors that need no gradient, arrays of whatever kind arrays.
    """

    @functools.wraps(function)
    def plain(*args: Any) -> Any:
        if any(isinstance(x, Tensor) for x in args):
            return Tensor.at(function(*[x._values if isinstance(x, Tensor) else x for x in args]), None)
        return function(*args)

    return plain


@unrecorded
def value(x: Array) -> Any:
    """The value without its place on the tape."""
    return x


@unrecorded
def separable(numerator: Array, scale: Any, gap: Any, size: Any, used: Any, inner: bool, what: str) -> Any:
    """1 where ``numerator / gap`` is right, 0 where 0 must stand for it.

    Args:
        numerator: what the gap divides, shape (..., m, n).
        scale: the sum of the absolute values that made up the numerator; its rounding error is a few eps of it.
        gap: distance of the two values, at least 0.
        size: the larger of their absolute values.
        used: whether the function uses the values themselves too (False, or an array of bool).
        inner: whether the diagonal is a value against itself, which is no pair.
        what: the values, for the warning.
    """
    n = max(numerator.shape[-2:])
    eps = float(np.finfo(gap.dtype).eps)
    rounding = MARGIN * n * eps * scale
    magnitude = np.abs(numerator)
    largest = np.max(size, axis=(-2, -1), keepdims=True, initial=0)
    close = gap <= 8 * n * eps * largest
    negligible = magnitude <= rounding
    # Within tiny values (the null space of a matrix) distances smaller than the rounding error of the largest
    # value are still right in proportion, and so is a numerator that vanishes with them.
    proportional = (magnitude >= 1000 * rounding) & (magnitude * size <= 100 * gap * scale) & (gap > 0)
    pairs = np.ones_like(magnitude, dtype=bool)
    if inner:
        pairs = pairs & ~np.tril(np.triu(pairs))
    warn(np.any(close & ~negligible & ~proportional & pairs), _LOST.format(what=what))
    dropped = close & ~proportional
    if inner:
        # Nearly a tie: the error n·eps·scale/gap of the quotient is more than a part τ of itself, and of an ordinary quotient.
        tau = eps**0.375
        error = n * eps * scale
        near = (
            ~close
            & (error > tau * magnitude)
            & (error * largest > tau * gap * np.max(scale, axis=(-2, -1), keepdims=True, initial=0))
        )
        dropped = dropped | (near & negligible & ~used if used is not False else near & negligible)
        if used is not False:
            warn(np.any(near & used & pairs), NEARLY.format(what=what))
    if used is not False:
        warn(np.any(close & negligible & used & pairs), _UNKNOWN.format(what=what))
    return np.where(pairs & ~dropped, np.ones_like(gap), np.zeros_like(gap))


@unrecorded
def lost_in_second_order(numerator: Array, scale: Any, gap: Any, size: Any, used: Any) -> Any:
    """Where the derivative of ``numerator / gap``, the difference of two numbers of size 1/gap, is more than τ rounding; arguments as above."""
    if used is False:
        return np.zeros_like(gap, dtype=bool)
    n = max(numerator.shape[-2:])
    eps = float(np.finfo(gap.dtype).eps)
    largest = np.max(size, axis=(-2, -1), keepdims=True, initial=0)
    most = np.max(scale, axis=(-2, -1), keepdims=True, initial=0)
    ordinary = np.abs(numerator) * largest <= 100 * gap * scale
    rounding = n * eps**0.625 * scale * np.square(largest) > np.square(gap) * most
    return ordinary & rounding & used & (np.tril(np.triu(np.ones_like(gap))) == 0)


@unrecorded
def check_free(numerator: Array, scale: Any, what: str) -> Any:
    """Warn if the function depends on a basis that is free."""
    eps = float(np.finfo(numerator.dtype).eps)
    warn(
        np.any(np.abs(numerator) > MARGIN * max(*numerator.shape[-2:], 1) * eps * scale),
        _LOST.format(what=what).replace("coincide", "are free"),
    )
    return numerator


@unrecorded
def settled_phase(excess: Any, scale: Any, entry: Any, length: int, what: str) -> Any:
    """1 where the phase of a complex vector is settled by ``entry`` being real and the function depends on it.

    Args:
        excess: derivative of the function along the phase, one per vector.
        scale: the sum of the absolute values that made it up.
        entry: the component of the vector that LAPACK made real.
        length: number of the terms in the sum.
        what: the vectors, for the warning.
    """
    eps = float(np.finfo(excess.dtype).eps)
    depends = np.abs(excess) > MARGIN * length * eps * scale
    settled = (np.abs(np.imag(entry)) <= 1e-3 * np.abs(np.real(entry))) & (np.real(entry) != 0)
    warn(
        np.any(depends & ~settled),
        f"the function depends on the phase of {what}, which is not settled here: it has no derivative, and the phase is left out of the gradient",
    )
    return np.where(depends & settled, np.ones_like(excess), np.zeros_like(excess))


@unrecorded
def tie_weights(values: Any) -> Any:
    """The matrix that replaces each of a sorted list of numbers by the mean of those that tie with it."""
    n = values.shape[-1]
    if n == 0:
        return np.zeros_like(values[..., None] * values[..., None, :])
    eps = float(np.finfo(values.dtype).eps)
    largest = np.max(np.abs(values), axis=-1, keepdims=True)
    steps = np.abs(np.diff(values, axis=-1)) > 8 * n * eps * largest
    cluster = np.concatenate([np.zeros_like(values[..., :1], dtype=int), np.cumsum(steps, axis=-1)], axis=-1)
    same = np.equal(cluster[..., None], cluster[..., None, :]).astype(values.dtype)
    return same / np.sum(same, axis=-1, keepdims=True)


def over(numerator: Array, denominator: Any, kept: Any) -> Array:
    """numerator / denominator where ``kept`` is 1, and 0 where it is 0."""
    return numerator * kept / np.where(np.not_equal(kept, 0), denominator, 1.0)


def even(values: Any, g: Array) -> Any:
    """``g`` with the parts of tied values split evenly."""
    return np.matmul(tie_weights(values), g[..., None])[..., 0]


def conjugate(x: Array) -> Array:
    """The complex conjugate; a real array itself."""
    return np.conj(x) if x.dtype.kind == "c" else x


def adjoint(x: Array) -> Any:
    """The conjugate transpose xᴴ over the last two axes."""
    return conjugate(np.matrix_transpose(x))
