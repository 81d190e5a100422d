"""The journal of a node that keeps nothing: the seam that lvs.journal fills on a filesystem."""


class RamJournal:
    """Keeps nothing. A node that restarts with it starts empty and learns from its peers."""

    durable = False
    error = ""  # why nothing can be kept, one line
    notice = ""  # what is worth knowing about what was restored, one line

    def restore(self, node):
        """Give a starting node back what was kept; returns True if there was anything."""
        return False

    def repair(self, node, replica):
        """Give a shard, of which no peer has any, what was kept of it."""

    def note(self, node):
        """Something worth keeping may have changed; called once a cycle. Never raises."""

    def sync(self, node):
        """Keep the ledger now, with what is about to be told; True when that is done."""
        node.ledger.kept(0x3FFFFFFF)
        return True

    def flush(self, node):
        """Make all contributions durable now; True when they are."""
        return False

    def close(self):
        """Write what waits, then stop."""
