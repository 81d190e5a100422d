"""Moving pictures of what the pages explain, drawn from runs of the simulator.

Each is an SVG whose movement is its own (CSS): it needs no script and no network, and shows its
end where the reader wants no movement. It is no wider than its words can be read on a phone.
`python -m tools.website.pictures` writes all to docs/figures, where the pages are read without the
site; `make docs` draws them anew.
"""

import sys
from pathlib import Path

from lvs.config import EPOCH_CYCLES
from lvs_tools.places import ROOT
from lvs_tools.sim import scenario
from lvs_tools.world.prng import Prng
from lvs_tools.world.topology import layout
from lvs_tools.world.world import World

_WIDE, _HIGH = 480, 290
_PLOT = (52, 40, 412, 196)  # x, y, width, height of the axes
_BLUE, _RED, _GREY, _INK = "#1f6fb2", "#c2410c", "#57606a", "#24292f"
_LOOP = 12  # seconds of a curve's movement


def _world(**sections):
    """A world of a scenario's sections; the keys of the first table come with `top`."""
    data = {**sections.pop("top", {}), **sections}
    return World(scenario.plan(scenario.check(data)))


def _svg(title, parts, style=""):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}" '
        f'width="{_WIDE}" height="{_HIGH}" role="img" font-family="sans-serif" font-size="14" '
        f'fill="{_INK}"><title>{title}</title><style>{style}\n'
        "@media (prefers-reduced-motion: reduce) { * { animation: none !important } }</style>"
        f'<rect width="{_WIDE}" height="{_HIGH}" rx="8" fill="#fff"/>'
        f'<text x="16" y="24" font-weight="bold">{title}</text>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _text(x, y, words, anchor="start", colour=_INK):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


class _Axes:
    """A plot: cycles to the right, values upwards; each curve is drawn as time goes by."""

    def __init__(self, cycles, low, high):
        self._cycles, self._low, self._high = cycles, low, high or 1
        x, y, w, h = _PLOT
        self.parts = [
            f'<path d="M{x} {y}V{y + h}H{x + w}" fill="none" stroke="{_GREY}"/>',
            _text(x + w, y + h + 34, "seconds (cycles)", "end"),
        ]
        step = max(EPOCH_CYCLES, -(-cycles // 8 // EPOCH_CYCLES) * EPOCH_CYCLES)
        for cycle in range(0, cycles + 1, step if cycles > EPOCH_CYCLES else 10):
            self.parts.append(_text(self.x(cycle), y + h + 17, cycle, "middle"))
        for value in (low, high):
            self.parts.append(_text(x - 6, self.y(value) + 4, f"{value / 1000:.1f}", "end"))

    def x(self, cycle):
        """Where a cycle is."""
        return _PLOT[0] + _PLOT[2] * cycle / self._cycles

    def y(self, value):
        """Where a value (raw) is."""
        share = (value - self._low) / (self._high - self._low)
        return _PLOT[1] + _PLOT[3] * (1 - min(1.0, max(0.0, share)))

    def epochs(self, every=1):
        """A line at the beginning of each epoch."""
        top, bottom = _PLOT[1], _PLOT[1] + _PLOT[3]
        for cycle in range(0, self._cycles + 1, EPOCH_CYCLES * every):
            x = self.x(cycle)
            self.parts.append(
                f'<path d="M{x:.1f} {top}V{bottom}" stroke="#d8dee4" stroke-dasharray="3 3"/>'
            )

    def curve(self, points, colour, width=1.5):
        """A curve of (cycle, value); gaps where a value is None are passed over."""
        there = [(c, v) for c, v in points if v is not None]
        inner = zip(there, there[1:], there[2:], strict=False)
        there = [there[0], *(b for a, b, c in inner if not a[1] == b[1] == c[1]), there[-1]]
        way = "L".join(f"{self.x(c):.1f} {self.y(v):.1f}" for c, v in there)
        self.parts.append(
            f'<path class="c" pathLength="1" d="M{way}" fill="none" stroke="{colour}" '
            f'stroke-width="{width}" stroke-linejoin="round"/>'
        )

    def svg(self, title):
        """The picture."""
        style = (
            f".c {{ stroke-dasharray: 1; animation: go {_LOOP}s linear infinite }}\n"
            "@keyframes go { 0% { stroke-dashoffset: 1 } 80%, 100% { stroke-dashoffset: 0 } }"
        )
        return _svg(title, self.parts, style)


def _settled(machine):
    return machine.node.replicas[0].shard.settled[0] if machine.node else None


def _watch(world, cycles, look):
    """[[(cycle, look(machine)) of each cycle] of each honest machine] of a world that runs."""
    curves = [[] for _ in world.honest]
    for cycle in range(cycles):
        for curve, machine in zip(curves, world.honest, strict=True):
            curve.append((cycle, look(machine)))
        world.run_cycle()
    return curves


def epoch(cycles=512):
    """What an epoch is: four liars of five pull, and get 0.1 % an epoch and no more."""
    world = _world(
        top={"nodes": 20, "cycles": cycles},
        workload={"contributions_per_minute": 0},
        start={"value": 100000, "established": True},
        adversary=[{"class": "Drain", "fraction": 0.8}],
    )
    curves = _watch(world, cycles, _settled)
    axes = _Axes(cycles, 99000, 100200)
    axes.epochs()
    for curve in curves:
        axes.curve(curve, _BLUE)
    axes.parts.append(_text(axes.x(cycles), 58, "each dashed line begins an epoch", "end", _GREY))
    return axes.svg("16 of 20 nodes say 0; it moves by 0.1 % an epoch")


def drift(cycles=60):
    """What drift does: nodes that start apart come together, and stay."""
    world = _world(
        top={"nodes": 24, "cycles": cycles, "seed": 5},
        link={"loss": 0.2},
        workload={"contributions_per_minute": 0},
        start={"value": 100000, "spread": 1000},
    )
    curves = _watch(world, cycles, _settled)
    axes = _Axes(cycles, 99000, 101000)
    for curve in curves:
        axes.curve(curve, _BLUE, 1)
    return axes.svg("24 nodes up to 2 units apart, 20 % of packets lost")


def liar(cycles=512):
    """What a liar can do: to a mesh with a history, and to one without."""
    axes = _Axes(cycles, 0, 110000)
    for established, colour, words, at in (
        (True, _BLUE, "a mesh with a history: nothing moves", 108000),
        (False, _RED, "a mesh that has only begun: it believes them", 30000),
    ):
        world = _world(
            top={"nodes": 30, "cycles": cycles},
            link={"loss": 0.2},
            workload={"contributions_per_minute": 0},
            start={"value": 100000, "established": established},
            adversary=[{"class": "Drain", "fraction": 0.3}],
        )
        for curve in _watch(world, cycles, _settled):
            axes.curve(curve[::4], colour, 1)
        axes.parts.append(_text(axes.x(cycles) - 4, axes.y(at) + 4, words, "end", colour))
    return axes.svg("9 of 30 nodes say that everything is gone")


def row(nodes=24, seed=11, most_ms=12000):
    """How a row travels: who knows of a contribution, by the fiftieth of a second."""
    shape = {"kind": "geometric", "degree": 5}
    world = _world(
        top={"nodes": nodes, "cycles": 200, "seed": seed},
        topology=shape,
        workload={"contributions_per_minute": 0},
        link={"loss": 0.2},
        start={"value": 100000, "established": True},
    )
    for _ in range(8):
        world.run_cycle()
    places = layout({**shape, "islands": 1}, nodes, Prng(seed, 1))
    side, spots = 32768, Prng(seed, 1)
    xs = [30 + 420 * spots.below(side) // side for _ in range(nodes)]
    ys = [64 + 176 * spots.below(side) // side for _ in range(nodes)]
    source = min(range(nodes), key=lambda i: xs[i])
    world.contribute(world.machines[source], 0, "1")
    began, known = world.timeline.now, {source: 0}
    timeline = world.timeline
    while len(known) < nodes and timeline.now - began < most_ms:
        timeline.run_until(timeline.now + 20)
        for machine in world.honest:
            if machine.index not in known and machine.node.raw(0) > 100000:
                known[machine.index] = timeline.now - began
    drawing = _map(xs, ys, places.neighbours, known)
    label = _text(xs[source], ys[source] - 16, "1 unit", "middle", _BLUE)
    label = label.replace("<text", '<text paint-order="stroke" stroke="#fff" stroke-width="4"')
    return drawing.replace("</svg>", label + "</svg>")


def _map(xs, ys, neighbours, known):
    """The picture of a map on which nodes come to know something: {node: ms}."""
    last = max(known.values())
    parts = [
        f'<path d="M{xs[i]} {ys[i]}L{xs[j]} {ys[j]}" stroke="#d8dee4"/>'
        for i, near in enumerate(neighbours)
        for j in near
        if i < j
    ]
    style = ""
    for i in range(len(xs)):
        parts.append(
            f'<circle cx="{xs[i]}" cy="{ys[i]}" r="9" fill="{_BLUE if i in known else "#fff"}" '
            f'stroke="{_BLUE}" style="animation: n{i} {_LOOP}s infinite"/>'
        )
        if i in known:
            at = 5 + 70 * known[i] / max(1, last)
            style += (
                f"@keyframes n{i} {{ 0%, {at:.1f}% {{ fill: #fff; stroke-width: 1 }}"
                f" {at + 2:.1f}% {{ fill: {_BLUE}; stroke-width: 10 }}"
                f" {at + 6:.1f}%, 100% {{ fill: {_BLUE}; stroke-width: 1 }} }}\n"
            )
    everybody = "All" if len(known) == len(xs) else f"{len(known)} of"
    words = f"{everybody} {len(xs)} nodes count it within {last / 1000:.1f} s"
    parts.append(_text(16, _HIGH - 12, words))
    return _svg("One node counts 1 unit; blue nodes count it, too", parts, style)


HOME = ROOT / "docs" / "figures"
ALL = {"epoch": epoch, "row": row, "drift": drift, "liar": liar}


def draw(folder, names=tuple(ALL)):
    """Write pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.svg").write_text(ALL[name](), encoding="utf-8")


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if sys.argv[1:] else HOME)
