"""What deployments at the cable and over the air have in common."""

import hashlib
from dataclasses import dataclass, field

LIST = "/deployed.txt"  # what the last deployment put there, so that the next can clean up


@dataclass
class Result:
    """What a deployment did; ``lvs deploy --json`` prints it."""

    port: str = ""
    board: str = ""
    machine: str = ""
    micropython: str = ""
    copied: list = field(default_factory=list)
    unchanged: int = 0
    removed: list = field(default_factory=list)
    kept: list = field(default_factory=list)
    restarted: bool = False  # over the air: for what was copied, removed, or had arrived before
    bytes: int = 0
    started: bool = False  # its node runs
    joined: str = ""  # "mesh": with others, "alone": with nobody
    failed: str = ""  # what failed if it is neither, in a few words
    says: str = ""


def sha256(data):
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def twin(path):
    """The other form of a module: MicroPython takes the .py where both are."""
    stem, dot, ending = path.rpartition(".")
    return {"py": stem + ".mpy", "mpy": stem + ".py"}.get(ending) if dot else None
