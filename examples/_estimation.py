"""What the programs that estimate parameters have in common: covariances, the table of results, the look of their pictures."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from autograd_np import nn

__all__ = [
    "AMBER",
    "BLUE",
    "COLOURS",
    "GREEN",
    "GREY",
    "INK",
    "PURPLE",
    "VERMILION",
    "Array",
    "covariance",
    "legend",
    "panel",
    "report",
    "save",
]

Array = NDArray[Any]

# Blue, vermilion, green, purple and amber of Okabe and Ito: told apart by colour-blind readers.
BLUE, VERMILION, GREEN, PURPLE, AMBER = COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
INK = "#222222"
GREY = "#888888"


def covariance(hessian: Array) -> Array:
    """The covariance of maximum likelihood estimates: the inverse of the Hessian of the negative log-likelihood at its minimum.

    Raises:
        SystemExit: the Hessian is not positive definite, so that the point is no proper minimum.
    """
    try:
        half = np.linalg.inv(np.linalg.cholesky(hessian))
    except np.linalg.LinAlgError:
        raise SystemExit(
            f"{Path(sys.argv[0]).name}: the Hessian is not positive definite: the data do not determine all parameters"
        ) from None
    return half.T @ half


def report(names: Sequence[str], truth: Array, estimate: Array, error: Array) -> None:
    """Print estimates beside the truth, with standard errors and the deviation in units of these."""
    width = max(map(len, names))
    print(f"{'':{width}}  {'truth':>9}  {'estimate':>9}  {'std error':>9}  {'deviation':>9}")
    for name, true, found, spread in zip(names, truth, estimate, error, strict=True):
        print(f"{name:{width}}  {true:9.4g}  {found:9.4g}  {spread:9.2g}  {(found - true) / spread:+7.2f} σ")


def panel(axes: Axes, title: str = "") -> Axes:
    """Give axes the look of the pictures here."""
    if title:
        axes.set_title(title, color=INK, fontsize=12, pad=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors="#555555", labelsize=9)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.set_axisbelow(True)
    return axes


def legend(axes: Axes, **options: Any) -> None:
    """A legend without a frame."""
    axes.legend(**{"framealpha": 0.9, "edgecolor": "none", "fontsize": 9, **options})


def save(figures: Mapping[str, Figure], folder: Path) -> None:
    """Write pictures, each whole or not at all, and tell where they are.

    Raises:
        SystemExit: the folder cannot be written to.
    """
    for name, figure in figures.items():
        try:
            nn.plot.save(figure, folder / name)
        except OSError as error:
            raise SystemExit(f"{Path(sys.argv[0]).name}: cannot write to {folder}: {error.strerror}") from None
    print(f"pictures in {folder.resolve()}: {', '.join(figures)}")
