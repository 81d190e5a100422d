"""`lvs bridge`: a gateway from a mesh to MQTT, Home Assistant, Prometheus and a history."""

import asyncio
import contextlib
import functools
import signal
import sys
from pathlib import Path

import click

from lvs import ConfigError
from lvs.config import Config
from lvs.wire import SHARDS
from lvs_tools import options
from lvs_tools.bridge import mqtt, prometheus, topics
from lvs_tools.bridge.bridge import Bridge, Busy
from lvs_tools.bridge.history import Recorder, check
from lvs_tools.bridge.store import StoreError

EXIT_UNABLE = 2
_FAREWELL_S = 5.0


def _broker(_, __, value):
    if value is None:
        return None
    try:
        return mqtt.broker(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _beside(config):
    """The folder that --state is where it was not given, looked at in the same way."""
    try:
        return options.OutputFolder().convert(Path(config).parent / "lvs-bridge", None, None)
    except click.BadParameter as error:
        error.param_hint = "'--state'"
        raise


async def _run(bridge, teller):
    """Run until a signal: the first lets it tell, the second ends it at once."""
    loop = asyncio.get_running_loop()
    work = asyncio.create_task(bridge.run())
    telling = asyncio.create_task(teller.run()) if teller else None
    asked = []

    def ask():
        if asked:
            work.cancel()
        asked.append(True)
        bridge.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask)
    try:
        if telling:
            await asyncio.wait({work, telling}, return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()  # it ends by itself for a mistake alone
        with contextlib.suppress(asyncio.CancelledError):
            await work
        if teller and telling:
            teller.end()
            await asyncio.wait([telling], timeout=_FAREWELL_S)
    finally:
        if telling:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)


@click.command("bridge")
@click.argument("config", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--mqtt",
    "broker",
    callback=_broker,
    metavar="BROKER",
    help="HOST[:PORT] or mqtts://[USER@]HOST[:PORT]; the password in LVS_MQTT_PASSWORD.",
)
@click.option("--topic", metavar="BASE", help="Where the topics are [lvs/MESH].")
@click.option(
    "--discovery",
    default="homeassistant",
    show_default=True,
    help="Home Assistant's prefix; empty: say nothing to it.",
)
@click.option("--read-only", is_flag=True, help="Take no contributions from the broker.")
@click.option(
    "--prometheus",
    "listener",
    callback=options.listener,
    metavar="[HOST:]PORT",
    help="Serve /metrics there, on this machine alone unless HOST says otherwise.",
)
@click.option(
    "--history",
    type=options.OutputFolder(),
    metavar="FOLDER",
    help="Record the values in this folder: lvs export.",
)
@click.option(
    "--every",
    type=options.Number(0.0),
    default=60.0,
    show_default=True,
    help="Least seconds between two records of a channel.",
)
@click.option(
    "--state",
    type=options.OutputFolder(),
    metavar="FOLDER",
    help="What it must not forget, its journal among it [lvs-bridge beside CONFIG].",
)
def command(config, broker, topic, discovery, read_only, listener, history, every, state):
    """Show a mesh to MQTT, Home Assistant, Prometheus and a history.

    The bridge is a node of the mesh, with a journal: CONFIG is its configuration, on a machine of
    the mesh's network. It says nothing before it met its mesh, and never less than it said before
    unless the mesh itself fell. Contributions come in by MQTT, each with a key, and count once
    however often they come and whenever the bridge is killed. docs/bridge.md has the topics.

    \b
    Examples:
      lvs bridge config.json --mqtt broker.local
      lvs bridge config.json --prometheus 9785 --history history
      lvs bridge config.json --mqtt mqtts://meter@broker.example

    It runs until Ctrl-C or SIGTERM: then it ends once others hold what was contributed through it;
    the second time at once.
    """
    if not (broker or listener or history):
        raise click.UsageError("give --mqtt, --prometheus or --history: to whom to tell it")
    try:
        # A shard that is not held here is only known from hearsay.
        about = Config(dict(Config(config).data, held=SHARDS))
        state = state or _beside(config)
        metrics = prometheus.Metrics() if listener else None
        # What can be refused without a trace comes before what writes.
        if history:
            check(history, about)
        close = prometheus.serve(metrics, *listener) if listener else None
        bridge = Bridge(about, state, options.warn)
        bridge.metrics = metrics
        bridge.recorder = Recorder(history, about, every) if history else None
    except ConfigError as error:
        options.fail(options.named(config, error), EXIT_UNABLE)
    except (Busy, StoreError, OSError) as error:
        options.fail(error, EXIT_UNABLE)
    bridge.say = functools.partial(click.echo, err=True)
    bridge.say(f"bridge of mesh {about.mesh}: looking for it")
    asyncio.run(_main(bridge, broker, topic or topics.base(about.mesh), discovery, not read_only))
    if close:
        close()
    sys.exit(0)


def _mishap(_, context):
    """What goes wrong in a library's own callback is a line, and the connection is made anew."""
    options.warn(str(context.get("exception") or context["message"]))


async def _main(bridge, broker, where, prefix, take):
    asyncio.get_running_loop().set_exception_handler(_mishap)
    teller = mqtt.Mqtt(broker, where, prefix, take, bridge) if broker else None
    if teller:
        bridge.tellers.append(teller)
    await _run(bridge, teller)
