"""``tape``: what was recorded, as a sequence of entries that prints as a table."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import prod
from pathlib import PurePath
from typing import Any, overload

from .building import picture_of
from .model import Call, Entry, Graph, graph_of
from .profile import Profile, profile
from .svg import svg_text
from .text import aligned, bytes_text, counted, in_flops, shown

__all__ = ["Tape", "tape"]

DRAWN = 60  # entries up to which a notebook shows the picture too


class Tape(Sequence[Entry]):
    """Everything that some results depend on, in the order in which it was recorded: a sequence of entries that prints as a table.

    It is a record of the moment when it was made: a backward pass afterwards does not change it.

    Args:
        graph: the entries.
        max_rows: how many rows are printed; of a longer tape the middle is left out. None prints all.

    Attributes:
        graph: the same.
        max_rows: the same.
    """

    def __init__(self, graph: Graph, max_rows: int | None = 60) -> None:
        if max_rows is not None and max_rows < 2:
            raise ValueError(f"max_rows is {max_rows}; it takes 2 or more, or None for all rows")
        self.graph = graph
        self.max_rows = max_rows

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Entry, ...]: ...
    def __getitem__(self, index: int | slice) -> Entry | tuple[Entry, ...]:
        return self.graph.entries[index]

    def __len__(self) -> int:
        return len(self.graph.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.graph.entries)

    # ---------------------------------------------------------------- totals

    @property
    def outputs(self) -> tuple[int, ...]:
        """The indices of the results' entries."""
        return self.graph.outputs

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls of modules, and of functions named by :func:`~autograd_np.scope`."""
        return self.graph.calls

    @property
    def operations(self) -> int:
        """How many operations were recorded."""
        return sum(entry.kind == "operation" for entry in self)

    @property
    def leaves(self) -> int:
        """How many leaves they start from, named parameters among them."""
        return len(self) - self.operations

    @property
    def flops(self) -> int:
        """Floating-point operations of the forward pass, by the formulas of :mod:`autograd_np.graph.flops`."""
        return sum(entry.flops for entry in self)

    @property
    def backward_flops(self) -> int:
        """An estimate for the backward pass."""
        return sum(entry.backward_flops for entry in self)

    @property
    def kept_bytes(self) -> int:
        """Bytes that the tape keeps for the backward pass; what several operations keep counts once, and a view as the array it looks at."""
        return self.graph.kept_bytes

    # ---------------------------------------------------------------- in print

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dict of plain values for each entry, for a data frame or JSON."""
        return [
            {
                "index": entry.index,
                "position": entry.position,
                "kind": entry.kind,
                "name": entry.name,
                "inputs": list(entry.inputs),
                "operands": list(entry.operands),
                "shape": list(entry.shape),
                "dtype": _dtype(entry),
                "kept_bytes": entry.kept_bytes,
                "kept": [kept.name for kept in entry.kept],
                "freed": entry.freed,
                "flops": entry.flops,
                "backward_flops": entry.backward_flops,
                "module": list(entry.module),
                "line": entry.line,
            }
            for entry in self
        ]

    def table(self, max_rows: int | None = None) -> str:
        """The printed table.

        Args:
            max_rows: how many entries are shown at most; None shows all.
        """
        headings, rights, rows, left_out = self._cells(max_rows)
        lines = aligned(headings, rights, rows)
        if left_out:
            lines.insert(2 + len(rows) // 2 + len(rows) % 2, _more(left_out))
        return "\n".join([*lines, "", *self._totals()])

    def __str__(self) -> str:
        return self.table(self.max_rows)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        headings, rights, rows, left_out = self._cells(self.max_rows)

        def row(cells: Iterable[str], tag: str) -> str:
            marked = [
                f'<{tag} style="text-align:{"right" if right else "left"}">{html.escape(cell)}</{tag}>'
                for cell, right in zip(cells, rights, strict=True)
            ]
            return f"<tr>{''.join(marked)}</tr>"

        body = [row(cells, "td") for cells in rows]
        if left_out:
            body.insert(
                len(rows) // 2 + len(rows) % 2, f'<tr><td colspan="{len(headings)}">{_more(left_out)}</td></tr>'
            )
        totals = "<br>".join(html.escape(line) for line in self._totals())
        table = f"<table><thead>{row(headings, 'th')}</thead><tbody>{''.join(body)}</tbody></table><p>{totals}</p>"
        if len(self) > DRAWN:
            return table
        drawn = svg_text(picture_of(self.graph, show=("formula", "shape", "value", "grad"))).partition("?>")[2]
        return f'{table}<div style="overflow:auto">{drawn}</div>'

    def _cells(self, max_rows: int | None) -> tuple[list[str], list[bool], list[list[str]], int]:
        """The headings, which columns stand to the right, the rows that are shown, and how many are not."""
        entries: Sequence[Entry] = self.graph.entries
        left_out = 0
        if max_rows is not None and len(entries) > max_rows:
            head = max_rows - max_rows // 2
            left_out = len(entries) - max_rows
            entries = (*entries[:head], *entries[len(entries) - max_rows // 2 :])
        columns: list[tuple[str, bool, Callable[[Entry], str]]] = [
            ("#", True, lambda e: str(e.index)),
            ("operation", False, _name),
            ("inputs", False, lambda e: ", ".join("·" if i is None else str(i) for i in e.inputs)),
            ("shape", False, lambda e: str(e.shape)),
            ("dtype", False, _dtype),
            ("kept", True, _kept),
            ("FLOPs", True, lambda e: f"{e.flops:,}".replace(",", " ") if e.kind == "operation" else ""),
        ]
        if any(entry.module for entry in self):
            columns.append(("module", False, lambda e: "/".join(e.module)))
        if any(entry.line is not None for entry in self):
            columns.append(("line", False, lambda e: _line(e.line)))
        rows = [[shown(show(entry)) for _, _, show in columns] for entry in entries]
        return [heading for heading, _, _ in columns], [right for _, right, _ in columns], rows, left_out

    def _totals(self) -> list[str]:
        leaves = [entry for entry in self if entry.kind != "operation"]
        elements = sum(prod(entry.shape) for entry in leaves)
        operations = len(self) - len(leaves)
        lines = [
            f"{counted(operations, 'operation')}, {counted(len(leaves), 'leaf', 'leaves')} with {counted(elements, 'element')}",
            f"forward {in_flops(self.flops)}, backward about {in_flops(self.backward_flops)}",
            f"{bytes_text(self.kept_bytes)} kept for the backward pass",
        ]
        freed = sum(entry.freed for entry in self)
        if freed:
            lines[-1] += f"; what {counted(freed, 'operation')} kept is freed"
        unknown = sorted({entry.name for entry in self if not entry.counted})
        if unknown:
            lines.append(f"counted as one FLOP for each element of the output: {shown(', '.join(unknown))}")
        return lines

    # ---------------------------------------------------------------- run again

    def profile(self, function: Callable[[], Any], *, repeats: int = 3) -> Profile:
        """Where time and memory go: run the program again, forward and backward, with a timer.

        A tape holds what the backward pass needs, not the program; so it takes the program. See :func:`~autograd_np.graph.profile.profile`.

        Args:
            function: makes the tape's outputs again.
            repeats: how many times; the fastest run is shown.

        Raises:
            ValueError: the function records other operations than those on this tape.
        """
        names = [entry.name for entry in self if entry.kind == "operation"]
        return profile(function, repeats=repeats, expected=names)


def tape(outputs: Any, *, params: Any = None, max_rows: int | None = 60) -> Tape:
    """The tape of a Tensor, or of several: every operation and leaf that they depend on, as a sequence that prints as a table.

    Making and printing it changes nothing: no gradient is computed and nothing is freed. In the column of inputs stands the number of
    the entry that each differentiable operand is, · for a constant. Modules of ``nn`` and functions named by :func:`~autograd_np.scope`
    have a column, and so have the source lines where :class:`~autograd_np.annotate` was on. What ``FLOPs`` counts is said in
    ``autograd_np.graph.flops``.

    Args:
        outputs: a Tensor that needs a gradient, or a tuple, list or dict of them.
        params: names for leaves: a dict of Tensors by name, or a module. (Parameters of modules that were called have theirs.)
        max_rows: how many rows are printed; of a longer tape the middle is left out. None prints all.

    Raises:
        TypeError: no output is a Tensor that needs a gradient, or ``params`` is something else.

    >>> import numpy as np
    >>> import autograd_np as ag
    >>> x = ag.Tensor(np.ones((2, 3)), requires_grad=True, name="x")
    >>> y = np.sum(np.exp(x) @ np.ones(3))
    >>> ag.tape(y)
    #  operation    inputs  shape   dtype    kept  FLOPs
    -  -----------  ------  ------  -------  ----  -----
    0  parameter x          (2, 3)  float64
    1  exp          0       (2, 3)  float64  48 B      6
    2  matmul       1, ·    (2,)    float64  24 B     12
    3  sum          2       ()      float64            2
    <BLANKLINE>
    3 operations, 1 leaf with 6 elements
    forward 20 FLOPs, backward about 20 FLOPs
    72 B kept for the backward pass
    >>> [entry.name for entry in ag.tape(y)]
    ['x', 'exp', 'matmul', 'sum']
    """
    return Tape(graph_of(outputs, params), max_rows)


def _more(number: int) -> str:
    return f"… {number:,} more …".replace(",", " ")


def _dtype(entry: Entry) -> str:
    return "" if entry.dtype is None else str(entry.dtype)


def _name(entry: Entry) -> str:
    if entry.kind != "operation":
        return f"{entry.kind} {entry.name}".rstrip()
    return f"{entry.label} = {entry.name}" if entry.label else entry.name


def _kept(entry: Entry) -> str:
    if entry.freed:
        return "freed"
    return bytes_text(entry.kept_bytes) if entry.kept else ""


def _line(line: str | None) -> str:
    """``path/file.py:7, in f`` as ``file.py:7 f``."""
    if line is None:
        return ""
    place, _, function = line.partition(", in ")
    path, _, number = place.rpartition(":")
    return f"{PurePath(path).name}:{number} {function}".rstrip() if path else line
