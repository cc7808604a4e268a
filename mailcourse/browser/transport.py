"""Ends of connections as a loop wants them: transports, and a server of a port.

serve(loop, protocol, end, close)   one connection
PortServer(loop, factory, sock)     every connection to a port
when_readable(end, act)             once, as soon as something has come
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from mailcourse.internet.pipe import feeder

from .ends import LOOPBACK, End, Listener


class EndTransport(asyncio.Transport):
    """One end of a connection as a transport of a loop; `close` gives back what it was taken from."""

    _start_tls_compatible = True

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: Any, end: End, close: Callable[[], None]) -> None:
        super().__init__({"peername": (LOOPBACK, 0), "sockname": (LOOPBACK, 0)})
        self._loop, self._end, self._give_back = loop, end, close
        self.set_protocol(protocol)
        self._is_closing = self._is_paused = self._is_due = self._was_told = self._is_full = False
        self._end.changed.append(self._soon)
        self._end.far.changed.append(self._soon)
        loop.call_soon(protocol.connection_made, self)
        self._soon()

    def _soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        self._is_due = False
        if self._is_closing:
            return
        while self._end.arrived and not self._is_paused and not self._is_closing:
            self._feed(self._end.take(2**16))
        if self._is_full and self._end.has_room:
            self._is_full = False
            self._protocol.resume_writing()
        if self._end.has_ended and not self._end.arrived and not self._was_told and not self._is_paused:
            self._was_told = True
            if not self._protocol.eof_received():
                self.close()

    def write(self, data: Any) -> None:
        """Send bytes to the far end."""
        if data and not self._is_closing and not self._end.far.is_closed:
            self._end.far.put(bytes(data))
            if not self._end.has_room and not self._is_full:
                self._is_full = True
                self._protocol.pause_writing()

    def can_write_eof(self) -> bool:
        """Return True."""
        return True

    def write_eof(self) -> None:
        """Say no more, and still listen."""
        self._end.finish()

    def pause_reading(self) -> None:
        """Keep what arrives until `resume_reading`."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Hand over what has arrived."""
        self._is_paused = False
        self._soon()

    def is_reading(self) -> bool:
        """True unless paused."""
        return not self._is_paused

    def close(self) -> None:
        """End the connection."""
        self._force_close(None)

    def abort(self) -> None:
        """End the connection."""
        self._force_close(None)

    def _force_close(self, error: Exception | None) -> None:  # asyncio's TLS calls it
        if not self._is_closing:
            self._is_closing = True
            self._end.changed.remove(self._soon)
            self._end.far.changed.remove(self._soon)
            self._loop.call_soon(self._lose, error)

    def _lose(self, error: Exception | None) -> None:
        self._protocol.connection_lost(error)
        self._give_back()

    def is_closing(self) -> bool:
        """True once it was closed."""
        return self._is_closing

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection to another protocol; STARTTLS does."""
        self._protocol: Any = protocol
        self._feed = feeder(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol in charge."""
        return self._protocol

    def get_write_buffer_size(self) -> int:
        """Return the number of octets written and not yet taken."""
        return self._end.far.octets


def serve(
    loop: asyncio.AbstractEventLoop, protocol: Any, end: End, close: Callable[[], None]
) -> tuple[asyncio.Transport, Any]:
    """Let a loop serve one end of a connection."""
    return EndTransport(loop, protocol, end, close), protocol


class PortServer:
    """`asyncio.Server`, of one listening socket."""

    def __init__(self, loop: asyncio.AbstractEventLoop, factory: Callable[[], Any], sock: Any) -> None:
        sock.listen()
        self.sockets = (sock,)
        self._listener: Listener = sock.listener
        self._loop, self._factory = loop, factory
        self._listener.take = lambda: loop.call_soon(self._take)

    def _take(self) -> None:
        while self._listener.arrived:
            end = self._listener.arrived.popleft()
            serve(self._loop, self._factory(), end, end.close)

    def close(self) -> None:
        """Give the port back."""
        self.sockets[0].close()

    async def wait_closed(self) -> None:
        """Nothing: it is closed at once."""


def when_readable(end: End, act: Callable[[], object]) -> None:
    """Do something once, as soon as something has come, or nothing can any more."""

    def look() -> None:
        if end.is_readable and look in end.changed:
            end.changed.remove(look)
            act()

    end.changed.append(look)
    look()


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def received(loop: asyncio.AbstractEventLoop, end: End, size: int) -> bytes:
    """Wait, on a loop, for what an end receives."""
    readable = loop.create_future()
    when_readable(end, partial(_settle, readable))
    await readable
    return end.take(size)
