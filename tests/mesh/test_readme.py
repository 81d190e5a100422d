"""The program that the README shows runs as it is written, on CPython and MicroPython."""

import re
import subprocess

import pytest

from lvs_tools import interpreters
from lvs_tools.places import LIB, ROOT
from tests.support.interpreters import require


@pytest.mark.parametrize("name", ["cpython", "micropython"])
def test_the_example_of_the_readme_runs_as_it_is_written(name, tmp_path):
    (code,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
    (tmp_path / "garden.py").write_text(code)
    command = interpreters.command(require(name))
    assert command
    with subprocess.Popen(
        [*command, "garden.py"],
        cwd=tmp_path,
        env=interpreters.environment((LIB,)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout
            # Its port may be another program's, or a neighbour's of the same mesh: it goes on.
            said = process.stdout.readline()
        finally:
            process.kill()
    assert re.fullmatch(r"water \d+\.\d+ (ACTIVE|JOINING|INIT)\n", said), said
