"""What texts and docstrings name is there: links, files, commands, make targets, modules."""

import ast
import importlib.util
import re
from pathlib import PurePath

import pytest

from lvs_tools import cli
from lvs_tools.places import ROOT

FOLDERS = (
    "docs",
    "lib",
    "firmware",
    "boards",
    "host_sim",
    "tests",
    "tools",
    "examples",
)
WHERE = ("*.md", ".github/**/*.md", "docs/**/*.md", "examples/**/*.md")
PAGES = sorted([page for where in WHERE for page in ROOT.glob(where)])
TRUE_NOW = [page for page in PAGES if page.name != "CHANGELOG.md"]  # which tells what was
SOURCES = sorted(
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*.py")
    if "node_modules" not in path.parts
)
FILES = {path.name for path in SOURCES}
PATH = re.compile(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)}|\.github)/[\w./*-]*[\w*/]")
BARE = re.compile(r"(?<![\w./*-])\w+\.py\b")
# What readers call their own in examples.
YOURS = {"mine", "my_sink", "my_source", "run_time", "drown", "allotments", "ESP32_GENERIC_C6"}


def name(path):
    return path.relative_to(ROOT).as_posix()


def docstrings(path):
    """All docstrings of a source file, joined."""
    nodes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return "\n".join(ast.get_docstring(n) or "" for n in ast.walk(tree) if isinstance(n, nodes))


def missing(text):
    """The paths in a text that are not there, links aside; NAME in one stands for anything.

    Some pages name tests by their path below tests/.
    """
    paths = PATH.findall(re.sub(r"\]\([^)]+\)", "", text))
    places = [(path, path.replace("NAME", "*").strip("/")) for path in paths]
    gone = [p for p, at in places if not any([*ROOT.glob(at), *(ROOT / "tests").glob(at)])]
    return [path for path in gone if PurePath(path).stem not in YOURS]


def test_a_missing_path_is_found():
    text = "docs/gone.md, `tests/world/`, (lib/lvs/wire.py), boards/NAME/none.json, [x](docs/b.md)"
    assert missing(text) == ["docs/gone.md", "boards/NAME/none.json"]


@pytest.mark.parametrize("page", TRUE_NOW, ids=name)
def test_every_file_that_a_page_names_is_there(page):
    text = page.read_text(encoding="utf-8")
    assert missing(text) == []
    assert {file for file in BARE.findall(text) if file[:-3] not in YOURS} <= FILES


def test_every_file_that_a_docstring_names_is_there():
    gone = {name(path): missing(docstrings(path)) for path in SOURCES}
    assert {path: paths for path, paths in gone.items() if paths} == {}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        linked = page.parent / file if file else page
        assert linked.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = [re.sub(r"[^\w -]", "", t).strip().lower().replace(" ", "-") for t in titles]
            assert anchor in anchors, target


@pytest.mark.parametrize("page", TRUE_NOW, ids=name)
def test_every_command_that_a_page_shows_is_there(page):
    text = page.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text()
    start = r"(?:^|^ {4}|`|&& )"
    for target in re.findall(start + r"make ([a-z]\w*)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
    for command in re.findall(start + r"(?:\.venv/bin/)?lvs ([a-z][a-z-]*)\b", text, re.MULTILINE):
        assert command in cli.COMMANDS, f"lvs {command}"
    for module in re.findall(r"python -m ((?:lvs_tools|tests|tools|examples)[\w.]*)", text):
        assert importlib.util.find_spec(module), module
