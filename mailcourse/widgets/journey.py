"""The journey of a message on the screen: play, step, and see which line of the header was written where.

    events → steps → branch ─┬─► journey_graph → render_step    the picture
                             ├─► said                           the dialogue of this step
                             └─► header.lines                   choose a line: the step that wrote it lights up

The functions are in `steps.py`, `journey_graph.py` and `header.py`; here are only buttons around them.  Works while the
message travels, afterwards, and from a saved trace.
"""

from __future__ import annotations

from base64 import b64encode
from collections import deque
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from mailcourse.internet.trace import Event, Trace

from . import header
from .follow import Follower
from .journey_graph import dot, journey_graph, render_step
from .parts import Box, shut_parts
from .picture import png
from .player import Player
from .steps import Step, branch, recipients, steps, text_of

EVERYBODY = "everybody"
MAX_FOLLOWING = 3
_following: deque[Follower] = deque()

STYLE = Path(__file__).with_suffix(".css").read_text("utf-8")


def said(step: Step, number: int, count: int) -> str:
    """Write what was said at one step, as HTML; nothing in it is ever markup."""
    colours = {"C": "#0060A0", "S": "#00704f"}
    lines = "\n".join(
        f'<span style="color:{colours[line[0]]}">{escape(line)}</span>' if line[:2] in ("C:", "S:") else escape(line)
        for line in step.lines
    )
    when = f" ({step.time:%a %H:%M:%S})" if step.time else ""
    return (
        f'<div style="font-weight:600;margin-bottom:4px">Step {number + 1} of {count}{when}. {escape(step.title)}</div>'
        f'<pre tabindex="0" style="font-family:monospace;white-space:pre-wrap;background:#fff;color:#222;padding:6px;'
        f'border-radius:6px;margin:0;line-height:1.35;max-height:340px;overflow:auto">'
        f"{lines or '(nothing was said)'}</pre>"
    )


class JourneyView(Box):
    """Play, step back and forth, and read what was said.  `steps` are the steps as values."""

    needs_no_lab = True

    def __init__(self, events: Sequence[Event] = ()) -> None:
        self.steps: list[Step] = []
        self._events: Sequence[Event] = ()
        self._graph, self._header = journey_graph(()), ""
        self._lines: list[header.HeaderLine] = []
        self._follower: Follower | None = None
        self._ids: set[str | None] = set()
        self._is_showing = False
        self.whose = widgets.Dropdown(options=[EVERYBODY], description="Copy of", layout={"width": "300px"})
        self._picture = widgets.HTML(layout={"flex": "3 1 480px", "overflow": "auto"})
        self._said = widgets.HTML(layout={"flex": "2 1 320px"})
        self._two = widgets.HTML()
        about = "The header of the message as it is now: choose a line to see the step that wrote it"
        self.header = widgets.Select(options=[], rows=7, description="Header", layout={"width": "99%"})
        self._below = widgets.VBox([self._two, widgets.HTML(f"<div>{about}</div>"), self.header])
        self.player = Player(lambda _: self._show(), [self.whose])
        self.slider, self.back, self.forth, self.play = (
            self.player.slider,
            self.player.back,
            self.player.forth,
            self.player.play,
        )
        self.whose.observe(lambda _: self._choose_copy(), "value")
        self.header.observe(lambda _: self._choose_line(), "index")
        both = widgets.HBox([self._picture, self._said], layout={"flex_flow": "row wrap", "align_items": "flex-start"})
        super().__init__([self.player, both, self._below])
        self.load(events)

    # ---- what is shown ---------------------------------------------------------------------------------

    def load(self, events: Sequence[Event], *, playing: bool = False) -> None:
        """Show another journey, from its first step; `playing` starts it once this view is on the screen."""
        if self._follower is not None:
            self._follower.stop()
        self._events = events
        self.player.stand_still()
        self._is_showing = True
        names = recipients(steps(events))
        self.whose.options = [EVERYBODY, *names]
        self.whose.value = EVERYBODY
        self.whose.layout.display = "" if len(names) > 1 else "none"
        self._is_showing = False
        self._arrange(0)
        if playing:
            self.player.start()

    def follow(self, trace: Trace, message: str, *, playing: bool = False) -> None:
        """Show the journey of a message that may still be on its way: new steps are added as they happen."""
        self.load(trace.journey(message), playing=playing)
        self._ids = {message, *(event.message for event in self._events)}
        is_news = False

        def heard(event: Event) -> None:
            nonlocal is_news
            if event.message in self._ids:
                is_news = True
                if event.what == "reported":
                    self._ids.add(event.facts["report"])

        def look() -> None:
            nonlocal is_news
            if is_news:
                is_news = False
                self._events = trace.journey(message)
                self._arrange(self.slider.value)

        self._follower = Follower(trace, look, heard)
        _following.append(self._follower)
        while len(_following) > MAX_FOLLOWING:
            _following.popleft().stop()

    def _arrange(self, number: int) -> None:
        """Tell the steps again, and go to step `number`."""
        recipient = "" if self.whose.value == EVERYBODY else self.whose.value
        self.steps = branch(steps(self._events), recipient)
        self._graph = journey_graph(self.steps)
        self._header = header.header_of(self._events, recipient)
        self._lines = header.lines(self._header, self.steps)
        last = max(0, len(self.steps) - 1)
        self._is_showing = True
        options = [(f"{n}. {line}", n) for n, line in enumerate(self._lines, 1)]
        if tuple(options) != tuple(self.header.options):
            self.header.options = options
        self.player.set_last(last, number)
        self._below.layout.display = "" if self._lines else "none"
        self._is_showing = False
        self._show()

    def _choose_copy(self) -> None:
        if not self._is_showing:
            self.player.stand_still()
            self._arrange(0)

    def _choose_line(self) -> None:
        """Go to the step that wrote the chosen line."""
        if self._is_showing or self.header.index is None:
            return
        number = self._lines[self.header.index].step
        if number is not None:
            self.player.go_to(number)

    def _show(self) -> None:
        if self._is_showing:
            return
        if not self.steps:
            self._said.value = "nothing has happened yet"
            return
        number = min(self.slider.value, len(self.steps) - 1)
        chosen = self.header.index
        if chosen is None or self._lines[chosen].step != number:
            chosen = next((n for n, line in enumerate(self._lines) if line.step == number), None)
        self._is_showing = True
        with self.hold_sync():
            picture = render_step(self._graph, self.steps, number)
            self._picture.value = f'<style>{STYLE}</style><div class="mailcourse">{picture}</div>'
            self._said.value = said(self.steps[number], number, len(self.steps))
            self._two.value = header.two_letters(self._header, self.steps, number)
            self.header.index = chosen
        self._is_showing = False

    def close(self) -> None:
        """Take the journey off the page."""
        if self._follower is not None:
            self._follower.stop()
            _following.remove(self._follower) if self._follower in _following else None
        shut_parts(self)
        super().close()

    def __repr__(self) -> str:
        return text_of(self.steps)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Show the widget; beside it, a picture and a text for where no widget can be shown."""
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        data["text/plain"] = text_of(self.steps)
        if self.steps:
            data["image/png"] = b64encode(png(dot(self._graph))).decode()
        return bundle
