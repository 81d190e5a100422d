"""What `lvs deploy` makes of what a board says after its start."""

import pytest

from lvs_tools.board import joining

START = ["LVS: Ctrl-C within 2 s keeps the REPL", "wifi: connected to 'home' as 10.0.0.5"]
MESH = "LVS: mesh 'garden', session 0001-00000001"


def now(state, peers, wifi="up -60 dBm"):
    heard = f"{peers} peers" if peers else "nobody heard"
    return f"LVS: now {state}, {heard}, wifi {wifi}; water 1.5 l; up 0 min, 60 KB free"


class Watch:
    """A Joining and the time that passes."""

    def __init__(self):
        self.time = 0
        self.joining = joining.Joining(lambda: self.time)

    def hear(self, *lines):
        for line in lines:
            self.joining.hear(line)
            assert not self.joining.over() or line == lines[-1]
        return self

    def wait(self, most=60):
        """Seconds until it is over."""
        began = self.time
        while not self.joining.over() and self.time < began + most:
            self.time += 1
        return self.time - began


def test_a_board_that_meets_its_mesh():
    watch = Watch().hear(*START, MESH, now("INIT", 0), now("JOINING", 3))
    assert watch.wait(30) == 30
    watch.hear(now("ACTIVE", 3))
    assert watch.wait() == joining.WARNED_S
    assert watch.joining.joined == "mesh"
    assert watch.joining.text == "in mesh 'garden' with 3 peers"


def test_a_first_board_is_alone():
    watch = Watch().hear(*START, MESH, now("INIT", 0), now("ACTIVE", 0))
    assert watch.wait() == joining.ALONE_S
    assert watch.joining.joined == "alone" and "nobody was heard" in watch.joining.text


def test_one_that_hears_somebody_late():
    watch = Watch().hear(*START, MESH, now("ACTIVE", 0))
    watch.time += 10
    watch.hear(now("ACTIVE", 1))
    assert watch.wait() == joining.WARNED_S and watch.joining.joined == "mesh"


@pytest.mark.parametrize(
    ("lines", "failed", "seconds"),
    [
        (["wifi: 'home' refuses the password; check secrets.json"], "wrong password", 15),
        (
            ["wifi: no network named 'hom'; in reach: home; check board.wifi.ssid"],
            "no such network",
            15,
        ),
        ([*START, MESH, now("ACTIVE", 2), "LVS: warning: channels[1]: 'a'"], "another channel", 0),
        (["LVS: cannot start: mesh is missing in lvs.json"], "not started", 0),
        ([*START, MESH, "LVS: crashed; restarting in 10 s"], "not started", 0),
        (["LVS: safe mode, after restart upon restart"], "not started", 0),
    ],
)
def test_what_failed_is_named_with_what_the_board_said(lines, failed, seconds):
    watch = Watch().hear(*lines)
    assert watch.wait() == seconds
    assert watch.joining.joined == "" and watch.joining.failed.startswith(failed)
    assert watch.joining.text == f"{watch.joining.failed}: {lines[-1]}"


def test_a_password_that_is_taken_after_all():
    watch = Watch().hear("wifi: 'home' refuses the password; check secrets.json", MESH)
    watch.hear(now("ACTIVE", 0, "wrong password"))
    watch.time += 10
    watch.hear(START[1], now("ACTIVE", 0))
    assert watch.wait() == joining.ALONE_S and watch.joining.joined == "alone"


def test_no_wifi_yet_is_not_alone():
    watch = Watch().hear("wifi: 'home' does not answer (status 1001); trying again", MESH)
    watch.hear(now("ACTIVE", 0, "no connection"))
    assert watch.wait(60) == 60 and watch.joining.joined == ""
    assert watch.joining.text.startswith("not joined yet: ")


def test_nodes_of_another_mesh_are_no_company():
    said = "LVS: warning: mesh: 12 frames of another mesh name or mesh parameter were heard"
    watch = Watch().hear(*START, MESH, now("ACTIVE", 0), said)
    watch.wait()
    assert watch.joining.joined == "" and watch.joining.text == f"another mesh: {said}"
    watch = Watch().hear(*START, MESH, now("ACTIVE", 2), said)  # beside its own
    watch.wait()
    assert watch.joining.joined == "mesh"
