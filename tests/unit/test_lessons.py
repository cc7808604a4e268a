"""The lessons as texts: headings, links, RFCs, short cells, misconceptions, and outputs without litter."""

from __future__ import annotations

import ast
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("[0-9][0-9]-*.ipynb"))
#: lesson 00 is older than the series and shorter
SERIES = [path for path in LESSONS if not path.name.startswith("00")]
PAGES = [*LESSONS, NOTEBOOKS / "index.ipynb"]
each_page = pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
each_of_the_series = pytest.mark.parametrize("path", SERIES, ids=lambda p: p.stem)


def cells(path: Path, kind: str = "") -> list[dict[str, Any]]:
    found = json.loads(path.read_text("utf-8"))["cells"]
    return [dict(cell, source="".join(cell["source"])) for cell in found if kind in ("", cell["cell_type"])]


def prose(path: Path) -> str:
    """All text cells, without code between them."""
    text = "\n".join(cell["source"] for cell in cells(path, "markdown"))
    return "\n".join(line for line in text.splitlines() if not line.startswith("    "))


def shown(cell: dict[str, Any]) -> str:
    """Everything that the outputs of a cell say, but for pictures."""
    texts = []
    for output in cell["outputs"]:
        texts.append("".join(output.get("text", "")))
        texts += ["".join(data) for kind, data in output.get("data", {}).items() if not kind.startswith("image/")]
    return "\n".join(filter(None, texts))


@each_page
def test_headings_are_in_order_below_one_title(path: Path) -> None:
    levels = [len(signs) for signs in re.findall(r"^(#+) ", prose(path), re.MULTILINE)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


@each_lesson
def test_cells_are_short(path: Path) -> None:
    lines = sorted(len(cell["source"].splitlines()) for cell in cells(path, "code"))
    assert lines[-1] <= 15
    assert lines[len(lines) // 2] <= 3
    assert all(len(line) <= 130 for cell in cells(path, "code") for line in cell["source"].splitlines())


@each_of_the_series
def test_a_lesson_is_read_in_one_sitting(path: Path) -> None:
    assert 1200 <= len(prose(path).split()) <= 2500


@each_page
def test_pictures_have_a_text(path: Path) -> None:
    assert not re.findall(r"!\[\s*\]", prose(path))
    assert not re.findall(r"<img(?![^>]*\balt=\"[^\"]+\")", prose(path))


@each_page
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", prose(path))
    assert links or path.name.startswith("00")
    for link in links:
        assert not link.startswith("http"), "a course that works offline"
        assert (path.parent / link.partition("#")[0]).exists(), link


@each_page
def test_every_rfc_has_a_row(path: Path) -> None:
    rows = "\n".join(line for line in (ROOT / "docs" / "rfcs.md").read_text().splitlines() if line.startswith("|"))
    everything = json.dumps([cell["source"] for cell in cells(path)])
    assert set(re.findall(r"RFC ?(\d{3,4})", everything)) - set(re.findall(r"\b\d{3,4}\b", rows)) == set()


def test_rfcs_of_the_self_checks_have_a_row() -> None:
    rows = (ROOT / "docs" / "rfcs.md").read_text()
    for path in (ROOT / "mailcourse" / "lessons").rglob("*.*"):
        if path.suffix in (".py", ".toml"):
            assert all(number in rows for number in re.findall(r"RFC ?(\d{3,4})", path.read_text())), path.name


def misconceptions() -> dict[str, str]:
    """From the table: word → lesson."""
    rows = re.findall(
        r"^\| ([\w-]+) \|.*\| (\d\d) \|$", (ROOT / "docs" / "misconceptions.md").read_text(), re.MULTILINE
    )
    return dict(rows)


@each_of_the_series
def test_every_misconception_is_confronted_after_a_prediction(path: Path) -> None:
    wanted = {word for word, lesson in misconceptions().items() if lesson == path.name[:2]}
    marked, predictions = set(), 0
    for cell in cells(path):
        predictions += cell["cell_type"] == "code" and "predict(" in cell["source"]
        word = cell["metadata"].get("mailcourse", {}).get("misconception")
        if word is not None:
            assert cell["cell_type"] == "code", f"{word} is said, and not shown"
            assert predictions, f"{word} comes before any prediction"
            marked.add(word)
    assert wanted or path.name.startswith("08"), "the last lesson puts all together"
    assert marked == wanted


@each_of_the_series
def test_every_prediction_is_compared(path: Path) -> None:
    source = "\n".join(cell["source"] for cell in cells(path, "code"))
    made = re.findall(r"^(\w+) = predict\(", source, re.MULTILINE)
    assert len(made) >= 4
    for name in made:
        assert f"{name}.compare(" in source


@each_page
def test_nothing_shown_has_a_path_a_traceback_or_a_warning(path: Path) -> None:
    for cell in cells(path, "code"):
        assert not any(output["output_type"] == "error" for output in cell["outputs"])
        assert not any(output.get("name") == "stderr" for output in cell["outputs"])
        assert not re.search(r"Traceback|Warning\b|/tmp/|/home/|/root/|/usr/|site-packages|0x[0-9a-f]{6,}", shown(cell))
        assert "widget-view" not in json.dumps(cell["outputs"])


@each_of_the_series
def test_what_is_shown_from_under_the_hood_is_still_there(path: Path) -> None:
    opened = [cell for cell in cells(path, "code") if "open_the_hood(" in cell["source"]]
    assert len(opened) >= 2
    for cell in opened:  # the line number moves with every edit, so nbval does not look; here the text is looked for
        first, *lines = shown(cell).splitlines()
        found = re.fullmatch(r"# (mailcourse/[\w/]+\.py), line \d+", first)
        assert found, first
        there = [line.strip() for line in (ROOT / found[1]).read_text().splitlines()]
        for line in lines:
            assert line.strip() in there or line.startswith("# … and "), line


@each_of_the_series
def test_a_lesson_has_its_parts(path: Path) -> None:
    text = prose(path)
    for part in ("## Begin", "## From the wild", "## The same with real tools", "## What surprised you?", "## Recap"):
        assert part in text
    code = [cell["source"] for cell in cells(path, "code")]
    assert f'self_check("{path.name[:2]}")' in code


@each_lesson
def test_run_all_leaves_every_lab_open(path: Path) -> None:
    """Who chooses Run All gets widgets, and cells to work in, whose lab is still there."""
    tree = ast.parse("\n".join(cell["source"] for cell in cells(path, "code")))
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    closed = [ast.unparse(call) for call in called if isinstance(call, ast.Attribute) and call.attr == "close"]
    assert [call for call in closed if not call.startswith("trust.wrap_socket(")] == []


@each_page
def test_names_are_reserved_ones(path: Path) -> None:
    everything = "\n".join(cell["source"] for cell in cells(path))
    for name in re.findall(r"[\w\"]@([\w-]+(?:\.[\w-]+)+)", everything):
        assert name.rstrip(".").rsplit(".")[-1].lower() in ("test", "example", "invalid"), name


@each_of_the_series
def test_cells_say_how_they_are_shown_on_slides(path: Path) -> None:
    for cell in cells(path):
        assert cell["metadata"]["slideshow"]["slide_type"] in ("slide", "subslide", "fragment", "skip", "notes")


@each_of_the_series
def test_a_view_is_alone_in_its_cell(path: Path) -> None:
    views = r"lab\.(dig|map|panel|queues|wiretap|telnet|room|devices)\(|\.journey\(\)|\.compose\(\)"
    for cell in cells(path, "code"):
        if re.search(views, cell["source"]):
            assert len(ast.parse(cell["source"]).body) == 1


def test_the_index_names_every_lesson() -> None:
    text = prose(NOTEBOOKS / "index.ipynb")
    for path in LESSONS:
        assert f"]({path.name})" in text
