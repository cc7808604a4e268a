"""The map: organisations, hosts, people and queues; every message is seen on its way, hosts and links can be broken.

Press a host or a link in the picture, or choose it beside it: the switches and the page there are for what is chosen.
The places are those of `scene/places.py` and never change; `stage.js` plays what moves, one motion at a time.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets as widgets

from mailcourse.internet.trace import Event
from mailcourse.lab.lab import PlainLab
from mailcourse.lab.queue import COLUMNS, rows
from mailcourse.lab.table import table
from mailcourse.scene.draw import Marks, draw
from mailcourse.scene.moves import Move, Teller
from mailcourse.scene.now import marks_of, state, text_of, troubles
from mailcourse.scene.places import Link, ground_of

from .live import LiveView
from .stage import Stage

MAIL_PORTS = (24, 25, 465, 587)
#: Lines of a log, the newest.
MAX_LOG = 60
#: Links that the picture shows; ways that mail takes are added as it takes them.
MAX_LINKS = 60
ARROW = " → "
#: Motions that wait to be told; of a burst the newest.
MAX_MOVES = 200
MAIL_COLUMNS = ("person", "folder", "UID", "file")
#: what a person reads
WORDS = {
    "host": "Host",
    "off": "Switch off",
    "on": "Switch on",
    "off tip": "nothing passes any more",
    "slow": "Slow down",
    "slow tip": "0.5 s each way",
    "fast": "Full speed",
    "fix": "Fix all",
    "fix tip": "whatever was broken on purpose",
    "log tip": "what happened there",
    "queue tip": "what waits",
    "mail tip": "files",
    "zones tip": "records",
    "closed": "a map of a lab that is closed",
    "nothing passed": "nothing has passed here yet",
    "no queue": "no queue here",
    "no zones": "no zones here",
    "nothing happened": "nothing has happened here yet",
    "no mailboxes": "no mailboxes here",
    "all empty": "all mailboxes are empty",
}


class MapView(LiveView):
    """The map, and the switches for the host or link that is chosen."""

    def __init__(self, lab: PlainLab, stage: Stage | None = None) -> None:
        self.ground = ground_of(lab.scenario)
        self._links: tuple[Link, ...] = self.ground.links
        self._teller, self._moves = Teller(), deque[Move](maxlen=MAX_MOVES)
        self._lock = threading.Lock()
        self.stage = stage or Stage(self.ground, layout_name="live")
        self.stage.on_press(self._pressed)
        self.host = widgets.Dropdown(
            options=list(lab.scenario.hosts), description=WORDS["host"], layout={"width": "440px"}
        )
        self.switch = widgets.Button(description=WORDS["off"], tooltip=WORDS["off tip"])
        self.slow = widgets.Button(description=WORDS["slow"], tooltip=WORDS["slow tip"])
        self.mend = widgets.Button(description=WORDS["fix"], tooltip=WORDS["fix tip"])
        self.what = widgets.ToggleButtons(
            options=["log", "queue", "mail", "zones"],
            tooltips=[WORDS["log tip"], WORDS["queue tip"], WORDS["mail tip"], WORDS["zones tip"]],
            style={"button_width": "72px"},
        )
        self.detail = widgets.HTML(layout={"max_height": "400px", "overflow": "auto"})
        self.switch.on_click(lambda _: self.do(self._switch, self.switch))
        self.slow.on_click(lambda _: self.do(self._slow, self.slow))
        self.mend.on_click(lambda _: self.do(lab.mend, self.mend))
        for chooser in (self.host, self.what):
            chooser.observe(lambda _: self.look(), "value")
        row = widgets.HBox([self.host, self.switch, self.slow, self.mend], layout={"flex_flow": "row wrap"})
        about = widgets.VBox([row, self.what, self.detail], layout={"flex": "2 1 380px", "min_width": "0"})
        if stage is None:
            self.stage.layout.flex, self.stage.layout.min_width = "3 1 620px", "0"
            about = widgets.HBox([self.stage, about], layout={"flex_flow": "row wrap", "align_items": "flex-start"})
        super().__init__(lab, [about])

    @property
    def chosen(self) -> tuple[str, ...]:
        """The host, or both ends of the link."""
        return tuple(self.host.value.split(ARROW))

    def heard(self, event: Event) -> None:
        """Collect what moves, and which ways mail takes."""
        if event.what == "connected" and event.facts["port"] in MAIL_PORTS:
            link, known = (str(event.facts["peer"]), event.host), self.lab.scenario.hosts
            if link not in self._links and {*link} <= known.keys() and len(self._links) < MAX_LINKS:
                self._links = (*self._links, link)
        places = self.ground.spots
        found = [move for move in self._teller.moves(event) if {*move.names} <= places.keys()]
        if found:
            with self._lock:
                self._moves.extend(found)

    def _moved(self) -> list[Move]:
        with self._lock:
            moves = list(self._moves)
            self._moves.clear()
        return moves

    def _now(self) -> tuple[Marks, str]:
        """Return how the lab is now: as marks, and in words."""
        nodes, broken = state(self.lab), troubles(self.lab)
        return marks_of(self.ground, nodes, self._links, broken, self.chosen), text_of(nodes, broken)

    def marks(self) -> Marks:
        """Return how the lab is now."""
        return self._now()[0]

    def look(self) -> None:
        """Show the lab as it is now, and what has moved since."""
        with self.stage.changing, self.hold_sync():
            marks, words = self._now()  # not before: another thread may show meanwhile how it is after that
            self.stage.set_ground(self.ground, self._links)
            self.stage.tell(marks, self._moved(), words)
            self._offer(self._links)
            is_up, is_fast = self._is_up(), self._slowed() is None
            self.switch.description = WORDS["off"] if is_up else WORDS["on"]
            self.slow.description = WORDS["slow"] if is_fast else WORDS["fast"]
            self.detail.value = detail(self.lab, self.chosen, self.what.value)

    def _offer(self, links: Sequence[Link]) -> None:
        """Put the links that are drawn into the list of what can be chosen."""
        options = (*self.lab.scenario.hosts, *(ARROW.join(link) for link in links))
        if self.host.options != options:
            kept = self.host.value
            self.host.options = options
            self.host.value = kept

    def _pressed(self, part: str) -> None:
        """Choose the host or link with this id in the picture."""
        names = [*self.lab.scenario.hosts] if part[:1] == "n" else [ARROW.join(link) for link in self._links]
        if self.is_live and part[1:].isdecimal() and int(part[1:]) < len(names):
            self._offer(self._links)
            self.host.value = names[int(part[1:])]

    def _is_up(self) -> bool:
        host, *peer = self.chosen
        return self.lab.faults.find(host, "cut", *peer) is None if peer else self.lab.host(host).is_up

    def _slowed(self) -> Any:
        return self.lab.faults.find(self.chosen[0], "slow", *self.chosen[1:])

    def _switch(self) -> None:
        host, *peer = self.chosen
        if not peer:
            self.lab.host(host).down() if self._is_up() else self.lab.host(host).up()
        elif (cut := self.lab.faults.find(host, "cut", *peer)) is None:
            self.lab.fault(host, "cut", peer=peer[0])
        else:
            cut.mend()

    def _slow(self) -> None:
        host, *peer = self.chosen
        if (slowed := self._slowed()) is None:
            self.lab.fault(host, "slow", seconds=0.5, **({"peer": peer[0]} if peer else {}))
        else:
            slowed.mend()

    def svg(self) -> str:
        """Return the map as it is now."""
        marks, words = self._now()
        return draw(self.ground, marks, self._links, words)

    def __repr__(self) -> str:
        return self._now()[1] if self.lab.is_open else WORDS["closed"]


def detail(lab: PlainLab, chosen: Sequence[str], what: str) -> str:
    """Write what there is to know of a host, or of the link between two, as HTML; nothing in it is ever markup."""
    if len(chosen) == 2:
        return _pre("\n".join(_lines(_passed(lab, {*chosen}))) or WORDS["nothing passed"])
    host = chosen[0]
    if what == "queue":
        server = lab.mail_servers.get(host)
        return table(COLUMNS, rows(server))._repr_html_() if server else f"<p>{WORDS['no queue']}</p>"
    if what == "mail":
        return _mail(lab, host)
    if what == "zones":
        names = lab.dns_servers.get(host)
        texts = [str(zone.to_text()) for zone in names.zones.values()] if names else []
        return _pre("\n".join(texts) or WORDS["no zones"])
    return _pre("\n".join(_lines([e for e in lab.trace if e.host == host])) or WORDS["nothing happened"])


def _passed(lab: PlainLab, ends: set[str]) -> list[Event]:
    """Return what was said between two hosts, and what was broken there."""
    events: list[Event] = []
    sessions: set[Any] = set()
    for event in lab.trace:
        session = event.facts.get("session")
        if {event.host, event.facts.get("peer")} == ends:
            sessions |= {session} - {None}
            events.append(event)
        elif session in sessions and event.host in ends:
            events.append(event)
    return events


def _lines(events: Sequence[Event]) -> list[str]:
    return [f"{e.time:%H:%M:%S} {e.message or '':4} {e.sentence()}" for e in events[-MAX_LOG:]]


def _mail(lab: PlainLab, host: str) -> str:
    people = lab.residents_of(host)
    if not people:
        return f"<p>{WORDS['no mailboxes']}</p>"
    rows: list[tuple[object, ...]] = []
    for person in people:
        box = lab.mailbox_of(person)
        for folder in ("INBOX", *box.folders()):
            messages = (box if folder == "INBOX" else box.folder(folder)).scan()
            rows += [(person, folder, file.uid, f"{file.path.parent.name}/{file.name}") for file in messages]
    if not rows:
        return f"<p>{WORDS['all empty']}</p>"
    return table(MAIL_COLUMNS, rows)._repr_html_()


def _pre(text: str) -> str:
    return f'<pre tabindex="0" class="mc-sheet">{escape(text)}</pre>'
