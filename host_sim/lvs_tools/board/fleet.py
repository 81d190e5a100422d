"""`lvs fleet`: several boards: at the cable side by side, over the air one after another."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import click

from lvs_tools import options
from lvs_tools.board import air, deploy, fleet_air
from lvs_tools.board.config_air import HOLD
from lvs_tools.board.profiles import BoardError
from lvs_tools.board.result import Result
from lvs_tools.board.serial_board import ports as found_ports


def deploy_all(ports, name, own, wait, progress=None):
    """Deploy to all ports at once; returns {port: Result or BoardError}."""

    def one(port):
        def report(path, done, size, total):
            if progress:
                progress(port, path, done, total)

        try:
            return deploy.deploy_port(port, name, own, wait=wait, progress=report)
        except BoardError as error:
            return error

    with ThreadPoolExecutor(max_workers=max(1, len(ports))) as pool:
        return dict(zip(ports, pool.map(one, ports), strict=True))


@click.group()
def command():
    """Look after several boards: at the cable, or over the air.

    \b
    Examples:
      lvs fleet list
      lvs fleet deploy --help
    """


@command.command(name="deploy")
@click.option(
    "--ports", default="", metavar="PORT,PORT,...", help="All ports with a board if missing."
)
@click.option(
    "--board", "name", metavar="NAME", help="The profile of all; found out for each if missing."
)
@click.option("--config", metavar="FILE", help="lvs.json for boards without one. [./lvs.json]")
@click.option("--secrets", metavar="FILE", help="secrets.json likewise. [./secrets.json]")
@click.option(
    "--wait",
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long each may take to join Wi-Fi and mesh; 0 leaves the boards at their REPL.",
)
@options.PRINT_JSON
def at_the_cable(ports, name, config, secrets, wait, as_json):
    """Deploy at the cable to several boards side by side; one that fails does not stop the others.

    \b
    Examples:
      lvs fleet deploy    # all ports with a board
      lvs fleet deploy --ports /dev/ttyACM0,/dev/ttyACM1 --board RPI_PICO_W
    """
    chosen = list(dict.fromkeys(ports.replace(",", " ").split())) or sorted(
        (p for p, _ in found_ports()), key=options.counted
    )
    interrupted = "the boards run what they had, or run it again"
    with options.ending("fleet", BoardError, interrupted=interrupted):
        own = deploy.own_files(config, secrets, name)
        if not chosen:
            raise BoardError("no board at any serial port; name them: --ports PORT,PORT")
        with options.progress(transient=False) as bar:
            tasks = {port: bar.add_task(port, total=None) for port in chosen}
            sizes = {port: {} for port in chosen}

            def progress(port, path, done, total):
                sizes[port][path] = done
                bar.update(tasks[port], completed=sum(sizes[port].values()), total=total)

            results = deploy_all(chosen, name, own, wait, progress)
    done = [r for r in results.values() if isinstance(r, Result)]
    if as_json:
        said = {
            port: asdict(result) if isinstance(result, Result) else {"error": str(result)}
            for port, result in results.items()
        }
        click.echo(json.dumps(said))
    else:
        for result in results.values():
            known = isinstance(result, Result)
            click.echo(deploy.summary(result) if known else str(result))
    waiting = wait and not all(result.joined for result in done)
    sys.exit(1 if len(done) < len(results) else 3 if waiting else 0)


HOSTS = click.option(
    "--hosts", default="", metavar="ADDR,ADDR,...", help="Boards' addresses; found if missing."
)
MESH = click.option(
    "--config", metavar="FILE", help="lvs.json of the mesh to look for. [./lvs.json]"
)
LISTEN = click.option(
    "--seconds", default=70, show_default=True, help="For how long to listen for boards at most."
)


def _found(hosts, config, seconds, key, strict=False):
    """The boards, as fleet_air.Members; says on standard error who else was heard. strict: all of
    those that were named must answer. Raises BoardError."""
    chosen = hosts.replace(",", " ").split()
    members, silent = fleet_air.find(chosen, config, seconds, key)
    if chosen and strict and silent:
        raise BoardError("; ".join([*map(str, silent.values()), "nothing was changed"]))
    unserved = [h for h, error in silent.items() if isinstance(error, air.Unserved) and not chosen]
    for host, error in silent.items():
        if host not in unserved:
            click.echo(f"fleet: {error}", err=True)
    if unserved:
        click.echo(
            f"fleet: heard, but left alone: {', '.join(unserved)} (a computer, a leaf, or a board "
            "that is off or has no admin_key)",
            err=True,
        )
    if not members:
        raise BoardError(
            "no board with the key was found; are they on, and in this network? "
            "Name them: --hosts ADDR,ADDR"
        )
    return members


@command.command(name="list")
@HOSTS
@MESH
@LISTEN
@air.SECRETS
@options.PRINT_JSON
def list_(hosts, config, seconds, secrets, as_json):
    """Who is there, how they are, and whether their values agree.

    \b
    Examples:
      lvs fleet list    # the mesh of ./lvs.json
      lvs fleet list --hosts 192.168.1.40,192.168.1.41 --json
    """
    with options.ending("fleet", BoardError):
        members = _found(hosts, config, seconds, air.admin_key(secrets))
        lagging = fleet_air.settle(members, 10)
    rows = [fleet_air.row(member, lagging) for member in members]
    click.echo(json.dumps(rows) if as_json else fleet_air.table(rows))
    sys.exit(3 if lagging else 0)


@command.command()
@HOSTS
@MESH
@LISTEN
@air.SECRETS
@click.option("--py", is_flag=True, help="Sources instead of compiled modules.")
@HOLD
@options.PRINT_JSON
def update(hosts, config, seconds, secrets, py, hold, as_json):
    """Update all boards of a mesh over the air, one after another.

    The next one's turn comes when a board has kept its new files, is back, and all boards agree on
    the values again. Where that fails, it stops: the others run what they had.

    \b
    Examples:
      lvs fleet update    # the mesh of ./lvs.json
      lvs fleet update --hosts 192.168.1.40,192.168.1.41
    """
    results = {}
    said = code = None
    try:
        members = _found(hosts, config, seconds, air.admin_key(secrets), strict=True)
        fleet_air.update(
            members, results, compiled=not py, hold=hold, says=lambda t: click.echo(t, err=True)
        )
    except BoardError as error:
        said, code = str(error), error.exit_code
    except KeyboardInterrupt:
        click.echo("fleet: interrupted; a board on trial keeps it, or goes back", err=True)
        sys.exit(130)
    if as_json:
        told = {host: asdict(result) for host, result in results.items()}
        click.echo(json.dumps({"updated": told, "error": said}))
    else:
        for result in results.values():
            click.echo(deploy.summary(result))
    if said:
        click.echo(f"fleet: {said}", err=True)
        sys.exit(code)
