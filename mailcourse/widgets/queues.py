"""Queues and the clock: what waits where, why, until when; and buttons that let lab time pass.

    waiting(lab)            one line for each message in any queue
    history(lab, message)   its attempts so far, and the next one
    timeline(history, now)  the same as a line of time; `lanes` has one for each message

These are functions from values to values; `QueuesView` below is only buttons around them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from itertools import pairwise

import ipywidgets as widgets

from mailcourse.internet.errors import LabError
from mailcourse.lab.lab import PlainLab
from mailcourse.lab.table import table
from mailcourse.scene.draw import cut
from mailcourse.scene.still import sheet

from .live import LiveView
from .parts import button

#: what a button lets pass
STEPS = {"Next event": None, "+30 min": timedelta(minutes=30), "+1 day": timedelta(days=1)}
#: what can be done with a message
ACTS = ("Flush all", "Flush", "Hold", "Release", "Delete")
#: event → how it is drawn: its sign, its class in `parts.css`, and a word for who sees no colours
MARKS = {
    "accepted": ("●", "taken", "taken"),
    "deferred": ("▲", "again", "try again"),
    "relayed": ("●", "done", "handed on"),
    "delivered": ("●", "done", "delivered"),
    "failed": ("✕", "gave", "given up"),
}
#: what a person reads
WORDS = {
    "next attempt": "the next attempt",
    "held": "held",
    "next at": "next {time:%a %H:%M}",
    "line": "{host}: {id} {sender} → {recipients} ({when}, {attempts} tried)",
    "more readers": " and {count} more",
    "short": "{id} on {host}, to {recipient}{more}",
    "now": "now {time:%a %H:%M}",
    "days": "{days} days",
    "minutes": "{minutes} min",
    "hours": "{hours} h",
    "more": "and {count} more that wait",
    "waiting": "Waiting",
    "stop": "Stop",
    "nothing planned": "Nothing is planned: no message waits, nothing will happen by itself.",
    "count": "{count} waiting",
    "nothing waits": "Nothing waits.",
    "lab time": "lab time",
    "what": "what",
    "title": "{time:%a %d %b %H:%M:%S}, {count} waiting",
    "all empty": "All queues are empty.",
    "closed": "the queues of a lab that is closed",
    "empty": "all queues are empty",
}
#: lanes that are drawn, and letters of a lane's name
MAX_LANES, MAX_NAME = 8, 28


@dataclass(frozen=True)
class Waiting:
    """One message in a queue."""

    host: str
    queue_id: str
    message: str | None
    sender: str
    recipients: tuple[str, ...]
    attempts: int
    due: datetime | None  # None: held
    reason: str

    @property
    def line(self) -> str:
        """The message in one line."""
        return self._line(self.host, self.sender, ", ".join(self.recipients))

    @property
    def headline(self) -> str:
        """The same for a picture: long names are cut, and never what is said at the end."""
        names = (self.host, self.sender, ", ".join(self.recipients))
        return self._line(*(cut(name, MAX_NAME) for name in names))

    def _line(self, host: str, sender: str, recipients: str) -> str:
        when = WORDS["held"] if self.due is None else WORDS["next at"].format(time=self.due)
        return WORDS["line"].format(
            host=host, id=self.queue_id, sender=sender, recipients=recipients, when=when, attempts=self.attempts
        )

    @property
    def short(self) -> str:
        """The same for a narrow list."""
        more = WORDS["more readers"].format(count=len(self.recipients) - 1) if self.recipients[1:] else ""
        if not self.recipients:
            return self.queue_id
        return WORDS["short"].format(id=self.queue_id, host=self.host, recipient=self.recipients[0], more=more)


def waiting(lab: PlainLab) -> list[Waiting]:
    """Look into every queue."""
    messages = []
    for host, server in lab.mail_servers.items():
        for entry in server.queue.entries():
            how = server.queue.progress_of(entry)
            due = None if how.is_held else how.next_attempt
            sender = entry.envelope.reverse_path or "<>"
            names = tuple(map(str, how.waiting))
            messages.append(
                Waiting(host, entry.queue_id, entry.message, sender, names, how.attempts, due, str(how.reason))
            )
    return messages


def history(lab: PlainLab, item: Waiting) -> list[tuple[datetime, str, str]]:
    """Return what happened to a message on its host so far, and when it is tried next: (time, what, sentence)."""
    events = [
        (event.time, event.what, event.sentence())
        for event in lab.trace
        if event.host == item.host and event.message == item.message and event.what in MARKS
    ]
    return events + ([(item.due, "next", WORDS["next attempt"])] if item.due else [])


def timeline(events: Sequence[tuple[datetime, str, str]], now: datetime) -> str:
    """Draw attempts, past and to come, on a line of time; what lies between two of them is labelled."""
    if not events:
        return ""
    times = [when for when, _, _ in events] + [now]
    first, last = min(times), max(times)
    span = max((last - first).total_seconds(), 1.0)

    def place(when: datetime) -> float:
        return 34 + 632 * (when - first).total_seconds() / span

    parts = ['<path class="axis" d="M34 40H666"/>', f'<path class="now" d="M{place(now):.0f} 18v36"/>']
    middle = min(max(place(now), 60), 640)  # the words stay inside the picture
    today = WORDS["now"].format(time=now)
    parts.append(f'<text x="{middle:.0f}" y="14" text-anchor="middle">{today}</text>')
    tries = [when for when, what, _ in events if what in ("accepted", "deferred", "next")]
    for before, after in pairwise(dict.fromkeys(tries)):
        if place(after) - place(before) > 52:
            parts.append(
                f'<text class="span" x="{(place(before) + place(after)) / 2:.0f}" y="34">{gap(after - before)}</text>'
            )
    for when, what, sentence in events:
        sign, kind, _ = MARKS.get(what, ("○", "next", "next"))
        tip = escape(f"{when:%a %H:%M} {sentence}")
        drawn = f'<text class="{kind}" x="{place(when):.0f}" y="46" text-anchor="middle">{sign}</text>'
        parts.append(f"<g><title>{tip}</title>{drawn}</g>")
    for when, anchor in ((first, "start"), (last, "end")):
        x = {"start": 8, "end": 692}[anchor]
        parts.append(f'<text x="{x}" y="70" text-anchor="{anchor}">{when:%a %H:%M}</text>')
    words = escape("; ".join(f"{when:%a %H:%M} {sentence}" for when, _, sentence in events), quote=True)
    about = f'role="img" aria-label="{words}" viewBox="0 0 700 78" width="700"'
    return f'<svg class="mc-timeline" {about}>{"".join(parts)}</svg>'


def gap(time: timedelta) -> str:
    """Say how long it is from one attempt to the next.

    >>> gap(timedelta(minutes=15)), gap(timedelta(hours=1, minutes=30)), gap(timedelta(days=2))
    ('15 min', '1 h 30', '2 days')
    """
    minutes = round(time.total_seconds() / 60)
    if minutes < 60:
        return WORDS["minutes"].format(minutes=minutes)
    if minutes < 2 * 24 * 60:
        return WORDS["hours"].format(hours=minutes // 60) + (f" {minutes % 60:02}" if minutes % 60 else "")
    return WORDS["days"].format(days=minutes // (24 * 60))


def lanes(lab: PlainLab, messages: Sequence[Waiting], chosen: object) -> str:
    """Draw a lane for each message that waits, the chosen one first."""
    ordered = sorted(messages, key=lambda item: (item.host, item.queue_id) != chosen)
    drawn = [
        f'<div class="mc-lane">{escape(item.headline)}<br>{timeline(history(lab, item), lab.clock.now())}</div>'
        for item in ordered[:MAX_LANES]
    ]
    more = len(messages) - MAX_LANES
    return "".join(drawn) + (f"<p>{WORDS['more'].format(count=more)}</p>" if more > 0 else "")


#: the colours of a line of time where no style sheet is: those of `parts.css` in the light theme
STILL = (
    "text{font:13px system-ui,'DejaVu Sans',sans-serif;fill:#1f2933}.axis{stroke:#52606d;stroke-width:2}"
    ".now{stroke:#00507d;stroke-width:2.5}.taken,.done{fill:#00573e}.again{fill:#8a4b00}.gave{fill:#b3261e}"
    ".next,.span{fill:#52606d}.span{text-anchor:middle}.lane{fill:#8a4b00}"
    ".head{font-weight:700}"
)
LANE_HEIGHT = 112


def still_lanes(lanes: Sequence[tuple[str, str]], title: str) -> str:
    """Draw lanes, each a name and its line of time, as one picture without a style sheet of its page."""
    drawn = []
    for number, (name, line) in enumerate(lanes):
        placed = line.replace("<svg ", '<svg x="14" y="30" height="78" ', 1)
        drawn.append(
            f'<g transform="translate(0 {30 + LANE_HEIGHT * number})"><rect class="lane" width="6" height="104"/>'
            f'<text x="14" y="20">{escape(name)}</text>{placed}</g>'
        )
    size = f'viewBox="0 0 728 {36 + LANE_HEIGHT * len(lanes)}"'
    head = f'<text class="head" x="6" y="20">{escape(title)}</text>'
    ground = '<rect width="100%" height="100%" fill="#ffffff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{STILL}</style>{ground}{head}{"".join(drawn)}</svg>'


class QueuesView(LiveView):
    """All queues of a lab, and its clock."""

    TICKS = True

    def __init__(self, lab: PlainLab) -> None:
        self.time = widgets.HTML()
        self.list = widgets.Select(options=[], rows=6, description=WORDS["waiting"], layout={"width": "98%"})
        self.line, self.story = widgets.HTML(), widgets.HTML(layout={"max_height": "220px", "overflow": "auto"})
        self.progress = widgets.FloatProgress(min=0, max=1, layout={"width": "160px", "display": "none"})
        self.cancel = widgets.Button(description=WORDS["stop"], layout={"display": "none", "width": "auto"})
        self._cancelled, self._looking = threading.Event(), threading.RLock()
        self.cancel.on_click(lambda _: self._cancelled.set())
        self.steps = {word: button(word) for word in STEPS}
        self.acts = {word: button(word) for word in ACTS}
        for word, made in self.steps.items():
            made.on_click(lambda _, word=word: self.do(lambda: self.advance(STEPS[word]), *self.steps.values()))
        for word, made in self.acts.items():
            made.on_click(lambda pressed, word=word: self.do(lambda: self.press(word), pressed))
        self.list.observe(lambda _: self._tell(), "value")
        wraps = {"flex_flow": "row wrap"}
        clock = widgets.HBox([self.time, *self.steps.values(), self.progress, self.cancel], layout=wraps)
        super().__init__(
            lab, [clock, self.list, widgets.HBox(list(self.acts.values()), layout=wraps), self.line, self.story]
        )

    def advance(self, step: timedelta | None) -> None:
        """Let lab time pass, from one thing that falls due to the next, until it is over or somebody says Stop."""
        clock = self.lab.clock
        began = clock.now()
        end = began + step if step is not None else clock.next_due()
        if end is None:
            raise LabError(WORDS["nothing planned"])
        self._cancelled.clear()
        self.progress.layout.display = self.cancel.layout.display = ""
        try:
            while clock.now() < end and not self._cancelled.is_set():
                due = clock.next_due()
                until = min(due, end) if due is not None else end
                clock.advance(seconds=max((until - clock.now()).total_seconds(), 1.0))
                self.progress.value = (clock.now() - began) / (end - began)
        finally:
            self.progress.layout.display = self.cancel.layout.display = "none"

    def press(self, word: str) -> None:
        """Do what a button says with the message that is chosen; flush tries all that wait."""
        if word == "Flush all":
            for host in {item.host for item in waiting(self.lab)}:
                self.lab.queue(host).flush()
        elif self.list.value is not None:
            host, queue_id = self.list.value
            getattr(self.lab.queue(host), word.lower())(queue_id)

    def look(self) -> None:
        """Show the queues as they are now."""
        with self._looking:
            messages = waiting(self.lab)
            options = [(item.short, (item.host, item.queue_id)) for item in messages]
            with self.hold_sync():
                count = WORDS["count"].format(count=len(messages))
                self.time.value = f"<b>{self.lab.clock.now():%a %d %b %H:%M:%S}</b>&emsp;{count}&emsp;"
                if tuple(options) != tuple(self.list.options):
                    chosen, first = self.list.value, options[0][1] if options else None
                    self.list.options = options
                    self.list.value = next((key for _, key in options if key == chosen), first)
            self._tell()

    def _tell(self) -> None:
        """Show the one that is chosen; in turn, or what was chosen before could be shown after it."""
        with self._looking:
            messages, chosen = waiting(self.lab), self.list.value
            item = next((item for item in messages if (item.host, item.queue_id) == chosen), None)
            events = history(self.lab, item) if item is not None else []
            self.line.value = lanes(self.lab, messages, chosen)
            rows = [(f"{when:%a %H:%M:%S}", MARKS.get(what, ("", "", "next"))[2], said) for when, what, said in events]
            self.story.value = (
                table((WORDS["lab time"], "", WORDS["what"]), rows)._repr_html_()
                if rows
                else f"<p>{WORDS['nothing waits']}</p>"
            )

    def svg(self) -> str:
        """Return the lanes as they are now."""
        messages, now = waiting(self.lab), self.lab.clock.now()
        title = WORDS["title"].format(time=now, count=len(messages))
        if not messages:
            return sheet([("soft", WORDS["all empty"])], title)
        shown = [(item.headline, timeline(history(self.lab, item), now)) for item in messages[:MAX_LANES]]
        return still_lanes(shown, title)

    def __repr__(self) -> str:
        if not self.lab.is_open:
            return WORDS["closed"]
        return "\n".join(item.line for item in waiting(self.lab)) or WORDS["empty"]
