"""A real MQTT broker for tests: Debian's mosquitto, on loopback, with what it is to keep."""

import shutil
import socket
import subprocess
import time

import pytest

# Debian's package puts it where only root looks.
PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def require():
    """Skip the test where there is no broker."""
    if PROGRAM is None:
        pytest.skip("no mosquitto here: install it (Debian: apt install mosquitto)")


def free_port():
    """A TCP port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """mosquitto in a folder, that is started, killed and started again."""

    def __init__(self, folder):
        self.port = free_port()
        self._folder = folder
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n"
            f"persistence true\npersistence_location {folder}/\nautosave_interval 1\n"
            "autosave_on_changes true\nmax_queued_messages 0\n"
        )
        self._process = None

    def start(self):
        """Start it, and wait until it listens."""
        assert PROGRAM
        with open(self._folder / "mosquitto.log", "a") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "-c", str(self._config)], stdout=log, stderr=log
            )
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._process.poll() is None, (self._folder / "mosquitto.log").read_text()
            time.sleep(0.02)
        raise AssertionError("mosquitto does not listen")

    def stop(self, kill=False):
        """End it: what it is to keep is kept. kill: without warning."""
        if self._process:
            (self._process.kill if kill else self._process.terminate)()
            self._process.wait(30)
            self._process = None
