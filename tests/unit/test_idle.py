"""IDLE: a client that waits is told what others do, also what a program does on the disk."""

from __future__ import annotations

import imaplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailcourse import Lab

HOST, BRUNO = "mail.bakery.test", "bruno@bakery.test"


@pytest.fixture
def waiting(lab: Lab) -> Iterator[imaplib.IMAP4]:
    client = imaplib.IMAP4(*lab.endpoint(HOST, 143), timeout=10)
    client.login(BRUNO, lab.person(BRUNO).password)
    client.select()
    client.send(b"x1 IDLE\r\n")
    assert client.readline() == b"+ idling\r\n"
    yield client
    client.send(b"DONE\r\n")
    assert client.readline() == b"x1 OK IDLE done\r\n"
    client.shutdown()


def inbox(lab: Lab) -> Path:
    return lab.accounts[HOST].mailbox(BRUNO).path


def test_a_message_that_arrives_is_told_at_once(lab: Lab, waiting: imaplib.IMAP4) -> None:
    lab.person("alice@academy.test").send(BRUNO, "now", "x")
    assert waiting.readline() == b"* 1 EXISTS\r\n"
    assert waiting.readline() == b"* 1 RECENT\r\n"


def test_a_file_that_another_program_drops_is_told_too(lab: Lab, waiting: imaplib.IMAP4) -> None:
    (inbox(lab) / "new" / "1788768000.1.elsewhere").write_bytes(b"Subject: by hand\r\n\r\nx\r\n")
    assert waiting.readline() == b"* 1 EXISTS\r\n"
    assert waiting.readline() == b"* 1 RECENT\r\n"


def test_what_another_session_does_is_told(lab: Lab, waiting: imaplib.IMAP4) -> None:
    lab.person("alice@academy.test").send(BRUNO, "now", "x")
    assert waiting.readline() == b"* 1 EXISTS\r\n"
    assert waiting.readline() == b"* 1 RECENT\r\n"
    other = imaplib.IMAP4(*lab.endpoint(HOST, 143), timeout=10)
    other.login(BRUNO, lab.person(BRUNO).password)
    other.select()
    other.store("1", "+FLAGS", r"(\Flagged)")
    assert b"FLAGS (" in waiting.readline()
    other.store("1", "+FLAGS", r"(\Deleted)")
    assert rb"\Deleted" in waiting.readline()
    other.expunge()
    assert waiting.readline() == b"* 1 EXPUNGE\r\n"
    other.logout()
