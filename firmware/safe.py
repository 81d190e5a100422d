"""Safe mode: after five restarts in a row without two minutes of life nothing runs that could have
been the reason: no journal, no sources, no sinks, no gossip. The Wi-Fi, the administration service
and the REPL do, and the crash log is told. After an hour the whole program gets another try."""

import asyncio

from micropython import const

import crashlog
import watchdog
from lvs import Node
from lvs.machine import clock
from lvs.transport_layer import UdpTransport

_HOUR_S = const(3600)


class Silent(UdpTransport):
    """A transport that never opens its sockets: nothing is sent, nothing is heard."""

    def open(self):
        """No."""
        self.error = "safe mode"
        return False


def last_words(paths=(crashlog.OLD, crashlog.PATH)):
    """The end of the crash log."""
    text = ""
    for path in paths:
        try:
            with open(path) as f:
                text += f.read()
        except OSError:
            pass
    return text[-1000:]


def node_of(config):
    """A node that takes part in nothing: the service asks it who it is. None if it cannot be."""
    try:
        return Node(dict(config, rows=16, routes=8, held=1), Silent("", "", 0, clock))
    except Exception as e:
        crashlog.write("safe mode: no node", e)
        return None


async def run(config, once, led):
    """Until the hour is over; then restarts the board."""
    print("LVS: safe mode, after restart upon restart; the crash log ends in:")
    print(last_words())
    board = dict(config["board"], status_page=False, low_power=False, sinks=[])
    config = dict(config, board=board)
    dog = watchdog.Watchdog(board.get("watchdog_s", 8) * 1000, crashlog.write)
    tasks = {}

    def start(name, coroutine, within_ms=0):
        if within_ms:
            dog.expect(name, within_ms)
        tasks[name] = asyncio.create_task(coroutine)

    parts = once("parts")
    wifi = await parts.connect(board["wifi"], led, dog, start)
    node = node_of(config)
    if node:
        parts.start_extras(config, wifi, dog, node, start, once)
    start("watchdog", dog.run())
    print("LVS: safe mode: another try in an hour, or when it is switched on again")
    for _ in range(_HOUR_S):
        led.set(True)
        await asyncio.sleep_ms(500)
        led.set(False)
        await asyncio.sleep_ms(500)
    restarts = once("restarts")
    restarts.write(restarts.RESTARTS - 1)  # one more and it is safe mode again
    import machine

    machine.reset()
