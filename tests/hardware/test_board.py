"""On a real board (or the stand-in): pytest tests/hardware --port /dev/ttyACM0 [--soak SECONDS].

The board keeps its lvs.json and secrets.json; the node on it is brought up to date. The soak needs
a board that is configured. docs/boards/hardware-tests.md says more.
"""

import contextlib
import json
import os
import time

import pytest

from lvs_tools import places
from lvs_tools.board import deploy, logs
from lvs_tools.board.profiles import BoardError
from lvs_tools.board.serial_board import SerialBoard

pytestmark = pytest.mark.hardware
SOAK_S = int(os.environ.get("LVS_SOAK_S", "600"))
VECTORS = places.ROOT / "tests" / "vectors"


@pytest.fixture(scope="module")
def updated(request):
    """The port of a board with the present node on it, which is at its REPL."""
    port = request.config.getoption("--port")
    said = ""
    try:
        with SerialBoard(port) as board:
            deploy.deploy(board)
    except BoardError as error:
        said = str(error)
    if said:  # one line, with what to do
        pytest.fail(said, pytrace=False)
    return port


def test_a_second_deployment_copies_nothing(updated):
    with SerialBoard(updated) as board:
        result = deploy.deploy(board)
    assert result.copied == [] and result.removed == [] and result.unchanged > 30


def test_the_same_bits_as_everywhere(updated):
    """The vectors of the wire format and the arithmetic, on the board's own processor."""
    files = {
        "/vectors/run.py": (VECTORS / "run.py").read_bytes(),
        "/vectors/cases.jsonl": (VECTORS / "cases.jsonl").read_bytes(),
    }
    with SerialBoard(updated) as board:
        if board.platform != "linux":  # so that all memory is free; the window keeps the REPL
            board.reset()
            board.close()
            time.sleep(1)
            board = SerialBoard(updated)
        board.make_folders(files)
        try:
            for path, data in files.items():
                board.write(path, data)
            board.verify(files)
            said = board.run(
                "import sys\nsys.argv[:]=['run.py','/vectors/cases.jsonl']\n"
                "try: exec(open('/vectors/run.py').read(),{'__name__':'__main__'})\n"
                "except SystemExit as e: print('exit',e.args)\n",
                "running the vectors",
            )
        finally:
            with contextlib.suppress(BoardError):  # what failed before is what matters
                board.run(
                    "import os\nfor n in ('run.py','cases.jsonl'):\n"
                    " try: os.remove('/vectors/'+n)\n except OSError: pass\n"
                    "os.rmdir('/vectors')",
                    "cleaning up",
                )
            board.close()
    result = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
    assert not result.get("failed"), result
    assert "exit (1" not in said


def test_soak(updated):
    """The node runs for LVS_SOAK_S seconds: no restart, no crash, memory left, still active."""
    with SerialBoard(updated) as board:
        if board.read("/lvs.json") is None:
            pytest.skip("the board has no lvs.json: run `lvs init` and `lvs deploy`")
        before = logs.crash_log(board)
        board.reset()
    starts = 0
    for line in filter(None, logs.follow(updated, SOAK_S)):
        starts += "LVS: Ctrl-C within" in line
    assert starts <= 1
    with SerialBoard(updated) as board:
        said = board.run(
            "import app,gc,json\ngc.collect()\n"
            "print(json.dumps([app.node.status(),gc.mem_free()]))",
            "asking the node",
        )
        assert logs.crash_log(board) == before
        board.reset()
    status, free = json.loads(said.strip().splitlines()[-1])
    assert status["state"] in ("ACTIVE", "LOW_POWER"), status
    assert status["cycle"] > 0 and free > 8192, (status, free)
