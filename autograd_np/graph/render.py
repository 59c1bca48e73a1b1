"""From DOT text to SVG, PNG and PDF, and from bytes to a file."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
from pathlib import Path

from ..engine.files import replacing
from ..engine.locks import new_lock

__all__ = ["FORMATS", "has_graphviz", "render", "write"]

FORMATS = ("svg", "png", "pdf")
INSTALL = 'pip install "autograd-np[graph]"'
_one_at_a_time = new_lock()  # Graphviz as a library is not made for threads


def has_graphviz(engine: str = "dot") -> bool:
    """Whether :func:`render` can draw."""
    if shutil.which(engine) is not None:
        return True
    try:
        importlib.import_module("pygraphviz")
    except ImportError:
        return False
    return True


def render(text: str, format: str, engine: str = "dot") -> bytes:  # noqa: A002 - as graphviz calls it
    """Draw DOT text, with the ``dot`` program if there is one, else with the Graphviz inside ``pygraphviz``.

    Args:
        text: the DOT text.
        format: ``"svg"``, ``"png"`` or ``"pdf"``; with the ``dot`` program any that it knows.
        engine: the layout program.

    Raises:
        ImportError: neither is there.
        RuntimeError: Graphviz refuses the text.
    """
    program = shutil.which(engine)
    if program is not None:
        done = subprocess.run([program, f"-T{format}"], input=text.encode(), capture_output=True, check=False)  # noqa: S603 - a program found on PATH
        if done.returncode or not done.stdout:
            raise RuntimeError(f"{engine} -T{format}: {done.stderr.decode(errors='replace').strip() or 'no output'}")
        return done.stdout
    try:
        pygraphviz = importlib.import_module("pygraphviz")
    except ImportError as error:
        raise ImportError(
            f"to draw a {format} file, Graphviz is needed: {INSTALL} (brings pygraphviz, with Graphviz in it), "
            "or the dot program (apt install graphviz, brew install graphviz); .svg, .dot and .mmd files need neither"
        ) from error
    with _one_at_a_time:
        graph = pygraphviz.AGraph(string=text)
        try:
            drawn = graph.draw(format=format, prog=engine)
        except Exception as error:
            raise RuntimeError(f"pygraphviz could not draw {format}: {error}") from error
        finally:
            graph.close()
    return bytes(drawn)


def write(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write a file that is whole whenever it is there: under another name in its folder first, then renamed.

    Raises:
        FileNotFoundError: the folder is not there.
        IsADirectoryError: ``path`` is a folder.
    """
    with replacing(path) as file:
        file.write(data)
    return Path(path)
