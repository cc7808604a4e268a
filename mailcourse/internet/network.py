"""The Internet of a lab: hosts with documentation addresses, joined by nothing but this table.

    laptop.academy.test                       mail.academy.test
    192.0.2.10  ── connect("192.0.2.25", 587) ──►  listen(587)
                        │
    beneath: 127.0.0.1:51514 ──► 127.0.0.1:40587      (loopback.py)
         or: two queues in memory                     (memory.py)

Lab addresses and real port numbers are the same on every machine; what is beneath is the
operating system's choice and is seen by nobody.  What is not in the table cannot be reached.
Knows addresses, ports and bytes.  Does not know what the bytes mean.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from .clock import Clock
from .errors import LabError, unknown
from .runtime import Runtime
from .trace import Trace

#: What the lab calls a client that is not one of its hosts: dig, swaks, a mail program on this machine.
OUTSIDE = "outside"
OUTSIDE_ADDRESS = "203.0.113.254"

SERVICES = {25: "smtp", 53: "dns", 110: "pop3", 143: "imap", 465: "submissions", 587: "submission"}
SERVICES |= {993: "imaps", 995: "pop3s"}

#: Connections that one port serves at a time; one more is closed at once.
MOST_CONNECTIONS = 250


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


ProtocolFactory = Callable[[Connection], asyncio.Protocol]
Answer = Callable[[bytes, Connection], Awaitable[bytes | None]]


class Unreachable(OSError):
    """No connection could be made: nobody there, or nobody listens on that port."""


class Internet(ABC):
    """All hosts of a lab, and the way between them."""

    def __init__(self, clock: Clock, trace: Trace, runtime: Runtime, seed: str) -> None:
        self.clock, self.trace, self.runtime, self.seed = clock, trace, runtime, seed
        self.hosts: dict[str, Host] = {}
        self._by_address: dict[str, Host] = {}
        self._numbers = itertools.count(1)

    def add_host(self, name: str, addresses: list[str]) -> Host:
        """Add a host; its name and its addresses are its own."""
        for address in addresses:
            if address in self._by_address:
                raise LabError(f"{name} and {self._by_address[address].name} both have the address {address}.")
        host = Host(self, name, tuple(addresses))
        self.hosts[name] = host
        self._by_address.update(dict.fromkeys(addresses, host))
        return host

    def host(self, name: str) -> Host:
        """Return the host called `name`."""
        try:
            return self.hosts[name]
        except KeyError:
            raise unknown("host", name, self.hosts) from None

    def host_at(self, address: str) -> Host | None:
        """Return the host that has this lab address, or None when nobody has it."""
        return self._by_address.get(address)

    def new_connection(self, source: Host | None, address: str, port: int, message: str | None) -> Connection:
        """Number a conversation; `source` is None for a client from outside."""
        name, own = (source.name, source.addresses[0]) if source else (OUTSIDE, OUTSIDE_ADDRESS)
        return Connection(next(self._numbers), name, own, address, port, message)

    def reachable(self, source: Host, address: str, port: int) -> Host:
        """Return the host at `address` if a packet would arrive there; raise `Unreachable` if not."""
        target = self.host_at(address)
        if target is None:
            raise Unreachable(f"no host in this lab has the address {address}")
        if not source.is_up:
            raise Unreachable(f"{source.name} is switched off")
        if not target.is_up:
            raise Unreachable(f"no answer from {target.name}, it is switched off")
        return target

    def refused(self, target: Host, port: int) -> Unreachable:
        """Make the error for a port on which nobody listens."""
        return Unreachable(f"connection refused, nothing listens on port {port} of {target.name}")

    @abstractmethod
    async def listen(self, host: Host, address: str, port: int, factory: ProtocolFactory) -> None:
        """Serve each connection to (address, port) with a protocol that `factory` makes."""

    @abstractmethod
    async def listen_datagrams(self, host: Host, address: str, port: int, answer: Answer) -> None:
        """Reply to each datagram to (address, port) with what `answer` returns; None says nothing."""

    @abstractmethod
    async def connect(self, connection: Connection, source: Host) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open the connection, or raise `Unreachable`."""

    @abstractmethod
    async def exchange(self, connection: Connection, source: Host, payload: bytes) -> bytes:
        """Send one datagram and return the first that comes back, or raise `Unreachable`."""

    @abstractmethod
    def dial(self, connection: Connection, source: Host, timeout: float) -> socket.socket:
        """Open the connection as a blocking socket, for the standard library's clients.  Any thread."""

    @abstractmethod
    def endpoint(self, address: str, port: int) -> tuple[str, int] | None:
        """Return the real (address, port) beneath, or None when nobody listens there."""

    @abstractmethod
    def disconnect(self, host: Host) -> None:
        """Cut every connection from or to `host`.  Loop thread only."""

    @abstractmethod
    async def close(self) -> None:
        """Give back every socket and task."""


class Host:
    """A machine of the lab: a name, addresses, and a switch."""

    def __init__(self, internet: Internet, name: str, addresses: tuple[str, ...]) -> None:
        self.internet, self.name, self.addresses = internet, name, addresses
        self.is_up = True
        self.ports: list[int] = []
        # Each host draws its own numbers, so that one more host changes nothing for the others.
        self.random = random.Random(f"{internet.seed}/{name}")

    async def listen(self, port: int, factory: ProtocolFactory) -> None:
        """Serve `port` on all addresses of this host."""
        self.ports.append(port)
        for address in self.addresses:
            await self.internet.listen(self, address, port, factory)

    async def listen_datagrams(self, port: int, answer: Answer) -> None:
        """Answer datagrams to `port` on all addresses of this host."""
        for address in self.addresses:
            await self.internet.listen_datagrams(self, address, port, answer)

    async def connect(
        self, address: str, port: int, message: str | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, Connection]:
        """Connect to a lab address; `message` marks the connection for the trace."""
        connection = self.internet.new_connection(self, address, port, message)
        reader, writer = await self.internet.connect(connection, self)
        return reader, writer, connection

    async def exchange(self, address: str, port: int, payload: bytes, message: str | None = None) -> bytes:
        """Send one datagram and return the reply."""
        return await self.internet.exchange(self.internet.new_connection(self, address, port, message), self, payload)

    def dial(self, address: str, port: int, timeout: float = 30.0, message: str | None = None) -> socket.socket:
        """Connect as a blocking socket.  Not on the loop's thread."""
        return self.internet.dial(self.internet.new_connection(self, address, port, message), self, timeout)

    def down(self) -> None:
        """Switch the host off: its connections break and nobody can reach it.  Safe from any thread."""
        self.internet.runtime.call(lambda: self._switch(False))

    def up(self) -> None:
        """Switch the host on again.  Safe from any thread."""
        self.internet.runtime.call(lambda: self._switch(True))

    def _switch(self, up: bool) -> None:
        if up == self.is_up:
            return
        self.is_up = up
        self.internet.trace.add(self.name, "host", "host-up" if up else "host-down")
        if not up:
            self.internet.disconnect(self)

    def __repr__(self) -> str:
        return f"<Host {self.name} {' '.join(self.addresses)} {'up' if self.is_up else 'down'}>"
