"""An assignment as a test runs it: the cells of its solution, in this process, with other answers in their place.

before = Assignment("02-dns").begun("Ana")["zone"]       the names that are there when the task is reached
Assignment("02-dns").tried("zone", before, "zone = 'x'")  what the check says of another answer
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailcourse.checks import NotYet, Points
from mailcourse.checks.task import assignments
from mailcourse.checks.verdict import Verdict

ROOT = Path(__file__).parents[2]
ASSIGNMENTS = assignments()


@dataclass(frozen=True)
class Cell:
    """One code cell: of which task, and whether it is the answer or the check."""

    task: str
    source: str
    is_answer: bool
    is_check: bool
    points: float


def graded(cell: dict[str, Any]) -> dict[str, Any]:
    """What nbgrader knows of a cell."""
    return dict(cell["metadata"].get("nbgrader", {}))


def read(path: Path) -> list[Cell]:
    """Return the code cells of an assignment's notebook; a cell belongs to the task whose heading is above it."""
    task, found = "", []
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        name = graded(cell).get("grade_id", "")
        if cell["cell_type"] == "markdown":
            task = name.removesuffix("-text") if name.endswith("-text") and name != "text" else task
            continue
        about = graded(cell)
        answers, checks = bool(about.get("solution")), bool(about.get("grade"))
        found.append(Cell(task, "".join(cell["source"]), answers, checks, float(about.get("points", 0))))
    return found


class Assignment:
    """The solution of one assignment."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cells = read(ROOT / "solutions" / name / f"{name}.ipynb")
        self.checks = {cell.task: cell for cell in self.cells if cell.is_check}

    def begun(self, student: str) -> dict[str, dict[str, Any]]:
        """Run the solution without its checks; return the names there were when each task was reached."""
        names: dict[str, Any] = {}
        found: dict[str, dict[str, Any]] = {}
        os.environ["MAILCOURSE_STUDENT"] = student
        try:
            for cell in self.cells:
                if cell.task and cell.task not in found:
                    found[cell.task] = dict(names)
                if not cell.is_check:
                    run(cell.source, names)
        finally:
            del os.environ["MAILCOURSE_STUDENT"]
        return found

    def tried(self, task: str, before: dict[str, Any], answer: str | None, *, marked: bool = False) -> Verdict:
        """Run the cells of one task with another answer (None: the solution's), and check it."""
        names = dict(before)
        for cell in self.cells:
            if cell.task != task:
                continue
            if cell.is_check:
                return checked(cell.source, names, marked)
            run(answer if cell.is_answer and answer is not None else cell.source, names)
        raise AssertionError(f"{task} has no check")


def run(source: str, names: dict[str, Any]) -> None:
    """Run a cell as a notebook does: an error in it does not stop the next."""
    try:
        exec(compile(source, "<cell>", "exec"), names)
    except Exception as error:
        names["_error"] = error


def checked(source: str, names: dict[str, Any], marked: bool) -> Verdict:
    """Run a check cell as a student does, or in other worlds too, as marking does; return what it said."""
    *lines, last = source.strip().splitlines()
    last = f'{last.removesuffix(")")}, seeds=("Nadir", "Zenith"))' if marked else last
    exec("\n".join(["from mailcourse.checks import check", *lines]), names)
    try:
        result = eval(last, names)
    except NotYet as why:
        return why.verdict
    except NameError as error:  # a notebook shows it; the cell has no points
        return Verdict(str(error), ())
    assert isinstance(result, Points)
    return result.verdict
