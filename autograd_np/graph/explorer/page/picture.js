// The graph: boxes, frames and arrows, and how it is moved, enlarged, opened and closed.

class Picture {
  // `act` is called with the id of a box that was chosen, `say` with words for everyone who does not see the picture.
  constructor(data, svg, { act, say }) {
    this.data = data;
    this.svg = svg;
    this.act = act;
    this.say = say;
    this.closed = new Set();
    this.view = { x: 0, y: 0, scale: 1 };
    this.items = new Map(); // what has the focus: boxes, and handles of frames
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.listen();
  }

  // ------------------------------------------------------------ which parts are open

  setDepth(depth) {
    this.setClosed(new Set(this.data.parts.flatMap((part, p) => (part.level >= depth ? [p] : []))));
    this.fit();
  }

  setClosed(closed) {
    this.closed = closed;
    this.draw();
  }

  // The smallest layout in which everything is open that shall be.
  layoutFor(closed) {
    const open = this.data.parts.flatMap((_, p) => (closedAround(this.data.parts, closed, p) === null ? [String(p)] : []));
    const fitting = this.data.layouts.filter((layout) => open.every((p) => p in layout.frames));
    const size = (layout) => Object.keys(layout.boxes).length;
    return fitting.reduce((best, layout) => (best === null || size(layout) < size(best) ? layout : best), null);
  }

  toggle(part) {
    const anchor = this.centre(part);
    const closed = new Set(this.closed);
    const { title } = this.data.parts[part];
    if (!closed.has(part)) {
      closed.add(part);
      this.setClosed(closed);
      this.say(`${title} is closed.`);
    } else {
      closed.delete(part);
      if (this.layoutFor(closed)) {
        this.setClosed(closed);
        this.say(`${title} is open.`);
      } else if (String(part) in this.data.opened) {
        const frames = this.data.layouts[this.data.opened[part]].frames;
        this.setClosed(new Set(this.data.parts.flatMap((_, p) => (String(p) in frames ? [] : [p]))));
        this.say(`${title} is open. In a graph of this size others are closed for it.`);
      } else {
        this.say(`${title} is too large to be drawn open. Write the page with a larger max_nodes.`);
        return;
      }
    }
    const moved = this.centre(part);
    if (anchor && moved) {
      this.pan((anchor[0] - moved[0]) * this.view.scale, (anchor[1] - moved[1]) * this.view.scale);
      this.settle();
    }
    this.focus(this.items.has(`p${part}`) ? `p${part}` : `f${part}`);
  }

  centre(part) {
    const place = this.at?.boxes[`p${part}`] || this.at?.frames[part];
    return place ? [place[0] + place[2] / 2, place[1]] : null;
  }

  // Leave no room empty that the picture could fill, and have a small picture in the middle.
  settle() {
    const { view } = this, rooms = this.room;
    ["x", "y"].forEach((axis, i) => {
      const free = rooms[i] - (i ? 30 : 0) - this.at.size[i] * view.scale;
      view[axis] = free > 0 ? free / 2 : Math.min(16, Math.max(free - 16, view[axis]));
    });
    this.applyView();
  }

  // The box in which an entry or a constant is seen.
  boxOf(id) {
    const around = closedAround(this.data.parts, this.closed, this.data.boxes[id].part);
    return around === null ? id : `p${around}`;
  }

  // ------------------------------------------------------------ drawing

  draw() {
    const { data, svg } = this;
    const at = (this.at = arranged(data, this.layoutFor(this.closed) || data.layouts[data.depths[0]], this.closed));
    this.items.clear();
    this.edges = new Map();
    const layer = (this.layer = make("svg:g"));
    for (const [p, place] of Object.entries(at.frames).sort(([p], [q]) => data.parts[p].level - data.parts[q].level)) layer.append(this.frame(Number(p), place));
    for (const edge of at.edges) layer.append(this.edge(edge));
    for (const [p, place] of Object.entries(at.frames)) layer.append(this.handle(Number(p), place));
    for (const [id, place] of Object.entries(at.boxes)) layer.append(this.box(id, place));
    this.words = make("svg:g");
    layer.append(this.words);
    svg.replaceChildren(layer);
    this.fitText();
    this.applyView();
    this.state && this.paint(this.state);
    if (![...this.items.values()].some((item) => item.element.tabIndex === 0)) this.items.values().next().value?.element.setAttribute("tabindex", "0");
  }

  frame(p, [x, y, w, h]) {
    return make("svg:g", { class: "frame" }, make("svg:rect", { x, y, width: w, height: h, rx: 9 }));
  }

  handle(p, [x, y, w]) {
    const { title } = this.data.parts[p];
    const width = Math.min(w - 4, title.length * 7.2 + 34);
    const handle = make("svg:g", { class: "handle", role: "button", tabindex: -1, "aria-expanded": "true", "aria-label": `${title}, module`, "data-part": p },
      make("svg:rect", { x: x + 2, y: y + 2, width, height: TITLE - 3 }),
      make("svg:rect", { class: "ring", x: x + 3, y: y + 3, width: width - 2, height: TITLE - 5, rx: 4 }),
      make("svg:text", { x: x + 10, y: y + 16 }, `▾ ${title}`));
    this.items.set(`f${p}`, { element: handle, place: [x + 2, y + 2, width, TITLE], part: p });
    return handle;
  }

  edge(edge) {
    let { d, tip, before, start, next } = edge;
    if (edge.curve) {
      const path = edge.path, last = path.length - 1;
      const end = last % 3 === 1 ? last - 1 : last; // the tip stands after the cubic pieces
      d = "";
      for (let i = 1; i + 2 <= end; i += 3) d += `C${path[i]} ${path[i + 1]} ${path[i + 2]}`;
      [tip, before, start, next] = [path[last], path[end === last ? last - 1 : end], path[0], path[1]];
    }
    const along = ([x, y], [u, v], by) => {
      const length = Math.hypot(u - x, v - y) || 1;
      return [x + ((u - x) * by) / length, y + ((v - y) * by) / length];
    };
    const arrow = (at, from) => {
      const [x, y] = along(at, from, 9), [ux, uy] = [(at[0] - x) / 9, (at[1] - y) / 9];
      return `M${at}L${x - 4 * uy} ${y + 4 * ux}L${x + 4 * uy} ${y - 4 * ux}Z`;
    };
    const broadcast = edge.uses.every(([entry, operand]) => this.data.entries[entry].in[operand].broadcast);
    // A value flows down to the operation that takes it, its gradient back up: two arrow heads, of which one is seen.
    const line = make("svg:path", { class: broadcast ? "edge broadcast" : "edge" });
    const forward = `M${start}${d}L${along(tip, before, 8)}`, backward = `M${along(start, next, 8)}${d}L${tip}`;
    const group = make("svg:g", { "data-tail": edge.tail, "data-head": edge.head }, line, make("svg:path", { class: "tip", d: arrow(tip, before) }), make("svg:path", { class: "back", d: arrow(start, next) }));
    const found = { group, line, forward, backward, uses: edge.uses };
    line.setAttribute("d", forward);
    for (const [entry, operand] of edge.uses) this.edges.set(`${entry},${operand}`, found);
    return group;
  }

  box(id, [x, y, w, h]) {
    const box = this.data.boxes[id];
    const group = make("svg:g", { class: `box ${box.kind}`, role: "button", tabindex: -1, "data-id": id, "aria-label": box.label, "aria-expanded": box.kind === "part" ? "false" : null });
    group.append(make("svg:rect", { class: "ring", x: x - 5, y: y - 5, width: w + 10, height: h + 10, rx: 10 }), make("svg:rect", { class: "mark", x: x - 8, y: y - 8, width: w + 16, height: h + 16, rx: 12 }));
    const body = make("svg:rect", { class: "body", x, y, width: w, height: h, rx: box.kind === "data" ? 2 : box.kind === "parameter" ? 18 : 8 });
    if (box.kind === "part") group.append(make("svg:rect", { class: "shade", x: x + 4, y: y + 4, width: w, height: h, rx: 8 }));
    group.append(body);
    const middle = x + w / 2;
    const rows = ["name", ...(box.formula !== undefined ? ["formula"] : []), "known"];
    if (box.kind !== "part" && box.grad && box.formula === undefined) rows.push("grad");
    for (const row of rows) group.append(make("svg:text", { class: row, x: middle }, row === "name" ? (box.kind === "part" ? `▸ ${box.title}` : box.title) : ""));
    this.items.set(id, { element: group, place: [x, y, w, h] });
    return group;
  }

  // Fonts differ: a text that is wider than its box is drawn narrower.
  fitText() {
    for (const { element, place } of this.items.values()) {
      for (const text of element.querySelectorAll("text")) this.narrow(text, place[2]);
    }
  }

  narrow(text, width) {
    text.removeAttribute("textLength");
    if (text.textContent && text.getComputedTextLength() > width - 8) {
      text.setAttribute("textLength", width - 8);
      text.setAttribute("lengthAdjust", "spacingAndGlyphs");
    }
  }

  // ------------------------------------------------------------ the step at which one stands

  // `state`: the entry, the phase, how far each phase has come, what flows, and the boxes that a search has found.
  paint(state) {
    this.state = state;
    const { data } = this;
    const now = this.boxOf(`n${state.entry}`);
    const hits = new Set([...state.hits].map((i) => this.boxOf(`n${i}`)));
    for (const [id, { element, place }] of this.items) {
      if (id[0] === "f") continue;
      const box = data.boxes[id], members = id[0] === "n" ? [Number(id.slice(1))] : [];
      const computed = members.every((i) => i <= state.forward), reached = members.length > 0 && members.every((i) => state.reached.has(i));
      element.classList.toggle("ahead", !computed);
      element.classList.toggle("reached", reached);
      element.classList.toggle("now", id === now);
      element.classList.toggle("backward", state.phase === "backward");
      element.classList.toggle("hit", hits.has(id));
      if (id === now) element.setAttribute("aria-current", "step");
      else element.removeAttribute("aria-current");
      const set = (row, text, extra = "") => {
        const line = element.querySelector(`.${row}`);
        if (!line) return;
        line.textContent = text;
        line.setAttribute("class", `${row}${extra}`);
        this.narrow(line, place[2]);
      };
      set("known", computed && box.value ? (box.kind === "operation" || box.kind === "result" ? `= ${box.value}` : box.value) : box.shape || "");
      if (box.formula !== undefined) set("formula", reached ? box.grad : box.formula, reached ? " grad" : "");
      else if (box.grad) {
        const line = element.querySelector(".grad");
        if (line) line.textContent = reached ? box.grad : "";
      }
      const rows = [...element.querySelectorAll("text")].filter((text) => text.textContent);
      rows.forEach((text, i) => text.setAttribute("y", place[1] + place[3] / 2 + 17 * (i - (rows.length - 1) / 2) + 4.5));
    }
    for (const { line, forward } of this.edges.values()) {
      line.classList.remove("flow", "gradient");
      line.nextSibling.classList.remove("flow");
      line.setAttribute("d", forward);
    }
    this.words.replaceChildren();
    const first = this.layer.querySelector(".handle, .box");
    for (const found of new Set(state.flows.map(([entry, operand]) => this.edges.get(`${entry},${operand}`)))) {
      if (!found) continue;
      const { group, line, uses } = found, back = state.phase === "backward";
      line.classList.add("flow");
      line.nextSibling.classList.add("flow");
      line.classList.toggle("gradient", back);
      line.setAttribute("d", back ? found.backward : found.forward);
      this.layer.insertBefore(group, first); // above the other arrows
      const operands = data.entries[uses[0][0]].in;
      if (operands.length > 1 && uses.length === 1) {
        const { x, y } = line.getPointAtLength(line.getTotalLength() / 2);
        this.words.append(make("svg:text", { class: back ? "word gradient" : "word", x, y: y + 4 }, `${back ? "g" : ""}${operands[uses[0][1]].word}`));
      }
    }
  }

  // ------------------------------------------------------------ moving and enlarging

  get room() {
    const { width, height } = this.svg.getBoundingClientRect();
    return [width || 800, height || 600];
  }

  fit() {
    const [width, height] = this.room, [w, h] = this.at.size;
    const scale = Math.min(1.35, (width - 40) / w, (height - 64) / h);
    if (scale < 0.45) { // too small to read: show the part at which one stands
      this.view.scale = Math.max(scale, Math.min(0.8, (width - 30) / Math.min(w, 900)));
      this.showNow(true);
      this.settle();
      return;
    }
    this.view = { scale, x: (width - w * scale) / 2, y: Math.max(16, (height - 30 - h * scale) / 2) };
    this.applyView();
  }

  zoom(factor, x, y) {
    const [width, height] = this.room;
    const scale = Math.min(6, Math.max(0.03, this.view.scale * factor)), by = scale / this.view.scale;
    const [px, py] = [x ?? width / 2, y ?? height / 2];
    this.view = { scale, x: px - (px - this.view.x) * by, y: py - (py - this.view.y) * by };
    this.applyView();
  }

  pan(dx, dy) {
    this.view.x += dx;
    this.view.y += dy;
    this.applyView();
  }

  applyView() {
    const { x, y, scale } = this.view;
    this.layer.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
  }

  // Bring the current box into sight, if it is not.
  showNow(centred = false) {
    const item = this.state && this.items.get(this.boxOf(`n${this.state.entry}`));
    if (item) this.show(item.place, centred);
    else this.applyView();
  }

  show([x, y, w, h], centred = false) {
    const [width, height] = this.room, { scale } = this.view;
    // No further than it must; a box that is far away is brought to the middle.
    const by = (from, size, room) => {
      const least = from < 12 ? 12 - from : from + size > room - 12 ? room - 12 - from - size : 0;
      return centred || Math.abs(least) > room / 3 ? room / 2 - from - size / 2 : least;
    };
    this.view.x += by(x * scale + this.view.x, w * scale, width);
    this.view.y += by(y * scale + this.view.y, h * scale, height - 30);
    this.applyView();
  }

  focus(id) {
    const item = this.items.get(id);
    if (!item) return;
    for (const other of this.items.values()) other.element.setAttribute("tabindex", "-1");
    item.element.setAttribute("tabindex", "0");
    this.show(item.place);
    item.element.focus({ preventScroll: true });
  }

  // The box that lies closest in a direction.
  neighbour(from, [dx, dy]) {
    const middle = ([x, y, w, h]) => [x + w / 2, y + h / 2], [ax, ay] = middle(from.place);
    let best = null, least = Infinity;
    for (const [id, item] of this.items) {
      const [bx, by] = middle(item.place), along = (bx - ax) * dx + (by - ay) * dy, across = Math.abs((bx - ax) * dy) + Math.abs((by - ay) * dx);
      if (item === from || along < 2) continue;
      const distance = along + 2.5 * across;
      if (distance < least) [best, least] = [id, distance];
    }
    return best;
  }

  listen() {
    const { svg } = this, pointers = new Map();
    let moved = 0, spread = 0;
    const place = (event) => {
      const box = svg.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    const between = () => {
      const [[ax, ay], [bx, by]] = [...pointers.values()];
      return { x: (ax + bx) / 2, y: (ay + by) / 2, length: Math.hypot(ax - bx, ay - by) };
    };
    svg.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      pointers.set(event.pointerId, place(event));
      if (pointers.size === 1) moved = 0;
      if (pointers.size === 2) spread = between().length;
    });
    svg.addEventListener("pointermove", (event) => {
      if (!pointers.has(event.pointerId)) return;
      const [x, y] = place(event), [ox, oy] = pointers.get(event.pointerId), before = pointers.size === 2 ? between() : null;
      pointers.set(event.pointerId, [x, y]);
      if (before) {
        const after = between();
        this.pan(after.x - before.x, after.y - before.y);
        this.zoom(after.length / Math.max(1, spread), after.x, after.y);
        spread = after.length;
        moved = Infinity;
        return;
      }
      moved += Math.abs(x - ox) + Math.abs(y - oy);
      if (moved > 5) {
        // From here on it is a drag, which goes on outside the picture; before, the click belongs to the box.
        if (!svg.hasPointerCapture(event.pointerId)) svg.setPointerCapture(event.pointerId);
        svg.classList.add("held");
        this.pan(x - ox, y - oy);
      }
    });
    const release = (event) => {
      pointers.delete(event.pointerId);
      svg.classList.remove("held");
    };
    for (const name of ["pointerup", "pointercancel", "pointerleave"]) svg.addEventListener(name, (event) => (name === "pointerleave" && svg.hasPointerCapture(event.pointerId) ? null : release(event)));
    svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), ...place(event));
    }, { passive: false });
    svg.addEventListener("click", (event) => {
      if (moved > 5) return;
      const target = event.target.closest("[data-id], [data-part]");
      if (target) this.choose(target);
    });
    svg.addEventListener("keydown", (event) => this.key(event));
  }

  choose(target) {
    if (target.dataset.part !== undefined) this.toggle(Number(target.dataset.part));
    else if (target.dataset.id[0] === "p") this.toggle(Number(target.dataset.id.slice(1)));
    else {
      this.focus(target.dataset.id);
      this.act(target.dataset.id);
    }
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const target = event.target.closest("[data-id], [data-part]");
    if (way && event.shiftKey) this.pan(-60 * way[0], -60 * way[1]);
    else if (way && target) {
      const from = [...this.items.values()].find((item) => item.element === target), next = this.neighbour(from, way);
      if (next) this.focus(next);
    } else if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (event.key === "0") this.fit();
    else if ((event.key === "Enter" || event.key === " ") && target) this.choose(target);
    else return;
    event.preventDefault();
  }
}
