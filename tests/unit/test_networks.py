"""Hosts, connections in memory, switches for faults, and programs outside that serve a port of the lab."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailcourse.internet.certificates import Authority
from mailcourse.internet.connection import Connection, Unreachable
from mailcourse.internet.errors import LabError
from mailcourse.internet.network import Host, Internet
from mailcourse.internet.runtime import runtime
from mailcourse.internet.tap import Tap


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


def test_tls_runs_over_memory(internet: Internet, tmp_path: Path) -> None:
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
        await writer.start_tls(authority.client, server_hostname="b.test")
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


def test_a_port_serves_so_many_and_no_more(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailcourse.internet.network.MAX_CONNECTIONS", 2)
    a, b = hosts(internet)
    runtime().run(b.listen(25, Echo))
    clients = [a.dial("192.0.2.2", 25, 5) for _ in range(3)]
    assert [bool(client.recv(10)) for client in clients] == [True, True, False]

    async def one_more() -> bytes:
        reader, _, _ = await a.connect("192.0.2.2", 25)
        return await reader.read()

    assert runtime().run(one_more(), 5) == b""
    for client in clients:
        client.close()
    assert "too many connections to port 25" in next(event.facts["text"] for event in internet.trace)


def test_two_hundred_idle_connections_leave_room_for_one_more(internet: Internet) -> None:
    a, b = hosts(internet)
    runtime().run(b.listen(25, Echo))
    idle = [a.dial("192.0.2.2", 25, 5) for _ in range(200)]
    with a.dial("192.0.2.2", 25, 5) as client:
        assert client.recv(100).startswith(b"a.test")
        client.sendall(b"hello")
        assert client.recv(100) == b"hello"
    assert all(client.recv(100).startswith(b"a.test") for client in idle)
    for client in idle:
        client.close()

    async def until_all_are_forgotten() -> None:
        while internet.links.wires:
            await asyncio.sleep(0.001)

    runtime().run(until_all_are_forgotten(), 10)


# ---- one half of a connection ends --------------------------------------------------------------------------


class Counts(asyncio.Protocol):
    """Says how much it heard when the client says no more."""

    def __init__(self, connection: Connection) -> None:
        self.heard = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard += len(data)

    def eof_received(self) -> bool:
        self.transport.write(b"%d" % self.heard)
        self.transport.close()
        return True


@pytest.mark.parametrize("seconds", [0, 0.005])
def test_a_client_may_stop_speaking_and_still_listen(internet: Internet, seconds: float) -> None:
    a, b = hosts(internet)

    async def talk() -> bytes:
        await b.listen(25, Counts)
        reader, writer, _ = await a.connect("192.0.2.2", 25)
        writer.write(b"x" * 100_000)
        writer.write_eof()
        return await reader.read()

    internet.delay("a.test", "b.test", seconds)
    assert runtime().run(talk(), 10) == b"100000"


# ---- trouble made on purpose -----------------------------------------------------------------------------------


def test_a_closed_port_refuses_and_open_connections_stay(internet: Internet) -> None:
    a, b = hosts(internet)
    runtime().run(b.listen(25, Echo))
    before = a.dial("192.0.2.2", 25, 5)
    before.recv(100)
    b.close_port(25)
    b.close_port(25)  # twice is once
    assert b.is_up
    assert not b.is_listening(25)
    with pytest.raises(Unreachable, match="connection refused"):
        a.dial("192.0.2.2", 25, 5)
    with pytest.raises(Unreachable, match="connection refused"):
        runtime().run(a.connect("192.0.2.2", 25))
    before.sendall(b"still here")
    assert before.recv(100) == b"still here"
    before.close()
    b.open_port(25)
    assert b.is_listening(25)
    with a.dial("192.0.2.2", 25, 5) as client:
        assert client.recv(100).startswith(b"a.test")
    assert [event.sentence() for event in internet.trace] == [
        "port 25 of b.test is closed",
        "port 25 of b.test is open",
    ]


def test_a_closed_port_does_not_answer_datagrams(internet: Internet) -> None:
    a, b = hosts(internet)

    async def answer(data: bytes, connection: Connection) -> bytes:
        return data

    async def talk() -> bytes:
        return await a.exchange("192.0.2.2", 53, b"who?")

    runtime().run(b.listen(53, Echo))
    runtime().run(b.listen_datagrams(53, answer))
    b.close_port(53)
    with pytest.raises(Unreachable, match="connection refused"):
        runtime().run(talk())
    b.open_port(53)
    assert runtime().run(talk()) == b"who?"


def test_only_ports_that_exist_can_be_closed(internet: Internet) -> None:
    with pytest.raises(LabError, match=r"b\.test has no port 99\. Its ports are: none"):
        internet.host("b.test").close_port(99)


def test_datagrams_are_held_on_a_slow_link_too(internet: Internet) -> None:
    a, b = hosts(internet)

    async def answer(data: bytes, connection: Connection) -> bytes:
        return data

    async def talk() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await a.exchange("192.0.2.2", 53, b"who?") == b"who?"
        return loop.time() - began

    runtime().run(b.listen_datagrams(53, answer))
    internet.delay("a.test", "b.test", 0.01)
    internet.delay("b.test", None, 0.02)
    assert runtime().run(talk()) >= 0.04  # the slower of the two, each way
    internet.delay("b.test", None, 0)
    internet.delay("a.test", "b.test", 0)
    assert internet.links.lags == {}
    with pytest.raises(LabError, match="cannot be negative"):
        internet.delay("a.test", "b.test", -1)
    with pytest.raises(LabError, match=r"c\.test"):
        internet.delay("a.test", "c.test", 1)


# ---- two families of addresses --------------------------------------------------------------------------------


def test_the_source_has_an_address_of_the_same_family(internet: Internet) -> None:
    both = internet.add_host("both.test", ["192.0.2.3", "2001:db8::3"])
    runtime().run(both.listen(25, Echo))
    six = internet.add_host("six.test", ["2001:db8::4"])
    with both.dial("2001:db8::3", 25, 5) as client:
        assert client.recv(100).startswith(b"both.test 2001:db8::3 ")
    with six.dial("2001:db8::3", 25, 5) as client:
        assert client.recv(100).startswith(b"six.test 2001:db8::4 ")
    with pytest.raises(Unreachable, match=r"six\.test has no IPv4 address"):
        six.dial("192.0.2.3", 25, 5)
    with pytest.raises(Unreachable, match=r"a\.test has no IPv6 address"):
        runtime().run(internet.host("a.test").connect("2001:db8::3", 25))


# ---- a program outside the lab serves a port of the lab --------------------------------------------------------


@contextmanager
def program() -> Iterator[int]:
    """A server of its own, that greets and leaves."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(2):
                client, _ = server.accept()
                client.sendall(b"220 real\r\n")
                client.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


def test_a_real_program_can_stand_behind_a_port_of_the_lab(internet: Internet) -> None:
    async def greeting() -> bytes:
        reader, writer, _ = await a.connect("192.0.2.2", 25)
        said = await reader.read()
        writer.close()
        return said

    a, b = hosts(internet)
    with program() as real:
        runtime().run(b.listen(25, Echo))
        internet.attach(b, 25, real)
        assert runtime().run(internet.open_door(b, 25)) == ("127.0.0.1", real)
        with Tap(internet.taps) as tap:
            assert runtime().run(greeting(), 10) == b"220 real\r\n"
        assert [packet.data for packet in tap.packets if not packet.from_client and packet.data] == [b"220 real\r\n"]
        with a.dial("192.0.2.2", 25, 5) as client:
            assert client.recv(100) == b"220 real\r\n"
        internet.detach(b, 25)
        internet.detach(b, 25)  # twice is once
        with a.dial("192.0.2.2", 25, 5) as client:
            assert client.recv(100).startswith(b"a.test")


def test_a_detached_port_that_nobody_served_is_refused_again(internet: Internet) -> None:
    a, b = hosts(internet)
    internet.attach(b, 2525, 9)
    internet.detach(b, 2525)
    assert not b.is_listening(2525)
    with pytest.raises(Unreachable, match="connection refused"):
        a.dial("192.0.2.2", 2525, 5)
    with pytest.raises(LabError, match="no port number"):
        internet.attach(b, 25, 70_000)
