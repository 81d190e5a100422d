"""What `lvs watch`, `lvs mesh --watch` and `lvs sim --watch` have in common."""

import asyncio
import contextlib
import functools
import os

import click

from lvs_tools import options

PORT = 8785

SERVE = click.option(
    "--serve",
    callback=options.listener,
    default=str(PORT),
    show_default=True,
    metavar="[HOST:]PORT",
    help="Where the dashboard is; on this machine alone unless HOST says otherwise.",
)
OPEN = click.option("--open", "browser", is_flag=True, help="Open the dashboard in a browser.")


class Unable(click.ClickException):
    """The dashboard cannot be served; one line."""

    exit_code = 2

    def show(self, file=None):
        """The message alone."""
        options.complain(self.message)


def watched(function):
    """The options of a command that can be watched: --watch, --serve, --open."""
    watch = click.option(
        "--watch", is_flag=True, help="Show it on a page in the browser, with buttons."
    )
    return functools.reduce(lambda f, add: add(f), (OPEN, SERVE, watch), function)


@contextlib.asynccontextmanager
async def shown(page, serve, browser):
    """Serve a Page while this is open, and say where. serve: (host, port). Raises Unable."""
    from lvs_tools.watch import server  # of the extra

    async with contextlib.AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(server.serving(page, *serve))
        except OSError as error:
            host, port = serve
            # asyncio says the address again; numbers below 0 are of names that are not found.
            code = error.errno or 0
            why = os.strerror(code) if code > 0 else error.strerror or str(error)
            mend = "give another with --serve PORT"
            raise Unable(f"{host}:{port}: {why.lower()}; {mend}") from None
        click.echo(f"dashboard: {url}", err=True)
        if browser:
            asyncio.get_running_loop().run_in_executor(None, server.browse, url)
        yield url


async def stay():
    """Let the page stay after a run, until somebody ends this."""
    click.echo("the dashboard stays until Ctrl-C", err=True)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
