"""docs/protocol.md is true: its tables, against the code and the tests that it names."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from lvs import config_check, wire

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
PROMISED = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
NUMBERS = (ROOT / "docs" / "decisions" / "numbers.md").read_text(encoding="utf-8")


def section(number):
    """The text of a numbered section."""
    parts = re.split(r"^## (\d+)\. .*$", TEXT, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[str(number)]


def page(name):
    """The text of a page below docs/."""
    return (ROOT / "docs" / (name + ".md")).read_text(encoding="utf-8")


def rows(text, columns):
    """The cells of all rows of a section's tables with that many columns, without heads."""
    found = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return [row for row in found if len(row) == columns and not set(row[0]) <= set("-: ")]


def plain(text):
    """A text on one line, without the marks of code."""
    return " ".join(text.replace("`", "").split())


def number(cell):
    return int(cell) if re.fullmatch(r"-?\d+", cell) else None


OF_A_MESH = rows(section(12), 6)[1:]
OF_A_NODE = rows(CONFIGURATION, 5)[1:]


def test_every_parameter_is_in_a_table_as_it_is():
    table = {
        row[0].strip("`"): tuple(int(c) if number(c) is not None else c for c in row[1:4])
        for row in OF_A_MESH + OF_A_NODE
    }
    assert table == dict(config_check.NUMBERS)
    assert tuple(row[0].strip("`") for row in OF_A_MESH) == config_check._MESH_NUMBERS


def test_every_parameter_has_unit_and_reason():
    assert all(row[4] and len(row[5]) > 5 for row in OF_A_MESH)
    assert all(len(row[4]) > 5 for row in OF_A_NODE)


CONSTANTS = [row for row in rows(NUMBERS, 5) if row[0].startswith("`")]


@pytest.mark.parametrize("row", CONSTANTS, ids=lambda row: row[0].strip("`"))
def test_every_constant_is_as_the_table_says(row):
    name, value, unit, _, reason = row
    module, _, constant = name.strip("`").partition(".")
    assert getattr(importlib.import_module("lvs." + module), constant) == int(value)
    assert unit and reason


@pytest.mark.parametrize("row", CONSTANTS, ids=lambda row: row[0].strip("`"))
def test_every_constant_is_said(row):
    """In a section of the protocol, or, what binds no other node, on the page that is named."""
    where, _, words = row[3].partition(": ")
    assert (
        where == "local"
        or words
        and words in plain(section(where) if where.isdigit() else page(where))
    )


def test_few_constants_are_local():
    assert len(CONSTANTS) > 60
    assert sum(row[3] == "local" for row in CONSTANTS) < 5


def test_flags_are_as_the_table_says():
    table = {
        row[0]: int(row[1])
        for row in rows(section(4), 3)
        if number(row[1]) is not None and row[0].isupper()
    }
    assert table == {
        name: getattr(wire, name)
        for name in ("LOW_POWER", "RECOVERING", "JOINING", "WANT", "VALUE", "DIRECT", "DOUBT")
    }
    assert sum(table.values()) == wire.ALL_FLAGS


def test_byte_tables_have_no_gaps():
    """Each field begins where the one before it ends."""
    tables = re.split(r"^### ", section(4), flags=re.MULTILINE)
    layout = [row for row in rows(tables[1] + tables[2], 4) if number(row[0]) is not None]
    at = 0
    for offset, size, _, _ in layout:
        assert int(offset) == at
        at += int(size) if number(size) is not None else 0
    assert at == 43
    sdm = [row for row in rows(tables[3], 4) if number(row[0]) is not None]
    assert [int(row[0]) for row in sdm] == list(range(17, 22))


def named_tests(cell):
    """(file, name) of each test that a cell names."""
    return re.findall(r"`([\w/]+\.py)::(\w+)`", cell)


CLAIMS = [
    (row[0], row[2])
    for text in (PROMISED, section(14))
    for row in rows(text, 3)
    if row[0] not in ("", "clause")
]


def test_every_clause_and_guarantee_is_there():
    names = [name for name, _ in CLAIMS]
    assert [n for n in names if n.startswith("G")] == [f"G{i}" for i in range(1, 17)]
    numbers = [re.match(r"[\d.]+", n) for n in names if n[0].isdigit()]
    clauses = {number and number[0].split(".")[0] for number in numbers}
    assert clauses == {str(n) for n in range(3, 15)}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim[0].split("`")[0][:40])
def test_every_clause_names_tests_that_exist(claim):
    named = named_tests(claim[1])
    assert named, f"{claim[0]} names no test"
    for file, name in named:
        path = ROOT / "tests" / file
        assert path.is_file(), file
        defined = {
            node.name
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.FunctionDef)
        }
        defined |= {
            target.id
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        assert name in defined, f"{file} has no {name}"


def test_the_modules_of_the_specification_are_there():
    for name in (
        "entropy_engine",
        "drift_core",
        "state_shard",
        "vaultguard",
        "transport_layer",
        "node_runtime",
    ):
        assert importlib.import_module("lvs." + name).__doc__


def test_all_links_lead_somewhere():
    headings = {
        re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-")
        for h in re.findall(r"^#+ (.*)$", TEXT, flags=re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        if target.startswith("#"):
            assert target[1:] in headings, target
        else:
            assert (ROOT / "docs" / target.partition("#")[0]).exists(), target


def test_sections_that_the_code_refers_to_exist():
    for path in (ROOT / "lib" / "lvs").glob("*.py"):
        for numbers in re.findall(r"protocol\.md,\s+sections? ([\d, and]+)", path.read_text()):
            for n in re.findall(r"\d+", numbers):
                assert section(n).strip(), (path.name, n)
