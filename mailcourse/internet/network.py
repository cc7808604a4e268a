"""The Internet of a lab: hosts with documentation addresses, joined by nothing but this table.

    laptop.academy.test                       mail.academy.test
    192.0.2.10  ── connect("192.0.2.25", 587) ──►  listen(587)
                        │
    beneath: 127.0.0.1:51514 ──► 127.0.0.1:40587      (loopback.py)
         or: two queues in memory                     (memory.py)

Lab addresses and real port numbers are the same on every machine; what is beneath is the
operating system's choice and is seen by nobody.  What is not in the table cannot be reached.
Hosts go down, ports are closed, links are slow: the switches for trouble are here too.
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
from datetime import datetime

from .clock import Clock
from .errors import LabError, unknown
from .runtime import Runtime
from .tap import Listener, Taps
from .trace import Trace
from .wire import Wire

#: What the lab calls a client that is not one of its hosts: dig, swaks, a mail program on this machine.
OUTSIDE = "outside"
OUTSIDE_ADDRESS, OUTSIDE_ADDRESS6 = "203.0.113.254", "2001:db8:ffff::254"
#: Whom a link leads to when it is slow towards all.
EVERYBODY = "everybody"

SERVICES = {25: "smtp", 53: "dns", 110: "pop3", 143: "imap", 465: "submissions", 587: "submission"}
SERVICES |= {993: "imaps", 995: "pop3s"}

#: Connections that one port serves at a time; one more is closed at once.
MOST_CONNECTIONS = 250
#: A dialling host's own ports are given out in turn.
FIRST_SOURCE_PORT, SOURCE_PORTS = 49152, 16384
#: Turns of the loop that `close` waits for its connections to say goodbye; three are enough.
MOST_CLOSING_TURNS = 100


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
        """The port in the lab that the dialling host speaks from; the same every time."""
        return FIRST_SOURCE_PORT + self.number % SOURCE_PORTS


ProtocolFactory = Callable[[Connection], asyncio.BaseProtocol]
Answer = Callable[[bytes, Connection], Awaitable[bytes | None]]


class Unreachable(OSError):
    """No connection could be made: nobody there, or nobody listens on that port."""


class Internet(ABC):
    """All hosts of a lab, and the way between them."""

    def __init__(self, clock: Clock, trace: Trace, runtime: Runtime, seed: str) -> None:
        self.clock, self.trace, self.runtime, self.seed = clock, trace, runtime, seed
        self.hosts: dict[str, Host] = {}
        self._by_address: dict[str, Host] = {}
        self.taps = Taps(trace)
        self.wires: dict[int, Wire] = {}  # number of an open connection -> its wire
        self.lags: dict[frozenset[str], float] = {}  # both ends of a link, or one end of many -> seconds
        self.cuts: set[frozenset[str]] = set()  # both ends of each link that carries nothing
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
        if name not in self.hosts:
            raise unknown("host", name, self.hosts)
        return self.hosts[name]

    def host_at(self, address: str) -> Host | None:
        """Return the host that has this lab address, or None when nobody has it."""
        return self._by_address.get(address)

    def known(self, name: str) -> str:
        """Return the name of a host, or of the outside; raise for any other."""
        return OUTSIDE if name == OUTSIDE else self.host(name).name

    def new_connection(self, source: Host | None, address: str, port: int, message: str | None) -> Connection:
        """Number a conversation; `source` is None for a client from outside."""
        target = self.host_at(address)
        own = source.address_towards(address) if source else OUTSIDE_ADDRESS6 if ":" in address else OUTSIDE_ADDRESS
        name = source.name if source else OUTSIDE
        number = next(self._numbers)
        return Connection(number, name, own, address, port, message, target=target.name if target else address)

    def tap(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each packet of the lab; return the way to stop.  Safe from any thread."""
        return self.taps.add(listener)

    def delay(self, a: str, b: str | None, seconds: float) -> None:
        """Hold each chunk between two hosts, or on all links of `a`, for real seconds each way; 0 ends it."""
        if seconds < 0:
            raise LabError("A delay cannot be negative. Give seconds such as 0.2, or 0 to end the delay.")
        ends = frozenset(self.known(name) for name in (a, b) if name is not None)
        self.runtime.call(lambda: self._set_lag(ends, seconds))
        self.trace.add(a, "host", "link-slowed", peer=b or EVERYBODY, seconds=seconds)

    def _set_lag(self, ends: frozenset[str], seconds: float) -> None:
        self.lags = {link: lag for link, lag in {**self.lags, ends: seconds}.items() if lag}

    def cut(self, a: str, b: str) -> None:
        """Let nothing pass between two hosts, and break what is open between them.  Loop thread only."""
        ends = frozenset({self.host(a).name, self.host(b).name})
        self.cuts.add(ends)
        for wire in list(self.wires.values()):
            if {wire.connection.source, wire.connection.target} == ends:
                wire.abort()

    def join(self, a: str, b: str) -> None:
        """Let things pass between two hosts again; harmless if they do."""
        self.cuts.discard(frozenset({a, b}))

    def lag(self, connection: Connection) -> float:
        """Return the seconds that a chunk of this connection is held: the slowest of what applies."""
        ends = frozenset({connection.source, connection.target})
        return max(self.lags.get(link, 0.0) for link in (ends, *(frozenset({end}) for end in ends)))

    async def answered(self, answer: Answer, data: bytes, connection: Connection) -> bytes | None:
        """Carry one datagram to a server and its reply back: past the taps, and at the pace of the link."""
        self.taps.show(connection, "data", True, data, "udp")
        if self.lags:
            await asyncio.sleep(self.lag(connection))
        reply = await answer(data, connection)
        if reply is not None:
            self.taps.show(connection, "data", False, reply, "udp")
            if self.lags:
                await asyncio.sleep(self.lag(connection))
        return reply

    def reachable(self, source: Host, address: str, port: int) -> Host:
        """Return the host at `address` if a packet would arrive there; raise `Unreachable` if not."""
        target = self.host_at(address)
        if target is None:
            raise Unreachable(f"no host in this lab has the address {address}")
        if not source.is_up:
            raise Unreachable(f"{source.name} is switched off")
        if not target.is_up:
            raise Unreachable(f"no answer from {target.name}, it is switched off")
        if {source.name, target.name} in self.cuts:
            raise Unreachable(f"no answer from {target.name}, the link to {source.name} is cut")
        if port in target.closed_ports:
            raise self.refused(target, port)
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

    def disconnect(self, host: Host) -> None:
        """Cut every connection from or to `host`.  Loop thread only."""
        for wire in list(self.wires.values()):
            if host.name in (wire.connection.source, wire.connection.target):
                wire.abort()

    async def close(self) -> None:
        """Give back every socket and task."""
        for wire in list(self.wires.values()):
            wire.abort()
        for _ in range(MOST_CLOSING_TURNS):  # each goes as its connection_lost is called
            await asyncio.sleep(0)
            if not self.wires:
                break
        await asyncio.sleep(0)  # inside TLS the server hears of it one turn later


class Host:
    """A machine of the lab: a name, addresses, and a switch."""

    def __init__(self, internet: Internet, name: str, addresses: tuple[str, ...]) -> None:
        self.internet, self.name, self.addresses = internet, name, addresses
        self.is_up = True
        self.ports: list[int] = []
        self.closed_ports: set[int] = set()
        # Each host draws its own numbers, so that one more host changes nothing for the others.
        self.random = random.Random(f"{internet.seed}/{name}")

    def address_towards(self, address: str) -> str:
        """Return the first own address of the same family, IPv4 or IPv6; raise `Unreachable` without one."""
        for own in self.addresses:
            if (":" in own) == (":" in address):
                return own
        raise Unreachable(f"{self.name} has no {'IPv6' if ':' in address else 'IPv4'} address to reach {address} from")

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

    def now(self) -> datetime:
        """Return lab time."""
        return self.internet.clock.now()

    def record(self, role: str, what: str, message: str | None = None, /, **facts: object) -> None:
        """Record in the trace that `what` happened on this host, to one of its servers; `EVENTS` has the facts."""
        self.internet.trace.add(self.name, role, what, message, **facts)

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

    def close_port(self, port: int) -> None:
        """Refuse new connections to `port`, as if its server had been stopped; open ones stay."""
        self.internet.runtime.call(lambda: self._set_port(port, closed=True))

    def open_port(self, port: int) -> None:
        """Let `port` be served again."""
        self.internet.runtime.call(lambda: self._set_port(port, closed=False))

    def is_listening(self, port: int) -> bool:
        """True when somebody who connects to `port` now is served."""
        return self.is_up and port in self.ports and port not in self.closed_ports

    def _set_port(self, port: int, *, closed: bool) -> None:
        if port not in self.ports:
            known = ", ".join(map(str, sorted(set(self.ports)))) or "none"
            raise LabError(f"{self.name} has no port {port}. Its ports are: {known}.")
        if closed != (port in self.closed_ports):
            (self.closed_ports.add if closed else self.closed_ports.remove)(port)
            self.record("host", "port-closed" if closed else "port-opened", port=port)

    def _switch(self, up: bool) -> None:
        if up != self.is_up:
            self.is_up = up
            self.record("host", "host-up" if up else "host-down")
            if not up:
                self.internet.disconnect(self)

    def __repr__(self) -> str:
        return f"<Host {self.name} {' '.join(self.addresses)} {'up' if self.is_up else 'down'}>"
