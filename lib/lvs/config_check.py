"""Checks a configuration: what each key means, its unit, limits and reason.

Keys marked *mesh* are part of the mesh tag: every node of a mesh must use the same, and nodes that
differ never mix. The others are a node's own affair. Needed once: lvs.config unloads it on boards.
"""

import json

from . import decimal
from .capacity import MOST_ROWS
from .fixed import ConfigError, LvsError, hash16, hash_text, mix, zeros
from .wide import END
from .wire import SHARDS, SLOTS

MAX_CHANNELS = SHARDS * SLOTS

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
    # shards that this node's memory allows it to hold; 0: a leaf
    "held": (30, 0, 30),
    # holders below which a shard is adopted by a node with room
    "replicas": (3, 1, 16),
    # 1000 bytes a minute, sent + received, headers included
    "kb_per_min": (50, 5, 60000),
    # times a row is heard before it is no longer passed on (Trickle's k)
    "relays": (4, 1, 16),
}
# Instead of the two spans: hours, 0.1 to 240, for both (72 is three days).
_HORIZON = "horizon_h"
_MESH_NUMBERS = ("max_allowed_shift", "route_budget", "session_epochs", "horizon_epochs")
_TEXTS = {"mesh": "lvs", "address": "0.0.0.0", "broadcast": "255.255.255.255"}  # noqa: S104
_LISTS = ("channels", "peers")
# What a channel has that is more than a name. "step" is checked by all who speak of it; the others
# are for showing it: "class" is Home Assistant's device class, "offset" is added. "start" (mesh):
# what a mesh that begins anew has.
_CHANNEL = ("name", "step", "unit", "label", "class", "offset", "retired", "start")
# Of the mesh whose journal is taken over where there is none of this one: its tag, eight hex
# digits, and its spans.
_BEFORE = ("tag", "session_epochs", "horizon_epochs")


def nearest(word, words):
    """The word that shares most letter pairs with ``word``: a hint for a misspelt key."""
    best = ""
    most = 0
    for w in words:
        score = sum(1 for i in range(len(word) - 1) if word[i : i + 2] in w)
        if score > most:
            best, most = w, score
    return best


def _text(where, value, least=1):
    ok = isinstance(value, str) and least <= len(value.encode()) <= 64 and value == value.strip()
    if not ok or min(value or " ") < " ":
        raise ConfigError(
            "%s: %r; must be a line of %d to 64 bytes without blanks around it"
            % (where, value, least)
        )
    return value


def _composed(where, name):
    # Two spellings that look alike would be two meshes.
    for ch in name:
        if 0x300 <= ord(ch) < 0x370:
            raise ConfigError(
                "%s: %r; has a letter with its accent apart; type it anew as one" % (where, name)
            )


def _known(where, data, keys):
    """Raise ConfigError if an object has a key that is not known. where: a prefix."""
    for key in data:
        if key not in keys:
            raise ConfigError(
                "%s%s: unknown key; did you mean '%s'?"
                % (where, key, nearest(key, keys) or keys[0])
            )


def _names(key, value, least):
    if not isinstance(value, (list, tuple)) or len(value) < least:
        raise ConfigError("%s: %r; must be a list of %d or more texts" % (key, value, least))
    names = []
    for i, entry in enumerate(value):
        where = "%s[%d]" % (key, i)
        name = entry
        if key == "channels" and isinstance(entry, dict):
            name = entry.get("name")
            where += ".name"
        _composed(where, _text(where, name))
        if name in names:
            raise ConfigError("%s: '%s' is there twice; name each once" % (where, name))
        names.append(name)
    return names


def step(written):
    """A step (m, e) from how it is written: text, int or float. Raises LvsError."""
    m, e = decimal.number(written)
    if m <= 0:
        raise LvsError("a step is above 0")
    while m % 10 == 0 and e < 9:
        m //= 10
        e += 1
    while e > 9:
        m *= 10
        e -= 1
    if m > 999999 or e < -9:
        raise LvsError("a step has six digits at most, none below 0.000000001")
    return m, e


def _step(where, entry):
    """The step of a channel, the rest of it checked."""
    if isinstance(entry, str):
        return decimal.STEP
    _known(where + ".", entry, _CHANNEL)
    for key in ("unit", "label", "class"):
        _text("%s.%s" % (where, key), entry.get(key, ""), 0)
    if entry.get("retired", False) not in (True, False):
        raise ConfigError("%s.retired: %r; must be true or false" % (where, entry["retired"]))
    try:
        key = "offset"
        if abs(decimal.number(entry.get(key, 0))[1]) > 20:
            raise LvsError()
        key = "step"
        return step(entry[key]) if key in entry else decimal.STEP
    except LvsError:
        raise ConfigError(
            "%s.%s: %r; must be a decimal number like '0.001'%s"
            % (
                where,
                key,
                entry[key],
                " above 0, of six digits at most and none below 0.000000001" * (key == "step"),
            )
        )


def _start(where, entry, its_step):
    """Raw value that a channel starts with."""
    start = entry.get("start", 0) if isinstance(entry, dict) else 0
    try:
        raw, rest = decimal.steps(start, its_step)
        if not rest and raw <= END:
            return raw
    except LvsError:
        pass
    raise ConfigError(
        "%s.start: %r; must be a decimal number of whole steps, 0 to %s"
        % (where, start, decimal.text(END, its_step))
    )


def _channels(config, value):
    """Set a Config's names, steps, starts and fingerprints of channels."""
    config.channels = _names("channels", value, 1)
    n = len(config.channels)
    if n > MAX_CHANNELS:
        raise ConfigError("channels: %d; at most %d" % (n, MAX_CHANNELS))
    config.steps = []
    config.starts = {}
    config.prints = zeros("H", n)
    for c in range(n):
        m, e = _step("channels[%d]" % c, value[c])
        same = [s for s in config.steps[-1:] if s == (m, e)]
        config.steps.append(same[0] if same else (m, e))
        start = _start("channels[%d]" % c, value[c], (m, e))
        if start:
            config.starts[c] = start
        text = "%s\n%d\n%d" % (config.channels[c], m, e)
        config.prints[c] = hash16(mix(hash_text(text), c % SLOTS))


def _spans(data):
    """Defaults of the two spans, in epochs."""
    spans = ("session_epochs", "horizon_epochs")
    if _HORIZON not in data:
        return {}
    for key in spans:
        if key in data:
            raise ConfigError("%s: it is said by '%s' already; leave one out" % (key, _HORIZON))
    hours = data[_HORIZON]
    try:
        n, x = decimal.number(hours)
        tenth = 10 ** max(0, -x)
        n *= 10 ** max(0, x)  # hours times ``tenth``
        if not tenth <= 10 * n <= 2400 * tenth:
            raise LvsError()
    except LvsError:
        raise ConfigError("%s: %r; must be hours from 0.1 to 240" % (_HORIZON, hours)) from None
    # 56.25 epochs an hour
    epochs = (n * 225 + 2 * tenth) // (4 * tenth)
    return {key: epochs for key in NUMBERS if key in spans}


def parse(text):
    """JSON as every interpreter reads it alike. Raises ValueError for what is no JSON, or only to
    some: MicroPython takes a comma at an end, and the halves of a character for two."""
    if text[:1] == "\ufeff":
        raise ValueError("a byte order mark at the beginning: save it without")
    after = ""
    inside = False  # a string
    at = depth = 0
    while at < len(text):
        ch = text[at]
        if inside and ch == "\\":
            if text[at + 1 : at + 3].lower() == "ud":
                raise ValueError("write '%s' as the character itself" % text[at : at + 6])
            at += 1
        elif ch == '"':
            inside = not inside
        elif not inside and ch in "]}" and after == ",":
            raise ValueError("a comma before '%s'" % ch)
        elif not inside:
            depth += (ch in "[{") - (ch in "]}")
            if depth > 16:
                raise ValueError("nested too deeply")
        if ch not in " \t\r\n":
            after = ch
        at += 1
    return json.loads(text)


def _before(config, value):
    """Check what is said of the mesh before: no row may be folded much sooner than there."""
    if not isinstance(value, dict):
        raise ConfigError("before: %r; must be a JSON object" % (value,))
    _known("before.", value, _BEFORE)
    tag = value.get("tag")
    if not isinstance(tag, str) or len(tag) != 8 or not all(c in "0123456789abcdef" for c in tag):
        raise ConfigError("before.tag: %r; must be eight hex digits" % (tag,))
    for key in _BEFORE[1:]:
        if not isinstance(value.get(key), int) or value[key] < 2:
            raise ConfigError("before.%s: %r; must be a whole number" % (key, value.get(key)))
    session, horizon = value["session_epochs"], value["horizon_epochs"]
    shorter = config.session_epochs + config.horizon_epochs < session + horizon
    if shorter or config.grain > max(1, horizon // 4, (session + horizon) // 126):
        raise ConfigError(
            "before: sessions and horizon (%d + %d epochs) can be followed by the same or longer "
            "ones, in steps; for others start anew ('lvs restore')" % (session, horizon)
        )


def _load(path):
    from .machine import read

    try:
        return parse(read(path))
    except OSError as e:
        raise ConfigError("%s: cannot be read (%s); 'lvs init' writes a configuration" % (path, e))
    except ValueError as e:
        raise ConfigError("%s: is not JSON (%s)" % (path, e))


def check(config, source, spans):
    """Set a Config's attributes from a dict or the path of a JSON file. Raises ConfigError.

    spans: (session, horizon), in epochs -> (grain, lifetime)."""
    data = _load(source) if isinstance(source, str) else source
    if not isinstance(data, dict):
        raise ConfigError("configuration: %r; must be a JSON object or its path" % (data,))
    config.data = data
    known = list(_TEXTS) + list(NUMBERS) + list(_LISTS) + ["board", "before", _HORIZON]
    _known("", data, known)
    _channels(config, data.get("channels"))
    config.peers = _names("peers", data.get("peers", []), 0)
    for peer in config.peers:
        _, colon, port = peer.partition(":")
        if colon and not (port.isdigit() and 0 < int(port) < 65536):
            raise ConfigError("peers: '%s'; must be a host, or host:port" % peer)
    for key, default in _TEXTS.items():
        setattr(config, key, _text(key, data.get(key, default)))
    _composed("mesh", config.mesh)
    found = _spans(data)
    for key, (default, least, most) in NUMBERS.items():
        value = data.get(key, found.get(key, default))
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
    config.grain, config.lifetime = spans(config.session_epochs, config.horizon_epochs)
    if "before" in data:
        _before(config, data["before"])
    text = [config.mesh] + [str(getattr(config, k)) for k in _MESH_NUMBERS]
    text += ["%d:%d" % pair for pair in sorted(config.starts.items())]
    config.tag = hash_text("\n".join(text)) or 1
