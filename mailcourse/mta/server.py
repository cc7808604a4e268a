"""One mail server: its ports, its queue, and the rules for what it takes.

25 smtp, from anybody      ┐                     ┌ the MDA
587, 465 submission        ├─► queue ─► attempts ┤
the MDA, forwarding        ┘   (agenda)          └ other servers
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b32encode
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

from mailcourse.dns.stub import Stub
from mailcourse.internet.certificates import Authority
from mailcourse.internet.connection import Connection
from mailcourse.internet.network import Host
from mailcourse.internet.tls import TlsFirst
from mailcourse.message.envelope import Envelope
from mailcourse.message.reply import Reply, reply_to

from .attempt import Attempt, by_route
from .bounce import Report
from .commands import COMMANDS, LMTP_COMMANDS
from .commits import Commits
from .connections import Connections
from .examine import Examiner
from .fault_injector import FaultInjector
from .finish import NextSteps, finish_attempt
from .local import LocalDelivery
from .queue import Entry, Incoming, Progress, Queue, QueueWriteError
from .receive import SmtpReceiver
from .report import WORDS, write_report
from .session import SmtpSession
from .settings import Settings

T = TypeVar("T")

#: Lab seconds until another attempt when one broke off, or the host was switched off.
RETRY_SECONDS = 60.0


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
        self.connections = Connections(host, authority)
        self.faults = FaultInjector()
        self._loop = host.internet.runtime.loop
        self._commits = Commits(self._loop)
        self._enqueuing: set[asyncio.Task[Entry]] = set()
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
        """Take up what the queue held when it was left, as soon as the whole lab is built.  Loop thread only."""
        for entry in self.queue.recover():
            self.schedule(entry, self._seconds_until(self.queue.progress_of(entry).next_attempt))

    def _receiver(self, connection: Connection, *, service: str) -> asyncio.Protocol:
        commands = LMTP_COMMANDS if service == "lmtp" else COMMANDS
        receiver = SmtpReceiver(SmtpSession(self, connection, service, commands), self)
        return TlsFirst(receiver, self.tls_context()) if connection.port == 465 else receiver

    def tls_context(self) -> ssl.SSLContext:
        """Return this server's certificate and key."""
        return self.authority.server(self.host.name)

    def new_queue_id(self) -> str:
        """Draw a queue identifier: 8 letters and digits."""
        return b32encode(self.host.random.randbytes(5)).decode()

    # ---- what is taken -------------------------------------------------------------------------------

    async def check_password(self, name: str, password: str) -> bool:
        """Check a password off the loop: a good hash is slow."""
        return await self._off_the_loop(self.passwords.check, name, password)

    @property
    def examiner(self) -> Examiner:
        """What finds out who sent a message, and signs, by the settings of this moment."""
        return Examiner(self.host, self.settings, self.stub, self.home)

    async def enqueue(self, incoming: Incoming, session: int | None) -> Entry:
        """Take responsibility for a message that has arrived whole; it goes on even if the caller is cancelled."""
        task = self._loop.create_task(self._enqueue(incoming, session))
        self._enqueuing.add(task)
        task.add_done_callback(self._enqueuing.discard)
        return await asyncio.shield(task)

    async def _enqueue(self, incoming: Incoming, session: int | None) -> Entry:
        entry = await self._commits.commit(incoming)
        self.accepted(entry, session)
        return entry

    async def deliver_now(self, incoming: Incoming) -> list[Reply]:
        """Deliver to mailboxes here and keep nothing: a copy and a reply for each recipient (LMTP)."""
        entry = incoming.spooled()
        try:
            return await self._off_the_loop(self._deliver_copies, entry)
        finally:
            incoming.abandon()

    def _deliver_copies(self, entry: Entry) -> list[Reply]:
        return [reply_to(self.delivery.deliver(entry.copy_for(r))) for r in entry.envelope.recipients]

    def resend(self, envelope: Envelope, pieces: Iterable[bytes], message: str) -> None:
        """Take a message from the MDA, which somebody wants to be forwarded.  Blocking; not on the loop's thread."""
        now = self.host.now()
        queue_id = self.host.internet.runtime.call(self.new_queue_id)
        if self.settings.seal is not None:
            content = b"".join(pieces)
            pieces = [self.examiner.seal(content), content]
        entry = self.queue.enqueue(queue_id, envelope, message, now, pieces)
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
        routes = tuple(by_route(entry.envelope.recipients, self.settings))
        due = self.host.now() + timedelta(seconds=seconds) if seconds > 0 else None
        self.connections.expect(routes, due)

        async def job() -> None:
            self.connections.begun(routes, due)
            try:
                await self._attempt(entry, is_fresh=is_fresh)
            finally:
                await self.connections.over(routes, due)

        self.host.internet.clock.after(seconds, job)

    async def _attempt(self, entry: Entry, *, is_fresh: bool) -> None:
        queue_id = entry.queue_id
        if queue_id in self._busy or not self.queue.has(entry):  # being carried already, finished, or deleted
            return
        if not self.host.is_up:  # a switched-off server does nothing; it looks again later
            self.schedule(entry, RETRY_SECONDS)
            return
        self._busy.add(queue_id)
        try:
            progress = Progress(entry.envelope.recipients) if is_fresh else self.queue.progress_of(entry)
            due = progress.next_attempt
            if not progress.is_held and (due is None or due <= self.host.now()):
                outcomes = await self._attempt_for(entry).deliver(progress.waiting)
                await self._take_steps(entry, finish_attempt(entry, progress, outcomes, self.host.now()))
        except (OSError, QueueWriteError) as error:  # the queue's own disk
            self.record("warning", entry.message, text=f"the queue cannot be written: {error}")
            self.schedule(entry, RETRY_SECONDS)
        except Exception:
            self.schedule(entry, RETRY_SECONDS)  # whatever went wrong here, the message is still ours
            raise
        finally:
            self._busy.discard(queue_id)

    def _attempt_for(self, entry: Entry) -> Attempt:
        return Attempt(entry, self.settings, self.host, self.stub, self.connections, self.delivery)

    async def _take_steps(self, entry: Entry, steps: NextSteps) -> None:
        """Do what follows from an attempt, in the order of `finish.py`; the disk is written by a worker."""
        for recipient, reason in steps.failures:
            self.record("failed", entry.message, recipients=[str(recipient)], reason=reason)
        if steps.partial is not None:
            await self._off_the_loop(self.queue.save_progress, entry, steps.partial)
        reports = [await self._enqueue_report(entry, report) for report in steps.reports]
        if steps.progress is not None:
            await self._postpone(entry, steps.progress)
        else:
            await self._off_the_loop(self.queue.finish, entry)  # a disk that is syncing makes us wait here too
        for report in reports:
            self.accepted(report, None)

    async def _enqueue_report(self, entry: Entry, report: Report) -> Entry:
        """Put a report into the queue, synced, and do not send it yet."""
        sender, queue_id = entry.envelope.sender, report.queue_id
        assert sender is not None  # or none would be due
        now, name = self.host.now(), self.host.name
        content = write_report(entry, report.statuses, name, f"<{queue_id.lower()}@{name}>", now)
        content = await self._off_the_loop(self.examiner.signature, content) + content
        identity = self.host.internet.trace.new_message()
        envelope = Envelope(None, (sender,), eight_bit=not content.isascii(), utf8=entry.envelope.utf8)
        enqueued = await self._off_the_loop(self.queue.enqueue, queue_id, envelope, identity, now, [content])
        facts = {"to": str(sender), "report": identity, "kind": WORDS[report.statuses[0].action].noun}
        recipients = [str(status.recipient) for status in report.statuses]
        self.record("reported", entry.message, recipients=recipients, **facts)
        return enqueued

    async def _postpone(self, entry: Entry, progress: Progress) -> None:
        # Perhaps it was held since this attempt began.
        progress = replace(progress, is_held=self.queue.progress_of(entry).is_held)
        await self._off_the_loop(self.queue.save_progress, entry, progress)
        names, due = [str(recipient) for recipient in progress.waiting], progress.next_attempt
        self.record("deferred", entry.message, recipients=names, reason=progress.reason, next_attempt=due)
        self.schedule(entry, self._seconds_until(due))

    def _seconds_until(self, due: datetime | None) -> float:
        return max(0.0, (due - self.host.now()).total_seconds()) if due else 0.0

    async def _off_the_loop(self, work: Callable[..., T], *arguments: Any) -> T:
        return await self._loop.run_in_executor(None, work, *arguments)

    # ---- what an administrator does ------------------------------------------------------------------

    def flush(self, queue_id: str | None = None) -> None:
        """Try everything that waits, or one message, now.  Loop thread only."""
        for entry in self._chosen(queue_id):
            progress = self.queue.progress_of(entry)
            if not progress.is_held:
                self.queue.save_progress(entry, replace(progress, next_attempt=None))
                self.schedule(entry, 0)

    def hold(self, queue_id: str | None = None, *, held: bool = True) -> None:
        """Stop trying, or go on with what was held.  Loop thread only."""
        for entry in self._chosen(queue_id):
            progress = self.queue.progress_of(entry)
            self.queue.save_progress(entry, replace(progress, is_held=held))
            if progress.is_held and not held:
                self.schedule(entry, self._seconds_until(progress.next_attempt))

    def delete(self, queue_id: str | None = None) -> None:
        """Delete messages; nobody gets a report.  Loop thread only."""
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
