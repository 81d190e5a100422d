"""Whether a board that has just started joins its Wi-Fi and its mesh, from what it says."""

import re
import time

ALONE_S = 20  # ACTIVE, and nobody heard for so long: there is nobody
WARNED_S = 5  # in the mesh: a list of channels that differs is told by then
FAILED_S = 15  # after a failure that may still mend itself: an access point that is busy

_NOW = re.compile(r"LVS: now (\w+), (?:(\d+) peers|nobody heard)(?:, wifi ([a-z ]+))?")
# what a line means: (its beginning or part, what failed)
_FAILURES = (
    ("wifi: no network named", "no such network"),
    (" refuses the password", "wrong password"),
    ("warning: channels[", "another channel list"),
    ("warning: mesh: somebody speaks another version", "another version"),
)
_STRANGERS = re.compile(r"warning: mesh: \d+ frames of another mesh")
_ENDS = ("LVS: cannot", "LVS: MicroPython", "LVS: crashed", "LVS: safe mode", "LVS: stopped")


class Joining:
    """Takes the lines that a board says; ``over()`` tells when enough was said.

    ``started``: its node runs; ``mesh``: the mesh's name; ``failed``: in two or three words, or
    ""; ``peers``; ``text``: for people, one line.
    """

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self.started = False
        self.mesh = ""
        self.peers = 0
        self.failed = ""
        self._line = "nothing"  # what the board said about it
        self._with_others = None  # once it is active
        self._end = None  # when it may be told
        self._ended = False
        self._strangers = ""

    def hear(self, line):
        """A line."""
        if line.startswith(_ENDS):
            self._ended = True
            self.failed = "not started"
            self._line = line
            return
        if line.startswith("LVS: mesh '"):
            self.started = True
            self.mesh = line.split("'")[1]
        for part, what in _FAILURES:
            if part in line:
                self.failed, self._line = what, line
                self._end = self._clock() + (FAILED_S if line.startswith("wifi") else 0)
        if _STRANGERS.search(line):
            self._strangers = line
        if line.startswith("wifi: connected") and self._line.startswith("wifi"):
            self.failed, self._end, self._with_others = "", None, None  # after all
        found = _NOW.match(line)
        if found and not self.failed:
            state, peers, wifi = found.groups()
            self.peers = int(peers or 0)
            up = wifi is None or wifi.startswith("up")
            active = up and state in ("ACTIVE", "LOW_POWER")
            with_others = self.peers > 0 if active else None
            if with_others != self._with_others:
                wait = WARNED_S if with_others else ALONE_S
                self._end = None if with_others is None else self._clock() + wait
            self._with_others = with_others
        if line.startswith(("LVS:", "wifi:")) and "Ctrl-C" not in line and not self.failed:
            self._line = line

    def over(self):
        """Whether there is nothing more to wait for."""
        return self._ended or self._end is not None and self._clock() >= self._end

    @property
    def joined(self):
        """ "mesh" with others, "alone" in it, or ""."""
        if self.failed or not self.started or self._with_others is None:
            return ""
        if self._with_others:
            return "mesh"
        return "" if self._strangers else "alone"

    @property
    def text(self):
        """What came of it, for people."""
        if self.joined == "mesh":
            return f"in mesh '{self.mesh}' with {self.peers} peer{'s' * (self.peers != 1)}"
        if self.joined == "alone":
            return (
                f"alone in mesh '{self.mesh}': nobody was heard; right for the first board, else "
                "compare 'mesh' and 'port', and look for client isolation at the access point"
            )
        if self.failed:
            return f"{self.failed}: {self._line}"
        if self._strangers:
            return f"another mesh: {self._strangers}"
        return f"not joined yet: {self._line}"
