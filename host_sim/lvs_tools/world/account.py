"""What was contributed, and what of it died with its owner: evidence, kept outside the nodes."""

from lvs.fixed import serial_diff
from lvs.wire import SLOTS

_LATE_MS = 60000  # what a node said in its last minute may have been told to nobody yet


class Account:
    """Contributions of all honest nodes per channel, in raw. Owners are machines' numbers.

    A contribution is lost when its owner stops before any node that lives knows it.  That cannot
    be said at once: frames are under way, and who learned it may die, too.  So the rows of the
    dead are looked up among the living, each epoch and at the end, until they are folded.
    """

    def __init__(self, channels):
        self.channels = channels
        self.given = [0] * channels
        self._waited = {}  # (owner, channel): in no session yet, in a node that stopped
        self._dead = []  # [start, nonce, channel, total, known, owner, known when folded]
        self._newest = {}  # owner: [(ms, channel, raw)] of its last minute
        self._late = {}  # (owner, channel): contributed in the minute before a stop

    def contribute(self, owner, channel, raw, now):
        """An honest node accepted a contribution. now: virtual ms."""
        self.given[channel] += raw
        newest = [said for said in self._newest.get(owner, ()) if now - said[0] <= _LATE_MS]
        newest.append((now, channel, raw))
        self._newest[owner] = newest

    def death(self, owner, node, now):
        """A node stops: take down what it alone may know."""
        for at, c, raw in self._newest.pop(owner, ()):
            if now - at <= _LATE_MS:
                self._late[(owner, c)] = self._late.get((owner, c), 0) + raw
        ledger = node.ledger
        for c in range(min(self.channels, ledger.channels)):
            self.wait(owner, c, ledger.waiting[c])
            for session in ledger.sessions:
                if session.total[c]:
                    self._bury(session.start, session.nonce, c, session.total[c], owner)

    def wait(self, owner, channel, raw):
        """So much that an owner had told nobody went with it; below 0: it is back."""
        if raw:
            self._waited[(owner, channel)] = self._waited.get((owner, channel), 0) + raw

    def _bury(self, start, nonce, channel, total, owner):
        for row in self._dead:
            if row[0] == start and row[1] == nonce and row[2] == channel:
                row[3] = max(row[3], total)
                return
        self._dead.append([start, nonce, channel, total, 0, owner, 0])

    def rebirth(self, owner, node):
        """A node has started from its journal: what waited there is not lost, nor what waited and
        counts as told there, which is told again."""
        ledger = node.ledger
        for c in range(min(self.channels, ledger.channels)):
            self.wait(owner, c, -ledger.waiting[c])
        for row in self._dead:
            session = ledger.find(row[0], row[1])
            if session and session.total[row[2]] > row[3]:
                self.wait(owner, row[2], row[3] - session.total[row[2]])
                row[3] = session.total[row[2]]
        take_up, take_back = ledger.take_up, ledger.take_back

        def watched(session):
            take_up(session)
            self._resume(owner, session)

        def back(session):
            before = list(session.total)
            take_back(session)
            self._back(session, before)

        ledger.take_up, ledger.take_back = watched, back

    def _resume(self, owner, session):
        """A session goes on: what nobody knew of it by now is lost, whatever it grows to."""
        for row in self._dead:
            if row[0] == session.start and row[1] == session.nonce:
                total = session.total[row[2]]
                if row[3] > total:
                    self.wait(owner, row[2], row[3] - total)
                    row[3] = total

    def _back(self, session, before):
        """What nobody knew of a session waits in its living owner again, and is told anew."""
        for row in self._dead:
            if row[0] == session.start and row[1] == session.nonce:
                row[3] = max(0, row[3] - before[row[2]] + session.total[row[2]])

    def survey(self, nodes):
        """Look up what the living `nodes` know of the dead; of nobody nothing is learned."""
        if not nodes:
            return
        for row in self._dead:
            known = folded = 0
            for node in nodes:
                claimed = _claimed(node, row[0], row[1], row[2])
                if claimed < 0:
                    folded += 1
                elif claimed > known:
                    known = claimed
                    if known >= row[3]:
                        break
            # Where it has been folded, what was known before is in the values, whatever those
            # know who are late: one that has just started from its journal may know less.
            if folded:
                row[6] = max(known, row[4], row[6])
            row[4] = row[6] if folded else known

    def _lost(self):
        """{(owner, channel): raw that no living node ever learned}, as of the last survey."""
        lost = dict(self._waited)
        for row in self._dead:
            if row[4] < row[3]:
                key = (row[5], row[2])
                lost[key] = lost.get(key, 0) + row[3] - row[4]
        return lost

    def lost(self, channel):
        """Raw of a channel that no living node ever learned, as of the last survey."""
        lost = self._lost()
        return sum([lost[key] for key in lost if key[1] == channel])

    def lost_old(self):
        """Of that, in all channels, what was contributed over a minute before its owner's end."""
        lost = self._lost()
        return sum([max(0, lost[key] - self._late.get(key, 0)) for key in lost])

    def losers(self):
        """Owners of what no living node ever learned, as of the last survey."""
        lost = self._lost()
        return sorted({key[0] for key in lost if lost[key]})

    def rows(self, machines):
        """The most rows in a channel that one owner has of one span among the living: of two
        spans, where one has just ended, there are twice as many."""
        owners = {(row[0], row[1]): row[5] for row in self._dead}
        for m in machines:
            owners.update({(s.start, s.nonce): m.index for s in m.node.ledger.sessions})
        most = 0
        for m in machines:
            for r in m.node.replicas:
                count = {}
                shard = r.shard
                for k in range(shard.count):
                    p = shard.position(k)
                    owner = owners.get((shard.start[p], shard.nonce[p]))
                    if owner is not None:
                        key = owner, shard.start[p], shard.slot[p]
                        count[key] = count.get(key, 0) + 1
                        most = max(most, count[key])
        return most


def _claimed(node, start, nonce, channel):
    """What a node knows of a session's total; 0 if nothing, -1 if the session is folded there."""
    own = node.ledger.find(start, nonce)
    if own:
        return own.total[channel]  # its owner is back, and will say it again
    replica = node.placement.find(channel // SLOTS)
    if replica is None:
        return 0
    shard = replica.shard
    p = shard.find(start, nonce, channel % SLOTS)
    if p >= 0:
        return shard.claimed[p]
    return -1 if serial_diff(start, shard.horizon) <= 0 else 0
