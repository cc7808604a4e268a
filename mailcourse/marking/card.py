"""The feedback of one student: a page a card for each task, with what was expected, what happened, and where.

Pure functions from marks to HTML.  No output of a student's cells is in it, whatever she wrote is text, it has no
script, and asks the web for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from mailcourse.checks.verdict import PartVerdict, Verdict

from .tables import Marks

STYLE = Path(__file__).with_suffix(".css").read_text("utf-8")
#: no script runs, whatever else is in the page
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class TaskCard:
    """One task of one student; `verdict` is None for a text that a person reads."""

    name: str
    title: str
    answer: str
    verdict: Verdict | None
    is_code: bool


def page(assignment: str, marks: Marks, cards: Sequence[TaskCard]) -> str:
    """Return the feedback page of one student."""
    who = marks.full_name or marks.student
    title = f"{assignment}: {who}"
    world = f"<p>The world of {escape(marks.name)}.</p>" if marks.name and marks.name != who else ""
    late = f"<p>{escape(marks.late)}.</p>" if marks.late else ""
    waiting = (
        f"<p>{_points(marks.waiting)} more are decided when your teacher has read your texts.</p>" if marks.open else ""
    )
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="sum"><strong>{marks.total:g} of {marks.most:g} points</strong></p>{world}{late}{waiting}',
        "<nav aria-label='Tasks'><table><caption>All tasks</caption><thead><tr><th scope='col'>task</th>"
        "<th scope='col'>points</th><th scope='col'>of</th></tr></thead><tbody>",
        *(_line(card, marks) for card in cards),
        "</tbody></table></nav>",
        *(_card(card, marks) for card in cards),
    ]
    return whole(title, "".join(body), STYLE)


def whole(title: str, body: str, style: str) -> str:
    """Return a page around a body."""
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{escape(title)}</title><style>{style}</style>"
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body><main>{body}</main></body></html>\n'


def _line(card: TaskCard, marks: Marks) -> str:
    points = "by hand" if card.name in marks.open else f"{marks.points.get(card.name, 0):g}"
    cells = f"<td>{points}</td><td>{marks.max_points.get(card.name, 0):g}</td>"
    return f'<tr><td><a href="#{escape(card.name)}">{escape(card.title)}</a></td>{cells}</tr>'


def _card(card: TaskCard, marks: Marks) -> str:
    points, most = marks.points.get(card.name, 0), marks.max_points.get(card.name, 0)
    head = f"{escape(card.title)} · {points:g} of {_points(most)}"
    if card.name in marks.open:
        head = f"{escape(card.title)} · your teacher reads this text"
    state = "open" if card.name in marks.open else "full" if points >= most else "some" if points else "none"
    inner = [f"<h2>{head}</h2>", _hand(card, marks)]
    if card.verdict is not None:
        inner.append(_verdict(card.verdict))
    comment = marks.comments.get(card.name, "")
    inner.append(f'<p class="teacher"><strong>Your teacher:</strong> {escape(comment)}</p>' if comment else "")
    if card.answer.strip():
        name = f"Your answer to “{card.title}”"
        inner.append(
            f"<details><summary>Your answer</summary>"
            f'<pre tabindex="0" role="region" aria-label="{escape(name)}">{escape(card.answer)}</pre></details>'
        )
    return f'<section class="{state}" id="{escape(card.name)}">{"".join(inner)}</section>'


def _hand(card: TaskCard, marks: Marks) -> str:
    return "<p>Your teacher gave these points.</p>" if card.name in marks.by_hand and card.verdict is not None else ""


def _verdict(verdict: Verdict) -> str:
    parts = "".join(_part(part) for part in verdict.parts)
    below = [verdict.stopped, *(f"Note: {note}" for note in verdict.notes)]
    return f"<ul>{parts}</ul>" + "".join(f"<p>{escape(text)}</p>" for text in below if text)


def _part(part: PartVerdict) -> str:
    state = "✔ passed" if part.passed else "✘ not yet"
    why = ""
    if not part.passed and part.expected:
        expected, happened = escape(part.expected), escape(part.happened or "nothing of that")
        why = f"<dl><dt>expected</dt><dd>{expected}</dd><dt>happened</dt><dd>{happened}</dd></dl>"
    kind = "passed" if part.passed else "not"
    return f'<li class="{kind}">{state}: {escape(part.name)} ({_points(part.points)}){why}</li>'


def _points(number: float) -> str:
    return f"{number:g} point" + ("" if number == 1 else "s")


def cards_of(titles: Mapping[str, str], answers: Mapping[str, str], verdicts: Mapping[str, Verdict]) -> list[TaskCard]:
    """Return the cards of a student, in the order of `titles`."""
    return [
        TaskCard(name, title, answers.get(name, ""), verdicts.get(name), name in verdicts)
        for name, title in titles.items()
    ]
