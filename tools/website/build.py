"""Builds the site in build/site: python -m tools.website.build [--serve [--port PORT]]

The pages of the project are laid out as they are in it, with what is generated beside them, and
Sphinx makes HTML of it: a warning, such as a link or an anchor that leads nowhere, is an error.
"""

import contextlib
import functools
import http.server
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from lvs_tools import interpreters, options
from lvs_tools.places import ROOT, WASM, wasm_home, wasm_package
from tools.website import bundle, pages, pictures, reference

LAID = ROOT / "build" / "pages"  # the pages as Sphinx takes them
SITE = ROOT / "build" / "site"
_NPM = ROOT / "build" / "npm"  # what tools/website/package.json names


def lay_out(to=LAID):
    """Lay out all pages and what they link to in a folder, contents and pictures included."""
    for folder in (ROOT / "docs").rglob("*"):
        if folder.suffix in (".svg", ".csv", ".png"):
            _copy(folder, to)
    made = {
        "docs/reference.md": reference.configuration,
        "docs/scenario-keys.md": reference.scenarios,
        "docs/commands.md": reference.commands,
        "docs/browser.md": lambda: (bundle.HOME / "page.md").read_text(encoding="utf-8"),
    }
    texts = {name: make() for name, make in made.items()}
    for name in pages.written():
        texts[name] = (ROOT / name).read_text(encoding="utf-8")
    for name, contents in _contents().items():
        texts[name] += contents
    for name, text in texts.items():
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            linked = ROOT / Path(name).parent / target
            if linked.is_file() and linked.suffix != ".md":
                _copy(linked.resolve(), to)
        path = to / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _copy(path, to):
    target = to / path.relative_to(ROOT)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, target)


def _contents():
    """{page: the table of contents at its end}: the front page has the sections, and the README of
    a folder all others of it."""
    found = {pages.FRONT: ""}
    for title, listed in pages.sections():
        inner = {}
        for page in listed:
            folder = page.rpartition("/")[0]
            readme = f"{folder}/README.md"
            if page != readme and readme in listed:
                inner.setdefault(readme, []).append(page.rpartition("/")[2])
        beneath = [f"{readme[:-9]}{name}" for readme, names in inner.items() for name in names]
        found[pages.FRONT] += _toctree(title, [page for page in listed if page not in beneath])
        found.update({readme: _toctree("", names) for readme, names in inner.items()})
    return found


def _toctree(title, listed):
    caption = f":caption: {title}\n" if title else ""
    called = pages.titles()
    names = [name.removesuffix(".md") for name in listed]
    lines = [
        f"{called[p]} <{n}>" if p in called else n for p, n in zip(listed, names, strict=True)
    ]
    return f"\n\n```{{toctree}}\n:hidden:\n{caption}\n{chr(10).join(lines)}\n```\n"


def fetch():
    """Let npm install what tools/website/package.json names; returns its node_modules. Raises
    InterpreterMissing."""
    wanted, kept = pages.HOME / "package.json", _NPM / "package.json"
    if kept.is_file() and kept.read_text() == wanted.read_text():
        return _NPM / "node_modules"
    shutil.rmtree(_NPM, ignore_errors=True)
    _NPM.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=_NPM) as folder:
        for name in (wanted, WASM / ".npmrc"):
            shutil.copy(name, folder)
        program = [*interpreters.npm(), "install", "--no-progress"]
        done = subprocess.run(program, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if "rror" in line]
            why = said[0].strip() if said else f"exit {done.returncode}"
            raise interpreters.InterpreterMissing(f"npm could not install the diagrams: {why}")
        os.replace(Path(folder) / "node_modules", _NPM / "node_modules")
    shutil.copy(wanted, kept)  # last: it says that all is there
    return _NPM / "node_modules"


def mesh(to):
    """Put the mesh in the browser into a folder: the page's scripts, MicroPython, the sources."""
    if interpreters.wasm() is None:
        interpreters.fetch_wasm()
    package = wasm_home() / "node_modules" / wasm_package()[0]
    to.mkdir(parents=True, exist_ok=True)
    for path in (package / "micropython.mjs", package / "micropython.wasm"):
        shutil.copy(path, to)
    for name in ("engine.mjs", "worker.mjs", "mesh.mjs", "mesh.css"):
        shutil.copy(bundle.HOME / name, to)
    (to / "files.json").write_text(json.dumps(bundle.files()))
    (to / "plans.json").write_text(json.dumps(bundle.plans()))


def build():
    """Build the site; returns Sphinx's exit code."""
    from sphinx.cmd.build import main

    LAID.parent.mkdir(exist_ok=True)
    shutil.rmtree(LAID, ignore_errors=True)
    lay_out()
    shutil.copytree(pages.HOME / "_static", LAID / "_static")
    shutil.copy(fetch() / "@mermaid-js" / "tiny" / "dist" / "mermaid.tiny.js", LAID / "_static")
    mesh(LAID / "_static" / "mesh")
    pictures.draw(LAID / pictures.HOME.relative_to(ROOT))
    shutil.rmtree(SITE, ignore_errors=True)
    arguments = ["-q", "-W", "--keep-going", "-n", "-E", "-d", str(LAID.parent / "doctrees")]
    arguments += ["-c", str(pages.HOME), "-D", f"html_static_path={LAID / '_static'}"]
    code = main([*arguments, str(LAID), str(SITE)])
    if code == 0:
        shutil.copy(SITE / "README.html", SITE / "index.html")
    return code


def serve(folder, port):
    """Serve a folder on loopback until Ctrl-C."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        click.echo(f"http://127.0.0.1:{server.server_address[1]}/ (Ctrl-C ends it)")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


@click.command()
@click.option("--serve", "serving", is_flag=True, help="Show it on loopback when it is built.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
def command(serving, port):
    """Build the site into build/site. Exit code: 1 if a link leads nowhere, 2 without a site.

    \b
    make docs
    make docs ARGS="--serve --port 8080"
    """
    if importlib.util.find_spec("sphinx") is None:
        options.fail("Sphinx is needed: make setup-docs", 2)
    if problems := pages.problems() + reference.problems():
        options.fail("\n".join(problems), 1)
    try:
        if build():
            options.fail("the site has mistakes, named above", 1)
        click.echo(f"{os.path.relpath(SITE)}/index.html")
        if serving:
            serve(SITE, port)
    except (interpreters.InterpreterMissing, OSError) as error:
        options.fail(error, 2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    command()
