"""What an eavesdropper on a wire of the lab sees, before TLS and after, and what a slow link does to it."""

from __future__ import annotations

import asyncio
import base64

import pytest

from mailcourse import Lab
from mailcourse.internet.connection import Connection
from mailcourse.internet.runtime import runtime
from mailcourse.internet.tap import Tap, readable

SECRET = "apple-tree-41"
PLAIN_LOGIN = base64.b64encode(f"\0alice@academy.test\0{SECRET}".encode())
#: port -> what is said before TLS, what inside it; each with how the last line of the reply begins
STARTTLS: dict[int, tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]] = {
    587: (
        [(b"", b"220 "), (b"EHLO laptop.academy.test", b"250 "), (b"STARTTLS", b"220 ")],
        [(b"EHLO laptop.academy.test", b"250 "), (b"AUTH PLAIN " + PLAIN_LOGIN, b"235 "), (b"QUIT", b"221 ")],
    ),
    110: (
        [(b"", b"+OK"), (b"STLS", b"+OK")],
        [(b"USER alice@academy.test", b"+OK"), (b"PASS " + SECRET.encode(), b"+OK"), (b"QUIT", b"+OK")],
    ),
    143: (
        [(b"", b"* OK"), (b"a STARTTLS", b"a OK")],
        [(b"b LOGIN alice@academy.test " + SECRET.encode(), b"b OK"), (b"c LOGOUT", b"c OK")],
    ),
}


async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, turns: list[tuple[bytes, bytes]]) -> None:
    for line, ending in turns:
        if line:
            writer.write(line + b"\r\n")
        while not (reply := await reader.readline()).startswith(ending):
            assert reply, f"no answer to {line!r}"


async def converse(lab: Lab, port: int) -> None:
    before, inside = STARTTLS[port]
    laptop = lab.internet.host("laptop.academy.test")
    reader, writer, _ = await laptop.connect("192.0.2.25", port)
    await say(reader, writer, before)
    await writer.start_tls(lab.certificates.client, server_hostname="mail.academy.test")
    await say(reader, writer, inside)
    writer.close()


@pytest.mark.parametrize("port", STARTTLS)
def test_an_eavesdropper_sees_ciphertext_after_starttls(lab: Lab, port: int) -> None:
    with Tap(lab.internet.taps, "laptop.academy.test", "mail.academy.test") as tap:
        runtime().run(converse(lab, port), 20)
    packets = tap.packets
    spoken = b"".join(packet.data for packet in packets)
    first = STARTTLS[port][0][-1][0]
    assert first in spoken
    assert SECRET.encode() not in spoken
    assert PLAIN_LOGIN not in spoken
    after = [packet.data for packet in packets if packet.kind == "data"]
    after = after[next(place for place, data in enumerate(after) if data.startswith(first)) + 2 :]
    assert after[0][:2] == b"\x16\x03"  # a TLS handshake
    assert all(readable(data)[0].startswith("  0000  ") for data in after)


@pytest.mark.parametrize("port", STARTTLS)
def test_starttls_works_on_a_slow_link_too(lab: Lab, port: int) -> None:
    lab.internet.delay("mail.academy.test", None, 0.002)
    runtime().run(converse(lab, port), 20)


def test_names_are_seen_on_their_way(lab: Lab) -> None:
    with Tap(lab.internet.taps, "resolver.carrier.test", "ns.bakery.test") as tap:
        lab.dns.lookup("bakery.test", "MX")
    assert [(packet.transport, packet.port, packet.from_client) for packet in tap.packets][:2] == [
        ("udp", 53, True),
        ("udp", 53, False),
    ]
    assert b"\x03mx1" in tap.packets[1].data


def test_a_delayed_answer_comes_later_and_is_the_same(lab: Lab) -> None:
    async def ask() -> tuple[float, bytes]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        reader, writer, _ = await lab.internet.host("laptop.academy.test").connect("192.0.2.25", 587)
        await reader.readline()
        writer.write(b"NOOP\r\nRSET\r\n")
        said = await reader.readline() + await reader.readline()
        writer.close()
        return loop.time() - began, said

    _, at_once = runtime().run(ask(), 10)
    lab.internet.delay("laptop.academy.test", "mail.academy.test", 0.03)
    took, later = runtime().run(ask(), 10)
    assert later == at_once
    assert took >= 0.06  # the request and its reply; the greeting passes beside them
    assert [event.what for event in lab.trace if event.what == "link-slowed"] == ["link-slowed"]
    lab.internet.delay("laptop.academy.test", "mail.academy.test", 0)
    assert lab.internet.links.lags == {}


def test_connections_have_ports_of_their_own() -> None:
    assert Connection(1, "a", "192.0.2.1", "192.0.2.2", 25).source_port == 49153
    assert Connection(16384 + 7, "a", "192.0.2.1", "192.0.2.2", 25).source_port == 49159


def test_the_picture_of_a_wiretap_counts_what_is_sealed_and_shows_what_is_not(lab: Lab) -> None:
    view = lab.wiretap("laptop.academy.test")
    runtime().run(converse(lab, 587), 20)
    view.look()
    drawn = view.svg()
    assert "→ STARTTLS" in drawn
    assert drawn.count("octets, sealed") == 1, "one line for all that is alike"
    assert f"{view.hidden:,} octets, sealed" in drawn
    assert SECRET not in drawn
