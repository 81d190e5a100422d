"""Each liar that comes along does what it says, and harms an established mesh little."""

import pytest

from lvs.config import Config
from lvs.wire import EP, SDM, Frame
from lvs_tools.sim import engine, scenario
from lvs_tools.world.liars import MeshView, load_class
from lvs_tools.world.prng import Prng
from tests.support.worlds import measured

LIARS = (
    "Drain",
    "Inflate",
    "BelowThreshold",
    "SplitView",
    "RandomValues",
    "Sleeper",
    "Replay",
    "Sybil",
    "Forger",
    "ClockPusher",
    "NewsFlooder",
    "Malformed",
)
VALUE = 100000
ADDRESS = 9


def run(**keys):
    return measured(scenario.check(keys))


class Listener:
    """A liar alone with an honest voice: everything that it says, decoded where possible."""

    def __init__(self, name, seconds=30):
        self.config = Config({"mesh": "sim", "channels": ["c0"]})
        path, _ = scenario.find_adversary(name, ".")
        liar = load_class(str(path), name)(
            Prng(1), MeshView(self.config, ADDRESS, list(range(1, 12)))
        )
        honest = load_class(str(scenario.ADVERSARIES / "persona.py"), "Persona")(
            Prng(2), MeshView(self.config, 1, [])
        )
        honest.cycle = 5248
        honest.vectors[0] = [VALUE]
        self.said, self.reasons, self.raw = [], [], []
        frame = Frame()
        for now in range(0, seconds * 1000, 200):
            heard = []
            if now % 2000 == 0:
                honest.cycle += 2
                heard = [(honest.honest()[0][1], 1), (honest.sdm(own=[(0, 700)]), 1)]
            for to, data, source in liar.step(now, heard):
                reason = frame.decode(bytes(data), self.config.tag)
                self.raw.append((to, source))
                self.reasons.append(reason)
                if not reason:
                    self.said.append(
                        {
                            "to": to,
                            "source": source,
                            "kind": frame.kind,
                            "nonce": frame.nonce,
                            "cycle": frame.cycle - 5248 - now // 1000,
                            "flags": frame.flags,
                            "value": frame.vector[0] if frame.kind == EP else None,
                            "own": frame.own_total[0]
                            if frame.kind == SDM and frame.owns
                            else None,
                            "relays": frame.relays if frame.kind == SDM else 0,
                        }
                    )

    def values(self):
        return {s["value"] for s in self.said if s["kind"] == EP}


def test_drain_says_zero():
    assert Listener("Drain").values() == {0}


def test_inflate_says_twice_as_much_and_contributes():
    said = Listener("Inflate")
    assert said.values() == {2 * VALUE + 1000}
    assert max(s["own"] or 0 for s in said.said) > 4096


def test_below_threshold_stays_within_a_budget():
    assert all(0 < VALUE - v <= VALUE >> 10 for v in Listener("BelowThreshold").values())


def test_split_view_says_more_here_and_less_there():
    said = Listener("SplitView").said
    assert {(s["to"] % 2, s["value"] > VALUE) for s in said} == {(0, True), (1, False)}


def test_random_values_are_many():
    assert len(Listener("RandomValues", 60).values()) > 8


def test_sleeper_is_honest_first():
    said = Listener("Sleeper", 400).said
    values = [s["value"] for s in said]
    wakes = values.index(0)
    assert wakes > 30 and set(values[:wakes]) == {VALUE} and set(values[wakes:]) == {0}


def test_replay_repeats_with_its_own_and_with_other_sources():
    listener = Listener("Replay")
    assert not any(listener.reasons)
    assert {source for _, source in listener.raw} == {None, 1}


def test_sybil_is_many_from_many_addresses():
    said = Listener("Sybil").said
    assert len({s["nonce"] for s in said}) == len(said) > 100
    assert len({s["source"] for s in said}) > 50 and any(s["source"] is None for s in said)


def test_forger_overstates_others():
    listener = Listener("Forger")
    honest = load_class(str(scenario.ADVERSARIES / "persona.py"), "Persona")(
        Prng(2), MeshView(listener.config, 1, [])
    ).session[1]
    said = listener.said
    assert any(s["relays"] for s in said)
    assert any(s["nonce"] == honest and s["own"] > 700 for s in said if s["own"])


def test_clock_pusher_is_elsewhere_in_time():
    cycles = [s["cycle"] for s in Listener("ClockPusher").said]
    assert max(cycles) > 90000 and min(cycles) < -50


def test_news_flooder_wants_everything_often():
    said = Listener("NewsFlooder").said
    assert len(said) > 40 and all(s["flags"] & 8 for s in said)


def test_malformed_is_never_well_formed():
    reasons = Listener("Malformed", 120).reasons
    assert all(reasons) and len(set(reasons)) >= 3


@pytest.mark.parametrize("name", LIARS)
def test_a_fifth_of_liars_moves_an_established_mesh_less_than_promised(name):
    result = run(
        nodes=15,
        # Four epochs of those who say much from the first cycle on, six of the others.
        cycles=256 if name in ("Sybil", "Replay") else 400,
        link={"loss": 0.1},
        workload={"contributions_per_minute": 0},
        start={"value": VALUE, "established": True},
        adversary=[{"class": name, "fraction": 0.2}],
    )
    assert result["liars"] == 3
    assert result["negative_values"] == result["budget_violations"] == 0
    assert result["max_step"] < 4096
    if name != "Sybil":  # which speaks for thousands of addresses, not for a fifth
        assert result["settled_shift_max"] <= VALUE // 5000


def test_liars_that_were_trusted_and_loud_do_not_make_an_established_mesh_doubt_itself():
    """The honest, hushed by the liars' agreement, vote before anybody doubts what it holds."""
    result = run(
        nodes=60,
        cycles=430,
        seed=2,
        link={"loss": 0.2},
        workload={"contributions_per_minute": 0},
        start={"value": VALUE, "established": True},
        adversary=[{"class": "Sleeper", "count": 27}],
    )
    assert result["settled_shift_max"] == 0


def hushed(liar, count, **rest):
    """What liars that hush the others did to an established mesh in which nobody contributes."""
    return run(
        link={"loss": 0.2},
        workload={"contributions_per_minute": 0},
        start={"value": VALUE, "established": True},
        adversary=[{"class": liar, "count": count}],
        **rest,
    )["harm"]


def test_whoever_restarts_among_liars_that_hush_the_others_comes_back_to_the_mesh():
    """A third tells the mesh the truth, so often that nobody answers, and whoever asks of a clock
    a million cycles ahead."""
    harm = hushed(
        "captor.py:FarCaptor",
        8,
        nodes=24,
        cycles=200,
        event=[{"at_cycle": 30 + 2 * i, "action": "restart", "nodes": [i]} for i in range(4)],
    )
    assert harm["clock_off"] <= 2
    assert harm["error_low"] == harm["error_high"] == 0


def test_no_clock_follows_who_hushed_the_others_when_all_come_back():
    """Trust is earned by speaking: who was hushed since the blackout has none."""
    harm = hushed(
        "hushed_clock.py:HushedClock",
        10,
        nodes=30,
        cycles=420,
        event=[
            {"at_cycle": 130, "action": "crash", "fraction": 1.0},
            {"at_cycle": 140, "action": "restart", "fraction": 1.0},
        ],
    )
    assert harm["clock_spread"] <= 2


def test_newcomers_among_liars_that_hush_the_others_find_the_mesh():
    """As above, and whoever asks hears of half of the value, at the mesh's own time."""
    harm = hushed(
        "Captor",
        10,
        nodes=30,
        cycles=240,
        event=[{"at_cycle": 30, "action": "join", "nodes": [0, 1, 2]}],
    )
    assert harm["error_low"] == harm["error_high"] == 0


def test_liars_keep_silent_before_their_cycle():
    def traffic(begin):
        return run(
            nodes=6,
            cycles=200,
            workload={"contributions_per_minute": 0},
            start={"value": VALUE, "established": True},
            adversary=[{"class": "Malformed", "count": 2, "from_cycle": begin}],
        )["bytes_per_node_per_min"]["mean"]

    assert traffic(200) < traffic(100) < traffic(0)


def test_all_liars_do_the_same_on_micropython(micropython):
    data = {
        "nodes": 20,
        "cycles": 60,
        "start": {"value": VALUE, "established": True},
        "adversary": [{"class": name, "count": 1} for name in LIARS],
    }
    here = engine.run(scenario.check(dict(data)))
    there = engine.run(scenario.check(dict(data, engine=micropython)))
    assert here["liars"] == len(LIARS)
    assert here["trace_hash"] == there["trace_hash"]


def test_an_adversary_has_what_the_simulator_documents(tmp_path):
    (tmp_path / "mine.py").write_text(
        "class Mine:\n"
        "    def __init__(self, rng, mesh):\n"
        "        self.seen = [rng.random(), rng.choice((1,)), mesh.tag, mesh.channels,\n"
        "                     mesh.nodes,\n"
        "                     mesh.config.route_budget, mesh.address, mesh.addresses]\n"
        "    def step(self, now_ms, heard):\n"
        "        return [(None, b'x', None), (1, bytearray(b'y'), 12345)] if heard else []\n",
        encoding="utf-8",
    )
    checked = scenario.check(
        {"nodes": 4, "cycles": 60, "adversary": [{"class": "mine.py:Mine", "count": 1}]},
        folder=tmp_path,
    )
    assert engine.run(checked)["liars"] == 1
