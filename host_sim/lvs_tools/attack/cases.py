"""What `lvs attack` runs: liars, shares, meshes; a case is the dict of all that decides a run."""

from functools import partial

from lvs_tools.attack.stages import STAGES
from lvs_tools.sim import engine, scenario

VALUE = 100000  # raw; 97 raw are 0.1 %, the most of an epoch
SHARES = (0.05, 0.10, 0.20, 0.33, 0.45, 0.60, 0.80)
STRATEGIES = {
    "drain": "drain.py:Drain",
    "inflate": "inflate.py:Inflate",
    "below_threshold": "below_threshold.py:BelowThreshold",
    "split_view": "split_view.py:SplitView",
    "random_values": "random_values.py:RandomValues",
    "sleeper": "sleeper.py:Sleeper",
    "walker": "walker.py:Walker",
    "loud_walker": "walker.py:LoudWalker",
    "slow_walker": "walker.py:SlowWalker",
    "camp_walker": "walker.py:CampWalker",
    "part_walker": "walker.py:PartWalker",
    "edge_voter": "walker.py:EdgeVoter",
    "two_faces": "two_faces.py:TwoFaces",
    "near_faces": "two_faces.py:NearFaces",
    "patient": "patient.py:Patient",
    "one_victim": "one_victim.py:OneVictim",
    "snapshot_liar": "snapshot_liar.py:SnapshotLiar",
    "splitter": "splitter.py:Splitter",
    "wedge": "wedge.py:Wedge",
    "forger": "forger.py:Forger",
    "row_breeder": "row_breeder.py:RowBreeder",
    "ring_filler": "ring_filler.py:RingFiller",
    "sybil": "sybil.py:Sybil",
    "clock_pusher": "clock_pusher.py:ClockPusher",
    "clock_value": "clock_value.py:ClockValue",
    "clock_flags": "clock_value.py:ClockFlags",
    "clock_agree": "clock_value.py:ClockAgree",
    "hushed_clock": "hushed_clock.py:HushedClock",
    "captor": "captor.py:Captor",
    "far_captor": "captor.py:FarCaptor",
    "hushed_start": "captor.py:HushedStart",
    "usurper": "usurper.py:Usurper",
    "same_usurper": "usurper.py:SameUsurper",
    "future_host": "early_host.py:FutureHost",
    "lock_host": "early_host.py:LockHost",
    "end_host": "early_host.py:EndHost",
    "past_host": "early_host.py:PastHost",
    "first_row": "first_row.py:FirstRow",
    "plausible_row": "first_row.py:PlausibleRow",
    "holds_all": "holder.py:HoldsAll",
    "holds_truly": "holder.py:HoldsTruly",
    "loud_truth": "loud_truth.py:LoudTruth",
    "false_answer": "false_answer.py:FalseAnswer",
    "trusted_answer": "false_answer.py:TrustedAnswer",
    "mirror": "mirror.py:Mirror",
    "mixed": None,  # a third each of drain, sleeper and forger
}
NOBODY = "none"  # to compare with: all nodes are honest
MIXED = ("drain", "sleeper", "forger")
WALKERS = ("walker", "loud_walker", "slow_walker", "camp_walker", "part_walker", "edge_voter")
PROMISED = (  # G4
    *("drain", "inflate", "below_threshold", "split_view", "random_values", "sleeper"),
    *WALKERS,
)
COLD = ("drain", "inflate", "below_threshold")  # what a mesh without history is shown with
TOPOLOGIES = ("lan", "geometric", "islands")
_KEPT = (
    "settled_shift_mean",
    "settled_shift_max",
    "budget_violations",
    "negative_values",
    "max_step",
    "recoveries",
    "alive",
    "trace_hash",
    "wall_s",
)


def scenario_of(
    strategy, share, topology, seed, nodes, cycles, stage="established", engine="cpython"
):
    """The checked scenario of one run: a mesh at 20 % loss with a share of liars on a stage."""
    names = {"mixed": MIXED, NOBODY: ()}.get(strategy, (strategy,))
    liars = max(1, int(nodes * share + 0.5)) if names else 0
    adversaries = []
    for i, name in enumerate(names):
        count = liars // len(names) + (i < liars % len(names))
        if count:
            adversaries.append({"class": STRATEGIES[name], "count": count})
    return scenario.check(
        {
            "name": "attack %s %g %s %s" % (strategy, share, topology, stage),
            "nodes": nodes,
            "cycles": cycles,
            "seed": seed,
            "engine": engine,
            "topology": {"kind": topology},
            "link": {"loss": 0.2},
            "workload": {"contributions_per_minute": 0},
            "start": {"value": VALUE, "established": True},
            "adversary": adversaries,
            **STAGES[stage].setting(nodes - liars, cycles),
        },
        folder=str(scenario.ADVERSARIES),
    )


def run_one(case, engine_name="cpython"):
    """One run; returns the case with its figures."""
    result = engine.run(scenario_of(**case, engine=engine_name), stay=True)
    spread = [s for s in result["history"]["spread_raw"] if s is not None]
    return {
        **case,
        **{key: result[key] for key in _KEPT},
        **result["harm"],
        "spread": max(spread[-8:], default=0),
    }


def cells(
    strategies=tuple(STRATEGIES),
    shares=SHARES,
    topologies=("lan",),
    nodes=100,
    cycles=1536,
    stage="established",
    seeds=(1,),
):
    """The cases of a table: seed by seed, share by share."""
    return [
        {
            "strategy": strategy,
            "share": share,
            "topology": topology,
            "seed": seed,
            "nodes": nodes,
            "cycles": cycles,
            "stage": stage,
        }
        for seed in seeds
        for topology in topologies
        for share in shares
        for strategy in strategies
    ]


def staged(seeds=(1,)):
    """The cases of the other stages: the strategies that each is for, on meshes of their size."""
    return [
        case
        for name, stage in STAGES.items()
        if stage.parts
        for liars, strategies in [(0, (NOBODY,)), *stage.parts]
        for case in cells(
            strategies or tuple(STRATEGIES),
            (liars / stage.nodes,),
            nodes=stage.nodes,
            cycles=stage.cycles,
            stage=name,
            seeds=seeds,
        )
    ]


def campaign(seeds):
    """All that docs/liars.md shows, the most important first. seeds: runs of each cell of G4.

    The guarantee's own cells for its full 1,536 cycles; everything else once and for 512.
    """

    def promised(first, last):
        return cells(PROMISED, (0.45, 0.33), seeds=range(first, min(seeds, last) + 1))

    def told(first, last):
        return staged(range(first, min(seeds, last) + 1))

    short = partial(cells, cycles=512)
    others = [s for s in STRATEGIES if s not in PROMISED]
    worst = (
        "drain",
        "inflate",
        "below_threshold",
        "split_view",
        "one_victim",
        "splitter",
        "wedge",
    )
    return [
        *promised(1, 1),
        *told(1, 1),
        *short(others, (0.45, 0.33)),
        *short(COLD, (0.10, 0.33, 0.60), stage="cold"),
        *promised(2, 2),
        *short(shares=(0.60,)),
        *short(worst, (0.33,), ("geometric", "islands")),
        *promised(3, 3),
        *short(("inflate",), (0.33,), nodes=300),
        *short(worst, (0.45,), ("geometric", "islands")),
        *told(2, 5),
        *promised(4, 20),
        *short(worst, (0.45,), nodes=300),
        *short([s for s in worst if s != "inflate"], (0.33,), nodes=300),
        *short(shares=(0.20, 0.80, 0.10, 0.05)),
        *short(PROMISED, (0.45, 0.33)),
        *short(COLD, (0.05, 0.20, 0.45, 0.80), stage="cold"),
        *short(
            [s for s in STRATEGIES if s not in worst],
            (0.33, 0.45),
            ("geometric", "islands"),
        ),
        *short(shares=(0.05, 0.10, 0.20, 0.60, 0.80), topologies=("geometric", "islands")),
        *promised(21, seeds),
    ]
