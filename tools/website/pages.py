"""Which pages the site has, and in which order: tools/website/navigation.toml."""

import sys
from pathlib import Path

from lvs_tools.places import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HOME = Path(__file__).parent
_LIST = "tools/website/navigation.toml"
FRONT = "README.md"  # not in a section: the site's first page
# Made by tools/website/build.py, and so in no folder of the project.
GENERATED = ("docs/browser.md", "docs/reference.md", "docs/scenario-keys.md", "docs/commands.md")


def written(root=ROOT):
    """The paths, from the root, of all pages that somebody wrote."""
    found = [*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("examples/*/*.md")]
    return sorted(path.relative_to(root).as_posix() for path in found)


def _read(home):
    return tomllib.loads((home / "navigation.toml").read_text(encoding="utf-8"))


def titles(home=HOME):
    """{page: what it is called in the contents} of those that are not called by their title."""
    return _read(home)["titles"]


def sections(root=ROOT, home=HOME):
    """[(title, [paths of pages])], each "*" replaced by the others of its folder."""
    listed = _read(home)["section"]
    named = {page for section in listed for page in section["pages"]}
    found = []
    for section in listed:
        pages = []
        for page in section["pages"]:
            if page.endswith("/*"):
                folder = page[:-1]
                there = [p for p in written(root) if p.rpartition("/")[0] + "/" == folder]
                pages += [p for p in there if p not in named]
            else:
                pages.append(page)
        found.append((section["title"], pages))
    return found


def problems(root=ROOT, home=HOME):
    """What is wrong with the table of contents, a line each."""
    listed = [FRONT, *(page for _, pages in sections(root, home) for page in pages)]
    there = {*written(root), *GENERATED}
    return [
        *(f"{p}: in no section of {_LIST}" for p in sorted(there - {*listed})),
        *(f"{p}: in {_LIST}, but not there" for p in sorted({*listed} - there)),
        *(f"{p}: twice in {_LIST}" for p in {*listed} if listed.count(p) > 1),
    ]
