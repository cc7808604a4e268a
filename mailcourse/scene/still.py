"""A picture that does not move, as PNG: for a saved notebook, a page without scripts, and the README.

resvg draws it, in this process; where there is no wheel of it (a web page), the widget stands alone.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from importlib.util import find_spec

from .shapes import printable

#: Pixels across: sharp on a screen with small pixels, small in a file.
WIDTH = 1240


def png(svg: str, width: int = WIDTH) -> bytes:
    """Draw an SVG as PNG; empty where nothing here can."""
    if find_spec("resvg_py") is None:
        return b""
    import resvg_py  # 20 ms, so only when something is drawn

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, width=width))


def bundle(svg: str, width: int = WIDTH) -> dict[str, str]:
    """Return a picture under the name by which a notebook knows it; a notebook that nobody trusts shows only PNG."""
    drawn = png(svg, width)
    return {"image/png": b64encode(drawn).decode()} if drawn else {}


def own_width(svg: str) -> int:
    """Return how wide a picture says that it is, for one that is to be no larger."""
    found = re.search(r'<svg [^>]*\bwidth="(\d+)"', svg)
    return int(found[1]) if found else WIDTH


#: kind of a line → its colour in a picture on white paper; the same as in the light theme of `widgets/parts.css`
INKS = {"C": "#00507d", "S": "#00573e", "good": "#00573e", "bad": "#b3261e", "later": "#8a4b00", "soft": "#52606d"}
MAX_LINES, MAX_LETTERS, LINE, LETTER = 24, 92, 22, 9.0


def sheet(lines: Sequence[tuple[str, str]], title: str = "") -> str:
    """Draw lines of text as SVG, each with the colour of its kind; of too many, the last ones.

    >>> sheet([("C", "QUIT"), ("S", "221 bye")]).count("<text")
    2
    """
    shown = list(lines[-MAX_LINES:])
    if title:
        shown = [("head", title), *shown]
    height = LINE * len(shown) + 16
    wide = 2 * 12 + LETTER * MAX_LETTERS
    rows = "".join(_row(number, kind, text) for number, (kind, text) in enumerate(shown))
    frame = f'<rect x="1" y="1" width="{wide - 2:.0f}" height="{height - 2}" rx="8" fill="#ffffff" stroke="#cbd2d9"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {height}">{frame}{rows}</svg>'


def _row(number: int, kind: str, text: str) -> str:
    short = text if len(text) <= MAX_LETTERS else f"{text[: MAX_LETTERS - 1]}…"
    look = f'font-family="DejaVu Sans Mono, monospace" font-size="15" fill="{INKS.get(kind, "#1f2933")}"'
    weight = ' font-weight="700"' if kind in ("head", "bad") else ""
    return (
        f'<text x="12" y="{LINE * number + 24}" xml:space="preserve" {look}{weight}>{escape(printable(short))}</text>'
    )
