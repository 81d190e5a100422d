"""Who hears whom: broadcast cells, radio range, rings, islands."""

_SIDE = 32768  # side of the unit square of a geometric world


class Layout:
    """The places of `count` nodes.

    cell: for each node its broadcast cell, or None where range decides; neighbours: for each node
    the indices of those that hear it, or None where the cell decides; peers: for each node the
    indices of its configured unicast peers.
    """

    def __init__(self, count):
        self.cell = [0] * count
        self.neighbours = None
        self.peers = [[] for _ in range(count)]


def layout(topology, count, prng):
    """Return the Layout of the scenario's [topology] table for `count` nodes."""
    kind = topology["kind"]
    places = Layout(count)
    if kind == "islands":
        _islands(places, count, topology["islands"], topology["degree"])
    elif kind == "ring":
        _ring(places, count, topology["degree"], prng)
    elif kind == "geometric":
        _geometric(places, count, topology["degree"], prng)
    return places


def _islands(places, count, islands, bridges):
    """A circle of cells; `bridges` pairs of configured peers join each to the next."""
    islands = min(islands, count)
    for i in range(count):
        places.cell[i] = i % islands
    if islands < 2:
        return
    for island in range(islands if islands > 2 else 1):
        after = (island + 1) % islands
        here = range(island, count, islands)
        there = range(after, count, islands)
        for k in range(min(bridges, len(here), len(there))):
            # The far end is one further on, so that no node carries all the bridges of its cell.
            a, b = here[k], there[(k + 1) % len(there)]
            places.peers[a].append(b)
            places.peers[b].append(a)


def _ring(places, count, degree, prng):
    """A circle in drawn order (liars have the last numbers and should not sit side by side)."""
    order = list(range(count))
    prng.shuffle(order)
    half = max(1, degree // 2)
    places.cell = [None] * count
    places.neighbours = [[] for _ in range(count)]
    for at in range(count):
        for step in range(1, half + 1):
            other = order[(at + step) % count]
            me = order[at]
            if other != me and other not in places.neighbours[me]:
                places.neighbours[me].append(other)
                places.neighbours[other].append(me)


def _geometric(places, count, degree, prng):
    """A unit disk graph of mean degree `degree`, its range widened until it is connected."""
    xs = [prng.below(_SIDE) for _ in range(count)]
    ys = [prng.below(_SIDE) for _ in range(count)]
    # pi * r * r * count = degree * area, without floats
    square = _SIDE * _SIDE * (degree + 1) * 100 // (314 * count)
    while True:
        neighbours = _within(xs, ys, square)
        if _connected(neighbours):
            break
        square += square // 4 + 1
    places.cell = [None] * count
    places.neighbours = neighbours


def _within(xs, ys, square):
    """Neighbour lists of all points closer than the root of `square`, over a grid of cells."""
    side = 1
    while side * side < square:
        side *= 2
    across = _SIDE // side + 1
    grid = [[] for _ in range(across * across)]
    for i in range(len(xs)):
        grid[(xs[i] // side) * across + ys[i] // side].append(i)
    neighbours = []
    for i in range(len(xs)):
        x, y = xs[i], ys[i]
        near = []
        for gx in range(max(0, x // side - 1), min(across, x // side + 2)):
            for gy in range(max(0, y // side - 1), min(across, y // side + 2)):
                for j in grid[gx * across + gy]:
                    dx, dy = xs[j] - x, ys[j] - y
                    if j != i and dx * dx + dy * dy <= square:
                        near.append(j)
        neighbours.append(near)
    return neighbours


def _connected(neighbours):
    reached = [False] * len(neighbours)
    reached[0] = True
    todo = [0]
    count = 1
    while todo:
        for j in neighbours[todo.pop()]:
            if not reached[j]:
                reached[j] = True
                count += 1
                todo.append(j)
    return count == len(neighbours)
