"""The documents speak of what is there."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from mailcourse.internet.trace import EVENTS

ROOT = Path(__file__).parents[2]
CODE = sorted((ROOT / "mailcourse").rglob("*.py"))
DOCUMENTS = [
    *(ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING")),
    *sorted((ROOT / "docs").glob("*.md")),
]


def test_every_rfc_that_the_code_cites_has_a_row() -> None:
    cited = {number for path in CODE for number in re.findall(r"RFC ?(\d{3,4})", path.read_text())}
    rows = "\n".join(line for line in (ROOT / "docs" / "rfcs.md").read_text().splitlines() if line.startswith("|"))
    assert cited - set(re.findall(r"\b\d{3,4}\b", rows)) == set()


def test_every_test_that_the_rules_name_exists() -> None:
    named = re.findall(r"`(test_\w+|[\w-]+\.txt)`", (ROOT / "docs" / "rfcs.md").read_text())
    tests = sorted((ROOT / "tests").rglob("test_*.py"))
    there = {name for path in tests for name in re.findall(r"def (test_\w+)", path.read_text())}
    there |= {path.name for path in (ROOT / "tests" / "dialogues").glob("*.txt")}
    assert len(named) > 60
    assert set(named) - there == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_every_file_that_a_document_names_exists(path: Path) -> None:
    text = path.read_text()
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (path.parent / target).exists(), target
    for name in re.findall(r"`((?:mta|mda|mua|dns|mailbox|access|message|internet|tests|docs)/[\w/.]*)`", text):
        assert (ROOT / "mailcourse" / name).exists() or (ROOT / name).exists(), name


def test_every_event_is_used_and_every_used_event_is_in_the_table() -> None:
    used = set()
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                used |= {
                    inner.value
                    for argument in node.args
                    for inner in ast.walk(argument)
                    if isinstance(inner, ast.Constant) and inner.value in EVENTS
                }
    assert used == set(EVENTS)


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.name)
def test_a_lesson_is_in_order(path: Path) -> None:
    cells = json.loads(path.read_text())["cells"]
    text = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    headings = [line for cell in text for line in cell.splitlines() if re.match(r"#+ ", line)]
    assert sum(line.startswith("# ") for line in headings) == 1
    assert headings[0].startswith("# ")
    assert not any(line.startswith("####") for line in headings)
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        assert len("".join(cell["source"]).splitlines()) <= 15
        shown = json.dumps(cell["outputs"])
        assert "Traceback" not in shown
        assert "Warning" not in shown
        assert "/tmp/" not in shown
        assert "/home/" not in shown


def test_the_readme_lists_every_lesson() -> None:
    readme = (ROOT / "README.md").read_text()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"notebooks/{path.name}" in readme
