"""What was contributed, and what of it died with its owner: evidence, kept outside the nodes."""

from lvs.fixed import serial_diff
from lvs.wire import SLOTS


class Account:
    """Contributions of all honest nodes per channel, in raw.

    A contribution is lost when its owner stops before any node that lives knows it.  That cannot
    be said at once: frames are under way, and who learned it may die, too.  So the rows of the
    dead are looked up among the living, each epoch and at the end, until they are folded.
    """

    def __init__(self, channels):
        self.channels = channels
        self.given = [0] * channels
        self._waited = [0] * channels  # in no session yet, in a node that stopped
        self._dead = []  # [start, nonce, channel, total, known]

    def contribute(self, channel, raw):
        """An honest node accepted a contribution."""
        self.given[channel] += raw

    def death(self, node):
        """A node stops: take down what it alone may know."""
        ledger = node.ledger
        for c in range(self.channels):
            self._waited[c] += ledger.waiting[c] + ledger.exile[c]
            for session in ledger.sessions:
                if session.target[c]:
                    self._bury(session.start, session.nonce, c, session.target[c])

    def _bury(self, start, nonce, channel, total):
        for row in self._dead:
            if row[0] == start and row[1] == nonce and row[2] == channel:
                row[3] = max(row[3], total)
                return
        self._dead.append([start, nonce, channel, total, 0])

    def rebirth(self, node):
        """A node has started from its journal: what waited there is not lost."""
        ledger = node.ledger
        for c in range(self.channels):
            self._waited[c] -= ledger.waiting[c] + ledger.exile[c]

    def survey(self, nodes):
        """Look up what the living `nodes` know of the dead."""
        for row in self._dead:
            known = 0
            folded = 0
            for node in nodes:
                claimed = _claimed(node, row[0], row[1], row[2])
                if claimed < 0:
                    folded += 1
                elif claimed > known:
                    known = claimed
                    if known >= row[3]:
                        break
            if known or not folded:
                row[4] = known
            # Otherwise it has been folded everywhere: what was known before is in the values.

    def lost(self, channel):
        """Raw that no living node ever learned, as of the last survey."""
        lost = self._waited[channel]
        for row in self._dead:
            if row[2] == channel and row[4] < row[3]:
                lost += row[3] - row[4]
        return lost


def _claimed(node, start, nonce, channel):
    """What a node knows of a session's total; 0 if nothing, -1 if the session is folded there."""
    own = node.ledger.find(start, nonce)
    if own:
        return own.target[channel]  # its owner is back, and will say it again
    replica = node.replica(channel // SLOTS)
    if replica is None:
        return 0
    shard = replica.shard
    p = shard.find(start, nonce, channel % SLOTS)
    if p >= 0:
        return shard.claimed[p]
    return -1 if serial_diff(start, shard.horizon) <= 0 else 0
