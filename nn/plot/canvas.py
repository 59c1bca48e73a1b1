"""Figures, colours and files: what all pictures share."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autograd_np import Tensor, files

from ..module import Module

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "ACCENT",
    "INK",
    "MARKERS",
    "PALETTE",
    "array_of",
    "axes_for",
    "colours",
    "evaluating",
    "grid_for",
    "matplotlib",
    "save",
    "tidy",
]

Array = NDArray[Any]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
"""The colours of Okabe and Ito, told apart by colour-blind readers: blue, vermilion, green, purple, orange, sky blue, yellow, black."""

# In grey print the classes are told apart by these.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
INK = "#222222"
ACCENT = PALETTE[1]


def matplotlib() -> Any:
    """The package matplotlib.

    Raises:
        ImportError: it is not installed; the message says how to.
    """
    try:
        import matplotlib as mpl
        import matplotlib.figure
        import matplotlib.layout_engine
        import matplotlib.ticker
    except ImportError:
        raise ImportError('nn.plot needs matplotlib: pip install "autograd-np[plot]"') from None
    return mpl


def array_of(value: Any) -> Array:
    """The numbers of a Tensor, an array or nested lists."""
    return np.asarray(value.numpy() if isinstance(value, Tensor) else value)


def colours(count: int) -> list[Any]:
    """A colour for each of ``count`` classes: those of Okabe and Ito as far as they go, beyond that steps of viridis."""
    if count <= len(PALETTE):
        return list(PALETTE[:count])
    return [
        matplotlib().colors.to_hex(colour)
        for colour in matplotlib().colormaps["viridis"](np.linspace(0.0, 0.95, count))
    ]


def tidy(ax: Axes, title: str | None = None) -> None:
    """Two spines instead of four, soft ticks, and a title."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color("#888888")
    ax.tick_params(colors="#555555", labelsize=9)
    if title:
        ax.set_title(title, color=INK, fontsize=12, pad=8)


def _figure(size: tuple[float, float]) -> Figure:
    """A new figure of a size in inches, with a margin of 0.08."""
    package = matplotlib()
    layout = package.layout_engine.ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    return package.figure.Figure(figsize=size, layout=layout)  # type: ignore[no-any-return]


def axes_for(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The axes given, or those of a new figure.

    Raises:
        TypeError: ``ax`` is something else.
    """
    package = matplotlib()
    if ax is None:
        return _figure(size).add_subplot()
    if not isinstance(ax, package.axes.Axes):
        raise TypeError(f"ax is a matplotlib Axes, not {type(ax).__name__}")
    given: Axes = ax
    return given


def grid_for(ax: Any, count: int, columns: int, panel: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """``count`` axes: those given, or a grid of panels of a size in inches on a new figure.

    Raises:
        ValueError: another number of axes is given.
    """
    if ax is None:
        rows = math.ceil(count / columns)
        figure = _figure((panel[0] * columns, panel[1] * rows))
        return figure, [figure.add_subplot(rows, columns, 1 + i) for i in range(count)]
    given: Sequence[Axes] = list(np.ravel(np.asarray(ax, dtype=object)))
    if len(given) != count:
        raise ValueError(f"ax: {len(given)} axes are given for {count} panels")
    given = [axes_for(one, panel) for one in given]
    # Axes of a subfigure belong to the figure in the end.
    return given[0].get_figure(root=True), list(given)  # type: ignore[return-value]


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Let a module answer as in evaluation; afterwards every part of it is in the mode it was in."""
    if not isinstance(model, Module):
        yield
        return
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def save(figure: Figure | Axes, path: str | os.PathLike[str], *, dpi: float = 160.0) -> None:
    """Write a picture. The file is written under another name and renamed, so it is whole whenever it is there.

    Args:
        figure: a figure, or axes of it.
        path: its suffix says the format: ``.png``, ``.svg`` or ``.pdf``.
        dpi: pixels per inch of a ``.png``.

    Raises:
        ValueError: another suffix.
        TypeError: ``figure`` is something else.
        OSError: the file cannot be written.
    """
    package = matplotlib()
    if isinstance(figure, package.axes.Axes):
        figure = figure.get_figure(root=True)
    if not isinstance(figure, package.figure.Figure):
        raise TypeError(f"save: the first argument is a matplotlib Figure or Axes, not {type(figure).__name__}")
    suffix = Path(path).suffix.lower().removeprefix(".")
    # Without dates and random names the same picture is the same file.
    metadata = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(suffix)
    if metadata is None:
        raise ValueError(f"{path}: the suffix says the format, and must be .png, .svg or .pdf")
    with package.rc_context({"svg.hashsalt": "autograd_np"}), files.replacing(path) as file:
        figure.savefig(file, format=suffix, dpi=dpi, metadata=metadata)
