"""What stands in the place of a random generator during a trace."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.errors import CompileError
from ...engine.hooks import current_trace
from ...engine.random import draw
from .record import Trace

__all__ = ["GeneratorProxy"]


class GeneratorProxy:
    """A generator during a trace: what it draws is drawn anew in every replay."""

    def __init__(self, generator: np.random.Generator, trace: Trace) -> None:
        self._generator = generator
        self._trace = trace

    @property
    def __class__(self) -> type:  # what asks whether it is a generator hears yes
        return np.random.Generator

    @__class__.setter
    def __class__(self, kind: type) -> None:
        raise TypeError("a generator keeps its class")

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._generator, name)
        if name.startswith("_") or current_trace() is not self._trace:
            return method
        if name in ("shuffle", "spawn", "bit_generator"):
            raise CompileError(
                f"compile: Generator.{name} cannot be traced; use permutation() or permuted(), or draw outside the compiled function"
            )
        return lambda *args, **kwargs: draw(self._generator, name, *args, **kwargs)
