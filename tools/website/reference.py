"""Pages made from the code: all keys of a configuration and of a scenario, and all commands.

Names, types, defaults and limits are the code's; what a key means is taken from the page that
explains it, and `problems` says which keys have no such words, or other defaults there.
"""

import importlib
import importlib.util
import json
import re
import sys

import click

from lvs import config_check
from lvs_tools import cli
from lvs_tools.places import FIRMWARE, ROOT
from lvs_tools.sim import scenario

CONFIGURATION = "docs/configuration.md"
BOARD = "docs/boards/configuration.md"
ENTRIES = {"sources": "docs/boards/sources.md", "sinks": "docs/boards/sinks.md"}
LOW_POWER = "docs/boards/low-power.md"
# Keys of objects beneath "board": the page that explains each object.
_EXPLAINED = {"low_power": LOW_POWER, "espnow": LOW_POWER}
_WORDS = {str: "text", int: "integer", float: "number", bool: "true, false", dict: "object"}
_WORDS[list] = "list"
_HORIZON = ("horizon_h", "number", "0.1 to 240")
_NEEDED = "needed"


def _firmware(name):
    """A module of firmware/, loaded from its file: on boards those have bare names."""
    spec = importlib.util.spec_from_file_location("board_" + name, FIRMWARE / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.path.append(str(FIRMWARE))  # last: it names none of a computer's
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(FIRMWARE))
    return module


def _page(path):
    return (ROOT / path).read_text(encoding="utf-8")


def told(path):
    """{key: [cells after it]} of all tables of a page; a row that names several is of each."""
    found = {}
    for line in _page(path).splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        keys = re.findall(r"`(\w+)`", cells[0]) if line.startswith("| `") else []
        found.update(dict.fromkeys(keys, cells[1:]))
    return found


def _types(types):
    words = list(dict.fromkeys(_WORDS[kind] for kind in types))
    if "integer" in words and "number" in words:
        words.remove("integer")
    return " or ".join(words)


def of_nodes():
    """Rows (key, type, default, allowed) of a configuration's own keys."""
    check = config_check
    yield "channels", "list", _NEEDED, f"1 to {check.MAX_CHANNELS} names or objects"
    for key, default in check._TEXTS.items():
        yield key, "text", json.dumps(default), "a line of 1 to 64 bytes"
    yield "peers", "list", "[]", "texts"
    yield _HORIZON[0], _HORIZON[1], "", _HORIZON[2]
    for key, (default, least, most) in check.NUMBERS.items():
        yield key, "integer", str(default), f"{least} to {most}"
    yield "before", "object", "", ", ".join(check._BEFORE)
    yield "board", "object", "{}", ""


def of_channels():
    """Rows (key, type, default, allowed) of a channel that is an object."""
    kinds = {"name": ("text", _NEEDED), "step": ("decimal", '"0.001"'), "retired": ("", "false")}
    for key in config_check._CHANNEL:
        kind, default = kinds.get(
            key, ("decimal", "0") if key in ("offset", "start") else ("", "")
        )
        yield key, kind or ("true, false" if key == "retired" else "text"), default, ""


def of_boards():
    """Rows (key, type, default, allowed) of "board", then of the objects in it."""
    settings = _firmware("settings")
    for key, types in settings._BOARD.items():
        yield key, _types(types), None, ""
    for name, (known, needed) in settings._OBJECTS.items():
        for key, types in known.items():
            yield f"{name}.{key}", _types(types), _NEEDED if key in needed else None, ""


def of_entries(which):
    """Rows (kind, key, type, needed, allowed) of the entries of "board.sources" or "sinks"."""
    kinds = _firmware(which.removesuffix("s") + "_kinds")
    for kind, (_, _, needed, may) in kinds._KINDS.items():
        for key in ("channel", *needed, *may):
            values = kinds._VALUES.get(key, ())
            allowed = ", ".join(map(str, values))
            if isinstance(values, range):
                allowed = f"{values[0]} to {values[-1]}"
            must = _NEEDED if key in ("channel", *needed) else ""
            yield kind, key, _types(kinds._TYPES[key]), must, allowed


def _meaning(key, cells):
    return cells[-1] if cells else ""


def _moved(text, page):
    """Words of a page with their links as docs/ has them, and no bars that end a cell."""
    folder = page.removeprefix("docs/").rpartition("/")[0]
    if folder:
        text = re.sub(r"\]\((?![a-z]+:|#|\.\./)", f"]({folder}/", text)
        text = text.replace("](../", "](")
    return text.replace("](#", f"]({page.removeprefix('docs/')}#")


def _table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell or " " for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _rows(found, page):
    words = told(page)
    for key, kind, default, allowed in found:
        cells = words.get(key, words.get(key.partition(".")[0], []))
        if default is None:
            default = "" if "." in key else cells[0].strip("`") if len(cells) > 1 else ""
        shown = default if default in ("", _NEEDED) else f"`{default}`"
        where = _EXPLAINED.get(key.partition(".")[0]) if "." in key else None
        if where:
            meaning = f"see [low power]({where.removeprefix('docs/')})"
        elif "." in key:
            meaning = "see its object above"
        else:
            meaning = _moved(_meaning(key, cells), page)
        yield f"`{key}`", kind, shown, allowed, meaning


def configuration():
    """The page of every key of lvs.json."""
    head = ("key", "type", "default", "allowed", "meaning")
    return "\n".join(
        (
            "# Every key of lvs.json",
            "",
            "Made from the code when this site was built: `lib/lvs/config_check.py`, and in "
            "`firmware/` of `settings.py`, `source_kinds.py` and `sink_kinds.py`. How the keys "
            "work together: [Configuration](configuration.md), "
            "[on boards](boards/configuration.md).",
            "\n## A node\n",
            _table(head, _rows(of_nodes(), CONFIGURATION)),
            "## A channel\n",
            _table(head, _rows(of_channels(), CONFIGURATION)),
            "## `board`\n",
            _table(head, _rows(of_boards(), BOARD)),
            *(_entries(which) for which in ENTRIES),
        )
    )


def _entries(which):
    rows = (
        (f"`{kind}`", f"`{key}`", of_type, must, allowed)
        for kind, key, of_type, must, allowed in of_entries(which)
    )
    page = ENTRIES[which].removeprefix("docs/")
    told = f"## An entry of `board.{which}`\n\nWhat each does: [{which}]({page}).\n\n"
    return told + _table(("kind", "key", "type", "", "allowed"), rows)


def scenarios():
    """The page of every key of a scenario file."""
    parts = [
        "# Every key of a scenario",
        "",
        "Made from the code when this site was built, as `lvs sim --keys` shows them. How they "
        "work together: [the simulator](simulator.md).",
    ]
    for name, fields in scenario.FIELDS.items():
        title = {"": "The file", "event": "`[[event]]`", "adversary": "`[[adversary]]`"}
        parts.append(f"\n## {title.get(name, f'`[{name}]`')}\n")
        if name == "config":
            parts.append("A node's [numbers](reference.md#a-node), `port` excepted.\n")
            continue
        rows = (
            (
                f"`{key}`",
                "decimal" if kind == "amount" else _WORDS[kind],
                "" if default is None else f"`{default}`",
                ", ".join(least) if isinstance(least, tuple) else _span(least, most),
                meaning,
            )
            for key, (kind, default, least, most, meaning) in fields.items()
        )
        parts.append(_table(("key", "type", "default", "allowed", "meaning"), rows))
    return "\n".join(parts)


def _span(least, most):
    return "" if least is None else f"{least} to {most}"


def commands():
    """The page of every command with its --help."""
    parts = ["# Every command", "", "What `lvs COMMAND --help` says.\n"]
    for name, (module, _, extra) in cli.COMMANDS.items():
        parts.append(f"## `lvs {name}`\n")
        if extra:
            parts.append(f"Needs the extra `{extra}`: `pip install 'lvs[{extra}]'`.\n")
        command = importlib.import_module(module).command
        context = click.Context(
            command, info_name=f"lvs {name}", terminal_width=80, max_content_width=80
        )
        parts.append(f"```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def problems():
    """Keys of the code that no page explains, or with another default; a line each."""
    found = []
    places = ((of_nodes(), CONFIGURATION), (of_channels(), CONFIGURATION), (of_boards(), BOARD))
    for rows, page in places:
        words = told(page)
        for key, _, default, _ in rows:
            name, _, inner = key.partition(".")
            explained = _page(_EXPLAINED.get(name, page)) if inner else ""
            if inner and not re.search(rf"[`\"]{inner}[`\"]", explained):
                found.append(f"{page}: says nothing of {key}")
            elif not inner and not words.get(key):
                found.append(f"{page}: has no row for {key}")
            elif not inner and default and words[key][0].strip("`") != default:
                found.append(f"{page}: {key} is {default} by default, not {words[key][0]}")
    for which, page in ENTRIES.items():
        text = _page(page)
        keys = dict.fromkeys(key for _, key, *_ in of_entries(which))
        lacking = [key for key in keys if not re.search(rf"[`\"]{key}[`\"]", text)]
        found += [f"{page}: says nothing of {key}" for key in lacking]
    return found
