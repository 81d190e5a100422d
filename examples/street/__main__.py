"""`make street`: the whole story, from the files beside this one; ends with exact, or not."""

import contextlib
import fcntl
import signal
import sys
import time
from pathlib import Path

import click

from examples.street import pictures
from examples.street.story import SHOWN, Story, Wrong
from lvs_tools import interpreters
from lvs_tools.places import ROOT

EXIT_WRONG = 1
EXIT_UNABLE = 2
_MARKER = "gateway.json"  # a folder with it is one that the story made


@contextlib.contextmanager
def alone(folder):
    """Hold the folder, which is emptied. Raises click.UsageError: it is another's."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARKER).exists():
        raise click.UsageError(f"{folder} has files that are not the story's: name another")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f".{folder.name}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise click.UsageError(f"another story runs in {folder}: name another") from None
        yield


@click.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / SHOWN,
    help=f"Where it happens; emptied first. [{SHOWN}]",
)
@click.option("--stay", is_flag=True, help="Leave the street running at the end, to look at.")
def main(folder, stay):
    """Twelve houses, two taps, a gateway, a night, an update: played from examples/street.

    Exit codes: 0 everything was exact; 1 something was not, and it says what; 2 it could not
    begin; 130 Ctrl-C.
    """
    folder = folder.resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with alone(folder):
        sys.exit(_play(folder, stay))


def _play(folder, stay):
    began = time.monotonic()
    story = None
    try:
        story = Story(folder, say=lambda line: print(line, flush=True))
        story.run()
        pictures.draw(folder, folder / pictures.FILE)
        minutes = (time.monotonic() - began) / 60
        print(f"\nexact, from the meters to the history; {minutes:.0f} minutes")
        print(f"its pictures: {folder / 'night.png'}, {folder / pictures.FILE}")
        if stay:
            story.start_bridge()
            print("\nThe street goes on until Ctrl-C; look at it from another terminal.")
            while True:
                time.sleep(1)
        return 0
    except Wrong as wrong:
        print(f"\nnot exact: {wrong}", file=sys.stderr)
        return EXIT_WRONG
    except (OSError, interpreters.InterpreterMissing) as error:
        print(f"street: {error}", file=sys.stderr)
        return EXIT_UNABLE
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    finally:
        if story:
            story.close()


if __name__ == "__main__":
    main(prog_name="make street")
