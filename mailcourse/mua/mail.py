"""A message as a mail program shows it, and lists of them."""

from __future__ import annotations

import email
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import default
from html import escape


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as a mail program sees it.

    `uid` is the name for it where it was read; `raw` has CRLF line ends; `when` it came there, if that is known.
    """

    uid: str
    flags: tuple[str, ...]
    raw: bytes = field(repr=False)
    when: datetime | None = None

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
