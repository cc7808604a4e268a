"""What POP3 and IMAP sessions share: who the client is, what is recorded, and when a session ends.

Who uses it: `pop3.py`, `imap/session.py`; `serve.py` carries their bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from mailcourse.internet.connection import Connection
from mailcourse.internet.trace import Trace
from mailcourse.mailbox.accounts import Accounts
from mailcourse.mailbox.names import MessageFile

MAX_FAILED_LOGINS = 3  # then the session ends
MAX_ERRORS = 30  # in a row; one more ends the session
MAX_ERRORS_BEFORE_LOGIN = 4  # a client that has not logged in may be a web browser that was led here
#: Real seconds without a word from the client: RFC 1939 §3 asks for at least 10 minutes, RFC 3501 §5.4 for 30.
IDLE_TIMEOUT = {"pop3": 600.0, "imap": 1800.0}
PAUSE_SECONDS = 0.4  # real seconds; a client that guesses passwords waits, and longer each time


class MailboxSession(ABC):
    """One conversation.  `wants_tls` asks `serve.py` to switch to TLS after the replies are sent."""

    service = ""

    def __init__(
        self, accounts: Accounts, host: str, trace: Trace, connection: Connection, *, tls: bool, may_log_in: bool = True
    ) -> None:
        self.accounts, self.host, self.trace, self.connection = accounts, host, trace, connection
        self.offers_tls = tls
        self.may_log_in = may_log_in  # where passwords must not cross the wire in the clear: only inside TLS
        self.wants_tls = self.closed = self.is_gone = False
        self.person: str | None = None
        self.errors = self.failed_logins = 0
        self.pause = 0.0  # seconds to wait before the replies are sent

    @abstractmethod
    def greeting(self) -> bytes:
        """Return what the server says first."""

    @abstractmethod
    def replies(self, data: bytes) -> Iterator[bytes]:
        """Take in octets, in any pieces; make the replies they cause, one after the other.

        Blocking: it reads mailboxes.  A long answer is made while it is sent, never held whole in memory.
        """

    def receive(self, data: bytes) -> bytes:
        """Take in octets; return all replies they cause."""
        return b"".join(self.replies(data))

    @property
    def is_idle(self) -> bool:
        """True while the client waits to be told what happens (IMAP's IDLE)."""
        return False

    def may_have_updates(self) -> bool:
        """True when it is worth asking for `updates`.  Quick: called four times a second."""
        return False

    def updates(self) -> bytes:
        """Return what happened while the client waits.  Blocking."""
        return b""

    def farewell(self, why: str) -> bytes:
        """Return what is said before a connection is closed that the client did not end."""
        return b""

    @abstractmethod
    def end(self) -> None:
        """The connection is over, however it ended."""

    def encrypted(self) -> None:
        """TLS has begun: what came before no longer counts (RFC 2595 §4, RFC 3501 §6.2.1)."""
        self.wants_tls = self.offers_tls = False
        self.may_log_in = True

    def record_connection(self) -> None:
        """Record the connection."""
        peer, address = self.connection.source, self.connection.source_address
        self.record("connected", peer=peer, address=address, port=self.connection.port, service=self.service)

    def said(self, side: str, line: bytes, *, secret: bool = False) -> None:
        """Record one line of the dialogue; `line` without its line end."""
        text = line[:4000].decode("utf-8", "backslashreplace")[:1000]
        self.record("said", side=side, line=text, secret=secret)

    def record(self, what: str, message: str | None = None, **facts: Any) -> None:
        """Record an event of this session."""
        facts["session"] = self.connection.number
        self.trace.add(self.host, "access", what, message or self.connection.message, **facts)

    def fetched(self, entry: MessageFile) -> None:
        """Record that a message was read out."""
        self.record("fetched", entry.message, mailbox=self.person, uid=entry.uid, service=self.service)

    def changed(self, what: str, entry: MessageFile, **facts: Any) -> None:
        """Record that a message was flagged or removed."""
        facts |= {"mailbox": self.person, "uid": entry.uid}
        self.trace.add(self.host, "access", what, entry.message, **facts)

    def log_in(self, person: str, password: str) -> bool:
        """Check a password, and record how it ended."""
        if self.accounts.check(person, password):
            self.person = person.lower()
            self.record("logged-in", person=self.person, service=self.service)
            return True
        self.failed_logins += 1
        self.pause = PAUSE_SECONDS * self.failed_logins
        self.record("login-failed", person=printable(person), service=self.service)
        return False

    def count_error(self) -> None:
        """Count an error of the client; too many in a row end the session, sooner before login."""
        self.errors += 1
        allowed = MAX_ERRORS_BEFORE_LOGIN if self.person is None else MAX_ERRORS
        self.closed = self.closed or self.errors > allowed


def printable(text: str) -> str:
    """Return what a client sent as one line of ASCII, so that it cannot break a reply in two."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:200]
