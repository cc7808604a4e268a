"""What the trace keeps of a session of POP3 or IMAP: which message was meant, no password, no body."""

from __future__ import annotations

from pathlib import Path

import pytest
from access_world import World

from mailcourse.access.imap.session import ImapSession
from mailcourse.access.pop3 import Pop3Session
from mailcourse.internet.trace import EVENTS


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_trace_knows_which_message_was_fetched_flagged_and_removed(world: World) -> None:
    session = world.imap()
    session.receive(
        b"c FETCH 2 BODY.PEEK[]\r\nd FETCH 1 BODY.PEEK[HEADER]\r\ne STORE 3 +FLAGS (\\Deleted)\r\nf EXPUNGE\r\n"
    )
    assert world.events("logged-in", "fetched", "flagged", "removed") == [
        ("logged-in", None),
        ("fetched", "m2"),
        ("flagged", "m3"),
        ("removed", "m3"),
    ]
    assert all(set(event.facts) == set(EVENTS[event.what][0]) for event in world.trace)


SECRETS = [
    (Pop3Session, b"USER bruno@bakery.test\r\nPASS loaf\r\n"),
    (Pop3Session, b" PASS loaf\r\nPASS\tloaf\r\npass  loaf\r\n"),
    (ImapSession, b"a LOGIN bruno@bakery.test loaf\r\n"),
    (ImapSession, b"a  login bruno@bakery.test loaf\r\n"),
    (ImapSession, b"LOGIN bruno@bakery.test loaf\r\n"),
    (ImapSession, b"a LOGIN bruno@bakery.test {4+}\r\nloaf\r\n"),
    (ImapSession, b"a AUTHENTICATE PLAIN AGJydW5vQGJha2VyeS50ZXN0AGxvYWY=\r\n"),
    (ImapSession, b"a AUTHENTICATE PLAIN\r\nAGJydW5vQGJha2VyeS50ZXN0AGxvYWY=\r\n"),
]


@pytest.mark.parametrize(("kind", "octets"), SECRETS, ids=[repr(octets[:25]) for _, octets in SECRETS])
def test_no_password_is_in_the_trace(world: World, kind: type[Pop3Session] | type[ImapSession], octets: bytes) -> None:
    world.open(kind).receive(octets)
    assert any(event.facts["secret"] for event in world.trace if event.what == "said")
    assert [line for line in world.lines() if "loaf" in line or "AGJydW" in line] == []


def test_no_body_is_in_the_trace(world: World) -> None:
    world.imap().receive(b"c FETCH 1:3 BODY.PEEK[]\r\nd APPEND INBOX {18+}\r\n\r\nbody of another\r\n\r\n")
    world.pop3().receive(b"RETR 1\r\nTOP 2 9\r\n")
    assert [line for line in world.lines() if "body of" in line] == []
