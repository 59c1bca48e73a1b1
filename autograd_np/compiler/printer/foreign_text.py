"""Text of the user's in a program: names of modules, functions, scopes and files. None of it runs."""

from __future__ import annotations

import unicodedata

__all__ = ["in_docstring", "on_one_line", "word_of"]

_LONGEST = 160


def on_one_line(text: object) -> str:
    r"""A text for a comment: without control characters and ends of lines of any kind, and not too long.

    >>> on_one_line("conv1\n__import__('os')\x0c#")
    "conv1 __import__('os') #"
    """
    line = " ".join("".join([letter if letter.isprintable() else " " for letter in str(text)]).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def in_docstring(text: object) -> str:
    r"""A text for a docstring: as :func:`on_one_line`, with quotes and backslashes escaped.

    >>> print(in_docstring('say \"\"\" and \\'))
    say \"\"\" and \\
    """
    return on_one_line(text).replace("\\", "\\\\").replace('"', '\\"')


def word_of(text: str) -> str:
    """What of a text can stand in a name: letters, digits and underscores, as Python reads them (NFKC).

    >>> word_of("layer 1.weight²"), word_of("名前"), word_of("--")
    ('layer_1_weight2', '名前', 'value')
    """
    letters = [letter if f"a{letter}".isidentifier() else " " for letter in unicodedata.normalize("NFKC", text)]
    return "_".join("".join(letters).split()).strip("_")[:_LONGEST] or "value"
