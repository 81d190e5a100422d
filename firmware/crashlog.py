"""What went wrong, kept over restarts in /crash.log: at most two files of a few KB.

``lvs logs --crash`` shows it. Writing must never make things worse: a full or broken filesystem is
ignored here.
"""

import os
import sys
import time

from micropython import const

PATH = "/crash.log"
OLD = "/crash.old"
_LIMIT = const(4096)  # bytes before the log becomes crash.old
_since = time.ticks_ms()
_seconds = 0  # from the start until _since


def uptime():
    """Seconds since the program started; to be asked once in six days, or ticks have wrapped. The
    time of day would do worse: it is set while the program runs."""
    global _since, _seconds
    passed = time.ticks_diff(time.ticks_ms(), _since) // 1000
    _since = time.ticks_add(_since, 1000 * passed)
    _seconds += passed
    return _seconds


def _rotate(path, old):
    try:
        if os.stat(path)[6] >= _LIMIT:
            os.rename(path, old)
    except OSError:
        pass


def write(text, error=None, path=PATH, old=OLD):
    """Append a line with the uptime, and the traceback of an exception. True if it is stored."""
    line = "[%d s] %s" % (uptime(), text)
    print("LVS:", text)
    if error:
        sys.print_exception(error)
    _rotate(path, old)
    try:
        with open(path, "a") as f:
            f.write(line + "\n")
            if error:
                sys.print_exception(error, f)
        return True
    except OSError:
        return False
