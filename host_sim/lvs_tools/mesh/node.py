"""`lvs node`: one node of this machine, to talk to or to leave running."""

import os
import sys

import click

from lvs_tools import options
from lvs_tools.interpreters import InterpreterMissing, mend
from lvs_tools.interpreters import micropython as find_micropython
from lvs_tools.mesh.process import NODE_MAIN


@click.command("node")
@click.argument("config", type=click.Path(exists=True, dir_okay=False))
@click.option("--micropython", is_flag=True, help="Run on MicroPython instead of this Python.")
@click.option("--loss", default=0.0, help="Lose this part of what is received, 0 to below 1.")
@click.option("--seed", default=0, help="Of the losses.")
@click.option(
    "--journal",
    type=options.OutputFolder(full=True),
    metavar="FOLDER",
    help="Keep what a power cut must not lose in this folder.",
)
@click.option("--report-ms", default=0, help="Print a report every so many ms.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON lines, also in a terminal.")
@click.option("--no-input", is_flag=True, help="Read no commands; run until stopped by a signal.")
def command(config, micropython, loss, seed, journal, report_ms, as_json, no_input):
    """Run one node from CONFIG, a JSON file (`lvs init` writes one).

    It reads commands such as "contribute water 2.5", "value water" and "status", one a line;
    "help" lists them. In a terminal it answers in text, elsewhere in JSON lines. It ends with
    "quit", at the end of its input, or with Ctrl-C or SIGTERM, once others hold what was
    contributed; Ctrl-C once more ends it at once.

    \b
    Examples:
      lvs node config.json --journal journal    # talk to it: help
      lvs node config.json --no-input --report-ms 1000    # leave it running
    """
    interpreter = sys.executable
    if micropython:
        try:
            interpreter = find_micropython()
            problem = mend("micropython")
        except InterpreterMissing as error:
            interpreter, problem = None, str(error)
        if interpreter is None:
            click.echo(f"Error: {problem}", err=True)
            sys.exit(2)
    words = [str(NODE_MAIN), config, "--loss", str(loss), "--seed", str(seed)]
    words += ["--report-ms", str(report_ms)]
    if journal:
        words += ["--journal", str(journal)]
    if no_input:
        words.append("--no-input")
    if not as_json and sys.stdin.isatty() and sys.stdout.isatty():
        words.append("--human")
    # The node takes this process's place: signals and the terminal are its own from here.
    os.execv(interpreter, [interpreter, *words])
