"""A decoder that all nodes of a world share: a broadcast is decoded once, not by each of them."""

from lvs.wire import Frame


class SharedFrame(Frame):
    """Remembers the datagram that it holds; nodes are handed the very same object."""

    def __init__(self):
        super().__init__()
        self._data = None
        self._tag = 0
        self._reason = ""

    def decode(self, data, tag, grain=1):  # pyright: ignore - a word, not the words known there
        """As Frame.decode."""
        if data is self._data and tag == self._tag:
            return self._reason
        self._reason = super().decode(data, tag, grain)
        self._data = data if isinstance(data, bytes) else None
        self._tag = tag
        return self._reason
