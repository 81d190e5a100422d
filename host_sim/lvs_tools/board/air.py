"""A board over the air: the client of firmware/admin.py; trouble becomes one line.

Every request proves the key for this connection's nonce, every answer proves it for the request:
docs/boards/updates.md shows the bytes, docs/security.md says what the key guards.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import socket
import time
from pathlib import Path

import click

from lvs_tools.board.profiles import BadArgument, BoardError

PORT = 4785  # TCP; the mesh's port, over UDP
KEY_MIN = 16  # as the firmware has it
HOLD_S = 120  # that new files must do before they are kept
TRIAL_S = 360  # after which a board takes them back by itself: firmware/boot.py
BY_ITSELF = "the board keeps it, or goes back, by itself"  # what is on trial
_FULL_MEND = (
    "; nothing was changed: remove files of your own at the cable (mpremote connect PORT resume "
    "ls), or flash a frozen build, whose updates are small"
)
_GREETING = "LVS-ADMIN 1 "
_TIMEOUT_S = 15
_PIECE = 512
_RETRY_S = 0.5


class Refused(BoardError):
    """The board answered, and said no."""


class Unserved(BoardError):
    """Nobody serves administration at an address."""


def unserved(error):
    """What an OSError of a connection says of whoever is at that address, as text."""
    if isinstance(error, ConnectionRefusedError):
        return (
            "is there, but nothing serves updates: its secrets.json has no admin_key, it is just "
            "starting, or it is a computer"
        )
    if isinstance(error, ConnectionResetError):
        return "is busy with another connection; try again"
    if isinstance(error, socket.gaierror):
        return "this name has no address"
    said = "no answer" if isinstance(error, TimeoutError) else error.strerror or error
    return f"is switched off, asleep or out of reach ({said})"


def mac(key, *parts):
    """HMAC-SHA256 of some bytes, in hex as bytes."""
    return hmac.new(key, b"".join(parts), hashlib.sha256).hexdigest().encode()


def admin_key(path=None):
    """The key in a secrets.json, as bytes. Raises BadArgument."""
    path = Path(path or "secrets.json")
    try:
        key = json.loads(path.read_text(encoding="utf-8")).get("admin_key")
    except OSError:
        raise BadArgument(
            f"{path}: not found; name the file with the boards' admin_key: --secrets FILE"
        ) from None
    except (ValueError, AttributeError):
        raise BadArgument(f"{path}: is no JSON object") from None
    if not isinstance(key, str) or len(key) < KEY_MIN:
        raise BadArgument(
            f"{path}: admin_key is missing or shorter than {KEY_MIN} characters; "
            "docs/boards/updates.md says how to make one"
        )
    return key.encode()


def split(host):
    """(address, port) of "ADDRESS" or "ADDRESS:PORT". Raises BadArgument."""
    address, _, port = host.partition(":")
    if not address or not (port or str(PORT)).isdigit():
        raise BadArgument(f"'{host}': must be ADDRESS or ADDRESS:PORT")
    return address, int(port or PORT)


def state_of(status):
    """How a board is, in a few words: "ACTIVE, 1 peer"."""
    return f"{status['state']}, {status['peers']} peer{'s' * (status['peers'] != 1)}"


class AirBoard:
    """A board at an address, for whoever has its key. Each method raises BoardError.

    host: "ADDRESS" or "ADDRESS:PORT". patience: seconds to go on knocking at a board that does
    not answer, or is busy with somebody else.
    """

    def __init__(self, host, key, patience=10):
        self.host = host
        self.port = host  # what messages call it, as they do a SerialBoard
        self._address = split(host)
        self._key = key
        self.patience = patience
        self._crashes = ""  # its crash log before an update

    @contextlib.contextmanager
    def connected(self, patience=None):
        """A Conversation, closed at the end."""
        end = time.monotonic() + (self.patience if patience is None else patience)
        while True:
            try:
                talk = Conversation(self.host, self._address, self._key)
                break
            except OSError as error:
                if time.monotonic() > end:
                    raise Unserved(f"{self.host}: {unserved(error)}") from None
            time.sleep(_RETRY_S)
        with contextlib.closing(talk):
            yield talk

    def ask(self, do, patience=None, **more):
        """One request on a connection of its own; the answer, a dict."""
        with self.connected(patience) as talk:
            return talk.ask(do, **more)

    def status(self, patience=None):
        """What the board says of itself, a dict."""
        return self.ask("status", patience)

    def read(self, path):
        """A file's bytes, or None if it is not there."""
        data = b""
        with self.connected() as talk:
            while True:
                piece = talk.ask("read", path=path, at=len(data))
                if piece["data"] is None:
                    return None
                data += base64.b64decode(piece["data"])
                if not piece["more"]:
                    return data

    def reboot(self):
        """Restart it."""
        self.ask("reboot")

    def update(self, files, remove=(), hold=HOLD_S, progress=None):
        """Send what differs of {path: bytes}, order a trial; (manifest's id, files that change).

        remove: paths; progress: called with (path, bytes done, bytes of the file).
        """
        lines = [
            f"{hashlib.sha256(data).hexdigest()} {len(data)} {path}\n".encode()
            for path, data in sorted(files.items())
        ]
        lines += [f"- 0 {path}\n".encode() for path in remove]
        name = hashlib.sha256(b"".join(lines)).hexdigest()
        self._crashes = self._crash_log()
        with self.connected() as talk:
            answer = talk.update(name, lines, files, hold, progress or (lambda *_: None))
        return name, answer["changed"]

    def _crash_log(self):
        return (self.read("/crash.log") or b"").decode("utf-8", "replace")

    def _why_taken_back(self, hold):
        """What the board says of the trial that has failed, as text."""
        log = self._crash_log()
        new = log[len(self._crashes) :] if log.startswith(self._crashes) else log
        # What happened, and after a traceback the error itself.
        lines = [line for line in new.splitlines() if line[:1].strip() and line[:9] != "Traceback"]
        if lines:
            return f"it says '{': '.join(dict.fromkeys((lines[0], lines[-1])))}'"
        return (
            f"it restarted, or did not join the mesh and hold for {hold} s; if its power failed, "
            "try again"
        )

    def wait_for_trial(self, name, seconds=TRIAL_S + 60, hold=HOLD_S, says=None):
        """Wait until an update is kept. says: called with a line whenever something changes.

        Raises BoardError if it was taken back, or nothing was heard.
        """
        end = time.monotonic() + seconds
        said = ""
        while time.monotonic() < end:
            try:
                status = self.status(patience=2)
            except Refused:
                raise
            except BoardError:
                line = "restarting"
            else:
                stage = status["update"]
                if stage == "failed" and status.get("id") == name:
                    raise BoardError(
                        f"{self.host}: took the new files back and runs what it had: "
                        f"{self._why_taken_back(hold)}"
                    )
                if stage == "":
                    return status
                line = f"on trial: {state_of(status)}"
            if says and line != said:
                says(f"{self.host}: {line}")
            said = line
            time.sleep(_RETRY_S)
        raise BoardError(f"{self.host}: does not answer since its update; it takes it back itself")


class Conversation:
    """A connection to a board's administration. Raises OSError until it is up, then BoardError."""

    def __init__(self, host, address, key):
        self._host = host
        self._key = key
        self._turn = 0
        self._socket = socket.create_connection(address, timeout=_TIMEOUT_S)
        self._file = self._socket.makefile("rb")
        try:
            greeting = self._file.readline(200).decode("ascii", "replace").strip()
            if not greeting:
                raise ConnectionResetError("closed at once: busy")
        except OSError:
            self.close()
            raise
        if not greeting.startswith(_GREETING):
            self.close()
            raise BoardError(f"{host}: something else than a board answers")
        self._nonce = greeting[len(_GREETING) :].encode()

    def close(self):
        """Close it."""
        self._file.close()  # it holds the socket, too
        self._socket.close()

    def _ask(self, do, more):
        request = {"do": do, **more, "salt": secrets.token_hex(8)}
        text = json.dumps(request, separators=(",", ":")).encode()
        self._place = b" %s %d " % (self._nonce, self._turn)
        self._proof = mac(self._key, b"ask", self._place, text)
        self._socket.sendall(self._proof + b" " + text + b"\n")

    def _answer(self, first=b""):
        line = first + self._file.readline(1 << 20)
        if not line.endswith(b"\n"):
            raise BoardError(
                f"{self._host}: hung up; most likely the key is wrong: compare admin_key here and "
                "in the board's secrets.json"
                if not self._turn
                else f"{self._host}: hung up"
            )
        proof, _, text = line.rstrip(b"\n").partition(b" ")
        expected = mac(self._key, b"answer", self._place, self._proof, text)
        if not hmac.compare_digest(proof, expected):
            raise BoardError(f"{self._host}: who answers does not have the key; believe nothing")
        self._turn += 1
        answer = json.loads(text)
        if "error" in answer:
            mend = _FULL_MEND if "the flash is full" in answer["error"] else ""
            raise Refused(f"{self._host}: {answer['error']}{mend}")
        return answer

    @contextlib.contextmanager
    def _plain_errors(self):
        try:
            yield
        except OSError as error:
            raise BoardError(f"{self._host}: the connection broke ({error}); try again") from None

    def ask(self, do, **more):
        """One request; its answer, a dict. Raises Refused if the board says no."""
        with self._plain_errors():
            self._ask(do, more)
            return self._answer()

    def update(self, name, lines, files, hold, progress):
        """A manifest and then what the board asks for of its files; the answer."""
        with self._plain_errors():
            self._ask("update", {"manifest": name, "lines": len(lines), "hold": hold})
            self._socket.sendall(b"".join(lines))
            for line in lines:
                path = line.split()[2].decode()
                said = self._file.read(1)
                if said not in (b"=", b"+"):
                    break
                if said == b"+":
                    data = files[path]
                    for at in range(0, len(data), _PIECE):
                        self._socket.sendall(data[at : at + _PIECE])
                        progress(path, min(at + _PIECE, len(data)), len(data))
            else:
                said = b""
            return self._answer(said)


HOST = click.option("--host", metavar="ADDR", help="A board over the air: its address[:port].")
SECRETS = click.option(
    "--secrets", metavar="FILE", help="The file with the boards' admin_key. [./secrets.json]"
)
