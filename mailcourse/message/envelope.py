"""The envelope: who sends and who shall receive, as said in MAIL and RCPT (RFC 5321 §2.3.1).

It routes the message; the headers inside never do.
"""

from __future__ import annotations

from dataclasses import dataclass

from .address import Address


@dataclass(frozen=True, slots=True)
class Envelope:
    """Sender and recipients of one message.  `sender` is None for `MAIL FROM:<>`, the null sender of bounces."""

    sender: Address | None
    recipients: tuple[Address, ...]
    eight_bit: bool = False  # BODY=8BITMIME, RFC 6152
    utf8: bool = False  # SMTPUTF8, RFC 6531

    @property
    def reverse_path(self) -> str:
        """The sender as text; empty for the null sender."""
        return "" if self.sender is None else str(self.sender)
