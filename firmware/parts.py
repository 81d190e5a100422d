"""What ``app`` needs while it starts, and then no more: it unloads this module.

What stays must not come from here: a function keeps all of its module in memory.
"""

import asyncio
import select
import sys

from micropython import const

from led import Led
from lvs import Config, ConfigError, Node
from lvs.wire import SLOTS

OLDEST = (1, 26)  # MicroPython before it lets the RP2 receive one datagram at a time
JOURNAL = "/journal"
_WIFI_WAIT_MS = const(15000)  # the node starts without a network after this


def check_version(version=None):
    """One line of advice if MicroPython is too old, else ""."""
    version = version or sys.implementation.version
    if tuple(version[:2]) >= OLDEST:
        return ""
    return "MicroPython %d.%d is too old; %d.%d or newer is needed: 'lvs flash'" % (
        version[0],
        version[1],
        OLDEST[0],
        OLDEST[1],
    )


def make_led(settings):
    """The LED; raises ConfigError."""
    try:
        return Led(settings)
    except (ValueError, TypeError) as e:
        raise ConfigError("board.led.pin: %r: %s" % (settings["pin"], e)) from None


def hold_sinks(board, once):
    """See that what the board switches is safe until the node is sure of its values."""
    if board.get("sinks"):
        once("sink_kinds").hold(board["sinks"])


async def connect(settings, led, dog, start):
    """Bring up the Wi-Fi and keep it up; returns it, up or after 15 s; None for no settings."""
    if not settings:
        return None
    from wifi import Wifi

    wifi = Wifi(settings)
    start("wifi", wifi.run(dog.check_in), 30000)
    for i in range(_WIFI_WAIT_MS // 100):
        led.set(i % 4 == 0)
        if wifi.state == "up":
            break
        await asyncio.sleep_ms(100)
    return wifi


def make_node(config, before):
    """The node of before, with what was contributed at the REPL; a new one if there is none, or
    if it was stopped or its settings were edited there. Raises ConfigError."""
    if before:
        if before.running and before.config.data == config:
            return before
        before.journal.close()
        before.transport.close()
    checked = Config(config)
    board = config["board"]
    return Node(checked, transport(checked, board), journal=journal(board))


def transport(config, board):
    """UDP, or UDP and ESP-NOW; raises ConfigError if the board cannot do that."""
    from lvs.machine import clock
    from lvs.transport_layer import UdpTransport

    link = UdpTransport(config.address, config.broadcast, config.port, clock)
    if board.get("espnow"):
        try:
            from espnow_link import EspNowLink
        except ImportError:
            link.close()
            raise ConfigError("board.espnow: this board has no ESP-NOW; set it to false") from None
        from both_links import BothLinks

        link = BothLinks(link, EspNowLink())
        check_gateway(config)
    return link


def check_gateway(config):
    """Say it if what leaves tell by ESP-NOW may reach nobody who holds it."""
    shards = -(-len(config.channels) // SLOTS)
    if config.held < shards:
        print(
            "LVS: espnow: leaves are heard by ESP-NOW for %d of %d shards; set 'held' to %d"
            % (config.held, shards, shards)
        )


def journal(board):
    """The journal on the board's filesystem, or None if it is switched off."""
    if not board.get("journal", True):
        return None
    from lvs.journal import Journal

    return Journal(JOURNAL)


def console():
    """A poll object of what is typed at the serial port; None if there is none."""
    try:
        found = select.poll()
        found.register(sys.stdin, select.POLLIN)
        return found if hasattr(found, "ipoll") else None
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def start_keeper(config, wifi, node, once, start, check_in):
    """Start what brings the board back, and tell the node when its address changes."""
    import keeper

    minutes = config["board"].get("reboot_after_min", 60)
    start("keeper", keeper.run(check_in, minutes, wifi, node, once), 30000)
    if wifi:
        wifi.moved = node.transport.moved


def start_extras(config, wifi, dog, node, start, once):
    """Start what only some boards have: sinks, low power, administration, the status page."""
    board = config["board"]
    if board.get("sinks"):
        import sinks

        made = once("sink_kinds").make_all(board["sinks"], node.config)
        start("sinks", sinks.run(made, node, dog.check_in), 10000)
    saving = board.get("low_power", False)
    if saving is not False:  # true and {}: as it comes
        from power import Power

        pins = [s for s in board.get("sources", []) if s["kind"] in ("pulse", "button")]
        saving = {} if saving is True else saving
        start("power", Power(saving, wifi, dog, node, not pins).run(), 30000)
    if board.get("admin_key"):
        try:
            import admin
        except ImportError as e:
            print("LVS: no administration over the air:", e)
        else:
            start("admin", admin.run(board, node, wifi))
    if board.get("status_page"):
        try:
            import status_page
        except ImportError:
            print("LVS: status page: microdot is missing; 'lvs deploy' copies it")
            return
        settings = {} if board["status_page"] is True else board["status_page"]
        start("status_page", status_page.run(settings, node, wifi))
