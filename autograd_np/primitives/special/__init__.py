"""The universal functions of ``scipy.special``, when SciPy is there: the rules are declared where a program has imported it.

SciPy is never imported here. A program that calls ``scipy.special.erf(t)`` has imported it; the Tensor's protocol then
meets an unknown ufunc, and :func:`register` declares the whole table. The rules are plain calls of SciPy's ufuncs, which
dispatch on Tensors themselves, so every order is exact. The table is filled by the
chapters gamma.py, bessel.py and statistics.py.

A function is differentiated in its arguments; orders and shape parameters, in which SciPy knows no derivative (the order
of a Bessel function, the ``a`` of ``gammainc(a, x)``), raise if they need a gradient.
"""

from __future__ import annotations

import sys
from typing import Any

from ...engine.registry import on_arrays, primitive, rule
from .table import HELPERS, TABLE, ufunc

__all__ = ["TABLE", "register", "ufunc"]

_state = {"registered": False}


def register() -> None:
    """Declare the table's functions, once, if ``scipy.special`` is loaded and as far as this version of it has them."""
    if _state["registered"] or not hasattr(sys.modules.get("scipy.special"), "_ufuncs"):
        return
    from . import bessel, gamma, statistics  # noqa: F401 - they fill the table

    for row in TABLE.values():
        found = ufunc(row.name)
        if found is None and not row.helper:
            continue
        functions = () if row.helper else (found,)
        broadcasts = row.declared.__code__.co_argcount > 1
        options: dict[str, Any] = {"wrt": row.wrt, "discrete": "" if row.rules else row.wrt, "broadcasts": broadcasts}
        made = primitive(*functions, name=f"special.{row.name}", multi=row.outputs > 1, real=row.real, **options)(
            row.declared
        )
        if row.outputs > 1:
            rule(made, joint=row.rules[0])
        elif row.rules:
            rule(made, *row.rules)
        if row.helper:
            HELPERS[row.name] = on_arrays(made)
    _state["registered"] = True
