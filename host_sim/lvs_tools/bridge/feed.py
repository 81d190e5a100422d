"""Brings a node's ledger up to what the store accepted: each contribution once.

The store has a total per channel; the journal knows all that the node ever contributed (given).
Between them lies one contribution at most, that of the difference: whichever of the two was
written last when the process was killed, the difference after the restart says what is missing. So
neither needs to be written together with the other.
"""

from lvs import LvsError, NotDurable, decimal
from lvs_tools.bridge.store import ATTO, atto


class Feeder:
    """Feeds a node, from its start on, before it heard anything. warn: (text) -> None."""

    def __init__(self, node, store, warn):
        self._node = node
        self._store = store
        self._warn = warn
        self._fed = {}  # raw of the total, by channel
        self._refused = {}  # why the node takes no more, by channel
        self._version = None  # of the store when nothing waited
        for c, name in enumerate(node.config.channels):
            self._fed[name] = self._resume(c, name)
            store.set_fed(name, self._fed[name], node.ledger.given(c))

    def _total(self, c, name):
        """What was accepted, in whole steps; the rest waits for more."""
        return self._store.total(name) // self._step(c)

    def _step(self, c):
        m, e = self._node.config.steps[c]
        return m * 10 ** (e + ATTO)

    def steps(self, c, amount):
        """How many whole steps an amount is. Raises LvsError: it is none."""
        return atto(amount) // self._step(c)

    def _resume(self, c, name):
        """What the node was given of the total, raw."""
        total = self._total(c, name)
        known = self._store.fed(name)
        if known is None:
            return 0
        fed, given = known
        since = self._node.ledger.given(c) - given
        if since < 0:
            text = decimal.text(-since, self._node.config.steps[c])
            self._warn(
                f"{name}: the journal lost something; {text} contributed before counts as far as"
                " others hold it"
            )
        if since < 0 or self._node.journal.notice:
            # Part of the journal is gone: nobody can say any more what of the rest was told.
            if total > fed:
                text = decimal.text(total - fed, self._node.config.steps[c])
                self._warn(
                    f"{name}: the journal lost something; {text} accepted just before is taken for"
                    " told, so that nothing counts twice"
                )
            return total
        return min(fed + since, total)

    def waiting(self, c):
        """Raw of a channel that was accepted, and that the node was not given yet."""
        name = self._node.config.channels[c]
        return self._total(c, name) - self._fed[name]

    def step(self):
        """Give the node what was accepted since; returns whether that was anything."""
        node = self._node
        version = self._store.version
        if version == self._version:
            return False
        given, left = False, False
        for c, name in enumerate(node.config.channels):
            raw = self.waiting(c)
            if raw <= 0:
                continue
            if node.journal.error:
                left = True
                continue
            try:
                node.contribute(name, decimal.text(raw, node.config.steps[c]), durable=True)
            except NotDurable as error:
                self._warn(str(error))  # it counts all the same
            except LvsError as error:
                if self._refused.get(name) != str(error):
                    self._refused[name] = str(error)
                    self._warn(f"{name}: {error}; it waits")
                left = True
                continue
            self._fed[name] += raw
            self._store.set_fed(name, self._fed[name], node.ledger.given(c))
            given = True
        if not left:
            self._version = version
        return given
