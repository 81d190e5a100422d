"""`lvs fleet`: deploy to several boards side by side."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import click

from lvs_tools import options
from lvs_tools.board import deploy
from lvs_tools.board.profiles import BoardError
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


@click.command()
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
    default=30,
    show_default=True,
    metavar="SECONDS",
    help="How long to watch each node start; 0 leaves the boards at their REPL.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def command(ports, name, config, secrets, wait, as_json):
    """Deploy to several boards side by side; one that fails does not stop the others.

    Exit code 0: all run; 1: at least one could not be deployed; 3: one does not run yet.
    """
    chosen = list(dict.fromkeys(ports.replace(",", " ").split())) or [p for p, _ in found_ports()]
    if not chosen:
        click.echo("fleet: no board at any serial port; name them: --ports PORT,PORT", err=True)
        sys.exit(1)
    try:
        own = deploy.own_files(config, secrets)
        with options.progress(transient=False) as bar:
            tasks = {port: bar.add_task(port, total=None) for port in chosen}
            sizes = {port: {} for port in chosen}

            def progress(port, path, done, total):
                sizes[port][path] = done
                bar.update(tasks[port], completed=sum(sizes[port].values()), total=total)

            results = deploy_all(chosen, name, own, wait, progress)
    except BoardError as error:
        click.echo(f"fleet: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        click.echo("fleet: interrupted; the boards run what they had, or run it again", err=True)
        sys.exit(130)
    done = [r for r in results.values() if isinstance(r, deploy.Result)]
    if as_json:
        said = {
            port: asdict(result) if isinstance(result, deploy.Result) else {"error": str(result)}
            for port, result in results.items()
        }
        click.echo(json.dumps(said))
    else:
        for result in results.values():
            known = isinstance(result, deploy.Result)
            click.echo(deploy.summary(result) if known else str(result))
    waiting = wait and not all(result.started for result in done)
    sys.exit(1 if len(done) < len(results) else 3 if waiting else 0)
