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

node = None  # the running node, for the REPL


def once(name):
    """A module that is needed once: its memory comes back when the caller is done with it."""
    module = __import__(name)
    del sys.modules[name]
    return module


def load_settings():
    """The settings, checked; raises ConfigError."""
    return once("settings").load()


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


async def connect(settings, led, dog, start):
    """Bring up the Wi-Fi and keep it up; returns it when it is up, or after 15 s without."""
    from wifi import Wifi

    wifi = Wifi(settings)
    start("wifi", wifi.run(dog.check_in), 30000)
    for i in range(_WIFI_WAIT_MS // 100):
        led.set(i % 4 == 0)
        if wifi.state == "up":
            break
        await asyncio.sleep_ms(100)
    return wifi


def make_node(config):
    """The node in ``node``: a new one, or the one of before with what the REPL contributed."""
    global node
    if node and (node.config.data != config or not node.running):  # edited or stopped there
        node.journal.close()
        node.transport.close()
        node = None
    if not node:
        parts = once("parts")
        checked = Config(config)
        transport = parts.transport(checked, config["board"])
        node = Node(checked, transport, journal=parts.journal(config["board"]))
    gc.collect()


def start_extras(config, wifi, dog, start):
    """Start what only some boards have: low power, the status page."""
    board = config["board"]
    if board.get("low_power"):
        from power import Power

        pins = [s for s in board.get("sources", []) if s["kind"] in ("pulse", "button")]
        start("power", Power(board["low_power"], wifi, dog, node, not pins).run(), 30000)
    if board.get("status_page"):
        page = once("parts").page(board["status_page"], node, config["channels"], wifi)
        if page:
            start("status_page", page)


async def supervise(tasks):
    """Say what the journal says, once; ends with the exception of the first task that ends."""
    said = ""
    text = node.journal.notice
    while True:
        if text and text != said:
            print("LVS:", text)
        said = text
        for task in tasks:
            if task.done():
                await task
                raise RuntimeError("a task ended")
        await asyncio.sleep_ms(500)
        text = node.journal.error


async def end(tasks):
    """Cancel the tasks and wait for them: the node's closes its journal and transport."""
    for task in tasks:
        task.cancel()
    for task in tasks:
        try:
            await task
        except (Exception, asyncio.CancelledError):  # the first was raised, the others follow it
            pass


async def run(config, led):
    """Run everything; ends only with an exception."""
    board = config["board"]
    dog = watchdog.Watchdog(board.get("watchdog_s", 8) * 1000, crashlog.write)
    tasks = []

    def start(name, coroutine, within_ms=0):
        """Start a task; the watchdog expects it to check in that often (0: never)."""
        if within_ms:
            dog.expect(name, within_ms)
        tasks.append(asyncio.create_task(coroutine))

    try:
        wifi = await connect(board["wifi"], led, dog, start) if board["wifi"] else None
        found = once("source_kinds").make_all(board.get("sources", []), config["channels"])
        make_node(config)
        start("node", node.run(lambda: dog.check_in("node")), 5000)
        start("sources", sources.run(found, node, dog.check_in), 10000)
        start("led", run_led(led, wifi, node, dog.check_in), 15000)
        start_extras(config, wifi, dog, start)
        print("LVS: mesh '%s', session %s" % (config["mesh"], node.status()["session"]))
        start("watchdog", dog.run())  # last: there is no way back
        await supervise(tasks)
    finally:
        await end(tasks)


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
