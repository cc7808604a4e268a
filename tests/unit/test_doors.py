"""Doors: none is open until somebody asks; who may come in by one; what a page on the web cannot do."""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import os
import smtplib
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dns.message
import dns.query
import pytest

from mailcourse import Lab
from mailcourse.internet import doors, socket_owner
from mailcourse.internet.connection import Unreachable

HOST, MX1 = "mail.academy.test", "mx1.bakery.test"
#: connects to the port of 127.0.0.1 in its argument, and says what it read
READER = """
import encodings.idna, os, socket, sys
if len(sys.argv) > 2: os.setuid(int(sys.argv[2]))
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) as client:
    try: print(client.recv(100))
    except ConnectionResetError: print(b"")
"""
needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be another user (sudo -E make test)"
)


def listening() -> set[str]:
    """The addresses of this process that wait for connections, as the system tells them."""
    inodes = {os.readlink(fd) for fd in Path("/proc/self/fd").iterdir() if fd.exists() or fd.is_symlink()}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes}


def warnings(lab: Lab) -> list[str]:
    return [event.facts["text"] for event in lab.trace if event.what == "warning"]


def says(door: tuple[str, int], data: bytes) -> bytes:
    """Write to a door at once, and return all that it answers."""
    answer = b""
    with socket.create_connection(door, 10) as client, contextlib.suppress(ConnectionError):
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        while octets := client.recv(65536):
            answer += octets
    return answer


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists the sockets of a process")
def test_a_lab_opens_no_port_until_somebody_asks(make_lab: Callable[..., Lab]) -> None:
    before = listening()
    lab = make_lab("two-offices")
    lab.person("alice@academy.test").send("bruno@bakery.test", "Bread", "?")
    assert len(lab.person("bruno@bakery.test").inbox()) == 1
    with lab.online("laptop.academy.test"), smtplib.SMTP(HOST, 587) as client:
        assert client.noop()[0] == 250
    assert listening() == before
    lab.endpoint(HOST, 587)
    assert len(listening() - before) == 1
    assert lab.endpoint(HOST, 587) == lab.endpoint(HOST, 587)
    assert len(listening() - before) == 1
    lab.close()
    assert listening() == before


def test_a_door_speaks_the_protocol_behind_it(lab: Lab) -> None:
    with smtplib.SMTP(*lab.endpoint(MX1, 25), local_hostname="client.example") as client:
        assert client.ehlo()[0] == 250
    assert "outside" in {event.facts["peer"] for event in lab.trace if event.what == "connected"}
    query = dns.message.make_query("bakery.test", "MX")
    address, port = lab.endpoint("resolver.carrier.test", 53)
    for ask in (dns.query.udp, dns.query.tcp):
        assert len(ask(query, address, port=port, timeout=10).answer[0]) == 2


def test_a_closed_port_resets_and_a_host_that_is_off_says_nothing(lab: Lab) -> None:
    door = lab.endpoint(MX1, 25)
    lab.host(MX1).close_port(25)
    with pytest.raises(ConnectionResetError), socket.create_connection(door, 5) as client:
        client.recv(10)  # the reset comes now, or came already
    lab.host(MX1).open_port(25)
    lab.host(MX1).down()
    assert says(door, b"") == b""


# ---- who may come in ---------------------------------------------------------------------------------------


@needs_root
def test_a_program_of_another_user_is_refused_unless_the_door_is_for_any_user(lab: Lab) -> None:
    def read(door: tuple[str, int], *user: str) -> str:
        command = [sys.executable, "-c", READER, str(door[1]), *user]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()

    door = lab.endpoint(MX1, 25)
    assert "220 mx1" in read(door)
    assert read(door, "65534") == "b''"
    assert any("another user" in text for text in warnings(lab))
    assert lab.endpoint(MX1, 25, any_user=True) == door
    assert "220 mx1" in read(door, "65534")


@needs_root
def test_a_question_of_another_user_is_not_answered(lab: Lab) -> None:
    ask = (
        "import os, socket, sys; os.setuid(int(sys.argv[2])); s = socket.socket(type=socket.SOCK_DGRAM);"
        "s.settimeout(0.5); s.sendto(bytes.fromhex(sys.argv[3]), ('127.0.0.1', int(sys.argv[1])));"
        "print(len(s.recv(512)))"
    )
    port = lab.endpoint("resolver.carrier.test", 53)[1]
    query = dns.message.make_query("bakery.test", "MX").to_wire().hex()
    for user, is_answered in ((str(os.geteuid()), True), ("65534", False)):
        done = subprocess.run([sys.executable, "-c", ask, str(port), user, query], capture_output=True, timeout=30)
        assert (done.returncode == 0) is is_answered


def test_where_the_system_does_not_tell_everybody_may_come_in(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(socket_owner, "PROC_NET", tmp_path)
    assert says(lab.endpoint(MX1, 25), b"QUIT\r\n").startswith(b"220 ")


def test_the_owner_of_a_mapped_address_is_found_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    row = "0: {} 00000000:0000 01 0:0 0:0 0 {} 0 1\n"
    loopback = socket_owner._hex("127.0.0.1")
    mapped = f"0000000000000000FFFF0000{loopback}:1234 0000000000000000FFFF0000{loopback}:9000"
    (tmp_path / "tcp").write_text("head\n")
    (tmp_path / "tcp6").write_text("head\n" + row.format(mapped, os.geteuid()).replace(" 00000000:0000", "", 1))
    monkeypatch.setattr(socket_owner, "PROC_NET", tmp_path)
    assert socket_owner.may_enter("tcp", ("127.0.0.1", 0x1234), 0x9000)
    assert not socket_owner.may_enter("tcp", ("127.0.0.1", 0x1235), 0x9000)


# ---- what a page on the web cannot do ------------------------------------------------------------------------

SMTP_LINES = (
    b"EHLO page\r\nMAIL FROM:<a@evil.example>\r\nRCPT TO:<bruno@bakery.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n"
)


@pytest.mark.parametrize(
    "first",
    [
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"get /\r\n",
        b"OPTIONS * HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
        b"Host: 127.0.0.1\r\n",
        b"User-Agent: x\r\n",
        b"content-type : text/plain\r\n",
        b"Sec-Fetch-Mode: no-cors\n",
        b"POST " + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=lambda first: first[:20].decode().strip(),
)
def test_who_speaks_http_is_sent_away_at_the_first_line(lab: Lab, first: bytes) -> None:
    door = lab.endpoint(MX1, 25)
    answer = says(door, first + SMTP_LINES)
    assert answer in (b"", answer[: answer.find(b"\r\n") + 2])  # the greeting at most
    with socket.create_connection(door, 10) as slow, contextlib.suppress(ConnectionError):
        for octet in (first + SMTP_LINES)[:40_000]:
            slow.send(bytes([octet]))
    lab.settle()
    assert len(lab.person("bruno@bakery.test").inbox()) == 0
    assert any("spoke HTTP to port 25" in text for text in warnings(lab))


def test_a_line_by_hand_and_a_client_of_the_library_come_in(lab: Lab) -> None:
    with socket.create_connection(lab.endpoint(MX1, 25), 10) as client, client.makefile("rb") as lines:
        assert lines.readline().startswith(b"220 ")
        for octet in b"NOOP\r\n":
            client.send(bytes([octet]))
        assert lines.readline().startswith(b"250 ")
    client = imaplib.IMAP4(*lab.endpoint("mail.bakery.test", 143))
    assert client.noop()[0] == "OK"
    client.logout()


def test_half_a_line_and_the_end_is_passed_on(lab: Lab) -> None:
    assert says(lab.endpoint(MX1, 25), b"NOO").startswith(b"220 ")
    assert warnings(lab) == []


# ---- ordinary sockets, online ----------------------------------------------------------------------------------


def test_an_ordinary_socket_looks_as_if_it_had_really_connected(lab: Lab) -> None:
    with lab.online("laptop.academy.test"), socket.socket() as client:
        client.settimeout(7)
        client.connect((MX1, 25))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert client.getpeername() == ("198.51.100.21", 25)
        assert client.gettimeout() == 7
        assert client.family == socket.AF_INET
        assert client.recv(100).startswith(b"220 mx1")
        with pytest.raises(OSError, match="not connected"):
            socket.socket().getpeername()
    with lab.online("laptop.academy.test"), socket.socket() as client:
        assert client.connect_ex((MX1, 25)) == 0
        assert client.connect_ex(("192.0.2.99", 25)) != 0


def test_connected_datagrams_are_answered_too(lab: Lab) -> None:
    query = dns.message.make_query("bakery.test", "MX")
    with lab.online("laptop.academy.test"), socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect(("resolver.carrier.test", 53))
        client.send(query.to_wire())
        assert dns.message.from_wire(client.recv(4096)).id == query.id
        assert client.sendto(query.to_wire(), ("203.0.113.8", 53)) == len(query.to_wire())
        assert client.recvfrom(4096)[1] == ("203.0.113.8", 53)


def test_a_client_that_was_made_online_goes_on_outside(lab: Lab) -> None:
    with lab.online("laptop.bakery.test"):
        client = imaplib.IMAP4("mail.bakery.test")
    assert client.noop()[0] == "OK"
    client.logout()  # it shuts its socket down by itself


def test_two_who_ask_at_one_time_get_one_door_that_is_open(lab: Lab) -> None:
    async def ask() -> list[tuple[str, int]]:
        return await asyncio.gather(*(lab.internet.open_door(lab.host(MX1), 25) for _ in range(8)))

    opened = set(lab.runtime.run(ask()))
    assert len(opened) == 1
    assert says(opened.pop(), b"QUIT\r\n").startswith(b"220 ")


def test_a_door_that_could_not_be_opened_is_opened_when_asked_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*, both: bool) -> None:
        raise Unreachable("no port is free")

    with monkeypatch.context() as patched:
        patched.setattr(doors, "_reserve", full)
        with pytest.raises(Unreachable):
            lab.endpoint(MX1, 25)
    assert says(lab.endpoint(MX1, 25), b"QUIT\r\n").startswith(b"220 ")
