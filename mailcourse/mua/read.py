"""Reading mail: what is in the mailbox, by IMAP or by POP3, with `imaplib` and `poplib`.

IMAP looks at the mailbox where it is; POP3 takes copies away, and here leaves the originals.
"""

from __future__ import annotations

import email
import imaplib
import poplib
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from html import escape
from typing import Any

from mailcourse.internet.errors import LabError, LoginRefused

from .submit import Account

Dial = Callable[[], socket.socket]


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as a mail program sees it.  `uid` is the server's name for it; `raw` has CRLF line ends."""

    uid: str
    flags: tuple[str, ...]
    raw: bytes = field(repr=False)

    @property
    def parsed(self) -> EmailMessage:
        """The message as the standard library reads it."""
        return email.message_from_bytes(self.raw, policy=default)

    @property
    def sender(self) -> str:
        """What the From header says; anybody can write anything there."""
        return _header(self.parsed, "From")

    @property
    def subject(self) -> str:
        """What the Subject header says."""
        return _header(self.parsed, "Subject")

    @property
    def date(self) -> str:
        """What the Date header says."""
        return _header(self.parsed, "Date")

    @property
    def text(self) -> str:
        """The readable part of the body, lines ending with LF; empty when there is none."""
        part = self.parsed.get_body(preferencelist=("plain",))
        if part is None:
            return ""
        try:
            return str(part.get_content()).replace("\r\n", "\n")
        except (LookupError, ValueError):  # an unknown charset: show what can be shown
            return bytes(part.get_payload(decode=True) or b"").decode("ascii", "replace")

    @property
    def state(self) -> str:
        r"""The flags without their backslashes; "new" when nobody has seen the message."""
        words = [flag.lstrip("\\").lower() for flag in self.flags if flag != "\\Recent"]
        return " ".join(words) or "new"

    def __repr__(self) -> str:
        return f"<Mail {self.uid} from {self.sender}: {self.subject!r} ({self.state})>"


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except (ValueError, IndexError, AttributeError, TypeError):  # headers that the parser cannot read
        return "(unreadable)"


class Messages(list[Mail]):
    """A list of messages that prints as a mailbox does."""

    def __repr__(self) -> str:
        return "\n".join(map(repr, self)) or "no messages"

    def _repr_html_(self) -> str:
        if not self:
            return "<p>no messages</p>"
        cells = [(m.uid, m.sender, m.subject, m.date, m.state) for m in self]
        head = "".join(f'<th style="text-align:left">{c}</th>' for c in ("uid", "From", "Subject", "Date", "flags"))
        body = "".join(
            "<tr>" + "".join(f'<td style="text-align:left">{escape(c)}</td>' for c in row) + "</tr>" for row in cells
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


class _Imap(imaplib.IMAP4):
    # imaplib draws the beginning of its tags by lot; in a lab the same actions give the same bytes.
    tagpre = property(lambda self: b"A", lambda self, drawn: None)

    def __init__(self, dial: Dial, server: str) -> None:
        self._dial = dial
        super().__init__(server, 143)

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        return self._dial()


class _Pop(poplib.POP3):
    def __init__(self, dial: Dial, server: str) -> None:
        self._dial = dial
        super().__init__(server, 110)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self._dial()


def by_imap(account: Account, dial: Dial, *, whole: bool) -> Messages:
    """Return the messages of INBOX: their headers alone, or `whole`, which marks them as seen."""
    with _talking(account):
        client = _Imap(dial, account.server)
        try:
            client.login(account.person, account.password)
            client.select("INBOX", readonly=not whole)
            wanted = "(UID FLAGS BODY[])" if whole else "(UID FLAGS BODY.PEEK[HEADER])"
            _, found = client.uid("FETCH", "1:*", wanted)
            return Messages(_from_imap(found))
        finally:
            client.logout()


def _from_imap(found: list[Any]) -> Iterator[Mail]:
    for item in found:
        if isinstance(item, tuple):
            said = item[0].decode()
            uid, flags = re.search(r"UID (\d+)", said), re.search(r"FLAGS \(([^)]*)\)", said)
            yield Mail(uid[1] if uid else "", tuple(flags[1].split()) if flags else (), item[1])


def by_pop3(account: Account, dial: Dial, *, delete: bool) -> Messages:
    """Return all messages of the maildrop, whole; with `delete`, take them off the server."""
    with _talking(account):
        client = _Pop(dial, account.server)
        client.user(account.person)
        client.pass_(account.password)
        found = Messages()
        for line in client.uidl()[1]:
            number, uid = line.decode().split()
            content = b"".join(part + b"\r\n" for part in client.retr(int(number))[1])
            found.append(Mail(uid, (), content))
            if delete:
                client.dele(int(number))
        client.quit()
        return found


@contextmanager
def _talking(account: Account) -> Iterator[None]:
    try:
        yield
    except (imaplib.IMAP4.error, poplib.error_proto) as error:
        raise LoginRefused(
            f"{account.server} did not let {account.person} in: {error}. The right password is in lab.people."
        ) from None
    except OSError as error:
        raise LabError(f"{account.server} cannot be reached: {error}. Is the host up? lab.hosts tells.") from None
