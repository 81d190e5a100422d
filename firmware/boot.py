"""Runs first: a window in which Ctrl-C always wins, then the end of an interrupted update.

It needs no other file, so that a board with half a copy on it still boots. ``stay`` tells
main.py that somebody wants the REPL, ``trial`` that it must not stay there.
"""

import os
import time

from micropython import const

_WINDOW_MS = const(2000)
_TRIAL_MS = const(360000)  # new files that nobody found good by then are taken back
stay = False
trial = False  # whether new files have this one start to be found good


def _there(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def _move(source, target):
    """Rename a file, or remove it (target None), unless that was done before a cut."""
    if _there(source):
        if target:
            os.rename(source, target)
        else:
            os.remove(source)


def _switch(name, line):
    """Do what one line of a list asks for: see finish_update."""
    mark = line[0]
    path = line[1:] if mark in "+-" else line
    new = "/update" + path
    old = "/update/old" + path
    if name == "commit":
        _move(path if mark == "-" else new, None if mark == "-" else path)
    elif path == "/boot.py":
        pass  # it is what takes the others back
    elif name == "trial":
        _move(path if mark == "+" else old, None if mark == "+" else path)
    elif mark == "-":
        _move(path, old)
    elif _there(new):  # else it was moved in before the cut
        _move(path, old)
        os.rename(new, path)


def finish_update():
    """Bring the files into the one state that a list in /update asks for; safe to cut and repeat.

    New files are staged in /update, the list is written last, and there is one at most:
    commit  from the cable, or found good: "path" is moved in, "-path" removed
    try     over the air: what was there goes to /update/old, "+path" is new; then it is ``trial``
    trial   the new files had one start and were not found good: the old ones come back
    Returns whether a trial begins.
    """
    for name in ("commit", "try", "trial"):
        try:
            with open("/update/" + name) as f:
                lines = f.read().split()
        except OSError:
            continue
        for line in lines:
            _switch(name, line)
        if name == "commit":
            os.remove("/update/commit")
        else:
            os.rename("/update/" + name, "/update/" + ("trial" if name == "try" else "failed"))
        print("LVS: update", {"commit": "finished", "try": "on trial"}.get(name, "taken back"))
        return name == "try"
    return False


def end_trial(_timer):
    """Restart the board if nobody has found the new files good: see finish_update."""
    if _there("/update/trial"):
        import machine

        machine.reset()


def woken():
    """Did a deep sleep end? Then nobody waits for the REPL: the reset button opens the window."""
    import machine

    return machine.reset_cause() == getattr(machine, "DEEPSLEEP_RESET", None)


try:
    if not woken():
        print("LVS: Ctrl-C within %d s keeps the REPL" % (_WINDOW_MS // 1000))
        for _ in range(_WINDOW_MS // 50):
            time.sleep_ms(50)
    trial = finish_update()
    if trial:
        from machine import Timer

        try:
            _timer = Timer(-1)
        except ValueError:  # the ESP32 port has numbered hardware timers only
            _timer = Timer(1)
        _timer.init(mode=Timer.ONE_SHOT, period=_TRIAL_MS, callback=end_trial)
except KeyboardInterrupt:
    stay = True
except Exception as e:
    print("LVS: boot:", e)
    if isinstance(e, OSError) and e.args[0] in (5, 84):
        # The flash failed in the middle: littlefs must be mounted anew before it is used again.
        import machine

        machine.reset()

for _name in ("finish_update", "_switch", "_move", "woken"):
    del globals()[_name]  # their memory is the node's
try:
    # A soft reset leaves a watchdog running that nobody feeds at the REPL. Ticks go on over a
    # soft reset, so early ticks mean that the board has just been switched on.
    if time.ticks_ms() > 20000:  # pyright: ignore[reportOperatorIssue] a number on boards
        import feeding

        feeding.keep_fed()
except Exception as e:
    print("LVS: boot:", e)
