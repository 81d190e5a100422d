"""Topics of a bridge, and what Home Assistant is told about them.

BASE/value/CHANNEL       the value, decimal text, retained
BASE/bridge              {"id", "state": "online" or "offline", "connected", ...}, retained, will
BASE/contribute/CHANNEL  in: {"amount": "0.1", "key": "any text, once for each contribution"}
BASE/contributed         what became of it: {"key", "channel", "amount", "result", "error"}

A character of a name that means something in a topic is written as in a URL: %2F is a slash.
"""

import json
import re
from urllib.parse import unquote

import lvs
from lvs import LvsError
from lvs_tools.bridge.store import KEY_MOST, Contribution

_SPECIAL = re.compile(r"[+#/%\x00-\x1f\x7f]")


def quoted(name):
    """A name as one level of a topic."""
    return _SPECIAL.sub(lambda found: f"%{ord(found.group()):02X}", name)


def base(mesh):
    """Where the topics of a mesh are, unless told otherwise."""
    return f"lvs/{quoted(mesh)}"


def _said(payload):
    """What a payload has, None if it is no JSON."""
    try:
        # A number means its decimal writing, not the nearest binary fraction.
        return json.loads(payload, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return None


def named(payload):
    """What tells the sender of a refused message which it is: {"key": ...}, {} if it has none."""
    said = _said(payload)
    key = said.get("key") if isinstance(said, dict) else None
    return {"key": key[:KEY_MOST]} if isinstance(key, str) else {}


def contribution(topic, payload, channels):
    """The Contribution in a message. Raises LvsError: what is wrong with it, one line."""
    channel = unquote(topic.rpartition("/")[2])
    if channel not in channels:
        raise LvsError(
            f"channel '{channel}' is not in this mesh; there are: {', '.join(channels)}"
        )
    said = _said(payload)
    if not isinstance(said, dict):
        raise LvsError('the payload is not {"amount": "0.1", "key": "..."}')
    amount, key = said.get("amount"), said.get("key")
    if not isinstance(amount, str):
        raise LvsError('amount: missing; give decimal text such as "0.1"')
    if not isinstance(key, str) or not 0 < len(key) <= KEY_MOST:
        raise LvsError(
            f"key: missing; give each contribution one of its own, 1 to {KEY_MOST} long"
        )
    if any("\ud800" <= ch <= "\udfff" for ch in key):  # nothing can keep it
        raise LvsError("key: has half of a character; give text")
    return Contribution(key, channel, amount)


def discovery(config, prefix, where):
    """(topic, payload) for each sensor that Home Assistant is to show. prefix: its own, such as
    "homeassistant"; where: the base of the topics. A retired channel's payload is empty."""
    mesh = f"lvs_{config.tag:08x}"
    for c, name in enumerate(config.channels):
        topic = f"{prefix}/sensor/{mesh}/c{c}/config"
        if config.about(c, "retired", False):
            yield topic, ""
            continue
        about = {
            "name": config.about(c, "label") or name,
            "unique_id": f"{mesh}_c{c}",
            "state_topic": f"{where}/value/{quoted(name)}",
            "state_class": "total_increasing",
            "availability_topic": f"{where}/bridge",
            "availability_template": "{{ value_json.state }}",
            "suggested_display_precision": max(0, -config.steps[c][1]),
            "device": {
                "identifiers": [mesh],
                "name": f"LVS {config.mesh}",
                "manufacturer": "LVS",
                "model": "mesh",
                "sw_version": lvs.__version__,
            },
            "origin": {"name": "lvs bridge", "sw_version": lvs.__version__},
        }
        if config.about(c, "unit"):
            about["unit_of_measurement"] = config.about(c, "unit")
        if config.about(c, "class"):
            about["device_class"] = config.about(c, "class")
        yield topic, json.dumps(about)
