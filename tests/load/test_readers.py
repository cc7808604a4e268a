"""Readers that ask for much and take nothing, or send much and stop: the lab stays small, others are served."""

from __future__ import annotations

import gc
import imaplib
import os
import socket
import time
from pathlib import Path

import pytest

from mailcourse import Lab

HOST, BRUNO = "mail.bakery.test", "bruno@bakery.test"
MB = 1_000_000
PIECE = b"z" * 50_000


def memory() -> float:
    """Return the megabytes that this process takes."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / MB


def logged_in(lab: Lab) -> socket.socket:
    """A client without any reading: it says what it is told to."""
    client = socket.create_connection(lab.endpoint(HOST, 143), 20)
    client.sendall(f"a LOGIN {BRUNO} {lab.person(BRUNO).password}\r\nb SELECT INBOX\r\n".encode())
    heard = b""
    while b"b OK" not in heard:
        heard += client.recv(65536)
    return client


def test_a_client_that_asks_for_eight_hundred_megabytes_and_never_reads_costs_little(lab: Lab) -> None:
    box = lab.accounts[HOST].mailbox(BRUNO)
    for number in range(20):
        box.deliver(
            [b"Subject: big\r\n\r\n", b"x" * 70 + b"\r\n" * 1, b"y" * 2 * MB], f"1.m{number}.1.h", lab.clock.now()
        )
    deaf = logged_in(lab)
    before = memory()
    deaf.sendall(b"".join(b"c%d FETCH 1:* BODY.PEEK[]\r\n" % number for number in range(20)))
    began = time.monotonic()
    with imaplib.IMAP4(*lab.endpoint(HOST, 143), timeout=20) as other:
        other.login(BRUNO, lab.person(BRUNO).password)
        for _ in range(50):
            assert other.status("INBOX", "(MESSAGES)")[1] == [b'"INBOX" (MESSAGES 20)']
    assert time.monotonic() - began < 10
    assert memory() - before < 30
    deaf.close()


@pytest.mark.parametrize("sent", [0, 1, 20_000, 25 * MB])
def test_a_client_that_vanishes_in_the_middle_of_a_message_leaves_nothing(lab: Lab, sent: int) -> None:
    box = lab.accounts[HOST].mailbox(BRUNO)
    client = logged_in(lab)
    before = memory()
    client.sendall(b"c APPEND INBOX {%d+}\r\n" % (30 * MB))
    for start in range(0, sent, len(PIECE)):  # in pieces: what the client holds counts as memory of this process too
        client.sendall(PIECE[: sent - start])
    if sent > 65536:
        end = time.monotonic() + 20
        while sum(p.stat().st_size for p in (box.path / "tmp").glob("[!.]*")) < sent and time.monotonic() < end:
            time.sleep(0.01)
        assert memory() - before < 13, "a long message goes to the disk as it comes"
    client.close()
    end = time.monotonic() + 20
    while list((box.path / "tmp").glob("[!.]*")):
        assert time.monotonic() < end, "what was received is still there"
        time.sleep(0.01)
    assert box.scan() == []
    assert os.listdir(box.path / "new") == []
