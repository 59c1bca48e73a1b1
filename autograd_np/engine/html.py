"""A Tensor as a notebook shows it: a small table of what it is, and its numbers."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

__all__ = ["tensor_html"]

ROWS, COLUMNS = 6, 8  # of the numbers that are shown; of more the first and the last


def tensor_html(t: Any) -> str:
    """The table.

    Args:
        t: a Tensor.
    """
    facts = [("name", t.name), ("shape", t.shape), ("dtype", t.dtype), ("made by", t.op)]
    facts.append(("requires_grad", "yes" if t.requires_grad else "no"))
    rows = [_row(word, _escaped(str(value))) for word, value in facts if value is not None]
    rows.append(_row("values", _numbers(t.numpy())))
    if t.grad is not None:
        rows.append(_row("grad", _numbers(t.grad)))
    return f"<table><caption>{_escaped(type(t).__name__)}</caption><tbody>{''.join(rows)}</tbody></table>"


@functools.cache
def _escape() -> Any:
    import html  # a millisecond, for those who ask

    return html.escape


def _escaped(text: str) -> str:
    return str(_escape()(text))


def _row(word: str, value: str) -> str:
    return f'<tr><th style="text-align:left">{word}</th><td style="text-align:left">{value}</td></tr>'


def _numbers(array: Any) -> str:
    """A grid of one or two axes; other arrays as NumPy prints them."""
    if not isinstance(array, np.ndarray) or array.ndim not in (1, 2) or not array.size:
        text = np.array2string(array, threshold=50) if isinstance(array, np.ndarray) else str(array)
        return f"<pre>{_escaped(text)}</pre>"
    rows = _ends(np.atleast_2d(array), ROWS, "⋮")
    columns = min(array.shape[-1], COLUMNS + 1)
    lines = [
        "".join(
            f'<td style="text-align:right">{_escaped(text)}</td>'
            for text in ([row] * columns if isinstance(row, str) else map(_number, _ends(row, COLUMNS, "…")))
        )
        for row in rows
    ]
    return f"<table><tbody>{''.join(f'<tr>{line}</tr>' for line in lines)}</tbody></table>"


def _ends(array: Any, most: int, between: str) -> list[Any]:
    """The first and the last parts of an array, with a sign between them where some are left out."""
    return [*array] if len(array) <= most else [*array[: most // 2], between, *array[-(most // 2) :]]


def _number(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.4g}" if value.dtype.kind in "fc" else str(value)
