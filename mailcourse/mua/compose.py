"""Writing a message: from what a person fills in to the text that travels (RFC 5322).

Bcc is the mail program's business: its addresses become recipients of the envelope, and no header
is written (RFC 5322 §3.6.3).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

from mailcourse.message.address import Address, parse


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person fills in."""

    sender: Address
    sender_name: str
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    subject: str
    text: str

    @property
    def recipients(self) -> tuple[Address, ...]:
        """Everybody in the envelope, each once."""
        unique = {recipient.key: recipient for recipient in (*self.to, *self.cc, *self.bcc)}
        return tuple(unique.values())

    @property
    def is_utf8(self) -> bool:
        """True when an address needs SMTPUTF8 (RFC 6531)."""
        return not all(str(address).isascii() for address in (self.sender, *self.recipients))


def addresses(given: str | Sequence[str]) -> tuple[Address, ...]:
    """Read one address or several: "a@x.test, b@y.test" or a list of them.

    >>> addresses("bruno@bakery.test, bea@bakery.test")
    (Address(local='bruno', domain='bakery.test'), Address(local='bea', domain='bakery.test'))
    """
    texts = given.split(",") if isinstance(given, str) else given
    return tuple(parse(text.strip()) for text in texts if text.strip())


def compose(draft: Draft, message_id: str, date: datetime) -> bytes:
    """Write the message; octets with CRLF line ends."""
    message = EmailMessage(policy=SMTPUTF8 if draft.is_utf8 else SMTP)
    message["From"] = _shown(draft.sender, draft.sender_name)
    if draft.to:
        message["To"] = [_shown(address) for address in draft.to]
    if draft.cc:
        message["Cc"] = [_shown(address) for address in draft.cc]
    # A line end in a subject would begin another header.
    message["Subject"] = " ".join(draft.subject.split())
    message["Date"] = date
    message["Message-ID"] = message_id
    message.set_content(draft.text)
    return message.as_bytes()


def _shown(address: Address, name: str = "") -> HeaderAddress:
    # Given in two parts: the standard library refuses a whole address that is not ASCII.
    local = re.sub(r"\\(.)", r"\1", address.local[1:-1]) if address.local.startswith('"') else address.local
    return HeaderAddress(name, username=local, domain=address.domain)
