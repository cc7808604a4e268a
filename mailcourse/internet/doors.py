"""Doors: real sockets on 127.0.0.1 for programs outside the lab.  None is open until somebody asks for one.

    outside                            the lab
    swaks ──► 127.0.0.1:40587  ─door─► a wire, and the protocol of mail.academy.test, port 587
    dig   ──► 127.0.0.1:40053  ─door─► the answer of the resolver (UDP and TCP have the same number)

Who may come in: programs of the same user, where the system tells whose a socket is (`socket_owner.py`); anybody when
the door was opened for any user.  Who speaks HTTP is sent away at the first line: a page on the web can make a
browser connect here and write SMTP or IMAP behind its request (Postfix's smtpd_forbidden_commands).
Knows sockets and lines of HTTP.  Does not know mail.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from .connection import LOOPBACK, Unreachable
from .socket_owner import may_enter
from .wire import Wire

#: Datagrams being answered at a time at one door; one more is dropped, as a busy server would.
MAX_TASKS = 1000
#: Octets of a first line; a longer one is not HTTP from a browser.
MAX_FIRST_LINE = 8192
#: "Linger for no time": closing then resets the connection.  Windows has shorter integers here.
NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
#: A request line of HTTP, or a line of its header.
HTTP = re.compile(
    rb"(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|PRI) "
    rb"|(?:Host|User-Agent|Accept|Accept-[\w-]+|Connection|Content-[\w-]+|Origin|Referer|Cookie|Sec-[\w-]+|Range"
    rb"|Cache-Control|Upgrade|Upgrade-[\w-]+|Pragma|DNT|If-[\w-]+|Authorization|X-[\w-]+|Transfer-Encoding) *:",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Entrance:
    """What a door leads to: how a connection is served, and how a datagram is answered.

    `serve(gone)` returns the wire of a new connection, or None when it is turned away; `is_closed` tells whether
    that is because the port is closed.  `warn` records a `text`.  `speaks_http`: a web server's port.
    """

    port: int
    serve: Callable[[], Wire | None]
    is_closed: Callable[[], bool]
    answer: Callable[[bytes], Awaitable[bytes | None]] | None
    warn: Callable[..., object]
    speaks_http: bool


class Door:
    """One real port before one port of the lab."""

    def __init__(self, entrance: Entrance, *, any_user: bool) -> None:
        self.entrance, self.any_user = entrance, any_user
        self.real = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._datagrams: asyncio.BaseTransport | None = None

    async def open(self) -> None:
        """Bind the port, chosen by the system, and let programs in."""
        loop = asyncio.get_running_loop()
        stream, datagrams = _reserve(both=self.entrance.answer is not None)
        self.real = stream.getsockname()[1]
        self._server = await loop.create_server(lambda: Visitor(self), sock=stream, backlog=128)
        if datagrams is not None:
            self._datagrams, _ = await loop.create_datagram_endpoint(lambda: Questions(self), sock=datagrams)

    def is_welcome(self, kind: str, peer: tuple[str, int]) -> bool:
        """True for a program that may come in, by the address of its socket."""
        if self.any_user or may_enter(kind, peer, self.real):
            return True
        who = "a program of another user, or one already gone,"
        self.entrance.warn(text=f"{who} was refused at the door before port {self.entrance.port}")
        return False

    async def close(self) -> None:
        """Give the port back."""
        for end in (self._server, self._datagrams):
            if end is not None:
                end.close()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def _reserve(*, both: bool) -> tuple[socket.socket, socket.socket | None]:
    """Bind one port for streams, and for datagrams too: dig wants the same number for both."""
    for _ in range(50):
        stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        stream.bind((LOOPBACK, 0))
        if not both:
            return stream, None
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            datagrams.bind((LOOPBACK, stream.getsockname()[1]))
        except OSError:
            stream.close()
            datagrams.close()
            continue
        datagrams.setblocking(False)
        return stream, datagrams
    raise Unreachable("no port of 127.0.0.1 is free for both TCP and UDP")


class Visitor(asyncio.Protocol):
    """A connection that comes in by a door; from its first line on, the wire has it to itself."""

    def __init__(self, door: Door) -> None:
        self._door, self._first = door, b""
        self._wire: Wire | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the program in, or turn it away."""
        self._transport = cast(asyncio.Transport, transport)
        entrance = self._door.entrance
        if self._door.is_welcome("tcp", transport.get_extra_info("peername")):
            self._wire = entrance.serve()
        if self._wire is None:
            if entrance.is_closed():
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            self._transport.abort()
            return
        self._wire.connection_made(transport)
        if entrance.speaks_http:
            self._hand_over()

    def data_received(self, data: bytes) -> None:
        """Wait for the whole first line; send HTTP away."""
        self._first += data
        is_text = b" " <= self._first[:1] <= b"~"  # TLS begins with 0x16
        if is_text and b"\n" not in self._first and len(self._first) < MAX_FIRST_LINE:
            return
        if HTTP.match(self._first):
            port = self._door.entrance.port
            self._door.entrance.warn(text=f"a program spoke HTTP to port {port}, as a page on the web may try")
            self._transport.abort()
            return
        self._hand_over()

    def _hand_over(self) -> None:
        assert self._wire is not None
        self._transport.set_protocol(self._wire)
        if self._first:
            self._wire.data_received(self._first)

    def eof_received(self) -> bool:
        """Pass on what there was of a first line, and its end."""
        if self._wire is None:
            return False
        self._hand_over()
        return self._wire.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The program is gone before its first line."""
        if self._wire is not None:
            self._wire.connection_lost(exc)

    def pause_writing(self) -> None:
        """The program reads too slowly."""
        if self._wire is not None:
            self._wire.pause_writing()

    def resume_writing(self) -> None:
        """The program has caught up."""
        if self._wire is not None:
            self._wire.resume_writing()


class Questions(asyncio.DatagramProtocol):
    """Datagrams that come to a door: each is answered in a task of its own."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer, if the port is served and not too many wait."""
        if len(self._door.tasks) < MAX_TASKS and self._door.is_welcome("udp", addr):
            task = asyncio.get_running_loop().create_task(self._reply(data, addr))
            self._door.tasks.add(task)
            task.add_done_callback(self._door.tasks.discard)

    async def _reply(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._door.entrance.answer
        reply = await answer(data) if answer is not None else None
        if reply is not None and not self._transport.is_closing():
            self._transport.sendto(reply, addr)
