"""What a command works with: the session, the selected folder, and the person's other folders.

On the wire a name beyond ASCII is in modified UTF-7, or in UTF-8 after ENABLE (`strings.py`).
Who uses it: every function in `commands.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mailcourse.internet.errors import UnknownName
from mailcourse.mailbox.folders import Mailbox
from mailcourse.mailbox.maildir import Maildir

from ..session import MailboxSession, printable
from .grammar import Command, text_of
from .responses import Completed, Continuation, NoResponse
from .selected import SelectedFolder
from .states import Enabled, ImapState
from .strings import read_folder, write_folder


class ImapContext:
    """The state of one session.  `selected` is None until a folder is opened, and after it is closed."""

    def __init__(self, session: MailboxSession) -> None:
        self.session = session
        self.enabled = Enabled()
        self.selected: SelectedFolder | None = None
        self._written = 0

    @property
    def state(self) -> ImapState:
        """Where the session is."""
        if self.session.person is None:
            return ImapState.NOT_AUTHENTICATED
        return ImapState.AUTHENTICATED if self.selected is None else ImapState.SELECTED

    def inbox(self) -> Mailbox:
        """Return the inbox of the person who logged in."""
        assert self.session.person is not None
        return self.session.accounts.mailbox(self.session.person)

    def name_of(self, argument: Any) -> str:
        """Return the name of a folder as people read it; INBOX ignoring case (§5.1)."""
        name = read_folder(text_of(argument, "the name of a folder"), utf8=self.enabled.utf8_names).rstrip("/")
        head, slash, rest = name.partition("/")
        return "INBOX" + slash + rest if head.upper() == "INBOX" else name

    def wire_name(self, name: str) -> bytes:
        """Write the name of a folder."""
        return write_folder(name, utf8=self.enabled.utf8_names)

    def open_folder(self, name: str) -> Maildir:
        """Return a folder by its name."""
        if name == "INBOX":
            return self.inbox()
        try:
            return self.inbox().folder(name)
        except UnknownName:
            raise NoResponse(f"[NONEXISTENT] there is no folder {printable(name[:60])}") from None

    def target(self, argument: Any) -> Maildir:
        """Return the folder that messages go to."""
        try:
            return self.open_folder(self.name_of(argument))
        except NoResponse:
            raise NoResponse("[TRYCREATE] there is no such folder; CREATE it first") from None  # §6.3.11

    def unique_name(self, when: Any) -> str:
        """Return a file name for a message that this session writes."""
        self._written += 1
        return f"{int(when.timestamp())}.s{self.session.connection.number}.{self._written}.{self.session.host}"

    def check_room(self, octets: int) -> None:
        """Refuse what the quota does not allow (RFC 9208 §4.3.1)."""
        assert self.session.person is not None
        refusal = self.session.accounts.no_room(self.session.person, octets)
        if refusal is not None:
            raise NoResponse(f"[OVERQUOTA] {refusal.text}")


#: What obeys a command; the second kind works on the selected folder.
CommandFunction = Callable[[ImapContext, Command], Completed | Continuation]
SelectedFunction = Callable[[ImapContext, SelectedFolder, Command], Completed]
