"""Who says so? SPF, DKIM and DMARC of one message in three lanes, played step by step as the journey is.

    checks (facts of the event "authenticated") → lanes → rows ─┬─► lanes_html(…, n)   the lanes as they are at step n
                                                                ├─► text_of            in words
                                                                └─► drawn              a picture, for saved notebooks

A step is a question to the DNS, its answer, and what was compared with what.  Nothing in it is ever markup: strangers
wrote most of it.  Works without a lab, from the facts alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from textwrap import wrap
from typing import Any

import ipywidgets as widgets

from mailcourse.scene.shapes import INK, LINE, PAPER, line, picture, printable, wide, words
from mailcourse.scene.still import bundle, own_width

from .parts import Box, shut_parts
from .player import Player

STYLE = Path(__file__).with_suffix(".css").read_text("utf-8")
#: what each lane is about; the domain is that which the check is about
ABOUT = {
    "spf": "SPF: may this host send for {domain}?",
    "dkim": "DKIM: did {domain} sign it, and is it unchanged?",
    "dmarc": "DMARC: does that speak for the author, {domain}?",
}
#: what a person reads
WORDS = {
    "unsigned": "DKIM: nobody signed it",
    "no signature": "there is no signature",
    "nobody": "nobody",
    "done": "The message was {done}.",
    "reason": " Reason: {reason}.",
}
GOOD, BAD = ("pass",), ("fail", "softfail", "permerror")
#: what a receiver does with it, by the disposition
DONE = {"reject": "refused", "quarantine": "filed into Junk", "none": "delivered"}
#: a row of a step, and the field with it
FIELDS = (("asked", "question"), ("answer", "answer"), ("compared", "compared"), ("so", "verdict"))
MAX_SHOWN = 160
#: the picture: width of a lane, what is between lanes and between boxes, colours of results
LANE, GAP, BETWEEN, HEAVY = 400, 14, 4, ' font-weight="700"'
COLOURS = {"good": "#00704f", "bad": "#b3261e", "open": "#767676"}
SMALLER = 0.8  # there is much to read, so that the page need not be so wide


@dataclass(frozen=True)
class ProofLane:
    """One check: what it asks, its steps, and what came of it."""

    title: str
    result: str
    reason: str
    steps: tuple[Mapping[str, Any], ...]

    @property
    def mark(self) -> str:
        """A sign beside the colour: ✓ ✗ or –."""
        return "✓" if self.result in GOOD else "✗" if self.result in BAD else "–"

    @property
    def kind(self) -> str:
        """The class for the colour."""
        return "good" if self.result in GOOD else "bad" if self.result in BAD else "open"


def lanes(checks: Iterable[Mapping[str, Any]]) -> list[ProofLane]:
    """Read the facts of an event; several signatures make one lane, one after the other."""
    found: dict[str, ProofLane] = {}
    for check in checks:
        name, steps = str(check["check"]), tuple(check["steps"])
        title = ABOUT[name].format(domain=_short(str(check.get("domain") or WORDS["nobody"]), 60))
        lane = ProofLane(title, str(check["result"]), str(check["reason"]), steps)
        before = found.get(name)
        if before is None:
            found[name] = lane
        else:  # the best of several counts (RFC 8601 §2.7.1)
            best = before if before.result in GOOD else lane
            found[name] = ProofLane(before.title, best.result, best.reason, before.steps + steps)
    found.setdefault("dkim", ProofLane(WORDS["unsigned"], "none", WORDS["no signature"], ()))
    return [found[name] for name in ABOUT if name in found]


def count(found: Sequence[ProofLane]) -> int:
    """Return the number of steps: all of all lanes, and the end."""
    return sum(len(lane.steps) for lane in found) + 1


def lanes_html(found: Sequence[ProofLane], number: int, end: str) -> str:
    """Write the lanes as they are at step `number`: this step is marked, what comes later is not seen yet."""
    sections, at = [], 0
    for lane in found:
        items = []
        for step in lane.steps:
            state = "now" if at == number else "later" if at > number else ""
            inside = f' style="margin-left:{12 * min(int(step["depth"]), 6)}px"'  # a record inside another
            items.append(f'<li class="{state}"{inside}><strong>{_text(step["what"])}</strong>{_rows(step)}</li>')
            at += 1
        result = ""
        if number >= at - 1:
            why = f": {_text(lane.reason)}" if lane.reason else ""
            result = f'<div class="result {lane.kind}">{lane.mark} {_text(lane.result)}</div>{why}'
        sections.append(f"<section><h4>{_text(lane.title)}</h4><ol>{''.join(items)}</ol>{result}</section>")
    last = f"<p><strong>{_text(end)}</strong></p>" if number >= at else "<p>&nbsp;</p>"
    return f'<style>{STYLE}</style><div class="mailcourse-proof">{"".join(sections)}</div>{last}'


def _rows(step: Mapping[str, Any]) -> str:
    rows = [(label, str(step[field])) for label, field in FIELDS if step[field]]
    return "".join(f'<div class="fact"><span>{label}</span><span>{_text(value)}</span></div>' for label, value in rows)


def _text(value: object) -> str:
    return escape(_short(str(value), MAX_SHOWN))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most * 2 // 3]} … {text[-most // 4 :]}"


def text_of(found: Sequence[ProofLane], end: str) -> str:
    """Tell all steps in words."""
    rows = []
    for lane in found:
        rows.append(
            f"{lane.title} {_short(lane.result, 60)}" + (f" ({_short(lane.reason, MAX_SHOWN)})" if lane.reason else "")
        )
        for step in lane.steps:
            said = [str(step["what"]), *(str(step[field]) for _, field in FIELDS if step[field])]
            rows.append("  " * (1 + int(step["depth"])) + " | ".join(_short(one, 100) for one in said))
    return "\n".join([*rows, end])


def drawn(found: Sequence[ProofLane], end: str) -> str:
    """Draw the lanes side by side, whole, and below them what was done: for where no widget can be shown."""
    columns = [_boxes(lane) for lane in found]
    foot = max((sum(box.height + BETWEEN for box in boxes) for boxes in columns), default=0.0) + 44
    width = max(len(found), 1) * (LANE + GAP)
    parts = []
    for number, boxes in enumerate(columns):
        left, y = number * (LANE + GAP), 8.0
        for box in boxes:
            parts.append(box.draw(left, y))
            y += box.height + BETWEEN
        middle = left + LANE / 2
        parts.append(line(middle, y, middle + (width / 2 - middle) * (foot - y) / (foot + 200), foot - 4))
    last = _lines(end, 90, width)
    parts.append(words(last, width / 2, foot, look=HEAVY))
    return picture(parts, -8, width, foot + LINE * len(last) + 8)


@dataclass(frozen=True)
class _Box:
    """A part of a lane in the picture: a heading, what is below it, and the colour of its frame, if it has one."""

    heading: Sequence[str]
    rest: Sequence[str] = ()
    colour: str = ""

    @property
    def height(self) -> int:
        return LINE * (len(self.heading) + len(self.rest)) + 10

    def draw(self, left: float, top: float) -> str:
        frame = f'stroke="{self.colour or INK}" stroke-width="{3 if self.colour else 1.2}"'
        box = f'<rect x="{left:.0f}" y="{top:.0f}" width="{LANE}" height="{self.height}" fill="{PAPER}" {frame}/>'
        x, anchor = (left + 8, "start") if self.rest else (left + LANE / 2, "middle")
        below = words(self.rest, x, top + 5 + LINE * len(self.heading), anchor)
        return box + words(self.heading, x, top + 5, anchor, HEAVY) + below


def _boxes(lane: ProofLane) -> list[_Box]:
    steps = []
    for step in lane.steps:
        said = [part for label, field in FIELDS if step[field] for part in _lines(f"{label}: {step[field]}")]
        steps.append(_Box(_lines(str(step["what"])), said))
    return [
        _Box(_lines(lane.title)),
        *steps,
        _Box([f"{lane.mark} {_short(lane.result, 36)}"], colour=COLOURS[lane.kind]),
    ]


def _lines(text: str, letters: int = 38, room: float = LANE - 20) -> list[str]:
    """Cut a text into lines of the picture, shorter ones where its letters are wide."""
    plain = _short(" ".join(printable(text).split()), MAX_SHOWN)
    while wide(lines := wrap(plain, letters)) > room:
        letters -= 1
    return lines or [" "]


class ProofView(Box):
    """What a server found out about a message, in three lanes: play it, or go step by step."""

    needs_no_lab = True

    def __init__(self, checks: Iterable[Mapping[str, Any]], disposition: str, reason: str) -> None:
        self.lanes = lanes(checks)
        done = DONE.get(disposition, _short(disposition, 60))
        why = WORDS["reason"].format(reason=_short(reason, MAX_SHOWN)) if reason else ""
        self.end = WORDS["done"].format(done=done) + why
        self._lanes = widgets.HTML()
        self.player = Player(self._show)
        super().__init__([self.player, self._lanes])
        self.player.set_last(count(self.lanes) - 1, count(self.lanes) - 1)
        self._show(self.player.slider.value)

    def _show(self, number: int) -> None:
        self._lanes.value = lanes_html(self.lanes, number, self.end)

    def close(self) -> None:
        """Take the view off the page."""
        shut_parts(self)
        super().close()

    def __repr__(self) -> str:
        return text_of(self.lanes, self.end)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Show the widget; beside it, a picture and a text for where no widget can be shown."""
        shown = super()._repr_mimebundle_(**options)
        data = shown[0] if isinstance(shown, tuple) else shown
        svg = drawn(self.lanes, self.end)
        data |= {"text/plain": repr(self), **bundle(svg, round(own_width(svg) * SMALLER))}
        return shown
