"""What a deployment copies, in which order, and what it refuses; without a board."""

import ast
import json
import os

import pytest
from click.testing import CliRunner

from lvs_tools import places
from lvs_tools.board import deploy, fleet, fleet_air, logs, profiles, repl, serial_board
from lvs_tools.board.profiles import BoardError
from lvs_tools.board.result import sha256

WANTED = {"/boot.py": b"b", "/main.py": b"m", "/app.mpy": b"a", "/lib/lvs/wire.mpy": b"w"}


def hashes(files):
    return {path: sha256(data) for path, data in files.items()}


def test_only_what_differs_is_copied():
    there = hashes(WANTED) | {"/app.mpy": sha256(b"older")}
    assert deploy.plan(WANTED, there, list(WANTED)) == (["/app.mpy"], [])
    assert deploy.plan(WANTED, hashes(WANTED), list(WANTED)) == ([], [])


def test_a_source_that_would_hide_a_compiled_module_is_removed():
    there = hashes(WANTED) | {"/lib/lvs/wire.py": "x", "/app.py": "x", "/boot.mpy": None}
    assert deploy.plan(WANTED, there, [])[1] == ["/app.py", "/lib/lvs/wire.py"]


def test_files_of_an_older_version_are_removed_but_no_others():
    there = hashes(WANTED) | {"/old.mpy": "x", "/mine.py": "x", "/lvs.json": "x"}
    assert deploy.plan(WANTED, there, ["/old.mpy", "/gone.mpy"])[1] == ["/old.mpy"]


def test_boot_first_main_last():
    order = deploy.commit_order(WANTED)
    assert order[0] == "/boot.py" and order[-1] == "/main.py"


def test_the_boards_own_way_to_end_an_update_is_taken_from_boot():
    source = deploy.finish_update_source()
    ast.parse(source)
    assert "/update/commit" in source and "Ctrl-C" not in source


def test_a_file_is_named_as_its_module_is():
    targets = ("/lib/lvs/__init__.py", "lvs/wire.py", "/lib/microdot.py", "/app.py")
    assert list(map(profiles.module, targets)) == ["lvs", "lvs.wire", "microdot", "app"]


@pytest.mark.parametrize("name", profiles.names())
def test_every_file_of_every_board_compiles_for_it(name):
    profile = profiles.load(name)
    files = profiles.files(profile, profile["arch"])
    assert {
        "/boot.py",
        "/main.py",
        "/app.mpy",
        "/lib/lvs/node_runtime.mpy",
        "/profile.json",
    } <= set(files)
    assert ("/lib/microdot.mpy" in files) == bool(profile["board"]["status_page"])
    for path, data in files.items():
        if path.endswith(".mpy"):
            assert data[:1] == b"M" and data[1] == 6, path
            own = path.rsplit("/", 1)[-1][:-4] + ".py"
            assert own.encode() + b"\0" not in data, path
    assert not {"/lvs.json", "/secrets.json"} & set(files)
    assert profiles.files(profile, profile["arch"]) == files  # the same bytes every time


def test_sources_instead_of_compiled_modules():
    files = profiles.files(profiles.load("RPI_PICO_W"), compiled=False)
    assert "/app.py" in files and not any(path.endswith(".mpy") for path in files)


@pytest.mark.parametrize("name", profiles.names())
def test_profiles_are_complete(name):
    profile = profiles.load(name)
    assert set(profile) == {"name", *profiles.KEYS}
    assert profile["arch"] in profiles.ARCHITECTURES and profile["port"] in ("esp32", "rp2")
    assert set(profile["pins"]) == {"pulse", "button", "adc"}
    assert profiles.by_mcu(profile["mcu"])["name"] == name
    assert profile["budget_kb"] < profile["heap_kb"]
    led = profile["board"]["led"]
    assert not led or led["pin"] not in profile["pins"].values()


def test_an_unknown_board_gets_a_suggestion():
    with pytest.raises(BoardError, match="did you mean ESP32_GENERIC"):
        profiles.load("esp32")
    with pytest.raises(BoardError, match="no profile for a board with ESP8266"):
        profiles.by_mcu("ESP8266")


@pytest.mark.parametrize("name", profiles.names())
def test_the_frozen_build_contains_every_file(name):
    """The manifest, read with stand-ins for what MicroPython's build offers it."""
    frozen = set()

    def run(path):
        folder = path.parent

        def include(target):
            if not target.startswith("$("):  # MicroPython's own
                run((folder / target).resolve())

        def module(file, base_path=".", opt=None):
            assert opt == 3, "asserts cost a board nothing"
            assert (folder / base_path / file).is_file(), file
            frozen.add((folder / base_path / file).resolve())

        def package(package_name, base_path=".", opt=None):
            assert opt == 3
            files = (folder / base_path / package_name).resolve().rglob("*.py")
            frozen.update(files)

        exec(path.read_text(), {"include": include, "module": module, "package": package})

    run(places.BOARDS / name / "manifest.py")
    expected = {
        p.resolve()
        for p in [
            *places.LIB.rglob("*.py"),
            *places.FIRMWARE.glob("*.py"),
        ]
    }
    assert frozen == expected


class FakeBoard:
    port = "PORT"
    platform = "esp32"

    def __init__(self, version=(1, 29, 0), mcu="ESP32", mpy=6, free=10**6):
        self.version, self.mcu, self.machine, self.mpy = version, mcu, f"Some with {mcu}", mpy
        self.free = free
        self.left = 0  # bytes of a transfer that broke off

    require_supported = serial_board.SerialBoard.require_supported

    def free_bytes(self):
        return self.free, 4096

    def run(self, code, doing):
        self.free += self.left


def test_an_old_micropython_is_one_line():
    with pytest.raises(BoardError, match="MicroPython 1.25.0 is too old; 1.26 or newer"):
        deploy.identify(FakeBoard((1, 25, 0)), None)


def test_another_mpy_version_is_one_line():
    with pytest.raises(BoardError, match="deploy with --py"):
        deploy.identify(FakeBoard((2, 0, 0), mpy=7), None)


def test_the_wrong_board_is_one_line():
    with pytest.raises(BoardError, match="this board has ESP32S3 .*but RPI_PICO_W has RP2040"):
        deploy.identify(FakeBoard(mcu="ESP32S3"), "RPI_PICO_W")


def test_the_board_is_found_out():
    assert deploy.identify(FakeBoard(mcu="RP2350"), None)["name"] == "RPI_PICO2_W"


def test_a_full_filesystem_is_one_line_before_anything_is_changed():
    with pytest.raises(BoardError, match="filesystem is full: the update needs 32 KB, 9 KB are"):
        deploy.check_space(FakeBoard(free=10_000), WANTED, list(WANTED))
    deploy.check_space(FakeBoard(), WANTED, list(WANTED))
    board = FakeBoard(free=10_000)
    board.left = 10**6
    deploy.check_space(board, WANTED, list(WANTED))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "lvs.json: "),
        ('{"channels": ["a"]}', "mesh is missing"),
        ('{"mesh": "a"}', "channels is missing"),
        (json.dumps({"mesh": "a", "channels": list(map(str, range(17)))}), "17 are 2 shards"),
    ],
)
def test_a_configuration_without_a_needed_key_is_not_copied(tmp_path, text, expected):
    (tmp_path / "lvs.json").write_text(text)
    with pytest.raises(BoardError, match=expected):
        deploy.check_own({"lvs.json": tmp_path / "lvs.json"}, profiles.load("ESP32_GENERIC"))


@pytest.mark.parametrize("command", [deploy.command, fleet.at_the_cable])
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "lvs.json: mesh is missing"),
        (["--config", "twice.json"], "twice.json: channels[1]: 'water' is there twice"),
        (["--config", "no.json"], "no.json: no such file"),
        (["--config", "good.json", "--board", "RPI_PICOW"], "did you mean RPI_PICO_W?"),
    ],
)
def test_files_are_looked_at_before_ports(command, words, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(serial_board, "ports", list)
    monkeypatch.setattr(fleet, "found_ports", list)
    good = {"mesh": "m", "channels": ["water"]}
    for name, data in (
        ("lvs.json", {"channels": ["water"]}),
        ("good.json", good),
        ("twice.json", {**good, "channels": ["water", "water"]}),
    ):
        (tmp_path / name).write_text(json.dumps(data))
    assert expected in one_line(CliRunner().invoke(command, words), 2)
    line = one_line(CliRunner().invoke(command, ["--config", "good.json"]))
    assert "no board at any serial port" in line


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("secrets.json", "[]"),
        ("secrets.json", '{"wifi_password": 5}'),
        ("lvs.json", '{"mesh": "a", "channels": ["b"], "board": {"wifi": 5}}'),
    ],
)
def test_what_a_new_board_could_not_start_with_is_not_copied(tmp_path, name, text):
    own = {name: tmp_path / name for name in ("lvs.json", "secrets.json")}
    own["lvs.json"].write_text(
        '{"mesh": "a", "channels": ["b"], "board": {"wifi": {"ssid": "c"}}}'
    )
    own["secrets.json"].write_text('{"wifi_password": "12345678"}')
    deploy.check_new(own, profiles.load("ESP32_GENERIC"))
    own[name].write_text(text)
    with pytest.raises(BoardError, match=f"/{name}: .*must be"):
        deploy.check_new(own, profiles.load("ESP32_GENERIC"))


def test_boards_of_a_mesh_can_be_told_apart_by_their_names():
    row = {"address": "", "board": "", "lvs": "", "protocol": 2, "uptime_s": 0, "rssi": None}
    row |= {"heap_free": None, "agrees": True, "lacks": "", "update": ""}
    shown = fleet_air.table([{**row, "name": f"lvs-garden-{n}"} for n in ("265a", "31b0")])
    assert "lvs-..265a" in shown and "lvs-..31b0" in shown


def one_line(result, status=1):
    assert result.exit_code == status, result.output
    lines = result.output.strip().splitlines()
    assert len(lines) == 1, result.output
    return lines[0]


@pytest.mark.parametrize("command", [deploy.command, logs.command, repl.command])
def test_no_such_port_is_one_line(command, tmp_path):
    line = one_line(CliRunner().invoke(command, ["--port", str(tmp_path / "no")]))
    assert "no serial port" in line


@pytest.mark.parametrize("command", [deploy.command, logs.command, repl.command])
def test_no_port_at_all_is_one_line(command, monkeypatch):
    monkeypatch.setattr(serial_board, "ports", list)
    assert "plug it in" in one_line(CliRunner().invoke(command, []))


def test_several_ports_are_listed(monkeypatch):
    monkeypatch.setattr(serial_board, "ports", lambda: [("/dev/a", "A"), ("/dev/b", "B")])
    line = one_line(CliRunner().invoke(deploy.command, []))
    assert "/dev/a (A), /dev/b (B)" in line


def test_a_fleet_without_boards_is_one_line(monkeypatch):
    monkeypatch.setattr(fleet, "found_ports", list)
    assert "no board at any serial port" in one_line(CliRunner().invoke(fleet.at_the_cable, []))


def test_a_port_in_use_is_one_line(tmp_path):
    import pty

    import serial

    master, slave = pty.openpty()
    name = os.ttyname(slave)
    with serial.Serial(name, exclusive=True):
        line = one_line(CliRunner().invoke(deploy.command, ["--port", name]))
    os.close(master)
    os.close(slave)
    assert f"{name} is in use by another program" in line


def test_a_port_where_nobody_answers_is_one_line(monkeypatch):
    import pty

    monkeypatch.setattr(serial_board.SerialBoard.__init__, "__defaults__", (1,))
    monkeypatch.setattr(serial_board, "_SILENCE_S", 1)
    master, slave = pty.openpty()
    line = one_line(CliRunner().invoke(deploy.command, ["--port", os.ttyname(slave)]))
    os.close(master)
    os.close(slave)
    assert "no MicroPython answers" in line


def test_the_profile_that_a_board_gets_has_only_what_it_needs():
    files = profiles.files(profiles.load("RPI_PICO_W"), compiled=False)
    assert set(json.loads(files["/profile.json"])) == {"name", "config", "board"}
