"""Shows a channel on an SSD1306 at I2C: its name, value, unit, and the state of the mesh.

The driver is micropython-lib's: mpremote mip install ssd1306.
"""

import sys
import time

import framebuf
from machine import I2C, Pin
from micropython import const

from sinks import heard

try:
    from ssd1306 import SSD1306_I2C  # pyright: ignore[reportMissingImports] mip brings it
except ImportError:
    raise ImportError(
        "the display's driver is missing: 'mpremote connect PORT resume mip install ssd1306'"
    ) from None

_RETRY_MS = const(10000)
_HERTZ = const(400000)
_OTHERS = {"\xb2": "2", "\xb3": "3", "\xb0": "o", "\xb5": "u", "\xe4": "a", "\xf6": "o"}
_OTHERS.update({"\xfc": "u", "\xdf": "s"})


def plain(text):
    """Text in the characters that the display has."""
    return "".join([ch if 31 < ord(ch) < 127 else _OTHERS.get(ch, "?") for ch in text])


class Display:
    """settings: {"sda", "scl", "width": 128, "height": 64, "address": 60}. Safe is dashes for the
    value. A display that does not answer is said, and tried again."""

    def __init__(self, settings, _levels, _width):
        self._settings = settings
        self.width = settings.get("width", 128)
        self.height = settings.get("height", 64)
        sda = settings["sda"]
        number = sda >> 1 & 1 if sys.platform == "rp2" else 0
        self._i2c = I2C(number, sda=Pin(sda), scl=Pin(settings["scl"]), freq=_HERTZ)
        self._screen = None
        self._shown = ()
        self._tried = time.ticks_add(time.ticks_ms(), -_RETRY_MS)
        self._failed = False

    def _draw(self, screen, name, unit, value, state):
        columns = self.width // 8
        screen.fill(0)
        screen.text(name[: columns - len(unit) - 1], 0, 0)
        screen.text(unit, self.width - 8 * len(unit), 0)
        if len(value) > columns:
            value = value.partition(".")[0]
        if len(value) > columns:
            value = "#" * columns  # better than a part of a number
        self._large(screen, value, 2 if len(value) <= columns // 2 else 1)
        screen.text(state[:columns], 0, self.height - 8)
        screen.show()

    def _large(self, screen, text, scale):
        """Text so many times as large in the middle of the screen."""
        buffer = bytearray(8 * len(text))
        small = framebuf.FrameBuffer(buffer, 8 * len(text), 8, framebuf.MONO_VLSB)
        small.text(text, 0, 0)
        x = (self.width - 8 * scale * len(text)) // 2
        y = (self.height - 8 * scale) // 2
        for i, column in enumerate(buffer):
            for k in range(8):
                if column >> k & 1:
                    screen.fill_rect(x + scale * i, y + scale * k, scale, scale, 1)

    def _put(self, *shown):
        """Draw if anything changed; a display that failed is set up anew."""
        if shown == self._shown:
            return
        now = time.ticks_ms()
        if self._failed and 0 <= time.ticks_diff(now, self._tried) < _RETRY_MS:
            return
        self._tried = now
        try:
            if not self._screen:
                self._screen = SSD1306_I2C(
                    self.width, self.height, self._i2c, self._settings.get("address", 60)
                )
            self._draw(self._screen, *shown)
        except OSError as e:
            self._screen = None
            if not self._failed:
                print("LVS: display: does not answer (%s); trying again" % e)
            self._failed = True
        else:
            self._failed = False
            self._shown = shown

    def show(self, raw, why, node, c):
        """Show a value (raw; None: dashes) and the state of the mesh."""
        config = node.config
        if not why:
            n = heard(node.routes, node.clock.cycle - 256)
            why = "%d peer%s" % (n, "s" * (n != 1)) if n else "alone"
        self._put(
            plain(config.about(c, "label") or config.channels[c]),
            plain(config.about(c, "unit")),
            "---" if raw is None else config.text(c, raw),
            why,
        )

    def safe(self):
        """The program ends."""
        self._tried = time.ticks_add(time.ticks_ms(), -_RETRY_MS)
        self._put("", "", "---", "stopped")
