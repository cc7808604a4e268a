"""Every step to the disk goes through `Disk`: what changes a mailbox beside it could not be killed there."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailcourse import Lab
from mailcourse.access.imap.session import ImapSession
from mailcourse.access.pop3 import Pop3Session
from mailcourse.internet.connection import Connection
from mailcourse.internet.disk import Disk
from mailcourse.internet.trace import Trace
from mailcourse.mailbox.accounts import Accounts

BRUNO, HOST = "bruno@bakery.test", "mail.bakery.test"
START = datetime(2026, 9, 7, 8, tzinfo=UTC)
#: what Python reports before it changes a file system (PEP 578)
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.utime", "os.truncate", "os.symlink")

LOCKING = ("open", "os.mkdir")  # what filelock does to the folder that it locks

inside, watched, beside = threading.local(), [""], list[str]()


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Note what changes the watched folder outside the methods of `Disk`."""
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if watched[0] and (writes or event in CHANGES) and not getattr(inside, "disk", False):
        place = str(arguments[0])
        is_lock = place.endswith(".lock") or (
            event in ("open", "os.mkdir") and os.path.isdir(place)
        )  # as filelock does
        if place.startswith(watched[0]) and not is_lock:
            beside.append(f"{event} {place}")


class Watched(Disk):
    """A disk that knows when it is at work."""

    @contextlib.contextmanager
    def _step(self, step: str, path: Path | str, *, needs_room: bool = False) -> Iterator[None]:
        with super()._step(step, path, needs_room=needs_room):
            inside.disk = True
            try:
                yield
            finally:
                inside.disk = False


class Still:
    def now(self) -> datetime:
        return START


LONG = b"Subject: long\r\n\r\n" + b"x" * 100_000
STORY = [
    b"a LOGIN bruno@bakery.test loaf",
    b"b SELECT INBOX",
    b"c APPEND INBOX (\\Seen urgent) {5+}\r\nx\r\n\r\n",
    b"c APPEND INBOX {%d+}\r\n%b" % (len(LONG), LONG),
    b"d CREATE Work (USE (\\Archive))",
    b"e COPY 1:2 Work",
    b"f MOVE 3 Work",
    b"g STORE 1 +FLAGS (\\Deleted todo)",
    b"h EXPUNGE",
    b"i SUBSCRIBE Work",
    b"j RENAME Work Office",
    b"k DELETE Office",
    b"l UNSUBSCRIBE Work",
    b"m RENAME INBOX Old",
]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    sys.addaudithook(watch)
    watched[0] = str(tmp_path)
    beside.clear()
    yield Watched()
    watched[0] = ""


def test_nothing_changes_a_mailbox_beside_the_disk(tmp_path: Path, disk: Disk) -> None:
    accounts = Accounts(tmp_path / "mail", disk)
    accounts.add(BRUNO, "loaf", b"salt")
    accounts.forward(BRUNO, ["amir@academy.test"])
    inbox = accounts.mailbox(BRUNO)
    for number in range(2):
        inbox.deliver([b"Subject: x\r\n\r\nx\r\n"], f"1788768000.m{number}.1.{HOST}", START)
    connection = Connection(1, "laptop", "192.0.2.1", "192.0.2.2", 143)
    imap = ImapSession(accounts, HOST, Trace(Still()), connection, tls=False)
    for command in STORY:
        assert b" OK " in imap.receive(command + b"\r\n")
    inbox.deliver([b"Subject: x\r\n\r\nx\r\n"], f"1788768000.m3.1.{HOST}", START)
    pop3 = Pop3Session(accounts, HOST, Trace(Still()), connection, tls=False)
    assert pop3.receive(b"USER bruno@bakery.test\r\nPASS loaf\r\nDELE 1\r\nQUIT\r\n").endswith(b"1 message deleted\r\n")
    inbox.sweep(HOST)
    assert not beside, "\n".join(beside)
    (tmp_path / "by-hand").write_text("x")
    assert beside == [f"open {tmp_path / 'by-hand'}"]  # the watch works


def test_a_full_disk_takes_no_message_and_lets_go_of_messages(tmp_path: Path) -> None:
    disk = Disk()
    accounts = Accounts(tmp_path, disk)
    accounts.add(BRUNO, "loaf", b"salt")
    inbox = accounts.mailbox(BRUNO)
    inbox.deliver([b"Subject: x\r\n\r\nx\r\n"], f"1788768000.m1.1.{HOST}", START)
    connection = Connection(1, "laptop", "192.0.2.1", "192.0.2.2", 143)
    imap = ImapSession(accounts, HOST, Trace(Still()), connection, tls=False)
    imap.receive(b"a LOGIN bruno@bakery.test loaf\r\nb CREATE Work\r\nc SELECT INBOX\r\n")
    disk.is_full = True
    for command in (b"APPEND INBOX {5+}\r\nx\r\n\r\n", b"COPY 1 Work", b"APPEND INBOX {%d+}\r\n%b" % (len(LONG), LONG)):
        assert b"d NO [UNAVAILABLE]" in imap.receive(b"d " + command + b"\r\n")
    assert len(inbox.scan()) == 1
    assert [path.name for path in (inbox.path / "tmp").iterdir() if not path.name.startswith(".")] == []
    assert b"e OK" in imap.receive(b"e STORE 1 +FLAGS.SILENT (\\Deleted)\r\n")
    assert b"f OK" in imap.receive(b"f EXPUNGE\r\n")
    assert b"g OK" in imap.receive(b"g DELETE Work\r\n")


def test_nobody_else_can_look_into_the_folder_of_a_lab(make_lab: Callable[..., Lab], tmp_path: Path) -> None:
    before = os.umask(0)  # whatever is allowed there is asked for
    try:
        lab = make_lab("two-offices", path=tmp_path / "above" / "kept")
        alice, bruno = lab.person("alice@academy.test"), lab.person("bruno@bakery.test")
        alice.send("bruno@bakery.test", "Bread", "x")
        lab.settle()
        lab.host("mx1.bakery.test").down()
        lab.host("mx2.bakery.test").down()
        alice.send("bruno@bakery.test", "waits", "x")
        bruno.create_folder("Work")
        bruno.flag(bruno.inbox()[0], "urgent")
        bruno.move(1, "Work")
        bruno.forward("bruno@bakery.test")
        bruno.device("phone").sync()
        bruno.device("laptop", "pop3").sync()
        paths = [tmp_path / "above", *(tmp_path / "above").rglob("*")]
        open_to_others = [str(path) for path in paths if path.lstat().st_mode & 0o077]
        lab.close()
    finally:
        os.umask(before)
    assert len(paths) > 60
    assert open_to_others == []
