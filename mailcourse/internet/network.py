"""The Internet of a lab: hosts with documentation addresses, joined by nothing but this table.

    laptop.academy.test                                  mail.academy.test
    192.0.2.10  ── connect("192.0.2.25", 587) ──►  listen(587)
                 two pipes in this process's memory (pipe.py), and a wire between (wire.py)

Lab addresses and port numbers are the same on every machine, and no socket is opened: neither a neighbour on a
shared machine nor a page in a browser can reach a lab.  A program outside comes in by a door (`doors.py`), which
is opened when somebody asks.  What is not in the table cannot be reached.
Hosts go down, ports are closed, links are slow: the switches for faults are here too.
Knows addresses, ports and octets.  Does not know what the octets mean.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from . import outlets
from .clock import Clock
from .connection import LOOPBACK, Answer, Connection, ProtocolFactory, Unreachable
from .doors import Door, Entrance
from .errors import LabError, unknown
from .links import Links
from .pipe import Pipe
from .runtime import Runtime
from .tap import Taps
from .trace import Trace
from .wire import Wire

#: What the lab calls a client that is not one of its hosts: dig, swaks, a mail program on this machine.
OUTSIDE = "outside"
OUTSIDE_ADDRESS, OUTSIDE_ADDRESS6 = "203.0.113.254", "2001:db8:ffff::254"
#: Whom a link leads to when it is slow towards all.
EVERYBODY = "everybody"

#: Connections that one port serves at a time; one more is closed at once.
MAX_CONNECTIONS = 250
#: Turns of the loop that `close` waits for its connections to say goodbye; three are enough.
MAX_CLOSING_TURNS = 100


class Internet:
    """All hosts of a lab, and the way between them."""

    def __init__(self, clock: Clock, trace: Trace, runtime: Runtime, seed: str) -> None:
        self.clock, self.trace, self.runtime, self.seed = clock, trace, runtime, seed
        self.hosts: dict[str, Host] = {}
        self.by_address: dict[str, Host] = {}  # lab address -> who has it
        self.taps = Taps(trace)
        self.links = Links(self.taps)
        self._listening: dict[tuple[str, int], ProtocolFactory] = {}
        self._answering: dict[tuple[str, int], Answer] = {}
        self._serving: Counter[tuple[str, int]] = Counter()  # open connections to each port
        self._doors: dict[tuple[str, int], Door] = {}
        self._opening = asyncio.Lock()
        self._outlets: dict[tuple[str, int], int] = {}  # served by a program outside -> its real port
        self._numbers = itertools.count(1)

    # ---- hosts -----------------------------------------------------------------------------------------

    def add_host(self, name: str, addresses: list[str]) -> Host:
        """Add a host; its name and its addresses are its own."""
        for address in addresses:
            if address in self.by_address:
                raise LabError(f"{name} and {self.by_address[address].name} both have the address {address}.")
        host = Host(self, name, tuple(addresses))
        self.hosts[name] = host
        self.by_address.update(dict.fromkeys(addresses, host))
        return host

    def host(self, name: str) -> Host:
        """Return the host called `name`."""
        if name not in self.hosts:
            raise unknown("host", name, self.hosts)
        return self.hosts[name]

    def known(self, name: str) -> str:
        """Return the name of a host, or of the outside; raise for any other."""
        return OUTSIDE if name == OUTSIDE else self.host(name).name

    # ---- links -----------------------------------------------------------------------------------------

    def delay(self, a: str, b: str | None, seconds: float) -> None:
        """Hold each chunk between two hosts, or on all links of `a`, for real seconds each way; 0 ends it."""
        if seconds < 0:
            raise LabError("A delay cannot be negative. Give seconds such as 0.2, or 0 to end the delay.")
        ends = frozenset(self.known(name) for name in (a, b) if name is not None)
        self.runtime.call(lambda: self.links.set_lag(ends, seconds))
        self.trace.add(a, "host", "link-slowed", peer=b or EVERYBODY, seconds=seconds)

    def cut(self, a: str, b: str) -> None:
        """Let nothing pass between two hosts, and break what is open between them.  Loop thread only."""
        self.links.cut(frozenset({self.host(a).name, self.host(b).name}))

    # ---- connections -----------------------------------------------------------------------------------

    def new_connection(self, source: Host | None, address: str, port: int, message: str | None) -> Connection:
        """Number a conversation; `source` is None for a client from outside."""
        target = self.by_address.get(address)
        own = source.address_towards(address) if source else OUTSIDE_ADDRESS6 if ":" in address else OUTSIDE_ADDRESS
        name = source.name if source else OUTSIDE
        number = next(self._numbers)
        return Connection(number, name, own, address, port, message, target=target.name if target else address)

    def reachable(self, source: Host, address: str, port: int) -> Host:
        """Return the host at `address` if a packet would arrive there; raise `Unreachable` if not."""
        target = self.by_address.get(address)
        if target is None:
            raise Unreachable(f"no host in this lab has the address {address}")
        if not source.is_up:
            raise Unreachable(f"{source.name} is switched off")
        if not target.is_up:
            raise Unreachable(f"no answer from {target.name}, it is switched off")
        if {source.name, target.name} in self.links.cuts:
            raise Unreachable(f"no answer from {target.name}, the link to {source.name} is cut")
        if port in target.closed_ports:
            raise self._refused(target, port)
        return target

    def _refused(self, target: Host, port: int) -> Unreachable:
        return Unreachable(f"connection refused, nothing listens on port {port} of {target.name}")

    def listen(self, address: str, port: int, factory: ProtocolFactory) -> None:
        """Serve each connection to (address, port) with a protocol that `factory` makes."""
        self._listening[address, port] = factory

    def listen_datagrams(self, address: str, port: int, answer: Answer) -> None:
        """Reply to each datagram to (address, port) with what `answer` returns; None says nothing."""
        self._answering[address, port] = answer

    async def connect(self, connection: Connection, source: Host) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open the connection, or raise `Unreachable`."""
        place = self._find(connection, source, self._listening)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=2**17, loop=loop)
        client = asyncio.StreamReaderProtocol(reader, loop=loop)
        if place in self._outlets:
            wire = Wire(self.links, connection, client, dialling=True)
            await outlets.connect(wire, self._outlets[place])
            return reader, asyncio.StreamWriter(wire, client, reader, loop)
        served = self._served(connection)
        near, far = Pipe(client, loop), Pipe(served or asyncio.Protocol(), loop)
        near.join(far)
        near.start()
        far.start()
        if served is None:  # too many connections: accepted and closed, as a busy server does
            far.close()
        return reader, asyncio.StreamWriter(near, client, reader, loop)

    def dial(self, connection: Connection, source: Host, timeout: float) -> socket.socket:
        """Open the connection as a blocking socket, for the standard library's clients.  Any thread."""
        place = self._find(connection, source, self._listening)
        if place in self._outlets:
            return outlets.dial(self._outlets[place], timeout)
        near, far = socket.socketpair()
        near.settimeout(timeout)
        try:
            self.runtime.run(self._serve(far, connection))
        except BaseException:
            near.close()
            raise
        return near

    async def _serve(self, far: socket.socket, connection: Connection) -> None:
        wire = self._served(connection)
        if wire is None:
            far.close()
        else:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: wire, far)

    def _served(self, connection: Connection) -> Wire | None:
        """Return a wire to the server that a connection leads to; None when it has too many connections."""
        place = (connection.address, connection.port)
        if self._serving[place] >= MAX_CONNECTIONS:
            self.trace.add(connection.target, "host", "warning", text=f"too many connections to port {connection.port}")
            return None
        self._serving[place] += 1
        return Wire(
            self.links, connection, self._listening[place](connection), partial(self._serving.subtract, [place])
        )

    def _find(self, connection: Connection, source: Host, table: dict[tuple[str, int], Any]) -> tuple[str, int]:
        """Return where a connection leads, if somebody serves it there; raise `Unreachable` if not."""
        target = self.reachable(source, connection.address, connection.port)
        place = (connection.address, connection.port)
        if place not in table and place not in self._outlets:
            raise self._refused(target, connection.port)
        return place

    async def exchange(self, connection: Connection, source: Host, payload: bytes) -> bytes:
        """Send one datagram and return its answer, or raise `Unreachable`."""
        answer = self._answering[self._find(connection, source, self._answering)]
        reply = await self._answered(answer, payload, connection)
        if reply is None:
            raise Unreachable(f"no answer from {connection.address}")
        return reply

    async def _answered(self, answer: Answer, data: bytes, connection: Connection) -> bytes | None:
        """Carry one datagram to a server and its reply back: past the taps, and at the pace of the link."""
        self.taps.show(connection, "data", True, data, "udp")
        if self.links.lags:
            await asyncio.sleep(self.links.lag(connection))
        reply = await answer(data, connection)
        if reply is not None:
            self.taps.show(connection, "data", False, reply, "udp")
            if self.links.lags:
                await asyncio.sleep(self.links.lag(connection))
        return reply

    # ---- the outside -------------------------------------------------------------------------------------

    async def open_door(self, host: Host, port: int, *, any_user: bool = False) -> tuple[str, int]:
        """Open a door before a port of a host; return the real (address, port).  An open one stays as it is."""
        place = (host.addresses[0], port)
        if place in self._outlets:
            return LOOPBACK, self._outlets[place]
        async with self._opening:  # two who ask at one time get one door, and get it open
            if place not in self._doors:
                door = Door(self._entrance(host, *place), any_user=any_user)
                await door.open()
                self._doors[place] = door
        door = self._doors[place]
        door.any_user = door.any_user or any_user
        return LOOPBACK, door.real

    def _entrance(self, host: Host, address: str, port: int) -> Entrance:
        def serve() -> Wire | None:
            if not host.is_listening(port):
                return None
            return self._served(self.new_connection(None, address, port, None))

        async def answer(data: bytes) -> bytes | None:
            if not host.is_up or port in host.closed_ports:
                return None
            connection = self.new_connection(None, address, port, None)
            return await self._answered(self._answering[address, port], data, connection)

        warn = partial(self.trace.add, host.name, "host", "warning", None)
        is_asked, is_closed = (address, port) in self._answering, partial(host.closed_ports.__contains__, port)
        return Entrance(port, serve, is_closed, answer if is_asked else None, warn, port in host.web_ports)

    def attach(self, host: Host, port: int, real_port: int) -> None:
        """Let a program outside the lab, on 127.0.0.1 port `real_port`, serve a port of `host`."""
        if not 0 < real_port < 65536:
            raise LabError(f"{real_port} is no port number. Give the port of 127.0.0.1 where the program listens.")
        self._outlets.update({(address, port): real_port for address in host.addresses})
        if port not in host.ports:
            host.ports.append(port)

    def detach(self, host: Host, port: int) -> None:
        """Give the port back to the lab's own server, or to nobody.  Idempotent."""
        for address in host.addresses:
            self._outlets.pop((address, port), None)
        if (host.addresses[0], port) not in self._listening and port in host.ports:
            host.ports.remove(port)

    async def close(self) -> None:
        """Give back every socket and task."""
        for door in self._doors.values():
            await door.close()
        self.links.abort_all()
        for _ in range(MAX_CLOSING_TURNS):  # each goes as its connection_lost is called
            await asyncio.sleep(0)
            if not self.links.wires:
                break
        await asyncio.sleep(0)  # inside TLS the server hears of it one turn later


class Host:
    """A machine of the lab: a name, addresses, and a switch."""

    def __init__(self, internet: Internet, name: str, addresses: tuple[str, ...]) -> None:
        self.internet, self.name, self.addresses = internet, name, addresses
        self.is_up = True
        self.ports: list[int] = []
        self.closed_ports, self.web_ports = set[int](), set[int]()  # doors let HTTP in at web ports alone
        self.skew = timedelta()  # by how much its clock is wrong
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
            self.internet.listen(address, port, factory)

    async def listen_datagrams(self, port: int, answer: Answer) -> None:
        """Answer datagrams to `port` on all addresses of this host."""
        for address in self.addresses:
            self.internet.listen_datagrams(address, port, answer)

    async def connect(
        self, address: str, port: int, message: str | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, Connection]:
        """Connect to a lab address; `message` marks the connection for the trace."""
        connection = self.internet.new_connection(self, address, port, message)
        reader, writer = await self.internet.connect(connection, self)
        return reader, writer, connection

    def now(self) -> datetime:
        """Return lab time, as this host's clock has it."""
        return self.internet.clock.now() + self.skew

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
        """Switch the host off: its connections break and nobody can reach it.  Thread-safe."""
        self.internet.runtime.call(lambda: self._switch(False))

    def up(self) -> None:
        """Switch the host on again.  Thread-safe."""
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
                self.internet.links.disconnect(self.name)

    def __repr__(self) -> str:
        return f"<Host {self.name} {' '.join(self.addresses)} {'up' if self.is_up else 'down'}>"
