"""A mesh of version 1 is carried over: its nodes' journals, format 1, become a start."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lvs import ConfigError
from lvs.config import Config
from lvs_tools import cli
from lvs_tools.mesh import version1
from tests.support.cell import Cell

# Written by version 1 itself (108f0dd, 23 November 2026): two nodes of mesh "house" with the
# channels water and heat, rows 16, sessions 8, routes 8, a checkpoint every 200 cycles. For two
# and a half hours node 1 contributed 0.1 water and node 2 1.5 heat, sixty times; then 100 water,
# of which 4 s later, when the power went, 79.8 were not told; 0.25 heat and 7 water, durable.
# Version 1 counts 1/256: 0.1 was 26 of them.
HEARD = {
    1: {
        "seg-000045": (
            "c10f00007e47000001a27538170200403800002d0000005e31c22600007e470100403800000200b0005f"
            "a3870c01000000d4010000db003eaf7f13010000004e00000000000000efb8c41400007e470200000140"
            "413800008c00000002f603000000390000a211c53a00007e47030000040aa85b5f80190000ae00801900"
            "005fa3870cd4010000b000d40100007c250c5180070000d600800700003eaf7f134e000000db004e0000"
            "000600c60200007e47040001329d9ec22600007e470500423800000200b0005fa3870c01000000d40100"
            "00db003eaf7f13010000004e000000000000000bebc70000007e470600c32f"
        ),
        "seg-000046": (
            "c10f00009bba000001a275381702000a3900002e000000113ac22600009bba01000a3900000200b0005f"
            "a3870c01000000d4010000db003eaf7f13010000004e000000000000008bf8c41400009bba0200000140"
            "0b3900008f00000002f603000000390000030bc53a00009bba030000040aa85b5f80190000ae00801900"
            "005fa3870cd4010000b000d40100007c250c5180070000d600800700003eaf7f134e000000db004e0000"
            "00a1aec60200009bba040001328848c22600009bba05000c3900000200b0005fa3870c01000000d40100"
            "00db003eaf7f13010000004e000000000000006009c70000009bba06006fb6"
        ),
        "tail-0": ("c31a00009bba0700cc009c390000db003eaf7f13010000804e640000491400000000ab2b"),
        "tail-1": ("c31a00009bba0700cb009b390000db003eaf7f13010000804e6400004a1000000000009c"),
    },
    2: {
        "seg-000046": (
            "c10f00000962000001a275381702000a3900002e0000008a2bc2260000096201000a3900000200ae000a"
            "a85b1f0100010080190000d6007c250c1101000100800700000000000033d2c414000009620200000140"
            "0b3900008f00000002f603000000390000887dc53a00000962030000040aa85b5f80190000ae00801900"
            "005fa3870cd4010000b000d40100007c250c5180070000d600800700003eaf7f134e000000db004e0000"
            "00be98c6020000096204000131c008c2260000096205000c3900000200ae000aa85b1f01000100801900"
            "00d6007c250c11010001008007000000000000d823c700000009620600ad51"
        ),
        "tail-0": (
            "c320000009620700cc009c390000d6007c250c110200008000070000000000000100c00700000000806c"
        ),
        "tail-1": ("c316000009620700cb0099390000d6007c250c1101000100c0070000000053bb"),
    },
}
WATER, HEAT = 60 * 26 + 25600 + 7 * 256, 60 * 384 + 64

# The same nodes, who heard each other while they contributed four times 1 water and 2 heat, and
# then nobody for two and a half hours: sixty times 0.1 water (node 1), 0.5 water and 1.5 heat
# (node 2). Most of that each had folded alone; then 100 water.
APART = {
    1: {
        "seg-000047": (
            "c10f00006b74000001a27538170200d53900002f000000d34dc21e00006b740100d53900000100b900a7"
            "7d8d640100000008020000000001000000100400004967c41400006b740200000140d639000092000000"
            "02100800000008000037aac51000006b7403000001a77d8d2408020000b900080200009af8c60200006b"
            "74040001322425c21e00006b740500d73900000100b900a77d8d64010000000802000000000100000010"
            "0400004e00c70000006b740600d414c23000006b740700573a00000200b900a77d8d6401000000080200"
            "00e9000bfe02590100008000640000fe07000000000100000010040000974d"
        ),
        "tail-0": ("c31a00006b740800cc005a3a0000e9000bfe02590100008000640000fb13000000001418"),
        "tail-1": ("c31a00006b740800cb00593a0000e9000bfe02590100008000640000fc0f000000006573"),
    },
    2: {
        "seg-000047": (
            "c10f0000a5b9000001a27538170200d53900002f0000002987c23e0000a5b90100d53900000200ac00d6"
            "0661420200000080080000010080190000d4009321225402000000800400000100800d00000000020000"
            "0000110000010000330000cb0fc4140000a5b90200000140d6390000920000000200150000003b0000f7"
            "54c53a0000a5b903000004d606614280190000ac0080190000d606610280080000ac0080080000932122"
            "54800d0000d400800d00009321221480040000d4008004000090d1c6020000a5b9040001311639c23e00"
            "00a5b90500d73900000200ac00d60661420200000080080000010080190000d400932122540200000080"
            "0400000100800d00000000020000000011000001000033000058b1c7000000a5b906008c61"
        ),
        "tail-0": ("c31c0000a5b90700ca00573a0000d4009321225402000000800400000100800d000000008dad"),
        "tail-1": ("c31c0000a5b90700c900173a0000d4009321225402000000800400000100800d00000000784d"),
    },
}
APART_WATER, APART_HEAT = 4 * 256 + 60 * (26 + 128) + 25600, 4 * 512 + 60 * 384

OLD = {"mesh": "house", "channels": ["water", "heat"], "rows": 16, "sessions": 8, "routes": 8}


@pytest.fixture
def folders(tmp_path):
    """(journals by node) -> folders with their files."""

    def made(journals):
        found = []
        for i, files in journals.items():
            folder = tmp_path / f"node{i}"
            folder.mkdir(exist_ok=True)
            for name, text in files.items():
                (folder / name).write_bytes(bytes.fromhex(text))
            found.append(folder)
        return found

    return made


def read(folders):
    return version1.values([version1.Journal(folder) for folder in folders])


def test_what_all_nodes_contributed(folders):
    """Each once, in whatever order they are named, also what was never told, or folded alone."""
    heard = folders(HEARD)
    assert read(heard) == read(heard[::-1]) == ([WATER, HEAT], [])
    apart = folders(APART)
    assert read(apart) == read(apart[::-1]) == ([APART_WATER, APART_HEAT], [])


def test_of_one_node_alone_there_is_what_it_knew(folders):
    """The last checkpoint and its own: 7 water, 0.25 heat of the other came later."""
    raw, doubts = read(folders(HEARD)[:1])
    assert raw == [WATER - 7 * 256, HEAT - 64] and not doubts


def test_a_damaged_segment_is_named_and_never_counts_twice(folders):
    first, second = folders(HEARD)
    newest = first / "seg-000046"
    sound = newest.read_bytes()
    for at in range(0, len(sound), 3):
        newest.write_bytes(sound[:at] + bytes([sound[at] ^ 0x41]) + sound[at + 1 :])
        raw, doubts = read([first, second])
        assert doubts and raw[0] <= WATER and raw[1] <= HEAT, at
    for size in range(0, len(sound), 7):
        newest.write_bytes(sound[:size])
        raw, doubts = read([first, second])
        assert doubts and raw[0] <= WATER and raw[1] <= HEAT, size
    newest.unlink()
    (first / "seg-000045").unlink()
    with pytest.raises(ConfigError, match="no journal of version 1"):
        read([first, second])


def test_journals_that_are_not_one_mesh_s(folders, tmp_path):
    first, second = folders(HEARD)
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in first.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ConfigError, match="copy: the journal in .*node1 again"):
        read([first, copy])
    (copy / "tail-0").unlink()
    with pytest.raises(ConfigError, match="copy: of the same node"):
        read([first, second, copy])
    with pytest.raises(ConfigError, match="no such folder"):
        read([tmp_path / "none"])
    with pytest.raises(ConfigError, match="not those of the journals"):
        version1.backup({**OLD, "channels": ["heat", "water"]}, [first, second])
    with pytest.raises(ConfigError, match="not those of the journals"):
        version1.backup({**OLD, "session_epochs": 50}, [first])
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    with pytest.raises(ConfigError, match="no journal of version 1"):
        read([foreign])


def call(*words):
    return CliRunner().invoke(cli.main, [str(word) for word in words])


def test_as_its_operator_does_it(folders, tmp_path, monkeypatch):
    """Backup of the journals, restore, and a mesh that has it all, once, whoever starts."""
    monkeypatch.chdir(tmp_path)
    first, second = folders(HEARD)
    before = {path: path.read_bytes() for path in Path(first).iterdir()}
    Path("old.json").write_text(json.dumps(OLD))
    steps = [{"name": "water", "step": "0.00390625"}, "heat"]
    Path("new.json").write_text(json.dumps({"mesh": "house", "channels": steps}))
    done = call("backup", "b.json", "old.json", "--journal", first, "--journal", second)
    assert done.exit_code == 0 and "water: 113.09375" in done.output, done.output
    done = call("restore", "b.json", "new.json", "-o", "started.json")
    assert done.exit_code == 0 and "heat starts with 90.250" in done.output
    started = Config("started.json")
    assert started.starts == {0: WATER, 1: HEAT * 1000 // 256}
    cell = Cell(2, **json.loads(Path("started.json").read_text()))
    cell.active()
    assert [node.text("water") for node in cell.nodes.values()] == ["113.09375000"] * 2
    assert {path: path.read_bytes() for path in Path(first).iterdir()} == before


def test_a_value_that_the_steps_do_not_have_is_rounded_if_told_to(folders, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("old.json").write_text(json.dumps(OLD))
    Path("new.json").write_text(json.dumps({"mesh": "house", "channels": ["water", "heat"]}))
    words = [word for folder in folders(HEARD) for word in ("--journal", folder)]
    assert call("backup", "b.json", "old.json", *words).exit_code == 0
    done = call("restore", "b.json", "new.json", "-o", "started.json")
    assert done.exit_code == 2 and "--round" in done.output and not Path("started.json").exists()
    done = call("restore", "b.json", "new.json", "-o", "started.json", "--round")
    assert done.exit_code == 0
    assert "water starts with 113.094, rounded from 113.09375" in done.output
    assert Config("started.json").starts == {0: 113094, 1: 90250}
