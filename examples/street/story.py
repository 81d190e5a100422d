"""The story of the street: its steps, what each shows, and whether all of it was exact.

What a reader could type is run as it would be typed, and printed with a dollar before it. The
measure is what the meters gave: after each step every node and the broker's retained values, at
the end the history, too, must have it to the last step, and nobody may have seen a value fall.
"""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from examples.street.site import BOARD, Broker, Site
from lvs import decimal
from lvs_tools import interpreters
from lvs_tools.places import HOST, LIB, ROOT

SHOWN = "build/street"  # what the story's folder is called in what is printed
BASE = "lvs/linden-street"
PATIENCE_S = 300  # for whatever is waited for: a busy machine may take long
CABLES = 4  # boards that are deployed to at a time
READING = {"amount": "1.234", "key": "caretaker-2026-11"}  # of the old meter in the garden
# What is typed: in the README word for word, but for the broker's port
COMMANDS = {
    "plan": f"lvs plan examples/street/houses/01/lvs.json --board {BOARD}",
    "night": f"lvs sim examples/street/night.toml --json {SHOWN}/night.json --engine pypy"
    f" --plot {SHOWN}/night.png",
    "deploy": f"lvs deploy --board {BOARD} --port {SHOWN}/01/port --config {SHOWN}/01/lvs.json"
    f" --secrets {SHOWN}/secrets.json --py --wait 0",
    "bridge": f"lvs bridge {SHOWN}/gateway.json --mqtt 127.0.0.1:1883"
    f" --history {SHOWN}/history --every 1",
    "status": f"lvs status {SHOWN}/gateway.json",
    "update": f"lvs fleet update --config {SHOWN}/gateway.json"
    f" --secrets {SHOWN}/secrets.json --hold 5",
    "list": f"lvs fleet list --config {SHOWN}/gateway.json --secrets {SHOWN}/secrets.json",
    "export": f"lvs export {SHOWN}/history --csv {SHOWN}/night.csv",
}
_LVS = "from lvs_tools.cli import main; main(prog_name='lvs')"
# `lvs bridge` in a mesh whose clocks run faster, for the short story
_FASTER = """
import sys, time
from lvs import machine
machine.clock = lambda: int(time.monotonic() * 1000 * {pace}) & 0x3FFFFFFF
from lvs_tools.bridge import command
command.command(sys.argv[1:], prog_name="lvs bridge")
"""


class Wrong(Exception):
    """Something is not as the story says; the text says what."""


class Ears:
    """Hears all that the broker has: ``values`` (raw by channel), ``sensors`` (what Home
    Assistant is told, by name), ``replies`` to contributions, ``fell``: what was seen to fall."""

    def __init__(self, port, config):
        self.values = {}
        self.sensors = {}
        self.replies = []
        self.fell = []
        self.state = ""
        self._config = config
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("#", qos=1)
        self._client.loop_start()

    def _hear(self, _client, _data, message):
        topic, payload = message.topic, message.payload
        if topic.startswith(f"{BASE}/value/"):
            name = topic.rpartition("/")[2]
            raw = raw_of(self._config, name, payload.decode())
            if raw < self.values.get(name, 0):
                self.fell.append(f"{name}: {self.values[name]} to {raw}")
            self.values[name] = raw
        elif topic.startswith("homeassistant/") and payload:
            sensor = json.loads(payload)
            self.sensors[sensor["name"]] = sensor
        elif topic == f"{BASE}/contributed":
            self.replies.append(json.loads(payload)["result"])
        elif topic == f"{BASE}/bridge":
            self.state = json.loads(payload)["state"]

    def say(self, topic, payload):
        """Publish, as a person or a meter with MQTT does."""
        self._client.publish(topic, json.dumps(payload), qos=1)

    def close(self):
        """Hear no more."""
        self._client.loop_stop()
        self._client.disconnect()


def raw_of(config, name, text):
    """A value's text as raw steps."""
    n, x = decimal.number(text)
    m, e = config.steps[config.channels.index(name)]
    return n * 10 ** (x - e) // m


class Story:
    """The street in a folder, and what happens in it. say: called with each line; pace: how many
    times as fast as clocks the mesh's run. Other arguments: site.Site. Raises Wrong, OSError."""

    def __init__(self, folder, say=print, pace=None, **size):
        self.site = Site(folder, pace=pace, **size)
        self.folder = folder
        self.say = say
        self.more = {}  # raw by channel that came by MQTT
        self.marks = []  # [seconds since 1970, what happened]
        self._pace = pace
        self._broker = Broker(folder / "broker")
        self._bridge = None
        self.ears = None

    # --- what all steps use ---------------------------------------------------------------------

    def mark(self, text, short=""):
        """Something happens now. short: what a picture calls it, if it is to be in one."""
        if short:
            self.marks.append([time.time(), short])
        self.say("")
        self.say(text)

    def _words(self, command):
        """A command as it is shown, as the words that are run."""
        words = shlex.split(command)[1:]
        return [sys.executable, "-c", _LVS, *(self._place(word) for word in words)]

    def _place(self, word):
        """A word of a command, in this story's folder."""
        return str(self.folder) + word.removeprefix(SHOWN) if word.startswith(SHOWN) else word

    def lvs(self, command, fails="a command failed"):
        """Show and run a command, and show what it says, as it says it. fails: what it means if it
        does. Raises Wrong."""
        self.say(f"$ {command}")
        self._run(command, fails)

    def _run(self, command, fails):
        process = subprocess.Popen(
            self._words(command),
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            for line in process.stdout or ():
                self.say("  " + line.rstrip().replace(str(self.folder), SHOWN))
        finally:
            process.wait()
        if process.returncode:
            raise Wrong(f"{fails}: exit code {process.returncode}")

    def until(self, what, true):
        """Wait until something is true. Raises Wrong: what() tells how it stands."""
        end = time.monotonic() + PATIENCE_S
        while not true():
            bitten = [board.name for board in self.site.boards if board.bitten()]
            if bitten:
                raise Wrong(
                    f"this machine is too slow for so many boards: {', '.join(bitten)} restarted"
                )
            if self._bridge and self._bridge.poll() is not None:
                raise Wrong(f"the bridge ended: {(self.folder / 'bridge.log').read_text()}")
            if time.monotonic() > end:
                raise Wrong(f"not within {PATIENCE_S} s: {what()}")
            time.sleep(0.1)

    def exact(self, when):
        """Wait until broker and nodes have what the meters gave. Raises Wrong."""
        ears = self.ears
        assert ears

        def expected():
            return self.site.expected(self.more)

        self.until(lambda: f"{when} {expected()}, and the broker has {ears.values}",
                   lambda: ears.values == expected())  # fmt: skip
        self.until(lambda: f"{when}: nodes differ: {self.nodes()}",
                   lambda: all(n == expected() for n in self.nodes()))  # fmt: skip
        if ears.fell:
            raise Wrong(f"a value fell: {', '.join(ears.fell)}")
        said = ", ".join(self.texts(expected()))
        self.say(f"  exact {when}: {said}; {len(self.nodes())} nodes and the broker")

    def nodes(self):
        """Raw by channel of each node that has power, as it says itself."""
        from lvs_tools.board.air import AirBoard

        names = self.site.config.channels
        found = []
        for board in self.site.houses:
            if board.on:
                air = AirBoard(f"{board.address}:{self.site.port}", self.key, patience=60)
                found.append(dict(zip(names, air.status()["raw"], strict=True)))
        return found

    @property
    def key(self):
        """The key of the boards' administration."""
        return json.loads(self.site.secrets.read_text())["admin_key"].encode()

    def texts(self, raw):
        """Values as people read them."""
        config = self.site.config
        for c, name in enumerate(config.channels):
            yield f"{name} {config.text(c, raw[name])} {config.about(c, 'unit')}"

    # --- the steps ------------------------------------------------------------------------------

    def plan(self):
        """Will it fit? Asked before anything is bought."""
        self.mark("1. Will it fit? Twelve houses, two taps, a gateway; boards are ESP32.")
        self.lvs(COMMANDS["plan"], "it does not fit")

    def night(self, *settings):
        """A night at full size, simulated; returns its figures. settings: of a shorter one."""
        self.mark("2. A night, simulated at full size: the repeater is dead from 22:00 to 06:00.")
        command = COMMANDS["night"]
        if not interpreters.command("pypy"):
            command = command.replace(" --engine pypy", "")
        if settings:  # too short for PyPy, and for a picture
            command = command.partition(" --engine")[0].partition(" --plot")[0]
        command += "".join([f" --set {setting}" for setting in settings])
        self.lvs(command, "the night is not exact")
        found = json.loads((self.folder / "night.json").read_text())
        kept = found["exact"] and not found["lost_raw"] and not found["leaves"]["not_arrived"]
        if not kept or found["bytes_per_node_per_min"]["mean"] > 50_000 or found["warnings"]:
            raise Wrong(f"the night: {found['verdict']}, {found['why'] or found['warnings']}")
        self.say(
            f"  exact in the morning: {found['contributed_raw']} steps in"
            f" {found['simulated_s'] / 3600:g} h, {found['faults']['cut']} frames cut off, nothing"
            f" lost; {found['bytes_per_node_per_min']['mean'] / 1000:.0f} KB a minute and node"
        )
        return found

    def deploy(self):
        """The firmware, at the cable: as sources, which the update replaces."""
        self.mark("3. The firmware goes onto the boards at the cable, as sources for a start.")
        for board in self.site.boards:
            board.plug(meters=False)

        def one(board):
            command = COMMANDS["deploy"].replace("/01/", f"/{board.folder.name}/")
            self._run(command, f"{board.name} was not deployed to")

        self.say(f"$ {COMMANDS['deploy']}")
        one(self.site.boards[0])
        self.say(f"  and the same for the others, {CABLES} at a time")
        with ThreadPoolExecutor(CABLES) as pool:
            list(pool.map(one, self.site.boards[1:]))
        self.site.pull_all()

    def gateway(self):
        """The broker, the bridge, and what Home Assistant is told."""
        self.mark("4. The gateway: a broker, and the bridge that tells it the values.")
        if not self._broker.port:
            self._broker.start()
        self.ears = Ears(self._broker.port, self.site.config)
        self.start_bridge()
        self.until(lambda: "no sensors", lambda: self.ears and len(self.ears.sensors) == 3)
        for name, sensor in sorted(self.ears.sensors.items()):
            if sensor["state_class"] != "total_increasing":
                raise Wrong(f"{name} is {sensor['state_class']}")
            self.say(f"  Home Assistant is offered: {name}, in {sensor['unit_of_measurement']},"
                     f" class {sensor['device_class']}")  # fmt: skip

    def start_bridge(self):
        """Start the bridge, again or for the first time."""
        command = COMMANDS["bridge"].replace("1883", str(self._broker.port))
        self.say(f"$ {command}")
        words = self._words(command)
        if self._pace:
            words[2:4] = [_FASTER.format(pace=self._pace)]
        with open(self.folder / "bridge.log", "a") as log:
            self._bridge = subprocess.Popen(
                words, stdout=log, stderr=log, cwd=ROOT, env=environment()
            )

    def stop_bridge(self, number=signal.SIGTERM):
        """End the bridge. Returns its exit code."""
        if self._bridge:
            bridge, self._bridge = self._bridge, None
            bridge.send_signal(number)
            return bridge.wait(120)
        return 0

    def evening(self, look=True):
        """The boards are in the houses, and their meters turn. look: and somebody looks."""
        self.mark("5. Evening: the boards are in the houses, and their meters turn.")
        for board in self.site.boards:
            board.plug()
        self.exact("in the evening")
        if look:
            self.lvs(COMMANDS["status"], "it is not one mesh")

    def dark(self):
        """Half of the houses have no power, the gateway dies, a reading comes twice."""
        far = self.site.houses[len(self.site.houses) // 2 :]
        self.mark(f"6. Night: the power fails from {far[0].name} to {far[-1].name}.", "half dark")
        for board in far:
            board.pull()
        self.exact("with half of the houses dark")
        self.mark(
            "   The gateway is killed and starts again; a reading is told it twice.", "killed"
        )
        ears = self.ears
        assert ears
        self.stop_bridge(signal.SIGKILL)
        self.start_bridge()
        for n in (1, 2):
            ears.say(f"{BASE}/contribute/garden", READING)
            self.until(lambda: "the reading is not answered", lambda: len(ears.replies) >= n)  # noqa: B023
        if ears.replies != ["counted", "known"]:
            raise Wrong(f"a reading told twice was {ears.replies}")
        self.more = {"garden": raw_of(self.site.config, "garden", READING["amount"])}
        self.exact("with the reading, once")
        self.mark(
            "   Morning: the power is back. Nothing that was counted may be gone.", "morning"
        )
        for board in far:
            board.plug()
        self.exact("in the morning")

    def update(self, look=True):
        """The compiled firmware, over the air, house by house. look: and somebody looks."""
        self.mark("7. An update over the air, house by house: the compiled firmware.", "update")
        self.lvs(COMMANDS["update"], "the update stopped")
        for board in self.site.houses:
            if "update kept" not in board.said():
                raise Wrong(f"{board.name} did not keep the update")
        self.exact("after the update")
        if look:
            self.lvs(COMMANDS["list"], "the boards do not agree")

    def export(self):
        """The history as a table, whose last row is what the meters gave."""
        self.mark("8. The history, as a table.")
        if code := self.stop_bridge():
            raise Wrong(f"the bridge ended with exit code {code}")
        self.lvs(COMMANDS["export"])
        with open(self.folder / "night.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))[1:]
        config = self.site.config
        for c, name in enumerate(config.channels):
            raw = [raw_of(config, name, row[c + 1] or "0") for row in rows]
            if raw != sorted(raw):
                raise Wrong(f"{name} falls in the history")
            expected = self.site.expected(self.more)[name]
            if raw[-1] != expected:
                raise Wrong(f"the history of {name} ends at {raw[-1]}, the meters at {expected}")
        self.say(f"  exact: {len(rows)} rows, no value below the one before it")

    def run(self):
        """All steps in order, and what is left for the pictures."""
        for step in (
            self.plan,
            self.night,
            self.deploy,
            self.gateway,
            self.evening,
            self.dark,
            self.update,
            self.export,
        ):
            step()
        self.write()

    def write(self):
        """Keep what the pictures need."""
        text = json.dumps({"marks": self.marks, "channels": self.site.config.channels})
        (self.folder / "story.json").write_text(text)

    def close(self):
        """End everything that runs, and keep what the boards said."""
        self.stop_bridge(signal.SIGKILL)
        if self.ears:
            self.ears.close()
        for board in self.site.boards:
            if board.on:
                (board.folder / "said.txt").write_text(board.said(), encoding="utf-8")
        self.site.pull_all()
        self._broker.stop()


def environment():
    """That of the commands, which run from a checkout or an installed package alike."""
    path = os.pathsep.join([str(LIB), str(HOST), os.environ.get("PYTHONPATH", "")])
    return dict(os.environ, PYTHONPATH=path, COLUMNS="80")
