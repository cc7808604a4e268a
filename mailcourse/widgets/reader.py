"""A mail program on a page: folders, a search, the list, one message in four ways, and buttons.

    [INBOX (1 new) ▾] [search…] Refresh    a press ─────────────► IMAP, on a thread of its own ─► list, message
    ● new  Alice · Bread · Mon 08:00       "delivered" to me ───► IMAP, on a thread of its own ─► list
    Text | HTML | Source | Headers         any other event ─────► nothing: our own sessions make events too
    Reply  Move  Delete  Mark unread

What is shown of a message is made in `reading.py`; here is only what talks to the server and when.
A mail program asks the DNS for its server once and remembers: `PlainPerson.remembering`.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import escape

import ipywidgets as widgets

from mailcourse.internet.errors import LabError
from mailcourse.internet.trace import Event
from mailcourse.lab.interrupt import uninterrupted
from mailcourse.lab.lab import PlainLab
from mailcourse.lab.person import Mail, PlainPerson
from mailcourse.message.harmless import visible

from . import reading
from .compose import ComposeView
from .live import LiveView
from .parts import button

#: messages in the list at most; the newest ones
MAX_LISTED = 200
#: folders that are offered for Move also before they are there
USUAL = ("Archive", "Trash")
PANES = {
    "Text": reading.text_pane,
    "HTML": reading.html_pane,
    "Source": lambda mail: reading.source(mail.raw),
    "Headers explained": reading.explained,
}
#: what can be done with a message → the button's picture
ACTS = ("Reply", "Move", "Delete", "Mark unread")
#: what a person reads
WORDS = {
    "folder": "Folder",
    "search": "Search",
    "search hint": "bread from:bruno",
    "messages": "Messages",
    "target": "Move to…",
    "refresh": "Refresh",
    "already": "The message is in {folder} already. Choose another folder.",
    "none open": "No message is open. Choose one in the list.",
    "choose": "Choose a letter in the list: it is shown here.",
    "answer": "Your answer",
    "unread": "{name} ({count} new)",
    "count": "{count} in the list, {new} new{more}",
    "older": "; {count:,} older ones are not shown",
}

#: what stands where no letter is open
CHOOSE = f'<p class="mc-hint">{WORDS["choose"]}</p>'


class ReaderView(LiveView):
    """One person's mail.  `mail` is the message that is open, `listed` are those in the list."""

    def __init__(self, lab: PlainLab, person: PlainPerson) -> None:
        self._writer, self.person = person, person.remembering()
        self.mail: Mail | None = None
        self.listed: list[Mail] = []
        self._more = 0  # older ones, not in the list
        self._unread: dict[str, int] = {}
        self.reply: ComposeView | None = None
        self._news = False
        self._wanted: str | None = None  # the UID that was chosen; its message may still be on the way
        self._drawing, self._drawer = threading.RLock(), 0
        self._turns, self._shown = itertools.count(1), 0  # of `refresh`; the last one that is shown
        self._reads = 0  # messages that were opened
        self._make_widgets()
        self._make_buttons()
        row = {"flex_flow": "row wrap"}
        acts = [self.buttons["Reply"], self.buttons["Delete"], self.buttons["Mark unread"], self.target]
        left = widgets.VBox([self.list, self.count], layout={"flex": "2 1 340px", "min_width": "0"})
        message = [self.alert, self.head, self.tabs, self.files]
        right = widgets.VBox(
            [widgets.HBox([*acts, self.buttons["Move"]], layout=row), *message],
            layout={"flex": "3 1 420px", "min_width": "0"},
        )
        top = widgets.HBox([self.folder, self.words, self.find, self.refresh_button], layout=row)
        panes = widgets.HBox([left, right], layout={**row, "align_items": "flex-start"})
        self.list.add_class("mc-mail")  # what begins with ● is bold
        super().__init__(lab, [top, panes, self.answer])
        try:
            self.refresh()  # here and now, so that what is done next in the notebook comes after it
        except LabError as error:
            self._refused(error)

    def _make_widgets(self) -> None:
        self.folder = widgets.Dropdown(options=["INBOX"], description=WORDS["folder"], layout={"width": "260px"})
        self.words = widgets.Text(
            description=WORDS["search"],
            placeholder=WORDS["search hint"],
            continuous_update=False,
            layout={"width": "320px"},
        )
        self.list = widgets.Select(
            options=[],
            rows=12,
            description=WORDS["messages"],
            layout={"width": "98%"},
            style={"description_width": "70px"},
        )
        self.count, self.alert, self.head, self.files = (widgets.HTML() for _ in range(4))
        self.head.value = CHOOSE
        self.panes = {name: widgets.HTML() for name in PANES}
        self.tabs = widgets.Tab([*self.panes.values()], titles=[*PANES], layout={"display": "none"})
        self.target = widgets.Dropdown(options=[*USUAL], description=WORDS["target"], layout={"width": "220px"})
        self.answer = widgets.VBox([])

    def _make_buttons(self) -> None:
        self.find, self.refresh_button = button(WORDS["search"]), button(WORDS["refresh"])
        self.buttons = {word: button(word) for word in ACTS}
        for word, act in self.buttons.items():
            act.disabled = True
            act.on_click(lambda _, word=word: self.answer_it() if word == "Reply" else self._act(word))
        self.folder.observe(lambda _: self._open_folder(), "value")
        self.words.observe(lambda _: self._try(self.refresh), "value")
        self.find.on_click(lambda _: self._try(self.refresh, self.find))
        self.refresh_button.on_click(lambda _: self._try(self.start_again, self.refresh_button))
        self.list.observe(lambda _: self._chosen(), "value")

    # ---- talking to the server: on threads -----------------------------------------------------------------

    def _try(self, act: Callable[[], object], *buttons: widgets.Widget) -> threading.Thread:
        def work() -> None:
            try:
                act()
                self.alert.value = ""
            except LabError as error:
                self._refused(error)

        return self.do(work, *buttons)

    def _act(self, word: str) -> None:
        def work() -> None:
            try:
                self.press(word)
            finally:
                self._enable()

        self._enable(on=False)
        self._try(work)

    def _refused(self, error: LabError) -> None:
        self.alert.value = f'<p role="alert" class="mc-alert">{escape(visible(str(error)))}</p>'

    def start_again(self) -> None:
        """Ask the DNS again, and the server for everything."""
        self.person = self.person.remembering()
        self.refresh()

    def refresh(self) -> None:
        """Fetch the folders and the list."""
        turn = next(self._turns)
        while not self._fetch(turn):
            pass  # a message was read meanwhile: what came says that it is new

    def _fetch(self, turn: int) -> bool:
        """Fetch and show, unless a later turn has shown more already; return False to fetch again."""
        reads, counts = self._reads, unread_in(self.person)
        wanted, words = self.folder.value, self.words.value
        folder = wanted if wanted in counts else "INBOX"  # somebody has removed it
        matches = self.person.search(reading.keys(words), folder, newest=MAX_LISTED)
        with self._quietly():
            if reads != self._reads:
                return False
            if turn < self._shown or (wanted, words) != (self.folder.value, self.words.value):
                return True  # another thread has fetched, or fetches now, what is wanted
            self._shown, self._unread = turn, counts
            self._draw_folders()
            self.listed, self._more = list(reversed(matches)), matches.more
            self._draw_list()
        return True

    def read(self, uid: str) -> None:
        r"""Open a message: the whole of it is fetched, and the server sets \Seen."""
        shown, folder = self._shown, self.folder.value
        mail = self.person.read(uid, folder)
        with self._quietly():
            self._reads += 1
            self._draw_read(replace(mail, flags=tuple({**dict.fromkeys(mail.flags), "\\Seen": None})), folder)
            is_mixed = shown != self._shown
        if is_mixed:  # what was shown meanwhile may have counted the message as new, and listed it as read
            self.refresh()

    def _draw_read(self, mail: Mail, folder: str) -> None:
        """Show a message that has come, and that it is not new any more."""
        if self.folder.value != folder:
            return  # another one was chosen meanwhile
        was_new = any(one.uid == mail.uid and "\\Seen" not in one.flags for one in self.listed)
        self._unread[folder] = max(0, self._unread.get(folder, 0) - was_new)
        self._draw_folders()
        self.listed = [replace(one, flags=mail.flags) if one.uid == mail.uid else one for one in self.listed]
        self._draw_list()
        if self._wanted == mail.uid:  # else another message was chosen meanwhile; this one is read all the same
            self.mail = mail
            self._draw_mail()

    def press(self, word: str) -> None:
        """Move, delete or mark the message that is open, and show the list as it is then."""
        mail, folder, target = self._open(), self.folder.value, self.target.value
        if word == "Mark unread":
            self.person.flag(mail, "seen", folder=folder, on=False)
        elif word == "Delete":
            self.person.delete(mail, folder)
        elif target == folder:
            raise LabError(WORDS["already"].format(folder=folder))
        else:
            if target not in self.person.folders():
                self.person.create_folder(target)
            self.person.move(mail, target, folder)
        self.close_mail()
        self.refresh()

    def _open(self) -> Mail:
        if self.mail is None:
            raise LabError(WORDS["none open"])
        return self.mail

    def answer_it(self) -> None:
        """Open the form, filled in for an answer; when it is sent, the message is marked as answered."""
        mail, folder = self.mail, self.folder.value
        if mail is None:
            return  # the button rests then
        if self.reply is not None:
            self.reply.close()

        def mark() -> None:
            self.person.flag(mail, "answered", folder=folder)
            self.refresh()

        self.reply = ComposeView(
            self.lab, self._writer, filled=mail.reply(), answers=mail, when_sent=lambda: self._try(mark)
        )
        self.answer.children = (widgets.HTML(f"<b>{WORDS['answer']}</b>"), self.reply)

    # ---- following the lab ----------------------------------------------------------------------------------

    def heard(self, event: Event) -> None:
        """Only mail that comes for this person is news; what our own sessions do is not."""
        if event.what == "delivered" and event.facts["mailbox"].lower() == self.person.address:
            self._news = True

    def look(self) -> None:
        """Fetch the list when there is news; on another thread, so that no view waits."""
        if self._news:
            self._news = False
            self._try(self.refresh)

    # ---- what is on the screen ------------------------------------------------------------------------------

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Draw: one thread at a time, and what changes meanwhile on this thread was chosen by nobody."""
        with self._drawing:
            before, self._drawer = self._drawer, threading.get_ident()
            try:
                yield
            finally:
                self._drawer = before

    def _is_drawing(self) -> bool:
        return self._drawer == threading.get_ident()

    def _open_folder(self) -> None:
        if not self._is_drawing():
            self.close_mail()
            self._try(self.refresh)

    def _chosen(self) -> None:
        uid = self.list.value
        if not self._is_drawing() and uid is not None:
            self._wanted = uid
            self._try(lambda: self.read(uid))

    def _draw_folders(self) -> None:
        """Show the folders, each with the number of messages that nobody has read."""
        labels = [
            (WORDS["unread"].format(name=name, count=new) if new else name, name) for name, new in self._unread.items()
        ]
        if list(self.folder.options) != labels:
            kept = self.folder.value
            self.folder.options = labels
            self.folder.value = kept if kept in self._unread else "INBOX"
        targets = tuple(dict.fromkeys([*USUAL, *self._unread]))
        if self.target.options != targets:
            kept = self.target.value
            self.target.options = targets
            self.target.value = kept if kept in targets else targets[0]

    def _draw_list(self) -> None:
        more = WORDS["older"].format(count=self._more) if self._more else ""
        new = sum("\\Seen" not in mail.flags for mail in self.listed)
        count = WORDS["count"].format(count=len(self.listed), new=new, more=more)
        self.count.value = f'<span role="status">{count}</span>'
        options = [(reading.line(mail), mail.uid) for mail in self.listed]
        with self.list.hold_sync():
            if tuple(options) != tuple(self.list.options):
                self.list.options = options
            self.list.value = self._wanted if any(uid == self._wanted for _, uid in options) else None

    def _draw_mail(self) -> None:
        if self.mail is None:
            return
        self.head.value, self.files.value = reading.head(self.mail), reading.files(self.mail)
        for name, pane in self.panes.items():
            pane.value = PANES[name](self.mail)
        self.tabs.layout.display = ""
        self._enable()

    def _enable(self, *, on: bool = True) -> None:
        for act in self.buttons.values():
            act.disabled = not (on and self.is_live and self.mail is not None)

    def close(self) -> None:
        """Take the view off the page, and the answer with it."""
        if self.reply is not None:
            self.reply.close()
        super().close()

    def close_mail(self) -> None:
        """Show no message."""
        with self._quietly():
            self.mail = self._wanted = None
            self.list.value = None
            self.tabs.layout.display = "none"
            for shown in (self.files, *self.panes.values()):
                shown.value = ""
            self.head.value = CHOOSE
        self._enable()

    def __repr__(self) -> str:
        lines = [reading.line(mail) for mail in self.listed]
        return "\n".join([f"{self.person.address}, {self.folder.value}", *lines])


@uninterrupted
def unread_in(person: PlainPerson) -> dict[str, int]:
    """Ask the server for its folders, and for the number of messages in each that nobody has read."""
    counts = {}
    with person.session() as server:
        for folder in server.folders():
            server.open(folder, read_only=True)
            counts[folder] = len(server.search("UNSEEN"))
    return counts
