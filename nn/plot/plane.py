"""Points of the plane, and a classifier's decisions around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

import autograd_np as ag

from ..module import Module
from .canvas import INK, MARKERS, array_of, axes_for, colours, evaluating, matplotlib, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["dataset", "decision_boundary"]

Array = NDArray[Any]
Scores = Literal["auto", "logits", "probabilities", "labels"]

SIZE = (5.4, 5.4)

# Beyond this ratio of its sides the plane is not drawn to scale: one of the coordinates could not be read.
ALIKE = 5.0


def dataset(
    X: Any,  # noqa: N803
    y: Any = None,
    *,
    class_names: Sequence[str] | None = None,
    title: str = "Data",
    ax: Axes | None = None,
) -> Axes:
    """Draw points of the plane, each class in a colour and marker of its own.

    Args:
        X: the points, (N, 2).
        y: their classes, (N,) or (N, 1), whole numbers from 0; without them all points look alike.
        class_names: for the legend; "class 0", "class 1", … unless given.
        title: above the picture; an empty one leaves it out.
        ax: where to draw; a new figure unless given. Several pictures stand well side by side on a ``Figure(layout="compressed")``.

    Returns:
        The axes; ``ax.figure`` is the figure.

    Raises:
        ValueError: the shapes do not belong together, a class is no whole number from 0, or a coordinate is not finite.
    """
    points = _points(X, "dataset")
    labels = None if y is None else _labels(y, len(points), "dataset")
    ax = axes_for(ax, SIZE)
    _plane(ax, title, _limits(points, 0.08))
    _scatter(ax, points, labels, _names(labels, 0, class_names, "dataset"), edge="none")
    return ax


def decision_boundary(
    model: Module | Callable[[Any], Any],
    X: Any,  # noqa: N803
    y: Any = None,
    *,
    scores: Scores = "auto",
    resolution: int = 300,
    margin: float = 0.12,
    batch_size: int = 16384,
    class_names: Sequence[str] | None = None,
    title: str = "Decision regions",
    ax: Axes | None = None,
) -> Axes:
    """Draw what a classifier answers in the plane around points: the class as colour, its probability as depth, and the line between classes.

    A module answers in evaluation mode, and is left in the mode it was in; nothing is recorded.

    Args:
        model: a module, or a function, from points (M, 2) to scores: (M, C) for C ≥ 2 classes, (M, 1) or (M,) for two.
        X: the points, (N, 2); they say what part of the plane is drawn.
        y: their classes, (N,) or (N, 1), whole numbers from 0.
        scores: what the answers are: ``"logits"``, ``"probabilities"``, or the ``"labels"`` of classes. ``"auto"`` takes integers for labels,
            numbers from 0 to 1 that add up to 1 (or single ones from 0 to 1) for probabilities, and anything else for logits.
        resolution: points per side of the grid at which the model is asked.
        margin: width of the border around the points, as a share of their extent.
        batch_size: how many points the model is given at a time.
        class_names: for the legend.
        title: above the picture; an empty one leaves it out.
        ax: where to draw; a new figure unless given. Several pictures stand well side by side on a ``Figure(layout="compressed")``.

    Returns:
        The axes; ``ax.figure`` is the figure.

    Raises:
        ValueError: shapes that do not belong together, options out of range, or an answer that is no score.
    """
    points = _points(X, "decision_boundary")
    labels = None if y is None else _labels(y, len(points), "decision_boundary")
    if resolution < 2 or batch_size < 1 or not 0 <= margin < np.inf:
        raise ValueError(
            f"decision_boundary: resolution = {resolution} must be at least 2, batch_size = {batch_size} at least 1, margin = {margin} at least 0 and finite"
        )
    limits = _limits(points, margin)
    (left, right), (bottom, top) = limits
    dtype = next((p.dtype for p in model.parameters()), points.dtype) if isinstance(model, Module) else points.dtype
    across, up = np.linspace(left, right, resolution), np.linspace(bottom, top, resolution)
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2).astype(dtype)
    with ag.no_grad(), evaluating(model):
        answers = np.concatenate([_answer(model, grid[i : i + batch_size]) for i in range(0, len(grid), batch_size)])
    shares = _shares(answers, scores, labels).reshape(resolution, resolution, -1)

    ax = axes_for(ax, SIZE)
    _plane(ax, title, limits)
    count = shares.shape[-1]
    hues = np.array([matplotlib().colors.to_rgb(colour) for colour in colours(count)])
    # A mixture of the classes' colours, thinned with white so that the points stand out.
    ax.imshow(
        1.0 - 0.45 * (shares @ (1.0 - hues)),
        origin="lower",
        extent=(left, right, bottom, top),
        interpolation="bilinear",
        aspect=ax.get_aspect(),
        zorder=0,
    )
    for k in range(count if count > 2 else 1):
        lead = shares[..., k] - np.delete(shares, k, axis=-1).max(axis=-1)
        if lead.min() < 0.0 < lead.max():
            ax.contour(across, up, lead, levels=[0.0], colors=INK, linewidths=1.1, zorder=1)
    _scatter(ax, points, labels, _names(labels, count, class_names, "decision_boundary"), edge="white")
    return ax


# -------------------------------------------------------------------------------------------- the numbers


def _points(X: Any, name: str) -> Array:  # noqa: N803
    points = array_of(X)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(f"{name}: X holds points of the plane and has shape (N, 2) with N ≥ 1, not {points.shape}")
    if points.dtype.kind not in "fiu" or not np.all(np.isfinite(points)):
        raise ValueError(
            f"{name}: X holds finite real numbers; its dtype is {points.dtype}"
            + (", and some are inf or NaN" if points.dtype.kind == "f" else "")
        )
    return points if points.dtype.kind == "f" else points.astype(np.float64)


def _labels(y: Any, count: int, name: str) -> Array:
    labels = array_of(y)
    if labels.shape not in {(count,), (count, 1)}:
        raise ValueError(
            f"{name}: y has the class of each of the {count} points, shape ({count},) or ({count}, 1), not {labels.shape}"
        )
    whole = labels.dtype.kind in "biuf" and bool(np.all(labels == np.floor(labels))) and bool(np.all(labels >= 0))
    if not whole:
        raise ValueError(f"{name}: the classes in y are whole numbers from 0")
    return labels.reshape(-1).astype(np.int64)


def _names(labels: Array | None, count: int, names: Sequence[str] | None, caller: str) -> list[str]:
    """A name for every class."""
    needed = max(count, 0 if labels is None else int(labels.max()) + 1)
    if names is None:
        return [f"class {k}" for k in range(needed)]
    if len(names) < needed:
        raise ValueError(f"{caller}: class_names has {len(names)} names for {needed} classes")
    return [str(name) for name in names]


def _limits(points: Array, margin: float) -> tuple[tuple[float, float], tuple[float, float]]:
    low, high = points.min(axis=0).astype(float), points.max(axis=0).astype(float)
    extent = high - low
    # Axes of different units have borders of their own.
    alike = extent.max() <= ALIKE * extent.min() or extent.min() == 0.0
    border = [margin * float(extent.max() if alike else own) or 1.0 for own in extent]
    return (low[0] - border[0], high[0] + border[0]), (low[1] - border[1], high[1] + border[1])


def _answer(model: Callable[[Any], Any], batch: Array) -> Array:
    answer = array_of(model(batch))
    if answer.ndim not in (1, 2) or len(answer) != len(batch) or answer.dtype.kind not in "fiub" or not answer.size:
        raise ValueError(
            f"decision_boundary: the model's answer to points of shape {batch.shape} has shape {answer.shape} and dtype {answer.dtype}; "
            f"({len(batch)}, classes), ({len(batch)}, 1) or ({len(batch)},) real numbers are drawn"
        )
    if not np.all(np.isfinite(answer)):
        raise ValueError("decision_boundary: the model answers with inf or NaN")
    return answer


def _shares(answers: Array, scores: Scores, labels: Array | None) -> Array:
    """The probability of each class, (M, C)."""
    if answers.ndim == 2 and answers.shape[1] == 1:
        answers = answers[:, 0]
    if scores == "auto":
        inside = bool(np.all((answers >= 0) & (answers <= 1)))
        if answers.dtype.kind != "f":
            scores = "labels"
        elif inside and (answers.ndim == 1 or bool(np.all(np.abs(answers.sum(axis=1) - 1.0) < 1e-3))):
            scores = "probabilities"
        else:
            scores = "logits"
    if scores == "labels":
        if answers.ndim != 1 or np.any(answers < 0) or np.any(answers != np.floor(answers)):
            raise ValueError(
                f"decision_boundary: labels are one whole number from 0 per point; the answers have shape {answers.shape} and dtype {answers.dtype}"
            )
        count = 1 + max(1, int(answers.max()), -1 if labels is None else int(labels.max()))
        return np.eye(count)[answers.astype(np.int64)]
    values = answers.astype(np.float64)
    if scores == "probabilities":
        if np.any(values < 0) or np.any(values > 1):
            raise ValueError(
                'decision_boundary: the answers are not between 0 and 1; scores="logits" takes any numbers'
            )
        return np.stack([1.0 - values, values], axis=1) if values.ndim == 1 else values
    if scores == "logits":
        if values.ndim == 1:
            values = np.stack([np.zeros_like(values), values], axis=1)
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))
    raise ValueError(f'decision_boundary: scores is "auto", "logits", "probabilities" or "labels", not {scores!r}')


# -------------------------------------------------------------------------------------------- the picture


def _plane(ax: Axes, title: str, limits: tuple[tuple[float, float], tuple[float, float]]) -> None:
    tidy(ax, title)
    width, height = (high - low for low, high in limits)
    ax.set_aspect("equal" if max(width, height) <= ALIKE * min(width, height) else "auto")
    ax.set_xlim(*limits[0])
    ax.set_ylim(*limits[1])
    ax.locator_params(nbins=6)
    ax.set_xlabel("$x_1$", color=INK, fontsize=11)
    ax.set_ylabel("$x_2$", color=INK, fontsize=11, rotation=0, labelpad=10, va="center")


def _scatter(ax: Axes, points: Array, labels: Array | None, names: list[str], edge: str) -> None:
    """The points, smaller where there are many, and a legend below them."""
    size = float(np.clip(90.0 / np.sqrt(len(points)), 2.0, 7.0))
    style: dict[str, Any] = {
        "linestyle": "none",
        "markersize": size,
        "markeredgecolor": edge,
        "markeredgewidth": 0.5 if size > 3 else 0.25,
    }
    if labels is None:
        ax.plot(points[:, 0], points[:, 1], marker="o", color="#444444", label="points", zorder=2, **style)
        return
    present = np.unique(labels)
    for k in present:
        chosen = points[labels == k]
        colour = colours(len(names))[k]
        ax.plot(
            chosen[:, 0],
            chosen[:, 1],
            marker=MARKERS[k % len(MARKERS)],
            color=colour,
            label=names[k],
            zorder=2,
            **style,
        )
    # Outside of the axes the legend cannot cover a point.
    ax.legend(
        loc="upper center", bbox_to_anchor=(0.5, 0.0), borderaxespad=4.4, ncols=min(5, len(present)), frameon=False, fontsize=9,
        handletextpad=0.1, columnspacing=1.2, markerscale=max(1.0, 5.0 / size),
    )  # fmt: skip
