"""What each command's exit code means: the one table of it.

The help of each command ends with its line; docs/exit-codes.md is written from it.
"""

CTRL_C = 130
# What a code means wherever it is returned; the rows of TABLE say what that is for a command.
RULE = {
    0: "done, and all is well",
    1: "done, and it is not well; or it broke down on the way",
    2: "nothing was done: a bad argument or file, something that is not installed, nobody there",
    3: "done, and something is left to look after",
    CTRL_C: "interrupted by Ctrl-C (what runs until then, as `lvs bridge`, ends with 0)",
}
_HEARD = "nobody answers, or it could not look"
_WRITTEN = "a file could not be written"
# command: what 0, 1, 2 and 3 mean; "" where it is never returned.
TABLE = {
    "mesh": ("exact: all hold what was contributed", "not exact", "it could not run"),
    "node": (
        "it was told to end",
        "a socket or file failed while it ran",
        "it could not start",
        "others were there, and what they were not told in a minute is lost",
    ),
    "status": ("one mesh", "nodes lack what others show", _HEARD),
    "members": ("one mesh", "nodes lack what others show", _HEARD),
    "watch": ("", "", "it could not listen, or not serve the page"),
    "audit": (
        "it adds up",
        "it does not, for reasons that are named",
        _HEARD,
        "it does not, and nobody knows why",
    ),
    "backup": (
        "written",
        "written, but nodes differ or a value is not known; or not written",
        _HEARD,
    ),
    "restore": ("written", "", "it could not be"),
    "migrate": ("written", "", "it cannot be done like this; the text says how else"),
    "doctor": ("nothing is wrong", "something is", "a bad argument"),
    "bridge": ("it was told to end", "it broke down", "it could not start"),
    "export": ("written", _WRITTEN, "there is no history, or a bad argument"),
    "plan": ("it fits", "it does not", "it cannot be reckoned"),
    "init": (
        "written",
        "a file is there already or cannot be written, or nobody answers",
        "a bad argument",
    ),
    "sim": (
        "all honest nodes end exact, or liars were among them",
        "they do not; or two runs differ",
        "the scenario cannot be run",
    ),
    "swarm": ("all seeds hold", "one fails", "a bad argument"),
    "sweep": ("done", "a run failed", "a bad scenario, folder or scheduler"),
    "attack": (
        "no guarantee was broken",
        "a budget was exceeded, or a value negative",
        "a bad argument",
    ),
    "bench": ("measured", "a part broke down", "nothing could be measured, or a bad argument"),
    "measure": ("within the budget", "above it, or not measured", "a bad argument"),
    "journal": ("sound", "damaged, or of no use", "there is no journal"),
    "firmware": ("built", "it could not be", "a bad argument"),
    "flash": ("written and verified", "it could not be", "a bad argument"),
    "deploy": (
        "done, and in its mesh, or alone in it",
        "not done, or the board went back",
        "a bad argument",
        "done, but the board is not in its mesh",
    ),
    "fleet deploy": (
        "all run",
        "at least one could not be deployed",
        "a bad argument",
        "one is not in its mesh",
    ),
    "fleet list": ("all agree", "nobody was found", "a bad argument", "they do not agree"),
    "fleet update": ("all are up to date", "it stopped, and says where", "a bad argument"),
    "config get": ("printed", "no such key, or no answer", "a bad argument"),
    "config set": ("the board keeps it", "not changed, or it went back", "a bad argument"),
    "reboot": ("it is back", "no answer, or not back in time", "a bad argument"),
    "repl": ("ended", "no such port", "a bad argument"),
    "logs": ("ended", "no such board, or none answers", "a bad argument"),
    "mip": ("built", "it could not be", "a bad argument"),
    "standin": ("switched off", "it could not start", "a bad argument"),
    "emulate": ("it runs, or there is nothing to try it with", "it does not", "a bad argument"),
    "completion": ("printed, or installed", _WRITTEN, "a bad argument"),
    "exit-codes": ("printed", "", "a bad argument"),
}


def line(name):
    """What the help of a command ends with; "" for one without codes of its own."""
    said = [f"{code} {text}" for code, text in enumerate(TABLE.get(name, ())) if text]
    end = f"{CTRL_C} Ctrl-C" if name != "bridge" else "Ctrl-C ends it with 0"
    return "Exit codes: " + "; ".join([*said, f"{end}."]) if said else ""


def told(command, name):
    """A command whose help, and that of those below it, ends with its exit codes."""
    command.epilog = line(name)
    for below in getattr(command, "commands", {}).values():
        told(below, f"{name} {below.name}")
    return command


def page():
    """The table as docs/exit-codes.md has it, Markdown."""
    yield "| | |"
    yield "|---|---|"
    for code, text in RULE.items():
        yield f"| {code} | {text} |"
    yield ""
    yield "| | 0 | 1 | 2 | 3 |"
    yield "|---|---|---|---|---|"
    for name, texts in TABLE.items():
        cells = [*texts, "", ""][:4]
        yield f"| `lvs {name}` | " + " | ".join(cells).rstrip() + " |"
