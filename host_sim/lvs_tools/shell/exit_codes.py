"""`lvs exit-codes`: the table of them, for people and programs."""

import click

from lvs_tools import options
from lvs_tools.shell.codes import RULE, TABLE


@click.command("exit-codes")
@click.argument("name", metavar="[COMMAND]", nargs=-1)
@options.PRINT_JSON
def command(name, as_json):
    """Say what exit codes mean: of all commands, or of COMMAND.

    \b
    Examples:
      lvs exit-codes                 # the rule, and every command
      lvs exit-codes fleet deploy    # of one
      lvs exit-codes --json          # for programs
    """
    chosen = " ".join(name)
    if chosen and chosen not in TABLE:
        raise click.BadParameter(f"'{chosen}': 'lvs --help' lists the commands")
    rows = {chosen: TABLE[chosen]} if chosen else TABLE
    if as_json:
        codes = {n: {c: t for c, t in enumerate(row) if t} for n, row in rows.items()}
        said = {"rule": RULE, "commands": codes}
        options.write_json("-", said)
        return
    if not chosen:
        for code, text in RULE.items():
            options.wrapped(f"{code:>3}  ", text)
    for n, row in rows.items():
        click.echo(f"\nlvs {n}" if not chosen else f"lvs {n}")
        for code, text in enumerate(row):
            if text:
                options.wrapped(f"{code:>3}  ", text)
