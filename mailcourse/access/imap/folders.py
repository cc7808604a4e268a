"""Commands about folders: list, make, remove, rename, look from outside (RFC 3501 §6.3).

On the wire a name beyond ASCII is in modified UTF-7, or in UTF-8 after ENABLE (`strings.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mailcourse.internet.errors import LabError
from mailcourse.mailbox.folders import Mailbox
from mailcourse.mailbox.maildir import Maildir

from ..session import MailboxSession, printable
from . import listing
from .grammar import MAX_MESSAGE, Command, text_of
from .states import Done, No, State, Wrong
from .strings import read_folder, write_folder

#: what a folder can be for; \All and \Flagged would be searches (RFC 6154 §2)
USES = ("\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash")


class FolderCommands(MailboxSession):
    """The part of a session that deals with folders as wholes."""

    state: State
    is_utf8 = False  # names of folders are in UTF-8
    has_one_charset = False  # the client said ENABLE UTF8=ACCEPT
    is_rev2 = False  # the client said ENABLE IMAP4rev2
    _written = 0

    def line(self, line: bytes) -> bytes:
        """Record and write one line of a reply."""
        raise NotImplementedError

    def lines(self, lines: list[bytes]) -> bytes:
        """Record and write many lines of a reply."""
        raise NotImplementedError

    # ---- names -------------------------------------------------------------------------------------

    def inbox(self) -> Mailbox:
        """Return the inbox of the person who logged in."""
        assert self.person is not None
        return self.accounts.mailbox(self.person)

    def name_of(self, argument: Any) -> str:
        """Return the name of a folder as people read it; INBOX in any case (§5.1)."""
        name = read_folder(text_of(argument, "the name of a folder"), utf8=self.is_utf8).rstrip("/")
        head, slash, rest = name.partition("/")
        return "INBOX" + slash + rest if head.upper() == "INBOX" else name

    def wire(self, name: str) -> bytes:
        """Write the name of a folder."""
        return write_folder(name, utf8=self.is_utf8)

    def open_folder(self, name: str) -> Maildir:
        """Return a folder by its name."""
        if name == "INBOX":
            return self.inbox()
        try:
            return self.inbox().folder(name)
        except LabError:
            raise No(f"[NONEXISTENT] there is no folder {printable(name[:60])}") from None

    def target(self, argument: Any) -> Maildir:
        """Return the folder that messages shall go to."""
        try:
            return self.open_folder(self.name_of(argument))
        except No:
            raise No("[TRYCREATE] there is no such folder; CREATE it first") from None  # §6.3.11

    # ---- looking -----------------------------------------------------------------------------------

    def _tree(self) -> listing.Tree:
        inbox = self.inbox()
        uses = {name: use for use, name in inbox.uses().items()}
        return listing.Tree(["INBOX", *inbox.folders()], inbox.subscriptions(), uses)

    def do_LIST(self, command: Command) -> Done:
        """List the folders that fit a pattern: * fits all, % all on one level."""
        asked = listing.wanted(command)
        if asked.asks_for_separator:  # §6.3.8
            return Done([self.line(b'* LIST (\\Noselect) "/" ""')])
        if asked.status:
            _counted(asked.status)  # a word that is wrong is told before anything else
        asked.patterns = [read_folder(pattern, utf8=self.is_utf8) for pattern in asked.patterns]
        return Done(self._list(asked))

    def _list(self, asked: listing.Wanted) -> Iterator[bytes]:
        tree = self._tree()
        for name, attributes, extra in listing.listed(asked, tree, is_new=self.is_rev2):
            yield self._listed("LIST", name, attributes, extra)
            if asked.status and name in tree.there and self._is_there(name):
                yield self._status(name, asked.status)

    def _is_there(self, name: str) -> bool:
        try:
            self.open_folder(name)
        except No:  # deleted a moment ago
            return False
        return True

    def _listed(self, verb: str, name: str, attributes: list[str], extra: str = "") -> bytes:
        return self.line(f'* {verb} ({" ".join(attributes)}) "/" '.encode() + self.wire(name) + extra.encode())

    def do_LSUB(self, command: Command) -> Done:
        """List the subscriptions that fit a pattern."""
        asked = listing.wanted(command)
        if asked.asks_for_separator:
            return Done([self.line(b'* LSUB (\\Noselect) "/" ""')])
        asked.patterns = [read_folder(pattern, utf8=self.is_utf8) for pattern in asked.patterns]
        return Done([self._listed("LSUB", *row) for row in listing.subscribed(asked, self._tree())])

    def do_NAMESPACE(self, command: Command) -> Done:
        """Tell where folders are: all are one's own (RFC 2342)."""
        return Done([self.line(b'* NAMESPACE (("" "/")) NIL NIL')])

    def do_STATUS(self, command: Command) -> Done:
        """Count the messages of a folder without selecting it."""
        name, wanted = self.name_of(command.arguments[0]), command.arguments[1]
        self.open_folder(name)
        return Done([self._status(name, wanted)])

    def _status(self, name: str, wanted: Any) -> bytes:
        folder, words = self.open_folder(name), _counted(wanted)
        entry = folder.scan()
        values = {
            "MESSAGES": lambda: len(entry),
            "RECENT": lambda: len(folder.recent(entry)),
            "UIDNEXT": lambda: folder.uidnext,
            "UIDVALIDITY": lambda: folder.uidvalidity,
            "UNSEEN": lambda: sum("S" not in one.flags for one in entry),
            "DELETED": lambda: sum("T" in one.flags for one in entry),
            "SIZE": lambda: sum(folder.octets_of(one) for one in entry),
            "APPENDLIMIT": lambda: MAX_MESSAGE,
        }
        counted = " ".join(f"{word} {values[word]()}" for word in words)
        return self.line(b"* STATUS " + self.wire(name) + f" ({counted})".encode())

    # ---- making, removing, renaming ------------------------------------------------------------------

    def do_SUBSCRIBE(self, command: Command) -> Done:
        """Put a folder on the list that mail programs show."""
        name = self.name_of(command.arguments[0])
        self.open_folder(name)
        self.inbox().subscribe(name)
        return Done()

    def do_UNSUBSCRIBE(self, command: Command) -> Done:
        """Take a folder off that list; it need not exist any more."""
        self.inbox().subscribe(self.name_of(command.arguments[0]), wanted=False)
        return Done()

    def do_CREATE(self, command: Command) -> Done:
        r"""Make a folder, perhaps for a use: CREATE Sent (USE (\Sent))."""
        name = self.name_of(command.arguments[0])
        use = self._use(command.arguments[1]) if len(command.arguments) > 1 else ""
        self._must_be_new(name)
        try:
            self.inbox().create_folder(name, use)
        except LabError as error:
            raise No(f"[CANNOT] {error}") from None
        return Done()

    def _use(self, argument: Any) -> str:
        word, uses = argument if isinstance(argument, list) and len(argument) == 2 else ("", [])
        if text_of(word).upper() != "USE" or not isinstance(uses, list):
            raise Wrong("behind the name only (USE (\\Sent)) may stand")
        wanted = [text_of(one).lower() for one in uses]
        known = [use for use in USES if use.lower() in wanted]
        if len(wanted) != 1 or not known or known[0] in self.inbox().uses():
            raise No(f"[USEATTR] a folder is for one of {' '.join(USES)}, and one folder for each")
        return known[0]

    def _must_be_new(self, name: str) -> None:
        if name == "INBOX" or name in self.inbox().folders():
            raise No(f"[ALREADYEXISTS] there is a folder {printable(name[:60])} already")

    def do_DELETE(self, command: Command) -> Done:
        """Remove a folder and its messages; folders below it stay (§6.3.4)."""
        name = self.name_of(command.arguments[0])
        if name == "INBOX":
            raise No("[CANNOT] INBOX cannot be deleted")
        self.open_folder(name)
        self.inbox().delete_folder(name)
        return Done()

    def do_RENAME(self, command: Command) -> Done:
        """Give a folder another name, and those below it; of INBOX, the messages move (§6.3.5)."""
        old, new = (self.name_of(argument) for argument in command.arguments)
        self._must_be_new(new)
        inbox = self.inbox()
        if not any(name == old or name.startswith(f"{old}/") for name in inbox.folders()):
            self.open_folder(old)
        try:
            if old == "INBOX":
                inbox.move(inbox.scan(), inbox.create_folder(new))
            else:
                inbox.rename_folder(old, new)
        except LabError as error:
            raise No(f"[CANNOT] {error}") from None
        return Done()

    def unique(self, when: Any) -> str:
        """Return a file name for a message that this session writes."""
        self._written += 1
        return f"{int(when.timestamp())}.s{self.connection.number}.{self._written}.{self.host}"


COUNTED = ("MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "DELETED", "SIZE", "APPENDLIMIT")


def _counted(wanted: Any) -> list[str]:
    words = [text_of(word).upper() for word in wanted] if isinstance(wanted, list) else []
    if not words or not set(words) <= set(COUNTED):
        raise Wrong(f"STATUS wants a list of {', '.join(COUNTED)}")
    return words
