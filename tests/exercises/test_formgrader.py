"""What nbgrader's Formgrader shows of a class that `mailcourse grade` has marked."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbconvert.filters.strings import clean_html
from nbgrader.apps import NbGraderAPI
from submissions import NAME, write

from mailcourse.checks.release import configured
from mailcourse.marking.grading import Job, grade


def test_formgrader_knows_who_is_marked_with_which_points_and_when(tmp_path: Path) -> None:
    write(tmp_path / "in", "Ana López", "right")
    write(tmp_path / "in", "ben", "renamed")
    into = tmp_path / "grading"
    for again in (False, True):
        grade(Job(NAME, tmp_path / "in", into, again=again))
        places = {kind: str(into / kind) for kind in ("submitted", "autograded")}
        named = {f"{kind}_directory": place for kind, place in places.items()}
        api = NbGraderAPI(config=configured(into, db_url=f"sqlite:///{into.as_posix()}/gradebook.db", **named))
        shown = {entry["student"]: entry for entry in api.get_submissions(NAME)}
        points = {key: (entry["autograded"], entry["score"], entry["max_score"]) for key, entry in shown.items()}
        assert points == {"Ana López": (True, 24.0, 24.0), "ben": (True, 21.0, 24.0)}
        assert all(entry["display_timestamp"] for entry in shown.values())
        names = {key: (entry["first_name"], entry["last_name"]) for key, entry in shown.items()}
        assert names == {"Ana López": ("Ana", "López"), "ben": ("", "ben")}


def test_formgrader_shows_no_marks_of_html_in_a_verdict(tmp_path: Path) -> None:
    write(tmp_path / "in", "ben", "renamed")
    grade(Job(NAME, tmp_path / "in", tmp_path / "grading"))
    made = tmp_path / "grading" / "autograded" / "ben" / NAME / f"{NAME}.ipynb"
    outputs = [output for cell in nbformat.read(made, 4).cells for output in cell.get("outputs", ())]
    shown = [clean_html(output.data["text/html"]) for output in outputs if "text/html" in output.get("data", {})]
    assert any("This task looks for" in html for html in shown)
    assert [html for html in shown if "&lt;" in html] == []
