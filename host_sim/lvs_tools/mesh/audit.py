"""`lvs audit`: what each node contributed itself, beside what the mesh holds."""

import sys
import textwrap

import click

from lvs import ConfigError
from lvs.audit import LATEST_S
from lvs_tools import options
from lvs_tools.mesh import accounts, looking

EXIT_EXPLAINED = 1
EXIT_UNEXPLAINED = 3
SPREAD = click.option(
    "--spread",
    type=click.IntRange(0, LATEST_S),
    default=3,
    show_default=True,
    help="Seconds over which answers come: more for hundreds of nodes.",
)


def audit(path, port, broadcast, spread, leaves=0):
    """(Config, figures) of a running mesh: ends the program in one line where nobody answers."""
    try:
        config, port, broadcast = looking.place(path, port, broadcast)
    except ConfigError as error:
        options.fail(error, looking.EXIT_UNABLE)
    if config is None:
        options.fail(
            f"name a configuration; there is no ./{' or ./'.join(looking.DEFAULTS)}",
            looking.EXIT_UNABLE,
        )
    question = accounts.gather(config, port, broadcast, spread, leaves)
    book = looking.asked(question, config, port, lambda book: book.accounts)
    return config, accounts.figures(config, port, book)


def lines(said):
    """An audit for people, 80 columns."""
    answer = options.number(len(said["nodes"]), "node answers", "nodes answer")
    yield f"mesh '{said['mesh']}', tag {said['tag']}: {answer}"
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
        yield f"{options.number(rest, 'node', 'nodes')} contributed nothing"
    yield f"{'sum':38} {channel['given']:>{width}}"
    for what, key in (("of that waits", "waits"), ("the mesh began with", "start")):
        if channel[key + "_raw"]:
            yield f"{what:38} {channel[key]:>{width}}"
    yield f"{'the mesh holds':38} {channel['value']:>{width}}"
    if channel["difference_raw"]:
        yield f"{'difference':38} {channel['difference']:>{width}}"
    elif channel["because"]:
        yield "it adds up, but not with all nodes"
    else:
        yield "it adds up"
        return
    reasons = channel["because"] or [
        "nobody who answers began later, and nobody who was heard is silent: nodes that are gone"
        " for good, leaves that sleep (--leaves), or contributions that were invented"
        if channel["difference_raw"] > 0
        else "more was contributed than the mesh holds, and no reason is known: it was lost"
    ]
    for reason in reasons:
        lead = "may be: " if channel["because"] else "NOT EXPLAINED: "
        yield from textwrap.wrap(lead + reason, 80, subsequent_indent="  ")


@click.command("audit")
@click.option(
    "--leaves",
    type=click.IntRange(0, 86400),
    default=0,
    metavar="SECONDS",
    help="First wait for leaves, each to wake once.",
)
@looking.arguments(options.JSON, SPREAD)
def command(config, port, broadcast, spread, leaves, json_path):
    """Ask all nodes what they contributed themselves, and set the sum beside the mesh's value.

    CONFIG: of any of its nodes [./config.json or ./lvs.json]. A node's account reaches as
    far back as its journal: `since`. What is not equal is explained as far as anybody can know it:
    nodes that are silent, accounts that began later, groups that are apart. Changes nothing.

    \b
    Examples:
      lvs audit                        # the mesh of ./config.json
      lvs audit house.json --json -    # for programs
      lvs audit --leaves 320           # leaves, too, which wake every 5 minutes
    """
    _, said = audit(config, port, broadcast, spread, leaves)
    if options.write_json(json_path, said):
        for line in lines(said):
            click.echo(line)
    sys.exit(0 if said["adds_up"] else EXIT_EXPLAINED if said["explained"] else EXIT_UNEXPLAINED)
