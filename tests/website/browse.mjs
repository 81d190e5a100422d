// Opens a page in headless Chromium, without a library: node browse.mjs CHROMIUM FOLDER INPUT.JSON
// INPUT: {url, width, height, dark, steps: [{run: JavaScript} | {until: JavaScript, seconds} |
// {shot: file}]}; prints [value of each step] and what went wrong on the page, as JSON.
import fs from "node:fs";
import path from "node:path";
import { spawn } from "node:child_process";

const [program, folder, input] = process.argv.slice(2);
const { url, width = 1280, height = 900, dark = false, steps } = JSON.parse(fs.readFileSync(input));
const options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
  "--disable-background-networking", `--user-data-dir=${folder}`, "--remote-debugging-port=0"];
const browser = spawn(program, [...options, "about:blank"], { stdio: "ignore" });
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const wrong = [];
try {
  const known = path.join(folder, "DevToolsActivePort");
  while (!fs.existsSync(known) || !fs.readFileSync(known, "utf8").includes("\n")) {
    if (browser.exitCode !== null) throw new Error(`chromium ended with ${browser.exitCode}`);
    await sleep(50);
  }
  const port = fs.readFileSync(known, "utf8").split("\n")[0];
  const made = await fetch(`http://127.0.0.1:${port}/json/new?about:blank`, { method: "PUT" });
  const socket = new WebSocket((await made.json()).webSocketDebuggerUrl);
  await new Promise((done) => socket.addEventListener("open", done));
  let number = 0;
  const waiting = new Map();
  socket.addEventListener("message", ({ data }) => {
    const { id, result, error, method, params } = JSON.parse(data);
    if (id) waiting.get(id)(result ?? error);
    else if (method === "Runtime.exceptionThrown") wrong.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    else if (method === "Log.entryAdded" && params.entry.level === "error") wrong.push(`${params.entry.text} ${params.entry.url ?? ""}`);
  });
  const send = (method, params = {}) => new Promise((done) => {
    waiting.set(++number, done);
    socket.send(JSON.stringify({ id: number, method, params }));
  });
  const run = async (expression) => {
    const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description}`);
    return result.value;
  };
  for (const domain of ["Runtime", "Log", "Page"]) await send(domain + ".enable");
  await send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 600 });
  if (dark) await send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: "dark" }] });
  await send("Page.navigate", { url });
  while ((await run("document.readyState + location.href")) !== "complete" + url) await sleep(50);
  const told = [];
  for (const step of steps) {
    if (step.run) told.push(await run(step.run));
    else if (step.until) {
      const end = Date.now() + step.seconds * 1000;
      let value;
      while (!(value = await run(step.until)) && Date.now() < end) await sleep(100);
      told.push(value);
    } else {
      const { data } = await send("Page.captureScreenshot", { format: "png" });
      fs.writeFileSync(step.shot, Buffer.from(data, "base64"));
      told.push(step.shot);
    }
  }
  console.log(JSON.stringify({ told, wrong }));
} finally {
  browser.kill();
  await new Promise((done) => (browser.exitCode === null ? browser.once("exit", done) : done()));
}
