"""`lvs deploy`: put the node and its configuration on a board.

Only files that differ are copied, to /update on the board, and each is read back. When all are
there, the list /update/commit is written and the files are moved into place: at once, or by
boot.py after a pulled cable. So a board runs either all of the old version or all of the new.
"""

import ast
import json
import sys
from dataclasses import asdict
from pathlib import Path

import click
from rich.progress import DownloadColumn

from lvs import Config, ConfigError, holders
from lvs.config_check import parse
from lvs_tools import options
from lvs_tools.board import profiles
from lvs_tools.board.joining import Joining
from lvs_tools.board.profiles import PLAIN, BadArgument, BoardError
from lvs_tools.board.result import LIST, Result, sha256, twin
from lvs_tools.board.serial_board import SerialBoard, choose_port
from lvs_tools.places import FIRMWARE

STAGE = "/update"
COMMIT = STAGE + "/commit"
OWN = ("lvs.json", "secrets.json")  # the user's: written once, never overwritten


def finish_update_source():
    """The source of boot.py's functions and a call of finish_update(): how an update ends."""
    text = (FIRMWARE / "boot.py").read_text()
    lines = text.splitlines()
    parts = ["import os"]
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            parts += lines[node.lineno - 1 : node.end_lineno]
    return "\n".join([*parts, "finish_update()\n"])


def commit_order(paths):
    """boot.py first, since it can finish the rest; main.py last, since it needs the rest."""
    return sorted(paths, key=lambda p: (p != "/boot.py", p == "/main.py", p))


def plan(wanted, there, before, frozen=()):
    """What to copy and what to remove.

    wanted: {path: bytes}; there: {path: hash or None} of the board; before: paths of the last
    deployment; frozen: {path: hash} of what is in its MicroPython, which a file would hide.
    Returns (paths to copy, paths to remove).
    """
    built_in = {p for p in wanted if p in frozen and frozen[p] == sha256(wanted[p])}
    copy = [p for p, data in wanted.items() if p not in built_in and there.get(p) != sha256(data)]
    stale = {p for p in before if p not in wanted} | built_in
    stale |= {t for t in map(twin, wanted) if t and t not in wanted}
    return copy, sorted(p for p in stale if there.get(p) is not None)


def check_space(board, wanted, copy):
    """Raise BoardError if the files to copy do not fit beside those that are there."""
    free, block = board.free_bytes()
    needed = sum(-(-len(wanted[p]) // block) * block for p in copy) + 4 * block
    if needed > free:  # what a transfer that broke off left is in the way
        clean(board)
        free, block = board.free_bytes()
    if needed > free:
        raise BoardError(
            f"{board.port}: the board's filesystem is full: the update needs {needed // 1024} KB, "
            f"{free // 1024} KB are free; remove files of yours with `mpremote connect "
            f"{board.port} resume rm`, nothing was changed"
        )


def stage(board, wanted, copy, progress):
    """Copy files to the stage, unless they are there already from an interrupted try."""
    staged = board.hashes([STAGE + p for p in copy])
    board.make_folders([*copy, *staged])
    for path in copy:
        data = wanted[path]
        if staged[STAGE + path] != sha256(data):
            board.write(STAGE + path, data, lambda done, p=path: progress(p, done))
        progress(path, len(data))
    board.verify({STAGE + path: wanted[path] for path in copy})


def commit(board, copy, remove):
    """Make the staged files the valid ones; can be cut at any moment (see boot.py)."""
    lines = commit_order(copy) + ["-" + p for p in remove]
    temporary = STAGE + "/list"
    text = ("\n".join(lines) + "\n").encode()
    board.write(temporary, text)
    board.verify({temporary: text})
    board.run(f"import os\nos.rename({temporary!r},{COMMIT!r})", "switching over")
    board.run(finish_update_source(), "switching over")


def clean(board):
    """Remove the stage, and the count of restarts: what is new gets a try."""
    board.run(
        "def rm(d):\n"
        " for e in os.ilistdir(d):\n"
        "  p=d+'/'+e[0]\n"
        "  rm(p) if e[1]&0x4000 else os.remove(p)\n"
        " os.rmdir(d)\n"
        f"for f in (rm,{STAGE!r}),(os.remove,'/restarts'):\n"
        " try: f[0](f[1])\n"
        " except OSError as e:\n"
        "  if e.errno!=2: raise",
        "cleaning up",
    )


def copy_own(board, own, result):
    """Write the user's files that the board has not; never touch those that it has."""
    there = board.hashes(["/" + name for name in own])
    for name, path in own.items():
        if there["/" + name] is None:
            data = path.read_bytes()
            board.write("/" + name, data)
            board.verify({"/" + name: data})
            result.copied.append("/" + name)
        else:
            result.kept.append("/" + name)


def check_own(own, profile):
    """Raise BoardError if a file of the user's could not be used by a node with a profile; None
    while the board is not known."""
    for name, path in own.items():
        try:
            data = parse(path.read_text(encoding="utf-8"))
            for key in ("mesh", "channels") if name == "lvs.json" else ():
                if key not in data:
                    raise BadArgument(
                        f"{path}: {key} is missing; `lvs init` writes a complete file"
                    )
            if name == "lvs.json":
                known = Config({**(profile["config"] if profile else {}), **data})
                if profile:
                    holders.check(known.data)
        except (OSError, ValueError) as error:
            raise BadArgument(options.named(path, error)) from None


def check_new(own, profile):
    """Raise BoardError if a new board could not start with the user's files: they would stay."""
    from lvs_tools.board import deploy_air

    texts = {name: path.read_text(encoding="utf-8") for name, path in own.items()}
    try:
        if "lvs.json" in own:
            given = texts.get("secrets.json", "{}")
            deploy_air.firmware_config(profile, texts["lvs.json"], given)
    except ConfigError as error:
        path = own["secrets.json" if "secrets.json" in str(error) else "lvs.json"]
        raise BadArgument(f"{path}: {error}") from None


def wants_page(board, own, profile):
    """Whether the board is to have the web server: its lvs.json says, else the profile."""
    text = board.read("/lvs.json")
    if text is None and "lvs.json" in own:
        text = own["lvs.json"].read_bytes()
    try:
        settings = json.loads(text or b"{}").get("board", {})
        return bool(settings.get("status_page", profile["board"]["status_page"]))
    except (ValueError, AttributeError):  # the node will say what is wrong with the file
        return bool(profile["board"]["status_page"])


def check_frozen(where, frozen, wanted):
    """Raise BoardError if an update needs another file than one that MicroPython starts frozen."""
    for path in PLAIN:
        name = "/" + path
        if name in frozen and frozen[name] != sha256(wanted[name]):
            raise BoardError(
                f"{where}: {path} is frozen into its MicroPython, and this version has another: "
                "build an image (lvs firmware) and flash it"
            )


def identify(board, name):
    """The profile to use; raises BoardError if the board is another one, or too old."""
    board.require_supported()
    if board.platform == "linux":  # the stand-in plays any board
        return profiles.load(name or profiles.names()[0])
    profile = profiles.load(name) if name else profiles.by_mcu(board.mcu)
    if profile["mcu"] != board.mcu:
        raise BoardError(
            f"{board.port}: this board has {board.mcu} ({board.machine}), but "
            f"{profile['name']} has {profile['mcu']}; give its own name: --board NAME"
        )
    return profile


def deploy(board, name=None, own=None, *, compiled=True, status_page=None, progress=None):
    """Bring a connected SerialBoard up to date; returns a Result. Raises BoardError.

    own: {"lvs.json": path, ...} of files to give to a board that has none.
    progress: called with (path, bytes done, bytes in all of it).
    """
    profile = identify(board, name)
    result = Result(board.port, profile["name"], board.machine, ".".join(map(str, board.version)))
    check_own(own or {}, profile)
    if own and board.read("/lvs.json") is None:
        check_new(own, profile)
    board.run(finish_update_source(), "ending an interrupted update")
    if status_page is None:
        status_page = wants_page(board, own or {}, profile)
    wanted = profiles.files(profile, board.arch, compiled, status_page)
    listed = (board.read(LIST) or b"").decode().split()
    looked = {*wanted, *listed, *(t for t in map(twin, wanted) if t)}
    frozen = board.frozen()
    check_frozen(board.port, frozen, wanted)
    copy, remove = plan(wanted, board.hashes(sorted(looked)), listed, frozen)
    result.unchanged = len(wanted) - len(copy)
    if copy or remove:
        # The list is part of the update, so that it is true whenever the update is whole.
        wanted[LIST] = ("\n".join(sorted(wanted)) + "\n").encode()
        copy.append(LIST)
        check_space(board, wanted, copy)
        total = sum(len(wanted[p]) for p in copy)
        stage(
            board,
            wanted,
            copy,
            lambda path, done: progress and progress(path, done, len(wanted[path]), total),
        )
        result.bytes = total
        commit(board, copy, remove)
        board.verify({path: wanted[path] for path in copy})
        copy.remove(LIST)
    clean(board)
    result.copied, result.removed = commit_order(copy), remove
    copy_own(board, own or {}, result)
    return result


def own_files(config, secrets, board):
    """{"lvs.json": path, ...} of what there is to give to a new board. board: its profile's
    name, or None. Raises BoardError for what none could use, before a board is looked for."""
    found = {}
    for name, path, given in (("lvs.json", config, config), ("secrets.json", secrets, secrets)):
        path = Path(given or name)
        if path.exists():
            found[name] = path
        elif given:
            raise BadArgument(f"{path}: no such file")
    check_own(found, profiles.load(board) if board else None)
    return found


def start(board, result, seconds):
    """Restart the board and follow it until it has joined Wi-Fi and mesh, or one of them failed;
    for at most ``seconds``."""
    board.reset()
    board.close()
    from lvs_tools.board.logs import follow

    joining = Joining()
    for line in follow(board.port, seconds):
        if line is not None:
            joining.hear(line)
        if joining.over():
            break
    result.started, result.joined = joining.started, joining.joined
    result.failed, result.says = joining.failed, joining.text


def deploy_port(port, name, own, *, compiled=True, status_page=None, wait=60, progress=None):
    """Deploy to the board at a port and start it; returns a Result. Raises BoardError."""
    with SerialBoard(port) as board:
        result = deploy(
            board, name, own, compiled=compiled, status_page=status_page, progress=progress
        )
        if wait:
            start(board, result, wait)
    return result


def summary(result):
    """One or two lines for people."""
    text = (
        f"{result.port}: {result.board}, MicroPython {result.micropython}: "
        f"{len(result.copied)} files copied ({result.bytes / 1024:.0f} KB), "
        f"{result.unchanged} unchanged"
    )
    if result.removed:
        text += f", {len(result.removed)} removed"
    if result.kept:
        text += f"; kept the board's {', '.join(p[1:] for p in result.kept)}"
    if result.says:
        state = "running" if result.started else "not running yet"
        text += f"\n{result.port}: {state}: {result.says}"
    return text


def _over_the_air(host, name, secrets, py, status_page, as_json):
    """The command with --host; ends the program if it cannot be done."""
    from lvs_tools.board import air, deploy_air

    with options.ending("deploy", BoardError, interrupted=air.BY_ITSELF):
        board = air.AirBoard(host, air.admin_key(secrets))
        result = deploy_air.deploy_air(
            board,
            name,
            compiled=not py,
            status_page=status_page,
            says=lambda line: click.echo(line, err=True),
        )
    click.echo(json.dumps(asdict(result)) if as_json else summary(result))


@click.command()
@click.option("--board", "name", metavar="NAME", help="The board's profile; found out if missing.")
@click.option("--port", metavar="PORT", help="Serial port; the only one if missing.")
@click.option("--host", metavar="ADDR", help="Over the air: the board's address[:port].")
@click.option("--config", metavar="FILE", help="lvs.json for a board without one. [./lvs.json]")
@click.option(
    "--secrets",
    metavar="FILE",
    help="secrets.json likewise; over the air the key in it. [./secrets.json]",
)
@click.option("--py", is_flag=True, help="Copy sources instead of compiled modules.")
@click.option(
    "--status-page/--no-status-page",
    default=None,
    help="With the web server; by default if lvs.json or the profile has the page on.",
)
@click.option(
    "--wait",
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long it may take to join Wi-Fi and mesh; 0 leaves the board at its REPL.",
)
@options.PRINT_JSON
def command(name, port, host, config, secrets, py, status_page, wait, as_json):
    """Put the node on a board, or bring it up to date.

    Only files that differ are copied, and verified. The board's lvs.json and secrets.json are
    never overwritten. A pulled cable does no harm: run the same command again.

    Over the air (--host) the new files are on trial: the board goes back to the old ones by
    itself unless it joins its mesh and holds for two minutes.

    Where it ends with 3, the board runs and is not in its mesh: no such network, wrong password,
    another mesh, another channel list, or a mistake in its configuration.

    \b
    Examples:
      lvs deploy                        # the only board that is connected
      lvs deploy --board RPI_PICO_W --port /dev/ttyACM0
      lvs deploy --host 192.168.1.40    # over the air
    """
    if host:
        _over_the_air(host, name, secrets, py, status_page, as_json)
        return
    interrupted = "the board runs what it had, or run it again"
    with options.ending("deploy", BoardError, interrupted=interrupted):
        own = own_files(config, secrets, name)
        port = choose_port(port)
        with options.progress(DownloadColumn(), transient=False) as bar:
            task = bar.add_task(f"{port}: comparing", total=None)
            sizes = {}

            def progress(path, done, _size, total):
                sizes[path] = done
                bar.update(task, description=path, completed=sum(sizes.values()), total=total)

            result = deploy_port(
                port,
                name,
                own,
                compiled=not py,
                status_page=status_page,
                wait=wait,
                progress=progress,
            )
    click.echo(json.dumps(asdict(result)) if as_json else summary(result))
    sys.exit(0 if result.joined or not wait else 3)
