"""What honest students hand in is marked right, in whatever shape it comes; nobody is merged, and nobody missing."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from shapes import SHAPES, Shape
from submissions import NAME

OTHERS = {
    "README.txt": "it is in nobody's folder",
    "maria/old/01-addresses.ipynb": "is newer",
    "pat/entrega.pdf": "it is no notebook",
    "broken.zip": "the archive could not be opened",
}


def name_of(shape: Shape) -> str:
    return shape.student or shape.path.split("/")[0]


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict[str, str]], Path]:
    folder = tmp_path_factory.mktemp("class")
    for shape in SHAPES:
        path = folder / "in" / shape.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(shape.octets)
    for name in OTHERS:
        path = folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(SHAPES[0].octets if name.endswith(".ipynb") else b"x")
        os.utime(path, (10**9, 10**9))
    before = {path: path.read_bytes() for path in (folder / "in").rglob("*") if path.is_file()}
    command = [sys.executable, "-m", "mailcourse.cli", "grade", NAME, "in"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    assert {path: path.read_bytes() for path in (folder / "in").rglob("*") if path.is_file()} == before
    with (folder / "grading" / f"{NAME}.csv").open(encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}, folder / "grading"


@pytest.mark.timeout(300)
def test_every_shape_gets_its_points(marked: tuple[dict[str, dict[str, str]], Path]) -> None:
    rows, _ = marked
    assert len(SHAPES) >= 30
    assert set(rows) == {name_of(shape) for shape in SHAPES} | {"pat"}
    got = {shape.what: float(rows[name_of(shape)]["points"]) for shape in SHAPES}
    assert got == {shape.what: shape.points for shape in SHAPES}
    for shape in SHAPES:
        assert shape.says in rows[name_of(shape)]["notes"], shape.what


def test_who_handed_in_something_else_is_in_the_list_and_every_unused_file_has_its_reason(
    marked: tuple[dict[str, dict[str, str]], Path],
) -> None:
    rows, grading = marked
    assert rows["pat"]["points"] == "0"
    assert "handed in no notebook of this: entrega.pdf" in rows["pat"]["notes"]
    page = (grading / f"{NAME}.html").read_text("utf-8")
    for name, why in OTHERS.items():
        line = page[page.index(f"<td>{name}</td>") :]
        assert why.replace("'", "&#x27;") in line[: line.index("</tr>")]


def test_a_misnamed_answer_is_told_which_name_is_looked_for(marked: tuple[dict[str, dict[str, str]], Path]) -> None:
    page = (marked[1] / "feedback" / "renamed" / NAME / f"{NAME}.html").read_text("utf-8")
    assert "This task looks for `on_the_wire`; your cell defines `primero`." in page


def test_platforms_tell_people_apart_and_lateness_is_noted(marked: tuple[dict[str, dict[str, str]], Path]) -> None:
    rows, grading = marked
    assert [rows[key]["full name"] for key in ("Ana López_4711", "Ana López_4712")] == ["Ana López"] * 2
    assert rows["lopezana_4712"]["late"] == "late"
    assert rows["lopezana_4711"]["late"] == ""
    worksheet = (grading / f"{NAME}-moodle.csv").read_bytes().decode("utf-8-sig")
    assert "Participant 4711,Ana López,24,24" in worksheet
    assert "Participant 12,Íñigo Peña,24,24" in worksheet
    assert "lopezana" not in worksheet
