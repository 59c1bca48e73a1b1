"""How a picture looks: its title, legend, font, colours and size."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .text import clean

__all__ = ["GROUND", "PLAIN", "Style"]

LABELS = ("full", "short", "none")
# The colours of the other themes, by those of the light one (see dot.py). For print everything is grey, and shapes tell boxes apart.
THEMES: dict[str, Mapping[str, str]] = {
    "light": {},
    "dark": {
        "000000": "eceef1", "111111": "eceef1", "222222": "e2e5e9", "333333": "cfd5dc", "444444": "b4bcc6", "555555": "a3acb8", "777777": "8c95a1",
        "bbbbbb": "4a525d", "ffffff": "242a31", "eeeeee": "2c3138", "f4f4f4": "1c2026", "d6ebf8": "173a54", "0072b2": "6bb8ea", "d5f0e5": "123f31",
        "007a5a": "45c49b", "fdf6cf": "3b3510", "8a7400": "d0b93c", "fbe6da": "45240c", "c04f00": "ffb07a", "9a4000": "ffb07a", "803060": "e39ac4",
        "a0467a": "e39ac4", "00527f": "7cc4f2", "b8a848": "75692a", "fffcec": "1d1d18", "5f5200": "d0b93c",
    },
    "print": {
        "eeeeee": "f2f2f2", "777777": "000000", "d6ebf8": "ffffff", "0072b2": "000000", "333333": "000000", "d5f0e5": "dddddd", "007a5a": "000000",
        "fdf6cf": "eeeeee", "8a7400": "000000", "fbe6da": "ffffff", "c04f00": "000000", "9a4000": "000000", "803060": "000000", "a0467a": "000000",
        "00527f": "000000", "b8a848": "888888", "fffcec": "ffffff", "5f5200": "000000", "444444": "000000", "555555": "000000", "222222": "000000",
        "bbbbbb": "888888",
    },
}  # fmt: skip
GROUND = {"light": "white", "dark": "#14171b", "print": "white"}


@dataclass(frozen=True)
class Style:
    """The looks of a picture.

    Attributes:
        title: above the picture; empty for none.
        legend: whether it explains its boxes and arrows; None where it has more boxes than the legend has rows.
        font: the family, or several with commas between.
        theme: ``"light"``, ``"dark"`` or ``"print"``.
        labels: of the arrows: ``"full"``, ``"short"`` (without dtypes) or ``"none"``.
        size: the greatest width and height, in inches; None for the natural one.
        dpi: dots per inch of a PNG file; None for Graphviz's 96.

    Raises:
        TypeError, ValueError: an option has a value it cannot have.
    """

    title: str = ""
    legend: bool | None = None
    font: str = "Helvetica,Arial,sans-serif"
    theme: str = "light"
    labels: str = "full"
    size: tuple[float, float] | None = None
    dpi: float | None = None

    def __post_init__(self) -> None:
        for word, text in (("title", self.title), ("font", self.font)):
            if not isinstance(text, str):
                raise TypeError(f"draw: {word}={text!r}: takes a text")
            object.__setattr__(self, word, clean(text))
        for word, value, allowed in (("theme", self.theme, tuple(THEMES)), ("labels", self.labels, LABELS)):
            if value not in allowed:
                raise ValueError(f"draw: {word}={value!r} is none of {', '.join(allowed)}")
        lengths: object = self.size
        if lengths is not None and not (
            isinstance(lengths, (tuple, list)) and len(lengths) == 2 and all(map(_positive, lengths))
        ):
            raise ValueError(f"draw: size={lengths!r}: takes the width and the height in inches")
        if self.dpi is not None and not _positive(self.dpi):
            raise ValueError(f"draw: dpi={self.dpi!r}: takes a positive number")

    def painted(self, text: str) -> str:
        """The text of a file with the colours of the theme: those in attributes, which no name can be."""
        colours = THEMES[self.theme]
        if not colours:
            return text
        return re.sub(r'(?<==")#([0-9a-f]{6})(?=")', lambda match: f"#{colours.get(match[1], match[1])}", text)

    def painted_rule(self, rule: str) -> str:
        """The same of a rule of a style sheet."""
        colours = THEMES[self.theme]
        return re.sub(r"#([0-9a-f]{6})", lambda match: f"#{colours.get(match[1], match[1])}", rule)


def _positive(value: object) -> bool:
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return number and 0 < float(value) < 1e6  # type: ignore[arg-type]


PLAIN = Style()
