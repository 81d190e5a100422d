"""The bridge itself: one node with its journal, and whoever is told what it knows."""

import asyncio
import fcntl
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from lvs import LvsError, Node
from lvs.journal import Journal
from lvs.machine import clock
from lvs.transport_layer import UdpTransport
from lvs.wide import END
from lvs_tools import options
from lvs_tools.bridge.feed import Feeder
from lvs_tools.bridge.history import Recorder
from lvs_tools.bridge.prometheus import Metrics
from lvs_tools.bridge.store import Store
from lvs_tools.bridge.values import Values

_TURN_S = 0.25  # between two looks at what was accepted
_LOOK_S = 1.0  # between two looks at the values
_STATUS_S = 5.0


class Busy(Exception):
    """Another bridge uses the folder."""


class Bridge:
    """A node that is shown. config: its Config; folder: what it must not forget; warn: (text).

    ``tellers``: objects with changed(); ``recorder``: a history.Recorder or None; ``metrics``: a
    prometheus.Metrics or None; ``say``: (text) -> None, told what goes well. Raises
    Busy, store.StoreError, OSError.
    """

    def __init__(self, config, folder, warn):
        folder = Path(folder)
        new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = open(folder / "lock", "w")  # noqa: SIM115 - held as long as the bridge lives
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Busy(f"{folder}: another bridge uses it; give this one --state") from None
        self.config = config
        self.warn = warn
        transport = UdpTransport(config.address, config.broadcast, config.port, clock)
        if transport.error:
            if new:
                (folder / "lock").unlink()
                folder.rmdir()
            raise OSError(transport.error)
        transport = options.reach_all(transport, config)
        before = config.data.get("before", {}).get("tag")
        before = None if before is None else int(before, 16)
        self.store = Store(folder / "bridge.db", config.tag, before)
        self.node = Node(config, transport, clock, journal=Journal(str(folder / "journal")))
        self.feeder = Feeder(self.node, self.store, warn)
        self.values = Values(self.node, self.store, warn)
        self.tellers = []
        self.recorder: Recorder | None = None
        self.metrics: Metrics | None = None
        self._said_warnings = set()
        self._status = None
        self._status_at = self._looked = 0.0
        self._fault = ""
        self._met = False  # was it said?
        self.say: Callable[[str], None] = lambda _: None

    # --- what others ask ------------------------------------------------------------------------

    def text(self, name, raw):
        """Exact text of a channel's raw value, its offset included."""
        return self.config.text(self.config.channels.index(name), raw)

    def state(self):
        """What the bridge says of itself, a dict."""
        quiet = self.values.quiet_s()
        return {
            "state": "online" if self.values.online() and not self._fault else "offline",
            "met": self.values.met,
            "heard_s": None if quiet is None else round(quiet),
            "time": int(time.time()),
        }

    def accept(self, contributions):
        """Make contributions durable; returns what became of each (Store.accept)."""
        fit = [self._fits(c) for c in contributions]
        accepted = iter(
            self.store.accept([c for c, ok in zip(contributions, fit, strict=True) if ok])
        )
        return [next(accepted) if ok else "the counter would pass its end" for ok in fit]

    def _fits(self, contribution):
        """Is there room for a contribution in its counter? What is no amount is said later."""
        c = self.config.channels.index(contribution.channel)
        try:
            raw = self.feeder.steps(c, contribution.amount)
        except LvsError:
            return True
        waiting = self.node.ledger.waiting[c] + self.feeder.waiting(c)
        return raw <= END - self.node.raw(c, False) - waiting

    # --- running --------------------------------------------------------------------------------

    async def run(self):
        """Take part in the mesh, and tell, until ``stop`` and all is told that can be."""
        running = asyncio.create_task(self.node.run())
        try:
            while not running.done():
                self._turn()
                await asyncio.wait([running], timeout=_TURN_S)
            await running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            self._guarded(self._look, True)
            self.store.close()
            if self.recorder:
                self.recorder.close()
            self._lock.close()
            if self.node.left():
                self.warn(
                    f"{self.node.left_text()}: known to nobody else yet, the journal keeps it"
                )

    def _turn(self):
        """What there is to be done, several times a second."""
        now = time.monotonic()
        self._guarded(self.feeder.step)
        if now - self._looked >= _LOOK_S:
            self._looked = now
            self._guarded(self._look)
        if now - self._status_at >= _STATUS_S:
            self._status_at = now
            self._status = self.node.status()
            self._warn_of_node()

    def _guarded(self, job, *given):
        """Do something that writes; while that cannot be done (a full disk) nothing new is said,
        and it is tried again."""
        try:
            job(*given)
        except sqlite3.Error as error:
            if self._fault != str(error):
                self.warn(f"cannot be written ({error}): nothing new is said until it can")
            self._fault = str(error)
        else:
            if job == self._look:
                self._fault = ""

    def stop(self):
        """Let the node tell what nobody else knows yet, then let ``run`` return."""
        self.node.stop()

    def _look(self, at_once=False):
        values = self.values
        news = values.look()
        if values.met and not self._met:
            self._met = True
            self.say(f"bridge of mesh {self.config.mesh}: met it, values are told")
        if news:
            for teller in self.tellers:
                teller.changed()
        if self.recorder and values.said:
            self.recorder.record(values.said, at_once=at_once)
        if self.metrics and self._status:
            names = self.config.channels
            self.metrics.snapshot = {
                "mesh": self.config.mesh,
                "values": [
                    {
                        "name": name,
                        "unit": self.config.about(c, "unit"),
                        "text": self.text(name, values.said[name]),
                    }
                    for c, name in enumerate(names)
                    if name in values.said
                ],
                "online": values.online(),
                "heard_s": values.quiet_s(),
                "status": self._status,
            }

    def _warn_of_node(self):
        said = set(self._status["warnings"]) if self._status else set()
        for text in sorted(said - self._said_warnings):
            self.warn(text)
        self._said_warnings = said
