"""Nobody gets points for anything but answers: more than thirty tricks, each in a submission of its own, 0 points each.

Two honest neighbours are marked among them, and get what they should; nothing of a trick is left anywhere.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from assignment import ROOT
from submissions import notebook, write

NAME = "02-dns"
FORGERIES = tomllib.loads((Path(__file__).with_name("forgeries.toml")).read_text("utf-8"))["forgery"]


def forged(trick: dict[str, Any], folder: Path, places: dict[str, Path]) -> None:
    """Write a submission with one trick in it."""

    def filled(text: str) -> str:
        for word, place in places.items():
            text = text.replace(f"%{word}%", str(place))
        return text

    made = notebook("exercises", NAME)
    for cell in made.cells:
        about = cell.metadata.get("nbgrader", {})
        if "begin(" in cell.source:
            cell.source = trick.get("begin") or cell.source.replace('STUDENT = ""', f'STUDENT = "{folder.name}"')
        if about.get("grade_id") == "who-takes":
            cell.source = filled(trick["code"])
        if about.get("grade"):
            about.update(trick.get("metadata", {}))
            if "outputs" in trick:
                data = {"text/plain": trick["outputs"]}
                cell.outputs = [{"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1}]
    folder.mkdir(parents=True)
    (folder / f"{NAME}.ipynb").write_text(json.dumps(made), "utf-8")


def snapshot(folder: Path) -> dict[str, int]:
    """Return what is in a folder, with sizes."""
    return {str(path.relative_to(folder)): path.lstat().st_size for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(params=["bubblewrap", "no bubblewrap"])
def marked(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[dict[str, dict[str, str]], dict[str, Path]]:
    """The class of all tricks, marked: the lines of the table by student, and the places that tricks aim at."""
    if request.param == "bubblewrap" and shutil.which("bwrap") is None:
        pytest.skip("bwrap is not installed (Debian: apt install bubblewrap)")
    places = {"INTO": tmp_path / "grading", "FOLDER": tmp_path / "in", "OUTSIDE": tmp_path / "mine", "ROOT": ROOT}
    for name in ("home", "mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.txt").write_text("of the teacher")
    for number, trick in enumerate(FORGERIES):
        forged(trick, places["FOLDER"] / f"f{number:02}", places)
    write(places["FOLDER"], "good neighbour", "right", NAME)
    write(places["FOLDER"], "honest and empty", "untouched", NAME)
    path = os.environ["PATH"] if request.param == "bubblewrap" else str(tmp_path / "nothing here")
    command = [sys.executable, "-m", "mailcourse.cli", "grade", NAME, str(places["FOLDER"]), "--seconds", "4"]
    ran = subprocess.run(
        [*command, "--into", str(places["INTO"])],
        env={**os.environ, "PATH": path, "HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    with (places["INTO"] / f"{NAME}.csv").open(encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}, places


@pytest.mark.timeout(300)
def test_no_trick_earns_a_point_or_leaves_a_trace(
    marked: tuple[dict[str, dict[str, str]], dict[str, Path]], tmp_path: Path
) -> None:
    rows, places = marked
    points = {student: float(row["points"]) for student, row in rows.items()}
    names = {f"f{number:02}": trick["name"] for number, trick in enumerate(FORGERIES)}
    assert len(names) >= 30
    assert {names[student]: got for student, got in points.items() if student in names and got} == {}
    assert points["good neighbour"] == 30
    assert points["honest and empty"] == 0
    assert rows["good neighbour"]["notes"] == rows["honest and empty"]["notes"] == ""
    book = sqlite3.connect(places["INTO"] / "gradebook.db")
    assert book.execute("SELECT count(*) FROM grade WHERE manual_score IS NOT NULL").fetchone() == (0,)
    assert book.execute("SELECT sum(auto_score) FROM grade").fetchone() == (30.0,)
    assert snapshot(tmp_path / "home") == snapshot(tmp_path / "mine") == {"notes.txt": len("of the teacher")}
    assert subprocess.run(["pgrep", "-f", str(places["OUTSIDE"])], capture_output=True, check=False).returncode == 1
    assert not list(Path(sys.prefix).rglob("forged.pth"))
