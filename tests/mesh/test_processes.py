"""Meshes of real processes: MicroPython and CPython nodes over real UDP, judged to the bit."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lvs_tools import interpreters, places
from lvs_tools.mesh.process import NODE_MAIN

# A CI without MicroPython has lost half of what it is for: there the tests run, and fail.
pytestmark = pytest.mark.skipif(
    interpreters.command("micropython") is None and not os.environ.get("CI"),
    reason=interpreters.mend("micropython"),
)
LVS = [sys.executable, "-c", "from lvs_tools.cli import main; main()"]
ENVIRONMENT = interpreters.environment((places.HOST, places.LIB))


def mesh(tmp_path, *options, timeout=180):
    """Run `lvs mesh`; returns (exit code, account, what it printed)."""
    account = tmp_path / "account.json"
    done = subprocess.run(
        [*LVS, "mesh", *options, "--json", str(account)],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    said = done.stdout + done.stderr
    return done.returncode, json.loads(account.read_text()) if account.exists() else {}, said


def check_exact(code, account, said):
    """The verdict is exact, and so is the arithmetic behind it."""
    assert code == 0, said
    assert account["exact"], said
    assert "exact" in said
    for name, contributed in account["contributed_raw"].items():
        values = account["values_raw"][name]
        assert values["min"] == values["max"] == contributed - account["lost_raw"][name]
    assert sum(account["contributed_raw"].values()) > 0
    assert account["convergence_ms"] is not None


def node_processes(port):
    """The ids of processes that run a node of the mesh on this port."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(NODE_MAIN).encode() in words and any(
                config_port(word) == port for word in words if word.endswith(b".json")
            ):
                found.append(int(entry.name))
    return found


def config_port(path):
    """The port in a configuration file, or None when it is gone."""
    try:
        return json.loads(Path(os.fsdecode(path)).read_text())["port"]
    except (OSError, ValueError):
        return None


def test_twelve_converge_through_loss_and_kills(tmp_path):
    code, account, said = mesh(tmp_path, "--loss", "0.3", "--seed", "3")
    check_exact(code, account, said)
    assert account["nodes"] == 12
    assert account["micropython_nodes"] == 8
    assert account["restarted"] == 3
    assert account["loss"] == 0.3
    # The three were killed with a contribution that they had told nobody: the journal has it.
    assert len(account["killed"]) == 3
    assert all(sum(k["contributed_raw"].values()) > 0 for k in account["killed"])
    assert not any(account["lost_raw"].values())
    assert 0 < account["bytes_per_node_per_min"]["mean"]
    assert account["bytes_per_node_per_min"]["p99"] <= 50_000


def test_small_meshes(tmp_path):
    """One node alone, two of different kinds, three of which two are killed: side by side."""
    options = {
        "one": ("--nodes", "1", "--seconds", "24"),
        "two": ("--nodes", "2", "--micropython", "1", "--seconds", "30"),
        "three": (
            "--nodes",
            "3",
            "--micropython",
            "2",
            "--kill",
            "2",
            "--seconds",
            "40",
            "--no-journal",
        ),
    }
    for name in options:
        (tmp_path / name).mkdir()
    with ThreadPoolExecutor() as pool:
        runs = {name: pool.submit(mesh, tmp_path / name, *o) for name, o in options.items()}
    for run in runs.values():
        check_exact(*run.result())
    accounts = {name: run.result()[1] for name, run in runs.items()}
    assert [a["micropython_nodes"] for a in accounts.values()] == [1, 1, 2]
    assert [a["restarted"] for a in accounts.values()] == [0, 0, 2]
    assert len(accounts["three"]["killed"]) == 2
    # Without a journal what they had told nobody is lost, and counted.
    assert sum(accounts["three"]["lost_raw"].values()) > 0
    assert all(lost >= 0 for lost in accounts["three"]["lost_raw"].values())
    assert len({a["port"] for a in accounts.values()}) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_the_driver_no_node_is_left(number):
    port = free_port()
    driver = subprocess.Popen(
        [*LVS, "mesh", "--nodes", "4", "--port", str(port)],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: len(node_processes(port)) == 4)
        nodes = node_processes(port)
        driver.send_signal(number)
        code = driver.wait(20)
    finally:
        driver.kill()
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    wait_until(lambda: not [p for p in nodes if Path(f"/proc/{p}").exists()])


def free_port():
    """A UDP port that is free on every address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("0.0.0.0", 0))
        return probe.getsockname()[1]


def wait_until(true, seconds=20):
    """Wait for a condition; fails when it does not come true in time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_a_port_in_use_is_one_clear_line(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.3", 0))
        port = other.getsockname()[1]
        code, account, said = mesh(tmp_path, "--nodes", "2", "--port", str(port))
    assert code == 2
    assert account == {}
    assert f"port: {port} is in use on 127.0.0.3" in said
    assert "Traceback" not in said


def test_missing_micropython_names_the_mend(tmp_path, monkeypatch):
    monkeypatch.setitem(ENVIRONMENT, "MICROPYTHON", "/nowhere/micropython")
    code, _, said = mesh(tmp_path, "--nodes", "2")
    assert code == 2
    assert "MICROPYTHON" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("kind", ["cpython", "micropython"])
class TestOneNode:
    """The entry point by itself, spoken to over pipes."""

    @pytest.fixture
    def start(self, kind, tmp_path):
        """Starts node_main with a configuration and options; ended by the fixture."""
        started = []

        def start(config, *options):
            path = tmp_path / "config.json"
            path.write_text(json.dumps(config))
            engine = interpreters.command(kind)
            assert engine, interpreters.mend(kind)
            process = subprocess.Popen(
                [*engine, str(NODE_MAIN), str(path), *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                bufsize=1,
            )
            started.append(process)
            return process

        yield start
        for process in started:
            with process:  # closes its pipes and waits
                process.kill()

    def config(self, **more):
        return {
            "mesh": "test",
            "channels": ["water", "tap water"],
            "port": free_port(),
            "address": "127.0.0.2",
            "broadcast": "127.255.255.255",
            **more,
        }

    def ask(self, process, line):
        """The answer to a line, past whatever else the node says."""
        process.stdin.write(line + "\n")
        while True:
            said = json.loads(process.stdout.readline())
            if "answer" in said:
                return said

    def test_commands(self, start):
        process = start(self.config(), "--report-ms", "100")
        assert "ready" in json.loads(process.stdout.readline())
        assert self.ask(process, "contribute water 2.5")["amount"] == "2.5"
        assert self.ask(process, "contribute tap water 1")["channel"] == "tap water"
        assert "error" in self.ask(process, "contribute wine 1")
        assert "error" in self.ask(process, "contribute water -1")
        assert "error" in self.ask(process, "nonsense")
        assert self.ask(process, "status")["status"]["state"] in ("INIT", "JOINING")
        wait_until(lambda: self.ask(process, "value water")["raw"] == 2500, 40)
        assert self.ask(process, "values")["raw"] == {"water": 2500, "tap water": 1000}
        rows = self.ask(process, "rows")["rows"]
        assert sorted(row[1:] for row in rows) == [
            ["tap water", 1000, 1000],
            ["water", 2500, 2500],
        ]
        assert self.ask(process, "quit")["answer"] == "quit"
        assert process.wait(5) == 0

    def test_watch_tells_every_change(self, start):
        process = start(self.config())
        assert self.ask(process, "watch")["watching"]
        self.ask(process, "contribute water 2")
        wait_until(lambda: json.loads(process.stdout.readline()).get("change") == ["water", 2], 40)

    def test_reports_come_by_themselves(self, start):
        process = start(self.config(), "--report-ms", "50")
        said = [json.loads(process.stdout.readline()) for _ in range(6)]
        reports = [s["report"] for s in said if "report" in s]
        assert len(reports) >= 3
        assert reports[-1]["values"] == {"water": 0, "tap water": 0}

    def test_it_ends_with_its_input(self, start):
        process = start(self.config())
        process.stdout.readline()
        process.stdin.close()
        assert process.wait(5) == 0

    def test_it_ends_on_an_interrupt(self, start):
        process = start(self.config())
        assert abs(self.ask(process, "help")["time"] - time.time()) < 60
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130
        assert process.stderr.read() == ""

    def test_an_interrupt_says_what_nobody_was_told(self, start, kind):
        process = start(self.config())
        self.ask(process, "contribute water 2.5")
        process.send_signal(signal.SIGINT)
        said = json.loads(process.stdout.readline())
        if kind == "cpython":  # it goes on telling until the next one
            assert said["stopping"] == 2500
            process.send_signal(signal.SIGINT)
            said = json.loads(process.stdout.readline())
        assert (said["left"], said["text"]) == (2500, "2.500 of water")
        assert process.wait(20) == 130
        assert process.stderr.read() == ""

    def test_a_journal_that_cannot_be_written_keeps_nothing(self, start, tmp_path):
        process = start(self.config(), "--journal", f"{tmp_path}/config.json/no folder")
        self.ask(process, "contribute water 2.5")
        process.stdin.close()
        said = [json.loads(line) for line in process.stdout]
        assert said[-1]["left"] == 2500 and not said[-1]["kept"]

    def test_a_signal_lets_it_tell_first_and_a_second_one_does_not(self, start, kind):
        if kind != "cpython":
            pytest.skip("MicroPython hands a program no signals")
        process = start(self.config())
        self.ask(process, "contribute water 2.5")
        said = []
        for key in ("stopping", "left"):
            process.send_signal(signal.SIGTERM)
            said.append(json.loads(process.stdout.readline()))
            assert said[-1][key] == 2500
        assert said[-1]["text"] == "2.500 of water"
        assert process.wait(5) == 0  # nobody was there to be told

    @pytest.mark.parametrize(
        ("wrong", "named"),
        [
            ({"channels": []}, "channels"),
            ({"port": 70000}, "port"),
            ({"prot": 4785}, "prot"),
            ({"address": "203.0.113.9"}, "203.0.113.9"),
        ],
    )
    def test_a_bad_configuration_is_one_line(self, start, wrong, named):
        process = start(self.config(**wrong))
        assert process.wait(10) == 2
        said = process.stderr.read()
        assert named in said
        assert said.count("\n") == 1
        assert process.stdout.read() == ""

    def test_a_port_in_use_is_one_line(self, start):
        config = self.config()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.2", config["port"]))
            process = start(config)
            assert process.wait(10) == 2
        said = process.stderr.read()
        assert f"port: {config['port']} is in use" in said
        assert said.count("\n") == 1
