r"""Header lines that servers write (RFC 5322 §3.6.7), as bytes with CRLF line ends.

    Received: from laptop.academy.test (laptop.academy.test [192.0.2.10])
            by mail.academy.test with ESMTPSA id 7KQ2M4XD
            for <bruno@bakery.test>; Mon, 07 Sep 2026 08:00:00 +0000

Each server puts its own on top, so the chain is read from below (RFC 5321 §4.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.utils import format_datetime

#: What the trace keeps of a header, in octets.
MOST_TRACED = 16 * 1024


def traced(beginning: bytes) -> str:
    """Return the header of a message, from its first octets, as text for the trace; a longer one is cut."""
    return beginning[:MOST_TRACED].split(b"\r\n\r\n", 1)[0].decode("utf-8", "backslashreplace")


def decode_words(text: str) -> str:
    """Return a header field as people read it, its encoded words decoded (RFC 2047); a broken one stays as it is.

    >>> decode_words("=?utf-8?q?Br=C3=B6tchen?="), decode_words("=?utf-8?b?A?=")
    ('Brötchen', '=?utf-8?b?A?=')
    """
    try:
        return str(make_header(decode_header(text))) if "=?" in text else text
    except (ValueError, LookupError, MessageError):  # no such charset, broken base64
        return text


@dataclass(frozen=True, slots=True)
class Hop:
    """What one Received line tells.  `claimed` is the name the client gave in EHLO; the rest the server saw."""

    claimed: str
    source: str
    source_address: str
    by: str
    protocol: str
    queue_id: str
    only_recipient: str | None
    when: datetime


def received(hop: Hop) -> bytes:
    """Write the Received line of a hop."""
    # RFC 5321 §4.4: `for` only when there is one recipient, or Bcc would be told to all.
    recipient = f"\r\n\tfor <{hop.only_recipient}>" if hop.only_recipient else ""
    claimed = "".join(c for c in hop.claimed if c.isprintable() and c not in "()<>")[:255]
    tag = "IPv6:" if ":" in hop.source_address else ""  # RFC 5321 §4.1.3
    return (
        f"Received: from {claimed} ({hop.source} [{tag}{hop.source_address}])\r\n"
        f"\tby {hop.by} with {hop.protocol} id {hop.queue_id}{recipient};\r\n"
        f"\t{format_datetime(hop.when)}\r\n"
    ).encode()


def return_path(sender: str) -> bytes:
    """Write the line that final delivery puts on top: the envelope sender (RFC 5321 §4.4)."""
    return f"Return-Path: <{sender}>\r\n".encode()


def delivered_to(recipient: str) -> bytes:
    """Write the line that says for whom this copy is; it also shows loops of aliases."""
    return f"Delivered-To: {recipient}\r\n".encode()


def list_id(address: str) -> bytes:
    """Write the line that names a mailing list (RFC 2919): `<staff.bakery.test>`."""
    return f"List-Id: <{address.replace('@', '.')}>\r\n".encode()
