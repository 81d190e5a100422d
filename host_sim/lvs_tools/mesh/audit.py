"""`lvs audit`: what each node contributed itself, beside what the mesh holds."""

import asyncio
import sys
import textwrap

import click

from lvs import ConfigError
from lvs.audit import LATEST_S
from lvs_tools import options
from lvs_tools.mesh import accounts, looking

EXIT_EXPLAINED = 1
EXIT_UNABLE = 2
EXIT_UNEXPLAINED = 3


def audit(path, port, broadcast, spread):
    """(Config, figures) of a running mesh: ends the program in one line where nobody answers."""
    try:
        config = looking.configuration(path)
    except ConfigError as error:
        options.fail(error, EXIT_UNABLE)
    if config is None:
        options.fail(
            f"name a configuration; there is no ./{' or ./'.join(looking.DEFAULTS)}", EXIT_UNABLE
        )
    port = port or config.port
    broadcast = broadcast or config.broadcast
    try:
        book = asyncio.run(accounts.gather(config, port, broadcast, spread))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except OSError as error:
        options.fail(f"port {port}: {error.strerror or error}; 'lvs doctor' says why", EXIT_UNABLE)
    if not book.accounts:
        options.fail(
            f"nobody of mesh '{config.mesh}' answers on port {port}; 'lvs doctor' looks for the"
            " reason",
            EXIT_UNABLE,
        )
    return config, accounts.figures(config, port, book)


def lines(said):
    """An audit for people, 80 columns."""
    yield f"mesh '{said['mesh']}', tag {said['tag']}: {len(said['nodes'])} nodes answer"
    for channel in said["channels"]:
        yield ""
        yield from _channel(said["nodes"], channel)
    if said["deaf"]:
        yield ""
        yield f"{said['deaf']}: who answers is heard all the same"


def _channel(nodes, channel):
    name = channel["name"]
    rows = []
    for node in nodes:
        given = node["given"].get(name)
        if given and given["raw"]:
            since = (node["since"] or "").replace("T", " ")[:16]
            rows.append((node["address"], given["text"], since))
    width = max([len(row[1]) for row in rows] + [len(channel["given"]), len(channel["value"]), 5])
    yield f"{name[:38]:38} {'given':>{width}}  since"[:80]
    for address, text, since in rows:
        yield f"{address:38} {text:>{width}}  {since}"[:80]
    rest = len(nodes) - len(rows)
    if rest:
        yield f"{rest} nodes contributed nothing"
    yield f"{'sum':38} {channel['given']:>{width}}"
    for what, key in (("of that waits", "waits"), ("the mesh began with", "start")):
        if channel[key + "_raw"]:
            yield f"{what:38} {channel[key]:>{width}}"
    yield f"{'the mesh holds':38} {channel['value']:>{width}}"
    if not channel["difference_raw"]:
        yield "it adds up"
        return
    yield f"{'difference':38} {channel['difference']:>{width}}"
    reasons = channel["because"] or [
        "nobody who answers began later, and nobody who was heard is silent: nodes that are gone"
        " for good, or contributions that were invented"
        if channel["difference_raw"] > 0
        else "more was contributed than the mesh holds, and no reason is known: it was lost"
    ]
    for reason in reasons:
        lead = "may be: " if channel["because"] else "NOT EXPLAINED: "
        yield from textwrap.wrap(lead + reason, 80, subsequent_indent="  ")


def arguments(function):
    """The arguments of a command that audits a mesh."""
    for add in (
        click.option(
            "--spread",
            type=click.IntRange(0, LATEST_S),
            default=3,
            show_default=True,
            help="Seconds over which answers come: more for hundreds of nodes.",
        ),
        click.option("--broadcast", metavar="ADDRESS", help="Where broadcasts go [the file's]."),
        click.option("--port", type=click.IntRange(1, 65535), help="UDP port [the file's]."),
        click.argument("config", required=False, type=click.Path(dir_okay=False)),
    ):
        function = add(function)
    return function


@click.command("audit")
@options.JSON
@arguments
def command(config, port, broadcast, spread, json_path):
    """Ask all nodes what they contributed themselves, and set the sum beside the mesh's value.

    CONFIG: of any of its nodes [./config.json or ./lvs.json]. A node's account reaches as
    far back as its journal: `since`. What is not equal is explained as far as anybody can know it:
    nodes that are silent, accounts that began later, groups that are apart. Changes nothing.

    \b
    Examples:
      lvs audit                        the mesh of ./config.json
      lvs audit house.json --json -    for programs

    Exit codes: 0 it adds up; 1 it does not, for reasons that are named; 2 nobody answers, or it
    could not ask; 3 it does not, and nobody knows why.
    """
    _, said = audit(config, port, broadcast, spread)
    if options.write_json(json_path, said):
        for line in lines(said):
            click.echo(line)
    sys.exit(0 if said["adds_up"] else EXIT_EXPLAINED if said["explained"] else EXIT_UNEXPLAINED)
