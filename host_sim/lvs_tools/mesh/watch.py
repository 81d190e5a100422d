"""`lvs watch`: a live mesh as a page in the browser, from any machine of its network."""

import asyncio
import errno
import json
import sqlite3
import time

import click

from lvs import ConfigError
from lvs_tools import options
from lvs_tools.mesh import looking
from lvs_tools.mesh.observer import Observer
from lvs_tools.watch import face
from lvs_tools.watch.page import Page


def _lines(view):
    click.echo(json.dumps(view))


async def _serve(observer, page, serve, browser):
    async with face.shown(page, serve, browser):
        await observer.run(page.show)


@click.command("watch")
@looking.arguments(
    face.SERVE,
    face.OPEN,
    click.option(
        "--history",
        type=click.Path(file_okay=False, exists=True),
        metavar="FOLDER",
        help="Begin the charts with what 'lvs bridge --history' recorded there.",
    ),
    click.option(
        "--json", "as_json", is_flag=True, help="Print what it shows, a line a second; no page."
    ),
)
def command(config, port, broadcast, serve, browser, history, as_json):
    """Watch a running mesh on a page in the browser.

    Values with their last hour, day and month, whether it is one mesh, its nodes, traffic, what
    is refused. CONFIG is that of any of its nodes [./config.json or ./lvs.json]; without one, the
    mesh that is heard first is shown, its channels by number. It listens, and asks now and then
    as a reader does: it is no node, contributes nothing, and needs no internet.

    \b
    Examples:
      lvs watch --open                 # the mesh of ./config.json
      lvs watch house.json --history history
      lvs watch --serve 0.0.0.0:8785   # for the phone: whoever reaches it sees it
      lvs watch --json                 # for programs
    """
    try:
        config, port, broadcast = looking.place(config, port, broadcast)
        observer = Observer(config, port, broadcast, looking.peers(config, port))
        if as_json:
            asyncio.run(observer.run(_lines))
        page = Page()
        if history:
            page.series.load(history, time.time())
        asyncio.run(_serve(observer, page, serve, browser))
    except (ConfigError, FileNotFoundError) as error:
        options.fail(error, looking.EXIT_UNABLE)
    except sqlite3.Error as error:
        options.fail(f"--history {history}: {error}", looking.EXIT_UNABLE)
    except OSError as error:
        if error.errno in (errno.EPIPE, errno.ENOSPC):  # of the standard output
            raise
        why = error.strerror or error
        options.fail(f"port {port}: {why}; 'lvs doctor' says why", looking.EXIT_UNABLE)
