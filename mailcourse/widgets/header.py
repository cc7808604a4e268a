"""Who wrote which line of a header: every line leads to the step of the journey that wrote it.

    Return-Path, Delivered-To      the delivery, or the server that sent it on
    Received: … id 7KQ2M4XD; …     the server that took it into its queue under that name
    all others                     who composed the message

Known by the names in the lines themselves, as one reads a real header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from mailcourse.internet.trace import Event
from mailcourse.message.harmless import visible

from .steps import Step

QUEUE_ID = re.compile(r"\bid (\S+?);?(?:\s|$)")
MAX_LINE = 160
ENVELOPE = re.compile(r"C: (MAIL FROM|RCPT TO):(<[^>]*>)", re.IGNORECASE)


@dataclass(frozen=True)
class HeaderLine:
    """One field of a header, unfolded, and the number of the step that wrote it, if that is known."""

    name: str
    value: str
    step: int | None

    def __str__(self) -> str:
        text = visible(f"{self.name}: {self.value}")
        return text if len(text) <= MAX_LINE else f"{text[:MAX_LINE]}…"


def header_of(events: Iterable[Event], recipient: str = "") -> str:
    """Return the header of a recipient's copy, or of the first one that arrived; else as it was composed."""
    composed = ""
    first = None
    for event in events:
        first = first or event.message
        if event.message != first:
            continue
        if event.what == "composed":
            composed = composed or event.facts["header"]
        if event.what == "delivered" and recipient in ("", event.facts["recipient"].lower()):
            return str(event.facts["header"])
    return composed


def lines(header: str, steps: Sequence[Step]) -> list[HeaderLine]:
    """Take a header apart, and find the step of each line."""
    marks = {step.mark: number for number, step in enumerate(steps) if step.mark}
    composed = marks.get("composed", next((n for n, step in enumerate(steps) if step.lines[:1]), None))
    rows = []
    for text in re.split(r"\r?\n(?![ \t])", header.strip("\r\n")) if header else []:
        name, _, value = text.partition(":")
        value = " ".join(value.split())
        rows.append(HeaderLine(name, value, _writer(name.lower(), value, marks, composed)))
    return rows


def _writer(name: str, value: str, marks: dict[str, int], composed: int | None) -> int | None:
    if name == "received":
        taken = QUEUE_ID.search(value)
        return marks.get(taken[1]) if taken else None
    if name == "delivered-to":
        return marks.get(f"to {value}", composed)
    if name == "return-path":
        return max((number for mark, number in marks.items() if mark.startswith("to ")), default=None)
    if name == "list-id":
        lists = (n for mark, n in marks.items() if mark.startswith("to ") and mark[3:].replace("@", ".") in value)
        return next(lists, composed)
    return composed


def two_letters(header: str, steps: Sequence[Step], number: int) -> str:
    """Show the envelope of step `number` beside what the header says: two different things."""
    envelope: list[tuple[str, str]] = []
    for step in steps[: number + 1]:
        matches = [match for line in step.lines if (match := ENVELOPE.match(line))]
        if matches:
            envelope = [(match[1].upper(), match[2]) for match in matches]
    shown = [(line.name, line.value) for line in lines(header, ()) if line.name.lower() in ("from", "to", "cc", "bcc")]
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:8px">'
        + _card("Envelope: what the servers read", envelope, "nothing has been said yet", "#D55E00")
        + _card("Header: what people read", shown, "no header is known", "#0060A0")
        + "</div>"
    )


def _card(title: str, rows: Sequence[tuple[str, str]], nothing: str, colour: str) -> str:
    fields = "<br>".join(f"<b>{escape(name)}</b> {escape(visible(value)[:MAX_LINE])}" for name, value in rows[:8])
    more = f"<br>… and {len(rows) - 8} more" if len(rows) > 8 else ""
    style = f"flex:1 1 280px;background:#fff;color:#222;border-left:6px solid {colour};padding:4px 8px;line-height:1.4"
    return f'<div style="{style};overflow-wrap:anywhere">{escape(title)}<br>{fields or nothing}{more}</div>'
