"""Pictures of what was recorded: ``draw`` and ``save_graph``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, overload

import numpy as np

from .building import picture_of
from .dot import dot_text
from .drawing import drawing, rendered
from .explorer.values import forward_values, walk_back
from .mermaid import mermaid_text
from .model import Graph, graph_of, on_tape
from .picture import Picture
from .render import FORMATS, write
from .style import Style

if TYPE_CHECKING:
    from graphviz import Digraph

    from .drawing import Drawing

__all__ = ["draw", "save_graph"]

SHOW = ("formula", "shape", "dtype", "value", "grad", "kept")
DIRECTIONS = ("TB", "LR", "BT", "RL")
FEW = 100  # entries of a graph whose small values are computed again without being asked for
ENDINGS = (*FORMATS, "dot", "gv", "mmd")


def draw(
    output: Any,
    *,
    params: Any = None,
    show: Sequence[str] = SHOW,
    direction: str = "TB",
    depth: int | None = None,
    group: bool = True,
    backward: bool = False,
    max_nodes: int = 300,
    title: str = "",
    legend: bool | None = None,
    font: str = Style.font,
    theme: str = "light",
    labels: str = "full",
    size: tuple[float, float] | None = None,
    dpi: float | None = None,
) -> Digraph | Drawing:
    """Draw the graph of what was computed: data, parameters, operations with their mathematics, and what the tape keeps.

    The tape, the gradients and what is kept in memory stay as they are. A value is known where the tape keeps it, of leaves and named Tensors
    that the program still holds, and within :class:`~autograd_np.annotate`. In a small graph of few numbers, and wherever they are asked
    for by name as in ``show=("value", "grad")``, values are also computed again where that is possible; with ``"grad"`` so are the gradients
    that no backward pass has left: those of the results' sum.

    Args:
        output: a Tensor that needs a gradient, or a tuple, list or dict of them.
        params: names for leaves: a dict of Tensors by name, or a module. The modules that made ``output`` name theirs by themselves.
        show: what to write down, of ``"formula"``, ``"shape"``, ``"dtype"``, ``"value"`` (of at most 6 numbers), ``"grad"``, ``"kept"`` and
            ``"line"`` (the source line, where annotate was on).
        direction: where values flow: ``"TB"`` from top to bottom, ``"LR"`` from left to right, or ``"BT"``, ``"RL"``.
        depth: how many levels of modules to open: 0 draws the outermost as one box, 1 opens it. None opens all.
        group: draw modules of the same structure that follow one another once, with a count.
        backward: draw the backward pass beside the forward pass, each step facing its partner.
        max_nodes: a graph with more boxes is folded further, and says so.
        title: above the picture.
        legend: whether boxes and arrows are explained; None where there are more boxes than lines of the legend.
        font: the family, or several with commas between.
        theme: ``"light"``, ``"dark"``, or ``"print"``, which is grey.
        labels: of the arrows: ``"full"``, ``"short"`` (without dtypes) or ``"none"``.
        size: the greatest width and height, in inches.
        dpi: dots per inch of a PNG file.

    Returns:
        A ``graphviz.Digraph``: it shows itself in a notebook, and has ``.source`` and ``.render("net", format="svg")``. Where that package is
        missing, an object of its own with these; where there is no Graphviz at all, the library lays SVG out itself.

    Raises:
        TypeError: no output is a Tensor that needs a gradient.
        ValueError: an option has a value it cannot have.

    >>> import autograd_np as ag
    >>> x = ag.Tensor([1.0, 2.0], requires_grad=True)
    >>> print(ag.draw((x * x).sum()).source[:16])  # doctest: +SKIP
    digraph tape {
    """
    return drawing(
        _picture(
            output,
            params,
            show,
            direction,
            depth,
            group,
            backward,
            max_nodes,
            title,
            legend,
            font,
            theme,
            labels,
            size,
            dpi,
        )
    )


@overload
def save_graph(output: Any, path: str | os.PathLike[str], format: str | None = None, **options: Any) -> Path: ...
@overload
def save_graph(output: Any, path: BinaryIO, format: str | None = None, **options: Any) -> None: ...
def save_graph(
    output: Any,
    path: str | os.PathLike[str] | BinaryIO,
    format: str | None = None,  # noqa: A002 - as matplotlib calls it
    **options: Any,
) -> Path | None:
    """Draw the graph of what was computed into a file.

    SVG, PNG and PDF are drawn by the ``dot`` program if there is one, else by the Graphviz inside ``pygraphviz``. Without either, SVG
    is laid out by the library itself; DOT and Mermaid text needs neither. The file is whole whenever it is there.

    Args:
        output: as for :func:`draw`.
        path: a name that ends in ``.svg``, ``.png``, ``.pdf``, ``.dot`` (or ``.gv``) or ``.mmd``; or a binary file that is open for writing, such as
            an ``io.BytesIO``, with ``format=``.
        format: ``"svg"`` and so on; of a name its ending, unless given.
        **options: those of :func:`draw`.

    Returns:
        The path; None for an open file.

    Raises:
        ImportError: PNG or PDF, and no Graphviz is there to draw with.
        TypeError: as for :func:`draw`, or an option that it does not have.
        ValueError: another ending, or an option has a value it cannot have.

    >>> import tempfile
    >>> import autograd_np as ag
    >>> x = ag.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(ag.save_graph((x * x).sum(), f"{folder}/net.mmd", direction="LR").read_text().partition(":")[0])
    flowchart LR
      n0["leaf<br/>#91;1, 2#93;<br/>used twice"]
    """
    ending = format
    if hasattr(path, "write"):
        if ending is None:
            raise TypeError("save_graph: an open file needs the format too: save_graph(output, file, format='svg')")
    elif ending is None:
        ending = Path(path).suffix.lower().removeprefix(".")
        if ending not in ENDINGS:
            raise ValueError(f"save_graph: {os.fspath(path)!r} ends in none of .{', .'.join(ENDINGS)}")
    if ending not in ENDINGS:
        raise ValueError(f"save_graph: format={ending!r} is none of {', '.join(ENDINGS)}")
    unknown = set(options) - set(_OPTIONS)
    if unknown:
        raise TypeError(
            f"save_graph: no option {', '.join(map(repr, sorted(unknown)))}; there are {', '.join(_OPTIONS)}"
        )
    found = _picture(output, **{**_OPTIONS, **options})
    if ending in FORMATS:
        content = rendered(found, ending)
    else:
        content = (mermaid_text if ending == "mmd" else dot_text)(found).encode()
    if hasattr(path, "write"):
        path.write(content)
        return None
    return write(path, content)


_OPTIONS: dict[str, Any] = dict(draw.__kwdefaults__ or {})


def _picture(
    output: Any,
    params: Any,
    show: Sequence[str],
    direction: str,
    depth: int | None,
    group: bool,
    backward: bool,
    max_nodes: int,
    *style: Any,
    **named: Any,
) -> Picture:
    if not isinstance(show, Iterable):
        raise TypeError(f"draw: show={show!r}: takes words such as {', '.join(SHOW)}")
    words = (show,) if isinstance(show, str) else tuple(show)
    unknown = [word for word in words if word not in (*SHOW, "line")]
    if unknown:
        raise ValueError(f"draw: show={unknown[0]!r} is none of {', '.join([*SHOW, 'line'])}")
    if direction not in DIRECTIONS:
        raise ValueError(f"draw: direction={direction!r} is none of {', '.join(DIRECTIONS)}")
    numbers: list[tuple[str, Any, int]] = [("depth", depth, 0), ("max_nodes", max_nodes, 4)]
    for name, value, least in numbers:
        if (value is not None or name == "max_nodes") and (not isinstance(value, (int, np.integer)) or value < least):
            raise ValueError(f"draw: {name}={value!r}: takes a whole number from {least} on")
    graph = graph_of(output, params)
    if show is not SHOW:
        graph = _computed(graph, output, words)
    elif len(graph.entries) <= FEW and all(prod(entry.shape) <= 6 for entry in graph.entries):
        graph = _computed(graph, output, ("value",))  # a scalar expression, as in a lecture
    return picture_of(
        graph,
        show=words,
        direction=direction,
        depth=depth,
        group=group,
        backward=backward,
        max_nodes=max_nodes,
        style=Style(*style, **named),
    )


def _computed(graph: Graph, output: Any, words: Sequence[str]) -> Graph:
    """The graph with the values and gradients that are not at hand, computed as far as the tape allows."""
    results, nodes = on_tape(output)
    entries = list(graph.entries)
    if "value" in words:
        named = {entry.index: entry.value for entry in entries if entry.kind == "parameter"}
        for i, known in enumerate(forward_values(graph, nodes, results, named)):
            entries[i] = replace(entries[i], value=known.value if entries[i].value is None else entries[i].value)
    if "grad" in words and not any(entry.freed for entry in entries):
        for step in walk_back(results, nodes)[0]:
            if entries[step.entry].grad is None and not isinstance(step.arrived, tuple):
                entries[step.entry] = replace(entries[step.entry], grad=step.arrived)
    return replace(graph, entries=tuple(entries))
