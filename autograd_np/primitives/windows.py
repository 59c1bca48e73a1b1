"""Sliding windows, from which convolutions and moving statistics are written."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import explain
from ..tensor import ArrayLike, Tensor
from .composed import composition, lifted

__all__ = ["sliding_window_view"]


@composition(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    x: ArrayLike, window_shape: int | tuple[int, ...], axis: int | tuple[int, ...] | None = None, *, subok: bool = False, writeable: bool = False
) -> Tensor:
    """Every window of ``x``: the axes of the windows come last. A copy, where NumPy gives a view.

    Args:
        x: the array.
        window_shape: the window's length along each axis of ``axis``.
        axis: the axes along which the window slides; all of them by default.
        subok: refused.
        writeable: refused.

    Raises:
        ValueError: a window is longer than its axis, or the numbers of lengths and axes differ.
        TypeError: ``subok`` or ``writeable`` is set.

    Gradient: each element gets the sum over the windows that hold it.

    >>> sliding_window_view(np.array([1.0, 2.0, 3.0]), 2).tolist()
    [[1.0, 2.0], [2.0, 3.0]]
    """
    if subok or writeable:
        raise TypeError("sliding_window_view: subok= and writeable= are not supported on Tensors")
    t = lifted(x, "sliding_window_view")
    places: Any = np.arange(t.size).reshape(t.shape)
    try:
        index = np.lib.stride_tricks.sliding_window_view(places, window_shape, axis)
    except ValueError as error:
        raise explain("sliding_window_view", {"x": t, "window_shape": window_shape, "axis": axis}, error) from None
    return np.ravel(t)[index]  # type: ignore[no-any-return]
