"""In place of select.poll where that has no ipoll: on CPython. Loaded there.

Every socket counts as ready; one that does not block and has nothing raises, which costs nothing.
"""


class EachSocket:
    """What MicroPython's select.poll() gives, for sockets that do not block."""

    def __init__(self):
        self._sockets = []

    def register(self, sock, _events):
        """Ask this one, too."""
        self._sockets.append((sock, 1))

    def ipoll(self, _timeout):
        """All of them."""
        return self._sockets
