"""The board's program: reads the settings, brings up the network, runs the node and its tasks."""

import asyncio
import gc
import sys
import time

import crashlog
import sources
import watchdog
from led import CODES, Led
from lvs import Config, ConfigError, Node

_WIFI_WAIT_MS = 15000  # the node starts without a network after this
_RESTART_S = 10  # after a crash; long enough for Ctrl-C
_POLL_MS = 20  # receive queues hold 4 datagrams on the RP2

node = None  # the running node, for the REPL


def once(name):
    """A module that is needed once: its memory comes back when the caller is done with it."""
    module = __import__(name)
    del sys.modules[name]
    return module


def load_settings():
    """The settings, checked; raises ConfigError."""
    return once("settings").load()


class Load:
    """How much of the time the node computes, in percent, over the last few seconds."""

    def __init__(self):
        self._busy = 0
        self._since = time.ticks_ms()
        self.percent = 0

    def add(self, busy_ms):
        """Count a stretch of work."""
        self._busy += busy_ms
        passed = time.ticks_diff(time.ticks_ms(), self._since)
        if passed >= 5000:
            self.percent = min(100, 100 * self._busy // passed)
            self._busy = 0
            self._since = time.ticks_ms()


async def run_node(running, load, check_in):
    """The node's own loop: receive, tick, rest."""
    while True:
        began = time.ticks_ms()
        running.receive()
        wait = running.tick()
        load.add(time.ticks_diff(time.ticks_ms(), began))
        running.load = load.percent
        check_in("node")
        await asyncio.sleep_ms(min(wait, _POLL_MS))


async def run_led(led, wifi, running, check_in):
    """Keep the LED's code in step with Wi-Fi and node."""
    blinking = asyncio.create_task(led.run(check_in))
    try:
        while True:
            if wifi and wifi.state != "up" and not wifi.paused:
                led.code = wifi.state if wifi.state in CODES else "no connection"
            else:
                active = running and running.state not in ("INIT", "JOINING")
                led.code = "active" if active else "joining"
            await asyncio.sleep_ms(1000)
    finally:
        blinking.cancel()


def tell_new(text, said):
    """Print what a journal says unless that was said already; returns it."""
    if text and text != said:
        print("LVS:", text)
    return text


async def run(config, led):
    """Run everything; ends only with an exception."""
    global node
    board = config["board"]
    dog = watchdog.Watchdog(board.get("watchdog_s", 8) * 1000, crashlog.write)
    wifi = None
    tasks = []

    def start(name, coroutine, within_ms):
        if within_ms:
            dog.expect(name, within_ms)
        tasks.append(asyncio.create_task(coroutine))

    if board["wifi"]:
        from wifi import Wifi

        wifi = Wifi(board["wifi"])
        start("wifi", wifi.run(dog.check_in), 30000)
        for i in range(_WIFI_WAIT_MS // 100):
            led.set(i % 4 == 0)
            if wifi.state == "up":
                break
            await asyncio.sleep_ms(100)
    found = once("source_kinds").make_all(board.get("sources", []), config["channels"])
    checked = Config(config)
    parts = once("parts")
    if node and node.config.data != config:  # edited at the REPL
        node.journal.close()
        node.transport.close()
        node = None
    if not node:  # else it goes on, with what was contributed at the REPL
        node = Node(checked, parts.transport(checked, board), journal=parts.journal(board))
    gc.collect()
    load = Load()
    start("node", run_node(node, load, dog.check_in), 5000)
    start("sources", sources.run(found, node, dog.check_in), 10000)
    start("led", run_led(led, wifi, node, dog.check_in), 15000)
    if board.get("low_power"):
        from power import Power

        pins = [s for s in board.get("sources", []) if s["kind"] in ("pulse", "button")]
        power = Power(board["low_power"], wifi, dog, node, lambda: load.percent, not pins)
        start("power", power.run(), 30000)
    page = board.get("status_page")
    if page:
        parts.start_page(page, node, config["channels"], wifi, load, start)
    del parts
    print("LVS: mesh '%s', session %s" % (config["mesh"], node.status()["session"]))
    start("watchdog", dog.run(), 0)
    said = tell_new(node.journal.notice, "")
    try:
        while True:  # a task that ends has failed: let its exception out
            for task in tasks:
                if task.done():
                    await task
                    raise RuntimeError("a task ended")
            said = tell_new(node.journal.error, said)
            await asyncio.sleep_ms(500)
    finally:
        for task in tasks:
            task.cancel()
        node.journal.close()
        node.transport.close()


def main():
    """Run until Ctrl-C; on a crash keep a record and restart the board."""
    import machine

    old = once("parts").check_version()
    if old:
        print("LVS:", old)
        return
    led = Led(None)
    try:
        config = load_settings()
        led = Led(config["board"].get("led"))
        crashlog.note_reset()
        asyncio.run(run(config, led))
    except KeyboardInterrupt:
        print("LVS: stopped; app.main() starts again, app.node is the node")
    except ConfigError as e:
        print("LVS:", e)
        try:
            led.show("configuration", 20)
        except KeyboardInterrupt:
            pass
    except Exception as e:
        crashlog.write("crashed; restarting in %d s" % _RESTART_S, e)
        watchdog.keep_fed_if_running()  # for the wait, and for whoever presses Ctrl-C in it
        try:
            led.show("crashed", 1)
            time.sleep_ms(_RESTART_S * 1000)
            machine.reset()
        except KeyboardInterrupt:
            print("LVS: not restarted")
    finally:
        asyncio.new_event_loop()
        gc.collect()  # closes what the tasks had open
        watchdog.keep_fed_if_running()
