"""A class is marked in one go: whatever one hand-in does, all get the points they should."""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from assignment import ASSIGNMENTS, ROOT
from submissions import KINDS, NAME, OTHERS, expected, write

from mailcourse.checks.class_page import class_page, marks_csv
from mailcourse.checks.grading import Marks
from mailcourse.checks.submissions import collect
from mailcourse.internet.errors import LabError

LONG = bool(os.environ.get("MAILCOURSE_LONG"))
#: every kind once, and right ones up to thirty; without MAILCOURSE_LONG the quick ones that differ most
CLASS = [*KINDS, *OTHERS, *["right"] * (30 - len(KINDS) - len(OTHERS))]
FEW = ["right", "half", "ends the kernel", "patched check", "untouched", "no notebook", "cells gone"]


def grade(assignment: str, folder: Path, into: Path) -> list[dict[str, str]]:
    command = [sys.executable, "-m", "mailcourse.cli", "grade", assignment, str(folder), "--into", str(into)]
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
    marks = grade(NAME, tmp_path / "in", tmp_path / "out")
    seconds, peak = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"{len(marks)} hand-ins: {seconds:.0f} s, {peak} MB at most in one process")
    got = {row["student"]: float(row["points"]) for row in marks}
    assert got == {student: expected(kind) for student, kind in students.items()}
    assert peak < 1000
    notes = {students[row["student"]]: row["notes"] for row in marks}
    assert "could not be read" in notes["no notebook"]
    assert "cells were missing: wire-check" in notes["cells gone"]
    assert "looks into the checks" in notes["patched check"]
    assert notes["right"] == ""
    for student in students:
        page = (tmp_path / "out" / "feedback" / student / NAME / f"{NAME}.html").read_text("utf-8")
        assert "Who gets the reply?" in page
        assert len(page) < 2_000_000
    whole = (tmp_path / "out" / f"{NAME}.html").read_text("utf-8")
    assert whole.count("<tr>") > len(students)
    assert "http" not in whole.replace("http://www.w3.org/2000/svg", "")


@pytest.fixture(scope="module")
def term(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where several assignments are marked, one after the other."""
    return tmp_path_factory.mktemp("term")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ASSIGNMENTS if LONG else ["08-repair"])
def test_nbgrader_gives_a_right_hand_in_all_points(name: str, tmp_path: Path, term: Path) -> None:
    write(tmp_path / "in", "Zoë", "right", name)
    (marks,) = grade(name, tmp_path / "in", term)
    assert float(marks["points"]) + float(marks["to be marked by hand"]) == float(marks["of"])
    assert marks["notes"] == ("looks into the checks" if name == "08-repair" else "")  # the solution asks for the fault


def test_hand_ins_come_in_any_folders(tmp_path: Path) -> None:
    text = (ROOT / "exercises" / NAME / f"{NAME}.ipynb").read_text("utf-8")
    for path in (
        f"ana/{NAME}/{NAME}.ipynb",
        "ben/my answers.ipynb",
        f"Cleo López_4711_assignsubmission_file/{NAME}.ipynb",
        f"dora_{NAME}.ipynb",
        "eli/02-dns/02-dns.ipynb",
        f"../outside_{NAME}.ipynb",
        ".ipynb_checkpoints/x.ipynb",
    ):
        file = tmp_path / "in" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    found = collect(tmp_path / "in", NAME, ROOT / "exercises", tmp_path / "out")
    assert [one.student for one in found] == ["Cleo López", "ana", "ben", "dora"]
    for one in found:
        nbformat.read(tmp_path / "out" / one.student / NAME / f"{NAME}.ipynb", as_version=4)


def test_two_in_one_world_are_noted(tmp_path: Path) -> None:
    for student in ("ana", "ben"):
        file = write(tmp_path / "in", student, "right")
        file.write_text(file.read_text("utf-8").replace(f'STUDENT = \\"{student}\\"', 'STUDENT = \\"Ana\\"'), "utf-8")
    notes = {one.student: one.notes for one in collect(tmp_path / "in", NAME, ROOT / "exercises", tmp_path / "out")}
    assert notes == {"ana": ("the same world as ben",), "ben": ("the same world as ana",)}


def test_an_empty_or_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    for folder, words in ((tmp_path, "There is no notebook of 01-addresses"), (tmp_path / "x", "There is no folder")):
        with pytest.raises(LabError, match=words):
            collect(folder, NAME, ROOT / "exercises", tmp_path / "out")


def test_names_are_text_in_table_and_page() -> None:
    marks = [Marks("=1+1", "<b>x</b>", {"split": 2.0}, {"split": 6.0}, notes=["<script>alert(1)</script>"])]
    assert "'=1+1" in marks_csv(marks)
    page = class_page(NAME, marks)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
