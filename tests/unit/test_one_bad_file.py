"""One bad file is one bad file: whatever another program put into a mailbox, all other messages are there."""

from __future__ import annotations

import os
import poplib
import smtplib
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from mailcourse import Lab
from mailcourse.internet.errors import LabError
from mailcourse.mailbox.maildir import Maildir
from mailcourse.views import Person

ALICE, BRUNO = "alice@academy.test", "bruno@bakery.test"
CONTENT = b"From: alice@academy.test\r\nSubject: other\r\n\r\nx\r\n"


def folder(path: Path) -> None:
    path.mkdir()
    (path / "inside").write_bytes(CONTENT)


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(path.parent)  # the path of a socket is short
        try:
            made.bind(path.name)
        finally:
            os.chdir(here)


#: what is no message
THINGS: dict[str, Callable[[Path], object]] = {
    "folder": folder,
    "empty folder": Path.mkdir,
    "FIFO": os.mkfifo,
    "socket": unix_socket,
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "link to a folder": lambda path: path.symlink_to("/"),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "link to a FIFO": lambda path: (os.mkfifo(path.parent.parent / "pipe"), path.symlink_to("../pipe")),
}
#: names of messages that other systems make, or nobody
NAMES = [
    b"1788768000.V801I2a.mail,S=47,W=49:2,Sa",
    b"1788768000.P12Q3.mail!2,S",
    b"1788768000.P12Q4.mail;2,RS",
    b"1788768000.P12Q5.mail:1,x",
    b"1788768000.P12Q6.mail:2,S,U=5",
    b"1788768000.P12Q7.mail,U=0:2,",
    b"1788768000.P12Q8.mail,U=99999999999999999999:2,S",
    b"1788768000.P12Q9.mail,U=4294967296",
    "1788768000.P12Q10.mail,U=\u0664:2,S".encode(),
    b"1788768000.P12Q11.mail,U=1,U=1:2,S",
    b":2,S",
    b"\xff\xfe K\xe4se\n:2,S",
    b"n" * 255,
    "\u00e4".encode() * 127,
    b"x:2," + b"\xc3\xa4" * 120,
    b"spaces and 'quotes\" ; $(x)",
]


@pytest.fixture
def bruno(lab: Lab) -> Person:
    lab.person(ALICE).send(BRUNO, "one", "x")
    lab.person(ALICE).send(BRUNO, "two", "x")
    return lab.person(BRUNO)


def inbox(lab: Lab) -> Maildir:
    return lab.accounts["mail.bakery.test"].mailbox(BRUNO)


def subjects(bruno: Person) -> list[list[str]]:
    """What each way of looking shows."""
    device = bruno.device("laptop")
    device.sync()
    seen = [bruno.inbox(), bruno.search("ALL"), bruno.search("SUBJECT o"), bruno.fetch(), bruno.fetch("pop3")]
    return [[mail.subject for mail in mails] for mails in (*seen, device.messages())]


@pytest.mark.parametrize("part", ["new", "cur"])
@pytest.mark.parametrize("thing", THINGS)
def test_what_is_no_message_hides_none(lab: Lab, bruno: Person, thing: str, part: str) -> None:
    path = inbox(lab).path / part / "1788768000.m9.1.mail,U=1:2,S"
    THINGS[thing](path)
    assert subjects(bruno) == [["one", "two"]] * 6
    assert os.path.lexists(path)
    lab.person(ALICE).send(BRUNO, "three", "x")
    assert [mail.subject for mail in bruno.inbox()] == ["one", "two", "three"]
    bruno.delete(1)
    assert [mail.subject for mail in bruno.inbox()] == ["two", "three"]


@pytest.mark.parametrize("part", ["new", "cur"])
@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[2:30] for name in NAMES])
def test_a_name_of_another_system_is_a_message_and_is_renamed_once(
    lab: Lab, bruno: Person, name: bytes, part: str
) -> None:
    box = inbox(lab)
    path = os.fsencode(box.path / part) + b"/" + name
    Path(os.fsdecode(path)).write_bytes(CONTENT)
    assert sorted(mail.subject for mail in bruno.inbox()) == ["one", "other", "two"]
    bases = {entry.uid: entry.base for entry in box.scan()}
    assert len(bases) == 3
    looks = []
    for _ in range(3):
        assert sorted(subjects(bruno)[4]) == ["one", "other", "two"]
        looks.append({entry.uid: entry.name for entry in box.scan()})
    assert looks[0] == looks[1] == looks[2]
    assert {entry.uid: entry.base for entry in box.scan()} == bases
    (uid,) = [mail.uid for mail in bruno.inbox() if mail.subject == "other"]
    bruno.flag(uid, "flagged")
    assert [mail.uid for mail in bruno.inbox() if "\\Flagged" in mail.flags] == [uid]
    assert repr(bruno.files()).encode()


def test_a_message_that_cannot_be_read_hides_no_other(lab: Lab, bruno: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    (inbox(lab).path / "cur" / "1788768000.m9.1.mail:2,").write_bytes(CONTENT)
    assert len(bruno.inbox()) == 3
    bad = next(entry for entry in inbox(lab).scan() if entry.name.startswith("1788768000.m9.1.mail"))
    real_open, real_access = os.open, os.access

    def no_open(path: str, flags: int, mode: int = 0o777, **more: int) -> int:
        if "1788768000.m9.1.mail" in str(path):
            raise PermissionError(13, "Permission denied", path)
        return real_open(path, flags, mode, **more)

    monkeypatch.setattr(os, "open", no_open)
    monkeypatch.setattr(os, "access", lambda path, mode: "m9.1.mail" not in str(path) and real_access(path, mode))
    assert subjects(bruno) == [["one", "two"]] * 6
    with pytest.raises(LabError, match=r"UNAVAILABLE.*cannot be read"):
        bruno.read(bad.uid)
    assert len(bruno.fetch("pop3", delete=True)) == 2
    monkeypatch.undo()
    assert [mail.subject for mail in bruno.inbox()] == ["other"]  # what could not be fetched was not deleted


def test_nothing_can_be_read_is_no_empty_mailbox(lab: Lab, bruno: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def no_open(path: str, flags: int, mode: int = 0o777, **more: int) -> int:
        if "/cur/" in str(path) or "/new/" in str(path):
            raise PermissionError(13, "Permission denied", path)
        return real(path, flags, mode, **more)

    monkeypatch.setattr(os, "open", no_open)
    for look in (bruno.inbox, bruno.fetch, lambda: bruno.fetch("pop3")):
        with pytest.raises(LabError, match=r"cannot be read|removed|unavailable"):
            look()


def test_pop3_counts_as_it_did_at_log_in(lab: Lab, bruno: Person) -> None:
    lab.settle()
    with lab.online("laptop.bakery.test"):
        drop = poplib.POP3("mail.bakery.test")
        drop.user(BRUNO)
        drop.pass_(bruno.password)
        count, sizes = drop.stat(), drop.list()[1]
        bruno.delete(1)
        assert (drop.stat(), drop.list()[1], len(drop.uidl()[1])) == (count, sizes, 2)
        with pytest.raises(poplib.error_proto, match="removed by another program"):
            drop.retr(1)
        assert b"Subject: two" in drop.retr(2)[1]
        assert sum(len(line) + 2 for line in drop.retr(2)[1]) == int(sizes[1].split()[1])
        drop.dele(1)
        drop.dele(2)
        assert b"2 messages deleted" in drop.quit()
    assert len(bruno.inbox()) == 0


def test_a_folder_that_another_program_named_can_be_opened_and_a_damaged_one_hides_none(
    lab: Lab, bruno: Person
) -> None:
    box = inbox(lab)
    for name in (".Sent~1", ".a..b", ".%zz", ".&AOQ-", ". x ", ".Work"):
        Maildir(box.path / name).create()
    (box.path / ".Work" / "new").rmdir()
    (box.path / ".file").write_text("x")
    (box.path / ".half").mkdir()
    (box.path / "keywords").write_bytes(b"\xff\xfe\n")
    (box.path / "subscriptions").write_bytes(b"\xff\n")
    assert {"Sent~1", "Work", "&AOQ-"} <= {*bruno.folders()}
    for name in bruno.folders():
        if name != "Work":
            assert len(bruno.folder(name)) == (2 if name == "INBOX" else 0)
    with pytest.raises(LabError, match="UNAVAILABLE"):
        bruno.folder("Work")
    with pytest.raises(LabError, match="There is no folder 'Nothing'"):
        bruno.folder("Nothing")
    lab.person(ALICE).send(BRUNO, "three", "x")
    assert len(bruno.inbox()) == 3


def test_no_is_never_taken_for_yes(lab: Lab, bruno: Person, tmp_path: Path) -> None:
    box = inbox(lab)
    assert len(bruno.inbox()) == 2
    for part in ("cur", "new"):
        (box.path / part).rename(box.path / f"{part}-elsewhere")
    asked: list[Callable[[], object]] = [
        bruno.inbox,
        bruno.fetch,
        lambda: bruno.read(1),
        lambda: bruno.search("ALL"),
        lambda: bruno.flag(1),
        lambda: bruno.move(1, "Archive"),
        lambda: bruno.delete(1),
        lambda: bruno.fetch("pop3"),
        bruno.device("phone").sync,
        bruno.device("tablet", "pop3").sync,
    ]
    for ask in asked:
        with pytest.raises(LabError, match="says"):
            ask()


@pytest.mark.parametrize("length", [2049, 10_000, 65_535])
def test_what_our_servers_take_our_clients_can_fetch(lab: Lab, bruno: Person, length: int) -> None:
    lab.settle()
    line = "y" * length
    with lab.online("laptop.academy.test"), smtplib.SMTP("mx1.bakery.test") as server:
        server.sendmail(ALICE, [BRUNO], f"Subject: long\r\n\r\n{line}\r\n")
    lab.settle()
    for mails in (bruno.fetch(), bruno.fetch("pop3")):
        assert mails[-1].raw.endswith(line.encode() + b"\r\n")
    for protocol in ("imap", "pop3"):
        device = bruno.device("laptop", protocol)
        device.sync()
        assert device.messages()[-1].raw.endswith(line.encode() + b"\r\n")


def test_a_megabyte_without_a_line_end_that_was_appended_can_be_fetched(lab: Lab, bruno: Person) -> None:
    with bruno.session() as server:
        server.append("INBOX", b"Subject: long\r\n\r\n" + b"y" * 1_000_000, (), lab.clock.now())
    for mails in (bruno.fetch(), bruno.fetch("pop3")):
        assert mails[-1].raw.rstrip(b"\r\n").endswith(b"y" * 1_000_000)
