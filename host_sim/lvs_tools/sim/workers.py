"""Worker processes that do not outlive whoever started them."""

import contextlib
import os
import signal
import threading
import time
from multiprocessing import resource_tracker


def end_with(parent):
    """A worker ends at once on Ctrl-C, and soon after whoever started it, however that ended."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def without_ctrl_c():
    """Processes that begin in here, and in threads that do, are not told of Ctrl-C in their
    terminal: whoever started them ends them. Where it comes meanwhile, it counts afterwards."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # it would end that
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
