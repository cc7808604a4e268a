"""One interface, two networks: loopback sockets and memory."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailcourse.internet.certificates import Authority
from mailcourse.internet.clock import Clock
from mailcourse.internet.errors import LabError
from mailcourse.internet.loopback import LoopbackInternet
from mailcourse.internet.memory import MemoryInternet
from mailcourse.internet.network import Connection, Host, Internet, Unreachable
from mailcourse.internet.runtime import runtime
from mailcourse.internet.trace import Trace


@pytest.fixture(params=[LoopbackInternet, MemoryInternet])
def internet(request: pytest.FixtureRequest) -> Iterator[Internet]:
    clock = Clock(datetime(2026, 9, 7, tzinfo=UTC), runtime())
    made = request.param(clock, Trace(clock), runtime(), "seed")
    made.add_host("a.test", ["192.0.2.1"])
    made.add_host("b.test", ["192.0.2.2"])
    yield made
    runtime().run(made.close())


class Echo(asyncio.Protocol):
    """Says who is calling, then everything back."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        who = f"{self.connection.source} {self.connection.source_address} {self.connection.message}\n"
        transport.write(who.encode())

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


def hosts(internet: Internet) -> tuple[Host, Host]:
    return internet.host("a.test"), internet.host("b.test")


def test_a_listener_knows_who_calls_and_what_is_carried(internet: Internet) -> None:
    a, b = hosts(internet)

    async def talk() -> tuple[bytes, bytes]:
        await b.listen(25, Echo)
        reader, writer, _ = await a.connect("192.0.2.2", 25, "m7")
        first = await reader.readline()
        writer.write(b"x" * 300_000)
        back = await reader.readexactly(300_000)
        writer.close()
        return first, back

    first, back = runtime().run(talk())
    assert first == b"a.test 192.0.2.1 m7\n"
    assert back == b"x" * 300_000


def test_a_blocking_socket_works_too(internet: Internet) -> None:
    a, b = hosts(internet)
    runtime().run(b.listen(25, Echo))
    with a.dial("192.0.2.2", 25, 5) as client:
        assert client.recv(100) == b"a.test 192.0.2.1 None\n"


def test_datagrams_are_answered(internet: Internet) -> None:
    a, b = hosts(internet)

    async def answer(data: bytes, connection: Connection) -> bytes:
        return data.upper() + connection.source.encode()

    async def talk() -> bytes:
        await b.listen_datagrams(53, answer)
        return await a.exchange("192.0.2.2", 53, b"who? ")

    assert runtime().run(talk()) == b"WHO? a.test"


@pytest.mark.parametrize(
    ("address", "port", "words"),
    [("192.0.2.2", 26, "connection refused"), ("192.0.2.9", 25, "no host"), ("127.0.0.1", 25, "no host")],
)
def test_nobody_there_is_said_plainly(internet: Internet, address: str, port: int, words: str) -> None:
    a, _ = hosts(internet)
    for attempt in (a.connect(address, port), a.exchange(address, port, b"x")):
        with pytest.raises(Unreachable, match=words):
            runtime().run(attempt)
    with pytest.raises(Unreachable, match=words):
        a.dial(address, port)


def test_a_host_that_is_switched_off_breaks_its_connections_and_comes_back(internet: Internet) -> None:
    a, b = hosts(internet)

    async def begin() -> asyncio.StreamReader:
        await b.listen(25, Echo)
        reader, _, _ = await a.connect("192.0.2.2", 25)
        await reader.readline()
        return reader

    async def rest(reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.read()
        except ConnectionError:
            return b""

    reader = runtime().run(begin())
    b.down()
    assert runtime().run(rest(reader), 5) == b""
    with pytest.raises(Unreachable, match="switched off"):
        runtime().run(a.connect("192.0.2.2", 25))
    b.up()
    with a.dial("192.0.2.2", 25, 5) as client:
        assert client.recv(100).startswith(b"a.test")


def test_tls_runs_on_both_networks(internet: Internet, tmp_path: Path) -> None:
    a, b = hosts(internet)
    authority = Authority(tmp_path / "ca.pem")

    class Secure(asyncio.Protocol):
        """Says ready, and goes on in TLS."""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            assert isinstance(self.transport, asyncio.Transport)
            self.transport.pause_reading()
            self.transport.write(b"ready\n")
            self.task = asyncio.get_running_loop().create_task(self.switch(self.transport))

        async def switch(self, transport: asyncio.Transport) -> None:
            loop = asyncio.get_running_loop()
            inside = await loop.start_tls(transport, self, authority.server("b.test"), server_side=True)
            assert inside is not None
            inside.write(b"inside\n")

    async def talk() -> tuple[bytes, str]:
        await b.listen(25, lambda connection: Secure())
        reader, writer, _ = await a.connect("192.0.2.2", 25)
        writer.write(b"go\n")
        assert await reader.readline() == b"ready\n"
        await writer.start_tls(authority.client(), server_hostname="b.test")
        line = await reader.readline()
        found = writer.get_extra_info("ssl_object")
        assert isinstance(found, ssl.SSLObject)
        writer.close()
        return line, found.version() or ""

    line, version = runtime().run(talk(), 10)
    assert line == b"inside\n"
    assert version.startswith("TLS")


def test_two_hosts_cannot_have_one_address(internet: Internet) -> None:
    with pytest.raises(LabError, match=r"both have the address 192\.0\.2\.1"):
        internet.add_host("c.test", ["192.0.2.1"])


def test_a_port_serves_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailcourse.internet.loopback.MOST_CONNECTIONS", 2)
    clock = Clock(datetime(2026, 9, 7, tzinfo=UTC), runtime())
    internet = LoopbackInternet(clock, Trace(clock), runtime(), "seed")
    a, b = internet.add_host("a.test", ["192.0.2.1"]), internet.add_host("b.test", ["192.0.2.2"])
    runtime().run(b.listen(25, Echo))
    clients = [a.dial("192.0.2.2", 25, 5) for _ in range(3)]
    assert [bool(client.recv(10)) for client in clients] == [True, True, False]
    clients[0].close()
    for client in clients:
        client.close()
    runtime().run(internet.close())
