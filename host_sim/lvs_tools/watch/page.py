"""What is on the page at present, for everybody who looks, and who carries out its buttons."""

import asyncio
import json

from lvs_tools.watch.series import Series

_BEAT_S = 15.0  # a stream says something at least so often


class Refused(ValueError):
    """A button cannot be pressed so; the text says why."""


class Page:
    """What is shown. do: coroutine function (action, dict) -> what was done, a text, which raises
    Refused; None: nothing can be done here. ``view``: the newest (see view), ``text``: as JSON,
    written once for all who look; ``series``."""

    def __init__(self, do=None):
        self.view = None
        self.text = "null"
        self.series = Series()
        self.do = do
        self._next = asyncio.Event()

    def show(self, view):
        """A new view: the charts keep its values, and whoever looks gets it."""
        self.view = view
        self.text = json.dumps(view)
        if not view["quiet"]:
            values = {c["name"]: c["value"] for c in view["channels"]}
            self.series.add(view["clock_s"], values)
        woken, self._next = self._next, asyncio.Event()
        woken.set()

    async def views(self):
        """The view there is, and each new one, as JSON; of several that came meanwhile the newest.
        "" after _BEAT_S without a new one."""
        seen = None
        while True:
            coming = self._next
            if self.view is not None and self.view is not seen:
                seen = self.view
                yield self.text
                continue
            try:
                await asyncio.wait_for(coming.wait(), _BEAT_S)
            except asyncio.TimeoutError:
                yield ""
