"""Deployments for real: mpremote's transport, MicroPython and a littlefs behind a serial port."""

import asyncio
import contextlib
import functools
import json
import random
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from littlefs import LittleFS, UserContext

import lvs
from lvs import Node
from lvs_tools import places
from lvs_tools.board import deploy, fleet, joining, logs, mip, profiles
from lvs_tools.board.profiles import BoardError
from lvs_tools.board.result import LIST, sha256
from lvs_tools.board.serial_board import SerialBoard
from tests.board import board_standin
from tests.support.interpreters import require

PROFILE = "ESP32_GENERIC"
_SECRETS = json.dumps({"wifi_password": board_standin.WIFI["home"]}).encode()


@pytest.fixture(autouse=True)
def _needs_micropython(monkeypatch):
    require("micropython")
    monkeypatch.setattr(joining, "ALONE_S", 2)


def files_on(image):
    """{path: bytes} of a littlefs in a file, read by another implementation's binding."""
    data = bytearray(image.read_bytes())
    context = UserContext(len(data))
    context.buffer = data
    disk = LittleFS(
        context=context,
        block_size=4096,
        block_count=len(data) // 4096,
        read_size=32,
        prog_size=32,
        lookahead_size=32,
        mount=True,
    )
    found = {}
    for folder, _, names in disk.walk("/"):
        for name in names:
            path = folder.rstrip("/") + "/" + name
            with disk.open(path, "rb") as file:
                found[path] = file.read()
    return found


def put(standin, own, **more):
    with SerialBoard(standin.port) as board:
        return deploy.deploy(board, PROFILE, own, **more)


def with_list(files):
    """{path: bytes} with the list of what is deployed, as a deployment leaves it."""
    return {**files, LIST: ("\n".join(sorted(files)) + "\n").encode()}


@pytest.fixture(scope="module")
def firmware():
    """{path: bytes} of a whole deployment; a first deployment, below, leaves the same."""
    require("micropython")
    return with_list(profiles.files(profiles.load(PROFILE), "x64"))


def board_with(folder, files, ip=None, **wires):
    """A stand-in with these files on its flash, not switched on."""
    standin = board_standin.board(folder, ip, **wires)
    standin.image.write_bytes(board_standin.flash_image(files))
    return standin


def users(data):
    """{path: bytes} of what a user has on a board."""
    return {"/lvs.json": json.dumps(data).encode(), "/secrets.json": _SECRETS}


@pytest.fixture
def deployed(firmware, tmp_path):
    """deployed(config): a stand-in with everything on it; a context manager: switched on."""

    def make(data, files=(), **wires):
        return board_with(tmp_path / "board", {**firmware, **users(data), **dict(files)}, **wires)

    return make


def some_config(**more):
    return board_standin.config(board_standin.address(), board_standin.udp_port(), **more)


def test_deploys_runs_and_counts_exactly_in_a_mesh(tmp_path):
    """From an empty board to a member of a mesh whose pulses are all counted, with two others."""
    ip, port = board_standin.address(), board_standin.udp_port()
    own = board_standin.own_files(
        tmp_path,
        board_standin.config(
            ip,
            port,
            board={
                "sources": [
                    {
                        "kind": "pulse",
                        "pin": 27,
                        "channel": "water",
                        "pulses": 10,
                        "debounce_ms": 0,
                    },
                    {"kind": "callback", "channel": "people", "module": "tell", "every_s": 1},
                ]
            },
        ),
    )
    others = [
        Node(
            {
                "mesh": "test",
                "channels": ["water", "people"],
                "port": port,
                "address": a,
                "broadcast": "127.255.255.255",
            }
        )
        for a in (board_standin.address(), board_standin.address())
    ]
    with board_standin.board(tmp_path / "b", ip, waves={27: [100, 43]}) as standin:
        with SerialBoard(standin.port) as board:
            board.write(
                "/tell.py",
                b"def read():\n import app\n n=app.node\n print('values',"
                b"n.value('water',raw=True),n.value('people',raw=True),"
                b"n.status()['peers'])",
            )
        others[0].contribute("people", 7)

        async def live():
            tasks = [asyncio.create_task(node.run()) for node in others]
            result = await asyncio.to_thread(deploy.deploy_port, standin.port, PROFILE, own)
            assert result.joined == "mesh", result
            assert result.says == "in mesh 'test' with 2 peers"
            assert set(result.copied) >= {"/boot.py", "/main.py", "/lvs.json", "/secrets.json"}
            # 43 pulses of a tenth: 4.3 units, 1100.8 raw, of which 1100 are whole
            await asyncio.to_thread(standin.wait_for, "values 4300 7000 2\r\n", 60)
            end = time.monotonic() + 30
            while time.monotonic() < end:
                await asyncio.sleep(0.2)
                if [n.value("water", raw=True) for n in others] == [1100, 1100]:
                    break
            values = [(n.value("water", raw=True), n.value("people", raw=True)) for n in others]
            for node in others:
                node.stop()
            await asyncio.gather(*tasks)
            return values

        assert asyncio.run(live()) == [(4300, 7000)] * 2
        assert standin.output.split(b"values ")[-1].split()[:3] == [b"4300", b"7000", b"2"]
        assert standin.restarts == ["hard"]


def test_a_second_deployment_copies_nothing_and_keeps_the_users_files(tmp_path, firmware):
    own = board_standin.own_files(
        tmp_path, board_standin.config(board_standin.address(), board_standin.udp_port())
    )
    with board_standin.board(tmp_path / "b") as standin:
        first = put(standin, own)
        assert len(first.copied) > 30 and first.unchanged == 0 and first.kept == []
        before = files_on(standin.image)
        assert {path: before.get(path) for path in firmware} == firmware
        own["lvs.json"].write_text(json.dumps({"mesh": "other", "channels": ["x"]}))
        own["secrets.json"].write_text("{}")
        second = put(standin, own)
        assert second.copied == [] and second.bytes == 0 and second.unchanged > 30
        assert second.kept == ["/lvs.json", "/secrets.json"]
        assert files_on(standin.image) == before
        assert not any(path.startswith("/update") for path in before)


def test_one_changed_file_copies_one_file(deployed):
    with deployed(some_config()) as standin:
        with SerialBoard(standin.port) as board:
            board.write("/led.mpy", b"spoilt")
            board.write("/lib/lvs/wire.py", b"raise SystemExit  # would hide the .mpy")
            board.write("/mine.py", b"the user's own")
        result = put(standin, {})
        assert result.copied == ["/led.mpy"] and result.removed == ["/lib/lvs/wire.py"]
        assert files_on(standin.image)["/mine.py"] == b"the user's own"


class Pulled(Exception):
    """The cable is pulled."""


def cut_deployment(standin, at):
    """Deploy, and cut power and cable at the ``at``-th thing said to the board; the step's name.

    None if the deployment needed fewer.
    """
    done = []

    class Counting(SerialBoard):
        def run(self, code, doing):
            done.append(doing)
            if len(done) == at:
                raise Pulled
            return super().run(code, doing)

        def write(self, path, data, progress=lambda done: None):
            done.append(f"writing {path}")
            if len(done) == at:
                # Half of the file is there already.
                self.transport.fs_writefile(path, data[: len(data) // 2])
                raise Pulled
            super().write(path, data, progress)

    try:
        with Counting(standin.port) as board:
            deploy.deploy(board, PROFILE, {}, status_page=False)
    except Pulled:
        return done[-1]
    finally:
        standin.stop()
    return None


@pytest.fixture(scope="module")
def versions():
    """The image of a board with an old version, and the files of both versions.

    They differ in four files, one more and one fewer, so that a deployment has few steps.
    """
    require("micropython")
    new = profiles.files(profiles.load(PROFILE), "x64", True, False)
    older = {path: new[path] + b"# older\n" for path in ("/boot.py", "/main.py")}
    for path, source in (
        ("/led.mpy", "firmware/led.py"),
        ("/lib/lvs/journal.mpy", "lib/lvs/journal.py"),
    ):
        older[path] = profiles.compile_file(places.ROOT / source, "older.py")
    old = {**new, **older, "/old.mpy": b"older"}
    del old["/power.mpy"]
    data = {**some_config(), "board": {"wifi": False}}
    old = {**with_list(old), **users(data)}
    return board_standin.flash_image(old), old, new


def whole(found, old, new):
    """ "old" or "new" if a board's files are all of one version, else "mixed"."""

    def code(files):
        return {
            p: d
            for p, d in files.items()
            if p.endswith(("py", ".json", ".mpy"))
            and not p.startswith("/update")
            and p not in ("/lvs.json", "/secrets.json")
        }

    if code(found) == code(new):
        return "new"
    return "old" if code(found) == code(old) else "mixed"


def boots(folder, old, new):
    """Switch a board with this flash on: its node runs; which version it has then."""
    with board_standin.board(folder) as standin:
        standin.wait_for("LVS: mesh 'test'")
    found = files_on(standin.image)
    assert whole(found, old, new) != "mixed"
    return whole(found, old, new)


def snapshots(standin):
    """Deploy, and keep the flash as it is at every step and in the middle of every file."""
    kept = {}

    def keep(step):
        kept.setdefault(standin.image.read_bytes(), step)

    class Watched(SerialBoard):
        def run(self, code, doing):
            keep(doing)
            return super().run(code, doing)

        def write(self, path, data, progress=lambda done: None):
            super().write(path, data, lambda done: (keep(f"writing {path}"), progress(done)))

    with Watched(standin.port) as board:
        deploy.deploy(board, PROFILE, {}, status_page=False)
    return [(step, image) for image, step in kept.items()]


def test_interrupted_anywhere_it_boots_one_whole_version(tmp_path, versions):
    """Power cut at every step and inside every file. Where part of the files was moved, and at
    some of the other places, the board is switched on: it runs, with one whole version."""
    image, old, new = versions
    standin = board_standin.board(tmp_path / "b")
    standin.image.write_bytes(image)
    with standin:
        cuts = snapshots(standin)
    outcomes = []
    for number, (step, cut) in enumerate(cuts):
        standin.image.write_bytes(cut)
        found = files_on(standin.image)
        ordered = "/update/commit" in found
        outcome = whole(found, old, new)
        if ordered or number % 12 == 0:
            assert boots(standin.folder, old, new) == ("new" if ordered else outcome)
            outcome += ", booted"
        outcomes.append((step, outcome))
        assert outcome.startswith(("old", "new")), outcomes
    assert len(outcomes) > 12, outcomes
    assert {"old", "new", "old, booted"} <= {outcome for _, outcome in outcomes}, outcomes


@pytest.mark.parametrize("cut", [1, 3, 5, 8])
def test_power_cut_inside_the_switch(tmp_path, versions, cut):
    """The board's own moving of files, cut after some of its operations (test_boot: after all)."""
    image, old, new = versions
    standin = board_standin.board(tmp_path / "b")
    standin.image.write_bytes(image)
    finish = deploy.finish_update_source()
    limited = (
        "import os\nclass Os:\n n=0\n stat=os.stat\n"
        f" def do(self,f,*a):\n  if self.n=={cut}: raise SystemExit\n"
        "  self.n+=1\n  return f(*a)\n"
        " def rename(self,*a): return self.do(os_.rename,*a)\n"
        " def remove(self,*a): return self.do(os_.remove,*a)\n"
        "os_=os\nos=Os()\nos.stat=os_.stat\n" + finish.replace("import os\n", "")
    )

    class Limited(SerialBoard):
        def run(self, code, doing):
            if code == finish and doing == "switching over":
                with contextlib.suppress(BoardError):
                    super().run(limited, doing)
                raise Pulled
            return super().run(code, doing)

    with standin, Limited(standin.port) as board, contextlib.suppress(Pulled):
        deploy.deploy(board, PROFILE, {}, status_page=False)
    assert whole(files_on(standin.image), old, new) == "mixed" or cut == 8
    assert boots(standin.folder, old, new) == "new"


def test_a_pulled_cable_is_made_good_by_running_it_again(tmp_path, versions, monkeypatch):
    """Where every fourth file is missing."""
    wanted = versions[2]
    there = {path: wanted[path] for k, path in enumerate(sorted(wanted)) if k % 4}
    standin = board_with(tmp_path / "b", with_list(there)).start()
    said = cut_deployment(standin, 24)
    assert said and said.startswith("writing"), said
    standin.start()
    writes = []
    with SerialBoard(standin.port) as board:
        write = board.write
        monkeypatch.setattr(
            board, "write", lambda path, *a: (writes.append(path), write(path, *a))
        )
        result = deploy.deploy(board, PROFILE, {}, status_page=False)
    standin.stop()
    # What had arrived was not copied again.
    assert 0 < len(writes) < len(result.copied)
    found = files_on(standin.image)
    assert {p: found.get(p) for p in wanted} == wanted


def test_a_full_filesystem_changes_nothing(tmp_path):
    with board_standin.board(tmp_path / "b", flash_kb=64) as standin:
        with pytest.raises(BoardError, match="filesystem is full"):
            put(standin, {})
        assert files_on(standin.image) == {}


def test_the_device_says_no_space_left(tmp_path):
    with board_standin.board(tmp_path / "b", flash_kb=64) as standin:
        with SerialBoard(standin.port) as board:
            with pytest.raises(BoardError, match="filesystem is full"):
                board.write("/big", random.Random(1).randbytes(80_000))


def test_half_a_copy_stays_at_the_repl_and_says_what_to_do(deployed):
    with deployed(some_config(), [("/lib/lvs/wire.mpy", b"")]) as standin:
        text = standin.wait_for(">>> ")
        assert "cannot start (" in text and "run 'lvs deploy' again" in text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"mesh": None}, "LVS: cannot start: mesh is missing in lvs.json"),
        ({"board": {}}, "LVS: cannot start: board.wifi is missing in lvs.json"),
        (
            {"board": {"wifi": {"ssid": "hom"}}},
            "wifi: no network named 'hom'; in reach: home; check board.wifi.ssid",
        ),
        ({"chanels": ["a"]}, "LVS: cannot start: chanels: unknown key; did you mean 'channels'?"),
    ],
)
def test_a_mistake_in_the_configuration_is_one_line_on_the_serial_port(deployed, change, says):
    data = {key: value for key, value in (some_config() | change).items() if value is not None}
    with deployed(data) as standin:
        standin.wait_for(says + "\r\n")


@pytest.mark.parametrize(
    ("change", "secret", "failed", "says"),
    [
        ({}, "not the one", "wrong password", "refuses the password"),
        ({"mesh": "garden"}, "secret123", "", "another mesh: LVS: warning: mesh: "),
        (
            {"channels": ["water", "beer"]},
            "secret123",
            "another channel list",
            "channels[1]: 'beer' in steps of 0.001 here",
        ),
    ],
)
def test_a_deployment_says_what_failed_of_wifi_and_mesh(
    deployed, monkeypatch, tmp_path, change, secret, failed, says
):
    """With one node of mesh 'test' around, of which the board's configuration may know nothing."""
    monkeypatch.setattr(joining, "ALONE_S", 12)  # time enough to be heard on a busy machine
    monkeypatch.setattr(joining, "FAILED_S", 1)
    data = some_config()
    other = Node({**data, "board": {}, "address": board_standin.address()})
    with deployed(
        data | change, [("/secrets.json", b'{"wifi_password": "%s"}' % secret.encode())], pace=4
    ) as standin:

        async def live():
            task = asyncio.create_task(other.run())
            result = await asyncio.to_thread(deploy.deploy_port, standin.port, PROFILE, {})
            other.stop()
            await task
            return result

        result = asyncio.run(live())
    assert result.joined == "" and result.failed == failed and says in result.says, result


def test_logs_tell_at_once_how_the_board_is(deployed, monkeypatch):
    monkeypatch.setattr(logs, "QUIET_S", 2)
    with deployed(some_config(), pace=4) as standin:
        standin.wait_for("LVS: now ACTIVE, nobody heard")
        result = CliRunner().invoke(logs.command, ["--port", standin.port, "--seconds", "2"])
        assert result.exit_code == 0
        lines = result.output.splitlines()
        assert len(lines) == 1 and lines[0].startswith("LVS: now ACTIVE, nobody heard, wifi up")
        with SerialBoard(standin.port):
            pass  # as mpremote does: the node is stopped
        for seconds in ("3", "0.3"):  # longer and shorter than its patience
            result = CliRunner().invoke(
                logs.command, ["--port", standin.port, "--seconds", seconds]
            )
            assert result.output.count("no node runs") == 1


def test_a_board_in_safe_mode_gets_a_try_after_a_deployment(deployed, tmp_path):
    data = some_config(channels=["water"])
    with deployed(data, [("/restarts", b"9c")], pace=4, reset_cause=2) as standin:
        standin.wait_for("LVS: safe mode: another try in an hour")
        result = deploy.deploy_port(standin.port, PROFILE, {})
        assert result.joined == "alone" and not result.copied, result


def test_a_hung_task_is_bitten_and_recorded(deployed):
    data = some_config(
        board={
            "watchdog_s": 2,
            "sources": [{"kind": "callback", "module": "hang", "channel": "water", "every_s": 2}],
        }
    )
    with deployed(data, [("/hang.py", b"def read():\n while True: pass\n")]) as standin:
        standin.wait_for("LVS: restarted by the watchdog", timeout=40)
        assert standin.restarts[:1] == ["watchdog"]
        result = CliRunner().invoke(logs.command, ["--port", standin.port, "--crash"])
        assert result.exit_code == 0 and "restarted by the watchdog" in result.output


def test_ctrl_c_always_reaches_the_repl(deployed):
    """In the escape window and while the node runs; the watchdog does not throw anybody out."""
    with deployed(some_config(board={"watchdog_s": 2}), window_ms=None) as standin:
        standin.wait_for("LVS: Ctrl-C within")
        with SerialBoard(standin.port) as board:  # in the window
            assert board.run("print(stay)", "test").strip() == "True"
            start = len(standin.output)
            board.reset()
        standin.wait_for("LVS: mesh", since=start)
        time.sleep(1)
        with SerialBoard(standin.port) as board:  # while the node runs
            assert board.run("print(6*7)", "test").strip() == "42"
            time.sleep(3)  # longer than the watchdog allows
            assert board.run("print(6*7)", "test").strip() == "42"
        assert "watchdog" not in standin.restarts


def test_mpremote_itself(deployed, tmp_path):
    """The commands of the documentation, with their soft resets."""
    with deployed(some_config()) as standin:
        mpremote = functools.partial(board_standin.mpremote, standin)
        assert mpremote("exec", "print(6*7)").strip() == "42"
        assert "app.mpy" in mpremote("resume", "fs", "ls")
        (tmp_path / "x.py").write_text("import lvs; print(lvs.__version__)")
        assert mpremote("resume", "run", str(tmp_path / "x.py")).strip() == lvs.__version__
        assert "/" in mpremote("resume", "df")
        digest = mpremote("resume", "sha256sum", "main.py").splitlines()[-1].strip()
        assert digest == sha256((places.FIRMWARE / "main.py").read_bytes())
        before = standin.restarts.count("hard")
        mpremote("soft-reset")
        assert standin.restarts.count("soft") >= 2
        mpremote("resume", "reset")
        standin.wait_for_restart("hard", before + 1)


@pytest.mark.parametrize("kind", ["root", "mpy"])
def test_mip_installs_a_library_that_works(tmp_path, kind):
    package = places.ROOT / "package.json"
    if kind == "mpy":
        package = mip.build(tmp_path / "mip")[1]
    with board_standin.board(tmp_path / "b") as standin:
        board_standin.mpremote(standin, "resume", "mip", "install", str(package))
        with SerialBoard(standin.port) as board:
            code = (
                "import lvs,lvs.transport_layer\n"
                "n=lvs.Node({'mesh':'m','channels':['a'],'address':'%s','port':%d,"
                "'broadcast':'127.255.255.255'})\nn.contribute('a',1)\n"
                "print(n.status()['state'])" % (board_standin.address(), board_standin.udp_port())
            )
            assert board.run(code, "test").strip() == "INIT"
        installed = {p for p in files_on(standin.image) if p.startswith("/lib/")}
        ending = ".mpy" if kind == "mpy" else ".py"
        assert installed == {
            "/lib/" + p.relative_to(places.LIB).with_suffix(ending).as_posix()
            for p in profiles.protocol()
            if kind == "root" or not profiles.native(p)
        }


def test_the_root_package_lists_every_file():
    package = (places.ROOT / "package.json").read_text()
    assert package == mip.root_manifest(), "run: lvs mip --root"


def test_the_built_sources_are_those_of_the_root_package(tmp_path):
    """So what the root's package installs (above) the other installs as well."""
    root, built = places.ROOT / "package.json", mip.build(tmp_path / "mip")[0]

    def installed(package):
        return {
            there: (package.parent / path).read_bytes()
            for there, path in json.loads(package.read_text())["urls"]
        }

    assert installed(built) == installed(root)


def test_a_fleet_side_by_side_one_of_them_missing(tmp_path, firmware):
    """Each board lacks another file."""
    port = board_standin.udp_port()
    boards = []
    for lacks in ("/led.mpy", "/power.mpy"):
        ip = board_standin.address()
        files = {**firmware, **users(board_standin.config(ip, port))}
        del files[lacks]
        boards.append(board_with(tmp_path / ip, files, ip))
    with boards[0] as a, boards[1] as b:
        missing = str(tmp_path / "no")
        result = CliRunner().invoke(
            fleet.at_the_cable,
            ["--ports", f"{a.port},{b.port},{missing}", "--board", PROFILE, "--json"],
        )
        assert result.exit_code == 1
        found = json.loads(result.output)
        assert found[a.port]["started"] and found[b.port]["started"]
        assert [found[x.port]["copied"] for x in (a, b)] == [["/led.mpy"], ["/power.mpy"]]
        assert "no serial port" in found[missing]["error"]


def test_a_standin_is_interrupted_only_while_it_sleeps(tmp_path):
    """Interrupted while it allocated, MicroPython on Linux kept the lock of its heap and stood
    still: one board in thirty that Ctrl-C met while it booted."""
    busy = "import time; t = time.time()\nwhile time.time() < t + 0.5: pass\ntime.sleep(60)"
    standin = board_standin.board(tmp_path)
    standin._process = process = subprocess.Popen([sys.executable, "-c", busy])
    try:
        time.sleep(0.2)
        begin = time.monotonic()
        standin._let_it_rest()
        assert 0.1 < time.monotonic() - begin < 1.5
        standin._let_it_rest()
        assert time.monotonic() - begin < 1.5
    finally:
        process.kill()
        process.wait()


def test_the_status_page_on_the_board(tmp_path):
    import urllib.request

    ip, port = board_standin.address(), board_standin.udp_port()
    page = {"address": ip, "port": 8080}
    own = board_standin.own_files(
        tmp_path, board_standin.config(ip, port, board={"status_page": page})
    )
    files = with_list(profiles.files(profiles.load("RPI_PICO_W"), "x64"))
    with board_with(tmp_path / "b", files, ip, port="rp2") as standin:
        # Off in this board's profile, but lvs.json wants it.
        result = deploy.deploy_port(standin.port, "RPI_PICO_W", own)
        assert result.joined == "alone" and "/lib/microdot.mpy" in result.copied
        time.sleep(1)
        with urllib.request.urlopen(f"http://{ip}:8080/status.json", timeout=10) as answer:
            data = json.load(answer)
        assert data["status"]["mesh"] == "test" and data["wifi"] == "up"
        assert data["memory_free"] > 0
        with urllib.request.urlopen(f"http://{ip}:8080/", timeout=10) as answer:
            assert b"water" in answer.read()
