"""A Python function of one's own as a source of contributions."""

import time

from lvs.decimal import STEP, steps


class Callback:
    """Calls ``function()`` of ``module`` every ``every_s`` seconds.

    settings: {"module", "function": "read", "every_s": 1}. It returns what happened since the
    last call, in units (int, float or decimal text), or None for nothing. An exception counts as
    nothing; the first one is reported.
    """

    def __init__(self, settings):
        self.module = settings["module"]
        name = settings.get("function", "read")
        try:
            self._function = getattr(__import__(self.module), name)
        except (ImportError, AttributeError) as e:
            raise ValueError("module '%s', function '%s': %s" % (self.module, name, e)) from None
        self._every_ms = int(settings.get("every_s", 1) * 1000)
        self._last = time.ticks_ms()
        self.errors = 0

    def take(self):
        """What the function said; None until it is time to ask again."""
        now = time.ticks_ms()
        if time.ticks_diff(now, self._last) < self._every_ms:
            return None
        self._last = now
        try:
            amount = self._function()
            if amount is not None:
                steps(amount, STEP)  # is it an amount?
            return amount
        except Exception as e:
            self.errors += 1
            if self.errors == 1:
                print("LVS: source '%s': %s: %s" % (self.module, type(e).__name__, e))
            return None
