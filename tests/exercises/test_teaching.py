"""A teacher's own scenario, tasks and lesson, made by following docs/teaching.md word for word; and a class, marked."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from assignment import ROOT

PAGE = (ROOT / "docs" / "teaching.md").read_text("utf-8")
SECTION = PAGE[PAGE.index("## A scenario, a task and a lesson of your own") : PAGE.index("## Slides")]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", SECTION, re.DOTALL)
COMMANDS = re.findall(r"^    (mailcourse .+)$", SECTION, re.MULTILINE)
FILES = re.findall(r"`(my-course/[\w/.-]+\.(?:toml|py))`:", SECTION)
NAME = "09-third-server"


def run(command: str, folder: Path) -> str:
    """Run a command as the page shows it."""
    program, *rest = shlex.split(command)
    ran = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *rest], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def filled(notebook: Path, answers: dict[str, str], **words: str) -> str:
    """Return a notebook with answers in its cells."""
    made = json.loads(notebook.read_text("utf-8"))
    for cell in made["cells"]:
        source = "".join(cell["source"])
        for word, other in words.items():
            source = source.replace(f'{word} = ""', f'{word} = "{other}"')
        cell["source"] = answers.get(cell["id"], source)
    return json.dumps(made)


@pytest.mark.timeout(200)
def test_the_page_leads_to_a_class_that_is_marked(tmp_path: Path) -> None:
    for path, (_, text) in zip(FILES, BLOCKS, strict=False):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    up, new, release, grade = COMMANDS
    assert up.endswith(FILES[0])
    wrote = run(new, tmp_path)
    solution = tmp_path / "my-course" / "solutions" / NAME / f"{NAME}.ipynb"
    assert str(solution) in wrote
    answers = dict(zip(("last", "third"), (text.rstrip() for _, text in BLOCKS[2:4]), strict=True))
    solution.write_text(filled(solution, answers), "utf-8")
    run(release, tmp_path)
    exercise = tmp_path / "my-course" / "exercises" / NAME / f"{NAME}.ipynb"
    assert "SOLUTION" not in exercise.read_text("utf-8")
    assert "900" not in exercise.read_text("utf-8")

    for student, given in (
        ("ana", answers),
        ("eva", {"last": "def last(value):\n    return value[-1][1]"}),
        ("leo", {}),
    ):
        (tmp_path / "handed-in" / student).mkdir(parents=True)
        text = filled(exercise, given, STUDENT=student)
        (tmp_path / "handed-in" / student / f"{NAME}.ipynb").write_text(text, "utf-8")
    said = run(grade, tmp_path)
    assert dict(re.findall(r"(\w+): ([\d.]+) points", said)) == {"ana": "7", "eva": "0", "leo": "0"}
    card = (tmp_path / "grading" / "feedback" / "eva" / NAME / f"{NAME}.html").read_text("utf-8")
    assert "last([(10, &#x27;a&#x27;), (30, &#x27;c&#x27;), (20, &#x27;b&#x27;)]) returned &#x27;b&#x27;" in card


def test_a_student_checks_her_answers_where_the_course_is(tmp_path: Path) -> None:
    for path, (_, text) in zip(FILES, BLOCKS, strict=False):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    here = tmp_path / "my-course" / "exercises" / NAME
    here.mkdir(parents=True)
    code = f"""
from mailcourse.checks import begin, check
world = begin({NAME!r}, "Ana", course="../..")
lab = world.lab("third")
lab.zone(world.about.rows[1][1]).add("@ MX 900 mx3").add("mx3 A 198.51.100.23")
print(check({NAME!r}, "third", lab))
lab.close()
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, text=True, check=True)
    assert "Tell the DNS of the third server: 4 of 4 points" in ran.stdout, ran.stdout + ran.stderr


def test_the_lesson_runs(tmp_path: Path) -> None:
    (tmp_path / FILES[0]).parent.mkdir(parents=True)
    (tmp_path / FILES[0]).write_text(BLOCKS[0][1], "utf-8")
    cells = "\n".join(text for _, text in BLOCKS[4:])
    code = f"{cells}\nprint(sent.status['bruno@bakery.test'].state)\nlab.close()\n"
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split()[-1] in ("deferred", "queued")
