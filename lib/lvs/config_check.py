"""Checks a configuration: what each key means, its unit, limits and reason.

Keys marked *mesh* are part of the mesh tag: every node of a mesh must use the same, and nodes that
differ never mix. The others are a node's own affair. Needed once: lvs.config unloads it on boards.
"""

import json

from .capacity import MOST_ROWS
from .fixed import ConfigError, hash_text
from .wire import SLOTS

MAX_CHANNELS = 30 * SLOTS  # an EP's bit map of held shards has 30 bits

# key: (default, least, most); after it the unit and the reason (docs/protocol.md has more).
NUMBERS = {
    # raw; no correction and no contribution step reaches it (mesh). 4 VU a cycle: a pulse
    # meter's pace
    "max_allowed_shift": (4096, 16, 30000),
    # raw credited per route and epoch (mesh). 1024 VU: what one honest node may add for ever
    # without waiting
    "route_budget": (1 << 20, 256, 1 << 28),
    # epochs that a session lasts (mesh): three days. Longer: fewer rows; shorter: faster folding
    "session_epochs": (4050, 2, 13500),
    # epochs after a session's end until its rows are folded (mesh): three days. A shorter
    # partition loses nothing
    "horizon_epochs": (4050, 2, 13500),
    # --- a node's own ---
    # UDP port
    "port": (4785, 1, 65535),
    # nodes that are expected: what "rows" must have room for
    "nodes": (300, 1, 10000),
    # rows a shard can hold, about 24 bytes each; "auto": what nodes and channels need, and memory
    # allows (lvs.capacity)
    "rows": ("auto", 16, MOST_ROWS),
    # source addresses with quotas, a vote and trust of their own
    "routes": (255, 8, 255),
    # shards that this node's memory allows it to hold
    "held": (30, 1, 30),
    # holders below which a shard is adopted by a node with room
    "replicas": (3, 1, 16),
    # 1000 bytes a minute, sent + received, headers included
    "kb_per_min": (50, 5, 60000),
    # times a row is heard before it is no longer passed on (Trickle's k)
    "relays": (4, 1, 16),
}
_MESH_NUMBERS = ("max_allowed_shift", "route_budget", "session_epochs", "horizon_epochs")
_TEXTS = {"mesh": "lvs", "address": "0.0.0.0", "broadcast": "255.255.255.255"}  # noqa: S104
_LISTS = ("channels", "peers")


def _nearest(word, words):
    """The word that shares most letter pairs with ``word``: a hint for a misspelt key."""
    best = ""
    most = 0
    for w in words:
        score = sum(1 for i in range(len(word) - 1) if word[i : i + 2] in w)
        if score > most:
            best, most = w, score
    return best


def _names(key, value, least):
    if not isinstance(value, (list, tuple)) or len(value) < least:
        raise ConfigError("%s: %r; must be a list of %d or more texts" % (key, value, least))
    for i, name in enumerate(value):
        if not isinstance(name, str) or not name or len(name) > 64 or name != name.strip():
            raise ConfigError(
                "%s[%d]: %r; must be a text of 1 to 64 characters without blanks around it"
                % (key, i, name)
            )
        if name in value[:i]:
            raise ConfigError("%s[%d]: '%s' is there twice; name each once" % (key, i, name))
    return list(value)


def _load(path):
    from .machine import read

    try:
        return json.loads(read(path))
    except OSError as e:
        raise ConfigError("%s: cannot be read (%s); 'lvs init' writes a configuration" % (path, e))
    except ValueError as e:
        raise ConfigError("%s: is not JSON (%s)" % (path, e))


def check(config, source):
    """Set a Config's attributes from a dict or the path of a JSON file. Raises ConfigError."""
    data = _load(source) if isinstance(source, str) else source
    if not isinstance(data, dict):
        raise ConfigError("configuration: %r; must be a JSON object or its path" % (data,))
    config.data = data
    known = list(NUMBERS) + list(_TEXTS) + list(_LISTS) + ["board"]
    for key in data:
        if key not in known:
            raise ConfigError(
                "%s: unknown key; did you mean '%s'?" % (key, _nearest(key, known) or "mesh")
            )
    config.channels = _names("channels", data.get("channels"), 1)
    if len(config.channels) > MAX_CHANNELS:
        raise ConfigError("channels: %d; at most %d" % (len(config.channels), MAX_CHANNELS))
    config.peers = _names("peers", data.get("peers", []), 0)
    for key, default in _TEXTS.items():
        value = data.get(key, default)
        if not isinstance(value, str) or not 0 < len(value) <= 64:
            raise ConfigError("%s: %r; must be a text of 1 to 64 characters" % (key, value))
        setattr(config, key, value)
    for key, (default, least, most) in NUMBERS.items():
        value = data.get(key, default)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not (value == "auto" == default or whole and least <= value <= most):
            raise ConfigError(
                "%s: %r; must be %sa whole number from %d to %d"
                % (key, value, "'auto' or " if default == "auto" else "", least, most)
            )
        setattr(config, key, value)
    config.board = data.get("board", {})
    if not isinstance(config.board, dict):
        raise ConfigError("board: %r; must be a JSON object" % (config.board,))
    text = [config.mesh] + config.channels + [str(getattr(config, k)) for k in _MESH_NUMBERS]
    config.tag = hash_text("\n".join(text)) or 1
