"""Runs second: starts the node, unless boot.py was told to stay at the REPL.

``app.main()`` at the REPL starts it again after Ctrl-C.
"""

import gc
import json


def collect_early():
    """Collect whenever an eighth of the free memory was given out, so that what lives stays close
    together. Left until all is full, it lies strewn over all of the memory: with 75 KB free there
    was no piece of 8 KB for the table of names, and a Pico W did not start."""
    if hasattr(gc, "threshold"):
        gc.threshold(gc.mem_free() // 8)


def program():
    """The name of the module that runs: a leaf, which holds nothing, has one of its own."""
    try:
        with open("lvs.json") as f:
            return "app" if json.load(f).get("held", 1) else "sleeper"
    except (OSError, ValueError, AttributeError):
        return "app"  # which says what is wrong


def out_of_memory():
    """Say it, have it count as a crash, and restart."""
    import machine

    print("LVS: out of memory; restarting")
    try:
        app.once("restarts").announce(1)  # after five, safe mode
    finally:
        machine.reset()


collect_early()
try:
    frozen = __import__("frozen")  # see overlay
except ImportError:
    pass  # all of the program is in files
else:
    import overlay

    overlay.start(frozen)
if globals().get("stay"):
    print("LVS: not started; app.main() starts it after 'import app'")
else:
    try:
        app = __import__(program())
    except Exception as e:  # half a copy, or too little memory: the REPL stays usable
        print("LVS: cannot start (%s: %s); run 'lvs deploy' again" % (type(e).__name__, e))
        if globals().get("trial"):
            import machine

            with open("/crash.log", "a") as f:
                f.write("an update cannot start: %s: %s\n" % (type(e).__name__, e))

            machine.reset()  # boot.py takes the new files back
    else:
        try:
            app.main()
        except MemoryError:  # not even room to say how it ended
            out_of_memory()
