""".github: the workflow tests what pyproject.toml claims; the issue forms are forms."""

import re

import pytest
import yaml

from lvs_tools.places import ROOT

FOLDER = ROOT / ".github"
FILES = sorted(FOLDER.rglob("*.yml"))
FORMS = [path for path in FILES if path.parent.name == "ISSUE_TEMPLATE" and path.stem != "config"]
WORKFLOW = yaml.safe_load((FOLDER / "workflows" / "test.yml").read_text())
JOB = WORKFLOW["jobs"]["test"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_can_be_read(path):
    assert isinstance(yaml.safe_load(path.read_text()), dict)


def test_the_workflow_runs_make_test_on_every_python_that_is_claimed():
    project = (ROOT / "pyproject.toml").read_text()
    oldest = re.findall(r'^requires-python = ">=(3\.\d+)"', project, re.MULTILINE)
    claimed = oldest + re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project)
    matrix = JOB["strategy"]["matrix"]
    minors = [int(python.removeprefix("3.")) for python in matrix["python"]]
    assert minors == list(range(minors[0], minors[0] + len(minors)))
    assert set(claimed) <= set(matrix["python"]) and matrix["python"][0] == oldest[0]
    assert matrix["os"] == ["ubuntu-latest"]
    (mac,) = matrix["include"]
    assert mac["os"] == "macos-latest" and mac["python"] in matrix["python"]
    assert [step["run"] for step in JOB["steps"] if "run" in step] == ["make test"]


def test_the_workflow_may_read_and_no_more_and_uses_the_forges_own_actions():
    assert WORKFLOW["permissions"] == {"contents": "read"} and "permissions" not in JOB
    used = {step["uses"]: step["with"] for step in JOB["steps"] if "uses" in step}
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", name) for name in used)
    (checkout,) = (given for name, given in used.items() if name.startswith("actions/checkout@"))
    assert checkout["persist-credentials"] is False
    (python,) = (given for name, given in used.items() if "setup-python@" in name)
    assert python["cache"] == "pip"
    assert any((ROOT / file).is_file() for file in python["cache-dependency-path"].split())


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_a_form_has_what_a_form_needs(path):
    form = yaml.safe_load(path.read_text())
    assert set(form) == {"name", "description", "labels", "body"}
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert all(field["type"] in ("input", "textarea", "dropdown") for field in fields)
    assert all(field["attributes"]["label"] for field in fields)
    ids = [field["id"] for field in fields]
    assert len(set(ids)) == len(ids) > 1
    assert any(field.get("validations", {}).get("required") is True for field in fields)
    for field in fields:
        if field["type"] == "dropdown":
            options = field["attributes"]["options"]
            assert len(set(options)) == len(options) > 1
            assert all(isinstance(option, str) for option in options)
