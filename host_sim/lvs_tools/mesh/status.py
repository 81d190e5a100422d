"""`lvs status`: one look at a running mesh: its values, and whether it is one."""

import click

from lvs_tools import options
from lvs_tools.mesh import looking


def lines(said):
    """The figures of a look for people, 80 columns."""
    name = f"mesh {said['mesh']}" if said["mesh"] else f"mesh with tag {said['tag']}"
    agree = "one mesh, all agree" if said["one_mesh"] else "NOT ONE: nodes differ"
    answer = options.number(said["answered"], "node answers", "nodes answer")
    yield f"{name}, port {said['port']}: {answer}; {agree}"
    shown = said["channels"]
    width = max([len(c.get("label", c["name"])) for c in shown] or [0])
    digits = max([len(c["text"]) for c in shown] or [0])
    for c in shown:
        apart = "" if c["least_raw"] == c["most_raw"] else f"  (within {c['spread']})"
        retired = "  (retired)" if "retired" in c else ""
        label = c.get("label", c["name"])
        unit = f" {c['unit']}" if c["unit"] else ""
        yield f"  {label:{width}}  {c['text']:>{digits}}{unit}{retired}{apart}"
    silent = said["nodes"] - said["answered"]
    if silent:
        yield f"  {silent} more were heard, and did not answer"
    yield from looking.warned(said, "  ")


@click.command("status")
@looking.arguments(options.JSON, looking.SECONDS)
def command(config, port, broadcast, seconds, json_path):
    """Look at a running mesh once: its values, and whether it is one mesh.

    From any machine of its network: nothing is installed there, and no node is started. CONFIG is
    that of any of its nodes [./config.json or ./lvs.json]; without one, the mesh that is heard
    first is shown, its channels by number.

    \b
    Examples:
      lvs status                        # the mesh of ./config.json
      lvs status house.json --json -    # for programs
      lvs status --port 5000            # whoever is heard there
    """
    looking.show(lines, config, port, broadcast, seconds, json_path)
