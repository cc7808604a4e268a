"""A mailbox of three messages, and sessions of POP3 and IMAP on it without a socket."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from mailcourse.access.imap.session import ImapSession
from mailcourse.access.pop3 import Pop3Session
from mailcourse.internet.connection import Connection
from mailcourse.internet.trace import Trace
from mailcourse.mailbox.accounts import Accounts
from mailcourse.mailbox.maildir import Maildir

START = datetime(2026, 9, 7, 8, tzinfo=UTC)
BRUNO = "bruno@bakery.test"


class Still:
    def now(self) -> datetime:
        return START


class World:
    def __init__(self, folder: Path) -> None:
        self.accounts, self.trace = Accounts(folder), Trace(Still())
        self.accounts.add(BRUNO, "loaf", b"salt")
        self.inbox: Maildir = self.accounts.mailbox(BRUNO)
        for number in (1, 2, 3):
            content = b"Subject: %d\r\n\r\nbody of %d\r\n" % (number, number)
            self.inbox.deliver([content], f"1788768000.m{number}.1.mail.bakery.test", START)
        self._numbers = 0

    def open(self, kind: type[Pop3Session] | type[ImapSession], **named: bool) -> Pop3Session | ImapSession:
        self._numbers += 1
        connection = Connection(self._numbers, "laptop.bakery.test", "198.51.100.10", "198.51.100.25", 143)
        session = kind(self.accounts, "mail.bakery.test", self.trace, connection, tls=True, **named)
        session.greeting()
        return session

    def imap(self) -> Pop3Session | ImapSession:
        session = self.open(ImapSession)
        session.receive(b"a LOGIN bruno@bakery.test loaf\r\nb SELECT INBOX\r\n")
        return session

    def pop3(self) -> Pop3Session | ImapSession:
        session = self.open(Pop3Session)
        session.receive(b"USER bruno@bakery.test\r\nPASS loaf\r\n")
        return session

    def lose(self) -> None:
        """Another program takes the messages away."""
        for part in ("cur", "new"):
            (self.inbox.path / part).rename(self.inbox.path / f"lost-{part}")

    def flags(self) -> list[str]:
        return ["".join(sorted(one.flags)) for one in self.inbox.scan()]

    def events(self, *names: str) -> list[tuple[str, str | None]]:
        return [(event.what, event.message) for event in self.trace if event.what in names]

    def lines(self) -> list[str]:
        return [event.facts["line"] for event in self.trace if event.what == "said"]
