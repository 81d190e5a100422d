"""`lvs sim`, `lvs swarm` and `lvs sweep` as a user calls them: output, files, exit codes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from lvs_tools import interpreters
from lvs_tools.sim import command as sim
from lvs_tools.sim import engine, scenario, sweep, workers
from lvs_tools.sim.swarm import command as swarm
from lvs_tools.world import runner

KEYS = {
    "scenario",
    "seed",
    "nodes",
    "liars",
    "cycles",
    "trace_hash",
    "verdict",
    "exact",
    "needed",
    "warnings",
    "lost_raw",
    "value_error_max",
    "cycles_to_within_2",
    "cycles_to_exact",
    "reach_cycles",
    "settled_shift_mean",
    "settled_shift_max",
    "negative_values",
    "max_step",
    "budget_violations",
    "recoveries",
    "refused",
    "expired",
    "bytes_per_node_per_min",
    "simulated_s",
    "wall_s",
}


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(
        "nodes = 3\ncycles = 90\n[[event]]\nat_cycle = 20\naction = 'crash'\n"
        "nodes = [1]\n[[event]]\nat_cycle = 30\naction = 'restart'\nnodes = [1]\n",
        encoding="utf-8",
    )
    return str(path)


def call(command, *arguments):
    done = CliRunner().invoke(command, [str(a) for a in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_json_has_every_key(small, tmp_path):
    out = tmp_path / "r.json"
    done = call(sim.command, small, "--json", out, "--seed", 9)
    assert done.exit_code == 0, done.output
    result = json.loads(out.read_text())
    assert KEYS <= set(result)
    assert set(result["reach_cycles"]) == {"p50", "p99", "max"}
    assert set(result["bytes_per_node_per_min"]) == {"mean", "p99", "max"}
    assert result["seed"] == 9 and result["scenario"] == "small" and result["simulated_s"] == 90
    assert "exact" in done.output and "traffic" in done.output


def test_json_to_standard_output_is_nothing_but_json(small):
    assert json.loads(call(sim.command, small, "--json", "-").stdout)["nodes"] == 3


def test_twice_compares_and_says_so(small, monkeypatch):
    assert "the same trace" in call(sim.command, small, "--twice").output
    real = runner.run

    def unsteady(plan, *rest):
        result = real(plan, *rest)
        result["trace_hash"] = os.urandom(4).hex()
        return result

    monkeypatch.setattr(runner, "run", unsteady)
    done = call(sim.command, small, "--twice")
    assert done.exit_code == 1
    assert "two different traces" in done.output


def test_the_picture_is_a_picture(small, tmp_path):
    path = tmp_path / "p.png"
    assert call(sim.command, small, "--plot", path).exit_code == 0
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG") and len(data) > 20000


@pytest.mark.parametrize(
    ("option", "name", "says"),
    [
        ("--plot", "missing/x.png", "there is no folder"),
        ("--plot", "x.jpeg2", "must end in .png, .svg, .pdf"),
        ("--json", "missing/x.json", "there is no folder"),
        ("--json", ".", "is a directory"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_run(
    small, option, name, says, tmp_path, monkeypatch
):
    monkeypatch.setattr(runner, "run", None)
    done = call(sim.command, small, option, f"{tmp_path}/{name}")
    assert done.exit_code == 2
    assert says in done.output


def test_not_exact_is_exit_code_1_and_a_reason(small):
    done = call(
        sim.command, small, "--set", "event.0.action=partition", "--set", "event.1.at_cycle=89"
    )
    assert done.exit_code == 1
    assert "do not hold" in done.output


def test_with_liars_not_exact_is_no_failure(small):
    done = call(sim.command, small, "--set", "nodes=6", "--adversary", "Inflate=0.3")
    assert done.exit_code == 0
    assert "2 of them liars" in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["nowhere.toml"],
        ["small", "--set", "link.los=1"],
        ["small", "--set", "nodes"],
        ["small", "--adversary", "Nobody=0.1"],
        ["small", "--engine", "pypy"],
    ],
)
def test_bad_input_is_exit_code_2_and_one_clear_line(small, arguments, monkeypatch, tmp_path):
    monkeypatch.delenv("PYPY", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))  # no PyPy here, whatever this machine has
    done = call(sim.command, *[small if a == "small" else a for a in arguments])
    assert done.exit_code == 2
    assert "rror" in done.stderr and "Traceback" not in done.output


def test_an_adversary_that_fails_is_named(small, tmp_path):
    liar = tmp_path / "bad.py"
    liar.write_text(
        "class Bad:\n    def __init__(self, rng, mesh):\n        pass\n"
        "    def step(self, now_ms, heard):\n        return 1 / 0\n",
        encoding="utf-8",
    )
    done = call(sim.command, small, "--adversary", "%s:Bad=1" % liar)
    assert done.exit_code == 2
    assert "adversary Bad, node 2" in done.stderr and "ZeroDivisionError" in done.stderr


def test_the_engine_can_be_chosen(small, micropython):
    here = json.loads(call(sim.command, small, "--json", "-").stdout)
    there = json.loads(call(sim.command, small, "--json", "-", "--engine", micropython).stdout)
    assert here["trace_hash"] == there["trace_hash"]


def test_an_interpreter_runs_one_plan_after_the_other(small, micropython):
    plan = scenario.plan(scenario.load(str(small), []))
    other = engine._Interpreter(micropython, plan)
    hashes = [other.run(plan, None)["trace_hash"] for _ in range(2)]
    other.close()
    assert hashes == [runner.run(plan)["trace_hash"]] * 2
    with pytest.raises(engine.EngineError, match="micropython ended with"):
        engine._Interpreter(micropython, plan).run({"nodes": "many"}, None)


def test_an_interpreter_that_stays_is_started_anew_after_a_run_that_failed(
    small, micropython, monkeypatch
):
    start = interpreters.command
    monkeypatch.setattr(interpreters, "command", lambda _, heap: start(micropython, heap))
    checked = scenario.load(str(small), ["engine=pypy"])
    first = engine.run(checked, stay=True)
    process = engine._staying["pypy"]._process
    with pytest.raises(ZeroDivisionError):
        engine.run(checked, progress=lambda _: 1 // 0, stay=True)
    assert process.wait() != 0
    assert engine.run(checked, stay=True)["trace_hash"] == first["trace_hash"]
    engine._staying.pop("pypy").close()


def test_a_swarm_reports_years_and_faults(tmp_path):
    out = tmp_path / "s.json"
    done = call(
        swarm.command,
        "--seeds",
        "2..3",
        "--most-nodes",
        6,
        "--workers",
        2,
        "--json",
        out,
        "--no-shrink",
    )
    assert done.exit_code in (0, 1)
    result = json.loads(out.read_text())
    assert result["seeds"] == 2 and result["node_years"] > 0
    assert "node-years" in done.output and "faults injected" in done.output


@pytest.mark.parametrize("seeds", ["x", "3..1", "1-4", ""])
def test_bad_seeds_are_exit_code_2(seeds):
    assert call(swarm.command, "--seeds", seeds).exit_code == 2


def test_a_sweep_fills_a_table_and_goes_on_where_it_was(small, tmp_path):
    pandas = pytest.importorskip("pandas")
    out = tmp_path / "sweep"
    common = [
        small,
        "--vary",
        "link.loss=0,0.2",
        "--vary",
        "nodes=3,4",
        "--out",
        out,
        "--workers",
        2,
    ]
    assert call(sweep.command, *common, "--seeds", 1).exit_code == 0
    first = pandas.read_parquet(out / "results.parquet")
    assert sorted(zip(first["link.loss"], first["nodes"], strict=True)) == [
        (0.0, 3),
        (0.0, 4),
        (0.2, 3),
        (0.2, 4),
    ]
    assert (out / "sweep.png").read_bytes().startswith(b"\x89PNG")
    done = call(sweep.command, *common, "--seeds", 2, "--json", "-")
    assert done.exit_code == 0
    assert len(json.loads(done.stdout)) == 8
    assert "4 of 8 runs are in" in done.stderr
    second = pandas.read_parquet(out / "results.parquet")
    assert len(second) == 8 and second["run"].is_unique


@pytest.mark.skipif(sys.platform == "win32", reason="a mask of signals")
def test_what_begins_without_ctrl_c_does_not_end_by_it():
    """Dask's workers in the same terminal would each end with a traceback."""
    with workers.without_ctrl_c():
        done = subprocess.run(
            [sys.executable, "-c", "import os; os.kill(os.getpid(), 2)"], stderr=subprocess.PIPE
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_sweep_survives_a_lost_worker(small, tmp_path):
    pytest.importorskip("distributed")
    pandas = pytest.importorskip("pandas")
    from distributed import LocalCluster

    killer = tmp_path / "killer.py"
    mark = tmp_path / "killed"
    killer.write_text(
        "import os\n"
        "class Killer:\n"
        "    def __init__(self, rng, mesh):\n"
        "        if not os.path.exists(%r):\n"
        "            open(%r, 'w').close()\n"
        "            os._exit(1)  # takes the worker with it, once\n"
        "    def step(self, now_ms, heard):\n"
        "        return []\n" % (str(mark), str(mark)),
        encoding="utf-8",
    )
    cluster = LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=None,  # pyright: ignore[reportArgumentType]  # None: no dashboard
        silence_logs=50,
    )
    with cluster:
        done = call(
            sweep.command,
            small,
            "--vary",
            "link.loss=0,0.1,0.2",
            "--seeds",
            1,
            "--out",
            tmp_path,
            "--adversary",
            "%s:Killer=1" % killer,
            "--scheduler",
            cluster.scheduler_address,
        )
    assert mark.exists()
    assert done.exit_code == 0, done.output
    assert len(pandas.read_parquet(tmp_path / "results.parquet")) == 3


@pytest.mark.parametrize("vary", ["nodes", "=3", "nodes=", "nodez=1"])
def test_a_bad_sweep_is_exit_code_2(small, vary):
    assert call(sweep.command, small, "--vary", vary).exit_code == 2


@pytest.mark.parametrize(
    "command",
    [
        ["lvs_tools.sim.command", "{small}", "--set", "cycles=1000000"],
        ["lvs_tools.sim.swarm.command", "--seeds", "1..100000"],
    ],
)
def test_ctrl_c_ends_it_with_130_and_leaves_nothing_behind(small, command):
    arguments = [a.format(small=small) for a in command]
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
    )
    worked(process.pid, 3)  # past its imports, which take a second together
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert gone(process.pid)


def worked(group, seconds):
    """Wait until the processes of a group have computed for so long, on whatever machine."""
    ticks = os.sysconf("SC_CLK_TCK")
    end = time.monotonic() + 100
    done = 0
    while done < seconds * ticks and time.monotonic() < end:
        time.sleep(0.3)
        done = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                if int(fields[2]) == group:
                    done += int(fields[11]) + int(fields[12])


def gone(group, seconds=10):
    """True when the last process of a group has ended within some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_those_that_come_along_are_listed_with_what_happens_in_them():
    said = CliRunner().invoke(sim.command, ["--list"])
    assert said.exit_code == 0 and "house" in said.output and "blackout" in said.output
    assert max(map(len, said.output.splitlines())) <= 80
    assert all(text for _, text in scenario.along())
    missing = CliRunner().invoke(sim.command, ["hous"])
    assert missing.exit_code == 2 and "'house'" in missing.stderr and "--list" in missing.stderr
