"""The tables of docs/taught.md: each task has a place where it is taught, and so has each question of an exam."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "taught.md").read_text("utf-8")
TAUGHT = re.findall(r"^\| (\d\d-\w+) \| ([\w-]+) \| (\d\d) \| (.+) \|$", PAGE, re.MULTILINE)
EXAM = re.findall(r"^\| (\d+) \| (.+) \| (\d\d) (.+) \| (.+) \| (\d\d-\w+) ([\w-]+) \|$", PAGE, re.MULTILINE)
#: made by `make exercises`, free text included
ALL = sorted(
    re.findall(r"^\| (\d\d-\w+) \| ([\w-]+) \|", (ROOT / "docs" / "grading.md").read_text("utf-8"), re.MULTILINE)
)


def headings(lesson: str) -> set[str]:
    path = next((ROOT / "notebooks").glob(f"{lesson}-*.ipynb"))
    cells = json.loads(path.read_text("utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    return {heading for text in texts for heading in re.findall(r"^#{2,3} (.+)$", text, re.MULTILINE)}


def test_every_task_has_one_row() -> None:
    assert sorted((assignment, task) for assignment, task, _, _ in TAUGHT) == ALL


def test_every_task_is_taught_under_a_heading_of_its_lesson_or_an_earlier_one() -> None:
    for assignment, task, lesson, section in TAUGHT:
        assert lesson <= assignment[:2], task
        assert section in headings(lesson), f"{task}: lesson {lesson} has no section “{section}”"


def test_forty_questions_are_each_taught_shown_and_practised() -> None:
    assert [int(row[0]) for row in EXAM] == list(range(1, 41))
    for number, _, lesson, section, shown, assignment, task in EXAM:
        assert section in headings(lesson), f"question {number}: lesson {lesson} has no section “{section}”"
        assert (assignment, task) in ALL, f"question {number}: there is no task {task}"
        assert shown


def test_the_exam_asks_about_every_lesson_from_01_on() -> None:
    assert {row[2] for row in EXAM} == {f"{number:02}" for number in range(1, 10)}
