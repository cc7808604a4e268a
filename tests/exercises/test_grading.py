"""A class is marked in one go: whatever one submission does, all get the points they should."""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from assignment import ASSIGNMENTS, ROOT
from submissions import KINDS, NAME, OTHERS, expected, write

from mailcourse.internet.errors import LabError
from mailcourse.marking import grading
from mailcourse.marking.class_page import class_page
from mailcourse.marking.found import people_in
from mailcourse.marking.tables import Marks, marks_csv

LONG = bool(os.environ.get("MAILCOURSE_LONG"))
#: every kind once, and right ones up to thirty-six; without MAILCOURSE_LONG the quick ones that differ most
CLASS = [*KINDS, *OTHERS, *["right"] * (36 - len(KINDS) - len(OTHERS))]
FEW = ["right", "half", "ends the kernel", "patched check", "untouched", "no notebook", "cells gone"]


def grade(assignment: str, folder: Path, into: Path, *more: str) -> list[dict[str, str]]:
    command = [sys.executable, "-m", "mailcourse.cli", "grade", assignment, str(folder), "--into", str(into), *more]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    assert ran.stderr == "", "a teacher sees no remarks for programmers"
    with (into / f"{assignment}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.timeout(1800)
def test_a_class_is_marked_whatever_they_hand_in(tmp_path: Path) -> None:
    kinds = CLASS if LONG else FEW
    students = {f"s{number:02} {kind}": kind for number, kind in enumerate(kinds)}
    for student, kind in students.items():
        write(tmp_path / "in", student, kind)
    began = time.monotonic()
    marks = grade(NAME, tmp_path / "in", tmp_path / "out", "--seconds", "8")
    seconds, peak = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"{len(marks)} submissions: {seconds:.0f} s, {peak} MB at most in one process")
    got = {row["student"]: float(row["points"]) for row in marks}
    assert got == {student: expected(kind) for student, kind in students.items()}
    assert peak < 1000
    notes = {students[row["student"]]: row["notes"] for row in marks}
    assert "could not be read" in notes["no notebook"]
    assert "cells were missing: wire-check" in notes["cells gone"]
    assert "looks into the checks" in notes["patched check"]
    assert "the cell wire: it ended" in notes["ends the kernel"]
    assert notes["untouched"] == ""
    for student in students:
        page = (tmp_path / "out" / "feedback" / student / NAME / f"{NAME}.html").read_text("utf-8")
        assert "Who gets the reply?" in page
        assert len(page) < 100_000
    whole = (tmp_path / "out" / f"{NAME}.html").read_text("utf-8")
    assert whole.count("<tr>") > len(students)
    assert "http:" not in whole.replace("http://www.w3.org/2000/svg", "")


@pytest.fixture(scope="module")
def term(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where several assignments are marked, one after the other."""
    return tmp_path_factory.mktemp("term")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ASSIGNMENTS if LONG else ["08-repair"])
def test_a_right_submission_gets_all_points(name: str, tmp_path: Path, term: Path) -> None:
    write(tmp_path / "in", "Zoë", "right", name)
    (marks,) = grading.grade(grading.Job(name, tmp_path / "in", term)).marks
    assert marks.total + marks.waiting == marks.most
    assert marks.notes == (["looks into the checks"] if name == "08-repair" else [])  # the solution asks for the fault


def test_make_grade_takes_relative_folders_and_writes_into_grading(tmp_path: Path) -> None:
    write(tmp_path / "in", "ana", "untouched")
    for name in ("pyproject.toml", "setup.sh", "ready"):  # as where everything is set up
        (tmp_path / name).touch()
    command = ["make", "-s", "-f", str(ROOT / "Makefile"), f"BIN={Path(sys.executable).parent}", "READY=ready"]
    command += ["grade", f"ASSIGNMENT={NAME}", "FOLDER=in"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / "grading" / f"{NAME}.csv").exists()
    assert not (tmp_path / "grading" / "grading").exists()


def test_an_empty_or_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    for folder, words in ((tmp_path, "There is no notebook of 01-addresses"), (tmp_path / "x", "There is no folder")):
        with pytest.raises(LabError, match=words):
            people_in(folder, NAME, ASSIGNMENTS)


def test_names_are_text_in_table_and_page() -> None:
    marks = [Marks("=1+1", "<b>x</b>", {"split": 2.0}, {"split": 6.0}, notes=["<script>alert(1)</script>"])]
    assert "'=1+1" in marks_csv(marks)
    page = class_page(NAME, marks, {})
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
