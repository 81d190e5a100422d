"""Virtual time: the world's event queue, and the clocks that nodes see of it."""

import heapq

_TICKS_MASK = (1 << 30) - 1
PPM = 1000000


class Timeline:
    """Events in virtual milliseconds, run in the order of time and then of scheduling.

    Most events share their millisecond with others (every receiver polls on a grid of 20 ms), so
    the heap holds each millisecond once and a dictionary the calls that belong to it.
    """

    def __init__(self):
        self.now = 0
        self.done = 0  # calls made so far
        self._times = []
        self._calls = {}

    def at(self, ms, call, arg):
        """Have ``call(arg)`` run at the virtual time `ms`; a time gone by means now."""
        if ms < self.now:
            ms = self.now
        calls = self._calls.get(ms)
        if calls is None:
            self._calls[ms] = [call, arg]
            heapq.heappush(self._times, ms)
        else:
            calls.append(call)
            calls.append(arg)

    def first(self, ms, call, arg):
        """As `at`, but before all else of that millisecond: as what stood in the plan is."""
        self.at(ms, call, arg)
        calls = self._calls[max(ms, self.now)]
        calls[:] = calls[-2:] + calls[:-2]

    def run_until(self, end):
        """Run everything due before the virtual time `end`, then let it be `end`."""
        times = self._times
        while times and times[0] < end:
            now = times[0]
            self.now = now
            calls = self._calls[now]
            i = 0
            while i < len(calls):  # calls may add more for this very millisecond
                calls[i](calls[i + 1])
                i += 2
            heapq.heappop(times)
            del self._calls[now]
            self.done += i // 2
        self.now = end


class Clock:
    """A node's millisecond counter: wraps at 2**30 as on boards, starts anywhere, may err."""

    def __init__(self, timeline, start):
        self._timeline = timeline
        self._offset = start
        self._rate = PPM
        self._since = 0

    def ticks(self):
        """Return the node's time in ms, ``0 .. 2**30 - 1``."""
        if self._rate == PPM:
            return (self._timeline.now + self._offset) & _TICKS_MASK
        gone = (self._timeline.now - self._since) * self._rate // PPM
        return (self._offset + gone) & _TICKS_MASK

    def skew(self, ppm):
        """Let the clock run at `ppm` millionths of true speed from now on; 0 freezes it."""
        value = self.ticks()
        now = self._timeline.now
        self._rate = ppm
        self._since = now
        self._offset = value - now if ppm == PPM else value

    def true_ms(self, local_ms):
        """Return how much true time `local_ms` of this clock take: at least 1, at most 1000."""
        if self._rate != PPM:
            local_ms = (local_ms * PPM + self._rate - 1) // self._rate if self._rate else 1000
        return 1 if local_ms < 1 else 1000 if local_ms > 1000 else local_ms
