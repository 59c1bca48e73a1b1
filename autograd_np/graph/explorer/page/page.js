// The walk: one step for each entry of the tape, forward, and one for each on the way back; what the panel says at each.

const data = JSON.parse(document.getElementById("data").textContent);
const part = (id) => document.getElementById(id);
const { entries, back, arrays } = data;
const steps = [...entries.map((_, entry) => ({ phase: "forward", entry })), ...back.map((given, i) => ({ phase: "backward", entry: given.entry, given, number: i }))];
const users = new Map(); // entry → [entry, operand] of those that take it
entries.forEach((entry, i) => (entry.in || []).forEach(({ entry: source }, operand) => {
  if (source !== null) users.set(source, [...(users.get(source) || []), [i, operand]]);
}));
const backStep = new Map(back.map((given, i) => [given.entry, entries.length + i]));
let current = 0, timer = null, hits = [], hit = -1;

const say = (words) => { part("live").textContent = words; };
const picture = new Picture(data, part("graph"), { act: chosen, say });

const isOperation = (entry) => entry.kind === "operation" || entry.kind === "result";
const counts = new Map();
for (const { name } of entries) counts.set(name, (counts.get(name) || 0) + 1);
const title = (i) => (counts.get(entries[i].name) > 1 ? `${entries[i].name} #${i}` : entries[i].name);
const typeText = (entry) => `${shapeText(entry.shape)} ${entry.dtype}`;

// ------------------------------------------------------------ steps

function words(step) {
  const entry = entries[step.entry], place = entry.module.length ? `, in ${entry.module.join("/")}` : "";
  return `Step ${steps.indexOf(step) + 1} of ${steps.length}, ${step.phase}: ${isOperation(entry) ? "" : `${entry.kind === "parameter" ? "parameter" : "leaf"} `}${entry.name}${place}`;
}

function result(step) {
  const entry = entries[step.entry];
  const array = arrays[step.phase === "forward" ? entry.out : Array.isArray(step.given.g) ? step.given.g[0] : step.given.g];
  const text = inline(array);
  if (step.phase === "forward") return text ? `, value ${text}` : `, ${typeText(entry)}`;
  return text ? `, gradient ${text}` : `, gradient of shape ${shapeText(entry.shape)}`;
}

function go(to, { spoken = true } = {}) {
  current = Math.max(0, Math.min(steps.length - 1, to));
  const step = steps[current], entry = entries[step.entry];
  const slider = part("step");
  slider.value = current + 1;
  slider.setAttribute("aria-valuetext", words(step));
  const forward = step.phase === "forward" ? step.entry : entries.length;
  const reached = new Set(step.phase === "backward" ? back.slice(0, step.number + 1).map((given) => given.entry) : []);
  const flows = step.phase === "forward" ? (entry.in || []).map((_, k) => [step.entry, k]) : isOperation(entry) ? (step.given.sent || []).map((sent) => [step.entry, sent.operand]) : users.get(step.entry) || [];
  picture.paint({ entry: step.entry, phase: step.phase, forward, reached, flows, hits: new Set(hits) });
  picture.showNow();
  part("where").textContent = `${words(step)}${result(step)}`;
  if (spoken) say(`${words(step)}${result(step)}`);
  part("first").disabled = part("before").disabled = current === 0;
  part("last").disabled = part("after").disabled = current === steps.length - 1;
  panel(step);
  for (const row of part("tape").querySelectorAll("tr[aria-current]")) row.removeAttribute("aria-current");
  part("tape").querySelector(`tr[data-entry="${step.entry}"]`)?.setAttribute("aria-current", "step");
}

// A box was chosen: its step in the phase in which one is.
function chosen(id) {
  const number = id[0] === "c" ? id.slice(1).split("_")[0] : id.slice(1);
  visit(Number(number));
}

function visit(entry, phase = steps[current].phase) {
  go(phase === "backward" && backStep.has(entry) ? backStep.get(entry) : entry);
}

function playing(on) {
  clearInterval(timer);
  timer = on ? setInterval(() => (current === steps.length - 1 ? playing(false) : go(current + 1)), 1400) : null;
  part("play-word").textContent = on ? "Pause" : "Play";
  part("play-sign").setAttribute("d", on ? "M5 3v10M11 3v10" : "M4 3v10l8.5-5z");
}

// ------------------------------------------------------------ the panel

const link = (entry, phase) => make("button", { type: "button", class: "link", onclick: () => { visit(entry, phase); part("panel").focus(); } }, title(entry));

function linesBox(lines, gradient) {
  const box = make("div", { class: gradient ? "lines gradient" : "lines", role: "note", "aria-live": "polite" });
  const show = (key) => {
    const [symbols, numbers, end] = lines[key], cut = symbols.indexOf(" = ");
    const whole = (text) => text.replace(/ (?=[·/^])|(?<=[·/^,]) /g, "\u00a0"); // a line breaks between terms only
    const rows = [[whole(symbols.slice(0, cut)), `= ${whole(symbols.slice(cut + 3))}`]];
    if (numbers !== end) rows.push(["", `= ${whole(numbers)}`]);
    box.replaceChildren(...rows.flatMap(([a, b]) => [make("span", {}, a), make("span", {}, b)]), make("span"), make("span", { class: "end" }, `= ${end}`));
  };
  return { box, show };
}

// An array with, above it, the formula of the element that is chosen.
function withLines(array, label, lines, gradient) {
  if (!lines) return [heat(array, label)];
  const { box, show } = linesBox(lines, gradient);
  show(Object.keys(lines)[0]);
  return [box, heat(array, label, lines, show)];
}

function panel(step) {
  const entry = entries[step.entry], operation = isOperation(entry);
  const heading = make("h2", { id: "panel-title" }, entry.name, " ", make("span", { class: `phase ${step.phase}` }, step.phase));
  const facts = [operation ? null : entry.kind === "parameter" ? "parameter" : "leaf", entry.module.length ? entry.module.join(" › ") : null, entry.line, typeText(entry)].filter(Boolean);
  part("panel").replaceChildren(heading, make("p", { class: "facts" }, facts.join(" · ")), ...(step.phase === "forward" ? forwardPanel(entry) : backwardPanel(step, entry)));
  part("panel").scrollTop = 0;
}

function forwardPanel(entry) {
  const found = [];
  if (isOperation(entry)) {
    if (entry.formula[0]) found.push(make("p", { class: "rule" }, `out = ${entry.formula[0]}`));
  }
  const value = arrays[entry.out];
  const own = [make("h3", {}, isOperation(entry) ? "Value" : "Value", entry.again ? make("span", { class: "aside" }, " computed again from the operands") : null)];
  if (value) own.push(...withLines(value, `value of ${entry.name}`, entry.lines, false));
  else own.push(make("p", { class: "unknown" }, entry.why));
  if (entry.outs) entry.outs.slice(1).forEach((index, i) => index !== null && own.push(make("h3", {}, `Output ${i + 1}`), heat(arrays[index], `output ${i + 1}`)));
  found.push(...own);
  for (const { word, entry: source, array } of entry.in || []) {
    if (source === null && array === null) {
      found.push(make("h3", {}, word), make("p", { class: "unknown" }, "A constant that the tape does not keep, or none."));
      continue;
    }
    found.push(make("h3", {}, word, make("span", { class: "aside" }, source === null ? " a constant" : " from "), source === null ? null : link(source, "forward")));
    found.push(array === null ? make("p", { class: "unknown" }, entries[source].why || "not known") : heat(arrays[array], word));
  }
  for (const { word, array } of entry.options || []) found.push(make("h3", {}, word, make("span", { class: "aside" }, " without a gradient")), heat(arrays[array], word));
  if (entry.kept) found.push(make("h3", {}, "Kept for the backward pass"), make("p", { class: "facts" }, entry.kept));
  if (entry.had !== undefined && entry.had !== null) found.push(make("h3", {}, "In .grad already", make("span", { class: "aside" }, " backward() adds to it")), heat(arrays[entry.had], ".grad"));
  return found;
}

const origin = (given) => (given.from === null ? "the start" : title(given.from));

// The gradient that has arrived, as the sum that it is.
function sum(name, got, total) {
  const found = [], whole = arrays[total];
  if (!whole) return [make("p", { class: "unknown" }, "No gradient arrives here.")];
  const texts = got.map((given) => inline(arrays[given.array])), all = inline(whole);
  if (all && texts.every((text) => text !== null)) {
    const terms = got.map((given, i) => `${texts[i]} (from ${origin(given)})`);
    found.push(make("p", { class: "total" }, `${name} = ${terms.join(" + ")}${got.length > 1 ? " = " : ""}`, got.length > 1 ? make("b", {}, all) : null));
    return whole.shape.length ? [...found, heat(whole, name)] : found;
  }
  if (got.length > 1) {
    const row = make("div", { class: "sum" });
    got.slice(0, 12).forEach((given, i) => {
      if (i) row.append(make("span", { class: "sign", "aria-hidden": "true" }, "+"));
      row.append(make("div", {}, make("span", { class: "from" }, "from ", given.from === null ? "the start" : link(given.from, "backward")), heat(arrays[given.array], `from ${origin(given)}`)));
    });
    if (got.length > 12) row.append(make("p", { class: "note" }, `and ${got.length - 12} more`));
    row.append(make("span", { class: "sign", "aria-hidden": "true" }, "="));
    found.push(row, heat(whole, `${name}, the sum`));
  } else if (!found.length) {
    const given = got[0];
    found.push(make("p", { class: "facts" }, "from ", given?.from === null || !given ? (data.ones ? "the start: ones, since the result is not a single number" : "the start") : link(given.from, "backward")), heat(whole, name));
  }
  return found;
}

function backwardPanel(step, entry) {
  const { given } = step;
  const found = [];
  if (!isOperation(entry)) {
    found.push(make("h3", {}, `Gradient of ${entry.name}`, make("span", { class: "aside" }, " what backward() puts into .grad")), ...sum(`grad of ${entry.name}`, given.got, given.g));
    if (entry.had !== undefined && entry.had !== null) found.push(make("p", { class: "note" }, "Its .grad already holds the gradient of an earlier pass; backward() adds this to it."));
    return found;
  }
  found.push(make("h3", {}, "g", make("span", { class: "aside" }, ` the gradient that arrives for ${entry.name}`)));
  if (Array.isArray(given.g)) {
    given.g.forEach((index, output) => {
      const got = given.got.filter((one) => (one.output || 0) === output);
      if (index !== null && index !== undefined) found.push(make("h3", {}, `output ${output}`), ...sum(`g of output ${output}`, got, index));
    });
  } else found.push(...sum("g", given.got, given.g));
  if (entry.formula[1]) found.push(make("p", { class: "rule" }, entry.formula[1].includes("=") || given.sent.length !== 1 ? entry.formula[1] : `g${entry.in[given.sent[0].operand].word} = ${entry.formula[1]}`));
  for (const sent of given.sent) {
    const { word } = entry.in[sent.operand];
    const extra = sent.output !== undefined && entries[sent.to].outs ? `, output ${sent.output}` : "";
    found.push(make("h3", {}, `g${word}`, make("span", { class: "aside" }, " sent to "), link(sent.to, "backward"), extra ? make("span", { class: "aside" }, extra) : null));
    found.push(...withLines(arrays[sent.array], `gradient sent to ${title(sent.to)}`, sent.lines, true));
    const so = back[backStep.get(sent.to) - entries.length].got.filter((one) => (one.output || 0) === (sent.output || 0));
    if (so.length > 1) {
      const until = so.findIndex((one) => one.from === sent.from && one.operand === sent.operand) + 1;
      found.push(make("p", { class: "facts" }, `Gradient of ${title(sent.to)} so far, ${until} of ${so.length} contributions:`));
      found.push(...(until > 1 ? sum(`grad of ${title(sent.to)}`, so.slice(0, until), sent.total) : [heat(arrays[sent.total], "so far")]));
    }
  }
  return found;
}

// ------------------------------------------------------------ search

function search() {
  const wanted = part("words").value.trim().toLowerCase();
  hits = wanted ? entries.flatMap((entry, i) => ([entry.name, entry.module.join("/"), entry.module.join("."), entry.line || "", isOperation(entry) ? "operation" : entry.kind, entry.part === null ? "" : data.parts[entry.part].title].some((text) => text.toLowerCase().includes(wanted)) ? [i] : [])) : [];
  hit = -1;
  part("hits").textContent = wanted ? (hits.length === 1 ? "1 hit" : hits.length ? `${hits.length} hits` : "no hit") : "";
  part("hit-before").disabled = part("hit-after").disabled = !hits.length;
  go(current, { spoken: false });
  if (wanted) say(part("hits").textContent);
}

function nextHit(by) {
  if (!hits.length) return;
  hit = (hit + by + (hit < 0 && by < 0 ? 1 : 0) + hits.length) % hits.length;
  part("hits").textContent = `${hit + 1} of ${hits.length}`;
  visit(hits[hit]);
}

// ------------------------------------------------------------ the tape as a table

function fillTape() {
  const room = part("tape").querySelector(".scroll");
  if (room.firstChild) return;
  const head = make("tr", {}, ...["#", "entry", "inputs", "shape", "dtype", "module", "line", "step"].map((text) => make("th", { scope: "col" }, text)));
  const rows = entries.map((entry, i) => {
    const inputs = (entry.in || []).map(({ entry: source }) => (source === null ? "·" : source)).join(", ");
    const cells = [i, `${isOperation(entry) ? "" : `${entry.kind} `}${entry.name}`, inputs, shapeText(entry.shape), entry.dtype, entry.module.join("/"), entry.line || ""];
    const buttons = make("td", {}, make("button", { type: "button", onclick: () => visit(i, "forward"), "aria-label": `Forward step of ${i}, ${entry.name}` }, "forward"));
    if (backStep.has(i)) buttons.append(" ", make("button", { type: "button", onclick: () => visit(i, "backward"), "aria-label": `Backward step of ${i}, ${entry.name}` }, "backward"));
    return make("tr", { "data-entry": i, "aria-current": i === steps[current].entry ? "step" : null }, ...cells.map((text) => make("td", {}, String(text))), buttons);
  });
  room.append(make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}

// ------------------------------------------------------------ the keyboard, and the clicker of a lecturer

// Wherever no control has a use of its own for the key.
function keys(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const at = event.target, free = at === document.body || at === document.documentElement;
  if (!free && (at.closest("input, select, summary, [role=grid]") || (at.closest("button") && /^( |Enter)$/.test(event.key)))) return;
  const by = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": event.shiftKey ? -1 : 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1, Home: -steps.length, End: steps.length }[event.key];
  if (by === undefined || (!free && !at.closest("button") && /^(Arrow(Up|Down)|Page| |Home|End)/.test(event.key))) return; // a panel scrolls
  event.preventDefault();
  playing(false);
  go(current + by);
}

// ------------------------------------------------------------ beginning

function legend() {
  const kinds = new Set(Object.values(data.boxes).map((box) => box.kind));
  const names = { data: "data", parameter: "parameter", operation: "operation", result: "result", part: "closed module" };
  for (const [kind, name] of Object.entries(names)) {
    if (!kinds.has(kind)) continue;
    const sample = make("svg:svg", { viewBox: "0 0 24 14", "aria-hidden": "true" }, make("svg:rect", { x: 1, y: 1, width: 22, height: 12, rx: kind === "data" ? 1 : kind === "parameter" ? 6 : 4 }));
    part("legend").append(make("li", { class: kind }, sample, name));
  }
  part("legend").append(make("li", {}, "∇ gradient"));
}

function begin() {
  part("caption").textContent = data.caption;
  const choice = part("depth");
  data.depths.forEach((_, depth) => choice.append(make("option", { value: depth }, depth === 0 ? "none" : depth === data.depths.length - 1 && !Object.keys(data.opened).length ? "all" : `${depth} level${depth > 1 ? "s" : ""}`)));
  part("depth-group").hidden = data.depths.length < 2;
  choice.value = data.depth;
  choice.addEventListener("change", () => {
    picture.setDepth(Number(choice.value));
    say(`Modules open: ${choice.selectedOptions[0].textContent}`);
  });
  if (Object.keys(data.opened).length) {
    part("notice").hidden = false;
    part("notice").textContent = `The graph is too large for one picture: it opens part by part.`;
  }
  legend();
  part("step").max = steps.length;
  part("step").addEventListener("input", (event) => { playing(false); go(Number(event.target.value) - 1); });
  for (const [id, to] of [["first", () => 0], ["before", () => current - 1], ["after", () => current + 1], ["last", () => steps.length - 1]]) {
    part(id).addEventListener("click", () => { playing(false); go(to()); });
  }
  part("play").addEventListener("click", () => {
    if (timer === null && current === steps.length - 1) go(0);
    playing(timer === null);
  });
  document.addEventListener("keydown", keys);
  const whole = part("full");
  whole.hidden = !document.fullscreenEnabled;
  whole.addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()));
  document.addEventListener("fullscreenchange", () => { whole.setAttribute("aria-pressed", String(Boolean(document.fullscreenElement))); picture.fit(); });
  part("zoom-in").addEventListener("click", () => picture.zoom(1.25));
  part("zoom-out").addEventListener("click", () => picture.zoom(0.8));
  part("zoom-fit").addEventListener("click", () => picture.fit());
  part("words").addEventListener("input", search);
  part("words").addEventListener("keydown", (event) => { if (event.key === "Enter" && event.shiftKey) { event.preventDefault(); nextHit(-1); } });
  part("search").addEventListener("submit", (event) => { event.preventDefault(); nextHit(1); });
  part("hit-before").addEventListener("click", () => nextHit(-1));
  part("tape").addEventListener("toggle", fillTape);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => go(current, { spoken: false }));
  picture.setDepth(data.depth);
  go(0, { spoken: false });
  picture.fit();
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; picture.fit(); } });
}

begin();
