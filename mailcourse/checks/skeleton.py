"""The notebook of a teacher's own assignment, to begin with: a text, an answer and a check for each task.

    mailcourse new 09-third-server --course my-course     ─►  my-course/solutions/09-third-server/09-third-server.ipynb

The teacher writes texts, and a solution between BEGIN SOLUTION and END SOLUTION; `mailcourse release` makes of it what
students get.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mailcourse.internet.errors import LabError

from .task import Task, tasks, use_course

CHECK = "from mailcourse.checks import check\n\n"


def write_skeleton(assignment: str, course: Path) -> Path:
    """Write the notebook of an assignment; one that is there already is left alone."""
    path = use_course(course) / "solutions" / assignment / f"{assignment}.ipynb"
    if path.exists():
        raise LabError(f"{str(path)!r} is there already. Change it in JupyterLab, or take it away to begin again.")
    about = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    made = {"cells": list(_cells(assignment)), "metadata": about, "nbformat": 4, "nbformat_minor": 5}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return path


def _cells(assignment: str) -> Iterator[dict[str, Any]]:
    known = tasks(assignment)
    yield _cell("markdown", "text", f"# Exercise {assignment}\n\nWhat this exercise is about.", locked=True)
    begin = f'begin("{assignment}", STUDENT, course="../..")'
    name = 'STUDENT = ""  # write your name between the quotes, such as "Ana"'
    yield _cell("code", "begin", f"from mailcourse.checks import begin, check\n\n{name}\nworld = {begin}\nworld")
    for number, task in enumerate(known.values(), 1):
        text = f"## {number} · {task.title} ({task.points:g} points)\n\nWhat is asked for."
        yield _cell("markdown", f"{task.name}-text", text, locked=True)
        if look := _look(task):
            yield _cell("code", f"{task.name}-look", look)
        yield _cell("code", task.name, _stub(task), task=task.name, solution=True)
        check = f'{CHECK}check("{assignment}", "{task.name}", {_answer(task)})'
        yield _cell("code", f"{task.name}-check", check, locked=True, points=task.points)


def _answer(task: Task) -> str:
    return "lab" if task.opens is not None else task.name.replace("-", "_")


def _look(task: Task) -> str:
    if task.opens is not None:
        return f'lab = world.lab("{task.name}")'
    return f'world.given("{task.name}")' if task.given is not None else ""


def _stub(task: Task) -> str:
    if task.opens is not None:
        return "...  # your answer here\n### BEGIN SOLUTION\n### END SOLUTION"
    if task.kind == "write":
        return f"def {_answer(task)}(value):\n    ### BEGIN SOLUTION\n    return value\n    ### END SOLUTION"
    return f"{_answer(task)} = ...  # your answer here\n### BEGIN SOLUTION\n### END SOLUTION"


def _cell(
    kind: str,
    name: str,
    source: str,
    *,
    locked: bool = False,
    solution: bool = False,
    points: float | None = None,
    task: str = "",
) -> dict[str, Any]:
    """Return a cell; one that is locked, an answer or worth points has a name in the gradebook."""
    metadata: dict[str, Any] = {}
    if locked or solution:
        about = {"grade_id": name, "locked": locked, "solution": solution, "grade": points is not None}
        metadata["nbgrader"] = {**about, "schema_version": 3, "task": False}
        if points is not None:
            metadata["nbgrader"]["points"] = points
    if task:
        metadata["mailcourse"] = {"task": task}
    made = {"cell_type": kind, "id": name, "metadata": metadata, "source": source}
    return made if kind == "markdown" else {**made, "execution_count": None, "outputs": []}
