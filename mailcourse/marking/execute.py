"""nbgrader's own `autograde`, also from Formgrader's button: the same rooms and the same judge as `mailcourse grade`.

nbgrader gives this its notebooks through nbgrader_config.py, and reads the points where this has written them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from nbgrader.preprocessors import NbGraderPreprocessor

from mailcourse.checks.verdict import Verdict

from . import results
from .found import Learner
from .grading import exercise_of
from .marker import Marked, Work, end_judges, mark
from .notebook import OwnCell, Sheet, laid_out, task_name


class Judged(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader has no types
    """Run a notebook in a room, have it judged, and write what came of it into its cells."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Mark one notebook."""
        about = resources["nbgrader"]
        into = Path(about["db_url"].removeprefix("sqlite:///")).resolve().parent
        exercise = exercise_of(about["assignment"], None)
        own = [_own(cell) for cell in nb.cells]
        sheet = laid_out(own, exercise)
        hidden = results.hidden_worlds(into, exercise.name)
        person = _person(into, exercise.name, about["student"])
        try:
            marked = mark(Work(person.name, exercise.name, sheet, {}, hidden))
        finally:
            end_judges()
        result = results.result_of(person, sheet, marked, "by nbgrader", hidden)
        results.save(result, into, exercise.name)
        _write(nb, sheet, marked, result.verdicts)
        return nb, resources


def _own(cell: Any) -> OwnCell:
    grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
    return OwnCell(cell.cell_type, cell.source, str(cell.get("id", "")), str(grade_id))


def _person(into: Path, assignment: str, key: str) -> Learner:
    known = results.load(into, assignment).get(key)
    if known is None:
        return Learner(key, key)
    when = datetime.fromisoformat(known.when) if known.when else None
    return Learner(key, known.name, (), known.path, when, known.platform_id, known.folder, known.is_late)


def _write(nb: Any, sheet: Sheet, marked: Marked, verdicts: Mapping[str, Verdict]) -> None:
    """Put what cells printed and what the judge said where nbgrader looks for it."""
    from nbformat.v4 import new_output

    output: Any = new_output  # nbformat has no types
    places = iter(enumerate(sheet.cells))
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = []
        number = next((n for n, placed in places if placed.source == cell.source), -1)
        if text := marked.outputs.get(number):
            cell.outputs.append(output("stream", name="stdout", text=results.without_places(text)))
        about = cell.metadata.get("nbgrader", {})
        if not about.get("grade") or about.get("solution"):
            continue
        verdict = verdicts.get(task_name(about["grade_id"]))
        data = (
            {"text/plain": "0"}
            if verdict is None
            else {
                "text/plain": f"{verdict.points:g}",
                "text/html": verdict.html(),
            }
        )
        cell.outputs = [output("execute_result", data=data)]
