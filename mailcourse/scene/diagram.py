"""Figures of states and steps: nodes in a row or one below the other, and arrows with words.

    row(nodes, arrows)                           column(steps)

          ┌───── QUIT ──────┐                        [ a node ]
          │     ╭ NOOP ╮    ▼                            │ words
        (OPEN) ─► (READY) ─► (DONE)                      ▼        yes
          ▲   USER  │     …                          < a question > ─► [ an answer ]
          └── RSET ─┘                                    │ no

In a row an arrow to the next node is straight; one that goes further is a bow above, one that goes back is a bow
below, each bow on a level of its own where two would meet.  So nothing crosses a node, whatever the table says, and
no program that lays out graphs is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .shapes import LINE, PAD, Node, arrow, line, outline, picture, wide, words

GAP, EDGE = 56, 10
#: how far apart bows are, and the height of a loop
RISE, LOOP = 14, 26


@dataclass(frozen=True)
class Arrow:
    """From one node to another, by their places, and what is said on the way."""

    start: int
    end: int
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnStep:
    """A node of a column, what is said on the way to the next, and what it may lead to at once."""

    node: Node
    then: str = ""
    beside: Node | None = None
    so: str = ""


# ---- one after the other, from left to right ---------------------------------------------------------------


def row(nodes: Sequence[Node], arrows: Sequence[Arrow]) -> str:
    """Draw nodes from left to right, and the arrows between them."""
    straight = [one for one in arrows if one.end == one.start + 1]
    loops = [one for one in arrows if one.end == one.start]
    over, under = [one for one in arrows if one.end > one.start + 1], [one for one in arrows if one.end < one.start]
    widths = _widths(nodes, loops, over)
    middles = _middles(widths, straight, loops, [*over, *under])
    half = max((node.size[1] for node in nodes), default=0.0) / 2
    # above the line: words of straight arrows, then loops with theirs, then bows
    roof = max([half, *(LINE * len(one.lines) + 8 for one in straight)]) + LOOP
    top = roof + max((LINE * len(one.lines) + 4 for one in loops), default=-LOOP)
    bows_over, top = _levels(over, top, is_above=True)
    bows_under, depth = _levels(under, half, is_above=False)
    base = top + EDGE
    parts = [outline(node, x, base, width) for node, x, width in zip(nodes, middles, widths, strict=True)]
    for one in straight:
        x, end = middles[one.start] + widths[one.start] / 2, middles[one.end] - widths[one.end] / 2
        parts += [line(x, base, end, base), words(one.lines, (x + end) / 2, base - 6 - LINE * len(one.lines))]
    for one in loops:
        parts.append(_loop(one, middles[one.start], base - nodes[one.start].size[1] / 2, base - roof))
    for bows, side in ((bows_over, -1), (bows_under, 1)):
        for one, away in bows:
            begin, stop = (base + side * nodes[place].size[1] / 2 for place in (one.start, one.end))
            parts.append(_bow(one, _feet(one, widths, middles), (begin, stop), base + side * away))
    heads = [(middles[one.start], wide(one.lines) / 2) for one in loops]
    heads += [(x, width / 2) for x, width in zip(middles, widths, strict=True)]
    left, right = min((x - w for x, w in heads), default=0.0), max((x + w for x, w in heads), default=0.0)
    return picture(parts, left - EDGE, right - left + 2 * EDGE, base + depth + EDGE)


def _levels(bows: Sequence[Arrow], first: float, *, is_above: bool) -> tuple[list[tuple[Arrow, float]], float]:
    """Say how far from the line each bow runs, and how far all reaches: no two that would meet run together."""
    found: list[tuple[Arrow, float, float]] = []
    for bow in sorted(bows, key=lambda one: (abs(one.end - one.start), min(one.start, one.end))):
        left, right = sorted((bow.start, bow.end))
        met = [reach for one, _, reach in found if left < max(one.start, one.end) and min(one.start, one.end) < right]
        below, text = max(met, default=first) + RISE, LINE * len(bow.lines)  # the words stand on the bow
        found.append((bow, below if is_above else below + text, below + text))
    return [(bow, away) for bow, away, _ in found], max((reach for *_, reach in found), default=first)


def _widths(nodes: Sequence[Node], loops: Sequence[Arrow], over: Sequence[Arrow]) -> list[float]:
    """Return each node's width; one that has a loop is wide enough for a bow to pass beside the words of the loop."""
    widths = [node.size[0] for node in nodes]
    for loop in loops:
        if any(loop.start in (bow.start, bow.end) for bow in over):
            widths[loop.start] = max(widths[loop.start], wide(loop.lines) + 2 * PAD + 12)
    return widths


def _middles(
    widths: Sequence[float], straight: Sequence[Arrow], loops: Sequence[Arrow], bows: Sequence[Arrow]
) -> list[float]:
    """Return where the middle of each node is: with room for the words of every arrow."""
    gaps = [float(GAP)] * max(len(widths) - 1, 0)
    for one in straight:
        gaps[one.start] = max(gaps[one.start], wide(one.lines) + 28)
    heads = {loop.start: max(wide(loop.lines), widths[loop.start]) / 2 for loop in loops}
    for place, (left, right) in enumerate(pairwise(widths)):
        reach = heads.get(place, left / 2) + heads.get(place + 1, right / 2) + EDGE
        gaps[place] = max(gaps[place], reach - left / 2 - right / 2)
    for bow in bows:
        start, end = sorted((bow.start, bow.end))
        lacking = wide(bow.lines) + 4 * EDGE - sum(gaps[start:end]) - sum(widths[start + 1 : end]) - 2 * PAD
        for place in range(start, end):
            gaps[place] += max(lacking, 0) / (end - start)
    middles, x = [], 0.0
    for width, gap in zip(widths, [*gaps, 0.0], strict=False):
        middles.append(x + width / 2)
        x += width + gap
    return middles


def _feet(bow: Arrow, widths: Sequence[float], middles: Sequence[float]) -> tuple[float, float]:
    """Say where a bow leaves and arrives: on the side of a node to which it goes."""
    out = 1 if bow.end > bow.start else -1
    return (
        middles[bow.start] + out * (widths[bow.start] / 2 - PAD),
        middles[bow.end] - out * (widths[bow.end] / 2 - PAD),
    )


def _bow(bow: Arrow, feet: tuple[float, float], ends: tuple[float, float], y: float) -> str:
    (start, end), (begin, stop) = feet, ends
    out = 12 if end > start else -12
    path = f"M{start:.1f} {begin:.1f}C{start:.1f} {y:.1f} {start:.1f} {y:.1f} {start + out:.1f} {y:.1f}"
    path += f"L{end - out:.1f} {y:.1f}C{end:.1f} {y:.1f} {end:.1f} {y:.1f} {end:.1f} {stop:.1f}"
    is_above = y < begin
    text = words(bow.lines, (start + end) / 2, y - 5 - LINE * len(bow.lines))
    return arrow(path, (end, stop), (0, 1 if is_above else -1)) + text


def _loop(loop: Arrow, x: float, foot: float, top: float) -> str:
    path = f"M{x - 12:.1f} {foot:.1f}C{x - 18:.1f} {top:.1f} {x + 18:.1f} {top:.1f} {x + 12:.1f} {foot:.1f}"
    return arrow(path, (x + 12, foot), (-0.2, 0.98)) + words(loop.lines, x, top + 2 - LINE * len(loop.lines))


# ---- one below the other -----------------------------------------------------------------------------------


def column(steps: Sequence[ColumnStep]) -> str:
    """Draw steps from top to bottom; beside a step, to the right, what it may lead to at once."""
    middle = max((step.node.size[0] for step in steps), default=0.0) / 2
    side = 2 * middle + max((wide([step.so]) for step in steps), default=0.0) + 36
    parts, y, right = [], float(EDGE), 2 * middle
    for number, step in enumerate(steps):
        width, height = step.node.size
        centre, below = y + height / 2, y + height
        parts.append(outline(step.node, middle, centre, width))
        if step.beside is not None:
            across = step.beside.size[0]
            parts.append(line(middle + width / 2, centre, side, centre))
            parts.append(words([step.so], side - 18 - wide([step.so]) / 2, centre - 5 - LINE))
            parts.append(outline(step.beside, side + across / 2, centre, across))
            right = max(right, side + across)
        if number + 1 < len(steps):
            parts.append(line(middle, below, middle, below + GAP))
            parts.append(words([step.then], middle + 10, below + (GAP - LINE) / 2 - 4, anchor="start"))
            right = max(right, middle + 10 + wide([step.then]))
        y = below + GAP
    return picture(parts, -EDGE, right + 2 * EDGE, y - GAP + EDGE)
