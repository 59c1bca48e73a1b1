// Where everything stands for a choice of closed parts.
//
// Graphviz has laid the boxes out for some choices. For any other one the page takes a layout in which at least the same parts are
// open, puts one box in the place of each part that shall be closed, and takes out the room that this leaves: strips across the
// whole picture in which there is nothing any more. Both axes are moved by functions that never fall and have slope 1 wherever a
// box is, so no box changes its size, none comes to lie on another, and no arrow that did not cross a box begins to.

const GAP = { x: 26, y: 36 };
const TITLE = 24, PADDING = 10;

// The outermost closed part around a part, or itself; null where all are open.
function closedAround(parts, closed, part) {
  let found = null;
  for (let p = part; p !== null; p = parts[p].outer) if (closed.has(p)) found = p;
  return found;
}

// Parts that are closed in the picture although all around them are open.
function frontier(parts, closed) {
  return [...closed].filter((p) => parts[p].outer === null || closedAround(parts, closed, parts[p].outer) === null);
}

// A function of one axis that takes the empty room out of some ranges: `solid` is where something is, `shrunk` where room may go.
function squeezer(solid, shrunk, most) {
  const ranges = solid.filter(([a, b]) => b > a).sort((a, b) => a[0] - b[0]);
  const merged = [];
  for (const [a, b] of ranges) {
    const last = merged[merged.length - 1];
    if (last && a <= last[1]) last[1] = Math.max(last[1], b);
    else merged.push([a, b]);
  }
  const stops = [];
  let moved = 0;
  for (let i = 0; i < merged.length; i++) {
    if (i) {
      const from = merged[i - 1][1], to = merged[i][0];
      if (to - from > most && shrunk.some(([a, b]) => a < to && b > from)) moved += to - from - most;
    }
    stops.push([merged[i][0], merged[i][0] - moved], [merged[i][1], merged[i][1] - moved]);
  }
  return (v) => {
    if (!stops.length) return v;
    if (v <= stops[0][0]) return v;
    for (let i = 1; i < stops.length; i++) {
      if (v <= stops[i][0]) {
        const [a, fa] = stops[i - 1], [b, fb] = stops[i];
        return b === a ? fb : fa + ((v - a) * (fb - fa)) / (b - a);
      }
    }
    return v - moved;
  };
}

// Points along the cubic pieces of an arrow; its last point, after the pieces, is the tip.
function sampled(path) {
  const points = [path[0]];
  let i = 0;
  for (; i + 3 < path.length; i += 3) {
    const [p, q, r, s] = path.slice(i, i + 4);
    for (let t = 1; t <= 12; t++) {
      const u = t / 12, v = 1 - u;
      points.push([0, 1].map((k) => v * v * v * p[k] + 3 * v * v * u * q[k] + 3 * v * u * u * r[k] + u * u * u * s[k]));
    }
  }
  return [...points, ...path.slice(i + 1)];
}

const inside = ([x, y], f) => x > f[0] && x < f[0] + f[2] && y > f[1] && y < f[1] + f[3];

// Where an arrow that comes from a point, or goes there, meets a box, and the direction outwards there.
function docked([x, y], [left, top, w, h]) {
  const inset = Math.min(14, w / 4), beside = x < left ? -1 : x > left + w ? 1 : 0;
  if (beside && y > top - 12 && y < top + h + 12) return { at: [beside < 0 ? left : left + w, Math.min(Math.max(y, top + 8), top + h - 8)], out: [beside, 0] };
  const above = y < top + h / 2;
  return { at: [Math.min(Math.max(x, left + inset), left + w - inset), above ? top : top + h], out: [0, above ? -1 : 1] };
}

// A smooth curve through points, a few of which are enough; `from` and `to` are the directions outwards where it meets boxes.
function smooth(points, from = null, to = null) {
  const few = [points[0]], end = points[points.length - 1];
  for (const p of points.slice(1, -1)) {
    const last = few[few.length - 1];
    if (Math.hypot(p[0] - last[0], p[1] - last[1]) > 34 && Math.hypot(p[0] - end[0], p[1] - end[1]) > 34) few.push(p);
  }
  few.push(end);
  const n = few.length - 1;
  const slopes = few.map((p, i) => {
    const [a, b] = [few[Math.max(0, i - 1)], few[Math.min(n, i + 1)]], by = i === 0 || i === n ? 1 : 0.5;
    const slope = [(b[0] - a[0]) * by, (b[1] - a[1]) * by], length = Math.hypot(...slope);
    if (i === 0 && from) return from.map((v) => v * length);
    return i === n && to ? to.map((v) => -v * length) : slope;
  });
  const handle = (i, sign) => [0, 1].map((k) => few[i][k] + (sign * slopes[i][k]) / 3);
  let d = "";
  for (let i = 0; i < n; i++) d += `C${handle(i, 1)} ${handle(i + 1, -1)} ${few[i + 1]}`;
  return { d, start: few[0], next: handle(0, 1), tip: few[n], before: handle(n, -1) };
}

// Boxes, frames and arrows for the closed parts, from a layout that has at least the others open.
function arranged(data, layout, closed) {
  const { parts, boxes } = data;
  const closing = frontier(parts, closed).filter((p) => String(p) in layout.frames);
  if (!closing.length) {
    const edges = layout.edges.map((e) => ({ ...e, curve: true }));
    return { boxes: layout.boxes, frames: layout.frames, edges, size: layout.size };
  }
  const within = (id) => {
    const p = closedAround(parts, closed, boxes[id].part);
    return p !== null && closing.includes(p) ? p : null;
  };
  const kept = {}, put = {};
  for (const [id, place] of Object.entries(layout.boxes)) if (within(id) === null) kept[id] = place;
  for (const p of closing) {
    const [x, y, w, h] = layout.frames[p], [bw, bh] = boxes[`p${p}`].size;
    put[`p${p}`] = [x + (w - bw) / 2, y + (h - bh) / 2, bw, bh];
  }
  const frames = Object.entries(layout.frames).filter(([p]) => closedAround(parts, closed, Number(p)) === null);
  const places = [...Object.values(kept), ...Object.values(put)];
  const rooms = closing.map((p) => layout.frames[p]);
  const fx = squeezer(
    [...places.map(([x, , w]) => [x, x + w]), ...frames.flatMap(([, [x, , w]]) => [[x, x + PADDING], [x + w - PADDING, x + w]])],
    rooms.map(([x, , w]) => [x, x + w]), GAP.x);
  const fy = squeezer(
    [...places.map(([, y, , h]) => [y, y + h]), ...frames.flatMap(([, [, y, , h]]) => [[y, y + TITLE], [y + h - PADDING, y + h]])],
    rooms.map(([, y, , h]) => [y, y + h]), GAP.y);
  const move = ([x, y]) => [fx(x), fy(y)];
  const result = { boxes: {}, frames: {}, edges: [], size: move(layout.size) };
  for (const [id, [x, y, w, h]] of Object.entries({ ...kept, ...put })) result.boxes[id] = [fx(x), fy(y), w, h];
  for (const [p, [x, y, w, h]] of frames) result.frames[p] = [fx(x), fy(y), fx(x + w) - fx(x), fy(y + h) - fy(y)];
  const drawn = new Map();
  for (const e of layout.edges) {
    const from = within(e.tail), to = within(e.head);
    const tail = from === null ? e.tail : `p${from}`, head = to === null ? e.head : `p${to}`;
    if (tail === head) continue;
    if (from === null && to === null) {
      const path = e.path.map(move), [dx, dy] = [path[0][0] - e.path[0][0], path[0][1] - e.path[0][1]];
      const shifted = path.every(([x, y], i) => Math.abs(x - e.path[i][0] - dx) < 0.5 && Math.abs(y - e.path[i][1] - dy) < 0.5);
      result.edges.push(shifted ? { ...e, path, curve: true } : { tail, head, uses: e.uses, ...smooth(sampled(e.path).map(move)) });
      continue;
    }
    const known = drawn.get(`${tail} ${head}`);
    if (known) {
      known.uses = [...known.uses, ...e.uses];
      continue;
    }
    const outside = (p) => (from === null || !inside(p, layout.frames[from])) && (to === null || !inside(p, layout.frames[to]));
    let points = sampled(e.path).filter(outside);
    if (!points.length) points = [[0, 1].map((k) => (e.path[0][k] + e.path[e.path.length - 1][k]) / 2)];
    points = points.map(move);
    const begin = from === null ? null : docked(points[0], result.boxes[tail]), end = to === null ? null : docked(points[points.length - 1], result.boxes[head]);
    if (begin) points.unshift(begin.at);
    if (end) points.push(end.at);
    const edge = { tail, head, uses: e.uses, ...smooth(points, begin?.out, end?.out) };
    drawn.set(`${tail} ${head}`, edge);
    result.edges.push(edge);
  }
  return result;
}
