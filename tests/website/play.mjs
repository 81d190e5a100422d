// Plays the page's engine in Node.js: node play.mjs ENGINE.MJS MICROPYTHON.MJS INPUT.JSON
// INPUT: {files, plan, acts: {cycle: [act, ...]}, cycles}; prints what it saw last and finish().
import fs from "node:fs";
import { pathToFileURL } from "node:url";

const [engine, micropython, input] = process.argv.slice(2);
const { load } = await import(pathToFileURL(engine));
const { loadMicroPython } = await import(pathToFileURL(micropython));
const { files, plan, acts, cycles } = JSON.parse(fs.readFileSync(input));
const mesh = await load(loadMicroPython, {}, files);
const begun = mesh.begin(plan);
let seen;
for (let cycle = 0; cycle < cycles; cycle++) {
  for (const act of acts[cycle] ?? []) mesh.act(act);
  seen = mesh.step();
}
console.log(JSON.stringify({ begun, seen, end: mesh.finish(), said: mesh.said.join("") }));
