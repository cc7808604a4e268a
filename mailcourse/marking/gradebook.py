"""nbgrader's gradebook and its notebooks, written by the marking process: for Formgrader, where a person goes on.

    grading/gradebook.db                            students, points, what a person has to mark
    grading/autograded/KEY/02-dns/02-dns.ipynb      what Formgrader shows: answers, what they printed, verdicts
    grading/submitted/KEY/02-dns/02-dns.ipynb       the same before it was marked; only where nothing else is

What a teacher has marked by hand is never changed.  Nothing that a student wrote is markup in what is written here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mailcourse.checks.gradebook_file import begin_gradebook
from mailcourse.checks.verdict import Verdict

from .notebook import Exercise, Given, Placed, Sheet, task_name
from .results import Result, is_untouched, without_places

COURSE = "mailcourse"
MADE = "made by mailcourse grade"
SCHEME = re.compile(r"(javascript|vbscript|data)(\s*):", re.IGNORECASE)


@dataclass(frozen=True)
class Mark:
    """What the gradebook says of one task of one student; `by_hand` is True when a person has given the points."""

    points: float
    max_points: float
    is_open: bool = False
    by_hand: bool = False
    comment: str = ""


@contextmanager
def opened(into: Path) -> Iterator[Any]:
    """Open the gradebook of a folder."""
    from nbgrader.api import Gradebook  # slow to import: only here

    path = into.resolve() / "gradebook.db"
    begin_gradebook(path)
    with Gradebook(f"sqlite:///{path.as_posix()}", COURSE) as book:
        yield book


def enter_exercise(book: Any, exercise: Exercise, weights: Mapping[str, float], due: datetime | None) -> None:
    """Put an assignment and its cells into the gradebook; `weights` are other points for some tasks."""
    from nbgrader.api import MissingEntry

    name = exercise.name
    book.update_or_create_assignment(name, **({} if due is None else {"duedate": due.astimezone().isoformat()}))
    try:
        book.find_notebook(name, name)
    except MissingEntry:
        book.add_notebook(name, name, kernelspec=json.dumps(exercise.metadata.get("kernelspec", {})))
    for cell in exercise.cells:
        if not cell.grade_id:
            continue
        if cell.points is not None:
            worth = weights.get(task_name(cell.grade_id), cell.points)
            book.update_or_create_grade_cell(cell.grade_id, name, name, max_score=worth, cell_type=cell.kind)
        if cell.is_answer:
            book.update_or_create_solution_cell(cell.grade_id, name, name)
        about = {"checksum": cell.about.get("checksum"), "locked": bool(cell.about.get("locked"))}
        book.update_or_create_source_cell(cell.grade_id, name, name, cell_type=cell.kind, source=cell.source, **about)


def enter_result(book: Any, exercise: Exercise, result: Result, before: Result | None) -> list[str]:
    """Put the points of one submission into the gradebook; return what a person should look at again."""
    name, again = exercise.name, []
    first, _, last = result.name.partition(" ")
    about = {"first_name": first if last else "", "last_name": last or first}  # Formgrader shows "last, first"
    book.update_or_create_student(result.key, **about, lms_user_id=result.platform_id or None)
    when = {"timestamp": when_of(result)} if result.when else {}
    book.update_or_create_submission(name, result.key, **when)
    for grade_id, cell in exercise.graded.items():
        grade = _grade(book, exercise, grade_id, result.key)
        if grade_id in exercise.checks:
            verdict = result.verdicts.get(task_name(grade_id))
            grade.auto_score = _scaled(verdict, cell, float(grade.max_score))
            grade.needs_manual_grade = False
            continue
        text = result.texts.get(grade_id, "")
        grade.auto_score = 0.0 if is_untouched(exercise, grade_id, text) else None
        grade.needs_manual_grade = grade.auto_score is None and grade.manual_score is None
        changed = before is not None and before.texts.get(grade_id, text).strip() != text.strip()
        if grade.manual_score is not None and changed:
            grade.needs_manual_grade = True
            again.append(f"{task_name(grade_id)} was changed after you marked it; your points are kept")
    book.db.commit()
    return again


def when_of(result: Result) -> str:
    """Return when somebody handed in, as nbgrader reads it."""
    return datetime.fromisoformat(result.when).astimezone().isoformat() if result.when else ""


def _grade(book: Any, exercise: Exercise, grade_id: str, student: str) -> Any:
    """Return the entry of one task; a submission that is older than the task has none yet."""
    from nbgrader.api import Grade, MissingEntry

    try:
        return book.find_grade(grade_id, exercise.name, exercise.name, student)
    except MissingEntry:
        notebook = book.find_submission_notebook(exercise.name, exercise.name, student)
        cell = book.find_graded_cell(grade_id, exercise.name, exercise.name)
        book.db.add(Grade(cell_id=cell.id, notebook=notebook))
        book.db.commit()
        return book.find_grade(grade_id, exercise.name, exercise.name, student)


def _scaled(verdict: Verdict | None, cell: Given, worth: float) -> float:
    """Return the points of a verdict where the task is worth `worth`."""
    if verdict is None or not cell.points:
        return 0.0
    return round(verdict.points * worth / cell.points, 2)


def marks_of(book: Any, exercise: Exercise, student: str) -> dict[str, Mark]:
    """Return what the gradebook says of one student, by task, in the order of the exercise."""
    from nbgrader.api import MissingEntry

    found = {}
    for grade_id in exercise.graded:
        grade = _grade(book, exercise, grade_id, student)
        try:
            comment = book.find_comment(grade_id, exercise.name, exercise.name, student).comment or ""
        except MissingEntry:
            comment = ""
        by_hand = grade.manual_score is not None
        is_open = bool(grade.needs_manual_grade)
        found[task_name(grade_id)] = Mark(
            float(grade.score or 0), float(grade.max_score), is_open, by_hand, str(comment)
        )
    return found


def students(book: Any, assignment: str) -> list[str]:
    """Return everybody who has a submission of an assignment in the gradebook."""
    return [submission.student.id for submission in book.assignment_submissions(assignment)]


# ---- notebooks -------------------------------------------------------------------------------------------


def notebook(exercise: Exercise, sheet: Sheet, result: Result | None, outputs: Mapping[int, str]) -> dict[str, Any]:
    """Return a notebook as nbgrader wants it; without a result, as it was before it was marked."""
    cells = [_cell(number, cell, result, outputs) for number, cell in enumerate(sheet.cells)]
    metadata = {**exercise.metadata, "mailcourse": {"made": MADE}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cell(number: int, cell: Placed, result: Result | None, outputs: Mapping[int, str]) -> dict[str, Any]:
    kind = cell.kind if cell.kind in ("code", "markdown", "raw") else "raw"
    metadata = dict(cell.given.metadata) if cell.given is not None else {}
    own = cell.given.cell_id if cell.given is not None and cell.given.cell_id else f"own-{number}"
    is_ours = cell.given is not None and cell.given.source == cell.source
    source = cell.source if kind == "code" or is_ours or result is None else as_text(cell.source)
    made: dict[str, Any] = {"cell_type": kind, "id": own, "metadata": metadata, "source": source}
    if kind == "code":
        made |= {"execution_count": None, "outputs": _outputs(number, cell, result, outputs)}
    return made


def as_text(source: str) -> str:
    """Return Markdown of a student with nothing in it that a browser would run.

    >>> as_text("**a** <script>alert(1)</script> [x](javascript:alert(1))")
    '**a** &lt;script>alert(1)&lt;/script> [x](javascript :alert(1))'
    """
    return SCHEME.sub(r"\1 :", source.replace("&", "&amp;").replace("<", "&lt;"))


def _outputs(number: int, cell: Placed, result: Result | None, outputs: Mapping[int, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if text := outputs.get(number):
        found.append({"output_type": "stream", "name": "stdout", "text": without_places(text)})
    for check in cell.checks if result is not None and cell.given is not None else ():
        if verdict := result.verdicts.get(check.task) if result else None:
            data = {"text/plain": f"{verdict.points:g}", "text/html": verdict.html()}
            found.append({"output_type": "execute_result", "execution_count": None, "data": data, "metadata": {}})
    return found


def write_notebook(made: Mapping[str, Any], path: Path) -> None:
    """Write a notebook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", "utf-8")


def write_submitted(made: Mapping[str, Any], path: Path, when: str) -> None:
    """Write a notebook as it was handed in; `when` beside it is how Formgrader knows that it has been marked."""
    write_notebook(made, path)
    beside = path.with_name("timestamp.txt")
    if when:
        beside.write_text(when, "ascii")
    else:
        beside.unlink(missing_ok=True)


def is_ours(path: Path) -> bool:
    """Say whether a notebook was written by marking, so that it may be written again."""
    try:
        return bool(json.loads(path.read_text("utf-8"))["metadata"]["mailcourse"]["made"] == MADE)
    except (OSError, ValueError, KeyError, TypeError):
        return False
