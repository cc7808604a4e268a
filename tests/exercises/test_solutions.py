"""Every solution earns all points, in several worlds; every untouched exercise earns none, and ends no kernel."""

from __future__ import annotations

import os

import pytest
from assignment import ASSIGNMENTS, ROOT, Assignment, checked, read, run

from mailcourse.checks.task import tasks

STUDENTS = ("Ana", "Sue", "李 小龙") if os.environ.get("MAILCOURSE_LONG") else ("Ana",)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("student", STUDENTS)
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_a_solution_earns_all_points(name: str, student: str) -> None:
    assignment = Assignment(name)
    before = assignment.begun(student)
    assert [*assignment.checks] == [*tasks(name)], "every task has a check, in the same order"
    for task, cell in assignment.checks.items():
        for marked in (False, True) if student == "Ana" else (True,):
            verdict = assignment.tried(task, before[task], None, marked=marked)
            assert verdict.points == cell.points == verdict.max_points, "\n".join(verdict.lines())


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_an_untouched_exercise_earns_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILCOURSE_STUDENT", "Ana")
    names: dict[str, object] = {}
    solution = Assignment(name)
    for cell in read(ROOT / "exercises" / name / f"{name}.ipynb"):
        if not cell.is_check:
            run(cell.source, names)
            continue
        for marked in (False, True):
            verdict = checked(solution.checks[cell.task].source, names, marked)
            assert verdict.points == 0, "\n".join(verdict.lines())
