"""Figures of states and steps: everything is there, nothing lies on something else."""

from __future__ import annotations

import random
import re
import xml.etree.ElementTree as ET
from itertools import combinations

import pytest

from mailcourse.lessons import draw_decision, draw_maildir, draw_roles, draw_states, read_headers, specimen
from mailcourse.lessons.read_headers import _way
from mailcourse.mta.session import NEXT
from mailcourse.scene.diagram import Arrow, ColumnStep, column, row
from mailcourse.scene.shapes import LINE, Node, fold, wide
from mailcourse.scene.still import own_width, png

SVG = "{http://www.w3.org/2000/svg}"
FIGURES = [draw_states(NEXT)._svg, draw_roles()._svg, draw_decision()._svg, draw_maildir()._svg]
FIGURES.append(_way(read_headers(specimen("lakeside"))))
Box = tuple[float, float, float, float]


def texts(svg: str) -> list[Box]:
    """Return the place of each text: left, top, right, bottom."""
    found = []
    for text in ET.fromstring(svg).iter(f"{SVG}text"):
        for part in text:
            width, x, y = wide([part.text or ""]), float(part.attrib["x"]), float(part.attrib["y"])
            left = x - width / 2 if text.attrib["text-anchor"] == "middle" else x
            found.append((left, y - LINE * 0.7, left + width, y + 4))
    return found


def met(svg: str) -> list[tuple[Box, Box]]:
    """Return the texts that lie on others."""
    return [
        (a, b)
        for a, b in combinations(texts(svg), 2)
        if a[0] < b[2] - 1 and b[0] < a[2] - 1 and a[1] < b[3] - 4 and b[1] < a[3] - 4
    ]


def is_inside(svg: str) -> bool:
    left, top, width, height = map(float, ET.fromstring(svg).attrib["viewBox"].split())
    return all(
        left <= box[0] and box[2] <= left + width and top <= box[1] and box[3] <= top + height for box in texts(svg)
    )


def some_table(seed: int) -> dict[str, dict[str, str]]:
    dice = random.Random(seed)
    states = [f"STATE{number}"[: dice.randint(2, 6)] + str(number) for number in range(dice.randint(1, 7))]
    words = ["QUIT", "USER and PASS", "x", "A very long command, and another", "RSET"]
    return {
        state: {f"{dice.choice(words)} {number}": dice.choice(states) for number in range(dice.randint(0, 4))}
        for state in states
    }


@pytest.mark.parametrize("svg", FIGURES)
def test_in_the_figures_of_the_lessons_no_text_lies_on_another_or_is_cut(svg: str) -> None:
    assert len(texts(svg)) >= 5
    assert not met(svg)
    assert is_inside(svg)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_table_is_drawn_has_its_words_where_they_can_be_read(seed: int) -> None:
    table = some_table(seed)
    svg = draw_states(table)._svg
    assert not met(svg)
    assert is_inside(svg)
    said = " ".join(part.text or "" for part in ET.fromstring(svg).iter(f"{SVG}tspan"))
    for state, words in table.items():
        assert all(word.split()[-1] in said for word in [state, *words])


def test_bows_that_would_meet_run_on_levels_of_their_own() -> None:
    nodes = [Node((name,)) for name in "abcd"]
    svg = row(nodes, [Arrow(0, 2), Arrow(1, 3), Arrow(0, 3), Arrow(3, 0), Arrow(2, 0)])
    heights = re.findall(r"[\d.]+ ([\d.]+)L[\d.]+ \1C", svg)
    assert len(heights) == 5
    assert len(set(heights)) == 5


@pytest.mark.parametrize("ugly", ["<b>&\"'", "\x00\x1b[2J", "", "漢字" * 40, "x" * 5_000])
def test_any_words_make_a_picture_and_no_markup(ugly: str) -> None:
    for svg in (row([Node((ugly,))] * 2, [Arrow(0, 1, (ugly,))]), column([ColumnStep(Node((ugly,)), ugly)] * 2)):
        ET.fromstring(svg)
        assert "<b>" not in svg
        assert png(svg, min(own_width(svg), 2_000)).startswith(b"\x89PNG")


def test_a_folded_text_has_lines_of_like_length_and_keeps_its_words() -> None:
    assert fold("", 30) == ()
    assert fold("S seen, R replied, F flagged, T trashed", 30) == ("S seen, R replied,", "F flagged, T trashed")
    assert "".join(fold("x" * 100, 30)) == "x" * 100
