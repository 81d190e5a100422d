"""`lvs audit`, `backup`, `restore`, `migrate`: of a running mesh, and what is made of it."""

import asyncio
import json
import os
import random
import re
import subprocess
import time

import pytest
from click.testing import CliRunner

from lvs import ConfigError, Node, wire
from lvs import audit as wired
from lvs.config import Config
from lvs.journal import Journal
from lvs.transport_layer import UdpTransport
from lvs_tools import cli, interpreters, places
from lvs_tools.mesh import accounts, ask, audit, backup, migrate, restore
from lvs_tools.mesh.listen import Ear, Member
from lvs_tools.mesh.plan import BROADCAST, free_port
from lvs_tools.mesh.process import NODE_MAIN
from tests.support import parts
from tests.support.cell import SHORT, Cell

CHANNELS = [{"name": "energy", "unit": "kWh"}, "people"]
ASKER = 77
LEAF = places.ROOT / "tests" / "support" / "leaf_process.py"


class Audited(Cell):
    """A cell that is audited without sockets."""

    def carry(self, source, frame, addr):
        if addr == ASKER:
            self.replies.append((bytes(frame), (f"10.0.0.{source}", 4785)))
        else:
            self.said[source] = bytes(frame)
            super().carry(source, frame, addr)

    def __init__(self, *args, **config):
        self.replies = []
        self.said = {}
        super().__init__(*args, channels=CHANNELS, **config)

    def audit(self, deaf=(), twice=(), others=()):
        """The figures of an audit; deaf: who does not answer, but is heard; twice: who answers
        from another address, too; others: frames that are heard of others."""
        config = Config(dict(self.config))
        book = accounts.Book(Ear(config.tag, grain=config.grain), "")
        book.ear.on_frame = lambda member, frame, _: book.take(
            member, frame, accounts.name(member, 4785)
        )
        for address in deaf:
            book.ear.hear(self.said[address], (f"10.0.0.{address}", 4785))
        for i, frame in enumerate(others):
            book.ear.hear(frame, (f"10.0.2.{i}", 4785))
        for _ in range(2):
            for address, node in self.nodes.items():
                buf = bytearray(wire.MAX_FRAME)
                wired.question(buf, config.tag, 4711, 0, 0, 0)
                if address not in deaf:
                    node.handle(bytes(buf), ASKER)
            self.run(5)
            for frame, addr in self.replies:
                assert book.ear.hear(frame, addr) == ""
                if int(addr[0].split(".")[-1]) in twice:
                    book.ear.hear(frame, ("10.0.1.1", 4785))
            self.replies.clear()
            accounts.reckon(config, book)
        return accounts.figures(config, 4785, book)


@pytest.fixture
def cell():
    cell = Audited(3)
    cell.active()
    for address in cell.nodes:
        cell.contribute(address, 1000 * address + 250, "energy")
    cell.settle()
    return cell


def test_it_adds_up(cell):
    said = cell.audit()
    assert said["adds_up"] and said["explained"]
    energy, people = said["channels"]
    assert (energy["given"], energy["value"], energy["difference_raw"]) == (
        *("6.750 kWh", "6.750 kWh"),
        0,
    )
    assert people["value_raw"] == 0
    assert [n["given"]["energy"]["text"] for n in said["nodes"]] == [
        "1.250 kWh",
        "2.250 kWh",
        "3.250 kWh",
    ]
    text = list(audit.lines(said))
    assert max(map(len, text)) <= 80 and text.count("it adds up") == 2
    assert re.search(r"10\.0\.0\.2 +2\.250 kWh  \d{4}-\d\d-\d\d \d\d:\d\d", "\n".join(text))


def test_who_is_silent_is_a_reason(cell):
    said = cell.audit(deaf=[2])
    assert not said["adds_up"] and said["explained"]
    energy = said["channels"][0]
    assert energy["difference"] == "2.250 kWh"
    assert energy["because"] == ["10.0.0.2: heard, but silent; the share is not known"]
    assert any(line.startswith("may be: 10.0.0.2") for line in audit.lines(said))


def test_who_looks_or_audits_is_no_leaf_that_slept(cell):
    tag = cell.nodes[1].config.tag
    buf = bytearray(wire.MAX_FRAME)
    n = wired.question(buf, tag, 4712, 0, 0, 0)
    del cell.nodes[3]
    said = cell.audit(others=[ask.question(tag, 0, 999), bytes(buf[:n])])
    assert said["leaves"] == said["silent"] == [] and not said["explained"]


def test_nodes_that_differ_do_not_add_up(cell):
    parts.settle(cell.nodes[3].replicas[0].shard, 0, 70)
    said = cell.audit()
    energy = said["channels"][0]
    assert energy["difference_raw"] == 0 and not said["adds_up"] and said["explained"]
    assert energy["because"][0].startswith("nodes differ by")
    assert "it adds up, but not with all nodes" in list(audit.lines(said))


def test_an_account_that_began_later_is_a_reason(cell):
    cell.run(200)
    cell.add(3)
    cell.run(60)
    said = cell.audit()
    energy = said["channels"][0]
    assert energy["difference"] == "3.250 kWh"
    assert [why[:45] for why in energy["because"]] == [
        "10.0.0.3: the account began later than others"
    ]


def test_what_nobody_knows_is_not_explained(cell):
    del cell.nodes[3]
    said = cell.audit()
    assert not said["adds_up"] and not said["explained"]
    assert said["channels"][0]["difference"] == "3.250 kWh"
    assert any(line.startswith("NOT EXPLAINED: ") for line in audit.lines(said))
    assert max(map(len, audit.lines(said))) <= 80


def test_a_copied_journal_is_counted_once(cell):
    said = cell.audit(twice=[2])
    assert said["adds_up"] and len(said["nodes"]) == 4


def test_what_is_invented_and_what_is_lost_are_not_explained(cell):
    for node in cell.nodes.values():
        node.replicas[0].shard.shift(0, 700)
    assert cell.audit()["channels"][0]["difference"] == "0.700 kWh"
    for node in cell.nodes.values():
        node.replicas[0].shard.shift(0, -700)
        node.ledger.spent[0] = 10
    said = cell.audit()
    assert said["channels"][0]["difference"] == "-0.030 kWh" and not said["explained"]
    assert any("it was lost" in line for line in audit.lines(said))


# --- configurations -----------------------------------------------------------------------------


def saved(cell):
    """A backup of a cell."""
    data = {**cell.config, "board": {"wifi": {"password": "secret"}}}
    return backup.contents(Config(data), cell.audit())


def test_a_backup_has_values_parameters_channels_audit_and_no_secret(cell):
    written = saved(cell)
    assert [(v["name"], v["value"], v["unit"]) for v in written["values"]] == [
        ("energy", "6.750", "kWh"),
        ("people", "0.000", ""),
    ]
    assert written["parameters"]["session_epochs"] == SHORT["session_epochs"]
    assert written["config"]["channels"] == CHANNELS and "board" not in written["config"]
    assert "secret" not in json.dumps(written)
    assert written["audit"]["adds_up"]


def test_a_mesh_restored_from_it_begins_with_its_values_and_counts_on(cell):
    data = {"mesh": "again", "channels": ["people", {"name": "energy", "step": "0.00025"}]}
    data = restore.started({**data, "before": 1}, saved(cell))
    assert "before" not in data
    new = Cell(2, **{**SHORT, **data})
    new.contributed["energy"] = 27000  # steps of 0.00025
    new.active()
    new.settle()
    assert new.nodes[1].text("energy") == "6.75000"
    new.nodes[2].contribute("energy", "0.25")
    new.contributed["energy"] += 1000
    new.settle()


def test_what_a_restored_mesh_would_lose_is_refused(cell):
    written = saved(cell)
    with pytest.raises(ConfigError, match="channels energy are in the backup and not"):
        restore.started({"channels": ["people"]}, written)
    with pytest.raises(ConfigError, match="is no whole number of its steps, now 0.5"):
        restore.started({"channels": [{"name": "energy", "step": "0.5"}]}, written)
    with pytest.raises(ConfigError, match="not one of this version's backups"):
        restore.started({"channels": CHANNELS}, {**written, "format": 2})
    written["values"][0]["raw"] = None
    with pytest.raises(ConfigError, match="'energy': its value was not known"):
        restore.started({"channels": CHANNELS}, written)


def test_a_backup_that_was_edited_counts_or_is_refused(cell, tmp_path):
    file, config, new = (tmp_path / name for name in ("backup", "config", "new"))
    config.write_text(json.dumps({"channels": CHANNELS}))
    words = ["restore", str(file), str(config), "-o", str(new)]

    def edited(value, **more):
        written = saved(cell) | more
        if not more:
            written["values"][1] |= {"raw": 0, "value": value}
        file.write_text(json.dumps(written))
        return CliRunner().invoke(cli.main, words)

    assert edited("5").exit_code == 0 and '"5"' in new.read_text()  # whatever is raw
    for result in (edited(None), edited(-1), edited("x"), edited("1", values=1)):
        assert result.exit_code == 2 and result.stderr.startswith(f"error: {file}: ")
    config.write_text("{}")
    result = edited("5")
    assert result.exit_code == 2 and result.stderr.startswith(f"error: {config}: ")


def test_migrate_names_the_mesh_before():
    data = {"channels": CHANNELS, "horizon_h": 72, "before": {"tag": "x"}}
    del data["before"]
    new, old = migrate.migrated(data, ["horizon_h=168", "mesh=long"])
    assert new["before"] == {
        "tag": f"{old.tag:08x}",
        "session_epochs": 4050,
        "horizon_epochs": 4050,
    }
    assert Config(new).horizon_epochs == 9450


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("nodes=20", "nothing of that belongs to the mesh"),
        ("route_budget=1024", "route_budget: 1024 is less than 1048576"),
        ("horizon_h=24", "start anew"),
        ("horizon_h", "write KEY=VALUE"),
        ("max_allowed_shift=2", "max_allowed_shift: 2; must be"),
    ],
)
def test_migrate_says_what_cannot_be(setting, why):
    with pytest.raises(ConfigError, match=re.escape(why)):
        migrate.migrated({"channels": CHANNELS}, [setting])


# --- over real sockets --------------------------------------------------------------------------

_FAST = 20  # the nodes' seconds in one of the machine's


def _clock():
    return int(time.monotonic() * 1000 * _FAST) & 0x3FFFFFFF


class Nodes:
    """Nodes on loopback whose time runs fast, each with a journal."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.nodes = {}
        self.tasks = {}

    def configuration(self, name, **changes):
        """A file for the commands; its path."""
        path = self.folder / name
        base = {"mesh": "m", "channels": CHANNELS, "port": self.port, "broadcast": BROADCAST}
        path.write_text(json.dumps({**SHORT, **base, **changes}))
        return path

    def start(self, i, path, address=""):
        """Start node i from a file."""
        address = address or f"127.0.0.{i + 2}"
        self.nodes[i] = Node(
            {**json.loads(path.read_text()), "address": address},
            UdpTransport(address, BROADCAST, self.port, _clock),
            _clock,
            lambda: random.getrandbits(30),
            Journal(str(self.folder / f"journal{i}")),
        )
        self.tasks[i] = asyncio.create_task(self.nodes[i].run())

    async def stop(self, i):
        """Let node i tell the others, and end."""
        self.nodes[i].stop()
        await self.tasks.pop(i)
        self.nodes[i].journal.close()
        self.nodes[i].transport.close()

    async def until(self, raw):
        """Until all nodes hold this of energy."""
        while {n.value("energy", raw=True) for n in self.nodes.values()} != {raw} or any(
            n.state != "ACTIVE" for n in self.nodes.values()
        ):
            await asyncio.sleep(0.02)


def call(*words):
    return CliRunner().invoke(cli.main, [str(w) for w in words], prog_name="lvs")


async def run(*words):
    """A command beside nodes that run."""
    return await asyncio.get_running_loop().run_in_executor(None, lambda: call(*words))


async def _migrated_and_restored(tmp_path):
    """A mesh that changes its parameters while all contribute, and then starts anew."""
    mesh = Nodes(tmp_path)
    old = mesh.configuration("old.json", horizon_epochs=100)
    for i in range(3):
        mesh.start(i, old)
    await mesh.until(0)
    given = 0
    new = tmp_path / "new.json"
    settings = "--set", "mesh=other", "--set", "horizon_epochs=200"
    assert (await run("migrate", old, *settings, "-o", new)).exit_code == 0
    for i in range(3):
        for each, node in mesh.nodes.items():
            node.contribute("energy", f"{i}.00{each}")
            given += 1000 * i + each
        await asyncio.sleep(1)
        await mesh.stop(i)
        mesh.start(i, new)
    await mesh.until(given)
    found = await run("audit", new, "--spread", 0, "--json", "-")
    assert found.exit_code == 0, found.output
    said = json.loads(found.stdout)
    assert said["channels"][0]["value_raw"] == said["channels"][0]["given_raw"] == given
    assert len(said["nodes"]) == 3 and all(n["since"] for n in said["nodes"])
    copy = tmp_path / "backup.json"
    assert (await run("backup", copy, new, "--spread", 0)).exit_code == 0
    await asyncio.gather(*map(mesh.stop, range(3)))
    again = tmp_path / "again.json"
    assert (await run("restore", copy, "--set", "horizon_epochs=10", "-o", again)).exit_code == 0
    for i in range(3):
        mesh.start(i, again)
    await mesh.until(given)
    found = await run("audit", again, "--spread", 0)
    assert found.exit_code == 0 and "the mesh began with" in found.stdout, found.output
    await asyncio.gather(*map(mesh.stop, range(3)))


_WIDE = 1 << 43  # raw: sixteen such amounts fill more than one answer


async def _audited_with_a_leaf(tmp_path):
    """A leaf's process wakes now and then; asked meanwhile, it answers for all channels."""
    mesh = Nodes(tmp_path)
    channels = [*CHANNELS, *(f"c{i}" for i in range(14))]
    path = mesh.configuration("c.json", channels=channels)
    for i in range(2):
        mesh.start(i, path)
    await mesh.until(0)
    own = mesh.configuration("leaf.json", channels=channels, held=0, address="127.0.0.9")
    name = "micropython" if interpreters.micropython() else "cpython"
    leaf = subprocess.Popen(
        [
            *(interpreters.command(name) or ()),
            str(LEAF),
            str(own),
            str(tmp_path / "leaf."),
            str(_WIDE),
        ],
        env=interpreters.environment((places.HOST, places.LIB)),
    )
    said = {"nodes": [], "channels": []}
    try:
        while [c["given_raw"] for c in said["channels"]] != [_WIDE] * 16:
            assert leaf.poll() is None
            found = await run("audit", path, "--spread", 0, "--leaves", 3, "--json", "-")
            said = json.loads(found.stdout) if found.exit_code != 2 else said
    finally:
        leaf.kill()
        leaf.wait()
    assert {"127.0.0.2", "127.0.0.3", "127.0.0.9"} == {n["address"] for n in said["nodes"]}
    assert all(c["waits_raw"] > _WIDE - (1 << 40) for c in said["channels"])
    await asyncio.gather(*map(mesh.stop, range(2)))


def test_a_leaf_is_asked_while_it_is_awake(tmp_path):
    asyncio.run(asyncio.wait_for(_audited_with_a_leaf(tmp_path), 180))


async def _audited_where_a_node_has_the_port(tmp_path):
    mesh = Nodes(tmp_path)
    path = mesh.configuration("c.json")
    mesh.start(0, path, "0.0.0.0")
    await mesh.until(0)
    found = await run("audit", path, "--spread", 0, "--leaves", 86400, "--json", "-")
    assert found.exit_code == 0 and json.loads(found.stdout)["adds_up"]
    assert f"leaves: port {mesh.port} is in use on this machine, so none is heard" in found.stderr
    await mesh.stop(0)


def test_where_leaves_cannot_be_heard_nobody_waits_for_them(tmp_path):
    asyncio.run(asyncio.wait_for(_audited_where_a_node_has_the_port(tmp_path), 120))


def test_a_leaf_that_woke_after_its_answer_is_a_reason(cell):
    config = Config(dict(cell.config))
    book = accounts.Book(Ear(config.tag, grain=config.grain), "")
    leaf = Member(("10.0.0.9", 4785), 0, 0, flags=wire.WANT, channels=2)
    book.ear.members[leaf.addr] = leaf
    assert accounts.figures(config, 4785, book)["leaves"] == ["10.0.0.9"]
    account = accounts.Account("10.0.0.9", 5, 64, 70, 100.0, {0: 7})
    account.waits[0] = 0
    book.accounts["10.0.0.9"] = account
    leaf.last = 101.0
    assert accounts.figures(config, 4785, book)["leaves"] == ["10.0.0.9"]  # of one channel
    account.given[1] = account.waits[1] = 0
    assert accounts.figures(config, 4785, book)["leaves"] == []
    leaf.last = 160.0
    assert accounts.figures(config, 4785, book)["leaves"] == ["10.0.0.9"]


def test_a_mesh_is_migrated_backed_up_and_restored(tmp_path):
    asyncio.run(asyncio.wait_for(_migrated_and_restored(tmp_path), 120))


def test_nobody_is_one_line_and_exit_code_2(tmp_path):
    mesh = Nodes(tmp_path)
    path = mesh.configuration("c.json")
    result = call("backup", tmp_path / "b.json", path, "--spread", 0)
    assert result.exit_code == 2 and "nobody of mesh 'm' answers" in result.stderr
    assert not (tmp_path / "b.json").exists()
    assert call("audit", tmp_path / "none.json").exit_code == 2


@pytest.mark.skipif(
    interpreters.command("micropython") is None and not os.environ.get("CI"),
    reason=interpreters.mend("micropython"),
)
def test_processes_on_micropython_answer(tmp_path):
    """Its own module is loaded for that, and unloaded."""
    mesh = Nodes(tmp_path)
    path = mesh.configuration("c.json")
    processes = []
    for i in range(2):
        own = mesh.configuration(f"c{i}.json", address=f"127.0.0.{i + 2}")
        processes.append(
            subprocess.Popen(
                [interpreters.micropython() or "", str(NODE_MAIN), str(own)],
                env=interpreters.environment((places.HOST, places.LIB)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    try:
        for process in processes:
            assert process.stdin and process.stdout
            assert "ready" in process.stdout.readline()  # it has its port
            process.stdin.write("contribute energy 0.5\n")
            process.stdin.flush()
        until = time.monotonic() + 60
        said = {}
        while time.monotonic() < until and said.get("value") != "1.000 kWh":
            result = call("audit", path, "--spread", 0, "--json", "-")
            said = json.loads(result.stdout) if result.exit_code != 2 else {}
            said = {**said, **said["channels"][0]} if said else said
        assert said["value"] == "1.000 kWh" and len(said["nodes"]) == 2 and said["adds_up"]
    finally:
        for process in processes:
            process.kill()
            process.wait()
