"""Maildir: one message, one file; what a mailbox knows stands in the names.

    tmp/1788768000.m1.1.mail.bakery.test                being written
    new/1788768000.m1.1.mail.bakery.test                delivered; nobody has looked yet
    new/1788768000.m1.1.mail.bakery.test,U=7            has its UID
    cur/1788768000.m1.1.mail.bakery.test,U=7:2,FS       has been seen by a reader; flags F and S
    .uidvalidity                                        "3 7": UIDVALIDITY 3, last UID 7
    .Sent/                                              another folder, of the same form (Maildir++)

Delivery takes no lock: write in tmp, sync, rename into new.  A crash before the rename leaves a file
in tmp/ that nobody reads; after it, a whole message is in new/.  A reader gives UIDs, in the order of
arrival, under a lock and only after the new last UID is on disk: a crash can skip a UID, and never
gives one twice (RFC 3501 §2.3.1.1).  Every change of a message is one rename.
    Flags: D draft, F flagged, P passed, R replied, S seen, T trashed.
Knows names and renames.  Does not know mail: the bytes are never parsed.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

import filelock

from mailcourse.internet.disk import Disk
from mailcourse.internet.errors import LabError

FLAGS = frozenset("DFPRST")
#: What stands between a name and its flags; Windows allows no colon in a name.
INFO = ";2," if os.name == "nt" else ":2,"
NAME = re.compile(r"(?P<base>.*?)(?:,U=(?P<uid>\d+))?(?:[:;!]2,(?P<flags>.*))?")
IDENTITY = re.compile(r"(?:r\d+)?m\d+")


@dataclass(frozen=True, slots=True)
class Stored:
    """One message of a mailbox.  `when` is its INTERNALDATE, `size` its octets on disk."""

    uid: int
    path: Path
    flags: frozenset[str]
    is_recent: bool  # still in new/
    size: int
    when: datetime

    @property
    def base(self) -> str:
        """The part of the file's name that never changes."""
        return base_of(self.path.name)

    @property
    def message(self) -> str | None:
        """The message's identity in the trace, when the name tells it."""
        return message_of(self.path.name)

    def read(self) -> bytes:
        """Return the message, with CRLF line ends, also when a foreign program wrote it with LF alone."""
        content = self.path.read_bytes()
        if content.count(b"\n") == content.count(b"\r\n"):
            return content
        return content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def base_of(name: str) -> str:
    """Return the part of a file name that never changes.

    >>> base_of("1788768000.m1.1.mail.bakery.test,U=7:2,S")
    '1788768000.m1.1.mail.bakery.test'
    """
    found = NAME.fullmatch(name)
    return found["base"] if found else name


def message_of(name: str) -> str | None:
    """Return the trace identity that a file name carries.

    >>> message_of("1788768000.m1.1.mail.bakery.test,U=7:2,S")
    'm1'
    """
    parts = name.split(".")
    return parts[1] if len(parts) > 2 and IDENTITY.fullmatch(parts[1]) else None


class NoSuchMessage(LabError):
    """The message was removed, perhaps by another program."""


class Maildir:
    """One folder of messages.  `uidvalidity` is written down when the folder is made, and kept."""

    def __init__(self, path: Path, uidvalidity: int = 1, disk: Disk | None = None) -> None:
        self.path, self._uidvalidity, self._disk = path, uidvalidity, disk or Disk()

    def create(self) -> Maildir:
        """Make the folder if it is not there."""
        for part in ("tmp", "new", "cur"):
            (self.path / part).mkdir(parents=True, exist_ok=True)
        return self

    def sweep(self, host: str) -> None:
        """Remove what programs of `host` left in tmp/ when they were killed; nobody is writing now."""
        for left in (self.path / "tmp").iterdir():
            if re.search(rf"\.{re.escape(host)}(\.\d+)?$", left.name):
                self._disk.unlink(left)

    # ---- the MDA's side --------------------------------------------------------------------------

    def deliver(self, parts: Iterable[bytes], unique: str, when: datetime, flags: str = "") -> str:
        """Put a message into new/ (into cur/ when it has flags); return its file name.  Safe against other writers."""
        place, info = ("cur", INFO + "".join(sorted(flags))) if flags else ("new", "")
        temporary, target, file = self._exclusive(unique, self.path / place, info)
        try:
            with file:
                self._disk.write(file, parts)
                os.utime(temporary, (when.timestamp(), when.timestamp()))
                self._disk.sync(file)
            self._disk.rename(temporary, target)
        except BaseException:  # a full disk, a broken source: nothing half written stays
            self._disk.unlink(temporary)
            raise
        self._disk.sync_folder(target.parent)
        return target.name

    def _exclusive(self, unique: str, place: Path, info: str) -> tuple[Path, Path, FileIO]:
        """Make tmp/<unique>, or a name that is still free; return it, the path it will get, and the open file.

        Who holds a name in tmp/ is alone with it: nobody else can put that name into `place`.
        """
        for name in itertools.chain([unique], (f"{unique}.{number}" for number in itertools.count(1))):
            path, target = self.path / "tmp" / name, place / (name + info)
            try:
                file = self._disk.create(path)
            except FileExistsError:
                continue
            if not target.exists():
                return path, target, file
            file.close()
            self._disk.unlink(path)
        raise AssertionError("itertools.count has no end")

    # ---- the reader's side -------------------------------------------------------------------------

    def scan(self) -> list[Stored]:
        """Return the messages in the order of their UIDs, giving a UID to those that have none."""
        found = self._look_calmly()
        if self._unnumbered(found):
            with self._locked():
                self._number(self._unnumbered(self._look_calmly()))
            found = self._look_calmly()
        numbered = {stored.uid: stored for stored in found if stored.uid}
        return [numbered[uid] for uid in sorted(numbered)]

    def marks(self) -> tuple[int, int]:
        """Return what differs as soon as a name in the folder does: the times of new/ and cur/."""
        return (self.path / "new").stat().st_mtime_ns, (self.path / "cur").stat().st_mtime_ns

    def octets(self) -> int:
        """Return the octets of all messages together."""
        return sum(stored.size for stored in self._look())

    def _names(self) -> set[str]:
        return {name for part in ("new", "cur") for name in os.listdir(self.path / part)}

    def _look_calmly(self) -> list[Stored]:
        """Look until nothing moved meanwhile: a listing may miss a file that is renamed just then."""
        names = self._names()
        for _ in range(10):
            found = self._look()
            before, names = names, self._names()
            if names == before:
                break
        return found

    def _unnumbered(self, found: list[Stored]) -> list[Stored]:
        """Return the messages without a UID of this folder: new ones, and files copied in with another's UID."""
        last = self._read_state(found)[1]
        seen: set[int] = {0}
        strangers = []
        for stored in sorted(found, key=lambda stored: stored.path.name):
            if stored.uid in seen or stored.uid > last:
                strangers.append(stored)
            seen.add(stored.uid)
        return strangers

    def _look(self) -> list[Stored]:
        found: dict[tuple[str, str | None], Stored] = {}
        for part in ("new", "cur"):
            for entry in os.scandir(self.path / part):
                name = NAME.fullmatch(entry.name)
                if name is None or entry.name.startswith("."):
                    continue
                try:
                    about = entry.stat()
                except FileNotFoundError:  # another reader renamed or removed it just now
                    continue
                found[name["base"], name["uid"]] = Stored(
                    int(name["uid"] or 0),
                    Path(entry.path),
                    frozenset(name["flags"] or "") & FLAGS,
                    part == "new",
                    about.st_size,
                    datetime.fromtimestamp(about.st_mtime, UTC).replace(microsecond=0),
                )
        return list(found.values())

    def _number(self, fresh: list[Stored]) -> None:
        """Give UIDs, in the order of arrival.  Under the lock."""
        if not fresh:
            return
        validity, last = self._read_state(self._look())
        self._write_state(validity, last + len(fresh))
        in_order = sorted(fresh, key=lambda stored: (stored.when, stored.path.name))
        for uid, stored in enumerate(in_order, last + 1):
            name, info, flags = stored.path.name.partition(INFO)
            base = re.sub(r",U=\d+$", "", name)
            try:
                self._disk.rename(stored.path, stored.path.with_name(f"{base},U={uid}{info}{flags}"))
            except FileNotFoundError:  # a program without our lock was quicker; the UID stays unused
                continue

    def _locked(self) -> filelock.BaseFileLock:
        return filelock.FileLock(self.path / ".lock", thread_local=False)

    @property
    def uidvalidity(self) -> int:
        """The number that changes if UIDs ever lose their meaning."""
        return self._read_state()[0]

    @property
    def uidnext(self) -> int:
        """The UID that the next message will have, or a lower bound of it."""
        return self._read_state()[1] + 1

    def _read_state(self, found: Iterable[Stored] = ()) -> tuple[int, int]:
        """Return UIDVALIDITY and the last UID.  If the file was lost, the names of `found` know the last UID."""
        try:
            validity, last = (self.path / ".uidvalidity").read_text().split()
            return int(validity), int(last)
        except FileNotFoundError:
            return self._uidvalidity, max((stored.uid for stored in found), default=0)
        except ValueError:
            raise LabError(f"{self.path / '.uidvalidity'} cannot be read. Remove it, or restore it.") from None

    def _write_state(self, validity: int, last: int) -> None:
        self._replace(self.path / ".uidvalidity", f"{validity} {last}")

    def _replace(self, path: Path, text: str) -> None:
        """Write a small file whole, by rename."""
        fresh = self.path / "tmp" / path.name
        self._disk.unlink(fresh)
        with self._disk.create(fresh) as file:
            self._disk.write(file, [text.encode()])
            self._disk.sync(file)
        self._disk.rename(fresh, path)
        self._disk.sync_folder(self.path)

    def read(self, stored: Stored) -> bytes:
        """Return the message, wherever a rename has put it."""
        try:
            return stored.read()
        except FileNotFoundError:
            return self.find(stored.uid).read()

    def see(self, stored: Stored) -> Stored:
        """Move a message from new/ to cur/: a reader knows of it now."""
        return self._rename(stored, lambda now: now.flags) if stored.is_recent else stored

    def set_flags(self, stored: Stored, flags: Iterable[str]) -> Stored:
        """Replace the flags of a message, in one rename; return it as it is then."""
        wanted = frozenset(flags) & FLAGS
        return self.change_flags(stored, lambda now: wanted)

    def change_flags(self, stored: Stored, change: Callable[[frozenset[str]], frozenset[str]]) -> Stored:
        """Give a message the flags that `change` makes of those it has now, whoever set them."""
        return self._rename(stored, lambda now: change(now.flags) & FLAGS)

    def _rename(self, now: Stored, flags_of: Callable[[Stored], frozenset[str]]) -> Stored:
        for _ in range(10):  # another session may rename it under our hands
            flags = flags_of(now)
            target = self.path / "cur" / (now.path.name.partition(INFO)[0] + INFO + "".join(sorted(flags)))
            try:
                self._disk.rename(now.path, target)
            except FileNotFoundError:
                now = self.find(now.uid)
                continue
            return replace(now, path=target, flags=flags, is_recent=False)
        raise NoSuchMessage(f"Message {now.uid} changes faster than it can be flagged. Try again.")

    def find(self, uid: int) -> Stored:
        """Return the message with this UID as it is now."""
        for stored in self._look():
            if stored.uid == uid:
                return stored
        raise NoSuchMessage(f"Message {uid} is not in the mailbox any more. List it again.")

    def uids(self, names: Iterable[str]) -> list[int]:
        """Return the UIDs of messages that were just put here, by the names that `deliver` and `move` returned."""
        given = {stored.base: stored.uid for stored in self.scan()}
        return [given.get(base_of(name), 0) for name in names]

    def move(self, stored: Stored, target: Maildir) -> str:
        """Move a message to another folder, in one rename; return its name there, for `uids`."""
        for number in range(10):
            base = re.sub(r",U=\d+$", "", stored.path.name.partition(INFO)[0])
            name = base if number == 0 else f"{base}.{number}"
            place = target.path / "cur" / (name + INFO + "".join(sorted(stored.flags)))
            if target.has(name):
                continue
            try:
                self._disk.rename(stored.path, place)
            except FileNotFoundError:  # flagged by another session meanwhile, or gone
                stored = self.find(stored.uid)
                continue
            self._disk.sync_folder(place.parent)
            self._disk.sync_folder(stored.path.parent)
            return place.name
        raise NoSuchMessage(f"Message {stored.uid} changes faster than it can be moved. Try again.")

    def has(self, base: str) -> bool:
        """True when a message with this base name is here."""
        return any(base_of(name) == base for name in self._names())

    def remove(self, stored: Stored) -> None:
        """Remove a message; harmless when somebody else did."""
        for _ in range(10):
            try:
                self._disk.remove(stored.path)
            except FileNotFoundError:
                try:
                    stored = self.find(stored.uid)
                except NoSuchMessage:
                    return
                continue
            return
