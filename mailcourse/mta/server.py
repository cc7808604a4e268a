"""One mail server: its ports, its queue, and the rules for what it takes."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b32encode
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from mailcourse.dns.stub import Stub
from mailcourse.internet.network import Connection, Host
from mailcourse.message.address import Address
from mailcourse.message.reply import Reply

from .carry import carry
from .local import LocalDelivery
from .queue import Entry, Incoming, Queue
from .receive import Receiver
from .settings import Settings

#: Lab seconds until another attempt when one broke off, or the host was switched off.
AGAIN = 60.0


class Passwords(Protocol):
    """Whoever knows the passwords of this server's people."""

    def check(self, person: str, password: str) -> bool:
        """True when the password is right.  Blocking; called off the loop."""


class MailServer:
    """The MTA of one host; `start` opens its ports and takes up what the queue still holds."""

    def __init__(
        self,
        host: Host,
        settings: Settings,
        queue: Queue,
        delivery: LocalDelivery,
        passwords: Passwords,
        stub: Stub,
        tls: Callable[[], ssl.SSLContext],
    ) -> None:
        self.host, self.settings, self.queue = host, settings, queue
        self.delivery, self.passwords, self.stub, self.tls = delivery, passwords, stub, tls
        self._taking: set[asyncio.Task[Entry]] = set()

    @property
    def home(self) -> str:
        """The domain of a bare `<postmaster>`."""
        return min(self.settings.local_domains | self.settings.relay_domains, default=self.host.name)

    async def start(self, *, submission: bool) -> None:
        """Open port 25, and 587 when people submit here; take up the queue."""
        await self.host.listen(25, partial(self._receiver, submission=False))
        if submission:
            await self.host.listen(587, partial(self._receiver, submission=True))
        for entry in self.queue.recover():
            due = self.queue.progress_of(entry).next_attempt
            wait = (due - self.host.internet.clock.now()).total_seconds() if due else 0.0
            self.schedule(entry, max(0.0, wait))

    def _receiver(self, connection: Connection, *, submission: bool) -> Receiver:
        return Receiver(self, connection, submission=submission)

    def new_queue_id(self) -> str:
        """Draw a queue identifier: 8 letters and digits."""
        return b32encode(self.host.random.randbytes(5)).decode()

    def refusal(self, recipient: Address, client: str, person: str | None, *, utf8: bool) -> Reply | None:
        """Return why this server does not take mail for `recipient` from this client, or None when it does."""
        domain = recipient.domain.lower()
        if not utf8 and not str(recipient).isascii():
            return Reply(553, "5.6.7", "this address needs SMTPUTF8")
        if domain in self.settings.local_domains | self.settings.relay_domains:
            if self.delivery.knows(recipient):
                return None
            return Reply(550, "5.1.1", f"there is no mailbox {recipient}")
        if person is not None or self.settings.trusts(client):
            return None
        return Reply(550, "5.7.1", f"relaying denied: mail for {domain} is not for this server")

    async def may_log_in(self, person: str, password: str) -> bool:
        """Check a password off the loop: a good hash is slow."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self.passwords.check, person, password)

    async def take(self, incoming: Incoming, session: int | None, size: int) -> Entry:
        """Take responsibility for a message that has arrived whole; it goes on even if the caller is cancelled."""
        task = asyncio.get_running_loop().create_task(self._take(incoming, session, size))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)
        return await asyncio.shield(task)

    async def _take(self, incoming: Incoming, session: int | None, size: int) -> Entry:
        entry = await asyncio.get_running_loop().run_in_executor(None, incoming.commit)
        self.record(
            "accepted",
            entry.message,
            session=session,
            queue_id=entry.queue_id,
            sender=entry.envelope.reverse_path,
            recipients=[str(recipient) for recipient in entry.envelope.recipients],
            size=size,
        )
        self.schedule(entry, 0)
        return entry

    def schedule(self, entry: Entry, seconds: float) -> None:
        """Put the next attempt on the lab's agenda."""
        self.host.internet.clock.after(seconds, partial(self._attempt, entry))

    async def _attempt(self, entry: Entry) -> None:
        if not self.host.is_up:  # a switched-off server does nothing; it looks again later
            self.schedule(entry, AGAIN)
            return
        try:
            await carry(self, entry)
        except Exception:
            self.schedule(entry, AGAIN)  # whatever went wrong here, the message is still ours
            raise

    def record(self, what: str, message: str | None, **facts: Any) -> None:
        """Record an event of this server."""
        self.host.internet.trace.add(self.host.name, "mta", what, message, **facts)
