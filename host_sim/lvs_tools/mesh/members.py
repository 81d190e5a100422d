"""`lvs members`: who is in a running mesh, in which state, and who lacks something."""

import click

from lvs_tools import options
from lvs_tools.mesh import looking

_HEAD = ("node", "state", "values", "clock", "load", "shards", "channels")


def _cells(m):
    ahead = m["ahead_cycles"]
    clock = "-" if ahead is None else f"{ahead:+d}" if ahead else "0"
    listed = "-" if m["channels"] is None else str(m["channels"])
    values = "BEHIND" if m["behind"] else f"GROUP {m['group']}" if m["group"] else "same"
    if not m["answered"]:
        values = "-" if m["state"] == "READER" else "no answer"
    return (
        m["address"],
        m["state"],
        values,
        clock,
        f"{m['load_percent']} %",
        str(len(m["held"])),
        listed + (" OTHERS" if m["other_list"] else ""),
    )


def lines(said):
    """The members for people, 80 columns."""
    rows = [_HEAD, *(_cells(m) for m in said["members"])]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    for row in rows:
        left = [f"{cell:{widths[i]}}" for i, cell in enumerate(row[:3])]
        right = [f"{cell:>{widths[i + 3]}}" for i, cell in enumerate(row[3:])]
        yield "  ".join(left + right).rstrip()
    for m in said["members"]:
        lacks = [f"{text} of {name}" for name, text in m["behind"].items()]
        if lacks:
            yield f"{m['address']} lacks {', '.join(lacks[:3])}"
    yield from looking.warned(said)


@click.command("members")
@looking.arguments(options.JSON, looking.SECONDS)
def command(config, port, broadcast, seconds, json_path):
    """List who is in a running mesh: state, agreement, clock, load.

    CONFIG: of any of its nodes [./config.json or ./lvs.json]. `values`: "same" if the node
    shows all that anybody showed when the look began; a GROUP holds other contributions than the
    others, though its sums be equal; `clock`: cycles ahead of the others; `load`:
    the larger of the board's own and the share of its traffic budget; `shards`: how many of
    sixteen channels it holds; `channels`: how many it lists. A READER holds nothing: a leaf, or
    somebody who looks as you do.

    \b
    Examples:
      lvs members                        # the mesh of ./config.json
      lvs members house.json --json -    # for programs
    """
    looking.show(lines, config, port, broadcast, seconds, json_path)
