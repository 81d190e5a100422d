"""Where the project's files are."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent  # this one
HOST = PACKAGE.parent  # the folder to import lvs_tools from
ROOT = HOST.parent
LIB = ROOT / "lib"  # the folder to import lvs from
