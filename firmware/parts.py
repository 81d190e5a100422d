"""What ``app`` needs while it starts, and then no more: it unloads this module."""

import asyncio
import sys

import crashlog
from lvs import ConfigError

OLDEST = (1, 26)  # MicroPython before it lets the RP2 receive one datagram at a time
JOURNAL = "/journal"


def check_version(version=None):
    """One line of advice if MicroPython is too old, else ""."""
    version = version or sys.implementation.version
    if tuple(version[:2]) >= OLDEST:
        return ""
    return "MicroPython %d.%d is too old; %d.%d or newer is needed: 'make flash'" % (
        version[0],
        version[1],
        OLDEST[0],
        OLDEST[1],
    )


def transport(config, board):
    """UDP, or UDP and ESP-NOW; raises ConfigError if the board cannot do that."""
    from lvs.transport_layer import UdpTransport
    from lvs.world import clock

    udp = UdpTransport(config.address, config.broadcast, config.port, clock)
    if udp.error:  # it tries again by itself
        print("LVS:", udp.error)
    if not board.get("espnow"):
        return udp
    try:
        from espnow_link import EspNowLink
    except ImportError:
        raise ConfigError("board.espnow: this board has no ESP-NOW; set it to false") from None
    from both_links import BothLinks

    return BothLinks(udp, EspNowLink())


def journal(board):
    """The journal on the board's filesystem, or None if it is switched off."""
    if not board.get("journal", True):
        return None
    from lvs.journal import Journal

    return Journal(JOURNAL)


def page(settings, node, channels, wifi):
    """The coroutine that serves the status page, or None if microdot is not there."""
    try:
        import status_page
    except ImportError:
        print("LVS: status page: microdot is missing; 'make deploy' copies it")
        return None

    def extra():
        more = {"load_percent": node.load, "uptime_s": crashlog.uptime()}
        if wifi:
            more.update(wifi=wifi.state, rssi=wifi.rssi(), wifi_drops=wifi.drops)
        return more

    async def serve():
        await status_page.run(settings if settings is not True else {}, node, channels, extra)
        while True:  # without its page the node goes on
            await asyncio.sleep_ms(60000)

    return serve()
