"""Numbers with their units, and tables in aligned columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

__all__ = ["aligned", "bytes_text", "clean", "counted", "in_flops", "shown"]

LONGEST = 48  # characters of a cell


def clean(text: str) -> str:
    """The text with what no file may contain, or what would break its line or turn it around, made visible."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        [
            {"\n": "↵", "\t": " "}.get(c, "�")
            if unicodedata.category(c) in ("Cc", "Cs", "Cf", "Zl", "Zp", "Cn", "Co")
            else c
            for c in text
        ]
    )


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number of things: ``3 operations``."""
    return f"{number:,} ".replace(",", " ") + (one if number == 1 else many or one + "s")


def bytes_text(number: int) -> str:
    """A number of bytes, in the unit in which it is short: 1 kB is 1000 bytes.

    >>> bytes_text(120), bytes_text(1200), bytes_text(25_600_000)
    ('120 B', '1.2 kB', '25.6 MB')
    """
    return f"{number} B" if number < 1000 else _scaled(number, ("kB", "MB", "GB", "TB"))


def in_flops(number: int) -> str:
    """A number of floating-point operations, in the unit in which it is short.

    >>> in_flops(20), in_flops(2_500_000)
    ('20 FLOPs', '2.5 MFLOPs')
    """
    return counted(number, "FLOP") if number < 10_000 else _scaled(number, ("kFLOPs", "MFLOPs", "GFLOPs", "TFLOPs"))


def _scaled(number: float, units: Sequence[str]) -> str:
    for unit in units:
        number /= 1000
        if number < 999.5 or unit == units[-1]:
            break
    return f"{number:.3g} {unit}" if number < 999.5 else f"{number:.0f} {unit}"


def shown(cell: str) -> str:
    """A cell on one line, and not too long."""
    if not cell.isprintable():
        cell = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cell)
    return cell if len(cell) <= LONGEST else f"{cell[: LONGEST - 1]}…"


def _width(text: str) -> int:
    """Columns on a terminal: wide characters take two, those that stand above or below another none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(c) in ("Mn", "Me") else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def aligned(headings: Sequence[str], rights: Sequence[bool], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table: the headings, a rule, the rows.

    >>> aligned(["a", "number"], [False, True], [["x", "1"]])
    ['a  number', '-  ------', 'x       1']
    """
    table = [headings, *rows]
    widths = [max(_width(row[i]) for row in table) for i in range(len(headings))]

    def one(row: Sequence[str]) -> str:
        padded = []
        for cell, width, right in zip(row, widths, rights, strict=True):
            space = " " * (width - _width(cell))
            padded.append(space + cell if right else cell + space)
        return "  ".join(padded).rstrip()

    return [one(headings), "  ".join("-" * width for width in widths), *(one(row) for row in rows)]
