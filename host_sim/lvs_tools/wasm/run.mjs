// Runs a Python script in MicroPython for WebAssembly, whose objects are 32-bit as on boards:
//     node run.mjs NODE_MODULES SCRIPT [ARGUMENT ...]
// The directories in MICROPYPATH, the script's own one, and every argument that names a file or
// a directory are copied to the same place in MicroPython's in-memory file system.
// MICROPYHEAP (bytes, 4 MiB unless told) is the first size of the heap, which grows when full.
// A script that leaves a generator `steps` has it run to its end; garbage is collected before each
// of its steps.
// Exit status: the script's own, 1 after an exception.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [modules, script, ...args] = process.argv.slice(2);
if (script === undefined) {
  console.error("usage: node run.mjs NODE_MODULES SCRIPT [ARGUMENT ...]");
  process.exit(2);
}
const home = path.join(modules, "@micropython/micropython-webassembly-pyscript/micropython.mjs");
const { loadMicroPython } = await import(pathToFileURL(home));
const heapsize = Number(process.env.MICROPYHEAP ?? 4 << 20);
const stdout = (bytes) => fs.writeSync(1, bytes);
const stderr = (bytes) => fs.writeSync(2, bytes);
const mp = await loadMicroPython({ heapsize, stdout, stderr, linebuffer: false });

function copyIn(name) {
  if (fs.statSync(name).isDirectory()) {
    mp.FS.mkdirTree(name);
    for (const entry of fs.readdirSync(name, { withFileTypes: true })) {
      const hidden = entry.name.startsWith(".") || entry.name === "__pycache__";
      if (!hidden && (entry.isDirectory() || entry.isFile())) copyIn(path.join(name, entry.name));
    }
  } else {
    mp.FS.mkdirTree(path.dirname(name));
    mp.FS.writeFile(name, fs.readFileSync(name));
  }
}

const main = path.resolve(script);
const paths = (process.env.MICROPYPATH ?? "").split(":").filter((p) => p && p !== ".frozen");
const imports = [path.dirname(main), ...paths.map((p) => path.resolve(p))];
const existing = args.filter((a) => path.isAbsolute(a) && fs.existsSync(a));
[...imports, ...existing].forEach(copyIn);

// JSON text of strings is a Python literal as well.
const python = (value) => JSON.stringify(value);
try {
  mp.runPython(`import sys
sys.path[:] = ${python(imports)} + [".frozen"]
sys.argv[:] = ${python([main, ...args])}
__file__ = ${python(main)}
exec(compile(open(__file__).read(), __file__, "exec"))
`);
  // Garbage is collected between calls from JavaScript only, never inside one, if it was asked for.
  mp.runPython(`import gc
steps = globals().get("steps", iter(()))
def step():
    global more_steps
    gc.collect()
    try:
        next(steps)
        more_steps = True
    except StopIteration:
        more_steps = False
`);
  do mp.runPython("step()");
  while (mp.globals.get("more_steps"));
} catch (error) {
  if (error.name !== "PythonError") throw error;
  if (error.type === "SystemExit") {
    const status = /SystemExit: ?(.*)\s*$/.exec(error.message)?.[1] ?? "";
    const number = /^(None)?$/.test(status) ? 0 : Number(status);
    if (Number.isNaN(number)) console.error(status);
    process.exitCode = Number.isNaN(number) ? 1 : number & 255;
  } else {
    console.error(error.message.trimEnd());
    process.exitCode = 1;
  }
}
