"""What the name of a file in a Maildir says.

    1788768000.m1.1.mail.bakery.test,U=7:2,FSa
    └────────────── base ──────────┘   │    └─ flags
    time, message, copy, host          UID

Flags: S seen, R replied, F flagged, T trashed, D draft, P passed on; a to z are keywords (`keywords.py`).
On Windows a semicolon stands for the colon, which no name may have there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

#: letter -> the word of IMAP, in the order of RFC 3501 §2.3.2; P has none
FLAG_WORDS = {"S": "\\Seen", "R": "\\Answered", "F": "\\Flagged", "T": "\\Deleted", "D": "\\Draft"}
KEYWORDS = "abcdefghijklmnopqrstuvwxyz"
KNOWN = frozenset(FLAG_WORDS) | frozenset("P" + KEYWORDS)
#: What separates a name from its flags.
INFO = ";2," if os.name == "nt" else ":2,"
NAME = re.compile(r"(?P<base>.*?)(?:,U=(?P<uid>[0-9]{1,10}))?(?P<info>[:;!]2,(?P<flags>[^:;!=]*))?", re.DOTALL)
#: Octets of a base and of flags, so that the whole name fits a disk; UIDs of 32 bits (RFC 3501 §9); the year 9999.
MAX_BASE, MAX_INFO, MAX_UID, MAX_TIME = 190, 40, 2**32 - 1, 253_402_300_799
#: Windows would translate line ends; who opens a FIFO would wait.
READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
MAX_AT_ONCE = 16 * 1024  # octets read by one call; more takes longer when they are not there
OURS = re.compile(r"(\d+)\.(?:r\d+)?[ms]\d+\.")  # the names that `deliver.py` and IMAP's APPEND make
IDENTITY = re.compile(r"(?:r\d+)?m\d+")
Flags = frozenset[str]
FlagChange = Callable[[Flags], Flags]


@dataclass(frozen=True, slots=True)
class MessageFile:
    """One message of a folder, as it was when the folder was listed: another program may rename it meanwhile."""

    uid: int
    folder: str  # the path of the Maildir
    name: str
    flags: frozenset[str]
    is_recent: bool  # still in new/

    @property
    def path(self) -> Path:
        """Where the file is."""
        return Path(self.folder, "new" if self.is_recent else "cur", self.name)

    @property
    def base(self) -> str:
        """The part of the name that never changes."""
        return base_of(self.name)

    @property
    def message(self) -> str | None:
        """The message's identity in the trace, when the name has it."""
        return message_of(self.name)

    @property
    def size(self) -> int:
        """Octets on disk."""
        return os.stat(self._where).st_size

    @property
    def when(self) -> datetime:
        """INTERNALDATE: when the message came here; the time of the file."""
        return datetime.fromtimestamp(min(max(int(os.stat(self._where).st_mtime), 0), MAX_TIME), UTC)

    @property
    def _where(self) -> str:
        return f"{self.folder}/{'new' if self.is_recent else 'cur'}/{self.name}"

    @property
    def octets(self) -> int:
        """Octets with CRLF line ends.

        A file that has the very time in its name is as `Maildir.write` left it, and need not be read for that.
        """
        about, ours = os.stat(self._where), OURS.match(self.name)
        is_untouched = ours is not None and int(ours[1]) * 1_000_000_000 == about.st_mtime_ns
        return about.st_size if is_untouched or not os.access(self._where, os.R_OK) else len(self.read())

    def read(self) -> bytes:
        """Return the message, with CRLF line ends, also when a foreign program wrote it with LF alone."""
        content = _content(self._where)
        if content.count(b"\n") == content.count(b"\r\n"):
            return content
        return content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _content(path: str) -> bytes:
    """Read a file in as few calls as can be: of five thousand messages each call counts."""
    descriptor = os.open(path, READ)
    pieces = []
    try:
        while piece := os.read(descriptor, MAX_AT_ONCE):
            pieces.append(piece)
    finally:
        os.close(descriptor)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def read_name(folder: str, name: str, *, is_recent: bool) -> MessageFile | None:
    """Read a file's name; None when it does not name a message.  UID 0 means that it has none yet."""
    match = NAME.fullmatch(name)
    if match is None or name.startswith("."):
        return None
    uid = int(match["uid"] or 0)
    return MessageFile(uid if uid <= MAX_UID else 0, folder, name, _flags(match["flags"] or ""), is_recent)


@lru_cache(1000)  # five thousand messages have a handful of different sets
def _flags(letters: str) -> frozenset[str]:
    return frozenset(letters) & KNOWN


def write_name(name: str, uid: int, flags: frozenset[str]) -> str:
    """Return the name that a message has in cur/.

    >>> write_name("1.m1.1.h,U=3:2,S", 7, frozenset("F")).replace(";", ":")
    '1.m1.1.h,U=7:2,F'
    """
    return f"{_short(base_of(name))},U={uid}{INFO}{''.join(sorted(flags))}"


def renumber(name: str, uid: int) -> str:
    """Return the name with this UID, and everything else as it was.

    >>> renumber("1.m1.1.h,U=3:2,S", 7), renumber("1.m1.1.h", 7)
    ('1.m1.1.h,U=7:2,S', '1.m1.1.h,U=7')
    """
    match = NAME.fullmatch(name)
    assert match is not None  # it matches every name
    return f"{_short(match['base'])},U={uid}{_short(match['info'] or '', MAX_INFO)}"


def _short(text: str, max_octets: int = MAX_BASE) -> str:
    """Cut what another program made too long to be written with a UID."""
    octets = os.fsencode(text)
    return text if len(octets) <= max_octets else os.fsdecode(octets[:max_octets])


def base_of(name: str) -> str:
    """Return the part of a file name that never changes.

    >>> base_of("1788768000.m1.1.mail.bakery.test,U=7:2,S")
    '1788768000.m1.1.mail.bakery.test'
    """
    match = NAME.fullmatch(name)
    return match["base"] if match else name


def origin_of(name: str) -> str:
    """Return the second part of a file name, which says what message this is a copy of; empty in foreign names.

    >>> origin_of("1788768000.m1.1.mail.bakery.test,U=7:2,S")
    'm1'
    """
    parts = name.split(".")
    return parts[1] if len(parts) > 2 else ""


def message_of(name: str) -> str | None:
    """Return the trace identity that a file name carries; None when another program chose the name."""
    origin = origin_of(name)
    return origin if IDENTITY.fullmatch(origin) else None
