"""Wrong answers earn what they should, and are told what is wrong with them; at least two for each task.

Each assignment has a file of them beside this one: the answer, its points, and words of what the check says.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from assignment import ASSIGNMENTS, Assignment

from mailcourse.checks import tries
from mailcourse.checks.task import tasks

HERE = Path(__file__).parent


def wrong(name: str) -> list[dict[str, Any]]:
    """The wrong answers to one assignment."""
    return list(tomllib.loads((HERE / f"{name}.toml").read_text("utf-8"))["wrong"])


ALL = [(name, answer) for name in ASSIGNMENTS for answer in wrong(name)]


@cache
def begun(name: str) -> tuple[Assignment, dict[str, dict[str, Any]]]:
    assignment = Assignment(name)
    return assignment, assignment.begun("Ana")


@pytest.mark.parametrize(("name", "answer"), ALL, ids=[f"{name} {one['task']} {one['why']}" for name, one in ALL])
def test_a_wrong_answer_is_told_what_is_wrong(name: str, answer: dict[str, Any]) -> None:
    assignment, before = begun(name)
    task = answer["task"]
    tries.forget(name, task)
    verdict = assignment.tried(task, before[task], answer["answer"], marked=answer.get("marked", False))
    said = " ".join("\n".join(verdict.lines()).split())
    assert verdict.points == answer["points"] < tasks(name)[task].points, said
    assert all(words in said for words in answer["says"]), said
    assert verdict.is_try == answer.get("is_try", True), said
    if not answer.get("marked"):
        assert ("Hint 1 of" in said) == verdict.is_try, said


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_every_task_has_two_wrong_answers(name: str) -> None:
    counted = Counter(one["task"] for one in wrong(name))
    assert all(counted[task] >= 2 for task in tasks(name)), counted
