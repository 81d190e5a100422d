"""A row of LEDs on pins that shows how far a value is: none lit when empty, all when full."""

from machine import Pin


class LedBar:
    """settings: {"pins", "active": 1}; levels: "full", and "empty" if it is not 0, raw. Safe is
    dark."""

    def __init__(self, settings, levels, _width):
        self._empty = levels.get("empty", 0)
        self._span = levels["full"] - self._empty
        if self._span <= 0:
            raise ValueError("full: must be more than empty")
        self._active = settings.get("active", 1)
        self._pins = [Pin(pin, Pin.OUT) for pin in settings["pins"]]
        self.lit = -1
        self.safe()

    def _set(self, lit):
        if lit != self.lit:
            self.lit = lit
            for i, pin in enumerate(self._pins):
                pin.value((i < lit) == self._active)

    def show(self, raw, _why, _node, _c):
        """Light as many as the value (raw) says; None: none."""
        n = len(self._pins)
        self._set(0 if raw is None else max(0, min(n, (raw - self._empty) * n // self._span)))

    def safe(self):
        """The program ends."""
        self._set(0)
