"""docs/architecture.md is true: exactly its arrows are imports, and there is no circle.

An import counts wherever it stands: at the top, inside a function, or as the text of a module's
name (``"lvs_tools.mesh.command"``) that is imported or started later.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# folder with sources: the folder from which its modules are imported
SOURCES = {
    "lib/lvs": "lib",
    "host_sim/lvs_tools": "host_sim",
    "tools": ".",
    "examples": ".",
    "firmware": "firmware",
    "tests": ".",
}
# On a board's path these folders are flat: the modules in them import each other by bare names.
FLAT = ("firmware", "host_sim/lvs_tools/shims")


def modules(root):
    """{dotted name: path} of all modules of the project; those of firmware have bare names."""
    found = {}
    for folder, start in SOURCES.items():
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(root / start).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room(root, path):
    """The name of the room that a file lies in: a folder, or a single file of lvs_tools."""
    parts = path.relative_to(root).with_suffix("").parts
    if parts[0] == "host_sim":
        return "lvs_tools" if parts[2] == "__init__" else parts[2]
    return parts[0]


def imports(name, path, known, bare):
    """Yield the modules of `known` that a file imports or names, at any depth.

    bare: {bare name: full name} of the modules beside it, if that is what a bare name means.
    """
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        named = []
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            inside = [f"{base}.{alias.name}" for alias in node.names]
            named = [full if full in known else base for full in inside]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value:
            named = [node.value]
        for full in named:
            full = bare.get(full, full)
            if full in known and full != name:
                yield full


def graph(root):
    """{module: the set of modules that it imports}, of everything but the tests."""
    known = modules(root)
    found = {}
    for name, path in known.items():
        if room(root, path) == "tests":
            continue
        beside = [n for n, p in known.items() if p.parent == path.parent]
        flat = path.parent.relative_to(root).as_posix() in FLAT
        bare = {n.rpartition(".")[2]: n for n in beside} if flat else {}
        found[name] = set(imports(name, path, known, bare))
    return found


def circle(arrows):
    """The nodes of one circle in {node: its targets}, the first one last again; [] without."""
    done = set()

    def walk(node, way):
        if node in way:
            return [*way[way.index(node) :], node]
        if node in done:
            return []
        for target in sorted(arrows.get(node, ())):
            found = walk(target, [*way, node])
            if found:
                return found
        done.add(node)
        return []

    return next((found for node in sorted(arrows) if (found := walk(node, []))), [])


def drawn(text):
    """The pairs (room, room it may import) of the picture."""
    (picture,) = re.findall(r"^```mermaid\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return {
        (source, target)
        for source, targets in re.findall(r"^ *(\w+) --> (.+)$", picture, re.MULTILINE)
        for target in targets.split(" & ")
    }


def listed(text):
    """The names of the rooms that the page explains."""
    return set(re.findall(r"^\| (\w+) \| `", text, re.MULTILINE))


def layers(text):
    """{module of lib/lvs: its row}, 0 at the top."""
    section = text.partition("## Inside `lib/lvs/`")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| [^|]+ \| (`.*) \|$", section, re.MULTILINE)
    return {
        "lvs" if name == "__init__" else f"lvs.{name}": row
        for row, names in enumerate(rows)
        for name in re.findall(r"`(\w+)`", names)
    }


def findings(root):
    """Each thing in which page and tree differ, and each circle, one text each."""
    text = (root / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {name: room(root, path) for name, path in modules(root).items()}
    allowed, explained, row, tree = drawn(text), listed(text), layers(text), graph(root)
    used, between, found = {}, {}, []
    for module, target in sorted((m, t) for m, targets in tree.items() for t in targets):
        pair = rooms[module], rooms[target]
        if pair[0] != pair[1]:
            used.setdefault(pair, []).append(f"{module} imports {target}")
            between.setdefault(pair[0], set()).add(pair[1])
        elif pair[0] == "lib" and row.get(module, -1) >= row.get(target, -1):
            found.append(f"{module} imports {target}, which is not in a lower layer")
    for a, b in sorted(used.keys() - allowed):
        found.append(f"no arrow {a} --> {b}: {'; '.join(used[a, b])}")
    found += [f"nothing uses the arrow {a} --> {b}" for a, b in sorted(allowed - used.keys())]
    there = {*rooms.values(), *(name for pair in allowed for name in pair)} - {"lvs_tools"}
    found += [f"{name} is a room that the page does not explain" for name in there - explained]
    library = {name for name, where in rooms.items() if where == "lib"}
    found += [f"{name} is in no layer, or is not there" for name in sorted(library ^ row.keys())]
    for what, arrows in (("modules", tree), ("rooms", between)):
        while way := circle(arrows):
            found.append(f"a circle of {what}: {' -> '.join(way)}")
            arrows[way[-2]].discard(way[-1])  # and look for the next one
    return found


def test_the_page_has_exactly_the_arrows_of_the_tree():
    assert findings(ROOT) == []
    assert len(graph(ROOT)) > 100  # it did look


PAGE = """
| room | where | what |
|---|---|---|
| lib | `lib/lvs/` | |
| upper | `host_sim/lvs_tools/upper/` | |
| lower | `host_sim/lvs_tools/lower.py` | |
| shims | `host_sim/lvs_tools/shims/` | |
| firmware | `firmware/` | |
| tests | `tests/` | |

```mermaid
flowchart TD
  upper --> lower & lib
  firmware --> lib
```

## Inside `lib/lvs/`
| layer | modules |
|---|---|
| top | `__init__` |
| middle | `node`, `other` |
| bottom | `fixed` |

## Next
"""
TREE = {
    "docs/architecture.md": PAGE,
    "lib/lvs/__init__.py": "from lvs.node import Node",
    "lib/lvs/node.py": "from lvs import fixed",
    "lib/lvs/other.py": "import lvs.fixed",
    "lib/lvs/fixed.py": "import time",
    "host_sim/lvs_tools/__init__.py": "",
    "host_sim/lvs_tools/upper/__init__.py": "",
    "host_sim/lvs_tools/upper/a.py": "from . import b\nfrom lvs import Node",
    "host_sim/lvs_tools/upper/b.py": "def f():\n    from .. import lower",
    "host_sim/lvs_tools/lower.py": "import machine",
    "host_sim/lvs_tools/shims/machine.py": "import bench",
    "host_sim/lvs_tools/shims/bench.py": "",
    "firmware/app.py": "import led, machine",
    "firmware/led.py": "from lvs.fixed import clamp",
    "tests/test_all.py": "import lvs, lvs_tools.upper.a",
}
LOWER = "host_sim/lvs_tools/lower.py"
MISTAKES = [
    ({LOWER: "import lvs"}, "no arrow lower --> lib: lvs_tools.lower imports lvs"),
    ({LOWER: "def f():\n    import lvs"}, "no arrow lower --> lib"),
    ({LOWER: "if True:\n    from lvs_tools.upper import b"}, "no arrow lower --> upper"),
    ({LOWER: "from .upper.a import x"}, "no arrow lower --> upper"),
    ({LOWER: "START = 'lvs_tools.upper.a'"}, "no arrow lower --> upper"),
    ({LOWER: "import led"}, "no arrow lower --> firmware"),
    ({LOWER: "import tests.test_all"}, "no arrow lower --> tests"),
    ({LOWER: "import lvs_tools.upper.a"}, "a circle of rooms: lower -> upper -> lower"),
    ({"firmware/led.py": ""}, "nothing uses the arrow firmware --> lib"),
    ({"firmware/led.py": "def f():\n    import app"}, "a circle of modules: app -> led -> app"),
    (
        {"host_sim/lvs_tools/upper/b.py": "from lvs_tools.upper import a"},
        "a circle of modules: lvs_tools.upper.a -> lvs_tools.upper.b -> lvs_tools.upper.a",
    ),
    (
        {"host_sim/lvs_tools/shims/bench.py": "import machine"},
        "a circle of modules: lvs_tools.shims.bench -> lvs_tools.shims.machine",
    ),
    (
        {"lib/lvs/node.py": "def f():\n    from lvs.other import x"},
        "lvs.node imports lvs.other, which is not in a lower layer",
    ),
    (
        {"lib/lvs/fixed.py": "import lvs"},
        "a circle of modules: lvs.fixed -> lvs -> lvs.node -> lvs.fixed",
    ),
    ({"lib/lvs/more.py": ""}, "lvs.more is in no layer"),
    ({"host_sim/lvs_tools/new/a.py": ""}, "new is a room that the page does not explain"),
    (
        {"docs/architecture.md": PAGE.replace("& lib", "& lib & gone")},
        "nothing uses the arrow upper --> gone",
    ),
]


def build(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_tree_in_order_has_no_findings(tmp_path):
    """Bare names mean siblings to firmware and shims, and other people's modules elsewhere."""
    build(tmp_path, TREE)
    assert findings(tmp_path) == []


@pytest.mark.parametrize(("changed", "finding"), MISTAKES)
def test_a_mistake_is_found(tmp_path, changed, finding):
    build(tmp_path, {**TREE, **changed})
    assert any(finding in text for text in findings(tmp_path)), findings(tmp_path)
