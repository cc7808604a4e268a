"""Accounts: who has a mailbox on this host, and what proves it.

    mail/alice@academy.test/Maildir/
    mail/alice@academy.test/forward     where mail goes instead, one address a line; her own keeps a copy

A quota counts the octets of all folders.
Passwords are kept as salted scrypt hashes (RFC 7914), in memory alone; checking one takes as long for people that do
not exist, so that the time taken reveals nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Iterable
from pathlib import Path

from mailcourse.internet.disk import Disk
from mailcourse.internet.errors import unknown
from mailcourse.message.reply import Reply

from .folders import Mailbox
from .uids import replace

#: scrypt's cost: a millisecond, enough to show the idea; a server at home takes n=2**14 or more.  Each lab that opens
#: hashes four passwords, and each log-in one: at 2**12 that was half of the time in which a lab opens.
COST = {"n": 2**8, "r": 8, "p": 1}


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "surrogateescape"), salt=salt, **COST)


def _folder(person: str) -> str:
    # A dot in front is written %2e, so that no name means "." or "..".
    return re.sub(r"^\.|[^a-z0-9@.+_-]", lambda m: f"%{ord(m[0]):02x}", person.lower())


class Accounts:
    """The people with a mailbox on one host.  Names are compared ignoring case."""

    def __init__(self, root: Path, disk: Disk | None = None) -> None:
        self._root, self._disk = root, disk or Disk()
        self._secrets: dict[str, tuple[bytes, bytes]] = {}
        self._mailboxes: dict[str, Mailbox] = {}
        self._in_use: set[str] = set()
        self._forwards: dict[str, list[str]] = {}  # folder of a person -> targets
        self._quotas: dict[str, int] = {}
        self.over_quota = "refuse"  # a setting of the mail server here
        self.full: set[str] = set()  # as if the quota were used up; a switch of the lab
        self._lock = threading.Lock()

    def add(self, person: str, password: str, salt: bytes, quota: int | None = None) -> None:
        """Give `person` a mailbox, a password, and perhaps a quota in octets."""
        key = person.lower()
        self.limit(key, quota)
        self.set_password(key, password, salt)
        folder = self._root / _folder(key) / "Maildir"
        self._mailboxes[key] = Mailbox(folder, disk=self._disk)
        self._mailboxes[key].create()

    def remove(self, person: str) -> None:
        """Take a person's account away; the mailbox stays on the disk, and an account of that name finds it again."""
        for table in (self._mailboxes, self._secrets, self._quotas):
            table.pop(person.lower(), None)

    def set_password(self, person: str, password: str, salt: bytes) -> None:
        """Give a person another password."""
        self._secrets[person.lower()] = (salt, _hash(password, salt))

    def limit(self, person: str, quota: int | None) -> None:
        """Give a person's mailbox a quota in octets, or none."""
        if quota is None:
            self._quotas.pop(person.lower(), None)
        else:
            self._quotas[person.lower()] = quota

    def quota(self, person: str) -> int | None:
        """Return the octets that a mailbox may have; None when nobody counts."""
        return self._quotas.get(person.lower())

    def check(self, person: str, password: str) -> bool:
        """True when the password is right.  Blocking, about a millisecond."""
        salt, secret = self._secrets.get(person.lower(), (b"nobody", b""))
        return hmac.compare_digest(_hash(password, salt), secret)

    def mailbox(self, person: str) -> Mailbox:
        """Return the inbox of a person that exists."""
        try:
            return self._mailboxes[person.lower()]
        except KeyError:
            raise unknown("mailbox", person, self._mailboxes) from None

    def used(self, person: str) -> int:
        """Return the octets that a person's messages take."""
        inbox = self.mailbox(person)
        boxes = [inbox, *(inbox.folder(name) for name in inbox.folders())]
        return sum(box.octets() for box in boxes)

    def is_full(self, person: str) -> bool:
        """True when nothing more goes into the mailbox."""
        quota = self._quotas.get(person)
        return person in self.full or (quota is not None and self.used(person) >= quota)

    def no_room(self, person: str, size: int) -> Reply | None:
        """Return why a message of `size` octets does not go into the mailbox; None when it does."""
        quota = self._quotas.get(person)
        if quota is not None and size > quota:
            return Reply(552, "5.2.3", f"the message is bigger than the whole mailbox of {person} may be")
        if person in self.full or (quota is not None and self.used(person) + size > quota):
            return self.full_reply(person)
        return None

    def full_reply(self, person: str) -> Reply:
        """Return what the host's policy says of a full mailbox: never, or later (RFC 3463 §3.3 allows both)."""
        later = self.over_quota == "try-later"
        return Reply(452 if later else 552, "4.2.2" if later else "5.2.2", f"the mailbox of {person} is full")

    def forwards(self, person: str) -> list[str]:
        """Return where a person's mail is forwarded to; empty when it stays.  Read once: it is asked at each RCPT."""
        folder = _folder(person)
        if folder not in self._forwards:
            try:
                targets = (self._root / folder / "forward").read_text(encoding="utf-8").split()
            except FileNotFoundError:
                targets = []
            self._forwards[folder] = targets
        return list(self._forwards[folder])

    def forward(self, person: str, targets: Iterable[str]) -> None:
        """Forward a person's mail to `targets`; to nobody means: keep it."""
        maildir = self.mailbox(person).path
        text = "".join(f"{target}\n" for target in targets)
        replace(maildir.parent / "forward", text, maildir / "tmp", self._disk)
        self._forwards[_folder(person)] = text.split()

    def lock(self, person: str) -> bool:
        """Take the maildrop for one POP3 session; False when another has it (RFC 1939 §8)."""
        with self._lock:
            if person.lower() in self._in_use:
                return False
            self._in_use.add(person.lower())
            return True

    def unlock(self, person: str) -> None:
        """Give the maildrop back."""
        with self._lock:
            self._in_use.discard(person.lower())
