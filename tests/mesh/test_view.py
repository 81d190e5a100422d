"""What `lvs mesh` shows: numbers to the last bit, states in words, a verdict that says why."""

import io
from pathlib import Path
from types import SimpleNamespace

from rich.console import Console

from lvs_tools.mesh import command, verdict, view
from lvs_tools.mesh.plan import make_plan


class ToyInstance:
    """The newest life of a node, as the view sees it."""

    def __init__(self, water, state="ACTIVE", killed=False, micropython=True):
        self.killed = killed
        self.alive = not killed
        self.pid = 1
        self.micropython = micropython
        self.started, self.heard = 0.0, 30.0
        self.report = {
            "state": state,
            "values": {"water": water, "work": 0},
            "peers": 2,
            "differ": [{"others": 1, "with_me": 2}] if state == "JOINING" else [],
            "trust_mean": 40,
            "sent_bytes": 500,
            "received_bytes": 1500,
        }


def toy_mesh(*instances, elapsed=10.0):
    plan = make_plan(3, channels=("water", "work"), port=5000)
    return SimpleNamespace(
        plan=plan,
        instances=list(instances),
        ready=3,
        restarted=0,
        elapsed=lambda: elapsed,
        contributed=lambda: {"water": 4000, "work": 0},
    )


def text_of(renderable, width=120):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


def test_vu_shows_one_raw_unit():
    assert view.vu(0) == "0"
    assert view.vu(2500) == "2.5"
    assert view.vu(1001) == "1.001"
    assert view.vu(1_000_000_000) == "1,000,000"
    assert view.vu(None) == "-"


def test_table_shows_every_node():
    mesh = toy_mesh(
        ToyInstance(2500),
        ToyInstance(2502, "JOINING", micropython=False),
        ToyInstance(9, killed=True),
    )
    text = text_of(view.table(mesh))
    lines = {line.split()[0]: line for line in text.splitlines() if "127." in line}
    assert "2.5" in lines["127.0.0.2"]
    assert "MicroPython" in lines["127.0.0.2"]
    assert "4.0" in lines["127.0.0.2"]  # 2,000 bytes in half a minute
    assert "JOINING" in lines["127.0.0.3"]
    assert "1 of 3" in lines["127.0.0.3"] and "of" not in lines["127.0.0.2"]
    assert "CPython" in lines["127.0.0.3"]
    assert "2.502" in lines["127.0.0.3"]
    assert "killed" in lines["127.0.0.4"]
    assert "work" in text


def test_the_table_is_whole_at_80_columns():
    mesh = toy_mesh(
        ToyInstance(123_456_789),
        ToyInstance(123_454_000, "RECOVERING"),
        ToyInstance(9, killed=True),
    )
    text = text_of(view.table(mesh), 80)
    assert "\u2026" not in text
    for word in ("127.0.0.4", "MicroPython", "RECOVERING", "123,456.789", "KB/min", "trust"):
        assert word in text


def test_a_large_mesh_fits_a_small_terminal_and_who_needs_a_look_is_in_it():
    mesh = toy_mesh(*(ToyInstance(2500) for _ in range(30)))
    mesh.plan = make_plan(30, channels=("water", "work", "people", "power"), port=5000)
    for instance in mesh.instances:
        instance.report["values"] = dict.fromkeys(mesh.plan.channels, 2500)
    mesh.instances[28] = ToyInstance(2500, killed=True)
    mesh.instances[27].report["values"]["power"] = 9
    text = text_of(view.table(mesh, 24), 80)
    lines = text.rstrip().splitlines()
    assert len(lines) <= 23 and max(map(len, lines)) <= 80
    assert "127.0.0.29" in text and "127.0.0.30" in text and "127.0.0.31" not in text
    assert "and 13 more, all ACTIVE and equal" in text
    assert "power 2.5 (spread 2.491)" in text
    assert "\u2026" not in text


def test_a_mesh_that_still_starts_can_be_shown():
    mesh = toy_mesh(None, None, None, elapsed=0)
    mesh.ready = 1
    assert "starting 1/3" in text_of(view.table(mesh))
    assert "starting 1/3" in view.progress_line(mesh)


def test_progress_line_says_how_far_and_how_equal():
    mesh = toy_mesh(ToyInstance(2500), ToyInstance(2502), ToyInstance(2502))
    line = view.progress_line(mesh)
    assert "10 s of 60" in line
    assert "3/3 active" in line
    assert "counted 4 VU" in line
    assert "spread 0.002 VU" in line
    assert view.phase(mesh) == "contributing"
    mesh = toy_mesh(*[ToyInstance(100_000)] * 3, elapsed=45.0)
    assert "calm: all" in view.progress_line(mesh) and len(view.progress_line(mesh)) <= 76


def test_calm_is_told_apart():
    calm = toy_mesh(ToyInstance(2500), ToyInstance(2502), ToyInstance(2502), elapsed=45.0)
    assert view.phase(calm) == "calm: converging"
    equal = toy_mesh(ToyInstance(2500), ToyInstance(2500), ToyInstance(2500), elapsed=45.0)
    assert view.phase(equal) == "calm: all values equal"


def account(**changes):
    return {
        "verdict": "exact",
        "nodes": 3,
        "micropython_nodes": 2,
        "restarted": 1,
        "loss": 0.3,
        "seed": 1,
        "contributed_raw": {"water": 4000},
        "lost_raw": {"water": 1000},
        "pending_raw": 0,
        "journal": True,
        "values_raw": {"water": {"min": 3000, "max": 3000}},
        "reasons": [],
        "warnings": [],
        "lost_or_may_be": ["water: 1 of 3"],
        "convergence_ms": 1500,
        "bytes_per_node_per_min": {"mean": 12000, "p99": 13000, "max": 14000},
        **changes,
    }


def test_verdict_for_people():
    lines = view.verdict_lines(account())
    assert lines[0].startswith("exact: 3 nodes (2 on MicroPython)")
    assert "contributed 4, lost with killed nodes 1; all say 3 VU" in lines[1]
    assert any("1.5 s after the last contribution" in line for line in lines)


def test_what_waits_in_a_journal_at_the_end_is_not_said_to_be_lost():
    """As that of a node that was killed and is not in the mesh again yet."""
    assert "contributed 4, not told yet 1;" in view.verdict_lines(account(pending_raw=1000))[1]
    waits = verdict.lost_in_spite_of_journals({"water": 1000, "power": 0}, 1000)
    assert [line.partition(":")[0] for line in waits] == ["water"] and "lost" not in waits[0]
    (gone,) = verdict.lost_in_spite_of_journals({"water": 1000}, 999)
    assert gone.endswith("they are lost")


def test_verdict_that_fails_says_why():
    lines = view.verdict_lines(
        account(
            verdict="apart",
            reasons=["water: the nodes differ by 1 raw (2999 to 3000)"],
            values_raw={"water": {"min": 2999, "max": 3000}},
            convergence_ms=None,
        )
    )
    assert lines[0].startswith("apart: 3 nodes")
    assert any("differ by 1 raw" in line for line in lines)
    assert any("2.999 to 3" in line for line in lines)
    assert not any("after the last" in line for line in lines)


def test_it_is_said_once_how_another_terminal_looks_at_it():
    out, shown = io.StringIO(), []
    see = command.hinted(Console(file=out, width=80), shown.append)
    mesh = SimpleNamespace(folder=Path("/tmp/lvs-mesh-12345678"))
    see(mesh)
    see(mesh)
    (line,) = out.getvalue().splitlines()
    assert line.endswith("lvs status /tmp/lvs-mesh-12345678/node-0.json") and len(line) <= 80
    assert shown == [mesh, mesh]
