"""Deployments over the air: the files of a board's firmware, or its lvs.json."""

import json
import sys
import tempfile
from importlib import util
from pathlib import Path

from lvs import Config, ConfigError
from lvs_tools.board import profiles
from lvs_tools.board.air import HOLD_S, state_of
from lvs_tools.board.profiles import ARCHITECTURES, BoardError
from lvs_tools.board.result import LIST, Result, twin
from lvs_tools.board.serial_board import OLDEST
from lvs_tools.places import FIRMWARE

CONFIG = "/lvs.json"


def architecture(board, status, compiled):
    """mpy-cross's name of a board's processor. Raises BoardError if its MicroPython is too old."""
    version = ".".join(map(str, status["micropython"]))
    if tuple(status["micropython"]) < OLDEST:
        raise BoardError(
            f"{board.host}: MicroPython {version} is too old; 1.26 or newer is needed"
        )
    if compiled and status["mpy"] & 0xFF != 6:
        raise BoardError(
            f"{board.host}: MicroPython {version} reads .mpy version {status['mpy'] & 0xFF}, but "
            "this project makes version 6: deploy with --py"
        )
    code = status["mpy"] >> 10 & 0xF
    return ARCHITECTURES[code] if code < len(ARCHITECTURES) else None


def deploy_air(
    board, name=None, *, compiled=True, status_page=None, hold=HOLD_S, progress=None, says=None
):
    """Bring an AirBoard up to date and wait until it keeps the new files; a Result.

    name: of the profile, if not the one that the board has; hold: seconds that the new files must
    do; progress: called with (path, bytes done, bytes of it); says: with lines for people. Raises
    BoardError if the board refuses them, or takes them back.
    """
    status = board.status()
    if status["frozen"] is True:  # else it is the name of what `lvs firmware` froze
        raise BoardError(
            f"{board.host}: its library is frozen into its MicroPython, before any on its flash: "
            "flash a build of `lvs firmware` at the cable"
        )
    profile = profiles.load(name or status["board"])
    if status["board"] and profile["name"] != status["board"]:
        raise BoardError(f"{board.host}: this board is a {status['board']}, not {profile['name']}")
    arch = architecture(board, status, compiled)
    page = status["page"] if status_page is None else status_page
    wanted = profiles.files(profile, arch, compiled, page)
    wanted[LIST] = ("\n".join(sorted(wanted)) + "\n").encode()
    listed = (board.read(LIST) or b"").decode().split()
    stale = {path for path in listed if path not in wanted}
    stale |= {other for other in map(twin, wanted) if other and other not in wanted}
    sent = {}

    def note(path, done, size):
        sent[path] = size
        if progress:
            progress(path, done, size)

    name, changed = board.update(wanted, sorted(stale), hold, note)
    if changed and says:
        files = f"{len(sent)} file{'s' * (len(sent) != 1)}"
        says(f"{board.host}: sent {files} ({sum(sent.values()) / 1024:.0f} KB); restarting")
    version = ".".join(map(str, status["micropython"]))
    result = Result(board.host, profile["name"], status["machine"], version)
    result.copied = sorted(sent)
    result.bytes = sum(sent.values())
    result.unchanged = len(wanted) - len(sent)
    result.started = True
    result.restarted = bool(changed)
    if changed:
        status = board.wait_for_trial(name, hold=hold, says=says)
    result.says = state_of(status)
    return result


def firmware_load(folder):
    """A board's settings in a folder, as the firmware's own module reads them. Raises
    ConfigError."""
    spec = util.spec_from_file_location("lvs_tools_board_settings", FIRMWARE / "settings.py")
    assert spec and spec.loader
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.append(str(FIRMWARE))  # where it finds what only some settings need
    try:
        return module.load(folder)
    finally:
        sys.path.remove(str(FIRMWARE))


def firmware_config(profile, text, secrets="{}"):
    """The Config that a board makes of its lvs.json and secrets.json (texts). profile: with
    ``config`` and ``board``, or empty. Raises ConfigError."""
    with tempfile.TemporaryDirectory() as folder:
        its = {key: profile[key] for key in ("config", "board") if key in profile}
        files = {"lvs.json": text, "profile.json": json.dumps(its), "secrets.json": secrets}
        for name, content in files.items():
            (Path(folder) / name).write_text(content, encoding="utf-8")
        try:
            return Config(firmware_load(folder + "/"))
        except ConfigError as error:
            raise ConfigError(str(error).replace(folder + "/", "")) from None


def check_config(board, text, status):
    """The Config of a board with this lvs.json (text). Raises BoardError, in one line, unless it
    could start with it, as a member of the mesh that it is in."""
    known = status["board"] in profiles.names()
    try:
        checked = firmware_config(profiles.load(status["board"]) if known else {}, text)
    except ConfigError as error:
        raise BoardError(f"{board.host}: {error}; nothing was changed") from None
    if f"{checked.tag:08x}" != status["tag"]:
        raise BoardError(
            f"{board.host}: with this it would be of another mesh, hear none of its peers and go "
            "back: name and parameters of a mesh are changed at the cable, on every node"
        )
    return checked


def page_files(board, status):
    """{path: bytes} of what a board without a status page needs to show one."""
    profile = profiles.load(status["board"] or profiles.names()[0])
    listed = (board.read(LIST) or b"").decode().split()
    compiled = "/app.py" not in listed
    files = profiles.files(profile, architecture(board, status, compiled), compiled, True)
    frozen = () if status["frozen"] else profiles.PAGE
    found = {p: d for p, d in files.items() if Path(p).stem in ("microdot", *frozen)}
    if listed:
        found[LIST] = ("\n".join(sorted({*listed, *found})) + "\n").encode()
    return found


def read_config(board):
    """A board's lvs.json as a dict. Raises BoardError."""
    data = board.read(CONFIG)
    try:
        return json.loads(data or b"")
    except ValueError:
        raise BoardError(f"{board.host}: its lvs.json is no JSON") from None


def write_config(board, config, hold=HOLD_S, says=None):
    """Give a board another lvs.json, on trial, and with it the web server if it switches on the
    status page; returns whether anything changed."""
    text = json.dumps(config, indent=4, ensure_ascii=False) + "\n"
    status = board.status()
    files = {CONFIG: text.encode()}
    if check_config(board, text, status).board.get("status_page") and not status["page"]:
        files.update(page_files(board, status))
    name, changed = board.update(files, hold=hold)
    if changed:
        board.wait_for_trial(name, hold=hold, says=says)
    return bool(changed)
