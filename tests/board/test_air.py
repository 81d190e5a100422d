"""Boards over the air: the firmware in real MicroPython, on real sockets and a real littlefs."""

import contextlib
import json
import os
import socket
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from lvs_tools import cli, interpreters, places, shims
from lvs_tools.board import air, deploy_air, fleet_air, measure, profiles
from lvs_tools.board.air import AirBoard
from lvs_tools.board.profiles import BoardError
from lvs_tools.board.result import LIST
from tests.board import board_standin
from tests.board.test_deploy_standin import files_on
from tests.support.interpreters import require

PROFILE = "ESP32_GENERIC"
KEY = "a key of the test's own"
LONG = pytest.mark.skipif(not os.environ.get("LVS_LONG"), reason="a minute or two: make air")
# Counts one a second and keeps the sum, which no restart forgets; contributed in the same turn.
TELL = b"""
import app
try:
    told = int(open('/told').read())
except OSError:
    told = 0
def read():
    global told
    if app.node.state != 'ACTIVE' or told >= MOST:
        return 0
    told += 1
    with open('/told', 'w') as f:
        f.write(str(told))
    return 1
"""


@pytest.fixture(autouse=True)
def _needs_micropython():
    require("micropython")


@pytest.fixture(scope="module")
def firmware():
    """{path: bytes} of a whole deployment for a stand-in."""
    require("micropython")
    files = profiles.files(profiles.load(PROFILE), "x64", True, False)
    files[LIST] = ("\n".join(sorted(files)) + "\n").encode()
    return files


class Site:
    """Stand-ins of one mesh, with their addresses."""

    def __init__(self, folder, firmware):
        self.folder = folder
        self.firmware = firmware
        self.port = board_standin.udp_port()
        self.boards = {}
        self.stack = contextlib.ExitStack()

    def add(self, files=(), key=KEY, board=None, **wires):
        """Switch another board on; returns its AirBoard."""
        ip = board_standin.address()
        data = board_standin.config(ip, self.port, board=board or {})
        data["board"]["wifi"]["hostname"] = f"roof{len(self.boards) + 1}"
        own = {
            "/lvs.json": json.dumps(data).encode(),
            "/secrets.json": json.dumps({"wifi_password": "secret123", "admin_key": key}).encode(),
        }
        folder = self.folder / ip
        folder.mkdir(parents=True)
        image = board_standin.flash_image({**self.firmware, **own, **dict(files)})
        (folder / "flash.bin").write_bytes(image)
        standin = board_standin.board(folder, ip, **{"trial_ms": 40_000, "pace": 6, **wires})
        self.stack.enter_context(standin)
        found = AirBoard(f"{ip}:{self.port}", KEY.encode(), patience=20)
        self.boards[found.host] = standin
        return found

    def standin(self, board):
        return self.boards[board.host]


@pytest.fixture
def site(tmp_path, firmware):
    site = Site(tmp_path, firmware)
    with site.stack:
        yield site


@pytest.fixture(scope="module")
def pair(tmp_path_factory, firmware):
    """(site, two boards in one mesh), which tests share: none of them keeps anything."""
    site = Site(tmp_path_factory.mktemp("pair"), firmware)
    with site.stack:
        boards = [site.add(), site.add()]
        wait_until(lambda: all(b.status()["peers"] == 1 for b in boards))
        yield site, boards


def wait_until(condition, seconds=120, shows=None):
    """Wait for a condition; shows: a function whose value is told if it never comes true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, shows and shows()
        time.sleep(0.3)


def secrets_file(folder):
    (folder / "secrets.json").write_text(json.dumps({"admin_key": KEY}))
    return str(folder / "secrets.json")


def lvs(*words):
    return CliRunner().invoke(cli.main, words, catch_exceptions=False)


def other_version(firmware):
    """A firmware that is not the same in three files, one of them boot.py."""
    led = profiles.compile_file(places.FIRMWARE / "led.py", "other.py")
    boot = firmware["/boot.py"] + b"# another version\n"
    return {**firmware, "/led.mpy": led, "/boot.py": boot, "/new.py": b"# new\n"}


def version_of(site, board, firmware):
    """ "old", "new" or "mixed": what is on a board's flash."""
    found = files_on(site.standin(board).image)
    new = other_version(firmware)
    for name, files in (("old", firmware), ("new", new)):
        if {p: found.get(p) for p in new if p != LIST} == {
            p: files.get(p) for p in new if p != LIST
        }:
            return name
    return "mixed"


def code_on(standin, firmware):
    return {p: d for p, d in files_on(standin.image).items() if p in firmware or "/new" in p}


SOURCE = {"kind": "callback", "channel": "people", "module": "tell", "every_s": 1}


def counting(site, count, most):
    """So many boards, each of which counts one person a second, up to ``most``; in one mesh."""
    files = [("/tell.py", TELL.replace(b"MOST", str(most).encode()))]
    boards = [site.add(files, board={"sources": [dict(SOURCE)]}) for _ in range(count)]
    wait_until(lambda: all(b.status()["peers"] == count - 1 for b in boards))
    return boards


def counted(site, boards, most):
    """Wait until all have counted to the end; what they counted, in raw."""

    def told():
        return [int(files_on(site.standin(b).image).get("/told", b"0")) for b in boards]

    wait_until(lambda: told() == [most] * len(boards), 120, told)
    return 1000 * sum(told())


def members(boards):
    return [fleet_air.Member(board, board.status()) for board in boards]


def test_boards_are_updated_one_after_another_while_they_count(site, firmware, monkeypatch):
    """And the values are exact at the end. Five, with accidents: below."""
    boards = counting(site, 2, 12)
    new = other_version(firmware)
    monkeypatch.setattr(profiles, "files", lambda *_: {p: new[p] for p in new if p != LIST})
    results, said, all_of_them = {}, [], members(boards)
    fleet_air.update(all_of_them, results, hold=1, says=said.append)
    assert list(results) == [b.host for b in boards], said
    for board in boards:
        result = results[board.host]
        assert result.copied == ["/boot.py", "/deployed.txt", "/led.mpy", "/new.py"]
        assert result.says.startswith("ACTIVE")
        assert version_of(site, board, firmware) == "new"
        assert site.standin(board).restarts == ["hard"]
        assert not [p for p in files_on(site.standin(board).image) if p.startswith("/update")]
    total = counted(site, boards, 12)
    wait_until(lambda: [b.status()["raw"][1] for b in boards] == [total] * 2)


def test_an_update_that_stops_ends_with_1_a_bad_argument_with_2(tmp_path):
    given = ["fleet", "update", "--secrets", secrets_file(tmp_path), "--hosts"]
    nobody = lvs(*given, "127.0.0.1:9")
    assert nobody.exit_code == 1 and "nothing was changed" in nobody.stderr
    assert lvs(*given, "127.0.0.1:nine").exit_code == 2


@LONG
def test_five_boards_one_loses_power_one_gets_a_broken_firmware(
    site, firmware, monkeypatch, tmp_path
):
    """By `lvs fleet update` itself: found by listening, all five exact at the end, and what had an
    accident runs what it had."""
    boards = counting(site, 5, 30)
    new = other_version(firmware)
    broken = {**new, "/app.mpy": b"no module"}
    given = [*found_by_listening(site, tmp_path), "--secrets", secrets_file(tmp_path)]
    given += ["--hold", "2", "--json"]
    order = sorted(boards, key=lambda board: board.host)
    third = site.standin(order[2])

    def pull():
        third.wait_for("LVS: update on trial", 120)
        third.stop()
        time.sleep(1)
        third.start()

    monkeypatch.setattr(profiles, "files", lambda *_: {p: new[p] for p in new if p != LIST})
    accident = threading.Thread(target=pull)
    accident.start()
    first = lvs("fleet", "update", *given)
    accident.join()
    told = json.loads(first.stdout)
    assert first.exit_code == 1 and "took the new files back" in told["error"], first.output
    assert list(told["updated"]) == [board.host for board in order[:2]]
    versions = [version_of(site, board, firmware) for board in order]
    assert versions == ["new", "new", "old", "old", "old"]
    second = lvs("fleet", "update", *given)
    assert second.exit_code == 0, second.output
    assert {version_of(site, board, firmware) for board in boards} == {"new"}
    monkeypatch.setattr(profiles, "files", lambda *_: {p: broken[p] for p in broken if p != LIST})
    third_time = lvs("fleet", "update", *given)
    assert third_time.exit_code == 1 and json.loads(third_time.stdout)["updated"] == {}
    assert {version_of(site, board, firmware) for board in boards} == {"new"}
    # The power cut may take what its board had told to nobody and not written yet.
    total = counted(site, boards, 30)
    assert fleet_air.settle(members(boards), 60) == {}
    (found,) = {b.status()["raw"][1] for b in boards}
    print(found, "of", total)
    assert total - 5000 <= found <= total


def found_by_listening(site, folder):
    """Options with which `lvs fleet` finds a site's boards by itself."""
    (folder / "mesh.json").write_text(
        json.dumps(board_standin.config("127.0.0.1", site.port, board={}))
    )
    return ["--config", str(folder / "mesh.json")]


def test_boards_are_found_by_listening(pair, tmp_path):
    """One is heard, and knows the other."""
    site, boards = pair
    path = found_by_listening(site, tmp_path)[1]
    found, silent = fleet_air.find([], path, 70, KEY.encode())
    assert [m.board.host for m in found] == [b.host for b in boards] and silent == {}


def test_it_listens_on_where_a_computer_is_heard_first(monkeypatch):
    """A gateway has no administration; a board may speak a minute later."""
    heard = iter([["127.0.0.9"], ["127.0.0.1", "127.0.0.9"]])

    def listen_for(_config, _seconds, enough):
        found = next(heard)
        assert enough(found)
        return found

    def status(board):
        if board.host.startswith("127.0.0.9"):
            raise BoardError("nobody")
        return {}

    monkeypatch.setattr(fleet_air, "listen_for", listen_for)
    monkeypatch.setattr(fleet_air, "settings", lambda _: None)
    monkeypatch.setattr(fleet_air, "neighbours", lambda _: [])
    monkeypatch.setattr(AirBoard, "status", status)
    found, silent = fleet_air.find([], None, 70, KEY.encode())
    assert [m.board.host for m in found] == ["127.0.0.1:4785"]
    assert list(silent) == ["127.0.0.9:4785"]


@pytest.mark.parametrize("changed", [0, 1])
def test_the_mesh_is_awaited_after_whatever_restarted_a_board(monkeypatch, changed):
    """A file that is removed, or that had arrived when the last transfer broke off, is none that
    is copied."""
    status = {**dict.fromkeys(("frozen", "page", "update")), "board": PROFILE, "name": "roof"}
    status.update(micropython=[1, 28, 0], mpy=6, machine="", state="ACTIVE", peers=1)
    waited = []
    monkeypatch.setattr(AirBoard, "status", lambda board: status)
    monkeypatch.setattr(AirBoard, "read", lambda *_: b"/gone.mpy")
    monkeypatch.setattr(AirBoard, "update", lambda *_: ("id", changed))
    monkeypatch.setattr(AirBoard, "wait_for_trial", lambda *_, **more: status)
    monkeypatch.setattr(fleet_air, "settle", lambda *_: waited.append(1) or {})
    results, said = {}, []
    board = AirBoard("127.0.0.1", KEY.encode())
    fleet_air.update([fleet_air.Member(board, status)], results, says=said.append)
    assert len(waited) == changed and results[board.host].copied == []
    assert ("kept" in said[-1]) == bool(changed)


def test_what_does_not_start_is_taken_back(site, firmware):
    board = site.add()
    with pytest.raises(
        BoardError, match="back and .* it says 'an update cannot start: ValueError"
    ):
        name, _ = board.update({**firmware, "/app.mpy": b"no module"}, hold=2)
        board.wait_for_trial(name, says=None)
    standin = site.standin(board)
    assert code_on(standin, firmware) == firmware
    assert standin.restarts == ["hard", "hard"]
    assert "an update cannot start: " in board.read("/crash.log").decode()
    assert board.status()["update"] == "failed"
    # And that is no obstacle to the next one.
    name, changed = board.update({**firmware, "/new.py": b"# new\n"}, hold=2)
    board.wait_for_trial(name)
    assert changed == 1 and code_on(standin, firmware)["/new.py"] == b"# new\n"


def test_what_starts_but_hears_nobody_is_taken_back(site):
    """Another password: the board is alone, and comes back to its network by itself."""
    board, other = site.add(trial_ms=4000), site.add()
    wait_until(lambda: board.status()["peers"] == 1)
    config = deploy_air.read_config(board)
    assert config["board"]["wifi"]["hostname"] == "roof1"
    config["board"]["wifi"]["ssid"] = "nowhere"
    with pytest.raises(BoardError, match="took the new files back"):
        deploy_air.write_config(board, config, hold=2)
    assert deploy_air.read_config(board)["board"]["wifi"]["ssid"] == "home"
    assert site.standin(other).restarts == []


def test_power_lost_on_trial_brings_the_old_files_back(site, firmware):
    board = site.add()
    standin = site.standin(board)
    board.update({**firmware, "/new.py": b"# new\n"}, hold=100)
    standin.wait_for("LVS: update on trial")
    wait_until(lambda: board.status()["update"] == "trial")
    with pytest.raises(BoardError, match="is on trial"):
        board.update({**firmware, "/new.py": b"# newer\n"})
    standin.stop()
    standin.start()
    assert board.status()["update"] == "failed"
    assert code_on(standin, firmware) == firmware


def test_config_over_the_air(site, tmp_path):
    board = site.add()
    given = ("--host", board.host, "--secrets", secrets_file(tmp_path))
    assert json.loads(lvs("config", "get", "board.wifi.ssid", *given).output) == "home"
    page = {
        "address": board.host.partition(":")[0],
        "port": 8080,
    }  # with a web server that it lacks
    assert not {p for p in files_on(site.standin(board).image) if "microdot" in p}
    valve = {"kind": "pin", "channel": "water", "pin": 16, "below": 500}
    changes = ("board.watchdog_s=6", "kb_per_min=40", f"board.status_page={json.dumps(page)}")
    changes += (f"board.sinks={json.dumps([valve])}",)
    done = lvs("config", "set", *changes, *given, "--hold", "2")
    assert done.exit_code == 0 and done.output.endswith(f"{board.host}: kept\n"), done.output
    config = deploy_air.read_config(board)
    assert config["board"]["watchdog_s"] == 6 and config["kb_per_min"] == 40
    with urllib.request.urlopen(f"http://{page['address']}:8080/", timeout=20) as shown:
        assert "board roof1 (" in shown.read().decode()
    assert "/lib/microdot.mpy" in board.read(LIST).decode()
    again = lvs("config", "set", "kb_per_min=40", *given)
    assert again.exit_code == 0 and "nothing to change" in again.output
    told = lvs("config", "set", "kb_per_min=40", *given, "--json").output
    assert json.loads(told) == {"host": board.host, "changed": False}
    for wrong, says in (
        ("board.watchdog=6", "unknown key"),
        ("mesh=other", "of another mesh"),
        ("chanels=1", "did you mean 'channels'?"),
        ("nonsense", "must be KEY=VALUE"),
        (f"channels={json.dumps(['water', *map(str, range(16))])}", "17 are 2 shards, and with"),
        ('board.sinks=[{"kind": "valve"}]', "board.sinks[0].kind must be one of callback,"),
    ):
        done = lvs("config", "set", wrong, *given)
        code = 2 if wrong == "nonsense" else 1
        assert done.exit_code == code and says in done.output and done.output.count("\n") == 1, (
            done
        )
    # A host that does not check is checked by the board.
    with pytest.raises(BoardError, match="board.watchdog_s: 99"):
        config["board"]["watchdog_s"] = 99
        board.update({"/lvs.json": json.dumps(config).encode()})
    assert deploy_air.read_config(board)["board"]["watchdog_s"] == 6


def test_logs_reboot_and_list(pair, tmp_path):
    site, boards = pair
    given = ("--secrets", secrets_file(tmp_path))
    host = boards[0].host
    said = lvs("logs", "--host", host, *given)
    assert said.exit_code == 0 and "LVS: mesh 'test', session" in said.output
    crash = lvs("logs", "--host", host, "--crash", *given)
    assert crash.output == "the board has no crash log: nothing went wrong\n"
    back = lvs("reboot", "--host", host, *given)
    assert back.exit_code == 0 and "back after" in back.output, back.output
    back = json.loads(lvs("reboot", "--host", host, "--json", *given).output)
    assert back["host"] == host and back["back_after_s"] > 0
    assert site.standin(boards[0]).restarts[-1] == "hard"
    wait_until(lambda: all(b.status()["state"] == "ACTIVE" for b in boards))
    hosts = ",".join(b.host for b in boards)
    listed = lvs("fleet", "list", "--hosts", hosts, *given)
    lines = listed.output.splitlines()
    assert listed.exit_code == 0 and len(lines) == 3, listed.output
    assert all(len(line) <= 80 for line in lines) and all(" yes" in line for line in lines[1:])
    rows = json.loads(lvs("fleet", "list", "--hosts", hosts, "--json", *given).output)
    assert {row["name"] for row in rows} == {"roof1", "roof2"}
    assert rows[0]["board"] == PROFILE and rows[0]["state"] == "ACTIVE" and rows[0]["agrees"]


def test_it_is_served_again_after_the_repl(site):
    """Ctrl-C ends the program without a word to its tasks: nothing of them may stay."""
    board = site.add()
    wait_until(lambda: board.status()["state"] == "ACTIVE")
    standin = site.standin(board)
    keys = os.open(standin.port, os.O_RDWR | os.O_NOCTTY)
    for _ in range(2):
        since = len(standin.output)
        os.write(keys, b"\x03")
        standin.wait_for(">>> ", since=since)
        os.write(keys, b"import app; app.main()\r")
        standin.wait_for("LVS: now ACTIVE", since=since)
        assert board.status()["state"] == "ACTIVE"
    os.close(keys)
    assert b"cannot listen" not in standin.output


def raw_talk(board, *lines, wait=8):
    """Send lines to a board's administration after its greeting; (greeting, what came back)."""
    address = air.split(board.host)
    with socket.create_connection(address, timeout=wait) as s:
        greeting = s.makefile("rb").readline()
        for line in lines:
            s.sendall(line)
        back = b""
        with contextlib.suppress(OSError):
            while data := s.recv(4096):
                back += data
        return greeting, back


def test_whoever_has_no_key_is_refused_and_counted(pair):
    """Wrong keys, replays, garbage, endless lines, silence, transfers that break off: the mesh
    goes on, nothing is written, and the owner is served."""
    site, (board, other) = pair
    wait_until(lambda: board.status()["state"] == "ACTIVE")
    image = {p: d for p, d in files_on(site.standin(board).image).items() if p[:8] != "/journal"}
    before, restarts = board.status()["counts"], len(site.standin(board).restarts)
    with pytest.raises(BoardError, match="the key is wrong"):
        AirBoard(board.host, b"not the key of this board").status()
    text = b'{"do":"reboot","salt":"0"}'

    def genuine(nonce):
        return air.mac(KEY.encode(), b"ask", b" %s 0 " % nonce, text) + b" " + text + b"\n"

    recorded = genuine(b"0" * 32)
    for lines in (
        [recorded],
        [b"x" * 4000],
        [b"\n"],
        [b"GET / HTTP/1.0\r\n\r\n"],
        [b"\xff" * 80 + b"\n"],
    ):
        greeting, back = raw_talk(board, *lines)
        assert greeting.startswith(b"LVS-ADMIN 1 ") and back == b""
    began = time.monotonic()
    assert raw_talk(board)[1] == b"" and time.monotonic() - began < 8  # says nothing
    with board.connected() as talk:  # half a transfer
        talk._ask("update", {"manifest": "0" * 64, "lines": 3, "hold": 2})
        talk._socket.sendall(b"0 0 /x\n0 ")
    status = board.status()
    counts = {k: n - before.get(k, 0) for k, n in status["counts"].items()}
    assert counts["wrong key"] == 5 and counts["malformed"] == 1 and counts["late"] == 1, counts
    assert counts["broken off"] == 1, counts
    assert len(site.standin(board).restarts) == restarts
    found = files_on(site.standin(board).image)
    assert {p: d for p, d in found.items() if not p.startswith(("/update", "/journal"))} == image
    assert fleet_air.settle([fleet_air.Member(b, {}) for b in (board, other)], 5) == {}


def test_an_answer_without_the_key_is_not_believed(site):
    """Somebody at the board's address, who plays back what it once said."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def play():
            connection = server.accept()[0]
            connection.sendall(b"LVS-ADMIN 1 " + b"0" * 32 + b"\n")
            connection.makefile("rb").readline()
            connection.sendall(b"0" * 64 + b' {"update":""}\n')
            connection.close()

        thread = threading.Thread(target=play)
        thread.start()
        with pytest.raises(BoardError, match="does not have the key"):
            AirBoard("127.0.0.1:%d" % server.getsockname()[1], KEY.encode()).status()
        thread.join()


def test_what_the_service_takes_of_the_heap(tmp_path):
    """On 32-bit objects: nothing without a key, this with one (docs/boards/RPI_PICO_W.md)."""
    require("wasm")
    for target, data in profiles.files(profiles.load("RPI_PICO_W")).items():
        path = tmp_path / target.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    inside = Path(__file__).parent / "admin_heap.py"
    where = [tmp_path, tmp_path / "lib", Path(shims.PATH)]
    said = interpreters.run("wasm", inside, path=where, heap=180 * 1024)
    found = json.loads(said.rpartition("RESULT ")[2])
    print(found)
    assert found["service"] < 7_000 and found["afterwards"] < 10_000
    assert found["request"] < 20_000
    # Beside the node with full tables, at its worst moment, 32 KB are left.
    profile = profiles.load(measure.TEST_BOARD)
    node = json.loads(measure.ACCEPTED.read_text(encoding="utf-8"))["heap_high_water"]
    assert node + found["request"] + 32 * 1024 <= profile["heap_kb"] * 1024


def test_what_may_not_go_over_the_air(pair):
    site, (board, _) = pair
    restarts = len(site.standin(board).restarts)
    for path in (
        "/secrets.json",
        "/./secrets.json",
        "/journal/x",
        "/leaf.1",
        "/restarts",
        "/today",
        "/frozen.id",
        "/update/commit",
        "/../x",
        "/x/..",
        "/a b",
        "/",
    ):
        with pytest.raises(BoardError):
            board.update({path: b"x"})
    with pytest.raises(BoardError, match="not to be read"):
        board.read("/secrets.json")
    for boot, says in (
        (b"print(1)\n", "cannot take"),
        (b"def finish_update(:\n", "has a mistake"),
    ):
        with pytest.raises(BoardError, match=says):
            board.update({"/boot.py": boot})
    with pytest.raises(BoardError, match="flash is full: /big.bin takes 1954 KB and 32 must stay"):
        board.update({"/big.bin": bytes(2_000_000)})
    assert board.status()["update"] == "" and len(site.standin(board).restarts) == restarts
    with pytest.raises(BoardError, match="flash is full"):  # after files that did arrive
        board.update({"/a.bin": bytes(20_000), "/big.bin": bytes(2_000_000)})
    assert not [p for p in files_on(site.standin(board).image) if p.startswith("/update")]


def test_a_flood_of_connections_does_not_reach_the_mesh(pair):
    site, (board, other) = pair
    wait_until(lambda: board.status()["state"] == "ACTIVE")
    restarts = len(site.standin(board).restarts)
    end = time.monotonic() + 4
    opened = []
    while time.monotonic() < end:
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(air.split(board.host))
        opened.append(s)
        if len(opened) > 200:
            opened.pop(0).close()
        time.sleep(0.001)
    heap = other.status()["heap_free"]
    for s in opened:
        s.close()
    status = board.status(patience=60)
    assert status["state"] == "ACTIVE" and status["peers"] == 1
    assert status["heap_free"] > heap - 60_000
    assert len(site.standin(board).restarts) == restarts


@pytest.mark.parametrize(("port", "pin"), [("rp2", 15), pytest.param("esp32", 27, marks=LONG)])
def test_pulses_are_counted_through_an_update(site, firmware, port, pin):
    """A meter of 25 pulses a second: all count but those that come while the chip is reset."""
    meter = {"kind": "pulse", "channel": "water", "pin": pin, "units": "0.001", "debounce_ms": 0}
    board = site.add(board={"sources": [meter]}, waves={pin: [40, None]}, port=port)
    other = site.add()
    wait_until(lambda: board.status()["peers"] == 1)
    standin = site.standin(board)
    wait_until(lambda: standin.pulses.get(pin, 0) > 10)
    name, _ = board.update({**firmware, "/new.py": b"# new\n"}, hold=2)
    before = standin.pulses[pin]
    board.wait_for_trial(name, hold=2)
    standin.unwire()
    board.reboot()
    standin.wait_for_restart("hard", 2)
    given = standin.pulses[pin]
    assert given > before  # it counts on, on trial
    wait_until(lambda: board.status()["state"] == "ACTIVE")

    def found():
        return {b.status()["raw"][0] for b in (board, other)}

    wait_until(lambda: found() <= {given - 1, given}, shows=lambda: (found(), given))
