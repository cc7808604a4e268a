"""Nodes, arrows and words of a figure, as pieces of SVG.

    outline(node, x, y, width)    a node around its middle, with its lines of text       shapes: `_path`
    line(x, y, to_x, to_y)        a straight arrow
    words(lines, x, top)          text
    picture(parts, …)             all of it on white paper

Widths of texts are estimated, a little too large: which font a browser has is not known here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

SIZE, LINE, PAD = 16, 20, 16
INK, PAPER, FONT = "#333333", "#ffffff", "Helvetica, Arial, DejaVu Sans, sans-serif"
NARROW = frozenset("iIljtfr.,:;'|!()[] -")
KEPT = "\N{NO-BREAK SPACE}"
#: shapes with a lid, above which no text stands
LID = {"cylinder": 10, "box3d": 6, "folder": 8}


@dataclass(frozen=True)
class Node:
    """A thing, with its lines of text."""

    lines: tuple[str, ...]
    shape: str = "box"
    fill: str = PAPER
    is_dashed: bool = False

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        if self.shape in ("point", "end"):
            return (8.0, 8.0) if self.shape == "point" else (24.0, 24.0)
        across, down = wide(self.lines) + 2 * PAD, LINE * len(self.lines) + PAD
        if self.shape == "diamond":
            return across * 1.5, down * 2.2
        return across, down + LID.get(self.shape, 0)


def wide(lines: Sequence[str]) -> float:
    """Estimate how wide the widest of some lines is.

    >>> wide(["mmmm", "ii"]) > wide(["iiii"])
    True
    """
    return max((sum(map(_letter, line)) for line in lines), default=0.0) * SIZE


def _letter(sign: str) -> float:
    if sign in NARROW:
        return 0.4
    if unicodedata.east_asian_width(sign) in "WF":
        return 1.05
    return 0.72 if sign.isupper() or sign in "mwMW@—…" else 0.62


def fold(text: str, letters: int) -> tuple[str, ...]:
    """Fold a text into as few lines of at most so many letters as it needs, none much shorter than the others.

    >>> fold("Do I know a host inside for it?", 30)
    ('Do I know a host', 'inside for it?')
    """
    text = re.sub(r"(?<!\S)(\S) ", r"\1" + KEPT, text)  # a single letter does not end a line
    needed = len(wrap(text, letters))
    shortest = next(lines for most in range(1, letters + 1) if len(lines := wrap(text, most)) <= needed)
    return tuple(line.replace(KEPT, " ") for line in shortest)


def picture(parts: Sequence[str], left: float, width: float, height: float) -> str:
    """Put parts into a picture on white paper."""
    box = f"{left:.1f} 0 {width:.1f} {height:.1f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" viewBox="{box}" '
        f'font-family="{FONT}" font-size="{SIZE}"><rect x="{left:.1f}" y="0" width="{width:.1f}" '
        f'height="{height:.1f}" fill="{PAPER}"/>{"".join(parts)}</svg>'
    )


def words(lines: Sequence[str], x: float, top: float, anchor: str = "middle", look: str = "") -> str:
    """Write lines of text below `top`; a sign that XML does not allow is a dot."""
    rows = "".join(
        f'<tspan x="{x:.1f}" y="{top + LINE * (number + 0.75):.1f}">{escape(printable(text))}</tspan>'
        for number, text in enumerate(lines)
    )
    return f'<text text-anchor="{anchor}" fill="#111111"{look}>{rows}</text>' if any(lines) else ""


def printable(text: str) -> str:
    """Return a text without signs that XML does not allow."""
    return "".join(sign if sign.isprintable() else "·" for sign in text)


def line(x: float, y: float, to_x: float, to_y: float) -> str:
    """Draw a straight arrow."""
    length = max(((to_x - x) ** 2 + (to_y - y) ** 2) ** 0.5, 1.0)
    return arrow(f"M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}", (to_x, to_y), ((to_x - x) / length, (to_y - y) / length))


def arrow(path: str, tip: tuple[float, float], way: tuple[float, float]) -> str:
    """Draw a path with a tip at its end, which points the way: a vector of length 1."""
    (x, y), (dx, dy) = tip, way
    back, side = (x - 10 * dx, y - 10 * dy), (-4 * dy, 4 * dx)
    corners = ((x, y), (back[0] + side[0], back[1] + side[1]), (back[0] - side[0], back[1] - side[1]))
    head = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in corners) + "z"
    return f'<path d="{path}" fill="none" stroke="{INK}" stroke-width="1.3"/><path d="{head}" fill="{INK}"/>'


def outline(node: Node, x: float, y: float, width: float) -> str:
    """Draw a node around its middle."""
    height = node.size[1]
    left, top = x - width / 2, y - height / 2
    if node.shape == "point":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{INK}"/>'
    if node.shape == "end":
        ring = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="11" fill="{PAPER}" stroke="{INK}"/>'
        return f'{ring}<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="{INK}"/>'
    dashes = ' stroke-dasharray="6 4"' if node.is_dashed else ""
    path = _path(node.shape, left, top, left + width, top + height)
    lid = LID.get(node.shape, 0)
    text = words(node.lines, x - (3 if node.shape == "box3d" else 0), top + (height + lid - LINE * len(node.lines)) / 2)
    return f'<path d="{path}" fill="{node.fill}" stroke="{INK}" stroke-width="1.3"{dashes}/>{text}'


def _path(shape: str, left: float, top: float, right: float, below: float) -> str:
    """Return the outline of a shape between four sides."""
    box = f"M{left:.1f} {top:.1f}H{right:.1f}V{below:.1f}H{left:.1f}z"
    x, y = (left + right) / 2, (top + below) / 2
    match shape:
        case "pill":
            a, b = left + 14, right - 14
            ends = f"Q{right:.1f} {top:.1f} {right:.1f} {y:.1f}Q{right:.1f} {below:.1f} {b:.1f} {below:.1f}"
            start = f"Q{left:.1f} {below:.1f} {left:.1f} {y:.1f}Q{left:.1f} {top:.1f} {a:.1f} {top:.1f}"
            return f"M{a:.1f} {top:.1f}H{b:.1f}{ends}H{a:.1f}{start}z"
        case "diamond":
            return f"M{x:.1f} {top:.1f}L{right:.1f} {y:.1f}L{x:.1f} {below:.1f}L{left:.1f} {y:.1f}z"
        case "cylinder":
            curve = f"A{(right - left) / 2:.1f} 6"
            lid = f"M{right:.1f} {top + 6:.1f}{curve} 0 0 1 {left:.1f} {top + 6:.1f}"
            body = f"M{left:.1f} {top + 6:.1f}{curve} 0 0 1 {right:.1f} {top + 6:.1f}V{below - 6:.1f}"
            return f"{body}{curve} 0 0 1 {left:.1f} {below - 6:.1f}z{lid}"
        case "box3d":
            front, edge = top + 6, right - 6
            body = (
                f"M{left:.1f} {front:.1f}L{left + 6:.1f} {top:.1f}H{right:.1f}V{below - 6:.1f}L{edge:.1f} {below:.1f}"
            )
            lid = f"M{right:.1f} {top:.1f}L{edge:.1f} {front:.1f}H{left:.1f}M{edge:.1f} {front:.1f}V{below:.1f}"
            return f"{body}H{left:.1f}z{lid}"
        case "folder":
            tab = (
                f"V{top + 8:.1f}H{right - 20:.1f}L{right - 16:.1f} {top:.1f}H{right - 4:.1f}L{right:.1f} {top + 8:.1f}"
            )
            return f"M{left:.1f} {below:.1f}{tab}V{below:.1f}z"
    return box
