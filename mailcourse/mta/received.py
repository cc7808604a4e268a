r"""The Received line: each server puts its own on top of a message that it takes in (RFC 5321 §4.4).

    Received: from laptop.academy.test (laptop.academy.test [192.0.2.10])
            by mail.academy.test with ESMTPSA id 7KQ2M4XD
            for <bruno@bakery.test>; Mon, 07 Sep 2026 08:00:00 +0000

So the chain is read from below.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from .session import SmtpSession


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


def hop(session: SmtpSession, queue_id: str, now: datetime) -> Hop:
    """Return what the line of this session's message tells."""
    recipients, family = session.envelope.recipients, "LMTP" if session.is_lmtp else "SMTP"
    extended = f"UTF8{family}" if session.envelope.utf8 else "LMTP" if session.is_lmtp else "ESMTP"
    protocol = extended if session.is_extended else "SMTP"
    return Hop(
        claimed=session.claimed,
        source=session.connection.source,
        source_address=session.connection.source_address,
        by=session.host.name,
        protocol=protocol + "S" * session.is_encrypted + "A" * (session.person is not None),  # RFC 3848
        queue_id=queue_id,
        only_recipient=str(recipients[0]) if len(recipients) == 1 else None,
        when=now,
    )
