"""`lvs sim --watch`: the simulated world beside the dashboard, at the pace that somebody wants."""

import asyncio
import contextlib
import json
import os
import tempfile
import time
from pathlib import Path

import lvs
from lvs.config import CYCLE_MS, Config
from lvs_tools import interpreters
from lvs_tools.sim import engine, scenario
from lvs_tools.watch import view
from lvs_tools.watch.page import Refused
from lvs_tools.world import live

SPEEDS = {"Pause": 0, "1 x": 1, "10 x": 10, "60 x": 60, "Fastest": 100000}  # cycles a second
START = "10 x"
LIARS = ("Inflate", "Drain", "RandomValues", "TwoFaces", "Sybil", "Malformed")
_LOOK_S = 0.5  # between two looks
_STEP_S = 0.4  # of computing between them
_LINE_LIMIT = 1 << 24
_CERTAIN = 1 << 30
_NICE = 10  # the world takes what time there is; who looks at the page is answered first


class Watched:
    """A scenario's run that is watched. checked: as `scenario.load` returns it; channels: what
    they are called and count, as in a configuration, if not c0, c1, ... in VU.

    ``look``: what `lvs_tools.world.live.look` said last, empty before; ``result``: at the end.
    """

    def __init__(self, checked, channels=None):
        self.checked = checked
        self.plan = scenario.plan(checked)
        self.result = None
        self.look: dict = {}
        self.speed = START
        self._events = []
        self._config = Config({"mesh": "sim", "channels": channels or _channels(self.plan)})
        self._woken = asyncio.Event()
        self._together = view.Together()
        self._middle = view.Middle()
        self._rates = {}

    # --- running --------------------------------------------------------------------------------

    async def run(self, show, progress):
        """Run to the end; returns the result, as `engine.run` does. show: called with each view;
        progress: with the cycles done. Raises EngineError."""
        name = self.checked["engine"]
        began = time.perf_counter()
        try:
            command = interpreters.command(name, engine.heap(self.plan))
        except interpreters.InterpreterMissing as error:
            raise engine.EngineError(str(error)) from None
        if command is None:
            raise engine.EngineError(interpreters.mend(name))
        process = await asyncio.create_subprocess_exec(
            *command,
            *(live.__file__, str(Path(lvs.__file__).parent.parent)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=_LINE_LIMIT,
            env={**engine.TUNING, **os.environ},
            start_new_session=True,  # Ctrl-C is this program's to handle
        )
        with contextlib.suppress(OSError):  # it has ended, or may not be made to wait
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
        try:
            result = await self._follow(process, show, progress)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
        result["wall_s"] = round(time.perf_counter() - began, 3)
        result["memory_mb"] = round(engine.peak_mb("pypy"), 1)  # of the other process
        return result

    async def _follow(self, process, show, progress):
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
            json.dump(self.plan, file)
            file.flush()
            process.stdin.write(json.dumps({"plan": file.name}).encode() + b"\n")
            pace = 1.0  # cycles a second that the world manages
            owed = 1.0  # cycles that are due
            last = time.monotonic()
            while True:
                now = time.monotonic()
                owed = min(owed + (now - last) * SPEEDS[self.speed], max(1.0, pace * _STEP_S))
                last = now
                cycles = int(owed)
                owed -= cycles
                answer = await self._order(process, cycles)
                took = time.monotonic() - now
                if cycles:
                    pace = cycles / max(took, 1e-3)
                self.look = answer["look"]
                self.result = answer.get("result")
                progress(self.look["cycle"])
                show(self.view())
                if self.result:
                    return self.result
                self._woken.clear()
                try:
                    await asyncio.wait_for(self._woken.wait(), max(0.02, _LOOK_S - took))
                except asyncio.TimeoutError:
                    pass

    async def _order(self, process, cycles):
        events, self._events = self._events, []
        said = []
        try:
            process.stdin.write(json.dumps({"cycles": cycles, "events": events}).encode() + b"\n")
            while line := await process.stdout.readline():
                try:
                    return json.loads(line)
                except ValueError:
                    said.append(line.decode(errors="replace"))
        except (ConnectionError, ValueError) as error:
            said.append(str(error))
        text = "".join(said[-20:])
        raise engine.EngineError(f"{self.checked['engine']} ended: {text}")

    # --- the buttons ----------------------------------------------------------------------------

    async def do(self, action):
        """What a button says, a dict; returns what was done. Raises Refused."""
        name = action.get("action")
        act = {
            "speed": self._pace,
            "loss": self._lose,
            "partition": self._cut,
            "heal": self._heal,
            "crash": self._kill,
            "restart": self._restart,
            "liars": self._lie,
        }.get(name if isinstance(name, str) else "")
        if act is None:
            raise Refused("there is no such button")
        if not self.look or self.result:
            raise Refused("the run has ended" if self.result else "the world is being made")
        done = act(action)
        self._woken.set()
        return done

    def _event(self, action, **about):
        event = {"action": action, "nodes": None, "fraction": None, "value": 1}
        self._events.append(dict(event, **about))

    def _states(self, *words):
        return [row[0] for row in self.look["nodes"] if row[1] in words]

    def _running(self):
        return [row[0] for row in self.look["nodes"] if row[2] is not None]

    def _pace(self, action):
        speed = action.get("speed")
        if not isinstance(speed, str) or speed not in SPEEDS:
            raise Refused(f"speed: one of {', '.join(SPEEDS)}")
        self.speed = speed
        return f"Speed: {speed}"

    def _lose(self, action):
        percent = action.get("percent")
        if not isinstance(percent, int) or not 0 <= percent <= 90:
            raise Refused("percent: 0 to 90")
        self._event("loss", value=percent * _CERTAIN // 100)
        return f"Each node loses {percent} % of what it hears"

    def _cut(self, _):
        rows = self.look["nodes"]
        self._event("partition", nodes=[row[0] for row in rows[len(rows) // 2 :]])
        return "The second half of the nodes is cut off from the first"

    def _heal(self, _):
        self._event("heal")
        return "All hear each other again"

    def _share(self, action):
        running = self._running()
        share = action.get("share")
        if not isinstance(share, int) or share not in (0, 3, 5):
            raise Refused("share: 0, 3 or 5")
        count = len(running) // share if share else 1
        if len(running) < 2 or not count:
            raise Refused("too few nodes run")
        return running, count

    def _kill(self, action):
        running, count = self._share(action)
        self._event("crash", nodes=running[:: len(running) // count][:count])
        return f"{count} nodes lost their power" if count > 1 else "One node lost its power"

    def _restart(self, _):
        down = self._states("DOWN")
        if not down:
            raise Refused("all nodes run")
        self._event("restart", nodes=down)
        return f"{len(down)} nodes have power again"

    def _lie(self, action):
        kind = action.get("choice")
        if kind not in LIARS:
            raise Refused(f"choice: one of {', '.join(LIARS)}")
        _, count = self._share(action)
        path, name = scenario.find_adversary(kind, ".")
        self._events.append({"action": "liars", "count": count, "path": str(path), "class": name})
        return f"{count} nodes turn liars: {kind}" if count > 1 else f"A node turns liar: {kind}"

    # --- what is shown --------------------------------------------------------------------------

    def _amount(self, c, raw):
        unit = self._config.about(c, "unit")
        return f"{self._config.text(c, raw)} {unit} of {self._config.channels[c]}"

    def view(self, ended=""):
        """The view of the newest look. ended: what is said once the run is over."""
        look = self.look
        now = look["cycle"]
        shown = {
            _name(row): {c: raw for c, raw in enumerate(row[2]) if raw is not None}
            for row in look["nodes"]
            if row[2] is not None and row[1] not in ("INIT", "RECOVERING", "JOINING")
        }
        there = None if look["there"] is None else dict(enumerate(look["there"]))
        together, lacks = self._together.look(now, shown, self._amount, there=there)
        cut = any(row[3] for row in look["nodes"])
        rows = [self._row(row, now, lacks, cut) for row in look["nodes"]]
        rates = [row["kb_min"] * 1000 for row in rows if row["kb_min"] is not None]
        return {
            "kind": "sim",
            "mesh": self.checked["name"],
            "title": f"Simulated: {view.span(now)} of {view.span(look['cycles'])},"
            f" {len(rows)} nodes, seed {self.checked['seed']}",
            "time": view.now_text(),
            "clock_s": now * CYCLE_MS / 1000,
            "ended": ended,
            "heard_s": 0 if shown else None,
            "quiet": not shown,
            "channels": self._channels(self._middle.look(now, shown), shown),
            "together": together,
            "nodes": view.ordered(rows),
            "count": len(rows),
            "others": "",
            "traffic": view.traffic(rates, "Sent and received, in the last simulated minute"),
            "refused": look["refused"],
            "refused_by": "By all nodes that run, since each started",
            "warnings": [],
            "controls": None if ended else self._controls(),
        }

    def _channels(self, values, shown):
        found = []
        for c, raw in sorted(values.items()):
            said = [v[c] for v in shown.values() if c in v] or [raw]
            apart = max(said) - min(said)
            text = self._config.text(c, raw)
            found.append(
                {
                    "name": self._config.channels[c],
                    "text": text,
                    "label": self._config.about(c, "label"),
                    "unit": self._config.about(c, "unit"),
                    "raw": raw,
                    "value": float(text),
                    "spread": apart and self._amount(c, apart).rpartition(" of ")[0],
                }
            )
        return found

    def _row(self, row, now, lacks, cut):
        _, state, _, group, deaf, load, size = row
        name = _name(row)
        lack = lacks.get(name)
        rate = self._rates.setdefault(name, view.Rate()).look(now, size)
        link = f"loses {100 * max(deaf or 0, self.look['loss']):.0f} %"
        return {
            "name": name,
            "state": state,
            "agrees": None if lack is None else not lack,
            "lacks": lack or "",
            "link": f"in group {group + 1}, {link}" if cut else link,
            "load_percent": None if load is None else round(100 * load / 255),
            "kb_min": None if rate is None or load is None else round(rate / 1000, 2),
            "trouble": state in ("DOWN", "GONE", "LIAR"),
            "liar": state == "LIAR",
        }

    def _controls(self):
        cut = any(row[3] for row in self.look["nodes"])
        down = bool(self._states("DOWN"))
        return [
            {
                "legend": "Speed",
                "buttons": [
                    {"text": s, "do": {"action": "speed", "speed": s}, "pressed": s == self.speed}
                    for s in SPEEDS
                ],
            },
            {
                "legend": "Lose packets",
                "range": {"action": "loss", "value": round(100 * self.look["loss"]), "max": 90},
            },
            {
                "legend": "Partition",
                "buttons": [
                    {"text": "Cut in two", "do": {"action": "partition"}, "off": cut},
                    {"text": "Join again", "do": {"action": "heal"}, "off": not cut},
                ],
            },
            {
                "legend": "Power",
                "buttons": [
                    {"text": "Kill a node", "do": {"action": "crash", "share": 0}},
                    {"text": "Kill a third", "do": {"action": "crash", "share": 3}},
                    {"text": "Restart them", "do": {"action": "restart"}, "off": not down},
                ],
            },
            {
                "legend": "Liars",
                "choose": "What the liars do",
                "choices": list(LIARS),
                "buttons": [
                    {"text": "One lies", "do": {"action": "liars", "share": 0}},
                    {"text": "A fifth lies", "do": {"action": "liars", "share": 5}},
                ],
            },
        ]


def _channels(plan):
    return [{"name": f"c{c}", "unit": "VU"} for c in range(plan["workload"]["listed"])]


def _name(row):
    return f"node{row[0]}"
