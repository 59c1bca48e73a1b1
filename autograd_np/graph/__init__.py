"""The tape, seen: as a sequence of entries, as a printed table, as a picture."""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .table import Tape


class _Callable(types.ModuleType):
    """The module ``autograd_np.tape``, which is also the function of its name."""

    def __call__(self, outputs: Any, *, params: Any = None, max_rows: int | None = 60) -> Tape:
        from .table import tape

        return tape(outputs, params=params, max_rows=max_rows)


# The engine's module imports nothing of what stands above it, so the call is given to it from here.
sys.modules["autograd_np.tape"].__class__ = _Callable
