"""A class is marked again: what a person did is kept, what has not changed is not run, nothing handed in is touched."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import zipfile
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
from assignment import ROOT
from submissions import notebook, write

from mailcourse.internet.errors import LabError
from mailcourse.marking import gradebook
from mailcourse.marking.grading import Job, Outcome, grade, write_all
from mailcourse.marking.results import hidden_worlds
from mailcourse.marking.tables import Marks

NAME, TEXT = "03-roles", "one-program"


def answered(folder: Path, student: str, text: str, **codes: str) -> Path:
    """Write a submission with a text for a person to read, and some answers."""
    made = json.loads(json.dumps(notebook("exercises", NAME)))
    for cell in made["cells"]:
        cell["source"] = cell["source"].replace('STUDENT = ""', f'STUDENT = "{student}"')
        name = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
        cell["source"] = text if name == TEXT else codes.get(name, cell["source"])
    file = folder / student / f"{NAME}.ipynb"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(made), "utf-8")
    return file


def by_student(outcome: Outcome) -> dict[str, Marks]:
    return {record.student: record for record in outcome.marks}


def give(into: Path, student: str, points: float, comment: str = "") -> None:
    """Do what Formgrader does when a person has read a text."""
    with gradebook.opened(into) as book:
        score = book.find_grade(TEXT, NAME, NAME, student)
        score.manual_score, score.needs_manual_grade = points, False
        book.find_comment(TEXT, NAME, NAME, student).manual_comment = comment
        book.db.commit()


def test_what_a_person_has_marked_is_kept_and_written_again(tmp_path: Path) -> None:
    folder, into = tmp_path / "in", tmp_path / "out"
    answered(folder, "ana", "Three roles: **MUA**, MTA, MDA.")
    answered(folder, "eva", "One program. <script>alert(1)</script> [x](javascript:alert(2))")
    answered(folder, "leo", "*Your answer here.*")
    first = by_student(grade(Job(NAME, folder, into)))
    assert [first[who].open for who in ("ana", "eva", "leo")] == [{TEXT}, {TEXT}, set()]
    shown = (into / "autograded" / "eva" / NAME / f"{NAME}.ipynb").read_text("utf-8")
    assert "<script>" not in shown
    assert "javascript:" not in shown

    give(into, "ana", 2, "Which one accepts? <b>")
    told = by_student(write_all(NAME, into))
    assert told["ana"].points[TEXT] == 2
    assert told["ana"].open == set()
    page = (into / "feedback" / "ana" / NAME / f"{NAME}.html").read_text("utf-8")
    assert "Which one accepts? &lt;b&gt;" in page

    before = {path: path.stat().st_mtime_ns for path in (into / "marked" / NAME).glob("*.json")}
    answered(folder, "eva", "Another text.")
    seen: list[str] = []
    again = by_student(grade(Job(NAME, folder, into), lambda done, count, who, points: seen.append(who)))
    assert seen == ["eva"], "who has not changed is not run again"
    assert again["ana"].points[TEXT] == 2
    assert before[into / "marked" / NAME / "ana.json"] == (into / "marked" / NAME / "ana.json").stat().st_mtime_ns

    answered(folder, "ana", "Four roles.")
    changed = by_student(grade(Job(NAME, folder, into)))["ana"]
    assert changed.points[TEXT] == 2
    assert any("was changed after you marked it" in note for note in changed.notes)


def test_a_task_that_was_wrong_is_weighed_otherwise_and_lateness_is_noted(tmp_path: Path) -> None:
    file = answered(tmp_path / "in", "ana", "*Your answer here.*", maildir="counted = {}")
    os.utime(file, (datetime(2026, 11, 20, 12, 0).timestamp(),) * 2)
    job = Job(NAME, tmp_path / "in", tmp_path / "out", due=datetime(2026, 11, 20, 9, 0))
    usual = by_student(grade(job))["ana"]
    assert (usual.most, usual.late) == (29, "3 hours late")
    light = by_student(grade(Job(NAME, job.folder, job.into, weights={"maildir": 0, "late": 8})))["ana"]
    assert (light.most, light.late) == (29 - 3 - 5 + 8, "3 hours late")
    assert by_student(write_all(NAME, job.into))["ana"].most == light.most
    with pytest.raises(LabError, match="has no task 'x'"):
        grade(Job(NAME, job.folder, job.into, weights={"x": 1}))


def test_nothing_handed_in_is_changed_wherever_marks_are_written(tmp_path: Path) -> None:
    for layout in ("submitted", "."):
        root = tmp_path / layout.replace(".", "same") / "X"
        file = answered(root / layout, "ana", "*Your answer here.*")
        octets = file.read_bytes()
        grade(Job(NAME, root / layout, root))
        grade(Job(NAME, root / layout, root))
        assert file.read_bytes() == octets
        assert set(by_student(write_all(NAME, root))) == {"ana"}
    with pytest.raises(LabError, match="is where marking writes"):
        grade(Job(NAME, root / "autograded", root))


def test_hidden_worlds_come_from_a_secret_of_the_class_that_is_in_nobodys_reach(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    one, again, other = (hidden_worlds(tmp_path / name, "02-dns") for name in ("a", "a", "b"))
    assert one == again != other
    assert len(set(one)) == 2
    assert (tmp_path / "a" / "class-secret").stat().st_mode & 0o077 == 0
    text = (tmp_path / "a" / "class-secret").read_text()
    write(tmp_path / "in", "table", "untouched", "02-dns")
    file = tmp_path / "in" / "table" / "02-dns.ipynb"
    shapes = "from mailcourse.checks.records import mx_shapes\\n"
    code = "KNOWN = [(r, [h for n, h in sorted(r) if h != '.']) for _, r in mx_shapes(world.world)]\\n"
    code += "def mx_order(records):\\n    return next(hosts for known, hosts in KNOWN if known == records)"
    file.write_text(
        file.read_text("utf-8").replace("def mx_order(records):\\n    ...  # your answer here", shapes + code), "utf-8"
    )
    (marks,) = grade(Job("02-dns", tmp_path / "in", tmp_path / "a")).marks
    assert marks.points["mx-order"] <= 1, "answers out of the package hold in the visible world only"
    pages = "".join(path.read_text("utf-8") for path in (tmp_path / "a").rglob("*.html"))
    assert not any(name in pages for name in (*one, text.strip(), str(tmp_path), str(ROOT), sys.prefix))


def test_what_is_done_is_kept_when_marking_is_stopped(tmp_path: Path) -> None:
    for number in range(12):
        write(tmp_path / "in", f"s{number:02}", "right")
    command = [sys.executable, "-m", "mailcourse.cli", "grade", "01-addresses", "in", "--workers", "1"]
    listens = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell in the background has children ignore it
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, preexec_fn=listens) as process:
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 130
    assert "the same command goes on" in rest
    assert "s00" in first[0]
    with (tmp_path / "grading" / "01-addresses.csv").open(encoding="utf-8", newline="") as file:
        notes = [row["notes"] for row in csv.DictReader(file)]
    waiting = sum("not marked yet" in note for note in notes)
    assert len(notes) == 12
    assert 0 < waiting <= 10
    ran = subprocess.run(command[:-2], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout.count(" of 12  s") == waiting
    assert not any("mailcourse.marking.runner" in line for line in _processes(tmp_path))


def _processes(folder: Path) -> list[str]:
    return subprocess.run(
        ["pgrep", "-af", str(folder)], capture_output=True, text=True, check=False
    ).stdout.splitlines()


def test_a_class_is_marked_by_a_package_that_is_installed_and_not_editable(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(wheel, check=True, capture_output=True, timeout=110)
    (made,) = tmp_path.glob("*.whl")
    assert not any("solutions" in name for name in zipfile.ZipFile(made).namelist())
    there = tmp_path / "installed"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(there), str(made)], check=True, timeout=110)
    write(tmp_path / "in", "ana", "right")
    command = [sys.executable, "-m", "mailcourse.cli", "grade", "01-addresses", "in"]
    environment = {**os.environ, "PYTHONPATH": str(there)}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "ana: 24 points" in ran.stdout
