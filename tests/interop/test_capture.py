"""A capture of the lab, read by Wireshark's own tshark and by dpkt."""

from __future__ import annotations

import asyncio
import imaplib
import itertools
import poplib
import smtplib
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import dpkt
import pytest

from mailcourse import Lab
from mailcourse.internet.capture import MAX_IN_SEGMENT, Capture
from mailcourse.internet.clock import Clock
from mailcourse.internet.connection import Connection
from mailcourse.internet.network import Internet
from mailcourse.internet.runtime import runtime
from mailcourse.internet.trace import Trace

pytestmark = pytest.mark.interop
Need = Callable[[str], str]
CHECKS = [f"{name}.check_checksum:TRUE" for name in ("ip", "tcp", "udp")]
#: whatever Wireshark has to say against a packet
TROUBLE = "tcp.analysis.flags or _ws.malformed or ip.checksum.status==0 or tcp.checksum.status==0"
TROUBLE += " or udp.checksum.status==0 or tcp.analysis.retransmission or tcp.analysis.out_of_order"


@pytest.fixture
def internet() -> Iterator[Internet]:
    """Two hosts, each with both kinds of address."""
    clock = Clock(datetime(2026, 9, 7, 8, tzinfo=UTC), runtime())
    made = Internet(clock, Trace(clock), runtime(), "seed")
    made.add_host("a.test", ["192.0.2.1", "2001:db8::1"])
    made.add_host("b.test", ["192.0.2.2", "2001:db8::2"])
    runtime().run(made.host("b.test").listen(25, Backwards))
    runtime().run(made.host("b.test").listen_datagrams(53, upper))
    yield made
    runtime().run(made.close())


class Backwards(asyncio.Protocol):
    """Greets, and answers each line; `cut` ends it rudely."""

    def __init__(self, connection: Connection) -> None:
        self.seen = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(b"220 b.test\r\n")

    def data_received(self, data: bytes) -> None:
        if data == b"cut\r\n":
            self.transport.abort()
        elif data.endswith(b"\n"):
            self.transport.write(b"250 " + b"z" * 5000 + b"\r\n")


async def upper(data: bytes, connection: Connection) -> bytes:
    return data.upper()


async def talk(internet: Internet, address: str, *lines: bytes) -> None:
    reader, writer, _ = await internet.host("a.test").connect(address, 25)
    await reader.readline()
    for line in lines:
        writer.write(line)
        await reader.readline()
    writer.close()
    await reader.read()


def packets(path: Path) -> list[tuple[int, dpkt.Packet]]:
    with path.open("rb") as file:
        read = [(round(time * 1e6), data) for time, data in dpkt.pcapng.Reader(file)]
    return [(time, (dpkt.ip.IP if data[0] >> 4 == 4 else dpkt.ip6.IP6)(data)) for time, data in read]


def tell(path: Path) -> list[str]:
    """Say each packet in a line: two files of a megabyte are not compared octet by octet for a person."""
    return [
        f"{time} {packet.src.hex()}:{packet.data.sport} {packet.dst.hex()}:{packet.data.dport}"
        f" {getattr(packet.data, 'flags', 'udp')} {len(packet.data.data)} {bytes(packet.data.data)[:60]!r}"
        for time, packet in packets(path)
    ]


def tshark(need: Need, file: Path, shown: str, *fields: str) -> list[str]:
    options = [part for check in CHECKS for part in ("-o", check)]
    columns = ["-T", "fields", *(part for field in fields for part in ("-e", field))] if fields else []
    command = [need("tshark"), *options, "-r", str(file), "-Y", shown, *columns]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return told.stdout.splitlines()


# ---- what a real lab says --------------------------------------------------------------------------------------


def act(lab: Lab) -> None:
    """Speak all protocols of the course in the clear, and some of them in TLS."""
    with smtplib.SMTP(*lab.endpoint("mx1.bakery.test", 25), local_hostname="client.example") as client:
        text = "Subject: long\r\n\r\n" + "0123456789\r\n" * 20_000
        client.sendmail("a@client.example", ["bruno@bakery.test"], text)
    lab.settle()
    person = lab.person("bruno@bakery.test")
    pop3 = poplib.POP3(*lab.endpoint("mail.bakery.test", 110))
    pop3.user(person.address)
    pop3.pass_(person.password)
    pop3.retr(1)
    pop3.quit()
    imap = imaplib.IMAP4(*lab.endpoint("mail.bakery.test", 143))
    imap.login(person.address, person.password)
    imap.select()
    imap.fetch("1:*", "(BODY[])")
    imap.logout()
    lab.person("alice@academy.test").send(to="bruno@bakery.test", subject="in TLS", text="Hello")
    lab.settle()


def test_wireshark_understands_all_of_it(lab: Lab, need: Need, tmp_path: Path) -> None:
    need("tshark")
    with Capture(lab.internet.taps, tmp_path / "lab.pcapng") as capture:
        act(lab)
    file = capture.path
    assert tshark(need, file, TROUBLE) == []
    assert "FROM:<a@client.example>" in tshark(need, file, "smtp.req.command == mail", "smtp.req.parameter")[0]
    assert set(tshark(need, file, "smtp.response", "tcp.srcport")) == {"25", "587"}
    assert "mx1.bakery.test,mx2.bakery.test" in tshark(need, file, "dns.mx.mail_exchange", "dns.mx.mail_exchange")
    assert "RETR" in tshark(need, file, "pop.request", "pop.request.command")
    assert any("FETCH 1:" in line for line in tshark(need, file, "imap.request", "imap.request"))
    assert set(tshark(need, file, "tls.handshake.type==1", "tcp.dstport")) == {"25", "587"}
    assert tshark(need, file, "ip.src == 127.0.0.0/8 or ip.dst == 127.0.0.0/8") == []


def test_the_same_actions_give_the_same_file(
    make_lab: Callable[..., Lab], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Callable[..., bool]
) -> None:
    """Long texts both ways: how the system cuts them into chunks is another matter each time."""
    monkeypatch.setattr("imaplib.random.randint", lambda low, high: low)  # its tags
    made = []
    for number in range(2):
        lab, path = make_lab("two-offices", name="captured"), tmp_path / f"{number}.pcapng"
        person, closed = lab.person("bruno@bakery.test"), []
        lab.internet.taps.add(lambda packet, closed=closed: closed.append(packet) if packet.kind == "close" else None)
        with Capture(lab.internet.taps, path):
            imap = imaplib.IMAP4(*lab.endpoint("mail.bakery.test", 143))
            imap.login(person.address, person.password)
            imap.append("INBOX", "", "", b"Subject: x\r\n\r\n" + b"line\r\n" * 50_000)
            imap.select()
            imap.fetch("1", "(BODY[])")
            imap.logout()
            until(lambda closed=closed: len(closed) == 2)  # a client from outside hangs up when it likes
            lab.dns.lookup("academy.test", "MX")
        made.append(path)
    told = [tell(path) for path in made]
    differ = [number for number, pair in enumerate(itertools.zip_longest(*told)) if pair[0] != pair[1]]
    assert not differ, [one[max(0, differ[0] - 2) : differ[0] + 3] for one in told]
    is_same = made[0].read_bytes() == made[1].read_bytes()
    assert is_same, "packets differ after their first 60 octets"
    assert made[0].stat().st_size > 600_000


# ---- the packets themselves ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("address", "most"), [("192.0.2.2", 1460), ("2001:db8::2", 1440)])
def test_a_connection_has_a_beginning_and_an_end(internet: Internet, tmp_path: Path, address: str, most: int) -> None:
    with Capture(internet.taps, tmp_path / "x.pcapng") as capture:
        runtime().run(talk(internet, address, b"EHLO a.test\r\n"), 10)
    segments = [packet.data for _, packet in packets(capture.path)]
    flags = [segment.flags for segment in segments]
    syn, ack, fin = dpkt.tcp.TH_SYN, dpkt.tcp.TH_ACK, dpkt.tcp.TH_FIN
    assert flags[:3] == [syn, syn | ack, ack]
    assert flags[-4:] == [fin | ack, ack, fin | ack, ack]
    assert {segment.sport for segment in segments} == {25, 49153}
    said = b"".join(segment.data for segment in segments if segment.sport == 25)
    assert said == b"220 b.test\r\n250 " + b"z" * 5000 + b"\r\n"
    assert max(len(segment.data) for segment in segments) == most == MAX_IN_SEGMENT[6 if ":" in address else 4]


def test_a_connection_that_is_cut_ends_in_a_reset(internet: Internet, tmp_path: Path) -> None:
    with Capture(internet.taps, tmp_path / "x.pcapng") as capture:
        runtime().run(talk(internet, "192.0.2.2", b"cut\r\n"), 10)
    assert packets(capture.path)[-1][1].data.flags == dpkt.tcp.TH_RST | dpkt.tcp.TH_ACK


@pytest.mark.parametrize("address", ["192.0.2.2", "2001:db8::2"])
def test_wireshark_has_nothing_to_say_against_either_family(
    internet: Internet, need: Need, tmp_path: Path, address: str
) -> None:
    need("tshark")
    with Capture(internet.taps, tmp_path / "x.pcapng") as capture:
        runtime().run(talk(internet, address, b"EHLO a.test\r\n", b"x" * 100_000 + b"\r\n"), 10)
        runtime().run(talk(internet, address, b"cut\r\n"), 10)
        for number in range(50):
            runtime().run(internet.host("a.test").exchange(address, 53, bytes([number]) * number))
    assert tshark(need, capture.path, f"({TROUBLE}) and tcp") == []
    assert tshark(need, capture.path, "udp.checksum.status==0") == []
    assert len(tshark(need, capture.path, "udp")) == 100


@pytest.mark.parametrize("address", ["192.0.2.2", "2001:db8::2"])
def test_a_checksum_of_zero_is_written_as_ones(internet: Internet, tmp_path: Path, address: str) -> None:
    host = internet.host("a.test")
    with Capture(internet.taps, tmp_path / "x.pcapng") as capture:
        runtime().run(host.exchange(address, 53, b"\0\0"))
        capture.flush()
        first = packets(capture.path)[0][1].data.sum
        fitting = first - 1  # the next source port is one higher; together the sum is all ones
        runtime().run(host.exchange(address, 53, fitting.to_bytes(2, "big")))
    assert packets(capture.path)[2][1].data.sum == 0xFFFF


def test_times_are_lab_time_in_order_and_the_file_is_whole_after_a_flush(internet: Internet, tmp_path: Path) -> None:
    capture = Capture(internet.taps, tmp_path / "x.pcapng")
    host, start = internet.host("a.test"), round(datetime(2026, 9, 7, 8, tzinfo=UTC).timestamp() * 1e6)
    runtime().run(host.exchange("192.0.2.2", 53, b"one"))
    capture.flush()
    assert [time - start for time, _ in packets(capture.path)] == [0, 1]
    internet.clock.advance(seconds=1)
    runtime().run(host.exchange("192.0.2.2", 53, b"two"))
    capture.stop()
    capture.stop()
    runtime().run(host.exchange("192.0.2.2", 53, b"three"))
    assert [time - start for time, _ in packets(capture.path)] == [0, 1, 1_000_000, 1_000_001]
    assert [packet.data.data for _, packet in packets(capture.path)] == [b"one", b"ONE", b"two", b"TWO"]


def test_a_capture_may_begin_in_the_middle(internet: Internet, need: Need, tmp_path: Path) -> None:
    need("tshark")

    async def begin() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer, _ = await internet.host("a.test").connect("192.0.2.2", 25)
        await reader.readline()
        return reader, writer

    async def end() -> None:
        writer.write(b"NOOP\r\n")
        await reader.readline()
        writer.close()
        await reader.read()

    reader, writer = runtime().run(begin())
    with Capture(internet.taps, tmp_path / "x.pcapng") as capture:
        runtime().run(end(), 10)
    assert "NOOP" in tshark(need, capture.path, "smtp.req", "smtp.req.command")
    assert tshark(need, capture.path, TROUBLE) == []
