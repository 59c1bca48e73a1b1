"""Dropout: elements, or whole channels, set to zero at random."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.hooks import in_memory
from ..engine.random import draw, generator_of
from ..engine.registry import on_arrays, primitive, rule
from ..engine.tensor import ArrayLike, Tensor
from .composed import lifted, publish
from .zeros import _keep as _keep_primitive

_keep_bits = _keep_primitive.__primitive__.body

# ---------------------------------------------------------------- the product with a mask


@primitive(name="masked_scale", wrt="x", masks="kink")
def _masked_scale(x: ArrayLike, mask: ArrayLike, scale: float) -> Tensor:
    """``x · scale`` where the boolean mask is true and 0 elsewhere, also for infinities and NaN. The mask broadcasts to x."""
    y = _keep_bits(mask, x)
    return np.multiply(y, scale, out=y) if y.__class__ is np.ndarray and y.ndim else y * scale


masked_scale = on_arrays(_masked_scale)
rule(_masked_scale, lambda g, mask, scale: masked_scale(g, mask, scale))


@primitive(name="dropout", wrt="x", multi=True, shown=1, masks="kink")
def _dropout(x: ArrayLike, p: float, rng: Any, mask_shape: Any) -> Tensor:
    """The scaled elements that stay, and (hidden) the mask of them."""
    drawn = draw(rng, "random", x.shape if mask_shape is None else mask_shape, dtype=np.float32)
    mask = np.greater_equal(drawn if in_memory(drawn) and in_memory(x) else np.asarray(drawn, like=x), p)
    return _masked_scale_body(x, mask, _scale(p)), mask


def _scale(p: float) -> float:
    """What keeps the expectation; at p = 1 nothing is left to scale."""
    return 1 / (1 - p) if p < 1 else 1.0


_masked_scale_body = _masked_scale.__primitive__.body  # type: ignore[attr-defined]
rule(_dropout, lambda g, hidden, p: masked_scale(g[0], hidden[1], _scale(p)))


def dropout(
    x: ArrayLike,
    p: float = 0.5,
    training: bool = True,
    rng: np.random.Generator | int | None = None,
    *,
    shared_axes: int | tuple[int, ...] = (),
) -> Tensor:
    """Set each element to 0 with probability ``p`` and multiply the others by 1 / (1 − p).

    Args:
        x: real or complex floating numbers; integers become float64.
        p: the probability, in [0, 1].
        training: if false, ``x`` is returned as it is.
        rng: where the random numbers come from: a Generator, an integer seed, or None for the generator that
            :func:`manual_seed` seeds. One float32 number in [0, 1) is drawn per element, in C order; those below p drop.
        shared_axes: along these axes elements stay or drop together: ``(2, 3)`` drops whole channels of images (N, C, H, W).

    Returns:
        Shape and dtype of ``x``. A dropped element is 0 even where ``x`` is infinite or NaN.

    Raises:
        TypeError: ``rng`` is none of these.
        ValueError: p is not in [0, 1], or a shared axis is none of x.

    Gradient: g / (1 − p) at the elements that stayed, 0 at the others.

    Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting (JMLR 2014).

    >>> dropout(np.ones(8), 0.5, rng=0).tolist()
    [2.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: the probability p is in [0, 1], not {p}")
    p = float(p)
    t = lifted(x, "dropout")
    if not training or p == 0:
        return t
    generator = generator_of(rng)
    if t.dtype.kind not in "fc":
        t = t.astype(float)
    mask_shape = None
    if shared_axes != ():
        ndim = t.ndim
        axes = (shared_axes,) if isinstance(shared_axes, int) else tuple(shared_axes)
        for axis in axes:
            if not -ndim <= axis < ndim:
                raise ValueError(f"dropout: shared axis {axis} is out of bounds for x of shape {t.shape}")
        together = {axis % ndim for axis in axes}
        mask_shape = tuple([1 if i in together else size for i, size in enumerate(t.shape)])
    return _dropout(t, p, generator, mask_shape)


publish(dropout, _dropout)
