"""Integers that refuse to leave 31 bits, to be put in the place of plain ones.

A `Small` checks the result of every operation, and hands on its kind: whatever is computed from
one is checked as well. `Cells` does the same for an array: what it gives out is Small, what is
stored must fit its item. `tighten` replaces the numbers and arrays of an object by these.
"""

from array import array

LEAST, MOST = -(2**30), 2**30 - 1
ROOM = {"B": (0, 2**8 - 1), "H": (0, 2**16 - 1), "h": (-(2**15), 2**15 - 1), "i": (LEAST, MOST)}


class LeftTheRange(AssertionError):
    """An intermediate result was outside the small integers of a 32-bit MicroPython."""


class Small(int):
    """An int in -2**30 .. 2**30 - 1, and so is all that is computed from it."""


def small(value):
    """A number as a Small; raises LeftTheRange if it is none."""
    if isinstance(value, float) or not LEAST <= value <= MOST:
        raise LeftTheRange(f"{value} is outside 31 bits")
    return Small(value)


def _checked(name):
    plain = getattr(int, name)

    def operation(self, *others):
        result = plain(self, *others)
        return result if result is NotImplemented else small(result)

    return operation


for _name in (
    "add",
    "sub",
    "mul",
    "floordiv",
    "truediv",
    "mod",
    "lshift",
    "rshift",
    "and",
    "or",
    "xor",
    "pow",
):
    for _side in ("", "r"):
        setattr(Small, f"__{_side}{_name}__", _checked(f"__{_side}{_name}__"))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(Small, f"__{_name}__", _checked(f"__{_name}__"))


class Cells(list):
    """The place of an array; kind: its type code."""

    def __init__(self, values, kind):
        super().__init__(small(v) for v in values)
        self.kind = kind

    def __setitem__(self, index, value):
        least, most = ROOM[self.kind]
        if not least <= value <= most:
            raise LeftTheRange(f"{value} stored in an item of kind {self.kind}")
        super().__setitem__(index, small(value))


def cells(values):
    """The Cells for an array or a bytearray."""
    return Cells(values, values.typecode if isinstance(values, array) else "B")


def tighten(thing, but=()):
    """Replace numbers and arrays in an object of lvs, and in all that it refers to.

    but: names of attributes to be left alone, such as buffers that are handed to the network.
    Returns the object.
    """
    todo, done = [thing], set()
    while todo:
        part = todo.pop()
        if id(part) in done:
            continue
        done.add(id(part))
        if isinstance(part, (list, tuple)):
            todo += [p for p in part if _ours(p)]
            continue
        for name, value in vars(part).items():
            if name in but:
                continue
            if isinstance(value, (array, bytearray)):
                setattr(part, name, cells(value))
            elif isinstance(value, int) and not isinstance(value, bool):
                setattr(part, name, small(value))
            elif _ours(value) or isinstance(value, (list, tuple)):
                todo.append(value)
    return thing


def _ours(value):
    return type(value).__module__.startswith("lvs.")
