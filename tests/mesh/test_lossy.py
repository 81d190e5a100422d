"""Receiver-side loss: seeded, of the asked size, and never endless."""

import pytest

from lvs_tools import interpreters, places
from lvs_tools.mesh.lossy import Lossy
from tests.support.transport import Transport

TRIALS = 4000


def waiting(count):
    """A transport with so many datagrams, numbered."""
    transport = Transport()
    transport.inbox = [(n, 9) for n in range(count)]
    return transport


def received(loss, seed, trials=TRIALS):
    """The numbers of the datagrams that got through."""
    lossy = Lossy(waiting(trials), loss, seed)
    got = []
    while lossy.transport.inbox:
        item = lossy.recv()
        if item:
            got.append(item[0])
    assert lossy.lost + len(got) == trials
    return got


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.3, 0.5, 0.9])
def test_loses_as_much_as_asked(loss):
    kept = len(received(loss, 3)) / TRIALS
    # five standard deviations of a fair draw
    assert abs(kept - (1 - loss)) <= 5 * (loss * (1 - loss) / TRIALS) ** 0.5


def test_the_seed_decides():
    assert received(0.3, 5) == received(0.3, 5)
    assert received(0.3, 5) != received(0.3, 6)


def test_neighbouring_seeds_do_not_lose_the_same_datagrams():
    streams = [set(received(0.5, seed, 500)) for seed in range(8)]
    for i, one in enumerate(streams):
        for other in streams[:i]:
            assert 75 < len(one & other) < 175  # a quarter of 500 expected: 125


def test_a_flood_is_bounded():
    lossy = Lossy(waiting(1000), 0.999999, 1)
    assert lossy.recv() is None
    assert len(lossy.transport.inbox) >= 1000 - 64


def test_the_rest_is_the_transport_itself():
    transport = Transport()
    lossy = Lossy(transport, 0.5)
    assert lossy.send(b"x", 7) and transport.sent == [(b"x", 7)]
    assert lossy.key(3) == 3 and lossy.resolve("3") == 3 and lossy.name(3) == "3"
    transport.error = "down"
    assert lossy.error == "down"
    lossy.close()
    assert not transport.open


@pytest.mark.parametrize("loss", [-0.1, 1, 1.5, float("nan")])
def test_loss_that_is_no_probability(loss):
    with pytest.raises(ValueError, match="loss"):
        Lossy(Transport(), loss)


def test_micropython_draws_the_same(tmp_path):
    if interpreters.command("micropython") is None:
        pytest.skip(interpreters.mend("micropython"))
    script = tmp_path / "draws.py"
    script.write_text(
        "from lvs_tools.mesh.lossy import Lossy\n"
        "lossy = Lossy(None, 0.5, 77)\n"
        "print([lossy._draw() for _ in range(50)])\n"
    )
    said = interpreters.run("micropython", script, path=(places.HOST,))
    lossy = Lossy(None, 0.5, 77)
    assert said.strip() == str([lossy._draw() for _ in range(50)])
