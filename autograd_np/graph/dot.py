"""A picture in Graphviz's language. Needs no package; labels are escaped and ids stable."""

from __future__ import annotations

from collections.abc import Iterable

from .picture import Box, Picture
from .style import GROUND

__all__ = ["NAME", "dot_body", "dot_text"]

NAME = "tape"
# Fill and border of Okabe and Ito's colours, legible for every eye; in grey print shapes and borders differ.
STYLES: dict[str, str] = {
    "data": 'shape=box style=filled fillcolor="#eeeeee" color="#777777"',
    "parameter": 'shape=cylinder style=filled fillcolor="#d6ebf8" color="#0072b2"',
    "operation": 'shape=box style="rounded,filled" fillcolor="#ffffff" color="#333333"',
    "result": 'shape=box style="rounded,filled" fillcolor="#d5f0e5" color="#007a5a" peripheries=2',
    "module": 'shape=box3d style=filled fillcolor="#fdf6cf" color="#8a7400"',
    "rest": "shape=plaintext",
    "gradient": 'shape=box style="rounded,filled,dashed" fillcolor="#fbe6da" color="#c04f00"',
}
ARROWS: dict[str, str] = {
    "value": "",
    "broadcast": 'style=dashed color="#a0467a" fontcolor="#803060"',
    "cast": 'color="#0072b2" fontcolor="#00527f" arrowhead=empty',
    "gradient": 'dir=back style=dashed color="#c04f00" fontcolor="#9a4000"',
    "partner": 'dir=none style=dotted color="#803060" fontcolor="#803060" constraint=false',
    "repeat": 'style=dotted color="#555555" constraint=false',
}
FRAME = 'style="rounded,filled" color="#b8a848" fillcolor="#fffcec"'
BLOCK = 'style="rounded,dashed" color="#555555" bgcolor="#f4f4f4"'
FONTS: dict[str, tuple[str, str]] = {
    "formula": ('<font point-size="11" color="#222222"><i>', "</i></font>"),
    "value": ('<font point-size="9.5" color="#333333">', "</font>"),
    "grad": ('<font point-size="9.5" color="#9a4000">', "</font>"),
    "kept": ('<font point-size="9" color="#803060">▪ ', "</font>"),
    "note": ('<font point-size="9" color="#555555">', "</font>"),
}


def dot_text(picture: Picture) -> str:
    """The whole text of a DOT file."""
    return "".join([f"digraph {NAME} {{\n", *dot_body(picture), "}\n"])


def markup(text: str) -> str:
    """Text in an HTML-like label; Graphviz would put the name of the node for a single backslash and N even there."""
    text = text or "\u00a0"  # Graphviz refuses a font around nothing
    return (
        text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&quot;")
        .replace("\\", "&#92;&#92;")
    )


def quoted(text: str) -> str:
    """Text in a quoted attribute: neither its quotes nor its backslashes nor its ampersands mean anything.

    Graphviz reads the escapes of a tooltip once or twice, depending on where it stands: a space of no width ends them both times.
    """
    return '"' + text.replace("&", "&amp;").replace("\\", "\\\\\u200b").replace('"', '\\"') + '"'


def dot_body(picture: Picture) -> list[str]:
    """The lines between the braces."""
    caption = f'<font point-size="10" color="#555555">{markup(picture.caption)}</font>'
    if picture.notice:
        caption = f'<b><font point-size="10.5">{markup(picture.notice)}</font></b><br/>{caption}'
    style = picture.style
    font, ground = quoted(style.font), GROUND[style.theme]
    ground = ground if ground.isalpha() else quoted(ground)
    ink = ' fontcolor="#111111"' if style.theme == "dark" else ""
    more = "" if style.size is None else f' size="{style.size[0]:g},{style.size[1]:g}"'
    more += "" if style.dpi is None else f" dpi={style.dpi:g}"
    lines = [
        (
            f"\tgraph [rankdir={picture.direction} label=<{caption}> labelloc=b labeljust=c compound=true newrank=true nodesep=0.3 ranksep=0.45"
            f' fontname={font} bgcolor={ground} tooltip=" "{more}]\n'
        ),
        f'\tnode [fontname={font} fontsize=12 margin="0.12,0.06" height=0.35{ink}]\n',
        f'\tedge [fontname={font} fontsize=9 fontcolor="#444444" color="#444444" arrowsize=0.7]\n',
    ]
    if style.title:
        title = f'<b><font point-size="15" color="#111111">{markup(style.title)}</font></b>'
        lines.append(
            f'\tsubgraph cluster_title {{\n\tgraph [label=<{title}> labelloc=t labeljust=c color="{GROUND[style.theme]}" tooltip=" "]\n'
        )
    lines += _nested(picture)
    if style.title:
        lines.append("\t}\n")
    for arrow in picture.arrows:
        # A gradient flows against its value: written the other way round it has the same ranks.
        tail, head = (arrow.head, arrow.tail) if arrow.kind == "gradient" else (arrow.tail, arrow.head)
        words = [f"label=<{markup(f' {arrow.label} ')}>"] if arrow.label else []
        words += [ARROWS[arrow.kind]] if ARROWS[arrow.kind] else []
        lines.append(f"\t{tail} -> {head}{' [' + ' '.join(words) + ']' if words else ''}\n")
    lines += _legend(picture)
    return [style.painted(line) for line in lines]


def _nested(picture: Picture) -> Iterable[str]:
    """The boxes, inside the frames of their parts."""
    for depth, item in picture.nested():
        tabs = "\t" * depth
        if isinstance(item, Box):
            yield f"{tabs}{_box(item)}"
            if item.partner is not None:
                yield f"{tabs}{{rank=same; {item.partner}; {item.id}}}\n"
        elif item is None:
            yield f"{tabs}}}\n"
        else:
            look = BLOCK if item.block else FRAME
            title = f'<b><font point-size="11" color="#5f5200">{markup(item.title)}</font></b>'
            graph = f"graph [label=<{title}> labelloc=t labeljust=l {look} tooltip={quoted(item.tooltip)}]"
            yield f"{tabs}subgraph cluster_{item.id} {{\n{tabs}\t{graph}\n"


def _box(box: Box) -> str:
    label = f"<b>{markup(box.title)}</b>"
    if box.lines:
        rows = [label] + [markup(line.text).join(FONTS[line.role]) for line in box.lines]
        label = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{"".join([f"<tr><td>{row}</td></tr>" for row in rows])}</table>'
    tooltip = f" tooltip={quoted(box.tooltip)}" if box.tooltip else ""
    return f'{box.id} [id="{box.id}" label=<{label}> {STYLES[box.kind]}{tooltip}]\n'


def _legend(picture: Picture) -> list[str]:
    rows = []
    for kind, meaning in picture.legend():
        if kind in STYLES:
            style = dict(word.split("=", 1) for word in STYLES[kind].split() if "=" in word)
            fill, border = style["fillcolor"], style["color"]
            dashed = (
                ' style="rounded,dashed"'
                if kind == "gradient"
                else ' style="rounded"'
                if kind in ("operation", "result")
                else ""
            )
            name = {
                "data": "box",
                "parameter": "cylinder",
                "operation": "round",
                "result": "double",
                "module": "block",
                "gradient": "dashed",
            }[kind]
            sample = f'<td border="1" bgcolor={fill} color={border}{dashed} width="42"><font point-size="8">{name}</font></td>'
        else:
            mark, colour = {
                "kept": ("▪", "#803060"),
                "partner": ("· · ·", "#803060"),
                "broadcast": ("– –▶", "#803060"),
                "cast": ("––▷", "#00527f"),
                "repeat": ("· · ▶", "#555555"),
            }[kind]
            sample = f'<td><font color="{colour}">{mark}</font></td>'
        rows.append(
            f'<tr>{sample}<td align="left"><font point-size="9" color="#444444">{markup(meaning)}</font></td></tr>'
        )
    if not rows:
        return []
    table = f'<table border="0" cellborder="0" cellspacing="3" cellpadding="2">{"".join(rows)}</table>'
    return [f'\tlegend [shape=box style=rounded color="#bbbbbb" margin=0.05 label=<{table}> tooltip="legend"]\n']
