"""What a newcomer to the code meets first speaks of what is there."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import yaml

import mailcourse

ROOT = Path(__file__).parents[2]
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]


def test_the_citation_names_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == mailcourse.__version__
    assert citation["license"] == "MIT"
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_calls_what_the_development_environment_has(hook: dict[str, object]) -> None:
    program, option, module, *rest = shlex.split(str(hook["entry"]))
    assert (program, option) == (".venv/bin/python", "-m")
    assert importlib.util.find_spec(module)
    assert all((ROOT / word).exists() for word in rest if "/" in word)


def test_what_contributors_are_told_to_run_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)", text)) <= targets
    for name in re.findall(r"`((?:tests|mailcourse|notebooks|solutions|exercises)/[\w/.-]*)`", text):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"python (tests/[\w/.]+) (\S+)", text):
        assert all((ROOT / part).exists() for part in name)
