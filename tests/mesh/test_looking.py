"""`lvs status`, `members`, `doctor`: one look at a running mesh, and what is made of it."""

import asyncio
import contextlib
import itertools
import json
import re
import socket
import time

import pytest
from click.testing import CliRunner

from lvs import Node
from lvs.config import Config
from lvs.transport_layer import UdpTransport
from lvs.wire import VERSION
from lvs_tools import cli
from lvs_tools.mesh import ask, doctor, looking, members, status
from lvs_tools.mesh.listen import Ear
from lvs_tools.mesh.plan import BROADCAST, free_port
from tests.support import parts
from tests.support.cell import SHORT, Cell

CHANNELS = [{"name": "water", "unit": "L"}, {"name": "energy", "unit": "kWh", "offset": "100"}]
LAPTOP = 77
NONCE = 12345


class Asked(Cell):
    """A cell whose nodes are asked by a laptop; ``replies``: what they say to it."""

    def __init__(self, count, **config):
        self.replies = []
        self.said = b""
        super().__init__(count, channels=CHANNELS, **config)

    def carry(self, source, frame, addr):
        """Keep what is said to the laptop."""
        if addr == LAPTOP:
            self.replies.append((bytes(frame), (f"10.0.0.{source}", 4785)))
        else:
            self.said = bytes(frame)
            super().carry(source, frame, addr)

    def look(self, seen=None) -> ask.Look:
        """Ask everybody; returns the Look."""
        tag = self.nodes[1].config.tag
        seen = seen or ask.Look(Ear(tag, clock=time.monotonic), tag, "")
        frame = ask.question(tag, 0, NONCE)
        for node in self.nodes.values():
            node.handle(frame, LAPTOP)
            node.handle(frame, LAPTOP)
        for reply, addr in self.replies:
            assert seen.ear.hear(reply, addr) == ""
        self.replies.clear()
        return seen


def figures(seen, config):
    return looking.figures(Config(config), 4785, seen)


@pytest.fixture(scope="module")
def cell():
    cell = Asked(3)
    cell.run(60)
    cell.contribute(2, 2500)
    cell.settle()
    return cell


def test_a_look_shows_values_with_units_time_and_that_all_agree(cell):
    seen = cell.look()
    seen.begin()
    said = figures(seen, dict(SHORT, channels=CHANNELS))
    assert said["one_mesh"]
    assert said["answered"] == said["nodes"] == 3
    water, energy = said["channels"]
    assert (water["name"], water["text"], water["unit"], water["raw"]) == (
        *("water", "2.500", "L"),
        2500,
    )
    assert energy["text"] == "100.000"  # its offset is added
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", said["time"])
    assert said["warnings"] == []
    assert abs(said["cycle"] - cell.nodes[1].clock.cycle) < 3
    text = list(status.lines(said))
    assert text[0].endswith("3 nodes answer; one mesh, all agree")
    assert max(map(len, text)) <= 80
    assert any(re.search(r"water +2\.500 L", line) for line in text)
    table = list(members.lines(said))
    assert max(map(len, table)) <= 80
    assert [line.split()[0] for line in table[1:]] == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert all("ACTIVE" in line and "same" in line for line in table[1:])


def test_who_lacks_what_others_showed_is_behind():
    cell = Asked(3)
    cell.run(60)
    parts.settle(cell.nodes[2].replicas[0].shard, 1, 1500)
    seen = cell.look()
    seen.begin()
    said = figures(cell.look(seen), dict(SHORT, channels=CHANNELS))
    assert not said["one_mesh"]
    assert [m["agrees"] for m in said["members"]] == [False, True, False]
    assert said["members"][0]["behind"] == {"energy": "1.500 kWh"}
    assert "10.0.0.1 lacks 1.500 kWh of energy" in list(members.lines(said))
    assert "NOT ONE" in next(iter(status.lines(said)))
    # What is only under way arrives while the look goes on: then nobody is behind.
    for address in (1, 3):
        parts.settle(cell.nodes[address].replicas[0].shard, 1, 1500)
    assert figures(cell.look(seen), dict(SHORT, channels=CHANNELS))["one_mesh"]


def test_halves_of_a_mesh_with_equal_sums_are_told_by_what_they_hold():
    cell = Asked(4)
    cell.run(80)  # well within an epoch
    cell.links = lambda a, b: (a < 3) == (b < 3)
    for address in (1, 3):
        cell.nodes[address].contribute("water", "2.5")
    cell.run(10)
    tag = cell.nodes[1].config.tag
    seen = ask.Look(Ear(tag, clock=lambda: cell.now / 1000), tag, "", NONCE)
    cell.look(seen).begin()
    # A moment says nothing, for what others have may be on its way: it asks on.
    assert not seen.apart() and not seen.settled()
    cell.run(2)
    said = figures(cell.look(seen), dict(SHORT, channels=CHANNELS))
    assert said["channels"][0]["text"] == "2.500" and not said["one_mesh"]
    assert [m["group"] for m in said["members"]] == [1, 1, 2, 2]
    assert [m["agrees"] for m in said["members"]] == [True, True, False, False]
    assert "NOT ONE" in next(iter(status.lines(said)))
    table = list(members.lines(said))
    assert ["GROUP 1" in line for line in table[1:5]] == [True, True, False, False]
    assert "2 groups (about 10.0.0.1, 10.0.0.3) hold different contributions" in table[5]
    assert max(map(len, table[:5])) <= 80
    cell.links = lambda a, b: True
    cell.run(30)  # a look of its own, later
    later = ask.Look(Ear(tag, clock=lambda: cell.now / 1000), tag, "", NONCE)
    cell.look(later).begin()
    assert later.settled()
    cell.run(2)
    said = figures(cell.look(later), dict(SHORT, channels=CHANNELS))
    assert said["one_mesh"] and said["channels"][0]["text"] == "5.000"


def test_who_missed_two_questions_is_asked_again(cell, monkeypatch):
    """Of three live nodes one that answers late was left out, and nothing said of it."""
    tag = cell.nodes[1].config.tag
    ear = Ear(tag, clock=lambda: cell.now / 1000)
    asked = []

    def send(frame, _):
        asked.append(frame)
        for address, node in cell.nodes.items():
            if address != 3 or len(asked) > 4:  # two frames a question
                node.handle(frame, LAPTOP)
        for reply, addr in cell.replies:
            ear.hear(reply, addr)
        cell.replies.clear()

    @contextlib.asynccontextmanager
    async def opened(*_):
        yield ear, ""

    cell.run(60)  # what it may answer in a minute is used up
    monkeypatch.setattr(ear, "send", send)
    monkeypatch.setattr(ask, "opened", opened)
    monkeypatch.setattr(ask, "broadcasts", lambda first: [first])
    monkeypatch.setattr(ask, "_PAUSES_S", (0,) * 7)
    seen = asyncio.run(ask.look(tag))
    assert seen and len(seen.answered()) == 3 and len(asked) < 2 * len(ask._PAUSES_S)


def test_a_question_changes_nothing_in_those_who_are_asked(cell):
    node = cell.nodes[1]
    before = node.status()
    for _ in range(20):
        cell.look()
    after = node.status()
    changed = {k for k in before if before[k] != after[k]}
    assert changed <= {"sent", "sent_bytes", "received", "received_bytes", "dropped"}
    assert node.eps.poll(node.now()) == 1000  # nothing is to be answered to all


def test_who_only_reads_is_no_node_that_fails_to_answer(cell):
    cell.run(60)  # what it may answer in a minute is used up
    seen = cell.look()
    other = ask.question(seen.tag, 0, 999)  # another laptop, or a leaf
    seen.ear.hear(other, ("10.0.0.50", 4785))
    seen.begin()
    said = figures(seen, dict(SHORT, channels=CHANNELS))
    assert said["nodes"] == said["answered"] == 3
    assert said["members"][-1]["state"] == "READER"
    assert not [line for line in status.lines(said) if "did not answer" in line]
    config = Config(dict(SHORT, channels=CHANNELS))
    assert not wrong(doctor.heard(seen, config, 4785)) - {"broadcast"}


def test_lists_and_versions_that_differ_are_named(cell):
    cell.run(60)  # what it may answer in a minute is used up
    seen = cell.look()
    seen.begin()
    other = [{"name": "gas"}, {"name": "energy"}]
    said = figures(seen, dict(SHORT, channels=other))
    assert any(w.startswith("another list of channels at 10.0.0.1") for w in said["warnings"])
    assert max(len(line) for shown in (status, members) for line in shown.lines(said)) <= 80
    fewer = figures(seen, dict(SHORT, channels=CHANNELS[:1]))
    assert any("nodes list 2 channels, this configuration 1" in w for w in fewer["warnings"])
    assert fewer["channels"][0]["text"] == "2.500"
    frame = bytearray(cell.said)
    frame[1] = (VERSION + 1) << 4 | 1
    seen.ear.hear(bytes(frame), ("10.0.0.9", 4785))
    said = figures(seen, dict(SHORT, channels=CHANNELS))
    assert said["members"][-1]["state"] == "OTHER VERSION"
    assert any(f"version {VERSION + 1} of the protocol" in w for w in said["warnings"])


# --- over real sockets --------------------------------------------------------------------------

_FAST = 20  # the nodes' seconds in one of the machine's


async def _meshed(port, count, job):
    """The result of ``job()`` beside nodes on loopback whose time runs fast."""
    clock = lambda: int(time.monotonic() * 1000 * _FAST) & 0x3FFFFFFF  # noqa: E731
    nodes = []
    for i in range(count):
        address = f"127.0.0.{i + 2}"
        config = dict(SHORT, channels=CHANNELS, mesh="m", port=port, broadcast=BROADCAST)
        bits = itertools.count(i + 1)
        nodes.append(
            Node(
                dict(config, address=address),
                UdpTransport(address, BROADCAST, port, clock),
                clock,
                lambda bits=bits: next(bits) * 7368787 & 0x3FFFFFFF,
            )
        )
    running = [asyncio.create_task(node.run()) for node in nodes]
    try:
        while any(n.state != "ACTIVE" for n in nodes):
            await asyncio.sleep(0.02)
        nodes[0].contribute("water", "1.5")
        while any(n.value("water") != 1.5 for n in nodes):
            await asyncio.sleep(0.02)
        return await asyncio.get_running_loop().run_in_executor(None, job)
    finally:
        for node in nodes:
            node.stop(0)
        await asyncio.gather(*running)


def call(*words):
    return CliRunner().invoke(cli.main, [str(w) for w in words], prog_name="lvs")


def test_the_commands_see_a_real_mesh(tmp_path):
    port = free_port()
    path = tmp_path / "config.json"
    config = {"mesh": "m", "channels": CHANNELS, "port": port, "broadcast": BROADCAST}
    path.write_text(json.dumps(dict(SHORT, **config)))

    def job():
        words = path, "--json", "-"
        found = [call(c, *words) for c in ("status", "members", "doctor")]
        return [*found, call("status", "--port", port, "--broadcast", BROADCAST)]

    results = asyncio.run(asyncio.wait_for(_meshed(port, 2, job), 60))
    for result in results[:2]:
        assert result.exit_code == 0, result.output
        said = json.loads(result.stdout)
        assert said["one_mesh"]
        assert [m["address"] for m in said["members"]] == ["127.0.0.2", "127.0.0.3"]
        assert said["channels"][0]["text"] == "1.500"
    found = json.loads(results[2].stdout)["findings"]
    assert ("mesh", "ok") in {(f["about"], f["how"]) for f in found}
    assert ("port", "note") in {(f["about"], f["how"]) for f in found}
    # Without a configuration: the mesh that is heard, by numbers.
    assert re.search(r"#0 +1500 steps", results[3].stdout), results[3].output


@pytest.mark.parametrize("broadcast", ["no where", "a..b"])
@pytest.mark.parametrize("command", ["status", "watch", "audit"])
def test_a_broadcast_that_is_none_is_named(command, broadcast, tmp_path):
    """It was said of the port."""
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"channels": ["a"], "broadcast": broadcast}))
    result = call(command, path)
    assert result.exit_code == 2 and result.stderr.startswith(f"error: broadcast '{broadcast}': ")
    assert result.stderr.count("\n") == 1 and "such as 192.168.1.255" in result.stderr


def test_nobody_is_one_line_and_exit_code_2(tmp_path):
    path = tmp_path / "config.json"
    config = {"mesh": "nobody", "channels": ["a"], "port": free_port(), "broadcast": BROADCAST}
    path.write_text(json.dumps(config))
    result = call("status", path, "--seconds", 1)
    assert result.exit_code == 2
    assert "nobody of mesh 'nobody' answers" in result.stderr
    assert call("members", tmp_path / "none.json").exit_code == 2


# --- what the doctor makes of it ----------------------------------------------------------------


def wrong(found):
    return {f.about for f in found if f.how == doctor.WRONG}


def text(found):
    return " ".join(f"{f.text} {f.mend}" for f in found)


LAN = doctor.Interface("wlan0", "192.168.1.7", "192.168.1.255")
WIRE = doctor.Interface("eth0", "10.1.0.7", "10.1.255.255")
VPN = doctor.Interface("wg0", "10.8.0.2", "10.8.0.255")
BRIDGE = doctor.Interface("docker0", "172.17.0.1", "172.17.255.255")


def test_the_doctor_names_the_way_that_broadcasts_take():
    everybody = "255.255.255.255"
    assert not wrong(doctor.roads([LAN], LAN.address, "", everybody))
    for other, word in ((VPN, "vpn"), (BRIDGE, "container")):
        found = list(doctor.roads([LAN, other], other.address, "", everybody))
        assert wrong(found) == {"broadcast"}
        assert word in text(found)
        assert LAN.broadcast in text(found)  # the mend
    several = list(doctor.roads([LAN, WIRE], WIRE.address, "", everybody))
    assert not wrong(several)
    assert "eth0 (10.1.0.7) alone, not by wlan0" in text(several)
    assert not wrong(doctor.roads([], "127.0.0.1", "", "127.255.255.255"))
    assert wrong(doctor.roads([VPN], "", "Network is unreachable", everybody)) == {
        "interfaces",
        "broadcast",
    }


def test_the_doctor_names_who_has_the_port():
    port = free_port()
    assert doctor.holder(port) == ""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.2", port))
        assert "process" in (doctor.holder(port) or "")
        assert "taken" in text(doctor.port(port, doctor.holder(port)))


def test_the_doctor_tells_silence_from_isolation(cell):
    config = Config(dict(SHORT, channels=CHANNELS))
    tag = config.tag
    nothing = ask.Look(Ear(tag), tag, "")
    assert wrong(doctor.heard(nothing, config, 4785)) == {"broadcast", "members"}
    assert wrong(doctor.heard(nothing, config, 4785, False)) == {"members"}  # said already
    nothing.echo = True
    found = list(doctor.heard(nothing, config, 4785))
    assert wrong(found) == {"members"}
    assert "isolation" in text(found)
    nothing.ear.tags[tag ^ 1] = 3
    assert f"tag {tag ^ 1:08x}" in text(doctor.heard(nothing, config, 4785))
    # They are heard, and what is said to me alone does not come through.
    nothing.ear.hear(cell.said, ("10.0.0.1", 4785))
    found = list(doctor.heard(nothing, config, 4785))
    assert wrong(found) == {"members"}
    assert "none answers" in text(found)


def test_the_doctor_fits_80_columns(capsys):
    long = doctor.Finding("broadcast", doctor.WRONG, "word " * 40, "mend " * 40)
    doctor._print(long)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_a_clock_that_was_never_set_is_named():
    assert wrong(doctor.clock(1000)) == {"clock"}
    assert not wrong(doctor.clock(time.time()))


def test_the_doctor_names_a_network_inside_a_machine(tmp_path):
    eth = doctor.Interface("eth0", "172.17.0.2", "172.17.255.255")
    assert not list(doctor.inside("6.1.0-amd64", [eth], tmp_path))
    assert "mirrored" in text(doctor.inside("5.15.90.1-microsoft-standard-WSL2", [], tmp_path))
    (tmp_path / ".dockerenv").touch()
    assert "--network host" in text(doctor.inside("6.1.0-amd64", [eth], tmp_path))
    assert not list(doctor.inside("6.1.0-amd64", [eth, BRIDGE], tmp_path))


def test_the_doctor_names_interpreters(monkeypatch):
    monkeypatch.setenv("MICROPYTHON", "/nowhere")
    assert "MICROPYTHON=/nowhere is no program" in text(doctor.programs())
    monkeypatch.setenv("MICROPYTHON", "false")
    assert "what MICROPYTHON names is none" in text(doctor.programs())
    monkeypatch.setenv("PYPY", "/nowhere")
    assert "long simulations" in text(doctor.programs())
