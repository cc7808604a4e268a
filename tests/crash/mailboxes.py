"""Cut a mailbox off after each step of the disk, open it again, and compare with what was promised.

    python tests/crash/mailboxes.py           every step of the story, one after the other

The first process plays IMAP and POP3 commands, writes down before each what it is about to do and after its OK
what the mailbox holds, and is stopped after each step.  Another opens a copy of the folder and looks:

    changed     what had its OK is not there, or what nobody touched is different      must be 0
    reused      a UID means another message than before, or comes back                 must be 0
    halved      a message is not whole                                                 must be 0
    left        something stays in tmp/                                                must be 0
    unusable    the mailbox does not take another message                              must be 0
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import Stopping, after_every_step

from mailcourse.access.imap.session import ImapSession
from mailcourse.access.pop3 import Pop3Session
from mailcourse.internet.connection import Connection
from mailcourse.internet.disk import Disk
from mailcourse.internet.trace import Trace
from mailcourse.mailbox.accounts import Accounts
from mailcourse.mailbox.folders import Mailbox

BRUNO, HOST = "bruno@bakery.test", "mail.bakery.test"
START = datetime(2026, 9, 7, 8, tzinfo=UTC)
LONG, PACKET = 70_000, 16_384


def message(number: str) -> bytes:
    """Return the message with this number; number "long" goes to the disk as it comes."""
    body = b"x" * (LONG if number == "long" else 100)
    return b"Subject: %b\r\n\r\n%b\r\nthe end of %b\r\n" % (number.encode(), body, number.encode())


def literal(number: str) -> bytes:
    """Return a message as APPEND takes it."""
    return b"{%d+}\r\n" % len(message(number)) + message(number)


#: what may differ while the command has no OK yet, and the command
STORY: list[tuple[str, bytes]] = [
    ("more", b"APPEND INBOX (\\Seen urgent) " + literal("a1")),
    ("more", b"APPEND INBOX " + literal("a2") + b" (\\Flagged later) " + literal("a3")),
    ("flags", b"STORE 1:3 +FLAGS (\\Flagged todo)"),
    ("names", b"CREATE Work/2026"),
    ("more", b"COPY 1:2 Work/2026"),
    ("places", b"MOVE 3:4 Work/2026"),
    ("names", b"RENAME Work/2026 Office"),
    ("names", b"SUBSCRIBE Office"),
    ("flags", b"STORE 2:3 +FLAGS.SILENT (\\Deleted)"),
    ("less", b"UID EXPUNGE 2"),
    ("less", b"EXPUNGE"),
    ("more", b"APPEND Office " + literal("long")),
    ("names", b"CREATE Bin (USE (\\Trash))"),
    ("places", b"MOVE 1 Bin"),
    ("less", b"DELETE Bin"),
    ("deliver", b""),
    ("flags", b"NOOP"),
    ("less", b"POP3"),
    ("names", b"CREATE Bin"),
    ("more", b"APPEND Bin " + literal("last")),
]


class LaterStopping(Stopping):
    """A disk that stops the process once the story has begun."""

    begun = False

    def done(self, step: str, path: Path | str) -> None:
        """Stop, or not yet."""
        if self.begun:
            super().done(step, path)


class Still:
    """A clock that stands."""

    def now(self) -> datetime:
        """Return the time."""
        return START


def opened(folder: Path, disk: Disk) -> Accounts:
    """Open the mailbox, as a server does when it starts."""
    accounts = Accounts(folder, disk)
    accounts.add(BRUNO, "loaf", b"salt")
    accounts.mailbox(BRUNO).sweep(HOST)
    return accounts


def session(kind: type[ImapSession] | type[Pop3Session], accounts: Accounts) -> Any:
    """Begin a session."""
    made = kind(accounts, HOST, Trace(Still()), Connection(1, "laptop", "192.0.2.1", "192.0.2.2", 143), tls=False)
    made.greeting()
    made.receive(
        b"USER bruno@bakery.test\r\nPASS loaf\r\n" if kind is Pop3Session else b"a LOGIN bruno@bakery.test loaf\r\n"
    )
    return made


def state(box: Mailbox) -> dict[str, list[Any]]:
    """Return what a mailbox holds: "UIDVALIDITY.UID" → subject, flags and keywords."""
    found = {}
    for folder in [box, *(box.folder(name) for name in box.folders())]:
        for stored in folder.scan():
            content = folder.read(stored)
            subject = re.match(rb"Subject: (\w+)\r\n", content)
            number = subject[1].decode() if subject else ""
            flags = sorted(f for f in stored.flags if f.isupper()) + sorted(folder.keywords.of(stored.flags))
            is_whole = content == message(number)
            found[f"{folder.uidvalidity}.{stored.uid}"] = [number if is_whole else "halved", flags]
    return found


def first(folder: Path, log: int) -> None:
    """The process that is stopped."""
    accounts = opened(folder, disk := LaterStopping())
    box = accounts.mailbox(BRUNO)
    for number in range(1, 6):
        box.deliver([message(f"m{number}")], f"1788768000.m{number}.1.{HOST}", START)
    imap = session(ImapSession, accounts)
    imap.receive(b"b SELECT INBOX\r\n")
    os.write(log, json.dumps({"did": "start", "state": state(box)}).encode() + b"\n")
    disk.begun = True
    for kind, command in STORY:
        os.write(log, json.dumps({"doing": kind}).encode() + b"\n")
        if kind == "deliver":
            box.deliver([message("new")], f"1788768000.m9.1.{HOST}", START)
        elif command == b"POP3":
            told = session(Pop3Session, accounts).receive(b"DELE 1\r\nDELE 2\r\nQUIT\r\n")
            assert told.endswith(b"+OK goodbye, 2 messages deleted\r\n"), told
        else:
            octets = b"c " + command + b"\r\n"
            told = b"".join(imap.receive(octets[start : start + PACKET]) for start in range(0, len(octets), PACKET))
            assert b"\r\nc OK" in b"\r\n" + told, (command[:40], told)
        os.write(log, json.dumps({"did": kind, "state": state(box)}).encode() + b"\n")


def second(folder: Path, log: Path) -> dict[str, int]:
    """The process that looks."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    history: dict[str, str] = {}
    for line in lines:
        history |= {key: subject for key, (subject, _) in line.get("state", {}).items()}
    before = next(line["state"] for line in reversed(lines) if "state" in line)
    doing = lines[-1].get("doing", "nothing")
    accounts = opened(folder, Disk())
    box = accounts.mailbox(BRUNO)
    now = state(box)
    result = Counter(changed=0, reused=0, halved=0, left=0, unusable=0)
    result["changed"] += not allowed(doing, before, now)
    result["halved"] += sum(subject == "halved" for subject, _ in now.values())
    result["reused"] += sum(key in history and history[key] != subject for key, (subject, _) in now.items())
    for each in [box, *(box.folder(name) for name in box.folders())]:
        given = [int(key.partition(".")[2]) for key in history if key.startswith(f"{each.uidvalidity}.")]
        result["reused"] += each.uidnext <= max(given, default=0)
        result["left"] += len([p for p in (each.path / "tmp").iterdir() if not p.name.startswith(".")])
    told = session(ImapSession, accounts).receive(b"b APPEND INBOX " + literal("after") + b"\r\nc SELECT INBOX\r\n")
    fresh = re.search(rb"APPENDUID (\d+) (\d+)", told)
    result["unusable"] += fresh is None or b"c OK" not in told
    result["reused"] += fresh is not None and b"%b.%b" % fresh.groups() in [key.encode() for key in history]
    return dict(result)


def allowed(doing: str, before: dict[str, list[Any]], now: dict[str, list[Any]]) -> bool:
    """True when what is there is what had its OK, give or take what the cut command was about."""
    kept = {key: value for key, value in before.items() if key in now}
    subjects, were = (Counter(subject for subject, _ in view.values()) for view in (now, before))
    if doing in ("nothing", "names"):
        return now == before
    if doing in ("more", "deliver"):
        return kept == before and all(now[key] == value for key, value in before.items())
    if doing == "flags":
        return {key: value[0] for key, value in now.items()} == {key: value[0] for key, value in before.items()}
    if doing == "places":
        return subjects == were
    return doing == "less" and all(key in before and before[key] == value for key, value in now.items())


def cut_after_every_step(first: Callable[[Path, int], None], second: Callable[[Path, Path], dict[str, int]]) -> None:
    """Print the sum of all tries as JSON."""
    total: Counter[str] = Counter()
    wrong = []
    for number, counts in enumerate(after_every_step(first, second), 1):
        total.update(counts)
        if any(counts.values()):
            wrong.append([number, counts])
    print(json.dumps({"tries": number, **total, "wrong after": wrong}))


if __name__ == "__main__":
    cut_after_every_step(first, second)
