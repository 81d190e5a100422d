"""The plan of `lvs mesh`: defaults that fit, a workload that follows from the seed alone."""

from decimal import Decimal

import pytest

from lvs_tools.mesh import plan as mesh_plan
from lvs_tools.mesh.plan import PlanError, amount_text, make_plan


@pytest.mark.parametrize("raw", [0, 1, 10, 999, 1000, 1001, 2500, 6000, 123457])
def test_amount_text_is_exact(raw):
    assert Decimal(amount_text(raw)) * 1000 == raw


def test_amount_text_is_short():
    assert amount_text(2500) == "2.5"
    assert amount_text(2000) == "2"
    assert amount_text(0) == "0"


@pytest.mark.parametrize(
    ("nodes", "micropython", "kill"), [(1, 1, 0), (2, 2, 0), (3, 2, 1), (12, 8, 3), (30, 20, 3)]
)
def test_defaults_scale_with_the_mesh(nodes, micropython, kill):
    plan = make_plan(nodes, port=5000)
    assert sum(plan.micropython) == micropython
    assert plan.kill == kill
    assert sum(1 for a in plan.actions if not a.channel) == kill


def test_same_seed_same_plan_and_another_seed_another():
    assert make_plan(port=5000, seed=7) == make_plan(port=5000, seed=7)
    assert make_plan(port=5000, seed=7).actions != make_plan(port=5000, seed=8).actions


def test_every_node_contributes_to_several_channels_and_rests_at_the_end():
    plan = make_plan(seconds=60, port=5000)
    for node in range(plan.nodes):
        assert len({a.channel for a in plan.actions if a.node == node and a.channel}) >= 2
    assert max(a.at for a in plan.actions) <= 36
    assert [a.at for a in plan.actions] == sorted(a.at for a in plan.actions)
    # some contributions have to be spread over cycles
    assert any(a.raw > 4096 for a in plan.actions)


@pytest.mark.parametrize("nodes", [1, 12, 30, 100, 250])
def test_a_large_mesh_does_not_contribute_more_often_than_a_cell_bears(nodes):
    plan = make_plan(nodes, seconds=120, kill=0, port=5000)
    assert {a.node for a in plan.actions} == set(range(nodes))
    assert len(plan.actions) / (plan.actions[-1].at / 60) <= 1.25 * mesh_plan.PER_MINUTE


def test_a_victim_contributes_in_the_moment_of_its_death():
    plan = make_plan(port=5000)
    kills = [i for i, a in enumerate(plan.actions) if not a.channel]
    assert len({plan.actions[i].node for i in kills}) == 3
    for i in kills:
        assert any(
            a.channel and a.node == plan.actions[i].node and a.at == plan.actions[i].at
            for a in plan.actions[:i]
        )
        assert 30 <= plan.actions[i].at < 32


def test_configurations_give_each_node_its_address_and_one_mesh():
    plan = make_plan(12, port=5000)
    configs = [plan.config(n) for n in range(12)]
    assert len({c["address"] for c in configs}) == 12
    assert "127.0.0.1" not in {c["address"] for c in configs}
    assert len({c["mesh"] for c in configs}) == 1
    for config in configs:
        assert config["address"] not in config["peers"]
    assert make_plan(1, port=5000).config(0)["peers"] == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"nodes": 0}, "--nodes"),
        ({"nodes": 251}, "--nodes"),
        ({"nodes": 4, "micropython": 5}, "--micropython"),
        ({"nodes": 4, "micropython": -1}, "--micropython"),
        ({"seconds": 5}, "--seconds"),
        ({"seconds": float("nan")}, "--seconds"),
        ({"nodes": 4, "kill": 4}, "--kill"),
        ({"kill": -1}, "--kill"),
        ({"loss": 1.0}, "--loss"),
        ({"loss": -0.1}, "--loss"),
        ({"channels": ["water", "water"]}, "--channels"),
        ({"channels": [""]}, "--channels"),
        ({"channels": ["tap water"]}, "--channels"),
    ],
)
def test_options_that_do_not_fit_are_named(wrong, named):
    with pytest.raises(PlanError, match=named):
        make_plan(**wrong)


def test_a_free_port_is_one_that_can_be_bound():
    import socket

    port = mesh_plan.free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.9", port))
