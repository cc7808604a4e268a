"""Clients that leave at the wrong moment: known traps of mail servers on asyncio."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from smtp_user import (
    BEGIN,
    MX1,
    SMALL,
    TO_BRUNO,
    Client,
    Connect,
    accepted,
    incoming,
    subjects,
    turn_the_loop,
)

from mailcourse import Lab


def test_p07_a_client_that_leaves_during_data_changes_nothing(lab: Lab, connect: Connect) -> None:
    client = connect()
    assert client.ask(BEGIN + TO_BRUNO + b"DATA\r\n").startswith("354")
    client.socket.sendall(b"Subject: half\r\n\r\n" + b"hello\r\n" * 20_000 + b".")
    assert client.rest() == b""
    assert (incoming(lab), accepted(lab), subjects(lab)) == ([], [], [])


def test_p07_a_client_that_breaks_during_data_changes_nothing(lab: Lab, connect: Connect) -> None:
    client = connect()
    assert client.ask(BEGIN + TO_BRUNO + b"DATA\r\n").startswith("354")
    client.socket.sendall(b"Subject: half\r\n\r\nhello\r\n")
    client.vanish()
    turn_the_loop(lab)
    assert (incoming(lab), accepted(lab), subjects(lab)) == ([], [], [])


def test_p07_a_client_that_leaves_while_its_message_is_written_is_served(
    lab: Lab, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncing, go_on, sync = threading.Event(), threading.Event(), os.fsync

    def slow_disk(descriptor: int) -> None:
        syncing.set()
        go_on.wait(10)
        sync(descriptor)

    client = connect()
    assert client.ask(BEGIN + TO_BRUNO + b"DATA\r\n").startswith("354")
    monkeypatch.setattr(os, "fsync", slow_disk)
    client.socket.sendall(SMALL)
    assert syncing.wait(10)
    client.vanish()
    turn_the_loop(lab)
    go_on.set()
    monkeypatch.undo()
    while not accepted(lab):
        turn_the_loop(lab)
    assert subjects(lab) == ["small"]
    assert incoming(lab) == []


def test_p07_a_client_that_says_no_more_gets_all_replies_and_its_message_is_delivered(
    lab: Lab, connect: Connect
) -> None:
    client = connect()
    client.socket.sendall(BEGIN + b"RCPT TO:<nobody@bakery.test>\r\n" + TO_BRUNO + b"DATA\r\n" + SMALL + b"NOOP\r\n")
    codes = [line[:3] for line in client.rest().splitlines() if line[3:4] == b" "]
    assert codes == [b"250", b"250", b"550", b"250", b"354", b"250", b"250"]
    lab.settle()
    assert subjects(lab) == ["small"]


def test_p08_a_lab_that_is_closed_keeps_what_it_accepted(make_lab: Callable[..., Lab], tmp_path: Path) -> None:
    first = make_lab(path=tmp_path)
    with socket.create_connection(first.endpoint(*MX1), 10) as sock:
        client = Client(sock)
        client.reply()
        client.ask(BEGIN + TO_BRUNO)
        assert client.tell(SMALL).startswith("250")
        first.close()
    second = make_lab(path=tmp_path)
    second.settle()
    assert set(subjects(second)) == {"small"}


def test_p09_a_lab_can_be_used_inside_a_running_loop(make_lab: Callable[..., Lab]) -> None:
    async def cell() -> str:
        lab = make_lab("two-offices")
        return lab.person("alice@academy.test").send("amir@academy.test", "x", "y").status["amir@academy.test"].state

    with ThreadPoolExecutor(1) as pool:  # a browser test may have left a loop on this thread
        assert pool.submit(lambda: asyncio.run(cell())).result() == "delivered"
