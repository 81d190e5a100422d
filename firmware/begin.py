"""What the program asks before it runs. Loaded once."""

import os

from app import once
from led import Led
from lvs import ConfigError

RESTARTS = 5  # without two minutes of life between, and then it is safe mode


def too_old():
    """Whether MicroPython is too old, which is said then."""
    text = once("parts").check_version()
    if text:
        print("LVS:", text)
    return bool(text)


def on_trial():
    """Whether new files had this one start and nobody found them good yet: see boot."""
    try:
        os.stat("/update/trial")
        return True
    except OSError:
        return False


def too_often():
    """Whether this start is one of too many: see restarts. To be asked once a start."""
    restarts = once("restarts")
    return restarts.begin(restarts.reset_cause()) >= RESTARTS and not on_trial()


def make_led(settings):
    """The LED; raises ConfigError."""
    try:
        return Led(settings)
    except (ValueError, TypeError) as e:
        raise ConfigError("board.led.pin: %r: %s" % (settings["pin"], e)) from None
