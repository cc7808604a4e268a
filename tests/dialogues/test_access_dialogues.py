"""POP3 and IMAP: whole conversations with sessions that need no socket."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from player import CHUNKS, OnSession, play

from mailcourse.access.imap.session import ImapSession
from mailcourse.access.pop3 import Pop3Session
from mailcourse.internet.connection import Connection
from mailcourse.internet.trace import Trace
from mailcourse.mailbox.accounts import Accounts

HERE = Path(__file__).parent
FILES = sorted([*HERE.glob("pop3-*.txt"), *HERE.glob("imap-*.txt")])
START = datetime(2026, 9, 7, 8, 0, tzinfo=UTC)

BREAD = b"""\
From: Bruno Baker <bruno@bakery.test>
To: alice@academy.test
Subject: Bread
Date: Mon, 07 Sep 2026 08:00:00 +0000
Message-ID: <one@bakery.test>

Two loaves.
.a dot
..two dots
"""

PICTURE = b"""\
From: Bea <bea@bakery.test>
To: Alice <alice@academy.test>
Cc: bruno@bakery.test
Subject: A picture
Date: Tue, 08 Sep 2026 09:30:00 +0000
Message-ID: <two@bakery.test>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="cut"

--cut
Content-Type: text/plain; charset=utf-8

Look at this.
--cut
Content-Type: image/png; name="cake.png"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="cake.png"

iVBORw0KGgo=
--cut--
"""


ROLLS = "From: bruno@bakery.test\r\nSubject: Brötchen\r\n\r\nEin Dutzend.\r\n"


class Still:
    """A clock that stands."""

    def now(self) -> datetime:
        return START


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    """Alice with two messages; Amir with one, whose header is in UTF-8."""
    made = Accounts(tmp_path)
    made.add("alice@academy.test", "apple-tree-41", b"salt")
    made.add("amir@academy.test", "blue river", b"salt")
    mailbox = made.mailbox("alice@academy.test")
    for number, content in enumerate((BREAD, PICTURE), 1):
        when = START.replace(day=6 + number)
        unique = f"{int(when.timestamp())}.m{number}.1.mail.academy.test"
        mailbox.deliver([content.replace(b"\n", b"\r\n")], unique, when)
    made.mailbox("amir@academy.test").deliver([ROLLS.encode()], "1788768000.m3.1.mail.academy.test", START)
    return made


def test_there_are_dialogues() -> None:
    assert {file.name[:5] for file in FILES} == {"pop3-", "imap-"}


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_dialogue_goes_as_written(file: Path, chunk: str, accounts: Accounts) -> None:
    numbers = iter(range(1, 100))
    trace = Trace(Still())
    kind = Pop3Session if file.name.startswith("pop3") else ImapSession

    def connect() -> OnSession:
        connection = Connection(next(numbers), "laptop.academy.test", "192.0.2.10", "192.0.2.25", 110)
        return OnSession(kind(accounts, "mail.academy.test", trace, connection, tls=True))

    play(file, connect, chunk)
