"""The dashboard's view of a mesh of processes: `lvs mesh --watch`."""

import time

from lvs.config import Config
from lvs_tools.mesh import looking
from lvs_tools.mesh import view as table
from lvs_tools.mesh.faults import LIARS
from lvs_tools.watch import view


class _Told:
    """What others can have heard: all that was contributed, but for the last LAG_S of those that
    were killed, which only their journals may have."""

    def __init__(self):
        self._marks = {}  # instance: [(when, {channel: raw})], the newest last

    def look(self, now, mesh):
        """{channel number: raw} at a time."""
        names = mesh.plan.channels
        total = dict.fromkeys(range(len(names)), 0)
        for i in mesh.everyone():
            marks = self._marks.setdefault(i, [(now, {})])
            if i.alive:
                if marks[-1][1] != i.contributed:
                    marks.append((now, dict(i.contributed)))
                told = i.contributed
            else:
                told = [m for at, m in marks if at <= marks[-1][0] - view.LAG_S] or [{}]
                told = told[-1]
            for c, name in enumerate(names):
                total[c] += told.get(name, 0)
        return total


class Shown:
    """Makes the views of a Mesh."""

    def __init__(self, mesh):
        self._mesh = mesh
        self._config = Config(mesh.plan.config(0))
        self._together = view.Together()
        self._middle = view.Middle()
        self._told = _Told()
        self._rates = {}

    def _amount(self, c, raw):
        return f"{looking.amount(self._config, c, raw)} of {self._config.channels[c]}".lstrip()

    def view(self, ended=""):
        """The view of now. ended: what is said once the run is over."""
        mesh = self._mesh
        now = time.monotonic()
        present = [i for i in mesh.instances if i and i.alive and i.report]
        names = mesh.plan.channels
        shown = {
            self._name(i): {c: i.report["values"][name] for c, name in enumerate(names)}
            for i in present
            if i.report["state"] in ("ACTIVE", "LOW_POWER")
        }
        there = self._told.look(now, mesh)
        together, lacks = self._together.look(now, shown, self._amount, there=there)
        rows = [self._row(i, now, lacks) for i in mesh.instances if i]
        rates = [row["kb_min"] * 1000 for row in rows if row["kb_min"] is not None]
        heard = max([i.heard for i in present], default=None)
        quiet = None if heard is None else now - heard
        return {
            "kind": "mesh",
            "mesh": self._config.mesh,
            "title": f"{mesh.plan.nodes} processes on this machine: {table.phase(mesh)},"
            f" {mesh.elapsed():.0f} s of {mesh.plan.seconds:.0f} s",
            "time": view.now_text(),
            "clock_s": time.time(),
            "ended": ended,
            "heard_s": None if quiet is None else round(quiet),
            "quiet": quiet is None or quiet >= view.QUIET_S,
            "channels": self._channels(self._middle.look(now, shown), shown),
            "together": together,
            "nodes": view.ordered(rows + self._liars()),
            "count": len(rows) + len(self._liars()),
            "others": "",
            "traffic": view.traffic(rates, "Sent and received, in the last minute"),
            "refused": self._refused(present),
            "refused_by": "By all nodes that run, since each started",
            "warnings": sorted({text for i in present for text in i.report["lost"]}),
            "controls": None if ended else self._controls(),
        }

    def _name(self, instance):
        return self._mesh.plan.address(instance.node)

    def _channels(self, values, shown):
        found = []
        for c, raw in values.items():
            said = [v[c] for v in shown.values()] or [raw]
            channel = looking.channel(self._config, c, raw)
            apart = max(said) - min(said)
            spread = apart and looking.amount(self._config, c, apart)
            found.append(dict(channel, value=float(channel["text"]), spread=spread))
        return found

    def _row(self, i, now, lacks):
        faults = self._mesh.faults
        word = table.state(i)
        lack = lacks.get(self._name(i))
        said = i.report if i.alive else None
        rate = None
        if said:
            size = said["sent_bytes"] + said["received_bytes"]
            rate = self._rates.setdefault(i, view.Rate()).look(now, size)
        link = f"{said['peers']} peers" if said else ""
        if faults and any(faults.group):
            link += f"{', ' if link else ''}in group {faults.group[i.node] + 1}"
        return {
            "name": self._name(i),
            "state": word if said else word.upper(),
            "agrees": None if lack is None else not lack,
            "lacks": lack or "",
            "link": link,
            "load_percent": None if rate is None else round(rate / 10 / view.BUDGET_KB_MIN),
            "kb_min": None if rate is None else round(rate / 1000, 2),
            "trouble": word in ("killed", "gone"),
            "liar": False,
        }

    def _liars(self):
        faults = self._mesh.faults
        return [
            {
                "name": address,
                "state": kind,
                "agrees": None,
                "lacks": "",
                "link": kind,
                "load_percent": None,
                "kb_min": None,
                "trouble": True,
                "liar": True,
            }
            for address, kind, process in (faults.liars if faults else ())
            if process.returncode is None
        ]

    def _refused(self, present):
        found = {}
        for i in present:
            for reason, n in i.report["dropped"].items():
                found[reason] = found.get(reason, 0) + n
        return found

    def _controls(self):
        faults = self._mesh.faults
        if faults is None:
            return None
        idle = faults.over or not self._mesh.elapsed()
        cut = any(faults.group)
        percent = round(faults.loss * 100)
        return [
            {
                "legend": "Lose packets",
                "range": {"action": "loss", "value": percent, "max": 90},
            },
            {
                "legend": "Partition",
                "buttons": [
                    {"text": "Cut in two", "do": {"action": "cut"}, "off": idle or cut},
                    {"text": "Join again", "do": {"action": "heal"}, "off": idle or not cut},
                ],
            },
            {
                "legend": "Power",
                "buttons": [
                    {"text": "Kill a node", "do": {"action": "kill"}, "off": idle},
                    {
                        "text": "Restart the killed",
                        "do": {"action": "restart"},
                        "off": idle or not faults.off,
                    },
                ],
            },
            {
                "legend": "Liars",
                "choose": "What the liar does",
                "choices": list(LIARS),
                "buttons": [{"text": "Add a liar", "do": {"action": "liar"}, "off": idle}],
            },
        ]
