"""Which tests begin where several processes share them: what takes long must not come last.

xdist gives each process an equal part of the list, and who is done takes of the end of another's.
So the list is made of parts that each begin with long tests: two parts with those that wait for
real time, one with those that PyPy runs, whose compiler is warm then, one with those that compute.
All four together keep two cores busy.
"""

# Files of tests, the longest first, of each part.
PARTS = (
    (
        "board/test_air.py",
        "mesh/test_watched.py",
        "mesh/test_audit.py",
        "security/test_real_network.py",
        "security/test_manners_udp.py",
        "mesh/test_looking.py",
    ),
    (
        "mesh/test_processes.py",
        "examples/test_street.py",
        "board/test_deploy_standin.py",
        "bridge/test_broker.py",
    ),
    (
        "world/test_guarantees.py",
        "world/test_peace.py",
        "world/test_nights.py",
        "durability/test_scenarios.py",
        "adversaries/test_adversaries.py",
        "adversaries/test_stages.py",
        "world/test_world.py",
        "world/test_leaves.py",
    ),
    (
        "sim/test_command.py",
        "sim/test_swarm.py",
        "sim/test_mutants.py",
        "world/test_starts.py",
        "security/test_starts.py",
        "durability/test_boards.py",
        "durability/test_powercut.py",
        "lvs/test_capacity.py",
        "micropython/test_on_interpreters.py",
        "package/test_wheel.py",
        "board/test_measure.py",
    ),
)
_PLACE = {name: (k, files.index(name)) for k, files in enumerate(PARTS) for name in files}


def in_parts(items, name_of):
    """The items in the order above; those of other files fill the parts up to an equal size.

    name_of: an item's file below tests/, such as "world/test_world.py".
    """
    parts = [[] for _ in PARTS]
    rest = []
    for item in items:
        place = _PLACE.get(name_of(item))
        if place:
            parts[place[0]].append((place[1], item))
        else:
            rest.append(item)
    ordered = []
    for k, part in enumerate(parts):
        size = (len(items) - len(ordered)) // (len(PARTS) - k)  # as xdist deals them
        part.sort(key=lambda placed: placed[0])  # tests of a file stay as they are
        filled = max(0, size - len(part))
        ordered += [item for _, item in part] + rest[:filled]
        del rest[:filled]
    return ordered + rest
