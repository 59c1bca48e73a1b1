"""A picture as a Mermaid flowchart, which GitHub and many editors show in Markdown."""

from __future__ import annotations

import json

from .picture import Box, Picture

__all__ = ["mermaid_text"]

SHAPES: dict[str, tuple[str, str]] = {
    "data": ("[", "]"),
    "parameter": ("[(", ")]"),
    "operation": ("(", ")"),
    "result": ("([", "])"),
    "module": ("[[", "]]"),
    "rest": ("[", "]"),
    "gradient": ("{{", "}}"),
}
CLASSES: dict[str, str] = {
    "data": "fill:#eeeeee,stroke:#777777,color:#111111",
    "parameter": "fill:#d6ebf8,stroke:#0072b2,color:#111111",
    "operation": "fill:#ffffff,stroke:#333333,color:#111111",
    "result": "fill:#d5f0e5,stroke:#007a5a,stroke-width:3px,color:#111111",
    "module": "fill:#fdf6cf,stroke:#8a7400,color:#111111",
    "gradient": "fill:#fbe6da,stroke:#c04f00,stroke-dasharray:4 3,color:#111111",
}
ARROWS: dict[str, str] = {
    "value": "-->",
    "broadcast": "-.->",
    "cast": "--o",
    "gradient": "-.->",
    "partner": "-.-",
    "repeat": "-.->",
}
_UNSAFE = str.maketrans({c: f"#{ord(c)};" for c in '"&<>#`\\[]{}|;%*_~$@'})


def escaped(text: str) -> str:
    """Text in quotes: what Mermaid, Markdown or HTML would read as theirs is written by its number."""
    return text.translate(_UNSAFE) or "#160;"  # an empty title is none


def mermaid_text(picture: Picture) -> str:
    """The whole text of a Mermaid file."""
    style = picture.style
    lines = ["---", f"title: {json.dumps(style.title)}", "---"] if style.title else []
    lines += [f"flowchart {picture.direction}"]
    for depth, item in picture.nested():
        tabs = "  " * depth
        if isinstance(item, Box):
            lines.append(tabs + _box(item))
        else:
            lines.append(f'{tabs}subgraph part_{item.id}["{escaped(item.title)}"]' if item else f"{tabs}end")
    for arrow in picture.arrows:
        label = f'|"{escaped(arrow.label)}"|' if arrow.label else ""
        lines.append(f"  {arrow.tail} {ARROWS[arrow.kind]}{label} {arrow.head}")
    used = [(kind, meaning) for kind, meaning in picture.legend() if kind in CLASSES]
    lines.append('  subgraph legend["legend"]')
    for kind, meaning in used:
        before, after = SHAPES[kind]
        lines.append(f'    legend_{kind}{before}"{escaped(meaning)}"{after}:::{kind}')
    caption = ". ".join(text for text in (picture.notice, picture.caption) if text)
    lines += [f'    legend_caption["{escaped(caption)}"]', "  end"]
    lines += [f"  classDef {kind} {style.painted_rule(rule)}" for kind, rule in CLASSES.items()]
    return "\n".join(lines) + "\n"


def _box(box: Box) -> str:
    before, after = SHAPES[box.kind]
    label = "<br/>".join(
        [escaped(box.title), *(("▪ " if line.role == "kept" else "") + escaped(line.text) for line in box.lines)]
    )
    style = f":::{box.kind}" if box.kind in CLASSES else ""
    return f'{box.id}{before}"{label}"{after}{style}'
