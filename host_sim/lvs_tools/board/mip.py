"""`lvs mip`: packages that `mpremote mip install` takes from a local folder.

Two sets are built, sources and compiled modules, each a folder with its package.json; the one in
the project's root lists the sources, for installing straight from a repository. mip installs what
package.json lists and nothing else, so the lists are generated and a test compares them.
"""

import json
import sys
from pathlib import Path

import click

from lvs_tools.board import profiles
from lvs_tools.board.profiles import BoardError

ROOT_PACKAGE = profiles.ROOT / "package.json"


def version():
    """The version of lib/lvs."""
    text = (profiles.ROOT / "lib" / "lvs" / "__init__.py").read_text()
    line = next(line for line in text.splitlines() if line.startswith("__version__"))
    return line.split('"')[1]


def manifest(urls):
    """The text of a package.json. urls: [(path below /lib on the board, path of the file)]."""
    entries = ",\n".join(f"    {json.dumps(list(pair))}" for pair in urls)
    return f'{{\n  "urls": [\n{entries}\n  ],\n  "deps": [],\n  "version": "{version()}"\n}}\n'


def library():
    """The source files of lib/, sorted."""
    return sorted((profiles.ROOT / "lib").rglob("*.py"))


def root_manifest():
    """What the package.json in the project's root must be."""
    lib = profiles.ROOT / "lib"
    return manifest(
        [
            (p.relative_to(lib).as_posix(), p.relative_to(profiles.ROOT).as_posix())
            for p in library()
        ]
    )


def build(out, arch=None):
    """Write out/py and out/mpy; returns the paths of their package.json files."""
    lib = profiles.ROOT / "lib"
    made = []
    for kind in ("py", "mpy"):
        folder = Path(out) / kind
        names = []
        for path in library():
            name = path.relative_to(lib).with_suffix("." + kind).as_posix()
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            data = (
                path.read_bytes()
                if kind == "py"
                else profiles.compile_file(path, path.relative_to(lib).as_posix(), arch)
            )
            target.write_bytes(data)
            names.append(name)
        (folder / "package.json").write_text(manifest([(name, name) for name in names]))
        made.append(folder / "package.json")
    return made


@click.command()
@click.option("--out", default="build/mip", show_default=True, metavar="FOLDER")
@click.option("--arch", metavar="NAME", help="Of the board, if a module has native code.")
@click.option("--root", is_flag=True, help="Write the package.json in the project's root.")
def command(out, arch, root):
    """Build the packages for `mpremote mip install` (the library only, without the firmware)."""
    try:
        if root:
            ROOT_PACKAGE.write_text(root_manifest())
            click.echo(f"{ROOT_PACKAGE.name}: {len(library())} files")
            return
        for path in build(out, arch):
            click.echo(f"mpremote connect PORT resume mip install {path}")
    except (BoardError, OSError) as error:
        click.echo(f"mip: {error}", err=True)
        sys.exit(1)
