"""A pipe: the two ends of one connection, in the memory of this process.

    near.write(b"EHLO …")  ──►  far's protocol.data_received, in the loop's next turn
    the far end does not read  ──►  near's protocol.pause_writing, until it has caught up

Towards each protocol it is a transport as any other; asyncio's TLS may lie above it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, cast

#: Octets that wait for the far end before the writer is told to pause, and when it may go on.
MAX_WAITING, MIN_WAITING = 2**18, 2**16


def feeder(protocol: asyncio.BaseProtocol) -> Callable[[bytes], None]:
    """Return the function that hands arrived octets to either kind of protocol; TLS is the buffered kind."""
    if isinstance(protocol, asyncio.BufferedProtocol):
        return partial(_fill, protocol)
    return cast(asyncio.Protocol, protocol).data_received


def _fill(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    while data:
        buffer = memoryview(protocol.get_buffer(len(data)))
        count = min(len(buffer), len(data))
        buffer[:count] = data[:count]
        protocol.buffer_updated(count)
        data = data[count:]


class Pipe(asyncio.Transport):
    """One end of a connection in memory: what is written here arrives at the other end, in order."""

    _start_tls_compatible = True  # asyncio's word for "start_tls may wrap me"

    def __init__(self, protocol: asyncio.BaseProtocol, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__({"peername": ("memory", 0), "sockname": ("memory", 0)})
        self._loop = loop
        self._arrived: deque[bytes] = deque()  # b"" is the end of what the far side says
        self._octets = 0  # that have arrived and were not handed over
        self.set_protocol(protocol)
        self._paused = self._closing = self._ended = self._far_ended = False
        self._is_due = False  # `_deliver` is on the loop's list
        self._is_full = False  # the protocol was told to pause: the far end reads too slowly
        self._far: Pipe

    def join(self, far: Pipe) -> None:
        """Make the two ends of one connection."""
        self._far, far._far = far, self

    def start(self) -> None:
        """Tell the protocol that it is connected."""
        self._protocol.connection_made(self)

    def write(self, data: Any) -> None:
        """Send bytes to the far end."""
        if not data or self._closing or self._far._ended:
            return
        far = self._far
        far._arrived.append(bytes(data))
        far._octets += len(data)
        far._soon()
        if far._octets > MAX_WAITING and not self._is_full:
            self._is_full = True
            self._protocol.pause_writing()

    def _soon(self) -> None:
        """Deliver in the loop's next turn; several writes are one delivery."""
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        self._is_due = False
        while self._arrived and not self._paused and not self._ended:
            data = self._arrived.popleft()
            self._octets -= len(data)
            if data:
                self._feed(data)
            elif not cast(asyncio.Protocol, self._protocol).eof_received():
                self.close()
            if self._far._is_full and self._octets <= MIN_WAITING:
                self._far._is_full = False
                self._far._protocol.resume_writing()
        if self._far_ended and not self._arrived and not self._ended:
            self._end(None)

    def can_write_eof(self) -> bool:
        """Return True."""
        return True

    def write_eof(self) -> None:
        """Say no more, and still listen."""
        if not self._closing and not self._far._ended:
            self._far._arrived.append(b"")
            self._far._soon()

    def pause_reading(self) -> None:
        """Keep what arrives until `resume_reading`."""
        self._paused = True

    def resume_reading(self) -> None:
        """Hand over what has arrived."""
        self._paused = False
        self._soon()

    def is_reading(self) -> bool:
        """True unless paused."""
        return not self._paused

    def close(self) -> None:
        """End the connection, after all that was written has arrived."""
        if not self._closing:
            self._closing = True
            self._far._far_ended = True
            self._far._soon()
            self._loop.call_soon(self._end, None)

    def abort(self) -> None:
        """End the connection now."""
        self._force_close(None)

    def _force_close(self, exc: Exception | None) -> None:  # asyncio's TLS calls it
        self._arrived.clear()
        self._octets = 0
        self._loop.call_soon(self._end, exc)
        self.close()

    def _end(self, error: Exception | None) -> None:
        if not self._ended:
            self._ended = self._closing = True
            self._far._far_ended = True
            self._far._soon()
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
        return self._far._octets
