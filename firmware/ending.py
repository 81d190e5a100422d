"""What the program does when it ends: says why, and restarts the board after a crash.

Loaded then.
"""

import sys
import time

from micropython import const

import crashlog
import watchdog
from app import once
from lvs import ConfigError

_RESTART_S = const(10)  # after a crash; long enough for Ctrl-C


def end(e, led, node):
    """e: what ended it; node: the one that ran, or None."""
    try:
        if "sinks" in sys.modules:
            sys.modules["sinks"].safe()
        if isinstance(e, KeyboardInterrupt):
            stopped(node)
        elif isinstance(e, ConfigError) and not once("restarts").on_trial():
            print("LVS: cannot start:", e)
            led.show("configuration", 20)
        else:
            crash(e, led, node)
    except KeyboardInterrupt:
        print("LVS: not restarted")


def stopped(node):
    """Ctrl-C."""
    print("LVS: stopped; app.main() starts again, app.node is the node")
    if node and node.left():
        fate = "the journal keeps them" if node.journal.durable else "they are lost"
        print("LVS: known to nobody else yet: %s; %s" % (node.left_text(), fate))


def crash(e, led, node):
    """Keep a record and restart the board; meters turn on while it waits."""
    once("restarts").announce(1)
    why = ""
    if isinstance(e, MemoryError):
        why = ": out of memory: fewer 'rows', no status page, or a frozen build"
    crashlog.write("crashed%s; restarting in %d s" % (why, _RESTART_S), e)
    watchdog.keep_fed_if_running()  # for the wait, and for whoever presses Ctrl-C in it
    led.show("crashed", 1)
    time.sleep_ms(_RESTART_S * 1000)
    once("restarts").restart(node and node.journal)
