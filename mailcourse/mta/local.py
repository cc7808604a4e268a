"""The door from the MTA to the MDA: two lines that `lab.py` plugs together.

The MTA knows nothing of mailboxes, and the MDA nothing of queues.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from mailcourse.message.address import Address
from mailcourse.message.reply import Outcome


class LocalDelivery(Protocol):
    """Whoever puts messages into mailboxes."""

    def knows(self, recipient: Address) -> bool:
        """True when `recipient` can receive mail: a mailbox or an alias.  Quick, and safe from any thread."""

    def deliver(self, recipient: Address, sender: str, content: Iterator[bytes], message: str) -> Outcome:
        """Put the message, whose trace identity is `message`, into the mailbox.  Blocking; called off the loop."""
