"""Accounts: who has a mailbox on this host, and what proves it.

    mail/alice@academy.test/Maildir/

Passwords are kept as salted scrypt hashes (RFC 7914); checking one takes some milliseconds, for
people that do not exist too, so that time tells nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from pathlib import Path

from mailcourse.internet.errors import unknown

from .maildir import Maildir

#: scrypt's cost: enough to show the idea, small enough for a class of thirty on one machine.
COST = {"n": 2**12, "r": 8, "p": 1}


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "surrogateescape"), salt=salt, **COST)


class Accounts:
    """The people with a mailbox on one host.  Names are compared without regard to case."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._secrets: dict[str, tuple[bytes, bytes]] = {}
        self._mailboxes: dict[str, Maildir] = {}
        self._in_use: set[str] = set()
        self._lock = threading.Lock()

    def add(self, person: str, password: str, salt: bytes) -> None:
        """Give `person` a mailbox and a password."""
        key = person.lower()
        self._secrets[key] = (salt, _hash(password, salt))
        # A dot in front is written %2e, so that no name means "." or "..".
        safe = re.sub(r"^\.|[^a-z0-9@.+_-]", lambda m: f"%{ord(m[0]):02x}", key)
        folder = self._root / safe / "Maildir"
        self._mailboxes[key] = Maildir(folder).create()

    def check(self, person: str, password: str) -> bool:
        """True when the password is right.  Blocking, some milliseconds."""
        salt, secret = self._secrets.get(person.lower(), (b"nobody", b""))
        return hmac.compare_digest(_hash(password, salt), secret)

    def mailbox(self, person: str) -> Maildir:
        """Return the inbox of a person that exists."""
        try:
            return self._mailboxes[person.lower()]
        except KeyError:
            raise unknown("mailbox", person, self._mailboxes) from None

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
