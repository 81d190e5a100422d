"""The board's program: reads the settings, brings up the network, runs the node and its tasks."""

import asyncio
import gc
import sys

from micropython import const

import crashlog
import sources
import watchdog
from led import CODES, Led

_LOOK_MS = const(500)  # between two looks at tasks and state
_MINUTE = const(120)  # looks
_SOON = const(16)  # after a change: whoever is heard then may be a peer by now

node = None  # the running node, for the REPL
started = False  # since the board was: restarts are counted once


def once(name):
    """A module that is needed once: its memory comes back when the caller is done with it."""
    module = __import__(name)
    del sys.modules[name]
    return module


def load_settings():
    """The settings, checked; raises ConfigError."""
    return once("settings").load()


def led_code(wifi, node):
    """What the LED says of Wi-Fi (None: there is none) and node."""
    if wifi and wifi.state != "up" and not wifi.paused:
        return wifi.state if wifi.state in CODES else "no connection"
    return "joining" if node.state in ("INIT", "JOINING") else "active"


def asked(console):
    """Whether somebody at the serial port wants to know. console: see parts."""
    if console:
        for stream, _ in console.ipoll(0):
            return stream.read(1) == "?"
    return False


async def supervise(tasks, node, wifi, console):
    """Tell how the board is; raise the exception of the first task that ends."""
    was = told = ()
    looks = 0
    while True:
        journal = node.journal
        now = (node.state, wifi and wifi.state, node.routes.near > 0, journal.error)
        now += (len(node.reception.dropped), bool(node.eps.names and node.eps.names.wrong))
        looks += 1
        if now != was or looks > _MINUTE or asked(console):
            looks = 0 if now == was else _MINUTE - _SOON
            was = now
            told = once("telling").tell(node, wifi, told)
        for name, task in tasks.items():
            if task.done():
                await task
                raise RuntimeError("task '%s' ended" % name)
        await asyncio.sleep_ms(_LOOK_MS)


async def end(tasks):
    """Cancel the tasks and wait for them, the first one last: the sources hand over what they have
    counted, then the node closes its journal and its transport."""
    for task in reversed(list(tasks.values())):
        task.cancel()
        try:
            await task
        except (Exception, asyncio.CancelledError):  # why it ends was raised before
            pass


async def run(config, led):
    """Run everything; ends only with an exception."""
    global node
    board = config["board"]
    dog = watchdog.Watchdog(board.get("watchdog_s", 8) * 1000, crashlog.write)
    tasks = {}  # by name

    def start(name, coroutine, within_ms=0):
        """Start a task; the watchdog expects it to check in that often (0: never)."""
        if within_ms:
            dog.expect(name, within_ms)
        tasks[name] = asyncio.create_task(coroutine)

    parts = once("parts")
    try:
        wifi = await parts.connect(board["wifi"], led, dog, start)
        entries = board.get("sources", [])
        found = sources.known(entries)
        if found is None:
            found = once("source_kinds").make_all(entries, config["channels"])
        node = parts.make_node(config, node)
        gc.collect()
        start("node", node.run(lambda: dog.check_in("node")), 5000)
        start("sources", sources.run(entries, found, node, dog.check_in), 10000)
        start("led", led.run(lambda: led_code(wifi, node), dog.check_in), 15000)
        parts.start_keeper(config, wifi, node, once, start, dog.check_in)
        parts.start_extras(config, wifi, dog, node, start, once)
        console = parts.console()
        del parts
        print("LVS: mesh '%s', session %s" % (config["mesh"], node.status()["session"]))
        start("watchdog", dog.run())  # last: there is no way back
        await supervise(tasks, node, wifi, console)
    finally:
        await end(tasks)


def main():
    """Run until Ctrl-C; on a crash keep a record and restart the board."""
    global started
    led = Led(None)
    try:
        parts = once("parts")
        old = parts.check_version()
        if old:
            print("LVS:", old)
            return
        config = load_settings()
        led = parts.make_led(config["board"].get("led"))
        parts.hold_sinks(config["board"], once)
        del parts
        safe = not started and once("restarts").too_often()
        started = True
        asyncio.run(once("safe").run(config, once, led) if safe else run(config, led))
    except (KeyboardInterrupt, Exception) as e:
        gc.collect()
        once("ending").end(e, led, node)
    finally:
        asyncio.new_event_loop()
        gc.collect()  # closes what the tasks had open
        watchdog.keep_fed_if_running()
