"""A session on a socket: passes octets between the network and a POP3 or IMAP session.

    socket ──► pending ──► session.receive, in a worker thread ──► socket
                           one call at a time: a mailbox on a slow disk holds up nobody else

Reading pauses while the session works, so a fast client cannot fill the memory.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial

from mailcourse.internet.certificates import Authority
from mailcourse.internet.connection import Connection, ProtocolFactory
from mailcourse.internet.network import Host
from mailcourse.internet.tls import TlsFirst
from mailcourse.mailbox.accounts import Accounts

from .imap.session import ImapSession
from .pop3 import Pop3Session
from .session import IDLE_TIMEOUT, MailboxSession

#: Real seconds between two looks at the folder of an idle client: other programs write there too.
LOOK_SECONDS = 0.25
#: Octets of an answer that are made before they are sent.
BATCH = 256 * 1024
SessionType = type[Pop3Session] | type[ImapSession]
#: Ports where TLS comes before everything (RFC 8314).
TLS_FIRST = (993, 995)


@cache
def _workers(loop: asyncio.AbstractEventLoop) -> ThreadPoolExecutor:
    """Return a thread for each session that is at work: a long answer holds up no other, nor those who deliver."""
    return ThreadPoolExecutor(250, thread_name_prefix="mailcourse-mailbox")


class SessionProtocol(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, session: MailboxSession, tls: Callable[[], ssl.SSLContext]) -> None:
        self._session, self._tls = session, tls
        self._pending = bytearray()
        self._arrived = asyncio.Event()
        self._ended = self._switching = self._lost = False
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._transport: asyncio.Transport
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; inside TLS, go on."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        """Keep what arrives until the session is free."""
        self._pending += data
        if not self._switching:  # the old transport is TLS's own by now, and the new one not yet ours
            self._transport.pause_reading()
        self._arrived.set()

    def eof_received(self) -> bool:
        """The client says no more; what it said is answered first."""
        self._ended = True
        self._arrived.set()
        return not self._switching and self._transport.get_extra_info("ssl_object") is None

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._ended = self._lost = self._session.is_gone = True
        self._arrived.set()
        self._may_write.set()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._may_write.set()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._transport.write(self._session.greeting())
            while not self._session.closed:
                async with asyncio.timeout(IDLE_TIMEOUT[self._session.service]):
                    await self._wait_for_input(loop)
                data, ended = bytes(self._pending), self._ended
                self._pending.clear()
                self._arrived.clear()
                if data:
                    await self._answer(loop, self._session.replies(data))
                if ended or self._lost:
                    self._transport.write(self._session.farewell("the client has closed"))
                    return
                if self._session.wants_tls:
                    await self._switch_to_tls(loop)
                self._transport.resume_reading()  # also of a client that is gone: its last words may be on their way
        except TimeoutError:
            self._transport.write(self._session.farewell("silent for too long"))
        except (ConnectionError, EOFError, ssl.SSLError):
            return  # gone, or not able to speak TLS
        except Exception as error:  # a fault of ours ends one session, and can be seen
            self._transport.write(self._session.farewell("[SERVERBUG] this session broke"))
            host, trace = self._session.host, self._session.trace
            trace.add(host, "access", "warning", text=f"a {self._session.service} session broke: {error!r}")
        finally:
            self._session.end()
            self._transport.close()

    async def _wait_for_input(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait until the client says something; meanwhile send it updates, if it is idle."""
        while self._session.is_idle and not self._arrived.is_set():
            try:
                await asyncio.wait_for(self._arrived.wait(), LOOK_SECONDS)
            except TimeoutError:
                if self._session.may_have_updates():
                    await self._send(await loop.run_in_executor(_workers(loop), self._session.updates))
        await self._arrived.wait()

    async def _answer(self, loop: asyncio.AbstractEventLoop, replies: Iterator[bytes]) -> None:
        """Send an answer in batches: the next is made when the client has taken the one before."""
        is_answered = False
        while not self._lost and (batch := await loop.run_in_executor(_workers(loop), _batch, replies)):
            is_answered = True
            if self._session.pause:
                pause, self._session.pause = self._session.pause, 0.0
                await asyncio.sleep(pause)
            await self._send(batch)
        if not is_answered:
            self._acknowledge()

    def _acknowledge(self) -> None:
        """Have the system acknowledge at once what needs no answer yet.

        A client that writes a message and the line end behind it as two small packets sends the second when the
        first is acknowledged (Nagle, RFC 1122 §4.2.3.4), and that would take 40 ms (§4.2.3.2).
        """
        beneath = self._transport.get_extra_info("socket")
        is_tcp = beneath is not None and beneath.family == socket.AF_INET
        if sys.platform == "linux" and is_tcp and not self._transport.is_closing():
            beneath.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    async def _send(self, replies: bytes) -> None:
        self._transport.write(replies)
        async with asyncio.timeout(IDLE_TIMEOUT[self._session.service]):  # a client that never reads
            await self._may_write.wait()

    async def _switch_to_tls(self, loop: asyncio.AbstractEventLoop) -> None:
        self._pending.clear()  # what was said before TLS does not count inside it
        self._session.encrypted()
        self._switching = True
        try:
            inside = await loop.start_tls(
                self._transport, self, self._tls(), server_side=True, ssl_handshake_timeout=30
            )
            if inside is None:  # cut off by us, within the handshake
                raise ConnectionAbortedError
        except OSError:  # ssl.SSLError is one too
            await self._notice_the_loss()
            raise
        self._transport, self._switching = inside, False

    async def _notice_the_loss(self) -> None:
        """End a connection that broke in the handshake: asyncio says nothing of it, and the Internet counts it."""
        self._transport.abort()
        for _ in range(5):  # asyncio may still report it in its next rounds
            await asyncio.sleep(0)
        if not self._lost:
            self.connection_lost(None)


def _batch(replies: Iterator[bytes]) -> bytes:
    """Take replies until there are enough to send; empty when there are no more."""
    batch = bytearray()
    for reply in replies:
        batch += reply
        if len(batch) >= BATCH:
            break
    return bytes(batch)


@dataclass(frozen=True, slots=True)
class Privacy:
    """What a server does about TLS: `offers_tls` shows STLS and STARTTLS, `needs_tls` takes no password before."""

    offers_tls: bool = True
    needs_tls: bool = False


def _serve(
    kind: SessionType, accounts: Accounts, host: Host, authority: Authority, privacy: Privacy = Privacy()
) -> ProtocolFactory:
    def serve(connection: Connection) -> asyncio.Protocol:
        is_inside = connection.port in TLS_FIRST
        offers_tls, may_log_in = privacy.offers_tls and not is_inside, is_inside or not privacy.needs_tls
        trace = host.internet.trace
        session = kind(accounts, host.name, trace, connection, tls=offers_tls, may_log_in=may_log_in)
        protocol = SessionProtocol(session, lambda: authority.server(host.name))
        return TlsFirst(protocol, authority.server(host.name)) if is_inside else protocol

    return serve


#: what serves POP3, or IMAP, on a port of a host
pop3, imap = partial(_serve, Pop3Session), partial(_serve, ImapSession)
