"""Journal: what a node must find again after a power cut. This one forgets with the RAM.

The seam for a durable journal: a node restores from it when it starts and tells it what changed.
"""


class RamJournal:
    """Keeps nothing. A node that restarts with it starts empty and learns from its peers."""

    durable = False

    def restore(self, node):
        """Give a starting node back what was kept; returns True if there was anything."""
        return False

    def note(self, node):
        """Something worth keeping may have changed; called once a cycle."""

    def sync(self, node):
        """Keep everything now; returns True when a power cut can no longer undo it."""
        return True

    def close(self):
        """Write what waits, then stop."""
