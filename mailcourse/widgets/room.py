"""The control room: a whole lesson on one screen, for a projector.

    scenario │ Reset │ Larger type                      the clock
    ───────────────────────────────┬─────────────────────────────
    the map, and its switches      │ Script │ Compose │ Journey │
                                   │ Queue and clock │ DNS │ Terminal

Reset makes a new lab, and the room closes it again; the lab it was opened with is left as it is.
"""

from __future__ import annotations

import itertools
from base64 import b64encode
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from mailcourse.internet.errors import LabError
from mailcourse.internet.trace import Event
from mailcourse.lab.lab import PlainLab
from mailcourse.lab.scenario import names
from mailcourse.lab.sent import PlainSent

from .compose import ComposeView
from .dig import DigView
from .journey import JourneyView
from .live import LiveView
from .map import MapView
from .parts import Box, shut_parts
from .queues import QueuesView
from .script import SCRIPT, ScriptStep, first_mail_server, pair
from .terminal import TerminalView

STYLE = Path(__file__).with_suffix(".css").read_text("utf-8")
TABS = ("Script", "Compose", "Journey", "Queue and clock", "DNS", "Terminal")
#: Messages in the menu of the journey.
MAX_MESSAGES = 50
_numbers = itertools.count(1)


class StageView(LiveView):
    """The room around one lab: the map on the left, one part at a time on the right."""

    TICKS = True

    def __init__(self, lab: PlainLab) -> None:
        self.map, self.queues, self.dig = MapView(lab), QueuesView(lab), DigView(lab)
        self.compose = ComposeView(lab, lab.person(pair(lab)[0]), filled={"to": pair(lab)[1], "subject": "Hello"})
        self.journey = JourneyView()
        self._messages: list[tuple[str, str]] = []
        self.message = widgets.Dropdown(options=[], description="Message", layout={"width": "98%"})
        self.message.observe(lambda _: self._choose(), "value")
        self.caption = widgets.HTML()
        parts = [
            self._script(),
            self.compose,
            widgets.VBox([self.message, self.journey]),
            self.queues,
            self.dig,
            self._terminal(lab),
        ]
        self.tabs = widgets.Tab(children=parts, titles=TABS, layout={"flex": "5 1 0", "min_width": "0"})
        left = widgets.VBox([self.map, self.caption], layout={"flex": "4 1 0", "min_width": "0"})
        both = widgets.HBox([left, self.tabs], layout={"align_items": "flex-start"})
        both.add_class("mailcourse-stage")
        super().__init__(lab, [both])

    def _script(self) -> widgets.Widget:
        """The steps of the script: a button each, and what to say to the class."""
        rows = [widgets.HTML("<div>What to show to a class. Ask before you press.</div>")]
        self.script_steps: dict[str, widgets.Button] = {}
        for number, step in enumerate(SCRIPT, 1):
            button = widgets.Button(
                description=f"{number}. {step.title}", icon="play", tooltip=step.say, layout={"width": "280px"}
            )
            button.on_click(lambda _, step=step: self.play(step))
            self.script_steps[step.title] = button
            say = widgets.HTML(f'<div style="line-height:1.35">{escape(step.say)}</div>', layout={"flex": "1 1 220px"})
            rows.append(widgets.HBox([button, say], layout={"align_items": "center", "flex_flow": "row wrap"}))
        return widgets.VBox(rows)

    def _terminal(self, lab: PlainLab) -> widgets.Widget:
        services = [
            ("port 25, SMTP", 25),
            ("port 110, POP3", 110),
            ("port 143, IMAP", 143),
            ("port 587, submission", 587),
        ]
        self.host = widgets.Dropdown(options=list(lab.mail_servers), description="Host", layout={"width": "280px"})
        self.port = widgets.Dropdown(options=services, description="Port", layout={"width": "260px"})
        self.connect = widgets.Button(description="Connect", icon="plug", layout={"width": "auto"})
        self.connect.on_click(lambda _: self.do(self._connect, self.connect))
        self.screen = widgets.VBox([])
        row = widgets.HBox([self.host, self.port, self.connect], layout={"flex_flow": "row wrap"})
        return widgets.VBox([row, self.screen])

    def _connect(self) -> None:
        source = self.lab.person(pair(self.lab)[0]).machine
        old = self.screen.children
        self.screen.children = (TerminalView(self.lab, self.host.value, self.port.value, source),)
        for view in old:
            view.close()

    # ---- the script ------------------------------------------------------------------------------------

    def play(self, step: ScriptStep) -> None:
        """Show a step; what is said to the class stays below the map."""
        self.caption.value = (
            f'<div role="status" style="background:#fff;color:#222;border-left:6px solid #D55E00;padding:6px 10px;'
            f'line-height:1.4"><b>{escape(step.title)}</b><br>{escape(step.say)}</div>'
        )
        self.do(lambda: step.act(self), *self.script_steps.values())

    def show(self, tab: str) -> None:
        """Bring a part to the front."""
        if tab == "Terminal" and not self.screen.children:
            self.host.value = first_mail_server(self.lab)
            self._connect()
        self.tabs.selected_index = TABS.index(tab)

    def show_journey(self, sent: PlainSent) -> None:
        """Play the journey of a message, from its beginning."""
        self.lab.settle()
        self.show("Journey")
        self._list()
        self.message.value = sent.message
        self.journey.follow(sent.trace, sent.message, playing=True)

    def walk(self, name: str, kind: str) -> None:
        """Look a name up from the root downwards."""
        self.show("DNS")
        self.dig.name.value, self.dig.type.value = name, kind
        self.dig.show_walk()

    # ---- what happens ----------------------------------------------------------------------------------

    def heard(self, event: Event) -> None:
        """Remember the messages, for the menu of the journey."""
        if event.what == "composed" and event.message:
            subject = str(event.facts["subject"])[:60]
            self._messages.append((f"{event.message}: {event.facts['sender']}: {subject}", event.message))
            del self._messages[:-MAX_MESSAGES]

    def look(self) -> None:
        """Put new messages into the menu."""
        if len(self.message.options) != len(self._messages) or self._messages[-1:] != list(self.message.options)[-1:]:
            self._list()

    def _list(self) -> None:
        chosen = self.message.value
        self.message.options = list(self._messages)
        self.message.value = chosen if chosen in [message for _, message in self._messages] else None

    def _choose(self) -> None:
        if self.message.value is not None and self.is_live:
            self.journey.follow(self.lab.trace, self.message.value)

    def stop(self, why: str = "") -> None:
        """Follow the lab no longer, in no part."""
        for part in (self.map, self.compose, self.queues, self.dig, *self.screen.children):
            part.stop(why)
        super().stop(why)

    def __repr__(self) -> str:
        return f"{self.map!r}\n\nScript: " + "; ".join(self.script_steps)


class RoomView(Box):
    """The stage, and above it the menu of scenarios, Reset and the size of the type.  `lab` is the lab on show."""

    def __init__(self, lab: PlainLab) -> None:
        self._guest = lab  # not ours to close
        self.scenario = widgets.Dropdown(options=names(), description="Scenario", layout={"width": "280px"})
        if lab.scenario.name in names():
            self.scenario.value = lab.scenario.name
        self.reset = widgets.Button(description="Reset", icon="undo", tooltip="a new lab, as it was at the beginning")
        self.large = widgets.ToggleButton(value=False, description="Larger type", icon="search-plus")
        self.notice = widgets.HTML()
        self.reset.on_click(lambda _: self.begin())
        self.scenario.observe(lambda _: self.begin(), "value")
        self.large.observe(lambda _: self._size(), "value")
        self.stage = StageView(lab)
        bar = [self.scenario, self.reset, self.large, self.notice]
        self._bar = widgets.HBox(bar, layout={"flex_flow": "row wrap", "align_items": "center"})
        self._style = widgets.HTML(f"<style>{STYLE}</style>")
        super().__init__([self._style, self._bar, self.stage])
        self.add_class("mailcourse-room")

    @property
    def lab(self) -> PlainLab:
        """The lab on show."""
        return self.stage.lab

    def begin(self) -> None:
        """Make a new lab of the chosen scenario, and show it."""
        self.reset.disabled = True
        try:
            old, lab = self.stage, PlainLab(self.scenario.value, name=f"control room {next(_numbers)}")
            self.stage = StageView(lab)
            self.children = (self._style, self._bar, self.stage)
            old.close()
            if old.lab is not self._guest:
                old.lab.close()
            self.notice.value = f"<div role='status'>New: {escape(lab.scenario.title)}</div>"
        except LabError as error:
            self.notice.value = f"<div role='alert'>{escape(str(error))}</div>"
        finally:
            self.reset.disabled = False

    def _size(self) -> None:
        self.add_class("mailcourse-large") if self.large.value else self.remove_class("mailcourse-large")

    def close(self) -> None:
        """Take the room off the page, and close the lab that it made."""
        self.stage.close()
        shut_parts(self)
        if self.lab is not self._guest:
            self.lab.close()
        super().close()

    def __repr__(self) -> str:
        return repr(self.stage)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Show the widget; beside it a text, for where no widget can be shown."""
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        data["text/plain"] = repr(self)
        if self.lab.is_open:
            data["image/png"] = b64encode(self.stage.map.still()).decode()
        return bundle
