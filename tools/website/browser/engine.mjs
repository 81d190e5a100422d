// The simulator in MicroPython for WebAssembly: the same for the page's worker and for Node.js.
// loadMicroPython, url: of the npm package; files: {path: text} of the project's Python files.
// Returns begin, act, step and finish of engine.py, which take and return values instead of JSON.
export async function load(loadMicroPython, options, files) {
  const said = [];
  const hear = (bytes) => said.push(new TextDecoder().decode(bytes));
  const mp = await loadMicroPython({ heapsize: 32 << 20, stdout: hear, stderr: hear, linebuffer: false, ...options });
  for (const [path, text] of Object.entries(files)) {
    mp.FS.mkdirTree("/lvs-page/" + path.slice(0, path.lastIndexOf("/") + 1));
    mp.FS.writeFile("/lvs-page/" + path, text);
  }
  mp.runPython("import sys\nsys.path.insert(0, '/lvs-page')\nimport engine");
  const engine = mp.globals.get("engine");
  const call = (name) => (value) => {
    const told = value === undefined ? engine[name]() : engine[name](JSON.stringify(value));
    return told == null ? told : JSON.parse(told);
  };
  return { begin: call("begin"), act: call("act"), step: call("step"), finish: call("finish"), said };
}
