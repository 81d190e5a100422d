"""`lvs watch` listens, asks little, contributes nothing, and says what it heard."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from lvs.config import Config
from lvs_tools import cli
from lvs_tools.mesh.listen import Ear
from lvs_tools.mesh.observer import Observer
from lvs_tools.mesh.plan import BROADCAST, free_port
from tests.support import parts
from tests.support.cell import SHORT, Cell

CHANNELS = [{"name": "water", "unit": "L"}, {"name": "energy", "unit": "kWh"}]
OBSERVER = 77


class Watched(Cell):
    """A cell with observers, in virtual time; ``asked``: bytes that node 1 hears of them."""

    def __init__(self, count, observers=1, **about):
        self.asked = 0
        self.observers = []
        super().__init__(count, channels=CHANNELS, **about)
        config = Config(dict(SHORT, channels=CHANNELS))
        for number in range(observers):
            observer = Observer(config, 9, "b", clock=lambda: self.now / 1000)
            ear: Any = Ear(config.tag, config.grain, clock=lambda: self.now / 1000)
            ear.send = lambda frame, addr, number=number: self.ask(OBSERVER + number, frame, addr)
            observer.attach(ear)
            self.observers.append((observer, ear))

    def ask(self, source, frame, addr):
        host, _ = addr
        if not host[0].isdigit():  # to all: one of the ways of a broadcast
            if host != "b":
                return
            for number, (_, ear) in enumerate(self.observers):
                ear.hear(frame, (f"10.0.1.{source}", 9))
                assert number < 99
        one = None if host == "b" else int(host.rpartition(".")[2])
        self.asked += (len(frame) + 28) * (one in (None, 1))
        self.carry(source, frame, one)

    def carry(self, source, frame, addr):
        for number, (_, ear) in enumerate(self.observers):
            if source < OBSERVER and addr in (None, OBSERVER + number):
                ear.hear(bytes(frame), (f"10.0.0.{source}", 9))
        if addr is None or addr in self.nodes:
            super().carry(source, frame, addr)

    def watch(self, seconds):
        """Let time pass, with two turns a second; returns the first observer's view."""
        said = {}
        for _ in range(int(seconds * 2)):
            self.run(0.5)
            for observer, _ in self.observers:
                observer.turn()
            said = self.observers[0][0].view()
        return said


@pytest.fixture(scope="module")
def cell():
    cell = Watched(3)
    cell.run(40)
    cell.contribute(2, 2500)
    return cell


def test_values_units_and_that_it_is_one_mesh(cell):
    said = cell.watch(90)
    water, energy = said["channels"]
    assert (water["text"], water["unit"], energy["text"]) == ("2.500", "L", "0.000")
    assert said["together"]["word"] == "ONE"
    assert [(n["name"], n["state"], n["agrees"]) for n in said["nodes"]] == [
        (f"10.0.0.{n}", "ACTIVE", True) for n in (1, 2, 3)
    ]
    assert not said["quiet"] and said["warnings"] == []
    assert said["traffic"]["mean_kb_min"] > 0
    json.dumps(said)


def test_who_lacks_something_is_named_with_the_amount(cell):
    parts.settle(cell.nodes[1].replicas[0].shard, 1, 1500)
    parts.settle(cell.nodes[3].replicas[0].shard, 1, 1500)
    said = cell.watch(150)
    behind = [n for n in said["nodes"] if n["agrees"] is False]
    assert [(n["name"], n["lacks"]) for n in behind] == [("10.0.0.2", "1.500 kWh of energy")]
    assert said["together"]["word"] == "APART"
    assert said["nodes"][0]["name"] == "10.0.0.2"  # trouble first
    parts.settle(cell.nodes[2].replicas[0].shard, 1, 1500)
    assert cell.watch(90)["together"]["word"] == "ONE"


class Halves(Watched):
    """Four nodes, of which each counts on; ``cut``: two and two hear nothing of each other."""

    cut = False

    def links(self, a, b):
        return not self.cut or OBSERVER in (a, b) or (a > 2) == (b > 2)

    def count(self, seconds, addresses=(1, 2, 3, 4), raw=20):
        """Watch while these count; returns the words that were said, and the last view."""
        words, said = set(), {}
        for second in range(0, seconds, 2):
            for address in addresses if addresses and second % 4 == 0 else ():
                self.contribute(address, raw)
            said = self.watch(2)
            words.add(said["together"]["word"])
        return words, said


def test_halves_that_count_alike_are_apart_since_when_and_by_how_much():
    cell = Halves(4, seed=2)
    cell.run(40)
    words, said = cell.count(20)
    assert "APART" not in words
    cell.watch(20)
    cell.cut = True
    words, said = cell.count(120)
    together = said["together"]
    assert together["word"] == "APART"
    assert 110 <= together["since_s"] <= 145
    names = [[n.partition(":")[0] for n in group["names"]] for group in together["groups"]]
    assert sorted(names) == [["10.0.0.1", "10.0.0.2"], ["10.0.0.3", "10.0.0.4"]]
    for group in together["groups"]:  # 1.200 L each, but for what is on its way
        about, amount, _ = group["lacks"].split(" ", 2)
        assert about == "about" and 1.0 <= float(amount) <= 1.2, group
    assert all(node["agrees"] is False for node in said["nodes"])
    cell.cut = False
    assert cell.count(100, ())[1]["together"]["word"] == "ONE"


def test_halves_that_show_the_same_of_different_things_are_apart():
    cell = Halves(4, seed=2)
    cell.run(40)
    cell.watch(30)
    cell.cut = True
    cell.contribute(1, 500)
    cell.contribute(3, 500)
    _, said = cell.count(130, ())
    assert said["together"]["word"] == "APART"
    assert [g["lacks"] for g in said["together"]["groups"]] == ["about 0.500 L of water"] * 2


def test_much_on_its_way_through_loss_is_not_apart():
    cell = Halves(4, loss=0.3)
    cell.run(60)
    words, _ = cell.count(200)
    assert "APART" not in words, words


def test_silence_is_said_and_old_values_are_old():
    cell = Watched(2)
    cell.run(40)
    assert not cell.watch(40)["quiet"]
    for address in list(cell.nodes):
        del cell.nodes[address]
    assert not cell.watch(6)["quiet"]
    said = cell.watch(20)
    assert said["quiet"] and 12 <= said["heard_s"] <= 30
    assert cell.watch(200)["nodes"][0]["state"] == "SILENT"


def test_it_contributes_nothing_and_an_idle_mesh_stays_nearly_idle():
    cell = Watched(3)
    cell.run(120)
    before = cell.nodes[1].status()
    cell.asked = 0
    cell.watch(600)
    after = cell.nodes[1].status()
    assert cell.asked / 10 < 1000  # bytes a minute that a node hears of it
    assert (after["sent_bytes"] + after["received_bytes"]) / 12 < 2000
    assert after["rows"] == before["rows"] and after["given"] == before["given"]


def test_many_observers_ask_as_one_does():
    """Each hears the others, and asks the less."""
    said = {}
    for observers in (3, 9):
        cell = Watched(3, observers)
        cell.run(60)
        cell.watch(150)  # they learn of each other
        cell.asked = 0
        for _ in range(4):
            cell.contribute(1, 100)  # news all the time
            cell.watch(30)
        said[observers] = cell.asked / 2
    assert said[9] < 1.6 * said[3]
    assert said[9] < 6000  # bytes a minute


def test_what_any_node_would_refuse_is_counted(cell):
    observer, ear = cell.observers[0]
    ear.hear(b"noise", ("10.0.0.9", 9))
    before = dict(observer.view()["refused"])
    frames = []
    cell.carry, carry = lambda source, frame, addr: frames.append(bytes(frame)), cell.carry
    cell.nodes[1].eps.say(cell.nodes[1].now())
    cell.carry = carry
    cell.watch(70)
    ear.hear(frames[0], ("10.0.0.1", 9))  # said again, word for word
    after = observer.view()["refused"]
    assert before["magic"] == 1
    assert after.get("replay", 0) == before.get("replay", 0) + 1


def test_a_crowd_of_invented_addresses_is_cut_to_a_page(cell):
    observer, ear = cell.observers[0]
    frames = []
    cell.carry, carry = lambda source, frame, addr: frames.append(bytes(frame)), cell.carry
    cell.nodes[1].eps.say(cell.nodes[1].now())
    cell.carry = carry
    for n in range(5000):
        ear.hear(frames[0], (f"10.9.{n // 250}.{n % 250}", 9))
    said = observer.view()
    assert len(said["nodes"]) <= 400 and said["count"] > 4000
    assert len(json.dumps(said)) < 200000


def test_json_is_a_line_a_second_and_nobody_is_quiet(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    config = {"mesh": "m", "channels": ["a"], "port": free_port(), "broadcast": BROADCAST}
    path.write_text(json.dumps(config))
    lines = []

    def line(view):
        lines.append(view)
        if len(lines) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("lvs_tools.mesh.watch._lines", line)
    result = CliRunner().invoke(cli.main, ["watch", str(path), "--json"])
    assert result.exit_code == 130 and result.output == ""
    assert lines[-1]["quiet"] and lines[-1]["heard_s"] is None
