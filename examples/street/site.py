"""The boards of the street, played: a stand-in each, with meters at its pins.

What they run on comes from the lvs.json files beside this one. Three things are added, since all
boards are on one machine and nobody waits an hour: the port, a leaf's waking every ten seconds,
and for the gateway, which is no stand-in, an address of its own.
"""

import json
import shutil
import subprocess
import time
from fractions import Fraction
from pathlib import Path

from lvs import Config
from lvs_tools.board import profiles
from lvs_tools.board.result import LIST
from lvs_tools.board.standin import Standin
from lvs_tools.mesh.plan import BROADCAST, free_port

HERE = Path(__file__).parent
BOARD = "ESP32_GENERIC"
WIFI = {"linden": "under the lime trees"}
KEY = "whoever has this may update"
PULSES = 64  # of each meter, whenever its board is switched on: whole steps of every channel
PERIOD_MS = 50  # a pulse and its pause
EVERY_S = 10  # a leaf's waking here; its file says what it is in the garden
OLDER = ("led", "pulse", "telling")  # modules that an update replaces, where no cable was used
FLASH_KB = 2048  # of the file system of an ESP32 with 4 MB


class Board:
    """One board. path: of its lvs.json; folder: where it lives; address: its own.

    ``name``: its host name; ``leaf``; ``on``: whether it has power; ``starts``: how many times its
    meters began to turn.
    """

    def __init__(self, path, folder, address, port, pace=None):
        data = json.loads(path.read_text(encoding="utf-8"))
        self.path = path
        self.folder = folder
        self.address = address
        self.name = data["board"]["wifi"]["hostname"]
        self.leaf = data.get("held") == 0
        self._sources = data["board"]["sources"]
        self._steps = {c["name"]: Fraction(c["step"]) for c in data["channels"]}
        self._pace = pace
        self._standin = None
        self._begun = 0
        data["port"] = port
        if self.leaf:
            data["board"]["leaf"]["every_s"] = EVERY_S
        folder.mkdir(parents=True)
        self.config = folder / "lvs.json"
        self.config.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")

    @property
    def on(self):
        """Whether it has power."""
        return self._standin is not None

    @property
    def port(self):
        """The path of its serial port."""
        return self.folder / "port"

    @property
    def starts(self):
        """How many times it was started with meters at its pins."""
        return self._begun + (len(self._standin.restarts) if self._standin else 0)

    def plug(self, meters=True):
        """Give it power; with meters each turns by PULSES now, and after each restart."""
        waves = {s["pin"]: [PERIOD_MS, PULSES] for s in self._sources} if meters else {}
        more = {"pace": self._pace, "trial_ms": 60_000} if self._pace else {}
        made = Standin(
            self.folder, self.address, WIFI, window_ms=100, waves=waves, flash_kb=FLASH_KB, **more
        )
        self._standin = made.start()
        self._begun += meters

    def pull(self):
        """Take its power away, without warning."""
        if self._standin:
            self._begun += len(self._standin.restarts)
            self._standin.stop()
            self._standin = None

    def bitten(self):
        """Whether its watchdog restarted it: this machine was too slow for what is played."""
        return bool(self._standin) and "watchdog" in self._standin.restarts

    def said(self):
        """What it printed since it was plugged in."""
        return self._standin.output.decode(errors="replace") if self._standin else ""

    def counted(self):
        """Raw by channel: what its meters gave until now."""
        found = {}
        for source in self._sources:
            each = Fraction(str(source["units"])) / Fraction(str(source.get("pulses", 1)))
            raw = self.starts * PULSES * each / self._steps[source["channel"]]
            assert raw.denominator == 1
            found[source["channel"]] = found.get(source["channel"], 0) + int(raw)
        return found


class Site:
    """All of them in a folder, and the files of the gateway. houses, leaves: how many of them;
    pace: how many times as fast as clocks theirs run."""

    def __init__(self, folder, houses=12, leaves=2, pace=None):
        self.folder = folder
        self.port = free_port()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        paths = sorted(HERE.glob("houses/*/lvs.json"))[:houses]
        paths += sorted(HERE.glob("garden/*/lvs.json"))[:leaves]
        self.boards = [
            Board(path, folder / path.parent.name, f"127.0.85.{i}", self.port, pace)
            for i, path in enumerate(paths, 1)
        ]
        self.houses = self.boards[:houses]
        data = json.loads((HERE / "gateway/lvs.json").read_text(encoding="utf-8"))
        data |= {"address": "127.0.85.200", "broadcast": BROADCAST, "port": self.port}
        self.gateway = folder / "gateway.json"
        self.gateway.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
        self.config = Config(data)
        self.secrets = folder / "secrets.json"
        self.secrets.write_text(json.dumps({"wifi_password": WIFI["linden"], "admin_key": KEY}))

    def flash(self):
        """Give each board its files without a cable: its own, and the compiled firmware with some
        modules as sources, which an update replaces."""
        from littlefs import LittleFS, UserContext

        profile = profiles.load(BOARD)
        files = profiles.files(profile, "x64", True, False)
        sources = profiles.files(profile, "x64", False, False)
        for name in OLDER:
            del files[f"/{name}.mpy"]
            files[f"/{name}.py"] = sources[f"/{name}.py"]
        files[LIST] = ("\n".join(sorted(files)) + "\n").encode()
        files["/secrets.json"] = self.secrets.read_bytes()
        for board in self.boards:
            context = UserContext(FLASH_KB << 10)
            context.buffer = bytearray(b"\xff" * (FLASH_KB << 10))
            disk = LittleFS(
                context=context, block_size=4096, block_count=FLASH_KB // 4, mount=False
            )
            disk.format()
            disk.mount()
            for path, data in {**files, "/lvs.json": board.config.read_bytes()}.items():
                if path.rpartition("/")[0]:
                    disk.makedirs(path.rpartition("/")[0], exist_ok=True)
                with disk.open(path, "wb") as file:
                    file.write(data)
            disk.unmount()
            (board.folder / "flash.bin").write_bytes(context.buffer)

    def expected(self, more=None):
        """Raw by channel: what all meters gave, and what came otherwise."""
        total = dict.fromkeys(self.config.channels, 0)
        for counted in [board.counted() for board in self.boards] + [more or {}]:
            for name, raw in counted.items():
                total[name] += raw
        return total

    def pull_all(self):
        """Switch everything off."""
        for board in self.boards:
            board.pull()


class Broker:
    """mosquitto on a free port. Raises FileNotFoundError where there is none."""

    def __init__(self, folder):
        # Debian's package puts it where only root looks.
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if program is None:
            raise FileNotFoundError("mosquitto is missing (Debian: apt install mosquitto)")
        folder.mkdir(exist_ok=True)
        self.log = folder / "mosquitto.log"
        self._folder = folder
        self._program = program
        self._process = None
        self.port = 0

    def start(self):
        """Start it; tried with other ports where one is taken meanwhile. Raises OSError."""
        import socket

        for _ in range(5):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
            config = self._folder / "mosquitto.conf"
            config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n")
            with open(self.log, "a") as log:
                words = [self._program, "-c", str(config)]
                self._process = subprocess.Popen(words, stdout=log, stderr=log)
            while self._process.poll() is None:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                        return
                time.sleep(0.05)
        raise OSError(f"mosquitto does not start: {self.log}")

    def stop(self):
        """End it."""
        if self._process:
            self._process.terminate()
            self._process.wait(30)
            self._process = None
