"""The questions of the lessons: what happens is among the answers to choose from, and no seal is left over."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from held_back import held, told_too_early

from mailcourse.lessons import prediction
from mailcourse.lessons.prediction import digest, text_of

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]-*.ipynb"))
SEALED = json.loads((ROOT / "mailcourse" / "lessons" / prediction.SEALS).read_text("utf-8"))


def questions(path: Path) -> dict[str, list[str]]:
    """Return question → answers to choose from; those that are not written as texts are left out."""
    found = {}
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            is_one = isinstance(node, ast.Call) and ast.unparse(node.func) == "predict"
            if is_one and all(isinstance(argument, ast.Constant) for argument in node.args):
                question, *answers = (argument.value for argument in node.args)
                found[question] = [text_of(answer) for answer in answers]
    return found


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_what_happens_is_one_of_the_answers(path: Path) -> None:
    sealed = SEALED[path.name[:2]]
    asked = questions(path)
    assert asked
    for question, answers in asked.items():
        assert any(digest(question, answer) == sealed[question] for answer in answers), question


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_question_that_is_gone_leaves_no_seal(path: Path) -> None:
    code = "".join("".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"])
    assert all(question in code for question in SEALED[path.name[:2]])


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_nothing_beside_a_question_answers_it(path: Path) -> None:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    early = [cells[number] for number in told_too_early(cells)]
    assert early
    assert [cell["source"] for cell in early if cell["outputs"]] == []
    assert {cell["id"] for cell in early} == set(held(path)), "run tests/save_lessons.py again"
    compared = [cell for cell in cells if cell["cell_type"] == "code" and ".compare(" in "".join(cell["source"])]
    assert all(cell["metadata"]["jupyter"]["source_hidden"] for cell in compared)
