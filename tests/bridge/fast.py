"""`lvs bridge` with a node whose time runs fast, as that of the other nodes of its test."""

import sys
import time

from lvs import machine

SPEED = 20  # the mesh's seconds in one of the machine's


def clock():
    """Milliseconds of the mesh, modulo 2**30."""
    return int(time.monotonic() * 1000 * SPEED) & 0x3FFFFFFF


if __name__ == "__main__":
    machine.clock = clock
    from lvs_tools.bridge import command  # which takes the clock from there

    command.command(sys.argv[1:], prog_name="lvs bridge")
