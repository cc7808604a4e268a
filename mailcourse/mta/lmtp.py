"""LMTP: SMTP's last step, without a queue behind it (RFC 2033).

    LHLO instead of EHLO
    after the message, one reply for each recipient: the copy is in the mailbox, or it is not

The server that hands over keeps the message in its own queue until each recipient has an answer.
"""

from __future__ import annotations

import asyncio

from mailcourse.message.reply import Reply

from .queue import Entry, Incoming
from .receive import Receiver


class LmtpReceiver(Receiver):
    """One client's session on port 24."""

    protocol, family = "LMTP", "LMTP"

    async def do_LHLO(self, argument: str) -> Reply:
        """Greet; the same as EHLO."""
        return await super().do_EHLO(argument)

    async def do_EHLO(self, argument: str) -> Reply:
        """Refuse: this is not SMTP (RFC 2033 §4.1)."""
        return Reply(500, "5.5.1", "this port speaks LMTP; say LHLO")

    do_HELO = do_EHLO

    def _to_all(self, reply: Reply) -> list[Reply]:
        return [reply] * len(self.envelope_begun.recipients)

    async def _keep(self, incoming: Incoming) -> list[Reply]:
        entry = incoming.spooled()
        try:
            return await asyncio.get_running_loop().run_in_executor(None, self._deliver, entry)
        finally:
            incoming.abandon()

    def _deliver(self, entry: Entry) -> list[Reply]:
        return [self.server.delivery.deliver(entry.parcel(r)).reply for r in entry.envelope.recipients]
