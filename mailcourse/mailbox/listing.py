"""What is in a folder now?  The names in new/ and cur/, in the order of their UIDs.

    scan ─► list the names, until two listings agree ─► give UIDs to files that have none ─► sorted by UID

The folder is the only truth: what is remembered of it is dropped as soon as it may have changed.
Does not open files.  Who uses it: `maildir.py`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from mailcourse.internet.disk import Disk
from mailcourse.internet.errors import LabError

from .names import MessageFile, read_name, renumber
from .uids import Uids


class NoSuchMessage(LabError):
    """The message was removed, perhaps by another program."""


class FolderListing:
    """The messages of one folder, as last listed."""

    def __init__(self, path: Path, uidvalidity: int, disk: Disk) -> None:
        self._path, self._disk = path, disk
        self.uids = Uids(path, uidvalidity, disk, self.highest)
        self.guard = threading.RLock()  # held by `maildir.py` while it renames, and here while a list is made
        self._known: dict[tuple[bool, str], MessageFile] = {}
        self._names_seen: tuple[list[str], list[str]] = ([], [])
        self._entries: list[MessageFile] = []
        self._listed: list[MessageFile] = []
        self._by_uid: dict[int, MessageFile] = {}
        self._unreported: set[int] = set()  # put into cur/ by this process, and no reader has been told
        self._marks: tuple[int, ...] | None = None  # when new/ and cur/ had changed last as we listed them

    def scan(self) -> list[MessageFile]:
        """Return the messages in the order of their UIDs, giving a UID to those that have none.

        The same list object as before means: nothing has changed.
        """
        with self.guard:
            marks = self._disk.settled((self._path / "new", self._path / "cur"))
            if marks is not None and marks == self._marks:
                return self._listed
        entries = self._look()
        if self._unnumbered(entries):
            with self.uids.locked():
                self._number(self._unnumbered(self._look()))
            entries = self._look()
        with self.guard:
            listed = sorted((entry for entry in entries if entry.uid), key=lambda entry: entry.uid)
            if listed != self._listed:
                self._listed, self._by_uid = listed, {entry.uid: entry for entry in listed}
            self._marks = marks
            return self._listed

    def recent(self, entries: Iterable[MessageFile], *, claim: bool = False) -> set[int]:
        """Return the UIDs that no reader has been told of; a reader that is told claims them (RFC 3501 §2.3.2)."""
        with self.guard:
            recent = {entry.uid for entry in entries if entry.is_recent or entry.uid in self._unreported}
            if claim:
                self._unreported -= recent
            return recent

    def marks(self) -> tuple[int, int]:
        """Return what differs as soon as a name in the folder does: the times of new/ and cur/."""
        return (self._path / "new").stat().st_mtime_ns, (self._path / "cur").stat().st_mtime_ns

    def _look(self) -> list[MessageFile]:
        """List until nothing moved meanwhile: a listing may miss a file that is renamed just then."""
        with self.guard:
            names = self._names()
            for _ in range(10):
                before, names = names, self._names()
                if names == before:
                    break
            if names != self._names_seen:
                self._names_seen, self._entries = names, self._read_names(names)
            return self._entries

    def _names(self) -> tuple[list[str], list[str]]:
        return os.listdir(self._path / "new"), os.listdir(self._path / "cur")

    def _read_names(self, names: tuple[list[str], list[str]]) -> list[MessageFile]:
        """Read the names; what was known before is taken over."""
        where, known = str(self._path), self._known
        self._known = {}
        entries: dict[int | str, MessageFile] = {}
        for place, is_recent in zip(names, (True, False), strict=True):
            for name in place:
                entry = known.get((is_recent, name)) or read_name(where, name, is_recent=is_recent)
                if entry is None or ((is_recent, name) not in known and not entry.path.is_file()):
                    continue  # a folder, a FIFO, a link that leads nowhere
                self._known[is_recent, name] = entry
                key: int | str = entry.uid or name
                if key in entries and entries[key].base != entry.base:
                    key = name  # two messages with one UID: one of them counts as unnumbered
                entries[key] = entry  # one that is just renamed may be in both places; cur/ comes second
        return list(entries.values())

    def highest(self) -> int:
        """Return the highest UID that a name has."""
        return max((entry.uid for entry in self._look()), default=0)

    def _unnumbered(self, entries: list[MessageFile]) -> list[MessageFile]:
        """Return the messages without a UID of this folder: new ones, and files copied in with another's UID."""
        last = self.uids.read()[1]
        if len({entry.uid for entry in entries}) == len(entries) and all(0 < entry.uid <= last for entry in entries):
            return []
        seen: set[int] = {0}
        unnumbered = []
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.uid in seen or entry.uid > last:
                unnumbered.append(entry)
            seen.add(entry.uid)
        return unnumbered

    def _number(self, fresh: list[MessageFile]) -> None:
        """Give UIDs, in the order of arrival.  Under the lock."""
        dated = []
        for entry in fresh:
            with suppress(OSError):
                dated.append((entry.when, entry.name, entry))
        for uid, (_, _, entry) in zip(self.uids.take(len(dated)) if dated else (), sorted(dated), strict=True):
            # A program without our lock may be quicker; the UID stays unused then.
            with suppress(FileNotFoundError), self.guard:
                self._disk.rename(entry.path, entry.path.with_name(renumber(entry.name, uid)))

    def find(self, uid: int) -> MessageFile:
        """Return the message with this UID as it is now."""
        self.scan()
        if uid not in self._by_uid:
            raise NoSuchMessage(f"Message {uid} is not in the mailbox any more. List it again.")
        return self._by_uid[uid]

    def by_uid(self) -> dict[int, MessageFile]:
        """Return UID → message in the order of UIDs, as it was at the last `scan`; the dictionary never changes."""
        return self._by_uid

    def add_unreported(self, uids: Iterable[int]) -> None:
        """Remember that no reader has been told of these messages in cur/."""
        with self.guard:
            self._unreported.update(uids)
