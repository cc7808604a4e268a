"""Clients that are slow, deaf, endless or many: the lab answers others meanwhile, and stays small."""

from __future__ import annotations

import gc
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from mailcourse import Lab
from mailcourse.mta import receive

ALICE, BRUNO = "alice@academy.test", "bruno@bakery.test"
MX1 = ("mx1.bakery.test", 25)
MB = 1_000_000
#: messages that wait, and clients that bring them
QUEUED = 10_000 if os.environ.get("MAILCOURSE_LONG") else 1_000
CLIENTS = 10


def memory() -> float:
    """Return the megabytes that this process takes."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / MB


@pytest.fixture
def grown(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[str], float]]:
    """Give a function that tells how much memory was added since the test began, and prints it."""
    before = memory()

    def tell(what: str) -> float:
        added = memory() - before
        with capsys.disabled():
            print(f"\n  {what}: {added:+.1f} MB", end="")
        return added

    return tell  # type: ignore[return-value]


def call(lab: Lab, place: tuple[str, int] = MX1) -> socket.socket:
    return socket.create_connection(lab.endpoint(*place), 20)


def until(sock: socket.socket, end: bytes) -> bytes:
    heard = b""
    while end not in heard:
        piece = sock.recv(65536)
        assert piece, heard[-200:]
        heard += piece
    return heard


def talk_on(sock: socket.socket, piece: bytes, times: int) -> int | None:
    """Say `piece` so often; None when the other side cuts the connection."""
    for _ in range(times):
        try:
            sock.sendall(piece)
        except (ConnectionResetError, BrokenPipeError):
            return None
    return times


def others_are_served(lab: Lab, seconds: float = 5) -> None:
    began = time.monotonic()
    sent = lab.person(ALICE).send(BRUNO, "meanwhile", "x")
    assert sent.status[BRUNO].state == "delivered"
    assert lab.person(BRUNO).inbox()[-1].subject == "meanwhile"
    assert lab.dns.lookup("bakery.test", "MX").rcode == "NOERROR"
    assert time.monotonic() - began < seconds


def test_two_hundred_slow_clients_hold_up_nobody(lab: Lab, grown: Callable[[str], float]) -> None:
    others_are_served(lab)
    with ExitStack() as stack:
        slow = [stack.enter_context(call(lab)) for _ in range(200)]
        for octet in b"EHLO slow.test"[:9]:
            for sock in slow:
                sock.send(bytes([octet]))
        others_are_served(lab)
        assert grown("200 slow clients") < 60
    deadline = time.monotonic() + 10
    while lab.internet.links.wires and time.monotonic() < deadline:
        lab.settle()
    assert not lab.internet.links.wires


def test_a_client_that_never_reads_is_sent_away(
    lab: Lab, grown: Callable[[str], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "REAL_SECONDS", 1.0)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(lab.endpoint(*MX1))
    sock.settimeout(10)
    with sock:
        assert talk_on(sock, b"HELP\r\n" * 1000, 2000) is None, "it should have been cut off"
    others_are_served(lab)
    assert grown("2,000,000 commands of a client that never reads") < 60


def test_fifty_thousand_recipients_are_answered_and_a_thousand_taken(lab: Lab, grown: Callable[[str], float]) -> None:
    with call(lab) as sock:
        until(sock, b"220 ")
        sock.sendall(b"EHLO x.test\r\nMAIL FROM:<alice@academy.test>\r\n")
        until(sock, b"ok\r\n")
        lines = [f"RCPT TO:<bruno+{number}@bakery.test>\r\n".encode() for number in range(50_000)]
        teller = threading.Thread(target=sock.sendall, args=(b"".join(lines) + b"NOOP\r\n",))
        teller.start()
        heard = until(sock, b"250 2.0.0 ok\r\n")
        teller.join()
        assert heard.count(b"250 2.1.5") == 1000
        assert heard.count(b"452 4.5.3") == 49_000
        sock.sendall(b"DATA\r\n")
        until(sock, b"354 ")
        sock.sendall(b"Subject: many\r\n\r\nx\r\n.\r\n")
        until(sock, b"queued as")
    lab.settle()
    assert len(lab.person(BRUNO).inbox()) == 1000
    others_are_served(lab)
    assert grown("50,000 recipients, and a message to 1,000") < 120


@pytest.mark.parametrize("limit", [10 * MB, 100 * MB])
def test_sixty_megabytes_stream_through_or_are_refused(lab: Lab, grown: Callable[[str], float], limit: int) -> None:
    for server in lab.mail_servers.values():
        server.settings = replace(server.settings, max_octets=limit)
    line = b"0123456789" * 7 + b"\r\n"
    times = 60 * MB // len(line)
    before, most = memory(), [0.0]
    with call(lab) as sock:
        until(sock, b"220 ")
        sock.sendall(b"EHLO x.test\r\nMAIL FROM:<alice@academy.test>\r\nRCPT TO:<bruno@bakery.test>\r\nDATA\r\n")
        until(sock, b"354 ")
        sock.sendall(b"Subject: big\r\n\r\n")
        for start in range(0, times, 1000):
            sock.sendall(line * min(1000, times - start))
            if start % 100_000 == 0:
                most[0] = max(most[0], memory())
        sock.sendall(b".\r\n")
        answer = until(sock, b"\r\n")
    if limit < 60 * MB:
        assert answer.startswith(b"552 5.3.4")
    else:
        assert answer.startswith(b"250 2.0.0")
        lab.settle()
        (stored,) = lab.accounts["mail.bakery.test"].mailbox(BRUNO).scan()
        assert stored.size > 60 * MB
        with stored.path.open("rb") as file:
            body = file.read().partition(b"\r\n\r\n")[2]
        assert body == line * times
        del body
    assert grown(f"60 MB, {limit // MB} MB allowed") < 40
    assert most[0] - before < 40


def test_a_line_without_end_is_cut_off(lab: Lab, grown: Callable[[str], float]) -> None:
    with call(lab) as sock:
        assert talk_on(sock, b"x" * 100_000, 1000) is None, "it should have been cut off"
    with call(lab) as sock:
        until(sock, b"220 ")
        sock.sendall(b"EHLO x.test\r\nMAIL FROM:<alice@academy.test>\r\nRCPT TO:<bruno@bakery.test>\r\nDATA\r\n")
        until(sock, b"354 ")
        for _ in range(500):
            sock.sendall(b"x" * 100_000)
        sock.sendall(b"\r\n.\r\n")
        assert until(sock, b"\r\n").startswith(b"554 5.6.0")
    others_are_served(lab)
    assert grown("lines of 100 and 50 MB") < 40


def test_a_thousand_connections_come_and_go(lab: Lab, grown: Callable[[str], float]) -> None:
    for _ in range(1000):
        with call(lab) as sock:
            until(sock, b"220 ")
            sock.sendall(b"QUIT\r\n")
            until(sock, b"221 ")
    others_are_served(lab)
    assert grown("1,000 connections one after the other") < 40


def hand_over(lab: Lab, messages: int) -> None:
    """Send so many messages to mx1 over one connection."""
    with call(lab) as sock:
        until(sock, b"220 ")
        sock.sendall(b"EHLO x.test\r\n")
        until(sock, b"250 HELP\r\n")
        for number in range(messages):
            sock.sendall(b"MAIL FROM:<>\r\nRCPT TO:<bruno@bakery.test>\r\nDATA\r\n")
            until(sock, b"354 ")
            sock.sendall(b"Subject: %d\r\n\r\nx\r\n.\r\n" % number)
            until(sock, b"queued as")


@pytest.mark.timeout(1200)
def test_thousands_of_messages_wait_and_then_all_arrive(
    make_lab: Callable[..., Lab], quick_path: Path, grown: Callable[[str], float], capsys: pytest.CaptureFixture[str]
) -> None:
    lab = make_lab("two-offices", path=quick_path)
    server = lab.mail_servers["mx1.bakery.test"]
    lab.host("mail.bakery.test").down()
    began = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda number: hand_over(lab, QUEUED // CLIENTS), range(CLIENTS)))
    taken = time.monotonic() - began
    lab.settle(timeout=600)
    assert (
        lab.person(ALICE).send("amir@academy.test", "meanwhile", "x").status["amir@academy.test"].state == "delivered"
    )
    began = time.monotonic()
    assert len(server.queue.entries()) == QUEUED
    listed = time.monotonic() - began
    assert grown(f"{QUEUED:,} messages waiting") < 100
    lab.close()
    began = time.monotonic()
    lab = make_lab("two-offices", path=quick_path)
    opened = time.monotonic() - began
    began = time.monotonic()
    lab.settle(timeout=600)
    lab.clock.advance(hours=2)
    lab.settle(timeout=600)
    delivered = time.monotonic() - began
    found = lab.accounts["mail.bakery.test"].mailbox(BRUNO).scan()
    assert len(found) == QUEUED
    with capsys.disabled():
        print(f"\n  taken in {taken:.0f} s, listed in {listed:.1f} s, opened again in {opened:.1f} s,", end="")
        print(f" delivered in {delivered:.0f} s", end="")
