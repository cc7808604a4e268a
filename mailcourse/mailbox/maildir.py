"""Maildir: one message, one file; what a mailbox knows is written in the names (`names.py`).

    tmp/1788768000.m1.1.mail.bakery.test                being written (`temporary.py`)
    new/1788768000.m1.1.mail.bakery.test                delivered; nobody has looked yet
    new/1788768000.m1.1.mail.bakery.test,U=7            has its UID (`uids.py`)
    cur/1788768000.m1.1.mail.bakery.test,U=7:2,FS       has been seen by a reader; flags F and S
    .uidvalidity  keywords                              the counter of UIDs; the words behind flags a to z
    .Sent/                                              another folder, of the same form (Maildir++)

Order of use:

    delivery    deliver                                 write in tmp/, sync, rename into new/
    reading     scan ─► read, change_flags, remove      each finds the file wherever others have renamed it to
    APPEND      write ─► accept                         written in tmp/, then renamed into cur/ with UID and flags
    COPY        link  ─► accept                         the same, without copying the octets
    MOVE        move                                    one rename from folder to folder

Delivery takes no lock.  A crash before the rename leaves a file in tmp/ that nobody reads; after it, a whole
message is in new/.  Every change of a message is one rename.
Knows names and renames.  Does not know mail: the bytes are never parsed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from mailcourse.internet.disk import Disk

from .keywords import Keywords
from .listing import FolderListing, NoSuchMessage
from .names import KNOWN, FlagChange, MessageFile, write_name
from .notes import MessageNotes
from .temporary import TemporaryFolder

T = TypeVar("T")
Written = tuple[Path, frozenset[str]]  # a message in tmp/, and the flags that it will have


class Maildir:
    """One folder of messages.  `uidvalidity` is written down when the folder is made, and kept."""

    def __init__(self, path: Path, uidvalidity: int = 1, disk: Disk | None = None) -> None:
        self.path, self._uidvalidity, self._disk = path, uidvalidity, disk or Disk()
        self.temporary = TemporaryFolder(path, self._disk)
        self.listing = FolderListing(path, uidvalidity, self._disk)
        self.uids = self.listing.uids
        self.keywords = Keywords(path, self._disk, self.uids)
        self._notes = MessageNotes()

    def create(self) -> Maildir:
        """Make the folder if it is not there."""
        for part in ("tmp", "new", "cur"):
            self._disk.make_folder(self.path / part)
        return self

    def sweep(self, host: str) -> None:
        """Remove what programs of `host` left in tmp/ when they were killed; nobody is writing now."""
        self.temporary.sweep(host)

    # ---- adding --------------------------------------------------------------------------------------

    def deliver(self, parts: Iterable[bytes], unique: str, when: datetime) -> str:
        """Put a message into new/; return its file name.  Safe while others write."""
        temporary = self.write(parts, unique, when)
        target = self.path / "new" / temporary.name
        try:
            self._disk.rename(temporary, target)
        except BaseException:
            self._disk.unlink(temporary)
            raise
        self._disk.sync_folder(target.parent)
        return target.name

    def write(self, parts: Iterable[bytes], unique: str, when: datetime) -> Path:
        """Write a message into tmp/, synced and dated; nobody sees it there.  Return its path, for `accept`."""
        return self.temporary.write(parts, unique, when)

    def link(self, source: Maildir, entry: MessageFile, unique: str) -> Path:
        """Put a message of another folder into tmp/ without copying it: messages never change.  For `accept`."""
        try:
            return self.temporary.take_name(unique, lambda path: source._follow(entry, partial(self._link, path)))[0]
        except OSError:  # a disk that knows no links
            return self.write([source.read(entry)], unique, source.about(entry)[1])

    def _link(self, path: Path, entry: MessageFile) -> None:
        self._disk.link(entry.path, path)

    def accept_all(self, written: Iterable[Written]) -> list[int]:
        """Put messages into cur/ as they are written, all or none; return the UIDs they got."""
        taken: list[Written] = []
        try:
            taken.extend(written)
            return self.accept(taken)
        except BaseException:
            self.temporary.discard(path for path, _ in taken)
            raise

    def accept(self, written: Sequence[Written]) -> list[int]:
        """Put messages that `write` wrote into cur/, with flags; return the UIDs they got."""
        if not written:
            return []
        placed: list[Path] = []
        with self.uids.locked():
            if not all(",U=" in name for name in os.listdir(self.path / "new")):
                self.scan()  # who came first gets the lower number
            fresh = list(self.uids.take(len(written)))
            try:
                for uid, (path, flags) in zip(fresh, written, strict=True):
                    target = self.path / "cur" / write_name(path.name, uid, flags)
                    with self.listing.guard:
                        self._disk.rename(path, target)
                        self.listing.add_unreported([uid])
                    placed.append(target)
                self._disk.sync_folder(self.path / "cur")
            except BaseException:  # all or none
                for target in placed:
                    self._disk.unlink(target)
                raise
        return fresh

    def move(self, messages: Sequence[MessageFile], target: Maildir) -> dict[int, int]:
        """Move messages to another folder, each in one rename; return old UID → new UID.

        A message that somebody removed meanwhile is passed over.
        """
        moved: dict[int, int] = {}
        if not messages:
            return moved
        with ExitStack() as locks:
            for folder in sorted({self, target}, key=lambda folder: folder.path):  # one order for all: no deadlock
                locks.enter_context(folder.uids.locked())
            for entry, uid in zip(messages, target.uids.take(len(messages)), strict=True):
                with suppress(NoSuchMessage):
                    self._follow(entry, partial(target._adopt, self, uid))
                    moved[entry.uid] = uid
            target.listing.add_unreported(moved.values())
        self._disk.sync_folder(target.path / "cur")
        self._disk.sync_folder(self.path / "cur")
        return moved

    def _adopt(self, source: Maildir, uid: int, entry: MessageFile) -> None:
        source._rename(entry, self.path / "cur" / write_name(entry.name, uid, self.flags_from(source, entry)))

    def flags_from(self, source: Maildir, entry: MessageFile) -> frozenset[str]:
        """Return the flags that a message of `source` has here: its keywords may have other letters."""
        words = source.keywords.of(flag for flag in entry.flags if flag.islower())
        return frozenset(flag for flag in entry.flags if flag.isupper()) | self.keywords.letters(words)

    # ---- looking -------------------------------------------------------------------------------------

    def scan(self) -> list[MessageFile]:
        """Return the messages in the order of their UIDs; the same list object as before when nothing has changed."""
        return self.listing.scan()

    def find(self, uid: int) -> MessageFile:
        """Return the message with this UID as it is now."""
        return self.listing.find(uid)

    @property
    def uidvalidity(self) -> int:
        """The number that changes if UIDs ever lose their meaning."""
        return self.uids.read()[0]

    @property
    def uidnext(self) -> int:
        """The UID that the next message will have, or a lower bound of it."""
        return self.uids.read()[1] + 1

    def octets(self) -> int:
        """Return the octets of all messages together, with CRLF line ends."""
        return sum(self.octets_of(entry) for entry in self.scan())

    def octets_of(self, entry: MessageFile) -> int:
        """Return the octets of a message with CRLF line ends."""
        return self.note(entry, "octets", lambda: self._follow(entry, lambda now: now.octets))

    def note(self, entry: MessageFile, what: str, make: Callable[[], T]) -> T:
        """Return what was worked out about a message before, or work it out (`notes.py`)."""
        return self._notes.get(entry.uid, what, make)

    def read(self, entry: MessageFile) -> bytes:
        """Return the message, wherever a rename has put it."""
        return self._follow(entry, lambda now: now.read())

    def about(self, entry: MessageFile) -> tuple[int, datetime]:
        """Return octets on disk and INTERNALDATE."""
        return self._follow(entry, lambda now: (now.size, now.when))

    # ---- changing ------------------------------------------------------------------------------------

    def see(self, entry: MessageFile) -> MessageFile:
        """Move a message from new/ to cur/: a reader knows of it now."""
        return self.change_flags(entry, lambda flags: flags) if entry.is_recent else entry

    def change_flags(self, entry: MessageFile, change: FlagChange) -> MessageFile:
        """Give a message the flags that `change` makes of those it has now, whoever set them."""

        def rename(now: MessageFile) -> MessageFile:
            flags = change(now.flags) & KNOWN
            name = write_name(now.name, now.uid, flags)
            self._rename(now, self.path / "cur" / name)
            return replace(now, name=name, flags=flags, is_recent=False)

        return self._follow(entry, rename)

    def remove(self, entry: MessageFile) -> None:
        """Remove a message; idempotent."""
        with suppress(NoSuchMessage):
            self._follow(entry, lambda now: self._disk.remove(now.path))

    def _rename(self, entry: MessageFile, target: Path) -> None:
        with self.listing.guard:
            self._disk.rename(entry.path, target)

    def _follow(self, entry: MessageFile, act: Callable[[MessageFile], T]) -> T:
        """Do something with a message, wherever another session or program has put it meanwhile."""
        for _ in range(10):
            try:
                return act(entry)
            except FileNotFoundError:
                entry = self.listing.find(entry.uid)
        raise NoSuchMessage(f"Message {entry.uid} changes faster than it can be found. Try again.")
