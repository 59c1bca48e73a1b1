"""Point sets of the plane on which small networks are tried: spiral, xor, moons, circles, blobs, checkerboard, and a sine to fit.

Every classification set is ``(x, y)``: positions of shape (N, 2) in float32 and class numbers of shape (N,) in int64, class by class
(a :class:`~nn.data.DataLoader` shuffles). Noise is normal and independent from one point and one coordinate to the next.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..defaults import generator_of

__all__ = ["blobs", "checkerboard", "circles", "moons", "sine", "spiral", "xor"]

Points = tuple[NDArray[np.float32], NDArray[np.int64]]


def _at_least(value: Any, low: int, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
        raise ValueError(f"{name} is an integer of at least {low}, not {value!r}")
    return int(value)


def _spread(noise: float) -> float:
    if not (math.isfinite(noise) and noise >= 0):
        raise ValueError(
            f"noise is the standard deviation of a normal distribution, a number that is not negative, not {noise!r}"
        )
    return float(noise)


def _labelled(parts: list[Any]) -> Points:
    labels = np.repeat(np.arange(len(parts), dtype=np.int64), [len(part) for part in parts])
    return np.concatenate(parts).astype(np.float32), labels


def spiral(
    points: int = 100,
    classes: int = 3,
    noise: float = 0.2,
    *,
    form: Literal["cs231n", "nnfs"] = "cs231n",
    rng: np.random.Generator | int | None = None,
) -> Points:
    """Arms of a spiral, one per class, each from the centre to radius 1.

    With r = linspace(0, 1, ``points``), arm j has

        t = linspace(4 j, 4 (j + 1), ``points``) + ``noise`` · N(0, 1)

    and the points (r sin a, r cos a), where the angle a depends on the form:

    - ``"cs231n"``, of Stanford's course: a = t. At noise 0.2 the arms of three classes stand apart: nearly every point can be told.
    - ``"nnfs"``, of "Neural Networks from Scratch in Python": a = 2.5 t. The arms wind faster and the noise is 2.5 times as
      large in the angle: at noise 0.2, two of the three arms are 1.15 rad apart with a standard deviation of 0.5 rad, they overlap, and
      **no classifier can tell more than 91.0 % of fresh points** (the Bayes limit). A higher accuracy on the training points is over-fitting.

    Args:
        points: number of points of each class.
        classes: number of arms.
        noise: standard deviation of t.
        form: ``"cs231n"`` or ``"nnfs"``.
        rng: a generator, a seed, or None for the default generator.

    Returns:
        Positions (classes · points, 2) in float32 and classes (classes · points,) in int64.

    Source:
        A. Karpathy, CS231n "Putting it together: minimal neural network case study"; H. Kinsley and D. Kukieła, nnfs.

    >>> x, y = spiral(50, rng=0)
    >>> x.shape, x.dtype.name, y.shape, y.dtype.name
    ((150, 2), 'float32', (150,), 'int64')
    """
    points, classes, noise = _at_least(points, 1, "points"), _at_least(classes, 1, "classes"), _spread(noise)
    winding = {"cs231n": 1.0, "nnfs": 2.5}.get(form)
    if winding is None:
        raise ValueError(f'form is "cs231n" or "nnfs", not {form!r}')
    rng = generator_of(rng)
    radius = np.linspace(0.0, 1.0, points)
    arms = []
    for j in range(classes):
        angle = winding * (np.linspace(4.0 * j, 4.0 * (j + 1), points) + noise * rng.standard_normal(points))
        arms.append(np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1))
    return _labelled(arms)


def xor(points: int = 1, noise: float = 0.0, *, rng: np.random.Generator | int | None = None) -> Points:
    """The corners of the unit square by exclusive or: (0, 0) and (1, 1) are class 0, (0, 1) and (1, 0) are class 1.

    Args:
        points: number of points at each corner; 1 gives the truth table.
        noise: standard deviation of both coordinates.
        rng: a generator, a seed, or None for the default generator.

    Returns:
        Positions (4 · points, 2) in float32 and classes (4 · points,) in int64.

    >>> x, y = xor()
    >>> np.column_stack([x, y])
    array([[0., 0., 0.],
           [1., 1., 0.],
           [0., 1., 1.],
           [1., 0., 1.]])
    """
    points, noise, rng = _at_least(points, 1, "points"), _spread(noise), generator_of(rng)
    corners = np.array([[[0.0, 0.0], [1.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])
    return _labelled(
        [np.repeat(pair, points, axis=0) + noise * rng.standard_normal((2 * points, 2)) for pair in corners]
    )


def moons(points: int = 100, noise: float = 0.1, *, rng: np.random.Generator | int | None = None) -> Points:
    """Two half circles that reach into each other.

    With t = linspace(0, π, ``points``): class 0 is (cos t, sin t), class 1 is (1 − cos t, 1/2 − sin t), both plus noise.

    Args:
        points: number of points of each class.
        noise: standard deviation of both coordinates.
        rng: a generator, a seed, or None for the default generator.

    Returns:
        Positions (2 · points, 2) in float32 and classes (2 · points,) in int64.
    """
    points, noise, rng = _at_least(points, 1, "points"), _spread(noise), generator_of(rng)
    t = np.linspace(0.0, math.pi, points)
    arcs = [np.stack([np.cos(t), np.sin(t)], axis=1), np.stack([1.0 - np.cos(t), 0.5 - np.sin(t)], axis=1)]
    return _labelled([arc + noise * rng.standard_normal(arc.shape) for arc in arcs])


def circles(
    points: int = 100, noise: float = 0.05, *, factor: float = 0.5, rng: np.random.Generator | int | None = None
) -> Points:
    """A circle within a circle.

    With t = 2π k / ``points``: class 0 is (cos t, sin t), class 1 is ``factor`` · (cos t, sin t), both plus noise.

    Args:
        points: number of points of each class.
        noise: standard deviation of both coordinates.
        factor: radius of the inner circle, between 0 and 1.
        rng: a generator, a seed, or None for the default generator.

    Returns:
        Positions (2 · points, 2) in float32 and classes (2 · points,) in int64.
    """
    points, noise, rng = _at_least(points, 1, "points"), _spread(noise), generator_of(rng)
    if not 0.0 <= factor < 1.0:
        raise ValueError(f"factor is the radius of the inner circle, at least 0 and below 1, not {factor!r}")
    t = np.linspace(0.0, 2.0 * math.pi, points, endpoint=False)
    circle = np.stack([np.cos(t), np.sin(t)], axis=1)
    return _labelled([radius * circle + noise * rng.standard_normal(circle.shape) for radius in (1.0, factor)])


def blobs(
    points: int = 100,
    classes: int = 3,
    noise: float = 0.2,
    *,
    centers: ArrayLike | None = None,
    rng: np.random.Generator | int | None = None,
) -> Points:
    """Round clouds, one per class: the class's centre plus noise.

    Args:
        points: number of points of each class.
        classes: number of clouds whose centres are (cos, sin)(2π j / classes) on the unit circle.
        noise: standard deviation of every coordinate.
        centers: other centres, (classes, dimensions), instead; their number takes the place of ``classes``.
        rng: a generator, a seed, or None for the default generator.

    Returns:
        Positions (classes · points, dimensions) in float32 and classes (classes · points,) in int64.
    """
    points, classes, noise, rng = (
        _at_least(points, 1, "points"),
        _at_least(classes, 1, "classes"),
        _spread(noise),
        generator_of(rng),
    )
    if centers is None:
        angle = np.linspace(0.0, 2.0 * math.pi, classes, endpoint=False)
        middle: NDArray[Any] = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    else:
        middle = np.asarray(centers, dtype=np.float64)
        if middle.ndim != 2 or not middle.size:
            raise ValueError(
                f"centers has the shape (classes, dimensions), not {middle.shape}; classes= is their number alone"
            )
    return _labelled([center + noise * rng.standard_normal((points, len(center))) for center in middle])


def checkerboard(points: int = 400, cells: int = 4, *, rng: np.random.Generator | int | None = None) -> Points:
    """Points spread evenly over the square [−1, 1)², coloured like a chess board.

    The class is (⌊cells (x₁ + 1) / 2⌋ + ⌊cells (x₂ + 1) / 2⌋) mod 2.

    Args:
        points: number of points in all.
        cells: fields along each side.
        rng: a generator, a seed, or None for the default generator.

    Returns:
        Positions (points, 2) in float32 and classes (points,) in int64, in random order.
    """
    points, cells, rng = _at_least(points, 1, "points"), _at_least(cells, 1, "cells"), generator_of(rng)
    # 2⁻²³ steps are exact in float32, so that no point is rounded over an edge.
    x = rng.integers(-(2**23), 2**23, (points, 2)).astype(np.float32) * np.float32(2.0**-23)
    field = np.floor((x.astype(np.float64) + 1.0) * (cells / 2.0)).astype(np.int64)
    return x, field.sum(axis=1) % 2


def sine(
    points: int = 1000, noise: float = 0.0, *, rng: np.random.Generator | int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One period of a sine, a first regression: x = k / ``points``, y = sin(2π x) plus noise.

    Args:
        points: number of points.
        noise: standard deviation of y.
        rng: a generator, a seed, or None for the default generator.

    Returns:
        x and y, both of shape (points, 1) in float32.
    """
    points, noise, rng = _at_least(points, 1, "points"), _spread(noise), generator_of(rng)
    x = np.linspace(0.0, 1.0, points, endpoint=False)[:, None]
    y = np.sin(2.0 * math.pi * x) + noise * rng.standard_normal(x.shape)
    return x.astype(np.float32), y.astype(np.float32)
