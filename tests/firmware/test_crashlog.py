"""The crash log: kept, bounded, and never the cause of another crash."""

import os
from pathlib import Path


def test_keeps_text_and_traceback(bench, tmp_path):
    import crashlog

    log, old = str(tmp_path / "crash.log"), str(tmp_path / "crash.old")
    try:
        raise MemoryError("no room")
    except MemoryError as error:
        assert crashlog.write("crashed", error, log, old)
    text = Path(log).read_text()
    assert "crashed" in text and "MemoryError: no room" in text and "test_crashlog.py" in text


def test_is_bounded(bench, tmp_path):
    import crashlog

    log, old = str(tmp_path / "crash.log"), str(tmp_path / "crash.old")
    for i in range(1000):
        crashlog.write("entry %d" % i, None, log, old)
    assert os.stat(log).st_size + os.stat(old).st_size < 10_000
    assert "entry 999" in Path(log).read_text()


def test_a_full_filesystem_is_ignored(bench, tmp_path):
    import crashlog

    assert not crashlog.write("crashed", None, "/dev/full", str(tmp_path / "old"))
    nowhere = str(tmp_path / "no" / "such")
    assert not crashlog.write("crashed", None, nowhere, str(tmp_path / "old"))


def test_the_watchdogs_bite_is_recorded(bench, monkeypatch, tmp_path):
    import crashlog
    import restarts

    said = []
    monkeypatch.setattr(crashlog, "write", said.append)
    monkeypatch.setattr(restarts, "PATH", str(tmp_path / "restarts"))
    assert not restarts.too_often() and not said
    bench.reset_cause = 3
    assert not restarts.too_often() and said == ["restarted by the watchdog"]
