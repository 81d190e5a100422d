"""The files that leave a bridge running: systemd accepts the unit, and what they call is there."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lvs_tools import cli
from lvs_tools.places import PACKAGE

FOLDER = PACKAGE / "bridge"
UNIT = (FOLDER / "lvs-bridge.service").read_text()
CONTAINER = (FOLDER / "Containerfile").read_text()


def accepted(words, tmp_path):
    """Does `lvs bridge` take these words, whatever folders they name?"""
    config = tmp_path / "config.json"
    config.write_text('{"mesh": "m", "channels": []}')  # refused after the words were
    words = [str(config) if w.endswith("config.json") else w for w in words]
    result = CliRunner().invoke(cli.main, words, prog_name="lvs")
    assert "channels" in result.output, result.output
    return result.exit_code == 2


def test_systemd_accepts_the_unit(tmp_path):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze here (Debian: apt install systemd)")
    lvs = Path(sys.executable).with_name("lvs")
    unit = tmp_path / "lvs-bridge.service"
    unit.write_text(UNIT.replace("/opt/lvs/bin/lvs", str(lvs)))
    done = subprocess.run([program, "verify", str(unit)], capture_output=True, text=True)
    about = [line for line in done.stderr.splitlines() if "lvs-bridge" in line]
    assert about == []


def test_the_unit_calls_the_bridge_and_gives_it_time_to_tell(tmp_path):
    found = re.search(r"^ExecStart=/opt/lvs/bin/lvs (.*)$", UNIT, re.MULTILINE)
    assert found
    assert accepted(shlex.split(found[1].replace("${STATE_DIRECTORY}", str(tmp_path))), tmp_path)
    stop = re.search(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)
    assert stop
    assert int(stop[1]) > 65


def test_the_container_calls_the_bridge(tmp_path):
    words = []
    for name in ("ENTRYPOINT", "CMD"):
        found = re.search(rf"^{name} \[(.*)\]$", CONTAINER, re.MULTILINE)
        assert found
        words += [word.strip(' "') for word in found[1].split(",")]
    assert words[0] == "lvs"
    assert accepted(words[1:], tmp_path)
