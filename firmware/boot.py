"""Runs first: a window in which Ctrl-C always wins, then the end of an interrupted update.

It needs no other file, so that a board with half a copy on it still boots. ``stay`` tells
main.py that somebody wants the REPL.
"""

import os
import time

from micropython import const

_WINDOW_MS = const(2000)
stay = False


def finish_update():
    """Move the files of a complete, staged update into place; safe to cut and run again.

    The deployer stages new files in /update and writes /update/commit last: one line a file,
    "path" to move in, "-path" to remove. Without that list the stage is incomplete and the old
    files stay as they are.
    """
    try:
        with open("/update/commit") as f:
            lines = f.read().split()
    except OSError:
        return
    for line in lines:
        path = line[1:] if line[0] == "-" else line
        source = path if line[0] == "-" else "/update" + path
        try:
            os.stat(source)
        except OSError:
            continue  # done before the cut
        if source == path:
            os.remove(path)
        else:
            os.rename(source, path)
    os.remove("/update/commit")
    print("LVS: update finished")


def woken():
    """Did a deep sleep end? Then nobody waits for the REPL: the reset button opens the window."""
    import machine

    return machine.reset_cause() == getattr(machine, "DEEPSLEEP_RESET", None)


try:
    if not woken():
        print("LVS: Ctrl-C within %d s keeps the REPL" % (_WINDOW_MS // 1000))
        for _ in range(_WINDOW_MS // 50):
            time.sleep_ms(50)
    finish_update()
except KeyboardInterrupt:
    stay = True
except Exception as e:
    print("LVS: boot:", e)

del finish_update, woken  # its memory is the node's
try:
    # A soft reset leaves a watchdog running that nobody feeds at the REPL. Ticks go on over a
    # soft reset, so early ticks mean that the board has just been switched on.
    if time.ticks_ms() > 20000:  # pyright: ignore[reportOperatorIssue] a number on boards
        import watchdog

        watchdog.keep_fed()
except Exception as e:
    print("LVS: boot:", e)
