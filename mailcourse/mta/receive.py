"""A connection from a client: carries octets between it and an `SmtpSession`, and does what that asks for.

    octets ──► session.receive ──► octets
                    │ StartTls          begin TLS on this connection          aiosmtpd
                    │ CheckPassword     is it right?                          a worker
                    │ CheckSender       may it send for that domain?          the DNS
                    ▼ StoreMessage      examined, then the queue; LMTP: mailbox  a worker

aiosmtpd's `SMTP` gives the connection, the switch to TLS and the timer.  Its own commands are not used:
the rules are in `session.py` and `commands.py`, where no connection is needed to try them.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import AnyStr, Protocol

from aiosmtpd.smtp import SMTP, TLSSetupException

from mailcourse.message.reply import Reply

from . import replies
from .examine import Examiner
from .queue import Entry, Incoming, QueueWriteError
from .session import CheckPassword, CheckSender, ConnectionCut, Request, SmtpSession, StartTls, StoreMessage

#: Octets of replies that a client may leave unread before the session waits for it.
MAX_UNREAD = 2**16
CHUNK = 64 * 1024
REAL_SECONDS = 300.0  # of silence, RFC 5321 §4.5.3.2.7
GOODBYE_SECONDS = 5.0  # for a silent client to read why it is sent away


class SlowWork(Protocol):
    """What the server does for its sessions off the loop's thread."""

    async def check_password(self, name: str, password: str) -> bool:
        """Return whether the password is right."""

    @property
    def examiner(self) -> Examiner:
        """What finds out who sent a message."""

    async def enqueue(self, incoming: Incoming, session: int) -> Entry:
        """Take the responsibility for a message; it goes on even if the caller is cancelled."""

    async def deliver_now(self, incoming: Incoming) -> list[Reply]:
        """Deliver to mailboxes here, without a queue; return what is said of each recipient (RFC 2033)."""

    def tls_context(self) -> ssl.SSLContext:
        """Return the server's certificate and key."""


class SmtpReceiver(SMTP):
    """One client's connection."""

    line_length_limit = CHUNK  # how much is read ahead

    def __init__(self, session: SmtpSession, work: SlowWork) -> None:
        super().__init__(None, hostname=session.host.name, loop=asyncio.get_running_loop())
        self._rules, self._work = session, work
        self._deadline = 0.0

    def __dir__(self) -> tuple[str, ...]:
        """Hide all names: aiosmtpd looks through them for its own commands, at each connection."""
        return ()

    # ---- the connection -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; and go on inside TLS, when aiosmtpd has emptied its reader (RFC 3207 §4.2)."""
        is_inside = self.transport is not None
        super().connection_made(transport)
        if is_inside:
            self._rules.tls_begun()

    def eof_received(self) -> bool:
        """Answer what was already sent before the client stopped sending."""
        asyncio.StreamReaderProtocol.eof_received(self)
        return not self._rules.is_encrypted

    async def _handle_client(self) -> None:
        try:
            await self._send(self._rules.greeting())
            while not self._rules.closed and (octets := await self._reader.read(CHUNK)):
                await self._serve(octets)
        except (TimeoutError, ConnectionCut):  # a client that does not read: what is left for it would be kept
            self._cut()
        except ConnectionError:
            pass  # the client is gone
        except TLSSetupException:
            self.connection_lost(None)  # asyncio tells nobody when a connection ends within the handshake
        except Exception as error:  # nothing internal on the wire
            await self._send(self._rules.break_off(f"{type(error).__name__}: {error}"))
        finally:
            self._rules.end()
            self._writer.close()

    async def _serve(self, octets: bytes) -> None:
        """Answer what a client has sent, as far as that goes."""
        before = self._rules.lines_read
        output = self._rules.receive(octets)
        if self._rules.lines_read != before:
            self._reset_timeout()
        await self._send(output)
        while self._rules.request is not None:
            await self._send(await self._answer(self._rules.request))

    async def _answer(self, request: Request) -> bytes:
        """Do what the session asks for, and return what it says then."""
        match request:
            case StartTls():
                await self._begin_tls()
                return b""
            case CheckPassword(name, password):
                return self._rules.password_checked(await self._work.check_password(name, password))
            case CheckSender():
                return self._rules.sender_checked(await self._work.examiner.check_sender(self._rules))
            case StoreMessage(incoming):
                return await self._store(incoming)

    async def _store(self, incoming: Incoming) -> bytes:
        try:
            if self._rules.is_lmtp:
                finals = await self._work.deliver_now(incoming)
            elif refusal := await self._work.examiner.examine(self._rules, incoming):
                return self._rules.refuse_message(refusal)
            else:
                entry = await self._work.enqueue(incoming, self._rules.connection.number)
                finals = [replies.queued(entry.queue_id)]
        except QueueWriteError as error:
            return self._rules.refuse_message(error.reply)
        return self._rules.message_stored(*finals)

    async def _send(self, octets: bytes) -> None:
        self._writer.write(octets)
        if self._writer.transport.get_write_buffer_size() > MAX_UNREAD:
            async with asyncio.timeout(REAL_SECONDS):  # a client that never reads
                await self._writer.drain()

    def _cut(self) -> None:
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    # ---- TLS ----------------------------------------------------------------------------------------------------

    async def _begin_tls(self) -> None:
        if self._reader.at_eof():
            raise ConnectionResetError  # who says no more cannot shake hands
        self.tls_context = self._work.tls_context()
        await self.smtp_STARTTLS("")
        if self.transport is None or self.transport.is_closing():
            raise TLSSetupException

    async def push(self, status: AnyStr) -> None:
        """Say nothing where aiosmtpd would announce TLS: the session has done it."""

    # ---- patience -----------------------------------------------------------------------------------------------

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Put the end of patience off; the timer itself looks again only when it rings."""
        self._deadline = self.loop.time() + REAL_SECONDS
        if self._timeout_handle is None:
            self._timeout_handle = self.loop.call_at(self._deadline, self._timeout_cb)

    def _timeout_cb(self) -> None:
        if self._deadline > self.loop.time():
            self._timeout_handle = self.loop.call_at(self._deadline, self._timeout_cb)
        elif isinstance(self.transport, asyncio.WriteTransport):
            self.transport.write(f"{replies.IDLE_TOO_LONG}\r\n".encode())
            self.transport.close()
            self.loop.call_later(GOODBYE_SECONDS, self._cut)
