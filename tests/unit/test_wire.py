"""The wire between a connection and its server: it passes everything, shows it, holds it, cuts it."""

from __future__ import annotations

import asyncio
import ssl
from asyncio import sslproto
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mailcourse.internet.certificates import Authority
from mailcourse.internet.lane import MAX_MOVING
from mailcourse.internet.network import Internet
from mailcourse.internet.runtime import runtime
from mailcourse.internet.tap import Packet, Tap, readable
from mailcourse.internet.wire import Wire

SIZES = pytest.mark.parametrize("size", [10_000, 7, 1], ids=["whole", "sevens", "bytes"])


class Beneath(asyncio.Transport):
    """A transport that remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.told = bytearray(), []  # type: ignore[var-annotated]

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return "close" in self.told

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("192.0.2.1", 1)}.get(name, default)

    def get_write_buffer_size(self) -> int:
        return 0

    def _force_close(self, exc: Exception | None) -> None:
        self.told.append("abort")

    def __getattribute__(self, name: str) -> Any:
        if name in ("close", "pause_reading", "resume_reading", "write_eof"):
            return lambda: self.told.append(name)
        return super().__getattribute__(name)


class Plain(asyncio.Protocol):
    """Remembers what it hears."""

    def __init__(self) -> None:
        self.heard, self.told = bytearray(), []  # type: ignore[var-annotated]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def eof_received(self) -> bool:
        self.told.append("eof")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append("lost")

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")


class Buffered(asyncio.BufferedProtocol):
    """Remembers what it hears, in a buffer of five octets."""

    def __init__(self) -> None:
        self.heard, self.buffer = bytearray(), bytearray(5)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.heard += self.buffer[:nbytes]


@pytest.fixture
def internet(internet: Internet) -> Iterator[Internet]:
    yield internet
    internet.links.wires.clear()  # those over a transport of the tests have no end of their own


def wired(internet: Internet, protocol: asyncio.BaseProtocol) -> tuple[Beneath, Wire]:
    connection = internet.new_connection(internet.host("a.test"), "192.0.2.2", 25, None)
    beneath, wire = Beneath(), Wire(internet.links, connection, protocol)
    wire.connection_made(beneath)
    return beneath, wire


def chunks(data: bytes, size: int) -> list[bytes]:
    return [data[place : place + size] for place in range(0, len(data), size)]


def on_loop(act: Callable[[], Any]) -> Any:
    return runtime().call(act)


# ---- passing -----------------------------------------------------------------------------------------------


@SIZES
@pytest.mark.parametrize("kind", [Plain, Buffered])
def test_everything_passes_in_order_both_ways(internet: Internet, kind: type, size: int) -> None:
    protocol, data = kind(), bytes(range(256)) * 3

    def talk() -> Beneath:
        beneath, wire = wired(internet, Plain())
        wire.set_protocol(protocol)
        assert wire.get_protocol() is protocol
        for chunk in chunks(data, size):
            wire.data_received(chunk)
            wire.write(chunk)
        wire.writelines([b"a", b"b"])
        return beneath

    assert on_loop(talk).written == data + b"ab"
    assert protocol.heard == data


@SIZES
def test_tls_from_the_first_octet_works_over_it(internet: Internet, tmp_path: Path, size: int) -> None:
    authority, inside = Authority(tmp_path / "ca.pem"), Plain()
    arriving, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = authority.client.wrap_bio(arriving, leaving, server_hostname="b.test")

    async def talk() -> bytes:
        loop = asyncio.get_running_loop()
        tls = sslproto.SSLProtocol(loop, inside, authority.server("b.test"), loop.create_future(), server_side=True)
        beneath, wire = wired(internet, tls)

        def exchange() -> None:
            for chunk in chunks(leaving.read(), size):
                wire.data_received(chunk)
            arriving.write(beneath.written)
            beneath.written.clear()

        for _ in range(10):
            try:
                client.do_handshake()
            except ssl.SSLWantReadError:
                exchange()
                await asyncio.sleep(0)
        client.write(b"hello")
        exchange()
        await asyncio.sleep(0)
        inside.transport.write(b"welcome")  # type: ignore[attr-defined]
        exchange()
        return client.read()

    assert runtime().run(talk(), 10) == b"welcome"
    assert inside.heard == b"hello"


def test_last_words_arrive_on_a_slow_link_although_the_client_has_ended(internet: Internet) -> None:
    internet.delay("a.test", "b.test", 0.001)

    async def talk() -> Beneath:
        beneath, wire = wired(internet, Plain())
        wire.write(b"goodbye")
        wire.close()
        wire.data_received(b"nobody listens")
        assert wire.eof_received()
        while not beneath.told:
            await asyncio.sleep(0.001)
        return beneath

    beneath = runtime().run(talk(), 10)
    assert (beneath.written, beneath.told) == (b"goodbye", ["close"])


def test_what_it_is_told_from_one_side_it_tells_the_other(internet: Internet) -> None:
    protocol = Plain()

    def talk() -> tuple[Beneath, Any]:
        beneath, wire = wired(internet, protocol)
        wire.pause_writing()
        wire.resume_writing()
        wire.pause_reading()
        assert not wire.is_reading()
        wire.resume_reading()
        assert wire.eof_received()
        wire.write_eof()
        wire.close()
        wire.write(b"too late")
        wire.connection_lost(None)
        return beneath, wire.get_extra_info("peername")

    beneath, peer = on_loop(talk)
    assert protocol.told == ["pause", "resume", "eof", "lost"]
    assert beneath.told == ["pause_reading", "resume_reading", "write_eof", "close"]
    assert (beneath.written, peer) == (b"", ("192.0.2.1", 1))
    assert internet.links.wires == {}


# ---- being slow --------------------------------------------------------------------------------------------


@SIZES
def test_a_slow_link_keeps_the_order_and_its_end(internet: Internet, size: int) -> None:
    protocol, data = Plain(), bytes(range(256))
    internet.delay("a.test", "b.test", 0.02)

    async def talk() -> float:
        loop = asyncio.get_running_loop()
        beneath, wire = wired(internet, protocol)
        began = loop.time()
        for place, chunk in enumerate(chunks(data, size)):
            if place == 3:
                internet.links.lags.clear()  # a faster link does not let the later overtake the earlier
            wire.data_received(chunk)
            wire.write(chunk)
        wire.eof_received()
        wire.connection_lost(None)
        assert protocol.heard == b""
        while "lost" not in protocol.told:
            await asyncio.sleep(0.001)
        assert beneath.written == b""  # the connection was lost before any of it had left
        return loop.time() - began

    assert runtime().run(talk(), 10) >= 0.02
    assert protocol.heard == data
    assert protocol.told == ["eof", "lost"]


def test_a_slow_link_makes_a_fast_sender_wait(internet: Internet) -> None:
    protocol = Plain()
    internet.delay("a.test", None, 0.01)

    async def talk() -> Beneath:
        beneath, wire = wired(internet, protocol)
        wire.data_received(b"x" * (MAX_MOVING + 1))
        wire.write(b"y" * (MAX_MOVING + 1))
        assert (protocol.told, beneath.told) == (["pause"], ["pause_reading"])
        assert wire.is_reading()
        while len(protocol.heard) + len(beneath.written) < 2 * MAX_MOVING + 2 or len(protocol.told) < 2:
            await asyncio.sleep(0.001)
        return beneath

    assert runtime().run(talk(), 10).told == ["pause_reading", "resume_reading"]
    assert protocol.told == ["pause", "resume"]


def test_a_reader_that_pauses_finds_the_rest_later(internet: Internet) -> None:
    protocol = Plain()
    internet.delay("a.test", "b.test", 0.001)

    async def talk() -> None:
        _, wire = wired(internet, protocol)
        wire.data_received(b"kept")
        wire.pause_reading()
        internet.links.lags.clear()
        wire.write(b"passes meanwhile")
        await asyncio.sleep(0.01)
        assert protocol.heard == b""
        wire.resume_reading()
        while not protocol.heard:
            await asyncio.sleep(0.001)

    runtime().run(talk(), 10)
    assert protocol.heard == b"kept"


def test_a_cut_wire_forgets_what_was_on_its_way(internet: Internet) -> None:
    protocol = Plain()
    internet.delay("a.test", "b.test", 0.001)

    async def talk() -> Beneath:
        beneath, wire = wired(internet, protocol)
        wire.data_received(b"never heard")
        wire.write(b"never sent")
        wire.abort()
        wire.connection_lost(None)
        await asyncio.sleep(0.01)
        return beneath

    beneath = runtime().run(talk(), 10)
    assert (beneath.written, protocol.heard) == (b"", b"")
    assert (beneath.told, protocol.told) == (["abort"], ["lost"])


@pytest.mark.parametrize("when", ["at its last words", "at its end"])
def test_a_lost_client_is_gone_for_its_server_too_that_closes_before_it_was_told(internet: Internet, when: str) -> None:
    class Leaving(Plain):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if when == "at its last words":
                self.transport.close()

        def eof_received(self) -> bool:
            return False

    protocol = Leaving()
    internet.delay("a.test", "b.test", 0.001)

    async def talk() -> None:
        _, wire = wired(internet, protocol)
        wire.data_received(b"QUIT")
        wire.eof_received()
        wire.connection_lost(None)
        while internet.links.wires:
            await asyncio.sleep(0.001)

    runtime().run(talk(), 10)
    assert (protocol.heard, protocol.told) == (b"QUIT", ["lost"])


# ---- being watched -----------------------------------------------------------------------------------------


def kinds(packets: list[Packet]) -> list[tuple[str, bool]]:
    return [(packet.kind, packet.from_client) for packet in packets]


def test_each_end_closes_once(internet: Internet) -> None:
    def talk() -> None:
        _, wire = wired(internet, Plain())
        wire.eof_received()
        wire.write(b"bye")
        wire.close()
        wire.connection_lost(None)

    with Tap(internet.taps) as tap:
        on_loop(talk)
    assert kinds(tap.packets) == [("open", True), ("close", True), ("data", False), ("close", False)]


@pytest.mark.parametrize("cut", [lambda wire: wire.abort(), lambda wire: wire.connection_lost(ConnectionResetError())])
def test_a_connection_breaks_once(internet: Internet, cut: Callable[[Wire], None]) -> None:
    def talk() -> None:
        _, wire = wired(internet, Plain())
        cut(wire)
        wire.connection_lost(None)

    with Tap(internet.taps) as tap:
        on_loop(talk)
    assert [packet.kind for packet in tap.packets] == ["open", "reset"]


def test_a_tap_listens_to_two_hosts_only_and_until_it_is_stopped(internet: Internet) -> None:
    internet.add_host("c.test", ["192.0.2.3"])
    pair, one, other = (
        Tap(internet.taps, "a.test", "b.test"),
        Tap(internet.taps, "b.test"),
        Tap(internet.taps, "c.test"),
    )
    on_loop(lambda: wired(internet, Plain()))
    pair.stop()
    on_loop(lambda: wired(internet, Plain()))
    assert [len(tap.packets) for tap in (pair, one, other)] == [1, 2, 0]
    packet = one.packets[0]
    assert (packet.source, packet.source_address, packet.source_port) == ("a.test", "192.0.2.1", 49153)
    assert (packet.target, packet.address, packet.port, packet.transport) == ("b.test", "192.0.2.2", 25, "tcp")


def test_a_tap_keeps_the_newest_and_says_what_it_dropped(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailcourse.internet.tap.MAX_KEPT", 3000)

    def talk() -> None:
        _, wire = wired(internet, Plain())
        for number in range(20):
            wire.write(f"line {number}\n".encode())

    with Tap(internet.taps) as tap:
        on_loop(talk)
    assert tap.dropped == 14
    assert tap.text().splitlines()[0] == "(14 older packets were dropped)"
    assert tap.text().endswith("← line 19")


def test_a_listener_that_breaks_harms_nobody(internet: Internet) -> None:
    internet.taps.add(lambda packet: 1 // 0)
    with Tap(internet.taps) as tap:
        on_loop(lambda: wired(internet, Plain()))
    assert len(tap.packets) == 1
    assert [event.what for event in internet.trace] == ["warning"]
    assert len(internet.taps.listeners) == 0


def test_what_cannot_be_printed_is_dumped() -> None:
    assert readable("Grüße\r\n\r\n".encode()) == ["Grüße", ""]
    assert readable(b"\x00" * 17)[1].startswith("  0010  00 ")
    assert readable(b"") == []
