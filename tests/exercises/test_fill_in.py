"""The cells that a reader writes: the right answer works, wrong ones are told what happened, and nothing ever stops."""

from __future__ import annotations

import ast
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailcourse import LabError
from mailcourse.lessons import fill_in
from mailcourse.lessons.fill_in import blanks, forget_tries
from mailcourse.lessons.trials import TRIALS

ROOT = Path(__file__).parents[2]
ANSWERS = tomllib.loads((Path(__file__).parent / "fill_in.toml").read_text(encoding="utf-8"))
LESSONS = sorted((ROOT / "notebooks").glob("0*.ipynb"))
RIGHT = [(name, text) for name, answers in ANSWERS.items() for text in answers["right"]]
WRONG = [(name, text, word) for name, answers in ANSWERS.items() for text, word in answers["wrong"]]


@pytest.fixture(autouse=True)
def _nothing_was_tried() -> Iterator[None]:
    forget_tries()
    yield
    forget_tries()


def filled_in(path: Path) -> list[str]:
    """Return the names of the blanks of a lesson, in order."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    calls = [node for source in code for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [ast.literal_eval(call.args[0]) for call in calls if ast.unparse(call.func) == "fill_in"]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_lesson_has_a_cell_that_the_reader_writes(path: Path) -> None:
    assert filled_in(path), "a lesson has something to write"


def test_every_blank_is_in_one_lesson_and_has_answers_here() -> None:
    used = [name for path in LESSONS for name in filled_in(path)]
    assert sorted(used) == sorted(blanks()) == sorted(TRIALS) == sorted(ANSWERS)
    assert all(len(ANSWERS[name]["wrong"]) >= 2 for name in used)


@pytest.mark.parametrize(("name", "text"), RIGHT)
def test_an_answer_that_works_is_told_so(name: str, text: str) -> None:
    filled = fill_in(name, f"\n{text}\n")
    assert filled.is_right is True, repr(filled)
    assert blanks()[name].why in " ".join(filled.lines)


@pytest.mark.parametrize(("name", "text", "word"), WRONG)
def test_a_wrong_answer_is_told_what_happened_and_gets_a_hint(name: str, text: str, word: str) -> None:
    filled = fill_in(name, text)
    assert filled.is_right is False
    assert word in filled.lines[0]
    assert filled.lines[1] == f"Hint 1 of 3: {blanks()[name].hints[0]}"
    assert "Traceback" not in repr(filled)


def test_each_new_wrong_try_brings_one_hint_more_and_the_same_try_none() -> None:
    def hints(text: str) -> int:
        return sum(line.startswith("Hint") for line in fill_in("attempts", text).lines)

    assert [hints(text) for text in ("08:01", "08:02", "08:02", "08:03", "08:04")] == [1, 2, 2, 3, 3]


@pytest.mark.parametrize("name", TRIALS)
def test_a_cell_as_it_is_delivered_says_what_to_write(name: str) -> None:
    for nothing in (..., None, "", "\n...\n", "…", [], ["..."]):
        filled = fill_in(name, nothing)
        assert filled.is_right is None
        assert blanks()[name].ask in filled.lines[0]


@pytest.mark.parametrize("name", TRIALS)
def test_no_answer_at_all_stops_a_notebook(name: str) -> None:
    circle: list[object] = []
    circle.append(circle)
    values = (5, b"x", {"a": 1}, ["a", 3], circle, object, range(10**9))
    for answer in (*values, "x" * 5000, "a\0b", "\ud800", "é", "(", "a: b: c"):
        filled = fill_in(name, answer)
        assert filled.is_right is False
        assert "<object" not in repr(filled)


def test_nothing_that_is_shown_can_be_html() -> None:
    assert "<script>" not in fill_in("aliases", "<script>alert(1)</script>")._repr_html_()


def test_a_blank_that_is_nobodys_is_a_mistake_of_the_lesson() -> None:
    with pytest.raises(LabError, match="envelope"):
        fill_in("envelop", "x")


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_no_lesson_has_the_answer_to_its_own_blank(path: Path) -> None:
    text = json.loads(path.read_text("utf-8"))
    everything = "\n".join("".join(cell["source"]) for cell in text["cells"])
    for name in filled_in(path):
        assert not any(answer in everything for answer in ANSWERS[name]["right"])
