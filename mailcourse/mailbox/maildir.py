"""Maildir: one message, one file; what a mailbox knows stands in the names (`names.py`).

    tmp/1788768000.m1.1.mail.bakery.test                being written
    new/1788768000.m1.1.mail.bakery.test                delivered; nobody has looked yet
    new/1788768000.m1.1.mail.bakery.test,U=7            has its UID (`uids.py`)
    cur/1788768000.m1.1.mail.bakery.test,U=7:2,FS       has been seen by a reader; flags F and S
    .uidvalidity  keywords                              the counter of UIDs; the words behind flags a to z
    .Sent/                                              another folder, of the same form (Maildir++)

Delivery takes no lock: write in tmp, sync, rename into new.  A crash before the rename leaves a file
in tmp/ that nobody reads; after it, a whole message is in new/.  Every change of a message is one rename.
The folder is the only truth: what is remembered of it is dropped as soon as it may have changed.
Knows names and renames.  Does not know mail: the bytes are never parsed.
"""

from __future__ import annotations

import itertools
import os
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from io import FileIO
from pathlib import Path
from typing import TypeVar

from mailcourse.internet.disk import Disk
from mailcourse.internet.errors import LabError

from .keywords import Keywords
from .names import INFO, KNOWN, MessageFile, read_name, write_name
from .uids import Uids

T = TypeVar("T")
#: Notes about messages that a folder keeps in memory, of some hundred octets each.
MAX_NOTES = 150_000


class NoSuchMessage(LabError):
    """The message was removed, perhaps by another program."""


class Maildir:
    """One folder of messages.  `uidvalidity` is written down when the folder is made, and kept."""

    def __init__(self, path: Path, uidvalidity: int = 1, disk: Disk | None = None) -> None:
        self.path, self._uidvalidity, self._disk = path, uidvalidity, disk or Disk()
        self.uids = Uids(path, uidvalidity, self._disk, self._highest)
        self.keywords = Keywords(path, self._disk, self.uids)
        self._guard = threading.RLock()  # nothing is renamed by this object while it makes a list
        self._known: dict[tuple[bool, str], MessageFile] = {}
        self._names_seen: tuple[list[str], list[str]] = ([], [])
        self._found: list[MessageFile] = []
        self._listed: list[MessageFile] = []
        self._by_uid: dict[int, MessageFile] = {}
        self._notes: defaultdict[str, dict[int, object]] = defaultdict(dict)  # what → UID → what was made
        self._noted = 0
        self._fresh: set[int] = set()  # put into cur/ by this process, and no reader has been told
        self._marks: tuple[int, ...] | None = None  # when new/ and cur/ had changed last as we listed them

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

    def deliver(self, parts: Iterable[bytes], unique: str, when: datetime) -> str:
        """Put a message into new/; return its file name.  Safe against other writers."""
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
        """Write a message into tmp/, synced and dated; nobody sees it there.  Return its path, for `accept`.

        It gets the full second, as in its name; half a second more if a line ends without CR (`MessageFile.octets`).
        """
        is_crlf = True

        def watched() -> Iterator[bytes]:
            nonlocal is_crlf
            for part in parts:
                is_crlf = is_crlf and part.count(b"\n") == part.count(b"\r\n")
                yield part

        path, file = self.open_temporary(unique)
        try:
            with file:
                self._disk.write(file, watched())
                time = int(when.timestamp() // 1) * 1_000_000_000 + (0 if is_crlf else 500_000_000)
                os.utime(path, ns=(time, time))
                self._disk.sync(file)
        except BaseException:  # a full disk, a broken source: nothing half written stays
            self._disk.unlink(path)
            raise
        return path

    def open_temporary(self, unique: str) -> tuple[Path, FileIO]:
        """Make tmp/<unique>, or a name that is still free, for writing."""
        return self._take_name(unique, self._disk.create)

    def link(self, source: Maildir, entry: MessageFile, unique: str) -> Path:
        """Put a message of another folder into tmp/ without copying it: messages never change.  For `accept`."""
        try:
            return self._take_name(unique, lambda path: source._follow(entry, partial(self._link, path)))[0]
        except OSError:  # a disk that knows no links
            return self.write([source.read(entry)], unique, source.about(entry)[1])

    def _link(self, path: Path, entry: MessageFile) -> None:
        self._disk.link(entry.path, path)

    def _take_name(self, unique: str, take: Callable[[Path], T]) -> tuple[Path, T]:
        """Try names in tmp/ until `take` does not find one taken.

        Who holds a name in tmp/ is alone with it: nobody else can put that name into new/.
        """
        for name in itertools.chain([unique], (f"{unique}.{number}" for number in itertools.count(1))):
            path = self.path / "tmp" / name
            try:
                taken = take(path)
            except FileExistsError:
                continue
            if not (self.path / "new" / name).exists():
                return path, taken
            if isinstance(taken, FileIO):
                taken.close()
            self._disk.unlink(path)
        raise AssertionError("itertools.count has no end")

    # ---- the reader's side: adding -----------------------------------------------------------------

    def accept(self, written: Sequence[tuple[Path, frozenset[str]]]) -> list[int]:
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
                    with self._guard:
                        self._disk.rename(path, target)
                        self._fresh.add(uid)
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
            for box in sorted({self, target}, key=lambda box: box.path):  # one order for all: no two wait in a circle
                locks.enter_context(box.uids.locked())
            for entry, uid in zip(messages, target.uids.take(len(messages)), strict=True):
                with suppress(NoSuchMessage):
                    self._follow(entry, partial(target._adopt, self, uid))
                    moved[entry.uid] = uid
            target._fresh.update(moved.values())
        self._disk.sync_folder(target.path / "cur")
        self._disk.sync_folder(self.path / "cur")
        return moved

    def _adopt(self, source: Maildir, uid: int, entry: MessageFile) -> None:
        source._rename(entry, self.path / "cur" / write_name(entry.name, uid, self.flags_from(source, entry)))

    def flags_from(self, source: Maildir, entry: MessageFile) -> frozenset[str]:
        """Return the flags that a message of `source` has here: its keywords may have other letters."""
        words = source.keywords.of(flag for flag in entry.flags if flag.islower())
        return frozenset(flag for flag in entry.flags if flag.isupper()) | self.keywords.letters(words)

    # ---- the reader's side: looking ----------------------------------------------------------------

    def scan(self) -> list[MessageFile]:
        """Return the messages in the order of their UIDs, giving a UID to those that have none.

        The same list object as before means: nothing has changed.
        """
        with self._guard:
            marks = self._disk.settled((self.path / "new", self.path / "cur"))
            if marks is not None and marks == self._marks:
                return self._listed
        found = self._look()
        if self._unnumbered(found):
            with self.uids.locked():
                self._number(self._unnumbered(self._look()))
            found = self._look()
        with self._guard:
            listed = sorted((entry for entry in found if entry.uid), key=lambda entry: entry.uid)
            if listed != self._listed:
                self._listed, self._by_uid = listed, {entry.uid: entry for entry in listed}
            self._marks = marks
            return self._listed

    def recent(self, found: Iterable[MessageFile], *, claim: bool = False) -> set[int]:
        """Return the UIDs that no reader has been told of; who claims them is the one that was (RFC 3501 §2.3.2)."""
        with self._guard:
            recent = {entry.uid for entry in found if entry.is_recent or entry.uid in self._fresh}
            if claim:
                self._fresh -= recent
            return recent

    def marks(self) -> tuple[int, int]:
        """Return what differs as soon as a name in the folder does: the times of new/ and cur/."""
        return (self.path / "new").stat().st_mtime_ns, (self.path / "cur").stat().st_mtime_ns

    def _look(self) -> list[MessageFile]:
        """List until nothing moved meanwhile: a listing may miss a file that is renamed just then."""
        with self._guard:
            names = self._names()
            for _ in range(10):
                before, names = names, self._names()
                if names == before:
                    break
            if names != self._names_seen:
                self._names_seen, self._found = names, self._read_names(names)
            return self._found

    def _names(self) -> tuple[list[str], list[str]]:
        return os.listdir(self.path / "new"), os.listdir(self.path / "cur")

    def _read_names(self, names: tuple[list[str], list[str]]) -> list[MessageFile]:
        """Read the names; what was known before is taken over."""
        where, known = str(self.path), self._known
        self._known = {}
        found: dict[int | str, MessageFile] = {}
        for place, is_recent in zip(names, (True, False), strict=True):
            for name in place:
                entry = known.get((is_recent, name)) or read_name(where, name, is_recent=is_recent)
                if entry is None:
                    continue
                self._known[is_recent, name] = entry
                key: int | str = entry.uid or name
                if key in found and found[key].base != entry.base:
                    key = name  # two messages with one UID: one of them counts as unnumbered
                found[key] = entry  # one that is just renamed may be in both places; cur/ comes second
        return list(found.values())

    def _highest(self) -> int:
        return max((entry.uid for entry in self._look()), default=0)

    def _unnumbered(self, found: list[MessageFile]) -> list[MessageFile]:
        """Return the messages without a UID of this folder: new ones, and files copied in with another's UID."""
        last = self.uids.read()[1]
        if len({entry.uid for entry in found}) == len(found) and all(0 < entry.uid <= last for entry in found):
            return []
        seen: set[int] = {0}
        unnumbered = []
        for entry in sorted(found, key=lambda entry: entry.name):
            if entry.uid in seen or entry.uid > last:
                unnumbered.append(entry)
            seen.add(entry.uid)
        return unnumbered

    def _number(self, fresh: list[MessageFile]) -> None:
        """Give UIDs, in the order of arrival.  Under the lock."""
        dated = []
        for entry in fresh:
            with suppress(FileNotFoundError):
                dated.append((entry.when, entry.name, entry))
        for uid, (_, _, entry) in zip(self.uids.take(len(dated)) if dated else (), sorted(dated), strict=True):
            base, info, flags = entry.name.partition(INFO)
            # A program without our lock may be quicker; the UID stays unused then.
            with suppress(FileNotFoundError), self._guard:
                numbered = re.sub(r",U=\d+$", "", base) + f",U={uid}"
                self._disk.rename(entry.path, entry.path.with_name(numbered + info + flags))

    def by_uid(self) -> dict[int, MessageFile]:
        """Return UID → message in the order of UIDs, as it was at the last `scan`; the dictionary never changes."""
        return self._by_uid

    def find(self, uid: int) -> MessageFile:
        """Return the message with this UID as it is now."""
        self.scan()
        if uid not in self._by_uid:
            raise NoSuchMessage(f"Message {uid} is not in the mailbox any more. List it again.")
        return self._by_uid[uid]

    @property
    def uidvalidity(self) -> int:
        """The number that changes if UIDs ever lose their meaning."""
        return self.uids.read()[0]

    @property
    def uidnext(self) -> int:
        """The UID that the next message will have, or a lower bound of it."""
        return self.uids.read()[1] + 1

    def octets(self) -> int:
        """Return the octets of all messages together, on disk."""
        return sum(self.about(entry)[0] for entry in self.scan())

    def octets_of(self, entry: MessageFile) -> int:
        """Return the octets of a message with CRLF line ends."""
        return self.note(entry, "octets", lambda: self._follow(entry, lambda now: now.octets))

    def note(self, entry: MessageFile, what: str, make: Callable[[], T]) -> T:
        """Return what was made of a message before, or make it: a message never changes.

        Only in memory, and forgotten when there are too many notes: nothing rests on them.
        """
        noted = self._notes[what].get(entry.uid)
        if noted is None:
            if self._noted >= MAX_NOTES:
                self._notes.clear()
                self._noted = 0
            self._noted += 1
            noted = self._notes[what][entry.uid] = make()
        return noted  # type: ignore[return-value]

    def read(self, entry: MessageFile) -> bytes:
        """Return the message, wherever a rename has put it."""
        return self._follow(entry, lambda now: now.read())

    def about(self, entry: MessageFile) -> tuple[int, datetime]:
        """Return octets on disk and INTERNALDATE."""
        return self._follow(entry, lambda now: (now.size, now.when))

    # ---- the reader's side: changing ---------------------------------------------------------------

    def see(self, entry: MessageFile) -> MessageFile:
        """Move a message from new/ to cur/: a reader knows of it now."""
        return self.change_flags(entry, lambda flags: flags) if entry.is_recent else entry

    def set_flags(self, entry: MessageFile, flags: Iterable[str]) -> MessageFile:
        """Replace the flags of a message, in one rename; return it as it is then."""
        wanted = frozenset(flags)
        return self.change_flags(entry, lambda now: wanted)

    def change_flags(self, entry: MessageFile, change: Callable[[frozenset[str]], frozenset[str]]) -> MessageFile:
        """Give a message the flags that `change` makes of those it has now, whoever set them."""

        def rename(now: MessageFile) -> MessageFile:
            flags = change(now.flags) & KNOWN
            name = write_name(now.name, now.uid, flags)
            self._rename(now, self.path / "cur" / name)
            return replace(now, name=name, flags=flags, is_recent=False)

        return self._follow(entry, rename)

    def remove(self, entry: MessageFile) -> None:
        """Remove a message; harmless when somebody else did."""
        with suppress(NoSuchMessage):
            self._follow(entry, lambda now: self._disk.remove(now.path))

    def _rename(self, entry: MessageFile, target: Path) -> None:
        with self._guard:
            self._disk.rename(entry.path, target)

    def _follow(self, entry: MessageFile, act: Callable[[MessageFile], T]) -> T:
        """Do something with a message, wherever another session or program has put it meanwhile."""
        for _ in range(10):
            try:
                return act(entry)
            except FileNotFoundError:
                entry = self.find(entry.uid)
        raise NoSuchMessage(f"Message {entry.uid} changes faster than it can be found. Try again.")
