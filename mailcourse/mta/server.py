"""One mail server: its ports, its queue, and the rules for what it takes.

25 smtp, from anybody      ┐                     ┌ the MDA
587, 465 submission        ├─► queue ─► attempts ┤
the MDA, forwarding        ┘   (agenda)          └ other servers
"""

from __future__ import annotations

import asyncio
from base64 import b32encode
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from mailcourse.dns.stub import Stub
from mailcourse.internet.certificates import Authority
from mailcourse.internet.network import Connection, Host
from mailcourse.internet.tls import tls_first
from mailcourse.message.address import Address
from mailcourse.message.envelope import Envelope
from mailcourse.message.reply import Reply

from .carry import attempt, by_route
from .commits import Commits
from .conclude import conclude
from .connections import Connections
from .lmtp import LmtpReceiver
from .local import LocalDelivery
from .queue import Entry, Incoming, NotKept, Progress, Queue
from .receive import Receiver
from .settings import Settings
from .trouble import Trouble

#: Lab seconds until another attempt when one broke off, or the host was switched off.
AGAIN = 60.0


class Passwords(Protocol):
    """Whoever knows the passwords of this server's people."""

    def check(self, person: str, password: str) -> bool:
        """True when the password is right.  Blocking; called off the loop."""


class MailServer:
    """The MTA of one host; `start` opens its ports, `recover` takes up what the queue holds."""

    def __init__(
        self,
        host: Host,
        settings: Settings,
        queue: Queue,
        delivery: LocalDelivery,
        passwords: Passwords,
        stub: Stub,
        authority: Authority,
    ) -> None:
        self.host, self.settings, self.queue = host, settings, queue
        self.delivery, self.passwords, self.stub, self.authority = delivery, passwords, stub, authority
        self.connections = Connections()
        self.trouble = Trouble()
        self._loop = host.internet.runtime.loop
        self._commits = Commits(self._loop)
        self._taking: set[asyncio.Task[Entry]] = set()
        self._busy: set[str] = set()

    @property
    def home(self) -> str:
        """The domain of a bare `<postmaster>`, and of `<alice@[our own address]>`."""
        return min(self.settings.local_domains | self.settings.relay_domains, default=self.host.name)

    async def start(self, services: Iterable[str]) -> None:
        """Open the ports of `services`: "smtp", "submission", "lmtp"."""
        ports = {"smtp": (25,), "submission": (587, 465), "lmtp": (24,)}
        for service in services:
            for port in ports[service]:
                await self.host.listen(port, partial(self._receiver, service=service))

    def recover(self) -> None:
        """Take up what the queue held when it was left, as soon as the whole lab stands.  Loop thread only."""
        for entry in self.queue.recover():
            due = self.queue.progress_of(entry).next_attempt
            wait = (due - self.host.now()).total_seconds() if due else 0.0
            self.schedule(entry, max(0.0, wait))

    def _receiver(self, connection: Connection, *, service: str) -> asyncio.Protocol:
        if connection.port == 465:
            return tls_first(Receiver(self, connection, service), self.authority.server(self.host.name))
        return (LmtpReceiver if service == "lmtp" else Receiver)(self, connection, service)

    def new_queue_id(self) -> str:
        """Draw a queue identifier: 8 letters and digits."""
        return b32encode(self.host.random.randbytes(5)).decode()

    # ---- what is taken -------------------------------------------------------------------------------

    def at_home(self, recipient: Address) -> Address:
        """Write `<bruno@[198.51.100.25]>`, said to the host with that address, with the domain it means."""
        if recipient.literal in self.host.addresses:
            return Address(recipient.local, self.home)
        return recipient

    def refusal(self, recipient: Address, client: str, person: str | None) -> Reply | None:
        """Return why this server does not take mail for `recipient` from this client, or None when it does."""
        domain = recipient.domain.lower()
        if domain in self.settings.local_domains | self.settings.relay_domains:
            return self.delivery.refusal(recipient)
        if person is not None or self.settings.trusts(client):
            return None
        return Reply(550, "5.7.1", f"relaying denied: mail for {domain} is not for this server")

    async def may_log_in(self, person: str, password: str) -> bool:
        """Check a password off the loop: a good hash is slow."""
        return await self._loop.run_in_executor(None, self.passwords.check, person, password)

    async def take(self, incoming: Incoming, session: int | None) -> Entry:
        """Take responsibility for a message that has arrived whole; it goes on even if the caller is cancelled."""
        task = self._loop.create_task(self._take(incoming, session))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)
        return await asyncio.shield(task)

    async def _take(self, incoming: Incoming, session: int | None) -> Entry:
        entry = await self._commits.commit(incoming)
        self.accepted(entry, session)
        return entry

    def resend(self, envelope: Envelope, pieces: Iterable[bytes], message: str) -> None:
        """Take a message from the MDA, which somebody wants to be forwarded.  Blocking; not on the loop's thread."""
        now = self.host.now()
        queue_id = self.host.internet.runtime.call(self.new_queue_id)
        entry = self.queue.take(queue_id, envelope, message, now, pieces)
        self._loop.call_soon_threadsafe(self.accepted, entry, None)

    def accepted(self, entry: Entry, session: int | None) -> None:
        """Begin to work on a message that is safe in the queue."""
        self.record(
            "accepted",
            entry.message,
            session=session,
            queue_id=entry.queue_id,
            sender=entry.envelope.reverse_path,
            recipients=[str(recipient) for recipient in entry.envelope.recipients],
            size=entry.size,
        )
        self.schedule(entry, 0, is_fresh=True)

    # ---- attempts ------------------------------------------------------------------------------------

    def schedule(self, entry: Entry, seconds: float, *, is_fresh: bool = False) -> None:
        """Put the next attempt on the lab's agenda; `is_fresh` when nobody has tried yet.  Loop thread only."""
        ways = tuple(by_route(self, entry.envelope.recipients)) if seconds <= 0 else ()
        self.connections.expect(ways)

        async def job() -> None:
            self.connections.begun(ways)
            try:
                await self._attempt(entry, is_fresh=is_fresh)
            finally:
                await self.connections.over(ways)

        self.host.internet.clock.after(seconds, job)

    async def _attempt(self, entry: Entry, *, is_fresh: bool) -> None:
        queue_id = entry.queue_id
        if queue_id in self._busy or not self.queue.has(entry):  # being carried already, finished, or deleted
            return
        if not self.host.is_up:  # a switched-off server does nothing; it looks again later
            self.schedule(entry, AGAIN)
            return
        self._busy.add(queue_id)
        try:
            progress = Progress(entry.envelope.recipients) if is_fresh else self.queue.progress_of(entry)
            due = progress.next_attempt
            if not progress.is_held and (due is None or due <= self.host.now()):
                await conclude(self, entry, progress, await attempt(self, entry, progress.waiting))
        except (OSError, NotKept) as error:  # the queue's own disk
            self.record("warning", entry.message, text=f"the queue cannot be written: {error}")
            self.schedule(entry, AGAIN)
        except Exception:
            self.schedule(entry, AGAIN)  # whatever went wrong here, the message is still ours
            raise
        finally:
            self._busy.discard(queue_id)

    # ---- what an administrator does ------------------------------------------------------------------

    def flush(self, queue_id: str | None = None) -> None:
        """Try everything that waits, or one message, now.  Loop thread only."""
        for entry in self._chosen(queue_id):
            progress = self.queue.progress_of(entry)
            if not progress.is_held:
                self.queue.keep(entry, replace(progress, next_attempt=None))
                self.schedule(entry, 0)

    def hold(self, queue_id: str | None = None, *, held: bool = True) -> None:
        """Stop trying, or go on with what was held.  Loop thread only."""
        for entry in self._chosen(queue_id):
            progress = self.queue.progress_of(entry)
            self.queue.keep(entry, replace(progress, is_held=held))
            if progress.is_held and not held:
                due = progress.next_attempt
                wait = (due - self.host.now()).total_seconds() if due else 0.0
                self.schedule(entry, max(0.0, wait))

    def delete(self, queue_id: str | None = None) -> None:
        """Forget messages; nobody is told.  Loop thread only."""
        for entry in self._chosen(queue_id):
            self.queue.finish(entry)
            waiting = [str(recipient) for recipient in entry.envelope.recipients]
            self.record("deleted", entry.message, recipients=waiting)

    def _chosen(self, queue_id: str | None) -> list[Entry]:
        entries = self.queue.entries() if queue_id is None else [self.queue.find(queue_id)]
        return [entry for entry in entries if entry is not None and entry.queue_id not in self._busy]

    def record(self, what: str, message: str | None, **facts: Any) -> None:
        """Record an event of this server."""
        self.host.record("mta", what, message, **facts)
