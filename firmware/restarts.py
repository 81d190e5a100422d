"""How often the board restarted by itself without two minutes of life between: in /restarts.

Loaded for a moment at the start, at a crash and after two minutes. Switching on does not count: a
supply that flickers is no fault of the program.
"""

import os

from micropython import const

import crashlog
import sources

PATH = "/restarts"
RESTARTS = 5  # without two minutes of life between, and then it is safe mode
_ROUNDS = const(4)  # an erase takes as long as ten pulses; the next write has none


def _read():
    """(how many, whether the last of them is written down already)"""
    try:
        with open(PATH) as f:
            text = f.read()
        return int(text.rstrip("c") or "0"), text[-1:] == "c"
    except (OSError, ValueError):
        return 0, False


def write(count, known=True):
    """Write down so many; known: the restart that follows is one of them."""
    try:
        with open(PATH, "w") as f:
            f.write(str(count) + "c" * known)
    except OSError:
        pass  # a full or broken filesystem must not make things worse


def announce(crashed=0):
    """The program is about to restart the board; that counts if it crashed."""
    write(_read()[0] + crashed)


def begin(cause):
    """How many there were, this start included; 0 when it was switched on, which is a new try,
    though it forgets nothing. cause: as reset_cause has it."""
    if cause == "pwron":
        return 0
    count, known = _read()
    bitten = cause == "wdt" and not known
    if bitten or known:
        write(count + bitten, False)
    if bitten:
        crashlog.write("restarted by the watchdog")
    return count + bitten


def on_trial():
    """Whether new files had this one start and nobody found them good yet: see boot."""
    try:
        os.stat("/update/trial")
        return True
    except OSError:
        return False


def too_often():
    """Whether this start is one of too many. To be asked once a start."""
    return begin(reset_cause()) >= RESTARTS and not on_trial()


def lived():
    """The program works."""
    try:
        os.remove(PATH)
    except OSError:
        pass


def restart(journal):
    """Restart the board with all that it has counted on flash. What comes while that is written is
    written, too; of what comes in the last such moment nobody knows. journal: None if no node was
    made."""
    import machine

    try:
        for _ in range(_ROUNDS if journal else 0):
            sources.collect()
            journal.flush()
    except Exception as e:  # what cannot be kept must not keep the board
        print("LVS: before the restart: %s: %s" % (type(e).__name__, e))
    machine.reset()


def to_mend(what, minutes, journal):
    """Restart the board: the network or the peer that was missed may be a matter of this board."""
    crashlog.write("no %s for %d minutes; restarting" % (what, minutes))
    announce()
    restart(journal)


def reset_cause():
    """Why the board started, in one word."""
    import machine

    cause = machine.reset_cause()
    for name in ("PWRON_RESET", "HARD_RESET", "WDT_RESET", "DEEPSLEEP_RESET", "SOFT_RESET"):
        if cause == getattr(machine, name, None):
            return name[:-6].lower()
    return "unknown"
