"""A start in the middle: the same as if everybody had been heard one by one, in less time."""

import pytest

from lvs.routes import Routes
from lvs_tools.fuzz.victim import Victim
from lvs_tools.world import prime


@pytest.mark.parametrize("count", [1, 40, 45, 400])  # also with some twice, and without a place
def test_who_is_trusted_from_the_start_is_as_if_heard_one_by_one(count, monkeypatch):
    peers = [(1000 + k, 50 + k % (40 if count < 100 else 300)) for k in range(count)]
    one_by_one, primed = Victim(peers=3).node, Victim(peers=3).node
    for peer in peers:
        prime.trust(one_by_one, [peer], True)
    looks = []
    look = Routes._find

    def counted(routes, epoch):
        looks.append(epoch)
        look(routes, epoch)

    monkeypatch.setattr(Routes, "_find", counted)
    prime.trust(primed, peers, True)
    assert vars(primed.routes) == vars(one_by_one.routes)
    assert len(looks) < 5  # not one a route: a world of 300 would begin in 300**3 steps
