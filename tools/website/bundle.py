"""What the mesh in the browser is made of: the shipped sources, and plans of scenarios."""

from pathlib import Path

from lvs_tools.places import PACKAGE, PROTOCOL
from lvs_tools.sim import scenario

HOME = Path(__file__).parent / "browser"
SCENARIO = HOME / "mesh.toml"
# What the page offers, and what it says of it; all of the first are those that G4 speaks of.
LIARS = {
    "Drain": "say that everything is gone",
    "Inflate": "say that everything is more",
    "BelowThreshold": "pull by a little, all the time",
    "SplitView": "tell each another story",
    "RandomValues": "say anything",
}
_ROOT = "/lvs-page"  # where engine.mjs puts the files


def files():
    """{path: text} of the Python files that the page runs, as they are in the project."""
    parts = [(PROTOCOL, "lvs")]
    parts += [(PACKAGE / name, f"lvs_tools/{name}") for name in ("world", "adversaries")]
    found = {
        f"{name}/{path.name}": path.read_text(encoding="utf-8")
        for folder, name in parts
        for path in sorted(folder.glob("*.py"))
    }
    found["lvs_tools/__init__.py"] = ""
    found["engine.py"] = (HOME / "engine.py").read_text(encoding="utf-8")
    return found


def plan(kind="Drain", settings=()):
    """The plan of the page's scenario, with liars of a class, for the page's file system."""
    checked = scenario.load(SCENARIO, [f'adversary.0.class="{kind}"', *settings])
    made = scenario.plan(checked)
    for liar in made["adversaries"]:
        liar["path"] = f"{_ROOT}/lvs_tools/adversaries/{Path(liar['path']).name}"
    return made


def plans():
    """{class of liars: {"says": text, "plan": plan}}"""
    return {kind: {"says": says, "plan": plan(kind)} for kind, says in LIARS.items()}
