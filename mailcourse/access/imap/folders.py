"""Commands about folders: list, make, look from outside, add a message (RFC 3501 §6.3).

On the wire a folder below another is "Work/2026"; on disk it is ".Work.2026" (Maildir++).
# Not here yet: names beyond ASCII (modified UTF-7, §5.1.3), subscriptions that differ from what exists.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from mailcourse.internet.errors import LabError
from mailcourse.mailbox.folders import Mailbox
from mailcourse.mailbox.maildir import Maildir, NoSuchMessage

from ..session import Session, printable
from .fetch import LETTERS
from .grammar import Command, quoted, text_of
from .states import SELECTED, No, State, Wrong


class FolderCommands(Session):
    """The part of a session that deals with folders as wholes."""

    state: State

    def line(self, line: bytes) -> bytes:
        """Record and write one line of a reply."""
        raise NotImplementedError

    def ok(self, command: Command, said: str = "") -> bytes:
        """Write the line that ends a command."""
        raise NotImplementedError

    def inbox(self) -> Mailbox:
        """Return the inbox of the person who logged in."""
        assert self.person is not None
        return self.accounts.mailbox(self.person)

    def open_folder(self, name: str) -> Maildir:
        """Return a folder by its name on the wire."""
        if name.upper() == "INBOX":  # §5.1: in any case
            return self.inbox()
        try:
            return self.inbox().folder(_on_disk(name))
        except LabError:
            raise No(f"[NONEXISTENT] there is no folder {_shown(name)}") from None

    def do_LIST(self, command: Command) -> bytes:
        """List the folders that fit a pattern: * fits all, % all on one level."""
        reference, pattern = (text_of(argument) for argument in command.arguments)
        if not pattern:  # §6.3.8: asks for the separator
            return self.line(f'* {command.name} (\\Noselect) "/" ""'.encode()) + self.ok(command)
        wanted = (reference + pattern)[:200]
        wanted = "INBOX" if wanted.upper() == "INBOX" else re.sub(r"\*[*%]*|%+", lambda m: m[0][0], wanted)
        there = ["INBOX", *(folder.replace(".", "/") for folder in self.inbox().folders())]
        above = {name[:place] for name in there for place, sign in enumerate(name) if sign == "/"}
        names = ["INBOX", *sorted({*there[1:], *above})]
        shown = [self._listed(command.name, name, there) for name in names if _fits(wanted, name)]
        return b"".join(shown) + self.ok(command)

    def _listed(self, verb: str, name: str, there: list[str]) -> bytes:
        below = any(other.startswith(f"{name}/") for other in there)
        attribute = "\\HasChildren" if below else "\\HasNoChildren"
        attribute = attribute if name in there else f"\\Noselect {attribute}"  # only folders below it exist
        return self.line(f'* {verb} ({attribute}) "/" '.encode() + quoted(name))

    do_LSUB = do_LIST

    def do_SUBSCRIBE(self, command: Command) -> bytes:
        """Every folder that exists is subscribed."""
        self.open_folder(text_of(command.arguments[0]))
        return self.ok(command)

    def do_UNSUBSCRIBE(self, command: Command) -> bytes:
        """Every folder that exists is subscribed."""
        raise No("[CANNOT] every folder is subscribed here")

    def do_CREATE(self, command: Command) -> bytes:
        """Make a folder."""
        name = text_of(command.arguments[0]).rstrip("/")
        if name.upper() == "INBOX":
            raise No("[ALREADYEXISTS] INBOX is always there")
        self.inbox().create_folder(_on_disk(name))
        return self.ok(command)

    def do_DELETE(self, command: Command) -> bytes:
        """Remove a folder and its messages; folders below it stay (§6.3.4)."""
        name = text_of(command.arguments[0])
        if name.upper() == "INBOX":
            raise No("[CANNOT] INBOX cannot be deleted")
        self.open_folder(name)
        self.inbox().delete_folder(_on_disk(name))
        return self.ok(command)

    def do_RENAME(self, command: Command) -> bytes:
        """Give a folder another name, and those below it; of INBOX, the messages move (§6.3.5)."""
        old, new = (text_of(argument).rstrip("/") for argument in command.arguments)
        if new.upper() == "INBOX":
            raise No("[ALREADYEXISTS] INBOX is always there")
        if old.upper() != "INBOX":
            self.inbox().rename_folder(_on_disk(old), _on_disk(new))
            return self.ok(command)
        target = self.inbox().create_folder(_on_disk(new))
        for stored in self.inbox().scan():
            with suppress(NoSuchMessage):
                self.inbox().move(stored, target)
        return self.news_if_selected() + self.ok(command)

    def do_NAMESPACE(self, command: Command) -> bytes:
        """Tell where folders are: all are one's own (RFC 2342)."""
        return self.line(b'* NAMESPACE (("" "/")) NIL NIL') + self.ok(command)

    def do_STATUS(self, command: Command) -> bytes:
        """Count the messages of a folder without selecting it."""
        name, wanted = text_of(command.arguments[0]), command.arguments[1]
        folder = self.open_folder(name)
        stored = folder.scan()
        values = {
            "MESSAGES": len(stored),
            "RECENT": sum(one.is_recent for one in stored),
            "UIDNEXT": folder.uidnext,
            "UIDVALIDITY": folder.uidvalidity,
            "UNSEEN": sum("S" not in one.flags for one in stored),
        }
        words = [text_of(word).upper() for word in wanted]
        unknown = [word for word in words if word not in values]
        if unknown or not isinstance(wanted, list):
            raise Wrong(f"STATUS knows {', '.join(values)}")
        counted = " ".join(f"{word} {values[word]}" for word in words)
        return self.line(b"* STATUS " + quoted(name) + f" ({counted})".encode()) + self.ok(command)

    def do_APPEND(self, command: Command) -> bytes:
        """Put a message into a folder: name, flags, date, message."""
        name, *options, content = command.arguments
        if not isinstance(content, bytes):
            raise Wrong("APPEND ends with the message, as a literal")
        try:
            folder = self.open_folder(text_of(name))
        except No:
            raise No("[TRYCREATE] there is no such folder; CREATE it first") from None  # §6.3.11
        flags, when = "", self.trace.now()
        for option in options:
            if isinstance(option, list):
                flags = letters(option)
            else:
                when = datetime.strptime(text_of(option).strip(), "%d-%b-%Y %H:%M:%S %z").astimezone(UTC)
        put = folder.deliver([content], self.unique(when), when, flags)
        done = f"[APPENDUID {folder.uidvalidity} {folder.uids([put])[0]}] APPEND done"  # RFC 4315 §3
        return self.news_if_selected() + self.ok(command, done)

    def unique(self, when: datetime) -> str:
        """Return a file name for a message that this session writes."""
        self._written = getattr(self, "_written", 0) + 1
        return f"{int(when.timestamp())}.s{self.connection.number}.{self._written}.{self.host}"

    def news_if_selected(self) -> bytes:
        """Tell what is new, when a folder is selected."""
        return self.news() if self.state is SELECTED else b""

    def news(self) -> bytes:
        """Tell what changed in the selected folder."""
        raise NotImplementedError


def letters(words: list[Any]) -> str:
    r"""Turn flags such as [\Seen] into Maildir's letters; \Recent and keywords are not stored."""
    found = [LETTERS.get(text_of(word).upper(), "") for word in words]
    return "".join(sorted(set(found)))


def _on_disk(name: str) -> str:
    if "." in name:
        raise No("[CANNOT] a dot cannot be in the name of a folder; use / for levels")
    if not name.isascii():
        raise No("[CANNOT] names of folders are ASCII here")
    return name.replace("/", ".")


def _shown(name: str) -> str:
    return printable(name[:60])


def _fits(pattern: str, name: str) -> bool:
    """True when `name` fits: * stands for anything, % for anything on one level (§6.3.8).

    All ways through the pattern are followed at once, so that no pattern takes long.
    """
    reached = {0}
    for sign in pattern:
        if sign in "*%":
            reached = {
                end
                for start in reached
                for end in range(start, len(name) + 1)
                if sign == "*" or "/" not in name[start:end]
            }
        else:
            reached = {start + 1 for start in reached if name[start : start + 1] == sign}
    return len(name) in reached
