"""The Internet on loopback sockets: every (lab address, port) is a real port of 127.0.0.1.

    who        lab                              really
    listener   192.0.2.25 port 587              127.0.0.1:40587, chosen by the kernel
    dialler    192.0.2.10, registered first as  127.0.0.1:51514, so that the listener knows its peer

A connection whose source port was not registered comes from a program outside the lab.  A port of a
lab host can also be served by such a program, on this machine only: `attach`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Coroutine
from functools import partial
from typing import Any, cast

from .clock import Clock
from .errors import LabError
from .network import MOST_CONNECTIONS, Answer, Connection, Host, Internet, ProtocolFactory, Unreachable
from .runtime import Runtime
from .trace import Trace
from .wire import Wire

LOOPBACK = "127.0.0.1"
#: Real seconds for a reply to a datagram.
DATAGRAM_TIMEOUT = 5.0
#: Datagrams being answered at a time; one more is dropped, as a busy server would.
MOST_TASKS = 1000
#: "Linger for no time": closing then resets the connection.  Windows has shorter integers here.
NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class LoopbackInternet(Internet):
    """Real sockets, so that real clients can talk to the lab."""

    def __init__(self, clock: Clock, trace: Trace, runtime: Runtime, seed: str) -> None:
        super().__init__(clock, trace, runtime, seed)
        self._ports: dict[tuple[str, int], int] = {}  # lab (address, port) -> real port
        self._kept: dict[int, socket.socket] = {}  # real port -> UDP socket waiting for its listener
        self._dialling: dict[int, Connection] = {}  # real source port -> who is behind it
        self._attached: dict[tuple[str, int], int | None] = {}  # served outside -> the lab's own real port
        self._listening: list[socket.socket] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self._datagrams: list[asyncio.BaseTransport] = []

    async def listen(self, host: Host, address: str, port: int, factory: ProtocolFactory) -> None:
        """Serve each connection to (address, port) with a protocol that `factory` makes."""
        stream = self._reserve(address, port)
        stream.listen(128)
        stream.setblocking(False)
        self._listening.append(stream)
        self.start(self._accept(stream, host, address, port, factory))

    def _reserve(self, address: str, port: int) -> socket.socket:
        """Bind one real port for streams and datagrams alike: dig wants the same number for both."""
        for _ in range(50):
            stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            stream.bind((LOOPBACK, 0))
            real = stream.getsockname()[1]
            if port != 53:
                break
            datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                datagram.bind((LOOPBACK, real))
            except OSError:
                stream.close()
                datagram.close()
                continue
            self._kept[real] = datagram
            break
        else:
            raise Unreachable("no port of 127.0.0.1 is free for both TCP and UDP")
        self._ports[address, port] = real
        return stream

    async def _accept(
        self, stream: socket.socket, host: Host, address: str, port: int, factory: ProtocolFactory
    ) -> None:
        loop, serving = asyncio.get_running_loop(), 0

        def gone() -> None:
            nonlocal serving
            serving -= 1

        while True:
            accepted, (_, source_port) = await loop.sock_accept(stream)
            connection = self._dialling.pop(source_port, None) or self.new_connection(None, address, port, None)
            if not host.is_listening(port) or serving >= MOST_CONNECTIONS:
                self._turn_away(accepted, host, port)
                continue
            wire = Wire(self, connection, factory(connection), gone)
            serving += 1
            await loop.connect_accepted_socket(partial(_same, wire), accepted)

    def _turn_away(self, accepted: socket.socket, host: Host, port: int) -> None:
        if port in host.closed_ports:
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        elif host.is_up:
            self.trace.add(host.name, "host", "warning", text=f"too many connections to port {port}")
        accepted.close()

    async def listen_datagrams(self, host: Host, address: str, port: int, answer: Answer) -> None:
        """Reply to each datagram to (address, port) with what `answer` returns; None says nothing."""
        if (address, port) not in self._ports:
            self._reserve(address, port).close()
        kept = self._kept.pop(self._ports[address, port])
        kept.setblocking(False)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Answering(self, host, address, port, answer), sock=kept
        )
        self._datagrams.append(transport)

    async def connect(self, connection: Connection, source: Host) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open the connection, or raise `Unreachable`."""
        dialling = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        dialling.setblocking(False)
        try:
            real = self.prepare(connection, source, dialling)
            await asyncio.get_running_loop().sock_connect(dialling, real)
        except OSError as error:
            raise self._give_up(dialling, error) from error
        if (connection.address, connection.port) in self._attached:
            return await self._wired(connection, dialling)
        return await asyncio.open_connection(sock=dialling, limit=2**17)

    async def _wired(
        self, connection: Connection, dialling: socket.socket
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Put the wire on this side: the other is outside the lab.  Not here: blocking sockets and datagrams."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=2**17, loop=loop)
        client = asyncio.StreamReaderProtocol(reader, loop=loop)
        wire = Wire(self, connection, client, dialling=True)
        await loop.create_connection(lambda: wire, sock=dialling)
        return reader, asyncio.StreamWriter(wire, client, reader, loop)

    def dial(self, connection: Connection, source: Host, timeout: float) -> socket.socket:
        """Open the connection as a blocking socket, for the standard library's clients.  Any thread."""
        dialling = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        dialling.settimeout(timeout)
        try:
            # The method of the C class: `online` may have replaced socket.socket's own.
            super(socket.socket, dialling).connect(self.prepare(connection, source, dialling))
        except OSError as error:
            raise self._give_up(dialling, error) from error
        return dialling

    def prepare(self, connection: Connection, source: Host, dialling: socket.socket) -> tuple[str, int]:
        """Choose the source port and say whose it is, before the other side can see it."""
        target = self.reachable(source, connection.address, connection.port)
        real = self._ports.get((connection.address, connection.port))
        if real is None:
            raise self.refused(target, connection.port)
        if dialling.getsockname()[1] == 0:
            dialling.bind((LOOPBACK, 0))
        if (connection.address, connection.port) not in self._attached:  # there, nobody would ask
            self._dialling[dialling.getsockname()[1]] = connection
        return LOOPBACK, real

    def attach(self, host: Host, port: int, real_port: int) -> None:
        """Let a program outside the lab, on 127.0.0.1 port `real_port`, serve a port of `host`."""
        if not 0 < real_port < 65536:
            raise LabError(f"{real_port} is no port number. Give the port of 127.0.0.1 where the program listens.")
        for address in host.addresses:
            self._attached.setdefault((address, port), self._ports.get((address, port)))
            self._ports[address, port] = real_port
        if port not in host.ports:
            host.ports.append(port)

    def detach(self, host: Host, port: int) -> None:
        """Give the port back to the lab's own server, or to nobody."""
        for address in host.addresses:
            if (address, port) not in self._attached:
                continue
            own = self._attached.pop((address, port))
            if own is not None:
                self._ports[address, port] = own
                continue
            del self._ports[address, port]
            if port in host.ports:
                host.ports.remove(port)

    def _give_up(self, dialling: socket.socket, error: OSError) -> Unreachable:
        self._dialling.pop(dialling.getsockname()[1], None)
        dialling.close()
        return error if isinstance(error, Unreachable) else Unreachable(str(error))

    def lab_address(self, real: int) -> tuple[str, int] | None:
        """Return the lab (address, port) of a real port, or None when it is not the lab's."""
        return next((lab for lab, port in self._ports.items() if port == real), None)

    async def exchange(self, connection: Connection, source: Host, payload: bytes) -> bytes:
        """Send one datagram and return the first that comes back, or raise `Unreachable`."""
        target = self.reachable(source, connection.address, connection.port)
        real = self._ports.get((connection.address, connection.port))
        if real is None:
            raise self.refused(target, connection.port)
        loop = asyncio.get_running_loop()
        transport, asking = await loop.create_datagram_endpoint(_Asking, local_addr=(LOOPBACK, 0))
        own = transport.get_extra_info("sockname")[1]
        self._dialling[own] = connection
        connection.close = asking.nothing_will_come
        try:
            transport.sendto(payload, (LOOPBACK, real))
            async with asyncio.timeout(DATAGRAM_TIMEOUT):
                return await asking.reply
        except TimeoutError:
            raise Unreachable(f"no answer from {connection.address}") from None
        finally:
            self._dialling.pop(own, None)
            transport.close()

    def behind(self, source_port: int, address: str, port: int) -> Connection:
        """Return the conversation that a datagram's source port belongs to."""
        return self._dialling.get(source_port) or self.new_connection(None, address, port, None)

    def endpoint(self, address: str, port: int) -> tuple[str, int] | None:
        """Return the real (address, port) beneath, or None when nobody listens there."""
        real = self._ports.get((address, port))
        return None if real is None else (LOOPBACK, real)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside the rest, until it ends or the Internet is closed."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def close(self) -> None:
        """Give back every socket and task."""
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for stream in [*self._listening, *self._kept.values()]:
            stream.close()
        for transport in self._datagrams:
            transport.close()
        await super().close()


def _same(wire: Wire) -> Wire:
    return wire


class _Answering(asyncio.DatagramProtocol):
    """The listening side of datagrams: each question is answered in a task of its own."""

    def __init__(self, internet: LoopbackInternet, host: Host, address: str, port: int, answer: Answer) -> None:
        self._internet, self._host, self._answer = internet, host, answer
        self._address, self._port = address, port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        is_served = self._host.is_up and self._port not in self._host.closed_ports
        if is_served and len(self._internet.tasks) < MOST_TASKS:
            self._internet.start(self._reply(data, addr))

    async def _reply(self, data: bytes, addr: tuple[str, int]) -> None:
        connection = self._internet.behind(addr[1], self._address, self._port)
        reply = await self._internet.answered(self._answer, data, connection)
        if reply is None:
            connection.close()  # an asker of the lab need not wait in real time for nothing
        elif not self._transport.is_closing():
            self._transport.sendto(reply, addr)


class _Asking(asyncio.DatagramProtocol):
    """The asking side: one question, the first reply."""

    def __init__(self) -> None:
        self.reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not self.reply.done():
            self.reply.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(Unreachable(str(exc)))

    def nothing_will_come(self) -> None:
        self.error_received(Unreachable("no answer"))
