"""The Internet in memory: the same hosts and ports, and no socket at all.

    connect()  ──►  two `Pipe` transports, each the other's far end
    dial()     ──►  the one exception: the standard library's blocking clients need a socket,
                    so they get one end of a socket pair (a pipe inside this process, no network)

For tests, and for kernels that have no sockets.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Any, cast

from .network import Answer, Connection, Host, Internet, ProtocolFactory, Unreachable
from .wire import Wire, feeder


class MemoryInternet(Internet):
    """Hosts joined by queues of bytes."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._listening: dict[tuple[str, int], ProtocolFactory] = {}
        self._answering: dict[tuple[str, int], Answer] = {}

    async def listen(self, host: Host, address: str, port: int, factory: ProtocolFactory) -> None:
        """Serve each connection to (address, port) with a protocol that `factory` makes."""
        self._listening[address, port] = factory

    async def listen_datagrams(self, host: Host, address: str, port: int, answer: Answer) -> None:
        """Reply to each datagram to (address, port) with what `answer` returns; None says nothing."""
        self._answering[address, port] = answer

    async def connect(self, connection: Connection, source: Host) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open the connection, or raise `Unreachable`."""
        factory = self._find(connection, source)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=2**17, loop=loop)
        client = asyncio.StreamReaderProtocol(reader, loop=loop)
        near, far = Pipe(client, loop), Pipe(Wire(self, connection, factory(connection)), loop)
        near.join(far)
        near.start()
        far.start()
        return reader, asyncio.StreamWriter(near, client, reader, loop)

    def dial(self, connection: Connection, source: Host, timeout: float) -> socket.socket:
        """Open the connection as a blocking socket, for the standard library's clients.  Any thread."""
        factory = self._find(connection, source)
        near, far = socket.socketpair()
        near.settimeout(timeout)
        self.runtime.run(self._serve(far, factory, connection))
        return near

    async def _serve(self, far: socket.socket, factory: ProtocolFactory, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: Wire(self, connection, factory(connection)), far)

    def _find(self, connection: Connection, source: Host) -> ProtocolFactory:
        target = self.reachable(source, connection.address, connection.port)
        factory = self._listening.get((connection.address, connection.port))
        if factory is None:
            raise self.refused(target, connection.port)
        return factory

    async def exchange(self, connection: Connection, source: Host, payload: bytes) -> bytes:
        """Send one datagram and return the first that comes back, or raise `Unreachable`."""
        target = self.reachable(source, connection.address, connection.port)
        answer = self._answering.get((connection.address, connection.port))
        if answer is None:
            raise self.refused(target, connection.port)
        reply = await self.answered(answer, payload, connection)
        if reply is None:
            raise Unreachable(f"no answer from {connection.address}")
        return reply

    def endpoint(self, address: str, port: int) -> tuple[str, int] | None:
        """Return None: nothing here has a real port."""
        return None


class Pipe(asyncio.Transport):
    """One end of a connection in memory: what is written here arrives at the other end, in order."""

    _start_tls_compatible = True  # asyncio's word for "start_tls may wrap me"

    def __init__(self, protocol: asyncio.BaseProtocol, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__({"peername": ("memory", 0), "sockname": ("memory", 0)})
        self._loop = loop
        self._arrived: deque[bytes] = deque()  # b"" is the end of what the far side says
        self.set_protocol(protocol)
        self._paused = self._closing = self._ended = self._far_ended = False

    def join(self, far: Pipe) -> None:
        """Make the two ends of one connection."""
        self._far, far._far = far, self

    def start(self) -> None:
        """Tell the protocol that it is connected."""
        self._protocol.connection_made(self)

    def write(self, data: Any) -> None:
        """Send bytes to the far end."""
        if data and not self._closing and not self._far._ended:
            self._far._arrived.append(bytes(data))
            self._loop.call_soon(self._far._deliver)

    def _deliver(self) -> None:
        while self._arrived and not self._paused and not self._ended:
            data = self._arrived.popleft()
            if data:
                self._feed(data)
            elif not cast(asyncio.Protocol, self._protocol).eof_received():
                self.close()
        if self._far_ended and not self._arrived and not self._ended:
            self._end(None)

    def can_write_eof(self) -> bool:
        """Return True."""
        return True

    def write_eof(self) -> None:
        """Say no more, and still listen."""
        if not self._closing and not self._far._ended:
            self._far._arrived.append(b"")
            self._loop.call_soon(self._far._deliver)

    def pause_reading(self) -> None:
        """Keep what arrives until `resume_reading`."""
        self._paused = True

    def resume_reading(self) -> None:
        """Hand over what has arrived."""
        self._paused = False
        self._loop.call_soon(self._deliver)

    def is_reading(self) -> bool:
        """True unless paused."""
        return not self._paused

    def close(self) -> None:
        """End the connection, after all that was written has arrived."""
        if not self._closing:
            self._closing = True
            self._far._far_ended = True
            self._loop.call_soon(self._far._deliver)
            self._loop.call_soon(self._end, None)

    def abort(self) -> None:
        """End the connection now."""
        self._force_close(None)

    def _force_close(self, exc: Exception | None) -> None:  # asyncio's TLS calls it
        self._arrived.clear()
        self._loop.call_soon(self._end, exc)
        self.close()

    def _end(self, error: Exception | None) -> None:
        if not self._ended:
            self._ended = self._closing = True
            self._far._far_ended = True
            self._loop.call_soon(self._far._deliver)
            self._protocol.connection_lost(error)

    def is_closing(self) -> bool:
        """True once `close` was called or the far end is gone."""
        return self._closing

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection to another protocol; STARTTLS does."""
        self._protocol, self._feed = protocol, feeder(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol in charge."""
        return self._protocol

    def get_write_buffer_size(self) -> int:
        """Return the number of octets written and not yet taken."""
        return sum(map(len, self._far._arrived))
