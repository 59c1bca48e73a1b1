"""A picture as SVG, laid out by the library itself: for where there is no Graphviz. Its looks are those of the DOT text."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterator, Sequence

from .dot import ARROWS, STYLES
from .layered import Layout, Point, layout
from .picture import Arrow, Box, Line, Part, Picture
from .style import GROUND

__all__ = ["svg_text"]

SIZES = {
    "title": 12.0,
    "formula": 11.0,
    "value": 9.5,
    "grad": 9.5,
    "kept": 9.0,
    "note": 9.0,
    "label": 9.0,
    "frame": 11.0,
}
COLOURS = {
    "title": "#000000",
    "label": "#444444",
    "formula": "#222222",
    "value": "#333333",
    "grad": "#9a4000",
    "kept": "#803060",
    "note": "#555555",
}
TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 6" refX="8" refY="3" markerWidth="8" markerHeight="6" orient="auto" '
    'markerUnits="userSpaceOnUse"><path d="M0 0L8 3L0 6z" fill="context-stroke"/></marker></defs>'
)
HALO = 'paint-order="stroke" stroke="#ffffff" stroke-width="4" stroke-opacity="0.85"'
LINE = 1.25  # distance of lines, in their size
PAD = 9.0
NARROW, WIDE = frozenset("iljtfr.,:;'|!()[] "), frozenset("mwMWOQGD@%—…−")


def svg_text(picture: Picture) -> str:
    """The whole text of an SVG file."""
    sizes = {box.id: _size(box) for box in picture.boxes}
    turned = picture.direction in ("LR", "RL")
    arrows = [arrow for arrow in picture.arrows if arrow.kind not in ("partner", "repeat")]
    ways = [(a.head, a.tail) if a.kind == "gradient" else (a.tail, a.head) for a in arrows]
    titles = [width(part.title, SIZES["frame"], bold=True) for part in picture.parts]
    found = layout(
        {box: size[::-1] if turned else size for box, size in sizes.items()},
        {box.id: box.part for box in picture.boxes},
        [part.outer for part in picture.parts],
        titles,
        ways,
        [size[::-1] if turned else size for size in map(_label_size, arrows)],
        picture.direction,
    )
    place = _Direction(found, picture.direction)
    lines = [*_frames(picture.parts, found, place)]
    for arrow, path, middle in zip(arrows, found.paths, found.labels, strict=True):
        points = [place.point(point) for point in path]
        lines += _arrow(arrow, points[::-1] if arrow.kind == "gradient" else points, place.point(middle))
    centres = {box: place.centre(found.boxes[box], size) for box, size in sizes.items()}
    for arrow in picture.arrows:
        if arrow.kind in ("partner", "repeat"):
            ends = _between(centres, sizes, arrow)
            middle = (ends[0][0] + ends[1][0]) / 2, (ends[0][1] + ends[1][1]) / 2
            lines += _arrow(arrow, ends, middle)
    for box in picture.boxes:
        lines += _box(box, centres[box.id], sizes[box.id])
    return _page(picture, lines, place.size)


def width(text: str, size: float, *, bold: bool = False) -> float:
    """About how wide a text is, in pixels."""
    units = 0.0
    for c in text:
        if c in NARROW:
            units += 0.36
        elif c in WIDE or c.isupper() or unicodedata.east_asian_width(c) in "WF":
            units += 0.86 if unicodedata.east_asian_width(c) not in "WF" else 1.1
        else:
            units += 0.61
    return units * size * (1.1 if bold else 1.0)


def _rows(box: Box) -> list[tuple[str, str]]:
    """The role and the text of each line of a box."""
    return [("title", box.title), *[(line.role, _marked(line)) for line in box.lines]]


def _marked(line: Line) -> str:
    return f"▪ {line.text}" if line.role == "kept" else line.text


def _size(box: Box) -> Point:
    rows = _rows(box)
    wide = max([width(text, SIZES[role], bold=role == "title") for role, text in rows])
    spare = 10.0 if box.kind == "parameter" else 6.0 if box.kind == "result" else 0.0
    return max(46.0, wide + 2 * PAD), sum([SIZES[role] * LINE for role, _ in rows]) + PAD + spare


class _Direction:
    """Points of a layout from top to bottom, in a picture of another direction."""

    def __init__(self, found: Layout, direction: str) -> None:
        self.found, self.direction = found, direction
        self.size = found.size[::-1] if direction in ("LR", "RL") else found.size

    def point(self, point: Point) -> Point:
        x, y = point
        high = self.found.size[1]
        return {"TB": (x, y), "BT": (x, high - y), "LR": (y, x), "RL": (high - y, x)}[self.direction]

    def centre(self, corner: Point, size: Point) -> Point:
        w, h = size[::-1] if self.direction in ("LR", "RL") else size
        return self.point((corner[0] + w / 2, corner[1] + h / 2))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _text(x: float, y: float, text: str, role: str, anchor: str = "middle") -> str:
    style = {"title": ' font-weight="bold"', "formula": ' font-style="italic"', "frame": ' font-weight="bold"'}.get(
        role, ""
    )
    colour = {"frame": "#5f5200"}.get(role) or COLOURS.get(role, "#444444")
    return (
        f'<text x="{_number(x)}" y="{_number(y)}" font-size="{SIZES[role]}" fill="{colour}" text-anchor="{anchor}"{style}>'
        f"{html.escape(text)}</text>"
    )


def _frames(parts: Sequence[Part], found: Layout, place: _Direction) -> Iterator[str]:
    for i, part in enumerate(parts):
        if i not in found.frames:
            continue
        left, top, w, h = found.frames[i]
        (x, y), (u, v) = place.point((left, top)), place.point((left + w, top + h))
        x, y, w, h = min(x, u), min(y, v), abs(u - x), abs(v - y)
        look = (
            'fill="#f4f4f4" stroke="#555555" stroke-dasharray="5 3"'
            if part.block
            else 'fill="#fffcec" stroke="#b8a848"'
        )
        yield f'<g><title>{html.escape(part.tooltip)}</title><rect x="{_number(x)}" y="{_number(y)}" width="{_number(w)}" height="{_number(h)}" rx="8" {look}/>'
        yield f"{_text(x + 8, y + 15, part.title, 'frame', 'start')}</g>"


def _attributes(style: str) -> dict[str, str]:
    """The attributes of a node or an edge in DOT."""
    return {word: value.strip('"') for word, value in (part.split("=", 1) for part in style.split() if "=" in part)}


def _box(box: Box, centre: Point, size: Point) -> Iterator[str]:
    look = _attributes(STYLES[box.kind])
    (x, y), (w, h) = centre, size
    left, top = x - w / 2, y - h / 2
    fill, border = look.get("fillcolor", "none"), look.get("color", "none")
    yield f'<g id="{box.id}"><title>{html.escape(box.tooltip or box.title)}</title>'
    paint = f'fill="{fill}" stroke="{border}"'
    dash = ' stroke-dasharray="5 3"' if "dashed" in look.get("style", "") else ""
    corner = 9 if "rounded" in STYLES[box.kind] else 0
    if box.kind == "parameter":
        e = 5.0
        yield (
            f'<path d="M{_number(left)} {_number(top + e)}v{_number(h - 2 * e)}a{_number(w / 2)} {e} 0 0 0 {_number(w)} 0v{_number(2 * e - h)}" {paint}/>'
            f'<ellipse cx="{_number(x)}" cy="{_number(top + e)}" rx="{_number(w / 2)}" ry="{e}" {paint}/>'
        )
        top += e
    elif box.kind != "rest":
        if box.kind in ("module", "result"):
            shift = -3 if box.kind == "result" else 3
            yield _rectangle(
                left + min(0, shift),
                top + min(0, shift),
                w + (6 if shift < 0 else 3),
                h + (6 if shift < 0 else 3),
                corner,
                paint,
                "",
            )
        yield _rectangle(left, top, w, h, corner, paint, dash)
    below = top + PAD / 2 + (3 if box.kind == "result" else 0)
    for role, text in _rows(box):
        below += SIZES[role] * LINE
        yield _text(x, below - SIZES[role] * 0.25, text, role)
    yield "</g>"


def _rectangle(left: float, top: float, w: float, h: float, corner: int, paint: str, dash: str) -> str:
    return f'<rect x="{_number(left)}" y="{_number(top)}" width="{_number(w)}" height="{_number(h)}" rx="{corner}" {paint}{dash}/>'


def _between(centres: dict[str, Point], sizes: dict[str, Point], arrow: Arrow) -> list[Point]:
    """The line between the borders of two boxes, from centre to centre."""

    def border(a: str, b: str) -> Point:
        (x, y), (u, v), (w, h) = centres[a], centres[b], sizes[a]
        dx, dy = u - x, v - y
        scale = min(w / 2 / abs(dx) if dx else 1e9, h / 2 / abs(dy) if dy else 1e9, 1.0)
        return x + dx * scale, y + dy * scale

    if arrow.tail == arrow.head:
        (x, y), (w, h) = centres[arrow.tail], sizes[arrow.tail]
        return [(x + w / 2, y + h / 4), (x + w / 2 + 14, y), (x + w / 2 + 1, y - h / 4)]
    return [border(arrow.tail, arrow.head), border(arrow.head, arrow.tail)]


def _label_size(arrow: Arrow) -> Point:
    return (width(arrow.label, SIZES["label"]) + 8, SIZES["label"] * LINE) if arrow.label else (0.0, 0.0)


def _arrow(arrow: Arrow, points: Sequence[Point], middle: Point) -> Iterator[str]:
    look = _attributes(ARROWS[arrow.kind])
    colour = look.get("color", "#444444")
    dash = {"dashed": ' stroke-dasharray="5 3"', "dotted": ' stroke-dasharray="1 4"'}.get(look.get("style", ""), "")
    tip = "" if arrow.kind == "partner" else ' marker-end="url(#tip)"'
    yield f'<path d="{_curve(points)}" fill="none" stroke="{colour}"{dash}{tip}/>'
    if arrow.label:
        text = _text(middle[0], middle[1] + 3, arrow.label, "label").replace(
            COLOURS["label"], look.get("fontcolor", COLOURS["label"])
        )
        yield text.replace("<text ", f"<text {HALO} ")


def _curve(points: Sequence[Point]) -> str:
    """A smooth line through the points, upright in each of them."""
    (x, y), *others = points
    upright = abs(points[-1][1] - y) >= abs(points[-1][0] - x)
    text = f"M{_number(x)} {_number(y)}"
    for u, v in others:
        a, b = ((x, (y + v) / 2), (u, (y + v) / 2)) if upright else (((x + u) / 2, y), ((x + u) / 2, v))
        text += f"C{_number(a[0])} {_number(a[1])} {_number(b[0])} {_number(b[1])} {_number(u)} {_number(v)}"
        x, y = u, v
    return text


def _page(picture: Picture, lines: Sequence[str], size: Point) -> str:
    """The file around the boxes and arrows: title above, legend beside, caption below."""
    style = picture.style
    legend, legend_size = _legend(picture)
    captions = [text for text in (picture.notice, picture.caption) if text]
    beside = legend_size[0] + 24 if legend else 0.0
    room = max([size[0] + beside, width(style.title, 15, bold=True), *[width(text, 10) for text in captions]])
    high = max(size[1], legend_size[1])
    centre = f'x="{_number(room / 2)}" text-anchor="middle"'
    below = [
        f'<text {centre} y="{_number(high + 18 + 14 * i)}" font-size="10" fill="#555555">{html.escape(text)}</text>'
        for i, text in enumerate(captions)
    ]
    top = -8.0
    if style.title:
        top -= 26
        below.append(
            f'<text {centre} y="-14" font-size="15" font-weight="bold" fill="#111111">{html.escape(style.title)}</text>'
        )
    wide, high = room + 16, high + 16 + 14 * len(captions) - top
    scale = 1.0 if style.size is None else min(1.0, 96 * style.size[0] / wide, 96 * style.size[1] / high)
    shown = f'width="{_number(wide * scale)}" height="{_number(high * scale)}"'
    box = f"-8 {_number(top)} {_number(wide)} {_number(high)}"
    ground = f'<rect x="-8" y="{_number(top)}" width="{_number(wide)}" height="{_number(high)}" fill="{GROUND[style.theme]}"/>'
    font = html.escape(style.font)
    return style.painted(
        "\n".join(
            [
                '<?xml version="1.0" encoding="UTF-8"?>',
                f'<svg xmlns="http://www.w3.org/2000/svg" {shown} viewBox="{box}" font-family="{font}">',
                TIP,
                ground,
                *lines,
                f'<g transform="translate({_number(size[0] + 24)} 0)">',
                *legend,
                "</g>",
                *below,
                "</svg>\n",
            ]
        )
    )


def _legend(picture: Picture) -> tuple[list[str], Point]:
    """The lines of the legend, and its size."""
    lines: list[str] = []
    rows = picture.legend()
    if not rows:
        return [], (0.0, 0.0)
    for i, (kind, meaning) in enumerate(rows):
        y = 16 * i + 8.0
        if kind in STYLES:
            look = _attributes(STYLES[kind])
            dash = ' stroke-dasharray="4 2"' if kind == "gradient" else ""
            corner = 4 if "rounded" in STYLES[kind] else 0
            lines.append(
                _rectangle(8, y - 5, 26, 10, corner, f'fill="{look["fillcolor"]}" stroke="{look["color"]}"', dash)
            )
        elif kind == "kept":
            lines.append(_text(21, y + 3, "▪", "kept"))
        else:
            lines += _arrow(Arrow("", "", "", kind), [(6.0, y), (36.0, y)], (0.0, 0.0))
        lines.append(_text(42, y + 3, meaning, "label", "start"))
    wide = 50 + max([width(meaning, SIZES["label"]) for _, meaning in rows], default=0.0)
    return [_rectangle(0, -4, wide, 16 * len(rows) + 8, 5, 'fill="none" stroke="#bbbbbb"', ""), *lines], (
        wide,
        16.0 * len(rows) + 8,
    )
