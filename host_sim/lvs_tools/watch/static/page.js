"use strict";
// Shows the newest view that /events says (lvs_tools/watch/view.py), and presses buttons by /do.
// All text comes from outside, so it is only ever set as text.

const QUIET_S = 12; // this page's own link to the program, too
const POINTS = 600;
// Between two times of a chart's axis: whole minutes, hours or days.
const STEPS_S = [1, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200,
  86400, 172800, 432000, 864000];
const FEW = 60; // nodes that are listed at first, those with trouble before the others
const byId = (id) => document.getElementById(id);
let view = null;
let told = 0; // when the newest view came
let span = "hour";
let all = false; // are all nodes listed?
const charts = new Map(); // channel's name: {card, plot, ...}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function make(tag, about = {}, ...inside) {
  const node = Object.assign(document.createElement(tag), about);
  node.append(...inside);
  return node;
}

// So many children as there are items, each filled; what stays is not touched.
function fill(parent, items, fresh, set) {
  while (parent.children.length > items.length) parent.lastChild.remove();
  items.forEach((item, i) => set(parent.children[i] ?? parent.appendChild(fresh()), item));
}

function span_text(s) {
  if (s < 120) return `${Math.round(s)} s`;
  const minutes = Math.floor(s / 60), hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  return hours ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

// --- one mesh? --------------------------------------------------------------------------------

const WORDS = {
  ONE: ["good", (t) => `One mesh: all ${t.nodes} nodes agree`],
  APART: ["bad", (t) => t.agree || t.groups.length < 2
    ? `Not one mesh: ${t.nodes - t.agree} of ${t.nodes} nodes lack something`
    : `Not one mesh: ${t.groups.length} groups are apart`],
  DIFFER: ["warn", () => "Nodes differ: much is on its way, or they are apart"],
  ALONE: ["warn", () => "One node alone"],
  UNKNOWN: ["", () => "Looking; who agrees is known after some seconds"],
};

function showTogether(v) {
  const t = v.together;
  const [colour, words] = WORDS[t.word];
  const known = t.word !== "UNKNOWN";
  const old = v.quiet && known; // what was agreed on while somebody was heard is not so now
  const text = old ? `Not known now. Before: ${words(t)}` : words(t);
  const word = byId("word");
  word.className = `word ${old ? "" : colour}`;
  // Read aloud when the answer is another, not each second.
  if (word.dataset.said !== t.word + old) put(byId("word-said"), text);
  word.dataset.said = t.word + old;
  put(word, text + (known && !old ? `, for ${span_text(t.since_s)}` : ""));
  const lines = t.groups.map((g) =>
    `${g.count} ${g.count === 1 ? "node" : "nodes"} (${g.names.join(", ")}` +
    `${g.count > g.names.length ? ", ..." : ""}): ${g.lacks ? `lack ${g.lacks}` : "have everything"}`);
  const apart = `Nodes are within ${t.spread.join(", ")}`;
  if (t.spread.length && !old) // what was on its way then is there now, or lost
    if (t.word === "DIFFER") lines.push(apart);
    else if (!t.groups.length) lines.push(`${apart}: that is on its way`);
  fill(byId("groups"), lines, () => make("li"), put);
}

// --- values and charts ------------------------------------------------------------------------

function colours() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(name);
  const probe = byId("title"); // light-dark() is only worked out where it is used
  const was = probe.style.color;
  const seen = (name) => {
    probe.style.color = `var(${name})`;
    const found = getComputedStyle(probe).color;
    probe.style.color = was;
    return found;
  };
  return get("--accent") && { line: seen("--accent"), text: seen("--quiet"), grid: seen("--line") };
}

function axisTime(seconds, step) {
  if (view.kind === "sim") return span === "hour" ? `${+(seconds / 60).toFixed(1)} min` : `${+(seconds / 3600).toFixed(1)} h`;
  const at = new Date(seconds * 1000);
  return span === "month"
    ? at.toLocaleDateString([], { day: "numeric", month: "short" })
    : at.toLocaleTimeString([], { // never minutes and seconds alone: they look like a time of day
      hour: "2-digit", minute: "2-digit", second: step < 60 ? "2-digit" : undefined, hourCycle: "h23" });
}

function plot(card, times, values) {
  const colour = colours();
  const axis = { stroke: colour.text, grid: { stroke: colour.grid, width: 1 }, ticks: { show: false } };
  return new uPlot({
    width: Math.max(120, card.clientWidth - 32),
    height: 140,
    cursor: { show: false },
    select: { show: false },
    // Room above and below: the line is as thick at its ends.
    scales: { x: { time: false }, y: { range: (_, low, high) => {
      const room = (high - low) / 20 || 1;
      return [low - room, high + room];
    } } },
    series: [{}, { stroke: colour.line, width: 2, points: { show: times.length < 3 }, spanGaps: true,
      paths: uPlot.paths.stepped({ align: 1 }) }],
    axes: [
      { ...axis, size: 24, space: 64, incrs: STEPS_S,
        values: (_, at, __, ___, step) => at.map((seconds) => axisTime(seconds, step)) },
      { ...axis, space: 24, size: (u, labels) => 12 + 8 * Math.max(3, ...(labels ?? []).map((l) => l.length)) },
    ],
  }, [times, values], card.querySelector(".chart"));
}

function card(name) {
  const title = make("h3");
  const value = make("p", { className: "value" });
  const note = make("p", { className: "note" });
  const chart = make("div", { className: "chart", role: "img" });
  chart.setAttribute("role", "img");
  const node = make("article", {}, title, value, note, chart);
  title.id = `channel-${charts.size}`;
  node.setAttribute("aria-labelledby", title.id);
  byId("channels").append(node);
  return { node, title, value, note, chart, times: [], values: [], step: 6, plot: null };
}

function draw(c) {
  if (c.plot) c.plot.setData([c.times, c.values]);
  else if (c.times.length) c.plot = plot(c.node, c.times, c.values);
}

function extend(c, when, value) {
  const step = Math.floor(when / c.step) * c.step;
  const last = c.times.length - 1;
  if (last >= 0 && c.times[last] >= step) {
    if (c.values[last] === value) return;
    c.values[last] = value;
  } else {
    c.times.push(step);
    c.values.push(value);
    if (c.times.length > POINTS) { c.times.shift(); c.values.shift(); }
  }
  draw(c);
}

async function load() {
  const wanted = span;
  const said = await (await fetch(`/history.json?span=${wanted}`)).json();
  if (wanted !== span) return;
  for (const [name, c] of charts) {
    c.step = said.step_s;
    c.times = said.values[name] ? said.times.slice() : [];
    c.values = said.values[name] ?? [];
    c.plot?.destroy();
    c.plot = null;
    draw(c);
  }
}

function showChannels(v) {
  let added = false;
  for (const channel of v.channels) {
    let c = charts.get(channel.name);
    if (!c) {
      charts.set(channel.name, c = card(channel.name));
      added = true;
    }
    put(c.title, (channel.label || channel.name) + (channel.retired ? " (retired)" : ""));
    const shown = `${channel.text} ${channel.unit}`;
    if (c.shown !== shown) {
      c.shown = shown;
      c.value.replaceChildren(channel.text, " ", make("small", { textContent: channel.unit }));
    }
    const first = c.values[0];
    const label = `Chart of ${c.title.textContent}, the last ${span}` +
      (first === undefined ? "" : `: from ${first} to ${shown}`);
    if (c.label !== label) c.chart.setAttribute("aria-label", c.label = label);
    put(c.note, v.quiet ? `as of ${span_text(v.heard_s ?? 0)} ago` : channel.spread ? `nodes within ${channel.spread}` : "all nodes show this");
    if (!v.quiet && !added) extend(c, v.clock_s, channel.value);
  }
  for (const id of ["channels", "nodes"]) byId(id).classList.toggle("old", v.quiet);
  if (added) load();
}

// --- nodes, traffic, what was refused -----------------------------------------------------------

function freshRow() {
  const row = make("tr");
  row.setAttribute("role", "row");
  for (const label of ["", "", "", "", "load", "KB/min"]) {
    const cell = make(label || row.children.length ? "td" : "th");
    cell.setAttribute("role", row.children.length ? "cell" : "rowheader");
    if (label) { cell.className = "n"; cell.dataset.label = label; }
    row.append(cell);
  }
  return row;
}

function showNodes(v) {
  const listed = all ? v.nodes : v.nodes.slice(0, FEW);
  fill(byId("nodes"), listed, freshRow, (row, n) => {
    const [name, state, values, link, load, rate] = row.children;
    put(name, n.name);
    put(state, n.liar ? "LIAR" : n.state);
    state.className = n.liar || n.trouble ? "bad" : n.state === "ACTIVE" ? "good" : "warn";
    put(values, n.agrees === null ? (n.liar ? "" : "not known") : n.agrees ? "same" : `lacks ${n.lacks}`);
    values.className = n.agrees === false ? "bad" : "";
    put(link, n.link);
    put(load, n.load_percent === null ? "" : `${n.load_percent} %`);
    put(rate, n.kb_min === null ? "" : n.kb_min.toFixed(1));
  });
  put(byId("nodes-h"), `Nodes (${v.count})`);
  const more = byId("all");
  more.hidden = v.nodes.length <= FEW;
  more.setAttribute("aria-expanded", all);
  put(more, all ? `List only ${FEW}` : `List all ${v.nodes.length}`);
  put(byId("more"), v.count > v.nodes.length ? `${v.count - v.nodes.length} more are not listed` : v.others);
}

function showTraffic(t) {
  if (t.mean_kb_min === null) return put(byId("traffic-text"), "Not known yet");
  const [mean, most] = [t.mean_kb_min.toFixed(1), t.max_kb_min.toFixed(1)];
  put(byId("traffic-text"), `${mean} KB a minute and node${most === mean ? "" : `, at most ${most}`}`);
  put(byId("traffic-note"), `${t.of}; the budget is ${t.budget_kb_min} KB`);
  Object.assign(byId("traffic"), { max: t.budget_kb_min, high: 0.9 * t.budget_kb_min, value: t.max_kb_min });
}

const REASONS = {
  quota: "more from one address than it may say",
  replay: "said before",
  malformed: "malformed",
  checksum: "damaged on the way",
  short: "too short",
  magic: "not of this protocol",
  version: "of another version of the protocol",
  tag: "of another mesh, or other parameters",
  own: "a node's own words, heard again",
  crowd: "no room for more addresses",
  crowded: "totals for which there is no room",
};

function showRefused(v) {
  put(byId("refused-by"), v.refused_by);
  const rows = Object.entries(v.refused).sort((a, b) => b[1] - a[1]);
  fill(byId("refused"), rows.length ? rows : [null], () => make("li"), (li, row) =>
    put(li, row ? `${row[1].toLocaleString()} × ${REASONS[row[0]] ?? row[0]}` : "Nothing so far"));
}

// --- buttons ----------------------------------------------------------------------------------

async function press(what) {
  try {
    const answer = await fetch("/do", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(what),
    });
    const said = await answer.json();
    put(byId("done"), said.done ?? `Not done: ${said.error}`);
  } catch {
    put(byId("done"), "Not done: the program does not answer");
  }
}

function control(c) {
  const set = make("fieldset", {}, make("legend", { textContent: c.legend }));
  if (c.range) {
    const slider = make("input", { type: "range", min: 0, max: c.range.max, step: 5, value: c.range.value });
    slider.setAttribute("aria-label", c.legend);
    const shown = make("output");
    const say = () => {
      put(shown, `${slider.value} %`);
      slider.setAttribute("aria-valuetext", shown.textContent);
    };
    slider.oninput = say;
    slider.onchange = () => press({ action: c.range.action, percent: Number(slider.value) });
    say();
    set.append(slider, shown);
  }
  if (c.choices) {
    const select = make("select", {}, ...c.choices.map((text) => make("option", { textContent: text, value: text })));
    select.setAttribute("aria-label", c.choose);
    set.append(select);
  }
  for (const b of c.buttons ?? []) {
    const button = make("button", { type: "button", textContent: b.text });
    button.onclick = () => press({ ...b.do, choice: set.querySelector("select")?.value });
    set.append(button);
  }
  return set;
}

let built = "";
function showControls(controls) {
  byId("do").hidden = !controls;
  if (!controls) return;
  const key = JSON.stringify(controls.map((c) => [c.legend, c.choices, (c.buttons ?? []).map((b) => b.text)]));
  if (key !== built) {
    built = key;
    byId("controls").replaceChildren(...controls.map(control));
  }
  controls.forEach((c, i) => {
    const set = byId("controls").children[i];
    set.querySelectorAll("button").forEach((button, k) => {
      button.disabled = Boolean(c.buttons[k].off);
      if (c.buttons[k].pressed !== undefined) button.setAttribute("aria-pressed", c.buttons[k].pressed);
    });
    const slider = set.querySelector("input");
    if (slider && document.activeElement !== slider && slider.value !== String(c.range.value)) {
      slider.value = c.range.value;
      slider.oninput();
    }
  });
}

// --- all of it --------------------------------------------------------------------------------

function banner() {
  const silent = (Date.now() - told) / 1000;
  let text = "", calm = false;
  if (told && silent >= QUIET_S && !view?.ended)
    text = `The program that serves this page has said nothing for ${span_text(silent)}: what is shown is old`;
  else if (view?.ended) { text = view.ended; calm = true; }
  else if (view?.quiet)
    text = view.heard_s === null ? "Nobody was heard yet" : `Nobody heard for ${span_text(view.heard_s)}: the values are old`;
  const node = byId("banner");
  if (node.hidden !== !text) node.hidden = !text;
  node.classList.toggle("calm", calm);
  // Read aloud once, not each second: what follows is only for the eye.
  node.setAttribute("aria-live", text && node.dataset.said === text.slice(0, 16) ? "off" : "polite");
  node.dataset.said = text.slice(0, 16);
  put(node, text);
}

function show(v) {
  view = v;
  told = Date.now();
  put(byId("mesh"), v.mesh);
  document.title = `${v.mesh}${v.together.word === "APART" ? " (apart)" : ""} - LVS`;
  put(byId("title"), v.title);
  showTogether(v);
  showChannels(v);
  showNodes(v);
  showTraffic(v.traffic);
  showRefused(v);
  byId("warn").hidden = !v.warnings.length;
  fill(byId("warnings"), v.warnings, () => make("li"), put);
  showControls(v.controls);
  put(byId("foot"), `As of ${new Date(v.time).toLocaleTimeString()}`);
  banner();
}

const stream = new EventSource("/events");
stream.onmessage = (event) => show(JSON.parse(event.data));
stream.onopen = () => { if (charts.size) load(); }; // what was missed meanwhile
setInterval(banner, 1000);

for (const input of document.querySelectorAll("#spans input"))
  input.onchange = () => { span = input.value; load(); };

byId("all").onclick = () => { all = !all; showNodes(view); };

let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; load(); } });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", load);
