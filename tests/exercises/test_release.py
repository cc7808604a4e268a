"""exercises/ is what solutions/ gives, without solutions and hidden tests; the list of tasks says what there is."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from assignment import ASSIGNMENTS, ROOT, graded

from mailcourse.checks.catalogue import PAGE, rows, with_tasks
from mailcourse.checks.release import release
from mailcourse.checks.task import KINDS, tasks

MISCONCEPTIONS = re.findall(r"^\| ([\w-]+) \|", (ROOT / "docs" / "misconceptions.md").read_text(), re.MULTILINE)


def cells(path: Path) -> list[dict[str, object]]:
    return list(json.loads(path.read_text("utf-8"))["cells"])


def test_exercises_are_made_from_solutions_octet_for_octet(tmp_path: Path) -> None:
    assert release(tmp_path) == ASSIGNMENTS
    for made in tmp_path.rglob("*"):
        if made.is_file():
            kept = ROOT / "exercises" / made.relative_to(tmp_path)
            assert kept.read_bytes() == made.read_bytes(), f"{kept.name}: run `make exercises`"
    names = {path.relative_to(ROOT / "exercises") for path in (ROOT / "exercises").rglob("*.ipynb")}
    assert names == {path.relative_to(tmp_path) for path in tmp_path.rglob("*.ipynb")}


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_students_get_no_solution_and_no_hidden_test(name: str) -> None:
    text = (ROOT / "exercises" / name / f"{name}.ipynb").read_text("utf-8")
    for word in ("SOLUTION", "HIDDEN", "seeds=", "Nadir", "Zenith", "fault_of", "MARK SCHEME", "Guide for marking"):
        assert word not in text, word
    assert all(not cell.get("outputs") for cell in cells(ROOT / "exercises" / name / f"{name}.ipynb"))


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_every_check_is_worth_what_its_parts_are(name: str) -> None:
    known = tasks(name)
    for cell in cells(ROOT / "solutions" / name / f"{name}.ipynb"):
        about = graded(cell)
        if about.get("grade") and not about.get("solution"):
            task = known[about["grade_id"].removesuffix("-check")]
            assert about["points"] == task.points
            assert set(task.later) < set(task.parts)
            assert len(task.hints) >= 2
            assert not task.confronts or task.confronts in MISCONCEPTIONS


def test_there_are_tasks_of_every_kind_and_enough_of_them() -> None:
    found = list(rows())
    graded_ones = [row for row in found if row.kind != "explain"]
    assert len(graded_ones) >= 45
    assert 180 <= sum(row.points for row in found) <= 290
    counted = Counter(row.kind for row in found)
    assert all(counted[kind] >= 3 for kind in KINDS), counted
    for name in ASSIGNMENTS:
        assert 4 <= sum(row.assignment == name for row in found) <= 8
    assert {row.confronts for row in found} >= {
        "mx-number",
        "a-first",
        "backup-mirror",
        "from-header",
        "tls-end",
        "pop3-deletes",
    }


def test_the_page_for_teachers_lists_what_there_is() -> None:
    text = PAGE.read_text("utf-8")
    assert text == with_tasks(text), "run `make exercises`"


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_texts_of_exercises_are_as_in_lessons(name: str) -> None:
    markdown = [
        "".join(cell["source"])
        for cell in cells(ROOT / "solutions" / name / f"{name}.ipynb")
        if cell["cell_type"] == "markdown"
    ]  # type: ignore[arg-type]
    text = "\n".join(markdown)
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        assert (ROOT / "exercises" / name / link).exists(), link
    for address in re.findall(r"\w@([\w-]+(?:\.[\w-]+)+)", text):
        assert address.rsplit(".")[-1] in ("test", "example", "invalid")
