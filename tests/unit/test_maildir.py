"""The Maildir: nothing is lost, no UID is given twice, whoever else is at work."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailcourse.internet.errors import LabError, UnknownName
from mailcourse.mailbox.accounts import Accounts
from mailcourse.mailbox.folders import Mailbox
from mailcourse.mailbox.listing import NoSuchMessage
from mailcourse.mailbox.maildir import Maildir
from mailcourse.mailbox.names import INFO, message_of

WHEN = datetime(2026, 9, 7, 8, tzinfo=UTC)


@pytest.fixture
def box(tmp_path: Path) -> Mailbox:
    made = Mailbox(tmp_path / "Maildir", uidvalidity=7)
    made.create()
    return made


def put(box: Mailbox, name: str, minutes: int = 0) -> str:
    return box.deliver([b"Subject: x\r\n\r\n", name.encode()], name, WHEN + timedelta(minutes=minutes))


def test_uids_follow_time_then_name_and_stay(box: Mailbox) -> None:
    for name, minutes in (("late", 5), ("b", 1), ("a", 1)):
        put(box, name, minutes)
    assert [one.read()[14:] for one in box.scan()] == [b"a", b"b", b"late"]
    put(box, "early", -60)
    assert [(one.uid, one.read()[14:]) for one in box.scan()] == [(1, b"a"), (2, b"b"), (3, b"late"), (4, b"early")]
    assert (box.uidvalidity, box.uidnext) == (7, 5)
    assert (box.path / ".uidvalidity").read_text() == "7 4"


def test_a_message_keeps_its_lab_time_size_and_identity(box: Mailbox) -> None:
    put(box, "1788768000.r2m14.1.mail.bakery.test", 3)
    one = box.scan()[0]
    assert (one.when, one.size, one.message) == (WHEN + timedelta(minutes=3), one.path.stat().st_size, "r2m14")
    assert box.see(one).path.name == f"1788768000.r2m14.1.mail.bakery.test,U=1{INFO}"


@pytest.mark.parametrize("name", ["1788768000.m1.1.h", "1788768000.s1.1.h", "1788768001.m1.1.h", "strange"])
@pytest.mark.parametrize("parts", [[b"a\r\n", b"b"], [b"a\n", b"b"], [b"a\r", b"\nb\n"], [b"\r\r\n\n"], []])
def test_the_size_is_that_with_crlf_however_the_lines_end(box: Mailbox, name: str, parts: list[bytes]) -> None:
    box.deliver(parts, name, WHEN)
    (one,) = box.scan()
    assert one.octets == box.octets_of(one) == len(one.read())


def test_a_file_that_somebody_edited_is_read_for_its_size(box: Mailbox) -> None:
    put(box, "1788768000.m1.1.h")
    (one,) = box.scan()
    one.path.write_bytes(b"a\nb\n")
    assert (one.size, one.octets) == (4, 6)
    os.utime(one.path, (WHEN.timestamp(), WHEN.timestamp()))  # as if nobody had
    assert one.octets == 4


@pytest.mark.parametrize("name", ["1.x1.h", "m1", "1.m1", "1.m.1.h", "1.mm1.1.h", ""])
def test_other_names_tell_no_identity(name: str) -> None:
    assert message_of(name) is None


def test_a_name_that_is_there_already_is_not_overwritten(box: Mailbox) -> None:
    assert put(box, "same") == "same"
    assert put(box, "same") == "same.1"
    box.scan()
    put(box, "same")  # free again, because a UID now stands in the first one's name
    assert [one.uid for one in box.scan()] == [1, 2, 3]
    (box.path / "tmp" / "busy").touch()  # somebody is writing
    assert put(box, "busy") == "busy.1"


# ---- crashes: the states that a killed process leaves ------------------------------------------------


def test_a_crash_before_the_rename_shows_no_half_message(box: Mailbox) -> None:
    (box.path / "tmp" / "1.m1.1.h").write_bytes(b"Subject: ha")
    assert box.scan() == []


def test_a_source_that_breaks_leaves_nothing(box: Mailbox) -> None:
    def parts() -> Iterator[bytes]:
        yield b"Subject: x\r\n"
        raise OSError("the queue file cannot be read")

    with pytest.raises(OSError, match="queue file"):
        box.deliver(parts(), "broken", WHEN)
    assert os.listdir(box.path / "tmp") == []
    assert box.scan() == []


def test_a_crash_after_the_state_file_skips_a_uid_and_never_gives_it_again(box: Mailbox) -> None:
    put(box, "first")
    box.scan()
    (box.path / ".uidvalidity").write_text("7 3")  # 2 and 3 were promised; the renames never happened
    put(box, "second")
    assert [one.uid for one in box.scan()] == [1, 4]


def test_the_uid_of_a_removed_message_is_not_used_again(box: Mailbox) -> None:
    put(box, "first")
    box.remove(box.scan()[0])
    put(box, "second")
    assert [one.uid for one in Maildir(box.path).scan()] == [2]


def test_a_lost_state_file_is_made_up_from_the_names(box: Mailbox) -> None:
    for name in "abc":
        put(box, name)
    box.scan()
    (box.path / ".uidvalidity").unlink()
    put(box, "d")
    assert [one.uid for one in box.scan()] == [1, 2, 3, 4]


def test_a_state_file_that_cannot_be_read_is_an_error_with_advice(box: Mailbox) -> None:
    put(box, "a")
    (box.path / ".uidvalidity").write_text("rubbish")
    with pytest.raises(LabError, match="Remove it"):
        box.scan()


# ---- other programs --------------------------------------------------------------------------------


def test_a_file_dropped_by_hand_is_noticed_and_gets_crlf(box: Mailbox) -> None:
    (box.path / "new" / "by-hand").write_bytes(b"Subject: x\n\nhello\n")
    one = box.scan()[0]
    assert (one.uid, one.flags, one.is_recent) == (1, frozenset(), True)
    assert box.read(one) == b"Subject: x\r\n\r\nhello\r\n"


@pytest.mark.parametrize("copied", ["other,U=1", "other,U=99"])
def test_a_file_copied_in_with_the_uid_of_another_folder_gets_a_new_one(box: Mailbox, copied: str) -> None:
    put(box, "mine")
    box.scan()
    (box.path / "cur" / f"{copied}{INFO}S").write_bytes(b"x")
    assert [(one.uid, one.path.name) for one in box.scan()] == [(1, "mine,U=1"), (2, f"other,U=2{INFO}S")]


def test_flags_are_one_rename_and_survive_another_session(box: Mailbox) -> None:
    put(box, "a")
    mine = theirs = box.scan()[0]
    box.change_flags(theirs, lambda now: frozenset("TF"))
    now = box.change_flags(mine, lambda flags: flags | {"S"})  # `mine` names a file that is gone
    assert now.path.name == f"a,U=1{INFO}FST"
    assert box.read(mine) == box.read(now)
    box.remove(mine)
    box.remove(mine)
    assert box.scan() == []
    with pytest.raises(NoSuchMessage, match="List it again"):
        box.change_flags(now, lambda now: frozenset("S"))


def test_two_writers_and_a_reader_lose_nothing_and_repeat_nothing(box: Mailbox) -> None:
    seen: dict[int, str] = {}
    faults: list[str] = []
    done = threading.Event()

    def write(who: str) -> None:
        for number in range(100):
            put(box, f"{number}.{who}" if number % 2 else f"{number}.both")

    def read() -> None:
        other = Maildir(box.path)
        while not done.is_set():
            for one in other.scan():
                base = one.path.name.split(",U=")[0]
                if seen.setdefault(one.uid, base) != base:
                    faults.append(f"UID {one.uid} is {base} and was {seen[one.uid]}")

    writers = [threading.Thread(target=write, args=(who,)) for who in "ab"]
    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert faults == []
    assert len(box.scan()) == 200
    assert len({one.uid for one in box.scan()}) == 200
    assert os.listdir(box.path / "tmp") in ([], [".uidvalidity"])


# ---- folders and accounts ----------------------------------------------------------------------------


def test_a_folder_has_uids_and_a_validity_of_its_own(box: Mailbox) -> None:
    sent = box.create_folder("Sent")
    put(sent, "a")
    assert [one.uid for one in box.folder("Sent").scan()] == [1]
    assert box.folders() == ["Sent"]
    assert box.scan() == []
    assert sent.uidvalidity != box.create_folder("Work/2026").uidvalidity != box.uidvalidity
    with pytest.raises(LabError, match="already"):
        box.create_folder("Sent")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/../b",
        "/",
        "/etc",
        "a//b",
        "a/",
        "a\x00b",
        "a\nb",
        "x" * 201,
        "é" * 101,
        "a/" * 20 + "a",
        "\u200b",
    ],
)
def test_no_name_of_a_folder_leads_out(box: Mailbox, name: str) -> None:
    before = set(box.path.parent.rglob("*"))
    with pytest.raises(LabError, match="cannot be the name"):
        box.create_folder(name)
    with pytest.raises(UnknownName):
        box.folder(name)
    assert set(box.path.parent.rglob("*")) == before


def test_accounts_check_passwords_whatever_the_case_of_the_name(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path)
    accounts.add("Bruno@bakery.test", "loaf", b"salt")
    assert accounts.check("bruno@BAKERY.test", "loaf")
    assert not accounts.check("bruno@bakery.test", "Loaf")
    assert not accounts.check("nobody@bakery.test", "loaf")
    assert not accounts.check("nobody@bakery.test", "")
    assert not accounts.check("bruno@bakery.test", "\udcff")
    assert accounts.mailbox("BRUNO@bakery.test").path == tmp_path / "bruno@bakery.test" / "Maildir"
    with pytest.raises(UnknownName, match="Known"):
        accounts.mailbox("nobody@bakery.test")


@pytest.mark.parametrize("person", ["..", ".", "../x@bakery.test", "a/b@bakery.test", "%2e%2e"])
def test_no_name_of_a_person_leads_out(tmp_path: Path, person: str) -> None:
    accounts = Accounts(tmp_path / "mail")
    accounts.add(person, "x", b"salt")
    folder = accounts.mailbox(person).path.resolve().parent
    assert folder.parent == (tmp_path / "mail").resolve()


def test_a_maildrop_is_held_by_one_session(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path)
    assert accounts.lock("bruno@bakery.test")
    assert not accounts.lock("BRUNO@bakery.test")
    accounts.unlock("bruno@bakery.test")
    assert accounts.lock("Bruno@bakery.test")
