"""`lvs bench` measures once, remembers, says what it cannot, and writes the page."""

import json

import pytest
from click.testing import CliRunner

from lvs_tools.bench import command, page, radio, scale
from lvs_tools.bench.table import Goal, Table
from lvs_tools.board.profiles import BoardError
from lvs_tools.interpreters import ScriptFailed


class Part:
    """A part of the bench that takes no time."""

    TITLE = "Nothing"
    SOURCES = (__file__,)
    ALONE = True
    PICTURES = ()
    lacking = ""
    found = 1

    def missing(self):
        return self.lacking

    def cases(self, size):
        return [{"n": n} for n in (1, 2)] if not self.lacking else []

    def tables(self, rows):
        shown = [[str(row["n"]), str(row["found"])] for row in rows]
        return [Table("T", "lvs bench --only part", ["n", "found"], shown, ["a note"])]

    def goals(self, rows):
        for row in rows:
            yield Goal(f"goal {row['n']}", str(row["n"]), "1", row["n"] == 1, "it is late")

    def draw(self, rows, folder):
        (folder / "drawn").write_text(str(len(rows)))

    @staticmethod
    def run(case, folder):
        return {**case, "found": Part.found}


class Broken(Part):
    """One whose runs end badly."""

    @staticmethod
    def run(case, folder):
        raise ScriptFailed("micropython", "a.py", 1, "", "Traceback:\nValueError: no such thing")


class Lacking(Part):
    """One that finds that a board's tools are not here."""

    @staticmethod
    def run(case, folder):
        raise BoardError("ValueError: no such thing")


@pytest.fixture
def part(monkeypatch):
    made = Part()
    monkeypatch.setattr(command, "PARTS", {"part": made})
    return made


def call(folder, *options):
    return CliRunner().invoke(command.command, ["--out", str(folder), "--only", "part", *options])


def rows(done):
    return json.loads(done.stdout)["parts"]["part"]["rows"]


def test_what_was_measured_is_remembered(part, tmp_path):
    done = call(tmp_path, "--json", "-")
    assert done.exit_code == 0, done.output
    assert [row["n"] for row in rows(done)] == [1, 2]
    kept = (tmp_path / "part.jsonl").read_text()
    assert rows(call(tmp_path, "--json", "-")) == rows(done)
    assert (tmp_path / "part.jsonl").read_text() == kept
    report = json.loads(done.stdout)
    assert report["machine"]["processors"] >= 1 and report["versions"]["lvs"]
    shown = call(tmp_path).output
    assert "missed: goal 2: 2, goal 1" in shown and "met: goal 1" in shown and "a note" in shown


def test_a_part_that_cannot_be_measured_is_skipped_with_one_line(part, tmp_path):
    part.lacking = "no such program here: install it"
    done = call(tmp_path)
    assert done.exit_code == 2
    assert done.output == "part: skipped: no such program here: install it\n"


@pytest.mark.parametrize("broken", [Broken, Lacking])
def test_a_part_that_breaks_down_is_one_line_and_the_others_go_on(monkeypatch, tmp_path, broken):
    monkeypatch.setattr(command, "PARTS", {"broken": broken(), "part": Part()})
    arguments = ["--out", str(tmp_path), "--json", "-"]
    done = CliRunner().invoke(command.command, arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith("broken: ValueError: no such thing\n")
    assert done.stderr.splitlines()[1:] == ["broken: 2 runs were not made"]
    assert len(rows(done)) == 2


def test_runs_that_were_not_made_are_said(part, tmp_path):
    done = call(tmp_path, "--minutes", "0")
    assert done.exit_code == 2 and done.output == "part: 2 runs were not made\n"


@pytest.mark.parametrize("named", ["radios", "radio,udps", ","])
def test_a_part_that_is_none_is_an_error(named):
    done = CliRunner().invoke(command.command, ["--only", named])
    assert done.exit_code == 2 and "there are radio, udp" in done.output


def test_the_page_shows_missed_goals_with_the_reason_and_keeps_other_parts(tmp_path):
    parts = {"part": Part(), "other": Part()}
    found = {"left_out": 1, "stale": 0, "skipped": "", "failed": ""}
    report = {
        "machine": {"processors": 2, "processor": "p", "system": "s"},
        "versions": {"lvs": "1"},
        "size": "usual",
        "parts": {"part": {**found, "rows": [{"n": 2, "found": 3}]}},
    }
    page.write(report, parts, tmp_path)
    text = (tmp_path / "figures.md").read_text()
    assert "1 goals, 1 missed." in text and "| goal 2 | 1 | 2 | **missed**: it is late |" in text
    assert "by `lvs bench --only part`" in text and "| 2 | 3 |" in text
    assert "1 runs were not made" in text
    assert (tmp_path / "figures" / "drawn").read_text() == "1"
    report["parts"] = {"other": {**found, "rows": [{"n": 1, "found": 7}]}}
    page.write(report, parts, tmp_path)
    text = (tmp_path / "figures.md").read_text()
    assert "| 2 | 3 |" in text and "| 1 | 7 |" in text and "2 goals, 1 missed." in text
    assert not list(tmp_path.rglob("*.new"))


def test_what_grows_is_said_as_a_power():
    assert scale.exponent([(10, 50), (100, 5000)]) == pytest.approx(2)
    assert scale.exponent([(10, 5), (100, 5)]) == 0
    assert scale.exponent([(10, 5), (20, None)]) is None


def test_the_bound_of_reach_is_half_above_that_of_pushing():
    assert radio.bound(300) == pytest.approx(1.5 * 13.93, rel=0.001)
