"""`lvs mip`: packages that `mpremote mip install` takes from a local folder.

Two sets are built, sources and compiled modules, each a folder with its package.json; the one in
the project's root lists the sources, for installing straight from a repository. mip installs what
package.json lists and nothing else, so the lists are generated and a test compares them.
"""

import json
from pathlib import Path

import click

from lvs import __version__
from lvs_tools import options
from lvs_tools.board import profiles
from lvs_tools.board.profiles import BoardError
from lvs_tools.places import LIB, ROOT


def manifest(urls):
    """The text of a package.json. urls: [(path below /lib on the board, path of the file)]."""
    entries = ",\n".join(f"    {json.dumps(list(pair))}" for pair in urls)
    return f'{{\n  "urls": [\n{entries}\n  ],\n  "deps": [],\n  "version": "{__version__}"\n}}\n'


def root_manifest():
    """What the package.json in the project's root must be."""
    names = [path.relative_to(LIB).as_posix() for path in profiles.protocol()]
    return manifest([(name, "lib/" + name) for name in names])


def build(out, arch=None):
    """Write out/py and out/mpy; returns the paths of their package.json files."""
    made = []
    for kind in ("py", "mpy"):
        folder = Path(out) / kind
        names = []
        for path in profiles.protocol():
            if kind == "mpy" and not arch and profiles.native(path):
                continue
            name = path.relative_to(LIB).with_suffix("." + kind).as_posix()
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            data = (
                path.read_bytes()
                if kind == "py"
                else profiles.compile_file(
                    path, profiles.module(path.relative_to(LIB).as_posix()), arch
                )
            )
            target.write_bytes(data)
            names.append(name)
        (folder / "package.json").write_text(manifest([(name, name) for name in names]))
        made.append(folder / "package.json")
    return made


@click.command()
@click.option(
    "--out",
    type=options.OutputFolder(),
    default="build/mip",
    show_default=True,
    help="Where they go.",
)
@click.option("--arch", metavar="NAME", help="Of the board's processor: else without native code.")
@click.option("--root", is_flag=True, help="Write the package.json in the project's root.")
@options.PRINT_JSON
def command(out, arch, root, as_json):
    """Build the packages for `mpremote mip install` (the library only, without the firmware).

    \b
    Examples:
      lvs mip
      lvs mip --out packages
    """
    with options.ending("mip", BoardError, OSError):
        if root:
            (ROOT / "package.json").write_text(root_manifest())
            paths = [ROOT / "package.json"]
        else:
            paths = build(out, arch)
    if as_json:
        click.echo(json.dumps({"packages": [str(path) for path in paths]}))
    elif root:
        click.echo(f"package.json: {len(profiles.protocol())} files")
    else:
        for path in paths:
            click.echo(f"mpremote connect PORT resume mip install {path}")
