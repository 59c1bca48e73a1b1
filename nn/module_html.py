"""A module as a notebook shows it: a table of its layers and their numbers of parameters."""

from __future__ import annotations

import html
from typing import Any

__all__ = ["module_html"]

MOST = 60  # rows; of a larger model the first


def module_html(module: Any) -> str:
    """The table.

    Args:
        module: an ``nn.Module``.
    """
    modules = [*module.named_modules()]
    rows = []
    for path, inner in modules[:MOST]:
        own = [*inner.parameters(recurse=False)]
        count = sum(p.size for p in own)
        frozen = sum(p.size for p in own if not p.requires_grad)
        said = (f"{count:,}" if count else "–") + (f", of which frozen {frozen:,}" if frozen else "")
        name = path.rpartition(".")[2]
        label = f"{name}: {type(inner).__name__}" if name else type(inner).__name__
        depth = path.count(".") + bool(path)
        rows.append(
            f'<tr><td style="text-align:left;padding-left:{depth + 0.5}em">{html.escape(label)}</td>'
            f'<td style="text-align:left">{html.escape(inner.extra_repr())}</td><td style="text-align:right">{said}</td></tr>'
        )
    if len(modules) > MOST:
        rows.append(f'<tr><td colspan="3">… {len(modules) - MOST:,} more …</td></tr>')
    parameters = [*module.parameters()]
    total = f"{sum(p.size for p in parameters):,} parameters, {sum(p.nbytes for p in parameters) / 1000:,.1f} kB"
    head = "".join(f"<th>{word}</th>" for word in ("layer", "options", "parameters"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table><p>{total}</p>"
