"""Functions where the standard parts from NumPy's function of the same name."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.registry import FUNCTIONS
from ..engine.tensor import ArrayLike, Tensor
from ..primitives import repeating, selection, shaping, sorting
from ..primitives.shaping import flip, ravel

__all__ = ["argsort", "broadcast_arrays", "clip", "meshgrid", "sort", "vecdot"]


# ---------------------------------------------------------------- elementwise, and shapes


def clip(
    x: ArrayLike,
    /,
    min: ArrayLike | None = None,  # noqa: A002 - the standard's name
    max: ArrayLike | None = None,  # noqa: A002
    out: None = None,
    *,
    a_min: ArrayLike | None = None,
    a_max: ArrayLike | None = None,
) -> Tensor:
    """``minimum(maximum(x, min), max)``, elementwise; a bound may be an array, a Tensor, or None (open). The gradients are those of ``np.clip``.

    Raises:
        TypeError: a bound is given twice (``min`` and NumPy's ``a_min``), or ``out`` is given.

    >>> clip([-1.0, 0.5, 2.0], min=0.0, max=1.0).tolist()
    [0.0, 0.5, 1.0]
    """
    if a_min is None and a_max is None:
        return selection.clip(x, min, max, out)
    return selection.clip(x, a_min, a_max, out, min=min, max=max)


def broadcast_arrays(*arrays: ArrayLike, subok: bool = False) -> list[Tensor]:
    """A list of the arrays broadcast against each other, without copies (``np.broadcast_arrays`` gives a tuple).

    >>> [t.shape for t in broadcast_arrays([1.0, 2.0], [[3.0], [4.0]])]
    [(2, 2), (2, 2)]
    """
    return list(shaping.broadcast_arrays(*arrays, subok=subok))


def meshgrid(*arrays: ArrayLike, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> list[Tensor]:
    """A list of the coordinate arrays of a grid, one per vector (``np.meshgrid`` gives a tuple).

    Args:
        *arrays: vectors (or numbers).
        copy: give each its own memory, rather than a broadcast view.
        sparse: leave the other axes at length one.
        indexing: ``xy`` (Cartesian) or ``ij`` (matrix).

    >>> [t.tolist() for t in meshgrid([1.0, 2.0], [3.0])]
    [[[1.0, 2.0]], [[3.0, 3.0]]]
    """
    return list(repeating.meshgrid(*arrays, copy=copy, sparse=sparse, indexing=indexing))


# ---------------------------------------------------------------- sorting


def _kinds(name: str, kind: str | None, stable: bool | None) -> dict[str, Any]:
    """NumPy's ``kind`` where it is given, else the standard's ``stable``, which is true by default."""
    if kind is None:
        return {"kind": None if stable is False else "stable"}
    if stable is not None:
        raise ValueError(f"{name}: kind and stable are two ways of saying the same; give one of them")
    return {"kind": kind}


def sort(
    x: ArrayLike,
    /,
    axis: int | None = -1,
    kind: str | None = None,
    order: None = None,
    *,
    descending: bool = False,
    stable: bool | None = None,
) -> Tensor:
    """``x`` sorted along ``axis`` (None: the flat array), increasing with NaN last, or the other way round.

    The order of equal elements stays what it is, unless ``stable=False`` or NumPy's ``kind`` is given (which may
    be faster): so the gradient at a tie does not depend on the algorithm. Gradient: back along the permutation.

    >>> sort([3.0, 1.0, 2.0], descending=True).tolist()
    [3.0, 2.0, 1.0]
    """
    kinds = _kinds("sort", kind, stable)
    if not descending:
        return sorting.sort(x, axis, order=order, **kinds)
    if axis is None:
        x, axis = ravel(x), -1
    # Turned before as well as after, equal elements keep their order.
    return flip(sorting.sort(flip(x, axis), axis, order=order, **kinds), axis)


def argsort(
    x: ArrayLike,
    /,
    axis: int | None = -1,
    kind: str | None = None,
    order: None = None,
    *,
    descending: bool = False,
    stable: bool | None = None,
) -> Tensor:
    """The indices that :func:`sort` ``x`` along ``axis``; those of equal elements increase, unless ``stable=False`` or a ``kind`` is given. No gradient.

    >>> argsort([2.0, 1.0, 2.0], descending=True).tolist()
    [0, 2, 1]
    """
    kinds = _kinds("argsort", kind, stable)
    if not descending:
        return sorting.argsort(x, axis, order=order, **kinds)
    if axis is None:
        x, axis = ravel(x), -1
    turned = flip(x, axis)
    return turned.shape[axis] - 1 - flip(sorting.argsort(turned, axis, order=order, **kinds), axis)


# ---------------------------------------------------------------- products


def vecdot(x: ArrayLike, y: ArrayLike, /, *, axis: int = -1) -> Tensor:
    """``Σ conj(x) · y`` over ``axis``, counted from the last; the other axes broadcast. Gradients: conj(g · y) and g · conj(x).

    >>> vecdot([[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0]).tolist()
    [21.0, 43.0]
    """
    return FUNCTIONS[np.linalg.vecdot](x, y, axis=axis)  # type: ignore[no-any-return]
