"""The site's sources: contents, generated references and pictures. `make docs` builds it."""

import re
import shutil
import socket
import xml.etree.ElementTree as ET

import pytest

from lvs import config_check
from lvs_tools.places import ROOT
from tools.website import build, pages, pictures, reference


def test_every_page_is_in_the_contents_once():
    assert pages.problems() == []


@pytest.fixture
def tree(tmp_path):
    """A small project with three pages and its contents."""
    (tmp_path / "docs" / "boards").mkdir(parents=True)
    for name in ("README.md", "docs/a.md", "docs/boards/README.md", "docs/boards/b.md"):
        (tmp_path / name).write_text("# A page\n")
    lines = ["docs/a.md", *pages.GENERATED, "docs/boards/README.md", "docs/boards/*"]
    listed = ", ".join(f'"{line}"' for line in lines)
    (tmp_path / "navigation.toml").write_text(f'[[section]]\ntitle = "All"\npages = [{listed}]\n')
    return tmp_path


def test_what_is_wrong_with_the_contents_is_named(tree):
    assert pages.problems(tree, tree) == []
    (tree / "docs" / "new.md").write_text("# New\n")
    (tree / "docs" / "a.md").unlink()
    (tree / "docs" / "boards" / "c.md").write_text("# Found by its folder\n")
    assert pages.problems(tree, tree) == [
        "docs/new.md: in no section of tools/website/navigation.toml",
        "docs/a.md: in tools/website/navigation.toml, but not there",
    ]


def test_every_key_of_the_code_is_explained_with_its_default():
    assert reference.problems() == []


@pytest.mark.parametrize(
    ("page", "words", "instead", "finding"),
    [
        (reference.CONFIGURATION, "| `relays` |", "| `relay` |", "has no row for relays"),
        (reference.CONFIGURATION, '`"0.001"`', "`1`", 'step is "0.001" by default, not `1`'),
        (reference.BOARD, "`awake_s`", "awake", "says nothing of leaf.awake_s"),
        (reference.ENTRIES["sources"], '"zero"', '"nought"', "says nothing of zero"),
    ],
)
def test_what_a_page_lacks_is_found(monkeypatch, page, words, instead, finding):
    read = reference._page
    assert words in read(page)

    def changed(path):
        text = read(path)
        return text.replace(words, instead).replace("`zero`", "") if path == page else text

    monkeypatch.setattr(reference, "_page", changed)
    assert [line for line in reference.problems() if finding in line]


def test_the_reference_has_every_key_with_what_the_code_allows():
    text = reference.configuration()
    for key, (default, least, most) in config_check.NUMBERS.items():
        assert f"| `{key}` | integer | `{default}` | {least} to {most} | " in text
    for key in (*config_check._CHANNEL, *config_check._TEXTS, "channels", "peers", "board"):
        assert f"| `{key}` | " in text
    assert "| `wifi.ssid` | text | needed |" in text and "| `leaf.awake_s` | number |" in text
    assert "| `pulse` | `debounce_ms` | integer |" in text


def test_the_pages_are_laid_out_with_all_that_they_link_to(tmp_path):
    build.lay_out(tmp_path)
    names = {page for _, listed in pages.sections() for page in listed}
    for name in (pages.FRONT, *names):
        text = (tmp_path / name).read_text()
        for target in re.findall(r"\]\(([^)#]+)[)#]", text):
            if not target.startswith("http"):
                assert (tmp_path / name).parent.joinpath(target).exists(), (name, target)
    front = (tmp_path / pages.FRONT).read_text()
    assert all(f":caption: {title}\n" in front for title, _ in pages.sections())
    assert "\nupdates\n" in (tmp_path / "docs/boards/README.md").read_text()


def test_every_command_is_on_its_page_and_fits():
    text = reference.commands()
    assert "## `lvs sim`" in text and "Run SCENARIO, a TOML file" in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_the_pictures_of_the_concepts_are_those_that_can_be_drawn():
    text = (ROOT / "docs/concepts.md").read_text(encoding="utf-8")
    wanted = re.findall(r"^!\[.{20,}\]\(figures/(\w+)\.svg\)$", text, re.MULTILINE)
    assert sorted(wanted) == sorted(pictures.ALL)
    for name in wanted:
        assert ET.parse(pictures.HOME / f"{name}.svg").getroot().get("viewBox"), name


def test_a_picture_shows_what_the_simulator_did():
    """Everybody has the row at the end; each node comes to know of it at a moment of its own."""
    picture = ET.fromstring(pictures.row(nodes=8, seed=3))
    circles = picture.findall(".//{*}circle")
    style = picture.findtext("{*}style") or ""
    moments = [re.search(rf"@keyframes n{i} {{ 0%, ([\d.]+)%", style) for i in range(len(circles))]
    assert len(circles) == 8 and len({found and found[1] for found in moments}) > 2
    assert all(moments) and all("fill: #1f6fb2" in line for line in style.splitlines()[:8])
    # It stands still, at its end, where movement is not wanted: CSS knows of that, SMIL does not.
    assert picture.find(".//{*}animate") is None and "prefers-reduced-motion" in style
    drift = ET.fromstring(pictures.drift(cycles=40))
    curves = [path.get("d") or "" for path in drift.findall(".//{*}path[@class='c']")]
    starts = {curve.split("L")[0] for curve in curves}
    ends = {curve.split()[-1] for curve in curves}
    assert len(starts) > 12 and len(ends) == 1


def test_the_contents_are_checked_before_anything_is_built(monkeypatch, capsys):
    monkeypatch.setattr(build, "build", lambda: pytest.fail("built"))
    monkeypatch.setattr(pages, "problems", lambda: ["docs/new.md: in no section"])
    monkeypatch.setattr(build.importlib.util, "find_spec", lambda name: name)
    with pytest.raises(SystemExit) as ended:
        build.command.main([], standalone_mode=False)
    assert ended.value.code == 1 and "docs/new.md: in no section" in capsys.readouterr().err


def test_a_port_that_is_taken_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(build, "build", lambda: 0)
    monkeypatch.setattr(build.importlib.util, "find_spec", lambda name: name)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with pytest.raises(SystemExit) as ended:
            build.command.main(["--serve", "--port", port], standalone_mode=False)
    assert ended.value.code == 2 and "in use" in capsys.readouterr().err


def test_without_npm_there_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(build, "_NPM", tmp_path / "npm")
    monkeypatch.setattr(build.interpreters, "npm", lambda: [shutil.which("false")])
    with pytest.raises(
        build.interpreters.InterpreterMissing, match="npm could not install the diagrams: exit 1"
    ):
        build.fetch()
