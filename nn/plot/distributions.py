"""Histograms of a model's weights and of its layers' outputs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import autograd_np as ag

from ..module import Module
from .canvas import INK, PALETTE, array_of, evaluating, grid_for, matplotlib, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["activations", "histograms"]

Array = NDArray[Any]

MOST = 24


def histograms(
    model: Module | Mapping[str, Any],
    names: Sequence[str] | None = None,
    *,
    bins: int = 40,
    columns: int | None = None,
    title: str = "Parameters",
    ax: Any = None,
) -> Figure:
    """Draw the distribution of each parameter's values, with their mean and standard deviation.

    Args:
        model: a module, or arrays by name (gradients, say).
        names: the parameters to draw, in order; all unless given.
        bins: bars per panel at most; few values get fewer.
        columns: panels per row.
        title: above all panels.
        ax: the axes to draw on, as many as there are panels; a new figure unless given.

    Returns:
        The figure.

    Raises:
        ValueError: there is nothing to draw, or more than 24 panels, or values that are not finite.
        KeyError: a name is not among the parameters.
    """
    found = dict(model.named_parameters()) if isinstance(model, Module) else dict(model)
    return _panels(
        "histograms",
        "parameters",
        {name: array_of(value) for name, value in found.items()},
        names,
        bins,
        columns,
        title,
        ax,
        "value",
    )


def activations(
    model: Module,
    *inputs: Any,
    names: Sequence[str] | None = None,
    bins: int = 40,
    columns: int | None = None,
    title: str = "Activations",
    ax: Any = None,
) -> Figure:
    """Draw the distribution of what each layer gives for an input, with the share of exact zeros (units that relu has switched off).

    The module runs once, in evaluation mode, unrecorded, and is left as it was. Layers are the modules without modules inside; of a layer
    that gives several values, such as an LSTM, the first is drawn, and a layer that is called several times counts each time.

    Args:
        model: the module.
        *inputs: what it is called with.
        names: the paths of the layers to draw, in order; all that were called unless given.
        bins: bars per panel at most; few values get fewer.
        columns: panels per row.
        title: above all panels.
        ax: the axes to draw on, as many as there are panels; a new figure unless given.

    Returns:
        The figure.

    Raises:
        TypeError: ``model`` is no module.
        ValueError: there is nothing to draw, or more than 24 panels, or values that are not finite.
        KeyError: no layer of this name was called.
    """
    if not isinstance(model, Module):
        raise TypeError(f"activations: model is a Module, not {type(model).__name__}")
    found: dict[str, list[Array]] = {}

    def hook_of(path: str) -> Any:
        def hook(module: Module, arguments: tuple[Any, ...], output: Any) -> None:
            while isinstance(output, (tuple, list)):
                output = output[0]
            found.setdefault(path, []).append(np.array(array_of(output)).reshape(-1))

        return hook

    handles = [
        module.register_forward_hook(hook_of(path or type(module).__name__))
        for path, module in model.named_modules()
        if not any(module.children())
    ]
    try:
        with ag.no_grad(), evaluating(model):
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    modules = dict(model.named_modules())
    values = {path: np.concatenate(parts) for path, parts in found.items()}
    if names is None:
        values = {path: array for path, array in values.items() if array.dtype.kind == "f"}
    kinds = {path: f"{path}  {type(modules[path]).__name__}" if path in modules else path for path in values}
    return _panels("activations", "layers", values, names, bins, columns, title, ax, "activation", kinds, zeros=True)


def _panels(
    caller: str,
    what: str,
    found: dict[str, Array],
    names: Sequence[str] | None,
    bins: int,
    columns: int | None,
    title: str,
    ax: Any,
    x_label: str,
    titles: Mapping[str, str] | None = None,
    zeros: bool = False,
) -> Figure:
    """A histogram per name."""
    if names is not None:
        missing = [name for name in names if name not in found]
        if missing:
            raise KeyError(f"{caller}: no {what} {', '.join(missing)}; there are {', '.join(found) or 'none'}")
        found = {name: found[name] for name in names}
    if bins < 1 or (columns is not None and columns < 1):
        raise ValueError(f"{caller}: bins = {bins} and columns = {columns} must be at least 1")
    if not found or len(found) > MOST:
        raise ValueError(
            f"{caller}: 1 to {MOST} {what} can be drawn, not {len(found)}; names= chooses among them: {', '.join(found)}"
        )
    for name, values in found.items():
        if values.dtype.kind not in "fiu" or not values.size or not np.all(np.isfinite(values)):
            raise ValueError(
                f"{caller}: {name} holds no numbers, or inf or NaN (shape {values.shape}, dtype {values.dtype})"
            )
    columns = min(len(found), columns or (4 if len(found) > 9 else 3))
    figure, axes = grid_for(ax, len(found), columns, (3.3, 2.5))
    for i, ((name, values), one) in enumerate(zip(found.items(), axes, strict=True)):
        flat = values.reshape(-1).astype(np.float64)
        tidy(one)
        one.set_title(
            (titles or {}).get(name, f"{name}  {_shape(values)}"), color=INK, fontsize=9.5, pad=14, loc="left"
        )
        one.hist(
            flat,
            bins=min(bins, math.ceil(2 * math.sqrt(flat.size))),
            color=PALETTE[0],
            edgecolor="white",
            linewidth=0.3,
        )
        one.axvline(float(flat.mean()), color=PALETTE[1], linewidth=1.2)
        note = f"mean {flat.mean():.3g}, std {flat.std():.3g}"
        if zeros and np.any(flat == 0):
            note += f", {np.mean(flat == 0):.0%} are 0"
        # Above the bars, where it covers none of them.
        one.text(
            0.0,
            1.015,
            note.replace("-", "\N{MINUS SIGN}"),
            transform=one.transAxes,
            fontsize=8,
            color="#555555",
            va="bottom",
        )
        one.yaxis.set_major_locator(matplotlib().ticker.MaxNLocator(3, integer=True))
        one.xaxis.set_major_locator(matplotlib().ticker.MaxNLocator(5))
        if i >= len(found) - columns:
            one.set_xlabel(x_label, color=INK, fontsize=9)
        if i % columns == 0:
            one.set_ylabel("count", color=INK, fontsize=9)
    if title:
        figure.suptitle(title, color=INK, fontsize=12)
    return figure


def _shape(values: Array) -> str:
    return "×".join(map(str, values.shape)) or "()"
