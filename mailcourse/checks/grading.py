"""`mailcourse grade 02-dns FOLDER`: every submission marked, feedback pages, a CSV of marks, a page of the class.

    FOLDER ─► submissions.py ─► grading/submitted ─► nbgrader, with execute.py ─► grading/autograded, grading/feedback
                                  └─► grading/gradebook.db ─► class_page.py ─► 02-dns.csv, 02-dns.html

Whatever one submission does, the others are marked.  Free-text answers are marked by hand, in nbgrader's Formgrader.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbgrader.apps import NbGraderAPI

from .release import ROOT, configured, find_programs
from .submissions import Submission, collect, read_notebook

NOT_YET = re.compile(r"not yet(?:</td><td[^>]*>| )(.+?) \([\d.]+ points?\)")


@dataclass
class Marks:
    """One student's points, by task; `open` are tasks that a person has to mark."""

    student: str
    name: str
    points: dict[str, float] = field(default_factory=dict)
    max_points: dict[str, float] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    failed_parts: Counter[tuple[str, str]] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> float:
        """All points so far."""
        return sum(self.points.values())


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' remarks to programmers away from teachers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(before)


def grade(
    assignment: str, folder: Path, into: Path, tell: Callable[[str], object] = print, root: Path = ROOT
) -> list[Marks]:
    """Mark all submissions of an assignment in `folder`; what is made is in `into`.  Marking again starts over."""
    find_programs()
    into.mkdir(parents=True, exist_ok=True)
    submitted = into / "submitted"
    for old in submitted.glob(f"*/{assignment}"):
        shutil.rmtree(old)
    submissions = collect(folder, assignment, root / "exercises", submitted)
    with _quiet():
        api = _api(into, root)
        result = api.generate_assignment(assignment, force=True, create=True)
        assert result["success"], result.get("error")
        marks = []
        for number, submission in enumerate(submissions, 1):
            marks.append(_mark(api, assignment, submission, into))
            tell(f"{number:>3} of {len(submissions)}  {submission.student}: {marks[-1].total:g} points")
    return marks


def _api(into: Path, root: Path) -> Any:
    folders = {name: str(into / name.removesuffix("_directory")) for name in FOLDERS}
    database = f"sqlite:///{(into / 'gradebook.db').resolve().as_posix()}"
    source = str(root / "solutions")
    return NbGraderAPI(config=configured(into.resolve(), source_directory=source, db_url=database, **folders))


FOLDERS = ("release_directory", "submitted_directory", "autograded_directory", "feedback_directory")


def _mark(api: Any, assignment: str, submission: Submission, into: Path) -> Marks:
    marks = Marks(submission.student, submission.name, notes=list(submission.notes))
    os.environ["MAILCOURSE_STUDENT"] = submission.student  # whose world it is, where the first cell does not say
    try:
        for step in (api.autograde, api.generate_feedback):
            result = step(assignment, submission.student, force=True)
            if not result["success"]:
                marks.notes.append(f"could not be marked: {_reason(result)}")
                break
    finally:
        del os.environ["MAILCOURSE_STUDENT"]
    _read_points(api, assignment, marks)
    _read_failed(into / "autograded" / submission.student / assignment / f"{assignment}.ipynb", marks)
    return marks


def _reason(result: Any) -> str:
    lines = str(result.get("error") or result.get("log") or "nbgrader does not say why").strip().splitlines()
    return lines[-1][:200]


def _read_points(api: Any, assignment: str, marks: Marks) -> None:
    with api.gradebook as book:
        submission = book.find_submission(assignment, marks.student)
        for grade_ in (one for notebook in submission.notebooks for one in notebook.grades):
            task = grade_.cell.name.removesuffix("-check")
            marks.points[task] = float(grade_.score or 0)
            marks.max_points[task] = float(grade_.cell.max_score)
            if grade_.needs_manual_grade:
                marks.open.add(task)


def _read_failed(notebook: Path, marks: Marks) -> None:
    """Count which parts of tasks were not passed, from what the checks said."""
    if not notebook.exists():
        return
    for cell in read_notebook(notebook).cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        for output in cell.get("outputs", ()) if name.endswith("-check") else ():
            said = "\n".join(output.get("traceback", ())) + str(output.get("data", {}).get("text/html", ""))
            marks.failed_parts.update((name.removesuffix("-check"), part) for part in NOT_YET.findall(said))
