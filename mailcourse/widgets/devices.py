"""Two devices on one mailbox: what each shows, what the server has, and the dialogue that did it.

    the scene: laptop ── server ── phone, with a count for each copy; letters move when a device synchronises
    laptop  [IMAP ▾]  Synchronise  Read  …  │  the mailbox on the server,  │  phone …
    C: / S: of its last synchronising       │  a letter for each file      │  C: / S: …

What a person does on a device happens there alone; only *Synchronise* talks to the server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from html import escape

import ipywidgets as widgets

from mailcourse.internet.trace import Event
from mailcourse.lab.lab import PlainLab
from mailcourse.lab.person import Device
from mailcourse.scene.copies import (
    CopyState,
    alone_moves,
    copies_ground,
    copies_marks,
    copies_text,
    lost_moves,
    sync_moves,
)
from mailcourse.scene.draw import draw
from mailcourse.scene.moves import Move

from .live import LiveView
from .parts import TAIL, button
from .stage import Stage
from .talk import SECRET, reader_rows, talk_html

#: what can be chosen → protocol, and whether POP3 leaves the mail on the server
WAYS = {"IMAP": ("imap", True), "POP3, keep": ("pop3", True), "POP3, delete": ("pop3", False)}
ARCHIVE = "Archive"
ACTS = ("Synchronise", "Read", "Flag", "Delete", "Archive")
#: what a person reads
WORDS = {
    "more": "and {count} more",
    "no message": "The server has no message.",
    "nothing said": "nothing was said yet",
    "online": "Online",
    "offline": "Offline",
    "is offline": "offline",
    "online tip": "has a network",
    "messages": "Messages",
    "mailbox": "the mailbox on the server",
    "no way": "no way there",
    "closed": "devices of a lab that is closed",
}
MAX_LINES, MAX_FILES = 60, 40


def listed(device: Device) -> list[tuple[str, tuple[str, str]]]:
    """Return what a device shows: a line for each message, and (folder, UID) behind it."""
    rows = []
    for folder in device.folders():
        where = "" if folder == "INBOX" else f"{folder}: "
        rows += [(f"{where}{mail.subject} ({mail.state})", (folder, mail.uid)) for mail in device.messages(folder)]
    return rows


def files(lab: PlainLab, person: str) -> str:
    """Write the files of a mailbox, as HTML."""
    box = lab.mailbox_of(person)
    rows = [("INBOX", f"{file.path.parent.name}/{file.name}") for file in box.scan()]
    rows += [
        (name, f"{file.path.parent.name}/{file.name}") for name in box.folders() for file in box.folder(name).scan()
    ]
    letters = "".join(
        f"<li>✉ {escape(folder)}<br><small>{escape(name)}</small></li>" for folder, name in rows[:MAX_FILES]
    )
    more = f"<li>{WORDS['more'].format(count=len(rows) - MAX_FILES)}</li>" if len(rows) > MAX_FILES else ""
    return f'<ul class="mc-files">{letters}{more}</ul>' if rows else f"<p>{WORDS['no message']}</p>"


def dialogue(events: Iterable[Event]) -> str:
    """Write what was said, as HTML; nothing in it is ever markup."""
    lines = []
    for event in events:
        side, line = event.facts["side"], event.facts["line"]
        lines.append(f"{side}: {SECRET if event.facts['secret'] else line}")
    said = talk_html(reader_rows(lines[-MAX_LINES:])) if lines else WORDS["nothing said"]
    return f'<div tabindex="0" role="log" class="mc-sheet">{said}</div>'


class OneDevice(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """One column: a device, its messages and its buttons."""

    def __init__(
        self, name: str, make: Callable[[str], Device], act: Callable[[OneDevice, str, widgets.Button], object]
    ) -> None:
        self.name, self._make = name, make
        self.protocol = widgets.Dropdown(options=list(WAYS), description=name, layout={"width": "260px"})
        self.device = make(self.protocol.value)
        self.online = widgets.ToggleButton(value=True, description=WORDS["online"], tooltip=WORDS["online tip"])
        self.list = widgets.Select(options=[], rows=7, description=WORDS["messages"], layout={"width": "98%"})
        self.buttons = {word: button(word) for word in ACTS}
        self.status = widgets.HTML()
        self.said: list[Event] = []  # of the last synchronising
        self.dialogue = widgets.HTML(layout={"max_height": "240px", **TAIL})
        self.protocol.observe(lambda _: self._change(), "value")
        self.online.observe(lambda _: self._switch(), "value")
        for word, made in self.buttons.items():
            made.on_click(lambda pressed, word=word: act(self, word, pressed))
        head = widgets.HBox([self.protocol, self.online])
        row = widgets.HBox(list(self.buttons.values()), layout={"flex_flow": "row wrap"})
        super().__init__(
            [head, self.list, row, self.status, self.dialogue], layout={"flex": "1 1 320px", "min_width": "0"}
        )

    def _change(self) -> None:
        self.device = self._make(self.protocol.value)
        self._switch()
        self.look()

    def _switch(self) -> None:
        self.device.is_online = self.online.value
        self.online.description = WORDS["online"] if self.online.value else WORDS["offline"]

    def press(self, word: str, server: str) -> list[Move]:
        """Do what a button says, with the message that is chosen; return what moves then."""
        if word == "Synchronise":
            done = self.device.sync()
            self.status.value = f"<i>{escape(self.name)}: {escape(repr(done))}</i>"
            self.look()
            return sync_moves(self.name, server, vars(done))
        if self.list.value is not None:
            folder, uid = self.list.value
            acts: dict[str, Callable[[], object]] = {
                "Read": lambda: self.device.read(uid, folder),
                "Flag": lambda: self.device.flag(uid, folder),
                "Delete": lambda: self.device.delete(uid, folder),
                "Archive": lambda: self.device.move(uid, ARCHIVE, folder),
            }
            acts[word]()
            self.look()
            return alone_moves(self.name, word)
        return []

    @property
    def state(self) -> CopyState:
        """How the copy on this device is now."""
        counts = {folder: len(self.device.messages(folder)) for folder in self.device.folders()}
        inbox = counts.pop("INBOX", 0)
        words = self.protocol.value if self.online.value else WORDS["is offline"]
        return CopyState(inbox, sum(counts.values()), words, self.online.value)

    def look(self) -> None:
        """Show the messages on this device."""
        options, chosen = listed(self.device), self.list.value
        with self.hold_sync():
            if tuple(options) != tuple(self.list.options):
                self.list.options = options
                self.list.value = next((key for _, key in options if key == chosen), options[0][1] if options else None)


class DevicesView(LiveView):
    """Devices of one person side by side."""

    def __init__(self, lab: PlainLab, person: str, names: Iterable[str] = ("laptop", "phone")) -> None:
        self.person = lab.person(person)
        self._active: OneDevice | None = None  # which synchronises
        self._mine: set[int] = set()  # sessions of this person
        self._moves: list[Move] = []
        self._lock = threading.Lock()

        def make(name: str) -> Callable[[str], Device]:
            return lambda choice: self.person.device(name, WAYS[choice][0], keep=WAYS[choice][1])

        self.devices = [OneDevice(name, make(name), self._press) for name in names]
        self.ground = copies_ground([device.name for device in self.devices], self.person.server)
        self.stage = Stage(self.ground, layout_name="live flat")
        for device in self.devices:
            for chooser in (device.protocol, device.online):
                chooser.observe(lambda _: self.soon(), "value")
        self.files = widgets.HTML(layout={"max_height": "420px", "overflow": "auto"})
        server = widgets.VBox(
            [widgets.HTML(f"<b>{escape(self.person.server)}</b>, {WORDS['mailbox']}"), self.files],
            layout={"flex": "1 1 220px", "min_width": "0"},
        )
        wrap = {"flex_flow": "row wrap", "align_items": "flex-start"}
        between = [self.devices[0], server, *self.devices[1:]]
        super().__init__(lab, [self.stage, widgets.HBox(between, layout=wrap)])

    def _press(self, device: OneDevice, word: str, pressed: widgets.Button) -> None:
        if word == "Synchronise":
            self._active, device.said = device, []

        def act() -> None:
            server = self.person.server
            moves = lost_moves(device.name, server, WORDS["no way"]) if word == "Synchronise" else []
            try:
                moves = device.press(word, server)
            finally:  # a refusal is told below the view; what turned back is seen
                with self._lock:
                    self._moves += moves

        self.do(act, pressed)

    def heard(self, event: Event) -> None:
        """Keep what is said in sessions with this person's server."""
        if event.host != self.person.server:
            return
        if event.what == "connected" and event.facts["service"] in ("imap", "pop3"):
            self._mine.add(event.facts["session"])
        elif event.what == "said" and event.facts["session"] in self._mine and self._active is not None:
            self._active.said = [*self._active.said[-MAX_LINES:], event]

    def look(self) -> None:
        """Show devices, files and dialogue as they are now."""
        for device in self.devices:
            device.look()
            device.dialogue.value = dialogue(device.said)
        self.files.value = files(self.lab, self.person.address)
        states = self.states()
        with self._lock:
            moves, self._moves = self._moves, []
        self.stage.tell(copies_marks(self.ground, states), moves, copies_text(states))

    def states(self) -> dict[str, CopyState]:
        """Return how each copy is, the server's in the middle."""
        box, server = self.lab.mailbox_of(self.person.address), self.person.server
        is_up = self.lab.host(server).is_up
        others = sum(len(box.folder(name).scan()) for name in box.folders())
        middle = CopyState(len(box.scan()), others, "" if is_up else "off", is_up)
        states = {device.name: device.state for device in self.devices}
        return {**dict([*states.items()][:1]), server: middle, **dict([*states.items()][1:])}

    def svg(self) -> str:
        """Return the copies as they are now."""
        states = self.states()
        return draw(self.ground, copies_marks(self.ground, states), title=copies_text(states))

    def __repr__(self) -> str:
        if not self.lab.is_open:
            return WORDS["closed"]
        lines = []
        for each in self.devices:
            lines += [f"{each.name} ({each.protocol.value})", *(f"  {line}" for line, _ in listed(each.device))]
        return "\n".join(lines)
