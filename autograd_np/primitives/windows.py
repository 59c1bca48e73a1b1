"""Sliding windows, from which convolutions and moving statistics are written."""
# The body computes on arrays; the types declared are those of the public function.

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.registry import primitive, rule
from ..engine.tensor import Array, ArrayLike, Tensor
from .scatter import Scatter


@primitive(np.lib.stride_tricks.sliding_window_view, view=True)
def sliding_window_view(
    x: ArrayLike,
    window_shape: int | tuple[int, ...],
    axis: int | tuple[int, ...] | None = None,
    *,
    subok: bool = False,
    writeable: bool = False,
) -> Tensor:
    """Every window of ``x``: the axes of the windows come last. A view, as in NumPy.

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
    return np.lib.stride_tricks.sliding_window_view(x, window_shape, axis)


def _from_windows(g: Array, x_shape: tuple[int, ...], window_shape: Any, axis: Any) -> Any:
    places = np.lib.stride_tricks.sliding_window_view(
        np.arange(np.prod(x_shape, dtype=int)).reshape(x_shape), window_shape, axis
    )
    return Scatter(x_shape, [(np.unravel_index(places, x_shape), g)])


rule(sliding_window_view, _from_windows)
