"""The list of all tasks, for teachers: made from the solutions' notebooks and the tasks, and kept in docs/grading.md.

    python -m mailcourse.checks.catalogue      write it again (`make exercises` does)

A test compares, so that the page never says anything else than the exercises.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .release import ROOT
from .task import assignments, tasks

PAGE = ROOT / "docs" / "grading.md"
BEGIN, END = "<!-- tasks: made by make exercises -->", "<!-- end of tasks -->"


@dataclass(frozen=True)
class TaskRow:
    """One task as teachers see it."""

    assignment: str
    name: str
    title: str
    kind: str
    points: float
    aim: str
    confronts: str


def rows(root: Path = ROOT) -> Iterator[TaskRow]:
    """Return all tasks, in the order of the notebooks."""
    for assignment in assignments():
        by_name = tasks(assignment)
        notebook = root / "solutions" / assignment / f"{assignment}.ipynb"
        for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
            graded, own = cell["metadata"].get("nbgrader", {}), cell["metadata"].get("mailcourse", {})
            if not graded.get("grade"):
                continue
            points = float(graded["points"])
            if graded.get("solution"):  # free text: what is known of it is in its cell
                yield TaskRow(assignment, own["task"], own["title"], "explain", points, own["aim"], own["confronts"])
            else:
                task = by_name[graded["grade_id"].removesuffix("-check")]
                yield TaskRow(assignment, task.name, task.title, task.kind, points, task.aim, task.confronts)


def page(entries: list[TaskRow]) -> str:
    """Write the tasks as a table of Markdown, with sums."""
    lines = ["| assignment | task | title | kind | points | aim | misconception |", "|---|---|---|---|---|---|---|"]
    lines += [
        f"| {r.assignment} | {r.name} | {r.title} | {r.kind} | {r.points:g} | {r.aim} | {r.confronts} |"
        for r in entries
    ]
    sums = {name: sum(row.points for row in entries if row.assignment == name) for name in assignments()}
    lines += [
        "",
        f"{len(entries)} tasks, {sum(sums.values()):g} points: "
        + ", ".join(f"{n} {p:g}" for n, p in sums.items())
        + ".",
    ]
    return "\n".join(lines)


def with_tasks(text: str) -> str:
    """Return the text of a page with its list of tasks made again."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{page(list(rows()))}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_tasks(PAGE.read_text("utf-8")), "utf-8")
    print("wrote", PAGE.relative_to(ROOT))
