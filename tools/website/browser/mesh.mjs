// The page: draws what the worker tells, and tells it what was clicked.
const $ = (name) => document.getElementById("mesh-" + name);
const root = document.getElementById("mesh");
const at = new URL(root.dataset.at, location.href);
const canvas = $("map"), pen = canvas.getContext("2d");
// A phone's map is narrow and has fewer columns.
const narrow = canvas.clientWidth < 560;
const [WIDE, HIGH, COLUMNS] = narrow ? [520, 680, 4] : [960, 600, 5];
[canvas.width, canvas.height] = [WIDE, HIGH];
const R = 17;
const HEARD_MS = 10000;  // least time between two verdicts that are read aloud
const FADES = 0.45, LEVELS = 8;  // a wave lives for this share of a cycle, in so many shades
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

let plans, worker, nodes = [], seen = null, came = 0, span = 333, over = false, paused = false;
let chosen = -1, frames = [], heard = -HEARD_MS, stale = true;

// --- places: a village -----------------------------------------------------------------------

function chance(seed) {
  let x = seed | 0;
  return () => ((x = (Math.imul(x, 1664525) + 1013904223) | 0) >>> 8) / (1 << 24);
}

function settle(count, total, seed) {
  const draw = chance(seed * 7919 + 1);
  nodes = [];
  for (let i = 0; i < total; i++) {
    const liar = i >= count, k = liar ? i - count : i;
    let x, y;
    if (liar) {
      x = 30 + (k * (WIDE - 60)) / Math.max(1, total - count - 1);
      y = HIGH - 34;
    } else {
      x = (0.08 + (k % COLUMNS + draw() * 0.35) / COLUMNS) * WIDE;
      y = 78 + ((Math.floor(k / COLUMNS) + draw() * 0.35) * COLUMNS * (HIGH - 130)) / count;
    }
    nodes.push({ i, liar, home: [x, y], goal: [x, y], x, y, lying: false, asked: false, cut: false, off: false });
  }
}

// Who are apart are in two halves of the map, each in the order of the village; on a phone in rows
// of two, as there is no room for more values side by side.
function place() {
  const honest = nodes.filter((n) => !n.liar), cut = honest.filter((n) => n.cut);
  const halves = [honest.filter((n) => !n.cut), cut];
  for (const [half, group] of halves.entries()) {
    const rows = Math.max(5, Math.ceil(group.length / 2));
    for (const [k, n] of group.entries()) {
      const left = half * WIDE;
      n.goal = !cut.length ? n.home
        : narrow ? [left / 2 + (0.13 + (k % 2) * 0.24) * WIDE, 78 + (Math.floor(k / 2) * (HIGH - 160)) / rows]
          : [n.home[0] * 0.46 + left * 0.54, n.home[1]];
    }
  }
}

// --- drawing ---------------------------------------------------------------------------------

function colours() {
  const dark = getComputedStyle(document.body).getPropertyValue("--color-background-primary").trim();
  const style = getComputedStyle(root);
  return { ink: style.color, blue: style.getPropertyValue("--mesh-blue"), red: style.getPropertyValue("--mesh-red"),
    grey: style.getPropertyValue("--mesh-grey"), paper: dark || "#fff" };
}
let ink = colours();

// Draws only what moved: nothing is painted while no wave runs, no node moves and nothing was told.
function draw(now) {
  requestAnimationFrame(draw);
  const apart = nodes.some((n) => n.cut && !n.liar);
  const moved = move(), running = waves(now);
  if (!stale && !moved && !running.length) return;
  stale = running.length > 0;  // the last waves are wiped away, too
  pen.clearRect(0, 0, WIDE, HIGH);
  if (apart) line(WIDE / 2, 48, WIDE / 2, HIGH - 66, ink.grey, [4, 6]);
  for (const [colour, level, rings] of running) {
    pen.globalAlpha = (1 - level / LEVELS) * 0.35;
    circles(rings, colour, 1.5);
  }
  pen.globalAlpha = 1;
  for (const n of nodes) node(n);
  text(WIDE / 2, 30, seen ? `counted in all: ${seen.text}     second ${seen.cycle}` : "", ink.ink, 20, "center");
}

// Bring all nearer to where they belong; whether somebody moved.
function move() {
  let moved = false;
  for (const n of nodes) {
    const [x, y] = n.goal;
    if (n.x === x && n.y === y) continue;
    const near = still || Math.abs(x - n.x) + Math.abs(y - n.y) < 0.5;
    n.x += (x - n.x) * (near ? 1 : 0.12);
    n.y += (y - n.y) * (near ? 1 : 0.12);
    if (near) [n.x, n.y] = [x, y];
    moved = true;
  }
  return moved;
}

// The waves that run: [[colour, level, [[x, y, radius]]]], for one stroke each.
function waves(now) {
  if (still) return [];
  const share = Math.min(1 + FADES, (now - came) / span), found = new Map();
  for (const [ms, from] of frames) {
    const age = share - ms / 1000, n = nodes[from];
    if (age < 0 || age >= FADES || !n) continue;
    const level = Math.floor((age / FADES) * LEVELS), key = n.liar ? level + LEVELS : level;
    if (!found.has(key)) found.set(key, [n.liar ? ink.red : ink.blue, level, []]);
    found.get(key)[2].push([n.x, n.y, R + age * 170]);
  }
  return [...found.values()];
}

function node(n) {
  const told = seen && !n.liar ? seen.nodes[n.i] : null;
  if (n.i === chosen) circles([[n.x, n.y, R + 5]], ink.ink, 2);
  pen.fillStyle = ink.paper;
  pen.beginPath();
  if (n.liar) pen.rect(n.x - 12, n.y - 12, 24, 24);
  else pen.arc(n.x, n.y, R, 0, 7);
  pen.fill();
  const off = told && told[0] === "OFF";
  const exact = told && told[1] === seen.total;
  const colour = n.liar ? ink.red : off ? ink.grey : ink.blue;
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = 2.5;
  pen.setLineDash(off ? [3, 4] : []);
  if (exact || n.lying) pen.fill();
  pen.stroke();
  pen.setLineDash([]);
  if (told) text(n.x, n.y + R + (narrow ? 20 : 19), off ? "off" : told[2], ink.ink, narrow ? 20 : 14, "center");
}

function circles(rings, colour, width) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.beginPath();
  for (const [x, y, r] of rings) {
    pen.moveTo(x + r, y);
    pen.arc(x, y, r, 0, 7);
  }
  pen.stroke();
}

function line(x, y, to, down, colour, dash) {
  pen.strokeStyle = colour;
  pen.setLineDash(dash);
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(to, down);
  pen.stroke();
  pen.setLineDash([]);
}

function text(x, y, words, colour, size, align) {
  pen.font = `${size}px sans-serif`;
  pen.textAlign = align;
  pen.fillStyle = colour;
  pen.fillText(words, x, y);
}

// --- what is clicked -------------------------------------------------------------------------

const tell = (name, value) => worker.postMessage([name, value]);

function act(n) {
  stale = true;
  if (over || !seen) return;
  if (n.liar) {
    if (!n.asked) tell("act", { action: "lie", nodes: [n.i] });
    n.asked = true;
    return say(n);
  }
  const tool = document.querySelector("input[name=mesh-tool]:checked").value;
  if (tool === "contribute") tell("act", { action: "contribute", nodes: [n.i], value: 1 });
  else if (tool === "crash") {
    n.off = !n.off;
    tell("act", { action: n.off ? "crash" : "restart", nodes: [n.i] });
  } else {
    n.cut = !n.cut;
    regroup();
  }
  say(n);
}

// All who are cut off are one group: an event that names them all.
function regroup() {
  place();
  const apart = nodes.filter((n) => n.cut && !n.liar).map((n) => n.i);
  tell("act", { action: "heal" });
  if (apart.length) tell("act", { action: "partition", nodes: apart });
}

function put(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

// What is shown, and read aloud: at once, or (rarely) not more often than somebody can listen.
function show(words, rarely) {
  put($("say"), words);
  const now = performance.now();
  if (rarely && now - heard < HEARD_MS) return;
  heard = now;
  put($("told"), words);
}

function say(n) {
  const told = seen && !n.liar ? seen.nodes[n.i] : null;
  const words = n.liar
    ? `Stranger ${n.i}: ${n.asked ? "lies" : "silent"}`
    : told ? `Node ${n.i}: ${told[0].toLowerCase()}, ${told[2] || "no value"}${n.cut ? ", cut off" : ""}` : "";
  put($("node"), words);
}

function nearest(event) {
  const box = canvas.getBoundingClientRect();
  const x = ((event.clientX - box.left) * WIDE) / box.width, y = ((event.clientY - box.top) * HIGH) / box.height;
  let best = null, least = 44 * 44;
  for (const n of nodes) {
    const far = (n.x - x) ** 2 + (n.y - y) ** 2;
    if (far < least) [best, least] = [n, far];
  }
  return best;
}

canvas.addEventListener("click", (event) => {
  const n = nearest(event);
  if (n) { chosen = n.i; act(n); }
});
canvas.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (step && nodes.length) {
    chosen = (Math.max(chosen, step < 0 ? 0 : -1) + step + nodes.length) % nodes.length;
    stale = true;
    say(nodes[chosen]);
  } else if ((event.key === "Enter" || event.key === " ") && nodes[chosen]) act(nodes[chosen]);
  else return;
  event.preventDefault();
});
$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").textContent = paused ? "Go on" : "Pause";
  tell("pause", paused);
});
$("speed").addEventListener("change", () => tell("pace", Number($("speed").value)));
$("loss").addEventListener("change", () => tell("act", { action: "loss", value: Number($("loss").value) }));
$("loss").addEventListener("input", () => {
  const words = Math.round($("loss").value * 100) + " %";
  $("loss-is").textContent = words;
  $("loss").setAttribute("aria-valuetext", words);
});
$("liars").addEventListener("click", () => nodes.filter((n) => n.liar).forEach(act));
$("join").addEventListener("click", () => {
  nodes.forEach((n) => { n.cut = false; });
  regroup();
});
$("end").addEventListener("click", () => { over = true; buttons(false); tell("finish"); });
$("new").addEventListener("submit", (event) => { event.preventDefault(); begin(); });

// --- the run ---------------------------------------------------------------------------------

function buttons(on) {
  for (const name of ["pause", "liars", "join", "end"]) $(name).disabled = !on;
}

function begin() {
  const plan = structuredClone(plans[$("kind").value].plan);
  plan.seed = Number($("seed").value);
  plan.link.loss = Math.floor(Number($("loss").value) * 2 ** 30 + 0.5);
  if (!$("old").checked) plan.start = { spread: 0, value: 100000, established: false };
  seen = null;
  stale = true;
  over = paused = false;
  $("pause").textContent = "Pause";
  $("result").hidden = true;
  show(`Starting ${plan.nodes} nodes and strangers, which takes some seconds ...`);
  settle(plan.nodes - plan.adversaries[0].count, plan.nodes, plan.seed);
  tell("pace", Number($("speed").value));
  tell("begin", plan);
}

function hear({ data }) {
  if (data.error) return fail(data.error);
  if (data.begun) {
    buttons(true);
  } else if (data.seen && !over) {
    seen = data.seen;
    stale = true;
    [came, span, frames] = [performance.now(), data.span, seen.frames];
    for (const i of seen.lying) nodes[i].lying = nodes[i].asked = true;
    root.dataset.cycle = seen.cycle;
    if (nodes[chosen]) say(nodes[chosen]);
    verdict();
  } else if (data.end) end(data.end);
}

function verdict() {
  const on = seen.nodes.filter((told) => told[1] !== null);
  const exact = on.filter((told) => told[1] === seen.total).length;
  const drawnOff = Math.max(0, ...on.map((told) => Math.abs(told[1] - seen.total)));
  show(exact === on.length
    ? `All ${on.length} nodes hold exactly what was counted: ${seen.text}.`
    : `${exact || "None"} of ${on.length} nodes hold${exact > 1 ? "" : "s"} all that was counted; `
      + `${exact ? "the others" : "they"} are off by up to ${(drawnOff / 1000).toFixed(3)}.`, true);
}

function end(told) {
  $("verdict").textContent = `After ${told.cycles} seconds the verdict is: ${told.verdict}. Steps beyond the speed limit: ${told.budget_violations}.`;
  $("hash").textContent = told.trace_hash;
  $("scenario").textContent = told.scenario;
  $("result").hidden = false;
  show("Ended.");
}

function fail(why) {
  buttons(false);
  show(`It could not go on: ${why}`);
  root.dataset.error = why;
}

async function start() {
  requestAnimationFrame(draw);
  const theme = () => {
    ink = colours();
    stale = true;
  };
  new MutationObserver(theme).observe(document.body, { attributes: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", theme);
  try {
    plans = await (await fetch(new URL("plans.json", at))).json();
    worker = new Worker(new URL("worker.mjs", at), { type: "module" });
  } catch (error) {
    return fail(error.message);
  }
  worker.onmessage = hear;
  worker.onerror = (event) => fail(event.message ?? "the worker did not load");
  for (const [kind, { says }] of Object.entries(plans)) $("kind").add(new Option(says, kind));
  begin();
}
start();
