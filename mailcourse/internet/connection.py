"""A conversation between two hosts, as both ends know it; and the words for what serves it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

#: Where programs outside a lab are, and its doors.
LOOPBACK = "127.0.0.1"
#: A connecting host's own ports are given out in turn.
FIRST_SOURCE_PORT, SOURCE_PORTS = 49152, 16384


@dataclass
class Connection:
    """One conversation between two hosts, as both ends know it.

    `message` is the identity of the message being carried, for the trace alone; nothing of it
    is on the wire.
    """

    number: int
    source: str
    source_address: str
    address: str
    port: int
    message: str | None = None
    is_open: bool = True
    close: Callable[[], None] = field(default=lambda: None, repr=False)
    target: str = ""

    @property
    def source_port(self) -> int:
        """The port in the lab that the connecting host speaks from; the same every time."""
        return FIRST_SOURCE_PORT + self.number % SOURCE_PORTS


ProtocolFactory = Callable[[Connection], asyncio.BaseProtocol]
Answer = Callable[[bytes, Connection], Awaitable[bytes | None]]


class Unreachable(OSError):
    """No connection could be made: nobody there, or nobody listens on that port."""
