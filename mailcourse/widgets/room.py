"""The control room: a whole lesson on one screen, for a projector.

    scenario │ Reset │ Ask first │ Next │ moment │ Tools │ Larger type │ clock       one row
    what is said to the class, large                                                 always there
    ┌ the scene: the lab, and the journey on it ┐ ┌ the dialogue, or a tool ┐
    └───────────────────────────────────────────┘ └─────────────────────────┘
    the envelope and the letter

Reset makes a new lab, and the room closes it again; the lab it was opened with is left as it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from mailcourse.internet.errors import LabError
from mailcourse.lab.lab import PlainLab
from mailcourse.lab.scenario import names
from mailcourse.lab.sent import PlainSent
from mailcourse.scene.draw import Marks
from mailcourse.scene.places import ground_of
from mailcourse.scene.still import bundle

from .compose import ComposeView
from .controls import Controls
from .dig import DigView
from .journey import JourneyView
from .live import LiveView
from .map import MapView
from .parts import Box, shut_parts
from .queues import QueuesView
from .script import SCRIPT, ScriptStep, first_mail_server, pair
from .stage import LARGE, SMALL, Stage
from .steps import question_steps
from .terminal import TerminalView

STYLE = Path(__file__).with_suffix(".css").read_text("utf-8")
TOOLS = ("Hosts", "Compose", "Queue and clock", "DNS", "Terminal")
#: what a person reads
WORDS = {
    "begin": "Press Next.",
    "begin text": "Ask first shows the question for the class; Next shows what happens.",
    "scenario": "Scenario",
    "reset": "↺ Reset",
    "reset tip": "a new lab, as it was at the beginning",
    "tools": "Tools",
    "large": "Larger type",
    "new": "New: {title}",
    "refused": "No new lab",
    "smtp": "port 25, SMTP",
    "pop3": "port 110, POP3",
    "imap": "port 143, IMAP",
    "submission": "port 587, submission",
    "host": "Host",
    "port": "Port",
    "connect": "Connect",
    "script": "Script: ",
}
_numbers = itertools.count(1)


class StageView(LiveView):
    """The room around one lab: words, scene, dialogue and letter; the tools open beside the scene."""

    TICKS = True

    def __init__(self, lab: PlainLab, controls: Controls) -> None:
        self.controls = controls
        self.stage = Stage(ground_of(lab.scenario), layout_name="room")
        self.map, self.queues, self.dig = MapView(lab, self.stage), QueuesView(lab), DigView(lab, stage=self.stage)
        self.compose = ComposeView(lab, lab.person(pair(lab)[0]), filled={"to": pair(lab)[1], "subject": "Hello"})
        self.journey = JourneyView(ground=self.stage.ground, stage=self.stage)
        self.journey.now = self._marks
        self.number = -1  # the moment that is shown
        self.words = widgets.HTML()
        self.words.add_class("mc-words")
        self.stage.on_press(self._key)
        parts = [self.map, self.compose, self.queues, self.dig, self._terminal(lab)]
        self.tabs = widgets.Tab(children=parts, titles=TOOLS)
        self.drawer = widgets.VBox([self.tabs], layout={"display": "none"})
        self.drawer.add_class("mc-drawer")
        both = widgets.HBox([self.stage, self.drawer])
        both.add_class("mailcourse-stage")
        super().__init__(lab, [self.words, both])
        self.notice.add_class("mc-notice")
        self.tell(WORDS["begin"], WORDS["begin text"])

    def _terminal(self, lab: PlainLab) -> widgets.Widget:
        services = [
            (WORDS["smtp"], 25),
            (WORDS["pop3"], 110),
            (WORDS["imap"], 143),
            (WORDS["submission"], 587),
        ]
        self.host = widgets.Dropdown(
            options=list(lab.mail_servers), description=WORDS["host"], layout={"width": "280px"}
        )
        self.port = widgets.Dropdown(options=services, description=WORDS["port"], layout={"width": "260px"})
        self.connect = widgets.Button(description=WORDS["connect"], layout={"width": "auto"})
        self.connect.on_click(lambda _: self.do(self._connect, self.connect))
        self.screen = widgets.VBox([])
        line = widgets.HBox([self.host, self.port, self.connect], layout={"flex_flow": "row wrap"})
        return widgets.VBox([line, self.screen])

    def _connect(self) -> None:
        source = self.lab.person(pair(self.lab)[0]).machine
        old = self.screen.children
        self.screen.children = (TerminalView(self.lab, self.host.value, self.port.value, source),)
        for view in old:
            view.close()

    # ---- the script ------------------------------------------------------------------------------------

    def tell(self, title: str, text: str, kind: str = "", role: str = "status") -> None:
        """Put words for the class on top; their place and its height stay what they are."""
        self.words.value = (
            f'<div role="{role}" class="mc-caption {kind}"><h2>{escape(title)}</h2><p>{escape(text)}</p></div>'
        )

    def show_question(self) -> None:
        """Ask what the next moment will show."""
        if not self._is_free():
            return
        number = (self.number + 1) % len(SCRIPT)
        self.tell(f"{number + 1}. {SCRIPT[number].title}", SCRIPT[number].ask, "ask")

    def show_next(self) -> None:
        """Show the next moment."""
        if self._is_free():
            self.play(SCRIPT[(self.number + 1) % len(SCRIPT)])

    def choose(self, number: int) -> None:
        """Show a moment by its number, from 1; the one that is shown is not shown again."""
        if number and number != self.number + 1:
            self.play(SCRIPT[number - 1])

    def _is_free(self) -> bool:
        return self.is_live and not self.controls.next.disabled

    def _key(self, pressed: str) -> None:
        """Hear the keys that mean Next and Ask first."""
        if pressed == "key next":
            self.show_next()
        elif pressed == "key ask":
            self.show_question()

    def play(self, step: ScriptStep) -> None:
        """Show a moment; what is said to the class stays above the scene."""
        self.controls.rest(self)  # before the words change: who reads them has buttons that tell the truth
        self.number = SCRIPT.index(step)
        self.controls.moment.value = self.number + 1
        self.tell(f"{self.number + 1}. {step.title}", step.say)
        if self.is_open:
            self.open_tools(False)
        self.do(lambda: step.act(self), when_done=self._played)

    def _played(self) -> None:
        if self.is_live:
            self.controls.free(self)

    @property
    def is_open(self) -> bool:
        """Are the tools beside the scene?"""
        return bool(self.drawer.layout.display != "none")

    def open_tools(self, is_open: bool) -> None:
        """Open the tools beside the scene, or put them away."""
        self.drawer.layout.display = "" if is_open else "none"
        self.stage.layout_name = "room narrow" if is_open else "room"

    def show_tool(self, name: str) -> None:
        """Open one tool."""
        if name == "Terminal" and not self.screen.children:
            self.host.value = first_mail_server(self.lab)
            self._connect()
        self.journey.leave()
        self.tabs.selected_index = TOOLS.index(name)
        self.open_tools(True)

    def show_journey(self, sent: PlainSent) -> None:
        """Play the journey of a message, from its beginning."""
        self.lab.settle()
        self.journey.follow(sent.trace, sent.message, playing=True)

    def show_since(self, act: Callable[[], object]) -> None:
        """Act, and play what came of it: the way of the message that moved last."""
        events = self.lab.trace.events()
        since = events[-1].seq if events else 0
        act()
        self.lab.settle()
        moved = [event for event in self.lab.trace if event.seq > since and event.message]
        arrived = [event for event in moved if event.what == "delivered"] or moved
        if arrived and arrived[-1].message is not None:
            self.journey.follow(self.lab.trace, arrived[-1].message, playing=True, since=since)
        else:
            self.journey.leave()

    def show_questions(self, act: Callable[[], object]) -> None:
        """Act, and play the questions to the DNS, one by one."""
        events = self.lab.trace.events()
        since = events[-1].seq if events else 0
        act()
        asked = [event for event in self.lab.trace if event.seq > since and event.what in ("asked", "answered")]
        self.journey.load(asked, playing=True, tell=question_steps)

    # ---- what happens ----------------------------------------------------------------------------------

    def _marks(self) -> Marks:
        return self.map.marks()

    def look(self) -> None:
        """Show the time."""
        self.controls.show(self, f'<span class="mc-clock">{self.lab.clock.now():%a %d %b %H:%M:%S}</span>')

    def stop(self, why: str = "") -> None:
        """Follow the lab no longer, in no part."""
        for part in (self.map, self.compose, self.queues, self.dig, *self.screen.children):
            part.stop(why)
        super().stop(why)
        self.controls.rest(self)

    def close(self) -> None:
        """Take the stage off the page."""
        self.journey.close()
        super().close()

    def svg(self) -> str:
        """Return the scene as it is now."""
        return self.map.svg()

    def __repr__(self) -> str:
        return f"{self.map!r}\n\n{WORDS['script']}" + "; ".join(step.title for step in SCRIPT)


class RoomView(Box):
    """The stage, and above it one row of controls.  `lab` is the lab on show."""

    def __init__(self, lab: PlainLab) -> None:
        self._guest = lab  # not ours to close
        self.scenario = widgets.Dropdown(options=names(), description=WORDS["scenario"], layout={"width": "150px"})
        if lab.scenario.name in names():
            self.scenario.value = lab.scenario.name
        self.reset = widgets.Button(description=WORDS["reset"], tooltip=WORDS["reset tip"])
        self.tools = widgets.ToggleButton(value=False, description=WORDS["tools"])
        self.large = widgets.ToggleButton(value=False, description=WORDS["large"])
        self.reset.on_click(lambda _: self.begin())
        self.scenario.observe(lambda _: self.begin(), "value")
        self.large.observe(lambda _: self._size(), "value")
        self.tools.observe(lambda _: self.stage.open_tools(self.tools.value), "value")
        self.controls = Controls()
        script = (self.controls.ask, self.controls.next, self.controls.moment)
        own = [self.scenario, self.reset, *script, self.tools, self.large, self.controls.clock]
        self._bar = widgets.HBox(own)
        self._bar.add_class("mc-top")
        self._style = widgets.HTML(f"<style>{STYLE}</style>", layout={"display": "none"})
        super().__init__([self._style])
        self._look: tuple[widgets.Widget, ...] = tuple(self.children)  # the styles of all views, and the room's own
        self.add_class("mailcourse-room")
        self._show(StageView(lab, self.controls))

    def _show(self, stage: StageView) -> None:
        self.stage = stage
        stage.stage.min_text = LARGE if self.large.value else SMALL + 1
        stage.drawer.layout.observe(lambda _: self._tell_tools(), "display")
        self.controls.serve(stage)
        stage.look()  # the time, on a clock that was another's until now
        self.children = (*self._look, self._bar, stage)

    def _tell_tools(self) -> None:
        self.tools.value = self.stage.is_open

    @property
    def lab(self) -> PlainLab:
        """The lab on show."""
        return self.stage.lab

    def begin(self) -> None:
        """Make a new lab of the chosen scenario, and show it."""
        self.reset.disabled = True
        try:
            old, lab = self.stage, PlainLab(self.scenario.value, name=f"control room {next(_numbers)}")
            self._show(StageView(lab, self.controls))
            self.tools.value = False
            old.close()
            if old.lab is not self._guest:
                old.lab.close()
            self.stage.tell(WORDS["new"].format(title=lab.scenario.title), WORDS["begin text"])
        except LabError as error:
            self.stage.tell(WORDS["refused"], str(error), "ask", "alert")
        finally:
            self.reset.disabled = False

    def _size(self) -> None:
        self.add_class("mailcourse-large") if self.large.value else self.remove_class("mailcourse-large")
        self.stage.stage.min_text = LARGE if self.large.value else SMALL + 1

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
        """Show the widget; beside it a text and a picture, for where no widget can be shown."""
        shown = super()._repr_mimebundle_(**options)
        data = shown[0] if isinstance(shown, tuple) else shown
        data["text/plain"] = repr(self)
        if self.lab.is_open:
            data.update(bundle(self.stage.svg()))
        return shown
