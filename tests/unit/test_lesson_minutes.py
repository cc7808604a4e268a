"""How long a lesson takes, counted: 130 words a minute, and 20 seconds for each cell that is run.

A box for the curious can be skipped, and is not counted.  What a page says of a lesson is what is counted here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]-*.ipynb"))
WORDS_A_MINUTE, SECONDS_A_CELL = 130, 20
LEAST, MOST, ALL_TOGETHER = 20, 40, 330
CURIOUS = re.compile(r"<details><summary>For the curious: [^<\n]+</summary>\n\n.*?\n\n</details>", re.DOTALL)
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def sources(path: Path, kind: str) -> list[str]:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


def minutes(path: Path) -> float:
    """Return how long a lesson takes a reader."""
    words = len(CURIOUS.sub("", "\n\n".join(sources(path, "markdown"))).split())
    return words / WORDS_A_MINUTE + len(sources(path, "code")) * SECONDS_A_CELL / 60


def to_five(number: float) -> int:
    """Round to the nearest five minutes."""
    return 5 * int(number / 5 + 0.5)


@each_lesson
def test_a_lesson_takes_twenty_to_forty_minutes(path: Path) -> None:
    assert LEAST <= minutes(path) <= MOST, f"{minutes(path):.1f}"


def test_all_lessons_take_five_and_a_half_hours_at_most() -> None:
    assert sum(map(minutes, LESSONS)) <= ALL_TOGETHER


def test_a_box_for_the_curious_has_one_form_and_is_not_counted() -> None:
    for path in LESSONS:
        for text in sources(path, "markdown"):
            assert len(re.findall("for the curious:", text, re.IGNORECASE)) == len(CURIOUS.findall(text))
    box = "<details><summary>For the curious: more</summary>\n\na b c\n\n</details>"
    assert CURIOUS.sub("", f"one {box} two").split() == ["one", "two"]


@each_lesson
def test_every_page_says_the_minutes_that_are_counted(path: Path) -> None:
    said, number = to_five(minutes(path)), path.name[:2]
    assert f"**{said} minutes**" in sources(path, "markdown")[0]
    for page in ("README.md", "notebooks/index.ipynb"):
        rows = re.findall(rf"\| {number} \| \[[^\]]+\]\([^)]+\) \| (\d+) \|", (ROOT / page).read_text("utf-8"))
        assert rows == [str(said)], page
    guide = (ROOT / "docs" / "teaching.md").read_text("utf-8")
    assert re.findall(rf"^### {number} · .+ \((\d+) minutes\)$", guide, re.MULTILINE) == [str(said)]


def test_the_teachers_table_has_the_minutes_as_counted() -> None:
    guide = (ROOT / "docs" / "teaching.md").read_text("utf-8")
    table = {row[0]: int(row[1]) for row in re.findall(r"^\| (\d\d) \| (\d+) \|", guide, re.MULTILINE)}
    assert sorted(table) == [path.name[:2] for path in LESSONS]
    for path in LESSONS:
        assert abs(table[path.name[:2]] - minutes(path)) <= 1, f"{path.name}: {minutes(path):.1f}"
    total = re.findall(r"^All ten lessons: (\d+) minutes", guide, re.MULTILINE)
    assert [int(number) for number in total] == [pytest.approx(sum(map(minutes, LESSONS)), abs=5)]
