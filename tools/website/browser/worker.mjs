// The world, off the page's thread: it runs cycles at a pace, and takes what was clicked.
import { load } from "./engine.mjs";
import { loadMicroPython } from "./micropython.mjs";

let mesh, timer, due = 0, pace = 3, paused = false;
const ready = (async () => {
  const files = await (await fetch(new URL("files.json", import.meta.url))).json();
  mesh = await load(loadMicroPython, { url: new URL("micropython.wasm", import.meta.url).href }, files);
})();

function schedule() {
  clearTimeout(timer);
  if (!mesh || paused) return;
  const now = performance.now();
  due = pace ? Math.max(due + 1000 / pace, now) : now;
  timer = setTimeout(step, Math.max(0, due - now));
}

function step() {
  const began = performance.now();
  const seen = mesh.step();
  const took = performance.now() - began;
  postMessage({ seen, span: pace ? Math.max(1000 / pace, took) : took });
  schedule();
}

const takes = {
  begin(plan) {
    const begun = mesh.begin(plan);
    paused = false;
    due = performance.now();
    postMessage({ begun });
    schedule();
  },
  act(done) { mesh.act(done); },
  pace(value) { pace = value; due = performance.now(); schedule(); },
  pause(value) { paused = value; due = performance.now(); schedule(); },
  finish() {
    paused = true;
    clearTimeout(timer);
    postMessage({ end: mesh.finish() });
  },
};

onmessage = async ({ data: [name, value] }) => {
  try {
    await ready;
    takes[name](value);
  } catch (error) {
    clearTimeout(timer);
    postMessage({ error: String(error.message ?? error) + (mesh?.said.join("") ?? "") });
  }
};
