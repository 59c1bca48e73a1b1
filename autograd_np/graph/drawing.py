"""A drawn picture as an object: shown in a notebook, rendered into files, with Graphviz or without."""

from __future__ import annotations

import functools
import importlib
import os
from pathlib import Path
from typing import Any

from .dot import NAME, dot_body, dot_text
from .picture import Picture
from .render import has_graphviz, render, write
from .svg import svg_text

__all__ = ["Drawing", "drawing", "rendered"]


def rendered(picture: Picture, format: str) -> bytes:  # noqa: A002 - as graphviz calls it
    """A picture as SVG, PNG or PDF: laid out by Graphviz where that is, otherwise as SVG by the library itself.

    Raises:
        ImportError: PNG or PDF without Graphviz.
    """
    if format == "svg" and not has_graphviz():
        return svg_text(picture).encode()
    return render(dot_text(picture), format)


class Drawing:
    """A picture, where the package ``graphviz`` is not installed.

    Attributes:
        source: the DOT text.
        format: of files, unless another is asked for.
    """

    def __init__(self, picture: Picture) -> None:
        self.source = dot_text(picture)
        self.format = "svg"
        self._picture = picture

    def __str__(self) -> str:
        return self.source

    def _repr_svg_(self) -> str:
        return self.pipe("svg").decode()

    def pipe(self, format: str | None = None) -> bytes:  # noqa: A002 - as graphviz calls it
        """The picture as bytes.

        Raises:
            ImportError: for another format than ``"svg"``, Graphviz is missing.
        """
        return rendered(self._picture, format or self.format)

    def render(self, filename: str | os.PathLike[str] = NAME, *, format: str | None = None) -> str:  # noqa: A002
        """Write the picture; returns its path, which is ``filename`` with the format behind it.

        Raises:
            ImportError: as :meth:`pipe`.
        """
        kind = format or self.format
        return str(write(Path(f"{os.fspath(filename)}.{kind}"), self.pipe(kind)))

    def save(self, filename: str | os.PathLike[str] = f"{NAME}.gv") -> str:
        """Write the DOT text; returns the path."""
        return str(write(Path(filename), self.source.encode()))


def drawing(picture: Picture) -> Any:
    """The picture as a ``graphviz.Digraph``; as a :class:`Drawing` where that package is missing."""
    try:
        kind = _digraph()
    except ImportError:
        return Drawing(picture)
    made = kind(NAME, body=dot_body(picture))
    made.picture = picture
    return made


@functools.cache
def _digraph() -> Any:
    """graphviz.Digraph, able to draw where there is no ``dot`` program."""
    graphviz = importlib.import_module("graphviz")

    class Digraph(graphviz.Digraph):  # type: ignore[misc, name-defined]
        __doc__ = graphviz.Digraph.__doc__
        picture: Picture | None = None

        def _drawn(self, kind: str, engine: str) -> bytes:
            picture = self.picture
            if kind == "svg" and picture is not None and self.source == dot_text(picture) and not has_graphviz(engine):
                return svg_text(picture).encode()
            return render(self.source, kind, engine)

        def pipe(self, format: Any = None, renderer: Any = None, formatter: Any = None, **options: Any) -> Any:  # noqa: A002
            """The picture as bytes; as text with ``encoding=``."""
            try:
                return super().pipe(format=format, renderer=renderer, formatter=formatter, **options)
            except graphviz.ExecutableNotFound:
                drawn = self._drawn(format or self.format, options.get("engine") or self.engine)
                encoding = options.get("encoding")
                return drawn if encoding is None else drawn.decode(encoding)

        def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, str]:
            kinds = {"image/svg+xml"} & {*(include or ["image/svg+xml"])} - {*(exclude or ())}
            return {kind: self.pipe(format="svg", encoding="utf-8") for kind in kinds}

        def render(
            self,
            filename: Any = None,
            directory: Any = None,
            view: bool = False,
            cleanup: bool = False,
            format: Any = None,  # noqa: A002
            **options: Any,
        ) -> str:
            """Write the DOT text and the picture beside it; returns the picture's path."""
            try:
                return str(
                    super().render(
                        filename=filename, directory=directory, view=view, cleanup=cleanup, format=format, **options
                    )
                )
            except graphviz.ExecutableNotFound:
                source = Path(self.save(filename=filename, directory=directory))
                kind = format or self.format
                target = (
                    Path(options["outfile"]) if options.get("outfile") else source.with_name(f"{source.name}.{kind}")
                )
                write(target, self._drawn(kind, options.get("engine") or self.engine))
                if cleanup:
                    source.unlink()
                return str(target)

    return Digraph
