"""What came of a check, for people: what was expected, what happened, a hint, and points as nbgrader takes them.

    mx-order: 3 of 5 points                    "… 3 points so far; 1 point is decided when …", where parts are for later
      passed  order (3 points)
      not yet ties (2 points)
              expected: both servers of preference 10 …
              happened: your function returned […]
      hint 1 of 3: …

nbgrader gives a cell the number that its last line shows, and nothing when it raises: so `Points` is a number that
prints as one, and shows the same as HTML in a notebook.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDE = 104
#: how a verdict looks as a card; the colours can be read on white and on black, and no sign depends on them
CARD = (
    "border:1px solid #7b8794;border-left-width:8px;border-radius:8px;padding:8px 14px;line-height:1.45;max-width:60em"
)
HINT = "border-top:1px dashed #7b8794;margin:8px 0 0;padding-top:6px"
GOOD, OPEN = "#0a8560", "#b8670a"


@dataclass(frozen=True)
class PartVerdict:
    """What came of one part."""

    name: str
    points: float
    passed: bool
    expected: str = ""
    happened: str = ""
    later: bool = False  # looked at only when the exercise is marked

    @property
    def promise(self) -> str:
        """What is said of a part for later."""
        if not self.later:
            return ""
        if self.passed:
            return ": an answer is there; whether it is right you see after marking"
        return ": looked at when the exercise is marked"


@dataclass(frozen=True)
class Verdict:
    """What came of a check."""

    title: str
    parts: Sequence[PartVerdict]
    stopped: str = ""
    notes: Sequence[str] = ()
    hint: str = ""
    is_try: bool = True  # False: nothing was answered, or something of another kind

    @property
    def points(self) -> float:
        """The points that were earned."""
        return sum(part.points for part in self.parts if part.passed)

    @property
    def max_points(self) -> float:
        """The points that there are."""
        return sum(part.points for part in self.parts)

    @property
    def is_whole(self) -> bool:
        """True when everything was right."""
        return all(part.passed for part in self.parts)

    @property
    def head(self) -> str:
        """The first line.  What is for later counts to nbgrader already, and is not promised here."""
        open_ = sum(part.points for part in self.parts if part.passed and part.later)
        if not open_:
            return f"{self.title}: {self.points:g} of {points(self.max_points)}"
        decided = f"{points(open_)} {'is' if open_ == 1 else 'are'} decided when the exercise is marked"
        return f"{self.title}: {points(self.points - open_)} so far; {decided}"

    def lines(self) -> list[str]:
        """The verdict as text."""
        lines = [self.head]
        for part in self.parts:
            state = "later  " if part.later else "passed " if part.passed else "not yet"
            lines.append(f"  {state} {part.name} ({points(part.points)}){part.promise}")
            if not part.passed and part.expected:
                lines += [*_folded("expected: ", part.expected), *_folded("happened: ", part.happened)]
        lines += _folded("", self.stopped, 2) if self.stopped else []
        for note in self.notes:
            lines += _folded("note: ", note, 2)
        return lines + (_folded("", self.hint, 2) if self.hint else [])

    def html(self) -> str:
        """The verdict as HTML; whatever a student wrote is text in it."""
        rows = "".join(self._row(part) for part in self.parts)
        notes = "".join(_said(f"Note: {escape(note)}") for note in self.notes)
        stopped = _said(escape(self.stopped)) if self.stopped else ""
        hint = _said(escape(self.hint), HINT) if self.hint else ""
        colour = GOOD if self.is_whole else OPEN
        head = f'<b style="font-size:1.1em">{escape(self.head)}</b>'
        return f'<div role="status" style="{CARD};border-left-color:{colour}">{head}{rows}{stopped}{notes}{hint}</div>'

    def _row(self, part: PartVerdict) -> str:
        sign, state, colour = ("…", "later", OPEN) if part.later else ("✘", "not yet", OPEN)
        if part.passed and not part.later:
            sign, state, colour = "✔", "passed", GOOD
        why = escape(part.promise.removeprefix(": "))
        if not part.passed and part.expected:
            why = f"expected: {escape(part.expected)}<br>happened: {escape(part.happened)}"
        about = f'<div style="margin-left:1.6em;opacity:.85">{why}</div>' if why else ""
        mark = f'<b style="color:{colour}">{sign} {state}</b>'
        return f'<div style="margin:4px 0">{mark} {escape(part.name)} ({points(part.points)}){about}</div>'


def _said(text: str, style: str = "margin:1em 0") -> str:
    """Return a sentence of a card; nbgrader's Formgrader shows the marks of a `p`."""
    return f'<div style="{style}">{text}</div>'


def _folded(head: str, text: str, indent: int = 10) -> list[str]:
    space = " " * indent
    below = space + " " * len(head)
    # Names of hosts stay in one piece.
    folder = textwrap.TextWrapper(WIDE, space, below, break_on_hyphens=False, break_long_words=False)
    return folder.wrap(head + text) or [space]


def points(number: float) -> str:
    """Say how many points.

    >>> points(1), points(2.5)
    ('1 point', '2.5 points')
    """
    return f"{number:g} point" + ("" if number == 1 else "s")


class Points(float):
    """The points of a check: a number to nbgrader, a table to people."""

    verdict: Verdict

    def __new__(cls, verdict: Verdict) -> Points:
        """Make a number of a verdict."""
        points = super().__new__(cls, verdict.points)
        points.verdict = verdict
        return points

    def _repr_html_(self) -> str:
        return self.verdict.html()

    def __str__(self) -> str:
        return "\n".join(self.verdict.lines())
