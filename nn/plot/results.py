"""Loss curves, confusion matrices, and what the model got right and wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .canvas import ACCENT, INK, PALETTE, array_of, axes_for, grid_for, matplotlib, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["confusion_matrix", "curves", "images"]

Array = NDArray[Any]

# Columns of a history that say when, not how well.
CLOCKS = ("epoch", "epochs", "step", "steps", "time", "seconds")


def curves(
    history: Mapping[str, Sequence[float]],
    names: Sequence[str] | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    log: bool | None = None,
    x: Sequence[float] | None = None,
    x_label: str = "epoch",
    title: str = "",
    ax: Any = None,
) -> Figure:
    """Draw what a training measured: a panel for the loss, for each metric and for the learning rate; training and validation together.

    Args:
        history: lists of numbers by name, as :func:`nn.fit` returns; ``val_loss`` goes with ``loss``, and so on. NaN leaves a gap.
        names: the panels to draw, in order, such as ``["loss", "accuracy"]``; all unless given, with the loss first and ``lr`` last.
        labels: what to write on the vertical axis of a panel, such as ``{"loss": "cross-entropy (nats)"}``.
        log: a logarithmic axis for the losses; None takes one where the values are positive and span more than a factor of 20.
        x: the horizontal positions; 1, 2, 3, … unless given.
        x_label: what they are.
        title: above all panels.
        ax: the axes to draw on, as many as there are panels; a new figure unless given.

    Returns:
        The figure.

    Raises:
        ValueError: there is nothing to draw, or the lengths differ.
        KeyError: a name is not in the history.
        TypeError: ``history`` is no mapping.
    """
    if not isinstance(history, Mapping):
        raise TypeError(
            f'curves: a history is lists of numbers by name, such as {{"loss": losses}}, not a {type(history).__name__}'
        )
    series = {
        str(name): np.asarray([float(v) for v in history[name]], np.float64) for name in history if name not in CLOCKS
    }
    panels = list(dict.fromkeys(name.removeprefix("val_") for name in series))
    panels.sort(key=lambda name: (name == "lr") - ("loss" in name))
    if names is not None:
        missing = [name for name in names if name not in panels]
        if missing:
            raise KeyError(f"curves: the history has no {', '.join(missing)}; it has {', '.join(panels) or 'nothing'}")
        panels = list(names)
    drawn = {name: values for name, values in series.items() if name.removeprefix("val_") in panels}
    lengths = {len(values) for values in drawn.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError(
            f"curves: a history of lists of one length, at least 1, is drawn; this has { ({name: len(v) for name, v in drawn.items()} or 'nothing') }"
        )
    (length,) = lengths
    positions = np.arange(1, length + 1) if x is None else np.asarray(x)
    if positions.shape != (length,):
        raise ValueError(f"curves: x has shape {positions.shape}, and the history length {length}")
    figure, axes = grid_for(ax, len(panels), len(panels), (4.6, 3.6) if len(panels) > 1 else (6.4, 4.0))
    for panel, one in zip(panels, axes, strict=True):
        words = (labels or {}).get(panel, {"lr": "learning rate"}.get(panel, panel.replace("_", " ")))
        pair = [
            (which, drawn[key]) for which, key in (("training", panel), ("validation", f"val_{panel}")) if key in drawn
        ]
        _curve(one, positions, pair, alone=panel == "lr")
        finite = np.concatenate([values[np.isfinite(values)] for _, values in pair])
        positive = bool(finite.size) and finite.min() > 0
        if (
            positive
            and ((log is None and finite.max() > 20 * finite.min()) or log)
            and ("loss" in panel or panel == "lr")
        ):
            one.set_yscale("log")
        elif "accuracy" in panel and finite.size and finite.min() >= 0 and finite.max() <= 1:
            one.yaxis.set_major_formatter(matplotlib().ticker.FuncFormatter(lambda share, _: f"{100 * share:.6g}%"))
        tidy(one)
        one.set_xlabel(x_label, color=INK, fontsize=10)
        one.set_ylabel(words, color=INK, fontsize=10)
        if x is None:
            one.xaxis.set_major_locator(matplotlib().ticker.MaxNLocator(6, integer=True, min_n_ticks=1))
            if length == 1:
                one.set_xlim(0.5, 1.5)
    if title:
        figure.suptitle(title, color=INK, fontsize=13) if len(panels) > 1 else axes[0].set_title(
            title, color=INK, fontsize=12, pad=8
        )
    return figure


def _curve(ax: Axes, positions: Array, pair: list[tuple[str, Array]], alone: bool) -> None:
    """Training as a full line, validation dashed; a dot where there is one epoch only, or a value between gaps."""
    for (which, values), colour, style in zip(pair, PALETTE, ("-", (0, (4, 1.5))), strict=False):
        known = np.isfinite(values)
        lonely = known & ~np.concatenate([[False], known[:-1]]) & ~np.concatenate([known[1:], [False]])
        colour = PALETTE[1] if which == "validation" else colour
        ax.plot(positions, values, linestyle=style, color="#444444" if alone else colour, linewidth=1.7, label=which)
        if lonely.any():
            ax.plot(positions[lonely], values[lonely], "o", color=colour, markersize=5)
    ax.grid(axis="y", which="major", color="#e2e2e2", linewidth=0.8)
    ax.set_axisbelow(True)
    if [which for which, _ in pair] != ["training"]:
        ax.legend(loc="best", framealpha=0.85, edgecolor="none", fontsize=9)


def confusion_matrix(
    matrix: Any,
    class_names: Sequence[str] | None = None,
    *,
    title: str = "Confusion matrix",
    ax: Axes | None = None,
) -> Axes:
    """Draw how often class i (row) was taken for class j (column); the colour is the share of the row.

    Args:
        matrix: counts or shares, (C, C), or a :class:`nn.metrics.ConfusionMatrix`.
        class_names: of the rows and columns; their numbers unless given.
        title: above the picture; an empty one leaves it out.
        ax: where to draw; a new figure unless given.

    Returns:
        The axes; ``ax.figure`` is the figure.

    Raises:
        ValueError: the matrix is not square, holds negative numbers, or there are too few or too many names.
    """
    counts = array_of(matrix.compute() if hasattr(matrix, "compute") else matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size or counts.dtype.kind not in "fiu":
        raise ValueError(
            f"confusion_matrix: a square matrix of numbers is drawn, not shape {counts.shape} and dtype {counts.dtype}; of predictions "
            "and targets it is made by metric = nn.ConfusionMatrix(classes), metric.update(predictions, targets)"
        )
    if not np.all(counts >= 0) or not np.all(np.isfinite(counts)):
        raise ValueError("confusion_matrix: counts are finite and not negative")
    size = len(counts)
    names = [str(k) for k in range(size)] if class_names is None else [str(name) for name in class_names]
    if len(names) != size:
        raise ValueError(f"confusion_matrix: class_names has {len(names)} names for {size} classes")
    # Shares stand for themselves: they may add up to 1 by rows, by columns or over all.
    counted = counts.dtype.kind in "iu" or bool(counts.max() > 1)
    whole = counted and bool(np.all(counts == np.floor(counts)))
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0) if counted else counts
    side = float(np.clip(2.2 + 0.5 * size, 4.2, 14.0))
    ax = axes_for(ax, (side + 0.8, side))
    tidy(ax, title)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    # The root makes one mistake in a hundred visible beside what is right.
    norm = matplotlib().colors.PowerNorm(0.5, vmin=0.0, vmax=1.0)
    shades = matplotlib().colormaps["Blues"]
    image = ax.imshow(shares, cmap=shades, norm=norm)
    # Thin lines keep the cells apart.
    ax.set_xticks(np.arange(size), names)
    ax.set_yticks(np.arange(size), names)
    ax.set_xticks(np.arange(size - 1) + 0.5, minor=True)
    ax.set_yticks(np.arange(size - 1) + 0.5, minor=True)
    ax.grid(which="minor", color="#dddddd", linewidth=0.8)
    ax.tick_params(which="minor", length=0)
    if max(map(len, names)) > 3:
        ax.set_xticks(np.arange(size), names, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_xlabel("predicted class", color=INK, fontsize=11)
    ax.set_ylabel("true class", color=INK, fontsize=11)
    if size <= 25:
        font = float(np.clip(13.0 - 0.45 * size, 5.0, 11.0))
        for i in range(size):
            for j in range(size):
                text = f"{counts[i, j]:,.0f}" if whole else f"{counts[i, j]:.2f}"
                if counts[i, j] or i == j or size <= 4:
                    ax.text(
                        j, i, text, ha="center", va="center", fontsize=font, color=_ink_on(shades(norm(shares[i, j])))
                    )
    bar = ax.figure.colorbar(
        image, cax=ax.inset_axes((1.03, 0.0, 0.04, 1.0)), ticks=[0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0]
    )
    bar.minorticks_off()
    bar.set_label("share of the true class" if counted else "share", color=INK, fontsize=10)
    bar.ax.yaxis.set_major_formatter(matplotlib().ticker.PercentFormatter(1.0, decimals=0))
    bar.ax.tick_params(colors="#555555", labelsize=9, length=0)
    bar.ax.spines[:].set_color("#cccccc")
    return ax


def _ink_on(colour: tuple[float, float, float, float]) -> str:
    """Black or white, whichever stands out from a colour: by its luminance."""
    return "#111111" if 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2] > 0.5 else "#ffffff"


def images(
    images: Any,
    labels: Any = None,
    predictions: Any = None,
    *,
    class_names: Sequence[str] | None = None,
    columns: int | None = None,
    title: str = "",
    ax: Any = None,
) -> Figure:
    """Draw a grid of images with their classes; where a prediction is wrong the frame and the words are vermilion.

    Args:
        images: (N, H, W), (N, 1, H, W) or (N, 3, H, W). Grey values are stretched over all images from the least to the greatest. Colours
            are bytes, or numbers from 0 to 1; others are stretched too.
        labels: the true classes, (N,) integers.
        predictions: the predicted classes, (N,), or their scores, (N, C), of which the greatest counts.
        class_names: what to write instead of the numbers.
        columns: images per row; as near to a square as it gets unless given.
        title: above the grid.
        ax: the axes to draw on, as many as there are images; a new figure unless given.

    Returns:
        The figure.

    Raises:
        ValueError: the shapes do not belong together.
    """
    pixels = _pixels(images)
    count = len(pixels)
    truth = None if labels is None else _classes(labels, count, "labels", class_names)
    said = None if predictions is None else _classes(predictions, count, "predictions", class_names)
    if columns is not None and columns < 1:
        raise ValueError(f"images: columns = {columns} must be at least 1")
    columns = columns or math.ceil(math.sqrt(count * 1.4))
    columns = min(columns, count)
    rows = 1 if truth is None and said is None else 2
    height, width = pixels.shape[1:3]
    side = 1.15

    def word(k: int) -> str:
        return str(k if class_names is None else class_names[k])

    def words(i: int) -> str:
        if truth is None or said is None:
            known = truth if truth is not None else said
            return "" if known is None else word(known[i])
        if truth[i] == said[i]:
            return word(truth[i])
        both = f"{word(said[i])},", f"not {word(truth[i])}"
        # About what stands above an image in one line.
        return (" " if len(both[0] + both[1]) <= 14 else "\n").join(both)

    titles = [words(i) for i in range(count)]
    lines = [line for text in titles for line in text.split("\n")]
    # A letter of the titles is about 0.088 inches wide.
    panel = max(side * max(1.0, width / height), 0.088 * max(map(len, lines)))
    above = 0.0 if rows == 1 else 0.45 if len(lines) > count else 0.3
    figure, axes = grid_for(ax, count, columns, (panel, side * max(1.0, height / width) + above))
    for i, one in enumerate(axes):
        one.imshow(pixels[i], cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
        one.set_xticks([])
        one.set_yticks([])
        wrong = truth is not None and said is not None and truth[i] != said[i]
        for spine in one.spines.values():
            spine.set_color(ACCENT if wrong else "#bbbbbb")
            spine.set_linewidth(2.6 if wrong else 0.6)
        if wrong:
            one.set_title(titles[i], fontsize=9, color=ACCENT, fontweight="bold", pad=4)
        elif rows > 1:
            one.set_title(titles[i], fontsize=9, color=INK, pad=4)
    if title:
        figure.suptitle(title, color=INK, fontsize=12)
    return figure


def _pixels(images: Any) -> Array:
    """Grey (N, H, W) or coloured (N, H, W, 3) values from 0 to 1."""
    values = array_of(images)
    if values.ndim == 4 and values.shape[1] == 1:
        values = values[:, 0]
    elif values.ndim == 4 and values.shape[1] == 3:
        values = np.moveaxis(values, 1, -1)
    elif values.ndim != 3:
        raise ValueError(f"images: shape (N, H, W), (N, 1, H, W) or (N, 3, H, W) is drawn, not {values.shape}")
    if not values.size or values.dtype.kind not in "fiub":
        raise ValueError(
            f"images: at least one image of real numbers is drawn, not shape {values.shape} and dtype {values.dtype}"
        )
    coloured = values.ndim == 4
    if coloured and values.dtype == np.uint8:
        return np.asarray(values / 255.0)
    values = values.astype(np.float64)
    if not np.all(np.isfinite(values)):
        raise ValueError("images: some values are inf or NaN")
    low, high = float(values.min()), float(values.max())
    if coloured and low >= 0 and high <= 1:
        return values
    return np.asarray((values - low) / ((high - low) or 1.0))


def _classes(values: Any, count: int, name: str, class_names: Sequence[str] | None) -> Array:
    """The class of each image."""
    classes = array_of(values)
    if name == "predictions" and classes.ndim == 2 and classes.shape[1] > 1:
        classes = classes.argmax(axis=1)
    if classes.shape == (count, 1):
        classes = classes[:, 0]
    if classes.shape != (count,):
        raise ValueError(f"images: {name} has shape {classes.shape} for {count} images")
    if classes.dtype.kind not in "iub":
        raise ValueError(f"images: {name} are integers, not {classes.dtype}")
    classes = classes.astype(np.int64)
    if class_names is not None and (classes.min() < 0 or classes.max() >= len(class_names)):
        raise ValueError(
            f"images: {name} go from {classes.min()} to {classes.max()}, and class_names has {len(class_names)} names"
        )
    return classes
