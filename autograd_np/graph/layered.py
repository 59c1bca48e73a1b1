"""A layered layout of boxes in nested frames, for where there is no Graphviz.

After Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures", 1981: ranks by the longest path, in each
rank an order by barycentres, then places that keep the order. Frames are laid out from the inside outwards, each as one box of the
frame around it. Everything but the sorting within ranks is linear in boxes and arrows.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Layout", "layout"]

BESIDE, BETWEEN = 18.0, 20.0  # room between boxes of one rank, and between ranks: of boxes, and of the labels of arrows
MARGIN, HEAD = 12.0, 22.0  # inside a frame, and above for its title
SWEEPS = 4
LONGEST = 12  # ranks that an arrow is led around the boxes between; longer ones are drawn straight where there are many

OUT, ACROSS, INTO = (
    "out",
    "across",
    "into",
)  # the parts of an arrow: out of frames, between what is in one frame, into frames

Item = Hashable
Way = tuple[int, str]  # a part of an arrow; as an item, its port: where it crosses the border of a frame
Point = tuple[float, float]


@dataclass
class Layout:
    """Where everything stands, downwards from the top left corner.

    Attributes:
        size: width and height of all.
        boxes: the left upper corner of each box.
        frames: left, top, width and height of each frame.
        paths: for each arrow the points through which it is led, from the border of one box to that of the other.
        labels: for each arrow the middle of its label.
    """

    size: Point = (0.0, 0.0)
    boxes: dict[str, Point] = field(default_factory=dict)
    frames: dict[int, tuple[float, float, float, float]] = field(default_factory=dict)
    paths: list[list[Point]] = field(default_factory=list)
    labels: list[Point] = field(default_factory=list)


@dataclass
class _Level:
    """What is directly in one frame (or in none): its items, by their size, and the arrows between them."""

    sizes: dict[Item, Point] = field(default_factory=dict)
    arrows: list[tuple[Item, Item, Way]] = field(default_factory=list)
    places: dict[Item, Point] = field(default_factory=dict)
    bends: dict[Way, list[Point]] = field(default_factory=dict)
    labels: dict[int, Point] = field(default_factory=dict)
    size: Point = (0.0, 0.0)


def layout(
    sizes: Mapping[str, Point],
    inside: Mapping[str, int | None],
    outer: Sequence[int | None],
    titles: Sequence[float],
    arrows: Sequence[tuple[str, str]],
    labels: Sequence[Point],
    direction: str = "TB",
) -> Layout:
    """Lay boxes out in ranks from top to bottom. For another direction the picture is turned afterwards: all sizes are those before.

    Args:
        sizes: width and height of each box.
        inside: the frame that each box is in, None for none.
        outer: of each frame the one around it.
        titles: the width of each frame's title.
        arrows: (box, box), in the direction of the ranks. Those that close a circle are led against it.
        labels: the size of each arrow's label.
        direction: that of the picture in the end, as Graphviz names it: where a frame has its title.
    """
    turned = direction in ("LR", "RL")
    chains = {box: _chain(inside[box], outer) for box in sizes}
    levels: defaultdict[int | None, _Level] = defaultdict(_Level)
    for box, size in sizes.items():
        levels[inside[box]].sizes[box] = size
        for frame in chains[box]:
            levels[outer[frame]].sizes.setdefault(frame, (0.0, 0.0))
    for number, (tail, head) in enumerate(arrows):
        shared = len({*chains[tail]} & {*chains[head]})
        ends = [_at_depth(box, chains[box], shared) for box in (tail, head)]
        level = chains[tail][-shared] if shared else None
        if ends[0] != ends[1]:
            levels[level].arrows.append((ends[0], ends[1], (number, ACROSS)))
        for way, box in ((OUT, tail), (INTO, head)):
            for depth, frame in enumerate(reversed(chains[box])):
                if depth >= shared:  # it crosses the border of this frame
                    item, port = _at_depth(box, chains[box], depth + 1), (number, way)
                    levels[frame].sizes[port] = (0.0, 0.0)
                    levels[frame].arrows.append((item, port, port) if way == OUT else (port, item, port))
    depths = {frame: len(_chain(frame, outer)) for frame in levels if frame is not None}
    for frame in sorted(depths, key=lambda frame: -depths[frame]):
        width, height = _arranged(levels[frame], labels).size
        if turned:
            width, height = width + HEAD, max(height, titles[frame])
        else:
            width, height = max(width, titles[frame]), height + HEAD
        levels[outer[frame]].sizes[frame] = (width + 2 * MARGIN, height + 2 * MARGIN)
    found = Layout(_arranged(levels[None], labels).size)
    origins: dict[int | None, Point] = {None: (0.0, 0.0)}
    for frame in sorted(depths, key=lambda frame: depths[frame]):
        left, top = _moved(levels[outer[frame]].places[frame], origins[outer[frame]])
        found.frames[frame] = (left, top, *levels[outer[frame]].sizes[frame])
        wide, high = found.frames[frame][2] - 2 * MARGIN, found.frames[frame][3] - 2 * MARGIN
        if turned:
            spare = (high - levels[frame].size[1]) / 2
            origins[frame] = (left + MARGIN + HEAD, top + MARGIN + spare)
        else:
            spare = (wide - levels[frame].size[0]) / 2
            origins[frame] = (left + MARGIN + spare, top + MARGIN + HEAD * (direction != "BT"))
    for box in sizes:
        found.boxes[box] = _moved(levels[inside[box]].places[box], origins[inside[box]])
    bends: defaultdict[int, list[Point]] = defaultdict(list)
    for part in (OUT, ACROSS, INTO):  # from the innermost frame around the tail outwards, then inwards to the head
        for place in sorted(
            levels, key=lambda place: depths.get(place, 0) if place is not None else 0, reverse=part == OUT
        ):
            for (number, of), points in levels[place].bends.items():
                if of == part:
                    bends[number] += [_moved(point, origins[place]) for point in points]
    middles = {
        number: _moved(point, origins[frame])
        for frame, level in levels.items()
        for number, point in level.labels.items()
    }
    for number, (tail, head) in enumerate(arrows):
        path = _path(found, sizes, tail, head, bends[number])
        found.paths.append(path)
        between = len(path) // 2
        middle = ((path[between - 1][0] + path[between][0]) / 2, (path[between - 1][1] + path[between][1]) / 2)
        found.labels.append(middles.get(number, middle))
    _spread(found, sizes, arrows)
    return found


def _chain(frame: int | None, outer: Sequence[int | None]) -> list[int]:
    """A frame and those around it, from the innermost."""
    found = []
    while frame is not None:
        found.append(frame)
        frame = outer[frame]
    return found


def _at_depth(box: str, chain: Sequence[int], shared: int) -> Item:
    """The box, or the frame around it, that stands directly in the frame that two chains share last."""
    return box if len(chain) == shared else chain[len(chain) - shared - 1]


def _moved(point: Point, by: Point) -> Point:
    return point[0] + by[0], point[1] + by[1]


def _path(found: Layout, sizes: Mapping[str, Point], tail: str, head: str, bends: list[Point]) -> list[Point]:
    """From the lower border of one box to the upper one of the other; sideways where they stand level."""
    (x, y), (w, h) = found.boxes[tail], sizes[tail]
    (u, v), (a, b) = found.boxes[head], sizes[head]
    if y + h <= v:
        return [(x + w / 2, y + h), *bends, (u + a / 2, v)]
    if v + b <= y:
        return [(x + w / 2, y), *bends[::-1], (u + a / 2, v + b)]
    right = x < u
    return [(x + w * right, y + h / 2), *bends, (u + a * (not right), v + b / 2)]


def _spread(found: Layout, sizes: Mapping[str, Point], arrows: Sequence[tuple[str, str]]) -> None:
    """Let the arrows into the upper border of one box end side by side, in the order in which they come."""
    into: defaultdict[str, list[list[Point]]] = defaultdict(list)
    for path, (_, head) in zip(found.paths, arrows, strict=True):
        if path[-1][1] == found.boxes[head][1]:
            into[head].append(path)
    for head, paths in into.items():
        step = min(16.0, 0.7 * sizes[head][0] / len(paths))
        for i, path in enumerate(sorted(paths, key=lambda path: path[-2][0])):
            path[-1] = (path[-1][0] + (i - (len(paths) - 1) / 2) * step, path[-1][1])


def _arranged(level: _Level, labels: Sequence[Point]) -> _Level:
    """Places for the items of a level and for the labels of its arrows, and bends for these around the items between."""
    ranks = _ranks(level)
    if any(way == ACROSS and labels[number] != (0.0, 0.0) for _, _, (number, way) in level.arrows):
        ranks = {item: 2 * rank for item, rank in ranks.items()}  # the labels stand in between
    leaving = {item for item in ranks if isinstance(item, tuple) and item[1] == OUT}
    ranks |= dict.fromkeys(leaving, 1 + max([rank for item, rank in ranks.items() if item not in leaving], default=0))
    rows, neighbours, dummies = _rows(level, ranks)
    _order(rows, neighbours)
    sizes = level.sizes | {
        item: labels[number] if named and part == ACROSS else (0.0, 0.0)
        for item, ((number, part), named) in dummies.items()
    }
    centres = _columns(rows, neighbours, sizes)
    heights = [max([sizes[item][1] for item in row], default=0.0) for row in rows]
    top = 0.0
    gaps = [BETWEEN if a and b else BETWEEN / 2 for a, b in itertools.pairwise(heights)]
    if gaps:  # at the borders of a frame arrows only pass
        gaps[0], gaps[-1] = gaps[0] if heights[0] else 2.0, gaps[-1] if heights[-1] else 2.0
    for row, height, gap in zip(rows, heights, [*gaps, 0.0], strict=True):
        for item in row:
            width, own = sizes[item]
            if item in level.sizes:
                level.places[item] = (centres[item] - width / 2, top + (height - own) / 2)
            way, named = dummies.get(item, (item, False))
            if isinstance(way, tuple):
                level.bends.setdefault(way, []).append((centres[item], top + height / 2))
                if named and way[1] == ACROSS:
                    level.labels[way[0]] = (centres[item], top + height / 2)
        top += height + gap
    right = [level.places[item][0] + level.sizes[item][0] for item in level.places]
    right += [x + labels[number][0] / 2 for number, (x, _) in level.labels.items()]
    level.size = (max(right, default=0.0), top)
    return level


def _ranks(level: _Level) -> dict[Item, int]:
    """The longest path from above; what nothing leads to stands just above its first user."""
    order = {item: i for i, item in enumerate(level.sizes)}
    after: dict[Item, list[Item]] = {item: [] for item in order}
    waiting = dict.fromkeys(order, 0)
    for tail, head, _ in level.arrows:
        after[tail].append(head)
        waiting[head] += 1
    sources = [item for item in order if not waiting[item]]
    ranks: dict[Item, int] = {}
    ready = sources[::-1]
    left = iter(order)
    least = dict.fromkeys(order, 0)
    while len(ranks) < len(order):
        if not ready:  # a circle: the first that is left begins
            ready = [next(item for item in left if item not in ranks)]
        item = ready.pop()
        if item in ranks:
            continue
        ranks[item] = least[item]
        for head in after[item]:
            if head not in ranks:
                least[head] = max(least[head], ranks[item] + 1)
                waiting[head] -= 1
                if not waiting[head]:
                    ready.append(head)
    for item in sources:
        if isinstance(item, tuple):  # the port of an arrow into the frame stays above
            continue
        ranks[item] = max(0, min([ranks[head] for head in after[item]], default=1) - 1)
    return ranks


def _rows(
    level: _Level, ranks: Mapping[Item, int]
) -> tuple[list[list[Item]], dict[Item, tuple[list[Item], list[Item]]], dict[Item, tuple[Way, bool]]]:
    """The items of each rank with the dummies of the arrows that pass it.

    Returns:
        The ranks; what is joined to each item above and below; of each dummy its arrow, and whether it is the place of the label: just above
        the lower end.
    """
    count = max(ranks.values(), default=-1) + 1
    rows: list[list[Item]] = [[] for _ in range(count)]
    first: list[list[Item]] = [[] for _ in range(count)]  # what comes into a frame keeps to the left
    for item in level.sizes:
        (first if isinstance(item, tuple) and item[1] == INTO else rows)[ranks[item]].append(item)
    neighbours: dict[Item, tuple[list[Item], list[Item]]] = {item: ([], []) for item in level.sizes}
    dummies: dict[Item, tuple[Way, bool]] = {}
    many = sum(abs(ranks[head] - ranks[tail]) for tail, head, _ in level.arrows) > 20 * len(level.sizes)
    for tail, head, way in level.arrows:
        upper, lower = (tail, head) if ranks[tail] < ranks[head] else (head, tail)
        line: list[Item] = [upper]
        for rank in range(ranks[upper] + 1, ranks[lower]):
            last = rank == ranks[lower] - 1
            if last or not many or ranks[lower] - ranks[upper] <= LONGEST:
                dummy = (*way, rank)
                dummies[dummy] = way, last
                neighbours[dummy] = ([], [])
                (first if way[1] == INTO else rows)[rank].append(dummy)
                line.append(dummy)
        for above, below in itertools.pairwise([*line, lower]):
            neighbours[above][1].append(below)
            neighbours[below][0].append(above)
    return [a + b for a, b in zip(first, rows, strict=True)], neighbours, dummies


def _order(rows: list[list[Item]], neighbours: Mapping[Item, tuple[list[Item], list[Item]]]) -> None:
    """Sort each rank by the mean position of what is joined to its items in the rank above, then below, several times."""
    at = {item: float(i) for row in rows for i, item in enumerate(row)}
    for sweep in range(SWEEPS):
        side = sweep % 2
        for row in rows[::-1] if side else rows:
            key = {}
            for item in row:
                joined = neighbours[item][side]
                key[item] = sum([at[other] for other in joined]) / len(joined) if joined else at[item]
            row.sort(key=key.__getitem__)
            at.update({item: float(i) for i, item in enumerate(row)})


def _columns(
    rows: Sequence[Sequence[Item]],
    neighbours: Mapping[Item, tuple[list[Item], list[Item]]],
    sizes: Mapping[Item, Point],
) -> dict[Item, float]:
    """The centre of each item: as near to what it is joined to as its neighbours in the rank allow."""
    centres: dict[Item, float] = {}
    for row in rows:
        right = 0.0
        for item in row:
            centres[item] = right + sizes[item][0] / 2
            right += sizes[item][0] + BESIDE
    for sweep in range(2 * SWEEPS):
        side = sweep % 2
        for row in rows[::-1] if side else rows:
            wanted = []
            for item in row:
                joined = neighbours[item][side]
                wanted.append(sum([centres[other] for other in joined]) / len(joined) if joined else centres[item])
            centres.update(zip(row, _apart(wanted, [sizes[item][0] for item in row]), strict=True))
    left = min([centres[item] - sizes[item][0] / 2 for item in centres], default=0.0)
    return {item: centre - left for item, centre in centres.items()}


def _apart(wanted: Sequence[float], widths: Sequence[float]) -> list[float]:
    """The places nearest to those wanted (in squares) at which neighbours have room: pool adjacent violators."""
    shift = [0.0]
    for a, b in itertools.pairwise(widths):
        shift.append(shift[-1] + (a + b) / 2 + BESIDE)
    pools: list[list[float]] = []  # sum and count
    for place, offset in zip(wanted, shift, strict=False):
        pools.append([place - offset, 1.0])
        while len(pools) > 1 and pools[-2][0] * pools[-1][1] >= pools[-1][0] * pools[-2][1]:
            total, count = pools.pop()
            pools[-1][0] += total
            pools[-1][1] += count
    means = [total / count for total, count in pools for _ in range(int(count))]
    return [mean + offset for mean, offset in zip(means, shift, strict=False)]
