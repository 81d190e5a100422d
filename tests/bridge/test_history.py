"""The history and what `lvs export` makes of it: exact, in order, whatever the clock does."""

import csv
import io
import sqlite3
from decimal import Decimal

import pytest
from click.testing import CliRunner

from lvs.config import Config
from lvs_tools import cli
from lvs_tools.bridge import export
from lvs_tools.bridge.history import FILE, History, Recorder
from lvs_tools.bridge.store import StoreError

CONFIG = Config(
    {
        "mesh": "m",
        "channels": ["water", {"name": "energy", "unit": "kWh", "step": "0.1", "offset": "12.25"}],
    }
)
DAY = 1_767_225_600  # 2026-01-01
BIG = 3 * 2**46


@pytest.fixture
def folder(tmp_path):
    recorder = Recorder(tmp_path, CONFIG, 10)
    for seconds, water, energy in (
        (0, 1, 0),
        (5, 2, 0),  # too soon after the last one
        (12, 3, 0),
        (12.5, 3, 7),
        (3600, 3, BIG),
    ):
        recorder.record({"water": water, "energy": energy}, DAY + seconds)
    recorder.close()
    return tmp_path


def rows(folder, *given):
    return [
        ((at - DAY * 1000) / 1000, list(known.values()))
        for at, known in History(folder).rows(*given)
    ]


ALL = DAY * 1000, DAY * 1000 + 7_200_000


def test_rows_of_other_steps_are_not_taken_for_these(folder):
    """As after a new start with finer steps: what is there already would be another amount."""
    finer = dict(CONFIG.data, channels=["water", {"name": "energy", "step": "0.01"}])
    with pytest.raises(StoreError, match="'energy' has steps of 0.1, now 0.01: give another"):
        Recorder(folder, Config(finer), 10)
    Recorder(folder, Config(dict(CONFIG.data, mesh="n")), 10).close()
    assert rows(folder, *ALL)[-1] == (3600.0, [3, BIG])


def test_changes_are_recorded_no_more_often_than_they_may(folder):
    assert rows(folder, *ALL) == [
        (0.0, [1, 0]),
        (12.0, [3, 0]),
        (12.5, [3, 7]),
        (3600.0, [3, BIG]),
    ]


def test_every_so_often_it_is_what_was_the_newest(folder):
    half = rows(folder, ALL[0] - 1_800_000, ALL[1], 1_800_000)
    assert half == [
        (-1800.0, []),
        (0.0, [1, 0]),
        (1800.0, [3, 7]),
        (3600.0, [3, BIG]),
        (5400.0, [3, BIG]),
        (7200.0, [3, BIG]),
    ]


def test_a_span_begins_with_what_was_known_before(folder):
    assert rows(folder, ALL[0] + 12_400, ALL[0] + 13_000) == [(12.5, [3, 7])]


def test_a_clock_that_goes_back_and_a_new_start_keep_the_order(folder):
    recorder = Recorder(folder, CONFIG, 10)
    assert recorder.record({"water": 3, "energy": BIG}, DAY) == 0  # nothing new
    assert recorder.record({"water": 9}, DAY + 60) == 1  # an hour behind the last of energy
    assert recorder.record({"water": 10}, DAY + 30) == 1
    assert recorder.record({"water": 11}, DAY + 31, at_once=True) == 1
    recorder.close()
    got = [known[1] for _, known in rows_of_water(folder)]
    assert got == sorted(got)
    assert got[-1] == 11


def rows_of_water(folder):
    return [row for row in History(folder).rows(*ALL) if 1 in row[1]]


def call(*words):
    return CliRunner().invoke(cli.main, ["export", *map(str, words)], prog_name="lvs")


def test_csv_is_exact_with_units_offset_and_utc(folder):
    result = call(folder, "--csv", "-")
    assert result.exit_code == 0, result.output
    table = list(csv.reader(io.StringIO(result.output)))
    assert table[0] == ["time", "water", "energy (kWh)"]
    assert table[1] == ["2026-01-01T00:00:00.000Z", "0.001", "12.25"]
    assert table[-1] == ["2026-01-01T01:00:00.000Z", "0.003", "21110623253311.45"]


def test_every_hour_of_a_day(folder, tmp_path):
    path = tmp_path / "day.csv"
    words = "--from", "2026-01-01T00:00Z", "--to", "2026-01-01T23:00Z", "--every", "1h"
    assert call(folder, "--csv", path, *words).output == f"{path}: 24 rows\n"
    assert len(path.read_text().splitlines()) == 25


def test_a_table_begins_where_something_is_known(folder, tmp_path):
    words = "--from", "2025-12-31T22:00Z", "--to", "2026-01-01T01:00Z", "--every", "1h"
    result = call(folder, "--csv", "-", *words)
    assert [line[:13] for line in result.stdout.splitlines()[1:]] == [
        "2026-01-01T00",
        "2026-01-01T01",
    ]


def test_parquet_is_exact(folder, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "all.parquet"
    result = call(folder, "--parquet", path)
    assert result.exit_code == 0, result.output
    table = parquet.read_table(path).to_pydict()
    assert table["energy (kWh)"] == [
        *(Decimal("12.25"), Decimal("12.25"), Decimal("12.95"), Decimal("21110623253311.45"))
    ]
    assert table["time"][0].isoformat() == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere", "--csv", "-"), "there is no history.db"),
        ((), "Missing argument"),
        (("FOLDER",), "--csv FILE or --parquet FILE"),
        (("FOLDER", "--csv", "x.txt"), ".csv"),
        (("FOLDER", "--csv", "-", "--every", "1 hour"), "15m"),
        (("FOLDER", "--csv", "-", "--from", "yesterday"), "-7d"),
        (("FOLDER", "--csv", "-", "--from", "0001-01-01"), "is no time"),
        (("FOLDER", "--csv", "-", "--to", f"-{10**20}w"), "is no span"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_2(folder, words, said):
    result = call(*[folder if word == "FOLDER" else word for word in words])
    assert result.exit_code == 2
    assert said in result.output.splitlines()[-1]
    assert "Traceback" not in result.output


def test_a_moment_may_be_so_long_ago():
    import time

    back = export.MOMENT.convert("-2h", None, None)
    assert abs(back / 1000 + 7200 - time.time()) < 60


def test_an_empty_history_says_so(tmp_path):
    Recorder(tmp_path, CONFIG).close()
    assert (tmp_path / FILE).exists()
    assert "is empty" in call(tmp_path, "--csv", "-").output


def test_what_could_not_be_written_is_written_later(folder):
    recorder = Recorder(folder, CONFIG, 10)
    recorder._db.execute("PRAGMA query_only = 1")  # as a disk that is full
    with pytest.raises(sqlite3.Error):
        recorder.record({"water": 50}, DAY + 9000)
    recorder._db.execute("PRAGMA query_only = 0")
    assert recorder.record({"water": 50}, DAY + 9001) == 1
