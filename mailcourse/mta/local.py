"""The door from the MTA to the MDA: what the lab plugs together.

    refusal, deliver    the MTA asks whether there is such a mailbox, and hands over a copy for it

The MTA knows nothing of mailboxes, and the MDA nothing of queues.
"""

from __future__ import annotations

from typing import Protocol

from mailcourse.message.address import Address
from mailcourse.message.envelope import LocalCopy
from mailcourse.message.reply import Outcome, Reply


class LocalDelivery(Protocol):
    """Whoever puts messages into mailboxes."""

    def refusal(self, recipient: Address) -> Reply | None:
        """Return why `recipient` cannot receive mail; None when it can.  Quick and thread-safe."""

    def deliver(self, copy: LocalCopy) -> Outcome:
        """Put a copy where it belongs.  Blocking; called off the loop."""
