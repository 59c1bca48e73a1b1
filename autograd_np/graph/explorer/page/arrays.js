// Arrays as heat maps: a table with its numbers where it is small, squares where it is not.

const SVG = "http://www.w3.org/2000/svg";

// An element with attributes and children; text is always text, never markup.
function make(tag, attributes = {}, ...children) {
  const [space, name] = tag.startsWith("svg:") ? [SVG, tag.slice(4)] : [null, tag];
  const element = space ? document.createElementNS(space, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

function short(x, digits = 3) {
  if (typeof x === "string") return x.replace("-", "−");
  if (Number.isInteger(x) && Math.abs(x) < 1e5) return String(x).replace("-", "−");
  const text = Math.abs(x) >= 1e5 || Math.abs(x) < 1e-3 ? x.toExponential(1).replace("e+", "e") : String(Number(x.toPrecision(digits)));
  return text.replaceAll("-", "−");
}

const isOther = (x) => typeof x === "string" && /[N∞]/.test(x);

function shapeText(shape) {
  return shape.length === 0 ? "a single number" : shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
}

// Colours from the style sheet: blue for negative numbers, orange for positive ones, neither hard to tell apart.
function colours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(["minus", "zero", "plus"].map((name) => [name, style.getPropertyValue(`--${name}`).split(",").map(Number)]));
}

function shade(palette, x, scale) {
  const t = scale > 0 ? Math.max(-1, Math.min(1, Number(x) / scale)) : 0;
  const end = t < 0 ? palette.minus : palette.plus, part = Math.pow(Math.abs(t), 0.8);
  const rgb = palette.zero.map((c, i) => Math.round(c + (end[i] - c) * part));
  const linear = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : Math.pow((c / 255 + 0.055) / 1.055, 2.4)));
  const light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return { fill: `rgb(${rgb.join(",")})`, ink: light > 0.179 ? "#000" : "#fff" };
}

function aboutText(about) {
  const words = "min" in about ? (about.min === about.max ? [`all ${about.min}`] : [`min ${about.min}`, `max ${about.max}`, `mean ${about.mean}`]) : [];
  if (about.nan) words.push(`${about.nan} NaN`);
  if (about.inf) words.push(`${about.inf} infinite`);
  return words;
}

// The text of an array of few numbers, for a line of prose; null for others.
function inline(array) {
  if (!array || array.other || array.im || array.cut || array.re.length > 4 || array.shape.length > 1) return null;
  const numbers = array.re.map((x) => short(x, 4));
  return array.shape.length ? `[${numbers.join(", ")}]` : numbers[0];
}

// Index of a shown cell in the whole array.
function indexOf(array, slice, row, column) {
  const { shape } = array;
  if (!shape.length) return [];
  const c = array.columns ? array.columns[column] : column, r = array.rows ? array.rows[row] : row;
  if (shape.length === 1) return [c];
  const before = [];
  let rest = slice;
  for (let axis = shape.length - 3; axis >= 0; axis--) {
    before.unshift(rest % shape[axis]);
    rest = Math.floor(rest / shape[axis]);
  }
  return [...before, r, c];
}

// A figure of an array. `label` says what it is; `lines` has the formulas of its elements, and `show` is called with the one chosen.
function heat(array, label, lines = null, show = null) {
  if (array.other) return make("p", { class: "unknown" }, `A ${array.other} of shape ${shapeText(array.shape)}: not a NumPy array, so not shown.`);
  const figure = make("figure", { class: "heat" });
  const words = [shapeText(array.shape), array.dtype];
  const said = `${label}: ${words.join(" ")}`;
  if (!array.re.length) figure.append(make("p", { class: "unknown" }, "empty: it has no numbers"));
  else for (const [numbers, about, kind] of array.im ? [[array.re, array.about, "real part"], [array.im, array.aboutIm, "imaginary part"]] : [[array.re, array.about, ""]]) {
    if (kind) figure.append(make("p", { class: "slice" }, kind));
    figure.append(...slices(array, numbers, about, kind ? `${said}, ${kind}` : said, kind ? null : lines, show));
    if (kind) words.push(`${kind}: ${aboutText(about).join(", ")}`);
    else words.push(...aboutText(about));
  }
  const caption = make("figcaption", {}, words.filter((_, i) => !(array.shape.length === 0 && i > 1 && array.re.length && !isOther(array.re[0]))).join(" · "));
  if (array.cut) caption.append(make("span", { class: "cut" }, ` · ${array.cut}`));
  figure.append(caption);
  return figure;
}

function slices(array, numbers, about, label, lines, show) {
  const columns = array.columns ? array.columns.length : array.shape.length ? array.shape[array.shape.length - 1] : 1;
  const rows = array.rows ? array.rows.length : array.shape.length > 1 ? array.shape[array.shape.length - 2] : 1;
  const count = numbers.length / (rows * columns);
  const palette = colours(), found = [];
  for (let s = 0; s < count; s++) {
    const part = numbers.slice(s * rows * columns, (s + 1) * rows * columns);
    const draw = (part.length <= 64 && (columns <= 10 || rows * count <= 4)) || (columns === 1 && count === 1) ? table : squares;
    const drawn = draw(array, part, { s, rows, columns, scale: about.scale || 0, palette, label, lines, show });
    if (array.shape.length < 3) return [drawn];
    found.push(make("div", {}, make("p", { class: "slice" }, `[${indexOf(array, s, 0, 0).slice(0, -2).join(", ")}]`), drawn));
  }
  return [make("div", { class: "slices" }, ...found)];
}

function table(array, numbers, { s, rows, columns, scale, palette, label, lines, show }) {
  const body = make("tbody"), grid = make("table", { "aria-label": label, role: lines ? "grid" : null }, body);
  const cells = [];
  for (let r = 0; r < rows; r++) {
    const line = make("tr");
    if (rows > 10) line.append(make("th", { scope: "row" }, String(array.rows ? array.rows[r] : r))); // a long column has its rows numbered
    for (let c = 0; c < columns; c++) {
      const x = numbers[r * columns + c], index = indexOf(array, s, r, c), key = index.join(",");
      const cell = make("td", { title: `${index.length ? `[${index.join(", ")}] = ` : ""}${x}`, class: isOther(x) ? "other" : null, role: lines ? "gridcell" : null }, short(x));
      if (!isOther(x)) {
        const { fill, ink } = shade(palette, x, scale);
        cell.style.background = fill;
        cell.style.color = ink;
      }
      if (lines && key in lines) {
        cell.dataset.cell = key;
        cell.tabIndex = -1;
        cells.push([cell, r, c, key]);
      }
      line.append(cell);
    }
    body.append(line);
  }
  if (cells.length) {
    const choose = (i, focus) => {
      for (const [cell] of cells) {
        cell.tabIndex = -1;
        cell.setAttribute("aria-selected", "false");
      }
      cells[i][0].tabIndex = 0;
      cells[i][0].setAttribute("aria-selected", "true");
      if (focus) cells[i][0].focus();
      show(cells[i][3]);
    };
    cells.forEach(([cell, r, c], i) => {
      cell.addEventListener("click", () => choose(i, true));
      cell.addEventListener("keydown", (event) => {
        const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
        if (!step) return;
        event.preventDefault();
        const next = cells.findIndex(([, row, column]) => row === r + step[0] && column === c + step[1]);
        if (next >= 0) choose(next, true);
      });
    });
    if (s === 0) choose(0, false);
    else cells[0][0].tabIndex = 0;
  }
  return make("div", { class: "scroll" }, grid);
}

function squares(array, numbers, { s, rows, columns, scale, palette, label }) {
  const side = Math.max(6, Math.min(16, Math.floor(380 / columns)));
  const picture = make("svg:svg", { viewBox: `0 0 ${columns} ${rows}`, width: columns * side, height: rows * side, role: "img", "aria-label": label });
  // A negative number has a dash across it, so that the picture can be read without its colours.
  let light = "", dark = "", crosses = "";
  numbers.forEach((x, i) => {
    const c = i % columns, r = Math.floor(i / columns);
    if (isOther(x)) {
      picture.append(make("svg:rect", { x: c, y: r, width: 0.94, height: 0.94, class: "other" }));
      crosses += `M${c + 0.2} ${r + 0.2}l.54 .54m0 -.54l-.54 .54`;
      return;
    }
    const { fill, ink } = shade(palette, x, scale);
    picture.append(make("svg:rect", { x: c, y: r, width: 0.94, height: 0.94, fill }, make("svg:title", {}, `[${indexOf(array, s, r, c).join(", ")}] = ${x}`)));
    if (Number(x) < 0) {
      const dash = `M${c + 0.27} ${r + 0.47}h.4`;
      if (ink === "#000") dark += dash;
      else light += dash;
    }
  });
  if (dark) picture.append(make("svg:path", { class: "minus", d: dark, stroke: "#000" }));
  if (light) picture.append(make("svg:path", { class: "minus", d: light, stroke: "#fff" }));
  if (crosses) picture.append(make("svg:path", { class: "cross", d: crosses }));
  return make("div", { class: "scroll" }, picture);
}
