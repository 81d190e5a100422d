"""The journal of a node that keeps nothing: the seam that lvs.journal fills on a filesystem."""

from .fixed import MAX_RAW


class RamJournal:
    """Keeps nothing. A node that restarts with it starts empty and learns from its peers."""

    durable = False
    error = ""  # why nothing can be kept, one line
    notice = ""  # what is worth knowing about what was restored, one line
    addresses = []  # of peers, to try after a start

    def attach(self, ledger, **others):
        """Get to know the parts of a node that starts (lvs.journal.Journal.attach)."""
        self._ledger = ledger

    def restore(self):
        """Give the node back what was kept; True if there was anything."""
        return False

    def repair(self, replica):
        """Give a shard, of which no peer has any, what was kept of it."""

    def note(self, active):
        """Once a cycle: write a little of what is due. Never raises."""

    def sync(self):
        """Keep the ledger now, with what is about to be told; True when that is done."""
        self._ledger.kept(MAX_RAW)
        return True

    def flush(self):
        """Make all contributions durable now; True when they are."""
        return False

    def close(self):
        """Write what waits, then stop."""
