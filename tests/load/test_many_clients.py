"""Ten clients at random work on one mailbox: at the end all of them, the server and the files agree.

Every message has a place, a folder and a UID, that never means another message.  The ledger knows of each
place how it came about (APPENDUID, COPYUID) and what may have become of it; at the end each file must be
accounted for, and each place that nobody cleared must be filled.
"""

from __future__ import annotations

import imaplib
import os
import poplib
import random
import re
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from mailcourse import Lab
from mailcourse.mailbox.maildir import Maildir

HOST, ALICE, BRUNO = "mail.bakery.test", "alice@academy.test", "bruno@bakery.test"
SECONDS = 30 if os.environ.get("MAILCOURSE_LONG") else 5
FOLDERS = ("INBOX", "Work", "Bin")
FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "urgent", "later")
WORK = ("append", "append", "flag", "flag", "move", "copy", "remove", "listen", "change_folder")
Place = tuple[str, int]


class Ledger:
    """What clients did to which place; written after the OK."""

    def __init__(self) -> None:
        self._lock, self._numbers = threading.Lock(), 0
        self.made: dict[Place, str | None] = {}  # place → subject, if the client knew it
        self.left: set[Place] = set()  # moved away
        self.removed: set[Place] = set()  # perhaps: flagged and expunged, while others change flags too
        self.faults: list[str] = []

    def number(self) -> str:
        with self._lock:
            self._numbers += 1
            return f"n{self._numbers}"

    def make(self, place: Place, subject: str | None) -> None:
        with self._lock:
            if place in self.made:
                self.faults.append(f"{place} was given twice")
            self.made[place] = subject


def numbers(text: bytes) -> list[int]:
    """Read a set such as 1:3,7."""
    ends = [[int(end) for end in piece.split(b":")] for piece in text.split(b",")]
    return [number for pair in ends for number in range(pair[0], pair[-1] + 1)]


class Imap:
    """One IMAP client; what it believes of its folder is made of what it was told."""

    def __init__(self, lab: Lab, seed: int, ledger: Ledger) -> None:
        self._random, self._ledger = random.Random(seed), ledger
        self._imap = imaplib.IMAP4(*lab.endpoint(HOST, 143), timeout=30)
        self._imap.login(BRUNO, lab.person(BRUNO).password)
        self.open("INBOX")

    def open(self, folder: str) -> None:
        self.folder = folder
        self._imap.select(folder)
        self._imap.untagged_responses.clear()
        _, found = self._imap.uid("SEARCH", "ALL")
        self.view = [int(uid) for uid in (found[0] or b"").split()]
        self._hear()

    def do(self, method: str, *arguments: str | bytes) -> tuple[str, list[Any], bytes | None]:
        """Give one command and hear what is new; return how it ended, and the code that names new UIDs."""
        kind, data = getattr(self._imap, method)(*arguments)
        code = [self._imap.response(name)[1][0] for name in ("APPENDUID", "COPYUID")]
        self._hear()
        return kind, data, code[0] or code[1]

    def _hear(self) -> None:
        """EXPUNGE takes a message out of the view, EXISTS asks for those that came."""
        said = self._imap.untagged_responses
        for number in said.pop("EXPUNGE", []):
            del self.view[int(number) - 1]
        exists = said.pop("EXISTS", [])
        said.clear()
        if exists and int(exists[-1]) > len(self.view):
            before = len(self.view)
            _, found = self._imap.fetch(f"{before + 1}:{int(exists[-1])}", "(UID)")
            pairs = [re.match(rb"(\d+) \(UID (\d+)\)", item) for item in found if item]
            self.view += [int(pair[2]) for pair in pairs if pair is not None and int(pair[1]) > before]
            self._hear()

    def step(self) -> None:
        getattr(self, self._random.choice(WORK))()

    def _some(self, most: int) -> list[int]:
        return self._random.sample(self.view, min(len(self.view), self._random.randint(1, most)))

    def append(self) -> None:
        subject, folder = self._ledger.number(), self._random.choice(FOLDERS)
        _, _, code = self.do("append", folder, "", "", f"Subject: {subject}\r\n\r\nx\r\n".encode())
        assert code is not None
        self._ledger.make((folder, int(code.split()[1])), subject)

    def flag(self) -> None:
        if chosen := self._some(4):
            how = self._random.choice(("+FLAGS", "-FLAGS", "FLAGS"))
            self.do("uid", "STORE", ",".join(map(str, chosen)), how, f"({self._random.choice(FLAGS)})")

    def move(self) -> None:
        self._transfer("MOVE", self._some(3))

    def copy(self) -> None:
        self._transfer("COPY", self._some(2))

    def _transfer(self, how: str, chosen: list[int]) -> None:
        if not chosen:
            return
        source, target = self.folder, self._random.choice(FOLDERS)
        _, _, code = self.do("uid", how, ",".join(map(str, chosen)), target)
        if code is not None:
            _, old, new = code.split()
            for before, after in zip(numbers(old), numbers(new), strict=True):
                self._ledger.make((target, after), self._ledger.made.get((source, before)))
                if how == "MOVE":
                    self._ledger.left.add((source, before))

    def remove(self) -> None:
        for uid in self._some(1):
            self._ledger.removed.add((self.folder, uid))
            self.do("uid", "STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)")
            self.do("uid", "EXPUNGE", str(uid))

    def listen(self) -> None:
        self.do("noop")

    def change_folder(self) -> None:
        self.open(self._random.choice(FOLDERS))

    def flags(self) -> dict[int, frozenset[str]]:
        """What the server says of every message of the folder."""
        self.do("noop")
        _, found = self._imap.uid("FETCH", "1:*", "(FLAGS)")
        pairs = [re.search(rb"UID (\d+) FLAGS \(([^)]*)\)", item) for item in found if item]
        words = {int(pair[1]): pair[2].decode().split() for pair in pairs if pair is not None}
        return {uid: frozenset(said) - {"\\Recent"} for uid, said in words.items()}


class Pop3:
    """One POP3 client: comes, deletes a message now and then, and goes."""

    def __init__(self, lab: Lab, seed: int, ledger: Ledger) -> None:
        self._lab, self._random, self._ledger = lab, random.Random(seed), ledger

    def step(self) -> None:
        client = poplib.POP3(*self._lab.endpoint(HOST, 110), timeout=30)
        with suppress(poplib.error_proto):  # another session has the maildrop, or took the message
            client.user(BRUNO)
            client.pass_(self._lab.person(BRUNO).password)
            names = [line.decode().split() for line in client.uidl()[1]]
            if names:
                number, name = self._random.choice(names)
                client.retr(int(number))
                self._ledger.removed.add(("INBOX", int(name.split(".")[1])))
                client.dele(int(number))
        client.quit()


def work(client: Imap | Pop3, end: float, ledger: Ledger) -> None:
    try:
        while time.monotonic() < end:
            client.step()
    except Exception as error:  # told in the test's own thread
        ledger.faults.append(f"{type(client).__name__}: {error!r}")


def filled(box: Maildir, name: str) -> dict[Place, tuple[str, frozenset[str]]]:
    """What the files say: place → subject, letters of its flags."""
    found = {}
    for stored in box.scan():
        subject = re.search(rb"^Subject: (\w+)\r$", box.read(stored), re.MULTILINE)
        assert subject is not None
        found[name, stored.uid] = subject[1].decode(), stored.flags
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1])
def test_ten_clients_at_random_work_agree_at_the_end_with_the_server_and_the_files(lab: Lab, seed: int) -> None:
    bruno, ledger = lab.person(BRUNO), Ledger()
    for folder in FOLDERS[1:]:
        bruno.create_folder(folder)
    clients = [Imap(lab, seed * 100 + number, ledger) for number in range(8)]
    others = [Pop3(lab, seed * 100 + number, ledger) for number in (8, 9)]
    end = time.monotonic() + SECONDS
    threads = [threading.Thread(target=work, args=(client, end, ledger)) for client in [*clients, *others]]
    for thread in threads:
        thread.start()
    delivered = 0
    while time.monotonic() < end:  # and meanwhile mail arrives
        lab.person(ALICE).send(BRUNO, f"d{delivered}", "x")
        lab.settle()
        delivered += 1
    for thread in threads:
        thread.join()
    assert ledger.faults == []

    inbox = lab.accounts[HOST].mailbox(BRUNO)
    boxes = {"INBOX": inbox, **{name: inbox.folder(name) for name in FOLDERS[1:]}}
    files = {place: said for name, box in boxes.items() for place, said in filled(box, name).items()}
    gone = ledger.left | ledger.removed
    assert {place for place in ledger.made if place not in gone} <= files.keys(), "lost"
    assert files.keys() & ledger.left == set(), "moved, and still there"
    arrived = (files.keys() | gone) - ledger.made.keys()
    assert {folder for folder, _ in arrived} <= {"INBOX"}, "a message that nobody put there"
    assert len(arrived) == delivered, "lost or doubled on arrival"
    known = {place: subject for place, subject in ledger.made.items() if subject is not None and place in files}
    assert {place: files[place][0] for place in known} == known, "a UID means another message"

    views: dict[str, list[Any]] = {}
    for client in clients:
        flags = client.flags()
        assert sorted(flags) == client.view == sorted(uid for folder, uid in files if folder == client.folder)
        views.setdefault(client.folder, []).append(flags)
    for folder, seen in views.items():
        assert all(view == seen[0] for view in seen)
        seen_letters = {uid: "\\Seen" in said for uid, said in seen[0].items()}
        assert seen_letters == {uid: "S" in files[folder, uid][1] for uid in seen[0]}
        keywords = boxes[folder].keywords
        for uid, said in seen[0].items():
            assert {word for word in said if word[0] != "\\"} == {*keywords.of(files[folder, uid][1])}
    assert [event.sentence() for event in lab.trace if event.what == "warning"] == []
    print(f"{len(ledger.made)} places made by clients, {delivered} messages delivered, {len(gone)} places cleared")
